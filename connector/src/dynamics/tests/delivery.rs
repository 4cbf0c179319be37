//! What reaches the table, in how many requests, and that nothing is lost or doubled on the way.

use std::collections::BTreeSet;

use futures_util::future::join;
use proptest::prelude::*;

use super::simulation::Fault;
use super::*;

#[test]
fn records_of_other_streams_are_skipped() {
    let simulation = Simulation::new();
    let sink = open(&simulation, &json!({}));
    let form = json!({"key": "4400120:1", "op": "upsert", "stream": "lead_forms", "data": {"id": "4400120"}});
    let gone = json!({"key": "7", "op": "delete", "stream": "campaigns"});
    let outcomes = outcomes(&write(&sink, &format!("{form}\n{gone}\n{}", simple_line(1))).unwrap());
    for key in ["4400120:1", "7"] {
        assert_eq!(outcomes[key]["status"], "skipped");
        assert_eq!(outcomes[key]["cause"]["code"], "stream_not_written");
    }
    assert_eq!(outcomes[&response_id(1)]["status"], "created");
}

#[test]
fn a_row_as_it_goes_over_the_wire() {
    let simulation = Simulation::new();
    let sink = open(&simulation, &json!({}));
    let answers = [
        answer("FIRST_NAME", " Tove "),
        answer("LAST_NAME", "Berg \"TB\""),
        answer("COMPANY_SIZE", "51-200"),
        json!({"question_id": "9", "question": "Budget?", "text": "10 k\u{20ac}"}),
        answer("EMAIL", ""),
    ];
    let reply = write(&sink, &line(1, &answers)).unwrap();
    let id = row_id(1);
    let world = simulation.world();
    let request = world.requests.iter().find(|request| request.method == "POST").unwrap();
    let expected = format!(
        "{{\"Targets\":[{{\"@odata.type\":\"Microsoft.Dynamics.CRM.lead\",\"leadid\":\"{id}\",\
         \"subject\":\"LinkedIn: Pumps\",\"firstname\":\"Tove\",\"lastname\":\"Berg \\\"TB\\\"\",\
         \"numberofemployees\":51,\"description\":\"COMPANY_SIZE: 51-200\\nBudget?: 10 k\u{20ac}\",\
         \"leadsourcecode\":8}}]}}"
    );
    assert_eq!(String::from_utf8(request.body.clone().unwrap()).unwrap(), expected);
    let target = json!({"table": "lead", "id": id});
    let outcome = json!({"key": response_id(1), "status": "created", "target": target});
    assert_eq!(outcomes(&reply)[&response_id(1)], outcome);
}

#[test]
fn a_thousand_rows_take_few_requests_all_at_once() {
    let simulation = Simulation::new();
    let sink = open(&simulation, &json!({}));
    let reply = write(&sink, &batch(0..1000)).unwrap();
    assert_eq!((statuses(&reply), reply.stopped), (counts(&[("created", 1000)]), None));
    assert_eq!(simulation.count("GET", "EntityDefinitions"), 4);
    assert_eq!(simulation.count("GET", "leads?"), 4);
    assert_eq!(simulation.count("POST", ""), 10);
    assert_eq!(simulation.world().peak, 10);
}

#[test]
fn what_an_earlier_run_wrote_is_kept_as_people_left_it() {
    let simulation = Simulation::new();
    let sink = open(&simulation, &json!({}));
    write(&sink, &batch(0..3)).unwrap();
    simulation.world_mut().rows.get_mut(&row_id(1)).unwrap().insert("lastname".to_owned(), "Edited".into());
    simulation.world_mut().page_size = Some(1);
    let reply = write(&sink, &batch(0..5)).unwrap();
    assert_eq!(statuses(&reply), counts(&[("unchanged", 3), ("created", 2)]));
    assert_eq!(outcomes(&reply)[&response_id(1)]["cause"]["code"], "already_there");
    assert_eq!(simulation.world().rows[&row_id(1)]["lastname"], "Edited");
    assert!(simulation.world().stored.values().all(|times| *times == 1));
    let again = write(&sink, &batch(0..5)).unwrap();
    assert_eq!(statuses(&again), counts(&[("unchanged", 5)]));
    assert_eq!(simulation.count("POST", ""), 2);
}

#[test]
fn overwriting_is_a_choice() {
    let simulation = Simulation::new();
    let sink = open(&simulation, &json!({"existing_rows": "overwrite"}));
    write(&sink, &batch(0..2)).unwrap();
    simulation.world_mut().rows.get_mut(&row_id(1)).unwrap().insert("lastname".to_owned(), "Edited".into());
    let reply = write(&sink, &batch(0..3)).unwrap();
    assert_eq!(statuses(&reply), counts(&[("updated", 2), ("created", 1)]));
    assert_eq!(simulation.world().rows[&row_id(1)]["lastname"], "Berg1");
}

#[test]
fn a_server_without_in_is_asked_in_plain_odata() {
    let simulation = Simulation::new();
    simulation.world_mut().without_in = true;
    let sink = open(&simulation, &json!({}));
    write(&sink, &batch(0..60)).unwrap();
    let reply = write(&sink, &batch(0..70)).unwrap();
    assert_eq!(statuses(&reply), counts(&[("unchanged", 60), ("created", 10)]));
    assert_eq!(simulation.count("GET", "CRM.In("), 1);
    assert!(simulation.world().warnings.is_empty());
}

#[test]
fn a_server_that_cannot_be_asked_is_written_to_with_one_warning() {
    let simulation = Simulation::new();
    simulation.world_mut().without_in = true;
    simulation.world_mut().without_filter = true;
    let sink = open(&simulation, &json!({}));
    for _ in 0..2 {
        let reply = write(&sink, &batch(0..3)).unwrap();
        assert_eq!(statuses(&reply), counts(&[("upserted", 3)]));
    }
    assert_eq!(simulation.world().warnings.len(), 1);
    assert_eq!(simulation.count("GET", "leads?"), 2);
}

#[test]
fn a_plan_writes_nothing_and_says_what_would_happen() {
    let simulation = Simulation::new();
    let sink = open(&simulation, &json!({"over_long": "reject"}));
    write(&sink, &batch(0..1)).unwrap();
    let long = line(2, &[answer("FIRST_NAME", &"x".repeat(51))]);
    let all = format!("{}{long}", batch(0..2));
    let planned = block_on(sink.write(&all, Mode::Plan)).unwrap();
    assert_eq!(simulation.count("POST", ""), 1);
    let applied = write(&sink, &all).unwrap();
    assert_eq!(outcomes(&planned), outcomes(&applied));
    assert_eq!(statuses(&planned), counts(&[("unchanged", 1), ("created", 1), ("rejected", 1)]));
    assert_eq!(outcomes(&planned)[&response_id(2)]["cause"]["code"], "too_long");
}

#[test]
fn records_that_are_not_for_the_table_get_their_outcome() {
    let simulation = Simulation::new();
    let sink = open(&simulation, &json!({}));
    let skipped = r#"{"key":"s","op":"upsert","stream":"lead_responses","skip":{"code":"test_lead","reason":"a test"}}"#;
    let delete = format!(r#"{{"key":"{}","op":"delete","stream":"lead_responses"}}"#, response_id(7));
    let empty = r#"{"key":"e","op":"upsert","stream":"lead_responses"}"#;
    let malformed = r#"{"key":"m","op":"upsert","stream":"lead_responses","data":{"id":"Ada Lovelace","submitted_at_ms":"Ada"}}"#;
    let twice = simple_line(1).replace(&format!("\"key\":\"{}\"", response_id(1)), "\"key\":\"first\"");
    let text = format!("{skipped}\n\n{delete}\n{empty}\n{malformed}\n{twice}{}", simple_line(1));
    let reply = write(&sink, &text).unwrap();
    let outcomes = outcomes(&reply);
    assert_eq!(reply.stopped, None);
    assert_eq!(outcomes["s"]["cause"], json!({"code": "test_lead", "message": "a test"}));
    assert_eq!(outcomes[&response_id(7)]["cause"]["code"], "delete_unsupported");
    assert!(outcomes[&response_id(7)]["cause"]["message"].as_str().unwrap().contains(&row_id(7)));
    assert_eq!(outcomes["e"]["cause"]["code"], "malformed_record");
    assert_eq!(outcomes["m"]["status"], "rejected");
    assert!(!reply.outcomes.contains("Ada"));
    assert_eq!(outcomes["first"]["cause"]["code"], "superseded");
    assert_eq!(outcomes[&response_id(1)]["status"], "created");
    assert_eq!(outcomes.len(), 6);
    assert!(matches!(write(&sink, "{\"key\":"), Err(Failure::Fatal(_))));
    assert_eq!(write(&sink, "").unwrap().outcomes, "");
}

#[test]
fn two_writes_at_once_do_not_wait_for_each_other() {
    let simulation = Simulation::new();
    let sink = open(&simulation, &json!({}));
    let (one, two) = (batch(0..150), batch(150..300));
    let both = async { join(sink.write(&one, Mode::Apply), sink.write(&two, Mode::Apply)).await };
    let (first, second) = block_on(both);
    assert_eq!(first.unwrap().stopped, None);
    assert_eq!(second.unwrap().stopped, None);
    assert_eq!(simulation.world().rows.len(), 300);
    write(&sink, &batch(300..310)).unwrap();
    assert!(simulation.count("GET", "EntityDefinitions") <= 8);
}

#[test]
fn one_poison_row_in_a_thousand_costs_few_requests() {
    for code in ["0x80044331", "0x80040216"] {
        let simulation = Simulation::new();
        let status = if code == "0x80040216" { 500 } else { 400 };
        simulation.world_mut().poison.insert(row_id(537), (status, code, "no".to_owned()));
        let sink = open(&simulation, &json!({}));
        let reply = write(&sink, &batch(0..1000)).unwrap();
        assert_eq!(statuses(&reply), counts(&[("created", 999), ("rejected", 1)]));
        assert_eq!(outcomes(&reply)[&response_id(537)]["cause"]["code"], code);
        let extra = simulation.count("POST", "") - 10;
        assert!(extra <= 25, "{extra} extra requests");
    }
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Fault::Throttle("0.5"))),
        1 => Just(Some(Fault::Answer(503, None, "<html>unavailable</html>"))),
        1 => Just(Some(Fault::Answer(500, Some("0x80044150"), "Sql Number: 1205"))),
        1 => Just(Some(Fault::Answer(500, Some("0x80044151"), "Sql Number: -2"))),
        1 => Just(Some(Fault::Lost)),
        1 => Just(Some(Fault::LostAfterwards)),
    ]
}

/// Codes that blame a row, one of them without saying so.
const POISON: [(u16, &str); 4] =
    [(400, "0x80044331"), (400, "0x80040265"), (412, "0x80040333"), (500, "0x80040216")];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However the service misbehaves: every good row is stored exactly once, every poison row is rejected with its
    /// code, and a host that repeats what has no outcome comes to an end.
    #[test]
    fn nothing_is_lost_or_doubled(
        rows in 1_usize..120,
        poison in prop::collection::btree_map(0_usize..120, 0_usize..4, 0..6),
        faults in prop::collection::vec(fault(), 0..25),
        turns in prop::collection::vec(0_usize..6, 1..9),
        rows_per_request in 1_usize..40,
        requests_in_flight in 1_usize..9,
        body_bytes_max in prop::option::of(500_usize..5000),
    ) {
        let simulation = Simulation::new();
        {
            let mut world = simulation.world_mut();
            for (row, kind) in &poison {
                let (status, code) = POISON[*kind];
                world.poison.insert(row_id(*row), (status, code, "no".to_owned()));
            }
            world.write_faults = faults.into();
            world.body_bytes_max = body_bytes_max;
            world.turns = turns;
        }
        let config = json!({"rows_per_request": rows_per_request, "requests_in_flight": requests_in_flight});
        let sink = open(&simulation, &config);
        let mut left: BTreeSet<usize> = (0..rows).collect();
        let mut rejected = BTreeSet::new();
        for turn in 0.. {
            prop_assert!(turn < 60, "no end");
            let reply = match write(&sink, &batch(left.iter().copied())) {
                Ok(reply) => reply,
                Err(failure) => {
                    prop_assert!(matches!(failure, Failure::Retryable { .. }), "{failure:?}");
                    continue;
                }
            };
            let outcomes = outcomes(&reply);
            prop_assert_eq!(reply.stopped.is_none(), outcomes.len() == left.len());
            let known: Vec<usize> =
                left.iter().copied().filter(|row| outcomes.contains_key(&response_id(*row))).collect();
            for row in known {
                left.remove(&row);
                let outcome = &outcomes[&response_id(row)];
                if outcome["status"] == "rejected" {
                    prop_assert_eq!(outcome["cause"]["code"].as_str(), poison.get(&row).map(|kind| POISON[*kind].1));
                    rejected.insert(row);
                }
            }
            if left.is_empty() {
                break;
            }
            prop_assert!(matches!(reply.stopped, Some(Failure::Retryable { .. })), "{:?}", reply.stopped);
        }
        let world = simulation.world();
        let expected: BTreeSet<usize> = poison.keys().copied().filter(|row| *row < rows).collect();
        prop_assert_eq!(&rejected, &expected);
        let good: BTreeSet<String> = (0..rows).filter(|row| !expected.contains(row)).map(row_id).collect();
        prop_assert_eq!(world.rows.keys().cloned().collect::<BTreeSet<_>>(), good);
        prop_assert!(world.stored.values().all(|times| *times == 1));
        prop_assert!(world.peak <= requests_in_flight, "{} at once", world.peak);
    }
}
