//! Calls about ad accounts, their users, and Pages.

use serde_json::{Value, json};

use super::LinkedIn;
use super::call::{ACCOUNT_COUNT_MAX, Call, Endpoint, page_token};
use super::directory::{self, ACCOUNT_STATUSES};
use super::problem::Problem;
use super::query::Value as Parameter;
use crate::linkedin_faults::PAGE_ROLES;

pub(crate) const ADS: &[&str] = &["r_ads", "rw_ads"];
const PAGES: &[&str] = &["r_organization_admin", "rw_organization_admin"];
pub(crate) const SEARCH: &[&str] = &["q", "search", "pageSize", "pageToken", "start", "count"];
const ACCOUNT_FIELDS: &[&str] = &[
    "id",
    "name",
    "test",
    "currency",
    "type",
    "status",
    "servingStatuses",
    "reference",
    "referenceInfo",
    "changeAuditStamps",
];
const USER_FIELDS: &[&str] = &["account", "user", "role", "changeAuditStamps"];
const ACL_FIELDS: &[&str] = &[
    "roleAssignee",
    "organization",
    "organizationTarget",
    "organizationalTarget",
    "role",
    "state",
    "created",
    "lastModified",
];
const ORGANIZATION_FIELDS: &[&str] = &["id", "localizedName", "vanityName", "name"];
const ACL_STATES: &[&str] = &["APPROVED", "REQUESTED", "REJECTED", "REVOKED"];

const ACCOUNTS_SEARCH: Endpoint =
    Endpoint { name: "adAccounts.FINDER-search", parameters: SEARCH, scopes: ADS, fields: ACCOUNT_FIELDS };
const ACCOUNT_GET: Endpoint =
    Endpoint { name: "adAccounts.GET", parameters: &[], scopes: ADS, fields: ACCOUNT_FIELDS };
const USERS_OF_MEMBER: Endpoint = Endpoint {
    name: "adAccountUsers.FINDER-authenticatedUser",
    parameters: &["q", "start", "count"],
    scopes: ADS,
    fields: USER_FIELDS,
};
const USERS_OF_ACCOUNTS: Endpoint = Endpoint {
    name: "adAccountUsers.FINDER-accounts",
    parameters: &["q", "accounts", "start", "count"],
    scopes: ADS,
    fields: USER_FIELDS,
};
const ACLS_OF_MEMBER: Endpoint = Endpoint {
    name: "organizationAcls.FINDER-roleAssignee",
    parameters: &["q", "state", "role", "start", "count"],
    scopes: PAGES,
    fields: ACL_FIELDS,
};
const ORGANIZATION_GET: Endpoint =
    Endpoint { name: "organizations.GET", parameters: &[], scopes: PAGES, fields: ORGANIZATION_FIELDS };

impl LinkedIn {
    /// `GET /rest/adAccounts?q=search`.
    pub(crate) fn accounts_search(&self, call: &Call) -> Result<Value, Problem> {
        call.permit(&ACCOUNTS_SEARCH)?;
        call.finder(&["search"])?;
        let search = AccountSearch::read(call)?;
        call.spend(self, &ACCOUNTS_SEARCH)?;
        let accounts = (0..self.directory.len()).map(|account| self.directory.account_object(account));
        searched(call, ACCOUNT_COUNT_MAX, accounts.filter(|account| search.keeps(account)).collect())
    }

    /// `GET /rest/adAccounts/{id}`.
    pub(crate) fn account_get(&self, call: &Call, id: &str) -> Result<Value, Problem> {
        call.permit(&ACCOUNT_GET)?;
        let account = self.directory.account(number(id)?).ok_or_else(Problem::not_found)?;
        call.spend(self, &ACCOUNT_GET)?;
        Ok(projected(call, self.directory.account_object(account)))
    }

    /// `GET /rest/adAccountUsers`, by member or by accounts.
    pub(crate) fn account_users(&self, call: &Call) -> Result<Value, Problem> {
        let finder = call.finder(&["authenticatedUser", "accounts"])?;
        if finder == "authenticatedUser" {
            call.permit(&USERS_OF_MEMBER)?;
            let offset = call.account_offset()?;
            call.spend(self, &USERS_OF_MEMBER)?;
            let users = (0..self.directory.len()).map(directory::account_user_object).collect();
            return Ok(paged(call, offset, users, true));
        }
        call.permit(&USERS_OF_ACCOUNTS)?;
        let offset = call.account_offset()?;
        let urns = match call.required("accounts")? {
            Parameter::List(items) => items.iter().map(Parameter::text).collect::<Result<Vec<_>, _>>()?,
            other => vec![other.text()?],
        };
        let ids = urns.iter().map(|urn| {
            directory::urn_id(urn, "sponsoredAccount")
                .ok_or_else(|| Problem::illegal_argument("accounts holds no account URN"))
        });
        let accounts = ids.map(|id| call.role(self, id?)).collect::<Result<Vec<_>, Problem>>()?;
        call.spend(self, &USERS_OF_ACCOUNTS)?;
        Ok(paged(call, offset, accounts.into_iter().map(directory::account_user_object).collect(), true))
    }

    /// `GET /rest/organizationAcls?q=roleAssignee`.
    pub(crate) fn organization_acls(&self, call: &Call) -> Result<Value, Problem> {
        call.permit(&ACLS_OF_MEMBER)?;
        call.finder(&["roleAssignee"])?;
        let state = one_of(call.query.text("state")?, ACL_STATES, "state")?;
        let role = one_of(call.query.text("role")?, PAGE_ROLES, "role")?;
        let offset = call.account_offset()?;
        call.spend(self, &ACLS_OF_MEMBER)?;
        let pages = self.directory.pages().map(|page| self.acl(call, page));
        let revoked = directory::acl_object(directory::REVOKED_ORGANIZATION_ID, "ANALYST", "REVOKED");
        let requested = (self.directory.organizations > 0).then(|| {
            directory::acl_object(directory::REQUESTED_ORGANIZATION_ID, "ADMINISTRATOR", "REQUESTED")
        });
        let wanted = |acl: &Value| {
            state.is_none_or(|state| acl["state"] == state) && role.is_none_or(|role| acl["role"] == role)
        };
        let key = call.faults.linkedin.acl_organization_key.name();
        let acls = pages.chain([revoked]).chain(requested).filter(wanted).map(|mut acl| {
            let organization = acl["organization"].take();
            if let Value::Object(members) = &mut acl {
                members.remove("organization");
                members.insert(key.to_owned(), organization);
            }
            acl
        });
        let acls = acls.collect();
        Ok(paged(call, offset, acls, false))
    }

    /// `GET /rest/organizations/{id}`.
    pub(crate) fn organization_get(&self, call: &Call, id: &str) -> Result<Value, Problem> {
        call.permit(&ORGANIZATION_GET)?;
        let page = call.page(self, number(id)?)?;
        call.spend(self, &ORGANIZATION_GET)?;
        Ok(projected(call, directory::organization_object(page)))
    }

    /// The member's role on a Page.
    fn acl(&self, call: &Call, page: u64) -> Value {
        let (faults, id) = (&call.faults.linkedin, directory::organization_id(page));
        let role = faults.page_roles.get(&id).map_or_else(|| self.directory.page_role(page), String::as_str);
        let state = if faults.revoked_organizations.contains(&id) { "REVOKED" } else { "APPROVED" };
        directory::acl_object(id, role, state)
    }
}

/// Criteria of an account search.
#[derive(Default)]
struct AccountSearch {
    test: Option<bool>,
    lists: Vec<(&'static str, Vec<String>)>,
}

impl AccountSearch {
    fn read(call: &Call) -> Result<Self, Problem> {
        let mut search = Self::default();
        let Some(criteria) = call.query.get("search") else { return Ok(search) };
        for (key, value) in criteria.record()? {
            let list = match key.as_str() {
                "test" => {
                    search.test = Some(value.flag()?);
                    continue;
                }
                "status" => ("status", statuses(value, ACCOUNT_STATUSES)?),
                "reference" => ("reference", values(value)?),
                "name" => ("name", values(value)?),
                "id" => ("id", values(value)?),
                "type" => ("type", values(value)?),
                _ => return Err(Problem::field_invalid("search")),
            };
            search.lists.push(list);
        }
        Ok(search)
    }

    fn keeps(&self, account: &Value) -> bool {
        let listed = |(field, values): &(&str, Vec<String>)| match &account[*field] {
            Value::String(text) => values.contains(text),
            // An account id may be given bare or as a URN.
            Value::Number(id) => {
                values.iter().any(|value| value.rsplit(':').next() == Some(id.to_string().as_str()))
            }
            _ => false,
        };
        self.test.is_none_or(|test| account["test"] == test) && self.lists.iter().all(listed)
    }
}

/// `(values:List(...))`.
pub(crate) fn values(value: &Parameter) -> Result<Vec<String>, Problem> {
    let (key, list) = value.union()?;
    if key != "values" {
        return Err(Problem::field_invalid("search"));
    }
    Ok(list.list()?.iter().map(|item| item.text().map(str::to_owned)).collect::<Result<_, _>>()?)
}

pub(crate) fn statuses(value: &Parameter, known: &[&str]) -> Result<Vec<String>, Problem> {
    let statuses = values(value)?;
    if statuses.iter().all(|status| known.contains(&status.as_str())) {
        Ok(statuses)
    } else {
        Err(Problem::field_invalid("search/status"))
    }
}

pub(crate) fn one_of<'a>(
    text: Option<&'a str>,
    known: &[&str],
    name: &str,
) -> Result<Option<&'a str>, Problem> {
    match text {
        Some(text) if !known.contains(&text) => {
            Err(Problem::illegal_argument(&format!("{name} has no such value")))
        }
        text => Ok(text),
    }
}

/// A numeric path key.
pub(crate) fn number(key: &str) -> Result<u64, Problem> {
    let digits = !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| key.parse().ok()).flatten().ok_or_else(Problem::path_syntax)
}

/// What is left of an object under the projection. Fields ending in `Info` are sent only when projected.
pub(crate) fn projected(call: &Call, mut object: Value) -> Value {
    match &call.query.fields {
        Some(fields) => fields.apply(&object),
        None => {
            if let Value::Object(members) = &mut object {
                members.retain(|name, _| !name.ends_with("Info"));
            }
            object
        }
    }
}

/// A search result in the style asked for: by cursor, or by offset where `start` or `count` is given or the switch says
/// so. `page_max` is the largest page by cursor.
pub(crate) fn searched(call: &Call, page_max: u64, objects: Vec<Value>) -> Result<Value, Problem> {
    let asks = |names: [&str; 2]| names.into_iter().any(|name| call.query.get(name).is_some());
    if asks(["start", "count"]) && asks(["pageSize", "pageToken"]) {
        return Err(Problem::illegal_argument("paging by cursor and by offset exclude each other"));
    }
    if asks(["start", "count"]) {
        return Ok(paged(call, call.account_offset()?, objects, true));
    }
    let cursor = call.cursor(page_max)?;
    if call.faults.linkedin.offset_paging {
        return Ok(paged(call, cursor, objects, true));
    }
    let next = cursor.start.saturating_add(cursor.count);
    let metadata =
        if next < objects.len() as u64 { json!({"nextPageToken": page_token(next)}) } else { json!({}) };
    Ok(json!({"elements": slice(call, cursor, objects), "metadata": metadata}))
}

/// A page by offset.
fn paged(call: &Call, offset: super::call::Offset, objects: Vec<Value>, total: bool) -> Value {
    let mut paging = json!({"start": offset.start, "count": offset.count, "links": []});
    if total && call.faults.linkedin.total {
        paging["total"] = objects.len().into();
    }
    json!({"paging": paging, "elements": slice(call, offset, objects)})
}

fn slice(call: &Call, offset: super::call::Offset, objects: Vec<Value>) -> Vec<Value> {
    let bounded = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let page = objects.into_iter().skip(bounded(offset.start)).take(bounded(offset.count));
    page.map(|object| projected(call, object)).collect()
}
