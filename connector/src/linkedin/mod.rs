//! The source: reads lead responses from LinkedIn's versioned Marketing API.
//!
//! It walks each owner's responses of each kind in closed time slices, oldest slice first, and never relies on an order, on
//! totals or on LinkedIn honouring what was asked for. It knows nothing of the sink, and must never log or put into an
//! error anything that a member typed.

mod accounts;
mod check;
mod chosen;
mod config;
mod config_schema;
mod crawl;
mod cursor;
mod describe;
mod errors;
mod fetch;
mod form;
mod gather;
mod instant;
mod listing;
mod names;
mod naming;
mod open;
mod organizations;
mod owner;
mod page;
mod partitions;
mod query;
mod read;
mod response;
mod restli;
mod retention;
mod roles;
mod selection;
mod slice;
mod slim;
mod snapshot;
mod stream;
mod sweep;
mod version;
mod webhook;
mod wire;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};

use serde::de::DeserializeOwned;

use crate::capabilities::{Capabilities, HttpError, Request, Response};
use crate::failure::Failure;

use config::Config;
use errors::{CREDENTIAL, Subject};

pub use config_schema::config_schema;
pub use describe::{credentials, egress, streams};
pub use partitions::{Partition, State};
pub use read::{Page, ReadRequest};
pub use webhook::{Arrived, Reply, Subscription};

/// What this instance has found out about LinkedIn's side. Losing it costs a request, never a response.
#[derive(Debug)]
struct Learned {
    /// LinkedIn gives at most this many responses a page.
    limit: Cell<usize>,
    /// The longest page seen so far; a shorter one was not cut by a limit.
    longest: Cell<usize>,
    /// Responses at the very start of a time range are in it.
    start_inclusive: Cell<bool>,
    /// Responses at the very end of a time range are in it.
    end_inclusive: Cell<bool>,
}

/// An open source.
#[derive(Debug)]
pub struct Source<C> {
    config: Config,
    capabilities: C,
    learned: Learned,
    rests: RefCell<read::Rests>,
    names: names::Names,
}

impl<C: Capabilities> Source<C> {
    /// Parses and checks the configuration (one JSON object). Sends no request.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] with the place of the mistake.
    #[expect(clippy::unused_async, reason = "the contract's `open` may wait, and later versions may have to")]
    pub async fn open(config: &str, capabilities: C) -> Result<Self, Failure> {
        Ok(Self {
            config: Config::parse(config)?,
            capabilities,
            learned: Learned {
                limit: Cell::new(usize::MAX),
                longest: Cell::new(0),
                start_inclusive: Cell::new(false),
                end_inclusive: Cell::new(false),
            },
            rests: RefCell::default(),
            names: names::Names::default(),
        })
    }

    /// Sends a request; any status is an answer.
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.capabilities.send(request).await
    }

    /// Sends a request whose answer must be a success.
    async fn ask(&self, subject: &Subject, request: Request) -> Result<Response, Failure> {
        let sent = self.send(request).await;
        self.success(subject, sent.map_err(|error| Failure::from_http(&error, Some(CREDENTIAL)))?)
    }

    fn success(&self, subject: &Subject, response: Response) -> Result<Response, Failure> {
        if (200..300).contains(&response.status) {
            return Ok(response);
        }
        Err(errors::refused(subject, &self.config.version, self.capabilities.now_ms(), &response))
    }

    /// As [`Self::ask`], and decodes the answer.
    async fn ask_for<T: DeserializeOwned>(&self, subject: &Subject, request: Request) -> Result<T, Failure> {
        let response = self.ask(subject, request).await?;
        serde_json::from_slice(&response.body)
            .map_err(|error| errors::undecodable(subject, &response, &error))
    }
}
