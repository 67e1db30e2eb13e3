//! The token service over HTTP.
mod answer;
mod api;
mod auth;
mod body;
mod client_id;
mod edge;
mod error;
mod fields;
mod headers;
mod object;
mod response;
mod routes;

pub use answer::{IssueAnswer, RevokeAnswer};
pub use api::{ApiKeyError, HttpApi, router};
pub use auth::AuthenticatedUser;
pub use response::ResponseStyle;
