//! Every kind of lead, of ad accounts and of organizations, through one pipeline.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_sandbox::{Arrival, Kind, Options};

use crate::rows::{assert_landed, expected};
use crate::stage::{Stage, responses};

const ALL: &str = r#"source.config.kinds=["SPONSORED","EVENT","COMPANY","ORGANIZATION_PRODUCT"]"#;

fn organic() -> Options {
    Options { organizations: 2, organic_responses: 600, ..responses(600, 2) }
}

fn ids(report: &Value) -> Vec<&str> {
    report["partitions"].as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap()).collect()
}

#[test]
fn every_response_of_every_kind_becomes_one_lead() {
    let stage = Stage::start(organic());
    let run = stage.run(&["--set", ALL, "--set", "source.config.backfill_days=400"]).with(0);
    let report = run.json();
    let kinds: BTreeSet<&str> = ids(&report).iter().map(|id| id.split(':').next().unwrap()).collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["COMPANY", "EVENT", "ORGANIZATION_PRODUCT", "SPONSORED"]
    );
    assert_landed(&stage, &BTreeSet::new());
    let written = stage.writes();
    stage.run(&["--set", ALL]).with(0);
    assert_eq!(stage.writes(), written);
}

#[test]
fn one_kind_alone_is_read_when_it_is_asked_for() {
    let stage = Stage::start(organic());
    let run = stage.run(&["--set", ALL, "--kind", "EVENT"]).with(0);
    let report = run.json();
    assert!(!ids(&report).is_empty() && ids(&report).iter().all(|id| id.starts_with("EVENT:")), "{report}");
    let (wanted, tests) = expected(&stage);
    let events = wanted.iter().chain(&tests).filter(|response| response.kind == Kind::Event).count();
    assert_eq!(run.count("read"), events as u64);
}

/// An EVENT lead needs another role on the Page than the other kinds.
#[test]
fn a_role_that_does_not_suffice_is_a_state_of_that_partition_alone() {
    let stage = Stage::start(organic());
    let listed = stage.sluice("discover", &["--set", ALL, "--output", "json", "--no-probe"]).with(0).json();
    let organization: u64 = listed
        .as_array()
        .unwrap()
        .iter()
        .find_map(|p| p["id"].as_str().unwrap().strip_prefix("EVENT:")?.parse().ok())
        .unwrap();
    stage.faults(&json!({"linkedin": {"page_roles": {organization.to_string(): "ANALYST"}}}));
    let listed = stage.sluice("discover", &["--set", ALL, "--output", "json"]).with(0).json();
    let state = |id: String| {
        let found = listed.as_array().unwrap().iter().find(|p| p["id"] == *id);
        found.unwrap_or_else(|| panic!("{id} in {listed}"))["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(format!("EVENT:{organization}")), "forbidden");
    assert_eq!(state(format!("COMPANY:{organization}")), "active");
}

#[test]
fn a_push_of_an_event_lead_lands_under_its_organization() {
    let stage = Stage::start_now(organic());
    let listed = stage.sluice("discover", &["--set", ALL, "--output", "json", "--no-probe"]).with(0).json();
    let id = listed.as_array().unwrap().iter().find_map(|p| p["id"].as_str()?.strip_prefix("EVENT:"));
    let owner: u64 = id.unwrap().parse().unwrap();
    stage.sandbox.arrive(&Arrival { owner, kind: Kind::Event, count: 1 }).unwrap();
    let request = stage.sandbox.notices(0, true).remove(0).request;
    std::fs::write(stage.path("request.http"), request).unwrap();
    let arguments = ["--request", "request.http", "--set", ALL, "--output", "json"];
    let ended = crate::process::Ended::of(&stage.webhook("receive", &arguments).output().unwrap()).with(0);
    let delivery: Value = serde_json::from_str(ended.stdout.lines().nth(1).unwrap()).unwrap();
    assert_eq!(delivery["delivery"]["pushed"][0]["id"], format!("EVENT:{owner}"), "{delivery}");
    assert_eq!(delivery["delivery"]["counts"]["read"], 1);
}
