//! What LinkedIn no longer holds: the part of a sweep that lies beyond the days for which it keeps leads of that kind.
//!
//! LinkedIn answers such a range with what is left of it and says nothing, so it must be said here. The days are
//! settings, since LinkedIn's own pages disagree: see
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>. Pure.

use super::instant::{DAY_MS, rfc3339};
use super::owner::Kind;
use super::sweep::{Begin, Sweep};

/// For how many days LinkedIn keeps leads of a kind unless the configuration says otherwise.
pub(super) fn default_days(kind: Kind) -> u64 {
    if kind == Kind::Sponsored { 90 } else { 365 }
}

/// A sweep whose next page is asked for this long after its end was fixed has stood still.
const STANDSTILL_MS: u64 = DAY_MS;

/// The warning about a part that is lost, if some is. Told by a sweep's first page, and by any later one only after a
/// standstill.
pub(super) fn warning(kind: Kind, days: u64, sweep: &Sweep, now_ms: u64) -> Option<String> {
    let horizon = now_ms.saturating_sub(days.saturating_mul(DAY_MS));
    let (word, until) = (kind.word(), horizon.min(sweep.end));
    match sweep.begin {
        Begin::First if sweep.from < horizon => Some(format!(
            "linkedin keeps {word} leads for {days} days, so of the range asked for it no longer holds {} to {}; only \
             what is later can be read",
            rfc3339(sweep.from),
            rfc3339(until)
        )),
        Begin::Next { done } if done.max(sweep.from) < horizon => Some(format!(
            "this partition was last read up to {}, which is longer ago than the {days} days for which linkedin keeps \
             {word} leads: what was submitted from then to {} and was not read is lost for good; run more often",
            rfc3339(done.max(sweep.from)),
            rfc3339(until)
        )),
        Begin::UnderWay
            if sweep.from < until && now_ms.saturating_sub(sweep.end) > STANDSTILL_MS && !sweep.bounded =>
        {
            Some(format!(
                "reading stood still since {}, and linkedin keeps {word} leads for {days} days: what was submitted \
                 before {} and was not read is lost for good; run more often",
                rfc3339(sweep.end),
                // By the day, so that it is the same sentence on each page.
                rfc3339(until - until % DAY_MS)
            ))
        }
        Begin::First | Begin::Next { .. } | Begin::UnderWay => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000_000;

    fn told(begin: Begin, from_days_ago: u64, end_days_ago: u64) -> Option<String> {
        let at = |days: u64| NOW - days * DAY_MS;
        let (from, end) = (at(from_days_ago), at(end_days_ago));
        let sweep =
            Sweep { from, end, width: 1, expected: 0, dense_at: None, inside: None, begin, bounded: false };
        warning(Kind::Sponsored, 90, &sweep, NOW)
    }

    #[test]
    fn names_the_part_that_is_gone() {
        let text = told(Begin::First, 100, 0).unwrap();
        assert!(text.contains("2026-06-13T14:13:20Z to 2026-06-23T14:13:20Z"), "{text}");
        assert!(text.contains("SPONSORED") && text.contains("90 days"), "{text}");
        let all = told(Begin::First, 100, 95).unwrap();
        assert!(all.contains("2026-06-13T14:13:20Z to 2026-06-18T14:13:20Z"), "{all}");
        assert_eq!(told(Begin::First, 90, 0), None);
    }

    #[test]
    fn a_position_that_fell_behind_is_a_loss() {
        let text = told(Begin::Next { done: NOW - 95 * DAY_MS }, 96, 0).unwrap();
        assert!(text.contains("2026-06-18T14:13:20Z") && text.contains("lost for good"), "{text}");
        // The overlap alone may reach beyond: it was read before.
        assert_eq!(told(Begin::Next { done: NOW - 89 * DAY_MS }, 91, 0), None);
    }

    #[test]
    fn a_sweep_under_way_warns_only_after_a_standstill() {
        assert_eq!(told(Begin::UnderWay, 95, 0), None);
        let text = told(Begin::UnderWay, 95, 5).unwrap();
        assert!(
            text.contains("since 2026-09-16T14:13:20Z") && text.contains("2026-06-23T00:00:00Z"),
            "{text}"
        );
        assert_eq!(told(Begin::UnderWay, 80, 5), None);
    }
}
