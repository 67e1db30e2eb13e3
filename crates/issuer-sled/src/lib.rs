//! A [`Store`](issuer_store::Store) in one folder of [sled]'s, an embedded database written in Rust alone.
mod apply;
mod codec;
mod control;
mod database;
mod error;
mod export;
mod format;
mod load;
mod open;
mod purge;
mod row;
mod staged;
mod state;
mod store;
mod table;
mod view;
mod worker;
mod writer;

pub use open::{Check, SledOptions};
pub use store::SledStore;
