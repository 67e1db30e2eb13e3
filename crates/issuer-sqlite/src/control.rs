//! The control record.

use issuer::state::{Control, ControlError, Expect, Version, Versioned};
use issuer_store::{Outcome, StoreErrorKind};
use rusqlite::{Connection, OptionalExtension};

use crate::error::{Fault, Result};

pub(crate) fn read(connection: &Connection) -> Result<Option<Versioned<Control>>> {
    let found: Option<([u8; 16], String)> = connection
        .prepare_cached("SELECT version, record FROM control")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((version, text)) = found else {
        return Ok(None);
    };
    Ok(Some(Versioned {
        version: Version::from_bytes(version),
        value: Control::from_json(&text).map_err(unreadable)?,
    }))
}

/// Replaces the record, if it is as expected. The caller holds a transaction that began by writing.
pub(crate) fn replace(connection: &Connection, expect: Expect, next: &Versioned<Control>) -> Result<Outcome> {
    // Only the version: a record that cannot be read can still be replaced.
    let found: Option<[u8; 16]> = connection
        .prepare_cached("SELECT version FROM control")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if !expect.accepts(found.map(Version::from_bytes)) {
        return Ok(Outcome::Conflict);
    }
    let text = next.value.to_json().map_err(unreadable)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO control (only_row, version, record) VALUES (1, ?1, ?2)")?
        .execute((next.version.as_bytes(), text))?;
    Ok(Outcome::Applied)
}

fn unreadable(error: ControlError) -> Fault {
    match error {
        ControlError::Newer => Fault::refused(
            StoreErrorKind::Newer,
            "holds a control record of a newer version; run that version, or later",
        ),
        _ => Fault::row("control"),
    }
}
