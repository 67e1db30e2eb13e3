//! Who calls: an API key for the administrative routes, a token for those of users.

use std::ops::Deref;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, request::Parts},
    response::{IntoResponse, Response},
};
use issuer::state::{ApiKeyScope, UserRecord};
use issuer_service::{ApiCaller, TokenService};

use crate::{
    error::{ApiError, MeError},
    headers,
    no_store::note_personal,
};

/// Whose the one `IM-API-KEY` of a request is.
pub(crate) fn caller(tokens: &TokenService, headers: &HeaderMap) -> Result<ApiCaller, ApiError> {
    let key = headers::only(headers, &headers::IM_API_KEY).ok_or_else(ApiError::unauthorized)?;
    tokens.authorize(key)?.ok_or_else(ApiError::unauthorized)
}

/// Whether the caller's key may do what only these scopes may.
pub(crate) fn require_scope(caller: &ApiCaller, scopes: &[ApiKeyScope]) -> Result<(), ApiError> {
    if scopes.contains(&caller.scope()) {
        Ok(())
    } else {
        Err(ApiError::insufficient_permissions())
    }
}

/// The user whose live token came in `IM-Authorization`: an extractor for a host's own routes.
///
/// The router's state must be, or hold, the [`TokenService`] (`FromRef`). A request without a live token is
/// answered as `GET /me` answers it: 401, so that clients know to refresh.
///
/// The layer [`NoStore`](crate::NoStore) must be around the route: it keeps the answer, which is for one user, out of shared
/// caches. Without it every request is answered 500, and the log says so.
///
/// [`HttpApi::client_key`](crate::HttpApi::client_key) and [`cors_origin`](crate::HttpApi::cors_origin) are about `GET /me`
/// alone: a host that wants them for its own routes checks them there.
///
/// ```
/// use axum::{Router, routing::get};
/// use issuer_http::{AuthenticatedUser, NoStore};
/// use issuer_service::TokenService;
///
/// async fn rooms(user: AuthenticatedUser) -> String {
///     format!("the rooms of {}", user.id)
/// }
///
/// let routes: Router<TokenService> = Router::new().route("/rooms", get(rooms)).layer(NoStore);
/// ```
#[derive(Clone, Debug)]
pub struct AuthenticatedUser(UserRecord);

impl AuthenticatedUser {
    /// The user's record.
    pub fn into_record(self) -> UserRecord {
        self.0
    }

    pub(crate) async fn of(tokens: &TokenService, parts: &Parts) -> Result<Self, MeError> {
        if !parts.headers.contains_key(headers::IM_AUTHORIZATION) {
            return Err(ApiError::no_token().into());
        }
        let token = headers::token(&parts.headers).ok_or_else(ApiError::invalid_token)?;
        Ok(Self(tokens.authenticate(token).await?))
    }
}

impl Deref for AuthenticatedUser {
    type Target = UserRecord;

    fn deref(&self) -> &UserRecord {
        &self.0
    }
}

impl<S> FromRequestParts<S> for AuthenticatedUser
where
    S: Send + Sync,
    TokenService: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        if !note_personal(&parts.extensions) {
            tracing::error!(
                "a route uses AuthenticatedUser without the layer issuer_http::NoStore, so that a shared cache could give one \
                 user's answer to another: add .layer(NoStore) to its router"
            );
            return Err(MeError::from(ApiError::internal()).into_response());
        }
        Self::of(&TokenService::from_ref(state), parts)
            .await
            .map_err(IntoResponse::into_response)
    }
}
