//! Runs: partitions side by side, isolated from one another; verdicts; what is recorded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::rig::*;
use crate::failure::{Detail, Failure};
use crate::pipeline::port::{Mode, Page, Partition, PartitionState};
use crate::pipeline::{End, Engine, Job, RunReport, Stop, Stopper, Verdict};
use crate::store::SqliteStore;

struct Runner {
    engine: Engine<FakeConnect, SqliteStore, TestClock>,
    witness: Arc<Witness>,
    job: Job,
}

impl Runner {
    /// Each partition gives one page, or the failure named for it.
    fn new(partitions: Vec<Partition>, failures: HashMap<&'static str, Failure>, sink: FakeSink) -> Self {
        let mut source = source(move |request| match failures.get(&*request.partition) {
            Some(failure) => Err(failure.clone()),
            None if &*request.partition == "panics" => panic!("on purpose"),
            None => {
                let records = envelope(&format!("{}-1", request.partition), 1, 1);
                Ok(Page { records, cursor: "end".into(), ..Page::default() })
            }
        });
        source.partitions = partitions;
        let witness = Arc::new(Witness::default());
        let engine = Engine {
            connect: Arc::new(FakeConnect { source, sink, failures: Mutex::default() }),
            store: Arc::new(SqliteStore::in_memory().unwrap()),
            clock: TestClock::new(),
            progress: Arc::<Witness>::clone(&witness),
        };
        Self { engine, witness, job: job() }
    }

    async fn run(&self) -> RunReport {
        self.engine.run(&Arc::new(self.job.clone()), &Stop::never()).await
    }
}

fn invalid() -> Failure {
    Failure::Invalid { detail: Detail::new("no such table"), path: "/table".into() }
}

#[tokio::test(start_paused = true)]
async fn one_partition_that_fails_stops_no_other() {
    let mut listed: Vec<Partition> = ["a", "b", "panics", "c"].map(partition).to_vec();
    let mut closed = partition("d");
    closed.state = PartitionState::Forbidden;
    closed.message = Some("ask for the role".into());
    listed.push(closed);
    let forbidden = Failure::Forbidden { detail: Detail::new("no right"), missing: "r_leads".into() };
    let runner = Runner::new(listed, HashMap::from([("b", forbidden.clone())]), taking_sink().0);
    let report = runner.run().await;

    let ends: Vec<_> =
        report.partitions.iter().map(|partition| partition.tick.as_ref().map(|tick| &tick.end)).collect();
    assert_eq!(
        (ends[0], ends[1], ends[3], ends[4]),
        (Some(&End::Done), Some(&End::Failed(forbidden)), Some(&End::Done), None)
    );
    assert!(matches!(ends[2], Some(End::Failed(Failure::Fatal(_)))), "{ends:?}");
    assert_eq!(report.partitions[4].message.as_deref(), Some("ask for the role"));
    assert_eq!((report.counts.created, report.verdict()), (2, Verdict::Failed));
    assert_eq!(runner.witness.0.lock().unwrap()[0], "listed 5");

    let kept = runner.engine.store.partitions(PIPELINE).await.unwrap();
    let states: Vec<_> =
        kept.iter().map(|row| (row.partition.as_str(), row.state.as_deref().unwrap())).collect();
    assert_eq!(
        states,
        [("a", "active"), ("b", "forbidden"), ("c", "active"), ("d", "forbidden"), ("panics", "fatal")]
    );
    let run = runner.engine.store.runs(PIPELINE, 10).await.unwrap().remove(0);
    assert_eq!((run.verdict.as_deref(), run.finished_ms.is_some()), (Some("failed"), true));
    let text = run.report.unwrap();
    assert!(text.contains(r#""missing":"r_leads""#) && !text.contains("secret"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_configuration_starts_no_further_partition() {
    let mut runner = Runner::new(
        ["a", "b", "c"].map(partition).to_vec(),
        HashMap::from([("a", invalid())]),
        taking_sink().0,
    );
    runner.job.settings.partitions_in_flight = 1;
    let report = runner.run().await;
    assert!(report.partitions[1].tick.is_none() && report.partitions[2].tick.is_none());
    let message = report.partitions[1].message.as_deref().unwrap();
    assert_eq!(message, "not started: the configuration was refused for another partition");
    assert_eq!(report.verdict(), Verdict::Failed);
}

#[tokio::test(start_paused = true)]
async fn opening_is_repeated_and_its_failure_reported() {
    let runner = Runner::new(vec![partition("a")], HashMap::new(), taking_sink().0);
    *runner.engine.connect.failures.lock().unwrap() = vec![retryable(None), retryable(None)];
    assert_eq!(runner.run().await.verdict(), Verdict::Landed);

    *runner.engine.connect.failures.lock().unwrap() = vec![invalid()];
    let report = runner.run().await;
    let failure = report.failure.as_ref().unwrap();
    assert_eq!((failure.kind, failure.path.as_deref()), ("invalid", Some("/table")));
    assert_eq!(report.verdict(), Verdict::NothingStarted);
}

#[tokio::test(start_paused = true)]
async fn verdicts() {
    let verdict = |listed: Vec<Partition>, sink: FakeSink| async move {
        Runner::new(listed, HashMap::new(), sink).run().await.verdict()
    };
    let rejecting = sink(|keys, _| {
        let mut reply = created(keys);
        reply.outcomes =
            reply.outcomes.replace(r#""created""#, r#""rejected","cause":{"code":"1","message":"too long"}"#);
        Ok(reply)
    });
    assert_eq!(verdict(vec![partition("a")], taking_sink().0).await, Verdict::Landed);
    assert_eq!(verdict(vec![partition("a")], rejecting).await, Verdict::DeadLetters);
    assert_eq!(verdict(vec![], taking_sink().0).await, Verdict::Landed);
    let mut closed = partition("a");
    closed.state = PartitionState::Forbidden;
    assert_eq!(verdict(vec![closed.clone()], taking_sink().0).await, Verdict::NothingStarted);
    assert_eq!(verdict(vec![closed, partition("b")], taking_sink().0).await, Verdict::Landed);
    let twice =
        Runner::new(vec![partition("a"), partition("a")], HashMap::new(), taking_sink().0).run().await;
    assert!(twice.failure.unwrap().message.contains("partition 2 of its list has the id of an earlier one"));
}

#[tokio::test(start_paused = true)]
async fn the_asked_for_end_starts_no_further_partition() {
    let (stopper, stop) = Stopper::new();
    let stopping = sink(move |keys, _| {
        stopper.stop();
        Ok(created(keys))
    });
    let mut runner = Runner::new(["a", "b"].map(partition).to_vec(), HashMap::new(), stopping);
    runner.job.settings.partitions_in_flight = 1;
    let report = runner.engine.run(&Arc::new(runner.job.clone()), &stop).await;
    assert_eq!(report.partitions[0].tick.as_ref().unwrap().end, End::Done, "it had nothing more to do");
    assert!(report.partitions[1].tick.is_none());
    assert_eq!((report.stopped, report.verdict()), (true, Verdict::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_plan_records_no_run() {
    let mut runner = Runner::new(vec![partition("a")], HashMap::new(), taking_sink().0);
    runner.job.mode = Mode::Plan;
    let report = runner.run().await;
    assert_eq!((report.mode, report.run, report.counts.created), ("plan", None, 1));
    assert!(runner.engine.store.runs(PIPELINE, 10).await.unwrap().is_empty());
    assert!(!runner.engine.store.knows(PIPELINE).await.unwrap());
}
