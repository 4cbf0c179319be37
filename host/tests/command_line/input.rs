//! Wrong command lines, manifests and files: exit 2, every mistake at once, nothing done.

use crate::machine::{Machine, end, sluice};

#[test]
fn two_mistakes_of_a_manifest_are_told_at_once_with_place_and_cure() {
    let machine = Machine::start();
    let good = std::fs::read_to_string(machine.path("leads.toml")).unwrap();
    let bad = good
        .replace("version = 1", "versoin = 1")
        .replace("stream = \"lead_responses\"", "stream = \"leads\"");
    machine.write("bad.toml", bad);
    for command in ["validate", "check", "discover", "read", "run"] {
        let ended = machine.sluice(&[command, "bad.toml"]).with(2).says(&[
            "bad.toml:1:1: error: unknown key `versoin`",
            "help: did you mean `version`?",
            "bad.toml:3:",
            "`lead_responses`",
        ]);
        assert_eq!(ended.stdout, "", "{ended:?}");
    }
    let json = machine.sluice(&["validate", "bad.toml", "--output", "json"]).with(2).json();
    assert!(json["problems"].as_array().unwrap().len() >= 2, "{json}");
    assert!(!machine.path("store.db").exists());
}

#[test]
fn validate_needs_neither_secrets_nor_network() {
    let machine = Machine::start();
    let ended = end(sluice().current_dir(machine.path("")).args(["validate", "leads.toml"])).with(0);
    assert_eq!(
        (ended.stdout.as_str(), ended.stderr.as_str()),
        ("leads.toml: valid (pipeline `leads`)\n", "")
    );
    assert_eq!(machine.counter("/transport/linkedin/requests"), 0);
    let alias = machine.sluice(&["lint", "leads.toml", "--output", "json"]).with(0).json();
    assert_eq!(alias, serde_json::json!({ "valid": true, "pipeline": "leads", "problems": [] }));
}

#[test]
fn overrides_are_checked_like_the_manifest() {
    let machine = Machine::start();
    for (set, told) in [
        ("limits.page_recrds=5", "--set limits.page_recrds: error: unknown key `page_recrds` in [limits]"),
        ("limits.page_recrds=5", "help: did you mean `page_records`?"),
        ("limits.page_records=0", "--set limits.page_records: error: "),
        ("limits.page_records=many", "the value is not valid TOML"),
        ("limits.page_records", "write KEY=VALUE, such as `limits.page_records=100`"),
    ] {
        machine.on_leads("run", &["--set", set]).with(2).says(&[told]);
    }
    machine.on_leads("validate", &["--set", "limits.page_records=5"]).with(0);
}

#[test]
fn an_environment_file_that_cannot_be_read_is_told_without_its_content() {
    let machine = Machine::start();
    machine.write("bad.env", "A=1\n\nhidden value without a name\nB=2\n");
    let ended = machine.on_leads("run", &["--env-file", "bad.env"]).with(2).never_says(&["hidden"]);
    assert_eq!(ended.stderr, "error: cannot read `bad.env`: line 3 is not NAME=VALUE\n");
    let ended = machine.on_leads("run", &["--env-file", "missing.env"]).with(2);
    assert!(ended.stderr.starts_with("error: cannot read `missing.env`: "), "{ended:?}");
}

#[test]
fn an_organisation_that_the_sink_is_not_granted_is_told_with_the_line_to_write() {
    let machine = Machine::start();
    let set = "sink.config.organization_url=\"https://crm.example.test\"";
    let granted = machine.sandbox.dataverse;
    machine.on_leads("run", &["--set", set]).with(2).says(&[
        "error: the component calls `https://crm.example.test`, which [sink] does not grant",
        &format!("help: write in [sink]: `egress = [\"http://{granted}\", \"https://crm.example.test\"]`"),
    ]);
}

#[test]
fn a_manifest_that_is_not_there_is_told() {
    let machine = Machine::start();
    let ended = machine.sluice(&["run", "missing.toml"]).with(2);
    assert!(ended.stderr.starts_with("missing.toml: error: cannot be read: it does not exist"), "{ended:?}");
    machine.sluice(&["run", "."]).with(2).says(&["it is a directory"]);
}

#[test]
fn wrong_words_are_refused_with_usage() {
    for words in
        [&["run"][..], &["rum", "x"], &["run", "x", "--bogus"], &["run", "x", "--output", "xml"], &[]]
    {
        let ended = end(sluice().args(words)).with(2);
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.contains("sluice") || ended.stderr.contains("--help"), "{ended:?}");
    }
    end(sluice().args(["rum", "x"])).with(2).says(&["a similar subcommand exists: 'run'"]);
}

#[test]
fn help_documents_every_exit_code_and_every_command_its_words() {
    let help = end(sluice().arg("--help")).with(0);
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "130 "] {
        assert!(help.stdout.lines().any(|line| line.trim_start().starts_with(code)), "{code} in {help:?}");
    }
    let help = help.says(&["143: by SIGTERM", "Examples:", "sluice check pipeline.toml"]);
    assert_eq!(help.stderr, "");
    for (command, meaning) in [
        ("validate", "The manifest's file"),
        ("check", "The manifest's file"),
        ("discover", "The manifest's file"),
        ("read", "sluice read pipeline.toml --limit 5"),
        ("run", "sluice run pipeline.toml --plan"),
        ("inspect", "The component's file"),
    ] {
        end(sluice().args([command, "--help"])).with(0).says(&[meaning, "Usage: sluice"]);
        assert!(help.stdout.contains(&format!("\n  {command}")), "{command}");
    }
    end(sluice().arg("--version")).with(0).says(&[concat!("sluice ", env!("CARGO_PKG_VERSION"))]);
}

#[test]
fn kinds_and_owners_that_do_not_fit_are_told_offline_with_place_and_cure() {
    let machine = Machine::start();
    let good = std::fs::read_to_string(machine.path("leads.toml")).unwrap();
    let (begin, before) = ("config = { ", "config = { api_url");
    let with = |config: &str| {
        machine.write("bad.toml", good.replace(before, &format!("{begin}{config}, api_url")));
        machine.sluice(&["validate", "bad.toml"])
    };
    let line = good.lines().position(|line| line.contains(before)).unwrap();
    let start = good.lines().nth(line).unwrap().find(before).unwrap() + begin.len();
    let place = |column: usize| format!("bad.toml:{}:{}: error: ", line + 1, start + column);
    for (config, column, told, cure) in [
        (
            r#"organizations = "all""#,
            17,
            "`organizations` in [source.config] is not allowed here",
            "add one of these to `kinds`",
        ),
        (
            r#"accounts = { include = [1, "urn:li:organization:90021"] }"#,
            28,
            "`source.config.accounts.include[1]` cannot be `urn:li:organization:90021`",
            "organizations belong in `organizations`",
        ),
        (
            r#"kinds = ["SPONSORED", "EVNT"]"#,
            23,
            "`source.config.kinds[1]` cannot be `EVNT`",
            "did you mean `EVENT`?",
        ),
        ("kinds = []", 9, "`kinds` in [source.config] is empty", "at least 1 entry"),
        (r#"kinds = ["EVENT", "EVENT"]"#, 19, "stands twice", "remove it here"),
        (
            "retention_days = { EVENT = 0 }",
            28,
            "but must be at least 1",
            "days for which LinkedIn keeps EVENT leads",
        ),
        (
            r#"forms = { exclude = ["urn:li:adForm:1"] }"#,
            22,
            "cannot be `urn:li:adForm:1`",
            "the number of a lead form",
        ),
    ] {
        with(config).with(2).says(&[&place(column), told, cure]);
    }
    let told = "`accounts` in [source.config] is not allowed here";
    with(r#"kinds = ["EVENT"], accounts = "all""#).with(2).says(&[&place(31), told, "add it to `kinds`"]);
    with(r#"kinds = ["EVENT", "SPONSORED"], organizations = { exclude = [7] }, accounts = "all""#).with(0);
    assert_eq!(machine.counter("/transport/linkedin/requests"), 0);
}
