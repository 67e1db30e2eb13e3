//! Group commit: one sync for all that queued up while the last one ran.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use issuer::{
    Digest, TokenId,
    decide::Rules,
    state::{Commit, Snapshot},
    user::UserId,
};
use issuer_store::{Effect, Lookup, Outcome, Store};

use crate::{
    Clock, Error, call::Job, clock, error::ErrorKind, fresh::Ids, guard, health::Health,
    live_tokens::LiveTokens, queue::Queue,
};

/// Requests of one batch: enough to share a sync among many, few enough that the last one need not wait long.
const MAX_BATCH: usize = 1_024;

/// How often a user's requests are decided anew because another process wrote that user in between.
const MAX_ROUNDS: usize = 32;

pub(crate) struct Writer<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) rules: &'a Rules,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) live: &'a LiveTokens,
    pub(crate) health: &'a Health,
    pub(crate) ids: Ids,
}

/// The requests of one user.
struct Group {
    user: UserId,
    jobs: Vec<Box<dyn Job>>,
    replays: Vec<Digest>,
    digests: Vec<Digest>,
    /// The tokens of which something may be kept that a commit makes untrue.
    kept: Vec<TokenId>,
}

impl Writer<'_> {
    /// Works until the queue is closed and empty.
    pub(crate) fn run(&self, queue: &Queue<Box<dyn Job>>) {
        while let Some(batch) = queue.take(MAX_BATCH) {
            // A panic below drops the batch, and each reply that is dropped tells its caller.
            let _ = catch_unwind(AssertUnwindSafe(|| self.work(batch)));
        }
    }

    fn work(&self, batch: Vec<Box<dyn Job>>) {
        let begun = batch.into_iter().filter(|job| job.begin());
        let mut groups = by_user(begun);
        for _ in 0..MAX_ROUNDS {
            if groups.is_empty() {
                return;
            }
            groups = self.round(groups);
        }
        fail_all(groups, &Error::new(ErrorKind::Contended));
    }

    /// Load, decide, apply, answer. Returns the groups that lost a race.
    fn round(&self, groups: Vec<Group>) -> Vec<Group> {
        let lookups: Vec<Lookup<'_>> = groups.iter().map(Group::lookup).collect();
        let snapshots = match guard::read_all(groups.len(), || self.store.load(&lookups)) {
            Ok(snapshots) => snapshots,
            Err(error) => return fail_all(groups, &error),
        };
        let (waiting, commits): (Vec<Group>, Vec<Commit>) = groups
            .into_iter()
            .zip(snapshots)
            .filter_map(|(group, snapshot)| self.decide(group, snapshot))
            .unzip();
        if commits.is_empty() {
            return Vec::new();
        }
        // Before the store can show the commits to anybody, and until after an error, for they may have happened.
        let forgotten = self
            .live
            .forget(waiting.iter().flat_map(|group| group.kept.iter().copied()));
        let outcomes = guard::write(|| self.store.apply(&commits));
        drop(forgotten);
        self.health
            .note(&outcomes, |outcomes| outcomes.contains(&Outcome::Applied));
        let outcomes = match outcomes {
            Ok(outcomes) if outcomes.len() == commits.len() => outcomes,
            Ok(_) => {
                let error = Error::new(ErrorKind::Internal).with_effect(Effect::Unknown);
                return fail_all(waiting, &error);
            }
            Err(error) => return fail_all(waiting, &error),
        };
        let (applied, lost): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .zip(outcomes)
            .partition(|(_, outcome)| *outcome == Outcome::Applied);
        for (group, _) in applied {
            group.jobs.into_iter().for_each(Job::settle);
        }
        lost.into_iter().map(|(group, _)| group).collect()
    }

    /// Decides the requests of one user one after the other, each on what the ones before it would leave,
    /// and folds what they write into one commit.
    ///
    /// Those before the first that writes rest on what is durable already, and are answered. All others, the
    /// refusals among them, wait for the commit.
    fn decide(&self, group: Group, mut snapshot: Snapshot) -> Option<(Group, Commit)> {
        let kept = self.kept(&snapshot);
        let mut folded: Option<Commit> = None;
        let mut waiting = Vec::new();
        for mut job in group.jobs {
            let now = self.clock.now();
            match (
                job.decide(&snapshot, self.rules, clock::seconds(now), self.ids.fresh(now)),
                &mut folded,
            ) {
                (None, None) => {
                    job.settle();
                    continue;
                }
                (None, Some(_)) => {}
                (Some(commit), folded) => {
                    snapshot.advance(&commit);
                    match folded {
                        Some(folded) => folded.fold(commit),
                        None => *folded = Some(commit),
                    }
                }
            }
            waiting.push(job);
        }
        let group = Group {
            jobs: waiting,
            kept,
            ..group
        };
        folded.map(|commit| (group, commit))
    }

    /// Only a token that is not revoked can be kept and believed, and the snapshot has all of those.
    fn kept(&self, snapshot: &Snapshot) -> Vec<TokenId> {
        let kept = snapshot.tokens.iter().filter(|_| self.live.keeps_any());
        kept.filter_map(|token| token.issued().map(|issued| issued.id))
            .collect()
    }
}

impl Group {
    fn new(user: UserId) -> Self {
        Self {
            user,
            jobs: Vec::new(),
            replays: Vec::new(),
            digests: Vec::new(),
            kept: Vec::new(),
        }
    }

    fn lookup(&self) -> Lookup<'_> {
        Lookup {
            user: &self.user,
            replays: &self.replays,
            digests: &self.digests,
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

/// Tells all of them; none is left to decide again.
fn fail_all(groups: Vec<Group>, error: &Error) -> Vec<Group> {
    for job in groups.into_iter().flat_map(|group| group.jobs) {
        job.fail(error.clone());
    }
    Vec::new()
}
