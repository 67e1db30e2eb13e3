//! The check of an API key before a host's own routes.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use axum::{
    http::{Request, Response},
    response::{IntoResponse as _, Response as AxumResponse},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use issuer::state::ApiKeyScope;
use issuer_service::TokenService;
use tower::{Layer, Service};

use crate::{auth::require_scope, door::admit, failed_keys::FailedKeys, response::keep_out_of_caches};

/// A layer that puts a host's own routes behind the API keys of the token service.
///
/// A request without a good `IM-API-KEY` is answered as the routes under `/admin/` answer it: 401 `UNAUTHORIZED`, or 403
/// `INSUFFICIENT_PERMISSIONS` where the key's scope does not suffice, both before anything else of the request is looked at; 429
/// where keys fail more than 50 times at once, or 10 times a second, from one [`PeerAddress`](crate::PeerAddress).
/// A request with one reaches the route with an [`ApiCaller`](issuer_service::ApiCaller) in its extensions. Answers get
/// `Cache-Control: no-store` where the route sets no `Cache-Control` itself.
///
/// `Router::route_layer` covers the routes that were added before it, and no path that the router does not know:
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use issuer::state::ApiKeyScope;
/// use issuer_http::RequireApiKey;
/// use issuer_service::{ApiCaller, TokenService};
///
/// async fn report(Extension(caller): Extension<ApiCaller>) -> String {
///     format!("a report for {}", caller.name())
/// }
///
/// fn routes(tokens: &TokenService) -> Router {
///     Router::new()
///         .route("/admin/report", get(report))
///         .route_layer(RequireApiKey::new(tokens.clone(), ApiKeyScope::Read))
///         .merge(issuer_http::router(tokens.clone()))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RequireApiKey {
    tokens: TokenService,
    scopes: &'static [ApiKeyScope],
    failed: FailedKeys,
}

impl RequireApiKey {
    /// Asks for a key of this scope or of a wider one: `Full` includes `Issue`, which includes `Read`.
    #[must_use]
    pub fn new(tokens: TokenService, scope: ApiKeyScope) -> Self {
        let scopes: &[ApiKeyScope] = match scope {
            ApiKeyScope::Read => &[ApiKeyScope::Read, ApiKeyScope::Issue, ApiKeyScope::Full],
            ApiKeyScope::Issue => &[ApiKeyScope::Issue, ApiKeyScope::Full],
            ApiKeyScope::Full => &[ApiKeyScope::Full],
        };
        Self {
            tokens,
            scopes,
            failed: FailedKeys::default(),
        }
    }
}

impl<S> Layer<S> for RequireApiKey {
    type Service = RequireApiKeyService<S>;

    fn layer(&self, inner: S) -> RequireApiKeyService<S> {
        RequireApiKeyService {
            rule: self.clone(),
            inner,
        }
    }
}

/// The service of [`RequireApiKey`].
#[derive(Clone, Debug)]
pub struct RequireApiKeyService<S> {
    rule: RequireApiKey,
    inner: S,
}

impl<S, Body> Service<Request<Body>> for RequireApiKeyService<S>
where
    S: Service<Request<Body>, Response = AxumResponse, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = AxumResponse;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<AxumResponse, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let checked = admit(&self.rule.tokens, &self.rule.failed, &request).and_then(|caller| {
            require_scope(&caller, self.rule.scopes)?;
            Ok(caller)
        });
        match checked {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                let answer = self.inner.call(request);
                answer.map(|answer| answer.map(kept_out_of_caches)).boxed()
            }
            Err(error) => std::future::ready(Ok(error.into_response())).boxed(),
        }
    }
}

fn kept_out_of_caches<Body>(mut answer: Response<Body>) -> Response<Body> {
    keep_out_of_caches(answer.headers_mut());
    answer
}
