//! The store as of one instant, whatever is written meanwhile.
//!
//! sled shows a write to every reader at once, long before it is synced, and has no snapshots. So whoever writes
//! says first what was there before: each write is a link of a chain, and holds the old rows. A reader starts at the
//! last link that is durable and takes a row from the first link after it that holds that row, else from sled. It asks
//! sled first and the chain afterwards: if sled's answer is newer than the reader, then the link was there before
//! sled had it.
//!
//! A reader never waits for a disk, nor begins anew because of a writer. A link is held by the readers that are older
//! than it, and by nobody once they are gone.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use sled::IVec;

use crate::{
    database::{Batch, Database},
    error::Result,
    table::Table,
};

/// Rows that can be read: those of an instant, or those that a write is about to make.
pub(crate) trait Rows {
    /// Where the rows are that are in nobody's way.
    fn database(&self) -> &Database;

    /// What stands in the place of this row; `None` if nothing does.
    #[expect(
        clippy::option_option,
        reason = "whether there is another, and whether it is a row"
    )]
    fn instead(&self, table: Table, key: &[u8]) -> Option<Option<IVec>>;

    /// What stands in the places of the rows of a table, from this key up to and with the other.
    fn instead_of_range(
        &self,
        table: Table,
        from: Bound<&IVec>,
        reached: impl Fn(&IVec) -> bool,
    ) -> BTreeMap<IVec, Option<IVec>>;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<IVec>> {
        let found = self.database().get(table, key)?;
        Ok(self.instead(table, key).unwrap_or(found))
    }

    /// The rows of a table from `from` up to, and without, `end`; to the last one if `end` is `None`.
    fn scan(&self, table: Table, from: Bound<Vec<u8>>, end: Option<Vec<u8>>) -> Scan<'_, Self>
    where
        Self: Sized,
    {
        Scan {
            rows: self,
            table,
            from: from.map(IVec::from),
            end: end.map(IVec::from),
            read: VecDeque::new(),
            at_end: false,
        }
    }
}

/// One write: the rows that it changes, as they were before it.
#[derive(Debug, Default)]
pub(crate) struct Link {
    before: BTreeMap<(Table, IVec), Option<IVec>>,
    next: OnceLock<Arc<Link>>,
}

impl Drop for Link {
    // One after the other: a chain may be longer than a stack is deep.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut link) = next.and_then(Arc::into_inner) {
            next = link.next.take();
        }
    }
}

/// The chain, of which this holds the last durable link.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    durable: RwLock<Arc<Link>>,
}

impl Chain {
    /// What is durable now.
    pub(crate) fn view<'a>(&self, database: &'a Database) -> View<'a> {
        let at = self.durable.read().unwrap_or_else(PoisonError::into_inner);
        View {
            database,
            at: Arc::clone(&at),
        }
    }

    /// Says what is there before this batch is. Only one write at a time may be in the making.
    pub(crate) fn announce(&self, batch: &Batch) -> Arc<Link> {
        let before = batch
            .iter()
            .map(|(row, change)| (row.clone(), change.before.clone()))
            .collect();
        let link = Link {
            before,
            next: OnceLock::new(),
        };
        let last = self.durable.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(last.next.get_or_init(|| Arc::new(link)))
    }

    /// Shows the write to every reader from now on: it is durable.
    pub(crate) fn show(&self, link: Arc<Link>) {
        *self.durable.write().unwrap_or_else(PoisonError::into_inner) = link;
    }
}

/// The store as of one instant.
pub(crate) struct View<'a> {
    database: &'a Database,
    at: Arc<Link>,
}

impl View<'_> {
    /// The writes that this view does not show, the oldest first.
    fn hidden(&self) -> impl Iterator<Item = &Link> {
        std::iter::successors(self.at.next.get(), |link| link.next.get()).map(Arc::as_ref)
    }
}

impl Rows for View<'_> {
    fn database(&self) -> &Database {
        self.database
    }

    fn instead(&self, table: Table, key: &[u8]) -> Option<Option<IVec>> {
        let row = (table, IVec::from(key));
        self.hidden().find_map(|link| link.before.get(&row).cloned())
    }

    fn instead_of_range(
        &self,
        table: Table,
        from: Bound<&IVec>,
        reached: impl Fn(&IVec) -> bool,
    ) -> BTreeMap<IVec, Option<IVec>> {
        let mut instead = BTreeMap::new();
        for link in self.hidden() {
            for (key, before) in range(&link.before, table, from, &reached) {
                instead.entry(key.clone()).or_insert_with(|| before.clone());
            }
        }
        instead
    }
}

/// The entries of one table, from a key on, as far as they are reached.
pub(crate) fn range<'a, T>(
    rows: &'a BTreeMap<(Table, IVec), T>,
    table: Table,
    from: Bound<&IVec>,
    reached: impl Fn(&IVec) -> bool,
) -> impl Iterator<Item = (&'a IVec, &'a T)> {
    let start = match from {
        Bound::Unbounded => Bound::Included((table, IVec::default())),
        Bound::Included(key) => Bound::Included((table, key.clone())),
        Bound::Excluded(key) => Bound::Excluded((table, key.clone())),
    };
    rows.range((start, Bound::Unbounded))
        .take_while(move |((of, key), _)| *of == table && reached(key))
        .map(|((_, key), value)| (key, value))
}

/// How many rows a scan reads at a time.
const CHUNK_ROWS: usize = 64;

/// Rows of a table in the order of their keys.
pub(crate) struct Scan<'a, R> {
    rows: &'a R,
    table: Table,
    from: Bound<IVec>,
    end: Option<IVec>,
    read: VecDeque<(IVec, IVec)>,
    at_end: bool,
}

impl<R: Rows> Scan<'_, R> {
    /// Reads on, for one row at least if there is one.
    fn fill(&mut self) -> Result<()> {
        while self.read.is_empty() && !self.at_end {
            let range = (
                self.from.clone(),
                self.end.clone().map_or(Bound::Unbounded, Bound::Excluded),
            );
            let mut found = BTreeMap::new();
            let tree = self.rows.database().tree(self.table);
            for row in tree.range::<IVec, _>(range).take(CHUNK_ROWS) {
                let (key, value) = row?;
                found.insert(key, value);
            }
            self.at_end = found.len() < CHUNK_ROWS;
            let last = if self.at_end {
                None
            } else {
                found.last_key_value().map(|(key, _)| key.clone())
            };
            let (last_key, end) = (&last, &self.end);
            let reached = |key: &IVec| {
                last_key.as_ref().is_none_or(|last| key <= last) && end.as_ref().is_none_or(|end| key < end)
            };
            for (key, row) in self
                .rows
                .instead_of_range(self.table, self.from.as_ref(), reached)
            {
                match row {
                    Some(value) => found.insert(key, value),
                    None => found.remove(&key),
                };
            }
            self.read.extend(found);
            if let Some(last) = last {
                self.from = Bound::Excluded(last);
            }
        }
        Ok(())
    }
}

impl<R: Rows> Iterator for Scan<'_, R> {
    type Item = Result<(IVec, IVec)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.fill() {
            Ok(()) => self.read.pop_front().map(Ok),
            Err(fault) => {
                self.at_end = true;
                Some(Err(fault))
            }
        }
    }
}
