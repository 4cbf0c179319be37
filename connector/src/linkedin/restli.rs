//! The query grammar of Rest.li 2.0: structure stays literal, every scalar is percent-encoded once.
//!
//! URL libraries encode the parentheses, colons and commas that LinkedIn wants to see, so queries are built here by
//! hand and handed on as finished text. This module must never decode, nor encode anything twice. See
//! <https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/protocol-version>.

use std::fmt::{self, Display, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One scalar, encoded once.
pub(super) fn scalar(value: &str) -> impl Display + '_ {
    utf8_percent_encode(value, STRICT)
}

/// `List(a,b)`.
pub(super) struct List<'a>(pub(super) &'a [&'a str]);

impl Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("List(")?;
        for (index, value) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_char(',')?;
            }
            scalar(value).fmt(f)?;
        }
        f.write_char(')')
    }
}

/// `(key:value)`, whose value is a URN.
pub(super) struct Union<'a>(pub(super) &'static str, pub(super) &'a str);

impl Display for Union<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}:{})", self.0, scalar(self.1))
    }
}

/// A URL that grows parameter by parameter.
pub(super) struct Url {
    text: String,
    separator: char,
}

impl Url {
    /// `base` has no slash at its end, `path` has one at its start; both are encoded already.
    pub(super) fn new(base: &str, path: impl Display) -> Self {
        Self { text: format!("{base}{path}"), separator: '?' }
    }

    /// Adds a parameter whose value is encoded already.
    pub(super) fn with(mut self, name: &str, value: impl Display) -> Self {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{}{name}={value}", self.separator);
        self.separator = '&';
        self
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_worked_examples() {
        let owner = Union("sponsoredAccount", "urn:li:sponsoredAccount:503000111").to_string();
        assert_eq!(owner, "(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A503000111)");
        assert_eq!(
            scalar("urn:li:versionedLeadGenForm:(urn:li:leadGenForm:4400120,2)").to_string(),
            "urn%3Ali%3AversionedLeadGenForm%3A%28urn%3Ali%3AleadGenForm%3A4400120%2C2%29"
        );
        let ids = ["5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3", "77aa10b2-1c2d-4e3f-9a8b-7c6d5e4f3a2b-1"];
        assert_eq!(
            List(&ids).to_string(),
            "List(5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3,77aa10b2-1c2d-4e3f-9a8b-7c6d5e4f3a2b-1)"
        );
        assert_eq!(List(&[]).to_string(), "List()");
        assert_eq!(scalar("a'b c%3A").to_string(), "a%27b%20c%253A");
    }

    #[test]
    fn separates_parameters() {
        let url =
            Url::new("https://api.example.test/rest", "/adAccounts").with("q", "search").with("count", 5);
        assert_eq!(url.finish(), "https://api.example.test/rest/adAccounts?q=search&count=5");
    }
}
