//! Checks a tree, or a part of it, against a JSON Schema and says in our words what does not fit.
//!
//! The same for the manifest's own schema and for those of components. The validator's own wording is never shown:
//! it repeats values, and it speaks of JSON.

use std::collections::BTreeSet;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::Value;

use super::alternatives::{Fault, follow, types_of};
use super::nearest::nearest;
use super::problem::Report;
use super::secret;
use super::tree::{Data, Node, Path, Step, shown_key};
use super::wording::{
    bounds, example, inline, meaning, names, table_name, type_name, type_of, value_name, within,
};

/// A schema that cannot be used, for example since it refers to another file.
#[derive(Debug, thiserror::Error)]
#[error("the schema cannot be used")]
pub(super) struct UnusableSchema;

/// Checks what stands at `base`, as `instance`, against a schema. Every problem found makes what is at its path
/// distrusted.
pub(super) fn check(
    root: &Node,
    base: &Path,
    instance: &Value,
    schema: &Value,
    report: &mut Report,
) -> Result<(), UnusableSchema> {
    let validator: Validator = jsonschema::options().build(schema).map_err(|_| UnusableSchema)?;
    let mut errors = Vec::new();
    for error in validator.iter_errors(instance) {
        follow(error, schema, &mut errors);
    }
    let mut check = Check { root, base, schema, report, meant: BTreeSet::new() };
    // Slips first: the key that was meant is then not told to be missing.
    let (slips, others): (Vec<_>, Vec<_>) = errors
        .into_iter()
        .partition(|fault| matches!(fault, Fault::One(error) if unexpected(error.kind()).is_some()));
    for fault in slips.iter().chain(&others) {
        check.tell(fault);
    }
    Ok(())
}

/// The keys that no one knows.
fn unexpected(kind: &Kind) -> Option<&[String]> {
    match kind {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            Some(unexpected)
        }
        _ => None,
    }
}

/// One check under way.
struct Check<'a> {
    root: &'a Node,
    base: &'a Path,
    schema: &'a Value,
    report: &'a mut Report,
    /// Keys that were most likely meant by a slip.
    meant: BTreeSet<Path>,
}

impl Check<'_> {
    fn tell(&mut self, fault: &Fault<'_>) {
        let pointer = match fault {
            Fault::One(error) => error.instance_path().as_str(),
            Fault::Choice { pointer, .. }
            | Fault::NoChoice { pointer, .. }
            | Fault::Types { pointer, .. } => pointer,
        };
        let path = self.root.locate(self.base, pointer);
        if self.report.distrusts(&path) {
            return;
        }
        match fault {
            Fault::One(error) => self.one(error, &path),
            Fault::Choice { options, .. } => self.wrong_option(&path, options),
            Fault::NoChoice { key, options, .. } => {
                let lines = options.iter().map(|option| format!("{key} = {}", inline(option)));
                let lines: Vec<String> = lines.collect();
                let help = format!("add one of {}", names(lines.iter().map(String::as_str)));
                self.missing(&path, key, help);
            }
            Fault::Types { types, schema, .. } => {
                let schema = self.holder(schema);
                self.wrong_type(&path, types, &schema);
            }
        }
    }

    /// The schema that holds a keyword, for what it says of itself.
    fn holder(&self, keyword: &str) -> Value {
        let holder = keyword.rsplit_once('/').map_or("", |(holder, _)| holder);
        self.schema.pointer(holder).cloned().unwrap_or(Value::Null)
    }

    /// Notes a value's problem at the value, and distrusts it.
    fn wrong(&mut self, path: &Path, message: String, help: Option<String>) {
        let mark = self.root.at(path).map(|node| node.mark).or_else(|| self.root.holder_mark(path));
        self.report.error(mark, path, message, help);
        self.report.distrust(path);
    }

    /// Notes a key that is missing in the table at a path, unless a slip there meant it.
    fn missing(&mut self, table: &Path, key: &str, help: String) {
        let path = table.key(key);
        if self.meant.contains(&path) {
            return;
        }
        let message = format!("`{}` is missing{}", shown_key(key), within(table));
        self.report.error(self.root.holder_mark(table), &path, message, Some(help));
    }

    fn one(&mut self, error: &ValidationError<'_>, path: &Path) {
        let schema = self.holder(error.schema_path().as_str());
        match error.kind() {
            Kind::Required { property } => {
                self.required(path, property.as_str().unwrap_or_default(), &schema);
            }
            Kind::Type { .. } => self.wrong_type(path, &types_of(error), &schema),
            Kind::Enum { options } => {
                self.wrong_option(path, options.as_array().map_or(&[][..], Vec::as_slice));
            }
            Kind::Constant { expected_value } => self.wrong_option(path, &[Value::clone(expected_value)]),
            Kind::UniqueItems => self.repeated(path),
            Kind::PropertyNames { error } => self.bad_name(path, error, &schema),
            kind if unexpected(kind).is_some() => {
                for key in unexpected(kind).unwrap_or_default() {
                    self.unknown(path, key, &schema);
                }
            }
            kind => self.out_of_bounds(kind, error.instance(), path, &schema),
        }
    }

    fn unknown(&mut self, table: &Path, key: &str, schema: &Value) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let known: Vec<&str> =
            properties.into_iter().flat_map(|map| map.keys().map(String::as_str)).collect();
        let taken = self.root.at(table).and_then(Node::table);
        let free = known.iter().copied().filter(|name| taken.is_none_or(|table| !table.contains_key(*name)));
        let near = nearest(key, free).or_else(|| nearest(key, known.iter().copied()));
        let help = match near {
            Some(near) => {
                let meant = table.key(near);
                let is_header = table.steps().is_empty() && self.is_table(&table.key(key));
                let help = if is_header { table_name(&meant) } else { format!("`{near}`") };
                if self.root.at(&meant).is_none() {
                    // What stands under the wrong key is not judged, nor told to be missing.
                    self.report.distrust(&meant);
                }
                self.meant.insert(meant);
                format!("did you mean {help}?")
            }
            None if known.is_empty() => format!("no key is known{}", within(table)),
            None => format!("known keys{}: {}", within(table), names(known)),
        };
        let path = table.key(key);
        let node = self.root.at(&path);
        let is_header = table.steps().is_empty() && self.is_table(&path);
        let message = if is_header {
            format!("unknown table {}", table_name(&path))
        } else {
            format!("unknown key `{}`{}", shown_key(key), within(table))
        };
        let mark = node.map(|node| if is_header { node.mark } else { node.key });
        self.report.error(mark, &path, message, Some(help));
    }

    fn is_table(&self, path: &Path) -> bool {
        self.root.at(path).is_some_and(|node| node.table().is_some())
    }

    fn required(&mut self, table: &Path, key: &str, schema: &Value) {
        let wanted =
            schema.get("properties").and_then(|properties| properties.get(key)).unwrap_or(&Value::Null);
        let path = table.key(key);
        let is_table = wanted.get("type").is_some_and(|name| name == "object");
        if !is_table {
            let meaning = meaning(wanted).map(|meaning| format!(": {meaning}")).unwrap_or_default();
            let add = format!("`{} = {}`{meaning}", shown_key(key), example(wanted));
            let help = match self.root.at(table) {
                Some(_) => format!("add {add}"),
                None => format!("add {} with {add}", table_name(table)),
            };
            self.missing(table, key, help);
            return;
        }
        if self.meant.contains(&path) {
            return;
        }
        let inside = wanted.get("required").and_then(Value::as_array).into_iter().flatten();
        let inside = names(inside.filter_map(Value::as_str));
        let header = table_name(&path);
        let with = if inside.is_empty() { String::new() } else { format!(" with at least {inside}") };
        let meaning = meaning(wanted).map(|meaning| format!(": {meaning}")).unwrap_or_default();
        let message = format!("the table {header} is missing");
        self.report.error(
            self.root.holder_mark(table),
            &path,
            message,
            Some(format!("add {header}{with}{meaning}")),
        );
    }

    fn wrong_type(&mut self, path: &Path, types: &[JsonType], schema: &Value) {
        let Some(node) = self.root.at(path) else {
            return; // Only what is missing has no node, and that is told apart.
        };
        let wanted: Vec<&str> =
            types.iter().filter(|kind| **kind != JsonType::Null).map(|kind| type_name(*kind)).collect();
        let found = type_of(&node.to_json());
        let message = format!("{} must be {}, but is {found}", value_name(path), wanted.join(" or "));
        let help = conversion(node, types, path).or_else(|| value_help(schema));
        self.wrong(path, message, help);
    }

    fn wrong_option(&mut self, path: &Path, options: &[Value]) {
        let shown = self.shown(path);
        let texts: Vec<String> = options.iter().filter(|option| !option.is_null()).map(plain).collect();
        let written = self.root.at(path).and_then(Node::text).unwrap_or_default();
        let help = match nearest(written, texts.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("allowed: {}", names(texts.iter().map(String::as_str))),
        };
        self.wrong(path, format!("{} cannot be {shown}", value_name(path)), Some(help));
    }

    /// The value for a message, or `this value` where it must not be repeated.
    fn shown(&self, path: &Path) -> String {
        let node = self.root.at(path).filter(|_| !secret::holds(path));
        node.map(Node::shown).filter(|shown| shown != "the value").unwrap_or_else(|| "this value".to_owned())
    }

    fn repeated(&mut self, path: &Path) {
        let entries = self.root.at(path).and_then(Node::list).unwrap_or_default();
        let values: Vec<Value> = entries.iter().map(Node::to_json).collect();
        let mut seen = BTreeSet::new();
        for (index, (node, value)) in entries.iter().zip(&values).enumerate() {
            if !seen.insert(value.to_string()) {
                let message = format!("{} stands twice in {}", capital_free(&node.shown()), value_name(path));
                self.wrong(&path.index(index), message, Some("remove it here".to_owned()));
            }
        }
    }

    fn bad_name(&mut self, table: &Path, error: &ValidationError<'_>, schema: &Value) {
        let Some(name) = error.instance().as_str() else {
            return;
        };
        let path = table.key(name);
        let form = schema.get("propertyNames").unwrap_or(schema).get("patternErrorMessage");
        let help = form.and_then(Value::as_str).map(|form| format!("use {form}"));
        let message = format!("`{}` cannot be a name{}", shown_key(name), within(table));
        self.report.error(self.root.at(&path).map(|node| node.key), &path, message, help);
    }

    fn out_of_bounds(&mut self, kind: &Kind, instance: &Value, path: &Path, schema: &Value) {
        let name = value_name(path);
        let is = if instance.is_number() { format!("is {instance}") } else { "has this value".to_owned() };
        let message = match kind {
            Kind::Minimum { limit } => format!("{name} {is}, but must be at least {limit}"),
            Kind::Maximum { limit } => format!("{name} {is}, but must be at most {limit}"),
            Kind::ExclusiveMinimum { limit } => format!("{name} {is}, but must be more than {limit}"),
            Kind::ExclusiveMaximum { limit } => format!("{name} {is}, but must be less than {limit}"),
            Kind::MultipleOf { multiple_of } => {
                format!("{name} {is}, but must be a multiple of {multiple_of}")
            }
            Kind::MinLength { limit: 1 } | Kind::MinItems { limit: 1 } => format!("{name} is empty"),
            Kind::MinLength { limit } => format!("{name} is shorter than {limit} characters"),
            Kind::MaxLength { limit } => format!("{name} is longer than {limit} characters"),
            Kind::MinItems { limit } => format!("{name} has fewer than {limit} entries"),
            Kind::MaxItems { limit } => format!("{name} has more than {limit} entries"),
            Kind::MinProperties { limit } => format!("{name} has fewer than {limit} keys"),
            Kind::MaxProperties { limit } => format!("{name} has more than {limit} keys"),
            Kind::Pattern { pattern } => return self.wrong_form(path, pattern, schema),
            Kind::Format { format } => format!("{name} is not of the form `{format}`"),
            Kind::FalseSchema | Kind::Not { .. } => format!("{name} is not allowed here"),
            other => format!("{name} breaks the rule `{}` of its schema", other.keyword()),
        };
        // A schema may say in its own words what a rule wants.
        let said = schema.get("errorMessage").and_then(Value::as_str).map(str::to_owned);
        let help = said
            .or_else(|| value_help(schema))
            .or_else(|| Some("`sluice inspect` shows what the component takes".to_owned()));
        self.wrong(path, message, help);
    }

    fn wrong_form(&mut self, path: &Path, pattern: &str, schema: &Value) {
        let shown = self.shown(path);
        let form = schema.get("patternErrorMessage").and_then(Value::as_str);
        let help = match form {
            Some(form) => format!("use {form}"),
            None => {
                let meaning = meaning(schema).map(|meaning| format!(": {meaning}")).unwrap_or_default();
                format!("it must match the regular expression `{pattern}`{meaning}")
            }
        };
        self.wrong(path, format!("{} cannot be {shown}", value_name(path)), Some(help));
    }
}

/// An option as it is shown: a text without its quotes.
fn plain(option: &Value) -> String {
    option.as_str().map_or_else(|| inline(option), str::to_owned)
}

fn capital_free(shown: &str) -> String {
    if shown == "the value" { "an entry".to_owned() } else { shown.to_owned() }
}

/// The allowed range, the default and the meaning of a value.
fn value_help(schema: &Value) -> Option<String> {
    let allowed = bounds(schema).map(|bounds| format!("allowed: {bounds}"));
    let default = schema.get("default").filter(|value| !value.is_array() && !value.is_object());
    let default = default.map(|value| format!("default: {}", inline(value)));
    let parts: Vec<String> = [allowed, default, meaning(schema)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// How to write the value so that it has the type, where that is a matter of quotes or brackets.
fn conversion(node: &Node, types: &[JsonType], path: &Path) -> Option<String> {
    let key = match path.steps().last()? {
        Step::Key(key) => format!("{} = ", shown_key(key)),
        Step::Index(_) => String::new(),
    };
    let wants = |kind| types.contains(&kind);
    match &node.data {
        Data::Text(_) if node.expanded && !wants(JsonType::Array) => {
            Some(format!("what is filled in is a text; give the value with `--set {path}=VALUE` instead"))
        }
        Data::Text(text) if wants(JsonType::Integer) && text.trim().parse::<i64>().is_ok() => {
            Some(format!("write `{key}{}`, without quotes", text.trim()))
        }
        Data::Text(text) if wants(JsonType::Boolean) && matches!(text.as_str(), "true" | "false") => {
            Some(format!("write `{key}{text}`, without quotes"))
        }
        Data::Text(_) if wants(JsonType::Array) && !node.expanded => {
            Some(format!("write `{key}{}`, in brackets", inline(&Value::Array(vec![node.to_json()]))))
        }
        Data::Plain(value) if wants(JsonType::String) => Some(format!("write `{key}\"{value}\"`, in quotes")),
        Data::Text(_) | Data::Plain(_) if types == [JsonType::Object] => {
            Some(format!("write {} on a line of its own, and its keys below it", table_name(path)))
        }
        _ => None,
    }
}
