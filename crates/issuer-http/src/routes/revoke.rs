//! `DELETE /admin/clients/{client_id}/token`: revoke one token or all.

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use issuer::{FieldError, state::ApiKeyScope};
use issuer_service::ApiCaller;

use crate::{
    answer::RevokeAnswer,
    auth::require_scope,
    body::optional_object,
    client_id::client_id,
    context::Context,
    error::ApiError,
    object::{Member, Object},
};

pub(crate) async fn revoke(
    State(context): State<Context>,
    Extension(caller): Extension<ApiCaller>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    require_scope(&caller, &[ApiKeyScope::Full])?;
    let user = client_id(&uri)?;
    refuse_query(&uri)?;
    let object = optional_object(context.bodies(), &headers, body, &["token"]).await?;
    let answer = match token(&object)? {
        Some(token) => RevokeAnswer::one(context.tokens().revoke(&user, token).await?),
        None => RevokeAnswer::all(context.tokens().revoke_all(&user).await?),
    };
    Ok(context.style().ok(&answer))
}

/// Some clients send what was meant for the body of a DELETE as a query, or drop it and leave the `?`. Without a body the
/// request would revoke all tokens.
fn refuse_query(uri: &Uri) -> Result<(), ApiError> {
    match uri.query() {
        None => Ok(()),
        Some(_) => Err(ApiError::invalid(
            r#"A query is not allowed here: to revoke one token, send {"token": "..."} in the body"#,
        )),
    }
}

/// The token of the request; `None` asks for all. Whatever else the body says is a mistake that must not widen
/// what is revoked.
fn token(object: &Object) -> Result<Option<&str>, ApiError> {
    if object.has_others {
        return Err(ApiError::invalid("Request body must hold nothing but token"));
    }
    match object.get("token") {
        None => Ok(None),
        Some(Member::Text(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(FieldError::new("token", "must be a string that is not empty").into()),
    }
}
