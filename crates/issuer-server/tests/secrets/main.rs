//! Secrets with marks in them go down every path that ends in an error, through the real program and through a server
//! in this process that logs at the highest level, as text and as JSON. No mark may come out, in any usual encoding:
//! not in a log, on standard output or error, in the body of an error, in a `Debug`, or in a file of the data folder but
//! `keys.json`. A token is in the answer to the request that issued it, and nowhere else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod commands;
mod in_process;
mod marks;
#[path = "../program/mod.rs"]
mod program;
mod requests;
mod running;
mod values;
