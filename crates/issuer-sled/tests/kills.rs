//! What was acknowledged survives the death of the process.

use std::path::Path;

use issuer_sled::SledStore;

issuer_conformance::kill_suite!(|folder: &Path| SledStore::open(folder.join("users.sled")));
