//! What a read is narrowed to: a time range, and lists of accounts, organizations, forms and kinds.
//!
//! Owners are narrowed to those that are named: accounts only, organizations only, or both together; where none is
//! named, all.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::Deserialize;

use crate::failure::{Detail, Failure};

use super::chosen::Chosen;
use super::cursor::LATEST_MS;
use super::naming::Naming;
use super::owner::{Holding, Kind, Owner};

/// The attributes that can be narrowed by.
const ATTRIBUTES: &str = "account, organization, form, kind";

/// A checked selection; the default one selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Selection {
    /// Inclusive, epoch milliseconds.
    pub(super) since_ms: Option<u64>,
    /// Exclusive, epoch milliseconds.
    pub(super) until_ms: Option<u64>,
    accounts: Option<BTreeSet<String>>,
    organizations: Option<BTreeSet<String>>,
    forms: Option<BTreeSet<String>>,
    kinds: Option<BTreeSet<Kind>>,
    /// The forms that the configuration chooses.
    configured_forms: Rc<Chosen>,
}

#[derive(Deserialize)]
struct Raw {
    since_ms: Option<u64>,
    until_ms: Option<u64>,
    #[serde(default, rename = "where")]
    narrowed: BTreeMap<String, Vec<String>>,
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
                "account" => selection.accounts = Some(numbers(&values, Naming::Account)?),
                "organization" => selection.organizations = Some(numbers(&values, Naming::Organization)?),
                "form" => selection.forms = Some(numbers(&values, Naming::Form)?),
                "kind" => selection.kinds = Some(kinds(&values)?),
                _ => {
                    return Err(invalid(format!(
                        "lead responses cannot be narrowed by that attribute, only by {ATTRIBUTES}"
                    )));
                }
            }
        }
        Ok(selection)
    }

    /// As it is, and narrowed to the forms that the configuration chooses.
    pub(super) fn among(self, forms: &Rc<Chosen>) -> Self {
        Self { configured_forms: Rc::clone(forms), ..self }
    }

    /// Whether leads of this kind are selected.
    pub(super) fn covers_kind(&self, kind: Kind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    /// Whether this owner is selected.
    pub(super) fn covers_owner(&self, owner: &Owner) -> bool {
        let listed =
            |list: &Option<BTreeSet<String>>| list.as_ref().is_some_and(|list| list.contains(owner.number()));
        match owner {
            _ if self.accounts.is_none() && self.organizations.is_none() => true,
            Owner::Account(_) => listed(&self.accounts),
            Owner::Organization(_) => listed(&self.organizations),
        }
    }

    /// Whether a partition of lead responses may hold anything that is selected.
    pub(super) fn covers(&self, holding: &Holding) -> bool {
        self.covers_kind(holding.kind) && self.covers_owner(&holding.owner)
    }

    /// Whether responses to this form are selected. A form whose number is not known (empty) is left out only where
    /// forms were asked for by name: the configuration passes over what it surely does not choose.
    pub(super) fn covers_form(&self, form: &str) -> bool {
        self.forms.as_ref().is_none_or(|forms| forms.contains(form))
            && (form.is_empty() || self.configured_forms.covers(form))
    }
}

fn numbers(values: &[String], naming: Naming) -> Result<BTreeSet<String>, Failure> {
    let parse = |value: &String| naming.number(value).map(str::to_owned);
    values
        .iter()
        .map(parse)
        .collect::<Option<_>>()
        .ok_or_else(|| invalid(format!("the selection names each {} by its number or URN", naming.thing())))
}

fn kinds(values: &[String]) -> Result<BTreeSet<Kind>, Failure> {
    values.iter().map(|word| Kind::parse(word)).collect::<Option<_>>().ok_or_else(|| {
        let known = Kind::ALL.map(Kind::word).join(", ");
        invalid(format!("the selection names a kind of lead that does not exist; there are {known}"))
    })
}

fn invalid(message: String) -> Failure {
    Failure::Invalid { detail: Detail::new(message), path: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(id: &str) -> Holding {
        Holding::parse(id).unwrap()
    }

    #[test]
    fn narrows_by_account_form_and_kind() {
        let text = r#"{"since_ms":5,"until_ms":9,"where":{"account":["urn:li:sponsoredAccount:1"],"form":["44"],"kind":["SPONSORED"]}}"#;
        let selection = Selection::parse(Some(text)).unwrap();
        assert_eq!((selection.since_ms, selection.until_ms), (Some(5), Some(9)));
        assert!(selection.covers(&holding("SPONSORED:1")) && !selection.covers(&holding("SPONSORED:2")));
        assert!(!selection.covers(&holding("EVENT:1")));
        assert!(selection.covers_form("44") && !selection.covers_form("45") && !selection.covers_form(""));
        let all = Selection::parse(None).unwrap();
        assert!(all.covers(&holding("EVENT:1")) && all.covers_form("45"));
    }

    #[test]
    fn owners_are_those_that_are_named() {
        for (narrowed, covered) in [
            (r#"{"account":["1"]}"#, [true, false, false]),
            (r#"{"organization":["urn:li:organization:1"]}"#, [false, true, false]),
            (r#"{"account":["1"],"organization":["1","2"]}"#, [true, true, true]),
            (r#"{"account":["1"],"organization":["1"],"kind":["EVENT"]}"#, [false, true, false]),
            ("{}", [true, true, true]),
        ] {
            let selection = Selection::parse(Some(&format!(r#"{{"where":{narrowed}}}"#))).unwrap();
            let found = ["SPONSORED:1", "EVENT:1", "EVENT:2"].map(|id| selection.covers(&holding(id)));
            assert_eq!(found, covered, "{narrowed}");
        }
    }

    #[test]
    fn the_configuration_narrows_forms_too() {
        let chosen = |text: &str| {
            let value = serde_json::from_str(text).unwrap();
            Rc::new(Chosen::parse(&value, "forms", Naming::Form).unwrap())
        };
        let include = Selection::default().among(&chosen(r#"{"include":[7]}"#));
        assert!(include.covers_form("7") && !include.covers_form("8"));
        assert!(include.covers_form(""), "what is not known is not dropped in silence");
        let exclude = Selection::default().among(&chosen(r#"{"exclude":[7]}"#));
        assert!(!exclude.covers_form("7") && exclude.covers_form("8"));
    }

    #[test]
    fn refuses_what_it_cannot_narrow_by() {
        for text in [
            "7",
            r#"{"where":{"country":["SE"]}}"#,
            r#"{"where":{"account":["x"]}}"#,
            r#"{"where":{"form":"44"}}"#,
            r#"{"where":{"kind":["EVENTS"]}}"#,
            r#"{"where":{"organization":["urn:li:sponsoredAccount:1"]}}"#,
            r#"{"since_ms":-1}"#,
            r#"{"until_ms":999999999999999999}"#,
        ] {
            assert!(matches!(Selection::parse(Some(text)), Err(Failure::Invalid { .. })), "{text}");
        }
    }
}
