//! Placeholder for the Dataverse stand-in: no table exists yet, so every request is answered 404.
use std::sync::{Arc, RwLock};

use serde::{Deserialize, Serialize};

/// The clock: epoch milliseconds.
pub type Now = Arc<dyn Fn() -> u64 + Send + Sync>;
/// Whom an access token was issued to, and for what.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client id.
    pub application_id: String,
    /// The origin that the token was issued for, no trailing slash.
    pub resource: String,
}
/// Looks an access token up.
pub type Verify = Arc<dyn Fn(&str) -> Option<Caller> + Send + Sync>;
/// Fault switches.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataverseFaults {}
/// Options.
#[derive(Clone, Debug, Default)]
pub struct DataverseOptions {}
/// The service.
#[derive(Clone)]
pub struct Dataverse {
    faults: Arc<RwLock<DataverseFaults>>,
    _verify: Verify,
    _now: Now,
}
impl Dataverse {
    /// A new service.
    pub fn new(_options: DataverseOptions, verify: Verify, now: Now) -> Self {
        Self { faults: Arc::default(), _verify: verify, _now: now }
    }
    /// Routes.
    pub fn router(&self) -> axum::Router {
        axum::Router::new()
    }
    /// Sets the origin.
    pub fn set_origin(&self, _origin: String) {}
    /// The faults.
    pub fn faults(&self) -> DataverseFaults {
        self.faults.read().map(|f| f.clone()).unwrap_or_default()
    }
    /// Sets the faults.
    pub fn set_faults(&self, f: DataverseFaults) {
        if let Ok(mut faults) = self.faults.write() {
            *faults = f;
        }
    }
    /// Counters.
    pub fn stats(&self) -> serde_json::Value {
        serde_json::json!({})
    }
    /// Visits rows.
    pub fn for_each_row(
        &self,
        _entity_set: &str,
        _f: &mut dyn FnMut(&serde_json::Map<String, serde_json::Value>),
    ) {
    }
}
