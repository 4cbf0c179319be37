//! The source against a LinkedIn in memory.

mod accounts;
mod fetching;
mod names;
mod organizations;
mod paging;
mod record_traps;
mod records;
mod retention;
mod snapshots;
mod traps;

use serde_json::Value;

use super::fake::{Link, now};
use super::{Page, ReadRequest, Source};

pub(super) const PARTITION: &str = "SPONSORED:503000111";

pub(super) fn open(link: &Link, config: &str) -> Source<Link> {
    now(Source::open(config, link.clone())).unwrap()
}

pub(super) fn request<'r>(cursor: Option<&'r str>, selection: Option<&'r str>) -> ReadRequest<'r> {
    ReadRequest {
        stream: "lead_responses",
        partition: PARTITION,
        cursor,
        max_records: 1000,
        max_bytes: 1 << 20,
        selection,
    }
}

pub(super) fn read(source: &Source<Link>, request: ReadRequest<'_>) -> Page {
    now(source.read(request)).unwrap()
}

pub(super) fn envelopes(page: &Page) -> Vec<Value> {
    page.records.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The times and keys of a page.
pub(super) fn keys(page: &Page) -> Vec<(u64, String)> {
    let key = |line: Value| (line["time"].as_u64().unwrap(), line["key"].as_str().unwrap().to_owned());
    envelopes(page).into_iter().map(key).collect()
}
