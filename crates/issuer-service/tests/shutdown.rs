//! The end: what was accepted is finished, whoever ends it, and from wherever.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

mod given;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::{Context, Wake, Waker},
    thread,
    time::Duration,
};

use given::{Gate, Method, Watched, amy, over, until, user};
use issuer_service::{ApiKey, Error, ErrorKind, Issued, TokenService};
use issuer_store::{Effect, MemoryStore};

/// A store whose `apply` waits at the gate.
fn held(gate: &Arc<Gate>) -> Arc<Watched> {
    let gate = gate.clone();
    Arc::new(Watched::new().before(move |called| {
        if called == Method::Apply {
            gate.pass();
        }
        Ok(())
    }))
}

/// Fails a test whose `work` does not end.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, ended) = mpsc::channel();
    let worker = thread::spawn(move || {
        let result = work();
        let _ = done.send(());
        result
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(Duration::from_secs(10)) {
        panic!("it does not end");
    }
    worker.join().unwrap()
}

#[test]
fn dropping_the_last_clone_finishes_what_was_accepted() {
    let gate = Gate::shut();
    let store = held(&gate);
    let tokens = over(store.clone()).build().unwrap();
    let callers: Vec<_> = (0..8)
        .map(|n| {
            let tokens = tokens.clone();
            thread::spawn(move || tokens.blocking().issue(user(&format!("user{n}"))).map(drop))
        })
        .collect();
    gate.wait_for_somebody();
    drop(tokens);
    gate.lift();
    for caller in callers {
        caller.join().unwrap().unwrap();
    }
    until(|| Arc::strong_count(&store) == 1);
}

#[test]
fn when_drop_returns_the_store_is_no_longer_held() {
    for _ in 0..20 {
        let store = Arc::new(MemoryStore::new());
        let tokens = over(store.clone()).build().unwrap();
        tokens.blocking().issue(amy()).unwrap();
        drop(tokens);
        assert_eq!(Arc::strong_count(&store), 1);
    }
}

#[test]
fn after_the_end_every_call_is_refused_without_an_effect() {
    let tokens = over(MemoryStore::new()).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    tokens.shutdown();
    let amy = amy();
    let key = ApiKey::parse("correct-horse-battery-staple").unwrap();
    let blocking = tokens.blocking();
    let refused = [
        blocking.issue(amy.clone()).map(drop),
        blocking.write_profile(amy.clone()).map(drop),
        blocking.authenticate(issued.token()).map(drop),
        blocking.revoke(amy.id(), issued.token()).map(drop),
        blocking.revoke_all(amy.id()).map(drop),
        blocking.add_api_key("late", key),
        futures_executor::block_on(async {
            assert!(tokens.ready().await.is_err());
            assert!(tokens.issue(amy.clone()).await.is_err());
            tokens.authenticate(issued.token()).await.map(drop)
        }),
    ];
    for error in refused.map(Result::unwrap_err) {
        assert_eq!(
            (error.kind(), error.effect()),
            (&ErrorKind::ShuttingDown, Effect::None)
        );
    }
    tokens.shutdown();
}

#[test]
fn every_shutdown_waits_for_the_end_and_the_deadline_holds_until_then() {
    let gate = Gate::shut();
    let tokens = over(held(&gate))
        .deadline(Duration::from_millis(400))
        .build()
        .unwrap();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let caller = scope.spawn(|| tokens.blocking().issue(amy()));
        gate.wait_for_somebody();
        let ends: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    tokens.shutdown();
                    ended.store(true, Ordering::SeqCst);
                })
            })
            .collect();
        // The store hangs while they wait: the caller is told in time.
        let error = caller.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::DeadlineExceeded);
        assert!(!ended.load(Ordering::SeqCst));
        gate.lift();
        for end in ends {
            end.join().unwrap();
        }
    });
}

#[test]
fn a_shutdown_under_load_answers_everybody() {
    for _ in 0..10 {
        let tokens = over(MemoryStore::new()).build().unwrap();
        let accepted = thread::scope(|scope| {
            let callers: Vec<_> = (0..8)
                .map(|caller| {
                    let tokens = tokens.clone();
                    scope.spawn(move || {
                        for n in 0.. {
                            let name = format!("user {caller} {n}");
                            match tokens.blocking().issue(user(&name)) {
                                Ok(_) => {}
                                Err(error) => {
                                    assert_eq!(error.kind(), &ErrorKind::ShuttingDown);
                                    return n;
                                }
                            }
                        }
                        0
                    })
                })
                .collect();
            thread::sleep(Duration::from_millis(10));
            tokens.shutdown();
            callers
                .into_iter()
                .map(|caller| caller.join().unwrap())
                .sum::<u32>()
        });
        assert!(accepted > 0);
    }
}

type Task = Pin<Box<dyn Future<Output = Result<Issued, Error>> + Send>>;

/// A runtime of one task that goes on wherever it is woken, as some do: on the threads of the service.
struct Inline {
    task: Mutex<Option<Task>>,
    done: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    finished: AtomicBool,
}

impl Inline {
    fn spawn(task: Task, done: impl FnOnce() + Send + 'static) -> Arc<Self> {
        let inline = Arc::new(Self {
            task: Mutex::new(Some(task)),
            done: Mutex::new(Some(Box::new(done))),
            finished: AtomicBool::new(false),
        });
        inline.clone().wake();
        inline
    }
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(self.clone());
        let mut task = self.task.lock().unwrap();
        if let Some(running) = &mut *task
            && running.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
        {
            *task = None;
            drop(task);
            let done = self.done.lock().unwrap().take();
            done.unwrap()();
            self.finished.store(true, Ordering::SeqCst);
        }
    }
}

async fn issue(tokens: TokenService) -> Result<Issued, Error> {
    tokens.issue(amy()).await
}

#[test]
fn a_shutdown_on_a_thread_of_the_service_itself_does_not_wait_for_itself() {
    in_time(|| {
        let gate = Gate::shut();
        let tokens = over(held(&gate)).build().unwrap();
        let inline = Inline::spawn(Box::pin(issue(tokens.clone())), {
            let tokens = tokens.clone();
            move || tokens.shutdown()
        });
        gate.wait_for_somebody();
        thread::scope(|scope| {
            // Another one waits for the very thread that calls it.
            scope.spawn(|| tokens.shutdown());
            gate.lift();
        });
        until(|| inline.finished.load(Ordering::SeqCst));
    });
}

#[test]
fn the_last_clone_may_be_dropped_on_a_thread_of_the_service_itself() {
    in_time(|| {
        let gate = Gate::shut();
        let store = held(&gate);
        let tokens = over(store.clone()).build().unwrap();
        let task = Box::pin(issue(tokens));
        let inline = Inline::spawn(task, || {});
        gate.wait_for_somebody();
        gate.lift();
        until(|| inline.finished.load(Ordering::SeqCst));
        // All threads end, and let go of the store.
        until(|| Arc::strong_count(&store) == 1);
    });
}

#[test]
fn the_last_clone_may_be_dropped_within_an_async_task() {
    in_time(|| {
        let store = Arc::new(MemoryStore::new());
        let tokens = over(store.clone()).build().unwrap();
        futures_executor::block_on(async move {
            tokens.issue(amy()).await.unwrap();
        });
        assert_eq!(Arc::strong_count(&store), 1);
    });
}
