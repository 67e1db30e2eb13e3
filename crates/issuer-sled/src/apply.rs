//! How commits are written.

use std::ops::Bound;

use issuer::{
    state::{Change, Commit, TokenName, TokenRecord, Versioned},
    user::UserId,
};
use issuer_store::Outcome;

use crate::{
    codec::Reader,
    error::Result,
    load::holder,
    row::User,
    staged::Staged,
    table::{Mortal, Table, after_user, digest, of_user},
    view::Rows,
};

/// Applies one commit to what is staged, or nothing of it.
pub(crate) fn apply(staged: &mut Staged<'_>, commit: &Commit) -> Result<Outcome> {
    let version = staged.user(&commit.user)?.record.map(|record| record.version);
    if !commit.holds(version, |digest| holder(staged, digest))? {
        return Ok(Outcome::Conflict);
    }
    for change in &commit.changes {
        write(staged, change, commit)?;
    }
    finish(staged, commit)?;
    Ok(Outcome::Applied)
}

fn write(staged: &mut Staged<'_>, change: &Change, commit: &Commit) -> Result<()> {
    let id = &commit.user;
    match change {
        Change::PutUser(record) => {
            let mut user = staged.user(id)?;
            user.record = Some(Versioned {
                version: commit.next,
                value: record.clone(),
            });
            staged.put_user(id, &user)
        }
        Change::PutToken(token) => staged.put_token(id, token),
        Change::PutReplay(replay) => staged.put_replay(id, replay),
        Change::PutTombstone(tombstone) => staged.put_tombstone(tombstone.digest, tombstone.until),
        Change::EraseUser => erase(staged, id),
    }
}

/// The record has the version of the commit, whether the commit wrote it or not.
fn finish(staged: &mut Staged<'_>, commit: &Commit) -> Result<()> {
    let mut user = staged.user(&commit.user)?;
    let Some(record) = user
        .record
        .as_mut()
        .filter(|record| record.version != commit.next)
    else {
        return Ok(());
    };
    record.version = commit.next;
    staged.put_user(&commit.user, &user)
}

fn erase(staged: &mut Staged<'_>, id: &UserId) -> Result<()> {
    let tokens = staged.user(id)?.tokens;
    let mut rows: Vec<Mortal> = tokens
        .iter()
        .map(TokenRecord::name)
        .chain(names_of_revoked(staged, id)?)
        .map(|name| Mortal::Token(id.clone(), name))
        .collect();
    let start = of_user(id);
    let skipped = start.len();
    for row in staged.scan(Table::Replays, Bound::Included(start), Some(after_user(id))) {
        let (key, _) = row?;
        let key = digest(key.get(skipped..).unwrap_or_default(), "replays")?;
        rows.push(Mortal::Replay(id.clone(), key));
    }
    for row in &rows {
        staged.delete_row(row)?;
    }
    staged.put_user(id, &User::default())
}

fn names_of_revoked(staged: &Staged<'_>, id: &UserId) -> Result<Vec<TokenName>> {
    staged
        .scan(Table::Revoked, Bound::Included(of_user(id)), Some(after_user(id)))
        .map(|row| {
            let (key, _) = row?;
            revoked_name(&key)
        })
        .collect()
}

/// The name of a token, from its key in `revoked`.
fn revoked_name(key: &[u8]) -> Result<TokenName> {
    let mut reader = Reader(key);
    reader
        .owner()
        .and_then(|_| reader.name())
        .ok_or_else(|| crate::error::Fault::row("revoked"))
}
