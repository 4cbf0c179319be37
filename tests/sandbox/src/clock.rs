//! The injected clock. Nothing else in this package may read the system's time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// One second in milliseconds.
pub const SECOND_MS: u64 = 1_000;
/// One day in milliseconds.
pub const DAY_MS: u64 = 86_400 * SECOND_MS;

/// A source of the current time, in epoch milliseconds. Cheap to clone.
#[derive(Clone)]
pub struct Clock {
    read: Arc<dyn Fn() -> u64 + Send + Sync>,
    system: bool,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        let read = || {
            // A system clock before 1970 reads as 1970; a duration since then fits 64 bits of milliseconds.
            let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
        };
        Self { read: Arc::new(read), system: true }
    }

    /// A clock that stands at `start_ms` until the handle moves it.
    pub fn manual(start_ms: u64) -> (Self, ManualClock) {
        let handle = ManualClock(Arc::new(AtomicU64::new(start_ms)));
        let read = handle.clone();
        (Self { read: Arc::new(move || read.0.load(Ordering::SeqCst)), system: false }, handle)
    }

    /// The current time in epoch milliseconds.
    pub fn now_ms(&self) -> u64 {
        (self.read)()
    }

    /// Whether it runs by itself.
    pub(crate) fn is_system(&self) -> bool {
        self.system
    }

    pub(crate) fn as_now(&self) -> crate::dataverse::Now {
        Arc::clone(&self.read)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Moves a clock made by [`Clock::manual`].
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Moves the clock forward by `ms` milliseconds.
    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the clock to `ms` epoch milliseconds.
    pub fn set(&self, ms: u64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

/// A date of the proleptic Gregorian calendar in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
}

impl Date {
    /// The UTC date at `ms` epoch milliseconds (days to civil date, counted in 400-year eras that start in March).
    pub(crate) fn at(ms: u64) -> Self {
        let days = ms / DAY_MS + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Self { year, month, day: day_of_year - (153 * shifted + 2) / 5 + 1 }
    }

    /// Parses `YYYY-MM-DD`; `None` for anything else. Days beyond a month's end are not looked for.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        if parts.next().is_some() || !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
            return None;
        }
        let date = Self { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
        ((1..=12).contains(&date.month) && (1..=31).contains(&date.day)).then_some(date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        let date = |year, month, day| Date { year, month, day };
        assert_eq!(Date::at(0), date(1970, 1, 1));
        assert_eq!(Date::at(951_782_400_000), date(2000, 2, 29));
        assert_eq!(Date::at(1_785_542_400_000), date(2026, 8, 1));
        assert_eq!(Date::at(1_785_542_400_000 - 1), date(2026, 7, 31));
    }

    #[test]
    fn dates_are_parsed_strictly() {
        assert_eq!(Date::parse("2026-08-17"), Some(Date { year: 2026, month: 8, day: 17 }));
        for bad in ["2026-8-17", "2026-13-01", "2026-08", "2026-08-17-1", "20260817", "+026-08-17"] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn manual_clock_moves_only_by_its_handle() {
        let (clock, handle) = Clock::manual(5);
        handle.advance(7);
        assert_eq!(clock.now_ms(), 12);
        handle.set(3);
        assert_eq!(clock.now_ms(), 3);
    }
}
