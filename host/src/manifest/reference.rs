//! The reference of the manifest, generated from its schema, so that the two cannot differ.

use serde_json::{Map, Value};

use super::model::schema;
use super::wording::{bounds, inline};

/// What stands before the tables.
const INTRODUCTION: &str = r#"# Manifest reference

<!-- Generated from the manifest's schema. Refresh: SLUICE_BLESS=1 cargo test -p sluice --test manifest_goldens -->

A manifest is one TOML file, at most 1 MiB, that describes one pipeline. `sluice validate FILE` checks it and tells
every problem at once, each with line, column and cure. It needs no secret and no network.

Editors that know TOML complete and check it with the published schema; name it in the first line:

```toml
#:schema schema/pipeline.schema.json
version = 1
name = "daily-leads"

[source]
component = "components/source.wasm"
stream = "leads"
egress = ["https://api.example.com"]
credentials = ["reader"]

[sink]
component = "components/sink.wasm"
egress = ["https://crm.example.com"]
credentials = ["writer"]

[credentials.reader]
kind = "static"
value = { env = "READER_TOKEN" }
origins = ["https://api.example.com"]

[credentials.writer]
kind = "oauth_client_credentials"
token_url = "https://login.example.com/oauth2/token"
client_id = "sluice"
client_secret = { file = "writer.secret" }
origins = ["https://crm.example.com"]
```

## Paths

Relative paths start at the manifest's directory, wherever the command is run.

## Values from outside

Inside a text in quotes:

| Written | Stands for |
|---|---|
| `${NAME}` | the environment variable; it is an error if it is not set |
| `${NAME:-default}` | the variable, or the default where it is not set or empty |
| `${NAME:?message}` | the variable; the message is shown where it is not set or empty |
| `${file:PATH}` | the text of a file of at most 64 KiB, without its last line end |
| `$${` | a plain `${` |

Keys are never filled in, nor are secrets. What is filled in is always a text: to set a number or a list from outside,
use `--set KEY=VALUE`, where KEY is dotted (`limits.page_records`) and VALUE is TOML; a text keeps its quotes:
`--set 'source.stream="leads"'`. The last `--set` of a key wins.

## Secrets

A secret is never written into a manifest. Write where it is: `{ env = "NAME" }` for an environment variable or
`{ file = "PATH" }` for a file. It is read only when it is used.

## Origins

An origin is scheme, host and perhaps a port: `https://api.example.com`, `https://api.example.com:8443`. Plain `http` is
allowed to this machine only (`127.0.0.1`, `[::1]`, `localhost`). A component reaches only the origins in its `egress`,
and a credential is attached only to the origins in its own `origins`.
"#;

/// The reference as Markdown.
pub fn reference_markdown() -> String {
    let schema = schema();
    let mut text = INTRODUCTION.to_owned();
    text.push_str("\n## Top level\n");
    table(&mut text, &schema);
    let sections = |value: &Value| value.get("type").is_some_and(|name| name == "object");
    for (name, section) in members(&schema).filter(|(_, value)| sections(value)) {
        if name == "credentials" {
            credentials(&mut text, section);
            continue;
        }
        text.push_str(&format!("\n## `[{name}]`\n\n{}\n", description(section)));
        table(&mut text, section);
    }
    text
}

fn members(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

fn credentials(text: &mut String, section: &Value) {
    text.push_str(&format!("\n## `[credentials.NAME]`\n\n{}", description(section)));
    if let Some(form) = section.pointer("/propertyNames/patternErrorMessage").and_then(Value::as_str) {
        text.push_str(&format!(" A name has {form}."));
    }
    text.push('\n');
    let kinds = section.pointer("/additionalProperties/oneOf").and_then(Value::as_array);
    for kind in kinds.into_iter().flatten() {
        let name = kind.pointer("/properties/kind/const").map(inline).unwrap_or_default();
        text.push_str(&format!("\n### `kind = {name}`\n\n{}\n", description(kind)));
        table(text, kind);
    }
}

/// The keys of one table.
fn table(text: &mut String, schema: &Value) {
    text.push_str("\n| Key | Type | Default | Allowed | Meaning |\n|---|---|---|---|---|\n");
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|keys| keys.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    for (key, value) in members(schema) {
        let default = match value.get("default").filter(|default| !default.is_object()) {
            Some(default) => format!("`{}`", inline(default)),
            None if required.contains(&key.as_str()) => "required".to_owned(),
            None => "none".to_owned(),
        };
        let kind = type_name(value);
        let allowed = allowed(value);
        let meaning = match description(value) {
            empty if empty.is_empty() && value.get("const").is_some() => "Chooses this form.".to_owned(),
            meaning => meaning,
        };
        text.push_str(&format!("| `{key}` | {kind} | {default} | {allowed} | {meaning} |\n"));
    }
}

fn type_name(schema: &Value) -> String {
    match schema.get("type").and_then(Value::as_str) {
        Some("integer") => "whole number".to_owned(),
        Some("string") => "text".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("array") => schema
            .get("items")
            .map_or_else(|| "list".to_owned(), |item| format!("list of {}s", type_name(item))),
        Some("object") => "table".to_owned(),
        _ if schema.get("oneOf").is_some() => "[secret](#secrets)".to_owned(),
        _ => "any".to_owned(),
    }
}

fn allowed(schema: &Value) -> String {
    let exact = schema.get("const").map(|value| format!("`{}`", inline(value)));
    let form = || schema.get("patternErrorMessage").and_then(Value::as_str).map(str::to_owned);
    exact
        .or_else(form)
        .or_else(|| bounds(schema).filter(|bounds| bounds != "at least 1 characters"))
        .unwrap_or_default()
}

/// A description on one line, fit for a table's cell.
fn description(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
