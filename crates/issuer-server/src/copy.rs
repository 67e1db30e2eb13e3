//! `copy`: one store's rows into another store.

use std::{
    fs,
    io::{Write as _, stdout},
    path::{Path, PathBuf},
    sync::Arc,
};

use issuer_store::{Copied, CopyError, Store, StoreErrorKind};
use serde::Serialize;
use tracing::Level;

use crate::{
    data_dir::DataDir, failure::Failure, logging, progress::Bar, settings::Settings, store_url::StoreUrl,
};

pub(crate) fn run(settings: &Settings, from: &str, to: &str) -> Result<(), Failure> {
    let _log = logging::init(Level::WARN)?;
    let from = StoreUrl::named("--from", from)?;
    let to = StoreUrl::named("--to", to)?;
    refuse_what_is_no_copy(&from, &to)?;
    refuse_running_servers(settings.data_dir.as_deref(), &[&from, &to])?;
    // The source first: nothing is made where there is nothing to copy.
    let source = open(&from, settings)?;
    let destination = open(&to, settings)?;
    let mut bar = Bar::new();
    let copied = issuer_store::copy(&source, &destination, &mut |progress| bar.show(progress));
    drop(bar);
    let line = line(&copied.map_err(|error| failure(error, &from, &to))?)?;
    writeln!(stdout(), "{line}").map_err(|error| Failure::machine(format!("standard output: {error}")))
}

fn refuse_what_is_no_copy(from: &StoreUrl, to: &StoreUrl) -> Result<(), Failure> {
    let (Some(source), Some(destination)) = (from.path(), to.path()) else {
        return Err(Failure::usage(
            "memory: is another store in each process: copy from and to sqlite:PATH or sled:PATH",
        ));
    };
    if from.is_same(to) || real(source) == real(destination) {
        return Err(Failure::refused(format!(
            "SAME_STORE: {from} and {to} are the same store; --to must name another one"
        )));
    }
    // Opening it would make an empty one.
    if is_absent(source).map_err(|error| Failure::machine(format!("{from}: cannot be read: {error}")))? {
        return Err(Failure::usage(format!("--from {from}: there is no such store")));
    }
    Ok(())
}

/// The path of what a link leads to.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether there is nothing, or only an empty file or folder.
fn is_absent(path: &Path) -> std::io::Result<bool> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
        Ok(found) if found.is_dir() => Ok(fs::read_dir(path)?.next().is_none()),
        Ok(found) => Ok(found.len() == 0),
    }
}

/// SQLite lets several processes in: a server would go on writing to what was copied already. It is looked for where
/// its socket may be: in the data folder, and beside the stores, for a store is by default in its server's data folder.
/// Beside the files themselves, not beside links to them.
fn refuse_running_servers(data_dir: Option<&Path>, stores: &[&StoreUrl]) -> Result<(), Failure> {
    let beside = stores
        .iter()
        .filter_map(|store| Some(real(store.path()?).parent()?.to_owned()));
    let folders = std::iter::once(data_dir.map(Path::to_owned)).chain(beside.map(Some));
    for folder in folders {
        let Some(dir) = DataDir::existing(folder.as_deref()) else {
            continue;
        };
        for store in stores {
            if is_held(&dir, store)? {
                return Err(in_use(&format!("{store} is held by a running server")));
            }
        }
    }
    Ok(())
}

#[cfg(unix)]
use crate::control_socket::holds as is_held;

/// Without Unix sockets there is no server to ask.
#[cfg(not(unix))]
fn is_held(_: &DataDir, _: &StoreUrl) -> Result<bool, Failure> {
    Ok(false)
}

fn open(store: &StoreUrl, settings: &Settings) -> Result<Arc<dyn Store>, Failure> {
    store
        .open(settings.file_permissions())
        .map_err(|error| match error.kind() {
            StoreErrorKind::Busy => in_use(&error.to_string()),
            StoreErrorKind::Foreign => Failure::refused(format!("OTHER_DATA: {error}")),
            _ => error.into(),
        })
}

fn in_use(what: &str) -> Failure {
    Failure::refused(format!(
        "STORE_IN_USE: {what}; stop the server, and run this command again"
    ))
}

fn failure(error: CopyError, from: &StoreUrl, to: &StoreUrl) -> Failure {
    match error {
        CopyError::Occupied { rows } => Failure::refused(format!(
            "OTHER_DATA: {to} holds what {from} does not ({rows} rows), and nothing was written: name an empty \
             destination, or remove this one if it is a copy that is out of date"
        )),
        CopyError::Source(error) | CopyError::Destination(error) if error.kind() == StoreErrorKind::Busy => {
            in_use(&error.to_string())
        }
        CopyError::Source(error) | CopyError::Destination(error) => error.into(),
        error => Failure::machine(format!(
            "{error}: {to} is no copy of {from}; stop every server of both, remove {to}, and run this command again"
        )),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    users: u64,
    tokens: u64,
    idempotency_records: u64,
    tombstones: u64,
    api_keys: u64,
    /// Rows that were not there before.
    rows_written: u64,
    digest: String,
}

fn line(copied: &Copied) -> Result<String, Failure> {
    use std::fmt::Write as _;

    let mut digest = String::from("sha256:");
    for byte in copied.digest.as_bytes() {
        let _ = write!(digest, "{byte:02x}");
    }
    let line = Line {
        users: copied.counts.users,
        tokens: copied.counts.tokens,
        idempotency_records: copied.counts.replays,
        tombstones: copied.counts.tombstones,
        api_keys: copied.counts.api_keys,
        rows_written: copied.written,
        digest,
    };
    serde_json::to_string(&line).map_err(|error| Failure::machine(error.to_string()))
}
