//! The signing keys: a JWK Set in the data folder, made at first use.

use issuer::jose::{KeySet, SigningKey, dangerous};
use zeroize::Zeroizing;

use crate::{data_dir::DataDir, failure::Failure};

const FILE: &str = "keys.json";

/// Reads the keys, or makes the first one: HS256, 32 random bytes, no `kid`.
pub(crate) fn load_or_create(dir: &DataDir) -> Result<KeySet, Failure> {
    if let Some(keys) = load(dir)? {
        return Ok(keys);
    }
    let lock = dir.lock()?;
    // Another process may have been first.
    if let Some(keys) = load(dir)? {
        return Ok(keys);
    }
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret).map_err(|error| Failure::machine(format!("no random bytes: {error}")))?;
    let key = SigningKey::hs256(*secret).map_err(|error| Failure::machine(error.to_string()))?;
    let keys = KeySet::new(key);
    dir.write_secret(FILE, dangerous::to_jwks(&keys).as_bytes(), &lock)
        .map_err(|error| {
            Failure::machine(format!(
                "{}: cannot be written: {error}",
                dir.join(FILE).display()
            ))
        })?;
    Ok(keys)
}

fn load(dir: &DataDir) -> Result<Option<KeySet>, Failure> {
    let Some(text) = dir.read_secret(FILE)? else {
        return Ok(None);
    };
    let keys = KeySet::from_jwks(&text).map_err(|error| {
        Failure::machine(format!(
            "{}: {error}; restore it from a backup, or move it away to begin with a new key (tokens signed with the \
             old one die)",
            dir.join(FILE).display()
        ))
    })?;
    Ok(Some(keys))
}
