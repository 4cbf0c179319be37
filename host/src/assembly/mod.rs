//! Puts a pipeline together: from a resolved manifest to sides that can be opened.
//!
//! Knows every part and does no work itself. Whoever starts work (the command line, later a service) comes through
//! here, so that grants are derived from the manifest in one place only.

mod clock;
mod secrets;
mod workshop;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::capabilities::address::AddressPolicy;
use crate::capabilities::egress::Egress;
use crate::capabilities::http::{Bounds, ClientError, Http, build_client};
use crate::credentials::Credentials;
use crate::manifest::{Credential, Limits, Pipeline};
use crate::origin::Origin;
use crate::pipeline::port::Mode;
use crate::pipeline::{Job, RetryPolicy, Settings};
use crate::runtime::{self, ComponentConnect, Grants, LoadError, Side};

pub use clock::SystemClock;
pub use secrets::{Environment, SecretError, SecretsMissing};
pub use workshop::{Workshop, WorkshopError};

/// Why a pipeline cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    /// Secrets are not where the manifest says.
    #[error(transparent)]
    Secrets(#[from] SecretsMissing),
    /// No HTTP client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A component cannot be loaded.
    #[error(transparent)]
    Component(#[from] LoadError),
}

/// A pipeline whose parts are at hand.
#[derive(Debug)]
pub struct Assembly {
    /// Opens its sides.
    pub connect: ComponentConnect,
    /// What its requests go through.
    pub http: Arc<Http>,
}

impl Assembly {
    /// Resolves the secrets, loads both components and derives their grants.
    pub fn new(
        pipeline: &Pipeline,
        workshop: &Workshop,
        environment: &Environment<'_>,
    ) -> Result<Self, AssemblyError> {
        let policy = AddressPolicy::new(pipeline.network.private_addresses.iter().copied());
        let client = build_client(policy, pipeline.network.ca_file.as_deref())?;
        let definitions = secrets::resolve(&pipeline.credentials, &client, environment)?;
        let credentials = Arc::new(Credentials::new(definitions));
        let http = Arc::new(Http::new(client, credentials, bounds(&pipeline.limits)));
        let side =
            |component: &std::path::Path, egress: &[Origin], names: &[String], config: &serde_json::Value| {
                let component = workshop.load(component, u64::from(pipeline.limits.component_bytes))?;
                let grants = Grants {
                    component: name_of(component.path()),
                    egress: grant(egress, names, &pipeline.credentials),
                    http: http.clone(),
                };
                let limits = instance_limits(&pipeline.limits);
                Ok::<_, AssemblyError>(Side {
                    component,
                    grants: Arc::new(grants),
                    limits,
                    config: config.to_string(),
                })
            };
        let (from, to) = (&pipeline.source, &pipeline.sink);
        let source = side(&from.component, &from.egress, &from.credentials, &from.config)?;
        let sink = side(&to.component, &to.egress, &to.credentials, &to.config)?;
        Ok(Self { connect: ComponentConnect { source, sink }, http })
    }
}

/// What to move, within the manifest's bounds.
pub fn job(pipeline: &Pipeline, mode: Mode, jitter_seed: u64) -> Job {
    let limits = &pipeline.limits;
    let mut settings = Settings {
        page_records: limits.page_records,
        page_bytes: limits.page_bytes,
        pages_in_flight: limits.pages_in_flight,
        partitions_in_flight: limits.partitions_in_flight,
        retry: RetryPolicy {
            max_wait: Duration::from_secs(u64::from(limits.wait_total_s)),
            ..RetryPolicy::default()
        },
        ..Settings::default()
    };
    if let Some(pages) = limits.tick_pages {
        settings.max_pages = pages;
    }
    if let Some(seconds) = limits.tick_s {
        settings.max_duration = Duration::from_secs(u64::from(seconds));
    }
    Job {
        pipeline: pipeline.name.as_str().into(),
        stream: pipeline.source.stream.as_str().into(),
        selection: None,
        sweep: false,
        mode,
        digest_seed: digest_seed(pipeline),
        jitter_seed,
        settings,
    }
}

/// Changes whenever it changes how a record is written, so that records that come again are then written again.
fn digest_seed(pipeline: &Pipeline) -> u64 {
    xxhash_rust::xxh3::xxh3_64(pipeline.sink.config.to_string().as_bytes())
}

fn bounds(limits: &Limits) -> Bounds {
    Bounds {
        attempt: Duration::from_millis(u64::from(limits.request_timeout_ms)),
        total: Duration::from_secs(u64::from(limits.retry_total_s)),
        repeats: usize::try_from(limits.retry_attempts.saturating_sub(1)).unwrap_or(usize::MAX),
        response_bytes: u64::from(limits.response_bytes),
        at_once: usize::try_from(limits.requests_in_flight).unwrap_or(usize::MAX),
        ..Bounds::default()
    }
}

fn instance_limits(limits: &Limits) -> runtime::Limits {
    runtime::Limits {
        memory_bytes: u64::from(limits.memory_bytes),
        call: Duration::from_millis(u64::from(limits.call_timeout_ms)),
        ..runtime::Limits::default()
    }
}

/// A side's grants: its own origins, and each of its credentials with the origins that the credential is tied to.
fn grant(egress: &[Origin], names: &[String], credentials: &BTreeMap<String, Credential>) -> Egress {
    let tied = names.iter().filter_map(|name| Some((name.clone(), credentials.get(name)?.origins.clone())));
    Egress::new(egress.iter().cloned(), tied)
}

/// A component's name in logs: its file's.
fn name_of(path: &std::path::Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
