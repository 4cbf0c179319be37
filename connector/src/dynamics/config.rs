//! The sink's configuration: parsed, checked and with its defaults filled in.

use std::collections::BTreeMap;

use serde::Deserialize;
use uuid::Uuid;

use crate::failure::{Detail, Failure};
use crate::mapping::{OverLong, Settings, Template};

pub(crate) const API_VERSION: &str = "v9.2";
pub(crate) const LEAD_SOURCE: i64 = 8;
pub(crate) const SUBJECT: &str = "LinkedIn: {form}";
pub(crate) const ROWS_PER_REQUEST: usize = 100;
pub(crate) const ROWS_PER_REQUEST_MAX: usize = 1000;
pub(crate) const REQUESTS_IN_FLIGHT: usize = 10;
/// The service's own limit per user:
/// <https://learn.microsoft.com/en-us/power-apps/developer/data-platform/api-limits>.
pub(crate) const REQUESTS_IN_FLIGHT_MAX: usize = 52;
/// Part of every lead's identity: it must never change.
pub(crate) const ID_NAMESPACE: &str = "6f1d2a52-8c0e-4b7d-9a43-2f6e1c9b7d10";

/// What happens to rows that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExistingRows {
    /// They stay as people left them.
    #[default]
    Keep,
    /// Their mapped columns are written again.
    Overwrite,
}

/// The checked configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// Without a slash at the end.
    pub(crate) organization_url: String,
    pub(crate) api_version: String,
    pub(crate) rows_per_request: usize,
    pub(crate) requests_in_flight: usize,
    pub(crate) existing_rows: ExistingRows,
    pub(crate) bypass_business_logic: bool,
    pub(crate) id_namespace: Uuid,
    pub(crate) mapping: Settings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    organization_url: String,
    #[serde(default = "api_version")]
    api_version: String,
    #[serde(default = "lead_source")]
    lead_source: LeadSource,
    #[serde(default = "subject")]
    subject: String,
    #[serde(default)]
    over_long: OverLong,
    #[serde(default = "rows_per_request")]
    rows_per_request: usize,
    #[serde(default = "requests_in_flight")]
    requests_in_flight: usize,
    #[serde(default)]
    existing_rows: ExistingRows,
    #[serde(default)]
    bypass_business_logic: bool,
    #[serde(default = "id_namespace")]
    id_namespace: String,
    #[serde(default)]
    mapping: RawMapping,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    #[serde(default)]
    columns: BTreeMap<String, String>,
}

/// TOML has no null, hence the word.
#[derive(Deserialize)]
#[serde(untagged)]
enum LeadSource {
    Choice(i32),
    Word(NoneWord),
    Null(()),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum NoneWord {
    None,
}

fn api_version() -> String {
    API_VERSION.to_owned()
}

fn lead_source() -> LeadSource {
    LeadSource::Choice(8)
}

fn subject() -> String {
    SUBJECT.to_owned()
}

fn rows_per_request() -> usize {
    ROWS_PER_REQUEST
}

fn requests_in_flight() -> usize {
    REQUESTS_IN_FLIGHT
}

fn id_namespace() -> String {
    ID_NAMESPACE.to_owned()
}

impl Config {
    /// Parses and checks the JSON object that `open` takes.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let raw: Raw = serde_json::from_str(text)
            .map_err(|error| invalid("", format!("the sink's configuration cannot be read: {error}")))?;
        check_version(&raw.api_version)?;
        Ok(Self {
            organization_url: organization_url(&raw.organization_url)?,
            rows_per_request: within("/rows_per_request", raw.rows_per_request, ROWS_PER_REQUEST_MAX)?,
            requests_in_flight: within(
                "/requests_in_flight",
                raw.requests_in_flight,
                REQUESTS_IN_FLIGHT_MAX,
            )?,
            existing_rows: raw.existing_rows,
            bypass_business_logic: raw.bypass_business_logic,
            id_namespace: Uuid::try_parse(&raw.id_namespace).map_err(|_| {
                invalid("/id_namespace", "id_namespace is no UUID; give one such as 8-4-4-4-12 digits")
            })?,
            mapping: Settings {
                columns: raw.mapping.columns,
                subject: Template::parse(&raw.subject)
                    .map_err(|error| invalid("/subject", format!("subject: {error}")))?,
                lead_source: match raw.lead_source {
                    LeadSource::Choice(value) => Some(i64::from(value)),
                    LeadSource::Word(NoneWord::None) | LeadSource::Null(()) => None,
                },
                over_long: raw.over_long,
            },
            api_version: raw.api_version,
        })
    }
}

pub(crate) fn invalid(path: &str, message: impl Into<String>) -> Failure {
    Failure::Invalid { detail: Detail::new(message), path: path.to_owned() }
}

fn within(path: &str, value: usize, max: usize) -> Result<usize, Failure> {
    if (1..=max).contains(&value) {
        return Ok(value);
    }
    let name = path.trim_start_matches('/');
    Err(invalid(path, format!("{name} is {value}; choose 1 to {max}")))
}

fn check_version(version: &str) -> Result<(), Failure> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = version.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    match parts {
        Some((major, minor)) if is_number(major) && is_number(minor) => Ok(()),
        _ => Err(invalid("/api_version", "api_version must look like v9.2")),
    }
}

fn organization_url(text: &str) -> Result<String, Failure> {
    const PATH: &str = "/organization_url";
    let url = text.trim().trim_end_matches('/');
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| invalid(PATH, "organization_url must begin with https://"))?;
    let is_plain =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'@' | b'\\' | b'"' | b'\'');
    if rest.is_empty() || rest.starts_with('/') || !rest.bytes().all(is_plain) {
        let message = "organization_url must be an address such as https://contoso.crm.dynamics.com, without user, \
                       query or fragment";
        return Err(invalid(PATH, message));
    }
    if rest.contains("/api/data") {
        let message = "organization_url must end before /api/data; the version is set with api_version";
        return Err(invalid(PATH, message));
    }
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(config: &str) -> String {
        match Config::parse(config) {
            Err(Failure::Invalid { path, .. }) => path,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wrong_value_is_named_by_its_place() {
        let with = |rest: &str| format!(r#"{{"organization_url":"https://contoso.example.test/",{rest}}}"#);
        assert_eq!(path_of(r#"{"organization_url":"contoso.example.test"}"#), "/organization_url");
        assert_eq!(path_of(r#"{"organization_url":"https://"}"#), "/organization_url");
        assert_eq!(path_of(r#"{"organization_url":"https://a@b.example.test"}"#), "/organization_url");
        assert_eq!(
            path_of(r#"{"organization_url":"https://a.example.test/api/data/v9.2"}"#),
            "/organization_url"
        );
        assert_eq!(path_of(&with(r#""api_version":"9.2""#)), "/api_version");
        assert_eq!(path_of(&with(r#""api_version":"v9.2/..""#)), "/api_version");
        assert_eq!(path_of(&with(r#""rows_per_request":0"#)), "/rows_per_request");
        assert_eq!(path_of(&with(r#""rows_per_request":1001"#)), "/rows_per_request");
        assert_eq!(path_of(&with(r#""requests_in_flight":53"#)), "/requests_in_flight");
        assert_eq!(path_of(&with(r#""id_namespace":"x""#)), "/id_namespace");
        assert_eq!(path_of(&with(r#""subject":"{name}""#)), "/subject");
        assert_eq!(path_of(&with(r#""colour":1"#)), "");
        assert_eq!(path_of(&with(r#""lead_source":"some""#)), "");
        assert_eq!(path_of("[]"), "");
    }

    #[test]
    fn lead_source_can_be_switched_off() {
        for word in ["null", "\"none\""] {
            let text = format!(r#"{{"organization_url":"https://c.example.test","lead_source":{word}}}"#);
            assert_eq!(Config::parse(&text).unwrap().mapping.lead_source, None);
        }
        let config = Config::parse(r#"{"organization_url":"https://c.example.test/"}"#).unwrap();
        assert_eq!(config.mapping.lead_source, Some(LEAD_SOURCE));
        assert_eq!(config.organization_url, "https://c.example.test");
    }
}
