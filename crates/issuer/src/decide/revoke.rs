//! Revoking tokens.

use super::{Decision, Fresh, Refusal, Rules, check::is_live, profile};
use crate::{
    Timestamp,
    state::{Change, Snapshot, TokenBody, TokenName, TokenRecord, Tombstone},
    user::{NewUser, UserId},
};

/// A request to revoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoke {
    /// Whose tokens.
    pub user: UserId,
    /// Which of them.
    pub target: RevokeTarget,
}

/// Which tokens of a user to revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeTarget {
    /// Every token.
    All,
    /// The token of this name.
    Token(TokenName),
}

/// What a request to revoke is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// How many live tokens died.
    pub tokens: usize,
}

/// Decides a request to revoke: at once, exact within the second, and for good.
pub fn revoke(
    snapshot: &Snapshot,
    request: &Revoke,
    rules: &Rules,
    now: Timestamp,
    fresh: Fresh,
) -> Decision<Revoked> {
    if snapshot.user.is_none() {
        return Decision::Refuse(Refusal::ClientNotFound {
            user: request.user.clone(),
        });
    }
    let chosen: Vec<&TokenRecord> = match request.target {
        RevokeTarget::All => snapshot.tokens.iter().collect(),
        RevokeTarget::Token(name) => match snapshot.token(name) {
            Some(token) if is_live(token, rules, now) => vec![token],
            _ => return Decision::Refuse(Refusal::TokenNotFound),
        },
    };
    let tokens = chosen.iter().filter(|token| is_live(token, rules, now)).count();
    let rows: Vec<Change> = chosen
        .into_iter()
        .flat_map(|token| revocation(token, now))
        .collect();
    if rows.is_empty() {
        return Decision::Answer(Revoked { tokens });
    }
    let user = profile::updated(snapshot, &NewUser::from(request.user.clone()), None, now);
    Decision::Commit(profile::commit(snapshot, &user, fresh, rows), Revoked { tokens })
}

/// The rows that kill a token: its record says so, and the digest of an assigned one stays taken until its
/// date, so that nobody brings it back. Also where its date is over: the clock may step back.
pub(super) fn revocation(token: &TokenRecord, now: Timestamp) -> impl Iterator<Item = Change> {
    let tombstone = match token.body {
        TokenBody::Assigned(digest) => Some(Change::PutTombstone(Tombstone {
            digest,
            until: token.expires_at,
        })),
        TokenBody::Issued(_) => None,
    };
    let record = TokenRecord {
        revoked_at: Some(now),
        ..token.clone()
    };
    std::iter::once(Change::PutToken(record)).chain(tombstone)
}
