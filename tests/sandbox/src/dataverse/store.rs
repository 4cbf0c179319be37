//! Rows in memory, their indexes, and transactions with an undo log. Knows nothing of HTTP or OData.

use std::hash::Hasher;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use super::cells;
use super::guid::{FastHasher, FastMap};
use super::schema::{AlternateKey, Schema, Table};

/// One row: the client's columns in compact form and what the service adds.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) cells: Box<[u8]>,
    pub(crate) version: u64,
    pub(crate) created_ms: u64,
    pub(crate) modified_ms: u64,
    /// Hash of the client's columns.
    pub(crate) digest: u64,
    /// Number of the user that created it.
    pub(crate) creator: u16,
    /// Number of the user that wrote it last.
    pub(crate) modifier: u16,
}

/// Hash of a row's client-written columns.
pub(crate) fn digest(cells: &[u8]) -> u64 {
    let mut hasher = FastHasher::default();
    hasher.write(cells);
    hasher.finish()
}

#[derive(Clone, Debug)]
enum Bucket {
    One(u128),
    Many(Vec<u128>),
}

/// One alternate key's index: folded values to the row.
#[derive(Default)]
struct KeyIndex {
    rows: FastMap<Box<[u8]>, u128>,
}

/// The rows of one table.
#[derive(Default)]
pub(crate) struct Rows {
    rows: FastMap<u128, Row>,
    by_email: FastMap<u64, Bucket>,
    keys: Vec<KeyIndex>,
    /// All primary keys in order; dropped when a row comes or goes.
    sorted: Mutex<Option<Arc<Vec<u128>>>>,
}

impl Rows {
    pub(crate) fn get(&self, id: u128) -> Option<&Row> {
        self.rows.get(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u128, &Row)> {
        self.rows.iter().map(|(id, row)| (*id, row))
    }

    /// All primary keys in order.
    pub(crate) fn sorted(&self) -> Arc<Vec<u128>> {
        let mut cache = self.sorted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ids) = &*cache {
            return Arc::clone(ids);
        }
        let mut ids: Vec<u128> = self.rows.keys().copied().collect();
        ids.sort_unstable();
        let ids = Arc::new(ids);
        *cache = Some(Arc::clone(&ids));
        ids
    }

    /// Rows whose `emailaddress1` may be this one: a hash is compared, so the caller checks the value.
    pub(crate) fn by_email(&self, folded: &str) -> &[u128] {
        // The index holds the stored form, which is JSON.
        let stored = serde_json::to_string(folded).unwrap_or_default();
        let inner = stored.get(1..stored.len().saturating_sub(1)).unwrap_or_default();
        match self.by_email.get(&email_hash(inner.as_bytes())) {
            Some(Bucket::One(id)) => std::slice::from_ref(id),
            Some(Bucket::Many(ids)) => ids,
            None => &[],
        }
    }

    /// The row that an alternate key's folded values name.
    pub(crate) fn by_key(&self, key: usize, folded: &[u8]) -> Option<u128> {
        self.keys.get(key)?.rows.get(folded).copied()
    }

    /// Builds the index of the key that was just added; `false` when rows share a value.
    pub(crate) fn index_key(&mut self, key: &AlternateKey) -> bool {
        let mut index = KeyIndex::default();
        let mut unique = true;
        for (id, row) in &self.rows {
            if let Some(folded) = folded_key(key, &row.cells) {
                unique &= index.rows.insert(folded, *id).is_none();
            }
        }
        self.keys.push(index);
        unique
    }

    fn forget_order(&mut self) {
        *self.sorted.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn put(&mut self, table: &Table, id: u128, row: Option<Row>) -> Option<Row> {
        let old = match row {
            Some(row) => {
                self.link(table, id, &row.cells);
                let old = self.rows.insert(id, row);
                if old.is_none() {
                    self.forget_order();
                }
                old
            }
            None => {
                self.forget_order();
                self.rows.remove(&id)
            }
        };
        if let Some(old) = &old {
            self.unlink(table, id, &old.cells);
        }
        old
    }

    fn link(&mut self, table: &Table, id: u128, cells: &[u8]) {
        if let Some(hash) = email_of(table, cells) {
            match self.by_email.get_mut(&hash) {
                None => {
                    self.by_email.insert(hash, Bucket::One(id));
                }
                Some(Bucket::Many(ids)) => ids.push(id),
                Some(one) => {
                    let Bucket::One(first) = *one else { return };
                    *one = Bucket::Many(vec![first, id]);
                }
            }
        }
        for (key, index) in table.keys.iter().zip(&mut self.keys) {
            if let Some(folded) = folded_key(key, cells) {
                index.rows.insert(folded, id);
            }
        }
    }

    /// Takes out one mention of the old values; called after the new ones went in, so a value that stayed has two.
    fn unlink(&mut self, table: &Table, id: u128, cells: &[u8]) {
        if let Some(hash) = email_of(table, cells) {
            let mut empty = false;
            match self.by_email.get_mut(&hash) {
                Some(Bucket::Many(ids)) => {
                    if let Some(at) = ids.iter().position(|other| *other == id) {
                        ids.swap_remove(at);
                    }
                    empty = ids.is_empty();
                    if let [last] = ids.as_slice() {
                        let last = *last;
                        self.by_email.insert(hash, Bucket::One(last));
                    }
                }
                Some(Bucket::One(_)) => empty = true,
                None => {}
            }
            if empty {
                self.by_email.remove(&hash);
            }
        }
        let current = self.rows.get(&id).map(|row| &*row.cells);
        for (key, index) in table.keys.iter().zip(&mut self.keys) {
            let Some(folded) = folded_key(key, cells) else { continue };
            let stays = current.and_then(|cells| folded_key(key, cells)).is_some_and(|now| now == folded);
            if !stays && index.rows.get(&folded) == Some(&id) {
                index.rows.remove(&folded);
            }
        }
    }
}

/// An alternate key's values in one comparable text; `None` when a column is null, which takes no part in uniqueness.
pub(crate) fn folded_key(key: &AlternateKey, cells: &[u8]) -> Option<Box<[u8]>> {
    let mut folded = Vec::new();
    for column in &key.columns {
        let bytes = cells::find(cells, *column).filter(|bytes| *bytes != b"null")?;
        fold_into(&mut folded, bytes);
    }
    Some(folded.into_boxed_slice())
}

/// Appends one value of an alternate key, without regard to case.
pub(crate) fn fold_into(out: &mut Vec<u8>, bytes: &[u8]) {
    // Only a text has quotes; a lookup's bytes are compared as they are.
    let quoted = bytes.first() == Some(&b'"') && bytes.last() == Some(&b'"');
    match std::str::from_utf8(bytes) {
        Ok(text) if quoted => out.extend_from_slice(text.to_lowercase().as_bytes()),
        _ => out.extend_from_slice(bytes),
    }
    out.push(0);
}

fn email_of(table: &Table, cells: &[u8]) -> Option<u64> {
    let bytes = cells::find(cells, table.email?).filter(|bytes| *bytes != b"null")?;
    let inner = bytes.get(1..bytes.len().checked_sub(1)?)?;
    if inner.is_ascii() {
        return Some(email_hash(inner));
    }
    Some(email_hash(std::str::from_utf8(inner).ok()?.to_lowercase().as_bytes()))
}

fn email_hash(folded: &[u8]) -> u64 {
    let mut hasher = FastHasher::default();
    let mut lower = [0_u8; 64];
    for chunk in folded.chunks(lower.len()) {
        // A chunk is at most as long as the buffer.
        let target = &mut lower[..chunk.len()];
        target.copy_from_slice(chunk);
        target.make_ascii_lowercase();
        hasher.write(target);
    }
    hasher.finish()
}

/// All tables' rows.
#[derive(Default)]
pub(crate) struct Store {
    tables: Vec<Rows>,
    version: u64,
}

impl Store {
    /// Makes room for tables that the schema gained.
    pub(crate) fn fit(&mut self, schema: &Schema) {
        for table in schema.tables().skip(self.tables.len()) {
            let keys = table.keys.iter().map(|_| KeyIndex::default()).collect();
            self.tables.push(Rows { keys, ..Rows::default() });
        }
    }

    pub(crate) fn rows(&self, table: u16) -> Option<&Rows> {
        self.tables.get(usize::from(table))
    }

    pub(crate) fn rows_mut(&mut self, table: u16) -> Option<&mut Rows> {
        self.tables.get_mut(usize::from(table))
    }

    pub(crate) fn get(&self, table: u16, id: u128) -> Option<&Row> {
        self.rows(table)?.get(id)
    }
}

/// What a transaction did, added to the counters when it commits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) deleted: u64,
}

/// A transaction: it owns the store until it is committed, or dropped, which undoes it.
pub(crate) struct Transaction<'a> {
    store: &'a mut Store,
    schema: Arc<Schema>,
    undo: Vec<(u16, u128, Option<Row>)>,
    pub(crate) tally: Tally,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(store: &'a mut Store, schema: Arc<Schema>) -> Self {
        Self { store, schema, undo: Vec::new(), tally: Tally::default() }
    }

    pub(crate) fn store(&self) -> &Store {
        self.store
    }

    /// The version number for the next write.
    pub(crate) fn next_version(&mut self) -> u64 {
        self.store.version += 1;
        self.store.version
    }

    /// Writes or (with `None`) removes a row.
    pub(crate) fn put(&mut self, table: &Table, id: u128, row: Option<Row>) {
        if let Some(rows) = self.store.rows_mut(table.number) {
            let old = rows.put(table, id, row);
            self.undo.push((table.number, id, old));
        }
    }

    /// Keeps everything.
    pub(crate) fn commit(mut self) -> Tally {
        self.undo.clear();
        mem::take(&mut self.tally)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        while let Some((number, id, old)) = self.undo.pop() {
            if let (Some(table), Some(rows)) = (self.schema.table(number), self.store.rows_mut(number)) {
                rows.put(table, id, old);
            }
        }
    }
}
