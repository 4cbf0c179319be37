//! Second pass: `${…}` in texts becomes what it stands for.
//!
//! It works on values that are already parsed, so nothing that is filled in can change the manifest's syntax. Secret
//! references are left alone: they are resolved where the secret is used.

use std::borrow::Cow;

use super::parse::Parsed;
use super::problem::Report;
use super::secret;
use super::tree::{Data, Node, Path, shown_text};

/// Most bytes that all that is filled in may add up to.
const MAX_FILLED_BYTES: usize = 4 << 20;

/// Where values come from.
pub(super) struct Outside<'a> {
    /// The environment.
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    /// A file's text, by its path as the manifest writes it; or why not.
    pub(super) file: &'a dyn Fn(&str) -> Result<String, String>,
}

/// A manifest with everything filled in.
pub(super) struct Expanded {
    /// What it says.
    pub(super) root: Node,
}

/// Fills in every text; what cannot be filled in becomes a problem and is not judged further.
pub(super) fn expand(parsed: Parsed, outside: &Outside<'_>, report: &mut Report) -> Expanded {
    let mut root = parsed.root;
    let mut filled_bytes = 0;
    expand_node(&mut root, &Path::default(), outside, &mut filled_bytes, report);
    Expanded { root }
}

fn expand_node(node: &mut Node, path: &Path, outside: &Outside<'_>, filled: &mut usize, report: &mut Report) {
    match &mut node.data {
        Data::Plain(_) => {}
        Data::List(list) => {
            for (index, entry) in list.iter_mut().enumerate() {
                expand_node(entry, &path.index(index), outside, filled, report);
            }
        }
        Data::Table(table) => {
            for (key, entry) in table.iter_mut() {
                expand_node(entry, &path.key(key), outside, filled, report);
            }
        }
        Data::Text(_) if secret::holds(path) => {}
        Data::Text(text) => match expand_text(text, outside) {
            Ok(Cow::Borrowed(_)) => {}
            Ok(Cow::Owned(whole)) => {
                *filled += whole.len();
                *text = whole;
                node.expanded = true;
                if *filled > MAX_FILLED_BYTES {
                    let message = format!("variables and files fill in more than {MAX_FILLED_BYTES} bytes");
                    report.error(Some(node.mark), path, message, Some("fill in less".to_owned()));
                    report.distrust(path);
                }
            }
            Err(Wrong { message, help }) => {
                report.error(Some(node.mark), path, message, Some(help));
                report.distrust(path);
            }
        },
    }
}

/// Why a text cannot be filled in.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    message: String,
    help: String,
}

/// The text filled in; borrowed where it holds nothing to fill in.
fn expand_text<'a>(text: &'a str, outside: &Outside<'_>) -> Result<Cow<'a, str>, Wrong> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let mut whole = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        if let Some(before) = before.strip_suffix('$') {
            whole.push_str(before);
            whole.push_str("${");
            rest = from.get(2..).unwrap_or_default();
            continue;
        }
        whole.push_str(before);
        let inside = from.get(2..).unwrap_or_default();
        let Some((inside, after)) = inside.split_once('}') else {
            return Err(wrong("`${` has no closing `}`", "write `${NAME}`; for a plain `${` write `$${`"));
        };
        if inside.contains("${") {
            return Err(wrong("`${…}` stands inside another", "use one variable with a plain default"));
        }
        whole.push_str(&fill(inside, outside)?);
        rest = after;
        if whole.len() > MAX_FILLED_BYTES {
            return Err(wrong("the text becomes too large", "fill in less"));
        }
    }
    whole.push_str(rest);
    Ok(Cow::Owned(whole))
}

fn wrong(message: impl Into<String>, help: impl Into<String>) -> Wrong {
    Wrong { message: message.into(), help: help.into() }
}

/// What stands for the inside of one `${…}`.
fn fill(inside: &str, outside: &Outside<'_>) -> Result<String, Wrong> {
    let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inside.len());
    let (name, how) = inside.split_at(end);
    if name == "file" && how.starts_with(':') && !how.starts_with(":-") && !how.starts_with(":?") {
        return from_file(how.get(1..).unwrap_or_default(), outside);
    }
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        let message = format!("`${{{}}}` names no variable", shown_text(inside));
        return Err(wrong(message, FORMS));
    }
    let value = (outside.env)(name);
    if how.is_empty() {
        let help = format!("set {name}, or give a default: `${{{name}:-default}}`");
        return value.ok_or_else(|| wrong(format!("the variable {name} is not set"), help));
    }
    let value = value.filter(|value| !value.is_empty());
    if let Some(default) = how.strip_prefix(":-") {
        return Ok(value.unwrap_or_else(|| default.to_owned()));
    }
    if let Some(message) = how.strip_prefix(":?") {
        let why = if message.is_empty() { "it is required" } else { message };
        let message = format!("the variable {name} is not set: {}", shown_text(why));
        return value.ok_or_else(|| wrong(message, format!("set {name}")));
    }
    let message = format!("`${{{}}}` is not understood after the name {name}", shown_text(inside));
    Err(wrong(message, FORMS))
}

const FORMS: &str =
    "write `${NAME}`, `${NAME:-default}`, `${NAME:?message}` or `${file:PATH}`; for a plain `${` write `$${`";

fn from_file(path: &str, outside: &Outside<'_>) -> Result<String, Wrong> {
    if path.is_empty() {
        return Err(wrong("`${file:}` names no file", FORMS));
    }
    let text = (outside.file)(path).map_err(|why| {
        let help = "correct the path, which is relative to the manifest, or make the file readable";
        wrong(format!("the file `{}` cannot be filled in: {why}", shown_text(path)), help)
    })?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let env = |name: &str| match name {
            "HOST" => Some("crm.example.test".to_owned()),
            "EMPTY" => Some(String::new()),
            "DOLLARS" => Some("${HOST}".to_owned()),
            _ => None,
        };
        let file = |path: &str| match path {
            "region.txt" => Ok("north\n".to_owned()),
            _ => Err("it does not exist".to_owned()),
        };
        let outside = Outside { env: &env, file: &file };
        expand_text(text, &outside).map(Cow::into_owned).map_err(|wrong| wrong.message)
    }

    #[test]
    fn fills_in_every_form() {
        for (text, whole) in [
            ("plain $HOST $ 5$", "plain $HOST $ 5$"),
            ("https://${HOST}/x", "https://crm.example.test/x"),
            ("${HOST}${HOST}", "crm.example.testcrm.example.test"),
            ("${NONE:-a:-b}", "a:-b"),
            ("${EMPTY:-a}", "a"),
            ("[${EMPTY}]", "[]"),
            ("${HOST:?needed}", "crm.example.test"),
            ("${file:region.txt}!", "north!"),
            ("${file:-x}", "x"),
            ("$${HOST}", "${HOST}"),
            ("$$${HOST}", "$${HOST}"),
            ("a$${b}${HOST}", "a${b}crm.example.test"),
            ("${DOLLARS}", "${HOST}"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(whole), "{text}");
        }
    }

    #[test]
    fn says_what_cannot_be_filled_in() {
        for (text, message) in [
            ("${NONE}", "the variable NONE is not set"),
            ("${NONE:?ask the owner}", "the variable NONE is not set: ask the owner"),
            ("${EMPTY:?}", "the variable EMPTY is not set: it is required"),
            ("x${HOST", "`${` has no closing `}`"),
            ("${}", "`${}` names no variable"),
            ("${1A}", "`${1A}` names no variable"),
            ("${A-B}", "`${A-B}` is not understood after the name A"),
            ("${A:-${B}}", "`${…}` stands inside another"),
            ("${file:}", "`${file:}` names no file"),
            ("${file:no.txt}", "the file `no.txt` cannot be filled in: it does not exist"),
        ] {
            assert_eq!(filled(text), Err(message.to_owned()), "{text}");
        }
    }
}
