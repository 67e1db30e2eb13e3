//! The calls that a process made, as `strace` wrote them down.
//!
//! Every string is written as `\x` and two digits a byte, so that no byte of it can be taken for the text around it.

use std::{
    collections::HashMap,
    io::BufRead,
    path::{Path, PathBuf},
    process::Command,
};

/// What changes files or says what does; and what would do so in a way that is not looked into, so that it is noticed.
const CALLS: &str = "open,openat,openat2,creat,close,dup,dup2,dup3,fcntl,lseek,read,readv,write,writev,pwrite64,pwritev,\
                     pwritev2,truncate,ftruncate,fallocate,rename,renameat,renameat2,link,linkat,symlink,symlinkat,\
                     unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,sync_file_range,sync,syncfs,mmap,msync,\
                     copy_file_range,sendfile,splice,io_uring_setup";

/// Has `strace` run a program, and write its calls with all their data into a file.
pub fn record(strace: &mut Command, program: &Path, into: &Path) {
    strace.args(["-f", "-y", "-xx", "-s", "268435456", "-e"]);
    strace.arg(format!("trace={CALLS}"));
    strace.arg("-o").arg(into).arg("--").arg(program);
}

/// One call that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What it is called.
    pub name: String,
    /// What it was given, as text.
    pub arguments: Vec<String>,
    /// What it gave back; `None` where it failed, or [never came back](Self::came_back).
    pub result: Option<u64>,
    /// Whether it ended; it did not where its process was killed.
    pub came_back: bool,
    /// Which line saw it begin.
    pub begin: usize,
    /// Which line saw it end; after all lines where it never did.
    pub end: usize,
}

/// Reads all calls, in the order in which they began.
///
/// # Errors
/// Where a line cannot be read as one of `strace`'s.
pub fn parse(lines: impl BufRead) -> Result<Vec<Call>, String> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: HashMap<String, (usize, String)> = HashMap::new();
    let mut count = 0;
    for (number, line) in lines.lines().enumerate() {
        let line = line.map_err(|error| error.to_string())?;
        count = number + 1;
        let (thread, text) = line.split_once(' ').ok_or_else(|| odd(number, &line))?;
        let text = text.trim_start();
        if text.starts_with("+++") || text.starts_with("---") {
            continue;
        }
        if let Some(rest) = text.strip_prefix("<... ") {
            let (_, rest) = rest.split_once(" resumed>").ok_or_else(|| odd(number, text))?;
            let (call, begun) = unfinished.remove(thread).ok_or_else(|| odd(number, text))?;
            let call = calls.get_mut(call).ok_or_else(|| odd(number, text))?;
            *call =
                read_call(&format!("{begun}{rest}"), call.begin, number).ok_or_else(|| odd(number, text))?;
        } else if let Some(begun) = text.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread.to_owned(), (calls.len(), begun.to_owned()));
            // Taken for one that never came back until it does.
            let call = read_call(begun.trim_end(), number, usize::MAX).ok_or_else(|| odd(number, text))?;
            calls.push(call);
        } else {
            calls.push(read_call(text, number, number).ok_or_else(|| odd(number, text))?);
        }
    }
    for call in &mut calls {
        call.end = call.end.min(count);
    }
    Ok(calls)
}

fn odd(number: usize, text: &str) -> String {
    let start: String = text.chars().take(100).collect();
    format!("line {number} of the trace cannot be read: {start}")
}

/// `name(argument, argument) = result`, or the beginning of it.
fn read_call(text: &str, begin: usize, end: usize) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, rest) = split(rest);
    let result = rest.trim_start().strip_prefix('=').and_then(|rest| {
        let word = rest.trim_start().split([' ', '<']).next()?;
        match word.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => word.parse().ok(),
        }
    });
    Some(Call {
        name: name.to_owned(),
        arguments,
        result,
        came_back: end != usize::MAX && rest.trim() != "= ?",
        begin,
        end,
    })
}

/// The arguments, and what follows their closing bracket.
fn split(text: &str) -> (Vec<String>, &str) {
    let mut arguments = Vec::new();
    let (mut depth, mut quoted, mut start) = (0_u32, false, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'(' | b'[' | b'{' => depth += 1,
            b')' if depth == 0 => {
                push(&mut arguments, text.get(start..at));
                return (arguments, text.get(at + 1..).unwrap_or_default());
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                push(&mut arguments, text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    push(&mut arguments, text.get(start..));
    (arguments, "")
}

fn push(arguments: &mut Vec<String>, argument: Option<&str>) {
    let argument = argument.unwrap_or_default().trim();
    if !argument.is_empty() {
        arguments.push(argument.to_owned());
    }
}

impl Call {
    /// Whether it did, or may have done, what it is for.
    pub fn took_effect(&self) -> bool {
        self.result.is_some() || !self.came_back
    }

    /// An argument as text.
    pub fn text(&self, index: usize) -> &str {
        self.arguments.get(index).map_or("", String::as_str)
    }

    /// An argument that is a number.
    ///
    /// # Errors
    /// Where it is none.
    pub fn number(&self, index: usize) -> Result<u64, String> {
        let text = self.text(index);
        text.parse().map_err(|error| format!("{self:?}: {error}"))
    }

    /// The file that a handle stands for: its number, and its path where it has one.
    pub fn handle(&self, index: usize) -> Option<(u64, Option<PathBuf>)> {
        let (number, shown) = self.text(index).split_once('<')?;
        let path = shown.split_once('>').and_then(|(path, _)| unescape(path));
        let path = path.map(path_of).filter(|path| path.is_absolute());
        Some((number.parse().ok()?, path))
    }

    /// An argument that is data, whole.
    ///
    /// # Errors
    /// Where it is none, or is cut short.
    pub fn data(&self, index: usize) -> Result<Vec<u8>, String> {
        let quoted = self
            .text(index)
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        quoted.and_then(unescape).ok_or_else(|| {
            format!(
                "{} at line {}: no data in argument {index}",
                self.name, self.begin
            )
        })
    }

    /// An argument that is a path.
    ///
    /// # Errors
    /// Where it is none.
    pub fn path(&self, index: usize) -> Result<PathBuf, String> {
        self.data(index).map(path_of)
    }
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    <std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// The bytes of `\x` and two digits each.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let (bytes, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    bytes
        .iter()
        .map(|byte| match byte {
            [b'\\', b'x', high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_with_its_data_its_path_and_its_result() {
        let text = r#"77 pwrite64(4<\x2f\x61\x2c>, "\x29\x22\x00\xff", 4, 635) = 4
77 openat(AT_FDCWD<\x2f>, "\x2f\x61", O_RDWR|O_CREAT, 0600) = 3<\x2f\x61>
77 close(5<\x2f\x61>(deleted)) = 0
77 fcntl(3<\x2f\x61>, F_SETLK, {l_type=F_UNLCK, l_whence=SEEK_SET, l_start=0}) = 0
77 openat(AT_FDCWD<\x2f>, "\x2f\x62", O_RDONLY) = -1 ENOENT (No such file or directory)
77 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3<\x2f\x61>, 0) = 0x7f00
77 +++ exited with 0 +++"#;
        let calls = parse(text.as_bytes()).unwrap();
        let [write, open, close, lock, failed, map] = calls.as_slice() else {
            panic!("{calls:?}");
        };
        assert_eq!(write.handle(0), Some((4, Some("/a,".into()))));
        assert_eq!(write.data(1).unwrap(), b")\"\x00\xff");
        assert_eq!((write.number(3), write.result), (Ok(635), Some(4)));
        assert_eq!((open.path(1), open.text(2)), (Ok("/a".into()), "O_RDWR|O_CREAT"));
        assert_eq!(open.result, Some(3));
        assert_eq!(close.handle(0), Some((5, Some("/a".into()))));
        assert_eq!(lock.arguments.len(), 3);
        assert_eq!(failed.result, None);
        assert_eq!(map.result, Some(0x7f00));
    }

    #[test]
    fn a_call_that_others_interrupt_begins_and_ends_where_it_did() {
        let text = r#"1 pwrite64(4<\x2f\x61>, "\x01", 1, 659 <unfinished ...>
2 read(3<\x2f\x61>,  <unfinished ...>
1 <... pwrite64 resumed>)           = 1
2 <... read resumed>"\x02", 32)     = 1
1 write(1<\x2f>, "\x01", 1)             = ?
2 fsync(4<\x2f\x61> <unfinished ...>"#;
        let calls = parse(text.as_bytes()).unwrap();
        let of = |index: usize| {
            let call: &Call = &calls[index];
            (call.name.as_str(), call.begin, call.end, call.result)
        };
        assert_eq!(of(0), ("pwrite64", 0, 2, Some(1)));
        assert_eq!(calls[0].number(3), Ok(659));
        assert_eq!(of(1), ("read", 1, 3, Some(1)));
        assert_eq!(calls[1].data(1), Ok(vec![2]));
        assert_eq!(of(2), ("write", 4, 4, None));
        assert_eq!(of(3), ("fsync", 5, 6, None));
        assert_eq!(calls.iter().filter(|call| call.came_back).count(), 2);
    }

    #[test]
    fn what_is_cut_short_is_not_taken_for_whole() {
        let calls = parse(&br#"1 write(1<\x2f>, "\x01"..., 9) = 9"#[..]).unwrap();
        assert!(calls[0].data(1).is_err());
        assert!(parse(&b"nonsense"[..]).is_err());
        assert!(parse(&b"1 <... read resumed>) = 0"[..]).is_err());
    }
}
