//! How commits are written.

use issuer::{
    Digest, Timestamp,
    state::{Change, Commit, IssuedToken, Replay, TokenBody, TokenRecord, Tombstone, UserRecord, Version},
    user::{AvatarUrl, Nickname, UserId},
};
use issuer_store::Outcome;
use rusqlite::{CachedStatement, Connection, OptionalExtension};

use crate::{error::Result, load::holder, row::token_mode, statements::Statements};

pub(crate) const VERSION: &str = "SELECT user_key, version FROM users WHERE id = ?1";

/// A key that no user has or had.
pub(crate) const NEXT_KEY: &str = "SELECT 1 + max(ifnull((SELECT max(user_key) FROM users), 0), \
     ifnull((SELECT last_key FROM erased_users WHERE only_row = 1), 0))";

pub(crate) const INSERT_OWNER: &str = "INSERT INTO users (user_key, id) VALUES (?1, ?2)";

pub(crate) const INSERT_USER: &str = "INSERT INTO users \
     (user_key, id, version, nickname, avatar_url, token_mode, created_at, updated_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

pub(crate) const UPDATE_USER: &str = "UPDATE users SET version = ?2, nickname = ?3, avatar_url = ?4, \
     token_mode = ?5, created_at = ?6, updated_at = ?7 WHERE user_key = ?1";

pub(crate) const UPDATE_VERSION: &str =
    "UPDATE users SET version = ?2 WHERE user_key = ?1 AND version IS NOT NULL";

const PUT_ISSUED: &str = "INSERT INTO issued_tokens \
     (jti, owner, signing_key, issuer, audience, created_at, expires_at, revoked_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET \
     signing_key = excluded.signing_key, issuer = excluded.issuer, audience = excluded.audience, \
     created_at = excluded.created_at, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at";

const PUT_ASSIGNED: &str = "INSERT INTO assigned_tokens \
     (digest, owner, created_at, expires_at, revoked_at) \
     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET owner = excluded.owner, \
     created_at = excluded.created_at, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at";

const PUT_REPLAY: &str = "INSERT INTO replays (owner, key, request, jti, forgotten_at) \
     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET \
     request = excluded.request, jti = excluded.jti, forgotten_at = excluded.forgotten_at";

const PUT_TOMBSTONE: &str = "INSERT INTO tombstones (digest, \"until\") VALUES (?1, ?2) \
     ON CONFLICT DO UPDATE SET \"until\" = excluded.\"until\"";

// Tokens and idempotency records go with it: ON DELETE CASCADE.
pub(crate) const ERASE: &str = "DELETE FROM users WHERE user_key = ?1";

/// Applies each commit, or writes nothing of it. The caller holds a transaction that began by writing: what is checked
/// here still holds when it is written.
pub(crate) fn apply(connection: &Connection, commits: &[Commit]) -> Result<Vec<Outcome>> {
    let mut tables = Tables {
        statements: Statements::of(connection),
        next_key: None,
    };
    commits
        .iter()
        .map(|commit| apply_one(&mut tables, commit))
        .collect()
}

fn apply_one(tables: &mut Tables<'_>, commit: &Commit) -> Result<Outcome> {
    let mut writing = Writing::begin(tables, commit)?;
    if !commit.holds(writing.version, |digest| {
        holder(&mut writing.tables.statements, digest)
    })? {
        return Ok(Outcome::Conflict);
    }
    for change in &commit.changes {
        writing.write(change)?;
    }
    writing.finish()?;
    Ok(Outcome::Applied)
}

/// The tables while commits are written.
struct Tables<'c> {
    statements: Statements<'c>,
    /// The key of the next new user, once it was asked for. Nobody else gives keys away in this transaction.
    next_key: Option<i64>,
}

impl Tables<'_> {
    fn new_key(&mut self) -> Result<i64> {
        let key = match self.next_key {
            Some(key) => key,
            None => self.statements.get(NEXT_KEY)?.query_row([], |row| row.get(0))?,
        };
        self.next_key = key.checked_add(1);
        Ok(key)
    }
}

/// A commit while it is written.
struct Writing<'a, 'c> {
    tables: &'a mut Tables<'c>,
    user: &'a UserId,
    next: Version,
    /// The user's key, once the user has a row.
    owner: Option<i64>,
    /// The version of the user's record as it is now.
    version: Option<Version>,
}

impl<'a, 'c> Writing<'a, 'c> {
    fn begin(tables: &'a mut Tables<'c>, commit: &'a Commit) -> Result<Self> {
        let found: Option<(i64, Option<[u8; 16]>)> = tables
            .statements
            .get(VERSION)?
            .query_row([commit.user.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(Self {
            tables,
            user: &commit.user,
            next: commit.next,
            owner: found.map(|(owner, _)| owner),
            version: found.and_then(|(_, version)| version).map(Version::from_bytes),
        })
    }

    fn statement(&mut self, sql: &'static str) -> Result<&mut CachedStatement<'c>> {
        self.tables.statements.get(sql)
    }

    fn write(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::PutUser(record) => self.put_user(record),
            Change::PutToken(token) => match &token.body {
                TokenBody::Issued(issued) => self.put_issued(token, issued),
                TokenBody::Assigned(digest) => self.put_assigned(token, *digest),
            },
            Change::PutReplay(replay) => self.put_replay(replay),
            Change::PutTombstone(tombstone) => self.put_tombstone(*tombstone),
            Change::EraseUser => self.erase(),
        }
    }

    fn put_user(&mut self, record: &UserRecord) -> Result<()> {
        let next = self.next;
        let version = next.as_bytes();
        let nickname = record.nickname.as_ref().map(Nickname::as_str);
        let avatar_url = record.avatar_url.as_ref().map(AvatarUrl::as_str);
        let mode = token_mode(record.token_mode);
        let (created, updated) = (record.created_at.as_unix(), record.updated_at.as_unix());
        if let Some(owner) = self.owner {
            let values = (owner, version, nickname, avatar_url, mode, created, updated);
            self.statement(UPDATE_USER)?.execute(values)?;
        } else {
            let id = self.user.as_str();
            let key = self.tables.new_key()?;
            let values = (key, id, version, nickname, avatar_url, mode, created, updated);
            self.statement(INSERT_USER)?.execute(values)?;
            self.owner = Some(key);
        }
        self.version = Some(self.next);
        Ok(())
    }

    fn put_issued(&mut self, token: &TokenRecord, issued: &IssuedToken) -> Result<()> {
        let values = (
            issued.id.as_bytes(),
            self.owner()?,
            issued.key.as_bytes(),
            issued.issuer.as_deref(),
            issued.audience.as_deref(),
            token.created_at.as_unix(),
            token.expires_at.as_unix(),
            token.revoked_at.map(Timestamp::as_unix),
        );
        self.statement(PUT_ISSUED)?.execute(values)?;
        Ok(())
    }

    fn put_assigned(&mut self, token: &TokenRecord, digest: Digest) -> Result<()> {
        let values = (
            digest.as_bytes(),
            self.owner()?,
            token.created_at.as_unix(),
            token.expires_at.as_unix(),
            token.revoked_at.map(Timestamp::as_unix),
        );
        self.statement(PUT_ASSIGNED)?.execute(values)?;
        Ok(())
    }

    fn put_replay(&mut self, replay: &Replay) -> Result<()> {
        let values = (
            self.owner()?,
            replay.key.as_bytes(),
            replay.request.as_bytes(),
            replay.token.as_bytes(),
            replay.forgotten_at.as_unix(),
        );
        self.statement(PUT_REPLAY)?.execute(values)?;
        Ok(())
    }

    fn put_tombstone(&mut self, tombstone: Tombstone) -> Result<()> {
        let values = (tombstone.digest.as_bytes(), tombstone.until.as_unix());
        self.statement(PUT_TOMBSTONE)?.execute(values)?;
        Ok(())
    }

    fn erase(&mut self) -> Result<()> {
        if let Some(owner) = self.owner.take() {
            self.statement(ERASE)?.execute([owner])?;
        }
        self.version = None;
        Ok(())
    }

    /// The key of the user for rows that come without the user.
    fn owner(&mut self) -> Result<i64> {
        if let Some(owner) = self.owner {
            return Ok(owner);
        }
        let key = self.tables.new_key()?;
        let values = (key, self.user.as_str());
        self.statement(INSERT_OWNER)?.execute(values)?;
        self.owner = Some(key);
        Ok(key)
    }

    /// The record has the version of the commit, whether the commit wrote it or not.
    fn finish(mut self) -> Result<()> {
        if let (Some(owner), Some(version)) = (self.owner, self.version)
            && version != self.next
        {
            let next = self.next;
            let values = (owner, next.as_bytes());
            self.statement(UPDATE_VERSION)?.execute(values)?;
        }
        Ok(())
    }
}
