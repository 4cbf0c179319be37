//! The leads that arrived, compared with the answers that were given.
//!
//! The sandbox compares them too; this does it a second time and in another way: by the primary key, which follows
//! from the response's id, where the sandbox goes by e-mail address and phone number.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use sluice_sandbox::ExpectedResponse;
use uuid::Uuid;

use crate::ledger::{Ledger, Status};
use crate::stage::{NAMESPACE, Stage};

/// Leads by primary key.
pub(crate) type Leads = BTreeMap<String, Map<String, Value>>;

/// The primary key of a response's lead.
pub(crate) fn lead_id(response: &str) -> String {
    let namespace = Uuid::try_parse(NAMESPACE).unwrap();
    Uuid::new_v5(&namespace, response.as_bytes()).hyphenated().to_string()
}

/// Every lead with all its columns but the row version, which counts all writes of an organisation.
pub(crate) fn leads(stage: &Stage) -> Leads {
    let mut leads = Leads::new();
    stage.sandbox.dataverse_handle().for_each_row("leads", &mut |row| {
        let mut row = row.clone();
        row.remove("versionnumber");
        let id = row["leadid"].as_str().unwrap().to_owned();
        leads.insert(id, row);
    });
    leads
}

/// The responses that must become leads, and those that are test leads.
pub(crate) fn expected(stage: &Stage) -> (Vec<ExpectedResponse>, Vec<ExpectedResponse>) {
    stage.sandbox.expected().partition(|response| !response.test_lead)
}

/// Every response but test leads is exactly one lead with the answers that were given, except those in `refused`,
/// which are none.
#[track_caller]
pub(crate) fn assert_landed(stage: &Stage, refused: &BTreeSet<String>) {
    let (wanted, _) = expected(stage);
    let leads = leads(stage);
    for response in wanted.iter().filter(|response| !refused.contains(&response.id)) {
        let lead = leads.get(&lead_id(&response.id));
        assert_answers(lead.unwrap_or_else(|| panic!("{} is no lead", response.id)), response);
    }
    assert_eq!(leads.len(), wanted.len() - refused.len(), "leads beyond those of the responses");
    let reconciled = stage.sandbox.reconcile();
    assert_eq!(reconciled.responses_without_lead, refused.len() as u64, "{reconciled:?}");
    let wrong = [
        reconciled.responses_with_several_leads,
        reconciled.leads_without_response,
        reconciled.test_responses_with_lead,
    ];
    assert_eq!(wrong, [0; 3], "{reconciled:?}");
    assert_eq!(stage.count("/dataverse/identical_leads"), 0);
}

/// Every response has exactly one outcome: test leads are skipped, those in `refused` rejected, all others landed.
#[track_caller]
pub(crate) fn assert_recorded(stage: &Stage, refused: &BTreeSet<String>, landed: &[Status]) {
    let outcomes = Ledger::open(&stage.store()).outcomes();
    let (wanted, tests) = expected(stage);
    for response in &tests {
        assert_eq!(outcomes.get(&response.id), Some(&Status::Skipped), "{}", response.id);
    }
    for response in &wanted {
        let outcome = outcomes.get(&response.id).unwrap_or_else(|| panic!("{} has no outcome", response.id));
        if refused.contains(&response.id) {
            assert_eq!(*outcome, Status::Rejected, "{}", response.id);
        } else {
            assert!(landed.contains(outcome), "{}: {outcome:?}", response.id);
        }
    }
    assert_eq!(outcomes.len(), wanted.len() + tests.len(), "outcomes of records that do not exist");
}

#[track_caller]
fn assert_answers(lead: &Map<String, Value>, response: &ExpectedResponse) {
    let column = |name: &str| lead.get(name).and_then(Value::as_str);
    let columns = [column("firstname"), column("lastname"), column("emailaddress1")];
    let answers = [&response.first_name, &response.last_name, &response.email];
    assert_eq!(columns, answers.map(|answer| Some(answer.trim())), "{}", response.id);
    if let Some(phone) = &response.phone {
        // A number that is too long for the mobile phone goes to the business phone, or is cut where that is taken.
        let cut: String = phone.chars().take(20).collect();
        let (mobile, business) = (column("mobilephone"), column("telephone1"));
        let kept = mobile == Some(phone) || business == Some(phone) || mobile == Some(cut.trim());
        assert!(kept, "{}: {phone} is in neither {mobile:?} nor {business:?}", response.id);
    }
}
