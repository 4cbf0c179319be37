//! Requests against a server on loopback that answers what a test tells it to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use tokio::net::TcpListener;

use super::*;
use crate::capabilities::address::AddressPolicy;

/// A server that answers every request with `status`, its origin, and how many requests it got.
async fn server(status: u16) -> (Origin, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let answer = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        std::future::ready(StatusCode::from_u16(status).unwrap())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = Origin::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async { axum::serve(listener, Router::new().fallback(answer)).await });
    (origin, asked)
}

/// How often a request is sent to a server that always answers `status`, with two repeats at most.
async fn times_sent(status: u16, repeatable: bool) -> usize {
    let (origin, asked) = server(status).await;
    let client = build_client(AddressPolicy::default(), None).unwrap();
    let bounds = Bounds { repeats: 2, first_wait: Duration::from_millis(1), ..Bounds::default() };
    let http = Http::new(client, Arc::new(Credentials::default()), bounds);
    let request = Request {
        method: "POST".to_owned(),
        url: format!("{origin}/rows"),
        headers: Vec::new(),
        body: Some(b"{}".to_vec()),
        credential: None,
        repeatable,
    };
    let response = http.send(&Egress::new([origin], []), request).await.unwrap();
    assert_eq!(response.status, status);
    asked.load(Ordering::Relaxed)
}

#[tokio::test]
async fn answers_that_say_nothing_about_the_request_are_repeated_within_the_bound() {
    for status in REPEATED {
        assert_eq!(times_sent(status, true).await, 3, "{status}");
    }
}

#[tokio::test]
async fn answers_about_the_request_itself_are_the_components_to_judge() {
    for status in [200, 204, 400, 403, 404, 409, 412, 500, 501] {
        assert_eq!(times_sent(status, true).await, 1, "{status}");
    }
}

#[tokio::test]
async fn nothing_is_repeated_that_is_not_safe_to_repeat() {
    for status in REPEATED {
        assert_eq!(times_sent(status, false).await, 1, "{status}");
    }
}
