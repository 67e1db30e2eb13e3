//! Who may call the administrative routes: the API keys of the control record.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, Instant},
};

use constant_time_eq::constant_time_eq_32;
use issuer::{
    Digest, FieldError, Timestamp,
    state::{ApiKeyRecord, ApiKeyScope, Control, Expect, Versioned},
};
use issuer_store::{Outcome, Store};

use crate::{Error, error::ErrorKind, fresh, guard};

/// Attempts to add a key while others change the record.
const MAX_ROUNDS: usize = 32;

/// For how long keys are good that could not be read again: a key that was revoked meanwhile, or in a record
/// that only a newer version reads, must not work for ever.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// An API key: 22 to 512 visible ASCII characters, at least 10 of them different, so that a header can carry it and nobody can
/// guess it. Only its digest is held.
///
/// Take 32 random bytes or more: whoever knows the key may do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiKey(Digest);

impl ApiKey {
    /// Characters of the shortest key: 16 random bytes in base64.
    pub const MIN_CHARS: usize = 22;

    /// Characters of the longest key.
    pub const MAX_CHARS: usize = 512;

    /// The fewest different characters of a key.
    pub const MIN_DIFFERENT_CHARS: usize = 10;

    /// Takes the digest of a key's text.
    ///
    /// # Errors
    /// [`FieldError`] for `IM-API-KEY`, naming the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        match broken_rule(text) {
            Some(rule) => Err(FieldError::new("IM-API-KEY", rule)),
            None => Ok(Self(Digest::of(text.as_bytes()))),
        }
    }
}

/// The rule that the text of a key breaks; first those about characters that come along when a key is copied.
fn broken_rule(text: &str) -> Option<&'static str> {
    let is_quoted = |quote| text.starts_with(quote) || text.ends_with(quote);
    if text.is_empty() {
        Some("must not be empty")
    } else if text.starts_with('\u{feff}') {
        Some("must not begin with a byte order mark")
    } else if text.trim() != text {
        Some("must not begin or end with white space or a line break")
    } else if is_quoted('"') || is_quoted('\'') {
        Some("must not be in quotes")
    } else if !text.bytes().all(|b| b.is_ascii_graphic()) || text.len() > ApiKey::MAX_CHARS {
        Some("must be 22 to 512 visible ASCII characters")
    } else if text.len() < ApiKey::MIN_CHARS {
        Some("must be 22 to 512 visible ASCII characters, such as 32 random bytes in base64")
    } else if different_chars(text) < ApiKey::MIN_DIFFERENT_CHARS {
        Some("must have 10 different characters or more, such as 32 random bytes in base64")
    } else {
        None
    }
}

fn different_chars(text: &str) -> usize {
    let mut chars: Vec<char> = text.chars().collect();
    chars.sort_unstable();
    chars.dedup();
    chars.len()
}

/// A caller whose API key is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiCaller {
    key: Digest,
    name: Arc<str>,
    scope: ApiKeyScope,
}

impl ApiCaller {
    /// What tells this caller from others, for [`IdempotencyKey::new`](issuer::decide::IdempotencyKey::new).
    pub const fn id(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// What an operator calls the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key may do.
    pub const fn scope(&self) -> ApiKeyScope {
        self.scope
    }
}

/// The control record as it was read last.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    known: RwLock<Known>,
    /// Held while the record is read, so that what was read earlier never arrives later.
    reading: Mutex<()>,
}

#[derive(Debug)]
struct Known {
    keys: Vec<ApiKeyRecord>,
    /// When the reading began.
    read_at: Instant,
    /// Why it could not be read again.
    failure: Option<Error>,
}

impl ApiKeys {
    /// None, until the record was read.
    pub(crate) fn unread() -> Self {
        let known = Known {
            keys: Vec::new(),
            read_at: Instant::now(),
            failure: None,
        };
        Self {
            known: RwLock::new(known),
            reading: Mutex::default(),
        }
    }

    /// Reads the record, for the first time or again.
    pub(crate) fn refresh(&self, store: &dyn Store) -> Result<(), Error> {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let read = Known::read(store);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(now) => *known = now,
            Err(error) => {
                known.failure = Some(error.clone());
                return Err(error);
            }
        }
        Ok(())
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn any(&self) -> bool {
        !self.known().keys.is_empty()
    }

    /// The caller of this key. The comparison takes the same time whichever key it is, or none.
    pub(crate) fn authorize(&self, text: &str, now: Timestamp) -> Result<Option<ApiCaller>, Error> {
        let presented = Digest::of(text.as_bytes());
        let known = self.known();
        if known.read_at.elapsed() > GOOD_FOR {
            let hangs = || Error::new(ErrorKind::DeadlineExceeded);
            return Err(known.failure.clone().unwrap_or_else(hangs));
        }
        let mut found = None;
        for key in &known.keys {
            if constant_time_eq_32(key.hash.as_bytes(), presented.as_bytes()) {
                found = Some(key);
            }
        }
        Ok(found.filter(|key| key.is_live(now)).map(|key| ApiCaller {
            key: key.hash,
            name: key.name.as_str().into(),
            scope: key.scope,
        }))
    }

    /// Adds a key with full scope, unless its hash is known: a revoked key stays revoked.
    pub(crate) fn add(
        &self,
        store: &dyn Store,
        name: &str,
        key: ApiKey,
        now: Timestamp,
    ) -> Result<(), Error> {
        let ApiKey(hash) = key;
        for _ in 0..MAX_ROUNDS {
            let control = guard::read(|| store.control())?;
            let (expect, mut keys) = match control {
                Some(control) => (Expect::Version(control.version), control.value),
                None => (Expect::Absent, Control::default()),
            };
            if keys.api_keys.iter().any(|key| key.hash == hash) {
                return self.refresh(store);
            }
            keys.api_keys.push(ApiKeyRecord {
                name: name.to_owned(),
                hash,
                scope: ApiKeyScope::Full,
                created_at: now,
                expires_at: None,
                revoked_at: None,
            });
            let next: Versioned<Control> = Versioned {
                version: fresh::version(),
                value: keys,
            };
            match guard::write(|| store.set_control(expect, &next))? {
                Outcome::Applied => return self.refresh(store),
                Outcome::Conflict => {}
            }
        }
        Err(Error::new(ErrorKind::Contended))
    }
}

impl Known {
    fn read(store: &dyn Store) -> Result<Self, Error> {
        let read_at = Instant::now();
        let control = guard::read(|| store.control())?;
        Ok(Self {
            keys: control.map_or_else(Vec::new, |control| control.value.api_keys),
            read_at,
            failure: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> &'static str {
        ApiKey::parse(text).unwrap_err().rule()
    }

    #[test]
    fn the_rules_name_the_numbers_of_the_constants() {
        let length = format!("must be {} to {} visible", ApiKey::MIN_CHARS, ApiKey::MAX_CHARS);
        assert!(rule("short").starts_with(&length));
        assert!(rule(&"0123456789ab".repeat(100)).starts_with(&length));
        let different = format!("must have {} different", ApiKey::MIN_DIFFERENT_CHARS);
        assert!(rule(&"abcdefghi".repeat(9)).starts_with(&different));
    }

    #[test]
    fn a_key_that_could_be_guessed_is_refused_and_one_of_16_random_bytes_is_taken() {
        for good in [
            "Dd8fQ1k2Zp0aR7sT5uVwXy",
            "correct-horse-battery-staple",
            "9f86d081884c7d659a2feaa0c55ad015",
        ] {
            assert!(ApiKey::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "a",
            "password",
            "Dd8fQ1k2Zp0aR7sT5uVwX",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "",
        ] {
            assert!(ApiKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_came_along_with_a_copied_key_is_named() {
        let key = "c2VydmVyIHRlc3QgYXBpIGtleSwgMzIgYnl0ZXMgISE=";
        assert!(ApiKey::parse(key).is_ok());
        assert!(rule(&format!("\u{feff}{key}")).contains("byte order mark"));
        for space in ["\n", "\r\n", " ", "\t", "\u{a0}"] {
            assert!(
                rule(&format!("{key}{space}")).contains("white space"),
                "{space:?}"
            );
            assert!(
                rule(&format!("{space}{key}")).contains("white space"),
                "{space:?}"
            );
        }
        for quote in ['"', '\''] {
            assert!(rule(&format!("{quote}{key}{quote}")).contains("quotes"));
        }
        assert!(rule(&format!("{key} {key}")).contains("visible ASCII"));
    }

    #[test]
    fn the_documentation_says_for_how_long_keys_are_good_that_cannot_be_read_again() {
        assert_eq!(GOOD_FOR.as_secs(), 5);
        let pages = [
            include_str!("service.rs"),
            include_str!("../../../docs/design.md"),
            include_str!("../../../docs/security.md"),
        ];
        for page in pages {
            assert!(page.contains("for five seconds"));
        }
    }
}
