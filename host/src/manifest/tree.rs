//! The manifest as a tree of values that remember where they were written.

use std::fmt;

use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::map::Map;

use super::place::Mark;
use super::problem::Report;

/// Deepest nesting of tables and lists.
const MAX_DEPTH: usize = 64;

/// One step into a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A table's key.
    Key(String),
    /// A list's index, from 0.
    Index(usize),
}

/// Where in a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Path(Vec<Step>);

impl Path {
    /// A path of keys.
    pub(super) fn of(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| Step::Key((*key).to_owned())).collect())
    }

    /// One key deeper.
    pub(super) fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Self(steps)
    }

    /// One list entry deeper.
    pub(super) fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }

    /// What holds it; none of the root.
    pub(super) fn parent(&self) -> Option<Self> {
        let (_, parents) = self.0.split_last()?;
        Some(Self(parents.to_vec()))
    }

    /// Itself, then what holds it, up to the root.
    pub(super) fn and_parents(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    /// The steps from the root.
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The key at a depth, from 0.
    pub(super) fn key_at(&self, depth: usize) -> Option<&str> {
        match self.0.get(depth)? {
            Step::Key(key) => Some(key),
            Step::Index(_) => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let dot = if depth > 0 { "." } else { "" };
                    write!(f, "{dot}{}", shown_key(key))?;
                }
            }
        }
        Ok(())
    }
}

/// A key as it would be written in TOML, cut where it is absurdly long.
pub(super) fn shown_key(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let shown = shown_text(key);
    if bare { shown } else { format!("\"{shown}\"") }
}

/// A text fit for one line of a terminal: control characters escaped, cut after 80 characters.
pub(super) fn shown_text(text: &str) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == 80 {
            shown.push('…');
            break;
        }
        if c.is_control() || c == '"' {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A sentence of a component, fit for one line of a terminal.
pub(super) fn shown_sentence(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where its key stands; where the value stands if it has none.
    pub(super) key: Mark,
    /// Where the value stands; for a table with a header, the header.
    pub(super) mark: Mark,
    /// Whether its text comes from outside the manifest and must not be repeated in a message.
    pub(super) expanded: bool,
    /// The value.
    pub(super) data: Data,
}

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// A text.
    Text(String),
    /// A number, `true` or `false`.
    Plain(Value),
    /// A list.
    List(Vec<Node>),
    /// A table, in the order of the file.
    Table(Map<String, Node>),
}

impl Node {
    /// Turns a parsed document into a tree; what JSON has no word for becomes a problem.
    pub(super) fn from_table(table: Spanned<DeTable<'_>>, report: &mut Report) -> Self {
        let mark = Mark::Byte(0);
        let mut reader = Reader { report, flag: None };
        let data = reader.table(table.into_inner(), &Path::default());
        Self { key: mark, mark, expanded: false, data }
    }

    /// Turns the value of a flag into a tree whose places all are that flag.
    pub(super) fn from_flag(
        value: Spanned<DeValue<'_>>,
        flag: usize,
        path: &Path,
        report: &mut Report,
    ) -> Self {
        Reader { report, flag: Some(flag) }.node(Mark::Flag(flag), value, path)
    }

    /// An empty table at a mark.
    pub(super) fn empty(mark: Mark) -> Self {
        Self { key: mark, mark, expanded: false, data: Data::Table(Map::new()) }
    }

    /// The node at a path.
    pub(super) fn at(&self, path: &Path) -> Option<&Self> {
        path.steps().iter().try_fold(self, |node, step| match (&node.data, step) {
            (Data::Table(table), Step::Key(key)) => table.get(key.as_str()),
            (Data::List(list), Step::Index(index)) => list.get(*index),
            _ => None,
        })
    }

    /// Where to point for what is missing at a path: the nearest table that exists, none for the root.
    pub(super) fn holder_mark(&self, path: &Path) -> Option<Mark> {
        path.and_parents()
            .find_map(|path| if path.steps().is_empty() { None } else { self.at(&path) })
            .map(|node| node.mark)
    }

    /// The path that a JSON Pointer names below a base.
    pub(super) fn locate(&self, base: &Path, pointer: &str) -> Path {
        let mut path = base.clone();
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let in_list = matches!(self.at(&path).map(|node| &node.data), Some(Data::List(_)));
            path = match segment.parse() {
                Ok(index) if in_list => path.index(index),
                _ => path.key(&segment),
            };
        }
        path
    }

    /// The text, where it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, where it is a list.
    pub(super) fn list(&self) -> Option<&[Self]> {
        match &self.data {
            Data::List(list) => Some(list),
            _ => None,
        }
    }

    /// The table, where it is one.
    pub(super) fn table(&self) -> Option<&Map<String, Self>> {
        match &self.data {
            Data::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The value as JSON.
    pub(super) fn to_json(&self) -> Value {
        match &self.data {
            Data::Text(text) => Value::String(text.clone()),
            Data::Plain(value) => value.clone(),
            Data::List(list) => list.iter().map(Self::to_json).collect(),
            Data::Table(table) => {
                Value::Object(table.iter().map(|(key, node)| (key.clone(), node.to_json())).collect())
            }
        }
    }

    /// The text in back-quotes, or `the value` where it must not be repeated.
    pub(super) fn shown(&self) -> String {
        match &self.data {
            Data::Text(text) if !self.expanded => format!("`{}`", shown_text(text)),
            Data::Plain(value) => format!("`{value}`"),
            _ => "the value".to_owned(),
        }
    }
}

/// Reads parsed TOML into nodes.
struct Reader<'a> {
    report: &'a mut Report,
    flag: Option<usize>,
}

impl Reader<'_> {
    fn mark(&self, offset: usize) -> Mark {
        self.flag.map_or(Mark::Byte(offset), Mark::Flag)
    }

    fn node(&mut self, key: Mark, value: Spanned<DeValue<'_>>, path: &Path) -> Node {
        let mark = self.mark(value.span().start);
        let data = match value.into_inner() {
            DeValue::String(text) => Data::Text(text.into_owned()),
            DeValue::Boolean(value) => Data::Plain(Value::Bool(value)),
            DeValue::Datetime(time) => Data::Text(time.to_string()),
            DeValue::Integer(number) => {
                let digits = number.as_str();
                let read = i64::from_str_radix(digits, number.radix()).map(Number::from);
                let read = read.or_else(|_| u64::from_str_radix(digits, number.radix()).map(Number::from));
                self.number(read.ok(), "the number is too large", mark, path)
            }
            DeValue::Float(number) => {
                let read = number.as_str().parse().ok().and_then(Number::from_f64);
                self.number(read, "the number is not finite", mark, path)
            }
            DeValue::Array(list) => self.list(list, path),
            DeValue::Table(table) => self.table(table, path),
        };
        Node { key, mark, expanded: false, data }
    }

    fn number(&mut self, number: Option<Number>, wrong: &str, mark: Mark, path: &Path) -> Data {
        let Some(number) = number else {
            let help = "write a number that fits into 64 bits".to_owned();
            self.report.error(Some(mark), path, wrong.to_owned(), Some(help));
            self.report.distrust(path);
            return Data::Plain(Value::Null);
        };
        Data::Plain(Value::Number(number))
    }

    fn list(&mut self, list: toml::de::DeArray<'_>, path: &Path) -> Data {
        let entries = list.into_iter().enumerate();
        let nodes = entries.map(|(index, value)| {
            let path = path.index(index);
            let mark = self.mark(value.span().start);
            self.deeper(mark, value, &path)
        });
        Data::List(nodes.collect())
    }

    fn table(&mut self, table: DeTable<'_>, path: &Path) -> Data {
        let entries = table.into_iter();
        let nodes = entries.map(|(key, value)| {
            let path = path.key(key.get_ref());
            let mark = self.mark(key.span().start);
            (key.into_inner().into_owned(), self.deeper(mark, value, &path))
        });
        Data::Table(nodes.collect())
    }

    fn deeper(&mut self, key: Mark, value: Spanned<DeValue<'_>>, path: &Path) -> Node {
        if path.steps().len() <= MAX_DEPTH {
            return self.node(key, value, path);
        }
        let help = format!("nest at most {MAX_DEPTH} levels");
        let root = Path(path.steps().iter().take(1).cloned().collect());
        self.report.error(Some(key), &root, "tables and lists are nested too deeply".to_owned(), Some(help));
        self.report.distrust(&root);
        Node::empty(key)
    }
}
