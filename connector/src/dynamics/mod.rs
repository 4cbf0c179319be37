//! The write side: lead rows in Dataverse.
//!
//! Authority: <https://learn.microsoft.com/en-us/power-apps/developer/data-platform/webapi/overview>. Everything here
//! stands on one idea: a row's primary key is computed from the response's id, so that any write may be repeated.
//! This module never imports `linkedin`, never sleeps and never repeats what the host repeats.
//!
//! **Calls never wait for one another.** The component's runtime cannot wake one call from another, so nothing here
//! may block on a lock or a load that another call holds: two first calls at once both read the metadata, and the
//! bound on requests in flight holds for each `write`.

mod api;
mod batch;
mod bulk;
mod check;
mod config;
mod describe;
mod errors;
mod existing;
mod identity;
mod metadata;
mod places;
mod scrub;
mod sink;
#[cfg(test)]
mod tests;
mod write;

pub use check::{Action, Change};
pub use describe::{config_schema, credentials, egress};
pub use places::TargetPlace;
pub use sink::Sink;
pub use write::{Mode, WriteReply};
