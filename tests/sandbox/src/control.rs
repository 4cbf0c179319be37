//! The control surface under `/_sandbox/`: counters, fault switches, expectations. It is no part of any vendor.

use std::convert::Infallible;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::{Router, routing};
use serde_json::{Value, json};

use crate::faults::Faults;
use crate::server::Services;

/// Largest body of a change of the fault switches, in bytes.
const PATCH_BYTES_MAX: usize = 256 * 1024;
/// Responses per chunk of the expectations.
const CHUNK: u64 = 1_000;

/// The routes, to be merged into every service's.
pub(crate) fn router(services: Services) -> Router {
    Router::new()
        .route("/_sandbox/stats", routing::get(stats))
        .route("/_sandbox/faults", routing::get(faults).patch(patch_faults))
        .route("/_sandbox/reset", routing::post(reset))
        .route("/_sandbox/expected", routing::get(expected))
        .route("/_sandbox/reconcile", routing::get(reconcile))
        .merge(crate::leads_control::router())
        .route("/_sandbox/{*unknown}", routing::any(unknown))
        .with_state(services)
}

async fn stats(State(services): State<Services>) -> Response {
    json_response(StatusCode::OK, services.stats().to_string())
}

async fn faults(State(services): State<Services>) -> Response {
    faults_response(&services.faults())
}

fn faults_response(faults: &Faults) -> Response {
    match serde_json::to_string(faults) {
        Ok(text) => json_response(StatusCode::OK, text),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn patch_faults(State(services): State<Services>, request: Request) -> Response {
    let Ok(body) = to_bytes(request.into_body(), PATCH_BYTES_MAX).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or was cut off");
    };
    let patch: Value = match serde_json::from_slice(&body) {
        Ok(patch) => patch,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &format!("the body is not JSON: {error}")),
    };
    match services.patch_faults(&patch) {
        Ok(faults) => faults_response(&faults),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

async fn reset(State(services): State<Services>) -> Response {
    services.reset();
    json_response(StatusCode::OK, "{}".to_owned())
}

/// Streams one line per response, so that ten million of them need no memory.
async fn expected(State(services): State<Services>) -> Response {
    let chunks = futures_util::stream::unfold((services, 0), |(services, from)| async move {
        let lines = services.expected_lines(from, CHUNK)?;
        Some((Ok::<_, Infallible>(lines), (services, from + CHUNK)))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

async fn reconcile(State(services): State<Services>) -> Response {
    // Millions of rows take seconds: not on the threads that serve requests.
    let compared = tokio::task::spawn_blocking(move || serde_json::to_string(&services.reconcile())).await;
    match compared {
        Ok(Ok(text)) => json_response(StatusCode::OK, text),
        Ok(Err(error)) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn unknown(method: Method) -> Response {
    let routes = "GET stats, GET and PATCH faults, POST reset, GET expected, GET reconcile, POST linkedin/arrive, \
                  POST linkedin/withdraw, POST linkedin/reregister, GET and POST linkedin/notices, \
                  GET and POST linkedin/challenges";
    refuse(StatusCode::NOT_FOUND, &format!("no such {method}; the sandbox has {routes}"))
}

pub(crate) fn refuse(status: StatusCode, message: &str) -> Response {
    json_response(status, json!({"error": message}).to_string())
}

pub(crate) fn json_response(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
