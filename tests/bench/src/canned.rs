//! The vendors' answers, recorded once and given again without a network: to the connector's own code built natively,
//! and through the host to the same code in a component.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use linkedin_dynamics::capabilities::{Capabilities, HttpError, Level, Request, Response};
use sluice::capabilities::egress::Egress;
use sluice::capabilities::http as host;
use sluice::credentials::Credentials;

/// Answers by method and URL. What is written to one URL is always answered alike.
#[derive(Debug, Default)]
pub(crate) struct Answers(HashMap<String, Response>);

impl Answers {
    fn find(&self, method: &str, url: &str) -> Option<&Response> {
        self.0.get(&name(method, url))
    }
}

fn name(method: &str, url: &str) -> String {
    format!("{method} {url}")
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Sends requests to a sandbox and keeps the answers.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    client: reqwest::Client,
    /// By the credential that requests name.
    tokens: Rc<HashMap<&'static str, String>>,
    answers: Rc<RefCell<Answers>>,
}

impl Recorder {
    pub(crate) fn new(client: reqwest::Client, tokens: HashMap<&'static str, String>) -> Self {
        Self { client, tokens: Rc::new(tokens), answers: Rc::default() }
    }

    /// What was recorded.
    pub(crate) fn into_answers(self) -> Answers {
        self.answers.take()
    }

    async fn exchange(&self, request: Request) -> Result<Response, reqwest::Error> {
        let Request { method, url, headers, body, credential, .. } = request;
        let name = name(method, &url);
        let mut sent = if method == "POST" { self.client.post(&url) } else { self.client.get(&url) };
        for (header, value) in headers {
            sent = sent.header(header, value);
        }
        if let Some(token) = credential.and_then(|credential| self.tokens.get(credential)) {
            sent = sent.bearer_auth(token);
        }
        let answer = sent.body(body.unwrap_or_default()).send().await?;
        let status = answer.status().as_u16();
        let text = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = answer.headers().iter().map(text).collect();
        let response = Response { status, headers, body: answer.bytes().await?.into() };
        self.answers.borrow_mut().0.insert(name, response.clone());
        Ok(response)
    }
}

impl Capabilities for Recorder {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.exchange(request).await.map_err(|error| HttpError::Unreachable(error.to_string()))
    }

    fn now_ms(&self) -> u64 {
        now_ms()
    }

    fn hmac_sha256(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, String> {
        Err("nothing is signed in a measurement".to_owned())
    }

    fn log(&self, _: Level, _: &'static str, _: &str) {}
}

/// Gives recorded answers to the connector's code that runs natively.
#[derive(Debug, Clone)]
pub(crate) struct Native(pub(crate) Arc<Answers>);

impl Capabilities for Native {
    fn send(&self, request: Request) -> impl Future<Output = Result<Response, HttpError>> {
        let answer = self.0.find(request.method, &request.url).cloned();
        ready(answer.ok_or_else(|| HttpError::Unreachable(format!("{} was never recorded", request.url))))
    }

    fn now_ms(&self) -> u64 {
        now_ms()
    }

    fn hmac_sha256(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, String> {
        Err("nothing is signed in a measurement".to_owned())
    }

    fn log(&self, _: Level, _: &'static str, _: &str) {}
}

/// Gives recorded answers to a component, in the place of the host's network.
#[derive(Debug, Default)]
pub(crate) struct Carrier {
    answers: Arc<Answers>,
    credentials: Credentials,
}

impl Carrier {
    pub(crate) fn new(answers: Arc<Answers>) -> Self {
        Self { answers, credentials: Credentials::default() }
    }
}

impl host::Carrier for Carrier {
    fn send<'a>(
        &'a self,
        _: &'a Egress,
        request: host::Request,
    ) -> BoxFuture<'a, Result<host::Response, host::HttpError>> {
        let answer = self.answers.find(&request.method, &request.url).cloned();
        let answer =
            answer.map(|Response { status, headers, body }| host::Response { status, headers, body });
        let missing = || host::HttpError::Denied(format!("{} was never recorded", request.url));
        ready(answer.ok_or_else(missing)).boxed()
    }

    fn credentials(&self) -> &Credentials {
        &self.credentials
    }
}
