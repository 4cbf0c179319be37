//! The host: loads components, grants them powers, and runs pipelines between them.
//!
//! It is generic. It knows the contract, HTTP, OAuth and its store; it knows no vendor, and no vendor's word may
//! occur here.

pub mod failure;
pub mod origin;
pub mod pipeline;
pub mod store;
