//! Commands that ask once and end.

use std::{
    io::{Read as _, Write as _, stdin, stdout},
    process::ExitCode,
};

use tracing::Level;

use crate::{
    cli::{Command, TokenCommand},
    data_dir::DataDir,
    failure::Failure,
    logging,
    request::{Outcome, Request},
    settings::Settings,
    signing_keys,
    store_url::StoreUrl,
    token_settings::TokenSettings,
};

/// Bytes of standard input that are read for a token: more than any token has.
const MAX_INPUT_BYTES: u64 = 64 * 1_024;

pub(crate) fn run(settings: &Settings, flags: &TokenSettings, command: Command) -> Result<ExitCode, Failure> {
    let _log = logging::init(Level::WARN)?;
    let request = request(command)?;
    let dir = DataDir::open(settings.data_dir.as_deref())?;
    let store = StoreUrl::resolve(settings.store.as_deref(), &dir)?;
    let outcome = match ask_server(&dir, &store, flags, &request)? {
        Some(outcome) => outcome,
        None => carry_out(settings, &dir, &store, &request)?,
    };
    // The answer is out, or the caller is told: what was issued is in the store all the same.
    writeln!(stdout(), "{}", outcome.line)
        .map_err(|error| Failure::machine(format!("standard output: {error}")))?;
    Ok(if outcome.refused {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

fn request(command: Command) -> Result<Request, Failure> {
    Ok(match command {
        Command::Issue {
            id,
            nickname,
            avatar_url,
        } => Request::Issue {
            id,
            nickname,
            avatar_url,
        },
        Command::Verify { token } => Request::Verify {
            token: token_text(token)?,
        },
        Command::Token(TokenCommand::Revoke { id, token }) => Request::Revoke {
            id,
            token: token.map(token_text).transpose()?,
        },
        Command::Serve | Command::Copy { .. } => return Err(Failure::usage("no command for a server")),
    })
}

/// The token itself, or what standard input says where it is `-`.
fn token_text(argument: String) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument);
    }
    let mut text = String::new();
    stdin()
        .take(MAX_INPUT_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("standard input: {error}")))?;
    Ok(text.trim().to_owned())
}

#[cfg(unix)]
use crate::control_socket::ask_server;

/// Without Unix sockets there is no other process to ask.
#[cfg(not(unix))]
fn ask_server(_: &DataDir, _: &StoreUrl, _: &TokenSettings, _: &Request) -> Result<Option<Outcome>, Failure> {
    Ok(None)
}

fn carry_out(
    settings: &Settings,
    dir: &DataDir,
    store: &StoreUrl,
    request: &Request,
) -> Result<Outcome, Failure> {
    let tokens = settings.service(store.open()?, store.access(), signing_keys::load_or_create(dir)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::machine(format!("no runtime: {error}")))?;
    let outcome = runtime.block_on(request.execute(&tokens));
    tokens.shutdown();
    outcome
}
