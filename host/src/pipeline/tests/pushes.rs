//! Notices: what is pushed and what is pulled end in the same rows, deletions last, whatever comes first or twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::rig::*;
use crate::failure::Failure;
use crate::pipeline::port::{
    Clock, NoticeReply, NoticeRequest, Page, ReadRequest, Subscription, Webhook, WriteReply,
};
use crate::pipeline::{End, Engine, Receiver, RunReport, Stop, Verdict};
use crate::store::{Change, Op, Receipt, SqliteStore, Status, Store};

const PARTITION: &str = "a";

fn change(key: &str, op: Op, time_ms: u64) -> Change {
    Change { stream: STREAM.into(), partition: PARTITION.into(), key: key.into(), op, time_ms }
}

/// The vendor and the destination: what the one holds now, and the rows of the other.
#[derive(Default)]
struct World {
    /// By key: the time at which it was submitted, and its content.
    held: Mutex<BTreeMap<String, (u64, u64)>>,
    /// Notices that the vendor has yet to send.
    notices: Mutex<Vec<Change>>,
    rows: Mutex<BTreeMap<String, Value>>,
    time: AtomicU64,
    clock: OnceLock<Arc<TestClock>>,
    /// What happens in the middle of the next writes, between what was read and its row.
    mid_write: Mutex<Vec<Option<usize>>>,
}

impl World {
    fn tick(&self) -> u64 {
        self.time.fetch_add(1, Ordering::Relaxed) + 1_000
    }

    /// A new record, or one that comes anew under the key that it had.
    fn arrive(&self, key: &str) {
        let time = self.tick();
        self.held.lock().unwrap().insert(key.to_owned(), (time, time));
        self.notices.lock().unwrap().push(change(key, Op::Upsert, time));
    }

    /// Withdraws one of those that are held, and returns its notice.
    fn withdraw(&self, pick: usize) -> Option<Change> {
        let mut held = self.held.lock().unwrap();
        let key = held.keys().nth(pick % held.len().max(1))?.clone();
        held.remove(&key);
        Some(change(&key, Op::Delete, self.tick()))
    }

    fn line(key: &str, (time, value): (u64, u64)) -> String {
        json!({"key": key, "op": "upsert", "stream": STREAM, "time": time, "data": {"value": value}})
            .to_string()
    }

    /// Two records a page, oldest first, with those of the last moments again.
    fn read(&self, request: &ReadRequest) -> Page {
        let from: u64 = request.cursor.as_ref().map_or(0, |cursor| cursor.parse().unwrap());
        let held = self.held.lock().unwrap();
        let mut found: Vec<_> = held.iter().filter(|(_, (time, _))| *time + 3 > from).collect();
        found.sort_by_key(|(_, (time, _))| *time);
        let fresh = found.iter().filter(|(_, (time, _))| *time > from).count();
        let records: Vec<_> = found.iter().take(found.len() - fresh + 2).collect();
        let cursor = records.last().map_or(from, |(_, (time, _))| from.max(*time));
        let lines: Vec<String> = records.iter().map(|(key, held)| Self::line(key, **held)).collect();
        Page { records: lines.join("\n"), cursor: cursor.to_string(), more: fresh > 2, ..Page::default() }
    }

    fn fetch(&self, keys: &[String]) -> Page {
        let held = self.held.lock().unwrap();
        let lines: Vec<String> =
            keys.iter().filter_map(|key| Some(Self::line(key, *held.get(key)?))).collect();
        Page { records: lines.join("\n"), ..Page::default() }
    }

    fn write(&self, batch: &str) -> WriteReply {
        let mut rows = self.rows.lock().unwrap();
        let outcome = |line: &str| {
            let record: Value = serde_json::from_str(line).unwrap();
            let key = record["key"].as_str().unwrap().to_owned();
            let status = if record["op"] == "delete" {
                rows.remove(&key);
                "deleted"
            } else {
                rows.insert(key.clone(), record["data"]["value"].clone());
                "upserted"
            };
            json!({"key": key, "status": status}).to_string()
        };
        WriteReply { outcomes: batch.lines().map(outcome).collect::<Vec<_>>().join("\n"), stopped: None }
    }

    fn wanted(&self) -> BTreeMap<String, Value> {
        self.held.lock().unwrap().iter().map(|(key, (_, value))| (key.clone(), json!(value))).collect()
    }
}

/// A process that runs and delivers, on a store of its own making.
struct Process<S: Store> {
    engine: Engine<FakeConnect, S, TestClock>,
}

impl<S: Store> Process<S> {
    fn new(world: &Arc<World>, store: Arc<S>, shared: &SqliteStore) -> Self {
        let (reading, fetching, writing) = (Arc::clone(world), Arc::clone(world), Arc::clone(world));
        let mut source = source(move |request| Ok(reading.read(&request)));
        source.fetch = Arc::new(move |keys| std::future::ready(Ok(fetching.fetch(&keys))).boxed());
        let shared = shared.clone();
        let write = move |batch: String, _| {
            let (world, shared) = (Arc::clone(&writing), shared.clone());
            async move {
                let racing = world.mid_write.lock().unwrap().pop().flatten();
                if let Some(notice) = racing.and_then(|pick| world.withdraw(pick)) {
                    race(&world, &shared, notice).await;
                }
                Ok(world.write(&batch))
            }
            .boxed()
        };
        let connect = FakeConnect { source, sink: FakeSink(Arc::new(write)), failures: Mutex::default() };
        let progress = Arc::new(Witness::default());
        let clock = Arc::clone(world.clock.get_or_init(TestClock::new));
        Self { engine: Engine { connect: Arc::new(connect), store, clock, progress } }
    }

    async fn run(&self) -> RunReport {
        self.engine.run(&Arc::new(job()), &Stop::never()).await
    }

    async fn deliver(&self) -> RunReport {
        self.engine.deliver(&Arc::new(job()), &Stop::never()).await
    }
}

/// Another process hears of a withdrawal and carries it out while this one is about to write what it read before.
async fn race(world: &Arc<World>, store: &SqliteStore, notice: Change) {
    store.receive(PIPELINE, vec![notice.clone()], 5_000).await.unwrap();
    world.rows.lock().unwrap().remove(&notice.key);
    let other = Process::new(world, Arc::new(store.clone()), store);
    Box::pin(other.deliver()).await;
}

#[derive(Debug, Clone)]
enum Step {
    Arrive,
    /// A key that was withdrawn or is held comes anew.
    Again(usize),
    Withdraw(usize),
    /// The vendor sends one of its notices, in any order, and perhaps keeps it to send it again.
    Notice {
        pick: usize,
        again: bool,
    },
    Deliver,
    Run {
        fault: Option<(Fault, i64)>,
        mid_write: Vec<Option<usize>>,
    },
}

fn steps() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![Just(Fault::CrashBefore), Just(Fault::CrashAfter), Just(Fault::Full)];
    let racing = prop::collection::vec(prop::option::weighted(0.3, any::<usize>()), 0..4);
    prop_oneof![
        4 => Just(Step::Arrive),
        1 => any::<usize>().prop_map(Step::Again),
        2 => any::<usize>().prop_map(Step::Withdraw),
        5 => (any::<usize>(), any::<bool>()).prop_map(|(pick, again)| Step::Notice { pick, again }),
        2 => Just(Step::Deliver),
        3 => (prop::option::weighted(0.4, (fault, 0..4_i64)), racing)
            .prop_map(|(fault, mid_write)| Step::Run { fault, mid_write }),
    ]
}

async fn step(world: &Arc<World>, store: &SqliteStore, step: Step, number: usize) {
    match step {
        Step::Arrive => world.arrive(&format!("k{number}")),
        Step::Again(pick) => world.arrive(&format!("k{}", pick % (number + 1))),
        Step::Withdraw(pick) => {
            if let Some(notice) = world.withdraw(pick) {
                world.notices.lock().unwrap().push(notice);
            }
        }
        Step::Notice { pick, again } => {
            let notice = {
                let mut notices = world.notices.lock().unwrap();
                if notices.is_empty() {
                    return;
                }
                let at = pick % notices.len();
                if again { notices[at].clone() } else { notices.swap_remove(at) }
            };
            store.receive(PIPELINE, vec![notice], 5_000).await.unwrap();
        }
        Step::Deliver => drop(Process::new(world, Arc::new(store.clone()), store).deliver().await),
        Step::Run { fault, mid_write } => {
            *world.mid_write.lock().unwrap() = mid_write;
            let (fault, due) = fault.unwrap_or((Fault::Full, -1));
            let faulty = FaultyStore::new(store, fault, due);
            let process = Process::new(world, Arc::clone(&faulty), store);
            tokio::select! {
                _ = process.run() => {}
                () = faulty.crashed.notified() => {}
            }
            world.mid_write.lock().unwrap().clear();
        }
    }
}

async fn ends_as_the_vendor_has_it(steps: Vec<Step>) {
    let (world, store) = (Arc::new(World::default()), SqliteStore::in_memory().unwrap());
    let before = store.peek(&job().slot(&partition(PARTITION))).await.unwrap().cursor;
    assert_eq!(before, None);
    for (number, each) in steps.into_iter().enumerate() {
        step(&world, &store, each, number).await;
    }
    let rest = std::mem::take(&mut *world.notices.lock().unwrap());
    // A notice that is sent again and again arrives at last.
    store.receive(PIPELINE, rest, 5_000).await.unwrap();
    let process = Process::new(&world, Arc::new(store.clone()), &store);
    for _ in 0..3 {
        let report = process.run().await;
        assert_eq!(report.verdict(), Verdict::Landed, "{report:?}");
        // Until the second time of each delete has come.
        tokio::time::sleep(Duration::from_mins(16)).await;
    }
    assert_eq!(*world.rows.lock().unwrap(), world.wanted());
    assert_eq!(store.waiting(PIPELINE, STREAM).await.unwrap(), vec![]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pushes_and_pulls_end_as_the_vendor_has_it(steps in prop::collection::vec(steps(), 0..40)) {
        block_on(ends_as_the_vendor_has_it(steps));
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_is_not_sent_again_by_the_pull_and_moves_no_cursor() {
    let (world, store) = (Arc::new(World::default()), SqliteStore::in_memory().unwrap());
    world.arrive("k");
    let notice = world.notices.lock().unwrap().pop().unwrap();
    store.receive(PIPELINE, vec![notice], 1).await.unwrap();
    let process = Process::new(&world, Arc::new(store.clone()), &store);
    let report = process.deliver().await;
    assert_eq!((report.counts.upserted, report.verdict()), (1, Verdict::Landed));
    let slot = job().slot(&partition(PARTITION));
    assert_eq!(store.peek(&slot).await.unwrap().cursor, None, "only a pull moves it");
    let pull = process.run().await;
    assert_eq!((pull.counts.upserted, pull.counts.settled), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_shows_late_is_asked_for_again_and_one_that_never_shows_is_kept_with_its_cause() {
    let (world, store) = (Arc::new(World::default()), SqliteStore::in_memory().unwrap());
    let process = Process::new(&world, Arc::new(store.clone()), &store);
    let start = process.engine.clock.now_ms();
    let notices = ["late", "never"].map(|key| change(key, Op::Upsert, start));
    store.receive(PIPELINE, notices.to_vec(), start).await.unwrap();
    let showing = async {
        tokio::time::sleep(Duration::from_secs(6)).await;
        world.held.lock().unwrap().insert("late".to_owned(), (start, 1));
    };
    let (report, ()) = tokio::join!(process.deliver(), showing);
    assert_eq!(report.counts.upserted, 1, "the delivery waits for what is due soon: {report:?}");
    let waiting = store.waiting(PIPELINE, STREAM).await.unwrap();
    assert_eq!(waiting.first().map(|waiting| waiting.notices), Some(1));

    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(299)).await;
        process.deliver().await;
    }
    let outcomes = store.outcomes_of(PIPELINE, "never").await.unwrap();
    let kept: Vec<_> =
        outcomes.iter().map(|row| (row.status, row.cause.as_ref().unwrap().code.as_str())).collect();
    assert_eq!(kept, [(Status::Skipped, "not_found")]);
    assert_eq!(store.waiting(PIPELINE, STREAM).await.unwrap(), vec![]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_sink_leaves_the_notice_due() {
    let store = SqliteStore::in_memory().unwrap();
    store.receive(PIPELINE, vec![change("k", Op::Delete, 7)], 1).await.unwrap();
    let failing = sink(|_, _| Err(Failure::fatal("broken")));
    let source = source(|_| Ok(Page { cursor: "end".into(), ..Page::default() }));
    let connect = Arc::new(FakeConnect { source, sink: failing, failures: Mutex::default() });
    let progress = Arc::new(Witness::default());
    let engine = Engine { connect, store: Arc::new(store.clone()), clock: TestClock::new(), progress };
    let report = engine.deliver(&Arc::new(job()), &Stop::never()).await;
    assert!(matches!(report.pushed[0].tick.as_ref().unwrap().end, End::Failed(_)), "{report:?}");
    assert_eq!(report.verdict(), Verdict::Failed);
    assert_eq!(store.waiting(PIPELINE, STREAM).await.unwrap()[0].notices, 1);
}

/// A webhook made of one reply.
struct Judge(Result<NoticeReply, Failure>, Duration);

impl Webhook for Judge {
    async fn receive(&self, _: NoticeRequest) -> Result<NoticeReply, Failure> {
        tokio::time::sleep(self.1).await;
        self.0.clone()
    }

    async fn subscribe(&self, _: &str, _: Option<&str>) -> Result<Vec<Subscription>, Failure> {
        Ok(Vec::new())
    }

    async fn unsubscribe(&self, ids: Vec<String>) -> Result<Vec<String>, Failure> {
        Ok(ids)
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, Failure> {
        Ok(Vec::new())
    }
}

async fn answer_of(judge: Judge, body: usize) -> (u16, Receipt, u64) {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let clock = TestClock::new();
    let receiver = Receiver {
        webhook: judge,
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        pipeline: PIPELINE.into(),
    };
    let start = clock.now_ms();
    let request = NoticeRequest { body: vec![b'x'; body], ..NoticeRequest::default() };
    let answer = receiver.handle(request).await;
    assert!(clock.now_ms() - start < 3_000, "the vendor gives three seconds");
    let kept = store.waiting(PIPELINE, STREAM).await.unwrap().iter().map(|waiting| waiting.notices).sum();
    (answer.status, answer.receipt, kept)
}

fn reply(status: u16, changes: &str) -> Result<NoticeReply, Failure> {
    Ok(NoticeReply { status, changes: changes.to_owned(), ..NoticeReply::default() })
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_what_the_component_names_and_nothing_when_it_refuses() {
    let changes = format!(
        "{{\"stream\":\"{STREAM}\",\"partition\":\"a\",\"key\":\"k\",\"op\":\"upsert\",\"time\":5}}\n\
         {{\"stream\":\"{STREAM}\",\"key\":\"k\",\"op\":\"delete\",\"time\":6}}\n"
    );
    let at_once = Duration::ZERO;
    let (status, receipt, kept) = answer_of(Judge(reply(202, &changes), at_once), 10).await;
    assert_eq!((status, receipt.new, kept), (202, 2, 2));
    for (judge, body, expected) in [
        (Judge(reply(401, ""), at_once), 10, 401),
        (Judge(reply(200, "{}"), at_once), 10, 500),
        (Judge(reply(200, "no json"), at_once), 10, 500),
        (Judge(Err(retryable(None)), at_once), 10, 503),
        (Judge(Err(Failure::fatal("broken")), at_once), 10, 500),
        (Judge(reply(200, &changes), Duration::from_secs(60)), 10, 503),
        (Judge(reply(200, &changes), at_once), (1 << 20) + 1, 413),
    ] {
        let (status, receipt, kept) = answer_of(judge, body).await;
        assert_eq!((status, receipt, kept), (expected, Receipt::default(), 0));
    }
}
