//! A filter resolved against a table: type checks, evaluation on compact rows, and which rows an index can name.
//!
//! Texts compare without regard to case. `ne` holds for null, as the service's SQL does it; `gt`, `lt` and the text
//! functions never hold for null, and `not` turns the result round.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::error::{ApiError, Outcome};
use super::filter::{Expression, Literal, Operator, TextTest};
use super::guid::{self, FastSet};
use super::schema::{Column, Kind, Schema, Table};
use super::store::Rows;
use super::time;
use super::view::{Reader, Value, View};

/// A column of the row, or of the row that a lookup points at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    via: Option<u16>,
    column: u16,
}

/// The values of an `In`.
#[derive(Debug)]
pub(crate) enum Members {
    /// Folded to lower case.
    Texts(HashSet<String>),
    Ids(FastSet<u128>),
    Others(Vec<Value<'static>>),
}

/// A resolved filter.
#[derive(Debug)]
pub(crate) enum Predicate {
    And(Box<Predicate>, Box<Predicate>),
    Or(Box<Predicate>, Box<Predicate>),
    Not(Box<Predicate>),
    Compare(Path, Operator, Value<'static>),
    Text(Path, TextTest, String),
    In(Path, Members),
}

/// Resolves names and checks types.
pub(crate) fn resolve(
    expression: Expression,
    schema: &Schema,
    table: &Table,
    now_ms: u64,
) -> Outcome<Predicate> {
    let again = |inner: Box<Expression>| resolve(*inner, schema, table, now_ms).map(Box::new);
    Ok(match expression {
        Expression::And(left, right) => Predicate::And(again(left)?, again(right)?),
        Expression::Or(left, right) => Predicate::Or(again(left)?, again(right)?),
        Expression::Not(inner) => Predicate::Not(again(inner)?),
        Expression::Compare(name, operator, literal) => {
            let (path, column) = find(&name, schema, table, now_ms)?;
            Predicate::Compare(path, operator, constant(column, operator, literal)?)
        }
        Expression::Text(test, name, text) => {
            let (path, column) = find(&name, schema, table, now_ms)?;
            if column.edm() != "Edm.String" {
                let text =
                    format!("The function takes a text column, and '{name}' is of type '{}'.", column.edm());
                return Err(ApiError::syntax(text));
            }
            Predicate::Text(path, test, text.to_lowercase())
        }
        Expression::In(name, values, negated) => {
            let number = table.by_logical(&name).or_else(|| table.by_property(&name));
            let column = number.and_then(|number| Some((number, table.column(number)?)));
            let (number, column) = column.ok_or_else(|| unknown_attribute(table, &name))?;
            let inside = Predicate::In(Path { via: None, column: number }, members(column, values)?);
            if negated { Predicate::Not(Box::new(inside)) } else { inside }
        }
    })
}

fn unknown_attribute(table: &Table, name: &str) -> ApiError {
    let text = format!(
        "'{}' entity doesn't contain attribute with Name = '{name}' and NameMapping = 'Logical'.",
        table.schema_name
    );
    ApiError::new(400, "0x80041103", text)
}

fn find<'a>(name: &str, schema: &'a Schema, table: &'a Table, now_ms: u64) -> Outcome<(Path, &'a Column)> {
    let Some((navigation, rest)) = name.split_once('/') else {
        let (number, column) = visible(table, name, now_ms)?;
        return Ok((Path { via: None, column: number }, column));
    };
    let unknown = || ApiError::unknown_property(&table.logical, navigation);
    let lookup = table.by_navigation(navigation).ok_or_else(unknown)?;
    let Some(Kind::Lookup { targets, .. }) = table.column(lookup).map(|column| &column.kind) else {
        return Err(unknown());
    };
    let target = targets.iter().find(|target| target.navigation == navigation).ok_or_else(unknown)?;
    let target = schema.by_logical(&target.table).ok_or_else(unknown)?;
    let (number, column) = visible(target, rest, now_ms)?;
    Ok((Path { via: Some(lookup), column: number }, column))
}

/// The column that a query calls `name`.
pub(crate) fn visible<'a>(table: &'a Table, name: &str, now_ms: u64) -> Outcome<(u16, &'a Column)> {
    let found = table.by_property(name).and_then(|number| Some((number, table.column(number)?)));
    let unknown = || ApiError::unknown_property(&table.logical, name);
    found.filter(|(_, column)| column.visible_ms <= now_ms).ok_or_else(unknown)
}

fn constant(column: &Column, operator: Operator, literal: Literal) -> Outcome<Value<'static>> {
    let edm = literal.edm();
    let value = match (column.edm(), literal) {
        (_, Literal::Null) if matches!(operator, Operator::Equal | Operator::NotEqual) => Value::Null,
        ("Edm.String", Literal::Text(text)) => Value::Text(text.to_lowercase().into()),
        ("Edm.Int32" | "Edm.Int64" | "Edm.Decimal" | "Edm.Double", Literal::Int(whole)) => Value::Int(whole),
        ("Edm.Int32" | "Edm.Int64" | "Edm.Decimal" | "Edm.Double", Literal::Number(number)) => {
            Value::Number(number)
        }
        ("Edm.Boolean", Literal::Bool(flag)) => Value::Bool(flag),
        ("Edm.Guid", Literal::Guid(id)) => Value::Guid(id, None),
        ("Edm.DateTimeOffset", Literal::Instant(ms)) => Value::Instant(ms),
        ("Edm.Date", Literal::Date(days)) => Value::Date(days),
        (expected, _) => {
            let text = format!(
                "A binary operator with incompatible types was detected. Found operand types '{expected}' and \
                 '{edm}' for operator kind '{}'.",
                operator.kind()
            );
            return Err(ApiError::syntax(text));
        }
    };
    Ok(value)
}

fn members(column: &Column, values: Vec<String>) -> Outcome<Members> {
    let refused = |value: &str| ApiError::literal(&column.logical, value, column.edm());
    if column.edm() == "Edm.String" {
        return Ok(Members::Texts(values.into_iter().map(|value| value.to_lowercase()).collect()));
    }
    if column.edm() == "Edm.Guid" {
        let ids = values.iter().map(|value| guid::parse(value).ok_or_else(|| refused(value)));
        return Ok(Members::Ids(ids.collect::<Outcome<_>>()?));
    }
    let read = |value: &String| {
        let found = match column.edm() {
            "Edm.Boolean" => value.parse().ok().map(Value::Bool),
            "Edm.DateTimeOffset" => time::parse_instant(value).map(Value::Instant),
            "Edm.Date" => time::parse_date(value).map(Value::Date),
            "Edm.Int32" | "Edm.Int64" => value.parse().ok().map(Value::Int),
            _ => value.parse().ok().map(Value::Number),
        };
        found.ok_or_else(|| refused(value))
    };
    Ok(Members::Others(values.iter().map(read).collect::<Outcome<_>>()?))
}

impl Predicate {
    /// Whether the row passes.
    pub(crate) fn holds(&self, reader: Reader<'_>, view: &View<'_>) -> bool {
        match self {
            Self::And(left, right) => left.holds(reader, view) && right.holds(reader, view),
            Self::Or(left, right) => left.holds(reader, view) || right.holds(reader, view),
            Self::Not(inner) => !inner.holds(reader, view),
            Self::Compare(path, operator, wanted) => compare(&path.read(reader, view), *operator, wanted),
            Self::Text(path, test, wanted) => match path.read(reader, view) {
                Value::Text(text) => {
                    let text = text.to_lowercase();
                    match test {
                        TextTest::Contains => text.contains(wanted.as_str()),
                        TextTest::StartsWith => text.starts_with(wanted.as_str()),
                        TextTest::EndsWith => text.ends_with(wanted.as_str()),
                    }
                }
                _ => false,
            },
            Self::In(path, members) => match (path.read(reader, view), members) {
                (Value::Text(text), Members::Texts(texts)) => texts.contains(&text.to_lowercase()),
                (Value::Guid(id, _), Members::Ids(ids)) => ids.contains(&id),
                (value, Members::Others(others)) => {
                    others.iter().any(|other| compare(&value, Operator::Equal, other))
                }
                _ => false,
            },
        }
    }

    /// The only rows that can pass, when an index knows them.
    pub(crate) fn candidates(&self, table: &Table, rows: &Rows) -> Option<Vec<u128>> {
        match self {
            Self::And(left, right) => left.candidates(table, rows).or_else(|| right.candidates(table, rows)),
            Self::Or(left, right) => {
                let mut found = left.candidates(table, rows)?;
                found.extend(right.candidates(table, rows)?);
                Some(found)
            }
            Self::Compare(path, Operator::Equal, Value::Guid(id, _)) if path.is_primary(table) => {
                Some(vec![*id])
            }
            Self::Compare(path, Operator::Equal, Value::Text(text)) if path.is_email(table) => {
                Some(rows.by_email(text).to_vec())
            }
            Self::In(path, Members::Ids(ids)) if path.is_primary(table) => {
                Some(ids.iter().copied().collect())
            }
            Self::In(path, Members::Texts(texts)) if path.is_email(table) => {
                Some(texts.iter().flat_map(|text| rows.by_email(text)).copied().collect())
            }
            _ => None,
        }
    }
}

impl Path {
    fn is_primary(self, table: &Table) -> bool {
        self.via.is_none() && table.is_primary(self.column)
    }

    fn is_email(self, table: &Table) -> bool {
        self.via.is_none() && table.email == Some(self.column)
    }

    fn read<'a>(self, reader: Reader<'a>, view: &View<'a>) -> Value<'a> {
        let Some(lookup) = self.via else { return view.value(self.column) };
        let Value::Guid(id, Some(number)) = view.value(lookup) else { return Value::Null };
        reader.view(number, id).map_or(Value::Null, |target| target.value(self.column))
    }
}

impl<'a> Reader<'a> {
    /// One row, if it exists.
    pub(crate) fn view(self, table: u16, id: u128) -> Option<View<'a>> {
        let row = self.store.get(table, id)?;
        let table = self.schema.table(table)?;
        Some(View { schema: self.schema, table, anchors: self.anchors, id, row })
    }
}

fn compare(value: &Value<'_>, operator: Operator, wanted: &Value<'_>) -> bool {
    let order = order(value, wanted);
    match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::NotEqual => order != Some(Ordering::Equal),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
    }
}

/// How a value stands to a constant that was folded already; `None` when one of them is null.
fn order(value: &Value<'_>, wanted: &Value<'_>) -> Option<Ordering> {
    match (value, wanted) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Text(left), Value::Text(right)) => Some(left.to_lowercase().as_str().cmp(right)),
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Guid(left, _), Value::Guid(right, _)) => Some(left.cmp(right)),
        (Value::Instant(left), Value::Instant(right)) => Some((left / 1000).cmp(&(right / 1000))),
        (Value::Date(left), Value::Date(right)) => Some(left.cmp(right)),
        (left, right) => number(left)?.partial_cmp(&number(right)?),
    }
}

fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Int(whole) => Some(*whole as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}
