//! Works off what notices told of: the keys are fetched, and the records go the way of all others.
//!
//! A delivery is a tick whose source asks the store which notices are due, and the real source for their records. So
//! checking, the ledger, writing, dead letters and the one transaction are those of a pull. Its slot is its own: a
//! delivery never moves the cursor of a pull.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::breach::{Breach, problem};
use super::port::{Clock, MAX_KEYS, Page, Partition, ReadRequest, Source};
use crate::failure::Failure;
use crate::store::{Notice, NoticeId, Op, PartitionId, Store};

/// Names the slot of deliveries among those of selections.
pub(super) const SELECTION: &str = r#"{"pushed":true}"#;

/// How long after its notice a record may stay unreadable before it counts as gone, in milliseconds.
const PATIENCE_MS: u64 = 15 * 60_000;
/// The waits between two tries to fetch one record, in milliseconds; the last repeats.
const DELAYS_MS: [u64; 5] = [2_000, 5_000, 15_000, 60_000, 300_000];
/// A delivery waits for notices that are due within this time, in milliseconds; others are left to the next one.
pub(super) const NEAR_MS: u64 = 30_000;
/// Most notices that are looked at for one page: those of the pages in flight are among them.
const LOOK: u32 = 64 * MAX_KEYS;
/// Most looks for one page; each either finds a notice to work on or waits for one.
const MAX_LOOKS: u32 = 100;

/// The notices of one partition as a source.
pub(super) struct Pushed<R, S, C> {
    pub(super) source: R,
    pub(super) store: Arc<S>,
    pub(super) clock: Arc<C>,
    pub(super) partition: PartitionId,
    /// Those of pages that are not committed yet.
    pub(super) in_hand: Mutex<HashSet<NoticeId>>,
}

/// What of the envelope matters here.
#[derive(Deserialize)]
struct Keyed<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(default)]
    time: Option<u64>,
}

impl<R: Source, S: Store, C: Clock> Source for Pushed<R, S, C> {
    async fn partitions(&self, stream: &str, selection: Option<&str>) -> Result<Vec<Partition>, Failure> {
        self.source.partitions(stream, selection).await
    }

    /// One page: the records of the notices that are due, or an empty last page.
    async fn read(&self, request: ReadRequest) -> Result<Page, Failure> {
        for _ in 0..MAX_LOOKS {
            let group = match self.look().await? {
                Look::Due(group) => group,
                Look::Wait(wait) => {
                    self.clock.sleep(wait).await;
                    continue;
                }
                Look::Nothing => break,
            };
            let page = self.page(&request.stream, &group).await?;
            if !page.notices.is_empty() {
                self.hold(&page.notices);
                return Ok(page);
            }
        }
        Ok(Page { cursor: "end".to_owned(), ..Page::default() })
    }

    async fn fetch(&self, stream: &str, keys: Vec<String>) -> Result<Page, Failure> {
        self.source.fetch(stream, keys).await
    }
}

/// What there is to do.
enum Look {
    Due(Vec<Notice>),
    Wait(Duration),
    Nothing,
}

impl<R: Source, S: Store, C: Clock> Pushed<R, S, C> {
    async fn look(&self) -> Result<Look, Failure> {
        let now_ms = self.clock.now_ms();
        let (due, next_ms) = self.store.due(self.partition, now_ms, LOOK).await?;
        let group = {
            let in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
            group(due, &in_hand)
        };
        if !group.is_empty() {
            return Ok(Look::Due(group));
        }
        Ok(match next_ms {
            // Those that are due are in hand; they are committed without this page.
            Some(next_ms) if next_ms > now_ms && next_ms - now_ms <= NEAR_MS => {
                Look::Wait(Duration::from_millis(next_ms - now_ms))
            }
            _ => Look::Nothing,
        })
    }

    fn hold(&self, notices: &[NoticeId]) {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner).extend(notices);
    }

    /// Fetches the records of a group. Those that cannot be read yet are put off.
    async fn page(&self, stream: &str, group: &[Notice]) -> Result<Page, Failure> {
        let fetched = self.ask(stream, group).await?;
        let found = found(&fetched.records, group)?;
        let now_ms = self.clock.now_ms();
        let mut page = Page { more: true, facts: fetched.facts, ..Page::default() };
        let mut put_off = Vec::new();
        for notice in group {
            let shown = found.get(&*notice.key);
            let line = match (notice.op, shown) {
                (Op::Upsert, Some(shown)) => Cow::Borrowed(shown.line),
                // It came to be anew after it was withdrawn, and that notice is still to come.
                (Op::Delete, Some(shown)) if shown.time_ms > notice.time_ms => Cow::Borrowed(shown.line),
                (Op::Delete, _) => withdrawn(stream, notice).into(),
                (Op::Upsert, None) if now_ms.saturating_sub(notice.received_ms) < PATIENCE_MS => {
                    put_off.push((notice.id, now_ms.saturating_add(delay_ms(notice.attempts))));
                    continue;
                }
                (Op::Upsert, None) => gone(stream, notice).into(),
            };
            page.records.push_str(&line);
            page.records.push('\n');
            page.notices.push(notice.id);
        }
        if !put_off.is_empty() {
            self.store.put_off(put_off).await?;
        }
        // Each page begins with another notice, or with the same at another time, so each cursor is another.
        page.cursor = format!("{:?} {now_ms}", page.notices.first());
        Ok(page)
    }

    /// Asks the vendor for the group's records. Where only deletes are due, a refusal keeps none of them back.
    async fn ask(&self, stream: &str, group: &[Notice]) -> Result<Page, Failure> {
        let keys = group.iter().map(|notice| notice.key.to_string()).collect();
        match self.source.fetch(stream, keys).await {
            Err(failure @ Failure::Retryable { .. }) => Err(failure),
            Err(_) if group.iter().all(|notice| notice.op == Op::Delete) => Ok(Page::default()),
            answered => answered,
        }
    }
}

/// The first of the due notices that are free, up to the first whose key comes again: its record is for a later page.
fn group(due: Vec<Notice>, in_hand: &HashSet<NoticeId>) -> Vec<Notice> {
    let mut keys = HashSet::new();
    let free = due.into_iter().filter(|notice| !in_hand.contains(&notice.id));
    free.take_while(|notice| keys.insert(Arc::clone(&notice.key))).take(MAX_KEYS as usize).collect()
}

/// A record that was fetched.
struct Shown<'p> {
    time_ms: u64,
    line: &'p str,
}

/// The records that were fetched, by key; all of them must have been asked for.
fn found<'p>(records: &'p str, group: &[Notice]) -> Result<HashMap<String, Shown<'p>>, Breach> {
    let wanted: HashSet<&str> = group.iter().map(|notice| &*notice.key).collect();
    let mut found = HashMap::new();
    for (index, line) in records.lines().enumerate() {
        let keyed: Keyed<'_> = serde_json::from_str(line)
            .map_err(|error| Breach::NotAnEnvelope { line: index + 1, problem: problem(&error) })?;
        if !wanted.contains(&*keyed.key) {
            return Err(Breach::NotAskedFor { line: index + 1 });
        }
        found.insert(keyed.key.into_owned(), Shown { time_ms: keyed.time.unwrap_or(0), line });
    }
    Ok(found)
}

fn withdrawn(stream: &str, notice: &Notice) -> String {
    let envelope = json!({ "key": &*notice.key, "op": "delete", "stream": stream, "time": notice.time_ms });
    envelope.to_string()
}

/// A record that the vendor told of and never showed, kept with that cause.
fn gone(stream: &str, notice: &Notice) -> String {
    let skip = json!({
        "code": "not_found",
        "reason": "the vendor's notice told of it, but for 15 minutes it could not be read; if it exists, the next sweep finds it",
    });
    let envelope = json!({
        "key": &*notice.key, "op": "upsert", "stream": stream, "time": notice.time_ms, "data": {}, "skip": skip,
    });
    envelope.to_string()
}

fn delay_ms(attempts: u32) -> u64 {
    let last = DELAYS_MS.len() - 1;
    DELAYS_MS.get((attempts as usize).min(last)).copied().unwrap_or(PATIENCE_MS)
}
