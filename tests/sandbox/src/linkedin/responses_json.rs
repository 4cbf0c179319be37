//! Writes form responses as JSON, straight into bytes: a page of many must cost well under a millisecond.
//!
//! A form is the same for all its responses, so it is projected and serialised once per form version and projection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;

use super::content::{Submission, push_json};
use super::directory;
use super::forms::{Forms, Oddities};
use super::kind::Holder;
use super::organic;
use super::population::push_number;
use super::projection::Projection;

/// At most so many projections are kept ready; one more empties the store.
const PLANS_MAX: usize = 32;

/// Fields of a response in the order they are sent; those from `ownerInfo` on only when projected.
pub(crate) const RESPONSE_FIELDS: &[&str] = &[
    "id",
    "submittedAt",
    "testLead",
    "leadType",
    "owner",
    "submitter",
    "versionedLeadGenFormUrn",
    "associatedEntity",
    "leadMetadata",
    "formResponse",
    "ownerInfo",
    "leadMetadataInfo",
    "associatedEntityInfo",
    "form",
];
/// So many of them are sent when nothing is projected.
const DEFAULT_FIELDS: usize = 10;

/// How to write responses under one projection.
pub(crate) struct Plan {
    wanted: Vec<&'static str>,
    /// The projection of `form`, where only a part of it is asked for.
    form: Option<Projection>,
    /// `form` by version, serialised when first needed.
    form_json: Box<[OnceLock<Box<[u8]>>]>,
    /// Set when parts of other fields are asked for: then each response is cut down after it is written.
    cut: Option<Projection>,
    odd: Oddities,
}

/// What a plan depends on.
type PlanKey = (Option<Projection>, Oddities);

/// The plans in use.
#[derive(Default)]
pub(crate) struct Plans(Mutex<HashMap<PlanKey, Arc<Plan>>>);

impl Plans {
    /// The plan for a projection.
    pub(crate) fn get(&self, fields: Option<&Projection>, odd: Oddities, forms: &Forms) -> Arc<Plan> {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (fields.cloned(), odd);
        if let Some(plan) = plans.get(&key) {
            return Arc::clone(plan);
        }
        if plans.len() >= PLANS_MAX {
            plans.clear();
        }
        let plan = Arc::new(Plan::new(fields, odd, forms));
        plans.insert(key, Arc::clone(&plan));
        plan
    }
}

impl Plan {
    fn new(fields: Option<&Projection>, odd: Oddities, forms: &Forms) -> Self {
        let wanted = match fields {
            None => RESPONSE_FIELDS[..DEFAULT_FIELDS].to_vec(),
            Some(fields) => RESPONSE_FIELDS.iter().copied().filter(|name| fields.selects(name)).collect(),
        };
        let nested =
            |fields: &&Projection| fields.names().any(|name| name != "form" && fields.under(name).is_some());
        let slots = if wanted.contains(&"form") { forms.slots() } else { 0 };
        Self {
            wanted,
            form: fields.and_then(|fields| fields.under("form")).cloned(),
            form_json: (0..slots).map(|_| OnceLock::new()).collect(),
            cut: fields.filter(nested).cloned(),
            odd,
        }
    }

    /// Appends one response.
    pub(crate) fn push(&self, submission: &Submission<'_>, submitted_at: u64, out: &mut Vec<u8>) {
        let start = out.len();
        let mut separator = b'{';
        let organic = matches!(submission.holder(), Holder::Page(..));
        for name in &self.wanted {
            if organic && organic::absent(name, submission.holder().kind(), self.odd.organic_entity) {
                continue;
            }
            out.push(separator);
            separator = b',';
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            self.push_field(name, submission, submitted_at, out);
        }
        if separator == b'{' {
            out.push(b'{');
        } else if self.odd.unknown_fields {
            out.extend_from_slice(b",\"intakeNote\":{\"shelf\":[1,2],\"seen\":null}");
        }
        out.push(b'}');
        if let Some(cut) = &self.cut {
            // What was just written is JSON; were it not, it would go out as it is and fail the reader's test.
            if let Ok(whole) = serde_json::from_slice::<Value>(&out[start..]) {
                out.truncate(start);
                out.extend_from_slice(cut.apply(&whole).to_string().as_bytes());
            }
        }
    }

    fn push_field(&self, name: &str, submission: &Submission<'_>, submitted_at: u64, out: &mut Vec<u8>) {
        match name {
            "id" => {
                out.push(b'"');
                submission.population.push_id(submission.index, out);
                out.push(b'"');
            }
            "submittedAt" => push_number(out, submitted_at),
            "testLead" => out.extend_from_slice(if submission.test { b"true" } else { b"false" }),
            "leadType" if self.odd.unknown_lead_type && submission.index.is_multiple_of(8) => {
                out.extend_from_slice(b"\"LEAD_ELSEWHERE\"");
            }
            "submitter" => {
                out.extend_from_slice(b"\"urn:li:person:");
                submission.push_member(out);
                out.push(b'"');
            }
            "versionedLeadGenFormUrn" => push_form_urn(submission, out),
            "formResponse" => self.push_form_response(submission, out),
            "form" => self.push_form(submission, out),
            _ => match submission.holder() {
                Holder::Account(account) => push_sponsored(name, account, submission.campaign(), out),
                Holder::Page(page, kind) => {
                    organic::push(name, page, kind, submission.campaign(), self.odd.organic_entity, out);
                }
            },
        }
    }

    fn push_form_response(&self, submission: &Submission<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"answers\":");
        submission.push_answers(self.odd, out);
        out.extend_from_slice(b",\"consentResponses\":");
        submission.push_consents(out);
        if self.odd.unknown_fields {
            out.extend_from_slice(b",\"surface\":{\"kind\":\"FEED\",\"position\":3}");
        }
        out.push(b'}');
    }

    fn push_form(&self, submission: &Submission<'_>, out: &mut Vec<u8>) {
        let slot = submission.forms.slot(submission.form, submission.version);
        let serialise = || {
            let owner = directory::owner_union(submission.holder());
            let object = submission.forms.object(submission.form, submission.version, &owner, self.odd);
            let object = self.form.as_ref().map_or_else(|| object.clone(), |fields| fields.apply(&object));
            object.to_string().into_bytes().into_boxed_slice()
        };
        match self.form_json.get(slot) {
            Some(ready) => out.extend_from_slice(ready.get_or_init(serialise)),
            None => out.extend_from_slice(&serialise()),
        }
    }
}

fn push_form_urn(submission: &Submission<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"urn:li:versionedLeadGenForm:(urn:li:leadGenForm:");
    push_number(out, submission.forms.id(submission.form));
    out.push(b',');
    push_number(out, submission.version);
    out.extend_from_slice(b")\"");
}

/// Appends a field that only an ad's response has, or has in this way.
fn push_sponsored(name: &str, account: u64, campaign: u64, out: &mut Vec<u8>) {
    match name {
        "leadType" => out.extend_from_slice(b"\"SPONSORED\""),
        "owner" => {
            out.extend_from_slice(b"{\"sponsoredAccount\":\"urn:li:sponsoredAccount:");
            push_number(out, directory::account_id(account));
            out.extend_from_slice(b"\"}");
        }
        "associatedEntity" => {
            out.extend_from_slice(b"{\"associatedCreative\":\"urn:li:sponsoredCreative:");
            push_number(out, directory::creative_id(account, campaign));
            out.extend_from_slice(b"\"}");
        }
        "leadMetadata" => {
            out.extend_from_slice(b"{\"sponsoredLeadMetadata\":{\"campaign\":\"urn:li:sponsoredCampaign:");
            push_number(out, directory::campaign_id(account, campaign));
            out.extend_from_slice(b"\"}}");
        }
        "ownerInfo" => {
            out.extend_from_slice(b"{\"sponsoredAccountInfo\":{\"name\":");
            push_json(out, &directory::account_name(account));
            out.extend_from_slice(b"}}");
        }
        "leadMetadataInfo" => {
            out.extend_from_slice(
                b"{\"sponsoredLeadMetadataInfo\":{\"campaign\":{\"id\":\"urn:li:sponsoredCampaign:",
            );
            push_number(out, directory::campaign_id(account, campaign));
            out.extend_from_slice(b"\",\"name\":");
            push_json(out, directory::campaign_name(campaign));
            out.extend_from_slice(b",\"type\":");
            push_json(out, directory::campaign_type(campaign));
            out.extend_from_slice(b"}}}");
        }
        _ => {
            out.extend_from_slice(b"{\"associatedCreative\":{\"id\":\"urn:li:sponsoredCreative:");
            push_number(out, directory::creative_id(account, campaign));
            out.extend_from_slice(b"\"}}");
        }
    }
}
