//! What a component can break of the contract, each with a sentence that names the place and never the content.

use crate::failure::Failure;

/// A broken contract. Lines count from 1 within the page or reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Breach {
    #[error("the source broke the contract: a page holds more than the {limit} records that were asked for")]
    TooManyRecords { limit: u32 },
    #[error("the source broke the contract: a page has {bytes} bytes where at most {limit} were asked for")]
    TooManyBytes { bytes: usize, limit: u32 },
    #[error("the source broke the contract: line {line} of a page is no envelope ({problem})")]
    NotAnEnvelope { line: usize, problem: String },
    #[error("the source broke the contract: line {line} of a page has an empty key")]
    EmptyKey { line: usize },
    #[error(
        "the source broke the contract: line {line} of a page has a key of {bytes} bytes; 512 are allowed"
    )]
    LongKey { line: usize, bytes: usize },
    #[error("the source broke the contract: line {line} of a page belongs to another stream")]
    OtherStream { line: usize },
    #[error("the source broke the contract: line {line} of a page is an upsert without a `data` object")]
    NoData { line: usize },
    #[error("the source broke the contract: line {line} of a page is a delete with `data`")]
    DataOfDelete { line: usize },
    #[error("the source broke the contract: line {line} of a page has a `time` beyond 64 bits")]
    TimeOutOfRange { line: usize },
    #[error("the source broke the contract: a cursor has {bytes} bytes; 65536 are allowed")]
    LongCursor { bytes: usize },
    #[error("the source broke the contract: it has more to read but gave back the cursor that it was given")]
    NoProgress,
    #[error("the source broke the contract: the facts of a page are no JSON object as described ({problem})")]
    NotFacts { problem: String },
    #[error(
        "the source broke the contract: partition {place} of its list has an empty id, or one of over 256 bytes"
    )]
    PartitionId { place: usize },
    #[error("the source broke the contract: partition {place} of its list has the id of an earlier one")]
    TwoPartitions { place: usize },
    #[error("the source broke the contract: it lists more than {limit} partitions")]
    TooManyPartitions { limit: usize },
    #[error("the source broke the contract: line {line} of what was fetched was not asked for")]
    NotAskedFor { line: usize },
    #[error("the component broke the contract: line {line} of a notice's changes is no change ({problem})")]
    NotAChange { line: usize, problem: String },
    #[error("the component broke the contract: a notice names more than {limit} changes")]
    TooManyChanges { limit: usize },
    #[error("the sink broke the contract: line {line} of its outcomes is no outcome ({problem})")]
    NotAnOutcome { line: usize, problem: String },
    #[error("the sink broke the contract: line {line} of its outcomes has an unknown status")]
    UnknownStatus { line: usize },
    #[error("the sink broke the contract: line {line} of its outcomes has a key that was not sent")]
    UnknownKey { line: usize },
    #[error("the sink broke the contract: line {line} of its outcomes is the second for one key")]
    TwoOutcomes { line: usize },
    #[error(
        "the sink broke the contract: line {line} of its outcomes is skipped or rejected without a cause"
    )]
    NoCause { line: usize },
    #[error("the sink broke the contract: {missing} records have no outcome and it does not say why")]
    MissingOutcomes { missing: usize },
    #[error("the sink broke the contract: it says that it stopped, but every record has an outcome")]
    StoppedForNothing,
}

impl From<Breach> for Failure {
    fn from(breach: Breach) -> Self {
        Self::fatal(format!("{breach}; report this to the component's author"))
    }
}

/// What is wrong with a JSON text, without quoting it: serde's own sentences may hold values.
pub(super) fn problem(error: &serde_json::Error) -> String {
    let sentence = error.to_string();
    let column = error.column();
    match error.classify() {
        // "missing field `key` at line 1 column 9": names a member of the contract only.
        serde_json::error::Category::Data if sentence.starts_with("missing field") => {
            sentence.split(" at line").next().unwrap_or("a member is missing").to_owned()
        }
        serde_json::error::Category::Data => format!("a member has another type, column {column}"),
        _ => format!("not valid JSON, column {column}"),
    }
}
