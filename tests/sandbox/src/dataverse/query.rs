//! Collections and single rows: `$select`, `$filter`, `$orderby`, `$top`, `$count`, paging.
//!
//! See <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/overview>.

use std::cmp::Ordering;
use std::fmt::Write;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Tree;

use super::error::{ApiError, Outcome};
use super::filter;
use super::guid;
use super::predicate::{self, Predicate};
use super::resource;
use super::schema::{Choice, Kind, Table};
use super::view::{Reader, Value, View, push_text};

/// Rows of one page, and the greatest count that is reported.
pub(crate) const PAGE_ROWS: usize = 5000;
/// Greatest number of query options.
const MAX_OPTIONS: usize = 100;

/// The query options of one address, decoded.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) pairs: Vec<(String, String)>,
}

impl Options {
    /// Splits and decodes; a system option may occur once.
    pub(crate) fn parse(raw: &str) -> Outcome<Self> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in raw.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let pair = (resource::decode_query(name)?, resource::decode_query(value)?);
            if pairs.len() == MAX_OPTIONS {
                return Err(ApiError::syntax("The address has too many query options."));
            }
            if pair.0.starts_with('$') && pairs.iter().any(|(known, _)| *known == pair.0) {
                let text =
                    format!("Query option '{}' was specified more than once, but it must be unique.", pair.0);
                return Err(ApiError::syntax(text));
            }
            pairs.push(pair);
        }
        Ok(Self { pairs })
    }

    /// The value of one option.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Refuses system options that are not in the list; what the sandbox leaves out is said so.
    pub(crate) fn allow(&self, allowed: &[&str]) -> Outcome<()> {
        for (name, _) in self.pairs.iter().filter(|(name, _)| name.starts_with('$')) {
            if allowed.contains(&name.as_str()) {
                continue;
            }
            return Err(match name.as_str() {
                "$skip" => ApiError::syntax("Skip Clause is not supported in CRM"),
                "$expand" | "$apply" | "$deltatoken" | "$search" | "$compute" => ApiError::left_out(name),
                _ => ApiError::syntax(format!("The query parameter {name} is not supported")),
            });
        }
        match self.pairs.iter().find(|(name, _)| matches!(name.as_str(), "fetchXml" | "sql" | "savedQuery")) {
            Some((name, _)) => Err(ApiError::left_out(name)),
            None => Ok(()),
        }
    }

    /// The columns of `$select`, in its order; `None` when all are wanted.
    pub(crate) fn select(&self, table: &Table, now_ms: u64) -> Outcome<Option<Vec<u16>>> {
        let Some(text) = self.get("$select") else { return Ok(None) };
        let mut columns = Vec::new();
        for name in text.split(',') {
            let (number, _) = predicate::visible(table, name.trim(), now_ms)?;
            if !columns.contains(&number) {
                columns.push(number);
            }
        }
        Ok(Some(columns))
    }
}

/// Which annotations the caller asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Annotations {
    pub(crate) formatted: bool,
    pub(crate) lookups: bool,
    pub(crate) totals: bool,
    pub(crate) errors: bool,
}

impl Annotations {
    pub(crate) fn any(self) -> bool {
        self != Self::default()
    }
}

/// A query on one table.
pub(crate) struct Query<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) table: &'a Table,
    pub(crate) options: &'a Options,
    /// Absolute address of the service root, with the trailing slash left out.
    pub(crate) base: &'a str,
    /// Path below the root as sent, for `@odata.nextLink`.
    pub(crate) path: &'a str,
    /// Options as sent.
    pub(crate) raw_options: &'a str,
    /// `odata.maxpagesize`.
    pub(crate) page_rows: Option<usize>,
    pub(crate) annotations: Annotations,
    /// Epoch milliseconds.
    pub(crate) now_ms: u64,
    /// Only these rows, for a collection reached through a relationship.
    pub(crate) within: Option<&'a [u128]>,
}

/// One key of an order; texts are folded.
#[derive(Clone, Debug, PartialEq)]
enum SortKey {
    Null,
    Number(f64),
    Text(String),
}

struct Order {
    columns: Vec<(u16, bool)>,
}

impl Query<'_> {
    /// The page as JSON.
    pub(crate) fn page(&self) -> Outcome<String> {
        self.options.allow(&["$select", "$filter", "$orderby", "$top", "$count", "$skiptoken"])?;
        let select = self.options.select(self.table, self.now_ms)?;
        let predicate = self.predicate()?;
        let order = self.order()?;
        let top = self.top()?;
        let token = self.options.get("$skiptoken").map(read_token).transpose()?;
        let limit = self.page_rows.unwrap_or(PAGE_ROWS).min(PAGE_ROWS);
        // `$top` is ignored when a page size is asked for.
        let rows = top.filter(|_| self.page_rows.is_none()).map_or(limit, |top| top.min(limit));
        let count = self.options.get("$count") == Some("true");
        let (ids, more) = self.rows(predicate.as_ref(), &order, token.as_ref(), rows)?;
        let total = if count { Some(self.count(predicate.as_ref())) } else { None };
        let mut out = String::with_capacity(256 + ids.len() * 128);
        self.open(&mut out, select.as_deref(), total);
        for (at, id) in ids.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            self.row(&mut out, *id, select.as_deref(), None);
        }
        out.push(']');
        if more
            && !(top.is_some() && self.page_rows.is_none())
            && let Some(last) = ids.last()
        {
            let number = token.as_ref().map_or(1, |token| token.page) + 1;
            let link = self.next_link(&order, *last, number);
            out.push_str(",\"@odata.nextLink\":");
            push_text(&mut out, &link);
        }
        out.push('}');
        Ok(out)
    }

    fn open(&self, out: &mut String, select: Option<&[u16]>, total: Option<usize>) {
        out.push_str("{\"@odata.context\":");
        push_text(out, &context(self.base, self.table, select, ""));
        if let Some(total) = total {
            _ = write!(out, ",\"@odata.count\":{}", total.min(PAGE_ROWS));
        }
        if self.annotations.totals {
            let shown = total.map_or(-1, |total| total.min(PAGE_ROWS) as i64);
            let exceeded = total.is_some_and(|total| total > PAGE_ROWS);
            _ = write!(out, ",\"@Microsoft.Dynamics.CRM.totalrecordcount\":{shown}");
            _ = write!(out, ",\"@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded\":{exceeded}");
        }
        out.push_str(",\"value\":[");
    }

    /// The number of rows that pass.
    pub(crate) fn total(&self) -> Outcome<usize> {
        self.options.allow(&["$filter"])?;
        Ok(self.count(self.predicate()?.as_ref()))
    }

    /// One row as JSON, with the context of a single row.
    pub(crate) fn single(&self, id: u128) -> Outcome<String> {
        self.options.allow(&["$select"])?;
        let select = self.options.select(self.table, self.now_ms)?;
        let mut out = String::with_capacity(512);
        let context = context(self.base, self.table, select.as_deref(), "/$entity");
        self.row(&mut out, id, select.as_deref(), Some(&context));
        Ok(out)
    }

    fn predicate(&self) -> Outcome<Option<Predicate>> {
        let Some(text) = self.options.get("$filter") else { return Ok(None) };
        let expression = filter::parse(text, &self.options.pairs)?;
        predicate::resolve(expression, self.reader.schema, self.table, self.now_ms).map(Some)
    }

    fn order(&self) -> Outcome<Order> {
        let mut columns = Vec::new();
        let text = self.options.get("$orderby").unwrap_or_default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, direction) = part.split_once(' ').unwrap_or((part, "asc"));
            let descending = match direction.trim() {
                "asc" => false,
                "desc" => true,
                _ => {
                    return Err(ApiError::syntax(format!(
                        "Syntax error in the $orderby expression '{part}'."
                    )));
                }
            };
            columns.push((predicate::visible(self.table, name, self.now_ms)?.0, descending));
        }
        Ok(Order { columns })
    }

    fn top(&self) -> Outcome<Option<usize>> {
        let Some(text) = self.options.get("$top") else { return Ok(None) };
        let number = text.parse().ok().filter(|number| *number > 0);
        let refused = || ApiError::syntax(format!("Invalid value '{text}' for $top query option found."));
        number.map(Some).ok_or_else(refused)
    }

    /// The rows that can pass at all, in order of the primary key.
    fn candidates(&self, predicate: Option<&Predicate>) -> std::sync::Arc<Vec<u128>> {
        let Some(rows) = self.reader.store.rows(self.table.number) else { return Default::default() };
        let named = match self.within {
            Some(ids) => Some(ids.to_vec()),
            None => predicate.and_then(|predicate| predicate.candidates(self.table, rows)),
        };
        match named {
            Some(mut ids) => {
                ids.sort_unstable();
                ids.dedup();
                std::sync::Arc::new(ids)
            }
            None => rows.sorted(),
        }
    }

    fn passes(&self, predicate: Option<&Predicate>, id: u128) -> Option<View<'_>> {
        let view = self.reader.view(self.table.number, id)?;
        predicate.is_none_or(|predicate| predicate.holds(self.reader, &view)).then_some(view)
    }

    fn count(&self, predicate: Option<&Predicate>) -> usize {
        let ids = self.candidates(predicate);
        if predicate.is_none() && self.within.is_none() {
            return ids.len();
        }
        ids.iter().filter(|id| self.passes(predicate, **id).is_some()).count()
    }

    /// The page's primary keys, and whether rows are left.
    fn rows(
        &self,
        predicate: Option<&Predicate>,
        order: &Order,
        token: Option<&Token>,
        limit: usize,
    ) -> Outcome<(Vec<u128>, bool)> {
        let ids = self.candidates(predicate);
        if order.columns.is_empty() {
            let start = token.map_or(0, |token| ids.partition_point(|id| *id <= token.id));
            let rest = ids.get(start..).unwrap_or_default().iter().copied();
            let mut found: Vec<u128> =
                rest.filter(|id| self.passes(predicate, *id).is_some()).take(limit + 1).collect();
            let more = found.len() > limit;
            found.truncate(limit);
            return Ok((found, more));
        }
        let mut found: Vec<(Vec<SortKey>, u128)> = Vec::new();
        for id in ids.iter() {
            let Some(view) = self.passes(predicate, *id) else { continue };
            let entry = (order.keys(&view), *id);
            let after =
                token.is_none_or(|token| order.compare(&entry, &(token.keys.clone(), token.id)).is_gt());
            if after {
                found.push(entry);
            }
        }
        found.sort_by(|left, right| order.compare(left, right));
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found.into_iter().map(|(_, id)| id).collect(), more))
    }

    fn row(&self, out: &mut String, id: u128, select: Option<&[u16]>, context: Option<&str>) {
        let Some(view) = self.reader.view(self.table.number, id) else { return out.push_str("{}") };
        out.push('{');
        if let Some(context) = context {
            out.push_str("\"@odata.context\":");
            push_text(out, context);
            out.push(',');
        }
        out.push_str("\"@odata.etag\":");
        push_text(out, &view.etag());
        let primary = self.table.by_logical(&self.table.primary_id);
        match select {
            Some(columns) => {
                columns.iter().for_each(|column| self.column(out, &view, *column));
                // The service always adds the primary key.
                if let Some(number) = primary.filter(|number| !columns.contains(number)) {
                    self.column(out, &view, number);
                }
            }
            None => {
                for number in (0_u16..).take(self.table.columns.len()) {
                    self.column(out, &view, number);
                }
            }
        }
        out.push('}');
    }

    fn column(&self, out: &mut String, view: &View<'_>, number: u16) {
        let Some(column) = self.table.column(number).filter(|column| column.visible_ms <= self.now_ms) else {
            return;
        };
        out.push_str(",\"");
        out.push_str(&column.property);
        out.push_str("\":");
        view.push_json(out, number);
        if !(self.annotations.formatted || self.annotations.lookups) {
            return;
        }
        let value = view.value(number);
        let annotate = |out: &mut String, annotation: &str, text: &str| {
            _ = write!(out, ",\"{}@{annotation}\":", column.property);
            push_text(out, text);
        };
        match (&column.kind, &value) {
            (Kind::Lookup { targets, .. }, Value::Guid(id, Some(table))) => {
                let Some(table) = self.reader.schema.table(*table) else { return };
                if self.annotations.lookups {
                    annotate(out, "Microsoft.Dynamics.CRM.lookuplogicalname", &table.logical);
                    let navigation = targets.iter().find(|target| target.table == table.logical);
                    let navigation = navigation.map_or("", |target| target.navigation.as_str());
                    annotate(out, "Microsoft.Dynamics.CRM.associatednavigationproperty", navigation);
                }
                let name = self.reader.view(table.number, *id).zip(table.by_logical(&table.primary_name));
                if let Some(Value::Text(name)) = name.map(|(view, number)| view.value(number)) {
                    annotate(out, "OData.Community.Display.V1.FormattedValue", &name);
                }
            }
            (Kind::Boolean { .. }, Value::Bool(flag)) => {
                annotate(out, "OData.Community.Display.V1.FormattedValue", if *flag { "Yes" } else { "No" });
            }
            (kind, Value::Int(whole)) => {
                if let Some(label) = label(kind, *whole) {
                    annotate(out, "OData.Community.Display.V1.FormattedValue", label);
                }
            }
            _ => {}
        }
    }

    fn next_link(&self, order: &Order, last: u128, page: u64) -> String {
        let keys = match self.reader.view(self.table.number, last) {
            Some(view) => order.keys(&view),
            None => Vec::new(),
        };
        let kept: Vec<&str> = self
            .raw_options
            .split('&')
            .filter(|part| {
                !(part.is_empty() || part.starts_with("$skiptoken=") || part.starts_with("%24skiptoken="))
            })
            .collect();
        let token = write_token(&keys, last, page);
        let mut link = format!("{}/{}?{}", self.base, self.path, kept.join("&"));
        if !kept.is_empty() {
            link.push('&');
        }
        _ = write!(link, "$skiptoken={}", utf8_percent_encode(&token, NON_ALPHANUMERIC));
        link
    }
}

fn label(kind: &Kind, value: i64) -> Option<&str> {
    let options: &[Choice] = match kind {
        Kind::Choice { options, .. } | Kind::State { options } | Kind::Status { options } => options,
        _ => return None,
    };
    options.iter().find(|option| option.value == value).map(|option| option.label.as_str())
}

/// `@odata.context` of rows.
pub(crate) fn context(base: &str, table: &Table, select: Option<&[u16]>, suffix: &str) -> String {
    let mut text = format!("{base}/$metadata#{}", table.set);
    if let Some(columns) = select {
        let names: Vec<&str> =
            columns.iter().filter_map(|number| Some(table.column(*number)?.property.as_str())).collect();
        _ = write!(text, "({})", names.join(","));
    }
    text.push_str(suffix);
    text
}

impl Order {
    fn keys(&self, view: &View<'_>) -> Vec<SortKey> {
        self.columns.iter().map(|(column, _)| sort_key(&view.value(*column))).collect()
    }

    fn compare(&self, left: &(Vec<SortKey>, u128), right: &(Vec<SortKey>, u128)) -> Ordering {
        for ((_, descending), (one, two)) in self.columns.iter().zip(left.0.iter().zip(&right.0)) {
            let order = one.order(two);
            let order = if *descending { order.reverse() } else { order };
            if order.is_ne() {
                return order;
            }
        }
        left.1.cmp(&right.1)
    }
}

impl SortKey {
    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(two)) => one.total_cmp(two),
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            // One column never mixes numbers and texts.
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

fn sort_key(value: &Value<'_>) -> SortKey {
    match value {
        Value::Null => SortKey::Null,
        Value::Text(text) => SortKey::Text(text.to_lowercase()),
        Value::Int(whole) => SortKey::Number(*whole as f64),
        Value::Number(number) => SortKey::Number(*number),
        Value::Bool(flag) => SortKey::Number(f64::from(u8::from(*flag))),
        Value::Guid(id, _) => SortKey::Text(guid::text(*id)),
        Value::Instant(ms) => SortKey::Number((*ms / 1000) as f64),
        Value::Date(days) => SortKey::Number(*days as f64),
    }
}

/// Where a page ended.
struct Token {
    page: u64,
    id: u128,
    keys: Vec<SortKey>,
}

fn write_token(keys: &[SortKey], id: u128, page: u64) -> String {
    let keys: Vec<Tree> = keys
        .iter()
        .map(|key| match key {
            SortKey::Null => Tree::Null,
            SortKey::Number(number) => Tree::from(*number),
            SortKey::Text(text) => Tree::from(text.as_str()),
        })
        .collect();
    let plain = serde_json::json!({ "id": guid::text(id), "keys": keys }).to_string();
    let mut cookie = String::with_capacity(plain.len() * 2);
    plain.bytes().for_each(|byte| _ = write!(cookie, "{byte:02x}"));
    format!("<cookie pagenumber=\"{page}\" pagingcookie=\"{cookie}\" istracking=\"False\" />")
}

fn read_token(text: &str) -> Outcome<Token> {
    let refused = || ApiError::syntax("Malformed XML in $skiptoken.");
    let attribute = |name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    };
    let hex = attribute("pagingcookie").ok_or_else(refused)?;
    let bytes: Option<Vec<u8>> = (0..hex.len() / 2)
        .map(|at| hex.get(at * 2..at * 2 + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    let plain: Tree = serde_json::from_slice(&bytes.ok_or_else(refused)?).map_err(|_| refused())?;
    let keys = plain.get("keys").and_then(Tree::as_array).ok_or_else(refused)?;
    let key = |value: &Tree| match value {
        Tree::Number(number) => SortKey::Number(number.as_f64().unwrap_or_default()),
        Tree::String(text) => SortKey::Text(text.clone()),
        _ => SortKey::Null,
    };
    Ok(Token {
        page: attribute("pagenumber").and_then(|number| number.parse().ok()).ok_or_else(refused)?,
        id: plain.get("id").and_then(Tree::as_str).and_then(guid::parse).ok_or_else(refused)?,
        keys: keys.iter().map(key).collect(),
    })
}
