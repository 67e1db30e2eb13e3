//! What a rule says.

use super::Refusal;
use crate::{
    TokenId,
    state::{Commit, Version},
};

/// The outcome of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<T> {
    /// Write this, and answer that once it is durable.
    Commit(Commit, T),
    /// Answer that; there is nothing to write.
    Answer(T),
    /// Write nothing.
    Refuse(Refusal),
}

/// Ids that were never used before: whatever a rule may need of chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// For the token, where one is issued.
    pub token_id: TokenId,
    /// For the commit, where one is made.
    pub version: Version,
}
