//! Promises 1 to 3 of the architecture, for random pages, failures, retries, stops and crashes.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::rig::*;
use crate::failure::Failure;
use crate::pipeline::port::{Page, ReadRequest, WriteReply};
use crate::pipeline::{End, Stopper};
use crate::store::{SqliteStore, Status};

/// How the sink meets one call.
#[derive(Debug, Clone, Copy)]
enum Write {
    Well,
    /// That many records get an outcome; of the others it is unknown, and they may be stored or not.
    Stops {
        after: usize,
        stores_rest: bool,
    },
    /// The whole call fails.
    Fails {
        retryable: bool,
        stores: bool,
    },
}

/// How one life of the process ends.
#[derive(Debug, Clone, Copy)]
enum Life {
    Full,
    Fault(Fault, i64),
    Stop(u64),
}

#[derive(Debug, Clone)]
struct Plan {
    records: usize,
    /// Keys come again with other content after so many records.
    distinct: usize,
    page_sizes: Vec<usize>,
    overlap: usize,
    pages_in_flight: u32,
    writes: Vec<(Write, u64)>,
    read_fails: Vec<Option<bool>>,
    lives: Vec<Life>,
}

/// The world outside, which survives every crash.
struct World {
    plan: Plan,
    rows: Mutex<BTreeMap<String, Value>>,
    writes: Mutex<VecDeque<(Write, u64)>>,
    read_fails: Mutex<VecDeque<Option<bool>>>,
    flying: Mutex<HashSet<String>>,
}

fn key(plan: &Plan, number: usize) -> String {
    format!("k{}", number % plan.distinct)
}

fn is_poison(key: &str) -> bool {
    key.ends_with('3')
}

fn is_skipped(key: &str) -> bool {
    key.ends_with('7')
}

fn record(plan: &Plan, number: usize) -> Value {
    let key = key(plan, number);
    let mut record = json!({"key": key, "stream": STREAM, "op": "upsert", "data": {"version": number}});
    if number % 11 == 5 {
        record["op"] = json!("delete");
        record.as_object_mut().unwrap().remove("data");
    }
    if !(number % plan.distinct).is_multiple_of(4) {
        record["time"] = json!(1000 + number % plan.distinct);
    }
    if is_skipped(&key) {
        record["skip"] = json!({"code": "test", "reason": "a test"});
    }
    record
}

impl World {
    fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self {
            rows: Mutex::default(),
            writes: Mutex::new(plan.writes.iter().copied().collect()),
            read_fails: Mutex::new(plan.read_fails.iter().copied().collect()),
            flying: Mutex::default(),
            plan,
        })
    }

    fn read(&self, request: ReadRequest) -> Result<Page, Failure> {
        match self.read_fails.lock().unwrap().pop_front().flatten() {
            Some(true) => return Err(retryable(None)),
            Some(false) => return Err(Failure::fatal("read failed")),
            None => {}
        }
        let plan = &self.plan;
        let at: usize = request.cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let size = plan.page_sizes[at % plan.page_sizes.len()];
        let last = plan.records.min(at + size);
        let lines: Vec<String> =
            (at.saturating_sub(plan.overlap)..last).map(|number| record(plan, number).to_string()).collect();
        Ok(Page {
            records: lines.join("\n"),
            cursor: last.to_string(),
            more: last < plan.records,
            ..Page::default()
        })
    }

    /// Stores one record, and says what was done.
    fn store(&self, record: &Value) -> Value {
        let key = record["key"].as_str().unwrap();
        assert!(!is_skipped(key), "a skipped record reached the sink");
        if is_poison(key) {
            return json!({"key": key, "status": "rejected", "cause": {"code": "E1", "message": "refused"}});
        }
        let mut rows = self.rows.lock().unwrap();
        let status = if record["op"] == "delete" {
            rows.remove(key);
            "deleted"
        } else {
            match rows.insert(key.to_owned(), record["data"].clone()) {
                None => "created",
                Some(before) if before == record["data"] => "unchanged",
                Some(_) => "updated",
            }
        };
        json!({"key": key, "status": status})
    }

    async fn write(self: Arc<Self>, batch: String) -> Result<WriteReply, Failure> {
        let records: Vec<Value> = batch.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let _flight = Flight::new(&self, keys(&batch));
        let (action, delay_ms) = self.writes.lock().unwrap().pop_front().unwrap_or((Write::Well, 0));
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        let (decided, stored, stopped) = match action {
            Write::Stops { after, stores_rest } if after < records.len() => {
                (after, if stores_rest { records.len() } else { after }, Some(retryable(None)))
            }
            Write::Well | Write::Stops { .. } => (records.len(), records.len(), None),
            Write::Fails { retryable: again, stores } => {
                records.iter().filter(|_| stores).for_each(|record| drop(self.store(record)));
                return Err(if again { retryable(None) } else { Failure::fatal("write failed") });
            }
        };
        let outcomes: Vec<String> =
            records.iter().take(stored).map(|record| self.store(record).to_string()).collect();
        Ok(WriteReply { outcomes: outcomes[..decided].join("\n"), stopped })
    }
}

/// Keys that are being written, until the call ends or is dropped.
struct Flight(Arc<World>, Vec<String>);

impl Flight {
    fn new(world: &Arc<World>, keys: Vec<String>) -> Self {
        let mut flying = world.flying.lock().unwrap();
        for key in &keys {
            assert!(flying.insert(key.clone()), "{key} is in two writes at once");
        }
        Self(Arc::clone(world), keys)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.flying.lock().unwrap().retain(|key| !self.1.contains(key));
    }
}

/// Lives one life. True if the partition's end was reached.
async fn live(world: &Arc<World>, rig: &mut Rig, life: Life) -> bool {
    let reading = Arc::clone(world);
    let source = source(move |request| reading.read(request));
    let writing = Arc::clone(world);
    let sink = FakeSink(Arc::new(move |batch, _| Arc::clone(&writing).write(batch).boxed()));
    let (fault, due) = match life {
        Life::Fault(fault, due) => (fault, due),
        Life::Full | Life::Stop(_) => (Fault::Full, -1),
    };
    let (stopper, stop) = Stopper::new();
    rig.stop = stop;
    let store = FaultyStore::new(&rig.store, fault, due);
    let tick = rig.tick_of(&source, &sink, &store);
    let stopping = async {
        match life {
            Life::Stop(after_ms) => tokio::time::sleep(Duration::from_millis(after_ms)).await,
            _ => std::future::pending().await,
        }
        stopper.stop();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        report = tick.run() => {
            let counts = report.counts;
            assert_eq!(counts.read, counts.decided(), "every record that was read has a fate: {report:?}");
            report.end == End::Done
        }
        () = store.crashed.notified() => false,
        () = stopping => false,
    }
}

/// Promise 1: everything up to the cursor has an outcome, and if accepted it is at the sink.
async fn nothing_before_the_cursor_is_undecided(world: &World, rig: &Rig) {
    let cursor: usize = rig.cursor().await.map_or(0, |cursor| cursor.parse().unwrap());
    let before: BTreeSet<String> = (0..cursor).map(|number| key(&world.plan, number)).collect();
    for key in before {
        let outcomes = rig.store.outcomes_of(PIPELINE, &key).await.unwrap();
        assert_eq!(outcomes.len(), 1, "{key}");
        if matches!(outcomes[0].status, Status::Created) {
            assert!(
                world.rows.lock().unwrap().contains_key(&key) || deleted_somewhere(&world.plan, &key),
                "{key}"
            );
        }
    }
}

fn deleted_somewhere(plan: &Plan, wanted: &str) -> bool {
    (0..plan.records).any(|number| key(plan, number) == wanted && record(plan, number)["op"] == "delete")
}

/// Promises 2 and 3: the sink holds exactly what the source has, and each record one outcome.
async fn all_is_as_if_nothing_had_happened(world: &World, store: &SqliteStore) {
    let plan = &world.plan;
    let mut expected = BTreeMap::new();
    let mut all = BTreeSet::new();
    for number in 0..plan.records {
        let (key, record) = (key(plan, number), record(plan, number));
        all.insert(key.clone());
        if is_poison(&key) || is_skipped(&key) {
            continue;
        }
        match record.get("data") {
            Some(data) => expected.insert(key, data.clone()),
            None => expected.remove(&key),
        };
    }
    assert_eq!(*world.rows.lock().unwrap(), expected);
    assert_eq!(store.outcome_count(PIPELINE).await.unwrap(), all.len() as u64);
    let poison: BTreeSet<String> = all.iter().filter(|key| is_poison(key)).cloned().collect();
    let dead = store.dead_letters(PIPELINE, 0, 1000).await.unwrap();
    assert_eq!(dead.into_iter().map(|letter| letter.key).collect::<BTreeSet<_>>(), poison);
    for key in &all {
        let status = store.outcomes_of(PIPELINE, key).await.unwrap()[0].status;
        assert_eq!(status == Status::Rejected, is_poison(key), "{key}");
        assert_eq!(status == Status::Skipped, is_skipped(key), "{key}");
    }
}

async fn holds(plan: Plan) {
    let (world, mut rig) = (World::new(plan.clone()), Rig::new());
    rig.job.settings.pages_in_flight = plan.pages_in_flight;
    for life in &plan.lives {
        live(&world, &mut rig, *life).await;
        nothing_before_the_cursor_is_undecided(&world, &rig).await;
    }
    // Faults run out, so one of these reaches the end.
    let mut done = false;
    for _ in 0..=plan.writes.len() + plan.read_fails.len() {
        done = live(&world, &mut rig, Life::Full).await;
        if done {
            break;
        }
        nothing_before_the_cursor_is_undecided(&world, &rig).await;
    }
    assert!(done, "it never reached the end");
    all_is_as_if_nothing_had_happened(&world, &rig.store).await;
}

fn writes() -> impl Strategy<Value = (Write, u64)> {
    let write = prop_oneof![
        3 => Just(Write::Well),
        2 => (0..6_usize, any::<bool>()).prop_map(|(after, stores_rest)| Write::Stops { after, stores_rest }),
        1 => any::<bool>().prop_map(|stores| Write::Fails { retryable: true, stores }),
        1 => any::<bool>().prop_map(|stores| Write::Fails { retryable: false, stores }),
    ];
    (write, 0..40_u64)
}

fn lives() -> impl Strategy<Value = Life> {
    let fault = prop_oneof![Just(Fault::CrashBefore), Just(Fault::CrashAfter), Just(Fault::Full)];
    prop_oneof![
        3 => (fault, 0..6_i64).prop_map(|(fault, due)| Life::Fault(fault, due)),
        1 => (0..200_u64).prop_map(Life::Stop),
        1 => Just(Life::Full),
    ]
}

prop_compose! {
    fn plans()(
        records in 0..50_usize,
        distinct in 1..40_usize,
        page_sizes in prop::collection::vec(1..9_usize, 1..5),
        overlap in 0..5_usize,
        pages_in_flight in 1..5_u32,
        writes in prop::collection::vec(writes(), 0..12),
        read_fails in prop::collection::vec(prop::option::weighted(0.2, any::<bool>()), 0..8),
        lives in prop::collection::vec(lives(), 0..5),
    ) -> Plan {
        Plan { records, distinct, page_sizes, overlap, pages_in_flight, writes, read_fails, lives }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_doubled(plan in plans()) {
        block_on(holds(plan));
    }
}

/// A crash on either side of every single commit.
#[test]
fn a_crash_at_every_commit_boundary() {
    for pages_in_flight in [1, 4] {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            for due in 0..10 {
                block_on(holds(Plan {
                    records: 40,
                    distinct: 40,
                    page_sizes: vec![4],
                    overlap: 2,
                    pages_in_flight,
                    writes: vec![],
                    read_fails: vec![],
                    lives: vec![Life::Fault(fault, due)],
                }));
            }
        }
    }
}
