//! What goes wrong in a store.

use std::{error::Error, fmt};

/// A store that could not do what it was asked to.
///
/// Displays as one sentence that names the file or the server and, where there is something to do, what.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    effect: Effect,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Somebody else holds the store at the moment; trying again may help.
    Busy,
    /// There is no space left.
    Full,
    /// The store may be read but not written, or not even read.
    Permission,
    /// The file is no store of this kind, or of another application.
    Foreign,
    /// A newer version of this library wrote the store.
    Newer,
    /// The store is damaged.
    Damaged,
    /// The files of the store do not belong together, or are not those that were opened: one was moved, deleted, or put in
    /// place of another one.
    Replaced,
    /// The machine failed to read or write.
    Io,
    /// The store gave up after a failure, and refuses until it could open its files again, which it tries by itself;
    /// trying again may help.
    Closed,
    /// The call itself cannot be answered, such as the cursor of another store, or the store cannot be had
    /// here at all, such as a file on a disk that locks nothing.
    Invalid,
}

/// What a failed write left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Each commit whole, or nothing of it; a read tells which.
    Unknown,
}

impl StoreError {
    /// An error without an effect: nothing was written.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            effect: Effect::None,
            message: message.into(),
            source: None,
        }
    }

    /// The same error, of a write that may have happened.
    #[must_use]
    pub fn maybe_applied(self) -> Self {
        Self {
            effect: Effect::Unknown,
            ..self
        }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// What is wrong.
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// What the call left behind.
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether the same call may do better in a moment.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Busy | StoreErrorKind::Closed)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| &**source as &(dyn Error + 'static))
    }
}
