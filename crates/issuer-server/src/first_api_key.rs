//! The first API key: the operator's, or one made at the first start.

use std::io::IsTerminal as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use issuer_service::{ApiKey, TokenService};
use zeroize::Zeroizing;

use crate::{
    data_dir::DataDir,
    failure::Failure,
    file_permissions::{open_regular, read_text},
    given::environment,
    logging,
};

const FILE: &str = "bootstrap-api-key";

/// Sees to it that there is an API key: that of `ISSUER_API_KEY` or `ISSUER_API_KEY_FILE`, or else, where the
/// store knows none, a new one in the data folder.
pub(crate) fn ensure(dir: &DataDir, tokens: &TokenService) -> Result<(), Failure> {
    if let Some((variable, text)) = from_environment()? {
        let key = parse(variable, &text)?;
        let is_new = tokens.authorize(&text)?.is_none();
        if is_new && tokens.blocking().has_api_keys() {
            tracing::warn!(
                "the API key of {variable} is new to this store; the keys that it knew before go on working"
            );
        }
        tokens.blocking().add_api_key("environment", key)?;
        return Ok(());
    }
    let lock = dir.lock()?;
    if tokens.blocking().has_api_keys() {
        return Ok(());
    }
    let path = dir.join(FILE);
    let known = dir.read_secret(FILE)?;
    let log = if known.is_some() {
        "took the first API key from its file"
    } else {
        "made the first API key"
    };
    let key = if let Some(key) = known {
        // Made by a start that died before the store knew it, or for a store that forgets.
        Zeroizing::new(without_line_break(&key).to_owned())
    } else {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret)
            .map_err(|error| Failure::machine(format!("no random bytes: {error}")))?;
        let key = Zeroizing::new(STANDARD.encode(*secret));
        dir.write_secret(FILE, format!("{}\n", *key).as_bytes(), &lock)?;
        key
    };
    tokens
        .blocking()
        .add_api_key("bootstrap", parse(&path.display().to_string(), &key)?)?;
    tracing::info!(path = %path.display(), "{log}");
    if std::io::stderr().is_terminal() {
        // Not through the log. A terminal that is closed or stopped is no reason not to serve.
        logging::say(Zeroizing::new(format!(
            "The first API key, for IM-API-KEY: {}\n",
            *key
        )));
    }
    Ok(())
}

/// The key, and the variable that it comes from. One line break at the end, which editors and `echo` add, is taken off of
/// either.
fn from_environment() -> Result<Option<(&'static str, Zeroizing<String>)>, Failure> {
    let (variable, text) = if let Some(key) = environment("ISSUER_API_KEY") {
        let key = key.into_string();
        let key = key.map_err(|_| Failure::usage("ISSUER_API_KEY: the key must be visible ASCII"))?;
        ("ISSUER_API_KEY", Zeroizing::new(key))
    } else if let Some(path) = environment("ISSUER_API_KEY_FILE") {
        let text = open_regular(path.as_ref()).and_then(|file| read_text(&file));
        let text = text.map_err(|error| {
            Failure::usage(format!(
                "ISSUER_API_KEY_FILE: {}: cannot be read: {error}",
                path.to_string_lossy()
            ))
        })?;
        ("ISSUER_API_KEY_FILE", text)
    } else {
        return Ok(None);
    };
    Ok(Some((
        variable,
        Zeroizing::new(without_line_break(&text).to_owned()),
    )))
}

fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

fn parse(origin: &str, text: &str) -> Result<ApiKey, Failure> {
    ApiKey::parse(text).map_err(|error| {
        Failure::usage(format!(
            "{origin}: the key {}; openssl rand -base64 32 prints a good one",
            error.rule()
        ))
    })
}
