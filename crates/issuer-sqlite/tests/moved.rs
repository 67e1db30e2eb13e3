//! A file that is moved, deleted or replaced while a store has it open.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use issuer_conformance::{
    fixture::creating,
    probe::{applied, snapshot},
};
use issuer_sqlite::SqliteStore;
use issuer_store::{Effect, Store, StoreErrorKind};
use tempfile::TempDir;

/// A store with one user, and where it is.
fn store() -> (SqliteStore, PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("users.db");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    applied(&store, [creating("amy", 1)]);
    (store, path, folder)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Does not write, and says why.
#[track_caller]
fn assert_refuses_to_write(store: &SqliteStore) {
    let write = store.apply(&[creating("bob", 2).into()]).unwrap_err();
    assert_eq!(
        (write.kind(), write.effect()),
        (StoreErrorKind::Replaced, Effect::None)
    );
    assert!(
        write.to_string().contains("moved, deleted or replaced"),
        "{write}"
    );
}

/// Neither writes nor reads: whatever another process does now would not be seen.
#[track_caller]
fn assert_refuses(store: &SqliteStore) {
    assert_refuses_to_write(store);
    assert_eq!(store.control().unwrap_err().kind(), StoreErrorKind::Replaced);
}

#[test]
fn nothing_is_acknowledged_into_a_file_that_was_deleted() {
    let (store, path, _folder) = store();
    fs::remove_file(&path).unwrap();
    assert_refuses(&store);
}

#[test]
fn nothing_is_acknowledged_into_a_log_that_was_deleted() {
    let (store, path, _folder) = store();
    fs::remove_file(beside(&path, "-wal")).unwrap();
    assert_refuses_to_write(&store);
    // What the message says: a stop copies what the log held.
    drop(store);
    assert!(snapshot(&SqliteStore::open(&path).unwrap(), "amy").user.is_some());
}

#[test]
fn a_log_that_comes_back_is_used_again() {
    let (store, path, folder) = store();
    let away = folder.path().join("away");
    fs::rename(beside(&path, "-wal"), &away).unwrap();
    assert_refuses_to_write(&store);
    fs::rename(&away, beside(&path, "-wal")).unwrap();
    applied(&store, [creating("bob", 2)]);
    assert!(snapshot(&store, "amy").user.is_some());
}

#[test]
fn the_log_of_somebody_else_is_not_deleted_at_a_stop() {
    let (store, path, _folder) = store();
    let log = beside(&path, "-wal");
    fs::remove_file(&log).unwrap();
    fs::write(&log, "not ours").unwrap();
    assert_refuses_to_write(&store);
    drop(store);
    assert_eq!(fs::read(&log).unwrap(), b"not ours");
}

#[test]
fn nothing_is_acknowledged_into_a_folder_that_was_deleted() {
    let (store, path, _folder) = store();
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    assert_refuses(&store);
    assert!(!path.exists(), "and nothing is made in its place");
}

#[test]
fn another_store_in_its_place_is_not_taken_for_it() {
    let (store, path, folder) = store();
    let other = folder.path().join("other.db");
    applied(&SqliteStore::open(&other).unwrap(), [creating("eve", 9)]);
    fs::rename(&other, &path).unwrap();
    assert_refuses(&store);
}

#[test]
fn a_folder_that_comes_back_is_used_again() {
    let (store, path, folder) = store();
    let away = folder.path().join("away");
    fs::rename(path.parent().unwrap(), &away).unwrap();
    assert_refuses(&store);
    fs::rename(&away, path.parent().unwrap()).unwrap();
    applied(&store, [creating("bob", 2)]);
    assert!(snapshot(&store, "amy").user.is_some());
}

#[test]
fn a_folder_that_was_moved_has_everything_after_a_stop() {
    let (store, path, folder) = store();
    let away = folder.path().join("away");
    fs::rename(path.parent().unwrap(), &away).unwrap();
    assert_refuses(&store);
    drop(store);
    let store = SqliteStore::open(away.join("users.db")).unwrap();
    assert!(snapshot(&store, "amy").user.is_some());
}

#[test]
fn a_link_to_the_file_may_be_its_name() {
    let (_, path, folder) = store();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let store = SqliteStore::open(&link).unwrap();
    applied(&store, [creating("bob", 2)]);
}
