//! New tables, columns, lookups and keys.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use sluice_sandbox::dataverse::{ApplicationUser, DataverseOptions};

use crate::service::{Service, id, send};

fn label(text: &str) -> Value {
    json!({ "@odata.type": "Microsoft.Dynamics.CRM.Label",
            "LocalizedLabels": [{ "Label": text, "LanguageCode": 1033 }] })
}

fn submission() -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata", "SchemaName": "new_LinkedInSubmission",
        "DisplayName": label("Submission"), "OwnershipType": "UserOwned", "TableType": "Standard",
        "Attributes": [
            { "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "SchemaName": "new_Name",
              "IsPrimaryName": true, "MaxLength": 200, "FormatName": { "Value": "Text" } },
            { "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "SchemaName": "new_SubmissionKey",
              "MaxLength": 100 },
            { "@odata.type": "Microsoft.Dynamics.CRM.DateTimeAttributeMetadata", "SchemaName": "new_SubmittedOn",
              "Format": "DateAndTime" },
            { "@odata.type": "Microsoft.Dynamics.CRM.PicklistAttributeMetadata", "SchemaName": "new_Outcome",
              "OptionSet": { "Options": [{ "Value": 727_000_000, "Label": label("Matched") }] } },
        ],
    })
}

async fn customised(change: impl FnOnce(&mut DataverseOptions)) -> Service {
    let mut options = DataverseOptions::default();
    options.users = options.users.into_iter().map(ApplicationUser::customiser).collect();
    change(&mut options);
    Service::with(options).await
}

const TABLE: &str = "EntityDefinitions(LogicalName='new_linkedinsubmission')";
const SET: &str = "new_linkedinsubmissions";

#[tokio::test]
async fn a_new_table_takes_rows_lookups_and_bulk_messages() {
    let service = customised(|_| {}).await;
    let made = service.post("EntityDefinitions", &submission()).await;
    assert_eq!(made.status, 204, "{}", made.text);
    let table = service.get(TABLE).await.json();
    assert_eq!((&table["EntitySetName"], &table["PrimaryNameAttribute"]), (&json!(SET), &json!("new_name")));
    assert!(made.header("odata-entityid").contains(table["MetadataId"].as_str().unwrap()));
    assert_eq!(service.post("EntityDefinitions", &submission()).await.error().1, "0x80047010");
    let memo = json!({ "@odata.type": "Microsoft.Dynamics.CRM.MemoAttributeMetadata", "SchemaName": "new_Payload",
                       "MaxLength": 100_000 });
    let memo = service.post(&format!("{TABLE}/Attributes"), &memo).await;
    assert!(memo.header("odata-entityid").contains(&format!("{TABLE}/Attributes(")));
    let relationship = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata", "SchemaName": "new_lead_submission",
        "ReferencedEntity": "lead", "ReferencedAttribute": "leadid", "ReferencingEntity": "new_linkedinsubmission",
        "Lookup": { "@odata.type": "Microsoft.Dynamics.CRM.LookupAttributeMetadata", "SchemaName": "new_LeadId" },
    });
    assert_eq!(service.post("RelationshipDefinitions", &relationship).await.status, 204);
    assert_eq!(service.post("RelationshipDefinitions", &relationship).await.error().1, "0x8004432B");
    service.patch(&format!("leads({})", id(1)), &json!({ "lastname": "One" })).await;
    let item = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.new_linkedinsubmission", "new_linkedinsubmissionid": id(7),
        "new_name": "x", "new_payload": "y", "new_outcome": 727_000_000, "new_submittedon": "2026-02-03T09:14:55Z",
        "new_LeadId@odata.bind": format!("/leads({})", id(1)),
    });
    let bulk = format!("{SET}/Microsoft.Dynamics.CRM.UpsertMultiple");
    let stored = service.post(&bulk, &json!({ "Targets": [item] })).await;
    assert_eq!(stored.status, 204, "{}", stored.text);
    let row = service.get(&format!("{SET}({})", id(7))).await.json();
    assert_eq!((&row["_new_leadid_value"], &row["new_payload"]), (&json!(id(1)), &json!("y")));
    let wrong = service.patch(&format!("{SET}({})", id(7)), &json!({ "new_leadid@odata.bind": "x" })).await;
    assert_eq!(wrong.error().1, "0x80048d19", "the navigation property is the schema name");
    let filter =
        "sdkmessageid/name eq 'CreateMultiple' and primaryobjecttypecode eq 'new_linkedinsubmission'";
    let listed = service.get(&format!("sdkmessagefilters?$filter={filter}")).await.json();
    assert_eq!(listed["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_is_usable_once_its_index_is_built() {
    let service = customised(|options| options.key_delay_ms = 10_000).await;
    service.post("EntityDefinitions", &submission()).await;
    let key = json!({ "@odata.type": "Microsoft.Dynamics.CRM.EntityKeyMetadata", "SchemaName": "new_SubmissionKeyIdx",
                      "DisplayName": label("Submission Key"), "KeyAttributes": ["new_submissionkey"] });
    assert_eq!(service.post(&format!("{TABLE}/Keys"), &key).await.status, 204);
    assert_eq!(service.post(&format!("{TABLE}/Keys"), &key).await.error().1, "0x80060893");
    let status = format!(
        "{TABLE}/Keys(LogicalName='new_submissionkeyidx')?$select=KeyAttributes,EntityKeyIndexStatus"
    );
    assert_eq!(service.get(&status).await.json()["EntityKeyIndexStatus"], "Pending");
    let path = format!("{SET}(new_submissionkey='a-1')");
    assert_eq!(service.patch(&path, &json!({ "new_name": "x" })).await.status, 400);
    service.clock_ms.fetch_add(10_000, Ordering::Relaxed);
    assert_eq!(service.get(&status).await.json()["EntityKeyIndexStatus"], "Active");
    for name in ["x", "y"] {
        assert_eq!(service.patch(&path, &json!({ "new_name": name })).await.status, 204);
    }
    assert_eq!(service.rows(SET).len(), 1);
    let taken = service.post(SET, &json!({ "new_submissionkey": "A-1" })).await;
    assert_eq!(taken.error(), (412, "0x80060892".to_owned()));
    assert!(taken.message().starts_with("Entity Key Submission Key violated."));
    let wide = json!({ "SchemaName": "new_Wide", "KeyAttributes": ["new_name", "new_submissionkey", "new_outcome"] });
    assert_eq!(service.post(&format!("{TABLE}/Keys"), &wide).await.status, 204);
    let other = json!({ "SchemaName": "new_Other", "KeyAttributes": ["new_submissionkey"] });
    assert_eq!(service.post(&format!("{TABLE}/Keys"), &other).await.error().1, "0x80060894");
}

#[tokio::test]
async fn a_key_over_duplicates_fails() {
    let service = customised(|_| {}).await;
    service.post("EntityDefinitions", &submission()).await;
    for _ in 0..2 {
        service.post(SET, &json!({ "new_submissionkey": "same" })).await;
    }
    let key = json!({ "SchemaName": "new_Key", "KeyAttributes": ["new_submissionkey"] });
    service.post(&format!("{TABLE}/Keys"), &key).await;
    let status = service.get(&format!("{TABLE}/Keys(LogicalName='new_key')")).await.json();
    assert_eq!(status["EntityKeyIndexStatus"], "Failed");
    assert_eq!(service.get(&format!("{SET}(new_submissionkey='same')")).await.status, 400);
}

#[tokio::test]
async fn the_data_api_learns_of_a_table_late_unless_asked_strongly() {
    let service = customised(|options| options.metadata_delay_ms = 5_000).await;
    service.post("EntityDefinitions", &submission()).await;
    assert_eq!(service.get(SET).await.error().1, "0x8006088a");
    let strong = send(service.request("GET", SET).header("Consistency", "Strong")).await;
    assert_eq!(strong.status, 200);
    service.clock_ms.fetch_add(5_000, Ordering::Relaxed);
    assert_eq!(service.get(SET).await.status, 200);
}

#[tokio::test]
async fn only_a_customiser_may_and_names_need_a_prefix() {
    let service = Service::start().await;
    assert_eq!(
        service.post("EntityDefinitions", &submission()).await.error(),
        (403, "0x80090432".to_owned())
    );
    let service = customised(|_| {}).await;
    let mut unprefixed = submission();
    unprefixed["SchemaName"] = json!("Submission");
    assert_eq!(service.post("EntityDefinitions", &unprefixed).await.error().0, 400);
    assert_eq!(send(service.request("DELETE", TABLE)).await.status, 501);
}
