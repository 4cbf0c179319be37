//! Receives notices: the component judges, the store keeps, the vendor is answered; in this order, and nothing else.
//!
//! Whoever listens calls this and sends the answer. It never fetches and never calls the sink, so the answer does not
//! wait for anything but the component's judgement and one transaction.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::batch::MAX_KEY_BYTES;
use super::breach::{Breach, problem};
use super::port::{Clock, NoticeReply, NoticeRequest, Webhook};
use super::run::MAX_ID_BYTES;
use crate::failure::Failure;
use crate::store::{Change, Op, Receipt, Store};

/// Most bytes of a request's body.
pub const MAX_BODY_BYTES: usize = 1 << 20;
/// How long the component may judge. Vendors give three seconds for everything.
const JUDGEMENT: Duration = Duration::from_millis(2_000);
/// How long the store may take to keep it.
const KEEPING: Duration = Duration::from_millis(800);
/// Most changes of one notice.
const MAX_CHANGES: usize = 10_000;
/// Where changes go of which the component does not say the partition.
const UNKNOWN_PARTITION: &str = "pushed";

/// Receives the notices of one pipeline.
pub struct Receiver<H, S, C> {
    /// Judges.
    pub webhook: H,
    /// Keeps.
    pub store: Arc<S>,
    /// Time.
    pub clock: Arc<C>,
    /// The pipeline's name.
    pub pipeline: Arc<str>,
}

/// What to send back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// What was kept.
    pub receipt: Receipt,
}

/// One line of a reply's changes. Readers ignore members that they do not know.
#[derive(Deserialize)]
struct Told {
    stream: String,
    #[serde(default)]
    partition: Option<String>,
    key: String,
    op: Op,
    #[serde(default)]
    time: Option<u64>,
}

impl<H: Webhook, S: Store, C: Clock> Receiver<H, S, C> {
    /// Judges, keeps and answers. Never fails: every trouble is an answer, after which the vendor sends again.
    pub async fn handle(&self, request: NoticeRequest) -> Answer {
        if request.body.len() > MAX_BODY_BYTES {
            return plain(413, "the body is larger than 1 MiB");
        }
        let reply = tokio::select! {
            reply = self.webhook.receive(request) => reply,
            () = self.clock.sleep(JUDGEMENT) => {
                tracing::warn!(pipeline = &*self.pipeline, "the component took too long to judge a notice");
                return plain(503, "busy; send it again");
            }
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(failure) => return self.unjudged(&failure),
        };
        let changes = match changes(&reply.changes) {
            Ok(changes) => changes,
            Err(breach) => return self.unjudged(&breach.into()),
        };
        self.keep(reply, changes).await
    }

    /// Makes the changes durable, then lets the reply go.
    async fn keep(&self, reply: NoticeReply, changes: Vec<Change>) -> Answer {
        let mut receipt = Receipt::default();
        if !changes.is_empty() {
            let kept = self.store.receive(&self.pipeline, changes, self.clock.now_ms());
            let kept = tokio::select! {
                kept = kept => kept,
                // It may be kept all the same; then the repeat is recognised.
                () = self.clock.sleep(KEEPING) => return plain(503, "busy; send it again"),
            };
            receipt = match kept {
                Ok(receipt) => receipt,
                Err(error) => {
                    tracing::error!(pipeline = &*self.pipeline, %error, "a notice could not be kept");
                    return plain(503, "not kept; send it again");
                }
            };
        }
        let NoticeReply { status, headers, body, changes: _ } = reply;
        Answer { status, headers, body, receipt }
    }

    fn unjudged(&self, failure: &Failure) -> Answer {
        tracing::error!(pipeline = &*self.pipeline, kind = failure.kind(), reason = %failure, "a notice was not judged");
        match failure {
            Failure::Retryable { .. } => plain(503, "not judged; send it again"),
            _ => plain(500, "not judged; the receiver's log says why"),
        }
    }
}

fn plain(status: u16, sentence: &str) -> Answer {
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    Answer { status, headers, body: format!("{sentence}\n").into_bytes(), receipt: Receipt::default() }
}

/// Checks a reply's changes against the contract.
fn changes(text: &str) -> Result<Vec<Change>, Breach> {
    let mut changes = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        if changes.len() >= MAX_CHANGES {
            return Err(Breach::TooManyChanges { limit: MAX_CHANGES });
        }
        let told: Told = serde_json::from_str(line)
            .map_err(|error| Breach::NotAChange { line: line_number, problem: problem(&error) })?;
        let partition = told.partition.unwrap_or_else(|| UNKNOWN_PARTITION.to_owned());
        if told.key.is_empty() || told.key.len() > MAX_KEY_BYTES || partition.len() > MAX_ID_BYTES {
            return Err(Breach::NotAChange {
                line: line_number,
                problem: "a key of 1 to 512 bytes is needed, and a partition of at most 256".to_owned(),
            });
        }
        changes.push(Change {
            stream: told.stream,
            partition,
            key: told.key,
            op: told.op,
            time_ms: told.time.unwrap_or(0),
        });
    }
    Ok(changes)
}
