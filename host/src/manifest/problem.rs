//! Problems: what is wrong with a manifest, where, and how to mend it.
//!
//! Never holds a secret, nor the text of a value that came from the environment.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::place::{Lines, Mark, Place};
use super::tree::Path;

/// Most problems that are printed; the rest is counted.
const MAX_PRINTED: usize = 100;

/// Whether a pipeline can run in spite of the problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, though probably not as intended.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whether it stops the pipeline.
    pub severity: Severity,
    /// The input at fault: the manifest's path as the caller gave it, or the flag as `--set KEY`.
    pub input: String,
    /// Where in the manifest; none for a flag, and for what concerns the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The key as a dotted path, such as `source.egress[0]`; empty for the whole file.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        f.write_str(&self.input)?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {severity}: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// A manifest that cannot be used, with everything that is wrong with it, in the order of the file.
///
/// Displayed, it lists at most 100 problems and counts the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Errors and warnings; at least one error.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().take(MAX_PRINTED).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        match self.problems.len().saturating_sub(MAX_PRINTED) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Rejected {}

/// Collects the problems of one manifest.
pub(super) struct Report {
    input: String,
    lines: Lines,
    flags: Vec<String>,
    found: Vec<(Option<Mark>, Problem)>,
    bad: BTreeSet<Path>,
}

impl Report {
    /// For the manifest named `input` with this text, and the keys of the `--set` flags.
    pub(super) fn new(input: String, lines: Lines, flags: Vec<String>) -> Self {
        Self { input, lines, flags, found: Vec::new(), bad: BTreeSet::new() }
    }

    /// Notes an error.
    pub(super) fn error(&mut self, mark: Option<Mark>, path: &Path, message: String, help: Option<String>) {
        self.note(Severity::Error, mark, path, message, help);
    }

    /// Notes a warning.
    pub(super) fn warning(&mut self, mark: Option<Mark>, path: &Path, message: String, help: Option<String>) {
        self.note(Severity::Warning, mark, path, message, help);
    }

    /// Says that the value at a path cannot be judged further; what is found there later is not told.
    pub(super) fn distrust(&mut self, path: &Path) {
        self.bad.insert(path.clone());
    }

    /// Whether the value at a path, or one that holds it, is already known to be wrong.
    pub(super) fn distrusts(&self, path: &Path) -> bool {
        path.and_parents().any(|path| self.bad.contains(&path))
    }

    /// The manifest's line of a byte, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.lines.line(offset)
    }

    /// Whether any error was noted.
    pub(super) fn has_errors(&self) -> bool {
        self.found.iter().any(|(_, problem)| problem.severity == Severity::Error)
    }

    fn note(
        &mut self,
        severity: Severity,
        mark: Option<Mark>,
        path: &Path,
        message: String,
        help: Option<String>,
    ) {
        let (input, place) = match mark {
            Some(Mark::Byte(offset)) => (self.input.clone(), Some(self.lines.place(offset))),
            Some(Mark::Flag(index)) => {
                let key = self.flags.get(index).map_or("", String::as_str);
                (format!("--set {key}"), None)
            }
            None => (self.input.clone(), None),
        };
        self.found.push((mark, Problem { severity, input, place, path: path.to_string(), message, help }));
    }

    /// The problems in the order of the file, those of flags last, none twice.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        let rank = |mark: &Option<Mark>| match mark {
            None => (0, 0),
            Some(Mark::Byte(offset)) => (1, *offset),
            Some(Mark::Flag(index)) => (2, *index),
        };
        self.found.sort_by_key(|(mark, _)| rank(mark));
        let mut problems: Vec<Problem> = self.found.into_iter().map(|(_, problem)| problem).collect();
        problems.dedup();
        problems
    }
}
