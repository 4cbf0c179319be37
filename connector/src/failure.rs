//! Why a whole call failed: the contract's closed set, which steers what the host does next.
//!
//! A problem of one record is never a failure; it is that record's outcome.

use crate::capabilities::HttpError;

/// What a person needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// What happened, to which thing, what to do next. No secret and no personal data.
    pub message: String,
    /// The vendor's own code.
    pub code: Option<String>,
    /// Further facts for support as one JSON object (request ids, HTTP status).
    pub facts: Option<String>,
}

impl Detail {
    /// A detail with nothing but its sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }
}

impl std::fmt::Display for Detail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} ({code})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The same call may succeed later.
    #[error("{detail}")]
    Retryable {
        /// What happened.
        detail: Detail,
        /// How long the vendor asked to wait, in milliseconds.
        wait_ms: Option<u64>,
    },
    /// The vendor refused the credential.
    #[error("{detail}")]
    Unauthorized {
        /// What happened.
        detail: Detail,
        /// The credential's name in the manifest.
        credential: String,
    },
    /// The credential is good but lacks a right.
    #[error("{detail}")]
    Forbidden {
        /// What happened.
        detail: Detail,
        /// The scope, role or privilege that is missing.
        missing: String,
    },
    /// The configuration cannot work.
    #[error("{detail}")]
    Invalid {
        /// What happened.
        detail: Detail,
        /// JSON Pointer into the configuration.
        path: String,
    },
    /// Nothing the host could do would help.
    #[error("{0}")]
    Fatal(Detail),
}

impl Failure {
    /// Turns the absence of a response into a failure. `credential` is the one that the request named.
    pub fn from_http(error: &HttpError, credential: Option<&str>) -> Self {
        let detail = Detail::new(error.to_string());
        match error {
            HttpError::Unauthorized(_) => {
                Self::Unauthorized { detail, credential: credential.unwrap_or_default().to_owned() }
            }
            HttpError::Denied(_) => Self::Forbidden { detail, missing: "egress".to_owned() },
            HttpError::Unreachable(_) | HttpError::TimedOut(_) => Self::Retryable { detail, wait_ms: None },
            HttpError::Malformed(_) | HttpError::TooLarge(_) => Self::Fatal(detail),
        }
    }
}
