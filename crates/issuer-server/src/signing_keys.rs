//! The signing keys: a JWK Set in the data folder, made at first use.

use issuer::{
    Timestamp,
    jose::{KeySet, SigningKey, dangerous},
    state::IssuedToken,
};
use issuer_service::{Clock as _, SystemClock};
use issuer_store::{Page, Store, StoreError, UserEntry};
use zeroize::Zeroizing;

use crate::{data_dir::DataDir, failure::Failure, store_url::StoreUrl};

const FILE: &str = "keys.json";

/// Users that are read at a time.
const PAGE: usize = 1_000;

/// The decision where `keys.json` is missing and the store holds live tokens, which no other key can check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LostKeys {
    /// Nothing: the file may still be found.
    Refuse,
    /// Make a new key: `--new-key`.
    Replace,
}

impl LostKeys {
    pub(crate) const fn of_flag(new_key: bool) -> Self {
        if new_key { Self::Replace } else { Self::Refuse }
    }
}

/// Reads the keys. Where there are none, makes the first one: HS256, 32 random bytes, no `kid`.
///
/// A store that holds live tokens had a key before. A new one beside them would end all of them, and the old one could not
/// be put back any more without ending those that were issued since: `lost` says whether that is meant.
pub(crate) fn load_or_create(
    dir: &DataDir,
    store: &dyn Store,
    url: &StoreUrl,
    lost: LostKeys,
) -> Result<KeySet, Failure> {
    if let Some(keys) = load(dir)? {
        return needed(keys, dir, lost);
    }
    let lock = dir.lock()?;
    // Another process may have been first.
    if let Some(keys) = load(dir)? {
        return needed(keys, dir, lost);
    }
    let path = dir.join(FILE);
    let found = count(store)?;
    if found.live > 0 && lost == LostKeys::Refuse {
        return Err(Failure::machine(format!(
            "{}: is missing, and {url} holds {} that no other key can check: put the file back from a backup, or make a new \
             key, which ends these tokens: issuer-server serve --new-key",
            path.display(),
            tokens(found.live)
        )));
    }
    let keys = create(dir, &lock)?;
    if found.live > 0 {
        tracing::warn!(
            path = %path.display(),
            ended_tokens = found.live,
            "made a new signing key, which ends {} that another key had signed",
            tokens(found.live)
        );
    } else if found.users > 0 {
        tracing::warn!(
            path = %path.display(),
            "keys.json was missing: made a new signing key; the store holds users, but no live token that another key signed"
        );
    }
    Ok(keys)
}

/// Warns where no live token was signed with one of these keys: they are probably those of another store. The tokens of
/// the first users tell, so that a start does not take longer with more users.
pub(crate) fn warn_of_foreign(keys: &KeySet, store: &dyn Store, dir: &DataDir) {
    let now = SystemClock::default().timestamp();
    // A store that cannot be read says so to those who need it.
    let users = page(store, None).unwrap_or_default();
    let mut live = users.iter().flat_map(|entry| live_tokens(entry, now)).peekable();
    let is_ours = |token: &IssuedToken| keys.fingerprints().any(|key| key == token.key);
    if live.peek().is_some() && !live.any(is_ours) {
        tracing::warn!(
            path = %dir.join(FILE).display(),
            "none of the live tokens that were looked at was signed with these keys: if the file is that of another store, \
             stop this server and put the right one back"
        );
    }
}

fn needed(keys: KeySet, dir: &DataDir, lost: LostKeys) -> Result<KeySet, Failure> {
    match lost {
        LostKeys::Refuse => Ok(keys),
        // Left in a service's file, the flag would replace the next keys that are lost without a word.
        LostKeys::Replace => Err(Failure::usage(format!(
            "--new-key: {} is there and needs no new key; leave the flag out",
            dir.join(FILE).display()
        ))),
    }
}

fn create(dir: &DataDir, lock: &crate::data_dir::Lock) -> Result<KeySet, Failure> {
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret).map_err(|error| Failure::machine(format!("no random bytes: {error}")))?;
    let key = SigningKey::hs256(*secret).map_err(|error| Failure::machine(error.to_string()))?;
    let keys = KeySet::new(key);
    dir.write_secret(FILE, dangerous::to_jwks(&keys).as_bytes(), lock)?;
    Ok(keys)
}

fn load(dir: &DataDir) -> Result<Option<KeySet>, Failure> {
    let Some(text) = dir.read_secret(FILE)? else {
        return Ok(None);
    };
    let keys = KeySet::from_jwks(&text).map_err(|error| {
        Failure::machine(format!(
            "{}: {error}; restore it from a backup, or move it away and make a new key, which ends the tokens that the old \
             one signed: issuer-server serve --new-key",
            dir.join(FILE).display()
        ))
    })?;
    Ok(Some(keys))
}

#[derive(Default)]
struct Found {
    users: u64,
    /// Tokens that were issued by a server of this store and would be accepted with their key.
    live: u64,
}

/// Reads the whole store. Only where the keys are missing.
fn count(store: &dyn Store) -> Result<Found, StoreError> {
    let now = SystemClock::default().timestamp();
    let mut found = Found::default();
    let mut last = None;
    loop {
        let users = page(store, last.as_ref())?;
        for entry in &users {
            found.users += 1;
            found.live += live_tokens(entry, now).map(|_| 1).sum::<u64>();
        }
        if users.len() < PAGE {
            return Ok(found);
        }
        last = users.last().map(|entry| entry.user.id.clone());
    }
}

fn page(store: &dyn Store, after: Option<&issuer::user::UserId>) -> Result<Vec<UserEntry>, StoreError> {
    let page = store.list(&Page {
        after,
        limit: PAGE,
        ..Page::default()
    })?;
    Ok(page.users)
}

fn live_tokens(entry: &UserEntry, now: Timestamp) -> impl Iterator<Item = &IssuedToken> {
    let live = entry.tokens.iter().filter(move |token| now < token.dead_at());
    live.filter_map(|token| token.issued())
}

fn tokens(count: u64) -> String {
    format!("{count} live token{}", if count == 1 { "" } else { "s" })
}
