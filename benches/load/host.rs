//! What a host of the library has: keys, a service, users who come one after the other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use issuer::{
    jose::{KeySet, SigningKey},
    user::NewUser,
};
use issuer_service::{Builder, TokenService};
use issuer_store::Store;

use crate::Result;

pub(crate) const SECRET: [u8; 32] = [7; 32];
pub(crate) const ISSUER: &str = "https://chats.example.com";

pub(crate) fn keys() -> KeySet {
    KeySet::new(SigningKey::hs256(SECRET).expect("long enough"))
}

/// A service with the settings of all rows: the defaults, but for an issuer, as most hosts set one, and for patience:
/// what takes long is to be measured, not refused.
pub(crate) fn service(store: Arc<dyn Store>) -> Builder {
    TokenService::builder(store, keys())
        .issuer(ISSUER)
        .deadline(Duration::from_secs(30))
}

/// A user whom this process has not named before.
pub(crate) fn new_user() -> Result<NewUser> {
    static NEXT: AtomicU64 = AtomicU64::new(0);

    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Ok(NewUser::new(&format!("user{number:012}"))?)
}
