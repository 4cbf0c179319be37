//! One pipeline on a machine of its own: a directory, a sandbox on ports that the system picks, and a manifest.

use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sluice_sandbox::{ANCHOR_AGE_MS, Clock, Faults, ManualClock, Options, Running, Sandbox};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::process::{self, Ended, Started};

/// Namespace of the leads' primary keys in these tests: not the default, so that the setting is tested too.
pub(crate) const NAMESPACE: &str = "0d9c8e6a-51b7-4c2f-8e10-7a3b5d2f9c44";

/// The environment variables that a stage's manifest names.
const SECRETS: [&str; 3] = ["LINKEDIN_ACCESS_TOKEN", "LINKEDIN_CLIENT_SECRET", "DATAVERSE_CLIENT_SECRET"];

/// See the module. Stops the sandbox when dropped.
pub(crate) struct Stage {
    pub(crate) sandbox: Running,
    pub(crate) clock: ManualClock,
    options: Options,
    started_ms: u64,
    directory: TempDir,
    // Dropped last: the sandbox runs on it.
    runtime: Runtime,
}

/// The current time in epoch milliseconds. The component reads the system's clock, so the sandbox starts near it.
pub(crate) fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(elapsed.as_millis()).unwrap()
}

/// So many responses in so many accounts.
pub(crate) fn responses(responses: u64, accounts: u64) -> Options {
    Options { responses, accounts, ..Options::default() }
}

impl Stage {
    /// Starts a sandbox whose clock stands still at the present, and writes a manifest for it.
    pub(crate) fn start(options: Options) -> Self {
        Self::start_at(options, now_ms())
    }

    /// As [`Self::start`], at a time of one's own. Two stages of one time and one seed hold the same responses.
    pub(crate) fn start_at(options: Options, at_ms: u64) -> Self {
        let (sandbox_clock, clock) = Clock::manual(at_ms);
        Self::with(Options { clock: sandbox_clock, ..options }, clock, at_ms)
    }

    /// As [`Self::start`], with a clock that goes.
    pub(crate) fn start_now(options: Options) -> Self {
        let at_ms = now_ms();
        let (_, unused) = Clock::manual(at_ms);
        Self::with(Options { clock: Clock::system(), ..options }, unused, at_ms)
    }

    fn with(options: Options, clock: ManualClock, at_ms: u64) -> Self {
        let anchor_ms = options.anchor_ms.unwrap_or(at_ms - ANCHOR_AGE_MS);
        let options = Options { anchor_ms: Some(anchor_ms), ..options };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(options.clone())).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let stage = Self { sandbox, clock, options, started_ms: at_ms, directory, runtime };
        std::fs::write(stage.path("manifest.toml"), stage.manifest()).unwrap();
        stage
    }

    /// The environment variables that hold this stage's secrets.
    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        let credentials = &self.options.credentials;
        Some(match name {
            "LINKEDIN_ACCESS_TOKEN" => credentials.linkedin_token.clone(),
            "LINKEDIN_CLIENT_SECRET" => credentials.linkedin_client_secret.clone(),
            "DATAVERSE_CLIENT_SECRET" => credentials.entra_client_secret.clone(),
            _ => return None,
        })
    }

    /// Waits for what the sandbox does.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// What the sandbox's clock said at the start.
    pub(crate) fn started_ms(&self) -> u64 {
        self.started_ms
    }

    /// A file in the stage's own directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where the pipeline's state is kept.
    pub(crate) fn store(&self) -> PathBuf {
        self.path("store.db")
    }

    fn manifest(&self) -> String {
        let component = process::component();
        let (linkedin, entra, dataverse) =
            (self.sandbox.linkedin, self.sandbox.entra, self.sandbox.dataverse);
        let (tenant, client) =
            (&self.options.credentials.entra_tenant, &self.options.credentials.entra_client_id);
        format!(
            r#"
version = 1
name = "flow"

[source]
component = "{component}"
stream = "lead_responses"
egress = ["http://{linkedin}"]
credentials = ["linkedin"]
config = {{ api_url = "http://{linkedin}/rest" }}

[sink]
component = "{component}"
egress = ["http://{dataverse}"]
credentials = ["dataverse"]
config = {{ organization_url = "http://{dataverse}", id_namespace = "{NAMESPACE}" }}

[store]
path = "store.db"

[credentials.linkedin]
kind = "static"
value = {{ env = "LINKEDIN_ACCESS_TOKEN" }}
signing_secret = {{ env = "LINKEDIN_CLIENT_SECRET" }}
origins = ["http://{linkedin}"]

[credentials.dataverse]
kind = "oauth_client_credentials"
token_url = "http://{entra}/{tenant}/oauth2/v2.0/token"
client_id = "{client}"
client_secret = {{ env = "DATAVERSE_CLIENT_SECRET" }}
scopes = ["http://{dataverse}/.default"]
origins = ["http://{dataverse}"]
"#,
            component = component.display(),
        )
    }

    /// The binary with a command on this stage's manifest, in an environment that holds nothing else.
    pub(crate) fn command(&self, command: &str, arguments: &[&str]) -> Command {
        self.words(&[command, "manifest.toml"], arguments)
    }

    /// `sluice webhook` with a command on this stage's manifest.
    pub(crate) fn webhook(&self, command: &str, arguments: &[&str]) -> Command {
        self.words(&["webhook", command, "manifest.toml"], arguments)
    }

    fn words(&self, first: &[&str], rest: &[&str]) -> Command {
        let mut process = process::sluice();
        process
            .current_dir(self.directory.path())
            .env("HOME", self.directory.path())
            .envs(SECRETS.into_iter().filter_map(|name| Some((name, self.secret(name)?))))
            .args(first)
            .args(rest);
        process
    }

    /// Runs a command of the binary to its end.
    pub(crate) fn sluice(&self, command: &str, arguments: &[&str]) -> Ended {
        Ended::of(&self.command(command, arguments).output().unwrap())
    }

    /// `sluice run` with a report for machines.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.sluice("run", &[&["--output", "json"], arguments].concat())
    }

    /// As [`Self::run`], without waiting for its end.
    pub(crate) fn start_run(&self, arguments: &[&str]) -> Started {
        Started::new(&mut self.command("run", &[&["--output", "json"], arguments].concat()))
    }

    /// Changes the fault switches, as a patch over HTTP would.
    pub(crate) fn faults(&self, patch: &Value) -> Faults {
        let faults = self.sandbox.faults().patched(patch).unwrap();
        self.sandbox.set_faults(faults.clone());
        faults
    }

    /// A counter of the sandbox, by its JSON Pointer.
    pub(crate) fn count(&self, pointer: &str) -> u64 {
        let stats = self.sandbox.stats();
        stats.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {stats}"))
    }

    /// Everything that tells that somebody wrote to Dataverse, whatever came of it.
    pub(crate) fn writes(&self) -> [u64; 6] {
        [
            "write_requests",
            "batch_requests",
            "bulk_requests",
            "rows_created",
            "rows_updated",
            "unchanged_writes",
        ]
        .map(|counter| self.count(&format!("/dataverse/{counter}")))
    }
}
