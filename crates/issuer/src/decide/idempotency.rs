//! How a repeated request is recognised.

use super::{Issue, Refusal, Rules, check::is_live};
use crate::{
    Digest, FieldError, Timestamp,
    state::{Replay, Snapshot, TokenName, TokenRecord},
    user::{NewUser, Patch},
};

/// Seconds after which an idempotency key is forgotten, unless its token expires before: 24 hours.
pub const IDEMPOTENCY_SECONDS: i64 = 86_400;

/// A key under which a lost reply can be asked for again: of one caller, for one user.
///
/// Only its digest is held and stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Digest);

impl IdempotencyKey {
    /// Characters of the longest key.
    pub const MAX_CHARS: usize = 255;

    /// The key `text` of `caller`: whatever tells callers apart, such as the hash of an API key.
    ///
    /// # Errors
    /// [`FieldError`] for `Idempotency-Key`: not 1 to 255 visible ASCII characters.
    pub fn new(caller: &[u8], text: &str) -> Result<Self, FieldError> {
        if text.is_empty() || text.len() > Self::MAX_CHARS || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(FieldError::new(
                "Idempotency-Key",
                "must be 1 to 255 visible ASCII characters",
            ));
        }
        Ok(Self(Digest::of_parts(&[
            b"idempotency key",
            caller,
            text.as_bytes(),
        ])))
    }

    /// What is stored of it.
    pub const fn digest(self) -> Digest {
        self.0
    }
}

/// What the key of a request says.
pub(super) enum Known<'a> {
    /// The key was never used, or is forgotten.
    No,
    /// This token answered the same request, and lives.
    Yes(&'a TokenRecord),
    /// The key was used otherwise.
    Conflict(Refusal),
}

pub(super) fn recognise<'a>(
    snapshot: &'a Snapshot,
    request: &Issue,
    rules: &Rules,
    now: Timestamp,
) -> Known<'a> {
    let recorded = request
        .idempotency_key
        .and_then(|key| snapshot.replay(key.digest()));
    let Some(replay) = recorded.filter(|replay| now < replay.forgotten_at) else {
        return Known::No;
    };
    if replay.request != fingerprint(&request.user) {
        return Known::Conflict(Refusal::IdempotencyKeyReused);
    }
    match snapshot.token(TokenName::Issued(replay.token)) {
        Some(token) if is_live(token, rules, now) => Known::Yes(token),
        _ => Known::Conflict(Refusal::IdempotentTokenDead),
    }
}

/// What is recorded of `request`, which was answered with `token`.
pub(super) fn record(
    key: IdempotencyKey,
    user: &NewUser,
    token: &TokenRecord,
    now: Timestamp,
) -> Option<Replay> {
    let TokenName::Issued(id) = token.name() else {
        return None;
    };
    let forgotten_at = now
        .saturating_add_seconds(IDEMPOTENCY_SECONDS)
        .min(token.expires_at);
    Some(Replay {
        key: key.digest(),
        request: fingerprint(user),
        token: id,
        forgotten_at,
    })
}

/// The request as it was parsed: two bodies that mean the same have the same.
fn fingerprint(user: &NewUser) -> Digest {
    let nickname = patch_parts(user.nickname_patch(), |name| name.as_str());
    let avatar_url = patch_parts(user.avatar_url_patch(), |url| url.as_str());
    Digest::of_parts(&[
        b"issue",
        user.id().as_str().as_bytes(),
        nickname.0,
        nickname.1,
        avatar_url.0,
        avatar_url.1,
    ])
}

fn patch_parts<T>(patch: &Patch<T>, text: impl Fn(&T) -> &str) -> (&'static [u8], &[u8]) {
    match patch {
        Patch::Keep => (b"keep", b""),
        Patch::Clear => (b"clear", b""),
        Patch::Set(value) => (b"set", text(value).as_bytes()),
    }
}
