//! What a success says, member by member: over HTTP and wherever else the same answers are given.

use std::fmt;

use issuer::{
    decide::Revoked,
    state::{TokenMode, UserRecord},
    user::{AvatarUrl, Nickname},
};
use issuer_service::Issued;
use serde::Serialize;

/// The answer to an issue request. Its JSON holds the token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssueAnswer<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nickname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issue_access_token: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_date: Option<String>,
}

impl<'a> From<&'a Issued> for IssueAnswer<'a> {
    fn from(issued: &'a Issued) -> Self {
        Self {
            issue_access_token: Some(true),
            token: Some(issued.token()),
            expiration_date: Some(issued.expires_at().to_string()),
            ..Self::from(issued.user())
        }
    }
}

/// Without a token: the profile alone was written.
impl<'a> From<&'a UserRecord> for IssueAnswer<'a> {
    fn from(user: &'a UserRecord) -> Self {
        Self {
            id: user.id.as_str(),
            nickname: user.nickname.as_ref().map(Nickname::as_str),
            avatar_url: user.avatar_url.as_ref().map(AvatarUrl::as_str),
            issue_access_token: match user.token_mode {
                TokenMode::Unset => None,
                TokenMode::Issued => Some(true),
                TokenMode::Assigned => Some(false),
            },
            token: None,
            expiration_date: None,
        }
    }
}

/// Without the token.
impl fmt::Debug for IssueAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssueAnswer")
            .field("id", &self.id)
            .field("expiration_date", &self.expiration_date)
            .finish_non_exhaustive()
    }
}

/// The answer to a request to revoke.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokeAnswer {
    success: bool,
    message: &'static str,
    revoked_tokens: usize,
}

impl RevokeAnswer {
    /// Of one token.
    pub const fn one(revoked: Revoked) -> Self {
        Self {
            success: true,
            message: "Token revoked successfully",
            revoked_tokens: revoked.tokens,
        }
    }

    /// Of all tokens.
    pub const fn all(revoked: Revoked) -> Self {
        Self {
            success: true,
            message: "All tokens revoked successfully",
            revoked_tokens: revoked.tokens,
        }
    }
}
