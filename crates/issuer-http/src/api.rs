//! The router, and what can be set about it.

use std::fmt;

use axum::{Router, http::HeaderName};
use issuer::FieldError;
use issuer_service::{ApiKey, Error, TokenService};

use crate::{
    ClientKey, CorsOrigin, ResponseStyle,
    access_log::AccessLog,
    arriving_bodies::ArrivingBodies,
    context::{Context, Shared},
    http1::MissingHost,
    routes::{self, Choice},
};

/// The routes of the token service: `POST /admin/clients`, `DELETE /admin/clients/{client_id}/token`,
/// `GET /me`, `GET /healthz`, `GET /readyz`. They merge into any router:
///
/// ```no_run
/// # async fn app(tokens: issuer_service::TokenService) -> Result<(), Box<dyn std::error::Error>> {
/// use axum::Router;
///
/// let key = std::env::var("API_KEY")?;
/// let api = issuer_http::router(tokens).api_key_async(&key).await?;
/// let app: Router = Router::new().merge(api);
/// # Ok(())
/// # }
/// ```
///
/// A path that it answers it answers for every method. It also answers unknown paths under `/admin/`, so that a caller without
/// an API key does not learn which exist; every other unknown path is the host's, or
/// [`into_service_router`](HttpApi::into_service_router)'s.
///
/// # Routes of the host
/// A route of the host under `/admin/`, such as `/admin/report`, is the host's own: **it asks for no API key** unless the layer
/// [`RequireApiKey`](crate::RequireApiKey) is around it. [`Router::merge`] panics where a route of the host
///
/// - has the very path of one here, which the panic names: leave this one out ([`without_me`](HttpApi::without_me),
///   [`without_health`](HttpApi::without_health)), or put these routes under a prefix;
/// - has a parameter or a wildcard directly below `/admin/`, such as `/admin/{page}`: leave out the answer to unknown paths
///   ([`without_admin_fallback`](HttpApi::without_admin_fallback)), or put these routes under a prefix.
///
/// ```
/// # fn app(tokens: issuer_service::TokenService) -> axum::Router {
/// use axum::{Router, routing::get};
///
/// let api = issuer_http::router(tokens).without_health();
/// Router::new().route("/healthz", get(async || "the host is well")).merge(api)
/// # }
/// ```
#[must_use]
pub struct HttpApi {
    tokens: TokenService,
    style: ResponseStyle,
    client_key: Option<ClientKey>,
    choice: Choice,
}

/// The headers that the SDKs of the product send along.
const SDK_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("im-client-id"),
    HeaderName::from_static("x-timezone"),
];

/// The routes over this service, with the defaults of every setting.
pub fn router(tokens: TokenService) -> HttpApi {
    HttpApi {
        tokens,
        style: ResponseStyle::Flat,
        client_key: None,
        choice: Choice {
            me: true,
            health: true,
            admin_fallback: true,
            missing_host: MissingHost::Allowed,
            log: AccessLog::default(),
            cors_origins: Vec::new(),
            cors_headers: SDK_HEADERS.to_vec(),
        },
    }
}

impl HttpApi {
    /// Adds an API key for `IM-API-KEY` to those that the store knows. Only its hash is stored.
    ///
    /// # Errors
    /// [`ApiKeyError`] where the key breaks a rule of [`ApiKey::parse`], or the store fails.
    pub async fn api_key_async(self, key: &str) -> Result<Self, ApiKeyError> {
        let key = ApiKey::parse(key).map_err(ApiKeyError::Form)?;
        let added = self.tokens.add_api_key("host", key).await;
        added.map_err(ApiKeyError::Store)?;
        Ok(self)
    }

    /// The same without `async`: the calling thread waits for as long as the store takes.
    ///
    /// # Errors
    /// As [`api_key_async`](HttpApi::api_key_async).
    pub fn api_key(self, key: &str) -> Result<Self, ApiKeyError> {
        let key = ApiKey::parse(key).map_err(ApiKeyError::Form)?;
        let added = self.tokens.blocking().add_api_key("host", key);
        added.map_err(ApiKeyError::Store)?;
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
        self.choice.cors_origins.push(origin);
        self
    }

    /// The headers that pages of these origins may send besides `IM-Authorization` and `IM-CLIENT-KEY`. By default those that
    /// the product's own SDKs send: `IM-CLIENT-ID` and `X-Timezone`.
    pub fn cors_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.choice.cors_headers = headers.into_iter().collect();
        self
    }

    /// Leaves out `/me`, for a host that has a route of that path.
    pub fn without_me(mut self) -> Self {
        self.choice.me = false;
        self
    }

    /// Leaves out `/healthz` and `/readyz`, for a host that has routes of these paths.
    pub fn without_health(mut self) -> Self {
        self.choice.health = false;
        self
    }

    /// Leaves unknown paths under `/admin/` to the host, for one that has routes with parameters there.
    ///
    /// A caller without an API key can then tell the paths that exist (401) from those that do not.
    pub fn without_admin_fallback(mut self) -> Self {
        self.choice.admin_fallback = false;
        self
    }

    /// Answers an HTTP/1.1 request without `Host` with 400, as RFC 9112 section 3.2 has it.
    ///
    /// Off by default, because requests that are made in the process, such as those of a host's tests, have none. The other
    /// rules of HTTP/1.1 always hold on these routes: `Host` twice or malformed is 400, a `Transfer-Encoding` other than one
    /// `chunked` is 501, and the connection ends after the answer to a chunked request. The host's own routes are the host's.
    pub fn require_host(mut self) -> Self {
        self.choice.missing_host = MissingHost::Refused;
        self
    }

    /// The router as a server of its own: every path that it does not know is 404 in the shape of the API.
    pub fn into_service_router(self) -> Router {
        let unknown = routes::unknown(&self.choice);
        Router::from(self).fallback_service(unknown)
    }
}

impl fmt::Debug for HttpApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpApi")
            .field("style", &self.style)
            .field("choice", &self.choice)
            .finish_non_exhaustive()
    }
}

/// Merges into a router of any state.
impl<S: Clone + Send + Sync + 'static> From<HttpApi> for Router<S> {
    fn from(http: HttpApi) -> Self {
        let context = Context::new(Shared {
            tokens: http.tokens,
            style: http.style,
            client_key: http.client_key,
            bodies: ArrivingBodies::default(),
        });
        routes::all(&context, http.choice).with_state(())
    }
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
            // `Display` has said their message.
            Self::Form(error) => error.source(),
            Self::Store(error) => error.source(),
        }
    }
}
