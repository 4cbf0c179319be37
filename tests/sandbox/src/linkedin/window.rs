//! Windows over one account's responses: newest first, by offset, without walking what lies before.
//!
//! Order: `submittedAt` falling, then id rising. The generated part is answered from closed forms; what changed while
//! the sandbox ran (arrivals and deletions, few) is laid over it. Pure.

use std::collections::BTreeSet;
use std::ops::Range;

use super::population::{Population, partition_point};

/// What happened to an account's responses while the sandbox ran.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccountChanges {
    /// Responses that arrived: index and time, in order of time. Their positions follow the generated ones.
    pub(crate) arrivals: Vec<(u64, u64)>,
    /// Positions of deleted responses.
    pub(crate) deleted: BTreeSet<u64>,
}

/// One account's responses as they are now. Positions count from the oldest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountView<'a> {
    pub(crate) population: &'a Population,
    pub(crate) account: u64,
    pub(crate) changes: &'a AccountChanges,
}

impl AccountView<'_> {
    /// Number of positions, deleted ones included.
    pub(crate) fn len(&self) -> u64 {
        self.generated() + self.changes.arrivals.len() as u64
    }

    fn generated(&self) -> u64 {
        self.population.len_of(self.account)
    }

    fn arrival(&self, local: u64) -> Option<(u64, u64)> {
        let at = usize::try_from(local.checked_sub(self.generated())?).ok()?;
        self.changes.arrivals.get(at).copied()
    }

    /// Submission time in epoch milliseconds.
    pub(crate) fn submitted_at(&self, local: u64) -> u64 {
        self.arrival(local)
            .map_or_else(|| self.population.submitted_at(self.account, local), |(_, time)| time)
    }

    /// The index of a position.
    pub(crate) fn index(&self, local: u64) -> u64 {
        self.arrival(local).map_or_else(|| self.population.index(self.account, local), |(index, _)| index)
    }

    /// The positions submitted from `from_ms` up to but not including `until_ms`.
    pub(crate) fn window(&self, from_ms: u64, until_ms: u64) -> Range<u64> {
        let from = partition_point(0..self.len(), |local| self.submitted_at(local) < from_ms);
        let until = partition_point(from..self.len(), |local| self.submitted_at(local) < until_ms);
        from..until
    }

    /// Number of responses in a window, without the deleted ones.
    pub(crate) fn count(&self, window: &Range<u64>) -> u64 {
        window.end - window.start - self.changes.deleted.range(window.clone()).count() as u64
    }

    /// One page of a window: positions in order. Takes time proportional to the page, the deletions and the number of
    /// equal times at its edge.
    pub(crate) fn page(&self, window: &Range<u64>, start: u64, count: u64) -> Vec<u64> {
        let rank = self.rank_without_deleted(window, start);
        let walk = Walk::at(self, window, rank);
        walk.filter(|local| !self.changes.deleted.contains(local)).take(bounded(count)).collect()
    }

    /// One page of those in a window that pass `keep`, and how many pass in all. Walks the window.
    pub(crate) fn page_where(
        &self,
        window: &Range<u64>,
        start: u64,
        count: u64,
        keep: impl Fn(u64) -> bool,
    ) -> (Vec<u64>, u64) {
        let (mut page, mut passed) = (Vec::new(), 0_u64);
        for local in Walk::at(self, window, 0) {
            if self.changes.deleted.contains(&local) || !keep(local) {
                continue;
            }
            if passed >= start && page.len() < bounded(count) {
                page.push(local);
            }
            passed += 1;
        }
        (page, passed)
    }

    /// The rank that holds the `start`-th response which is not deleted.
    fn rank_without_deleted(&self, window: &Range<u64>, start: u64) -> u64 {
        let mut deleted: Vec<u64> =
            self.changes.deleted.range(window.clone()).map(|local| self.rank(window, *local)).collect();
        deleted.sort_unstable();
        deleted.into_iter().fold(start, |rank, gone| rank.saturating_add(u64::from(gone <= rank)))
    }

    /// The rank of a position: how many come before it.
    fn rank(&self, window: &Range<u64>, local: u64) -> u64 {
        let group = self.group(window, local);
        let head = self.head(local);
        window.end - group.end + group.filter(|other| self.head(*other) < head).count() as u64
    }

    fn head(&self, local: u64) -> u32 {
        self.population.id_head(self.index(local))
    }

    /// The positions in a window that share the time of one of them.
    fn group(&self, window: &Range<u64>, local: u64) -> Range<u64> {
        let time = self.submitted_at(local);
        let start = partition_point(window.start..local, |other| self.submitted_at(other) < time);
        let end = partition_point(local + 1..window.end, |other| self.submitted_at(other) <= time);
        start..end
    }
}

/// A count as a length; counts are bounded far below either limit.
fn bounded(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The positions of a window in order, from a rank on. Equal times are gathered and sorted by id.
struct Walk<'a> {
    view: &'a AccountView<'a>,
    window: Range<u64>,
    /// The current group, last one first.
    group: Vec<u64>,
}

impl<'a> Walk<'a> {
    fn at(view: &'a AccountView<'a>, window: &Range<u64>, rank: u64) -> Self {
        let mut walk = Self { view, window: window.clone(), group: Vec::new() };
        match window.end.checked_sub(rank).filter(|end| *end > window.start) {
            None => walk.window.end = walk.window.start,
            Some(end) => {
                let group = view.group(window, end - 1);
                let passed = rank - (window.end - group.end);
                walk.window.end = group.end;
                walk.gather(group);
                walk.group.truncate(walk.group.len().saturating_sub(bounded(passed)));
            }
        }
        walk
    }

    fn gather(&mut self, group: Range<u64>) {
        self.window.end = group.start;
        self.group.extend(group);
        if self.group.len() > 1 {
            let view = self.view;
            self.group.sort_unstable_by_key(|local| std::cmp::Reverse(view.head(*local)));
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.group.is_empty() && self.window.start < self.window.end {
            let last = self.window.end - 1;
            let time = self.view.submitted_at(last);
            // Groups are small: a step back costs less than a search.
            let mut start = last;
            while start > self.window.start && self.view.submitted_at(start - 1) == time {
                start -= 1;
            }
            self.gather(start..last + 1);
        }
        self.group.pop()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANCHOR_MS: u64 = 1_790_000_000_000;

    fn population(seed: u64, responses: u64, span_ms: u64) -> Population {
        Population {
            seed,
            responses,
            accounts: 2,
            organic_responses: 0,
            organic_slices: 0,
            oldest_ms: ANCHOR_MS - span_ms,
            anchor_ms: ANCHOR_MS,
        }
    }

    /// Every response of the account in order, by brute force.
    fn oracle(view: &AccountView<'_>, from_ms: u64, until_ms: u64) -> Vec<u64> {
        let mut all: Vec<u64> = (0..view.len())
            .filter(|local| (from_ms..until_ms).contains(&view.submitted_at(*local)))
            .filter(|local| !view.changes.deleted.contains(local))
            .collect();
        all.sort_by_key(|local| {
            (std::cmp::Reverse(view.submitted_at(*local)), view.population.id(view.index(*local)))
        });
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn pages_equal_a_brute_force_sort(
            seed: u64,
            responses in 0_u64..1_500,
            span_ms in prop_oneof![1_u64..2_000, 1_000_000_u64..7_000_000_000],
            (from, until) in (0.0_f64..1.0, 0.0_f64..1.3),
            start in 0_u64..900,
            count in 0_u64..300,
            arrivals in 0_u64..40,
            deleted in proptest::collection::btree_set(0_u64..760, 0..30),
        ) {
            let population = population(seed, responses, span_ms);
            let base = population.len_of(0);
            let arrivals = (0..arrivals).map(|n| (responses + n, ANCHOR_MS + n / 7)).collect::<Vec<_>>();
            let len = base + arrivals.len() as u64;
            let changes = AccountChanges { arrivals, deleted: deleted.into_iter().filter(|d| *d < len).collect() };
            let view = AccountView { population: &population, account: 0, changes: &changes };
            let at = |share: f64| ANCHOR_MS - span_ms + (share * span_ms as f64) as u64;
            let (from_ms, until_ms) = (at(from), at(until).max(at(from)));

            let wanted = oracle(&view, from_ms, until_ms);
            let window = view.window(from_ms, until_ms);
            prop_assert_eq!(view.count(&window), wanted.len() as u64);
            let slice: Vec<u64> = wanted.iter().copied().skip(start as usize).take(count as usize).collect();
            prop_assert_eq!(view.page(&window, start, count), slice);

            let odd: Vec<u64> = wanted.iter().copied().filter(|local| local % 2 == 1).collect();
            let (page, passed) = view.page_where(&window, start, count, |local| local % 2 == 1);
            prop_assert_eq!(passed, odd.len() as u64);
            let slice: Vec<u64> = odd.into_iter().skip(start as usize).take(count as usize).collect();
            prop_assert_eq!(page, slice);
        }

        #[test]
        fn consecutive_pages_make_up_the_window(seed: u64, responses in 1_u64..2_000, size in 1_u64..130) {
            let population = population(seed, responses, 5_000_000);
            let changes = AccountChanges::default();
            let view = AccountView { population: &population, account: 1, changes: &changes };
            let window = view.window(0, u64::MAX);
            let paged: Vec<u64> =
                (0..).step_by(size as usize).take_while(|s| *s < view.len()).flat_map(|s| view.page(&window, s, size)).collect();
            prop_assert_eq!(paged, oracle(&view, 0, u64::MAX));
        }
    }

    #[test]
    fn a_start_beyond_the_end_is_an_empty_page() {
        let population = population(1, 20, 1_000);
        let changes = AccountChanges::default();
        let view = AccountView { population: &population, account: 0, changes: &changes };
        let window = view.window(0, u64::MAX);
        for start in [10, 11, 1_000_000, u64::MAX] {
            assert!(view.page(&window, start, 10).is_empty(), "{start}");
        }
    }
}
