//! The traps that other connectors fell into, one test each. Their numbers are those of the list that the project
//! keeps; those that belong to records, tokens and notices stand with these.

use std::collections::BTreeSet;

use serde_json::json;

use crate::failure::Failure;

use super::super::fake::{Behaviour, Fake, Lead, Link, NOW, now};
use super::super::{Page, ReadRequest, State};
use super::accounts::{account, check_with, granted, search, states, users};
use super::{envelopes, keys, open, read, request};

const DAY: u64 = 86_400_000;

fn leads(count: usize) -> Vec<Lead> {
    (0..count).map(|number| Lead::new(NOW - DAY + number as u64 * 1000, number)).collect()
}

/// Every page of a sweep.
fn sweep(link: &Link, config: &str) -> Vec<Page> {
    let source = open(link, config);
    let mut pages = vec![read(&source, request(None, None))];
    while pages.last().is_some_and(|page| page.more) {
        assert!(pages.len() < 200, "the sweep does not end");
        let cursor = pages.last().map(|page| page.cursor.clone());
        pages.push(read(&source, request(cursor.as_deref(), None)));
    }
    pages
}

fn count(pages: &[Page]) -> usize {
    pages.iter().flat_map(keys).collect::<BTreeSet<_>>().len()
}

/// The value of a parameter in every request for responses.
fn sent(link: &Link, name: &str) -> Vec<String> {
    let value = |url: &String| {
        let query = url.split_once('?')?.1;
        query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    };
    let urls = link.0.urls.borrow();
    urls.iter()
        .filter(|url| url.contains("/leadFormResponses?"))
        .map(|url| value(url).unwrap_or_default())
        .collect()
}

#[test]
fn trap_01_the_lead_type_is_sent_as_a_record() {
    for (kind, partition) in [("SPONSORED", "SPONSORED:1"), ("EVENT", "EVENT:1"), ("COMPANY", "COMPANY:1")] {
        let link = Fake::link(Behaviour::default(), Vec::new());
        let source = open(&link, &format!(r#"{{"kinds":["{kind}"]}}"#));
        read(&source, ReadRequest { partition, ..request(None, None) });
        assert_eq!(sent(&link, "leadType"), [format!("(leadType:{kind})")]);
    }
}

#[test]
fn trap_02_every_version_of_a_form_is_read() {
    let mut all = leads(9);
    for (number, lead) in all.iter_mut().enumerate() {
        (lead.version, lead.form) = (number as u64 % 4 + 1, if number == 8 { 5_500_000 } else { 4_400_120 });
    }
    let chosen = all.iter().map(|lead| lead.id.clone()).collect::<Vec<_>>();
    for forms in [r#"{"include":["urn:li:leadGenForm:4400120"]}"#, r#"{"exclude":[5500000]}"#] {
        let link = Fake::link(Behaviour::default(), all.clone());
        let config = format!(r#"{{"forms":{forms}}}"#);
        let pages = sweep(&link, &config);
        let got: BTreeSet<String> = pages.iter().flat_map(keys).map(|(_, id)| id).collect();
        assert_eq!(got, chosen[..8].iter().cloned().collect(), "{forms}");
        assert!(link.0.urls.borrow().iter().all(|url| !url.contains("versionedLeadGenFormUrn=")));
        let fetched = now(open(&link, &config).fetch("lead_responses", &chosen)).unwrap();
        assert_eq!(fetched.records.lines().count(), 8, "by id as well");
    }
}

#[test]
fn trap_03_the_time_filter_has_its_documented_name() {
    let link = Fake::link(Behaviour::default(), leads(30));
    let before = Lead::new(NOW - 200 * DAY, 99);
    link.0.leads.borrow_mut().push(before);
    // The fake refuses every parameter that is not documented, and filters by this one alone.
    assert_eq!(count(&sweep(&link, "{}")), 30);
    assert!(sent(&link, "submittedAtTimeRange").iter().all(|range| range.starts_with("(start:")));
}

#[test]
fn trap_04_times_are_milliseconds() {
    let link = Fake::link(Behaviour::default(), leads(1));
    sweep(&link, r#"{"backfill_days":2,"settle_s":60}"#);
    let expected = format!("(start:{},end:{})", NOW - 2 * DAY - 1, NOW - 60_000);
    assert_eq!(sent(&link, "submittedAtTimeRange")[0], expected);
}

#[test]
fn trap_05_structure_is_literal_and_values_are_encoded_once() {
    let mut answers = granted();
    answers.insert(0, ("ids=List(", 200, r#"{"results":{}}"#.to_owned()));
    let link = Fake::scripted(answers);
    let source = open(&link, r#"{"kinds":["SPONSORED","COMPANY"]}"#);
    now(source.check()).unwrap();
    now(source.fetch("lead_responses", &["a:b,(c)".to_owned(), "d".to_owned()])).unwrap();
    let urls = link.0.urls.borrow();
    assert!(urls.len() > 6);
    for url in urls.iter() {
        let (_, query) = url.split_once('?').unwrap_or((url, ""));
        assert!(!url.contains("%25") && !query.contains("urn:"), "{url}");
        let depth = query.chars().filter(|c| *c == '(').count();
        assert_eq!(depth, query.chars().filter(|c| *c == ')').count(), "{url}");
    }
    assert!(urls.iter().any(|url| url.contains("ids=List(a%3Ab%2C%28c%29,d)")), "{urls:?}");
    assert!(urls.iter().any(|url| url.contains("owner=(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A1)")));
}

#[test]
fn trap_09_a_sweep_reads_within_a_window_that_stays_closed() {
    let link = Fake::link(Behaviour::default(), leads(700));
    link.0.mover.replace(Some(Box::new(|leads, served| {
        // The newest arrive during the sweep; LinkedIn gives the newest first.
        leads.push(Lead::new(NOW - 1_000 + served as u64, 10_000 + served));
    })));
    let pages = sweep(&link, r#"{"page_size":20}"#);
    let got: Vec<(u64, String)> = pages.iter().flat_map(keys).collect();
    assert_eq!(
        (got.len(), got.iter().collect::<BTreeSet<_>>().len()),
        (700, 700),
        "no repeats, none missing"
    );
    let closed = NOW - 60_000;
    for range in sent(&link, "submittedAtTimeRange") {
        let end: u64 = range.trim_end_matches(')').split_once("end:").unwrap().1.parse().unwrap();
        assert!(end <= closed, "{range}");
    }
}

#[test]
fn trap_10_test_leads_are_not_counted_as_real_ones() {
    let mut all = leads(4);
    all[1].test = true;
    let skipped = |config: &str| {
        let pages = sweep(&Fake::link(Behaviour::default(), all.clone()), config);
        let lines: Vec<_> = pages.iter().flat_map(envelopes).collect();
        (lines.len(), lines.iter().filter(|line| line["skip"]["code"] == "test_lead").count())
    };
    assert_eq!(skipped("{}"), (4, 1), "recorded, but not for the sink");
    assert_eq!(skipped(r#"{"test_leads":"include"}"#), (4, 0));
}

#[test]
fn trap_11_a_missing_scope_says_that_the_member_must_authorize_again() {
    let body = r#"{"status":403,"serviceErrorCode":100,"code":"ACCESS_DENIED","message":"Not enough permissions to access: leadFormResponses.FINDER-owner.20260901"}"#;
    let link = Fake::scripted(vec![("/leadFormResponses", 403, body.to_owned())]);
    let failure = now(open(&link, "{}").read(request(None, None))).unwrap_err();
    let Failure::Forbidden { detail, missing } = failure else { panic!("{failure:?}") };
    assert_eq!(missing, "scope r_marketing_leadgen_automation");
    for words in ["Lead Sync API product", "authorize the member again with the scope", "FINDER-owner"] {
        assert!(detail.message.contains(words), "{detail}");
    }
}

#[test]
fn trap_12_a_version_that_ends_is_announced_and_one_that_ended_names_its_successor() {
    // The fake's present is 2026-09-21; this version ends on 2026-10-15.
    let ending = r#"{"version":"202510"}"#;
    let page = read(&open(&Fake::link(Behaviour::default(), Vec::new()), ending), request(None, None));
    let facts = page.facts.unwrap();
    assert!(facts.contains("ends on 2026-10-15, in 24 days") && facts.contains("202609"), "{facts}");
    let findings = check_with(&Fake::scripted(granted()), ending);
    assert!(!findings[0].ok && findings[0].message.contains("2026-10-15"));
    let gone =
        r#"{"status":426,"code":"NONEXISTENT_VERSION","message":"Requested version 20250801 is not active"}"#;
    let link = Fake::scripted(vec![("/rest/", 426, gone.to_owned())]);
    let failure = now(open(&link, r#"{"version":"202508"}"#).read(request(None, None))).unwrap_err();
    assert!(matches!(failure, Failure::Fatal(_)), "{failure:?}");
    let told = failure.to_string();
    assert!(
        told.contains("version 202508") && told.contains("set `version`") && told.contains("202609"),
        "{told}"
    );
    let good = read(&open(&Fake::link(Behaviour::default(), Vec::new()), "{}"), request(None, None));
    assert_eq!(good.facts, None);
}

#[test]
fn trap_17_a_total_that_is_missing_or_wrong_changes_nothing() {
    type Lie = fn(usize, usize) -> u64;
    let lies: [Option<Lie>; 5] = [
        None,
        Some(|_, _| 0),
        Some(|_, given| given as u64),
        Some(|truth, _| truth as u64 + 1),
        Some(|_, _| 1_000_000),
    ];
    for size in [0, 1, 19, 20, 21, 250] {
        for (number, lie) in lies.into_iter().enumerate() {
            let link =
                Fake::link(Behaviour { total: lie.is_some(), lie, ..Behaviour::default() }, leads(size));
            let pages = sweep(&link, r#"{"page_size":20,"backfill_days":2}"#);
            assert_eq!(count(&pages), size, "lie {number}");
            assert!(pages.iter().all(|page| page.facts.is_none()));
        }
    }
}

#[test]
fn trap_18_ids_beyond_53_bits_survive() {
    const HUGE: &str = "SPONSORED:18446744073709551615";
    let mut lead = Lead { holding: HUGE, form: 9_223_372_036_854_775_807, ..Lead::new(NOW - DAY, 1) };
    lead.id = "5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-9007199254740993".to_owned();
    let link = Fake::link(Behaviour::default(), vec![lead.clone()]);
    let config =
        r#"{"accounts":{"include":[18446744073709551615]},"forms":{"include":[9223372036854775807]}}"#;
    let page = read(&open(&link, config), ReadRequest { partition: HUGE, ..request(None, None) });
    let line = envelopes(&page).remove(0);
    assert_eq!(line["key"], lead.id);
    assert_eq!(line["data"]["form"]["id"], "9223372036854775807");
    assert_eq!(line["data"]["owner"]["urn"], "urn:li:sponsoredAccount:18446744073709551615");
    let link = Fake::scripted(vec![
        ("/adAccountUsers", 200, users(&[u64::MAX, 9_007_199_254_740_993])),
        ("/adAccounts", 200, search(&[account(u64::MAX, "ACTIVE", None)])),
    ]);
    let ids: Vec<String> = states(&link, "{}", None).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [HUGE, "SPONSORED:9007199254740993"]);
}

#[test]
fn trap_19_one_bad_account_neither_stops_nor_hides_the_others() {
    let refusal = r#"{"code":"NO_PERMISSION_ON_ENTITY"}"#.to_owned();
    let mut answers = granted();
    answers.insert(0, ("sponsoredAccount%3A1)", 403, refusal));
    let link = Fake::scripted(answers);
    let source = open(&link, "{}");
    let bad = ReadRequest { partition: "SPONSORED:1", ..request(None, None) };
    let failure = now(source.read(bad)).unwrap_err();
    assert!(
        matches!(&failure, Failure::Forbidden { missing, .. } if missing.contains("ad account 1")),
        "{failure:?}"
    );
    read(&source, ReadRequest { partition: "SPONSORED:2", ..request(None, None) });
    let findings = check_with(&link, r#"{"version":"202609"}"#);
    let told: Vec<(bool, &str)> =
        findings.iter().skip(3).map(|finding| (finding.ok, finding.subject.as_str())).collect();
    assert_eq!(
        told,
        [
            (false, "SPONSORED leads of Account 1 (ad account 1)"),
            (true, "SPONSORED leads of Account 2 (ad account 2)")
        ]
    );
}

#[test]
fn trap_20_only_roles_in_force_count_whatever_their_key_is_called() {
    let entry = |key: &str, organization: u64, state: &str| json!({ key: format!("urn:li:organization:{organization}"), "role": "ADMINISTRATOR", "state": state });
    let mut twice = entry("organization", 5, "APPROVED");
    twice["organizationTarget"] = "urn:li:organization:5".into();
    let elements = [
        entry("organization", 1, "APPROVED"),
        entry("organizationTarget", 2, "APPROVED"),
        entry("organizationalTarget", 3, "APPROVED"),
        entry("organization", 4, "REVOKED"),
        entry("organization", 4, "REQUESTED"),
        entry("organization", 4, "REJECTED"),
        entry("organization", 4, "PENDING"),
        twice,
    ];
    let acls = json!({ "elements": elements, "paging": { "total": elements.len() } }).to_string();
    let link =
        Fake::scripted(vec![("/organizationAcls", 200, acls), ("/organizations/", 404, String::new())]);
    let found = states(&link, r#"{"kinds":["EVENT"]}"#, None);
    let expected = ["EVENT:1", "EVENT:2", "EVENT:3", "EVENT:5"].map(|id| (id.to_owned(), State::Active));
    assert_eq!(found, expected);
    let urls = link.0.urls.borrow();
    assert!(urls[0].contains("&state=APPROVED&"));
    assert!(!urls.iter().any(|url| url.ends_with("/organizations/4")), "a stale entry is not followed up");
}

/// Authorizing one member for one app with another set of scopes ends all its earlier tokens, so that two installations
/// must ask for one set: it follows from no setting.
#[test]
fn trap_14_every_installation_asks_for_one_set_of_scopes() {
    let wanted = crate::linkedin::credentials();
    let scopes: Vec<&str> =
        wanted[0]["scopes"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap()).collect();
    assert_eq!(scopes, ["r_marketing_leadgen_automation", "r_ads", "r_organization_admin"]);
}
