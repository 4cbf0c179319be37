//! What LinkedIn's refusals mean for the host and for a person.
//!
//! Decisions rest on the status and on LinkedIn's codes, never on its texts. Nothing that a request carried or a body
//! held reaches a message, except LinkedIn's own short sentence where it cannot hold anything personal. See
//! <https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/error-handling>.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::capabilities::Response;
use crate::failure::{Detail, Failure};

use super::instant;
use super::owner::{Holding, Kind, Owner};
use super::{roles, version};

/// The credential's name in manifests.
pub(super) const CREDENTIAL: &str = "linkedin";

/// How long to wait after a 429 that names no time, in milliseconds.
const THROTTLED_WAIT_MS: u64 = 60_000;

/// The most by which a wait for a quota's reset is spread, in milliseconds.
const SPREAD_MS: u64 = 300_000;

/// The longest wait that is passed on: two days, beyond any quota's reset.
const MAX_WAIT_S: u64 = 172_800;

pub(super) const LEAD_SCOPE: &str = "scope r_marketing_leadgen_automation";
pub(super) const LEAD_SCOPE_GRANT: &str = "request the Lead Sync API product for the app in LinkedIn's developer portal, \
     then authorize the member again with the scope r_marketing_leadgen_automation";

/// What a request was about, and which right it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// The ad accounts of the member.
    Accounts,
    /// The roles of the member on ad accounts.
    AccountRoles,
    /// The Page roles of the member.
    PageRoles,
    /// An organization's names.
    Organization(String),
    /// The forms of an owner.
    Forms(Owner),
    /// The responses of an owner.
    Responses(Holding),
    /// Single responses by id.
    Single,
    /// Subscriptions to notices: of an owner and kind, or by id.
    Subscriptions(Option<Holding>),
    /// The campaigns of an ad account, by its number.
    Campaigns(String),
    /// The creatives of an ad account, by its number.
    Creatives(String),
}

impl Subject {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Accounts => "the member's ad accounts".to_owned(),
            Self::AccountRoles => "the member's ad accounts and roles".to_owned(),
            Self::PageRoles => "the member's page roles".to_owned(),
            Self::Organization(number) => format!("organization {number}"),
            Self::Forms(owner) => format!("the lead forms of {owner}"),
            Self::Responses(Holding { kind: Kind::Sponsored, owner }) => {
                format!("the lead responses of {owner}")
            }
            Self::Responses(Holding { kind, owner }) => {
                format!("the lead responses ({}) of {owner}", kind.word())
            }
            Self::Single => "single lead responses".to_owned(),
            Self::Subscriptions(None) => "subscriptions to lead notifications".to_owned(),
            Self::Subscriptions(Some(Holding { kind, owner })) => {
                format!("the subscriptions to lead notifications ({}) of {owner}", kind.word())
            }
            Self::Campaigns(account) => format!("the campaigns of ad account {account}"),
            Self::Creatives(account) => format!("the creatives of ad account {account}"),
        }
    }

    /// The endpoint, as the developer portal counts calls.
    fn endpoint(&self) -> &'static str {
        match self {
            Self::Accounts => "adAccounts",
            Self::AccountRoles => "adAccountUsers",
            Self::PageRoles => "organizationAcls",
            Self::Organization(_) => "organizations",
            Self::Forms(_) => "leadForms",
            Self::Responses(_) | Self::Single => "leadFormResponses",
            Self::Subscriptions(_) => "leadNotifications",
            Self::Campaigns(_) => "adCampaigns",
            Self::Creatives(_) => "creatives",
        }
    }

    fn scope(&self) -> (&'static str, &'static str) {
        match self {
            Self::Accounts | Self::AccountRoles | Self::Campaigns(_) | Self::Creatives(_) => (
                "scope r_ads",
                "request the Advertising API product for the app in LinkedIn's developer portal, then \
                 authorize the member again with the scope r_ads",
            ),
            Self::PageRoles | Self::Organization(_) => (
                "scope r_organization_admin",
                "add r_organization_admin to the app's products, then authorize the member again with that scope",
            ),
            Self::Forms(_) | Self::Responses(_) | Self::Single | Self::Subscriptions(_) => {
                (LEAD_SCOPE, LEAD_SCOPE_GRANT)
            }
        }
    }

    /// The kind whose rules decide which role is needed.
    fn kind(&self) -> Kind {
        match self {
            Self::Responses(holding) | Self::Subscriptions(Some(holding)) => holding.kind,
            Self::Forms(Owner::Organization(_)) => Kind::Company,
            _ => Kind::Sponsored,
        }
    }

    fn role(&self) -> (String, String) {
        let kind = self.kind();
        let owner = match self {
            Self::Forms(owner)
            | Self::Responses(Holding { owner, .. })
            | Self::Subscriptions(Some(Holding { owner, .. })) => Some(owner),
            _ => None,
        };
        if let Some(Owner::Organization(number)) = owner {
            return (format!("role: {} on organization {number}", roles::words(kind)), roles::grant(kind));
        }
        let on = owner.map_or_else(|| "the ad account".to_owned(), Owner::to_string);
        (
            format!("role: an ad account role (VIEWER or above) on {on}, or a page role on its page"),
            format!(
                "in Campaign Manager, under Account settings > Manage access, give the member a role on {on}; {}",
                roles::grant(kind)
            ),
        )
    }

    /// Spreads waits of partitions over some minutes: by what is waited for, the same each time.
    fn spread_ms(&self) -> u64 {
        let id = match self {
            Self::Responses(holding) => holding.id(),
            other => other.name(),
        };
        // FNV-1a.
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        hash % SPREAD_MS
    }
}

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    code: Value,
    #[serde(default, rename = "serviceErrorCode")]
    service_code: Value,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    status: Value,
}

impl Body {
    /// Whether a 429 speaks of one of LinkedIn's own limits. A page of a proxy on the way does not.
    fn is_quota(&self) -> bool {
        self.service_code == 101 || self.code == "TOO_MANY_REQUESTS" || self.status == 429
    }
}

/// Turns a response that is no success into a failure. `now_ms` is the present in epoch milliseconds.
pub(super) fn refused(subject: &Subject, asked_version: &str, now_ms: u64, response: &Response) -> Failure {
    let body: Body = serde_json::from_slice(&response.body).unwrap_or_default();
    let code = vendor_code(&body);
    let facts = Some(Value::Object(facts(response, &body)).to_string());
    let status = response.status;
    let name = subject.name();
    let detail = |what: String| Detail {
        message: match sentence(&body.message) {
            Some(words) => format!("{what} (linkedin: {words})"),
            None => what,
        },
        code: code.clone(),
        facts: facts.clone(),
    };
    match status {
        401 => Failure::Unauthorized {
            detail: detail(format!(
                "linkedin refused the access token when asked for {name}: it is wrong, revoked or expired; if renewing \
                 it does not help, authorize the member again"
            )),
            credential: CREDENTIAL.to_owned(),
        },
        403 => forbidden(subject, code.as_deref(), detail),
        404 => Failure::Fatal(detail(format!(
            "linkedin knows no such resource when asked for {name}: check that it exists, is visible to the member, \
             and that `api_url` ends in /rest"
        ))),
        426 => Failure::Fatal(detail(format!(
            "version {asked_version} of the linkedin api is not active: {}",
            newer_than(asked_version)
        ))),
        429 => throttled(subject, &body, now_ms, response, detail),
        408 | 500..=599 => Failure::Retryable {
            detail: detail(format!("linkedin failed with http status {status} when asked for {name}")),
            wait_ms: retry_after_ms(response),
        },
        300..=399 => Failure::Fatal(detail(format!(
            "linkedin answered with a redirect (http status {status}) when asked for {name}: check `api_url`"
        ))),
        _ => Failure::Fatal(detail(format!(
            "linkedin refused the request for {name} with http status {status}: this is a mistake of the connector, \
             or api version {asked_version} does not fit it; report it with the facts given"
        ))),
    }
}

/// A burst limit, something on the way, or a daily quota: the host has repeated the request before this is seen, so
/// LinkedIn's own answer means that the quota is used up. See
/// <https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/rate-limits>.
fn throttled(
    subject: &Subject,
    body: &Body,
    now_ms: u64,
    response: &Response,
    detail: impl Fn(String) -> Detail,
) -> Failure {
    let (name, asked) = (subject.name(), retry_after_ms(response));
    if !body.is_quota() {
        let message = format!("linkedin, or something on the way to it, throttles requests for {name}");
        return Failure::Retryable {
            detail: detail(message),
            wait_ms: Some(asked.unwrap_or(THROTTLED_WAIT_MS)),
        };
    }
    let resets_at_ms = instant::next_midnight_ms(now_ms);
    let mut detail = detail(format!(
        "linkedin throttles {name}: the daily quota of {} is used up; it is counted per app and per member, and starts anew \
         at {}; the developer portal shows the numbers on the app's analytics page",
        subject.endpoint(),
        instant::rfc3339(resets_at_ms)
    ));
    let mut facts = facts(response, body);
    facts.insert("resets_at_ms".to_owned(), resets_at_ms.into());
    detail.facts = Some(Value::Object(facts).to_string());
    let until_reset = resets_at_ms.saturating_sub(now_ms).saturating_add(subject.spread_ms());
    Failure::Retryable { detail, wait_ms: Some(asked.unwrap_or(until_reset)) }
}

/// What to do about a version that has ended.
fn newer_than(asked: &str) -> String {
    let newest = version::newest();
    // YYYYMM: texts in the order of time.
    if asked < newest {
        return format!("set `version` in the source's configuration to {newest} or newer");
    }
    "set `version` in the source's configuration to a newer one, or use a newer release of this component"
        .to_owned()
}

fn forbidden(subject: &Subject, code: Option<&str>, detail: impl Fn(String) -> Detail) -> Failure {
    let name = subject.name();
    let (scope, scope_grant) = subject.scope();
    let (role, role_grant) = subject.role();
    let is_entity = code.is_some_and(|code| code.contains("ENTITY") || code.contains("ROLE"));
    let is_scope = matches!(code, Some("ACCESS_DENIED" | "100"));
    let (missing, advice) = match subject {
        Subject::Accounts | Subject::AccountRoles if is_entity => (role, role_grant),
        Subject::Forms(_) | Subject::Responses(_) | Subject::Single | Subject::Subscriptions(_)
            if is_entity =>
        {
            (role, role_grant)
        }
        Subject::Forms(_) | Subject::Responses(_) | Subject::Single | Subject::Subscriptions(_)
            if !is_scope =>
        {
            (
                format!("{scope}, or {role}"),
                format!("{scope_grant}; if the token has the scope already: {role_grant}"),
            )
        }
        _ => (scope.to_owned(), scope_grant.to_owned()),
    };
    let message = format!("linkedin does not let this token read {name}: {advice}");
    Failure::Forbidden { detail: detail(message), missing }
}

/// A body that is not what LinkedIn promises. Text that is no JSON comes from a proxy on the way and may pass.
pub(super) fn undecodable(subject: &Subject, response: &Response, error: &serde_json::Error) -> Failure {
    let name = subject.name();
    let facts = Some(Value::Object(facts(response, &Body::default())).to_string());
    if error.is_data() {
        return Failure::Fatal(Detail {
            // The line and column lead support to the place without showing what stood there.
            message: format!(
                "linkedin's answer for {name} does not have the documented shape at line {}, column {}",
                error.line(),
                error.column()
            ),
            code: None,
            facts,
        });
    }
    let message =
        format!("the answer for {name} is not json: something between here and linkedin answered instead");
    Failure::Retryable { detail: Detail { message, code: None, facts }, wait_ms: None }
}

fn vendor_code(body: &Body) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) if is_code(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    text(&body.code).or_else(|| text(&body.service_code))
}

fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// LinkedIn's own sentence, if it can hold neither a query, an address nor a token.
fn sentence(message: &Value) -> Option<&str> {
    let text = message.as_str()?.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || " .,:;_-/[]'\"".contains(c);
    let short = (1..=200).contains(&text.len()) && text.split(' ').all(|word| word.len() <= 80);
    (short && text.chars().all(plain)).then_some(text)
}

/// What LinkedIn's support asks for.
fn facts(response: &Response, body: &Body) -> Map<String, Value> {
    let mut facts = Map::new();
    facts.insert("http_status".to_owned(), response.status.into());
    for (header, name) in [
        ("x-li-uuid", "x_li_uuid"),
        ("x-li-fabric", "x_li_fabric"),
        ("x-linkedin-request-id", "request_id"),
        ("x-li-request-id", "request_id"),
    ] {
        let value = response.header(header).filter(|value| value.len() <= 200 && value.is_ascii());
        if let Some(value) = value.filter(|_| !facts.contains_key(name)) {
            facts.insert(name.to_owned(), value.into());
        }
    }
    if let Value::Number(number) = &body.service_code {
        facts.insert("service_error_code".to_owned(), number.clone().into());
    }
    facts
}

/// `Retry-After` in seconds. The other form, a date, is left to the host, whose governor sees the header too.
fn retry_after_ms(response: &Response) -> Option<u64> {
    let seconds: u64 = response.header("retry-after")?.trim().parse().ok()?;
    Some(seconds.min(MAX_WAIT_S) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Failure {
        let headers = [("x-li-uuid", "AAYdemo=="), ("x-li-fabric", "prod-lva1"), ("x-li-request-id", "r-1")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let response = Response { status, headers, body: body.as_bytes().to_vec() };
        refused(&responses("SPONSORED:503000111"), "202508", NOW, &response)
    }

    /// 2026-09-21T14:13:20Z.
    const NOW: u64 = 1_790_000_000_000;

    fn responses(id: &str) -> Subject {
        Subject::Responses(Holding::parse(id).unwrap())
    }

    fn detail(failure: &Failure) -> &Detail {
        match failure {
            Failure::Retryable { detail, .. }
            | Failure::Unauthorized { detail, .. }
            | Failure::Forbidden { detail, .. }
            | Failure::Invalid { detail, .. }
            | Failure::Fatal(detail) => detail,
        }
    }

    #[test]
    fn every_row_of_the_catalogue_steers_the_host() {
        let html = "<html><body>Bad gateway for jane@example.test?token=1</body></html>";
        let rows: [(u16, &str, &str, Option<&str>); 18] = [
            (
                400,
                r#"{"status":400,"code":"ILLEGAL_ARGUMENT","message":"Invalid query parameters"}"#,
                "fatal",
                Some("ILLEGAL_ARGUMENT"),
            ),
            (400, r#"{"message":"Syntax exception in path variables"}"#, "fatal", None),
            (400, r#"{"code":"VERSION_MISSING"}"#, "fatal", Some("VERSION_MISSING")),
            (
                401,
                r#"{"serviceErrorCode":65600,"code":"INVALID_ACCESS_TOKEN"}"#,
                "unauthorized",
                Some("INVALID_ACCESS_TOKEN"),
            ),
            (401, r#"{"serviceErrorCode":65601}"#, "unauthorized", Some("65601")),
            (401, "", "unauthorized", None),
            (403, r#"{"serviceErrorCode":100,"code":"ACCESS_DENIED"}"#, "scope", Some("ACCESS_DENIED")),
            (403, r#"{"code":"NO_PERMISSION_ON_ENTITY"}"#, "role", Some("NO_PERMISSION_ON_ENTITY")),
            (403, html, "scope or role", None),
            (404, r#"{"code":"NOT_FOUND"}"#, "fatal", Some("NOT_FOUND")),
            (405, "", "fatal", None),
            (414, html, "fatal", None),
            (426, r#"{"status":426,"code":"NONEXISTENT_VERSION"}"#, "fatal", Some("NONEXISTENT_VERSION")),
            (429, r#"{"serviceErrorCode":101,"status":429}"#, "wait for the reset", Some("101")),
            (429, html, "wait 60000", None),
            (500, r#"{"message":"Internal Server Error"}"#, "retry", None),
            (503, html, "retry", None),
            (302, "", "fatal", None),
        ];
        for (status, body, expected, code) in rows {
            let failure = answer(status, body);
            let kind = match &failure {
                Failure::Fatal(_) => "fatal".to_owned(),
                Failure::Unauthorized { credential, .. } => {
                    assert_eq!(credential, CREDENTIAL);
                    "unauthorized".to_owned()
                }
                Failure::Forbidden { missing, .. } => {
                    match (missing.contains(LEAD_SCOPE), missing.contains("role:")) {
                        (true, true) => "scope or role".to_owned(),
                        (true, false) => "scope".to_owned(),
                        _ => "role".to_owned(),
                    }
                }
                Failure::Retryable { wait_ms: Some(35_200_000..=35_500_000), .. } => {
                    "wait for the reset".to_owned()
                }
                Failure::Retryable { wait_ms: Some(wait), .. } => format!("wait {wait}"),
                Failure::Retryable { .. } => "retry".to_owned(),
                Failure::Invalid { .. } => "invalid".to_owned(),
            };
            assert_eq!(kind, expected, "{status} {body}");
            let detail = detail(&failure);
            assert_eq!(detail.code.as_deref(), code, "{status} {body}");
            assert!(
                !detail.message.contains("jane") && !detail.message.contains("<html"),
                "{}",
                detail.message
            );
            let facts: Value = serde_json::from_str(detail.facts.as_deref().unwrap()).unwrap();
            assert_eq!(facts["http_status"], status);
            assert_eq!((&facts["x_li_uuid"], &facts["request_id"]), (&"AAYdemo==".into(), &"r-1".into()));
        }
    }

    #[test]
    fn a_sunset_version_names_its_successor_and_the_setting() {
        let message = answer(426, "{}").to_string();
        assert!(
            message.contains("202508")
                && message.contains(version::newest())
                && message.contains("`version`")
        );
    }

    #[test]
    fn a_spent_quota_says_whose_it_is_and_when_it_ends() {
        let response = |retry_after: Option<&str>| {
            Response {
            status: 429,
            headers: retry_after.map(|value| ("retry-after".to_owned(), value.to_owned())).into_iter().collect(),
            body: br#"{"status":429,"message":"Resource level throttle MEMBER DAY limit for calls to this resource is reached."}"#.to_vec(),
        }
        };
        let wait =
            |subject: &Subject, retry_after| match refused(subject, "202609", NOW, &response(retry_after)) {
                Failure::Retryable { detail, wait_ms } => (detail, wait_ms.unwrap()),
                other => panic!("{other:?}"),
            };
        let (detail, first) = wait(&responses("EVENT:90021"), None);
        for words in [
            "leadFormResponses",
            "EVENT",
            "per app and per member",
            "2026-09-22T00:00:00Z",
            "analytics",
            "MEMBER DAY",
        ] {
            assert!(detail.message.contains(words), "{words}: {}", detail.message);
        }
        let facts: Value = serde_json::from_str(&detail.facts.unwrap()).unwrap();
        assert_eq!(
            (&facts["resets_at_ms"], &facts["http_status"]),
            (&1_790_035_200_000_u64.into(), &429.into())
        );
        let (_, again) = wait(&responses("EVENT:90021"), None);
        let (_, other) = wait(&responses("EVENT:90022"), None);
        assert_eq!(first, again, "the spread is no chance");
        assert!(
            first != other
                && first.abs_diff(35_200_000) < SPREAD_MS
                && other.abs_diff(35_200_000) < SPREAD_MS
        );
        assert_eq!(wait(&Subject::PageRoles, Some("7")).1, 7_000, "linkedin's own word goes first");
    }

    #[test]
    fn a_missing_role_on_a_page_is_named_with_its_place() {
        let response = Response {
            status: 403,
            headers: Vec::new(),
            body: br#"{"code":"NO_PERMISSION_ON_ENTITY"}"#.to_vec(),
        };
        let failure = refused(&responses("EVENT:90021"), "202609", NOW, &response);
        assert!(
            matches!(&failure, Failure::Forbidden { missing, .. }
                if missing == "role: ADMINISTRATOR or CONTENT_ADMINISTRATOR on organization 90021"),
            "{failure:?}"
        );
        assert!(failure.to_string().contains("under Manage admins"));
    }

    #[test]
    fn retry_after_is_honoured_and_bounded() {
        let with = |value: &str| Response {
            status: 429,
            headers: vec![("retry-after".to_owned(), value.to_owned())],
            body: Vec::new(),
        };
        assert_eq!(retry_after_ms(&with("7")), Some(7000));
        assert_eq!(retry_after_ms(&with("99999999999")), Some(MAX_WAIT_S * 1000));
        assert_eq!(retry_after_ms(&with("Wed, 21 Oct 2026 07:28:00 GMT")), None);
    }

    #[test]
    fn shows_linkedins_words_only_where_they_are_harmless() {
        assert!(
            answer(403, r#"{"message":"Not enough permissions to access: x.FINDER-owner.20260901"}"#)
                .to_string()
                .contains("FINDER-owner")
        );
        for message in ["jane@example.test", "see ?q=owner&x=1", "Tove \u{e5}", &"x".repeat(100)] {
            let body = serde_json::json!({ "message": message }).to_string();
            assert!(!answer(403, &body).to_string().contains("(linkedin:"), "{message}");
        }
    }

    #[test]
    fn a_proxys_page_may_pass_but_a_broken_promise_stays() {
        let page = serde_json::from_str::<Vec<u8>>("<html>").unwrap_err();
        let shape = serde_json::from_str::<Vec<u8>>("{}").unwrap_err();
        let response = Response { status: 200, ..Response::default() };
        assert!(matches!(undecodable(&Subject::Single, &response, &page), Failure::Retryable { .. }));
        assert!(matches!(undecodable(&Subject::Single, &response, &shape), Failure::Fatal(_)));
    }
}
