//! Loads components, each once, through the compiled-component cache; and asks them what they say of themselves.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::capabilities::address::AddressPolicy;
use crate::capabilities::egress::Egress;
use crate::capabilities::http::{Bounds, ClientError, Http, build_client};
use crate::credentials::Credentials;
use crate::description::Description;
use crate::manifest::{Describe, DescribeError};
use crate::runtime::{Component, ComponentCache, Engine, EngineError, Grants, Limits, LoadError};

/// Largest component that is described before any manifest could say otherwise: the manifest's own upper bound.
const MAX_DESCRIBED_BYTES: u64 = 256 << 20;

/// Why there is no workshop.
#[derive(Debug, thiserror::Error)]
pub enum WorkshopError {
    /// No engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No HTTP client.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// See the module.
#[derive(Debug)]
pub struct Workshop {
    engine: Engine,
    cache: Option<ComponentCache>,
    /// Grants nothing: for describing.
    nothing: Arc<Grants>,
    loaded: Mutex<HashMap<PathBuf, Component>>,
}

impl Workshop {
    /// Keeps compiled components in `cache`; without one, compiles each time.
    pub fn new(cache: Option<ComponentCache>) -> Result<Self, WorkshopError> {
        let client = build_client(AddressPolicy::default(), None)?;
        let http = Http::new(client, Arc::new(Credentials::default()), Bounds::default());
        let nothing =
            Grants { component: "described".to_owned(), egress: Egress::default(), http: Arc::new(http) };
        Ok(Self { engine: Engine::new()?, cache, nothing: Arc::new(nothing), loaded: Mutex::default() })
    }

    /// The component in a file.
    pub fn load(&self, path: &Path, max_bytes: u64) -> Result<Component, LoadError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(component) = loaded.get(path) {
            // It may have been loaded for its description, before the manifest's own limit was known.
            return component.clone().within(max_bytes);
        }
        let component = Component::load(&self.engine, self.cache.as_ref(), path, max_bytes)?;
        loaded.insert(path.to_owned(), component.clone());
        Ok(component)
    }

    /// What a component says about itself, as JSON text.
    ///
    /// # Panics
    ///
    /// Outside a multi-threaded tokio runtime.
    pub fn description(&self, component: &Component) -> Result<String, LoadError> {
        let limits = Limits::default();
        let describing = component.describe(Arc::clone(&self.nothing), &limits);
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(describing))
    }
}

impl Describe for Workshop {
    fn describe(&self, path: &Path) -> Result<Description, DescribeError> {
        if !path.exists() {
            return Err(DescribeError::Missing);
        }
        let refused = |error: LoadError| DescribeError::Refused(error.reason());
        let component = self.load(path, MAX_DESCRIBED_BYTES).map_err(refused)?;
        let text = self.description(&component).map_err(refused)?;
        serde_json::from_str(&text).map_err(|error| DescribeError::Unreadable(error.to_string()))
    }
}
