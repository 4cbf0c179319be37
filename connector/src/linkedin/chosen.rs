//! A choice among things that are named by number: all of them, only some, or all but some.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::failure::{Detail, Failure};

use super::naming::Naming;

/// The largest number of names that a list may hold.
pub(super) const MAX_LISTED: usize = 10_000;

/// Which are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Chosen {
    #[default]
    All,
    /// Only these.
    Include(BTreeSet<String>),
    /// All but these.
    Exclude(BTreeSet<String>),
}

impl Chosen {
    /// Whether the thing of this number (digits only) is read.
    pub(super) fn covers(&self, number: &str) -> bool {
        match self {
            Self::All => true,
            Self::Include(numbers) => numbers.contains(number),
            Self::Exclude(numbers) => !numbers.contains(number),
        }
    }

    /// Those that are named to be read.
    pub(super) fn included(&self) -> impl Iterator<Item = &str> {
        let numbers = match self {
            Self::Include(numbers) => Some(numbers),
            Self::All | Self::Exclude(_) => None,
        };
        numbers.into_iter().flatten().map(String::as_str)
    }

    /// Parses the setting `name`.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] with the place of the first mistake.
    pub(super) fn parse(value: &Value, name: &str, naming: Naming) -> Result<Self, Failure> {
        let wrong = || {
            let message = format!("{name} must be \"all\", {{ include = [...] }} or {{ exclude = [...] }}");
            Failure::Invalid { detail: Detail::new(message), path: format!("/{name}") }
        };
        if value.as_str() == Some("all") {
            return Ok(Self::All);
        }
        let object = value.as_object().filter(|object| object.len() == 1).ok_or_else(wrong)?;
        match object.iter().next() {
            Some((key, list)) if key == "include" => {
                Ok(Self::Include(numbers(list, &format!("/{name}/include"), naming)?))
            }
            Some((key, list)) if key == "exclude" => {
                Ok(Self::Exclude(numbers(list, &format!("/{name}/exclude"), naming)?))
            }
            _ => Err(wrong()),
        }
    }
}

fn numbers(list: &Value, path: &str, naming: Naming) -> Result<BTreeSet<String>, Failure> {
    let list =
        list.as_array().filter(|list| !list.is_empty() && list.len() <= MAX_LISTED).ok_or_else(|| {
            let message = format!("a list of 1 to {MAX_LISTED} {} numbers is needed", naming.thing());
            Failure::Invalid { detail: Detail::new(message), path: path.to_owned() }
        })?;
    let parse = |(index, value): (usize, &Value)| {
        let number = match value {
            Value::Number(number) => {
                number.as_u64().filter(|&number| number > 0).map(|number| number.to_string())
            }
            Value::String(text) => naming.number(text).map(str::to_owned),
            _ => None,
        };
        number.ok_or_else(|| {
            let detail = Detail::new(format!("this is not {}", naming.form()));
            Failure::Invalid { detail, path: format!("{path}/{index}") }
        })
    };
    list.iter().enumerate().map(parse).collect()
}
