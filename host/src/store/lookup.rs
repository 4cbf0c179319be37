//! Finds which records of a page have their outcome already.
//!
//! Pages come nearly in order of time and the ledger is clustered by time, so one scan over the page's span answers for
//! all: a single seek where everything is new. Where the span holds far more rows than the page, and for records
//! without a time (which all lie under time 0), each is looked up alone.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::PartitionId;
use super::ledger::Probe;

/// The scan gives up after this many rows for each probe, plus [`SCAN_BASE`].
const SCAN_FACTOR: usize = 4;
const SCAN_BASE: usize = 64;

/// Answers for each probe, in order.
pub(super) fn settled(
    connection: &Connection,
    partition: PartitionId,
    probes: &[Probe],
) -> rusqlite::Result<Vec<bool>> {
    let mut answers = vec![false; probes.len()];
    let timed = probes.iter().filter(|probe| probe.time_ms != 0).map(|probe| probe.time_ms);
    let span = timed.fold(None, |span: Option<(i64, i64)>, time| {
        Some(span.map_or((time, time), |(first, last)| (first.min(time), last.max(time))))
    });
    let scanned = match span {
        Some(span) => scan(connection, partition, probes, span, &mut answers)?,
        None => false,
    };
    let mut find = connection
        .prepare_cached("SELECT digest FROM ledger WHERE partition_id = ?1 AND time_ms = ?2 AND key = ?3")?;
    for (probe, answer) in probes.iter().zip(&mut answers) {
        if scanned && probe.time_ms != 0 {
            continue;
        }
        let digest: Option<i64> =
            find.query_row(params![partition.0, probe.time_ms, &*probe.key], |row| row.get(0)).optional()?;
        *answer = digest.is_some_and(|digest| digest.cast_unsigned() == probe.digest);
    }
    Ok(answers)
}

/// Scans the span. False where it holds too many rows.
fn scan(
    connection: &Connection,
    partition: PartitionId,
    probes: &[Probe],
    (first, last): (i64, i64),
    answers: &mut [bool],
) -> rusqlite::Result<bool> {
    let limit = probes.len() * SCAN_FACTOR + SCAN_BASE;
    let mut scan = connection.prepare_cached(
        "SELECT key, time_ms, digest FROM ledger WHERE partition_id = ?1 AND time_ms BETWEEN ?2 AND ?3",
    )?;
    let mut rows = scan.query(params![partition.0, first, last])?;
    // Made only when there is something to find.
    let mut places: Option<HashMap<(&str, i64), usize>> = None;
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        seen += 1;
        if seen > limit {
            return Ok(false);
        }
        let places = places.get_or_insert_with(|| {
            probes.iter().enumerate().map(|(place, probe)| ((&*probe.key, probe.time_ms), place)).collect()
        });
        let (key, digest) = (row.get_ref(0)?.as_str()?, row.get::<_, i64>(2)?);
        let Some(place) = places.get(&(key, row.get(1)?)) else { continue };
        if let (Some(probe), Some(answer)) = (probes.get(*place), answers.get_mut(*place)) {
            *answer = probe.digest == digest.cast_unsigned();
        }
    }
    Ok(true)
}
