//! Compiled components on disk, so that a process starts in milliseconds.
//!
//! What is stored is native code that will be run. So the directory belongs to this user alone, the name of an entry
//! is the hash of the component's content and of every engine setting, and nothing that a user hands in is ever
//! loaded as an entry.

use std::fs::{self, DirBuilder, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

/// Why the cache cannot be used. The host then compiles each time.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The directory cannot be made.
    #[error("cannot make the cache directory `{path}`: {source}", path = .path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// In the system's words.
        source: std::io::Error,
    },
    /// Others may write there.
    #[error("others may write to the cache directory `{0}`; make it yours alone: chmod 700", .path.display())]
    NotPrivate {
        /// The directory.
        path: PathBuf,
    },
}

/// A directory of compiled components.
#[derive(Debug, Clone)]
pub struct ComponentCache {
    directory: PathBuf,
}

impl ComponentCache {
    /// Uses `directory`, which is made (mode 0700) if absent and refused if others may write to it.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, CacheError> {
        let directory = directory.into();
        let create = DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        create.map_err(|source| CacheError::Create { path: directory.clone(), source })?;
        let metadata = fs::metadata(&directory);
        let metadata = metadata.map_err(|source| CacheError::Create { path: directory.clone(), source })?;
        let private = metadata.permissions().mode() & 0o022 == 0
            && metadata.uid() == rustix::process::geteuid().as_raw();
        if private { Ok(Self { directory }) } else { Err(CacheError::NotPrivate { path: directory }) }
    }

    /// The compiled form of `bytes`, if it is there and fits the engine.
    pub(super) fn load(&self, engine: &wasmtime::Engine, bytes: &[u8]) -> Option<Component> {
        let path = self.entry(engine, bytes);
        if !path.exists() {
            return None;
        }
        #[expect(unsafe_code, reason = "loading native code from disk is what a compiled cache is")]
        // SAFETY: the file was written by `store` into a directory that only this user can write to, under a name
        // that is the hash of what it was compiled from and of all engine settings.
        let loaded = unsafe { Component::deserialize_file(engine, &path) };
        loaded
            .inspect_err(|error| tracing::warn!(%error, "a compiled component is unusable; compiling again"))
            .ok()
    }

    /// Keeps the compiled form. Failing to is no harm: the next process compiles again.
    pub(super) fn store(&self, engine: &wasmtime::Engine, bytes: &[u8], component: &Component) {
        let written = component.serialize().map_err(|error| format!("{error:#}")).and_then(|compiled| {
            self.write(&self.entry(engine, bytes), &compiled).map_err(|error| error.to_string())
        });
        if let Err(reason) = written {
            tracing::warn!(reason, "cannot keep the compiled component");
        }
    }

    /// Writes under a temporary name and renames, so that no reader ever sees half a file.
    fn write(&self, path: &Path, compiled: &[u8]) -> std::io::Result<()> {
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(compiled)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    }

    fn entry(&self, engine: &wasmtime::Engine, bytes: &[u8]) -> PathBuf {
        let mut key = Digesting(Sha256::new());
        key.0.update(bytes);
        engine.precompile_compatibility_hash().hash(&mut key);
        let name: String = key.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.directory.join(name).with_extension("cwasm")
    }
}

/// Feeds a `Hash` into a cryptographic digest.
struct Digesting(Sha256);

impl Hasher for Digesting {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Engine;

    const COMPONENT: &str = "(component)";

    #[test]
    fn finds_again_what_it_kept_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let cache = ComponentCache::open(directory.path().join("cache")).unwrap();
        let engine = Engine::new().unwrap();
        let bytes = wat::parse_str(COMPONENT).unwrap();
        assert!(cache.load(engine.inner(), &bytes).is_none());
        let component = Component::new(engine.inner(), &bytes).unwrap();
        cache.store(engine.inner(), &bytes, &component);
        assert!(cache.load(engine.inner(), &bytes).is_some());
        assert!(cache.load(engine.inner(), b"another").is_none());
    }

    #[test]
    fn a_broken_entry_is_compiled_again() {
        let directory = tempfile::tempdir().unwrap();
        let cache = ComponentCache::open(directory.path().join("cache")).unwrap();
        let engine = Engine::new().unwrap();
        let bytes = wat::parse_str(COMPONENT).unwrap();
        fs::write(cache.entry(engine.inner(), &bytes), b"garbage").unwrap();
        assert!(cache.load(engine.inner(), &bytes).is_none());
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(ComponentCache::open(directory.path()), Err(CacheError::NotPrivate { .. })));
    }
}
