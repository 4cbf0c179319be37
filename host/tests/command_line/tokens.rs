//! Credentials that are missing or refused: exit 4 (2 where nothing was set), which one it is, and what to do.

use crate::ended::Ended;
use crate::machine::{DATAVERSE_SECRET, LINKEDIN_TOKEN, Machine, end, sluice};

/// `sluice COMMAND leads.toml` with another value for one secret.
fn with(machine: &Machine, command: &str, name: &str, value: &str) -> Ended {
    end(machine.command(&[command, "leads.toml"]).env(name, value))
}

#[test]
fn all_unset_secrets_are_named_at_once() {
    let machine = Machine::start();
    for command in ["run", "check", "discover", "read"] {
        let ended = end(sluice().current_dir(machine.path("")).args([command, "leads.toml"])).with(2);
        assert_eq!(
            ended.stderr,
            "error: credential `dataverse`: the environment variable DATAVERSE_CLIENT_SECRET is not set; set it to the \
             client secret\n\
             error: credential `linkedin`: the environment variable LINKEDIN_ACCESS_TOKEN is not set; set it to the \
             token\n"
        );
        assert_eq!(ended.stdout, "");
    }
    assert!(!machine.path("store.db").exists(), "nothing is left of a run that could not start");
}

#[test]
fn secrets_come_from_an_environment_file_too() {
    let machine = Machine::start();
    machine.write(
        "secrets.env",
        format!("LINKEDIN_ACCESS_TOKEN={LINKEDIN_TOKEN}\nDATAVERSE_CLIENT_SECRET={DATAVERSE_SECRET}\n"),
    );
    let words = ["run", "leads.toml", "--env-file", "secrets.env"];
    end(sluice().current_dir(machine.path("")).args(words)).with(0);
    machine.assert_landed();
}

#[test]
fn a_wrong_client_secret_is_told_once_with_the_vendors_words_and_what_to_check() {
    let machine = Machine::start();
    let (name, value) = ("DATAVERSE_CLIENT_SECRET", "not-the-secret");
    let entra = machine.sandbox.entra;
    let sentence = format!(
        "credential `dataverse`: `http://{entra}` refused it (invalid_client): AADSTS7000215: Invalid client secret \
         provided. Ensure the secret being sent in the request is the client secret value; check `client_id`, \
         `client_secret`, `scopes` and the tenant in `token_url`"
    );
    let run = with(&machine, "run", name, value).with(4).says(&[&sentence]).never_says(&[value]);
    assert_eq!(run.stdout.matches("AADSTS7000215").count(), 1, "once for all partitions: {run:?}");
    assert!(!run.stderr.contains("AADSTS7000215"), "and not on both outputs: {run:?}");
    with(&machine, "check", name, value).with(4).says(&[&sentence]).never_says(&[value]);
    // Reading needs no sink.
    with(&machine, "discover", name, value).with(0);
    machine.on_leads("run", &[]).with(0);
    machine.assert_landed();
}

#[test]
fn a_refused_access_token_is_told_with_its_cause() {
    let machine = Machine::start();
    for (token, cause) in [
        ("sandbox-linkedin-expired", "The token used in the request has expired"),
        ("sandbox-linkedin-revoked", "The token used in the request has been revoked by the user"),
        ("no-such-token", "Invalid access token"),
    ] {
        for command in ["run", "check", "discover", "read"] {
            let ended = with(&machine, command, "LINKEDIN_ACCESS_TOKEN", token).with(4);
            ended.never_says(&[token]).says(&[
                "linkedin refused the access token when asked for the member's ad accounts",
                "authorize the member again",
                cause,
            ]);
        }
    }
}

#[test]
fn a_token_without_the_scope_names_scope_and_product() {
    let machine = Machine::start();
    let (name, token) = ("LINKEDIN_ACCESS_TOKEN", "sandbox-linkedin-noscope");
    let run = with(&machine, "run", name, token).with(4);
    run.says(&[
        "linkedin does not let this token read the lead responses of ad account",
        "request the Lead Sync API product",
        "authorize the member again with the scope r_marketing_leadgen_automation",
        "failed; nothing was moved",
    ]);
    let check = with(&machine, "check", name, token).with(4);
    check.says(&["warning  linkedin page roles", "missing scope r_marketing_leadgen_automation"]);
}

#[test]
fn a_token_with_a_line_break_in_it_names_its_credential() {
    let machine = Machine::start();
    let ended = with(&machine, "run", "LINKEDIN_ACCESS_TOKEN", "one-half\nother-half").with(4);
    ended.never_says(&["one-half", "other-half"]).says(&[
        "credential `linkedin`: the token holds characters that cannot stand in a header",
        "store it again",
    ]);
}

#[test]
fn an_application_that_the_directory_does_not_know_is_told() {
    let machine = Machine::start();
    let id = r#"credentials.dataverse.client_id="00000000-0000-4000-8000-00000000ffff""#;
    machine.on_leads("check", &["--set", id]).with(4).says(&["(unauthorized_client)", "AADSTS700016"]);
}
