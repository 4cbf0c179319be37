//! Creatives as records. See
//! <https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads/account-structure/create-and-manage-creatives>.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::extra::Extra;
use crate::failure::Failure;
use crate::text::Text;

use super::super::describe::{document, extra, object, text, whole_number};
use super::super::open::open_object;
use super::super::owner::is_number;
use super::super::response::split_form_urn;
use super::super::wire::Id;
use super::{Draft, Entry, Shape, moment};

const URN: &str = "urn:li:sponsoredCreative:";

open_object! {
    struct Creative<'a> {
        required {
            id: Id<'a> = "id",
        }
        optional {
            name: Text<'a> = "name",
            status: Text<'a> = "intendedStatus",
            account: Text<'a> = "account",
            campaign: Text<'a> = "campaign",
            action: CallToAction<'a> = "leadgenCallToAction",
            created: &'a RawValue = "createdAt",
            modified: &'a RawValue = "lastModifiedAt",
        }
        ignored {}
    }
}

open_object! {
    struct CallToAction<'a> {
        required {}
        optional {
            destination: Text<'a> = "destination",
            label: Text<'a> = "label",
        }
        ignored {}
    }
}

#[derive(Serialize)]
struct Record<'a> {
    id: Text<'a>,
    urn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    form_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    form_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_to_action: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified_ms: Option<u64>,
    #[serde(skip_serializing_if = "Extra::is_empty")]
    extra: Extra<'a>,
}

/// The stream's entries.
pub(super) struct Creatives;

impl<'a> Shape<'a> for Creatives {
    type Entry = Creative<'a>;
}

impl<'a> Entry<'a> for Creative<'a> {
    fn put(&self, draft: &mut Draft) -> Result<bool, Failure> {
        let id = self.id.to_text();
        let id: Text<'_> = id.strip_prefix(URN).unwrap_or(&id).into();
        let (created_ms, modified_ms) = (moment(self.created), moment(self.modified));
        let action = self.action.as_ref();
        let destination = action.and_then(|action| action.destination.as_ref());
        let form = destination.and_then(|urn| form_of(urn));
        let mut extra = self.extra.reborrow();
        if let Some(action) = action {
            extra.push_within("leadgenCallToAction".into(), &action.extra);
        }
        let record = Record {
            urn: format!("{URN}{id}"),
            id: id.reborrow(),
            name: self.name.as_ref().map(Text::reborrow),
            status: self.status.as_ref().map(Text::reborrow),
            account: self.account.as_ref().map(Text::reborrow),
            campaign: self.campaign.as_ref().map(Text::reborrow),
            form: destination.map(Text::reborrow),
            form_id: form.map(|(id, _)| id),
            form_version: form.and_then(|(_, version)| version),
            call_to_action: action.and_then(|action| action.label.as_ref()).map(Text::reborrow),
            created_ms,
            modified_ms,
            extra,
        };
        draft.push(id.reborrow(), created_ms, &record)
    }
}

/// Number and version of the form behind a button; the legacy spelling has the same number, and no version.
fn form_of(urn: &str) -> Option<(&str, Option<&str>)> {
    if let Some((id, version)) = split_form_urn(urn) {
        return Some((id, Some(version)));
    }
    let plain = urn.strip_prefix("urn:li:leadGenForm:").or_else(|| urn.strip_prefix("urn:li:adForm:"));
    plain.filter(|id| is_number(id)).map(|id| (id, None))
}

/// The JSON Schema of the stream's records.
pub(in super::super) fn schema() -> Value {
    let members = [
        ("id", text("The creative's number.")),
        ("urn", text("urn:li:sponsoredCreative:<id>.")),
        ("name", text("The name that its owner gave it; often none.")),
        (
            "status",
            text("What its owner intends: ACTIVE, PAUSED, ARCHIVED, CANCELED, DRAFT, or a later one."),
        ),
        ("account", text("URN of its ad account.")),
        ("campaign", text("URN of its campaign.")),
        ("form", text("URN of the lead form behind its button, as LinkedIn spells it.")),
        ("form_id", text("The form's number.")),
        ("form_version", text("The version's number, where the URN names one.")),
        ("call_to_action", text("What its button says, such as REGISTER.")),
        ("created_ms", whole_number("Epoch milliseconds.")),
        ("modified_ms", whole_number("Epoch milliseconds.")),
        extra(),
    ];
    document(object("One creative.", &members, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_known_by_each_spelling_of_its_urn() {
        for (urn, form) in [
            ("urn:li:adForm:4400120", Some(("4400120", None))),
            ("urn:li:leadGenForm:18446744073709551615", Some(("18446744073709551615", None))),
            ("urn:li:versionedLeadGenForm:(urn:li:leadGenForm:4400120, 2)", Some(("4400120", Some("2")))),
            ("https://www.example.test/", None),
            ("urn:li:adForm:x", None),
        ] {
            assert_eq!(form_of(urn), form, "{urn}");
        }
    }
}
