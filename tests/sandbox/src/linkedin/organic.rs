//! The parts of a form response that differ where a Page owns it. Pure; how they are spelled is documented for events
//! only, so the rest is a switch.
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>

use super::content::push_json;
use super::directory;
use super::kind::Kind;
use super::population::push_number;
use crate::linkedin_faults::OrganicEntity;

/// Whether a Page's response lacks a field.
pub(crate) fn absent(name: &str, kind: Kind, entity: OrganicEntity) -> bool {
    match name {
        "leadMetadata" | "leadMetadataInfo" => true,
        "associatedEntity" | "associatedEntityInfo" => kind != Kind::Event && entity == OrganicEntity::Absent,
        _ => false,
    }
}

/// Appends a field whose value follows from the owner. `event` tells the Page's events apart.
pub(crate) fn push(name: &str, page: u64, kind: Kind, event: u64, entity: OrganicEntity, out: &mut Vec<u8>) {
    match name {
        "leadType" => push_json(out, kind.name()),
        "owner" => {
            out.extend_from_slice(b"{\"organization\":\"urn:li:organization:");
            push_number(out, directory::organization_id(page));
            out.extend_from_slice(b"\"}");
        }
        "ownerInfo" => {
            out.extend_from_slice(b"{\"organizationInfo\":{\"name\":");
            push_json(out, &directory::page_name(page));
            out.extend_from_slice(b"}}");
        }
        "associatedEntity" => {
            let (key, urn) = associated(page, kind, event, entity);
            push_member(key, &urn, out);
        }
        _ => {
            let (key, urn) = associated(page, kind, event, entity);
            out.extend_from_slice(b"{");
            push_json(out, key);
            out.push(b':');
            push_member("id", &urn, out);
            out.push(b'}');
        }
    }
}

/// Key and URN of what a Page's response belongs to.
pub(crate) fn associated(page: u64, kind: Kind, event: u64, entity: OrganicEntity) -> (&'static str, String) {
    let short = entity != OrganicEntity::Associated;
    match kind {
        Kind::Event => ("event", format!("urn:li:event:{}", directory::event_id(page, event))),
        Kind::OrganizationProduct => (
            if short { "organizationProduct" } else { "associatedOrganizationProduct" },
            format!("urn:li:organizationProduct:{}", directory::product_id(page)),
        ),
        Kind::Company | Kind::Sponsored => {
            (if short { "organization" } else { "associatedOrganization" }, directory::organization_urn(page))
        }
    }
}

fn push_member(key: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b'{');
    push_json(out, key);
    out.push(b':');
    push_json(out, value);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn field(name: &str, kind: Kind, entity: OrganicEntity) -> Value {
        let mut out = Vec::new();
        push(name, 1, kind, 3, entity, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn events_are_named_and_the_rest_only_as_the_switch_says() {
        let urn = "urn:li:event:7100000000000000003";
        assert_eq!(field("associatedEntity", Kind::Event, OrganicEntity::Absent), json!({"event": urn}));
        assert_eq!(
            field("associatedEntityInfo", Kind::Event, OrganicEntity::Short),
            json!({"event": {"id": urn}})
        );
        assert!(absent("associatedEntity", Kind::Company, OrganicEntity::Absent));
        assert_eq!(
            field("associatedEntity", Kind::Company, OrganicEntity::Associated),
            json!({"associatedOrganization": "urn:li:organization:90022"})
        );
        assert_eq!(
            field("associatedEntity", Kind::OrganizationProduct, OrganicEntity::Short),
            json!({"organizationProduct": "urn:li:organizationProduct:40500002"})
        );
    }

    #[test]
    fn owners_are_organizations_and_campaigns_are_absent() {
        for kind in super::super::kind::ORGANIC {
            assert!(absent("leadMetadata", kind, OrganicEntity::Short), "{kind:?}");
            assert_eq!(field("leadType", kind, OrganicEntity::Absent), kind.name());
            assert_eq!(
                field("owner", kind, OrganicEntity::Absent),
                json!({"organization": "urn:li:organization:90022"})
            );
        }
        assert_eq!(
            field("ownerInfo", Kind::Event, OrganicEntity::Absent),
            json!({"organizationInfo": {"name": "Kolb Pumps 2"}})
        );
    }
}
