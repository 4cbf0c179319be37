//! One API call on its way through the checks.

use std::sync::Arc;

use super::LinkedIn;
use super::directory;
use super::kind::{Holder, Kind};
use super::problem::Problem;
use super::query::{Query, QueryError};
use super::tokens::Token;
use crate::faults::Faults;

/// Largest `count` and `pageSize` of the account resources; more is refused.
pub(crate) const ACCOUNT_COUNT_MAX: u64 = 1_000;
/// `count` where none is given.
const COUNT_DEFAULT: u64 = 10;

/// What a resource's method needs and takes.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// `<resource>.<METHOD>[-<finder>]`, as error messages name it.
    pub(crate) name: &'static str,
    /// Query parameters other than `fields`.
    pub(crate) parameters: &'static [&'static str],
    /// One of these scopes is needed.
    pub(crate) scopes: &'static [&'static str],
    /// Fields that a projection may name at the top.
    pub(crate) fields: &'static [&'static str],
}

/// A call whose token, version, protocol, path and query syntax have passed.
pub(crate) struct Call {
    pub(crate) token: Token,
    pub(crate) version: String,
    pub(crate) query: Query,
    /// Whether `X-RestLi-Method: FINDER` was sent.
    pub(crate) says_finder: bool,
    pub(crate) faults: Arc<Faults>,
    pub(crate) now_ms: u64,
}

/// Offset paging as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offset {
    pub(crate) start: u64,
    pub(crate) count: u64,
}

impl Call {
    /// Checks parameters, projected fields and scope.
    pub(crate) fn permit(&self, endpoint: &Endpoint) -> Result<(), Problem> {
        let faults = &self.faults.linkedin;
        if !faults.ignore_unknown_parameters {
            let unknown = self.query.names().find(|name| !endpoint.parameters.contains(name));
            unknown.map_or(Ok(()), |name| Err(Problem::unpermitted("PARAMETER", name)))?;
        }
        let mut projected = self.query.fields.iter().flat_map(super::projection::Projection::names);
        let unknown = projected.find(|name| !endpoint.fields.contains(name));
        unknown.map_or(Ok(()), |name| Err(Problem::unpermitted("PROJECTION", name)))?;
        if self.token.has_any(endpoint.scopes) {
            Ok(())
        } else {
            Err(Problem::access_denied(endpoint.name, &self.version))
        }
    }

    /// Counts the call against the daily quotas.
    pub(crate) fn spend(&self, service: &LinkedIn, endpoint: &Endpoint) -> Result<(), Problem> {
        let faults = &self.faults.linkedin;
        service.spend_quota(endpoint.name, faults, self.now_ms).map_err(|spent| {
            Problem::quota_spent(
                spent.whose,
                faults.quota_body,
                faults.quota_retry_after.then_some(spent.reset_s),
            )
        })
    }

    /// Checks that the member has a role on an account and its Page.
    pub(crate) fn role(&self, service: &LinkedIn, account_id: u64) -> Result<u64, Problem> {
        let urn = || format!("urn:li:sponsoredAccount:{account_id}");
        let account = service.directory.account(account_id).ok_or_else(|| Problem::no_role(&urn()))?;
        if self.faults.linkedin.forbidden_accounts.contains(&account_id) {
            return Err(Problem::no_role(&urn()));
        }
        Ok(account)
    }

    /// The Page with an id, if the member has a role on it.
    pub(crate) fn page(&self, service: &LinkedIn, organization_id: u64) -> Result<u64, Problem> {
        let faults = &self.faults.linkedin;
        let closed = faults.forbidden_organizations.contains(&organization_id)
            || faults.revoked_organizations.contains(&organization_id);
        service
            .directory
            .page(organization_id)
            .filter(|_| !closed)
            .ok_or_else(|| Problem::no_role(&format!("urn:li:organization:{organization_id}")))
    }

    /// The Page with an id, if the member's role on it opens its leads of a kind.
    pub(crate) fn page_for(
        &self,
        service: &LinkedIn,
        organization_id: u64,
        kind: Kind,
    ) -> Result<u64, Problem> {
        let page = self.page(service, organization_id)?;
        if service.page_opens(&self.faults.linkedin, page, kind) {
            return Ok(page);
        }
        Err(Problem::no_role(&format!("urn:li:organization:{organization_id}")))
    }

    /// The account with an id, if the member may read its leads: that takes a role on its Page too.
    pub(crate) fn lead_role(&self, service: &LinkedIn, account_id: u64) -> Result<u64, Problem> {
        let account = self.role(service, account_id)?;
        let (faults, organization) = (&self.faults.linkedin, directory::organization_id(account));
        let revoked = faults.revoked_organizations.contains(&organization);
        // An account without a Page has no leads, which is no question of roles.
        if service.directory.has_page(account)
            && (revoked || !service.page_opens(faults, account, Kind::Sponsored))
        {
            return Err(Problem::no_role(&format!("urn:li:organization:{organization}")));
        }
        Ok(account)
    }

    /// Checks that the member may read the leads of a slice.
    pub(crate) fn holder_role(&self, service: &LinkedIn, holder: Holder) -> Result<(), Problem> {
        match holder {
            Holder::Account(account) => self.lead_role(service, directory::account_id(account)).map(drop),
            Holder::Page(page, kind) => {
                self.page_for(service, directory::organization_id(page), kind).map(drop)
            }
        }
    }

    /// `start` and `count` of a lead resource: above the maximum `count` is cut or refused.
    pub(crate) fn lead_offset(&self) -> Result<Offset, Problem> {
        let faults = &self.faults.linkedin;
        let Offset { start, count } = self.offset(u64::MAX)?;
        if count > faults.count_max && !faults.count_clamp {
            return Err(Problem::illegal_argument("count is above the maximum"));
        }
        Ok(Offset { start, count: count.min(faults.count_max) })
    }

    /// `start` and `count` of an account resource.
    pub(crate) fn account_offset(&self) -> Result<Offset, Problem> {
        self.offset(ACCOUNT_COUNT_MAX)
    }

    fn offset(&self, count_max: u64) -> Result<Offset, Problem> {
        let start = self.query.number("start")?.unwrap_or(0);
        let count = self.query.number("count")?.unwrap_or(COUNT_DEFAULT);
        if count > count_max {
            return Err(Problem::illegal_argument("count is above the maximum"));
        }
        Ok(Offset { start, count })
    }

    /// `pageToken` and `pageSize` of a cursor-paged resource.
    pub(crate) fn cursor(&self, page_max: u64) -> Result<Offset, Problem> {
        let start = match self.query.text("pageToken")? {
            None => 0,
            Some(token) => token
                .strip_prefix(PAGE_TOKEN_PREFIX)
                .and_then(|digits| u64::from_str_radix(digits, 36).ok())
                .ok_or_else(|| Problem::illegal_argument("pageToken was not issued"))?,
        };
        let count = self.query.number("pageSize")?.unwrap_or(100);
        if !(1..=page_max).contains(&count) {
            return Err(Problem::illegal_argument(&format!("pageSize is not 1 to {page_max}")));
        }
        Ok(Offset { start, count })
    }

    /// The finder that `q` names, which must be one of these.
    pub(crate) fn finder<'a>(&self, known: &[&'a str]) -> Result<&'a str, Problem> {
        let asked = self.query.text("q")?.ok_or_else(|| Problem::illegal_argument("q names no finder"))?;
        known
            .iter()
            .find(|finder| **finder == asked)
            .copied()
            .ok_or_else(|| Problem::illegal_argument("q names a finder that the resource does not have"))
    }

    /// A parameter that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<&super::query::Value, Problem> {
        self.query.get(name).ok_or_else(|| Problem::illegal_argument(&format!("{name} is missing")))
    }

    /// The ids of a batch, 1 to 500.
    pub(crate) fn ids(&self) -> Result<Vec<&str>, Problem> {
        let ids = self.required("ids")?.list()?;
        if ids.is_empty() || ids.len() > 500 {
            return Err(Problem::illegal_argument("ids are not 1 to 500"));
        }
        Ok(ids.iter().map(super::query::Value::text).collect::<Result<_, QueryError>>()?)
    }
}

const PAGE_TOKEN_PREFIX: &str = "DgGer2";

/// The token of the page that starts at an offset.
pub(crate) fn page_token(mut start: u64) -> String {
    let mut digits = Vec::new();
    while start > 0 || digits.is_empty() {
        digits.push(char::from_digit((start % 36) as u32, 36).unwrap_or('0'));
        start /= 36;
    }
    PAGE_TOKEN_PREFIX.chars().chain(digits.into_iter().rev()).collect()
}
