//! Civil time from epoch milliseconds, in UTC. Pure: the present is always handed in.

pub(super) const DAY_MS: u64 = 86_400_000;

/// `2026-09-21T14:13:20Z`; parts of a second are dropped.
pub(super) fn rfc3339(ms: u64) -> String {
    let (year, month, day) = civil_from_days(i64::try_from(ms / DAY_MS).unwrap_or(i64::MAX / 2));
    let second = ms % DAY_MS / 1000;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The first 00:00 UTC after this instant.
pub(super) fn next_midnight_ms(ms: u64) -> u64 {
    (ms / DAY_MS).saturating_add(1).saturating_mul(DAY_MS)
}

/// Days since 1970-01-01 of a Gregorian date, counted from March so that the leap day comes last.
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse: year, month and day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12 + 1;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::proptest;

    #[test]
    fn counts_days() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(2000, 2, 29), 11_016);
        assert_eq!(days_from_civil(2026, 10, 1), 20_727);
    }

    #[test]
    fn writes_instants_in_utc() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_790_000_000_999, "2026-09-21T14:13:20Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
        assert_eq!(rfc3339(next_midnight_ms(1_790_000_000_000)), "2026-09-22T00:00:00Z");
        assert_eq!(next_midnight_ms(DAY_MS), 2 * DAY_MS, "midnight itself is not after itself");
    }

    proptest! {
        #[test]
        fn dates_and_days_are_inverse(days in -800_000_i64..3_000_000) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
            assert!((1..=12).contains(&month) && (1..=31).contains(&day));
        }
    }
}
