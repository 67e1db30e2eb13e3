//! Failures in the background, in the log: a line when they begin, a line when they end. One test, for the log is the
//! process's.
#![allow(clippy::unwrap_used, reason = "tests say so by failing")]

mod given;

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use given::{Method, Watched, over, until};
use issuer_store::{StoreError, StoreErrorKind};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines_with(&self, words: &str) -> usize {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(words)).count()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn failures_of_the_key_refresh_and_of_the_purge_are_logged_without_a_flood_and_so_is_their_end() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let fails = Arc::new(AtomicBool::new(false));
    let store = Arc::new(Watched::new().before({
        let fails = fails.clone();
        move |_| {
            if fails.load(Ordering::SeqCst) {
                let error = StoreError::new(StoreErrorKind::Io, "users.db could not be read");
                return Err(error.caused_by("the disk says no"));
            }
            Ok(())
        }
    }));
    let tokens = over(store.clone()).build().unwrap();
    fails.store(true, Ordering::SeqCst);
    let before = store.calls(Method::Control).len();
    until(|| {
        store.calls(Method::Control).len() >= before + 4 && log.lines_with("dead rows cannot be purged") > 0
    });
    assert_eq!(log.lines_with("the API keys cannot be read"), 1);
    assert_eq!(log.lines_with("dead rows cannot be purged"), 1);
    // Each says what and why.
    assert_eq!(log.lines_with("users.db could not be read"), 2);
    assert_eq!(log.lines_with("the disk says no"), 2);
    fails.store(false, Ordering::SeqCst);
    until(|| log.lines_with("the API keys can be read again") > 0);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(log.lines_with("the API keys can be read again"), 1);
    tokens.shutdown();
}
