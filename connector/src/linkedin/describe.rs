//! What the source tells about itself before it is configured.

use serde_json::{Value, json};

use super::snapshot;
use super::stream::Stream;

/// The streams that the source offers.
pub fn streams() -> Value {
    let stream = |stream: Stream, incremental: bool, description: &str, schema: Value| {
        json!({
            "name": stream.name(),
            "description": description,
            "incremental": incremental,
            "schema": schema,
        })
    };
    json!([
        stream(
            Stream::LeadResponses,
            true,
            "Submissions of LinkedIn Lead Gen Forms, each answer with its question.",
            response_schema(),
        ),
        stream(
            Stream::LeadForms,
            false,
            "Lead Gen Forms in every version that LinkedIn still tells of, with their questions and consents.",
            snapshot::form_schema(),
        ),
        stream(
            Stream::AdAccounts,
            false,
            "The ad accounts of the authorized member, with the pages behind them.",
            snapshot::account_schema(),
        ),
        stream(
            Stream::Campaigns,
            false,
            "Campaigns with the groups that they belong to.",
            snapshot::campaign_schema(),
        ),
        stream(
            Stream::Creatives,
            false,
            "Creatives, with the campaign and the lead form of each.",
            snapshot::creative_schema(),
        ),
    ])
}

/// The credential that the source names in its requests.
pub fn credentials() -> Value {
    json!([{
        "name": super::errors::CREDENTIAL,
        "description": "Access token of a LinkedIn member who has a role on the ad accounts and on their pages.",
        "kinds": ["static", "oauth_authorization_code"],
        "authorize_url": "https://www.linkedin.com/oauth/v2/authorization",
        "token_url": "https://www.linkedin.com/oauth/v2/accessToken",
        "scopes": ["r_marketing_leadgen_automation", "r_ads", "r_organization_admin"],
    }])
}

/// The origin that the source calls.
pub fn egress() -> Value {
    json!([{ "origin": "https://api.linkedin.com", "config": "/api_url" }])
}

pub(super) fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

/// An object of string members, the first `required` of which are always there.
pub(super) fn object(description: &str, members: &[(&str, Value)], required: usize) -> Value {
    let names: Vec<&str> = members.iter().take(required).map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "description": description, "required": names, "properties": properties })
}

pub(super) fn list(description: &str, items: &Value) -> Value {
    json!({ "type": "array", "description": description, "items": items })
}

pub(super) fn whole_number(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": description })
}

pub(super) fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

/// Members that this version does not know.
pub(super) fn extra() -> (&'static str, Value) {
    let description =
        "Members that this version does not know, as LinkedIn sent them; absent where there are none.";
    ("extra", json!({ "type": "object", "description": description }))
}

/// The schema of a whole record.
pub(super) fn document(mut schema: Value) -> Value {
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema
}

fn response_schema() -> Value {
    let name = || ("name", text("Its name, where LinkedIn gave it."));
    let members = [
        ("id", text("LinkedIn's id of the response: <uuid>-<digits>.")),
        ("submitted_at_ms", whole_number("Epoch milliseconds.")),
        (
            "kind",
            text("SPONSORED, EVENT, COMPANY, ORGANIZATION_PRODUCT, or a kind that LinkedIn adds later."),
        ),
        ("test", flag("Whether it came from the form's preview.")),
        ("owner", object("Who owns the form.", &[("urn", text("urn:li:<type>:<id>.")), name()], 1)),
        ("form", form_schema()),
        ("answers", list("In the order of the form's questions.", &answer_schema())),
        ("consents", list("What the form asked consent for.", &consent_schema())),
        (
            "campaign",
            object(
                "Absent for organic leads.",
                &[
                    ("urn", text("urn:li:sponsoredCampaign:<id>.")),
                    name(),
                    ("type", text("Such as SPONSORED_UPDATES.")),
                ],
                1,
            ),
        ),
        (
            "campaign_group",
            object(
                "Absent for organic leads, and where names are not looked up.",
                &[("urn", text("urn:li:sponsoredCampaignGroup:<id>.")), name()],
                1,
            ),
        ),
        (
            "creative",
            object(
                "Absent for organic leads.",
                &[("urn", text("urn:li:sponsoredCreative:<id>.")), name()],
                1,
            ),
        ),
        (
            "associated_entity",
            object(
                "What an organic lead belongs to.",
                &[
                    ("type", text("LinkedIn's word for its kind, such as event.")),
                    ("urn", text("urn:li:<type>:<id>.")),
                ],
                2,
            ),
        ),
        ("source_url", text("Where the response can be read again, with the same rights.")),
        ("submitter", text("URN of the member, opaque and different for each application.")),
        extra(),
    ];
    document(object("One submission of a Lead Gen Form.", &members, 8))
}

/// A fixed name/value pair of a form.
pub(super) fn hidden_field() -> Value {
    let members = [("name", text("Such as utm_campaign.")), ("value", text("Its value."))];
    object("Fixed by the advertiser.", &members, 2)
}

fn form_schema() -> Value {
    let hidden = hidden_field();
    let members = [
        ("id", text("The form's number.")),
        ("version", text("The version's number.")),
        ("name", text("The name that the advertiser gave it.")),
        ("locale", text("<language>_<COUNTRY>.")),
        ("hidden_fields", list("Name/value pairs for tracking.", &hidden)),
        extra(),
    ];
    object("The form, in the version that the member filled in.", &members, 2)
}

fn answer_schema() -> Value {
    let option = object(
        "One chosen option.",
        &[
            ("id", text("As LinkedIn gave it: digits as a rule, from 0 on.")),
            ("text", text("In the form's language.")),
        ],
        1,
    );
    let members = [
        ("question_id", text("Unique within the form.")),
        ("text", text("As typed, or the chosen options' texts joined with \"; \".")),
        ("predefined_field", text("LinkedIn's profile field, such as EMAIL; absent for custom questions.")),
        ("question", text("The question in the form's language.")),
        ("options", list("The chosen options of a multiple-choice question.", &option)),
        extra(),
    ];
    object("One answer.", &members, 2)
}

fn consent_schema() -> Value {
    let members = [
        ("id", text("As LinkedIn gave it: digits as a rule, from 0 on.")),
        ("accepted", flag("Whether it was given.")),
        ("text", text("What the member saw, unchanged.")),
        extra(),
    ];
    object("One consent.", &members, 2)
}
