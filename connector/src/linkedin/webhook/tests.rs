//! What is taken, what is refused and with which status; and which requests manage subscriptions.

mod judging;
mod managing;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::linkedin::fake::{Behaviour, Fake, Lead, Link, NOW, now};

/// LinkedIn's documented sample, byte for byte, and its signature under the documented secret.
const SAMPLE: &str = r#"{"type":"LEAD_ACTION","leadGenFormResponse":"urn:li:leadGenFormResponse:5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3","leadGenForm":"urn:li:versionedLeadGenForm:(urn:li:leadGenForm:4400120,2)","owner":{"sponsoredAccount":"urn:li:sponsoredAccount:503000111"},"associatedEntity":{"sponsoredCreative":"urn:li:sponsoredCreative:612345678"},"leadType":"SPONSORED","leadAction":"CREATED","occurredAt":1785000000000}"#;
const SIGNATURE: &str = "7f3d0a93f79ef0223d6e4450212087f85f5b36f78f4bae800faf85e04b30d826";
/// The same body signed without the prefix.
const UNPREFIXED: &str = "a9f9de2aa6758f88c08d89c9cca0c9a3b1aaa1943215201ee9d05c4b22f93c66";
const SAMPLE_MS: u64 = 1_785_000_000_000;

fn source_at(config: &str, now_ms: u64) -> (Source<Link>, Link) {
    let link = Fake::link(Behaviour::default(), Vec::new());
    link.0.now.set(now_ms);
    (now(Source::open(config, link.clone())).unwrap(), link)
}

fn json_header() -> (String, String) {
    ("content-type".to_owned(), "application/json; charset=utf-8".to_owned())
}

fn post(source: &Source<Link>, headers: &[(String, String)], body: &[u8]) -> Reply {
    source.receive(Arrived { method: "POST", query: "", headers, body }).unwrap()
}

fn signed_by(source: &Source<Link>, body: &[u8]) -> Vec<(String, String)> {
    let mac = source.sign(&signature::signed(body)).unwrap();
    vec![json_header(), (signature::HEADER.to_owned(), signature::hex(&mac))]
}

/// A genuine notice with some members replaced.
fn send(source: &Source<Link>, replaced: &Value) -> Reply {
    let mut body: Value = serde_json::from_str(SAMPLE).unwrap();
    for (name, value) in replaced.as_object().unwrap() {
        body[name] = value.clone();
    }
    let body = body.to_string();
    post(source, &signed_by(source, body.as_bytes()), body.as_bytes())
}

fn code(reply: &Reply) -> (u16, String) {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    assert_eq!(reply.changes, "", "a refusal changes nothing");
    (reply.status, body["error"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn trap_15_signature_is_over_the_raw_bytes_with_its_prefix() {
    let (source, _) = source_at("{}", SAMPLE_MS + 1_000);
    let with = |signature: &str| vec![json_header(), (signature::HEADER.to_owned(), signature.to_owned())];
    let reply = post(&source, &with(SIGNATURE), SAMPLE.as_bytes());
    assert_eq!((reply.status, reply.changes.lines().count()), (200, 1));
    // The same JSON in other bytes.
    let spaced = SAMPLE.replacen(':', ": ", 1);
    assert_eq!(post(&source, &with(SIGNATURE), spaced.as_bytes()).status, 401);
    let upper = SIGNATURE.to_uppercase();
    for wrong in [UNPREFIXED, "", &upper, &SIGNATURE[1..], &format!("hmacsha256={SIGNATURE}")] {
        assert_eq!(code(&post(&source, &with(wrong), SAMPLE.as_bytes())), (401, "wrong_signature".into()));
    }
    let twice = [with(SIGNATURE), with(SIGNATURE)].concat();
    assert_eq!(post(&source, &twice, SAMPLE.as_bytes()).status, 415, "two content types are none");
    let mut two = with(SIGNATURE);
    two.push((signature::HEADER.to_owned(), SIGNATURE.to_owned()));
    assert_eq!(code(&post(&source, &two, SAMPLE.as_bytes())).0, 401);
    assert_eq!(code(&post(&source, &[json_header()], SAMPLE.as_bytes())).0, 401);
}

#[test]
fn trap_16_deleted_becomes_a_delete() {
    let (source, _) = source_at("{}", SAMPLE_MS + 1_000);
    for (action, op) in [("CREATED", "upsert"), ("DELETED", "delete")] {
        let reply = send(&source, &json!({ "leadAction": action }));
        let change: Value = serde_json::from_str(&reply.changes).unwrap();
        let expected = json!({
            "stream": "lead_responses", "partition": "SPONSORED:503000111", "op": op, "time": SAMPLE_MS,
            "key": "5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3",
        });
        assert_eq!(change, expected);
    }
}

#[test]
fn the_challenge_is_answered_as_documented() {
    let (source, _) = source_at("{}", NOW);
    let get = |query| source.receive(Arrived { method: "GET", query, headers: &[], body: b"" }).unwrap();
    for query in [
        "challengeCode=7f1b0c62-3a55-4d1e-9c40-5d2a0b6f8e11",
        "a=1&challengeCode=7f1b0c62-3a55%2D4d1e-9c40-5d2a0b6f8e11&applicationId=7",
    ] {
        let reply = get(query);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.headers, [("content-type".to_owned(), "application/json".to_owned())]);
        assert_eq!(body["challengeCode"], "7f1b0c62-3a55-4d1e-9c40-5d2a0b6f8e11");
        assert_eq!(
            body["challengeResponse"],
            "8406d8ef782774ef39371d2f9b92465311ce702a4fb38c629501a32af2240939"
        );
    }
    let long = format!("challengeCode={}", "x".repeat(257));
    for query in
        ["", "challenge=7", "challengeCode=", "challengeCode=1&challengeCode=2", "challengeCode=%ff", &long]
    {
        assert_eq!(code(&get(query)), (400, "no_challenge_code".into()), "{query}");
    }
}

#[test]
fn what_is_no_notice_is_refused_with_the_fitting_status() {
    let (source, _) = source_at(r#"{"webhook":{"max_body_bytes":2048}}"#, SAMPLE_MS + 1_000);
    let ask = |method| source.receive(Arrived { method, query: "", headers: &[], body: b"" }).unwrap();
    let reply = ask("PUT");
    assert_eq!(code(&reply), (405, "method_not_allowed".into()));
    assert!(reply.headers.contains(&("allow".to_owned(), "GET, POST".to_owned())));

    let large = vec![b' '; 2049];
    assert_eq!(code(&post(&source, &signed_by(&source, &large), &large)), (413, "too_large".into()));
    let mut text = signed_by(&source, SAMPLE.as_bytes());
    text[0].1 = "text/plain".to_owned();
    assert_eq!(code(&post(&source, &text, SAMPLE.as_bytes())), (415, "not_json".into()));
    assert_eq!(code(&post(&source, &text[1..], SAMPLE.as_bytes())), (415, "not_json".into()));
    for body in ["", "{", "7", "{}", "[]", r#"{"type":"LEAD_ACTION"}"#] {
        let reply = post(&source, &signed_by(&source, body.as_bytes()), body.as_bytes());
        assert_eq!(code(&reply), (400, "malformed".into()), "{body}");
    }
    let id = format!("urn:li:leadGenFormResponse:{}", "x".repeat(513));
    assert_eq!(code(&send(&source, &json!({ "leadGenFormResponse": id }))), (400, "malformed".into()));
}

#[test]
fn replays_of_old_notices_and_notices_of_the_future_are_refused() {
    let hour = 3_600_000;
    let (source, link) = source_at("{}", SAMPLE_MS + 72 * hour);
    assert_eq!(send(&source, &json!({})).changes.lines().count(), 1);
    link.0.now.set(SAMPLE_MS + 72 * hour + 1);
    assert_eq!(code(&send(&source, &json!({}))), (400, "notice_too_old".into()));
    link.0.now.set(SAMPLE_MS - hour);
    assert_eq!(send(&source, &json!({})).status, 200);
    link.0.now.set(SAMPLE_MS - hour - 1);
    assert_eq!(code(&send(&source, &json!({}))), (400, "notice_from_the_future".into()));
}

#[test]
fn what_linkedin_may_add_or_write_differently_is_tolerated() {
    let (source, link) = source_at(r#"{"kinds":["SPONSORED","EVENT"]}"#, SAMPLE_MS + 1_000);
    for replaced in [
        json!({ "leadGenForm": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:9007199254740993, 2)" }),
        json!({ "associatedEntity": { "event": "urn:li:event:7100000000000000000" }, "new": [1] }),
        json!({ "leadGenForm": null }),
        json!({ "owner": { "organization": "urn:li:organization:90021" }, "leadType": "EVENT" }),
    ] {
        let reply = send(&source, &replaced);
        assert_eq!((reply.status, reply.changes.lines().count()), (200, 1), "{replaced}");
    }
    let both = format!("[{SAMPLE},{SAMPLE}]");
    let reply = post(&source, &signed_by(&source, both.as_bytes()), both.as_bytes());
    assert_eq!(reply.changes.lines().count(), 2);
    // Acknowledged, so that it is not sent again, and told to whoever reads the log.
    for replaced in
        [json!({ "leadAction": "RENAMED" }), json!({ "type": "OTHER" }), json!({ "leadType": "NEW" })]
    {
        let reply = send(&source, &replaced);
        assert_eq!((reply.status, reply.changes.as_str()), (200, ""), "{replaced}");
    }
    assert_eq!(link.0.logs.borrow().len(), 3);
}

#[test]
fn what_the_configuration_does_not_choose_is_passed_over() {
    for config in
        [r#"{"accounts":{"exclude":[503000111]}}"#, r#"{"forms":{"include":[7]}}"#, r#"{"kinds":["EVENT"]}"#]
    {
        let (source, _) = source_at(config, SAMPLE_MS + 1_000);
        let reply = send(&source, &json!({}));
        assert_eq!((reply.status, reply.changes.as_str()), (200, ""), "{config}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_single_changed_bit_is_refused(at in any::<prop::sample::Index>(), bit in 0..8_u8, in_body in any::<bool>()) {
        let (source, _) = source_at("{}", SAMPLE_MS + 1_000);
        let (mut body, mut signature) = (SAMPLE.as_bytes().to_vec(), SIGNATURE.as_bytes().to_vec());
        let bytes = if in_body { &mut body } else { &mut signature };
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let signature = String::from_utf8_lossy(&signature).into_owned();
        let headers = [json_header(), (signature::HEADER.to_owned(), signature)];
        prop_assert_eq!(code(&post(&source, &headers, &body)), (401, "wrong_signature".to_owned()));
    }

    #[test]
    fn any_bytes_are_judged(method in "GET|POST|.{0,8}", query in ".{0,80}", body in prop::collection::vec(any::<u8>(), 0..300)) {
        let (source, _) = source_at("{}", NOW);
        let headers = signed_by(&source, &body);
        let reply = source.receive(Arrived { method: &method, query: &query, headers: &headers, body: &body }).unwrap();
        prop_assert!(reply.changes.is_empty() && (200..500).contains(&reply.status));
    }
}

fn scripted(answers: Vec<(&'static str, u16, Value)>) -> (Source<Link>, Link) {
    let answers = answers.into_iter().map(|(part, status, body)| (part, status, body.to_string())).collect();
    let link = Fake::scripted(answers);
    (now(Source::open("{}", link.clone())).unwrap(), link)
}

const HOOK: &str = "https://hooks.example.test/leads";

/// Two accounts, one of which refuses.
fn two_accounts(created: (u16, Value)) -> Vec<(&'static str, u16, Value)> {
    let user =
        |account: u64| json!({ "account": format!("urn:li:sponsoredAccount:{account}"), "role": "VIEWER" });
    let there = json!({ "id": 7012, "webhook": "https://other.example.test/", "status": "BLOCKED" });
    vec![
        ("/adAccountUsers", 200, json!({ "elements": [user(1), user(2)], "paging": { "total": 2 } })),
        ("/adAccounts", 200, json!({ "elements": [], "metadata": {} })),
        ("/organizationAcls", 403, json!({ "status": 403 })),
        ("sponsoredAccount%3A2)", 403, json!({ "status": 403, "message": "no" })),
        ("sponsoredAccount%3A1)", 200, json!({ "results": [there] })),
        ("/leadNotifications", created.0, created.1),
    ]
}

#[test]
fn an_owner_that_refuses_does_not_stop_the_others_from_being_subscribed() {
    let (source, link) = scripted(two_accounts((201, json!({ "id": "7013" }))));
    let made = now(source.subscribe(HOOK, None)).unwrap();
    let told: Vec<_> = made.iter().map(|made| (made.id.as_str(), made.partition.as_str())).collect();
    assert_eq!(told, [("7013", "SPONSORED:1")]);
    assert!(link.0.logs.borrow().iter().any(|line| line.contains("SPONSORED:2")));
    let listed = now(source.subscriptions()).unwrap();
    assert_eq!((listed.len(), listed[0].id.as_str(), listed[0].state), (1, "7012", "blocked"));
    let urls = link.0.urls.borrow();
    let listing = "/leadNotifications?q=criteria&owner=(value:(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A1))\
                   &leadType=(leadType:SPONSORED)&start=0&count=100";
    assert!(urls.iter().any(|url| url.ends_with(listing)), "{urls:?}");
}

#[test]
fn a_url_that_fails_the_challenge_is_said_to() {
    let (source, _) = scripted(two_accounts((400, json!({ "code": "INVALID", "message": "challenge" }))));
    let failure = now(source.subscribe(HOOK, None)).unwrap_err();
    assert!(failure.to_string().contains("start the receiver first"), "{failure}");
}

#[test]
fn a_subscription_that_is_there_is_not_made_twice() {
    let (source, link) = scripted(two_accounts((500, json!({}))));
    let there = now(source.subscribe("https://other.example.test/", None)).unwrap();
    assert_eq!(there[0].id, "7012");
    assert!(link.0.urls.borrow().iter().all(|url| !url.ends_with("/leadNotifications")));
}

#[test]
fn only_what_linkedin_would_call_can_be_subscribed() {
    let (source, link) = scripted(Vec::new());
    for url in [
        "",
        "hooks",
        "http://hooks.example.test/",
        "https://",
        "https://a@b.test/",
        "https://a.test/#x",
        "https://localhost/x",
    ] {
        assert!(matches!(now(source.subscribe(url, None)), Err(Failure::Invalid { .. })), "{url}");
    }
    assert!(link.0.urls.borrow().is_empty());
    let ids = now(source.unsubscribe(&["../leadForms".to_owned()]));
    assert!(matches!(ids, Err(Failure::Invalid { .. })));
}

#[test]
fn ending_what_is_gone_is_no_failure() {
    let (source, _) =
        scripted(vec![("/leadNotifications/1", 204, json!({})), ("/leadNotifications/2", 404, json!({}))]);
    let ended = now(source.unsubscribe(&["1".to_owned(), "2".to_owned()])).unwrap();
    assert_eq!(ended, ["1", "2"]);
}

/// What is pushed and what is pulled are one record, byte for byte: the ledger then knows the one from the other.
#[test]
fn a_fetched_record_is_the_one_that_is_read() {
    let leads: Vec<Lead> = (0..5).map(|number| Lead::new(NOW - 1_000_000 + number as u64, number)).collect();
    let keys: Vec<String> = leads.iter().map(|lead| lead.id.clone()).collect();
    let link = Fake::link(Behaviour::default(), leads);
    let source = now(Source::open("{}", link)).unwrap();
    let read = now(source.read(crate::linkedin::ReadRequest {
        stream: "lead_responses",
        partition: "SPONSORED:503000111",
        cursor: None,
        max_records: 100,
        max_bytes: 1 << 20,
        selection: None,
    }));
    let records = read.unwrap().records;
    assert_eq!(now(source.fetch("lead_responses", &keys)).unwrap().records, records);
    let one = now(source.fetch("lead_responses", &keys[2..3])).unwrap().records;
    assert_eq!(Some(one.trim_end()), records.lines().nth(2));
}
