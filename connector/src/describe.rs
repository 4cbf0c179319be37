//! What the component says about itself. Pure: the same text always.

use serde_json::{Value, json};

use crate::{dynamics, linkedin};

/// The JSON of the contract's `connector.describe`.
pub fn describe() -> Value {
    json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "LinkedIn Lead Gen Forms to Dynamics 365",
        "roles": ["source", "sink", "webhook"],
        "streams": linkedin::streams(),
        "source": {
            "config": linkedin::config_schema(),
            "credentials": linkedin::credentials(),
            "egress": linkedin::egress(),
        },
        "sink": {
            "config": dynamics::config_schema(),
            "credentials": dynamics::credentials(),
            "egress": dynamics::egress(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_of_a_configuration_says_what_it_is_for() {
        let described = describe();
        for role in ["source", "sink"] {
            let properties = described[role]["config"]["properties"].as_object().unwrap();
            assert!(!properties.is_empty());
            for (name, schema) in properties {
                assert!(schema["description"].is_string(), "{role}: {name}");
            }
        }
    }

    #[test]
    fn names_a_credential_and_an_origin_for_each_role() {
        let described = describe();
        for role in ["source", "sink"] {
            assert!(described[role]["credentials"][0]["name"].is_string(), "{role}");
            assert!(described[role]["egress"][0].is_object(), "{role}");
        }
    }
}
