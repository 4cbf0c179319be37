//! `sluice read`: prints records, touches neither the sink nor any cursor.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use super::args;
use super::exit::Exit;
use super::output::{Output, forgive_closed, say};
use super::prologue::assemble;
use crate::failure::Failure;
use crate::manifest::Limits;
use crate::pipeline::port::{Connect, Partition, PartitionState, ReadRequest, Source};

/// Most pages of one partition: a source that never ends is broken.
const MAX_PAGES: u32 = 1_000_000;

/// Why reading ended early.
enum Halt {
    /// The limit is reached, or nobody reads the output any more.
    Enough,
    Failed(Failure),
}

pub(super) async fn read(arguments: &args::Read, output: &Output) -> Exit {
    let (loaded, assembly) = match assemble(&arguments.manifest, *output) {
        Ok(assembled) => assembled,
        Err(exit) => return exit,
    };
    let stream = loaded.pipeline.source.stream.as_str();
    let args::RecordFormat::Jsonl = arguments.format;
    let left = arguments.limit.unwrap_or(u64::MAX);
    let reading = async {
        let source = assembly.connect.source().await.map_err(Halt::Failed)?;
        let partitions = source.partitions(stream, None).await.map_err(Halt::Failed)?;
        let chosen = choose(partitions, &arguments.partition)?;
        let mut printer = Printer { out: BufWriter::new(io::stdout()), left };
        for partition in chosen {
            read_partition(&source, stream, &partition, &loaded.pipeline.limits, &mut printer).await?;
        }
        printer.out.flush().map_err(halted)
    };
    match reading.await {
        Ok(()) | Err(Halt::Enough) => Exit::Success,
        // The output may be half a stream of records, so the message never goes there.
        Err(Halt::Failed(failure)) => {
            say(&format!("error: {failure}"));
            Exit::of(&failure)
        }
    }
}

/// The partitions that were asked for, or all active ones.
fn choose(partitions: Vec<Partition>, wanted: &[String]) -> Result<Vec<Partition>, Halt> {
    let known = |id: &&String| !partitions.iter().any(|partition| partition.id == **id);
    if let Some(unknown) = wanted.iter().find(known) {
        let message = format!("there is no partition `{unknown}`; `sluice discover` lists them");
        return Err(Halt::Failed(Failure::fatal(message)));
    }
    let chosen = |partition: &Partition| match wanted {
        [] => partition.state == PartitionState::Active,
        ids => ids.contains(&partition.id),
    };
    Ok(partitions.into_iter().filter(chosen).collect())
}

async fn read_partition(
    source: &impl Source,
    stream: &str,
    partition: &Partition,
    limits: &Limits,
    printer: &mut Printer,
) -> Result<(), Halt> {
    let (stream, id): (Arc<str>, Arc<str>) = (stream.into(), partition.id.as_str().into());
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let request = ReadRequest {
            stream: Arc::clone(&stream),
            partition: Arc::clone(&id),
            cursor,
            max_records: limits.page_records,
            max_bytes: limits.page_bytes,
            selection: None,
        };
        let page = source.read(request).await.map_err(Halt::Failed)?;
        printer.page(&page.records)?;
        if !page.more {
            return Ok(());
        }
        cursor = Some(page.cursor);
    }
    Err(Halt::Failed(Failure::fatal(format!("the source returned more than {MAX_PAGES} pages of `{id}`"))))
}

/// A reader that has gone away has enough.
fn halted(error: io::Error) -> Halt {
    match forgive_closed(error) {
        Ok(()) => Halt::Enough,
        Err(error) => Halt::Failed(Failure::fatal(format!("cannot write to standard output: {error}"))),
    }
}

/// Prints records until there are enough.
struct Printer {
    out: BufWriter<io::Stdout>,
    left: u64,
}

impl Printer {
    fn page(&mut self, records: &str) -> Result<(), Halt> {
        for line in records.lines() {
            if self.left == 0 {
                break;
            }
            writeln!(self.out, "{line}").map_err(halted)?;
            self.left -= 1;
        }
        self.out.flush().map_err(halted)?;
        if self.left == 0 { Err(Halt::Enough) } else { Ok(()) }
    }
}
