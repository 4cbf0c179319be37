//! The binary, the component that it runs, and how a process of it ended.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

/// Cargo's directory for the files of tests, inside the target directory.
pub(crate) const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");

/// The built component.
pub(crate) fn component() -> PathBuf {
    let target = Path::new(SCRATCH).parent().unwrap();
    let path = target.join("wasm32-unknown-unknown/guest/linkedin_dynamics.wasm");
    assert!(path.exists(), "{} is missing; build it with `make components`", path.display());
    path
}

fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.env_clear().env("SLUICE_CACHE_DIR", Path::new(SCRATCH).join("components"));
    command
}

/// The binary, with a cache that holds the compiled component.
pub(crate) fn sluice() -> Command {
    static COMPILED: OnceLock<()> = OnceLock::new();
    COMPILED.get_or_init(compile);
    bare()
}

/// Compiles the component unless it is in the cache; other test processes wait here meanwhile.
fn compile() {
    let lock = File::create(Path::new(SCRATCH).join("components.lock")).unwrap();
    lock.lock().unwrap();
    let ended = Ended::of(&bare().arg("inspect").arg(component()).output().unwrap());
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// Nothing waits for this time to pass: it spares the processor between two looks at the sandbox's counters.
const LOOK: Duration = Duration::from_micros(200);

/// A process under way. What it says must fit the pipes, which it does at the default log level.
pub(crate) struct Started(Child);

impl Started {
    pub(crate) fn new(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Returns once `reached` holds (true), or the process has ended without it (false).
    pub(crate) fn until(&mut self, reached: impl Fn() -> bool) -> bool {
        while !reached() {
            if self.0.try_wait().unwrap().is_some() {
                return reached();
            }
            std::thread::sleep(LOOK);
        }
        true
    }

    /// Ends it with SIGKILL, as a power cut would.
    pub(crate) fn kill(mut self) -> Ended {
        // Fails only if it has ended by itself.
        let _ = self.0.kill();
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Ended {
        Ended::of(&self.0.wait_with_output().unwrap())
    }
}

/// Most bytes of each output that a failed test shows.
const SHOWN: usize = 4_000;

/// How a process ended, and what it said.
pub(crate) struct Ended {
    /// None if a signal killed it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Fails with everything that was said unless this is the exit code.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// The one JSON document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// One of the counts of a run's report.
    #[track_caller]
    pub(crate) fn count(&self, of: &str) -> u64 {
        self.json()["counts"][of].as_u64().unwrap_or_else(|| panic!("no count of {of}: {self:?}"))
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| text.get(..text.floor_char_boundary(SHOWN)).map(str::to_owned);
        f.debug_struct("Ended")
            .field("code", &self.code)
            .field("stdout", &shown(&self.stdout))
            .field("stderr", &shown(&self.stderr))
            .finish()
    }
}
