//! Too many callers, or a store that is too slow: everybody is told, at once or at the deadline.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

mod given;

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use given::{Gate, Method, Watched, amy, over, until, user};
use issuer_service::{ErrorKind, Issued};
use issuer_store::Effect;

/// A store whose calls of `method` wait at the gate.
fn held(method: Method, gate: &Arc<Gate>) -> Arc<Watched> {
    let gate = gate.clone();
    Arc::new(Watched::new().before(move |called| {
        if called == method {
            gate.pass();
        }
        Ok(())
    }))
}

#[test]
fn past_the_bound_a_caller_is_refused_at_once_and_when_it_drains_everybody_else_is_served() {
    let gate = Gate::shut();
    let tokens = over(held(Method::Apply, &gate)).queue_bound(8).build().unwrap();
    thread::scope(|scope| {
        let tokens = &tokens;
        let begun = scope.spawn(|| tokens.blocking().issue(amy()));
        gate.wait_for_somebody();
        let mut waiting = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        let refused = loop {
            let asked = Instant::now();
            let mut one_more = Box::pin(tokens.issue(user(&format!("caller {}", waiting.len()))));
            match one_more.as_mut().poll(&mut context) {
                Poll::Pending => waiting.push(one_more),
                Poll::Ready(answer) => {
                    assert!(asked.elapsed() < Duration::from_secs(1));
                    break answer.unwrap_err();
                }
            }
        };
        assert_eq!(waiting.len(), 8);
        assert_eq!(
            (refused.kind(), refused.effect(), refused.is_retryable()),
            (&ErrorKind::Overloaded, Effect::None, true)
        );
        gate.lift();
        begun.join().unwrap().unwrap();
        for caller in waiting {
            futures_executor::block_on(caller).unwrap();
        }
        tokens.blocking().issue(user("one more")).unwrap();
    });
}

fn outcome_for(kind: &ErrorKind, effect: Effect, answer: Result<Issued, issuer_service::Error>) {
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (kind, effect));
}

/// The error of a call, and how long it took.
fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let answer = call();
    (answer, begun.elapsed())
}

#[test]
fn a_store_that_hangs_costs_a_caller_the_deadline_and_no_more() {
    let gate = Gate::shut();
    let tokens = over(held(Method::Apply, &gate))
        .deadline(Duration::from_millis(200))
        .build()
        .unwrap();
    // The first is begun and may be carried out yet; the second never is.
    let (blocking, blocking_took) = timed(|| tokens.blocking().issue(user("blocking")));
    let (async_, async_took) = timed(|| futures_executor::block_on(tokens.issue(user("async"))));
    outcome_for(&ErrorKind::DeadlineExceeded, Effect::Unknown, blocking);
    outcome_for(&ErrorKind::DeadlineExceeded, Effect::None, async_);
    for took in [blocking_took, async_took] {
        let in_time = Duration::from_millis(200)..Duration::from_secs(2);
        assert!(in_time.contains(&took), "{took:?}");
    }
    gate.lift();
}

#[test]
fn a_request_past_its_deadline_in_the_queue_is_never_begun() {
    let gate = Gate::shut();
    let store = held(Method::Apply, &gate);
    let tokens = over(store.clone())
        .deadline(Duration::from_millis(100))
        .build()
        .unwrap();
    thread::scope(|scope| {
        let begun = scope.spawn(|| tokens.blocking().issue(user("begun")));
        gate.wait_for_somebody();
        outcome_for(
            &ErrorKind::DeadlineExceeded,
            Effect::None,
            tokens.blocking().issue(user("queued")),
        );
        outcome_for(
            &ErrorKind::DeadlineExceeded,
            Effect::Unknown,
            begun.join().unwrap(),
        );
    });
    gate.lift();
    tokens.shutdown();
    assert_eq!(store.calls(Method::Load), [["begun"]]);
    assert_eq!(store.calls(Method::Apply), [["begun"]]);
}

#[test]
fn a_read_that_is_given_up_leaves_nothing_behind() {
    let gate = Gate::open();
    let tokens = over(held(Method::Find, &gate))
        .deadline(Duration::from_millis(100))
        .build()
        .unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    gate.close();
    let error = futures_executor::block_on(tokens.authenticate(issued.token())).unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (&ErrorKind::DeadlineExceeded, Effect::None)
    );
    gate.lift();
    futures_executor::block_on(tokens.authenticate(issued.token())).unwrap();
}

#[test]
fn a_deadline_without_end_is_none() {
    let tokens = over(Watched::new()).deadline(Duration::MAX).build().unwrap();
    tokens.blocking().issue(amy()).unwrap();
}

#[test]
fn whoever_waits_reads_while_a_write_hangs() {
    let gate = Gate::open();
    let tokens = over(held(Method::Apply, &gate)).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    gate.close();
    thread::scope(|scope| {
        scope.spawn(|| tokens.blocking().issue(user("another")));
        gate.wait_for_somebody();
        futures_executor::block_on(tokens.authenticate(issued.token())).unwrap();
        tokens.blocking().authenticate(issued.token()).unwrap();
        gate.lift();
    });
    until(|| tokens.blocking().issue(user("a third")).is_ok());
}
