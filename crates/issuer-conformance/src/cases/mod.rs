//! The cases: a module for each clause of the contract.
//!
//! A case wants an empty store, and panics where the store breaks the promise that is its name.

#![allow(missing_docs, reason = "the name of a case is its promise")]

pub mod agreement;
pub mod apply;
pub mod control;
pub mod digests;
pub mod durable;
pub mod erase;
pub mod export;
pub mod find;
pub mod ids;
pub mod list;
pub mod load;
pub mod purge;
pub mod shared;
pub mod values;
pub mod visibility;
