//! The real program as a user runs it, and a client that talks to its server in exact bytes.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each file of tests uses a part, and a test that cannot go on has failed"
)]

#[cfg(unix)]
mod account;
mod client;
mod done;
mod home;
mod http;
mod open_files;
mod random;
mod server;
mod store;

#[cfg(unix)]
pub(crate) use account::Account;
pub(crate) use client::Client;
pub(crate) use done::Done;
pub(crate) use home::Home;
pub(crate) use http::{Answer, Ask, Connection};
#[cfg(target_os = "linux")]
pub(crate) use open_files::may_open;
pub(crate) use random::Random;
pub(crate) use server::Server;
pub(crate) use store::Store;

/// The API key of every server here that has no other: 32 bytes in standard base64.
pub(crate) const API_KEY: &str = "c2VydmVyIHRlc3QgYXBpIGtleSwgMzIgYnl0ZXMgISE=";

/// How long anything may take that is expected to happen at once: this machine may be busy.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);
