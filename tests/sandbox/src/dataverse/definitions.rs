//! Definitions as JSON: one function for each metadata class.

use serde_json::{Map, Value, json};

use super::guid;
use super::options::DataverseFaults;
use super::payload::effective_max;
use super::schema::{AlternateKey, Choice, Column, Kind, Origin, Ownership, Schema, Table, Target};

/// Members that every column definition has, whatever its class.
pub(crate) const SHARED_MEMBERS: [&str; 20] = [
    "MetadataId",
    "LogicalName",
    "SchemaName",
    "EntityLogicalName",
    "AttributeType",
    "AttributeTypeName",
    "AttributeOf",
    "ColumnNumber",
    "IsPrimaryId",
    "IsPrimaryName",
    "IsValidForCreate",
    "IsValidForRead",
    "IsValidForUpdate",
    "IsCustomAttribute",
    "IsLogical",
    "IsSearchable",
    "RequiredLevel",
    "DisplayName",
    "Description",
    "SourceType",
];

/// A `Label` with one language.
pub(crate) fn label(text: &str) -> Value {
    let localized = json!({ "Label": text, "LanguageCode": 1033, "IsManaged": true,
                            "MetadataId": guid::text(guid::named(&format!("label:{text}"))), "HasChanged": null });
    json!({ "LocalizedLabels": [localized], "UserLocalizedLabel": localized })
}

/// Identifier of a table's definition.
pub(crate) fn table_id(table: &Table) -> u128 {
    guid::named(&format!("table:{}", table.logical))
}

/// Identifier of a column's definition.
pub(crate) fn column_id(table: &Table, column: &Column) -> u128 {
    guid::named(&format!("column:{}:{}", table.logical, column.logical))
}

/// Identifier of an alternate key's definition.
pub(crate) fn key_id(table: &Table, key: &AlternateKey) -> u128 {
    guid::named(&format!("key:{}:{}", table.logical, key.logical))
}

/// `EntityMetadata`.
pub(crate) fn table(table: &Table) -> Value {
    json!({
        "MetadataId": guid::text(table_id(table)),
        "LogicalName": table.logical,
        "SchemaName": table.schema_name,
        "EntitySetName": table.set,
        "LogicalCollectionName": table.set,
        "CollectionSchemaName": table.set,
        "PrimaryIdAttribute": table.primary_id,
        "PrimaryNameAttribute": table.primary_name,
        "ObjectTypeCode": table.object_type_code,
        "OwnershipType": match table.ownership {
            Ownership::User => "UserOwned",
            Ownership::Organization => "OrganizationOwned",
        },
        "TableType": "Standard",
        "IsCustomEntity": table.custom,
        "IsActivity": false,
        "IsIntersect": false,
        "IsManaged": !table.custom,
        "IsLogicalEntity": false,
        "IsOptimisticConcurrencyEnabled": true,
        "ChangeTrackingEnabled": true,
        "HasActivities": false,
        "HasNotes": false,
        "DisplayName": label(&table.schema_name),
        "DisplayCollectionName": label(&table.set),
        "Description": label(&table.schema_name),
    })
}

/// The metadata class of a column.
pub(crate) fn class(column: &Column) -> &'static str {
    match column.kind {
        Kind::Text { .. } => "StringAttributeMetadata",
        Kind::Memo { .. } => "MemoAttributeMetadata",
        Kind::Integer { .. } => "IntegerAttributeMetadata",
        Kind::BigInt => "BigIntAttributeMetadata",
        Kind::Double { .. } => "DoubleAttributeMetadata",
        Kind::Decimal { .. } => "DecimalAttributeMetadata",
        Kind::Money { .. } => "MoneyAttributeMetadata",
        Kind::Boolean { .. } => "BooleanAttributeMetadata",
        Kind::Choice { .. } => "PicklistAttributeMetadata",
        Kind::State { .. } => "StateAttributeMetadata",
        Kind::Status { .. } => "StatusAttributeMetadata",
        Kind::DateTime | Kind::DateOrTime | Kind::Date => "DateTimeAttributeMetadata",
        Kind::Guid => "UniqueIdentifierAttributeMetadata",
        Kind::Lookup { .. } => "LookupAttributeMetadata",
    }
}

fn attribute_type(column: &Column) -> &'static str {
    match &column.kind {
        Kind::Lookup { class, .. } => class,
        Kind::Guid => "Uniqueidentifier",
        _ => class(column).trim_end_matches("AttributeMetadata"),
    }
}

/// A column's definition with the members of its class; `OptionSet` is there to be expanded.
pub(crate) fn column(table: &Table, column: &Column, faults: &DataverseFaults) -> Value {
    let primary = column.origin == Origin::PrimaryId;
    let kind = attribute_type(column);
    let shared = json!({
        "@odata.type": format!("#Microsoft.Dynamics.CRM.{}", class(column)),
        "MetadataId": guid::text(column_id(table, column)),
        "LogicalName": column.logical,
        "SchemaName": column.schema_name,
        "EntityLogicalName": table.logical,
        "AttributeType": kind,
        "AttributeTypeName": { "Value": format!("{kind}Type") },
        "AttributeOf": null,
        "ColumnNumber": table.by_logical(&column.logical),
        "IsPrimaryId": primary,
        "IsPrimaryName": column.logical == table.primary_name,
        "IsValidForCreate": column.create,
        "IsValidForRead": true,
        "IsValidForUpdate": column.update,
        "IsCustomAttribute": column.custom,
        "IsLogical": false,
        "IsSearchable": false,
        "RequiredLevel": {
            "Value": if primary { "SystemRequired" } else { column.required },
            "CanBeChanged": !primary,
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        },
        "DisplayName": label(&column.schema_name),
        "Description": label(&column.schema_name),
        "SourceType": 0,
    });
    let mut members = match shared {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    if let Value::Object(own) = own_members(table, column, faults) {
        members.extend(own);
    }
    Value::Object(members)
}

fn own_members(table: &Table, column: &Column, faults: &DataverseFaults) -> Value {
    match &column.kind {
        Kind::Text { max, format } => json!({
            "MaxLength": effective_max(table, column, *max, faults), "DatabaseLength": max * 2, "Format": format,
            "FormatName": { "Value": format }, "ImeMode": "Auto", "IsLocalizable": false, "YomiOf": null,
        }),
        Kind::Memo { max } => json!({
            "MaxLength": effective_max(table, column, *max, faults), "Format": "TextArea",
            "FormatName": { "Value": "TextArea" }, "ImeMode": "Auto", "IsLocalizable": false,
        }),
        Kind::Integer { min, max } => json!({ "MinValue": min, "MaxValue": max, "Format": "None" }),
        Kind::BigInt => json!({ "MinValue": i64::MIN, "MaxValue": i64::MAX }),
        Kind::Double { min, max, precision } | Kind::Decimal { min, max, precision } => {
            json!({ "MinValue": min, "MaxValue": max, "Precision": precision, "ImeMode": "Disabled" })
        }
        Kind::Money { min, max } => json!({
            "MinValue": min, "MaxValue": max, "Precision": 2, "PrecisionSource": 2, "ImeMode": "Disabled",
            "IsBaseCurrency": matches!(column.origin, Origin::Base(_)),
        }),
        Kind::Boolean { default } => {
            json!({ "DefaultValue": default.unwrap_or(false), "OptionSet": boolean_set(table, column) })
        }
        Kind::Choice { options, default } => {
            json!({ "DefaultFormValue": default.unwrap_or(-1), "OptionSet": set(table, column, options, "Picklist") })
        }
        Kind::State { options } => {
            json!({ "DefaultFormValue": null, "OptionSet": set(table, column, options, "State") })
        }
        Kind::Status { options } => {
            json!({ "DefaultFormValue": null, "OptionSet": set(table, column, options, "Status") })
        }
        Kind::DateTime | Kind::DateOrTime => json!({
            "Format": "DateAndTime", "DateTimeBehavior": { "Value": "UserLocal" }, "ImeMode": "Inactive",
        }),
        Kind::Date => json!({
            "Format": "DateOnly", "DateTimeBehavior": { "Value": "DateOnly" }, "ImeMode": "Inactive",
        }),
        Kind::Guid => json!({}),
        Kind::Lookup { targets, .. } => {
            let names: Vec<&str> = targets.iter().map(|target| target.table.as_str()).collect();
            json!({ "Targets": names, "Format": "None" })
        }
    }
}

fn set(table: &Table, column: &Column, options: &[Choice], kind: &str) -> Value {
    let shown: Vec<Value> = options
        .iter()
        .map(|option| {
            let mut shown = json!({ "Value": option.value, "Label": label(&option.label), "Color": null,
                                    "IsManaged": true, "ExternalValue": "", "ParentValues": [] });
            if kind == "Status" {
                // `shown` is an object, so the member is added.
                shown["State"] = Value::from(option.state);
            }
            shown
        })
        .collect();
    json!({
        "MetadataId": guid::text(guid::named(&format!("set:{}:{}", table.logical, column.logical))),
        "Name": format!("{}_{}", table.logical, column.logical),
        "IsGlobal": false, "IsCustomOptionSet": column.custom, "OptionSetType": kind,
        "DisplayName": label(&column.schema_name), "Options": shown,
    })
}

fn boolean_set(table: &Table, column: &Column) -> Value {
    json!({
        "MetadataId": guid::text(guid::named(&format!("set:{}:{}", table.logical, column.logical))),
        "Name": format!("{}_{}", table.logical, column.logical),
        "IsGlobal": false, "IsCustomOptionSet": column.custom, "OptionSetType": "Boolean",
        "DisplayName": label(&column.schema_name),
        "TrueOption": { "Value": 1, "Label": label("Yes") }, "FalseOption": { "Value": 0, "Label": label("No") },
    })
}

/// `EntityKeyMetadata`.
pub(crate) fn key(table: &Table, key: &AlternateKey, now_ms: u64) -> Value {
    let columns: Vec<&str> =
        key.columns.iter().filter_map(|number| Some(table.column(*number)?.logical.as_str())).collect();
    let status = match (key.failed, key.active_ms <= now_ms) {
        (_, false) => "Pending",
        (true, true) => "Failed",
        (false, true) => "Active",
    };
    json!({
        "MetadataId": guid::text(key_id(table, key)), "LogicalName": key.logical, "SchemaName": key.schema_name,
        "EntityLogicalName": table.logical, "DisplayName": label(&key.display), "KeyAttributes": columns,
        "EntityKeyIndexStatus": status, "IsManaged": false,
    })
}

/// `ManyToOneRelationships` of a table: its lookups.
pub(crate) fn many_to_one(schema: &Schema, table: &Table) -> Vec<Value> {
    let mut all = Vec::new();
    for column in &table.columns {
        let Kind::Lookup { targets, class } = &column.kind else { continue };
        if *class == "Owner" {
            let navigation = column.logical.clone();
            let owner = Target { table: "owner".to_owned(), navigation, relationship: None };
            all.push(relationship(table, column, &owner, "ownerid"));
            continue;
        }
        for target in targets {
            let referenced = schema.by_logical(&target.table).map(|table| table.primary_id.clone());
            let referenced = referenced.unwrap_or_else(|| format!("{}id", target.table));
            all.push(relationship(table, column, target, &referenced));
        }
    }
    all
}

/// `OneToManyRelationships` of a table: other tables' lookups to it.
pub(crate) fn one_to_many(schema: &Schema, table: &Table) -> Vec<Value> {
    let all = schema.tables().flat_map(|other| many_to_one(schema, other));
    all.filter(|value| value["ReferencedEntity"] == table.logical.as_str()).collect()
}

fn relationship(table: &Table, column: &Column, target: &Target, referenced: &str) -> Value {
    let generated = || format!("{}_{}_{}", target.table, table.logical, column.logical);
    let name = target.relationship.clone().unwrap_or_else(generated);
    json!({
        "MetadataId": guid::text(guid::named(&format!("relationship:{name}"))),
        "SchemaName": name, "RelationshipType": "OneToManyRelationship", "IsCustomRelationship": column.custom,
        "ReferencingEntity": table.logical, "ReferencingAttribute": column.logical,
        "ReferencingEntityNavigationPropertyName": target.navigation,
        "ReferencedEntity": target.table, "ReferencedAttribute": referenced,
        "ReferencedEntityNavigationPropertyName": name,
    })
}
