//! Many hostile connections at once, with idle ones and an honest client beside them, and all that must hold meanwhile
//! and afterwards.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    answers::{self, Seen},
    honest::{self, Served},
    idle::{self, Held},
    session::Session,
    smuggling::{CANARY, SHAPES, user_of},
    target::Target,
    wire,
};
use crate::program::{Ask, Client};

/// More than this above what it had at rest, at any time, and it takes too much or keeps what it should let go.
const MAX_GROWTH_KIB: u64 = 64 * 1_024;

/// So much is remembered of what goes wrong.
const MAX_BREACHES: usize = 8;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Campaign {
    pub(crate) seed: u64,
    /// Hostile requests, at least.
    pub(crate) requests: u64,
    pub(crate) threads: u64,
    pub(crate) idle: usize,
    /// How long a connection may be silent that should be answered or closed.
    pub(crate) patience: Duration,
    /// How long an answer to the honest client may take.
    pub(crate) slowest: Duration,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) breaches: Vec<String>,
    pub(crate) requests: u64,
    connections: u64,
    seen: Seen,
    /// Connections by what went over them.
    pub(crate) shapes: BTreeMap<&'static str, u64>,
    served: Served,
    held: Held,
    /// At rest, and in the end.
    resident_kib: (u64, u64),
    peak_kib: u64,
    took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at_rest, after) = self.resident_kib;
        write!(
            f,
            "{} requests over {} connections in {:.1} s: {} answers, of which {} were 200 and {} were 503; beside them {} idle \
             connections ({} on average, {} opened again) and {} honest requests, the slowest {:?}; resident {} MiB at rest, {} MiB \
             in the end, {} MiB at most",
            self.requests,
            self.connections,
            self.took.as_secs_f64(),
            self.seen.answers,
            self.seen.good,
            self.seen.turned_away,
            self.held.at_most,
            self.held.on_average(),
            self.held.again,
            self.served.requests,
            self.served.slowest,
            at_rest / 1_024,
            after / 1_024,
            self.peak_kib / 1_024,
        )
    }
}

impl Campaign {
    /// Attacks it, and ends it.
    pub(crate) fn against(&self, mut target: Target) -> Report {
        let start = Instant::now();
        let mut report = Report::default();
        let at_rest = target.resident_kib();
        let mut client = Client::new(target.address());
        let issued = client.issue(CANARY, None);
        let canary = issued
            .ok()
            .and_then(|answer| Some(answer.json()["token"].as_str()?.to_owned()));
        let Some(canary) = canary else {
            report.breaches.push("the canary got no token".to_owned());
            return report;
        };
        self.attack(&target, &canary, &mut report);
        if target.is_alive() {
            Self::inspect(&target, &canary, &mut report);
        } else {
            report.breach("the process is gone".to_owned());
        }
        report.resident_kib = (at_rest, target.resident_kib());
        report.peak_kib = target.peak_kib();
        let growth = report.peak_kib.saturating_sub(at_rest);
        if growth > MAX_GROWTH_KIB {
            report.breach(format!("{growth} KiB more than at rest were resident"));
        }
        if report.served.slowest > self.slowest {
            report.breach(format!(
                "the honest client waited for {:?}",
                report.served.slowest
            ));
        }
        for line in target.end() {
            report.breach(format!("the log: {line}"));
        }
        report.took = start.elapsed();
        report
    }

    /// Sends its requests, and a few more.
    fn attack(&self, target: &Target, canary: &str, report: &mut Report) {
        let (next, sent) = (AtomicU64::new(0), AtomicU64::new(0));
        let (held, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let shared = Mutex::new(report);
        let address = target.address();
        thread::scope(|scope| {
            let honest = scope.spawn(|| honest::serve_me(address, &stop));
            let idle = scope.spawn(|| idle::hold(address, self.idle, &held, &stop));
            // The server closes some of them before the last one is open.
            let opening = Instant::now();
            while held.load(Ordering::Relaxed) < self.idle && opening.elapsed() < Duration::from_secs(8) {
                thread::sleep(Duration::from_millis(5));
            }
            let workers: Vec<_> = (0..self.threads)
                .map(|_| {
                    scope.spawn(|| {
                        while sent.load(Ordering::Relaxed) < self.requests {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            let session = Session::new(self.seed, number, canary);
                            sent.fetch_add(session.requests as u64, Ordering::Relaxed);
                            let result = wire::carry_out(address, number, &session, self.patience)
                                .map_err(|error| format!("no connection: {error}"))
                                .and_then(|heard| {
                                    answers::check(&session, &heard)
                                        .map_err(|wrong| format!("{wrong}; heard {heard}"))
                                });
                            let mut report = shared.lock().unwrap_or_else(PoisonError::into_inner);
                            report.add(
                                &session,
                                result.map_err(|wrong| self.told(number, &session, &wrong)),
                            );
                            if report.breaches.len() >= MAX_BREACHES {
                                break;
                            }
                        }
                    })
                })
                .collect();
            for worker in workers {
                worker.join().unwrap();
            }
            stop.store(true, Ordering::Relaxed);
            let mut report = shared.lock().unwrap_or_else(PoisonError::into_inner);
            report.held = report.held.and(idle.join().unwrap());
            match honest.join() {
                Ok(Ok(served)) => {
                    report.served.requests += served.requests;
                    report.served.slowest = report.served.slowest.max(served.slowest);
                }
                Ok(Err(wrong)) => report.breach(wrong),
                Err(_) => report.breach("the honest client could not read its answer".to_owned()),
            }
        });
    }

    fn told(&self, number: u64, session: &Session, wrong: &str) -> String {
        let sent: String = session
            .bytes
            .escape_ascii()
            .to_string()
            .chars()
            .take(900)
            .collect();
        let wrong: String = wrong.chars().take(900).collect();
        format!(
            "session {number} of seed {}, {}, {:?}: {wrong}; sent {sent}",
            self.seed, session.shape, session.conduct
        )
    }

    /// Nothing hidden has left a trace.
    fn inspect(target: &Target, canary: &str, report: &mut Report) {
        let mut client = Client::new(target.address());
        match client.me(canary) {
            Ok(me) if me.status == 200 => {}
            other => report.breach(format!("the canary's token is dead: {other:?}")),
        }
        for (shape, _) in SHAPES {
            match client.ask(&Ask::revoke(&user_of(shape), None)) {
                Ok(answer) if answer.status == 404 => {}
                other => report.breach(format!(
                    "the request hidden by {shape} was carried out: {other:?}"
                )),
            }
        }
    }
}

impl Report {
    fn breach(&mut self, what: String) {
        self.breaches.push(what);
    }

    fn add(&mut self, session: &Session, result: Result<Seen, String>) {
        self.requests += session.requests as u64;
        self.connections += 1;
        *self.shapes.entry(session.shape).or_default() += 1;
        match result {
            Ok(seen) => {
                self.seen.answers += seen.answers;
                self.seen.good += seen.good;
                self.seen.turned_away += seen.turned_away;
            }
            Err(breach) => self.breach(breach),
        }
    }
}
