//! The component's boundary: the contract's bindings on one side, the connector's own types on the other.
//!
//! The only file that sees generated types. It must hold no logic: it converts and hands on. Calls of one instance
//! must never wait for one another, since one export's task cannot be woken by another's.

#![expect(unsafe_code, reason = "the generated bindings cross the component boundary")]

use std::cell::RefCell;
use std::rc::Rc;

use serde::Serialize;

wit_bindgen::generate!({
    path: "../wit",
    world: "connector-component",
    generate_all,
});

use exports::sluice::connector::sink::WriteReply;
use exports::sluice::connector::source::{Page, ReadRequest};
use exports::sluice::connector::{sink, source, webhook};
use sluice::connector::{clock, credentials, http, log, types};

use crate::capabilities::{Capabilities, HttpError, Level, Request, Response};
use crate::failure::{Detail, Failure};
use crate::{dynamics, linkedin};

struct Component;
export!(Component);

thread_local! {
    static SOURCE: RefCell<Option<Rc<linkedin::Source<Host>>>> = const { RefCell::new(None) };
    static SINK: RefCell<Option<Rc<dynamics::Sink<Host>>>> = const { RefCell::new(None) };
}

/// The contract's imports as capabilities.
#[derive(Debug, Clone, Copy)]
struct Host;

impl Capabilities for Host {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let Request { method, url, headers, body, credential, repeatable } = request;
        let request = http::Request {
            method: method.to_owned(),
            url,
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body,
            credential: credential.map(str::to_owned),
            repeatable,
        };
        match http::send(request).await {
            Ok(http::Response { status, headers, body }) => Ok(Response { status, headers, body }),
            Err(error) => Err(error.into()),
        }
    }

    fn now_ms(&self) -> u64 {
        clock::now_ms()
    }

    fn hmac_sha256(&self, credential: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        credentials::hmac_sha256(credential, message)
    }

    fn log(&self, level: Level, message: &'static str, fields: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
        };
        log::write(level, message, fields);
    }
}

impl From<http::Error> for HttpError {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::Denied(text) => Self::Denied(text),
            http::Error::Unauthorized(text) => Self::Unauthorized(text),
            http::Error::Malformed(text) => Self::Malformed(text),
            http::Error::Unreachable(text) => Self::Unreachable(text),
            http::Error::TimedOut(text) => Self::TimedOut(text),
            http::Error::TooLarge(text) => Self::TooLarge(text),
        }
    }
}

impl From<Detail> for types::Detail {
    fn from(detail: Detail) -> Self {
        let Detail { message, code, facts } = detail;
        Self { message, code, facts }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retryable { detail, wait_ms } => {
                Self::Retryable(types::Retryable { detail: detail.into(), wait_ms })
            }
            Failure::Unauthorized { detail, credential } => {
                Self::Unauthorized(types::Unauthorized { detail: detail.into(), credential })
            }
            Failure::Forbidden { detail, missing } => {
                Self::Forbidden(types::Forbidden { detail: detail.into(), missing })
            }
            Failure::Invalid { detail, path } => {
                Self::Invalid(types::Invalid { detail: detail.into(), path })
            }
            Failure::Fatal(detail) => Self::Fatal(detail.into()),
        }
    }
}

impl From<types::Mode> for dynamics::Mode {
    fn from(mode: types::Mode) -> Self {
        match mode {
            types::Mode::Plan => Self::Plan,
            types::Mode::Apply => Self::Apply,
        }
    }
}

impl From<linkedin::Page> for Page {
    fn from(page: linkedin::Page) -> Self {
        let linkedin::Page { records, cursor, more, facts } = page;
        Self { records, cursor, more, facts }
    }
}

/// Makes a panic's message and place reach the host's log before the trap. Values of records never stand in it:
/// their types show no content.
fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| log::write(log::Level::Error, &panic.to_string(), "")));
}

fn not_open() -> Failure {
    Failure::Fatal(Detail::new("the host called before `open`"))
}

fn opened_source() -> Result<Rc<linkedin::Source<Host>>, Failure> {
    SOURCE.with_borrow(Clone::clone).ok_or_else(not_open)
}

fn opened_sink() -> Result<Rc<dynamics::Sink<Host>>, Failure> {
    SINK.with_borrow(Clone::clone).ok_or_else(not_open)
}

/// One JSON object a line.
fn lines<T: Serialize>(items: &[T]) -> Result<String, Failure> {
    let mut text = String::new();
    for item in items {
        let line = serde_json::to_string(item);
        text += &line.map_err(|error| Failure::Fatal(Detail::new(error.to_string())))?;
        text.push('\n');
    }
    Ok(text)
}

impl exports::sluice::connector::connector::Guest for Component {
    fn describe() -> String {
        crate::describe::describe().to_string()
    }
}

impl source::Guest for Component {
    async fn open(config: String) -> Result<(), types::Failure> {
        tell_panics();
        let source = linkedin::Source::open(&config, Host).await?;
        SOURCE.set(Some(Rc::new(source)));
        Ok(())
    }

    async fn check() -> Result<String, types::Failure> {
        Ok(lines(&opened_source()?.check().await?)?)
    }

    async fn partitions(stream: String, selection: Option<String>) -> Result<String, types::Failure> {
        Ok(lines(&opened_source()?.partitions(&stream, selection.as_deref()).await?)?)
    }

    async fn read(request: ReadRequest) -> Result<Page, types::Failure> {
        let source = opened_source()?;
        let page = source.read(linkedin::ReadRequest {
            stream: &request.stream,
            partition: &request.partition,
            cursor: request.cursor.as_deref(),
            max_records: request.max_records,
            max_bytes: request.max_bytes,
            selection: request.selection.as_deref(),
        });
        Ok(page.await?.into())
    }

    async fn fetch(stream: String, keys: Vec<String>) -> Result<Page, types::Failure> {
        Ok(opened_source()?.fetch(&stream, &keys).await?.into())
    }
}

impl sink::Guest for Component {
    async fn open(config: String) -> Result<(), types::Failure> {
        tell_panics();
        let sink = dynamics::Sink::open(&config, Host).await?;
        SINK.set(Some(Rc::new(sink)));
        Ok(())
    }

    async fn check() -> Result<String, types::Failure> {
        Ok(lines(&opened_sink()?.check().await?)?)
    }

    async fn targets() -> Result<String, types::Failure> {
        Ok(lines(&opened_sink()?.targets().await?)?)
    }

    async fn prepare(mode: types::Mode) -> Result<String, types::Failure> {
        Ok(lines(&opened_sink()?.prepare(mode.into()).await?)?)
    }

    async fn write(batch: String, mode: types::Mode) -> Result<WriteReply, types::Failure> {
        let reply = opened_sink()?.write(&batch, mode.into()).await?;
        Ok(WriteReply { outcomes: reply.outcomes, stopped: reply.stopped.map(Into::into) })
    }
}

impl webhook::Guest for Component {
    async fn receive(request: webhook::Request) -> Result<webhook::Reply, types::Failure> {
        let webhook::Request { method, query, headers, body } = request;
        let arrived = linkedin::Arrived { method: &method, query: &query, headers: &headers, body: &body };
        let linkedin::Reply { status, headers, body, changes } = opened_source()?.receive(arrived)?;
        Ok(webhook::Reply { status, headers, body, changes })
    }

    async fn subscribe(callback_url: String, selection: Option<String>) -> Result<String, types::Failure> {
        Ok(lines(&opened_source()?.subscribe(&callback_url, selection.as_deref()).await?)?)
    }

    async fn unsubscribe(ids: Vec<String>) -> Result<String, types::Failure> {
        Ok(lines(&opened_source()?.unsubscribe(&ids).await?)?)
    }

    async fn subscriptions() -> Result<String, types::Failure> {
        Ok(lines(&opened_source()?.subscriptions().await?)?)
    }
}
