//! LinkedIn's monthly API versions and the days on which they end.
//!
//! A version lives for at least twelve months and then answers 426 for everybody at once, so its end must be announced
//! in time. The dates are those of <https://learn.microsoft.com/en-us/linkedin/marketing/integrations/migrations>.

use super::instant::{DAY_MS, days_from_civil};

/// The version that is asked for unless the configuration says otherwise.
pub(super) const DEFAULT: &str = "202609";

/// How long before a sunset the warning starts, in days.
const NOTICE_DAYS: i64 = 60;

struct Known {
    version: &'static str,
    /// Year, month, day.
    sunset: (i64, i64, i64),
    /// False where the date only follows the pattern of the others.
    published: bool,
}

const fn known(version: &'static str, sunset: (i64, i64, i64), published: bool) -> Known {
    Known { version, sunset, published }
}

/// Oldest first.
const KNOWN: [Known; 13] = [
    known("202508", (2026, 8, 17), true),
    known("202509", (2026, 9, 15), true),
    known("202510", (2026, 10, 15), true),
    known("202511", (2026, 11, 16), true),
    known("202601", (2027, 1, 15), true),
    known("202602", (2027, 2, 15), true),
    known("202603", (2027, 3, 16), true),
    known("202604", (2027, 4, 15), true),
    known("202605", (2027, 5, 15), true),
    known("202606", (2027, 6, 15), true),
    known("202607", (2027, 7, 15), true),
    known("202608", (2027, 8, 15), false),
    known("202609", (2027, 9, 15), false),
];

/// How a version stands on a given day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its sunset is further away than the notice.
    Good(String),
    /// It ends soon, has ended, or is not known to this build. The sentence says what to do.
    Doubtful(String),
}

/// The newest version that this build knows.
pub(super) fn newest() -> &'static str {
    KNOWN.last().map_or(DEFAULT, |known| known.version)
}

/// Whether the text is six digits with a month from 01 to 12.
pub(super) fn is_well_formed(version: &str) -> bool {
    version.len() == 6
        && version.bytes().all(|byte| byte.is_ascii_digit())
        && version.get(4..).is_some_and(|month| ("01"..="12").contains(&month))
}

/// Judges a version at `now_ms` (epoch milliseconds).
pub(super) fn standing(version: &str, now_ms: u64) -> Standing {
    let newest = newest();
    let Some(known) = KNOWN.iter().find(|known| known.version == version) else {
        return Standing::Doubtful(format!(
            "version {version} of the linkedin api is not among those that this connector knows (newest: {newest}), \
             so its end cannot be announced"
        ));
    };
    let (year, month, day) = known.sunset;
    let about = if known.published { "" } else { "about " };
    let date = format!("{about}{year:04}-{month:02}-{day:02}");
    let today = i64::try_from(now_ms / DAY_MS).unwrap_or(i64::MAX);
    let left = days_from_civil(year, month, day) - today;
    if left > NOTICE_DAYS {
        return Standing::Good(format!("version {version}, supported until {date}"));
    }
    let verb = if left > 0 { format!("ends on {date}, in {left} days") } else { format!("ended on {date}") };
    Standing::Doubtful(format!(
        "version {version} of the linkedin api {verb}: set `version` in the source's configuration to {newest} or newer"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(year: i64, month: i64, day: i64) -> u64 {
        u64::try_from(days_from_civil(year, month, day)).unwrap() * DAY_MS
    }

    #[test]
    fn warns_from_sixty_days_before_the_end() {
        assert!(
            matches!(standing("202511", at(2026, 9, 16)), Standing::Good(text) if text.contains("2026-11-16"))
        );
        assert!(
            matches!(standing("202511", at(2026, 9, 17)), Standing::Doubtful(text) if text.contains("in 60 days"))
        );
        assert!(
            matches!(standing("202508", at(2026, 9, 1)), Standing::Doubtful(text) if text.contains("ended on"))
        );
        assert!(
            matches!(standing("202712", at(2026, 9, 1)), Standing::Doubtful(text) if text.contains("not among"))
        );
    }

    #[test]
    fn knows_the_form_of_a_version() {
        assert!(is_well_formed(DEFAULT));
        for bad in ["2026", "202600", "202613", "2026-9", "20260901", "२०२६09"] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }
}
