//! What people write today: a table behind a mutex, one transaction a request, then `jsonwebtoken`.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use issuer::TokenId;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use serde::Serialize;

const LIFETIME_SECONDS: i64 = 604_800;

/// As durable as ours, with prepared statements, and with the same rule: no second token while one lives.
pub(crate) struct Mutexed {
    connection: Mutex<Connection>,
    key: EncodingKey,
    issuer: &'static str,
}

/// The same claims, in the same order, as `issuer` writes.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
}

impl Mutexed {
    pub(crate) fn open(path: &Path, secret: &[u8], issuer: &'static str) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        assert_eq!(mode, "wal");
        connection.execute_batch(
            "PRAGMA synchronous = FULL;
             CREATE TABLE users (id TEXT PRIMARY KEY, nickname TEXT, avatar_url TEXT, created_at INTEGER NOT NULL) STRICT;
             CREATE TABLE tokens (
                 jti TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id),
                 issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, revoked_at INTEGER
             ) STRICT;
             CREATE INDEX tokens_of_user ON tokens (user_id);",
        )?;
        Ok(Self {
            connection: Mutex::new(connection),
            key: EncodingKey::from_secret(secret),
            issuer,
        })
    }

    /// `QueryReturnedNoRows` stands for a conflict, which never happens here.
    pub(crate) fn issue(&self, user: &str) -> rusqlite::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            iss: self.issuer,
            sub: user,
            iat: now,
            exp: now + LIFETIME_SECONDS,
            jti: TokenId::from_bytes(rand::random()).to_string(),
        };
        self.insert(&claims)?;
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key);
        token.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    }

    fn insert(&self, claims: &Claims<'_>) -> rusqlite::Result<()> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let live: Option<i64> = transaction
            .prepare_cached(
                "SELECT expires_at FROM tokens WHERE user_id = ?1 AND expires_at > ?2 AND revoked_at IS NULL LIMIT 1",
            )?
            .query_row(params![claims.sub, claims.iat], |row| row.get(0))
            .optional()?;
        if live.is_some() {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
        transaction
            .prepare_cached("INSERT INTO users (id, created_at) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING")?
            .execute(params![claims.sub, claims.iat])?;
        transaction
            .prepare_cached(
                "INSERT INTO tokens (jti, user_id, issued_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![claims.jti, claims.sub, claims.iat, claims.exp])?;
        transaction.commit()
    }
}
