//! Fetches all responses of one time range by offset paging, several pages at once.

use futures_util::future::join_all;

use crate::capabilities::{Capabilities, HttpError, Level};
use crate::failure::{Detail, Failure};

use super::errors::{self, CREDENTIAL, Subject};
use super::page::Lines;
use super::query::{self, Window};
use super::response::Setting;
use super::selection::Selection;
use super::slice::{self, Sight, Verdict};
use super::{Learned, Source};

/// How often a set that moves is read again before movement is tolerated.
const MAX_MOVES: usize = 4;

/// How often reading starts anew for any reason: halving 500 to 2 takes eight.
const MAX_ATTEMPTS: usize = 20;

/// Whose responses are read, and how they become records.
#[derive(Debug)]
pub(super) struct Owner<'r> {
    pub(super) account: &'r str,
    pub(super) setting: Setting<'r>,
    pub(super) selection: &'r Selection,
    pub(super) subject: Subject,
}

/// A range to walk through, in epoch milliseconds as LinkedIn takes them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    pub(super) start: u64,
    pub(super) end: u64,
    /// The index of the first response.
    pub(super) base: u64,
    /// How many responses to expect; 0 looks at the first page alone.
    pub(super) expected: u64,
    /// How many responses are of use.
    pub(super) records: usize,
    /// The slice `[from, to)` that the range covers, if the walk may stop early because it holds far too much.
    pub(super) slice: Option<(u64, u64)>,
}

/// What a walk brought back.
#[derive(Debug)]
pub(super) struct Gathered {
    /// In order; after movement also the pages of earlier attempts, at the end.
    pub(super) pages: Vec<Lines>,
    /// Whether they hold everything in the range.
    pub(super) whole: bool,
    /// Whether the set kept moving, so that something may be missing.
    pub(super) restless: bool,
}

enum Attempt {
    Done {
        pages: Vec<Lines>,
        whole: bool,
    },
    Moved(Vec<Lines>),
    /// LinkedIn's limit is now known.
    Anew,
}

enum Problem {
    TooLarge(Failure),
    Failed(Failure),
}

impl Learned {
    pub(super) fn count(&self, wanted: usize) -> usize {
        wanted.min(self.limit.get()).max(1)
    }

    /// The range that surely holds `[from, to)`, whichever bounds LinkedIn includes.
    pub(super) fn range(&self, from: u64, to: u64) -> (u64, u64) {
        let start = if self.start_inclusive.get() { from } else { from.saturating_sub(1) };
        let end = if self.end_inclusive.get() { to.saturating_sub(1) } else { to };
        (start, end.max(start + 1))
    }

    fn observe(&self, page: &Lines, window: Window) {
        self.longest.set(self.longest.get().max(page.len()));
        for time in (0..page.len()).map(|index| page.time(index)) {
            if time == window.start {
                self.start_inclusive.set(true);
            } else if time == window.end {
                self.end_inclusive.set(true);
            }
        }
    }
}

impl<C: Capabilities> Source<C> {
    /// Walks through a range until it is read whole, or holds more than is of use.
    ///
    /// # Errors
    ///
    /// LinkedIn's refusals.
    pub(super) async fn gather(&self, owner: &Owner<'_>, walk: Walk) -> Result<Gathered, Failure> {
        let mut earlier = Vec::new();
        let mut moves = 0;
        for _ in 0..MAX_ATTEMPTS {
            match self.attempt(owner, walk, moves < MAX_MOVES).await? {
                Attempt::Done { mut pages, whole } => {
                    pages.append(&mut earlier);
                    return Ok(Gathered { pages, whole, restless: moves >= MAX_MOVES });
                }
                Attempt::Moved(mut pages) => {
                    moves += 1;
                    earlier.append(&mut pages);
                }
                Attempt::Anew => earlier.clear(),
            }
        }
        let name = owner.subject.name();
        let detail = Detail::new(format!(
            "{name} changed again and again while they were read: they are read again later"
        ));
        Err(Failure::Retryable { detail, wait_ms: None })
    }

    async fn attempt(&self, owner: &Owner<'_>, walk: Walk, strict: bool) -> Result<Attempt, Failure> {
        let count = self.learned.count(self.config.page_size);
        let (step, bound) = (slice::step(count), slice::page_bound(walk.records, count));
        let mut pages: Vec<Lines> = Vec::new();
        // While movement is tolerated, pages are read one after the other: what arrives in between then only repeats
        // responses on the next page, whereas pages that are served out of order leave gaps between them.
        let at_once = if strict { self.config.requests_in_flight } else { 1 };
        let mut wave = wave(walk.expected, step);
        while pages.len() < bound {
            let first = pages.len();
            let size = wave.clamp(1, at_once.min(bound - first));
            let offsets = (first..first + size).map(|index| walk.base + (index * step) as u64);
            let fetched = join_all(offsets.map(|offset| self.page(owner, walk, offset, count))).await;
            for page in fetched {
                match page {
                    Ok(page) => pages.push(page),
                    Err(Problem::TooLarge(_)) if count > 2 => return Ok(self.limit_to(count / 2)),
                    Err(Problem::TooLarge(failure) | Problem::Failed(failure)) => return Err(failure),
                }
            }
            match slice::assess(&pages, count, self.learned.longest.get(), strict) {
                Verdict::Whole => return Ok(Attempt::Done { pages, whole: true }),
                Verdict::Moved => return Ok(Attempt::Moved(pages)),
                Verdict::Clamped(limit) => return Ok(self.limit_to(limit)),
                Verdict::Doubtful => return self.probe(owner, walk, pages, count).await,
                Verdict::Open => {}
            }
            match outlook(&pages, walk, step, bound) {
                Some(needed) => wave = needed,
                None => break,
            }
        }
        Ok(Attempt::Done { pages, whole: false })
    }

    /// Finds out whether a short first page is the whole set or LinkedIn's limit: asks for what follows it.
    async fn probe(
        &self,
        owner: &Owner<'_>,
        walk: Walk,
        mut pages: Vec<Lines>,
        count: usize,
    ) -> Result<Attempt, Failure> {
        let Some(first) = pages.first() else { return Ok(Attempt::Moved(pages)) };
        let len = first.len();
        let offset = walk.base + len.saturating_sub(1) as u64;
        let next = match self.page(owner, walk, offset, count).await {
            Ok(next) => next,
            Err(Problem::TooLarge(failure) | Problem::Failed(failure)) => return Err(failure),
        };
        if next.id(0) != first.id(len.saturating_sub(1)) {
            return Ok(Attempt::Moved(pages));
        }
        if next.len() > 1 {
            return Ok(self.limit_to(len));
        }
        pages.truncate(1);
        Ok(Attempt::Done { pages, whole: true })
    }

    fn limit_to(&self, limit: usize) -> Attempt {
        self.learned.limit.set(limit.max(1));
        self.capabilities.log(
            Level::Info,
            "linkedin gives fewer responses a page than asked for",
            &format!("{{\"limit\":{limit}}}"),
        );
        Attempt::Anew
    }

    async fn page(&self, owner: &Owner<'_>, walk: Walk, offset: u64, count: usize) -> Result<Lines, Problem> {
        let window = Window { start: walk.start, end: walk.end, offset, count };
        let response = match self.send(query::responses(&self.config, owner.account, window)).await {
            Ok(response) => self.success(&owner.subject, response).map_err(Problem::Failed)?,
            Err(error) => {
                let failure = Failure::from_http(&error, Some(CREDENTIAL));
                let too_large = matches!(error, HttpError::TooLarge(_));
                return Err(if too_large { Problem::TooLarge(failure) } else { Problem::Failed(failure) });
            }
        };
        let page = Lines::from_finder(&response.body, offset, &owner.setting, owner.selection)
            .map_err(|error| Problem::Failed(errors::undecodable(&owner.subject, &response, &error)))?;
        self.learned.observe(&page, window);
        Ok(page)
    }
}

/// How many pages to ask for at once when this many responses are expected; chance adds its square root, twice.
fn wave(expected: u64, step: usize) -> usize {
    let likely = expected.saturating_add(2 * expected.isqrt());
    usize::try_from(likely).unwrap_or(usize::MAX).div_ceil(step).max(1)
}

/// How many further pages are needed by what was seen; None if the slice holds far more than is of use.
fn outlook(pages: &[Lines], walk: Walk, step: usize, bound: usize) -> Option<usize> {
    let (from, to) = walk.slice.unwrap_or((0, u64::MAX));
    let sight = Sight::of(pages, from, to);
    let known = sight.total.map(|total| total.saturating_sub(walk.base));
    let estimate = match (known, walk.slice) {
        (Some(known), _) => known,
        (None, Some(_)) => sight.estimate(to - from),
        (None, None) => u64::MAX,
    };
    let needed = usize::try_from(estimate).unwrap_or(usize::MAX).div_ceil(step);
    // What a single page shows of the density may be wrong by chance, a total is not.
    let tolerated = if known.is_none() && pages.len() == 1 { bound + bound / 2 } else { bound };
    if walk.slice.is_some() && needed > tolerated {
        return None;
    }
    Some(needed.saturating_sub(pages.len()).max(1))
}
