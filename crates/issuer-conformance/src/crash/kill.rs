//! One child process after the other, each killed while it works.

use std::{
    env, fmt, fs,
    hash::{BuildHasher, RandomState},
    io::{self, BufRead, BufReader, Read, Write},
    mem,
    path::{Path, PathBuf},
    process::Child,
    thread,
    time::{Duration, Instant},
};

use issuer::Timestamp;
use issuer_store::Store;
use tempfile::TempDir;

use super::{Account, Figures, Load, Random};
use crate::child;

const NOW: &str = "ISSUER_CHILD_NOW";

/// Kills a process, opens what it left, and holds it against the account; again and again, on one store.
///
/// [`kill_suite!`](crate::kill_suite) makes a test of it. The child is the ignored test of that name, which calls
/// [`work_until_killed`].
#[derive(Clone, Debug)]
pub struct Kills {
    child: String,
    count: u64,
    seed: u64,
}

/// What was done, where nothing was found.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Killed {
    /// Processes that were killed.
    pub kills: u64,
    /// Those that died before they had said a word: while they opened the store, mostly.
    pub speechless: u64,
    /// How often the store was opened and compared.
    pub checks: u64,
    /// What was compared.
    pub figures: Figures,
    /// How long it took.
    pub took: Duration,
}

/// What went wrong, with the seed that repeats it.
#[derive(Debug)]
pub struct Failure {
    seed: u64,
    kill: u64,
    what: String,
    folder: TempDir,
}

impl Kills {
    /// 40 kills, or as many as `ISSUER_KILLS` says, of a seed that is another every time, or that of
    /// `ISSUER_TEST_SEED`. `child` is the whole path of the ignored test, as `module_path!` has it.
    #[track_caller]
    pub fn of(child: &str) -> Self {
        // The harness knows a test without the name of its crate.
        let child = child.split_once("::").map_or(child, |(_, path)| path);
        Self {
            child: child.to_owned(),
            count: number_of("ISSUER_KILLS").unwrap_or(40),
            seed: number_of("ISSUER_TEST_SEED").unwrap_or_else(|| RandomState::new().hash_one(())),
        }
    }

    /// Kills this many processes, whatever the environment says.
    #[must_use]
    pub fn count(self, count: u64) -> Self {
        Self { count, ..self }
    }

    /// Kills children that work in a new folder, where `open` opens the store, the same for the children and here.
    /// After each opening here `inspect` may look at the folder, with the store closed.
    ///
    /// The folder is one of the system's for what is temporary (`TMPDIR` says which).
    ///
    /// # Errors
    /// [`Failure`] at the first promise that is broken, or where a child ends by itself.
    ///
    /// # Panics
    /// Where there can be no folder or no process.
    pub fn run<S: Store, E: fmt::Display>(
        &self,
        open: impl Fn(&Path) -> Result<S, E>,
        inspect: impl Fn(&Path),
    ) -> Result<Killed, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("issuer-kills-")
            .tempdir()
            .expect("a temporary folder");
        let mut run = Run {
            child: &self.child,
            place: folder.path().to_owned(),
            random: Random::new(self.seed),
            account: Account::new(),
            earlier: Figures::default(),
            opening: Duration::from_millis(20),
            is_checked: false,
            speechless: 0,
            checks: 0,
        };
        let started = Instant::now();
        for kill in 0..self.count {
            let done = run.cycle(kill, kill + 1 == self.count, folder.path(), &open, &inspect);
            if let Err(what) = done {
                return Err(Failure {
                    seed: self.seed,
                    kill,
                    what,
                    folder,
                });
            }
        }
        Ok(Killed {
            kills: self.count,
            speechless: run.speechless,
            checks: run.checks,
            figures: run.earlier + run.account.figures(),
            took: started.elapsed(),
        })
    }
}

struct Run<'a> {
    child: &'a str,
    /// Where the store is.
    place: PathBuf,
    random: Random,
    account: Account,
    /// Of the accounts of earlier places.
    earlier: Figures,
    /// How long the last child took to its first word.
    opening: Duration,
    /// Whether nothing is open since the last kill.
    is_checked: bool,
    speechless: u64,
    checks: u64,
}

impl Run<'_> {
    fn cycle<S: Store, E: fmt::Display>(
        &mut self,
        kill: u64,
        is_last: bool,
        folder: &Path,
        open: impl Fn(&Path) -> Result<S, E>,
        inspect: impl Fn(&Path),
    ) -> Result<(), String> {
        if kill == 0 || (self.is_checked && self.random.below(16) == 0) {
            self.begin_anew(&folder.join(kill.to_string()))?;
        }
        self.kill_one()?;
        // Now and then another process opens first what this one left, and is killed in turn.
        self.is_checked = is_last || self.random.below(4) > 0;
        if self.is_checked {
            self.check(open)?;
            inspect(&self.place);
        }
        Ok(())
    }

    /// A store more, whose making may be cut short as well.
    fn begin_anew(&mut self, place: &Path) -> Result<(), String> {
        let ended = mem::take(&mut self.account);
        self.earlier = self.earlier + ended.figures();
        let former = mem::replace(&mut self.place, place.to_owned());
        if self.is_checked {
            fs::remove_dir_all(former).map_err(|error| error.to_string())?;
        }
        fs::create_dir(place).map_err(|error| error.to_string())
    }

    fn kill_one(&mut self) -> Result<(), String> {
        let mut command = child::command(self.child);
        command.env(NOW, self.account.now().as_unix().to_string());
        let mut child = child::start(&mut command, &self.place, self.random.number());
        let killed = self.kill_at_work(&mut child);
        let _ = child.kill();
        let ended = end_of(child);
        ended.and(killed)
    }

    fn kill_at_work(&mut self, child: &mut Child) -> Result<(), String> {
        let mut lines = BufReader::new(child.stdout.take().ok_or("a child without output")?);
        let mut spoken = false;
        if self.random.below(3) == 0 {
            // At any moment from its birth, the opening of the store among them.
            thread::sleep(self.moment(2 * self.opening + Duration::from_millis(5)));
        } else {
            let most = if self.random.below(16) == 0 { 1_000 } else { 80 };
            let count = 1 + self.random.below(most);
            spoken = self.listen(&mut lines, count)?;
            // What follows on a line is the next call to the store.
            thread::sleep(self.moment(Duration::from_millis(1)));
        }
        child.kill().map_err(|error| format!("no kill: {error}"))?;
        spoken |= self.listen(&mut lines, u64::MAX)?;
        self.speechless += u64::from(!spoken);
        Ok(())
    }

    /// Reads this many lines of the load; whether there was one.
    fn listen(&mut self, lines: &mut impl BufRead, count: u64) -> Result<bool, String> {
        let born = Instant::now();
        let mut heard = 0;
        let mut line = Vec::new();
        while heard < count {
            line.clear();
            let read = lines.read_until(b'\n', &mut line);
            if read.map_err(|error| error.to_string())? == 0 || !line.ends_with(b"\n") {
                break;
            }
            if !line.starts_with(b"load:") {
                continue;
            }
            if heard == 0 && count < u64::MAX {
                self.opening = born.elapsed();
            }
            heard += 1;
            self.account.read_line(&String::from_utf8_lossy(&line));
        }
        Ok(heard > 0)
    }

    fn moment(&mut self, below: Duration) -> Duration {
        let micros = u64::try_from(below.as_micros()).unwrap_or(1_000).max(1);
        Duration::from_micros(self.random.below(micros))
    }

    fn check<S: Store, E: fmt::Display>(
        &mut self,
        open: impl Fn(&Path) -> Result<S, E>,
    ) -> Result<(), String> {
        self.checks += 1;
        let store = open(&self.place).map_err(|error| format!("it cannot be opened: {error}"))?;
        let checked = self.account.check(&store);
        checked.map(drop).map_err(|breach| breach.to_string())
    }
}

/// A child that ended by itself has something to say.
fn end_of(mut child: Child) -> Result<(), String> {
    let ended = child.wait().map_err(|error| error.to_string())?;
    let Some(code) = ended.code().filter(|_| cfg!(unix)) else {
        return Ok(());
    };
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr
            .read_to_string(&mut said)
            .map_err(|error| error.to_string())?;
    }
    Err(format!("a child ended with {code} before it was killed: {said}"))
}

/// The work of a child: opens the store in the folder that it was told, and uses it until it is killed.
///
/// # Panics
/// Where the store cannot be opened.
pub fn work_until_killed<S: Store, E: fmt::Display>(open: impl Fn(&Path) -> Result<S, E>) {
    let Some((folder, seed)) = child::told() else {
        return;
    };
    let store = open(&folder).unwrap_or_else(|error| panic!("it cannot be opened: {error}"));
    let now: Option<Timestamp> = env::var(NOW)
        .ok()
        .and_then(|now| now.parse().ok())
        .and_then(Timestamp::from_unix);
    // The harness has begun a line of its own.
    let mut lines = io::stdout();
    writeln!(lines).expect("a parent that listens");
    let load = Load::new(seed).threads(1 + seed % 4);
    let load = now.into_iter().fold(load, Load::starting_at);
    let _ = load.run(&store, lines);
}

/// What [`kill_suite!`](crate::kill_suite) makes a test of.
///
/// # Panics
/// At the first promise that is broken, and where the kills hit nothing.
pub fn survive<S: Store, E: fmt::Display>(
    child: &str,
    open: impl Fn(&Path) -> Result<S, E>,
    inspect: impl Fn(&Path),
) {
    let kills = Kills::of(child);
    note(&format!("seed {}", kills.seed));
    let killed = kills
        .run(open, inspect)
        .unwrap_or_else(|failure| panic!("{failure}"));
    note(&killed.to_string());
    if killed.kills >= 40 {
        // Otherwise this has tested nothing.
        let figures = killed.figures;
        let open = u64::try_from(figures.open_done + figures.open_undone).unwrap_or(0);
        assert!(figures.acknowledged > 40, "{figures:?}");
        assert!(open > killed.kills / 10, "{figures:?}");
    }
}

/// Makes two tests of a store that its process may die with: `kill_suite!(open)`, and `kill_suite!(open, inspect)`.
///
/// `open` is what opens the store in a folder, for the children and for the test: `fn(&Path) -> Result<S, E>`.
/// `inspect`, a `fn(&Path)`, looks at the folder after each check, with the store closed. One test kills, the other,
/// ignored, is the work of the children. The tests stand where the macro does, as those of [`suite!`](crate::suite!).
#[macro_export]
macro_rules! kill_suite {
    ($open:expr $(,)?) => {
        $crate::kill_suite!($open, |_: &::std::path::Path| {});
    };
    ($open:expr, $inspect:expr $(,)?) => {
        #[test]
        fn what_was_acknowledged_before_a_kill_is_there_once_and_whole() {
            let child = ::std::concat!(::std::module_path!(), "::work_until_it_is_killed");
            $crate::crash::survive(child, $open, $inspect);
        }

        #[test]
        #[ignore = "the work of a child process"]
        fn work_until_it_is_killed() {
            $crate::crash::work_until_killed($open);
        }
    };
}

#[track_caller]
fn number_of(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} must be a number, and is {text:?}")),
    )
}

/// Said in any case: the harness hides what a test that passes prints.
fn note(text: &str) {
    let _ = writeln!(io::stderr(), "kills: {text}");
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures {
            acknowledged,
            replayed,
            refused,
            failed,
            open_done,
            open_undone,
            compared,
        } = self.figures;
        write!(
            f,
            "{} kills ({} before a word), {} openings that were checked, {acknowledged} writes acknowledged, \
             {replayed} retries, {refused} refusals, {failed} failures, {open_done} open writes that had happened, \
             {open_undone} that had not, {compared} comparisons of a token, {:.1?}",
            self.kills, self.speechless, self.checks, self.took
        )
    }
}

impl Failure {
    /// Keeps the folder, which is deleted otherwise, and says where it is.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kill {} of seed {}: {}", self.kill, self.seed, self.what)
    }
}

impl std::error::Error for Failure {}
