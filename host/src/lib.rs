//! The host: loads components, grants them powers, and runs pipelines between them.
//!
//! It is generic. It knows the contract, HTTP, OAuth and its store; it knows no vendor, and no vendor's word may
//! occur here.

pub mod assembly;
pub mod capabilities;
mod cause;
pub mod cli;
pub mod credentials;
pub mod description;
pub mod failure;
pub mod manifest;
pub mod origin;
pub mod pipeline;
pub mod runtime;
pub mod store;
