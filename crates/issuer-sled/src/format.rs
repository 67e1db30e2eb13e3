//! The file that says whose folder it is, who has it, and how much of it must be there.
//!
//! sled writes as soon as it opens a folder, finds nothing wrong with one that has lost its database, and
//! takes a damaged end of its log for one that was never finished. So a file of our own is read first. It is
//! called `issuer` and has 2,048 bytes:
//!
//! | at | what |
//! | --- | --- |
//! | 0 | the text `issuer-sled 1`, in which 1 is the version of the format, a line feed; until the store is made, `unfinished` and another; zeros up to 512 |
//! | 512 | a witness |
//! | 1,024 | another |
//! | 1,536 | the text `closed` while nobody has the folder open and all of it is synced, else zeros |
//!
//! A witness is the number of a slice of commits that was synced (8 bytes, big-endian) and the first 8 bytes
//! of the SHA-256 of these. The two are written in turn, each within a sector of its own, so that whatever
//! becomes of a write, one of them can be read. They are not synced: what they say stays true, and is only
//! less than the whole truth. Nor is the last one: what it tells of, writes that the system has lost but still shows, is
//! over with a power cut. A file that ends before it, of an older version, says that the folder may have been left open.
//!
//! sled cannot open what is left where the power fails while it makes its files. So the file says that they are
//! unfinished until all of them are synced; as long as it does nothing was ever acknowledged, and they are made anew.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use issuer::Digest;
use issuer_store::StoreErrorKind;

use crate::{
    database::sync_folder,
    error::{Fault, Result},
};

/// The version of the format that this library reads and writes.
pub(crate) const VERSION: u32 = 1;

pub(crate) const NAME: &str = "issuer";
const MAGIC: &str = "issuer-sled ";
const UNFINISHED: &str = "unfinished";
const SECTOR_BYTES: usize = 512;
const WITNESSES_AT: [u64; 2] = [512, 1_024];
const CLOSED_AT: u64 = 1_536;
const CLOSED: &[u8; 6] = b"closed";
/// What a file of any version has at least.
const FILE_BYTES: usize = 3 * SECTOR_BYTES;

/// The file, locked for as long as it is open.
#[derive(Debug)]
pub(crate) struct FormatFile {
    file: Mutex<File>,
    /// The highest slice that is known to be synced.
    witnessed: AtomicU64,
    /// Whoever had the folder open has not closed it, or could not write or sync.
    left_open: AtomicBool,
    /// The store was not made to its end yet.
    unfinished: AtomicBool,
}

impl FormatFile {
    /// Locks the folder for this store alone, and refuses it if it is not ours: before anything is written.
    pub(crate) fn lock(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let mut new = !path.try_exists()?;
        if new && holds_something(folder)? {
            return Err(foreign());
        }
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(new).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(Fault::refused(
                    StoreErrorKind::Busy,
                    "is open in another process, or in this one; only one at a time may have it",
                ));
            }
            Err(fs::TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut content = Vec::new();
        (&file).take(4_096).read_to_end(&mut content)?;
        if !folder.join("db").try_exists()? && is_cut_short(&content) {
            // New, or left behind by somebody who was stopped while making it.
            content = whole_file(UNFINISHED);
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&content)?;
            file.sync_all()?;
            // Before sled makes anything: a folder with sled's files and without this one is somebody else's.
            sync_folder(folder)?;
            new = true;
        } else if content.len() < FILE_BYTES {
            return Err(foreign());
        }
        check_version(&content)?;
        let slices = WITNESSES_AT.map(|at| witness(&content, at));
        let Some(witnessed) = slices.into_iter().flatten().max() else {
            return Err(Fault::damaged("what was written to it is not known any more"));
        };
        let closed = content
            .get(FILE_BYTES..)
            .is_some_and(|rest| rest.starts_with(CLOSED));
        let left_open = !new && !closed;
        if left_open {
            // What it says may be in memory alone: see `rewrite_all`.
            write_at(&mut file, 0, &content)?;
            file.sync_all()?;
        }
        // Before sled writes anything.
        write_at(&mut file, CLOSED_AT, &[0; CLOSED.len()])?;
        Ok(Self {
            file: Mutex::new(file),
            witnessed: witnessed.into(),
            left_open: left_open.into(),
            unfinished: says_unfinished(&content).into(),
        })
    }

    /// Refuses where another folder, or none, is in the place of the one that was locked.
    pub(crate) fn still_in(&self, folder: &Path) -> Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;

            let ours = self.lock_file().metadata()?;
            match fs::metadata(folder.join(NAME)) {
                Ok(found) if (found.dev(), found.ino()) == (ours.dev(), ours.ino()) => {}
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {
                    return Err(Fault::refused(
                        StoreErrorKind::Replaced,
                        "was moved, deleted or replaced while it was open, and is neither read nor written any more. If it was \
                         moved, put it back under this name; if a backup was put in its place, stop this program and start \
                         it again",
                    ));
                }
            }
        }
        Ok(())
    }

    /// The highest slice that is known to be synced.
    pub(crate) fn witnessed(&self) -> u64 {
        self.witnessed.load(Ordering::SeqCst)
    }

    /// Whether what the files show may not be what the disk has.
    pub(crate) fn was_left_open(&self) -> bool {
        self.left_open.load(Ordering::SeqCst)
    }

    /// Whether the store was not made to its end yet.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.unfinished.load(Ordering::SeqCst)
    }

    /// Notes that the store is made: from now on, whatever is missing was lost.
    #[allow(clippy::expect_used, reason = "`whole_file` fills four sectors")]
    pub(crate) fn finish(&self) -> Result<()> {
        let made = whole_file("");
        let mut file = self.lock_file();
        let first = made.first_chunk::<SECTOR_BYTES>();
        write_at(&mut file, 0, first.expect("a whole file has four sectors"))?;
        file.sync_all()?;
        self.unfinished.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// Something could not be written or synced.
    pub(crate) fn suspect(&self) {
        self.left_open.store(true, Ordering::SeqCst);
    }

    /// Notes that all is synced, and nobody has the folder open any more. Where that fails, the next opening takes longer.
    pub(crate) fn mark_closed(&self) {
        let _ = write_at(&mut self.lock_file(), CLOSED_AT, CLOSED);
    }

    fn lock_file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that this slice is synced. Where that fails, less is known at the next opening; nothing is lost.
    pub(crate) fn witness(&self, slice: u64) {
        let at = if slice.is_multiple_of(2) {
            WITNESSES_AT[0]
        } else {
            WITNESSES_AT[1]
        };
        self.witnessed.fetch_max(slice, Ordering::SeqCst);
        let _ = write_at(&mut self.lock_file(), at, &encode_witness(slice));
    }
}

fn write_at(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

/// Whether there is anything in the folder but what an unfinished creation leaves.
fn holds_something(folder: &Path) -> Result<bool> {
    Ok(fs::read_dir(folder)?.next().transpose()?.is_some())
}

fn whole_file(state: &str) -> Vec<u8> {
    let mut content = format!("{MAGIC}{VERSION}\n").into_bytes();
    if !state.is_empty() {
        content.extend(format!("{state}\n").as_bytes());
    }
    content.resize(SECTOR_BYTES, 0);
    content.extend(encode_witness(0));
    content.resize(2 * SECTOR_BYTES, 0);
    content.extend(encode_witness(0));
    content.resize(4 * SECTOR_BYTES, 0);
    content
}

/// Whether this is what may be left of a file that was being made: it ends too early, or some of its sectors are empty.
fn is_cut_short(content: &[u8]) -> bool {
    let whole = whole_file(UNFINISHED);
    let of_a_new_file =
        |(found, made): (&[u8], &[u8])| made.starts_with(found) || found.iter().all(|byte| *byte == 0);
    content.len() <= whole.len()
        && content
            .chunks(SECTOR_BYTES)
            .zip(whole.chunks(SECTOR_BYTES))
            .all(of_a_new_file)
}

fn says_unfinished(content: &[u8]) -> bool {
    content.split(|byte| *byte == b'\n').nth(1) == Some(UNFINISHED.as_bytes())
}

fn check_version(content: &[u8]) -> Result<()> {
    let Some(rest) = content.strip_prefix(MAGIC.as_bytes()) else {
        return Err(foreign());
    };
    let digits = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let version = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse::<u32>().ok());
    match version {
        Some(VERSION) => Ok(()),
        Some(newer) if newer > VERSION => Err(Fault::refused(
            StoreErrorKind::Newer,
            "was written by a newer version; run that version, or later",
        )),
        _ => Err(Fault::damaged("the version of its format cannot be read")),
    }
}

fn encode_witness(slice: u64) -> [u8; 16] {
    let number = slice.to_be_bytes();
    let digest = Digest::of(&number);
    let mut bytes = [0; 16];
    for (byte, part) in bytes.iter_mut().zip(number.iter().chain(digest.as_bytes())) {
        *byte = *part;
    }
    bytes
}

fn witness(content: &[u8], at: u64) -> Option<u64> {
    let found = content.get(usize::try_from(at).ok()?..)?.first_chunk::<16>()?;
    let slice = u64::from_be_bytes(*found.first_chunk()?);
    (encode_witness(slice) == *found).then_some(slice)
}

fn foreign() -> Fault {
    Fault::refused(
        StoreErrorKind::Foreign,
        "holds something else than a store of this kind; name another folder",
    )
}
