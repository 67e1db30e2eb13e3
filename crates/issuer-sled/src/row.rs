//! Rows, as sled has them and as the rules know them.
//!
//! sled keeps bytes under bytes, a tree for each [`Table`](crate::table::Table):
//!
//! | tree | key | value |
//! | --- | --- | --- |
//! | `users` | id | a user: the user's record, and every token that is not revoked |
//! | `revoked` | id, 0, name of the token | a revoked token |
//! | `replays` | id, 0, key | an idempotency record |
//! | `assigned` | digest | the id of the user whose token it is, revoked or not |
//! | `tombstones` | digest | until when |
//! | `deaths` | moment, kind, key of the row that is dead from then on: 1 a token (as in `revoked`), 2 an idempotency record, 3 a tombstone | nothing |
//! | sled's own | `state`, `control` | [`State`](crate::state::State); a version and the text of the record |
//!
//! A user and its tokens are one value, so that whoever reads it reads one instant. No id holds a 0, so that
//! no id is the beginning of another one's keys.
//!
//! # The encoding, version 1
//! A value begins with the version of its encoding, one byte, unless it is nothing or an id. Numbers are big-endian; a moment is seconds
//! since 1970, 8 bytes, with the sign turned over so that the bytes sort as the moments do; a text is its
//! length in 4 bytes and then UTF-8; what may be missing is 0, or 1 and then itself.
//!
//! - a *user*: what may be missing: version (16), token mode (0 unset, 1 issued, 2 assigned), created, updated,
//!   nickname and URL, each of which may be missing; then the tokens.
//! - *tokens*: how many different issuers and audiences (4), these texts, how many tokens (4), and these in the order
//!   of their names: name, for an issued one its key (16), issuer and audience (each 4: 0 is none, else the number
//!   of the text, from 1), created, expires, and revoked, which may be missing.
//! - a *name*: 1 and the `jti` (16), or 2 and the digest (32).
//! - a *revoked token*: as tokens, of which there is one.
//! - an *idempotency record*: request (32), `jti` (16), forgotten.
//! - a *tombstone*: until.
//! - the *control record*: version (16) and its text.
//! - the *state*: slices, users, rows and the four parts of the sum, each 8 bytes.
//!
//! What is read is parsed as if it came from a stranger: a row that this library cannot have written is
//! [`Damaged`](issuer_store::StoreErrorKind::Damaged), never a panic, and room is made for what is there, not for
//! what is promised.

use std::{collections::HashMap, sync::Arc};

use issuer::{
    Digest, KeyFingerprint, Timestamp, TokenId,
    state::{
        IssuedToken, Replay, TokenBody, TokenMode, TokenName, TokenRecord, UserRecord, Version, Versioned,
    },
    user::{AvatarUrl, Nickname, UserId},
};

use crate::{
    codec::{ENCODING, Reader, put_length, put_moment, put_name, put_option, put_text},
    error::{Fault, Result},
};

/// A user, as far as no other row holds it.
#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    /// `None` where there are rows of a user who is not there.
    pub(crate) record: Option<Versioned<UserRecord>>,
    /// Those that are not revoked, in the order of their names.
    pub(crate) tokens: Vec<TokenRecord>,
}

impl User {
    pub(crate) fn is_empty(&self) -> bool {
        self.record.is_none() && self.tokens.is_empty()
    }

    pub(crate) fn token(&self, name: TokenName) -> Option<&TokenRecord> {
        let at = self.place(name).ok()?;
        self.tokens.get(at)
    }

    pub(crate) fn put(&mut self, token: TokenRecord) {
        match self.place(token.name()) {
            Ok(at) => {
                if let Some(place) = self.tokens.get_mut(at) {
                    *place = token;
                }
            }
            Err(at) => self.tokens.insert(at, token),
        }
    }

    pub(crate) fn take(&mut self, name: TokenName) -> Option<TokenRecord> {
        let at = self.place(name).ok()?;
        Some(self.tokens.remove(at))
    }

    fn place(&self, name: TokenName) -> std::result::Result<usize, usize> {
        self.tokens.binary_search_by_key(&name, TokenRecord::name)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![ENCODING];
        put_option(&mut out, self.record.as_ref(), |out, record| {
            out.extend(record.version.as_bytes());
            out.push(match record.value.token_mode {
                TokenMode::Unset => 0,
                TokenMode::Issued => 1,
                TokenMode::Assigned => 2,
            });
            put_moment(out, record.value.created_at);
            put_moment(out, record.value.updated_at);
            put_option(out, record.value.nickname.as_ref(), |out, text| {
                put_text(out, text.as_str());
            });
            put_option(out, record.value.avatar_url.as_ref(), |out, text| {
                put_text(out, text.as_str());
            });
        });
        put_tokens(&mut out, &self.tokens);
        out
    }

    /// The user of this id; the id is in the key alone.
    pub(crate) fn decode(id: &UserId, value: &[u8]) -> Result<Self> {
        Reader(value)
            .encoding()
            .and_then(|mut reader| {
                let record = reader.option(|reader| reader.record(id))?;
                let tokens = reader.tokens()?;
                let unrevoked = tokens.iter().all(|token| token.revoked_at.is_none());
                (reader.0.is_empty() && unrevoked).then_some(Self { record, tokens })
            })
            .ok_or_else(|| Fault::row("users"))
    }

    /// Whether the value is that of a user who has a record.
    pub(crate) fn has_record(value: &[u8]) -> bool {
        value.get(1) == Some(&1)
    }
}

pub(crate) fn encode_revoked(token: &TokenRecord) -> Vec<u8> {
    let mut out = vec![ENCODING];
    put_tokens(&mut out, std::slice::from_ref(token));
    out
}

pub(crate) fn decode_revoked(value: &[u8]) -> Result<TokenRecord> {
    Reader(value)
        .encoding()
        .and_then(|mut reader| {
            let mut tokens = reader.tokens()?;
            let token = tokens.pop()?;
            (reader.0.is_empty() && tokens.is_empty() && token.revoked_at.is_some()).then_some(token)
        })
        .ok_or_else(|| Fault::row("revoked"))
}

pub(crate) fn encode_replay(replay: &Replay) -> Vec<u8> {
    let mut out = vec![ENCODING];
    out.extend(replay.request.as_bytes());
    out.extend(replay.token.as_bytes());
    put_moment(&mut out, replay.forgotten_at);
    out
}

pub(crate) fn decode_replay(key: Digest, value: &[u8]) -> Result<Replay> {
    Reader(value)
        .encoding()
        .and_then(|mut reader| {
            let replay = Replay {
                key,
                request: Digest::from_bytes(reader.array()?),
                token: TokenId::from_bytes(reader.array()?),
                forgotten_at: reader.moment()?,
            };
            reader.0.is_empty().then_some(replay)
        })
        .ok_or_else(|| Fault::row("replays"))
}

pub(crate) fn encode_tombstone(until: Timestamp) -> Vec<u8> {
    let mut out = vec![ENCODING];
    put_moment(&mut out, until);
    out
}

pub(crate) fn decode_tombstone(value: &[u8]) -> Result<Timestamp> {
    Reader(value)
        .encoding()
        .and_then(|mut reader| {
            let until = reader.moment()?;
            reader.0.is_empty().then_some(until)
        })
        .ok_or_else(|| Fault::row("tombstones"))
}

/// The control record as it is stored: its version and its text.
pub(crate) fn encode_control(version: Version, text: &str) -> Vec<u8> {
    let mut out = vec![ENCODING];
    out.extend(version.as_bytes());
    put_text(&mut out, text);
    out
}

pub(crate) fn decode_control(value: &[u8]) -> Result<(Version, &str)> {
    Reader(value)
        .encoding()
        .and_then(|mut reader| {
            let version = Version::from_bytes(reader.array()?);
            let text = reader.text()?;
            reader.0.is_empty().then_some((version, text))
        })
        .ok_or_else(|| Fault::row("control"))
}

#[allow(clippy::expect_used, reason = "the loop numbers the texts of all tokens")]
fn put_tokens(out: &mut Vec<u8>, tokens: &[TokenRecord]) {
    // Most tokens of a user have the same two texts.
    let mut texts: Vec<&str> = Vec::new();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let issued = tokens.iter().filter_map(TokenRecord::issued);
    for text in issued
        .flat_map(|token| [&token.issuer, &token.audience])
        .flatten()
    {
        numbers.entry(text).or_insert_with(|| {
            texts.push(text);
            texts.len()
        });
    }
    put_length(out, texts.len());
    for text in texts {
        put_text(out, text);
    }
    // 0 is that there is none.
    let number = |text: &Option<Arc<str>>| {
        let number = |text: &Arc<str>| *numbers.get(&**text).expect("each text has its number by now");
        text.as_ref().map_or(0, number)
    };
    put_length(out, tokens.len());
    for token in tokens {
        put_name(out, token.name());
        if let TokenBody::Issued(issued) = &token.body {
            out.extend(issued.key.as_bytes());
            put_length(out, number(&issued.issuer));
            put_length(out, number(&issued.audience));
        }
        put_moment(out, token.created_at);
        put_moment(out, token.expires_at);
        put_option(out, token.revoked_at, put_moment);
    }
}

impl Reader<'_> {
    fn record(&mut self, id: &UserId) -> Option<Versioned<UserRecord>> {
        let version = Version::from_bytes(self.array()?);
        let token_mode = match self.byte()? {
            0 => TokenMode::Unset,
            1 => TokenMode::Issued,
            2 => TokenMode::Assigned,
            _ => return None,
        };
        let created_at = self.moment()?;
        let updated_at = self.moment()?;
        let nickname = self.option(|reader| Nickname::parse(reader.text()?).ok())?;
        let avatar_url = self.option(|reader| AvatarUrl::parse(reader.text()?).ok())?;
        Some(Versioned {
            version,
            value: UserRecord {
                id: id.clone(),
                nickname,
                avatar_url,
                token_mode,
                created_at,
                updated_at,
            },
        })
    }

    /// Tokens in the order of their names. Nothing is reserved for as many as are promised: each must be there.
    fn tokens(&mut self) -> Option<Vec<TokenRecord>> {
        let mut texts: Vec<Arc<str>> = Vec::new();
        for _ in 0..self.length()? {
            texts.push(self.text()?.into());
        }
        let mut tokens: Vec<TokenRecord> = Vec::new();
        for _ in 0..self.length()? {
            let token = self.token(&texts)?;
            if tokens.last().is_some_and(|last| last.name() >= token.name()) {
                return None;
            }
            tokens.push(token);
        }
        Some(tokens)
    }

    fn token(&mut self, texts: &[Arc<str>]) -> Option<TokenRecord> {
        let body = match self.name()? {
            TokenName::Assigned(digest) => TokenBody::Assigned(digest),
            TokenName::Issued(id) => TokenBody::Issued(IssuedToken {
                id,
                key: KeyFingerprint::from_bytes(self.array()?),
                issuer: self.shared(texts)?,
                audience: self.shared(texts)?,
            }),
        };
        Some(TokenRecord {
            body,
            created_at: self.moment()?,
            expires_at: self.moment()?,
            revoked_at: self.option(Self::moment)?,
        })
    }

    /// One of the texts, by its number.
    #[expect(
        clippy::option_option,
        reason = "whether it can be read, and whether it is there"
    )]
    fn shared(&mut self, texts: &[Arc<str>]) -> Option<Option<Arc<str>>> {
        match self.length()?.checked_sub(1) {
            None => Some(None),
            Some(at) => texts.get(at).cloned().map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use issuer_conformance::fixture::{assigned, at, digest, issued, replay, revoked, user, version};

    use super::*;
    use crate::{state::State, table::Mortal};

    fn amy() -> User {
        let mut amy = User {
            record: Some(Versioned {
                version: version(1),
                value: user("amy"),
            }),
            tokens: Vec::new(),
        };
        amy.put(issued("a"));
        amy.put(assigned("b"));
        let mut bare = issued("c");
        if let TokenBody::Issued(token) = &mut bare.body {
            token.issuer = None;
            token.audience = Some("".into());
        }
        amy.put(bare);
        amy
    }

    /// Whether these bytes are a value of some kind.
    type IsOne = fn(&[u8]) -> bool;

    /// Every kind of value.
    fn samples() -> Vec<(Vec<u8>, IsOne)> {
        let state = State {
            slice: 1,
            users: 2,
            rows: u64::MAX,
            sum: [4; 4],
        };
        let id = user("amy").id;
        vec![
            (amy().encode(), |value| {
                User::decode(&user("amy").id, value).is_ok()
            }),
            (encode_revoked(&revoked(issued("a"), at(5))), |value| {
                decode_revoked(value).is_ok()
            }),
            (encode_replay(&replay("k")), |value| {
                decode_replay(digest("k"), value).is_ok()
            }),
            (encode_tombstone(at(1)), |value| decode_tombstone(value).is_ok()),
            (encode_control(version(1), "{}"), |value| {
                decode_control(value).is_ok()
            }),
            (state.encode(), |value| State::decode(value).is_ok()),
            (
                Mortal::Token(id.clone(), issued("a").name()).death(at(1)),
                |key| Mortal::of_death(key).is_ok(),
            ),
            (Mortal::Replay(id, digest("k")).death(at(-1)), |key| {
                Mortal::of_death(key).is_ok()
            }),
            (Mortal::Tombstone(digest("t")).death(Timestamp::MIN), |key| {
                Mortal::of_death(key).is_ok()
            }),
        ]
    }

    #[test]
    fn a_user_comes_back_as_it_went_in() {
        let value = amy().encode();
        let back = User::decode(&user("amy").id, &value).unwrap();
        assert_eq!(back.record, amy().record);
        assert_eq!(back.tokens, amy().tokens);
        assert!(User::has_record(&value));
        assert!(!User::has_record(&User::default().encode()));
    }

    #[test]
    fn a_value_that_is_too_short_or_too_long_is_none() {
        for (at, (value, is_one)) in samples().into_iter().enumerate() {
            assert!(is_one(&value), "sample {at}");
            for length in 0..value.len() {
                assert!(!is_one(&value[..length]), "sample {at}, {length} bytes of it");
            }
            let mut longer = value;
            longer.push(0);
            assert!(!is_one(&longer), "sample {at} and a byte");
        }
    }

    #[test]
    fn no_byte_makes_a_panic() {
        for (value, is_one) in samples() {
            for at in 0..value.len() {
                for byte in 0..=u8::MAX {
                    let mut altered = value.clone();
                    altered[at] = byte;
                    is_one(&altered);
                }
            }
        }
    }

    #[test]
    fn a_count_that_promises_more_than_there_is_makes_no_room_for_it() {
        // No record, no texts, and four billion tokens.
        let value = [ENCODING, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        assert!(User::decode(&user("amy").id, &value).is_err());
        let value = [ENCODING, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        assert!(User::decode(&user("amy").id, &value).is_err());
    }

    #[test]
    fn deaths_sort_by_their_moment() {
        let row = Mortal::Tombstone(digest("t"));
        let moments = [Timestamp::MIN, at(-3_000_000_000), at(0), at(1), Timestamp::MAX];
        assert!(moments.map(|moment| row.death(moment)).is_sorted());
    }
}
