//! Tries everything that writing needs, changes nothing, and says what is missing and where to grant it.

use std::collections::BTreeSet;

use futures_util::future::join3;
use serde::{Deserialize, Serialize};

use super::errors::{CallError, Class, grant};
use super::places::WhoAmI;
use super::scrub::Scrubber;
use super::sink::Sink;
use super::write::Mode;
use crate::capabilities::{Capabilities, HttpError};
use crate::failure::Failure;
use crate::finding::Finding;

const CONNECTION: &str = "dataverse connection";
const COLUMNS: &str = "columns of lead";

/// Rights without which no lead is written, and rights that only some organisations' defaults need.
const NEEDED: [&str; 3] = ["prvCreateLead", "prvReadLead", "prvWriteLead"];
const ADVISED: [&str; 2] = ["prvAppendLead", "prvAppendToLead"];
const BYPASS: &str = "prvBypassCustomBusinessLogic";

/// What `prepare` does to one thing at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed.
    Change,
    /// It is good as it is.
    None,
    /// It is in the way; a person has to decide.
    Conflict,
}

/// One line of `prepare`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The thing at the destination.
    pub subject: String,
    /// What is done to it.
    pub action: Action,
    /// For a person.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Privileges {
    role_privileges: Vec<Privilege>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Privilege {
    privilege_name: Option<String>,
}

impl<C: Capabilities> Sink<C> {
    /// Tries the connection, the rights and the mapping.
    ///
    /// # Errors
    ///
    /// A failure only where trying is impossible: the credential cannot be had or is refused, or the organisation
    /// does not answer for now.
    pub async fn check(&self) -> Result<Vec<Finding>, Failure> {
        let me = match self.who_am_i().await {
            Ok(me) => me,
            Err(error) => return Ok(vec![unconnected(&error)?]),
        };
        let (name, privileges, columns) =
            join3(self.organization_name(), self.privileges(&me), self.columns()).await;
        let organization = match name {
            Some(name) => format!("organisation {name} ({})", me.organization_id),
            None => format!("organisation {}", me.organization_id),
        };
        let mut findings =
            vec![Finding::ok(CONNECTION, format!("{organization} accepts user {}", me.user_id))];
        findings.extend(privileges?);
        findings.extend(columns?);
        Ok(findings)
    }

    /// Says what writing relies on. Nothing is missing that this version could make.
    ///
    /// # Errors
    ///
    /// None so far.
    #[expect(clippy::unused_async, reason = "the contract's `prepare` may call the vendor")]
    pub async fn prepare(&self, _mode: Mode) -> Result<Vec<Change>, Failure> {
        let message = "the standard table is used as it is".to_owned();
        Ok(vec![Change { subject: "table lead".to_owned(), action: Action::None, message }])
    }

    async fn privileges(&self, me: &WhoAmI) -> Result<Vec<Finding>, Failure> {
        let path = format!("systemusers({})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges", me.user_id);
        let held: BTreeSet<String> = match self.object::<Privileges>(&path).await {
            Ok(answer) => answer.role_privileges.into_iter().filter_map(|held| held.privilege_name).collect(),
            Err(error) => {
                let failure = trying("reading the user's privileges", &error)?;
                let message = format!("{failure}; whether leads may be written will show with the first one");
                return Ok(vec![Finding::warning("privileges on lead", message)]);
            }
        };
        let bypass = self.config.bypass_business_logic.then_some(BYPASS);
        let needed = NEEDED.into_iter().chain(bypass).map(|name| privilege(&held, name, Finding::error));
        let advised = ADVISED.into_iter().map(|name| privilege(&held, name, Finding::warning));
        Ok(needed.chain(advised).collect())
    }

    async fn columns(&self) -> Result<Vec<Finding>, Failure> {
        let lead = match self.lead().await {
            Ok((lead, _)) => lead,
            Err(failure @ (Failure::Retryable { .. } | Failure::Unauthorized { .. })) => return Err(failure),
            Err(failure) => return Ok(vec![Finding::error(COLUMNS, failure.to_string())]),
        };
        let mut findings: Vec<Finding> = lead
            .problems
            .iter()
            .map(|problem| {
                let make = if problem.fatal { Finding::error } else { Finding::warning };
                let subject = if problem.path.is_empty() { COLUMNS } else { &problem.path };
                make(subject.to_owned(), problem.message.clone())
            })
            .collect();
        if !lead.problems.iter().any(|problem| problem.fatal) {
            let names: Vec<&str> = lead.rules.columns().collect();
            findings
                .push(Finding::ok(COLUMNS, format!("{} can be written: {}", names.len(), names.join(", "))));
        }
        Ok(findings)
    }
}

fn privilege(held: &BTreeSet<String>, name: &str, missing: fn(String, String) -> Finding) -> Finding {
    let subject = format!("privilege {name}");
    if held.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        return Finding::ok(subject, "granted");
    }
    missing(subject, format!("{name} is missing. {}", grant(name)))
}

/// Failures that end the check pass through; others are findings.
fn trying(what: &str, error: &CallError) -> Result<Failure, Failure> {
    let failure = error.failure(what, &Scrubber::without_answers(None));
    let ends = match error {
        CallError::Http(error) => !matches!(error, HttpError::TooLarge(_) | HttpError::Malformed(_)),
        CallError::Refused(refused) => {
            matches!(refused.class, Class::TokenRefused | Class::Throttled | Class::Transient)
        }
    };
    if ends { Err(failure) } else { Ok(failure) }
}

fn unconnected(error: &CallError) -> Result<Finding, Failure> {
    let failure = trying("connecting to the organisation", error)?;
    Ok(Finding::error(CONNECTION, failure.to_string()))
}
