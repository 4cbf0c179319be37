//! Instants and dates as the Web API writes them. Pure arithmetic: no clock is read here.

const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970 of an ISO 8601 instant that names its offset (`Z` or `+hh:mm`).
pub(crate) fn parse_instant(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once('T')?;
    let day = parse_date(date)?;
    let (clock, offset_minutes) = split_offset(rest)?;
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || fraction.len() > 7 {
        return None;
    }
    let mut parts = whole.split(':');
    let hour = two_digits(parts.next()?, 23)?;
    let minute = two_digits(parts.next()?, 59)?;
    let second = parts.next().map_or(Some(0), |part| two_digits(part, 59))?;
    if parts.next().is_some() {
        return None;
    }
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(day * DAY_MS + (hour * 3600 + (minute - offset_minutes) * 60 + second) * 1000 + millis)
}

/// Days since 1970 of `YYYY-MM-DD`.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let year_text =
        parts.next().filter(|part| part.len() == 4 && part.bytes().all(|b| b.is_ascii_digit()))?;
    let year: i64 = year_text.parse().ok()?;
    let month = two_digits(parts.next()?, 12)?;
    let day = two_digits(parts.next()?, 31)?;
    if parts.next().is_some() || month == 0 || day == 0 || year < 1753 {
        return None;
    }
    let days = days_from_civil(year, month, day);
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

/// `2026-02-03T09:14:55Z`: the service keeps whole seconds.
pub(crate) fn instant(ms: i64) -> String {
    let (days, rest) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS) / 1000);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", date(days))
}

/// `2026-02-03`.
pub(crate) fn date(days: i64) -> String {
    let (year, month, day) = civil_from_days(days);
    format!("{year:04}-{month:02}-{day:02}")
}

fn split_offset(rest: &str) -> Option<(&str, i64)> {
    if let Some(clock) = rest.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let at = rest.rfind(['+', '-'])?;
    let (clock, offset) = rest.split_at(at);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    Some((clock, sign * (two_digits(hours, 14)? * 60 + two_digits(minutes, 59)?)))
}

fn two_digits(text: &str, max: i64) -> Option<i64> {
    if text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| *value <= max)
}

// Both conversions count in 400-year eras that begin on 1 March, so that the leap day ends a year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let civil = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(civil <= 2), civil, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_round_trip_and_name_their_offset() {
        for text in
            ["1970-01-01T00:00:00Z", "2026-02-03T09:14:55Z", "2024-02-29T23:59:59Z", "2000-12-31T12:00:01Z"]
        {
            assert_eq!(instant(parse_instant(text).unwrap()), text);
        }
        assert_eq!(parse_instant("2026-02-03T09:14:55+01:00"), parse_instant("2026-02-03T08:14:55Z"));
        assert_eq!(parse_instant("2026-02-03T09:14:55.123Z").unwrap() % 1000, 123);
        for bad in
            ["2026-02-03", "2026-02-03T09:14:55", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "T", "x"]
        {
            assert_eq!(parse_instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_day_of_some_centuries_round_trips() {
        for days in -60_000..60_000 {
            assert_eq!(parse_date(&date(days)), Some(days));
        }
    }
}
