//! A disk that fails: each call by which a store writes, syncs, makes, names or deletes a file ends in an error once, or
//! from some moment on.
//!
//! `strace` makes the calls fail, in a process that works with a store (`src/bin/troubled.rs`). `ISSUER_FAULTS=all` runs
//! into every fault that there is, `ISSUER_FAULTS=500` into so many, evenly chosen; without it, some dozens.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and the figures are for people"
)]

#[path = "failing_io/calls.rs"]
mod calls;
#[path = "failing_io/fault.rs"]
mod fault;
#[path = "failing_io/lost.rs"]
mod lost;
#[path = "failing_io/trial.rs"]
mod trial;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use calls::{Call, Deed};
use fault::{Fault, HowLong};
use lost::Losses;
use trial::{Ended, Kind, Outcome};

/// Whether `strace` is there. It may be missed, unless `ISSUER_REQUIRE_STRACE=1` says otherwise.
fn strace_is_there() -> bool {
    let installed = Command::new("strace").arg("-V").output();
    let there = installed.is_ok_and(|output| output.status.success());
    if !there {
        assert!(
            env::var("ISSUER_REQUIRE_STRACE").as_deref() != Ok("1"),
            "strace is not installed"
        );
        println!("skipped: strace is not installed");
    }
    there
}

/// How many faults a run goes through where nobody says how many.
const FAULTS: usize = 50;

/// As many as are asked for, evenly chosen.
fn chosen(faults: &[Fault]) -> Vec<Fault> {
    let count = match env::var("ISSUER_FAULTS").as_deref() {
        Ok("all") => faults.len(),
        Ok(count) => count.parse().expect("ISSUER_FAULTS is all or a number"),
        Err(_) => FAULTS,
    };
    let total = faults.len();
    let count = count.clamp(1, total);
    (0..count)
        .filter_map(|n| faults.get(n * total / count).cloned())
        .collect()
}

/// What a store does in a run in which nothing fails.
fn possible_faults(kind: Kind) -> Vec<Fault> {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-e"]).arg(Fault::all_calls());
    strace.arg("-o").arg(&trace).arg("--").arg(trial::program());
    let ended = trial::to_the_end(kind.work(strace, folder.path(), trial::STEPS, HowLong::Once));
    let path = kind.path(folder.path());
    let outcome = trial::judge(kind, &path, &ended);
    assert!(
        outcome.broken.is_empty() && !outcome.told,
        "{outcome:?} {ended:?}"
    );
    fault::possible(&fs::read_to_string(trace).unwrap(), folder.path())
}

fn survives(kind: Kind) {
    if !strace_is_there() {
        return;
    }
    let possible = possible_faults(kind);
    let of = possible.len();
    report(kind, of, &run_into(kind, &chosen(&possible)));
}

fn run_into(kind: Kind, faults: &[Fault]) -> Vec<(Fault, Outcome)> {
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = trial::run(kind, fault);
                    outcomes.lock().unwrap().push((fault.clone(), outcome));
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}

fn report(kind: Kind, of: usize, outcomes: &[(Fault, Outcome)]) {
    let count =
        |what: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|(_, outcome)| what(outcome)).count();
    let slowest = outcomes.iter().filter_map(|(_, outcome)| outcome.recovered).max();
    println!(
        "{kind:?}: {} of {of} faults, {} calls failed; told {}, absorbed {}, not met {}, never opened {}; slowest recovery {:?}; \
         panics contained {}",
        outcomes.len(),
        outcomes.iter().map(|(_, outcome)| outcome.struck).sum::<usize>(),
        count(&|outcome| outcome.struck > 0 && outcome.told),
        count(&|outcome| outcome.struck > 0 && !outcome.told),
        count(&|outcome| outcome.struck == 0),
        count(&|outcome| outcome.unopened),
        slowest.unwrap_or(Duration::ZERO),
        outcomes.iter().map(|(_, outcome)| outcome.panics).sum::<usize>(),
    );
    let broken: Vec<String> = outcomes
        .iter()
        .filter(|(_, outcome)| !outcome.broken.is_empty())
        .map(|(fault, outcome)| format!("{fault}: {}", outcome.broken.join("; ")))
        .collect();
    assert!(broken.is_empty(), "{} runs: {broken:#?}", broken.len());
    assert!(
        count(&|outcome| outcome.struck > 0 && outcome.told) > 0,
        "none was met"
    );
}

#[test]
fn whichever_call_of_sqlite_fails_the_caller_is_told_or_has_what_was_promised() {
    survives(Kind::Sqlite);
}

#[test]
fn whichever_call_of_sled_fails_the_caller_is_told_or_has_what_was_promised() {
    survives(Kind::Sled);
}

/// The control of both.
#[test]
fn a_store_that_swallows_an_error_is_found_out() {
    if !strace_is_there() {
        return;
    }
    let faults: Vec<Fault> = possible_faults(Kind::Careless)
        .into_iter()
        .filter(|fault| fault.is("fsync", HowLong::Once, Kind::Careless.log().0))
        .skip(6)
        .take(4)
        .collect();
    let outcomes = run_into(Kind::Careless, &faults);
    let found = outcomes.iter().filter(|(_, outcome)| !outcome.broken.is_empty());
    assert_eq!((found.count(), outcomes.len()), (4, 4), "{outcomes:?}");
}

/// What a process does with the store in this folder, where `injected` happens to its calls; and what it says.
fn watched(
    kind: Kind,
    folder: &Path,
    steps: u64,
    how_long: HowLong,
    injected: Option<&str>,
) -> (Vec<Call>, Ended) {
    let trace = folder.join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "64", "-e", calls::TRACED]);
    if let Some(injected) = injected {
        strace.arg("-e").arg(format!("inject={injected}"));
    }
    strace.arg("-o").arg(&trace).arg("--").arg(trial::program());
    let ended = trial::to_the_end(kind.work(strace, folder, steps, how_long));
    (calls::read(&fs::read_to_string(trace).unwrap(), folder), ended)
}

/// Which syncs of the thread that commits are those of this file in the folder, counted from 1.
fn syncs_of(kind: Kind, file: &str) -> Vec<usize> {
    let folder = tempfile::tempdir().unwrap();
    let (calls, _) = watched(kind, folder.path(), trial::STEPS, HowLong::Once, None);
    let path = folder
        .path()
        .components()
        .chain(Path::new(file).components())
        .collect::<PathBuf>();
    let syncs = calls.iter().filter_map(|call| match &call.deed {
        // Of sled's log only its own thread's `fdatasync` counts, of which there is no other.
        Deed::Sync(synced) if kind == Kind::Sqlite || call.data_alone => Some(*synced == path),
        _ => None,
    });
    (1..)
        .zip(syncs)
        .filter_map(|(number, is_its)| is_its.then_some(number))
        .collect()
}

/// Whether what a failed sync has lost is written again before anybody relies on it; how much was lost.
fn relies_on_nothing_lost(kind: Kind, outcome_of_the_sync: &str, syncs: &[usize]) -> Result<usize, String> {
    let mut failures = 0;
    for number in syncs {
        let folder = tempfile::tempdir().unwrap();
        let (_, sync) = kind.log();
        let injected = format!("{sync}:{outcome_of_the_sync}:when={number}");
        let (calls, ended) = watched(kind, folder.path(), trial::STEPS, HowLong::Once, Some(&injected));
        let mut losses = Losses::in_folder(folder.path());
        losses.follow(&calls)?;
        if !ended.stdout.contains("whole") {
            // It was killed. Whoever opens the folder next knows nothing of it.
            let (calls, ended) = watched(kind, folder.path(), 0, HowLong::Forever, None);
            assert!(ended.stdout.contains("opened"), "{ended:?}");
            losses.follow(&calls)?;
        }
        failures += losses.failures;
    }
    Ok(failures)
}

/// Two syncs of the log, in the middle of the work.
fn two_syncs_of_the_log(kind: Kind) -> [usize; 2] {
    let syncs = syncs_of(kind, kind.log().0);
    [syncs.len() / 3, syncs.len() / 2].map(|at| syncs.get(at).copied().expect("many syncs"))
}

#[test]
fn what_a_failed_sync_has_lost_is_written_again_before_anybody_relies_on_it() {
    if !strace_is_there() {
        return;
    }
    for kind in [Kind::Sqlite, Kind::Sled] {
        let syncs = two_syncs_of_the_log(kind);
        for outcome in ["error=EIO", "error=ENOSPC", "error=EIO:signal=KILL"] {
            assert_eq!(
                relies_on_nothing_lost(kind, outcome, &syncs),
                Ok(2),
                "{kind:?} {outcome}"
            );
        }
    }
}

/// SQLite itself syncs the folder when it makes a log, and does not look at what comes of it.
#[test]
fn a_folder_whose_sync_failed_is_synced_again_before_anybody_relies_on_the_names_in_it() {
    if !strace_is_there() {
        return;
    }
    let syncs = syncs_of(Kind::Sqlite, "");
    assert!(syncs.len() > 1, "{syncs:?}");
    let failures = relies_on_nothing_lost(Kind::Sqlite, "error=EIO", &syncs);
    assert!(
        failures.as_ref().is_ok_and(|failures| *failures > 1),
        "{failures:?}"
    );
}

/// The control: a sync that fails and says that it did not is that of a store which does not care.
#[test]
fn a_store_that_takes_a_failed_sync_for_done_is_found_out() {
    if !strace_is_there() {
        return;
    }
    for kind in [Kind::Sqlite, Kind::Sled] {
        let found = relies_on_nothing_lost(kind, "retval=0", &two_syncs_of_the_log(kind)).unwrap_err();
        assert!(
            found.starts_with("\"applied") && found.contains("are lost"),
            "{found}"
        );
    }
}
