//! From a response to a lead: the same fields into the same columns as the connector's default mapping.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// As in the connector, so that both give a response's lead the same key.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_2a52_8c0e_4b7d_9a43_2f6e_1c9b_7d10);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    test_lead: bool,
    #[serde(borrow)]
    versioned_lead_gen_form_urn: Cow<'a, str>,
    #[serde(borrow)]
    form_response: FormResponse<'a>,
    #[serde(borrow)]
    form: &'a RawValue,
}

#[derive(Deserialize)]
struct FormResponse<'a> {
    #[serde(borrow)]
    answers: Vec<Answer<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    question_id: u64,
    #[serde(borrow)]
    answer_details: Details<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Details<'a> {
    TextQuestionAnswer {
        #[serde(borrow)]
        answer: Cow<'a, str>,
    },
    MultipleChoiceAnswer {
        options: Vec<u64>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Localized {
    Plain(String),
    ByLocale { localized: BTreeMap<String, String> },
}

impl Localized {
    fn text(self) -> String {
        match self {
            Self::Plain(text) => text,
            Self::ByLocale { localized } => localized.into_values().next().unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct RawForm {
    name: String,
    content: Content,
}

#[derive(Deserialize)]
struct Content {
    questions: Vec<RawQuestion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawQuestion {
    question_id: u64,
    question: Localized,
    predefined_field: Option<String>,
    question_details: Option<QuestionDetails>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QuestionDetails {
    multiple_choice_question_details: Option<Choices>,
}

#[derive(Deserialize)]
struct Choices {
    options: Vec<RawOption>,
}

#[derive(Deserialize)]
struct RawOption {
    id: u64,
    text: Localized,
}

/// A form, once for all its responses.
pub(super) struct Form {
    name: String,
    questions: HashMap<u64, Question>,
}

struct Question {
    text: String,
    field: Option<String>,
    options: HashMap<u64, String>,
}

impl From<RawForm> for Form {
    fn from(raw: RawForm) -> Self {
        let question = |raw: RawQuestion| {
            let choices = raw.question_details.and_then(|details| details.multiple_choice_question_details);
            let options = choices.map_or_else(Vec::new, |choices| choices.options);
            let options = options.into_iter().map(|option| (option.id, option.text.text())).collect();
            (raw.question_id, Question { text: raw.question.text(), field: raw.predefined_field, options })
        };
        Self { name: raw.name, questions: raw.content.questions.into_iter().map(question).collect() }
    }
}

/// A lead's key and its row as JSON.
pub(super) struct Lead {
    pub(super) id: Uuid,
    pub(super) row: Vec<u8>,
}

type Cell<'a> = Option<Cow<'a, str>>;

#[derive(Serialize, Default)]
struct Row<'a> {
    #[serde(rename = "@odata.type")]
    kind: &'static str,
    leadid: String,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    firstname: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lastname: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emailaddress1: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emailaddress2: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mobilephone: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    telephone1: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    websiteurl: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address1_city: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address1_stateorprovince: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address1_country: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address1_postalcode: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobtitle: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    companyname: Cell<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    numberofemployees: Option<u32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    leadsourcecode: u32,
}

impl Response<'_> {
    pub(super) fn is_test(&self) -> bool {
        self.test_lead
    }

    /// The lead; its form is parsed unless it was met before.
    pub(super) fn lead(&self, forms: &mut HashMap<String, Form>) -> Result<Lead, serde_json::Error> {
        if !forms.contains_key(&*self.versioned_lead_gen_form_urn) {
            let raw: RawForm = serde_json::from_str(self.form.get())?;
            forms.insert(self.versioned_lead_gen_form_urn.to_string(), raw.into());
        }
        let form = forms.get(&*self.versioned_lead_gen_form_urn);
        let id = Uuid::new_v5(&NAMESPACE, self.id.as_bytes());
        let mut row = Row {
            kind: "Microsoft.Dynamics.CRM.lead",
            leadid: id.to_string(),
            subject: format!("LinkedIn: {}", form.map_or("", |form| &form.name)),
            leadsourcecode: 8,
            ..Row::default()
        };
        for answer in &self.form_response.answers {
            let question = form.and_then(|form| form.questions.get(&answer.question_id));
            row.take(question, answer.text(question));
        }
        Ok(Lead { id, row: serde_json::to_vec(&row)? })
    }
}

impl<'a> Answer<'a> {
    fn text(&'a self, question: Option<&'a Question>) -> Cow<'a, str> {
        match &self.answer_details {
            Details::TextQuestionAnswer { answer } => Cow::Borrowed(answer.trim()),
            Details::MultipleChoiceAnswer { options } => {
                let text = |id| question.and_then(|question| question.options.get(id));
                let texts: Vec<&str> = options.iter().filter_map(text).map(String::as_str).collect();
                match texts.as_slice() {
                    [only] => Cow::Borrowed(*only),
                    texts => Cow::Owned(texts.join("; ")),
                }
            }
        }
    }
}

impl<'a> Row<'a> {
    /// Puts one answer where it belongs. In the documented order of questions, which is that of the forms here.
    fn take(&mut self, question: Option<&'a Question>, text: Cow<'a, str>) {
        if text.is_empty() {
            return;
        }
        let place = match question.and_then(|question| question.field.as_deref()).unwrap_or_default() {
            "FIRST_NAME" => Some((&mut self.firstname, 50)),
            "LAST_NAME" => Some((&mut self.lastname, 50)),
            "EMAIL" => Some((&mut self.emailaddress1, 100)),
            "WORK_EMAIL" if self.emailaddress1.is_none() => Some((&mut self.emailaddress1, 100)),
            "WORK_EMAIL" => Some((&mut self.emailaddress2, 100)),
            "PHONE_NUMBER" => Some((&mut self.mobilephone, 20)),
            "WORK_PHONE_NUMBER" => Some((&mut self.telephone1, 50)),
            "COMPANY_WEBSITE" | "LINKEDIN_PROFILE_LINK" if self.websiteurl.is_none() => {
                Some((&mut self.websiteurl, 200))
            }
            "CITY" => Some((&mut self.address1_city, 80)),
            "STATE" => Some((&mut self.address1_stateorprovince, 50)),
            "COUNTRY" => Some((&mut self.address1_country, 80)),
            "ZIP_CODE" => Some((&mut self.address1_postalcode, 20)),
            "JOB_TITLE" => Some((&mut self.jobtitle, 100)),
            "COMPANY_NAME" => Some((&mut self.companyname, 100)),
            "COMPANY_SIZE" => {
                self.numberofemployees = lower_bound(&text);
                None
            }
            _ => {
                self.describe(question, &text);
                None
            }
        };
        if let Some((cell, max)) = place {
            *cell = Some(cut(text, max));
        }
    }

    fn describe(&mut self, question: Option<&Question>, text: &str) {
        if !self.description.is_empty() {
            self.description.push('\n');
        }
        self.description.push_str(question.map_or("", |question| &question.text));
        self.description.push_str(": ");
        self.description.push_str(text);
    }
}

/// The first number of a band such as `10,001+`.
fn lower_bound(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(text.len());
    text.get(..end)?.replace(',', "").parse().ok()
}

/// At most `max` UTF-16 units, the unit in which columns are measured.
fn cut(text: Cow<'_, str>, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return text;
    }
    let mut units = 0;
    let fits = |character: &char| {
        units += character.len_utf16();
        units <= max
    };
    let kept: String = text.chars().take_while(fits).collect();
    if kept.len() == text.len() { text } else { Cow::Owned(kept) }
}
