//! The contract.

use issuer::{
    Timestamp,
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
};

use crate::{Cursor, Export, Lookup, Page, StoreError, TokenRef, UserPage};

/// Where users, tokens and idempotency keys are kept.
///
/// # What a store is
/// Tables of rows, and nothing else. It knows no rule, reads no clock, makes no random number and sees no
/// token text: whether a token is live, who may have one and what a request is answered with is decided in
/// [`issuer::decide`] on what [`load`](Store::load) returned, and arrives here as a [`Commit`]. The rows are
///
/// | row | key | written by |
/// | --- | --- | --- |
/// | user | id | `PutUser`, `EraseUser` |
/// | issued token | user and `jti` | `PutToken` |
/// | assigned token | digest, unique among all users | `PutToken` |
/// | idempotency record | user and key | `PutReplay` |
/// | tombstone | digest, of no user | `PutTombstone` |
/// | control | there is one | [`set_control`](Store::set_control) |
///
/// Ids are compared byte for byte. Every value comes back as it went in.
///
/// # Many at once
/// Every method may block. `issuer-service` calls them on threads of its own, the drop included, and never on a thread of an
/// async runtime, so that a store may `block_on` a runtime; the reads of a host's `blocking()` calls run on the thread that
/// makes them.
///
/// Every method may be called from many threads, and by many processes where the backend allows that. A
/// read never waits for a write. A slice goes in and a slice of the same length comes out, in the same
/// order, so that a store across a network pays one round trip a call. Nothing here may assume that it is
/// the only writer: what a commit was decided on is guarded by its preconditions alone.
///
/// # Durability
/// [`Outcome::Applied`] promises what the backend's documentation says it does, and no less: for the
/// embedded stores, that the rows outlive the process and a power cut. What is not durable yet is shown by no
/// read, and what a read has shown, or an `Applied` has promised, is shown by every later read of every
/// thread until it is overwritten: an `apply` that began after a `load` returned is never seen by it, one
/// that returned before a `load` began always is.
///
/// # Errors
/// An error says what is wrong ([`StoreError::kind`]), whether trying again may help, and whether the write
/// may have happened ([`StoreError::effect`]). It holds no secret. A store that could not sync does not go
/// on as if it had: it opens its files again, or refuses until it has.
pub trait Store: Send + Sync {
    /// What is known of each of these users, each as of one instant (users may differ in theirs).
    ///
    /// A snapshot holds the user's record with its version; every token of the user that is not revoked,
    /// expired or not, in any order; for each idempotency key of the lookup, in its order, what is recorded
    /// under it for this user; and for each digest, in its order, its holder: the assigned token that is
    /// not revoked, whoever's it is, else the tombstone, else nobody.
    ///
    /// It costs what it returns: revoked tokens and other idempotency keys of the user are not looked at,
    /// be they ever so many.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read; then nothing is returned for any of them.
    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError>;

    /// Each of these tokens with its user, both as of one instant; `None` where there is no such row.
    ///
    /// A revoked token is either found with its `revoked_at`, or no longer found.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError>;

    /// Users in ascending order of the bytes of their ids, each with its tokens that are not revoked.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError>;

    /// Every row but control, `limit` (at least 1) rows at a time, for copies and backups: the first call
    /// without a cursor, each next one with the cursor of the last. A row that is there all the while,
    /// of the same user, comes exactly once; a user comes before its tokens and idempotency records. What is
    /// written meanwhile may come or not.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read, or the cursor is not one of this store's.
    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError>;

    /// Applies commits in the order of the slice, each whole or not at all, and makes all of them durable
    /// with one sync.
    ///
    /// A commit is applied if its preconditions hold at its turn, with what the commits before it in the
    /// slice wrote in place: the user's record is as [`Commit::expect`] says, and each digest of
    /// [`Commit::claims`] has the very holder that the claim names. Then its changes are written in their
    /// order, and the user's record, if there is one afterwards, has the version [`Commit::next`].
    /// Otherwise, or if a token, revoked or not, would take a digest that it does not claim and another user's
    /// token that is not revoked holds, nothing of it is written and its outcome is [`Outcome::Conflict`],
    /// which is no error and does not touch the others.
    ///
    /// Whoever decides sees to it that every row is one of [`Commit::user`], and that no commit leaves tokens
    /// or idempotency records without their user; what becomes of such rows is the store's own matter.
    ///
    /// # Errors
    /// [`StoreError`] where not all of it could be made durable. With [`Effect::None`](crate::Effect::None)
    /// nothing of the slice was written; with [`Effect::Unknown`](crate::Effect::Unknown) each commit is
    /// there whole or not at all, and a later `load` tells which: what it shows is settled, and no recovery
    /// after a crash turns it around.
    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError>;

    /// Deletes at most `limit` rows that say no more than their absence would: tokens that were revoked or
    /// expired at or before `dead_before`, idempotency records forgotten by then, tombstones whose time is
    /// over by then. Users stay. Returns how many rows went; fewer than `limit` says that none are left.
    ///
    /// They say so as long as no clock shows a time at or before `dead_before` again. A caller that remembers what
    /// the store said of a token stops to believe it before it calls this, if the token expires at or before
    /// `dead_before`: afterwards no snapshot has the token.
    ///
    /// It costs what it deletes, and holds a writer up no longer than such a slice takes.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be written.
    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// The control record; `None` until one was set.
    ///
    /// # Errors
    /// [`StoreError`] where the store or the record cannot be read.
    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError>;

    /// Replaces the control record, if it is as `expect` says; durable as a commit is.
    ///
    /// # Errors
    /// [`StoreError`] as with [`apply`](Store::apply).
    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError>;
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is written, and as durable as the store promises.
    Applied,
    /// A precondition did not hold; nothing of it was written. Load again, decide again.
    Conflict,
}

impl<S: Store + ?Sized> Store for std::sync::Arc<S> {
    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        (**self).load(lookups)
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        (**self).find(tokens)
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        (**self).list(page)
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        (**self).export(after, limit)
    }

    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        (**self).apply(commits)
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        (**self).purge(dead_before, limit)
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        (**self).control()
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        (**self).set_control(expect, next)
    }
}
