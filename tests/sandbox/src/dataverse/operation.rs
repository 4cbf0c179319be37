//! One operation from its path to its answer. The same code serves lone requests, batch parts and changeset members;
//! a changeset hands in the transaction it holds.

use std::sync::Arc;

use super::counters::Counters;
use super::engine::{Engine, read_lock, write_lock};
use super::environment;
use super::error::{ApiError, Outcome};
use super::json::{Json, Members};
use super::metadata;
use super::options::DataverseFaults;
use super::payload::Context;
use super::query::Options;
use super::reply::{Operation, Reply};
use super::resource::{self, Key};
use super::rights::{Rights, User};
use super::rows;
use super::schema::{Schema, Table};
use super::store::{Store, Transaction};
use super::view::Reader;
use super::write::{Target, Writer, find_target};

/// What one HTTP request carries from operation to operation.
pub(crate) struct Session<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) user: &'e User,
    pub(crate) faults: Arc<DataverseFaults>,
    /// Own origin, without a trailing slash.
    pub(crate) origin: String,
    /// Service root, without a trailing slash.
    pub(crate) base: String,
    /// Number of the request, for finding rows that two requests write at once.
    pub(crate) request: u64,
    /// Epoch milliseconds.
    pub(crate) now_ms: u64,
    /// Rows that this request claimed.
    pub(crate) claimed: Vec<(u16, u128)>,
    /// Rows that were written, for the latency of rows.
    pub(crate) rows: u64,
    /// Whether a write took effect.
    pub(crate) wrote: bool,
}

/// One operation's surroundings: the session and the definitions that were in force when it began.
pub(crate) struct Call<'s, 'e> {
    pub(crate) session: &'s mut Session<'e>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) rights: Rights<'e>,
    pub(crate) faults: Arc<DataverseFaults>,
    bulk: bool,
}

/// Runs one operation.
pub(crate) fn execute(
    session: &mut Session<'_>,
    operation: &Operation<'_>,
    held: Option<&mut Transaction<'_>>,
) -> Outcome<Reply> {
    let segments = resource::segments(operation.path)?;
    let [first, rest @ ..] = segments.as_slice() else { return Err(resource::bad_syntax()) };
    let schema = session.engine.schema();
    let faults = Arc::clone(&session.faults);
    let rights = Rights::new(session.user, Arc::clone(&faults));
    let mut call = Call { session, schema: Arc::clone(&schema), rights, faults, bulk: false };
    let get = operation.method == "GET";
    match (first.name.as_str(), rest) {
        ("WhoAmI", []) if get && first.key.as_deref().unwrap_or_default().is_empty() => {
            let (session, anchors) = (&call.session, &call.session.engine.anchors);
            Ok(Reply::json(200, environment::who_am_i(&session.base, session.user, anchors)))
        }
        ("RetrieveCurrentOrganization", []) if get => organization(&call, operation, first.key.as_deref()),
        ("WhoAmI" | "RetrieveCurrentOrganization", _) => Err(call.route(operation)),
        ("EntityDefinitions" | "RelationshipDefinitions" | "GlobalOptionSetDefinitions", _) => {
            if held.is_some() {
                return Err(ApiError::left_out("a definition in a changeset"));
            }
            metadata::execute(&mut call, operation, &segments)
        }
        // Definitions are in force as soon as they are made; publishing them again changes nothing.
        ("PublishAllXml" | "PublishXml", []) if operation.method == "POST" => Ok(Reply::empty(204)),
        ("" | "$metadata", []) => Err(ApiError::left_out("the service document")),
        ("$batch", _) => Err(ApiError::new(400, "0x80048d19", "A batch cannot hold another batch.")),
        (set, _) => {
            let table = schema.by_set(set).filter(|table| call.sees(table, operation));
            let table = table.ok_or_else(|| ApiError::segment(set))?;
            rows::execute(&mut call, operation, table, &segments, held)
        }
    }
}

fn organization(call: &Call<'_, '_>, operation: &Operation<'_>, parameters: Option<&str>) -> Outcome<Reply> {
    let options = Options::parse(operation.raw_options)?;
    let parameter = parameters.unwrap_or_default().strip_prefix("AccessType=");
    let value = parameter.map(|value| options.get(value).unwrap_or(value));
    let known = ["Default", "Internet", "Intranet"]
        .map(|member| format!("Microsoft.Dynamics.CRM.EndpointAccessType'{member}'"));
    if !value.is_some_and(|value| known.iter().any(|one| one == value)) {
        return Err(call.route(operation));
    }
    let (session, engine) = (&call.session, call.session.engine);
    let body = environment::organization(
        &session.base,
        &session.origin,
        &engine.organization_name,
        &engine.tenant_id,
        &engine.anchors,
    );
    Ok(Reply::json(200, body))
}

impl<'e> Call<'_, 'e> {
    pub(crate) fn base(&self) -> &str {
        &self.session.base
    }

    pub(crate) fn counters(&self) -> &'e Counters {
        &self.session.engine.counters
    }

    /// The error for a path that leads nowhere.
    pub(crate) fn route(&self, operation: &Operation<'_>) -> ApiError {
        ApiError::route(&format!("{}/{}", self.base(), operation.path))
    }

    /// Whether the data API knows the table already.
    fn sees(&self, table: &Table, operation: &Operation<'_>) -> bool {
        table.visible_ms <= self.seen_ms(operation)
    }

    /// Definitions made up to this time are known: `Consistency: Strong` reads past the metadata cache.
    pub(crate) fn seen_ms(&self, operation: &Operation<'_>) -> u64 {
        if operation.headers.strong { u64::MAX } else { self.session.now_ms }
    }

    /// What a body is read with.
    pub(crate) fn context<'a>(
        &'a self,
        table: &'a Table,
        operation: &Operation<'a>,
        creates: bool,
        typed: bool,
    ) -> Context<'a> {
        Context {
            schema: &self.schema,
            table,
            faults: &self.faults,
            origin: &self.session.origin,
            references: operation.references,
            now_ms: self.seen_ms(operation),
            creates,
            typed,
        }
    }

    /// The body as an object.
    pub(crate) fn body<'b>(&self, operation: &Operation<'b>, set: &str) -> Outcome<Members<'b>> {
        if !operation.headers.is_json() {
            let text = "The request entity's media type is not supported for this resource.";
            return Err(ApiError::new(415, "", text));
        }
        match serde_json::from_slice(operation.body) {
            Ok(Json::Object(members)) => Ok(members),
            Ok(_) => Err(ApiError::payload(set, "The body must be an object.")),
            Err(error) => {
                let at = format!("Invalid JSON at line {}, column {}.", error.line(), error.column());
                Err(ApiError::payload(set, &at))
            }
        }
    }

    /// Turns a key into a target.
    pub(crate) fn target(&self, table: &Table, key: &Key) -> Outcome<Target> {
        find_target(&self.schema, table, key, self.session.now_ms)
    }

    /// Notes which rows this request is about to write.
    pub(crate) fn claim(&mut self, rows: &[(u16, u128)]) {
        let claimed = self.counters().claim(self.session.request, rows);
        self.session.claimed.extend(claimed);
    }

    /// Counts rows for the latency that rows cost.
    pub(crate) fn spend(&mut self, rows: usize) {
        self.session.rows += rows as u64;
    }

    /// Plays the faults that hit a write before it changes anything.
    pub(crate) fn strike(&self) -> Outcome<()> {
        let engine = self.session.engine;
        if engine.falls(self.faults.deadlock_one_in) {
            return Err(ApiError::deadlock());
        }
        if engine.falls(self.faults.unexpected_one_in) {
            return Err(ApiError::unexpected());
        }
        Ok(())
    }

    /// Words the errors of what follows as bulk messages do.
    pub(crate) fn in_bulk(&mut self) {
        self.bulk = true;
    }

    /// Runs a write in the transaction that is held, or in one of its own.
    pub(crate) fn transact<R>(
        &mut self,
        held: Option<&mut Transaction<'_>>,
        write: impl FnOnce(&Writer<'_>, &mut Transaction<'_>) -> Outcome<R>,
    ) -> Outcome<R> {
        let engine = self.session.engine;
        let writer = Writer {
            schema: &self.schema,
            rights: &self.rights,
            faults: &self.faults,
            now_ms: self.session.now_ms,
            fresh: &engine.fresh,
            bulk: self.bulk,
        };
        let result = match held {
            Some(transaction) => write(&writer, transaction),
            None => {
                let mut store = write_lock(&engine.store);
                if !Arc::ptr_eq(&engine.schema(), &self.schema) {
                    let text =
                        "Cannot start the requested operation because there is another operation running.";
                    return Err(ApiError::new(429, "0x80071151", text));
                }
                let mut transaction = Transaction::new(&mut store, Arc::clone(&self.schema));
                let result = write(&writer, &mut transaction);
                if result.is_ok() {
                    engine.counters.commit(transaction.commit());
                }
                result
            }
        };
        self.session.wrote |= result.is_ok();
        result
    }

    /// Runs a read on the rows as they are now.
    pub(crate) fn read<R>(&self, read: impl FnOnce(Reader<'_>) -> R) -> R {
        let engine = self.session.engine;
        let store = read_lock(&engine.store);
        read(self.reader(&store))
    }

    /// What rows of this store are read with.
    pub(crate) fn reader<'a>(&'a self, store: &'a Store) -> Reader<'a> {
        Reader { schema: &self.schema, store, anchors: &self.session.engine.anchors }
    }
}
