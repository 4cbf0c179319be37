//! What the connector computes (parse a page and write records; parse records, map them and write rows), in the
//! component and built natively, by turns and on one thread. Both get the same recorded answers, so that no network is
//! measured; what crosses the component's boundary is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use linkedin_dynamics::{dynamics, linkedin};
use nix::time::{ClockId, clock_gettime};
use sluice::capabilities::egress::Egress;
use sluice::pipeline::port::{self, MAX_BYTES, MAX_RECORDS, Mode, Sink as _, Source as _};
use sluice::runtime::{Component, ComponentCache, Engine, Grants, Limits, OpenSink, OpenSource, Side};

use crate::canned::{Answers, Carrier, Native, Recorder};
use crate::error::BenchError;
use crate::host::{Workplace, block_on};
use crate::sandbox::{Data, LINKEDIN_TOKEN, Places, Sandbox};
use crate::table::{Aim, Table, Unit};
use crate::{Extent, plain};

const STREAM: &str = "lead_responses";
/// More pages than any of these partitions has.
const MAX_PAGES: usize = 10_000;

/// Processor time of reading and of writing the same records.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    read: Duration,
    write: Duration,
}

/// What both forms are given.
struct Work {
    answers: Arc<Answers>,
    partition: String,
    selection: String,
    source_config: String,
    sink_config: String,
    /// The pages of the partition, which are what a sink is given.
    batches: Vec<String>,
    records: usize,
}

pub(crate) fn measure(workplace: &Workplace, extent: Extent, table: &mut Table) -> Result<(), BenchError> {
    let data = Data { responses: extent.pick(20_000, 10_000), accounts: 1, latency_ms: (0, 0) };
    let sandbox = Sandbox::start(&workplace.sandbox, data)?;
    let work = block_on(record(&sandbox.places))??;
    drop(sandbox);
    let (mut native, mut component) = (Vec::new(), Vec::new());
    block_on(async {
        let natively = OpenNative::new(&work).await?;
        let within = OpenComponent::new(workplace, &work).await?;
        // The first turn warms both up.
        for turn in 0..=extent.pick(15, 7) {
            let turns = (natively.turn(&work).await?, within.turn(&work).await?);
            if turn > 0 {
                native.push(turns.0);
                component.push(turns.1);
            }
        }
        Ok::<_, BenchError>(())
    })??;
    report(&native, &component, work.records, table);
    Ok(())
}

fn report(native: &[Turn], component: &[Turn], records: usize, table: &mut Table) {
    type Part = fn(&Turn) -> Duration;
    let parts: [(&str, Part, Aim); 3] = [
        ("read (parse, write records)", |turn| turn.read, Aim::None),
        ("write (parse, map, write rows)", |turn| turn.write, Aim::None),
        ("read and write", |turn| turn.read + turn.write, Aim::AtLeast(0.6)),
    ];
    for (what, part, aim) in parts {
        let micros = |turn: &Turn| part(turn).as_secs_f64() * 1e6 / records as f64;
        let (native, component): (Vec<f64>, Vec<f64>) =
            (native.iter().map(micros).collect(), component.iter().map(micros).collect());
        let ratios = native.iter().zip(&component).map(|(native, component)| native / component).collect();
        table.add(format!("{what}: natively, a record"), Unit::Microseconds, Aim::None, native);
        table.add(format!("{what}: in the component, a record"), Unit::Microseconds, Aim::None, component);
        table.add(format!("{what}: natively / in the component"), Unit::Ratio, aim, ratios);
    }
}

/// Processor time of this thread.
fn processor_time() -> Result<Duration, BenchError> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    let time =
        time.map_err(|error| BenchError::System { what: "read the processor time", source: error.into() })?;
    Ok(time.into())
}

fn failed(what: &str, failure: impl std::fmt::Display) -> BenchError {
    BenchError::Unexpected(format!("{what}: {failure}"))
}

/// Reads and writes everything once, natively and over the network.
async fn record(places: &Places) -> Result<Work, BenchError> {
    let tokens = HashMap::from([
        ("linkedin", LINKEDIN_TOKEN.to_owned()),
        ("dataverse", plain::token_for(places).await?),
    ]);
    let recorder = Recorder::new(plain::client()?, tokens);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    // A range with fixed ends, so that every turn sends the very same requests.
    let selection = format!(r#"{{"since_ms":{},"until_ms":{}}}"#, now - 85 * 86_400_000, now - 120_000);
    let mut work = Work {
        answers: Arc::default(),
        partition: String::new(),
        selection,
        source_config: format!(r#"{{"api_url":"{}/rest"}}"#, places.linkedin),
        sink_config: format!(r#"{{"organization_url":"{}"}}"#, places.dataverse),
        batches: Vec::new(),
        records: 0,
    };
    let source = linkedin::Source::open(&work.source_config, recorder.clone()).await;
    let source = source.map_err(|failure| failed("opening the source", failure))?;
    let partitions = source.partitions(STREAM, None).await;
    let partitions = partitions.map_err(|failure| failed("listing partitions", failure))?;
    work.partition = partitions.first().map(|partition| partition.id.clone()).unwrap_or_default();
    // Again and again, because a source asks otherwise once it knows how LinkedIn treats the ends of a range.
    for _ in 0..3 {
        work.batches = read_natively(&source, &work).await?;
    }
    work.records = work.batches.iter().map(|batch| batch.lines().count()).sum();
    let sink = dynamics::Sink::open(&work.sink_config, recorder.clone()).await;
    write_natively(&sink.map_err(|failure| failed("opening the sink", failure))?, &work).await?;
    drop(source);
    work.answers = Arc::new(recorder.into_answers());
    Ok(work)
}

async fn read_natively<C: linkedin_dynamics::Capabilities>(
    source: &linkedin::Source<C>,
    work: &Work,
) -> Result<Vec<String>, BenchError> {
    let (mut cursor, mut pages) = (None::<String>, Vec::new());
    for _ in 0..MAX_PAGES {
        let request = linkedin::ReadRequest {
            stream: STREAM,
            partition: &work.partition,
            cursor: cursor.as_deref(),
            max_records: MAX_RECORDS,
            max_bytes: MAX_BYTES,
            selection: Some(&work.selection),
        };
        let page = source.read(request).await.map_err(|failure| failed("reading natively", failure))?;
        pages.push(page.records);
        if !page.more {
            break;
        }
        cursor = Some(page.cursor);
    }
    Ok(pages)
}

async fn write_natively<C: linkedin_dynamics::Capabilities>(
    sink: &dynamics::Sink<C>,
    work: &Work,
) -> Result<(), BenchError> {
    for batch in &work.batches {
        let reply = sink.write(batch, dynamics::Mode::Apply).await;
        let reply = reply.map_err(|failure| failed("writing natively", failure))?;
        require_all(batch, &reply.outcomes)?;
    }
    Ok(())
}

fn require_all(batch: &str, outcomes: &str) -> Result<(), BenchError> {
    if batch.lines().count() == outcomes.lines().count() {
        return Ok(());
    }
    Err(BenchError::Unexpected("some records were not written".to_owned()))
}

/// The connector's code as any other Rust code.
struct OpenNative {
    source: linkedin::Source<Native>,
    sink: dynamics::Sink<Native>,
}

impl OpenNative {
    async fn new(work: &Work) -> Result<Self, BenchError> {
        let answers = || Native(Arc::clone(&work.answers));
        let source = linkedin::Source::open(&work.source_config, answers()).await;
        let sink = dynamics::Sink::open(&work.sink_config, answers()).await;
        Ok(Self {
            source: source.map_err(|failure| failed("opening the source", failure))?,
            sink: sink.map_err(|failure| failed("opening the sink", failure))?,
        })
    }

    async fn turn(&self, work: &Work) -> Result<Turn, BenchError> {
        let begin = processor_time()?;
        let pages = read_natively(&self.source, work).await?;
        let middle = processor_time()?;
        write_natively(&self.sink, work).await?;
        let end = processor_time()?;
        require_same(&pages, work)?;
        Ok(Turn { read: middle - begin, write: end - middle })
    }
}

fn require_same(pages: &[String], work: &Work) -> Result<(), BenchError> {
    if pages == work.batches {
        return Ok(());
    }
    Err(BenchError::Unexpected("a turn read other records than the first one".to_owned()))
}

/// The same in a component, called through the host.
struct OpenComponent {
    source: OpenSource,
    sink: OpenSink,
}

impl OpenComponent {
    async fn new(workplace: &Workplace, work: &Work) -> Result<Self, BenchError> {
        let engine = Engine::new().map_err(|error| failed("starting the engine", error))?;
        let cache = ComponentCache::open(workplace.cache()).map_err(|error| failed("the cache", error))?;
        let component = Component::load(&engine, Some(&cache), &workplace.component, 32 << 20);
        let component = component.map_err(|error| failed("loading the component", error))?;
        let carrier = Arc::new(Carrier::new(Arc::clone(&work.answers)));
        let grants =
            Arc::new(Grants { component: "bench".to_owned(), egress: Egress::default(), http: carrier });
        let side = |config: &String| Side {
            component: component.clone(),
            grants: Arc::clone(&grants),
            limits: Limits::default(),
            config: config.clone(),
        };
        let source = side(&work.source_config).open_source().await;
        let sink = side(&work.sink_config).open_sink().await;
        Ok(Self {
            source: source.map_err(|failure| failed("opening the component's source", failure))?,
            sink: sink.map_err(|failure| failed("opening the component's sink", failure))?,
        })
    }

    async fn turn(&self, work: &Work) -> Result<Turn, BenchError> {
        let begin = processor_time()?;
        let pages = self.read(work).await?;
        let middle = processor_time()?;
        for batch in &work.batches {
            let reply = self.sink.write(batch.clone(), Mode::Apply).await;
            let reply = reply.map_err(|failure| failed("writing in the component", failure))?;
            require_all(batch, &reply.outcomes)?;
        }
        let end = processor_time()?;
        require_same(&pages, work)?;
        Ok(Turn { read: middle - begin, write: end - middle })
    }

    async fn read(&self, work: &Work) -> Result<Vec<String>, BenchError> {
        let (mut cursor, mut pages) = (None, Vec::new());
        for _ in 0..MAX_PAGES {
            let request = port::ReadRequest {
                stream: STREAM.into(),
                partition: work.partition.as_str().into(),
                cursor: cursor.take(),
                max_records: MAX_RECORDS,
                max_bytes: MAX_BYTES,
                selection: Some(work.selection.as_str().into()),
            };
            let page = self.source.read(request).await;
            let page = page.map_err(|failure| failed("reading in the component", failure))?;
            pages.push(page.records);
            if !page.more {
                break;
            }
            cursor = Some(page.cursor);
        }
        Ok(pages)
    }
}
