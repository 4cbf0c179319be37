//! What a lead belongs to beside its owner: a creative, or an event. Pure.

use serde_json::{Value, json};

use super::directory::{self, urn_id};
use super::kind::{Holder, Kind};
use super::problem::Problem;
use super::query::Value as Parameter;

/// A creative or an event, by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    Creative(u64),
    Event(u64),
}

impl Entity {
    /// Reads a query's union `(associatedCreative:<URN>)` or `(event:<URN>)`; this form is not documented.
    pub(crate) fn read(parameter: &Parameter) -> Result<Self, Problem> {
        let (key, urn) = parameter.union()?;
        Self::named(key, urn.text()?)
            .ok_or_else(|| Problem::illegal_argument("associatedEntity is no creative or event URN"))
    }

    /// Reads a body's union; a creative may have the key that responses use or the one that notices use.
    pub(crate) fn from_json(union: &Value) -> Option<Self> {
        let members = union.as_object().filter(|members| members.len() == 1)?;
        let (key, urn) = members.iter().next()?;
        Self::named(key, urn.as_str()?)
    }

    fn named(key: &str, urn: &str) -> Option<Self> {
        match key {
            "associatedCreative" | "sponsoredCreative" => {
                urn_id(urn, "sponsoredCreative").map(Self::Creative)
            }
            "event" => urn_id(urn, "event").map(Self::Event),
            _ => None,
        }
    }

    /// What a response belongs to, by its campaign's or event's number.
    pub(crate) fn of(holder: Holder, number: u64) -> Option<Self> {
        match holder {
            Holder::Account(account) => Some(Self::Creative(directory::creative_id(account, number))),
            Holder::Page(page, Kind::Event) => Some(Self::Event(directory::event_id(page, number))),
            Holder::Page(..) => None,
        }
    }

    /// The union as notices spell it.
    pub(crate) fn in_notice(self) -> Value {
        match self {
            Self::Creative(id) => json!({"sponsoredCreative": format!("urn:li:sponsoredCreative:{id}")}),
            Self::Event(id) => json!({"event": format!("urn:li:event:{id}")}),
        }
    }
}
