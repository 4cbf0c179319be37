//! `sluice check`: tries every right and setting, one line each.

use serde::{Deserialize, Serialize};

use super::args;
use super::exit::Exit;
use super::output::{Output, amount, config_key};
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
    /// Whether it may be gone by itself, so that it says nothing of rights.
    #[serde(skip)]
    passing: bool,
}

impl Finding {
    fn of_failure(failure: &Failure) -> Self {
        let message = match failure {
            Failure::Forbidden { missing, .. } => format!("{failure}; missing: {missing}"),
            Failure::Invalid { path, .. } if !path.is_empty() => {
                format!("{failure}; see `{}`", config_key(path))
            }
            _ => failure.to_string(),
        };
        let severity = Some("error".to_owned());
        let passing = matches!(failure, Failure::Retryable { .. });
        Self { side: String::new(), subject: "connection".to_owned(), ok: false, message, severity, passing }
    }

    fn is_error(&self) -> bool {
        !self.ok && self.severity.as_deref() != Some("warning")
    }

    fn mark(&self) -> &'static str {
        match (self.ok, self.is_error()) {
            (true, _) => "ok",
            (false, true) => "failed",
            (false, false) => "warning",
        }
    }
}

/// Longest subject that the messages of all lines are aligned behind.
const SUBJECT_WIDTH: usize = 60;

/// One line for each finding, under its side; and their number.
fn text(findings: &[Finding]) -> String {
    let widths = findings.iter().map(|finding| finding.subject.chars().count());
    let width = widths.filter(|width| *width <= SUBJECT_WIDTH).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut side = "";
    for finding in findings {
        if finding.side != side {
            side = &finding.side;
            lines.push(side.to_owned());
        }
        lines.push(format!("  {:7}  {:width$}  {}", finding.mark(), finding.subject, finding.message));
    }
    let of = |mark: &str| findings.iter().filter(|finding| finding.mark() == mark).count() as u64;
    let tried = amount(findings.len() as u64, "finding");
    let (ok, warnings, failed) = (of("ok"), amount(of("warning"), "warning"), of("failed"));
    lines.push(format!("{tried}: {ok} ok, {warnings}, {failed} failed"));
    lines.join("\n")
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
    output.result(&findings, || text(&findings));
    let errors = || findings.iter().filter(|finding| finding.is_error());
    match (errors().next(), errors().all(|finding| finding.passing)) {
        (None, _) => Exit::Success,
        (Some(_), true) => Exit::Failed,
        (Some(_), false) => Exit::Refused,
    }
}

fn findings(side: &str, found: Result<Vec<Finding>, Failure>) -> Vec<Finding> {
    let mut findings = found.unwrap_or_else(|failure| vec![Finding::of_failure(&failure)]);
    for finding in &mut findings {
        side.clone_into(&mut finding.side);
    }
    findings
}
