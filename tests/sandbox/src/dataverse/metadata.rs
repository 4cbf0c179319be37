//! Definitions of tables, columns, keys and relationships, as `EntityDefinitions` shows them.
//!
//! See <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query-metadata-web-api>.

use serde_json::{Map, Value};

use super::definitions;
use super::error::{ApiError, Outcome};
use super::filter::{self, Expression, Literal, Operator, TextTest};
use super::guid;
use super::operation::Call;
use super::provision;
use super::query::Options;
use super::reply::{Operation, Reply};
use super::resource::{self, Segment};
use super::schema::Table;

/// One term of `$expand` with the members that its `$select` names.
struct Expand {
    name: String,
    select: Option<Vec<String>>,
}

/// Runs an operation on definitions: reads here, additions in [`super::provision`]; changes and deletions are left out.
pub(crate) fn execute(
    call: &mut Call<'_, '_>,
    operation: &Operation<'_>,
    segments: &[Segment],
) -> Outcome<Reply> {
    let [first, rest @ ..] = segments else { return Err(call.route(operation)) };
    if operation.method == "POST" {
        return add(call, operation, first, rest);
    }
    if first.name != "EntityDefinitions" || operation.method != "GET" {
        return Err(ApiError::left_out("a change of definitions"));
    }
    let options = Options::parse(operation.raw_options)?;
    options.allow(&["$select", "$filter", "$expand", "$count", "$top"])?;
    let view = View { call, options: &options, strong: operation.headers.strong };
    let Some(key) = &first.key else {
        return if rest.is_empty() { view.tables() } else { Err(call.route(operation)) };
    };
    let table = view.table(key)?;
    match rest {
        [] => view.one(&definitions::table(&table), "EntityDefinitions", "EntityMetadata", Some(&table)),
        [part] if part.name == "Attributes" => view.attributes(&table, part, None),
        [part, cast] if part.name == "Attributes" => view.attributes(&table, part, Some(cast)),
        [part] if part.name == "Keys" => view.keys(&table, part),
        [part] if part.name == "ManyToOneRelationships" && part.key.is_none() => {
            let all = definitions::many_to_one(&call.schema, &table);
            view.many(all, "ManyToOneRelationships", "OneToManyRelationshipMetadata", None)
        }
        [part] if part.name == "OneToManyRelationships" && part.key.is_none() => {
            let all = definitions::one_to_many(&call.schema, &table);
            view.many(all, "OneToManyRelationships", "OneToManyRelationshipMetadata", None)
        }
        _ => Err(call.route(operation)),
    }
}

fn add(
    call: &mut Call<'_, '_>,
    operation: &Operation<'_>,
    first: &Segment,
    rest: &[Segment],
) -> Outcome<Reply> {
    match (first.name.as_str(), first.key.as_deref(), rest) {
        ("EntityDefinitions", None, []) => provision::table(call, operation),
        ("RelationshipDefinitions", None, []) => provision::relationship(call, operation),
        ("EntityDefinitions", Some(key), [part]) if part.key.is_none() => {
            let options = Options::default();
            let table = View { call, options: &options, strong: true }.table(key)?;
            match part.name.as_str() {
                "Attributes" => provision::attribute(call, operation, &table),
                "Keys" => provision::key(call, operation, &table),
                _ => Err(call.route(operation)),
            }
        }
        _ => Err(ApiError::left_out("this kind of definition")),
    }
}

struct View<'a, 's, 'e> {
    call: &'a Call<'s, 'e>,
    options: &'a Options,
    strong: bool,
}

impl View<'_, '_, '_> {
    fn visible(&self, from_ms: u64) -> bool {
        self.strong || from_ms <= self.call.session.now_ms
    }

    fn table(&self, key: &str) -> Outcome<Table> {
        let schema = &self.call.schema;
        let found = match key_name(key)? {
            KeyName::Name(name) => schema.by_logical(&name),
            KeyName::Id(id) => schema.tables().find(|table| definitions::table_id(table) == id),
        };
        let found = found.filter(|table| self.visible(table.visible_ms));
        found.cloned().ok_or_else(|| missing(key))
    }

    fn tables(&self) -> Outcome<Reply> {
        let schema = &self.call.schema;
        let tables = schema.tables().filter(|table| self.visible(table.visible_ms));
        let all: Vec<(Value, Option<&Table>)> =
            tables.map(|table| (definitions::table(table), Some(table))).collect();
        self.list(all, "EntityDefinitions", "EntityMetadata")
    }

    fn attributes(&self, table: &Table, part: &Segment, cast: Option<&Segment>) -> Outcome<Reply> {
        let class = match cast {
            None => None,
            Some(cast) => {
                let class = cast.name.strip_prefix("Microsoft.Dynamics.CRM.").filter(|_| cast.key.is_none());
                Some(
                    class
                        .filter(|class| class.ends_with("AttributeMetadata"))
                        .ok_or_else(|| ApiError::segment(&cast.name))?,
                )
            }
        };
        let faults = &self.call.faults;
        let columns = table.columns.iter().filter(|column| self.visible(column.visible_ms));
        let mut all: Vec<Value> = columns
            .filter(|column| class.is_none_or(|class| definitions::class(column) == class))
            .map(|column| definitions::column(table, column, faults))
            .collect();
        let kind = class.unwrap_or("AttributeMetadata");
        let context =
            format!("EntityDefinitions('{}')/Attributes/Microsoft.Dynamics.CRM.{kind}", table.logical);
        let Some(key) = &part.key else { return self.many(all, &context, kind, None) };
        let (member, wanted) = match key_name(key)? {
            KeyName::Name(name) => ("LogicalName", name),
            KeyName::Id(id) => ("MetadataId", guid::text(id)),
        };
        all.retain(|value| value.get(member).and_then(Value::as_str) == Some(&wanted));
        let found = all.pop().ok_or_else(|| missing(key))?;
        self.one(&found, &context, kind, None)
    }

    fn keys(&self, table: &Table, part: &Segment) -> Outcome<Reply> {
        let now_ms = self.call.session.now_ms;
        let mut all: Vec<Value> = table.keys.iter().map(|key| definitions::key(table, key, now_ms)).collect();
        let context = format!("EntityDefinitions('{}')/Keys", table.logical);
        let Some(key) = &part.key else { return self.many(all, &context, "EntityKeyMetadata", None) };
        let (member, wanted) = match key_name(key)? {
            KeyName::Name(name) => ("LogicalName", name),
            KeyName::Id(id) => ("MetadataId", guid::text(id)),
        };
        all.retain(|value| value.get(member).and_then(Value::as_str) == Some(&wanted));
        let found = all.pop().ok_or_else(|| missing(key))?;
        self.one(&found, &context, "EntityKeyMetadata", None)
    }

    fn one(&self, value: &Value, context: &str, kind: &str, table: Option<&Table>) -> Outcome<Reply> {
        let select = self.select();
        let mut shown = self.shape(value, kind, select.as_deref(), table)?;
        let names = select.map(|names| format!("({})", names.join(","))).unwrap_or_default();
        let address = format!("{}/$metadata#{context}{names}/$entity", self.call.base());
        shown.insert("@odata.context".to_owned(), Value::from(address));
        Ok(Reply::json(200, Value::Object(shown).to_string()))
    }

    fn many(&self, all: Vec<Value>, context: &str, kind: &str, table: Option<&Table>) -> Outcome<Reply> {
        self.list(all.into_iter().map(|value| (value, table)).collect(), context, kind)
    }

    fn list(&self, all: Vec<(Value, Option<&Table>)>, context: &str, kind: &str) -> Outcome<Reply> {
        let filter = self.options.get("$filter");
        let filter = filter.map(|text| filter::parse(text, &self.options.pairs)).transpose()?;
        let select = self.select();
        let top = self.options.get("$top").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
        let mut shown = Vec::new();
        for (value, table) in all {
            let passes = filter.as_ref().map(|filter| holds(filter, &value, kind)).transpose()?;
            if passes != Some(false) && shown.len() < top {
                shown.push(Value::Object(self.shape(&value, kind, select.as_deref(), table)?));
            }
        }
        let names = select.map(|names| format!("({})", names.join(","))).unwrap_or_default();
        let mut body = Map::new();
        let address = format!("{}/$metadata#{context}{names}", self.call.base());
        body.insert("@odata.context".to_owned(), Value::from(address));
        if self.options.get("$count") == Some("true") {
            body.insert("@odata.count".to_owned(), Value::from(shown.len()));
        }
        body.insert("value".to_owned(), Value::Array(shown));
        Ok(Reply::json(200, Value::Object(body).to_string()))
    }

    fn select(&self) -> Option<Vec<String>> {
        let text = self.options.get("$select")?;
        Some(text.split(',').map(|name| name.trim().to_owned()).collect())
    }

    /// Selects members and adds what `$expand` asks for.
    fn shape(
        &self,
        value: &Value,
        kind: &str,
        select: Option<&[String]>,
        table: Option<&Table>,
    ) -> Outcome<Map<String, Value>> {
        let mut shown = project(value, kind, select)?;
        for expand in self.expands()? {
            let select = expand.select.as_deref();
            let expanded = match (expand.name.as_str(), table) {
                ("Attributes", Some(table)) => {
                    let columns = table.columns.iter().filter(|column| self.visible(column.visible_ms));
                    let all = columns.map(|column| {
                        let value = definitions::column(table, column, &self.call.faults);
                        project(&value, "AttributeMetadata", select).map(Value::Object)
                    });
                    Value::Array(all.collect::<Outcome<_>>()?)
                }
                ("Keys", Some(table)) => {
                    let now_ms = self.call.session.now_ms;
                    let all = table.keys.iter().map(|key| {
                        let value = definitions::key(table, key, now_ms);
                        project(&value, "EntityKeyMetadata", select).map(Value::Object)
                    });
                    Value::Array(all.collect::<Outcome<_>>()?)
                }
                ("ManyToOneRelationships", Some(table)) => {
                    let all = definitions::many_to_one(&self.call.schema, table).into_iter().map(|value| {
                        project(&value, "OneToManyRelationshipMetadata", select).map(Value::Object)
                    });
                    Value::Array(all.collect::<Outcome<_>>()?)
                }
                ("OptionSet", None) if value.get("OptionSet").is_some() => {
                    let set = value.get("OptionSet").unwrap_or(&Value::Null);
                    Value::Object(project(set, "OptionSetMetadata", select)?)
                }
                ("GlobalOptionSet", None) if value.get("OptionSet").is_some() => Value::Null,
                ("AsyncJob", None) if kind == "EntityKeyMetadata" => Value::Null,
                (name, _) => return Err(ApiError::unknown_property(kind, name)),
            };
            shown.insert(expand.name, expanded);
        }
        Ok(shown)
    }

    fn expands(&self) -> Outcome<Vec<Expand>> {
        let Some(text) = self.options.get("$expand") else { return Ok(Vec::new()) };
        resource::split_outside(text, ',').into_iter().map(|part| read_expand(part.trim())).collect()
    }
}

fn read_expand(part: &str) -> Outcome<Expand> {
    let Some((name, rest)) = part.split_once('(') else {
        return Ok(Expand { name: part.to_owned(), select: None });
    };
    let inner = rest.strip_suffix(')').ok_or_else(resource::bad_syntax)?;
    let mut select = None;
    for option in inner.split(';') {
        let names = option.trim().strip_prefix("$select=");
        let names = names.ok_or_else(|| ApiError::left_out("an option of $expand other than $select"))?;
        select = Some(names.split(',').map(|name| name.trim().to_owned()).collect());
    }
    Ok(Expand { name: name.to_owned(), select })
}

/// The selected members; the type and the identifier are always there. `OptionSet` shows only when it is expanded.
fn project(value: &Value, kind: &str, select: Option<&[String]>) -> Outcome<Map<String, Value>> {
    let Value::Object(members) = value else { return Ok(Map::new()) };
    let Some(names) = select else {
        let kept = members.iter().filter(|(name, _)| *name != "OptionSet");
        return Ok(kept.map(|(name, value)| (name.clone(), value.clone())).collect());
    };
    let mut shown = Map::new();
    for name in ["@odata.type", "MetadataId"] {
        if let Some(value) = members.get(name) {
            shown.insert(name.to_owned(), value.clone());
        }
    }
    for name in names {
        // An untyped column has only the members that all columns share.
        let shared = kind != "AttributeMetadata" || definitions::SHARED_MEMBERS.contains(&name.as_str());
        let found = members.get(name).filter(|_| shared && name != "OptionSet");
        let found = found.ok_or_else(|| ApiError::unknown_property(kind, name))?;
        shown.insert(name.clone(), found.clone());
    }
    Ok(shown)
}

enum KeyName {
    Name(String),
    Id(u128),
}

fn key_name(key: &str) -> Outcome<KeyName> {
    if let Some(id) = guid::parse(key) {
        return Ok(KeyName::Id(id));
    }
    let literal = key.strip_prefix("LogicalName=").ok_or_else(resource::bad_syntax)?;
    resource::unquote(literal).map(KeyName::Name).ok_or_else(resource::bad_syntax)
}

/// A definition that is not there (code not published).
fn missing(key: &str) -> ApiError {
    let name = key.strip_prefix("LogicalName=").unwrap_or(key).trim_matches('\'');
    let text = format!(
        "Could not find an entity with name {name} in the metadata cache: the entity with a name = '{name}' with \
         namemapping = 'Logical' could not be found in the MetadataCache."
    );
    ApiError::new(404, "0x80060888", text)
}

fn holds(expression: &Expression, value: &Value, kind: &str) -> Outcome<bool> {
    Ok(match expression {
        Expression::And(left, right) => holds(left, value, kind)? && holds(right, value, kind)?,
        Expression::Or(left, right) => holds(left, value, kind)? || holds(right, value, kind)?,
        Expression::Not(inner) => !holds(inner, value, kind)?,
        Expression::Compare(name, operator, literal) => {
            let member = member(value, name, kind)?;
            let same = match literal {
                Literal::Null => member.is_null(),
                Literal::Text(text) | Literal::Enum(text) => member.as_str() == Some(text),
                Literal::Bool(flag) => member.as_bool() == Some(*flag),
                Literal::Int(whole) => member.as_i64() == Some(*whole),
                Literal::Guid(id) => member.as_str().and_then(guid::parse) == Some(*id),
                Literal::Number(_) | Literal::Instant(_) | Literal::Date(_) => false,
            };
            match operator {
                Operator::Equal => same,
                Operator::NotEqual => !same,
                _ => return Err(ApiError::left_out("an order comparison of definitions")),
            }
        }
        Expression::Text(test, name, wanted) => {
            let text = member(value, name, kind)?.as_str().unwrap_or_default();
            match test {
                TextTest::Contains => text.contains(wanted.as_str()),
                TextTest::StartsWith => text.starts_with(wanted.as_str()),
                TextTest::EndsWith => text.ends_with(wanted.as_str()),
            }
        }
        Expression::In(..) => return Err(ApiError::left_out("a query function on definitions")),
    })
}

/// A member by its name or by a path such as `IsCustomizable/Value`.
fn member<'a>(value: &'a Value, name: &str, kind: &str) -> Outcome<&'a Value> {
    let mut found = value;
    for part in name.split('/') {
        found = found.get(part).ok_or_else(|| ApiError::unknown_property(kind, name))?;
    }
    Ok(found)
}
