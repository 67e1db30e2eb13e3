//! The reference store passes.

use issuer_store::MemoryStore;

issuer_conformance::suite!(MemoryStore::new);
