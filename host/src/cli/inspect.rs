//! `sluice inspect`: what a component is and what it wants.

use std::fmt::Write;

use serde_json::{Value, json};

use super::args;
use super::exit::Exit;
use super::files::component_cache;
use super::output::{Output, config_key};
use crate::assembly::Workshop;
use crate::description::{Description, SideDescription};
use crate::runtime::Component;

/// Most bytes of a component that is looked at.
const MAX_BYTES: u64 = 256 << 20;

pub(super) fn inspect(arguments: &args::Inspect, output: &Output) -> Exit {
    match look(arguments, *output) {
        Ok((component, description, raw)) => {
            let admitted = component.admitted();
            let result = json!({
                "contract": admitted.contract.to_string(),
                "imports": admitted.imports,
                "exports": admitted.exports,
                "description": raw,
            });
            output.result(&result, || text(&component, &description));
            Exit::Success
        }
        Err(message) => output.fail(Exit::Failed, &message),
    }
}

fn look(arguments: &args::Inspect, output: Output) -> Result<(Component, Description, Value), String> {
    let workshop = Workshop::new(component_cache(output)).map_err(|error| error.to_string())?;
    let component = workshop.load(&arguments.component, MAX_BYTES).map_err(|error| error.to_string())?;
    let described = workshop.description(&component).map_err(|error| error.to_string())?;
    let unreadable =
        |error: serde_json::Error| format!("the component's description cannot be read: {error}");
    let description = serde_json::from_str(&described).map_err(unreadable)?;
    let raw = serde_json::from_str(&described).map_err(unreadable)?;
    Ok((component, description, raw))
}

fn text(component: &Component, description: &Description) -> String {
    let admitted = component.admitted();
    let roles: Vec<_> = description.roles.iter().map(|role| role.name()).collect();
    let mut text = format!(
        "{} {}  {}\ncontract  sluice:connector@{}\nroles     {}\nimports   {}\n",
        description.name,
        description.version,
        description.summary,
        admitted.contract,
        roles.join(", "),
        admitted.imports.join("\n          "),
    );
    for stream in &description.streams {
        let kind = if stream.incremental { "incremental" } else { "full" };
        let _ = writeln!(text, "stream    {} ({kind}): {}", stream.name, stream.description);
    }
    for (name, side) in [("source", &description.source), ("sink", &description.sink)] {
        if let Some(side) = side {
            describe_side(&mut text, name, side);
        }
    }
    text.push_str("\nSchemas: add `--output json`.");
    text
}

// Writing to a String cannot fail, so the results are ignored.
fn describe_side(text: &mut String, name: &str, side: &SideDescription) {
    let _ = writeln!(text, "\n{name}");
    for credential in &side.credentials {
        let _ = writeln!(text, "  credential  {} ({})", credential.name, credential.kinds.join(" or "));
        if !credential.scopes.is_empty() {
            let _ = writeln!(text, "    scopes    {}", credential.scopes.join(" "));
        }
    }
    for origin in &side.egress {
        let configured = origin.config.as_deref().map(|at| format!("that of `{}`", config_key(at)));
        let known = origin.origin.clone().into_iter().chain(configured);
        let _ = writeln!(text, "  origin      {}", known.collect::<Vec<_>>().join(", or "));
    }
    let properties = side.config.get("properties").and_then(Value::as_object);
    for (key, schema) in properties.into_iter().flatten() {
        let meaning = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let default = schema.get("default").map(|value| format!(" [{value}]")).unwrap_or_default();
        let _ = writeln!(text, "  config      {key}{default}: {meaning}");
    }
}
