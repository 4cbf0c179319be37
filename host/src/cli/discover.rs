//! `sluice discover`: the partitions of the pipeline's stream, with their states.

use super::args;
use super::exit::Exit;
use super::output::{Output, amount, lines, table};
use super::prologue::assemble;
use crate::pipeline::port::{Connect, Partition, PartitionState, Source};

pub(super) async fn discover(manifest: &args::Manifest, output: &Output) -> Exit {
    let (loaded, assembly) = match assemble(manifest, *output) {
        Ok(assembled) => assembled,
        Err(exit) => return exit,
    };
    let stream = &loaded.pipeline.source.stream;
    let listing = async { assembly.connect.source().await?.partitions(stream, None).await };
    match listing.await {
        Ok(partitions) => {
            output.result(&partitions, || text(stream, &partitions));
            Exit::Success
        }
        Err(failure) => output.fail(Exit::of(&failure), &failure.to_string()),
    }
}

fn text(stream: &str, partitions: &[Partition]) -> String {
    let active = partitions.iter().filter(|partition| partition.state == PartitionState::Active).count();
    let mut rows = table(&["partition", "name", "state", "message"]);
    for partition in partitions {
        let message = partition.message.as_deref().unwrap_or_default();
        rows.add_row([&partition.id, &partition.name, word(partition.state), message]);
    }
    let all = amount(partitions.len() as u64, "partition");
    format!("{}\n\n{all} of stream `{stream}`, {active} active", lines(&rows))
}

pub(super) fn word(state: PartitionState) -> &'static str {
    match state {
        PartitionState::Active => "active",
        PartitionState::Forbidden => "forbidden",
        PartitionState::Disabled => "disabled",
        PartitionState::Empty => "empty",
    }
}
