//! The whole path when the vendors misbehave: everything that can land lands once, and the rest is kept with its cause.

use std::collections::BTreeSet;

use serde_json::json;
use sluice_sandbox::{Credentials, DAY_MS};

use crate::ledger::{Ledger, Status};
use crate::process::Ended;
use crate::rows::{assert_landed, assert_recorded, expected, lead_id, leads};
use crate::stage::{Stage, now_ms, responses};

const NONE: BTreeSet<String> = BTreeSet::new();
/// What may become of a record whose first attempt had an unknown end.
const LANDED: [Status; 4] = [Status::Created, Status::Updated, Status::Upserted, Status::Unchanged];

/// No row may be written by two requests at the same time: Dataverse would lock them against each other.
#[track_caller]
fn assert_rows_never_met(stage: &Stage) {
    assert_eq!(stage.count("/dataverse/same_row_in_flight"), 0);
}

#[test]
fn throttling_resets_and_poison_rows_cost_only_the_poison_rows() {
    let stage = Stage::start(responses(10_000, 3));
    let trouble = json!({"error_rate": 20, "retry_after_s": 0, "reset_rate": 50});
    let faults = stage.faults(&json!({
        "transport": {"linkedin": trouble, "dataverse": trouble}, "dataverse": {"poison_one_in": 1000},
    }));
    let (wanted, _) = expected(&stage);
    let poison = wanted.iter().filter(|response| faults.dataverse.refuses_row(&lead_id(&response.id)));
    let refused: BTreeSet<String> = poison.map(|response| response.id.clone()).collect();
    assert!((3..30).contains(&refused.len()), "{} poison rows", refused.len());

    let run = stage.run(&[]).with(3);
    assert_eq!(run.count("rejected"), refused.len() as u64);
    assert_landed(&stage, &refused);
    assert_recorded(&stage, &refused, &LANDED);
    let created = stage.count("/dataverse/rows_created");
    assert_eq!(created, (wanted.len() - refused.len()) as u64, "good rows are written once");
    assert_rows_never_met(&stage);

    let letters = Ledger::open(&stage.store()).dead_letters();
    assert_eq!(letters.keys().cloned().collect::<BTreeSet<_>>(), refused);
    for (key, letter) in &letters {
        assert_eq!(letter.code, "0x80040265", "Dataverse's own code: {letter:?}");
        assert!(!letter.message.is_empty());
        let record: serde_json::Value = serde_json::from_str(&letter.record).unwrap();
        assert_eq!(record["key"], key.as_str(), "the record is kept as it came");
    }
    for service in ["linkedin", "dataverse"] {
        let struck = |what: &str| stage.count(&format!("/transport/{service}/{what}"));
        assert!(struck("by_status/429") > 0 && struck("by_status/503") > 0 && struck("dropped") > 0);
    }
}

#[test]
fn lost_answers_and_deadlocks_double_nothing() {
    let stage = Stage::start(responses(3_000, 3));
    stage.faults(&json!({
        "transport": {"linkedin": {"lost_answer_rate": 10}},
        "dataverse": {"drop_after_commit_one_in": 6, "deadlock_one_in": 8},
    }));
    stage.run(&["--set", "sink.config.rows_per_request=50"]).with(0);
    assert_landed(&stage, &NONE);
    assert_recorded(&stage, &NONE, &LANDED);
    assert_rows_never_met(&stage);
    assert!(stage.count("/dataverse/dropped_connections") > 3);
    let (wanted, _) = expected(&stage);
    assert_eq!(stage.count("/dataverse/rows_created"), wanted.len() as u64);
}

#[test]
fn a_token_that_ends_in_mid_run_is_renewed_once_for_all_who_wait() {
    let stage = Stage::start(responses(4_000, 3));
    let mut run = stage.start_run(&["--set", "sink.config.rows_per_request=25"]);
    assert!(run.until(|| stage.count("/dataverse/bulk_requests") >= 10), "it ended before the token did");
    // By Entra ID's clock the token is over now; the host's clock does not know.
    stage.clock.advance(2 * 3_600_000);
    run.end().with(0);
    assert!(stage.count("/transport/dataverse/by_status/401") >= 1);
    assert_eq!(stage.count("/transport/entra/requests"), 2);
    assert_landed(&stage, &NONE);
}

#[test]
fn no_more_requests_are_under_way_than_the_manifest_allows() {
    let stage = Stage::start(responses(3_000, 3));
    let slow = json!({"latency_ms": 20, "error_rate": 20, "retry_after_s": 0});
    stage.faults(&json!({"transport": {"linkedin": slow, "dataverse": slow}}));
    let limits = ["--set", "limits.requests_in_flight=4", "--set", "sink.config.rows_per_request=25"];
    stage.run(&limits).with(0);
    assert_landed(&stage, &NONE);
    assert_rows_never_met(&stage);
    for service in ["linkedin", "dataverse"] {
        let peak = stage.count(&format!("/transport/{service}/concurrency_peak"));
        // Requests side by side show that it is the limit that holds them back; a busy machine may not reach it.
        assert!((2..=4).contains(&peak), "{service}: {peak}");
    }
    assert!(stage.count("/dataverse/peak_concurrent_writes") <= 4);
}

#[test]
fn one_forbidden_account_does_not_hold_up_the_others() {
    let stage = Stage::start(responses(600, 3));
    stage.faults(&json!({"linkedin": {"forbidden_accounts": [503_000_102]}}));
    let report = stage.run(&[]).with(1).json();
    let partitions = report["partitions"].as_array().unwrap();
    let forbidden = |partition: &&serde_json::Value| partition["id"].as_str().unwrap().ends_with("503000102");
    let (out, others): (Vec<_>, Vec<_>) = partitions.iter().partition(forbidden);
    assert!(others.iter().all(|partition| partition["tick"]["end"]["state"] == "done"), "{report}");
    let said = out[0].to_string();
    assert!(said.contains("forbidden"), "{said}");
    let (wanted, _) = expected(&stage);
    let (leads, mut landed) = (leads(&stage), 0);
    for response in wanted {
        let there = leads.contains_key(&lead_id(&response.id));
        assert_eq!(there, response.account != 503_000_102, "{}", response.id);
        landed += usize::from(there);
    }
    assert_eq!(leads.len(), landed);
}

/// Runs with another LinkedIn token or client secret than the vendors know.
fn run_with(stage: &Stage, variable: &str, value: &str) -> Ended {
    let mut command = stage.command("run", &["--output", "json"]);
    Ended::of(&command.env(variable, value).output().unwrap())
}

#[test]
fn a_refused_credential_ends_the_run_with_its_name_and_writes_nothing() {
    let stage = Stage::start(responses(50, 1));
    let known = Credentials::default();
    for (variable, value, credential) in [
        ("DATAVERSE_CLIENT_SECRET", "another-secret", "dataverse"),
        ("LINKEDIN_ACCESS_TOKEN", known.linkedin_expired_token.as_str(), "linkedin"),
        ("LINKEDIN_ACCESS_TOKEN", known.linkedin_revoked_token.as_str(), "linkedin"),
    ] {
        let run = run_with(&stage, variable, value).with(4);
        assert!(run.stdout.contains(credential), "{run:?}");
        assert!(!run.stdout.contains(value) && !run.stderr.contains(value), "{run:?}");
    }
    run_with(&stage, "LINKEDIN_ACCESS_TOKEN", &known.linkedin_noscope_token).with(4);
    assert_eq!(stage.writes(), [0; 6]);
    stage.run(&[]).with(0);
    assert_landed(&stage, &NONE);
}

#[test]
fn a_version_of_the_api_that_has_ended_is_named() {
    let stage = Stage::start(responses(50, 1));
    let run = stage.run(&["--set", "source.config.version=\"202401\""]);
    assert!(![Some(0), Some(3), None].contains(&run.code), "{run:?}");
    assert!(run.stdout.contains("202401"), "{run:?}");
    assert_eq!(stage.writes(), [0; 6]);
}

/// A spent quota comes back at midnight UTC; the report says so, and what came before it is kept.
#[test]
fn a_spent_daily_quota_ends_the_partition_with_the_time_of_its_reset() {
    for body in ["named", "documented", "html"] {
        let stage = Stage::start(responses(2_000, 1));
        stage.faults(&json!({"linkedin": {"daily_quota": 8, "quota_body": body}}));
        let hasty = ["--set", "limits.retry_attempts=1", "--set", "limits.wait_total_s=0"];
        let run = stage.run(&hasty).with(1);
        let report = run.json();
        let tick = &report["partitions"][0]["tick"];
        assert_eq!(tick["end"]["failure"]["kind"], "retryable", "{report}");
        let wake_in_ms = tick["wake_in_ms"].as_u64().unwrap();
        let midnight_ms = (now_ms() / DAY_MS + 1) * DAY_MS;
        if body != "html" {
            let at_ms = tick["finished_ms"].as_u64().unwrap() + wake_in_ms;
            assert!((midnight_ms - 1_000..midnight_ms + 400_000).contains(&at_ms), "{report}");
            let told = stage.sluice("run", &hasty).with(1);
            assert!(told.stdout.contains("it can go on from") && told.stdout.contains("00:0"), "{told:?}");
        }
        let before = run.count("created");
        stage.faults(&json!({"linkedin": {"daily_quota": null}}));
        let rest = stage.run(&[]).with(0);
        assert_landed(&stage, &NONE);
        let (wanted, _) = expected(&stage);
        assert_eq!(before + rest.count("created"), wanted.len() as u64);
    }
}
