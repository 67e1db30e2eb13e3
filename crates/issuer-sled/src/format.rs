//! The file that says whose folder it is, who has it, and how much of it must be there.
//!
//! sled writes as soon as it opens a folder, finds nothing wrong with one that has lost its database, and
//! takes a damaged end of its log for one that was never finished. So a file of our own is read first. It is
//! called `issuer` and has 1,536 bytes:
//!
//! | at | what |
//! | --- | --- |
//! | 0 | the text `issuer-sled 1`, in which 1 is the version of the format, a line feed; until the store is made, `unfinished` and another; zeros up to 512 |
//! | 512 | a witness |
//! | 1,024 | another |
//!
//! A witness is the number of a slice of commits that was synced (8 bytes, big-endian) and the first 8 bytes
//! of the SHA-256 of these. The two are written in turn, each within a sector of its own, so that whatever
//! becomes of a write, one of them can be read. They are not synced: what they say stays true, and is only
//! less than the whole truth.
//!
//! sled cannot open what is left where the power fails while it makes its files. So the file says that they are
//! unfinished until all of them are synced; as long as it does nothing was ever acknowledged, and they are made anew.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use issuer::Digest;
use issuer_store::StoreErrorKind;

use crate::{
    database::sync_folder,
    error::{Fault, Result},
};

/// The version of the format that this library reads and writes.
pub(crate) const VERSION: u32 = 1;

const NAME: &str = "issuer";
const MAGIC: &str = "issuer-sled ";
const UNFINISHED: &str = "unfinished";
const SECTOR_BYTES: usize = 512;
const WITNESSES_AT: [u64; 2] = [512, 1_024];
const FILE_BYTES: usize = 3 * SECTOR_BYTES;

/// The file, locked for as long as it is open.
#[derive(Debug)]
pub(crate) struct FormatFile {
    file: Mutex<File>,
    /// The highest slice that a witness spoke of when the file was opened.
    pub(crate) witnessed: u64,
    /// Whether the store was not made to its end yet when the file was opened.
    pub(crate) unfinished: bool,
}

impl FormatFile {
    /// Locks the folder for this store alone, and refuses it if it is not ours: before anything is written.
    pub(crate) fn lock(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let new = !path.try_exists()?;
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
        } else if content.len() < FILE_BYTES {
            return Err(foreign());
        }
        check_version(&content)?;
        let slices = WITNESSES_AT.map(|at| witness(&content, at));
        let Some(witnessed) = slices.into_iter().flatten().max() else {
            return Err(Fault::damaged("what was written to it is not known any more"));
        };
        Ok(Self {
            file: Mutex::new(file),
            witnessed,
            unfinished: says_unfinished(&content),
        })
    }

    /// Notes that the store is made: from now on, whatever is missing was lost.
    pub(crate) fn finish(&self) -> Result<()> {
        let made = whole_file("");
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        write_at(&mut file, 0, made.get(..SECTOR_BYTES).unwrap_or_default())?;
        Ok(file.sync_all()?)
    }

    /// Notes that this slice is synced. Where that fails, less is known at the next opening; nothing is lost.
    pub(crate) fn witness(&self, slice: u64) {
        let at = if slice.is_multiple_of(2) {
            WITNESSES_AT[0]
        } else {
            WITNESSES_AT[1]
        };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = write_at(&mut file, at, &encode_witness(slice));
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
    content.resize(FILE_BYTES, 0);
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
