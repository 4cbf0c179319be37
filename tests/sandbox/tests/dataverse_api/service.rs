//! A stand-in on an ephemeral port and a client for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use sluice_sandbox::dataverse::{
    Caller, DEFAULT_APPLICATION_ID, Dataverse, DataverseFaults, DataverseOptions,
};
use tokio::net::TcpListener;

/// 2026-02-03T09:14:55Z.
pub(crate) const START_MS: u64 = 1_770_110_095_000;
pub(crate) const CAMPAIGN: &str = "12121212-0000-4000-8000-000000000001";

pub(crate) struct Service {
    pub(crate) dataverse: Dataverse,
    pub(crate) origin: String,
    pub(crate) client: Client,
    pub(crate) clock_ms: Arc<AtomicU64>,
}

/// An answer: status, headers as text, body as text.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and the error's code.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap().to_owned())
    }

    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// The bearer token that the stand-in takes for an application.
pub(crate) fn token(application_id: &str, resource: &str) -> String {
    format!("{application_id}|{resource}")
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::with(DataverseOptions::default()).await
    }

    pub(crate) async fn faulty(faults: DataverseFaults) -> Self {
        Self::with(DataverseOptions { faults, ..DataverseOptions::default() }).await
    }

    pub(crate) async fn with(options: DataverseOptions) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| _ = rustls::crypto::ring::default_provider().install_default());
        let clock_ms = Arc::new(AtomicU64::new(START_MS));
        let clock = Arc::clone(&clock_ms);
        let verify = |token: &str| {
            let (application_id, resource) = token.split_once('|')?;
            Some(Caller { application_id: application_id.to_owned(), resource: resource.to_owned() })
        };
        let now = move || clock.load(Ordering::Relaxed);
        let dataverse = Dataverse::new(options, Arc::new(verify), Arc::new(now));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        dataverse.set_origin(format!("{origin}/"));
        let router = dataverse.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { dataverse, origin, client: Client::new(), clock_ms }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}/api/data/v9.2/{path}", self.origin);
        self.client
            .request(method, url)
            .bearer_auth(token(DEFAULT_APPLICATION_ID, &self.origin))
            .header("OData-Version", "4.0")
            .header("OData-MaxVersion", "4.0")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(with_json(self.request("POST", path), body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        send(with_json(self.request("PATCH", path), body)).await
    }

    pub(crate) async fn patch_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = with_json(self.request("PATCH", path), body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request).await
    }

    /// Rows of an entity set as the stand-in holds them.
    pub(crate) fn rows(&self, set: &str) -> Vec<serde_json::Map<String, Value>> {
        let mut rows = Vec::new();
        self.dataverse.for_each_row(set, &mut |row| rows.push(row.clone()));
        rows
    }

    pub(crate) fn stat(&self, name: &str) -> u64 {
        self.dataverse.stats()[name].as_u64().unwrap()
    }
}

pub(crate) fn with_json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("Content-Type", "application/json").body(body.to_string())
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// A primary key that differs by its last digits.
pub(crate) fn id(number: u32) -> String {
    format!("0a0a0a0a-0000-5000-8000-{number:012x}")
}
