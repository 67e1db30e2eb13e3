//! What is recorded, cut short and made to fail: a store at work, in a process of its own.
//!
//! `workload sqlite|sled PATH SEED STEPS [START]` opens the store, puts it through the load of this seed, whose lines it
//! prints, and closes it. The load's clock begins at START, in seconds from that of an empty store.

#![allow(clippy::print_stderr, reason = "what it prints is its result")]

use std::{io, path::Path, process::ExitCode};

use issuer_conformance::{crash::Load, fixture::at};
use issuer_sled::SledStore;
use issuer_sqlite::SqliteStore;
use issuer_store::{Store, StoreError};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let (kind, path, seed, steps, start) = match arguments {
        [kind, path, seed, steps] => (kind, path, number(seed)?, number(steps)?, 0),
        [kind, path, seed, steps, start] => (kind, path, number(seed)?, number(steps)?, number(start)?),
        _ => return Err("usage: workload sqlite|sled PATH SEED STEPS [START]".to_owned()),
    };
    let store = open(kind, Path::new(path))?.map_err(|error| format!("refused to open: {error}"))?;
    let start = at(i64::try_from(start).map_err(|error| error.to_string())?);
    let load = Load::new(seed).starting_at(start).steps(steps);
    load.run(&*store, io::stdout()).map_err(|error| error.to_string())
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

fn open(kind: &str, path: &Path) -> Result<Result<Box<dyn Store>, StoreError>, String> {
    match kind {
        "sqlite" => Ok(SqliteStore::open(path).map(|store| Box::new(store) as Box<dyn Store>)),
        "sled" => Ok(SledStore::open(path).map(|store| Box::new(store) as Box<dyn Store>)),
        other => Err(format!("there is no store of the kind {other}")),
    }
}
