//! A host with a route of its own, beside those that issue, check and revoke its users' tokens.
//!
//! ```sh
//! export SIGNING_SECRET=$(openssl rand -base64 32) ISSUER_API_KEY=$(openssl rand -base64 32)
//! cargo run -p issuer-http --example host &
//! curl -H "IM-API-KEY: $ISSUER_API_KEY" --json '{"_id":"user001","issueAccessToken":true}' localhost:8080/admin/clients
//! curl -H "IM-Authorization: $TOKEN" localhost:8080/rooms
//! ```

use std::{env, error::Error};

use axum::{Router, routing::get};
use issuer::jose::{KeySet, SigningKey};
use issuer_http::{AuthenticatedUser, NoStore};
use issuer_service::TokenService;
use issuer_sqlite::SqliteStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let keys = KeySet::new(SigningKey::hs256(env::var("SIGNING_SECRET")?)?);
    let tokens = TokenService::builder(SqliteStore::open("issuer.db")?, keys).build()?;
    let api = issuer_http::router(tokens.clone()).api_key(&env::var("ISSUER_API_KEY")?)?;
    let rooms = Router::new()
        .route("/rooms", get(rooms))
        .layer(NoStore)
        .with_state(tokens);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, rooms.merge(api)).await?)
}

async fn rooms(user: AuthenticatedUser) -> String {
    format!("the rooms of {}\n", user.id)
}
