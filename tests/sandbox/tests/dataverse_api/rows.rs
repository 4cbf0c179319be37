//! Single rows: create, upsert, preconditions, values, lookups, errors.

use serde_json::{Value, json};
use sluice_sandbox::dataverse::{
    ColumnLimit, DEFAULT_APPLICATION_ID, DataverseFaults, DataverseOptions, KeySeed, ROLELESS_APPLICATION_ID,
};

use crate::service::{Answer, CAMPAIGN, Service, id, send, token, with_json};

#[tokio::test]
async fn who_am_i_answers_with_the_documented_headers() {
    let service = Service::start().await;
    let answer = service.get("WhoAmI").await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    for member in ["BusinessUnitId", "UserId", "OrganizationId"] {
        assert_eq!(body[member].as_str().unwrap().len(), 36, "{member}");
    }
    assert_eq!(answer.header("content-type"), "application/json; odata.metadata=minimal");
    assert_eq!(answer.header("odata-version"), "4.0");
    assert_eq!(answer.header("x-ms-dop-hint"), "8");
    assert!(answer.header("set-cookie").starts_with("ARRAffinity="));
    assert_eq!(answer.header("x-ms-service-request-id"), answer.header("req_id"));
    assert_eq!(answer.header("x-ms-ratelimit-time-remaining-xrm-requests"), "1200.00");
    assert_eq!(service.get("WhoAmI()").await.status, 200);
    let posted = service.post("WhoAmI", &json!({})).await;
    assert_eq!(posted.error(), (404, String::new()));
    assert!(posted.message().starts_with("No HTTP resource was found that matches the request URI"));
}

#[tokio::test]
async fn only_a_known_user_with_a_role_and_a_token_for_this_resource_gets_in() {
    let service = Service::start().await;
    let url = format!("{}/api/data/v9.2/WhoAmI", service.origin);
    let with = |token: String| send(service.client.get(&url).bearer_auth(token));
    let anonymous = send(service.client.get(&url)).await;
    assert_eq!(anonymous.status, 401);
    assert!(anonymous.header("www-authenticate").contains(&format!("resource_id={}/", service.origin)));
    assert_eq!(with("nonsense".to_owned()).await.status, 401);
    assert_eq!(with(token(DEFAULT_APPLICATION_ID, "https://other.crm.example.test")).await.status, 401);
    let roleless = with(token(ROLELESS_APPLICATION_ID, &service.origin)).await;
    assert_eq!(roleless.error(), (403, "0x80042f09".to_owned()));
    let stranger = with(token("00000000-0000-4000-8000-00000000ffff", &service.origin)).await;
    assert_eq!(stranger.error(), (403, "0x80072560".to_owned()));
}

#[tokio::test]
async fn identity_can_be_read() {
    let service = Service::start().await;
    let user = service.get("WhoAmI").await.json()["UserId"].as_str().unwrap().to_owned();
    let row = service.get(&format!("systemusers({user})?$select=applicationid,isdisabled")).await.json();
    assert_eq!(row["applicationid"], DEFAULT_APPLICATION_ID);
    let object =
        service.get(&format!("systemusers({user})?$select=azureactivedirectoryobjectid")).await.json();
    let object = object["azureactivedirectoryobjectid"].as_str().unwrap().to_owned();
    let same =
        service.get(&format!("systemusers(azureactivedirectoryobjectid={object})?$select=fullname")).await;
    assert_eq!(same.json()["systemuserid"].as_str(), Some(user.as_str()));
    let roles = service
        .get(&format!("systemusers({user})/systemuserroles_association?$select=name,roleid&$filter=name eq 'lead CONNECTOR'"))
        .await
        .json();
    assert_eq!(roles["value"].as_array().unwrap().len(), 1);
    let held =
        service.get(&format!("systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges")).await;
    let held = held.json();
    let names: Vec<&str> = held["RolePrivileges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["PrivilegeName"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"prvCreateLead") && !names.contains(&"prvDeleteLead"));
    let path =
        "RetrieveCurrentOrganization(AccessType=@p1)?@p1=Microsoft.Dynamics.CRM.EndpointAccessType'Default'";
    assert_eq!(service.get(path).await.json()["Detail"]["FriendlyName"], "Sandbox");
    assert_eq!(service.get("RetrieveCurrentOrganization").await.status, 404);
    let organizations = service.get("organizations?$select=name,organizationid").await.json();
    assert_eq!(organizations["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_created_lead_has_the_defaults_and_the_computed_columns() {
    let service = Service::start().await;
    let body = json!({
        "leadid": id(1), "subject": "Spring webinar", "firstname": "Ada", "lastname": "Example", "revenue": 12.5,
        "emailaddress1": "ada@example.test", "leadsourcecode": 8, "estimatedclosedate": "2026-03-01",
        "address1_line1": "1 High Street", "address1_city": "Exampletown",
        "campaignid@odata.bind": format!("/campaigns({CAMPAIGN})"),
    });
    let answer = service.post("leads", &body).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let address = format!("{}/api/data/v9.2/leads({})", service.origin, id(1));
    assert_eq!(answer.header("odata-entityid"), address);
    let row = service.get(&format!("leads({})", id(1))).await.json();
    let user = service.get("WhoAmI").await.json()["UserId"].clone();
    let expected = json!({
        "fullname": "Ada Example", "leadqualitycode": 2, "statecode": 0, "statuscode": 1, "followemail": true,
        "donotemail": false, "createdon": "2026-02-03T09:14:55Z", "modifiedon": "2026-02-03T09:14:55Z",
        "_campaignid_value": CAMPAIGN, "jobtitle": null, "_ownerid_value": user, "_createdby_value": user,
        "revenue": 12.5, "revenue_base": 12.5, "exchangerate": 1, "estimatedclosedate": "2026-03-01",
        "address1_composite": "1 High Street\r\nExampletown", "_owningteam_value": null,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&row[name], value, "{name}");
    }
    assert_eq!(row["@odata.etag"], format!("W/\"{}\"", row["versionnumber"]));
    assert!(row["_transactioncurrencyid_value"].is_string());
    assert_eq!(service.post("leads", &body).await.error(), (412, "0x80040237".to_owned()));
}

#[tokio::test]
async fn a_representation_is_small_when_selected_and_says_whether_the_row_is_new() {
    let service = Service::start().await;
    let prefer = [("Prefer", "return=representation")];
    let path = format!("leads({})?$select=leadid,createdon", id(2));
    let first = service.patch_with(&path, &json!({ "lastname": "One" }), &prefer).await;
    assert_eq!(first.status, 201);
    assert_eq!(first.header("preference-applied"), "return=representation");
    let body = first.json();
    let mut names: Vec<&String> = body.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["@odata.context", "@odata.etag", "createdon", "leadid"]);
    assert_eq!(body["@odata.etag"], first.header("etag"));
    assert!(body["@odata.context"].as_str().unwrap().ends_with("/$metadata#leads(leadid,createdon)/$entity"));
    assert_eq!(service.patch_with(&path, &json!({ "lastname": "One" }), &prefer).await.status, 200);
}

#[tokio::test]
async fn upserts_follow_the_precondition_table() {
    let service = Service::start().await;
    let body = json!({ "lastname": "One" });
    let exists = |number: u32| format!("leads({})", id(number));
    assert_eq!(service.patch(&exists(1), &body).await.status, 204, "none, missing: create");
    let etag = service.get(&exists(1)).await.header("etag").to_owned();
    let stale = "W/\"1\"";
    for (headers, number, wanted) in [
        (vec![("If-Match", "*")], 1, (204, "")),
        (vec![("If-Match", "*")], 9, (404, "0x80040217")),
        (vec![("If-None-Match", "*")], 1, (412, "0x80060882")),
        (vec![("If-None-Match", "*")], 8, (204, "")),
        (vec![("If-None-Match", "null")], 1, (204, "")),
        (vec![("If-Match", stale)], 1, (412, "0x80060882")),
        (vec![("If-Match", stale)], 9, (404, "0x80040217")),
        (vec![("If-Match", "nonsense")], 1, (400, "0x80040203")),
        (vec![], 1, (204, "")),
    ] {
        let answer = service.patch_with(&exists(number), &body, &headers).await;
        assert_eq!(answer.status, wanted.0, "{headers:?} {number}: {}", answer.text);
        if !wanted.1.is_empty() {
            assert_eq!(answer.error().1, wanted.1, "{headers:?} {number}");
        }
    }
    assert!(service.get(&exists(9)).await.status == 404, "a failed precondition creates nothing");
    let missing = service.get(&exists(9)).await;
    assert_eq!(missing.message(), format!("lead With Id = {} Does Not Exist", id(9)));
    let now = service.get(&exists(1)).await.header("etag").to_owned();
    assert_ne!(now, etag, "every write gives a new version");
    assert_eq!(service.patch_with(&exists(1), &body, &[("If-Match", &now)]).await.status, 204);
    let current = service.get(&exists(1)).await.header("etag").to_owned();
    let unchanged = send(service.request("GET", &exists(1)).header("If-None-Match", &current)).await;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));
}

#[tokio::test]
async fn an_update_keeps_the_other_columns_and_null_clears() {
    let service = Service::start().await;
    let path = format!("leads({})", id(1));
    service.patch(&path, &json!({ "lastname": "One", "jobtitle": "CTO", "leadqualitycode": 1 })).await;
    service
        .patch(&path, &json!({ "jobtitle": null, "leadqualitycode": null, "companyname": "Example GmbH" }))
        .await;
    let row = service.get(&path).await.json();
    assert_eq!((&row["lastname"], &row["jobtitle"]), (&json!("One"), &Value::Null));
    assert_eq!((&row["leadqualitycode"], &row["companyname"]), (&Value::Null, &json!("Example GmbH")));
    let put =
        send(with_json(service.request("PUT", &format!("{path}/jobtitle")), &json!({ "value": "CEO" })))
            .await;
    assert_eq!(put.status, 204);
    assert_eq!(service.get(&format!("{path}/jobtitle")).await.json()["value"], "CEO");
    assert_eq!(send(service.request("DELETE", &format!("{path}/jobtitle"))).await.status, 204);
    assert_eq!(service.get(&format!("{path}/jobtitle")).await.status, 204);
}

type Case = (Value, u16, &'static str, &'static str);

async fn refuse_all(cases: Vec<Case>) {
    let service = Service::start().await;
    for (body, status, code, text) in cases {
        let answer = service.post("leads", &body).await;
        assert_eq!(answer.error(), (status, code.to_owned()), "{body}: {}", answer.text);
        assert!(answer.message().contains(text), "{body}: {}", answer.text);
    }
    assert!(service.rows("leads").is_empty(), "nothing was stored");
}

#[tokio::test]
async fn values_of_a_wrong_type_are_refused() {
    let invalid = "Invalid property 'Subject' was found in entity 'Microsoft.Dynamics.CRM.lead'.";
    let convert = |literal: &str, kind: &str| -> &'static str {
        format!("Cannot convert the literal '{literal}' to the expected type 'Edm.{kind}'.").leak()
    };
    refuse_all(vec![
        (json!({ "Subject": "x" }), 400, "0x0", invalid),
        (json!({ "subject": 5 }), 400, "0x80048d19", convert("5", "String")),
        (json!({ "numberofemployees": "X" }), 400, "0x80048d19", convert("X", "Int32")),
        (json!({ "numberofemployees": 1.5 }), 400, "0x80048d19", convert("1.5", "Int32")),
        (json!({ "revenue": "12" }), 400, "0x80048d19", convert("12", "Decimal")),
        (json!({ "donotemail": 1 }), 400, "0x80048d19", convert("1", "Boolean")),
        (json!({ "leadid": "1234" }), 400, "0x80048d19", convert("1234", "Guid")),
        (json!({ "estimatedclosedate": "03/01/2026" }), 400, "0x80048d19", convert("03/01/2026", "Date")),
        (json!({ "@odata.type": "Microsoft.Dynamics.CRM.contact" }), 400, "0x80048d19", "contact"),
    ])
    .await;
}

#[tokio::test]
async fn values_outside_a_column_s_limits_are_refused() {
    let subject = "A validation error occurred.  The length of the 'subject' attribute of the 'lead' entity exceeded \
                   the maximum allowed length of '300'.";
    let status = "3 is not a valid status code for state code 0";
    refuse_all(vec![
        (json!({ "subject": "x".repeat(301) }), 400, "0x80044331", subject),
        (
            json!({ "mobilephone": "123456789012345678901" }),
            400,
            "0x80044331",
            "maximum allowed length of '20'.",
        ),
        (json!({ "address1_upszone": "\u{1F600}\u{1F600}x" }), 400, "0x80044331", "'address1_upszone'"),
        (json!({ "leadsourcecode": 11 }), 400, "0x8004431A", "'leadsourcecode'"),
        (json!({ "numberofemployees": 1_000_001 }), 400, "0x8004432F", "'numberofemployees'"),
        (json!({ "revenue": -1 }), 400, "0x80044330", "'revenue'"),
        (json!({ "createdon": "2026-02-03T09:14:55Z" }), 400, "0x80040203", "'createdon'"),
        (json!({ "fullname": "x" }), 400, "0x80040203", "'fullname'"),
        (json!({ "statecode": 0, "statuscode": 3 }), 400, "0x80048408", status),
    ])
    .await;
}

#[tokio::test]
async fn bad_lookups_are_refused() {
    let bind = |set: &str, key: &str| format!("/{set}({key})");
    let key = "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.campaign'.";
    let bare = "An undeclared property 'customerid' which only has property annotations";
    let segment = "Resource not found for the segment 'Campaigns'.";
    let missing = "campaign With Id = 0a0a0a0a-0000-5000-8000-00000000004d Does Not Exist";
    refuse_all(vec![
        (json!({ "_campaignid_value": CAMPAIGN }), 400, "0x80048d19", "Navigation properties"),
        (json!({ "campaignid": CAMPAIGN }), 400, "0x80048d19", "navigation property"),
        (json!({ "customerid@odata.bind": bind("accounts", CAMPAIGN) }), 400, "0x80048d19", bare),
        (json!({ "CampaignId@odata.bind": bind("campaigns", CAMPAIGN) }), 400, "0x80048d19", "'CampaignId'"),
        (json!({ "campaignid@odata.bind": bind("campaigns", &id(77)) }), 404, "0x80040217", missing),
        (json!({ "campaignid@odata.bind": bind("accounts", &id(77)) }), 400, "0x80048d19", "cannot be bound"),
        (json!({ "campaignid@odata.bind": bind("Campaigns", CAMPAIGN) }), 404, "0x8006088a", segment),
        (json!({ "campaignid@odata.bind": bind("campaigns", "123") }), 400, "0x80060888", "syntax"),
        (json!({ "campaignid@odata.bind": bind("campaigns", "codename='x'") }), 400, "0x0", key),
    ])
    .await;
}

#[tokio::test]
async fn bodies_that_are_no_json_object_are_refused() {
    let service = Service::start().await;
    let send_text = |text: &str| {
        let request = service.request("POST", "leads").header("Content-Type", "application/json");
        send(request.body(text.to_owned()))
    };
    for body in [r#"{"subject":"a","subject":"b"}"#, "{", "[]", "5", "", r#"{"subject":"\ud800"}"#] {
        assert_eq!(send_text(body).await.error(), (400, "0x80048d19".to_owned()), "{body}");
    }
    let untyped = send(service.request("POST", "leads").body("{}")).await;
    assert_eq!(untyped.status, 415);
    assert!(service.rows("leads").is_empty());
}

#[tokio::test]
async fn lengths_count_utf16_units_and_the_limit_itself_fits() {
    let service = Service::start().await;
    let fits = json!({ "address1_upszone": "\u{1F600}\u{1F600}", "subject": "é".repeat(300) });
    assert_eq!(service.post("leads", &fits).await.status, 204);
}

#[tokio::test]
async fn addresses_are_case_sensitive_and_strict() {
    let service = Service::start().await;
    for (path, status, code) in [
        ("Leads", 404, "0x8006088a"),
        ("lead", 404, "0x8006088a"),
        ("leads(123)", 400, "0x80060888"),
        ("leads({0a0a0a0a-0000-5000-8000-000000000001})", 400, "0x80060888"),
        ("leads(emailaddress1='x')", 400, "0x0"),
        ("leads/Nonsense", 404, ""),
        ("whoami", 404, "0x8006088a"),
        ("leads?$expand=campaignid", 501, "0x80040203"),
        ("leads?$skip=1", 400, "0x80060888"),
        ("leads?$select=Subject", 400, "0x0"),
        ("leads?$select=campaignid", 400, "0x0"),
        ("leads?$top=x", 400, "0x80060888"),
        ("leads?$top=1&$top=2", 400, "0x80060888"),
    ] {
        assert_eq!(service.get(path).await.error(), (status, code.to_owned()), "{path}");
    }
    let outside = service.client.get(format!("{}/api/data/v8.0/WhoAmI", service.origin));
    let outside = outside.bearer_auth(token(DEFAULT_APPLICATION_ID, &service.origin));
    assert_eq!(send(outside).await.status, 404);
    let long = format!("leads?$filter=subject eq '{}'", "x".repeat(33_000));
    assert_eq!(service.get(&long).await.status, 414);
}

#[tokio::test]
async fn lookups_bind_clear_and_take_every_reference_form() {
    let service = Service::start().await;
    let account = id(50);
    service.patch(&format!("accounts({account})"), &json!({ "name": "Example GmbH" })).await;
    let path = format!("leads({})", id(1));
    let forms = [
        format!("/accounts({account})"),
        format!("accounts({account})"),
        format!("{}/api/data/v9.2/accounts({account})", service.origin),
    ];
    for form in forms {
        let answer = service.patch(&path, &json!({ "customerid_account@odata.bind": form })).await;
        assert_eq!(answer.status, 204, "{form}: {}", answer.text);
        let annotated = service.request("GET", &format!("{path}?$select=_customerid_value"));
        let row = send(annotated.header("Prefer", "odata.include-annotations=\"*\"")).await.json();
        assert_eq!(row["_customerid_value"], account.as_str());
        assert_eq!(row["_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "account");
        let navigation = "_customerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty";
        assert_eq!(row[navigation], "customerid_account");
        assert_eq!(row["_customerid_value@OData.Community.Display.V1.FormattedValue"], "Example GmbH");
        service.patch(&path, &json!({ "customerid_account@odata.bind": null })).await;
        assert_eq!(service.get(&path).await.json()["_customerid_value"], Value::Null);
    }
    let reference = service.request("PUT", &format!("{path}/parentaccountid/$ref"));
    let body = json!({ "@odata.id": format!("{}/api/data/v9.2/accounts({account})", service.origin) });
    assert_eq!(send(with_json(reference, &body)).await.status, 204);
    assert_eq!(service.get(&format!("{path}/parentaccountid")).await.json()["name"], "Example GmbH");
    assert_eq!(send(service.request("DELETE", &format!("{path}/parentaccountid/$ref"))).await.status, 204);
    assert_eq!(service.get(&format!("{path}/parentaccountid")).await.status, 204);
}

#[tokio::test]
async fn privileges_are_checked_for_every_verb() {
    let missing = |names: &[&str]| DataverseFaults {
        missing_privileges: names.iter().map(|name| (*name).to_owned()).collect(),
        ..DataverseFaults::default()
    };
    let service = Service::start().await;
    let path = format!("leads({})", id(1));
    let body = json!({ "lastname": "One" });
    let refused = |answer: Answer, privilege: &str| {
        assert_eq!(answer.error(), (403, "0x80040220".to_owned()), "{privilege}");
        let text = format!("is missing {privilege} privilege (Id=");
        assert!(answer.message().contains(&text), "{}", answer.text);
        assert!(answer.message().starts_with("Principal user (Id="), "{}", answer.text);
    };
    service.dataverse.set_faults(missing(&["prvCreateLead"]));
    refused(service.patch(&path, &body).await, "prvCreateLead");
    service.dataverse.set_faults(missing(&["prvWriteLead"]));
    assert_eq!(service.patch(&path, &body).await.status, 204, "a create needs no write privilege");
    refused(service.patch(&path, &body).await, "prvWriteLead");
    refused(send(service.request("DELETE", &path)).await, "prvDeleteLead");
    service.dataverse.set_faults(missing(&["prvReadLead"]));
    refused(service.get(&path).await, "prvReadLead");
    let bind = json!({ "campaignid@odata.bind": format!("/campaigns({CAMPAIGN})") });
    service.dataverse.set_faults(missing(&["prvAppendLead"]));
    refused(service.patch(&path, &bind).await, "prvAppendLead");
    service.dataverse.set_faults(missing(&["prvAppendToCampaign"]));
    refused(service.patch(&path, &bind).await, "prvAppendToCampaign");
    service.dataverse.set_faults(DataverseFaults::default());
    let team = service.rows("teams")[0]["teamid"].as_str().unwrap().to_owned();
    let owner = json!({ "ownerid@odata.bind": format!("/teams({team})") });
    refused(service.patch(&path, &owner).await, "prvAssignLead");
    refused(service.post("campaigns", &json!({ "name": "x" })).await, "prvCreateCampaign");
}

#[tokio::test]
async fn states_bring_their_status_along() {
    let service = Service::start().await;
    let path = format!("leads({})", id(1));
    service.patch(&path, &json!({ "lastname": "One" })).await;
    for (body, state, status) in [
        (json!({ "statecode": 2 }), 2, 4),
        (json!({ "statuscode": 6 }), 2, 6),
        (json!({ "statecode": 0, "statuscode": 2 }), 0, 2),
    ] {
        assert_eq!(service.patch(&path, &body).await.status, 204, "{body}");
        let row = service.get(&path).await.json();
        assert_eq!(
            (row["statecode"].as_i64(), row["statuscode"].as_i64()),
            (Some(state), Some(status)),
            "{body}"
        );
    }
    assert_eq!(
        service.patch(&path, &json!({ "statuscode": 7 })).await.error(),
        (400, "0x80048408".to_owned())
    );
}

#[tokio::test]
async fn alternate_keys_find_create_and_stay_unique() {
    let key = KeySeed {
        table: "account".to_owned(),
        name: "new_Number".to_owned(),
        columns: vec!["accountnumber".to_owned()],
    };
    let service = Service::with(DataverseOptions { keys: vec![key], ..DataverseOptions::default() }).await;
    let path = "accounts(accountnumber='A-''1')";
    let made = service.patch(path, &json!({ "name": "One" })).await;
    assert_eq!(made.status, 204);
    assert_eq!(made.header("odata-entityid"), format!("{}/api/data/v9.2/{path}", service.origin));
    let row = service.get(path).await.json();
    assert_eq!((&row["accountnumber"], &row["name"]), (&json!("A-'1"), &json!("One")));
    let again = service
        .patch("accounts(accountnumber='a-''1')", &json!({ "name": "Two", "accountnumber": "Z" }))
        .await;
    assert_eq!(again.status, 204);
    let rows = service.rows("accounts");
    assert_eq!((rows.len(), &rows[0]["accountnumber"], &rows[0]["name"]), (1, &json!("A-'1"), &json!("Two")));
    let taken = service.post("accounts", &json!({ "name": "Three", "accountnumber": "A-'1" })).await;
    assert_eq!(taken.error(), (412, "0x80060892".to_owned()));
    assert_eq!(
        taken.message(),
        "Entity Key new_Number violated. A record with the same value for accountnumber \
                already exists. A duplicate record cannot be created. Select one or more unique values and try again."
    );
    assert_eq!(service.get("accounts(accountnumber='none')").await.error(), (404, "0x80060891".to_owned()));
    let bound = json!({ "parentaccountid@odata.bind": "/accounts(accountnumber='A-''1')" });
    assert_eq!(service.patch(&format!("leads({})", id(1)), &bound).await.status, 204);
    assert_eq!(service.rows("leads")[0]["_parentaccountid_value"], row["accountid"]);
    let lost = json!({ "parentaccountid@odata.bind": "/accounts(accountnumber='none')" });
    assert_eq!(
        service.patch(&format!("leads({})", id(2)), &lost).await.error(),
        (404, "0x80060891".to_owned())
    );
}

#[tokio::test]
async fn a_shorter_column_is_shorter_in_metadata_too() {
    let faults = DataverseFaults {
        refuse_columns: vec![ColumnLimit { column: "subject".to_owned(), max_length: 10 }],
        ..DataverseFaults::default()
    };
    let service = Service::faulty(faults).await;
    let answer = service.post("leads", &json!({ "subject": "12345678901" })).await;
    assert!(answer.message().ends_with("exceeded the maximum allowed length of '10'."));
    let path = "EntityDefinitions(LogicalName='lead')/Attributes(LogicalName='subject')\
                /Microsoft.Dynamics.CRM.StringAttributeMetadata?$select=MaxLength";
    assert_eq!(service.get(path).await.json()["MaxLength"], 10);
}

#[tokio::test]
async fn errors_carry_details_only_when_asked() {
    let service = Service::start().await;
    let request = with_json(service.request("POST", "leads"), &json!({ "x": 1 }));
    let detailed = send(request.header("Prefer", "odata.include-annotations=\"*\"")).await.json();
    assert!(detailed["error"]["@Microsoft.PowerApps.CDS.HelpLink"].is_string());
    let plain = service.post("leads", &json!({ "x": 1 })).await.json();
    assert_eq!(plain["error"].as_object().unwrap().len(), 2);
}
