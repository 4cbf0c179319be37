//! One component in a host of its own, with whatever grants a test gives it.

use std::sync::Arc;

use sluice::capabilities::address::AddressPolicy;
use sluice::capabilities::egress::Egress;
use sluice::capabilities::http::{Bounds, Http, build_client};
use sluice::credentials::Credentials;
use sluice::origin::Origin;
use sluice::runtime::{Component, Engine, Grants, Limits, Side};

use crate::guests::component;

/// What a test grants.
#[derive(Default)]
pub struct Given {
    /// Origins it may call.
    pub origins: Vec<Origin>,
    /// The instance's limits.
    pub limits: Limits,
    /// The bounds of requests.
    pub bounds: Bounds,
}

/// A side that runs the named component.
///
/// # Panics
///
/// If the component cannot be loaded: then there is nothing to test.
pub fn side(name: &str, config: &str, given: Given) -> Side {
    let engine = Engine::new().expect("the engine's settings are constant");
    let component =
        Component::load(&engine, None, &component(name), 32 << 20).expect("a component of ours loads");
    let client = build_client(AddressPolicy::default(), None).expect("the client's settings are constant");
    let http = Http::new(client, Arc::new(Credentials::default()), given.bounds);
    let egress = Egress::new(given.origins, []);
    let grants = Grants { component: name.to_owned(), egress, http: Arc::new(http) };
    Side { component, grants: Arc::new(grants), limits: given.limits, config: config.to_owned() }
}
