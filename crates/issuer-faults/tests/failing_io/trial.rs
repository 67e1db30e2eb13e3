//! One run of a store into one fault, and what came of it.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use issuer_faults::ledger::Ledger;
use issuer_sled::SledStore;
use issuer_sqlite::SqliteStore;
use issuer_store::{Store, StoreError};

use super::fault::{Fault, HowLong};

/// After this long a run hangs. One that does not takes less than a second; on a busy machine some.
const PATIENCE: Duration = Duration::from_secs(90);

/// How many steps a store works through: two purges, which copy the log of SQLite into its file.
pub(crate) const STEPS: u64 = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Sled,
    /// SQLite behind a store that swallows its errors.
    Careless,
}

impl Kind {
    pub(crate) fn open(self, path: &Path) -> Result<Box<dyn Store>, StoreError> {
        Ok(match self {
            Self::Sqlite | Self::Careless => Box::new(SqliteStore::open(path)?),
            Self::Sled => Box::new(SledStore::open(path)?),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Sled => "sled",
            Self::Careless => "careless",
        }
    }

    /// The file or folder of its store in this folder.
    pub(crate) fn path(self, folder: &Path) -> PathBuf {
        folder.join(format!("store.{}", self.name()))
    }

    /// The program of `src/bin/troubled.rs`, or what is put in front of it, at work in this folder.
    pub(crate) fn work(self, mut command: Command, folder: &Path, steps: u64, how_long: HowLong) -> Command {
        command.arg(self.name()).arg(self.path(folder));
        command.arg(steps.to_string()).arg(match how_long {
            HowLong::Once => "once",
            HowLong::Forever => "forever",
        });
        command
    }

    /// The file into which a slice of commits is written, and the call by which it is synced.
    pub(crate) fn log(self) -> (&'static str, &'static str) {
        match self {
            Self::Sqlite => ("store.sqlite-wal", "fsync"),
            Self::Careless => ("store.careless-wal", "fsync"),
            Self::Sled => ("store.sled/db", "fdatasync"),
        }
    }
}

/// The program that works.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_troubled"))
}

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How many calls were made to fail.
    pub(crate) struck: usize,
    /// Whether the caller was told of an error.
    pub(crate) told: bool,
    /// Whether the store could not be opened.
    pub(crate) unopened: bool,
    /// How long after the last step it worked again.
    pub(crate) recovered: Option<Duration>,
    /// Panics of sled's threads.
    pub(crate) panics: usize,
    /// Every promise that was broken.
    pub(crate) broken: Vec<String>,
}

/// Lets the store run into the fault, in a folder of its own, and looks at what is there afterwards.
pub(crate) fn run(kind: Kind, fault: &Fault) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let command = kind.work(
        fault.strike(program(), folder.path(), &trace),
        folder.path(),
        STEPS,
        fault.how_long,
    );
    let ended = to_the_end(command);
    let trace = fs::read_to_string(trace).unwrap_or_default();
    let mut outcome = judge(kind, &kind.path(folder.path()), &ended);
    outcome.struck = trace.lines().filter(|line| line.contains("(INJECTED)")).count();
    outcome
}

/// What a process said until its end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    success: bool,
    hung: bool,
}

/// Runs a process, and ends it where it does not end.
pub(crate) fn to_the_end(mut command: Command) -> Ended {
    let started = Instant::now();
    let mut child = command
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = |pipe: &mut dyn std::io::Read| {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    };
    thread::scope(|scope| {
        let errors = scope.spawn(|| read(&mut stderr));
        let results = scope.spawn(|| read(&mut stdout));
        let (status, hung) = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break (status, false);
            }
            if started.elapsed() > PATIENCE {
                // With `strace` goes the program that it watches.
                let group = format!("-{}", child.id());
                Command::new("kill")
                    .args(["-s", "KILL", "--", &group])
                    .status()
                    .unwrap();
                break (child.wait().unwrap(), true);
            }
            thread::sleep(Duration::from_millis(2));
        };
        Ended {
            stdout: results.join().unwrap(),
            stderr: errors.join().unwrap(),
            success: status.success(),
            hung,
        }
    })
}

/// What a run has shown, and whether the store holds what it was said to.
pub(crate) fn judge(kind: Kind, path: &Path, ended: &Ended) -> Outcome {
    let mut outcome = Outcome {
        panics: ended.stderr.matches("panicked at").count(),
        ..Outcome::default()
    };
    let mut ledger = Ledger::default();
    for line in ended.stdout.lines() {
        if let Some(error) = line.strip_prefix("told ") {
            outcome.told = true;
            if !error.contains(&*path.to_string_lossy()) {
                outcome
                    .broken
                    .push(format!("an error that does not say of what: {error}"));
            }
        } else if let Some(why) = line.strip_prefix("broken ") {
            outcome.broken.push(why.to_owned());
        } else if let Some(millis) = line.strip_prefix("recovered ") {
            outcome.recovered = millis.parse().ok().map(Duration::from_millis);
        } else if line == "unopened" {
            outcome.unopened = true;
        } else if line != "opened"
            && !line.starts_with("whole ")
            && let Err(why) = ledger.read(line)
        {
            outcome.broken.push(why);
        }
    }
    if ended.hung {
        outcome.broken.push("it hangs".to_owned());
    } else if !ended.success && outcome.broken.is_empty() && !outcome.unopened {
        outcome.broken.push(format!("it ended early: {}", ended.stderr));
    }
    if kind != Kind::Sled && outcome.panics > 0 {
        outcome.broken.push(format!("it panicked: {}", ended.stderr));
    }
    match kind.open(path) {
        Ok(store) => {
            if let Err(finding) = ledger.check(&*store) {
                outcome
                    .broken
                    .push(format!("opened by another process: {finding}"));
            }
        }
        Err(error) => outcome
            .broken
            .push(format!("another process cannot open it: {error} {error:?}")),
    }
    outcome
}
