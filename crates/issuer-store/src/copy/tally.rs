//! What a store holds, counted and added up: two stores with the same tally hold the same rows.

use issuer::{
    Digest, Timestamp,
    state::{Control, ControlError, Replay, TokenBody, TokenMode, TokenRecord, UserRecord, Versioned},
    user::{AvatarUrl, Nickname, UserId},
};

use crate::ExportRow;

/// How many rows there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Users.
    pub users: u64,
    /// Tokens: live, expired and revoked ones, issued and assigned.
    pub tokens: u64,
    /// Idempotency records.
    pub replays: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// API keys of the control record, revoked and expired ones among them.
    pub api_keys: u64,
}

/// The counts and the sum of the digests of rows that were seen in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    counts: Counts,
    /// A sum and not an exclusive or, in which a row that comes twice would leave no trace.
    sum: [u8; 32],
}

impl Tally {
    pub(super) fn add(&mut self, row: &ExportRow) {
        match row {
            ExportRow::User(_) => self.counts.users += 1,
            ExportRow::Token(..) => self.counts.tokens += 1,
            ExportRow::Replay(..) => self.counts.replays += 1,
            ExportRow::Tombstone(_) => self.counts.tombstones += 1,
        }
        self.add_digest(digest_of_row(row));
    }

    pub(super) fn add_control(&mut self, control: &Control, digest: Digest) {
        self.counts.api_keys += control.api_keys.len() as u64;
        self.add_digest(digest);
    }

    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) const fn digest(&self) -> Digest {
        Digest::from_bytes(self.sum)
    }

    /// Both are numbers of 256 bits, the most significant byte first.
    fn add_digest(&mut self, digest: Digest) {
        let mut carry = false;
        for (sum, byte) in self.sum.iter_mut().zip(digest.as_bytes()).rev() {
            let (partial, first) = sum.overflowing_add(*byte);
            let (whole, second) = partial.overflowing_add(u8::from(carry));
            *sum = whole;
            carry = first || second;
        }
    }
}

/// The digest of everything in a row. It is printed and compared, never stored.
pub(super) fn digest_of_row(row: &ExportRow) -> Digest {
    let mut members = Members::default();
    match row {
        ExportRow::User(user) => {
            members.push(b"user").push(user.version.as_bytes());
            push_user(&mut members, &user.value);
        }
        ExportRow::Token(user, token) => push_token(&mut members, user, token),
        ExportRow::Replay(user, replay) => push_replay(&mut members, user, replay),
        ExportRow::Tombstone(tombstone) => {
            members
                .push(b"tombstone")
                .push(tombstone.digest.as_bytes())
                .moment(tombstone.until);
        }
    }
    members.digest()
}

/// The digest of the control record, whatever its members are.
pub(super) fn digest_of_control(control: &Versioned<Control>) -> Result<Digest, ControlError> {
    let text = control.value.to_json()?;
    let mut members = Members::default();
    members
        .push(b"control")
        .push(control.version.as_bytes())
        .push(text.as_bytes());
    Ok(members.digest())
}

fn push_user(members: &mut Members, user: &UserRecord) {
    // Taken apart by name, so that no later member is forgotten here.
    let UserRecord {
        id,
        nickname,
        avatar_url,
        token_mode,
        created_at,
        updated_at,
    } = user;
    let mode: &[u8] = match token_mode {
        TokenMode::Unset => b"unset",
        TokenMode::Issued => b"issued",
        TokenMode::Assigned => b"assigned",
    };
    members
        .push(id.as_str().as_bytes())
        .option(nickname.as_ref().map(Nickname::as_str))
        .option(avatar_url.as_ref().map(AvatarUrl::as_str))
        .push(mode)
        .moment(*created_at)
        .moment(*updated_at);
}

fn push_token(members: &mut Members, user: &UserId, token: &TokenRecord) {
    let TokenRecord {
        body,
        created_at,
        expires_at,
        revoked_at,
    } = token;
    let user = user.as_str().as_bytes();
    match body {
        TokenBody::Issued(token) => members
            .push(b"issued")
            .push(user)
            .push(token.id.as_bytes())
            .push(token.key.as_bytes())
            .option(token.issuer.as_deref())
            .option(token.audience.as_deref()),
        TokenBody::Assigned(digest) => members.push(b"assigned").push(user).push(digest.as_bytes()),
    };
    members.moment(*created_at).moment(*expires_at);
    if let Some(revoked_at) = revoked_at {
        members.moment(*revoked_at);
    }
}

fn push_replay(members: &mut Members, user: &UserId, replay: &Replay) {
    let Replay {
        key,
        request,
        token,
        forgotten_at,
    } = replay;
    members
        .push(b"replay")
        .push(user.as_str().as_bytes())
        .push(key.as_bytes())
        .push(request.as_bytes())
        .push(token.as_bytes())
        .moment(*forgotten_at);
}

/// The members of a row, each after its length, so that no two rows share their bytes.
#[derive(Default)]
struct Members(Vec<u8>);

impl Members {
    fn push(&mut self, member: &[u8]) -> &mut Self {
        self.0.extend((member.len() as u64).to_be_bytes());
        self.0.extend(member);
        self
    }

    /// A length that no member has stands for one that is not there.
    fn option(&mut self, member: Option<&str>) -> &mut Self {
        let Some(member) = member else {
            self.0.extend(u64::MAX.to_be_bytes());
            return self;
        };
        self.push(member.as_bytes())
    }

    fn moment(&mut self, moment: Timestamp) -> &mut Self {
        self.push(&moment.as_unix().to_be_bytes())
    }

    fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(digests: &[[u8; 32]]) -> Tally {
        let mut tally = Tally::default();
        for digest in digests {
            tally.add_digest(Digest::from_bytes(*digest));
        }
        tally
    }

    #[test]
    fn digests_add_up_as_numbers_in_any_order() {
        let (mut one, mut high) = ([0; 32], [0xff; 32]);
        one[31] = 1;
        assert_eq!(tally_of(&[one, high]).sum, [0; 32], "modulo 2^256");
        high[31] = 0xfe;
        assert_eq!(tally_of(&[one, high]).sum, [0xff; 32]);
        let mut two = [0; 32];
        two[31] = 2;
        assert_eq!(tally_of(&[one, one]).sum, two, "twice is not never");
        let (a, b) = (*Digest::of(b"a").as_bytes(), *Digest::of(b"b").as_bytes());
        assert_eq!(tally_of(&[a, b, one]), tally_of(&[one, b, a]));
    }
}
