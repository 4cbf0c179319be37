//! What a pipeline needs of the outside: a source, a sink, a way to open them, and time.
//!
//! The runtime implements these with components; tests implement them with scripts.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::failure::Failure;
use crate::store::NoticeId;

/// Most records of one page or batch.
pub const MAX_RECORDS: u32 = 1000;
/// Most bytes of one page or batch.
pub const MAX_BYTES: u32 = 1 << 20;

/// Most keys of one fetch.
pub const MAX_KEYS: u32 = 100;

/// Whether a call may change anything at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Say what would be done.
    Plan,
    /// Do it.
    Apply,
}

/// Asks a source for one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// The stream's name.
    pub stream: Arc<str>,
    /// The partition's id.
    pub partition: Arc<str>,
    /// The last durable cursor; none at the very beginning.
    pub cursor: Option<String>,
    /// 1 to [`MAX_RECORDS`].
    pub max_records: u32,
    /// 1 to [`MAX_BYTES`].
    pub max_bytes: u32,
    /// Narrows the read: a JSON object as the contract describes it.
    pub selection: Option<Arc<str>>,
}

/// One page of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Newline-delimited envelopes.
    pub records: String,
    /// Where to go on after them.
    pub cursor: String,
    /// Whether to read again at once.
    pub more: bool,
    /// Facts about the page as one JSON object.
    pub facts: Option<String>,
    /// The notices that these records answer. Not the source's to say: set by whoever fetches for them.
    pub notices: Vec<NoticeId>,
}

/// What a sink answered to one batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteReply {
    /// Newline-delimited outcomes of every record whose fate is known.
    pub outcomes: String,
    /// Why the others have none.
    pub stopped: Option<Failure>,
}

/// One independently readable slice of a stream.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Partition {
    /// Stable.
    pub id: String,
    /// For a person.
    pub name: String,
    /// Whether it can be read.
    pub state: PartitionState,
    /// The vendor's words where it is not active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Further facts for a person.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub facts: serde_json::Map<String, serde_json::Value>,
}

/// Whether a partition can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    /// It is read.
    Active,
    /// The credential lacks a right on it.
    Forbidden,
    /// Switched off, at the vendor or in the manifest.
    Disabled,
    /// There is nothing to read.
    Empty,
}

/// An open read side.
pub trait Source: Send + Sync + 'static {
    /// Lists a stream's partitions.
    fn partitions(
        &self,
        stream: &str,
        selection: Option<&str>,
    ) -> impl Future<Output = Result<Vec<Partition>, Failure>> + Send;
    /// Reads one page.
    fn read(&self, request: ReadRequest) -> impl Future<Output = Result<Page, Failure>> + Send;
    /// Fetches single records by key, at most [`MAX_KEYS`]. One that the vendor does not have is absent.
    fn fetch(&self, stream: &str, keys: Vec<String>) -> impl Future<Output = Result<Page, Failure>> + Send;
}

/// A request from outside, as it arrived.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct NoticeRequest {
    /// Upper case.
    pub method: String,
    /// The raw query without `?`.
    pub query: String,
    /// In the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes as received.
    pub body: Vec<u8>,
}

/// Headers and body may hold what is signed or personal.
impl fmt::Debug for NoticeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoticeRequest")
            .field("method", &self.method)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What to answer, and what changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoticeReply {
    /// The HTTP status.
    pub status: u16,
    /// Names as the component spells them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Newline-delimited changes.
    pub changes: String,
}

/// One subscription at the vendor.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Subscription {
    /// The vendor's id.
    pub id: String,
    /// Where its notices go.
    pub url: String,
    /// The stream.
    pub stream: String,
    /// The partition's id.
    pub partition: String,
    /// `active` or `blocked`.
    pub state: String,
}

/// An open push side.
pub trait Webhook: Send + Sync + 'static {
    /// Judges one request.
    fn receive(&self, request: NoticeRequest) -> impl Future<Output = Result<NoticeReply, Failure>> + Send;
    /// Makes the vendor send notices.
    fn subscribe(
        &self,
        callback_url: &str,
        selection: Option<&str>,
    ) -> impl Future<Output = Result<Vec<Subscription>, Failure>> + Send;
    /// Ends subscriptions, and returns the ids of those that were ended.
    fn unsubscribe(&self, ids: Vec<String>) -> impl Future<Output = Result<Vec<String>, Failure>> + Send;
    /// Lists the subscriptions.
    fn subscriptions(&self) -> impl Future<Output = Result<Vec<Subscription>, Failure>> + Send;
}

/// An open write side.
pub trait Sink: Send + Sync + 'static {
    /// Writes one batch of newline-delimited envelopes.
    fn write(&self, batch: String, mode: Mode) -> impl Future<Output = Result<WriteReply, Failure>> + Send;
}

/// Opens sources and sinks: each partition has its own pair, so that one that traps takes no other with it.
pub trait Connect: Send + Sync + 'static {
    /// What [`Connect::source`] opens.
    type Source: Source;
    /// What [`Connect::sink`] opens.
    type Sink: Sink;
    /// Opens a source.
    fn source(&self) -> impl Future<Output = Result<Self::Source, Failure>> + Send;
    /// Opens a sink.
    fn sink(&self) -> impl Future<Output = Result<Self::Sink, Failure>> + Send;
}

/// Time, injected.
pub trait Clock: Send + Sync + 'static {
    /// Epoch milliseconds.
    fn now_ms(&self) -> u64;
    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}
