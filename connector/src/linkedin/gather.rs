//! Fetches all responses of one time range by offset paging, several pages at once.
//!
//! A set that changes meanwhile is read anew; one that never rests is left to [`super::crawl`].

use futures_util::future::join_all;

use crate::capabilities::{Capabilities, HttpError, Level, Response};
use crate::failure::{Detail, Failure};

use super::errors::{self, CREDENTIAL, Subject};
use super::owner::Holding;
use super::page::Lines;
use super::query::{self, Window};
use super::response::Setting;
use super::selection::Selection;
use super::slice::{self, Sight, Verdict};
use super::{Learned, Source};

/// How often a set that moves is read again before it is crawled through.
const MAX_MOVES: usize = 4;

/// How often reading starts anew for any reason: halving 500 to 2 takes eight.
const MAX_ATTEMPTS: usize = 20;

/// Whose responses are read, and how they become records.
#[derive(Debug)]
pub(super) struct Reading<'r> {
    pub(super) holding: &'r Holding,
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
    /// Whether they hold everything that was in the range all the time.
    pub(super) whole: bool,
}

pub(super) enum Attempt {
    Done {
        pages: Vec<Lines>,
        whole: bool,
    },
    Moved(Vec<Lines>),
    /// LinkedIn's limit is now known.
    Anew,
}

/// A page's answer: lines, or what it takes to make them once names are looked up.
enum Fetched {
    Lines(Lines),
    Body(Response, Window),
}

pub(super) enum Problem {
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
    pub(super) async fn gather(&self, reading: &Reading<'_>, walk: Walk) -> Result<Gathered, Failure> {
        let mut earlier = Vec::new();
        let mut moves = 0;
        for _ in 0..MAX_ATTEMPTS {
            let attempt = match (moves < MAX_MOVES, walk.slice) {
                (true, _) => self.attempt(reading, walk).await?,
                (false, Some(_)) => self.crawl(reading, walk).await?,
                // Positions inside a millisecond mean nothing in a set that moves.
                (false, None) => break,
            };
            match attempt {
                Attempt::Done { mut pages, whole } => {
                    pages.append(&mut earlier);
                    return Ok(Gathered { pages, whole });
                }
                Attempt::Moved(mut pages) => {
                    moves += 1;
                    earlier.append(&mut pages);
                }
                Attempt::Anew => earlier.clear(),
            }
        }
        Err(restless(&reading.subject))
    }

    async fn attempt(&self, reading: &Reading<'_>, walk: Walk) -> Result<Attempt, Failure> {
        let count = self.learned.count(self.config.page_size);
        let (step, bound) = (slice::step(count), slice::page_bound(walk.records, count));
        let mut pages: Vec<Lines> = Vec::new();
        let mut wave = wave(walk.expected, step);
        while pages.len() < bound {
            let first = pages.len();
            let size = wave.clamp(1, self.config.requests_in_flight.min(bound - first));
            let offsets = (first..first + size).map(|index| walk.base + (index * step) as u64);
            let fetched = join_all(offsets.map(|offset| self.fetch_page(reading, walk, offset, count))).await;
            for page in self.named(reading, fetched).await {
                match page {
                    Ok(page) => pages.push(page),
                    Err(Problem::TooLarge(_)) if count > 2 => return Ok(self.limit_to(count / 2)),
                    Err(Problem::TooLarge(failure) | Problem::Failed(failure)) => return Err(failure),
                }
            }
            match slice::assess(&pages, count, self.learned.longest.get()) {
                Verdict::Whole => return Ok(Attempt::Done { pages, whole: true }),
                Verdict::Moved => return Ok(Attempt::Moved(pages)),
                Verdict::Doubtful(index) => return self.probe(reading, walk, (pages, index), count).await,
                Verdict::Open => {}
            }
            match outlook(&pages, walk, step, bound) {
                Some(needed) => wave = needed,
                None => break,
            }
        }
        Ok(Attempt::Done { pages, whole: false })
    }

    /// Finds out whether a short page is the end of the set or LinkedIn's limit: asks for what follows it.
    async fn probe(
        &self,
        reading: &Reading<'_>,
        walk: Walk,
        (mut pages, index): (Vec<Lines>, usize),
        count: usize,
    ) -> Result<Attempt, Failure> {
        let Some(short) = pages.get(index) else { return Ok(Attempt::Moved(pages)) };
        let last = short.len().saturating_sub(1);
        let next = match self.page(reading, walk, short.start + last as u64, count).await {
            Ok(next) => next,
            Err(Problem::TooLarge(failure) | Problem::Failed(failure)) => return Err(failure),
        };
        if next.id(0) != short.id(last) || next.len() > 1 && index > 0 {
            return Ok(Attempt::Moved(pages));
        }
        if next.len() > 1 {
            return Ok(self.limit_to(short.len()));
        }
        pages.truncate(index + 1);
        Ok(Attempt::Done { pages, whole: true })
    }

    pub(super) fn limit_to(&self, limit: usize) -> Attempt {
        // Pages of one response would have nothing in common, and a set that moves would go unnoticed.
        let limit = limit.max(2);
        self.learned.limit.set(limit);
        self.capabilities.log(
            Level::Info,
            "linkedin gives fewer responses a page than asked for",
            &format!("{{\"limit\":{limit}}}"),
        );
        Attempt::Anew
    }

    pub(super) async fn page(
        &self,
        reading: &Reading<'_>,
        walk: Walk,
        offset: u64,
        count: usize,
    ) -> Result<Lines, Problem> {
        match self.fetch_page(reading, walk, offset, count).await? {
            Fetched::Lines(lines) => Ok(lines),
            Fetched::Body(response, window) => {
                self.learn_names(&reading.holding.owner, &[&response.body]).await;
                self.lines(reading, &response, window)
            }
        }
    }

    async fn fetch_page(
        &self,
        reading: &Reading<'_>,
        walk: Walk,
        offset: u64,
        count: usize,
    ) -> Result<Fetched, Problem> {
        let window = Window { start: walk.start, end: walk.end, offset, count };
        let response = match self.send(query::responses(&self.config, reading.holding, window)).await {
            Ok(response) => self.success(&reading.subject, response).map_err(Problem::Failed)?,
            Err(error) => {
                let failure = Failure::from_http(&error, Some(CREDENTIAL));
                let too_large = matches!(error, HttpError::TooLarge(_));
                return Err(if too_large { Problem::TooLarge(failure) } else { Problem::Failed(failure) });
            }
        };
        if self.lacks_names(&reading.holding.owner, &response.body) {
            return Ok(Fetched::Body(response, window));
        }
        self.lines(reading, &response, window).map(Fetched::Lines)
    }

    /// Turns answers into lines, after looking up the names that all of them lack at once.
    async fn named(
        &self,
        reading: &Reading<'_>,
        fetched: Vec<Result<Fetched, Problem>>,
    ) -> Vec<Result<Lines, Problem>> {
        let mut texts: Vec<&[u8]> = Vec::new();
        for fetched in &fetched {
            texts.extend(match fetched {
                Ok(Fetched::Body(response, _)) => Some(response.body.as_slice()),
                _ => None,
            });
        }
        if !texts.is_empty() {
            self.learn_names(&reading.holding.owner, &texts).await;
        }
        let lines = |fetched: Result<Fetched, Problem>| match fetched? {
            Fetched::Lines(lines) => Ok(lines),
            Fetched::Body(response, window) => self.lines(reading, &response, window),
        };
        fetched.into_iter().map(lines).collect()
    }

    fn lines(&self, reading: &Reading<'_>, response: &Response, window: Window) -> Result<Lines, Problem> {
        let page = Lines::from_finder(&response.body, window.offset, &reading.setting, reading.selection)
            .map_err(|error| Problem::Failed(errors::undecodable(&reading.subject, response, &error)))?;
        self.learned.observe(&page, window);
        Ok(page)
    }
}

/// The set never rested, so nothing of it can be trusted.
pub(super) fn restless(subject: &Subject) -> Failure {
    let name = subject.name();
    let detail = Detail::new(format!(
        "{name} changed again and again while they were read; nothing is lost, they are read again later"
    ));
    Failure::Retryable { detail, wait_ms: None }
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
