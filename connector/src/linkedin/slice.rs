//! Decisions about paging and time slices, without any I/O.
//!
//! Neighbouring pages overlap by one response. If the overlap does not fit, the set moved between the two requests;
//! if every overlap fits, each response that was there all the time is on some page. Nothing here depends on
//! `paging.total`, on the order of the responses, or on LinkedIn honouring `count`.

use super::page::Lines;

/// How full a page should become, so that chance rarely makes a slice too large: 4/5.
const FILL: (u64, u64) = (4, 5);

/// The most pages that one slice may take.
const MAX_PAGES: usize = 64;

/// What a sequence of pages says about the set that they were cut from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The pages hold the whole set.
    Whole,
    /// There is more after them.
    Open,
    /// The set changed while it was read.
    Moved,
    /// The page at this index is short, and it is not known whether that is its end or LinkedIn's limit.
    Doubtful(usize),
}

/// How far the next page starts after the one before.
pub(super) fn step(count: usize) -> usize {
    count.saturating_sub(1).max(1)
}

/// How many pages of `count` hold `records`, one more to see the end included.
pub(super) fn page_bound(records: usize, count: usize) -> usize {
    (records.div_ceil(step(count)) + 1).clamp(3, MAX_PAGES)
}

/// Judges pages that were asked for with `count`, each [`step`] after the one before.
///
/// `longest` is the length of the longest page ever seen.
pub(super) fn assess(pages: &[Lines], count: usize, longest: usize) -> Verdict {
    let mut before: Option<&Lines> = None;
    for (index, page) in pages.iter().enumerate() {
        if before.is_some_and(|before| !overlaps(before, page, step(count))) {
            return Verdict::Moved;
        }
        let is_last = || pages.iter().skip(index + 1).all(|later| later.len() == 0);
        match end(page, count, index == 0, longest) {
            End::Here if is_last() => return Verdict::Whole,
            End::Doubtful if index == 0 || is_last() => return Verdict::Doubtful(index),
            End::Here | End::Doubtful => return Verdict::Moved,
            End::Later => {}
        }
        before = Some(page);
    }
    Verdict::Open
}

fn overlaps(before: &Lines, page: &Lines, step: usize) -> bool {
    // With pages of one response there is no overlap to judge by.
    before.len() <= step || before.id(step) == page.id(0)
}

/// What a page says about the end of the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Here,
    Later,
    Doubtful,
}

/// Whether the set ends with this page. A total can raise a doubt but never lay one to rest: only the page after a short
/// one shows whether that was the end or LinkedIn's limit, until a longer page has been seen.
fn end(page: &Lines, count: usize, first: bool, longest: usize) -> End {
    let len = page.len();
    let reached = page.start + len as u64;
    match page.total {
        _ if len == 0 => End::Here,
        _ if len >= count => End::Later,
        Some(total) if total > reached => End::Doubtful,
        _ if first && len >= longest => End::Doubtful,
        _ => End::Here,
    }
}

/// What an unfinished look at a slice has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    /// Responses seen.
    pub(super) seen: u64,
    /// The earliest time among them.
    pub(super) min: u64,
    /// The latest time among them.
    pub(super) max: u64,
    /// The size of the whole set, where LinkedIn gave it.
    pub(super) total: Option<u64>,
}

impl Sight {
    /// What pages show about the slice `[from, to)`.
    pub(super) fn of(pages: &[Lines], from: u64, to: u64) -> Self {
        let mut sight = Self { seen: 0, min: to, max: from, total: None };
        for page in pages {
            let reached = page.start + page.len() as u64;
            sight.total = page.total.filter(|&total| total >= reached).or(sight.total);
            for time in (0..page.len()).map(|index| page.time(index)).filter(|time| (from..to).contains(time))
            {
                sight.seen += 1;
                sight.min = sight.min.min(time);
                sight.max = sight.max.max(time);
            }
        }
        sight
    }

    /// An estimate of how many responses the slice holds.
    pub(super) fn estimate(&self, width: u64) -> u64 {
        let span = (self.max.saturating_sub(self.min) + 1).min(width.max(1));
        self.total.unwrap_or_else(|| scale(self.seen, width, span))
    }
}

/// `value * by / of`, without overflow; `of` is at least 1.
fn scale(value: u64, by: u64, of: u64) -> u64 {
    let product = u128::from(value) * u128::from(by) / u128::from(of.max(1));
    u64::try_from(product).unwrap_or(u64::MAX)
}

/// How many responses a slice should hold.
pub(super) fn target(max_records: usize) -> u64 {
    scale(max_records as u64, FILL.0, FILL.1).max(1)
}

/// The end of a smaller slice that starts at `from`, after `[from, to)` turned out to hold too much, for the `round`th
/// time. At most seven eighths as long at first and half as long later, at least one millisecond.
///
/// Without a total the estimate comes from the latest responses as a rule, since LinkedIn gives those first, and may be
/// far off: a burst makes everything look dense. So one look shrinks by no more than a factor of 64, and every other
/// look that saw a burst only leaves out what it saw.
pub(super) fn shrink(from: u64, to: u64, sight: &Sight, target: u64, round: usize) -> u64 {
    let width = to.saturating_sub(from).max(2);
    let fitting = scale(width, target, sight.estimate(width));
    let most = if round == 0 { width - (width / 8).max(1) } else { width / 2 };
    if sight.total.is_some() {
        return from + fitting.clamp(1, most);
    }
    let least = (width / 64).max(1);
    if round.is_multiple_of(2) && fitting < least && sight.seen > 0 && sight.min > from {
        return sight.min;
    }
    from + fitting.clamp(least, most)
}

/// The length of the next slice and the number of responses expected in it, after one of `width` held `count`
/// responses, which filled the page to `part` of `full`. Grows fourfold at most, and sixteenfold after an empty slice,
/// where looking too far costs only one request. `ahead` is the distance to a place known to hold too much: a nearly
/// empty slice is followed by one that goes half the way there.
pub(super) fn next_width(width: u64, count: u64, (part, full): (u64, u64), ahead: Option<u64>) -> (u64, u64) {
    let most = width.saturating_mul(if count == 0 { 16 } else { 4 });
    let fitting = if part == 0 { most } else { scale(scale(width, FILL.0, FILL.1), full, part) };
    let half_way = ahead.filter(|_| part == 0 || part < full / 4).map_or(u64::MAX, |ahead| ahead / 2);
    let next = fitting.min(half_way).clamp(1, most.max(1));
    (next, scale(count, next, width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_always_ends_at_one_millisecond() {
        for total in [None, Some(5_000)] {
            for seen in [1, 1_000] {
                let (from, mut to, mut round) = (1_000, 1_000 + (1 << 40), 0);
                while to - from > 1 {
                    let sight = Sight { seen, min: from, max: to - 1, total };
                    let next = shrink(from, to, &sight, 800, round);
                    assert!(next > from && next < to, "{from} {to} {next}");
                    (to, round) = (next, round + 1);
                }
                assert!(round <= 45);
            }
        }
    }

    #[test]
    fn shrinking_aims_at_the_target() {
        let uniform = Sight { seen: 100, min: 9_900, max: 9_999, total: None };
        assert_eq!(shrink(0, 10_000, &uniform, 800, 0), 800);
        let told = Sight { total: Some(1_000_000), ..uniform };
        assert_eq!(shrink(0, 10_000, &told, 800, 0), 8);
        let burst = Sight { seen: 100, min: 9_999, max: 9_999, total: None };
        assert_eq!(shrink(0, 10_000, &burst, 80, 0), 9_999);
        assert_eq!(shrink(0, 10_000, &burst, 80, 1), 156);
        let sparse = Sight { seen: 10, min: 0, max: 9_999, total: None };
        assert_eq!((shrink(0, 10_000, &sparse, 800, 0), shrink(0, 10_000, &sparse, 800, 1)), (8_750, 5_000));
    }

    #[test]
    fn the_next_slice_aims_at_four_fifths_and_grows_at_most_fourfold() {
        assert_eq!(next_width(1_000, 500, (500, 1_000), Some(9)), (1_600, 800));
        assert_eq!(next_width(1_000, 1_600, (1_600, 1_000), None), (500, 800));
        assert_eq!(next_width(1_000, 1, (1, 1_000), None), (4_000, 4));
        assert_eq!(next_width(1_000, 0, (0, 1_000), None), (16_000, 0));
        assert_eq!(next_width(1_000, 0, (0, 1_000), Some(900)), (450, 0));
        assert_eq!(next_width(1, 5_000, (5_000, 1_000), None).0, 1);
    }
}
