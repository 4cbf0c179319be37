//! Rights that are missing at a vendor: who lacks which, and where it is granted.

use sluice_sandbox::{Credentials, Options};

use crate::machine::Machine;

#[test]
fn one_forbidden_account_stops_no_other_and_is_named_with_what_to_do() {
    let machine = Machine::faulty(&["linkedin.forbidden_accounts=[503000101]"]);
    let run = machine.on_leads("run", &[]).with(1).says(&[
        "Kolb Pumps 1: linkedin does not let this token read the lead responses of ad account 503000101",
        "in Campaign Manager, under Account settings > Manage access, give the member a role on ad account 503000101",
        "failed in part; what landed is kept, and the next run goes on from there",
    ]);
    let row = |name: &str| run.stdout.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(row("Kolb Pumps 1 (SPONSORED:503000101)").ends_with("failed"), "{run:?}");
    assert!(row("Kolb Pumps 2 (SPONSORED:503000102)").ends_with("done"), "{run:?}");
    assert!(machine.sandbox.reconcile().leads > 0);
    machine.sandbox.set_faults(sluice_sandbox::Faults::default());
    machine.on_leads("run", &[]).with(0);
    machine.assert_landed();
}

#[test]
fn a_missing_privilege_is_named_by_run_and_check() {
    let machine = Machine::faulty(&[r#"dataverse.missing_privileges=["prvCreateLead"]"#]);
    let place = "Add it to a security role of the application user in Power Platform admin centre";
    machine.on_leads("run", &[]).with(4).says(&["Dataverse answered 403", "missing: prvCreateLead", place]);
    let check = machine.on_leads("check", &[]).with(4).says(&["prvCreateLead is missing", place]);
    let lines = check.stdout.lines().filter(|line| line.starts_with("  failed")).count();
    assert_eq!(lines, 1, "{check:?}");
    assert_eq!(machine.sandbox.reconcile().leads, 0);
}

#[test]
fn an_application_user_without_a_role_is_told_to_get_one() {
    let id = sluice_sandbox::dataverse::ROLELESS_APPLICATION_ID;
    let credentials = Credentials { entra_client_id: id.to_owned(), ..Credentials::default() };
    let machine = Machine::of(Options { responses: 20, accounts: 1, credentials, ..Options::default() });
    let client = format!("credentials.dataverse.client_id=\"{id}\"");
    let words = ["--set", client.as_str()];
    for command in ["run", "check"] {
        machine.on_leads(command, &words).with(4).says(&["Dataverse answered 403", "role"]);
    }
    assert_eq!(machine.sandbox.reconcile().leads, 0);
}

#[test]
fn check_tells_each_right_on_both_sides_in_one_line() {
    let machine = Machine::faulty(&[
        "linkedin.forbidden_accounts=[503000102]",
        r#"dataverse.missing_privileges=["prvWriteLead"]"#,
    ]);
    let check = machine.on_leads("check", &[]).with(4);
    let lines: Vec<&str> = check.stdout.lines().collect();
    let starts = [
        "source",
        "  ok       linkedin api version",
        "  ok       linkedin access token and ad accounts",
        "  ok       linkedin page roles",
        "  ok       SPONSORED leads of Kolb Pumps 1 (ad account 503000101)",
        "  failed   SPONSORED leads of Kolb Pumps 2 (ad account 503000102)",
        "sink",
        "  ok       dataverse connection",
        "  ok       privilege prvCreateLead",
        "  ok       privilege prvReadLead",
        "  failed   privilege prvWriteLead",
        "  ok       privilege prvAppendLead",
        "  ok       privilege prvAppendToLead",
        "  ok       columns of lead",
        "12 findings: 10 ok, 0 warnings, 2 failed",
    ];
    assert_eq!(lines.len(), starts.len(), "{check:?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}\n{start}");
    }
    let json = machine.on_leads("check", &["--output", "json"]).with(4).json();
    let failed = |side: &str| {
        let of = |finding: &&serde_json::Value| finding["side"] == side && finding["ok"] == false;
        json.as_array().unwrap().iter().filter(of).count()
    };
    assert_eq!((failed("source"), failed("sink")), (1, 1), "{json}");
}

#[test]
fn check_changes_nothing_and_is_silent_when_all_is_well() {
    let machine = Machine::start();
    let check = machine.on_leads("check", &[]).with(0).says(&["findings: ", "0 warnings, 0 failed"]);
    assert_eq!(check.stderr, "");
    assert_eq!(machine.sandbox.reconcile().leads, 0);
    assert!(!machine.path("store.db").exists());
}

#[test]
fn an_api_version_that_has_ended_is_told_with_the_key_to_change() {
    let machine = Machine::faulty(&["linkedin.sunset.202609=2026-01-01"]);
    let sentence =
        "version 202609 of the linkedin api is not active: set `version` in the source's configuration";
    machine.on_leads("run", &[]).with(1).says(&[sentence, "the run did not start"]);
    machine.on_leads("check", &[]).with(4).says(&[sentence]);
}

#[test]
fn a_vendor_that_cannot_be_reached_is_no_missing_right() {
    let machine = Machine::start();
    let quick =
        ["--set", "limits.retry_attempts=1", "--set", "source.config.api_url=\"http://127.0.0.1:9/rest\""];
    let granted = ["--set", "source.egress=[\"http://127.0.0.1:9\"]"];
    let tied = ["--set", "credentials.linkedin.origins=[\"http://127.0.0.1:9\"]"];
    let words = [quick.as_slice(), &granted, &tied].concat();
    for command in ["check", "discover", "read"] {
        let ended = machine.on_leads(command, &words).with(1);
        ended.says(&["no answer from `http://127.0.0.1:9`", "refused"]);
    }
}

#[test]
fn a_token_endpoint_that_cannot_be_reached_has_refused_nothing() {
    let machine = Machine::start();
    let words = [
        "--set",
        "limits.retry_attempts=1",
        "--set",
        "credentials.dataverse.token_url=\"http://127.0.0.1:9/token\"",
    ];
    let ended = machine.on_leads("check", &words).with(1);
    ended.says(&["credential `dataverse`", "the token endpoint gave no answer"]);
}
