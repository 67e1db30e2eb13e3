//! What sled leaves in the folder where it is stopped while it writes.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::Path,
};

use crate::{database::sync_folder, error::Result};

/// How a snapshot is called that is kept until the next one is certain to be there.
const KEPT: &str = "kept.";

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
        } else if name == "db" || name == "conf" || is_snapshot(&name) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn is_snapshot(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.strip_prefix(KEPT).unwrap_or(&name).starts_with("snap.")
}

/// Keeps the snapshot that sled is about to replace, or gives it back to sled where the power failed in between.
///
/// sled renames its new snapshot and deletes the old one, and does not sync the folder: a power cut may leave neither.
/// Once its log has begun again from the start, sled finds nothing in it without a snapshot.
pub(crate) fn keep_snapshot(folder: &Path) -> Result<()> {
    match (
        last_with_prefix(folder, "snap.")?,
        last_with_prefix(folder, KEPT)?,
    ) {
        (Some(snapshot), _) => {
            let (from, to) = (folder.join(&snapshot), folder.join(format!("{KEPT}{snapshot}")));
            match fs::hard_link(&from, &to) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                // Not every file system has links.
                Err(_) => {
                    fs::copy(&from, &to)?;
                    File::open(&to)?.sync_all()?;
                }
            }
        }
        (None, Some(kept)) => {
            let snapshot = kept.strip_prefix(KEPT).unwrap_or(&kept);
            fs::rename(folder.join(&kept), folder.join(snapshot))?;
            return keep_snapshot(folder);
        }
        (None, None) => return Ok(()),
    }
    sync_folder(folder)
}

/// Forgets what was kept, once the folder is synced.
pub(crate) fn forget_kept_snapshots(folder: &Path) -> Result<()> {
    while let Some(kept) = last_with_prefix(folder, KEPT)? {
        fs::remove_file(folder.join(kept))?;
    }
    Ok(())
}

/// sled takes the last one, too.
fn last_with_prefix(folder: &Path, prefix: &str) -> Result<Option<String>> {
    let mut last = None;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().into_string().ok();
        last = last.max(name.filter(|name| name.starts_with(prefix)));
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_snapshot_is_kept_until_the_next_one_is_certain_and_given_back_where_both_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        keep_snapshot(folder).unwrap();
        assert_eq!(names(folder), [""; 0]);
        fs::write(folder.join("snap.0A"), "old").unwrap();
        keep_snapshot(folder).unwrap();
        assert_eq!(names(folder), ["kept.snap.0A", "snap.0A"]);
        fs::remove_file(folder.join("snap.0A")).unwrap();
        keep_snapshot(folder).unwrap();
        assert_eq!(names(folder), ["kept.snap.0A", "snap.0A"]);
        assert_eq!(fs::read(folder.join("snap.0A")).unwrap(), b"old");
        fs::rename(folder.join("snap.0A"), folder.join("snap.0B")).unwrap();
        keep_snapshot(folder).unwrap();
        forget_kept_snapshots(folder).unwrap();
        assert_eq!(names(folder), ["snap.0B"]);
    }
}
