//! Why a call did not do what it was asked to.

use std::{fmt, sync::Arc};

use issuer::decide::Refusal;
use issuer_store::{Effect, StoreError, StoreErrorKind};

use crate::queue::Rejected;

/// Why a call did not do what it was asked to.
///
/// [`kind`](Error::kind) tells the cases apart, [`is_retryable`](Error::is_retryable) whether the same call may do
/// better in a moment, [`effect`](Error::effect) whether it may have happened all the same. It holds no secret.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    effect: Effect,
    source: Option<Arc<StoreError>>,
}

/// The kinds of [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The rules refuse the request. Nothing was written.
    Refused(Refusal),
    /// Too many requests are waiting. Nothing was written; try again in a moment.
    Overloaded,
    /// The deadline passed; [`Error::effect`] says whether the request was begun by then.
    DeadlineExceeded,
    /// The service is shutting down. Nothing was written.
    ShuttingDown,
    /// Others wrote the same user again and again in between. Nothing was written; try again in a moment.
    Contended,
    /// The store failed; the message says which file or server and how, [`source`](std::error::Error::source) what is below.
    Store(StoreErrorKind),
    /// A defect: the store, the clock or this library panicked, or the store broke its contract.
    Internal,
}

impl Error {
    pub(crate) const fn new(kind: ErrorKind) -> Self {
        Self {
            kind,
            effect: Effect::None,
            source: None,
        }
    }

    /// What went wrong.
    pub const fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Why the rules refused, where they did.
    pub const fn refusal(&self) -> Option<&Refusal> {
        match &self.kind {
            ErrorKind::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether the call may have been carried out all the same: whole, if so. Ask again under the same
    /// idempotency key to learn which.
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether the same call may do better in a moment.
    pub fn is_retryable(&self) -> bool {
        match &self.kind {
            ErrorKind::Overloaded
            | ErrorKind::DeadlineExceeded
            | ErrorKind::ShuttingDown
            | ErrorKind::Contended => true,
            ErrorKind::Store(_) => self.source.as_ref().is_some_and(|error| error.is_retryable()),
            ErrorKind::Refused(_) | ErrorKind::Internal => false,
        }
    }

    /// The same error of a call that may have left this behind.
    pub(crate) const fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self::new(match rejected {
            Rejected::Full => ErrorKind::Overloaded,
            Rejected::Closed => ErrorKind::ShuttingDown,
        })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(ErrorKind::Refused(refusal))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let (kind, effect) = (ErrorKind::Store(error.kind()), error.effect());
        Self {
            kind,
            effect,
            source: Some(Arc::new(error)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::Refused(refusal) => refusal.fmt(f),
            ErrorKind::Overloaded => f.write_str("too many requests are waiting"),
            ErrorKind::DeadlineExceeded => f.write_str("the deadline of the request passed"),
            ErrorKind::ShuttingDown => f.write_str("the service is shutting down"),
            ErrorKind::Contended => f.write_str("the user was changed again and again in between"),
            ErrorKind::Store(_) => match &self.source {
                Some(error) => error.fmt(f),
                None => f.write_str("the store failed"),
            },
            ErrorKind::Internal => f.write_str("internal error"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Its message is said by `Display` already.
        self.source.as_ref().and_then(|error| error.source())
    }
}
