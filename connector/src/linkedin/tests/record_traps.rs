//! The traps that records meet.

use proptest::prelude::{Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Map, Value, json};

use super::super::Page;
use super::super::fake::Fake;
use super::records::{data, element, page_of};
use super::{envelopes, open, read, request};

#[test]
fn trap_06_locales_other_than_english() {
    let mut swedish = element();
    let form = &mut swedish["form"];
    form["creationLocale"] = json!({ "country": "SE", "language": "sv" });
    form["name"] = json!({ "localized": { "en_US": "Pumps", "sv_SE": "Pumpar" } });
    let questions = form["content"]["questions"].as_array_mut().unwrap();
    questions[0]["question"]["localized"] = json!({ "de_DE": "Vorname", "sv_SE": "F\u{f6}rnamn" });
    questions[2]["question"]["localized"] = json!({ "sv_SE": "N\u{e4}r?" });
    questions[2]["questionDetails"]["multipleChoiceQuestionDetails"]["options"][0]["text"]["localized"] =
        json!({ "en_US": "Soon", "sv_SE": "Snart" });
    form["content"]["legalInfo"]["consents"][0]["consent"]["localized"] = json!({ "sv_SE": "Jag samtycker" });
    let data = data(swedish);
    assert_eq!((&data["form"]["locale"], &data["form"]["name"]), (&"sv_SE".into(), &"Pumpar".into()));
    let questions: Vec<&Value> = [0, 1, 2].map(|at| &data["answers"][at]["question"]).into();
    // A text without the form's locale is taken in the one it has.
    assert_eq!(questions, ["F\u{f6}rnamn", "E-Mail-Adresse", "N\u{e4}r?"]);
    assert_eq!(data["answers"][2]["options"][0]["text"], "Snart");
    assert_eq!(data["consents"][0]["text"], "Jag samtycker");
}

#[test]
fn trap_07_option_and_consent_id_zero() {
    let mut lead = element();
    lead["formResponse"]["answers"][2]["answerDetails"]["multipleChoiceAnswer"]["options"] = json!([0]);
    lead["formResponse"]["consentResponses"] = json!([{ "consentId": 0, "accepted": true }]);
    let data = data(lead);
    assert_eq!(data["answers"][2]["options"], json!([{ "id": "0", "text": "In 3 Monaten" }]));
    assert_eq!(data["answers"][2]["text"], "In 3 Monaten");
    assert_eq!(
        data["consents"],
        json!([{ "id": "0", "text": " Ich bin einverstanden. ", "accepted": true }])
    );
}

#[test]
fn trap_08_custom_question_names_are_no_key() {
    let mut lead = element();
    let questions = lead["form"]["content"]["questions"].as_array_mut().unwrap();
    // The same name twice, and the name of a profile question on a custom one.
    for (at, name) in [(1, "Custom question 0"), (2, "Custom question 0"), (0, "Email address")] {
        questions[at]["name"] = name.into();
    }
    questions[1].as_object_mut().unwrap().remove("predefinedField");
    let data = data(lead);
    let seen: Vec<(&str, &str)> = data["answers"].as_array().unwrap()[..3]
        .iter()
        .map(|answer| (answer["question"].as_str().unwrap(), answer["text"].as_str().unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            ("Vorname", "T\"ove \u{1F600}"),
            ("E-Mail-Adresse", "t.berg@example.test"),
            ("Wann planen Sie den Kauf?", "In 3 Monaten; Dieses Jahr; 7"),
        ]
    );
    assert!(!data.to_string().contains("Custom question"), "the name stands nowhere");
}

#[test]
fn trap_18_ids_keep_64_bits() {
    const NEARBY: [u64; 3] = [u64::MAX, u64::MAX - 1, (1 << 53) + 1];
    for id in NEARBY {
        for spelled in [json!(id), json!(id.to_string())] {
            let mut lead = element();
            lead["versionedLeadGenFormUrn"] =
                format!("urn:li:versionedLeadGenForm:(urn:li:leadGenForm:{id},{id})").into();
            lead["formResponse"]["answers"][2]["questionId"] = spelled.clone();
            lead["formResponse"]["answers"][2]["answerDetails"]["multipleChoiceAnswer"]["options"] =
                json!([spelled]);
            lead["formResponse"]["consentResponses"][0]["consentId"] = spelled.clone();
            let question = &mut lead["form"]["content"]["questions"][2];
            question["questionId"] = id.into();
            question["questionDetails"]["multipleChoiceQuestionDetails"]["options"][1]["id"] = id.into();
            lead["form"]["content"]["legalInfo"]["consents"][0]["id"] = id.into();
            lead["leadMetadataInfo"]["sponsoredLeadMetadataInfo"]["campaign"]["id"] = spelled;
            lead.as_object_mut().unwrap().remove("leadMetadata");
            let data = data(lead);
            let text = Value::from(id.to_string());
            assert_eq!((&data["form"]["id"], &data["form"]["version"]), (&text, &text));
            assert_eq!(data["answers"][2]["question_id"], text);
            assert_eq!(data["answers"][2]["options"], json!([{ "id": text, "text": "Dieses Jahr" }]));
            assert_eq!(data["consents"][0]["id"], text);
            assert_eq!(data["consents"][0]["text"], " Ich bin einverstanden. ");
            assert_eq!(data["campaign"]["urn"], format!("urn:li:sponsoredCampaign:{id}"));
        }
    }
}

#[test]
fn ids_of_options_and_consents_are_kept_whatever_they_are() {
    let mut lead = element();
    // Written out, since numbers beyond 64 bits have no place in a JSON value here.
    lead["formResponse"]["answers"][2]["answerDetails"]["multipleChoiceAnswer"]["options"] =
        json!([-1, "other", "007"]);
    lead["formResponse"]["consentResponses"] =
        json!([{ "consentId": -2, "accepted": false }, { "consentId": "terms", "accepted": true }]);
    let text = lead.to_string().replace(r#"[-1,"other""#, r#"[-1,18446744073709551616,"other""#);
    let page = page_with(&text);
    let data = &envelopes(&page)[0]["data"];
    assert_eq!(
        data["answers"][2]["options"],
        json!([{ "id": "-1" }, { "id": "18446744073709551616" }, { "id": "other" }, { "id": "007" }])
    );
    assert_eq!(data["answers"][2]["text"], "-1; 18446744073709551616; other; 007");
    assert_eq!(
        data["consents"],
        json!([{ "id": "-2", "accepted": false }, { "id": "terms", "accepted": true }])
    );
}

#[test]
fn a_form_of_another_shape_is_kept_as_it_came() {
    let mut lead = element();
    lead["form"] = json!({ "id": 4_400_120, "content": 7 });
    let expected = lead["form"].clone();
    assert_eq!(data(lead)["extra"]["form"], expected);
}

#[test]
fn a_hidden_field_without_a_name_keeps_its_value() {
    let mut lead = element();
    lead["form"]["hiddenFields"] = json!([{ "value": "pumps26" }]);
    assert!(data(lead)["form"].to_string().contains("pumps26"));
}

#[test]
fn a_record_stays_one_line_however_the_page_is_laid_out() {
    let mut lead = element();
    lead["later"] = json!({ "text": "a\nb", "list": [1, { "form": { "x": [2] } }] });
    let pretty = serde_json::to_string_pretty(&lead).unwrap();
    let page = page_with(&pretty);
    assert_eq!(page.records.lines().count(), 1);
    assert_eq!(envelopes(&page)[0]["data"]["extra"], json!({ "later": lead["later"] }));
}

/// A page with one element, which is given as text.
fn page_with(element: &str) -> Page {
    let body = format!(r#"{{"elements":[{element}],"paging":{{"start":0,"count":100,"total":1}}}}"#);
    let link = Fake::scripted(vec![("/leadFormResponses", 200, body)]);
    read(&open(&link, r#"{"names":"skip"}"#), request(None, None))
}

/// Any JSON, with members named as this source's own marks are.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        any::<()>().prop_map(|()| Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof!["form", "answers", "\\PC{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn members() -> impl Strategy<Value = Map<String, Value>> {
    // No member of LinkedIn's begins with an underscore.
    prop::collection::btree_map("_\\PC{0,8}", anything(), 0..4).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn unknown_members_survive_exactly(whole in members(), answer in members(), form in members(), plain in any::<bool>()) {
        let mut lead = element();
        for (place, news) in [("", &whole), ("/formResponse/answers/1", &answer), ("/form", &form)] {
            lead.pointer_mut(place).and_then(Value::as_object_mut).unwrap().extend(news.clone());
        }
        let page = if plain { page_of(&[lead]) } else { page_with(&serde_json::to_string_pretty(&lead).unwrap()) };
        prop_assert_eq!(page.records.lines().count(), 1);
        let data = &envelopes(&page)[0]["data"];
        let kept = |extra: &Value| extra.as_object().cloned().unwrap_or_default();
        prop_assert_eq!(kept(&data["extra"]), whole);
        prop_assert_eq!(kept(&data["answers"][1]["extra"]), answer);
        prop_assert_eq!(kept(&data["form"]["extra"]), form);
    }
}
