//! No secret and no answer gets into a log, a message or a report, at any level, whatever goes wrong.

use std::collections::BTreeSet;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sluice_sandbox::{Credentials, Options};

use crate::ledger::Ledger;
use crate::process::Ended;
use crate::stage::{Stage, responses};

const TOKEN: &str = "AQXq7-loud-Vq1x_member-token";
const SECRET: &str = "Zt8~loud.client+secret/9f=";
/// How the sandbox's Entra ID begins every token that it issues.
const ISSUED: &str = "sandbox-entra-";

fn stage() -> Stage {
    let credentials = Credentials {
        linkedin_token: TOKEN.to_owned(),
        entra_client_secret: SECRET.to_owned(),
        ..Credentials::default()
    };
    Stage::start(Options { credentials, ..responses(900, 3) })
}

/// Every form in which a secret could appear.
fn secrets() -> Vec<String> {
    let client = Credentials::default().entra_client_id;
    let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let basic = [SECRET, &encoded].map(|secret| STANDARD.encode(format!("{client}:{secret}")));
    let plain = [TOKEN, SECRET, ISSUED].map(str::to_owned);
    plain.into_iter().chain([encoded]).chain(basic).collect()
}

/// What members answered, as read by the product itself and as the sandbox gave it out.
struct Answers {
    /// Long or peculiar enough to be looked for anywhere.
    texts: BTreeSet<String>,
    /// Looked for as whole words.
    words: BTreeSet<String>,
}

impl Answers {
    fn of(stage: &Stage) -> Self {
        let mut answers = Self { texts: BTreeSet::new(), words: BTreeSet::new() };
        for response in stage.sandbox.expected() {
            answers.add(&response.email);
            response.phone.iter().for_each(|phone| answers.add(phone));
            answers.add(&response.first_name);
            answers.add(&response.last_name);
        }
        for line in stage.sluice("read", &[]).with(0).stdout.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            for answer in record["data"]["answers"].as_array().unwrap() {
                answers.add(answer["text"].as_str().unwrap());
            }
        }
        // Some members work for the very company that owns the ad accounts, whose name is no secret.
        let accounts = stage.sluice("discover", &[]).with(0).stdout;
        for found in [&mut answers.texts, &mut answers.words] {
            found.retain(|answer| !accounts.contains(answer.as_str()));
        }
        assert!(answers.texts.len() > 1_000 && answers.words.len() > 10);
        answers
    }

    /// Short answers such as a zip code or a country occur by chance, so those are looked for as words if at all.
    fn add(&mut self, answer: &str) {
        let answer = answer.trim();
        let is_word = answer.chars().all(char::is_alphabetic);
        if answer.chars().count() >= 9 && !is_word {
            self.texts.insert(answer.to_owned());
        } else if is_word && answer.chars().count() > 3 {
            self.words.insert(answer.to_owned());
        }
    }
}

/// Text as it was written, and once more with the escapes of JSON undone.
fn spoken(text: &str) -> String {
    let mut all = text.to_owned();
    for line in text.lines() {
        if let Ok(value) = serde_json::from_str::<Value>(line) {
            strings(&value, &mut all);
        }
    }
    all
}

fn strings(value: &Value, all: &mut String) {
    match value {
        Value::String(text) => _ = writeln!(all, "{text}"),
        Value::Array(values) => values.iter().for_each(|value| strings(value, all)),
        Value::Object(members) => members.values().for_each(|value| strings(value, all)),
        _ => {}
    }
}

#[track_caller]
fn assert_quiet(what: &str, text: &str, answers: &Answers) {
    let text = spoken(text);
    for secret in secrets() {
        assert!(!text.contains(&secret), "{what} holds the secret {secret}");
    }
    for answer in &answers.texts {
        assert!(!text.contains(answer.as_str()), "{what} holds the answer {answer}");
    }
    let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphabetic()).collect();
    let spoken = answers.words.iter().find(|word| words.contains(word.as_str()));
    assert_eq!(spoken, None, "{what} holds an answer");
}

/// The store keeps no secret at all, and answers only in the records of dead letters.
#[track_caller]
fn assert_store_quiet(stage: &Stage, answers: &Answers) {
    for file in ["store.db", "store.db-wal"] {
        let bytes = std::fs::read(stage.path(file)).unwrap_or_default();
        for secret in secrets() {
            let held = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!held, "{file} holds the secret {secret}");
        }
    }
    let ledger = Ledger::open(&stage.store());
    let texts = ledger.texts();
    assert!(texts.len() > 900, "{texts:?}");
    assert_quiet("the store", &texts.join("\n"), answers);
}

const LOUD: [&str; 8] =
    ["--log-level", "trace", "--log-format", "json", "--output", "json", "--summary", "summary.json"];

/// Runs at the loudest, and looks through everything that it leaves behind.
#[track_caller]
fn assert_run_is_quiet(stage: &Stage, answers: &Answers, more: &[&str], code: i32) -> Ended {
    let run = stage.sluice("run", &[&LOUD, more].concat()).with(code);
    assert!(run.stderr.lines().count() > 20, "there is a log to look through");
    assert!(
        run.stderr.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "the log is not JSON"
    );
    assert_quiet("the log", &run.stderr, answers);
    assert_quiet("the report", &run.stdout, answers);
    assert_quiet("the summary", &std::fs::read_to_string(stage.path("summary.json")).unwrap(), answers);
    assert_store_quiet(stage, answers);
    run
}

#[test]
fn a_run_in_which_all_is_well_speaks_of_no_answer() {
    let stage = stage();
    assert_run_is_quiet(&stage, &Answers::of(&stage), &[], 0);
}

#[test]
fn a_run_in_which_much_goes_wrong_speaks_of_no_answer() {
    let stage = stage();
    let answers = Answers::of(&stage);
    stage.faults(&json!({
        "transport": {
            "linkedin": {"error_rate": 15, "retry_after_s": 0, "reset_rate": 30},
            "dataverse": {"error_rate": 15, "retry_after_s": 0, "lost_answer_rate": 30},
        },
        "linkedin": {"forbidden_accounts": [503_000_103]},
        "dataverse": {
            "poison_one_in": 25, "deadlock_one_in": 20, "unexpected_one_in": 20,
            "refuse_columns": [{"column": "lastname", "max_length": 4}],
        },
    }));
    // One partition is refused altogether, so the run has failed in part.
    assert_run_is_quiet(&stage, &answers, &[], 1);
    assert!(Ledger::open(&stage.store()).dead_letters().len() > 5);
}

/// Over-long answers make the sink speak of values: of their columns and limits, not of what they are.
#[test]
fn values_that_do_not_fit_are_not_quoted() {
    let stage = stage();
    let answers = Answers::of(&stage);
    let reject = ["--set", "sink.config.over_long=\"reject\""];
    stage.faults(&json!({"dataverse": {"refuse_columns": [{"column": "lastname", "max_length": 4}]}}));
    let run = assert_run_is_quiet(&stage, &answers, &reject, 3);
    assert!(run.count("rejected") > 100, "{run:?}");
}
