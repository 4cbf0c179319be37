//! Campaigns as records, with the groups that they belong to. See
//! <https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads/account-structure/create-and-manage-campaigns>.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::extra::Extra;
use crate::failure::Failure;
use crate::record::Named;
use crate::text::Text;

use super::super::describe::{document, extra, object, text, whole_number};
use super::super::open::open_object;
use super::super::wire::Id;
use super::{Draft, Entry, Shape, Stamps};

open_object! {
    struct Campaign<'a> {
        required {
            id: Id<'a> = "id",
        }
        optional {
            name: Text<'a> = "name",
            status: Text<'a> = "status",
            kind: Text<'a> = "type",
            objective: Text<'a> = "objectiveType",
            account: Text<'a> = "account",
            group: Text<'a> = "campaignGroup",
            stamps: &'a RawValue = "changeAuditStamps",
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
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    objective: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_group: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified_ms: Option<u64>,
    #[serde(skip_serializing_if = "Extra::is_empty")]
    extra: Extra<'a>,
}

/// The stream's entries.
pub(super) struct Campaigns;

impl<'a> Shape<'a> for Campaigns {
    type Entry = Campaign<'a>;
}

impl<'a> Entry<'a> for Campaign<'a> {
    fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    fn put(&self, draft: &mut Draft) -> Result<bool, Failure> {
        let id = self.id.to_text();
        let id: Text<'_> = id.strip_prefix("urn:li:sponsoredCampaign:").unwrap_or(&id).into();
        let (created_ms, modified_ms) = Stamps::of(self.stamps);
        let group = self.group.as_deref();
        let name = group.and_then(|group| draft.group_names.get(group).cloned()).map(Text::from);
        let record = Record {
            urn: format!("urn:li:sponsoredCampaign:{id}"),
            id: id.reborrow(),
            name: self.name.as_ref().map(Text::reborrow),
            status: self.status.as_ref().map(Text::reborrow),
            kind: self.kind.as_ref().map(Text::reborrow),
            objective: self.objective.as_ref().map(Text::reborrow),
            account: self.account.as_ref().map(Text::reborrow),
            campaign_group: group.map(|urn| Named { urn: urn.into(), name }),
            created_ms,
            modified_ms,
            extra: self.extra.reborrow(),
        };
        draft.push(id.reborrow(), created_ms, &record)
    }
}

/// The JSON Schema of the stream's records.
pub(in super::super) fn schema() -> Value {
    let group = [
        ("urn", text("urn:li:sponsoredCampaignGroup:<id>.")),
        ("name", text("Its name; absent where names are not looked up.")),
    ];
    let members = [
        ("id", text("The campaign's number.")),
        ("urn", text("urn:li:sponsoredCampaign:<id>.")),
        ("name", text("The name that its owner gave it.")),
        ("status", text("ACTIVE, PAUSED, ARCHIVED, COMPLETED, CANCELED, DRAFT, or a later one.")),
        ("type", text("Such as SPONSORED_UPDATES.")),
        ("objective", text("LEAD_GENERATION for campaigns that collect leads.")),
        ("account", text("URN of its ad account.")),
        ("campaign_group", object("The group that it belongs to.", &group, 1)),
        ("created_ms", whole_number("Epoch milliseconds.")),
        ("modified_ms", whole_number("Epoch milliseconds.")),
        extra(),
    ];
    document(object("One campaign.", &members, 2))
}
