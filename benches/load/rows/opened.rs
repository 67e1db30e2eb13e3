//! What a process that opens a store and checks tokens costs: a process of its own, so that nothing else counts.

use std::{
    path::Path,
    process::{self, Command, Stdio},
    time::Instant,
};

use clap::ValueEnum as _;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::{Result, backend::Backend, host, machine::resident_bytes, population::Sample};

/// What it found, on its standard output.
#[derive(Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) open_seconds: f64,
    pub(crate) resident_after_open: f64,
    pub(crate) resident_after_checks: f64,
}

/// Starts this program to open the store in this folder and to check so many tokens.
pub(crate) fn opened(backend: Backend, folder: &Path, users: u64, checks: u64) -> Result<Opened> {
    let name = backend.to_possible_value();
    let output = Command::new(std::env::current_exe()?)
        .args(["opened", name.as_ref().map_or("", |name| name.get_name())])
        .arg(folder)
        .args([users.to_string(), checks.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("the process that opens a store failed".into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What that process does.
pub(crate) fn run(backend: Backend, folder: &Path, users: u64, checks: u64) -> Result<Opened> {
    let start = Instant::now();
    let store = backend.open(folder)?;
    let open_seconds = start.elapsed().as_secs_f64();
    let tokens = host::service(store).build()?;
    let resident = || resident_bytes(process::id()).ok_or("the kernel does not say what is resident");
    let resident_after_open = resident()?;
    let (keys, mut random) = (host::keys(), rand::rng());
    for _ in 0..checks {
        let token = Sample::of(random.random_range(0..users), &keys)?;
        tokens.blocking().authenticate(&token.text)?;
    }
    Ok(Opened {
        open_seconds,
        resident_after_open,
        resident_after_checks: resident()?,
    })
}
