//! How SQLite carries the statements out: none may read a table from end to end.

use rusqlite::Connection;

use crate::{apply, export, load, purge, schema};

/// What SQLite says it does for this statement, a line a step.
fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
    let lines = statement
        .query_map(rusqlite::params_from_iter(nothing), |row| row.get::<_, String>(3))
        .unwrap();
    lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

fn hot_statements() -> impl Iterator<Item = &'static str> {
    let statements = [
        load::USER,
        load::UNREVOKED_ISSUED,
        load::UNREVOKED_ASSIGNED,
        load::REPLAY,
        load::HOLDING_TOKEN,
        load::TOMBSTONE,
        load::FIND_ISSUED,
        load::FIND_ASSIGNED,
        load::LIST,
        apply::VERSION,
        apply::NEXT_KEY,
        apply::INSERT_OWNER,
        apply::INSERT_USER,
        apply::UPDATE_USER,
        apply::UPDATE_VERSION,
        apply::ERASE,
        export::USERS,
        export::ISSUED,
        export::ASSIGNED,
        export::REPLAYS,
        export::TOMBSTONES,
    ];
    statements.into_iter().chain(purge::SWEEPS)
}

fn tables() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection).unwrap();
    connection
}

#[test]
fn no_statement_scans_or_sorts() {
    let connection = tables();
    for sql in hot_statements() {
        // The one row of a SELECT without FROM is of no table.
        let plan = plan(&connection, sql).replace("SCAN CONSTANT ROW", "");
        assert!(!plan.contains("SCAN"), "{sql}\n{plan}");
        assert!(!plan.contains("B-TREE"), "{sql}\n{plan}");
    }
}

#[test]
fn a_load_seeks_the_tokens_that_are_not_revoked() {
    let connection = tables();
    for sql in [load::UNREVOKED_ISSUED, load::UNREVOKED_ASSIGNED] {
        let plan = plan(&connection, sql);
        assert!(plan.contains("_by_owner (owner=? AND revoked_at=?)"), "{plan}");
    }
}

#[test]
fn a_purge_seeks_the_dead() {
    let connection = tables();
    for sql in purge::SWEEPS {
        let plan = plan(&connection, sql);
        assert!(plan.contains("_by_death ("), "{plan}");
    }
}

#[test]
fn an_erasure_seeks_the_rows_of_its_user() {
    // A cascade is the statement `DELETE FROM child WHERE owner = ?`, which no plan shows.
    let connection = tables();
    for table in ["issued_tokens", "assigned_tokens", "replays"] {
        let plan = plan(&connection, &format!("DELETE FROM {table} WHERE owner = ?1"));
        assert!(plan.contains("(owner=?)"), "{plan}");
    }
}

#[test]
fn no_statement_is_planned_anew_for_every_use() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::SqliteStore::open(folder.path().join("users.db")).unwrap();
    let connection = store.file.connect_writer().unwrap();
    for sql in hot_statements() {
        for _ in 0..3 {
            let mut statement = connection.prepare_cached(sql).unwrap();
            let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
            // What a statement makes of NULLs is not the point here.
            let _ = statement
                .query(rusqlite::params_from_iter(nothing))
                .map(|mut rows| rows.next().map(drop));
            assert_eq!(
                statement.get_status(rusqlite::StatementStatus::RePrepare),
                0,
                "{sql}"
            );
        }
    }
}
