//! Every row, a page at a time.
//!
//! Table by table, in the order of the keys, which never change: all users first, so that each comes before
//! its rows. What belongs to a user who was made only after the last page of users is left out: it was not
//! there all the while, and its user would be missing.

use issuer_store::{Cursor, Export, ExportRow, StoreErrorKind};
use rusqlite::{Connection, Params, Row};

use crate::{
    error::{Fault, Result},
    load::whole,
    row::{
        ASSIGNED_COLUMNS, ISSUED_COLUMNS, assigned_columns, assigned_token, issued_columns, issued_token,
        replay, tombstone, user, user_columns, user_id,
    },
};

pub(crate) const USERS: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", u.user_key FROM users u \
     WHERE u.user_key > ?1 AND u.version IS NOT NULL ORDER BY u.user_key LIMIT ?2"
);

pub(crate) const ISSUED: &str = concat!(
    "SELECT ",
    issued_columns!(),
    ", u.id, t.owner \
     FROM issued_tokens t CROSS JOIN users u ON u.user_key = t.owner \
     WHERE (t.jti, t.owner) > (?1, ?2) AND t.owner <= ?3 ORDER BY t.jti, t.owner LIMIT ?4"
);

pub(crate) const ASSIGNED: &str = concat!(
    "SELECT ",
    assigned_columns!(),
    ", u.id \
     FROM assigned_tokens t CROSS JOIN users u ON u.user_key = t.owner \
     WHERE t.digest > ?1 AND t.owner <= ?2 ORDER BY t.digest LIMIT ?3"
);

pub(crate) const REPLAYS: &str = "SELECT r.key, r.request, r.jti, r.forgotten_at, u.id, r.owner \
     FROM replays r CROSS JOIN users u ON u.user_key = r.owner \
     WHERE (r.owner, r.key) > (?1, ?2) AND r.owner <= ?3 ORDER BY r.owner, r.key LIMIT ?4";

pub(crate) const TOMBSTONES: &str =
    "SELECT digest, \"until\" FROM tombstones WHERE digest > ?1 ORDER BY digest LIMIT ?2";

/// The rows after a cursor. The caller sees to it that all of them are of one instant.
pub(crate) fn export(connection: &Connection, after: Option<&Cursor>, limit: usize) -> Result<Export> {
    let limit = limit.max(1);
    let mut place = match after {
        None => Place {
            after: After::User(0),
            last_user: 0,
        },
        Some(cursor) => Place::decode(cursor.as_bytes())
            .ok_or_else(|| Fault::refused(StoreErrorKind::Invalid, "made no such cursor for its exports"))?,
    };
    // One more than asked for tells whether this is the end.
    let mut rows = Rows::new();
    loop {
        let wanted = limit.saturating_add(1) - rows.len();
        let before = rows.len();
        read_table(connection, place, wanted, &mut rows)?;
        if rows.len() - before == wanted {
            break;
        }
        if let After::User(_) = place.after {
            place.last_user =
                connection.query_row("SELECT ifnull(max(user_key), 0) FROM users", [], |row| row.get(0))?;
        }
        match place.after.next_table() {
            Some(start) => place.after = start,
            None => break,
        }
    }
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(after, _)| {
        let after = *after;
        Cursor::new(Place { after, ..place }.encode())
    });
    Ok(Export {
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        next,
    })
}

/// Where an export stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    after: After,
    /// The key of the newest user when the last page of users was read; not known before.
    last_user: i64,
}

/// The table that an export is in, and the key of the last row that was read; `None` before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    User(i64),
    Issued(Option<([u8; 16], i64)>),
    Assigned(Option<[u8; 32]>),
    Replay(Option<(i64, [u8; 32])>),
    Tombstone(Option<[u8; 32]>),
}

impl After {
    const fn next_table(self) -> Option<Self> {
        match self {
            Self::User(_) => Some(Self::Issued(None)),
            Self::Issued(_) => Some(Self::Assigned(None)),
            Self::Assigned(_) => Some(Self::Replay(None)),
            Self::Replay(_) => Some(Self::Tombstone(None)),
            Self::Tombstone(_) => None,
        }
    }
}

type Rows = Vec<(After, ExportRow)>;

/// Reads at most `wanted` rows of the table that `place` is in. An empty blob sorts before every key.
fn read_table(connection: &Connection, place: Place, wanted: usize, rows: &mut Rows) -> Result<()> {
    let (wanted, last_user) = (whole(wanted), place.last_user);
    match place.after {
        After::User(key) => read(connection, USERS, (key, wanted), rows, |row| {
            Ok((After::User(row.get(7)?), ExportRow::User(user(row, 0)?)))
        }),
        After::Issued(after) => {
            let (jti, owner) = split(after.as_ref().map(|(jti, owner)| (jti.as_slice(), *owner)));
            read(connection, ISSUED, (jti, owner, last_user, wanted), rows, |row| {
                let after = After::Issued(Some((row.get(0)?, row.get(ISSUED_COLUMNS + 1)?)));
                let owner = user_id(row, ISSUED_COLUMNS)?;
                Ok((after, ExportRow::Token(owner, issued_token(row)?)))
            })
        }
        After::Assigned(after) => {
            let digest = after.as_ref().map_or(&[][..], |digest| digest);
            read(connection, ASSIGNED, (digest, last_user, wanted), rows, |row| {
                let after = After::Assigned(Some(row.get(0)?));
                let owner = user_id(row, ASSIGNED_COLUMNS)?;
                Ok((after, ExportRow::Token(owner, assigned_token(row)?)))
            })
        }
        After::Replay(after) => {
            let (key, owner) = split(after.as_ref().map(|(owner, key)| (key.as_slice(), *owner)));
            read(
                connection,
                REPLAYS,
                (owner, key, last_user, wanted),
                rows,
                |row| {
                    let after = After::Replay(Some((row.get(5)?, row.get(0)?)));
                    Ok((after, ExportRow::Replay(user_id(row, 4)?, replay(row)?)))
                },
            )
        }
        After::Tombstone(after) => {
            let digest = after.as_ref().map_or(&[][..], |digest| digest);
            read(connection, TOMBSTONES, (digest, wanted), rows, |row| {
                let after = After::Tombstone(Some(row.get(0)?));
                Ok((after, ExportRow::Tombstone(tombstone(row)?)))
            })
        }
    }
}

fn split(after: Option<(&[u8], i64)>) -> (&[u8], i64) {
    after.unwrap_or_default()
}

fn read(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    into: &mut Rows,
    decode: impl Fn(&Row<'_>) -> Result<(After, ExportRow)>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        into.push(decode(row)?);
    }
    Ok(())
}

impl Place {
    /// A tag for the table, the newest user, then the key: nothing of it before the table's first row.
    fn encode(self) -> Vec<u8> {
        let (tag, key) = match self.after {
            After::User(key) => (0, key.to_be_bytes().to_vec()),
            After::Issued(key) => (
                1,
                key.map_or(vec![], |(jti, owner)| [&jti[..], &owner.to_be_bytes()].concat()),
            ),
            After::Assigned(key) => (2, key.map_or(vec![], Vec::from)),
            After::Replay(key) => (
                3,
                key.map_or(vec![], |(owner, key)| [&owner.to_be_bytes(), &key[..]].concat()),
            ),
            After::Tombstone(key) => (4, key.map_or(vec![], Vec::from)),
        };
        [&[tag], &self.last_user.to_be_bytes()[..], &key].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        let (last_user, key) = rest.split_first_chunk()?;
        let after = match tag {
            0 => After::User(i64::from_be_bytes(key.try_into().ok()?)),
            1 => After::Issued(optional(key, |key| {
                let (jti, owner) = key.split_first_chunk()?;
                Some((*jti, i64::from_be_bytes(owner.try_into().ok()?)))
            })?),
            2 => After::Assigned(optional(key, |key| key.try_into().ok())?),
            3 => After::Replay(optional(key, |key| {
                let (owner, key) = key.split_first_chunk()?;
                Some((i64::from_be_bytes(*owner), key.try_into().ok()?))
            })?),
            4 => After::Tombstone(optional(key, |key| key.try_into().ok())?),
            _ => return None,
        };
        Some(Self {
            after,
            last_user: i64::from_be_bytes(*last_user),
        })
    }
}

/// Nothing where there is no key, `None` where there is one that is not such a key.
#[expect(
    clippy::option_option,
    reason = "whether there is a key, and whether it could be read"
)]
fn optional<T>(key: &[u8], decode: impl FnOnce(&[u8]) -> Option<T>) -> Option<Option<T>> {
    if key.is_empty() {
        Some(None)
    } else {
        decode(key).map(Some)
    }
}
