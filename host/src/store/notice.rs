//! What notices said has changed: kept before the vendor is answered, worked off afterwards.
//!
//! A notice holds no content, so the record has to be fetched. A delete that is done stays as a tombstone: it says that
//! an older record of its key must not come back. This module never decides what is fetched or sent.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;

use super::ledger::{Entry, Op, Probe, Status};
use super::sqlite::{Refusal, partition_id, signed};
use super::{PartitionId, StoreError};

/// Most notices of one pipeline that may wait to be worked on.
const MAX_WAITING: i64 = 1_000_000;
/// How long a settled upsert is remembered, so that a repeat of its notice is recognised, in milliseconds.
const KEEP_UPSERTS_MS: u64 = 30 * 86_400_000;
/// How long a tombstone is kept: longer than any vendor offers the record to be read again, in milliseconds.
const KEEP_DELETES_MS: u64 = 400 * 86_400_000;
/// When a delete is carried out for the second time, in milliseconds: no write takes so long.
const CONFIRM_AFTER_MS: u64 = 15 * 60_000;
/// Most settled notices that are forgotten at a time.
const MAX_FORGOTTEN: i64 = 1_000;

/// The number of a notice in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoticeId(pub(crate) i64);

/// A change that a notice told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The stream's name.
    pub stream: String,
    /// The partition's id.
    pub partition: String,
    /// The record's key.
    pub key: String,
    /// What happened to it.
    pub op: Op,
    /// Epoch milliseconds at which the vendor says that it happened.
    pub time_ms: u64,
}

/// What became of the changes of one notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Receipt {
    /// Kept, to be worked on.
    pub new: u64,
    /// Were known already.
    pub repeated: u64,
    /// Are older than what is known of their key already.
    pub void: u64,
}

/// A notice that waits to be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its number.
    pub id: NoticeId,
    /// The record's key.
    pub key: Arc<str>,
    /// What happened to it.
    pub op: Op,
    /// Epoch milliseconds, the vendor's.
    pub time_ms: u64,
    /// Epoch milliseconds at which it was received.
    pub received_ms: u64,
    /// How often its record was asked for in vain.
    pub attempts: u32,
}

/// A partition with notices that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The partition's id.
    pub partition: String,
    /// For a person; the id where it was never listed.
    pub name: String,
    /// How many wait.
    pub notices: u64,
    /// Epoch milliseconds at which the first is due.
    pub due_ms: u64,
}

/// Whether a record's key was withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// No notice told of it.
    Never,
    /// It was, and the record must not come back.
    Standing,
    /// It was, before the record came to be anew: what the ledger says of it no longer holds.
    Lifted,
}

/// Keeps changes; all or none.
pub(super) fn receive(
    transaction: &Transaction<'_>,
    pipeline: &str,
    changes: &[Change],
    at_ms: u64,
) -> Result<Receipt, Refusal> {
    forget(transaction, at_ms)?;
    let waiting: i64 = transaction
        .prepare_cached(
            "SELECT count(*) FROM notice n JOIN partition p ON p.id = n.partition_id
             WHERE p.pipeline = ?1 AND n.due_ms IS NOT NULL",
        )?
        .query_row([pipeline], |row| row.get(0))?;
    if waiting.saturating_add(i64::try_from(changes.len()).unwrap_or(i64::MAX)) > MAX_WAITING {
        return Err(Refusal::Store(StoreError::TooManyNotices { pipeline: pipeline.to_owned() }));
    }
    let mut receipt = Receipt::default();
    for change in changes {
        let partition = partition_id(transaction, pipeline, &change.stream, &change.partition)?;
        keep(transaction, partition, change, at_ms, &mut receipt)?;
    }
    Ok(receipt)
}

fn keep(
    transaction: &Transaction<'_>,
    partition: i64,
    change: &Change,
    at_ms: u64,
    receipt: &mut Receipt,
) -> rusqlite::Result<()> {
    let time_ms = signed(change.time_ms);
    // What the other kind of notice has overtaken; of one moment, the delete counts.
    let overtaken = match change.op {
        Op::Upsert => {
            "SELECT EXISTS (SELECT 1 FROM notice WHERE partition_id = ?1 AND key = ?2 AND op = 1 AND time_ms >= ?3)"
        }
        Op::Delete => {
            "SELECT EXISTS (SELECT 1 FROM notice WHERE partition_id = ?1 AND key = ?2 AND op = 0 AND time_ms > ?3)"
        }
    };
    let void: bool = transaction
        .prepare_cached(overtaken)?
        .query_row(params![partition, change.key, time_ms], |row| row.get(0))?;
    let due_ms = (!void).then(|| signed(at_ms));
    let kept = transaction
        .prepare_cached(
            "INSERT INTO notice (partition_id, key, op, time_ms, received_ms, due_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![partition, change.key, change.op.number(), time_ms, signed(at_ms), due_ms])?;
    match (kept, void) {
        (0, _) => receipt.repeated += 1,
        (_, true) => receipt.void += 1,
        (_, false) => receipt.new += 1,
    }
    if kept == 1 && change.op == Op::Upsert && !void {
        // It came to be anew, so what withdrew it before is over.
        end_deletes(transaction, partition, &change.key, time_ms)?;
    }
    if kept == 1 && change.op == Op::Delete {
        // What came to be before it was withdrawn is no longer fetched.
        transaction
            .prepare_cached(
                "UPDATE notice SET due_ms = NULL
                 WHERE partition_id = ?1 AND key = ?2 AND op = 0 AND time_ms <= ?3 AND due_ms IS NOT NULL",
            )?
            .execute(params![partition, change.key, time_ms])?;
    }
    Ok(())
}

/// Forgets some of what was settled long ago.
fn forget(transaction: &Transaction<'_>, at_ms: u64) -> rusqlite::Result<()> {
    let (upserts, deletes) = (at_ms.saturating_sub(KEEP_UPSERTS_MS), at_ms.saturating_sub(KEEP_DELETES_MS));
    transaction
        .prepare_cached(
            "DELETE FROM notice WHERE id IN (SELECT id FROM notice WHERE due_ms IS NULL AND received_ms < ?1
             AND (op = 0 OR received_ms < ?2) ORDER BY received_ms LIMIT ?3)",
        )?
        .execute(params![signed(upserts), signed(deletes), MAX_FORGOTTEN])?;
    Ok(())
}

/// The partitions of a stream with notices that wait, the one that is due first in front.
pub(super) fn waiting(
    connection: &Connection,
    pipeline: &str,
    stream: &str,
) -> rusqlite::Result<Vec<Waiting>> {
    let mut find = connection.prepare_cached(
        "SELECT p.partition, coalesce(p.name, p.partition), count(*), min(n.due_ms)
         FROM partition p JOIN notice n ON n.partition_id = p.id
         WHERE p.pipeline = ?1 AND p.stream = ?2 AND n.due_ms IS NOT NULL GROUP BY p.id ORDER BY 4, 1",
    )?;
    let rows = find.query_map([pipeline, stream], |row| {
        Ok(Waiting {
            partition: row.get(0)?,
            name: row.get(1)?,
            notices: unsigned(row.get(2)?),
            due_ms: unsigned(row.get(3)?),
        })
    })?;
    rows.collect()
}

/// The notices of a partition that are due by then, oldest first.
pub(super) fn due(
    connection: &Connection,
    partition: PartitionId,
    by_ms: u64,
    limit: u32,
) -> rusqlite::Result<Vec<Notice>> {
    let mut find = connection.prepare_cached(
        "SELECT id, key, op, time_ms, received_ms, attempts FROM notice
         WHERE partition_id = ?1 AND due_ms <= ?2 ORDER BY time_ms, id LIMIT ?3",
    )?;
    let rows = find.query_map(params![partition.0, signed(by_ms), limit], |row| {
        let key: String = row.get(1)?;
        let op: i64 = row.get(2)?;
        Ok(Notice {
            id: NoticeId(row.get(0)?),
            key: key.into(),
            op: Op::from_number(op).unwrap_or(Op::Upsert),
            time_ms: unsigned(row.get(3)?),
            received_ms: unsigned(row.get(4)?),
            attempts: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// When the next notice of a partition is due; none where none waits.
pub(super) fn next_due(connection: &Connection, partition: PartitionId) -> rusqlite::Result<Option<u64>> {
    let due: Option<i64> = connection
        .prepare_cached("SELECT min(due_ms) FROM notice WHERE partition_id = ?1 AND due_ms IS NOT NULL")?
        .query_row([partition.0], |row| row.get(0))?;
    Ok(due.map(unsigned))
}

/// Puts notices off whose records were asked for in vain. One that was settled meanwhile stays so.
pub(super) fn put_off(transaction: &Transaction<'_>, notices: &[(NoticeId, u64)]) -> rusqlite::Result<()> {
    let mut update = transaction.prepare_cached(
        "UPDATE notice SET due_ms = ?2, attempts = attempts + 1 WHERE id = ?1 AND due_ms IS NOT NULL",
    )?;
    for (notice, due_ms) in notices {
        update.execute(params![notice.0, signed(*due_ms)])?;
    }
    Ok(())
}

/// Marks notices whose outcomes share this transaction. A delete comes due once more, when whoever had read its record
/// before has written it or died: a worker may die between writing and telling of it, and then nobody else knows.
pub(super) fn settle(
    transaction: &Transaction<'_>,
    notices: &[NoticeId],
    at_ms: u64,
) -> rusqlite::Result<()> {
    if notices.is_empty() {
        return Ok(());
    }
    let mut update = transaction.prepare_cached(
        "UPDATE notice SET due_ms = iif(op = 1 AND attempts = 0, ?2, NULL), attempts = attempts + 1 WHERE id = ?1",
    )?;
    let again_ms = at_ms.saturating_add(CONFIRM_AFTER_MS);
    for notice in notices {
        update.execute(params![notice.0, signed(again_ms)])?;
    }
    Ok(())
}

/// Whether a look-up per record could find anything: most partitions have no tombstone.
fn has_deletes(connection: &Connection, partition: PartitionId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM notice WHERE partition_id = ?1 AND op = 1)")?
        .query_row([partition.0], |row| row.get(0))
}

/// The last delete of a key, unless it is older than the record or an upsert has followed it.
fn standing(
    connection: &Connection,
    partition: PartitionId,
    key: &str,
    time_ms: i64,
) -> rusqlite::Result<(Withdrawal, Option<i64>)> {
    let last = |op: Op| {
        connection
            .prepare_cached(
                "SELECT max(time_ms) FROM notice WHERE partition_id = ?1 AND key = ?2 AND op = ?3",
            )?
            .query_row(params![partition.0, key, op.number()], |row| row.get::<_, Option<i64>>(0))
            .optional()
            .map(Option::flatten)
    };
    let Some(deleted) = last(Op::Delete)? else { return Ok((Withdrawal::Never, None)) };
    let made = last(Op::Upsert)?.unwrap_or(i64::MIN);
    let lifted = made > deleted || time_ms > deleted;
    Ok((if lifted { Withdrawal::Lifted } else { Withdrawal::Standing }, Some(deleted)))
}

/// Answers for each probe, in order; empty where nothing was ever withdrawn.
pub(super) fn withdrawals(
    connection: &Connection,
    partition: PartitionId,
    probes: &[Probe],
) -> rusqlite::Result<Vec<Withdrawal>> {
    if !has_deletes(connection, partition)? {
        return Ok(Vec::new());
    }
    probes
        .iter()
        .map(|probe| standing(connection, partition, &probe.key, probe.time_ms).map(|(found, _)| found))
        .collect()
}

/// Makes every delete due again whose record was written after it by someone who had read it before: deletes come last,
/// whoever was faster. One whose record came to be anew after it is over.
pub(super) fn rearm(
    transaction: &Transaction<'_>,
    partition: PartitionId,
    entries: &[Entry],
    at_ms: u64,
) -> rusqlite::Result<()> {
    let landed = |entry: &&Entry| {
        entry.op == Op::Upsert && !matches!(entry.status, Status::Skipped | Status::Rejected)
    };
    if !entries.iter().any(|entry| landed(&entry)) || !has_deletes(transaction, partition)? {
        return Ok(());
    }
    let mut again = transaction.prepare_cached(
        "UPDATE notice SET due_ms = ?4, attempts = 0 WHERE partition_id = ?1 AND key = ?2 AND time_ms = ?3 AND op = 1",
    )?;
    for entry in entries.iter().filter(landed) {
        match standing(transaction, partition, &entry.key, entry.time_ms)? {
            (Withdrawal::Standing, Some(deleted)) => {
                again.execute(params![partition.0, &*entry.key, deleted, signed(at_ms)])?;
            }
            (Withdrawal::Lifted, Some(deleted)) => {
                end_deletes(transaction, partition.0, &entry.key, deleted)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Carries out no delete of a key any more, up to a time.
fn end_deletes(
    transaction: &Transaction<'_>,
    partition: i64,
    key: &str,
    until_ms: i64,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE notice SET due_ms = NULL
             WHERE partition_id = ?1 AND key = ?2 AND op = 1 AND time_ms <= ?3 AND due_ms IS NOT NULL",
        )?
        .execute(params![partition, key, until_ms])?;
    Ok(())
}

/// What is stored as signed was never negative.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
