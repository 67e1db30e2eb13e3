//! Several openings of one store at a time, as several servers have them.

use std::thread;

use issuer::state::{Control, Expect, Versioned};
use issuer_store::{Outcome, Store};

use crate::{
    Open,
    fixture::{assigned, at, creating, held_by, issued, revoked, updating, version, writing},
    probe::{applied, apply, conflicts, find, holder, snapshot, tokens, version_of},
};

pub fn what_one_opening_applied_the_others_see_at_once(open: Open<'_>) {
    let (here, there) = (open(), open());
    applied(&*here, [creating("amy", 0)]);
    for n in 1..=20 {
        let (writer, reader) = if n % 2 == 0 {
            (&here, &there)
        } else {
            (&there, &here)
        };
        applied(
            &**writer,
            [updating("amy", n - 1, n).token(issued(&n.to_string()))],
        );
        assert_eq!(version_of(&**reader, "amy"), Some(version(n)));
        assert!(find(&**reader, "amy", &issued(&n.to_string())).is_some());
    }
}

pub fn what_one_opening_revoked_the_others_see_at_once(open: Open<'_>) {
    let (here, there) = (open(), open());
    applied(&*here, [creating("amy", 1).token(issued("a"))]);
    assert!(find(&*there, "amy", &issued("a")).is_some());
    applied(&*here, [updating("amy", 1, 2).token(revoked(issued("a"), at(1)))]);
    assert_eq!(tokens(&*there, "amy"), []);
    let found = find(&*there, "amy", &issued("a"));
    assert!(found.is_none_or(|found| found.token.revoked_at.is_some()));
}

pub fn preconditions_hold_between_openings(open: Open<'_>) {
    let (here, there) = (open(), open());
    applied(&*here, [creating("amy", 1).token(assigned("t"))]);
    conflicts(&*there, creating("amy", 2));
    conflicts(&*there, creating("bob", 2).token(assigned("t")));
    applied(&*there, [updating("amy", 1, 3)]);
    conflicts(&*here, updating("amy", 1, 4));
    applied(&*here, [creating("bob", 5).claim("t", Some(held_by("amy")))]);
    assert_eq!(holder(&*there, "t"), Some(held_by("amy")));
}

pub fn the_control_record_is_one_for_all_openings(open: Open<'_>) {
    let record = |n| Versioned {
        version: version(n),
        value: Control::default(),
    };
    let (here, there) = (open(), open());
    let set = |store: &dyn Store, expect, n| store.set_control(expect, &record(n)).expect("set_control");
    assert_eq!(set(&*here, Expect::Absent, 1), Outcome::Applied);
    assert_eq!(there.control().expect("control"), Some(record(1)));
    assert_eq!(set(&*there, Expect::Absent, 2), Outcome::Conflict);
    assert_eq!(set(&*there, Expect::Version(version(1)), 3), Outcome::Applied);
    assert_eq!(here.control().expect("control"), Some(record(3)));
}

pub fn of_many_openings_that_race_one_wins(open: Open<'_>) {
    applied(&*open(), [creating("amy", 0)]);
    let stores = [open(), open(), open()];
    for round in 1..=10 {
        let before = version_of(&*stores[0], "amy").expect("amy");
        let outcomes: Vec<Outcome> = thread::scope(|scope| {
            let threads: Vec<_> = (0..)
                .zip(&stores)
                .map(|(n, store)| {
                    let draft = writing("amy", Expect::Version(before), 10 * round + n);
                    scope.spawn(move || apply(&**store, [draft])[0])
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no thread panics"))
                .collect()
        });
        let won = outcomes
            .iter()
            .filter(|outcome| **outcome == Outcome::Applied)
            .count();
        assert_eq!(won, 1, "{outcomes:?}");
    }
}

pub fn an_opening_outlives_the_others(open: Open<'_>) {
    let (here, there) = (open(), open());
    applied(&*here, [creating("amy", 1)]);
    drop(here);
    applied(&*there, [updating("amy", 1, 2)]);
    drop(there);
    assert_eq!(
        snapshot(&*open(), "amy").user.map(|user| user.version),
        Some(version(2))
    );
}
