//! `sluice check`: tries every right and setting, one line each.

use serde::{Deserialize, Serialize};

use super::args;
use super::exit::Exit;
use super::output::Output;
use super::prologue::assemble;
use crate::failure::Failure;

/// One line of a component's `check`, and which side it is about.
#[derive(Debug, Serialize, Deserialize)]
struct Finding {
    #[serde(default)]
    side: String,
    subject: String,
    ok: bool,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    severity: Option<String>,
}

impl Finding {
    fn of_failure(failure: &Failure) -> Self {
        let message = match failure {
            Failure::Forbidden { missing, .. } => format!("{failure}; missing: {missing}"),
            Failure::Invalid { path, .. } if !path.is_empty() => format!("{failure}; see config{path}"),
            _ => failure.to_string(),
        };
        let severity = Some("error".to_owned());
        Self { side: String::new(), subject: "connection".to_owned(), ok: false, message, severity }
    }

    fn is_error(&self) -> bool {
        !self.ok && self.severity.as_deref() != Some("warning")
    }

    fn line(&self) -> String {
        let mark = match (self.ok, self.is_error()) {
            (true, _) => "ok      ",
            (false, true) => "missing ",
            (false, false) => "warning ",
        };
        format!("{mark} {}: {}: {}", self.side, self.subject, self.message)
    }
}

pub(super) async fn check(manifest: &args::Manifest, output: &Output) -> Exit {
    let (_, assembly) = match assemble(manifest, *output) {
        Ok(assembled) => assembled,
        Err(exit) => return exit,
    };
    let source = async { assembly.connect.source.open_source().await?.check::<Finding>().await };
    let sink = async { assembly.connect.sink.open_sink().await?.check::<Finding>().await };
    let (source, sink) = tokio::join!(source, sink);
    let mut findings = findings("source", source);
    findings.extend(self::findings("sink", sink));
    output.result(&findings, || findings.iter().map(Finding::line).collect::<Vec<_>>().join("\n"));
    if findings.iter().any(Finding::is_error) { Exit::Refused } else { Exit::Success }
}

fn findings(side: &str, found: Result<Vec<Finding>, Failure>) -> Vec<Finding> {
    let mut findings = found.unwrap_or_else(|failure| vec![Finding::of_failure(&failure)]);
    for finding in &mut findings {
        side.clone_into(&mut finding.side);
    }
    findings
}
