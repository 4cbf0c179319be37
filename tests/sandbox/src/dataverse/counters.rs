//! What the stand-in counts, and which rows are being written at the moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::guid::FastMap;
use super::schema::Schema;
use super::store::{Store, Tally};

#[derive(Default)]
struct Bulk {
    requests: u64,
    rows: u64,
    least: u64,
    most: u64,
}

/// All counters since the start.
#[derive(Default)]
pub(crate) struct Counters {
    created: AtomicU64,
    updated: AtomicU64,
    unchanged: AtomicU64,
    deleted: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) refused_rows: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) dropped: AtomicU64,
    running_writes: AtomicU64,
    peak_writes: AtomicU64,
    same_row: AtomicU64,
    bulk: Mutex<Bulk>,
    /// Rows that a request writes at the moment, with that request's number.
    in_flight: Mutex<FastMap<(u16, u128), u64>>,
}

impl Counters {
    /// Adds what a committed transaction did.
    pub(crate) fn commit(&self, tally: Tally) {
        self.created.fetch_add(tally.created, Relaxed);
        self.updated.fetch_add(tally.updated, Relaxed);
        self.unchanged.fetch_add(tally.unchanged, Relaxed);
        self.deleted.fetch_add(tally.deleted, Relaxed);
    }

    /// Counts one bulk message.
    pub(crate) fn bulk(&self, rows: u64) {
        let mut bulk = self.bulk.lock().unwrap_or_else(PoisonError::into_inner);
        bulk.least = if bulk.requests == 0 { rows } else { bulk.least.min(rows) };
        bulk.most = bulk.most.max(rows);
        bulk.requests += 1;
        bulk.rows += rows;
    }

    /// A write request begins.
    pub(crate) fn begin_write(&self) {
        self.writes.fetch_add(1, Relaxed);
        let running = self.running_writes.fetch_add(1, Relaxed) + 1;
        self.peak_writes.fetch_max(running, Relaxed);
    }

    /// A write request is over.
    pub(crate) fn end_write(&self) {
        self.running_writes.fetch_sub(1, Relaxed);
    }

    /// Notes that a request writes these rows; returns those that it must give back.
    pub(crate) fn claim(&self, request: u64, rows: &[(u16, u128)]) -> Vec<(u16, u128)> {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            match in_flight.get(row) {
                Some(other) if *other != request => _ = self.same_row.fetch_add(1, Relaxed),
                Some(_) => {}
                None => {
                    in_flight.insert(*row, request);
                    claimed.push(*row);
                }
            }
        }
        claimed
    }

    /// Gives rows back.
    pub(crate) fn release(&self, rows: &[(u16, u128)]) {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            in_flight.remove(row);
        }
    }

    /// Everything as JSON.
    pub(crate) fn report(&self, schema: &Schema, store: &Store) -> Value {
        let rows: serde_json::Map<String, Value> = schema
            .tables()
            .map(|table| {
                (table.set.clone(), json!(store.rows(table.number).map_or(0, super::store::Rows::len)))
            })
            .collect();
        let bulk = self.bulk.lock().unwrap_or_else(PoisonError::into_inner);
        let average = if bulk.requests == 0 { 0.0 } else { bulk.rows as f64 / bulk.requests as f64 };
        let (groups, members) = identical_leads(schema, store);
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        json!({
            "rows": rows,
            "rows_created": read(&self.created),
            "rows_updated": read(&self.updated),
            "rows_deleted": read(&self.deleted),
            "unchanged_writes": read(&self.unchanged),
            "rows_refused": read(&self.refused_rows),
            "requests": read(&self.requests),
            "write_requests": read(&self.writes),
            "batch_requests": read(&self.batches),
            "bulk_requests": bulk.requests,
            "bulk_rows": bulk.rows,
            "rows_per_bulk": { "min": bulk.least, "max": bulk.most, "avg": average },
            "reads": read(&self.reads),
            "throttled": read(&self.throttled),
            "dropped_connections": read(&self.dropped),
            "peak_concurrent_writes": read(&self.peak_writes),
            "identical_leads": groups,
            "identical_lead_rows": members,
            "same_row_in_flight": read(&self.same_row),
        })
    }
}

/// Groups of leads whose client-written columns are equal, and the rows in them.
fn identical_leads(schema: &Schema, store: &Store) -> (u64, u64) {
    let Some(rows) = schema.by_logical("lead").and_then(|table| store.rows(table.number)) else {
        return (0, 0);
    };
    let mut groups: HashMap<u64, u64> = HashMap::with_capacity(rows.len());
    for (_, row) in rows.iter() {
        *groups.entry(row.digest).or_default() += 1;
    }
    let shared = groups.values().filter(|members| **members > 1);
    shared.fold((0, 0), |(groups, rows), members| (groups + 1, rows + members))
}
