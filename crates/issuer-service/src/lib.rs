//! Issues, checks and revokes access tokens: the calls that a host makes.
mod api_keys;
mod blocking;
mod builder;
mod call;
mod clock;
mod deadlines;
mod engine;
mod error;
mod fresh;
mod guard;
mod issued;
mod keeper;
mod queue;
mod reader;
mod reply;
mod service;
mod threads;
mod token_text;
mod writer;

pub use api_keys::{ApiCaller, ApiKey};
pub use blocking::Blocking;
pub use builder::{BuildError, Builder};
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::{Error, ErrorKind};
pub use issued::Issued;
pub use service::TokenService;
