//! The partitions of each stream, and for each whether it can be read and, if not, what is missing.
//!
//! Owners that the configuration names and the member does not see are listed too, lest they be missed in silence; one
//! that cannot be read hides no other.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join;
use serde::Serialize;

use crate::capabilities::{Capabilities, Level};
use crate::failure::Failure;

use super::accounts::Account;
use super::organizations::Roles;
use super::owner::{Holding, Kind, Owner};
use super::selection::Selection;
use super::stream::Stream;
use super::{Source, roles};

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
    /// `<KIND>:<number>` for lead responses; `account:<number>`, `organization:<number>` or `all` for other streams.
    pub id: String,
    /// The owner's name, or its number.
    pub name: String,
    /// Whether it can be read.
    pub state: State,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What is known about the owner: `account`, `role`, `status`, `page`, `page_name`; or `organization`, `role`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<&'static str, String>,
}

/// Whether something stands in the way: the state and the sentence.
type Obstacle = Option<(State, String)>;

/// What the member sees. A list is None where nothing needs it.
pub(super) struct Roster {
    pub(super) accounts: Option<Result<BTreeMap<String, Account>, Failure>>,
    pub(super) roles: Option<Result<Roles, Failure>>,
}

impl Roster {
    pub(super) fn roles(&self) -> Option<&Roles> {
        self.roles.as_ref()?.as_ref().ok()
    }

    /// Names of the pages behind ad accounts, by number.
    fn page_names(&self) -> BTreeMap<String, String> {
        let accounts = self.accounts.iter().flatten().flat_map(BTreeMap::values);
        accounts.filter_map(|account| Some((account.page.clone()?, account.page_name.clone()?))).collect()
    }
}

impl<C: Capabilities> Source<C> {
    /// Lists the partitions that the configuration and the selection cover.
    ///
    /// # Errors
    ///
    /// LinkedIn's refusals, where nothing can be listed because of them.
    pub async fn partitions(&self, stream: &str, selection: Option<&str>) -> Result<Vec<Partition>, Failure> {
        let stream = Stream::parse(stream)?;
        let selection = Selection::parse(selection)?;
        let kinds: Vec<Kind> =
            self.config.kinds.iter().copied().filter(|kind| selection.covers_kind(*kind)).collect();
        let sponsored = kinds.contains(&Kind::Sponsored);
        if stream == Stream::AdAccounts {
            return Ok(if sponsored { vec![all_accounts()] } else { Vec::new() });
        }
        let organic = match stream {
            Stream::LeadResponses | Stream::LeadForms => kinds.iter().any(|kind| kind.is_organic()),
            Stream::AdAccounts | Stream::Campaigns | Stream::Creatives => false,
        };
        // A role on its page is what reading an ad account's responses needs besides.
        let roster = self.roster(sponsored, organic || sponsored && stream == Stream::LeadResponses).await;
        require_some(&roster, organic)?;
        self.tell_refusals(&roster, organic);
        self.partitions_of(stream, &kinds, &roster, &selection).await
    }

    /// The partitions for owners and kinds, in the order of their ids.
    ///
    /// # Errors
    ///
    /// As [`Self::organization_names`].
    pub(super) async fn partitions_of(
        &self,
        stream: Stream,
        kinds: &[Kind],
        roster: &Roster,
        selection: &Selection,
    ) -> Result<Vec<Partition>, Failure> {
        let mut partitions = self.of_accounts(stream, roster, selection);
        if stream == Stream::LeadResponses || stream == Stream::LeadForms {
            partitions.extend(self.of_organizations(stream, kinds, roster, selection).await?);
        }
        partitions.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(partitions)
    }

    /// Asks for what the member sees.
    pub(super) async fn roster(&self, accounts: bool, roles: bool) -> Roster {
        let accounts = async { if accounts { Some(self.accounts().await) } else { None } };
        let roles = async { if roles { Some(self.page_roles().await) } else { None } };
        let (accounts, roles) = join(accounts, roles).await;
        Roster { accounts, roles }
    }

    fn tell_refusals(&self, roster: &Roster, organic: bool) {
        if let Some(Err(_)) = roster.accounts {
            self.capabilities.log(
                Level::Warn,
                "linkedin refuses to list ad accounts; the other kinds are read, `check` says what is missing",
                "",
            );
        }
        if let Some(Err(failure)) = &roster.roles {
            let level = match failure {
                Failure::Forbidden { .. } if !organic => Level::Debug,
                _ => Level::Warn,
            };
            let message = "page roles cannot be listed; what depends on them is not known or not read, `check` says what \
                           is missing";
            self.capabilities.log(level, message, "");
        }
    }

    fn of_accounts(&self, stream: Stream, roster: &Roster, selection: &Selection) -> Vec<Partition> {
        let covered = |number: &str| {
            let owner = Owner::Account(number.to_owned());
            self.config.covers(&owner) && selection.covers_owner(&owner)
        };
        let named = || self.config.accounts.included().filter(|number| covered(number));
        let accounts = match &roster.accounts {
            None => return Vec::new(),
            Some(Err(failure)) => {
                return named().map(|number| unseen_account(stream, number, failure.to_string())).collect();
            }
            Some(Ok(accounts)) => accounts,
        };
        let pages_told = accounts.values().any(|account| account.page_told);
        let roles = roster.roles().filter(|_| stream == Stream::LeadResponses);
        let missing = named().filter(|number| !accounts.contains_key(*number));
        let unseen = "the authorized member has no role on this ad account: give it one in Campaign Manager, under Account \
                      settings > Manage access";
        let missing = missing.map(|number| unseen_account(stream, number, unseen.to_owned()));
        let seen = accounts.iter().filter(|(number, _)| covered(number));
        missing
            .chain(seen.map(|(number, account)| of_account(stream, number, account, pages_told, roles)))
            .collect()
    }

    async fn of_organizations(
        &self,
        stream: Stream,
        kinds: &[Kind],
        roster: &Roster,
        selection: &Selection,
    ) -> Result<Vec<Partition>, Failure> {
        if !kinds.iter().any(|kind| kind.is_organic()) {
            return Ok(Vec::new());
        }
        let covered = |number: &str| {
            let owner = Owner::Organization(number.to_owned());
            self.config.covers(&owner) && selection.covers_owner(&owner)
        };
        let seen = roster.roles().into_iter().flat_map(Roles::organizations);
        let numbers: BTreeSet<&str> =
            seen.chain(self.config.organizations.included()).filter(|number| covered(number)).collect();
        // The ad accounts have told the names of their pages already.
        let mut names = roster.page_names();
        let unknown = |number: &&str| roster.roles().is_some() && !names.contains_key(*number);
        let unknown: Vec<&str> = numbers.iter().copied().filter(unknown).collect();
        names.extend(self.organization_names(&unknown).await?);
        let mut partitions = Vec::new();
        for number in numbers {
            let name = names.get(number).map(String::as_str);
            let owner = Owner::Organization(number.to_owned());
            let mut organic = kinds.iter().copied().filter(|kind| owner.can_have(*kind));
            if stream == Stream::LeadForms {
                let obstacles = organic.by_ref().map(|kind| organization_obstacle(roster, number, kind));
                // One kind whose leads may be read is enough to need the forms.
                let obstacle = obstacles.min_by_key(Option::is_some).flatten();
                let id = format!("organization:{number}");
                partitions.push(of_organization(id, number, name, obstacle, roster));
                continue;
            }
            for kind in organic {
                let holding = Holding { kind, owner: owner.clone() };
                let obstacle = organization_obstacle(roster, number, kind);
                partitions.push(of_organization(holding.id(), number, name, obstacle, roster));
            }
        }
        Ok(partitions)
    }
}

/// Fails if nothing can be listed, or if what failed may pass.
fn require_some(roster: &Roster, organic: bool) -> Result<(), Failure> {
    let is_final = |failure: &Failure| !matches!(failure, Failure::Forbidden { .. });
    let accounts_failed = roster.accounts.as_ref().and_then(|accounts| accounts.as_ref().err());
    let roles_failed = roster.roles.as_ref().and_then(|roles| roles.as_ref().err());
    if let Some(failure) = accounts_failed
        && (is_final(failure) || !organic || roles_failed.is_some())
    {
        return Err(failure.clone());
    }
    if let Some(failure) = roles_failed
        && organic
        && (is_final(failure) || roster.accounts.is_none())
    {
        return Err(failure.clone());
    }
    Ok(())
}

fn all_accounts() -> Partition {
    Partition {
        id: "all".to_owned(),
        name: "all ad accounts".to_owned(),
        state: State::Active,
        message: None,
        facts: BTreeMap::new(),
    }
}

fn account_id(stream: Stream, number: &str) -> String {
    match stream {
        Stream::LeadResponses => {
            Holding { kind: Kind::Sponsored, owner: Owner::Account(number.to_owned()) }.id()
        }
        _ => format!("account:{number}"),
    }
}

fn unseen_account(stream: Stream, number: &str, message: String) -> Partition {
    Partition {
        id: account_id(stream, number),
        name: format!("ad account {number}"),
        state: State::Forbidden,
        message: Some(message),
        facts: BTreeMap::new(),
    }
}

fn of_account(
    stream: Stream,
    number: &str,
    account: &Account,
    pages_told: bool,
    roles: Option<&Roles>,
) -> Partition {
    let disabled = account.obstacle(pages_told).map(|message| (State::Disabled, message));
    let obstacle = disabled.or_else(|| page_obstacle(account, roles?));
    let facts = [
        ("account", Some(Owner::Account(number.to_owned()).urn())),
        ("role", account.role.clone()),
        ("status", account.status.clone()),
        ("page", account.page.clone().map(|page| Owner::Organization(page).urn())),
        ("page_name", account.page_name.clone()),
    ];
    Partition {
        id: account_id(stream, number),
        name: account.name.clone().unwrap_or_else(|| format!("ad account {number}")),
        state: obstacle.as_ref().map_or(State::Active, |(state, _)| *state),
        message: obstacle.map(|(_, message)| message),
        facts: facts.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
    }
}

/// What is wrong with the member's roles on an ad account's page.
fn page_obstacle(account: &Account, roles: &Roles) -> Obstacle {
    let page = account.page.as_deref()?;
    (!roles.suffice(page, Kind::Sponsored)).then(|| {
        let grant = roles::grant(Kind::Sponsored);
        let message = format!(
            "the member has no role that lets it read leads on organization {page}, the ad account's page: {grant}"
        );
        (State::Forbidden, message)
    })
}

fn of_organization(
    id: String,
    number: &str,
    name: Option<&str>,
    obstacle: Obstacle,
    roster: &Roster,
) -> Partition {
    let role = roster.roles().map(|roles| roles.held(number)).filter(|held| !held.is_empty());
    let urn = Owner::Organization(number.to_owned()).urn();
    let facts = [("organization", Some(urn)), ("role", role)];
    Partition {
        id,
        name: name.map_or_else(|| format!("organization {number}"), str::to_owned),
        state: obstacle.as_ref().map_or(State::Active, |(state, _)| *state),
        message: obstacle.map(|(_, message)| message),
        facts: facts.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
    }
}

fn organization_obstacle(roster: &Roster, number: &str, kind: Kind) -> Obstacle {
    let roles = match roster.roles.as_ref()? {
        Ok(roles) => roles,
        Err(failure) => return Some((State::Forbidden, failure.to_string())),
    };
    (!roles.suffice(number, kind)).then(|| {
        let (held, grant) = (roles.held(number), roles::grant(kind));
        let message = match held.is_empty() {
            true => format!("the member has no role on this organization: {grant}"),
            false => format!("the member's role {held} does not let it read {} leads: {grant}", kind.word()),
        };
        (State::Forbidden, message)
    })
}
