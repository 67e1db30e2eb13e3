//! The calls of a host.

use std::{fmt, sync::Arc, thread};

use issuer::{
    decide::{Issue, Revoke, RevokeTarget, Revoked, Rules},
    jose::{KeySet, Verified},
    state::{TokenState, UserRecord},
    user::{NewUser, UserId},
};
use issuer_store::Store;

use crate::{
    ApiCaller, ApiKey, Blocking, Builder, Error, Issued,
    check::Known,
    engine::{Engine, Settings},
    reader::{Find, Read},
    reply::Pending,
    token_text::Claimed,
};

/// Issues, checks and revokes the access tokens of users. Clones share one service.
///
/// Async calls run on any runtime, [`blocking`](TokenService::blocking) ones need none. A call is handed in
/// when its future is first polled; one whose future is dropped is carried out whole or not at all.
///
/// Dropping the last clone does what [`shutdown`](TokenService::shutdown) does, and waits as long: an async host calls
/// [`close`](TokenService::close) before. The store is called on the service's own threads, and dropped there; reads of
/// [`blocking`](TokenService::blocking) calls alone run on their caller's.
#[derive(Clone)]
pub struct TokenService(Arc<Engine>);

/// Without keys and records.
impl fmt::Debug for TokenService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenService")
            .field("rules", self.rules())
            .finish_non_exhaustive()
    }
}

impl TokenService {
    /// A service over this store that signs with these keys.
    pub fn builder(store: impl Store + 'static, keys: KeySet) -> Builder {
        Builder::new(store, keys)
    }

    /// The same calls for hosts without an async runtime.
    pub fn blocking(&self) -> Blocking<'_> {
        Blocking::new(&self.0)
    }

    /// Creates the user, or updates the profile, and issues a token; with an idempotency key, a repeated
    /// request gets the very same token. It returns once the token is as durable as the store promises.
    ///
    /// # Errors
    /// [`Refusal::UserExists`] while the user's tokens live, [`Refusal::IdempotencyKeyReused`],
    /// [`Refusal::IdempotentTokenDead`], and [`Refusal::ClockOutOfRange`] where the token would outlive the
    /// year 9999; or what [`ErrorKind`] says of the service and the store.
    ///
    /// [`Refusal::UserExists`]: issuer::decide::Refusal::UserExists
    /// [`Refusal::IdempotencyKeyReused`]: issuer::decide::Refusal::IdempotencyKeyReused
    /// [`Refusal::IdempotentTokenDead`]: issuer::decide::Refusal::IdempotentTokenDead
    /// [`Refusal::ClockOutOfRange`]: issuer::decide::Refusal::ClockOutOfRange
    /// [`ErrorKind`]: crate::ErrorKind
    pub async fn issue(&self, request: impl Into<Issue>) -> Result<Issued, Error> {
        let issued = self.0.submit(request.into())?.answer().await?;
        self.0.settings().sign(issued)
    }

    /// Creates the user or updates the profile; tokens stay as they are.
    ///
    /// # Errors
    /// What [`ErrorKind`](crate::ErrorKind) says of the service and the store.
    pub async fn write_profile(&self, user: NewUser) -> Result<UserRecord, Error> {
        self.0.submit(user)?.answer().await
    }

    /// The user of a live token: verified, then looked up.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`](issuer::decide::Refusal::InvalidToken) with the reason; or what
    /// [`ErrorKind`](crate::ErrorKind) says of the service and the store.
    pub async fn authenticate(&self, token: &str) -> Result<UserRecord, Error> {
        self.inspect(token).await.map(|state| state.user)
    }

    /// A live token and its user, as they are stored.
    ///
    /// # Errors
    /// As [`authenticate`](TokenService::authenticate).
    pub async fn inspect(&self, token: &str) -> Result<TokenState, Error> {
        let claimed = self.0.claimed(token)?;
        Ok(Arc::unwrap_or_clone(self.state_of(&claimed).await?))
    }

    /// The claims of a live token: verified, then looked up. It copies no user, and so is the cheapest check that sees
    /// a revocation.
    ///
    /// # Errors
    /// As [`authenticate`](TokenService::authenticate).
    pub async fn check(&self, token: &str) -> Result<Verified, Error> {
        let claimed = self.0.claimed(token)?;
        self.state_of(&claimed).await?;
        Ok(claimed.claims)
    }

    /// The claims of a token whose signature, dates, issuer and audience hold. **No store is asked: a revoked token
    /// passes**, and so does that of a user who was deleted.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`](issuer::decide::Refusal::InvalidToken) with the reason.
    pub fn verify_without_store(&self, token: &str) -> Result<Verified, Error> {
        self.0.claimed(token).map(|claimed| claimed.claims)
    }

    async fn state_of(&self, claimed: &Claimed) -> Result<Arc<TokenState>, Error> {
        match self.0.known(claimed)? {
            Known::Live(state) => Ok(state),
            Known::Ask(since) => {
                let (user, id) = (claimed.user()?, claimed.id);
                let found = self.0.read(|reply| Read::Find(Find { user, id, reply }))?;
                self.0.found(claimed, since, found.answer().await?)
            }
        }
    }

    /// Revokes every token of the user, at once.
    ///
    /// # Errors
    /// [`Refusal::ClientNotFound`](issuer::decide::Refusal::ClientNotFound); or what
    /// [`ErrorKind`](crate::ErrorKind) says of the service and the store.
    pub async fn revoke_all(&self, user: &UserId) -> Result<Revoked, Error> {
        self.0
            .submit(Revoke {
                user: user.clone(),
                target: RevokeTarget::All,
            })?
            .answer()
            .await
    }

    /// Revokes this token of the user, at once.
    ///
    /// # Errors
    /// [`Refusal::ClientNotFound`](issuer::decide::Refusal::ClientNotFound);
    /// [`Refusal::TokenNotFound`](issuer::decide::Refusal::TokenNotFound) where the token is dead, another
    /// user's or unknown; or what [`ErrorKind`](crate::ErrorKind) says of the service and the store.
    pub async fn revoke(&self, user: &UserId, token: &str) -> Result<Revoked, Error> {
        let target = RevokeTarget::Token(self.0.settings().name_of(token));
        self.0
            .submit(Revoke {
                user: user.clone(),
                target,
            })?
            .answer()
            .await
    }

    /// Checks that the store answers and can be written: its last write worked, less than 5 seconds ago, or else a test write
    /// does, which writes what is there already. Within a second after a test write that failed, whoever asks gets the same
    /// answer. A test write is small, and fits on a full disk where others do not: in the 30 seconds after a write that found
    /// no space only another write tells that there is some.
    ///
    /// # Errors
    /// What [`ErrorKind`](crate::ErrorKind) says of the service and the store.
    pub async fn ready(&self) -> Result<(), Error> {
        self.0.ready()?.answer().await
    }

    /// Adds an API key with full scope, unless its hash is known already: a revoked one stays revoked. Only
    /// the hash is stored.
    ///
    /// # Errors
    /// [`ErrorKind::Contended`](crate::ErrorKind::Contended) if others change the keys again and again; or what
    /// [`ErrorKind`](crate::ErrorKind) says of the service and the store.
    pub async fn add_api_key(&self, name: &str, key: ApiKey) -> Result<(), Error> {
        self.0.add_api_key(name, key)?.answer().await
    }

    /// The caller whose API key this is; `None` if it is unknown, revoked or expired. It takes the same time
    /// whichever it is, does not wait for the store, and a change to the keys holds within a second.
    ///
    /// # Errors
    /// Where the keys could not be read again for five seconds, nobody knows which of them are good: what
    /// [`ErrorKind`](crate::ErrorKind) says of the service and the store.
    pub fn authorize(&self, api_key: &str) -> Result<Option<ApiCaller>, Error> {
        self.0.accepting()?;
        self.0.api_keys().authorize(api_key, self.0.settings().now())
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        &self.0.settings().rules
    }

    /// Stops accepting, finishes what was accepted, closes the store, and returns, whatever clones there are; callers that
    /// come later are told [`ErrorKind::ShuttingDown`](crate::ErrorKind::ShuttingDown).
    ///
    /// A host calls it as the last thing, once its server has answered its last request (with axum, after
    /// `with_graceful_shutdown`).
    ///
    /// It may be called again, and from several tasks: each call returns when all is finished. A future that is dropped
    /// stops the service all the same.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        let engine = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("issuer-close".to_owned());
        let spawned = thread.spawn(move || {
            engine.stop();
            drop(engine);
            // Nobody waits any more where this fails.
            let _ = done.send(());
        });
        match spawned {
            // The thread sends, or is gone: either way it has done what it could.
            Ok(_) => drop(closed.await),
            Err(_) => self.0.stop(),
        }
    }

    /// The same for hosts without an async runtime: it blocks for as long as the store takes.
    ///
    /// On a thread of the service itself, where a runtime may go on with a task that was answered, it does not wait.
    pub fn shutdown(&self) {
        self.0.stop();
    }

    pub(crate) fn start(settings: Settings, store: Box<dyn Store>) -> std::io::Result<Self> {
        Engine::start(settings, store).map(|engine| Self(Arc::new(engine)))
    }

    pub(crate) fn read_keys(&self) -> Result<Pending<()>, Error> {
        self.0.read_keys()
    }
}

#[cfg(test)]
mod tests {
    use issuer::jose::SigningKey;
    use issuer_store::MemoryStore;

    use super::*;

    #[test]
    fn the_documentation_of_the_crate_counts_the_threads() {
        let keys = KeySet::new(SigningKey::hs256([7; 32]).unwrap());
        let tokens = TokenService::builder(MemoryStore::new(), keys).build().unwrap();
        assert_eq!(tokens.0.thread_count(), 6);
        let page = include_str!("lib.rs");
        assert!(page.contains("Six threads") && page.contains("Two read for async callers"));
    }
}
