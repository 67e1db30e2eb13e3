//! Issues and checks access tokens: the server and its command line.

mod access_line;
mod cli;
mod command;
mod connections;
#[cfg(unix)]
mod control_socket;
mod copy;
mod data_dir;
mod duration;
mod failure;
mod first_api_key;
mod log_lines;
mod logging;
mod progress;
mod request;
mod request_stream;
mod serve;
mod settings;
mod signing_keys;
mod store_url;
mod token_settings;
mod waiting_line;

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::{
    cli::{Cli, Command},
    failure::Failure,
};

fn main() -> ExitCode {
    if std::env::args_os().len() < 2 {
        // Clap would take a setting of the environment for an argument, and show an error alone.
        let _ = write!(std::io::stderr(), "{}", Cli::command().render_help());
        return ExitCode::from(2);
    }
    let matches = Cli::command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let flags = cli.settings.only_flags(&matches);
    let result = cli.settings.with_file().and_then(|settings| match cli.command {
        Command::Serve => serve::run(&settings).map(|()| ExitCode::SUCCESS),
        Command::Copy { from, to } => copy::run(&settings, &from, &to).map(|()| ExitCode::SUCCESS),
        command => command::run(&settings, &flags, command),
    });
    result.unwrap_or_else(|failure| report(&failure))
}

fn report(failure: &Failure) -> ExitCode {
    let mut stderr = std::io::stderr().lock();
    // Where standard error is closed, the exit code still tells.
    let _ = writeln!(stderr, "{failure}");
    if let Some(hint) = failure.hint.as_ref().filter(|_| stderr.is_terminal()) {
        let _ = writeln!(stderr, "{hint}");
    }
    failure.exit_code()
}
