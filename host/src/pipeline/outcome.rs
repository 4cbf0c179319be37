//! A sink's outcomes: parsed and checked against what was sent.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::breach::{Breach, problem};
use crate::store::{Cause, Status, Target};

/// What the sink did with the record at one place of the batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) place: usize,
    pub(super) status: Status,
    pub(super) target: Option<Target>,
    pub(super) cause: Option<Cause>,
    pub(super) notes: Vec<String>,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    cause: Option<Cause>,
    #[serde(default)]
    notes: Vec<String>,
}

/// Parses a reply. `waiting` says, by place, which records were sent and have no outcome; the outcomes found are crossed
/// off. After a breach nothing of the reply counts, and `waiting` has no meaning.
pub(super) fn parse(
    text: &str,
    stopped: bool,
    places: &HashMap<Arc<str>, usize>,
    waiting: &mut [bool],
) -> Result<Vec<Decision>, Breach> {
    let sent = waiting.to_vec();
    let mut missing = sent.iter().filter(|waits| **waits).count();
    let mut decisions = Vec::with_capacity(missing);
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let decision = decision(line, line_number, places)?;
        if !sent.get(decision.place).copied().unwrap_or(false) {
            return Err(Breach::UnknownKey { line: line_number });
        }
        match waiting.get_mut(decision.place) {
            Some(waits) if *waits => *waits = false,
            _ => return Err(Breach::TwoOutcomes { line: line_number }),
        }
        // No more outcomes get here than records were sent.
        missing -= 1;
        decisions.push(decision);
    }
    match (missing, stopped) {
        (0, true) => Err(Breach::StoppedForNothing),
        (1.., false) => Err(Breach::MissingOutcomes { missing }),
        _ => Ok(decisions),
    }
}

fn decision(text: &str, line: usize, places: &HashMap<Arc<str>, usize>) -> Result<Decision, Breach> {
    let outcome: Outcome<'_> = serde_json::from_str(text)
        .map_err(|error| Breach::NotAnOutcome { line, problem: problem(&error) })?;
    let word: StrDeserializer<'_, ValueError> = outcome.status.as_ref().into_deserializer();
    let status = Status::deserialize(word).map_err(|_| Breach::UnknownStatus { line })?;
    let place = *places.get(outcome.key.as_ref()).ok_or(Breach::UnknownKey { line })?;
    if matches!(status, Status::Skipped | Status::Rejected) && outcome.cause.is_none() {
        return Err(Breach::NoCause { line });
    }
    Ok(Decision { place, status, target: outcome.target, cause: outcome.cause, notes: outcome.notes })
}
