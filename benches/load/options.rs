//! The command line, and how much of everything it asks for.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};

use crate::backend::Backend;

/// Puts load on all that issues and checks tokens, and prints each figure beside its floor and its peers.
#[derive(Parser)]
#[command(
    name = "load",
    after_help = "Run it on a machine that does nothing else, with the folder on the disk in question."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Every row, tiny: for whoever only wants to know that all of it still runs
    #[arg(long)]
    pub(crate) quick: bool,

    /// The rows to measure [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ROW")]
    pub(crate) rows: Vec<Row>,

    /// Where stores are built; the large ones stay there for the next run [default: target/load in benches/]
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,

    /// Users of the largest store on SQLite, up to which each power of ten is measured
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    pub(crate) most_users: u64,

    /// The same on sled, which takes seconds a million users to open
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) most_users_sled: u64,

    /// Dead tokens of the user who has many
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) dead_tokens: u64,

    /// The same of sa-token-core, whose time to make them grows with their square
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub(crate) dead_tokens_peer: u64,

    /// Dead tokens that are swept
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) swept: u64,

    /// The program issuer-server [default: built with cargo]
    #[arg(long, value_name = "FILE", env = "ISSUER_SERVER")]
    pub(crate) server: Option<PathBuf>,

    /// Where the figures are kept [default: report.json in the folder]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) json: Option<PathBuf>,

    /// Draw the charts as well
    #[arg(long)]
    pub(crate) plots: bool,

    /// Where charts are drawn [default: docs/performance of the project]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) plots_into: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Draw the charts of an earlier run
    Plots,
    /// Print the table of an earlier run
    Table,
    /// A process of its own that answers with fixed bodies
    #[command(hide = true)]
    Echo { issue_body: String, me_body: String },
    /// A process of its own that opens a store and checks tokens
    #[command(hide = true)]
    Opened {
        backend: Backend,
        path: PathBuf,
        users: u64,
        checks: u64,
    },
}

/// What can be measured by itself.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// Durable issue against the number of callers
    Callers,
    /// Requests over sockets, beside an echo
    Http,
    /// Latency percentiles against load
    Latency,
    /// Everything against the number of stored users
    Growth,
    /// A user with many dead tokens
    DeadTokens,
    /// Issue while dead tokens are swept
    Sweep,
    /// The server at its start and at rest
    Start,
}

/// How much is measured.
pub(crate) struct Scale {
    /// Odd, so that a median was measured.
    pub(crate) rounds: u64,
    pub(crate) window: Duration,
    /// Of the ladder of callers.
    pub(crate) callers: Vec<usize>,
    pub(crate) http_window: Duration,
    pub(crate) latency_rounds: u64,
    /// Of an open loop, long enough for the log to be copied several times.
    pub(crate) latency_window: Duration,
    pub(crate) users_sqlite: Vec<u64>,
    pub(crate) users_sled: Vec<u64>,
    /// Checks before the memory is looked at again.
    pub(crate) checks: u64,
    pub(crate) cycles: u64,
    pub(crate) dead_tokens: u64,
    pub(crate) dead_tokens_peer: u64,
    pub(crate) swept: u64,
    pub(crate) sweep_rounds: u64,
    pub(crate) sweep_window: Duration,
}

impl Options {
    pub(crate) fn measures(&self, row: Row) -> bool {
        self.rows.is_empty() || self.rows.contains(&row)
    }

    pub(crate) fn scale(&self) -> Scale {
        if self.quick {
            return Scale {
                rounds: 1,
                window: Duration::from_millis(80),
                callers: vec![1, 16],
                http_window: Duration::from_millis(150),
                latency_rounds: 1,
                latency_window: Duration::from_millis(300),
                users_sqlite: vec![100, 1_000],
                users_sled: vec![100, 1_000],
                checks: 1_000,
                cycles: 5,
                dead_tokens: 500,
                dead_tokens_peer: 50,
                swept: 600,
                sweep_rounds: 1,
                sweep_window: Duration::from_millis(1_200),
            };
        }
        Scale {
            rounds: 7,
            window: Duration::from_millis(500),
            callers: (0..=8).map(|power| 1 << power).collect(),
            http_window: Duration::from_secs(2),
            latency_rounds: 7,
            latency_window: Duration::from_secs(5),
            users_sqlite: decades(self.most_users),
            users_sled: decades(self.most_users_sled),
            checks: 100_000,
            cycles: 200,
            dead_tokens: self.dead_tokens,
            dead_tokens_peer: self.dead_tokens_peer,
            swept: self.swept,
            sweep_rounds: 5,
            sweep_window: Duration::from_secs(12),
        }
    }
}

impl Scale {
    pub(crate) fn users(&self, backend: Backend) -> &[u64] {
        match backend {
            Backend::Sqlite => &self.users_sqlite,
            Backend::Sled => &self.users_sled,
        }
    }
}

/// The powers of ten from a thousand to this one.
fn decades(most: u64) -> Vec<u64> {
    std::iter::successors(Some(1_000_u64), |users| users.checked_mul(10))
        .take_while(|users| *users <= most)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        <Options as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn stores_grow_by_powers_of_ten_up_to_the_largest() {
        assert_eq!(
            decades(10_000_000),
            [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
        );
        assert_eq!(decades(5_000), [1_000]);
    }
}
