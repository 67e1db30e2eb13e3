//! One store's rows into another store.

mod error;
mod tally;

use std::collections::{BTreeMap, HashSet};

use issuer::{
    Digest,
    state::{Change, Commit, Control, Expect, Version, Versioned},
    user::UserId,
};

use crate::{ExportRow, Lookup, Outcome, Store, StoreError, StoreErrorKind};
pub use error::CopyError;
pub use tally::Counts;
use tally::{Tally, digest_of_control, digest_of_row};

/// Rows that are read at once, and written with one sync.
pub(crate) const ROWS_A_SLICE: usize = 1_000;

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// What the source holds, and now the destination too.
    pub counts: Counts,
    /// How many rows were written; the others had been there before.
    pub written: u64,
    /// What both stores hold, as one number: the SHA-256 digests of all rows, added up modulo 2^256, so that the order
    /// in which a store gives them does not matter.
    pub digest: Digest,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Rows of this phase that are done.
    pub done: u64,
    /// Rows of this phase; `None` where they are being counted.
    pub total: Option<u64>,
}

/// The parts of a copy, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Reading what the destination holds already.
    Destination,
    /// Reading the source, which must have all of that.
    Source,
    /// Writing what the destination does not hold.
    Writing,
    /// Reading both once more.
    Comparing,
}

/// Copies every row of `from`, and its control record, into `to`, and compares both.
///
/// The destination is empty, or it holds a part of the very same rows, such as what a copy that was interrupted has
/// left: then it is completed. A destination that holds any other row is refused before anything is written. Rows come
/// out as they went in, with their versions, and the control record comes last: until all users are there, no API
/// key works.
///
/// Nobody else may write to either store meanwhile. Whoever does is found out: the destination's users are written
/// only where they are as they should be, and both stores are read again at the end.
///
/// It takes 32 bytes of memory and a little more for each row that the destination holds at first. What is durable when
/// it returns is what [`apply`](Store::apply) of the destination promises.
///
/// ```
/// use issuer_store::{MemoryStore, copy};
///
/// let (from, to) = (MemoryStore::new(), MemoryStore::new());
/// let copied = copy(&from, &to, &mut |_| {})?;
/// assert_eq!(copied.counts.users, 0);
/// # Ok::<(), issuer_store::CopyError>(())
/// ```
///
/// # Errors
/// [`CopyError::Occupied`] where the destination holds something else, and nothing was written.
/// [`CopyError::Changed`] where somebody else wrote meanwhile. [`CopyError::Source`] and [`CopyError::Destination`]
/// where a store failed. After all but the first, the destination may hold a part of the rows; the same call
/// completes it as long as the source still has those.
pub fn copy(
    from: &dyn Store,
    to: &dyn Store,
    progress: &mut dyn FnMut(Progress),
) -> Result<Copied, CopyError> {
    let held = held(to, progress)?;
    let total = refuse_other_rows(from, &held, progress)?;
    let written = write_missing(from, to, &held, total, progress)?;
    let compare = |done, total| Progress {
        phase: Phase::Comparing,
        done,
        total: Some(total),
    };
    let both = total.saturating_mul(2);
    let there = tally(to, CopyError::Destination, |done| progress(compare(done, both)))?;
    let here = tally(from, CopyError::Source, |done| {
        progress(compare(total.saturating_add(done), both));
    })?;
    if here != there {
        return Err(CopyError::Changed);
    }
    Ok(Copied {
        counts: here.counts(),
        written,
        digest: here.digest(),
    })
}

/// The digests of all rows that the destination holds.
fn held(to: &dyn Store, progress: &mut dyn FnMut(Progress)) -> Result<HashSet<Digest>, CopyError> {
    let mut held = HashSet::new();
    each_slice(to, CopyError::Destination, |rows| {
        held.extend(rows.iter().map(digest_of_row));
        progress(Progress {
            phase: Phase::Destination,
            done: held.len() as u64,
            total: None,
        });
        Ok(())
    })?;
    held.extend(control(to, CopyError::Destination)?.map(|(_, digest)| digest));
    Ok(held)
}

/// Sees to it that the source has each of these rows; returns how many it has in all.
fn refuse_other_rows(
    from: &dyn Store,
    held: &HashSet<Digest>,
    progress: &mut dyn FnMut(Progress),
) -> Result<u64, CopyError> {
    let (mut total, mut known) = (0_u64, 0_usize);
    each_slice(from, CopyError::Source, |rows| {
        total += rows.len() as u64;
        known += rows
            .iter()
            .filter(|row| !held.is_empty() && held.contains(&digest_of_row(row)))
            .count();
        progress(Progress {
            phase: Phase::Source,
            done: total,
            total: None,
        });
        Ok(())
    })?;
    if let Some((_, digest)) = control(from, CopyError::Source)? {
        known += usize::from(held.contains(&digest));
    }
    match held.len().saturating_sub(known) {
        0 => Ok(total),
        others => Err(CopyError::Occupied { rows: others as u64 }),
    }
}

/// Writes the rows that are not held, then the control record; returns how many rows that were.
fn write_missing(
    from: &dyn Store,
    to: &dyn Store,
    held: &HashSet<Digest>,
    total: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<u64, CopyError> {
    let (mut done, mut written) = (0_u64, 0_u64);
    each_slice(from, CopyError::Source, |mut rows| {
        done += rows.len() as u64;
        rows.retain(|row| held.is_empty() || !held.contains(&digest_of_row(row)));
        written += rows.len() as u64;
        let outcomes = to.apply(&commits(from, rows)?).map_err(CopyError::Destination)?;
        if outcomes.contains(&Outcome::Conflict) {
            return Err(CopyError::Changed);
        }
        progress(Progress {
            phase: Phase::Writing,
            done,
            total: Some(total),
        });
        Ok(())
    })?;
    if let Some((record, digest)) = control(from, CopyError::Source)?
        && !held.contains(&digest)
    {
        let outcome = to
            .set_control(Expect::Absent, &record)
            .map_err(CopyError::Destination)?;
        if outcome == Outcome::Conflict {
            return Err(CopyError::Changed);
        }
        written += 1;
    }
    Ok(written)
}

/// A commit for each user of these rows, and one for the tombstones.
fn commits(from: &dyn Store, rows: Vec<ExportRow>) -> Result<Vec<Commit>, CopyError> {
    let mut slice = Slice::default();
    for row in rows {
        slice.take(row);
    }
    slice.commits(from)
}

#[derive(Default)]
struct Slice {
    of_users: BTreeMap<UserId, Rows>,
    tombstones: Vec<Change>,
}

#[derive(Default)]
struct Rows {
    /// The version of the user's record, where that is among the rows.
    version: Option<Version>,
    changes: Vec<Change>,
}

impl Slice {
    fn take(&mut self, row: ExportRow) {
        match row {
            ExportRow::User(user) => {
                let rows = self.of_users.entry(user.value.id.clone()).or_default();
                rows.version = Some(user.version);
                rows.changes.push(Change::PutUser(user.value));
            }
            ExportRow::Token(user, token) => self.put(user, Change::PutToken(token)),
            ExportRow::Replay(user, replay) => self.put(user, Change::PutReplay(replay)),
            ExportRow::Tombstone(tombstone) => self.tombstones.push(Change::PutTombstone(tombstone)),
        }
    }

    fn put(&mut self, user: UserId, change: Change) {
        self.of_users.entry(user).or_default().changes.push(change);
    }

    /// A user whose record is among the rows must not be there yet; one whose record is not must be there, as the
    /// source has it. (Hence no `Expect::Any`: what somebody else wrote is not written over.)
    fn commits(self, from: &dyn Store) -> Result<Vec<Commit>, CopyError> {
        let known: Vec<&UserId> = self
            .of_users
            .iter()
            .filter(|(_, rows)| rows.version.is_none())
            .map(|(user, _)| user)
            .collect();
        let mut versions = versions(from, &known)?.into_iter();
        let mut commits = Vec::with_capacity(self.of_users.len() + 1);
        for (user, rows) in self.of_users {
            let (expect, next) = match rows.version {
                Some(version) => (Expect::Absent, version),
                // A user that has gone since its rows were read.
                None => match versions.next().flatten() {
                    Some(version) => (Expect::Version(version), version),
                    None => return Err(CopyError::Changed),
                },
            };
            commits.push(Commit {
                user,
                expect,
                next,
                claims: Vec::new(),
                changes: rows.changes,
            });
        }
        commits.extend(commit_of_tombstones(from, self.tombstones)?);
        Ok(commits)
    }
}

/// Tombstones are no user's, but a commit is: that of a user who most likely does not exist, and whose record keeps
/// its version if it does.
fn commit_of_tombstones(from: &dyn Store, tombstones: Vec<Change>) -> Result<Option<Commit>, CopyError> {
    if tombstones.is_empty() {
        return Ok(None);
    }
    let user = UserId::parse("tombstones").map_err(|error| {
        CopyError::Destination(StoreError::new(StoreErrorKind::Invalid, error.to_string()))
    })?;
    let version = versions(from, &[&user])?.into_iter().flatten().next();
    Ok(Some(Commit {
        user,
        expect: Expect::Any,
        next: version.unwrap_or(Version::from_bytes([0; 16])),
        claims: Vec::new(),
        changes: tombstones,
    }))
}

/// The versions of these users' records in the source, in their order.
fn versions(from: &dyn Store, users: &[&UserId]) -> Result<Vec<Option<Version>>, CopyError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let lookups: Vec<Lookup<'_>> = users.iter().map(|user| Lookup::user(user)).collect();
    let snapshots = from.load(&lookups).map_err(CopyError::Source)?;
    let versions = snapshots.into_iter().map(|found| found.user);
    Ok(versions.map(|user| user.map(|user| user.version)).collect())
}

fn tally(
    store: &dyn Store,
    failed: fn(StoreError) -> CopyError,
    mut progress: impl FnMut(u64),
) -> Result<Tally, CopyError> {
    let mut tally = Tally::default();
    let mut done = 0_u64;
    each_slice(store, failed, |rows| {
        for row in &rows {
            tally.add(row);
        }
        done += rows.len() as u64;
        progress(done);
        Ok(())
    })?;
    if let Some((record, digest)) = control(store, failed)? {
        tally.add_control(&record.value, digest);
    }
    Ok(tally)
}

/// The control record and its digest.
fn control(
    store: &dyn Store,
    failed: fn(StoreError) -> CopyError,
) -> Result<Option<(Versioned<Control>, Digest)>, CopyError> {
    let Some(record) = store.control().map_err(failed)? else {
        return Ok(None);
    };
    let digest = digest_of_control(&record)
        .map_err(|error| failed(StoreError::new(StoreErrorKind::Damaged, error.to_string())))?;
    Ok(Some((record, digest)))
}

fn each_slice(
    store: &dyn Store,
    failed: fn(StoreError) -> CopyError,
    mut visit: impl FnMut(Vec<ExportRow>) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let mut after = None;
    loop {
        let export = store.export(after.as_ref(), ROWS_A_SLICE).map_err(failed)?;
        visit(export.rows)?;
        after = export.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
