//! What is measured: a file a row.

mod callers;
mod dead_tokens;
mod growth;
mod http;
mod latency;
mod opened;
mod start;
mod sweep;

use std::{
    cell::OnceCell,
    path::{Path, PathBuf},
};

use issuer::{jose::KeySet, user::NewUser};
use issuer_service::TokenService;
use tokio::runtime::Runtime;

pub(crate) use opened::run as run_opened;

use crate::{
    Result, host,
    http::server_program,
    measure::ClosedLoop,
    options::{Options, Row, Scale},
    population::COPY_PREFIX,
    report::{Quantity, Section, Unit},
};

/// What all rows need.
pub(crate) struct Context<'a> {
    pub(crate) options: &'a Options,
    pub(crate) scale: Scale,
    /// On the disk that is measured.
    pub(crate) folder: &'a Path,
    pub(crate) keys: KeySet,
    pub(crate) runtime: Runtime,
    program: OnceCell<PathBuf>,
}

/// Of folders that go with their row.
const ROW_PREFIX: &str = "row-";
pub(crate) const TEMPORARY: [&str; 2] = [ROW_PREFIX, COPY_PREFIX];

type Measure = fn(&Context<'_>) -> Result<Vec<Section>>;

const ALL: [(Row, &str, Measure); 7] = [
    (Row::Callers, "durable issue against callers", callers::measure),
    (Row::Http, "requests over sockets", http::measure),
    (Row::Latency, "latency against load", latency::measure),
    (Row::Growth, "cost against stored users", growth::measure),
    (
        Row::DeadTokens,
        "a user with many dead tokens",
        dead_tokens::measure,
    ),
    (Row::Sweep, "issue during a sweep", sweep::measure),
    (Row::Start, "the server at its start", start::measure),
];

impl<'a> Context<'a> {
    pub(crate) fn new(options: &'a Options, folder: &'a Path) -> Result<Self> {
        Ok(Self {
            options,
            scale: options.scale(),
            folder,
            keys: host::keys(),
            runtime: tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
            program: OnceCell::new(),
        })
    }

    /// Measures what was asked for, one row after the other, and hands on what each gave. One that fails leaves the
    /// others as they are: its section says why.
    pub(crate) fn measure(&self, mut keep: impl FnMut(Vec<Section>) -> Result<()>) -> Result<()> {
        let mut failed = Vec::new();
        for (row, what, measure) in ALL {
            if !self.options.measures(row) {
                continue;
            }
            eprintln!("measuring: {what}");
            keep(measure(self).unwrap_or_else(|error| {
                failed.push(format!("{what}: {error}"));
                let mut section = Section::new(what);
                section.note(format!("**Not measured**: {error}"));
                vec![section]
            }))?;
        }
        if failed.is_empty() {
            Ok(())
        } else {
            Err(failed.join("; ").into())
        }
    }

    /// The server that is measured, built when it is first needed.
    fn program(&self) -> Result<&Path> {
        if self.program.get().is_none() {
            let program = server_program(self.options)?;
            // It is empty: nobody else sets it.
            let _ = self.program.set(program);
        }
        self.program
            .get()
            .map(PathBuf::as_path)
            .ok_or_else(|| "no program".into())
    }

    /// A folder that goes with the row.
    fn temporary(&self) -> Result<tempfile::TempDir> {
        Ok(tempfile::Builder::new()
            .prefix(ROW_PREFIX)
            .tempdir_in(self.folder)?)
    }

    /// Issues a second that so many callers get out of the service, for new users.
    fn issue_rate(
        &self,
        tokens: &TokenService,
        callers: usize,
        new_user: &(dyn Fn() -> Result<NewUser> + Sync),
    ) -> Result<f64> {
        ClosedLoop {
            callers,
            window: self.scale.window,
            work: &|_| {
                tokens.blocking().issue(new_user()?)?;
                Ok(true)
            },
        }
        .rate()
    }
}

/// A number of users or callers, as people read it.
fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", Quantity(number as f64, Unit::Times).plain())
}
