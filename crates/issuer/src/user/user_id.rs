//! The name of a user: the `_id` of the record, the `sub` of the token.

use std::{fmt, sync::Arc};

use crate::FieldError;

/// The host's own id of a user: 1 to 255 bytes of UTF-8, compared byte for byte, never normalised.
///
/// No control characters (C0, DEL, C1), no leading or trailing Unicode white space, neither `.` nor `..`
/// (both would be lost in a URL's path).
///
/// ```
/// use issuer::user::UserId;
///
/// assert_eq!(UserId::parse("user001")?.as_str(), "user001");
/// assert_eq!(UserId::parse("").unwrap_err().to_string(), "_id: must not be empty");
/// # Ok::<(), issuer::FieldError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Bytes of the longest id.
    pub const MAX_BYTES: usize = 255;

    /// # Errors
    /// [`FieldError`] for `_id`, naming the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        match broken_rule(text) {
            Some(rule) => Err(FieldError::new("_id", rule)),
            None => Ok(Self(text.into())),
        }
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn broken_rule(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("must not be empty")
    } else if text.len() > UserId::MAX_BYTES {
        Some("must be at most 255 bytes")
    } else if text.chars().any(char::is_control) {
        Some("must not contain control characters")
    } else if text.trim().len() != text.len() {
        Some("must not begin or end with white space")
    } else if text == "." || text == ".." {
        Some("must not be '.' or '..'")
    } else {
        None
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Ids sort and compare as their text does, so that a map of ids can be asked with a `&str`.
impl std::borrow::Borrow<str> for UserId {
    fn borrow(&self) -> &str {
        &self.0
    }
}
