//! What goes to which output, and in which form.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::Value;
use sluice_sandbox::Options;

use crate::machine::{Machine, end, sluice};

#[test]
fn a_run_reports_on_standard_output_and_shows_its_progress_on_the_other() {
    let machine = Machine::start();
    let first = machine.on_leads("run", &[]).with(0);
    let mut lines = first.stdout.lines();
    let head: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let columns = "partition read created updated unchanged skipped rejected time end";
    assert_eq!(head, columns.split(' ').collect::<Vec<_>>());
    assert!(lines.next().unwrap().chars().all(|character| character == '─'));
    let rows: Vec<&str> = lines.collect();
    assert!(
        rows[0].starts_with("Kolb Pumps 1 (SPONSORED:503000101)") && rows[0].ends_with("done"),
        "{first:?}"
    );
    assert!(rows[2].starts_with("total  "), "{first:?}");
    assert!(rows[3].starts_with("everything that was read has landed (60 records in "), "{first:?}");
    assert_eq!(rows.len(), 4, "no rules between rows: {first:?}");
    assert!(first.stdout.lines().all(|line| line == line.trim_end()), "{first:?}");
    assert!(first.stderr.starts_with("2 partitions\n"), "{first:?}");
    assert_eq!(first.stderr.matches(": done: ").count(), 2, "{first:?}");
    machine.on_leads("run", &[]).with(0).says(&["there was nothing new"]);
    machine.assert_landed();
}

#[test]
fn a_plan_says_so_and_writes_nothing() {
    let machine = Machine::start();
    for flag in ["--plan", "--dry-run"] {
        machine.on_leads("run", &[flag]).with(0).says(&["nothing was written: this was a plan"]);
    }
    assert_eq!(machine.sandbox.reconcile().leads, 0);
}

#[test]
fn dead_letters_have_an_exit_code_of_their_own() {
    let machine = Machine::faulty(&["dataverse.poison_one_in=5"]);
    let ended = machine.on_leads("run", &["--summary", "report.json"]).with(3);
    ended.says(&["finished; the rejected records are kept as dead letters with their causes"]);
    let report: Value = serde_json::from_slice(&std::fs::read(machine.path("report.json")).unwrap()).unwrap();
    assert!(report["counts"]["rejected"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn a_summary_that_cannot_be_written_fails_the_command_after_its_report() {
    let machine = Machine::start();
    let ended = machine.on_leads("run", &["--summary", "missing/report.json", "--output", "json"]).with(1);
    assert_eq!(ended.json()["counts"]["read"], 60);
    assert!(ended.stderr.contains("error: cannot write the report to `missing/report.json`: "), "{ended:?}");
}

#[test]
fn discover_lists_partitions_as_text_and_json() {
    let machine =
        Machine::of(Options { responses: 20, accounts: 2, idle_accounts: true, ..Options::default() });
    let ended = machine.on_leads("discover", &[]).with(0);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let words: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(words, ["partition", "name", "state", "message"], "{ended:?}");
    assert!(lines[3].starts_with("SPONSORED:503000101  Kolb Pumps 1"), "{ended:?}");
    assert!(ended.stdout.contains(" of stream `lead_responses`, 3 active\n"), "{ended:?}");
    // What is out of order comes first.
    let cancelled = lines[2].split_whitespace().collect::<Vec<_>>().join(" ");
    let told = "SPONSORED:503000104 Kolb Pumps 4 disabled the ad account's status is CANCELED";
    assert_eq!(cancelled, told, "{ended:?}");
    let json = machine.on_leads("discover", &["--output", "json"]).with(0).json();
    let first = &json[0];
    assert_eq!((&first["id"], &first["state"]), (&"SPONSORED:503000101".into(), &"active".into()));
}

#[test]
fn read_prints_records_and_moves_no_cursor() {
    let machine = Machine::start();
    let all = machine.on_leads("read", &[]).with(0);
    assert_eq!((all.stdout.lines().count(), all.stderr.as_str()), (60, ""));
    for line in all.stdout.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["stream"], "lead_responses");
    }
    assert_eq!(machine.on_leads("read", &[]).with(0).stdout.lines().count(), 60);
    assert_eq!(machine.on_leads("read", &["--limit", "7"]).with(0).stdout.lines().count(), 7);
    assert_eq!(machine.on_leads("read", &["--limit", "0"]).with(0).stdout, "");
    let one = machine.on_leads("read", &["--partition", "SPONSORED:503000102"]).with(0);
    assert_eq!(one.stdout.lines().count(), 30);
    let none = machine.on_leads("read", &["--partition", "SPONSORED:1"]).with(1);
    none.says(&["there is no partition `SPONSORED:1`; `sluice discover` lists them"]);
    assert!(!machine.path("store.db").exists());
    assert_eq!(machine.sandbox.reconcile().leads, 0);
}

#[test]
fn json_is_one_document_also_when_it_tells_an_error() {
    let machine = Machine::faulty(&["linkedin.sunset.202609=2026-01-01"]);
    machine.write("text.db", "a text, not a database: ".repeat(100));
    for (code, words) in [
        (2, &["run", "missing.toml"][..]),
        (2, &["run", "leads.toml", "--bogus"]),
        (2, &["run", "leads.toml", "--set", "limits.page_recrds=1"]),
        (2, &["run", "leads.toml", "--env-file", "missing.env"]),
        (1, &["run", "leads.toml", "--store", "text.db"]),
        (1, &["run", "leads.toml"]),
        (1, &["discover", "leads.toml"]),
        (4, &["check", "leads.toml"]),
        (1, &["inspect", "missing.wasm"]),
    ] {
        for form in [&["--output", "json"][..], &["--output=json"]] {
            let ended = machine.sluice(&[words, form].concat()).with(code);
            assert!(ended.json().is_object() || ended.json().is_array(), "{ended:?}");
            assert_eq!(ended.stderr, "", "{words:?}");
        }
    }
}

#[test]
fn without_a_terminal_there_are_no_escape_codes() {
    let machine = Machine::faulty(&["linkedin.forbidden_accounts=[503000101]"]);
    for words in [
        &["run", "leads.toml", "--log-level", "debug"][..],
        &["check", "leads.toml"],
        &["discover", "leads.toml"],
        &["run", "leads.toml", "--bogus"],
        &["--help"],
    ] {
        for name in ["PLAIN", "NO_COLOR"] {
            let ended = end(machine.command(words).env(name, "1"));
            assert!(!ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'), "{ended:?}");
        }
    }
}

#[test]
fn a_reader_of_records_that_goes_away_is_no_error() {
    let machine =
        Machine::of(Options { responses: 3000, accounts: 1, forms_per_account: 3, ..Options::default() });
    let mut child =
        machine.command(&["read", "leads.toml"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.as_mut().unwrap();
    let mut line = String::new();
    // Taken out of the child and dropped after one line, as `head -1` does.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with('{'), "{line}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn readers_of_both_outputs_that_go_away_do_not_disturb_a_run() {
    let machine = Machine::faulty(&["linkedin.forbidden_accounts=[503000101]"]);
    let words = ["run", "leads.toml", "--log-level", "debug", "--summary", "report.json"];
    let mut child = machine.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let report: Value = serde_json::from_slice(&std::fs::read(machine.path("report.json")).unwrap()).unwrap();
    assert_eq!(report["partitions"][0]["tick"]["end"]["failure"]["kind"], "forbidden", "{report}");
    assert_eq!(report["partitions"][1]["tick"]["end"]["state"], "done", "{report}");
}

#[test]
fn logs_are_json_lines_when_asked_and_hold_no_personal_data() {
    let machine = Machine::start();
    let words = ["run", "leads.toml", "--log-level", "trace", "--log-format", "json", "--output", "json"];
    let ended = machine.sluice(&words).with(0);
    assert!(ended.stderr.lines().count() > 5, "{ended:?}");
    for line in ended.stderr.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(entry["level"].is_string() && entry["timestamp"].is_string(), "{line}");
    }
    for response in machine.sandbox.expected() {
        assert!(!ended.stderr.contains(response.email.trim()), "{}", response.id);
    }
}

#[test]
fn no_secret_is_on_any_output_at_any_level() {
    let machine = Machine::start();
    for words in
        [&["run", "leads.toml", "--log-level", "trace"][..], &["check", "leads.toml", "--log-level", "trace"]]
    {
        let ended = machine.sluice(words).with(0);
        ended.never_says(&[crate::machine::LINKEDIN_TOKEN, crate::machine::DATAVERSE_SECRET, "Bearer"]);
    }
    // And nothing is said at all where nothing needs attention.
    let help = end(sluice().args(["run", "--help"])).with(0);
    assert_eq!(help.stderr, "");
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let machine = Machine::start();
    for command in ["validate", "discover", "read"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let status =
            machine.command(&[command, "leads.toml"]).stdout(full).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{command}");
    }
}
