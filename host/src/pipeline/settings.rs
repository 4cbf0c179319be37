//! What a pipeline does, and its bounds.

use std::sync::Arc;
use std::time::Duration;

use super::port::{MAX_BYTES, MAX_RECORDS, Mode, Partition};
use crate::store::Slot;

/// What to move.
#[derive(Debug, Clone)]
pub struct Job {
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// The stream's name.
    pub stream: Arc<str>,
    /// Narrows the read: a JSON object as the contract describes it. A selection's cursor is kept in a slot of its own,
    /// named by a digest of this very text, so that a backfill leaves the incremental cursor untouched and can resume.
    pub selection: Option<Arc<str>>,
    /// Whether to forget the cursor once the end is reached, so that the next run sweeps anew: for a backfill. What has
    /// landed is not sent again, because the ledger knows it.
    pub sweep: bool,
    /// Whether anything may be changed.
    pub mode: Mode,
    /// Mixed into the digests by which the ledger recognises a record. Derive it from what decides how a record is
    /// written (the sink's component and configuration): once that changes, records that come again are sent again.
    pub digest_seed: u64,
    /// Spreads waits, so that many workers do not come back at one moment.
    pub jitter_seed: u64,
    /// The bounds.
    pub settings: Settings,
}

impl Job {
    /// Where a partition's cursor lives.
    pub fn slot(&self, partition: &Partition) -> Slot {
        Slot {
            pipeline: Arc::clone(&self.pipeline),
            stream: Arc::clone(&self.stream),
            partition: partition.id.as_str().into(),
            selection: self.selection.clone(),
        }
    }
}

/// Bounds of one tick and one run. A bound of 0 counts as 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Most records of one page, up to [`MAX_RECORDS`].
    pub page_records: u32,
    /// Most bytes of one page, up to [`MAX_BYTES`]. Memory is about twice this for each page in flight.
    pub page_bytes: u32,
    /// Most pages of one partition that are being read, written or committed.
    pub pages_in_flight: u32,
    /// Most partitions that are worked on at once.
    pub partitions_in_flight: u32,
    /// Most pages of one tick.
    pub max_pages: u32,
    /// No page is started later than this.
    pub max_duration: Duration,
    /// How long pages in hand may take once the end was asked for.
    pub grace: Duration,
    /// How failures that may pass are waited out.
    pub retry: RetryPolicy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            page_records: MAX_RECORDS,
            page_bytes: MAX_BYTES,
            pages_in_flight: 8,
            partitions_in_flight: 4,
            max_pages: 1_000_000,
            max_duration: Duration::from_hours(24),
            grace: Duration::from_secs(10),
            retry: RetryPolicy::default(),
        }
    }
}

/// How a failure that may pass is waited out. Tries start again at 1 when part of a page gets through; the total does
/// not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most tries of one call, the first included.
    pub max_tries: u32,
    /// The first wait where the vendor named none; doubled each time, with as much again at random.
    pub min_delay: Duration,
    /// Where doubling ends.
    pub max_delay: Duration,
    /// Most that is waited for one page altogether. A vendor who asks for more is not waited for; the tick ends, and
    /// says when to come back.
    pub max_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_tries: 10,
            min_delay: Duration::from_secs(1),
            max_delay: Duration::from_mins(1),
            max_wait: Duration::from_mins(10),
        }
    }
}
