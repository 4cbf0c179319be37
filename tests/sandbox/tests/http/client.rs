//! A sandbox with a clock that stands still, and a client that sends queries exactly as written.

use std::sync::Once;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use sluice_sandbox::{Clock, ManualClock, Options, Running, Sandbox};

/// 2026-09-21 14:13:20 UTC.
pub(crate) const NOW_MS: u64 = 1_790_000_000_000;
/// The owner parameter of the first account.
pub(crate) const OWNER: &str = "owner=(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A503000101)";
/// Finder, lead type and owner of the first account.
pub(crate) const BY_OWNER: &str = "/rest/leadFormResponses?q=owner&leadType=(leadType:SPONSORED)\
                                   &owner=(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A503000101)";

pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) clock: ManualClock,
    pub(crate) client: reqwest::Client,
}

impl World {
    pub(crate) async fn start(options: Options) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider().install_default().unwrap();
        });
        let (clock, handle) = Clock::manual(NOW_MS);
        let running = Sandbox::start(Options { clock, ..options }).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { running, clock: handle, client }
    }

    pub(crate) async fn small() -> Self {
        Self::start(Options { responses: 600, ..Options::default() }).await
    }

    /// Sets fault switches by flag.
    pub(crate) fn fault(&self, flag: &str) {
        self.running.set_faults(self.running.faults().with_flag(flag).unwrap());
    }

    /// A bare request to LinkedIn.
    pub(crate) fn bare(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.running.linkedin))
    }

    /// A request to LinkedIn with every header that a correct client sends.
    pub(crate) fn call(&self, path: &str) -> RequestBuilder {
        self.bare(path)
            .header("authorization", "Bearer sandbox-linkedin-token")
            .header("linkedin-version", "202609")
            .header("x-restli-protocol-version", "2.0.0")
    }

    /// Status and body of a correct call.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        reply(self.call(path)).await
    }

    /// The body of a call that succeeds.
    pub(crate) async fn ok(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The elements of a call that succeeds.
    pub(crate) async fn elements(&self, path: &str) -> Vec<Value> {
        self.ok(path).await["elements"].as_array().unwrap().clone()
    }

    /// Every response of a finder call, page by page.
    pub(crate) async fn sweep(&self, path: &str, count: usize) -> Vec<Value> {
        let mut all = Vec::new();
        for _ in 0..1_000 {
            let page = self.elements(&format!("{path}&start={}&count={count}", all.len())).await;
            let last = page.len() < count;
            all.extend(page);
            if last {
                return all;
            }
        }
        panic!("a sweep does not end");
    }
}

/// Status and JSON body.
pub(crate) async fn reply(request: RequestBuilder) -> (u16, Value) {
    body(request.send().await.unwrap()).await
}

pub(crate) async fn body(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

pub(crate) fn ids(elements: &[Value]) -> Vec<&str> {
    elements.iter().map(|element| element["id"].as_str().unwrap()).collect()
}
