//! The calls of a process that concern what is on the disk, in the order in which they came back.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// What `strace` has to look at for this.
pub(crate) const TRACED: &str =
    "trace=write,pwrite64,read,lseek,ftruncate,openat,unlink,fsync,fdatasync,writev";

/// What a call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Wrote bytes from one place up to another.
    Write(PathBuf, u64, u64),
    /// Opened a file, and made it if there was none.
    Make(PathBuf),
    /// Deleted a file.
    Delete(PathBuf),
    /// Left no bytes behind a place.
    Cut(PathBuf, u64),
    /// Synced.
    Sync(PathBuf),
    /// Failed to sync, whatever it gave back.
    FailedSync(PathBuf),
    /// Printed this.
    Print(String),
}

/// A deed, and the lines of the trace at which its call began and came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) deed: Deed,
    pub(crate) begun: usize,
    /// Whether it is an `fdatasync`.
    pub(crate) data_alone: bool,
}

/// Reads a trace of what was done below this folder.
pub(crate) fn read(trace: &str, below: &Path) -> Vec<Call> {
    let mut unfinished: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut places = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let Some((thread, text)) = line.split_once(' ') else {
            continue;
        };
        let text = text.trim_start();
        if let Some(begun) = text.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread, (number, begun.trim_end()));
            continue;
        }
        let (begun, whole) = match text
            .strip_prefix("<... ")
            .and_then(|rest| rest.split_once("resumed>"))
        {
            Some((_, end)) => match unfinished.remove(thread) {
                Some((begun, start)) => (begun, format!("{start}{end}")),
                None => continue,
            },
            None => (number, text.to_owned()),
        };
        if let Some(deed) = deed(&whole, below, &mut places) {
            let data_alone = whole.starts_with("fdatasync");
            calls.push(Call {
                deed,
                begun,
                data_alone,
            });
        }
    }
    // The process was killed in these.
    for (begun, start) in unfinished.into_values() {
        if let Some(deed) = deed(&format!("{start}) = ?"), below, &mut places) {
            calls.push(Call {
                deed,
                begun,
                data_alone: false,
            });
        }
    }
    calls
}

/// `places` is where each handle stands in its file.
fn deed(call: &str, below: &Path, places: &mut HashMap<String, u64>) -> Option<Deed> {
    let (name, rest) = call.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let injected = result.contains("(INJECTED)");
    let number = result.split([' ', '<']).next()?.parse::<i64>().ok();
    let done = number.and_then(|result| u64::try_from(result).ok());
    let handle = arguments.split(['<', ',']).next().unwrap_or_default().to_owned();
    let file = arguments
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    let file = file
        .map(|(path, _)| PathBuf::from(path))
        .filter(|path| path.starts_with(below));
    let argument = |from_the_end: usize| {
        let word = arguments
            .trim_end_matches([')', ' '])
            .rsplit(", ")
            .nth(from_the_end)?;
        word.parse::<u64>().ok()
    };
    match name {
        "writev" => Some(Deed::Print(arguments.split('"').nth(1)?.to_owned())),
        "openat" => {
            let opened = rest.rsplit_once(" = ")?.1.split('<').next()?.to_owned();
            places.insert(opened, 0);
            let made = arguments.contains("O_CREAT") && result.contains('<');
            let path = PathBuf::from(arguments.split('"').nth(1)?);
            (made && path.starts_with(below)).then_some(Deed::Make(path))
        }
        "lseek" => {
            places.insert(handle, done?);
            None
        }
        "read" => {
            *places.entry(handle).or_default() += done?;
            None
        }
        "write" => {
            let place = places.entry(handle).or_default();
            let from = *place;
            *place += done?;
            Some(Deed::Write(file?, from, *place))
        }
        "pwrite64" => {
            let from = argument(0)?;
            Some(Deed::Write(file?, from, from + done?))
        }
        "ftruncate" => {
            done?;
            Some(Deed::Cut(file?, argument(0)?))
        }
        "unlink" => {
            done?;
            let path = PathBuf::from(arguments.split('"').nth(1)?);
            Some(Deed::Delete(path))
        }
        "fsync" | "fdatasync" if injected || done.is_none() => Some(Deed::FailedSync(file?)),
        "fsync" | "fdatasync" => Some(Deed::Sync(file?)),
        _ => None,
    }
}

#[test]
fn calls_are_read_with_their_places_and_their_results() {
    let trace = r#"7 openat(AT_FDCWD</>, "/d/a", O_RDWR|O_CREAT, 0600) = 3</d/a>
7 write(3</d/a>, "x, \" (1) = 9"..., 10)      = 10
8 pwrite64(4</d/b>, "\0", 4, 635 <unfinished ...>
7 fsync(3</d/a>)  = -1 EIO (Input/output error) (INJECTED)
7 fsync(3</d/a>)  = 0 (INJECTED)
8 <... pwrite64 resumed>)  = 4
7 lseek(3</d/a>, 2, SEEK_SET) = 2
7 write(3</d/a>, "y", 1) = 1
7 writev(1<pipe:[1]>, [{iov_base="applied 7\n", iov_len=10}], 1) = 10
7 fsync(9</elsewhere>) = 0
7 fdatasync(3</d/a>) = 0
7 ftruncate(3</d/a>, 5) = 0"#;
    let deeds: Vec<Deed> = read(trace, Path::new("/d"))
        .into_iter()
        .map(|call| call.deed)
        .collect();
    let (a, b) = (PathBuf::from("/d/a"), PathBuf::from("/d/b"));
    let expected = [
        Deed::Make(a.clone()),
        Deed::Write(a.clone(), 0, 10),
        Deed::FailedSync(a.clone()),
        Deed::FailedSync(a.clone()),
        Deed::Write(b, 635, 639),
        Deed::Write(a.clone(), 2, 3),
        Deed::Print("applied 7\\n".to_owned()),
        Deed::Sync(a.clone()),
        Deed::Cut(a, 5),
    ];
    assert_eq!(deeds, expected);
}
