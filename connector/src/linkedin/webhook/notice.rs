//! What a genuine notice tells: which response was created or deleted, and when. Never an answer.
//!
//! See <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>, lead notifications.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::linkedin::owner::{Holding, Kind, Owner};
use crate::linkedin::response::split_form_urn;
use crate::linkedin::stream::Stream;

use super::Reply;

const RESPONSE_URN: &str = "urn:li:leadGenFormResponse:";
/// Longest id of a response, in bytes.
const MAX_ID_BYTES: usize = 512;
/// Most notices of one request. One is documented.
const MAX_NOTICES: usize = 100;
/// How far LinkedIn's clock may be ahead, in milliseconds.
const MAX_AHEAD_MS: u64 = 3_600_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "type")]
    of: String,
    lead_gen_form_response: String,
    #[serde(default)]
    lead_gen_form: Option<String>,
    owner: std::collections::BTreeMap<String, Value>,
    lead_type: String,
    lead_action: String,
    occurred_at: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    One(Box<Wire>),
    Several(Vec<Wire>),
}

/// One notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    id: String,
    /// The form's number, where it is told.
    pub(super) form: Option<String>,
    owner: Option<Owner>,
    kind: String,
    /// None for an action that this version does not know.
    op: Option<&'static str>,
    at_ms: u64,
}

/// Reads the notices of a body.
///
/// # Errors
///
/// The refusal: for another form, for more than [`MAX_NOTICES`], and for what happened too long ago or not yet. One such
/// notice refuses the whole request, so that nothing of a replay is kept.
pub(super) fn parse(body: &[u8], now_ms: u64, max_age_ms: u64) -> Result<Vec<Notice>, Reply> {
    let malformed = |message| Reply::refused(400, "malformed", message);
    let body: Body =
        serde_json::from_slice(body).map_err(|_| malformed("the body is no lead notification"))?;
    let wires = match body {
        Body::One(wire) => vec![*wire],
        Body::Several(wires) => wires,
    };
    if wires.is_empty() || wires.len() > MAX_NOTICES {
        return Err(malformed("a request holds 1 to 100 lead notifications"));
    }
    let notices: Option<Vec<Notice>> = wires.into_iter().map(Notice::new).collect();
    let notices = notices.ok_or_else(|| malformed("the response's id is missing or too long"))?;
    if notices.iter().any(|notice| notice.at_ms > now_ms.saturating_add(MAX_AHEAD_MS)) {
        let message = "it tells of what has not happened yet: is the clock of this machine right?";
        return Err(Reply::refused(400, "notice_from_the_future", message));
    }
    if notices.iter().any(|notice| notice.at_ms < now_ms.saturating_sub(max_age_ms)) {
        let message = "it tells of what happened too long ago; responses that were missed are pulled";
        return Err(Reply::refused(400, "notice_too_old", message));
    }
    Ok(notices)
}

impl Notice {
    fn new(wire: Wire) -> Option<Self> {
        let id =
            wire.lead_gen_form_response.strip_prefix(RESPONSE_URN).unwrap_or(&wire.lead_gen_form_response);
        let known = wire.of == "LEAD_ACTION";
        let op = match wire.lead_action.as_str() {
            "CREATED" if known => Some("upsert"),
            "DELETED" if known => Some("delete"),
            _ => None,
        };
        let form = wire.lead_gen_form.as_deref().and_then(split_form_urn).map(|(form, _)| form.to_owned());
        let owner = wire.owner.values().find_map(|urn| Owner::of_urn(urn.as_str()?));
        (1..=MAX_ID_BYTES).contains(&id.len()).then(|| Self {
            id: id.to_owned(),
            form,
            owner,
            kind: wire.lead_type,
            op,
            at_ms: wire.occurred_at,
        })
    }

    /// Whose response it is; none for a kind or an owner that this version does not know.
    pub(super) fn holding(&self) -> Option<Holding> {
        let (kind, owner) = (Kind::parse(&self.kind)?, self.owner.clone()?);
        owner.can_have(kind).then_some(Holding { kind, owner })
    }

    /// The line of the contract; none where it is not known what happened, or to whose response.
    pub(super) fn change(&self) -> Option<Value> {
        Some(json!({
            "stream": Stream::LeadResponses.name(),
            "partition": self.holding()?.id(),
            "key": self.id,
            "op": self.op?,
            "time": self.at_ms,
        }))
    }

    /// For the log.
    pub(super) fn ids(&self) -> String {
        json!({ "response": self.id, "owner": self.owner.as_ref().map(Owner::urn) }).to_string()
    }
}
