//! A webhook: answers challenges, and keeps what it is sent.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

pub(crate) const SECRET: &str = "sandbox-linkedin-secret==";

/// Lower-case hex of an HMAC under the app's secret.
pub(crate) fn hmac_hex(message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One POST that was received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path_and_query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether `X-LI-Signature` is right for the body.
    pub(crate) fn signed(&self) -> bool {
        let right = hmac_hex(format!("hmacsha256={}", self.body).as_bytes());
        self.headers.get("x-li-signature").is_some_and(|signature| signature.as_bytes() == right.as_bytes())
    }
}

#[derive(Default)]
struct Kept {
    received: Mutex<Vec<Received>>,
    challenges: Mutex<Vec<String>>,
    /// Told of each POST.
    posted: tokio::sync::Notify,
    /// Status of every answer.
    status: AtomicU16,
    /// Spoils challenge responses when it is not 0.
    spoil: AtomicU16,
}

#[derive(Clone)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    kept: Arc<Kept>,
}

impl Webhook {
    pub(crate) async fn start() -> Self {
        let kept = Arc::<Kept>::default();
        kept.status.store(200, Ordering::SeqCst);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/leads?tenant=a", listener.local_addr().unwrap());
        let app = Router::new().fallback(handle).with_state(Arc::clone(&kept));
        tokio::spawn(async { axum::serve(listener, app).await });
        Self { url, kept }
    }

    /// Lets every answer have a status.
    pub(crate) fn answer(&self, status: u16) {
        self.kept.status.store(status, Ordering::SeqCst);
    }

    /// Lets challenge responses be wrong, or right again.
    pub(crate) fn spoil(&self, spoil: bool) {
        self.kept.spoil.store(spoil.into(), Ordering::SeqCst);
    }

    /// Waits until something was received.
    pub(crate) async fn posted(&self) {
        self.kept.posted.notified().await;
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.kept.received.lock().unwrap().clone()
    }

    /// Queries of the challenges.
    pub(crate) fn challenges(&self) -> Vec<String> {
        self.kept.challenges.lock().unwrap().clone()
    }
}

async fn handle(State(kept): State<Arc<Kept>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let mut answer = Response::builder().status(kept.status.load(Ordering::SeqCst));
    if parts.method == Method::POST {
        kept.received.lock().unwrap().push(Received {
            path_and_query: parts.uri.path_and_query().unwrap().to_string(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        kept.posted.notify_one();
        return answer.body(Body::empty()).unwrap();
    }
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let code = query.split('&').find_map(|pair| pair.strip_prefix("challengeCode=")).unwrap().to_owned();
    let mut response = hmac_hex(code.as_bytes());
    if kept.spoil.load(Ordering::SeqCst) != 0 {
        response.make_ascii_uppercase();
    }
    kept.challenges.lock().unwrap().push(query);
    answer = answer.header("content-type", "application/json");
    answer
        .body(Body::from(json!({"challengeCode": code, "challengeResponse": response}).to_string()))
        .unwrap()
}
