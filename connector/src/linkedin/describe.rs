//! What the source tells about itself before it is configured.

use serde_json::{Value, json};

use super::response::STREAM;

/// The streams that the source offers.
pub fn streams() -> Value {
    json!([{
        "name": STREAM,
        "description": "Submissions of LinkedIn Lead Gen Forms, each answer with its question.",
        "incremental": true,
        "schema": response_schema(),
    }])
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

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

/// An object of string members, the first `required` of which are always there.
fn object(description: &str, members: &[(&str, Value)], required: usize) -> Value {
    let names: Vec<&str> = members.iter().take(required).map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "description": description, "required": names, "properties": properties })
}

fn list(description: &str, items: &Value) -> Value {
    json!({ "type": "array", "description": description, "items": items })
}

fn whole_number(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": description })
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
        ("test", json!({ "type": "boolean", "description": "Whether it came from the form's preview." })),
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
        ("creative", text("URN of the creative, or of another associated entity.")),
        ("submitter", text("URN of the member, opaque and different for each application.")),
    ];
    let mut schema = object("One submission of a Lead Gen Form.", &members, 8);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema
}

fn form_schema() -> Value {
    let hidden = object(
        "Fixed by the advertiser.",
        &[("name", text("Such as utm_campaign.")), ("value", text("Its value."))],
        2,
    );
    let members = [
        ("id", text("The form's number.")),
        ("version", text("The version's number.")),
        ("name", text("The name that the advertiser gave it.")),
        ("locale", text("<language>_<COUNTRY>.")),
        ("hidden_fields", list("Name/value pairs for tracking.", &hidden)),
    ];
    object("The form, in the version that the member filled in.", &members, 2)
}

fn answer_schema() -> Value {
    let option = object(
        "One chosen option.",
        &[("id", whole_number("Starts at 0.")), ("text", text("In the form's language."))],
        1,
    );
    let members = [
        ("question_id", text("Unique within the form.")),
        ("text", text("As typed, or the chosen options' texts joined with \"; \".")),
        ("predefined_field", text("LinkedIn's profile field, such as EMAIL; absent for custom questions.")),
        ("question", text("The question in the form's language.")),
        ("options", list("The chosen options of a multiple-choice question.", &option)),
    ];
    object("One answer.", &members, 2)
}

fn consent_schema() -> Value {
    let members = [
        ("id", whole_number("Starts at 0.")),
        ("accepted", json!({ "type": "boolean", "description": "Whether it was given." })),
        ("text", text("What the member saw, unchanged.")),
    ];
    object("One consent.", &members, 2)
}
