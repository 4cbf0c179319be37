//! The Entra ID stand-in: the token endpoint of one tenant, for client credentials with a secret.
//!
//! <https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::chance::{Draw, draw};
use crate::clock::{Clock, DAY_MS, Date, SECOND_MS};
use crate::dataverse::{Caller, Verify};
use crate::faults::FaultsCell;
use crate::form_body::{BODY_BYTES_MAX, FormBody, basic};
use crate::options::Credentials;

/// At most so many live tokens; beyond it, expired ones are forgotten, then new ones refused.
const TOKENS_MAX: usize = 10_000;

/// The service.
pub(crate) struct Entra {
    credentials: Credentials,
    clock: Clock,
    faults: FaultsCell,
    seed: u64,
    state: RwLock<Tokens>,
}

#[derive(Default)]
struct Tokens {
    /// Origins that a token can be issued for, without a slash at the end. All name one environment; the first is its
    /// canonical one.
    resources: Vec<String>,
    /// Client id, resource and end of life by token.
    live: HashMap<String, (String, String, u64)>,
    issued: u64,
}

/// A token error: HTTP status, `error`, AADSTS number and text.
struct Refusal(u16, &'static str, u32, String);

impl Entra {
    pub(crate) fn new(credentials: &Credentials, seed: u64, clock: Clock, faults: FaultsCell) -> Self {
        Self { credentials: credentials.clone(), clock, faults, seed, state: RwLock::default() }
    }

    /// Sets the origins that name the Dataverse environment, the canonical one first.
    pub(crate) fn set_resources(&self, resources: Vec<String>) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).resources = resources;
    }

    /// Looks up who a token was issued to.
    pub(crate) fn verify(self: &Arc<Self>) -> Verify {
        let service = Arc::clone(self);
        Arc::new(move |token| {
            let state = service.state.read().unwrap_or_else(PoisonError::into_inner);
            let (application_id, resource, ends_ms) = state.live.get(token)?;
            (service.clock.now_ms() < *ends_ms)
                .then(|| Caller { application_id: application_id.clone(), resource: resource.clone() })
        })
    }

    fn token(&self, tenant: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        if !tenant.eq_ignore_ascii_case(&self.credentials.entra_tenant) {
            let text = "Tenant not found. Check to make sure you have the correct tenant ID";
            return Err(Refusal(400, "invalid_request", 90_002, text.into()));
        }
        let form = FormBody::read(headers, body).unwrap_or_default();
        let grant = form.get("grant_type").ok_or_else(|| missing("grant_type"))?;
        let client_id = self.client(&form, headers)?;
        if grant != "client_credentials" {
            let text = "The app requested an unsupported grant type";
            return Err(Refusal(400, "unsupported_grant_type", 70_003, text.into()));
        }
        let resource = self.resource(form.get("scope").ok_or_else(|| missing("scope"))?)?;
        self.issue(client_id, resource)
    }

    /// Checks client id and secret, from the form or from HTTP Basic.
    fn client(&self, form: &FormBody, headers: &HeaderMap) -> Result<String, Refusal> {
        let (basic_id, basic_secret) = basic(headers).unzip();
        let id = form.get("client_id").map(str::to_owned).or(basic_id).ok_or_else(|| missing("client_id"))?;
        let others = &self.credentials.entra_other_client_ids;
        let known = [&self.credentials.entra_client_id].into_iter().chain(others);
        if !known.into_iter().any(|known| known.eq_ignore_ascii_case(&id)) {
            let text = "Application with the given identifier was not found in the directory";
            return Err(Refusal(400, "unauthorized_client", 700_016, text.into()));
        }
        let secret = form.get("client_secret").map(str::to_owned).or(basic_secret);
        let Some(secret) = secret else {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'";
            return Err(Refusal(401, "invalid_client", 7_000_218, text.into()));
        };
        if secret != self.credentials.entra_client_secret {
            let text = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value";
            return Err(Refusal(401, "invalid_client", 7_000_215, text.into()));
        }
        if self.faults.get().entra.secret_expired {
            let text = "The provided client secret keys are expired";
            return Err(Refusal(401, "invalid_client", 7_000_222, text.into()));
        }
        Ok(id)
    }

    /// The resource behind `{origin}/.default`.
    fn resource(&self, scope: &str) -> Result<String, Refusal> {
        let Some(origin) = scope.strip_suffix("/.default") else {
            let text = "The provided value for the input parameter 'scope' is not valid";
            return Err(Refusal(400, "invalid_scope", 70_011, text.into()));
        };
        let origin = origin.strip_suffix('/').unwrap_or(origin);
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if state.resources.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
            // `resources` holds the one just found, so there is a first.
            return Ok(state.resources.first().cloned().unwrap_or_default());
        }
        let text = "The resource principal was not found in the tenant";
        Err(Refusal(400, "invalid_resource", 500_011, text.into()))
    }

    fn issue(&self, client_id: String, resource: String) -> Result<Value, Refusal> {
        let (now_ms, lifetime_s) = (self.clock.now_ms(), self.faults.get().entra.token_lifetime_s);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.live.len() >= TOKENS_MAX {
            state.live.retain(|_, (_, _, ends_ms)| *ends_ms > now_ms);
        }
        if state.live.len() >= TOKENS_MAX {
            let text = "A transient error has occurred. Please try again.";
            return Err(Refusal(503, "temporarily_unavailable", 90_033, text.into()));
        }
        let token =
            format!("sandbox-entra-{:016x}-{}", draw(self.seed, Draw::Token, state.issued), state.issued);
        state.issued += 1;
        state.live.insert(token.clone(), (client_id, resource, now_ms + lifetime_s * SECOND_MS));
        Ok(json!({
            "token_type": "Bearer",
            "expires_in": lifetime_s,
            "ext_expires_in": lifetime_s,
            "access_token": token,
        }))
    }

    fn error_body(&self, refusal: &Refusal) -> Value {
        let Refusal(_, error, number, text) = refusal;
        let now_ms = self.clock.now_ms();
        let timestamp = timestamp(now_ms);
        let id = |salt: u64| {
            let hash = draw(self.seed, Draw::RequestId, now_ms ^ salt);
            format!("{:08x}-0000-4000-8000-{:012x}", hash >> 32, hash & 0xFFFF_FFFF)
        };
        let (trace, correlation) = (id(0), id(1 << 63));
        json!({
            "error": error,
            "error_description": format!(
                "AADSTS{number}: {text}.\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {timestamp}"
            ),
            "error_codes": [number],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        })
    }
}

fn missing(parameter: &str) -> Refusal {
    let text = format!("The request body must contain the following parameter: '{parameter}'");
    Refusal(400, "invalid_request", 900_144, text)
}

/// `YYYY-MM-DD hh:mm:ssZ`.
fn timestamp(now_ms: u64) -> String {
    let (date, second) = (Date::at(now_ms), now_ms % DAY_MS / SECOND_MS);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02}Z", date.year, date.month, date.day)
}

/// The routes of the service.
pub(crate) fn router(service: Arc<Entra>) -> Router {
    Router::new().fallback(handle).with_state(service)
}

async fn handle(State(service): State<Arc<Entra>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let tenant = parts.uri.path().strip_prefix('/').and_then(|path| path.strip_suffix("/oauth2/v2.0/token"));
    let Some(tenant) = tenant.filter(|tenant| !tenant.contains('/')) else {
        return reply(404, &json!({"error": "not_found"}));
    };
    if parts.method != Method::POST {
        let text = "Endpoint only accepts POST requests";
        return reply(405, &service.error_body(&Refusal(405, "invalid_request", 900_561, text.into())));
    }
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return reply(413, &json!({"error": "invalid_request"}));
    };
    match service.token(tenant, &parts.headers, &body) {
        Ok(token) => reply(200, &token),
        Err(refusal) => reply(refusal.0, &service.error_body(&refusal)),
    }
}

fn reply(status: u16, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    // Every status used here is valid.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::faults::{EntraFaults, Faults};

    const ORIGIN: &str = "http://127.0.0.1:4013";
    const NOW_MS: u64 = 1_785_542_400_000;

    fn entra() -> (Arc<Entra>, ManualClock) {
        let (clock, handle) = Clock::manual(NOW_MS);
        let entra = Entra::new(&Credentials::default(), 1, clock, FaultsCell::default());
        entra.set_resources(vec![ORIGIN.to_owned(), "http://localhost:4013".to_owned()]);
        (Arc::new(entra), handle)
    }

    fn ask(entra: &Entra, form: &str) -> Result<Value, (u16, &'static str, u32)> {
        let headers = HeaderMap::from_iter([(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        )]);
        let tenant = Credentials::default().entra_tenant;
        entra.token(&tenant, &headers, form.as_bytes()).map_err(|refusal| (refusal.0, refusal.1, refusal.2))
    }

    fn form(client: &str, secret: &str, scope: &str) -> String {
        format!("grant_type=client_credentials&client_id={client}&client_secret={secret}&scope={scope}")
    }

    const CLIENT: &str = "00000000-0000-4000-8000-00000000c001";
    const SCOPE: &str = "http%3A%2F%2F127.0.0.1%3A4013%2F.default";

    #[test]
    fn timestamps_are_utc() {
        assert_eq!(timestamp(NOW_MS + 3_723_456), "2026-08-01 01:02:03Z");
    }

    #[test]
    fn a_token_names_its_client_and_resource_until_it_ends() {
        let (entra, clock) = entra();
        let reply = ask(&entra, &form(CLIENT, "sandbox-secret", SCOPE)).unwrap();
        assert_eq!((&reply["token_type"], &reply["expires_in"]), (&json!("Bearer"), &json!(3_599)));
        let token = reply["access_token"].as_str().unwrap();
        let verify = entra.verify();
        let caller = verify(token).unwrap();
        assert_eq!((caller.application_id.as_str(), caller.resource.as_str()), (CLIENT, ORIGIN));
        clock.advance(3_599_000 - 1);
        assert!(verify(token).is_some());
        clock.advance(1);
        assert!(verify(token).is_none() && verify("other").is_none());
        let again = ask(&entra, &form(CLIENT, "sandbox-secret", SCOPE)).unwrap();
        assert_ne!(again["access_token"], reply["access_token"]);
    }

    #[test]
    fn another_spelling_of_the_origin_names_the_same_resource() {
        let (entra, _) = entra();
        for scope in
            ["http%3A%2F%2Flocalhost%3A4013%2F.default", "http%3A%2F%2F127.0.0.1%3A4013%2F%2F.default"]
        {
            let reply = ask(&entra, &form(CLIENT, "sandbox-secret", scope)).unwrap();
            assert_eq!(entra.verify()(reply["access_token"].as_str().unwrap()).unwrap().resource, ORIGIN);
        }
    }

    #[test]
    fn each_mistake_has_its_own_answer() {
        let (entra, _) = entra();
        let rows = [
            (String::new(), (400, "invalid_request", 900_144)),
            (form("", "sandbox-secret", SCOPE), (400, "invalid_request", 900_144)),
            (form(CLIENT, "sandbox-secret", ""), (400, "invalid_request", 900_144)),
            (form("00000000-0000-4000-8000-00000000ffff", "s", SCOPE), (400, "unauthorized_client", 700_016)),
            (form(CLIENT, "wrong", SCOPE), (401, "invalid_client", 7_000_215)),
            (form(CLIENT, "", SCOPE), (401, "invalid_client", 7_000_218)),
            (form(CLIENT, "sandbox-secret", "http%3A%2F%2F127.0.0.1%3A4013"), (400, "invalid_scope", 70_011)),
            (
                form(CLIENT, "sandbox-secret", "https%3A%2F%2Fother.example.test%2F.default"),
                (400, "invalid_resource", 500_011),
            ),
            (
                format!("grant_type=password&client_id={CLIENT}&client_secret=sandbox-secret&scope={SCOPE}"),
                (400, "unsupported_grant_type", 70_003),
            ),
        ];
        for (form, refusal) in rows {
            assert_eq!(ask(&entra, &form).unwrap_err(), refusal, "{form}");
        }
        let expired = Faults {
            entra: EntraFaults { secret_expired: true, ..EntraFaults::default() },
            ..Faults::default()
        };
        entra.faults.set(expired);
        let refusal = ask(&entra, &form(CLIENT, "sandbox-secret", SCOPE)).unwrap_err();
        assert_eq!(refusal, (401, "invalid_client", 7_000_222));
    }

    #[test]
    fn error_bodies_have_the_documented_members() {
        let (entra, _) = entra();
        let body = entra.error_body(&missing("scope"));
        assert_eq!((&body["error"], &body["error_codes"]), (&json!("invalid_request"), &json!([900_144])));
        let text = body["error_description"].as_str().unwrap();
        assert!(
            text.starts_with("AADSTS900144: ") && text.contains("'scope'") && text.contains("\r\nTrace ID: ")
        );
        assert_eq!(body["timestamp"], "2026-08-01 00:00:00Z");
    }
}
