//! Compares what was answered on the forms with the rows that arrived in Dataverse.
//!
//! A lead is tied to a response by its e-mail address, which holds the response's index; where one member submitted
//! twice, by its phone number too. One byte is kept per response, and nothing of any row.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::linkedin::{ExpectedResponse, LinkedIn};

/// So many ids are named per kind of difference.
const IDS_MAX: usize = 20;
/// Columns that a phone answer may have gone to.
const PHONE_COLUMNS: [&str; 3] = ["mobilephone", "telephone1", "telephone2"];
/// A phone number cut to fewer digits than this says nothing.
const PHONE_DIGITS_MIN: usize = 6;

/// How responses and leads compare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Responses that are no test leads and can be read.
    pub responses: u64,
    /// Rows of `leads`.
    pub leads: u64,
    /// Of `responses`, those with no lead.
    pub responses_without_lead: u64,
    /// Responses of any kind with more than one lead.
    pub responses_with_several_leads: u64,
    /// Leads that belong to no response.
    pub leads_without_response: u64,
    /// Test leads that became a lead.
    pub test_responses_with_lead: u64,
    /// Leads of responses that were deleted or are past retention.
    pub unreadable_responses_with_lead: u64,
    /// The first ids of `responses_without_lead`.
    pub missing_ids: Vec<String>,
    /// The first ids of `responses_with_several_leads`.
    pub doubled_ids: Vec<String>,
}

/// Compares all responses with all rows of `leads`, which `each_lead` visits.
pub(crate) fn reconcile(
    linkedin: &LinkedIn,
    each_lead: impl FnOnce(&mut dyn FnMut(&Map<String, Value>)),
) -> Reconciliation {
    let count = linkedin.response_count();
    // At most ten million and some: one byte each.
    let mut seen = vec![0_u8; usize::try_from(count).unwrap_or_default()];
    let mut result = Reconciliation::default();
    each_lead(&mut |row| {
        result.leads += 1;
        match owner_of(linkedin, row).and_then(|index| seen.get_mut(usize::try_from(index).ok()?)) {
            Some(seen) => *seen = seen.saturating_add(1),
            None => result.leads_without_response += 1,
        }
    });
    for (index, leads) in (0..).zip(seen) {
        result.add(linkedin, index, leads);
    }
    result
}

impl Reconciliation {
    fn add(&mut self, linkedin: &LinkedIn, index: u64, leads: u8) {
        let Some(known) = linkedin.known(index) else { return };
        let test = known.expected.test_lead;
        self.responses += u64::from(!test && known.readable);
        if leads > 1 {
            self.responses_with_several_leads += 1;
            note(&mut self.doubled_ids, &known.expected);
        }
        match (leads > 0, test, known.readable) {
            (true, true, _) => self.test_responses_with_lead += 1,
            (true, false, false) => self.unreadable_responses_with_lead += 1,
            (false, false, true) => {
                self.responses_without_lead += 1;
                note(&mut self.missing_ids, &known.expected);
            }
            (true, false, true) | (false, _, _) => {}
        }
    }
}

fn note(ids: &mut Vec<String>, expected: &ExpectedResponse) {
    if ids.len() < IDS_MAX {
        ids.push(expected.id.clone());
    }
}

/// The index of the response that a lead was made from.
fn owner_of(linkedin: &LinkedIn, row: &Map<String, Value>) -> Option<u64> {
    let email = row.get("emailaddress1")?.as_str()?.trim();
    let index: u64 = email.rsplit_once("+i")?.1.split_once('@')?.0.parse().ok()?;
    let first = linkedin.known(index)?.expected;
    if !first.email.trim().eq_ignore_ascii_case(email) {
        return None;
    }
    let Some(twin) = linkedin.twin(index) else { return Some(index) };
    let phone_fits = |expected: &ExpectedResponse| {
        let answered = digits(expected.phone.as_deref()?);
        let kept = |column: &&str| row.get(*column).and_then(Value::as_str).map(digits);
        let fits = |kept: String| kept.len() >= PHONE_DIGITS_MIN && answered.starts_with(&kept);
        PHONE_COLUMNS.iter().filter_map(kept).any(fits).then_some(())
    };
    let second = linkedin.known(twin)?.expected;
    phone_fits(&first).map(|()| index).or_else(|| phone_fits(&second).map(|()| twin))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::faults::FaultsCell;
    use crate::{Clock, Faults, Options};

    const NOW_MS: u64 = 1_790_000_000_000;

    fn linkedin(faults: Faults) -> LinkedIn {
        let cell = FaultsCell::default();
        cell.set(faults);
        LinkedIn::new(&Options { responses: 900, clock: Clock::manual(NOW_MS).0, ..Options::default() }, cell)
    }

    /// The row that a faithful sink makes of a response.
    fn lead(expected: &ExpectedResponse) -> Map<String, Value> {
        let phone: Option<String> = expected.phone.as_ref().map(|phone| phone.chars().take(20).collect());
        let row = json!({"emailaddress1": expected.email.trim(), "mobilephone": phone});
        row.as_object().cloned().unwrap()
    }

    fn compare(linkedin: &LinkedIn, rows: &[Map<String, Value>]) -> Reconciliation {
        reconcile(linkedin, |visit| rows.iter().for_each(visit))
    }

    fn good_rows(linkedin: &LinkedIn) -> Vec<Map<String, Value>> {
        let known = (0..linkedin.response_count()).filter_map(|index| linkedin.known(index));
        known.filter(|known| !known.expected.test_lead).map(|known| lead(&known.expected)).collect()
    }

    #[test]
    fn a_faithful_copy_has_no_difference() {
        let linkedin = linkedin(Faults::default());
        let rows = good_rows(&linkedin);
        let result = compare(&linkedin, &rows);
        let count = rows.len() as u64;
        assert!(count > 800 && count < 900, "{count}");
        assert_eq!(result, Reconciliation { responses: count, leads: count, ..Reconciliation::default() });
    }

    #[test]
    fn a_faithful_copy_of_pages_has_no_difference_either() {
        let options = Options {
            responses: 90,
            organizations: 2,
            organic_responses: 600,
            clock: Clock::manual(NOW_MS).0,
            ..Options::default()
        };
        let linkedin = LinkedIn::new(&options, FaultsCell::default());
        let mut rows = good_rows(&linkedin);
        let count = rows.len() as u64;
        assert!(count > 650 && count < 690, "{count}");
        let whole = Reconciliation { responses: count, leads: count, ..Reconciliation::default() };
        assert_eq!(compare(&linkedin, &rows), whole);
        let gone = rows.pop().unwrap();
        let result = compare(&linkedin, &rows);
        let missing = (0..690).filter_map(|index| linkedin.known(index));
        let missing =
            missing.map(|known| known.expected).find(|one| one.id == result.missing_ids[0]).unwrap();
        assert_eq!((missing.account, missing.email.trim()), (0, gone["emailaddress1"].as_str().unwrap()));
    }

    #[test]
    fn each_difference_is_counted_and_named() {
        let linkedin = linkedin(Faults::default());
        let mut rows = good_rows(&linkedin);
        let gone = rows.swap_remove(17);
        rows.push(rows[3].clone());
        rows.push(json!({"emailaddress1": "someone@example.test"}).as_object().cloned().unwrap());
        rows.push(json!({"subject": "no address"}).as_object().cloned().unwrap());
        let test = (0..900).filter_map(|index| linkedin.known(index)).find(|known| known.expected.test_lead);
        rows.push(lead(&test.unwrap().expected));
        let result = compare(&linkedin, &rows);
        assert_eq!((result.responses_without_lead, result.responses_with_several_leads), (1, 1));
        assert_eq!((result.leads_without_response, result.test_responses_with_lead), (2, 1));
        let missing = (0..900)
            .filter_map(|index| linkedin.known(index))
            .find(|k| k.expected.id == result.missing_ids[0]);
        assert_eq!(missing.unwrap().expected.email.trim(), gone["emailaddress1"]);
        assert_eq!(result.doubled_ids.len(), 1);
    }

    #[test]
    fn the_two_submissions_of_one_member_are_told_apart_by_phone() {
        let linkedin = linkedin(Faults::default());
        let (first, second) = (0..900).find_map(|index| Some((index, linkedin.twin(index)?))).unwrap();
        let rows: Vec<_> =
            [first, first].map(|index| lead(&linkedin.known(index).unwrap().expected)).to_vec();
        let result = compare(&linkedin, &rows);
        assert_eq!(result.doubled_ids, [linkedin.known(first).unwrap().expected.id]);
        let rows: Vec<_> =
            [first, second].map(|index| lead(&linkedin.known(index).unwrap().expected)).to_vec();
        assert_eq!(compare(&linkedin, &rows).responses_with_several_leads, 0);
    }

    #[test]
    fn responses_past_retention_are_not_missed() {
        let rows = good_rows(&linkedin(Faults::default()));
        let faults = Faults::default().with_flag("linkedin.retention_days=40").unwrap();
        let result = compare(&linkedin(faults), &rows);
        assert_eq!(result.responses + result.unreadable_responses_with_lead, rows.len() as u64);
        assert!(result.unreadable_responses_with_lead > 300, "{result:?}");
    }
}
