//! New tables, columns, lookups and alternate keys, by the definitions that a customiser posts.
//!
//! See <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/create-update-entity-definitions-using-web-api>.
//! Definitions are added only; changing and deleting them is left out.

use serde_json::Value;

use super::definitions;
use super::dictionary;
use super::engine::{plant, write_lock};
use super::environment;
use super::error::{ApiError, Outcome};
use super::guid;
use super::operation::Call;
use super::reply::{Operation, Reply};
use super::schema::{AlternateKey, Choice, Column, Kind, Ownership, Schema, Table, Target};
use super::store::Store;

/// Greatest number of columns that one request may bring.
const MAX_COLUMNS: usize = 1000;
/// Greatest number of alternate keys of a table.
const MAX_KEYS: usize = 10;
/// Greatest width of an alternate key's index, in bytes.
const MAX_KEY_BYTES: u32 = 900;

/// `POST EntityDefinitions`.
pub(crate) fn table(call: &mut Call<'_, '_>, operation: &Operation<'_>) -> Outcome<Reply> {
    let body = body(call, operation)?;
    let schema_name = custom_name(&body, "SchemaName")?;
    let logical = schema_name.to_lowercase();
    let visible_ms = call.session.now_ms.saturating_add(call.session.engine.metadata_delay_ms);
    let attributes = body.get("Attributes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if attributes.len() > MAX_COLUMNS {
        return Err(invalid("Attributes", "has too many items"));
    }
    let primary = attributes.iter().find(|one| one.get("IsPrimaryName") == Some(&Value::Bool(true)));
    let primary = primary.ok_or_else(|| invalid("Attributes", "needs one text column with IsPrimaryName"))?;
    let name = custom_name(primary, "SchemaName")?.to_lowercase();
    let columns = attributes.iter().map(|one| column(one, visible_ms)).collect::<Outcome<Vec<_>>>()?;
    let user_owned = match body.get("OwnershipType").and_then(Value::as_str) {
        Some("UserOwned") => true,
        Some("OrganizationOwned") => false,
        _ => return Err(invalid("OwnershipType", "must be UserOwned or OrganizationOwned")),
    };
    if !matches!(body.get("TableType").and_then(Value::as_str), None | Some("Standard")) {
        return Err(ApiError::left_out("a table that is not a standard table"));
    }
    let base = call.base().to_owned();
    let id = change(call, |schema, _| {
        if schema.by_logical(&logical).is_some() {
            let text = format!(
                "An entity with the specified name {schema_name} already exists. Specify a unique name."
            );
            return Err(ApiError::new(400, "0x80047010", text));
        }
        let code = 10_000 + u32::try_from(schema.tables().count()).unwrap_or(0);
        let make = if user_owned { dictionary::owned } else { dictionary::system };
        let mut table = make(&logical, schema_name, &plural(&logical), code, &name);
        dictionary::active(&mut table);
        table.ownership = if user_owned { Ownership::User } else { Ownership::Organization };
        (table.bulk, table.custom, table.visible_ms) = (true, true, visible_ms);
        columns.into_iter().for_each(|column| _ = table.add(column));
        let id = definitions::table_id(&table);
        schema.add(table);
        Ok(id)
    })?;
    announce(call, &logical)?;
    Ok(created(format!("{base}/EntityDefinitions({})", guid::text(id))))
}

/// `POST EntityDefinitions(...)/Attributes`.
pub(crate) fn attribute(call: &mut Call<'_, '_>, operation: &Operation<'_>, table: &Table) -> Outcome<Reply> {
    let body = body(call, operation)?;
    let visible_ms = call.session.now_ms.saturating_add(call.session.engine.metadata_delay_ms);
    let column = column(&body, visible_ms)?;
    let address = format!("{}/{}", call.base(), operation.path);
    let id = change(call, |schema, _| {
        let mut table = current(schema, table)?;
        if table.by_logical(&column.logical).is_some() {
            let text = format!("Attribute with the name {} already exists.", column.schema_name);
            return Err(ApiError::new(400, "0x80047010", text));
        }
        let id = definitions::column_id(&table, &column);
        table.add(column);
        schema.replace(table);
        Ok(id)
    })?;
    Ok(created(format!("{address}({})", guid::text(id))))
}

/// `POST RelationshipDefinitions` for a lookup from one table to another.
pub(crate) fn relationship(call: &mut Call<'_, '_>, operation: &Operation<'_>) -> Outcome<Reply> {
    let body = body(call, operation)?;
    if class(&body) != "OneToManyRelationshipMetadata" {
        return Err(ApiError::left_out("a relationship that is not one to many"));
    }
    let name = text(&body, "SchemaName")?.to_owned();
    let lookup = body.get("Lookup").ok_or_else(|| invalid("Lookup", "is missing"))?;
    let lookup_name = custom_name(lookup, "SchemaName")?;
    let (referenced, referencing) = (text(&body, "ReferencedEntity")?, text(&body, "ReferencingEntity")?);
    let visible_ms = call.session.now_ms.saturating_add(call.session.engine.metadata_delay_ms);
    let base = call.base().to_owned();
    change(call, |schema, _| {
        let unknown = |name: &str| {
            ApiError::new(
                404,
                "0x80060888",
                format!("Could not find an entity with name {name} in the metadata cache."),
            )
        };
        let target = schema.by_logical(referenced).ok_or_else(|| unknown(referenced))?;
        let mut table = schema.by_logical(referencing).cloned().ok_or_else(|| unknown(referencing))?;
        let prefixed = is_custom(&name) || name.starts_with(referenced) || name.starts_with(referencing);
        if !prefixed {
            return Err(invalid(
                "SchemaName",
                "needs the publisher's prefix or the name of one of its tables",
            ));
        }
        let logical = lookup_name.to_lowercase();
        let known = table.by_logical(&logical).is_some();
        if known || schema.tables().any(|table| has_relationship(table, &name)) {
            let text = format!("An entity relationship with the specified name {name} already exists.");
            return Err(ApiError::new(400, "0x8004432B", text));
        }
        let target = Target {
            table: target.logical.clone(),
            navigation: lookup_name.to_owned(),
            relationship: Some(name.clone()),
        };
        let kind = Kind::Lookup { targets: vec![target], class: "Lookup" };
        let column = dictionary::column(&logical, kind);
        table.add(Column { schema_name: lookup_name.to_owned(), custom: true, visible_ms, ..column });
        schema.replace(table);
        Ok(())
    })?;
    let id = guid::named(&format!("relationship:{name}"));
    Ok(created(format!("{base}/RelationshipDefinitions({})", guid::text(id))))
}

/// `POST EntityDefinitions(...)/Keys`.
pub(crate) fn key(call: &mut Call<'_, '_>, operation: &Operation<'_>, table: &Table) -> Outcome<Reply> {
    let body = body(call, operation)?;
    let schema_name = custom_name(&body, "SchemaName")?;
    let names = body.get("KeyAttributes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    if names.is_empty() || names.len() > 16 {
        return Err(invalid("KeyAttributes", "needs 1 to 16 columns"));
    }
    let active_ms = call.session.now_ms.saturating_add(call.session.engine.key_delay_ms);
    let display = displayed(&body).unwrap_or(schema_name).to_owned();
    let address = format!("{}/{}", call.base(), operation.path);
    let id = change(call, |schema, store| {
        let mut table = current(schema, table)?;
        let columns = key_columns(&table, &names)?;
        let logical = schema_name.to_lowercase();
        let refuse = |code, text: &str| {
            Err(ApiError::new(400, code, format!("{text} on the entity {}.", table.logical)))
        };
        if table.keys.iter().any(|key| key.logical == logical) {
            return refuse("0x80060893", "An entity key with this name already exists");
        }
        if table.keys.iter().any(|key| same_columns(&key.columns, &columns)) {
            return refuse("0x80060894", "An entity key with the selected attributes already exists");
        }
        if table.keys.len() >= MAX_KEYS {
            return refuse("0x80040203", "The greatest number of entity keys is reached");
        }
        let mut key = AlternateKey {
            logical,
            schema_name: schema_name.to_owned(),
            display,
            columns,
            active_ms,
            failed: false,
        };
        if let Some(rows) = store.rows_mut(table.number) {
            key.failed = !rows.index_key(&key);
        }
        let id = definitions::key_id(&table, &key);
        table.keys.push(key);
        schema.replace(table);
        Ok(id)
    })?;
    Ok(created(format!("{address}({})", guid::text(id))))
}

/// Changes the definitions while no row is being written; only a customiser may.
fn change<R>(
    call: &mut Call<'_, '_>,
    edit: impl FnOnce(&mut Schema, &mut Store) -> Outcome<R>,
) -> Outcome<R> {
    if !call.rights.customises() {
        let text = "The user does not have the System Administrator or System Customizer role.";
        return Err(ApiError::new(403, "0x80090432", text));
    }
    let engine = call.session.engine;
    let mut store = write_lock(&engine.store);
    let mut schema = Schema::clone(&engine.schema());
    let result = edit(&mut schema, &mut store)?;
    engine.define(&mut store, schema);
    call.session.wrote = true;
    Ok(result)
}

/// Adds the rows that say which messages a new table has.
fn announce(call: &Call<'_, '_>, logical: &str) -> Outcome<()> {
    let engine = call.session.engine;
    let mut store = write_lock(&engine.store);
    let schema = engine.schema();
    let Some(table) = schema.by_logical(logical) else { return Ok(()) };
    for message in ["CreateMultiple", "UpdateMultiple"] {
        let (set, body) = environment::message_filter(message, table);
        plant(&mut store, &schema, &engine.fresh, call.session.now_ms, &set, &body)?;
    }
    Ok(())
}

/// The definition as it is now: it may have changed since the operation began.
fn current(schema: &Schema, table: &Table) -> Outcome<Table> {
    schema.table(table.number).cloned().ok_or_else(|| ApiError::segment(&table.set))
}

fn has_relationship(table: &Table, name: &str) -> bool {
    table.columns.iter().any(|column| match &column.kind {
        Kind::Lookup { targets, .. } => {
            targets.iter().any(|target| target.relationship.as_deref() == Some(name))
        }
        _ => false,
    })
}

fn key_columns(table: &Table, names: &[&str]) -> Outcome<Vec<u16>> {
    let mut columns = Vec::new();
    let mut bytes = 0_u32;
    for name in names {
        let number =
            table.by_logical(name).ok_or_else(|| ApiError::unknown_property(&table.logical, name))?;
        let kind = table.column(number).map(|column| &column.kind);
        bytes += match kind {
            Some(Kind::Text { max, .. }) => max.saturating_mul(2),
            Some(Kind::Integer { .. } | Kind::Choice { .. }) => 4,
            Some(Kind::Decimal { .. } | Kind::DateTime | Kind::Date) => 8,
            Some(Kind::Lookup { .. }) => 16,
            _ => return Err(invalid("KeyAttributes", "names a column whose type no key can hold")),
        };
        columns.push(number);
    }
    if bytes > MAX_KEY_BYTES {
        let text = "The total size of the key's columns exceeds the limit of 900 bytes.";
        return Err(ApiError::new(400, "0x8004D292", text));
    }
    Ok(columns)
}

fn same_columns(one: &[u16], other: &[u16]) -> bool {
    one.len() == other.len() && one.iter().all(|column| other.contains(column))
}

/// A column from its definition.
fn column(body: &Value, visible_ms: u64) -> Outcome<Column> {
    let schema_name = custom_name(body, "SchemaName")?;
    let number = |member: &str| body.get(member).and_then(Value::as_f64);
    let whole = |member: &str, most: u32| {
        let value = body.get(member).and_then(Value::as_u64).and_then(|value| u32::try_from(value).ok());
        value
            .filter(|value| (1..=most).contains(value))
            .ok_or_else(|| invalid(member, "is missing or out of range"))
    };
    let limits = || number("MinValue").zip(number("MaxValue")).filter(|(min, max)| min <= max);
    let bounded = || limits().ok_or_else(|| invalid("MinValue", "and MaxValue are missing or out of order"));
    let precision =
        || body.get("Precision").and_then(Value::as_u64).and_then(|p| u8::try_from(p).ok()).unwrap_or(2);
    let kind = match class(body) {
        "StringAttributeMetadata" => Kind::Text { max: whole("MaxLength", 4000)?, format: format_name(body) },
        "MemoAttributeMetadata" => Kind::Memo { max: whole("MaxLength", 1_048_576)? },
        "IntegerAttributeMetadata" => {
            let (min, max) = bounded()?;
            Kind::Integer { min: min as i64, max: max as i64 }
        }
        "BigIntAttributeMetadata" => Kind::BigInt,
        "DoubleAttributeMetadata" => {
            bounded().map(|(min, max)| Kind::Double { min, max, precision: precision() })?
        }
        "DecimalAttributeMetadata" => {
            bounded().map(|(min, max)| Kind::Decimal { min, max, precision: precision() })?
        }
        "MoneyAttributeMetadata" => {
            let (min, max) = limits().unwrap_or((-922_337_203_685_477.0, 922_337_203_685_477.0));
            Kind::Money { min, max }
        }
        "BooleanAttributeMetadata" => {
            Kind::Boolean { default: body.get("DefaultValue").and_then(Value::as_bool) }
        }
        "DateTimeAttributeMetadata" if body.get("Format").and_then(Value::as_str) == Some("DateOnly") => {
            Kind::Date
        }
        "DateTimeAttributeMetadata" => Kind::DateTime,
        "PicklistAttributeMetadata" => Kind::Choice { options: options(body)?, default: None },
        "LookupAttributeMetadata" => {
            return Err(invalid("@odata.type", "is a lookup: create a relationship"));
        }
        other => return Err(ApiError::left_out(&format!("a column of the class '{other}'"))),
    };
    let column = dictionary::column(&schema_name.to_lowercase(), kind);
    let level = body.pointer("/RequiredLevel/Value").and_then(Value::as_str);
    let required = match level {
        Some("ApplicationRequired") => "ApplicationRequired",
        Some("Recommended") => "Recommended",
        _ => "None",
    };
    Ok(Column { schema_name: schema_name.to_owned(), custom: true, required, visible_ms, ..column })
}

fn format_name(body: &Value) -> &'static str {
    const FORMATS: [&str; 8] =
        ["Text", "Email", "Phone", "Url", "TextArea", "TickerSymbol", "Json", "RichText"];
    let stated = body.pointer("/FormatName/Value").and_then(Value::as_str).unwrap_or("Text");
    FORMATS.into_iter().find(|format| *format == stated).unwrap_or("Text")
}

fn options(body: &Value) -> Outcome<Vec<Choice>> {
    let all = body.pointer("/OptionSet/Options").and_then(Value::as_array);
    let all = all.ok_or_else(|| ApiError::left_out("a choice without options of its own"))?;
    let read = |option: &Value| {
        let value =
            option.get("Value").and_then(Value::as_i64).ok_or_else(|| invalid("Value", "is missing"))?;
        let label = option.pointer("/Label/LocalizedLabels/0/Label").and_then(Value::as_str);
        Ok(Choice { value, label: label.unwrap_or_default().to_owned(), state: 0 })
    };
    all.iter().map(read).collect()
}

fn body(call: &Call<'_, '_>, operation: &Operation<'_>) -> Outcome<Value> {
    call.body(operation, "")?;
    // The body was read as an object already.
    serde_json::from_slice(operation.body).map_err(|_| ApiError::payload("", "The body must be an object."))
}

fn class(body: &Value) -> &str {
    let stated = body.get("@odata.type").and_then(Value::as_str).unwrap_or_default();
    stated.trim_start_matches('#').trim_start_matches("Microsoft.Dynamics.CRM.")
}

fn text<'a>(body: &'a Value, member: &str) -> Outcome<&'a str> {
    body.get(member).and_then(Value::as_str).ok_or_else(|| invalid(member, "is missing"))
}

/// A schema name with a publisher's prefix.
fn custom_name<'a>(body: &'a Value, member: &str) -> Outcome<&'a str> {
    let name = text(body, member)?;
    if is_custom(name) && name.len() <= 100 {
        Ok(name)
    } else {
        Err(invalid(member, "needs a publisher's prefix"))
    }
}

fn is_custom(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let prefixed = name.split_once('_').is_some_and(|(prefix, rest)| {
        (2..=8).contains(&prefix.len())
            && !rest.is_empty()
            && prefix.starts_with(|first: char| first.is_alphabetic())
    });
    plain && prefixed && !name.starts_with("mscrm")
}

fn displayed(body: &Value) -> Option<&str> {
    body.pointer("/DisplayName/LocalizedLabels/0/Label").and_then(Value::as_str)
}

/// The entity set name that the service makes.
fn plural(logical: &str) -> String {
    if let Some(stem) = logical.strip_suffix('y') {
        return format!("{stem}ies");
    }
    let sibilant = ["s", "x", "z", "ch", "sh"].iter().any(|ending| logical.ends_with(ending));
    format!("{logical}{}", if sibilant { "es" } else { "s" })
}

fn invalid(member: &str, problem: &str) -> ApiError {
    ApiError::new(400, "0x80040203", format!("The member {member} {problem}."))
}

fn created(address: String) -> Reply {
    Reply::empty(204).with("OData-EntityId", address)
}
