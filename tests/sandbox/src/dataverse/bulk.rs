//! `CreateMultiple`, `UpdateMultiple` and `UpsertMultiple`: many rows of one table in one transaction.
//!
//! See <https://learn.microsoft.com/power-apps/developer/data-platform/bulk-operations>. An error names no index and
//! undoes every row of the request.

use super::error::{ApiError, Outcome};
use super::guid::{self, FastSet};
use super::json::{Json, Members};
use super::operation::Call;
use super::payload::Payload;
use super::reply::{Operation, Reply};
use super::resource::{self, Key};
use super::schema::Table;
use super::store::{self, Transaction};
use super::write::{Condition, Mode, Target, Writer};

/// One item, checked as far as no row is needed.
struct Item {
    target: Target,
    payload: Payload,
}

/// Runs a bulk message.
pub(crate) fn execute(
    call: &mut Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    message: &str,
    held: Option<&mut Transaction<'_>>,
) -> Outcome<Reply> {
    let mode = match message {
        "CreateMultiple" => Mode::Create,
        "UpdateMultiple" => Mode::Update,
        "UpsertMultiple" => Mode::Upsert,
        "DeleteMultiple" => {
            return Err(ApiError::new(501, "0x80040203", "DeleteMultiple has not yet been implemented."));
        }
        _ => return Err(ApiError::route(&format!("{}/{}", call.base(), operation.path))),
    };
    if !table.bulk {
        let text = format!("The '{message}' method is not enabled on the entity '{}'.", table.logical);
        return Err(ApiError::new(400, "0x80040203", text));
    }
    let body = call.body(operation, &table.set)?;
    let targets = targets(table, &body)?;
    call.counters().bulk(targets.len() as u64);
    let items = items(call, operation, table, mode, targets)?;
    let known: Vec<(u16, u128)> = items
        .iter()
        .filter_map(|item| if let Target::Id(id) = item.target { Some((table.number, id)) } else { None })
        .collect();
    call.claim(&known);
    call.strike()?;
    call.spend(items.len());
    let ids =
        call.transact(held, |writer, transaction| write_all(writer, transaction, table, mode, &items))?;
    if mode != Mode::Create {
        return Ok(Reply::empty(204));
    }
    let ids: Vec<String> = ids.into_iter().map(guid::text).collect();
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse", call.base());
    Ok(Reply::json(200, serde_json::json!({ "@odata.context": context, "Ids": ids }).to_string()))
}

fn targets<'a, 'b>(table: &Table, body: &'b Members<'a>) -> Outcome<Vec<&'b Members<'a>>> {
    let refused = |detail: &str| ApiError::payload(&table.set, detail);
    let mut found = None;
    for (name, value) in body {
        match (name.as_ref(), value) {
            ("Targets", Json::Array(items)) => found = Some(items),
            (name, _) if name.starts_with('@') => {}
            (name, _) => {
                return Err(refused(&format!(
                    "The parameter '{name}' in the request payload is not a valid parameter."
                )));
            }
        }
    }
    let items = found.filter(|items| !items.is_empty());
    let items = items.ok_or_else(|| refused("The parameter 'Targets' is missing or empty."))?;
    let object = |item: &'b Json<'a>| match item {
        Json::Object(members) => Ok(members),
        _ => Err(refused("Every item of 'Targets' must be an object.")),
    };
    items.iter().map(object).collect()
}

fn items(
    call: &Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    mode: Mode,
    targets: Vec<&Members<'_>>,
) -> Outcome<Vec<Item>> {
    let context = call.context(table, operation, mode != Mode::Update, true);
    let mut items = Vec::with_capacity(targets.len());
    let mut seen: FastSet<u128> = FastSet::default();
    let mut seen_keys: FastSet<Vec<u8>> = FastSet::default();
    for members in targets {
        let payload = context.read(members)?;
        let target = identify(call, table, &payload)?;
        let first = match &target {
            Target::New if mode == Mode::Update => {
                return Err(ApiError::new(400, "0x80040203", "Entity Id must be specified for Update"));
            }
            Target::New => true,
            Target::Id(id) => seen.insert(*id),
            Target::Alternate(key, parts) => {
                let mut folded = vec![u8::try_from(*key).unwrap_or(u8::MAX)];
                parts.iter().for_each(|(_, bytes)| store::fold_into(&mut folded, bytes));
                seen_keys.insert(folded)
            }
        };
        match (first, mode) {
            (true, _) => items.push(Item { target, payload }),
            // Only the first occurrence is applied.
            (false, Mode::Update) => {}
            (false, _) => return Err(ApiError::duplicate_id()),
        }
    }
    Ok(items)
}

/// Which row an item is about: `@odata.id`, the primary key in the body, or a new one.
fn identify(call: &Call<'_, '_>, table: &Table, payload: &Payload) -> Outcome<Target> {
    let Some(address) = &payload.odata_id else {
        return Ok(payload.id.map_or(Target::New, Target::Id));
    };
    let path = address.strip_prefix(call.base()).unwrap_or(address);
    let segments = resource::segments(path.strip_prefix('/').unwrap_or(path))?;
    let [segment] = segments.as_slice() else { return Err(resource::bad_syntax()) };
    let key = segment.key.as_deref().ok_or_else(resource::bad_syntax)?;
    if segment.name != table.set {
        return Err(ApiError::segment(&segment.name));
    }
    call.target(table, &Key::parse(key)?)
}

fn write_all(
    writer: &Writer<'_>,
    transaction: &mut Transaction<'_>,
    table: &Table,
    mode: Mode,
    items: &[Item],
) -> Outcome<Vec<u128>> {
    let mut ids = Vec::with_capacity(items.len());
    for item in items {
        if let (Target::Alternate(_, parts), Mode::Upsert) = (&item.target, mode) {
            refuse_repeated_key(writer, transaction, table, item, parts)?;
        }
        let written =
            writer.write(transaction, table, &item.target, &item.payload, mode, Condition::default())?;
        ids.push(written.id);
    }
    Ok(ids)
}

/// The service fails when a row is created whose body repeats the columns of the key in its address.
fn refuse_repeated_key(
    writer: &Writer<'_>,
    transaction: &Transaction<'_>,
    table: &Table,
    item: &Item,
    parts: &[(u16, Vec<u8>)],
) -> Outcome<()> {
    let repeats = parts.iter().any(|(column, _)| super::cells::find(&item.payload.cells, *column).is_some());
    if repeats && writer.locate(transaction, table, &item.target).is_none() {
        return Err(ApiError::new(400, "0x80040216", "An unexpected error occurred."));
    }
    Ok(())
}
