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
    signing_keys::{self, LostKeys},
    store_url::StoreUrl,
    token_settings::TokenSettings,
};

/// Bytes of standard input that are read for a token: more than any token has.
const MAX_INPUT_BYTES: u64 = 64 * 1_024;

pub(crate) fn run(settings: &Settings, flags: &TokenSettings, command: Command) -> Result<ExitCode, Failure> {
    let _log = logging::init(Level::WARN)?;
    let lost = match &command {
        Command::Issue { keys, .. } => LostKeys::of_flag(keys.new_key),
        _ => LostKeys::Refuse,
    };
    let request = request(command)?;
    let dir = settings.open_data_dir()?;
    let store = StoreUrl::resolve(settings.store.as_ref(), &dir)?;
    if lost == LostKeys::Replace && is_held(&dir, &store)? {
        return Err(Failure::usage(
            "--new-key: the running server holds the store and has its keys",
        ));
    }
    let outcome = match ask_server(&dir, &store, flags, &request)? {
        Some(outcome) => outcome,
        None => carry_out(settings, &dir, &store, lost, &request)?,
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
            keys: _,
        } => Request::Issue {
            id,
            nickname,
            avatar_url,
        },
        Command::Verify { token } => Request::Verify {
            token: token_text(&token)?,
        },
        Command::Token(TokenCommand::Revoke { id, token }) => Request::Revoke {
            id,
            token: (!token.is_empty()).then(|| token_text(&token)).transpose()?,
        },
        Command::Serve { .. } | Command::Copy { .. } => {
            return Err(Failure::usage("no command for a server"));
        }
    })
}

/// The token of the arguments, or of standard input where they are `-`.
fn token_text(arguments: &[String]) -> Result<String, Failure> {
    match arguments {
        [argument] if argument != "-" => return Ok(bare_token(argument)),
        [_] | [] => {}
        // An unquoted `Bearer TOKEN` is two.
        [scheme, token] if bare_token(scheme).eq_ignore_ascii_case("bearer") => return Ok(bare_token(token)),
        // Nothing of them is repeated.
        _ => return Err(Failure::usage("one token is needed, and two are given")),
    }
    let mut text = String::new();
    stdin()
        .take(MAX_INPUT_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("standard input: {error}")))?;
    Ok(bare_token(&text))
}

/// The token without what people copy along with it: white space, quotes, `Bearer`.
fn bare_token(text: &str) -> String {
    let is_around = |c: char| c.is_whitespace() || "\"'`\u{201c}\u{201d}\u{2018}\u{2019}\u{feff}".contains(c);
    let mut token = text.trim_matches(is_around);
    while let Some((scheme, rest)) = token.split_once(char::is_whitespace)
        && scheme.eq_ignore_ascii_case("bearer")
    {
        token = rest.trim_matches(is_around);
    }
    token.to_owned()
}

#[cfg(unix)]
use crate::control_socket::{ask_server, is_held};

/// Without Unix sockets there is no other process to ask.
#[cfg(not(unix))]
fn ask_server(_: &DataDir, _: &StoreUrl, _: &TokenSettings, _: &Request) -> Result<Option<Outcome>, Failure> {
    Ok(None)
}

#[cfg(not(unix))]
fn is_held(_: &DataDir, _: &StoreUrl) -> Result<bool, Failure> {
    Ok(false)
}

fn carry_out(
    settings: &Settings,
    dir: &DataDir,
    store: &StoreUrl,
    lost: LostKeys,
    request: &Request,
) -> Result<Outcome, Failure> {
    let opened = store.open(settings.file_permissions())?;
    let keys = signing_keys::load_or_create(dir, &*opened, store, lost)?;
    let tokens = settings.service(opened, store.access(), keys)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::machine(format!("no runtime: {error}")))?;
    let outcome = runtime.block_on(request.execute(&tokens));
    tokens.shutdown();
    outcome
}
