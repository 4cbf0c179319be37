//! Pipelines: what moves records from a source to a sink so that nothing is lost and nothing doubled.
//!
//! Sees only the traits of `port`, so that it is tested without a component, a network or a clock.

pub mod port;
