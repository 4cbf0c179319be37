//! Push: what a notice tells of is in Dynamics 365 before any pull, once; and what is not genuine leaves no trace.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};
use sluice_sandbox::{Arrival, Kind, Options};

use crate::process::Ended;
use crate::rows::{assert_landed, lead_id, leads};
use crate::stage::{Stage, now_ms, responses};

const ACCOUNT: u64 = 503_000_101;

fn arrival(count: u64) -> Arrival {
    Arrival { owner: ACCOUNT, kind: Kind::Sponsored, count }
}

/// A stage whose responses have all been pulled, at the present: the component looks at the system's clock.
fn pulled(options: Options) -> Stage {
    let stage = Stage::start_at(options, now_ms());
    stage.run(&[]).with(0);
    stage
}

/// Feeds a raw request to the command.
fn feed(mut command: Command, request: &[u8]) -> Ended {
    let mut process =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The command may refuse before it has read everything.
    let _ = process.stdin.take().unwrap().write_all(request);
    Ended::of(&process.wait_with_output().unwrap())
}

fn receive(stage: &Stage, request: &str) -> Ended {
    feed(stage.webhook("receive", &["--output", "json"]), request.as_bytes())
}

/// The two lines of a reply and its delivery.
#[track_caller]
fn lines(ended: &Ended) -> (Value, Value) {
    let mut lines = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    (lines.next().unwrap_or_default(), lines.next().unwrap_or_default())
}

/// The notices of what happened since the start, the vendor's order.
fn notices(stage: &Stage) -> Vec<String> {
    stage.sandbox.notices(0, true).into_iter().map(|notice| notice.request).collect()
}

fn kept(stage: &Stage) -> i64 {
    let store = Connection::open(stage.store()).unwrap();
    store.query_row("SELECT count(*) FROM notice", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_notice_becomes_a_row_and_the_pull_does_not_write_it_again() {
    let stage = pulled(responses(50, 1));
    let ids = stage.sandbox.arrive(&arrival(3)).unwrap();
    let before = leads(&stage).len();
    for request in notices(&stage) {
        let (reply, delivery) = lines(&receive(&stage, &request).with(0));
        assert_eq!(
            (reply["reply"]["status"].clone(), reply["receipt"]["new"].clone()),
            (json!(200), json!(1))
        );
        assert_eq!(delivery["delivery"]["counts"]["read"], 1, "{delivery}");
    }
    assert_landed(&stage, &BTreeSet::new());
    let landed = ids.iter().filter(|id| leads(&stage).contains_key(&lead_id(id))).count();
    assert!(landed > 0 && leads(&stage).len() == before + landed);

    let written = stage.writes();
    // Every one of them again: known, acknowledged, not fetched.
    for request in notices(&stage) {
        let (reply, delivery) = lines(&receive(&stage, &request).with(0));
        assert_eq!((&reply["receipt"]["new"], &reply["receipt"]["repeated"]), (&json!(0), &json!(1)));
        assert_eq!(delivery["delivery"]["counts"]["read"], 0);
    }
    let pull = stage.run(&["--set", "source.config.settle_s=0"]).with(0);
    assert_eq!((pull.count("created"), pull.count("updated")), (0, 0));
    assert_eq!(stage.writes(), written);
}

#[test]
fn a_withdrawal_reaches_the_sink_and_no_late_notice_brings_the_response_back() {
    let stage = pulled(responses(50, 1));
    let id = stage.sandbox.arrive(&arrival(1)).unwrap().remove(0);
    stage.sandbox.withdraw(&id).unwrap();
    let [created, deleted]: [String; 2] = notices(&stage).try_into().unwrap();
    // The later one first.
    let (_, delivery) = lines(&receive(&stage, &deleted).with(0));
    assert_eq!(delivery["delivery"]["counts"]["read"], 1, "the delete goes to the sink: {delivery}");
    let (reply, delivery) = lines(&receive(&stage, &created).with(0));
    assert_eq!((&reply["receipt"]["void"], &delivery["delivery"]["counts"]["read"]), (&json!(1), &json!(0)));
    let store = Connection::open(stage.store()).unwrap();
    let ops: Vec<i64> = store
        .prepare("SELECT op FROM ledger WHERE key = ?1")
        .unwrap()
        .query_map([&id], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(ops, [1], "one outcome, that of the delete");
}

#[test]
fn a_response_that_shows_some_tries_after_its_notice_is_waited_for() {
    let stage = pulled(responses(20, 1));
    stage.faults(&json!({"linkedin": {"notices": {"not_found_tries": 1}}}));
    stage.sandbox.arrive(&arrival(1)).unwrap();
    let request = notices(&stage).remove(0);
    let (_, delivery) = lines(&receive(&stage, &request).with(0));
    assert_eq!(delivery["delivery"]["counts"]["read"], 1, "{delivery}");
    assert_landed(&stage, &BTreeSet::new());
}

/// The answer is out while Dataverse has not even been asked for a token.
#[test]
fn the_answer_does_not_wait_for_the_sink() {
    let stage = pulled(responses(20, 1));
    stage.sandbox.arrive(&arrival(1)).unwrap();
    let request = notices(&stage).remove(0);
    stage.faults(
        &json!({"transport": {"dataverse": {"latency_ms": 60_000}, "entra": {"latency_ms": 60_000}}}),
    );
    let written = stage.writes();
    let mut command = stage.webhook("receive", &[]);
    let mut process =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    let mut first = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "HTTP/1.1 200\r\n");
    assert_eq!((stage.writes(), kept(&stage)), (written, 1), "kept, and nothing written yet");
    process.kill().unwrap();
    process.wait().unwrap();

    // What was acknowledged is not lost with the process: the next run works it off.
    stage.faults(&json!({"transport": {"dataverse": {"latency_ms": 0}, "entra": {"latency_ms": 0}}}));
    stage.run(&[]).with(0);
    assert_landed(&stage, &BTreeSet::new());
}

#[test]
fn what_is_not_genuine_is_refused_with_its_status_and_leaves_no_trace() {
    let stage = pulled(responses(20, 1));
    stage.sandbox.arrive(&arrival(1)).unwrap();
    let genuine = notices(&stage).remove(0);
    let signature = genuine.lines().find(|line| line.to_lowercase().starts_with("x-li-signature")).unwrap();
    let (last, other) = signature.split_at(signature.len() - 1);
    let wrong = format!("{last}{}", if other == "0" { "1" } else { "0" });
    let (head, body) = genuine.split_once("\r\n\r\n").unwrap();
    let without_length: String = head
        .lines()
        .filter(|line| !line.to_lowercase().starts_with("content-length"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let cases = [
        (genuine.replace(signature, &wrong), 401),
        (genuine.replace(&format!("{signature}\r\n"), ""), 401),
        (genuine.replace("CREATED", "DELETED"), 401),
        (genuine.replace("application/json", "text/plain"), 415),
        (format!("{without_length}\r\n{body}{}", " ".repeat(70_000)), 413),
        (format!("{without_length}\r\n{body} "), 401),
        (genuine.replacen("POST", "DELETE", 1), 405),
        ("GET /leads HTTP/1.1\r\nhost: hooks.example.test\r\n\r\n".to_owned(), 400),
    ];
    for (request, status) in cases {
        let ended = receive(&stage, &request).with(1);
        assert_eq!(lines(&ended).0["reply"]["status"], status, "{request}");
        assert_eq!(kept(&stage), 0, "{status}");
    }
    // Genuine, but of last month: a replay.
    let options = Options { days: 60, ..responses(20, 1) };
    let past = Stage::start_at(options, now_ms() - 30 * 86_400_000);
    past.sandbox.arrive(&arrival(1)).unwrap();
    let old = notices(&past).remove(0);
    let ended = receive(&stage, &old).with(1);
    assert_eq!(lines(&ended).0["reply"]["status"], 400);
    assert!(ended.stdout.contains("notice_too_old"), "{ended:?}");
    assert_eq!(kept(&stage), 0);
    // The genuine one is still taken.
    receive(&stage, &genuine).with(0);
    assert_eq!(kept(&stage), 1);
}

#[test]
fn a_challenge_under_another_secret_does_not_prove_the_url() {
    let stage = pulled(responses(20, 1));
    let challenge = "GET /leads?challengeCode=7f1b0c62-3a55 HTTP/1.1\r\nhost: hooks.example.test\r\n\r\n";
    let answer = |secret: Option<&str>| {
        let mut command = stage.webhook("receive", &["--output", "json"]);
        if let Some(secret) = secret {
            command.env("LINKEDIN_CLIENT_SECRET", secret);
        }
        let ended = feed(command, challenge.as_bytes()).with(0);
        lines(&ended).0["reply"]["body"].as_str().unwrap().to_owned()
    };
    assert_ne!(answer(None), answer(Some("another")));
    assert_eq!(kept(&stage), 0);

    let hook = Hook::start(&stage, Some("another"));
    let ended = Ended::of(&stage.webhook("subscribe", &["--url", &hook.url]).output().unwrap());
    let ended = ended.with(2);
    assert!(ended.stderr.contains("challenge"), "{ended:?}");
    assert_eq!(stage.sandbox.webhooks().len(), 0);
}

#[test]
fn a_live_endpoint_is_subscribed_once_receives_its_notices_and_is_removed() {
    let stage = pulled(responses(30, 2));
    let hook = Hook::start(&stage, None);
    let manage = |command: &str, arguments: &[&str]| {
        let arguments = [&["--output", "json"], arguments].concat();
        Ended::of(&stage.webhook(command, &arguments).output().unwrap()).with(0).json()
    };
    let made = manage("subscribe", &["--url", &hook.url]);
    assert_eq!(made["subscriptions"].as_array().unwrap().len(), 2, "one for each account: {made}");
    let again = manage("subscribe", &["--url", &hook.url]);
    assert_eq!(again["subscriptions"], made["subscriptions"]);
    assert_eq!(manage("list", &[])["subscriptions"], made["subscriptions"]);

    stage.sandbox.arrive(&arrival(2)).unwrap();
    stage.block_on(stage.sandbox.deliver());
    assert_eq!(kept(&stage), 2);
    let told = Ended::of(&stage.webhook("deliver", &[]).output().unwrap()).with(0);
    assert!(told.stdout.contains("pushed"), "{told:?}");
    assert_landed(&stage, &BTreeSet::new());

    let renewed = manage("renew", &["--account", "503000102"]);
    assert_eq!(renewed["removed"].as_array().unwrap().len(), 1, "{renewed}");
    let removed = manage("remove", &["--all"]);
    assert_eq!(removed["removed"].as_array().unwrap().len(), 2, "{removed}");
    assert_eq!(stage.sandbox.webhooks().len(), 0);
}

/// An endpoint that hands each request to the command and sends back what it prints.
struct Hook {
    url: String,
}

impl Hook {
    fn start(stage: &Stage, secret: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/leads", listener.local_addr().unwrap());
        let command = stage.webhook("receive", &["--no-deliver"]);
        let (program, arguments) = (command.get_program().to_owned(), arguments_of(&command));
        let mut variables: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        variables.extend(secret.map(|secret| ("LINKEDIN_CLIENT_SECRET".into(), secret.into())));
        let directory = command.get_current_dir().unwrap().to_owned();
        let make = Arc::new(move || {
            let mut command = Command::new(&program);
            command.env_clear().envs(variables.clone()).args(&arguments).current_dir(&directory);
            command
        });
        // Ends with the test's process.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let make = Arc::clone(&make);
                std::thread::spawn(move || serve(connection, make()));
            }
        });
        Self { url }
    }
}

fn arguments_of(command: &Command) -> Vec<std::ffi::OsString> {
    command.get_args().map(std::ffi::OsStr::to_owned).collect()
}

fn serve(mut connection: TcpStream, command: Command) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&request) {
        match connection.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    let ended = feed(command, &request);
    // One answer a connection, so that its end is the body's.
    let answer = ended.stdout.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1);
    let _ = connection.write_all(answer.as_bytes());
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        line.to_lowercase().strip_prefix("content-length:").map(|length| length.trim().parse().unwrap())
    });
    body.len() >= length.unwrap_or(0)
}

/// Whoever hands requests over sends back what is printed, so there is always an answer.
#[test]
fn what_is_no_request_is_answered_too() {
    let stage = Stage::start(responses(5, 1));
    for junk in ["", "hello", "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nx"] {
        let ended = feed(stage.webhook("receive", &[]), junk.as_bytes()).with(1);
        assert!(ended.stdout.starts_with("HTTP/1.1 400\r\n"), "{junk}: {ended:?}");
    }
    let mut unset = stage.webhook("receive", &[]);
    unset.env_remove("LINKEDIN_CLIENT_SECRET");
    let ended = feed(unset, b"GET /?challengeCode=x HTTP/1.1\r\n\r\n").with(2);
    assert!(ended.stdout.starts_with("HTTP/1.1 500\r\n") && ended.stderr.contains("LINKEDIN_CLIENT_SECRET"));
}
