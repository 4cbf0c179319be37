//! What the tests build on: sources and sinks made of closures, a store that fails on request, and time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::failure::{Detail, Failure};
use crate::pipeline::port::{
    Clock, Connect, Mode, Page, Partition, PartitionState, ReadRequest, Sink, Source, WriteReply,
};
use crate::pipeline::{Event, Job, Progress, RetryPolicy, Settings, Stop, Tick, TickReport};
use crate::store::{
    Change, Lease, Notice, NoticeId, PageCommit, PartitionId, PartitionNote, Peek, Probe, Receipt, RunId,
    Slot, SqliteStore, Store, StoreError, Waiting, Withdrawal,
};

pub(super) const PIPELINE: &str = "p";
pub(super) const STREAM: &str = "leads";

pub(super) type ReadFn = dyn Fn(ReadRequest) -> BoxFuture<'static, Result<Page, Failure>> + Send + Sync;
pub(super) type FetchFn = dyn Fn(Vec<String>) -> BoxFuture<'static, Result<Page, Failure>> + Send + Sync;
pub(super) type WriteFn =
    dyn Fn(String, Mode) -> BoxFuture<'static, Result<WriteReply, Failure>> + Send + Sync;

/// A source made of a closure and a list.
#[derive(Clone)]
pub(super) struct FakeSource {
    pub(super) partitions: Vec<Partition>,
    pub(super) read: Arc<ReadFn>,
    pub(super) fetch: Arc<FetchFn>,
}

impl Source for FakeSource {
    async fn partitions(&self, _: &str, _: Option<&str>) -> Result<Vec<Partition>, Failure> {
        Ok(self.partitions.clone())
    }

    async fn read(&self, request: ReadRequest) -> Result<Page, Failure> {
        (self.read)(request).await
    }

    async fn fetch(&self, _: &str, keys: Vec<String>) -> Result<Page, Failure> {
        (self.fetch)(keys).await
    }
}

/// A sink made of a closure.
#[derive(Clone)]
pub(super) struct FakeSink(pub(super) Arc<WriteFn>);

impl Sink for FakeSink {
    async fn write(&self, batch: String, mode: Mode) -> Result<WriteReply, Failure> {
        (self.0)(batch, mode).await
    }
}

/// Hands out copies of one source and one sink, after the failures that are due.
pub(super) struct FakeConnect {
    pub(super) source: FakeSource,
    pub(super) sink: FakeSink,
    pub(super) failures: Mutex<Vec<Failure>>,
}

impl Connect for FakeConnect {
    type Source = FakeSource;
    type Sink = FakeSink;

    async fn source(&self) -> Result<FakeSource, Failure> {
        let failure = self.failures.lock().unwrap().pop();
        failure.map_or_else(|| Ok(self.source.clone()), Err)
    }

    async fn sink(&self) -> Result<FakeSink, Failure> {
        Ok(self.sink.clone())
    }
}

/// Tokio's clock, paused: it jumps to the next wait when nothing else is to be done.
pub(super) struct TestClock(Instant);

impl TestClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        1_800_000_000_000 + u64::try_from(self.0.elapsed().as_millis()).unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Keeps what it was told, as text.
#[derive(Default)]
pub(super) struct Witness(pub(super) Mutex<Vec<String>>);

impl Progress for Witness {
    fn observe(&self, event: Event<'_>) {
        let line = match event {
            Event::Listed { partitions } => format!("listed {}", partitions.len()),
            Event::Started { partition, resumed } => format!("started {} {resumed}", partition.id),
            Event::Page { page, total, .. } => format!("page {} of {}", page.read, total.read),
            Event::Planned { entries, .. } => format!("planned {}", entries.len()),
            Event::Waiting { failure, until_ms, .. } => format!("waiting until {until_ms}: {failure}"),
            Event::Warning { message, .. } => format!("warning {message}"),
            Event::Finished { partition, .. } => format!("finished {}", partition.id),
        };
        self.0.lock().unwrap().push(line);
    }
}

/// What happens to the commit at which a fault is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process dies before it.
    CrashBefore,
    /// The process dies when it is durable, before anyone learns of it.
    CrashAfter,
    /// The disk is full.
    Full,
}

/// A store with one fault due.
pub(super) struct FaultyStore {
    pub(super) inner: SqliteStore,
    fault: Fault,
    due: AtomicI64,
    pub(super) crashed: Notify,
}

impl FaultyStore {
    /// `due` commits go well before the fault; a negative number means none.
    pub(super) fn new(inner: &SqliteStore, fault: Fault, due: i64) -> Arc<Self> {
        Arc::new(Self { inner: inner.clone(), fault, due: AtomicI64::new(due), crashed: Notify::new() })
    }

    async fn crash<T>(&self) -> T {
        self.crashed.notify_one();
        std::future::pending().await
    }
}

impl Store for FaultyStore {
    async fn take_over(&self, slot: &Slot) -> Result<Lease, StoreError> {
        self.inner.take_over(slot).await
    }

    async fn peek(&self, slot: &Slot) -> Result<Peek, StoreError> {
        self.inner.peek(slot).await
    }

    async fn settled(&self, partition: PartitionId, probes: Vec<Probe>) -> Result<Vec<bool>, StoreError> {
        self.inner.settled(partition, probes).await
    }

    async fn withdrawals(
        &self,
        partition: PartitionId,
        probes: Vec<Probe>,
    ) -> Result<Vec<Withdrawal>, StoreError> {
        self.inner.withdrawals(partition, probes).await
    }

    async fn receive(&self, pipeline: &str, changes: Vec<Change>, at_ms: u64) -> Result<Receipt, StoreError> {
        self.inner.receive(pipeline, changes, at_ms).await
    }

    async fn waiting(&self, pipeline: &str, stream: &str) -> Result<Vec<Waiting>, StoreError> {
        self.inner.waiting(pipeline, stream).await
    }

    async fn due(
        &self,
        partition: PartitionId,
        by_ms: u64,
        limit: u32,
    ) -> Result<(Vec<Notice>, Option<u64>), StoreError> {
        self.inner.due(partition, by_ms, limit).await
    }

    async fn put_off(&self, notices: Vec<(NoticeId, u64)>) -> Result<(), StoreError> {
        self.inner.put_off(notices).await
    }

    async fn commit(&self, page: PageCommit) -> Result<(), StoreError> {
        if self.due.fetch_sub(1, Ordering::Relaxed) != 0 {
            return self.inner.commit(page).await;
        }
        match self.fault {
            Fault::CrashBefore => self.crash().await,
            Fault::CrashAfter => {
                self.inner.commit(page).await?;
                self.crash().await
            }
            Fault::Full => Err(StoreError::Full { path: ":memory:".into() }),
        }
    }

    async fn note(&self, notes: Vec<PartitionNote>) -> Result<(), StoreError> {
        self.inner.note(notes).await
    }

    async fn start_run(&self, pipeline: &str, at_ms: u64) -> Result<RunId, StoreError> {
        self.inner.start_run(pipeline, at_ms).await
    }

    async fn finish_run(
        &self,
        run: RunId,
        at_ms: u64,
        verdict: &str,
        report: String,
    ) -> Result<(), StoreError> {
        self.inner.finish_run(run, at_ms, verdict, report).await
    }
}

/// Everything a tick needs, with what most tests want.
pub(super) struct Rig {
    pub(super) store: SqliteStore,
    pub(super) job: Job,
    pub(super) partition: Partition,
    pub(super) progress: Arc<Witness>,
    pub(super) stop: Stop,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self {
            store: SqliteStore::in_memory().unwrap(),
            job: job(),
            partition: partition("a"),
            progress: Arc::default(),
            stop: Stop::never(),
        }
    }

    pub(super) async fn tick(&self, source: &FakeSource, sink: &FakeSink) -> TickReport {
        self.tick_of(source, sink, &Arc::new(self.store.clone())).run().await
    }

    pub(super) fn tick_of<S: Store>(
        &self,
        source: &FakeSource,
        sink: &FakeSink,
        store: &Arc<S>,
    ) -> Tick<FakeSource, FakeSink, S, TestClock> {
        Tick {
            source: Arc::new(source.clone()),
            sink: Arc::new(sink.clone()),
            store: Arc::clone(store),
            clock: TestClock::new(),
            progress: Arc::<Witness>::clone(&self.progress),
            job: Arc::new(self.job.clone()),
            partition: Arc::new(self.partition.clone()),
            stop: self.stop.clone(),
        }
    }

    pub(super) async fn cursor(&self) -> Option<String> {
        self.store.peek(&self.job.slot(&self.partition)).await.unwrap().cursor
    }

    pub(super) async fn rows(&self) -> u64 {
        self.store.outcome_count(PIPELINE).await.unwrap()
    }

    pub(super) fn events(&self) -> Vec<String> {
        self.progress.0.lock().unwrap().clone()
    }
}

pub(super) fn job() -> Job {
    let retry = RetryPolicy {
        max_tries: 4,
        min_delay: Duration::from_millis(100),
        max_delay: Duration::from_secs(1),
        max_wait: Duration::from_secs(10),
    };
    Job {
        pipeline: PIPELINE.into(),
        stream: STREAM.into(),
        selection: None,
        sweep: false,
        mode: Mode::Apply,
        digest_seed: 0,
        jitter_seed: 7,
        settings: Settings { retry, ..Settings::default() },
    }
}

pub(super) fn partition(id: &str) -> Partition {
    Partition {
        id: id.to_owned(),
        name: format!("Partition {id}"),
        state: PartitionState::Active,
        message: None,
        facts: serde_json::Map::new(),
    }
}

pub(super) fn retryable(wait_ms: Option<u64>) -> Failure {
    Failure::Retryable { detail: Detail::new("busy"), wait: wait_ms.map(Duration::from_millis) }
}

/// The envelope of one record.
pub(super) fn envelope(key: &str, time: u64, value: u64) -> String {
    format!(
        r#"{{"key":"{key}","op":"upsert","stream":"{STREAM}","time":{time},"data":{{"email":"secret-{value}"}}}}"#
    )
}

/// A page of records `first..last`, named by their numbers, with `last` as its cursor.
pub(super) fn page(first: u64, last: u64, more: bool) -> Page {
    let records: Vec<String> =
        (first..last).map(|number| envelope(&format!("k{number}"), 1000 + number, number)).collect();
    Page { records: records.join("\n"), cursor: last.to_string(), more, ..Page::default() }
}

/// Gives `total` records, `size` a page.
pub(super) fn counting_source(total: u64, size: u64) -> FakeSource {
    source(move |request| {
        let first = request.cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let last = total.min(first + size);
        Ok(page(first, last, last < total))
    })
}

pub(super) fn source(
    read: impl Fn(ReadRequest) -> Result<Page, Failure> + Send + Sync + 'static,
) -> FakeSource {
    FakeSource {
        partitions: vec![partition("a")],
        read: Arc::new(move |request| std::future::ready(read(request)).boxed()),
        fetch: Arc::new(|_| std::future::ready(Ok(Page::default())).boxed()),
    }
}

pub(super) fn sink(
    write: impl Fn(&[String], Mode) -> Result<WriteReply, Failure> + Send + Sync + 'static,
) -> FakeSink {
    FakeSink(Arc::new(move |batch, mode| std::future::ready(write(&keys(&batch), mode)).boxed()))
}

/// A sink that takes everything, and the batches it took.
pub(super) fn taking_sink() -> (FakeSink, Arc<Mutex<Vec<Vec<String>>>>) {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let batches = Arc::clone(&taken);
    let sink = sink(move |keys, _| {
        taken.lock().unwrap().push(keys.to_vec());
        Ok(created(keys))
    });
    (sink, batches)
}

pub(super) fn created(keys: &[String]) -> WriteReply {
    WriteReply { outcomes: outcomes(keys, "created"), stopped: None }
}

pub(super) fn outcomes(keys: &[String], status: &str) -> String {
    keys.iter().map(|key| format!("{{\"key\":\"{key}\",\"status\":\"{status}\"}}\n")).collect()
}

/// The keys of a batch, in order.
pub(super) fn keys(batch: &str) -> Vec<String> {
    batch
        .lines()
        .map(|line| {
            let envelope: serde_json::Value = serde_json::from_str(line).unwrap();
            envelope["key"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// Runs a future on a runtime of its own, with its clock paused.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future)
}
