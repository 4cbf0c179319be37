//! Everything from LinkedIn's side to Dynamics 365's: `sluice run` and the plain program by turns, each against a
//! sandbox of its own with the same data. Yields throughput, processor time and memory.

use std::process::Command;

use crate::Extent;
use crate::child::{self, Usage};
use crate::error::BenchError;
use crate::host::{Tuning, Workplace};
use crate::sandbox::{CLIENT_SECRET, Data, LINKEDIN_TOKEN, Sandbox};
use crate::table::{Aim, Table, Unit};

/// What both programs took for the same number of responses, by turns.
#[derive(Debug, Default)]
struct Turns {
    sluice: Vec<Usage>,
    plain: Vec<Usage>,
}

const MEBIBYTE: f64 = 1_048_576.0;

pub(crate) fn measure(workplace: &Workplace, extent: Extent, table: &mut Table) -> Result<(), BenchError> {
    let throughput = extent.pick(50_000, 10_000);
    let turns = take_turns(workplace, throughput, extent.pick(5, 3))?;
    compare_throughput(&turns, throughput, table);
    for (responses, turns) in extent.pick(vec![(10_000, 5), (100_000, 3)], vec![(10_000, 1), (50_000, 1)]) {
        let taken = take_turns(workplace, responses, turns)?;
        compare_processor_time(&taken, responses, table);
        add_memory(&taken.sluice, responses, table);
    }
    if !extent.quick {
        let responses = 1_000_000;
        let usage = move_all(workplace, responses, &|sandbox| with_sluice(workplace, sandbox, responses))?;
        add_memory(&[usage], responses, table);
    }
    Ok(())
}

fn take_turns(workplace: &Workplace, responses: u64, turns: usize) -> Result<Turns, BenchError> {
    let mut taken = Turns::default();
    for turn in 1..=turns {
        eprintln!("moving {responses} responses, turn {turn} of {turns}");
        taken.plain.push(move_all(workplace, responses, &|sandbox| with_plain(workplace, sandbox))?);
        taken
            .sluice
            .push(move_all(workplace, responses, &|sandbox| with_sluice(workplace, sandbox, responses))?);
    }
    Ok(taken)
}

/// Starts a sandbox, lets the program move everything, and makes sure that it did.
fn move_all(
    workplace: &Workplace,
    responses: u64,
    program: &dyn Fn(&Sandbox) -> Result<Usage, BenchError>,
) -> Result<Usage, BenchError> {
    let data = Data { responses, accounts: 3, latency_ms: (0, 0) };
    let sandbox = Sandbox::start(&workplace.sandbox, data)?;
    let usage = program(&sandbox)?;
    sandbox.require_all_landed()?;
    Ok(usage)
}

fn with_sluice(workplace: &Workplace, sandbox: &Sandbox, responses: u64) -> Result<Usage, BenchError> {
    let manifest = workplace.manifest(&sandbox.places, Tuning::default())?;
    workplace.warm(&manifest)?;
    workplace.run(&manifest, responses)
}

fn with_plain(workplace: &Workplace, sandbox: &Sandbox) -> Result<Usage, BenchError> {
    let places = &sandbox.places;
    let mut command = Command::new(&workplace.own);
    command.args(["plain", "--linkedin", &places.linkedin, "--dataverse", &places.dataverse]);
    command.args(["--token-url", &places.token_url(), "--client-id", &places.client_id]);
    command.env("LINKEDIN_ACCESS_TOKEN", LINKEDIN_TOKEN).env("DATAVERSE_CLIENT_SECRET", CLIENT_SECRET);
    child::run("the plain program", &mut command)
}

fn rates(usages: &[Usage], responses: u64) -> Vec<f64> {
    usages.iter().map(|usage| responses as f64 / usage.wall.as_secs_f64()).collect()
}

fn processor_micros(usages: &[Usage], responses: u64) -> Vec<f64> {
    usages.iter().map(|usage| usage.processor.as_secs_f64() * 1e6 / responses as f64).collect()
}

fn compare_throughput(turns: &Turns, responses: u64, table: &mut Table) {
    let (sluice, plain) = (rates(&turns.sluice, responses), rates(&turns.plain, responses));
    let ratios = sluice.iter().zip(&plain).map(|(sluice, plain)| sluice / plain).collect();
    let size = thousands(responses);
    table.add(format!("end to end, {size}: plain Rust program"), Unit::RecordsPerSecond, Aim::None, plain);
    table.add(format!("end to end, {size}: sluice run"), Unit::RecordsPerSecond, Aim::None, sluice);
    table.add("end to end: sluice / plain", Unit::Ratio, Aim::AtLeast(0.8), ratios);
}

fn compare_processor_time(turns: &Turns, responses: u64, table: &mut Table) {
    let size = thousands(responses);
    let plain = processor_micros(&turns.plain, responses);
    table.add(format!("CPU per record, {size}: plain Rust program"), Unit::Microseconds, Aim::None, plain);
    let sluice = processor_micros(&turns.sluice, responses);
    table.add(format!("CPU per record, {size}: sluice run"), Unit::Microseconds, Aim::AtMost(10.0), sluice);
}

fn add_memory(usages: &[Usage], responses: u64, table: &mut Table) {
    let peaks = usages.iter().map(|usage| usage.peak_bytes as f64 / MEBIBYTE).collect();
    let what = format!("peak memory, {}: sluice run", thousands(responses));
    table.add(what, Unit::Mebibytes, Aim::AtMost(64.0), peaks);
}

fn thousands(responses: u64) -> String {
    match responses {
        whole if whole % 1_000_000 == 0 => format!("{} M", whole / 1_000_000),
        _ => format!("{} k", responses / 1000),
    }
}
