//! Exit codes: one for each kind of end that a script may want to tell apart.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::pipeline::{RunReport, Verdict};

/// How a command ended. Documented in `sluice --help` and in the manual; the numbers never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything landed, or the answer is yes.
    Success,
    /// The run failed, or part of it did.
    Failed,
    /// The command line or the manifest is wrong.
    Usage,
    /// The run finished, and some records are dead letters.
    DeadLetters,
    /// A credential was refused or a right is missing.
    Refused,
    /// Stopped by a signal of this number.
    Signal(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::DeadLetters => 3,
            Exit::Refused => 4,
            Exit::Signal(number) => 128 + number,
        })
    }
}

impl Exit {
    /// For a failure that ended a command.
    pub(super) fn of(failure: &Failure) -> Self {
        Self::of_kind(failure.kind())
    }

    fn of_kind(kind: &str) -> Self {
        match kind {
            "unauthorized" | "forbidden" => Self::Refused,
            "invalid" => Self::Usage,
            _ => Self::Failed,
        }
    }

    /// For a run. One that got nowhere says why; one that got somewhere and partly failed is a failure.
    pub(super) fn of_report(report: &RunReport) -> Self {
        let failure = report.failure.as_ref().map(|failure| Self::of_kind(failure.kind));
        match report.verdict() {
            Verdict::Landed => Self::Success,
            Verdict::DeadLetters => Self::DeadLetters,
            Verdict::Stopped => Self::Signal(2),
            Verdict::NothingStarted => failure.unwrap_or(Self::Refused),
            Verdict::Failed => failure.or_else(|| Self::of_ticks(report)).unwrap_or(Self::Failed),
        }
    }

    /// If every partition failed in one way, that way; none otherwise.
    fn of_ticks(report: &RunReport) -> Option<Self> {
        let ticks = report.partitions.iter().filter_map(|partition| partition.tick.as_ref());
        let mut exits = ticks.map(|tick| tick.end.failure().map(Self::of));
        let first = exits.next()??;
        exits.all(|exit| exit == Some(first)).then_some(first)
    }
}
