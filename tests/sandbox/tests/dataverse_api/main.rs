//! The Dataverse stand-in over HTTP, held against the vendor's documented behaviour.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail, also in its helpers")]

mod batch;
mod bulk;
mod limits;
mod metadata;
mod provision;
mod query;
mod rows;
mod service;
