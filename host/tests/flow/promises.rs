//! For random arrivals, withdrawals, page sizes, doubled and disordered notices, and crashes: what reaches the sink is
//! what LinkedIn holds, with the content that was given, and withdrawals last.
//!
//! The real component reads the sandbox; the sink is a recorder, and the process dies at a commit instead of by a
//! signal, so that hundreds of steps take seconds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice::assembly::{Assembly, Environment, Workshop, job};
use sluice::failure::Failure;
use sluice::manifest::{self, Override};
use sluice::pipeline::port::{Clock, Connect, Mode, NoticeRequest, Sink, WriteReply};
use sluice::pipeline::{Engine, Receiver, Stop, Verdict};
use sluice::runtime::{ComponentCache, OpenSource, Side};
use sluice::store::{
    Change, Lease, Notice, NoticeId, PageCommit, PartitionId, PartitionNote, Peek, Probe, Receipt, RunId,
    Slot, SqliteStore, Store, StoreError, Waiting, Withdrawal,
};
use sluice_sandbox::{Arrival, ExpectedResponse, Kind, Options};
use tokio::sync::Notify;

use crate::process::SCRATCH;
use crate::stage::{Stage, now_ms};

const ACCOUNT: u64 = 503_000_101;

/// Keeps what reaches it; the key decides.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<BTreeMap<String, Value>>>);

impl Sink for Recorder {
    async fn write(&self, batch: String, _: Mode) -> Result<WriteReply, Failure> {
        let mut rows = self.0.lock().unwrap();
        let outcome = |line: &str| {
            let record: Value = serde_json::from_str(line).unwrap();
            let key = record["key"].as_str().unwrap().to_owned();
            let status = if record["op"] == "delete" {
                rows.remove(&key);
                "deleted"
            } else {
                rows.insert(key.clone(), record["data"].clone());
                "upserted"
            };
            json!({"key": key, "status": status}).to_string()
        };
        let outcomes: Vec<String> = batch.lines().map(outcome).collect();
        Ok(WriteReply { outcomes: outcomes.join("\n"), stopped: None })
    }
}

struct Sides {
    source: Side,
    sink: Recorder,
}

impl Connect for Sides {
    type Source = OpenSource;
    type Sink = Recorder;

    async fn source(&self) -> Result<OpenSource, Failure> {
        self.source.open_source().await
    }

    async fn sink(&self) -> Result<Recorder, Failure> {
        Ok(self.sink.clone())
    }
}

/// The system's clock, ahead by what was waited for.
#[derive(Default)]
struct Ahead(AtomicU64);

impl Clock for Ahead {
    fn now_ms(&self) -> u64 {
        now_ms() + self.0.load(Ordering::Relaxed)
    }

    async fn sleep(&self, duration: Duration) {
        self.0.fetch_add(u64::try_from(duration.as_millis()).unwrap(), Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
}

/// A store whose process dies at one commit, before or after it is durable.
struct Mortal {
    inner: SqliteStore,
    /// Commits that go well before; negative for none that does not.
    left: AtomicI64,
    durable: bool,
    dead: Notify,
}

impl Store for Mortal {
    async fn take_over(&self, slot: &Slot) -> Result<Lease, StoreError> {
        self.inner.take_over(slot).await
    }

    async fn peek(&self, slot: &Slot) -> Result<Peek, StoreError> {
        self.inner.peek(slot).await
    }

    async fn settled(&self, partition: PartitionId, probes: Vec<Probe>) -> Result<Vec<bool>, StoreError> {
        self.inner.settled(partition, probes).await
    }

    async fn withdrawals(
        &self,
        partition: PartitionId,
        probes: Vec<Probe>,
    ) -> Result<Vec<Withdrawal>, StoreError> {
        self.inner.withdrawals(partition, probes).await
    }

    async fn receive(&self, pipeline: &str, changes: Vec<Change>, at_ms: u64) -> Result<Receipt, StoreError> {
        self.inner.receive(pipeline, changes, at_ms).await
    }

    async fn waiting(&self, pipeline: &str, stream: &str) -> Result<Vec<Waiting>, StoreError> {
        self.inner.waiting(pipeline, stream).await
    }

    async fn due(
        &self,
        partition: PartitionId,
        by_ms: u64,
        limit: u32,
    ) -> Result<(Vec<Notice>, Option<u64>), StoreError> {
        self.inner.due(partition, by_ms, limit).await
    }

    async fn put_off(&self, notices: Vec<(NoticeId, u64)>) -> Result<(), StoreError> {
        self.inner.put_off(notices).await
    }

    async fn commit(&self, page: PageCommit) -> Result<(), StoreError> {
        if self.left.fetch_sub(1, Ordering::Relaxed) != 0 {
            return self.inner.commit(page).await;
        }
        if self.durable {
            self.inner.commit(page).await?;
        }
        self.dead.notify_one();
        std::future::pending().await
    }

    async fn note(&self, notes: Vec<PartitionNote>) -> Result<(), StoreError> {
        self.inner.note(notes).await
    }

    async fn start_run(&self, pipeline: &str, at_ms: u64) -> Result<RunId, StoreError> {
        self.inner.start_run(pipeline, at_ms).await
    }

    async fn finish_run(
        &self,
        run: RunId,
        at_ms: u64,
        verdict: &str,
        report: String,
    ) -> Result<(), StoreError> {
        self.inner.finish_run(run, at_ms, verdict, report).await
    }
}

/// How a process is set up, and when it dies.
#[derive(Debug, Clone)]
struct Life {
    page_size: u64,
    page_records: u64,
    pages_in_flight: u64,
    dies: Option<(i64, bool)>,
}

#[derive(Debug, Clone)]
enum Step {
    Arrive(u64),
    Withdraw(prop::sample::Index),
    Again(prop::sample::Index),
    /// One of all notices so far, so that any comes late, early, twice or never.
    Notice(prop::sample::Index),
    Run(Life),
    Deliver(Life),
    /// LinkedIn's set moves while its pages are read.
    Restless {
        insert: u64,
        delete: u64,
    },
}

/// One pipeline over its lives.
struct World {
    stage: Stage,
    store: SqliteStore,
    rows: Recorder,
    clock: Arc<Ahead>,
}

fn workshop() -> &'static Workshop {
    static WORKSHOP: OnceLock<Workshop> = OnceLock::new();
    WORKSHOP.get_or_init(|| {
        Workshop::new(ComponentCache::open(Path::new(SCRATCH).join("components")).ok()).unwrap()
    })
}

impl World {
    fn new() -> Self {
        let options = Options { responses: 12, accounts: 1, days: 3, ..Options::default() };
        Self {
            stage: Stage::start_now(options),
            store: SqliteStore::in_memory().unwrap(),
            rows: Recorder::default(),
            clock: Arc::default(),
        }
    }

    fn assemble(&self, life: &Life) -> (manifest::Pipeline, Assembly) {
        let overrides = [
            "source.config.settle_s=0".to_owned(),
            format!("source.config.page_size={}", life.page_size),
            format!("limits.page_records={}", life.page_records),
            format!("limits.pages_in_flight={}", life.pages_in_flight),
        ];
        let overrides: Vec<Override> = overrides.iter().map(|text| Override::split(text).unwrap()).collect();
        let secret = |name: &str| self.stage.secret(name);
        // Components describe themselves on the runtime that is current.
        self.stage.block_on(async {
            let path = self.stage.path("manifest.toml");
            let (pipeline, _) = manifest::load(&path, &secret, &overrides, workshop()).unwrap();
            let assembly = Assembly::new(&pipeline, workshop(), &Environment(&secret)).unwrap();
            (pipeline, assembly)
        })
    }

    /// Runs or delivers until the end, or until the process dies.
    fn live(&self, life: &Life, run: bool) -> Option<Verdict> {
        let (pipeline, assembly) = self.assemble(life);
        let (left, durable) = life.dies.unwrap_or((-1, false));
        let mortal =
            Arc::new(Mortal { inner: self.store.clone(), left: left.into(), durable, dead: Notify::new() });
        let engine = Engine {
            connect: Arc::new(Sides { source: assembly.connect.source, sink: self.rows.clone() }),
            store: Arc::clone(&mortal),
            clock: Arc::clone(&self.clock),
            progress: Arc::new(()),
        };
        let job = Arc::new(job(&pipeline, Mode::Apply, 7));
        self.stage.block_on(async {
            let stop = Stop::never();
            let work =
                async { if run { engine.run(&job, &stop).await } else { engine.deliver(&job, &stop).await } };
            tokio::select! {
                report = work => Some(report.verdict()),
                () = mortal.dead.notified() => None,
            }
        })
    }

    /// Hands a notice to the component and the store, as the vendor would.
    fn receive(&self, request: &str) {
        let (pipeline, assembly) = self.assemble(&PLAIN);
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let request = NoticeRequest {
            method: "POST".to_owned(),
            query: String::new(),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
            body: body.as_bytes().to_vec(),
        };
        let answer = self.stage.block_on(async {
            let webhook = assembly.connect.source.open_webhook().await.unwrap();
            let receiver = Receiver {
                webhook,
                store: Arc::new(self.store.clone()),
                clock: Arc::new(Patient),
                pipeline: pipeline.name.as_str().into(),
            };
            receiver.handle(request).await
        });
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn notices(&self) -> Vec<String> {
        self.stage.sandbox.notices(0, true).into_iter().map(|notice| notice.request).collect()
    }

    fn step(&self, step: Step) {
        let sandbox = &self.stage.sandbox;
        match step {
            Step::Arrive(count) => {
                sandbox.arrive(&Arrival { owner: ACCOUNT, kind: Kind::Sponsored, count }).unwrap();
            }
            Step::Withdraw(pick) => {
                let held: Vec<ExpectedResponse> = sandbox.expected().collect();
                if !held.is_empty() {
                    sandbox.withdraw(&pick.get(&held).id).unwrap();
                }
            }
            Step::Again(pick) => {
                let held: Vec<ExpectedResponse> = sandbox.expected().collect();
                if !held.is_empty() {
                    sandbox.reregister(&pick.get(&held).id).unwrap();
                }
            }
            Step::Notice(pick) => {
                let notices = self.notices();
                if !notices.is_empty() {
                    self.receive(notices[pick.index(notices.len())].as_str());
                }
            }
            Step::Run(life) => drop(self.live(&life, true)),
            Step::Deliver(life) => drop(self.live(&life, false)),
            Step::Restless { insert, delete } => {
                let moves = json!({"insert_between_pages": insert, "delete_between_pages": delete});
                self.stage.faults(&json!({"linkedin": moves}));
            }
        }
    }

    /// The vendor's last notices arrive, and the process lives on for a while.
    fn settle(&self) {
        self.step(Step::Restless { insert: 0, delete: 0 });
        for notice in self.notices() {
            self.receive(&notice);
        }
        for _ in 0..3 {
            assert_eq!(self.live(&PLAIN, true), Some(Verdict::Landed));
            self.clock.0.fetch_add(16 * 60_000, Ordering::Relaxed);
        }
    }

    fn assert_equal(&self) {
        let held: BTreeMap<String, ExpectedResponse> = self
            .stage
            .sandbox
            .expected()
            .filter(|response| !response.test_lead)
            .map(|response| (response.id.clone(), response))
            .collect();
        let rows = self.rows.0.lock().unwrap();
        let keys = |map: &mut dyn Iterator<Item = &String>| map.cloned().collect::<Vec<_>>();
        assert_eq!(keys(&mut rows.keys()), keys(&mut held.keys()));
        for (key, row) in rows.iter() {
            let response = &held[key];
            let answer = |field: &str| {
                let answers = row["answers"].as_array().unwrap();
                let found = answers.iter().find(|answer| answer["predefined_field"] == field);
                found.map(|answer| answer["text"].as_str().unwrap().to_owned())
            };
            assert_eq!(row["submitted_at_ms"], response.submitted_at, "{key}");
            assert_eq!(answer("EMAIL").as_deref(), Some(response.email.as_str()), "{key}");
            assert_eq!(answer("LAST_NAME").as_deref(), Some(response.last_name.as_str()), "{key}");
        }
    }
}

/// Never late: what takes too long is another test's.
struct Patient;

impl Clock for Patient {
    fn now_ms(&self) -> u64 {
        now_ms()
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending::<()>().await;
    }
}

const PLAIN: Life = Life { page_size: 100, page_records: 1000, pages_in_flight: 8, dies: None };

fn lives() -> impl Strategy<Value = Life> {
    let dies = prop::option::weighted(0.5, (0..5_i64, any::<bool>()));
    (2..12_u64, 1..20_u64, 1..5_u64, dies).prop_map(|(page_size, page_records, pages_in_flight, dies)| Life {
        page_size,
        page_records,
        pages_in_flight,
        dies,
    })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..25_u64).prop_map(Step::Arrive),
        2 => any::<prop::sample::Index>().prop_map(Step::Withdraw),
        1 => any::<prop::sample::Index>().prop_map(Step::Again),
        4 => any::<prop::sample::Index>().prop_map(Step::Notice),
        4 => lives().prop_map(Step::Run),
        1 => lives().prop_map(Step::Deliver),
        1 => (0..3_u64, 0..4_u64).prop_map(|(insert, delete)| Step::Restless { insert, delete }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 16, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn what_reaches_the_sink_is_what_linkedin_holds(steps in prop::collection::vec(steps(), 1..16)) {
        let world = World::new();
        for step in steps {
            world.step(step);
        }
        world.settle();
        world.assert_equal();
    }
}
