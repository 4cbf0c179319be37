//! Definitions as a client reads them at its start.

use serde_json::{Value, json};

use crate::service::Service;

fn find<'a>(page: &'a Value, logical: &str) -> &'a Value {
    let all = page["value"].as_array().unwrap();
    all.iter().find(|one| one["LogicalName"] == logical).unwrap_or_else(|| panic!("{logical}"))
}

#[tokio::test]
async fn a_table_is_found_by_filter_and_by_key() {
    let service = Service::start().await;
    let select = "$select=LogicalName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,ObjectTypeCode";
    let page = service.get(&format!("EntityDefinitions?{select}&$filter=LogicalName eq 'lead'")).await.json();
    let lead = find(&page, "lead");
    assert_eq!(
        (&lead["EntitySetName"], &lead["PrimaryIdAttribute"], &lead["ObjectTypeCode"]),
        (&json!("leads"), &json!("leadid"), &json!(4))
    );
    let none = service.get("EntityDefinitions?$filter=LogicalName eq 'new_none'").await.json();
    assert_eq!(none["value"], json!([]));
    let several =
        "EntityDefinitions?$select=LogicalName&$filter=LogicalName eq 'lead' or LogicalName eq 'contact'";
    assert_eq!(service.get(several).await.json()["value"].as_array().unwrap().len(), 2);
    let key = service.get(&format!("EntityDefinitions(LogicalName='contact')?{select}")).await.json();
    assert_eq!(key["EntitySetName"], "contacts");
    let by_id =
        service.get(&format!("EntityDefinitions({})?{select}", key["MetadataId"].as_str().unwrap())).await;
    assert_eq!(by_id.json()["LogicalName"], "contact");
    assert_eq!(
        service.get("EntityDefinitions(LogicalName='new_none')").await.error(),
        (404, "0x80060888".to_owned())
    );
    assert_eq!(service.get("EntityDefinitions?$select=Nope").await.error(), (400, "0x0".to_owned()));
    let expanded = "EntityDefinitions(LogicalName='lead')?$select=LogicalName&\
                    $expand=Attributes($select=LogicalName,AttributeType,IsValidForCreate),Keys($select=SchemaName)";
    let expanded = service.get(expanded).await.json();
    let subject =
        expanded["Attributes"].as_array().unwrap().iter().find(|one| one["LogicalName"] == "subject");
    assert_eq!(subject.unwrap()["AttributeType"], "String");
    assert_eq!(expanded["Keys"], json!([]));
}

#[tokio::test]
async fn columns_show_their_limits_through_the_typed_casts() {
    let service = Service::start().await;
    let cast = |class: &str, options: &str| {
        format!(
            "EntityDefinitions(LogicalName='lead')/Attributes/Microsoft.Dynamics.CRM.{class}AttributeMetadata?{options}"
        )
    };
    let strings = service.get(&cast("String", "$select=LogicalName,MaxLength,FormatName")).await.json();
    for (logical, max) in
        [("subject", 300), ("mobilephone", 20), ("emailaddress1", 100), ("address1_upszone", 4)]
    {
        assert_eq!(find(&strings, logical)["MaxLength"], max, "{logical}");
    }
    assert_eq!(find(&strings, "emailaddress1")["FormatName"]["Value"], "Email");
    for (class, logical, member, value) in [
        ("Memo", "description", "MaxLength", json!(2000)),
        ("Integer", "numberofemployees", "MaxValue", json!(1_000_000)),
        ("Money", "revenue", "MaxValue", json!(1e14)),
        ("Double", "address1_latitude", "MinValue", json!(-90.0)),
        ("Decimal", "exchangerate", "Precision", json!(12)),
        ("Boolean", "followemail", "DefaultValue", json!(true)),
        ("DateTime", "estimatedclosedate", "Format", json!("DateOnly")),
        ("Lookup", "customerid", "Targets", json!(["account", "contact"])),
        ("Picklist", "leadqualitycode", "DefaultFormValue", json!(2)),
    ] {
        let page = service.get(&cast(class, &format!("$select=LogicalName,{member}"))).await.json();
        assert_eq!(find(&page, logical)[member], value, "{class}");
    }
    let choices = "$select=LogicalName&$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)";
    let picklists = service.get(&cast("Picklist", choices)).await.json();
    let sources = find(&picklists, "leadsourcecode")["OptionSet"]["Options"].as_array().unwrap().clone();
    assert_eq!((sources.len(), &sources[7]["Value"]), (10, &json!(8)));
    assert_eq!(sources[7]["Label"]["UserLocalizedLabel"]["Label"], "Web");
    assert_eq!(find(&picklists, "industrycode")["OptionSet"]["Options"].as_array().unwrap().len(), 33);
    let status =
        service.get(&cast("Status", "$select=LogicalName&$expand=OptionSet($select=Options)")).await.json();
    let lost = find(&status, "statuscode")["OptionSet"]["Options"][3].clone();
    assert_eq!((&lost["Value"], &lost["State"]), (&json!(4), &json!(2)));
    let state = service.get(&cast("State", "$expand=OptionSet")).await.json();
    assert_eq!(find(&state, "statecode")["OptionSet"]["Options"].as_array().unwrap().len(), 3);
    let untyped =
        service.get("EntityDefinitions(LogicalName='lead')/Attributes?$select=LogicalName,MaxLength").await;
    assert_eq!(untyped.error(), (400, "0x0".to_owned()), "MaxLength needs the cast");
}

#[tokio::test]
async fn columns_say_whether_they_can_be_written() {
    let service = Service::start().await;
    let path = "EntityDefinitions(LogicalName='lead')/Attributes?$select=LogicalName,IsValidForCreate,IsValidForUpdate,RequiredLevel";
    let page = service.get(path).await.json();
    for (logical, create, update) in [
        ("subject", true, true),
        ("fullname", false, false),
        ("createdon", false, false),
        ("overriddencreatedon", true, false),
        ("leadid", true, false),
    ] {
        let column = find(&page, logical);
        assert_eq!(
            (&column["IsValidForCreate"], &column["IsValidForUpdate"]),
            (&json!(create), &json!(update)),
            "{logical}"
        );
    }
    assert_eq!(find(&page, "lastname")["RequiredLevel"]["Value"], "ApplicationRequired");
}

#[tokio::test]
async fn relationships_name_the_navigation_properties_that_binds_use() {
    let service = Service::start().await;
    let path = "EntityDefinitions(LogicalName='lead')/ManyToOneRelationships\
                ?$select=ReferencingEntityNavigationPropertyName,ReferencingAttribute,ReferencedEntity";
    let page = service.get(path).await.json();
    let all = page["value"].as_array().unwrap();
    for (navigation, attribute, entity) in [
        ("campaignid", "campaignid", "campaign"),
        ("customerid_account", "customerid", "account"),
        ("customerid_contact", "customerid", "contact"),
        ("sla_lead_sla", "slaid", "sla"),
        ("ownerid", "ownerid", "owner"),
    ] {
        let found = all.iter().any(|one| {
            one["ReferencingEntityNavigationPropertyName"] == navigation
                && one["ReferencingAttribute"] == attribute
                && one["ReferencedEntity"] == entity
        });
        assert!(found, "{navigation}");
    }
}
