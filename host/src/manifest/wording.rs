//! Words for people: how tables, types and examples are written in messages.

use jsonschema::JsonType;
use serde_json::Value;

use super::tree::{Path, Step, shown_key};

/// Most names that a hint lists.
const MAX_NAMES: usize = 16;

/// Where a key stands: ` in [source]`; empty at the top level.
pub(super) fn within(table: &Path) -> String {
    match table.steps() {
        [] => String::new(),
        _ => format!(" in {}", table_name(table)),
    }
}

/// A table as its header; a table inside a list as its path.
pub(super) fn table_name(table: &Path) -> String {
    let plain = table.steps().iter().all(|step| matches!(step, Step::Key(_)));
    if plain { format!("[{table}]") } else { format!("`{table}`") }
}

/// A value's name: `` `every_s` in [schedule] ``; for a list's entry its path.
pub(super) fn value_name(path: &Path) -> String {
    match (path.parent(), path.steps().last()) {
        (Some(table), Some(Step::Key(key))) => format!("`{}`{}", shown_key(key), within(&table)),
        (Some(_), _) => format!("`{path}`"),
        (None, _) => "the manifest".to_owned(),
    }
}

/// A type as a person would say it.
pub(super) fn type_name(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "`true` or `false`",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a table",
        JsonType::String => "a text",
    }
}

/// What a value is.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "`true` or `false`",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// Names in back-quotes, with commas; the first ones where there are many.
pub(super) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let mut shown: Vec<String> = names.by_ref().take(MAX_NAMES).map(|name| format!("`{name}`")).collect();
    if names.next().is_some() {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}

/// Texts as one TOML list, on one line.
pub(super) fn list(texts: &[String]) -> String {
    inline(&Value::from(texts))
}

/// A value as TOML on one line.
pub(super) fn inline(value: &Value) -> String {
    match toml::Value::try_from(value) {
        Ok(value) => value.to_string(),
        // Only `null` has no form in TOML.
        Err(_) => "\"…\"".to_owned(),
    }
}

/// A value that a schema would take, as TOML: its example, its default, or one of its type.
pub(super) fn example(schema: &Value) -> String {
    let given =
        schema.pointer("/examples/0").or_else(|| schema.get("default")).or_else(|| schema.get("const"));
    if let Some(value) = given.or_else(|| schema.pointer("/enum/0")) {
        return inline(value);
    }
    let types = schema.get("type");
    let first = types.and_then(|types| types.get(0)).or(types);
    match first.and_then(Value::as_str) {
        Some("integer" | "number") => schema.get("minimum").map_or_else(|| "1".to_owned(), inline),
        Some("boolean") => "true".to_owned(),
        Some("array") => "[\"…\"]".to_owned(),
        Some("object") => "{ … }".to_owned(),
        _ => "\"…\"".to_owned(),
    }
}

/// The first sentence of a schema's description, as the tail of a hint.
pub(super) fn meaning(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    let line = text.lines().next()?.trim();
    let sentence = line.split_once(". ").map_or(line, |(first, _)| first);
    let sentence = sentence.trim_end_matches('.');
    (!sentence.is_empty()).then(|| lower_first(&super::tree::shown_sentence(sentence)))
}

/// Lower case for a first word that is not a name such as `URL`.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// The bounds of a number, text or list, as words.
pub(super) fn bounds(schema: &Value) -> Option<String> {
    let number = |key: &str| schema.get(key).map(inline);
    let pair = |least: &str, most: &str| match (number(least), number(most)) {
        (Some(least), Some(most)) if least == most => Some(format!("exactly {least}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
        (Some(least), None) => Some(format!("at least {least}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (None, None) => None,
    };
    pair("minimum", "maximum")
        .or_else(|| pair("minLength", "maxLength").map(|bounds| format!("{bounds} characters")))
        .or_else(|| pair("minProperties", "maxProperties").map(|bounds| format!("{bounds} keys")))
        .or_else(|| pair("minItems", "maxItems").map(|bounds| format!("{bounds} {}", entries(&bounds))))
}

fn entries(bounds: &str) -> &'static str {
    if bounds.ends_with(" 1") || bounds == "1" { "entry" } else { "entries" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn writes_examples_as_toml() {
        for (schema, text) in [
            (json!({"examples": [{"env": "NAME"}]}), "{ env = \"NAME\" }"),
            (json!({"examples": [["a", "b"]]}), "[\"a\", \"b\"]"),
            (json!({"type": "integer", "minimum": 10}), "10"),
            (json!({"type": ["array", "null"]}), "[\"…\"]"),
            (json!({"enum": ["x", "y"]}), "\"x\""),
        ] {
            assert_eq!(example(&schema), text);
        }
    }

    #[test]
    fn says_the_first_sentence() {
        let said = |text| meaning(&json!({ "description": text }));
        assert_eq!(said("Seconds between runs. More.").as_deref(), Some("seconds between runs"));
        assert_eq!(said("URL of it.").as_deref(), Some("URL of it"));
        assert_eq!(said(""), None);
    }

    #[test]
    fn says_bounds() {
        assert_eq!(bounds(&json!({"minimum": 1, "maximum": 9})).as_deref(), Some("1 to 9"));
        assert_eq!(bounds(&json!({"minItems": 1})).as_deref(), Some("at least 1 entry"));
        assert_eq!(bounds(&json!({})), None);
    }
}
