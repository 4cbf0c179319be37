//! What a component says about itself: the contract's `describe`, as types.
//!
//! Readers ignore members that they do not know, so that a component of a later contract can still be read. This
//! never judges a description; it only reads it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The JSON object that `describe` returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The component's name.
    pub name: String,
    /// Its semantic version.
    pub version: String,
    /// One line for a person.
    #[serde(default)]
    pub summary: String,
    /// What it can be used as.
    pub roles: Vec<Role>,
    /// What its source offers.
    #[serde(default)]
    pub streams: Vec<StreamDescription>,
    /// What its source needs; present when it plays that role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SideDescription>,
    /// What its sink needs; present when it plays that role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<SideDescription>,
}

/// What a component can be used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It reads.
    Source,
    /// It writes.
    Sink,
    /// It takes a vendor's notices.
    Webhook,
    /// A role of a later contract.
    #[serde(other)]
    Unknown,
}

impl Role {
    /// The role as one word of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Sink => "sink",
            Self::Webhook => "webhook",
            Self::Unknown => "unknown",
        }
    }
}

/// One kind of record that a source offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamDescription {
    /// What the manifest names.
    pub name: String,
    /// For a person.
    #[serde(default)]
    pub description: String,
    /// Whether it can go on from a cursor.
    #[serde(default)]
    pub incremental: bool,
    /// JSON Schema, draft 2020-12, of a record's `data`.
    #[serde(default)]
    pub schema: Value,
}

/// What one side of a component needs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SideDescription {
    /// JSON Schema of the configuration that `open` takes; null where any will do.
    #[serde(default)]
    pub config: Value,
    /// The credentials that it names in its requests.
    #[serde(default)]
    pub credentials: Vec<WantedCredential>,
    /// The origins that it calls.
    #[serde(default)]
    pub egress: Vec<WantedOrigin>,
}

/// A credential that a component names in its requests.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WantedCredential {
    /// The name that the manifest must define.
    pub name: String,
    /// For a person.
    #[serde(default)]
    pub description: String,
    /// The kinds it may have; any kind where the list is empty. Words of the contract, kept as text since later
    /// contracts add some.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Where a person consents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorize_url: Option<String>,
    /// Where tokens are issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// The scopes it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// An origin that a component calls.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WantedOrigin {
    /// The default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// JSON Pointer to the configuration value whose origin replaces the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_what_it_does_not_know() {
        let text = r#"{"name":"x","version":"1.0.0","roles":["source","teleporter"],"later":1,
            "streams":[{"name":"rows","incremental":true,"later":{}}],
            "source":{"config":{"type":"object"},"credentials":[{"name":"a","kinds":["static"],"later":[]}]}}"#;
        let description: Description = serde_json::from_str(text).unwrap();
        assert_eq!(description.roles, [Role::Source, Role::Unknown]);
        assert_eq!(description.streams[0].name, "rows");
        assert_eq!(description.source.unwrap().credentials[0].kinds, ["static"]);
        assert_eq!(description.sink, None);
    }
}
