//! Which calls of a store can be made to fail, and how.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

/// What changes files, or says that they are changed for good, and the errors that each can end in.
const CALLS: [(&str, &[&str]); 14] = [
    ("write", &["EIO", "ENOSPC"]),
    ("pwrite64", &["EIO", "ENOSPC"]),
    ("pwritev", &["EIO", "ENOSPC"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("fdatasync", &["EIO", "ENOSPC"]),
    ("sync_file_range", &["EIO"]),
    ("ftruncate", &["EIO", "ENOSPC"]),
    ("fallocate", &["EIO", "ENOSPC"]),
    ("openat", &["EIO", "ENOSPC", "EMFILE"]),
    ("rename", &["EIO", "ENOSPC"]),
    ("unlink", &["EIO"]),
    ("mkdir", &["EIO", "ENOSPC"]),
    ("lseek", &["EIO"]),
    ("mmap", &["ENOMEM"]),
];

/// How long a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HowLong {
    /// This time alone.
    Once,
    /// This time, and ever after.
    Forever,
}

/// A call on a file that fails: the one of this number, counted in each thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The file, as seen from the folder that the store is in.
    file: PathBuf,
    call: &'static str,
    number: usize,
    error: &'static str,
    pub(crate) how_long: HowLong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.injection(), self.file.display())
    }
}

impl Fault {
    /// How `strace` is told which calls to look at.
    pub(crate) fn all_calls() -> String {
        let names: Vec<&str> = CALLS.iter().map(|(name, _)| *name).collect();
        format!("trace={}", names.join(","))
    }

    /// Whether it is of this call on this file, and lasts so long.
    pub(crate) fn is(&self, call: &str, how_long: HowLong, file: &str) -> bool {
        self.call == call && self.how_long == how_long && self.file == Path::new(file)
    }

    fn injection(&self) -> String {
        let Self {
            call, number, error, ..
        } = self;
        let and_ever_after = match self.how_long {
            HowLong::Once => "",
            HowLong::Forever => "+",
        };
        format!("{call}:error={error}:when={number}{and_ever_after}")
    }

    /// A program that `strace` lets run into this fault, with its store in this folder.
    pub(crate) fn strike(&self, program: &Path, folder: &Path, trace: &Path) -> Command {
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-P"]).arg(folder.join(&self.file));
        command.arg("-e").arg(format!("trace={}", self.call));
        command.arg("-e").arg(format!("inject={}", self.injection()));
        command.arg("-o").arg(trace).arg("--").arg(program);
        command
    }
}

/// Every fault that a store in this folder can run into, by a trace of its calls where none fails.
pub(crate) fn possible(trace: &str, folder: &Path) -> Vec<Fault> {
    let mut counts: BTreeMap<(&str, &str, PathBuf), usize> = BTreeMap::new();
    let mut most: BTreeMap<(&str, PathBuf), usize> = BTreeMap::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let Some((name, rest)) = call.trim_start().split_once('(') else {
            continue;
        };
        for file in files(rest, folder) {
            let count = counts.entry((thread, name, file.clone())).or_default();
            *count += 1;
            let most = most.entry((name, file)).or_default();
            *most = (*most).max(*count);
        }
    }
    let mut faults = Vec::new();
    for (call, errors) in CALLS {
        for ((_, file), most) in most.iter().filter(|((name, _), _)| *name == call) {
            for number in 1..=*most {
                for &error in errors {
                    for how_long in [HowLong::Once, HowLong::Forever] {
                        faults.push(Fault {
                            file: file.clone(),
                            call,
                            number,
                            error,
                            how_long,
                        });
                    }
                }
            }
        }
    }
    faults
}

/// The files in this folder that a call names, in its arguments or as what its handles stand for.
fn files(call: &str, folder: &Path) -> BTreeSet<PathBuf> {
    let below = format!("{}/store.", folder.display());
    call.match_indices(&below)
        .filter_map(|(at, _)| {
            let path = call.get(at..)?.split(['"', '>']).next()?;
            Path::new(path).strip_prefix(folder).ok().map(Path::to_owned)
        })
        .collect()
}
