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
    let tokens = TokenService::builder(SqliteStore::open("issuer.db")?, keys)
        .build_async()
        .await?;
    let api = issuer_http::router(tokens.clone())
        .api_key_async(&env::var("ISSUER_API_KEY")?)
        .await?;
    let rooms = Router::new()
        .route("/rooms", get(rooms))
        .layer(NoStore)
        .with_state(tokens.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, rooms.merge(api))
        .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
        .await?;
    // Finishes what was accepted, and closes the store: issuer.db is one file again.
    tokens.close().await;
    Ok(())
}

async fn rooms(user: AuthenticatedUser) -> String {
    format!("the rooms of {}\n", user.id)
}
