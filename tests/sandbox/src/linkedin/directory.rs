//! Ad accounts, their users, and Pages: who is who. Pure; who may see what is decided by the caller.
//! <https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads/account-structure/create-and-manage-accounts>

use serde_json::{Value, json};

use super::content::CAMPAIGNS;
use super::kind::{Holder, Kind};

/// The member behind every token.
pub(crate) const MEMBER: &str = "urn:li:person:aB3xYz91Qw";
const ACCOUNT_ID_FIRST: u64 = 503_000_101;
const ORGANIZATION_ID_FIRST: u64 = 90_021;
const CAMPAIGN_ID_FIRST: u64 = 300_200_101;
const CREATIVE_ID_FIRST: u64 = 612_345_001;
const EVENT_ID_FIRST: u64 = 7_100_000_000_000_000_000;
const PRODUCT_ID_FIRST: u64 = 40_500_001;
/// Events of one Page.
const EVENTS: u64 = 2;
pub(crate) const CREATED_MS: u64 = 1_700_000_000_000;
/// A Page whose role was revoked: it shows among the roles unless `state=APPROVED` is asked for.
pub(crate) const REVOKED_ORGANIZATION_ID: u64 = 80_001;

/// A Page whose role was asked for and not yet granted: it shows where Pages have forms of their own.
pub(crate) const REQUESTED_ORGANIZATION_ID: u64 = 80_002;

/// Roles on a Page that open its leads.
const LEAD_ROLES: [&str; 5] =
    ["ADMINISTRATOR", "LEAD_GEN_FORMS_MANAGER", "CURATOR", "CONTENT_ADMINISTRATOR", "ANALYST"];
/// Roles on a Page that open the leads of its events.
const EVENT_ROLES: [&str; 2] = ["ADMINISTRATOR", "CONTENT_ADMINISTRATOR"];

/// Values of an account's `status`.
pub(crate) const ACCOUNT_STATUSES: &[&str] = &["ACTIVE", "CANCELED", "DRAFT", "PENDING_DELETION", "REMOVED"];

/// The id of an account.
pub(crate) fn account_id(account: u64) -> u64 {
    ACCOUNT_ID_FIRST + account
}

pub(crate) fn account_urn(account: u64) -> String {
    format!("urn:li:sponsoredAccount:{}", account_id(account))
}

pub(crate) fn account_name(account: u64) -> String {
    format!("Kolb Pumps {}", account + 1)
}

/// The name of a Page: an account's Page is called as the account is.
pub(crate) fn page_name(page: u64) -> String {
    account_name(page)
}

/// The id of a Page; the first ones are the ad accounts'.
pub(crate) fn organization_id(page: u64) -> u64 {
    ORGANIZATION_ID_FIRST + page
}

pub(crate) fn organization_urn(page: u64) -> String {
    format!("urn:li:organization:{}", organization_id(page))
}

/// The id of one of a Page's events, by a number that is cut to how many there are.
pub(crate) fn event_id(page: u64, event: u64) -> u64 {
    EVENT_ID_FIRST + page * EVENTS + event % EVENTS
}

/// The id of a Page's product.
pub(crate) fn product_id(page: u64) -> u64 {
    PRODUCT_ID_FIRST + page
}

/// The union that names an owner.
pub(crate) fn owner_union(holder: Holder) -> Value {
    match holder {
        Holder::Account(account) => json!({"sponsoredAccount": account_urn(account)}),
        Holder::Page(page, _) => json!({"organization": organization_urn(page)}),
    }
}

/// Whether a role on a Page opens its leads of a kind.
pub(crate) fn role_opens(role: &str, kind: Kind) -> bool {
    match kind {
        Kind::Event => EVENT_ROLES.contains(&role),
        Kind::Sponsored | Kind::Company | Kind::OrganizationProduct => LEAD_ROLES.contains(&role),
    }
}

pub(crate) fn campaign_id(account: u64, campaign: u64) -> u64 {
    CAMPAIGN_ID_FIRST + account * CAMPAIGNS + campaign
}

pub(crate) fn campaign_name(campaign: u64) -> &'static str {
    ["Pumps leads \u{2013} DACH", "Pumps \"retargeting\"", "Brand"]
        .get(campaign as usize)
        .copied()
        .unwrap_or_default()
}

pub(crate) fn campaign_type(campaign: u64) -> &'static str {
    ["SPONSORED_UPDATES", "SPONSORED_INMAILS", "DYNAMIC"].get(campaign as usize).copied().unwrap_or_default()
}

/// One creative per campaign.
pub(crate) fn creative_id(account: u64, campaign: u64) -> u64 {
    CREATIVE_ID_FIRST + account * CAMPAIGNS + campaign
}

/// Which accounts there are: those with responses, then the idle ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Directory {
    pub(crate) accounts: u64,
    pub(crate) idle_accounts: bool,
    /// So many Pages, from the first on, have forms and responses of their own.
    pub(crate) organizations: u64,
}

impl Directory {
    /// Number of accounts, idle ones included.
    pub(crate) fn len(&self) -> u64 {
        self.accounts + if self.idle_accounts { 2 } else { 0 }
    }

    /// The account with an id.
    pub(crate) fn account(&self, id: u64) -> Option<u64> {
        id.checked_sub(ACCOUNT_ID_FIRST).filter(|account| *account < self.len())
    }

    /// The Page with an id.
    pub(crate) fn page(&self, id: u64) -> Option<u64> {
        id.checked_sub(ORGANIZATION_ID_FIRST).filter(|page| self.is_page(*page))
    }

    /// Every Page.
    pub(crate) fn pages(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.len().max(self.organizations)).filter(|page| self.is_page(*page))
    }

    fn is_page(&self, page: u64) -> bool {
        page < self.organizations || self.has_page(page)
    }

    /// The member's role on a Page, unless a switch says another. Those with forms of their own can all be read.
    pub(crate) fn page_role(&self, page: u64) -> &'static str {
        match (page < self.organizations, page.is_multiple_of(2)) {
            (true, true) => "CONTENT_ADMINISTRATOR",
            (false, true) => "LEAD_GEN_FORMS_MANAGER",
            (_, false) => "ADMINISTRATOR",
        }
    }

    pub(crate) fn is_test(&self, account: u64) -> bool {
        account == self.accounts
    }

    pub(crate) fn status(&self, account: u64) -> &'static str {
        if account > self.accounts { "CANCELED" } else { "ACTIVE" }
    }

    /// The cancelled account has no Page.
    pub(crate) fn has_page(&self, account: u64) -> bool {
        account <= self.accounts && account < self.len()
    }

    /// An `adAccounts` object with every field.
    pub(crate) fn account_object(&self, account: u64) -> Value {
        let mut object = json!({
            "id": account_id(account),
            "name": account_name(account),
            "test": self.is_test(account),
            "currency": "EUR",
            "type": "BUSINESS",
            "status": self.status(account),
            "servingStatuses": [if self.status(account) == "ACTIVE" { "RUNNABLE" } else { "STOPPED" }],
            "changeAuditStamps": {
                "created": {"actor": MEMBER, "time": CREATED_MS},
                "lastModified": {"actor": MEMBER, "time": CREATED_MS + 80_000_000_000_u64},
            },
            "referenceInfo": {},
        });
        if self.has_page(account) {
            object["reference"] = format!("urn:li:organization:{}", organization_id(account)).into();
            object["referenceInfo"] = json!({"organization": organization_object(account)});
        }
        object
    }
}

/// An `organizations` object.
pub(crate) fn organization_object(page: u64) -> Value {
    let name = page_name(page);
    json!({
        "id": organization_id(page),
        "localizedName": name,
        "vanityName": format!("kolb-pumps-{}", page + 1),
        "name": {"localized": {"de_DE": name}, "preferredLocale": {"country": "DE", "language": "de"}},
    })
}

/// An `adAccountUsers` object.
pub(crate) fn account_user_object(account: u64) -> Value {
    let role = if account.is_multiple_of(2) { "ACCOUNT_MANAGER" } else { "VIEWER" };
    json!({
        "account": account_urn(account),
        "user": MEMBER,
        "role": role,
        "changeAuditStamps": {"created": {"time": CREATED_MS}, "lastModified": {"time": CREATED_MS}},
    })
}

/// An `organizationAcls` object.
pub(crate) fn acl_object(organization: u64, role: &str, state: &str) -> Value {
    let stamp = |time: u64| json!({"actor": MEMBER, "impersonator": "urn:li:servicePrincipal:organization", "time": time});
    json!({
        "roleAssignee": MEMBER,
        "organization": format!("urn:li:organization:{organization}"),
        "role": role,
        "state": state,
        "created": stamp(CREATED_MS),
        "lastModified": stamp(CREATED_MS + 28_000_000_000),
    })
}

/// The digits at the end of a URN of a type.
pub(crate) fn urn_id(urn: &str, kind: &str) -> Option<u64> {
    let digits = urn.strip_prefix("urn:li:")?.strip_prefix(kind)?.strip_prefix(':')?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_to_accounts_that_exist() {
        let plain = Directory { accounts: 3, idle_accounts: false, organizations: 0 };
        let idle = Directory { accounts: 3, idle_accounts: true, organizations: 0 };
        assert_eq!((plain.account(account_id(2)), plain.account(account_id(3))), (Some(2), None));
        assert_eq!(
            (idle.account(account_id(4)), idle.account(account_id(5)), idle.account(1)),
            (Some(4), None, None)
        );
        assert_eq!(plain.page(organization_id(3)), None);
        assert_eq!(idle.page(organization_id(3)), Some(3));
        assert_eq!(idle.page(organization_id(4)), None, "no Page");
    }

    #[test]
    fn idle_accounts_are_a_test_account_and_one_without_a_page() {
        let directory = Directory { accounts: 3, idle_accounts: true, organizations: 0 };
        assert_eq!(directory.account_object(3)["test"], true);
        let cancelled = directory.account_object(4);
        assert_eq!((&cancelled["status"], &cancelled["referenceInfo"]), (&json!("CANCELED"), &json!({})));
        assert!(cancelled.get("reference").is_none());
    }

    #[test]
    fn pages_with_forms_come_first_and_may_outnumber_the_accounts() {
        let directory = Directory { accounts: 2, idle_accounts: true, organizations: 5 };
        assert_eq!(directory.pages().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(directory.page(organization_id(4)), Some(4));
        assert!((0..5).all(|page| role_opens(directory.page_role(page), Kind::Event)));
        let few = Directory { organizations: 1, ..directory };
        assert_eq!(few.pages().collect::<Vec<_>>(), [0, 1, 2]);
        assert!(!role_opens("ANALYST", Kind::Event) && role_opens("ANALYST", Kind::Company));
        assert!(!role_opens("RECRUITING_POSTER", Kind::Company));
    }

    #[test]
    fn urns_are_read_strictly() {
        assert_eq!(urn_id("urn:li:sponsoredAccount:503000111", "sponsoredAccount"), Some(503_000_111));
        for bad in [
            "urn:li:sponsoredAccount:",
            "urn:li:sponsoredAccount:1x",
            "urn:li:organization:1",
            "503000111",
            "urn:li:sponsoredAccount:-1",
        ] {
            assert_eq!(urn_id(bad, "sponsoredAccount"), None, "{bad}");
        }
    }
}
