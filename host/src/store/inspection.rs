//! What a person asks the store: dead letters, outcomes, partitions, past runs.

use std::fmt;

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use super::commit::target_id;
use super::ledger::{Cause, Counts, Op, Status, Target};
use super::{SqliteStore, StoreError};

/// A rejected record, as it is kept.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetterRow {
    /// Grows with each dead letter; names it, and pages through the list.
    pub id: i64,
    /// The stream's name.
    pub stream: String,
    /// The partition's id.
    pub partition: String,
    /// The record's key.
    pub key: String,
    /// Epoch milliseconds at which the record came to be; 0 where there is no such time.
    pub time_ms: i64,
    /// Why it was refused, last.
    pub cause: Cause,
    /// How often it was refused.
    pub attempts: u32,
    /// Epoch milliseconds of the first refusal.
    pub first_ms: i64,
    /// Epoch milliseconds of the last refusal.
    pub at_ms: i64,
    /// The envelope as it came. May hold personal data: never shown unless asked for.
    #[serde(skip)]
    pub record: String,
}

impl fmt::Debug for DeadLetterRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetterRow")
            .field("id", &self.id)
            .field("key", &self.key)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

/// One outcome, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerRow {
    /// The stream's name.
    pub stream: String,
    /// The partition's id.
    pub partition: String,
    /// Epoch milliseconds at which the record came to be; 0 where there is no such time.
    pub time_ms: i64,
    /// What happened to it.
    pub op: Op,
    /// What was done.
    pub status: Status,
    /// Where it went.
    pub target: Option<Target>,
    /// Why.
    pub cause: Option<Cause>,
    /// Further sentences.
    pub notes: Vec<String>,
    /// Epoch milliseconds of the outcome.
    pub at_ms: i64,
}

/// A partition, as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionRow {
    /// The stream's name.
    pub stream: String,
    /// The partition's id.
    pub partition: String,
    /// For a person; none until it was listed once.
    pub name: Option<String>,
    /// The state that the source gave or a failure's kind.
    pub state: Option<String>,
    /// The vendor's words.
    pub message: Option<String>,
    /// Epoch milliseconds at which it was seen so.
    pub at_ms: Option<i64>,
    /// The incremental cursor.
    pub cursor: Option<String>,
    /// Totals of the incremental cursor.
    pub counts: Counts,
}

/// A past run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// Its number.
    pub id: i64,
    /// Epoch milliseconds.
    pub started_ms: i64,
    /// Epoch milliseconds; none while it runs, or where it was killed.
    pub finished_ms: Option<i64>,
    /// One stable word.
    pub verdict: Option<String>,
    /// Its report, one JSON object.
    pub report: Option<String>,
}

impl SqliteStore {
    /// How many dead letters a pipeline has.
    pub async fn dead_letter_count(&self, pipeline: &str) -> Result<u64, StoreError> {
        let pipeline = pipeline.to_owned();
        self.read(move |connection| {
            connection.query_row(
                "SELECT count(*) FROM dead_letter d JOIN partition p ON p.id = d.partition_id WHERE p.pipeline = ?1",
                [pipeline],
                |row| total(row, 0),
            )
        })
        .await
    }

    /// Lists dead letters by number, those after `after` and at most `limit`; start with 0.
    pub async fn dead_letters(
        &self,
        pipeline: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<DeadLetterRow>, StoreError> {
        let pipeline = pipeline.to_owned();
        self.read(move |connection| {
            connection
                .prepare(
                    "SELECT d.id, p.stream, p.partition, d.key, d.time_ms, d.code, d.message, d.attempts, d.first_ms,
                            d.at_ms, d.record
                     FROM dead_letter d JOIN partition p ON p.id = d.partition_id
                     WHERE p.pipeline = ?1 AND d.id > ?2 ORDER BY d.id LIMIT ?3",
                )?
                .query_map(params![pipeline, after, limit], dead_letter_row)?
                .collect()
        })
        .await
    }

    /// Everything the ledger holds on a key, newest first. Reads all of the pipeline's outcomes: the ledger has no
    /// index by key, so that writing stays cheap. Seconds at millions of rows.
    pub async fn outcomes_of(&self, pipeline: &str, key: &str) -> Result<Vec<LedgerRow>, StoreError> {
        let (pipeline, key) = (pipeline.to_owned(), key.to_owned());
        self.read(move |connection| {
            connection
                .prepare(
                    "SELECT p.stream, p.partition, l.time_ms, l.op, l.status, t.name, l.target, l.code, l.message,
                            l.notes, l.at_ms
                     FROM partition p JOIN ledger l ON l.partition_id = p.id
                     LEFT JOIN target_table t ON t.id = l.table_id
                     WHERE p.pipeline = ?1 AND l.key = ?2 ORDER BY l.at_ms DESC, l.time_ms DESC",
                )?
                .query_map(params![pipeline, key], ledger_row)?
                .collect()
        })
        .await
    }

    /// How many outcomes a pipeline has. Reads all of them.
    pub async fn outcome_count(&self, pipeline: &str) -> Result<u64, StoreError> {
        let pipeline = pipeline.to_owned();
        self.read(move |connection| {
            connection.query_row(
                "SELECT count(*) FROM partition p JOIN ledger l ON l.partition_id = p.id WHERE p.pipeline = ?1",
                [pipeline],
                |row| total(row, 0),
            )
        })
        .await
    }

    /// A pipeline's partitions, by stream and name.
    pub async fn partitions(&self, pipeline: &str) -> Result<Vec<PartitionRow>, StoreError> {
        let pipeline = pipeline.to_owned();
        self.read(move |connection| {
            connection
                .prepare(
                    r#"SELECT p.stream, p.partition, p.name, p.state, p.message, p.at_ms, s.cursor,
                        ifnull(s."read", 0), ifnull(s.created, 0), ifnull(s.updated, 0), ifnull(s.upserted, 0),
                        ifnull(s.unchanged, 0), ifnull(s.deleted, 0), ifnull(s.skipped, 0), ifnull(s.rejected, 0),
                        ifnull(s.settled, 0), ifnull(s.replaced, 0), ifnull(s.retried, 0)
                       FROM partition p LEFT JOIN slot s ON s.partition_id = p.id AND s.selection = ''
                       WHERE p.pipeline = ?1 ORDER BY p.stream, p.name, p.partition"#,
                )?
                .query_map([pipeline], partition_row)?
                .collect()
        })
        .await
    }

    /// A pipeline's last runs, newest first.
    pub async fn runs(&self, pipeline: &str, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let pipeline = pipeline.to_owned();
        self.read(move |connection| {
            connection
                .prepare(
                    "SELECT id, started_ms, finished_ms, verdict, report FROM run
                     WHERE pipeline = ?1 ORDER BY id DESC LIMIT ?2",
                )?
                .query_map(params![pipeline, limit], |row| {
                    Ok(RunRow {
                        id: row.get(0)?,
                        started_ms: row.get(1)?,
                        finished_ms: row.get(2)?,
                        verdict: row.get(3)?,
                        report: row.get(4)?,
                    })
                })?
                .collect()
        })
        .await
    }

    /// Whether anything was ever kept for a pipeline.
    pub async fn knows(&self, pipeline: &str) -> Result<bool, StoreError> {
        let pipeline = pipeline.to_owned();
        self.read(move |connection| {
            let found = connection.query_row(
                "SELECT 1 FROM partition WHERE pipeline = ?1 LIMIT 1",
                [pipeline],
                |_| Ok(()),
            );
            Ok(found.optional()?.is_some())
        })
        .await
    }
}

fn dead_letter_row(row: &Row<'_>) -> rusqlite::Result<DeadLetterRow> {
    Ok(DeadLetterRow {
        id: row.get(0)?,
        stream: row.get(1)?,
        partition: row.get(2)?,
        key: row.get(3)?,
        time_ms: row.get(4)?,
        cause: Cause { code: row.get(5)?, message: row.get(6)? },
        attempts: row.get(7)?,
        first_ms: row.get(8)?,
        at_ms: row.get(9)?,
        record: row.get(10)?,
    })
}

fn ledger_row(row: &Row<'_>) -> rusqlite::Result<LedgerRow> {
    let unknown = |place: usize, number: i64| rusqlite::Error::IntegralValueOutOfRange(place, number);
    let (op, status) = (row.get(3)?, row.get(4)?);
    let table: Option<String> = row.get(5)?;
    let code: Option<String> = row.get(7)?;
    let message: Option<String> = row.get(8)?;
    let notes: Option<String> = row.get(9)?;
    Ok(LedgerRow {
        stream: row.get(0)?,
        partition: row.get(1)?,
        time_ms: row.get(2)?,
        op: Op::from_number(op).ok_or_else(|| unknown(3, op))?,
        status: Status::from_number(status).ok_or_else(|| unknown(4, status))?,
        target: table.zip(target_id(row.get_ref(6)?)).map(|(table, id)| Target { table, id }),
        cause: code.zip(message).map(|(code, message)| Cause { code, message }),
        notes: notes.and_then(|notes| serde_json::from_str(&notes).ok()).unwrap_or_default(),
        at_ms: row.get(10)?,
    })
}

fn partition_row(row: &Row<'_>) -> rusqlite::Result<PartitionRow> {
    Ok(PartitionRow {
        stream: row.get(0)?,
        partition: row.get(1)?,
        name: row.get(2)?,
        state: row.get(3)?,
        message: row.get(4)?,
        at_ms: row.get(5)?,
        cursor: row.get(6)?,
        counts: Counts {
            read: total(row, 7)?,
            created: total(row, 8)?,
            updated: total(row, 9)?,
            upserted: total(row, 10)?,
            unchanged: total(row, 11)?,
            deleted: total(row, 12)?,
            skipped: total(row, 13)?,
            rejected: total(row, 14)?,
            settled: total(row, 15)?,
            replaced: total(row, 16)?,
            retried: total(row, 17)?,
        },
    })
}

/// A count: never negative in a file of ours.
fn total(row: &Row<'_>, place: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(place)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(place, number))
}
