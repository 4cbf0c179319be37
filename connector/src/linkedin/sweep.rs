//! From the cursor, the selection and the clock to the range that is being swept. Pure.

use crate::failure::Failure;

use super::config::Config;
use super::cursor::{Cursor, LATEST_MS};
use super::selection::Selection;

/// Where a read takes up its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// With the very first page: there is no cursor.
    First,
    /// With the first page of a sweep that follows another, which delivered everything before `done`.
    Next {
        /// Epoch milliseconds.
        done: u64,
    },
    /// In the middle of a sweep.
    UnderWay,
}

/// The range under way: half-open, epoch milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sweep {
    pub(super) from: u64,
    pub(super) end: u64,
    /// The length of the next slice.
    pub(super) width: u64,
    /// How many responses are expected in it; 0 where nothing is known.
    pub(super) expected: u64,
    /// A slice that ended here held too much.
    pub(super) dense_at: Option<u64>,
    /// The position inside the millisecond `from`, and the id just before it.
    pub(super) inside: Option<(u64, Option<String>)>,
    /// How it begins.
    pub(super) begin: Begin,
    /// The selection gave it an end, so its distance from now says nothing.
    pub(super) bounded: bool,
}

/// What a read has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    /// Read from this range.
    Sweep(Sweep),
    /// There is nothing to read; the cursor stays.
    Nothing(Cursor),
}

/// Takes up the sweep that the cursor stands in, or begins the next one.
///
/// # Errors
///
/// [`Failure::Invalid`] for a cursor that this version did not write.
pub(super) fn resume(
    cursor: Option<&str>,
    selection: &Selection,
    config: &Config,
    now_ms: u64,
) -> Result<Work, Failure> {
    let cursor = cursor.map(Cursor::parse).transpose()?;
    let bounded = selection.until_ms.is_some();
    if let Some(Cursor {
        from, sweep_end: Some(end), width_ms, expected, dense_at, ms_offset, ms_last, ..
    }) = cursor
    {
        let inside = ms_offset.map(|offset| (offset, ms_last));
        let begin = Begin::UnderWay;
        return Ok(Work::Sweep(Sweep {
            from,
            end,
            width: width_ms,
            expected,
            dense_at,
            inside,
            begin,
            bounded,
        }));
    }
    let now = now_ms.min(LATEST_MS);
    let since = selection.since_ms.unwrap_or(0);
    let from = match &cursor {
        Some(cursor) => cursor.from.saturating_sub(config.overlap_ms).max(since),
        None => selection.since_ms.unwrap_or_else(|| now.saturating_sub(config.backfill_ms)),
    };
    let end = now.saturating_sub(config.settle_ms).min(selection.until_ms.unwrap_or(LATEST_MS));
    // A range with an end of its own is swept once; what came late to it was covered by the settling.
    let over =
        cursor.as_ref().is_some_and(|cursor| selection.until_ms.is_some_and(|until| cursor.from >= until));
    if over || end <= from {
        return Ok(Work::Nothing(cursor.unwrap_or_else(|| Cursor::between(from, 1))));
    }
    let begin = cursor.map_or(Begin::First, |cursor| Begin::Next { done: cursor.from });
    let width = end - from;
    Ok(Work::Sweep(Sweep { from, end, width, expected: 0, dense_at: None, inside: None, begin, bounded }))
}

impl Sweep {
    /// Where the next slice ends.
    pub(super) fn slice_end(&self) -> u64 {
        self.from.saturating_add(self.width.max(1)).min(self.end)
    }

    /// The cursor after everything before `from` was delivered, and whether there is more.
    pub(super) fn cursor(&self, from: u64, width: u64, expected: u64) -> (Cursor, bool) {
        let width = width.clamp(1, LATEST_MS);
        if from >= self.end {
            return (Cursor::between(self.end, width), false);
        }
        let dense_at = self.dense_at.filter(|&dense| dense > from);
        let mut cursor = Cursor::within(from, self.end, width, expected);
        cursor.dense_at = dense_at;
        (cursor, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000_000;

    fn sweep(cursor: Option<&Cursor>, selection: &str) -> Work {
        let config = Config::parse("{}").unwrap();
        let selection = Selection::parse(Some(selection)).unwrap();
        resume(cursor.map(Cursor::to_text).as_deref(), &selection, &config, NOW).unwrap()
    }

    fn range(work: Work) -> (u64, u64) {
        match work {
            Work::Sweep(sweep) => (sweep.from, sweep.end),
            Work::Nothing(cursor) => panic!("{cursor:?}"),
        }
    }

    #[test]
    fn begins_with_the_backfill_and_goes_on_with_the_overlap() {
        let settled = NOW - 60_000;
        assert_eq!(range(sweep(None, "{}")), (NOW - 90 * 86_400_000, settled));
        let between = Cursor::between(NOW - 900_000, 7);
        assert_eq!(range(sweep(Some(&between), "{}")), (NOW - 1_500_000, settled));
        let within = Cursor::within(5, 9, 2, 1);
        assert_eq!(range(sweep(Some(&within), "{}")), (5, 9));
    }

    #[test]
    fn a_selection_is_the_range_and_is_swept_once() {
        let selection = r#"{"since_ms":1000,"until_ms":2000}"#;
        assert_eq!(range(sweep(None, selection)), (1000, 2000));
        let done = Cursor::between(2000, 1);
        assert_eq!(sweep(Some(&done), selection), Work::Nothing(done.clone()));
        assert!(matches!(sweep(None, r#"{"since_ms":2000,"until_ms":2000}"#), Work::Nothing(_)));
    }

    #[test]
    fn a_clock_that_jumped_back_moves_nothing() {
        let ahead = Cursor::between(NOW + 86_400_000, 7);
        assert_eq!(sweep(Some(&ahead), "{}"), Work::Nothing(ahead.clone()));
    }
}
