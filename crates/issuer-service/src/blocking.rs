//! The calls of a host without an async runtime.

use std::{fmt, sync::Arc, time::Duration};

use issuer::{
    decide::{Issue, Revoke, RevokeTarget, Revoked},
    jose::Verified,
    state::{TokenState, UserRecord},
    user::{NewUser, UserId},
};
use issuer_store::TokenRef;

use crate::{ApiKey, Error, Issued, check::Known, engine::Engine, guard, token_text::Claimed};

/// The calls of [`TokenService`](crate::TokenService), for threads that may block. Errors are as there.
#[derive(Clone, Copy)]
pub struct Blocking<'a>(&'a Engine);

impl fmt::Debug for Blocking<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}

impl<'a> Blocking<'a> {
    pub(crate) const fn new(engine: &'a Engine) -> Self {
        Self(engine)
    }

    /// As [`TokenService::issue`](crate::TokenService::issue).
    ///
    /// # Errors
    /// As there.
    pub fn issue(self, request: impl Into<Issue>) -> Result<Issued, Error> {
        let issued = self.0.submit_and_wait(request.into())?;
        self.0.settings().sign(issued)
    }

    /// As [`TokenService::write_profile`](crate::TokenService::write_profile).
    ///
    /// # Errors
    /// As there.
    pub fn write_profile(self, user: NewUser) -> Result<UserRecord, Error> {
        self.0.submit_and_wait(user)
    }

    /// As [`TokenService::authenticate`](crate::TokenService::authenticate).
    ///
    /// # Errors
    /// As there.
    pub fn authenticate(self, token: &str) -> Result<UserRecord, Error> {
        self.inspect(token).map(|state| state.user)
    }

    /// As [`TokenService::inspect`](crate::TokenService::inspect); reads on the caller's own
    /// thread, for as long as the store takes: there is no deadline.
    ///
    /// # Errors
    /// As there.
    pub fn inspect(self, token: &str) -> Result<TokenState, Error> {
        let claimed = self.0.claimed(token)?;
        self.state_of(&claimed).map(Arc::unwrap_or_clone)
    }

    /// As [`TokenService::check`](crate::TokenService::check), on the caller's own thread.
    ///
    /// # Errors
    /// As there.
    pub fn check(self, token: &str) -> Result<Verified, Error> {
        let claimed = self.0.claimed(token)?;
        self.state_of(&claimed).map(|_| claimed.claims)
    }

    fn state_of(self, claimed: &Claimed) -> Result<Arc<TokenState>, Error> {
        match self.0.known(claimed)? {
            Known::Live(state) => Ok(state),
            Known::Ask(since) => {
                let user = claimed.user()?;
                let wanted = [TokenRef::Issued {
                    user: &user,
                    id: claimed.id,
                }];
                let store = self.0.store()?;
                let found = guard::read_all(wanted.len(), || store.find(&wanted))?;
                self.0.found(claimed, since, found.into_iter().next().flatten())
            }
        }
    }

    /// As [`TokenService::revoke_all`](crate::TokenService::revoke_all).
    ///
    /// # Errors
    /// As there.
    pub fn revoke_all(self, user: &UserId) -> Result<Revoked, Error> {
        self.0.submit_and_wait(Revoke {
            user: user.clone(),
            target: RevokeTarget::All,
        })
    }

    /// As [`TokenService::revoke`](crate::TokenService::revoke).
    ///
    /// # Errors
    /// As there.
    pub fn revoke(self, user: &UserId, token: &str) -> Result<Revoked, Error> {
        let target = RevokeTarget::Token(self.0.settings().name_of(token));
        self.0.submit_and_wait(Revoke {
            user: user.clone(),
            target,
        })
    }

    /// Adds an API key with full scope, unless its hash is known already: a revoked one stays revoked. Only
    /// the hash is stored.
    ///
    /// # Errors
    /// [`ErrorKind::Contended`](crate::ErrorKind::Contended) if others change the keys again and again; or what
    /// [`ErrorKind`](crate::ErrorKind) says of the service and the store.
    pub fn add_api_key(self, name: &str, key: ApiKey) -> Result<(), Error> {
        self.0.add_api_key(name, key)?.wait(Duration::ZERO)
    }

    /// Whether the store knows any API key, be it revoked or expired, as of the last second.
    pub fn has_api_keys(self) -> bool {
        self.0.api_keys().any()
    }
}
