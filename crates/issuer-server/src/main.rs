//! Issues and checks access tokens: the server and its command line.

mod access_line;
mod cli;
mod command;
mod connections;
#[cfg(unix)]
mod control_socket;
mod copy;
mod data_dir;
#[cfg(test)]
mod documented;
mod duration;
mod failure;
mod file_permissions;
mod first_api_key;
mod given;
mod log_lines;
mod logging;
mod open_files;
mod progress;
mod request;
mod request_stream;
mod serve;
mod settings;
mod signing_keys;
mod store_url;
mod token_settings;
mod usage_error;
mod waiting_line;

use std::{
    io::{IsTerminal as _, stderr},
    process::ExitCode,
};

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::{
    cli::{Cli, Command},
    failure::Failure,
    given::Purpose,
    signing_keys::LostKeys,
};

fn main() -> ExitCode {
    if std::env::args_os().len() < 2 {
        // Clap would take a setting of the environment for an argument, and show an error alone.
        logging::say(Cli::command().render_help().to_string());
        return ExitCode::from(2);
    }
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return answer(error),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return answer(error),
    };
    run(cli).unwrap_or_else(|failure| report(&failure))
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let given = cli.given.with_environment_and_file()?;
    let purpose = match &cli.command {
        Command::Serve { .. } => Purpose::Serve,
        Command::Issue { .. } => Purpose::Issue,
        Command::Verify { .. } | Command::Token(_) => Purpose::Check,
        Command::Copy { .. } => Purpose::Copy,
    };
    let settings = given.settings(purpose)?;
    match cli.command {
        Command::Serve { keys } => {
            serve::run(&settings, LostKeys::of_flag(keys.new_key)).map(|()| ExitCode::SUCCESS)
        }
        Command::Copy { from, to } => copy::run(&settings, &from, &to).map(|()| ExitCode::SUCCESS),
        command => command::run(&settings, &given.flags()?.token_settings(), command),
    }
}

/// Prints the answer of clap: the help or the version on standard output, or an error about the command line.
fn answer(error: clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match usage_error::without_values(&error, &arguments) {
        Some(message) => logging::say(message),
        None => logging::patiently(move || {
            let _ = error.print();
        }),
    }
    ExitCode::from(2)
}

fn report(failure: &Failure) -> ExitCode {
    let hint = failure.hint.as_ref().filter(|_| stderr().is_terminal());
    let hint = hint.map(|hint| format!("{hint}\n")).unwrap_or_default();
    logging::say(format!("{failure}\n{hint}"));
    failure.exit_code()
}
