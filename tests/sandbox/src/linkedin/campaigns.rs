//! Campaign groups, campaigns and creatives of an ad account: what they look like, and the calls that read them.
//! <https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads/account-structure/create-and-manage-accounts>

use serde_json::{Value, json};

use super::LinkedIn;
use super::call::{ACCOUNT_COUNT_MAX, Call, Endpoint};
use super::content::CAMPAIGNS;
use super::directory::{self, CREATED_MS, MEMBER};
use super::directory_api::{ADS, SEARCH, number, projected, searched, statuses};
use super::forms::{Form, VERSIONS};
use super::problem::Problem;
use super::query::Value as Parameter;

/// Values of a campaign's `status`, and of a group's.
const STATUSES: &[&str] =
    &["ACTIVE", "PAUSED", "ARCHIVED", "COMPLETED", "CANCELED", "DRAFT", "PENDING_DELETION", "REMOVED"];
/// Campaign groups per account; the campaigns are in the first.
const GROUPS: u64 = 2;
const GROUP_ID_FIRST: u64 = 600_100_101;
const ARCHIVED_GROUP_ID_FIRST: u64 = 700_100_101;
/// Largest page of creatives; LinkedIn's number is not published, open connectors use this one.
const CREATIVE_PAGE_MAX: u64 = 100;

const GROUP_FIELDS: &[&str] = &["id", "name", "status", "account", "changeAuditStamps"];
const CAMPAIGN_FIELDS: &[&str] =
    &["id", "name", "status", "account", "campaignGroup", "type", "objectiveType", "changeAuditStamps"];
const CREATIVE_FIELDS: &[&str] =
    &["id", "name", "campaign", "account", "intendedStatus", "leadgenCallToAction"];

const GROUPS_SEARCH: Endpoint = Endpoint {
    name: "adCampaignGroups.FINDER-search",
    parameters: SEARCH,
    scopes: ADS,
    fields: GROUP_FIELDS,
};
const GROUP_GET: Endpoint =
    Endpoint { name: "adCampaignGroups.GET", parameters: &[], scopes: ADS, fields: GROUP_FIELDS };
const CAMPAIGNS_SEARCH: Endpoint =
    Endpoint { name: "adCampaigns.FINDER-search", parameters: SEARCH, scopes: ADS, fields: CAMPAIGN_FIELDS };
const CAMPAIGN_GET: Endpoint =
    Endpoint { name: "adCampaigns.GET", parameters: &[], scopes: ADS, fields: CAMPAIGN_FIELDS };
const CREATIVES_BY_CRITERIA: Endpoint = Endpoint {
    name: "creatives.FINDER-criteria",
    parameters: &[
        "q",
        "campaigns",
        "creatives",
        "intendedStatuses",
        "pageSize",
        "pageToken",
        "start",
        "count",
    ],
    scopes: ADS,
    fields: CREATIVE_FIELDS,
};
const CREATIVE_GET: Endpoint =
    Endpoint { name: "creatives.GET", parameters: &[], scopes: ADS, fields: CREATIVE_FIELDS };

impl LinkedIn {
    /// `GET /rest/adAccounts/{id}/adCampaignGroups?q=search`.
    pub(crate) fn groups_search(&self, call: &Call, account: &str) -> Result<Value, Problem> {
        call.permit(&GROUPS_SEARCH)?;
        let (account, statuses) = self.search_of(call, account)?;
        call.spend(self, &GROUPS_SEARCH)?;
        let groups = self.advertising(account, GROUPS).map(|group| group_object(account, group));
        searched(call, ACCOUNT_COUNT_MAX, groups.filter(|group| holds(&statuses, &group["status"])).collect())
    }

    /// `GET /rest/adAccounts/{id}/adCampaignGroups/{id}`.
    pub(crate) fn group_get(&self, call: &Call, account: &str, id: &str) -> Result<Value, Problem> {
        call.permit(&GROUP_GET)?;
        let account = call.role(self, number(account)?)?;
        let id = number(id)?;
        call.spend(self, &GROUP_GET)?;
        let group = self.advertising(account, GROUPS).find(|group| group_id(account, *group) == id);
        let group = group.ok_or_else(Problem::not_found)?;
        Ok(projected(call, group_object(account, group)))
    }

    /// `GET /rest/adAccounts/{id}/adCampaigns?q=search`.
    pub(crate) fn campaigns_search(&self, call: &Call, account: &str) -> Result<Value, Problem> {
        call.permit(&CAMPAIGNS_SEARCH)?;
        let (account, statuses) = self.search_of(call, account)?;
        call.spend(self, &CAMPAIGNS_SEARCH)?;
        let campaigns =
            self.advertising(account, CAMPAIGNS).map(|campaign| campaign_object(account, campaign));
        let kept = campaigns.filter(|campaign| holds(&statuses, &campaign["status"])).collect();
        searched(call, ACCOUNT_COUNT_MAX, kept)
    }

    /// `GET /rest/adAccounts/{id}/adCampaigns/{id}`.
    pub(crate) fn campaign_get(&self, call: &Call, account: &str, id: &str) -> Result<Value, Problem> {
        call.permit(&CAMPAIGN_GET)?;
        let account = call.role(self, number(account)?)?;
        let id = number(id)?;
        call.spend(self, &CAMPAIGN_GET)?;
        let mut campaigns = self.advertising(account, CAMPAIGNS);
        let campaign = campaigns.find(|campaign| directory::campaign_id(account, *campaign) == id);
        let campaign = campaign.ok_or_else(Problem::not_found)?;
        Ok(projected(call, campaign_object(account, campaign)))
    }

    /// `GET /rest/adAccounts/{id}/creatives?q=criteria`, which needs `X-RestLi-Method: FINDER`.
    pub(crate) fn creatives_by_criteria(&self, call: &Call, account: &str) -> Result<Value, Problem> {
        call.permit(&CREATIVES_BY_CRITERIA)?;
        if !call.says_finder {
            return Err(Problem::illegal_argument("X-RestLi-Method is not FINDER"));
        }
        call.finder(&["criteria"])?;
        let list = |name: &str| call.query.get(name).map(texts).transpose();
        let (campaigns, creatives) = (list("campaigns")?, list("creatives")?);
        let statuses = list("intendedStatuses")?;
        let account = call.role(self, number(account)?)?;
        call.spend(self, &CREATIVES_BY_CRITERIA)?;
        let objects =
            self.advertising(account, CAMPAIGNS).map(|campaign| self.creative_object(account, campaign));
        let kept = objects.filter(|creative| {
            holds(&campaigns, &creative["campaign"])
                && holds(&creatives, &creative["id"])
                && holds(&statuses, &creative["intendedStatus"])
        });
        searched(call, CREATIVE_PAGE_MAX, kept.collect())
    }

    /// `GET /rest/adAccounts/{id}/creatives/{URN}`.
    pub(crate) fn creative_get(&self, call: &Call, account: &str, urn: &str) -> Result<Value, Problem> {
        call.permit(&CREATIVE_GET)?;
        let account = call.role(self, number(account)?)?;
        let id = directory::urn_id(urn, "sponsoredCreative").ok_or_else(Problem::path_syntax)?;
        call.spend(self, &CREATIVE_GET)?;
        let mut campaigns = self.advertising(account, CAMPAIGNS);
        let campaign = campaigns.find(|campaign| directory::creative_id(account, *campaign) == id);
        let campaign = campaign.ok_or_else(Problem::not_found)?;
        Ok(projected(call, self.creative_object(account, campaign)))
    }

    /// The account and the statuses of a search.
    fn search_of(&self, call: &Call, account: &str) -> Result<(u64, Option<Vec<String>>), Problem> {
        call.finder(&["search"])?;
        let statuses = call.query.get("search").map(status_criteria).transpose()?.flatten();
        Ok((call.role(self, number(account)?)?, statuses))
    }

    /// What an account that advertises has `count` of; idle accounts have none.
    fn advertising(&self, account: u64, count: u64) -> std::ops::Range<u64> {
        0..if account < self.directory.accounts { count } else { 0 }
    }

    /// A `creatives` object: the names and the two spellings of the form it leads to vary.
    fn creative_object(&self, account: u64, campaign: u64) -> Value {
        let form = Form { account, ordinal: campaign % self.forms.per_account };
        let id = self.forms.id(form);
        let destination = match campaign % 2 {
            0 => format!("urn:li:adForm:{id}"),
            _ => format!("urn:li:versionedLeadGenForm:(urn:li:leadGenForm:{id},{VERSIONS})"),
        };
        let mut object = json!({
            "id": format!("urn:li:sponsoredCreative:{}", directory::creative_id(account, campaign)),
            "campaign": format!("urn:li:sponsoredCampaign:{}", directory::campaign_id(account, campaign)),
            "account": directory::account_urn(account),
            "intendedStatus": if campaign == 2 { "PAUSED" } else { "ACTIVE" },
            "leadgenCallToAction": {"destination": destination, "label": "REGISTER"},
        });
        if campaign != 1 {
            object["name"] = format!("{} \u{2013} picture", directory::campaign_name(campaign)).into();
        }
        object
    }
}

fn group_id(account: u64, group: u64) -> u64 {
    account + if group == 0 { GROUP_ID_FIRST } else { ARCHIVED_GROUP_ID_FIRST }
}

fn stamps() -> Value {
    let stamp = json!({"actor": MEMBER, "time": CREATED_MS});
    json!({"created": stamp, "lastModified": stamp})
}

/// An `adCampaignGroups` object.
fn group_object(account: u64, group: u64) -> Value {
    json!({
        "id": group_id(account, group),
        "name": if group == 0 { "Pumps 2026" } else { "Pumps 2025 \u{1F5C4}" },
        "status": if group == 0 { "ACTIVE" } else { "ARCHIVED" },
        "account": directory::account_urn(account),
        "changeAuditStamps": stamps(),
    })
}

/// An `adCampaigns` object.
fn campaign_object(account: u64, campaign: u64) -> Value {
    let status = STATUSES.get(campaign as usize).copied().unwrap_or("ACTIVE");
    json!({
        "id": directory::campaign_id(account, campaign),
        "name": directory::campaign_name(campaign),
        "status": status,
        "account": directory::account_urn(account),
        "campaignGroup": format!("urn:li:sponsoredCampaignGroup:{}", group_id(account, 0)),
        "type": directory::campaign_type(campaign),
        "objectiveType": "LEAD_GENERATION",
        "changeAuditStamps": stamps(),
    })
}

fn status_criteria(search: &Parameter) -> Result<Option<Vec<String>>, Problem> {
    let mut found = None;
    for (key, value) in search.record()? {
        match key.as_str() {
            "status" => found = Some(statuses(value, STATUSES)?),
            _ => return Err(Problem::field_invalid("search")),
        }
    }
    Ok(found)
}

fn texts(list: &Parameter) -> Result<Vec<String>, Problem> {
    Ok(list.list()?.iter().map(|item| item.text().map(str::to_owned)).collect::<Result<_, _>>()?)
}

fn holds(list: &Option<Vec<String>>, value: &Value) -> bool {
    list.as_ref().is_none_or(|list| list.iter().any(|item| value == item))
}
