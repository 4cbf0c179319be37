//! What a read is narrowed to: a time range, and lists of accounts, forms and kinds.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::failure::{Detail, Failure};

use super::config::account_number;
use super::cursor::LATEST_MS;

/// The attributes that can be narrowed by.
const ATTRIBUTES: &str = "account, form, kind";

/// A checked selection; the default one selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Selection {
    /// Inclusive, epoch milliseconds.
    pub(super) since_ms: Option<u64>,
    /// Exclusive, epoch milliseconds.
    pub(super) until_ms: Option<u64>,
    accounts: Option<Vec<String>>,
    forms: Option<Vec<String>>,
    kinds: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Raw {
    since_ms: Option<u64>,
    until_ms: Option<u64>,
    #[serde(default, rename = "where")]
    narrowed: BTreeMap<String, Vec<String>>,
}

fn covers(list: Option<&Vec<String>>, value: &str) -> bool {
    list.is_none_or(|list| list.iter().any(|item| item == value))
}

impl Selection {
    /// Parses the contract's `selection`.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] for another shape, an unknown attribute, or a time beyond the year 9999.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, Failure> {
        let Some(text) = text else { return Ok(Self::default()) };
        let raw: Raw = serde_json::from_str(text).map_err(|_| {
            invalid("the selection must be an object of `since_ms`, `until_ms` and `where`".to_owned())
        })?;
        let mut selection = Self { since_ms: raw.since_ms, until_ms: raw.until_ms, ..Self::default() };
        if [raw.since_ms, raw.until_ms].iter().flatten().any(|&time| time > LATEST_MS) {
            return Err(invalid(
                "`since_ms` and `until_ms` are epoch milliseconds up to the year 9999".to_owned(),
            ));
        }
        for (attribute, values) in raw.narrowed {
            match attribute.as_str() {
                "account" => selection.accounts = Some(numbers(&values, "account", account_number)?),
                "form" => selection.forms = Some(numbers(&values, "form", form_number)?),
                "kind" => selection.kinds = Some(values),
                _ => {
                    return Err(invalid(format!(
                        "lead responses cannot be narrowed by that attribute, only by {ATTRIBUTES}"
                    )));
                }
            }
        }
        Ok(selection)
    }

    /// Whether a partition of this kind and account may hold anything that is selected.
    pub(super) fn covers_partition(&self, kind: &str, account: &str) -> bool {
        covers(self.kinds.as_ref(), kind) && covers(self.accounts.as_ref(), account)
    }

    /// Whether responses to this form are selected.
    pub(super) fn covers_form(&self, form: &str) -> bool {
        covers(self.forms.as_ref(), form)
    }
}

fn form_number(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("urn:li:leadGenForm:").unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

fn numbers(values: &[String], name: &str, number: fn(&str) -> Option<&str>) -> Result<Vec<String>, Failure> {
    let parse = |value: &String| number(value).map(str::to_owned);
    values
        .iter()
        .map(parse)
        .collect::<Option<_>>()
        .ok_or_else(|| invalid(format!("the selection names each {name} by its number or URN")))
}

fn invalid(message: String) -> Failure {
    Failure::Invalid { detail: Detail::new(message), path: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrows_by_account_form_and_kind() {
        let text = r#"{"since_ms":5,"until_ms":9,"where":{"account":["urn:li:sponsoredAccount:1"],"form":["44"],"kind":["SPONSORED"]}}"#;
        let selection = Selection::parse(Some(text)).unwrap();
        assert_eq!((selection.since_ms, selection.until_ms), (Some(5), Some(9)));
        assert!(
            selection.covers_partition("SPONSORED", "1") && !selection.covers_partition("SPONSORED", "2")
        );
        assert!(!selection.covers_partition("EVENT", "1"));
        assert!(selection.covers_form("44") && !selection.covers_form("45"));
        let all = Selection::parse(None).unwrap();
        assert!(all.covers_partition("EVENT", "1") && all.covers_form("45"));
    }

    #[test]
    fn refuses_what_it_cannot_narrow_by() {
        for text in [
            "7",
            r#"{"where":{"country":["SE"]}}"#,
            r#"{"where":{"account":["x"]}}"#,
            r#"{"where":{"form":"44"}}"#,
            r#"{"since_ms":-1}"#,
            r#"{"until_ms":999999999999999999}"#,
        ] {
            assert!(matches!(Selection::parse(Some(text)), Err(Failure::Invalid { .. })), "{text}");
        }
    }
}
