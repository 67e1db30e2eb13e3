//! Which files are opened, how, and what is said of the others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

use std::{fs, path::Path};

use issuer_conformance::{
    fixture::{assigned, creating, issued, replay},
    probe::{applied, snapshot},
};
use issuer_sqlite::SqliteStore;
use issuer_store::{Effect, Lookup, Page, Store, StoreError, StoreErrorKind};
use rusqlite::Connection;

/// Opens a file that must be refused, and says why.
#[track_caller]
fn refused(path: &Path) -> StoreError {
    let error = SqliteStore::open(path).expect_err("an error");
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(error.to_string().contains(name), "{error} names the file");
    assert_eq!(error.effect(), Effect::None);
    error
}

fn filled(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path).unwrap();
    let users = (0..50).map(|n| {
        let name = format!("user{n:03}");
        let token = format!("token of {name}");
        creating(&name, n)
            .token(issued(&token))
            .token(assigned(&token))
            .replay(replay(&token))
    });
    applied(&store, users);
    store
}

fn pragma<T: rusqlite::types::FromSql>(path: &Path, name: &str) -> T {
    Connection::open(path)
        .unwrap()
        .pragma_query_value(None, name, |row| row.get(0))
        .unwrap()
}

#[test]
fn a_new_store_is_a_file_of_ours_with_a_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = filled(&path);
    assert_eq!(store.path(), path);
    assert_eq!(pragma::<String>(&path, "journal_mode"), "wal");
    assert_eq!(pragma::<i64>(&path, "application_id"), 0x4953_5352);
    assert_eq!(pragma::<i64>(&path, "user_version"), 1);
    assert_eq!(pragma::<String>(&path, "integrity_check"), "ok");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let _store = filled(&folder.path().join("users.db"));
    let mut files = 0;
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{file:?}"
        );
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log, and the log's index");
}

#[test]
fn a_closed_store_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(&folder.path().join("users.db")));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_empty_file_is_a_new_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    fs::File::create(&path).unwrap();
    filled(&path);
}

#[test]
fn a_path_that_looks_like_a_setting_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file:users.db?mode=memory");
    drop(filled(&path));
    assert!(path.is_file());
}

#[test]
fn a_path_that_names_no_file_is_refused() {
    for path in [":memory:", ""] {
        let error = SqliteStore::open(path).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
        assert!(error.to_string().contains("MemoryStore"), "{error}");
    }
}

#[test]
fn a_missing_folder_is_named_as_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let error = refused(&folder.path().join("absent").join("users.db"));
    assert_eq!(error.kind(), StoreErrorKind::Io);
    assert!(error.to_string().contains("folder does not exist"), "{error}");
}

#[test]
fn a_folder_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(refused(folder.path()).kind(), StoreErrorKind::Foreign);
}

#[test]
fn the_database_of_another_application_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in [
        (
            "no-id.db",
            "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)",
        ),
        (
            "other-id.db",
            "PRAGMA application_id = 7; CREATE TABLE theirs (x)",
        ),
        ("other-id-empty.db", "PRAGMA application_id = 7"),
        ("other-version.db", "PRAGMA user_version = 1"),
        (
            "other-encoding.db",
            "PRAGMA encoding = 'UTF-16'; CREATE TABLE t (x); DROP TABLE t",
        ),
    ] {
        let path = folder.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&path).unwrap();
        assert_eq!(refused(&path).kind(), StoreErrorKind::Foreign, "{name}");
        assert_eq!(fs::read(&path).unwrap(), before, "{name}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    for content in [
        "x".to_owned(),
        "x".repeat(511),
        "x".repeat(600),
        "To whom it may concern. ".repeat(1_000),
    ] {
        fs::write(&path, &content).unwrap();
        assert_eq!(refused(&path).kind(), StoreErrorKind::Foreign);
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn the_file_of_a_newer_version_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    drop(filled(&path));
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 2)
        .unwrap();
    let before = fs::read(&path).unwrap();
    let error = refused(&path);
    assert_eq!(error.kind(), StoreErrorKind::Newer);
    assert!(error.to_string().contains("run that version"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_store_that_a_newer_version_took_over_is_not_written_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = filled(&path);
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 2)
        .unwrap();
    let error = store.apply(&[creating("amy", 100).into()]).unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (StoreErrorKind::Newer, Effect::None)
    );
}

#[test]
fn a_file_that_lost_its_end_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    drop(filled(&path));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error = refused(&path);
    assert_eq!(error.kind(), StoreErrorKind::Damaged);
    // What the message says to do.
    assert!(error.to_string().contains("put a backup in its place"), "{error}");
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(folder.path().join(format!("users.db{suffix}")));
    }
    fs::write(&path, &whole).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert!(snapshot(&store, "user049").user.is_some());
}

#[test]
fn a_file_whose_tables_were_altered_is_damaged() {
    for sql in [
        "DROP INDEX issued_tokens_by_owner",
        "DROP TABLE tombstones",
        "ALTER TABLE users RENAME COLUMN nickname TO nick",
        "PRAGMA user_version = 0",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.db");
        drop(filled(&path));
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        assert_eq!(refused(&path).kind(), StoreErrorKind::Damaged, "{sql}");
    }
}

/// Objects that others may add, and the words by which each is refused.
const ADDED: [(&str, &str, &str); 7] = [
    (
        "CREATE TRIGGER revive AFTER UPDATE OF revoked_at ON issued_tokens BEGIN
             UPDATE issued_tokens SET revoked_at = NULL WHERE rowid = new.rowid; END",
        "trigger \"revive\"",
        "DROP TRIGGER \"revive\"",
    ),
    (
        "CREATE VIEW everybody AS SELECT id FROM users",
        "view \"everybody\"",
        "DROP VIEW \"everybody\"",
    ),
    (
        "CREATE TABLE notes (text TEXT)",
        "table \"notes\"",
        "DROP TABLE \"notes\"",
    ),
    (
        "CREATE INDEX mine ON users (nickname)",
        "index \"mine\"",
        "DROP INDEX \"mine\"",
    ),
    (
        "CREATE UNIQUE INDEX one_name ON users (nickname)",
        "index \"one_name\"",
        "DROP INDEX \"one_name\"",
    ),
    (
        "CREATE TABLE \"a \"\"b\"\" c\" (text TEXT)",
        "table \"a \"\"b\"\" c\"",
        "DROP TABLE \"a \"\"b\"\" c\"",
    ),
    (
        "CREATE TABLE \"it's \\ one\" (text TEXT)",
        "table \"it's \\ one\"",
        "DROP TABLE \"it's \\ one\"",
    ),
];

#[test]
fn whatever_others_added_to_the_tables_is_refused_by_name_and_the_file_opens_once_it_is_dropped() {
    for (sql, name, remedy) in ADDED {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.db");
        drop(filled(&path));
        let execute = |sql| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        execute(sql);
        let error = refused(&path);
        assert_eq!(error.kind(), StoreErrorKind::Damaged, "{sql}");
        let told = error.to_string();
        assert!(told.contains(&format!("holds the {name}, ")), "{told}");
        assert!(told.contains(&format!("{remedy};")), "{told}");
        execute(remedy);
        let store = SqliteStore::open(&path).unwrap();
        assert!(snapshot(&store, "user001").user.is_some(), "{sql}");
    }
}

#[test]
fn the_name_of_what_others_added_cannot_write_to_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    drop(filled(&path));
    let sql = "CREATE TABLE \"a\u{1b}[2J\u{202e}\n\" (text TEXT)";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let told = refused(&path).to_string();
    assert!(!told.contains(['\u{1b}', '\u{202e}', '\n']), "{told}");
}

/// Renames an object to one that only SQLite may make.
fn rename(path: &Path, from: &str, to: &str) {
    let sql = format!(
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET name = '{to}', tbl_name = replace(tbl_name, '{from}', '{to}'), sql = replace(sql, '{from}', '{to}')
         WHERE name = '{from}';
         PRAGMA writable_schema = OFF;"
    );
    Connection::open(path).unwrap().execute_batch(&sql).unwrap();
}

#[test]
fn a_trigger_that_bears_the_name_of_a_table_of_statistics_is_refused_and_can_be_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    drop(filled(&path));
    let execute = |sql| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    execute(ADDED[0].0);
    rename(&path, "revive", "sqlite_stat1");
    let error = refused(&path);
    assert_eq!(error.kind(), StoreErrorKind::Damaged);
    let remedy = "DROP TRIGGER \"sqlite_stat1\"";
    assert!(error.to_string().contains(remedy), "{error}");
    execute(remedy);
    drop(SqliteStore::open(&path).unwrap());
}

#[test]
fn a_table_or_a_view_that_nobody_can_drop_is_refused_with_a_backup_as_the_remedy() {
    for (sql, kind) in [(ADDED[1].0, "VIEW"), ("CREATE TABLE everybody (id)", "TABLE")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.db");
        drop(filled(&path));
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        rename(&path, "everybody", "SQLite_mine");
        let error = refused(&path).to_string();
        assert!(
            error.contains("\"SQLite_mine\"") && !error.contains("DROP"),
            "{error}"
        );
        assert!(error.contains("put a backup in its place"), "{error}");
        let drop = format!("DROP {kind} \"SQLite_mine\"");
        assert!(Connection::open(&path).unwrap().execute_batch(&drop).is_err());
    }
}

#[test]
fn what_analyze_leaves_is_let_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    drop(filled(&path));
    Connection::open(&path).unwrap().execute_batch("ANALYZE").unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert!(snapshot(&store, "user001").user.is_some());
}

#[test]
fn a_damaged_file_is_an_error_or_whole_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    drop(filled(&path));
    let whole = fs::read(&path).unwrap();
    let mut errors = 0;
    // A prime step meets every field of the header and all kinds of pages.
    for at in (0..110).chain((110..whole.len()).step_by(251)) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        fs::write(&path, &damaged).unwrap();
        if let Err(error) = use_all_of(&path) {
            use StoreErrorKind::{Damaged, Foreign, Invalid, Newer};
            assert!(
                matches!(error.kind(), Damaged | Foreign | Newer | Invalid),
                "byte {at}: {error:?}"
            );
            errors += 1;
        }
    }
    assert!(errors > 100, "{errors} of the damages were found");
}

#[test]
fn pages_of_noise_are_an_error_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    drop(filled(&path));
    let whole = fs::read(&path).unwrap();
    let mut noise: u32 = 1;
    for page in 1..whole.len() / 4_096 {
        let mut damaged = whole.clone();
        for byte in &mut damaged[page * 4_096..][..4_096] {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = noise.to_be_bytes()[0];
        }
        fs::write(&path, &damaged).unwrap();
        if let Err(error) = use_all_of(&path) {
            assert_eq!(error.kind(), StoreErrorKind::Damaged, "page {page}: {error:?}");
        }
    }
}

/// Every method once, with all rows.
fn use_all_of(path: &Path) -> Result<(), StoreError> {
    let store = SqliteStore::open(path)?;
    let everybody = Page {
        limit: 1_000,
        count_all: true,
        ..Page::default()
    };
    for entry in store.list(&everybody)?.users {
        store.load(&[Lookup::user(&entry.user.id)])?;
    }
    store.export(None, 1_000)?;
    store.control()?;
    store.apply(&[creating("amy", 100).token(issued("amy's")).into()])?;
    store.purge(issuer::Timestamp::MAX, 1_000)?;
    Ok(())
}

#[test]
fn a_row_that_this_library_cannot_have_written_is_damage() {
    for sql in [
        "UPDATE users SET id = 'user' || char(10) WHERE id = 'user001'",
        "UPDATE users SET nickname = '' WHERE id = 'user001'",
        "UPDATE users SET nickname = CAST(x'ff' AS TEXT) WHERE id = 'user001'",
        "UPDATE users SET avatar_url = 'ftp://example.com' WHERE id = 'user001'",
        "UPDATE users SET token_mode = 'both' WHERE id = 'user001'",
        "UPDATE users SET version = x'01' WHERE id = 'user001'",
        "UPDATE users SET created_at = 253402300800 WHERE id = 'user001'",
        "UPDATE issued_tokens SET expires_at = 253402300800",
        "UPDATE issued_tokens SET signing_key = x''",
        "UPDATE issued_tokens SET issuer = CAST(x'ff' AS TEXT)",
        "UPDATE assigned_tokens SET created_at = -62167219201",
        "INSERT INTO control VALUES (1, x'00112233445566778899aabbccddeeff', '{}')",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.db");
        let store = filled(&path);
        let outside = Connection::open(&path).unwrap();
        outside
            .pragma_update(None, "ignore_check_constraints", 1)
            .unwrap();
        outside.execute_batch(sql).unwrap();
        let error = store
            .export(None, 1_000)
            .map(drop)
            .and_then(|()| store.control().map(drop))
            .expect_err(sql);
        assert_eq!(error.kind(), StoreErrorKind::Damaged, "{sql}: {error:?}");
        assert!(error.to_string().contains("users.db"), "{error}");
    }
}
