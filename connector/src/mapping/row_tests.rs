use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{Column, OverLong, Problem, Settings, Table, Template};
use super::*;
use crate::extra::Extra;
use crate::record::Form;
use crate::text::Text;

fn text(name: &str, max_length: usize) -> Column {
    Column { name: name.to_owned(), kind: Kind::Text { max_length }, writable: true }
}

fn table() -> Table {
    let texts = [
        ("subject", 300),
        ("firstname", 50),
        ("lastname", 50),
        ("emailaddress1", 100),
        ("emailaddress2", 100),
        ("mobilephone", 20),
        ("telephone1", 50),
        ("companyname", 100),
        ("jobtitle", 100),
        ("websiteurl", 200),
        ("address1_city", 80),
        ("address1_stateorprovince", 50),
        ("address1_country", 80),
        ("address1_postalcode", 20),
        ("description", 2000),
        ("new_industry", 10),
    ];
    let mut columns: Vec<Column> = texts.map(|(name, max)| text(name, max)).into();
    let kind = Kind::Integer { min: 0, max: 1_000_000 };
    columns.push(Column { name: "numberofemployees".to_owned(), kind, writable: true });
    let kind = Kind::Choice { values: vec![1, 8] };
    columns.push(Column { name: "leadsourcecode".to_owned(), kind, writable: true });
    Table::new(columns)
}

fn settings(columns: &[(&str, &str)], over_long: OverLong) -> Settings {
    Settings {
        columns: columns.iter().map(|(field, column)| ((*field).to_owned(), (*column).to_owned())).collect(),
        subject: Template::parse("LinkedIn: {form}").unwrap(),
        lead_source: Some(8),
        over_long,
    }
}

fn answer<'a>(id: &'a str, field: Option<&'a str>, question: Option<&'a str>, text: &'a str) -> Answer<'a> {
    Answer {
        question_id: id.into(),
        predefined_field: field.map(Text::from),
        question: question.map(Text::from),
        text: text.into(),
        options: Vec::new(),
        extra: Extra::default(),
    }
}

fn response<'a>(answers: Vec<Answer<'a>>) -> LeadResponse<'a> {
    LeadResponse {
        id: "r-1".into(),
        submitted_at_ms: 0,
        kind: "SPONSORED".into(),
        test: false,
        owner: Named { urn: "urn:li:sponsoredAccount:1".into(), name: None },
        form: Form {
            id: "7".into(),
            version: "1".into(),
            name: Some("Pumps".into()),
            locale: None,
            hidden_fields: Vec::new(),
            extra: Extra::default(),
        },
        campaign: None,
        campaign_group: None,
        creative: None,
        associated_entity: None,
        submitter: None,
        source_url: None,
        answers,
        consents: Vec::new(),
        extra: Extra::default(),
    }
}

type Mapped = (BTreeMap<String, String>, Vec<String>);

/// Columns as text, and notes.
fn mapped(settings: &Settings, answers: Vec<Answer<'_>>) -> Result<Mapped, Rejection> {
    let (rules, problems) = Rules::compile(settings, &table());
    assert_eq!(problems, []);
    let response = response(answers);
    let row = map(&response, &rules)?;
    let columns = row.columns().map(|(name, value)| {
        let value = match value {
            Value::Text(text) => text.to_string(),
            Value::Integer(number) => number.to_string(),
        };
        (name.to_owned(), value)
    });
    let columns = columns.collect();
    Ok((columns, row.into_notes()))
}

/// What profile fields become under the defaults, without the constant columns.
fn by_default(answers: &[(&str, &str)]) -> Mapped {
    let answers = answers.iter().map(|(field, text)| answer("1", Some(field), None, text)).collect();
    let (mut columns, notes) = mapped(&settings(&[], OverLong::Cut), answers).unwrap();
    assert_eq!(columns.remove("subject").as_deref(), Some("LinkedIn: Pumps"));
    assert_eq!(columns.remove("leadsourcecode").as_deref(), Some("8"));
    (columns, notes)
}

fn columns(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn every_field_has_its_place() {
    let table = [
        ("FIRST_NAME", "firstname"),
        ("LAST_NAME", "lastname"),
        ("EMAIL", "emailaddress1"),
        ("EMAIL_ADDRESS", "emailaddress1"),
        ("WORK_EMAIL", "emailaddress1"),
        ("PHONE_NUMBER", "mobilephone"),
        ("MOBILE_PHONE_NUMBER", "mobilephone"),
        ("WORK_PHONE_NUMBER", "telephone1"),
        ("LINKEDIN_PROFILE_LINK", "websiteurl"),
        ("LINKEDIN_PROFILE_URL", "websiteurl"),
        ("COMPANY_WEBSITE", "websiteurl"),
        ("CITY", "address1_city"),
        ("STATE", "address1_stateorprovince"),
        ("COUNTRY", "address1_country"),
        ("ZIP_CODE", "address1_postalcode"),
        ("POSTAL_CODE", "address1_postalcode"),
        ("JOB_TITLE", "jobtitle"),
        ("COMPANY_NAME", "companyname"),
    ];
    for (field, column) in table {
        assert_eq!(by_default(&[(field, " x ")]), (columns(&[(column, "x")]), Vec::new()), "{field}");
    }
}

#[test]
fn what_has_no_column_is_kept_in_words() {
    let unmapped = [
        "JOB_FUNCTION",
        "SENIORITY",
        "INDUSTRY",
        "DEGREE",
        "FIELD_OF_STUDY",
        "SCHOOL",
        "START_DATE",
        "GRADUATION_DATE",
        "FULL_NAME",
        "SOMETHING_NEW",
    ];
    for field in unmapped {
        let expected = format!("{field}: x");
        assert_eq!(
            by_default(&[(field, "x")]),
            (columns(&[("description", &expected)]), Vec::new()),
            "{field}"
        );
    }
}

#[test]
fn gender_is_left_out_and_said_so_unless_it_is_mapped() {
    let (found, notes) = by_default(&[("GENDER", "x")]);
    assert_eq!((found.len(), notes.len()), (0, 1));
    let answers = vec![answer("1", Some("GENDER"), None, "x")];
    let (found, notes) = mapped(&settings(&[("GENDER", "description")], OverLong::Cut), answers).unwrap();
    assert_eq!((found["description"].as_str(), notes.len()), ("GENDER: x", 0));
}

#[test]
fn fields_that_share_columns() {
    let late_first = [("WORK_EMAIL", "w"), ("PHONE_NUMBER", "1"), ("LINKEDIN_PROFILE_LINK", "l")];
    let rest = [("EMAIL", "e"), ("WORK_PHONE_NUMBER", "2"), ("COMPANY_WEBSITE", "c")];
    let (found, notes) = by_default(&[late_first, rest].concat());
    let expected = [
        ("emailaddress1", "e"),
        ("emailaddress2", "w"),
        ("mobilephone", "1"),
        ("telephone1", "2"),
        ("websiteurl", "c"),
        ("description", "LINKEDIN_PROFILE_LINK: l"),
    ];
    assert_eq!((found, notes.len()), (columns(&expected), 0));
    let (found, _) = by_default(&[("EMAIL", "a"), ("EMAIL_ADDRESS", "b")]);
    assert_eq!(found, columns(&[("emailaddress1", "a"), ("description", "EMAIL_ADDRESS: b")]));
}

#[test]
fn a_long_phone_takes_the_other_column_if_it_fits_there() {
    let long = "+49 30 1234567890 ext. 12";
    let (found, notes) = by_default(&[("PHONE_NUMBER", long)]);
    assert_eq!(found, columns(&[("telephone1", long)]));
    assert_eq!(notes, ["mobilephone: longer than 20 characters; kept in telephone1"]);
    let (found, notes) = by_default(&[("PHONE_NUMBER", long), ("WORK_PHONE_NUMBER", "1")]);
    assert_eq!(found, columns(&[("telephone1", "1"), ("mobilephone", "+49 30 1234567890 ex")]));
    assert_eq!(notes, ["mobilephone: cut to 20 characters"]);
    let endless = "1".repeat(60);
    let (found, _) = by_default(&[("PHONE_NUMBER", &endless)]);
    assert_eq!(found, columns(&[("mobilephone", &"1".repeat(20))]));
}

#[test]
fn company_size_is_its_lower_bound_and_nothing_is_lost() {
    let (found, notes) = by_default(&[("COMPANY_SIZE", "10,001+")]);
    let expected = [("numberofemployees", "10001"), ("description", "COMPANY_SIZE: 10,001+")];
    assert_eq!((found, notes.len()), (columns(&expected), 0));
    assert_eq!(by_default(&[("COMPANY_SIZE", "12")]), (columns(&[("numberofemployees", "12")]), Vec::new()));
    let (found, notes) = by_default(&[("COMPANY_SIZE", "Self-employed")]);
    assert_eq!(found, columns(&[("description", "COMPANY_SIZE: Self-employed")]));
    assert_eq!(notes, ["numberofemployees: no whole number; kept in the description"]);
    let (found, notes) = by_default(&[("COMPANY_SIZE", "1000001")]);
    assert_eq!(found, columns(&[("description", "COMPANY_SIZE: 1000001")]));
    assert_eq!(notes, ["numberofemployees: not between 0 and 1000000; kept in the description"]);
}

#[test]
fn empty_answers_are_no_answers() {
    assert_eq!(by_default(&[("LAST_NAME", "  "), ("SENIORITY", "\t")]), (columns(&[]), Vec::new()));
}

#[test]
fn questions_are_told_as_the_member_saw_them() {
    let answers = vec![
        answer("1", Some("WORK_EMAIL"), None, "w"),
        answer("2", None, Some(" Budget: "), " 10 "),
        answer("3", Some("SENIORITY"), Some("Ebene"), "Leitung"),
        answer("4", None, None, "x"),
    ];
    let columns = [("WORK_EMAIL", "description")];
    let (found, _) = mapped(&settings(&columns, OverLong::Cut), answers).unwrap();
    assert_eq!(found["description"], "WORK_EMAIL: w\nBudget: 10\nEbene: Leitung\nQuestion 4: x");
}

#[test]
fn the_configuration_goes_before_the_defaults() {
    let answers = || {
        vec![
            answer("1", Some("INDUSTRY"), None, "Pumps and valves"),
            answer("2", Some("CITY"), None, "Kiel"),
            answer("3", Some("WORK_EMAIL"), None, "w"),
            answer("4", Some("JOB_TITLE"), None, "12"),
        ]
    };
    let chosen = [
        ("INDUSTRY", "new_industry"),
        ("CITY", ""),
        ("WORK_EMAIL", "emailaddress2"),
        ("JOB_TITLE", "numberofemployees"),
    ];
    let (found, notes) = mapped(&settings(&chosen, OverLong::Cut), answers()).unwrap();
    assert_eq!(found["new_industry"], "Pumps and ");
    assert_eq!(found["description"], "CITY: Kiel");
    assert_eq!((found["emailaddress2"].as_str(), found.get("emailaddress1")), ("w", None));
    assert_eq!(found["numberofemployees"], "12");
    assert_eq!(notes, ["new_industry: cut to 10 characters"]);
    let rejection = mapped(&settings(&chosen, OverLong::Reject), answers()).unwrap_err();
    assert_eq!(rejection.code, "too_long");
    assert!(
        rejection.message.starts_with("new_industry takes at most 10 characters"),
        "{}",
        rejection.message
    );
}

#[test]
fn descriptions_obey_the_policy_too() {
    let long = "x".repeat(2000);
    let answers = || vec![answer("1", Some("SENIORITY"), None, &long)];
    let (found, notes) = mapped(&settings(&[], OverLong::Cut), answers()).unwrap();
    assert_eq!(found["description"].len(), 2000);
    assert_eq!(notes, ["description: cut to 2000 characters"]);
    assert_eq!(mapped(&settings(&[], OverLong::Reject), answers()).unwrap_err().code, "too_long");
}

#[test]
fn defaults_that_the_table_lacks_are_warnings_and_lose_nothing() {
    let table = Table::new(vec![text("description", 100), text("lastname", 50)]);
    let mut settings = settings(&[], OverLong::Cut);
    settings.lead_source = None;
    let (rules, problems) = Rules::compile(&settings, &table);
    assert!(problems.iter().all(|problem: &Problem| !problem.fatal && problem.path.is_empty()));
    let response =
        response(vec![answer("1", Some("CITY"), None, "Kiel"), answer("2", Some("LAST_NAME"), None, "B")]);
    let row = map(&response, &rules).unwrap();
    assert_eq!(row.columns().map(|(name, _)| name).collect::<Vec<_>>(), ["lastname", "description"]);
}

const FIELDS: [&str; 12] = [
    "FIRST_NAME",
    "EMAIL",
    "WORK_EMAIL",
    "PHONE_NUMBER",
    "WORK_PHONE_NUMBER",
    "COMPANY_SIZE",
    "LINKEDIN_PROFILE_LINK",
    "CITY",
    "ZIP_CODE",
    "SENIORITY",
    "GENDER",
    "COMPANY_WEBSITE",
];

proptest! {
    /// Whatever is answered: every column fits, every answer is somewhere or a note says that it was cut or left out,
    /// and no note shows an answer.
    #[test]
    fn no_answer_is_lost_silently(
        given in prop::collection::vec((0_usize..13, "[a-z\u{1f600}]{0,4}[0-9]{0,3}[a-z\u{1f600}\u{e4}]{0,130}"), 0..15),
    ) {
        let answers = given
            .iter()
            .map(|(field, text)| answer("1", FIELDS.get(*field).copied(), None, text))
            .collect();
        let (found, notes) = mapped(&settings(&[], OverLong::Cut), answers).unwrap();
        let table = table();
        for (name, value) in &found {
            if let Kind::Text { max_length } = table.column(name).unwrap().kind {
                prop_assert!(value.encode_utf16().count() <= max_length);
            }
        }
        for (field, text) in &given {
            let is_cut = |name: &String, value: &String| {
                let is_noted = notes.iter().any(|note| note.starts_with(&format!("{name}: cut")));
                is_noted && (text.starts_with(value.as_str()) || name == "description")
            };
            let is_kept = found.iter().any(|(name, value)| value.contains(text.as_str()) || is_cut(name, value));
            prop_assert!(is_kept || text.is_empty() || FIELDS.get(*field) == Some(&"GENDER"));
            prop_assert!(text.len() < 12 || !notes.iter().any(|note| note.contains(text.as_str())));
        }
    }
}
