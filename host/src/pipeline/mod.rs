//! Pipelines: what moves records from a source to a sink so that nothing is lost and nothing doubled.
//!
//! Sees only the traits of `port` and of the store, so that it is tested without a component, a network or a clock. It
//! never prints, never logs content, and never moves a checkpoint past a record that has no outcome.

mod batch;
mod breach;
mod delivery;
mod outcome;
mod page;
mod patience;
pub mod port;
mod progress;
mod receiver;
mod report;
mod run;
mod settings;
mod stop;
#[cfg(test)]
mod tests;
mod tick;

pub use progress::{Event, Progress};
pub use receiver::{Answer, MAX_BODY_BYTES, Receiver};
pub use report::{End, FailureReport, PartitionReport, RunReport, TickReport, Verdict};
pub use run::Engine;
pub use settings::{Job, RetryPolicy, Settings};
pub use stop::{Stop, Stopper};
pub use tick::Tick;
