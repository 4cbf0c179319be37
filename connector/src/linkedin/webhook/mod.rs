//! The push side: judges what LinkedIn sends, and manages its subscriptions.
//!
//! A notice names a response and says nothing of its answers, so judging needs no request. Whether a request is
//! genuine is decided over its bytes as they came; this module must never sign or compare anything that was parsed
//! and written anew. See <https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation>.

mod challenge;
mod notice;
mod signature;
mod subscription;

#[cfg(test)]
mod tests;

use serde_json::json;

use crate::capabilities::{Capabilities, Level};
use crate::failure::{Detail, Failure};

use super::Source;
use super::config::Config;
use super::errors::CREDENTIAL;
use super::owner::Holding;

use notice::Told;

pub use subscription::Subscription;

/// A request as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'r> {
    /// Upper case.
    pub method: &'r str,
    /// The raw query without `?`.
    pub query: &'r str,
    /// Names in lower case.
    pub headers: &'r [(String, String)],
    /// The bytes as received.
    pub body: &'r [u8],
}

impl<'r> Arrived<'r> {
    /// The one header of that name; none where it is missing or repeated.
    fn header(&self, wanted: &str) -> Option<&'r str> {
        let mut found = self.headers.iter().filter(|(name, _)| name == wanted);
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value.as_str())
    }
}

/// What to answer, and what changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers of the answer.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// One JSON object a line.
    pub changes: String,
}

impl Reply {
    fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: body.to_string().into_bytes(), changes: String::new() }
    }

    fn accepted(changes: String) -> Self {
        Self { status: 200, changes, ..Self::default() }
    }

    /// A refusal: a stable word, and a sentence that repeats nothing of the request.
    fn refused(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({ "error": code, "message": message }))
    }
}

/// The bounds of what is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) body_bytes: usize,
    pub(super) age_ms: u64,
}

impl<C: Capabilities> Source<C> {
    /// Judges one request. One that is not genuine is an answer, not a failure.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] where the credential has no signing secret.
    pub fn receive(&self, request: Arrived<'_>) -> Result<Reply, Failure> {
        match request.method {
            "GET" => challenge::answer(request.query, |code| self.sign(code.as_bytes())),
            "POST" => self.take(request),
            _ => {
                let mut reply = Reply::refused(405, "method_not_allowed", "only GET and POST are taken here");
                reply.headers.push(("allow".to_owned(), "GET, POST".to_owned()));
                Ok(reply)
            }
        }
    }

    /// Judges a notice: first its size and form, then its origin, and only then its content.
    fn take(&self, request: Arrived<'_>) -> Result<Reply, Failure> {
        let bounds = self.config.webhook;
        if request.body.len() > bounds.body_bytes {
            return Ok(Reply::refused(413, "too_large", "a notice is not so large"));
        }
        if !request.header("content-type").is_some_and(is_json) {
            return Ok(Reply::refused(415, "not_json", "a notice is application/json"));
        }
        let mac = self.sign(&signature::signed(request.body))?;
        if !signature::matches(request.header(signature::HEADER), &mac) {
            return Ok(Reply::refused(
                401,
                "wrong_signature",
                "the signature is missing or not that of this body",
            ));
        }
        let now_ms = self.capabilities.now_ms();
        match notice::parse(request.body, now_ms, bounds.age_ms) {
            Ok(told) => Ok(Reply::accepted(self.changes(&told))),
            Err(refusal) => Ok(refusal),
        }
    }

    /// What the configuration covers; the rest is passed over with a success, so that LinkedIn does not send it again.
    fn changes(&self, all: &[Told]) -> String {
        let mut lines = String::new();
        for told in all {
            let Told::Change(notice) = told else {
                let message = "a notice of a kind that this version does not know was passed over";
                self.capabilities.log(Level::Warn, message, &told.ids());
                continue;
            };
            if covers(&self.config, &notice.holding, notice.form.as_deref()) {
                lines += &notice.change().to_string();
                lines.push('\n');
            } else {
                let message = "a notice tells of a response that the configuration does not choose";
                self.capabilities.log(Level::Debug, message, &told.ids());
            }
        }
        lines
    }

    /// HMAC-SHA256 under the app's client secret, made by the host.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        self.capabilities.hmac_sha256(CREDENTIAL, message).map_err(|reason| {
            let message = format!(
                "notices cannot be checked: {reason}; it is the client secret of the linkedin app: set it as \
                 `signing_secret` of the credential `{CREDENTIAL}`"
            );
            Failure::Invalid { detail: Detail::new(message), path: String::new() }
        })
    }
}

/// Whether the configuration reads what this owner holds, and this form of it where the form is told.
pub(super) fn covers(config: &Config, holding: &Holding, form: Option<&str>) -> bool {
    config.reads(holding.kind)
        && config.covers(&holding.owner)
        && form.is_none_or(|form| config.forms.covers(form))
}

/// `application/json`, with or without parameters.
fn is_json(value: &str) -> bool {
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}
