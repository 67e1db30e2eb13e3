//! What a store keeps when the power goes or the disk fails: tests alone, nothing to depend on.
//!
//! A power cut is played in three parts: `strace` writes down every call of a store at work ([`trace`]), which is read as
//! what it did to its files ([`steps`]); a model of a disk says what of that may be missing where the power fails
//! ([`disk`]); and for each of many such moments folders are made as they may then be found ([`fate`]), and opened.
//!
//! A failing disk is one whose calls `strace` makes fail, under a process that keeps a ledger of its writes ([`ledger`]).

pub mod careless;
pub mod disk;
pub mod fate;
mod file;
pub mod ledger;
mod process;
#[cfg(test)]
mod readable;
pub mod steps;
pub mod trace;
