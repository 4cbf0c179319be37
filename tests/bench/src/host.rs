//! The real `sluice` binary: where it lies, a manifest for each measurement, and one run of it.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use tempfile::TempDir;

use crate::child::{self, Usage};
use crate::error::BenchError;
use crate::sandbox::{CLIENT_SECRET, LINKEDIN_TOKEN, Places};

/// The programs under measurement and a directory for what they write.
#[derive(Debug)]
pub(crate) struct Workplace {
    sluice: PathBuf,
    /// The sandbox's binary.
    pub(crate) sandbox: PathBuf,
    /// The connector's component.
    pub(crate) component: PathBuf,
    /// This very program.
    pub(crate) own: PathBuf,
    directory: TempDir,
}

/// Settings that differ from the defaults, as lines of TOML.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tuning {
    pub(crate) limits: &'static str,
    pub(crate) source: &'static str,
    pub(crate) sink: &'static str,
}

#[derive(Deserialize)]
struct Report {
    counts: Counts,
}

#[derive(Deserialize)]
struct Counts {
    read: u64,
}

/// Runs a future on a runtime of its own.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(BenchError::system("start a runtime"))?.block_on(future))
}

impl Workplace {
    /// Finds the programs beside this one, where `make bench` builds them.
    pub(crate) fn new() -> Result<Self, BenchError> {
        let own = std::env::current_exe().map_err(BenchError::system("find this program"))?;
        let release = own.parent().unwrap_or(Path::new("."));
        let target = release.parent().unwrap_or(release);
        let directory = tempfile::tempdir().map_err(BenchError::system("make a temporary directory"))?;
        let component = target.join("wasm32-unknown-unknown/guest/linkedin_dynamics.wasm");
        let (sluice, sandbox) = (release.join("sluice"), release.join("sluice-sandbox"));
        for path in [&sluice, &sandbox, &component] {
            if !path.exists() {
                return Err(BenchError::Missing(path.clone()));
            }
        }
        Ok(Self { sluice, sandbox, component, own, directory })
    }

    /// Where compiled components are kept.
    pub(crate) fn cache(&self) -> PathBuf {
        self.directory.path().join("cache")
    }

    /// Writes the manifest for a sandbox.
    pub(crate) fn manifest(&self, places: &Places, tuning: Tuning) -> Result<PathBuf, BenchError> {
        let path = self.directory.path().join("bench.toml");
        std::fs::write(&path, manifest(&self.component, places, tuning))
            .map_err(BenchError::system("write a manifest"))?;
        Ok(path)
    }

    /// `sluice <verb> <manifest>`, with this workplace's cache and the sandbox's secrets.
    pub(crate) fn sluice(&self, verb: &str, manifest: &Path) -> Command {
        let mut command = Command::new(&self.sluice);
        command.arg(verb).arg(manifest).args(["--output", "json"]);
        command.env("SLUICE_CACHE_DIR", self.cache());
        command.env("LINKEDIN_ACCESS_TOKEN", LINKEDIN_TOKEN).env("DATAVERSE_CLIENT_SECRET", CLIENT_SECRET);
        command
    }

    /// Compiles the component into the cache.
    pub(crate) fn warm(&self, manifest: &Path) -> Result<(), BenchError> {
        child::run("sluice validate", &mut self.sluice("validate", manifest)).map(drop)
    }

    /// A directory for the store of one run, so that none finds what another has settled.
    pub(crate) fn store(&self) -> Result<TempDir, BenchError> {
        let store = tempfile::tempdir_in(self.directory.path());
        store.map_err(BenchError::system("make a directory for the store"))
    }

    /// Moves everything with a new store. Fails unless it read `at_least` records.
    pub(crate) fn run(&self, manifest: &Path, at_least: u64) -> Result<Usage, BenchError> {
        let store = self.store()?;
        let mut command = self.sluice("run", manifest);
        let usage = child::run("sluice run", command.arg("--store").arg(store.path().join("bench.db")))?;
        let report: Report = serde_json::from_slice(&usage.stdout)
            .map_err(|error| BenchError::Unexpected(format!("the report of `sluice run`: {error}")))?;
        if report.counts.read < at_least {
            let read = report.counts.read;
            return Err(BenchError::Unexpected(format!("`sluice run` read {read} of {at_least} responses")));
        }
        Ok(usage)
    }
}

fn manifest(component: &Path, places: &Places, tuning: Tuning) -> String {
    let Places { linkedin, dataverse, client_id, .. } = places;
    let (component, token_url) = (component.display(), places.token_url());
    let Tuning { limits, source, sink } = tuning;
    format!(
        r#"version = 1
name = "bench"

[source]
component = "{component}"
stream = "lead_responses"
egress = ["{linkedin}"]
credentials = ["linkedin"]

[source.config]
api_url = "{linkedin}/rest"
{source}

[sink]
component = "{component}"
egress = ["{dataverse}"]
credentials = ["dataverse"]

[sink.config]
organization_url = "{dataverse}"
{sink}

[limits]
{limits}

[credentials.linkedin]
kind = "static"
value = {{ env = "LINKEDIN_ACCESS_TOKEN" }}
origins = ["{linkedin}"]

[credentials.dataverse]
kind = "oauth_client_credentials"
token_url = "{token_url}"
client_id = "{client_id}"
client_secret = {{ env = "DATAVERSE_CLIENT_SECRET" }}
scopes = ["{dataverse}/.default"]
origins = ["{dataverse}"]
"#
    )
}
