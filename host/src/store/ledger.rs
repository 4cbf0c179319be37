//! What the ledger keeps of one record: its outcome and where it went, never its content.

use std::fmt;
use std::ops::{Add, AddAssign};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What happened to a record at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// It exists, with this content.
    Upsert,
    /// It was withdrawn.
    Delete,
}

/// What the sink did with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was made.
    Created,
    /// It was changed.
    Updated,
    /// One of the two; the destination did not say which.
    Upserted,
    /// It was there already, or nothing differed.
    Unchanged,
    /// It was removed.
    Deleted,
    /// The configuration says not to write it.
    Skipped,
    /// It will be refused however often it is sent.
    Rejected,
}

/// Generates the two directions of a stored number, so that they cannot drift apart.
macro_rules! stored_as {
    ($type:ident { $($variant:ident = $number:literal),+ $(,)? }) => {
        impl $type {
            /// The number that stands for it in the store. Never reused.
            pub(super) fn number(self) -> i64 {
                match self { $(Self::$variant => $number),+ }
            }

            /// The reverse; none for a number that this version does not know.
            pub(super) fn from_number(number: i64) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

stored_as!(Op { Upsert = 0, Delete = 1 });
stored_as!(Status {
    Created = 0,
    Updated = 1,
    Upserted = 2,
    Unchanged = 3,
    Deleted = 4,
    Skipped = 5,
    Rejected = 6,
});

/// Where a record went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The table's name at the destination.
    pub table: String,
    /// The row's id.
    pub id: String,
}

/// Why an outcome is what it is. No personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The vendor's code, or a stable word.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
}

/// One outcome, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The record's key.
    pub key: Arc<str>,
    /// Epoch milliseconds at which it came to be at the vendor; 0 where there is no such time.
    pub time_ms: i64,
    /// What happened to it.
    pub op: Op,
    /// Of its operation and content: tells whether it has changed when it comes again.
    pub digest: u64,
    /// What was done.
    pub status: Status,
    /// Where it went.
    pub target: Option<Target>,
    /// Why.
    pub cause: Option<Cause>,
    /// Further sentences.
    pub notes: Vec<String>,
}

/// A rejected record with its content.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The record's key.
    pub key: Arc<str>,
    /// As in [`Entry::time_ms`].
    pub time_ms: i64,
    /// The envelope as it came: one JSON object. May hold personal data.
    pub record: String,
    /// Why it was refused.
    pub cause: Cause,
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("key", &self.key)
            .field("time_ms", &self.time_ms)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

/// Asks whether a record has its outcome already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The record's key.
    pub key: Arc<str>,
    /// As in [`Entry::time_ms`].
    pub time_ms: i64,
    /// As in [`Entry::digest`].
    pub digest: u64,
}

/// How many records met which fate. When all is well, `read` is the sum of the others but `retried`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Lines that the source gave.
    pub read: u64,
    /// See [`Status::Created`].
    pub created: u64,
    /// See [`Status::Updated`].
    pub updated: u64,
    /// See [`Status::Upserted`].
    pub upserted: u64,
    /// See [`Status::Unchanged`].
    pub unchanged: u64,
    /// See [`Status::Deleted`].
    pub deleted: u64,
    /// See [`Status::Skipped`]; by the source's configuration or the sink's.
    pub skipped: u64,
    /// See [`Status::Rejected`].
    pub rejected: u64,
    /// Had their outcome already, and were not sent.
    pub settled: u64,
    /// Came before another record with their key in one page, and gave way to it.
    pub replaced: u64,
    /// How often a record was sent again.
    pub retried: u64,
}

impl Counts {
    /// Counts one more outcome.
    pub fn count(&mut self, status: Status) {
        let field = match status {
            Status::Created => &mut self.created,
            Status::Updated => &mut self.updated,
            Status::Upserted => &mut self.upserted,
            Status::Unchanged => &mut self.unchanged,
            Status::Deleted => &mut self.deleted,
            Status::Skipped => &mut self.skipped,
            Status::Rejected => &mut self.rejected,
        };
        *field += 1;
    }

    /// How many records have a fate.
    pub fn decided(&self) -> u64 {
        self.created
            + self.updated
            + self.upserted
            + self.unchanged
            + self.deleted
            + self.skipped
            + self.rejected
            + self.settled
            + self.replaced
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.created += other.created;
        self.updated += other.updated;
        self.upserted += other.upserted;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.skipped += other.skipped;
        self.rejected += other.rejected;
        self.settled += other.settled;
        self.replaced += other.replaced;
        self.retried += other.retried;
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}
