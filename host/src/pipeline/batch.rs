//! A page's records: split once, checked against the contract, and kept as places in the page's text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::breach::{Breach, problem};
use crate::store::{Cause, Op};

/// Longest key, in bytes.
pub(super) const MAX_KEY_BYTES: usize = 512;

/// Where each key stands among the records. Shared with whoever must know which keys are in flight.
pub(super) type Places = Arc<HashMap<Arc<str>, usize>>;

/// What a page is checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) stream: &'a str,
    pub(super) max_records: u32,
    pub(super) max_bytes: u32,
    /// See [`super::Job::digest_seed`].
    pub(super) digest_seed: u64,
}

/// One record, without its content.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) key: Arc<str>,
    pub(super) op: Op,
    /// 0 where the vendor has no such time.
    pub(super) time_ms: i64,
    /// Of operation, skip code and content.
    pub(super) digest: u64,
    /// Why the source's configuration keeps it from the sink.
    pub(super) skip: Option<Cause>,
    line: Range<usize>,
}

/// A checked page.
#[derive(Debug)]
pub(super) struct Batch {
    text: String,
    pub(super) records: Vec<Record>,
    pub(super) places: Places,
    /// How many records gave way to a later one with their key.
    pub(super) replaced: u64,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    op: Op,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(default)]
    time: Option<u64>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    skip: Option<Skip>,
}

#[derive(Deserialize)]
struct Skip {
    code: String,
    reason: String,
}

impl Batch {
    /// Splits and checks a page. Of records with one key, the last stays.
    pub(super) fn parse(text: String, expected: Expected<'_>) -> Result<Self, Breach> {
        if text.len() > expected.max_bytes as usize {
            return Err(Breach::TooManyBytes { bytes: text.len(), limit: expected.max_bytes });
        }
        let mut records: Vec<Record> = Vec::new();
        let mut places = HashMap::new();
        let (mut replaced, mut start) = (Vec::new(), 0);
        while start < text.len() {
            let rest = text.get(start..).unwrap_or_default();
            let length = rest.find('\n').unwrap_or(rest.len());
            if records.len() >= expected.max_records as usize {
                return Err(Breach::TooManyRecords { limit: expected.max_records });
            }
            let line = start..start + length;
            let record = record(rest.get(..length).unwrap_or_default(), line, records.len() + 1, expected)?;
            if let Some(earlier) = places.insert(Arc::clone(&record.key), records.len()) {
                replaced.push(earlier);
            }
            records.push(record);
            start += length + 1;
        }
        let count = replaced.len() as u64;
        if !replaced.is_empty() {
            (records, places) = without(records, &replaced);
        }
        Ok(Self { text, records, places: Arc::new(places), replaced: count })
    }

    /// How many records the source gave.
    pub(super) fn read(&self) -> u64 {
        self.records.len() as u64 + self.replaced
    }

    /// A record's envelope as it came.
    pub(super) fn line(&self, record: &Record) -> &str {
        self.text.get(record.line.clone()).unwrap_or_default()
    }

    /// The envelopes of the chosen records, each with its line's end.
    pub(super) fn lines(&self, chosen: impl Fn(usize) -> bool) -> String {
        let chosen =
            || self.records.iter().enumerate().filter(|(place, _)| chosen(*place)).map(|(_, record)| record);
        let mut lines = String::with_capacity(chosen().map(|record| record.line.len() + 1).sum());
        for record in chosen() {
            lines.push_str(self.line(record));
            lines.push('\n');
        }
        lines
    }
}

/// Checks one line.
fn record(text: &str, line: Range<usize>, number: usize, expected: Expected<'_>) -> Result<Record, Breach> {
    let envelope: Envelope<'_> = serde_json::from_str(text)
        .map_err(|error| Breach::NotAnEnvelope { line: number, problem: problem(&error) })?;
    if envelope.key.is_empty() {
        return Err(Breach::EmptyKey { line: number });
    }
    if envelope.key.len() > MAX_KEY_BYTES {
        return Err(Breach::LongKey { line: number, bytes: envelope.key.len() });
    }
    if envelope.stream != expected.stream {
        return Err(Breach::OtherStream { line: number });
    }
    let data = match (envelope.op, envelope.data.map(RawValue::get)) {
        (Op::Upsert, Some(data)) if data.starts_with('{') => data,
        (Op::Upsert, _) => return Err(Breach::NoData { line: number }),
        (Op::Delete, None) => "",
        (Op::Delete, Some(_)) => return Err(Breach::DataOfDelete { line: number }),
    };
    let time_ms =
        i64::try_from(envelope.time.unwrap_or(0)).map_err(|_| Breach::TimeOutOfRange { line: number })?;
    let skip = envelope.skip.map(|skip| Cause { code: skip.code, message: skip.reason });
    let digest = digest(envelope.op, skip.as_ref(), data, expected.digest_seed);
    Ok(Record { key: envelope.key.as_ref().into(), op: envelope.op, time_ms, digest, skip, line })
}

/// Recognises a record that comes again unchanged. One that is no longer skipped differs from when it was.
fn digest(op: Op, skip: Option<&Cause>, data: &str, seed: u64) -> u64 {
    let op = match op {
        Op::Upsert => 1,
        Op::Delete => 2,
    };
    let skip = skip.map_or(0, |skip| xxh3_64_with_seed(skip.code.as_bytes(), op));
    xxh3_64_with_seed(data.as_bytes(), seed ^ skip ^ op)
}

/// Drops the records at `replaced`, and finds the others' new places.
fn without(records: Vec<Record>, replaced: &[usize]) -> (Vec<Record>, HashMap<Arc<str>, usize>) {
    let replaced: std::collections::HashSet<usize> = replaced.iter().copied().collect();
    let records: Vec<Record> = records
        .into_iter()
        .enumerate()
        .filter_map(|(place, record)| (!replaced.contains(&place)).then_some(record))
        .collect();
    let places = records.iter().enumerate().map(|(place, record)| (Arc::clone(&record.key), place)).collect();
    (records, places)
}
