//! What the disk can do with nothing around it: the floors of durable writes.

use std::{
    fs::{File, OpenOptions},
    io, iter,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use rand::RngExt as _;
use tokio::sync::oneshot;

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
        let mut number = 0;
        one_caller(window, |_| {
            number += 1;
            Ok(self.write(number)?)
        })
    }

    fn write(&self, number: u64) -> io::Result<()> {
        let mut page = [0_u8; PAGE_BYTES];
        page[..8].copy_from_slice(&number.to_be_bytes());
        self.0.write_all_at(&page, 0)?;
        self.0.sync_data()
    }
}

/// The floor of a store that is larger than its caches: a new user is on a page like any other, which in the end is
/// written to the disk by itself.
pub(crate) struct ScatteredPages {
    file: File,
    pages: u64,
}

impl ScatteredPages {
    /// As large as one of a store on SQLite.
    const PAGE: [u8; 2_048] = [1; 2_048];
    const BYTES: u64 = Self::PAGE.len() as u64;

    /// How many the store copies at once.
    pub(crate) const SYNCED_AT_ONCE: u32 = 512;

    /// Overwrites pages of this file, of which nothing is left but its size.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().write(true).open(path)?;
        // What is still to be written of it would be in the way.
        file.sync_all()?;
        let pages = file.metadata()?.len() / Self::BYTES;
        if pages == 0 {
            return Err(format!("{} is empty", path.display()).into());
        }
        Ok(Self { file, pages })
    }

    /// Pages a second.
    pub(crate) fn rate(&self, window: Duration) -> Result<f64> {
        let mut random = rand::rng();
        let syncs = one_caller(window, |_| {
            let draw = |_| random.random_range(0..self.pages);
            let mut pages: Vec<_> = (0..Self::SYNCED_AT_ONCE).map(draw).collect();
            // As a copy goes through the file.
            pages.sort_unstable();
            for number in pages {
                self.file.write_all_at(&Self::PAGE, number * Self::BYTES)?;
            }
            Ok(self.file.sync_data()?)
        })?;
        Ok(syncs * f64::from(Self::SYNCED_AT_ONCE))
    }
}

/// The floor of many durable writes: those that come while one is synced share the next sync.
pub(crate) struct SharedSync(mpsc::Sender<oneshot::Sender<io::Result<()>>>);

impl SharedSync {
    /// Its thread ends with it.
    pub(crate) fn start(file: Overwrite) -> Self {
        let (sender, waiting) = mpsc::channel::<oneshot::Sender<io::Result<()>>>();
        thread::spawn(move || {
            let mut number = 0;
            while let Ok(first) = waiting.recv() {
                let batch: Vec<_> = iter::once(first).chain(waiting.try_iter()).collect();
                number += 1;
                let synced = file.write(number);
                for answer in batch {
                    let outcome = synced.as_ref().copied().map_err(|error| error.kind().into());
                    // Whoever gave up needs none.
                    let _ = answer.send(outcome);
                }
            }
        });
        Self(sender)
    }

    /// Is there once what it wrote is on the disk.
    pub(crate) fn write(&self) -> impl Future<Output = Result<()>> + Send + 'static + use<> {
        let (answer, answered) = oneshot::channel();
        let sent = self.0.send(answer);
        async move {
            sent.map_err(|_| "the floor is gone")?;
            Ok(answered.await??)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scattered_pages_leave_a_file_as_long_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        std::fs::write(&path, [0; 5_000]).unwrap();
        let floor = ScatteredPages::of(&path).unwrap();
        assert!(floor.rate(Duration::from_millis(5)).unwrap() > 0.0);
        let content = std::fs::read(&path).unwrap();
        assert_eq!((content.len(), content[4_096]), (5_000, 0));
        assert!(content[..4_096].contains(&1));
    }

    #[test]
    fn writes_that_come_at_once_are_all_answered() {
        let folder = tempfile::tempdir().unwrap();
        let floor = SharedSync::start(Overwrite::preallocated(&folder.path().join("floor")).unwrap());
        let writes: Vec<_> = (0..100).map(|_| floor.write()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for write in writes {
            runtime.block_on(write).unwrap();
        }
    }
}
