//! What `issuer` promises under every interleaving: tests alone, nothing to depend on.
//!
//! - `tests/rules` explores the rules: three instances, crashes, retries, time.
//! - `tests/linearizable` records what callers of several services over one file saw, and looks for an order.
//! - `tests/schedules` runs the queue, the replies and the writer of `issuer-service` under shuttle, which
//!   chooses at every lock and every wait who goes on.
//!
//! For the last, this library is a second build of those files: the very sources, with the locks of shuttle
//! where the service has those of `std`. So the test command needs no flags, and the service knows nothing of
//! shuttle.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the files are written for the crate that they are taken from"
)]

pub mod schedules;
mod sync;

#[path = "../../issuer-service/src/call.rs"]
mod call;
#[path = "../../issuer-service/src/clock.rs"]
mod clock;
#[path = "../../issuer-service/src/deadlines.rs"]
mod deadlines;
#[path = "../../issuer-service/src/error.rs"]
mod error;
#[path = "../../issuer-service/src/fresh.rs"]
mod fresh;
#[path = "../../issuer-service/src/guard.rs"]
mod guard;
#[path = "../../issuer-service/src/health.rs"]
mod health;
#[path = "../../issuer-service/src/live_tokens.rs"]
mod live_tokens;
#[path = "../../issuer-service/src/queue.rs"]
mod queue;
#[path = "../../issuer-service/src/reply.rs"]
mod reply;
#[path = "../../issuer-service/src/writer.rs"]
mod writer;

pub use clock::Clock;
pub use error::{Error, ErrorKind};
