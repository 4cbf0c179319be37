//! Alternatives in a schema: which one was meant, and what does not fit it.
//!
//! A validator only says that none of them fits. A person meant one, and wants to know what is wrong with that.

use std::collections::BTreeSet;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::nearest::nearest;

/// Deepest nesting of alternatives that is followed.
const MAX_ALTERNATIVES: usize = 8;

/// What does not fit.
pub(super) enum Fault<'a> {
    /// As the validator found it.
    One(ValidationError<'a>),
    /// The key that tells alternatives apart has a value that none of them takes.
    Choice { pointer: String, options: Vec<Value> },
    /// The key that tells alternatives apart is missing.
    NoChoice { pointer: String, key: String, options: Vec<Value> },
    /// Alternatives of different types, and the value has another.
    Types { pointer: String, types: Vec<JsonType>, schema: String },
}

/// Follows alternatives to the one that was meant, and adds what does not fit it.
pub(super) fn follow<'a>(error: ValidationError<'a>, schema: &Value, faults: &mut Vec<Fault<'a>>) {
    flatten(error, schema, MAX_ALTERNATIVES, faults);
}

fn flatten<'a>(error: ValidationError<'a>, schema: &Value, depth: usize, faults: &mut Vec<Fault<'a>>) {
    let Some(depth) = depth.checked_sub(1) else {
        faults.push(Fault::One(error));
        return;
    };
    let (Kind::OneOfNotValid { context } | Kind::AnyOf { context }) = error.kind() else {
        faults.push(Fault::One(error));
        return;
    };
    if context.is_empty() {
        faults.push(Fault::One(error));
        return;
    }
    let pointer = error.instance_path().as_str().to_owned();
    let fault = choice(&error, context, schema, &pointer);
    let chosen = match &fault {
        Some(Fault::Choice { options, .. }) => nearest_option(context, options),
        Some(_) => None,
        None => meant(context, &pointer),
    };
    faults.extend(fault);
    let parts = error.into_parts();
    if let (Kind::OneOfNotValid { context } | Kind::AnyOf { context }, Some(chosen)) = (parts.kind, chosen) {
        for error in context.into_iter().nth(chosen).into_iter().flatten() {
            flatten(error, schema, depth, faults);
        }
    }
}

/// The alternative that fits best.
fn meant(context: &[Vec<ValidationError<'static>>], pointer: &str) -> Option<usize> {
    let ranked = context.iter().enumerate().min_by_key(|(_, branch)| {
        let another = branch.iter().filter(|error| picks(error)).count();
        let other_type = branch.iter().any(|error| is_type_at(error, pointer));
        (another, other_type, branch.len())
    });
    ranked.map(|(index, _)| index)
}

/// The alternative whose option is nearest to what was written, where one is near.
fn nearest_option(context: &[Vec<ValidationError<'static>>], options: &[Value]) -> Option<usize> {
    let written = context.iter().flatten().find(|error| picks(error))?.instance().as_str()?.to_owned();
    let near = nearest(&written, options.iter().filter_map(Value::as_str))?;
    context.iter().position(|branch| {
        let mut constants = branch.iter().filter_map(constant_of);
        constants.any(|constant| constant == near)
    })
}

/// Whether the error says that another alternative was meant.
fn picks(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), Kind::Constant { .. })
}

fn is_type_at(error: &ValidationError<'_>, pointer: &str) -> bool {
    matches!(error.kind(), Kind::Type { .. }) && error.instance_path().as_str() == pointer
}

/// The fault where it is the same in every alternative.
fn choice<'a>(
    error: &ValidationError<'a>,
    context: &[Vec<ValidationError<'static>>],
    schema: &Value,
    pointer: &str,
) -> Option<Fault<'a>> {
    let every =
        |test: &dyn Fn(&ValidationError<'_>) -> bool| context.iter().all(|branch| branch.iter().any(test));
    if every(&|error| is_type_at(error, pointer)) {
        let types = context.iter().flatten().filter(|error| is_type_at(error, pointer)).flat_map(types_of);
        let types: BTreeSet<&str> = types.map(JsonType::as_str).collect();
        let types = types.into_iter().filter_map(|name| name.parse().ok());
        let types = types.filter(|kind| *kind != JsonType::Null).collect();
        let schema = error.schema_path().as_str().to_owned();
        return Some(Fault::Types { pointer: pointer.to_owned(), types, schema });
    }
    let first = context.first()?;
    if let Some(constant) = first.iter().find(|error| picks(error)) {
        let at = constant.instance_path().as_str();
        let here = |error: &ValidationError<'_>| picks(error) && error.instance_path().as_str() == at;
        if every(&here) {
            let options = context.iter().flatten().filter(|error| here(error)).filter_map(constant_of);
            return Some(Fault::Choice { pointer: at.to_owned(), options: options.collect() });
        }
    }
    let mut missing = first.iter().filter_map(|error| missing_key(error, pointer));
    let key = missing.find(|key| {
        every(&|error| missing_key(error, pointer) == Some(key)) && !options(schema, error, key).is_empty()
    })?;
    let options = options(schema, error, key);
    Some(Fault::NoChoice { pointer: pointer.to_owned(), key: key.to_owned(), options })
}

/// The types that a wrong type should have been.
pub(super) fn types_of(error: &ValidationError<'_>) -> Vec<JsonType> {
    match error.kind() {
        Kind::Type { kind: TypeKind::Single(kind) } => vec![*kind],
        Kind::Type { kind: TypeKind::Multiple(kinds) } => kinds.iter().collect(),
        _ => Vec::new(),
    }
}

fn constant_of(error: &ValidationError<'_>) -> Option<Value> {
    match error.kind() {
        Kind::Constant { expected_value } => Some(Value::clone(expected_value)),
        _ => None,
    }
}

fn missing_key<'e>(error: &'e ValidationError<'_>, pointer: &str) -> Option<&'e str> {
    match error.kind() {
        Kind::Required { property } if error.instance_path().as_str() == pointer => property.as_str(),
        _ => None,
    }
}

/// The values that alternatives pin a key to.
fn options(schema: &Value, error: &ValidationError<'_>, key: &str) -> Vec<Value> {
    let forms = schema.pointer(error.schema_path().as_str()).and_then(Value::as_array);
    let values =
        forms.into_iter().flatten().filter_map(|form| form.get("properties")?.get(key)?.get("const"));
    values.cloned().collect()
}
