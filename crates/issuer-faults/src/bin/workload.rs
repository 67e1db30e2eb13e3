//! What is recorded, cut short and made to fail: a store at work, in a process of its own.
//!
//! `workload sqlite|sled PATH SEED STEPS` opens the store, works through the steps, prints a line for each that is
//! acknowledged, and closes the store. A step that fails is printed and passed over.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what it prints is its result"
)]

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use issuer_conformance::fixture::{creating, issued};
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
    let [kind, path, seed, steps] = arguments else {
        return Err("usage: workload sqlite|sled PATH SEED STEPS".to_owned());
    };
    let number = |text: &String| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    let (seed, steps) = (number(seed)?, number(steps)?);
    let store = open(kind, Path::new(path))?.map_err(|error| format!("refused to open: {error}"))?;
    work(&*store, seed, steps, &mut io::stdout()).map_err(|error| error.to_string())
}

fn open(kind: &str, path: &Path) -> Result<Result<Box<dyn Store>, StoreError>, String> {
    match kind {
        "sqlite" => Ok(SqliteStore::open(path).map(|store| Box::new(store) as Box<dyn Store>)),
        "sled" => Ok(SledStore::open(path).map(|store| Box::new(store) as Box<dyn Store>)),
        other => Err(format!("there is no store of the kind {other}")),
    }
}

fn work(store: &dyn Store, seed: u64, steps: u64, out: &mut dyn Write) -> io::Result<()> {
    for number in 0..steps {
        let name = format!("user {seed}.{number}");
        match store.apply(&[creating(&name, number).token(issued(&name)).into()]) {
            Ok(outcomes) => writeln!(out, "{name}: {outcomes:?}")?,
            Err(error) => writeln!(out, "{name}: {error} ({:?})", error.effect())?,
        }
        out.flush()?;
    }
    Ok(())
}
