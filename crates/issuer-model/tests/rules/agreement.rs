//! The store of the explorer does what `MemoryStore` does.

use issuer::{
    Digest, Lifetime, Timestamp, TokenId,
    decide::{self, Decision, Fresh, IdempotencyKey, Issue, Policy, Revoke, RevokeTarget},
    state::{Change, Commit, Expect, Snapshot, Version},
    user::{NewUser, UserId},
};
use issuer_store::{Lookup, MemoryStore, Store};
use proptest::prelude::*;

use crate::{table::Table, world::World};

/// What is written next, and what it expects of the user's record.
#[derive(Clone, Debug)]
struct Step {
    user: usize,
    write: Write,
    expect: Expected,
    seconds: i64,
    /// Dead rows are purged afterwards, as if the clock showed this many seconds more.
    purge: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
enum Write {
    Issue(usize),
    Revoke,
    Erase,
}

#[derive(Clone, Copy, Debug)]
enum Expected {
    AsDecided,
    Absent,
    Other,
    Any,
}

fn step() -> impl Strategy<Value = Step> {
    let write = prop_oneof![
        4 => (0..2usize).prop_map(Write::Issue),
        2 => Just(Write::Revoke),
        1 => Just(Write::Erase),
    ];
    let expect = prop_oneof![
        6 => Just(Expected::AsDecided),
        1 => Just(Expected::Absent),
        1 => Just(Expected::Other),
        1 => Just(Expected::Any),
    ];
    let purge = prop_oneof![3 => Just(None), 1 => (-60..120i64).prop_map(Some)];
    (0..2usize, write, expect, 0..2i64, purge).prop_map(|(user, write, expect, seconds, purge)| Step {
        user,
        write,
        expect,
        seconds,
        purge,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_of_the_explorer_does_what_the_reference_does(steps in prop::collection::vec(step(), 1..40)) {
        let users = ["amy", "bob"].map(|id| UserId::parse(id).unwrap());
        let keys = ["a", "b"].map(|key| IdempotencyKey::new(b"caller", key).unwrap());
        let digests = keys.map(IdempotencyKey::digest);
        let (memory, mut table) = (MemoryStore::new(), Table::default());
        let mut now = Timestamp::from_unix(1_750_680_000).unwrap();
        for (number, step) in steps.iter().enumerate() {
            now = now.checked_add(Lifetime::MIN).unwrap().checked_add_seconds(step.seconds - 1).unwrap();
            let user = &users[step.user];
            let snapshot = load(&memory, user, &digests);
            if let Some(commit) = commit(&snapshot, user, step, &keys, now, number) {
                let outcomes = memory.apply(std::slice::from_ref(&commit)).unwrap();
                prop_assert_eq!(&outcomes, &[table.apply(&commit)]);
            }
            if let Some(seconds) = step.purge {
                let dead_before = now.saturating_add_seconds(seconds);
                prop_assert_eq!(memory.purge(dead_before, usize::MAX).unwrap(), table.purge(dead_before));
            }
            for user in &users {
                prop_assert_eq!(load(&memory, user, &digests), table.rows(user).snapshot(&digests));
            }
        }
    }
}

/// The tokens come in the order of their names from both.
fn load(store: &MemoryStore, user: &UserId, replays: &[Digest]) -> Snapshot {
    let digests = &[];
    store
        .load(&[Lookup {
            user,
            replays,
            digests,
        }])
        .unwrap()
        .remove(0)
}

fn commit(
    snapshot: &Snapshot,
    user: &UserId,
    step: &Step,
    keys: &[IdempotencyKey],
    now: Timestamp,
    number: usize,
) -> Option<Commit> {
    let rules = World::new(Policy::Upsert, 2).rules();
    let id = (number as u128 + 1).to_be_bytes();
    let fresh = Fresh {
        token_id: TokenId::from_bytes(id),
        version: Version::from_bytes(id),
    };
    let mut commit = match step.write {
        Write::Issue(key) => {
            let issue = Issue::from(NewUser::from(user.clone())).with_idempotency_key(keys[key]);
            match decide::issue(snapshot, &issue, &rules, now, fresh) {
                Decision::Commit(commit, _) => commit,
                _ => return None,
            }
        }
        Write::Revoke => {
            let revoke = Revoke {
                user: user.clone(),
                target: RevokeTarget::All,
            };
            match decide::revoke(snapshot, &revoke, &rules, now, fresh) {
                Decision::Commit(commit, _) => commit,
                _ => return None,
            }
        }
        Write::Erase => Commit {
            user: user.clone(),
            expect: Expect::Version(snapshot.user.as_ref()?.version),
            next: fresh.version,
            claims: Vec::new(),
            changes: vec![Change::EraseUser],
        },
    };
    match step.expect {
        Expected::AsDecided => {}
        Expected::Absent => commit.expect = Expect::Absent,
        Expected::Other => commit.expect = Expect::Version(Version::from_bytes([255; 16])),
        Expected::Any => commit.expect = Expect::Any,
    }
    Some(commit)
}
