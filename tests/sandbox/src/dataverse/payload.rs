//! A body checked against a table and turned into cells. Reads definitions only: whether rows exist is checked when
//! the row is written.

use std::fmt::Write;

use super::cells;
use super::error::{ApiError, Outcome};
use super::guid;
use super::json::{Json, Members};
use super::options::DataverseFaults;
use super::resource::{self, Key};
use super::schema::{Choice, Column, Kind, Origin, Schema, Table};
use super::time;
use super::view::number_text;

/// Greatest number of members of one object.
const MAX_MEMBERS: usize = 2000;

/// A body that passed every check that needs no row.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    /// The primary key in the body.
    pub(crate) id: Option<u128>,
    /// `@odata.id`, in bulk messages.
    pub(crate) odata_id: Option<String>,
    /// Encoded columns, in order.
    pub(crate) cells: Vec<u8>,
    /// Rows that lookups point at.
    pub(crate) binds: Vec<Bind>,
}

/// A lookup to be written.
#[derive(Debug)]
pub(crate) struct Bind {
    pub(crate) column: u16,
    pub(crate) table: u16,
    pub(crate) key: BoundKey,
}

/// How a lookup's target is named.
#[derive(Debug)]
pub(crate) enum BoundKey {
    Id(u128),
    Alternate(Vec<(String, String)>),
}

/// What a body is read with.
pub(crate) struct Context<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) table: &'a Table,
    pub(crate) faults: &'a DataverseFaults,
    pub(crate) origin: &'a str,
    /// Rows that earlier members of a changeset created, by Content-ID.
    pub(crate) references: &'a [(String, String)],
    /// Epoch milliseconds.
    pub(crate) now_ms: u64,
    /// Whether columns that may be set on create only are allowed.
    pub(crate) creates: bool,
    /// Bulk messages insist on `@odata.type`.
    pub(crate) typed: bool,
}

impl Context<'_> {
    /// Checks every member of one object.
    pub(crate) fn read(&self, members: &Members<'_>) -> Outcome<Payload> {
        if members.len() > MAX_MEMBERS {
            return Err(ApiError::payload(&self.table.set, "The object has too many members."));
        }
        let mut payload = Payload::default();
        let mut typed = false;
        let mut spans: Vec<(u16, usize, usize)> = Vec::with_capacity(members.len());
        let mut buffer: Vec<u8> = Vec::with_capacity(512);
        for (name, value) in members {
            if let Some(at) = name.find('@') {
                typed |= self.annotation(name, at, value, &mut payload, &mut spans, &mut buffer)?;
                continue;
            }
            let number = self.find(name, value)?;
            let Some(column) = self.table.column(number) else { continue };
            if column.origin == Origin::PrimaryId {
                self.primary(value, &mut payload)?;
                continue;
            }
            if !(column.update || self.creates && column.create) {
                return Err(ApiError::read_only(&self.table.logical, &column.logical));
            }
            let start = buffer.len();
            self.encode(column, value, &mut buffer)?;
            spans.push((number, start, buffer.len()));
        }
        if self.typed && !typed {
            let detail = format!(
                "A type named '{}' could not be resolved by the model: every item needs '@odata.type'.",
                "Microsoft.Dynamics.CRM.crmbaseentity"
            );
            return Err(ApiError::payload(&self.table.set, &detail));
        }
        self.assemble(spans, &buffer, &mut payload)?;
        Ok(payload)
    }

    fn assemble(
        &self,
        mut spans: Vec<(u16, usize, usize)>,
        buffer: &[u8],
        payload: &mut Payload,
    ) -> Outcome<()> {
        spans.sort_by_key(|span| span.0);
        let twice = spans.windows(2).find(|pair| matches!(pair, [left, right] if left.0 == right.0));
        if let Some([first, ..]) = twice {
            let name = self.table.column(first.0).map_or("", |column| &column.property);
            let detail = format!(
                "Multiple properties with the name '{name}' were detected in a resource or complex value. In OData, \
                 duplicate property names are not allowed."
            );
            return Err(ApiError::payload(&self.table.set, &detail));
        }
        payload.cells.reserve(buffer.len() + spans.len() * 4);
        for (number, start, end) in spans {
            cells::push(&mut payload.cells, number, buffer.get(start..end).unwrap_or_default());
        }
        Ok(())
    }

    fn find(&self, name: &str, value: &Json<'_>) -> Outcome<u16> {
        let known = self.table.by_property(name).filter(|number| {
            self.table.column(*number).is_some_and(|column| column.visible_ms <= self.now_ms)
        });
        if let Some(number) = known {
            let lookup = self.table.column(number).is_some_and(|c| matches!(c.kind, Kind::Lookup { .. }));
            if lookup {
                let text = "CRM do not support direct update of Entity Reference properties, Use Navigation \
                            properties instead.";
                return Err(ApiError::payload(&self.table.set, text));
            }
            return Ok(number);
        }
        if self.table.by_navigation(name).is_some() {
            if let Json::Object(_) | Json::Array(_) = value {
                return Err(ApiError::left_out("deep insert"));
            }
            let detail = "A 'PrimitiveValue' node with non-null value was found when trying to read the value of a \
                          navigation property; however, a 'StartArray' node, a 'StartObject' node, or a \
                          'PrimitiveValue' node with null value was expected.";
            return Err(ApiError::payload(&self.table.set, detail));
        }
        Err(ApiError::invalid_property(&self.table.logical, name))
    }

    fn primary(&self, value: &Json<'_>, payload: &mut Payload) -> Outcome<()> {
        let id = match value {
            Json::Text(text) => guid::parse(text),
            _ => None,
        };
        let refused = || ApiError::literal(&self.table.set, &value.literal(), "Edm.Guid");
        payload.id = Some(id.ok_or_else(refused)?);
        Ok(())
    }

    /// Handles `@odata.type`, `@odata.id`, `x@odata.bind`; other annotations are ignored, as OData asks.
    fn annotation(
        &self,
        name: &str,
        at: usize,
        value: &Json<'_>,
        payload: &mut Payload,
        spans: &mut Vec<(u16, usize, usize)>,
        buffer: &mut Vec<u8>,
    ) -> Outcome<bool> {
        let (target, annotation) = name.split_at(at);
        match (target, annotation) {
            ("", "@odata.type") => self.check_type(value).map(|()| true),
            ("", "@odata.id") => {
                let Json::Text(text) = value else {
                    return Err(ApiError::literal(&self.table.set, &value.literal(), "Edm.String"));
                };
                payload.odata_id = Some(text.to_string());
                Ok(false)
            }
            ("", _) => Ok(false),
            (_, "@odata.bind") => {
                let number = self.table.by_navigation(target);
                let number = number.ok_or_else(|| ApiError::bare_bind(&self.table.set, target))?;
                let column = self.table.column(number);
                let Some(column) = column.filter(|column| column.writable()) else {
                    return Err(ApiError::read_only(&self.table.logical, target));
                };
                let start = buffer.len();
                self.bind(number, column, target, value, payload, buffer)?;
                if buffer.len() > start {
                    spans.push((number, start, buffer.len()));
                }
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    fn check_type(&self, value: &Json<'_>) -> Outcome<()> {
        let stated = match value {
            Json::Text(text) => text.strip_prefix('#').unwrap_or(text),
            _ => "",
        };
        if stated.strip_prefix("Microsoft.Dynamics.CRM.") == Some(&self.table.logical) {
            return Ok(());
        }
        let detail = format!(
            "A resource with type '{stated}' was found, but it is not assignable to the expected type \
             'Microsoft.Dynamics.CRM.{}'.",
            self.table.logical
        );
        Err(ApiError::payload(&self.table.set, &detail))
    }

    fn bind(
        &self,
        number: u16,
        column: &Column,
        navigation: &str,
        value: &Json<'_>,
        payload: &mut Payload,
        buffer: &mut Vec<u8>,
    ) -> Outcome<()> {
        let text = match value {
            Json::Null => {
                buffer.extend_from_slice(b"null");
                return Ok(());
            }
            Json::Text(text) => text,
            other => return Err(ApiError::literal(&self.table.set, &other.literal(), "Edm.String")),
        };
        let (set, key) = self.reference(text)?;
        let target = self.schema.by_set(&set).ok_or_else(|| ApiError::segment(&set))?;
        let allowed = match &column.kind {
            Kind::Lookup { targets, .. } => {
                targets.iter().any(|one| one.table == target.logical && one.navigation == navigation)
            }
            _ => false,
        };
        if !allowed {
            let detail = format!("The navigation property '{navigation}' cannot be bound to '{set}'.");
            return Err(ApiError::payload(&self.table.set, &detail));
        }
        let key = match key {
            Key::Id(id) => {
                buffer.extend_from_slice(&cells::reference(target.number, id));
                BoundKey::Id(id)
            }
            // The row is looked up when the lookup is written; its cell is made then.
            Key::Named(pairs) => BoundKey::Alternate(pairs),
        };
        payload.binds.push(Bind { column: number, table: target.number, key });
        Ok(())
    }

    /// Reads `/set(key)`, `set(key)`, an absolute address, or `$n`.
    fn reference(&self, text: &str) -> Outcome<(String, Key)> {
        let known = text.strip_prefix('$').map(|id| {
            let found = self.references.iter().find(|(known, _)| known == id);
            found.map(|(_, uri)| uri.as_str()).ok_or_else(|| {
                let text = format!("Content-ID Reference: '${id}' does not exist in the batch context.");
                ApiError::new(400, "0x80060888", text)
            })
        });
        let uri = known.transpose()?.unwrap_or(text);
        let path = uri.strip_prefix(self.origin).unwrap_or(uri);
        let path = path.strip_prefix("/api/data/v9.2").unwrap_or(path);
        let path = path.strip_prefix('/').unwrap_or(path);
        let segments = resource::segments(path)?;
        match <[resource::Segment; 1]>::try_from(segments) {
            Ok([segment]) if segment.key.is_some() => {
                let key = Key::parse(segment.key.as_deref().unwrap_or_default())?;
                Ok((segment.name, key))
            }
            _ => Err(ApiError::payload(
                &self.table.set,
                &format!("Invalid URI '{text}' in an entity reference."),
            )),
        }
    }

    fn encode(&self, column: &Column, value: &Json<'_>, out: &mut Vec<u8>) -> Outcome<()> {
        if *value == Json::Null {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        let refused = || ApiError::literal(&self.table.set, &value.literal(), column.edm());
        let number = |min: f64, max: f64| -> Outcome<f64> {
            let number = match value {
                Json::Int(whole) => *whole as f64,
                Json::Float(number) => *number,
                _ => return Err(refused()),
            };
            let refused = || ApiError::number_range(&self.table.logical, &column.logical);
            (min..=max).contains(&number).then_some(number).ok_or_else(refused)
        };
        match (&column.kind, value) {
            (Kind::Text { max, .. } | Kind::Memo { max }, Json::Text(text)) => {
                self.text(column, *max, text, out)
            }
            (Kind::Integer { min, max }, Json::Int(whole)) => {
                if !(min..=max).contains(&whole) {
                    return Err(ApiError::integer_range(&self.table.logical, &column.logical));
                }
                write_whole(out, *whole)
            }
            (Kind::BigInt, Json::Int(whole)) => write_whole(out, *whole),
            (
                Kind::Choice { options, .. } | Kind::State { options } | Kind::Status { options },
                Json::Int(whole),
            ) => self.choice(column, options, *whole, out),
            (
                Kind::Double { min, max, .. } | Kind::Decimal { min, max, .. } | Kind::Money { min, max },
                Json::Int(_) | Json::Float(_),
            ) => {
                out.extend_from_slice(number_text(number(*min, *max)?).as_bytes());
                Ok(())
            }
            (Kind::Boolean { .. }, Json::Bool(flag)) => {
                out.extend_from_slice(if *flag { b"true" } else { b"false" });
                Ok(())
            }
            (Kind::DateTime | Kind::DateOrTime | Kind::Date | Kind::Guid, Json::Text(text)) => {
                let canonical = canonical(&column.kind, text).ok_or_else(refused)?;
                out.push(b'"');
                out.extend_from_slice(canonical.as_bytes());
                out.push(b'"');
                Ok(())
            }
            _ => Err(refused()),
        }
    }

    fn text(&self, column: &Column, max: u32, text: &str, out: &mut Vec<u8>) -> Outcome<()> {
        let max = effective_max(self.table, column, max, self.faults);
        let longest = usize::try_from(max).unwrap_or(usize::MAX);
        if text.len() > longest && text.encode_utf16().count() > longest {
            return Err(ApiError::too_long(&self.table.logical, &column.logical, max));
        }
        // Writing a text as JSON into memory cannot fail.
        _ = serde_json::to_writer(out, text);
        Ok(())
    }

    fn choice(&self, column: &Column, options: &[Choice], value: i64, out: &mut Vec<u8>) -> Outcome<()> {
        if !options.iter().any(|option| option.value == value) {
            return Err(ApiError::choice(&self.table.logical, &column.logical, value));
        }
        write_whole(out, value)
    }
}

fn write_whole(out: &mut Vec<u8>, value: i64) -> Outcome<()> {
    let mut text = String::new();
    // Writing to a String cannot fail.
    _ = write!(text, "{value}");
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn canonical(kind: &Kind, text: &str) -> Option<String> {
    let instant = || time::parse_instant(text).map(time::instant);
    match kind {
        Kind::DateTime => instant(),
        Kind::DateOrTime => {
            instant().or_else(|| time::parse_date(text).map(|day| time::instant(day * 86_400_000)))
        }
        Kind::Date => time::parse_date(text).map(time::date),
        Kind::Guid => guid::parse(text).map(guid::text),
        _ => None,
    }
}

/// The length limit that is in force: the organisation may have made a lead column shorter.
pub(crate) fn effective_max(table: &Table, column: &Column, max: u32, faults: &DataverseFaults) -> u32 {
    if faults.refuse_columns.is_empty() || table.logical != "lead" {
        return max;
    }
    let limit = faults.refuse_columns.iter().find(|limit| limit.column == column.logical);
    limit.map_or(max, |limit| limit.max_length.min(max))
}
