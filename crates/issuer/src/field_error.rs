//! What is wrong with a field of a request.

use std::fmt;

/// A field that breaks its rule. Displays as `FIELD: WHY`, and never repeats the value: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldError {
    field: &'static str,
    rule: &'static str,
}

impl FieldError {
    /// The field, and the rule that it breaks, as a phrase that follows its name: `must not be empty`.
    pub const fn new(field: &'static str, rule: &'static str) -> Self {
        Self { field, rule }
    }

    /// The field's name as in the JSON body.
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// The rule, as a phrase.
    pub const fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.rule)
    }
}

impl std::error::Error for FieldError {}
