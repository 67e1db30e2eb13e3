//! Rows, as SQLite has them and as the rules know them.
//!
//! What is read is parsed as if it came from a stranger: a row that this library cannot have written is
//! [`Damaged`](issuer_store::StoreErrorKind::Damaged), and never a panic.

use std::sync::Arc;

use issuer::{
    Digest, KeyFingerprint, Timestamp, TokenId,
    state::{
        Holder, IssuedToken, Replay, TokenBody, TokenMode, TokenRecord, Tombstone, UserRecord, Version,
        Versioned,
    },
    user::{AvatarUrl, Nickname, UserId},
};
use rusqlite::Row;

use crate::error::{Fault, Result};

/// The columns that [`user`] reads, of `users` as `u`. There is no record where `u.version` is NULL.
macro_rules! user_columns {
    () => {
        "u.id, u.version, u.nickname, u.avatar_url, u.token_mode, u.created_at, u.updated_at"
    };
}

/// The columns that [`issued_token`] reads, of `issued_tokens` as `t`.
macro_rules! issued_columns {
    () => {
        "t.jti, t.signing_key, t.issuer, t.audience, t.created_at, t.expires_at, t.revoked_at"
    };
}

/// The columns that [`assigned_token`] reads, of `assigned_tokens` as `t`.
macro_rules! assigned_columns {
    () => {
        "t.digest, t.created_at, t.expires_at, t.revoked_at"
    };
}

pub(crate) use {assigned_columns, issued_columns, user_columns};

/// How many columns [`issued_columns`] and [`assigned_columns`] are: where the next ones begin.
pub(crate) const ISSUED_COLUMNS: usize = 7;
pub(crate) const ASSIGNED_COLUMNS: usize = 4;

/// A user, from [`user_columns`] that begin at column `at`.
pub(crate) fn user(row: &Row<'_>, at: usize) -> Result<Versioned<UserRecord>> {
    let text = |column: usize| {
        row.get_ref(at + column)?
            .as_str_or_null()
            .map_err(|_| damaged_user())
    };
    let nickname = text(2)?.map(Nickname::parse).transpose();
    let avatar_url = text(3)?.map(AvatarUrl::parse).transpose();
    let token_mode = match text(4)? {
        Some("unset") => TokenMode::Unset,
        Some("issued") => TokenMode::Issued,
        Some("assigned") => TokenMode::Assigned,
        _ => return Err(damaged_user()),
    };
    Ok(Versioned {
        version: Version::from_bytes(row.get(at + 1)?),
        value: UserRecord {
            id: user_id(row, at)?,
            nickname: nickname.map_err(|_| damaged_user())?,
            avatar_url: avatar_url.map_err(|_| damaged_user())?,
            token_mode,
            created_at: moment(row, at + 5, "users")?,
            updated_at: moment(row, at + 6, "users")?,
        },
    })
}

pub(crate) fn user_id(row: &Row<'_>, at: usize) -> Result<UserId> {
    let text = row.get_ref(at)?.as_str().map_err(|_| damaged_user())?;
    UserId::parse(text).map_err(|_| damaged_user())
}

/// A token that was signed here, from [`issued_columns`] that begin at the first column.
pub(crate) fn issued_token(row: &Row<'_>) -> Result<TokenRecord> {
    let body = IssuedToken {
        id: TokenId::from_bytes(row.get(0)?),
        key: KeyFingerprint::from_bytes(row.get(1)?),
        issuer: row.get::<_, Option<Arc<str>>>(2)?,
        audience: row.get::<_, Option<Arc<str>>>(3)?,
    };
    token(row, TokenBody::Issued(body), 4, "issued_tokens")
}

/// A token that the host brought, from [`assigned_columns`] that begin at the first column.
pub(crate) fn assigned_token(row: &Row<'_>) -> Result<TokenRecord> {
    let digest = Digest::from_bytes(row.get(0)?);
    token(row, TokenBody::Assigned(digest), 1, "assigned_tokens")
}

fn token(row: &Row<'_>, body: TokenBody, at: usize, table: &str) -> Result<TokenRecord> {
    let revoked_at: Option<i64> = row.get(at + 2)?;
    Ok(TokenRecord {
        body,
        created_at: moment(row, at, table)?,
        expires_at: moment(row, at + 1, table)?,
        revoked_at: revoked_at.map(|_| moment(row, at + 2, table)).transpose()?,
    })
}

/// An idempotency record, from `key, request, jti, forgotten_at` at the first column.
pub(crate) fn replay(row: &Row<'_>) -> Result<Replay> {
    Ok(Replay {
        key: Digest::from_bytes(row.get(0)?),
        request: Digest::from_bytes(row.get(1)?),
        token: TokenId::from_bytes(row.get(2)?),
        forgotten_at: moment(row, 3, "replays")?,
    })
}

/// A tombstone, from `digest, until` at the first column.
pub(crate) fn tombstone(row: &Row<'_>) -> Result<Tombstone> {
    Ok(Tombstone {
        digest: Digest::from_bytes(row.get(0)?),
        until: moment(row, 1, "tombstones")?,
    })
}

/// The token that holds a digest, from the id of its user and its date.
pub(crate) fn holding_token(row: &Row<'_>) -> Result<Holder> {
    Ok(Holder::Token {
        user: user_id(row, 0)?,
        expires_at: moment(row, 1, "assigned_tokens")?,
    })
}

pub(crate) fn moment(row: &Row<'_>, at: usize, table: &str) -> Result<Timestamp> {
    Timestamp::from_unix(row.get(at)?).ok_or_else(|| Fault::row(table))
}

/// What `users.token_mode` holds.
pub(crate) const fn token_mode(mode: TokenMode) -> &'static str {
    match mode {
        TokenMode::Unset => "unset",
        TokenMode::Issued => "issued",
        TokenMode::Assigned => "assigned",
    }
}

fn damaged_user() -> Fault {
    Fault::row("users")
}
