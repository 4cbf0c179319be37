//! What a person sees on a terminal: a bar for each partition while it runs, and tables that fit.
//!
//! Runs under `script`, which gives a process a terminal of its own.

use std::path::Path;
use std::process::Command;

use crate::machine::Machine;

const COLUMNS: usize = 80;

/// The command in a terminal of 80 columns; none where there is no `script`.
fn in_terminal(machine: &Machine, words: &[&str], settings: &[(&str, &str)]) -> Option<(i32, String)> {
    if !Path::new("/usr/bin/script").exists() {
        eprintln!("SKIPPED: /usr/bin/script is missing; install util-linux to run the tests of the terminal");
        return None;
    }
    let command = machine.command(words);
    let program = command.get_program().to_str().unwrap();
    let line = format!("stty columns {COLUMNS} rows 24; exec '{program}' {}", words.join(" "));
    let mut terminal = Command::new("/usr/bin/script");
    terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    terminal.env_clear().env("PATH", "/usr/bin:/bin").env("TERM", "xterm").env("SHELL", "/bin/sh");
    terminal.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    terminal.envs(settings.iter().copied()).current_dir(machine.path(""));
    let output = terminal.output().unwrap();
    Some((output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap()))
}

/// The text without escape codes.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // Up to the letter that ends the code.
            characters.by_ref().skip(1).find(char::is_ascii_alphabetic);
        } else {
            plain.push(character);
        }
    }
    plain
}

#[test]
fn a_run_shows_bars_and_ends_in_a_table_that_fits() {
    let machine = Machine::faulty(&["transport.linkedin.latency_ms=60"]);
    let Some((code, seen)) = in_terminal(&machine, &["run", "leads.toml"], &[]) else { return };
    assert_eq!(code, 0, "{seen}");
    // Bars are drawn over one another: the cursor goes up and lines are cleared.
    assert!(seen.contains("\u{1b}[2K") || seen.contains("\u{1b}[1A"), "{seen:?}");
    let text = plain(&seen);
    for name in ["Kolb Pumps 1", "Kolb Pumps 2"] {
        assert!(text.contains(name), "{text}");
    }
    assert!(text.contains("done: 30 read, 30 created"), "{text}");
    assert!(!text.contains("2 partitions"), "plain lines are for where there is no terminal: {text}");
    let (_, table) = text.rsplit_once("partition ").unwrap();
    for line in table.lines() {
        assert!(line.trim_end().chars().count() <= COLUMNS, "{line:?} in {text}");
    }
    assert!(table.contains("everything that was read has landed"), "{text}");
    machine.assert_landed();
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    let machine = Machine::start();
    let settings = [("NO_COLOR", "1")];
    let words = ["run", "leads.toml", "--log-level", "info"];
    let Some((code, seen)) = in_terminal(&machine, &words, &settings) else { return };
    assert_eq!(code, 0, "{seen}");
    // Colours and weights are the codes that end in `m`.
    for code in seen.split("\u{1b}[").skip(1) {
        let end = code.chars().find(char::is_ascii_alphabetic);
        assert_ne!(end, Some('m'), "{seen:?}");
    }
}

#[test]
fn json_shows_no_bars_even_on_a_terminal() {
    let machine = Machine::start();
    let words = ["run", "leads.toml", "--output", "json"];
    let Some((code, seen)) = in_terminal(&machine, &words, &[]) else { return };
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains('\u{1b}'), "{seen:?}");
    let report: serde_json::Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(report["counts"]["read"], 60);
}
