//! A lead form as it stood when the member filled it in: the texts that give answers their meaning.

use serde::Deserialize;

use crate::record::HiddenField;
use crate::text::Text;

use super::wire::{Id, Localized};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawForm<'a> {
    #[serde(borrow)]
    id: Option<Id<'a>>,
    #[serde(borrow)]
    version_id: Option<Id<'a>>,
    #[serde(borrow)]
    name: Option<Localized<'a>>,
    #[serde(borrow)]
    creation_locale: Option<Locale<'a>>,
    #[serde(borrow, default)]
    hidden_fields: Option<Vec<RawHidden<'a>>>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
}

#[derive(Deserialize)]
struct Locale<'a> {
    #[serde(borrow)]
    country: Option<Text<'a>>,
    #[serde(borrow)]
    language: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct RawHidden<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    #[serde(borrow, default)]
    questions: Option<Vec<RawQuestion<'a>>>,
    #[serde(borrow)]
    legal_info: Option<LegalInfo<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawQuestion<'a> {
    #[serde(borrow)]
    question_id: Id<'a>,
    #[serde(borrow)]
    name: Option<Localized<'a>>,
    #[serde(borrow)]
    question: Option<Localized<'a>>,
    #[serde(borrow)]
    predefined_field: Option<Text<'a>>,
    #[serde(borrow)]
    question_details: Option<QuestionDetails<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QuestionDetails<'a> {
    #[serde(borrow)]
    multiple_choice_question_details: Option<ChoiceDetails<'a>>,
}

#[derive(Deserialize)]
struct ChoiceDetails<'a> {
    #[serde(borrow, default)]
    options: Vec<RawOption<'a>>,
}

#[derive(Deserialize)]
struct RawOption<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(borrow)]
    text: Option<Localized<'a>>,
}

#[derive(Deserialize)]
struct LegalInfo<'a> {
    #[serde(borrow, default)]
    consents: Option<Vec<RawConsent<'a>>>,
}

#[derive(Deserialize)]
struct RawConsent<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(borrow)]
    consent: Option<Localized<'a>>,
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
    /// Consent ids with their texts, unchanged.
    pub(super) consents: Vec<(Id<'a>, Option<Text<'a>>)>,
}

/// One question of a form.
pub(super) struct Question<'a> {
    pub(super) id: Id<'a>,
    pub(super) id_text: Text<'a>,
    pub(super) predefined_field: Option<Text<'a>>,
    pub(super) text: Option<Text<'a>>,
    pub(super) options: Vec<(Id<'a>, Option<Text<'a>>)>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Form<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RawForm::deserialize(deserializer).map(Self::from)
    }
}

impl<'a> From<RawForm<'a>> for Form<'a> {
    fn from(raw: RawForm<'a>) -> Self {
        let locale = raw.creation_locale.and_then(|locale| match (locale.language, locale.country) {
            (Some(language), Some(country)) => Some(format!("{language}_{country}")),
            (Some(language), None) => Some(language.to_string()),
            _ => None,
        });
        let text = |localized: &Option<Localized<'a>>| {
            localized.as_ref().and_then(|localized| localized.text(locale.as_deref()).cloned())
        };
        let (questions, consents) = raw.content.map_or_else(Default::default, |content| {
            (
                content.questions.unwrap_or_default(),
                content.legal_info.and_then(|legal| legal.consents).unwrap_or_default(),
            )
        });
        let questions = questions.into_iter().map(|raw| Question::new(raw, &text)).collect();
        let consents = consents.into_iter().map(|raw| (raw.id, text(&raw.consent))).collect();
        let hidden = raw.hidden_fields.unwrap_or_default().into_iter();
        Self {
            id: raw.id.map(|id| id.to_text()),
            version: raw.version_id.map(|id| id.to_text()),
            name: text(&raw.name),
            hidden_fields: hidden
                .filter_map(|field| {
                    Some(HiddenField { name: field.name?, value: field.value.unwrap_or_default() })
                })
                .collect(),
            questions,
            consents,
            locale,
        }
    }
}

impl<'a> Question<'a> {
    fn new(raw: RawQuestion<'a>, text: &impl Fn(&Option<Localized<'a>>) -> Option<Text<'a>>) -> Self {
        let choices = raw.question_details.and_then(|details| details.multiple_choice_question_details);
        let options = choices.map_or_else(Vec::new, |choices| choices.options);
        Self {
            id_text: raw.question_id.to_text(),
            id: raw.question_id,
            predefined_field: raw.predefined_field,
            text: text(&raw.question).or_else(|| text(&raw.name)),
            options: options.into_iter().map(|option| (option.id, text(&option.text))).collect(),
        }
    }
}
