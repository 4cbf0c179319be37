//! How a tick and a run ended, for people and machines. Never the content of a record.

use serde::{Serialize, Serializer};

use super::port::{Mode, PartitionState};
use crate::failure::Failure;
use crate::store::{Counts, RunId};

/// Why a tick ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "failure", rename_all = "snake_case")]
pub enum End {
    /// The partition has nothing more for now.
    Done,
    /// A bound was reached; more is waiting.
    Bounded,
    /// The end was asked for.
    Stopped,
    /// Another worker has taken the slot over.
    Superseded,
    /// It could not go on.
    Failed(#[serde(serialize_with = "as_report")] Failure),
}

impl End {
    /// The failure, where there is one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

/// A failure as a report shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureReport {
    /// One stable word: `retryable`, `unauthorized`, `forbidden`, `invalid` or `fatal`.
    pub kind: &'static str,
    /// What happened, to which thing, what to do next.
    pub message: String,
    /// The vendor's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Further facts for support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<serde_json::Value>,
    /// The credential that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// The right that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// JSON Pointer into the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl From<&Failure> for FailureReport {
    fn from(failure: &Failure) -> Self {
        let detail = failure.detail();
        let mut report = Self {
            kind: failure.kind(),
            message: detail.message.clone(),
            code: detail.code.clone(),
            facts: detail.facts.as_deref().and_then(|facts| serde_json::from_str(facts).ok()),
            credential: None,
            missing: None,
            path: None,
        };
        match failure {
            Failure::Unauthorized { credential, .. } => report.credential = Some(credential.clone()),
            Failure::Forbidden { missing, .. } => report.missing = Some(missing.clone()),
            Failure::Invalid { path, .. } => report.path = Some(path.clone()),
            Failure::Retryable { .. } | Failure::Fatal(_) => {}
        }
        report
    }
}

fn as_report<S: Serializer>(failure: &Failure, serializer: S) -> Result<S::Ok, S::Error> {
    FailureReport::from(failure).serialize(serializer)
}

/// What one tick did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TickReport {
    /// Of everything that is durable now (or in plan mode: judged).
    pub counts: Counts,
    /// Pages whose cursor is durable now.
    pub pages: u32,
    /// Bytes of those pages.
    pub bytes: u64,
    /// Epoch milliseconds.
    pub started_ms: u64,
    /// Epoch milliseconds.
    pub finished_ms: u64,
    /// How long failures were waited out, summed over pages.
    pub waited_ms: u64,
    /// Why it ended.
    pub end: End,
    /// When to come back: at once after a bound, after the vendor's wait, or when the source expects news. None where
    /// the schedule decides or a person must act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wake_in_ms: Option<u64>,
    /// The source's sentences for a person, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl TickReport {
    /// A tick that has done nothing yet.
    pub(super) fn new(started_ms: u64) -> Self {
        Self {
            counts: Counts::default(),
            pages: 0,
            bytes: 0,
            started_ms,
            finished_ms: started_ms,
            waited_ms: 0,
            end: End::Done,
            wake_in_ms: None,
            warnings: Vec::new(),
        }
    }

    /// A tick that could not begin.
    pub(super) fn failed(started_ms: u64, finished_ms: u64, failure: Failure) -> Self {
        Self { finished_ms, end: End::Failed(failure), ..Self::new(started_ms) }
    }
}

/// What a run did with one partition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartitionReport {
    /// The partition's id.
    pub id: String,
    /// For a person.
    pub name: String,
    /// Whether it could be read.
    pub state: PartitionState,
    /// The vendor's words where it is not active, or why it was not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Wall time of its tick.
    pub seconds: f64,
    /// Records read per second of that.
    pub records_per_second: f64,
    /// What was done; none where it was not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tick: Option<TickReport>,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// The pipeline's name.
    pub pipeline: String,
    /// The stream's name.
    pub stream: String,
    /// `plan` or `apply`.
    pub mode: &'static str,
    /// The run's number in the store; none in plan mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Epoch milliseconds.
    pub started_ms: u64,
    /// Epoch milliseconds.
    pub finished_ms: u64,
    /// Wall time.
    pub seconds: f64,
    /// Records read per second of that.
    pub records_per_second: f64,
    /// Sum over partitions.
    pub counts: Counts,
    /// Sum over partitions.
    pub pages: u64,
    /// Sum over partitions.
    pub bytes: u64,
    /// Each partition with notices that waited: what was pushed and is now delivered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pushed: Vec<PartitionReport>,
    /// Each partition, in the order in which the source lists them.
    pub partitions: Vec<PartitionReport>,
    /// Why the run as a whole failed; none where only partitions did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReport>,
    /// Whether the end was asked for before all was done.
    pub stopped: bool,
}

/// A run in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that was read is at the sink.
    Landed,
    /// The same, but for records that the sink refused; they are dead letters.
    DeadLetters,
    /// The end was asked for; the next run goes on where this one was.
    Stopped,
    /// At least one partition failed, or the run's end could not be recorded.
    Failed,
    /// No partition could be started.
    NothingStarted,
}

impl Verdict {
    /// One stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Landed => "landed",
            Self::DeadLetters => "dead_letters",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::NothingStarted => "nothing_started",
        }
    }
}

impl RunReport {
    pub(super) fn new(pipeline: &str, stream: &str, mode: Mode, started_ms: u64) -> Self {
        Self {
            pipeline: pipeline.to_owned(),
            stream: stream.to_owned(),
            mode: match mode {
                Mode::Plan => "plan",
                Mode::Apply => "apply",
            },
            run: None,
            started_ms,
            finished_ms: started_ms,
            seconds: 0.0,
            records_per_second: 0.0,
            counts: Counts::default(),
            pages: 0,
            bytes: 0,
            pushed: Vec::new(),
            partitions: Vec::new(),
            failure: None,
            stopped: false,
        }
    }

    /// Sums up the partitions.
    pub(super) fn finish(&mut self, finished_ms: u64) {
        for tick in self.pushed.iter_mut().chain(&mut self.partitions).filter_map(|partition| {
            let tick = partition.tick.as_ref()?;
            partition.seconds = seconds(tick.started_ms, tick.finished_ms);
            partition.records_per_second = rate(tick.counts.read, partition.seconds);
            Some(tick)
        }) {
            self.counts += tick.counts;
            self.pages += u64::from(tick.pages);
            self.bytes += tick.bytes;
        }
        self.finished_ms = finished_ms;
        self.seconds = seconds(self.started_ms, finished_ms);
        self.records_per_second = rate(self.counts.read, self.seconds);
    }

    /// The run in one word. A partition that the source lists as not readable fails nothing, unless there is no other.
    pub fn verdict(&self) -> Verdict {
        let ticks =
            || self.pushed.iter().chain(&self.partitions).filter_map(|partition| partition.tick.as_ref());
        let unreadable = |partition: &PartitionReport| partition.state == PartitionState::Forbidden;
        if ticks().next().is_none() {
            return if self.failure.is_some() || self.partitions.iter().any(unreadable) {
                Verdict::NothingStarted
            } else if self.stopped {
                Verdict::Stopped
            } else {
                Verdict::Landed
            };
        }
        // Whoever took over a delivery works off its notices.
        let superseded = |partition: &PartitionReport| {
            partition.tick.as_ref().is_some_and(|tick| tick.end == End::Superseded)
        };
        if self.failure.is_some()
            || self.partitions.iter().any(superseded)
            || ticks().any(|tick| matches!(tick.end, End::Failed(_)))
        {
            Verdict::Failed
        } else if self.stopped {
            Verdict::Stopped
        } else if self.counts.rejected > 0 {
            Verdict::DeadLetters
        } else {
            Verdict::Landed
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run and counts are far below 2^52")]
fn seconds(started_ms: u64, finished_ms: u64) -> f64 {
    finished_ms.saturating_sub(started_ms) as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run and counts are far below 2^52")]
fn rate(records: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { (records as f64 / seconds * 10.0).round() / 10.0 } else { 0.0 }
}
