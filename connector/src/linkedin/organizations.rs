//! The member's roles on Pages, and the names of these.
//!
//! See <https://learn.microsoft.com/en-us/linkedin/marketing/community-management/organizations/organization-access-control-by-role>.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::Value;

use crate::capabilities::{Capabilities, Level};
use crate::failure::Failure;

use super::errors::Subject;
use super::owner::{Kind, is_number};
use super::{Source, query, roles};

/// The most organizations whose names are looked up; each costs a request.
const MAX_NAMED: usize = 200;

/// The roles that the member holds, by the organization's number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Roles(BTreeMap<String, BTreeSet<String>>);

impl Roles {
    /// Every organization on which the member holds a role.
    pub(super) fn organizations(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The roles on an organization, with commas; empty where there is none.
    pub(super) fn held(&self, organization: &str) -> String {
        let held: Vec<&str> = self.0.get(organization).into_iter().flatten().map(String::as_str).collect();
        held.join(", ")
    }

    /// Whether one of them lets the member read leads of this kind.
    pub(super) fn suffice(&self, organization: &str, kind: Kind) -> bool {
        let held = self.0.get(organization);
        held.is_some_and(|held| roles::sufficient(kind).iter().any(|role| held.contains(*role)))
    }
}

/// One entry of `organizationAcls`. The key of the organization has changed its name twice.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleElement {
    organization: Option<String>,
    organization_target: Option<String>,
    organizational_target: Option<String>,
    role: Option<String>,
    state: Option<String>,
}

impl RoleElement {
    /// The organization's number and the role, if the role is in force.
    fn in_force(self) -> Option<(String, String)> {
        let urn = self.organization.or(self.organization_target).or(self.organizational_target)?;
        let number = urn.rsplit(':').next().filter(|number| is_number(number))?.to_owned();
        // Only entries of that state were asked for, so one without a state has it.
        let approved = self.state.is_none_or(|state| state == "APPROVED");
        self.role.filter(|_| approved).map(|role| (number, role))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrganizationElement {
    localized_name: Option<String>,
    #[serde(default)]
    name: Value,
}

impl OrganizationElement {
    fn name(self) -> Option<String> {
        let localized = || self.name.get("localized")?.as_object()?.values().next()?.as_str();
        self.localized_name.clone().or_else(|| localized().map(str::to_owned)).filter(|name| !name.is_empty())
    }
}

impl<C: Capabilities> Source<C> {
    /// The member's roles in force.
    ///
    /// # Errors
    ///
    /// LinkedIn's refusals.
    pub(super) async fn page_roles(&self) -> Result<Roles, Failure> {
        let elements: Vec<RoleElement> =
            self.list(&Subject::PageRoles, |offset| query::page_roles(&self.config, offset)).await?;
        let mut roles = Roles::default();
        for (organization, role) in elements.into_iter().filter_map(RoleElement::in_force) {
            roles.0.entry(organization).or_default().insert(role);
        }
        Ok(roles)
    }

    /// Names by number. A name that cannot be had costs nothing but the name.
    ///
    /// # Errors
    ///
    /// [`Failure::Unauthorized`], since nothing else will work either.
    pub(super) async fn organization_names(
        &self,
        numbers: &[&str],
    ) -> Result<BTreeMap<String, String>, Failure> {
        let mut names = BTreeMap::new();
        let (mut unnamed, mut busy) = (numbers.len().saturating_sub(MAX_NAMED), false);
        for wave in numbers.get(..MAX_NAMED).unwrap_or(numbers).chunks(self.config.requests_in_flight) {
            if busy {
                unnamed += wave.len();
                continue;
            }
            let asked = wave.iter().map(|number| self.organization_name(number));
            for (number, answer) in wave.iter().zip(join_all(asked).await) {
                match answer {
                    Ok(Some(name)) => {
                        names.insert((*number).to_owned(), name);
                    }
                    Err(failure @ Failure::Unauthorized { .. }) => return Err(failure),
                    Ok(None) => unnamed += 1,
                    Err(failure) => {
                        unnamed += 1;
                        busy |= matches!(failure, Failure::Retryable { .. });
                    }
                }
            }
        }
        if unnamed > 0 {
            let fields = format!("{{\"unnamed\":{unnamed}}}");
            self.capabilities.log(
                Level::Info,
                "some organizations are listed by number, since their names cannot be had",
                &fields,
            );
        }
        Ok(names)
    }

    async fn organization_name(&self, number: &str) -> Result<Option<String>, Failure> {
        let subject = Subject::Organization(number.to_owned());
        let element: OrganizationElement =
            self.ask_for(&subject, query::organization(&self.config, number)).await?;
        Ok(element.name())
    }
}
