//! The tables, and how an older file is brought up to date.
//!
//! Migrations only ever go forward, one transaction each; `user_version` is the number of the last one. A published
//! migration is never edited.

use rusqlite::Connection;

/// Marks a file as ours: `SLUI`.
const APPLICATION_ID: i64 = 0x534C_5549;

/// One step each, in order.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql"), include_str!("schema_2.sql")];

/// The schema that this version writes.
pub(super) const SUPPORTED: i64 = MIGRATIONS.len() as i64;

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Ours, at this schema; 0 is an empty file.
    Ours(i64),
    /// A database of some other program.
    Foreign,
}

/// Says what a file is, without changing it.
pub(super) fn inspect(connection: &Connection) -> rusqlite::Result<Found> {
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let ours = application == APPLICATION_ID || (application == 0 && version == 0 && tables == 0);
    Ok(if ours { Found::Ours(version) } else { Found::Foreign })
}

/// Brings an older or empty file to [`SUPPORTED`]. Several processes may try at once: the lock lets one through, and
/// the others find it done.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let from: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for step in MIGRATIONS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", from.max(SUPPORTED))?;
    transaction.commit()
}
