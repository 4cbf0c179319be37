//! Overrides: what `--set KEY=VALUE` puts into the tree before anything is checked.

use toml::de::{DeTable, DeValue};
use toml::map::Map;

use super::parse::{MAX_BYTES, Parsed};
use super::place::Mark;
use super::problem::Report;
use super::tree::{Data, Node, Path, shown_text};

/// One `--set KEY=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The dotted path, as in TOML: `source.config.page`.
    pub key: String,
    /// The value as TOML: `5`, `true`, `"text"`, `["a", "b"]`.
    pub value: String,
}

impl Override {
    /// Splits `KEY=VALUE` at the first `=`; none without one.
    pub fn split(text: &str) -> Option<Self> {
        let (key, value) = text.split_once('=')?;
        Some(Self { key: key.trim().to_owned(), value: value.trim().to_owned() })
    }

    /// The key as messages name it.
    pub(super) fn shown(&self) -> String {
        shown_text(&self.key)
    }
}

/// Puts the overrides into the tree, the last one of a key winning.
pub(super) fn apply(parsed: &mut Parsed, overrides: &[Override], report: &mut Report) {
    for (index, given) in overrides.iter().enumerate() {
        let mark = Mark::Flag(index);
        let Some(keys) = keys(&given.key) else {
            let help = "write the key as dotted names, such as `limits.page_records`".to_owned();
            report.error(Some(mark), &Path::default(), "the key is not a dotted path".to_owned(), Some(help));
            continue;
        };
        let path = keys.iter().fold(Path::default(), |path, key| path.key(key));
        let (value, errors) = DeValue::parse_recoverable(&given.value);
        if !errors.is_empty() || given.value.len() > MAX_BYTES {
            // The value may be a secret: it is not repeated.
            let help = format!("write TOML; a text keeps its quotes: `--set '{}=\"text\"'`", given.shown());
            report.error(Some(mark), &path, "the value is not valid TOML".to_owned(), Some(help));
            continue;
        }
        let node = Node::from_flag(value, index, &path, report);
        if let Err(holder) = place(&mut parsed.root, &keys, node, mark) {
            let message = format!("cannot be set: `{holder}` is not a table");
            let help = format!("set `{holder}` as a whole");
            report.error(Some(mark), &path, message, Some(help));
        }
    }
}

/// The keys of a dotted path; none where it is no such path.
fn keys(path: &str) -> Option<Vec<String>> {
    if path.contains(['\n', '\r', '=', '#']) || path.len() > 1024 {
        return None;
    }
    let text = format!("{path} = 0");
    let mut table = DeTable::parse(&text).ok()?.into_inner();
    let mut keys = Vec::new();
    loop {
        let (key, value) = table.into_iter().next()?;
        keys.push(key.into_inner().into_owned());
        match value.into_inner() {
            DeValue::Table(deeper) => table = deeper,
            _ => return Some(keys),
        }
    }
}

/// Puts a node at the keys; on failure the path of what is no table.
fn place(root: &mut Node, keys: &[String], node: Node, mark: Mark) -> Result<(), Path> {
    let Some((last, holders)) = keys.split_last() else {
        return Err(Path::default());
    };
    let mut path = Path::default();
    let mut table = match &mut root.data {
        Data::Table(table) => table,
        _ => return Err(path),
    };
    for key in holders {
        path = path.key(key);
        let holder = entry(table, key, mark);
        table = match &mut holder.data {
            Data::Table(table) => table,
            _ => return Err(path),
        };
    }
    table.insert(last.clone(), node);
    Ok(())
}

fn entry<'a>(table: &'a mut Map<String, Node>, key: &str, mark: Mark) -> &'a mut Node {
    table.entry(key.to_owned()).or_insert_with(|| Node::empty(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dotted_paths_as_toml_does() {
        assert_eq!(keys("a.b"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(keys("a.\"b.c\""), Some(vec!["a".to_owned(), "b.c".to_owned()]));
        for path in ["", "a..b", "a b", "a = 1\nb", "[a]", "a#"] {
            assert_eq!(keys(path), None, "{path}");
        }
    }

    #[test]
    fn splits_at_the_first_equals_sign() {
        let given = Override::split("a.b = \"x=y\"").unwrap();
        assert_eq!((given.key.as_str(), given.value.as_str()), ("a.b", "\"x=y\""));
        assert_eq!(Override::split("a.b"), None);
    }
}
