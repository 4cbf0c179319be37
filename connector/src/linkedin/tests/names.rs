//! Names that are looked up: each once, and never at a response's cost.

use serde_json::{Value, json};

use super::super::fake::{Behaviour, Fake, Lead, Link, NOW};
use super::super::{Page, ReadRequest, Source};
use super::records::element;
use super::{envelopes, open, read, request};

/// A LinkedIn with one response for each campaign and creative.
fn link(ads: impl Iterator<Item = (u64, u64)>, answers: Vec<(&'static str, u16, String)>) -> Link {
    let lead = |(number, ad): (usize, (u64, u64))| Lead {
        ad: Some(ad),
        ..Lead::new(NOW - 86_400_000 + number as u64, number)
    };
    let link = Fake::link(Behaviour::default(), ads.enumerate().map(lead).collect());
    link.0.scripted.replace(answers);
    link
}

fn campaign(id: u64) -> Value {
    json!({ "id": id, "name": format!("Campaign {id}"), "campaignGroup": "urn:li:sponsoredCampaignGroup:9" })
}

fn creative(id: u64) -> Value {
    json!({ "id": format!("urn:li:sponsoredCreative:{id}"), "name": format!("Creative {id}") })
}

const GROUP: &str = r#"{"id":9,"name":"Pumps EMEA"}"#;

fn answers() -> Vec<(&'static str, u16, String)> {
    vec![
        ("/adAccounts/503000111/adCampaigns/1", 200, campaign(1).to_string()),
        ("/adAccounts/503000111/adCampaignGroups/9", 200, GROUP.to_owned()),
        ("/adAccounts/503000111/creatives/urn%3Ali%3AsponsoredCreative%3A2", 200, creative(2).to_string()),
    ]
}

/// Reads everything from the beginning, and tells which names were asked for.
fn sweep(source: &Source<Link>, link: &Link) -> (Vec<Page>, Vec<String>) {
    let before = link.0.urls.borrow().len();
    let mut pages = vec![read(source, request(None, None))];
    while pages.last().is_some_and(|page| page.more) {
        assert!(pages.len() < 200, "the sweep does not end");
        let cursor = pages.last().map(|page| page.cursor.clone());
        pages.push(read(source, ReadRequest { max_records: 1000, ..request(cursor.as_deref(), None) }));
    }
    let urls = link.0.urls.borrow();
    let asked = urls[before..].iter().filter(|url| url.contains("/adAccounts/")).cloned().collect();
    (pages, asked)
}

fn first(pages: &[Page]) -> Value {
    pages.iter().flat_map(envelopes).next().unwrap()["data"].take()
}

fn warnings(pages: &[Page]) -> usize {
    pages
        .iter()
        .filter(|page| page.facts.as_ref().is_some_and(|facts| facts.contains("names of some")))
        .count()
}

#[test]
fn each_name_is_looked_up_once() {
    let link = link([(1, 2), (1, 2), (1, 2)].into_iter(), answers());
    let source = open(&link, "{}");
    let (pages, asked) = sweep(&source, &link);
    let data = first(&pages);
    assert_eq!(data["campaign"], json!({ "urn": "urn:li:sponsoredCampaign:1", "name": "Campaign 1" }));
    assert_eq!(
        data["campaign_group"],
        json!({ "urn": "urn:li:sponsoredCampaignGroup:9", "name": "Pumps EMEA" })
    );
    assert_eq!(data["creative"], json!({ "urn": "urn:li:sponsoredCreative:2", "name": "Creative 2" }));
    assert_eq!((asked.len(), warnings(&pages)), (3, 0), "{asked:?}");
    assert_eq!(sweep(&source, &link).1.len(), 0, "they are remembered");
}

#[test]
fn what_the_response_carries_stands_first() {
    let mut lead = element();
    lead["associatedEntityInfo"]["associatedCreative"]["name"] = "Carried".into();
    let mut all = answers();
    let page = json!({ "paging": { "total": 1 }, "elements": [lead] }).to_string();
    all.push(("/leadFormResponses", 200, page));
    all.push(("/adCampaigns/300200100", 200, campaign(5).to_string()));
    let link = Fake::scripted(all);
    let page = read(&open(&link, "{}"), request(None, None));
    let data = first(&[page]);
    let asked = link.0.urls.borrow();
    assert_eq!(
        (&data["campaign"]["name"], &data["creative"]["name"]),
        (&"Pumps DACH leads".into(), &"Carried".into())
    );
    assert_eq!(data["campaign_group"]["name"], "Pumps EMEA");
    assert!(asked.iter().all(|url| !url.contains("creatives")), "{asked:?}");
}

#[test]
fn skipped_names_cost_no_request() {
    let link = link([(1, 2)].into_iter(), answers());
    let (pages, asked) = sweep(&open(&link, r#"{"names":"skip"}"#), &link);
    let data = first(&pages);
    assert_eq!((&data["campaign_group"], asked.len()), (&Value::Null, 0));
    assert_eq!(data["creative"], json!({ "urn": "urn:li:sponsoredCreative:2" }));
}

#[test]
fn a_refused_name_is_told_once_and_not_asked_for_again() {
    for status in [403, 404] {
        let mut all = answers();
        all.insert(0, ("/creatives/", status, "{}".to_owned()));
        let link = link([(1, 2)].into_iter(), all);
        let source = open(&link, "{}");
        let (pages, _) = sweep(&source, &link);
        assert_eq!(first(&pages)["campaign"]["name"], "Campaign 1");
        assert_eq!(first(&pages)["creative"]["name"], Value::Null);
        assert_eq!(warnings(&pages), 1);
        let (pages, asked) = sweep(&source, &link);
        assert_eq!((asked.len(), warnings(&pages)), (0, 0));
    }
}

#[test]
fn a_throttled_look_up_delays_nothing_and_is_made_later() {
    for status in [429, 503] {
        let mut all = answers();
        all.insert(0, ("/adAccounts/", status, "{}".to_owned()));
        let link = link([(1, 2)].into_iter(), all);
        let source = open(&link, "{}");
        let (pages, asked) = sweep(&source, &link);
        assert_eq!((first(&pages)["campaign"]["name"].clone(), warnings(&pages)), (Value::Null, 0));
        assert!(
            !asked.is_empty()
                && link.0.logs.borrow().iter().any(|log| log.contains("could not be looked up"))
        );
        assert_eq!(sweep(&source, &link).1.len(), 0, "it rests");
        link.0.now.set(NOW + 61_000);
        link.0.scripted.replace(answers());
        assert_eq!(first(&sweep(&source, &link).0)["campaign"]["name"], "Campaign 1");
    }
}

#[test]
fn a_group_whose_name_was_not_to_be_had_is_asked_for_later() {
    let mut all = answers();
    all.insert(0, ("/adCampaignGroups/", 429, "{}".to_owned()));
    let link = link([(1, 2)].into_iter(), all);
    let source = open(&link, "{}");
    let group = |pages: &[Page]| first(pages)["campaign_group"].take();
    assert_eq!(group(&sweep(&source, &link).0), json!({ "urn": "urn:li:sponsoredCampaignGroup:9" }));
    link.0.now.set(NOW + 61_000);
    link.0.scripted.replace(answers());
    let (pages, asked) = sweep(&source, &link);
    assert_eq!((&group(&pages)["name"], asked.len()), (&"Pumps EMEA".into(), 1), "{asked:?}");
}

#[test]
fn what_a_member_types_asks_for_nothing() {
    let mut lead = element();
    lead["formResponse"]["answers"][1]["answerDetails"]["textQuestionAnswer"]["answer"] =
        "urn:li:sponsoredCampaign:666".into();
    let page = json!({ "paging": { "total": 1 }, "elements": [lead] }).to_string();
    let link = Fake::scripted(vec![("/leadFormResponses", 200, page)]);
    read(&open(&link, "{}"), request(None, None));
    let asked = link.0.urls.borrow();
    assert!(asked.iter().any(|url| url.contains("/adCampaigns/300200100")), "{asked:?}");
    assert!(asked.iter().all(|url| !url.contains("666")), "{asked:?}");
}

#[test]
fn the_name_that_is_needed_is_kept_among_very_many() {
    let list = |ids: std::ops::Range<u64>, token: Value| {
        json!({ "elements": ids.map(creative).collect::<Vec<_>>(), "metadata": token }).to_string()
    };
    // What is needed comes first and is the lowest in every order; more follows than can be remembered.
    let answers = vec![
        ("pageToken=two", 200, list(20_000..31_000, json!({}))),
        ("/creatives?", 200, list(10_000..10_021, json!({ "nextPageToken": "two" }))),
        ("/adAccounts/503000111/adCampaigns/1", 200, campaign(1).to_string()),
        ("/adCampaignGroups/9", 200, GROUP.to_owned()),
    ];
    let link = link((10_000..10_022).map(|id| (1, id)), answers);
    let source = open(&link, "{}");
    let (pages, _) = sweep(&source, &link);
    assert_eq!(first(&pages)["creative"]["name"], "Creative 10000");
    let (_, asked) = sweep(&source, &link);
    assert_eq!(asked.len(), 0, "{asked:?}");
}

#[test]
fn many_names_are_taken_from_the_list() {
    let list = |ids: std::ops::Range<u64>, one: fn(u64) -> Value, tail: Value| {
        json!({ "elements": ids.map(one).collect::<Vec<_>>(), "metadata": tail }).to_string()
    };
    let ads = (0..50).map(|number| (number, 100 + number));
    let answers = vec![
        ("pageToken=two", 200, list(30..49, campaign, json!({}))),
        ("/adCampaigns?", 200, list(0..30, campaign, json!({ "nextPageToken": "two" }))),
        ("/creatives?", 200, list(100..150, creative, json!({}))),
        ("/adCampaignGroups/9", 200, GROUP.to_owned()),
    ];
    let link = link(ads, answers);
    let source = open(&link, "{}");
    let (pages, asked) = sweep(&source, &link);
    let names: Vec<Value> =
        pages.iter().flat_map(envelopes).map(|mut line| line["data"]["campaign"]["name"].take()).collect();
    assert_eq!(
        (names.len(), &names[0], &names[48], &names[49]),
        (50, &"Campaign 0".into(), &"Campaign 48".into(), &Value::Null)
    );
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert_eq!(warnings(&pages), 1, "one campaign is not in the list");
}

#[test]
fn organic_leads_need_no_names() {
    let link = link([(1, 2)].into_iter(), answers());
    let source = open(&link, r#"{"kinds":["EVENT"]}"#);
    read(&source, ReadRequest { partition: "EVENT:9", ..request(None, None) });
    assert!(link.0.urls.borrow().iter().all(|url| !url.contains("/adAccounts/")));
}
