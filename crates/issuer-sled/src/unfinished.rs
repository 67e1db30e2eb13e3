//! What sled leaves in the folder where it is stopped while it writes.

use std::{ffi::OsStr, fs, path::Path};

use crate::error::Result;

/// Removes the snapshot that sled was writing, if there is one; sled's lock must not be held by anybody.
///
/// sled writes `snap.<lsn>.generating`, syncs it and renames it. At the next opening it takes the unfinished file for
/// its newest snapshot all the same and gives up, for it passes over another ending than the one that it writes
/// (`get_snapshot_files` in sled's `config.rs`). Nothing is in it that the one before it and the log do not say.
pub(crate) fn remove_snapshot(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if is_unfinished(&entry.file_name()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn is_unfinished(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating"))
}

/// Deletes what sled made of a store that was never opened to its end: some of it may be there without the rest.
pub(crate) fn remove_store(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "blobs" {
            fs::remove_dir_all(entry.path())?;
        } else if name == "db" || name == "conf" || name.to_string_lossy().starts_with("snap.") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
