//! Who may call the administrative routes: the API keys of the control record.

use std::sync::{Arc, PoisonError, RwLock};

use constant_time_eq::constant_time_eq_32;
use issuer::{
    Digest, FieldError, Timestamp,
    state::{ApiKeyRecord, ApiKeyScope, Control, Expect, Versioned},
};
use issuer_store::{Outcome, Store};

use crate::{Error, error::ErrorKind, fresh, guard};

/// Attempts to add a key while others change the record.
const MAX_ROUNDS: usize = 32;

/// An API key: 1 to 512 visible ASCII characters, so that a header can carry it. Only its digest is held.
///
/// Take 32 random bytes or more: whoever knows the key may do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiKey(Digest);

impl ApiKey {
    /// Characters of the longest key.
    pub const MAX_CHARS: usize = 512;

    /// # Errors
    /// [`FieldError`] for `IM-API-KEY`: not 1 to 512 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        if text.is_empty() || text.len() > Self::MAX_CHARS || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(FieldError::new(
                "IM-API-KEY",
                "must be 1 to 512 visible ASCII characters",
            ));
        }
        Ok(Self(Digest::of(text.as_bytes())))
    }
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
#[derive(Debug, Default)]
pub(crate) struct ApiKeys(RwLock<Arc<Option<Versioned<Control>>>>);

impl ApiKeys {
    /// Reads the record again.
    pub(crate) fn refresh(&self, store: &dyn Store) -> Result<(), Error> {
        let control = guard::read(|| store.control())?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(control);
        Ok(())
    }

    fn current(&self) -> Arc<Option<Versioned<Control>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn any(&self) -> bool {
        self.current()
            .as_ref()
            .as_ref()
            .is_some_and(|control| !control.value.api_keys.is_empty())
    }

    /// The caller of this key. The comparison takes the same time whichever key it is, or none.
    pub(crate) fn authorize(&self, text: &str, now: Timestamp) -> Option<ApiCaller> {
        let presented = Digest::of(text.as_bytes());
        let current = self.current();
        let keys = current
            .as_ref()
            .as_ref()
            .map(|control| control.value.api_keys.as_slice())
            .unwrap_or_default();
        let mut found = None;
        for key in keys {
            if constant_time_eq_32(key.hash.as_bytes(), presented.as_bytes()) && key.is_live(now) {
                found = Some(key);
            }
        }
        found.map(|key| ApiCaller {
            key: key.hash,
            name: key.name.as_str().into(),
            scope: key.scope,
        })
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
