//! Where this user's files lie: compiled components and stores.

use std::path::PathBuf;

use directories::ProjectDirs;

use super::output::Output;
use crate::runtime::ComponentCache;

fn directories() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "sluice")
}

/// The compiled-component cache; without a usable one, components are compiled each time.
pub(super) fn component_cache(output: Output) -> Option<ComponentCache> {
    let directory = std::env::var_os("SLUICE_CACHE_DIR")
        .map(PathBuf::from)
        .or_else(|| directories().map(|found| found.cache_dir().join("components")))?;
    ComponentCache::open(directory)
        .inspect_err(|error| output.note(&format!("warning: {error}; components are compiled each time")))
        .ok()
}

/// Where a pipeline's store lies when neither the manifest nor the command line says.
pub(super) fn default_store(pipeline: &str) -> PathBuf {
    let file = PathBuf::from(pipeline).with_extension("db");
    directories()
        .and_then(|found| found.state_dir().map(|state| state.join(&file)))
        .unwrap_or_else(|| PathBuf::from(".sluice").join(file))
}
