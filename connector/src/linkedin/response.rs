//! From LinkedIn's element to the record: joins answers with their questions and writes the line.
//!
//! Nothing is dropped: an answer whose question the form does not list comes last, without a text of the question.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::record::{
    Answer, Campaign, ChosenOption, Consent, Envelope, Form as FormRecord, LeadResponse, Named, Op, Skip,
};
use crate::text::Text;

use super::form::{Form, Question};
use super::slim::Forms;
use super::wire::{self, Details, Element, Id, Metadata, MetadataInfo, OwnerInfo, Seen};

/// The stream's name.
pub(super) const STREAM: &str = "lead_responses";

/// What is known beforehand, from the partition and the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'s> {
    /// For elements that do not name their owner.
    pub(super) owner: Option<&'s str>,
    /// For elements that do not name their kind.
    pub(super) kind: &'s str,
    /// Whether test leads are for the sink.
    pub(super) test_leads: bool,
}

/// The parts of a page's elements that recur.
#[derive(Default)]
pub(super) struct Recurring<'a> {
    forms: Seen<'a, Form<'a>>,
    owners: Seen<'a, OwnerInfo<'a>>,
    metadata: Seen<'a, Metadata<'a>>,
    metadata_infos: Seen<'a, MetadataInfo<'a>>,
}

impl<'a> Recurring<'a> {
    /// Builds the record and appends its line to `out`.
    ///
    /// # Errors
    ///
    /// Those of writing to memory, which do not occur.
    pub(super) fn write(
        &mut self,
        element: &Element<'a>,
        forms: &Forms<'a>,
        setting: &Setting<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), serde_json::Error> {
        let form = self.forms.meet(element.form.map(|value| forms.resolve(value.get())));
        let owner = self.owners.meet(element.owner_info.map(RawValue::get));
        let metadata = self.metadata.meet(element.lead_metadata.map(RawValue::get));
        let info = self.metadata_infos.meet(element.lead_metadata_info.map(RawValue::get));
        let form = self.forms.get(form);
        let test = element.test_lead.unwrap_or(false);
        let data = LeadResponse {
            id: response_id(&element.id),
            submitted_at_ms: element.submitted_at.0,
            kind: member(element.lead_type.as_ref()).unwrap_or(setting.kind.into()),
            test,
            owner: Named {
                urn: member(element.owner.as_ref()).or(setting.owner.map(Text::from)).unwrap_or_default(),
                name: self.owners.get(owner).and_then(OwnerInfo::name).map(Text::reborrow),
            },
            form: form_record(element, form),
            campaign: campaign(self.metadata.get(metadata), self.metadata_infos.get(info)),
            creative: member(element.associated_entity.as_ref()),
            submitter: member(element.submitter.as_ref()),
            answers: answers(element, form),
            consents: consents(element, form),
        };
        let skip = (test && !setting.test_leads).then(|| Skip {
            code: "test_lead".into(),
            reason: "submitted from the form's preview; test_leads = \"include\" passes test leads on".into(),
        });
        let time = Some(element.submitted_at.0);
        let (key, stream) = (data.id.reborrow(), STREAM.into());
        let envelope = Envelope { key, op: Op::Upsert, stream, time, data: Some(&data), skip };
        serde_json::to_writer(&mut *out, &envelope)?;
        out.push(b'\n');
        Ok(())
    }

    /// How many distinct forms could not be read.
    pub(super) fn strange_forms(&self) -> usize {
        self.forms.strange()
    }
}

/// The id without the URN around it.
pub(super) fn response_id<'b>(id: &'b Id<'_>) -> Text<'b> {
    match id {
        Id::Number(number) => number.to_string().into(),
        Id::Word(word) => word.strip_prefix("urn:li:leadGenFormResponse:").unwrap_or(word).into(),
    }
}

fn member<'b>(member: Option<&'b wire::Member<'_>>) -> Option<Text<'b>> {
    member?.0.as_ref().map(Text::reborrow)
}

/// Form number and version of `urn:li:versionedLeadGenForm:(urn:li:leadGenForm:4400120,2)`; blanks may stand around
/// either.
pub(super) fn split_form_urn(urn: &str) -> Option<(&str, &str)> {
    let inner =
        urn.strip_prefix("urn:li:versionedLeadGenForm:")?.trim().strip_prefix('(')?.strip_suffix(')')?;
    let (form, version) = inner.rsplit_once(',')?;
    Some((form.trim().rsplit(':').next()?, version.trim()))
}

fn form_record<'b>(element: &'b Element<'_>, form: Option<&'b Form<'_>>) -> FormRecord<'b> {
    let urn = element.versioned_lead_gen_form_urn.as_deref().and_then(split_form_urn);
    let given = |text: fn(&'b Form<'_>) -> Option<&'b Text<'b>>| form.and_then(text).map(Text::reborrow);
    FormRecord {
        id: urn.map(|(id, _)| id.into()).or_else(|| given(|form| form.id.as_ref())).unwrap_or_default(),
        version: urn
            .map(|(_, v)| v.into())
            .or_else(|| given(|form| form.version.as_ref()))
            .unwrap_or_default(),
        name: given(|form| form.name.as_ref()),
        locale: form.and_then(|form| form.locale.as_deref()).map(Text::from),
        hidden_fields: form.map_or_else(Vec::new, |form| form.hidden_fields.clone()),
    }
}

fn campaign<'b>(
    metadata: Option<&'b Metadata<'_>>,
    info: Option<&'b MetadataInfo<'_>>,
) -> Option<Campaign<'b>> {
    let info = info.and_then(MetadataInfo::campaign);
    let urn = match (metadata.and_then(Metadata::campaign), info.and_then(|info| info.id.as_ref())) {
        (Some(urn), _) => urn.reborrow(),
        (None, Some(Id::Word(urn))) => urn.reborrow(),
        (None, Some(Id::Number(number))) => format!("urn:li:sponsoredCampaign:{number}").into(),
        (None, None) => return None,
    };
    let name = info.and_then(|info| info.name.as_ref()).map(Text::reborrow);
    let kind = info.and_then(|info| info.kind.as_ref()).map(Text::reborrow);
    Some(Campaign { urn, name, kind })
}

fn answers<'b>(element: &'b Element<'_>, form: Option<&'b Form<'_>>) -> Vec<Answer<'b>> {
    let given = element.form_response.as_ref().map_or(&[][..], |response| &response.answers);
    let questions = form.map_or(&[][..], |form| &form.questions);
    let mut placed: Vec<(usize, Answer<'b>)> = given
        .iter()
        .map(|answer| {
            let place = questions.iter().position(|question| question.id == answer.question_id);
            let question = place.and_then(|place| questions.get(place));
            (place.unwrap_or(usize::MAX), join(answer, question))
        })
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, answer)| answer).collect()
}

fn join<'b>(answer: &'b wire::Answer<'_>, question: Option<&'b Question<'_>>) -> Answer<'b> {
    let (text, options) = match &answer.answer_details {
        None => (Text::default(), Vec::new()),
        Some(Details::Text(text)) => (text.reborrow(), Vec::new()),
        Some(Details::Other(raw)) => (RawValue::get(raw).into(), Vec::new()),
        Some(Details::Options(chosen)) => choice(chosen, question),
    };
    Answer {
        question_id: question
            .map_or_else(|| answer.question_id.to_text(), |question| question.id_text.reborrow()),
        predefined_field: question
            .and_then(|question| question.predefined_field.as_ref())
            .map(Text::reborrow),
        question: question.and_then(|question| question.text.as_ref()).map(Text::reborrow),
        text,
        options,
    }
}

/// The texts joined, and the options; an option without a text is named by its id.
fn choice<'b>(chosen: &'b [Id<'_>], question: Option<&'b Question<'_>>) -> (Text<'b>, Vec<ChosenOption<'b>>) {
    let known = question.map_or(&[][..], |question| &question.options);
    let text_of = |id: &Id<'_>| {
        known.iter().find(|(known, _)| known == id).and_then(|(_, text)| text.as_ref()).map(Text::reborrow)
    };
    let options = chosen
        .iter()
        .filter_map(|id| match id {
            Id::Number(number) => Some(ChosenOption { id: *number, text: text_of(id) }),
            Id::Word(_) => None,
        })
        .collect();
    let words: Vec<Text<'b>> = chosen.iter().map(|id| text_of(id).unwrap_or_else(|| id.to_text())).collect();
    let text = match words.as_slice() {
        [Text(Cow::Borrowed(only))] => (*only).into(),
        words => words.iter().map(|word| &**word).collect::<Vec<_>>().join("; ").into(),
    };
    (text, options)
}

fn consents<'b>(element: &'b Element<'_>, form: Option<&'b Form<'_>>) -> Vec<Consent<'b>> {
    let given = element.form_response.as_ref().map_or(&[][..], |response| &response.consent_responses);
    let known = form.map_or(&[][..], |form| &form.consents);
    let join = |consent: &'b wire::ConsentResponse<'_>| {
        let Id::Number(id) = consent.consent_id else { return None };
        let text = known.iter().find(|(known, _)| *known == consent.consent_id);
        let text = text.and_then(|(_, text)| text.as_ref()).map(Text::reborrow);
        Some(Consent { id, text, accepted: consent.accepted.unwrap_or(false) })
    };
    given.iter().filter_map(join).collect()
}
