//! Reads a set that never rests, page after page, each fastened to what was read before.
//!
//! Offsets mean nothing in a set that moves, but the order of responses stays: what was there all the time keeps its
//! place relative to the others. So a page counts only if it begins the set or shows a response that is known already;
//! everything from there to its end then follows without a gap. A page that shows none was reached too far on, and
//! reading steps back. This holds whatever comes and goes in between, in either direction.

use std::collections::BTreeSet;

use crate::capabilities::Capabilities;
use crate::failure::Failure;

use super::Source;
use super::gather::{Attempt, Problem, Reading, Walk, restless};
use super::page::Lines;
use super::slice;

/// How many requests a crawl may take for each page that the slice may hold.
const REQUESTS_PER_PAGE: usize = 6;

impl<C: Capabilities> Source<C> {
    /// Reads everything that is in the range from beginning to end of the crawl. Not whole if the bound of requests is
    /// reached, be it by movement or since there is more than is of use.
    ///
    /// # Errors
    ///
    /// LinkedIn's refusals; [`Failure::Retryable`] where LinkedIn gives single responses, which fasten to nothing.
    pub(super) async fn crawl(&self, reading: &Reading<'_>, walk: Walk) -> Result<Attempt, Failure> {
        let count = self.learned.count(self.config.page_size);
        let mut chain = Chain::default();
        // A quarter of a page may go away between two requests before a step back is needed.
        let overlap = (count / 4).max(1);
        let mut offset = 0;
        for _ in 0..slice::page_bound(walk.records, count) * REQUESTS_PER_PAGE {
            if count < 2 {
                return Err(restless(&reading.subject));
            }
            let page = match self.page(reading, walk, offset, count).await {
                Ok(page) => page,
                Err(Problem::TooLarge(_)) if count > 2 => return Ok(self.limit_to(count / 2)),
                Err(Problem::TooLarge(failure) | Problem::Failed(failure)) => return Err(failure),
            };
            let len = page.len();
            match chain.add(page, offset, count, self.learned.longest.get()) {
                Link::Loose => offset = offset.saturating_sub(count as u64),
                Link::Fast => offset += len.saturating_sub(overlap).max(1) as u64,
                Link::Short => offset += len.saturating_sub(1).max(1) as u64,
                Link::End => return Ok(Attempt::Done { pages: chain.pages, whole: true }),
            }
        }
        Ok(Attempt::Done { pages: chain.pages, whole: false })
    }
}

/// How a page hangs together with those before it.
enum Link {
    /// It shows nothing that is known.
    Loose,
    /// It goes on from what is known, and there may be more.
    Fast,
    /// As `Fast`, but it is shorter than asked for: perhaps the set's end, perhaps LinkedIn's limit.
    Short,
    /// It goes on from what is known, and nothing follows.
    End,
}

/// The pages that hang together, and the ids on them.
#[derive(Default)]
struct Chain {
    pages: Vec<Lines>,
    known: BTreeSet<String>,
    /// The last id and the length of the page before, if that was short against the total that it gave.
    disputed: Option<(String, usize)>,
}

impl Chain {
    /// `longest` is the length of the longest page ever seen: LinkedIn gives as many wherever there are as many.
    fn add(&mut self, page: Lines, offset: u64, count: usize, longest: usize) -> Link {
        let len = page.len();
        let before = self.known.len();
        let ids = || (0..len).filter_map(|index| page.id(index));
        if offset > 0 && !ids().any(|id| self.known.contains(id)) {
            return Link::Loose;
        }
        self.known.extend(ids().map(str::to_owned));
        let is_short = len < count;
        let is_end = is_short && len < longest || len == 0;
        let total_says_more = page.total.is_some_and(|total| total > page.start + len as u64);
        let last = ids().next_back().map(str::to_owned);
        self.pages.push(page);
        let again = self.disputed.take().is_some_and(|(id, earlier)| {
            last.as_ref() == Some(&id) && len < earlier && self.known.len() == before
        });
        if is_end && (!total_says_more || again) {
            return Link::End;
        }
        if is_end {
            // Asked for again from its last response on, the true end shows that and no more.
            self.disputed = last.map(|id| (id, len));
        }
        if is_short { Link::Short } else { Link::Fast }
    }
}
