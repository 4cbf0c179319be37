//! The HTTP rim: token, user, limits, faults of the connection, headers of every answer.

use std::convert::Infallible;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::counters::Counters;
use super::engine::read_lock;
use super::error::ApiError;
use super::operation::{self, Session};
use super::options::DataverseFaults;
use super::reply::{Content, Headers, Operation, Reply};
use super::rights::User;
use super::throttle::Remaining;
use super::{Shared, batch, guid};

/// Path of the service root.
pub(crate) const ROOT: &str = "/api/data/v9.2/";
/// Greatest length of a request's address.
const MAX_URL: usize = 32_768;
/// Greatest size of a request's body: the service's message cap of 116.85 MB.
const MAX_BODY: usize = 116_850_000;

/// All routes lead to one handler, since OData paths are a grammar of their own.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(handle).with_state(shared)
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Infallible> {
    let (parts, body) = request.into_parts();
    let number = shared.engine.requests.fetch_add(1, Relaxed);
    shared.engine.counters.requests.fetch_add(1, Relaxed);
    let faults = Arc::clone(&read_lock(&shared.engine.faults));
    let seat = match Seat::take(&shared, &parts, &faults) {
        Ok(seat) => seat,
        Err(refusal) => return Ok(refusal.response(&shared, number)),
    };
    let bytes = match to_bytes(body, MAX_BODY).await {
        Ok(bytes) => bytes,
        Err(_) => {
            let error = ApiError::new(413, "", "Maximum request length exceeded.");
            return Ok(finish(Reply::error(&error, false), &seat, number));
        }
    };
    let writes = parts.method != axum::http::Method::GET;
    let _write = writes.then(|| Write::begin(&shared));
    let (reply, claim, rows, wrote) = run(&shared, &seat, &parts, &bytes, faults.clone(), number);
    if rows > 0 && faults.row_latency_us > 0 {
        tokio::time::sleep(Duration::from_micros(faults.row_latency_us.saturating_mul(rows))).await;
    }
    drop(claim);
    if wrote && shared.engine.falls(faults.drop_after_commit_one_in) {
        shared.engine.counters.dropped.fetch_add(1, Relaxed);
        return Ok(broken());
    }
    Ok(finish(reply, &seat, number))
}

/// Rows that a request holds, given back when it is over or its connection is gone.
struct Claim<'a> {
    shared: &'a Shared,
    rows: Vec<(u16, u128)>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.shared.engine.counters.release(&self.rows);
    }
}

/// A write request under way.
struct Write<'a>(&'a Shared);

impl<'a> Write<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.engine.counters.begin_write();
        Self(shared)
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        self.0.engine.counters.end_write();
    }
}

/// Everything between the body and the answer; nothing here waits.
fn run<'a>(
    shared: &'a Shared,
    seat: &Seat<'_>,
    parts: &Parts,
    body: &[u8],
    faults: Arc<DataverseFaults>,
    number: u64,
) -> (Reply, Claim<'a>, u64, bool) {
    let engine = &shared.engine;
    let mut headers = Headers::default();
    for (name, value) in &parts.headers {
        headers.take(name.as_str(), value.to_str().unwrap_or_default());
    }
    let origin = read_lock(&engine.origin).clone();
    let base = format!("{origin}{}", ROOT.trim_end_matches('/'));
    let mut session = Session {
        engine,
        user: seat.user,
        faults,
        origin,
        base,
        request: number,
        now_ms: (shared.now)(),
        claimed: Vec::new(),
        rows: 0,
        wrote: false,
    };
    let path = parts.uri.path().strip_prefix(ROOT);
    let length = session.origin.len() + parts.uri.path_and_query().map_or(0, |whole| whole.as_str().len());
    let result = match path {
        None => Err(ApiError::route(&format!("{}{}", session.origin, parts.uri.path()))),
        Some(_) if length > MAX_URL => Err(ApiError::new(414, "0x0", "The request URI is too long.")),
        Some("$batch") if parts.method == axum::http::Method::POST => {
            engine.counters.batches.fetch_add(1, Relaxed);
            batch::execute(&mut session, &headers, &versions(&parts.headers), body)
        }
        Some(path) => {
            let operation = Operation {
                method: parts.method.as_str(),
                path,
                raw_options: parts.uri.query().unwrap_or_default(),
                headers: &headers,
                body,
                references: &[],
            };
            operation::execute(&mut session, &operation, None)
        }
    };
    let reply = result.unwrap_or_else(|error| {
        refused(&shared.engine.counters, &error);
        Reply::error(&error, headers.prefer.annotations.errors)
    });
    let claim = Claim { shared, rows: std::mem::take(&mut session.claimed) };
    (reply, claim, session.rows, session.wrote)
}

fn versions(headers: &HeaderMap) -> [Option<&str>; 2] {
    ["odata-version", "odata-maxversion"].map(|name| headers.get(name).and_then(|value| value.to_str().ok()))
}

/// Counts an operation that one row's values made fail.
pub(crate) fn refused(counters: &Counters, error: &ApiError) {
    let of_a_row = [
        "0x80044331",
        "0x8004431A",
        "0x8004432F",
        "0x80044330",
        "0x80040203",
        "0x80040265",
        "0x80040237",
        "0x80060892",
        "0x80040217",
        "0x80060891",
    ];
    if of_a_row.contains(&error.code.as_ref()) {
        counters.refused_rows.fetch_add(1, Relaxed);
    }
}

/// A request that was let in: its user, its web server, and what its limits leave.
struct Seat<'a> {
    shared: &'a Shared,
    user: &'a User,
    server: u32,
    remaining: Remaining,
    started_ms: u64,
}

/// A request that was not let in.
enum Refusal {
    Unauthorized,
    Error(ApiError),
}

impl<'a> Seat<'a> {
    fn take(shared: &'a Shared, parts: &Parts, faults: &DataverseFaults) -> Result<Self, Refusal> {
        let engine = &shared.engine;
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer ")).ok_or(Refusal::Unauthorized)?;
        let caller = (shared.verify)(token.trim()).ok_or(Refusal::Unauthorized)?;
        let wrong = caller.resource.trim_end_matches('/') != read_lock(&engine.origin).as_str();
        if wrong || engine.falls(faults.unauthorized_one_in) {
            return Err(Refusal::Unauthorized);
        }
        let forbidden = |code, text: &str| Refusal::Error(ApiError::new(403, code, text));
        let stranger = || forbidden("0x80072560", "The user is not a member of the organization.");
        let user = engine.user(&caller.application_id).ok_or_else(stranger)?;
        if user.roles.is_empty() {
            let text = "The user has not been assigned any roles. Assign a role to the user and try again.";
            return Err(forbidden("0x80042f09", text));
        }
        let server = server(engine.servers, &parts.headers, engine.requests.load(Relaxed));
        let started_ms = (shared.now)();
        let mut throttle = engine.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let protection = faults.service_protection.as_ref();
        let admitted =
            throttle.admit((user.number, server), protection, faults.concurrency_limit, started_ms);
        let remaining = admitted.map_err(|error| {
            engine.counters.throttled.fetch_add(1, Relaxed);
            Refusal::Error(error)
        })?;
        Ok(Self { shared, user, server, remaining, started_ms })
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let took_ms = (self.shared.now)().saturating_sub(self.started_ms);
        let mut throttle = self.shared.engine.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        throttle.finish((self.user.number, self.server), self.started_ms, took_ms);
    }
}

/// The web server that answers: the one the cookie names, else the next in turn.
fn server(servers: u32, headers: &HeaderMap, turn: u64) -> u32 {
    let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let named = cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("ARRAffinity="));
    let pinned = named.and_then(|name| (0..servers).find(|server| affinity(*server) == name));
    pinned.unwrap_or_else(|| u32::try_from(turn % u64::from(servers)).unwrap_or(0))
}

fn affinity(server: u32) -> String {
    guid::text(guid::named(&format!("server:{server}"))).replace('-', "")
}

impl Refusal {
    fn response(self, shared: &Shared, number: u64) -> Response {
        match self {
            Self::Error(error) => {
                let mut response = plain(Reply::error(&error, false));
                trace(response.headers_mut(), number);
                response
            }
            Self::Unauthorized => {
                let origin = read_lock(&shared.engine.origin).clone();
                let challenge = format!(
                    "Bearer authorization_uri=https://login.microsoftonline.com/{}/oauth2/authorize, \
                     resource_id={origin}/",
                    shared.engine.tenant_id
                );
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                set(response.headers_mut(), "www-authenticate", &challenge);
                trace(response.headers_mut(), number);
                response
            }
        }
    }
}

/// A response whose body fails at once: the server closes the connection without having sent a byte of it.
fn broken() -> Response {
    let failure =
        std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the connection is dropped on purpose");
    let stream = futures_util::stream::once(async move { Err::<Vec<u8>, _>(failure) });
    Response::new(Body::from_stream(stream))
}

fn finish(reply: Reply, seat: &Seat<'_>, number: u64) -> Response {
    let mut response = plain(reply);
    let headers = response.headers_mut();
    trace(headers, number);
    set(headers, "x-ms-dop-hint", &seat.shared.engine.dop_hint.to_string());
    set(headers, "x-ms-ratelimit-burst-remaining-xrm-requests", &seat.remaining.requests.to_string());
    let seconds = seat.remaining.execution_ms as f64 / 1000.0;
    set(headers, "x-ms-ratelimit-time-remaining-xrm-requests", &format!("{seconds:.2}"));
    set(headers, "set-cookie", &format!("ARRAffinity={}; path=/; secure; HttpOnly", affinity(seat.server)));
    set(headers, "cache-control", "no-cache");
    set(headers, "strict-transport-security", "max-age=31536000; includeSubDomains");
    response
}

fn trace(headers: &mut HeaderMap, number: u64) {
    let id = guid::text(0x7f3d_0000_0000_4000_8000_0000_0000_0000 | u128::from(number & 0xffff_ffff_ffff));
    set(headers, "odata-version", "4.0");
    set(headers, "req_id", &id);
    set(headers, "x-ms-service-request-id", &id);
}

fn plain(reply: Reply) -> Response {
    let (kind, body) = match reply.content {
        Content::None => (None, Body::empty()),
        Content::Json(text) => {
            (Some("application/json; odata.metadata=minimal".to_owned()), Body::from(text))
        }
        Content::Text(text) => (Some("text/plain".to_owned()), Body::from(text)),
        Content::Multipart { boundary, bytes } => {
            (Some(format!("multipart/mixed; boundary={boundary}")), Body::from(bytes))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(kind) = kind {
        set(response.headers_mut(), "content-type", &kind);
    }
    for (name, value) in &reply.headers {
        set(response.headers_mut(), &name.to_ascii_lowercase(), value);
    }
    response
}

/// Sets a header; one whose value HTTP cannot carry is left out.
fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        headers.insert(name, value);
    }
}
