//! Bulk messages: one transaction, strict items, rules for duplicates.

use serde_json::{Value, json};
use sluice_sandbox::dataverse::{DataverseFaults, DataverseOptions, KeySeed};

use crate::service::{Answer, Service, id};

fn item(number: u32, lastname: &str) -> Value {
    json!({ "@odata.type": "Microsoft.Dynamics.CRM.lead", "leadid": id(number), "lastname": lastname })
}

async fn bulk(service: &Service, message: &str, targets: &[Value]) -> Answer {
    service.post(&format!("leads/Microsoft.Dynamics.CRM.{message}"), &json!({ "Targets": targets })).await
}

#[tokio::test]
async fn create_multiple_answers_ids_in_input_order() {
    let service = Service::start().await;
    let unnamed = json!({ "@odata.type": "#Microsoft.Dynamics.CRM.lead", "lastname": "Two" });
    let answer = bulk(&service, "CreateMultiple", &[item(9, "One"), unnamed, item(3, "Three")]).await;
    assert_eq!(answer.status, 200);
    let ids = answer.json()["Ids"].clone();
    assert_eq!((&ids[0], &ids[2]), (&json!(id(9)), &json!(id(3))));
    assert_eq!(service.rows("leads").len(), 3);
    assert!(service.rows("leads").iter().any(|row| row["leadid"] == ids[1] && row["lastname"] == "Two"));
    let again = bulk(&service, "CreateMultiple", &[item(1, "New"), item(9, "Old")]).await;
    assert_eq!(again.error(), (412, "0x80040237".to_owned()));
    assert_eq!(service.rows("leads").len(), 3);
}

#[tokio::test]
async fn upsert_multiple_creates_and_updates_and_repeats_harmlessly() {
    let service = Service::start().await;
    for round in 0..3 {
        let answer = bulk(&service, "UpsertMultiple", &[item(1, "One"), item(2, "Two")]).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{round}");
    }
    assert_eq!(service.rows("leads").len(), 2);
    assert_eq!((service.stat("rows_created"), service.stat("rows_updated")), (2, 4));
    assert_eq!(service.stat("unchanged_writes"), 4);
    let stats = service.dataverse.stats();
    assert_eq!(stats["rows_per_bulk"], json!({ "min": 2, "max": 2, "avg": 2.0 }));
    assert_eq!((&stats["rows"]["leads"], &stats["bulk_requests"]), (&json!(2), &json!(3)));
    let nameless = json!({ "@odata.type": "Microsoft.Dynamics.CRM.lead", "lastname": "Three" });
    bulk(&service, "UpsertMultiple", &[nameless]).await;
    assert_eq!(service.rows("leads").len(), 3, "an item without a key is always created");
}

#[tokio::test]
async fn any_error_undoes_the_whole_request_and_names_no_index() {
    let service = Service::start().await;
    bulk(&service, "UpsertMultiple", &[item(1, "Old")]).await;
    let before = service.rows("leads");
    let mut long = item(5, "x");
    long["lastname"] = json!("x".repeat(51));
    let mut lost = item(5, "x");
    lost["campaignid@odata.bind"] = json!(format!("/campaigns({})", id(404)));
    let mut untyped = item(5, "x");
    untyped.as_object_mut().unwrap().remove("@odata.type");
    let mut foreign = item(5, "x");
    foreign["@odata.type"] = json!("Microsoft.Dynamics.CRM.contact");
    for (bad, status, code) in [
        (long, 400, "0x80044331"),
        (lost, 404, "0x80040217"),
        (untyped, 400, "0x80048d19"),
        (foreign, 400, "0x80048d19"),
        (item(1, "Twice"), 412, "0x80040237"),
        (json!(5), 400, "0x80048d19"),
    ] {
        let answer =
            bulk(&service, "UpsertMultiple", &[item(1, "New"), item(2, "New"), bad.clone(), item(6, "New")])
                .await;
        assert_eq!(answer.error(), (status, code.to_owned()), "{bad}: {}", answer.text);
        assert_eq!(answer.json().as_object().unwrap().len(), 1);
        assert_eq!(service.rows("leads"), before, "{bad}");
    }
    let mail = service.get("leads/$count").await;
    assert_eq!(mail.text, "1");
}

#[tokio::test]
async fn update_multiple_needs_its_rows_and_applies_the_first_of_a_pair() {
    let service = Service::start().await;
    bulk(&service, "CreateMultiple", &[item(1, "One"), item(2, "Two")]).await;
    let answer =
        bulk(&service, "UpdateMultiple", &[item(1, "First"), item(2, "Other"), item(1, "Second")]).await;
    assert_eq!(answer.status, 204);
    assert_eq!(service.rows("leads")[0]["lastname"], "First");
    let lost = bulk(&service, "UpdateMultiple", &[item(1, "Changed"), item(7, "None")]).await;
    assert_eq!(lost.error(), (404, "0x80040217".to_owned()));
    assert_eq!(lost.message(), format!("lead With Ids = {} Do Not Exist", id(7)));
    assert_eq!(service.rows("leads")[0]["lastname"], "First");
}

#[tokio::test]
async fn alternate_keys_name_items_but_must_not_be_repeated_in_the_body() {
    let key = KeySeed {
        table: "lead".to_owned(),
        name: "li_Response".to_owned(),
        columns: vec!["pager".to_owned()],
    };
    let service = Service::with(DataverseOptions { keys: vec![key], ..DataverseOptions::default() }).await;
    let by_key = |value: &str, lastname: &str| {
        json!({ "@odata.id": format!("leads(pager='{value}')"), "lastname": lastname,
                "@odata.type": "Microsoft.Dynamics.CRM.lead" })
    };
    for lastname in ["One", "Two"] {
        let answer = bulk(&service, "UpsertMultiple", &[by_key("a-1", lastname), item(4, "Four")]).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
    }
    let rows = service.rows("leads");
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().any(|row| row.get("pager") == Some(&json!("a-1")) && row["lastname"] == "Two"));
    let mut repeated = by_key("a-2", "Three");
    repeated["pager"] = json!("a-2");
    assert_eq!(bulk(&service, "UpsertMultiple", &[repeated]).await.error(), (400, "0x80040216".to_owned()));
    let twice = bulk(&service, "UpsertMultiple", &[by_key("a-3", "x"), by_key("A-3", "y")]).await;
    assert_eq!(twice.error(), (412, "0x80040237".to_owned()));
    assert_eq!(service.rows("leads").len(), 2);
}

#[tokio::test]
async fn what_is_no_bulk_message_is_refused() {
    let service = Service::start().await;
    let deleted = bulk(&service, "DeleteMultiple", &[item(1, "x")]).await;
    assert_eq!(deleted.message(), "DeleteMultiple has not yet been implemented.");
    let team = json!({ "Targets": [{ "@odata.type": "Microsoft.Dynamics.CRM.team", "name": "x" }] });
    let team = service.post("teams/Microsoft.Dynamics.CRM.CreateMultiple", &team).await;
    assert!(team.message().contains("is not enabled on the entity 'team'"));
    assert_eq!(bulk(&service, "MergeMultiple", &[item(1, "x")]).await.status, 404);
    assert_eq!(bulk(&service, "UpsertMultiple", &[]).await.status, 400);
    let extra = json!({ "Targets": [item(1, "x")], "Other": 1 });
    let extra = service.post("leads/Microsoft.Dynamics.CRM.UpsertMultiple", &extra).await;
    assert_eq!(extra.error(), (400, "0x80048d19".to_owned()));
    assert!(service.rows("leads").is_empty());
}

#[tokio::test]
async fn a_poison_row_is_refused_in_every_shape_and_only_its_id_is_named() {
    let faults = DataverseFaults { poison_one_in: 5, ..DataverseFaults::default() };
    let service = Service::faulty(faults.clone()).await;
    let (poison, good): (Vec<u32>, Vec<u32>) = (0..200).partition(|number| faults.refuses_row(&id(*number)));
    assert!((20..60).contains(&poison.len()), "about one in five, got {}", poison.len());
    let all: Vec<Value> = (0..200).map(|number| item(number, "Secretname")).collect();
    let answer = bulk(&service, "UpsertMultiple", &all).await;
    assert_eq!(answer.error().1, "0x80040265");
    assert!(answer.message().contains(&id(poison[0])) && !answer.text.contains("Secretname"));
    assert!(service.rows("leads").is_empty());
    let rest: Vec<Value> = good.iter().map(|number| item(*number, "x")).collect();
    assert_eq!(bulk(&service, "UpsertMultiple", &rest).await.status, 204);
    let alone = service.patch(&format!("leads({})", id(poison[1])), &json!({ "lastname": "x" })).await;
    assert_eq!(alone.error().1, "0x80040265");
}

#[tokio::test]
async fn equal_leads_are_found_whatever_their_keys() {
    let service = Service::start().await;
    bulk(&service, "UpsertMultiple", &[item(1, "Same"), item(2, "Same"), item(3, "Same"), item(4, "Other")])
        .await;
    assert_eq!((service.stat("identical_leads"), service.stat("identical_lead_rows")), (1, 3));
    bulk(&service, "UpsertMultiple", &[item(2, "New"), item(3, "Newer")]).await;
    assert_eq!(service.stat("identical_leads"), 0);
}
