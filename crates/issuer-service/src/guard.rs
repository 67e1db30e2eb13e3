//! Calls into a store that may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use issuer_store::{Effect, StoreError};

use crate::{Error, error::ErrorKind};

/// Asks a store something and contains its panic: the call fails, the service goes on.
pub(crate) fn read<T>(call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, Error> {
    contained(call).unwrap_or_else(|| Err(Error::new(ErrorKind::Internal)))
}

/// Asks a store for a slice of answers; one of another length than `asked` is a broken store, whose answers
/// belong to nobody.
pub(crate) fn read_all<T>(
    asked: usize,
    call: impl FnOnce() -> Result<Vec<T>, StoreError>,
) -> Result<Vec<T>, Error> {
    let found = read(call)?;
    if found.len() == asked {
        Ok(found)
    } else {
        Err(Error::new(ErrorKind::Internal))
    }
}

/// Writes to a store and contains its panic, which leaves open whether the write happened.
pub(crate) fn write<T>(call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, Error> {
    contained(call).unwrap_or_else(|| Err(Error::new(ErrorKind::Internal).with_effect(Effect::Unknown)))
}

/// `None`: the store panicked. Unwind safety is its own matter: its contract asks that a call is whole or
/// not at all.
fn contained<T>(call: impl FnOnce() -> Result<T, StoreError>) -> Option<Result<T, Error>> {
    catch_unwind(AssertUnwindSafe(call))
        .ok()
        .map(|result| result.map_err(Error::from))
}
