//! The contract of storage, all of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

use issuer_conformance::Subject;
use issuer_sqlite::SqliteStore;

/// A new store in a folder of its own.
fn fresh() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("users.db")).unwrap();
    Subject::guarded(store, folder)
}

/// A new place, and how to open the store there.
fn place() -> impl Fn() -> SqliteStore {
    let folder = tempfile::tempdir().unwrap();
    move || SqliteStore::open(folder.path().join("users.db")).unwrap()
}

mod contract {
    issuer_conformance::suite!(super::fresh);
}

mod durability {
    issuer_conformance::durable_suite!(super::place);
}

mod sharing {
    issuer_conformance::shared_suite!(super::place);
}

mod sequences {
    issuer_conformance::sequence_suite!(super::fresh);
}
