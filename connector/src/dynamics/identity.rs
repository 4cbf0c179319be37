//! Primary keys: name-based UUIDs, so that every repeat of a write meets the same row.

use uuid::Uuid;

/// The primary key of the lead for a response: UUID version 5 (RFC 9562) over the response's id.
pub(crate) fn lead_id(namespace: &Uuid, response: &str) -> Uuid {
    Uuid::new_v5(namespace, response.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamics::config::ID_NAMESPACE;

    #[test]
    fn identity_never_changes() {
        let namespace = Uuid::try_parse(ID_NAMESPACE).unwrap();
        let id = lead_id(&namespace, "5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3");
        assert_eq!(id.to_string(), "c2610089-34bf-5a7f-b283-ed89c3bcdb9d");
    }
}
