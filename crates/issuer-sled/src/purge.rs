//! How rows that say no more than their absence are swept away.

use std::ops::Bound;

use issuer::Timestamp;

use crate::{
    error::Result,
    staged::Staged,
    table::{Mortal, Table, deaths_after},
    view::Rows,
};

/// Stages the deletion of at most `limit` rows that were dead by then, those that died first, and says how many.
pub(crate) fn purge(staged: &mut Staged<'_>, dead_before: Timestamp, limit: usize) -> Result<usize> {
    let rows: Vec<Mortal> = staged
        .scan(Table::Deaths, Bound::Unbounded, Some(deaths_after(dead_before)))
        .take(limit)
        .map(|row| Mortal::decode_death(&row?.0).map(|(_, mortal)| mortal))
        .collect::<Result<_>>()?;
    for row in &rows {
        staged.delete_row(row)?;
    }
    Ok(rows.len())
}
