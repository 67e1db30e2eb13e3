//! The reference store passes, and so does a store that is its own file.

use std::sync::Arc;

use issuer_store::MemoryStore;

issuer_conformance::suite!(MemoryStore::new);

/// A place that keeps its store while nobody has it open.
fn place() -> impl Fn() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    move || Arc::clone(&store)
}

issuer_conformance::durable_suite!(place);
issuer_conformance::shared_suite!(place);
