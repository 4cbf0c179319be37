//! The Dataverse stand-in over HTTP, held against the vendor's documented behaviour.

mod batch;
mod bulk;
mod limits;
mod metadata;
mod provision;
mod query;
mod rows;
mod service;
