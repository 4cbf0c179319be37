//! The ad accounts on which the member has a role, each with what is known about it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::capabilities::{Capabilities, Level};
use crate::failure::Failure;

use super::Source;
use super::errors::Subject;
use super::listing::{Listing, MAX_LISTED, MAX_PAGES};
use super::owner::{Owner, is_number};
use super::query::{self, Onward};

/// What was found out about one ad account.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub(super) name: Option<String>,
    pub(super) role: Option<String>,
    pub(super) status: Option<String>,
    /// The number of its page.
    pub(super) page: Option<String>,
    pub(super) page_name: Option<String>,
    /// Whether LinkedIn said anything about its page, be it that there is none.
    pub(super) page_told: bool,
}

#[derive(Deserialize)]
struct UserElement {
    account: String,
    role: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountElement {
    id: Identifier,
    name: Option<String>,
    status: Option<String>,
    reference: Option<String>,
    reference_info: Option<ReferenceInfo>,
}

#[derive(Deserialize)]
struct ReferenceInfo {
    organization: Option<Organization>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Organization {
    id: Option<Identifier>,
    localized_name: Option<String>,
}

/// A number or a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Identifier {
    Number(u64),
    Word(String),
}

impl Identifier {
    fn into_digits(self) -> Option<String> {
        match self {
            Self::Number(number) => Some(number.to_string()),
            Self::Word(word) => {
                Some(word.rsplit(':').next().unwrap_or_default().to_owned()).filter(|id| is_number(id))
            }
        }
    }
}

impl Account {
    fn new(element: AccountElement) -> Option<(String, Self)> {
        let id = element.id.into_digits()?;
        let page_told = element.reference.is_some() || element.reference_info.is_some();
        let organization = element.reference_info.and_then(|info| info.organization);
        let (number, page_name) =
            organization.map_or((None, None), |o| (o.id.and_then(Identifier::into_digits), o.localized_name));
        let reference = element.reference.as_deref().and_then(|urn| urn.strip_prefix("urn:li:organization:"));
        let page = number.or_else(|| reference.map(str::to_owned));
        Some((
            id,
            Self { name: element.name, role: None, status: element.status, page, page_name, page_told },
        ))
    }

    /// Why it cannot be read, if so. `pages_told` says whether LinkedIn tells about pages at all.
    pub(super) fn obstacle(&self, pages_told: bool) -> Option<String> {
        let status = self.status.as_deref().unwrap_or_default();
        if matches!(status, "CANCELED" | "REMOVED" | "PENDING_DELETION" | "DRAFT") {
            return Some(format!("the ad account's status is {status}"));
        }
        let known = !status.is_empty() || self.name.is_some();
        (known && pages_told && self.page.is_none()).then(|| {
            "the ad account has no linkedin page, so it has no leads: connect it to one in Campaign Manager".to_owned()
        })
    }
}

impl<C: Capabilities> Source<C> {
    /// Every ad account of the member, by number.
    pub(super) async fn accounts(&self) -> Result<BTreeMap<String, Account>, Failure> {
        let (users, refused) = match self.account_users().await {
            Ok(users) => (users, false),
            Err(Failure::Forbidden { .. }) => (Vec::new(), true),
            Err(failure) => return Err(failure),
        };
        let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
        match self.account_search().await {
            Ok(found) => accounts.extend(found),
            // One account that the member may not search for must not hide the others.
            Err(Failure::Forbidden { .. }) if !refused => self.capabilities.log(
                Level::Warn,
                "linkedin refused to search for ad accounts; they are listed without names and states",
                "",
            ),
            Err(failure) => return Err(failure),
        }
        for (id, role) in users {
            accounts.entry(id).or_default().role = role;
        }
        if accounts.len() > MAX_LISTED {
            let fields = format!("{{\"seen\":{},\"limit\":{MAX_LISTED}}}", accounts.len());
            self.capabilities.log(Level::Warn, "the member has more ad accounts than are read", &fields);
        }
        Ok(accounts.into_iter().take(MAX_LISTED).collect())
    }

    async fn account_users(&self) -> Result<Vec<(String, Option<String>)>, Failure> {
        let elements: Vec<UserElement> =
            self.list(&Subject::AccountRoles, |offset| query::account_users(&self.config, offset)).await?;
        let number = |user: UserElement| match Owner::of_urn(&user.account)? {
            Owner::Account(number) => Some((number, user.role)),
            Owner::Organization(_) => None,
        };
        Ok(elements.into_iter().filter_map(number).collect())
    }

    async fn account_search(&self) -> Result<Vec<(String, Account)>, Failure> {
        let mut accounts = Vec::new();
        let mut onward = Onward::Beginning;
        let mut offset = 0;
        for _ in 0..MAX_PAGES {
            let request = query::account_search(&self.config, &onward);
            let listing: Listing = self.ask_for(&Subject::Accounts, request).await?;
            let len = listing.elements.len();
            offset += len;
            let found: Vec<AccountElement> = self.decode(listing.elements);
            accounts.extend(found.into_iter().filter_map(Account::new));
            let token = listing.metadata.as_ref().map(|metadata| metadata.next_page_token.clone());
            onward = match (token, listing.paging) {
                (Some(Some(token)), _) if !token.is_empty() && onward != Onward::Token(token.clone()) => {
                    Onward::Token(token)
                }
                (Some(_), _) | (None, None) => break,
                (None, Some(paging)) if len == 0 || paging.total == offset => break,
                (None, Some(_)) => Onward::Offset(offset),
            };
            if accounts.len() > MAX_LISTED {
                break;
            }
        }
        Ok(accounts)
    }
}
