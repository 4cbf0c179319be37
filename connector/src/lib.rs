//! LinkedIn Lead Gen Forms to Dynamics 365, as one component with a source and a sink.
//!
//! `linkedin` reads and `dynamics` writes; neither knows the other. `mapping` joins them: it turns a response into
//! the columns of a row. Everything runs natively in tests, because the outside world is the [`Capabilities`] trait;
//! `guest` is the only place that knows the contract's bindings.
//!
//! The component keeps no secret, never sleeps and never repeats a failed request: it says what went wrong, and the
//! host waits and repeats.

pub mod capabilities;
pub mod describe;
pub mod dynamics;
pub mod extra;
pub mod failure;
pub mod finding;
#[cfg(target_family = "wasm")]
mod guest;
pub mod linkedin;
pub mod mapping;
pub mod record;
pub mod text;

pub use capabilities::Capabilities;
pub use failure::Failure;
