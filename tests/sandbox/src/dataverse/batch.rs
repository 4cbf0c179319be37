//! `$batch`: operations in order, atomic changesets, references between members.

use std::fmt::Write;

use super::engine::write_lock;
use super::error::{ApiError, Outcome};
use super::guid;
use super::http::{ROOT, refused};
use super::multipart::{self, Entry, Part};
use super::operation::{self, Session};
use super::reply::{Content, Headers, Operation, Reply, reason};
use super::store::Transaction;

/// Greatest length of an address inside a batch.
const MAX_URL: usize = 65_536;

/// Runs a batch; `versions` are the `OData-Version` and `OData-MaxVersion` headers, which a batch must have.
pub(crate) fn execute(
    session: &mut Session<'_>,
    headers: &Headers,
    versions: &[Option<&str>; 2],
    body: &[u8],
) -> Outcome<Reply> {
    if versions.iter().any(|version| *version != Some("4.0")) {
        return Err(ApiError::new(
            400,
            "0x80048d19",
            "The OData-Version and OData-MaxVersion headers must be 4.0.",
        ));
    }
    let content_type = headers.content_type.as_deref().unwrap_or_default();
    let boundary = multipart::boundary(content_type).ok_or_else(|| {
        let text = "The content type of a batch must be multipart/mixed with a boundary.";
        ApiError::new(400, "0x80048d19", text)
    })?;
    let entries = multipart::parse(body, boundary)?;
    let name = format!("batchresponse_{}", guid::text(u128::from(session.request)));
    let mut out = String::new();
    let mut status = 200;
    for (number, entry) in entries.iter().enumerate() {
        _ = write!(out, "--{name}\r\n");
        let failed = match entry {
            Entry::Single(part) => single(session, part, &mut out),
            Entry::Changeset(parts) => changeset(session, parts, number, &mut out),
        };
        if let Some(failed) = failed.filter(|_| !headers.prefer.continue_on_error) {
            status = failed;
            break;
        }
    }
    _ = write!(out, "--{name}--\r\n");
    Ok(Reply {
        content: Content::Multipart { boundary: name, bytes: out.into_bytes() },
        ..Reply::empty(status)
    })
}

/// Runs one operation; its status when it failed.
fn single(session: &mut Session<'_>, part: &Part<'_>, out: &mut String) -> Option<u16> {
    let result = run(session, part, &[], None);
    let (reply, failed) = settle(session, part, result);
    push(out, &reply, part.content_id.as_deref(), session.request);
    failed
}

fn settle(session: &Session<'_>, part: &Part<'_>, result: Outcome<Reply>) -> (Reply, Option<u16>) {
    match result {
        Ok(reply) => (reply, None),
        Err(error) => {
            refused(&session.engine.counters, &error);
            (Reply::error(&error, part.headers.prefer.annotations.errors), Some(error.status))
        }
    }
}

/// Runs the members in one transaction; one failing member undoes all and is the only one that answers.
fn changeset(session: &mut Session<'_>, parts: &[Part<'_>], number: usize, out: &mut String) -> Option<u16> {
    let name =
        format!("changesetresponse_{}", guid::text(u128::from(session.request) << 32 | number as u128));
    _ = write!(out, "Content-Type: multipart/mixed; boundary={name}\r\n\r\n");
    let engine = session.engine;
    let mut store = write_lock(&engine.store);
    let mut transaction = Transaction::new(&mut store, engine.schema());
    let wrote_before = session.wrote;
    let mut references: Vec<(String, String)> = Vec::new();
    let mut answers = String::new();
    let mut failed = None;
    for part in parts {
        let result = run(session, part, &references, Some(&mut transaction));
        let (reply, status) = settle(session, part, result);
        let mut answer = format!("--{name}\r\n");
        push(&mut answer, &reply, part.content_id.as_deref(), session.request);
        if status.is_some() {
            failed = status;
            answers = answer;
            break;
        }
        answers.push_str(&answer);
        let location = reply.headers.iter().find(|(header, _)| *header == "Location");
        if let (Some(id), Some((_, address))) = (&part.content_id, location) {
            references.push((id.clone(), address.clone()));
        }
    }
    match failed {
        None => engine.counters.commit(transaction.commit()),
        // What the members wrote is undone, so it does not count as a write.
        Some(_) => session.wrote = wrote_before,
    }
    out.push_str(&answers);
    _ = write!(out, "--{name}--\r\n");
    failed
}

fn run(
    session: &mut Session<'_>,
    part: &Part<'_>,
    references: &[(String, String)],
    held: Option<&mut Transaction<'_>>,
) -> Outcome<Reply> {
    if part.url.len() > MAX_URL {
        return Err(ApiError::new(414, "0x0", "The request URI is too long."));
    }
    let url = resolve(session, part, references)?;
    let (path, raw_options) = url.split_once('?').unwrap_or((&url, ""));
    let operation = Operation {
        method: &part.method,
        path,
        raw_options,
        headers: &part.headers,
        body: part.body,
        references,
    };
    operation::execute(session, &operation, held)
}

/// The address below the service root: from an absolute one, one from the root, or `$n` with what follows it.
fn resolve(session: &Session<'_>, part: &Part<'_>, references: &[(String, String)]) -> Outcome<String> {
    let url = part.url.as_str();
    if let Some(reference) = url.strip_prefix('$') {
        let end = reference.find('/').unwrap_or(reference.len());
        let (id, rest) = reference.split_at(end);
        let address = references.iter().find(|(known, _)| known == id).map(|(_, address)| address);
        let address = address.ok_or_else(|| {
            ApiError::syntax(format!("Content-ID Reference: '${id}' does not exist in the batch context."))
        })?;
        let path = address.strip_prefix(&session.base).unwrap_or(address).trim_start_matches('/');
        return Ok(format!("{path}{rest}"));
    }
    let local = url.strip_prefix(&session.origin).unwrap_or(url);
    local.strip_prefix(ROOT).map(str::to_owned).ok_or_else(|| ApiError::route(url))
}

/// Appends one response as a part.
fn push(out: &mut String, reply: &Reply, content_id: Option<&str>, request: u64) {
    out.push_str("Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n");
    if let Some(id) = content_id {
        _ = write!(out, "Content-ID: {id}\r\n");
    }
    _ = write!(out, "\r\nHTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    if reply.status >= 400 {
        _ = write!(out, "REQ_ID: {}\r\n", guid::text(u128::from(request)));
    }
    for (name, value) in &reply.headers {
        _ = write!(out, "{name}: {value}\r\n");
    }
    let body = match &reply.content {
        Content::Json(body) => {
            out.push_str("Content-Type: application/json; odata.metadata=minimal\r\n");
            body.as_str()
        }
        Content::Text(body) => {
            out.push_str("Content-Type: text/plain\r\n");
            body.as_str()
        }
        Content::None | Content::Multipart { .. } => "",
    };
    _ = write!(out, "OData-Version: 4.0\r\n\r\n{body}\r\n");
}
