//! A token that was signed here.

use std::fmt;

/// A signed token: whoever holds its text is who it says.
///
/// It has no `Display`, and its `Debug` shows nothing of it, so that it enters no log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub(super) const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one it was issued to.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, for the one it was issued to.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
