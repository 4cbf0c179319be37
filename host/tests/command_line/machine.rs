//! One administrator's machine: a directory with a manifest, a sandbox on ports that the system picks, and the binary.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_sandbox::{Faults, Options, Running, Sandbox};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::ended::Ended;

/// Cargo's directory for the files of tests, inside the target directory.
const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");
/// What the sandbox takes.
pub(crate) const LINKEDIN_TOKEN: &str = "sandbox-linkedin-token";
pub(crate) const DATAVERSE_SECRET: &str = "sandbox-secret";
/// How long something may take that is a matter of milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// The built component.
pub(crate) fn component() -> PathBuf {
    let target = Path::new(SCRATCH).parent().unwrap();
    let path = target.join("wasm32-unknown-unknown/guest/linkedin_dynamics.wasm");
    assert!(path.exists(), "{} is missing; build it with `make components`", path.display());
    path
}

/// The binary in an environment that holds nothing but where compiled components are kept.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.env_clear().env("SLUICE_CACHE_DIR", Path::new(SCRATCH).join("components"));
    command.stdin(Stdio::null());
    command
}

/// The same, once the component is compiled.
pub(crate) fn sluice() -> Command {
    static COMPILED: OnceLock<()> = OnceLock::new();
    COMPILED.get_or_init(|| {
        // Other test processes wait here meanwhile.
        let lock = File::create(Path::new(SCRATCH).join("components.lock")).unwrap();
        lock.lock().unwrap();
        Ended::of(&bare().arg("inspect").arg(component()).output().unwrap()).with(0);
    });
    bare()
}

/// See the module. Stops the sandbox when dropped.
pub(crate) struct Machine {
    pub(crate) sandbox: Running,
    directory: TempDir,
    // Dropped last: the sandbox runs on it.
    _runtime: Runtime,
}

impl Machine {
    /// With 60 responses in two ad accounts.
    pub(crate) fn start() -> Self {
        Self::with(Faults::default())
    }

    /// The same, with faults.
    pub(crate) fn with(faults: Faults) -> Self {
        Self::of(Options { responses: 60, accounts: 2, forms_per_account: 3, faults, ..Options::default() })
    }

    /// The same, with the faults that these flags of the sandbox switch on.
    pub(crate) fn faulty(flags: &[&str]) -> Self {
        let switch = |faults: Faults, flag: &&str| faults.with_flag(flag).unwrap();
        Self::with(flags.iter().fold(Faults::default(), switch))
    }

    pub(crate) fn of(options: Options) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let machine = Self { sandbox, directory: tempfile::tempdir().unwrap(), _runtime: runtime };
        std::fs::write(machine.path("leads.toml"), machine.manifest()).unwrap();
        machine
    }

    /// A file in the machine's own directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn manifest(&self) -> String {
        let (linkedin, entra, dataverse) =
            (self.sandbox.linkedin, self.sandbox.entra, self.sandbox.dataverse);
        let component = component().display().to_string();
        format!(
            r#"version = 1
name = "leads"
source = {{ component = "{component}", stream = "lead_responses", egress = ["http://{linkedin}"], credentials = ["linkedin"], config = {{ api_url = "http://{linkedin}/rest" }} }}
sink = {{ component = "{component}", egress = ["http://{dataverse}"], credentials = ["dataverse"], config = {{ organization_url = "http://{dataverse}" }} }}
store = {{ path = "store.db" }}

[credentials.linkedin]
kind = "static"
value = {{ env = "LINKEDIN_ACCESS_TOKEN" }}
origins = ["http://{linkedin}"]

[credentials.dataverse]
kind = "oauth_client_credentials"
token_url = "http://{entra}/00000000-0000-4000-8000-00000000a001/oauth2/v2.0/token"
client_id = "00000000-0000-4000-8000-00000000c001"
client_secret = {{ env = "DATAVERSE_CLIENT_SECRET" }}
scopes = ["http://{dataverse}/.default"]
origins = ["http://{dataverse}"]
"#
        )
    }

    /// The binary with these words, in the machine's directory, with both secrets set.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = sluice();
        command.current_dir(self.directory.path()).args(words);
        command.env("LINKEDIN_ACCESS_TOKEN", LINKEDIN_TOKEN).env("DATAVERSE_CLIENT_SECRET", DATAVERSE_SECRET);
        command
    }

    /// Runs it to its end.
    pub(crate) fn sluice(&self, words: &[&str]) -> Ended {
        end(&mut self.command(words))
    }

    /// `sluice COMMAND leads.toml` with further words.
    pub(crate) fn on_leads(&self, command: &str, words: &[&str]) -> Ended {
        self.sluice(&[&[command, "leads.toml"], words].concat())
    }

    /// Fails unless every response is one lead, none twice.
    #[track_caller]
    pub(crate) fn assert_landed(&self) {
        let found = self.sandbox.reconcile();
        let wrong = (found.responses_without_lead, found.responses_with_several_leads);
        assert_eq!((wrong, found.leads_without_response), ((0, 0), 0), "{found:?}");
        assert!(found.leads > 0);
    }

    /// A counter of the sandbox, by its JSON Pointer.
    pub(crate) fn counter(&self, pointer: &str) -> u64 {
        self.sandbox.stats().pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
    }
}

pub(crate) fn end(command: &mut Command) -> Ended {
    Ended::of(&command.output().unwrap())
}

/// Starts a process whose outputs are kept for its end. They must fit the pipes.
pub(crate) fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until something holds that is a matter of milliseconds.
#[track_caller]
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what} did not happen");
        // Nothing waits for this time to pass: it spares the processor between two looks.
        std::thread::sleep(Duration::from_millis(1));
    }
}
