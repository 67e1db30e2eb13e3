//! Issues, checks and revokes access tokens: what a host calls, over any [`Store`](issuer_store::Store).
//!
//! ```
//! use issuer::{Lifetime, jose::{KeySet, SigningKey}, user::NewUser};
//! use issuer_service::TokenService;
//! use issuer_store::MemoryStore;
//!
//! # futures_executor::block_on(async {
//! let keys = KeySet::new(SigningKey::hs256([7; 32])?); // 32 random bytes, kept secret
//! let tokens = TokenService::builder(MemoryStore::new(), keys)
//!     .lifetime(Lifetime::from_days(7)?)
//!     .build()?;
//!
//! let amy = NewUser::new("user001")?.nickname("Amy")?;
//! let issued = tokens.issue(amy.clone()).await?;
//! println!("{} until {}", issued.token(), issued.expires_at());
//!
//! let user = tokens.authenticate(issued.token()).await?; // verified, then looked up
//! assert_eq!(user.id, *amy.id());
//!
//! tokens.revoke(amy.id(), issued.token()).await?;
//! assert!(tokens.authenticate(issued.token()).await.is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Without an async runtime it is the same with [`tokens.blocking()`](TokenService::blocking).
//!
//! # What an answer means
//! `Ok` of a call that writes says that the write is as durable as the store promises at
//! [`Outcome::Applied`](issuer_store::Outcome::Applied): with a store on disk, it outlives a power cut. Nothing is
//! told earlier that rests on it, refusals included. After an error, [`Error::effect`] says whether the call may
//! have been carried out all the same; asked again under the same
//! [`IdempotencyKey`](issuer::decide::IdempotencyKey), it gets the very same token then.
//!
//! # What it starts
//! Six threads, which sleep while there is nothing to do. One writes: whatever arrived while the last commit ran
//! goes into the next one, so that many callers share one sync of the disk, and requests of one user are decided
//! one after the other. Two read for async callers. One watches over deadlines, one reads the API keys again
//! every half a second, and one deletes dead rows, 32 at a time, an hour after their death. Requests wait in
//! bounded queues: past the bound a caller is refused at once, and past its deadline it is told so.
//!
//! The store is called and dropped on these threads alone, [`Builder::build`] included; reads of
//! [`blocking`](TokenService::blocking) calls run on their caller's. When [`TokenService::close`] or
//! [`shutdown`](TokenService::shutdown) returns the store is closed, whatever clones of the service there are.
//!
//! A store that panics fails the calls that it was asked for, and the service goes on; with `panic = "abort"`
//! the process ends, as it says.
//!
//! # What it does not do
//! No HTTP (`issuer-http`), no storage of its own, no limit of requests a second. It logs, by `tracing`, only what goes
//! wrong in the background, where no caller is told; an error says what happened. Unless [`Builder::cache_live_tokens`] says so it keeps no user and no token in memory: each check
//! asks the store, so that a revocation holds at once for every service over the same store. It coordinates with other
//! services through the store's preconditions alone, and needs no lock service and no leader.
mod api_keys;
mod blocking;
mod builder;
mod call;
mod check;
mod clock;
mod deadlines;
mod engine;
mod error;
mod fresh;
mod guard;
mod health;
mod issued;
mod keeper;
mod live_tokens;
mod open_store;
mod queue;
mod reader;
mod reply;
mod service;
mod sync;
mod threads;
mod token_text;
mod trouble;
mod writer;

pub use api_keys::{ApiCaller, ApiKey};
pub use blocking::Blocking;
pub use builder::{BuildError, Builder};
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::{Error, ErrorKind};
pub use issued::Issued;
pub use service::TokenService;
