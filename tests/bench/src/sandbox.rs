//! One sandbox process with its own data, on ports that the system picks.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use crate::error::BenchError;
use crate::{host, plain};

/// The sandbox's fixed and public credentials.
pub(crate) const LINKEDIN_TOKEN: &str = "sandbox-linkedin-token";
pub(crate) const CLIENT_SECRET: &str = "sandbox-secret";

/// What a sandbox is started with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Data {
    pub(crate) responses: u64,
    pub(crate) accounts: u64,
    /// Milliseconds that each request to LinkedIn and to Dataverse takes at least.
    pub(crate) latency_ms: (u64, u64),
}

/// Where its services are.
#[derive(Debug, Deserialize)]
pub(crate) struct Places {
    pub(crate) control: String,
    pub(crate) linkedin: String,
    pub(crate) entra: String,
    pub(crate) dataverse: String,
    pub(crate) tenant: String,
    pub(crate) client_id: String,
}

impl Places {
    /// One server in the place of all services.
    pub(crate) fn all_at(url: &str) -> Self {
        let url = || url.to_owned();
        let id = || "bench".to_owned();
        Self {
            control: url(),
            linkedin: url(),
            entra: url(),
            dataverse: url(),
            tenant: id(),
            client_id: id(),
        }
    }

    /// Where tokens for Dataverse are issued.
    pub(crate) fn token_url(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.entra, self.tenant)
    }
}

/// A running sandbox; it ends with this value.
#[derive(Debug)]
pub(crate) struct Sandbox {
    _running: Running,
    pub(crate) places: Places,
}

/// A process that ends with this value.
#[derive(Debug)]
struct Running(Child);

#[derive(Deserialize)]
struct Reconciliation {
    responses: u64,
    responses_without_lead: u64,
    responses_with_several_leads: u64,
    leads_without_response: u64,
    test_responses_with_lead: u64,
}

impl Sandbox {
    /// Starts one and waits until it is ready.
    pub(crate) fn start(program: &Path, data: Data) -> Result<Self, BenchError> {
        let (linkedin_ms, dataverse_ms) = data.latency_ms;
        let numbers = [
            ("--port", 0),
            ("--responses", data.responses),
            ("--accounts", data.accounts),
            ("--linkedin-latency-ms", linkedin_ms),
            ("--dataverse-latency-ms", dataverse_ms),
        ];
        let mut command = Command::new(program);
        for (flag, number) in numbers {
            command.arg(flag).arg(number.to_string());
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
        let mut child = child.map_err(BenchError::system("start the sandbox"))?;
        let stdout = child.stdout.take();
        let running = Running(child);
        let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
        let ready =
            lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ready ").map(str::to_owned));
        let places = ready.and_then(|line| serde_json::from_str(&line).ok());
        let places =
            places.ok_or_else(|| BenchError::Unexpected("the sandbox did not get ready".to_owned()))?;
        Ok(Self { _running: running, places })
    }

    /// Fails unless every response is exactly one lead; returns how many there are.
    pub(crate) fn require_all_landed(&self) -> Result<u64, BenchError> {
        let fail = BenchError::request("asking the sandbox what landed");
        let url = format!("{}/_sandbox/reconcile", self.places.control);
        let client = plain::client()?;
        let text = host::block_on(async { client.get(url).send().await?.text().await })?.map_err(fail)?;
        let found: Reconciliation = serde_json::from_str(&text)
            .map_err(|error| BenchError::Unexpected(format!("the sandbox's reconciliation: {error}")))?;
        let wrong = found.responses_without_lead
            + found.responses_with_several_leads
            + found.leads_without_response
            + found.test_responses_with_lead;
        if wrong == 0 {
            return Ok(found.responses);
        }
        Err(BenchError::Unexpected(format!(
            "{wrong} of {} responses are not exactly one lead",
            found.responses
        )))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It keeps nothing that would have to be saved.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
