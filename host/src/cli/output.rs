//! Standard output and standard error: text for people or JSON for machines, never both.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use serde::Serialize;

use super::args::Format;
use super::exit::Exit;

/// Width of tables where there is no terminal to ask.
const WIDTH: u16 = 120;

/// Where results go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    format: Format,
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        Self { format }
    }

    /// Whether machines read the result.
    pub(super) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Writes the result in the chosen form.
    pub(super) fn result<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) {
        let written = match self.format {
            Format::Json => to_json(value),
            Format::Text => text(),
        };
        print(&written);
    }

    /// Says why the command ends, and with which code it does. A message of several lines tells several errors.
    pub(super) fn fail(self, exit: Exit, message: &str) -> Exit {
        match self.format {
            Format::Json => print(&to_json(&serde_json::json!({ "error": message }))),
            Format::Text => message.lines().for_each(|line| say(&format!("error: {line}"))),
        }
        exit
    }

    /// A sentence beside the result, for people only.
    pub(super) fn note(self, message: &str) {
        if self.format == Format::Text {
            say(message);
        }
    }
}

/// Pretty on a terminal, one line in a pipe.
fn to_json<T: Serialize>(value: &T) -> String {
    let written = if io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    written.unwrap_or_else(|error| format!("{{\"error\":\"cannot write the result: {error}\"}}"))
}

/// Writes a line. A reader that has gone away wants no more, and that is no error; a result that cannot be written
/// for another reason ends the process, since nobody would learn of it otherwise.
pub(super) fn print(text: &str) {
    let written = writeln!(io::stdout(), "{text}").and_then(|()| io::stdout().flush());
    if let Err(error) = written.or_else(forgive_closed) {
        say(&format!("error: cannot write to standard output: {error}"));
        std::process::exit(1);
    }
}

/// A reader that has gone away is no error.
pub(super) fn forgive_closed(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// Writes a line to standard error. A reader that has gone away wants no more, and that is no error.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// So many of a thing: `1 partition`, `3 partitions`.
pub(super) fn amount(count: u64, thing: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{ending}")
}

/// A time as a person would say it: `3.2 s`, `4 min 05 s`, `2 h 03 min`.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = Duration::try_from_secs_f64(seconds.round()).unwrap_or(Duration::MAX).as_secs();
    let (minutes, rest) = (whole / 60, whole % 60);
    if minutes < 60 {
        format!("{minutes} min {rest:02} s")
    } else {
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    }
}

/// A value of a side's configuration, as messages name it: its JSON Pointer `/fields/0/column` as `config.fields[0].column`.
pub(super) fn config_key(pointer: &str) -> String {
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    steps.fold("config".to_owned(), |key, step| match step.parse::<u32>() {
        Ok(index) => format!("{key}[{index}]"),
        Err(_) => format!("{key}.{step}"),
    })
}

/// A table that fits the terminal: columns apart by spaces, a rule under the header.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    let style = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
    table.load_style(style).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(WIDTH);
    }
    table.set_header(header.iter().copied());
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table
}

/// A table as text, without spaces at the ends of lines.
pub(super) fn lines(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_units_that_fit() {
        for (seconds, told) in [
            (0.0, "0.0 s"),
            (3.24, "3.2 s"),
            (59.94, "59.9 s"),
            (59.96, "1 min 00 s"),
            (245.4, "4 min 05 s"),
            (3599.6, "1 h 00 min"),
            (7380.0, "2 h 03 min"),
            (90_000.0, "25 h 00 min"),
        ] {
            assert_eq!(duration(seconds), told);
        }
    }

    #[test]
    fn keys_of_the_configuration_are_named_as_in_the_manifest() {
        assert_eq!(config_key("/organization_url"), "config.organization_url");
        assert_eq!(config_key("/fields/0/a~1b"), "config.fields[0].a/b");
        assert_eq!(config_key(""), "config");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(
            [amount(0, "page"), amount(1, "page"), amount(2, "page")],
            ["0 pages", "1 page", "2 pages"]
        );
    }
}
