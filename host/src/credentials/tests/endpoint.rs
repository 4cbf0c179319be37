//! A token endpoint on loopback that answers as a script says, and a credential that asks it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use secrecy::SecretString;

use super::super::{ClientCredentials, Credentials, Definition, Kind};
use crate::capabilities::address::AddressPolicy;
use crate::capabilities::http::build_client;

pub(super) const CLIENT_SECRET: &str = "hidden-client-secret";
pub(super) const SIGNING_SECRET: &str = "demoClientSecret==";

/// See the module.
pub(super) struct Endpoint {
    pub(super) url: String,
    asked: Arc<AtomicUsize>,
    /// The form of the last request.
    pub(super) form: Arc<std::sync::Mutex<String>>,
}

impl Endpoint {
    /// Answers each request by its number, from 0.
    pub(super) async fn start(answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/tenant-secret/token", listener.local_addr().unwrap());
        let (asked, form) = (Arc::new(AtomicUsize::new(0)), Arc::new(std::sync::Mutex::new(String::new())));
        let (count, kept) = (Arc::clone(&asked), Arc::clone(&form));
        let service = move |body: String| {
            let answer = answer(count.fetch_add(1, Ordering::SeqCst));
            *kept.lock().unwrap() = body;
            async move { answer }
        };
        let app = axum::Router::new().fallback(service);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked, form }
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A credential `crm` that asks here, without noticeable waits.
    pub(super) fn credentials(&self) -> Credentials {
        Credentials::new([("crm".to_owned(), definition(&self.url))])
    }
}

pub(super) fn definition(url: &str) -> Definition {
    let client = build_client(AddressPolicy::default(), None).unwrap();
    let secret = SecretString::from(CLIENT_SECRET.to_owned());
    let scopes = vec!["https://crm.example.test/.default".to_owned()];
    let grant = ClientCredentials::new(client, url.to_owned(), "app-id".to_owned(), secret, scopes);
    let grant = grant.unwrap().with_first_wait(Duration::from_millis(1));
    let signing_secret = Some(SecretString::from(SIGNING_SECRET.to_owned()));
    Definition { kind: Kind::ClientCredentials(Box::new(grant)), signing_secret }
}

pub(super) fn answer(status: u16, body: impl Into<Body>) -> Response {
    let response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    response.header("content-type", "application/json").body(body.into()).unwrap()
}

/// The token `token-NUMBER` with a lifetime in seconds.
pub(super) fn token(number: usize, lifetime_s: u64) -> Response {
    let body =
        format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":{lifetime_s}}}"#);
    answer(200, body)
}
