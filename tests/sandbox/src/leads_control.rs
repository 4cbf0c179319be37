//! The control surface under `/_sandbox/linkedin/`: leads that come and go, and the notices of them. It is no part of any
//! vendor, and does nothing that the library does not do.

use axum::body::to_bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Router, routing};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::control::{json_response, refuse};
use crate::linkedin::{Arrival, LeadsError};
use crate::server::Services;

/// Largest body in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The routes.
pub(crate) fn router() -> Router<Services> {
    Router::new()
        .route("/_sandbox/linkedin/arrive", routing::post(arrive))
        .route("/_sandbox/linkedin/withdraw", routing::post(withdraw))
        .route("/_sandbox/linkedin/reregister", routing::post(register_again))
        .route("/_sandbox/linkedin/notices", routing::get(notices).post(deliver))
        .route("/_sandbox/linkedin/challenges", routing::get(webhooks).post(challenges))
}

/// The response that is meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    id: String,
}

/// `?all=true` and `?after=<number>`.
#[derive(Debug, Default)]
struct Scope {
    all: bool,
    after: u64,
}

impl Scope {
    fn read(query: Option<&str>) -> Result<Self, Refusal> {
        let mut scope = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let understood = match &*name {
                "all" => value.parse().map(|all| scope.all = all).is_ok(),
                "after" => value.parse().map(|after| scope.after = after).is_ok(),
                _ => false,
            };
            if !understood {
                let message = "the query is not understood; it may hold all=true and after=<number>";
                return Err(Refusal(StatusCode::BAD_REQUEST, message.to_owned()));
            }
        }
        Ok(scope)
    }
}

async fn arrive(State(services): State<Services>, request: Request) -> Response {
    let arrival: Arrival = match read(request).await {
        Ok(arrival) => arrival,
        Err(refusal) => return refusal.answer(),
    };
    match services.linkedin().arrive(&arrival) {
        Ok(ids) => {
            services.linkedin().deliver().await;
            json_response(StatusCode::OK, json!({"ids": ids}).to_string())
        }
        Err(error) => refuse_leads(error),
    }
}

async fn withdraw(State(services): State<Services>, request: Request) -> Response {
    match read::<Which>(request).await {
        Ok(which) => changed(&services, services.linkedin().withdraw(&which.id)).await,
        Err(refusal) => refusal.answer(),
    }
}

async fn register_again(State(services): State<Services>, request: Request) -> Response {
    match read::<Which>(request).await {
        Ok(which) => changed(&services, services.linkedin().register_again(&which.id)).await,
        Err(refusal) => refusal.answer(),
    }
}

async fn changed(services: &Services, change: Result<(), LeadsError>) -> Response {
    match change {
        Ok(()) => {
            services.linkedin().deliver().await;
            json_response(StatusCode::OK, "{}".to_owned())
        }
        Err(error) => refuse_leads(error),
    }
}

async fn notices(State(services): State<Services>, RawQuery(query): RawQuery) -> Response {
    match Scope::read(query.as_deref()) {
        Ok(scope) => serialised(&services.linkedin().notices(scope.after, scope.all)),
        Err(refusal) => refusal.answer(),
    }
}

async fn deliver(State(services): State<Services>) -> Response {
    services.linkedin().deliver().await;
    json_response(StatusCode::OK, "{}".to_owned())
}

async fn webhooks(State(services): State<Services>) -> Response {
    serialised(&services.linkedin().webhooks())
}

async fn challenges(State(services): State<Services>, RawQuery(query): RawQuery) -> Response {
    match Scope::read(query.as_deref()) {
        Ok(scope) => serialised(&services.linkedin().challenge_webhooks(scope.all).await),
        Err(refusal) => refusal.answer(),
    }
}

fn serialised(value: &impl serde::Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => json_response(StatusCode::OK, text),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// Why a call was refused.
struct Refusal(StatusCode, String);

impl Refusal {
    fn answer(&self) -> Response {
        refuse(self.0, &self.1)
    }
}

async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    let body = to_bytes(request.into_body(), BODY_BYTES_MAX).await;
    let cut_off =
        || Refusal(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or was cut off".to_owned());
    serde_json::from_slice(&body.map_err(|_| cut_off())?)
        .map_err(|error| Refusal(StatusCode::BAD_REQUEST, format!("the body is not understood: {error}")))
}

fn refuse_leads(error: LeadsError) -> Response {
    let status = match error {
        LeadsError::Owner | LeadsError::Response => StatusCode::NOT_FOUND,
        LeadsError::Count => StatusCode::BAD_REQUEST,
        LeadsError::Full | LeadsError::Future | LeadsError::Withdrawn => StatusCode::CONFLICT,
    };
    refuse(status, &error.to_string())
}
