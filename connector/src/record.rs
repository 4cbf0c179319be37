//! The records that travel from source to sink: the envelope, a lead response, and the sink's outcomes.
//!
//! Both sides and the mapping use these types, so that what one writes the other reads. They borrow from the page
//! wherever the text needs no unescaping. Ids of LinkedIn are 64 bits wide and travel as strings.

use serde::{Deserialize, Serialize};

use crate::extra::Extra;
use crate::text::Text;

/// The stream of submissions, the one that sinks for leads write.
pub const LEAD_RESPONSES: &str = "lead_responses";

/// What happened to the record at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// It exists, with this content.
    Upsert,
    /// It was withdrawn.
    Delete,
}

/// Why the source's configuration keeps a record from the sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip<'a> {
    /// A stable word, such as `test_lead`.
    #[serde(borrow)]
    pub code: Text<'a>,
    /// A sentence for a person.
    #[serde(borrow)]
    pub reason: Text<'a>,
}

/// One line of a page or batch. `D` is the record's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<'a, D> {
    /// The record's stable identity within its stream.
    #[serde(borrow)]
    pub key: Text<'a>,
    /// What happened.
    pub op: Op,
    /// The stream's name.
    #[serde(borrow)]
    pub stream: Text<'a>,
    /// Epoch milliseconds at which it came to be at the vendor.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time: Option<u64>,
    /// The record itself; absent for a delete.
    #[serde(skip_serializing_if = "Option::is_none", default = "Option::default")]
    pub data: Option<D>,
    /// Present where the source's configuration says that it is not for the sink.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub skip: Option<Skip<'a>>,
}

/// One submission of a Lead Gen Form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadResponse<'a> {
    /// `<uuid>-<digits>`.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// Epoch milliseconds.
    pub submitted_at_ms: u64,
    /// `SPONSORED`, `EVENT`, `COMPANY`, `ORGANIZATION_PRODUCT`, or a kind that LinkedIn adds later.
    #[serde(borrow)]
    pub kind: Text<'a>,
    /// Whether it came from the form's preview.
    pub test: bool,
    /// Who owns the form.
    #[serde(borrow)]
    pub owner: Named<'a>,
    /// The form, in the version that the member filled in.
    #[serde(borrow)]
    pub form: Form<'a>,
    /// The campaign; absent for organic leads.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub campaign: Option<Campaign<'a>>,
    /// The campaign's group; absent for organic leads, and where names are not looked up.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub campaign_group: Option<Named<'a>>,
    /// The creative; absent for organic leads.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub creative: Option<Named<'a>>,
    /// What an organic lead belongs to, such as an event.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub associated_entity: Option<Entity<'a>>,
    /// The member's URN, opaque and different for each application.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub submitter: Option<Text<'a>>,
    /// Where the response can be read again, with the same rights.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub source_url: Option<Text<'a>>,
    /// The answers, in the order of the form's questions.
    #[serde(borrow)]
    pub answers: Vec<Answer<'a>>,
    /// The consents that the form asked for.
    #[serde(borrow, default)]
    pub consents: Vec<Consent<'a>>,
    /// Members of the response that this version does not know, as LinkedIn sent them.
    #[serde(borrow, skip_serializing_if = "Extra::is_empty", default)]
    pub extra: Extra<'a>,
}

/// What a lead belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity<'a> {
    /// LinkedIn's word for its kind, such as `event`.
    #[serde(rename = "type", borrow)]
    pub kind: Text<'a>,
    /// `urn:li:<type>:<id>`.
    #[serde(borrow)]
    pub urn: Text<'a>,
}

/// Something with a URN and perhaps a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named<'a> {
    /// `urn:li:<type>:<id>`.
    #[serde(borrow)]
    pub urn: Text<'a>,
    /// The name, where LinkedIn gave it.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub name: Option<Text<'a>>,
}

/// The campaign behind a sponsored lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign<'a> {
    /// `urn:li:sponsoredCampaign:<id>`.
    #[serde(borrow)]
    pub urn: Text<'a>,
    /// The name, where LinkedIn gave it.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub name: Option<Text<'a>>,
    /// LinkedIn's campaign type, such as `SPONSORED_UPDATES`.
    #[serde(rename = "type", borrow, skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<Text<'a>>,
}

/// One version of a lead form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form<'a> {
    /// The form's number.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// The version's number.
    #[serde(borrow)]
    pub version: Text<'a>,
    /// The name that the advertiser gave it.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub name: Option<Text<'a>>,
    /// `<language>_<COUNTRY>`.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub locale: Option<Text<'a>>,
    /// Fixed name/value pairs for tracking.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty", default)]
    pub hidden_fields: Vec<HiddenField<'a>>,
    /// Members that this version does not know, as LinkedIn sent them.
    #[serde(borrow, skip_serializing_if = "Extra::is_empty", default)]
    pub extra: Extra<'a>,
}

/// A fixed name/value pair of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiddenField<'a> {
    /// Such as `utm_campaign`.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Its value.
    #[serde(borrow)]
    pub value: Text<'a>,
}

/// One answer, with the question that it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer<'a> {
    /// Unique within the form.
    #[serde(borrow)]
    pub question_id: Text<'a>,
    /// LinkedIn's profile field, such as `EMAIL`; absent for custom questions.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub predefined_field: Option<Text<'a>>,
    /// The question in the form's language; absent where the form was not given.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub question: Option<Text<'a>>,
    /// The answer as text: as typed, or the chosen options' texts joined with `; `.
    #[serde(borrow)]
    pub text: Text<'a>,
    /// The chosen options of a multiple-choice question.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty", default)]
    pub options: Vec<ChosenOption<'a>>,
    /// Members that this version does not know, as LinkedIn sent them.
    #[serde(borrow, skip_serializing_if = "Extra::is_empty", default)]
    pub extra: Extra<'a>,
}

/// One chosen option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenOption<'a> {
    /// As LinkedIn gave it: digits as a rule, from `0` on.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// Its text in the form's language; absent where the form does not list it.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub text: Option<Text<'a>>,
}

/// One consent of the form, and whether it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent<'a> {
    /// As LinkedIn gave it: digits as a rule, from `0` on.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// The text that the member saw, unchanged.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    pub text: Option<Text<'a>>,
    /// Whether it was given.
    pub accepted: bool,
    /// Members that this version does not know, as LinkedIn sent them.
    #[serde(borrow, skip_serializing_if = "Extra::is_empty", default)]
    pub extra: Extra<'a>,
}

/// What the sink did with one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A row was made.
    Created,
    /// A row was changed.
    Updated,
    /// One of the two; the destination did not say which.
    Upserted,
    /// It was there already.
    Unchanged,
    /// A row was removed.
    Deleted,
    /// The configuration says not to write it.
    Skipped,
    /// It will be refused however often it is sent.
    Rejected,
}

/// Where a record went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target<'a> {
    /// The table's logical name.
    pub table: Text<'a>,
    /// The row's id.
    pub id: String,
}

/// Why an outcome is what it is. No personal data: ids, column names and limits only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The vendor's code, or a stable word of ours.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
}

/// One line of a write's reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome<'a> {
    /// The record's key.
    pub key: Text<'a>,
    /// What was done.
    pub status: Status,
    /// Where it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target<'a>>,
    /// Why; always present for skipped and rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Further sentences, such as a value that was cut.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
