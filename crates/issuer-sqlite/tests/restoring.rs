//! Backups that are put in the place of a store: beside the log of a killed process, beside nothing, while the store is open.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use issuer_conformance::{
    fixture::{at, creating},
    probe::{applied, snapshot},
};
use issuer_sqlite::SqliteStore;
use issuer_store::{Store, StoreErrorKind};
use rusqlite::Connection;
use tempfile::TempDir;

/// Commits after which a checkpoint was made, and the log begun again, at least once.
const MANY: u64 = 400;

/// A store that is open, and its folder.
struct Open {
    store: SqliteStore,
    folder: TempDir,
    users: u64,
}

impl Open {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("users.db")).unwrap();
        Self {
            store,
            folder,
            users: 0,
        }
    }

    /// Adds users, a commit each.
    fn add(&mut self, users: u64) {
        for n in self.users..self.users + users {
            applied(&self.store, [creating(&format!("user{n:06}"), n + 1)]);
        }
        self.users += users;
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("users.db")
    }

    /// The folder as a kill would leave it now. Nothing writes meanwhile.
    fn killed(&self) -> Killed {
        self.wait_for_checkpoints();
        let folder = tempfile::tempdir().unwrap();
        for file in fs::read_dir(self.folder.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        Killed(folder)
    }

    /// Waits until the thread that makes checkpoints has nothing more to do.
    fn wait_for_checkpoints(&self) {
        let sizes = || [self.path(), beside(&self.path(), "-wal")].map(|file| fs::read(file).unwrap());
        loop {
            let before = sizes();
            std::thread::sleep(std::time::Duration::from_millis(100));
            if sizes() == before {
                return;
            }
        }
    }
}

/// What a killed process left.
struct Killed(TempDir);

impl Killed {
    fn path(&self) -> PathBuf {
        self.0.path().join("users.db")
    }

    fn log(&self) -> PathBuf {
        beside(&self.path(), "-wal")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path()).unwrap()
    }

    /// Opens it, and finds it refused and unchanged.
    #[track_caller]
    fn assert_refused(&self, because: &str) {
        let (file, log) = (fs::read(self.path()).ok(), fs::read(self.log()).unwrap());
        let error = SqliteStore::open(self.path()).expect_err(because);
        assert_eq!(error.kind(), StoreErrorKind::Replaced, "{because}: {error}");
        assert!(error.to_string().contains("users.db-wal"), "{because}: {error}");
        assert_eq!(
            fs::read(self.path()).ok(),
            file,
            "{because}: the file was written"
        );
        assert_eq!(
            fs::read(self.log()).unwrap(),
            log,
            "{because}: the log was written"
        );
    }

    /// What the message says: the log and its index go to another folder.
    fn move_the_log_away(&self) -> TempDir {
        let away = tempfile::tempdir().unwrap();
        for suffix in ["-wal", "-shm"] {
            let file = beside(&self.path(), suffix);
            if file.exists() {
                fs::copy(&file, away.path().join(file.file_name().unwrap())).unwrap();
                fs::remove_file(&file).unwrap();
            }
        }
        away
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The ways in which people make backups of a store that is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `.backup` of the shell.
    Backup,
    VacuumInto,
    /// `cp` of the main file alone, which holds what was copied from the log by then.
    Copy,
}

impl Way {
    const ALL: [Self; 3] = [Self::Backup, Self::VacuumInto, Self::Copy];

    fn back_up(self, from: &Path, to: &Path) {
        match self {
            Self::Backup => Connection::open(from)
                .unwrap()
                .backup("main", to, None::<fn(rusqlite::backup::Progress)>)
                .unwrap(),
            Self::VacuumInto => {
                let _ = fs::remove_file(to);
                let sql = format!("VACUUM INTO '{}'", to.display());
                Connection::open(from).unwrap().execute_batch(&sql).unwrap();
            }
            Self::Copy => {
                fs::copy(from, to).unwrap();
            }
        }
    }
}

fn users(store: &SqliteStore) -> u64 {
    let has = |n: &u64| snapshot(store, &format!("user{n:06}")).user.is_some();
    (0..100_000).take_while(has).count() as u64
}

#[track_caller]
fn assert_whole(path: &Path) {
    let connection = Connection::open(path).unwrap();
    let found: String = connection
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .unwrap();
    assert_eq!(found, "ok");
}

#[test]
fn a_store_that_was_killed_opens_with_all_that_it_acknowledged() {
    let mut open = Open::new();
    for _ in 0..40 {
        open.add(17);
        let killed = open.killed();
        assert_eq!(users(&killed.open()), open.users);
        assert_whole(&killed.path());
    }
}

#[test]
fn a_backup_beside_the_log_of_a_killed_process_is_refused_until_the_log_is_moved_away() {
    for way in [Way::Backup, Way::VacuumInto] {
        for (before, after) in [(50, 10), (50, MANY), (MANY, 1), (MANY, 50), (MANY, MANY), (1, 1)] {
            let case = format!("{way:?} after {before} users, killed after {after} more");
            let mut open = Open::new();
            open.add(before);
            let backup = open.folder.path().join("backup");
            way.back_up(&open.path(), &backup);
            open.add(after);
            fs::rename(&backup, open.folder.path().join("../backup-of-users")).unwrap();
            let backup = open.folder.path().join("../backup-of-users");
            let killed = open.killed();
            fs::copy(&backup, killed.path()).unwrap();
            killed.assert_refused(&case);
            killed.assert_refused(&case);

            let _away = killed.move_the_log_away();
            let store = killed.open();
            assert_eq!(users(&store), before, "{case}");
            applied(&store, [creating("new", 1)]);
            drop(store);
            assert_whole(&killed.path());
        }
    }
}

#[test]
fn every_backup_of_every_moment_is_refused_or_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut open = Open::new();
    let mut backups = Vec::new();
    for round in 0..30 {
        open.add(7 + round);
        for way in Way::ALL {
            let backup = folder.path().join(format!("{way:?}-{round}"));
            way.back_up(&open.path(), &backup);
            backups.push((way, backup));
        }
        if round % 10 == 9 {
            // A clean stop between two kills.
            drop(open.store);
            open.store = SqliteStore::open(open.folder.path().join("users.db")).unwrap();
        }
    }
    open.add(3);
    let killed = open.killed();
    let (mut refused, mut harmless) = (0, 0);
    for (way, backup) in backups {
        fs::copy(&backup, killed.path()).unwrap();
        let copy = tempfile::tempdir().unwrap();
        for file in [killed.path(), killed.log()] {
            fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
        }
        let copy = Killed(copy);
        match SqliteStore::open(copy.path()) {
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Replaced, "{error}");
                copy.assert_refused("again");
                refused += 1;
            }
            Ok(store) => {
                // A copy of the main file alone is the same file until the log is begun again.
                assert_eq!(way, Way::Copy, "{}", backup.display());
                assert_eq!(users(&store), open.users);
                drop(store);
                assert_whole(&copy.path());
                harmless += 1;
            }
        }
    }
    assert!(refused >= 60, "{refused} refused, {harmless} harmless");
}

#[test]
fn a_backup_of_a_restored_backup_is_known_as_well() {
    let mut open = Open::new();
    open.add(5);
    let mut backup = open.folder.path().join("first");
    Way::Backup.back_up(&open.path(), &backup);
    for generation in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(&backup, folder.path().join("users.db")).unwrap();
        let store = SqliteStore::open(folder.path().join("users.db")).unwrap();
        let mut restored = Open {
            store,
            folder,
            users: 5 + generation,
        };
        let next = open.folder.path().join(format!("{generation}"));
        restored.add(1);
        Way::Backup.back_up(&restored.path(), &next);
        let killed = restored.killed();
        fs::copy(&next, killed.path()).unwrap();
        killed.assert_refused("a backup of a backup");
        backup = next;
    }
}

#[test]
fn the_file_that_the_log_belongs_to_may_come_back() {
    let mut open = Open::new();
    open.add(50);
    let backup = open.folder.path().join("backup");
    Way::Backup.back_up(&open.path(), &backup);
    open.add(10);
    let killed = open.killed();
    let kept = killed.0.path().join("kept");
    fs::rename(killed.path(), &kept).unwrap();
    fs::copy(&backup, killed.path()).unwrap();
    killed.assert_refused("a backup");
    fs::rename(&kept, killed.path()).unwrap();
    assert_eq!(users(&killed.open()), 60);
}

#[test]
fn a_log_whose_file_is_missing_or_empty_is_not_deleted() {
    let mut open = Open::new();
    open.add(50);
    let killed = open.killed();
    let kept = killed.0.path().join("kept");
    fs::rename(killed.path(), &kept).unwrap();
    killed.assert_refused("missing");
    assert!(!killed.path().exists(), "nothing was made in its place");
    fs::File::create(killed.path()).unwrap();
    killed.assert_refused("empty");
    fs::rename(&kept, killed.path()).unwrap();
    assert_eq!(users(&killed.open()), 50);

    // The other remedy: to begin with an empty store.
    let killed = open.killed();
    fs::remove_file(killed.path()).unwrap();
    let _away = killed.move_the_log_away();
    assert_eq!(users(&killed.open()), 0);
}

#[test]
fn a_log_is_not_used_for_the_file_of_another_application() {
    let mut open = Open::new();
    open.add(5);
    let killed = open.killed();
    let other = killed.0.path().join("other.db");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        .unwrap();
    fs::copy(&other, killed.path()).unwrap();
    killed.assert_refused("the database of another application");
    fs::write(killed.path(), vec![7; 100_000]).unwrap();
    killed.assert_refused("no database at all");
}

#[test]
fn an_older_log_put_back_beside_a_newer_file_is_refused() {
    let mut open = Open::new();
    open.add(50);
    let old = open.killed();
    open.add(MANY);
    let killed = open.killed();
    drop(killed.open());
    fs::copy(old.log(), killed.log()).unwrap();
    killed.assert_refused("an older log");
    fs::remove_file(killed.log()).unwrap();
    assert_eq!(users(&killed.open()), open.users);
}

#[test]
fn a_file_that_is_overwritten_while_it_is_open_is_not_written_to() {
    let mut open = Open::new();
    open.add(50);
    let backup = open.folder.path().join("backup");
    Way::Backup.back_up(&open.path(), &backup);
    open.add(60);
    fs::copy(&backup, open.path()).unwrap();
    let kept = fs::read(open.path()).unwrap();
    // The background maintenance looks first.
    let _ = open.store.purge(at(0), 10);
    let error = open.store.apply(&[creating("bob", 1).into()]).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Replaced, "{error}");
    assert_eq!(open.store.control().unwrap_err().kind(), StoreErrorKind::Replaced);
    let Open { store, folder, .. } = open;
    drop(store);
    assert_eq!(fs::read(folder.path().join("users.db")).unwrap(), kept);
    let stopped = Killed(folder);
    stopped.assert_refused("stopped after that");
    let _away = stopped.move_the_log_away();
    assert_eq!(users(&stopped.open()), 50);
    assert_whole(&stopped.path());
}

#[test]
fn a_file_that_is_overwritten_and_then_closed_is_not_written_to() {
    let mut open = Open::new();
    open.add(50);
    let backup = open.folder.path().join("backup");
    Way::Backup.back_up(&open.path(), &backup);
    open.add(10);
    fs::copy(&backup, open.path()).unwrap();
    let Open { store, folder, .. } = open;
    drop(store);
    let stopped = Killed(folder);
    stopped.assert_refused("closed");
    let _away = stopped.move_the_log_away();
    assert_eq!(users(&stopped.open()), 50);
}

#[test]
fn a_backup_that_replaces_an_open_file_is_there_after_a_stop() {
    let mut open = Open::new();
    open.add(50);
    let backup = open.folder.path().join("backup");
    Way::Backup.back_up(&open.path(), &backup);
    open.add(10);
    let moved = open.folder.path().join("moved");
    fs::rename(open.path(), &moved).unwrap();
    fs::rename(&backup, open.path()).unwrap();
    let error = open.store.control().unwrap_err();
    assert!(error.to_string().contains("start it again"), "{error}");
    let path = open.path();
    drop(open.store);
    assert_eq!(users(&SqliteStore::open(&path).unwrap()), 50);
    // And the one that was moved is whole.
    assert_eq!(users(&SqliteStore::open(&moved).unwrap()), 60);
}

#[test]
fn a_log_that_grew_beside_a_long_read_is_short_again_after_it() {
    let mut open = Open::new();
    open.add(10);
    let reader = Connection::open(open.path()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM users").unwrap();
    reader
        .query_row("SELECT count(*) FROM users", [], |_| Ok(()))
        .unwrap();
    let log = beside(&open.path(), "-wal");
    let size = || fs::metadata(&log).unwrap().len();
    while size() < 8 << 20 {
        open.add(50);
    }
    reader.execute_batch("COMMIT").unwrap();
    // As the background maintenance does when there is nothing left to purge.
    open.store.purge(at(0), 10).unwrap();
    assert!(size() <= 4 << 20, "{}", size());
    assert_eq!(users(&open.store), open.users);
}
