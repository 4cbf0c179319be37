//! One account behind slow services: how well requests overlap.

use crate::Extent;
use crate::error::BenchError;
use crate::host::{Tuning, Workplace};
use crate::sandbox::{Data, Sandbox};
use crate::table::{Aim, Table, Unit};

/// Milliseconds that each request takes: LinkedIn's and Dataverse's.
const LATENCY_MS: (u64, u64) = (40, 80);

/// More at once, within what both services allow.
const TUNED: Tuning = Tuning { limits: "requests_in_flight = 52", source: "", sink: "" };

pub(crate) fn measure(workplace: &Workplace, extent: Extent, table: &mut Table) -> Result<(), BenchError> {
    let responses = extent.pick(50_000, 20_000);
    let (mut defaults, mut tuned) = (Vec::new(), Vec::new());
    for _ in 0..extent.pick(3, 1) {
        defaults.push(rate(workplace, responses, Tuning::default())?);
        tuned.push(rate(workplace, responses, TUNED)?);
    }
    let aim = Aim::AtLeast(10_000.0);
    table.add(
        "one account, 40 ms and 80 ms a request: default limits",
        Unit::RecordsPerSecond,
        aim,
        defaults,
    );
    let what = "one account, 40 ms and 80 ms a request: requests_in_flight 52";
    table.add(what, Unit::RecordsPerSecond, aim, tuned);
    Ok(())
}

fn rate(workplace: &Workplace, responses: u64, tuning: Tuning) -> Result<f64, BenchError> {
    let sandbox =
        Sandbox::start(&workplace.sandbox, Data { responses, accounts: 1, latency_ms: LATENCY_MS })?;
    let manifest = workplace.manifest(&sandbox.places, tuning)?;
    workplace.warm(&manifest)?;
    let usage = workplace.run(&manifest, responses)?;
    sandbox.require_all_landed()?;
    Ok(responses as f64 / usage.wall.as_secs_f64())
}
