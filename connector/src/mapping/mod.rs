//! From a lead response to the columns of a lead row: pure, without I/O, clock or vendor calls.
//!
//! [`Rules`] are compiled once from the configuration and the table's metadata; [`map`] then turns each response
//! into a [`Row`] that borrows from it, with notes about what a policy changed, or into a [`Rejection`]. Notes and
//! rejections name columns and limits, never a value.

mod columns;
mod description;
mod fields;
mod row;
mod rules;
mod template;
mod values;

pub use columns::{Column, Kind, Table};
pub use row::{Rejection, Row, Value, map};
pub use rules::{Problem, Rules, Settings};
pub use template::{Template, TemplateError};
pub use values::OverLong;
