//! The tables, how they came to be, and whose they are.

use issuer_store::StoreErrorKind;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{
    connection::at_one_instant,
    error::{Fault, RESTORE_A_BACKUP, Result},
    log_link,
};

/// Tells our files from those of others (`pragma.html#pragma_application_id`): the bytes `ISSR`.
pub(crate) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"ISSR");

/// Each takes the file from the version of its index to the next. One that was ever released never changes.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_tables.sql")];

/// Refuses the file of another application, or of a newer version of this one, before anything is written.
pub(crate) fn identify(connection: &Connection) -> Result<()> {
    at_one_instant(connection, |connection| next_migration(connection).map(drop))
}

/// Brings the file to the version of this library, each step in a transaction of its own. Whoever else is
/// at it is waited for.
pub(crate) fn migrate(connection: &mut Connection) -> Result<()> {
    loop {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let at = next_migration(&step)?;
        let Some(sql) = MIGRATIONS.get(at) else {
            check_schema(&step)?;
            log_link::mark(&step)?;
            return Ok(step.commit()?);
        };
        apply_migration(&step, at, sql)?;
        log_link::mark(&step)?;
        step.commit()?;
    }
}

/// Refuses to write where a newer version has changed the tables since the file was opened.
pub(crate) fn still_ours(transaction: &Transaction<'_>) -> Result<()> {
    let version: usize = transaction
        .prepare_cached("PRAGMA user_version")?
        .query_row([], |row| row.get(0))?;
    if version == MIGRATIONS.len() {
        Ok(())
    } else {
        Err(newer())
    }
}

/// Commits nothing but the name of the commit.
///
/// In the log it takes the place of a commit whose sync failed, so that no later recovery finds that one.
pub(crate) fn overwrite_failed_commit(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    still_ours(&transaction)?;
    log_link::advance(&transaction)?;
    Ok(transaction.commit()?)
}

/// The index of the first migration that this file has not had; the number of all if there is none.
fn next_migration(connection: &Connection) -> Result<usize> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let encoding: String = connection.pragma_query_value(None, "encoding", |row| row.get(0))?;
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if encoding != "UTF-8" {
        return Err(foreign());
    }
    match (application, version, objects) {
        (0, 0, 0) => Ok(0),
        (APPLICATION_ID, 1.., _) => match usize::try_from(version) {
            Ok(version) if version <= MIGRATIONS.len() => Ok(version),
            _ => Err(newer()),
        },
        (APPLICATION_ID, ..) => Err(altered()),
        _ => Err(foreign()),
    }
}

fn apply_migration(connection: &Connection, at: usize, sql: &str) -> Result<()> {
    connection.execute_batch(sql)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", at + 1)?;
    Ok(())
}

/// The tables and indexes are those that the migrations make, and there is nothing else: a trigger would change what is written
/// without a word, and a lost index turns a seek into a scan.
fn check_schema(connection: &Connection) -> Result<()> {
    let fresh = Connection::open_in_memory()?;
    for (at, sql) in MIGRATIONS.iter().enumerate() {
        apply_migration(&fresh, at, sql)?;
    }
    let (expected, found) = (objects(&fresh)?, objects(connection)?);
    if let Some(added) = found
        .iter()
        .find(|object| !expected.iter().any(|ours| ours.is_called_as(object)))
    {
        return Err(added.refused());
    }
    if expected.iter().all(|object| found.contains(object)) {
        Ok(())
    } else {
        Err(altered())
    }
}

/// A row of `sqlite_schema` (`schematab.html`).
#[derive(PartialEq, Eq)]
struct Object {
    kind: String,
    name: String,
    table: String,
    sql: Option<String>,
}

impl Object {
    fn is_called_as(&self, other: &Self) -> bool {
        (&self.kind, &self.name) == (&other.kind, &other.name)
    }

    fn refused(&self) -> Fault {
        // As SQL, and without what a terminal would obey: whoever made the object chose its name.
        let mut name = String::from("\"");
        for char in self.name.chars() {
            match char {
                '"' => name.push_str("\"\""),
                '\'' | '\\' => name.push(char),
                _ => name.extend(char.escape_debug()),
            }
        }
        name.push('"');
        let kind = self.kind.escape_debug();
        // SQLite drops no table and no view of a name that it reserves, but for those of statistics.
        let lower = self.name.to_ascii_lowercase();
        let is_reserved = lower.starts_with("sqlite_") && !lower.starts_with("sqlite_stat");
        let remedy = if is_reserved && matches!(&*self.kind, "table" | "view") {
            RESTORE_A_BACKUP.to_owned()
        } else {
            format!(
                "if you made it, stop this program and run in the sqlite3 shell: DROP {} {name}; if nobody here did, \
                 {RESTORE_A_BACKUP}",
                kind.to_string().to_uppercase()
            )
        };
        Fault::refused(
            StoreErrorKind::Damaged,
            format!(
                "holds the {kind} {name}, which this library did not make and which may change what it writes; {remedy}"
            ),
        )
    }
}

fn objects(connection: &Connection) -> Result<Vec<Object>> {
    // The statistics of ANALYZE (`fileformat2.html`, sections 2.6.3 and 2.6.5) only tell the planner how many rows there are.
    let mut statement = connection.prepare(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE NOT (type = 'table' AND name = tbl_name AND (
             (name = 'sqlite_stat1' AND sql = 'CREATE TABLE sqlite_stat1(tbl,idx,stat)')
             OR (name = 'sqlite_stat4' AND sql = 'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)')))",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Object {
            kind: row.get(0)?,
            name: row.get(1)?,
            table: row.get(2)?,
            sql: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn foreign() -> Fault {
    Fault::refused(
        StoreErrorKind::Foreign,
        "is the database of another application; name another file",
    )
}

fn newer() -> Fault {
    Fault::refused(
        StoreErrorKind::Newer,
        "was written by a newer version; run that version, or later",
    )
}

fn altered() -> Fault {
    Fault::refused(
        StoreErrorKind::Damaged,
        format!("has tables that were altered from outside; {RESTORE_A_BACKUP}"),
    )
}
