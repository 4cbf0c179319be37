//! A server on an ephemeral port of loopback that answers as a script says and keeps what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::origin::Origin;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) at: Instant,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// See the module. Stops when dropped.
pub(super) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers each request by its number, from 0, and what it was.
    pub(super) async fn start(
        answer: impl Fn(usize, &Seen) -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        let (listener, address) = listen().await;
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let kept = Arc::clone(&seen);
        let service = move |request: Request| {
            let (answer, kept) = (answer.clone(), Arc::clone(&kept));
            async move {
                let at = Instant::now();
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, 1 << 20).await.unwrap();
                let (method, target) = (parts.method.to_string(), parts.uri.to_string());
                let one = Seen { method, target, headers: parts.headers, body, at };
                let number = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(one.clone());
                    kept.len() - 1
                };
                answer(number, &one)
            }
        };
        let app = axum::Router::new().fallback(service);
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, seen, task }
    }

    /// Gives each connection, by its number from 0, to `handle` once a request's head has arrived.
    pub(super) async fn raw<F: Future<Output = ()> + Send>(
        handle: impl Fn(usize, TcpStream) -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        let (listener, address) = listen().await;
        let connections = AtomicUsize::new(0);
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (number, handle) = (connections.fetch_add(1, Ordering::Relaxed), handle.clone());
                tokio::spawn(async move {
                    read_head(&mut stream).await;
                    handle(number, stream).await;
                });
            }
        });
        Self { address, seen: Arc::default(), task }
    }

    pub(super) fn origin(&self) -> Origin {
        Origin::parse(&format!("http://{}", self.address)).unwrap()
    }

    pub(super) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
}

/// A port of loopback where nobody listens.
pub(super) async fn deaf_port() -> u16 {
    listen().await.1.port()
}

pub(super) fn status(status: u16) -> Response {
    answer(status, &[], "")
}

pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

/// A token endpoint's answer: `token-0`, `token-1` and so on by the number of the request.
pub(super) fn token(number: usize) -> Response {
    let body = format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":3600}}"#);
    answer(200, &[("content-type", "application/json")], body)
}

/// Sends a whole small response.
pub(super) async fn reply(stream: &mut TcpStream, response: &str) {
    // A peer that has gone away is what some tests are about.
    let _ = stream.write_all(response.as_bytes()).await;
    let _ = stream.flush().await;
}
