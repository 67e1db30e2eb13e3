//! Issuing a token.

use super::{
    Decision, Fresh, IdempotencyKey, Policy, Refusal, Rules,
    check::is_live,
    idempotency::{self, Known},
    profile,
    revoke::revocation,
};
use crate::{
    Timestamp,
    state::{Change, IssuedToken, Snapshot, TokenBody, TokenMode, TokenRecord, UserRecord},
    user::NewUser,
};

/// A request for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Who the token is for; created where there is no such user.
    pub user: NewUser,
    /// Under which key a lost reply may be asked for again.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// What a request for a token is answered with: records that were committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedRecord {
    /// The user as of now.
    pub user: UserRecord,
    /// The token; its text is signed from this.
    pub token: TokenRecord,
}

impl Issue {
    /// The same request under an idempotency key.
    #[must_use]
    pub fn with_idempotency_key(self, key: IdempotencyKey) -> Self {
        Self {
            idempotency_key: Some(key),
            ..self
        }
    }
}

impl From<NewUser> for Issue {
    fn from(user: NewUser) -> Self {
        Self {
            user,
            idempotency_key: None,
        }
    }
}

/// Decides a request for a token.
///
/// A repeated request under its idempotency key is answered with the token that it got, and writes nothing.
/// Otherwise the user gets a token if fewer than `max_live_tokens` live, or under [`Policy::Upsert`] in any
/// case; whatever no longer counts beside it is revoked in the same commit, so that it cannot come back to
/// life by a change of settings or of the clock.
///
/// ```
/// use issuer::{
///     KeyFingerprint, Timestamp, TokenId,
///     decide::{self, Decision, Fresh, Issue, Refusal, Rules},
///     state::{Snapshot, Version},
///     user::NewUser,
/// };
///
/// let rules = Rules::new(KeyFingerprint::from_bytes([7; 16]));
/// let amy = Issue::from(NewUser::new("user001")?);
/// let noon = Timestamp::parse_rfc3339("2025-06-23T12:00:00Z")?;
/// // A host takes both from its random number generator.
/// let fresh = |n| Fresh { token_id: TokenId::from_bytes([n; 16]), version: Version::from_bytes([n; 16]) };
///
/// let nobody = Snapshot::default();
/// let Decision::Commit(commit, issued) = decide::issue(&nobody, &amy, &rules, noon, fresh(1)) else {
///     panic!("a new user has room");
/// };
/// assert_eq!(issued.token.expires_at.to_string(), "2025-06-30T12:00:00Z");
///
/// // Once a store has applied the commit, the user has a live token.
/// let then = nobody.after(&commit);
/// let Decision::Refuse(refusal) = decide::issue(&then, &amy, &rules, noon, fresh(2)) else {
///     panic!("one token is the limit");
/// };
/// assert_eq!(refusal.to_string(), "User with _id 'user001' already exists");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn issue(
    snapshot: &Snapshot,
    request: &Issue,
    rules: &Rules,
    now: Timestamp,
    fresh: Fresh,
) -> Decision<IssuedRecord> {
    match idempotency::recognise(snapshot, request, rules, now) {
        Known::Conflict(refusal) => return Decision::Refuse(refusal),
        Known::Yes(token) => {
            if let Some(user) = &snapshot.user {
                return Decision::Answer(IssuedRecord {
                    user: user.value.clone(),
                    token: token.clone(),
                });
            }
        }
        Known::No => {}
    }
    let mut counted = counted(snapshot, rules, now);
    let limit = rules.max_live_tokens.get();
    if counted.len() >= limit {
        match rules.policy {
            Policy::ConflictWhileLive => {
                let room_at = room_at(&counted, limit, rules);
                return Decision::Refuse(Refusal::UserExists {
                    user: request.user.id().clone(),
                    room_at,
                });
            }
            Policy::Upsert => {
                counted.sort_unstable_by_key(|token| (token.created_at, token.name()));
                counted.drain(..=counted.len() - limit);
            }
        }
    }
    let Some(token) = new_token(rules, now, fresh) else {
        return Decision::Refuse(Refusal::ClockOutOfRange);
    };
    let user = profile::updated(snapshot, &request.user, Some(TokenMode::Issued), now);
    let mut rows: Vec<Change> = snapshot
        .tokens
        .iter()
        .filter(|known| !counted.iter().any(|kept| kept.name() == known.name()))
        .flat_map(|dead| revocation(dead, now))
        .collect();
    rows.push(Change::PutToken(token.clone()));
    if let Some(key) = request.idempotency_key {
        rows.extend(idempotency::record(key, &request.user, &token, now).map(Change::PutReplay));
    }
    let commit = profile::commit(snapshot, &user, fresh, rows);
    Decision::Commit(commit, IssuedRecord { user, token })
}

/// The tokens that stand in the way of a new one: live, and with at least the refresh window left.
fn counted<'a>(snapshot: &'a Snapshot, rules: &Rules, now: Timestamp) -> Vec<&'a TokenRecord> {
    let counts = |token: &&TokenRecord| {
        is_live(token, rules, now) && token.expires_at.seconds_since(now) >= rules.refresh_window_seconds
    };
    snapshot.tokens.iter().filter(counts).collect()
}

/// The first second in which fewer than `limit` of these tokens count, if none is revoked before.
fn room_at(counted: &[&TokenRecord], limit: usize, rules: &Rules) -> Timestamp {
    let mut ends: Vec<Timestamp> = counted.iter().map(|token| token.expires_at).collect();
    ends.sort_unstable();
    // Without a window a token counts until its `exp`; with one, while `exp - now >= window`.
    let lead = if rules.refresh_window_seconds == 0 {
        0
    } else {
        1 - rules.refresh_window_seconds
    };
    let last_in_the_way = ends.get(counted.len().saturating_sub(limit)).copied();
    last_in_the_way.map_or(Timestamp::MAX, |end| end.saturating_add_seconds(lead))
}

fn new_token(rules: &Rules, now: Timestamp, fresh: Fresh) -> Option<TokenRecord> {
    let issued = IssuedToken {
        id: fresh.token_id,
        key: rules.signing_key,
        issuer: rules.issuer.clone(),
        audience: rules.audience.clone(),
    };
    Some(TokenRecord {
        body: TokenBody::Issued(issued),
        created_at: now,
        expires_at: now.checked_add(rules.lifetime)?,
        revoked_at: None,
    })
}
