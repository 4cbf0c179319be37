//! Why a measurement could not be made.

use std::path::PathBuf;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// A program of ours is not there.
    #[error("`{}` is missing; run this through `make bench`, which builds it", .0.display())]
    Missing(PathBuf),
    /// The system refused something.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// In the system's words.
        source: std::io::Error,
    },
    /// A program of ours failed.
    #[error("{program} failed ({status}): {stderr}")]
    Failed {
        /// Which.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// A request of ours failed.
    #[error("{what}: {source}")]
    Request {
        /// What it was for.
        what: &'static str,
        /// In the client's words.
        source: reqwest::Error,
    },
    /// Something answered what nobody expects, so that a measurement would mean nothing.
    #[error("{0}")]
    Unexpected(String),
}

impl BenchError {
    /// For `map_err` of the system's calls.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::System { what, source }
    }

    /// For `map_err` of requests.
    pub(crate) fn request(what: &'static str) -> impl Fn(reqwest::Error) -> Self {
        move |source| Self::Request { what, source }
    }
}
