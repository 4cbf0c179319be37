//! What the host offers to a component: the contract's imports, bound to one instance's grants.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wasmtime::component::{Accessor, HasSelf, Linker};

use super::bindings::sluice::connector::{clock, credentials, http, log, types};
use super::limits::{Cpu, Limiter, Limits};
use crate::capabilities::egress::Egress;
use crate::capabilities::http::{Carrier, HttpError, Request, Response};

/// Bytes of one log line.
const MAX_LINE: usize = 4 << 10;
/// Log lines of one instance in one second; what comes after is dropped and counted.
const LINES_PER_SECOND: u32 = 50;

/// What one component may do.
#[derive(Debug)]
pub struct Grants {
    /// The component's name in logs.
    pub component: String,
    /// Where it may call, and with which credentials.
    pub egress: Egress,
    /// What sends its requests.
    pub http: Arc<dyn Carrier>,
}

/// The host's side of one instance.
pub(super) struct State {
    pub(super) grants: Arc<Grants>,
    pub(super) limiter: Limiter,
    pub(super) cpu: Cpu,
    /// The last line that it logged as an error: what a panic says before the trap.
    pub(super) last_words: Option<String>,
    born: Instant,
    flood: Flood,
}

impl State {
    pub(super) fn new(grants: Arc<Grants>, limits: &Limits) -> Self {
        Self {
            grants,
            limiter: Limiter::new(limits),
            cpu: Cpu::new(limits),
            last_words: None,
            born: Instant::now(),
            flood: Flood::default(),
        }
    }
}

/// Adds every import of the contract.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    http::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    credentials::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    log::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    clock::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    types::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl types::Host for State {}

impl http::Host for State {}

impl http::HostWithStore<State> for HasSelf<State> {
    async fn send(
        accessor: &Accessor<State, Self>,
        request: http::Request,
    ) -> Result<http::Response, http::Error> {
        let grants = accessor.with(|mut access| Arc::clone(&access.get().grants));
        let answer = grants.http.send(&grants.egress, request.into()).await;
        answer.map(Into::into).map_err(Into::into)
    }
}

impl From<http::Request> for Request {
    fn from(request: http::Request) -> Self {
        let http::Request { method, url, headers, body, credential, repeatable } = request;
        Self { method, url, headers, body, credential, repeatable }
    }
}

impl From<Response> for http::Response {
    fn from(response: Response) -> Self {
        let Response { status, headers, body } = response;
        Self { status, headers, body }
    }
}

impl From<HttpError> for http::Error {
    fn from(error: HttpError) -> Self {
        let text = error.to_string();
        match error {
            HttpError::Denied(_) => Self::Denied(text),
            HttpError::Credential(error) if error.passing => Self::Unreachable(text),
            HttpError::Credential(_) => Self::Unauthorized(text),
            HttpError::Malformed(_) => Self::Malformed(text),
            HttpError::Unreachable { .. } => Self::Unreachable(text),
            HttpError::TimedOut(_) => Self::TimedOut(text),
            HttpError::TooLarge { .. } => Self::TooLarge(text),
        }
    }
}

impl credentials::Host for State {
    fn metadata(&mut self, name: String) -> Option<String> {
        let granted = self.grants.egress.grants_credential(&name);
        granted.then(|| self.grants.http.credentials().metadata(&name)).flatten()
    }

    fn hmac_sha256(&mut self, name: String, message: Vec<u8>) -> Result<Vec<u8>, String> {
        if !self.grants.egress.grants_credential(&name) {
            return Err(format!("the credential `{name}` is not granted"));
        }
        self.grants.http.credentials().hmac_sha256(&name, &message).map_err(|error| error.to_string())
    }
}

impl clock::Host for State {
    fn now_ms(&mut self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_ns(&mut self) -> u64 {
        u64::try_from(self.born.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String, fields: String) {
        let message = cut(&message);
        if level == log::Level::Error {
            self.last_words = Some(message.to_owned());
        }
        let component = self.grants.component.as_str();
        match self.flood.judge(Instant::now()) {
            Verdict::Drop => return,
            Verdict::WriteAfter { dropped } => tracing::warn!(component, dropped, "log lines dropped"),
            Verdict::Write => {}
        }
        let fields = cut(&fields);
        match level {
            log::Level::Trace => tracing::trace!(component, fields, "{message}"),
            log::Level::Debug => tracing::debug!(component, fields, "{message}"),
            log::Level::Info => tracing::info!(component, fields, "{message}"),
            log::Level::Warn => tracing::warn!(component, fields, "{message}"),
            log::Level::Error => tracing::error!(component, fields, "{message}"),
        }
    }
}

/// At most [`MAX_LINE`] bytes, cut between characters.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_LINE.min(text.len()))]
}

/// Keeps one component from filling the log.
#[derive(Debug, Default)]
struct Flood {
    second: Option<Instant>,
    lines: u32,
    dropped: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Write,
    WriteAfter { dropped: u64 },
    Drop,
}

impl Flood {
    fn judge(&mut self, now: Instant) -> Verdict {
        let same = self.second.is_some_and(|second| now.duration_since(second).as_secs() == 0);
        if !same {
            self.second = Some(now);
            self.lines = 1;
            return match std::mem::take(&mut self.dropped) {
                0 => Verdict::Write,
                dropped => Verdict::WriteAfter { dropped },
            };
        }
        if self.lines >= LINES_PER_SECOND {
            self.dropped += 1;
            return Verdict::Drop;
        }
        self.lines += 1;
        Verdict::Write
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_is_dropped_and_counted() {
        let mut flood = Flood::default();
        let now = Instant::now();
        let written = (0..1000).filter(|_| flood.judge(now) == Verdict::Write).count();
        assert_eq!(written, LINES_PER_SECOND as usize);
        let later = now + Duration::from_secs(1);
        assert_eq!(flood.judge(later), Verdict::WriteAfter { dropped: 1000 - u64::from(LINES_PER_SECOND) });
        assert_eq!(flood.judge(later), Verdict::Write);
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let text = "é".repeat(MAX_LINE);
        assert_eq!(cut(&text).len(), MAX_LINE);
        let odd = format!("x{text}");
        assert_eq!(cut(&odd).len(), MAX_LINE - 1);
        assert_eq!(cut("short"), "short");
    }
}
