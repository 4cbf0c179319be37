//! One batch as records, and outcomes as lines.

use serde::Deserialize;
use uuid::Uuid;

use super::api::TABLE;
use super::identity::lead_id;
use super::write::WriteReply;
use crate::failure::{Detail, Failure};
use crate::record::{Cause, Envelope, LEAD_RESPONSES, LeadResponse, Op, Outcome, Status, Target};
use crate::text::Text;

/// One response to be written.
pub(crate) struct Record<'b> {
    pub(crate) key: Text<'b>,
    /// The row's primary key.
    pub(crate) id: Uuid,
    pub(crate) response: LeadResponse<'b>,
}

/// The lines of a reply.
#[derive(Default)]
pub(crate) struct Outcomes {
    lines: Vec<u8>,
}

impl Outcomes {
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Adds what became of one record.
    pub(crate) fn push(&mut self, outcome: &Outcome<'_>) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.lines, outcome)
            .map_err(|_| broken("an outcome cannot be written as JSON"))?;
        self.lines.push(b'\n');
        Ok(())
    }

    pub(crate) fn reply(self, stopped: Option<Failure>) -> Result<WriteReply, Failure> {
        let outcomes = String::from_utf8(self.lines).map_err(|_| broken("outcomes are no UTF-8"))?;
        Ok(WriteReply { outcomes, stopped })
    }
}

/// An outcome for a record whose row would have this key.
pub(crate) fn outcome<'k>(
    key: &'k str,
    id: Option<&Uuid>,
    status: Status,
    cause: Option<Cause>,
) -> Outcome<'k> {
    let target = id.map(|id| Target { table: TABLE.into(), id: id.hyphenated().to_string() });
    Outcome { key: key.into(), status, target, cause, notes: Vec::new() }
}

pub(crate) fn broken(message: &str) -> Failure {
    Failure::Fatal(Detail::new(message))
}

#[derive(Deserialize)]
struct Keyed<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    stream: Option<Text<'a>>,
}

/// Reads the batch. Records that are not to be written get their outcome at once; the others come back sorted by
/// primary key, each key once.
pub(crate) fn parse<'b>(
    batch: &'b str,
    namespace: &Uuid,
    outcomes: &mut Outcomes,
) -> Result<Vec<Record<'b>>, Failure> {
    let mut records = Vec::new();
    for (at, line) in batch.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Envelope<'b, LeadResponse<'b>>>(line) {
            Ok(envelope) => records.extend(accept(envelope, namespace, outcomes)?),
            Err(error) => reject(line, at + 1, &error, outcomes)?,
        }
    }
    // Stable, so that of two records for one row the later one stands last.
    records.sort_by_key(|record| record.id);
    let mut unique: Vec<Record<'b>> = Vec::with_capacity(records.len());
    for record in records {
        if let Some(last) = unique.pop_if(|last| last.id == record.id) {
            let cause = cause("superseded", "a later record of the same batch has the same response id");
            outcomes.push(&outcome(&last.key, Some(&last.id), Status::Skipped, Some(cause)))?;
        }
        unique.push(record);
    }
    Ok(unique)
}

fn accept<'b>(
    envelope: Envelope<'b, LeadResponse<'b>>,
    namespace: &Uuid,
    outcomes: &mut Outcomes,
) -> Result<Option<Record<'b>>, Failure> {
    let Envelope { key, op, data, skip, stream, .. } = envelope;
    if let Some(skip) = skip {
        let cause = Cause { code: skip.code.to_string(), message: skip.reason.to_string() };
        outcomes.push(&outcome(&key, None, Status::Skipped, Some(cause)))?;
        return Ok(None);
    }
    if *stream != *LEAD_RESPONSES {
        outcomes.push(&outcome(&key, None, Status::Skipped, Some(other_stream())))?;
        return Ok(None);
    }
    match (op, data) {
        (Op::Upsert, Some(response)) => {
            let id = lead_id(namespace, &response.id);
            Ok(Some(Record { key, id, response }))
        }
        (Op::Upsert, None) => {
            let cause = cause("malformed_record", "an upsert needs the record's data");
            outcomes.push(&outcome(&key, None, Status::Rejected, Some(cause)))?;
            Ok(None)
        }
        (Op::Delete, _) => {
            let id = lead_id(namespace, &key);
            let message =
                format!("leads are not erased by this version; erase the row {id} of the table lead by hand");
            let cause = cause("delete_unsupported", &message);
            outcomes.push(&outcome(&key, Some(&id), Status::Skipped, Some(cause)))?;
            Ok(None)
        }
    }
}

fn other_stream() -> Cause {
    let message = "this sink writes leads only, from the stream `lead_responses`: set that as the pipeline's stream, or \
                   use a sink that keeps records as they are";
    cause("stream_not_written", message)
}

/// A line that is no lead response. Only its place is told: the parser's own words may quote an answer.
fn reject(
    line: &str,
    number: usize,
    error: &serde_json::Error,
    outcomes: &mut Outcomes,
) -> Result<(), Failure> {
    let column = error.column();
    let Ok(keyed) = serde_json::from_str::<Keyed<'_>>(line) else {
        let message = format!(
            "line {number} of the batch is no record (column {column}); report it to the host's author"
        );
        return Err(broken(&message));
    };
    if keyed.stream.is_some_and(|stream| *stream != *LEAD_RESPONSES) {
        return outcomes.push(&outcome(&keyed.key, None, Status::Skipped, Some(other_stream())));
    }
    let message = format!("the record is not a lead response (line {number}, column {column})");
    outcomes.push(&outcome(&keyed.key, None, Status::Rejected, Some(cause("malformed_record", &message))))
}

pub(crate) fn cause(code: &str, message: &str) -> Cause {
    Cause { code: code.to_owned(), message: message.to_owned() }
}
