//! One sync for all that queued while the last one ran.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

mod given;

use std::{
    collections::HashSet,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    thread,
    time::Duration,
};

use given::{Gate, Method, Watched, amy, over, user};
use issuer::decide::{Dead, IdempotencyKey, Issue, MaxLiveTokens, Policy, Refusal};
use issuer_service::{Builder, Error, Issued, TokenService};

/// A store whose first `apply` waits at the gate before it begins.
fn held(gate: &Arc<Gate>) -> Arc<Watched> {
    let gate = gate.clone();
    Arc::new(Watched::new().before(move |called| {
        if called == Method::Apply {
            gate.pass();
        }
        Ok(())
    }))
}

/// Has all of these requests wait while one `apply` runs; their answers in the order of their arrival.
fn together(
    set_up: impl FnOnce(Builder) -> Builder,
    requests: Vec<Issue>,
) -> (Arc<Watched>, TokenService, Vec<Result<Issued, Error>>) {
    let gate = Gate::shut();
    let store = held(&gate);
    let tokens = set_up(over(store.clone())).build().unwrap();
    let answers = {
        let mut first = pin!(tokens.issue(user("the first")));
        let mut context = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        gate.wait_for_somebody();
        let mut waiting: Vec<_> = requests
            .into_iter()
            .map(|request| Box::pin(tokens.issue(request)))
            .collect();
        for caller in &mut waiting {
            assert!(caller.as_mut().poll(&mut context).is_pending());
        }
        gate.lift();
        waiting.into_iter().map(futures_executor::block_on).collect()
    };
    (store, tokens, answers)
}

fn lives(tokens: &TokenService, issued: &Issued) -> bool {
    match tokens.blocking().authenticate(issued.token()) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.refusal(), Some(&Refusal::InvalidToken(Dead::Revoked)));
            false
        }
    }
}

#[test]
fn callers_that_queue_while_one_commit_runs_share_the_next() {
    let requests = (0..64).map(|n| user(&format!("user {n}")).into()).collect();
    let (store, tokens, answers) = together(|builder| builder, requests);
    for issued in answers {
        assert!(lives(&tokens, &issued.unwrap()));
    }
    let applied = store.calls(Method::Apply);
    assert!(applied.len() <= 1 + 2, "{applied:?}");
    assert_eq!(store.calls(Method::Load).len(), applied.len());
}

#[test]
fn a_slice_names_each_user_once_whatever_was_asked_for() {
    let requests = (0..64).map(|n| user(&format!("user {}", n % 4)).into()).collect();
    let (store, tokens, answers) = together(|builder| builder.policy(Policy::Upsert), requests);
    for users in store.calls(Method::Apply) {
        assert_eq!(users.iter().collect::<HashSet<_>>().len(), users.len());
    }
    // Each request was carried out, and replaced the one before it.
    let issued: Vec<Issued> = answers.into_iter().map(Result::unwrap).collect();
    let (replaced, last) = issued.split_at(60);
    assert!(replaced.iter().all(|issued| !lives(&tokens, issued)));
    assert!(last.iter().all(|issued| lives(&tokens, issued)));
    let texts: HashSet<&str> = issued.iter().map(Issued::token).collect();
    assert_eq!(texts.len(), 64);
}

#[test]
fn requests_of_one_user_are_decided_one_after_the_other() {
    let two = |builder: Builder| builder.max_live_tokens(MaxLiveTokens::new(2).unwrap());
    let key = |text| IdempotencyKey::new(b"caller", text).unwrap();
    let requests = vec![
        Issue::from(amy()).with_idempotency_key(key("a")),
        Issue::from(amy()).with_idempotency_key(key("b")),
        Issue::from(amy()),
        Issue::from(amy()).with_idempotency_key(key("a")),
        Issue::from(user("user001")).with_idempotency_key(key("b")),
    ];
    let (store, tokens, answers) = together(two, requests);
    let [first, second, third, again, reused] = answers.try_into().unwrap();
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(lives(&tokens, &first) && lives(&tokens, &second));
    assert!(matches!(
        third.unwrap_err().refusal(),
        Some(Refusal::UserExists { .. })
    ));
    assert_eq!(again.unwrap().token(), first.token());
    assert_eq!(
        reused.unwrap_err().refusal(),
        Some(&Refusal::IdempotencyKeyReused)
    );
    assert_eq!(store.calls(Method::Apply), [["the first"], ["user001"]]);
}

#[test]
fn no_answer_leaves_before_what_it_rests_on_is_written() {
    let (before, after) = (Gate::shut(), Gate::shut());
    let passed = Arc::new(AtomicUsize::new(0));
    let store = Arc::new(
        Watched::new()
            .before({
                let before = before.clone();
                move |called| {
                    if called == Method::Apply {
                        before.pass();
                    }
                    Ok(())
                }
            })
            .after({
                let (after, passed) = (after.clone(), passed.clone());
                move |called| {
                    // The second one: that of the requests below.
                    if called == Method::Apply && passed.fetch_add(1, Ordering::SeqCst) == 1 {
                        after.pass();
                    }
                    Ok(())
                }
            }),
    );
    let tokens = over(store).build().unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut first = pin!(tokens.issue(user("the first")));
    assert!(first.as_mut().poll(&mut context).is_pending());
    before.wait_for_somebody();
    let mut granted = pin!(tokens.issue(amy()));
    let mut refused = pin!(tokens.issue(amy()));
    assert!(granted.as_mut().poll(&mut context).is_pending());
    assert!(refused.as_mut().poll(&mut context).is_pending());
    before.lift();
    after.wait_for_somebody();
    thread::sleep(Duration::from_millis(50));
    // The refusal rests on the token that is being written.
    assert!(granted.as_mut().poll(&mut context).is_pending());
    assert!(refused.as_mut().poll(&mut context).is_pending());
    after.lift();
    futures_executor::block_on(granted).unwrap();
    assert!(
        futures_executor::block_on(refused)
            .unwrap_err()
            .refusal()
            .is_some()
    );
}

#[test]
fn what_rests_on_nothing_to_be_written_does_not_wait_for_it() {
    let (gate, others) = (Gate::open(), Gate::shut());
    let store = Arc::new(Watched::new().before({
        let (gate, others) = (gate.clone(), others.clone());
        move |called| {
            match called {
                Method::Load => gate.pass(),
                Method::Apply => others.pass(),
                _ => {}
            }
            Ok(())
        }
    }));
    others.lift();
    let tokens = over(store).build().unwrap();
    let amys = tokens.blocking().issue(amy()).unwrap();
    others.close();
    gate.close();
    let mut context = Context::from_waker(Waker::noop());
    let mut waits_for_the_load = pin!(tokens.issue(amy()));
    assert!(waits_for_the_load.as_mut().poll(&mut context).is_pending());
    gate.wait_for_somebody();
    let mut refused = pin!(tokens.issue(amy()));
    let amys_id = amy();
    let mut written = pin!(tokens.revoke(amys_id.id(), amys.token()));
    assert!(refused.as_mut().poll(&mut context).is_pending());
    assert!(written.as_mut().poll(&mut context).is_pending());
    gate.lift();
    others.wait_for_somebody();
    assert!(
        futures_executor::block_on(refused)
            .unwrap_err()
            .refusal()
            .is_some()
    );
    assert!(written.as_mut().poll(&mut context).is_pending());
    others.lift();
    assert_eq!(futures_executor::block_on(written).unwrap().tokens, 1);
}
