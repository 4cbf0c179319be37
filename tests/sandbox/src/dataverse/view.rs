//! Reading a row: typed values for filters, JSON for answers. Nothing here changes a row.

use std::borrow::Cow;
use std::fmt::Write;

use super::cells;
use super::guid;
use super::schema::{Column, Kind, Origin, Schema, Table};
use super::store::{Row, Store};
use super::time;

/// Identifiers that every row may refer to.
#[derive(Clone, Debug)]
pub(crate) struct Anchors {
    /// Primary keys of the users, by their numbers.
    pub(crate) users: Vec<u128>,
    pub(crate) business_unit: u128,
    pub(crate) organization: u128,
    pub(crate) currency: u128,
}

/// Everything that rows are read with.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) store: &'a Store,
    pub(crate) anchors: &'a Anchors,
}

/// One row under its table's definition.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) table: &'a Table,
    pub(crate) anchors: &'a Anchors,
    pub(crate) id: u128,
    pub(crate) row: &'a Row,
}

/// A column's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Int(i64),
    Number(f64),
    Bool(bool),
    /// A GUID, and for a lookup the number of the table it points at.
    Guid(u128, Option<u16>),
    /// Milliseconds since 1970.
    Instant(i64),
    /// Days since 1970.
    Date(i64),
}

impl<'a> View<'a> {
    /// The value of one column.
    pub(crate) fn value(&self, number: u16) -> Value<'a> {
        let Some(column) = self.table.column(number) else { return Value::Null };
        match column.origin {
            Origin::Stored => self.stored(number, column),
            Origin::PrimaryId => Value::Guid(self.id, None),
            Origin::CreatedOn => Value::Instant(self.created_ms()),
            Origin::ModifiedOn => Value::Instant(signed(self.row.modified_ms)),
            Origin::CreatedBy => self.user(self.row.creator),
            Origin::ModifiedBy => self.user(self.row.modifier),
            Origin::Version => Value::Int(signed(self.row.version)),
            Origin::Owner => self.owner(),
            Origin::OwningUser => self.owner_in("systemuser"),
            Origin::OwningTeam => self.owner_in("team"),
            Origin::BusinessUnit => self.anchor("businessunit", self.anchors.business_unit),
            Origin::FullName => self.joined(&["firstname", "middlename", "lastname"], " "),
            Origin::Composite => self.composite(column),
            Origin::Currency => self.currency(number, column),
            Origin::ExchangeRate => match self.has_money() {
                true => Value::Number(1.0),
                false => Value::Null,
            },
            Origin::Base(source) => self.value(source),
            Origin::Empty => Value::Null,
        }
    }

    fn stored(&self, number: u16, column: &Column) -> Value<'a> {
        match cells::find(&self.row.cells, number) {
            None => default(column),
            Some(b"null") => Value::Null,
            Some(bytes) => decode(&column.kind, bytes),
        }
    }

    fn created_ms(&self) -> i64 {
        let overridden = self.table.by_logical("overriddencreatedon").map(|number| {
            match cells::find(&self.row.cells, number).and_then(|bytes| std::str::from_utf8(bytes).ok()) {
                Some(text) => time::parse_instant(text.trim_matches('"')),
                None => None,
            }
        });
        overridden.flatten().unwrap_or_else(|| signed(self.row.created_ms))
    }

    fn anchor(&self, table: &str, id: u128) -> Value<'a> {
        Value::Guid(id, self.schema.by_logical(table).map(|table| table.number))
    }

    fn user(&self, number: u16) -> Value<'a> {
        match self.anchors.users.get(usize::from(number)) {
            Some(id) => self.anchor("systemuser", *id),
            None => Value::Null,
        }
    }

    fn owner(&self) -> Value<'a> {
        let bytes = self.table.owner.and_then(|number| cells::find(&self.row.cells, number));
        match bytes.and_then(cells::referenced) {
            Some((table, id)) => Value::Guid(id, Some(table)),
            None => self.user(self.row.creator),
        }
    }

    fn owner_in(&self, table: &str) -> Value<'a> {
        let number = self.schema.by_logical(table).map(|table| table.number);
        match self.owner() {
            Value::Guid(id, owner) if owner == number => Value::Guid(id, owner),
            _ => Value::Null,
        }
    }

    fn joined(&self, names: &[&str], separator: &str) -> Value<'a> {
        let mut out = String::new();
        for name in names {
            let value = self.table.by_logical(name).map(|number| self.value(number));
            if let Some(Value::Text(part)) = value.filter(|value| *value != Value::Text("".into())) {
                if !out.is_empty() {
                    out.push_str(separator);
                }
                out.push_str(&part);
            }
        }
        if out.is_empty() { Value::Null } else { Value::Text(Cow::Owned(out)) }
    }

    fn composite(&self, column: &Column) -> Value<'a> {
        let prefix = column.logical.trim_end_matches("composite");
        let parts = ["line1", "line2", "line3", "city", "stateorprovince", "postalcode", "country"];
        let names = parts.map(|part| format!("{prefix}{part}"));
        self.joined(&names.each_ref().map(String::as_str), "\r\n")
    }

    fn has_money(&self) -> bool {
        let is_money = |number| {
            let column = self.table.column(number);
            column.is_some_and(|column| {
                matches!(column.kind, Kind::Money { .. }) && column.origin == Origin::Stored
            })
        };
        cells::Cells(&self.row.cells).any(|(number, bytes)| bytes != b"null" && is_money(number))
    }

    fn currency(&self, number: u16, column: &Column) -> Value<'a> {
        match self.stored(number, column) {
            Value::Null if self.has_money() => self.anchor("transactioncurrency", self.anchors.currency),
            value => value,
        }
    }

    /// Appends one column's value as JSON.
    pub(crate) fn push_json(&self, out: &mut String, number: u16) {
        let Some(column) = self.table.column(number) else { return out.push_str("null") };
        if column.origin == Origin::Stored && !matches!(column.kind, Kind::Lookup { .. }) {
            let stored =
                cells::find(&self.row.cells, number).and_then(|bytes| std::str::from_utf8(bytes).ok());
            if let Some(text) = stored {
                return out.push_str(text);
            }
        }
        push_value(out, &self.value(number));
    }

    /// The row's ETag.
    pub(crate) fn etag(&self) -> String {
        format!("W/\"{}\"", self.row.version)
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The value of a column that the client never wrote.
pub(crate) fn default<'a>(column: &Column) -> Value<'a> {
    match &column.kind {
        Kind::Boolean { default: Some(value) } => Value::Bool(*value),
        Kind::Choice { default: Some(value), .. } => Value::Int(*value),
        Kind::State { options } | Kind::Status { options } => {
            options.first().map_or(Value::Null, |option| Value::Int(option.value))
        }
        _ => Value::Null,
    }
}

/// Reads stored bytes; they were checked when they were written.
fn decode<'a>(kind: &Kind, bytes: &'a [u8]) -> Value<'a> {
    if let Kind::Lookup { .. } = kind {
        return cells::referenced(bytes).map_or(Value::Null, |(table, id)| Value::Guid(id, Some(table)));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Value::Null };
    let bare = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    let found = match kind {
        Kind::Text { .. } | Kind::Memo { .. } if bare.contains('\\') => {
            serde_json::from_str::<String>(text).ok().map(|text| Value::Text(Cow::Owned(text)))
        }
        Kind::Text { .. } | Kind::Memo { .. } => Some(Value::Text(Cow::Borrowed(bare))),
        Kind::Integer { .. }
        | Kind::BigInt
        | Kind::Choice { .. }
        | Kind::State { .. }
        | Kind::Status { .. } => text.parse().ok().map(Value::Int),
        Kind::Double { .. } | Kind::Decimal { .. } | Kind::Money { .. } => {
            text.parse().ok().map(Value::Number)
        }
        Kind::Boolean { .. } => Some(Value::Bool(text == "true")),
        Kind::DateTime | Kind::DateOrTime => time::parse_instant(bare).map(Value::Instant),
        Kind::Date => time::parse_date(bare).map(Value::Date),
        Kind::Guid => guid::parse(bare).map(|id| Value::Guid(id, None)),
        Kind::Lookup { .. } => None,
    };
    found.unwrap_or(Value::Null)
}

fn push_value(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Text(text) => push_text(out, text),
        Value::Int(number) => _ = write!(out, "{number}"),
        Value::Number(number) => out.push_str(&number_text(*number)),
        Value::Bool(flag) => _ = write!(out, "{flag}"),
        Value::Guid(id, _) => {
            out.push('"');
            guid::push(out, *id);
            out.push('"');
        }
        Value::Instant(ms) => _ = write!(out, "\"{}\"", time::instant(*ms)),
        Value::Date(days) => _ = write!(out, "\"{}\"", time::date(*days)),
    }
}

/// Appends a text as JSON.
pub(crate) fn push_text(out: &mut String, text: &str) {
    // Writing a text as JSON cannot fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// A number as JSON, without a fraction when it has none.
pub(crate) fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        format!("{}", number as i64)
    } else {
        number.to_string()
    }
}
