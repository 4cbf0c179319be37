//! Standard output and standard error: text for people or JSON for machines, never both.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
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

    /// Says why the command ends, and with which code it does.
    pub(super) fn fail(self, exit: Exit, message: &str) -> Exit {
        match self.format {
            Format::Json => print(&to_json(&serde_json::json!({ "error": message }))),
            Format::Text => eprintln!("error: {message}"),
        }
        exit
    }

    /// A sentence beside the result, for people only.
    pub(super) fn note(self, message: &str) {
        if self.format == Format::Text {
            eprintln!("{message}");
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

/// Writes a line. A reader that has gone away wants no more, and that is no error.
pub(super) fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// A table that fits the terminal.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(WIDTH);
    }
    table.set_header(header.iter().copied());
    table
}
