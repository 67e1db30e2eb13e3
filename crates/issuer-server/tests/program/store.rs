//! The store that the program works on where a test names none.

use std::{env, path::Path};

/// A kind of store that outlives a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// A file; many processes may have it open.
    Sqlite,
    /// A folder, which one process holds.
    Sled,
}

impl Store {
    /// That of `ISSUER_TEST_STORE`: `sqlite`, the default, or `sled`.
    pub(crate) fn of_this_run() -> Self {
        match env::var("ISSUER_TEST_STORE").as_deref() {
            Err(env::VarError::NotPresent) | Ok("sqlite") => Self::Sqlite,
            Ok("sled") => Self::Sled,
            other => panic!("ISSUER_TEST_STORE must be sqlite or sled: {other:?}"),
        }
    }

    /// What `ISSUER_STORE` says; `None` where the program comes to it on its own.
    pub(crate) fn setting(self, data_dir: &Path) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Sled => Some(format!("sled:{}", data_dir.join("users.sled").display())),
        }
    }
}
