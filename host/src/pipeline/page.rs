//! The work on one page after it was read: leave out what is settled, write the rest, repeat what was stopped.

use std::sync::Arc;
use std::time::Duration;

use super::batch::{Batch, Record};
use super::outcome::{self, Decision};
use super::patience::{GivenUp, Patience, Site};
use super::port::{Clock, Mode, Sink};
use crate::failure::Failure;
use crate::store::{Cause, Counts, DeadLetter, Entry, Op, PartitionId, Probe, Status, Store, Withdrawal};

/// What the work on pages needs.
pub(super) struct Desk<W, S, C> {
    pub(super) sink: Arc<W>,
    pub(super) store: Arc<S>,
    pub(super) site: Site<C>,
    /// None where the store knows nothing of the partition and may not learn of it (plan mode).
    pub(super) partition: Option<PartitionId>,
}

/// A page whose records have their outcomes, as far as they could be had.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) entries: Vec<Entry>,
    pub(super) dead_letters: Vec<DeadLetter>,
    pub(super) counts: Counts,
    pub(super) waited: Duration,
    /// Why some records have none.
    pub(super) given_up: Option<GivenUp>,
}

impl<W: Sink, S: Store, C: Clock> Desk<W, S, C> {
    /// Works on one page. Always returns what is known.
    pub(super) async fn work(&self, batch: Batch, page: u32) -> Written {
        let mut work = PageWork::new(batch);
        let mut patience = Patience::new(&self.site, u64::from(page));
        work.written.given_up = match self.leave_out_settled(&mut work).await {
            Ok(()) => self.write(&mut work, &mut patience).await.err(),
            Err(failure) => Some(GivenUp { failure, stopped: false }),
        };
        work.written.waited = patience.waited();
        work.written
    }

    async fn leave_out_settled(&self, work: &mut PageWork) -> Result<(), Failure> {
        if let Some(partition) = self.partition {
            let withdrawals = self.store.withdrawals(partition, work.probes()).await?;
            work.withdraw(&withdrawals);
            let mut answers = self.store.settled(partition, work.probes()).await?;
            // What the ledger says of a record from before its withdrawal no longer holds; and a delete is sent as often
            // as it is due.
            for (answer, withdrawal) in answers.iter_mut().zip(&withdrawals) {
                *answer &= *withdrawal == Withdrawal::Never;
            }
            work.settle(&answers);
        }
        work.skip();
        Ok(())
    }

    async fn write(&self, work: &mut PageWork, patience: &mut Patience<C>) -> Result<(), GivenUp> {
        let mode: Mode = self.site.job.mode;
        while work.waits() {
            let reply = self.sink.write(work.waiting_lines(), mode).await;
            let stopped = match reply {
                Ok(reply) => {
                    let fatal = |breach| GivenUp { failure: Failure::from(breach), stopped: false };
                    let decided = work.decide(&reply.outcomes, reply.stopped.is_some()).map_err(fatal)?;
                    if decided > 0 {
                        patience.progressed();
                    }
                    reply.stopped
                }
                Err(failure) => Some(failure),
            };
            // Bounded: either fewer records wait now, or patience comes nearer to its end.
            if let Some(failure) = stopped {
                patience.endure(failure).await?;
                work.written.counts.retried += work.waiting.iter().filter(|waits| **waits).count() as u64;
            }
        }
        Ok(())
    }
}

/// A page on its way.
struct PageWork {
    batch: Batch,
    /// By place: has no outcome yet.
    waiting: Vec<bool>,
    written: Written,
}

impl PageWork {
    fn new(batch: Batch) -> Self {
        let counts = Counts { read: batch.read(), replaced: batch.replaced, ..Counts::default() };
        Self {
            waiting: vec![true; batch.records.len()],
            written: Written {
                entries: Vec::with_capacity(batch.records.len()),
                dead_letters: Vec::new(),
                counts,
                waited: Duration::ZERO,
                given_up: None,
            },
            batch,
        }
    }

    fn waits(&self) -> bool {
        self.waiting.contains(&true)
    }

    fn waiting_lines(&self) -> String {
        self.batch.lines(|place| self.waiting.get(place).copied().unwrap_or(false))
    }

    fn probes(&self) -> Vec<Probe> {
        let probe = |record: &Record| Probe {
            key: Arc::clone(&record.key),
            time_ms: record.time_ms,
            digest: record.digest,
        };
        self.batch.records.iter().map(probe).collect()
    }

    /// Crosses off what had its outcome before.
    fn settle(&mut self, answers: &[bool]) {
        for (waits, settled) in self.waiting.iter_mut().zip(answers) {
            if *settled && *waits {
                *waits = false;
                self.written.counts.settled += 1;
            }
        }
    }

    /// Leaves out what was withdrawn after it had come to be: it was read before, or by someone else.
    fn withdraw(&mut self, withdrawals: &[Withdrawal]) {
        for ((record, waits), withdrawal) in self.batch.records.iter().zip(&mut self.waiting).zip(withdrawals)
        {
            if record.op == Op::Upsert && *withdrawal == Withdrawal::Standing {
                *waits = false;
                self.written.counts.count(Status::Skipped);
                let cause = Cause {
                    code: "withdrawn".to_owned(),
                    message: "the vendor's notice said that it was withdrawn".to_owned(),
                };
                self.written.entries.push(Entry { cause: Some(cause), ..entry(record, Status::Skipped) });
            }
        }
    }

    /// Records what the source's configuration keeps from the sink.
    fn skip(&mut self) {
        for (record, waits) in self.batch.records.iter().zip(&mut self.waiting) {
            if let Some(cause) = record.skip.as_ref().filter(|_| *waits) {
                *waits = false;
                self.written.counts.count(Status::Skipped);
                self.written
                    .entries
                    .push(Entry { cause: Some(cause.clone()), ..entry(record, Status::Skipped) });
            }
        }
    }

    /// Takes a reply in, and says how many outcomes it held.
    fn decide(&mut self, outcomes: &str, stopped: bool) -> Result<usize, super::breach::Breach> {
        let decisions = outcome::parse(outcomes, stopped, &self.batch.places, &mut self.waiting)?;
        let decided = decisions.len();
        for decision in decisions {
            self.record(decision);
        }
        Ok(decided)
    }

    fn record(&mut self, decision: Decision) {
        // The place was found among the batch's own.
        let Some(record) = self.batch.records.get(decision.place) else { return };
        self.written.counts.count(decision.status);
        if let (Status::Rejected, Some(cause)) = (decision.status, &decision.cause) {
            self.written.dead_letters.push(DeadLetter {
                key: Arc::clone(&record.key),
                time_ms: record.time_ms,
                record: self.batch.line(record).to_owned(),
                cause: cause.clone(),
            });
        }
        self.written.entries.push(Entry {
            target: decision.target,
            cause: decision.cause,
            notes: decision.notes,
            ..entry(record, decision.status)
        });
    }
}

fn entry(record: &Record, status: Status) -> Entry {
    Entry {
        key: Arc::clone(&record.key),
        time_ms: record.time_ms,
        op: record.op,
        digest: record.digest,
        status,
        target: None,
        cause: None,
        notes: Vec::new(),
    }
}
