//! The lead forms: which exist, their versions, questions, consents and texts. Pure; answers are in `content`.
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/lead-sync-schema>

use serde_json::{Map, Value, json};

use super::wording::{self, Locale};
use crate::linkedin_faults::OrganicEntity;

/// Versions per form. Older responses were given on the first, newer ones on the last.
pub(crate) const VERSIONS: u64 = 2;
/// Smallest number that a binary64 number cannot hold, plus 40: ids of the large forms start here and are odd.
const LARGE_ID: u64 = (1 << 53) + 41;
const HEADLINES: [&str; 4] = ["Whitepaper", "Demo request", "Newsletter", "Price list"];

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    FirstName,
    LastName,
    Email,
    WorkEmail,
    PhoneNumber,
    WorkPhoneNumber,
    LinkedinProfileLink,
    City,
    State,
    Country,
    ZipCode,
    JobTitle,
    JobFunction,
    Seniority,
    CompanyName,
    CompanySize,
    Industry,
    /// A custom question with one answer out of `wording::options`.
    Choice,
    /// A custom question with several answers.
    MultipleChoice,
    /// A custom question answered in free text.
    Text,
}

impl Topic {
    /// The value of `predefinedField`; custom questions have none.
    pub(crate) fn predefined_field(self) -> Option<&'static str> {
        Some(match self {
            Self::FirstName => "FIRST_NAME",
            Self::LastName => "LAST_NAME",
            Self::Email => "EMAIL",
            Self::WorkEmail => "WORK_EMAIL",
            Self::PhoneNumber => "PHONE_NUMBER",
            Self::WorkPhoneNumber => "WORK_PHONE_NUMBER",
            Self::LinkedinProfileLink => "LINKEDIN_PROFILE_LINK",
            Self::City => "CITY",
            Self::State => "STATE",
            Self::Country => "COUNTRY",
            Self::ZipCode => "ZIP_CODE",
            Self::JobTitle => "JOB_TITLE",
            Self::JobFunction => "JOB_FUNCTION",
            Self::Seniority => "SENIORITY",
            Self::CompanyName => "COMPANY_NAME",
            Self::CompanySize => "COMPANY_SIZE",
            Self::Industry => "INDUSTRY",
            Self::Choice | Self::MultipleChoice | Self::Text => return None,
        })
    }

    pub(crate) fn has_options(self) -> bool {
        matches!(self, Self::Choice | Self::MultipleChoice)
    }
}

/// One question of a template.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) topic: Topic,
    pub(crate) required: bool,
    /// The first version that has the question.
    pub(crate) since: u64,
}

const fn must(topic: Topic) -> Question {
    Question { topic, required: true, since: 1 }
}

const fn may(topic: Topic) -> Question {
    Question { topic, required: false, since: 1 }
}

const fn later(topic: Topic) -> Question {
    Question { topic, required: false, since: 2 }
}

/// A kind of form.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) questions: &'static [Question],
    pub(crate) consents: u64,
    hidden_fields: &'static [(&'static str, &'static str)],
    /// Whether form and question ids lie above 2^53.
    large_ids: bool,
}

/// The first template has the phone number that pairs of submissions differ in; forms 1 to 3 of an account have every
/// documented predefined field between them.
const TEMPLATES: [Template; 4] = [
    Template {
        questions: &[
            must(Topic::FirstName),
            must(Topic::LastName),
            must(Topic::Email),
            may(Topic::PhoneNumber),
            may(Topic::CompanyName),
            may(Topic::JobTitle),
            may(Topic::City),
            may(Topic::Country),
            must(Topic::Choice),
            later(Topic::Text),
        ],
        consents: 2,
        hidden_fields: &[("utm_campaign", "pumps26"), ("utm_source", "linkedin")],
        large_ids: false,
    },
    Template {
        questions: &[
            must(Topic::FirstName),
            must(Topic::LastName),
            must(Topic::Email),
            may(Topic::WorkEmail),
            may(Topic::WorkPhoneNumber),
            may(Topic::LinkedinProfileLink),
            may(Topic::State),
            may(Topic::CompanySize),
            later(Topic::Industry),
        ],
        consents: 0,
        hidden_fields: &[],
        large_ids: false,
    },
    Template {
        questions: &[
            must(Topic::Email),
            must(Topic::FirstName),
            must(Topic::LastName),
            may(Topic::JobFunction),
            may(Topic::Seniority),
            may(Topic::Industry),
            may(Topic::PhoneNumber),
            must(Topic::MultipleChoice),
            later(Topic::City),
        ],
        consents: 1,
        hidden_fields: &[("asset", "price-list \"A\" \u{1F4C4}")],
        large_ids: true,
    },
    Template {
        questions: &[
            must(Topic::LastName),
            must(Topic::FirstName),
            must(Topic::Email),
            may(Topic::Text),
            may(Topic::ZipCode),
            later(Topic::Choice),
        ],
        consents: 1,
        hidden_fields: &[("utm_campaign", "")],
        large_ids: false,
    },
];

/// One form of one slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) account: u64,
    /// Position among the slice's forms.
    pub(crate) ordinal: u64,
}

/// Switches that change how forms and responses look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Oddities {
    pub(crate) unknown_fields: bool,
    pub(crate) unknown_enums: bool,
    pub(crate) unknown_answers: bool,
    pub(crate) unknown_lead_type: bool,
    pub(crate) organic_entity: OrganicEntity,
}

/// The forms of all slices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forms {
    /// Forms of each slice.
    pub(crate) per_account: u64,
    /// Slices of ad accounts and of Pages.
    pub(crate) accounts: u64,
    /// Creation time of every form, epoch milliseconds.
    pub(crate) created_ms: u64,
}

impl Form {
    pub(crate) fn template(self) -> &'static Template {
        // The remainder is below the length.
        &TEMPLATES[(self.ordinal % TEMPLATES.len() as u64) as usize]
    }

    pub(crate) fn locale(self) -> Locale {
        Locale::nth(self.account + self.ordinal)
    }

    /// The questions of a version, each with its place in the template, which its id is made from.
    pub(crate) fn questions(self, version: u64) -> impl Iterator<Item = (u64, &'static Question)> {
        (1..).zip(self.template().questions).filter(move |(_, question)| question.since <= version)
    }
}

impl Forms {
    /// The form's id.
    pub(crate) fn id(&self, form: Form) -> u64 {
        let serial = form.account * self.per_account + form.ordinal;
        if form.template().large_ids { LARGE_ID + 2 * serial } else { 4_400_100 + serial }
    }

    /// The form that has an id.
    pub(crate) fn find(&self, id: u64) -> Option<Form> {
        let serial = if id >= LARGE_ID { (id - LARGE_ID) / 2 } else { id.checked_sub(4_400_100)? };
        let form = Form { account: serial / self.per_account, ordinal: serial % self.per_account };
        (form.account < self.accounts && self.id(form) == id).then_some(form)
    }

    /// The id of the question at a place of the template.
    pub(crate) fn question_id(&self, form: Form, place: u64) -> u64 {
        place * 100_000_000 + self.id(form)
    }

    /// A number for each form version, from 0 on without gaps.
    pub(crate) fn slot(&self, form: Form, version: u64) -> usize {
        ((form.account * self.per_account + form.ordinal) * VERSIONS + version - 1) as usize
    }

    /// Number of form versions.
    pub(crate) fn slots(&self) -> usize {
        (self.accounts * self.per_account * VERSIONS) as usize
    }

    pub(crate) fn name(form: Form) -> String {
        let headline = HEADLINES.get(form.ordinal as usize % HEADLINES.len()).copied().unwrap_or_default();
        format!("{headline} {} / {}", form.account + 1, form.ordinal + 1)
    }

    /// The complete `leadForms` object of a version; `owner` is the union that names its owner.
    pub(crate) fn object(&self, form: Form, version: u64, owner: &Value, odd: Oddities) -> Value {
        let (id, locale) = (self.id(form), form.locale());
        let mut object = json!({
            "id": id,
            "versionId": version,
            "name": Self::name(form),
            "owner": owner,
            "creationLocale": {"country": locale.country(), "language": locale.language()},
            "created": self.created_ms,
            "lastModified": self.created_ms + (version - 1) * 86_400_000,
            "state": if odd.unknown_enums && form.ordinal == 0 { "PUBLISHED_ELSEWHERE" } else { "PUBLISHED" },
            "hiddenFields": form.template().hidden_fields.iter()
                .map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
            "content": self.content(form, version, odd),
        });
        if form.ordinal.is_multiple_of(2) {
            object["reviewInfo"] = json!({"reviewStatus": "NEEDS_REVIEW", "rejectionReasons": [], "lastUpdated": self.created_ms + 500_000});
        }
        if odd.unknown_fields {
            object["audienceSketch"] = json!({"size": 12, "tags": ["a"]});
        }
        object
    }

    fn content(&self, form: Form, version: u64, odd: Oddities) -> Value {
        let locale = form.locale();
        let text = |text: &str| json!({"localized": {locale.key(): text}});
        let mut custom = 0;
        let questions: Vec<Value> = form
            .questions(version)
            .map(|(place, question)| {
                let value = self.question(form, version, place, question, custom, odd);
                custom += u64::from(question.topic.predefined_field().is_none());
                value
            })
            .collect();
        let consents: Vec<Value> = (0..form.template().consents)
            .map(|id| json!({"id": id, "checkRequired": id == 0, "consent": text(wording::consent(locale, id))}))
            .collect();
        json!({
            "headline": text(wording::headline(locale)),
            "description": text(wording::description(locale)),
            "questions": questions,
            "postSubmissionInfo": {
                "message": text(wording::thanks(locale)),
                "callToAction": {
                    "callToActionLabel": "VISIT_COMPANY_WEBSITE",
                    "callToActionTarget": {"landingPageUrl": "https://www.example.test/pumps"},
                },
            },
            "legalInfo": {
                "legalInfoId": self.question_id(form, 1),
                "privacyPolicyUrl": "https://www.example.test/privacy",
                "legalDisclaimer": text(wording::disclaimer(locale)),
                "consents": consents,
            },
        })
    }

    fn question(
        &self,
        form: Form,
        version: u64,
        place: u64,
        question: &Question,
        custom: u64,
        odd: Oddities,
    ) -> Value {
        let locale = form.locale();
        let mut value = Map::new();
        value.insert("questionId".into(), self.question_id(form, place).into());
        let field = question.topic.predefined_field();
        // Names are in the creator's language, which here is always English; custom questions are only numbered.
        let name = field.map_or_else(
            || format!("Custom question {custom}"),
            |_| wording::label(Locale::EN, question.topic).to_owned(),
        );
        value.insert("name".into(), name.into());
        // A new version words its questions anew; a blank at the end is kept, as the real service keeps it.
        let words = wording::label(locale, question.topic);
        let words = if version > 1 && field.is_none() { format!("{words} ") } else { words.to_owned() };
        value.insert("question".into(), json!({"localized": {locale.key(): words}}));
        if let Some(field) = field {
            let odd_field = odd.unknown_enums && question.topic == Topic::JobTitle;
            value.insert(
                "predefinedField".into(),
                if odd_field { "JOB_TITLE_ELSEWHERE" } else { field }.into(),
            );
        }
        value.insert("responseRequired".into(), question.required.into());
        value.insert("responseEditable".into(), true.into());
        value.insert("questionDetails".into(), Self::details(locale, version, question.topic));
        if odd.unknown_fields {
            value.insert("placement".into(), "ABOVE_FOLD".into());
        }
        Value::Object(value)
    }

    fn details(locale: Locale, version: u64, topic: Topic) -> Value {
        if !topic.has_options() {
            return json!({"textQuestionDetails": {"maxResponseLength": 300}});
        }
        let options: Vec<Value> = (0..option_count(version))
            .map(|id| json!({"id": id, "text": {"localized": {locale.key(): wording::option(locale, id)}}}))
            .collect();
        json!({"multipleChoiceQuestionDetails": {"options": options}})
    }
}

/// Options of a choice question; the second version adds one.
pub(crate) fn option_count(version: u64) -> u64 {
    2 + version
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const FORMS: Forms = Forms { per_account: 4, accounts: 3, created_ms: 1_700_000_000_000 };

    fn all() -> impl Iterator<Item = Form> {
        (0..3).flat_map(|account| (0..4).map(move |ordinal| Form { account, ordinal }))
    }

    #[test]
    fn every_form_asks_for_names_and_email_and_together_for_every_documented_field() {
        let mut fields = BTreeSet::new();
        for form in all() {
            let asked: Vec<_> = form.questions(1).filter_map(|(_, q)| q.topic.predefined_field()).collect();
            for field in ["FIRST_NAME", "LAST_NAME", "EMAIL"] {
                assert!(asked.contains(&field), "{form:?} {field}");
            }
            fields.extend(asked);
            fields.extend(form.questions(2).filter_map(|(_, q)| q.topic.predefined_field()));
        }
        let documented = [
            "FIRST_NAME",
            "LAST_NAME",
            "EMAIL",
            "WORK_EMAIL",
            "PHONE_NUMBER",
            "WORK_PHONE_NUMBER",
            "LINKEDIN_PROFILE_LINK",
            "CITY",
            "STATE",
            "COUNTRY",
            "JOB_TITLE",
            "JOB_FUNCTION",
            "SENIORITY",
            "COMPANY_NAME",
            "COMPANY_SIZE",
            "INDUSTRY",
        ];
        for field in documented {
            assert!(fields.contains(field), "{field}");
        }
    }

    #[test]
    fn ids_are_distinct_lead_back_and_some_do_not_fit_a_float() {
        let mut ids = BTreeSet::new();
        for form in all() {
            let id = FORMS.id(form);
            assert!(ids.insert(id));
            assert_eq!(FORMS.find(id), Some(form));
            for (place, _) in form.questions(2) {
                assert!(ids.insert(FORMS.question_id(form, place)));
            }
        }
        assert!(ids.iter().any(|id| *id as f64 as u64 != *id));
        assert_eq!(FORMS.find(1), None);
        assert_eq!(FORMS.find(4_400_100 + 12), None);
    }

    #[test]
    fn versions_differ_and_locales_are_several() {
        let locales: BTreeSet<_> = all().map(|form| form.locale().key()).collect();
        assert!(locales.len() >= 3);
        for form in all() {
            let object = |version| FORMS.object(form, version, &json!({}), Oddities::default());
            assert_ne!(object(1)["content"]["questions"], object(2)["content"]["questions"], "{form:?}");
            assert_eq!(object(2)["versionId"], 2);
        }
    }

    #[test]
    fn option_and_consent_ids_start_at_zero_and_empty_lists_are_sent() {
        let object = FORMS.object(Form { account: 0, ordinal: 0 }, 1, &json!({}), Oddities::default());
        assert_eq!(object["content"]["legalInfo"]["consents"][0]["id"], 0);
        let choice = object["content"]["questions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|q| q.get("predefinedField").is_none());
        assert_eq!(
            choice.unwrap()["questionDetails"]["multipleChoiceQuestionDetails"]["options"][0]["id"],
            0
        );
        let bare = FORMS.object(Form { account: 0, ordinal: 1 }, 1, &json!({}), Oddities::default());
        assert_eq!(bare["hiddenFields"], json!([]));
        assert_eq!(bare["content"]["legalInfo"]["consents"], json!([]));
        assert!(bare.get("reviewInfo").is_none());
    }

    #[test]
    fn oddities_show_only_when_switched_on() {
        let form = Form { account: 0, ordinal: 0 };
        let plain = FORMS.object(form, 1, &json!({}), Oddities::default()).to_string();
        let odd = FORMS
            .object(
                form,
                1,
                &json!({}),
                Oddities { unknown_fields: true, unknown_enums: true, ..Oddities::default() },
            )
            .to_string();
        for word in ["audienceSketch", "placement", "JOB_TITLE_ELSEWHERE", "PUBLISHED_ELSEWHERE"] {
            assert!(odd.contains(word) && !plain.contains(word), "{word}");
        }
    }
}
