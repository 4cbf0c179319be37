//! Finds the components that `make components` builds.

use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    // This package lies in `tests/`, so it has a parent.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/")).to_owned()
}

/// The path of a built component.
///
/// # Panics
///
/// If it has not been built; the message names the command.
pub fn component(name: &str) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    let path = target.join("wasm32-unknown-unknown/guest").join(name).with_extension("wasm");
    assert!(path.exists(), "{} is missing; build it with `make components`", path.display());
    path
}
