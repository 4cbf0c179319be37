//! Campaign groups and creatives, and the two styles of paging.

use serde_json::{Value, json};

use crate::client::{World, reply};

const CREATIVES: &str = "/rest/adAccounts/503000101/creatives";

async fn creatives(world: &World, query: &str) -> (u16, Value) {
    reply(world.call(&format!("{CREATIVES}?q=criteria{query}")).header("x-restli-method", "FINDER")).await
}

#[tokio::test]
async fn groups_are_the_ones_that_campaigns_name() {
    let world = World::small().await;
    let path = "/rest/adAccounts/503000102/adCampaignGroups";
    let groups = world.elements(&format!("{path}?q=search")).await;
    assert_eq!(groups.len(), 2);
    assert_eq!(world.ok(&format!("{path}/{}", groups[0]["id"])).await, groups[0]);
    assert_eq!(world.get(&format!("{path}/5")).await.0, 404);
    let archived = world.elements(&format!("{path}?q=search&search=(status:(values:List(ARCHIVED)))")).await;
    assert_eq!(archived, groups[1..]);
    let campaigns = world.elements("/rest/adAccounts/503000102/adCampaigns?q=search").await;
    let urn = format!("urn:li:sponsoredCampaignGroup:{}", groups[0]["id"]);
    assert!(campaigns.iter().all(|campaign| campaign["campaignGroup"] == urn));
    world.fault("linkedin.forbidden_accounts=[503000102]");
    assert_eq!(world.get(&format!("{path}?q=search")).await.0, 403);
}

#[tokio::test]
async fn creatives_have_urns_may_lack_a_name_and_lead_to_forms_in_two_spellings() {
    let world = World::small().await;
    let (status, page) = creatives(&world, "").await;
    assert_eq!(status, 200);
    let all = page["elements"].as_array().unwrap().clone();
    assert_eq!(all.len(), 3);
    assert!(all.iter().any(|one| one.get("name").is_none()) && all.iter().any(|one| one["name"].is_string()));
    let forms = world.sweep(&format!("/rest/leadForms?q=owner&{}", crate::client::OWNER), 50).await;
    let mut spellings = [0, 0];
    for creative in &all {
        let destination = creative["leadgenCallToAction"]["destination"].as_str().unwrap();
        spellings[usize::from(destination.starts_with("urn:li:adForm:"))] += 1;
        assert!(
            forms.iter().any(|form| destination.contains(&format!("Form:{}", form["id"]))),
            "{destination}"
        );
        let urn = creative["id"].as_str().unwrap();
        let by_id = format!("{CREATIVES}/{}", urn.replace(':', "%3A"));
        assert_eq!(world.ok(&by_id).await, *creative);
        assert_eq!(world.get(&format!("{CREATIVES}/{urn}")).await.0, 400, "a raw URN is structure");
    }
    assert!(spellings[0] > 0 && spellings[1] > 0);
    let used: Vec<Value> = world.elements(crate::client::BY_OWNER).await;
    let known = |urn: &Value| all.iter().any(|creative| creative["id"] == *urn);
    assert!(used.iter().all(|one| known(&one["associatedEntity"]["associatedCreative"])));
}

#[tokio::test]
async fn creatives_are_paged_filtered_and_need_the_finder_header() {
    let world = World::small().await;
    assert_eq!(world.get(&format!("{CREATIVES}?q=criteria")).await.0, 400);
    let (mut token, mut seen) = (String::new(), Vec::new());
    for _ in 0..3 {
        let (_, page) = creatives(&world, &format!("&pageSize=1{token}")).await;
        seen.push(page["elements"][0]["id"].clone());
        token = match page["metadata"]["nextPageToken"].as_str() {
            Some(next) => format!("&pageToken={next}"),
            None => break,
        };
    }
    let (_, all) = creatives(&world, "").await;
    let wanted: Vec<Value> =
        all["elements"].as_array().unwrap().iter().map(|creative| creative["id"].clone()).collect();
    assert_eq!(seen, wanted);
    assert_eq!(creatives(&world, "&pageSize=101").await.0, 400);
    let (_, paused) = creatives(&world, "&intendedStatuses=List(PAUSED)").await;
    assert_eq!(paused["elements"].as_array().unwrap().len(), 1);
    assert_eq!(creatives(&world, "&sort=x").await.0, 403);
}

#[tokio::test]
async fn a_switch_makes_searches_answer_with_offsets() {
    let world = World::small().await;
    world.fault("linkedin.offset_paging=true");
    for path in [
        "/rest/adAccounts",
        "/rest/adAccounts/503000101/adCampaigns",
        "/rest/adAccounts/503000101/adCampaignGroups",
    ] {
        let page = world.ok(&format!("{path}?q=search&pageSize=2")).await;
        assert!(page.get("metadata").is_none(), "{path}");
        assert_eq!((&page["paging"]["start"], &page["paging"]["count"]), (&json!(0), &json!(2)), "{path}");
        let next = world.ok(&format!("{path}?q=search&start=2&count=2")).await;
        let len = |page: &Value| page["elements"].as_array().unwrap().len() as u64;
        assert_eq!(len(&page) + len(&next), page["paging"]["total"].as_u64().unwrap(), "{path}");
    }
}
