//! A promise that a store broke.

use std::fmt;

use issuer::user::UserId;

/// What a store promises, whatever happens to its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Promise {
    /// What was acknowledged, or shown by a read, is there.
    NothingIsLost,
    /// What was revoked stays dead.
    NothingIsRevived,
    /// No user has more live tokens than the rules allow, and none that nobody wrote.
    NothingIsDoubled,
    /// Of a commit all rows are there, or none.
    NothingIsTorn,
    /// Every value comes back as it went in, so that a retry gets the same bytes.
    NothingIsAltered,
    /// The store answers at all.
    ItCanBeRead,
    /// The lines are those of a load. Not the store's to keep.
    TheLinesMakeSense,
}

/// A promise that was broken, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    user: Option<UserId>,
    promise: Promise,
    what: String,
}

impl Breach {
    pub(super) fn new(user: Option<&UserId>, promise: Promise, what: impl Into<String>) -> Self {
        Self {
            user: user.cloned(),
            promise,
            what: what.into(),
        }
    }

    /// Which promise it is.
    pub const fn promise(&self) -> Promise {
        self.promise
    }

    /// Whose rows are concerned, where they are one user's.
    pub const fn user(&self) -> Option<&UserId> {
        self.user.as_ref()
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{}: ", user.as_str())?;
        }
        write!(f, "{}: {}", self.promise, self.what)
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingIsLost => "something acknowledged is lost",
            Self::NothingIsRevived => "something revoked lives",
            Self::NothingIsDoubled => "there is more than was written",
            Self::NothingIsTorn => "a commit is torn",
            Self::NothingIsAltered => "something is not what it was",
            Self::ItCanBeRead => "the store cannot be read",
            Self::TheLinesMakeSense => "the lines of the load make no sense",
        })
    }
}

impl std::error::Error for Breach {}
