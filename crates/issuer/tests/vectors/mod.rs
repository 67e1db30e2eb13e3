//! Test vectors of others: data that is no part of this tree.
//!
//! They are read from the folder in `ISSUER_VECTORS`, else from `../shared/vectors` beside the workspace. Without the
//! variable and without that folder the tests say so and pass; with the variable, a missing file fails them.
#![allow(dead_code, reason = "each file of tests uses a part")]

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// The file's path, or `None` where no vectors are.
pub(crate) fn path(file: &str) -> Option<PathBuf> {
    let (folder, wanted) = match std::env::var_os("ISSUER_VECTORS") {
        Some(folder) => (PathBuf::from(folder), true),
        None => (
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
            false,
        ),
    };
    let path = folder.join(file);
    if wanted || path.exists() {
        return Some(path);
    }
    // Past the capture of `eprintln!`, so that it is seen although the test passes.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED: no {} (set ISSUER_VECTORS)",
        path.display()
    );
    None
}

/// The file's text, or `None` where no vectors are.
pub(crate) fn text(file: &str) -> Option<String> {
    let path = path(file)?;
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The parsed file, or `None` where no vectors are.
pub(crate) fn json(file: &str) -> Option<Value> {
    Some(serde_json::from_str(&text(file)?).unwrap())
}
