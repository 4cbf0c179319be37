//! Creating, updating and deleting one row inside a transaction: preconditions, privileges, lookups, status rules,
//! alternate keys. The same path serves single rows, changesets and bulk messages.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cells;
use super::error::{ApiError, Outcome};
use super::guid;
use super::options::DataverseFaults;
use super::payload::{Bind, BoundKey, Payload};
use super::resource::{self, Key};
use super::rights::{Rights, Verb};
use super::schema::{AlternateKey, Kind, Schema, Table};
use super::store::{self, Row, Transaction};
use super::time;
use super::view::number_text;

/// What a write may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Create,
    Update,
    Upsert,
}

/// What `If-Match` demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Any,
    Version(u64),
}

/// The preconditions of one write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) matches: Option<Match>,
    pub(crate) none: bool,
}

/// Which row a write is about.
#[derive(Debug)]
pub(crate) enum Target {
    /// Always a new row.
    New,
    Id(u128),
    /// An alternate key by its index in the table and its columns' stored bytes.
    Alternate(usize, Vec<(u16, Vec<u8>)>),
}

/// What a write did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) id: u128,
    pub(crate) created: bool,
}

/// What rows are written with.
pub(crate) struct Writer<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) rights: &'a Rights<'a>,
    pub(crate) faults: &'a DataverseFaults,
    /// Epoch milliseconds.
    pub(crate) now_ms: u64,
    /// Source of new primary keys.
    pub(crate) fresh: &'a AtomicU64,
    /// Whether errors are worded as bulk messages word them.
    pub(crate) bulk: bool,
}

impl Writer<'_> {
    /// Writes one row.
    pub(crate) fn write(
        &self,
        transaction: &mut Transaction<'_>,
        table: &Table,
        target: &Target,
        payload: &Payload,
        mode: Mode,
        condition: Condition,
    ) -> Outcome<Written> {
        let found = self.locate(transaction, table, target);
        let exists = found.is_some_and(|id| transaction.store().get(table.number, id).is_some());
        self.check(transaction, table, target, found, mode, condition)?;
        let id = found.unwrap_or_else(|| self.fresh_id());
        self.rights.need(if exists { Verb::Write } else { Verb::Create }, table)?;
        let bound = self.bound(transaction, table, payload)?;
        if self.faults.poisons(id) && (table.custom || matches!(table.object_type_code, 1 | 2 | 4)) {
            return Err(ApiError::plug_in(&guid::text(id)));
        }
        if exists {
            self.update(transaction, table, target, id, &bound)?;
        } else {
            self.create(transaction, table, target, id, &bound)?;
        }
        Ok(Written { id, created: !exists })
    }

    /// Removes one row.
    pub(crate) fn delete(
        &self,
        transaction: &mut Transaction<'_>,
        table: &Table,
        target: &Target,
        condition: Condition,
    ) -> Outcome<()> {
        let found = self.locate(transaction, table, target);
        self.check(transaction, table, target, found, Mode::Update, condition)?;
        self.rights.need(Verb::Delete, table)?;
        if let Some(id) = found {
            transaction.put(table, id, None);
            transaction.tally.deleted += 1;
        }
        Ok(())
    }

    /// The row that a key names, whether or not it exists (for a primary key).
    pub(crate) fn locate(
        &self,
        transaction: &Transaction<'_>,
        table: &Table,
        target: &Target,
    ) -> Option<u128> {
        match target {
            Target::New => None,
            Target::Id(id) => Some(*id),
            Target::Alternate(key, parts) => {
                let mut folded = Vec::new();
                parts.iter().for_each(|(_, bytes)| store::fold_into(&mut folded, bytes));
                transaction.store().rows(table.number)?.by_key(*key, &folded)
            }
        }
    }

    fn check(
        &self,
        transaction: &Transaction<'_>,
        table: &Table,
        target: &Target,
        found: Option<u128>,
        mode: Mode,
        condition: Condition,
    ) -> Outcome<()> {
        let row = found.and_then(|id| transaction.store().get(table.number, id));
        let Some(row) = row else {
            if mode == Mode::Update || condition.matches.is_some() {
                return Err(self.missing(table, target));
            }
            return Ok(());
        };
        if mode == Mode::Create {
            return Err(ApiError::duplicate_id());
        }
        if condition.none {
            return Err(ApiError::exists());
        }
        match condition.matches {
            Some(Match::Version(version)) if version != row.version => Err(ApiError::version()),
            _ => Ok(()),
        }
    }

    fn missing(&self, table: &Table, target: &Target) -> ApiError {
        match target {
            Target::Id(id) if self.bulk => ApiError::missing_bulk(&table.logical, &guid::text(*id)),
            Target::Id(id) => ApiError::missing(&table.logical, &guid::text(*id)),
            Target::Alternate(..) | Target::New => ApiError::no_match(&table.logical),
        }
    }

    fn fresh_id(&self) -> u128 {
        let number = self.fresh.fetch_add(1, Ordering::Relaxed);
        let low = 0x8000_0000_0000_0000 | u128::from(number & 0x3fff_ffff_ffff_ffff);
        (u128::from(self.now_ms) << 80) | (0x4000 << 64) | low
    }

    /// The cells to be written, with every lookup checked.
    fn bound<'p>(
        &self,
        transaction: &Transaction<'_>,
        table: &Table,
        payload: &'p Payload,
    ) -> Outcome<Cow<'p, [u8]>> {
        if payload.binds.is_empty() {
            return Ok(Cow::Borrowed(&payload.cells));
        }
        let mut late: Vec<(u16, [u8; 18])> = Vec::new();
        for bind in &payload.binds {
            let Some(target) = self.schema.table(bind.table) else { continue };
            let id = self.bind_target(transaction, target, bind)?;
            if let BoundKey::Alternate(_) = bind.key {
                late.push((bind.column, cells::reference(bind.table, id)));
            }
            if Some(bind.column) == table.owner {
                if id != self.rights.user.id {
                    self.rights.need(Verb::Assign, table)?;
                }
            } else {
                self.rights.need(Verb::Append, table)?;
                self.rights.need(Verb::AppendTo, target)?;
            }
        }
        if late.is_empty() {
            return Ok(Cow::Borrowed(&payload.cells));
        }
        late.sort_by_key(|cell| cell.0);
        let mut extra = Vec::new();
        late.iter().for_each(|(column, bytes)| cells::push(&mut extra, *column, bytes));
        Ok(Cow::Owned(cells::merge(&payload.cells, &extra)))
    }

    fn bind_target(&self, transaction: &Transaction<'_>, target: &Table, bind: &Bind) -> Outcome<u128> {
        match &bind.key {
            BoundKey::Id(id) => {
                let exists = transaction.store().get(target.number, *id).is_some();
                exists.then_some(*id).ok_or_else(|| ApiError::missing(&target.logical, &guid::text(*id)))
            }
            BoundKey::Alternate(pairs) => {
                let found = self.target(target, &Key::Named(pairs.clone()))?;
                self.locate(transaction, target, &found).ok_or_else(|| ApiError::no_match(&target.logical))
            }
        }
    }

    fn create(
        &self,
        transaction: &mut Transaction<'_>,
        table: &Table,
        target: &Target,
        id: u128,
        bound: &[u8],
    ) -> Outcome<()> {
        let mut cells = bound.to_vec();
        if let Target::Alternate(_, parts) = target {
            let mut from_key: Vec<&(u16, Vec<u8>)> = parts.iter().collect();
            from_key.sort_by_key(|part| part.0);
            let mut extra = Vec::new();
            from_key.iter().for_each(|(column, bytes)| cells::push(&mut extra, *column, bytes));
            // A value in the body wins over the one in the address.
            cells = cells::merge(&extra, &cells);
        }
        let cells = settle_status(table, bound, cells)?;
        check_keys(transaction, table, id, &cells)?;
        let row = self.row(transaction, cells, None);
        transaction.put(table, id, Some(row));
        transaction.tally.created += 1;
        Ok(())
    }

    fn update(
        &self,
        transaction: &mut Transaction<'_>,
        table: &Table,
        target: &Target,
        id: u128,
        bound: &[u8],
    ) -> Outcome<()> {
        let Some(old) = transaction.store().get(table.number, id) else { return Ok(()) };
        let stripped = match target {
            Target::Alternate(_, parts) => Cow::Owned(without(bound, parts)),
            _ => Cow::Borrowed(bound),
        };
        let merged = cells::merge(&old.cells, &stripped);
        let merged = settle_status(table, &stripped, merged)?;
        let same = *merged == *old.cells;
        let created = (old.created_ms, old.creator);
        check_keys(transaction, table, id, &merged)?;
        let row = self.row(transaction, merged, Some(created));
        transaction.put(table, id, Some(row));
        transaction.tally.updated += 1;
        transaction.tally.unchanged += u64::from(same);
        Ok(())
    }

    fn row(&self, transaction: &mut Transaction<'_>, cells: Vec<u8>, created: Option<(u64, u16)>) -> Row {
        let user = self.rights.user.number;
        let (created_ms, creator) = created.unwrap_or((self.now_ms, user));
        Row {
            digest: store::digest(&cells),
            cells: cells.into_boxed_slice(),
            version: transaction.next_version(),
            created_ms,
            modified_ms: self.now_ms,
            creator,
            modifier: user,
        }
    }

    /// Turns an address's key into a target, or refuses a key that the table does not have.
    pub(crate) fn target(&self, table: &Table, key: &Key) -> Outcome<Target> {
        find_target(self.schema, table, key, self.now_ms)
    }
}

/// Turns an address's key into a target, or refuses a key that the table does not have.
pub(crate) fn find_target(schema: &Schema, table: &Table, key: &Key, now_ms: u64) -> Outcome<Target> {
    let pairs = match key {
        Key::Id(id) => return Ok(Target::Id(*id)),
        Key::Named(pairs) => pairs,
    };
    if let [(name, literal)] = pairs.as_slice()
        && *name == table.primary_id
    {
        return guid::parse(literal).map(Target::Id).ok_or_else(resource::bad_syntax);
    }
    let refused = || ApiError::invalid_key(&table.logical);
    let mut given = Vec::with_capacity(pairs.len());
    for (name, literal) in pairs {
        let number = table.by_property(name).ok_or_else(refused)?;
        given.push((number, literal.as_str()));
    }
    let matches = |key: &AlternateKey| {
        let same = key.columns.len() == given.len();
        same && !key.failed
            && key.active_ms <= now_ms
            && given.iter().all(|(number, _)| key.columns.contains(number))
    };
    let index = table.keys.iter().position(matches).ok_or_else(refused)?;
    let key = table.keys.get(index).ok_or_else(refused)?;
    let mut parts = Vec::with_capacity(given.len());
    for column in &key.columns {
        let literal = given.iter().find(|(number, _)| number == column).map_or("", |(_, literal)| literal);
        parts.push((*column, key_bytes(schema, table, *column, literal).ok_or_else(resource::bad_syntax)?));
    }
    Ok(Target::Alternate(index, parts))
}

/// A literal of an address in stored form.
fn key_bytes(schema: &Schema, table: &Table, column: u16, literal: &str) -> Option<Vec<u8>> {
    let column = table.column(column)?;
    let text = match &column.kind {
        Kind::Text { .. } | Kind::Memo { .. } => serde_json::to_string(&resource::unquote(literal)?).ok()?,
        Kind::Integer { .. }
        | Kind::BigInt
        | Kind::Choice { .. }
        | Kind::State { .. }
        | Kind::Status { .. } => literal.parse::<i64>().ok()?.to_string(),
        Kind::Double { .. } | Kind::Decimal { .. } | Kind::Money { .. } => number_text(literal.parse().ok()?),
        Kind::DateTime | Kind::DateOrTime => format!("\"{}\"", time::instant(time::parse_instant(literal)?)),
        Kind::Date => format!("\"{}\"", time::date(time::parse_date(literal)?)),
        Kind::Guid => format!("\"{}\"", guid::text(guid::parse(literal)?)),
        Kind::Lookup { targets, .. } => {
            let target = schema.by_logical(&targets.first()?.table)?;
            return Some(cells::reference(target.number, guid::parse(literal)?).to_vec());
        }
        Kind::Boolean { .. } => return None,
    };
    Some(text.into_bytes())
}

fn without(bound: &[u8], parts: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bound.len());
    for (column, bytes) in cells::Cells(bound) {
        if !parts.iter().any(|(key, _)| *key == column) {
            cells::push(&mut out, column, bytes);
        }
    }
    out
}

/// Gives a changed state its default status, and refuses a status of another state.
fn settle_status(table: &Table, written: &[u8], merged: Vec<u8>) -> Outcome<Vec<u8>> {
    let (Some(state), Some(status)) = (table.state, table.status) else { return Ok(merged) };
    let whole = |cells: &[u8], column| {
        cells::find(cells, column).and_then(|bytes| std::str::from_utf8(bytes).ok()?.parse::<i64>().ok())
    };
    let (new_state, new_status) = (whole(written, state), whole(written, status));
    if new_state.is_none() && new_status.is_none() {
        return Ok(merged);
    }
    let now = whole(&merged, state).unwrap_or(0);
    let Some(Kind::Status { options }) = table.column(status).map(|column| &column.kind) else {
        return Ok(merged);
    };
    if let Some(value) = new_status {
        let belongs = options.iter().any(|option| option.value == value && option.state == now);
        return if belongs { Ok(merged) } else { Err(ApiError::status(&table.logical, value, now)) };
    }
    let Some(default) = options.iter().find(|option| option.state == now) else { return Ok(merged) };
    let mut extra = Vec::new();
    cells::push(&mut extra, status, default.value.to_string().as_bytes());
    Ok(cells::merge(&merged, &extra))
}

/// Refuses a row that shares an alternate key's value with another row.
fn check_keys(transaction: &Transaction<'_>, table: &Table, id: u128, cells: &[u8]) -> Outcome<()> {
    for (index, key) in table.keys.iter().enumerate() {
        let Some(folded) = store::folded_key(key, cells).filter(|_| !key.failed) else { continue };
        let taken = transaction.store().rows(table.number).and_then(|rows| rows.by_key(index, &folded));
        if taken.is_some_and(|other| other != id) {
            let names: Vec<&str> = key
                .columns
                .iter()
                .filter_map(|number| Some(table.column(*number)?.logical.as_str()))
                .collect();
            return Err(ApiError::key_violated(&key.display, &names.join(", ")));
        }
    }
    Ok(())
}
