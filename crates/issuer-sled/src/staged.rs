//! Rows that are about to be written, as if they were there already.

use std::{collections::BTreeMap, ops::Bound};

use issuer::{
    Digest, Timestamp,
    state::{Replay, TokenName, TokenRecord},
    user::UserId,
};
use sled::IVec;

use crate::{
    database::{Batch, Database, RowChange},
    error::{Fault, Result},
    row::{
        User, decode_replay, decode_revoked, decode_tombstone, encode_replay, encode_revoked,
        encode_tombstone,
    },
    state::State,
    table::{Mortal, STATE, Table, replay_key, token_key, user_id},
    view::{Rows, range},
};

/// What a slice of commits has come to so far. Whoever makes it sees to it that nobody else writes meanwhile.
pub(crate) struct Staged<'a> {
    database: &'a Database,
    changes: Batch,
}

impl<'a> Staged<'a> {
    pub(crate) fn new(database: &'a Database) -> Self {
        Self {
            database,
            changes: Batch::new(),
        }
    }

    /// The rows that are not as they were, and the state that they lead to; `None` where all are as they were.
    pub(crate) fn finish(self) -> Result<Option<(Batch, u64)>> {
        let mut batch = self.changes;
        batch.retain(|_, change| change.before != change.after);
        if batch.is_empty() {
            return Ok(None);
        }
        let before = self.database.get(Table::Own, STATE)?;
        let Some(before) = before else {
            return Err(Fault::row("its own tree"));
        };
        let mut state = State::decode(&before)?;
        for ((table, key), change) in &batch {
            if let Some(value) = &change.before {
                state.subtract(*table, key, value);
            }
            if let Some(value) = &change.after {
                state.add(*table, key, value);
            }
        }
        state.slice += 1;
        let change = RowChange {
            before: Some(before),
            after: Some(state.encode().into()),
        };
        batch.insert((Table::Own, STATE.into()), change);
        Ok(Some((batch, state.slice)))
    }

    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) -> Result<()> {
        self.change(table, key, Some(value.into()))
    }

    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.change(table, key, None)
    }

    fn change(&mut self, table: Table, key: &[u8], after: Option<IVec>) -> Result<()> {
        let row = (table, IVec::from(key));
        if let Some(change) = self.changes.get_mut(&row) {
            change.after = after;
        } else {
            let before = self.database.get(table, key)?;
            self.changes.insert(row, RowChange { before, after });
        }
        Ok(())
    }

    pub(crate) fn user(&self, id: &UserId) -> Result<User> {
        match self.get(Table::Users, id.as_str().as_bytes())? {
            Some(value) => User::decode(id, &value),
            None => Ok(User::default()),
        }
    }

    pub(crate) fn put_user(&mut self, id: &UserId, user: &User) -> Result<()> {
        let key = id.as_str().as_bytes();
        if user.is_empty() {
            self.delete(Table::Users, key)
        } else {
            self.put(Table::Users, key, user.encode())
        }
    }

    pub(crate) fn put_token(&mut self, id: &UserId, token: &TokenRecord) -> Result<()> {
        let name = token.name();
        if let TokenName::Assigned(digest) = name {
            if let Some(owner) = self.get(Table::Assigned, digest.as_bytes())? {
                let owner = user_id(&owner, "assigned")?;
                self.delete_row(&Mortal::Token(owner, name))?;
            }
            self.put(Table::Assigned, digest.as_bytes(), id.as_str().into())?;
        } else {
            self.delete_row(&Mortal::Token(id.clone(), name))?;
        }
        if token.revoked_at.is_some() {
            self.put(Table::Revoked, &token_key(id, name), encode_revoked(token))?;
        } else {
            let mut user = self.user(id)?;
            user.put(token.clone());
            self.put_user(id, &user)?;
        }
        let death = Mortal::Token(id.clone(), name).death(token.dead_at());
        self.put(Table::Deaths, &death, Vec::new())
    }

    pub(crate) fn put_replay(&mut self, id: &UserId, replay: &Replay) -> Result<()> {
        let row = Mortal::Replay(id.clone(), replay.key);
        self.delete_row(&row)?;
        self.put(Table::Replays, &replay_key(id, replay.key), encode_replay(replay))?;
        self.put(Table::Deaths, &row.death(replay.forgotten_at), Vec::new())
    }

    pub(crate) fn put_tombstone(&mut self, digest: Digest, until: Timestamp) -> Result<()> {
        let row = Mortal::Tombstone(digest);
        self.delete_row(&row)?;
        self.put(Table::Tombstones, digest.as_bytes(), encode_tombstone(until))?;
        self.put(Table::Deaths, &row.death(until), Vec::new())
    }

    /// Deletes a row, if it is there, with what leads to it.
    pub(crate) fn delete_row(&mut self, row: &Mortal) -> Result<()> {
        let died_at = match row {
            Mortal::Token(id, name) => {
                let Some(token) = self.delete_token(id, *name)? else {
                    return Ok(());
                };
                if let TokenName::Assigned(digest) = name {
                    self.delete(Table::Assigned, digest.as_bytes())?;
                }
                token.dead_at()
            }
            Mortal::Replay(id, key) => {
                let row = replay_key(id, *key);
                let Some(value) = self.get(Table::Replays, &row)? else {
                    return Ok(());
                };
                self.delete(Table::Replays, &row)?;
                decode_replay(*key, &value)?.forgotten_at
            }
            Mortal::Tombstone(digest) => {
                let Some(value) = self.get(Table::Tombstones, digest.as_bytes())? else {
                    return Ok(());
                };
                self.delete(Table::Tombstones, digest.as_bytes())?;
                decode_tombstone(&value)?
            }
        };
        self.delete(Table::Deaths, &row.death(died_at))
    }

    fn delete_token(&mut self, id: &UserId, name: TokenName) -> Result<Option<TokenRecord>> {
        let mut user = self.user(id)?;
        if let Some(token) = user.take(name) {
            self.put_user(id, &user)?;
            return Ok(Some(token));
        }
        let row = token_key(id, name);
        let Some(value) = self.get(Table::Revoked, &row)? else {
            return Ok(None);
        };
        self.delete(Table::Revoked, &row)?;
        decode_revoked(&value).map(Some)
    }
}

impl Rows for Staged<'_> {
    fn database(&self) -> &Database {
        self.database
    }

    fn instead(&self, table: Table, key: &[u8]) -> Option<Option<IVec>> {
        let change = self.changes.get(&(table, IVec::from(key)))?;
        Some(change.after.clone())
    }

    fn instead_of_range(
        &self,
        table: Table,
        from: Bound<&IVec>,
        reached: impl Fn(&IVec) -> bool,
    ) -> BTreeMap<IVec, Option<IVec>> {
        range(&self.changes, table, from, reached)
            .map(|(key, change)| (key.clone(), change.after.clone()))
            .collect()
    }
}
