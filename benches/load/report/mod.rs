//! What was measured, and how it is shown.

mod charts;
mod model;
mod quantity;
mod table;

pub(crate) use charts::draw;
pub(crate) use model::{Axis, AxisScale, Budget, Chart, Line, Report, Section, Series, Unit};
pub(crate) use quantity::Quantity;
