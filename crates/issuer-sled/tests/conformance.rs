//! The contract of storage, all of it but sharing: one process has a folder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

use issuer_conformance::Subject;
use issuer_sled::SledStore;

/// A new store in a folder of its own.
fn fresh() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path().join("users.sled")).unwrap();
    Subject::guarded(store, folder)
}

/// A new place, and how to open the store there.
fn place() -> impl Fn() -> SledStore {
    let folder = tempfile::tempdir().unwrap();
    move || SledStore::open(folder.path().join("users.sled")).unwrap()
}

mod contract {
    issuer_conformance::suite!(super::fresh);
}

mod durability {
    issuer_conformance::durable_suite!(super::place);
}

mod sequences {
    issuer_conformance::sequence_suite!(super::fresh);
}
