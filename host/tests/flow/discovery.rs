//! What `sluice discover` tells of a member with many accounts, some of which refuse.

use serde_json::{Value, json};

use crate::stage::{Stage, responses};

#[test]
fn three_hundred_accounts_are_listed_with_names_and_states() {
    let stage = Stage::start(responses(300, 300));
    stage.faults(&json!({"linkedin": {"forbidden_accounts": [503_000_101, 503_000_250, 503_000_400]}}));
    let listed = stage.sluice("discover", &["--output", "json"]).with(0).json();
    let partitions = listed.as_array().unwrap();
    assert_eq!(partitions.len(), 300);
    let forbidden: Vec<&Value> = partitions.iter().filter(|p| p["state"] == "forbidden").collect();
    let ids: Vec<_> = forbidden.iter().map(|p| p["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["SPONSORED:503000101", "SPONSORED:503000250", "SPONSORED:503000400"]);
    assert!(forbidden.iter().all(|p| p["message"].as_str().unwrap().contains("role")), "{forbidden:?}");
    assert!(partitions.iter().all(|p| !p["name"].as_str().unwrap().is_empty()));

    let told = stage.sluice("discover", &[]).with(0).stdout;
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines.len() <= 105 && lines.iter().all(|line| line.chars().count() <= 120), "{told}");
    assert!((503_000_101_u64..503_000_401).all(|account| told.contains(&account.to_string())));
    assert!(told.contains("300 partitions") && told.contains("297 active"), "{told}");
}

/// One that refuses hides none of the others, in a run as in a listing; and its state is kept.
#[test]
fn a_forbidden_account_hides_no_other() {
    let stage = Stage::start(responses(600, 3));
    stage.faults(&json!({"linkedin": {"forbidden_accounts": [503_000_102]}}));
    let run = stage.run(&[]).with(1);
    let report = run.json();
    let ends: Vec<_> = report["partitions"].as_array().unwrap().iter().map(end).collect();
    assert_eq!(ends, ["done", "forbidden", "done"], "{report}");
    let store = rusqlite::Connection::open(stage.store()).unwrap();
    let kept: (String, String) = store
        .query_row(
            "SELECT state, message FROM partition WHERE partition = 'SPONSORED:503000102'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(kept.0, "forbidden");
    assert!(kept.1.contains("role"), "{kept:?}");
}

fn end(partition: &Value) -> &str {
    let end = &partition["tick"]["end"];
    end["failure"]["kind"].as_str().or_else(|| end["state"].as_str()).unwrap()
}
