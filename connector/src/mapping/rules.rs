//! The mapping compiled against a table: every column name is resolved once, to a small index.

use std::collections::BTreeMap;

use super::columns::{Column, Kind, Table};
use super::fields::{BAND, DEFAULTS, SENSITIVE, canonical};
use super::template::Template;
use super::values::OverLong;

const SUBJECT: &str = "subject";
const DESCRIPTION: &str = "description";
const LEAD_SOURCE: &str = "leadsourcecode";

/// What the configuration says about mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// From profile field to column; an empty column leaves the field without one.
    pub columns: BTreeMap<String, String>,
    /// What the lead is about.
    pub subject: Template,
    /// The value for `leadsourcecode`.
    pub lead_source: Option<i64>,
    /// What happens to values that are too long.
    pub over_long: OverLong,
}

/// Something in the settings that the table cannot do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON Pointer into the configuration; empty for a default.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
    /// Whether nothing can be written before it is mended. Defaults that the table lacks are not: their answers go to
    /// the description.
    pub fatal: bool,
}

/// How the answers of one field are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    /// In the first of these columns that is free and long enough.
    Columns { slots: Vec<usize>, late: bool, band: bool },
    /// As a line of the description.
    Description,
    /// Nowhere.
    Omit,
}

/// The compiled mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub(crate) slots: Vec<Column>,
    pub(crate) subject: Option<(usize, Template)>,
    pub(crate) lead_source: Option<(usize, i64)>,
    pub(crate) description: Option<usize>,
    pub(crate) over_long: OverLong,
    fields: Vec<(String, Rule)>,
}

impl Rules {
    /// Resolves the settings, and says everything that is wrong with them.
    pub fn compile(settings: &Settings, table: &Table) -> (Self, Vec<Problem>) {
        let mut compiler = Compiler { table, slots: Vec::new(), problems: Vec::new() };
        let subject = compiler.default_slot(SUBJECT).map(|slot| (slot, settings.subject.clone()));
        let fields = compiler.fields(&settings.columns);
        let description = compiler.default_slot(DESCRIPTION);
        let lead_source = settings.lead_source.and_then(|value| compiler.lead_source(value));
        let rules = Self {
            slots: compiler.slots,
            subject,
            lead_source,
            description,
            over_long: settings.over_long,
            fields,
        };
        (rules, compiler.problems)
    }

    /// The logical names of the columns that rows may fill.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|column| column.name.as_str())
    }

    /// How the answers of a field are kept; none for fields that nobody mapped.
    pub(crate) fn field(&self, name: &str) -> Option<&Rule> {
        let name = canonical(name);
        let at = self.fields.binary_search_by(|(field, _)| field.as_str().cmp(name)).ok()?;
        self.fields.get(at).map(|(_, rule)| rule)
    }
}

struct Compiler<'a> {
    table: &'a Table,
    slots: Vec<Column>,
    problems: Vec<Problem>,
}

impl Compiler<'_> {
    /// Field rules, sorted by name: the defaults, with the configured ones over them.
    fn fields(&mut self, configured: &BTreeMap<String, String>) -> Vec<(String, Rule)> {
        let mut rules = BTreeMap::from([(SENSITIVE.to_owned(), Rule::Omit)]);
        let by_name = self.by_canonical_name(configured);
        for default in &DEFAULTS {
            if by_name.contains_key(default.field) {
                continue;
            }
            let slots: Vec<usize> =
                default.columns.iter().filter_map(|name| self.default_slot(name)).collect();
            let band = default.field == BAND;
            let rule = match slots.is_empty() {
                true => Rule::Description,
                false => Rule::Columns { slots, late: default.late, band },
            };
            rules.insert(default.field.to_owned(), rule);
        }
        for (name, (spelling, column)) in by_name {
            match column {
                "" if name == SENSITIVE => {}
                "" | DESCRIPTION => drop(rules.insert(name.to_owned(), Rule::Description)),
                column => {
                    if let Some(slot) = self.configured_slot(spelling, column) {
                        let rule = Rule::Columns { slots: vec![slot], late: false, band: name == BAND };
                        rules.insert(name.to_owned(), rule);
                    }
                }
            }
        }
        rules.into_iter().collect()
    }

    /// Two spellings of one field are a mistake that must not be decided silently.
    fn by_canonical_name<'b>(
        &mut self,
        configured: &'b BTreeMap<String, String>,
    ) -> BTreeMap<&'b str, (&'b str, &'b str)> {
        let mut by_name = BTreeMap::new();
        for (field, column) in configured {
            let name = canonical(field);
            if let Some((other, _)) = by_name.insert(name, (field.as_str(), column.as_str())) {
                let message =
                    format!("{other} and {field} are spellings of one field; keep one of the two lines");
                self.problems.push(Problem { path: pointer(field), message, fatal: true });
            }
        }
        by_name
    }

    /// A column that nobody asked for by name. Its absence is worth a warning, once.
    fn default_slot(&mut self, name: &str) -> Option<usize> {
        match self.table.column(name) {
            Some(column) if column.writable && !matches!(column.kind, Kind::Choice { .. }) => {
                Some(self.slot(&column.clone()))
            }
            Some(column) => {
                let kind = column.kind.name();
                self.warn(&format!("column {name} of lead cannot be filled (it is {kind})"));
                None
            }
            None => {
                self.warn(&format!("lead has no text or number column {name}"));
                None
            }
        }
    }

    fn warn(&mut self, what: &str) {
        let message = format!("{what}; answers for it go to the description, where there is one");
        if !self.problems.iter().any(|problem| problem.message == message) {
            self.problems.push(Problem { path: String::new(), message, fatal: false });
        }
    }

    fn configured_slot(&mut self, field: &str, name: &str) -> Option<usize> {
        let message = match self.table.column(name) {
            Some(column) if matches!(column.kind, Kind::Choice { .. }) => {
                format!("column {name} of lead is a choice; map {field} to a text or whole-number column")
            }
            Some(column) if !column.writable => {
                format!("column {name} of lead is read-only; map {field} to another column")
            }
            Some(column) => return Some(self.slot(&column.clone())),
            None => format!(
                "lead has no text or whole-number column {name}; create it, or map {field} to another column"
            ),
        };
        self.problems.push(Problem { path: pointer(field), message, fatal: true });
        None
    }

    fn lead_source(&mut self, value: i64) -> Option<(usize, i64)> {
        let message = match self.table.column(LEAD_SOURCE) {
            Some(Column { kind: Kind::Choice { values }, writable: true, .. })
                if !values.contains(&value) =>
            {
                let known: Vec<String> = values.iter().map(ToString::to_string).collect();
                format!(
                    "{LEAD_SOURCE} of lead has no choice {value}; it has {}; choose one of them or \"none\"",
                    known.join(", ")
                )
            }
            Some(column) if column.writable => return Some((self.slot(&column.clone()), value)),
            Some(_) => format!("{LEAD_SOURCE} of lead is read-only; set lead_source to \"none\""),
            None => format!("lead has no choice column {LEAD_SOURCE}; set lead_source to \"none\""),
        };
        self.problems.push(Problem { path: "/lead_source".to_owned(), message, fatal: true });
        None
    }

    fn slot(&mut self, column: &Column) -> usize {
        match self.slots.iter().position(|slot| slot.name == column.name) {
            Some(at) => at,
            None => {
                self.slots.push(column.clone());
                self.slots.len() - 1
            }
        }
    }
}

fn pointer(field: &str) -> String {
    format!("/mapping/columns/{}", field.replace('~', "~0").replace('/', "~1"))
}
