//! Tries every right that reading needs, changes nothing, and says exactly what is missing and where to grant it.

use std::collections::BTreeMap;

use crate::capabilities::Capabilities;
use crate::failure::Failure;
use crate::finding::Finding;

use super::Source;
use super::accounts::{Account, State};
use super::errors::{PAGE_ROLES, Subject};
use super::query::{self, Window};
use super::selection::Selection;
use super::version::{self, Standing};

/// How many ad accounts are tried one by one.
const MAX_TRIED: usize = 50;

/// Page roles that let a member read sponsored leads.
const READING_ROLES: [&str; 5] =
    ["ADMINISTRATOR", "LEAD_GEN_FORMS_MANAGER", "CURATOR", "CONTENT_ADMINISTRATOR", "ANALYST"];

/// A refusal becomes a finding; what may pass is a failure of the check itself.
fn finding(subject: &str, failure: Failure) -> Result<Finding, Failure> {
    match failure {
        Failure::Retryable { .. } | Failure::Invalid { .. } => Err(failure),
        Failure::Forbidden { detail, missing } => {
            Ok(Finding::error(subject, format!("missing {missing}: {detail}")))
        }
        Failure::Unauthorized { detail, credential } => {
            Ok(Finding::error(subject, format!("credential {credential}: {detail}")))
        }
        Failure::Fatal(detail) => Ok(Finding::error(subject, detail.to_string())),
    }
}

impl<C: Capabilities> Source<C> {
    /// Tries the token, the version, each account, its page and its responses.
    ///
    /// # Errors
    ///
    /// What may pass by itself: throttling, LinkedIn's own failures, a broken connection.
    pub async fn check(&self) -> Result<Vec<Finding>, Failure> {
        let mut findings = vec![match version::standing(&self.config.version, self.capabilities.now_ms()) {
            Standing::Good(sentence) => Finding::ok("linkedin api version", sentence),
            Standing::Doubtful(sentence) => Finding::warning("linkedin api version", sentence),
        }];
        let accounts = match self.accounts().await {
            Ok(accounts) => accounts,
            Err(failure) => {
                findings.push(finding("linkedin access token and ad accounts", failure)?);
                return Ok(findings);
            }
        };
        let message = format!("accepted; the member has a role on {} ad accounts", accounts.len());
        findings.push(Finding::ok("linkedin access token and ad accounts", message));
        let roles = match self.page_roles().await {
            Ok(roles) => Some(roles),
            Err(failure) => {
                let seen = finding("linkedin page roles", failure)?;
                let message =
                    format!("page roles cannot be listed, leads are tried all the same: {}", seen.message);
                findings.push(Finding::warning("linkedin page roles", message));
                None
            }
        };
        self.check_partitions(&accounts, roles.as_ref(), &mut findings).await?;
        Ok(findings)
    }

    async fn check_partitions(
        &self,
        accounts: &BTreeMap<String, Account>,
        roles: Option<&BTreeMap<String, Vec<String>>>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Failure> {
        let partitions = self.partitions_of(accounts, &Selection::default());
        let active = partitions.iter().filter(|partition| partition.state == State::Active).count();
        if active == 0 {
            let message = "none can be read: give the member a role on an ad account that has a page, or mend `accounts`";
            findings.push(Finding::error("linkedin ad accounts", message));
        }
        for partition in partitions.iter().take(MAX_TRIED) {
            let subject = format!("linkedin ad account {}", partition.name);
            let message = partition.message.clone().unwrap_or_default();
            let id = partition.id.split_once(':').map_or("", |(_, id)| id);
            match partition.state {
                State::Active => {}
                State::Forbidden => findings.push(Finding::error(subject, message)),
                State::Disabled => {
                    findings.push(Finding::warning(subject, format!("it is not read: {message}")));
                }
            }
            if partition.state == State::Active {
                let account = accounts.get(id).cloned().unwrap_or_default();
                self.check_account(id, &account, roles, findings).await?;
            }
        }
        if let Some(left) = partitions.len().checked_sub(MAX_TRIED).filter(|&left| left > 0) {
            let message = format!("{left} more ad accounts were not tried one by one");
            findings.push(Finding::ok("linkedin ad accounts", message));
        }
        Ok(())
    }

    async fn check_account(
        &self,
        id: &str,
        account: &Account,
        roles: Option<&BTreeMap<String, Vec<String>>>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Failure> {
        let label = super::accounts::label(id, account);
        if let (Some(page), Some(roles)) = (&account.page, roles) {
            findings.push(page_finding(&label, page, roles));
        }
        let subject = format!("lead forms of ad account {label}");
        findings.push(
            match self.ask(&Subject::Forms(id.to_owned()), query::first_form(&self.config, id)).await {
                Ok(_) => Finding::ok(subject, "readable"),
                Err(failure) => finding(&subject, failure)?,
            },
        );
        let subject = format!("lead responses of ad account {label}");
        findings.push(match self.glance(id).await {
            Ok(()) => Finding::ok(subject, "readable"),
            Err(failure) => finding(&subject, failure)?,
        });
        Ok(())
    }

    /// Asks for one response of the last day.
    async fn glance(&self, account: &str) -> Result<(), Failure> {
        let now = self.capabilities.now_ms();
        let window = Window { start: now.saturating_sub(86_400_000), end: now, offset: 0, count: 1 };
        let request = query::responses(&self.config, account, window);
        self.ask(&Subject::Responses(account.to_owned()), request).await.map(|_| ())
    }
}

fn page_finding(label: &str, page: &str, roles: &BTreeMap<String, Vec<String>>) -> Finding {
    let subject = format!("linkedin page {page} of ad account {label}");
    let held = roles.get(page).map_or(&[][..], |roles| roles);
    match held.iter().find(|role| READING_ROLES.contains(&role.as_str())) {
        Some(role) => Finding::ok(subject, format!("role {role}")),
        None => Finding::error(
            subject,
            format!(
                "the member has no page role that lets it read leads: on the linkedin page, under Manage admins, give it \
                 {PAGE_ROLES}"
            ),
        ),
    }
}
