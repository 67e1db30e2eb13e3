//! The write-ahead log as bytes: which commits it holds, read without SQLite and without using the log
//! (`fileformat2.html`, section 4).

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    path::Path,
};

/// The page of `last_commit`, the first table of every store.
const LAST_COMMIT_PAGE: u32 = 2;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// Bytes of a header that its checksum covers.
const CHECKED_HEADER_BYTES: usize = 24;
/// Bytes of a frame's header that its checksum covers, besides the page.
const CHECKED_FRAME_BYTES: usize = 8;

const MAGIC_LITTLE_ENDIAN: u32 = 0x377f_0682;
const MAGIC_BIG_ENDIAN: u32 = 0x377f_0683;

/// The row of `last_commit`, as far as the log tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastCommit {
    pub(crate) previous: [u8; 16],
    pub(crate) latest: [u8; 16],
    pub(crate) schema_version: i64,
}

/// The first bytes of a log: they change whenever the log is written again from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogHeader([u8; HEADER_BYTES]);

impl LogHeader {
    /// `None` where there is no log, or an empty one.
    pub(crate) fn read(log: &Path) -> io::Result<Option<Self>> {
        let Some(mut file) = open(log)? else {
            return Ok(None);
        };
        let mut bytes = [0; HEADER_BYTES];
        Ok(fills(&mut file, &mut bytes)?.then_some(Self(bytes)))
    }
}

/// The rows of `last_commit` that a log's commits wrote, in their order: what SQLite would recover from it.
pub(crate) fn commits(log: &Path) -> io::Result<Vec<LastCommit>> {
    match open(log)? {
        Some(file) => read_commits(BufReader::with_capacity(1 << 16, file)),
        None => Ok(Vec::new()),
    }
}

fn open(log: &Path) -> io::Result<Option<File>> {
    match File::open(log) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_commits(mut log: impl Read) -> io::Result<Vec<LastCommit>> {
    let mut header = [0; HEADER_BYTES];
    if !fills(&mut log, &mut header)? {
        return Ok(Vec::new());
    }
    let Some((mut checksum, page_bytes, salts)) = begin(&header) else {
        return Ok(Vec::new());
    };
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let (mut commits, mut uncommitted) = (Vec::new(), Vec::new());
    while fills(&mut log, &mut frame)? {
        let (head, page) = frame.split_at(FRAME_HEADER_BYTES);
        let (checked, rest) = head.split_at(CHECKED_FRAME_BYTES);
        let (frame_salts, sums) = rest.split_at(CHECKED_FRAME_BYTES);
        checksum.add(checked);
        checksum.add(page);
        // A frame of an earlier generation of the log, or one that was not written to its end: the log ends before it.
        if frame_salts != salts || !checksum.is(sums) {
            break;
        }
        if word(checked, 0) == Some(LAST_COMMIT_PAGE) {
            uncommitted.extend(last_commit(page));
        }
        // The size of the database after a commit; 0 in every other frame.
        if word(checked, 4) != Some(0) {
            commits.append(&mut uncommitted);
        }
    }
    Ok(commits)
}

/// The checksum after the header, the size of a page, and the salts that every frame repeats; `None` of what is no log.
fn begin(header: &[u8; HEADER_BYTES]) -> Option<(Checksum, usize, [u8; 8])> {
    let is_big_endian = match word(header, 0)? {
        MAGIC_LITTLE_ENDIAN => false,
        MAGIC_BIG_ENDIAN => true,
        _ => return None,
    };
    let (checked, sums) = header.split_at(CHECKED_HEADER_BYTES);
    let mut checksum = Checksum {
        is_big_endian,
        sums: (0, 0),
    };
    checksum.add(checked);
    if !checksum.is(sums) {
        return None;
    }
    let page_bytes = usize::try_from(word(header, 8)?).ok()?;
    let is_page_size = (512..=65_536).contains(&page_bytes) && page_bytes.is_power_of_two();
    let salts = header.get(16..24)?.try_into().ok()?;
    is_page_size.then_some((checksum, page_bytes, salts))
}

/// The row on the page of `last_commit`: the only cell of a leaf of a table (`fileformat2.html`, sections 1.6 and 2.1).
fn last_commit(page: &[u8]) -> Option<LastCommit> {
    const TABLE_LEAF: u8 = 0x0d;
    /// The serial type of 16 bytes: 12 + 2 * 16.
    const BLOB_16: u8 = 44;

    let [TABLE_LEAF, _, _, 0, 1, ..] = page else {
        return None;
    };
    let at = u16::from_be_bytes(page.get(8..10)?.try_into().ok()?);
    // Payload's length, key, length of the record's header, then a type a column: the key is in none of its own.
    let [_, 1, 5, 0, BLOB_16, BLOB_16, version_type, values @ ..] = page.get(usize::from(at)..)? else {
        return None;
    };
    Some(LastCommit {
        previous: values.get(..16)?.try_into().ok()?,
        latest: values.get(16..32)?.try_into().ok()?,
        schema_version: integer(*version_type, values.get(32..)?)?,
    })
}

/// A whole number of a record (`fileformat2.html`, section 2.1): big-endian, in twos complement.
fn integer(serial_type: u8, value: &[u8]) -> Option<i64> {
    let bytes = match serial_type {
        8 => return Some(0),
        9 => return Some(1),
        1..=4 => usize::from(serial_type),
        5 => 6,
        6 => 8,
        _ => return None,
    };
    let value = value.get(..bytes)?;
    let sign = if value.first()? & 0x80 == 0 { 0 } else { -1 };
    Some(
        value
            .iter()
            .fold(sign, |number, byte| number << 8 | i64::from(*byte)),
    )
}

/// The running checksum of a log (`fileformat2.html`, section 4.2).
struct Checksum {
    is_big_endian: bool,
    sums: (u32, u32),
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        let word = |bytes: [u8; 4]| {
            if self.is_big_endian {
                u32::from_be_bytes(bytes)
            } else {
                u32::from_le_bytes(bytes)
            }
        };
        let (mut first, mut second) = self.sums;
        let mut words = bytes.as_chunks::<4>().0.iter().map(|bytes| word(*bytes));
        while let (Some(odd), Some(even)) = (words.next(), words.next()) {
            first = first.wrapping_add(odd).wrapping_add(second);
            second = second.wrapping_add(even).wrapping_add(first);
        }
        self.sums = (first, second);
    }

    fn is(&self, sums: &[u8]) -> bool {
        word(sums, 0) == Some(self.sums.0) && word(sums, 4) == Some(self.sums.1)
    }
}

/// A number of a header, which is big-endian whatever the checksums are.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Reads until the buffer is full; `false` where the file ends before.
fn fills(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn in_wal_mode(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
            .unwrap();
        connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        connection
    }

    const TABLE: &str = "CREATE TABLE last_commit (only_row INTEGER PRIMARY KEY, previous BLOB, latest BLOB, \
                         schema_version INTEGER) STRICT; \
                         INSERT INTO last_commit VALUES (1, zeroblob(16), x'00000000000000000000000000000000', 0)";

    /// A number of every length that a record may give it.
    const VERSIONS: [i64; 10] = [
        0,
        1,
        -1,
        127,
        -30_000,
        1 << 20,
        (1 << 30) - 1,
        -(1 << 40),
        i64::MAX,
        i64::MIN,
    ];

    fn advance(connection: &Connection, n: u8) {
        let sql = "UPDATE last_commit SET previous = latest, latest = ?1, schema_version = ?2";
        connection
            .execute(sql, ([n; 16], VERSIONS[usize::from(n)]))
            .unwrap();
    }

    #[test]
    fn every_commit_of_a_log_is_found_in_its_order_whatever_the_page_size() {
        for page_bytes in [512, 2_048, 65_536] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("users.db");
            let connection = Connection::open(&path).unwrap();
            connection.pragma_update(None, "page_size", page_bytes).unwrap();
            drop(connection);
            let connection = in_wal_mode(&path);
            connection.execute_batch(TABLE).unwrap();
            for n in 1..=9 {
                advance(&connection, n);
            }
            let found = commits(&folder.path().join("users.db-wal")).unwrap();
            let latest: Vec<u8> = found.iter().map(|commit| commit.latest[0]).collect();
            let versions: Vec<i64> = found.iter().map(|commit| commit.schema_version).collect();
            assert_eq!(versions, VERSIONS);
            let previous: Vec<u8> = found.iter().skip(1).map(|commit| commit.previous[0]).collect();
            assert_eq!(latest, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
            assert_eq!(previous, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        }
    }

    #[test]
    fn what_was_not_committed_or_not_written_whole_is_not_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let connection = in_wal_mode(&folder.path().join("users.db"));
        connection.execute_batch(TABLE).unwrap();
        advance(&connection, 1);
        let whole = std::fs::read(folder.path().join("users.db-wal")).unwrap();
        let count = |bytes: &[u8]| read_commits(bytes).unwrap().len();
        assert_eq!(count(&whole), 2);
        assert_eq!(count(&whole[..whole.len() - 1]), 1);
        let mut torn = whole.clone();
        *torn.last_mut().unwrap() ^= 1;
        assert_eq!(count(&torn), 1);
        let mut no_log = whole;
        no_log[25] ^= 1;
        assert_eq!(count(&no_log), 0);
        assert_eq!(count(&[]), 0);
    }

    #[test]
    fn frames_of_the_log_before_it_was_begun_again_are_not_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let connection = in_wal_mode(&folder.path().join("users.db"));
        connection.execute_batch(TABLE).unwrap();
        for n in 1..=5 {
            advance(&connection, n);
        }
        connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .unwrap();
        advance(&connection, 6);
        let found = commits(&folder.path().join("users.db-wal")).unwrap();
        assert_eq!(
            found,
            [LastCommit {
                previous: [5; 16],
                latest: [6; 16],
                schema_version: VERSIONS[6],
            }]
        );
    }

    #[test]
    fn no_bytes_are_too_strange_to_be_read() {
        for length in 0..200 {
            let page: Vec<u8> = (0..length).map(|n| [0x0d, 0, 0, 0, 1, 0xff][n % 6]).collect();
            assert_eq!(last_commit(&page), None);
        }
    }
}
