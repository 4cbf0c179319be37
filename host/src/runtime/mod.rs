//! Components: admitting, compiling, instantiating and calling them.
//!
//! The only place that knows the contract's bindings. Everyone else sees the traits of `pipeline::port` and the JSON
//! that components speak. A component that traps or runs out of a limit takes down its own store and nothing else.

pub mod admission;
mod bindings;
mod cache;
mod call;
mod component;
mod connect;
mod convert;
mod engine;
mod imports;
mod instance;
mod limits;

pub use cache::{CacheError, ComponentCache};
pub use component::{Component, LoadError};
pub use connect::{ComponentConnect, OpenSink, OpenSource, OpenWebhook, Side};
pub use engine::{Engine, EngineError};
pub use imports::Grants;
pub use limits::Limits;
