//! Lead forms as records, one for each version.
//!
//! LinkedIn lists the newest version of each form only. An older one is known by the form that a response given on it
//! carries; a version on which nobody answered, or whose answers LinkedIn no longer keeps, cannot be read. See
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>.

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::capabilities::{Capabilities, Response};
use crate::extra::Extra;
use crate::failure::Failure;
use crate::record::HiddenField;
use crate::text::Text;

use super::super::Source;
use super::super::describe::{document, extra, flag, hidden_field, list, object, text, whole_number};
use super::super::errors::{self, Subject};
use super::super::form::{Choice, Consent, Form, Question};
use super::super::open::open_object;
use super::super::owner::{Holding, Kind, Owner};
use super::super::query;
use super::super::read::Page;
use super::super::response::split_form_urn;
use super::super::selection::Selection;
use super::{Draft, List, Next, moment};

/// How many forms to ask for at once; each may take some kilobytes.
const FORMS: usize = 10;

/// How many versions of a form are looked for, the latest ones.
const MAX_VERSIONS: u64 = 50;

/// After so many requests for older versions a read ends with the form at hand.
const MAX_REQUESTS: usize = 60;

#[derive(Deserialize)]
struct Given<'a> {
    #[serde(borrow)]
    elements: Vec<GivenElement<'a>>,
}

#[derive(Deserialize)]
struct GivenElement<'a> {
    #[serde(borrow)]
    form: Option<&'a RawValue>,
    #[serde(borrow, rename = "versionedLeadGenFormUrn")]
    urn: Option<Text<'a>>,
}

open_object! {
    struct Review<'a> {
        required {}
        optional {
            status: Text<'a> = "reviewStatus",
            reasons: Vec<Text<'a>> = "rejectionReasons",
        }
        ignored { "lastUpdated", }
    }
}

#[derive(Serialize)]
struct ReviewRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a Text<'a>>,
    rejection_reasons: &'a [Text<'a>],
}

#[derive(Serialize)]
struct Record<'a> {
    id: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a Text<'a>>,
    owner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<ReviewRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headline: Option<&'a Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a Text<'a>>,
    questions: Vec<QuestionRecord<'a>>,
    consents: Vec<ConsentRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy_policy_url: Option<&'a Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    legal_disclaimer: Option<&'a Text<'a>>,
    hidden_fields: &'a [HiddenField<'a>],
    #[serde(skip_serializing_if = "Extra::is_empty")]
    extra: Extra<'a>,
}

#[derive(Serialize)]
struct QuestionRecord<'a> {
    id: &'a Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predefined_field: Option<&'a Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    editable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<u64>,
    options: Vec<OptionRecord<'a>>,
}

#[derive(Serialize)]
struct OptionRecord<'a> {
    id: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a Text<'a>>,
}

#[derive(Serialize)]
struct ConsentRecord<'a> {
    id: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<bool>,
}

/// A form that is handed on version by version.
struct Versions<'v> {
    owner: &'v Owner,
    id: String,
    latest: String,
    /// Older versions with the responses that carry them, in order.
    older: Vec<(u64, Response)>,
}

impl<C: Capabilities> Source<C> {
    /// One page of an owner's forms.
    pub(super) async fn read_forms(
        &self,
        owner: &Owner,
        selection: &Selection,
        mut draft: Draft,
        mut next: Next,
    ) -> Result<Page, Failure> {
        let subject = Subject::Forms(owner.clone());
        let response = self.ask(&subject, query::forms(&self.config, owner, next.offset, FORMS)).await?;
        let list: List<'_> = serde_json::from_slice(&response.body)
            .map_err(|error| errors::undecodable(&subject, &response, &error))?;
        let (mut strange, mut requests) = (0, 0);
        for (index, raw) in list.elements.iter().enumerate().skip(next.skip) {
            let from = next.version.take();
            let form: Option<Form<'_>> = serde_json::from_str(raw.get()).ok();
            let Some((form, id)) =
                form.and_then(|form| Some((form.id.clone()?, form)).map(|(id, form)| (form, id)))
            else {
                strange += 1;
                continue;
            };
            if !selection.covers_form(&id) {
                continue;
            }
            if requests >= MAX_REQUESTS {
                return draft.finish(Some(Next { skip: index, version: from, ..next }));
            }
            let latest = form.version.as_deref().unwrap_or("1").to_owned();
            let older = self.older_versions(owner, &id, &latest, from, &mut requests, &mut draft).await?;
            let versions = Versions { owner, id: id.to_string(), latest, older };
            if let Some(version) = versions.put(&form, &mut draft)? {
                return draft.finish(Some(Next { skip: index, version, ..next }));
            }
        }
        self.tell_strange(strange, &mut draft);
        draft.finish(list.after(&next))
    }

    /// The older versions of a form, from `from` on, as far as responses tell of them.
    async fn older_versions(
        &self,
        owner: &Owner,
        form: &str,
        latest: &str,
        from: Option<u64>,
        requests: &mut usize,
        draft: &mut Draft,
    ) -> Result<Vec<(u64, Response)>, Failure> {
        let Ok(latest) = latest.parse::<u64>() else { return Ok(Vec::new()) };
        let first = latest.saturating_sub(MAX_VERSIONS - 1).max(1).max(from.unwrap_or(1));
        let kinds: Vec<Kind> =
            self.config.kinds.iter().copied().filter(|kind| owner.can_have(*kind)).collect();
        let mut older = Vec::new();
        let mut refused = false;
        let wanted: Vec<u64> = (first..latest).collect();
        for wave in wanted.chunks(self.config.requests_in_flight) {
            let found =
                join_all(wave.iter().map(|&version| self.version(owner, &kinds, form, version))).await;
            *requests += wave.len() * kinds.len();
            for (version, found) in wave.iter().zip(found) {
                match found {
                    Ok(found) => older.extend(found.map(|response| (*version, response))),
                    Err(Failure::Forbidden { .. }) => refused = true,
                    Err(failure) => return Err(failure),
                }
            }
        }
        if refused {
            draft.warnings.push(format!(
                "linkedin refuses the responses of {owner}, so that older versions of its forms are not known"
            ));
            draft.warnings.dedup();
        }
        Ok(older)
    }

    /// A response given on this version, if there is one.
    async fn version(
        &self,
        owner: &Owner,
        kinds: &[Kind],
        form: &str,
        version: u64,
    ) -> Result<Option<Response>, Failure> {
        let mut refused = None;
        for &kind in kinds {
            let holding = Holding { kind, owner: owner.clone() };
            let request = query::form_version(&self.config, &holding, form, version);
            let sent = self.send(request).await;
            let response = sent.map_err(|error| Failure::from_http(&error, Some(errors::CREDENTIAL)))?;
            if response.status == 404 {
                continue;
            }
            match self.success(&Subject::Responses(holding), response) {
                Ok(response) if carried(&response, form, version).is_some() => return Ok(Some(response)),
                Ok(_) => {}
                // One kind may need a role that another does not.
                Err(failure @ Failure::Forbidden { .. }) => refused = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        refused.map_or(Ok(None), Err)
    }
}

/// The form in the first response to this very version: LinkedIn may answer with more than it was asked for.
fn carried<'r>(response: &'r Response, form: &str, version: u64) -> Option<&'r RawValue> {
    let given: Given<'_> = serde_json::from_slice(&response.body).ok()?;
    let version = version.to_string();
    let asked_for = |element: &GivenElement<'_>| {
        element.urn.as_deref().and_then(split_form_urn) == Some((form, version.as_str()))
    };
    given.elements.into_iter().filter(asked_for).find_map(|element| element.form)
}

impl Versions<'_> {
    /// Appends as many versions as fit, the oldest first. Returns the first one that did not.
    fn put(&self, newest: &Form<'_>, draft: &mut Draft) -> Result<Option<Option<u64>>, Failure> {
        for (version, response) in &self.older {
            let form: Option<Form<'_>> =
                carried(response, &self.id, *version).and_then(|raw| serde_json::from_str(raw.get()).ok());
            let Some(form) = form else { continue };
            if !self.put_version(&form, &version.to_string(), draft)? {
                return Ok(Some(Some(*version)));
            }
        }
        let fits = self.put_version(newest, &self.latest, draft)?;
        Ok((!fits).then(|| self.latest.parse().ok()))
    }

    fn put_version(&self, form: &Form<'_>, version: &str, draft: &mut Draft) -> Result<bool, Failure> {
        let more = &form.more;
        let mut extra = form.extra.reborrow();
        if let Some(raw) = more.post_submission {
            extra.push("postSubmissionInfo".into(), raw);
        }
        let review: Option<Review<'_>> = more.review.and_then(|raw| serde_json::from_str(raw.get()).ok());
        if let Some(raw) =
            more.review.filter(|_| review.as_ref().is_none_or(|review| !review.extra.is_empty()))
        {
            extra.push("reviewInfo".into(), raw);
        }
        let created_ms = moment(more.created);
        let owner = more.owner.as_deref().map_or_else(|| self.owner.urn(), str::to_owned);
        let record = Record {
            id: &self.id,
            version,
            name: form.name.as_ref(),
            owner,
            locale: form.locale.as_deref(),
            created_ms,
            modified_ms: moment(more.modified),
            state: more.state.and_then(|raw| serde_json::from_str(raw.get()).ok()),
            review: review.as_ref().map(|review| ReviewRecord {
                status: review.status.as_ref(),
                rejection_reasons: review.reasons.as_deref().unwrap_or_default(),
            }),
            headline: more.headline.as_ref(),
            description: more.description.as_ref(),
            questions: form.questions.iter().map(question).collect(),
            consents: form.consents.iter().map(consent).collect(),
            privacy_policy_url: more.privacy_policy_url.as_ref(),
            legal_disclaimer: more.legal_disclaimer.as_ref(),
            hidden_fields: &form.hidden_fields,
            extra,
        };
        draft.push(format!("{}:{version}", self.id).into(), created_ms, &record)
    }
}

fn question<'q>(question: &'q Question<'q>) -> QuestionRecord<'q> {
    QuestionRecord {
        id: &question.id_text,
        name: question.name.as_ref(),
        label: question.label.as_ref(),
        text: question.text.as_ref(),
        predefined_field: question.predefined_field.as_ref(),
        required: question.required,
        editable: question.editable,
        max_length: question.max_length,
        options: question.options.iter().map(option).collect(),
    }
}

fn option<'c>(choice: &'c Choice<'c>) -> OptionRecord<'c> {
    OptionRecord { id: choice.id.to_text(), text: choice.text.as_ref(), label: choice.label.as_ref() }
}

fn consent<'c>(consent: &'c Consent<'c>) -> ConsentRecord<'c> {
    ConsentRecord {
        id: consent.id.to_text(),
        text: consent.text.as_ref(),
        label: consent.label.as_ref(),
        required: consent.required,
    }
}

/// The JSON Schema of the stream's records.
pub(in super::super) fn schema() -> Value {
    let review = [
        ("rejection_reasons", list("Such as MISSING_PRIVACY_POLICY.", &text("LinkedIn's word."))),
        ("status", text("NEEDS_REVIEW, REJECTED, or another word of LinkedIn's.")),
    ];
    let members = [
        ("id", text("The form's number.")),
        ("version", text("The version's number.")),
        ("owner", text("URN of the ad account or organization.")),
        ("questions", list("In the form's order.", &question_schema())),
        ("consents", list("What the form asks consent for.", &consent_schema())),
        ("hidden_fields", list("Name/value pairs for tracking.", &hidden_field())),
        ("name", text("The name that the advertiser gave it.")),
        ("locale", text("<language>_<COUNTRY>.")),
        ("created_ms", whole_number("Epoch milliseconds; known of the newest version only.")),
        ("modified_ms", whole_number("Epoch milliseconds; known of the newest version only.")),
        ("state", text("PUBLISHED, DRAFT, ARCHIVED, or a later one; known of the newest version only.")),
        (
            "review",
            object("LinkedIn's review of the newest version; absent until it took place.", &review, 1),
        ),
        ("headline", text("In the form's language.")),
        ("description", text("In the form's language.")),
        ("privacy_policy_url", text("Where the advertiser says what happens to the answers.")),
        ("legal_disclaimer", text("In the form's language, unchanged.")),
        extra(),
    ];
    document(object("One version of a Lead Gen Form.", &members, 6))
}

fn question_schema() -> Value {
    let option = [
        ("id", text("As LinkedIn gave it: digits as a rule, from 0 on.")),
        ("text", text("In the form's language.")),
        ("label", text("The advertiser's own word for it.")),
    ];
    let members = [
        ("id", text("Unique within the form.")),
        ("options", list("Of a multiple-choice question.", &object("One option.", &option, 1))),
        (
            "name",
            text("In the language of the form's creator; no key, since custom questions are only numbered."),
        ),
        ("label", text("The advertiser's own word for it.")),
        ("text", text("What the member sees, in the form's language.")),
        ("predefined_field", text("LinkedIn's profile field, such as EMAIL; absent for custom questions.")),
        ("required", flag("Whether an answer is needed.")),
        ("editable", flag("Whether the member may change what LinkedIn filled in.")),
        ("max_length", whole_number("The longest answer in characters.")),
    ];
    object("One question.", &members, 2)
}

fn consent_schema() -> Value {
    let members = [
        ("id", text("As LinkedIn gave it: digits as a rule, from 0 on.")),
        ("text", text("What the member sees, unchanged.")),
        ("label", text("The advertiser's own word for it.")),
        ("required", flag("Whether the form cannot be sent without it.")),
    ];
    object("One consent.", &members, 1)
}
