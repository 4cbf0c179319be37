//! The requests that the source sends, each in the exact spelling of LinkedIn's documentation.
//!
//! See <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>.

use crate::capabilities::Request;

use super::config::Config;
use super::errors::CREDENTIAL;
use super::owner::{Holding, Owner};
use super::restli::{List, Union, Url, scalar};

/// The projection of lead responses: the documented one, and the three members that it leaves out.
const FIELDS: &str = "ownerInfo,associatedEntityInfo,leadMetadataInfo,owner,leadType,versionedLeadGenFormUrn,id,\
     submittedAt,testLead,formResponse,form:(hiddenFields,creationLocale,name,id,content),submitter,associatedEntity,\
     leadMetadata";

/// Every account status, so that an account is known by name also after its end.
const ACCOUNT_SEARCH: &str = "(status:(values:List(ACTIVE,CANCELED,DRAFT,PENDING_DELETION,REMOVED)))";

/// LinkedIn takes no query string above 4 KB; ids of one batch stay well below.
const MAX_IDS_BYTES: usize = 3_000;

/// How many accounts, roles or forms to ask for in one request.
pub(super) const LIST_COUNT: usize = 100;

/// One page of responses: `[start, end]` in epoch milliseconds, `count` from index `offset`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) offset: u64,
    pub(super) count: usize,
}

fn get(config: &Config, method: &str, url: Url) -> Request {
    Request {
        method: "GET",
        url: url.finish(),
        headers: vec![
            ("LinkedIn-Version", config.version.clone()),
            ("X-Restli-Protocol-Version", "2.0.0".to_owned()),
            ("X-RestLi-Method", method.to_owned()),
        ],
        body: None,
        credential: Some(CREDENTIAL),
        repeatable: true,
    }
}

/// One owner's responses of one kind.
pub(super) fn responses(config: &Config, holding: &Holding, window: Window) -> Request {
    let Window { start, end, offset, count } = window;
    let Holding { kind, owner } = holding;
    let url = Url::new(&config.api_url, "/leadFormResponses")
        .with("q", "owner")
        .with("owner", Union(owner.member(), &owner.urn()))
        .with("leadType", format_args!("(leadType:{})", kind.word()))
        .with("limitedToTestLeads", "false")
        .with("submittedAtTimeRange", format_args!("(start:{start},end:{end})"))
        .with("fields", FIELDS)
        .with("count", count)
        .with("start", offset);
    get(config, "FINDER", url)
}

/// One response.
pub(super) fn response(config: &Config, id: &str) -> Request {
    let url =
        Url::new(&config.api_url, format_args!("/leadFormResponses/{}", scalar(id))).with("fields", FIELDS);
    get(config, "GET", url)
}

/// Several responses.
pub(super) fn response_batch(config: &Config, ids: &[&str]) -> Request {
    let url = Url::new(&config.api_url, "/leadFormResponses").with("ids", List(ids)).with("fields", FIELDS);
    get(config, "BATCH_GET", url)
}

/// Cuts ids into batches whose query strings LinkedIn takes.
pub(super) fn batches<'k>(ids: &[&'k str]) -> Vec<Vec<&'k str>> {
    let mut batches: Vec<Vec<&'k str>> = Vec::new();
    let mut room = 0;
    for &id in ids {
        // Three bytes for each byte that may need encoding, one for the comma.
        let size = scalar(id).to_string().len() + 1;
        match batches.last_mut() {
            Some(batch) if size <= room => batch.push(id),
            _ => {
                batches.push(vec![id]);
                room = MAX_IDS_BYTES;
            }
        }
        room = room.saturating_sub(size);
    }
    batches
}

/// The ad accounts on which the member has a role.
pub(super) fn account_users(config: &Config, offset: usize) -> Request {
    let url = Url::new(&config.api_url, "/adAccountUsers")
        .with("q", "authenticatedUser")
        .with("start", offset)
        .with("count", LIST_COUNT);
    get(config, "FINDER", url)
}

/// Where a search for ad accounts goes on. LinkedIn pages by token; its own collection still shows offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Onward {
    Beginning,
    Token(String),
    Offset(usize),
}

/// Names, states and pages of ad accounts.
pub(super) fn account_search(config: &Config, onward: &Onward) -> Request {
    let url = Url::new(&config.api_url, "/adAccounts")
        .with("q", "search")
        .with("search", ACCOUNT_SEARCH)
        .with("fields", "id,name,test,status,reference,referenceInfo");
    let url = match onward {
        Onward::Beginning => url.with("pageSize", LIST_COUNT),
        Onward::Token(token) => url.with("pageSize", LIST_COUNT).with("pageToken", scalar(token)),
        Onward::Offset(offset) => url.with("start", offset).with("count", LIST_COUNT),
    };
    get(config, "FINDER", url)
}

/// The member's approved roles on pages.
pub(super) fn page_roles(config: &Config, offset: usize) -> Request {
    let url = Url::new(&config.api_url, "/organizationAcls")
        .with("q", "roleAssignee")
        .with("state", "APPROVED")
        .with("start", offset)
        .with("count", LIST_COUNT);
    get(config, "FINDER", url)
}

/// An organization's names.
pub(super) fn organization(config: &Config, number: &str) -> Request {
    let url = Url::new(&config.api_url, format_args!("/organizations/{}", scalar(number)));
    get(config, "GET", url)
}

/// The first form of an owner: enough to see whether forms may be read.
pub(super) fn first_form(config: &Config, owner: &Owner) -> Request {
    let url = Url::new(&config.api_url, "/leadForms")
        .with("q", "owner")
        .with("owner", Union(owner.member(), &owner.urn()))
        .with("start", 0)
        .with("count", 1);
    get(config, "FINDER", url)
}

/// The subscriptions of an owner and kind. Its owner stands in a record of its own, unlike elsewhere.
pub(super) fn subscriptions(config: &Config, holding: &Holding, offset: usize) -> Request {
    let owner = Union(holding.owner.member(), &holding.owner.urn()).to_string();
    let url = Url::new(&config.api_url, "/leadNotifications")
        .with("q", "criteria")
        .with("owner", format_args!("(value:{owner})"))
        .with("leadType", format_args!("(leadType:{})", holding.kind.word()))
        .with("start", offset)
        .with("count", LIST_COUNT);
    get(config, "FINDER", url)
}

/// Makes LinkedIn send notices of an owner and kind. In the body URNs are plain and the kind is a bare word.
pub(super) fn new_subscription(config: &Config, holding: &Holding, webhook: &str) -> Request {
    let body = serde_json::json!({
        "webhook": webhook,
        "owner": { holding.owner.member(): holding.owner.urn() },
        "leadType": holding.kind.word(),
    });
    let mut request = get(config, "CREATE", Url::new(&config.api_url, "/leadNotifications"));
    request.method = "POST";
    request.headers.push(("Content-Type", "application/json".to_owned()));
    request.body = Some(body.to_string().into_bytes());
    // Sent twice it makes two subscriptions, and each notice comes twice.
    request.repeatable = false;
    request
}

/// Ends a subscription.
pub(super) fn end_subscription(config: &Config, id: &str) -> Request {
    let url = Url::new(&config.api_url, format_args!("/leadNotifications/{}", scalar(id)));
    let mut request = get(config, "DELETE", url);
    request.method = "DELETE";
    request
}

/// Every state of a campaign.
const CAMPAIGN_SEARCH: &str =
    "(status:(values:List(ACTIVE,PAUSED,ARCHIVED,COMPLETED,CANCELED,DRAFT,PENDING_DELETION,REMOVED)))";

/// Every state of a campaign group.
const GROUP_SEARCH: &str =
    "(status:(values:List(ACTIVE,PAUSED,ARCHIVED,CANCELED,DRAFT,PENDING_DELETION,REMOVED)))";

/// What of a response tells about its form's version.
const FORM_FIELDS: &str = "form:(hiddenFields,creationLocale,name,id,content),versionedLeadGenFormUrn";

fn onward(url: Url, onward: &Onward, count: usize) -> Url {
    match onward {
        Onward::Beginning => url.with("pageSize", count),
        Onward::Token(token) => url.with("pageSize", count).with("pageToken", scalar(token)),
        Onward::Offset(offset) => url.with("start", offset).with("count", count),
    }
}

/// Ad accounts with all that is known about them.
pub(super) fn account_list(config: &Config, at: &Onward) -> Request {
    let url =
        Url::new(&config.api_url, "/adAccounts").with("q", "search").with("search", ACCOUNT_SEARCH).with(
            "fields",
            "id,name,test,status,type,currency,servingStatuses,reference,referenceInfo,changeAuditStamps",
        );
    get(config, "FINDER", onward(url, at, LIST_COUNT))
}

/// An ad account's campaigns.
pub(super) fn campaigns(config: &Config, account: &str, at: &Onward) -> Request {
    let url = Url::new(&config.api_url, format_args!("/adAccounts/{}/adCampaigns", scalar(account)));
    let url = url.with("q", "search").with("search", CAMPAIGN_SEARCH);
    get(config, "FINDER", onward(url, at, LIST_COUNT))
}

/// An ad account's campaign groups.
pub(super) fn campaign_groups(config: &Config, account: &str, at: &Onward) -> Request {
    let url = Url::new(&config.api_url, format_args!("/adAccounts/{}/adCampaignGroups", scalar(account)));
    let url = url.with("q", "search").with("search", GROUP_SEARCH);
    get(config, "FINDER", onward(url, at, LIST_COUNT))
}

/// An ad account's creatives.
pub(super) fn creatives(config: &Config, account: &str, at: &Onward) -> Request {
    let url = Url::new(&config.api_url, format_args!("/adAccounts/{}/creatives", scalar(account)));
    get(config, "FINDER", onward(url.with("q", "criteria"), at, LIST_COUNT))
}

/// One campaign, campaign group or creative: `resource` is its collection, `key` its key there.
pub(super) fn advertised(config: &Config, account: &str, resource: &str, key: &str) -> Request {
    let path = format_args!("/adAccounts/{}/{resource}/{}", scalar(account), scalar(key)).to_string();
    get(config, "GET", Url::new(&config.api_url, path))
}

/// An owner's forms in their newest versions.
pub(super) fn forms(config: &Config, owner: &Owner, offset: usize, count: usize) -> Request {
    let url = Url::new(&config.api_url, "/leadForms")
        .with("q", "owner")
        .with("owner", Union(owner.member(), &owner.urn()))
        .with("start", offset)
        .with("count", count);
    get(config, "FINDER", url)
}

/// One response given on this very version of a form, for the form that it carries.
pub(super) fn form_version(config: &Config, holding: &Holding, form: &str, version: u64) -> Request {
    let Holding { kind, owner } = holding;
    let urn = format!("urn:li:versionedLeadGenForm:(urn:li:leadGenForm:{form},{version})");
    let url = Url::new(&config.api_url, "/leadFormResponses")
        .with("q", "owner")
        .with("owner", Union(owner.member(), &owner.urn()))
        .with("leadType", format_args!("(leadType:{})", kind.word()))
        .with("versionedLeadGenFormUrn", scalar(&urn))
        .with("fields", FORM_FIELDS)
        .with("count", 1)
        .with("start", 0);
    get(config, "FINDER", url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::parse(r#"{"version":"202609"}"#).unwrap()
    }

    #[test]
    fn asks_in_linkedins_spelling() {
        let config = config();
        let window = Window { start: 1_785_542_400_000, end: 1_788_220_800_000, offset: 99, count: 100 };
        let sponsored = Holding::parse("SPONSORED:503000111").unwrap();
        let request = responses(&config, &sponsored, window);
        let event = responses(&config, &Holding::parse("EVENT:90021").unwrap(), window).url;
        assert!(event.contains(
            "&owner=(organization:urn%3Ali%3Aorganization%3A90021)&leadType=(leadType:EVENT)&limitedToTestLeads"
        ));
        let fields = "ownerInfo,associatedEntityInfo,leadMetadataInfo,owner,leadType,versionedLeadGenFormUrn,id,submittedAt,testLead,formResponse,form:(hiddenFields,creationLocale,name,id,content),submitter,associatedEntity,leadMetadata";
        assert_eq!(
            request.url,
            format!(
                "https://api.linkedin.com/rest/leadFormResponses?q=owner&owner=(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A503000111)&leadType=(leadType:SPONSORED)&limitedToTestLeads=false&submittedAtTimeRange=(start:1785542400000,end:1788220800000)&fields={fields}&count=100&start=99"
            )
        );
        let id = "5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3";
        let urls = [
            (response(&config, id), "GET", format!("/leadFormResponses/{id}?fields={fields}")),
            (
                response_batch(&config, &[id, "a:b"]),
                "BATCH_GET",
                format!("/leadFormResponses?ids=List({id},a%3Ab)&fields={fields}"),
            ),
            (
                account_users(&config, 100),
                "FINDER",
                "/adAccountUsers?q=authenticatedUser&start=100&count=100".to_owned(),
            ),
            (
                page_roles(&config, 0),
                "FINDER",
                "/organizationAcls?q=roleAssignee&state=APPROVED&start=0&count=100".to_owned(),
            ),
            (
                first_form(&config, &Owner::Account("7".to_owned())),
                "FINDER",
                "/leadForms?q=owner&owner=(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A7)&start=0&count=1"
                    .to_owned(),
            ),
            (organization(&config, "90021"), "GET", "/organizations/90021".to_owned()),
        ];
        for (request, method, url) in urls {
            assert_eq!(request.url, format!("https://api.linkedin.com/rest{url}"));
            assert_eq!(request.headers[2], ("X-RestLi-Method", method.to_owned()));
        }
    }

    #[test]
    fn searches_accounts_by_token_or_offset() {
        let prefix = "https://api.linkedin.com/rest/adAccounts?q=search&search=(status:(values:List(ACTIVE,CANCELED,DRAFT,PENDING_DELETION,REMOVED)))&fields=id,name,test,status,reference,referenceInfo";
        for (onward, tail) in [
            (Onward::Beginning, "&pageSize=100"),
            (Onward::Token("Dg/2=".to_owned()), "&pageSize=100&pageToken=Dg%2F2%3D"),
            (Onward::Offset(100), "&start=100&count=100"),
        ] {
            assert_eq!(account_search(&config(), &onward).url, format!("{prefix}{tail}"));
        }
    }

    #[test]
    fn asks_for_whole_streams_in_linkedins_spelling() {
        let config = config();
        let event = Holding::parse("EVENT:90021").unwrap();
        let account = Owner::Account("7".to_owned());
        for (request, url) in [
            (
                campaigns(&config, "7", &Onward::Beginning),
                "/adAccounts/7/adCampaigns?q=search&search=(status:(values:List(ACTIVE,PAUSED,ARCHIVED,COMPLETED,CANCELED,DRAFT,PENDING_DELETION,REMOVED)))&pageSize=100",
            ),
            (
                creatives(&config, "7", &Onward::Offset(100)),
                "/adAccounts/7/creatives?q=criteria&start=100&count=100",
            ),
            (
                advertised(&config, "7", "creatives", "urn:li:sponsoredCreative:5"),
                "/adAccounts/7/creatives/urn%3Ali%3AsponsoredCreative%3A5",
            ),
            (
                forms(&config, &account, 10, 10),
                "/leadForms?q=owner&owner=(sponsoredAccount:urn%3Ali%3AsponsoredAccount%3A7)&start=10&count=10",
            ),
            (
                form_version(&config, &event, "4400120", 2),
                "/leadFormResponses?q=owner&owner=(organization:urn%3Ali%3Aorganization%3A90021)&leadType=(leadType:EVENT)&versionedLeadGenFormUrn=urn%3Ali%3AversionedLeadGenForm%3A%28urn%3Ali%3AleadGenForm%3A4400120%2C2%29&fields=form:(hiddenFields,creationLocale,name,id,content),versionedLeadGenFormUrn&count=1&start=0",
            ),
        ] {
            assert_eq!(request.url, format!("https://api.linkedin.com/rest{url}"));
        }
    }

    #[test]
    fn every_request_carries_the_headers_and_the_credential() {
        let request = account_users(&config(), 0);
        assert_eq!(
            request.headers,
            [
                ("LinkedIn-Version", "202609".to_owned()),
                ("X-Restli-Protocol-Version", "2.0.0".to_owned()),
                ("X-RestLi-Method", "FINDER".to_owned()),
            ]
        );
        assert_eq!((request.method, request.credential, request.repeatable), ("GET", Some("linkedin"), true));
        assert_eq!(request.body, None);
    }

    #[test]
    fn batches_stay_below_linkedins_limit() {
        let ids: Vec<String> =
            (0..100).map(|n| format!("5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let batches = batches(&ids);
        assert_eq!(batches.concat(), ids);
        assert!(batches.len() == 2);
        for batch in batches {
            let url = response_batch(&config(), &batch).url;
            assert!(url.split_once('?').unwrap().1.len() < 4_000);
        }
    }
}
