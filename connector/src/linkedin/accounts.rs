//! The partitions: ad accounts on which the member has a role, each with what is known about it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::capabilities::{Capabilities, Level, Request};
use crate::failure::{Detail, Failure};
use crate::text::Text;

use super::config::{Accounts, account_number};
use super::errors::Subject;
use super::query::{self, Onward};
use super::selection::Selection;
use super::{Source, require_stream};

/// The kind of the leads that ad accounts own.
pub(super) const KIND: &str = "SPONSORED";

/// The most accounts that are listed, and the most pages that are turned for them.
const MAX_ACCOUNTS: usize = 10_000;
const MAX_PAGES: usize = 200;

/// Whether a partition can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It can.
    Active,
    /// The member may not.
    Forbidden,
    /// It cannot hold leads any more, or yet.
    Disabled,
}

/// One line of `partitions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// `SPONSORED:<ad account>`.
    pub id: String,
    /// The account's name, or its number.
    pub name: String,
    /// Whether it can be read.
    pub state: State,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What is known about the account: `account`, `role`, `status`, `page`, `page_name`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<&'static str, String>,
}

/// What was found out about one ad account.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub(super) name: Option<String>,
    role: Option<String>,
    status: Option<String>,
    /// The number of its page.
    pub(super) page: Option<String>,
    page_name: Option<String>,
    /// Whether LinkedIn said anything about its page, be it that there is none.
    page_told: bool,
}

/// A page of any finder. Elements are decoded one by one, lest a strange one hide the others.
#[derive(Deserialize)]
struct Listing {
    elements: Vec<Value>,
    paging: Option<Paging>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Paging {
    #[serde(default)]
    total: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    next_page_token: Option<String>,
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

#[derive(Deserialize)]
struct RoleElement {
    #[serde(alias = "organizationTarget", alias = "organizationalTarget")]
    organization: Option<String>,
    role: Option<String>,
    state: Option<String>,
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

fn is_number(text: &str) -> bool {
    account_number(text) == Some(text)
}

/// The account of a partition's id.
pub(super) fn partition_account(id: &str) -> Result<&str, Failure> {
    let account = id.split_once(':').filter(|(kind, account)| *kind == KIND && is_number(account));
    account.map(|(_, account)| account).ok_or_else(|| {
        let message = format!("no such partition: an id is {KIND}:<ad account>, as `partitions` lists them");
        Failure::Fatal(Detail::new(message))
    })
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
    fn obstacle(&self, pages_told: bool) -> Option<String> {
        let status = self.status.as_deref().unwrap_or_default();
        if matches!(status, "CANCELED" | "REMOVED" | "PENDING_DELETION" | "DRAFT") {
            return Some(format!("the ad account's status is {status}"));
        }
        let known = !status.is_empty() || self.name.is_some();
        (known && pages_told && self.page.is_none()).then(|| {
            "the ad account has no linkedin page, so it has no leads: connect it to one in Campaign Manager".to_owned()
        })
    }

    fn into_partition(self, account: &str, pages_told: bool) -> Partition {
        let message = self.obstacle(pages_told);
        let facts = [
            ("account", Some(format!("urn:li:sponsoredAccount:{account}"))),
            ("role", self.role),
            ("status", self.status),
            ("page", self.page.map(|page| format!("urn:li:organization:{page}"))),
            ("page_name", self.page_name),
        ];
        Partition {
            id: format!("{KIND}:{account}"),
            name: self.name.unwrap_or_else(|| format!("ad account {account}")),
            state: if message.is_some() { State::Disabled } else { State::Active },
            message,
            facts: facts.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
        }
    }
}

fn unseen(account: &str) -> Partition {
    Partition {
        id: format!("{KIND}:{account}"),
        name: format!("ad account {account}"),
        state: State::Forbidden,
        message: Some(
            "the authorized member has no role on this ad account: give it one in Campaign Manager, under Account \
             settings > Manage access"
                .to_owned(),
        ),
        facts: BTreeMap::new(),
    }
}

impl<C: Capabilities> Source<C> {
    /// Lists the ad accounts of the member that the configuration and the selection cover.
    ///
    /// # Errors
    ///
    /// LinkedIn's refusals; a refused search alone is none, since it may be due to a single account.
    pub async fn partitions(&self, stream: &str, selection: Option<&str>) -> Result<Vec<Partition>, Failure> {
        require_stream(stream)?;
        let selection = Selection::parse(selection)?;
        Ok(self.partitions_of(&self.accounts().await?, &selection))
    }

    /// The accounts that are covered, and those that the configuration names in vain.
    pub(super) fn partitions_of(
        &self,
        accounts: &BTreeMap<String, Account>,
        selection: &Selection,
    ) -> Vec<Partition> {
        let pages_told = accounts.values().any(|account| account.page_told);
        let covered = |id: &str| self.config.accounts.covers(id) && selection.covers_partition(KIND, id);
        let mut partitions: Vec<Partition> = Vec::new();
        if let Accounts::Include(wanted) = &self.config.accounts {
            let missing = wanted.iter().filter(|id| !accounts.contains_key(*id) && covered(id));
            partitions.extend(missing.map(|id| unseen(id)));
        }
        let seen = accounts.iter().filter(|(id, _)| covered(id));
        partitions.extend(seen.map(|(id, account)| account.clone().into_partition(id, pages_told)));
        partitions.sort_by(|a, b| a.id.cmp(&b.id));
        partitions.dedup_by(|a, b| a.id == b.id);
        partitions
    }

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
        if accounts.len() > MAX_ACCOUNTS {
            let fields = format!("{{\"seen\":{},\"limit\":{MAX_ACCOUNTS}}}", accounts.len());
            self.capabilities.log(Level::Warn, "the member has more ad accounts than are read", &fields);
        }
        Ok(accounts.into_iter().take(MAX_ACCOUNTS).collect())
    }

    async fn account_users(&self) -> Result<Vec<(String, Option<String>)>, Failure> {
        let elements: Vec<UserElement> =
            self.list(&Subject::Accounts, |offset| query::account_users(&self.config, offset)).await?;
        let number = |user: UserElement| Some((account_number(&user.account)?.to_owned(), user.role));
        Ok(elements.into_iter().filter_map(number).collect())
    }

    /// The numbers of the pages on which the member has a role that lets it read leads, with the role.
    pub(super) async fn page_roles(&self) -> Result<BTreeMap<String, Vec<String>>, Failure> {
        let elements: Vec<RoleElement> =
            self.list(&Subject::PageRoles, |offset| query::page_roles(&self.config, offset)).await?;
        let mut roles: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for element in elements {
            let approved = element.state.as_deref().is_none_or(|state| state == "APPROVED");
            let page = element.organization.as_deref().and_then(|urn| urn.rsplit(':').next());
            if let (true, Some(page), Some(role)) = (approved, page, element.role) {
                roles.entry(page.to_owned()).or_default().push(role);
            }
        }
        Ok(roles)
    }

    /// All elements of a finder that pages by offset.
    async fn list<T: DeserializeOwned>(
        &self,
        subject: &Subject,
        request: impl Fn(usize) -> Request,
    ) -> Result<Vec<T>, Failure> {
        let mut elements: Vec<Value> = Vec::new();
        for _ in 0..MAX_PAGES {
            let listing: Listing = self.ask_for(subject, request(elements.len())).await?;
            let len = listing.elements.len();
            elements.extend(listing.elements);
            let total = listing.paging.and_then(|paging| paging.total.as_u64());
            // A short page is the end only if nothing follows: the server may give fewer than asked for.
            if len == 0 || total == u64::try_from(elements.len()).ok() || elements.len() > MAX_ACCOUNTS {
                break;
            }
        }
        Ok(self.decode(elements))
    }

    fn decode<T: DeserializeOwned>(&self, elements: Vec<Value>) -> Vec<T> {
        let all = elements.len();
        let known: Vec<T> =
            elements.into_iter().filter_map(|element| serde_json::from_value(element).ok()).collect();
        if known.len() < all {
            let fields = format!("{{\"seen\":{all},\"understood\":{}}}", known.len());
            self.capabilities.log(
                Level::Warn,
                "some elements of a listing do not have the documented shape",
                &fields,
            );
        }
        known
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
            if accounts.len() > MAX_ACCOUNTS {
                break;
            }
        }
        Ok(accounts)
    }
}

/// For messages: the account's name and number.
pub(super) fn label<'a>(id: &str, account: &'a Account) -> Text<'a> {
    match &account.name {
        Some(name) => format!("{name} ({id})").into(),
        None => id.to_owned().into(),
    }
}
