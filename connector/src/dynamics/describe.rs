//! What the sink says about itself: its configuration, credential and origin. Pure.

use serde_json::{Value, json};

use super::config::{
    API_VERSION, ID_NAMESPACE, LEAD_SOURCE, REQUESTS_IN_FLIGHT, REQUESTS_IN_FLIGHT_MAX, ROWS_PER_REQUEST,
    ROWS_PER_REQUEST_MAX, SUBJECT,
};

/// The name under which requests ask for their credential.
pub(crate) const CREDENTIAL: &str = "dataverse";

/// The JSON Schema (draft 2020-12) of the sink's configuration.
pub fn config_schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Dynamics 365 leads",
        "type": "object",
        "additionalProperties": false,
        "required": ["organization_url"],
        "properties": {
            "organization_url": {
                "description": "Address of the organisation, such as https://contoso.crm.dynamics.com.",
                "type": "string",
                "pattern": "^https?://[^/?#@\\s]+(/[^?#@\\s]*)?$"
            },
            "api_version": {
                "description": "Version of the Dataverse Web API.",
                "type": "string",
                "pattern": "^v[0-9]+\\.[0-9]+$",
                "default": API_VERSION
            },
            "lead_source": {
                "description": "Choice of the column leadsourcecode for every lead (8 is Web in a new organisation), \
                                or \"none\" to leave it empty.",
                "anyOf": [
                    {"type": "integer", "minimum": i32::MIN, "maximum": i32::MAX},
                    {"const": "none"},
                    {"type": "null"}
                ],
                "default": LEAD_SOURCE
            },
            "subject": {
                "description": "What the lead is about. {form} is the form's name, {campaign} the campaign's, {campaign_group} that of its group, {creative} the creative's; a name that LinkedIn does not give leaves its place empty.",
                "type": "string",
                "minLength": 1,
                "default": SUBJECT
            },
            "over_long": {
                "description": "What happens to a value that is longer than its column: cut it and say so in the \
                                outcome's notes, or reject the record.",
                "enum": ["cut", "reject"],
                "default": "cut"
            },
            "mapping": mapping_schema()
        }
    });
    if let (Some(properties), Value::Object(writing)) =
        (schema["properties"].as_object_mut(), writing_schema())
    {
        properties.extend(writing);
    }
    schema
}

/// The properties that say how rows are written.
fn writing_schema() -> Value {
    json!({
        "rows_per_request": {
            "description": "Rows in one UpsertMultiple request. Microsoft advises to start at 100.",
            "type": "integer",
            "minimum": 1,
            "maximum": ROWS_PER_REQUEST_MAX,
            "default": ROWS_PER_REQUEST
        },
        "requests_in_flight": {
            "description": "Requests that one batch has under way at once. Dataverse refuses more than 52 per user.",
            "type": "integer",
            "minimum": 1,
            "maximum": REQUESTS_IN_FLIGHT_MAX,
            "default": REQUESTS_IN_FLIGHT
        },
        "existing_rows": {
            "description": "What happens to a lead that an earlier run wrote: keep it with everything that people \
                            have edited since, or overwrite its mapped columns.",
            "enum": ["keep", "overwrite"],
            "default": "keep"
        },
        "bypass_business_logic": {
            "description": "Skip the organisation's own plug-ins and workflows while writing. Faster, but its \
                            business rules do not run. Needs the privilege prvBypassCustomBusinessLogic.",
            "type": "boolean",
            "default": false
        },
        "id_namespace": {
            "description": "Namespace of the name-based UUIDs that are the leads' primary keys. Changing it makes \
                            every response a new lead.",
            "type": "string",
            "format": "uuid",
            "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
            "default": ID_NAMESPACE
        }
    })
}

fn mapping_schema() -> Value {
    json!({
        "description": "Where answers go.",
        "type": "object",
        "additionalProperties": false,
        "default": {},
        "properties": {
            "columns": {
                "description": "From LinkedIn's profile field, such as JOB_TITLE, to a text or whole-number column of \
                                lead. An empty string leaves the field without a column, so that its answer becomes a \
                                line of the description; \"description\" does the same. Fields that are not named \
                                here keep their default.",
                "type": "object",
                "propertyNames": {"pattern": "^[A-Z][A-Z0-9_]*$"},
                "additionalProperties": {"type": "string", "pattern": "^([a-z][a-z0-9_]*)?$"},
                "default": {}
            }
        }
    })
}

/// The credentials that the sink names in its requests.
pub fn credentials() -> Value {
    json!([{
        "name": CREDENTIAL,
        "description": "An app registration in Microsoft Entra ID that is an application user of the organisation.",
        "kinds": ["oauth_client_credentials", "static"],
        "token_url": "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        "scopes": ["{organization_url}/.default"]
    }])
}

/// The origins that the sink calls: the organisation's own.
pub fn egress() -> Value {
    json!([{"config": "/organization_url"}])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamics::config::Config;

    fn properties(schema: &Value) -> Vec<(&String, &Value)> {
        schema["properties"].as_object().unwrap().iter().collect()
    }

    #[test]
    fn the_schema_names_every_setting() {
        let schema = config_schema();
        let mut names: Vec<&str> = properties(&schema).into_iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "api_version",
            "bypass_business_logic",
            "existing_rows",
            "id_namespace",
            "lead_source",
            "mapping",
            "organization_url",
            "over_long",
            "requests_in_flight",
            "rows_per_request",
            "subject",
        ];
        names.sort_unstable();
        assert_eq!(names, expected);
    }

    #[test]
    fn every_property_is_described_and_has_a_default_unless_required() {
        let schema = config_schema();
        for (name, property) in properties(&schema) {
            assert!(property["description"].is_string(), "{name}");
            assert!(property.get("default").is_some() || name == "organization_url", "{name}");
        }
    }

    #[test]
    fn the_schemas_defaults_are_the_ones_in_force() {
        let schema = config_schema();
        let mut all = serde_json::Map::new();
        for (name, property) in properties(&schema) {
            if let Some(default) = property.get("default") {
                all.insert(name.clone(), default.clone());
            }
        }
        all.insert("organization_url".to_owned(), json!("https://contoso.example.test"));
        let spelt_out = Config::parse(&Value::Object(all).to_string()).unwrap();
        let silent = Config::parse(r#"{"organization_url":"https://contoso.example.test"}"#).unwrap();
        assert_eq!(spelt_out, silent);
    }
}
