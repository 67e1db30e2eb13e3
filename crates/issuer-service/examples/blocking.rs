//! A host without an async runtime: issue a token, check it, revoke it.
//!
//! ```sh
//! SIGNING_SECRET=$(openssl rand -base64 32) cargo run -p issuer-service --example blocking
//! ```
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::{env, error::Error};

use issuer::{
    jose::{KeySet, SigningKey},
    user::NewUser,
};
use issuer_service::TokenService;
use issuer_sqlite::SqliteStore;

fn main() -> Result<(), Box<dyn Error>> {
    let keys = KeySet::new(SigningKey::hs256(env::var("SIGNING_SECRET")?)?);
    let service = TokenService::builder(SqliteStore::open("issuer.db")?, keys).build()?;
    let tokens = service.blocking();

    let issued = tokens.issue(NewUser::new("user001")?.nickname("Amy")?)?;
    println!("a token until {}", issued.expires_at());
    let user = tokens.authenticate(issued.token())?;
    println!("it is that of {}", user.id);
    let revoked = tokens.revoke_all(&user.id)?;
    println!("{} revoked", revoked.tokens);
    if let Err(error) = tokens.authenticate(issued.token()) {
        println!("from now on: {error}");
    }
    Ok(())
}
