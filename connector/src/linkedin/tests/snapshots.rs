//! Streams that are read as a whole: every element once, whatever fits a page.

use serde_json::{Value, json};

use crate::failure::Failure;

use super::super::fake::{Fake, Link, now};
use super::super::{Page, ReadRequest, streams};
use super::records::form;
use super::{envelopes, open};

fn ask<'r>(stream: &'r str, partition: &'r str, cursor: Option<&'r str>) -> ReadRequest<'r> {
    ReadRequest { stream, partition, cursor, max_records: 1000, max_bytes: 1 << 20, selection: None }
}

/// Reads from the beginning to the end, each time with a new instance.
fn all(link: &Link, stream: &str, partition: &str, max_records: u32) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    while pages.last().is_none_or(|page| page.more) {
        assert!(pages.len() < 50, "the list does not end");
        let cursor = pages.last().map(|page| page.cursor.clone());
        let config = r#"{"kinds":["SPONSORED","EVENT"]}"#;
        let request = ReadRequest { max_records, ..ask(stream, partition, cursor.as_deref()) };
        let page = now(open(link, config).read(request)).unwrap();
        assert!(page.records.lines().count() <= max_records as usize);
        pages.push(page);
    }
    pages
}

fn records(pages: &[Page], stream: &str) -> Vec<Value> {
    let described = streams();
    let described =
        described.as_array().unwrap().iter().find(|described| described["name"] == stream).unwrap();
    let validator = jsonschema::validator_for(&described["schema"]).unwrap();
    let records: Vec<Value> = pages.iter().flat_map(envelopes).collect();
    for record in &records {
        assert_eq!(record["stream"], stream);
        let wrong: Vec<String> =
            validator.iter_errors(&record["data"]).map(|error| error.to_string()).collect();
        assert_eq!(wrong, [""; 0]);
    }
    records
}

fn keys(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["key"].as_str().unwrap()).collect()
}

fn newest(id: u64, version: u64) -> Value {
    let mut form = form();
    let more = json!({
        "id": id, "versionId": version, "owner": { "sponsoredAccount": "urn:li:sponsoredAccount:7" },
        "created": 1_780_000_000_000_u64, "lastModified": 1_781_000_000_000_u64, "state": "PUBLISHED",
        "reviewInfo": { "reviewStatus": "NEEDS_REVIEW", "rejectionReasons": [], "lastUpdated": 1 }, "later": [1],
    });
    form.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    form
}

/// A response to one version of a form.
fn given(form: &Value, (id, version): (u64, u64)) -> String {
    let urn = format!("urn:li:versionedLeadGenForm:(urn:li:leadGenForm:{id},{version})");
    json!({ "elements": [{ "form": form, "versionedLeadGenFormUrn": urn }], "paging": { "start": 0, "count": 1 } })
        .to_string()
}

const NOTHING: &str = r#"{"elements":[],"paging":{"start":0,"count":1}}"#;

fn forms() -> Link {
    let mut old = form();
    old["name"] = "Whitepaper pumps 2025".into();
    let page =
        |forms: &[Value]| json!({ "elements": forms, "paging": { "start": 0, "total": 3 } }).to_string();
    Fake::scripted(vec![
        ("4400120%2C1%29", 200, given(&old, (4_400_120, 1))),
        ("4400120%2C3%29", 200, given(&old, (4_400_120, 3))),
        ("4400121%2C1%29", 200, given(&old, (4_400_121, 1))),
        ("/leadFormResponses", 200, NOTHING.to_owned()),
        ("start=2&", 200, page(&[newest(18_446_744_073_709_551_615, 1)])),
        ("/leadForms", 200, page(&[newest(4_400_120, 4), newest(4_400_121, 2)])),
    ])
}

#[test]
fn every_version_that_linkedin_tells_of_is_a_record() {
    for max_records in [1, 2, 1000] {
        let link = forms();
        let pages = all(&link, "lead_forms", "account:7", max_records);
        let records = records(&pages, "lead_forms");
        // Nobody answered on version 2 of the first form.
        assert_eq!(
            keys(&records),
            ["4400120:1", "4400120:3", "4400120:4", "4400121:1", "4400121:2", "18446744073709551615:1"]
        );
        assert_eq!(records[0]["data"]["name"], "Whitepaper pumps 2025");
        let data = &records[2]["data"];
        assert_eq!((&data["locale"], &data["state"]), (&"de_DE".into(), &"PUBLISHED".into()));
        assert_eq!(data["review"], json!({ "status": "NEEDS_REVIEW", "rejection_reasons": [] }));
        assert_eq!(
            (&data["headline"], &data["extra"]),
            (&"Whitepaper anfordern".into(), &json!({ "later": [1] }))
        );
        assert_eq!(
            data["questions"][0],
            json!({ "id": "104400120", "name": "First name", "text": "Vorname", "predefined_field": "FIRST_NAME",
                    "max_length": 300, "options": [] })
        );
        assert_eq!(data["questions"][2]["options"][0], json!({ "id": "0", "text": "In 3 Monaten" }));
        assert_eq!(
            data["consents"],
            json!([{ "id": "0", "text": " Ich bin einverstanden. ", "required": true }])
        );
        assert_eq!(
            (&records[2]["time"], &data["modified_ms"]),
            (&1_780_000_000_000_u64.into(), &1_781_000_000_000_u64.into())
        );
    }
}

#[test]
fn a_response_to_another_version_tells_nothing_about_this_one() {
    let other = given(&form(), (4_400_120, 4));
    let page = json!({ "elements": [newest(4_400_120, 4)], "paging": { "total": 1 } }).to_string();
    let link = Fake::scripted(vec![("/leadFormResponses", 200, other), ("/leadForms", 200, page)]);
    assert_eq!(keys(&records(&all(&link, "lead_forms", "account:7", 1000), "lead_forms")), ["4400120:4"]);
}

#[test]
fn an_older_version_that_is_gone_does_not_stop_the_stream() {
    let page = json!({ "elements": [newest(4_400_120, 2)], "paging": { "total": 1 } }).to_string();
    let link = Fake::scripted(vec![("/leadFormResponses", 404, "{}".to_owned()), ("/leadForms", 200, page)]);
    assert_eq!(keys(&records(&all(&link, "lead_forms", "account:7", 1000), "lead_forms")), ["4400120:2"]);
}

#[test]
fn an_empty_page_with_a_token_is_not_the_end() {
    let account = |id: u64| json!({ "id": id, "name": "Kolb" });
    let link = Fake::scripted(vec![
        ("pageToken=b", 200, list(0..1, account, &json!({ "metadata": {} }))),
        ("/adAccounts", 200, list(0..0, account, &json!({ "metadata": { "nextPageToken": "b" } }))),
    ]);
    assert_eq!(keys(&records(&all(&link, "ad_accounts", "all", 1000), "ad_accounts")), ["0"]);
}

#[test]
fn a_token_that_is_no_longer_taken_does_not_stop_the_stream_for_good() {
    let link = Fake::scripted(vec![("pageToken=old", 400, "{}".to_owned())]);
    let cursor = r#"{"v":1,"stream":"ad_accounts","next":{"token":"old","offset":100,"skip":0}}"#;
    let page = now(open(&link, "{}").read(ask("ad_accounts", "all", Some(cursor)))).unwrap();
    assert_eq!((page.records.as_str(), page.more), ("", false));
    assert_eq!(page.cursor, r#"{"v":1,"stream":"ad_accounts","next":null}"#);
}

#[test]
fn the_end_of_a_list_is_its_beginning() {
    let link = forms();
    let pages = all(&link, "lead_forms", "account:7", 1000);
    let end = pages.last().unwrap();
    assert_eq!(end.cursor, r#"{"v":1,"stream":"lead_forms","next":null}"#);
    let again = now(open(&link, "{}").read(ask("lead_forms", "account:7", Some(&end.cursor)))).unwrap();
    assert_eq!(again.records, pages[0].records);
}

#[test]
fn refused_responses_hide_no_newest_form() {
    let link = forms();
    link.0.scripted.borrow_mut().insert(0, ("/leadFormResponses", 403, "{}".to_owned()));
    let pages = all(&link, "lead_forms", "account:7", 1000);
    assert_eq!(keys(&records(&pages, "lead_forms")), ["4400120:4", "4400121:2", "18446744073709551615:1"]);
    assert!(pages[0].facts.as_ref().unwrap().contains("older versions"));
    link.0.scripted.borrow_mut().insert(0, ("/leadFormResponses", 503, String::new()));
    let failure = now(open(&link, "{}").read(ask("lead_forms", "account:7", None))).unwrap_err();
    assert!(matches!(failure, Failure::Retryable { .. }));
}

#[test]
fn an_organizations_older_versions_are_looked_for_in_each_kind() {
    let page = json!({ "elements": [newest(5, 2)], "paging": { "total": 1 } }).to_string();
    let link = Fake::scripted(vec![
        ("leadType=(leadType:COMPANY)", 200, given(&form(), (5, 1))),
        ("/leadFormResponses", 200, NOTHING.to_owned()),
        ("owner=(organization:urn%3Ali%3Aorganization%3A9)", 200, page),
    ]);
    let source = open(&link, r#"{"kinds":["EVENT","COMPANY"]}"#);
    let page = now(source.read(ask("lead_forms", "organization:9", None))).unwrap();
    assert_eq!(keys(&envelopes(&page)), ["5:1", "5:2"]);
}

fn list(ids: std::ops::Range<u64>, element: impl Fn(u64) -> Value, tail: &Value) -> String {
    let elements: Vec<Value> = ids.map(element).collect();
    let mut page = json!({ "elements": elements });
    page.as_object_mut().unwrap().extend(tail.as_object().unwrap().clone());
    page.to_string()
}

#[test]
fn pages_by_token_or_by_offset() {
    let account = |id: u64| {
        json!({ "id": id, "name": format!("Account {id}"), "status": "NEW", "test": false, "currency": "EUR",
                "type": "BUSINESS", "servingStatuses": ["RUNNABLE"], "reference": "urn:li:organization:9",
                "referenceInfo": { "organization": { "id": 9, "localizedName": "Kolb Pumps" } },
                "changeAuditStamps": { "created": { "time": 5 }, "lastModified": { "time": 6 } }, "later": { "x": 1 } })
    };
    let by_token = vec![
        ("pageToken=b%2F2", 200, list(3..5, account, &json!({ "metadata": {} }))),
        ("/adAccounts", 200, list(0..3, account, &json!({ "metadata": { "nextPageToken": "b/2" } }))),
    ];
    let paging = json!({ "paging": { "start": 0, "count": 3 } });
    let by_offset = vec![
        ("start=5&", 200, list(0..0, account, &paging)),
        ("start=3&", 200, list(3..5, account, &paging)),
        ("/adAccounts", 200, list(0..3, account, &paging)),
    ];
    for answers in [by_token, by_offset] {
        for max_records in [1, 2, 1000] {
            let pages = all(&Fake::scripted(answers.clone()), "ad_accounts", "all", max_records);
            let records = records(&pages, "ad_accounts");
            assert_eq!(keys(&records), ["0", "1", "2", "3", "4"]);
            let expected = json!({
                "id": "4", "urn": "urn:li:sponsoredAccount:4", "name": "Account 4", "status": "NEW", "test": false,
                "currency": "EUR", "type": "BUSINESS", "serving_statuses": ["RUNNABLE"],
                "page": { "urn": "urn:li:organization:9", "name": "Kolb Pumps" }, "created_ms": 5, "modified_ms": 6,
                "extra": { "later": { "x": 1 } },
            });
            assert_eq!(records[4]["data"], expected);
        }
    }
}

#[test]
fn campaigns_and_creatives_are_records() {
    let campaign = json!({ "id": 300_200_100, "name": "Pumps", "status": "ACTIVE", "account": "urn:li:sponsoredAccount:7",
        "campaignGroup": "urn:li:sponsoredCampaignGroup:5", "type": "SPONSORED_UPDATES", "objectiveType": "LEAD_GENERATION",
        "changeAuditStamps": { "created": { "time": 5 } }, "dailyBudget": { "amount": "1.50" } });
    let creative = json!({ "id": "urn:li:sponsoredCreative:6", "campaign": "urn:li:sponsoredCampaign:300200100",
        "intendedStatus": "ACTIVE", "createdAt": 8,
        "leadgenCallToAction": { "destination": "urn:li:adForm:4400120", "label": "REGISTER", "later": 1 } });
    let link = Fake::scripted(vec![
        ("/adAccounts/7/adCampaignGroups/5", 200, r#"{"id":5,"name":"Pumps EMEA"}"#.to_owned()),
        ("/adAccounts/7/adCampaigns?", 200, json!({ "elements": [campaign, 7], "metadata": {} }).to_string()),
        ("/adAccounts/7/creatives?", 200, json!({ "elements": [creative], "metadata": {} }).to_string()),
    ]);
    let pages = all(&link, "campaigns", "account:7", 1000);
    let data = &records(&pages, "campaigns")[0]["data"];
    let group = json!({ "urn": "urn:li:sponsoredCampaignGroup:5", "name": "Pumps EMEA" });
    assert_eq!(data["campaign_group"], group);
    assert_eq!((&data["objective"], &data["created_ms"]), (&"LEAD_GENERATION".into(), &5.into()));
    assert_eq!(data["extra"], json!({ "dailyBudget": { "amount": "1.50" } }));
    assert!(pages[0].facts.as_ref().unwrap().contains("passed over"));
    let pages = all(&link, "creatives", "account:7", 1000);
    let records = records(&pages, "creatives");
    let expected = json!({
        "id": "6", "urn": "urn:li:sponsoredCreative:6", "campaign": "urn:li:sponsoredCampaign:300200100",
        "status": "ACTIVE", "form": "urn:li:adForm:4400120", "form_id": "4400120", "call_to_action": "REGISTER", "created_ms": 8,
        "extra": { "leadgenCallToAction": { "later": 1 } },
    });
    assert_eq!((keys(&records), &records[0]["data"]), (vec!["6"], &expected));
}

#[test]
fn what_cannot_be_read_says_why() {
    let link = forms();
    let source = open(&link, "{}");
    for selection in [r#"{"since_ms":1}"#, r#"{"until_ms":1}"#] {
        let request = ReadRequest { selection: Some(selection), ..ask("lead_forms", "account:7", None) };
        let Err(Failure::Invalid { detail, .. }) = now(source.read(request)) else { panic!("{selection}") };
        assert!(detail.message.contains("no time range"), "{}", detail.message);
    }
    for (stream, partition) in [
        ("ad_accounts", "account:7"),
        ("campaigns", "organization:7"),
        ("creatives", "all"),
        ("lead_forms", "account:x"),
    ] {
        let failure = now(source.read(ask(stream, partition, None))).unwrap_err();
        assert!(matches!(failure, Failure::Fatal(_)), "{stream} {partition}");
    }
    for cursor in [
        "",
        "{}",
        r#"{"v":2,"stream":"lead_forms","next":null}"#,
        r#"{"v":1,"stream":"campaigns","next":null}"#,
        r#"{"v":1,"stream":"lead_forms","next":{"offset":9999999,"skip":0}}"#,
    ] {
        let failure = now(source.read(ask("lead_forms", "account:7", Some(cursor)))).unwrap_err();
        assert!(matches!(failure, Failure::Invalid { .. }), "{cursor}");
    }
    let narrowed =
        |selection| ReadRequest { selection: Some(selection), ..ask("lead_forms", "account:7", None) };
    let other = now(source.read(narrowed(r#"{"where":{"account":["8"]}}"#))).unwrap();
    assert_eq!((other.records.as_str(), other.more), ("", false));
    let one = now(source.read(narrowed(r#"{"where":{"form":["4400121"]}}"#))).unwrap();
    assert_eq!(keys(&envelopes(&one)), ["4400121:1", "4400121:2"]);
}
