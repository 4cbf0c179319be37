//! The store: what must survive a crash: checkpoints, the ledger of outcomes, dead letters, runs.
//!
//! [`Store`] is the small seam that a unit of work needs; another engine for durable execution can stand behind it.
//! What only a person asks for (dead letters, the ledger, past runs) are methods of [`SqliteStore`]. The store never
//! decides what is retried or sent; it only keeps, and refuses a stale fence.

mod commit;
mod error;
mod inspection;
mod ledger;
mod lookup;
mod notice;
mod schema;
mod sqlite;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;

pub use error::StoreError;
pub use inspection::{DeadLetterRow, LedgerRow, PartitionRow, RunRow};
pub use ledger::{Cause, Counts, DeadLetter, Entry, Op, Probe, Status, Target};
pub use notice::{Change, Notice, NoticeId, Receipt, Waiting, Withdrawal};
pub use sqlite::{SqliteStore, StoreOptions};

/// Where one cursor lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// The stream's name.
    pub stream: Arc<str>,
    /// The partition's id.
    pub partition: Arc<str>,
    /// The text of the selection under which the cursor is made; none for the whole partition. Each selection has a
    /// cursor of its own, so a backfill never moves the incremental one; the ledger is shared, so a backfill does
    /// not send again what has landed.
    pub selection: Option<Arc<str>>,
}

/// The store's own number of a partition, under which its outcomes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionId(pub(crate) i64);

/// The right to move a slot's cursor, until someone else takes the slot over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub(crate) slot: i64,
    /// The slot's partition.
    pub partition: PartitionId,
    /// Grows by one with every take-over; the highest wins.
    pub fence: i64,
    /// The last durable cursor; none at the very beginning.
    pub cursor: Option<String>,
}

/// What is known of a slot, without a right to change it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peek {
    /// The slot's partition; none where nothing was ever kept for it.
    pub partition: Option<PartitionId>,
    /// The last durable cursor.
    pub cursor: Option<String>,
}

/// What a commit does to the slot's cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CursorMove {
    /// Leaves it: the page is not finished.
    Keep,
    /// Every record up to this cursor is settled.
    To(String),
    /// Forgets it: the sweep is complete, and the next one starts anew.
    Clear,
}

/// Everything that becomes durable with one page, or not at all.
#[derive(Debug, Clone)]
pub struct PageCommit {
    /// From [`Store::take_over`].
    pub lease: Lease,
    /// The outcomes. A later entry with the same time and key replaces the earlier.
    pub entries: Vec<Entry>,
    /// The rejected ones among them, with their content.
    pub dead_letters: Vec<DeadLetter>,
    /// Added to the slot's totals.
    pub counts: Counts,
    /// Where to go on.
    pub cursor: CursorMove,
    /// The notices that these outcomes answer; settled with them.
    pub notices: Vec<NoticeId>,
    /// Epoch milliseconds.
    pub at_ms: u64,
}

/// What was last seen of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionNote {
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// The stream's name.
    pub stream: Arc<str>,
    /// The partition's id.
    pub partition: Arc<str>,
    /// The partition's name for a person.
    pub name: String,
    /// A stable word: the state that the source gave (`active`, `forbidden`, ...) or a failure's kind.
    pub state: String,
    /// The vendor's words.
    pub message: Option<String>,
    /// Epoch milliseconds.
    pub at_ms: u64,
}

/// A run's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct RunId(pub i64);

/// What a pipeline needs to keep.
pub trait Store: Send + Sync + 'static {
    /// Takes a slot over, from whoever had it: everything that is committed under an older lease is refused from now
    /// on. Makes the slot where there is none.
    fn take_over(&self, slot: &Slot) -> impl Future<Output = Result<Lease, StoreError>> + Send;

    /// Reads a slot and changes nothing.
    fn peek(&self, slot: &Slot) -> impl Future<Output = Result<Peek, StoreError>> + Send;

    /// Tells for each probe whether the ledger holds an outcome for exactly that time, key and digest. A record whose
    /// time changed at the vendor is not found, and is written again.
    fn settled(
        &self,
        partition: PartitionId,
        probes: Vec<Probe>,
    ) -> impl Future<Output = Result<Vec<bool>, StoreError>> + Send;

    /// Tells for each probe whether a notice withdrew its key; empty where none ever did in this partition.
    fn withdrawals(
        &self,
        partition: PartitionId,
        probes: Vec<Probe>,
    ) -> impl Future<Output = Result<Vec<Withdrawal>, StoreError>> + Send;

    /// Keeps what a notice told of, all or nothing. Durable when it returns, also against a loss of power: the vendor
    /// is answered next, and does not send again.
    fn receive(
        &self,
        pipeline: &str,
        changes: Vec<Change>,
        at_ms: u64,
    ) -> impl Future<Output = Result<Receipt, StoreError>> + Send;

    /// The partitions of a stream with notices that wait, the one that is due first in front.
    fn waiting(
        &self,
        pipeline: &str,
        stream: &str,
    ) -> impl Future<Output = Result<Vec<Waiting>, StoreError>> + Send;

    /// The notices of a partition that are due by a time, oldest first, and when the next one is due (in the past where
    /// some are).
    fn due(
        &self,
        partition: PartitionId,
        by_ms: u64,
        limit: u32,
    ) -> impl Future<Output = Result<(Vec<Notice>, Option<u64>), StoreError>> + Send;

    /// Puts notices off until the given times, since their records cannot be read yet.
    fn put_off(&self, notices: Vec<(NoticeId, u64)>) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Makes a page durable in one transaction. Settles its notices, and makes a delete due again whose record this
    /// page has brought back.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] if the lease is stale. With any error nothing is written.
    fn commit(&self, page: PageCommit) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps what was last seen of partitions.
    fn note(&self, notes: Vec<PartitionNote>) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Opens a run.
    fn start_run(&self, pipeline: &str, at_ms: u64)
    -> impl Future<Output = Result<RunId, StoreError>> + Send;

    /// Closes a run with its report, one JSON object without content of records.
    fn finish_run(
        &self,
        run: RunId,
        at_ms: u64,
        verdict: &str,
        report: String,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
