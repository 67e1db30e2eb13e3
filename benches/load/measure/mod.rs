//! How things are measured.

mod closed_loop;
mod open_loop;
mod rounds;
mod spread;
mod tail;

pub(crate) use closed_loop::{ClosedLoop, one_caller};
pub(crate) use open_loop::{OpenLoop, Outcome};
pub(crate) use rounds::Rounds;
pub(crate) use spread::Spread;
pub(crate) use tail::{P50, P999, PERCENTILES, Percentiles, Tail};
