//! Kinds of lead that belong to organizations: their partitions, and reading them.

use serde_json::{Value, json};

use crate::failure::Failure;

use super::super::fake::{Behaviour, Fake, Lead, Link, NOW, now};
use super::super::{Partition, ReadRequest, State};
use super::accounts::{EMPTY, check_with, errors, granted};
use super::{envelopes, keys, open, read, request};

const ORGANIC: &str = r#"{"kinds":["EVENT","COMPANY"]}"#;

fn acl(organization: u64, role: &str) -> Value {
    json!({ "organization": format!("urn:li:organization:{organization}"), "role": role, "state": "APPROVED" })
}

/// Administrator of 1, analyst of 2, poster of 3; the name of 2 may not be seen.
fn organizations() -> Link {
    let acls = json!({ "elements": [
        acl(1, "ADMINISTRATOR"), acl(2, "ANALYST"), acl(3, "RECRUITING_POSTER"),
    ], "paging": { "total": 3 } });
    let name = |name: &str| json!({ "localizedName": name }).to_string();
    let localized = json!({ "name": { "localized": { "sv_SE": "Berg" } } }).to_string();
    let mut answers = vec![
        ("/organizationAcls", 200, acls.to_string()),
        ("/organizations/1", 200, name("Kolb Pumps")),
        ("/organizations/2", 403, "{}".to_owned()),
        ("/organizations/3", 200, localized),
    ];
    answers.extend(granted());
    Fake::scripted(answers)
}

fn partitions(link: &Link, config: &str, selection: Option<&str>) -> Vec<Partition> {
    now(open(link, config).partitions("lead_responses", selection)).unwrap()
}

fn ids(partitions: &[Partition], state: State) -> Vec<&str> {
    partitions
        .iter()
        .filter(|partition| partition.state == state)
        .map(|partition| partition.id.as_str())
        .collect()
}

#[test]
fn each_kind_and_organization_is_a_partition_with_what_its_role_allows() {
    let link = organizations();
    let found = partitions(&link, ORGANIC, None);
    assert_eq!(ids(&found, State::Active), ["COMPANY:1", "COMPANY:2", "EVENT:1"]);
    assert_eq!(ids(&found, State::Forbidden), ["COMPANY:3", "EVENT:2", "EVENT:3"]);
    let first = json!({ "id": "COMPANY:1", "name": "Kolb Pumps", "state": "active",
        "facts": { "organization": "urn:li:organization:1", "role": "ADMINISTRATOR" } });
    assert_eq!(serde_json::to_value(&found[0]).unwrap(), first);
    let names: Vec<&str> = found.iter().map(|partition| partition.name.as_str()).take(3).collect();
    assert_eq!(names, ["Kolb Pumps", "organization 2", "Berg"], "a refused name costs only the name");
    let message = found.iter().find(|partition| partition.id == "EVENT:2").unwrap().message.clone().unwrap();
    for words in ["ANALYST", "EVENT", "ADMINISTRATOR or CONTENT_ADMINISTRATOR", "Manage admins"] {
        assert!(message.contains(words), "{message}");
    }
    assert!(!link.0.urls.borrow().iter().any(|url| url.contains("/adAccount")), "ad accounts are not needed");
}

#[test]
fn configuration_and_selection_narrow_organizations() {
    let link = organizations();
    let include = r#"{"kinds":["EVENT"],"organizations":{"include":["urn:li:organization:1",7]}}"#;
    let found = partitions(&link, include, None);
    assert_eq!(
        (ids(&found, State::Active), ids(&found, State::Forbidden)),
        (vec!["EVENT:1"], vec!["EVENT:7"])
    );
    assert!(found[1].message.as_deref().unwrap().contains("no role on this organization"));
    let exclude = r#"{"kinds":["COMPANY"],"organizations":{"exclude":[1,3]}}"#;
    assert_eq!(ids(&partitions(&link, exclude, None), State::Active), ["COMPANY:2"]);
    let both = r#"{"kinds":["SPONSORED","EVENT"]}"#;
    let narrowed = |selection: &str| {
        let found = partitions(&link, both, Some(selection));
        found.into_iter().map(|partition| partition.id).collect::<Vec<_>>()
    };
    assert_eq!(narrowed(r#"{"where":{"account":["2"]}}"#), ["SPONSORED:2"]);
    assert_eq!(narrowed(r#"{"where":{"organization":["1"]}}"#), ["EVENT:1"]);
    assert_eq!(narrowed(r#"{"where":{"organization":["1"],"account":["1"]}}"#), ["EVENT:1", "SPONSORED:1"]);
    assert_eq!(narrowed(r#"{"where":{"organization":["1"],"kind":["SPONSORED"]}}"#), [""; 0]);
}

#[test]
fn refused_roles_leave_the_other_kinds_to_be_read() {
    let mut answers = granted();
    answers.insert(0, ("/organizationAcls", 403, r#"{"code":"ACCESS_DENIED"}"#.to_owned()));
    let link = Fake::scripted(answers);
    let failure = now(open(&link, ORGANIC).partitions("lead_responses", None)).unwrap_err();
    assert!(
        matches!(&failure, Failure::Forbidden { missing, .. } if missing == "scope r_organization_admin"),
        "{failure:?}"
    );
    let both = r#"{"kinds":["SPONSORED","EVENT"]}"#;
    let found = partitions(&link, both, None);
    assert_eq!(ids(&found, State::Active), ["SPONSORED:1", "SPONSORED:2"]);
    assert_eq!(found.len(), 2);
    assert!(link.0.logs.borrow().iter().any(|line| line.contains("page roles cannot be listed")));
    let named = r#"{"kinds":["SPONSORED","EVENT"],"organizations":{"include":[5]}}"#;
    let found = partitions(&link, named, None);
    assert_eq!(ids(&found, State::Forbidden), ["EVENT:5"]);
    assert!(found[0].message.as_deref().unwrap().contains("r_organization_admin"));
    let mut answers = granted();
    answers.insert(0, ("/organizationAcls", 429, "{}".to_owned()));
    let failure = now(open(&Fake::scripted(answers), both).partitions("lead_responses", None)).unwrap_err();
    assert!(matches!(failure, Failure::Retryable { .. }), "what may pass is asked for again");
}

#[test]
fn refused_ad_accounts_leave_organizations_to_be_read() {
    let mut answers = vec![("/adAccount", 403, r#"{"code":"ACCESS_DENIED"}"#.to_owned())];
    answers.push((
        "/organizationAcls",
        200,
        json!({ "elements": [acl(1, "ADMINISTRATOR")], "paging": { "total": 1 } }).to_string(),
    ));
    answers.push(("/leadForm", 200, EMPTY.to_owned()));
    let link = Fake::scripted(answers);
    let both = r#"{"kinds":["SPONSORED","EVENT"],"accounts":{"include":[4]}}"#;
    let found = partitions(&link, both, None);
    assert_eq!(
        (ids(&found, State::Active), ids(&found, State::Forbidden)),
        (vec!["EVENT:1"], vec!["SPONSORED:4"])
    );
    let findings = check_with(&link, both);
    assert_eq!(errors(&findings).len(), 2, "the token, and the account that was named: {findings:?}");
    assert!(findings.iter().any(|finding| finding.ok && finding.subject == "EVENT leads of organization 1"));
}

#[test]
fn each_kind_is_read_with_its_owner() {
    let leads: Vec<Lead> =
        ["SPONSORED:503000111", "EVENT:7", "COMPANY:7", "ORGANIZATION_PRODUCT:7", "EVENT:8"]
            .into_iter()
            .enumerate()
            .map(|(number, holding)| Lead { holding, ..Lead::new(NOW - 86_400_000, number) })
            .collect();
    let link = Fake::link(Behaviour::default(), leads.clone());
    let source = open(&link, r#"{"kinds":["SPONSORED","EVENT","COMPANY","ORGANIZATION_PRODUCT"]}"#);
    for lead in &leads {
        let page = read(&source, ReadRequest { partition: lead.holding, ..request(None, None) });
        assert_eq!(keys(&page), [(lead.time, lead.id.clone())], "{}", lead.holding);
        let data = envelopes(&page).remove(0)["data"].take();
        let (kind, number) = lead.holding.split_once(':').unwrap();
        assert_eq!(data["kind"], kind);
        assert!(data["owner"]["urn"].as_str().unwrap().ends_with(&format!(":{number}")));
    }
    let failure = now(open(&link, ORGANIC).read(request(None, None))).unwrap_err();
    assert!(failure.to_string().contains("add SPONSORED to `kinds`"), "{failure:?}");
}

#[test]
fn check_has_one_finding_for_each_kind_and_organization() {
    let findings = check_with(&organizations(), r#"{"version":"202609","kinds":["EVENT","COMPANY"]}"#);
    let told: Vec<(bool, &str)> =
        findings.iter().map(|finding| (finding.ok, finding.subject.as_str())).collect();
    assert_eq!(
        told,
        [
            (true, "linkedin api version"),
            (true, "linkedin page roles"),
            (true, "COMPANY leads of Kolb Pumps (organization 1)"),
            (true, "COMPANY leads of organization 2"),
            (false, "COMPANY leads of Berg (organization 3)"),
            (true, "EVENT leads of Kolb Pumps (organization 1)"),
            (false, "EVENT leads of organization 2"),
            (false, "EVENT leads of Berg (organization 3)"),
        ]
    );
    assert!(findings.iter().all(|finding| finding.message.len() < 250), "{findings:?}");
}
