//! Makes one page durable: the hot path of the store.

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{OptionalExtension, Transaction, params};
use uuid::Uuid;

use super::ledger::{DeadLetter, Entry, Status, Target};
use super::sqlite::{Refusal, signed};
use super::{CursorMove, Lease, PageCommit, StoreError, notice};

/// Most names of tables that are remembered; a sink that names more pays a look-up for the rest.
const MAX_TABLES: usize = 256;
/// Most bytes of a message, and of all notes of one record together.
const MAX_TEXT: usize = 4096;

/// The numbers of the destination's table names, as far as they were seen.
#[derive(Debug, Default)]
pub(super) struct TableNames(HashMap<String, i64>);

impl TableNames {
    fn number(&mut self, transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.0.get(name) {
            return Ok(*number);
        }
        let number = transaction
            .prepare_cached(
                "INSERT INTO target_table (name) VALUES (?1)
                 ON CONFLICT DO UPDATE SET name = excluded.name RETURNING id",
            )?
            .query_row([name], |row| row.get(0))?;
        if self.0.len() < MAX_TABLES {
            self.0.insert(name.to_owned(), number);
        }
        Ok(number)
    }
}

/// Writes outcomes, dead letters, totals and the cursor.
pub(super) fn page(
    transaction: &Transaction<'_>,
    tables: &mut TableNames,
    page: &PageCommit,
) -> Result<(), Refusal> {
    // First, so that a stale worker costs nothing more.
    advance(transaction, page)?;
    entries(transaction, tables, page)?;
    notice::settle(transaction, &page.notices, page.at_ms)?;
    notice::rearm(transaction, page.lease.partition, &page.entries, page.at_ms)?;
    if resolves_dead_letters(transaction, &page.lease)? {
        resolve(transaction, page)?;
    }
    for letter in &page.dead_letters {
        bury(transaction, page, letter)?;
    }
    Ok(())
}

/// Checks the fence, adds to the totals, and moves the cursor.
fn advance(transaction: &Transaction<'_>, page: &PageCommit) -> Result<(), Refusal> {
    let (keep, cursor) = match &page.cursor {
        CursorMove::Keep => (true, None),
        CursorMove::To(cursor) => (false, Some(cursor)),
        CursorMove::Clear => (false, None),
    };
    let counts = &page.counts;
    let changed = transaction
        .prepare_cached(
            r#"UPDATE slot SET cursor = iif(?3, cursor, ?4), at_ms = ?5, pages = pages + iif(?3, 0, 1),
               "read" = "read" + ?6, created = created + ?7, updated = updated + ?8, upserted = upserted + ?9,
               unchanged = unchanged + ?10, deleted = deleted + ?11, skipped = skipped + ?12,
               rejected = rejected + ?13, settled = settled + ?14, replaced = replaced + ?15,
               retried = retried + ?16
               WHERE id = ?1 AND fence = ?2"#,
        )?
        .execute(params![
            page.lease.slot,
            page.lease.fence,
            keep,
            cursor,
            signed(page.at_ms),
            signed(counts.read),
            signed(counts.created),
            signed(counts.updated),
            signed(counts.upserted),
            signed(counts.unchanged),
            signed(counts.deleted),
            signed(counts.skipped),
            signed(counts.rejected),
            signed(counts.settled),
            signed(counts.replaced),
            signed(counts.retried),
        ])?;
    if changed == 1 { Ok(()) } else { Err(superseded(transaction, &page.lease)?) }
}

fn superseded(transaction: &Transaction<'_>, lease: &Lease) -> rusqlite::Result<Refusal> {
    let names = transaction
        .query_row("SELECT pipeline, partition FROM partition WHERE id = ?1", [lease.partition.0], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (pipeline, partition) = names.unwrap_or_default();
    Ok(Refusal::Store(StoreError::Superseded { pipeline, partition }))
}

fn entries(
    transaction: &Transaction<'_>,
    tables: &mut TableNames,
    page: &PageCommit,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO ledger (partition_id, time_ms, key, op, status, digest, at_ms, table_id, target, code, message, notes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT DO UPDATE SET op = excluded.op, status = excluded.status, digest = excluded.digest,
         at_ms = excluded.at_ms, table_id = excluded.table_id, target = excluded.target, code = excluded.code,
         message = excluded.message, notes = excluded.notes",
    )?;
    for entry in &page.entries {
        let target = entry.target.as_ref();
        let table = target.map(|target| tables.number(transaction, &target.table)).transpose()?;
        insert.execute(params![
            page.lease.partition.0,
            entry.time_ms,
            &*entry.key,
            entry.op.number(),
            entry.status.number(),
            // The same 64 bits; SQLite has no unsigned integers.
            entry.digest.cast_signed(),
            signed(page.at_ms),
            table,
            StoredId(target),
            entry.cause.as_ref().map(|cause| bounded(&cause.code)),
            entry.cause.as_ref().map(|cause| bounded(&cause.message)),
            notes(entry),
        ])?;
    }
    Ok(())
}

/// The notes as a JSON list; none where there are none.
fn notes(entry: &Entry) -> Option<String> {
    if entry.notes.is_empty() {
        return None;
    }
    let mut room = MAX_TEXT;
    let kept = entry.notes.iter().map_while(|note| {
        room = room.checked_sub(note.len())?;
        Some(serde_json::Value::from(note.as_str()))
    });
    Some(serde_json::Value::from_iter(kept).to_string())
}

/// Cuts a sentence that is too long, and shows that it did.
fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT {
        return Cow::Borrowed(text);
    }
    let cut = text.floor_char_boundary(MAX_TEXT);
    Cow::Owned(format!("{}…", text.get(..cut).unwrap_or_default()))
}

/// A row's id: 16 bytes where it is a UUID in its usual form, else its text.
struct StoredId<'a>(Option<&'a Target>);

impl rusqlite::ToSql for StoredId<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let Some(target) = self.0 else { return Ok(ToSqlOutput::Owned(Value::Null)) };
        // Only the form that comes back unchanged: hyphenated, in lower case.
        let usual = target.id.len() == 36 && !target.id.bytes().any(|byte| byte.is_ascii_uppercase());
        Ok(match Uuid::try_parse(&target.id) {
            Ok(id) if usual => ToSqlOutput::Owned(Value::Blob(id.as_bytes().to_vec())),
            _ => ToSqlOutput::Borrowed(ValueRef::Text(target.id.as_bytes())),
        })
    }
}

/// Whether a look-up per record could find anything: most partitions have no dead letter.
fn resolves_dead_letters(transaction: &Transaction<'_>, lease: &Lease) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM dead_letter WHERE partition_id = ?1)")?
        .query_row([lease.partition.0], |row| row.get(0))
}

/// Removes the dead letters of records that have now landed.
fn resolve(transaction: &Transaction<'_>, page: &PageCommit) -> rusqlite::Result<()> {
    let mut delete =
        transaction.prepare_cached("DELETE FROM dead_letter WHERE partition_id = ?1 AND key = ?2")?;
    for entry in page.entries.iter().filter(|entry| entry.status != Status::Rejected) {
        delete.execute(params![page.lease.partition.0, &*entry.key])?;
    }
    Ok(())
}

/// Keeps a rejected record; one that was rejected before is replaced, and its attempts counted.
fn bury(transaction: &Transaction<'_>, page: &PageCommit, letter: &DeadLetter) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO dead_letter (partition_id, key, time_ms, record, code, message, attempts, first_ms, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?7)
             ON CONFLICT DO UPDATE SET time_ms = excluded.time_ms, record = excluded.record, code = excluded.code,
             message = excluded.message, attempts = attempts + 1, at_ms = excluded.at_ms",
        )?
        .execute(params![
            page.lease.partition.0,
            &*letter.key,
            letter.time_ms,
            letter.record,
            bounded(&letter.cause.code),
            bounded(&letter.cause.message),
            signed(page.at_ms),
        ])?;
    Ok(())
}

/// Reads what [`StoredId`] wrote.
pub(super) fn target_id(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Blob(bytes) => Uuid::from_slice(bytes).ok().map(|id| id.hyphenated().to_string()),
        ValueRef::Text(bytes) => String::from_utf8(bytes.to_vec()).ok(),
        _ => None,
    }
}
