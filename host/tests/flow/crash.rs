//! A run that is killed at any instant loses nothing and doubles nothing: the next one ends in the same rows.
//!
//! The instants are drawn from a seed and counted in requests, so that they fall while something is under way: into
//! reading, into writing, between a write and its checkpoint.

use std::collections::BTreeSet;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sluice_sandbox::Options;

use crate::ledger::{Ledger, Status};
use crate::rows::{Leads, assert_landed, assert_recorded, leads};
use crate::stage::{Stage, responses};

/// Many small pages and requests, so that there are many instants between them.
const SMALL: [&str; 6] = [
    "--set",
    "limits.page_records=30",
    "--set",
    "sink.config.rows_per_request=8",
    "--set",
    "source.config.page_size=25",
];
const NONE: BTreeSet<String> = BTreeSet::new();
/// What may become of a record that an earlier run may have written already.
const LANDED: [Status; 4] = [Status::Created, Status::Updated, Status::Upserted, Status::Unchanged];

fn data() -> Options {
    responses(300, 2)
}

/// Requests that all services have received so far.
fn requests(stage: &Stage) -> u64 {
    ["linkedin", "entra", "dataverse"]
        .map(|service| stage.count(&format!("/transport/{service}/requests")))
        .iter()
        .sum()
}

/// Starts a run and kills it once `instant` more requests have come. Tells whether it was killed.
fn kill_at(stage: &Stage, instant: u64) -> bool {
    let end = requests(stage) + instant;
    let mut run = stage.start_run(&SMALL);
    run.until(|| requests(stage) >= end);
    let killed = run.kill().code.is_none();
    if stage.store().exists() {
        Ledger::open(&stage.store()).assert_sound();
    }
    killed
}

/// A run that nothing disturbed.
struct Undisturbed {
    rows: Leads,
    requests: u64,
    at_ms: u64,
}

impl Undisturbed {
    fn run() -> Self {
        let stage = Stage::start(data());
        stage.run(&SMALL).with(0);
        assert_landed(&stage, &NONE);
        Self { rows: leads(&stage), requests: requests(&stage), at_ms: stage.started_ms() }
    }

    /// A stage whose first run was killed at some instant. The last instants may come too late: then another is drawn.
    fn killed(&self, random: &mut SmallRng) -> Stage {
        let mut stages = (0..10).map(|_| {
            let stage = Stage::start_at(data(), self.at_ms);
            kill_at(&stage, random.random_range(0..self.requests)).then_some(stage)
        });
        stages.find_map(|stage| stage).unwrap()
    }

    #[track_caller]
    fn assert_same(&self, stage: &Stage) {
        assert_landed(stage, &NONE);
        assert_recorded(stage, &NONE, &LANDED);
        assert_eq!(leads(stage), self.rows);
        let ledger = Ledger::open(&stage.store());
        ledger.assert_sound();
        assert_eq!(ledger.dead_letters().len(), 0);
    }
}

/// Kills runs at five instants, each in a sandbox of its own, each followed by a whole run.
#[track_caller]
fn assert_survives_kills(seed: u64) {
    let undisturbed = Undisturbed::run();
    let mut random = SmallRng::seed_from_u64(seed);
    for _ in 0..5 {
        let stage = undisturbed.killed(&mut random);
        stage.run(&SMALL).with(0);
        undisturbed.assert_same(&stage);
    }
}

#[test]
fn kills_at_instants_1_to_5_lose_and_double_nothing() {
    assert_survives_kills(1);
}

#[test]
fn kills_at_instants_6_to_10_lose_and_double_nothing() {
    assert_survives_kills(2);
}

#[test]
fn kills_at_instants_11_to_15_lose_and_double_nothing() {
    assert_survives_kills(3);
}

#[test]
fn kills_at_instants_16_to_20_lose_and_double_nothing() {
    assert_survives_kills(4);
}

/// One pipeline that is killed again and again gets on between the kills.
#[test]
fn kills_one_after_the_other_lose_and_double_nothing() {
    let undisturbed = Undisturbed::run();
    let stage = Stage::start_at(data(), undisturbed.at_ms);
    let mut random = SmallRng::seed_from_u64(5);
    let most = undisturbed.requests / 3;
    let kills = (0..6).filter(|_| kill_at(&stage, random.random_range(most / 2..most))).count();
    assert!(kills >= 2, "only {kills} runs were killed before they ended");
    stage.run(&SMALL).with(0);
    undisturbed.assert_same(&stage);
}
