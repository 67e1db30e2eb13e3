//! A store at work on a disk that fails, in a process of its own.
//!
//! `troubled sqlite|sled|careless PATH STEPS once|forever` opens the store, as often as it takes, works through the steps, reads
//! after each of them, and purges between. Where the disk fails `once`, the store must work again at last without being
//! opened again. Then it is closed, opened and read.
//!
//! What it prints is a [`Ledger`] of its writes, and what else happened:
//!
//! | line | what |
//! | --- | --- |
//! | `told WHAT` | an error, of an opening, a write, a read or a purge |
//! | `opened` | it could be opened |
//! | `recovered MILLISECONDS` | after its last error it worked again without being opened again |
//! | `whole USERS` | opened again, it holds what it must |
//! | `broken WHY` | a promise was broken |
//!
//! It prints with `writev`, which no store uses, so that any `write` may be made to fail.

use std::{
    fmt::Display,
    fs::File,
    io::{IoSlice, Write},
    path::Path,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use issuer_conformance::fixture::at;
use issuer_faults::{
    careless::Careless,
    ledger::{Finding, Ledger, Step},
};
use issuer_sled::SledStore;
use issuer_sqlite::SqliteStore;
use issuer_store::{Effect, Outcome, Store, StoreError};

/// How long a store may take to work again once its disk does.
const RECOVERY: Duration = Duration::from_secs(15);

/// How often it is opened, where it cannot be at once.
const OPENINGS: usize = 50;

/// How long is waited after an error.
const PAUSE: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Ok(out) = std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned() else {
        return ExitCode::FAILURE;
    };
    let mut work = Work {
        out: out.into(),
        ledger: Ledger::default(),
        broken: false,
    };
    match work.run(&arguments) {
        Some(()) if !work.broken => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

struct Work {
    out: File,
    ledger: Ledger,
    broken: bool,
}

impl Work {
    fn say(&mut self, line: impl Display) {
        let line = format!("{line}\n");
        // Whoever no longer listens misses it.
        let _ = self.out.write_vectored(&[IoSlice::new(line.as_bytes())]);
    }

    fn broken(&mut self, why: impl Display) {
        self.broken = true;
        self.say(format_args!("broken {why}"));
    }

    fn told(&mut self, what: &str, error: &StoreError) {
        self.say(format_args!("told {what} {:?} {error}", error.kind()));
    }

    fn run(&mut self, arguments: &[String]) -> Option<()> {
        let [kind, path, steps, how_long] = arguments else {
            self.broken("usage: troubled sqlite|sled|careless PATH STEPS once|forever");
            return None;
        };
        let steps = steps.parse().ok()?;
        let store = self.open(kind, path)?;
        for number in 0..steps {
            self.step(&*store, Step(number));
            self.look(&*store, Step(number / 2));
            if number % 10 == 9
                && let Err(error) = store.purge(at(100), 50)
            {
                self.told("purge", &error);
            }
        }
        if how_long == "forever" {
            return Some(());
        }
        self.recover(&*store, Step(steps + 5 - steps % 5));
        self.check(&*store);
        drop(store);
        let store = self.open(kind, path)?;
        let there = self.check(&*store)?;
        self.say(format_args!("whole {there}"));
        Some(())
    }

    fn open(&mut self, kind: &str, path: &str) -> Option<Box<dyn Store>> {
        for _ in 0..OPENINGS {
            let path = Path::new(path);
            let opened = match kind {
                "sqlite" => SqliteStore::open(path).map(|store| Box::new(store) as Box<dyn Store>),
                "careless" => {
                    SqliteStore::open(path).map(|store| Box::new(Careless(store)) as Box<dyn Store>)
                }
                _ => SledStore::open(path).map(|store| Box::new(store) as Box<dyn Store>),
            };
            match opened {
                Ok(store) => {
                    self.say("opened");
                    return Some(store);
                }
                Err(error) => self.told("opening", &error),
            }
            thread::sleep(PAUSE);
        }
        self.say("unopened");
        None
    }

    /// Whether the write was acknowledged.
    fn step(&mut self, store: &dyn Store, step: Step) -> bool {
        if step.creation() != step && self.look(store, step) != Some(step.creation()) {
            return false;
        }
        self.say(format_args!("begun {}", step.0));
        match store.apply(&[step.commit()]) {
            Ok(outcomes) if outcomes == [Outcome::Applied] => {
                self.ledger.applied(step);
                self.say(format_args!("applied {}", step.0));
                return true;
            }
            Ok(outcomes) => self.broken(format_args!("{step:?} ended in {outcomes:?}")),
            Err(error) => {
                self.told("apply", &error);
                if error.effect() == Effect::None {
                    self.say(format_args!("undone {}", step.0));
                } else {
                    self.ledger.uncertain(step);
                    self.say(format_args!("uncertain {}", step.0));
                }
            }
        }
        false
    }

    /// The last step of this user; nothing where there is none, or that cannot be read.
    fn look(&mut self, store: &dyn Store, step: Step) -> Option<Step> {
        match self.ledger.look(store, step) {
            Ok(last) => {
                match last {
                    Some(last) => self.say(format_args!("there {}", last.0)),
                    None => self.say(format_args!("absent {}", step.creation().0)),
                }
                return last;
            }
            Err(Finding::Unreadable(error)) => self.told("load", &error),
            Err(finding) => self.broken(finding),
        }
        None
    }

    /// One write after the other until one works, each of a user of its own.
    fn recover(&mut self, store: &dyn Store, first: Step) {
        let started = Instant::now();
        for number in (first.0..).filter(|number| number % 5 != 4) {
            if self.step(store, Step(number)) {
                self.say(format_args!("recovered {}", started.elapsed().as_millis()));
                return;
            }
            if started.elapsed() > RECOVERY {
                return self.broken("the store does not work again although its disk does");
            }
            thread::sleep(PAUSE);
        }
    }

    fn check(&mut self, store: &dyn Store) -> Option<usize> {
        match self.ledger.check(store) {
            Ok(there) => Some(there),
            Err(finding) => {
                self.broken(finding);
                None
            }
        }
    }
}
