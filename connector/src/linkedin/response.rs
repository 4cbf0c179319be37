//! From LinkedIn's element to the record: joins answers with their questions and writes the line.
//!
//! Nothing is dropped: an answer whose question the form does not list comes last, without a text of the question.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::extra::Extra;
use crate::record::{
    Answer, Campaign, ChosenOption, Consent, Entity, Envelope, Form as FormRecord, LeadResponse, Named, Op,
    Skip,
};
use crate::text::Text;

use super::form::{Form, Question};
use super::names::{Names, Tables, Thing};
use super::restli::scalar;
use super::slim::Forms;
use super::stream::Stream;
use super::wire::{self, Element, EntityInfo, Given, Id, Metadata, MetadataInfo, OwnerInfo, Seen};

/// What is known beforehand, from the partition and the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'s> {
    /// For elements that do not name their owner.
    pub(super) owner: Option<&'s str>,
    /// For elements that do not name their kind.
    pub(super) kind: &'s str,
    /// Whether test leads are for the sink.
    pub(super) test_leads: bool,
    /// Base URL of the API, without a slash at its end.
    pub(super) api_url: &'s str,
    /// Names that were looked up.
    pub(super) names: &'s Names,
}

/// The parts of a page's elements that recur.
#[derive(Default)]
pub(super) struct Recurring<'a> {
    forms: Seen<'a, Form<'a>>,
    owners: Seen<'a, OwnerInfo<'a>>,
    metadata: Seen<'a, Metadata<'a>>,
    metadata_infos: Seen<'a, MetadataInfo<'a>>,
    entity_infos: Seen<'a, EntityInfo<'a>>,
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
        let entity = self.entity_infos.meet(element.associated_entity_info.map(RawValue::get));
        // A form that is not understood stands whole among what is unknown.
        let strange = element.form.filter(|_| self.forms.get(form).is_none());
        let rests = [
            ("form", strange),
            ("ownerInfo", self.owners.rest(owner, element.owner_info)),
            ("leadMetadata", self.metadata.rest(metadata, element.lead_metadata)),
            ("leadMetadataInfo", self.metadata_infos.rest(info, element.lead_metadata_info)),
            ("associatedEntityInfo", self.entity_infos.rest(entity, element.associated_entity_info)),
        ];
        let form = self.forms.get(form);
        let test = element.test_lead.unwrap_or(false);
        let id = response_id(&element.id);
        let known = setting.names.tables();
        let (creative, associated_entity) = entities(element, self.entity_infos.get(entity));
        let campaign = campaign(self.metadata.get(metadata), self.metadata_infos.get(info));
        let campaign_group = campaign.as_ref().and_then(|campaign| group(&known, &campaign.urn));
        let data = LeadResponse {
            source_url: Some(format!("{}/leadFormResponses/{}", setting.api_url, scalar(&id)).into()),
            id,
            submitted_at_ms: element.submitted_at.0,
            kind: member(element.lead_type.as_ref()).unwrap_or(setting.kind.into()),
            test,
            owner: Named {
                urn: member(element.owner.as_ref()).or(setting.owner.map(Text::from)).unwrap_or_default(),
                name: self.owners.get(owner).and_then(OwnerInfo::name).map(Text::reborrow),
            },
            form: form_record(element, form, forms),
            campaign: campaign.map(|campaign| {
                let name = campaign.name.or_else(|| name(&known, Thing::Campaign, &campaign.urn));
                Campaign { name, ..campaign }
            }),
            campaign_group,
            creative: creative.map(|creative| {
                let name = creative.name.or_else(|| name(&known, Thing::Creative, &creative.urn));
                Named { name, ..creative }
            }),
            associated_entity,
            submitter: member(element.submitter.as_ref()),
            answers: answers(element, form, forms),
            consents: consents(element, form, forms),
            extra: extra(element, &rests, forms),
        };
        let skip = (test && !setting.test_leads).then(|| Skip {
            code: "test_lead".into(),
            reason: "submitted from the form's preview; test_leads = \"include\" passes test leads on".into(),
        });
        let time = Some(element.submitted_at.0);
        let (key, stream) = (data.id.reborrow(), Stream::LeadResponses.name().into());
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
    member?.value.as_ref().map(Text::reborrow)
}

/// Unknown members with what was taken out of them in its place again.
fn whole<'b>(extra: &'b Extra<'_>, forms: &Forms<'_>) -> Extra<'b> {
    if extra.is_empty() { Extra::default() } else { extra.restored(|text| forms.restore(text)) }
}

/// What is not known of the response itself, and of its parts that have no place for it.
fn extra<'b>(
    element: &'b Element<'_>,
    rests: &[(&'static str, Option<&'b RawValue>)],
    forms: &Forms<'_>,
) -> Extra<'b> {
    let mut extra = whole(&element.extra, forms);
    let members = [
        ("owner", &element.owner),
        ("leadType", &element.lead_type),
        ("submitter", &element.submitter),
        ("associatedEntity", &element.associated_entity),
    ];
    for (name, member) in members {
        if let Some(member) = member.as_ref().filter(|member| !member.extra.is_empty()) {
            extra.push_within(name.into(), &whole(&member.extra, forms));
        }
    }
    if let Some(response) = element.form_response.as_ref().filter(|response| !response.extra.is_empty()) {
        extra.push_within("formResponse".into(), &whole(&response.extra, forms));
    }
    for (name, rest) in rests {
        if let Some(rest) = rest {
            let resolved = forms.resolve(rest.get());
            match forms.restore(resolved) {
                Some(text) => extra.push_text((*name).into(), text),
                None if resolved.len() == rest.get().len() => extra.push((*name).into(), rest),
                None => extra.push_text((*name).into(), resolved.to_owned()),
            }
        }
    }
    extra
}

/// The creative, or whatever else the lead belongs to.
fn entities<'b>(
    element: &'b Element<'_>,
    info: Option<&'b EntityInfo<'_>>,
) -> (Option<Named<'b>>, Option<Entity<'b>>) {
    let info = info.and_then(|info| info.creative.as_ref());
    let name = || info.and_then(|info| info.name.as_ref()).map(Text::reborrow);
    let Some((urn, kind)) = element.associated_entity.as_ref().and_then(|entity| {
        let urn: &str = entity.value.as_deref()?;
        // A bare URN names its kind itself.
        let kind = entity.name.as_deref().or_else(|| urn.strip_prefix("urn:li:")?.split(':').next());
        Some((urn, kind.unwrap_or_default()))
    }) else {
        let urn = info.and_then(|info| info.id.as_ref()).map(|id| urn("sponsoredCreative", id));
        return (urn.map(|urn| Named { urn, name: name() }), None);
    };
    if kind == "associatedCreative" || kind == "sponsoredCreative" {
        return (Some(Named { urn: urn.into(), name: name() }), None);
    }
    (None, Some(Entity { kind: kind.into(), urn: urn.into() }))
}

/// A name that was looked up.
fn name<'b>(known: &'b Tables, thing: Thing, urn: &str) -> Option<Text<'b>> {
    known.known(thing, urn)?.name.as_deref().map(Text::from)
}

/// The group of a campaign that was looked up.
fn group<'b>(known: &'b Tables, campaign: &str) -> Option<Named<'b>> {
    let urn = known.known(Thing::Campaign, campaign)?.group.as_deref()?;
    Some(Named { urn: urn.into(), name: name(known, Thing::Group, urn) })
}

/// The URN of an id that may be one already.
fn urn<'b>(kind: &str, id: &'b Id<'_>) -> Text<'b> {
    match id {
        Id::Word(urn) => urn.reborrow(),
        Id::Number(number) => format!("urn:li:{kind}:{number}").into(),
    }
}

/// Form number and version of `urn:li:versionedLeadGenForm:(urn:li:leadGenForm:4400120,2)`; blanks may stand around
/// either.
pub(super) fn split_form_urn(urn: &str) -> Option<(&str, &str)> {
    let inner =
        urn.strip_prefix("urn:li:versionedLeadGenForm:")?.trim().strip_prefix('(')?.strip_suffix(')')?;
    let (form, version) = inner.rsplit_once(',')?;
    Some((form.trim().rsplit(':').next()?, version.trim()))
}

fn form_record<'b>(
    element: &'b Element<'_>,
    form: Option<&'b Form<'_>>,
    forms: &Forms<'_>,
) -> FormRecord<'b> {
    let urn = element.form_urn.as_deref().and_then(split_form_urn);
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
        extra: form.map_or_else(Extra::default, |form| whole(&form.extra, forms)),
    }
}

fn campaign<'b>(
    metadata: Option<&'b Metadata<'_>>,
    info: Option<&'b MetadataInfo<'_>>,
) -> Option<Campaign<'b>> {
    let info = info.and_then(MetadataInfo::campaign);
    let urn = match (metadata.and_then(Metadata::campaign), info.and_then(|info| info.id.as_ref())) {
        (Some(urn), _) => urn.reborrow(),
        (None, Some(id)) => urn("sponsoredCampaign", id),
        (None, None) => return None,
    };
    let name = info.and_then(|info| info.name.as_ref()).map(Text::reborrow);
    let kind = info.and_then(|info| info.kind.as_ref()).map(Text::reborrow);
    Some(Campaign { urn, name, kind })
}

fn answers<'b>(element: &'b Element<'_>, form: Option<&'b Form<'_>>, forms: &Forms<'_>) -> Vec<Answer<'b>> {
    let given = element.form_response.as_ref().and_then(|response| response.answers.as_deref());
    let questions = form.map_or(&[][..], |form| &form.questions);
    let mut placed: Vec<(usize, Answer<'b>)> = given
        .unwrap_or_default()
        .iter()
        .map(|answer| {
            let place = questions.iter().position(|question| question.id == answer.question_id);
            let question = place.and_then(|place| questions.get(place));
            (place.unwrap_or(usize::MAX), join(answer, question, forms))
        })
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, answer)| answer).collect()
}

fn join<'b>(
    answer: &'b wire::Answer<'_>,
    question: Option<&'b Question<'_>>,
    forms: &Forms<'_>,
) -> Answer<'b> {
    let details = answer.answer_details.as_ref();
    let (text, options) = match details.and_then(|details| details.given.as_ref()) {
        None => (Text::default(), Vec::new()),
        Some(Given::Text(text)) => (text.reborrow(), Vec::new()),
        Some(Given::Other(raw)) => (faithful(raw, forms), Vec::new()),
        Some(Given::Options(chosen)) => choice(chosen, question),
    };
    let mut extra = whole(&answer.extra, forms);
    if let Some(details) = details.filter(|details| !details.extra.is_empty()) {
        extra.push_within("answerDetails".into(), &whole(&details.extra, forms));
    }
    Answer {
        question_id: question
            .map_or_else(|| answer.question_id.to_text(), |question| question.id_text.reborrow()),
        predefined_field: question
            .and_then(|question| question.predefined_field.as_ref())
            .map(Text::reborrow),
        question: question.and_then(|question| question.text.as_ref()).map(Text::reborrow),
        text,
        options,
        extra,
    }
}

/// An answer of an unknown kind as text: a string as it reads, anything else as its JSON.
fn faithful<'b>(raw: &'b RawValue, forms: &Forms<'_>) -> Text<'b> {
    let text = serde_json::from_str(raw.get()).ok();
    text.or_else(|| forms.restore(raw.get()).map(Text::from)).unwrap_or_else(|| raw.get().into())
}

/// The texts joined, and the options; an option without a text is named by its id.
fn choice<'b>(chosen: &'b [Id<'_>], question: Option<&'b Question<'_>>) -> (Text<'b>, Vec<ChosenOption<'b>>) {
    let known = question.map_or(&[][..], |question| &question.options);
    let text_of = |id: &Id<'_>| {
        let option = known.iter().find(|option| option.id == *id)?;
        option.text.as_ref().map(Text::reborrow)
    };
    let options = chosen.iter().map(|id| ChosenOption { id: id.to_text(), text: text_of(id) }).collect();
    let words: Vec<Text<'b>> = chosen.iter().map(|id| text_of(id).unwrap_or_else(|| id.to_text())).collect();
    let text = match words.as_slice() {
        [Text(Cow::Borrowed(only))] => (*only).into(),
        words => words.iter().map(|word| &**word).collect::<Vec<_>>().join("; ").into(),
    };
    (text, options)
}

fn consents<'b>(element: &'b Element<'_>, form: Option<&'b Form<'_>>, forms: &Forms<'_>) -> Vec<Consent<'b>> {
    let given = element.form_response.as_ref().and_then(|response| response.consent_responses.as_deref());
    let known = form.map_or(&[][..], |form| &form.consents);
    let join = |consent: &'b wire::ConsentResponse<'_>| {
        let text = known.iter().find(|known| known.id == consent.consent_id);
        let text = text.and_then(|known| known.text.as_ref()).map(Text::reborrow);
        let extra = whole(&consent.extra, forms);
        Consent { id: consent.consent_id.to_text(), text, accepted: consent.accepted.unwrap_or(false), extra }
    };
    given.unwrap_or_default().iter().map(join).collect()
}
