//! The store on real files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

fn slot() -> Slot {
    Slot { pipeline: "p".into(), stream: "s".into(), partition: "a".into(), selection: None }
}

fn impatient() -> StoreOptions {
    StoreOptions { busy_timeout: Duration::ZERO, ..StoreOptions::default() }
}

fn file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/store.db");
    (directory, path)
}

fn entry(key: &str, time_ms: i64, digest: u64) -> Entry {
    Entry {
        key: key.into(),
        time_ms,
        op: Op::Upsert,
        digest,
        status: Status::Created,
        target: None,
        cause: None,
        notes: Vec::new(),
    }
}

fn commit(lease: &Lease, entries: Vec<Entry>, cursor: &str) -> PageCommit {
    PageCommit {
        notices: Vec::new(),
        lease: lease.clone(),
        counts: Counts { read: entries.len() as u64, created: entries.len() as u64, ..Counts::default() },
        entries,
        dead_letters: Vec::new(),
        cursor: CursorMove::To(cursor.to_owned()),
        at_ms: 99,
    }
}

fn probe(key: &str, time_ms: i64, digest: u64) -> Probe {
    Probe { key: key.into(), time_ms, digest }
}

#[tokio::test]
async fn what_was_committed_survives_reopening() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path, &StoreOptions::default()).unwrap();
    let lease = store.take_over(&slot()).await.unwrap();
    assert_eq!((lease.fence, &lease.cursor), (1, &None));
    let target = |id: &str| Some(Target { table: "lead".into(), id: id.into() });
    let uuid = "6fa459ea-ee8a-3ca4-894e-db77e160355e";
    let mut entries = vec![entry("k1", 1, u64::MAX), entry("k2", 2, 7), entry("k3", 3, 8)];
    entries[0].target = target(uuid);
    entries[1].target = target(&uuid.to_uppercase());
    entries[1].cause = Some(Cause { code: "c".into(), message: "m".repeat(5000) });
    entries[1].notes = vec!["one".into(), "two".into()];
    store.commit(commit(&lease, entries, "next")).await.unwrap();
    drop(store);

    let store = SqliteStore::open(&path, &StoreOptions::default()).unwrap();
    let lease = store.take_over(&slot()).await.unwrap();
    assert_eq!((lease.fence, lease.cursor.as_deref()), (2, Some("next")));
    let first = store.outcomes_of("p", "k1").await.unwrap().remove(0);
    assert_eq!((first.target, first.status, first.at_ms), (target(uuid), Status::Created, 99));
    let second = store.outcomes_of("p", "k2").await.unwrap().remove(0);
    assert_eq!(second.target, target(&uuid.to_uppercase()), "an unusual form comes back as it was");
    assert_eq!(second.notes, ["one", "two"]);
    let message = second.cause.unwrap().message;
    assert!(message.ends_with("m…") && message.len() < 4200);
    let row = store.partitions("p").await.unwrap().remove(0);
    assert_eq!((row.counts.read, row.counts.created), (3, 3));
}

#[tokio::test]
async fn a_stale_fence_loses_and_leaves_no_trace() {
    let store = SqliteStore::in_memory().unwrap();
    let stale = store.take_over(&slot()).await.unwrap();
    let fresh = store.take_over(&slot()).await.unwrap();
    store.commit(commit(&fresh, vec![entry("k1", 1, 1)], "1")).await.unwrap();
    let error = store.commit(commit(&stale, vec![entry("k2", 2, 2)], "0")).await.unwrap_err();
    assert_eq!(error, StoreError::Superseded { pipeline: "p".into(), partition: "a".into() });
    assert_eq!(store.outcome_count("p").await.unwrap(), 1);
    assert_eq!(store.peek(&slot()).await.unwrap().cursor.as_deref(), Some("1"));
}

#[tokio::test]
async fn slots_of_one_partition_have_their_own_cursor_and_share_the_ledger() {
    let store = SqliteStore::in_memory().unwrap();
    let narrowed = Slot { selection: Some("{}".into()), ..slot() };
    let whole = store.take_over(&slot()).await.unwrap();
    let part = store.take_over(&narrowed).await.unwrap();
    assert_eq!((whole.partition, part.fence), (part.partition, 1));
    store.commit(commit(&part, vec![entry("k", 1, 1)], "part")).await.unwrap();
    assert_eq!(store.peek(&slot()).await.unwrap().cursor, None);
    assert_eq!(store.settled(whole.partition, vec![probe("k", 1, 1)]).await.unwrap(), [true]);
    let mut last = commit(&part, Vec::new(), "");
    last.cursor = CursorMove::Clear;
    store.commit(last).await.unwrap();
    assert_eq!(store.peek(&narrowed).await.unwrap().cursor, None);
}

#[tokio::test]
async fn a_record_is_settled_only_with_the_same_time_key_and_digest() {
    let store = SqliteStore::in_memory().unwrap();
    let lease = store.take_over(&slot()).await.unwrap();
    let kept = vec![entry("k", 5, 1), entry("timeless", 0, 2)];
    store.commit(commit(&lease, kept, "")).await.unwrap();
    for (asked, expected) in [
        (probe("k", 5, 1), true),
        (probe("k", 5, 2), false),
        (probe("k", 6, 1), false),
        (probe("j", 5, 1), false),
        (probe("timeless", 0, 2), true),
        (probe("timeless", 0, 3), false),
    ] {
        assert_eq!(
            store.settled(lease.partition, vec![asked.clone()]).await.unwrap(),
            [expected],
            "{asked:?}"
        );
    }
    assert!(store.settled(lease.partition, Vec::new()).await.unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The scan over a span and the single look-ups give one answer, however full the span is.
    #[test]
    fn settled_agrees_with_a_plain_map(
        kept in prop::collection::vec((0..40_u32, 0..30_i64, 0..3_u64), 0..300),
        asked in prop::collection::vec((0..40_u32, 0..30_i64, 0..3_u64), 0..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = SqliteStore::in_memory().unwrap();
            let lease = store.take_over(&slot()).await.unwrap();
            let mut map = std::collections::HashMap::new();
            let mut entries = Vec::new();
            for (key, time, digest) in kept {
                map.insert((key, time), digest);
                entries.push(entry(&key.to_string(), time, digest));
            }
            store.commit(commit(&lease, entries, "")).await.unwrap();
            // A page never holds one key twice.
            let mut seen = std::collections::HashSet::new();
            let asked: Vec<_> = asked.into_iter().filter(|(key, _, _)| seen.insert(*key)).collect();
            let probes = asked.iter().map(|(key, time, digest)| probe(&key.to_string(), *time, *digest)).collect();
            let expected: Vec<bool> =
                asked.iter().map(|(key, time, digest)| map.get(&(*key, *time)) == Some(digest)).collect();
            assert_eq!(store.settled(lease.partition, probes).await.unwrap(), expected);
        });
    }
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, path) = file();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let store = SqliteStore::open(&path, &StoreOptions::default()).unwrap();
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(mode(&path.with_extension("db-wal")), 0o600);
    drop(store);
}

#[tokio::test]
async fn a_full_disk_writes_nothing_by_halves() {
    let (_directory, path) = file();
    let options = StoreOptions { max_pages: Some(40), ..StoreOptions::default() };
    let store = SqliteStore::open(&path, &options).unwrap();
    let lease = store.take_over(&slot()).await.unwrap();
    let page = |first: i64| (first..first + 500).map(|time| entry(&format!("key-{time}"), time, 1)).collect();
    let (mut committed, mut error) = (0, None);
    for number in 1..20 {
        match store.commit(commit(&lease, page(number * 500), &number.to_string())).await {
            Ok(()) => committed = number,
            Err(refusal) => {
                error = Some(refusal);
                break;
            }
        }
    }
    assert_eq!(error, Some(StoreError::Full { path }));
    assert!(committed > 0);
    assert_eq!(store.outcome_count("p").await.unwrap(), 500 * committed.unsigned_abs());
    assert_eq!(store.peek(&slot()).await.unwrap().cursor, Some(committed.to_string()));
}

#[tokio::test]
async fn a_lock_is_waited_for_and_then_named() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path, &impatient()).unwrap();
    let lease = store.take_over(&slot()).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.commit(commit(&lease, vec![entry("k", 1, 1)], "1")).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    assert!(error.to_string().contains("let that process finish"));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.outcome_count("p").await.unwrap(), 0);
    store.commit(commit(&lease, vec![entry("k", 1, 1)], "1")).await.unwrap();
}

#[tokio::test]
async fn a_read_only_file_is_named() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path, &impatient()).unwrap();
    store.read(|connection| connection.pragma_update(None, "query_only", true)).await.unwrap();
    let error = store.take_over(&slot()).await.unwrap_err();
    assert_eq!(error, StoreError::ReadOnly { path });
}

#[test]
fn files_that_are_no_store_are_left_alone() {
    let (directory, path) = file();
    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "not a database, but longer than its header would be: ".repeat(40)).unwrap();
    let refusal = |path: &Path| SqliteStore::open(path, &impatient()).unwrap_err();
    assert_eq!(refusal(&text), StoreError::NotAStore { path: text.clone() });

    let foreign = directory.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let before = std::fs::read(&foreign).unwrap();
    assert_eq!(refusal(&foreign), StoreError::NotAStore { path: foreign.clone() });
    assert_eq!(std::fs::read(&foreign).unwrap(), before);

    drop(SqliteStore::open(&path, &impatient()).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = refusal(&path);
    assert_eq!(error, StoreError::Newer { path, found: 99, supported: schema::SUPPORTED });
    assert!(error.to_string().contains("use the newer version"));
}

#[test]
fn paths_that_cannot_be_opened_are_named() {
    let (directory, _) = file();
    let refusal = |path: &Path| SqliteStore::open(path, &impatient()).unwrap_err();
    assert!(matches!(refusal(directory.path()), StoreError::Unopenable { .. }));
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(refusal(&file.join("store.db")), StoreError::Unopenable { .. }));
}

#[test]
fn each_error_of_the_system_has_its_name() {
    use std::io::{Error, ErrorKind};
    let named = |kind| StoreError::from_io(&Error::from(kind), Path::new("x"));
    assert!(matches!(named(ErrorKind::PermissionDenied), StoreError::Denied { .. }));
    assert!(matches!(named(ErrorKind::ReadOnlyFilesystem), StoreError::ReadOnly { .. }));
    assert!(matches!(named(ErrorKind::StorageFull), StoreError::Full { .. }));
    let coded = |code| {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        StoreError::from_sqlite(&error, Path::new("x"), Duration::ZERO)
    };
    assert!(matches!(coded(rusqlite::ffi::SQLITE_PERM), StoreError::Denied { .. }));
    assert!(matches!(coded(rusqlite::ffi::SQLITE_CANTOPEN), StoreError::Unopenable { .. }));
    assert!(matches!(coded(rusqlite::ffi::SQLITE_CORRUPT), StoreError::Damaged { .. }));
    assert!(matches!(coded(rusqlite::ffi::SQLITE_IOERR), StoreError::Io { .. }));
    assert!(matches!(coded(rusqlite::ffi::SQLITE_MISUSE), StoreError::Unexpected { .. }));
}

#[test]
fn migrating_twice_changes_nothing_and_a_failed_step_leaves_no_trace() {
    let mut connection = Connection::open_in_memory().unwrap();
    assert_eq!(schema::inspect(&connection).unwrap(), schema::Found::Ours(0));
    schema::migrate(&mut connection).unwrap();
    schema::migrate(&mut connection).unwrap();
    assert_eq!(schema::inspect(&connection).unwrap(), schema::Found::Ours(schema::SUPPORTED));

    let mut broken = Connection::open_in_memory().unwrap();
    broken.execute_batch("CREATE TABLE run (x)").unwrap();
    assert!(schema::migrate(&mut broken).is_err());
    let tables: i64 = broken.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn runs_and_partitions_are_kept_and_old_runs_let_go() {
    let store = SqliteStore::in_memory().unwrap();
    let first = store.start_run("p", 1).await.unwrap();
    store.finish_run(first, 2, "landed", "{}".into()).await.unwrap();
    for time in 0..1000 {
        store.start_run("p", 10 + time).await.unwrap();
    }
    let runs = store.runs("p", 2000).await.unwrap();
    assert_eq!(runs.len(), 1000);
    assert!(runs.iter().all(|run| run.id != first.0 && run.finished_ms.is_none()));

    let note = |state: &str| PartitionNote {
        pipeline: "p".into(),
        stream: "s".into(),
        partition: "a".into(),
        name: "A".into(),
        state: state.into(),
        message: None,
        at_ms: 5,
    };
    store.note(vec![note("active"), note("forbidden")]).await.unwrap();
    let rows = store.partitions("p").await.unwrap();
    assert_eq!((rows.len(), rows[0].state.as_deref()), (1, Some("forbidden")));
    assert!(store.knows("p").await.unwrap() && !store.knows("q").await.unwrap());
}

#[tokio::test]
async fn a_dead_letter_counts_its_attempts_until_its_record_lands() {
    let store = SqliteStore::in_memory().unwrap();
    let lease = store.take_over(&slot()).await.unwrap();
    let rejected = |message: &str| {
        let cause = Cause { code: "1".into(), message: message.into() };
        let mut page = commit(&lease, vec![Entry { status: Status::Rejected, ..entry("k", 1, 1) }], "");
        page.dead_letters = vec![DeadLetter { key: "k".into(), time_ms: 1, record: "{}".into(), cause }];
        page
    };
    store.commit(rejected("first")).await.unwrap();
    store.commit(rejected("second")).await.unwrap();
    let letters = store.dead_letters("p", 0, 10).await.unwrap();
    assert_eq!((letters.len(), letters[0].attempts, &*letters[0].cause.message), (1, 2, "second"));
    assert!(store.dead_letters("p", letters[0].id, 10).await.unwrap().is_empty());
    store.commit(commit(&lease, vec![entry("other", 1, 1)], "")).await.unwrap();
    assert_eq!(store.dead_letter_count("p").await.unwrap(), 1);
    store.commit(commit(&lease, vec![entry("k", 1, 1)], "")).await.unwrap();
    assert_eq!(store.dead_letter_count("p").await.unwrap(), 0);
}

#[tokio::test]
async fn names_of_tables_that_were_rolled_back_are_not_remembered() {
    let store = SqliteStore::in_memory().unwrap();
    let stale = store.take_over(&slot()).await.unwrap();
    let aimed = || Entry { target: Some(Target { table: "t".into(), id: "1".into() }), ..entry("k", 1, 1) };
    let page = commit(&stale, vec![aimed()], "1");
    // The name is learnt, and the transaction undone.
    let undone = store
        .write(move |transaction, tables| {
            commit::page(transaction, tables, &page)?;
            Err::<(), _>(sqlite::Refusal::Sqlite(rusqlite::Error::InvalidQuery))
        })
        .await;
    assert!(undone.is_err());
    let lease = store.take_over(&slot()).await.unwrap();
    store.commit(commit(&lease, vec![aimed()], "1")).await.unwrap();
    let kept = store.outcomes_of("p", "k").await.unwrap().remove(0);
    assert_eq!(kept.target.unwrap().table, "t");
}
