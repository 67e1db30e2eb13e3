//! What a user is called.

use std::fmt;

use super::Patch;
use crate::FieldError;

/// A display name: 1 to 256 Unicode scalar values, none of them a control character. Kept as given.
///
/// In a request an empty name clears the field: [`Nickname::patch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nickname(Box<str>);

impl Nickname {
    /// Scalar values of the longest name.
    pub const MAX_CHARS: usize = 256;

    /// # Errors
    /// [`FieldError`] for `nickname`: empty, too long, or with a control character in it.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let rule = if text.is_empty() {
            "must not be empty"
        } else if text.chars().take(Self::MAX_CHARS + 1).count() > Self::MAX_CHARS {
            "must be at most 256 characters"
        } else if text.chars().any(char::is_control) {
            "must not contain control characters"
        } else {
            return Ok(Self(text.into()));
        };
        Err(FieldError::new("nickname", rule))
    }

    /// What a request says of the field: `""` clears it.
    ///
    /// # Errors
    /// As [`Nickname::parse`].
    pub fn patch(text: &str) -> Result<Patch<Self>, FieldError> {
        if text.is_empty() {
            Ok(Patch::Clear)
        } else {
            Self::parse(text).map(Patch::Set)
        }
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nickname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
