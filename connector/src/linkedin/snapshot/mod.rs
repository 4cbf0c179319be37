//! Streams that are read as a whole each time: forms, ad accounts, campaigns, creatives.
//!
//! Each read asks LinkedIn for one page of a list and hands on what fits. The cursor says where in the list that was;
//! at the end it starts anew. Nothing is kept between two reads.

mod accounts;
mod campaigns;
mod creatives;
mod forms;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::capabilities::{Capabilities, Level, Request};
use crate::failure::{Detail, Failure};
use crate::record::{Envelope, Op};
use crate::text::Text;

use super::Source;
use super::errors::{self, Subject};
use super::owner::{Owner, is_number};
use super::query::Onward;
use super::read::{Page, ReadRequest};
use super::selection::Selection;
use super::stream::Stream;

pub(super) use accounts::schema as account_schema;
pub(super) use campaigns::schema as campaign_schema;
pub(super) use creatives::schema as creative_schema;
pub(super) use forms::schema as form_schema;

const VERSION: u32 = 1;

/// The contract's bounds of a page.
const MAX_RECORDS: u32 = 1000;
const MAX_BYTES: u32 = 1 << 20;

/// No list that LinkedIn allows is longer (15,000 creatives an account), by far.
const MAX_OFFSET: usize = 1_000_000;

/// Tokens of LinkedIn's are short.
const MAX_TOKEN_LEN: usize = 2_000;

/// The text that the host keeps between two reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    v: u32,
    stream: String,
    /// Where the list goes on; None at its end, from where the next read starts anew.
    next: Option<Next>,
}

/// A place in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Next {
    /// LinkedIn's token of the page, where it pages by tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// How many elements lie before the page.
    offset: usize,
    /// How many elements of the page are delivered already.
    #[serde(default)]
    skip: usize,
    /// From which version of the next form on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

impl Next {
    fn onward(&self) -> Onward {
        match &self.token {
            Some(token) => Onward::Token(token.clone()),
            None if self.offset > 0 => Onward::Offset(self.offset),
            None => Onward::Beginning,
        }
    }
}

fn resume(cursor: Option<&str>, stream: Stream) -> Result<Next, Failure> {
    let Some(text) = cursor else { return Ok(Next::default()) };
    let cursor: Option<Cursor> = serde_json::from_str(text).ok();
    let sound = |next: &Next| {
        next.offset <= MAX_OFFSET && next.token.as_ref().is_none_or(|token| token.len() <= MAX_TOKEN_LEN)
    };
    match cursor {
        Some(Cursor { v: VERSION, stream: of, next }) if of == stream.name() => match next {
            Some(next) if !sound(&next) => Err(unreadable()),
            next => Ok(next.unwrap_or_default()),
        },
        _ => Err(unreadable()),
    }
}

fn unreadable() -> Failure {
    Failure::Invalid {
        detail: Detail::new(
            "the cursor was not written by this version of the connector for this stream: start this partition over \
             without a cursor, which reads the stream again and writes nothing twice",
        ),
        path: String::new(),
    }
}

/// One page in the making.
struct Draft {
    stream: Stream,
    records: String,
    count: usize,
    max_records: usize,
    max_bytes: usize,
    warnings: Vec<String>,
    /// Names of campaign groups by URN.
    group_names: BTreeMap<String, String>,
}

impl Draft {
    fn new(stream: Stream, request: &ReadRequest<'_>, warnings: Vec<String>) -> Self {
        Self {
            stream,
            records: String::new(),
            count: 0,
            max_records: request.max_records.clamp(1, MAX_RECORDS) as usize,
            max_bytes: request.max_bytes.clamp(1, MAX_BYTES) as usize,
            warnings,
            group_names: BTreeMap::new(),
        }
    }

    /// Appends a record, if it fits.
    fn push<D: Serialize>(&mut self, key: Text<'_>, time: Option<u64>, data: &D) -> Result<bool, Failure> {
        let stream = self.stream.name().into();
        let envelope = Envelope { key, op: Op::Upsert, stream, time, data: Some(data), skip: None };
        let line = serde_json::to_string(&envelope).map_err(|_| broken())?;
        if line.len() >= self.max_bytes {
            return Err(Failure::Fatal(Detail::new(format!(
                "one record of `{}` takes {} bytes, more than the {} bytes of a whole page: raise the page's limit",
                self.stream.name(),
                line.len() + 1,
                self.max_bytes
            ))));
        }
        if self.count >= self.max_records || self.records.len() + line.len() >= self.max_bytes {
            return Ok(false);
        }
        self.records.push_str(&line);
        self.records.push('\n');
        self.count += 1;
        Ok(true)
    }

    fn finish(self, next: Option<Next>) -> Result<Page, Failure> {
        let more = next.is_some();
        let cursor = Cursor { v: VERSION, stream: self.stream.name().to_owned(), next };
        let cursor = serde_json::to_string(&cursor).map_err(|_| broken())?;
        let facts = (!self.warnings.is_empty()).then(|| json!({ "warnings": self.warnings }).to_string());
        Ok(Page { records: self.records, cursor, more, facts })
    }
}

fn broken() -> Failure {
    Failure::Fatal(Detail::new("a record cannot be written as json"))
}

/// One page of a list, its elements as LinkedIn sent them.
#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    elements: Vec<&'a RawValue>,
    paging: Option<super::listing::Paging>,
    metadata: Option<super::listing::Metadata>,
}

impl List<'_> {
    /// Where the list goes on after the page at `at`.
    fn after(&self, at: &Next) -> Option<Next> {
        let len = self.elements.len();
        // With tokens this only counts, and a page without elements counts too, so that even those come to an end.
        let offset = at.offset + len.max(1);
        if offset > MAX_OFFSET {
            return None;
        }
        let token = self.metadata.as_ref().map(|metadata| metadata.next_page_token.clone());
        match (token, &self.paging) {
            (Some(Some(token)), _) if !token.is_empty() && at.token.as_ref() != Some(&token) => {
                (token.len() <= MAX_TOKEN_LEN).then(|| Next { token: Some(token), offset, ..Next::default() })
            }
            (Some(_), _) | (None, None) => None,
            (None, Some(paging)) if len == 0 || paging.total == offset => None,
            (None, Some(_)) => Some(Next { offset, ..Next::default() }),
        }
    }
}

/// An element as a record.
trait Entry<'a>: Deserialize<'a> {
    /// URN of the campaign group whose name it needs.
    fn group(&self) -> Option<&str> {
        None
    }

    /// Appends its record, if that fits.
    fn put(&self, draft: &mut Draft) -> Result<bool, Failure>;
}

/// Names the entry for each lifetime.
trait Shape<'a> {
    type Entry: Entry<'a>;
}

impl<C: Capabilities> Source<C> {
    /// Reads one page of a stream other than lead responses.
    ///
    /// # Errors
    ///
    /// LinkedIn's refusals, and [`Failure::Invalid`] for a cursor or a selection that cannot be understood.
    pub(super) async fn read_snapshot(
        &self,
        stream: Stream,
        request: ReadRequest<'_>,
    ) -> Result<Page, Failure> {
        let selection = Selection::parse(request.selection)?.among(&self.config.forms);
        if selection.since_ms.is_some() || selection.until_ms.is_some() {
            let message = format!(
                "`{}` is read as a whole each time and has no time range: run it without `since` and `until`",
                stream.name()
            );
            return Err(Failure::Invalid { detail: Detail::new(message), path: String::new() });
        }
        let next = resume(request.cursor, stream)?;
        let draft = Draft::new(stream, &request, self.version_notes(self.capabilities.now_ms()));
        let owner = match stream {
            Stream::AdAccounts if request.partition == "all" => {
                let ask = |at: &Onward| super::query::account_list(&self.config, at);
                return self.read_list::<accounts::Accounts>(&Subject::Accounts, ask, draft, next).await;
            }
            Stream::AdAccounts => return Err(no_partition()),
            _ => owner(request.partition).ok_or_else(no_partition)?,
        };
        if !selection.covers_owner(&owner) {
            return draft.finish(None);
        }
        match (stream, &owner) {
            (Stream::LeadForms, owner) => self.read_forms(owner, &selection, draft, next).await,
            (Stream::Campaigns, Owner::Account(account)) => {
                let ask = |at: &Onward| super::query::campaigns(&self.config, account, at);
                let subject = Subject::Campaigns(account.clone());
                self.read_list::<campaigns::Campaigns>(&subject, ask, draft, next).await
            }
            (Stream::Creatives, Owner::Account(account)) => {
                let ask = |at: &Onward| super::query::creatives(&self.config, account, at);
                let subject = Subject::Creatives(account.clone());
                self.read_list::<creatives::Creatives>(&subject, ask, draft, next).await
            }
            _ => Err(no_partition()),
        }
    }

    /// One page of a list that is handed on element by element.
    async fn read_list<E>(
        &self,
        subject: &Subject,
        ask: impl Fn(&Onward) -> Request,
        mut draft: Draft,
        next: Next,
    ) -> Result<Page, Failure>
    where
        for<'a> E: Shape<'a>,
    {
        let sent = self.send(ask(&next.onward())).await;
        let response = sent.map_err(|error| Failure::from_http(&error, Some(errors::CREDENTIAL)))?;
        if next.token.is_some() && matches!(response.status, 400 | 404) {
            draft.warnings.push(
                "linkedin no longer takes the place in its list where reading stopped: the next run begins anew".to_owned(),
            );
            return draft.finish(None);
        }
        let response = self.success(subject, response)?;
        let list: List<'_> = serde_json::from_slice(&response.body)
            .map_err(|error| errors::undecodable(subject, &response, &error))?;
        if let Subject::Campaigns(account) = subject {
            let group = |raw: &&RawValue| {
                let entry: <E as Shape<'_>>::Entry = serde_json::from_str(raw.get()).ok()?;
                entry.group().map(str::to_owned)
            };
            let groups = list.elements.iter().skip(next.skip).filter_map(group).collect();
            draft.group_names = self.group_names(account, groups).await;
            draft.warnings.extend(self.names.take_refusal(&Owner::Account(account.clone())));
        }
        let mut strange = 0;
        for (index, raw) in list.elements.iter().enumerate().skip(next.skip) {
            match serde_json::from_str::<<E as Shape<'_>>::Entry>(raw.get()) {
                Ok(entry) if !entry.put(&mut draft)? => {
                    return draft.finish(Some(Next { skip: index, ..next }));
                }
                Ok(_) => {}
                Err(_) => strange += 1,
            }
        }
        self.tell_strange(strange, &mut draft);
        draft.finish(list.after(&next))
    }

    fn tell_strange(&self, strange: usize, draft: &mut Draft) {
        if strange == 0 {
            return;
        }
        let name = draft.stream.name();
        draft.warnings.push(format!(
            "{strange} elements of `{name}` do not have the documented shape and were passed over"
        ));
        self.capabilities.log(
            Level::Warn,
            "some elements of a listing do not have the documented shape",
            &format!("{{\"stream\":\"{name}\",\"strange\":{strange}}}"),
        );
    }
}

/// The owner of a partition's id.
fn owner(partition: &str) -> Option<Owner> {
    let (kind, number) = partition.split_once(':').filter(|(_, number)| is_number(number))?;
    match kind {
        "account" => Some(Owner::Account(number.to_owned())),
        "organization" => Some(Owner::Organization(number.to_owned())),
        _ => None,
    }
}

fn no_partition() -> Failure {
    Failure::Fatal(Detail::new(
        "the stream has no such partition: an id is `all` for ad accounts, otherwise account:<number> or \
         organization:<number>, as `partitions` lists them",
    ))
}

/// `created` and `lastModified` in epoch milliseconds: plain numbers, or objects with a `time`.
fn moment(raw: Option<&RawValue>) -> Option<u64> {
    #[derive(Deserialize)]
    struct Stamp {
        time: super::wire::Number,
    }
    let text = raw?.get();
    let plain = serde_json::from_str::<super::wire::Number>(text).ok();
    plain.or_else(|| Some(serde_json::from_str::<Stamp>(text).ok()?.time)).map(|number| number.0)
}

/// `changeAuditStamps`: when something was made and last changed, in epoch milliseconds.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Stamps<'a> {
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    #[serde(borrow)]
    last_modified: Option<&'a RawValue>,
}

impl<'a> Stamps<'a> {
    fn of(raw: Option<&'a RawValue>) -> (Option<u64>, Option<u64>) {
        let stamps: Stamps<'a> = raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        (moment(stamps.created), moment(stamps.last_modified))
    }
}
