//! The token service over HTTP: an axum router that any host merges, and an extractor for the host's own routes.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use issuer::jose::{KeySet, SigningKey};
//! use issuer_http::{AuthenticatedUser, NoStore};
//! use issuer_service::TokenService;
//! use issuer_store::MemoryStore;
//!
//! async fn rooms(user: AuthenticatedUser) -> String {
//!     format!("the rooms of {}", user.id)
//! }
//!
//! # async fn app() -> Result<Router, Box<dyn std::error::Error>> {
//! let keys = KeySet::new(SigningKey::hs256(std::env::var("TOKEN_SECRET")?)?);
//! let tokens = TokenService::builder(MemoryStore::new(), keys).build_async().await?;
//! let api = issuer_http::router(tokens.clone()).api_key_async(&std::env::var("API_KEY")?).await?;
//! let rooms = Router::new().route("/rooms", get(rooms)).layer(NoStore).with_state(tokens);
//! let app: Router = rooms.merge(api);
//! # Ok(app)
//! # }
//! ```
//!
//! The backend of the host calls `POST /admin/clients` and `DELETE /admin/clients/{client_id}/token` with an
//! `IM-API-KEY`; clients send their token in `IM-Authorization` to `GET /me` and to the host's own routes. Every
//! error is JSON, on every path and status; `docs/compatibility.md` of the repository has each call and ruling.
//!
//! # What it does not do
//! It does not listen: `axum::serve` or hyper do, and whoever runs them sets the limits of the request head and of idle
//! connections. `axum::serve` has no such limits, and does not answer a client that closes its side after its request;
//! `issuer-server` does. It speaks no TLS. It sets no rate limits, except on failed API keys: 10 a second and 50 at once of each
//! [`PeerAddress`], then 429.
//!
//! Of the rules of HTTP/1.1 that hyper leaves to the server, these routes keep those that [`HttpApi::require_host`] lists;
//! the host's own routes are the host's.
//!
//! # Caches
//! Every answer has `Cache-Control: no-store`. For the host's own routes there is [`NoStore`], which [`AuthenticatedUser`]
//! asks for.
//!
//! # Logs
//! One event a request (`tracing`, target `issuer_http::access`), with the route's template and never the path; no
//! token, API key or idempotency key is in any event. A request whose caller went away before its answer has status 499:
//! it may have been carried out. The name of the API key that acted is in the event, and in that of a refusal the
//! [`PeerAddress`]. Refusals of callers without an API key are counted together past the first ten a second (`count`).

mod access_log;
mod answer;
mod api;
mod arriving_bodies;
mod auth;
mod body;
mod client_id;
mod client_key;
mod context;
mod cors_origin;
mod door;
mod edge;
mod error;
mod failed_keys;
mod fields;
mod headers;
mod http1;
mod no_store;
mod object;
mod require_api_key;
mod response;
mod routes;

pub use access_log::PeerAddress;
pub use answer::{IssueAnswer, RevokeAnswer};
pub use api::{ApiKeyError, HttpApi, router};
pub use auth::AuthenticatedUser;
pub use client_key::ClientKey;
pub use cors_origin::CorsOrigin;
pub use no_store::{NoStore, NoStoreFuture, NoStoreService};
pub use require_api_key::{RequireApiKey, RequireApiKeyService};
pub use response::ResponseStyle;

/// The code of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
