//! How a service is set up.

use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use issuer::{
    Lifetime, Timestamp, TokenId,
    decide::{MaxLiveTokens, Policy, Rules, RulesError},
    jose::{Claims, Expected, KeySet, SignError},
    user::UserId,
};
use issuer_store::Store;

use crate::{Clock, Error, SystemClock, TokenService, engine::Settings, live_tokens::LiveTokens};

/// Requests that may wait, where nothing is set.
const QUEUE_BOUND: usize = 4_096;

/// After how long a caller is told so, where nothing is set.
const DEADLINE: Duration = Duration::from_secs(5);

/// How a [`TokenService`] is set up: [`TokenService::builder`]. Every setting has a default that is right for most.
#[must_use]
pub struct Builder {
    store: Box<dyn Store>,
    keys: KeySet,
    rules: Rules,
    clock: Arc<dyn Clock>,
    queue_bound: usize,
    deadline: Duration,
    live_token_bytes: Option<NonZeroUsize>,
}

/// Without keys.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("rules", &self.rules)
            .field("queue_bound", &self.queue_bound)
            .field("deadline", &self.deadline)
            .field("live_token_bytes", &self.live_token_bytes)
            .finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new(store: impl Store + 'static, keys: KeySet) -> Self {
        let mut rules = Rules::new(keys.active_fingerprint());
        for key in keys.fingerprints() {
            rules = rules.with_other_key(key);
        }
        Self {
            store: Box::new(store),
            keys,
            rules,
            clock: Arc::new(SystemClock),
            queue_bound: QUEUE_BOUND,
            deadline: DEADLINE,
            live_token_bytes: None,
        }
    }

    /// How long a token lives. Seven days by default.
    pub fn lifetime(self, lifetime: Lifetime) -> Self {
        Self {
            rules: self.rules.with_lifetime(lifetime),
            ..self
        }
    }

    /// What one token more does. [`Policy::ConflictWhileLive`] by default.
    pub fn policy(self, policy: Policy) -> Self {
        Self {
            rules: self.rules.with_policy(policy),
            ..self
        }
    }

    /// How many live tokens a user may hold. One by default.
    pub fn max_live_tokens(self, max_live_tokens: MaxLiveTokens) -> Self {
        Self {
            rules: self.rules.with_max_live_tokens(max_live_tokens),
            ..self
        }
    }

    /// Refresh ahead: with less than this many seconds left, a token no longer stands in the way of a new
    /// one. 0 by default; shorter than the lifetime.
    pub fn refresh_window(self, seconds: u32) -> Self {
        Self {
            rules: self.rules.with_refresh_window(seconds),
            ..self
        }
    }

    /// The `iss` claim: not empty. None by default, and then no token has one.
    ///
    /// A token that was issued under another issuer, or under none, is dead; so it is with the audience.
    pub fn issuer(self, issuer: &str) -> Self {
        Self {
            rules: self.rules.with_issuer(issuer),
            ..self
        }
    }

    /// The `aud` claim: not empty. None by default, and then no token has one.
    pub fn audience(self, audience: &str) -> Self {
        Self {
            rules: self.rules.with_audience(audience),
            ..self
        }
    }

    /// Another clock, for tests.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// How many requests may wait before the next one is refused with
    /// [`ErrorKind::Overloaded`](crate::ErrorKind::Overloaded). 4,096 by default; at least 1.
    pub fn queue_bound(self, requests: usize) -> Self {
        Self {
            queue_bound: requests.max(1),
            ..self
        }
    }

    /// After how long a caller is told [`ErrorKind::DeadlineExceeded`](crate::ErrorKind::DeadlineExceeded).
    /// Five seconds by default; it is kept to a twentieth of it, or a millisecond.
    ///
    /// A request that was not begun by then never is. One that was is finished all the same:
    /// [`Error::effect`] says which. Blocking reads have none.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Keeps tokens and their users in memory, of about this many bytes together, so that a check of one that was checked
    /// before asks no store. None by default. A token takes some 400 bytes with a short profile, and less than 5 KiB with the
    /// longest; those that nobody asked for lately make room.
    ///
    /// What is written through this service and its clones holds at once, as ever. A revocation that is made past them,
    /// by another process or another service over the same store, is **not seen**: set this only where nobody else
    /// writes.
    pub fn cache_live_tokens(self, bytes: NonZeroUsize) -> Self {
        Self {
            live_token_bytes: Some(bytes),
            ..self
        }
    }

    /// Checks the settings, starts the threads of the service, and has the API keys read on one of them: the calling thread
    /// waits for that, for as long as the store takes. After an error the store is closed.
    ///
    /// # Errors
    /// [`BuildError`]: settings that contradict each other, a store that cannot be read, no threads to be had.
    pub fn build(self) -> Result<TokenService, BuildError> {
        let checked = self.check();
        let service = self.start()?;
        let read_keys = || service.read_keys()?.wait(Duration::ZERO);
        match checked.and_then(|()| read_keys().map_err(BuildError::Store)) {
            Ok(()) => Ok(service),
            Err(error) => {
                service.shutdown();
                Err(error)
            }
        }
    }

    /// The same for async hosts: no thread of their runtime waits.
    ///
    /// # Errors
    /// As [`build`](Builder::build).
    pub async fn build_async(self) -> Result<TokenService, BuildError> {
        let checked = self.check();
        let service = self.start()?;
        let read_keys = async || service.read_keys()?.answer().await;
        let ready = match checked {
            Ok(()) => read_keys().await.map_err(BuildError::Store),
            Err(error) => Err(error),
        };
        match ready {
            Ok(()) => Ok(service),
            Err(error) => {
                service.close().await;
                Err(error)
            }
        }
    }

    fn check(&self) -> Result<(), BuildError> {
        self.rules.check().map_err(BuildError::Rules)?;
        if [self.rules.issuer(), self.rules.audience()].contains(&Some("")) {
            return Err(BuildError::EmptyClaim);
        }
        self.sign_the_longest().map_err(BuildError::Claims)
    }

    /// Whatever the settings are worth: from here on the store is closed on a thread of the service.
    fn start(self) -> Result<TokenService, BuildError> {
        let mut expected = Expected::new();
        if let Some(issuer) = self.rules.issuer() {
            expected = expected.issuer(issuer);
        }
        if let Some(audience) = self.rules.audience() {
            expected = expected.audience(audience);
        }
        let settings = Settings {
            keys: self.keys,
            rules: self.rules,
            expected,
            clock: self.clock,
            queue_bound: self.queue_bound,
            deadline: self.deadline,
            live: match self.live_token_bytes {
                Some(bytes) => LiveTokens::at_most(bytes.get()),
                None => LiveTokens::none(),
            },
        };
        TokenService::start(settings, self.store).map_err(BuildError::Threads)
    }

    /// Signs the longest token that these settings allow, so that no request fails on its length later.
    fn sign_the_longest(&self) -> Result<(), SignError> {
        // Two bytes each in JSON.
        let subject = "\"".repeat(UserId::MAX_BYTES);
        let claims = Claims {
            issuer: self.rules.issuer(),
            subject: &subject,
            audience: self.rules.audience(),
            issued_at: Timestamp::MAX,
            expires_at: Timestamp::MAX,
            token_id: TokenId::from_bytes([0; 16]),
        };
        self.keys.sign(&claims).map(drop)
    }
}

/// Why a service does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// Settings that contradict each other.
    Rules(RulesError),
    /// `iss` or `aud` is an empty string, which says nothing: leave it out instead.
    EmptyClaim,
    /// `iss` and `aud` make the longest token longer than a token may be.
    Claims(SignError),
    /// The store cannot be read.
    Store(Error),
    /// The system gives no threads.
    Threads(std::io::Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rules(error) => error.fmt(f),
            Self::EmptyClaim => f.write_str("issuer and audience must not be empty; leave them out instead"),
            Self::Claims(_) => f.write_str("issuer and audience are too long: no token would be accepted"),
            Self::Store(error) => error.fmt(f),
            Self::Threads(_) => f.write_str("no thread could be started"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Those that `Display` forwards have said their message.
            Self::Rules(error) => error.source(),
            Self::EmptyClaim => None,
            Self::Claims(error) => Some(error),
            Self::Store(error) => error.source(),
            Self::Threads(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_names_the_defaults() {
        let page = include_str!("builder.rs");
        assert_eq!((QUEUE_BOUND, DEADLINE.as_secs()), (4_096, 5));
        assert_eq!(Lifetime::default(), Lifetime::from_days(7).unwrap());
        assert_eq!(MaxLiveTokens::default().get(), 1);
        for said in [
            "4,096 by default; at least 1.",
            "Five seconds by default;",
            "How long a token lives. Seven days by default.",
            "How many live tokens a user may hold. One by default.",
        ] {
            assert!(page.contains(said), "{said}");
        }
    }
}
