//! Outgoing HTTP: judged, governed, given its credential, and repeated where that is safe.
//!
//! Never logs more than method, origin, status and duration: paths, queries and bodies may hold personal data.

mod attempt;
mod client;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};

pub use client::{ClientError, build_client};

use self::attempt::{Attempt, wait_asked_for};
use super::egress::{Denied, Egress};
use super::governor::{DeadlinePassed, Governors};
use crate::credentials::{Bearer, CredentialError, Credentials};
use crate::origin::Origin;

/// One request of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// An upper-case method.
    pub method: String,
    /// Absolute and encoded as it goes on the wire.
    pub url: String,
    /// In order.
    pub headers: Vec<(String, String)>,
    /// None sends no body.
    pub body: Option<Vec<u8>>,
    /// The credential to attach.
    pub credential: Option<String>,
    /// Whether sending it twice has the effect of sending it once.
    pub repeatable: bool,
}

/// One response; any status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Decompressed.
    pub body: Vec<u8>,
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The manifest does not allow it.
    #[error("{0}")]
    Denied(String),
    /// The credential could not be obtained.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The request itself is malformed.
    #[error("{0}")]
    Malformed(String),
    /// No connection, or a broken one.
    #[error("no answer from `{origin}`: {reason}")]
    Unreachable {
        /// Where.
        origin: Origin,
        /// In the client's words, without the URL.
        reason: String,
    },
    /// The deadline passed.
    #[error("no answer from `{0}` within the time allowed for one call")]
    TimedOut(Origin),
    /// The response is larger than the limit.
    #[error("the answer of `{origin}` is larger than {limit} bytes; raise `limits.response_bytes`")]
    TooLarge {
        /// Where.
        origin: Origin,
        /// Bytes allowed.
        limit: u64,
    },
}

/// Bounds of every request.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// One attempt, from dialling to the last byte.
    pub attempt: Duration,
    /// All attempts of one request, waits included.
    pub total: Duration,
    /// Most repeats of one request.
    pub repeats: usize,
    /// The first wait before a repeat, where the vendor asked for none; it doubles each time.
    pub first_wait: Duration,
    /// Bytes of one response body.
    pub response_bytes: u64,
    /// Requests at once, for each origin and credential.
    pub at_once: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(120),
            total: Duration::from_secs(300),
            repeats: 6,
            first_wait: Duration::from_millis(200),
            response_bytes: 8 << 20,
            at_once: 16,
        }
    }
}

/// Statuses that say nothing about the request itself. A 500 is not among them: vendors answer it to requests that
/// will fail every time, and only the component can tell.
const REPEATED: [u16; 4] = [429, 502, 503, 504];

/// Longest single wait that is not asked for by the vendor.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What went over the wire, for reports and metrics.
#[derive(Debug, Default)]
pub struct Tally {
    /// Attempts sent.
    pub sent: AtomicU64,
    /// Attempts that repeated another.
    pub repeated: AtomicU64,
    /// Requests that the manifest does not allow: origin, credential or address.
    pub denied: AtomicU64,
    /// Requests that are not what may go on the wire.
    pub malformed: AtomicU64,
    /// Answers 429 and 503.
    pub throttled: AtomicU64,
}

/// A tally at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Traffic {
    /// Attempts sent.
    pub sent: u64,
    /// Attempts that repeated another.
    pub repeated: u64,
    /// Answers 429 and 503.
    pub throttled: u64,
    /// Requests refused by the manifest's grants.
    pub denied: u64,
    /// Requests that the component made wrongly.
    pub malformed: u64,
}

impl Tally {
    /// The counts so far.
    pub fn traffic(&self) -> Traffic {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            sent: of(&self.sent),
            repeated: of(&self.repeated),
            throttled: of(&self.throttled),
            denied: of(&self.denied),
            malformed: of(&self.malformed),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What carries a component's requests: [`Http`] in every pipeline. Where a network would only add noise, such as in
/// measurements of the components themselves, canned answers stand in for it.
pub trait Carrier: std::fmt::Debug + Send + Sync {
    /// Sends one request of a component with these grants.
    fn send<'a>(&'a self, egress: &'a Egress, request: Request)
    -> BoxFuture<'a, Result<Response, HttpError>>;

    /// The credentials it attaches.
    fn credentials(&self) -> &Credentials;
}

/// What all components of one process share: connections, governors and credentials.
#[derive(Debug)]
pub struct Http {
    client: reqwest::Client,
    governors: Governors,
    credentials: Arc<Credentials>,
    bounds: Bounds,
    tally: Tally,
}

impl Http {
    /// Sends through `client`, attaching from `credentials`.
    pub fn new(client: reqwest::Client, credentials: Arc<Credentials>, bounds: Bounds) -> Self {
        let governors = Governors::new(bounds.at_once);
        Self { client, governors, credentials, bounds, tally: Tally::default() }
    }

    /// What went over the wire so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Sends one request of a component with these grants.
    pub async fn send(&self, egress: &Egress, request: Request) -> Result<Response, HttpError> {
        let names = request.headers.iter().map(|(name, _)| name.as_str());
        let judged = egress.judge(&request.url, names, request.credential.as_deref());
        let (url, origin) = judged.map_err(|denied| self.refuse(&denied))?;
        let attempt = Attempt::prepare(&self.client, &request, url, origin.clone(), &self.bounds)
            .inspect_err(|_| count(&self.tally.malformed))?;
        Exchange { http: self, attempt, request: &request, origin, renewed: false }.run().await
    }

    fn refuse(&self, denied: &Denied) -> HttpError {
        // The component is told, and with it the person; the tally tells of those that a component keeps to itself.
        tracing::info!(reason = %denied, "request refused");
        match denied {
            Denied::Header(_) | Denied::Unencoded => {
                count(&self.tally.malformed);
                HttpError::Malformed(denied.to_string())
            }
            _ => {
                count(&self.tally.denied);
                HttpError::Denied(denied.to_string())
            }
        }
    }
}

impl Carrier for Http {
    fn send<'a>(
        &'a self,
        egress: &'a Egress,
        request: Request,
    ) -> BoxFuture<'a, Result<Response, HttpError>> {
        self.send(egress, request).boxed()
    }

    fn credentials(&self) -> &Credentials {
        &self.credentials
    }
}

/// One request with all its attempts.
struct Exchange<'a> {
    http: &'a Http,
    attempt: Attempt<'a>,
    request: &'a Request,
    origin: Origin,
    renewed: bool,
}

/// What to do after one attempt.
enum Next {
    Answer(Result<Response, HttpError>),
    Renew(Bearer),
    Repeat { outcome: Result<Response, HttpError>, asked: Option<Duration> },
}

impl Exchange<'_> {
    async fn run(mut self) -> Result<Response, HttpError> {
        let bounds = &self.http.bounds;
        let deadline = Instant::now() + bounds.total;
        let mut waits = ExponentialBuilder::new()
            .with_min_delay(bounds.first_wait)
            .with_max_delay(LONGEST_WAIT)
            .with_max_times(bounds.repeats)
            .with_jitter()
            .build();
        // Ends: every turn renews (once), takes one of the bounded waits, or answers.
        loop {
            match self.once(deadline).await? {
                Next::Answer(outcome) => {
                    self.spare_others(&outcome, deadline);
                    return outcome;
                }
                Next::Renew(stale) => self.renew(&stale),
                Next::Repeat { outcome, asked } => {
                    let Some(own) = waits.next() else { return outcome };
                    // A wait beyond the end of time is a wait beyond the deadline.
                    let until = Instant::now().checked_add(asked.unwrap_or(own));
                    let Some(until) = until.filter(|until| *until < deadline) else { return outcome };
                    self.hold_back(&outcome, asked, until);
                    sleep(until - Instant::now()).await;
                    count(&self.http.tally.repeated);
                }
            }
        }
    }

    /// A throttled answer, and any wait that the vendor asked for, holds back everyone who shares the governor.
    fn hold_back(&self, outcome: &Result<Response, HttpError>, asked: Option<Duration>, until: Instant) {
        let throttled = matches!(outcome, Ok(response) if response.status == 429);
        if throttled || asked.is_some() {
            self.http.governors.of(&self.origin, self.request.credential.as_deref()).pause_until(until);
        }
    }

    /// A throttled answer that is handed over holds back the others too, where the vendor's pause is one that a request
    /// may wait out.
    fn spare_others(&self, outcome: &Result<Response, HttpError>, deadline: Instant) {
        let Ok(response) = outcome else { return };
        let Some(asked) = wait_asked_for(response).filter(|_| matches!(response.status, 429 | 503)) else {
            return;
        };
        if let Some(until) = Instant::now().checked_add(asked).filter(|until| *until < deadline) {
            self.hold_back(outcome, Some(asked), until);
        }
    }

    fn renew(&mut self, stale: &Bearer) {
        self.renewed = true;
        if let Some(name) = &self.request.credential {
            self.http.credentials.discard(name, stale);
        }
    }

    async fn once(&self, deadline: Instant) -> Result<Next, HttpError> {
        let bearer = match &self.request.credential {
            Some(name) => Some(self.http.credentials.bearer(name).await?),
            None => None,
        };
        let governor = self.http.governors.of(&self.origin, self.request.credential.as_deref());
        let permit = governor.admit(deadline).await;
        let permit = permit.map_err(|DeadlinePassed| HttpError::TimedOut(self.origin.clone()))?;
        count(&self.http.tally.sent);
        let started = Instant::now();
        let outcome = self.attempt.send(bearer.as_ref(), deadline).await;
        drop(permit);
        self.trace(&outcome, started.elapsed());
        Ok(self.judge(outcome, bearer))
    }

    fn judge(&self, outcome: Result<Response, HttpError>, bearer: Option<Bearer>) -> Next {
        match &outcome {
            Ok(response) => {
                let status = response.status;
                if matches!(status, 429 | 503) {
                    count(&self.http.tally.throttled);
                }
                match bearer {
                    Some(bearer) if status == 401 && !self.renewed && bearer.is_renewable() => {
                        Next::Renew(bearer)
                    }
                    _ if self.request.repeatable && REPEATED.contains(&status) => {
                        let asked = wait_asked_for(response);
                        Next::Repeat { outcome, asked }
                    }
                    _ => Next::Answer(outcome),
                }
            }
            Err(HttpError::Unreachable { .. } | HttpError::TimedOut(_)) if self.request.repeatable => {
                Next::Repeat { outcome, asked: None }
            }
            Err(error) => {
                if matches!(error, HttpError::Denied(_)) {
                    count(&self.http.tally.denied);
                }
                Next::Answer(outcome)
            }
        }
    }

    fn trace(&self, outcome: &Result<Response, HttpError>, took: Duration) {
        let status = outcome.as_ref().map_or(0, |response| response.status);
        tracing::debug!(
            method = %self.request.method,
            origin = %self.origin,
            status,
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "request sent"
        );
    }
}

#[cfg(test)]
mod tests;
