//! Subscriptions, challenges and notices.

use reqwest::Method;
use serde_json::{Value, json};
use sluice_sandbox::{Arrival, Clock, Kind, NoticeState, Options, Sandbox};

use crate::client::{NOW_MS, World, body, ids, reply};
use crate::webhook::{Webhook, hmac_hex};

const NOTIFICATIONS: &str = "/rest/leadNotifications";
const HOUR_MS: u64 = 3_600_000;

fn wish(webhook: &str) -> Value {
    json!({
        "webhook": webhook,
        "owner": {"sponsoredAccount": "urn:li:sponsoredAccount:503000101"},
        "leadType": "SPONSORED",
    })
}

async fn create(world: &World, wish: &Value) -> reqwest::Response {
    send(world, Method::POST, NOTIFICATIONS, wish.to_string()).await
}

async fn send(world: &World, method: Method, path: &str, text: String) -> reqwest::Response {
    let url = format!("http://{}{path}", world.running.linkedin);
    let request = world
        .client
        .request(method, url)
        .header("authorization", "Bearer sandbox-linkedin-token")
        .header("linkedin-version", "202609")
        .header("x-restli-protocol-version", "2.0.0");
    request.header("content-type", "application/json").body(text).send().await.unwrap()
}

async fn subscribe(world: &World, webhook: &Webhook) -> String {
    let response = create(world, &wish(&webhook.url)).await;
    assert_eq!(response.status(), 201);
    response.headers()["x-restli-id"].to_str().unwrap().to_owned()
}

async fn control(world: &World, path: &str, value: Value) -> (u16, Value) {
    let url = format!("http://{}/_sandbox/linkedin/{path}", world.running.control);
    reply(world.client.post(url).body(value.to_string())).await
}

fn arrival(count: u64) -> Arrival {
    Arrival { owner: 503_000_101, kind: Kind::Sponsored, count }
}

#[tokio::test]
async fn a_subscription_is_created_read_found_and_deleted() {
    let (world, webhook) = (World::small().await, Webhook::start().await);
    let response = create(&world, &wish(&webhook.url)).await;
    let id = response.headers()["x-restli-id"].to_str().unwrap().to_owned();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (201, String::new()));
    let challenge = webhook.challenges().pop().unwrap();
    assert!(challenge.starts_with("tenant=a&challengeCode=") && challenge.len() == 23 + 36, "{challenge}");

    world.fault("linkedin.notices.filled_body=true");
    let (status, second) = body(create(&world, &wish(&webhook.url)).await).await;
    assert_eq!((status, &second["leadType"]), (201, &json!("SPONSORED")));

    let one = world.ok(&format!("{NOTIFICATIONS}/{id}")).await;
    let mut wanted = wish(&webhook.url);
    wanted["id"] = id.parse::<u64>().unwrap().into();
    assert_eq!(one, wanted);
    let owner = "owner=(value:(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A503000101))";
    let found = format!("{NOTIFICATIONS}?q=criteria&{owner}&leadType=(leadType:SPONSORED)");
    assert_eq!(
        world.ok(&found).await,
        json!({
            "elements": [one, second], "paging": {"start": 0, "count": 10, "links": []},
        })
    );
    assert_eq!(world.get(&found.replace("(value:(", "((").replace("))&", ")&")).await.0, 400);
    assert!(world.elements(&found.replace("503000101", "503000102")).await.is_empty());

    let path = format!("{NOTIFICATIONS}/{id}");
    let deleted = send(&world, Method::DELETE, &path, String::new()).await;
    assert_eq!((deleted.status().as_u16(), deleted.text().await.unwrap()), (204, String::new()));
    assert_eq!(world.get(&path).await.0, 404);
    assert_eq!(send(&world, Method::DELETE, &path, String::new()).await.status(), 404);
    assert_eq!(send(&world, Method::PUT, &path, String::new()).await.status(), 405);
    assert_eq!(world.elements(&found).await.len(), 1);
}

#[tokio::test]
async fn a_webhook_that_fails_its_challenge_is_not_subscribed() {
    let (world, webhook) = (World::small().await, Webhook::start().await);
    webhook.spoil(true);
    let (status, problem) = body(create(&world, &wish(&webhook.url)).await).await;
    assert_eq!(status, 400);
    assert!(problem["message"].as_str().unwrap().contains("security challenge check"), "{problem}");
    webhook.spoil(false);
    webhook.answer(204);
    assert_eq!(create(&world, &wish(&webhook.url)).await.status(), 400);
    // A port that was free a moment ago and that nobody listens on.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(create(&world, &wish(&format!("http://{closed}/"))).await.status(), 400);
    assert!(world.running.webhooks().is_empty());
}

#[tokio::test]
async fn what_a_subscription_must_say_is_checked_before_the_challenge() {
    let (world, webhook) = (World::small().await, Webhook::start().await);
    let with = |name: &str, value: Value| {
        let mut changed = wish(&webhook.url);
        changed[name] = value;
        changed
    };
    let organization = json!({"organization": "urn:li:organization:90021"});
    for (bad, status) in [
        (json!([]), 400),
        (with("webhook", json!("ftp://hooks.example.test/")), 400),
        (with("leadType", json!({"leadType": "SPONSORED"})), 400),
        (with("leadType", json!("EVENT")), 400),
        (with("owner", json!("urn:li:sponsoredAccount:503000101")), 400),
        (with("owner", organization), 400),
        (with("owner", json!({"sponsoredAccount": "urn:li:sponsoredAccount:7"})), 403),
        (with("versionedForm", json!("urn:li:leadGenForm:4400100")), 400),
        (with("callback", json!("x")), 403),
    ] {
        assert_eq!(create(&world, &bad).await.status(), status, "{bad}");
    }
    world.fault("linkedin.notices.public_https_only=true");
    assert_eq!(create(&world, &wish(&webhook.url)).await.status(), 400);
    assert!(webhook.challenges().is_empty());
}

#[tokio::test]
async fn an_arrival_is_told_once_signed_and_without_answers() {
    let (world, webhook) = (World::small().await, Webhook::start().await);
    let id: u64 = subscribe(&world, &webhook).await.parse().unwrap();
    let value = json!({"owner": 503_000_101, "kind": "SPONSORED", "count": 2});
    let (status, arrived) = control(&world, "arrive", value).await;
    assert_eq!(status, 200, "{arrived}");
    let received = webhook.received();
    assert_eq!(received.len(), 2);
    let notices = world.running.notices(0, false);
    for ((received, response), notice) in
        received.iter().zip(arrived["ids"].as_array().unwrap()).zip(&notices)
    {
        let response = response.as_str().unwrap();
        let element = world.ok(&format!("/rest/leadFormResponses/{response}")).await;
        let creative = &element["associatedEntity"]["associatedCreative"];
        assert_eq!(
            received.body,
            format!(
                "{{\"type\":\"LEAD_ACTION\",\"leadGenFormResponse\":\"urn:li:leadGenFormResponse:{response}\",\"leadGenForm\":{},\
             \"owner\":{{\"sponsoredAccount\":\"urn:li:sponsoredAccount:503000101\"}},\"associatedEntity\":{{\"sponsoredCreative\":{creative}}},\
             \"leadType\":\"SPONSORED\",\"leadAction\":\"CREATED\",\"occurredAt\":{NOW_MS}}}",
                element["versionedLeadGenFormUrn"]
            )
        );
        assert!(received.signed());
        assert_eq!(received.path_and_query, "/leads?tenant=a");
        assert_eq!(received.headers["content-type"], "application/json");
        assert_eq!((notice.subscription, notice.state, notice.tries), (Some(id), NoticeState::Delivered, 1));
        assert_eq!(notice.body, received.body);
        let host = webhook.url.trim_start_matches("http://").split('/').next().unwrap();
        let signature = hmac_hex(format!("hmacsha256={}", received.body).as_bytes());
        assert_eq!(
            notice.request,
            format!(
                "POST /leads?tenant=a HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             X-LI-Signature: {signature}\r\nContent-Length: {}\r\n\r\n{}",
                received.body.len(),
                received.body
            )
        );
    }
}

#[tokio::test]
async fn a_withdrawal_is_told_and_the_response_is_gone() {
    let (world, webhook) = (World::small().await, Webhook::start().await);
    subscribe(&world, &webhook).await;
    let first = world.elements(crate::client::BY_OWNER).await;
    let id = ids(&first)[2].to_owned();
    assert_eq!(control(&world, "withdraw", json!({"id": id})).await, (200, json!({})));
    let told = webhook.received().pop().unwrap();
    assert!(told.signed());
    assert_eq!(
        (&told.json()["leadAction"], told.json()["occurredAt"].as_u64()),
        (&json!("DELETED"), Some(NOW_MS))
    );
    assert!(!ids(&world.elements(crate::client::BY_OWNER).await).contains(&id.as_str()));
    assert_eq!(world.get(&format!("/rest/leadFormResponses/{id}")).await.0, 404);
    assert_eq!(control(&world, "withdraw", json!({"id": id})).await.0, 409);
    assert_eq!(
        control(&world, "withdraw", json!({"id": "5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3"})).await.0,
        404
    );
    assert!(world.running.expected().all(|one| one.id != id));

    assert_eq!(control(&world, "reregister", json!({"id": id})).await.0, 200);
    assert_eq!(world.get(&format!("/rest/leadFormResponses/{id}")).await.0, 200);
    assert_eq!(control(&world, "reregister", json!({"id": id})).await.0, 200);
    let told: Vec<(Value, u64)> = webhook
        .received()
        .iter()
        .map(|one| (one.json()["leadAction"].clone(), one.json()["occurredAt"].as_u64().unwrap()))
        .collect();
    let wanted = ["DELETED", "CREATED", "DELETED", "CREATED"];
    assert_eq!(told.iter().map(|(action, _)| action).collect::<Vec<_>>(), wanted);
    assert!(told.is_sorted_by(|a, b| a.1 < b.1), "{told:?}");
}

#[tokio::test]
async fn only_subscribed_owners_kinds_and_forms_are_told() {
    let options = Options { responses: 60, organizations: 1, organic_responses: 60, ..Options::default() };
    let (world, webhook) = (World::start(options).await, Webhook::start().await);
    let mut events = wish(&webhook.url);
    events["owner"] = json!({"organization": "urn:li:organization:90021"});
    events["leadType"] = json!("EVENT");
    assert_eq!(create(&world, &events).await.status(), 201);
    let known = world.running.arrive(&arrival(1)).unwrap().remove(0);
    let form = world.running.expected().find(|one| one.id == known).unwrap().form;
    let mut one_form = wish(&webhook.url);
    one_form["versionedForm"] = json!(format!("urn:li:versionedLeadGenForm:(urn:li:leadGenForm:{form},2)"));
    assert_eq!(create(&world, &one_form).await.status(), 201);

    for (owner, kind) in [(90_021, Kind::Company), (503_000_102, Kind::Sponsored)] {
        world.running.arrive(&Arrival { owner, kind, count: 2 }).unwrap();
    }
    world.running.deliver().await;
    assert!(webhook.received().is_empty());
    world.running.arrive(&Arrival { owner: 90_021, kind: Kind::Event, count: 2 }).unwrap();
    let arrived = world.running.arrive(&arrival(20)).unwrap();
    world.running.deliver().await;
    let on_form =
        world.running.expected().filter(|one| arrived.contains(&one.id) && one.form == form).count();
    let told = webhook.received();
    assert!(on_form > 0 && on_form < 20 && told.len() == 2 + on_form, "{} {on_form}", told.len());
    assert!(told[..2].iter().all(|one| one.json()["associatedEntity"]["event"].is_string()));
    assert!(
        told[2..].iter().all(|one| one.json()["leadGenForm"].as_str().unwrap().contains(&form.to_string()))
    );
}

#[tokio::test]
async fn without_a_subscription_notices_are_listed_when_asked_for() {
    let world = World::small().await;
    world.running.arrive(&arrival(3)).unwrap();
    let url = |query: &str| format!("http://{}/_sandbox/linkedin/notices{query}", world.running.control);
    assert_eq!(reply(world.client.get(url(""))).await, (200, json!([])));
    let (_, all) = reply(world.client.get(url("?all=true"))).await;
    assert_eq!(all, serde_json::to_value(world.running.notices(0, true)).unwrap());
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(all[0]["state"], "unsubscribed");
    let request = all[0]["request"].as_str().unwrap();
    assert!(
        request.starts_with("POST /linkedin/leads HTTP/1.1\r\nHost: hooks.example.test\r\n"),
        "{request}"
    );
    let (_, after) = reply(world.client.get(url("?all=true&after=2"))).await;
    assert_eq!(after.as_array().unwrap().len(), 1);
    assert_eq!(reply(world.client.get(url("?every=true"))).await.0, 400);
}

#[tokio::test]
async fn arrivals_have_bounds() {
    let world = World::start(Options {
        responses: 600,
        days: 1,
        anchor_ms: Some(NOW_MS + HOUR_MS),
        ..Options::default()
    })
    .await;
    for (value, status) in [
        (json!({"owner": 503_000_101, "kind": "SPONSORED", "count": 0}), 400),
        (json!({"owner": 503_000_101, "kind": "SPONSORED", "count": 10_001}), 400),
        (json!({"owner": 503_000_101, "kind": "EVENT"}), 404),
        (json!({"owner": 90_021, "kind": "EVENT"}), 404),
        (json!({"owner": 503_000_101, "kind": "PODCAST"}), 400),
        (json!({"owner": 503_000_101, "kind": "SPONSORED"}), 409),
    ] {
        assert_eq!(control(&world, "arrive", value.clone()).await.0, status, "{value}");
    }
}

#[tokio::test]
async fn a_delayed_notice_waits_and_a_refused_one_is_sent_again() {
    let (world, webhook) = (World::small().await, Webhook::start().await);
    subscribe(&world, &webhook).await;
    world.fault("linkedin.notices.delay_ms=5000");
    world.running.arrive(&arrival(1)).unwrap();
    world.running.deliver().await;
    world.clock.advance(4_999);
    world.running.deliver().await;
    assert!(webhook.received().is_empty());
    world.clock.advance(1);
    webhook.answer(503);
    world.running.deliver().await;
    world.running.deliver().await;
    assert_eq!(webhook.received().len(), 1);
    world.clock.advance(300_000);
    webhook.answer(204);
    world.running.deliver().await;
    assert_eq!(webhook.received().len(), 2);
    assert_eq!(world.running.notices(0, false)[0].state, NoticeState::Delivered);
}

#[tokio::test]
async fn switches_double_reorder_and_spoil_notices() {
    let (world, webhook) = (World::small().await, Webhook::start().await);
    subscribe(&world, &webhook).await;
    world.fault("linkedin.notices.duplicate_rate=1");
    world.fault("linkedin.notices.reorder=true");
    world.fault("linkedin.notices.bad_signature_rate=1");
    world.fault("linkedin.notices.bad_signature=header");
    let arrived = world.running.arrive(&arrival(2)).unwrap();
    world.running.deliver().await;
    let told = webhook.received();
    let urns: Vec<String> = told
        .iter()
        .map(|one| one.json()["leadGenFormResponse"].as_str().unwrap().rsplit(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(urns, [&arrived[1], &arrived[1], &arrived[0], &arrived[0]].map(String::clone));
    assert!(told.iter().all(|one| !one.headers.contains_key("x-li-signature")));
    world.fault("linkedin.notices.bad_signature=prefix");
    world.running.arrive(&arrival(1)).unwrap();
    world.running.deliver().await;
    let last = webhook.received().pop().unwrap();
    assert!(!last.signed() && last.headers["x-li-signature"] == hmac_hex(last.body.as_bytes()).as_str());
    world.fault("linkedin.notices.lost_rate=1");
    let before = webhook.received().len();
    world.running.arrive(&arrival(3)).unwrap();
    world.running.deliver().await;
    assert_eq!(webhook.received().len(), before);
}

#[tokio::test]
async fn a_response_can_be_late_for_its_own_notice() {
    let world = World::small().await;
    world.fault("linkedin.notices.not_found_tries=2");
    let id = world.running.arrive(&arrival(1)).unwrap().remove(0);
    let path = format!("/rest/leadFormResponses/{id}");
    assert_eq!(world.get(&path).await.0, 404);
    let batch = world.ok(&format!("/rest/leadFormResponses?ids=List({id})")).await;
    assert_eq!(batch["errors"][&id]["status"], 404);
    assert_eq!(world.get(&path).await.0, 200);
}

#[tokio::test]
async fn a_webhook_is_challenged_every_two_hours_and_blocked_after_three_failures() {
    let (world, webhook) = (World::small().await, Webhook::start().await);
    subscribe(&world, &webhook).await;
    world.clock.advance(2 * HOUR_MS - 1);
    world.running.challenge_webhooks(false).await;
    assert_eq!(webhook.challenges().len(), 1);
    webhook.spoil(true);
    for failures in 1..=3 {
        world.clock.advance(2 * HOUR_MS);
        let (_, states) = control(&world, "challenges", json!({})).await;
        assert_eq!(
            (&states[0]["failures"], &states[0]["blocked"]),
            (&json!(failures), &json!(failures == 3))
        );
    }
    let codes: std::collections::BTreeSet<String> = webhook.challenges().into_iter().collect();
    assert_eq!(codes.len(), 4, "no code is used twice");
    world.running.arrive(&arrival(1)).unwrap();
    world.running.deliver().await;
    assert!(webhook.received().is_empty());

    webhook.spoil(false);
    world.clock.advance(2 * HOUR_MS);
    assert!(
        world.running.challenge_webhooks(false).await[0].blocked,
        "it stays blocked until validated by hand"
    );
    assert!(!world.running.challenge_webhooks(true).await[0].blocked);
    world.running.arrive(&arrival(1)).unwrap();
    world.running.deliver().await;
    assert_eq!(webhook.received().len(), 1);
}

#[tokio::test]
async fn generated_responses_are_told_of_when_their_time_comes() {
    let options =
        Options { responses: 300, days: 1, anchor_ms: Some(NOW_MS + 12 * HOUR_MS), ..Options::default() };
    let (world, webhook) = (World::start(options).await, Webhook::start().await);
    subscribe(&world, &webhook).await;
    let of_account =
        |world: &World| world.running.expected().filter(|one| one.account == 503_000_101).count();
    let before = of_account(&world);
    world.clock.advance(6 * HOUR_MS);
    world.running.deliver().await;
    let (received, now) = (webhook.received().len(), of_account(&world));
    assert!(received > 10 && received == now - before, "{received} {before} {now}");
    world.running.deliver().await;
    assert_eq!(webhook.received().len(), received);

    world.fault("linkedin.notices.test_leads=false");
    let known: Vec<String> = world.running.expected().map(|one| one.id).collect();
    world.clock.advance(6 * HOUR_MS);
    world.running.deliver().await;
    let new: Vec<_> = world
        .running
        .expected()
        .filter(|one| one.account == 503_000_101 && !known.contains(&one.id))
        .collect();
    let real = new.iter().filter(|one| !one.test_lead).count();
    assert!(real < new.len(), "some are test leads");
    assert_eq!(webhook.received().len() - received, real);
}

#[tokio::test]
async fn pages_that_change_are_told_of_too() {
    let world = World::small().await;
    world.fault("linkedin.insert_between_pages=2");
    world.fault("linkedin.delete_between_pages=1");
    world.ok(crate::client::BY_OWNER).await;
    let actions: Vec<Value> = world
        .running
        .notices(0, true)
        .iter()
        .map(|notice| serde_json::to_value(notice.action).unwrap())
        .collect();
    assert_eq!(actions, ["CREATED", "CREATED", "DELETED"]);
}

#[tokio::test]
async fn a_sandbox_on_the_systems_clock_sends_delayed_notices_by_itself() {
    let mut world = World::small().await;
    let options = Options { responses: 60, clock: Clock::system(), ..Options::default() };
    world.running = Sandbox::start(options).await.unwrap();
    let webhook = Webhook::start().await;
    subscribe(&world, &webhook).await;
    world.running.arrive(&arrival(1)).unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(20), webhook.posted()).await.unwrap();
    assert_eq!(webhook.received().len(), 1);
    world.running.stop().await;
}
