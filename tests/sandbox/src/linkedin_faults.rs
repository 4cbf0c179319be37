//! LinkedIn's fault switches: what its stand-in can be told to do otherwise. Plain data and its bounds.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Date;
use crate::faults::{FaultsError, bounds};
use crate::linkedin::Kind;

/// Roles that a member can have on a Page.
/// <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>
pub(crate) const PAGE_ROLES: &[&str] = &[
    "ADMINISTRATOR",
    "DIRECT_SPONSORED_CONTENT_POSTER",
    "RECRUITING_POSTER",
    "LEAD_CAPTURE_ADMINISTRATOR",
    "LEAD_GEN_FORMS_MANAGER",
    "ANALYST",
    "CURATOR",
    "CONTENT_ADMINISTRATOR",
];

/// Behaviour of LinkedIn. A rate is "one in so many"; 0 means never.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkedInFaults {
    /// Requests of the application per endpoint and UTC day before 429 is answered until 00:00 UTC. Absent: no quota.
    pub daily_quota: Option<u64>,
    /// Requests of one member per endpoint and UTC day before 429 is answered until 00:00 UTC. Absent: no quota.
    pub member_daily_quota: Option<u64>,
    /// Whether the 429 of a spent quota carries `Retry-After` (LinkedIn documents none).
    pub quota_retry_after: bool,
    /// Body of the 429 of a spent quota.
    pub quota_body: QuotaBody,
    /// Ids of the ad accounts whose campaigns, forms and responses are refused with 403.
    pub forbidden_accounts: BTreeSet<u64>,
    /// Ids of the organizations whose Page, forms and responses are refused with 403; the role list still shows them.
    pub forbidden_organizations: BTreeSet<u64>,
    /// Ids of the organizations whose role shows as `REVOKED`; their Page, forms and responses are refused with 403, and so
    /// are the responses of the ad accounts that they are the Page of.
    pub revoked_organizations: BTreeSet<u64>,
    /// The member's role by organization id, over the ones given out. EVENT leads need `ADMINISTRATOR` or
    /// `CONTENT_ADMINISTRATOR`.
    pub page_roles: BTreeMap<u64, String>,
    /// What the organization of a role is called.
    pub acl_organization_key: AclOrganizationKey,
    /// Sunset dates by version (`"202609": "2026-11-01"`), over or beside the built-in table.
    pub sunset: BTreeMap<String, String>,
    /// An access token is answered as expired (401, 65602) once it is so many seconds old. Absent: its own lifetime.
    pub require_refresh_after_s: Option<u64>,
    /// An access token that was issued by a refresh is answered as revoked (401, 65601) for its first so many seconds.
    pub fresh_token_refused_s: u64,
    /// Largest `count` of `leadForms` and `leadFormResponses`, 1 to 10,000.
    pub count_max: u64,
    /// Whether a larger `count` is cut to the maximum (true) or refused with 400 (false).
    pub count_clamp: bool,
    /// Whether `paging.total` is sent.
    pub total: bool,
    /// Whether searches by cursor are answered with a `paging` block instead of `metadata`.
    pub offset_paging: bool,
    /// Whether `submittedAtTimeRange` includes its `end`.
    pub end_inclusive: bool,
    /// Whether percent-encoded structure in a query is accepted.
    pub encoded_structure: bool,
    /// Whether unknown query parameters are ignored instead of refused with 403.
    pub ignore_unknown_parameters: bool,
    /// Whether a kind that does not go with the owner is answered with an empty list instead of 400.
    pub kind_mismatch_empty: bool,
    /// What `associatedEntity` of COMPANY and ORGANIZATION_PRODUCT responses holds; LinkedIn does not document it.
    pub organic_entity: OrganicEntity,
    /// Adds fields to forms and responses that no reference names.
    pub unknown_fields: bool,
    /// Uses enum values in forms that no reference names.
    pub unknown_enums: bool,
    /// Gives some answers as a member of `answerDetails` that no reference names.
    pub unknown_answers: bool,
    /// Sends a `leadType` that no reference names with every eighth response.
    pub unknown_lead_type: bool,
    /// So many new responses of an owner arrive after each page of its responses, at most 1,000.
    pub insert_between_pages: u64,
    /// After so many pages of one window the newest response of that window is deleted, each time. 0: never.
    pub delete_between_pages: u64,
    /// Responses older than so many days have vanished. Absent: nothing vanishes.
    pub retention_days: Option<u64>,
    /// As `retention_days`, by kind of lead, over it.
    pub retention_days_by_kind: BTreeMap<Kind, u64>,
    /// Notices of leads.
    pub notices: NoticeFaults,
}

impl Default for LinkedInFaults {
    fn default() -> Self {
        Self {
            daily_quota: None,
            member_daily_quota: None,
            quota_retry_after: false,
            quota_body: QuotaBody::default(),
            forbidden_accounts: BTreeSet::new(),
            forbidden_organizations: BTreeSet::new(),
            revoked_organizations: BTreeSet::new(),
            page_roles: BTreeMap::new(),
            acl_organization_key: AclOrganizationKey::default(),
            sunset: BTreeMap::new(),
            require_refresh_after_s: None,
            fresh_token_refused_s: 0,
            count_max: 500,
            count_clamp: true,
            total: true,
            offset_paging: false,
            end_inclusive: false,
            encoded_structure: false,
            ignore_unknown_parameters: false,
            kind_mismatch_empty: false,
            organic_entity: OrganicEntity::default(),
            unknown_fields: false,
            unknown_enums: false,
            unknown_answers: false,
            unknown_lead_type: false,
            insert_between_pages: 0,
            delete_between_pages: 0,
            retention_days: None,
            retention_days_by_kind: BTreeMap::new(),
            notices: NoticeFaults::default(),
        }
    }
}

/// What goes wrong with notices, and with creating subscriptions for them. The default is a service that works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoticeFaults {
    /// One notice in so many is sent twice.
    pub duplicate_rate: u64,
    /// One notice in so many is never sent.
    pub lost_rate: u64,
    /// One notice in so many has a signature spoilt as `bad_signature` says.
    pub bad_signature_rate: u64,
    /// How a signature is spoilt.
    pub bad_signature: BadSignature,
    /// Notices are sent so many milliseconds after what they tell of, at most a day.
    pub delay_ms: u64,
    /// Whether notices that are due together are sent newest first.
    pub reorder: bool,
    /// A response answers 404 by id so many times after the notice that it was made.
    pub not_found_tries: u64,
    /// A notice that is not acknowledged is sent again after so many seconds; LinkedIn documents no schedule.
    pub retry_s: u64,
    /// A notice is sent at most so many times, 1 to 100.
    pub tries_max: u64,
    /// Whether the body of a new subscription's answer holds it; otherwise the body is empty.
    pub filled_body: bool,
    /// Whether a webhook must be an HTTPS URL on a public host, as LinkedIn demands.
    pub public_https_only: bool,
    /// Whether test leads are told of.
    pub test_leads: bool,
}

impl Default for NoticeFaults {
    fn default() -> Self {
        Self {
            duplicate_rate: 0,
            lost_rate: 0,
            bad_signature_rate: 0,
            bad_signature: BadSignature::default(),
            delay_ms: 0,
            reorder: false,
            not_found_tries: 0,
            retry_s: 300,
            tries_max: 3,
            filled_body: false,
            public_https_only: false,
            test_leads: true,
        }
    }
}

/// How a signature is spoilt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadSignature {
    /// One of its digits is another.
    #[default]
    Digit,
    /// The signed text lacks `hmacsha256=`.
    Prefix,
    /// The header is missing.
    Header,
}

/// What the organization of a role is called: the versioned API's word, or one of the older ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AclOrganizationKey {
    /// `organization`.
    #[default]
    Organization,
    /// `organizationTarget`.
    OrganizationTarget,
    /// `organizationalTarget`.
    OrganizationalTarget,
}

impl AclOrganizationKey {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::OrganizationTarget => "organizationTarget",
            Self::OrganizationalTarget => "organizationalTarget",
        }
    }
}

/// The body of the 429 of a spent quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaBody {
    /// JSON that names whose quota it was, as seen in the field.
    #[default]
    Named,
    /// JSON with the documented text.
    Documented,
    /// HTML, as an edge proxy sends.
    Html,
}

/// What `associatedEntity` of COMPANY and ORGANIZATION_PRODUCT responses holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganicEntity {
    /// Nothing: the field is absent.
    #[default]
    Absent,
    /// `{"organization": URN}` and `{"organizationProduct": URN}`.
    Short,
    /// `{"associatedOrganization": URN}` and `{"associatedOrganizationProduct": URN}`.
    Associated,
}

impl LinkedInFaults {
    /// Days after which responses of a kind vanish.
    pub(crate) fn retention(&self, kind: Kind) -> Option<u64> {
        self.retention_days_by_kind.get(&kind).copied().or(self.retention_days)
    }

    pub(crate) fn check(&self) -> Result<(), FaultsError> {
        if !(1..=10_000).contains(&self.count_max) {
            return Err(bounds("linkedin.count_max", "1 to 10000"));
        }
        if self.insert_between_pages > 1_000 {
            return Err(bounds("linkedin.insert_between_pages", "at most 1000"));
        }
        if self.notices.delay_ms > crate::clock::DAY_MS {
            return Err(bounds("linkedin.notices.delay_ms", "at most 86400000"));
        }
        if !(1..=100).contains(&self.notices.tries_max) {
            return Err(bounds("linkedin.notices.tries_max", "1 to 100"));
        }
        if let Some((id, _)) = self.page_roles.iter().find(|(_, role)| !PAGE_ROLES.contains(&role.as_str())) {
            return Err(bounds(format!("linkedin.page_roles.{id}"), "a role on a Page, such as ANALYST"));
        }
        for (version, date) in &self.sunset {
            let version_ok = version.len() == 6 && version.bytes().all(|b| b.is_ascii_digit());
            if !version_ok || Date::parse(date).is_none() {
                return Err(bounds(
                    format!("linkedin.sunset.{version}"),
                    "a YYYY-MM-DD date for a YYYYMM version",
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_switch_is_described() {
        let page = include_str!("../../../docs/sandbox.md");
        let switches = serde_json::to_value(LinkedInFaults::default()).unwrap();
        for (name, value) in switches.as_object().unwrap() {
            let paths: Vec<String> = match value {
                Value::Object(inner) if name == "notices" => {
                    inner.keys().map(|key| format!("`notices.{key}`")).collect()
                }
                _ => vec![format!("`{name}`")],
            };
            for path in paths {
                assert!(page.contains(&path), "{path}");
            }
        }
    }
}
