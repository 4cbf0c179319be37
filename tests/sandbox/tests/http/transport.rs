//! Faults of the transport: delays, injected errors, dropped connections; starting and stopping.

use std::time::Duration;

use serde_json::json;
use sluice_sandbox::{Options, Sandbox, StartError};

use crate::client::{BY_OWNER, World};

#[tokio::test(start_paused = true)]
async fn latency_delays_one_service_only() {
    let world = World::small().await;
    world.fault("transport.linkedin.latency_ms=60000");
    let start = tokio::time::Instant::now();
    world.ok(BY_OWNER).await;
    assert!(start.elapsed() >= Duration::from_secs(60));
    let start = tokio::time::Instant::now();
    let url = format!("http://{}/x", world.running.entra);
    assert_eq!(world.client.get(url).send().await.unwrap().status(), 404);
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn errors_are_injected_in_turn_and_the_same_for_the_same_seed() {
    let run = async |seed| {
        let world = World::start(Options { seed, responses: 30, ..Options::default() }).await;
        world.fault("transport.linkedin.error_rate=3");
        let mut statuses = Vec::new();
        for _ in 0..60 {
            let response = world.call(BY_OWNER).send().await.unwrap();
            let status = response.status().as_u16();
            if status != 200 {
                assert!(response.headers().get("retry-after").is_none(), "LinkedIn documents none");
            }
            let html = response.headers()["content-type"] == "text/html";
            assert_eq!(html, status == 503);
            statuses.push(status);
        }
        statuses
    };
    let statuses = run(1).await;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert!(count(429) > 3 && count(429).abs_diff(count(503)) <= 1 && count(200) > 20, "{statuses:?}");
    assert_eq!(run(1).await, statuses);
    assert_ne!(run(2).await, statuses);
}

#[tokio::test]
async fn injected_429s_can_say_when_to_come_back() {
    let world = World::small().await;
    let url = format!("http://{}/api/data/v9.2/leads", world.running.dataverse);
    world.fault("transport.dataverse.error_rate=1");
    let response = world.client.get(&url).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (429, "1"));
    let (_, body) = crate::client::body(response).await;
    assert_eq!(body["error"]["code"], "0x80072322");
    assert_eq!(world.client.get(&url).send().await.unwrap().status(), 503);
    world.fault("transport.linkedin.error_rate=1");
    world.fault("transport.linkedin.retry_after_s=7");
    let response = world.call(BY_OWNER).send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(crate::client::body(response).await.1["serviceErrorCode"], 101);
}

#[tokio::test]
async fn a_reset_drops_the_connection_before_the_work_and_a_lost_answer_after_it() {
    let world = World::small().await;
    world.fault("linkedin.insert_between_pages=1");
    world.fault("transport.linkedin.reset_rate=1");
    assert!(world.call(BY_OWNER).send().await.is_err());
    let responses = || world.running.stats()["linkedin"]["responses"].as_u64().unwrap();
    assert_eq!(responses(), 600);
    world.fault("transport.linkedin.reset_rate=0");
    world.fault("transport.linkedin.lost_answer_rate=1");
    let before = responses();
    assert!(world.call(BY_OWNER).send().await.is_err());
    assert!(responses() > before, "the work was done");
    world.fault("transport.linkedin.lost_answer_rate=0");
    world.ok(BY_OWNER).await;
    assert!(world.running.stats()["transport"]["linkedin"]["dropped"].as_u64().unwrap() >= 2);
}

#[tokio::test]
async fn stopping_frees_the_ports_and_a_taken_port_is_named() {
    let world = World::small().await;
    let (address, client) = (world.running.linkedin, world.client.clone());
    world.ok(BY_OWNER).await;
    let taken = Options { port: world.running.control.port(), ..Options::default() };
    match Sandbox::start(taken).await {
        Err(StartError::Listen { service, .. }) => assert_eq!(service, "the control surface"),
        other => panic!("started: {}", other.is_ok()),
    }
    drop(client);
    world.running.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn options_out_of_bounds_are_refused_by_name() {
    let rows = [
        ("responses", Options { responses: 10_000_001, ..Options::default() }),
        ("accounts", Options { accounts: 0, ..Options::default() }),
        ("forms_per_account", Options { forms_per_account: 51, ..Options::default() }),
        ("days", Options { days: 0, ..Options::default() }),
        ("anchor_ms", Options { anchor_ms: Some(1), ..Options::default() }),
    ];
    for (name, options) in rows {
        match Sandbox::start(options).await {
            Err(StartError::Bounds { option, .. }) => assert_eq!(option, name),
            other => panic!("{name}: started {}", other.is_ok()),
        }
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let world = World::small().await;
    for _ in 0..3 {
        world.ok(BY_OWNER).await;
    }
    world.get("/rest/leadForms/1").await;
    let stats = world.running.stats();
    let linkedin = &stats["transport"]["linkedin"];
    assert_eq!((&linkedin["requests"], &linkedin["by_status"]), (&json!(4), &json!({"200": 3, "404": 1})));
    let route = &linkedin["routes"]["GET /rest/leadFormResponses"];
    assert_eq!((&route["requests"], &route["concurrency_peak"]), (&json!(3), &json!(1)));
    assert!(route["bytes_out"].as_u64().unwrap() > 3_000);
    assert_eq!(linkedin["routes"]["GET /rest/leadForms/{id}"]["by_status"], json!({"404": 1}));
}
