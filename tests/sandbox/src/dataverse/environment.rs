//! The identity rows of an environment and the functions that speak of them: WhoAmI, RetrieveCurrentOrganization,
//! roles and privileges.

use serde_json::{Value, json};

use super::guid;
use super::options::DataverseOptions;
use super::rights::{Rights, User};
use super::schema::{Schema, Table};
use super::view::Anchors;

/// A row to be written at the start: entity set and body.
pub(crate) type Seed = (String, Value);

/// Identifiers that follow from the options.
pub(crate) fn anchors(users: &[User]) -> Anchors {
    Anchors {
        users: users.iter().map(|user| user.id).collect(),
        business_unit: guid::named("businessunit"),
        organization: guid::named("organization"),
        currency: guid::named("transactioncurrency"),
    }
}

/// The primary key of a role.
pub(crate) fn role_id(name: &str) -> u128 {
    guid::named(&format!("role:{name}"))
}

/// Every row that a new environment holds, in an order in which lookups find their targets.
pub(crate) fn seeds(
    options: &DataverseOptions,
    users: &[User],
    anchors: &Anchors,
    schema: &Schema,
) -> Vec<Seed> {
    let unit = guid::text(anchors.business_unit);
    let in_unit = format!("/businessunits({unit})");
    let seed = |set: &str, body: Value| (set.to_owned(), body);
    let mut seeds = vec![
        seed("businessunits", json!({ "businessunitid": unit, "name": options.organization_name })),
        seed(
            "transactioncurrencies",
            json!({ "transactioncurrencyid": guid::text(anchors.currency), "currencyname": "US Dollar",
                    "isocurrencycode": "USD", "currencysymbol": "$" }),
        ),
        seed(
            "organizations",
            json!({ "organizationid": guid::text(anchors.organization), "name": options.organization_name,
                    "languagecode": 1033,
                    "basecurrencyid@odata.bind":
                        format!("/transactioncurrencies({})", guid::text(anchors.currency)) }),
        ),
        seed(
            "teams",
            json!({ "teamid": guid::text(guid::named("team")), "name": options.organization_name, "isdefault": true,
                    "businessunitid@odata.bind": in_unit }),
        ),
    ];
    for user in users {
        let application = guid::parse(&user.application_id).map(guid::text);
        let object = guid::text(guid::named(&format!("object:{}", user.application_id)));
        let body = json!({ "systemuserid": guid::text(user.id), "fullname": user.name, "isdisabled": false,
                           "applicationid": application, "azureactivedirectoryobjectid": object,
                           "businessunitid@odata.bind": in_unit });
        seeds.push(seed("systemusers", body));
        for role in &user.roles {
            let body = json!({ "roleid": guid::text(role_id(role)), "name": role,
                               "businessunitid@odata.bind": in_unit });
            seeds.push(seed("roles", body));
        }
    }
    seeds.extend(messages(schema));
    seeds.extend(options.rows.iter().map(|row| (row.entity_set.clone(), row.row.clone())));
    seeds
}

/// Which tables have the bulk messages; UpsertMultiple is not listed by the service.
fn messages(schema: &Schema) -> Vec<Seed> {
    let mut seeds = Vec::new();
    for message in ["CreateMultiple", "UpdateMultiple"] {
        let id = guid::text(guid::named(&format!("sdkmessage:{message}")));
        seeds.push(("sdkmessages".to_owned(), json!({ "sdkmessageid": id, "name": message })));
        for table in schema.tables().filter(|table| table.bulk) {
            seeds.push(message_filter(message, table));
        }
    }
    seeds
}

/// The row that says that a table has a message.
pub(crate) fn message_filter(message: &str, table: &Table) -> Seed {
    let id = guid::text(guid::named(&format!("sdkmessagefilter:{message}:{}", table.logical)));
    let bind = format!("/sdkmessages({})", guid::text(guid::named(&format!("sdkmessage:{message}"))));
    let body = json!({ "sdkmessagefilterid": id, "primaryobjecttypecode": table.logical,
                       "sdkmessageid@odata.bind": bind });
    ("sdkmessagefilters".to_owned(), body)
}

/// The answer of `WhoAmI`.
pub(crate) fn who_am_i(base: &str, user: &User, anchors: &Anchors) -> String {
    json!({
        "@odata.context": format!("{base}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse"),
        "BusinessUnitId": guid::text(anchors.business_unit),
        "UserId": guid::text(user.id),
        "OrganizationId": guid::text(anchors.organization),
    })
    .to_string()
}

/// The answer of `RetrieveCurrentOrganization` (the member list is not published in full).
pub(crate) fn organization(
    base: &str,
    origin: &str,
    name: &str,
    tenant_id: &str,
    anchors: &Anchors,
) -> String {
    let unique = format!("unq{}", guid::text(anchors.organization).replace('-', ""));
    json!({
        "@odata.context": format!("{base}/$metadata#Microsoft.Dynamics.CRM.RetrieveCurrentOrganizationResponse"),
        "Detail": {
            "OrganizationId": guid::text(anchors.organization),
            "FriendlyName": name,
            "OrganizationVersion": "9.2.26013.00120",
            "EnvironmentId": guid::text(guid::named("environment")),
            "DatacenterId": guid::text(guid::named("datacenter")),
            "Geo": "NA",
            "TenantId": tenant_id,
            "UrlName": "sandbox",
            "UniqueName": unique,
            "State": "Enabled",
            "Endpoints": {
                "Count": 2, "IsReadOnly": false,
                "Keys": ["WebApplication", "OrganizationDataService"],
                "Values": [format!("{origin}/"), format!("{origin}/XRMServices/2011/OrganizationData.svc/")],
            },
        },
    })
    .to_string()
}

/// The answer of `RetrieveUserPrivileges` for a user.
pub(crate) fn privileges(base: &str, user: &User, rights: &Rights<'_>, anchors: &Anchors) -> String {
    let unit = guid::text(anchors.business_unit);
    let held: Vec<Value> = user
        .privileges
        .iter()
        .filter(|name| !rights.is_missing(name))
        .map(|name| {
            json!({ "Depth": "Global", "PrivilegeId": guid::text(guid::named(name)), "BusinessUnitId": unit,
                    "PrivilegeName": name })
        })
        .collect();
    json!({
        "@odata.context": format!("{base}/$metadata#Microsoft.Dynamics.CRM.RetrieveUserPrivilegesResponse"),
        "RolePrivileges": held,
    })
    .to_string()
}
