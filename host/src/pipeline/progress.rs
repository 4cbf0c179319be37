//! What a run tells while it runs, so that a person can watch. The pipeline itself never prints.

use super::port::Partition;
use super::report::TickReport;
use crate::failure::Failure;
use crate::store::{Counts, Entry};

/// Something that just happened. No content of records.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The partitions are known.
    Listed {
        /// All of them, also those that are not read.
        partitions: &'a [Partition],
    },
    /// Work on a partition begins.
    Started {
        /// Which.
        partition: &'a Partition,
        /// Whether a cursor was there to go on from.
        resumed: bool,
    },
    /// A page is durable (or in plan mode: judged).
    Page {
        /// Which partition.
        partition: &'a Partition,
        /// Of this page.
        page: &'a Counts,
        /// Of the tick so far.
        total: &'a Counts,
    },
    /// In plan mode: what would be done with a page's records.
    Planned {
        /// Which partition.
        partition: &'a Partition,
        /// One for each record that is not settled already.
        entries: &'a [Entry],
    },
    /// A call failed and will be repeated.
    Waiting {
        /// Which partition; none while partitions are being listed.
        partition: Option<&'a Partition>,
        /// Why.
        failure: &'a Failure,
        /// Epoch milliseconds of the next try.
        until_ms: u64,
    },
    /// The source has a sentence for a person.
    Warning {
        /// Which partition.
        partition: &'a Partition,
        /// The sentence.
        message: &'a str,
    },
    /// Work on a partition ended.
    Finished {
        /// Which.
        partition: &'a Partition,
        /// How.
        report: &'a TickReport,
    },
}

/// Watches a run. Called from several threads, in the order of events within one partition; it must return at once.
pub trait Progress: Send + Sync + 'static {
    /// Takes note.
    fn observe(&self, event: Event<'_>);
}

impl Progress for () {
    fn observe(&self, _event: Event<'_>) {}
}
