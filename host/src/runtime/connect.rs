//! Opens components as the sources and sinks that a pipeline works with.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::call::Call;
use super::component::{Component, LoadError};
use super::imports::Grants;
use super::instance::{Instance, Recipe};
use super::limits::Limits;
use crate::failure::Failure;
use crate::pipeline::port::{
    Connect, Mode, NoticeReply, NoticeRequest, Page, Partition, ReadRequest, Sink, Source, Subscription,
    Webhook, WriteReply,
};

/// Most lines of a listing (partitions, targets, findings, changes).
const MAX_LINES: usize = 100_000;

/// One side of a pipeline: a component with its grants and configuration.
#[derive(Debug, Clone)]
pub struct Side {
    /// The component.
    pub component: Component,
    /// What it may do.
    pub grants: Arc<Grants>,
    /// What it may use.
    pub limits: Limits,
    /// What it is opened with: one JSON object.
    pub config: String,
}

impl Side {
    /// Opens the read side.
    pub async fn open_source(&self) -> Result<OpenSource, Failure> {
        let indices = self.component.source().map_err(|error| role_failure(&error))?;
        self.open(indices).await.map(OpenSource)
    }

    /// Opens the write side.
    pub async fn open_sink(&self) -> Result<OpenSink, Failure> {
        let indices = self.component.sink().map_err(|error| role_failure(&error))?;
        self.open(indices).await.map(OpenSink)
    }

    /// Opens the push side.
    pub async fn open_webhook(&self) -> Result<OpenWebhook, Failure> {
        let indices = self.component.webhook().map_err(|error| role_failure(&error))?;
        self.open(indices).await.map(OpenWebhook)
    }

    async fn open(&self, indices: super::call::RoleIndices) -> Result<Instance, Failure> {
        let Self { component, grants, limits, config } = self.clone();
        Instance::open(Recipe { component, indices, grants, limits, config }).await
    }
}

fn role_failure(error: &LoadError) -> Failure {
    Failure::fatal(error.to_string())
}

/// Opens both sides of one pipeline.
#[derive(Debug, Clone)]
pub struct ComponentConnect {
    /// The read side.
    pub source: Side,
    /// The write side.
    pub sink: Side,
}

impl Connect for ComponentConnect {
    type Source = OpenSource;
    type Sink = OpenSink;

    async fn source(&self) -> Result<OpenSource, Failure> {
        self.source.open_source().await
    }

    async fn sink(&self) -> Result<OpenSink, Failure> {
        self.sink.open_sink().await
    }
}

/// An open read side.
#[derive(Debug, Clone)]
pub struct OpenSource(Instance);

/// An open push side.
#[derive(Debug, Clone)]
pub struct OpenWebhook(Instance);

/// An open write side.
#[derive(Debug, Clone)]
pub struct OpenSink(Instance);

impl OpenSource {
    /// Tries everything that reading needs: one JSON object for each finding.
    pub async fn check<T: DeserializeOwned>(&self) -> Result<Vec<T>, Failure> {
        lines("source.check", &self.0.call(Call::Check).await?)
    }
}

impl OpenSink {
    /// Tries everything that writing needs: one JSON object for each finding.
    pub async fn check<T: DeserializeOwned>(&self) -> Result<Vec<T>, Failure> {
        lines("sink.check", &self.0.call(Call::Check).await?)
    }

    /// Lists where the credential could write.
    pub async fn targets<T: DeserializeOwned>(&self) -> Result<Vec<T>, Failure> {
        lines("sink.targets", &self.0.call(Call::Targets).await?)
    }

    /// Creates at the destination what is missing, or says what would be.
    pub async fn prepare<T: DeserializeOwned>(&self, mode: Mode) -> Result<Vec<T>, Failure> {
        lines("sink.prepare", &self.0.call(|reply| Call::Prepare(mode, reply)).await?)
    }
}

impl Source for OpenSource {
    async fn partitions(&self, stream: &str, selection: Option<&str>) -> Result<Vec<Partition>, Failure> {
        let (stream, selection) = (stream.to_owned(), selection.map(str::to_owned));
        let listing = self.0.call(|reply| Call::Partitions { stream, selection, reply }).await?;
        lines("source.partitions", &listing)
    }

    async fn read(&self, request: ReadRequest) -> Result<Page, Failure> {
        self.0.call(|reply| Call::Read(request, reply)).await
    }

    async fn fetch(&self, stream: &str, keys: Vec<String>) -> Result<Page, Failure> {
        let stream = stream.to_owned();
        self.0.call(|reply| Call::Fetch { stream, keys, reply }).await
    }
}

impl Webhook for OpenWebhook {
    async fn receive(&self, request: NoticeRequest) -> Result<NoticeReply, Failure> {
        self.0.call(|reply| Call::Receive(request, reply)).await
    }

    async fn subscribe(
        &self,
        callback_url: &str,
        selection: Option<&str>,
    ) -> Result<Vec<Subscription>, Failure> {
        let (callback_url, selection) = (callback_url.to_owned(), selection.map(str::to_owned));
        let listing = self.0.call(|reply| Call::Subscribe { callback_url, selection, reply }).await?;
        lines("webhook.subscribe", &listing)
    }

    async fn unsubscribe(&self, ids: Vec<String>) -> Result<Vec<String>, Failure> {
        lines("webhook.unsubscribe", &self.0.call(|reply| Call::Unsubscribe(ids, reply)).await?)
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, Failure> {
        lines("webhook.subscriptions", &self.0.call(Call::Subscriptions).await?)
    }
}

impl Sink for OpenSink {
    async fn write(&self, batch: String, mode: Mode) -> Result<WriteReply, Failure> {
        self.0.call(|reply| Call::Write { batch, mode, reply }).await
    }
}

/// Reads a listing of one JSON object a line.
fn lines<T: DeserializeOwned>(call: &str, listing: &str) -> Result<Vec<T>, Failure> {
    let broken = |what: String| Failure::fatal(format!("the component broke the contract: {call} {what}"));
    let mut items = Vec::new();
    for line in listing.lines().filter(|line| !line.trim().is_empty()) {
        if items.len() == MAX_LINES {
            return Err(broken(format!("returned more than {MAX_LINES} lines")));
        }
        let item = serde_json::from_str(line);
        // Only the kind and place of the error: its text may quote the line.
        items.push(item.map_err(|error| {
            broken(format!(
                "returned a line that does not fit ({:?} error at column {})",
                error.classify(),
                error.column()
            ))
        })?);
    }
    Ok(items)
}
