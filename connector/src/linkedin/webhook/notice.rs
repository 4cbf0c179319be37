//! What a genuine notice tells: which response was created or deleted, and when. Never an answer.
//!
//! See <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>, lead notifications.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::linkedin::fetch::response_key;
use crate::linkedin::owner::{Holding, Kind, Owner};
use crate::linkedin::response::split_form_urn;
use crate::linkedin::stream::Stream;

use super::Reply;

/// Most notices of one request. One is documented.
const MAX_NOTICES: usize = 100;
/// How far LinkedIn's clock may be ahead, in milliseconds.
const MAX_AHEAD_MS: u64 = 3_600_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    lead_gen_form_response: String,
    #[serde(default)]
    lead_gen_form: Option<String>,
    owner: BTreeMap<String, Value>,
    lead_type: String,
    lead_action: String,
    occurred_at: u64,
}

/// What one element of a body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// A response of a known kind and owner was created or deleted.
    Change(Notice),
    /// Something else: LinkedIn adds types, actions and kinds without notice. Holds the response's id where one is told.
    Unknown(Option<String>),
}

impl Told {
    /// For the log: ids only, and only those whose form is known.
    pub(super) fn ids(&self) -> String {
        match self {
            Self::Change(notice) => {
                json!({ "response": notice.id, "partition": notice.holding.id() }).to_string()
            }
            Self::Unknown(id) => json!({ "response": id }).to_string(),
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    id: String,
    /// The form's number, where it is told.
    pub(super) form: Option<String>,
    /// Whose response it is.
    pub(super) holding: Holding,
    op: &'static str,
    at_ms: u64,
}

/// Reads the notices of a body: one object, or an array of them.
///
/// # Errors
///
/// The refusal: for another shape, for more than [`MAX_NOTICES`], and for what happened too long ago or not yet. One such
/// notice refuses the whole request, so that nothing of a replay is kept.
pub(super) fn parse(body: &[u8], now_ms: u64, max_age_ms: u64) -> Result<Vec<Told>, Reply> {
    let malformed = |message| Reply::refused(400, "malformed", message);
    let elements = match serde_json::from_slice(body) {
        Ok(Value::Array(elements)) if (1..=MAX_NOTICES).contains(&elements.len()) => elements,
        Ok(Value::Array(_)) => return Err(malformed("a request holds 1 to 100 lead notifications")),
        Ok(element @ Value::Object(_)) => vec![element],
        _ => return Err(malformed("the body is no lead notification")),
    };
    elements.into_iter().map(|element| told(element, now_ms, max_age_ms)).collect()
}

fn told(element: Value, now_ms: u64, max_age_ms: u64) -> Result<Told, Reply> {
    let malformed = || Reply::refused(400, "malformed", "the body is no lead notification");
    let of = element.get("type").and_then(Value::as_str).ok_or_else(malformed)?;
    // Another type may have another shape, so nothing else is asked of it.
    if of != "LEAD_ACTION" {
        return Ok(Told::Unknown(None));
    }
    let wire: Wire = serde_json::from_value(element).map_err(|_| malformed())?;
    let id = response_key(&wire.lead_gen_form_response).ok_or_else(malformed)?;
    require_timely(wire.occurred_at, now_ms, max_age_ms)?;
    let op = match wire.lead_action.as_str() {
        "CREATED" => "upsert",
        "DELETED" => "delete",
        _ => return Ok(Told::Unknown(Some(id.to_owned()))),
    };
    let Some(holding) = holding(&wire) else { return Ok(Told::Unknown(Some(id.to_owned()))) };
    let form = wire.lead_gen_form.as_deref().and_then(split_form_urn).map(|(form, _)| form.to_owned());
    Ok(Told::Change(Notice { id: id.to_owned(), form, holding, op, at_ms: wire.occurred_at }))
}

fn require_timely(at_ms: u64, now_ms: u64, max_age_ms: u64) -> Result<(), Reply> {
    if at_ms > now_ms.saturating_add(MAX_AHEAD_MS) {
        let message = "it tells of what has not happened yet: is the clock of this machine right?";
        return Err(Reply::refused(400, "notice_from_the_future", message));
    }
    if at_ms < now_ms.saturating_sub(max_age_ms) {
        let message = "it tells of what happened too long ago; responses that were missed are pulled";
        return Err(Reply::refused(400, "notice_too_old", message));
    }
    Ok(())
}

/// Whose response it is; none for a kind or an owner that this version does not know.
fn holding(wire: &Wire) -> Option<Holding> {
    let kind = Kind::parse(&wire.lead_type)?;
    let owner = wire.owner.values().find_map(|urn| Owner::of_urn(urn.as_str()?))?;
    owner.can_have(kind).then_some(Holding { kind, owner })
}

impl Notice {
    /// The line of the contract.
    pub(super) fn change(&self) -> Value {
        json!({
            "stream": Stream::LeadResponses.name(),
            "partition": self.holding.id(),
            "key": self.id,
            "op": self.op,
            "time": self.at_ms,
        })
    }
}
