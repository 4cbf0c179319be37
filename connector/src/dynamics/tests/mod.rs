//! The sink against a simulated organisation.

mod checking;
mod delivery;
mod refusals;
mod simulation;

use std::collections::BTreeMap;

use futures_executor::block_on;
use serde_json::{Value, json};
use simulation::{ORGANIZATION, Simulation};
use uuid::Uuid;

use super::config::ID_NAMESPACE;
use super::identity::lead_id;
use super::{Mode, Sink, WriteReply};
use crate::failure::Failure;

/// A sink with some configuration over the defaults.
fn open(simulation: &Simulation, config: &Value) -> Sink<Simulation> {
    let mut all = json!({"organization_url": ORGANIZATION});
    all.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    block_on(Sink::open(&all.to_string(), simulation.clone())).unwrap()
}

fn response_id(number: usize) -> String {
    format!("5c1d7e0a-9b42-4f6e-8a31-{number:012}-1")
}

/// The primary key of the lead for a response.
fn row_id(number: usize) -> String {
    lead_id(&Uuid::try_parse(ID_NAMESPACE).unwrap(), &response_id(number)).to_string()
}

fn answer(field: &str, text: &str) -> Value {
    json!({"question_id": "1", "predefined_field": field, "question": field, "text": text})
}

/// One line of a batch.
fn line(number: usize, answers: &[Value]) -> String {
    let id = response_id(number);
    let envelope = json!({
        "key": id, "op": "upsert", "stream": "lead_responses", "time": 1_786_000_000_123_u64,
        "data": {
            "id": id, "submitted_at_ms": 1_786_000_000_123_u64, "kind": "SPONSORED", "test": false,
            "owner": {"urn": "urn:li:sponsoredAccount:503000111"},
            "form": {"id": "4400120", "version": "2", "name": "Pumps"},
            "answers": answers,
        }
    });
    format!("{envelope}\n")
}

fn simple_line(number: usize) -> String {
    line(
        number,
        &[answer("LAST_NAME", &format!("Berg{number}")), answer("EMAIL", &format!("b{number}@example.test"))],
    )
}

fn batch(numbers: impl IntoIterator<Item = usize>) -> String {
    numbers.into_iter().map(simple_line).collect()
}

fn write(sink: &Sink<Simulation>, batch: &str) -> Result<WriteReply, Failure> {
    block_on(sink.write(batch, Mode::Apply))
}

/// The outcomes by key.
fn outcomes(reply: &WriteReply) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for line in reply.outcomes.lines() {
        let outcome: Value = serde_json::from_str(line).unwrap();
        let key = outcome["key"].as_str().unwrap().to_owned();
        assert!(all.insert(key, outcome).is_none(), "two outcomes for one record");
    }
    all
}

fn statuses(reply: &WriteReply) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for outcome in outcomes(reply).values() {
        *counts.entry(outcome["status"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

fn counts(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(status, count)| ((*status).to_owned(), *count)).collect()
}
