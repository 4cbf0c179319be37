//! Dataverse's messages without what a member answered.
//!
//! Messages are worth keeping: they name the column, the limit, the privilege. But some quote the value that was
//! refused, and those of an organisation's own plug-ins may contain anything. So: answers of the rows that were sent
//! go, quoted words go unless they are names or limits from the metadata, and so does whatever looks like an e-mail
//! address or a phone number.

use std::borrow::Cow;

use uuid::Uuid;

use super::api::{KEY, TABLE};
use crate::mapping::Table;

/// What stands where something was removed.
const GONE: &str = "…";
/// Messages end after so many characters.
const LENGTH_MAX: usize = 400;
/// Longer messages are not looked at beyond this many bytes.
const READ_MAX: usize = 4000;

/// Removes answers from messages.
#[derive(Default)]
pub(crate) struct Scrubber<'a> {
    /// Whose column names and limits may stay.
    pub(crate) table: Option<&'a Table>,
    /// What the rows that were sent contain.
    pub(crate) answers: Vec<&'a str>,
}

impl<'a> Scrubber<'a> {
    /// For requests that carry no answers.
    pub(crate) fn without_answers(table: Option<&'a Table>) -> Self {
        Self { table, answers: Vec::new() }
    }

    /// The message, safe to log.
    pub(crate) fn scrub(&self, message: &str) -> String {
        let message = beginning(message, READ_MAX);
        let text = self.without_values(message);
        let text = self.without_quotes(&text);
        let mut text = without_addresses(&text);
        if text.chars().count() > LENGTH_MAX {
            text = text.chars().take(LENGTH_MAX).chain(GONE.chars()).collect();
        }
        text
    }

    /// Whole words that are an answer, or its words, in any case.
    fn without_values<'t>(&self, message: &'t str) -> Cow<'t, str> {
        let mut values: Vec<String> =
            self.answers.iter().map(|answer| answer.trim().to_lowercase()).collect();
        values.retain(|value| value.chars().count() >= 2);
        // The longest first, so that no rest of a longer one remains.
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        let mut text = Cow::Borrowed(message);
        for value in values {
            if let Some(replaced) = without_word(&text, &value) {
                text = Cow::Owned(replaced);
            }
        }
        text
    }

    /// Quoted text, unless it is a name or a limit.
    fn without_quotes(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = opening_quote(rest, out.chars().next_back()) {
            let (before, quoted) = rest.split_at(open);
            out.push_str(before);
            let quote = quoted.chars().next().unwrap_or('\'');
            let inner = quoted.get(quote.len_utf8()..).unwrap_or_default();
            let close = closing_quote(inner, quote);
            let content = inner.get(..close.unwrap_or(inner.len())).unwrap_or_default();
            out.push(quote);
            out.push_str(if self.is_harmless(content) { content } else { GONE });
            out.push(quote);
            rest = match close {
                Some(at) => inner.get(at + quote.len_utf8()..).unwrap_or_default(),
                None => "",
            };
        }
        out.push_str(rest);
        out
    }

    fn is_harmless(&self, word: &str) -> bool {
        let is_known = |table: &Table| {
            table.column(word).is_some() || word.parse().is_ok_and(|number: i64| table.is_limit(number))
        };
        word.is_empty()
            || word == GONE
            || word == TABLE
            || word == KEY
            || word.strip_prefix("Microsoft.Dynamics.CRM.").is_some_and(|name| name == TABLE)
            || word.starts_with("Edm.") && word.len() <= 20
            || Uuid::try_parse(word).is_ok()
            || self.table.is_some_and(is_known)
    }
}

/// At most `max` bytes of the text, whole characters.
fn beginning(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The text without a word given in lower case; none if it is not there.
fn without_word(text: &str, word: &str) -> Option<String> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let Some(first) = rest.chars().next() else { break };
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let length = if before.is_some_and(char::is_alphanumeric) { None } else { matched(rest, word) };
        let after = length.and_then(|length| rest.get(length..)).and_then(|tail| tail.chars().next());
        match length {
            Some(length) if !after.is_some_and(char::is_alphanumeric) => {
                out.push_str(text.get(copied..at).unwrap_or_default());
                out.push_str(GONE);
                at += length;
                copied = at;
            }
            _ => at += first.len_utf8(),
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Some(out)
}

/// How many bytes of `text` are `word` in some case, if it begins with it.
fn matched(text: &str, word: &str) -> Option<usize> {
    let mut wanted = word.chars();
    let mut length = 0;
    let mut characters = text.chars();
    while !wanted.as_str().is_empty() {
        let character = characters.next()?;
        for lower in character.to_lowercase() {
            if wanted.next() != Some(lower) {
                return None;
            }
        }
        length += character.len_utf8();
    }
    Some(length)
}

/// A quote that opens: not an apostrophe inside a word.
fn opening_quote(text: &str, before: Option<char>) -> Option<usize> {
    let mut previous = before;
    for (at, character) in text.char_indices() {
        if matches!(character, '\'' | '"') && !previous.is_some_and(char::is_alphanumeric) {
            return Some(at);
        }
        previous = Some(character);
    }
    None
}

/// A quote that closes: not an apostrophe inside a word.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    text.char_indices().filter(|(_, character)| *character == quote).map(|(at, _)| at).find(|at| {
        let after = text.get(at + quote.len_utf8()..).and_then(|tail| tail.chars().next());
        !after.is_some_and(char::is_alphanumeric)
    })
}

/// The text without e-mail addresses and phone numbers.
fn without_addresses(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|piece| {
            let word = piece.trim_end();
            let end = piece.get(word.len()..).unwrap_or_default();
            if word.contains('@') || is_phone(word) { format!("{GONE}{end}") } else { piece.to_owned() }
        })
        .collect()
}

/// Whether the word holds a number of seven digits or more that is neither an id nor an error code.
fn is_phone(word: &str) -> bool {
    word.split(|character: char| !character.is_ascii_alphanumeric() && character != '-').any(|part| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let is_code = part.starts_with("0x") || part.starts_with("-214");
        digits >= 7 && !is_code && Uuid::try_parse(part).is_err()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mapping::{Column, Kind};

    fn table() -> Table {
        let kind = Kind::Text { max_length: 200 };
        Table::new(vec![Column { name: "subject".to_owned(), kind, writable: true }])
    }

    fn scrub(answers: &[&str], message: &str) -> String {
        let table = table();
        Scrubber { table: Some(&table), answers: answers.to_vec() }.scrub(message)
    }

    #[test]
    fn names_limits_and_ids_stay() {
        for message in [
            "The length of the 'subject' attribute of the 'lead' entity exceeded the maximum allowed length of '200'.",
            "lead With Id = 0a0a0a0a-0000-0000-0000-000000000001 Does Not Exist",
            "The version of the existing record doesn't match the RowVersion property provided.",
            "CRM ErrorCode: -2147204784 Sql ErrorCode: -2146232060 Sql Number: 1205",
            "expected type 'Edm.Int32'",
            "Principal user (Id=0a0a0a0a-0000-0000-0000-000000000001, type=8) is missing prvWriteLead privilege",
        ] {
            assert_eq!(scrub(&[], message), message);
        }
    }

    #[test]
    fn values_go() {
        assert_eq!(
            scrub(&[], "Cannot convert the literal 'O'Neil' to 'Edm.Int32'"),
            "Cannot convert the literal '…' to 'Edm.Int32'"
        );
        assert_eq!(scrub(&[], "literal 'never closed"), "literal '…'");
        assert_eq!(scrub(&[], "\"Ada\" is taken"), "\"…\" is taken");
        assert_eq!(scrub(&[], "200 is '200' but '201' is not"), "200 is '200' but '…' is not");
        assert_eq!(scrub(&[], "call +49-30-1234567 or ada@example.test now"), "call … or … now");
        assert_eq!(
            scrub(&["Ada", "Lovelace"], "Lead ADA lovelace exists, Adam too"),
            "Lead … … exists, Adam too"
        );
        assert_eq!(scrub(&["Müller & Söhne", "Söhne"], "MÜLLER & SÖHNE is known"), "… is known");
        assert_eq!(scrub(&["lead"], "the lead exists"), "the … exists");
    }

    #[test]
    fn long_messages_end() {
        assert_eq!(scrub(&[], &"ä ".repeat(4000)).chars().count(), LENGTH_MAX + 1);
    }

    proptest! {
        #[test]
        fn no_answer_survives(answer in "[A-Za-z]{3,12}", before in "[ a-z'\",.:]{0,20}", after in "[ a-z'\",.:]{0,20}") {
            let message = format!("{before} {answer} {after}");
            let scrubbed = scrub(&[&answer], &message).to_lowercase();
            let found = scrubbed.split(|c: char| !c.is_alphanumeric()).any(|word| word == answer.to_lowercase());
            prop_assert!(!found, "{}", scrubbed);
        }

        #[test]
        fn any_message_is_scrubbed_within_its_bounds(message in any::<String>(), answer in any::<String>()) {
            prop_assert!(scrub(&[&answer], &message).chars().count() <= LENGTH_MAX + 1);
        }
    }
}
