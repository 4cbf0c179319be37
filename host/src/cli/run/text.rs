//! The report of a run, for people.

use comfy_table::{CellAlignment, Table};

use crate::capabilities::http::Traffic;
use crate::cli::discover::word;
use crate::cli::output::{amount, config_key, duration, lines, table};
use crate::cli::selection::instant;
use crate::failure::Failure;
use crate::pipeline::{End, PartitionReport, RunReport, TickReport, Verdict};
use crate::store::Counts;

const COLUMNS: [&str; 9] =
    ["partition", "read", "created", "updated", "unchanged", "skipped", "rejected", "time", "end"];

/// From so many columns on there is room for ids beside names.
const WIDE: u16 = 110;

pub(in crate::cli) fn text(report: &RunReport, traffic: &Traffic) -> String {
    let mut parts = Vec::new();
    if !report.pushed.is_empty() {
        parts.push(lines(&rows("pushed", &report.pushed, None)));
        parts.extend(troubles(&report.pushed));
    }
    if !report.partitions.is_empty() {
        let total = (report.partitions.len() > 1).then_some(report);
        parts.push(lines(&rows("partition", &report.partitions, total)));
    }
    parts.extend(troubles(&report.partitions));
    if let Some(failure) = &report.failure {
        let at = failure.path.as_deref().filter(|path| !path.is_empty());
        let at = at.map(|path| format!("; see `{}`", config_key(path))).unwrap_or_default();
        let code = failure.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        parts.push(format!("error: {}{code}{at}", failure.message));
    }
    parts.extend(trouble_sent(traffic));
    parts.push(last_line(report));
    parts.join("\n")
}

fn rows(first: &str, partitions: &[PartitionReport], total: Option<&RunReport>) -> Table {
    let mut columns = COLUMNS;
    columns[0] = first;
    let mut table = table(&columns);
    let wide = table.width().is_none_or(|width| width >= WIDE);
    for partition in partitions {
        let named = wide && partition.name != partition.id;
        let name =
            if named { format!("{} ({})", partition.name, partition.id) } else { partition.name.clone() };
        let (counts, end) = match &partition.tick {
            Some(tick) => (tick.counts, end_word(&tick.end)),
            None => (Counts::default(), word(partition.state)),
        };
        table.add_row(row(name, &counts, partition.seconds, end));
    }
    if let Some(report) = total {
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
        duration(seconds),
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

/// What lies nearer than this is not told as a time of day, in milliseconds.
const SOON_MS: u64 = 5 * 60_000;

/// Most partitions that are named before one sentence that is true of all.
const NAMED: usize = 3;

/// What went wrong, each sentence once with the partitions that it is true of.
fn troubles(partitions: &[PartitionReport]) -> Vec<String> {
    let mut troubles: Vec<(String, Vec<&str>)> = Vec::new();
    for partition in partitions {
        let Some(trouble) = trouble(partition) else { continue };
        match troubles.iter_mut().find(|(known, _)| *known == trouble) {
            Some((_, names)) => names.push(&partition.name),
            None => troubles.push((trouble, vec![&partition.name])),
        }
    }
    troubles.into_iter().map(|(trouble, names)| format!("{}: {trouble}", all_of(&names))).collect()
}

fn all_of(names: &[&str]) -> String {
    match names.split_at_checked(NAMED) {
        Some((first, rest)) if !rest.is_empty() => format!("{} and {} more", first.join(", "), rest.len()),
        _ => names.join(", "),
    }
}

/// What went wrong with one partition, or what its state means.
fn trouble(partition: &PartitionReport) -> Option<String> {
    match partition.tick.as_ref().map(|tick| &tick.end) {
        Some(End::Failed(failure)) => Some(match failure {
            Failure::Retryable { .. } => match partition.tick.as_ref().and_then(goes_on_ms) {
                Some(at_ms) => format!("{failure}; it can go on from {}", instant(at_ms)),
                None => failure.to_string(),
            },
            Failure::Invalid { path, .. } if !path.is_empty() => {
                format!("{failure}; see `{}`", config_key(path))
            }
            _ => failure.to_string(),
        }),
        Some(End::Superseded) => Some("another run has taken over this partition".to_owned()),
        None => partition.message.as_ref().map(|message| format!("{}: {message}", word(partition.state))),
        Some(_) => None,
    }
}

/// When a partition that waits for the vendor can go on; none where it would be at once.
fn goes_on_ms(tick: &TickReport) -> Option<u64> {
    let wake_in_ms = tick.wake_in_ms.filter(|&wake_in_ms| wake_in_ms >= SOON_MS)?;
    Some(tick.finished_ms.saturating_add(wake_in_ms))
}

/// Requests that met trouble; silent when none did.
fn trouble_sent(traffic: &Traffic) -> Option<String> {
    let Traffic { sent, repeated, throttled, denied, malformed } = *traffic;
    let mut told = Vec::new();
    for (count, what) in [
        (throttled, "answered with 429 or 503"),
        (repeated, "repeated"),
        (denied, "not sent: the manifest does not allow them"),
        (malformed, "not sent: the component made them wrongly"),
    ] {
        if count > 0 {
            told.push(format!("{count} {what}"));
        }
    }
    (!told.is_empty()).then(|| format!("{}: {}", amount(sent, "request"), told.join(", ")))
}

fn last_line(report: &RunReport) -> String {
    let sentence = match report.verdict() {
        Verdict::Landed if report.mode == "plan" => "nothing was written: this was a plan",
        Verdict::Landed if report.counts.read == 0 => "there was nothing new",
        Verdict::Landed => "everything that was read has landed",
        Verdict::DeadLetters => "finished; the rejected records are kept as dead letters with their causes",
        Verdict::Stopped => "stopped; the next run goes on from here",
        Verdict::Failed if landed(&report.counts) == 0 && some_done(report) => {
            "failed in part; there was nothing new in the other partitions"
        }
        Verdict::Failed if landed(&report.counts) == 0 => "failed; nothing was moved",
        Verdict::Failed => "failed in part; what landed is kept, and the next run goes on from there",
        Verdict::NothingStarted => "the run did not start",
    };
    if report.counts.read == 0 {
        return sentence.to_owned();
    }
    format!(
        "{sentence} ({} in {}, {:.0} a second)",
        amount(report.counts.read, "record"),
        duration(report.seconds),
        report.records_per_second
    )
}

fn some_done(report: &RunReport) -> bool {
    report
        .partitions
        .iter()
        .any(|partition| partition.tick.as_ref().is_some_and(|tick| tick.end == End::Done))
}

/// Records that changed something at the sink, or were found to be there.
fn landed(counts: &Counts) -> u64 {
    counts.created + counts.updated + counts.upserted + counts.unchanged + counts.deleted + counts.settled
}
