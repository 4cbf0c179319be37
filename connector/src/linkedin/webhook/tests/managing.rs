//! Managing subscriptions, against a LinkedIn in memory that keeps them.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::capabilities::{Request, Response};
use crate::failure::Failure;
use crate::linkedin::fake::{Fake, Link, now};
use crate::linkedin::tests::open;
use crate::linkedin::webhook::Subscription;

const URL: &str = "https://hooks.example.test/linkedin/leads";
const ORGANIC: &str =
    r#"{"kinds":["SPONSORED","EVENT"],"accounts":{"include":[1,2]},"organizations":{"include":[1]}}"#;

/// What LinkedIn holds, and how it answers.
#[derive(Default)]
struct Ledger {
    held: Vec<Value>,
    requests: Vec<Request>,
    /// At most so many on a page.
    page: usize,
    /// Owners whose subscriptions the member may not see.
    forbidden: Vec<&'static str>,
    /// Owners for which nothing can be created, with the status.
    unproven: Vec<(&'static str, u16)>,
    /// An owner for which nothing can be created now.
    busy: Option<&'static str>,
    results: bool,
    id_in_body: bool,
}

impl Ledger {
    fn answer(&mut self, request: &Request) -> Option<Response> {
        let (_, rest) = request.url.split_once("/leadNotifications")?;
        self.requests.push(request.clone());
        let refused = |owner: &&str| {
            let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
            rest.contains(&owner.replace(':', "%3A")) || body.contains(*owner)
        };
        if self.forbidden.iter().any(refused) {
            return Some(reply(403, &json!({ "status": 403, "code": "NO_PERMISSION_ON_ENTITY" })));
        }
        Some(match request.method {
            "GET" => self.find(rest),
            "POST" => self.create(request),
            "DELETE" => self.delete(rest.trim_start_matches('/')),
            method => panic!("{method}"),
        })
    }

    fn find(&self, query: &str) -> Response {
        let value = |name: &str| {
            let mut pairs = query.trim_start_matches('?').split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap()
        };
        assert_eq!(value("q"), "criteria");
        let fits = |held: &&Value| {
            let (member, urn) = held["owner"].as_object().unwrap().iter().next().unwrap();
            let urn = urn.as_str().unwrap().replace(':', "%3A");
            value("owner") == format!("(value:({member}:{urn}))")
                && value("leadType") == format!("(leadType:{})", held["leadType"].as_str().unwrap())
        };
        let start: usize = value("start").parse().unwrap();
        let found: Vec<&Value> = self.held.iter().filter(fits).skip(start).take(self.page).collect();
        reply(200, &json!({ if self.results { "results" } else { "elements" }: found }))
    }

    fn create(&mut self, request: &Request) -> Response {
        let mut made: Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
        let of = |owner: &str| made["owner"].to_string().contains(owner);
        if let Some((_, status)) = self.unproven.iter().find(|(owner, _)| of(owner)) {
            return reply(*status, &json!({ "status": status, "code": "REFUSED" }));
        }
        if self.busy.is_some_and(|owner| made["owner"].to_string().contains(owner)) {
            return Response { status: 503, body: b"busy".to_vec(), ..Response::default() };
        }
        let id = 7_000 + self.held.len() as u64;
        made["id"] = id.into();
        self.held.push(made);
        if self.id_in_body {
            return reply(200, &json!({ "id": id }));
        }
        let headers = vec![("x-restli-id".to_owned(), id.to_string())];
        Response { status: 201, headers, body: Vec::new() }
    }

    fn delete(&mut self, id: &str) -> Response {
        let before = self.held.len();
        self.held.retain(|held| held["id"].as_u64() != id.parse().ok());
        Response { status: if self.held.len() < before { 204 } else { 404 }, ..Response::default() }
    }
}

fn reply(status: u16, body: &Value) -> Response {
    Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn linkedin(ledger: Ledger) -> (Link, Rc<RefCell<Ledger>>) {
    let user = |id: u64| json!({ "account": format!("urn:li:sponsoredAccount:{id}"), "role": "VIEWER" });
    let users = json!({ "elements": [user(1), user(2)], "paging": { "total": 2 } });
    let acl =
        json!({ "organization": "urn:li:organization:1", "role": "ADMINISTRATOR", "state": "APPROVED" });
    let acls = json!({ "elements": [acl], "paging": { "total": 1 } });
    let link = Fake::scripted(vec![
        ("/adAccountUsers", 200, users.to_string()),
        ("/adAccounts", 200, json!({ "elements": [], "metadata": {} }).to_string()),
        ("/organizationAcls", 200, acls.to_string()),
    ]);
    let ledger = Rc::new(RefCell::new(ledger));
    let serving = Rc::clone(&ledger);
    link.0.server.replace(Some(Box::new(move |request| serving.borrow_mut().answer(request))));
    (link, ledger)
}

fn ordinary() -> Ledger {
    Ledger { page: 100, ..Ledger::default() }
}

fn held(id: u64, account: u64, url: &str) -> Value {
    let urn = format!("urn:li:sponsoredAccount:{account}");
    json!({ "id": id, "webhook": url, "owner": { "sponsoredAccount": urn }, "leadType": "SPONSORED" })
}

fn lines(subscriptions: &[Subscription]) -> Vec<(&str, &str)> {
    subscriptions.iter().map(|found| (found.id.as_str(), found.partition.as_str())).collect()
}

fn posts(ledger: &RefCell<Ledger>) -> Vec<Value> {
    let ledger = ledger.borrow();
    let posts = ledger.requests.iter().filter(|request| request.method == "POST");
    posts.map(|request| serde_json::from_slice(request.body.as_deref().unwrap()).unwrap()).collect()
}

#[test]
fn subscribes_each_owner_and_kind_once() {
    let (link, ledger) = linkedin(ordinary());
    let source = open(&link, ORGANIC);
    let made = now(source.subscribe(URL, None)).unwrap();
    let partitions: Vec<&str> = made.iter().map(|found| found.partition.as_str()).collect();
    assert_eq!(partitions, ["EVENT:1", "SPONSORED:1", "SPONSORED:2"]);
    assert_eq!(
        posts(&ledger)[..2],
        [
            json!({ "webhook": URL, "owner": { "organization": "urn:li:organization:1" }, "leadType": "EVENT" }),
            json!({ "webhook": URL, "owner": { "sponsoredAccount": "urn:li:sponsoredAccount:1" }, "leadType": "SPONSORED" }),
        ]
    );
    let create = ledger.borrow().requests.iter().find(|request| request.method == "POST").cloned().unwrap();
    assert!(!create.repeatable && create.headers.contains(&("Content-Type", "application/json".to_owned())));
    let again = now(source.subscribe(URL, None)).unwrap();
    assert_eq!((lines(&again), posts(&ledger).len()), (lines(&made), 3), "harmless to repeat");
    let line = serde_json::to_value(&made[1]).unwrap();
    assert_eq!(
        line,
        json!({ "id": "7001", "url": URL, "stream": "lead_responses", "partition": "SPONSORED:1", "state": "active" })
    );
}

#[test]
fn a_selection_narrows_and_other_urls_stay() {
    let (link, ledger) =
        linkedin(Ledger { held: vec![held(5, 2, "https://old.example.test/")], ..ordinary() });
    let source = open(&link, "{}");
    let made = now(source.subscribe(URL, Some(r#"{"where":{"account":["2"]}}"#))).unwrap();
    assert_eq!(lines(&made), [("7001", "SPONSORED:2")]);
    assert_eq!(ledger.borrow().held.len(), 2);
}

#[test]
fn a_subscription_of_one_form_does_not_stand_for_its_owner() {
    let mut of_form = held(5, 1, URL);
    of_form["versionedForm"] = "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:4400120,2)".into();
    let (link, ledger) = linkedin(Ledger { held: vec![of_form], ..ordinary() });
    let config = r#"{"accounts":{"include":[1]}}"#;
    let made = now(open(&link, config).subscribe(URL, None)).unwrap();
    assert_eq!((lines(&made), posts(&ledger).len()), (vec![("7001", "SPONSORED:1")], 1));
    assert_eq!(now(open(&link, config).subscriptions()).unwrap().len(), 2);
}

#[test]
fn takes_the_id_from_header_or_body_and_either_spelling_of_a_list() {
    let (link, ledger) = linkedin(Ledger { id_in_body: true, results: true, ..ordinary() });
    let source = open(&link, "{}");
    let made = now(source.subscribe(URL, None)).unwrap();
    assert_eq!(lines(&made), [("7000", "SPONSORED:1"), ("7001", "SPONSORED:2")]);
    assert_eq!(now(source.subscribe(URL, None)).unwrap(), made);
    assert_eq!(posts(&ledger).len(), 2);
}

#[test]
fn lists_every_page_and_tells_which_are_blocked() {
    let mut all: Vec<Value> =
        (1..=25).map(|id| held(id, 1, &format!("https://h{id}.example.test/"))).collect();
    all[0]["state"] = "BLOCKED".into();
    let (link, _) = linkedin(Ledger { held: all, page: 10, ..ordinary() });
    let found = now(open(&link, "{}").subscriptions()).unwrap();
    assert_eq!(found.len(), 25);
    assert_eq!((found[0].state, found[1].state), ("blocked", "active"));
}

#[test]
fn one_refused_owner_stops_no_other() {
    let forbidden = vec!["urn:li:sponsoredAccount:1"];
    let (link, _) = linkedin(Ledger { forbidden, ..ordinary() });
    let made = now(open(&link, "{}").subscribe(URL, None)).unwrap();
    assert_eq!(lines(&made), [("7000", "SPONSORED:2")]);
    let logs = link.0.logs.borrow();
    assert!(
        logs.iter().any(|line| line.contains("refused the subscriptions") && line.contains("SPONSORED:1"))
    );
}

#[test]
fn one_owner_for_which_linkedin_creates_nothing_stops_no_other() {
    for status in [400, 404, 409] {
        let unproven = vec![("urn:li:sponsoredAccount:2", status)];
        let (link, _) = linkedin(Ledger { unproven, ..ordinary() });
        let made = now(open(&link, "{}").subscribe(URL, None)).unwrap();
        assert_eq!(lines(&made), [("7000", "SPONSORED:1")], "{status}");
        assert!(link.0.logs.borrow().iter().any(|line| line.contains("SPONSORED:2")), "{status}");
    }
}

#[test]
fn a_url_that_fails_the_challenge_is_not_tried_for_every_owner() {
    let unproven = vec![("urn:li:sponsoredAccount:1", 400), ("urn:li:sponsoredAccount:2", 400)];
    let (link, ledger) = linkedin(Ledger { unproven, ..ordinary() });
    let failure = now(open(&link, r#"{"requests_in_flight":1}"#).subscribe(URL, None)).unwrap_err();
    let Failure::Invalid { detail, .. } = failure else { panic!("{failure:?}") };
    assert!(detail.message.contains("challenge") && detail.message.contains("client secret"), "{detail}");
    assert_eq!(ledger.borrow().requests.iter().filter(|request| request.method == "POST").count(), 1);
}

#[test]
fn if_every_owner_is_refused_the_call_is() {
    let forbidden = vec!["urn:li:sponsoredAccount:1", "urn:li:sponsoredAccount:2"];
    let (link, _) = linkedin(Ledger { forbidden, ..ordinary() });
    let source = open(&link, "{}");
    assert!(matches!(now(source.subscribe(URL, None)), Err(Failure::Forbidden { .. })));
    assert!(matches!(now(source.subscriptions()), Err(Failure::Forbidden { .. })));
}

#[test]
fn an_outage_for_one_owner_fails_the_call_so_that_it_is_repeated() {
    let (link, ledger) = linkedin(Ledger { busy: Some("urn:li:sponsoredAccount:1"), ..ordinary() });
    let source = open(&link, "{}");
    assert!(matches!(now(source.subscribe(URL, None)), Err(Failure::Retryable { .. })));
    ledger.borrow_mut().busy = None;
    assert_eq!(now(source.subscribe(URL, None)).unwrap().len(), 2);
    assert_eq!(ledger.borrow().held.len(), 2, "what was made the first time is found again");
}

#[test]
fn only_urls_that_linkedin_can_call_are_subscribed() {
    let attempt = |config: &str, url: &str| {
        let (link, _) = linkedin(ordinary());
        now(open(&link, config).subscribe(url, None))
    };
    let local = r#"{"api_url":"http://127.0.0.1:8080/rest"}"#;
    for url in [
        "http://hooks.example.test/",
        "ftp://hooks.example.test/",
        "hooks.example.test",
        "https://",
        "https://hooks/",
        "https://192.0.2.7/",
        "https://192.0.2.7:8443/",
        "https://[2001:db8::7]/",
        "https://printer.local/",
        "https://hooks.example.test./",
        "https://user@hooks.example.test/",
        "https://user:word@hooks.example.test/",
        "https://hooks.example.test/#part",
        "https://hooks.example.test/a b",
        &format!("https://hooks.example.test/{}", "x".repeat(2_048)),
    ] {
        assert!(matches!(attempt("{}", url), Err(Failure::Invalid { .. })), "{url}");
        assert!(matches!(attempt(local, url), Err(Failure::Invalid { .. })), "{url}");
    }
    for url in ["http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]/x", "http://[::1]:9/x"] {
        assert!(matches!(attempt("{}", url), Err(Failure::Invalid { .. })), "{url}");
        assert_eq!(attempt(local, url).unwrap().len(), 2, "{url}");
    }
    for url in ["http://127.0.0.1.example.test/", "http://localhost.example.test/", "http://[::2]/"] {
        assert!(matches!(attempt(local, url), Err(Failure::Invalid { .. })), "{url}");
    }
    assert_eq!(attempt("{}", "https://hooks.example.test:8443/leads?tenant=7").unwrap().len(), 2);
}

#[test]
fn an_organization_that_refuses_is_told_the_role_it_needs() {
    let (link, _) = linkedin(Ledger { forbidden: vec!["urn:li:organization:1"], ..ordinary() });
    let failure = now(open(&link, r#"{"kinds":["EVENT"]}"#).subscribe(URL, None)).unwrap_err();
    assert!(
        matches!(&failure, Failure::Forbidden { missing, .. } if missing.contains("organization 1")),
        "{failure:?}"
    );
}

#[test]
fn nothing_is_ended_unless_every_id_is_one() {
    let (link, ledger) = linkedin(ordinary());
    for id in ["", "x", "5/6", "../5", "5?x", "-5", "111111111111111111111"] {
        let ids = ["5".to_owned(), id.to_owned()];
        assert!(matches!(now(open(&link, "{}").unsubscribe(&ids)), Err(Failure::Invalid { .. })), "{id}");
    }
    assert!(ledger.borrow().requests.is_empty());
}
