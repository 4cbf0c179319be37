//! Why the store refused: each cause that a person can remove has a sentence of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::failure::Failure;

/// Why the store refused. Nothing was written, or nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another worker has taken the slot over.
    #[error(
        "another worker has taken over partition `{partition}` of pipeline `{pipeline}`; nothing was stored here, \
         and that worker goes on; let only one run at a time"
    )]
    Superseded {
        /// The pipeline's name.
        pipeline: String,
        /// The partition's id.
        partition: String,
    },
    /// Notices come faster than they are worked off.
    #[error(
        "a million notices of pipeline `{pipeline}` wait to be worked on; no more are taken until a run has delivered some"
    )]
    TooManyNotices {
        /// The pipeline's name.
        pipeline: String,
    },
    /// The file was written by a newer version.
    #[error(
        "the store {} has schema {found}, but this version knows schemas up to {supported}; use the newer version \
         that wrote it", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// What the file has.
        found: i64,
        /// The highest that is known.
        supported: i64,
    },
    /// No room is left.
    #[error("the store {} cannot grow: the disk or quota is full; make room and run again", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the file for longer than we wait.
    #[error(
        "the store {} has been locked by another process for {} s; let that process finish or end it, then run again",
        path.display(), waited.as_secs()
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
    },
    /// The file, its directory or its file system cannot be written.
    #[error(
        "the store {} is read-only; make the file and its directory writable for this user, or name another file",
        path.display()
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a store of this program; name another file, or move this one away", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The file or its directory may not be opened.
    #[error("the store {} may not be opened: {reason}; grant this user the right, or name another file", path.display())]
    Denied {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The file or its directory cannot be opened or made.
    #[error("the store {} cannot be opened: {reason}; check the path", path.display())]
    Unopenable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The file is damaged.
    #[error(
        "the store {} is damaged; move it away and run again: what has landed is recognised at the sink, and \
         nothing is doubled", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Reading or writing the disk failed.
    #[error("reading or writing the store {} failed: {reason}; check the disk", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Anything else: a mistake in this program.
    #[error("the store {} failed unexpectedly: {reason}; please report this", path.display())]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        reason: String,
    },
}

impl StoreError {
    /// Names the cause of a failed call of SQLite. `waited` is how long a lock is waited for.
    pub(super) fn from_sqlite(error: &rusqlite::Error, path: &Path, waited: Duration) -> Self {
        let path = path.to_owned();
        // SQLite's messages name tables, columns and system errors, never values.
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path, waited },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::NotADatabase) => Self::NotAStore { path },
            Some(ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
                Self::Denied { path, reason }
            }
            Some(ErrorCode::CannotOpen) => Self::Unopenable { path, reason },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path },
            Some(ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed) => {
                Self::Io { path, reason }
            }
            _ => Self::Unexpected { path, reason },
        }
    }

    /// Names the cause of a failed call of the file system.
    pub(super) fn from_io(error: &std::io::Error, path: &Path) -> Self {
        use std::io::ErrorKind;
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.kind() {
            ErrorKind::PermissionDenied => Self::Denied { path, reason },
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Unopenable { path, reason },
        }
    }
}

impl From<StoreError> for Failure {
    /// A lock may be gone at the next try; all else needs a person.
    fn from(error: StoreError) -> Self {
        let detail = crate::failure::Detail::new(error.to_string());
        match error {
            StoreError::Locked { .. } => Self::Retryable { detail, wait: None },
            _ => Self::Fatal(detail),
        }
    }
}
