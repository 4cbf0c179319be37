//! A lead form as it stood when the member filled it in: the texts that give answers their meaning.
//!
//! The shape is that of <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/lead-sync-schema>.

use serde_json::value::RawValue;

use crate::extra::Extra;
use crate::record::HiddenField;
use crate::text::Text;

use super::open::open_object;
use super::wire::{Id, Localized, Member, Number};

open_object! {
    /// A form as LinkedIn sends it. What only the stream of forms needs stays raw.
    struct RawForm<'a> {
        required {}
        optional {
            id: Id<'a> = "id",
            version_id: Id<'a> = "versionId",
            name: Localized<'a> = "name",
            owner: Member<'a> = "owner",
            creation_locale: Locale<'a> = "creationLocale",
            hidden_fields: Vec<RawHidden<'a>> = "hiddenFields",
            content: Content<'a> = "content",
            created: &'a RawValue = "created",
            last_modified: &'a RawValue = "lastModified",
            state: &'a RawValue = "state",
            review_info: &'a RawValue = "reviewInfo",
        }
        ignored {}
    }
}

open_object! {
    struct Locale<'a> {
        required {}
        optional {
            country: Text<'a> = "country",
            language: Text<'a> = "language",
        }
        ignored { "variant", }
    }
}

open_object! {
    struct RawHidden<'a> {
        required {}
        optional {
            name: Text<'a> = "name",
            value: Text<'a> = "value",
        }
        ignored {}
    }
}

open_object! {
    struct Content<'a> {
        required {}
        optional {
            headline: Localized<'a> = "headline",
            description: Localized<'a> = "description",
            questions: Vec<RawQuestion<'a>> = "questions",
            legal_info: LegalInfo<'a> = "legalInfo",
            post_submission_info: &'a RawValue = "postSubmissionInfo",
        }
        ignored {}
    }
}

open_object! {
    struct RawQuestion<'a> {
        required {
            question_id: Id<'a> = "questionId",
        }
        optional {
            name: Localized<'a> = "name",
            label: Localized<'a> = "label",
            question: Localized<'a> = "question",
            predefined_field: Text<'a> = "predefinedField",
            required: bool = "responseRequired",
            editable: bool = "responseEditable",
            details: QuestionDetails<'a> = "questionDetails",
        }
        ignored {}
    }
}

open_object! {
    struct QuestionDetails<'a> {
        required {}
        optional {
            text: TextDetails<'a> = "textQuestionDetails",
            choice: ChoiceDetails<'a> = "multipleChoiceQuestionDetails",
        }
        ignored {}
    }
}

open_object! {
    struct TextDetails<'a> {
        required {}
        optional {
            max_length: Number = "maxResponseLength",
        }
        ignored {}
    }
}

open_object! {
    struct ChoiceDetails<'a> {
        required {}
        optional {
            options: Vec<RawOption<'a>> = "options",
        }
        ignored {}
    }
}

open_object! {
    struct RawOption<'a> {
        required {
            id: Id<'a> = "id",
        }
        optional {
            label: Localized<'a> = "label",
            text: Localized<'a> = "text",
        }
        ignored {}
    }
}

open_object! {
    struct LegalInfo<'a> {
        required {}
        optional {
            privacy_policy_url: Text<'a> = "privacyPolicyUrl",
            legal_disclaimer: Localized<'a> = "legalDisclaimer",
            consents: Vec<RawConsent<'a>> = "consents",
        }
        ignored { "legalInfoId", }
    }
}

open_object! {
    struct RawConsent<'a> {
        required {
            id: Id<'a> = "id",
        }
        optional {
            label: Localized<'a> = "label",
            required: bool = "checkRequired",
            consent: Localized<'a> = "consent",
        }
        ignored {}
    }
}

/// A form, its texts in its own language.
pub(super) struct Form<'a> {
    pub(super) id: Option<Text<'a>>,
    pub(super) version: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    /// `<language>_<COUNTRY>`.
    pub(super) locale: Option<String>,
    pub(super) hidden_fields: Vec<HiddenField<'a>>,
    /// In the form's order.
    pub(super) questions: Vec<Question<'a>>,
    /// In the form's order.
    pub(super) consents: Vec<Consent<'a>>,
    /// Members of the form that are not known here; those further inside stand where they stood, each in its list's
    /// place with the id of what it belongs to.
    pub(super) extra: Extra<'a>,
    pub(super) more: More<'a>,
}

/// What only the stream of forms tells.
pub(super) struct More<'a> {
    pub(super) owner: Option<Text<'a>>,
    pub(super) created: Option<&'a RawValue>,
    pub(super) modified: Option<&'a RawValue>,
    pub(super) state: Option<&'a RawValue>,
    pub(super) review: Option<&'a RawValue>,
    pub(super) headline: Option<Text<'a>>,
    pub(super) description: Option<Text<'a>>,
    pub(super) privacy_policy_url: Option<Text<'a>>,
    pub(super) legal_disclaimer: Option<Text<'a>>,
    pub(super) post_submission: Option<&'a RawValue>,
}

/// One question of a form.
pub(super) struct Question<'a> {
    pub(super) id: Id<'a>,
    pub(super) id_text: Text<'a>,
    /// In the language of the form's creator; no key, since custom questions are numbered anew in each form.
    pub(super) name: Option<Text<'a>>,
    pub(super) label: Option<Text<'a>>,
    pub(super) predefined_field: Option<Text<'a>>,
    /// What the member saw; the name where there is none.
    pub(super) text: Option<Text<'a>>,
    pub(super) required: Option<bool>,
    pub(super) editable: Option<bool>,
    pub(super) max_length: Option<u64>,
    pub(super) options: Vec<Choice<'a>>,
}

/// One option of a question.
pub(super) struct Choice<'a> {
    pub(super) id: Id<'a>,
    pub(super) text: Option<Text<'a>>,
    pub(super) label: Option<Text<'a>>,
}

/// One consent that a form asks for.
pub(super) struct Consent<'a> {
    pub(super) id: Id<'a>,
    /// Unchanged.
    pub(super) text: Option<Text<'a>>,
    pub(super) label: Option<Text<'a>>,
    pub(super) required: Option<bool>,
}

impl<'de: 'a, 'a> serde::Deserialize<'de> for Form<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RawForm::deserialize(deserializer).map(Self::from)
    }
}

/// Takes the text in the form's language.
struct Reader(Option<String>);

impl Reader {
    fn text<'a>(&self, localized: Option<&Localized<'a>>) -> Option<Text<'a>> {
        localized.and_then(|localized| localized.text(self.0.as_deref()).cloned())
    }

    fn question<'a>(&self, raw: RawQuestion<'a>) -> Question<'a> {
        let (text, choice) = raw.details.map_or((None, None), |details| (details.text, details.choice));
        let options = choice.and_then(|choice| choice.options).unwrap_or_default();
        let name = self.text(raw.name.as_ref());
        Question {
            id_text: raw.question_id.to_text(),
            id: raw.question_id,
            label: self.text(raw.label.as_ref()),
            predefined_field: raw.predefined_field,
            text: self.text(raw.question.as_ref()).or_else(|| name.clone()),
            name,
            required: raw.required,
            editable: raw.editable,
            max_length: text.and_then(|text| text.max_length).map(|number| number.0),
            options: options.into_iter().map(|option| self.option(option)).collect(),
        }
    }

    fn option<'a>(&self, raw: RawOption<'a>) -> Choice<'a> {
        Choice { text: self.text(raw.text.as_ref()), label: self.text(raw.label.as_ref()), id: raw.id }
    }

    fn consent<'a>(&self, raw: RawConsent<'a>) -> Consent<'a> {
        Consent {
            text: self.text(raw.consent.as_ref()),
            label: self.text(raw.label.as_ref()),
            required: raw.required,
            id: raw.id,
        }
    }
}

impl<'a> From<RawForm<'a>> for Form<'a> {
    fn from(raw: RawForm<'a>) -> Self {
        let extra = unknown(&raw);
        let locale = raw.creation_locale.and_then(|locale| match (locale.language, locale.country) {
            (Some(language), Some(country)) => Some(format!("{language}_{country}")),
            (Some(language), None) => Some(language.to_string()),
            _ => None,
        });
        let reader = Reader(locale);
        let content = raw.content.unwrap_or_else(Content::nothing);
        let legal = content.legal_info.unwrap_or_else(LegalInfo::nothing);
        let hidden = raw.hidden_fields.unwrap_or_default().into_iter();
        let questions = content.questions.unwrap_or_default().into_iter();
        let consents = legal.consents.unwrap_or_default().into_iter();
        Self {
            id: raw.id.map(|id| id.to_text()),
            version: raw.version_id.map(|id| id.to_text()),
            name: reader.text(raw.name.as_ref()),
            hidden_fields: hidden
                .map(|field| HiddenField {
                    name: field.name.unwrap_or_default(),
                    value: field.value.unwrap_or_default(),
                })
                .collect(),
            questions: questions.map(|question| reader.question(question)).collect(),
            consents: consents.map(|consent| reader.consent(consent)).collect(),
            extra,
            more: More {
                owner: raw.owner.and_then(|owner| owner.value),
                created: raw.created,
                modified: raw.last_modified,
                state: raw.state,
                review: raw.review_info,
                headline: reader.text(content.headline.as_ref()),
                description: reader.text(content.description.as_ref()),
                privacy_policy_url: legal.privacy_policy_url,
                legal_disclaimer: reader.text(legal.legal_disclaimer.as_ref()),
                post_submission: content.post_submission_info,
            },
            locale: reader.0,
        }
    }
}

/// Everything in the form that is not known here.
fn unknown<'a>(form: &RawForm<'a>) -> Extra<'a> {
    let mut extra = form.extra.clone();
    if let Some(owner) = &form.owner {
        extra.push_within("owner".into(), &owner.extra);
    }
    if let Some(locale) = &form.creation_locale {
        extra.push_within("creationLocale".into(), &locale.extra);
    }
    let hidden = form.hidden_fields.iter().flatten();
    extra.push_list(
        "hiddenFields",
        hidden.map(|field| (field.name.clone().unwrap_or_default(), "name", &field.extra)),
    );
    if let Some(content) = &form.content {
        extra.push_within("content".into(), &unknown_content(content));
    }
    extra
}

fn unknown_content<'a>(content: &Content<'a>) -> Extra<'a> {
    let mut extra = content.extra.clone();
    let questions: Vec<_> =
        content.questions.iter().flatten().map(|question| (question, unknown_question(question))).collect();
    extra.push_list(
        "questions",
        questions.iter().map(|(question, extra)| (question.question_id.to_text(), "questionId", extra)),
    );
    if let Some(legal) = &content.legal_info {
        let mut inside = legal.extra.clone();
        let consents = legal.consents.iter().flatten();
        inside.push_list("consents", consents.map(|consent| (consent.id.to_text(), "id", &consent.extra)));
        extra.push_within("legalInfo".into(), &inside);
    }
    extra
}

fn unknown_question<'a>(question: &RawQuestion<'a>) -> Extra<'a> {
    let mut extra = question.extra.clone();
    let Some(details) = &question.details else { return extra };
    let mut inside = details.extra.clone();
    if let Some(text) = &details.text {
        inside.push_within("textQuestionDetails".into(), &text.extra);
    }
    if let Some(choice) = &details.choice {
        let mut choices = choice.extra.clone();
        let options = choice.options.iter().flatten();
        choices.push_list("options", options.map(|option| (option.id.to_text(), "id", &option.extra)));
        inside.push_within("multipleChoiceQuestionDetails".into(), &choices);
    }
    extra.push_within("questionDetails".into(), &inside);
    extra
}

impl Content<'_> {
    fn nothing() -> Self {
        Self {
            headline: None,
            description: None,
            questions: None,
            legal_info: None,
            post_submission_info: None,
            extra: Extra::default(),
        }
    }
}

impl LegalInfo<'_> {
    fn nothing() -> Self {
        Self { privacy_policy_url: None, legal_disclaimer: None, consents: None, extra: Extra::default() }
    }
}
