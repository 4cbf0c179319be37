//! Accounts, users, campaigns, Pages and forms.

use serde_json::{Value, json};
use sluice_sandbox::Options;

use crate::client::{OWNER, World};

async fn with_idle_accounts() -> World {
    World::start(Options { responses: 30, idle_accounts: true, ..Options::default() }).await
}

fn numbers(elements: &Value) -> Vec<u64> {
    elements["elements"].as_array().unwrap().iter().map(|element| element["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn accounts_are_searched_by_cursor_and_by_offset() {
    let world = with_idle_accounts().await;
    let all = [503_000_101, 503_000_102, 503_000_103, 503_000_104, 503_000_105];
    let first = world.ok("/rest/adAccounts?q=search&pageSize=3").await;
    assert_eq!(numbers(&first), all[..3]);
    assert!(first.get("paging").is_none());
    let token = first["metadata"]["nextPageToken"].as_str().unwrap();
    let second = world.ok(&format!("/rest/adAccounts?q=search&pageSize=3&pageToken={token}")).await;
    assert_eq!((numbers(&second), &second["metadata"]), (all[3..].to_vec(), &json!({})));

    let offset = world.ok("/rest/adAccounts?q=search&start=1&count=2").await;
    assert_eq!(numbers(&offset), all[1..3]);
    assert_eq!(offset["paging"], json!({"start": 1, "count": 2, "links": [], "total": 5}));

    for bad in ["pageSize=0", "pageSize=1001", "count=1001", "pageToken=zz", "pageSize=1&start=0"] {
        assert_eq!(world.get(&format!("/rest/adAccounts?q=search&{bad}")).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn account_search_criteria_are_applied() {
    let world = with_idle_accounts().await;
    let find =
        async |search: &str| numbers(&world.ok(&format!("/rest/adAccounts?q=search&search={search}")).await);
    let live = [503_000_101, 503_000_102, 503_000_103];
    assert_eq!(find("(status:(values:List(ACTIVE)),test:false)").await, live);
    assert_eq!(find("(test:true)").await, [503_000_104]);
    assert_eq!(find("(status:(values:List(CANCELED,DRAFT)))").await, [503_000_105]);
    assert_eq!(find("(id:(values:List(urn%3Ali%3AsponsoredAccount%3A503000102)))").await, [503_000_102]);
    assert_eq!(find("(reference:(values:List(urn%3Ali%3Aorganization%3A90021)))").await, [503_000_101]);
    assert_eq!(find("(name:(values:List(Kolb%20Pumps%202)))").await, [503_000_102]);
    let (status, body) = world.get("/rest/adAccounts?q=search&search=(status:(values:List(LIVE)))").await;
    assert_eq!(status, 400);
    assert_eq!(body["errorDetails"]["inputErrors"][0]["input"]["inputPath"]["fieldPath"], "search/status");
}

#[tokio::test]
async fn reference_info_comes_only_when_projected() {
    let world = with_idle_accounts().await;
    let plain = world.elements("/rest/adAccounts?q=search").await;
    assert!(plain[0].get("referenceInfo").is_none() && plain[0].get("reference").is_some());
    let fields = world.elements("/rest/adAccounts?q=search&fields=id,name,test,referenceInfo").await;
    assert_eq!(fields[0]["referenceInfo"]["organization"]["localizedName"], "Kolb Pumps 1");
    assert!(fields[0].get("status").is_none());
    assert_eq!(fields[4]["referenceInfo"], json!({}), "an account without a Page");
    assert_eq!(world.ok("/rest/adAccounts/503000101").await["name"], "Kolb Pumps 1");
    assert_eq!(world.get("/rest/adAccounts/7").await.0, 404);
}

#[tokio::test]
async fn users_are_found_by_member_and_by_account() {
    let world = World::small().await;
    let mine = world.ok("/rest/adAccountUsers?q=authenticatedUser&start=0&count=2").await;
    assert_eq!(mine["paging"], json!({"start": 0, "count": 2, "links": [], "total": 3}));
    assert_eq!(mine["elements"][0]["account"], "urn:li:sponsoredAccount:503000101");
    for accounts in
        ["urn%3Ali%3AsponsoredAccount%3A503000102", "List(urn%3Ali%3AsponsoredAccount%3A503000102)"]
    {
        let users = world.elements(&format!("/rest/adAccountUsers?q=accounts&accounts={accounts}")).await;
        assert_eq!((users.len(), &users[0]["role"]), (1, &json!("VIEWER")));
    }
}

#[tokio::test]
async fn page_roles_show_a_revoked_one_unless_approved_is_asked_for() {
    let world = World::small().await;
    let approved = world.ok("/rest/organizationAcls?q=roleAssignee&state=APPROVED&start=0&count=100").await;
    assert_eq!(approved["elements"].as_array().unwrap().len(), 3);
    assert!(approved["paging"].get("total").is_none());
    let all = world.elements("/rest/organizationAcls?q=roleAssignee&count=100").await;
    let revoked: Vec<_> = all.iter().filter(|acl| acl["state"] == "REVOKED").collect();
    assert_eq!((all.len(), revoked.len()), (4, 1));
    let id = revoked[0]["organization"].as_str().unwrap().rsplit(':').next().unwrap();
    assert_eq!(world.get(&format!("/rest/organizations/{id}")).await.0, 403);
    let page = world.ok("/rest/organizations/90021?fields=localizedName,vanityName").await;
    assert_eq!(page, json!({"localizedName": "Kolb Pumps 1", "vanityName": "kolb-pumps-1"}));
    let admin = world.elements("/rest/organizationAcls?q=roleAssignee&role=ADMINISTRATOR").await;
    assert_eq!(admin.len(), 1);
}

#[tokio::test]
async fn campaigns_are_the_ones_that_responses_name() {
    let world = World::small().await;
    let search = "search=(status:(values:List(ACTIVE,PAUSED,ARCHIVED)))";
    let campaigns =
        world.elements(&format!("/rest/adAccounts/503000102/adCampaigns?q=search&{search}")).await;
    assert_eq!(campaigns.len(), 3);
    let one = world.ok(&format!("/rest/adAccounts/503000102/adCampaigns/{}", campaigns[1]["id"])).await;
    assert_eq!(one, campaigns[1]);
    let paused = "search=(status:(values:List(PAUSED)))";
    assert_eq!(
        world.elements(&format!("/rest/adAccounts/503000102/adCampaigns?q=search&{paused}")).await.len(),
        1
    );
    let path = crate::client::BY_OWNER.replace("503000101", "503000102");
    let urns: Vec<String> =
        campaigns.iter().map(|campaign| format!("urn:li:sponsoredCampaign:{}", campaign["id"])).collect();
    for response in world.elements(&path).await {
        let urn = response["leadMetadata"]["sponsoredLeadMetadata"]["campaign"].as_str().unwrap();
        assert!(urns.iter().any(|known| known == urn), "{urn}");
    }
}

#[tokio::test]
async fn forms_are_found_by_owner_by_id_and_in_batches() {
    let world = World::small().await;
    let page = world.ok(&format!("/rest/leadForms?q=owner&{OWNER}&start=0&count=100")).await;
    assert_eq!(page["paging"], json!({"start": 0, "count": 100, "links": [], "total": 4}));
    let forms = page["elements"].as_array().unwrap();
    assert!(forms.iter().all(|form| form["versionId"] == 2), "the latest version");
    assert!(forms.iter().any(|form| form["id"].as_u64().unwrap() > 1 << 53));
    for form in forms {
        assert_eq!(world.ok(&format!("/rest/leadForms/{}", form["id"])).await, *form);
    }
    let (one, two) = (forms[0]["id"].to_string(), forms[2]["id"].to_string());
    let batch = world.ok(&format!("/rest/leadForms?ids=List({one},{two},4400199)&fields=id,name")).await;
    assert_eq!(batch["results"][&two], json!({"id": forms[2]["id"], "name": forms[2]["name"]}));
    assert_eq!(batch["statuses"], json!({&one: 200, &two: 200}));
    assert_eq!(batch["errors"]["4400199"]["status"], 404);
    let organization = "owner=(organization:urn%3Ali%3Aorganization%3A90021)";
    assert!(world.elements(&format!("/rest/leadForms?q=owner&{organization}")).await.is_empty());
}
