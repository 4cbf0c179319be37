//! The HTTP rim of the LinkedIn service: bodies in, headers out.

use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;

use super::Shared;
use super::problem::Problem;
use super::routes::Incoming;
use crate::chance::{Draw, draw};
use crate::form_body::BODY_BYTES_MAX;

/// The routes of the service. Dispatch is its own: the checks before the path need an order that a router cannot keep.
pub(crate) fn router(service: Shared) -> Router {
    Router::new().fallback(handle).with_state(service)
}

async fn handle(State(service): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let unsized_post = parts.method == Method::POST
        && !parts.headers.contains_key(header::CONTENT_LENGTH)
        && !parts.headers.contains_key(header::TRANSFER_ENCODING);
    let body = to_bytes(body, BODY_BYTES_MAX).await;
    let number = service.requests.fetch_add(1, Ordering::Relaxed);
    let (status, body, retry_after_s) = match body {
        _ if unsized_post => refusal(&Problem::length_required()),
        Err(_) => refusal(&Problem::illegal_argument("the body is too large or was cut off")),
        Ok(body) => answer(&service, &parts, &body),
    };
    let mut response = Response::new(Body::from(body));
    // Every status used here is valid.
    *response.status_mut() = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    vendor_headers(response.headers_mut(), draw(service.population.seed, Draw::RequestId, number));
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

type Answer = (u16, Vec<u8>, Option<u64>);

fn answer(service: &Shared, parts: &axum::http::request::Parts, body: &[u8]) -> Answer {
    if let Some(endpoint) = parts.uri.path().strip_prefix("/oauth/v2/") {
        let (status, body) = service.oauth(endpoint, &parts.method, &parts.headers, body);
        return (status, body.to_string().into_bytes(), None);
    }
    // <https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/query-tunneling>
    let tunnelled = parts.method == Method::POST
        && parts.headers.get("x-http-method-override").is_some_and(|method| method == "GET");
    let form = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value == "application/x-www-form-urlencoded");
    let query = match (tunnelled, std::str::from_utf8(body)) {
        (true, Ok(query)) if form && parts.uri.query().is_none() => query,
        (true, _) => return refusal(&Problem::illegal_argument("the tunnelled query is not a form body")),
        (false, _) => parts.uri.query().unwrap_or_default(),
    };
    let incoming = Incoming {
        method: if tunnelled { &Method::GET } else { &parts.method },
        path: parts.uri.path(),
        query,
        headers: &parts.headers,
        tunnelled,
    };
    match service.answer(&incoming) {
        Ok(body) => (200, body, None),
        Err(problem) => refusal(&problem),
    }
}

fn refusal(problem: &Problem) -> Answer {
    (problem.status, problem.to_body(), problem.retry_after_s)
}

/// The headers that LinkedIn's support asks for, and those beside them.
pub(crate) fn vendor_headers(headers: &mut HeaderMap, request_id: u64) {
    let mut fixed = |name: &'static str, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    fixed("content-type", "application/json");
    fixed("x-restli-protocol-version", "2.0.0");
    fixed("x-li-fabric", "prod-sandbox");
    fixed("x-li-pop", "sandbox-1");
    fixed("x-li-proto", "http/1.1");
    fixed("x-li-route-key", "sandbox:1");
    fixed("set-cookie", "lidc=\"b=SANDBOX:s=S:r=S\"; Path=/; SameSite=None; Secure");
    // Hexadecimal text is a valid header value.
    if let Ok(id) = HeaderValue::from_str(&format!("{request_id:016X}==")) {
        headers.insert("x-li-uuid", id);
    }
}
