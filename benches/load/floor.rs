//! The floor of every durable write: four kilobytes over those that are there, and a sync.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path, time::Duration};

use crate::{Result, measure::one_caller};

const PAGE_BYTES: usize = 4_096;

/// A file whose blocks are on the disk already, so that overwriting one writes no metadata.
pub(crate) struct Overwrite(File);

impl Overwrite {
    pub(crate) fn preallocated(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        file.write_all_at(&vec![0; 64 * PAGE_BYTES], 0)?;
        file.sync_all()?;
        Ok(Self(file))
    }

    /// Syncs a second of one caller.
    pub(crate) fn rate(&self, window: Duration) -> Result<f64> {
        let mut page = [0_u8; PAGE_BYTES];
        one_caller(window, |_| {
            page[0] = page[0].wrapping_add(1);
            self.0.write_all_at(&page, 0)?;
            Ok(self.0.sync_data()?)
        })
    }
}
