//! A SQLite database whose cells hold anything, of any type: the tables are the store's own, and STRICT was not when
//! these values came in.

use std::{fs, sync::OnceLock};

use issuer_sqlite::SqliteStore;
use rusqlite::{Connection, types::Value};

use crate::any_rows::{exercise, fill, judged};

/// What is written over, with the condition that a row is hit at all.
const CELLS: [(&str, &str); 28] = [
    ("users", "id"),
    ("users", "version"),
    ("users", "nickname"),
    ("users", "avatar_url"),
    ("users", "token_mode"),
    ("users", "created_at"),
    ("users", "updated_at"),
    ("issued_tokens", "jti"),
    ("issued_tokens", "owner"),
    ("issued_tokens", "signing_key"),
    ("issued_tokens", "issuer"),
    ("issued_tokens", "audience"),
    ("issued_tokens", "created_at"),
    ("issued_tokens", "expires_at"),
    ("issued_tokens", "revoked_at"),
    ("assigned_tokens", "digest"),
    ("assigned_tokens", "owner"),
    ("assigned_tokens", "created_at"),
    ("assigned_tokens", "expires_at"),
    ("assigned_tokens", "revoked_at"),
    ("replays", "owner"),
    ("replays", "key"),
    ("replays", "request"),
    ("replays", "jti"),
    ("replays", "forgotten_at"),
    ("tombstones", "digest"),
    ("tombstones", "until"),
    ("control", "record"),
];

/// The target: which cell, of which type, how many bytes, and these; again and again.
pub fn sqlite_rows(data: &[u8]) {
    let template = template();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("issuer.db");
    fs::write(&path, &template.database).expect("can be written");
    let raw = raw(&path);
    for cell in Cells(data).take(8) {
        let sql = format!(
            "UPDATE OR IGNORE {} SET \"{}\" = {}",
            cell.table, cell.column, cell.expression
        );
        raw.execute(&sql, [&cell.value]).expect("any value may come in");
    }
    for (name, sql) in &template.tables {
        let sql = raw.execute("UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1", (name, sql));
        assert_eq!(sql.expect("the schema can be written"), 1);
    }
    drop(raw);
    if let Some(store) = judged(SqliteStore::open(&path)) {
        exercise(&store);
    }
}

struct Cell {
    table: &'static str,
    column: &'static str,
    expression: &'static str,
    value: Value,
}

/// What is left to read of an input.
struct Cells<'a>(&'a [u8]);

impl Iterator for Cells<'_> {
    type Item = Cell;

    fn next(&mut self) -> Option<Cell> {
        let ([cell, kind, length], rest) = self.0.split_first_chunk()?;
        let (value, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        self.0 = rest;
        let number = value.first_chunk().map_or_else(
            || value.first().copied().map_or(0, i64::from),
            |bytes| i64::from_be_bytes(*bytes),
        );
        let (table, column) = CELLS[usize::from(*cell) % CELLS.len()];
        let (expression, value) = match kind % 5 {
            0 => ("?1", Value::Null),
            1 => ("?1", Value::Integer(number)),
            2 => ("?1", Value::Real(f64::from_bits(number.cast_unsigned()))),
            // Text need not be UTF-8.
            3 => ("CAST(?1 AS TEXT)", Value::Blob(value.to_vec())),
            _ => ("?1", Value::Blob(value.to_vec())),
        };
        Some(Cell {
            table,
            column,
            expression,
            value,
        })
    }
}

/// A database with a row of each kind, and its tables without STRICT.
struct Template {
    database: Vec<u8>,
    /// The tables as the store made them.
    tables: Vec<(String, String)>,
}

fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("issuer.db");
        let store = SqliteStore::open(&path).expect("a new store");
        fill(&store);
        drop(store);
        let connection = raw(&path);
        let mut read = connection
            .prepare("SELECT name, sql FROM sqlite_schema WHERE sql LIKE '%STRICT%' AND type = 'table'")
            .expect("the schema can be read");
        let rows = read.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let tables: Vec<(String, String)> = rows.and_then(Iterator::collect).expect("names and texts");
        drop(read);
        for (name, sql) in &tables {
            // The rules of the columns go as well: whatever damages a file asks nobody.
            let loose = sql
                .replace(") STRICT, WITHOUT ROWID", ") WITHOUT ROWID")
                .replace(") STRICT", ")");
            let loose = loose.replace("NOT NULL", "");
            assert_ne!(&loose, sql, "{name}");
            let written = connection.execute(
                "UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1",
                (name, &loose),
            );
            written.expect("the schema can be written");
        }
        drop(connection);
        Template {
            database: fs::read(&path).expect("is there"),
            tables,
        }
    })
}

/// A connection that keeps no rule but those of the file format.
fn raw(path: &std::path::Path) -> Connection {
    let connection = Connection::open(path).expect("opens");
    let rules = "PRAGMA writable_schema = ON; PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; \
                 PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF";
    connection.execute_batch(rules).expect("pragmas");
    connection
}
