//! What a command is narrowed to, as a person says it: times, and attributes of records.
//!
//! Turns words into the contract's selection. Which attributes there are is the component's to know.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use serde::Serialize;

/// Narrows a command to some of the records.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Narrow to")]
pub(crate) struct Selection {
    /// From this time on: `2026-08-01`, `2026-08-01T09:00:00Z`, or an age such as `30d` or `12h`
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<String>,
    /// Up to this time, exclusive; written as for --since
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<String>,
    #[command(flatten)]
    pub(super) narrowed: Narrowed,
}

/// Narrows a command by attributes of records.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Narrow to")]
pub(crate) struct Narrowed {
    /// Where an attribute has this value; may be repeated: values of one attribute are alternatives
    #[arg(long = "where", value_name = "NAME=VALUE", value_parser = attribute)]
    pub(super) attributes: Vec<(String, String)>,
    /// Short for --where account=ID
    #[arg(long, value_name = "ID")]
    pub(super) account: Vec<String>,
    /// Short for --where form=ID
    #[arg(long, value_name = "ID")]
    pub(super) form: Vec<String>,
    /// Short for --where kind=KIND
    #[arg(long, value_name = "KIND")]
    pub(super) kind: Vec<String>,
}

fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("write NAME=VALUE, such as `account=503000111`".to_owned()),
    }
}

/// The contract's selection.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    since_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<u64>,
    #[serde(rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, Vec<String>>,
}

impl Selection {
    /// The contract's selection; none where everything is meant. The same words give the same text, except for ages.
    pub(super) fn to_json(&self, now_ms: u64) -> Result<Option<String>, String> {
        let time = |flag: &str, text: Option<&String>| {
            text.map(|text| instant_ms(text, now_ms).map_err(|problem| format!("{flag} {problem}")))
                .transpose()
        };
        let since_ms = time("--since", self.since.as_ref())?;
        let until_ms = time("--until", self.until.as_ref())?;
        if let (Some(since), Some(until)) = (since_ms, until_ms)
            && since >= until
        {
            return Err("--since must lie before --until".to_owned());
        }
        Ok(text(&Told { since_ms, until_ms, attributes: self.narrowed.attributes() }))
    }
}

impl Narrowed {
    /// The contract's selection; none where everything is meant.
    pub(super) fn to_json(&self) -> Option<String> {
        text(&Told { since_ms: None, until_ms: None, attributes: self.attributes() })
    }

    /// Sorted and each once, so that the order of the words does not matter.
    fn attributes(&self) -> BTreeMap<String, Vec<String>> {
        let short = [("account", &self.account), ("form", &self.form), ("kind", &self.kind)];
        let short =
            short.into_iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        let long = self.attributes.iter().map(|(name, value)| (name.as_str(), value));
        let mut attributes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in long.chain(short) {
            attributes.entry(name.to_owned()).or_default().push(value.clone());
        }
        for values in attributes.values_mut() {
            values.sort();
            values.dedup();
        }
        attributes
    }
}

fn text(told: &Told) -> Option<String> {
    let empty = told.since_ms.is_none() && told.until_ms.is_none() && told.attributes.is_empty();
    // Strings, lists and numbers always serialise.
    (!empty).then(|| serde_json::to_string(told).unwrap_or_default())
}

/// Epoch milliseconds of a date (its beginning in UTC), an instant, or an age.
fn instant_ms(text: &str, now_ms: u64) -> Result<u64, String> {
    let wrong = || {
        format!(
            "`{text}` is no time: write a date (2026-08-01), an instant (2026-08-01T09:00:00Z) or an age (30d, 12h)"
        )
    };
    let instant = match (text.parse::<Timestamp>(), text.parse::<Date>(), text.parse::<Span>()) {
        (Ok(instant), ..) => instant,
        (_, Ok(date), _) => date.to_zoned(TimeZone::UTC).map_err(|_| wrong())?.timestamp(),
        (_, _, Ok(age)) if age.is_positive() => before(now_ms, age).ok_or_else(wrong)?,
        _ => return Err(wrong()),
    };
    u64::try_from(instant.as_millisecond()).map_err(|_| format!("`{text}` lies before 1970"))
}

fn before(now_ms: u64, age: Span) -> Option<Timestamp> {
    let now = Timestamp::from_millisecond(i64::try_from(now_ms).ok()?).ok()?;
    Some(now.to_zoned(TimeZone::UTC).checked_sub(age).ok()?.timestamp())
}

/// An instant for a person: `2026-08-01 09:00 UTC`.
pub(super) fn instant(at_ms: u64) -> String {
    let minute = i64::try_from(at_ms).ok().and_then(|at_ms| Timestamp::from_millisecond(at_ms).ok());
    // Rounded up, since nothing is ready before its time.
    let minute = minute.and_then(|at| at.checked_add(59_999.milliseconds()).ok());
    minute.map_or_else(|| at_ms.to_string(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_MS: u64 = 1_785_585_600_000; // 2026-08-01T12:00:00Z

    fn selection(since: &str, until: &str) -> Selection {
        let time = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Selection { since: time(since), until: time(until), ..Selection::default() }
    }

    #[test]
    fn times_are_dates_instants_and_ages() {
        for (text, ms) in [
            ("2026-08-01", NOON_MS - 12 * 3_600_000),
            ("2026-08-01T12:00:00Z", NOON_MS),
            ("2026-08-01T14:00:00+02:00", NOON_MS),
            ("12h", NOON_MS - 12 * 3_600_000),
            ("30d", NOON_MS - 30 * 86_400_000),
            ("2w", NOON_MS - 14 * 86_400_000),
        ] {
            assert_eq!(instant_ms(text, NOON_MS), Ok(ms), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "-3d", "12", "1960-01-01", "99999y"] {
            assert!(instant_ms(text, NOON_MS).is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_words_in_any_order_give_one_text() {
        let one = Narrowed {
            attributes: vec![("kind".into(), "B".into())],
            kind: vec!["A".into(), "B".into()],
            account: vec!["7".into()],
            form: Vec::new(),
        };
        let told = one.to_json();
        assert_eq!(told.as_deref(), Some(r#"{"where":{"account":["7"],"kind":["A","B"]}}"#));
        assert_eq!(Narrowed::default().to_json(), None);
    }

    #[test]
    fn a_range_has_a_beginning_before_its_end() {
        let told = selection("2026-08-01", "2026-08-02").to_json(NOON_MS).unwrap();
        let range = format!(r#"{{"since_ms":{},"until_ms":{}}}"#, NOON_MS - 43_200_000, NOON_MS + 43_200_000);
        assert_eq!(told, Some(range));
        assert!(
            selection("2026-08-02", "2026-08-01").to_json(NOON_MS).unwrap_err().contains("before --until")
        );
        assert!(selection("soon", "").to_json(NOON_MS).unwrap_err().starts_with("--since `soon` is no time"));
    }

    #[test]
    fn instants_are_told_to_the_minute_and_never_early() {
        assert_eq!(instant(NOON_MS), "2026-08-01 12:00 UTC");
        assert_eq!(instant(NOON_MS + 1), "2026-08-01 12:01 UTC");
    }
}
