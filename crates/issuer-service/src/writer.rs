//! Group commit: one sync for all that queued up while the last one ran.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use issuer::{
    Digest,
    decide::Rules,
    state::{Commit, Snapshot},
    user::UserId,
};
use issuer_store::{Lookup, Outcome, Store};

use crate::{Clock, Error, call::Job, clock, error::ErrorKind, fresh::fresh, guard, queue::Queue};

/// Requests of one batch: enough to share a sync among many, few enough that the last one need not wait long.
const MAX_BATCH: usize = 1_024;

/// How often a user's requests are decided anew because another process wrote that user in between.
const MAX_ROUNDS: usize = 32;

pub(crate) struct Writer<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) rules: &'a Rules,
    pub(crate) clock: &'a dyn Clock,
}

/// What the requests of one user come to.
struct Group {
    user: UserId,
    jobs: Vec<Box<dyn Job>>,
    replays: Vec<Digest>,
    digests: Vec<Digest>,
    commit: Option<Commit>,
    /// How many of `jobs`, from the first, rest on nothing that is still to be written.
    settled: usize,
}

impl Writer<'_> {
    /// Works until the queue is closed and empty.
    pub(crate) fn run(&self, queue: &Queue<Box<dyn Job>>) {
        while let Some(batch) = queue.take(MAX_BATCH) {
            // A panic below drops the batch, and with it every way back: the callers are told.
            let _ = catch_unwind(AssertUnwindSafe(|| self.work(batch)));
        }
    }

    fn work(&self, batch: Vec<Box<dyn Job>>) {
        let begun = batch.into_iter().filter(|job| job.begin());
        let mut groups = by_user(begun);
        for _ in 0..MAX_ROUNDS {
            groups = self.round(groups);
            if groups.is_empty() {
                return;
            }
        }
        for group in groups {
            group.fail(&Error::new(ErrorKind::Contended));
        }
    }

    /// Load, decide, apply, answer. Returns the groups that lost a race.
    fn round(&self, mut groups: Vec<Group>) -> Vec<Group> {
        let lookups: Vec<Lookup<'_>> = groups.iter().map(Group::lookup).collect();
        let snapshots = match guard::read(|| self.store.load(&lookups)) {
            Ok(snapshots) if snapshots.len() == groups.len() => snapshots,
            Ok(_) => return fail_all(groups, &Error::new(ErrorKind::Internal)),
            Err(error) => return fail_all(groups, &error),
        };
        for (group, snapshot) in groups.iter_mut().zip(snapshots) {
            self.decide(group, snapshot);
        }
        let commits: Vec<Commit> = groups
            .iter_mut()
            .filter_map(|group| group.commit.take())
            .collect();
        let (settled, written): (Vec<Group>, Vec<Group>) = groups
            .into_iter()
            .partition(|group| group.settled == group.jobs.len());
        settled.into_iter().for_each(Group::settle);
        if commits.is_empty() {
            return Vec::new();
        }
        match guard::write(|| self.store.apply(&commits)) {
            Err(error) => fail_all(written, &error),
            Ok(outcomes) if outcomes.len() != written.len() => {
                fail_all(written, &Error::new(ErrorKind::Internal).maybe_applied())
            }
            Ok(outcomes) => {
                let mut lost = Vec::new();
                for (group, outcome) in written.into_iter().zip(outcomes) {
                    match outcome {
                        Outcome::Applied => group.settle(),
                        Outcome::Conflict => lost.push(group),
                    }
                }
                lost
            }
        }
    }

    /// Decides the requests of one user one after the other, each on what the ones before it would leave,
    /// and folds what they write into one commit.
    fn decide(&self, group: &mut Group, mut snapshot: Snapshot) {
        group.commit = None;
        group.settled = 0;
        for job in &mut group.jobs {
            let now = self.clock.now();
            if let Some(commit) = job.decide(&snapshot, self.rules, clock::seconds(now), fresh(now)) {
                snapshot = snapshot.after(&commit);
                match &mut group.commit {
                    Some(folded) => folded.fold(commit),
                    None => group.commit = Some(commit),
                }
            } else if group.commit.is_none() {
                group.settled += 1;
            }
        }
    }
}

impl Group {
    fn new(user: UserId) -> Self {
        Self {
            user,
            jobs: Vec::new(),
            replays: Vec::new(),
            digests: Vec::new(),
            commit: None,
            settled: 0,
        }
    }

    fn lookup(&self) -> Lookup<'_> {
        Lookup {
            user: &self.user,
            replays: &self.replays,
            digests: &self.digests,
        }
    }

    fn settle(self) {
        self.jobs.into_iter().for_each(Job::settle);
    }

    fn fail(self, error: &Error) {
        for (at, job) in self.jobs.into_iter().enumerate() {
            if at < self.settled {
                job.settle();
            } else {
                job.fail(error.clone());
            }
        }
    }
}

/// The requests of each user, in the order of their arrival.
fn by_user(jobs: impl Iterator<Item = Box<dyn Job>>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<UserId, usize> = HashMap::new();
    for job in jobs {
        let at = *places.entry(job.user().clone()).or_insert_with(|| {
            groups.push(Group::new(job.user().clone()));
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(at) {
            group
                .replays
                .extend(job.replay().filter(|key| !group.replays.contains(key)));
            group
                .digests
                .extend(job.digest().filter(|digest| !group.digests.contains(digest)));
            group.jobs.push(job);
        }
    }
    groups
}

fn fail_all(groups: Vec<Group>, error: &Error) -> Vec<Group> {
    for group in groups {
        group.fail(error);
    }
    Vec::new()
}
