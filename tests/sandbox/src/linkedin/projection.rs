//! Field projection: `fields=a,b:(c,$*:(d))`, parsed and applied. It must never invent a field.
//! <https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/projections>

use serde_json::{Map, Value};

/// Projections nest at most so deep.
const DEPTH_MAX: u32 = 16;
/// Addresses every entry of an array or map.
const EVERY: &str = "$*";

/// The fields asked for, in the order asked; `None` beside a name asks for the whole of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Projection(Vec<(String, Option<Projection>)>);

impl Projection {
    /// Parses a literal projection; `None` when it does not follow the grammar.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let projection = Self::fields(&mut rest, 0)?;
        rest.is_empty().then_some(projection)
    }

    fn fields(rest: &mut &str, depth: u32) -> Option<Self> {
        let mut fields: Vec<(String, Option<Self>)> = Vec::new();
        loop {
            let end = rest.find([',', ':', '(', ')']).unwrap_or(rest.len());
            let (name, tail) = rest.split_at(end);
            let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !(word || name == EVERY) || fields.iter().any(|(known, _)| known == name) {
                return None;
            }
            *rest = tail;
            let nested = if let Some(tail) = rest.strip_prefix(":(") {
                *rest = tail;
                let nested = (depth < DEPTH_MAX).then(|| Self::fields(rest, depth + 1))??;
                *rest = rest.strip_prefix(')')?;
                Some(nested)
            } else {
                None
            };
            fields.push((name.to_owned(), nested));
            match rest.strip_prefix(',') {
                Some(tail) => *rest = tail,
                None => return Some(Self(fields)),
            }
        }
    }

    /// The names at this level.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Whether the field is asked for, whole or in part.
    pub(crate) fn selects(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The projection under a field, where only a part of it is asked for.
    pub(crate) fn under(&self, name: &str) -> Option<&Self> {
        self.0.iter().find(|(known, _)| known == name).and_then(|(_, nested)| nested.as_ref())
    }

    /// What is left of a value. Fields that the value lacks stay away; arrays are addressed by `$*`, or straight
    /// through, as the real service takes `questions:(name)` for `questions:($*:(name))`.
    pub(crate) fn apply(&self, value: &Value) -> Value {
        match value {
            Value::Object(members) => Value::Object(self.apply_members(members)),
            Value::Array(items) => {
                let each = self.under(EVERY);
                let whole = each.is_none() && self.selects(EVERY);
                let keep = |item: &Value| if whole { item.clone() } else { each.unwrap_or(self).apply(item) };
                Value::Array(items.iter().map(keep).collect())
            }
            scalar => scalar.clone(),
        }
    }

    fn apply_members(&self, members: &Map<String, Value>) -> Map<String, Value> {
        members
            .iter()
            .filter(|(name, _)| self.selects(name) || self.selects(EVERY))
            .map(|(name, value)| {
                let nested =
                    self.under(name).or_else(|| if self.selects(name) { None } else { self.under(EVERY) });
                (name.clone(), nested.map_or_else(|| value.clone(), |nested| nested.apply(value)))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(fields: &str, value: &Value) -> Value {
        Projection::parse(fields).unwrap().apply(value)
    }

    #[test]
    fn the_references_projection_is_parsed() {
        let fields = "ownerInfo,associatedEntityInfo,leadMetadataInfo,owner,leadType,versionedLeadGenFormUrn,id,submittedAt,\
                      testLead,formResponse,form:(hiddenFields,creationLocale,name,id,content)";
        let projection = Projection::parse(fields).unwrap();
        assert!(projection.selects("formResponse") && projection.under("formResponse").is_none());
        let form: Vec<_> = projection.under("form").unwrap().names().collect();
        assert_eq!(form, ["hiddenFields", "creationLocale", "name", "id", "content"]);
    }

    #[test]
    fn broken_projections_are_refused() {
        for bad in
            ["", "a,", ",a", "a:(", "a:()", "a:(b", "a:(b))", "a b", "a:b", "(a)", "a,a", "a%2Cb", "$", "*"]
        {
            assert_eq!(Projection::parse(bad), None, "{bad}");
        }
        assert_eq!(Projection::parse(&format!("a{}{}", ":(a".repeat(20), ")".repeat(20))), None);
    }

    #[test]
    fn fields_nested_records_arrays_and_maps_are_cut_down() {
        let value = json!({"id": 1, "name": "n", "content": {"questions": [{"q": 1, "t": 2}, {"q": 3}], "h": {"localized": {"de_DE": {"x": 1, "y": 2}}}}});
        assert_eq!(apply("id", &value), json!({"id": 1}));
        assert_eq!(apply("id,missing", &value), json!({"id": 1}));
        let cut = json!({"content": {"questions": [{"q": 1}, {"q": 3}]}});
        assert_eq!(apply("content:(questions:(q))", &value), cut);
        assert_eq!(apply("content:(questions:($*:(q)))", &value), cut);
        assert_eq!(
            apply("content:(questions:($*))", &value)["content"]["questions"],
            value["content"]["questions"]
        );
        assert_eq!(
            apply("content:(h:(localized:($*:(y))))", &value),
            json!({"content": {"h": {"localized": {"de_DE": {"y": 2}}}}})
        );
        assert_eq!(apply("id:(x)", &value), json!({"id": 1}), "a scalar has no parts to leave out");
    }
}
