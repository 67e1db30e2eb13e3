//! What reads show: snapshots, tokens, pages of users.

use issuer::{
    Digest,
    state::{Holder, Snapshot, TokenRecord, TokenState},
};
use issuer_store::{Lookup, Page, TokenRef, UserEntry, UserPage};
use rusqlite::{Connection, Params, Row};

use crate::{
    error::Result,
    row::{
        ASSIGNED_COLUMNS, ISSUED_COLUMNS, assigned_columns, assigned_token, holding_token, issued_columns,
        issued_token, moment, replay, user, user_columns,
    },
    statements::Statements,
};

pub(crate) const USER: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", u.user_key FROM users u WHERE u.id = ?1"
);
const USER_KEY: usize = 7;

pub(crate) const UNREVOKED_ISSUED: &str = concat!(
    "SELECT ",
    issued_columns!(),
    " FROM issued_tokens t WHERE t.owner = ?1 AND t.revoked_at IS NULL"
);

pub(crate) const UNREVOKED_ASSIGNED: &str = concat!(
    "SELECT ",
    assigned_columns!(),
    " FROM assigned_tokens t WHERE t.owner = ?1 AND t.revoked_at IS NULL"
);

pub(crate) const REPLAY: &str =
    "SELECT key, request, jti, forgotten_at FROM replays WHERE owner = ?1 AND key = ?2";

pub(crate) const HOLDING_TOKEN: &str = "SELECT u.id, t.expires_at \
     FROM assigned_tokens t CROSS JOIN users u ON u.user_key = t.owner \
     WHERE t.digest = ?1 AND t.revoked_at IS NULL";

pub(crate) const TOMBSTONE: &str = "SELECT \"until\" FROM tombstones WHERE digest = ?1";

// From the token to its user: both by the keys of their tables, so that no index is read.
pub(crate) const FIND_ISSUED: &str = concat!(
    "SELECT ",
    issued_columns!(),
    ", ",
    user_columns!(),
    " FROM issued_tokens t CROSS JOIN users u ON u.user_key = t.owner \
      WHERE t.jti = ?1 AND u.id = ?2 AND u.version IS NOT NULL"
);

pub(crate) const FIND_ASSIGNED: &str = concat!(
    "SELECT ",
    assigned_columns!(),
    ", ",
    user_columns!(),
    " FROM assigned_tokens t CROSS JOIN users u ON u.user_key = t.owner \
      WHERE t.digest = ?1 AND u.version IS NOT NULL"
);

// No id is empty, so that '' is before the first.
pub(crate) const LIST: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", u.user_key FROM users u \
     WHERE u.id > ?1 AND u.version IS NOT NULL ORDER BY u.id LIMIT ?2 OFFSET ?3"
);

const COUNT: &str =
    "SELECT (SELECT count(*) FROM users) - (SELECT count(*) FROM users WHERE version IS NULL)";

/// Users with all that was asked beside. The caller sees to it that all of it is of one instant.
pub(crate) fn load(connection: &Connection, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>> {
    let mut statements = Statements::of(connection);
    let lookups = lookups.iter();
    lookups.map(|lookup| snapshot(&mut statements, lookup)).collect()
}

fn snapshot(statements: &mut Statements<'_>, lookup: &Lookup<'_>) -> Result<Snapshot> {
    let mut snapshot = Snapshot::default();
    let mut owner = None;
    let mut rows = statements.get(USER)?.query([lookup.user.as_str()])?;
    if let Some(row) = rows.next()? {
        owner = Some(row.get(USER_KEY)?);
        if has_record(row, 0)? {
            snapshot.user = Some(user(row, 0)?);
        }
    }
    drop(rows);
    if let Some(owner) = owner {
        unrevoked_tokens(statements, owner, &mut snapshot.tokens)?;
    }
    for key in lookup.replays {
        let found = match owner {
            Some(owner) => one(statements, REPLAY, (owner, key.as_bytes()), replay)?,
            None => None,
        };
        snapshot.replays.push((*key, found));
    }
    for digest in lookup.digests {
        snapshot.holders.push((*digest, holder(statements, *digest)?));
    }
    Ok(snapshot)
}

/// Who holds a digest: a token that is not revoked, else the tombstone.
pub(crate) fn holder(statements: &mut Statements<'_>, digest: Digest) -> Result<Option<Holder>> {
    if let Some(token) = one(statements, HOLDING_TOKEN, [digest.as_bytes()], holding_token)? {
        return Ok(Some(token));
    }
    one(statements, TOMBSTONE, [digest.as_bytes()], |row| {
        let until = moment(row, 0, "tombstones")?;
        Ok(Holder::Tombstone { until })
    })
}

/// Tokens, each with its user by one statement, and so of one instant.
pub(crate) fn find(connection: &Connection, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>> {
    let mut statements = Statements::of(connection);
    let tokens = tokens.iter();
    tokens.map(|token| find_one(&mut statements, token)).collect()
}

fn find_one(statements: &mut Statements<'_>, token: &TokenRef<'_>) -> Result<Option<TokenState>> {
    match token {
        TokenRef::Issued { user: id, id: jti } => {
            one(statements, FIND_ISSUED, (jti.as_bytes(), id.as_str()), |row| {
                Ok(TokenState {
                    token: issued_token(row)?,
                    user: user(row, ISSUED_COLUMNS)?.value,
                })
            })
        }
        TokenRef::Assigned(digest) => one(statements, FIND_ASSIGNED, [digest.as_bytes()], |row| {
            Ok(TokenState {
                token: assigned_token(row)?,
                user: user(row, ASSIGNED_COLUMNS)?.value,
            })
        }),
    }
}

/// A page of users. The caller sees to it that all of it is of one instant.
pub(crate) fn list(connection: &Connection, page: &Page<'_>) -> Result<UserPage> {
    let after = page.after.map_or("", |id| id.as_str());
    let mut statement = connection.prepare_cached(LIST)?;
    let mut rows = statement.query((after, whole(page.limit), whole(page.skip)))?;
    let mut statements = Statements::of(connection);
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        let mut tokens = Vec::new();
        unrevoked_tokens(&mut statements, row.get(USER_KEY)?, &mut tokens)?;
        users.push(UserEntry {
            user: user(row, 0)?.value,
            tokens,
        });
    }
    let total = if page.count_all {
        Some(
            connection
                .prepare_cached(COUNT)?
                .query_row([], |row| row.get(0))?,
        )
    } else {
        None
    };
    Ok(UserPage { users, total })
}

fn unrevoked_tokens(
    statements: &mut Statements<'_>,
    owner: i64,
    tokens: &mut Vec<TokenRecord>,
) -> Result<()> {
    for (sql, token) in [
        (UNREVOKED_ISSUED, issued_token as fn(&Row<'_>) -> _),
        (UNREVOKED_ASSIGNED, assigned_token),
    ] {
        let mut rows = statements.get(sql)?.query([owner])?;
        while let Some(row) = rows.next()? {
            tokens.push(token(row)?);
        }
    }
    Ok(())
}

/// Whether a row of `users`, whose columns begin at `at`, is more than the owner of rows.
fn has_record(row: &Row<'_>, at: usize) -> Result<bool> {
    Ok(row.get_ref(at + 1)? != rusqlite::types::ValueRef::Null)
}

fn one<T>(
    statements: &mut Statements<'_>,
    sql: &'static str,
    params: impl Params,
    decode: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut rows = statements.get(sql)?.query(params)?;
    rows.next()?.map(decode).transpose()
}

/// A number of rows as SQLite counts them; what is beyond is as good as all.
pub(crate) fn whole(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
