//! The floor of every check on SQLite: one prepared statement that reads token and user by their keys.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Statement};

use crate::{Result, backend::SQLITE_FILE, population::Sample};

/// KiB of cache, as each reader of `issuer-sqlite` has.
const CACHE_KIB: i64 = 8 << 10;

/// A connection to the same file that may only read.
pub(crate) struct BareSelect(Connection);

impl BareSelect {
    /// Of the store in this folder.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(folder.join(SQLITE_FILE), flags)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        Ok(Self(connection))
    }

    /// Every column that a check has to know, by the two keys that a token names.
    pub(crate) fn statement(&self) -> Result<Statement<'_>> {
        Ok(self.0.prepare(
            "SELECT t.jti, t.signing_key, t.issuer, t.audience, t.created_at, t.expires_at, t.revoked_at, \
             u.id, u.nickname, u.avatar_url, u.token_mode, u.created_at, u.updated_at \
             FROM issued_tokens t CROSS JOIN users u ON u.user_key = t.owner WHERE t.jti = ?1 AND u.id = ?2",
        )?)
    }
}

/// Reads this token; whether it is there.
pub(crate) fn select(statement: &mut Statement<'_>, token: &Sample) -> Result<bool> {
    let mut rows = statement.query((token.id.as_bytes(), token.user.as_str()))?;
    let Some(row) = rows.next()? else {
        return Ok(false);
    };
    // Each column once, without a copy.
    for column in 0..13 {
        std::hint::black_box(row.get_ref(column)?);
    }
    Ok(true)
}
