//! Fault switches of the LinkedIn service.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::{BY_OWNER, NOW_MS, OWNER, World, ids};

const DAY_MS: u64 = 86_400_000;

#[tokio::test]
async fn a_forbidden_account_is_refused_alone() {
    let world = World::small().await;
    world.fault("linkedin.forbidden_accounts=[503000101]");
    let id = world.running.expected().find(|response| response.account == 503_000_101).unwrap().id;
    for path in [
        BY_OWNER.to_owned(),
        format!("/rest/leadForms?q=owner&{OWNER}"),
        "/rest/leadForms/4400100".to_owned(),
        "/rest/adAccounts/503000101/adCampaigns?q=search".to_owned(),
        format!("/rest/leadFormResponses/{id}"),
    ] {
        let (status, body) = world.get(&path).await;
        assert_eq!((status, &body["code"]), (403, &json!("NO_PERMISSION_ON_ENTITY")), "{path}");
    }
    assert_eq!(world.get(&BY_OWNER.replace("503000101", "503000102")).await.0, 200);
    assert_eq!(world.elements("/rest/adAccounts?q=search").await.len(), 3, "the account itself stays listed");
    let batch = world.ok(&format!("/rest/leadFormResponses?ids=List({id})")).await;
    assert_eq!(batch["errors"][&id]["status"], 403);
}

#[tokio::test]
async fn a_daily_quota_counts_per_endpoint_and_ends_at_midnight() {
    let world = World::small().await;
    world.fault("linkedin.daily_quota=2");
    for status in [200, 200, 429, 429] {
        assert_eq!(world.get(BY_OWNER).await.0, status);
    }
    assert_eq!(world.get("/rest/leadForms/4400100").await.0, 200, "another endpoint");
    let response = world.call(BY_OWNER).send().await.unwrap();
    assert!(response.headers().get("retry-after").is_none());
    world.fault("linkedin.quota_retry_after=true");
    let response = world.call(BY_OWNER).send().await.unwrap();
    let to_midnight_s = (DAY_MS - NOW_MS % DAY_MS) / 1_000;
    assert_eq!(response.headers()["retry-after"], to_midnight_s.to_string().as_str());
    world.clock.advance(to_midnight_s * 1_000 - 1);
    assert_eq!(world.get(BY_OWNER).await.0, 429);
    world.clock.advance(1);
    assert_eq!(world.get(BY_OWNER).await.0, 200);
}

#[tokio::test]
async fn a_version_can_be_made_to_end() {
    let world = World::small().await;
    assert_eq!(world.get(BY_OWNER).await.0, 200);
    world.fault("linkedin.sunset.202609=2026-09-22");
    assert_eq!(world.get(BY_OWNER).await.0, 200);
    world.clock.advance(DAY_MS);
    let (status, body) = world.get(BY_OWNER).await;
    assert_eq!((status, &body["message"]), (426, &json!("Requested version 20260901 is not active")));
}

#[tokio::test]
async fn responses_arrive_between_pages_and_shift_open_windows_only() {
    let world = World::small().await;
    let closed = format!("{BY_OWNER}&submittedAtTimeRange=(start:0,end:{NOW_MS})");
    let before = ids(&world.sweep(&closed, 50).await).into_iter().map(str::to_owned).collect::<Vec<_>>();
    world.fault("linkedin.insert_between_pages=3");
    let open = world.sweep(BY_OWNER, 50).await;
    let distinct: BTreeSet<&str> = ids(&open).into_iter().collect();
    assert!(distinct.len() < open.len(), "an open window repeats responses");
    assert_eq!(ids(&world.sweep(&closed, 50).await), before, "a closed window stays as it was");
    let page = world.ok(&format!("{BY_OWNER}&count=5")).await;
    assert_eq!(page["elements"][0]["submittedAt"], NOW_MS);
    let id = page["elements"][0]["id"].as_str().unwrap();
    assert_eq!(world.ok(&format!("/rest/leadFormResponses/{id}")).await["id"], id);
    assert!(world.running.expected().any(|response| response.id == id));
}

#[tokio::test]
async fn a_deletion_between_pages_hides_one_response_and_skips_another() {
    let world = World::small().await;
    let closed = format!("{BY_OWNER}&submittedAtTimeRange=(start:0,end:{NOW_MS})");
    let before = world.sweep(&closed, 50).await;
    world.fault("linkedin.delete_between_pages=2");
    let during = world.sweep(&closed, 50).await;
    assert!(during.len() < before.len(), "offsets shifted");
    world.fault("linkedin.delete_between_pages=0");
    let gone = before[0]["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("/rest/leadFormResponses/{gone}")).await.0, 404);
    let after = world.sweep(&closed, 50).await;
    assert!(after.len() < before.len() && !ids(&after).contains(&gone));
    assert_eq!(world.ok(&closed).await["paging"]["total"], after.len());
    assert!(world.running.expected().all(|response| response.id != gone));
}

#[tokio::test]
async fn old_responses_vanish_after_retention() {
    let world = World::small().await;
    let oldest = world.sweep(BY_OWNER, 100).await.last().cloned().unwrap();
    world.fault("linkedin.retention_days=30");
    let kept = world.sweep(BY_OWNER, 100).await;
    assert!(kept.len() < 100, "{}", kept.len());
    assert!(kept.iter().all(|r| r["submittedAt"].as_u64().unwrap() >= NOW_MS - 30 * DAY_MS));
    let early = world.ok(&format!("{BY_OWNER}&submittedAtTimeRange=(start:1,end:{NOW_MS})&count=500")).await;
    assert_eq!(early["elements"].as_array().unwrap().len(), kept.len(), "an early start is harmless");
    assert_eq!(
        world.get(&format!("/rest/leadFormResponses/{}", oldest["id"].as_str().unwrap())).await.0,
        404
    );
}

#[tokio::test]
async fn unknown_fields_and_enum_values_appear_when_switched_on() {
    let world = World::small().await;
    let path = format!("{BY_OWNER}&fields=id,formResponse,form&count=50");
    let plain = world.ok(&path).await.to_string();
    world.fault("linkedin.unknown_fields=true");
    world.fault("linkedin.unknown_enums=true");
    let odd = world.ok(&path).await.to_string();
    for word in ["answeredFrom", "surface", "audienceSketch", "JOB_TITLE_ELSEWHERE"] {
        assert!(odd.contains(word) && !plain.contains(word), "{word}");
    }
    let forms = world.elements(&format!("/rest/leadForms?q=owner&{OWNER}")).await;
    assert_eq!(forms[0]["state"], "PUBLISHED_ELSEWHERE");
    assert!(forms.iter().all(|form: &Value| form.get("audienceSketch").is_some()));
}

#[tokio::test]
async fn a_members_quota_has_its_own_text_and_three_bodies() {
    let world = World::small().await;
    world.fault("linkedin.member_daily_quota=1");
    assert_eq!(world.get(BY_OWNER).await.0, 200);
    let (status, named) = world.get(BY_OWNER).await;
    assert_eq!(status, 429);
    let text = "Resource level throttle MEMBER DAY limit for calls to this resource is reached.";
    assert_eq!(named, json!({"status": 429, "serviceErrorCode": 101, "message": text}));
    world.fault("linkedin.quota_body=documented");
    let text = "Resource level throttle limit for calls to this resource is reached.";
    assert_eq!(world.get(BY_OWNER).await.1["message"], text);
    world.fault("linkedin.quota_body=html");
    let response = world.call(BY_OWNER).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (429, &"text/html".parse().unwrap())
    );
    assert!(response.text().await.unwrap().starts_with("<html>"));
}

#[tokio::test]
async fn unknown_members_and_values_are_everywhere_when_switched_on() {
    let world = World::small().await;
    for switch in ["unknown_fields", "unknown_enums", "unknown_answers", "unknown_lead_type"] {
        world.fault(&format!("linkedin.{switch}=true"));
    }
    let path = format!("{BY_OWNER}&fields=id,leadType,formResponse,form");
    let all = world.sweep(&path, 100).await;
    assert!(all.iter().any(|one| one["leadType"] == "LEAD_ELSEWHERE"));
    let plain = world.elements(BY_OWNER).await;
    assert!(plain.iter().all(|one| one.get("intakeNote").is_some()));
    let answers = || all.iter().flat_map(|one| one["formResponse"]["answers"].as_array().unwrap());
    assert!(answers().any(|answer| answer["answerDetails"].get("sliderAnswer").is_some()));
    assert!(answers().all(|answer| answer["answeredFrom"] == "PROFILE"));
    let questions = || all.iter().flat_map(|one| one["form"]["content"]["questions"].as_array().unwrap());
    assert!(questions().any(|question| question["predefinedField"] == "JOB_TITLE_ELSEWHERE"));
    assert!(all.iter().any(|one| one["form"]["state"] == "PUBLISHED_ELSEWHERE"));
    assert!(all.iter().all(|one| one["form"].get("audienceSketch").is_some()));
}
