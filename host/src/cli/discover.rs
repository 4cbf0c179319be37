//! `sluice discover`: the partitions of the pipeline's stream, with their states.
//!
//! A listing alone does not tell which partitions the vendor refuses, so each active one is tried by reading a range of
//! a millisecond. Nothing is written and no cursor is moved.

use std::sync::Arc;

use comfy_table::Table;
use futures_util::StreamExt;
use futures_util::stream;

use super::args;
use super::exit::Exit;
use super::output::{Output, amount, lines, table};
use super::prologue::assemble;
use crate::assembly::SystemClock;
use crate::failure::Failure;
use crate::pipeline::port::{Clock, Connect, MAX_RECORDS, Partition, PartitionState, ReadRequest, Source};

/// Most partitions that are tried at once.
const PROBES_IN_FLIGHT: usize = 8;
/// How long ago the range lies that is tried: records older than that are at rest.
const PROBE_AGE_MS: u64 = 86_400_000;
/// From so many active partitions on they stand side by side, without facts.
const MANY: usize = 30;
/// Between two entries that stand side by side.
const GAP: usize = 2;

pub(super) async fn discover(arguments: &args::Discover, output: &Output) -> Exit {
    let (loaded, assembly) = match assemble(&arguments.manifest, *output) {
        Ok(assembled) => assembled,
        Err(exit) => return exit,
    };
    let name = &loaded.pipeline.source.stream;
    let limits = &loaded.pipeline.limits;
    let listing = async {
        let source = assembly.connect.source().await?;
        let partitions = source.partitions(name, None).await?;
        if arguments.no_probe {
            return Ok::<_, Failure>(partitions);
        }
        let request = probe(name, limits.page_bytes, SystemClock.now_ms());
        Ok(tried(&source, partitions, &request).await)
    };
    match listing.await {
        Ok(partitions) => {
            output.result(&partitions, || text(name, &partitions));
            Exit::Success
        }
        Err(failure) => output.fail(Exit::of(&failure), &failure.to_string()),
    }
}

/// A request for what came to be in one millisecond.
fn probe(stream: &str, max_bytes: u32, now_ms: u64) -> ReadRequest {
    let since_ms = now_ms.saturating_sub(PROBE_AGE_MS);
    let range = serde_json::json!({ "since_ms": since_ms, "until_ms": since_ms + 1 });
    ReadRequest {
        stream: stream.into(),
        partition: "".into(),
        cursor: None,
        max_records: MAX_RECORDS,
        max_bytes,
        selection: Some(range.to_string().into()),
    }
}

/// Tries each active partition, several at once; the order stays.
async fn tried(source: &impl Source, partitions: Vec<Partition>, probe: &ReadRequest) -> Vec<Partition> {
    let attempt = |mut partition: Partition| async move {
        if partition.state == PartitionState::Active {
            let request = ReadRequest { partition: Arc::from(partition.id.as_str()), ..probe.clone() };
            judge(&mut partition, source.read(request).await.err());
        }
        partition
    };
    stream::iter(partitions).map(attempt).buffered(PROBES_IN_FLIGHT).collect().await
}

fn judge(partition: &mut Partition, failure: Option<Failure>) {
    match failure {
        // What has no times cannot be tried like this, and says so by refusing the range.
        None | Some(Failure::Invalid { .. }) => {}
        Some(failure @ (Failure::Forbidden { .. } | Failure::Unauthorized { .. })) => {
            partition.state = PartitionState::Forbidden;
            partition.message = Some(failure.to_string());
        }
        Some(failure) => partition.message = Some(format!("could not be tried: {failure}")),
    }
}

/// What is out of order first, each with its reason; then the rest.
fn text(stream: &str, partitions: &[Partition]) -> String {
    let sound =
        |partition: &&Partition| partition.state == PartitionState::Active && partition.message.is_none();
    let (good, other): (Vec<_>, Vec<_>) = partitions.iter().partition(sound);
    let mut parts = Vec::new();
    if good.len() < MANY {
        parts.push(lines(&rows(other.into_iter().chain(good))));
    } else {
        if !other.is_empty() {
            parts.push(lines(&rows(other.into_iter())));
        }
        parts.push(columns(&good));
    }
    let active = partitions.iter().filter(|partition| partition.state == PartitionState::Active).count();
    let all = amount(partitions.len() as u64, "partition");
    parts.push(format!("{all} of stream `{stream}`, {active} active"));
    parts.join("\n\n")
}

fn rows<'p>(partitions: impl Iterator<Item = &'p Partition>) -> Table {
    let mut rows = table(&["partition", "name", "state", "message"]);
    for partition in partitions {
        let message = partition.message.as_deref().unwrap_or_default();
        rows.add_row([&partition.id, &partition.name, word(partition.state), message]);
    }
    rows
}

/// Ids and names side by side, as many as the terminal takes, read downwards. What all ids begin with is told once.
fn columns(partitions: &[&Partition]) -> String {
    let prefix = common_prefix(partitions);
    let entry = |partition: &&Partition| {
        format!("{}  {}", partition.id.get(prefix.len()..).unwrap_or(&partition.id), partition.name)
    };
    let entries: Vec<String> = partitions.iter().map(entry).collect();
    let width = entries.iter().map(|entry| entry.chars().count()).max().unwrap_or(0) + GAP;
    let room = usize::from(table(&[]).width().unwrap_or(0));
    let across = (room.saturating_add(GAP) / width.max(1)).clamp(1, entries.len().max(1));
    let down = entries.len().div_ceil(across);
    let line = |row: usize| {
        let cells = entries.iter().skip(row).step_by(down);
        cells.map(|entry| format!("{entry:<width$}")).collect::<String>().trim_end().to_owned()
    };
    let heading = if prefix.is_empty() { "active:".to_owned() } else { format!("active, each {prefix}...") };
    format!("{heading}\n{}", (0..down).map(line).collect::<Vec<_>>().join("\n"))
}

/// What all ids begin with, up to a colon.
fn common_prefix<'p>(partitions: &[&'p Partition]) -> &'p str {
    let prefix = |id: &'p str| id.rfind(':').and_then(|at| id.get(..=at));
    let first = partitions.first().and_then(|partition| prefix(&partition.id)).unwrap_or_default();
    if partitions.iter().all(|partition| partition.id.starts_with(first)) { first } else { "" }
}

pub(super) fn word(state: PartitionState) -> &'static str {
    match state {
        PartitionState::Active => "active",
        PartitionState::Forbidden => "forbidden",
        PartitionState::Disabled => "disabled",
        PartitionState::Empty => "empty",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: usize, state: PartitionState, message: Option<&str>) -> Partition {
        Partition {
            id: format!("A:{number}"),
            name: format!("name {number}"),
            state,
            message: message.map(str::to_owned),
            facts: serde_json::Map::new(),
        }
    }

    #[test]
    fn many_stand_side_by_side_under_what_is_out_of_order() {
        let mut partitions: Vec<_> =
            (0..300).map(|number| partition(number, PartitionState::Active, None)).collect();
        partitions.push(partition(300, PartitionState::Forbidden, Some("no role")));
        let told = text("things", &partitions);
        let (trouble, rest) = told.split_once("active, each A:...\n").unwrap();
        assert!(trouble.contains("A:300") && trouble.contains("forbidden") && trouble.contains("no role"));
        assert!(rest.lines().all(|line| line.len() <= 120), "{rest}");
        assert!((0..300).all(|number| rest.contains(&format!("{number}  name {number}"))));
        assert!(told.lines().count() < 60, "{}", told.lines().count());
        assert!(told.ends_with("301 partitions of stream `things`, 300 active"));
    }

    #[test]
    fn a_refusal_is_a_state_and_an_outage_is_not() {
        let refused =
            Failure::Forbidden { detail: crate::failure::Detail::new("no role"), missing: "role".into() };
        let mut tried = partition(1, PartitionState::Active, None);
        judge(&mut tried, Some(refused));
        assert_eq!(tried.state, PartitionState::Forbidden);
        let mut tried = partition(1, PartitionState::Active, None);
        judge(&mut tried, Some(Failure::fatal("broken")));
        assert_eq!(tried.state, PartitionState::Active);
        assert_eq!(tried.message.as_deref(), Some("could not be tried: broken"));
    }
}
