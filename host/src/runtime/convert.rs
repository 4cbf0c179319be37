//! Between the contract's types and the host's own.

use std::time::Duration;

use super::bindings::exports::sluice::connector::{sink, source, webhook};
use super::bindings::sluice::connector::types;
use crate::failure::{Detail, Failure};
use crate::pipeline::port::{Mode, NoticeReply, NoticeRequest, Page, ReadRequest, WriteReply};

impl From<types::Detail> for Detail {
    fn from(detail: types::Detail) -> Self {
        let types::Detail { message, code, facts } = detail;
        Self { message, code, facts }
    }
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        match failure {
            types::Failure::Retryable(types::Retryable { detail, wait_ms }) => {
                Self::Retryable { detail: detail.into(), wait: wait_ms.map(Duration::from_millis) }
            }
            types::Failure::Unauthorized(types::Unauthorized { detail, credential }) => {
                Self::Unauthorized { detail: detail.into(), credential }
            }
            types::Failure::Forbidden(types::Forbidden { detail, missing }) => {
                Self::Forbidden { detail: detail.into(), missing }
            }
            types::Failure::Invalid(types::Invalid { detail, path }) => {
                Self::Invalid { detail: detail.into(), path }
            }
            types::Failure::Fatal(detail) => Self::Fatal(detail.into()),
        }
    }
}

impl From<Mode> for types::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Plan => Self::Plan,
            Mode::Apply => Self::Apply,
        }
    }
}

impl From<ReadRequest> for source::ReadRequest {
    fn from(request: ReadRequest) -> Self {
        Self {
            stream: request.stream.to_string(),
            partition: request.partition.to_string(),
            cursor: request.cursor,
            max_records: request.max_records,
            max_bytes: request.max_bytes,
            selection: request.selection.map(|selection| selection.to_string()),
        }
    }
}

impl From<source::Page> for Page {
    fn from(page: source::Page) -> Self {
        let source::Page { records, cursor, more, facts } = page;
        Self { records, cursor, more, facts, notices: Vec::new() }
    }
}

impl From<NoticeRequest> for webhook::Request {
    fn from(request: NoticeRequest) -> Self {
        let NoticeRequest { method, query, headers, body } = request;
        Self { method, query, headers, body }
    }
}

impl From<webhook::Reply> for NoticeReply {
    fn from(reply: webhook::Reply) -> Self {
        let webhook::Reply { status, headers, body, changes } = reply;
        Self { status, headers, body, changes }
    }
}

impl From<sink::WriteReply> for WriteReply {
    fn from(reply: sink::WriteReply) -> Self {
        Self { outcomes: reply.outcomes, stopped: reply.stopped.map(Into::into) }
    }
}
