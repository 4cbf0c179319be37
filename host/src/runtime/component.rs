//! A loaded component: admitted, compiled, linked, and described by itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::component::{InstancePre, Linker};
use wasmtime::{Store, UpdateDeadline};

use super::admission::{Admitted, Refusal, admit, validate};
use super::bindings::exports::sluice::connector::{connector, sink, source, webhook};
use super::cache::ComponentCache;
use super::call::RoleIndices;
use super::engine::Engine;
use super::imports::{Grants, State, add_to_linker};
use super::limits::Limits;

/// Why a component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the component `{path}`: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// In the system's words.
        source: std::io::Error,
    },
    /// It is not admitted.
    #[error("the component `{path}` is refused: {refusal}", path = .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        refusal: Refusal,
    },
    /// The compiler or linker rejects it.
    #[error("the component `{path}` cannot be compiled: {reason}", path = .path.display())]
    Compile {
        /// The file.
        path: PathBuf,
        /// In the engine's words.
        reason: String,
    },
    /// It does not describe itself.
    #[error("the component `{path}` cannot describe itself: {reason}", path = .path.display())]
    Describe {
        /// The file.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// It does not play a role that is needed.
    #[error("the component `{path}` is no {role}: it does not export `sluice:connector/{role}`", path = .path.display())]
    Role {
        /// The file.
        path: PathBuf,
        /// `source` or `sink`.
        role: &'static str,
    },
}

impl LoadError {
    /// What is wrong with the component, for a sentence that names its file already.
    pub fn reason(&self) -> String {
        match self {
            Self::Read { source, .. } => format!("it cannot be read: {source}"),
            Self::Refused { refusal, .. } => refusal.to_string(),
            Self::Compile { reason, .. } => format!("it cannot be compiled: {reason}"),
            Self::Describe { reason, .. } => format!("it cannot describe itself: {reason}"),
            Self::Role { role, .. } => format!("it does not export `sluice:connector/{role}`"),
        }
    }
}

/// A component, ready to be instantiated any number of times. Cheap to clone.
#[derive(Clone)]
pub struct Component {
    path: Arc<Path>,
    size: u64,
    admitted: Arc<Admitted>,
    pre: InstancePre<State>,
    /// Keeps the engine's clock running: without it no budget would ever be spent.
    _engine: Engine,
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Component {
    /// Reads, judges, compiles (or finds compiled) and links a component. Blocks for as long as compiling takes.
    pub fn load(
        engine: &Engine,
        cache: Option<&ComponentCache>,
        path: &Path,
        max_bytes: u64,
    ) -> Result<Self, LoadError> {
        let bytes = read(path, max_bytes)?;
        let refused = |refusal| LoadError::Refused { path: path.to_owned(), refusal };
        let admitted = admit(&bytes, max_bytes).map_err(refused)?;
        let fail = |error: wasmtime::Error| LoadError::Compile {
            path: path.to_owned(),
            reason: format!("{error:#}"),
        };
        let compiled = match cache.and_then(|cache| cache.load(engine.inner(), &bytes)) {
            Some(found) => found,
            None => {
                validate(&bytes).map_err(refused)?;
                compile(engine, cache, &bytes).map_err(fail)?
            }
        };
        let mut linker = Linker::new(engine.inner());
        add_to_linker(&mut linker).map_err(fail)?;
        let pre = linker.instantiate_pre(&compiled).map_err(fail)?;
        let (size, admitted) = (bytes.len() as u64, Arc::new(admitted));
        Ok(Self { path: path.into(), size, admitted, pre, _engine: engine.clone() })
    }

    /// The same component under another limit.
    pub fn within(self, max_bytes: u64) -> Result<Self, LoadError> {
        if self.size <= max_bytes {
            return Ok(self);
        }
        let refusal = Refusal::TooLarge { size: self.size, limit: max_bytes };
        Err(LoadError::Refused { path: self.path.to_path_buf(), refusal })
    }

    /// What admission saw.
    pub fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says about itself: the JSON of `connector.describe`. Runs it without any grant.
    pub async fn describe(&self, grants: Arc<Grants>, limits: &Limits) -> Result<String, LoadError> {
        let fail = |error: wasmtime::Error| LoadError::Describe {
            path: self.path.to_path_buf(),
            reason: format!("{error:#}"),
        };
        let indices = connector::GuestIndices::new(&self.pre).map_err(fail)?;
        let mut store = self.store(grants, limits);
        let instance = self.pre.instantiate_async(&mut store).await.map_err(fail)?;
        let guest = indices.load(&mut store, &instance).map_err(fail)?;
        let described = tokio::time::timeout(limits.call, guest.call_describe(&mut store)).await;
        let described = described.map_err(|_| fail(wasmtime::Error::msg("it took too long")))?;
        described.map_err(fail)
    }

    pub(super) fn source(&self) -> Result<RoleIndices, LoadError> {
        let found = source::GuestIndices::new(&self.pre).map(RoleIndices::Source);
        found.map_err(|_| LoadError::Role { path: self.path.to_path_buf(), role: "source" })
    }

    pub(super) fn sink(&self) -> Result<RoleIndices, LoadError> {
        let found = sink::GuestIndices::new(&self.pre).map(RoleIndices::Sink);
        found.map_err(|_| LoadError::Role { path: self.path.to_path_buf(), role: "sink" })
    }

    pub(super) fn webhook(&self) -> Result<RoleIndices, LoadError> {
        let missing = || LoadError::Role { path: self.path.to_path_buf(), role: "webhook" };
        let source = source::GuestIndices::new(&self.pre).map_err(|_| missing())?;
        let webhook = webhook::GuestIndices::new(&self.pre).map_err(|_| missing())?;
        Ok(RoleIndices::Webhook(source, webhook))
    }

    pub(super) fn pre(&self) -> &InstancePre<State> {
        &self.pre
    }

    /// A store with its limits set, before anything runs in it.
    pub(super) fn store(&self, grants: Arc<Grants>, limits: &Limits) -> Store<State> {
        let mut store = Store::new(self.pre.engine(), State::new(grants, limits));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(HOSTCALL_FUEL);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| {
            // Yields each tick, so that a busy instance never holds its thread; traps when its budget is spent.
            let go_on = context.data_mut().cpu.spend();
            Ok(if go_on { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
        });
        store
    }
}

/// Bounds the bytes that one call may move across the boundary: a full response and some room.
const HOSTCALL_FUEL: usize = 32 << 20;

fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, LoadError> {
    let fail = |source| LoadError::Read { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > max_bytes {
        let refusal = Refusal::TooLarge { size, limit: max_bytes };
        return Err(LoadError::Refused { path: path.to_owned(), refusal });
    }
    std::fs::read(path).map_err(fail)
}

fn compile(
    engine: &Engine,
    cache: Option<&ComponentCache>,
    bytes: &[u8],
) -> wasmtime::Result<wasmtime::component::Component> {
    tracing::info!(bytes = bytes.len(), "compiling the component");
    let compiled = wasmtime::component::Component::from_binary(engine.inner(), bytes)?;
    if let Some(cache) = cache {
        cache.store(engine.inner(), bytes, &compiled);
    }
    Ok(compiled)
}
