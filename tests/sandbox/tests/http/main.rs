//! The services over HTTP, as a client meets them: on ephemeral ports, with a clock that stands still.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod campaigns;
mod client;
mod control;
mod directory;
mod linkedin_faults;
mod model;
mod notices;
mod oauth;
mod organic;
mod responses;
mod strictness;
mod transport;
mod webhook;
