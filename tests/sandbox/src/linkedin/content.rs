//! What was answered in each response: pure functions of seed and index, written straight into bytes.

use super::directory;
use super::forms::{Form, Forms, Oddities, Question, Topic, option_count};
use super::kind::{Holder, Kind};
use super::population::{Pairing, Population, push_number, push_padded};
use super::wording::{self, Locale};
use crate::chance::{Draw, draw};

/// Longest text answer in characters.
const TEXT_CHARS_MAX: usize = 300;
/// A text of exactly 300 characters is made of this, repeated; it holds characters beyond the BMP.
const TEXT_PATTERN: &str = "Förderhöhe 12 m, 𝟛 bar 🚰; ";
/// Questions per form, at most.
const QUESTIONS_MAX: usize = 16;
/// Campaigns per account.
pub(crate) const CAMPAIGNS: u64 = 3;

/// What was answered in one response, for comparing with what arrived elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedResponse {
    /// Id of the response.
    pub id: String,
    /// Kind of lead.
    pub kind: Kind,
    /// Id of its ad account; 0 where a Page owns it.
    pub account: u64,
    /// Id of its owner: an ad account, or an organization.
    pub owner: u64,
    /// Id of the form.
    pub form: u64,
    /// Version of the form that it was given on.
    pub version: u64,
    /// Whether it is a test lead.
    pub test_lead: bool,
    /// Answer to `EMAIL`, as given: case and blanks vary.
    pub email: String,
    /// Answer to `PHONE_NUMBER`, where the form asked for it and it was given.
    pub phone: Option<String>,
    /// Answer to `FIRST_NAME`.
    pub first_name: String,
    /// Answer to `LAST_NAME`.
    pub last_name: String,
    /// Time of submission in epoch milliseconds.
    pub submitted_at: u64,
}

/// One response: who, on which form, in which of its slice's positions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Submission<'a> {
    pub(crate) population: &'a Population,
    pub(crate) forms: &'a Forms,
    pub(crate) index: u64,
    pub(crate) account: u64,
    pub(crate) form: Form,
    pub(crate) version: u64,
    pub(crate) test: bool,
    pairing: Pairing,
    /// The index of the member's first submission: the member's identity.
    member: u64,
}

impl<'a> Submission<'a> {
    /// The response at a position of an account.
    pub(crate) fn at(
        population: &'a Population,
        forms: &'a Forms,
        account: u64,
        local: u64,
        index: u64,
    ) -> Self {
        let generated = local < population.len_of(account);
        let pairing = if generated { population.pairing(account, local) } else { Pairing::Single };
        let member = match pairing {
            Pairing::Second { first } => population.index(account, first),
            Pairing::Single | Pairing::First { .. } => index,
        };
        // Both submissions of a pair are on the account's first form, which asks for a phone number.
        let ordinal = match pairing {
            Pairing::Single => draw(population.seed, Draw::Form, index) % forms.per_account,
            Pairing::First { .. } | Pairing::Second { .. } => 0,
        };
        let test = generated && population.is_test(account, local);
        let version = version(population, account, local, index);
        Self {
            population,
            forms,
            index,
            account,
            form: Form { account, ordinal },
            version,
            test,
            pairing,
            member,
        }
    }

    fn draw(&self, purpose: Draw) -> u64 {
        draw(self.population.seed, purpose, self.index)
    }

    fn names(&self) -> ((&'static str, &'static str), (&'static str, &'static str)) {
        let hash = draw(self.population.seed, Draw::Name, self.member);
        (wording::pick(&wording::FIRST_NAMES, hash), wording::pick(&wording::LAST_NAMES, hash >> 32))
    }

    /// Who owns the response.
    pub(crate) fn holder(&self) -> Holder {
        Holder::of(self.account, self.population.accounts)
    }

    /// Number of the campaign within the account. A Page has none; there it tells which event.
    pub(crate) fn campaign(&self) -> u64 {
        self.draw(Draw::Campaign) % CAMPAIGNS
    }

    /// The member's opaque id.
    pub(crate) fn push_member(&self, out: &mut Vec<u8>) {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let hash = draw(self.population.seed, Draw::Member, self.member);
        // Six bits are below the length.
        out.extend((0..10).map(|at| LETTERS[(hash >> (6 * at) & 63) as usize]));
    }

    /// Whether the member answered a question.
    fn answered(&self, place: u64, question: &Question) -> bool {
        let paired_phone = question.topic == Topic::PhoneNumber && self.pairing != Pairing::Single;
        question.required || paired_phone || (self.draw(Draw::Optional) >> (3 * place)) & 7 != 0
    }

    /// Appends the array `answers`, in no particular order.
    pub(crate) fn push_answers(&self, odd: Oddities, out: &mut Vec<u8>) {
        let mut asked: [Option<(u64, &Question)>; QUESTIONS_MAX] = [None; QUESTIONS_MAX];
        let mut len = 0;
        for (place, question) in
            self.form.questions(self.version).filter(|(place, q)| self.answered(*place, q))
        {
            // Templates have fewer questions than the array has places.
            asked[len] = Some((place, question));
            len += 1;
        }
        let mut hash = self.draw(Draw::Order);
        for at in (1..len).rev() {
            asked.swap(at, (hash % (at as u64 + 1)) as usize);
            hash /= at as u64 + 1;
        }
        out.push(b'[');
        for (at, (place, question)) in asked.into_iter().flatten().enumerate() {
            out.extend_from_slice(if at == 0 { b"{\"questionId\":" } else { b",{\"questionId\":" });
            push_number(out, self.forms.question_id(self.form, place));
            if odd.unknown_fields {
                out.extend_from_slice(b",\"answeredFrom\":\"PROFILE\"");
            }
            out.extend_from_slice(b",\"answerDetails\":");
            self.push_details(question.topic, odd, out);
            out.push(b'}');
        }
        out.push(b']');
    }

    fn push_details(&self, topic: Topic, odd: Oddities, out: &mut Vec<u8>) {
        // Names, addresses and numbers stay readable, so that every response can still be told from the others.
        let unknown = odd.unknown_answers && matches!(topic, Topic::Text | Topic::City | Topic::CompanySize);
        if unknown && self.draw(Draw::Custom).is_multiple_of(2) {
            out.extend_from_slice(b"{\"sliderAnswer\":{\"value\":7,\"unit\":\"POINTS\"}}");
        } else if topic.has_options() {
            out.extend_from_slice(b"{\"multipleChoiceAnswer\":{\"options\":[");
            self.push_options(topic, out);
            out.extend_from_slice(b"]}}");
        } else {
            out.extend_from_slice(b"{\"textQuestionAnswer\":{\"answer\":");
            self.push_text(topic, out);
            out.extend_from_slice(b"}}");
        }
    }

    fn push_options(&self, topic: Topic, out: &mut Vec<u8>) {
        let (hash, options) = (self.draw(Draw::Custom), option_count(self.version));
        let picked = match topic {
            Topic::MultipleChoice => hash % (1 << options),
            _ => 1 << (hash % options),
        };
        let picked = if picked == 0 { 1 } else { picked };
        let mut first = true;
        for id in (0..options).filter(|id| picked >> id & 1 == 1) {
            if !first {
                out.push(b',');
            }
            first = false;
            push_number(out, id);
        }
    }

    /// Appends the array `consentResponses`. Required consents are always accepted, others not always.
    pub(crate) fn push_consents(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for id in 0..self.form.template().consents {
            if id > 0 {
                out.push(b',');
            }
            let accepted = id == 0 || !self.draw(Draw::Consent).is_multiple_of(3);
            out.extend_from_slice(b"{\"consentId\":");
            push_number(out, id);
            out.extend_from_slice(if accepted { b",\"accepted\":true}" } else { b",\"accepted\":false}" });
        }
        out.push(b']');
    }

    /// Appends an answer as a JSON string.
    fn push_text(&self, topic: Topic, out: &mut Vec<u8>) {
        match topic {
            Topic::Email => quoted(out, |out| self.push_email(out)),
            Topic::WorkEmail => quoted(out, |out| self.push_address(b"+w", b"@work.example.test", out)),
            Topic::PhoneNumber => quoted(out, |out| self.push_phone(out)),
            Topic::WorkPhoneNumber => quoted(out, |out| {
                out.extend_from_slice(b"+49 (0) 711 / ");
                push_padded(out, self.index, 7);
                out.extend_from_slice(b" ext. 4711");
            }),
            Topic::LinkedinProfileLink => quoted(out, |out| {
                out.extend_from_slice(b"https://www.linkedin.example.test/in/member-");
                push_number(out, self.member);
            }),
            Topic::ZipCode => quoted(out, |out| push_padded(out, self.draw(Draw::Facts) % 100_000, 5)),
            topic => push_json(out, &self.plain(topic)),
        }
    }

    /// The answer to a question whose answers come from a table.
    fn plain(&self, topic: Topic) -> std::borrow::Cow<'static, str> {
        let (hash, locale): (u64, Locale) = (self.draw(Draw::Facts), self.form.locale());
        let (first, last) = self.names();
        std::borrow::Cow::Borrowed(match topic {
            Topic::FirstName => first.0,
            Topic::LastName => last.0,
            Topic::City => wording::pick(&wording::CITIES, hash >> 4),
            Topic::State => wording::pick(&wording::STATES, hash >> 8),
            Topic::Country => wording::country(locale, hash >> 12),
            Topic::JobTitle => wording::pick(&wording::JOB_TITLES, hash >> 16),
            Topic::JobFunction => wording::job_function(locale, hash >> 20),
            Topic::Seniority => wording::seniority(locale, hash >> 24),
            Topic::CompanyName => wording::pick(&wording::COMPANIES, hash >> 28),
            Topic::CompanySize => wording::pick(&wording::COMPANY_SIZES, hash >> 32),
            Topic::Industry => wording::industry(locale, hash >> 36),
            _ => return free_text(hash).into(),
        })
    }

    /// Appends `<first>.<last><tag><index>@...`; the member's index, so that a pair shares it.
    fn push_address(&self, tag: &[u8], domain: &[u8], out: &mut Vec<u8>) {
        let (first, last) = self.names();
        for part in [first.1.as_bytes(), b".", last.1.as_bytes(), tag] {
            out.extend_from_slice(part);
        }
        push_padded(out, self.member, 6);
        out.extend_from_slice(domain);
    }

    /// Appends the e-mail answer. One in eight has capitals, one in eight blanks around it; the tag stays as it is.
    fn push_email(&self, out: &mut Vec<u8>) {
        let start = out.len();
        match self.draw(Draw::Style) % 8 {
            0 => {
                self.push_address(b"+i", b"@Example.Test", out);
                let tag = out[start..].iter().position(|byte| *byte == b'+').unwrap_or_default();
                out[start..start + tag].make_ascii_uppercase();
            }
            1 => {
                out.push(b' ');
                self.push_address(b"+i", b"@example.test  ", out);
            }
            _ => self.push_address(b"+i", b"@example.test", out),
        }
    }

    /// Appends the phone answer. Distinct for every response; one in five is longer than 20 characters.
    fn push_phone(&self, out: &mut Vec<u8>) {
        match (self.pairing, self.draw(Draw::Style) >> 8) {
            (Pairing::Second { .. }, _) => {
                out.extend_from_slice(b"+46 70 ");
                push_padded(out, self.index, 7);
            }
            (Pairing::Single, style) if style % 5 == 0 => {
                out.extend_from_slice(b"+49 (0) 30 / ");
                push_padded(out, self.index, 7);
                out.extend_from_slice(b" - ext. 12345");
            }
            (Pairing::Single, style) if style % 5 == 1 => {
                out.extend_from_slice(b"(0171) ");
                push_padded(out, self.index, 8);
            }
            _ => {
                out.extend_from_slice(b"+4930");
                push_padded(out, self.index, 7);
            }
        }
    }

    /// What was answered.
    pub(crate) fn expected(&self, submitted_at: u64) -> ExpectedResponse {
        let text = |push: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            push(&mut out);
            // E-mails and phone numbers are ASCII, so nothing is replaced.
            String::from_utf8_lossy(&out).into_owned()
        };
        let phone = self.form.questions(self.version).find(|(_, q)| q.topic == Topic::PhoneNumber);
        let (first, last) = self.names();
        let (account, owner) = match self.holder() {
            Holder::Account(account) => (directory::account_id(account), directory::account_id(account)),
            Holder::Page(page, _) => (0, directory::organization_id(page)),
        };
        ExpectedResponse {
            id: self.population.id(self.index),
            kind: self.holder().kind(),
            account,
            owner,
            form: self.forms.id(self.form),
            version: self.version,
            test_lead: self.test,
            email: text(&|out| self.push_email(out)),
            phone: phone
                .filter(|(place, q)| self.answered(*place, q))
                .map(|_| text(&|out| self.push_phone(out))),
            first_name: first.0.to_owned(),
            last_name: last.0.to_owned(),
            submitted_at,
        }
    }

    /// The other submission of the member, as a position of the account.
    pub(crate) fn twin(&self) -> Option<u64> {
        match self.pairing {
            Pairing::Single => None,
            Pairing::First { second } => Some(second),
            Pairing::Second { first } => Some(first),
        }
    }
}

/// Older responses were given on the first version of a form, newer ones on the second; in between on either.
fn version(population: &Population, account: u64, local: u64, index: u64) -> u64 {
    let percent = local * 100 / population.len_of(account).max(1);
    match percent {
        0..40 => 1,
        40..60 => 1 + draw(population.seed, Draw::Version, index) % 2,
        _ => 2,
    }
}

/// A free text: one in six has exactly 300 characters, one in six several lines.
fn free_text(hash: u64) -> String {
    match hash % 6 {
        0 => TEXT_PATTERN.chars().cycle().take(TEXT_CHARS_MAX).collect(),
        1 => format!("1. Pumpe\n2. \"Ventil\"\t\r\n<b>{}</b>", hash >> 48),
        _ => format!("Line {} \u{1D7DB} – 5 µm", hash >> 50),
    }
}

/// Appends what `push` writes between quotes; it must write nothing that JSON escapes.
fn quoted(out: &mut Vec<u8>, push: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    push(out);
    out.push(b'"');
}

/// Appends a JSON string.
pub(crate) fn push_json(out: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    const FORMS: Forms = Forms { per_account: 4, accounts: 3, created_ms: 0 };

    fn population(seed: u64) -> Population {
        Population {
            seed,
            responses: 6_000,
            accounts: 3,
            organic_responses: 0,
            organic_slices: 0,
            oldest_ms: 1_000_000,
            anchor_ms: 8_000_000_000,
        }
    }

    fn every(population: &Population) -> impl Iterator<Item = Submission<'_>> {
        (0..population.responses).map(|index| {
            let (account, local) = population.place(index);
            Submission::at(population, &FORMS, account, local, index)
        })
    }

    fn answers(submission: &Submission<'_>) -> Vec<Value> {
        let mut out = Vec::new();
        submission.push_answers(Oddities::default(), &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    fn text_of(answers: &[Value], id: u64) -> Option<String> {
        let answer = answers.iter().find(|answer| answer["questionId"].as_u64() == Some(id))?;
        answer["answerDetails"]["textQuestionAnswer"]["answer"].as_str().map(str::to_owned)
    }

    #[test]
    fn answers_say_what_is_expected_of_them() {
        let population = population(1);
        for submission in every(&population) {
            let (answers, expected) = (answers(&submission), submission.expected(0));
            let by_topic: BTreeMap<_, _> = submission
                .form
                .questions(submission.version)
                .filter_map(|(place, q)| {
                    Some((q.topic.predefined_field()?, FORMS.question_id(submission.form, place)))
                })
                .collect();
            assert_eq!(text_of(&answers, by_topic["EMAIL"]), Some(expected.email));
            assert_eq!(text_of(&answers, by_topic["FIRST_NAME"]), Some(expected.first_name));
            assert_eq!(text_of(&answers, by_topic["LAST_NAME"]), Some(expected.last_name));
            assert_eq!(by_topic.get("PHONE_NUMBER").and_then(|id| text_of(&answers, *id)), expected.phone);
        }
    }

    #[test]
    fn emails_hold_their_own_index_and_pairs_share_it_with_distinct_phones() {
        let population = population(2);
        let mut pairs = 0;
        for submission in every(&population) {
            let expected = submission.expected(0);
            let own = format!("+i{:06}@", submission.index);
            if let Pairing::Second { first } = submission.pairing {
                pairs += 1;
                let twin = population.index(submission.account, first);
                let first = Submission::at(&population, &FORMS, submission.account, first, twin).expected(0);
                let bare = |email: &str| email.trim().to_ascii_lowercase();
                assert_eq!(bare(&expected.email), bare(&first.email));
                assert_eq!(
                    (&expected.first_name, &expected.last_name),
                    (&first.first_name, &first.last_name)
                );
                assert_ne!(expected.phone.as_ref().unwrap(), first.phone.as_ref().unwrap());
            } else {
                assert!(expected.email.contains(&own), "{} {}", expected.email, submission.index);
            }
        }
        assert!(pairs > 100, "{pairs}");
    }

    #[test]
    fn the_awkward_cases_all_occur() {
        let population = population(3);
        let (mut long_phone, mut capital, mut blank) = (0, 0, 0);
        let (mut long_city, mut full_text, mut option_zero, mut unanswered, mut refused) = (0, 0, 0, 0, 0);
        for submission in every(&population) {
            let (expected, answers) = (submission.expected(0), answers(&submission));
            long_phone += usize::from(expected.phone.as_ref().is_some_and(|phone| phone.len() > 20));
            capital += usize::from(expected.email.bytes().any(|b| b.is_ascii_uppercase()));
            blank += usize::from(expected.email.trim() != expected.email);
            let texts: Vec<_> = answers
                .iter()
                .filter_map(|a| {
                    a["answerDetails"]["textQuestionAnswer"]["answer"].as_str().map(|t| t.chars().count())
                })
                .collect();
            assert!(texts.iter().all(|chars| *chars <= 300));
            full_text += usize::from(texts.contains(&300));
            long_city += usize::from(texts.iter().any(|chars| (81..300).contains(chars)));
            option_zero += answers
                .iter()
                .filter(|a| a["answerDetails"]["multipleChoiceAnswer"]["options"][0] == 0)
                .count();
            unanswered += usize::from(answers.len() < submission.form.questions(submission.version).count());
            let mut consents = Vec::new();
            submission.push_consents(&mut consents);
            let consents: Vec<Value> = serde_json::from_slice(&consents).unwrap();
            refused += usize::from(consents.iter().any(|consent| consent["accepted"] == false));
        }
        for (what, count) in [
            ("long phone", long_phone),
            ("capitals", capital),
            ("blanks", blank),
            ("long city", long_city),
            ("300 characters", full_text),
            ("option 0", option_zero),
            ("unanswered", unanswered),
            ("refused consent", refused),
        ] {
            assert!(count > 20, "{what}: {count}");
        }
    }

    #[test]
    fn answers_are_shuffled_and_depend_on_seed_and_index_alone() {
        let (one, two) = (population(4), population(4));
        let mut shuffled = 0;
        for (a, b) in every(&one).zip(every(&two)).take(500) {
            assert_eq!(answers(&a), answers(&b));
            shuffled += usize::from(!answers(&a).iter().map(|x| x["questionId"].as_u64()).is_sorted());
        }
        assert!(shuffled > 400, "{shuffled}");
        let other = population(5);
        assert!(every(&one).zip(every(&other)).take(50).any(|(a, b)| answers(&a) != answers(&b)));
    }
}
