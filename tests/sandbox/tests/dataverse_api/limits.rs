//! Faults, service protection, and what is counted.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use sluice_sandbox::dataverse::{DataverseFaults, DataverseOptions, ServiceProtection};

use crate::service::{Answer, Service, id, send, with_json};

async fn upsert(service: &Service, number: u32) -> Answer {
    service.patch(&format!("leads({})", id(number)), &json!({ "lastname": "One" })).await
}

#[tokio::test]
async fn each_write_fault_has_its_text_and_changes_nothing() {
    for (faults, status, code) in [
        (DataverseFaults { deadlock_one_in: 1, ..DataverseFaults::default() }, 500, "0x80044150"),
        (DataverseFaults { unexpected_one_in: 1, ..DataverseFaults::default() }, 500, "0x80040216"),
    ] {
        let service = Service::faulty(faults).await;
        let answer = upsert(&service, 1).await;
        assert_eq!(answer.error(), (status, code.to_owned()));
        assert!(service.rows("leads").is_empty());
        assert_eq!(service.get("leads").await.status, 200, "reads are spared");
    }
    let service = Service::faulty(DataverseFaults { deadlock_one_in: 1, ..DataverseFaults::default() }).await;
    assert!(upsert(&service, 1).await.message().ends_with("Sql Number: 1205"));
}

#[tokio::test]
async fn one_in_n_falls_about_one_time_in_n() {
    let service =
        Service::faulty(DataverseFaults { unauthorized_one_in: 4, ..DataverseFaults::default() }).await;
    let mut refused = 0;
    for _ in 0..200 {
        let answer = service.get("WhoAmI").await;
        refused += u32::from(answer.status == 401);
    }
    assert!((25..80).contains(&refused), "{refused}");
}

#[tokio::test]
async fn a_dropped_connection_leaves_the_write_in_place() {
    let service =
        Service::faulty(DataverseFaults { drop_after_commit_one_in: 1, ..DataverseFaults::default() }).await;
    let request =
        with_json(service.request("PATCH", &format!("leads({})", id(1))), &json!({ "lastname": "One" }));
    assert!(request.send().await.is_err(), "no answer arrives");
    assert_eq!(service.rows("leads").len(), 1);
    assert_eq!(service.stat("dropped_connections"), 1);
    let refused = service.patch(&format!("leads({})", id(2)), &json!({ "Lastname": "One" })).await;
    assert_eq!(refused.status, 400, "a write that failed is answered");
}

#[tokio::test]
async fn the_request_limit_holds_and_refuses_before_anything_is_written() {
    let protection = ServiceProtection { requests: 3, window_ms: 300_000, ..ServiceProtection::default() };
    let faults = DataverseFaults { service_protection: Some(protection), ..DataverseFaults::default() };
    let service = Service::faulty(faults).await;
    for left in ["2", "1", "0"] {
        let answer = service.get("WhoAmI").await;
        assert_eq!(answer.header("x-ms-ratelimit-burst-remaining-xrm-requests"), left);
    }
    service.clock_ms.fetch_add(10_000, Ordering::Relaxed);
    let refused = upsert(&service, 1).await;
    assert_eq!(refused.error(), (429, "0x80072322".to_owned()));
    assert_eq!(refused.header("retry-after"), "290");
    assert_eq!(
        refused.message(),
        "Number of requests exceeded the limit of 3 over time window of 300 seconds."
    );
    assert!(service.rows("leads").is_empty());
    service.clock_ms.fetch_add(291_000, Ordering::Relaxed);
    assert_eq!(upsert(&service, 1).await.status, 204);
    assert_eq!(service.stat("throttled"), 1);
}

#[tokio::test]
async fn servers_have_windows_of_their_own_and_the_cookie_pins() {
    let protection = ServiceProtection { requests: 1, ..ServiceProtection::default() };
    let faults = DataverseFaults { service_protection: Some(protection), ..DataverseFaults::default() };
    let service = Service::with(DataverseOptions { servers: 2, faults, ..DataverseOptions::default() }).await;
    let first = service.get("WhoAmI").await;
    let cookie = first.header("set-cookie").split(';').next().unwrap().to_owned();
    let pinned = send(service.request("GET", "WhoAmI").header("Cookie", cookie)).await;
    assert_eq!(pinned.status, 429);
}

#[tokio::test]
async fn concurrency_and_overlapping_rows_are_seen() {
    let faults =
        DataverseFaults { concurrency_limit: Some(2), row_latency_us: 250_000, ..DataverseFaults::default() };
    let service = Service::faulty(faults).await;
    let (one, two, three) = tokio::join!(upsert(&service, 1), upsert(&service, 1), upsert(&service, 2));
    let mut statuses = [one.status, two.status, three.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 204, 429]);
    let refused = [one, two, three].into_iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.error().1, "0x80072326");
    assert_eq!(refused.message(), "Number of concurrent requests exceeded the limit of 2.");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(service.stat("peak_concurrent_writes"), 2);
}

#[tokio::test]
async fn a_row_in_two_requests_at_once_is_counted() {
    let service =
        Service::faulty(DataverseFaults { row_latency_us: 250_000, ..DataverseFaults::default() }).await;
    tokio::join!(upsert(&service, 1), upsert(&service, 2));
    assert_eq!(service.stat("same_row_in_flight"), 0);
    tokio::join!(upsert(&service, 1), upsert(&service, 1));
    assert_eq!(service.stat("same_row_in_flight"), 1);
    upsert(&service, 1).await;
    assert_eq!(service.stat("same_row_in_flight"), 1, "one after the other is fine");
}

#[test]
fn faults_read_from_json_and_refuse_unknown_names() {
    let text = json!({ "poison_one_in": 3, "refuse_columns": [{ "column": "subject", "max_length": 5 }],
                       "service_protection": { "requests": 10 } });
    let faults: DataverseFaults = serde_json::from_value(text).unwrap();
    assert_eq!((faults.poison_one_in, faults.service_protection.unwrap().execution_ms), (3, 1_200_000));
    let unknown: Result<DataverseFaults, _> =
        serde_json::from_value::<DataverseFaults>(json!({ "poison": 1 }));
    assert!(unknown.is_err());
    let shown: Value = serde_json::to_value(DataverseFaults::default()).unwrap();
    assert_eq!(shown["poison_one_in"], 0);
}
