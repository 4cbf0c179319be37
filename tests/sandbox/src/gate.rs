//! What every request of a vendor passes first: it is counted, delayed, refused or dropped as the fault switches say.
//! It knows the vendors only by the shape of their error bodies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::chance::{Draw, draw};
use crate::connection::Cutter;
use crate::faults::{FaultsCell, TransportFaults};
use crate::stats::ServiceStats;

const LINKEDIN_THROTTLED: &str = r#"{"serviceErrorCode":101,"message":"Resource level throttle limit for calls to this resource is reached.","status":429}"#;
const ENTRA_THROTTLED: &str = r#"{"error":"temporarily_unavailable","error_description":"AADSTS90033: A transient error has occurred. Please try again.","error_codes":[90033]}"#;
const DATAVERSE_THROTTLED: &str = r#"{"error":{"code":"0x80072322","message":"Number of requests exceeded the limit of 6000 over time window of 300 seconds."}}"#;
const UNAVAILABLE: &str = "<html><head><title>503 Service Unavailable</title></head><body><h1>Service Unavailable</h1></body></html>\n";

/// A vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    LinkedIn,
    Entra,
    Dataverse,
}

/// The gate of one service.
pub(crate) struct Gate {
    service: Service,
    seed: u64,
    faults: FaultsCell,
    pub(crate) stats: Arc<ServiceStats>,
    requests: AtomicU64,
    errors: AtomicU64,
}

impl Gate {
    pub(crate) fn new(service: Service, seed: u64, faults: FaultsCell) -> Self {
        // Each service draws its own faults.
        let seed = seed.wrapping_add(service as u64);
        Self {
            service,
            seed,
            faults,
            stats: Arc::default(),
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }
    }

    /// Forgets the counters. The request numbers that faults are drawn by start over too.
    pub(crate) fn reset(&self) {
        self.stats.reset();
        self.requests.store(0, Ordering::Relaxed);
        self.errors.store(0, Ordering::Relaxed);
    }

    /// Whether a fault that strikes one request in `rate` strikes this one.
    fn strikes(&self, purpose: Draw, rate: u64, number: u64) -> bool {
        rate > 0 && draw(self.seed, purpose, number).is_multiple_of(rate)
    }

    /// 429 and 503 in turn.
    fn injected_error(&self, faults: &TransportFaults) -> Response {
        if self.errors.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "text/html", UNAVAILABLE);
        }
        let (body, retry_after_s) = match self.service {
            Service::LinkedIn => (LINKEDIN_THROTTLED, None),
            Service::Entra => (ENTRA_THROTTLED, Some(1)),
            Service::Dataverse => (DATAVERSE_THROTTLED, Some(1)),
        };
        let mut response = plain(StatusCode::TOO_MANY_REQUESTS, "application/json; charset=utf-8", body);
        if self.service == Service::LinkedIn {
            crate::linkedin::vendor_headers(response.headers_mut(), self.requests.load(Ordering::Relaxed));
        }
        if let Some(seconds) = faults.retry_after_s.or(retry_after_s) {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// The middleware.
pub(crate) async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let all = gate.faults.get();
    let faults = match gate.service {
        Service::LinkedIn => &all.transport.linkedin,
        Service::Entra => &all.transport.entra,
        Service::Dataverse => &all.transport.dataverse,
    };
    let number = gate.requests.fetch_add(1, Ordering::Relaxed);
    let uri = request.uri();
    let owner = (uri.path() == "/rest/leadFormResponses").then(|| uri.query().and_then(owner)).flatten();
    let in_flight = gate.stats.enter(&route_class(request.method().as_str(), uri.path()), owner.as_deref());
    let cutter = request.extensions().get::<ConnectInfo<Cutter>>().map(|info| info.0.clone());
    if faults.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(faults.latency_ms)).await;
    }
    if gate.strikes(Draw::Reset, faults.reset_rate, number) {
        return dropped(cutter.as_ref(), &in_flight);
    }
    let response = if gate.strikes(Draw::Error, faults.error_rate, number) {
        gate.injected_error(faults)
    } else {
        next.run(request).await
    };
    if gate.strikes(Draw::LostAnswer, faults.lost_answer_rate, number) {
        return dropped(cutter.as_ref(), &in_flight);
    }
    in_flight.answered(response.status().as_u16(), response.body().size_hint().lower());
    response
}

/// Drops the connection. Without one to drop (a call that never came over TCP) the gateway's answer stands in.
fn dropped(cutter: Option<&Cutter>, in_flight: &crate::stats::InFlight) -> Response {
    in_flight.dropped();
    if let Some(cutter) = cutter {
        cutter.cut();
    }
    plain(StatusCode::BAD_GATEWAY, "text/html", "")
}

fn plain(status: StatusCode, content_type: &'static str, body: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Method and path with ids and keys replaced, so that calls of one kind count together.
fn route_class(method: &str, path: &str) -> String {
    let mut class = String::with_capacity(method.len() + path.len() + 1);
    class.push_str(method);
    class.push(' ');
    for segment in path.split('/').skip(1).take(8) {
        class.push('/');
        let id = segment.starts_with(|c: char| c.is_ascii_digit())
            || segment.contains(['-', '%'])
            || segment.len() > 80;
        match segment.split_once('(') {
            Some((name, "")) => class.push_str(name),
            Some((name, _)) => {
                class.push_str(name);
                class.push_str("(key)");
            }
            None if id => class.push_str("{id}"),
            None => class.push_str(segment),
        }
    }
    class
}

/// The owner that a query asks for, as `<kind>:<id>`. A tunnelled query is in the body and not looked at.
fn owner(query: &str) -> Option<String> {
    let union = query.split('&').find_map(|pair| pair.strip_prefix("owner=("))?.strip_suffix(')')?;
    let (kind, urn) = union.split_once(':')?;
    let id: u64 = urn.rsplit_once("%3A")?.1.parse().ok()?;
    matches!(kind, "sponsoredAccount" | "organization").then(|| format!("{kind}:{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_from_a_well_formed_query_only() {
        let query = "q=owner&owner=(organization:urn%3Ali%3Aorganization%3A90021)&count=1";
        assert_eq!(owner(query).as_deref(), Some("organization:90021"));
        for other in ["q=owner", "owner=(a:urn%3Ab%3A1)", "owner=(organization:x)", "owner=organization"] {
            assert_eq!(owner(other), None, "{other}");
        }
    }

    #[test]
    fn calls_of_one_kind_count_together() {
        let rows = [
            ("/rest/leadFormResponses", "GET /rest/leadFormResponses"),
            (
                "/rest/leadFormResponses/5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3",
                "GET /rest/leadFormResponses/{id}",
            ),
            ("/rest/adAccounts/503000101/adCampaigns", "GET /rest/adAccounts/{id}/adCampaigns"),
            ("/00000000-0000-4000-8000-00000000a001/oauth2/v2.0/token", "GET /{id}/oauth2/v2.0/token"),
            ("/api/data/v9.2/leads(li_id='x-1')", "GET /api/data/v9.2/leads(key)"),
            (
                "/api/data/v9.2/leads/Microsoft.Dynamics.CRM.UpsertMultiple",
                "GET /api/data/v9.2/leads/Microsoft.Dynamics.CRM.UpsertMultiple",
            ),
            ("/api/data/v9.2/$batch", "GET /api/data/v9.2/$batch"),
        ];
        for (path, class) in rows {
            assert_eq!(route_class("GET", path), class);
        }
    }

    #[test]
    fn a_rate_strikes_about_as_often_as_it_says_and_always_the_same_requests() {
        let gate = |seed| Gate::new(Service::LinkedIn, seed, FaultsCell::default());
        let struck =
            |gate: &Gate| (0..20_000).filter(|n| gate.strikes(Draw::Error, 20, *n)).collect::<Vec<_>>();
        let one = struck(&gate(1));
        assert!((800..1_200).contains(&one.len()), "{}", one.len());
        assert_eq!(one, struck(&gate(1)));
        assert_ne!(one, struck(&gate(2)));
        assert!((0..100).all(|n| !gate(1).strikes(Draw::Error, 0, n)));
    }

    #[test]
    fn throttled_bodies_are_json() {
        for body in [LINKEDIN_THROTTLED, ENTRA_THROTTLED, DATAVERSE_THROTTLED] {
            assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
        }
    }
}
