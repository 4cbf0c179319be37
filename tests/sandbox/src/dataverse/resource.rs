//! The path of a request: segments, keys, and percent-decoding. Case-sensitive throughout.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::error::{ApiError, Outcome};
use super::guid;

/// Greatest number of segments of a path.
const MAX_SEGMENTS: usize = 6;

/// One segment: a name, and what stands in its parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) key: Option<String>,
}

/// A row's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Primary key.
    Id(u128),
    /// Column names with their literals as written (quotes kept).
    Named(Vec<(String, String)>),
}

/// Percent-decodes; bytes that are no UTF-8 are an error of the client.
pub(crate) fn decode(text: &str) -> Outcome<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().map_err(|_| bad_syntax())
}

/// Percent-decodes a query option, in which `+` stands for a space.
pub(crate) fn decode_query(text: &str) -> Outcome<String> {
    let spaced = text.replace('+', " ");
    decode(&spaced).map(Cow::into_owned)
}

/// Splits a path (still encoded, without the leading slash) into its segments.
pub(crate) fn segments(path: &str) -> Outcome<Vec<Segment>> {
    let path = decode(path)?;
    let mut segments = Vec::new();
    for part in split_outside(&path, '/') {
        if segments.len() == MAX_SEGMENTS {
            return Err(bad_syntax());
        }
        segments.push(segment(part)?);
    }
    Ok(segments)
}

fn segment(part: &str) -> Outcome<Segment> {
    let Some((name, rest)) = part.split_once('(') else {
        return Ok(Segment { name: part.to_owned(), key: None });
    };
    let key = rest.strip_suffix(')').ok_or_else(bad_syntax)?;
    Ok(Segment { name: name.to_owned(), key: Some(key.to_owned()) })
}

/// Splits at a sign that stands neither in quotes nor in parentheses.
pub(crate) fn split_outside(text: &str, sign: char) -> Vec<&str> {
    let (mut quoted, mut depth, mut start) = (false, 0_usize, 0);
    let mut parts = Vec::new();
    for (at, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ if character == sign && !quoted && depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

impl Key {
    /// Reads what stands in the parentheses behind an entity set.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        if !text.contains('=') {
            return guid::parse(text).map(Self::Id).ok_or_else(bad_syntax);
        }
        let mut pairs = Vec::new();
        for part in split_outside(text, ',') {
            let (name, literal) = part.split_once('=').ok_or_else(bad_syntax)?;
            if name.is_empty() || literal.is_empty() {
                return Err(bad_syntax());
            }
            pairs.push((name.to_owned(), literal.to_owned()));
        }
        Ok(Self::Named(pairs))
    }
}

/// A quoted literal's text, with doubled quotes undone.
pub(crate) fn unquote(literal: &str) -> Option<String> {
    let inner = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut text = String::with_capacity(inner.len());
    let mut signs = inner.chars();
    while let Some(sign) = signs.next() {
        if sign == '\'' && signs.next() != Some('\'') {
            return None;
        }
        text.push(sign);
    }
    Some(text)
}

/// The vendor's answer to a key that it cannot read.
pub(crate) fn bad_syntax() -> ApiError {
    ApiError::syntax("Bad Request - Error in query syntax.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_hold_slashes_quotes_and_commas_in_quotes() {
        let path = "new_rows(new_a='x%2Fy,z',new_b='it''s')/Microsoft.Dynamics.CRM.Do";
        let segments = segments(path).unwrap();
        assert_eq!(segments.len(), 2);
        let Key::Named(pairs) = Key::parse(segments[0].key.as_deref().unwrap()).unwrap() else {
            panic!("named")
        };
        assert_eq!(unquote(&pairs[0].1).as_deref(), Some("x/y,z"));
        assert_eq!(unquote(&pairs[1].1).as_deref(), Some("it's"));
    }

    #[test]
    fn a_guid_needs_its_hyphens_and_no_braces() {
        assert!(Key::parse("0a0a0a0a-0000-4000-8000-000000000001").is_ok());
        for bad in ["0a0a0a0a00004000800000000000001", "{0a0a0a0a-0000-4000-8000-000000000001}", "1", ""] {
            assert!(Key::parse(bad).is_err(), "{bad}");
        }
    }
}
