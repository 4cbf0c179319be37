//! The powers that the host grants, as the rest of the component sees them.
//!
//! One implementation calls the contract's imports, one is scripted by tests. This module must never grow a power
//! that the contract does not offer.

use std::future::Future;

/// One outgoing request. The URL is sent exactly as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// An upper-case method.
    pub method: &'static str,
    /// Absolute, already encoded.
    pub url: String,
    /// Without those that belong to the host (authorization, host, length).
    pub headers: Vec<(&'static str, String)>,
    /// None sends no body.
    pub body: Option<Vec<u8>>,
    /// The credential to attach, by its name in the manifest.
    pub credential: Option<&'static str>,
    /// Whether sending it twice has the effect of sending it once.
    pub repeatable: bool,
}

/// One response; any status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Decompressed.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name (given in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Why there is no response. The texts are the host's, for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Not granted by the manifest.
    #[error("{0}")]
    Denied(String),
    /// The credential could not be obtained.
    #[error("{0}")]
    Unauthorized(String),
    /// The request is malformed.
    #[error("{0}")]
    Malformed(String),
    /// No connection, or a broken one.
    #[error("{0}")]
    Unreachable(String),
    /// The deadline passed.
    #[error("{0}")]
    TimedOut(String),
    /// The response is larger than the host's limit.
    #[error("{0}")]
    TooLarge(String),
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the connector's developers.
    Debug,
    /// Worth a line in normal operation.
    Info,
    /// Works, but a person should look.
    Warn,
}

/// What the component may do outside itself.
pub trait Capabilities {
    /// Sends one request; several may be under way at once.
    fn send(&self, request: Request) -> impl Future<Output = Result<Response, HttpError>>;
    /// Epoch milliseconds.
    fn now_ms(&self) -> u64;
    /// HMAC-SHA256 of `message`, 32 bytes, under the signing secret of a credential. The error is the host's, for a person.
    fn hmac_sha256(&self, credential: &str, message: &[u8]) -> Result<Vec<u8>, String>;
    /// Writes one log line: a constant sentence, and one JSON object of ids and numbers (or an empty string). Never
    /// personal data.
    fn log(&self, level: Level, message: &'static str, fields: &str);
}
