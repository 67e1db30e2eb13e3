//! What is stored of a user.

use crate::{
    Timestamp,
    user::{AvatarUrl, Nickname, UserId},
};

/// A user's profile, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// The host's id of the user.
    pub id: UserId,
    /// What the user is called.
    pub nickname: Option<Nickname>,
    /// Where the user's picture is.
    pub avatar_url: Option<AvatarUrl>,
    /// Who makes the user's tokens, as last recorded.
    pub token_mode: TokenMode,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When the profile or the tokens last changed.
    pub updated_at: Timestamp,
}

/// Who makes a user's tokens: `issueAccessToken` of the last request that said so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenMode {
    /// No request has said yet.
    #[default]
    Unset,
    /// This server issues them (`true`).
    Issued,
    /// The host brings its own (`false`).
    Assigned,
}
