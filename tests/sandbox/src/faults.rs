//! The fault switches: what can be made to go wrong, and how a change is merged in. Pure; it acts on nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::clock::Date;
use crate::dataverse::DataverseFaults;

/// Every fault switch, as served at `GET /_sandbox/faults`. The default is a service that works.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Faults of the transport, which every service can have.
    pub transport: Transport,
    /// Behaviour of LinkedIn.
    pub linkedin: LinkedInFaults,
    /// Behaviour of Entra ID.
    pub entra: EntraFaults,
    /// Behaviour of Dataverse.
    pub dataverse: DataverseFaults,
}

/// Transport faults by service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transport {
    /// LinkedIn, both its OAuth and its API paths.
    pub linkedin: TransportFaults,
    /// Entra ID.
    pub entra: TransportFaults,
    /// Dataverse.
    pub dataverse: TransportFaults,
}

/// Transport faults of one service. A rate is "one request in so many"; 0 means never.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransportFaults {
    /// Wait before each request is worked on, in milliseconds, at most 60,000.
    pub latency_ms: u64,
    /// One request in so many is answered 429 or 503, alternately. Chosen by seed and request number.
    pub error_rate: u64,
    /// `Retry-After` of an injected 429, in seconds. Absent: LinkedIn sends none (it documents none), Dataverse and
    /// Entra ID send 1.
    pub retry_after_s: Option<u64>,
    /// One request in so many finds its connection dropped before anything was done.
    pub reset_rate: u64,
    /// One request in so many is carried out, and its connection dropped before the answer.
    pub lost_answer_rate: u64,
}

/// Behaviour of LinkedIn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkedInFaults {
    /// Requests per endpoint and UTC day before 429 is answered until 00:00 UTC. Absent: no quota.
    pub daily_quota: Option<u64>,
    /// Whether the 429 of a spent quota carries `Retry-After` (LinkedIn documents none).
    pub quota_retry_after: bool,
    /// Ids of the ad accounts whose campaigns, forms and responses are refused with 403.
    pub forbidden_accounts: BTreeSet<u64>,
    /// Sunset dates by version (`"202609": "2026-11-01"`), over or beside the built-in table.
    pub sunset: BTreeMap<String, String>,
    /// An access token is answered as expired (401, 65602) once it is so many seconds old. Absent: its own lifetime.
    pub require_refresh_after_s: Option<u64>,
    /// Largest `count` of `leadForms` and `leadFormResponses`, 1 to 10,000.
    pub count_max: u64,
    /// Whether a larger `count` is cut to the maximum (true) or refused with 400 (false).
    pub count_clamp: bool,
    /// Whether `paging.total` is sent.
    pub total: bool,
    /// Whether `submittedAtTimeRange` includes its `end`.
    pub end_inclusive: bool,
    /// Whether percent-encoded structure in a query is accepted.
    pub encoded_structure: bool,
    /// Whether unknown query parameters are ignored instead of refused with 403.
    pub ignore_unknown_parameters: bool,
    /// Adds fields to forms and responses that no reference names.
    pub unknown_fields: bool,
    /// Uses enum values in forms that no reference names.
    pub unknown_enums: bool,
    /// So many new responses of an account arrive after each page of its responses, at most 1,000.
    pub insert_between_pages: u64,
    /// After so many pages of one window the newest response of that window is deleted, each time. 0: never.
    pub delete_between_pages: u64,
    /// Responses older than so many days have vanished. Absent: nothing vanishes.
    pub retention_days: Option<u64>,
}

impl Default for LinkedInFaults {
    fn default() -> Self {
        Self {
            daily_quota: None,
            quota_retry_after: false,
            forbidden_accounts: BTreeSet::new(),
            sunset: BTreeMap::new(),
            require_refresh_after_s: None,
            count_max: 500,
            count_clamp: true,
            total: true,
            end_inclusive: false,
            encoded_structure: false,
            ignore_unknown_parameters: false,
            unknown_fields: false,
            unknown_enums: false,
            insert_between_pages: 0,
            delete_between_pages: 0,
            retention_days: None,
        }
    }
}

/// Behaviour of Entra ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EntraFaults {
    /// Lifetime of a new access token in seconds, 0 to 86,400.
    pub token_lifetime_s: u64,
    /// Whether tokens are refused because the secret has expired (`AADSTS7000222`).
    pub secret_expired: bool,
}

impl Default for EntraFaults {
    fn default() -> Self {
        Self { token_lifetime_s: 3_599, secret_expired: false }
    }
}

/// Why a change of the fault switches was refused. Nothing was changed.
#[derive(Debug, Error)]
pub enum FaultsError {
    /// The change names no switch, or gives a value of the wrong type.
    #[error("fault switches are not understood: {0}; GET /_sandbox/faults shows every switch")]
    Shape(#[from] serde_json::Error),
    /// A value lies outside its bounds.
    #[error("fault switch {switch} must be {bounds}")]
    Bounds {
        /// Path of the switch.
        switch: String,
        /// What it may be.
        bounds: &'static str,
    },
    /// A `PATH=VALUE` flag without `=` or without a path.
    #[error("fault flag `{0}` is not PATH=VALUE, such as transport.linkedin.latency_ms=40")]
    Flag(String),
}

impl Faults {
    /// These switches with `patch` merged over them as RFC 7396 says: members given are set, `null` restores the
    /// default, objects are merged member by member.
    ///
    /// # Errors
    /// [`FaultsError`] when a member is unknown, has the wrong type or is out of bounds.
    pub fn patched(&self, patch: &Value) -> Result<Self, FaultsError> {
        let mut merged = serde_json::to_value(self)?;
        merge(&mut merged, patch);
        let faults: Self = serde_json::from_value(merged)?;
        faults.check()?;
        Ok(faults)
    }

    /// These switches with one `PATH=VALUE` flag applied. VALUE is JSON; what is not JSON is taken as a string.
    ///
    /// # Errors
    /// As [`Faults::patched`], and when the flag has no path.
    pub fn with_flag(&self, flag: &str) -> Result<Self, FaultsError> {
        let (path, value) = flag.split_once('=').ok_or_else(|| FaultsError::Flag(flag.to_owned()))?;
        if path.is_empty() || path.split('.').any(str::is_empty) {
            return Err(FaultsError::Flag(flag.to_owned()));
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        let patch = path
            .rsplit('.')
            .fold(value, |inner, key| Value::Object([(key.to_owned(), inner)].into_iter().collect()));
        self.patched(&patch)
    }

    fn check(&self) -> Result<(), FaultsError> {
        let services = [
            ("linkedin", &self.transport.linkedin),
            ("entra", &self.transport.entra),
            ("dataverse", &self.transport.dataverse),
        ];
        for (service, transport) in services {
            if transport.latency_ms > 60_000 {
                return Err(bounds(format!("transport.{service}.latency_ms"), "at most 60000"));
            }
        }
        if !(1..=10_000).contains(&self.linkedin.count_max) {
            return Err(bounds("linkedin.count_max", "1 to 10000"));
        }
        if self.linkedin.insert_between_pages > 1_000 {
            return Err(bounds("linkedin.insert_between_pages", "at most 1000"));
        }
        if self.entra.token_lifetime_s > 86_400 {
            return Err(bounds("entra.token_lifetime_s", "at most 86400"));
        }
        for (version, date) in &self.linkedin.sunset {
            let version_ok = version.len() == 6 && version.bytes().all(|b| b.is_ascii_digit());
            if !version_ok || Date::parse(date).is_none() {
                return Err(bounds(
                    format!("linkedin.sunset.{version}"),
                    "a YYYY-MM-DD date for a YYYYMM version",
                ));
            }
        }
        Ok(())
    }
}

/// The switches in force, shared by the services.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultsCell(Arc<RwLock<Arc<Faults>>>);

impl FaultsCell {
    pub(crate) fn get(&self) -> Arc<Faults> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, faults: Faults) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(faults);
    }
}

fn bounds(switch: impl Into<String>, bounds: &'static str) -> FaultsError {
    FaultsError::Bounds { switch: switch.into(), bounds }
}

/// RFC 7396. The depth is bounded by the JSON parser, which refuses more than 128 levels.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_only_what_it_names_and_null_restores_the_default() {
        let one = Faults::default()
            .patched(&json!({"linkedin": {"total": false, "count_max": 50}, "transport": {"entra": {"latency_ms": 3}}}))
            .unwrap();
        assert!(!one.linkedin.total && one.linkedin.count_clamp);
        assert_eq!((one.linkedin.count_max, one.transport.entra.latency_ms), (50, 3));
        let two = one.patched(&json!({"linkedin": {"total": null}})).unwrap();
        assert!(two.linkedin.total);
        assert_eq!(two.linkedin.count_max, 50);
    }

    #[test]
    fn unknown_switches_and_values_out_of_bounds_are_refused_by_name() {
        let refuse = |patch| Faults::default().patched(&patch).unwrap_err().to_string();
        assert!(refuse(json!({"linkedin": {"totl": true}})).contains("totl"));
        assert!(refuse(json!({"linkedin": {"count_max": 0}})).contains("linkedin.count_max"));
        assert!(
            refuse(json!({"transport": {"dataverse": {"latency_ms": 60_001}}}))
                .contains("transport.dataverse.latency_ms")
        );
        assert!(
            refuse(json!({"linkedin": {"sunset": {"202609": "soon"}}})).contains("linkedin.sunset.202609")
        );
    }

    #[test]
    fn a_flag_reaches_a_nested_switch() {
        let faults = Faults::default().with_flag("transport.linkedin.latency_ms=40").unwrap();
        assert_eq!(faults.transport.linkedin.latency_ms, 40);
        let faults = faults.with_flag("linkedin.forbidden_accounts=[503000101]").unwrap();
        assert!(faults.linkedin.forbidden_accounts.contains(&503_000_101));
        let faults = faults.with_flag("linkedin.sunset.202609=2026-01-01").unwrap();
        assert_eq!(faults.linkedin.sunset["202609"], "2026-01-01");
        for bad in ["latency", "=1", "a..b=1"] {
            assert!(matches!(Faults::default().with_flag(bad), Err(FaultsError::Flag(_))), "{bad}");
        }
    }
}
