//! A run: lists a stream's partitions and works on the active ones side by side. One that fails stops no other.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use tokio::task::{Id, JoinSet};

use super::breach::Breach;
use super::delivery::{self, Pushed};
use super::patience::{GivenUp, Patience, Site};
use super::port::{Clock, Connect, Mode, Partition, PartitionState, Source};
use super::progress::{Event, Progress};
use super::report::{End, FailureReport, PartitionReport, RunReport, TickReport};
use super::settings::Job;
use super::stop::Stop;
use super::tick::Tick;
use crate::failure::Failure;
use crate::store::{PartitionNote, Peek, Store, StoreError};

/// Most partitions that a source may list.
const MAX_PARTITIONS: usize = 100_000;
/// Longest id of a partition, in bytes.
pub(super) const MAX_ID_BYTES: usize = 256;
/// Tells the waits of opening and listing from those of pages.
const OPEN_SALT: u64 = 2 << 32;

/// What runs need of the outside.
pub struct Engine<N, S, C> {
    /// Opens sources and sinks.
    pub connect: Arc<N>,
    /// Keeps checkpoints and outcomes.
    pub store: Arc<S>,
    /// Time.
    pub clock: Arc<C>,
    /// Is told of each step.
    pub progress: Arc<dyn Progress>,
}

impl<N, S, C> Clone for Engine<N, S, C> {
    fn clone(&self) -> Self {
        Self {
            connect: Arc::clone(&self.connect),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            progress: Arc::clone(&self.progress),
        }
    }
}

impl<N: Connect, S: Store, C: Clock> Engine<N, S, C> {
    /// Runs one tick of every active partition. Always returns a report; see [`RunReport::verdict`]. May be dropped
    /// at any await.
    pub async fn run(&self, job: &Arc<Job>, stop: &Stop) -> RunReport {
        let mut report = RunReport::new(&job.pipeline, &job.stream, job.mode, self.clock.now_ms());
        if job.mode == Mode::Apply {
            match self.store.start_run(&job.pipeline, report.started_ms).await {
                Ok(run) => report.run = Some(run),
                Err(error) => {
                    report.failure = Some((&Failure::from(error)).into());
                    report.finish(self.clock.now_ms());
                    return report;
                }
            }
        }
        if job.mode == Mode::Apply && job.selection.is_none() {
            report.pushed = self.work_off(job, stop, &mut report.failure).await;
        }
        match self.partitions(job, stop).await {
            Ok(partitions) => {
                self.progress.observe(Event::Listed { partitions: &partitions });
                report.partitions = self.work(job, stop, partitions).await;
                if job.mode == Mode::Apply && !stop.is_stopped() {
                    // A page that was read before a withdrawal and written after it has made the delete due again.
                    let again = self.work_off(job, stop, &mut report.failure).await;
                    report.pushed.extend(again);
                }
            }
            Err(given_up) if given_up.stopped => report.stopped = true,
            Err(given_up) => report.failure = Some((&given_up.failure).into()),
        }
        self.close(job, stop, &mut report).await;
        report
    }

    /// Works off the notices that wait, and nothing else. Always returns a report, in which the partitions are those with
    /// notices. May be dropped at any await.
    pub async fn deliver(&self, job: &Arc<Job>, stop: &Stop) -> RunReport {
        let mut report = RunReport::new(&job.pipeline, &job.stream, job.mode, self.clock.now_ms());
        report.pushed = self.work_off(job, stop, &mut report.failure).await;
        report.stopped = stop.is_stopped();
        report.finish(self.clock.now_ms());
        report
    }

    /// Delivers the notices of each partition side by side.
    async fn work_off(
        &self,
        job: &Arc<Job>,
        stop: &Stop,
        failure: &mut Option<FailureReport>,
    ) -> Vec<PartitionReport> {
        let waiting = match self.store.waiting(&job.pipeline, &job.stream).await {
            Ok(waiting) => waiting,
            Err(error) => {
                *failure = Some((&Failure::from(error)).into());
                return Vec::new();
            }
        };
        let at_once = job.settings.partitions_in_flight.max(1) as usize;
        let near_ms = self.clock.now_ms().saturating_add(delivery::NEAR_MS);
        let waiting = waiting.into_iter().filter(|waiting| waiting.due_ms <= near_ms);
        let deliveries = waiting.take_while(|_| !stop.is_stopped()).map(|waiting| {
            let partition = Arc::new(Partition {
                id: waiting.partition,
                name: waiting.name,
                state: PartitionState::Active,
                message: None,
                facts: serde_json::Map::new(),
            });
            let (engine, stop) = (self.clone(), stop.clone());
            let job = Arc::new(Job {
                selection: Some(delivery::SELECTION.into()),
                sweep: false,
                ..(**job).clone()
            });
            async move {
                let mut report = idle(&partition);
                report.tick = Some(engine.delivery(job, partition, stop).await);
                report
            }
        });
        futures_util::stream::iter(deliveries).buffered(at_once).collect().await
    }

    /// Opens a source and a sink for one partition's notices, and runs a tick.
    async fn delivery(self, job: Arc<Job>, partition: Arc<Partition>, stop: Stop) -> TickReport {
        let started_ms = self.clock.now_ms();
        let number = match self.store.peek(&job.slot(&partition)).await {
            Ok(Peek { partition: Some(number), .. }) => number,
            // It has notices, so it is known.
            Ok(Peek { partition: None, .. }) => {
                return TickReport::failed(
                    started_ms,
                    started_ms,
                    Failure::fatal("the store has lost a partition"),
                );
            }
            Err(error) => return TickReport::failed(started_ms, self.clock.now_ms(), error.into()),
        };
        let (source, sink) = match self.open(&job, &partition, &stop).await {
            Ok(opened) => opened,
            Err(given_up) => return self.unopened(started_ms, &partition, given_up),
        };
        let pushed = Pushed {
            source,
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            partition: number,
            in_hand: Mutex::default(),
        };
        self.tick(pushed, sink, job, partition, stop).run().await
    }

    /// Opens a source and lists the stream's partitions.
    async fn partitions(&self, job: &Arc<Job>, stop: &Stop) -> Result<Vec<Partition>, GivenUp> {
        let site = self.site(job, None, stop);
        let mut patience = Patience::new(&site, OPEN_SALT);
        let source = patience.repeat(|| self.connect.source()).await?;
        let listing = || source.partitions(&job.stream, job.selection.as_deref());
        let partitions = patience.repeat(listing).await?;
        check(&partitions).map_err(|breach| GivenUp { failure: breach.into(), stopped: false })?;
        Ok(partitions)
    }

    /// Works on the active partitions, and reports on all.
    async fn work(&self, job: &Arc<Job>, stop: &Stop, partitions: Vec<Partition>) -> Vec<PartitionReport> {
        let partitions: Vec<Arc<Partition>> = partitions.into_iter().map(Arc::new).collect();
        let mut reports: Vec<PartitionReport> = partitions.iter().map(|partition| idle(partition)).collect();
        let active = |(_, partition): &(usize, &Arc<Partition>)| partition.state == PartitionState::Active;
        let mut queue: VecDeque<_> = partitions.iter().enumerate().filter(active).collect();
        let mut tasks = JoinSet::new();
        let mut places: HashMap<Id, usize> = HashMap::new();
        let mut refused = None;
        loop {
            while tasks.len() < job.settings.partitions_in_flight.max(1) as usize
                && refused.is_none()
                && !stop.is_stopped()
                && let Some((place, partition)) = queue.pop_front()
            {
                let (engine, job, stop) = (self.clone(), Arc::clone(job), stop.clone());
                let partition = Arc::clone(partition);
                let task = tasks.spawn(async move { engine.partition(job, partition, stop).await });
                places.insert(task.id(), place);
            }
            let Some(joined) = tasks.join_next_with_id().await else { break };
            let (id, tick) = match joined {
                Ok((id, tick)) => (id, tick),
                Err(error) => (error.id(), self.crashed()),
            };
            if matches!(tick.end, End::Failed(Failure::Invalid { .. })) {
                refused = Some("not started: the configuration was refused for another partition");
            }
            if let Some(report) = places.remove(&id).and_then(|place| reports.get_mut(place)) {
                report.tick = Some(tick);
            }
        }
        let reason = refused.unwrap_or("not started: the end was asked for");
        for (place, _) in queue {
            if let Some(report) = reports.get_mut(place) {
                report.message = Some(reason.to_owned());
            }
        }
        reports
    }

    /// Opens a source and a sink for one partition, and runs a tick.
    async fn partition(self, job: Arc<Job>, partition: Arc<Partition>, stop: Stop) -> TickReport {
        let started_ms = self.clock.now_ms();
        match self.open(&job, &partition, &stop).await {
            Ok((source, sink)) => self.tick(source, sink, job, partition, stop).run().await,
            Err(given_up) => self.unopened(started_ms, &partition, given_up),
        }
    }

    /// Opens both sides.
    async fn open(
        &self,
        job: &Arc<Job>,
        partition: &Arc<Partition>,
        stop: &Stop,
    ) -> Result<(N::Source, N::Sink), GivenUp> {
        let site = self.site(job, Some(partition), stop);
        let mut patience = Patience::new(&site, OPEN_SALT);
        let source = patience.repeat(|| self.connect.source()).await?;
        Ok((source, patience.repeat(|| self.connect.sink()).await?))
    }

    fn unopened(&self, started_ms: u64, partition: &Partition, given_up: GivenUp) -> TickReport {
        let mut report = TickReport::failed(started_ms, self.clock.now_ms(), given_up.failure);
        if given_up.stopped {
            report.end = End::Stopped;
        }
        self.progress.observe(Event::Finished { partition, report: &report });
        report
    }

    fn tick<R: Source>(
        self,
        source: R,
        sink: N::Sink,
        job: Arc<Job>,
        partition: Arc<Partition>,
        stop: Stop,
    ) -> Tick<R, N::Sink, S, C> {
        Tick {
            source: Arc::new(source),
            sink: Arc::new(sink),
            store: self.store,
            clock: self.clock,
            progress: self.progress,
            job,
            partition,
            stop,
        }
    }

    fn crashed(&self) -> TickReport {
        let now_ms = self.clock.now_ms();
        let message =
            "the work on this partition ended unexpectedly, a mistake in this program; please report it";
        TickReport::failed(now_ms, now_ms, Failure::fatal(message))
    }

    /// Sums up, and records how the run ended.
    async fn close(&self, job: &Job, stop: &Stop, report: &mut RunReport) {
        let unfinished = |partition: &PartitionReport| match &partition.tick {
            Some(tick) => tick.end == End::Stopped,
            None => partition.state == PartitionState::Active,
        };
        report.stopped |= stop.is_stopped() && report.partitions.iter().any(unfinished);
        report.finish(self.clock.now_ms());
        if let Some(run) = report.run
            && let Err(error) = self.record(job, run, report).await
        {
            tracing::warn!(pipeline = &*job.pipeline, %error, "the end of the run was not recorded");
            report.failure.get_or_insert_with(|| FailureReport::from(&Failure::from(error)));
        }
    }

    async fn record(
        &self,
        job: &Job,
        run: crate::store::RunId,
        report: &RunReport,
    ) -> Result<(), StoreError> {
        let notes =
            report.partitions.iter().map(|partition| note(job, partition, report.finished_ms)).collect();
        self.store.note(notes).await?;
        // A report has string keys only, so it can always be written as JSON.
        let text = serde_json::to_string(report).unwrap_or_default();
        self.store.finish_run(run, report.finished_ms, report.verdict().word(), text).await
    }

    fn site(&self, job: &Arc<Job>, partition: Option<&Arc<Partition>>, stop: &Stop) -> Site<C> {
        Site {
            clock: Arc::clone(&self.clock),
            progress: Arc::clone(&self.progress),
            job: Arc::clone(job),
            partition: partition.cloned(),
            stop: stop.clone(),
        }
    }
}

/// A partition that was not worked on.
fn idle(partition: &Partition) -> PartitionReport {
    PartitionReport {
        id: partition.id.clone(),
        name: partition.name.clone(),
        state: partition.state,
        message: partition.message.clone(),
        seconds: 0.0,
        records_per_second: 0.0,
        tick: None,
    }
}

/// What the store keeps of a partition: why it could not be read, else that it is active.
fn note(job: &Job, partition: &PartitionReport, at_ms: u64) -> PartitionNote {
    let failure = partition.tick.as_ref().and_then(|tick| tick.end.failure());
    let listed = match partition.state {
        PartitionState::Active => "active",
        PartitionState::Forbidden => "forbidden",
        PartitionState::Disabled => "disabled",
        PartitionState::Empty => "empty",
    };
    PartitionNote {
        pipeline: Arc::clone(&job.pipeline),
        stream: Arc::clone(&job.stream),
        partition: partition.id.as_str().into(),
        name: partition.name.clone(),
        state: failure.map_or(listed, Failure::kind).to_owned(),
        message: failure.map(ToString::to_string).or_else(|| partition.message.clone()),
        at_ms,
    }
}

/// Checks a list of partitions against the contract.
fn check(partitions: &[Partition]) -> Result<(), Breach> {
    if partitions.len() > MAX_PARTITIONS {
        return Err(Breach::TooManyPartitions { limit: MAX_PARTITIONS });
    }
    let mut ids = HashSet::new();
    for (index, partition) in partitions.iter().enumerate() {
        let place = index + 1;
        if partition.id.is_empty() || partition.id.len() > MAX_ID_BYTES {
            return Err(Breach::PartitionId { place });
        }
        if !ids.insert(&partition.id) {
            return Err(Breach::TwoPartitions { place });
        }
    }
    Ok(())
}
