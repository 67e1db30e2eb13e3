//! Many at once: one winner, whole commits, and nothing stale.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicI64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use issuer::state::{Control, Expect, UserRecord, Versioned};
use issuer_store::{Outcome, Page, Store};

use crate::{
    fixture::{
        Draft, assigned, at, creating, digest, id, issued, replay, revoked, until, updating, user, version,
        writing,
    },
    probe::{applied, apply, export, find, holder, list, load, snapshot, tokens, version_of},
};

const THREADS: u64 = 8;

/// What each of [`THREADS`] threads, all started at once, returned for its number.
fn race<T: Send>(run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(usize::try_from(THREADS).expect("few threads"));
    let run = |n| {
        start.wait();
        run(n)
    };
    let run = &run;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|n| scope.spawn(move || run(n))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics"))
            .collect()
    })
}

fn winners(outcomes: &[Vec<Outcome>]) -> usize {
    outcomes
        .iter()
        .flatten()
        .filter(|outcome| **outcome == Outcome::Applied)
        .count()
}

pub fn of_many_who_create_one_user_one_wins(store: &dyn Store) {
    for round in 0..10 {
        let name = format!("user{round}");
        let outcomes = race(|n| apply(store, [creating(&name, n).token(issued(&format!("{name} {n}")))]));
        assert_eq!(winners(&outcomes), 1, "{outcomes:?}");
        assert_eq!(tokens(store, &name).len(), 1);
    }
}

pub fn of_many_who_update_one_version_one_wins(store: &dyn Store) {
    applied(store, [creating("amy", 1_000)]);
    for round in 0..10 {
        let next = |n| 2_000 + round * 100 + n;
        let before = version_of(store, "amy").expect("amy");
        let outcomes = race(|n| apply(store, [writing("amy", Expect::Version(before), next(n))]));
        assert_eq!(winners(&outcomes), 1, "{outcomes:?}");
        let winner = (0..)
            .zip(&outcomes)
            .find(|(_, outcome)| outcome[0] == Outcome::Applied);
        assert_eq!(version_of(store, "amy"), winner.map(|(n, _)| version(next(n))));
    }
}

pub fn of_many_who_claim_one_digest_one_wins(store: &dyn Store) {
    for round in 0..10 {
        let text = format!("token {round}");
        let outcomes = race(|n| {
            let name = format!("user {round} {n}");
            apply(
                store,
                [creating(&name, n).claim(&text, None).token(assigned(&text))],
            )
        });
        assert_eq!(winners(&outcomes), 1, "{outcomes:?}");
    }
}

pub fn of_many_who_create_the_control_record_one_wins(store: &dyn Store) {
    let outcomes = race(|n| {
        let next = Versioned {
            version: version(n),
            value: Control::default(),
        };
        vec![store.set_control(Expect::Absent, &next).expect("set_control")]
    });
    assert_eq!(winners(&outcomes), 1, "{outcomes:?}");
}

pub fn no_update_is_lost(store: &dyn Store) {
    // Everybody counts on in one record: load, add one, apply, and again on a conflict.
    const EACH: u64 = 5;
    applied(store, [creating("amy", 0)]);
    race(|thread| {
        for n in 0..EACH {
            let number = 1 + thread * EACH + n;
            // A conflict says that somebody else was applied, so that there are never more than these.
            let mut attempts = 0..THREADS * EACH;
            loop {
                assert!(attempts.next().is_some(), "conflicts, and nobody is applied");
                let seen = snapshot(store, "amy").user.expect("amy");
                let next = UserRecord {
                    updated_at: seen.value.updated_at.saturating_add_seconds(1),
                    ..seen.value
                };
                // Time for the others to read the same.
                thread::sleep(Duration::from_millis(1));
                let draft = writing("amy", Expect::Version(seen.version), number).user(next);
                if apply(store, [draft]) == [Outcome::Applied] {
                    break;
                }
            }
        }
    });
    let count = snapshot(store, "amy")
        .user
        .expect("amy")
        .value
        .updated_at
        .seconds_since(at(0));
    assert_eq!(count, i64::try_from(THREADS * EACH).expect("few updates"));
}

pub fn commits_of_different_users_do_not_disturb_each_other(store: &dyn Store) {
    race(|thread| {
        let name = format!("user{thread}");
        applied(store, [creating(&name, 0)]);
        for n in 1..=20 {
            applied(
                store,
                [updating(&name, n - 1, n).token(issued(&format!("{name} {n}")))],
            );
        }
    });
    for thread in 0..THREADS {
        assert_eq!(tokens(store, &format!("user{thread}")).len(), 20);
    }
}

/// Applies commits 0 to 150 one after the other, the first one alone, and calls `read` over and over
/// beside the others.
fn while_writing(store: &dyn Store, commit: impl Fn(u64) -> Draft + Send, read: impl Fn() + Sync) {
    applied(store, [commit(0)]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    read();
                }
                read();
            });
        }
        // Whatever becomes of the writer, the readers must end.
        let result = panic::catch_unwind(AssertUnwindSafe(|| {
            for n in 1..=150 {
                applied(store, [commit(n)]);
                // Time for the readers to see this one.
                thread::sleep(Duration::from_micros(200));
            }
        }));
        done.store(true, Ordering::Release);
        if let Err(reason) = result {
            panic::resume_unwind(reason);
        }
    });
}

/// Commit `n` in words that every row repeats: version, nickname, one live token and its idempotency record.
fn told(n: u64) -> Draft {
    let mut told = user("amy");
    told.updated_at = at(i64::try_from(n).expect("few commits"));
    let mut key = replay("key");
    key.request = digest(&n.to_string());
    let draft = writing("amy", Expect::Any, n)
        .user(told)
        .token(issued(&n.to_string()))
        .replay(key);
    match n {
        0 => draft,
        _ => draft.token(revoked(issued(&(n - 1).to_string()), at(0))),
    }
}

pub fn a_load_never_sees_half_a_commit(store: &dyn Store) {
    while_writing(store, told, || {
        let amy = load(store, "amy", &["key"], &[]);
        let record = amy.user.expect("amy");
        let n = u64::try_from(record.value.updated_at.seconds_since(at(0))).expect("a commit");
        assert_eq!(record.version, version(n));
        assert_eq!(amy.tokens, [issued(&n.to_string())]);
        assert_eq!(
            amy.replays[0].1.map(|key| key.request),
            Some(digest(&n.to_string()))
        );
    });
}

pub fn a_listed_user_is_never_half_a_commit(store: &dyn Store) {
    while_writing(store, told, || {
        let page = list(
            store,
            &Page {
                limit: 10,
                ..Page::default()
            },
        );
        let n = page.users[0].user.updated_at.seconds_since(at(0));
        assert_eq!(page.users[0].tokens, [issued(&n.to_string())]);
    });
}

pub fn a_found_token_and_its_user_are_of_one_instant(store: &dyn Store) {
    // The token's end and the user's `updated_at` are written together.
    let told = |n: u64| {
        let n = i64::try_from(n).expect("few commits");
        let mut record = user("amy");
        record.updated_at = at(n);
        let token = until(issued("t"), at(n));
        writing("amy", Expect::Any, 1).user(record).token(token)
    };
    while_writing(store, told, || {
        let found = find(store, "amy", &issued("t")).expect("the token");
        assert_eq!(found.token.expires_at, found.user.updated_at);
    });
}

pub fn a_user_whose_tokens_are_replaced_is_never_seen_without_one(store: &dyn Store) {
    let erase_and_create = |n: u64| {
        writing("amy", Expect::Any, n)
            .erase()
            .user(user("amy"))
            .token(issued(&n.to_string()))
    };
    while_writing(store, erase_and_create, || {
        let amy = snapshot(store, "amy");
        assert!(amy.user.is_some());
        assert_eq!(amy.tokens.len(), 1);
    });
}

pub fn what_was_applied_is_seen_by_the_next_load_of_every_thread(store: &dyn Store) {
    applied(store, [creating("amy", 0).token(assigned("t"))]);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (ask, asked) = mpsc::channel::<u64>();
                let (answer, answered) = mpsc::channel();
                scope.spawn(move || {
                    for n in asked {
                        let amy = snapshot(store, "amy");
                        let seen = amy.user.is_some_and(|user| user.version == version(n))
                            && amy
                                .tokens
                                .iter()
                                .any(|token| token.name() == issued(&n.to_string()).name())
                            && find(store, "amy", &issued(&n.to_string())).is_some();
                        if answer.send(seen).is_err() {
                            return;
                        }
                    }
                });
                (ask, answered)
            })
            .collect();
        for n in 1..=50 {
            applied(store, [updating("amy", n - 1, n).token(issued(&n.to_string()))]);
            for (ask, _) in &readers {
                ask.send(n).expect("the reader is there");
            }
            for (_, answered) in &readers {
                assert_eq!(
                    answered.recv(),
                    Ok(true),
                    "commit {n} was applied, and is not seen"
                );
            }
        }
    });
}

pub fn what_was_applied_is_seen_by_every_method(store: &dyn Store) {
    for n in 1..=20 {
        let name = format!("user{n:02}");
        applied(
            store,
            [creating(&name, n).token(issued(&name)).token(assigned(&name))],
        );
        assert_eq!(version_of(store, &name), Some(version(n)));
        assert!(holder(store, &name).is_some());
        assert!(find(store, &name, &issued(&name)).is_some());
        let page = list(
            store,
            &Page {
                limit: 100,
                count_all: true,
                ..Page::default()
            },
        );
        assert_eq!(page.total, Some(n));
        assert_eq!(page.users.last().map(|entry| &entry.user.id), Some(&id(&name)));
        assert_eq!(export(store, 100).len() as u64, 3 * n);
    }
}

pub fn what_a_load_has_shown_no_later_load_takes_back(store: &dyn Store) {
    let number_of = |store: &dyn Store| {
        let amy = snapshot(store, "amy").user.expect("amy");
        amy.value.updated_at.seconds_since(at(0))
    };
    let highest = AtomicI64::new(0);
    while_writing(store, told, || {
        let before = highest.load(Ordering::SeqCst);
        let seen = number_of(store);
        assert!(seen >= before, "commit {before} was shown, then {seen}");
        highest.fetch_max(seen, Ordering::SeqCst);
    });
}

pub fn an_apply_that_began_after_a_load_returned_is_not_seen_by_it(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(issued("a"))]);
    let before = snapshot(store, "amy");
    applied(store, [updating("amy", 1, 2).token(revoked(issued("a"), at(1)))]);
    assert_eq!(before.user.map(|user| user.version), Some(version(1)));
    assert_eq!(before.tokens, [issued("a")]);
    assert_eq!(tokens(store, "amy"), []);
}

pub fn everything_may_be_called_at_once(store: &dyn Store) {
    race(|thread| {
        let name = format!("user{thread}");
        for n in 0..15 {
            applied(
                store,
                [writing(&name, Expect::Any, n)
                    .user(user(&name))
                    .token(issued(&format!("{n}")))
                    .token(revoked(issued(&format!("{}", n.wrapping_sub(1))), at(-10)))
                    .replay(replay(&format!("{n}")))],
            );
            store.purge(at(-5), 3).expect("purge");
            assert!(!snapshot(store, &name).tokens.is_empty());
            assert!(
                list(
                    store,
                    &Page {
                        limit: 100,
                        count_all: true,
                        ..Page::default()
                    }
                )
                .total
                .is_some()
            );
            assert!(!export(store, 1_000).is_empty());
            store.control().expect("control");
        }
    });
}
