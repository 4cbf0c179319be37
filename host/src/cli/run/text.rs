//! The report of a run, for people.

use std::sync::atomic::Ordering;

use comfy_table::{CellAlignment, Table};

use crate::capabilities::http::Http;
use crate::cli::discover::word;
use crate::cli::output::table;
use crate::pipeline::{End, PartitionReport, RunReport, Verdict};
use crate::store::Counts;

const COLUMNS: [&str; 9] =
    ["partition", "read", "created", "updated", "unchanged", "skipped", "rejected", "seconds", "end"];

pub(super) fn text(report: &RunReport, http: &Http) -> String {
    let mut parts = Vec::new();
    if !report.partitions.is_empty() {
        parts.push(rows(report).to_string());
    }
    parts.extend(report.partitions.iter().filter_map(trouble));
    if let Some(failure) = &report.failure {
        parts.push(format!("error: {}", failure.message));
    }
    parts.extend(traffic(http));
    parts.push(last_line(report));
    parts.join("\n")
}

fn rows(report: &RunReport) -> Table {
    let mut table = table(&COLUMNS);
    for partition in &report.partitions {
        let name = format!("{} ({})", partition.name, partition.id);
        let (counts, end) = match &partition.tick {
            Some(tick) => (tick.counts, end_word(&tick.end)),
            None => (Counts::default(), word(partition.state)),
        };
        table.add_row(row(name, &counts, partition.seconds, end));
    }
    if report.partitions.len() > 1 {
        table.add_row(row("total".to_owned(), &report.counts, report.seconds, ""));
    }
    for column in table.column_iter_mut().skip(1).take(COLUMNS.len() - 2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(name: String, counts: &Counts, seconds: f64, end: &str) -> [String; 9] {
    // What the ledger knew already was not sent, so nothing about it changed.
    let unchanged = counts.unchanged + counts.settled;
    [
        name,
        counts.read.to_string(),
        (counts.created + counts.upserted).to_string(),
        counts.updated.to_string(),
        unchanged.to_string(),
        counts.skipped.to_string(),
        counts.rejected.to_string(),
        format!("{seconds:.1}"),
        end.to_owned(),
    ]
}

fn end_word(end: &End) -> &'static str {
    match end {
        End::Done => "done",
        End::Bounded => "more to come",
        End::Stopped => "stopped",
        End::Superseded => "taken over",
        End::Failed(_) => "failed",
    }
}

/// What went wrong with one partition, or what its state means.
fn trouble(partition: &PartitionReport) -> Option<String> {
    let name = &partition.name;
    let tick = partition.tick.as_ref();
    match tick.map(|tick| &tick.end) {
        Some(End::Failed(failure)) => Some(format!("{name}: {failure}")),
        Some(End::Superseded) => Some(format!("{name}: another run has taken over this partition")),
        None => {
            partition.message.as_ref().map(|message| format!("{name}: {}: {message}", word(partition.state)))
        }
        Some(_) => None,
    }
}

/// Requests that met trouble; silent when none did.
fn traffic(http: &Http) -> Option<String> {
    let tally = http.tally();
    let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let (repeated, throttled, denied) = (of(&tally.repeated), of(&tally.throttled), of(&tally.denied));
    let mut told = Vec::new();
    for (count, what) in [
        (throttled, "answered with 429 or 503"),
        (repeated, "repeated"),
        (denied, "refused because the origin or credential is not granted"),
    ] {
        if count > 0 {
            told.push(format!("{count} {what}"));
        }
    }
    (!told.is_empty()).then(|| format!("{} requests: {}", of(&tally.sent), told.join(", ")))
}

fn last_line(report: &RunReport) -> String {
    let sentence = match report.verdict() {
        Verdict::Landed if report.mode == "plan" => "nothing was written: this was a plan",
        Verdict::Landed => "everything that was read has landed",
        Verdict::DeadLetters => "finished; the rejected records are kept as dead letters with their causes",
        Verdict::Stopped => "stopped; the next run goes on from here",
        Verdict::Failed => "failed in part; what landed is kept, and the next run goes on from there",
        Verdict::NothingStarted => "nothing could be read",
    };
    format!(
        "{sentence} ({} records in {:.1} s, {:.0} a second)",
        report.counts.read, report.seconds, report.records_per_second
    )
}
