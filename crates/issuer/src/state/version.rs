//! Which commit wrote a record last.

use std::fmt;

/// The name of one commit: 128 bits, fresh for every commit and never used again.
///
/// Not a counter: a counter repeats once a user was deleted, and lets the second of two chained commits
/// through when somebody else wrote in between.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version([u8; 16]);

impl Version {
    /// The version of these bytes, which must come from a cryptographically secure source.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({:032x})", u128::from_be_bytes(self.0))
    }
}

/// A record, and the commit that wrote it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The commit that wrote the record.
    pub version: Version,
    /// The record.
    pub value: T,
}
