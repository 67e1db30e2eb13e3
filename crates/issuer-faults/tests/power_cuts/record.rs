//! A store at work, recorded: opened new, closed, opened again, killed in front of a sync, opened once more, and so on.

use std::{
    collections::HashMap,
    env, fmt,
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use issuer_conformance::{crash::Account, fixture::at};
use issuer_faults::{
    steps::{Action, Recording},
    trace,
};
use tempfile::TempDir;

use crate::{kind::StoreKind, large, owed::Owed};

/// What a store did.
pub(crate) struct Recorded {
    pub(crate) kind: StoreKind,
    pub(crate) recording: Recording,
    /// The lines at which it was closed.
    pub(crate) closed: Vec<usize>,
    /// What it owed at first: nothing.
    pub(crate) owed: Owed,
    processes: u64,
    /// Where its files are.
    folder: TempDir,
}

/// What a process does after the one before it.
struct Run {
    steps: u64,
    /// The sync in front of which it is killed.
    killed_at: Option<u64>,
}

/// Steps of a process. What was purged is forgotten where a store is closed, so that accounts do not grow too long.
const STEPS: u64 = 240;

impl Recorded {
    /// Puts a new store through about so many steps, in several processes, of which every third is killed.
    pub(crate) fn new(kind: StoreKind, seed: u64, steps: u64) -> Self {
        let folder = in_memory();
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        let root = root.canonicalize().unwrap();
        let mut recording = Recording::new(&root);
        let mut account = Account::new();
        let mut closed = Vec::new();
        let runs = (steps / STEPS).max(3);
        let steps = steps / runs;
        for number in 0..runs {
            // One that is killed does not get to the end of its steps.
            let run = match number % 3 {
                1 => Run {
                    steps: 10 * steps,
                    killed_at: Some(steps / 2),
                },
                _ => Run {
                    steps,
                    killed_at: None,
                },
            };
            let printed = run.record(kind, &root, seed + number, &account, &mut recording);
            account.read(&*printed).unwrap();
            if run.killed_at.is_none() {
                closed.push(recording.lines);
            }
        }
        assert!(account.figures().acknowledged > 0, "{account:?}");
        Self {
            kind,
            recording,
            closed,
            owed: Owed::Load(Account::new()),
            processes: runs,
            folder,
        }
    }

    /// Has this program do the work of a test of its own, in a new sled store.
    pub(crate) fn of_test(work: &str) -> Self {
        let folder = in_memory();
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        let root = root.canonicalize().unwrap();
        let mut recording = Recording::new(&root);
        let mut command = Command::new("strace");
        let file = root.with_extension("trace");
        trace::record(&mut command, &env::current_exe().unwrap(), &file);
        command.args([work, "--exact", "--ignored", "--nocapture"]);
        let output = command
            .env(large::PATH, StoreKind::Sled.path(&root))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        add(&file, &mut recording);
        Self {
            kind: StoreKind::Sled,
            recording,
            closed: Vec::new(),
            owed: Owed::LargePages(Vec::new()),
            processes: 1,
            folder,
        }
    }

    /// The folder in which everything was written.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }
}

/// How many calls there were of each kind, and how much of the log was written over.
impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = &self.recording.steps;
        let mut reached = HashMap::new();
        let (mut writes, mut again, mut resizes, mut syncs, mut of_folders, mut names) = (0, 0, 0, 0, 0, 0);
        for step in steps {
            match &step.action {
                Action::Write { file, at, data } => {
                    writes += 1;
                    let end: &mut usize = reached.entry(*file).or_default();
                    again += usize::from(at < end);
                    *end = (*end).max(at + data.len());
                }
                Action::Resize { .. } => resizes += 1,
                Action::Sync { .. } => syncs += 1,
                Action::SyncFolder { .. } => of_folders += 1,
                Action::Enter { .. } => names += 1,
                Action::Map { .. } | Action::Print(_) => {}
            }
        }
        write!(
            f,
            "{} lines, {writes} writes ({again} over what was there), {resizes} changes of a length, {names} of names, \
             {syncs} syncs of files, {of_folders} of folders, {} processes",
            self.recording.lines, self.processes
        )
    }
}

impl Run {
    fn record(
        &self,
        kind: StoreKind,
        root: &Path,
        seed: u64,
        account: &Account,
        recording: &mut Recording,
    ) -> Vec<u8> {
        let file = root.with_extension("trace");
        let program = Path::new(env!("CARGO_BIN_EXE_workload"));
        let mut command = Command::new("strace");
        if let Some(sync) = self.killed_at {
            let calls = kind.syncs();
            command.arg(format!("--inject={calls}:signal=SIGKILL:when={sync}"));
        } else {
            // Stops at these calls alone; but not where something is injected (strace 6.1).
            command.arg("--seccomp-bpf");
        }
        trace::record(&mut command, program, &file);
        let start = account.now().as_unix() - at(0).as_unix();
        command
            .arg(kind.name())
            .arg(kind.path(root))
            .args([seed, self.steps].map(|number| number.to_string()))
            .arg(start.to_string());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let finished = output.status.success();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            finished,
            self.killed_at.is_none(),
            "{:?} {printed}",
            output.status
        );
        add(&file, recording);
        output.stdout
    }
}

fn add(trace: &Path, recording: &mut Recording) {
    let calls = trace::parse(BufReader::new(File::open(trace).unwrap())).unwrap();
    fs::remove_file(trace).unwrap();
    recording.add(&calls).unwrap();
}

/// A folder in memory where there is one, for a sync takes no time there.
pub(crate) fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let found = memory
        .is_dir()
        .then(|| tempfile::tempdir_in(memory).ok())
        .flatten();
    found.unwrap_or_else(|| tempfile::tempdir().unwrap())
}
