//! Form responses: sweeps, windows, filters, projection, single and batch reads.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_sandbox::Options;

use crate::client::{BY_OWNER, NOW_MS, World, ids};

#[tokio::test]
async fn sweeps_of_all_accounts_find_every_response_once_newest_first() {
    let world = World::start(Options { responses: 1_000, ..Options::default() }).await;
    let expected: BTreeSet<String> = world.running.expected().map(|response| response.id).collect();
    assert_eq!(expected.len(), 1_000);
    let mut found = BTreeSet::new();
    for account in [503_000_101, 503_000_102, 503_000_103] {
        let path = BY_OWNER.replace("503000101", &account.to_string());
        let all = world.sweep(&path, 100).await;
        let keys: Vec<_> = all
            .iter()
            .map(|r| (std::cmp::Reverse(r["submittedAt"].as_u64()), r["id"].as_str().unwrap()))
            .collect();
        assert!(keys.is_sorted(), "order of {account}");
        for id in ids(&all) {
            assert!(found.insert(id.to_owned()), "{id} twice");
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn elements_carry_what_was_answered() {
    let world = World::small().await;
    let fields = "id,submittedAt,testLead,formResponse,form:(id,content:(questions))";
    let elements = world.sweep(&format!("{BY_OWNER}&fields={fields}"), 100).await;
    let by_id = |id: &Value| elements.iter().find(|e| e["id"] == *id).cloned();
    let mut compared = 0;
    for expected in world.running.expected().filter(|response| response.account == 503_000_101) {
        let element = by_id(&json!(expected.id)).unwrap();
        let questions = element["form"]["content"]["questions"].as_array().unwrap();
        let answer = |field: &str| {
            let question = questions.iter().find(|question| question["predefinedField"] == field)?;
            let answers = element["formResponse"]["answers"].as_array().unwrap();
            let answer = answers.iter().find(|answer| answer["questionId"] == question["questionId"])?;
            answer["answerDetails"]["textQuestionAnswer"]["answer"].as_str().map(str::to_owned)
        };
        assert_eq!(answer("EMAIL"), Some(expected.email));
        assert_eq!(answer("FIRST_NAME"), Some(expected.first_name));
        assert_eq!(answer("PHONE_NUMBER"), expected.phone);
        assert_eq!(
            (&element["testLead"], &element["submittedAt"]),
            (&json!(expected.test_lead), &json!(expected.submitted_at))
        );
        compared += 1;
    }
    assert_eq!(compared, 200);
}

#[tokio::test]
async fn windows_include_their_start_and_not_their_end() {
    let world = World::small().await;
    let all = world.sweep(BY_OWNER, 100).await;
    let times: BTreeSet<u64> = all.iter().map(|r| r["submittedAt"].as_u64().unwrap()).collect();
    let times: Vec<u64> = times.into_iter().collect();
    let (start, end) = (times[40], times[90]);
    let path = format!("{BY_OWNER}&submittedAtTimeRange=(start:{start},end:{end})");
    let within = |until: u64| -> Vec<&str> {
        ids(&all)
            .into_iter()
            .zip(all.iter().map(|r| r["submittedAt"].as_u64().unwrap()))
            .filter(|(_, time)| (start..until).contains(time))
            .map(|(id, _)| id)
            .collect()
    };
    assert_eq!(ids(&world.sweep(&path, 20).await), within(end));
    world.fault("linkedin.end_inclusive=true");
    assert_eq!(ids(&world.sweep(&path, 20).await), within(end + 1));
    let open = world.sweep(&format!("{BY_OWNER}&submittedAtTimeRange=(start:{start})"), 50).await;
    assert_eq!(ids(&open), within(u64::MAX));
    let empty = world.ok(&format!("{BY_OWNER}&submittedAtTimeRange=(start:{NOW_MS},end:{NOW_MS})")).await;
    assert_eq!(empty, json!({"paging": {"start": 0, "count": 10, "links": [], "total": 0}, "elements": []}));
}

#[tokio::test]
async fn paging_has_defaults_a_total_and_a_largest_count() {
    let world = World::small().await;
    let page = world.ok(BY_OWNER).await;
    assert_eq!(page["paging"], json!({"start": 0, "count": 10, "links": [], "total": 200}));
    assert_eq!(page["elements"].as_array().unwrap().len(), 10);
    world.fault("linkedin.count_max=50");
    let page = world.ok(&format!("{BY_OWNER}&count=200&start=190")).await;
    assert_eq!(page["paging"], json!({"start": 190, "count": 50, "links": [], "total": 200}));
    assert_eq!(page["elements"].as_array().unwrap().len(), 10);
    world.fault("linkedin.count_clamp=false");
    assert_eq!(world.get(&format!("{BY_OWNER}&count=51")).await.0, 400);
    world.fault("linkedin.total=false");
    assert!(world.ok(BY_OWNER).await["paging"].get("total").is_none());
}

#[tokio::test]
async fn filters_keep_test_leads_one_form_version_or_one_creative() {
    let world = World::small().await;
    let all = world.sweep(BY_OWNER, 100).await;
    let keep = |wanted: &dyn Fn(&Value) -> bool| -> Vec<String> {
        all.iter().filter(|r| wanted(r)).map(|r| r["id"].as_str().unwrap().to_owned()).collect()
    };
    let tests = world.sweep(&format!("{BY_OWNER}&limitedToTestLeads=true"), 10).await;
    assert_eq!(ids(&tests), keep(&|r| r["testLead"] == true));
    assert!(!tests.is_empty());
    assert_eq!(world.sweep(&format!("{BY_OWNER}&limitedToTestLeads=false"), 100).await.len(), 200);

    let urn = all[30]["versionedLeadGenFormUrn"].as_str().unwrap();
    let encoded = urn.replace(':', "%3A").replace('(', "%28").replace(')', "%29").replace(',', "%2C");
    let on_form = world.ok(&format!("{BY_OWNER}&versionedLeadGenFormUrn={encoded}&count=200")).await;
    let wanted = keep(&|r| r["versionedLeadGenFormUrn"] == urn);
    assert_eq!(ids(on_form["elements"].as_array().unwrap()), wanted);
    assert_eq!(on_form["paging"]["total"], wanted.len());

    let creative = all[5]["associatedEntity"]["associatedCreative"].as_str().unwrap();
    let path = format!("{BY_OWNER}&associatedEntity=(associatedCreative:{})", creative.replace(':', "%3A"));
    assert_eq!(
        ids(&world.sweep(&path, 30).await),
        keep(&|r| r["associatedEntity"]["associatedCreative"] == creative)
    );
}

#[tokio::test]
async fn info_and_form_come_only_when_projected() {
    let world = World::small().await;
    let plain = world.elements(BY_OWNER).await;
    let names: Vec<&String> = plain[0].as_object().unwrap().keys().collect();
    assert!(names.iter().all(|name| !name.ends_with("Info") && *name != "form"), "{names:?}");
    assert!(plain[0].get("submitter").is_some() && plain[0].get("leadMetadata").is_some());

    let fields = "ownerInfo,associatedEntityInfo,leadMetadataInfo,owner,leadType,versionedLeadGenFormUrn,id,submittedAt,\
                  testLead,formResponse,form:(hiddenFields,creationLocale,name,id,content)";
    let full = world.elements(&format!("{BY_OWNER}&fields={fields}")).await;
    let names: BTreeSet<&str> = full[0].as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = [
        "ownerInfo",
        "associatedEntityInfo",
        "leadMetadataInfo",
        "owner",
        "leadType",
        "versionedLeadGenFormUrn",
        "id",
        "submittedAt",
        "testLead",
        "formResponse",
        "form",
    ];
    assert_eq!(names, wanted.into_iter().collect());
    let form: BTreeSet<&str> = full[0]["form"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(form, ["hiddenFields", "creationLocale", "name", "id", "content"].into_iter().collect());
    assert_eq!(full[0]["ownerInfo"]["sponsoredAccountInfo"]["name"], "Kolb Pumps 1");

    let cut = world.elements(&format!("{BY_OWNER}&fields=id,formResponse:(consentResponses),owner")).await;
    for (cut, plain) in cut.iter().zip(&plain) {
        let consents = json!({"consentResponses": plain["formResponse"]["consentResponses"]});
        assert_eq!(*cut, json!({"id": plain["id"], "formResponse": consents, "owner": plain["owner"]}));
    }
}

#[tokio::test]
async fn the_inlined_form_is_the_version_that_was_answered() {
    let world = World::small().await;
    let fields = "id,versionedLeadGenFormUrn,formResponse,form";
    let mut versions = BTreeSet::new();
    for element in world.sweep(&format!("{BY_OWNER}&fields={fields}"), 100).await {
        let form = &element["form"];
        let urn =
            format!("urn:li:versionedLeadGenForm:(urn:li:leadGenForm:{},{})", form["id"], form["versionId"]);
        assert_eq!(element["versionedLeadGenFormUrn"], urn);
        versions.insert(form["versionId"].as_u64().unwrap());
        let asked: BTreeSet<u64> = form["content"]["questions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|q| q["questionId"].as_u64().unwrap())
            .collect();
        for answer in element["formResponse"]["answers"].as_array().unwrap() {
            assert!(asked.contains(&answer["questionId"].as_u64().unwrap()));
        }
    }
    assert_eq!(versions, BTreeSet::from([1, 2]));
}

#[tokio::test]
async fn single_and_batch_reads_give_the_same_response_as_the_finder() {
    let world = World::small().await;
    let elements =
        world.elements(&format!("{BY_OWNER}&fields=id,testLead,formResponse,form:(name)&count=3")).await;
    let id = |at: usize| elements[at]["id"].as_str().unwrap();
    let path = format!("/rest/leadFormResponses/{}?fields=id,testLead,formResponse,form:(name)", id(0));
    assert_eq!(world.ok(&path).await, elements[0]);

    let absent = "5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3";
    let list = format!("List({},{},{},{absent})", id(1), id(2), id(1));
    let batch = world
        .ok(&format!("/rest/leadFormResponses?ids={list}&fields=id,testLead,formResponse,form:(name)"))
        .await;
    assert_eq!(batch["results"], json!({id(1): elements[1], id(2): elements[2]}));
    assert_eq!(batch["statuses"], json!({id(1): 200, id(2): 200}));
    assert_eq!(batch["errors"], json!({absent: {"status": 404, "message": "Not found"}}));
    let none = world.ok(&format!("/rest/leadFormResponses?ids=List({absent})")).await;
    assert_eq!(none["results"], json!({}));

    let (status, body) = world.get(&format!("/rest/leadFormResponses/{absent}")).await;
    assert_eq!((status, &body["code"]), (404, &json!("NOT_FOUND")));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_data_and_another_seed_other_data() {
    let anchor_ms = Some(NOW_MS - 1_000);
    let world = |seed| World::start(Options { seed, responses: 300, anchor_ms, ..Options::default() });
    let (one, two, three) = (world(5).await, world(5).await, world(6).await);
    let path = format!("{BY_OWNER}&count=100&fields=id,submittedAt,formResponse,form");
    let body = one.ok(&path).await;
    assert_eq!(body, two.ok(&path).await);
    assert_ne!(body, three.ok(&path).await);
}

#[tokio::test]
async fn ten_million_responses_are_paged_deep_without_being_held() {
    let options = Options { responses: 10_000_000, accounts: 1, ..Options::default() };
    let world = World::start(options).await;
    let page = world.ok(&format!("{BY_OWNER}&start=9999995&count=100&fields=id")).await;
    assert_eq!(page["paging"]["total"], 10_000_000);
    assert_eq!(page["elements"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn responses_after_now_are_not_there_yet() {
    let world = World::start(Options {
        responses: 300,
        anchor_ms: Some(NOW_MS + 3_600_000),
        days: 1,
        ..Options::default()
    })
    .await;
    let total = |body: Value| body["paging"]["total"].as_u64().unwrap();
    let before = total(world.ok(BY_OWNER).await);
    world.clock.advance(1_800_000);
    let half = total(world.ok(BY_OWNER).await);
    world.clock.advance(1_800_000);
    assert!(before < half && half < 100, "{before} {half}");
    assert_eq!(total(world.ok(BY_OWNER).await), 100);
}
