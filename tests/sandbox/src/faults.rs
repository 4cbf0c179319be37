//! The fault switches: what can be made to go wrong, and how a change is merged in. Pure; it acts on nothing.

use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::dataverse::DataverseFaults;
use crate::linkedin_faults::LinkedInFaults;

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
        self.linkedin.check()?;
        if self.entra.token_lifetime_s > 86_400 {
            return Err(bounds("entra.token_lifetime_s", "at most 86400"));
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

pub(crate) fn bounds(switch: impl Into<String>, bounds: &'static str) -> FaultsError {
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
        assert!(refuse(json!({"linkedin": {"page_roles": {"90021": "OWNER"}}})).contains("page_roles.90021"));
        assert!(
            refuse(json!({"linkedin": {"notices": {"delay_ms": 86_400_001}}})).contains("notices.delay_ms")
        );
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
