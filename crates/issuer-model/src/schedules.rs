//! What shuttle schedules. A schedule in which somebody waits for ever ends in a panic, which says "deadlock".
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "to panic is to say what broke"
)]

use std::{sync::Arc, time::Duration};

use issuer::{
    KeyFingerprint, Timestamp,
    decide::{Issue, Refusal, Rules},
    user::NewUser,
};
use issuer_store::{Effect, Lookup, MemoryStore, Store as _};
use shuttle::{future::block_on, thread};

pub use crate::sync::Plant;
use crate::{
    ErrorKind,
    call::{Caller, Job},
    clock::ManualClock,
    fresh::Ids,
    live_tokens::LiveTokens,
    queue::{Queue, Rejected},
    reply::{self, Reply},
    sync,
    writer::Writer,
};

/// Three callers push, two takers take, and somebody closes the queue meanwhile: what was let in is taken
/// exactly once, what was not is told so, and everybody comes to an end.
pub fn queue(plant: Plant) {
    sync::plant(plant);
    let queue = Arc::new(Queue::new(2, Duration::ZERO));
    let takers: Vec<_> = (0..2)
        .map(|_| {
            let queue = queue.clone();
            thread::spawn(move || {
                let mut taken = Vec::new();
                while let Some(batch) = queue.take(1) {
                    taken.extend(batch);
                }
                taken
            })
        })
        .collect();
    let callers: Vec<_> = (0..3)
        .map(|item| {
            let queue = queue.clone();
            thread::spawn(move || (item, queue.push(item)))
        })
        .collect();
    queue.close();
    let mut let_in: Vec<i32> = callers
        .into_iter()
        .map(|caller| caller.join().unwrap())
        .filter_map(|(item, pushed)| pushed.is_ok().then_some(item))
        .collect();
    let mut taken: Vec<i32> = takers
        .into_iter()
        .flat_map(|taker| taker.join().unwrap())
        .collect();
    let_in.sort_unstable();
    taken.sort_unstable();
    assert_eq!(taken, let_in);
    assert_eq!(queue.push(9), Err(Rejected::Closed));
}

/// As long as nobody closes the queue, whoever pushed is served: no wake-up is lost.
pub fn served_while_open(plant: Plant) {
    sync::plant(plant);
    let queue = Arc::new(Queue::<Reply<u8>>::new(8, Duration::ZERO));
    let takers: Vec<_> = (0..2)
        .map(|_| {
            let queue = queue.clone();
            thread::spawn(move || {
                while let Some(batch) = queue.take(1) {
                    for reply in batch {
                        reply.send(Ok(1));
                    }
                }
            })
        })
        .collect();
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            thread::spawn(move || {
                let (reply, pending) = reply::channel();
                queue.push(reply).map_err(drop).unwrap();
                assert_eq!(block_on(pending.answer()).unwrap(), 1);
            })
        })
        .collect();
    for caller in callers {
        caller.join().unwrap();
    }
    queue.close();
    for taker in takers {
        taker.join().unwrap();
    }
}

/// One who answers, one who gives the request up, and one who waits: there is exactly one answer, and whoever
/// is told that nothing was begun can rely on it.
pub fn reply() {
    let (reply, pending) = reply::channel::<u8>();
    let watched = reply.watched();
    let expires = thread::spawn(move || watched.expire());
    let answers = thread::spawn(move || {
        let begun = reply.begin(Effect::Unknown);
        if begun {
            reply.send(Ok(1));
        }
        begun
    });
    let told = block_on(pending.answer());
    let begun = answers.join().unwrap();
    expires.join().unwrap();
    match told {
        Ok(answer) => assert!(begun && answer == 1),
        Err(error) => {
            assert!(*error.kind() == ErrorKind::DeadlineExceeded || !begun);
            assert_eq!(error.effect(), if begun { Effect::Unknown } else { Effect::None });
        }
    }
}

/// The writer itself behind its queue: three callers for two users, one of them overdue, and a shutdown in
/// between. Everybody is answered once, and what was acknowledged is in the store.
pub fn writer(plant: Plant) {
    sync::plant(plant);
    let queue = Arc::new(Queue::<Box<dyn Job>>::new(2, Duration::ZERO));
    let store = Arc::new(MemoryStore::new());
    let writes = thread::spawn({
        let (queue, store) = (queue.clone(), store.clone());
        move || {
            let rules = Rules::new(KeyFingerprint::from_bytes([7; 16]));
            let clock = ManualClock::at(Timestamp::from_unix(1_750_680_000).unwrap());
            Writer {
                store: &*store,
                rules: &rules,
                clock: &clock,
                live: &LiveTokens::none(),
                ids: Ids::default(),
            }
            .run(&queue);
        }
    });
    let callers: Vec<_> = ["amy", "amy", "bob"]
        .map(|name| {
            let queue = queue.clone();
            thread::spawn(move || {
                let user = NewUser::new(name).unwrap();
                let (reply, pending) = reply::channel();
                let watched = reply.watched();
                queue.push(Box::new(Caller::new(Issue::from(user), reply)))?;
                let watch = (name == "bob").then(|| thread::spawn(move || watched.expire()));
                let answer = block_on(pending.answer());
                if let Some(watch) = watch {
                    watch.join().unwrap();
                }
                answer
            })
        })
        .into_iter()
        .collect();
    queue.close();
    let answers: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
    writes.join().unwrap();
    let mut granted = 0;
    for answer in answers {
        match answer {
            Ok(issued) => {
                granted += usize::from(issued.user.id.as_str() == "amy");
                let found = store.load(&[Lookup::user(&issued.user.id)]).unwrap();
                assert!(found.iter().any(|found| found.tokens.contains(&issued.token)));
            }
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::ShuttingDown
                        | ErrorKind::Overloaded
                        | ErrorKind::DeadlineExceeded
                        | ErrorKind::Refused(Refusal::UserExists { .. })
                ),
                "{error}"
            ),
        }
    }
    assert!(granted <= 1);
}
