//! From LinkedIn's elements to records.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::record::{Envelope, LeadResponse};

use super::super::fake::{Behaviour, Fake, Lead, NOW, now};
use super::super::{Page, streams};
use super::{envelopes, open, read, request};

const ID: &str = "5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3";

/// The form of LinkedIn's schema page, in the same structure.
pub(super) fn form() -> Value {
    json!({
        "id": 4_400_120,
        "name": "Whitepaper pumps 2026",
        "creationLocale": { "country": "DE", "language": "de" },
        "hiddenFields": [{ "name": "utm_campaign", "value": "pumps26" }],
        "content": {
            "headline": { "localized": { "de_DE": "Whitepaper anfordern" } },
            "questions": [
                { "questionId": 104_400_120, "name": "First name", "question": { "localized": { "en_US": "First name", "de_DE": "Vorname" } },
                  "predefinedField": "FIRST_NAME", "questionDetails": { "textQuestionDetails": { "maxResponseLength": 300 } } },
                { "questionId": 204_400_120, "name": "Email address", "question": { "localized": { "de_DE": "E-Mail-Adresse" } },
                  "predefinedField": "EMAIL" },
                { "questionId": "9007199254740993", "name": "Custom question 0", "question": { "localized": { "de_DE": "Wann planen Sie den Kauf?" } },
                  "questionDetails": { "multipleChoiceQuestionDetails": { "options": [
                      { "id": 0, "text": { "localized": { "de_DE": "In 3 Monaten" } } },
                      { "id": 1, "text": { "localized": { "de_DE": "Dieses Jahr" } } } ] } } },
            ],
            "legalInfo": { "legalInfoId": 104_400_120, "consents": [
                { "id": 0, "checkRequired": true, "consent": { "localized": { "de_DE": " Ich bin einverstanden. " } } } ] },
        },
    })
}

pub(super) fn element() -> Value {
    json!({
        "id": ID,
        "submittedAt": 1_786_000_000_123_u64,
        "testLead": false,
        "leadType": "SPONSORED",
        "owner": { "sponsoredAccount": "urn:li:sponsoredAccount:503000111" },
        "submitter": "urn:li:person:Kd83nQpL2x",
        "versionedLeadGenFormUrn": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:4400120,2)",
        "associatedEntity": { "associatedCreative": "urn:li:sponsoredCreative:612345678" },
        "leadMetadata": { "sponsoredLeadMetadata": { "campaign": "urn:li:sponsoredCampaign:300200100" } },
        "formResponse": {
            "answers": [
                { "questionId": 999, "answerDetails": { "textQuestionAnswer": { "answer": "unlisted" } } },
                { "questionId": 204_400_120, "answerDetails": { "textQuestionAnswer": { "answer": "t.berg@example.test" } } },
                { "questionId": 9_007_199_254_740_993_u64, "answerDetails": { "multipleChoiceAnswer": { "options": [0, 1, 7] } } },
                { "questionId": 104_400_120, "answerDetails": { "textQuestionAnswer": { "answer": "T\"ove \u{1F600}" } } },
            ],
            "consentResponses": [{ "consentId": 0, "accepted": true }],
        },
        "ownerInfo": { "sponsoredAccountInfo": { "name": "Kolb Pumps EMEA" } },
        "leadMetadataInfo": { "sponsoredLeadMetadataInfo": { "campaign": {
            "id": "urn:li:sponsoredCampaign:300200100", "name": "Pumps DACH leads", "type": "SPONSORED_UPDATES" } } },
        "associatedEntityInfo": { "associatedCreative": { "id": "urn:li:sponsoredCreative:612345678" } },
        "form": form(),
    })
}

pub(super) fn page_of(elements: &[Value]) -> Page {
    let body = json!({ "paging": { "start": 0, "count": 100, "links": [], "total": elements.len() }, "elements": elements });
    // Asked for again from its last response on, the page shows that and no more.
    let rest = json!({ "elements": elements.last() .into_iter().collect::<Vec<_>>() });
    let link = Fake::scripted(vec![
        ("&count=100&start=0", 200, body.to_string()),
        ("/leadFormResponses", 200, rest.to_string()),
    ]);
    read(&open(&link, r#"{"names":"skip"}"#), request(None, None))
}

pub(super) fn data(element: Value) -> Value {
    envelopes(&page_of(&[element])).remove(0)["data"].take()
}

#[test]
fn joins_the_documented_element_with_its_form() {
    let page = page_of(&[element()]);
    let expected = json!({
        "key": ID, "op": "upsert", "stream": "lead_responses", "time": 1_786_000_000_123_u64,
        "data": {
            "id": ID, "submitted_at_ms": 1_786_000_000_123_u64, "kind": "SPONSORED", "test": false,
            "owner": { "urn": "urn:li:sponsoredAccount:503000111", "name": "Kolb Pumps EMEA" },
            "form": {
                "id": "4400120", "version": "2", "name": "Whitepaper pumps 2026", "locale": "de_DE",
                "hidden_fields": [{ "name": "utm_campaign", "value": "pumps26" }],
            },
            "campaign": { "urn": "urn:li:sponsoredCampaign:300200100", "name": "Pumps DACH leads", "type": "SPONSORED_UPDATES" },
            "creative": { "urn": "urn:li:sponsoredCreative:612345678" },
            "submitter": "urn:li:person:Kd83nQpL2x",
            "source_url": format!("https://api.linkedin.com/rest/leadFormResponses/{ID}"),
            "answers": [
                { "question_id": "104400120", "predefined_field": "FIRST_NAME", "question": "Vorname", "text": "T\"ove \u{1F600}" },
                { "question_id": "204400120", "predefined_field": "EMAIL", "question": "E-Mail-Adresse", "text": "t.berg@example.test" },
                { "question_id": "9007199254740993", "question": "Wann planen Sie den Kauf?", "text": "In 3 Monaten; Dieses Jahr; 7",
                  "options": [{ "id": "0", "text": "In 3 Monaten" }, { "id": "1", "text": "Dieses Jahr" }, { "id": "7" }] },
                { "question_id": "999", "text": "unlisted" },
            ],
            "consents": [{ "id": "0", "text": " Ich bin einverstanden. ", "accepted": true }],
        },
    });
    assert_eq!(envelopes(&page), [expected]);
    assert!(page.records.ends_with('\n') && page.facts.is_none());
    // The mapping reads what was written here.
    let envelope: Envelope<'_, LeadResponse<'_>> = serde_json::from_str(page.records.trim_end()).unwrap();
    assert_eq!(envelope.data.unwrap().answers.len(), 4);
}

#[test]
fn fits_the_published_schema() {
    let schema = streams()[0]["schema"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for element in [element(), grown()] {
        let data = data(element);
        assert_eq!(validator.iter_errors(&data).map(|error| error.to_string()).collect::<Vec<_>>(), [""; 0]);
        assert_described(&schema, &data, "");
    }
    let mut wrong = data(element());
    wrong["consents"][0]["accepted"] = "yes".into();
    assert!(!validator.is_valid(&wrong), "the schema says nothing");
}

/// Every member that a record has is described.
fn assert_described(schema: &Value, value: &Value, place: &str) {
    assert!(schema["description"].is_string(), "{place} has no description");
    match value {
        Value::Object(members) if !place.ends_with("/extra") => {
            for (name, member) in members {
                let described = &schema["properties"][name];
                assert!(described.is_object(), "{place}/{name} is not described");
                assert_described(described, member, &format!("{place}/{name}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| assert_described(&schema["items"], item, place)),
        _ => {}
    }
}

/// A response from a LinkedIn that has grown everywhere.
fn grown() -> Value {
    let mut grown = element();
    let news = json!({ "big": 18_446_744_073_709_551_615_u64, "form": { "id": 7 }, "text": "a\nb" });
    let places = [
        "",
        "/owner",
        "/associatedEntity",
        "/leadMetadata",
        "/leadMetadataInfo/sponsoredLeadMetadataInfo/campaign",
        "/ownerInfo/sponsoredAccountInfo",
        "/associatedEntityInfo/associatedCreative",
        "/formResponse",
        "/formResponse/answers/1",
        "/formResponse/answers/1/answerDetails/textQuestionAnswer",
        "/formResponse/answers/2/answerDetails",
        "/formResponse/answers/2/answerDetails/multipleChoiceAnswer",
        "/formResponse/consentResponses/0",
        "/form",
        "/form/content",
        "/form/creationLocale",
        "/form/hiddenFields/0",
        "/form/content/questions/2",
        "/form/content/questions/0/questionDetails",
        "/form/content/questions/2/questionDetails/multipleChoiceQuestionDetails/options/1",
        "/form/content/legalInfo",
        "/form/content/legalInfo/consents/0",
    ];
    for place in places {
        let object = grown.pointer_mut(place).and_then(Value::as_object_mut).unwrap();
        object.insert("aNewMember".to_owned(), news.clone());
    }
    grown
}

#[test]
fn what_is_not_known_is_carried_wherever_it_stands() {
    let plain = data(element());
    let data = data(grown());
    let news = json!({ "big": 18_446_744_073_709_551_615_u64, "form": { "id": 7 }, "text": "a\nb" });
    let new = json!({ "aNewMember": news });
    let sent = grown();
    let raw = |name: &str| sent[name].clone();
    assert_eq!(
        data["extra"],
        json!({
            "aNewMember": news, "owner": new, "associatedEntity": new, "formResponse": new,
            "ownerInfo": raw("ownerInfo"), "leadMetadata": raw("leadMetadata"),
            "leadMetadataInfo": raw("leadMetadataInfo"), "associatedEntityInfo": raw("associatedEntityInfo"),
        })
    );
    assert_eq!(
        data["answers"][1]["extra"],
        json!({ "aNewMember": news, "answerDetails": { "textQuestionAnswer": new } })
    );
    assert_eq!(data["answers"][1]["text"], "t.berg@example.test");
    assert_eq!(
        data["answers"][2]["extra"],
        json!({ "answerDetails": { "aNewMember": news, "multipleChoiceAnswer": new } })
    );
    assert_eq!(data["answers"][2]["options"][0]["id"], "0");
    assert_eq!(data["consents"][0]["extra"], new);
    let questions = json!([
        { "questionId": "104400120", "questionDetails": new },
        { "questionId": "9007199254740993", "aNewMember": news, "questionDetails": {
            "multipleChoiceQuestionDetails": { "options": [{ "id": "1", "aNewMember": news }] } } },
    ]);
    let legal = json!({ "aNewMember": news, "consents": [{ "id": "0", "aNewMember": news }] });
    assert_eq!(
        data["form"]["extra"],
        json!({
            "aNewMember": news, "creationLocale": new, "hiddenFields": [{ "name": "utm_campaign", "aNewMember": news }],
            "content": { "aNewMember": news, "questions": questions, "legalInfo": legal },
        })
    );
    assert!(!plain.to_string().contains("extra"), "nothing is extra where nothing is new");
}

#[test]
fn without_a_form_the_answers_come_without_questions() {
    let mut bare = element();
    for member in
        ["form", "ownerInfo", "leadMetadataInfo", "associatedEntityInfo", "submitter", "leadMetadata"]
    {
        bare.as_object_mut().unwrap().remove(member);
    }
    let data = data(bare);
    assert_eq!(data["form"], json!({ "id": "4400120", "version": "2" }));
    assert_eq!(data["answers"][0], json!({ "question_id": "999", "text": "unlisted" }));
    assert_eq!(data["answers"][2]["options"], json!([{ "id": "0" }, { "id": "1" }, { "id": "7" }]));
    assert_eq!(data["consents"], json!([{ "id": "0", "accepted": true }]));
    assert_eq!((&data["campaign"], &data["submitter"]), (&Value::Null, &Value::Null));
}

#[test]
fn accepts_every_spelling_that_may_come() {
    let mut odd = element();
    odd["submittedAt"] = "1786000000123".into();
    odd["leadType"] = "HOLOGRAM".into();
    odd["owner"] = json!({ "organization": "urn:li:organization:90021" });
    odd["ownerInfo"] = json!({ "organizationInfo": { "name": { "localized": { "sv_SE": "Kolb" } } } });
    odd["associatedEntity"] = json!({ "event": "urn:li:event:7100000000000000000" });
    odd["leadMetadata"] = json!({ "eventLeadMetadata": {} });
    odd["leadMetadataInfo"] = json!("surprise");
    odd["versionedLeadGenFormUrn"] = "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:4400120, 2)".into();
    odd["form"] = json!({ "content": 7 });
    odd["later"] = json!([{ "x": null }]);
    odd["formResponse"]["answers"][0]["answerDetails"] = json!({ "ratingAnswer": { "stars": 5 } });
    let page = page_of(&[odd]);
    let data = envelopes(&page).remove(0)["data"].take();
    assert_eq!(
        (&data["kind"], &data["submitted_at_ms"]),
        (&"HOLOGRAM".into(), &1_786_000_000_123_u64.into())
    );
    assert_eq!(data["owner"], json!({ "urn": "urn:li:organization:90021", "name": "Kolb" }));
    assert_eq!(data["creative"], Value::Null);
    let event = json!({ "type": "event", "urn": "urn:li:event:7100000000000000000" });
    assert_eq!(data["associated_entity"], event);
    let extra = json!({
        "later": [{ "x": null }],
        "leadMetadata": { "eventLeadMetadata": {} },
        "leadMetadataInfo": "surprise",
        "form": { "content": 7 },
    });
    assert_eq!(data["extra"], extra);
    assert_eq!(data["form"], json!({ "id": "4400120", "version": "2" }));
    let rating = json!({
        "question_id": "999", "text": r#"{"stars":5}"#,
        "extra": { "answerDetails": { "ratingAnswer": { "stars": 5 } } },
    });
    assert_eq!(data["answers"][0], rating);
    assert_eq!(data["campaign"], Value::Null);
    assert!(page.facts.unwrap().contains("documented shape"));
}

#[test]
fn a_total_that_makes_no_sense_is_no_total() {
    for total in [json!(null), json!(-1), json!("many"), json!(0.5), json!(0)] {
        let full = json!({ "paging": { "total": total }, "elements": [element()] }).to_string();
        let link = Fake::scripted(vec![("&start=0", 200, full)]);
        let page = read(&open(&link, "{}"), request(None, None));
        assert_eq!(page.records.lines().count(), 1, "{total}");
    }
}

#[test]
fn forms_of_two_versions_are_not_confused() {
    let mut second = element();
    second["id"] = "77aa10b2-1c2d-4e3f-9a8b-7c6d5e4f3a2b-1".into();
    second["versionedLeadGenFormUrn"] = "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:4400120,3)".into();
    second["form"]["content"]["questions"][0]["question"]["localized"]["de_DE"] = "Rufname".into();
    let mut third = element();
    third["id"] = "88aa10b2-1c2d-4e3f-9a8b-7c6d5e4f3a2b-1".into();
    let lines = envelopes(&page_of(&[element(), second, third]));
    let first_questions: Vec<&Value> =
        lines.iter().map(|line| &line["data"]["answers"][0]["question"]).collect();
    assert_eq!(first_questions, ["Vorname", "Rufname", "Vorname"]);
}

#[test]
fn test_leads_travel_marked_unless_they_are_wanted() {
    let lead = Lead { test: true, ..Lead::new(NOW - 86_400_000, 1) };
    for (config, marked) in [("{}", true), (r#"{"test_leads":"include"}"#, false)] {
        let link = Fake::link(Behaviour::default(), vec![lead.clone()]);
        let line = envelopes(&read(&open(&link, config), request(None, None))).remove(0);
        assert_eq!(line["data"]["test"], true);
        assert_eq!(line["skip"]["code"] == "test_lead", marked, "{config}");
    }
}

#[test]
fn refusals_and_broken_answers_reach_the_host() {
    for (status, body, retryable) in [
        (503, "<html>busy</html>", true),
        (200, "<html>hello</html>", true),
        (200, "{}", false),
        (426, "{}", false),
    ] {
        let link = Fake::scripted(vec![("/leadFormResponses", status, body.to_owned())]);
        let failure = now(open(&link, "{}").read(request(None, None))).unwrap_err();
        assert_eq!(matches!(failure, Failure::Retryable { .. }), retryable, "{failure:?}");
    }
}

#[test]
fn fetches_by_id_one_and_many_and_leaves_out_what_is_gone() {
    let leads: Vec<Lead> = (0..120).map(|number| Lead::new(NOW - number as u64, number)).collect();
    let link = Fake::link(Behaviour::default(), leads.clone());
    let source = open(&link, "{}");
    let fetch = |keys: &[String]| now(source.fetch("lead_responses", keys));
    let one = fetch(&[format!("urn:li:leadGenFormResponse:{}", leads[3].id)]).unwrap();
    assert_eq!(super::keys(&one), [(leads[3].time, leads[3].id.clone())]);
    assert_eq!(fetch(&["none".to_owned()]).unwrap().records, "");
    let mut wanted: Vec<String> = leads[..99].iter().map(|lead| lead.id.clone()).collect();
    wanted.push("none".to_owned());
    let before = link.0.urls.borrow().len();
    let many = super::keys(&fetch(&wanted).unwrap());
    assert_eq!((many.len(), link.0.urls.borrow().len() - before), (99, 2));
    assert!(many.is_sorted());
    let too_many: Vec<String> = leads.iter().map(|lead| lead.id.clone()).take(101).collect();
    assert!(matches!(fetch(&too_many), Err(Failure::Fatal(_))));
}

#[test]
fn fetches_one_by_one_where_many_are_refused() {
    let leads: Vec<Lead> = (0..3).map(|number| Lead::new(NOW - number as u64, number)).collect();
    let keys: Vec<String> = leads.iter().map(|lead| lead.id.clone()).collect();
    let link = Fake::link(Behaviour::default(), leads);
    link.0.scripted.replace(vec![("ids=List(", 400, "{}".to_owned())]);
    let page = now(open(&link, "{}").fetch("lead_responses", &keys)).unwrap();
    assert_eq!(page.records.lines().count(), 3);
    let forbidden = r#"{"results":{},"errors":{"x":{"status":403}}}"#.to_owned();
    link.0
        .scripted
        .replace(vec![("ids=List(", 200, forbidden), ("/leadFormResponses/", 403, "{}".to_owned())]);
    let failure = now(open(&link, "{}").fetch("lead_responses", &keys)).unwrap_err();
    assert!(matches!(failure, Failure::Forbidden { .. }), "{failure:?}");
}
