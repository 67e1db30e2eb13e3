//! Other processes: one that has the folder, one that the system refuses, one that is watched.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

use std::{env, path::Path, process::Command};

use issuer::state::{Expect, TokenBody};
use issuer_conformance::{
    child,
    fixture::{Draft, creating, id, issued, updating, user, writing},
    probe::{applied, snapshot},
};
use issuer_sled::SledStore;
use issuer_store::{Effect, Lookup, Outcome, Store, StoreErrorKind};

#[test]
fn a_folder_that_another_process_has_is_refused_with_that_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    let store = SledStore::open(&path).unwrap();
    let printed = child::finish(child::start(&mut child::command("work_refused_open"), &path, 0));
    let line = printed
        .lines()
        .find_map(|line| line.strip_prefix("refused "))
        .expect("a refusal");
    assert!(
        line.starts_with("Busy") && line.contains("another process"),
        "{line}"
    );
    applied(&store, [creating("amy", 1)]);
}

#[test]
#[ignore = "the work of a child process"]
fn work_refused_open() {
    let Some((path, _)) = child::told() else { return };
    let error = SledStore::open(path).unwrap_err();
    println!("\nrefused {:?}: {error}", error.kind());
}

fn name(round: u64, number: u64) -> String {
    format!("user {round}.{number}")
}

#[cfg(target_os = "linux")]
#[test]
fn a_write_that_the_system_refuses_is_there_whole_or_not_at_all_and_the_store_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    // No file may grow past 400 KiB, and the log is the first that wants to: a new one, for sled writes the rest of
    // the last segment of one that it finds.
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
    let store = SledStore::open(&path).unwrap();
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
    let store = SledStore::open(path).unwrap();
    for number in 0..10_000 {
        let name = name(round, number);
        match store.apply(&[creating(&name, number).token(issued(&name)).into()]) {
            Ok(outcomes) => assert_eq!(outcomes, [Outcome::Applied]),
            Err(error) => {
                assert!(
                    matches!(error.kind(), StoreErrorKind::Io | StoreErrorKind::Full),
                    "{error:?}"
                );
                assert_eq!(error.effect(), Effect::Unknown);
                let lookup = id(&name);
                let closed = store.load(&[Lookup::user(&lookup)]).unwrap_err();
                assert_eq!(closed.kind(), StoreErrorKind::Closed, "{closed:?}");
                let closed = store.apply(&[creating("amy", 1).into()]).unwrap_err();
                assert_eq!(
                    (closed.kind(), closed.effect()),
                    (StoreErrorKind::Closed, Effect::None)
                );
                println!("\nrefused {number}");
                return;
            }
        }
    }
    panic!("nothing was refused");
}

/// Root may write whatever the modes say, so that another user does the work.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_without_the_right_to_write_is_named_as_the_reason() {
    use std::{fs, os::unix::fs::PermissionsExt};

    let folder = tempfile::tempdir().unwrap();
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let path = folder.path().join("users.sled");
    drop(SledStore::open(&path).unwrap());
    allow(folder.path(), 0o755);
    // Where another user can reach it.
    let program = folder.path().join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    allow(&program, 0o755);
    let another = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let may_change_user = Command::new("setpriv").args(another).arg("true").status();
    if !may_change_user.is_ok_and(|status| status.success()) {
        println!("skipped: only root can become another user");
        return;
    }
    let open_file = ("issuer", 0o666);
    for (mode, file, at) in [
        (0o700, None, path.clone()),
        (0o755, None, path.clone()),
        (0o755, Some(open_file), path.clone()),
        (0o755, None, folder.path().join("new.sled")),
    ] {
        allow(&path, mode);
        if let Some((file, mode)) = file {
            allow(&path.join(file), mode);
        }
        let mut command = Command::new("setpriv");
        command.args(another).arg(&program);
        command.args(child::arguments("work_refused_open"));
        let printed = child::finish(child::start(&mut command, &at, 0));
        let line = printed
            .lines()
            .find_map(|line| line.strip_prefix("refused "))
            .expect("a refusal");
        assert!(
            line.starts_with("Permission") && line.contains(at.to_str().unwrap()),
            "{line}"
        );
    }
}

/// What `strace` sees of this system call while a child does this work; nothing where it is not installed.
#[cfg(target_os = "linux")]
fn calls(call: &str, work: &str, path: &Path) -> Option<Vec<String>> {
    let installed = Command::new("strace").arg("-V").output();
    if !installed.is_ok_and(|output| output.status.success()) {
        println!("skipped: strace is not installed");
        return None;
    }
    let trace = path.with_extension("trace");
    let mut watched = Command::new("strace");
    watched.args(["-f", "-y", "-e"]).arg(format!("trace={call}"));
    watched.arg("-o").arg(&trace).arg(env::current_exe().unwrap());
    watched.args(child::arguments(work));
    child::finish(child::start(&mut watched, path, 0));
    let trace = std::fs::read_to_string(trace).unwrap();
    let begun = format!("{call}(");
    Some(
        trace
            .lines()
            .filter(|line| line.contains(&begun))
            .map(str::to_owned)
            .collect(),
    )
}

/// sled itself calls `fsync` alone, and only now and then; `fdatasync` is ours.
#[cfg(target_os = "linux")]
#[test]
fn every_slice_is_synced_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    let Some(syncs) = calls("fdatasync", "work_thirty_slices", &path) else {
        return;
    };
    let of_the_log = syncs.iter().filter(|line| line.contains("users.sled/db>"));
    // One more for what a new folder begins with.
    assert_eq!(of_the_log.count(), 31, "{syncs:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_page_that_is_a_file_of_its_own_is_synced_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    let Some(syncs) = calls("fsync", "work_large_page", &path) else {
        return;
    };
    assert!(
        syncs.iter().any(|line| line.contains("users.sled/blobs/")),
        "{syncs:?}"
    );
    assert!(
        syncs.iter().any(|line| line.contains("users.sled/blobs>")),
        "{syncs:?}"
    );
}

#[test]
#[ignore = "the work of a child process"]
fn work_large_page() {
    let Some((path, _)) = child::told() else { return };
    let store = SledStore::open(path).unwrap();
    let large = (0..100).map(|n| {
        let mut token = issued(&format!("{n}"));
        if let TokenBody::Issued(issued) = &mut token.body {
            issued.audience = Some(format!("{n:06000}").into());
        }
        token
    });
    applied(&store, [large.fold(creating("amy", 1), Draft::token)]);
    // Written anew, as the whole page now and then is.
    applied(&store, [updating("amy", 1, 2)]);
}

#[test]
#[ignore = "the work of a child process"]
fn work_thirty_slices() {
    let Some((path, _)) = child::told() else { return };
    let store = SledStore::open(path).unwrap();
    for slice in 0..30 {
        applied(
            &store,
            (0..64).map(|n| creating(&name(slice, n), n).token(issued(&name(slice, n)))),
        );
    }
}
