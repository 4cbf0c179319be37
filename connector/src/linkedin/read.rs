//! One `read`: one time slice of one partition, oldest responses first.
//!
//! A page never ends in the middle of a millisecond, so that a time is enough to go on from; except where one
//! millisecond holds more than a page may, which is then read by position.

use std::collections::VecDeque;

use serde_json::json;

use crate::capabilities::Capabilities;
use crate::failure::{Detail, Failure};

use super::config::Config;
use super::cursor::Cursor;
use super::errors::Subject;
use super::gather::{Gathered, Reading, Walk, restless};
use super::owner::Holding;
use super::page::Lines;
use super::response::Setting;
use super::selection::Selection;
use super::slice::{self, Sight};
use super::stream::Stream;
use super::sweep::{self, Sweep, Work};
use super::version::{self, Standing};
use super::{Source, retention};

/// How often a slice that holds too much is made smaller; all but the first at least halve it, and 2^47 ms is
/// beyond any range.
const MAX_SHRINKS: usize = 48;

/// How often the middle of a millisecond is looked for again after the set moved.
const MAX_RESTARTS: usize = 3;

/// The contract's bounds of a page.
const MAX_RECORDS: u32 = 1000;
const MAX_BYTES: u32 = 1 << 20;

/// Asks for one page; see the contract's `source.read-request`.
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest<'r> {
    /// One of the streams.
    pub stream: &'r str,
    /// A partition's id.
    pub partition: &'r str,
    /// The cursor of the last page, None at the very beginning.
    pub cursor: Option<&'r str>,
    /// 1 to 1000.
    pub max_records: u32,
    /// 1 to 1048576.
    pub max_bytes: u32,
    /// One JSON object.
    pub selection: Option<&'r str>,
}

/// One page; see the contract's `source.page`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// One envelope a line.
    pub records: String,
    /// Where to go on.
    pub cursor: String,
    /// Whether to read again at once.
    pub more: bool,
    /// One JSON object, or none.
    pub facts: Option<String>,
}

/// What of a slice did not fit a page, kept for the next one. The cursor does not depend on it.
#[derive(Debug, Default)]
pub(super) struct Rests(VecDeque<Rest>);

#[derive(Debug)]
struct Rest {
    partition: String,
    selection: Option<String>,
    read_at_ms: u64,
    slice: Slice,
}

/// How many rests are kept.
const MAX_RESTS: usize = 4;
/// The largest rest that is kept, in responses.
const MAX_REST_LEN: usize = 8_000;
/// A rest is used no longer than this, lest it revive a response that was withdrawn in the meantime.
const MAX_REST_AGE_MS: u64 = 60_000;

impl Rests {
    fn put(&mut self, rest: Rest) {
        if rest.slice.order.len() <= MAX_REST_LEN {
            self.0.retain(|other| other.partition != rest.partition || other.selection != rest.selection);
            self.0.push_back(rest);
            self.0.drain(..self.0.len().saturating_sub(MAX_RESTS));
        }
    }

    fn take(&mut self, request: &ReadRequest<'_>, from: u64, now_ms: u64) -> Option<Rest> {
        self.0.retain(|rest| now_ms.saturating_sub(rest.read_at_ms) <= MAX_REST_AGE_MS);
        let fits = |rest: &Rest| {
            rest.partition == request.partition
                && rest.selection.as_deref() == request.selection
                && rest.slice.from == from
        };
        let index = self.0.iter().position(fits)?;
        self.0.remove(index)
    }
}

/// All responses of `[from, to)`, sorted.
#[derive(Debug)]
struct Slice {
    from: u64,
    to: u64,
    pages: Vec<Lines>,
    /// Page and index of each response that is still to be delivered.
    order: Vec<(usize, usize)>,
}

/// The part of a slice that fits a page.
struct Cut {
    records: String,
    /// How many responses of the slice were used up.
    used: usize,
    /// Everything before this time is delivered.
    until: u64,
}

#[derive(Clone, Copy)]
struct Limits {
    records: usize,
    bytes: usize,
}

impl Limits {
    /// What one slice may hold: up to two pages' worth, since what does not fit the first page is kept for the next
    /// read, but no more responses than one wave of requests brings.
    fn of_slice(self, wave: usize) -> Self {
        let records = (self.records.saturating_mul(2)).min(wave.max(self.records));
        Self { records, bytes: self.bytes.saturating_mul(2) }
    }

    fn admits(self, count: u64, bytes: usize) -> bool {
        count <= self.records as u64 && bytes <= self.bytes
    }
}

impl Slice {
    fn new(from: u64, to: u64, pages: Vec<Lines>) -> Self {
        let mut order: Vec<(usize, usize)> = Vec::with_capacity(pages.iter().map(Lines::len).sum());
        for (number, page) in pages.iter().enumerate() {
            let within = (0..page.len()).filter(|&index| (from..to).contains(&page.time(index)));
            order.extend(within.map(|index| (number, index)));
        }
        let key =
            |&(page, index): &(usize, usize)| pages.get(page).map(|page| (page.time(index), page.id(index)));
        order.sort_by(|a, b| key(a).cmp(&key(b)));
        order.dedup_by(|a, b| key(a) == key(b));
        Self { from, to, pages, order }
    }

    fn time(&self, position: usize) -> Option<u64> {
        self.order.get(position).and_then(|&(page, index)| self.pages.get(page).map(|page| page.time(index)))
    }

    fn line(&self, position: usize) -> &str {
        let place = self.order.get(position).and_then(|&(page, index)| Some((self.pages.get(page)?, index)));
        place.map_or("", |(page, index)| page.line(index))
    }

    /// The sizes of everything that is still to be delivered.
    fn size(&self) -> (u64, u64) {
        let lines = (0..self.order.len()).map(|position| self.line(position).len()).filter(|&len| len > 0);
        lines.fold((0, 0), |(count, bytes), len| (count + 1, bytes + len as u64))
    }

    /// What fits a page, cut between two milliseconds. None if not even the first millisecond fits.
    fn cut(&self, limits: Limits) -> Result<Option<Cut>, Failure> {
        let (mut count, mut bytes, mut used) = (0, 0, 0);
        let (mut fit, mut until) = (0, self.to);
        while let Some(time) = self.time(used) {
            // One millisecond at a time.
            let begin = used;
            while self.time(used) == Some(time) {
                let len = self.line(used).len();
                require_size(len, limits.bytes)?;
                count += u64::from(len > 0);
                bytes += len;
                used += 1;
            }
            if !limits.admits(count, bytes) {
                (used, until) = (begin, time);
                break;
            }
            fit = bytes;
        }
        if used == 0 && until < self.to {
            return Ok(None);
        }
        let mut records = String::with_capacity(fit);
        (0..used).for_each(|position| records.push_str(self.line(position)));
        Ok(Some(Cut { records, used, until }))
    }

    fn without(mut self, cut: &Cut) -> Self {
        self.order.drain(..cut.used.min(self.order.len()));
        self.from = cut.until;
        self
    }
}

fn require_size(len: usize, max_bytes: usize) -> Result<(), Failure> {
    if len <= max_bytes {
        return Ok(());
    }
    Err(Failure::Fatal(Detail::new(format!(
        "one lead response takes {len} bytes, more than the {max_bytes} bytes of a whole page: raise the page's limit"
    ))))
}

impl<C: Capabilities> Source<C> {
    /// Reads one page of one partition.
    ///
    /// # Errors
    ///
    /// LinkedIn's refusals by what they ask of the host, and [`Failure::Invalid`] for a cursor or a selection that
    /// cannot be understood.
    pub async fn read(&self, request: ReadRequest<'_>) -> Result<Page, Failure> {
        match Stream::parse(request.stream)? {
            Stream::LeadResponses => self.read_responses(request).await,
            stream => self.read_snapshot(stream, request).await,
        }
    }

    async fn read_responses(&self, request: ReadRequest<'_>) -> Result<Page, Failure> {
        let holding = self.holding(request.partition)?;
        let selection = Selection::parse(request.selection)?.among(&self.config.forms);
        let now_ms = self.capabilities.now_ms();
        let mut notes = self.version_notes(now_ms);
        let mut sweep = match sweep::resume(request.cursor, &selection, &self.config, now_ms)? {
            Work::Sweep(sweep) if selection.covers(&holding) => sweep,
            Work::Sweep(sweep) => return Ok(page(String::new(), sweep.cursor(sweep.end, 1, 0), &notes)),
            Work::Nothing(cursor) => return Ok(page(String::new(), (cursor, false), &notes)),
        };
        let days = self.config.retention_days(holding.kind);
        notes.extend(retention::warning(holding.kind, days, &sweep, now_ms));
        let limits = Limits {
            records: request.max_records.clamp(1, MAX_RECORDS) as usize,
            bytes: request.max_bytes.clamp(1, MAX_BYTES) as usize,
        };
        let urn = holding.owner.urn();
        let Config { test_leads, api_url, .. } = &self.config;
        let kind = holding.kind.word();
        let setting =
            Setting { owner: Some(&urn), kind, test_leads: *test_leads, api_url, names: &self.names };
        let subject = Subject::Responses(holding.clone());
        let reading = Reading { holding: &holding, setting, selection: &selection, subject };
        if let Some(inside) = sweep.inside.clone() {
            return self.read_inside(&reading, &sweep, inside, limits, notes).await;
        }
        let rest = self.rests.borrow_mut().take(&request, sweep.from, now_ms);
        let (slice, width, expected) = match rest {
            Some(rest) => (rest.slice, sweep.width, sweep.expected),
            None => match self.slice(&reading, &mut sweep, limits.of_slice(self.wave()), &mut notes).await? {
                Some(slice) => {
                    let (width, expected) = plan(&slice, limits.of_slice(self.wave()), sweep.dense_at);
                    (slice, width, expected)
                }
                None => return self.read_inside(&reading, &sweep, (0, None), limits, notes).await,
            },
        };
        let Some(cut) = slice.cut(limits)? else {
            let sweep = Sweep { from: slice.time(0).unwrap_or(slice.from), ..sweep };
            return self.read_inside(&reading, &sweep, (0, None), limits, notes).await;
        };
        if cut.until < slice.to {
            self.rests.borrow_mut().put(Rest {
                partition: request.partition.to_owned(),
                selection: request.selection.map(str::to_owned),
                read_at_ms: now_ms,
                slice: slice.without(&cut),
            });
        }
        Ok(page(cut.records, sweep.cursor(cut.until, width, expected), &notes))
    }

    /// What a partition holds, if the configuration reads it.
    fn holding(&self, partition: &str) -> Result<Holding, Failure> {
        let holding = Holding::parse(partition).ok_or_else(|| {
            let message =
                "no such partition: an id is <KIND>:<number of its owner>, as `partitions` lists them";
            Failure::Fatal(Detail::new(message))
        })?;
        if self.config.reads(holding.kind) {
            return Ok(holding);
        }
        let kind = holding.kind.word();
        let message =
            format!("{kind} leads are not read: add {kind} to `kinds` in the source's configuration");
        Err(Failure::Fatal(Detail::new(message)))
    }

    /// How many responses one wave of requests brings.
    fn wave(&self) -> usize {
        let count = self.learned.count(self.config.page_size);
        slice::step(count).saturating_mul(self.config.requests_in_flight)
    }

    /// Everything in the next slice, made as small as it has to be. None if even one millisecond holds too much.
    async fn slice(
        &self,
        reading: &Reading<'_>,
        sweep: &mut Sweep,
        limits: Limits,
        notes: &mut Vec<String>,
    ) -> Result<Option<Slice>, Failure> {
        let (from, mut to) = (sweep.from, sweep.slice_end());
        let mut expected = sweep.expected;
        for round in 0..MAX_SHRINKS {
            let (start, end) = self.learned.range(from, to);
            let walk =
                Walk { start, end, base: 0, expected, records: limits.records, slice: Some((from, to)) };
            let Gathered { pages, whole } = self.gather(reading, walk).await?;
            if whole {
                note(notes, &pages);
                notes.extend(self.names.take_refusal(&reading.holding.owner));
                return Ok(Some(Slice::new(from, to, pages)));
            }
            if to - from <= 1 {
                return Ok(None);
            }
            sweep.dense_at = Some(to);
            let target = slice::target(limits.records);
            let sight = Sight::of(&pages, from, to);
            to = slice::shrink(from, to, &sight, target, round);
            // A total can be trusted; otherwise look before asking for many pages.
            expected = if sight.total.is_some() { target } else { 0 };
        }
        let detail =
            Detail::new(format!("{} could not be cut into slices: try again later", reading.subject.name()));
        Err(Failure::Retryable { detail, wait_ms: None })
    }

    /// Reads on in the middle of the millisecond `sweep.from`, in LinkedIn's own order.
    async fn read_inside(
        &self,
        reading: &Reading<'_>,
        sweep: &Sweep,
        (mut offset, mut last): (u64, Option<String>),
        limits: Limits,
        mut notes: Vec<String>,
    ) -> Result<Page, Failure> {
        let ms = sweep.from;
        for _ in 0..MAX_RESTARTS {
            // The position counts within this very range, so it must be the same in every instance.
            let (start, end, base) = (ms.saturating_sub(1), ms + 1, offset.saturating_sub(1));
            let expected = limits.records as u64;
            let walk = Walk { start, end, base, expected, records: limits.records, slice: None };
            let gathered = self.gather(reading, walk).await?;
            let before = gathered.pages.first().and_then(|page| page.id(0));
            if offset > 0 && before != last.as_deref() {
                (offset, last) = (0, None);
                continue;
            }
            note(&mut notes, &gathered.pages);
            notes.extend(self.names.take_refusal(&reading.holding.owner));
            let (records, used, last, all) = inside(&gathered.pages, ms, offset, last, limits)?;
            let next = match all && gathered.whole {
                true => sweep.cursor(ms + 1, sweep.end - ms, 0),
                false => (Cursor::inside_ms(ms, sweep.end, sweep.width.max(1), used, last), true),
            };
            return Ok(page(records, next, &notes));
        }
        Err(restless(&reading.subject))
    }

    pub(super) fn version_notes(&self, now_ms: u64) -> Vec<String> {
        match version::standing(&self.config.version, now_ms) {
            Standing::Good(_) => Vec::new(),
            Standing::Doubtful(sentence) => vec![sentence],
        }
    }
}

/// The length of the next slice, and what to expect in it.
fn plan(slice: &Slice, limits: Limits, dense_at: Option<u64>) -> (u64, u64) {
    let (count, bytes) = slice.size();
    let seen = slice.order.len() as u64;
    let (records, room) = (limits.records as u64, (limits.bytes as u64).max(1));
    // The limit that is closer decides; responses that the selection leaves out have to be paged through as well.
    let fill = match count.max(seen / 2) * room >= bytes * records {
        true => (count.max(seen / 2), records),
        false => (bytes, room),
    };
    let ahead = dense_at.map(|dense| dense.saturating_sub(slice.to)).filter(|&ahead| ahead > 0);
    slice::next_width(slice.to - slice.from, seen, fill, ahead)
}

/// The lines of one millisecond from `offset` on, in LinkedIn's order; the position and id to go on from; and whether
/// all that was fetched is used up.
fn inside(
    pages: &[Lines],
    ms: u64,
    offset: u64,
    mut last: Option<String>,
    limits: Limits,
) -> Result<(String, u64, Option<String>, bool), Failure> {
    let (mut records, mut count, mut at) = (String::new(), 0, offset);
    for page in pages {
        // Pages of earlier attempts and the overlap lie before the position that was reached.
        let skip = usize::try_from(at.saturating_sub(page.start)).unwrap_or(usize::MAX);
        for index in skip..page.len() {
            let line = if page.time(index) == ms { page.line(index) } else { "" };
            require_size(line.len(), limits.bytes)?;
            if !line.is_empty() && !limits.admits(count + 1, records.len() + line.len()) {
                return Ok((records, at, last, false));
            }
            count += u64::from(!line.is_empty());
            records.push_str(line);
            at += 1;
            last = page.id(index).map(str::to_owned);
        }
    }
    Ok((records, at, last, true))
}

fn note(notes: &mut Vec<String>, pages: &[Lines]) {
    if pages.iter().any(|page| page.strange_forms > 0) {
        notes.push(
            "some lead forms do not have the documented shape; their answers come without question texts"
                .to_owned(),
        );
    }
}

fn page(records: String, (cursor, more): (Cursor, bool), notes: &[String]) -> Page {
    let facts = (!notes.is_empty()).then(|| json!({ "warnings": notes }).to_string());
    Page { records, cursor: cursor.to_text(), more, facts }
}
