//! Counters per service and route class: atomic, cheap, and bounded in number. They hold no request content.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Value, json};

/// At most so many route classes are told apart per service; the rest count as [`OTHER`].
const CLASSES_MAX: usize = 128;
/// The class of what is not told apart.
const OTHER: &str = "other";
/// At most so many owners are told apart; further ones are only in the totals.
const OWNERS_MAX: usize = 20_100;
/// Statuses 100 to 599 are counted one by one.
const STATUSES: usize = 500;

/// Counters of one service.
#[derive(Debug, Default)]
pub(crate) struct ServiceStats {
    total: Counters,
    classes: RwLock<HashMap<Box<str>, Arc<Counters>>>,
    /// Requests for the responses of each owner.
    owners: RwLock<HashMap<Box<str>, Arc<Gauge>>>,
}

/// How many requests there were, and were at once.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    requests: AtomicU64,
    in_flight: AtomicU64,
    in_flight_peak: AtomicU64,
}

impl Gauge {
    fn enter(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.in_flight_peak.fetch_max(now, Ordering::Relaxed);
    }
}

/// Counters of one route class.
#[derive(Debug)]
pub(crate) struct Counters {
    requests: AtomicU64,
    dropped: AtomicU64,
    bytes_out: AtomicU64,
    in_flight: AtomicU64,
    in_flight_peak: AtomicU64,
    statuses: Box<[AtomicU64]>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            requests: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            in_flight_peak: AtomicU64::new(0),
            statuses: (0..STATUSES).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Counters {
    fn enter(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.in_flight_peak.fetch_max(now, Ordering::Relaxed);
    }

    fn answered(&self, status: u16, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
        if let Some(count) = usize::from(status).checked_sub(100).and_then(|at| self.statuses.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Requests in flight stay counted: they are still there.
    fn reset(&self) {
        for counter in
            [&self.requests, &self.dropped, &self.bytes_out].into_iter().chain(self.statuses.iter())
        {
            counter.store(0, Ordering::Relaxed);
        }
        self.in_flight_peak.store(self.in_flight.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn to_json(&self) -> Value {
        let statuses: BTreeMap<String, u64> = (100_u64..)
            .zip(self.statuses.iter())
            .map(|(status, count)| (status.to_string(), count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect();
        json!({
            "requests": self.requests.load(Ordering::Relaxed),
            "dropped": self.dropped.load(Ordering::Relaxed),
            "bytes_out": self.bytes_out.load(Ordering::Relaxed),
            "concurrency_peak": self.in_flight_peak.load(Ordering::Relaxed),
            "by_status": statuses,
        })
    }
}

impl ServiceStats {
    /// Counts a request in; the guard counts it out, also when the peer goes away.
    pub(crate) fn enter(self: &Arc<Self>, class: &str, owner: Option<&str>) -> InFlight {
        let counters = self.class(class);
        self.total.enter();
        counters.enter();
        let owner = owner.and_then(|owner| self.owner(owner));
        if let Some(owner) = &owner {
            owner.enter();
        }
        InFlight { service: Arc::clone(self), class: counters, owner }
    }

    fn owner(&self, owner: &str) -> Option<Arc<Gauge>> {
        if let Some(found) = self.owners.read().unwrap_or_else(PoisonError::into_inner).get(owner) {
            return Some(Arc::clone(found));
        }
        let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        if owners.len() >= OWNERS_MAX && !owners.contains_key(owner) {
            return None;
        }
        Some(Arc::clone(owners.entry(owner.into()).or_default()))
    }

    fn class(&self, class: &str) -> Arc<Counters> {
        if let Some(found) = self.classes.read().unwrap_or_else(PoisonError::into_inner).get(class) {
            return Arc::clone(found);
        }
        let mut classes = self.classes.write().unwrap_or_else(PoisonError::into_inner);
        let name = if classes.len() < CLASSES_MAX || classes.contains_key(class) { class } else { OTHER };
        Arc::clone(classes.entry(name.into()).or_default())
    }

    /// Sets every counter back to zero.
    pub(crate) fn reset(&self) {
        self.total.reset();
        // Requests in flight keep their gauge; from now on others count.
        self.owners.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.classes.write().unwrap_or_else(PoisonError::into_inner).retain(|_, counters| {
            counters.reset();
            counters.in_flight.load(Ordering::Relaxed) > 0
        });
    }

    /// The counters as JSON: the totals, and the same for each route class under `routes`.
    pub(crate) fn to_json(&self) -> Value {
        let classes = self.classes.read().unwrap_or_else(PoisonError::into_inner);
        let routes: BTreeMap<&str, Value> =
            classes.iter().map(|(class, counters)| (&**class, counters.to_json())).collect();
        let mut total = self.total.to_json();
        total["routes"] = json!(routes);
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        if !owners.is_empty() {
            let peak = |gauge: &Gauge| gauge.in_flight_peak.load(Ordering::Relaxed);
            total["owner_concurrency_peak"] = owners.values().map(|gauge| peak(gauge)).max().into();
            let owners: BTreeMap<&str, Value> = owners
                .iter()
                .map(|(owner, gauge)| {
                    let requests = gauge.requests.load(Ordering::Relaxed);
                    (&**owner, json!({"requests": requests, "concurrency_peak": peak(gauge)}))
                })
                .collect();
            total["owners"] = json!(owners);
        }
        total
    }
}

/// One request being worked on.
#[derive(Debug)]
pub(crate) struct InFlight {
    service: Arc<ServiceStats>,
    class: Arc<Counters>,
    owner: Option<Arc<Gauge>>,
}

impl InFlight {
    /// Records the answer.
    pub(crate) fn answered(&self, status: u16, bytes: u64) {
        self.service.total.answered(status, bytes);
        self.class.answered(status, bytes);
    }

    /// Records that the connection was dropped instead of answered.
    pub(crate) fn dropped(&self) {
        self.service.total.dropped.fetch_add(1, Ordering::Relaxed);
        self.class.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.service.total.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.class.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(owner) = &self.owner {
            owner.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_class_status_and_peak() {
        let stats = Arc::new(ServiceStats::default());
        let (one, two) = (stats.enter("a", None), stats.enter("b", None));
        one.answered(200, 10);
        drop(one);
        two.answered(429, 5);
        two.dropped();
        drop(two);
        let json = stats.to_json();
        assert_eq!(json["requests"], 2);
        assert_eq!(json["concurrency_peak"], 2);
        assert_eq!(json["by_status"], json!({"200": 1, "429": 1}));
        assert_eq!(json["routes"]["a"]["bytes_out"], 10);
        assert_eq!(json["routes"]["b"]["dropped"], 1);
        stats.reset();
        assert_eq!(stats.to_json()["requests"], 0);
        assert_eq!(stats.to_json()["concurrency_peak"], 0);
    }

    #[test]
    fn the_peak_of_each_owner_is_kept_apart() {
        let stats = Arc::new(ServiceStats::default());
        assert!(stats.to_json().get("owners").is_none());
        let first = [stats.enter("a", Some("x")), stats.enter("a", Some("x")), stats.enter("a", Some("y"))];
        drop(first);
        drop(stats.enter("a", Some("y")));
        let json = stats.to_json();
        assert_eq!(json["owners"]["x"], json!({"requests": 2, "concurrency_peak": 2}));
        assert_eq!(json["owners"]["y"], json!({"requests": 2, "concurrency_peak": 1}));
        assert_eq!((&json["owner_concurrency_peak"], &json["concurrency_peak"]), (&json!(2), &json!(3)));
        stats.reset();
        assert!(stats.to_json().get("owners").is_none());
    }

    #[test]
    fn route_classes_are_bounded() {
        let stats = Arc::new(ServiceStats::default());
        for class in 0..CLASSES_MAX + 10 {
            drop(stats.enter(&class.to_string(), Some(&class.to_string())));
        }
        assert_eq!(stats.to_json()["routes"][OTHER]["requests"], 10);
    }
}
