//! First pass: bytes become a tree with places. Syntax errors end here, all of them told.

use toml::de::DeTable;

use super::place::{Lines, Mark};
use super::problem::{Problem, Report};
use super::tree::{Node, Path, shown_text};

/// Largest manifest.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// Most syntax errors that are looked at: a file with more of them is no manifest.
const MAX_SYNTAX_ERRORS: usize = 1000;

/// A manifest that is TOML.
pub(super) struct Parsed {
    /// What it says.
    pub(super) root: Node,
}

/// Reads a manifest; on failure everything that is no TOML.
pub(super) fn parse(
    bytes: Vec<u8>,
    input: &str,
    flags: Vec<String>,
) -> Result<(Parsed, Report), Vec<Problem>> {
    let whole = Path::default();
    if bytes.len() > MAX_BYTES {
        let mut report = Report::new(input.to_owned(), Lines::new(String::new()), flags);
        let message = format!("the manifest is larger than {MAX_BYTES} bytes");
        report.error(None, &whole, message, Some("check that this file is a manifest".to_owned()));
        return Err(report.into_problems());
    }
    let (text, broken) = match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            (String::from_utf8_lossy(error.as_bytes()).into_owned(), Some(valid))
        }
    };
    let mut report = Report::new(input.to_owned(), Lines::new(text.clone()), flags);
    if let Some(offset) = broken {
        let help = "save the file in the encoding UTF-8".to_owned();
        report.error(Some(Mark::Byte(offset)), &whole, "the file is not UTF-8".to_owned(), Some(help));
        return Err(report.into_problems());
    }
    let (table, errors) = DeTable::parse_recoverable(&text);
    if !errors.is_empty() {
        syntax(&text, &errors, &mut report);
        return Err(report.into_problems());
    }
    let root = Node::from_table(table, &mut report);
    Ok((Parsed { root }, report))
}

/// Tells one problem a line: what follows it there is most often its echo.
fn syntax(text: &str, errors: &[toml::de::Error], report: &mut Report) {
    let mut last_line = None;
    let mut twice_header = None;
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        let mut offset = error.span().map_or(0, |span| span.start).min(text.len());
        if text.get(offset..).is_some_and(|rest| rest.trim().is_empty()) {
            // An error at the end of the file is about what was begun and not ended: point at its last word.
            offset = text.trim_end().len();
        }
        let line = report.line(offset);
        if last_line.replace(line) == Some(line) {
            continue;
        }
        let twice = error.message().starts_with("duplicate key");
        let header = if twice { last_header(text, offset) } else { None };
        if twice && header.is_some() && twice_header == header {
            continue; // A table given twice: its keys are then no news.
        }
        if twice && header.is_some_and(|header| report.line(header) == line) {
            twice_header = header;
        }
        let (message, help) = sentence(error.message());
        let key = error.span().and_then(|span| text.get(span)).filter(|key| twice && key.len() <= 64);
        let key = key.map(|key| format!(": `{}`", shown_text(key))).unwrap_or_default();
        let message = format!("not valid TOML: {message}{key}");
        report.error(Some(Mark::Byte(offset)), &Path::default(), message, Some(help));
    }
}

/// Where the header of the table begins that a byte is in.
fn last_header(text: &str, offset: usize) -> Option<usize> {
    let before = text.get(..offset)?;
    match before.rfind("\n[") {
        Some(start) => Some(start + 1),
        None => before.starts_with('[').then_some(0),
    }
}

/// Our sentence and hint for what the parser found; the parser's own words only where we have none.
fn sentence(found: &str) -> (String, String) {
    let (what, expected) = found.split_once(", expected ").unwrap_or((found, ""));
    let known = SENTENCES.iter().find(|(start, ..)| what.starts_with(start));
    match known {
        Some((_, message, help)) => ((*message).to_owned(), (*help).to_owned()),
        None if expected.is_empty() => (what.to_owned(), TOML_HELP.to_owned()),
        None => (what.to_owned(), format!("expected here: {expected}")),
    }
}

const TOML_HELP: &str = "write `key = value`, one a line, under headers such as `[source]`";

/// Start of the parser's message, our message, our hint.
const SENTENCES: &[(&str, &str, &str)] = &[
    (
        "string values must be quoted",
        "a value is missing or has no quotes",
        "write texts in quotes: `key = \"text\"`",
    ),
    ("duplicate key", "the key or table is given twice", "keep one of the two, and move its keys together"),
    ("unclosed table", "the header's `]` is missing", "write the header as `[name]`"),
    ("unclosed array", "the list's `]` is missing", "end the list with `]`"),
    ("unclosed inline table", "the table's `}` is missing", "end the table with `}`"),
    ("invalid boolean", "neither `true` nor `false`", "write `true`, `false`, or a text in quotes"),
    (
        "invalid literal string",
        "the text's closing quote is missing",
        "end the text with the quote it starts with",
    ),
    (
        "invalid basic string",
        "the text's closing quote is missing",
        "end the text with the quote it starts with",
    ),
    (
        "missing escaped value",
        "an unknown escape after `\\`",
        "write `\\\\` for one backslash, or put the text in single quotes, which have no escapes",
    ),
    (
        "too few unicode value digits",
        "an incomplete escape after `\\`",
        "write `\\\\` for one backslash, or put the text in single quotes, which have no escapes",
    ),
    ("invalid key-value pair", "this is not `key = value`", TOML_HELP),
    ("unquoted keys cannot be empty", "the key before `=` is missing", TOML_HELP),
    ("key with no value", "the key has no `=`", TOML_HELP),
    (
        "unexpected key or value",
        "something stands after the value",
        "begin a new line, or put `#` before a comment",
    ),
    (
        "invalid unquoted key",
        "the key has a character that needs quotes",
        "use letters, digits, `_` and `-`, or put the key in quotes",
    ),
    (
        "unexpected leading zero",
        "the number begins with 0",
        "leave the leading zeros out, or put it in quotes as a text",
    ),
    ("cannot extend value", "the key is given as a value and as a table", "keep one of the two"),
    ("cannot recurse further", "tables and lists are nested too deeply", "nest at most 64 levels"),
    (
        "carriage return must be",
        "a carriage return without a line feed",
        "save the file with ordinary line ends",
    ),
];
