//! Several processes on one file, and one that the system refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::{
    env,
    path::Path,
    process::{Child, Command},
};

use issuer::state::Expect;
use issuer_conformance::{
    child,
    fixture::{creating, id, issued, user, writing},
    probe::{applied, snapshot},
};
use issuer_sqlite::SqliteStore;
use issuer_store::{Effect, Lookup, Outcome, Store, StoreErrorKind};

#[test]
fn many_processes_may_make_one_file_and_none_loses_a_commit() {
    const PROCESSES: u64 = 4;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let children: Vec<Child> = (0..PROCESSES)
        .map(|n| child::start(&mut child::command("work_count"), &path, n))
        .collect();
    for child in children {
        child::finish(child);
    }
    let store = SqliteStore::open(&path).unwrap();
    let counter = snapshot(&store, "counter").user.unwrap().value;
    let expected = format!("{}", PROCESSES * COUNTS);
    assert_eq!(counter.nickname.unwrap().as_str(), expected);
}

const COUNTS: u64 = 50;

/// Adds to a counter that others add to as well: load, decide, apply, and again on a conflict.
#[test]
#[ignore = "the work of a child process"]
fn work_count() {
    let Some((path, process)) = child::told() else {
        return;
    };
    let store = SqliteStore::open(path).unwrap();
    for count in 0..COUNTS {
        loop {
            let found = snapshot(&store, "counter").user;
            let expect = found
                .as_ref()
                .map_or(Expect::Absent, |found| Expect::Version(found.version));
            let mut counter = user("counter");
            let next = found.map_or(1, |found| {
                found.value.nickname.unwrap().as_str().parse::<u64>().unwrap() + 1
            });
            counter.nickname = Some(issuer::user::Nickname::parse(&next.to_string()).unwrap());
            let draft = writing("counter", expect, process * COUNTS + count).user(counter);
            if store.apply(&[draft.into()]).unwrap() == [Outcome::Applied] {
                break;
            }
        }
    }
}

fn name(round: u64, number: u64) -> String {
    format!("user {round}.{number}")
}

#[cfg(target_os = "linux")]
#[test]
fn a_write_that_the_system_refuses_is_there_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    drop(SqliteStore::open(&path).unwrap());
    // No file may grow past 400 KiB, and the log is the first that wants to.
    let mut limited = Command::new("bash");
    limited.args([
        "-c",
        "trap '' XFSZ; ulimit -f 400; exec \"$0\" work_until_refused --exact --ignored --nocapture",
    ]);
    let printed = child::finish(child::start(limited.arg(env::current_exe().unwrap()), &path, 0));
    let line = printed
        .lines()
        .find_map(|line| line.strip_prefix("refused "))
        .expect("a refusal");
    let refused: u64 = line.parse().unwrap();
    assert!(refused > 0, "some were applied");
    let store = SqliteStore::open(&path).unwrap();
    for number in 0..refused {
        assert_eq!(
            snapshot(&store, &name(0, number)).tokens,
            [issued(&name(0, number))]
        );
    }
    let last = snapshot(&store, &name(0, refused));
    assert!(last.user.is_none() || last.tokens == [issued(&name(0, refused))]);
    applied(&store, [writing("amy", Expect::Any, 1).user(user("amy"))]);
}

#[test]
#[ignore = "the work of a child process"]
fn work_until_refused() {
    let Some((path, round)) = child::told() else {
        return;
    };
    let store = SqliteStore::open(path).unwrap();
    for number in 0..10_000 {
        let name = name(round, number);
        match store.apply(&[creating(&name, number).token(issued(&name)).into()]) {
            Ok(outcomes) => assert_eq!(outcomes, [Outcome::Applied]),
            Err(error) => {
                assert!(
                    matches!(error.kind(), StoreErrorKind::Io | StoreErrorKind::Full),
                    "{error:?}"
                );
                let lookup = id(&name);
                if let Ok(found) = store.load(&[Lookup::user(&lookup)]) {
                    let there = found.iter().any(|snapshot| snapshot.user.is_some());
                    assert!(!there || error.effect() == Effect::Unknown, "{error:?}");
                }
                println!("\nrefused {number}");
                return;
            }
        }
    }
    panic!("nothing was refused");
}

/// Counted by what `strace` sees, and as a difference, so that what opening and closing sync does not count. All slices
/// together are too few for the log to be copied.
#[cfg(target_os = "linux")]
#[test]
fn every_slice_is_synced_once_however_many_commits_it_holds() {
    let installed = Command::new("strace").arg("-V").output();
    if !installed.is_ok_and(|output| output.status.success()) {
        println!("skipped: strace is not installed");
        return;
    }
    let syncs = |slices: u64| {
        let folder = tempfile::tempdir().unwrap();
        let (path, trace) = (folder.path().join("users.db"), folder.path().join("trace"));
        let mut watched = Command::new("strace");
        watched.args(["-f", "-y", "-e", "trace=fsync,fdatasync", "-o"]);
        watched.arg(&trace).arg(env::current_exe().unwrap());
        watched.args(child::arguments("work_slices"));
        child::finish(child::start(&mut watched, &path, slices));
        let trace = std::fs::read_to_string(trace).unwrap();
        let of_the_log = |line: &&str| line.contains("sync(") && line.contains("users.db-wal>");
        trace.lines().filter(of_the_log).count()
    };
    assert_eq!(syncs(15) - syncs(5), 10);
}

#[test]
#[ignore = "the work of a child process"]
fn work_slices() {
    let Some((path, slices)) = child::told() else {
        return;
    };
    let store = SqliteStore::open(&path).unwrap();
    // The second commit of a process makes a checkpoint, which syncs the log as well: not among those that are counted.
    for first in 0..3 {
        applied(&store, [creating(&format!("first {first}"), 1)]);
    }
    for slice in 0..slices {
        let commits = (0..16).map(|number| {
            let name = name(slice, number);
            creating(&name, number).token(issued(&name))
        });
        applied(&store, commits);
    }
}

/// Root may write whatever the modes say, so that another user does the work.
#[cfg(target_os = "linux")]
#[test]
fn a_file_or_folder_without_the_right_to_write_is_named_as_the_reason() {
    use std::{fs, os::unix::fs::PermissionsExt};

    let folder = tempfile::tempdir().unwrap();
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let path = folder.path().join("users.db");
    drop(SqliteStore::open(&path).unwrap());
    allow(folder.path(), 0o755);
    // Where another user can reach it.
    let program = folder.path().join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    allow(&program, 0o755);
    let nobody = |path: &Path| {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program);
        command.args(child::arguments("work_refused_open"));
        child::finish(child::start(&mut command, path, 0))
    };
    let may_change_user = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "true"])
        .status();
    if !may_change_user.is_ok_and(|status| status.success()) {
        println!("skipped: only root can become another user");
        return;
    }
    for (mode, path) in [
        (0o444, path.clone()),
        (0o000, path.clone()),
        (0o644, folder.path().join("new.db")),
    ] {
        if path.exists() {
            allow(&path, mode);
        }
        let printed = nobody(&path);
        let line = printed
            .lines()
            .find_map(|line| line.strip_prefix("refused "))
            .expect("a refusal");
        assert!(
            line.starts_with("Permission") && line.contains(path.to_str().unwrap()),
            "{line}"
        );
    }
}

#[test]
#[ignore = "the work of a child process"]
fn work_refused_open() {
    let Some((path, _)) = child::told() else { return };
    let error = SqliteStore::open(path).unwrap_err();
    println!("\nrefused {:?}: {error}", error.kind());
}
