//! Users, tokens and commits to fill a store with: all of them made of a name or a number, so that a case
//! reads as a story.

use std::sync::Arc;

use issuer::{
    Digest, KeyFingerprint, Timestamp, TokenId,
    state::{
        Change, Claim, Commit, Expect, Holder, IssuedToken, Replay, TokenBody, TokenMode, TokenRecord,
        Tombstone, UserRecord, Version,
    },
    user::{AvatarUrl, Nickname, UserId},
};

/// The user id `text`.
pub fn id(text: &str) -> UserId {
    UserId::parse(text).expect("a valid id")
}

/// The digest of an assigned token, an idempotency key, a request.
pub fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// The name of the `number`th commit. Versions have no order, so that neighbours have none here.
pub fn version(number: u64) -> Version {
    Version::from_bytes(first_16(Digest::of(&number.to_be_bytes())))
}

/// `seconds` after the moment at which every record of this module is made.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(2_000_000_000 + seconds).expect("a moment before the year 10000")
}

/// A user with a whole profile.
pub fn user(name: &str) -> UserRecord {
    UserRecord {
        id: id(name),
        nickname: Some(Nickname::parse(&format!("Nick of {name}")).expect("a valid nickname")),
        avatar_url: Some(AvatarUrl::parse("https://example.com/avatar.jpg").expect("a valid URL")),
        token_mode: TokenMode::Issued,
        created_at: at(0),
        updated_at: at(0),
    }
}

/// A token that was signed here, of one hour. Ids are random but for their name.
pub fn issued(name: &str) -> TokenRecord {
    let token = IssuedToken {
        id: TokenId::from_bytes(first_16(digest(name))),
        key: KeyFingerprint::from_bytes([7; 16]),
        issuer: Some(Arc::from("https://issuer.example")),
        audience: Some(Arc::from("rooms")),
    };
    TokenRecord {
        body: TokenBody::Issued(token),
        created_at: at(0),
        expires_at: at(3_600),
        revoked_at: None,
    }
}

/// The token `text` that a host brought, of one hour.
pub fn assigned(text: &str) -> TokenRecord {
    TokenRecord {
        body: TokenBody::Assigned(digest(text)),
        ..issued(text)
    }
}

/// The same token, revoked.
pub fn revoked(token: TokenRecord, when: Timestamp) -> TokenRecord {
    TokenRecord {
        revoked_at: Some(when),
        ..token
    }
}

/// The same token with another end.
pub fn until(token: TokenRecord, expires_at: Timestamp) -> TokenRecord {
    TokenRecord { expires_at, ..token }
}

/// What is recorded under the idempotency key `key`.
pub fn replay(key: &str) -> Replay {
    Replay {
        key: digest(key),
        request: digest(&format!("request of {key}")),
        token: TokenId::from_bytes(first_16(digest(&format!("token of {key}")))),
        forgotten_at: at(3_600),
    }
}

/// The live holder of an [`assigned`] token of `user`.
pub fn held_by(user: &str) -> Holder {
    Holder::Token {
        user: id(user),
        expires_at: at(3_600),
    }
}

/// The holder that a tombstone is.
pub fn dead_until(until: Timestamp) -> Holder {
    Holder::Tombstone { until }
}

/// A commit that creates a user: nobody of that name may be there.
pub fn creating(name: &str, next: u64) -> Draft {
    writing(name, Expect::Absent, next).user(user(name))
}

/// A commit that expects what the commit `found` wrote. It has no rows yet.
pub fn updating(name: &str, found: u64, next: u64) -> Draft {
    writing(name, Expect::Version(version(found)), next)
}

/// A commit without rows.
pub fn writing(name: &str, expect: Expect, next: u64) -> Draft {
    Draft(Commit {
        user: id(name),
        expect,
        next: version(next),
        claims: Vec::new(),
        changes: Vec::new(),
    })
}

/// A commit that grows row by row.
#[derive(Clone, Debug)]
#[must_use]
pub struct Draft(Commit);

impl Draft {
    /// Puts the user's record.
    pub fn user(self, user: UserRecord) -> Self {
        self.change(Change::PutUser(user))
    }

    /// Puts a token.
    pub fn token(self, token: TokenRecord) -> Self {
        self.change(Change::PutToken(token))
    }

    /// Puts an idempotency record.
    pub fn replay(self, replay: Replay) -> Self {
        self.change(Change::PutReplay(replay))
    }

    /// Puts the tombstone of the assigned token `text`.
    pub fn tombstone(self, text: &str, until: Timestamp) -> Self {
        self.change(Change::PutTombstone(Tombstone {
            digest: digest(text),
            until,
        }))
    }

    /// Erases the user.
    pub fn erase(self) -> Self {
        self.change(Change::EraseUser)
    }

    /// Expects this holder of the assigned token `text`.
    pub fn claim(mut self, text: &str, holder: Option<Holder>) -> Self {
        self.0.claims.push(Claim {
            digest: digest(text),
            holder,
        });
        self
    }

    /// Adds a row.
    pub fn change(mut self, change: Change) -> Self {
        self.0.changes.push(change);
        self
    }
}

impl From<Draft> for Commit {
    fn from(draft: Draft) -> Self {
        draft.0
    }
}

fn first_16(digest: Digest) -> [u8; 16] {
    *digest.as_bytes().first_chunk().expect("a digest has 32 bytes")
}
