//! From a request to an answer: the checks that every call passes, in their order, then its resource.

use axum::http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::call::Call;
use super::problem::Problem;
use super::query::{self, QUERY_BYTES_MAX, Query, QueryError};
use super::subscriptions::Wish;
use super::{LinkedIn, version};

/// A request, its query still encoded.
pub(crate) struct Incoming<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// The body, where it is no tunnelled query.
    pub(crate) body: &'a [u8],
    /// Whether the query came in the body, where it may be longer.
    pub(crate) tunnelled: bool,
}

/// What a call that succeeds is answered with.
pub(crate) enum Reply {
    /// 200 and a JSON body.
    Body(Vec<u8>),
    /// 204.
    NoContent,
    /// 201, once the webhook has passed its challenge.
    Subscribe(Box<Wish>),
}

/// A resource and its key.
enum Route {
    Accounts,
    Account(String),
    Groups(String),
    Group(String, String),
    Campaigns(String),
    Campaign(String, String),
    Creatives(String),
    Creative(String, String),
    AccountUsers,
    Acls,
    Organization(String),
    Forms,
    Form(String),
    Responses,
    Response(String),
    Notifications,
    Notification(String),
}

impl Route {
    /// Methods other than GET are known to the subscriptions only.
    fn takes(&self, method: &Method) -> bool {
        match self {
            Self::Notifications => method == Method::GET || method == Method::POST,
            Self::Notification(_) => method == Method::GET || method == Method::DELETE,
            _ => method == Method::GET,
        }
    }
}

impl LinkedIn {
    /// Answers an API call.
    pub(crate) fn answer(&self, incoming: &Incoming<'_>) -> Result<Reply, Problem> {
        match incoming.path.strip_prefix("/rest/") {
            Some(path) => self.rest(path, incoming),
            None => self.unversioned(incoming).map(Reply::Body),
        }
    }

    fn rest(&self, path: &str, incoming: &Incoming<'_>) -> Result<Reply, Problem> {
        let (faults, now_ms) = (self.faults.get(), self.clock.now_ms());
        let header = |name| incoming.headers.get(name).and_then(|value| value.to_str().ok());
        let token = self.tokens.authenticate(header("authorization"), &faults.linkedin, now_ms)?;
        let version = version::check(header("linkedin-version"), &faults.linkedin.sunset, now_ms)?;
        let protocol = protocol(header("x-restli-protocol-version"))?;
        let route = route(path)?;
        if !route.takes(incoming.method) {
            return Err(Problem::method_not_allowed());
        }
        if incoming.query.len() > QUERY_BYTES_MAX && !incoming.tunnelled {
            return Err(Problem::uri_too_long());
        }
        let query = Query::parse(incoming.query, faults.linkedin.encoded_structure)?;
        if protocol == Protocol::One && (query.has_structure() || query.fields.is_some()) {
            return Err(Problem::illegal_argument("protocol 1.0 does not have this syntax"));
        }
        let says_finder =
            header("x-restli-method").is_some_and(|method| method.eq_ignore_ascii_case("FINDER"));
        let call = Call { token, version, query, says_finder, faults, now_ms };
        match (&route, incoming.method) {
            (Route::Notifications, &Method::POST) => {
                self.notification_wish(&call, incoming.body).map(|wish| Reply::Subscribe(Box::new(wish)))
            }
            (Route::Notification(id), &Method::DELETE) => {
                self.notification_delete(&call, id).map(|()| Reply::NoContent)
            }
            _ => self.dispatch(&route, &call).map(Reply::Body),
        }
    }

    fn dispatch(&self, route: &Route, call: &Call) -> Result<Vec<u8>, Problem> {
        let value = match route {
            Route::Accounts => self.accounts_search(call),
            Route::Account(id) => self.account_get(call, id),
            Route::Groups(account) => self.groups_search(call, account),
            Route::Group(account, id) => self.group_get(call, account, id),
            Route::Creatives(account) => self.creatives_by_criteria(call, account),
            Route::Creative(account, id) => self.creative_get(call, account, id),
            Route::Campaigns(account) => self.campaigns_search(call, account),
            Route::Campaign(account, id) => self.campaign_get(call, account, id),
            Route::AccountUsers => self.account_users(call),
            Route::Acls => self.organization_acls(call),
            Route::Organization(id) => self.organization_get(call, id),
            Route::Forms if call.query.get("ids").is_some() => self.forms_batch(call),
            Route::Forms => self.forms_by_owner(call),
            Route::Form(id) => self.form_get(call, id),
            Route::Responses if call.query.get("ids").is_some() => return self.responses_batch(call),
            Route::Responses => return self.responses_by_owner(call),
            Route::Response(id) => return self.response_get(call, id),
            Route::Notifications => self.notifications_by_criteria(call),
            Route::Notification(id) => self.notification_get(call, id),
        }?;
        Ok(value.to_string().into_bytes())
    }

    /// `/v2/userinfo` lives on; the marketing paths under `/v2/` have ended.
    fn unversioned(&self, incoming: &Incoming<'_>) -> Result<Vec<u8>, Problem> {
        let header = incoming.headers.get("authorization").and_then(|value| value.to_str().ok());
        let token = self.tokens.authenticate(header, &self.faults.get().linkedin, self.clock.now_ms())?;
        match incoming.path {
            "/v2/userinfo" if incoming.method != Method::GET => Err(Problem::method_not_allowed()),
            "/v2/userinfo" if !token.has_any(&["openid"]) => {
                Err(Problem::access_denied("userinfo.GET", "NO_VERSION"))
            }
            "/v2/userinfo" => Ok(user_info().to_string().into_bytes()),
            "/v2/me" => Err(Problem::access_denied("me.GET", "NO_VERSION")),
            path if LEGACY.iter().any(|legacy| path.strip_prefix("/v2/") == Some(*legacy)) => {
                Err(Problem::version_not_active("202307"))
            }
            _ => Err(Problem::no_resource()),
        }
    }
}

/// Unversioned marketing resources that have ended.
/// <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/lead-sync-api-migration-guide>
const LEGACY: [&str; 8] = [
    "adForms",
    "adFormQuestions",
    "adFormResponses",
    "leadGenFormQuestions",
    "leadGenFormLegalInfo",
    "leadNotificationUrls",
    "eventFormResponses",
    "leadSyncForms",
];

fn user_info() -> Value {
    json!({
        "sub": "aB3xYz91Qw",
        "name": "Mira Kolb",
        "given_name": "Mira",
        "family_name": "Kolb",
        "picture": "https://media.example.test/mira.png",
        "locale": {"country": "DE", "language": "de"},
        "email": "mira@example.test",
        "email_verified": true,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    One,
    Two,
}

/// Without the header the real service falls back to protocol 1.0, which has no record syntax.
fn protocol(header: Option<&str>) -> Result<Protocol, Problem> {
    match header {
        Some("2.0.0") => Ok(Protocol::Two),
        None | Some("1.0.0") => Ok(Protocol::One),
        Some(_) => Err(Problem::illegal_argument("X-Restli-Protocol-Version is not known")),
    }
}

/// Finds the resource; a key that cannot be decoded is refused with the syntax error of path variables.
fn route(path: &str) -> Result<Route, Problem> {
    let key = |raw: &str| match query::path_key(raw) {
        Ok(key) if !key.is_empty() => Ok(key),
        Ok(_) | Err(QueryError::Parameter) => Err(Problem::no_resource()),
        Err(_) => Err(Problem::path_syntax()),
    };
    let segments: Vec<&str> = path.split('/').collect();
    Ok(match *segments.as_slice() {
        ["adAccounts"] => Route::Accounts,
        ["adAccounts", id] => Route::Account(key(id)?),
        ["adAccounts", account, "adCampaigns"] => Route::Campaigns(key(account)?),
        ["adAccounts", account, "adCampaigns", id] => Route::Campaign(key(account)?, key(id)?),
        ["adAccounts", account, "adCampaignGroups"] => Route::Groups(key(account)?),
        ["adAccounts", account, "adCampaignGroups", id] => Route::Group(key(account)?, key(id)?),
        ["adAccounts", account, "creatives"] => Route::Creatives(key(account)?),
        ["adAccounts", account, "creatives", id] => Route::Creative(key(account)?, key(id)?),
        ["adAccountUsers"] => Route::AccountUsers,
        ["organizationAcls"] => Route::Acls,
        ["organizations", id] => Route::Organization(key(id)?),
        ["leadForms"] => Route::Forms,
        ["leadForms", id] => Route::Form(key(id)?),
        ["leadFormResponses"] => Route::Responses,
        ["leadFormResponses", id] => Route::Response(key(id)?),
        ["leadNotifications"] => Route::Notifications,
        ["leadNotifications", id] => Route::Notification(key(id)?),
        _ => return Err(Problem::no_resource()),
    })
}
