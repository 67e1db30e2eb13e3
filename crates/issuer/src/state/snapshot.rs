//! One user as of one instant.

use super::{Change, Commit, Holder, Replay, TokenBody, TokenName, TokenRecord, UserRecord, Versioned};
use crate::Digest;

/// What a store knows of one user, as of one instant, and the answers to what was asked beside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The user's record; `None` where there is no such user.
    pub user: Option<Versioned<UserRecord>>,
    /// Every token of the user that is not revoked, expired or not, in any order. At most 100, for
    /// whatever issues a token revokes what no longer counts.
    pub tokens: Vec<TokenRecord>,
    /// For each idempotency key that was asked for: what is recorded under it.
    pub replays: Vec<(Digest, Option<Replay>)>,
    /// For each digest that was asked for: who holds it.
    pub holders: Vec<(Digest, Option<Holder>)>,
}

/// A token and its user, as of one instant: what a check needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenState {
    /// The token, revoked or not.
    pub token: TokenRecord,
    /// Its user.
    pub user: UserRecord,
}

impl Snapshot {
    /// What is recorded under this idempotency key, as far as it was asked for.
    pub fn replay(&self, key: Digest) -> Option<&Replay> {
        self.replays
            .iter()
            .find(|(asked, _)| *asked == key)
            .and_then(|(_, found)| found.as_ref())
    }

    /// The user's token of this name, unless it is revoked.
    pub fn token(&self, name: TokenName) -> Option<&TokenRecord> {
        self.tokens.iter().find(|token| token.name() == name)
    }

    /// What a store would return once it had applied `commit` to what this snapshot shows.
    #[must_use]
    pub fn after(&self, commit: &Commit) -> Self {
        let mut next = self.clone();
        next.advance(commit);
        next
    }

    /// Becomes what [`after`](Self::after) returns: how a batch decides several requests of one user, one
    /// after the other, before it writes any of them.
    ///
    /// One thing it cannot know: a tombstone that a token has hidden since before this snapshot. Where such
    /// a token goes without a tombstone of its own, which no rule lets happen, it shows nobody.
    pub fn advance(&mut self, commit: &Commit) {
        for (at, change) in commit.changes.iter().enumerate() {
            let (earlier, _) = commit.changes.split_at(at);
            self.apply(change, commit, earlier);
        }
        if let Some(user) = &mut self.user {
            user.version = commit.next;
        }
    }

    fn apply(&mut self, change: &Change, commit: &Commit, earlier: &[Change]) {
        match change {
            Change::PutUser(user) => {
                self.user = Some(Versioned {
                    version: commit.next,
                    value: user.clone(),
                });
            }
            Change::PutToken(token) => {
                self.tokens.retain(|known| known.name() != token.name());
                if token.revoked_at.is_none() {
                    self.tokens.push(token.clone());
                }
                if let TokenBody::Assigned(digest) = token.body {
                    let holder = if token.revoked_at.is_none() {
                        Some(Holder::Token {
                            user: commit.user.clone(),
                            expires_at: token.expires_at,
                        })
                    } else {
                        tombstone(digest, earlier)
                    };
                    self.set_holder(digest, holder.as_ref());
                }
            }
            Change::PutReplay(replay) => {
                for (_, found) in self.replays.iter_mut().filter(|(asked, _)| *asked == replay.key) {
                    *found = Some(*replay);
                }
            }
            Change::PutTombstone(tombstone) => {
                let until = tombstone.until;
                if !self.is_held_by_a_token(tombstone.digest) {
                    self.set_holder(tombstone.digest, Some(&Holder::Tombstone { until }));
                }
            }
            Change::EraseUser => {
                self.user = None;
                self.tokens.clear();
                for (_, found) in &mut self.replays {
                    *found = None;
                }
                for (digest, found) in &mut self.holders {
                    if matches!(found, Some(Holder::Token { user, .. }) if *user == commit.user) {
                        *found = tombstone(*digest, earlier);
                    }
                }
            }
        }
    }

    fn set_holder(&mut self, digest: Digest, holder: Option<&Holder>) {
        for (_, found) in self.holders.iter_mut().filter(|(asked, _)| *asked == digest) {
            *found = holder.cloned();
        }
    }

    /// A token that is not revoked hides the tombstone of its digest, as [`Holder`] has it.
    fn is_held_by_a_token(&self, digest: Digest) -> bool {
        self.holders
            .iter()
            .any(|(asked, found)| *asked == digest && matches!(found, Some(Holder::Token { .. })))
    }
}

/// Who holds the digest of a token that goes: the tombstone that `earlier` rows put behind it.
fn tombstone(digest: Digest, earlier: &[Change]) -> Option<Holder> {
    earlier.iter().rev().find_map(|change| match change {
        Change::PutTombstone(tombstone) if tombstone.digest == digest => Some(Holder::Tombstone {
            until: tombstone.until,
        }),
        _ => None,
    })
}
