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
    let deaths: Vec<_> = staged
        .scan(Table::Deaths, Bound::Unbounded, Some(deaths_after(dead_before)))
        .take(limit)
        .collect::<Result<_>>()?;
    for (death, _) in &deaths {
        staged.delete_row(&Mortal::of_death(death)?)?;
        // With the row, its death is gone; and it must go in any case, or the next purge finds it again.
        staged.delete(Table::Deaths, death)?;
    }
    Ok(deaths.len())
}
