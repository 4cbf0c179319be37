//! The source's configuration: its schema, and its parsing into checked values.
//!
//! The host validates manifests with the schema; the parser repeats every rule, because a component must not trust its
//! host to have done so. Each refusal names the place as a JSON Pointer.

use serde_json::{Map, Value, json};

use crate::failure::{Detail, Failure};

use super::version;

const API_URL: &str = "https://api.linkedin.com/rest";
const ID_PATTERN: &str = "^(urn:li:sponsoredAccount:)?[0-9]{1,20}$";

/// The largest number of accounts that a list may name.
const MAX_LISTED: usize = 10_000;

/// Which ad accounts are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Accounts {
    /// Every account on which the member has a role.
    All,
    /// Only these.
    Include(Vec<String>),
    /// All but these.
    Exclude(Vec<String>),
}

impl Accounts {
    /// Whether the account (digits only) is read.
    pub(super) fn covers(&self, account: &str) -> bool {
        match self {
            Self::All => true,
            Self::Include(ids) => ids.iter().any(|id| id == account),
            Self::Exclude(ids) => ids.iter().all(|id| id != account),
        }
    }
}

/// A configuration whose values are all within their bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    /// Without a slash at its end.
    pub(super) api_url: String,
    /// `YYYYMM`.
    pub(super) version: String,
    pub(super) accounts: Accounts,
    pub(super) backfill_ms: u64,
    pub(super) overlap_ms: u64,
    pub(super) settle_ms: u64,
    /// LinkedIn's `count`.
    pub(super) page_size: usize,
    pub(super) requests_in_flight: usize,
    /// Whether test leads are for the sink.
    pub(super) test_leads: bool,
}

/// The JSON Schema (draft 2020-12) of the source's configuration.
pub fn config_schema() -> Value {
    let ids = json!({
        "type": "array", "minItems": 1, "maxItems": MAX_LISTED,
        "items": { "anyOf": [
            { "type": "integer", "minimum": 1 },
            { "type": "string", "pattern": ID_PATTERN },
        ] },
    });
    let list = |name: &str, description: &str| {
        let mut ids = ids.clone();
        ids["description"] = description.into();
        json!({ "type": "object", "required": [name], "additionalProperties": false, "properties": { name: ids } })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "LinkedIn Lead Gen Forms",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "api_url": {
                "type": "string", "default": API_URL, "pattern": "^https?://[^/?#\\s@]+(/[^?#\\s]*)?$", "maxLength": 1024,
                "description": "Base URL of LinkedIn's versioned API. Change it only to go through a proxy or to a sandbox.",
            },
            "version": {
                "type": "string", "default": version::DEFAULT, "pattern": "^[0-9]{4}(0[1-9]|1[0-2])$",
                "description": "LinkedIn API version, YYYYMM. Each lives at least twelve months; `check` says when this one ends.",
            },
            "accounts": {
                "default": "all",
                "description": "Which ad accounts to read, by number or URN: \"all\" that the authorized member can see, only those in `include`, or all but those in `exclude`.",
                "anyOf": [
                    { "const": "all" },
                    list("include", "Read only these ad accounts."),
                    list("exclude", "Read every ad account but these."),
                ],
            },
            "backfill_days": number("How many days back the first read goes. LinkedIn keeps responses for 90 days, some kinds for 365.", 90, 0, 3650),
            "overlap_s": number("How many seconds before the end of the last sweep the next one starts, for responses that turn up late. Repeats are recognised.", 600, 0, 604_800),
            "settle_s": number("How many seconds a response rests before it is read, because LinkedIn may show it late.", 60, 0, 86_400),
            "page_size": number("How many responses to ask for in one request (`count`).", 100, 2, 500),
            "requests_in_flight": number("How many requests to have under way at once for one ad account.", 10, 1, 32),
            "test_leads": {
                "enum": ["skip", "include"], "default": "skip",
                "description": "What to do with test leads from a form's preview: record them as skipped, or pass them on like others.",
            },
        },
    })
}

fn number(description: &str, default: u64, minimum: u64, maximum: u64) -> Value {
    json!({ "type": "integer", "description": description, "default": default, "minimum": minimum, "maximum": maximum })
}

fn invalid(path: impl Into<String>, message: impl Into<String>) -> Failure {
    Failure::Invalid { detail: Detail::new(message), path: path.into() }
}

impl Config {
    /// Parses and checks.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] with the place of the first mistake.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| invalid("", format!("the source's configuration is not json: {error}")))?;
        let Value::Object(members) = value else {
            return Err(invalid("", "the source's configuration must be an object"));
        };
        Self::from_members(Members(members))
    }

    fn from_members(mut members: Members) -> Result<Self, Failure> {
        let config = Self {
            api_url: api_url(&members.text("api_url", API_URL)?)?,
            version: members.text("version", version::DEFAULT)?,
            accounts: members.0.remove("accounts").map_or(Ok(Accounts::All), |value| accounts(&value))?,
            backfill_ms: members.number("backfill_days", 90, 0, 3650)? * 86_400_000,
            overlap_ms: members.number("overlap_s", 600, 0, 604_800)? * 1000,
            settle_ms: members.number("settle_s", 60, 0, 86_400)? * 1000,
            page_size: members.size("page_size", 100, 2, 500)?,
            requests_in_flight: members.size("requests_in_flight", 10, 1, 32)?,
            test_leads: match members.text("test_leads", "skip")?.as_str() {
                "skip" => false,
                "include" => true,
                _ => return Err(invalid("/test_leads", "test_leads must be \"skip\" or \"include\"")),
            },
        };
        if !version::is_well_formed(&config.version) {
            let example = version::DEFAULT;
            return Err(invalid("/version", format!("version must be YYYYMM, such as \"{example}\"")));
        }
        match members.0.keys().next() {
            Some(key) => {
                let pointer = key.replace('~', "~0").replace('/', "~1");
                Err(invalid(format!("/{pointer}"), "the source has no such setting"))
            }
            None => Ok(config),
        }
    }
}

/// The members that have not been read yet.
struct Members(Map<String, Value>);

impl Members {
    fn text(&mut self, key: &str, default: &str) -> Result<String, Failure> {
        match self.0.remove(key) {
            None => Ok(default.to_owned()),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(invalid(format!("/{key}"), format!("{key} must be a string"))),
        }
    }

    fn number(&mut self, key: &str, default: u64, minimum: u64, maximum: u64) -> Result<u64, Failure> {
        let Some(value) = self.0.remove(key) else { return Ok(default) };
        value.as_u64().filter(|number| (minimum..=maximum).contains(number)).ok_or_else(|| {
            invalid(format!("/{key}"), format!("{key} must be a whole number from {minimum} to {maximum}"))
        })
    }

    fn size(&mut self, key: &str, default: u64, minimum: u64, maximum: u64) -> Result<usize, Failure> {
        // The maxima are far below any platform's limit.
        self.number(key, default, minimum, maximum)
            .map(|number| usize::try_from(number).unwrap_or(usize::MAX))
    }
}

fn api_url(text: &str) -> Result<String, Failure> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map_or("", |rest| rest.split('/').next().unwrap_or_default());
    let clean = text.len() <= 1024 && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if host.is_empty() || host.contains('@') || text.contains(['?', '#']) || !clean {
        let message =
            format!("api_url must be an http(s) URL without user, query and fragment, such as {API_URL}");
        return Err(invalid("/api_url", message));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn accounts(value: &Value) -> Result<Accounts, Failure> {
    let wrong =
        || invalid("/accounts", "accounts must be \"all\", { include = [...] } or { exclude = [...] }");
    if value.as_str() == Some("all") {
        return Ok(Accounts::All);
    }
    let object = value.as_object().filter(|object| object.len() == 1).ok_or_else(wrong)?;
    match object.iter().next() {
        Some((key, list)) if key == "include" => Ok(Accounts::Include(ids(list, "/accounts/include")?)),
        Some((key, list)) if key == "exclude" => Ok(Accounts::Exclude(ids(list, "/accounts/exclude")?)),
        _ => Err(wrong()),
    }
}

fn ids(list: &Value, path: &str) -> Result<Vec<String>, Failure> {
    let list = list
        .as_array()
        .filter(|list| !list.is_empty() && list.len() <= MAX_LISTED)
        .ok_or_else(|| invalid(path, format!("a list of 1 to {MAX_LISTED} ad account numbers is needed")))?;
    let parse = |(index, value): (usize, &Value)| {
        let number = match value {
            Value::Number(number) => number.as_u64().map(|number| number.to_string()),
            Value::String(text) => account_number(text).map(str::to_owned),
            _ => None,
        };
        number.ok_or_else(|| {
            invalid(
                format!("{path}/{index}"),
                "an ad account is named by its number or its sponsoredAccount URN",
            )
        })
    };
    list.iter().enumerate().map(parse).collect()
}

/// The digits of an account that is named by number or URN.
pub(super) fn account_number(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("urn:li:sponsoredAccount:").unwrap_or(text);
    let fits = (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(text: &str) -> String {
        match Config::parse(text) {
            Err(Failure::Invalid { path, .. }) => path,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn has_the_defaults_of_its_schema() {
        let config = Config::parse("{}").unwrap();
        let schema = config_schema();
        let default = |name: &str| schema["properties"][name]["default"].clone();
        assert_eq!(config.api_url, default("api_url"));
        assert_eq!(config.version, default("version"));
        assert_eq!(config.backfill_ms, default("backfill_days").as_u64().unwrap() * 86_400_000);
        assert_eq!(config.overlap_ms, default("overlap_s").as_u64().unwrap() * 1000);
        assert_eq!(config.settle_ms, default("settle_s").as_u64().unwrap() * 1000);
        assert_eq!(config.page_size as u64, default("page_size").as_u64().unwrap());
        assert_eq!(config.requests_in_flight as u64, default("requests_in_flight").as_u64().unwrap());
        assert_eq!((config.test_leads, config.accounts), (false, Accounts::All));
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].is_string() && !property["default"].is_null(), "{name}");
        }
    }

    #[test]
    fn names_accounts_by_number_or_urn() {
        let text = r#"{"accounts":{"include":[503000111,"503000112","urn:li:sponsoredAccount:18446744073709551615"]}}"#;
        let accounts = Config::parse(text).unwrap().accounts;
        assert!(
            accounts.covers("503000111") && accounts.covers("18446744073709551615") && !accounts.covers("1")
        );
        let exclude = Config::parse(r#"{"accounts":{"exclude":["7"]}}"#).unwrap().accounts;
        assert!(!exclude.covers("7") && exclude.covers("8"));
    }

    #[test]
    fn points_at_each_mistake() {
        for (text, path) in [
            ("[", ""),
            ("[]", ""),
            (r#"{"api_url":"api.example.test"}"#, "/api_url"),
            (r#"{"api_url":"https://"}"#, "/api_url"),
            (r#"{"api_url":"https://a@b.example.test"}"#, "/api_url"),
            (r#"{"api_url":"https://api.example.test/rest?x=1"}"#, "/api_url"),
            (r#"{"api_url":7}"#, "/api_url"),
            (r#"{"version":"2026-09"}"#, "/version"),
            (r#"{"accounts":"some"}"#, "/accounts"),
            (r#"{"accounts":{"include":[],"exclude":[]}}"#, "/accounts"),
            (r#"{"accounts":{"include":[]}}"#, "/accounts/include"),
            (r#"{"accounts":{"exclude":[1,"x"]}}"#, "/accounts/exclude/1"),
            (r#"{"backfill_days":-1}"#, "/backfill_days"),
            (r#"{"overlap_s":1.5}"#, "/overlap_s"),
            (r#"{"settle_s":"60"}"#, "/settle_s"),
            (r#"{"page_size":501}"#, "/page_size"),
            (r#"{"requests_in_flight":0}"#, "/requests_in_flight"),
            (r#"{"test_leads":true}"#, "/test_leads"),
            (r#"{"test_leads":"divert"}"#, "/test_leads"),
            (r#"{"page/size":1}"#, "/page~1size"),
        ] {
            assert_eq!(path_of(text), path, "{text}");
        }
        let trimmed = Config::parse(r#"{"api_url":"http://127.0.0.1:8080/rest/"}"#).unwrap();
        assert_eq!(trimmed.api_url, "http://127.0.0.1:8080/rest");
    }
}
