//! What must still be true of a store after its process was killed, its power cut, its disk at fault.
//!
//! A [`Load`] issues, retries and revokes through the real rules, and writes down what it is about to do and what
//! it was told. An [`Account`] reads that, and says whether a store still keeps every word of it. The two share
//! nothing but the lines, so that the load may run in a process that dies.
//!
//! ```
//! use issuer_conformance::crash::{Account, Load};
//! use issuer_store::MemoryStore;
//!
//! let store = MemoryStore::new();
//! let mut account = Account::new();
//! for cycle in 0..3 {
//!     let mut lines = Vec::new();
//!     // In a child process: `run(&store, std::io::stdout())`, until it is killed.
//!     Load::new(cycle).starting_at(account.now()).steps(50).run(&store, &mut lines)?;
//!     account.read(&*lines)?;
//!     // Where the child is dead, the store is opened again here.
//!     let figures = account.check(&store)?;
//!     assert!(figures.acknowledged > 0);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod breach;
mod kill;
mod known;
mod line;
mod load;
mod random;
mod tenant;

pub use account::{Account, Figures};
pub use breach::{Breach, Promise};
pub use kill::{Failure, Killed, Kills, survive, work_until_killed};
pub use load::Load;
pub use random::Random;
