//! Signing and verifying alone, for a host that has its own table of users: no store, no clock, no threads.
//!
//! ```sh
//! SIGNING_SECRET=$(openssl rand -base64 32) cargo run -p issuer --example sign_and_verify
//! ```
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::{env, error::Error};

use issuer::{
    Lifetime, Timestamp, TokenId,
    jose::{Claims, Expected, KeySet, SigningKey},
};
use ring::rand::{SecureRandom as _, SystemRandom};
use time::OffsetDateTime;

fn main() -> Result<(), Box<dyn Error>> {
    let keys = KeySet::new(SigningKey::hs256(env::var("SIGNING_SECRET")?)?);
    // The time and the random bytes are the host's.
    let now = Timestamp::try_from(OffsetDateTime::now_utc())?;
    let mut random = [0; 16];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| "no random bytes")?;

    let token = keys.sign(&Claims {
        issuer: Some("https://chat.example.com"),
        subject: "user001",
        audience: None,
        issued_at: now,
        expires_at: now.checked_add(Lifetime::default()).ok_or("past the year 9999")?,
        token_id: TokenId::from_bytes(random),
    })?;
    println!("{}", token.as_str());

    let expected = Expected::new().issuer("https://chat.example.com");
    let verified = keys.verify(token.as_str(), &expected, now)?;
    println!(
        "it is that of {} until {}",
        verified.subject(),
        verified.expires_at()
    );
    Ok(())
}
