//! The unit of work: one bounded sync of one partition.
//!
//! Pages are read one after another, written side by side, and committed strictly in the order of reading: each
//! commit holds a page's outcomes and the cursor behind it, or neither. Everything that starts work calls this.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use tokio::task::JoinSet;

use super::batch::{Batch, Expected, Places};
use super::breach::{Breach, problem};
use super::page::{Desk, Written};
use super::patience::{GivenUp, Patience, Site};
use super::port::{Clock, MAX_BYTES, MAX_RECORDS, Mode, Page, Partition, ReadRequest, Sink, Source};
use super::progress::{Event, Progress};
use super::report::{End, TickReport};
use super::settings::Job;
use super::stop::Stop;
use crate::failure::Failure;
use crate::store::{Counts, CursorMove, Lease, NoticeId, PageCommit, PartitionId, Store, StoreError};

/// Longest cursor, in bytes.
const MAX_CURSOR_BYTES: usize = 64 * 1024;
/// Most warnings of one tick that are kept, and most bytes of each.
const MAX_WARNINGS: usize = 100;
const MAX_WARNING_BYTES: usize = 1024;

/// One bounded sync of one partition, ready to run.
///
/// Two ticks of one partition must not run at once; should it happen, the one that began later wins, and the other ends
/// with [`End::Superseded`].
pub struct Tick<R, W, S, C> {
    /// An open read side of its own.
    pub source: Arc<R>,
    /// An open write side of its own.
    pub sink: Arc<W>,
    /// Keeps the checkpoint and the outcomes.
    pub store: Arc<S>,
    /// Time.
    pub clock: Arc<C>,
    /// Is told of each step.
    pub progress: Arc<dyn Progress>,
    /// What to move.
    pub job: Arc<Job>,
    /// Of which partition.
    pub partition: Arc<Partition>,
    /// Asks for the end.
    pub stop: Stop,
}

impl<R: Source, W: Sink, S: Store, C: Clock> Tick<R, W, S, C> {
    /// Runs to the partition's end, a bound, a failure, or the asked-for end. May be dropped at any await: what was
    /// committed stays, and the next tick goes on from there.
    pub async fn run(&self) -> TickReport {
        let mut report = TickReport::new(self.clock.now_ms());
        match self.begin().await {
            Ok(start) => {
                self.progress
                    .observe(Event::Started { partition: &self.partition, resumed: start.cursor.is_some() });
                report = Flow::new(self, start, report).run().await;
            }
            Err(error) => report.end = end_of(error),
        }
        report.finished_ms = self.clock.now_ms();
        self.log(&report);
        self.progress.observe(Event::Finished { partition: &self.partition, report: &report });
        report
    }

    /// Takes the slot over; in plan mode only looks at it.
    async fn begin(&self) -> Result<Start, StoreError> {
        let slot = self.job.slot(&self.partition);
        Ok(match self.job.mode {
            Mode::Apply => {
                let lease = self.store.take_over(&slot).await?;
                Start { partition: Some(lease.partition), cursor: lease.cursor.clone(), lease: Some(lease) }
            }
            Mode::Plan => {
                let peek = self.store.peek(&slot).await?;
                Start { partition: peek.partition, cursor: peek.cursor, lease: None }
            }
        })
    }

    fn site(&self) -> Site<C> {
        Site {
            clock: Arc::clone(&self.clock),
            progress: Arc::clone(&self.progress),
            job: Arc::clone(&self.job),
            partition: Some(Arc::clone(&self.partition)),
            stop: self.stop.clone(),
        }
    }

    fn log(&self, report: &TickReport) {
        let (pipeline, partition) = (&*self.job.pipeline, self.partition.id.as_str());
        let (read, pages) = (report.counts.read, report.pages);
        match &report.end {
            End::Failed(failure) => {
                let kind = failure.kind();
                // Whoever asked for the work is told in the report; a warning here would tell it twice.
                tracing::info!(pipeline, partition, read, pages, kind, reason = %failure, "partition failed");
            }
            end => tracing::info!(pipeline, partition, read, pages, ?end, "partition finished"),
        }
    }
}

/// Where a tick begins.
struct Start {
    /// None in plan mode.
    lease: Option<Lease>,
    partition: Option<PartitionId>,
    cursor: Option<String>,
}

/// A page that was read and checked.
struct Fresh {
    batch: Batch,
    cursor: String,
    more: bool,
    bytes: u64,
    facts: Facts,
    notices: Vec<NoticeId>,
}

/// What the host understands of a page's facts.
#[derive(Default, Deserialize)]
struct Facts {
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    wake_in_ms: Option<u64>,
}

/// A page that is being written, or waits for its commit.
struct InHand {
    places: Places,
    cursor: String,
    more: bool,
    bytes: u64,
    notices: Vec<NoticeId>,
    /// None while it is being written.
    written: Option<Written>,
}

type Reading = (Result<Fresh, GivenUp>, Duration);

/// A running tick.
struct Flow<'t, R, W, S, C> {
    tick: &'t Tick<R, W, S, C>,
    desk: Arc<Desk<W, S, C>>,
    lease: Option<Lease>,
    /// Where the next read goes on.
    cursor: Option<String>,
    more: bool,
    pages_read: u32,
    reading: Option<BoxFuture<'static, Reading>>,
    /// Was read, but holds a key that is in hand.
    held: Option<Fresh>,
    /// In the order of reading.
    hands: VecDeque<InHand>,
    /// The number of the first page in hand.
    first: u32,
    writes: JoinSet<(u32, Written)>,
    /// Of the first page in hand.
    committing: Option<BoxFuture<'static, Result<(), StoreError>>>,
    committing_counts: Counts,
    /// Why no more is read.
    closing: Option<End>,
    wake_in_ms: Option<u64>,
    report: TickReport,
}

impl<'t, R: Source, W: Sink, S: Store, C: Clock> Flow<'t, R, W, S, C> {
    fn new(tick: &'t Tick<R, W, S, C>, start: Start, report: TickReport) -> Self {
        let desk = Desk {
            sink: Arc::clone(&tick.sink),
            store: Arc::clone(&tick.store),
            site: tick.site(),
            partition: start.partition,
        };
        Self {
            tick,
            desk: Arc::new(desk),
            lease: start.lease,
            cursor: start.cursor,
            more: true,
            pages_read: 0,
            reading: None,
            held: None,
            hands: VecDeque::new(),
            first: 0,
            writes: JoinSet::new(),
            committing: None,
            committing_counts: Counts::default(),
            closing: None,
            wake_in_ms: None,
            report,
        }
    }

    async fn run(mut self) -> TickReport {
        let mut end = self.drive().await;
        // A commit that has begun is waited for: it is short, and the report then says what is durable.
        if let Some(committing) = self.committing.take()
            && let Err(stored) = self.committed(committing.await)
        {
            end = stored;
        }
        self.gather().await;
        if !matches!(end, End::Superseded) {
            self.salvage().await;
        }
        self.report.wake_in_ms = self.wake_in(&end);
        self.report.end = end;
        self.report
    }

    /// Keeps reading, writing and committing going until there is a reason to end.
    async fn drive(&mut self) -> End {
        let mut grace: Option<BoxFuture<'static, ()>> = None;
        loop {
            // In this order each makes room for the next.
            self.start_commit();
            self.start_write();
            self.start_read();
            if let Some(end) = self.ended() {
                return end;
            }
            tokio::select! {
                biased;
                () = self.tick.stop.stopped(), if grace.is_none() => {
                    self.close(End::Stopped);
                    grace = Some(self.grace());
                }
                () = once(&mut grace) => return End::Stopped,
                stored = once(&mut self.committing) => {
                    if let Err(end) = self.committed(stored) {
                        return end;
                    }
                }
                Some(joined) = self.writes.join_next() => match joined {
                    Ok((page, written)) => self.written(page, written),
                    Err(_) => return End::Failed(Failure::fatal(
                        "the work on a page ended unexpectedly, a mistake in this program; please report it",
                    )),
                },
                read = once(&mut self.reading) => self.arrived(read),
            }
        }
    }

    /// Why to end now.
    fn ended(&self) -> Option<End> {
        let Some(first) = self.hands.front() else {
            let idle = self.reading.is_none() && self.held.is_none();
            return idle.then(|| self.closing.clone().unwrap_or(End::Done));
        };
        let given_up = first.written.as_ref()?.given_up.as_ref()?;
        Some(if given_up.stopped { End::Stopped } else { End::Failed(given_up.failure.clone()) })
    }

    /// Reads no more, and drops what was read but is not being written.
    fn close(&mut self, end: End) {
        self.reading = None;
        self.held = None;
        // Where all was read before, the end is not cut short.
        if self.more || !matches!(end, End::Stopped) {
            self.closing.get_or_insert(end);
        }
    }

    fn grace(&self) -> BoxFuture<'static, ()> {
        let (clock, grace) = (Arc::clone(&self.tick.clock), self.tick.job.settings.grace);
        async move { clock.sleep(grace).await }.boxed()
    }

    /// Asks for the next page, if bounds allow.
    fn start_read(&mut self) {
        let settings = &self.tick.job.settings;
        let room = self.hands.len() < settings.pages_in_flight.max(1) as usize;
        let idle = self.reading.is_none() && self.held.is_none();
        if self.closing.is_some() || !self.more || !room || !idle || self.tick.stop.is_stopped() {
            return;
        }
        let elapsed_ms = u128::from(self.tick.clock.now_ms().saturating_sub(self.report.started_ms));
        let late = self.pages_read > 0 && elapsed_ms >= settings.max_duration.as_millis();
        if self.pages_read >= settings.max_pages.max(1) || late {
            self.closing = Some(End::Bounded);
            return;
        }
        let request = ReadRequest {
            stream: Arc::clone(&self.tick.job.stream),
            partition: self.tick.partition.id.as_str().into(),
            cursor: self.cursor.clone(),
            max_records: settings.page_records.clamp(1, MAX_RECORDS),
            max_bytes: settings.page_bytes.clamp(1, MAX_BYTES),
            selection: self.tick.job.selection.clone(),
        };
        // Reads and writes of one page wait differently.
        let patience = Patience::new(&self.tick.site(), u64::from(self.pages_read) | 1 << 32);
        let (source, seed) = (Arc::clone(&self.tick.source), self.tick.job.digest_seed);
        self.reading = Some(read(source, request, seed, patience).boxed());
    }

    fn arrived(&mut self, (read, waited): Reading) {
        self.waited(waited);
        let fresh = match read {
            Ok(fresh) => fresh,
            Err(given_up) if given_up.stopped => return self.close(End::Stopped),
            Err(given_up) => return self.close(End::Failed(given_up.failure)),
        };
        self.pages_read += 1;
        self.cursor = Some(fresh.cursor.clone());
        self.more = fresh.more;
        self.wake_in_ms = fresh.facts.wake_in_ms;
        for warning in &fresh.facts.warnings {
            self.warn(warning);
        }
        self.held = Some(fresh);
    }

    /// Passes a sentence of the source on, once.
    fn warn(&mut self, warning: &str) {
        let end = warning.floor_char_boundary(MAX_WARNING_BYTES);
        let warning = warning.get(..end).unwrap_or_default();
        let warnings = &mut self.report.warnings;
        if warnings.len() < MAX_WARNINGS && !warnings.iter().any(|known| known == warning) {
            warnings.push(warning.to_owned());
            let partition = &self.tick.partition;
            self.tick.progress.observe(Event::Warning { partition, message: warning });
        }
    }

    /// Hands the page that was read to a task of its own, unless one of its keys is in hand already.
    fn start_write(&mut self) {
        let in_hand = |key: &Arc<str>| self.hands.iter().any(|hand| hand.places.contains_key(key));
        let Some(fresh) = self.held.take_if(|fresh| !fresh.batch.places.keys().any(in_hand)) else { return };
        // Pages in hand are few.
        let page = self.first.wrapping_add(u32::try_from(self.hands.len()).unwrap_or(u32::MAX));
        self.hands.push_back(InHand {
            places: Arc::clone(&fresh.batch.places),
            cursor: fresh.cursor,
            more: fresh.more,
            bytes: fresh.bytes,
            notices: fresh.notices,
            written: None,
        });
        let desk = Arc::clone(&self.desk);
        self.writes.spawn(async move { (page, desk.work(fresh.batch, page).await) });
    }

    fn written(&mut self, page: u32, written: Written) {
        self.waited(written.waited);
        if let Some(given_up) = &written.given_up {
            // What ends the tick is the first page that gave up, once all before it are durable.
            self.close(End::Failed(given_up.failure.clone()));
        }
        if let Some(hand) = self.hands.get_mut(page.wrapping_sub(self.first) as usize) {
            hand.written = Some(written);
        }
    }

    /// Commits the first page in hand once all its records have their outcomes.
    fn start_commit(&mut self) {
        while self.committing.is_none()
            && let Some(hand) = self.hands.front_mut()
            && let Some(written) = hand.written.take_if(|written| written.given_up.is_none())
        {
            let cursor = if self.tick.job.sweep && !hand.more {
                CursorMove::Clear
            } else {
                CursorMove::To(hand.cursor.clone())
            };
            self.committing_counts = written.counts;
            let notices = std::mem::take(&mut hand.notices);
            match self.commit(written, cursor, notices) {
                Some(committing) => self.committing = Some(committing),
                None => self.page_done(),
            }
        }
    }

    /// The commit of a page; none in plan mode, where it is only shown.
    fn commit(
        &self,
        written: Written,
        cursor: CursorMove,
        notices: Vec<NoticeId>,
    ) -> Option<BoxFuture<'static, Result<(), StoreError>>> {
        let Some(lease) = self.lease.clone() else {
            let partition = &self.tick.partition;
            self.tick.progress.observe(Event::Planned { partition, entries: &written.entries });
            return None;
        };
        let page = PageCommit {
            lease,
            entries: written.entries,
            dead_letters: written.dead_letters,
            counts: written.counts,
            cursor,
            notices,
            at_ms: self.tick.clock.now_ms(),
        };
        let store = Arc::clone(&self.tick.store);
        Some(async move { store.commit(page).await }.boxed())
    }

    fn committed(&mut self, stored: Result<(), StoreError>) -> Result<(), End> {
        stored.map_err(end_of)?;
        self.page_done();
        Ok(())
    }

    /// Counts the first page in hand, and lets go of it.
    fn page_done(&mut self) {
        let Some(hand) = self.hands.pop_front() else { return };
        self.first = self.first.wrapping_add(1);
        self.report.pages += 1;
        self.report.bytes += hand.bytes;
        let page = self.committing_counts;
        self.count(page);
    }

    fn count(&mut self, page: Counts) {
        self.report.counts += page;
        tracing::debug!(
            pipeline = &*self.tick.job.pipeline,
            partition = self.tick.partition.id.as_str(),
            read = page.read,
            settled = page.settled,
            rejected = page.rejected,
            "page finished"
        );
        let (partition, total) = (&self.tick.partition, &self.report.counts);
        self.tick.progress.observe(Event::Page { partition, page: &page, total });
    }

    /// Ends the writes that are under way, and takes in those that are through.
    async fn gather(&mut self) {
        self.writes.abort_all();
        while let Some(joined) = self.writes.join_next().await {
            if let Ok((page, written)) = joined {
                self.written(page, written);
            }
        }
    }

    /// Keeps the outcomes of pages that cannot be committed as a whole, without moving the cursor: when these pages are
    /// read again, only the rest is sent.
    async fn salvage(&mut self) {
        for hand in std::mem::take(&mut self.hands) {
            let Some(mut written) = hand.written.filter(|written| !written.entries.is_empty()) else {
                continue;
            };
            // What was not decided here is counted when it is read again.
            let counts = Counts { read: 0, settled: 0, replaced: 0, ..written.counts };
            written.counts = Counts { read: counts.decided(), ..counts };
            let counts = written.counts;
            if let Some(commit) = self.commit(written, CursorMove::Keep, Vec::new())
                && let Err(error) = commit.await
            {
                tracing::warn!(pipeline = &*self.tick.job.pipeline, %error, "outcomes of an unfinished page are lost");
                return;
            }
            self.count(counts);
        }
    }

    fn waited(&mut self, waited: Duration) {
        self.report.waited_ms += milliseconds(waited);
    }

    fn wake_in(&self, end: &End) -> Option<u64> {
        let longest = self.tick.job.settings.retry.max_delay;
        match end {
            End::Done => self.wake_in_ms,
            End::Bounded => Some(0),
            End::Failed(Failure::Retryable { wait, .. }) => Some(milliseconds(wait.unwrap_or(longest))),
            End::Stopped | End::Superseded | End::Failed(_) => None,
        }
    }
}

/// Reads and checks one page, waiting out what may pass.
async fn read<R: Source, C: Clock>(
    source: Arc<R>,
    request: ReadRequest,
    digest_seed: u64,
    mut patience: Patience<C>,
) -> Reading {
    let page = patience.repeat(|| source.read(request.clone())).await;
    let fresh = page.and_then(|page| {
        check(page, &request, digest_seed)
            .map_err(|breach| GivenUp { failure: breach.into(), stopped: false })
    });
    (fresh, patience.waited())
}

/// Checks a page against the contract.
fn check(page: Page, request: &ReadRequest, digest_seed: u64) -> Result<Fresh, Breach> {
    if page.cursor.len() > MAX_CURSOR_BYTES {
        return Err(Breach::LongCursor { bytes: page.cursor.len() });
    }
    if page.more && request.cursor.as_ref() == Some(&page.cursor) {
        return Err(Breach::NoProgress);
    }
    let facts = match page.facts.as_deref() {
        Some(facts) => {
            serde_json::from_str(facts).map_err(|error| Breach::NotFacts { problem: problem(&error) })?
        }
        None => Facts::default(),
    };
    let expected = Expected {
        stream: &request.stream,
        max_records: request.max_records,
        max_bytes: request.max_bytes,
        digest_seed,
    };
    let bytes = page.records.len() as u64;
    let batch = Batch::parse(page.records, expected)?;
    Ok(Fresh { batch, cursor: page.cursor, more: page.more, bytes, facts, notices: page.notices })
}

/// Waits for what is under way, and takes it away once it is through; for ever where there is nothing.
async fn once<T>(slot: &mut Option<BoxFuture<'static, T>>) -> T {
    match slot {
        Some(future) => {
            let value = future.await;
            *slot = None;
            value
        }
        None => std::future::pending().await,
    }
}

fn end_of(error: StoreError) -> End {
    match error {
        StoreError::Superseded { .. } => End::Superseded,
        other => End::Failed(other.into()),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
