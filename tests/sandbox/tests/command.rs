//! The command as a person or a script runs it.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice-sandbox"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Starts the command on free ports; the lines it printed up to the ready line.
async fn start(arguments: &[&str]) -> (Child, Vec<String>) {
    let mut child = command(&[&["--port", "0"], arguments].concat()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut printed = Vec::new();
    for _ in 0..20 {
        let line = lines.next_line().await.unwrap().expect("the command ended early");
        printed.push(line);
        if printed.last().is_some_and(|line| line.starts_with("ready ")) {
            return (child, printed);
        }
    }
    panic!("no ready line: {printed:?}");
}

#[tokio::test]
async fn it_says_where_the_services_are_and_ends_cleanly_when_told_to() {
    let (mut child, printed) = start(&["--responses", "50", "--seed", "3"]).await;
    let ready: Value = serde_json::from_str(printed.last().unwrap().strip_prefix("ready ").unwrap()).unwrap();
    for service in ["control", "linkedin", "entra", "dataverse"] {
        let url = ready[service].as_str().unwrap();
        let line = printed.iter().find(|line| line.starts_with(service)).unwrap();
        assert!(line.ends_with(url), "{line}");
        let address = url.strip_prefix("http://").unwrap();
        assert!(tokio::net::TcpStream::connect(address).await.is_ok(), "{service}");
    }
    assert!(printed.iter().all(|line| !line.contains("sandbox-secret")), "secrets are not printed");
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn mistakes_are_named_and_end_with_code_two() {
    let rows: [(&[&str], &str); 7] = [
        (&["--responses", "0"], "option responses is 0, must be 1 to 10000000"),
        (&["--organizations", "10001"], "option organizations is 10001, must be 0 to 10000"),
        (&["--fault", "linkedin.notices.tries_max=0"], "linkedin.notices.tries_max must be 1 to 100"),
        (&["--fault", "linkedin.totl=true"], "totl"),
        (&["--fault", "latency"], "PATH=VALUE"),
        (&["--linkedin-latency-ms", "60001"], "transport.linkedin.latency_ms"),
        (&["--port", "65533"], "port 65533"),
    ];
    for (arguments, wanted) in rows {
        let output = command(arguments).output().await.unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(wanted), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test]
async fn it_takes_as_many_owners_as_it_says() {
    let owners =
        ["--accounts", "300", "--organizations", "40", "--organic-responses", "120", "--responses", "900"];
    let (_child, printed) = start(&owners).await;
    let ready: Value = serde_json::from_str(printed.last().unwrap().strip_prefix("ready ").unwrap()).unwrap();
    let url = format!("{}/_sandbox/expected", ready["control"].as_str().unwrap());
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let owners: std::collections::BTreeSet<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["owner"].as_u64().unwrap())
        .collect();
    assert_eq!((text.lines().count(), owners.len()), (1_020, 340));
}

#[tokio::test]
async fn help_shows_examples_and_credentials() {
    let output = command(&["--help"]).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for wanted in [
        "Examples:",
        "--responses",
        "--organic-responses",
        "linkedin/arrive",
        "sandbox-linkedin-token",
        "00000000-0000-4000-8000-00000000a001",
    ] {
        assert!(text.contains(wanted), "{wanted}");
    }
}
