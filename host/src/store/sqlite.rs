//! The store as one SQLite file.
//!
//! SQLite's calls block, so each runs on Tokio's pool for such calls, one at a time and in the order of asking; a
//! worker that waits for its turn blocks nothing. A call that has started runs to its end even when its caller goes
//! away, so a transaction is never cut in half.
//!
//! Durability: WAL with `synchronous = NORMAL`. A crash of the process loses nothing that was committed. A crash of
//! the machine may undo the last commits, but only whole ones and in order: the cursor and the outcomes that it stands
//! for share a transaction, so the cursor goes back together with them, and the records between are read again; writing
//! them again is harmless by contract. What a notice told of cannot be read again, so it alone is written with `FULL`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::Mutex;

use super::commit::{self, TableNames};
use super::schema::{self, Found};
use super::{
    Change, Lease, Notice, NoticeId, PageCommit, PartitionId, PartitionNote, Peek, Probe, Receipt, RunId,
    Slot, Store, StoreError, Waiting, Withdrawal, lookup, notice,
};

/// Past runs that are kept of each pipeline.
const MAX_RUNS: i64 = 1000;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// How long to wait for another process's lock.
    pub busy_timeout: Duration,
    /// Most memory for cached pages, in KiB.
    pub cache_kib: u32,
    /// Most pages (of 4 KiB) that the file may have; none for as many as the disk holds.
    pub max_pages: Option<u32>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(10), cache_kib: 2 * 1024, max_pages: None }
    }
}

/// The store as one SQLite file, readable by its owner only. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    database: Arc<Mutex<Database>>,
    path: Arc<Path>,
    waited: Duration,
}

#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) tables: TableNames,
}

impl SqliteStore {
    /// Opens the file, or makes it (0600) and its directory (0700). Blocks for as long as the disk needs; call it
    /// before there is anything to hold up.
    ///
    /// # Errors
    /// Each variant of [`StoreError`] but `Superseded`.
    pub fn open(path: impl Into<PathBuf>, options: &StoreOptions) -> Result<Self, StoreError> {
        let path = path.into();
        if path.is_dir() {
            return Err(StoreError::Unopenable { path, reason: "it is a directory".to_owned() });
        }
        make_private(&path).map_err(|error| StoreError::from_io(&error, &path))?;
        let connection = Connection::open(&path);
        Self::set_up(connection, path, options)
    }

    /// A store that lives in memory and is gone with its last clone.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::set_up(Connection::open_in_memory(), PathBuf::from(":memory:"), &StoreOptions::default())
    }

    fn set_up(
        connection: rusqlite::Result<Connection>,
        path: PathBuf,
        options: &StoreOptions,
    ) -> Result<Self, StoreError> {
        let waited = options.busy_timeout;
        let name = |error: rusqlite::Error| StoreError::from_sqlite(&error, &path, waited);
        let mut connection = connection.map_err(name)?;
        connection.busy_timeout(waited).map_err(name)?;
        match schema::inspect(&connection).map_err(name)? {
            Found::Foreign => return Err(StoreError::NotAStore { path }),
            Found::Ours(found) if found > schema::SUPPORTED => {
                return Err(StoreError::Newer { path, found, supported: schema::SUPPORTED });
            }
            Found::Ours(found) => {
                tune(&connection, options).map_err(name)?;
                if found < schema::SUPPORTED {
                    schema::migrate(&mut connection).map_err(name)?;
                }
            }
        }
        let database = Database { connection, tables: TableNames::default() };
        Ok(Self { database: Arc::new(Mutex::new(database)), path: path.into(), waited })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs one piece of work in one transaction that may write.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &mut TableNames) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.blocking(move |database| {
            // Immediate: a lock is waited for here, never half-way through.
            let transaction =
                database.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction, &mut database.tables).and_then(|value| {
                transaction.commit()?;
                Ok(value)
            });
            if result.is_err() {
                // Names that were rolled back must not be remembered.
                database.tables = TableNames::default();
            }
            result
        })
        .await
    }

    /// Runs one piece of work that only reads.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.blocking(move |database| Ok(work(&database.connection)?)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut database = Arc::clone(&self.database).lock_owned().await;
        let done = tokio::task::spawn_blocking(move || work(&mut database)).await;
        let refusal = match done {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(refusal)) => refusal,
            Err(error) => {
                return Err(StoreError::Unexpected {
                    path: self.path.to_path_buf(),
                    reason: error.to_string(),
                });
            }
        };
        Err(match refusal {
            Refusal::Store(error) => error,
            Refusal::Sqlite(error) => StoreError::from_sqlite(&error, &self.path, self.waited),
        })
    }
}

/// Why a piece of work was rolled back.
#[derive(Debug)]
pub(super) enum Refusal {
    Store(StoreError),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// One transaction of its own.
fn durable<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

/// Makes the directory and the file, for their owner only; SQLite gives its side files the same rights. What exists is
/// left as it is.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut directories = fs::DirBuilder::new();
    directories.recursive(true);
    let mut file = fs::OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        directories.mode(0o700);
        file.mode(0o600);
    }
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        directories.create(directory)?;
    }
    match file.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Sets what holds for this connection only, and the journal.
fn tune(connection: &Connection, options: &StoreOptions) -> rusqlite::Result<()> {
    if let Some(pages) = options.max_pages {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Negative: KiB rather than pages.
    connection.pragma_update(None, "cache_size", -i64::from(options.cache_kib))?;
    // The log is folded into the file every 4 MiB, and cut back to 16 MiB should a long reader have held that up.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 1000, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", 16 << 20, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// SQLite's integers are signed; no time and no count that we keep comes near the limit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The name of a selection's slot: empty for none. Not for security; two selections of one partition never meet by
/// chance.
fn selection_name(selection: Option<&str>) -> String {
    selection
        .map_or_else(String::new, |text| format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes())))
}

/// Finds a partition, or makes it.
pub(super) fn partition_id(
    transaction: &Transaction<'_>,
    pipeline: &str,
    stream: &str,
    partition: &str,
) -> rusqlite::Result<i64> {
    // The update changes nothing; it makes RETURNING answer for a row that was there.
    transaction
        .prepare_cached(
            "INSERT INTO partition (pipeline, stream, partition) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET pipeline = excluded.pipeline RETURNING id",
        )?
        .query_row(params![pipeline, stream, partition], |row| row.get(0))
}

impl Store for SqliteStore {
    async fn take_over(&self, slot: &Slot) -> Result<Lease, StoreError> {
        let slot = slot.clone();
        self.write(move |transaction, _| {
            let partition = partition_id(transaction, &slot.pipeline, &slot.stream, &slot.partition)?;
            let lease = transaction
                .prepare_cached(
                    "INSERT INTO slot (partition_id, selection, fence) VALUES (?1, ?2, 1)
                     ON CONFLICT DO UPDATE SET fence = fence + 1 RETURNING id, fence, cursor",
                )?
                .query_row(params![partition, selection_name(slot.selection.as_deref())], |row| {
                    Ok(Lease {
                        slot: row.get(0)?,
                        partition: PartitionId(partition),
                        fence: row.get(1)?,
                        cursor: row.get(2)?,
                    })
                })?;
            Ok(lease)
        })
        .await
    }

    async fn peek(&self, slot: &Slot) -> Result<Peek, StoreError> {
        let slot = slot.clone();
        self.read(move |connection| {
            let found = connection
                .prepare_cached(
                    "SELECT p.id, s.cursor FROM partition p
                     LEFT JOIN slot s ON s.partition_id = p.id AND s.selection = ?4
                     WHERE p.pipeline = ?1 AND p.stream = ?2 AND p.partition = ?3",
                )?
                .query_row(
                    params![
                        slot.pipeline,
                        slot.stream,
                        slot.partition,
                        selection_name(slot.selection.as_deref())
                    ],
                    |row| Ok(Peek { partition: Some(PartitionId(row.get(0)?)), cursor: row.get(1)? }),
                )
                .optional()?;
            Ok(found.unwrap_or_default())
        })
        .await
    }

    async fn settled(&self, partition: PartitionId, probes: Vec<Probe>) -> Result<Vec<bool>, StoreError> {
        if probes.is_empty() {
            return Ok(Vec::new());
        }
        self.read(move |connection| lookup::settled(connection, partition, &probes)).await
    }

    async fn withdrawals(
        &self,
        partition: PartitionId,
        probes: Vec<Probe>,
    ) -> Result<Vec<Withdrawal>, StoreError> {
        self.read(move |connection| notice::withdrawals(connection, partition, &probes)).await
    }

    async fn receive(&self, pipeline: &str, changes: Vec<Change>, at_ms: u64) -> Result<Receipt, StoreError> {
        let pipeline = pipeline.to_owned();
        self.blocking(move |database| {
            // The setting cannot change within a transaction, so it is set around one; it is this connection's own.
            database.connection.pragma_update(None, "synchronous", "FULL")?;
            let received = durable(&mut database.connection, |transaction| {
                notice::receive(transaction, &pipeline, &changes, at_ms)
            });
            database.connection.pragma_update(None, "synchronous", "NORMAL")?;
            received
        })
        .await
    }

    async fn waiting(&self, pipeline: &str, stream: &str) -> Result<Vec<Waiting>, StoreError> {
        let (pipeline, stream) = (pipeline.to_owned(), stream.to_owned());
        self.read(move |connection| notice::waiting(connection, &pipeline, &stream)).await
    }

    async fn due(
        &self,
        partition: PartitionId,
        by_ms: u64,
        limit: u32,
    ) -> Result<(Vec<Notice>, Option<u64>), StoreError> {
        self.read(move |connection| {
            Ok((notice::due(connection, partition, by_ms, limit)?, notice::next_due(connection, partition)?))
        })
        .await
    }

    async fn put_off(&self, notices: Vec<(NoticeId, u64)>) -> Result<(), StoreError> {
        self.write(move |transaction, _| Ok(notice::put_off(transaction, &notices)?)).await
    }

    async fn commit(&self, page: PageCommit) -> Result<(), StoreError> {
        self.write(move |transaction, tables| commit::page(transaction, tables, &page)).await
    }

    async fn note(&self, notes: Vec<PartitionNote>) -> Result<(), StoreError> {
        self.write(move |transaction, _| {
            for note in &notes {
                let id = partition_id(transaction, &note.pipeline, &note.stream, &note.partition)?;
                transaction
                    .prepare_cached(
                        "UPDATE partition SET name = ?2, state = ?3, message = ?4, at_ms = ?5 WHERE id = ?1",
                    )?
                    .execute(params![id, note.name, note.state, note.message, signed(note.at_ms)])?;
            }
            Ok(())
        })
        .await
    }

    async fn start_run(&self, pipeline: &str, at_ms: u64) -> Result<RunId, StoreError> {
        let pipeline = pipeline.to_owned();
        self.write(move |transaction, _| {
            transaction.execute(
                "INSERT INTO run (pipeline, started_ms) VALUES (?1, ?2)",
                params![pipeline, signed(at_ms)],
            )?;
            let run = transaction.last_insert_rowid();
            transaction.execute(
                "DELETE FROM run WHERE pipeline = ?1 AND id <=
                 (SELECT id FROM run WHERE pipeline = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                params![pipeline, MAX_RUNS],
            )?;
            Ok(RunId(run))
        })
        .await
    }

    async fn finish_run(
        &self,
        run: RunId,
        at_ms: u64,
        verdict: &str,
        report: String,
    ) -> Result<(), StoreError> {
        let verdict = verdict.to_owned();
        self.write(move |transaction, _| {
            transaction.execute(
                "UPDATE run SET finished_ms = ?2, verdict = ?3, report = ?4 WHERE id = ?1",
                params![run.0, signed(at_ms), verdict, report],
            )?;
            Ok(())
        })
        .await
    }
}
