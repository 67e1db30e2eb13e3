//! How rows that say no more than their absence are swept away.

use issuer::Timestamp;
use rusqlite::Connection;

use crate::{error::Result, load::whole};

/// Each deletes the rows that died first, found by the index of their deaths.
pub(crate) const SWEEPS: [&str; 4] = [
    "DELETE FROM issued_tokens WHERE (jti, owner) IN \
     (SELECT jti, owner FROM issued_tokens WHERE dead_at <= ?1 ORDER BY dead_at LIMIT ?2)",
    "DELETE FROM assigned_tokens WHERE digest IN \
     (SELECT digest FROM assigned_tokens WHERE dead_at <= ?1 ORDER BY dead_at LIMIT ?2)",
    "DELETE FROM replays WHERE (owner, key) IN \
     (SELECT owner, key FROM replays WHERE forgotten_at <= ?1 ORDER BY forgotten_at LIMIT ?2)",
    "DELETE FROM tombstones WHERE digest IN \
     (SELECT digest FROM tombstones WHERE \"until\" <= ?1 ORDER BY \"until\" LIMIT ?2)",
];

/// Deletes at most `limit` rows that were dead by then, and says how many.
pub(crate) fn purge(connection: &Connection, dead_before: Timestamp, limit: usize) -> Result<usize> {
    let mut purged = 0;
    for sweep in SWEEPS {
        let room = whole(limit - purged);
        purged += connection
            .prepare_cached(sweep)?
            .execute((dead_before.as_unix(), room))?;
    }
    Ok(purged)
}
