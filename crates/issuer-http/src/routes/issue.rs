//! `POST /admin/clients`: create a user and issue a token.

use axum::{Extension, body::Body, extract::State, http::HeaderMap, response::Response};
use issuer::{
    FieldError,
    decide::{IdempotencyKey, Issue, Policy},
    state::ApiKeyScope,
    user::NewUser,
};
use issuer_service::ApiCaller;

use crate::{
    answer::IssueAnswer,
    auth::require_scope,
    body::needed_object,
    context::Context,
    error::ApiError,
    fields,
    headers::{IDEMPOTENCY_KEY, only},
    object::Object,
};

const KNOWN: &[&str] = &[
    "_id",
    "nickname",
    "avatarUrl",
    "issueAccessToken",
    "token",
    "expirationDate",
];

pub(crate) async fn issue(
    State(context): State<Context>,
    Extension(caller): Extension<ApiCaller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    require_scope(&caller, &[ApiKeyScope::Issue, ApiKeyScope::Full])?;
    let object = needed_object(context.bodies(), &headers, body, KNOWN).await?;
    let (user, issues_token) = read(&object, context.tokens().rules().policy())?;
    // It may hold 64 KiB of members that nobody knows, and the store takes its time.
    drop(object);
    let key = idempotency_key(&headers, &caller)?;
    if issues_token {
        let issued = context
            .tokens()
            .issue(Issue {
                user,
                idempotency_key: key,
            })
            .await?;
        Ok(context.style().ok(&IssueAnswer::from(&issued)))
    } else {
        let user = context.tokens().write_profile(user).await?;
        Ok(context.style().ok(&IssueAnswer::from(&user)))
    }
}

/// The user of the request, and whether a token is asked for.
fn read(object: &Object, policy: Policy) -> Result<(NewUser, bool), ApiError> {
    // Clients of the create-or-update pages may leave it out, and write the profile alone.
    let may_leave_out = policy == Policy::Upsert;
    if object.value("_id").is_none() {
        return Err(ApiError::missing("_id"));
    }
    if object.value("issueAccessToken").is_none() && !may_leave_out {
        return Err(ApiError::missing("issueAccessToken"));
    }
    let id = fields::user_id(object)?;
    let nickname = fields::nickname(object)?;
    let avatar_url = fields::avatar_url(object)?;
    let issues_token = fields::issue_access_token(object)?;
    if issues_token == Some(false) {
        return Err(FieldError::new(
            "issueAccessToken",
            "must be true: this version does not assign tokens",
        )
        .into());
    }
    for field in ["token", "expirationDate"] {
        if object.value(field).is_some() {
            return Err(FieldError::new(field, "must not be set: the server makes it").into());
        }
    }
    Ok((
        NewUser::from_parts(id, nickname, avatar_url),
        issues_token.is_some(),
    ))
}

fn idempotency_key(headers: &HeaderMap, caller: &ApiCaller) -> Result<Option<IdempotencyKey>, ApiError> {
    if !headers.contains_key(IDEMPOTENCY_KEY) {
        return Ok(None);
    }
    // Two of them are no key, as is one that cannot be read.
    let text = only(headers, &IDEMPOTENCY_KEY).unwrap_or_default();
    Ok(Some(IdempotencyKey::new(caller.id(), text)?))
}
