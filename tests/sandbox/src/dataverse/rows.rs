//! Operations on entity sets and rows: create, read, update, upsert, delete, single properties, `$ref`.

use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;

use super::bulk;
use super::environment;
use super::error::{ApiError, Outcome};
use super::guid;
use super::json::{Json, Members};
use super::operation::Call;
use super::payload::Payload;
use super::query::{Options, Query};
use super::reply::{Content, Operation, Reply, version};
use super::resource::{Key, Segment};
use super::rights::Verb;
use super::schema::{Kind, Table};
use super::store::{Store, Transaction};
use super::view::{Reader, Value, push_text};
use super::write::{Condition, Mode, Target, Written};

const NAMESPACE: &str = "Microsoft.Dynamics.CRM.";

/// Runs an operation whose path begins with an entity set.
pub(crate) fn execute(
    call: &mut Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    segments: &[Segment],
    held: Option<&mut Transaction<'_>>,
) -> Outcome<Reply> {
    let [first, rest @ ..] = segments else { return Err(call.route(operation)) };
    let Some(key) = &first.key else { return on_set(call, operation, table, rest, held) };
    let target = call.target(table, &Key::parse(key)?)?;
    match (operation.method, rest) {
        ("GET", []) => retrieve(call, operation, table, &target),
        ("PATCH", []) => update(call, operation, table, &target, held),
        ("DELETE", []) => delete(call, operation, table, &target, held),
        (_, []) => Err(ApiError::method(operation.method)),
        ("GET", [property]) => related(call, operation, table, &target, property),
        ("PUT" | "DELETE", [property]) => property_write(call, operation, table, &target, property, held),
        ("PUT" | "DELETE", [navigation, end]) if end.name == "$ref" && navigation.key.is_none() => {
            reference_write(call, operation, table, &target, &navigation.name, held)
        }
        (_, [_, end]) if end.name == "$ref" => Err(ApiError::left_out("$ref on a collection")),
        _ => Err(call.route(operation)),
    }
}

fn on_set(
    call: &mut Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    rest: &[Segment],
    held: Option<&mut Transaction<'_>>,
) -> Outcome<Reply> {
    match (operation.method, rest) {
        ("GET", []) => collection(call, operation, table, None),
        ("POST", []) => create(call, operation, table, held),
        (_, []) => Err(ApiError::method(operation.method)),
        ("GET", [count]) if count.name == "$count" => {
            call.rights.need(Verb::Read, table)?;
            let options = Options::parse(operation.raw_options)?;
            let total = call.read(|reader| query(call, operation, table, &options, reader, None).total())?;
            let shown = total.min(super::query::PAGE_ROWS).to_string();
            Ok(Reply { content: Content::Text(shown), ..Reply::empty(200) })
        }
        ("POST", [action]) if action.key.as_deref().unwrap_or_default().is_empty() => {
            let message = action.name.strip_prefix(NAMESPACE).ok_or_else(|| call.route(operation))?;
            call.in_bulk();
            bulk::execute(call, operation, table, message, held)
        }
        _ => Err(call.route(operation)),
    }
}

/// The query that the operation's options describe.
fn query<'a>(
    call: &'a Call<'_, '_>,
    operation: &'a Operation<'_>,
    table: &'a Table,
    options: &'a Options,
    reader: Reader<'a>,
    within: Option<&'a [u128]>,
) -> Query<'a> {
    Query {
        reader,
        table,
        options,
        base: call.base(),
        path: operation.path,
        raw_options: operation.raw_options,
        page_rows: operation.headers.prefer.page_rows,
        annotations: operation.headers.prefer.annotations,
        now_ms: call.seen_ms(operation),
        within,
    }
}

fn collection(
    call: &Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    within: Option<&[u128]>,
) -> Outcome<Reply> {
    call.rights.need(Verb::Read, table)?;
    call.counters().reads.fetch_add(1, Relaxed);
    let options = Options::parse(operation.raw_options)?;
    let page = call.read(|reader| query(call, operation, table, &options, reader, within).page())?;
    Ok(Reply::json(200, page).applied(&operation.headers.prefer))
}

/// The row of a target that must exist.
fn existing(reader: Reader<'_>, table: &Table, target: &Target) -> Outcome<u128> {
    let id = match target {
        Target::Id(id) => Some(*id),
        Target::Alternate(key, parts) => {
            let mut folded = Vec::new();
            parts.iter().for_each(|(_, bytes)| super::store::fold_into(&mut folded, bytes));
            reader.store.rows(table.number).and_then(|rows| rows.by_key(*key, &folded))
        }
        Target::New => None,
    };
    let found = id.filter(|id| reader.store.get(table.number, *id).is_some());
    found.ok_or_else(|| match id {
        Some(id) => ApiError::missing(&table.logical, &guid::text(id)),
        None => ApiError::no_match(&table.logical),
    })
}

fn retrieve(
    call: &Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    target: &Target,
) -> Outcome<Reply> {
    call.rights.need(Verb::Read, table)?;
    call.counters().reads.fetch_add(1, Relaxed);
    let options = Options::parse(operation.raw_options)?;
    call.read(|reader| {
        let id = existing(reader, table, target)?;
        let tag = reader.view(table.number, id).map(|view| view.etag()).unwrap_or_default();
        let held = operation.headers.if_none_match.as_deref();
        if held.is_some_and(|held| version(held).is_some() && held == tag)
            && !operation.headers.prefer.annotations.any()
        {
            return Ok(Reply::empty(304).with("ETag", tag));
        }
        let body = query(call, operation, table, &options, reader, None).single(id)?;
        Ok(Reply::json(200, body).with("ETag", tag).applied(&operation.headers.prefer))
    })
}

fn create(
    call: &mut Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    held: Option<&mut Transaction<'_>>,
) -> Outcome<Reply> {
    let body = call.body(operation, &table.set)?;
    let payload = call.context(table, operation, true, false).read(&body)?;
    let target = payload.id.map_or(Target::New, Target::Id);
    write(call, operation, table, &target, &payload, (Mode::Create, Condition::default()), held)
}

fn update(
    call: &mut Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    target: &Target,
    held: Option<&mut Transaction<'_>>,
) -> Outcome<Reply> {
    let condition = operation.headers.condition()?;
    let body = call.body(operation, &table.set)?;
    let creates = condition.matches.is_none();
    let payload = call.context(table, operation, creates, false).read(&body)?;
    if let (Some(id), Target::Id(addressed)) = (payload.id, target)
        && id != *addressed
    {
        let text = "The primary key in the body differs from the one in the address.";
        return Err(ApiError::new(400, "0x80040203", text));
    }
    write(call, operation, table, target, &payload, (Mode::Upsert, condition), held)
}

fn write(
    call: &mut Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    target: &Target,
    payload: &Payload,
    (mode, condition): (Mode, Condition),
    held: Option<&mut Transaction<'_>>,
) -> Outcome<Reply> {
    let options = Options::parse(operation.raw_options)?;
    options.allow(&["$select"])?;
    if operation.headers.prefer.representation {
        options.select(table, call.seen_ms(operation))?;
    }
    if let Target::Id(id) = target {
        call.claim(&[(table.number, *id)]);
    }
    call.strike()?;
    call.spend(1);
    let representation = operation.headers.prefer.representation;
    let anchors = &call.session.engine.anchors;
    let (base, now_ms) = (call.session.base.clone(), call.seen_ms(operation));
    let schema = std::sync::Arc::clone(&call.schema);
    let (written, shown) = call.transact(held, |writer, transaction| {
        let written = writer.write(transaction, table, target, payload, mode, condition)?;
        if !representation {
            return Ok((written, None));
        }
        writer.rights.need(Verb::Read, table)?;
        let store: &Store = transaction.store();
        let reader = Reader { schema: &schema, store, anchors };
        let query = Query {
            reader,
            table,
            options: &options,
            base: &base,
            path: operation.path,
            raw_options: operation.raw_options,
            page_rows: None,
            annotations: operation.headers.prefer.annotations,
            now_ms,
            within: None,
        };
        let tag = reader.view(table.number, written.id).map(|view| view.etag()).unwrap_or_default();
        Ok((written, Some((query.single(written.id)?, tag))))
    })?;
    Ok(answer(call, operation, table, target, written, shown))
}

fn answer(
    call: &Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    target: &Target,
    written: Written,
    shown: Option<(String, String)>,
) -> Reply {
    let address = match target {
        // An alternate key is echoed, so that the primary key is not learnt.
        Target::Alternate(..) => format!("{}/{}", call.base(), operation.path),
        _ => format!("{}/{}({})", call.base(), table.set, guid::text(written.id)),
    };
    let created = written.created;
    match shown {
        Some((body, tag)) => {
            let reply = Reply::json(if created { 201 } else { 200 }, body).with("ETag", tag);
            let reply = if created { reply.with("Location", address) } else { reply };
            reply.applied(&operation.headers.prefer)
        }
        None if operation.method == "POST" || !operation.references.is_empty() => {
            Reply::empty(204).with("Location", address.clone()).with("OData-EntityId", address)
        }
        None => Reply::empty(204).with("OData-EntityId", address),
    }
}

fn delete(
    call: &mut Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    target: &Target,
    held: Option<&mut Transaction<'_>>,
) -> Outcome<Reply> {
    let condition = operation.headers.condition()?;
    if let Target::Id(id) = target {
        call.claim(&[(table.number, *id)]);
    }
    call.strike()?;
    call.spend(1);
    call.transact(held, |writer, transaction| writer.delete(transaction, table, target, condition))?;
    Ok(Reply::empty(204))
}

/// `GET set(key)/x`: a property's value, a row or collection behind a relationship, or a bound function.
fn related(
    call: &Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    target: &Target,
    segment: &Segment,
) -> Outcome<Reply> {
    let id = call.read(|reader| existing(reader, table, target))?;
    let name = segment.name.as_str();
    let schema = std::sync::Arc::clone(&call.schema);
    match (table.logical.as_str(), name.strip_prefix(NAMESPACE).unwrap_or(name)) {
        ("systemuser", "RetrieveUserPrivileges") => {
            let engine = call.session.engine;
            let user = engine.users.iter().find(|user| user.id == id);
            let user = user.ok_or_else(|| ApiError::missing("systemuser", &guid::text(id)))?;
            let body = environment::privileges(call.base(), user, &call.rights, &engine.anchors);
            Ok(Reply::json(200, body))
        }
        ("systemuser", "systemuserroles_association") => {
            let user = call.session.engine.users.iter().find(|user| user.id == id);
            let roles = user.map(|user| user.roles.iter().map(|role| environment::role_id(role)).collect());
            let roles: Vec<u128> = roles.unwrap_or_default();
            let table = schema.by_logical("role").ok_or_else(|| call.route(operation))?;
            collection(call, operation, table, Some(&roles))
        }
        ("systemuser", "teammembership_association") => {
            let table = schema.by_logical("team").ok_or_else(|| call.route(operation))?;
            collection(call, operation, table, Some(&[]))
        }
        ("team", "teamroles_association") => {
            let table = schema.by_logical("role").ok_or_else(|| call.route(operation))?;
            collection(call, operation, table, Some(&[]))
        }
        _ => property(call, operation, table, id, name),
    }
}

fn property(
    call: &Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    id: u128,
    name: &str,
) -> Outcome<Reply> {
    call.rights.need(Verb::Read, table)?;
    call.counters().reads.fetch_add(1, Relaxed);
    let Some(number) = table.by_property(name) else {
        return behind_lookup(call, operation, table, id, name);
    };
    call.read(|reader| {
        let Some(view) = reader.view(table.number, id) else { return Err(call.route(operation)) };
        if view.value(number) == Value::Null {
            return Ok(Reply::empty(204));
        }
        let context = format!("{}/$metadata#{}({})/{name}", call.base(), table.set, guid::text(id));
        let mut out = "{\"@odata.context\":".to_owned();
        push_text(&mut out, &context);
        out.push_str(",\"value\":");
        view.push_json(&mut out, number);
        out.push('}');
        Ok(Reply::json(200, out))
    })
}

/// The row that a single-valued navigation property leads to.
fn behind_lookup(
    call: &Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    id: u128,
    name: &str,
) -> Outcome<Reply> {
    let number = table.by_navigation(name).ok_or_else(|| ApiError::segment(name))?;
    let options = Options::parse(operation.raw_options)?;
    call.read(|reader| {
        let value = reader.view(table.number, id).map(|view| view.value(number));
        let Some(Value::Guid(other, Some(target))) = value else { return Ok(Reply::empty(204)) };
        let target = call.schema.table(target).ok_or_else(|| call.route(operation))?;
        call.rights.need(Verb::Read, target)?;
        Ok(Reply::json(200, query(call, operation, target, &options, reader, None).single(other)?))
    })
}

/// `PUT set(key)/column` with `{"value": ...}`, and `DELETE set(key)/column`.
fn property_write(
    call: &mut Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    target: &Target,
    segment: &Segment,
    held: Option<&mut Transaction<'_>>,
) -> Outcome<Reply> {
    if table.by_property(&segment.name).is_none() {
        return Err(ApiError::segment(&segment.name));
    }
    let value = if operation.method == "DELETE" {
        Json::Null
    } else {
        let body = call.body(operation, &table.set)?;
        let value = body.into_iter().find(|(name, _)| name == "value").map(|(_, value)| value);
        value.ok_or_else(|| ApiError::payload(&table.set, "The property 'value' is missing."))?
    };
    let members: Members<'_> = vec![(Cow::Borrowed(segment.name.as_str()), value)];
    patch(call, operation, table, target, &members, held)
}

/// `PUT set(key)/navigation/$ref` with `{"@odata.id": ...}`, and `DELETE set(key)/navigation/$ref`.
fn reference_write(
    call: &mut Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    target: &Target,
    navigation: &str,
    held: Option<&mut Transaction<'_>>,
) -> Outcome<Reply> {
    let number = table.by_navigation(navigation).ok_or_else(|| ApiError::left_out("$ref on a collection"))?;
    debug_assert!(table.column(number).is_some_and(|column| matches!(column.kind, Kind::Lookup { .. })));
    let value = if operation.method == "DELETE" {
        Json::Null
    } else {
        let body = call.body(operation, &table.set)?;
        let value = body.into_iter().find(|(name, _)| name == "@odata.id").map(|(_, value)| value);
        value.ok_or_else(|| ApiError::payload(&table.set, "The annotation '@odata.id' is missing."))?
    };
    let members: Members<'_> = vec![(Cow::Owned(format!("{navigation}@odata.bind")), value)];
    patch(call, operation, table, target, &members, held)
}

fn patch(
    call: &mut Call<'_, '_>,
    operation: &Operation<'_>,
    table: &Table,
    target: &Target,
    members: &Members<'_>,
    held: Option<&mut Transaction<'_>>,
) -> Outcome<Reply> {
    let payload = call.context(table, operation, false, false).read(members)?;
    let condition = operation.headers.condition()?;
    call.strike()?;
    call.spend(1);
    call.transact(held, |writer, transaction| {
        writer.write(transaction, table, target, &payload, Mode::Update, condition)
    })?;
    Ok(Reply::empty(204))
}
