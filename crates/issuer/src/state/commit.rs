//! A write as data: its preconditions and its rows.

use super::{Holder, Replay, TokenName, TokenRecord, Tombstone, UserRecord, Version};
use crate::{Digest, user::UserId};

/// Rows of one user to write, all or none, and what must hold for them to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Whose rows these are.
    pub user: UserId,
    /// What must hold of the user's record.
    pub expect: Expect,
    /// The version of the user's record once the commit is applied.
    pub next: Version,
    /// What must hold of the digests of assigned tokens.
    pub claims: Vec<Claim>,
    /// The rows, to be written in this order.
    pub changes: Vec<Change>,
}

/// What a commit expects of the record that it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is none.
    Absent,
    /// It is the one that this commit wrote.
    Version(Version),
    /// Nothing: for a copy into an empty store.
    Any,
}

/// A digest of an assigned token, and who must hold it for the commit to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The SHA-256 of the token.
    pub digest: Digest,
    /// Who held it when the commit was decided; `None` where nobody did.
    pub holder: Option<Holder>,
}

/// One row to write. The list is closed: a new call writes the same rows, and breaks no store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Inserts or replaces the user's record.
    PutUser(UserRecord),
    /// Inserts or replaces the token of this name: an issued token's among those of its user, an assigned
    /// token's among all (its digest has one row, which may change its user).
    PutToken(TokenRecord),
    /// Inserts or replaces what is recorded under this idempotency key of the user.
    PutReplay(Replay),
    /// Inserts or replaces the tombstone of this digest. It outlives the user.
    PutTombstone(Tombstone),
    /// Deletes the user's record, tokens and idempotency keys, with whatever the changes before it put
    /// there; tombstones stay.
    EraseUser,
}

impl Expect {
    /// Whether a record whose version is `found` (`None`: there is no record) is the expected one.
    pub fn accepts(self, found: Option<Version>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Version(expected) => found == Some(expected),
            Self::Any => true,
        }
    }
}

impl Commit {
    /// Whether the preconditions hold where the user's record has this `version` (`None`: there is none) and
    /// `holder` says who holds a digest: the one check that every store makes before it writes, inside the
    /// transaction that writes.
    ///
    /// # Errors
    /// Those of `holder`.
    pub fn holds<E>(
        &self,
        version: Option<Version>,
        mut holder: impl FnMut(Digest) -> Result<Option<Holder>, E>,
    ) -> Result<bool, E> {
        if !self.expect.accepts(version) {
            return Ok(false);
        }
        for claim in &self.claims {
            if holder(claim.digest)? != claim.holder {
                return Ok(false);
            }
        }
        for digest in self.changes.iter().filter_map(Change::taken) {
            let claimed = self.claims.iter().any(|claim| claim.digest == digest);
            if !claimed && is_of_another(holder(digest)?.as_ref(), &self.user) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Folds a later commit of the same user, which was decided on [`Snapshot::after`](super::Snapshot::after)
    /// this one, into this one: the preconditions of the first, the rows of both, the version of the last.
    ///
    /// Rows that the later one replaces are dropped, so that a slice writes each row once.
    ///
    /// A commit that erases a user has to put a tombstone for each assigned token of the user, expired or
    /// not: only so is it known here that a later claim to one of these digests is about this commit.
    pub fn fold(&mut self, later: Self) {
        debug_assert_eq!(self.user, later.user);
        for claim in later.claims {
            // What the first commit says of a digest is about the store; what a later one says of the same
            // digest is about the first.
            if !self.claims.iter().any(|known| known.digest == claim.digest)
                && !self
                    .changes
                    .iter()
                    .any(|change| change.digest() == Some(claim.digest))
            {
                self.claims.push(claim);
            }
        }
        for change in later.changes {
            self.changes.retain(|earlier| !change.replaces(earlier));
            self.changes.push(change);
        }
        self.next = later.next;
    }
}

fn is_of_another(holder: Option<&Holder>, user: &UserId) -> bool {
    matches!(holder, Some(Holder::Token { user: holder, .. }) if holder != user)
}

impl Change {
    /// Whether this row stands in the place of `earlier`, a row of the same user.
    fn replaces(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::PutUser(_), Self::PutUser(_)) => true,
            (Self::PutToken(a), Self::PutToken(b)) => a.name() == b.name(),
            (Self::PutReplay(a), Self::PutReplay(b)) => a.key == b.key,
            (Self::PutTombstone(a), Self::PutTombstone(b)) => a.digest == b.digest,
            // An assigned token may have been another user's, who is without it now.
            (Self::EraseUser, Self::PutToken(token)) => token.issued().is_some(),
            (Self::EraseUser, earlier) => !matches!(earlier, Self::PutTombstone(_)),
            _ => false,
        }
    }

    /// The digest of an assigned token that this row speaks of.
    fn digest(&self) -> Option<Digest> {
        match self {
            Self::PutTombstone(tombstone) => Some(tombstone.digest),
            _ => self.taken(),
        }
    }

    /// The digest that this row takes for its user.
    fn taken(&self) -> Option<Digest> {
        match self {
            Self::PutToken(token) => match token.name() {
                TokenName::Assigned(digest) => Some(digest),
                TokenName::Issued(_) => None,
            },
            _ => None,
        }
    }
}
