//! The calls of a host.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use issuer::{
    Digest, Timestamp, TokenId,
    decide::{self, Dead, Issue, IssuedRecord, Refusal, Revoke, RevokeTarget, Revoked, Rules},
    jose::{Claims, Expected, KeySet, VerifyError},
    state::{TokenBody, TokenName, TokenState, UserRecord},
    user::{NewUser, UserId},
};
use issuer_store::{Effect, Store};

use crate::{
    ApiCaller, Blocking, BuildError, Builder, Clock, Error, Issued,
    api_keys::ApiKeys,
    call::{Call, Caller, Job},
    clock,
    deadlines::Deadlines,
    error::ErrorKind,
    guard,
    keeper::Keeper,
    queue::Queue,
    reader::{self, Find, Read},
    reply::{self, Pending, Reply},
    writer::Writer,
};

/// Threads that read for async callers: one reads while the other waits for a page of the disk.
const READERS: usize = 2;

/// Issues, checks and revokes the access tokens of users. Clones share one service.
///
/// Async calls run on any runtime, [`blocking`](TokenService::blocking) ones need none. A call whose future
/// is dropped is carried out whole or not at all. Dropping the last clone finishes what was accepted; it
/// waits for the store, so that an async host rather calls [`shutdown`](TokenService::shutdown) on a thread
/// that may block.
#[derive(Clone)]
pub struct TokenService(Arc<Inner>);

pub(crate) struct Settings {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: KeySet,
    pub(crate) rules: Rules,
    pub(crate) expected: Expected,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) queue_bound: usize,
    pub(crate) deadline: Duration,
}

struct Inner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads of the service hold, too.
struct Shared {
    settings: Settings,
    writes: Queue<Box<dyn Job>>,
    reads: Queue<Read>,
    deadlines: Deadlines,
    keeper: Keeper,
    api_keys: ApiKeys,
}

impl TokenService {
    /// A service over this store that signs with these keys.
    pub fn builder(store: impl Store + 'static, keys: KeySet) -> Builder {
        Builder::new(store, keys)
    }

    /// The same calls for hosts without an async runtime.
    pub const fn blocking(&self) -> Blocking<'_> {
        Blocking::new(self)
    }

    /// Creates the user, or updates the profile, and issues a token; with an idempotency key, a repeated
    /// request gets the very same token. It returns once the token is as durable as the store promises.
    ///
    /// # Errors
    /// [`Refusal::UserExists`] while the user's tokens live, [`Refusal::IdempotencyKeyReused`] and
    /// [`Refusal::IdempotentTokenDead`]; or what [`ErrorKind`] says of the service and the store.
    pub async fn issue(&self, request: impl Into<Issue>) -> Result<Issued, Error> {
        let issued = self.submit(request.into())?.answer().await?;
        self.sign(issued)
    }

    /// Creates the user or updates the profile; tokens stay as they are.
    ///
    /// # Errors
    /// What [`ErrorKind`] says of the service and the store.
    pub async fn write_profile(&self, user: NewUser) -> Result<UserRecord, Error> {
        self.submit(user)?.answer().await
    }

    /// The user of a live token: verified, then looked up.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] with the reason; or what [`ErrorKind`] says of the service and the store.
    pub async fn authenticate(&self, token: &str) -> Result<UserRecord, Error> {
        self.inspect(token).await.map(|state| state.user)
    }

    /// A live token and its user, as they are stored.
    ///
    /// # Errors
    /// As [`authenticate`](TokenService::authenticate).
    pub async fn inspect(&self, token: &str) -> Result<TokenState, Error> {
        let claimed = self.verify(token)?;
        let user = claimed.user.clone();
        let id = claimed.id;
        let found = self.read(|reply| Read::Find(Find { user, id, reply }))?;
        self.judge(&claimed, found.answer().await?)
    }

    /// Revokes every token of the user, at once.
    ///
    /// # Errors
    /// [`Refusal::ClientNotFound`]; or what [`ErrorKind`] says of the service and the store.
    pub async fn revoke_all(&self, user: &UserId) -> Result<Revoked, Error> {
        self.submit(Revoke {
            user: user.clone(),
            target: RevokeTarget::All,
        })?
        .answer()
        .await
    }

    /// Revokes this token of the user, at once.
    ///
    /// # Errors
    /// [`Refusal::ClientNotFound`]; [`Refusal::TokenNotFound`] where the token is dead, another user's or
    /// unknown; or what [`ErrorKind`] says of the service and the store.
    pub async fn revoke(&self, user: &UserId, token: &str) -> Result<Revoked, Error> {
        let target = RevokeTarget::Token(self.name_of(token));
        self.submit(Revoke {
            user: user.clone(),
            target,
        })?
        .answer()
        .await
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// What [`ErrorKind`] says of the service and the store.
    pub async fn ready(&self) -> Result<(), Error> {
        self.read(|reply| reader::ask(reply, |store| guard::read(|| store.control()).map(drop)))?
            .answer()
            .await
    }

    /// The caller whose API key this is; `None` if it is unknown, revoked or expired. It takes the same time
    /// whichever it is, and a change to the keys holds within a second.
    pub fn authorize(&self, api_key: &str) -> Option<ApiCaller> {
        self.0.shared.api_keys.authorize(api_key, self.now())
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        &self.0.shared.settings.rules
    }

    /// Stops accepting, finishes what was accepted, and returns. Blocks; may be called more than once.
    pub fn shutdown(&self) {
        self.0.stop();
    }

    pub(crate) fn start(settings: Settings) -> Result<Self, BuildError> {
        let shared = Arc::new(Shared {
            writes: Queue::new(settings.queue_bound),
            reads: Queue::new(settings.queue_bound),
            deadlines: Deadlines::new(settings.deadline),
            keeper: Keeper::default(),
            api_keys: ApiKeys::default(),
            settings,
        });
        shared
            .api_keys
            .refresh(&*shared.settings.store)
            .map_err(BuildError::Store)?;
        let service = Self(Arc::new(Inner {
            shared,
            threads: Mutex::default(),
        }));
        service.spawn("issuer-writer", Shared::write)?;
        for _ in 0..READERS {
            service.spawn("issuer-reader", Shared::read)?;
        }
        service.spawn("issuer-deadline", |shared| shared.deadlines.run())?;
        service.spawn("issuer-keeper", Shared::keep)?;
        Ok(service)
    }

    fn spawn(&self, name: &str, work: fn(&Shared)) -> Result<(), BuildError> {
        let shared = self.0.shared.clone();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&shared));
        self.0.threads().push(thread.map_err(BuildError::Threads)?);
        Ok(())
    }

    /// Hands a call to the writer.
    pub(crate) fn submit<C: Call + 'static>(&self, call: C) -> Result<Pending<C::Answer>, Error> {
        let (reply, pending) = reply::channel();
        let watched = reply.watched();
        self.0.shared.writes.push(Box::new(Caller::new(call, reply)))?;
        self.0.shared.deadlines.watch(watched);
        Ok(pending)
    }

    /// Hands a question to the readers.
    fn read<T: Send + 'static>(&self, read: impl FnOnce(Reply<T>) -> Read) -> Result<Pending<T>, Error> {
        let (reply, pending) = reply::channel();
        let watched = reply.watched();
        self.0.shared.reads.push(read(reply))?;
        self.0.shared.deadlines.watch(watched);
        Ok(pending)
    }

    /// Signs a token from the record that was committed: the same record, the same bytes.
    pub(crate) fn sign(&self, issued: IssuedRecord) -> Result<Issued, Error> {
        let IssuedRecord { user, token } = issued;
        let TokenBody::Issued(body) = &token.body else {
            return Err(Error::new(ErrorKind::Internal));
        };
        let claims = Claims {
            issuer: body.issuer.as_deref(),
            subject: user.id.as_str(),
            audience: body.audience.as_deref(),
            issued_at: token.created_at,
            expires_at: token.expires_at,
            token_id: body.id,
        };
        // The rules let no key but those of the set stand in a live record, and the builder has signed the
        // longest token there is.
        let signed = self.0.shared.settings.keys.sign_with(body.key, &claims);
        let text = signed.map_err(|_| Error::new(ErrorKind::Internal).with_effect(Effect::Unknown))?;
        Ok(Issued {
            token: text,
            expires_at: token.expires_at,
            user,
        })
    }

    /// What a token claims, if its text, its signature and its claims hold.
    pub(crate) fn verify(&self, token: &str) -> Result<Claimed, Refusal> {
        let settings = &self.0.shared.settings;
        let verified = settings
            .keys
            .verify(token, &settings.expected, self.now())
            .map_err(dead)?;
        let user = UserId::parse(verified.subject()).map_err(|_| Refusal::InvalidToken(Dead::Unverified))?;
        let id = verified
            .token_id()
            .ok_or(Refusal::InvalidToken(Dead::Unverified))?;
        Ok(Claimed {
            user,
            id,
            expires_at: verified.expires_at(),
            key: verified.key(),
        })
    }

    /// Whether what the store knows makes the token live.
    pub(crate) fn judge(&self, claimed: &Claimed, found: Option<TokenState>) -> Result<TokenState, Error> {
        let state = found.ok_or(Refusal::InvalidToken(Dead::Unknown))?;
        let same = state.token.expires_at == claimed.expires_at
            && state
                .token
                .issued()
                .is_some_and(|issued| issued.key == claimed.key);
        if !same {
            return Err(Refusal::InvalidToken(Dead::Unknown).into());
        }
        decide::check(&state.token, &self.0.shared.settings.rules, self.now())
            .map_err(Refusal::InvalidToken)?;
        Ok(state)
    }

    /// The name under which a store may know this text: that of a token of ours, if it verifies as one,
    /// else that of an assigned one.
    pub(crate) fn name_of(&self, token: &str) -> TokenName {
        match self.verify(token) {
            Ok(claimed) => TokenName::Issued(claimed.id),
            Err(_) => TokenName::Assigned(Digest::of(token.as_bytes())),
        }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.shared.settings.store
    }

    pub(crate) fn api_keys(&self) -> &ApiKeys {
        &self.0.shared.api_keys
    }

    pub(crate) fn now(&self) -> Timestamp {
        clock::seconds(self.0.shared.settings.clock.now())
    }
}

/// What a verified token says, owned.
pub(crate) struct Claimed {
    pub(crate) user: UserId,
    pub(crate) id: TokenId,
    expires_at: Timestamp,
    key: issuer::KeyFingerprint,
}

fn dead(error: VerifyError) -> Refusal {
    Refusal::InvalidToken(match error {
        VerifyError::Expired => Dead::Expired,
        VerifyError::Issuer => Dead::Issuer,
        VerifyError::Audience => Dead::Audience,
        VerifyError::UnknownKey => Dead::KeyGone,
        _ => Dead::Unverified,
    })
}

impl Shared {
    fn write(&self) {
        let Settings {
            store, rules, clock, ..
        } = &self.settings;
        Writer {
            store: &**store,
            rules,
            clock: &**clock,
        }
        .run(&self.writes);
    }

    fn read(&self) {
        reader::run(&*self.settings.store, &self.reads);
    }

    fn keep(&self) {
        self.keeper
            .run(&*self.settings.store, &self.api_keys, &*self.settings.clock);
    }
}

impl Inner {
    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.shared.writes.close();
        self.shared.reads.close();
        self.shared.keeper.stop();
        let threads = std::mem::take(&mut *self.threads());
        let (deadline, workers): (Vec<_>, Vec<_>) = threads
            .into_iter()
            .partition(|thread| thread.thread().name() == Some("issuer-deadline"));
        workers.into_iter().for_each(join);
        // Last, so that nobody waits beyond the deadline for a store that hangs.
        self.shared.deadlines.close();
        deadline.into_iter().for_each(join);
    }
}

fn join(thread: JoinHandle<()>) {
    // A thread that panicked has nothing left to finish.
    let _ = thread.join();
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}
