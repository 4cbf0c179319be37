//! Conversions of single values, and the policy for values that are too long.

use serde::Deserialize;

/// What happens to a value that is longer than its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverLong {
    /// It is cut, and a note names the column and its limit.
    #[default]
    Cut,
    /// The record is rejected, and the cause names the column and its limit.
    Reject,
}

/// Whether the text has at most `max` UTF-16 code units, the unit in which Dataverse is taken to count.
pub(crate) fn fits(text: &str, max: usize) -> bool {
    // UTF-8 never needs fewer bytes than UTF-16 needs units, so most texts are decided by their length.
    text.len() <= max || text.encode_utf16().take(max.saturating_add(1)).count() <= max
}

/// The longest beginning of the text that [`fits`], never half a character.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut units = 0;
    for (at, character) in text.char_indices() {
        units += character.len_utf16();
        if units > max {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

/// The text as a whole number, if it is nothing else.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// The lower bound of a company size such as `51-200`, `10,001+` or `1.001 - 5.000`.
///
/// The text has to begin with the number: of `under 50` nothing is known about the lower bound. A mark between digits
/// belongs to the number where exactly three digits follow it. Bounds: 12 digits.
pub(crate) fn lower_bound(text: &str) -> Option<i64> {
    let digits = leading_digits(text);
    if digits == 0 || digits > 12 {
        return None;
    }
    let (head, mut rest) = text.split_at(digits);
    let mut number = value(head);
    if digits <= 3 {
        for _ in 0..3 {
            let Some(next) = after_grouping_mark(rest) else { break };
            let (group, tail) = next.split_at(3);
            number = number * 1000 + value(group);
            rest = tail;
        }
    }
    (!rest.starts_with(char::is_alphanumeric)).then_some(number)
}

fn leading_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The value of at most 12 ASCII digits.
fn value(digits: &str) -> i64 {
    digits.bytes().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
}

/// What follows a grouping mark, if it begins with exactly three digits.
fn after_grouping_mark(text: &str) -> Option<&str> {
    let mark = text.chars().next()?;
    let next = text.get(mark.len_utf8()..)?;
    let is_mark = matches!(mark, ',' | '.' | '\'' | '\u{2019}' | ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}');
    (is_mark && leading_digits(next) == 3).then_some(next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lower_bounds_of_company_sizes() {
        let table = [
            ("51-200", Some(51)),
            ("1", Some(1)),
            ("2-10 Mitarbeiter", Some(2)),
            ("10,001+", Some(10_001)),
            ("1.001 - 5.000", Some(1001)),
            ("1\u{202f}001-5\u{202f}000", Some(1001)),
            ("1001-5000", Some(1001)),
            ("1,234,567", Some(1_234_567)),
            ("51 - 200", Some(51)),
            ("5,5", Some(5)),
            ("1K-5K", None),
            ("under 50", None),
            ("-5", None),
            ("Selbst\u{e4}ndig", None),
            ("1234567890123", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(lower_bound(text), expected, "{text}");
        }
    }

    #[test]
    fn a_surrogate_pair_is_never_split() {
        assert_eq!(cut("a\u{1f600}b", 2), "a");
        assert_eq!(cut("a\u{1f600}b", 3), "a\u{1f600}");
        assert!(fits("\u{1f600}", 2) && !fits("\u{1f600}", 1));
    }

    proptest! {
        #[test]
        fn a_cut_is_the_longest_prefix_that_fits(text in "\\PC{0,40}", max in 0_usize..40) {
            let short = cut(&text, max);
            prop_assert!(text.starts_with(short));
            prop_assert!(fits(short, max));
            prop_assert!(short.encode_utf16().count() <= max);
            prop_assert_eq!(fits(&text, max), short.len() == text.len());
            if let Some(next) = text.get(short.len()..).and_then(|rest| rest.chars().next()) {
                prop_assert!(short.encode_utf16().count() + next.len_utf16() > max);
            }
        }

        #[test]
        fn any_text_has_a_bound_or_none(text in any::<String>()) {
            if let Some(number) = lower_bound(&text) {
                prop_assert!((0..1_000_000_000_000).contains(&number));
            }
        }
    }
}
