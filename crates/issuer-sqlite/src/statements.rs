//! The statements of one call to the store.

use std::collections::{BTreeMap, btree_map::Entry};

use rusqlite::{CachedStatement, Connection};

use crate::error::Result;

/// Prepared statements, each taken from the connection's cache when it is first needed, and kept for the whole call: to
/// take one out and put it back for every row would cost a fifth of what the statement itself does.
pub(crate) struct Statements<'c> {
    connection: &'c Connection,
    taken: BTreeMap<&'static str, CachedStatement<'c>>,
}

impl<'c> Statements<'c> {
    pub(crate) const fn of(connection: &'c Connection) -> Self {
        Self {
            connection,
            taken: BTreeMap::new(),
        }
    }

    pub(crate) fn get(&mut self, sql: &'static str) -> Result<&mut CachedStatement<'c>> {
        match self.taken.entry(sql) {
            Entry::Occupied(taken) => Ok(taken.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(self.connection.prepare_cached(sql)?)),
        }
    }
}
