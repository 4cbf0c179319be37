//! `check`, `targets` and `prepare`.

use super::super::{Action, TargetPlace};
use super::simulation::Fault;
use super::*;
use crate::finding::{Finding, Severity};

fn findings(simulation: &Simulation, config: &Value) -> Vec<Finding> {
    block_on(open(simulation, config).check()).unwrap()
}

/// The findings that are not ok, as subject and severity.
fn bad(findings: &[Finding]) -> Vec<(&str, Severity)> {
    findings.iter().filter_map(|finding| Some((finding.subject.as_str(), finding.severity?))).collect()
}

#[test]
fn all_is_well() {
    let simulation = Simulation::new();
    let findings = findings(&simulation, &json!({}));
    assert_eq!(bad(&findings), []);
    let subjects: Vec<&str> = findings.iter().map(|finding| finding.subject.as_str()).collect();
    let expected = [
        "dataverse connection",
        "privilege prvCreateLead",
        "privilege prvReadLead",
        "privilege prvWriteLead",
        "privilege prvAppendLead",
        "privilege prvAppendToLead",
        "columns of lead",
    ];
    assert_eq!(subjects, expected);
    assert!(findings[0].message.contains("Contoso"));
    assert_eq!(simulation.count("POST", ""), 0);
}

#[test]
fn what_is_missing_is_named() {
    let simulation = Simulation::new();
    simulation.world_mut().privileges = ["prvCreateLead", "prvReadLead", "prvAppendLead"].into();
    simulation.world_mut().columns.remove("websiteurl");
    let config = json!({"bypass_business_logic": true, "lead_source": 3});
    let findings = findings(&simulation, &config);
    let expected = [
        ("privilege prvWriteLead", Severity::Error),
        ("privilege prvBypassCustomBusinessLogic", Severity::Error),
        ("privilege prvAppendToLead", Severity::Warning),
        ("columns of lead", Severity::Warning),
        ("/lead_source", Severity::Error),
    ];
    assert_eq!(bad(&findings), expected);
    let missing = findings.iter().find(|finding| finding.subject == "privilege prvWriteLead").unwrap();
    assert!(missing.message.contains("Power Platform admin centre"), "{}", missing.message);
}

#[test]
fn a_stranger_to_the_organisation_is_told_what_to_create() {
    let simulation = Simulation::new();
    let message = "The user is not a member of the organization.";
    simulation.world_mut().read_faults.push(("WhoAmI", Fault::Answer(403, Some("0x80072560"), message)));
    let findings = findings(&simulation, &json!({}));
    assert_eq!(bad(&findings), [("dataverse connection", Severity::Error)]);
    assert!(findings[0].message.contains("Application users"), "{}", findings[0].message);
}

#[test]
fn a_refused_token_ends_the_check() {
    let simulation = Simulation::new();
    simulation.world_mut().read_faults.push(("WhoAmI", Fault::Answer(401, None, "")));
    let failure = block_on(open(&simulation, &json!({})).check()).unwrap_err();
    assert!(matches!(failure, Failure::Unauthorized { .. }));
}

#[test]
fn privileges_that_cannot_be_read_are_a_warning() {
    let simulation = Simulation::new();
    let fault = Fault::Answer(403, Some("0x80040220"), "missing prvReadRole privilege");
    simulation.world_mut().read_faults.push(("RetrieveUserPrivileges", fault));
    assert_eq!(bad(&findings(&simulation, &json!({}))), [("privileges on lead", Severity::Warning)]);
}

#[test]
fn the_place_to_confirm() {
    let simulation = Simulation::new();
    let place = |name: &str| TargetPlace {
        id: "dddddddd-0000-0000-0000-000000000001".to_owned(),
        name: name.to_owned(),
        url: ORGANIZATION.to_owned(),
        current: true,
    };
    let sink = open(&simulation, &json!({}));
    assert_eq!(block_on(sink.targets()).unwrap(), [place("Contoso")]);
    simulation.world_mut().read_faults.push(("RetrieveCurrentOrganization", Fault::Answer(404, None, "")));
    assert_eq!(block_on(sink.targets()).unwrap(), [place("contoso")]);
}

#[test]
fn nothing_has_to_be_prepared() {
    let simulation = Simulation::new();
    let changes = block_on(open(&simulation, &json!({})).prepare(Mode::Apply)).unwrap();
    assert_eq!((changes.len(), changes[0].action), (1, Action::None));
    assert!(simulation.world().requests.is_empty());
}
