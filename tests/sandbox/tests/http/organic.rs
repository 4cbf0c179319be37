//! Forms and responses that Pages own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sluice_sandbox::{Arrival, Kind, Options};

use crate::client::{World, ids, reply};

const KINDS: [&str; 3] = ["EVENT", "COMPANY", "ORGANIZATION_PRODUCT"];

async fn world() -> World {
    let options = Options { responses: 90, organizations: 2, organic_responses: 240, ..Options::default() };
    World::start(options).await
}

fn owner(organization: u64) -> String {
    format!("owner=(organization:urn%3Ali%3Aorganization%3A{organization})")
}

fn path(organization: u64, kind: &str) -> String {
    format!("/rest/leadFormResponses?q=owner&leadType=(leadType:{kind})&{}", owner(organization))
}

#[tokio::test]
async fn every_organic_response_is_found_under_its_owner_and_kind() {
    let world = world().await;
    let mut expected: BTreeMap<(u64, &str), BTreeSet<String>> = BTreeMap::new();
    for one in world.running.expected().filter(|one| one.kind != Kind::Sponsored) {
        assert_eq!(one.account, 0);
        expected.entry((one.owner, one.kind.name())).or_default().insert(one.id);
    }
    assert_eq!(expected.len(), 6);
    assert_eq!(expected.values().map(BTreeSet::len).sum::<usize>(), 240);
    for ((owner, kind), wanted) in expected {
        let swept = world.sweep(&path(owner, kind), 17).await;
        assert_eq!(
            ids(&swept).into_iter().map(str::to_owned).collect::<BTreeSet<_>>(),
            wanted,
            "{owner} {kind}"
        );
        assert!(swept.iter().all(|one| one["leadType"] == kind && one.get("leadMetadata").is_none()));
        let times: Vec<u64> = swept.iter().map(|one| one["submittedAt"].as_u64().unwrap()).collect();
        assert!(times.is_sorted_by(|a, b| a >= b));
    }
}

#[tokio::test]
async fn sponsored_responses_are_the_same_with_and_without_pages() {
    let (with, without) =
        (world().await, World::start(Options { responses: 90, ..Options::default() }).await);
    let sponsored = |world: &World| -> Vec<_> {
        world.running.expected().filter(|one| one.kind == Kind::Sponsored).collect()
    };
    assert_eq!(sponsored(&with), sponsored(&without));
    assert_eq!(
        with.sweep(crate::client::BY_OWNER, 50).await,
        without.sweep(crate::client::BY_OWNER, 50).await
    );
    assert_eq!(without.running.expected().filter(|one| one.kind != Kind::Sponsored).count(), 0);
}

#[tokio::test]
async fn an_event_is_named_and_other_entities_only_by_switch() {
    let world = world().await;
    let events = world.elements(&format!("{}&count=40", path(90_021, "EVENT"))).await;
    let urns: BTreeSet<&str> =
        events.iter().map(|one| one["associatedEntity"]["event"].as_str().unwrap()).collect();
    assert_eq!(urns.len(), 2);
    assert!(urns.iter().all(|urn| urn.starts_with("urn:li:event:71000000000000000")), "{urns:?}");
    let urn = urns.first().unwrap().replace(':', "%3A");
    let one =
        world.elements(&format!("{}&count=40&associatedEntity=(event:{urn})", path(90_021, "EVENT"))).await;
    assert!(!one.is_empty() && one.len() < events.len());

    let company = async || world.elements(&path(90_021, "COMPANY")).await[0].clone();
    assert!(company().await.get("associatedEntity").is_none());
    world.fault("linkedin.organic_entity=short");
    assert_eq!(company().await["associatedEntity"], json!({"organization": "urn:li:organization:90021"}));
}

#[tokio::test]
async fn infos_and_forms_come_only_when_projected() {
    let world = world().await;
    let fields =
        "id,owner,ownerInfo,associatedEntityInfo,leadMetadata,leadMetadataInfo,form:(id,owner,versionId)";
    for kind in KINDS {
        let plain = world.elements(&path(90_022, kind)).await;
        assert!(plain.iter().all(|one| one.get("ownerInfo").is_none() && one.get("form").is_none()));
        for one in world.elements(&format!("{}&fields={fields}", path(90_022, kind))).await {
            assert_eq!(one["ownerInfo"], json!({"organizationInfo": {"name": "Kolb Pumps 2"}}));
            assert_eq!(one["form"]["owner"], json!({"organization": "urn:li:organization:90022"}));
            assert!(one.get("leadMetadata").is_none() && one.get("leadMetadataInfo").is_none());
            assert_eq!(one.get("associatedEntityInfo").is_some(), kind == "EVENT");
            let by_id = format!("/rest/leadFormResponses/{}?fields={fields}", one["id"].as_str().unwrap());
            assert_eq!(world.ok(&by_id).await, one);
        }
    }
}

#[tokio::test]
async fn forms_of_a_page_need_the_lead_scope() {
    let world = world().await;
    let forms = world.sweep(&format!("/rest/leadForms?q=owner&{}", owner(90_021)), 5).await;
    assert_eq!(forms.len(), 12, "four for each kind");
    let ids: BTreeSet<u64> = forms.iter().map(|form| form["id"].as_u64().unwrap()).collect();
    let used: BTreeSet<u64> =
        world.running.expected().filter(|one| one.owner == 90_021).map(|one| one.form).collect();
    assert!(!used.is_empty() && used.is_subset(&ids));
    let one = &forms[3];
    let by_id = format!("/rest/leadForms/{}", one["id"]);
    assert_eq!(world.ok(&by_id).await, *one);
    let few = world
        .bare(&by_id)
        .header("authorization", "Bearer sandbox-linkedin-noscope")
        .header("linkedin-version", "202609")
        .header("x-restli-protocol-version", "2.0.0");
    assert_eq!(reply(few).await.0, 403);
}

#[tokio::test]
async fn a_kind_that_does_not_go_with_the_owner_is_refused_or_empty() {
    let world = world().await;
    let crossed = [path(90_021, "SPONSORED"), crate::client::BY_OWNER.replace("SPONSORED", "EVENT")];
    for path in &crossed {
        let (status, body) = world.get(path).await;
        assert_eq!((status, &body["code"]), (400, &json!("ILLEGAL_ARGUMENT")), "{path}");
    }
    world.fault("linkedin.kind_mismatch_empty=true");
    for path in &crossed {
        assert_eq!(world.elements(path).await, Vec::<Value>::new(), "{path}");
    }
    assert_eq!(world.get(&path(90_021, "PODCAST")).await.0, 400);
}

#[tokio::test]
async fn roles_on_the_page_decide_per_kind() {
    let world = world().await;
    let statuses = async || {
        let mut all = Vec::new();
        for kind in KINDS {
            all.push(world.get(&path(90_021, kind)).await.0);
        }
        all
    };
    assert_eq!(statuses().await, [200, 200, 200]);
    for (role, wanted) in [
        ("ADMINISTRATOR", [200, 200, 200]),
        ("CONTENT_ADMINISTRATOR", [200, 200, 200]),
        ("LEAD_GEN_FORMS_MANAGER", [403, 200, 200]),
        ("CURATOR", [403, 200, 200]),
        ("ANALYST", [403, 200, 200]),
        ("RECRUITING_POSTER", [403, 403, 403]),
    ] {
        world.fault(&format!("linkedin.page_roles.90021={role}"));
        assert_eq!(statuses().await, wanted, "{role}");
        let acls = world.elements("/rest/organizationAcls?q=roleAssignee&state=APPROVED&count=100").await;
        let acl = acls.iter().find(|acl| acl["organization"] == "urn:li:organization:90021").unwrap();
        assert_eq!(acl["role"], role);
    }
}

#[tokio::test]
async fn an_ads_leads_need_a_role_on_the_accounts_page_too() {
    let world = world().await;
    let id = world.running.expected().find(|one| one.owner == 503_000_101).unwrap().id;
    let by_id = format!("/rest/leadFormResponses/{id}");
    let forms = format!("/rest/leadForms?q=owner&{}", crate::client::OWNER);
    for switch in ["page_roles.90021=RECRUITING_POSTER", "revoked_organizations=[90021]"] {
        world.fault(&format!("linkedin.{switch}"));
        assert_eq!(world.get(crate::client::BY_OWNER).await.0, 403, "{switch}");
        assert_eq!(world.get(&by_id).await.0, 403, "{switch}");
        assert_eq!(world.get(&forms).await.0, 200, "{switch}: forms need the account alone");
        assert_eq!(world.get(&crate::client::BY_OWNER.replace("503000101", "503000102")).await.0, 200);
        world.fault("linkedin.page_roles=null");
    }
}

#[tokio::test]
async fn roles_name_their_organization_in_three_ways() {
    let world = world().await;
    for key in ["organization", "organizationTarget", "organizationalTarget"] {
        world.fault(&format!("linkedin.acl_organization_key={key}"));
        let acls = world.elements("/rest/organizationAcls?q=roleAssignee").await;
        let known = ["organization", "organizationTarget", "organizationalTarget"];
        for acl in &acls {
            let named: Vec<&str> = known.into_iter().filter(|name| acl.get(name).is_some()).collect();
            assert_eq!(named, [key]);
            assert!(acl[key].as_str().unwrap().starts_with("urn:li:organization:"));
        }
    }
}

#[tokio::test]
async fn forbidden_and_revoked_pages_are_refused_and_others_go_on() {
    let world = world().await;
    world.fault("linkedin.forbidden_organizations=[90021]");
    let (status, body) = world.get(&path(90_021, "COMPANY")).await;
    assert_eq!((status, &body["code"]), (403, &json!("NO_PERMISSION_ON_ENTITY")));
    assert_eq!(world.get(&format!("/rest/leadForms?q=owner&{}", owner(90_021))).await.0, 403);
    assert_eq!(world.get(&path(90_022, "COMPANY")).await.0, 200);
    world.fault("linkedin.forbidden_organizations=[]");

    world.fault("linkedin.revoked_organizations=[90022]");
    assert_eq!(world.get("/rest/organizations/90022").await.0, 403);
    assert_eq!(world.get(&path(90_022, "EVENT")).await.0, 403);
    let states = async |state: &str| -> Vec<String> {
        let acls =
            world.elements(&format!("/rest/organizationAcls?q=roleAssignee&state={state}&count=100")).await;
        acls.iter().map(|acl| acl["organization"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states("REVOKED").await, ["urn:li:organization:90022", "urn:li:organization:80001"]);
    assert_eq!(states("REQUESTED").await, ["urn:li:organization:80002"]);
    assert_eq!(states("APPROVED").await, ["urn:li:organization:90021", "urn:li:organization:90023"]);
}

#[tokio::test]
async fn organic_responses_arrive_are_withdrawn_and_are_reconciled() {
    let world = world().await;
    let arrival = Arrival { owner: 90_022, kind: Kind::Event, count: 3 };
    let arrived = world.running.arrive(&arrival).unwrap();
    let first = world.elements(&path(90_022, "EVENT")).await;
    let mut newest: Vec<&str> = ids(&first)[..3].to_vec();
    newest.sort_unstable();
    let mut wanted: Vec<&str> = arrived.iter().map(String::as_str).collect();
    wanted.sort_unstable();
    assert_eq!(newest, wanted);
    world.running.withdraw(&arrived[1]).unwrap();
    assert_eq!(world.get(&format!("/rest/leadFormResponses/{}", arrived[1])).await.0, 404);
    assert!(!ids(&world.elements(&path(90_022, "EVENT")).await).contains(&arrived[1].as_str()));
    let real = world.running.expected().filter(|one| !one.test_lead).count() as u64;
    assert!(real > 300);
    assert_eq!(world.running.reconcile().responses, real);
    assert_eq!(world.running.reconcile().responses_without_lead, real);
}

#[tokio::test]
async fn retention_can_differ_by_kind() {
    let world = world().await;
    world.fault("linkedin.retention_days=20");
    world.fault("linkedin.retention_days_by_kind.EVENT=60");
    let oldest = async |kind: &str| {
        let all = world.sweep(&path(90_021, kind), 50).await;
        let oldest = all.last().unwrap()["submittedAt"].as_u64().unwrap();
        (crate::client::NOW_MS - oldest) / sluice_sandbox::DAY_MS
    };
    assert!((20..60).contains(&oldest("EVENT").await));
    assert!(oldest("COMPANY").await < 20);
}
