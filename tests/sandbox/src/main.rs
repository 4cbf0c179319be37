//! The command `sluice-sandbox`: starts the stand-ins, says where they are, and runs until it is told to stop.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;
use sluice_sandbox::{Credentials, Faults, FaultsError, Options, Running, Sandbox, StartError};
use tokio::signal::unix::{SignalKind, signal};

const EXAMPLES: &str = "\
Examples:
  sluice-sandbox
  sluice-sandbox --port 0 --responses 100000 --accounts 5 --seed 7
  sluice-sandbox --error-rate 20 --linkedin-latency-ms 40 --dataverse-latency-ms 80
  sluice-sandbox --accounts 300 --organizations 20 --organic-responses 5000
  sluice-sandbox --fault linkedin.forbidden_accounts=[503000102] --fault linkedin.total=false
  sluice-sandbox --fault linkedin.notices.duplicate_rate=5 --fault linkedin.retention_days_by_kind.SPONSORED=90
  curl http://127.0.0.1:4010/_sandbox/faults
  curl -X PATCH http://127.0.0.1:4010/_sandbox/faults -d '{\"transport\":{\"linkedin\":{\"latency_ms\":250}}}'
  curl http://127.0.0.1:4010/_sandbox/stats
  curl http://127.0.0.1:4010/_sandbox/reconcile
  curl -X POST http://127.0.0.1:4010/_sandbox/linkedin/arrive -d '{\"owner\":503000101,\"kind\":\"SPONSORED\",\"count\":3}'
  curl -X POST http://127.0.0.1:4010/_sandbox/linkedin/withdraw -d '{\"id\":\"<id of a response>\"}'
  curl 'http://127.0.0.1:4010/_sandbox/linkedin/notices?all=true'

Credentials (fixed and public, nothing real is behind them):
  LinkedIn access tokens  sandbox-linkedin-token     every scope
                          sandbox-linkedin-noscope   r_ads only
                          sandbox-linkedin-expired, sandbox-linkedin-revoked
  LinkedIn app            sandbox-linkedin-client / sandbox-linkedin-secret==, refresh token sandbox-linkedin-refresh
  Entra ID                tenant 00000000-0000-4000-8000-00000000a001
                          client 00000000-0000-4000-8000-00000000c001 / sandbox-secret";

/// Stand-ins for LinkedIn, Entra ID and Dataverse on this machine.
#[derive(Debug, Parser)]
#[command(name = "sluice-sandbox", version, after_help = EXAMPLES)]
struct Arguments {
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Control port; LinkedIn, Entra ID and Dataverse get the three after it. 0: any free ports.
    #[arg(long, default_value_t = 4010)]
    port: u16,
    /// Seed of the data and of the injected faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Form responses over all ad accounts, 1 to 10,000,000.
    #[arg(long, default_value_t = 10_000)]
    responses: u64,
    /// Ad accounts, 1 to 10,000.
    #[arg(long, default_value_t = 3)]
    accounts: u64,
    /// Pages with forms and responses of the kinds EVENT, COMPANY and ORGANIZATION_PRODUCT, 0 to 10,000.
    #[arg(long, default_value_t = 0)]
    organizations: u64,
    /// Form responses over all those Pages and kinds, 0 to 10,000,000.
    #[arg(long, default_value_t = 1_000)]
    organic_responses: u64,
    /// Lead forms per account, and per Page and kind, 1 to 50.
    #[arg(long, default_value_t = 4)]
    forms_per_account: u64,
    /// Days that the submission times span, 1 to 3,650.
    #[arg(long, default_value_t = 80)]
    days: u64,
    /// Newest submission in epoch milliseconds; a time in the future lets responses arrive [default: 5 minutes ago].
    #[arg(long)]
    anchor_ms: Option<u64>,
    /// Adds a test account, and a cancelled account without a Page.
    #[arg(long)]
    idle_accounts: bool,
    /// Origin under which clients reach Dataverse [default: the address listened on].
    #[arg(long)]
    dataverse_origin: Option<String>,
    /// LinkedIn access token with every scope.
    #[arg(long, default_value_t = Credentials::default().linkedin_token, hide_default_value = true)]
    linkedin_token: String,
    /// Entra ID client secret.
    #[arg(long, default_value_t = Credentials::default().entra_client_secret, hide_default_value = true)]
    entra_client_secret: String,
    /// One request in so many is answered 429 or 503, at every service.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    error_rate: u64,
    /// One request in so many finds its connection dropped, at every service.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    reset_rate: u64,
    /// Wait before each LinkedIn request is worked on, in milliseconds.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    linkedin_latency_ms: u64,
    /// Wait before each Dataverse request is worked on, in milliseconds.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    dataverse_latency_ms: u64,
    /// Any fault switch, by its path in `GET /_sandbox/faults`; repeatable.
    #[arg(long, value_name = "PATH=VALUE")]
    fault: Vec<String>,
}

impl Arguments {
    fn faults(&self) -> Result<Faults, FaultsError> {
        let transport = json!({"error_rate": self.error_rate, "reset_rate": self.reset_rate});
        let faults = Faults::default().patched(&json!({"transport": {
            "linkedin": transport, "entra": transport, "dataverse": transport,
        }}))?;
        let faults = faults.patched(&json!({"transport": {
            "linkedin": {"latency_ms": self.linkedin_latency_ms},
            "dataverse": {"latency_ms": self.dataverse_latency_ms},
        }}))?;
        self.fault.iter().try_fold(faults, |faults, flag| faults.with_flag(flag))
    }

    fn options(self, faults: Faults) -> Options {
        let credentials = Credentials {
            linkedin_token: self.linkedin_token,
            entra_client_secret: self.entra_client_secret,
            ..Credentials::default()
        };
        Options {
            host: self.host,
            port: self.port,
            seed: self.seed,
            responses: self.responses,
            accounts: self.accounts,
            organizations: self.organizations,
            organic_responses: self.organic_responses,
            forms_per_account: self.forms_per_account,
            days: self.days,
            anchor_ms: self.anchor_ms,
            idle_accounts: self.idle_accounts,
            credentials,
            faults,
            dataverse_origin: self.dataverse_origin,
            ..Options::default()
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let faults = match arguments.faults() {
        Ok(faults) => faults,
        Err(error) => return fail(&error.to_string(), 2),
    };
    match Sandbox::start(arguments.options(faults)).await {
        Ok(running) => run(running).await,
        Err(error @ (StartError::Bounds { .. } | StartError::Port(_))) => fail(&error.to_string(), 2),
        Err(error) => fail(&error.to_string(), 1),
    }
}

/// Runs until Ctrl-C or SIGTERM.
async fn run(running: Running) -> ExitCode {
    // Listened for before the ready line, so that whoever reads it can stop this process cleanly.
    let (mut interrupt, mut terminate) =
        match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
            (Err(error), _) | (_, Err(error)) => {
                return fail(&format!("cannot listen for signals: {error}"), 1);
            }
        };
    if let Err(error) = announce(&running) {
        return fail(&format!("cannot write to standard output: {error}"), 1);
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    running.stop().await;
    ExitCode::SUCCESS
}

/// One line per service, then one for programs to read.
fn announce(running: &Running) -> std::io::Result<()> {
    let credentials = Credentials::default();
    let url = |address| format!("http://{address}");
    let services = [
        ("control", url(running.control)),
        ("linkedin", url(running.linkedin)),
        ("entra", url(running.entra)),
        ("dataverse", url(running.dataverse)),
    ];
    let mut out = std::io::stdout().lock();
    let mut ready = json!({"tenant": credentials.entra_tenant, "client_id": credentials.entra_client_id});
    for (service, url) in services {
        writeln!(out, "{service:<10} {url}")?;
        ready[service] = url.into();
    }
    writeln!(out, "ready {ready}")?;
    out.flush()
}

fn fail(message: &str, code: u8) -> ExitCode {
    // Standard error may be closed; there is nowhere else to say so.
    let _ = writeln!(std::io::stderr(), "sluice-sandbox: {message}");
    ExitCode::from(code)
}
