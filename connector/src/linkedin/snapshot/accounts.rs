//! Ad accounts as records. See
//! <https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads/account-structure/create-and-manage-accounts>.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::extra::Extra;
use crate::failure::Failure;
use crate::record::Named;
use crate::text::Text;

use super::super::describe::{document, extra, flag, list, object, text, whole_number};
use super::super::open::open_object;
use super::super::wire::Id;
use super::{Draft, Entry, Shape, Stamps};

open_object! {
    struct Account<'a> {
        required {
            id: Id<'a> = "id",
        }
        optional {
            name: Text<'a> = "name",
            status: Text<'a> = "status",
            kind: Text<'a> = "type",
            currency: Text<'a> = "currency",
            test: bool = "test",
            serving: Vec<Text<'a>> = "servingStatuses",
            reference: Text<'a> = "reference",
            reference_info: &'a RawValue = "referenceInfo",
            stamps: &'a RawValue = "changeAuditStamps",
        }
        ignored {}
    }
}

#[derive(Deserialize)]
struct ReferenceInfo<'a> {
    #[serde(borrow)]
    organization: Option<Organization<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Organization<'a> {
    #[serde(borrow)]
    id: Option<Id<'a>>,
    #[serde(borrow)]
    localized_name: Option<Text<'a>>,
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
    currency: Option<Text<'a>>,
    test: bool,
    serving_statuses: &'a [Text<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified_ms: Option<u64>,
    #[serde(skip_serializing_if = "Extra::is_empty")]
    extra: Extra<'a>,
}

/// The stream's entries.
pub(super) struct Accounts;

impl<'a> Shape<'a> for Accounts {
    type Entry = Account<'a>;
}

impl<'a> Entry<'a> for Account<'a> {
    fn put(&self, draft: &mut Draft) -> Result<bool, Failure> {
        let id = self.id.to_text();
        let id: Text<'_> = id.strip_prefix("urn:li:sponsoredAccount:").unwrap_or(&id).into();
        let (created_ms, modified_ms) = Stamps::of(self.stamps);
        let mut extra = self.extra.reborrow();
        let record = Record {
            urn: format!("urn:li:sponsoredAccount:{id}"),
            id: id.reborrow(),
            name: self.name.as_ref().map(Text::reborrow),
            status: self.status.as_ref().map(Text::reborrow),
            kind: self.kind.as_ref().map(Text::reborrow),
            currency: self.currency.as_ref().map(Text::reborrow),
            test: self.test.unwrap_or(false),
            serving_statuses: self.serving.as_deref().unwrap_or_default(),
            page: self.page(&mut extra),
            created_ms,
            modified_ms,
            extra,
        };
        draft.push(id.reborrow(), created_ms, &record)
    }
}

impl<'a> Account<'a> {
    /// The page behind the account, by what LinkedIn says about it in either place.
    fn page<'b>(&'b self, extra: &mut Extra<'b>) -> Option<Named<'b>> {
        let info: Option<ReferenceInfo<'b>> =
            self.reference_info.and_then(|raw| serde_json::from_str(raw.get()).ok());
        if let (None, Some(raw)) = (&info, self.reference_info) {
            extra.push("referenceInfo".into(), raw);
        }
        let organization = info.and_then(|info| info.organization);
        let (id, name) =
            organization.map_or((None, None), |organization| (organization.id, organization.localized_name));
        let given = id.map(|id| match id {
            Id::Number(number) => format!("urn:li:organization:{number}").into(),
            Id::Word(urn) => urn,
        });
        let urn = self.reference.as_ref().map(Text::reborrow).or(given)?;
        Some(Named { urn, name })
    }
}

/// The JSON Schema of the stream's records.
pub(in super::super) fn schema() -> Value {
    let page = [("urn", text("urn:li:organization:<id>.")), ("name", text("Its name."))];
    let members = [
        ("id", text("The account's number.")),
        ("urn", text("urn:li:sponsoredAccount:<id>.")),
        ("test", flag("Whether it is a test account, which never serves ads.")),
        ("serving_statuses", list("Such as RUNNABLE, or what stands in the way.", &text("LinkedIn's word."))),
        ("name", text("The name that its owner gave it.")),
        ("status", text("ACTIVE, CANCELED, DRAFT, PENDING_DELETION, REMOVED, or a later one.")),
        ("type", text("BUSINESS or ENTERPRISE.")),
        ("currency", text("ISO 4217 code.")),
        ("page", object("The page that its ads speak for; absent where there is none.", &page, 1)),
        ("created_ms", whole_number("Epoch milliseconds.")),
        ("modified_ms", whole_number("Epoch milliseconds.")),
        extra(),
    ];
    document(object("One ad account of the authorized member.", &members, 4))
}
