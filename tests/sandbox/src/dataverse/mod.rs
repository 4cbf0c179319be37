//! A stand-in for the Dataverse Web API, built from the vendor's documentation and strict where the service is strict.
//!
//! What it serves, below `/api/data/v9.2/`: `WhoAmI`, `RetrieveCurrentOrganization`, users, roles and privileges;
//! definitions of tables, columns, keys and relationships; rows of lead, contact, account, campaign and the tables
//! around them; `CreateMultiple`, `UpdateMultiple`, `UpsertMultiple`; `$batch` with changesets. It counts what clients
//! do and plays faults. Definitions can be added, not changed. What it leaves out (deep insert, `$expand` and `$apply` on rows, FetchXML, change tracking,
//! duplicate detection, lead qualification, merge) answers 501 in the service's error shape.
//!
//! Where the documentation is silent it takes the stricter reading: `OData-Version` and `OData-MaxVersion` are demanded
//! of `$batch` only, a JSON body must say that it is one (415), a column that cannot be written is refused (400) rather
//! than ignored, a key twice in `UpsertMultiple` is the duplicate-key error, and an address inside a batch is absolute
//! or begins at the root.
//!
//! It must never read a clock, a file or the network by itself, never shape its answers to one client's code, and
//! never write a token or a row's values to a log.
//!
//! See <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/overview>.

mod batch;
mod bulk;
mod cells;
mod counters;
mod definitions;
mod dictionary;
mod engine;
mod environment;
mod error;
mod filter;
mod guid;
mod http;
mod json;
mod metadata;
mod multipart;
mod operation;
mod options;
mod payload;
mod predicate;
mod provision;
mod query;
mod reply;
mod resource;
mod rights;
mod rows;
mod schema;
mod store;
mod throttle;
mod time;
mod view;
mod write;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use serde_json::{Map, Value};

pub use self::options::{
    ApplicationUser, ColumnLimit, DEFAULT_APPLICATION_ID, DataverseFaults, DataverseOptions, KeySeed,
    ROLELESS_APPLICATION_ID, RowSeed, ServiceProtection,
};

use self::engine::{Engine, read_lock, write_lock};
use self::view::View;

/// The time in epoch milliseconds, injected.
pub type Now = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Looks a bearer token up; `None` for one that is unknown or has expired.
pub type Verify = Arc<dyn Fn(&str) -> Option<Caller> + Send + Sync>;

/// Whom a token was issued to, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Id of the app registration.
    pub application_id: String,
    /// Origin that the token was issued for, without a trailing slash.
    pub resource: String,
}

/// One environment. Clones share it.
#[derive(Clone)]
pub struct Dataverse {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) verify: Verify,
    pub(crate) now: Now,
}

impl fmt::Debug for Dataverse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Dataverse").finish_non_exhaustive()
    }
}

impl Dataverse {
    /// A new environment. [`Dataverse::set_origin`] must be called before it is served.
    pub fn new(options: DataverseOptions, verify: Verify, now: Now) -> Self {
        let engine = Engine::new(&options, now());
        // The options hold seed rows that are stored by now.
        drop(options);
        Self { shared: Arc::new(Shared { engine, verify, now }) }
    }

    /// The routes below `/api/data/v9.2/`; every other path answers 404.
    pub fn router(&self) -> Router {
        http::router(Arc::clone(&self.shared))
    }

    /// Names the origin (scheme, host and port) under which it is reached: it stands in `OData-EntityId` and
    /// `@odata.context`, and a token for another resource is refused.
    pub fn set_origin(&self, origin: String) {
        let mut origin = origin;
        origin.truncate(origin.trim_end_matches('/').len());
        *write_lock(&self.shared.engine.origin) = origin;
    }

    /// The faults in force.
    pub fn faults(&self) -> DataverseFaults {
        DataverseFaults::clone(&read_lock(&self.shared.engine.faults))
    }

    /// Puts other faults in force, for requests that begin from now on.
    pub fn set_faults(&self, faults: DataverseFaults) {
        *write_lock(&self.shared.engine.faults) = Arc::new(faults);
    }

    /// What was counted since the start, as a flat JSON object; `rows` counts rows by entity set.
    pub fn stats(&self) -> Value {
        let engine = &self.shared.engine;
        let store = read_lock(&engine.store);
        engine.counters.report(&engine.schema(), &store)
    }

    /// Calls `f` for every row of an entity set in order of the primary key, with the columns that are not null under
    /// the names that a query gives them. Nothing happens for an unknown set. `f` must not write to this environment.
    pub fn for_each_row(&self, entity_set: &str, f: &mut dyn FnMut(&Map<String, Value>)) {
        let engine = &self.shared.engine;
        let (store, schema) = (read_lock(&engine.store), engine.schema());
        let Some(table) = schema.by_set(entity_set) else { return };
        let Some(rows) = store.rows(table.number) else { return };
        for id in rows.sorted().iter() {
            let Some(row) = rows.get(*id) else { continue };
            let view = View { schema: &schema, table, anchors: &engine.anchors, id: *id, row };
            f(&whole_row(&view));
        }
    }
}

fn whole_row(view: &View<'_>) -> Map<String, Value> {
    let mut map = Map::new();
    for (number, column) in (0_u16..).zip(&view.table.columns) {
        let mut text = String::new();
        view.push_json(&mut text, number);
        match serde_json::from_str(&text) {
            Ok(Value::Null) | Err(_) => {}
            Ok(value) => _ = map.insert(column.property.clone(), value),
        }
    }
    map
}
