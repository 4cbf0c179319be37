//! The whole path when nothing goes wrong: every response becomes one lead, once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sluice_sandbox::{DAY_MS, Options, SECOND_MS};

use crate::ledger::{Ledger, Status};
use crate::process::{self, Ended};
use crate::rows::{assert_landed, assert_recorded, expected, leads};
use crate::stage::{Stage, now_ms, responses};

const NONE: BTreeSet<String> = BTreeSet::new();

#[test]
fn every_response_becomes_one_lead_and_a_second_run_writes_nothing() {
    let stage = Stage::start(responses(10_000, 3));
    let first = stage.run(&[]).with(0);
    let (wanted, tests) = expected(&stage);
    assert_eq!((wanted.len() + tests.len(), tests.is_empty()), (10_000, false));
    assert_eq!(first.count("created"), wanted.len() as u64);
    assert_eq!(first.count("skipped"), tests.len() as u64);
    assert_eq!(first.json()["partitions"].as_array().map(Vec::len), Some(3));
    assert_landed(&stage, &NONE);
    assert_recorded(&stage, &NONE, &[Status::Created]);

    let written = stage.writes();
    let second = stage.run(&[]).with(0);
    assert_eq!((second.count("created"), second.count("updated")), (0, 0));
    assert_eq!(stage.writes(), written, "a second run must not even ask to write");
    assert_recorded(&stage, &NONE, &[Status::Created]);
}

/// LinkedIn shows some responses late: here those of the last hour. The overlap of the sweeps finds them.
#[test]
fn responses_that_turn_up_later_are_written_by_the_next_run_and_nothing_else_is() {
    let now = now_ms();
    let options = Options { days: 1, anchor_ms: Some(now - 300 * SECOND_MS), ..responses(2_000, 2) };
    let stage = Stage::start_at(options, now - 3_600 * SECOND_MS);
    let overlap = ["--set", "source.config.overlap_s=7200"];
    stage.run(&overlap).with(0);
    assert_landed(&stage, &NONE);
    let (before, written) = (leads(&stage), stage.writes());
    stage.run(&overlap).with(0);
    assert_eq!(stage.writes(), written);

    stage.clock.set(now);
    let third = stage.run(&overlap).with(0);
    assert_landed(&stage, &NONE);
    let after = leads(&stage);
    let new = (after.len() - before.len()) as u64;
    assert!(new > 20, "{new} responses came late");
    assert_eq!((third.count("created"), stage.count("/dataverse/rows_created")), (new, after.len() as u64));
    assert_eq!((stage.count("/dataverse/rows_updated"), stage.count("/dataverse/unchanged_writes")), (0, 0));
    assert!(before.iter().all(|(id, row)| after[id] == *row), "a lead that was there has changed");
}

/// New responses push older ones to the next page while LinkedIn's pages are being read.
#[test]
fn responses_that_arrive_between_two_pages_are_neither_lost_nor_doubled() {
    // They arrive later than the window ends: the first run leaves them alone, and no page of it moves.
    assert_arrivals_land(30 * SECOND_MS, &["--set", "source.config.page_size=50"]);
}

/// The same with a window that reaches up to the present, so that every single page moves.
#[test]
fn responses_that_arrive_within_the_window_are_neither_lost_nor_doubled() {
    let open = ["--set", "source.config.page_size=50", "--set", "source.config.settle_s=0"];
    assert_arrivals_land(0, &open);
}

#[track_caller]
fn assert_arrivals_land(age_ms: u64, settings: &[&str]) {
    let stage = Stage::start_at(responses(2_000, 2), now_ms() - age_ms);
    stage.faults(&json!({"linkedin": {"insert_between_pages": 3}}));
    stage.run(settings).with(0);
    stage.faults(&json!({"linkedin": {"insert_between_pages": 0}}));
    assert!(stage.count("/linkedin/responses") > 2_050, "{}", stage.sandbox.stats());
    // Those that arrived last came after the first run's window had closed.
    stage.run(&["--set", "source.config.settle_s=0"]).with(0);
    assert_landed(&stage, &NONE);
    assert_recorded(&stage, &NONE, &[Status::Created]);
}

#[test]
fn a_lost_store_costs_a_full_run_that_writes_nothing() {
    let stage = Stage::start(responses(2_000, 3));
    stage.run(&[]).with(0);
    let (rows, written) = (leads(&stage), stage.writes());
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = std::fs::remove_file(stage.path(file));
    }
    assert!(!stage.store().exists());

    let again = stage.run(&[]).with(0);
    assert_eq!((again.count("read"), again.count("unchanged")), (2_000, rows.len() as u64));
    assert_eq!(stage.writes(), written);
    assert_eq!(leads(&stage), rows);
    assert_recorded(&stage, &NONE, &[Status::Unchanged]);
}

#[test]
fn two_runs_at_once_end_with_the_rows_of_one() {
    let alone = Stage::start(responses(2_000, 3));
    alone.run(&[]).with(0);

    let stage = Stage::start_at(responses(2_000, 3), alone.started_ms());
    let small_pages = ["--set", "limits.page_records=50"];
    let (one, other) = (stage.start_run(&small_pages), stage.start_run(&small_pages));
    let both = [one.end(), other.end()];
    let mut finished = BTreeSet::new();
    for report in both.iter().map(Ended::json) {
        for partition in report["partitions"].as_array().unwrap() {
            let end = &partition["tick"]["end"]["state"];
            assert!(end == "done" || end == "superseded", "{partition}");
            if end == "done" {
                finished.insert(partition["id"].as_str().unwrap().to_owned());
            }
        }
    }
    assert_eq!(finished.len(), 3, "one of the two finishes each partition: {both:?}");
    assert_eq!(leads(&stage), leads(&alone));
    assert_landed(&stage, &NONE);

    let written = stage.writes();
    stage.run(&[]).with(0);
    assert_eq!(stage.writes(), written);
    assert_recorded(&stage, &NONE, &[Status::Created, Status::Upserted, Status::Updated, Status::Unchanged]);
}

#[test]
fn read_prints_records_of_the_streams_shape_and_moves_no_cursor() {
    let stage = Stage::start(responses(500, 2));
    let inspected = Ended::of(
        &process::sluice().args(["inspect", "--output", "json"]).arg(process::component()).output().unwrap(),
    );
    let description = &inspected.with(0).json()["description"];
    let streams = description["streams"].as_array().unwrap();
    let stream = streams.iter().find(|stream| stream["name"] == "lead_responses").unwrap();
    let shape = jsonschema::validator_for(&stream["schema"]).unwrap();

    let known: BTreeMap<_, _> =
        stage.sandbox.expected().map(|response| (response.id.clone(), response)).collect();
    let partitions = stage.sluice("discover", &["--output", "json"]).with(0).json();
    let partition = partitions[1]["id"].as_str().unwrap();
    let account = partition.rsplit_once(':').unwrap().1;

    let limited = records(&stage.sluice("read", &["--limit", "7"]).with(0));
    assert_eq!(limited.len(), 7);
    let of_one = records(&stage.sluice("read", &["--partition", partition]).with(0));
    assert_eq!(
        of_one.len(),
        known.values().filter(|response| response.account.to_string() == account).count()
    );
    for record in limited.iter().chain(&of_one) {
        let data = &record["data"];
        if let Err(error) = shape.validate(data) {
            panic!("{error} in {data}");
        }
        let response = &known[record["key"].as_str().unwrap()];
        assert_eq!((&record["op"], &record["stream"]), (&"upsert".into(), &"lead_responses".into()));
        assert_eq!(
            (&data["id"], &data["submitted_at_ms"]),
            (&response.id.as_str().into(), &response.submitted_at.into())
        );
        let answers = data["answers"].as_array().unwrap();
        let email = answers.iter().find(|answer| answer["predefined_field"] == "EMAIL").unwrap();
        assert_eq!(email["text"], response.email);
    }
    assert!(
        of_one.iter().all(|record| known[record["key"].as_str().unwrap()].account.to_string() == account)
    );

    assert!(!stage.store().exists(), "reading keeps no state");
    let sink = [stage.count("/transport/dataverse/requests"), stage.count("/transport/entra/requests")];
    assert_eq!(sink, [0, 0], "reading stops before the sink");
    // A cursor that had moved would hide what was read.
    stage.run(&[]).with(0);
    assert_landed(&stage, &NONE);
}

fn records(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_plan_says_what_a_run_would_do_and_writes_nothing() {
    let stage = Stage::start(Options { days: 30, ..responses(2_000, 3) });
    let plan = stage.run(&["--plan"]).with(0);
    assert_eq!(plan.json()["mode"], "plan");
    assert_eq!(stage.writes(), [0; 6]);
    assert!(leads(&stage).is_empty());
    if stage.store().exists() {
        let ledger = Ledger::open(&stage.store());
        assert_eq!((ledger.outcomes().len(), ledger.cursors().len()), (0, 0));
    }
    let run = stage.run(&[]).with(0);
    for count in ["read", "created", "skipped", "rejected"] {
        assert_eq!(plan.count(count), run.count(count), "{count}");
    }
    assert_landed(&stage, &NONE);

    let written = stage.writes();
    let again = stage.run(&["--plan"]).with(0);
    assert_eq!((again.count("created"), stage.writes()), (0, written));
}

/// A submission older than the backfill stays out; the setting decides, not chance.
#[test]
fn the_first_run_goes_back_as_far_as_the_manifest_says() {
    let now = now_ms();
    let stage = Stage::start_at(Options { days: 20, ..responses(1_000, 1) }, now);
    stage.run(&["--set", "source.config.backfill_days=5"]).with(0);
    let (wanted, _) = expected(&stage);
    let (oldest, newest) = (now - 5 * DAY_MS, now - 5 * DAY_MS + 3_600 * SECOND_MS);
    let leads = leads(&stage);
    for response in &wanted {
        let there = leads.contains_key(&crate::rows::lead_id(&response.id));
        // The run starts a moment after `now`.
        assert!(there || response.submitted_at < newest, "{} is missing", response.id);
        assert!(!there || response.submitted_at >= oldest, "{} is too old", response.id);
    }
    assert!(leads.len() > 100 && leads.len() < wanted.len());
}
