//! The state of one stand-in and its start-up rows. Knows nothing of HTTP.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;

use super::counters::Counters;
use super::dictionary;
use super::environment;
use super::error::{ApiError, Outcome};
use super::guid;
use super::json::Json;
use super::options::{ApplicationUser, DataverseFaults, DataverseOptions, KeySeed};
use super::payload::Context;
use super::rights::{Rights, User};
use super::schema::{AlternateKey, Schema};
use super::store::{Store, Transaction};
use super::throttle::Throttle;
use super::view::Anchors;
use super::write::{Condition, Mode, Target, Writer};

/// Everything behind one stand-in.
pub(crate) struct Engine {
    pub(crate) organization_name: String,
    pub(crate) tenant_id: String,
    pub(crate) users: Vec<User>,
    pub(crate) anchors: Anchors,
    pub(crate) dop_hint: u32,
    pub(crate) servers: u32,
    pub(crate) key_delay_ms: u64,
    pub(crate) metadata_delay_ms: u64,
    pub(crate) origin: RwLock<String>,
    pub(crate) faults: RwLock<Arc<DataverseFaults>>,
    schema: RwLock<Arc<Schema>>,
    pub(crate) store: RwLock<Store>,
    pub(crate) counters: Counters,
    pub(crate) throttle: Mutex<Throttle>,
    /// Source of primary keys that the service makes.
    pub(crate) fresh: AtomicU64,
    /// Number of the next request.
    pub(crate) requests: AtomicU64,
    draws: AtomicU64,
}

/// Reads behind a lock; a panic elsewhere leaves the data whole, since writes are undone on unwinding.
pub(crate) fn read_lock<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Writes behind a lock, as [`read_lock`].
pub(crate) fn write_lock<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// A new environment with its start-up rows.
    pub(crate) fn new(options: &DataverseOptions, now_ms: u64) -> Self {
        let numbered = (0_u16..).zip(&options.users);
        let users: Vec<User> = numbered.map(|(number, user)| User::new(number, user)).collect();
        let anchors = environment::anchors(&users);
        let schema = Arc::new(with_keys(dictionary::standard(), &options.keys));
        let mut store = Store::default();
        store.fit(&schema);
        let fresh = AtomicU64::new(1);
        for (set, body) in environment::seeds(options, &users, &anchors, &schema) {
            // A row that the service would refuse is left out, as the options say.
            _ = plant(&mut store, &schema, &fresh, now_ms, &set, &body);
        }
        Self {
            organization_name: options.organization_name.clone(),
            tenant_id: options.tenant_id.clone(),
            users,
            anchors,
            dop_hint: options.dop_hint,
            servers: options.servers.max(1),
            key_delay_ms: options.key_delay_ms,
            metadata_delay_ms: options.metadata_delay_ms,
            origin: RwLock::new(String::new()),
            faults: RwLock::new(Arc::new(options.faults.clone())),
            schema: RwLock::new(schema),
            store: RwLock::new(store),
            counters: Counters::default(),
            throttle: Mutex::new(Throttle::default()),
            fresh,
            requests: AtomicU64::new(1),
            draws: AtomicU64::new(0),
        }
    }

    /// The definitions in force.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        Arc::clone(&read_lock(&self.schema))
    }

    /// Puts new definitions in force; the caller holds the store, so that no write is under way.
    pub(crate) fn define(&self, store: &mut Store, schema: Schema) {
        store.fit(&schema);
        *write_lock(&self.schema) = Arc::new(schema);
    }

    /// Draws for a fault that falls one time in `n`; never when `n` is 0. The same sequence in every run.
    pub(crate) fn falls(&self, n: u32) -> bool {
        n > 0 && guid::spread(self.draws.fetch_add(1, Ordering::Relaxed)).is_multiple_of(u64::from(n))
    }

    /// The user of an application.
    pub(crate) fn user(&self, application_id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.application_id.eq_ignore_ascii_case(application_id))
    }
}

fn with_keys(mut schema: Schema, seeds: &[KeySeed]) -> Schema {
    let built_in = KeySeed {
        table: "systemuser".to_owned(),
        name: "azureactivedirectoryobjectid".to_owned(),
        columns: vec!["azureactivedirectoryobjectid".to_owned()],
    };
    for seed in seeds.iter().chain([&built_in]) {
        let Some(mut table) = schema.by_logical(&seed.table).cloned() else { continue };
        let columns: Vec<u16> = seed.columns.iter().filter_map(|name| table.by_logical(name)).collect();
        if columns.len() == seed.columns.len() && !columns.is_empty() {
            table.keys.push(AlternateKey {
                logical: seed.name.to_lowercase(),
                schema_name: seed.name.clone(),
                display: seed.name.clone(),
                columns,
                active_ms: 0,
                failed: false,
            });
            schema.replace(table);
        }
    }
    schema
}

/// Writes one start-up row with all rights.
pub(crate) fn plant(
    store: &mut Store,
    schema: &Arc<Schema>,
    fresh: &AtomicU64,
    now_ms: u64,
    set: &str,
    body: &Value,
) -> Outcome<()> {
    let table = schema.by_set(set).ok_or_else(|| ApiError::segment(set))?;
    let verbs = ["Create", "Append", "AppendTo", "Assign", "Write"];
    let privileges =
        schema.tables().flat_map(|table| verbs.map(|verb| format!("prv{verb}{}", table.privilege)));
    let system = ApplicationUser {
        application_id: String::new(),
        name: "SYSTEM".to_owned(),
        roles: Vec::new(),
        privileges: privileges.collect(),
    };
    let (user, faults) = (User::new(0, &system), Arc::new(DataverseFaults::default()));
    let text = body.to_string();
    let Ok(Json::Object(members)) = serde_json::from_str(&text) else {
        return Err(ApiError::payload(set, "a row is an object"));
    };
    let context = Context {
        schema,
        table,
        faults: &faults,
        origin: "",
        references: &[],
        now_ms,
        creates: true,
        typed: false,
    };
    let payload = context.read(&members)?;
    let rights = Rights::new(&user, Arc::clone(&faults));
    let writer = Writer { schema, rights: &rights, faults: &faults, now_ms, fresh, bulk: false };
    let target = payload.id.map_or(Target::New, Target::Id);
    let mut transaction = Transaction::new(store, Arc::clone(schema));
    writer.write(&mut transaction, table, &target, &payload, Mode::Create, Condition::default())?;
    transaction.commit();
    Ok(())
}
