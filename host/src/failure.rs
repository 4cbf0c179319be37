//! Why a call into a component failed: the contract's closed set, which steers what the pipeline does next.
//!
//! The contract's bindings never leave the runtime; this is their counterpart for everyone else.

use std::time::Duration;

/// What a person needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// What happened, to which thing, what to do next.
    pub message: String,
    /// The vendor's own code.
    pub code: Option<String>,
    /// Further facts for support as one JSON object.
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
        /// How long the vendor asked to wait.
        wait: Option<Duration>,
    },
    /// The vendor refused the credential, or it could not be obtained.
    #[error("{detail}")]
    Unauthorized {
        /// What happened.
        detail: Detail,
        /// The credential's name.
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
    /// Nothing the host could do would help; also a component that trapped, ran out of its limits, or broke the
    /// contract.
    #[error("{0}")]
    Fatal(Detail),
}

impl Failure {
    /// A fatal failure with nothing but its sentence.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::Fatal(Detail::new(message))
    }

    /// What happened.
    pub fn detail(&self) -> &Detail {
        match self {
            Self::Retryable { detail, .. }
            | Self::Unauthorized { detail, .. }
            | Self::Forbidden { detail, .. }
            | Self::Invalid { detail, .. }
            | Self::Fatal(detail) => detail,
        }
    }

    /// The kind as one stable word, for reports and exit codes.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Retryable { .. } => "retryable",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::Invalid { .. } => "invalid",
            Self::Fatal(_) => "fatal",
        }
    }
}
