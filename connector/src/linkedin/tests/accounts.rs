//! Partitions and `check`.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::finding::{Finding, Severity};

use super::super::State;
use super::super::fake::{Fake, Link, now};
use super::open;

pub(super) fn users(accounts: &[u64]) -> String {
    let element = |id: &u64| json!({ "account": format!("urn:li:sponsoredAccount:{id}"), "role": "VIEWER" });
    let elements: Vec<Value> = accounts.iter().map(element).collect();
    json!({ "paging": { "start": 0, "count": 100, "total": elements.len() }, "elements": elements })
        .to_string()
}

pub(super) fn account(id: u64, status: &str, page: Option<u64>) -> Value {
    let info = page
        .map_or(json!({}), |page| json!({ "organization": { "id": page, "localizedName": "Kolb Pumps" } }));
    json!({ "id": id, "name": format!("Account {id}"), "status": status, "referenceInfo": info })
}

pub(super) fn search(accounts: &[Value]) -> String {
    json!({ "elements": accounts, "metadata": {} }).to_string()
}

pub(super) const EMPTY: &str = r#"{"elements":[],"paging":{"start":0,"count":1}}"#;

/// A LinkedIn on which everything is granted.
pub(super) fn granted() -> Vec<(&'static str, u16, String)> {
    let acls = json!({ "elements": [
        { "organizationTarget": "urn:li:organization:90021", "role": "ANALYST", "state": "APPROVED" },
        { "organization": "urn:li:organization:90022", "role": "CURATOR", "state": "APPROVED" },
        { "organization": "urn:li:organization:9", "role": "LEAD_GEN_FORMS_MANAGER", "state": "APPROVED" },
    ], "paging": { "total": 3 } });
    vec![
        ("/adAccountUsers", 200, users(&[1, 2])),
        (
            "/adAccounts",
            200,
            search(&[account(1, "ACTIVE", Some(90_021)), account(2, "ACTIVE", Some(90_022))]),
        ),
        ("/organizationAcls", 200, acls.to_string()),
        ("/organizations/", 404, String::new()),
        ("/leadForms", 200, EMPTY.to_owned()),
        ("/leadFormResponses", 200, EMPTY.to_owned()),
    ]
}

fn with(part: &'static str, status: u16, body: &str) -> Link {
    let mut answers = granted();
    answers.insert(0, (part, status, body.to_owned()));
    Fake::scripted(answers)
}

pub(super) fn states(link: &Link, config: &str, selection: Option<&str>) -> Vec<(String, State)> {
    let partitions = now(open(link, config).partitions("lead_responses", selection)).unwrap();
    partitions.into_iter().map(|partition| (partition.id, partition.state)).collect()
}

fn state(id: u64, state: State) -> (String, State) {
    (format!("SPONSORED:{id}"), state)
}

#[test]
fn lists_accounts_with_what_is_known_about_them() {
    let link = Fake::scripted(granted());
    let partitions = now(open(&link, "{}").partitions("lead_responses", None)).unwrap();
    let expected = json!({
        "id": "SPONSORED:1", "name": "Account 1", "state": "active",
        "facts": { "account": "urn:li:sponsoredAccount:1", "role": "VIEWER", "status": "ACTIVE",
                   "page": "urn:li:organization:90021", "page_name": "Kolb Pumps" },
    });
    assert_eq!(serde_json::to_value(&partitions[0]).unwrap(), expected);
}

#[test]
fn says_which_accounts_cannot_have_leads() {
    let found = search(&[
        account(1, "ACTIVE", Some(9)),
        account(2, "CANCELED", Some(9)),
        account(3, "ACTIVE", None),
        account(4, "NEW_ENUM", Some(9)),
    ]);
    let mut answers = granted();
    answers.insert(0, ("/adAccounts", 200, found));
    answers.insert(0, ("/adAccountUsers", 200, users(&[1, 2, 3, 5])));
    let link = Fake::scripted(answers);
    assert_eq!(
        states(&link, "{}", None),
        [
            state(1, State::Active),
            state(2, State::Disabled),
            state(3, State::Disabled),
            state(4, State::Active),
            // Not found by the search, so nothing speaks against it.
            state(5, State::Active),
        ]
    );
}

#[test]
fn a_strange_element_hides_no_other() {
    let mut strange = account(2, "ACTIVE", Some(9));
    strange["referenceInfo"] = json!([1]);
    let link = with("/adAccounts", 200, &search(&[strange, json!(7), account(1, "ACTIVE", Some(9))]));
    assert_eq!(states(&link, "{}", None), [state(1, State::Active), state(2, State::Active)]);
    assert!(link.0.logs.borrow()[0].contains(r#"{"seen":3,"understood":1}"#));
}

#[test]
fn the_configuration_and_the_selection_narrow() {
    let link = Fake::scripted(granted());
    let include = r#"{"accounts":{"include":[2,7]}}"#;
    assert_eq!(states(&link, include, None), [state(2, State::Active), state(7, State::Forbidden)]);
    assert_eq!(states(&link, r#"{"accounts":{"exclude":[2]}}"#, None), [state(1, State::Active)]);
    assert_eq!(states(&link, "{}", Some(r#"{"where":{"account":["2"]}}"#)), [state(2, State::Active)]);
}

#[test]
fn a_refused_search_hides_no_account() {
    let link = with("/adAccounts", 403, r#"{"code":"NO_PERMISSION_ON_ENTITY"}"#);
    assert_eq!(states(&link, "{}", None), [state(1, State::Active), state(2, State::Active)]);
    let link = with("/adAccountUsers", 403, "{}");
    assert_eq!(states(&link, "{}", None), [state(1, State::Active), state(2, State::Active)]);
    let link = with("/adAccount", 403, r#"{"code":"ACCESS_DENIED"}"#);
    let failure = now(open(&link, "{}").partitions("lead_responses", None)).unwrap_err();
    assert!(
        matches!(&failure, Failure::Forbidden { missing, .. } if missing == "scope r_ads"),
        "{failure:?}"
    );
    let link = with("/adAccounts", 429, "{}");
    assert!(matches!(
        now(open(&link, "{}").partitions("lead_responses", None)),
        Err(Failure::Retryable { .. })
    ));
}

#[test]
fn turns_every_page_in_either_style() {
    let page = |ids: std::ops::Range<u64>, tail: Value| {
        let elements: Vec<Value> = ids.map(|id| account(id, "ACTIVE", Some(9))).collect();
        let mut page = json!({ "elements": elements });
        page.as_object_mut().unwrap().extend(tail.as_object().unwrap().clone());
        page.to_string()
    };
    let token = Fake::scripted(vec![
        ("pageToken=b%2F2", 200, page(20..30, json!({ "metadata": {} }))),
        ("/adAccounts", 200, page(10..20, json!({ "metadata": { "nextPageToken": "b/2" } }))),
        ("/adAccountUsers", 200, users(&[])),
    ]);
    assert_eq!(states(&token, "{}", None).len(), 20);
    let offset = Fake::scripted(vec![
        ("&start=20&", 200, page(0..0, json!({ "paging": { "start": 20 } }))),
        ("&start=10&", 200, page(20..30, json!({ "paging": { "start": 10, "count": 10 } }))),
        ("/adAccounts", 200, page(10..20, json!({ "paging": { "start": 0, "count": 10 } }))),
        ("/adAccountUsers", 200, users(&[])),
    ]);
    assert_eq!(states(&offset, "{}", None).len(), 20);
}

pub(super) fn check_with(link: &Link, config: &str) -> Vec<Finding> {
    now(open(link, config).check()).unwrap()
}

fn check(link: &Link) -> Vec<Finding> {
    check_with(link, r#"{"version":"202609"}"#)
}

pub(super) fn errors(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|finding| finding.severity == Some(Severity::Error)).collect()
}

/// Roles that let nobody read, and one that was taken away.
const NO_ROLE: &str = r#"{"elements":[
    {"organization":"urn:li:organization:90021","role":"ANALYST","state":"APPROVED"},
    {"organization":"urn:li:organization:90022","role":"RECRUITING_POSTER","state":"APPROVED"},
    {"organization":"urn:li:organization:90022","role":"ADMINISTRATOR","state":"REVOKED"}]}"#;
const NO_MORE: &str = r#"{"elements":[]}"#;

fn without_role() -> Link {
    let mut answers = granted();
    answers.insert(0, ("/organizationAcls?q=roleAssignee&state=APPROVED&start=3", 200, NO_MORE.to_owned()));
    answers.insert(1, ("/organizationAcls", 200, NO_ROLE.to_owned()));
    Fake::scripted(answers)
}

#[test]
fn an_account_whose_page_gives_no_role_is_forbidden_where_roles_are_known() {
    let link = without_role();
    let partitions = now(open(&link, "{}").partitions("lead_responses", None)).unwrap();
    let message = partitions[1].message.clone().unwrap();
    assert_eq!((partitions[0].state, partitions[1].state), (State::Active, State::Forbidden));
    for words in ["90022", "Manage admins", "ADMINISTRATOR, LEAD_GEN_FORMS_MANAGER, CURATOR"] {
        assert!(message.contains(words), "{message}");
    }
    let unknown = with("/organizationAcls", 403, r#"{"code":"ACCESS_DENIED"}"#);
    assert_eq!(states(&unknown, "{}", None), [state(1, State::Active), state(2, State::Active)]);
    let busy = with("/organizationAcls", 503, "");
    assert_eq!(states(&busy, "{}", None), [state(1, State::Active), state(2, State::Active)]);
}

#[test]
fn other_streams_have_partitions_of_their_own() {
    let link = without_role();
    let ids = |stream: &str, config: &str| -> Vec<(String, State)> {
        let partitions = now(open(&link, config).partitions(stream, None)).unwrap();
        partitions.into_iter().map(|partition| (partition.id, partition.state)).collect()
    };
    let active = |ids: &[&str]| -> Vec<(String, State)> {
        ids.iter().map(|id| ((*id).to_owned(), State::Active)).collect()
    };
    for stream in ["lead_forms", "campaigns", "creatives"] {
        assert_eq!(ids(stream, "{}"), active(&["account:1", "account:2"]), "{stream}");
    }
    assert_eq!(ids("ad_accounts", "{}"), active(&["all"]));
    let events = r#"{"kinds":["EVENT"]}"#;
    assert_eq!(ids("campaigns", events), []);
    assert_eq!(ids("ad_accounts", events), []);
    let organic = r#"{"kinds":["EVENT","COMPANY"],"organizations":{"include":[90021]}}"#;
    assert_eq!(ids("lead_forms", organic), active(&["organization:90021"]));
    let urls = link.0.urls.borrow();
    assert!(
        urls.iter().filter(|url| url.contains("/organizationAcls")).count() == 2,
        "only where it is needed"
    );
}

#[test]
fn check_names_the_role_that_is_missing() {
    let findings = check(&without_role());
    let errors = errors(&findings);
    assert_eq!(errors.len(), 1, "{findings:?}");
    assert!(
        errors[0].message.contains("90022") && errors[0].message.contains("Manage admins"),
        "{:?}",
        errors[0]
    );
    assert!(findings.iter().any(|f| f.ok && f.subject == "SPONSORED leads of Account 1 (ad account 1)"));
}

#[test]
fn check_tells_what_is_wrong_with_the_token_once() {
    let refusal = r#"{"code":"ACCESS_DENIED"}"#;
    let mut answers = granted();
    answers.insert(0, ("/leadForm", 403, refusal.to_owned()));
    let link = Fake::scripted(answers);
    let findings = check(&link);
    let subjects: Vec<&str> = errors(&findings).iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(subjects, ["linkedin lead responses", "linkedin lead forms"], "{findings:?}");
    let asked = link.0.urls.borrow().iter().filter(|url| url.contains("/leadForm")).count();
    assert_eq!(asked, 2, "the second account is not asked for what the first has shown");
    let findings = check(&Fake::scripted(granted()));
    assert_eq!(findings.len(), 3 + 2, "version, token, roles, and one for each account: {findings:?}");
}

#[test]
fn check_says_what_is_missing_and_where_to_grant_it() {
    for (part, status, body, words) in [
        ("/adAccountUsers", 401, "{}", "authorize the member again"),
        ("/adAccountUsers", 426, "{}", "set `version`"),
        ("/leadFormResponses", 403, r#"{"code":"ACCESS_DENIED"}"#, "Lead Sync API product"),
        ("/leadFormResponses", 403, r#"{"code":"NO_PERMISSION_ON_ENTITY"}"#, "Campaign Manager"),
        ("/leadForms", 403, r#"{"code":"ACCESS_DENIED"}"#, "r_marketing_leadgen_automation"),
    ] {
        let findings = check(&with(part, status, body));
        assert!(
            errors(&findings).iter().any(|finding| finding.message.contains(words)),
            "{part} {status}: {findings:?}"
        );
    }
    let findings = check(&with("/organizationAcls", 403, "{}"));
    assert!(
        findings
            .iter()
            .any(|f| f.severity == Some(Severity::Warning) && f.message.contains("r_organization_admin"))
    );
    let failure = now(open(&with("/leadFormResponses", 503, ""), "{}").check()).unwrap_err();
    assert!(matches!(failure, Failure::Retryable { .. }), "throttling is no missing right");
}

#[test]
fn check_warns_of_a_version_that_ends() {
    let link = Fake::scripted(granted());
    let findings = now(open(&link, r#"{"version":"202510"}"#).check()).unwrap();
    assert!(findings[0].severity == Some(Severity::Warning) && findings[0].message.contains("2026-10-15"));
}

#[test]
fn check_without_any_account_is_an_error() {
    let link = Fake::scripted(vec![
        ("/adAccountUsers", 200, EMPTY.to_owned()),
        ("/adAccounts", 200, EMPTY.to_owned()),
        ("/organizationAcls", 200, EMPTY.to_owned()),
    ]);
    assert!(errors(&check(&link)).iter().any(|finding| finding.message.contains("none can be read")));
}
