//! `GET /me`: whose token this is.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, request::Parts},
    response::Response,
};
use issuer::user::{AvatarUrl, Nickname};
use serde::Serialize;

use crate::{
    AuthenticatedUser, ClientKey,
    context::Context,
    error::{ApiError, MeError},
    headers::{IM_CLIENT_KEY, only},
    response::enveloped,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(rename = "_id")]
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nickname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<&'a str>,
}

pub(crate) async fn me(State(context): State<Context>, parts: Parts) -> Result<Response, MeError> {
    if let Some(expected) = context.client_key() {
        check_client_key(&parts.headers, expected)?;
    }
    let user = AuthenticatedUser::of(context.tokens(), &parts).await?;
    Ok(enveloped(&Answer {
        id: user.id.as_str(),
        nickname: user.nickname.as_ref().map(Nickname::as_str),
        avatar_url: user.avatar_url.as_ref().map(AvatarUrl::as_str),
    }))
}

fn check_client_key(headers: &HeaderMap, expected: &ClientKey) -> Result<(), ApiError> {
    if only(headers, &IM_CLIENT_KEY).is_some_and(|presented| expected.is(presented)) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "INVALID_CLIENT_KEY",
        "Invalid client key",
    ))
}
