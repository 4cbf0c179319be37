//! The control surface, on its own port and on every other.

use serde_json::{Value, json};

use crate::client::{BY_OWNER, World, body, reply};

#[tokio::test]
async fn faults_are_changed_over_http_from_any_port_and_mistakes_change_nothing() {
    let world = World::small().await;
    let url = |address| format!("http://{address}/_sandbox/faults");
    let patch = |value: Value| world.client.patch(url(world.running.control)).body(value.to_string());
    let (status, faults) = reply(patch(json!({"linkedin": {"total": false}}))).await;
    assert_eq!((status, &faults["linkedin"]["total"]), (200, &json!(false)));
    assert!(world.ok(BY_OWNER).await["paging"].get("total").is_none());
    for address in [world.running.linkedin, world.running.entra, world.running.dataverse] {
        assert_eq!(reply(world.client.get(url(address))).await, (200, faults.clone()));
    }
    let (status, error) = reply(patch(json!({"linkedin": {"totl": true, "count_max": 5}}))).await;
    assert_eq!(status, 400);
    assert!(error["error"].as_str().unwrap().contains("totl"));
    assert_eq!(reply(world.client.patch(url(world.running.control)).body("{")).await.0, 400);
    assert_eq!(reply(world.client.get(url(world.running.control))).await.1, faults);
}

#[tokio::test]
async fn counters_are_reset_and_control_calls_are_not_counted() {
    let world = World::small().await;
    world.ok(BY_OWNER).await;
    let url = |path: &str| format!("http://{}/_sandbox/{path}", world.running.linkedin);
    let requests =
        async || reply(world.client.get(url("stats"))).await.1["transport"]["linkedin"]["requests"].clone();
    assert_eq!(requests().await, 1);
    assert_eq!(requests().await, 1);
    assert_eq!(reply(world.client.post(url("reset"))).await.0, 200);
    assert_eq!(requests().await, 0);
    let (status, error) = reply(world.client.get(url("nothing"))).await;
    assert_eq!(status, 404);
    assert!(error["error"].as_str().unwrap().contains("reconcile"));
}

#[tokio::test]
async fn expectations_are_streamed_one_line_per_response() {
    let world = World::start(sluice_sandbox::Options { responses: 2_500, ..Default::default() }).await;
    let url = format!("http://{}/_sandbox/expected", world.running.control);
    let response = world.client.get(url).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let text = response.text().await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let library: Vec<Value> =
        world.running.expected().map(|one| serde_json::to_value(one).unwrap()).collect();
    assert_eq!((lines.len(), &lines), (2_500, &library));
    let mut names: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    names.sort();
    let wanted = [
        "account",
        "email",
        "firstName",
        "form",
        "id",
        "kind",
        "lastName",
        "owner",
        "phone",
        "submittedAt",
        "testLead",
        "version",
    ];
    assert_eq!(names, wanted);
}

#[tokio::test]
async fn reconciling_an_empty_dataverse_misses_every_response_but_test_leads() {
    let world = World::small().await;
    let url = format!("http://{}/_sandbox/reconcile", world.running.control);
    let (status, result) = body(world.client.get(url).send().await.unwrap()).await;
    let real = world.running.expected().filter(|response| !response.test_lead).count();
    assert_eq!(
        (status, &result["responses"], &result["responses_without_lead"]),
        (200, &json!(real), &json!(real))
    );
    assert_eq!(result["missing_ids"].as_array().unwrap().len(), 20);
    assert_eq!(serde_json::to_value(world.running.reconcile()).unwrap(), result);
}

#[tokio::test]
async fn requests_for_responses_are_counted_by_owner() {
    let world = World::small().await;
    world.fault("transport.linkedin.latency_ms=30");
    let second = BY_OWNER.replace("503000101", "503000102");
    tokio::join!(world.ok(BY_OWNER), world.ok(BY_OWNER), world.ok(&second));
    world.ok("/rest/leadForms/4400100").await;
    let stats = world.running.stats()["transport"]["linkedin"].clone();
    assert_eq!(
        stats["owners"],
        json!({
            "sponsoredAccount:503000101": {"requests": 2, "concurrency_peak": 2},
            "sponsoredAccount:503000102": {"requests": 1, "concurrency_peak": 1},
        })
    );
    assert_eq!((&stats["owner_concurrency_peak"], &stats["concurrency_peak"]), (&json!(2), &json!(3)));
    assert_eq!(stats["routes"]["GET /rest/leadFormResponses"]["requests"], 3);
}
