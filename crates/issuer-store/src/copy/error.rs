//! Why a copy did not come to its end.

use std::{error::Error, fmt};

use crate::StoreError;

/// A copy that was refused, or that failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum CopyError {
    /// The destination holds rows that the source does not. Nothing was written.
    Occupied {
        /// How many.
        rows: u64,
    },
    /// Somebody else wrote to one of the stores, so that they are not the same.
    Changed,
    /// The source could not be read.
    Source(StoreError),
    /// The destination could not be read or written.
    Destination(StoreError),
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Occupied { rows: 1 } => f.write_str("the destination holds a row that the source does not"),
            Self::Occupied { rows } => {
                write!(f, "the destination holds {rows} rows that the source does not")
            }
            Self::Changed => f.write_str("one of the stores was written to while it was copied"),
            Self::Source(error) | Self::Destination(error) => error.fmt(f),
        }
    }
}

impl Error for CopyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Source(error) | Self::Destination(error) => error.source(),
            Self::Occupied { .. } | Self::Changed => None,
        }
    }
}
