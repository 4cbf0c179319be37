//! A run over part of the records: it moves exactly that part, and the incremental checkpoint stays where it is.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_sandbox::{DAY_MS, ExpectedResponse, Options};

use crate::process::Ended;
use crate::rows::{assert_landed, expected, lead_id, leads};
use crate::stage::{Stage, responses};

/// Exactly these responses are leads.
#[track_caller]
fn assert_only(stage: &Stage, chosen: impl Fn(&ExpectedResponse) -> bool) -> u64 {
    let (wanted, _) = expected(stage);
    let chosen: BTreeSet<String> = wanted.iter().filter(|r| chosen(r)).map(|r| lead_id(&r.id)).collect();
    assert!(!chosen.is_empty() && chosen.len() < wanted.len(), "{} of {}", chosen.len(), wanted.len());
    assert_eq!(leads(stage).into_keys().collect::<BTreeSet<_>>(), chosen);
    chosen.len() as u64
}

fn instant(at_ms: u64) -> String {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(at_ms / 1000 * 1000);
    let seconds = at.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // A date and a time of day in UTC, as ages would move between two runs.
    jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap().to_string()
}

/// All that a run warned of, over all partitions.
fn warnings(run: &Ended) -> String {
    let partitions = run.json()["partitions"].as_array().unwrap().clone();
    let told = partitions.iter().filter_map(|p| p["tick"]["warnings"].as_array().cloned()).flatten();
    told.map(|warning| warning.as_str().unwrap().to_owned()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_time_range_is_moved_alone_and_the_next_plain_run_moves_the_rest() {
    let stage = Stage::start(Options { days: 40, ..responses(3_000, 2) });
    let (since, until) = (stage.started_ms() - 20 * DAY_MS, stage.started_ms() - 10 * DAY_MS);
    let (since, until) = (since / 1000 * 1000, until / 1000 * 1000);
    let range = ["--since", &instant(since), "--until", &instant(until)];

    let plan = stage.run(&[&range[..], &["--plan"]].concat()).with(0);
    assert_eq!(stage.writes(), [0; 6], "a plan writes nothing");
    stage.run(&range).with(0);
    let moved = assert_only(&stage, |response| (since..until).contains(&response.submitted_at));
    assert_eq!(plan.count("created"), moved);

    let again = stage.run(&range).with(0);
    assert_eq!(again.count("created"), 0, "a repeat finds everything in the ledger");
    let rest = stage.run(&[]).with(0);
    assert_landed(&stage, &BTreeSet::new());
    let (wanted, _) = expected(&stage);
    assert_eq!(rest.count("created"), wanted.len() as u64 - moved);

    // The other way round: the incremental checkpoint does not go back either.
    stage.run(&range).with(0);
    let incremental = stage.run(&[]).with(0);
    assert!(incremental.count("read") < wanted.len() as u64 / 10, "{} read", incremental.count("read"));
}

#[test]
fn one_account_is_moved_alone() {
    let stage = Stage::start(responses(1_000, 3));
    stage.run(&["--account", "503000102"]).with(0);
    assert_only(&stage, |response| response.account == 503_000_102);
}

#[test]
fn what_does_not_exist_moves_nothing_and_what_is_wrong_is_said() {
    let stage = Stage::start(responses(200, 1));
    assert_eq!(stage.run(&["--form", "7"]).with(0).count("created"), 0);
    for (arguments, told) in [
        (["--since", "soon"], "is no time"),
        (["--where", "country=SE"], "account"),
        (["--account", "x"], "number"),
        (["--account", "7"], "no partition is selected"),
        (["--kind", "EVENT"], "no partition is selected"),
    ] {
        let ended = stage.sluice("run", &arguments).with(2);
        assert!(format!("{}{}", ended.stdout, ended.stderr).contains(told), "{arguments:?}: {ended:?}");
    }
    assert_eq!(stage.writes(), [0; 6]);
}

#[test]
fn what_lies_beyond_retention_is_named() {
    let stage = Stage::start(responses(200, 1));
    let told = warnings(&stage.run(&["--since", "2026-01-01"]).with(0));
    assert!(told.contains("2026-01-01") && told.contains("90 days"), "{told}");
    let within = stage.run(&["--since", "80d"]).with(0);
    assert_eq!(warnings(&within), "");
    assert!(matches!(within.json()["counts"]["read"], Value::Number(_)));
}
