//! The router, and what can be set about it.

use std::fmt;

use axum::{
    Router,
    extract::Request,
    http::Method,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, any_service, delete, get, post},
};
use issuer::FieldError;
use issuer_service::{ApiKey, Error, TokenService};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
};

use crate::{
    ClientKey, CorsOrigin, ResponseStyle,
    auth::require_api_key,
    context::{Context, Shared},
    edge,
    error::{ApiError, MeError},
    headers::{IM_AUTHORIZATION, IM_CLIENT_KEY, X_REQUEST_ID},
    routes::{health, issue, me, revoke},
};

/// The routes of the token service: `POST /admin/clients`, `DELETE /admin/clients/{client_id}/token`,
/// `GET /me`, `GET /healthz`, `GET /readyz`. It merges into any router:
///
/// ```no_run
/// # fn app(tokens: issuer_service::TokenService) -> Result<(), Box<dyn std::error::Error>> {
/// use axum::Router;
///
/// let api = issuer_http::router(tokens).api_key("hbN9vrIZ0bTHXrHGBJyqIbV2ESeHhUbBSANSnUzRoWk=")?;
/// let app: Router = Router::new().merge(api);
/// # Ok(())
/// # }
/// ```
///
/// It answers every path under `/admin/`, and no other that it does not know: those are the host's, or
/// [`into_service_router`](HttpApi::into_service_router)'s.
#[must_use]
pub struct HttpApi {
    tokens: TokenService,
    style: ResponseStyle,
    client_key: Option<ClientKey>,
    cors_origins: Vec<CorsOrigin>,
}

/// The routes over this service, with the defaults of every setting.
pub fn router(tokens: TokenService) -> HttpApi {
    HttpApi {
        tokens,
        style: ResponseStyle::Flat,
        client_key: None,
        cors_origins: Vec::new(),
    }
}

impl HttpApi {
    /// Adds an API key for `IM-API-KEY` to those that the store knows. Only its hash is stored. Blocks for
    /// as long as the store takes.
    ///
    /// # Errors
    /// [`ApiKeyError`] where the key is not 1 to 512 visible ASCII characters, or the store fails.
    pub fn api_key(self, key: &str) -> Result<Self, ApiKeyError> {
        let key = ApiKey::parse(key).map_err(ApiKeyError::Form)?;
        self.tokens
            .blocking()
            .add_api_key("host", key)
            .map_err(ApiKeyError::Store)?;
        Ok(self)
    }

    /// How a success is wrapped. [`ResponseStyle::Flat`] by default.
    pub fn response_style(self, style: ResponseStyle) -> Self {
        Self { style, ..self }
    }

    /// The key that `GET /me` asks for in `IM-CLIENT-KEY`. None by default.
    pub fn client_key(self, key: ClientKey) -> Self {
        Self {
            client_key: Some(key),
            ..self
        }
    }

    /// An origin whose pages may ask `GET /me` from a browser. None by default.
    pub fn cors_origin(mut self, origin: CorsOrigin) -> Self {
        self.cors_origins.push(origin);
        self
    }

    /// The router as a server of its own: every path that it does not know is 404 in the shape of the API.
    pub fn into_service_router(self) -> Router {
        let unknown = Router::new().fallback(not_found);
        layered(unknown, edge::panicked).merge(Router::from(self))
    }

    fn admin(&self, context: &Context) -> Router {
        let clients = post(issue::issue).fallback(method_not_allowed);
        let token = delete(revoke::revoke).fallback(method_not_allowed);
        let routes = Router::new();
        let routes = with_slash(routes, "/admin/clients", clients);
        let routes = with_slash(routes, "/admin/clients/{client_id}/token", token);
        let routes = routes
            .layer(from_fn(refuse_empty_segments))
            .layer(from_fn(edge::name_route))
            .with_state(context.clone())
            .fallback(not_found);
        // A caller without a key learns nothing, not even which paths there are: the routes, with the `Allow` that
        // they add, are behind the gate as a whole.
        let gate = from_fn_with_state(self.tokens.clone(), require_api_key);
        let gated = Router::new().fallback_service(routes).layer(gate);
        let admin = Router::new()
            .route("/admin/", any_service(gated.clone()))
            .route("/admin/{*any}", any_service(gated));
        layered(admin, edge::panicked)
    }

    fn me(&self, context: &Context) -> Router {
        let me = get(me::me).fallback(me_method_not_allowed);
        let mut routes = with_slash(Router::new(), "/me", me)
            .layer(CatchPanicLayer::custom(edge::panicked_on_me))
            .with_state(context.clone());
        if !self.cors_origins.is_empty() {
            let origins = self.cors_origins.iter().cloned().map(CorsOrigin::into_header);
            routes = routes.layer(
                CorsLayer::new()
                    .allow_origin(AllowOrigin::list(origins))
                    .allow_methods([Method::GET, Method::HEAD])
                    .allow_headers([IM_AUTHORIZATION, IM_CLIENT_KEY])
                    .expose_headers([X_REQUEST_ID]),
            );
        }
        routes.layer(from_fn(edge::identify_and_log))
    }
}

impl fmt::Debug for HttpApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpApi")
            .field("style", &self.style)
            .field("cors_origins", &self.cors_origins)
            .finish_non_exhaustive()
    }
}

/// Merges into a router of any state.
impl<S: Clone + Send + Sync + 'static> From<HttpApi> for Router<S> {
    fn from(http: HttpApi) -> Self {
        let context = Context::new(Shared {
            tokens: http.tokens.clone(),
            style: http.style,
            client_key: http.client_key,
        });
        let health = with_slash(
            Router::new(),
            "/healthz",
            get(health::healthz).fallback(method_not_allowed),
        );
        let health = with_slash(
            health,
            "/readyz",
            get(health::readyz).fallback(method_not_allowed),
        );
        let health = layered(health.with_state(context.clone()), edge::panicked);
        Router::new()
            .merge(http.admin(&context))
            .merge(http.me(&context))
            .merge(health)
            .with_state(())
    }
}

/// One trailing slash is accepted.
fn with_slash(routes: Router<Context>, path: &str, method: MethodRouter<Context>) -> Router<Context> {
    routes
        .route(path, method.clone())
        .route(&format!("{path}/"), method)
}

/// A parameter of a route matches an empty segment, too: `//` is a path that nobody knows.
async fn refuse_empty_segments(request: Request, next: Next) -> Response {
    if request.uri().path().contains("//") {
        return ApiError::not_found().into_response();
    }
    next.run(request).await
}

fn layered(routes: Router, panicked: fn(Box<dyn std::any::Any + Send>) -> Response) -> Router {
    routes
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(edge::identify_and_log))
}

async fn not_found() -> ApiError {
    ApiError::not_found()
}

async fn method_not_allowed() -> ApiError {
    ApiError::method_not_allowed()
}

async fn me_method_not_allowed() -> MeError {
    MeError(ApiError::method_not_allowed())
}

/// Why an API key is not taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// It is not 1 to 512 visible ASCII characters, so that no header could carry it.
    Form(FieldError),
    /// The store failed.
    Store(Error),
}

impl fmt::Display for ApiKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ApiKeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Form(error) => Some(error),
            Self::Store(error) => Some(error),
        }
    }
}
