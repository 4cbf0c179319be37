//! A minimal Dataverse in memory: one table, bulk upsert (all or nothing), queries by key, metadata, and faults.
//!
//! It is strict about what it is sent, and it watches the promises that only a server can see: how many requests are
//! under way at once, and that no row is in two of them.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::capabilities::{Capabilities, HttpError, Level, Request, Response};

pub(super) const ORGANIZATION: &str = "https://contoso.example.test";
const BASE: &str = "https://contoso.example.test/api/data/v9.2/";

/// What goes wrong with one request.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// The request is answered so and has no effect.
    Answer(u16, Option<&'static str>, &'static str),
    /// Throttled, with this `Retry-After`.
    Throttle(&'static str),
    /// The connection breaks before the request arrives.
    Lost,
    /// The connection breaks after the request took effect.
    LostAfterwards,
    /// A success that is not the Web API's.
    SignInPage,
}

#[derive(Default)]
pub(super) struct World {
    pub(super) rows: BTreeMap<String, Map<String, Value>>,
    /// How often each row was stored.
    pub(super) stored: BTreeMap<String, usize>,
    /// Rows that are refused: status, code, message.
    pub(super) poison: BTreeMap<String, (u16, &'static str, String)>,
    /// Faults of the next writes, in order; none is no fault.
    pub(super) write_faults: VecDeque<Option<Fault>>,
    /// The fault of every write from now on, once `write_faults` is used up.
    pub(super) always: Option<Fault>,
    /// Faults of reads whose address contains the text.
    pub(super) read_faults: Vec<(&'static str, Fault)>,
    /// How many turns each request takes, in order, then again from the first.
    pub(super) turns: Vec<usize>,
    pub(super) without_in: bool,
    pub(super) without_filter: bool,
    pub(super) page_size: Option<usize>,
    /// Longer bodies are answered with 413.
    pub(super) body_bytes_max: Option<usize>,
    pub(super) privileges: BTreeSet<&'static str>,
    pub(super) columns: BTreeMap<&'static str, Value>,
    pub(super) requests: Vec<Request>,
    pub(super) warnings: Vec<&'static str>,
    pub(super) peak: usize,
    flying: usize,
    flying_rows: BTreeSet<String>,
}

/// A handle that the sink owns and the test keeps.
#[derive(Clone)]
pub(super) struct Simulation(Rc<RefCell<World>>);

impl Simulation {
    pub(super) fn new() -> Self {
        let text = |max: u64| json!({"kind": "String", "MaxLength": max});
        let columns = BTreeMap::from([
            ("subject", text(300)),
            ("firstname", text(50)),
            ("lastname", text(50)),
            ("emailaddress1", text(100)),
            ("emailaddress2", text(100)),
            ("mobilephone", text(20)),
            ("telephone1", text(50)),
            ("companyname", text(100)),
            ("jobtitle", text(100)),
            ("websiteurl", text(200)),
            ("address1_city", text(80)),
            ("address1_stateorprovince", text(50)),
            ("address1_country", text(80)),
            ("address1_postalcode", text(20)),
            ("fullname", json!({"kind": "String", "MaxLength": 160, "IsValidForCreate": false})),
            ("description", json!({"kind": "Memo", "MaxLength": 2000})),
            ("numberofemployees", json!({"kind": "Integer", "MinValue": 0, "MaxValue": 1_000_000})),
            (
                "leadsourcecode",
                json!({"kind": "Picklist", "OptionSet": {"Options": [{"Value": 1}, {"Value": 8}]}}),
            ),
        ]);
        let privileges = ["prvCreateLead", "prvReadLead", "prvWriteLead", "prvAppendLead", "prvAppendToLead"];
        let world = World { columns, privileges: privileges.into(), turns: vec![1], ..World::default() };
        Self(Rc::new(RefCell::new(world)))
    }

    pub(super) fn world(&self) -> Ref<'_, World> {
        self.0.borrow()
    }

    pub(super) fn world_mut(&self) -> RefMut<'_, World> {
        self.0.borrow_mut()
    }

    /// How many requests of that method were sent whose address contains the text.
    pub(super) fn count(&self, method: &str, part: &str) -> usize {
        let is_meant = |request: &&Request| request.method == method && request.url.contains(part);
        self.world().requests.iter().filter(is_meant).count()
    }
}

impl Capabilities for Simulation {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (fault, turns) = self.world_mut().begin(&request);
        for _ in 0..turns {
            yield_once().await;
        }
        self.world_mut().finish(&request, fault.as_ref())
    }

    fn now_ms(&self) -> u64 {
        0
    }

    fn hmac_sha256(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, String> {
        Err("the sink signs nothing".to_owned())
    }

    fn log(&self, level: Level, message: &'static str, _fields: &str) {
        if level == Level::Warn {
            self.world_mut().warnings.push(message);
        }
    }
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl World {
    fn begin(&mut self, request: &Request) -> (Option<Fault>, usize) {
        check_headers(request);
        self.flying += 1;
        self.peak = self.peak.max(self.flying);
        let turns = self.turns[self.requests.len() % self.turns.len()];
        self.requests.push(request.clone());
        if request.method == "GET" {
            let fault = self.read_faults.iter().find(|(part, _)| request.url.contains(part));
            return (fault.map(|(_, fault)| fault.clone()), turns);
        }
        for id in ids(request) {
            assert!(self.flying_rows.insert(id), "a row is in two requests at once");
        }
        let fault = self.write_faults.pop_front().unwrap_or_else(|| self.always.clone());
        (fault, turns)
    }

    fn finish(&mut self, request: &Request, fault: Option<&Fault>) -> Result<Response, HttpError> {
        self.flying -= 1;
        for id in ids(request) {
            self.flying_rows.remove(&id);
        }
        match fault {
            Some(Fault::Answer(status, code, message)) => return Ok(refusal(*status, *code, message)),
            Some(Fault::Throttle(after)) => {
                let mut response =
                    refusal(429, Some("0x80072321"), "Combined execution time exceeded limit.");
                response.headers.push(("retry-after".to_owned(), (*after).to_owned()));
                return Ok(response);
            }
            Some(Fault::Lost) => return Err(HttpError::Unreachable("connection reset".to_owned())),
            Some(Fault::SignInPage) => {
                let body = b"<html>sign in</html>".to_vec();
                return Ok(Response { status: 200, headers: Vec::new(), body });
            }
            Some(Fault::LostAfterwards) | None => {}
        }
        let response = self.answer(request);
        match fault {
            Some(_) => Err(HttpError::TimedOut("no answer in time".to_owned())),
            None => Ok(response),
        }
    }

    fn answer(&mut self, request: &Request) -> Response {
        let path = request.url.strip_prefix(BASE).expect("the organisation's own address");
        let path = percent_decode_str(path).decode_utf8().unwrap().into_owned();
        if path == "leads/Microsoft.Dynamics.CRM.UpsertMultiple" && request.method == "POST" {
            return self.upsert(request.body.as_deref().unwrap());
        }
        assert_eq!(request.method, "GET");
        if let Some(rest) = path.strip_prefix("leads?$select=leadid&") {
            return self.find(rest);
        }
        if let Some(rest) =
            path.strip_prefix("EntityDefinitions(LogicalName='lead')/Attributes/Microsoft.Dynamics.CRM.")
        {
            return self.attributes(rest.split_once("AttributeMetadata?").unwrap().0);
        }
        match path.as_str() {
            "WhoAmI" => ok(&json!({
                "BusinessUnitId": "bbbbbbbb-0000-0000-0000-000000000001",
                "UserId": "cccccccc-0000-0000-0000-000000000001",
                "OrganizationId": "dddddddd-0000-0000-0000-000000000001",
            })),
            "RetrieveCurrentOrganization(AccessType=@p1)?@p1=Microsoft.Dynamics.CRM.EndpointAccessType'Default'" => {
                ok(&json!({"Detail": {"FriendlyName": "Contoso", "UniqueName": "unq1"}}))
            }
            "organizations?$select=name,organizationid" => ok(&json!({"value": [{"name": "contoso"}]})),
            "systemusers(cccccccc-0000-0000-0000-000000000001)/Microsoft.Dynamics.CRM.RetrieveUserPrivileges" =>
            {
                let held: Vec<Value> = self
                    .privileges
                    .iter()
                    .map(|name| json!({"Depth": "Global", "PrivilegeName": name}))
                    .collect();
                ok(&json!({"RolePrivileges": held}))
            }
            other => panic!("unexpected address {other}"),
        }
    }

    fn upsert(&mut self, body: &[u8]) -> Response {
        if self.body_bytes_max.is_some_and(|max| body.len() > max) {
            return refusal(413, None, "too large");
        }
        let body: Value = serde_json::from_slice(body).unwrap();
        let targets = body["Targets"].as_array().unwrap();
        let mut seen = BTreeSet::new();
        for target in targets {
            let target = target.as_object().unwrap();
            let id = target["leadid"].as_str().unwrap();
            assert_eq!(target["@odata.type"], "Microsoft.Dynamics.CRM.lead");
            assert_eq!(id, id.to_lowercase());
            assert!(seen.insert(id), "a row occurs twice in one request");
            if let Some((status, code, message)) = self.poison.get(id) {
                return refusal(*status, Some(code), message);
            }
            if let Some(refusal) = self.invalid(target) {
                return refusal;
            }
        }
        for target in targets {
            let id = target["leadid"].as_str().unwrap().to_owned();
            *self.stored.entry(id.clone()).or_default() += 1;
            self.rows.entry(id).or_default().extend(target.as_object().unwrap().clone());
        }
        Response { status: 204, ..Response::default() }
    }

    fn invalid(&self, target: &Map<String, Value>) -> Option<Response> {
        for (name, value) in
            target.iter().filter(|(name, _)| !["@odata.type", "leadid"].contains(&name.as_str()))
        {
            let Some(column) = self.columns.get(name.as_str()) else {
                let message =
                    format!("Invalid property '{name}' was found in entity 'Microsoft.Dynamics.CRM.lead'.");
                return Some(refusal(400, Some("0x0"), &message));
            };
            let max = column["MaxLength"].as_u64();
            let length = value.as_str().map_or(0, |text| text.encode_utf16().count() as u64);
            if max.is_some_and(|max| length > max) {
                let message = format!(
                    "A validation error occurred.  The length of the '{name}' attribute of the 'lead' entity exceeded \
                     the maximum allowed length of '{}'.",
                    max.unwrap_or_default()
                );
                return Some(refusal(400, Some("0x80044331"), &message));
            }
        }
        None
    }

    fn find(&self, query: &str) -> Response {
        let (wanted, skip): (Vec<&str>, usize) = if let Some(token) = query.strip_prefix("$skiptoken=") {
            let (skip, ids) = token.split_once('|').unwrap();
            (ids.split(',').collect(), skip.parse().unwrap())
        } else if let Some(rest) = query.strip_prefix(
            "$filter=Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)&@p1='leadid'&@p2=",
        ) {
            if self.without_in {
                return refusal(501, None, "the function In is not implemented");
            }
            (serde_json::from_str(rest).unwrap(), 0)
        } else {
            if self.without_filter {
                return refusal(400, Some("0x80060888"), "no filter");
            }
            let terms = query.strip_prefix("$filter=").unwrap().split(" or ");
            (terms.map(|term| term.strip_prefix("leadid eq ").unwrap()).collect(), 0)
        };
        // In no useful order: a server promises none.
        let found: Vec<&str> =
            wanted.iter().rev().copied().filter(|id| self.rows.contains_key(*id)).collect();
        let size = self.page_size.unwrap_or(usize::MAX);
        let rows: Vec<Value> = found.iter().skip(skip).take(size).map(|id| json!({"leadid": id})).collect();
        let next = skip.saturating_add(size);
        let mut body = json!({"value": rows});
        if next < found.len() {
            body["@odata.nextLink"] =
                format!("{BASE}leads?$select=leadid&$skiptoken={next}%7C{}", wanted.join(",")).into();
        }
        ok(&body)
    }

    fn attributes(&self, kind: &str) -> Response {
        let of_kind = self.columns.iter().filter(|(_, column)| column["kind"] == kind);
        let rows: Vec<Value> = of_kind
            .map(|(name, column)| {
                let mut row =
                    json!({"LogicalName": name, "IsValidForCreate": true, "IsValidForUpdate": true});
                row.as_object_mut().unwrap().extend(column.as_object().unwrap().clone());
                row
            })
            .collect();
        ok(&json!({"value": rows}))
    }
}

fn check_headers(request: &Request) {
    let header =
        |name: &str| request.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str());
    assert_eq!(header("accept"), Some("application/json"));
    assert_eq!(header("odata-version"), Some("4.0"));
    assert_eq!(header("odata-maxversion"), Some("4.0"));
    assert_eq!(header("content-type").is_some(), request.body.is_some());
    assert_eq!(request.credential, Some("dataverse"));
    assert!(request.repeatable && request.url.len() < 32 * 1024);
    assert!(request.url.starts_with(ORGANIZATION));
    // The host sends URLs as they are, or not at all: what a URL parser would rewrite has to be encoded.
    assert!(request.url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'), "{}", request.url);
    let query = request.url.split_once('?').map_or("", |(_, query)| query);
    assert!(!query.contains(['\'', '<', '>']), "{}", request.url);
}

fn ids(request: &Request) -> Vec<String> {
    let Some(body) = &request.body else { return Vec::new() };
    let body: Value = serde_json::from_slice(body).unwrap();
    let targets = body["Targets"].as_array().unwrap();
    targets.iter().map(|target| target["leadid"].as_str().unwrap().to_owned()).collect()
}

fn ok(body: &Value) -> Response {
    Response { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn refusal(status: u16, code: Option<&str>, message: &str) -> Response {
    let body = match code {
        Some(code) => json!({"error": {"code": code, "message": message}}).to_string(),
        None => message.to_owned(),
    };
    let headers = vec![("req_id".to_owned(), "4b4b4b4b-0000-0000-0000-000000000001".to_owned())];
    Response { status, headers, body: body.into_bytes() }
}
