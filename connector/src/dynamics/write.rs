//! One batch into the lead table.

use std::rc::Rc;

use futures_util::future::join;
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde::ser::{Serialize, SerializeMap, Serializer};
use uuid::Uuid;

use super::api::KEY;
use super::batch::{self, Outcomes, Record, broken, cause, outcome};
use super::bulk::{Decision, Piece, Progress, Verdict};
use super::config::ExistingRows;
use super::errors::{CallError, Class, Refused};
use super::existing::{Existing, existing};
use super::metadata;
use super::scrub::Scrubber;
use super::sink::{Lead, Sink};
use crate::capabilities::Capabilities;
use crate::failure::Failure;
use crate::mapping::{self, Row};
use crate::record::{Outcome, Status};

const WHAT: &str = "writing leads";
const ROW_TYPE: &str = "Microsoft.Dynamics.CRM.lead";

/// Whether a call may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Say what would be done.
    Plan,
    /// Do it.
    Apply,
}

/// What one write returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteReply {
    /// One line of JSON per record whose fate is known: [`Outcome`].
    pub outcomes: String,
    /// Why the others have none; none exactly when every record has an outcome.
    pub stopped: Option<Failure>,
}

impl<C: Capabilities> Sink<C> {
    /// Writes one batch: newline-delimited envelopes of lead responses, no key twice.
    ///
    /// # Errors
    ///
    /// A failure where no record's fate is known. Where some are, it is [`WriteReply::stopped`].
    pub async fn write(&self, batch: &str, mode: Mode) -> Result<WriteReply, Failure> {
        let mut outcomes = Outcomes::default();
        let records = batch::parse(batch, &self.config.id_namespace, &mut outcomes)?;
        let stopped = self.write_records(&records, mode, &mut outcomes).await.err();
        match stopped {
            Some(failure) if outcomes.is_empty() => Err(failure),
            stopped => outcomes.reply(stopped),
        }
    }

    async fn write_records(
        &self,
        records: &[Record<'_>],
        mode: Mode,
        outcomes: &mut Outcomes,
    ) -> Result<(), Failure> {
        if records.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = records.iter().map(|record| record.id).collect();
        let (lead, fresh, existing) = self.learn(&ids).await?;
        lead.usable()?;
        let rows = Rows::build(records, &lead, &existing, self.config.existing_rows, outcomes)?;
        if mode == Mode::Plan {
            return rows.all(outcomes);
        }
        let progress = Progress::new(rows.pending.len(), self.config.rows_per_request);
        let delivery = Delivery {
            sink: self,
            lead,
            fresh,
            rows,
            progress,
            outcomes,
            suspects: Vec::new(),
            stopped: None,
        };
        delivery.run().await
    }
}

impl<C: Capabilities> Sink<C> {
    /// What the table is like, whether that was read just now, and which rows exist: at once, within the bound on
    /// requests in flight.
    async fn learn(&self, ids: &[Uuid]) -> Result<(Rc<Lead>, bool, Existing), Failure> {
        let in_flight = self.config.requests_in_flight;
        match in_flight.checked_sub(metadata::REQUESTS) {
            Some(rest) if rest > 0 && !self.knows_lead() => {
                let (lead, existing) = join(self.lead(), existing(self, ids, rest)).await;
                let (lead, fresh) = lead?;
                Ok((lead, fresh, existing?))
            }
            _ => {
                let (lead, fresh) = self.lead().await?;
                Ok((lead, fresh, existing(self, ids, in_flight).await?))
            }
        }
    }
}

/// What a row needs beside its bytes.
struct Pending<'r> {
    record: &'r Record<'r>,
    status: Status,
    notes: Vec<String>,
}

/// The rows to be sent: each one serialised once, separated by commas, so that any run of them is one slice.
struct Rows<'r> {
    bytes: Vec<u8>,
    /// Where each row's JSON stands in `bytes`.
    spans: Vec<(usize, usize)>,
    pending: Vec<Pending<'r>>,
}

/// One item of `Targets`.
struct Item<'r> {
    id: &'r str,
    row: &'r Row<'r>,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("@odata.type", ROW_TYPE)?;
        map.serialize_entry(KEY, self.id)?;
        for (name, value) in self.row.columns() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'r> Rows<'r> {
    /// Maps what has to be sent. Rows that stay as they are, and records that cannot become a row, get their outcome.
    fn build(
        records: &'r [Record<'r>],
        lead: &Lead,
        existing: &Existing,
        policy: ExistingRows,
        outcomes: &mut Outcomes,
    ) -> Result<Self, Failure> {
        let mut rows = Self { bytes: Vec::new(), spans: Vec::new(), pending: Vec::new() };
        for record in records {
            let status = match existing {
                Existing::Unknown => Status::Upserted,
                Existing::Known(found) if found.binary_search(&record.id).is_err() => Status::Created,
                Existing::Known(_) if policy == ExistingRows::Overwrite => Status::Updated,
                Existing::Known(_) => Status::Unchanged,
            };
            if status == Status::Unchanged {
                let cause = cause("already_there", "an earlier run wrote this lead; existing_rows is keep");
                outcomes.push(&outcome(&record.key, Some(&record.id), status, Some(cause)))?;
                continue;
            }
            match mapping::map(&record.response, &lead.rules) {
                Ok(row) => rows.push(record, row, status)?,
                Err(rejection) => {
                    let cause = cause(rejection.code, &rejection.message);
                    outcomes.push(&outcome(&record.key, Some(&record.id), Status::Rejected, Some(cause)))?;
                }
            }
        }
        Ok(rows)
    }

    fn push(&mut self, record: &'r Record<'r>, row: Row<'_>, status: Status) -> Result<(), Failure> {
        if !self.bytes.is_empty() {
            self.bytes.push(b',');
        }
        let start = self.bytes.len();
        let mut buffer = Uuid::encode_buffer();
        let item = Item { id: record.id.hyphenated().encode_lower(&mut buffer), row: &row };
        serde_json::to_writer(&mut self.bytes, &item)
            .map_err(|_| broken("a row cannot be written as JSON"))?;
        self.spans.push((start, self.bytes.len()));
        self.pending.push(Pending { record, status, notes: row.into_notes() });
        Ok(())
    }

    /// The JSON objects of a piece, separated by commas.
    fn slice(&self, piece: &Piece) -> &[u8] {
        let first = self.spans.get(piece.rows.start);
        let last = piece.rows.end.checked_sub(1).and_then(|last| self.spans.get(last));
        match (first, last) {
            (Some((start, _)), Some((_, end))) => self.bytes.get(*start..*end).unwrap_or_default(),
            _ => &[],
        }
    }

    fn rows(&self, piece: &Piece) -> &[Pending<'r>] {
        self.pending.get(piece.rows.clone()).unwrap_or_default()
    }

    /// What would happen to every row.
    fn all(self, outcomes: &mut Outcomes) -> Result<(), Failure> {
        self.pending.into_iter().try_for_each(|row| outcomes.push(&row.stored()))
    }
}

impl Pending<'_> {
    fn stored(&self) -> Outcome<'_> {
        let stored = outcome(&self.record.key, Some(&self.record.id), self.status, None);
        Outcome { notes: self.notes.clone(), ..stored }
    }
}

/// One batch on its way.
struct Delivery<'s, C> {
    sink: &'s Sink<C>,
    lead: Rc<Lead>,
    /// Whether the metadata were read for this very call.
    fresh: bool,
    rows: Rows<'s>,
    progress: Progress,
    outcomes: &'s mut Outcomes,
    /// Rows that were refused alone without a reason that blames them.
    suspects: Vec<(Piece, Refused)>,
    stopped: Option<Failure>,
}

impl<C: Capabilities> Delivery<'_, C> {
    async fn run(mut self) -> Result<(), Failure> {
        let sink = self.sink;
        let mut flying = FuturesUnordered::new();
        loop {
            while flying.len() < sink.config.requests_in_flight {
                let Some(piece) = self.progress.next() else { break };
                let request = sink.api.upsert_multiple(self.rows.slice(&piece));
                flying.push(async move { (piece, sink.send(request).await) });
            }
            let Some((piece, answer)) = flying.next().await else { break };
            match answer {
                Ok(_) => self.settle(piece, Verdict::Stored, None)?,
                Err(error) => {
                    let verdict = verdict(&error);
                    self.settle(piece, verdict, Some(error))?;
                }
            }
        }
        self.clear_suspects().await?;
        self.stopped.map_or(Ok(()), Err)
    }

    fn settle(&mut self, piece: Piece, verdict: Verdict, error: Option<CallError>) -> Result<(), Failure> {
        match (self.progress.judge(piece.clone(), verdict), error) {
            (Decision::Stored, _) => {
                self.rows.rows(&piece).iter().try_for_each(|row| self.outcomes.push(&row.stored()))
            }
            (Decision::Reject, Some(CallError::Refused(refused))) => self.reject(&piece, &refused),
            (Decision::Suspect, Some(CallError::Refused(refused))) => {
                self.suspects.push((piece, refused));
                Ok(())
            }
            (Decision::Again, _) => Ok(()),
            (Decision::Halt, Some(error)) => {
                self.halt(&piece, &error);
                Ok(())
            }
            // Only a refusal rejects or halts; should that ever break, the rows stay without an outcome.
            (Decision::Reject | Decision::Suspect | Decision::Halt, _) => {
                self.stop(broken("a row was given up without a refusal"));
                Ok(())
            }
        }
    }

    fn reject(&mut self, piece: &Piece, refused: &Refused) -> Result<(), Failure> {
        let cause = refused.cause(&self.scrubber(piece));
        for row in self.rows.rows(piece) {
            let rejected =
                outcome(&row.record.key, Some(&row.record.id), Status::Rejected, Some(cause.clone()));
            self.outcomes.push(&rejected)?;
        }
        Ok(())
    }

    fn halt(&mut self, piece: &Piece, error: &CallError) {
        let mut failure = error.failure(WHAT, &self.scrubber(piece));
        let is_schema = matches!(error, CallError::Refused(refused) if refused.class == Class::Schema);
        if is_schema && !self.fresh {
            // The table may have changed since its metadata were read, so that the next call may succeed.
            self.sink.forget_lead();
            if let Failure::Fatal(detail) = failure {
                failure = Failure::Retryable { detail, wait_ms: Some(0) };
            }
        }
        self.stop(failure);
    }

    /// Keeps the failure that asks for most: the first that no waiting mends, else the longest wait.
    fn stop(&mut self, failure: Failure) {
        let rank = |failure: &Failure| match failure {
            Failure::Retryable { wait_ms, .. } => (0, wait_ms.unwrap_or(0)),
            _ => (1, 0),
        };
        if self.stopped.as_ref().is_none_or(|first| rank(&failure) > rank(first)) {
            self.stopped = Some(failure);
        }
    }

    /// Rows refused without explanation are at fault only if the service works otherwise.
    async fn clear_suspects(&mut self) -> Result<(), Failure> {
        let suspects = std::mem::take(&mut self.suspects);
        let Some((_, refused)) = suspects.first() else { return Ok(()) };
        let works = self.progress.accepted() || {
            let probe = self.sink.api.get("WhoAmI");
            self.stopped.is_none() && self.sink.send(probe).await.is_ok()
        };
        if !works {
            let failure = refused.failure(WHAT, &Scrubber::without_answers(Some(&self.lead.table)));
            self.stop(failure);
            return Ok(());
        }
        suspects.iter().try_for_each(|(piece, refused)| self.reject(piece, refused))
    }

    fn scrubber<'a>(&'a self, piece: &Piece) -> Scrubber<'a> {
        let rows = self.rows.rows(piece).iter();
        let answers = rows.flat_map(|row| &row.record.response.answers);
        Scrubber { table: Some(&self.lead.table), answers: answers.map(|answer| &*answer.text).collect() }
    }
}

fn verdict(error: &CallError) -> Verdict {
    match error {
        CallError::Http(_) => Verdict::Halt,
        CallError::Refused(refused) => match refused.class {
            Class::Poison => Verdict::Poison,
            Class::Doubtful => Verdict::Doubtful,
            Class::Contended => Verdict::Contended,
            Class::Slow => Verdict::TooMuch { fault: false },
            Class::TooBig => Verdict::TooMuch { fault: true },
            Class::Throttled
            | Class::Transient
            | Class::TokenRefused
            | Class::Forbidden
            | Class::Schema
            | Class::Address => Verdict::Halt,
        },
    }
}
