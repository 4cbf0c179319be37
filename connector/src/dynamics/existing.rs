//! Which rows are there already, so that nobody's edits are overwritten and outcomes tell created from updated.

use futures_util::stream::{self, StreamExt};
use serde::Deserialize;
use uuid::Uuid;

use super::api;
use super::errors::{CallError, Class};
use super::scrub::Scrubber;
use super::sink::Sink;
use crate::capabilities::{Capabilities, Level};
use crate::failure::Failure;

/// How this organisation can be asked for rows by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// With the function `In`.
    In,
    /// With a chain of comparisons.
    Equal,
    /// Not at all.
    Nothing,
}

impl Probe {
    /// Ids in one query: `In` stays below the service's bound on conditions, comparisons below the smallest usual
    /// bound on the size of a filter.
    fn ids_per_query(self) -> usize {
        if self == Self::In { 300 } else { 25 }
    }

    fn weaker(self) -> Self {
        if self == Self::In { Self::Equal } else { Self::Nothing }
    }
}

/// What is known about the rows of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Existing {
    /// The keys of those that exist, sorted.
    Known(Vec<Uuid>),
    /// The organisation cannot be asked.
    Unknown,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "leadid")]
    id: String,
}

/// Asks for the rows with these keys, with at most `in_flight` queries at once.
pub(crate) async fn existing<C: Capabilities>(
    sink: &Sink<C>,
    ids: &[Uuid],
    in_flight: usize,
) -> Result<Existing, Failure> {
    loop {
        let probe = sink.probe.get();
        if probe == Probe::Nothing {
            return Ok(Existing::Unknown);
        }
        match ask(sink, probe, ids, in_flight).await {
            Ok(found) => return Ok(Existing::Known(found)),
            // Each turn leaves one way less, so this ends.
            Err(CallError::Refused(refused))
                if matches!(refused.class, Class::Schema | Class::Address | Class::Poison) =>
            {
                weaken(sink, probe);
            }
            Err(error) => {
                return Err(error.failure("looking for existing leads", &Scrubber::without_answers(None)));
            }
        }
    }
}

/// Remembers that one way of asking is refused. Another call may have found out at the same time.
fn weaken<C: Capabilities>(sink: &Sink<C>, refused: Probe) {
    if sink.probe.get() != refused {
        return;
    }
    sink.probe.set(refused.weaker());
    if refused.weaker() == Probe::Nothing {
        let message = "the organisation cannot be asked which leads exist: leads that earlier runs wrote are written again";
        sink.capabilities.log(Level::Warn, message, "");
    }
}

async fn ask<C: Capabilities>(
    sink: &Sink<C>,
    probe: Probe,
    ids: &[Uuid],
    in_flight: usize,
) -> Result<Vec<Uuid>, CallError> {
    let queries = ids.len().div_ceil(probe.ids_per_query()).max(1);
    let mut answers = stream::iter(ids.chunks(ids.len().div_ceil(queries).max(1)))
        .map(|ids| {
            let path = if probe == Probe::In { api::leads_in(ids) } else { api::leads_equal(ids) };
            sink.rows::<Row>(path)
        })
        .buffer_unordered(in_flight);
    let mut found = Vec::new();
    while let Some(rows) = answers.next().await {
        found.extend(rows?.iter().filter_map(|row| Uuid::try_parse(&row.id).ok()));
    }
    found.sort_unstable();
    Ok(found)
}
