//! Absent, null and value, told apart.

/// What a request says of an optional field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field is absent: what is stored stays.
    #[default]
    Keep,
    /// The field is null or empty: what is stored goes.
    Clear,
    /// The field has this value.
    Set(T),
}

impl<T: Clone> Patch<T> {
    /// The stored value once the request is carried out.
    pub fn apply_to(&self, stored: Option<&T>) -> Option<T> {
        match self {
            Self::Keep => stored.cloned(),
            Self::Clear => None,
            Self::Set(value) => Some(value.clone()),
        }
    }
}
