//! What a refusal of a whole request leads to, and that no answer leaks through one.

use super::simulation::Fault;
use super::*;
use crate::failure::Detail;

fn detail(failure: &Failure) -> &Detail {
    match failure {
        Failure::Retryable { detail, .. }
        | Failure::Unauthorized { detail, .. }
        | Failure::Forbidden { detail, .. }
        | Failure::Invalid { detail, .. }
        | Failure::Fatal(detail) => detail,
    }
}

/// The failure of a write of three rows that is always answered so.
fn failure_of(fault: Fault) -> (Failure, Simulation) {
    let simulation = Simulation::new();
    simulation.world_mut().always = Some(fault);
    let sink = open(&simulation, &json!({}));
    let failure = write(&sink, &batch(0..3)).unwrap_err();
    (failure, simulation)
}

#[test]
fn throttling_stops_with_the_wait_that_was_asked_for() {
    let (failure, simulation) = failure_of(Fault::Throttle("17"));
    assert!(matches!(failure, Failure::Retryable { wait_ms: Some(17_000), .. }));
    assert_eq!(detail(&failure).code.as_deref(), Some("0x80072321"));
    let facts: Value = serde_json::from_str(detail(&failure).facts.as_deref().unwrap()).unwrap();
    assert_eq!(facts, json!({"http_status": 429, "req_id": "4b4b4b4b-0000-0000-0000-000000000001"}));
    assert_eq!(simulation.count("POST", ""), 1);
}

#[test]
fn other_chunks_keep_their_outcomes_and_nothing_more_is_sent() {
    let simulation = Simulation::new();
    let faults = [None, Some(Fault::Throttle("2")), None, None];
    simulation.world_mut().write_faults = faults.into();
    let sink = open(&simulation, &json!({"rows_per_request": 10, "requests_in_flight": 1}));
    let reply = write(&sink, &batch(0..40)).unwrap();
    assert_eq!(statuses(&reply), counts(&[("created", 10)]));
    assert!(matches!(reply.stopped, Some(Failure::Retryable { wait_ms: Some(2000), .. })));
    assert_eq!(simulation.count("POST", ""), 2);
    let again = write(&sink, &batch(0..40)).unwrap();
    assert_eq!((statuses(&again), again.stopped), (counts(&[("unchanged", 10), ("created", 30)]), None));
}

#[test]
fn a_refused_token_names_the_credential() {
    let (failure, _) = failure_of(Fault::Answer(401, None, ""));
    assert!(matches!(failure, Failure::Unauthorized { credential, .. } if credential == "dataverse"));
}

#[test]
fn a_missing_privilege_is_named_with_the_place_to_grant_it() {
    let message = "Principal user (Id=cccccccc-0000-0000-0000-000000000001, type=8, roleCount=1) is missing \
                   prvWriteLead privilege (Id=eeeeeeee-0000-0000-0000-000000000001) on OTC=4 for entity 'lead'.";
    let (failure, simulation) = failure_of(Fault::Answer(403, Some("0x80040220"), message));
    assert!(matches!(&failure, Failure::Forbidden { missing, .. } if missing == "prvWriteLead"));
    let message = &detail(&failure).message;
    assert!(message.contains("prvWriteLead") && message.contains("Power Platform admin centre"), "{message}");
    assert_eq!(simulation.count("POST", ""), 1);
}

#[test]
fn an_address_that_is_no_web_api_is_a_matter_of_configuration() {
    for fault in [Fault::SignInPage, Fault::Answer(404, None, "not here"), Fault::Answer(302, None, "")] {
        let (failure, simulation) = failure_of(fault);
        assert!(matches!(failure, Failure::Invalid { path, .. } if path == "/organization_url"));
        assert_eq!(simulation.world().rows.len(), 0);
    }
}

#[test]
fn a_changed_table_is_read_again_once() {
    let simulation = Simulation::new();
    let sink = open(&simulation, &json!({}));
    write(&sink, &batch(0..1)).unwrap();
    simulation.world_mut().columns.remove("subject");
    let failure = write(&sink, &batch(1..2)).unwrap_err();
    assert!(matches!(failure, Failure::Retryable { .. }));
    let reply = write(&sink, &batch(1..2)).unwrap();
    assert_eq!(statuses(&reply), counts(&[("created", 1)]));
    let (failure, _) =
        failure_of(Fault::Answer(400, Some("0x80048d19"), "Cannot convert the literal 'Berg1'"));
    assert!(matches!(&failure, Failure::Fatal(_)));
    assert!(!detail(&failure).message.contains("Berg"), "{failure}");
}

#[test]
fn an_outage_rejects_nobody() {
    let simulation = Simulation::new();
    simulation.world_mut().always = Some(Fault::Answer(500, None, "<html>oops</html>"));
    simulation.world_mut().read_faults.push(("WhoAmI", Fault::Answer(500, None, "")));
    let sink = open(&simulation, &json!({}));
    let failure = write(&sink, &batch(0..1000)).unwrap_err();
    assert!(matches!(failure, Failure::Retryable { .. }));
    assert!(simulation.count("POST", "") < 80);
    let failure = write(&sink, &batch(0..1)).unwrap_err();
    assert!(matches!(failure, Failure::Retryable { .. }));
}

#[test]
fn a_lone_row_that_is_refused_without_reason_is_rejected_if_the_service_works() {
    let simulation = Simulation::new();
    simulation.world_mut().always =
        Some(Fault::Answer(500, Some("0x80040216"), "An unexpected error occurred."));
    let sink = open(&simulation, &json!({}));
    let reply = write(&sink, &batch(0..1)).unwrap();
    assert_eq!(outcomes(&reply)[&response_id(0)]["cause"]["code"], "0x80040216");
    assert_eq!((simulation.count("POST", ""), simulation.count("GET", "WhoAmI")), (2, 1));
}

#[test]
fn a_rejection_says_why_without_the_answer() {
    let simulation = Simulation::new();
    let message = "Lead Berg1 <b1@example.test> breaks the rule for 'subject' of Contoso";
    simulation.world_mut().poison.insert(row_id(1), (400, "0x80040265", message.to_owned()));
    let sink = open(&simulation, &json!({}));
    let reply = write(&sink, &batch(0..3)).unwrap();
    let outcome = &outcomes(&reply)[&response_id(1)];
    let expected = json!({
        "code": "0x80040265",
        "message": "Dataverse answered 400: Lead … <…> breaks the rule for 'subject' of Contoso"
    });
    assert_eq!(outcome["cause"], expected);
    assert_eq!(outcome["target"]["id"], row_id(1));
}

#[test]
fn a_configuration_that_the_table_cannot_fulfil_writes_nothing() {
    let cases = [
        (json!({"lead_source": 9}), "/lead_source"),
        (json!({"mapping": {"columns": {"INDUSTRY": "new_industry"}}}), "/mapping/columns/INDUSTRY"),
        (json!({"mapping": {"columns": {"INDUSTRY": "fullname"}}}), "/mapping/columns/INDUSTRY"),
        (json!({"mapping": {"columns": {"INDUSTRY": "leadsourcecode"}}}), "/mapping/columns/INDUSTRY"),
        (
            json!({"mapping": {"columns": {"EMAIL": "jobtitle", "EMAIL_ADDRESS": "subject"}}}),
            "/mapping/columns/EMAIL_ADDRESS",
        ),
    ];
    for (config, expected) in cases {
        let simulation = Simulation::new();
        let failure = write(&open(&simulation, &config), &batch(0..1)).unwrap_err();
        assert!(matches!(&failure, Failure::Invalid { path, .. } if path == expected), "{failure:?}");
        assert_eq!(simulation.count("POST", ""), 0);
    }
}
