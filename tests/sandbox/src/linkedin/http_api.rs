//! The HTTP rim of the LinkedIn service: bodies in, headers out.

use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;

use super::Shared;
use super::problem::Problem;
use super::routes::{Incoming, Reply};
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
    let answer = match body {
        _ if unsized_post => refusal(&Problem::length_required()),
        Err(_) => refusal(&Problem::illegal_argument("the body is too large or was cut off")),
        Ok(body) => answer(&service, &parts, &body).await,
    };
    let mut response = Response::new(Body::from(answer.body));
    // Every status used here is valid.
    *response.status_mut() = axum::http::StatusCode::from_u16(answer.status).unwrap_or_default();
    let headers = response.headers_mut();
    vendor_headers(headers, draw(service.population.seed, Draw::RequestId, number));
    if let Some(seconds) = answer.retry_after_s {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(id) = answer.created_id {
        headers.insert("x-restli-id", id.into());
    }
    if answer.html {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    }
    response
}

/// What is sent back, beside the headers that every answer has.
#[derive(Default)]
struct Answer {
    status: u16,
    body: Vec<u8>,
    retry_after_s: Option<u64>,
    /// Id of what was created.
    created_id: Option<u64>,
    html: bool,
}

async fn answer(service: &Shared, parts: &axum::http::request::Parts, body: &[u8]) -> Answer {
    if let Some(endpoint) = parts.uri.path().strip_prefix("/oauth/v2/") {
        let (status, body) = service.oauth(endpoint, &parts.method, &parts.headers, body);
        return Answer { status, body: body.to_string().into_bytes(), ..Answer::default() };
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
        body,
        tunnelled,
    };
    let ok = |body| Answer { status: 200, body, ..Answer::default() };
    match service.answer(&incoming) {
        Ok(Reply::Body(body)) => ok(body),
        Ok(Reply::NoContent) => Answer { status: 204, ..Answer::default() },
        Ok(Reply::Subscribe(wish)) => match service.subscribe(*wish).await {
            Ok(subscription) => {
                let filled = service.faults.get().linkedin.notices.filled_body;
                let body = if filled { subscription.object().to_string().into_bytes() } else { Vec::new() };
                Answer { status: 201, body, created_id: Some(subscription.id), ..Answer::default() }
            }
            Err(problem) => refusal(&problem),
        },
        Err(problem) => refusal(&problem),
    }
}

fn refusal(problem: &Problem) -> Answer {
    Answer {
        status: problem.status,
        body: problem.to_body(),
        retry_after_s: problem.retry_after_s,
        html: problem.html,
        ..Answer::default()
    }
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
