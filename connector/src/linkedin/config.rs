//! The source's configuration, parsed into checked values.
//!
//! The host validates manifests with the schema; the parser repeats every rule, because a component must not trust its
//! host to have done so. Each refusal names the place as a JSON Pointer.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::failure::{Detail, Failure};

use super::chosen::Chosen;
use super::config_schema::{ACCOUNTS_NEED, ORGANIZATIONS_NEED};
use super::naming::Naming;
use super::owner::{Kind, Owner};
use super::{retention, version, webhook};

pub(super) const API_URL: &str = "https://api.linkedin.com/rest";

/// A configuration whose values are all within their bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    /// Without a slash at its end.
    pub(super) api_url: String,
    /// `YYYYMM`.
    pub(super) version: String,
    /// At least one, each once, in the order of [`Kind::ALL`].
    pub(super) kinds: Vec<Kind>,
    /// The ad accounts, for SPONSORED.
    pub(super) accounts: Chosen,
    /// The organizations, for the other kinds.
    pub(super) organizations: Chosen,
    pub(super) forms: Rc<Chosen>,
    pub(super) backfill_ms: u64,
    retention_days: BTreeMap<Kind, u64>,
    pub(super) overlap_ms: u64,
    pub(super) settle_ms: u64,
    /// LinkedIn's `count`.
    pub(super) page_size: usize,
    pub(super) requests_in_flight: usize,
    /// Whether test leads are for the sink.
    pub(super) test_leads: bool,
    pub(super) webhook: webhook::Bounds,
    /// Whether names of campaigns, their groups and creatives are looked up.
    pub(super) look_up_names: bool,
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
        let kinds = kinds(members.0.remove("kinds"))?;
        members.require_owners_of(&kinds)?;
        let config = Self {
            kinds,
            api_url: api_url(&members.text("api_url", API_URL)?)?,
            version: members.text("version", version::DEFAULT)?,
            accounts: members.chosen("accounts", Naming::Account)?,
            organizations: members.chosen("organizations", Naming::Organization)?,
            forms: Rc::new(members.chosen("forms", Naming::Form)?),
            backfill_ms: members.number("backfill_days", 90, 0, 3650)? * 86_400_000,
            retention_days: retention_days(members.0.remove("retention_days"))?,
            overlap_ms: members.number("overlap_s", 600, 0, 604_800)? * 1000,
            settle_ms: members.number("settle_s", 60, 0, 86_400)? * 1000,
            page_size: members.size("page_size", 100, 2, 500)?,
            requests_in_flight: members.size("requests_in_flight", 10, 1, 32)?,
            test_leads: match members.text("test_leads", "skip")?.as_str() {
                "skip" => false,
                "include" => true,
                _ => return Err(invalid("/test_leads", "test_leads must be \"skip\" or \"include\"")),
            },
            webhook: webhook_bounds(members.0.remove("webhook"))?,
            look_up_names: match members.text("names", "look_up")?.as_str() {
                "look_up" => true,
                "skip" => false,
                _ => return Err(invalid("/names", "names must be \"look_up\" or \"skip\"")),
            },
        };
        if !version::is_well_formed(&config.version) {
            let example = version::DEFAULT;
            return Err(invalid("/version", format!("version must be YYYYMM, such as \"{example}\"")));
        }
        members.require_empty("")?;
        Ok(config)
    }

    /// Whether leads of this kind are read.
    pub(super) fn reads(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether this owner's forms are read, for the kinds that it can have.
    pub(super) fn covers(&self, owner: &Owner) -> bool {
        match owner {
            Owner::Account(number) => self.accounts.covers(number),
            Owner::Organization(number) => self.organizations.covers(number),
        }
    }

    /// For how many days LinkedIn keeps leads of this kind.
    pub(super) fn retention_days(&self, kind: Kind) -> u64 {
        self.retention_days.get(&kind).copied().unwrap_or_else(|| retention::default_days(kind))
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

    fn chosen(&mut self, key: &str, naming: Naming) -> Result<Chosen, Failure> {
        self.0.remove(key).map_or(Ok(Chosen::All), |value| Chosen::parse(&value, key, naming))
    }

    /// Owners are only listed for kinds that they have.
    fn require_owners_of(&self, kinds: &[Kind]) -> Result<(), Failure> {
        let organic = kinds.iter().any(|kind| kind.is_organic());
        let rules = [
            ("organizations", organic, ORGANIZATIONS_NEED),
            ("accounts", kinds.contains(&Kind::Sponsored), ACCOUNTS_NEED),
        ];
        for (key, allowed, message) in rules {
            if !allowed && self.0.contains_key(key) {
                return Err(invalid(format!("/{key}"), message));
            }
        }
        Ok(())
    }

    /// Refuses what nobody has read.
    fn require_empty(&self, path: &str) -> Result<(), Failure> {
        let Some(key) = self.0.keys().next() else { return Ok(()) };
        let pointer = key.replace('~', "~0").replace('/', "~1");
        Err(invalid(format!("{path}/{pointer}"), "the source has no such setting"))
    }
}

fn kinds(value: Option<Value>) -> Result<Vec<Kind>, Failure> {
    let Some(value) = value else { return Ok(vec![Kind::Sponsored]) };
    let list = value.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| invalid("/kinds", "kinds must be a list of at least one kind of lead"))?;
    let mut kinds = Vec::new();
    for (index, word) in list.iter().enumerate() {
        let known = Kind::ALL.map(Kind::word).join(", ");
        let kind = word.as_str().and_then(Kind::parse).ok_or_else(|| {
            invalid(format!("/kinds/{index}"), format!("there is no such kind of lead; there are {known}"))
        })?;
        if kinds.contains(&kind) {
            return Err(invalid("/kinds", format!("{} stands twice in kinds", kind.word())));
        }
        kinds.push(kind);
    }
    kinds.sort();
    Ok(kinds)
}

fn retention_days(value: Option<Value>) -> Result<BTreeMap<Kind, u64>, Failure> {
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let Value::Object(members) = value else {
        return Err(invalid("/retention_days", "retention_days must be a table of days by kind of lead"));
    };
    let mut members = Members(members);
    let mut days = BTreeMap::new();
    for kind in Kind::ALL {
        let number = members.number(kind.word(), retention::default_days(kind), 1, 3650);
        days.insert(kind, number.map_err(|failure| within("/retention_days", failure))?);
    }
    members.require_empty("/retention_days")?;
    Ok(days)
}

fn webhook_bounds(value: Option<Value>) -> Result<webhook::Bounds, Failure> {
    let Value::Object(members) = value.unwrap_or_else(|| Value::Object(Map::new())) else {
        return Err(invalid("/webhook", "webhook must be a table"));
    };
    let mut members = Members(members);
    let bounds = members.size("max_body_bytes", 65_536, 1_024, 1_048_576).and_then(|body_bytes| {
        let age_ms = members.number("notice_max_age_h", 72, 1, 8_760)? * 3_600_000;
        members.require_empty("")?;
        Ok(webhook::Bounds { body_bytes, age_ms })
    });
    bounds.map_err(|failure| within("/webhook", failure))
}

/// The failure of a part as one of the whole.
fn within(place: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Invalid { detail, path } => Failure::Invalid { detail, path: format!("{place}{path}") },
        other => other,
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

#[cfg(test)]
mod tests {
    use super::super::config_schema::config_schema;
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
        assert_eq!(
            (config.test_leads, &config.accounts, &*config.forms),
            (false, &Chosen::All, &Chosen::All)
        );
        assert_eq!(
            (config.kinds.clone(), config.organizations.clone()),
            (vec![Kind::Sponsored], Chosen::All)
        );
        for kind in Kind::ALL {
            assert_eq!(config.retention_days(kind), default("retention_days")[kind.word()]);
        }
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
            (r#"{"accounts":{"include":["urn:li:organization:1"]}}"#, "/accounts/include/0"),
            (r#"{"accounts":{"include":[0]}}"#, "/accounts/include/0"),
            (r#"{"kinds":[]}"#, "/kinds"),
            (r#"{"kinds":"EVENT"}"#, "/kinds"),
            (r#"{"kinds":["SPONSORED","EVENTS"]}"#, "/kinds/1"),
            (r#"{"kinds":["EVENT","EVENT"]}"#, "/kinds"),
            (r#"{"organizations":"all"}"#, "/organizations"),
            (r#"{"kinds":["SPONSORED"],"organizations":{"include":[1]}}"#, "/organizations"),
            (r#"{"kinds":["EVENT","COMPANY"],"accounts":"all"}"#, "/accounts"),
            (
                r#"{"kinds":["EVENT"],"organizations":{"include":["urn:li:sponsoredAccount:1"]}}"#,
                "/organizations/include/0",
            ),
            (r#"{"forms":{"exclude":["urn:li:versionedLeadGenForm:1"]}}"#, "/forms/exclude/0"),
            (r#"{"forms":["1"]}"#, "/forms"),
            (r#"{"retention_days":90}"#, "/retention_days"),
            (r#"{"retention_days":{"EVENT":0}}"#, "/retention_days/EVENT"),
            (r#"{"retention_days":{"EVENTS":9}}"#, "/retention_days/EVENTS"),
            (r#"{"backfill_days":-1}"#, "/backfill_days"),
            (r#"{"overlap_s":1.5}"#, "/overlap_s"),
            (r#"{"settle_s":"60"}"#, "/settle_s"),
            (r#"{"page_size":501}"#, "/page_size"),
            (r#"{"requests_in_flight":0}"#, "/requests_in_flight"),
            (r#"{"test_leads":true}"#, "/test_leads"),
            (r#"{"names":"always"}"#, "/names"),
            (r#"{"test_leads":"divert"}"#, "/test_leads"),
            (r#"{"page/size":1}"#, "/page~1size"),
            (r#"{"names":true}"#, "/names"),
            (r#"{"webhook":7}"#, "/webhook"),
            (r#"{"webhook":{"max_body_bytes":1023}}"#, "/webhook/max_body_bytes"),
            (r#"{"webhook":{"notice_max_age_h":0}}"#, "/webhook/notice_max_age_h"),
            (r#"{"webhook":{"secret":"x"}}"#, "/webhook/secret"),
        ] {
            assert_eq!(path_of(text), path, "{text}");
        }
        let trimmed = Config::parse(r#"{"api_url":"http://127.0.0.1:8080/rest/"}"#).unwrap();
        assert_eq!(trimmed.api_url, "http://127.0.0.1:8080/rest");
    }

    #[test]
    fn takes_every_kind_with_its_owners() {
        let text = r#"{"kinds":["EVENT","SPONSORED"],"organizations":{"include":["urn:li:organization:90021"]},
            "forms":{"exclude":["urn:li:leadGenForm:7"]},"retention_days":{"EVENT":30}}"#;
        let config = Config::parse(text).unwrap();
        assert_eq!(config.kinds, [Kind::Sponsored, Kind::Event]);
        assert!(config.reads(Kind::Event) && !config.reads(Kind::Company));
        assert!(config.covers(&Owner::Account("90022".to_owned())));
        assert!(config.covers(&Owner::Organization("90021".to_owned())));
        assert!(!config.covers(&Owner::Organization("90022".to_owned())));
        assert!(!config.forms.covers("7") && config.forms.covers("8"));
        assert_eq!((config.retention_days(Kind::Event), config.retention_days(Kind::Sponsored)), (30, 90));
    }
}
