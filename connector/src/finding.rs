//! What `check` found out about one right or setting.

use serde::Serialize;

/// How much a finding that is not ok matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The pipeline cannot work.
    Error,
    /// It works, but a person should look.
    Warning,
}

/// One line of `check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was tried.
    pub subject: String,
    /// Whether it worked.
    pub ok: bool,
    /// For a person: what was seen, or exactly what is missing and where to grant it.
    pub message: String,
    /// Absent when ok.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

impl Finding {
    /// Something that works.
    pub fn ok(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { subject: subject.into(), ok: true, message: message.into(), severity: None }
    }

    /// Something without which the pipeline cannot work.
    pub fn error(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { subject: subject.into(), ok: false, message: message.into(), severity: Some(Severity::Error) }
    }

    /// Something that a person should look at.
    pub fn warning(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            ok: false,
            message: message.into(),
            severity: Some(Severity::Warning),
        }
    }
}
