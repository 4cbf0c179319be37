//! Tries every right that reading needs, changes nothing, and says exactly what is missing and where to grant it.
//!
//! One finding for each owner and kind. What is wrong with the token itself shows on every owner alike, and is told once.

use futures_util::future::join;

use crate::capabilities::Capabilities;
use crate::failure::Failure;
use crate::finding::Finding;

use super::Source;
use super::errors::{LEAD_SCOPE, Subject};
use super::owner::{Holding, Kind};
use super::partitions::{Partition, Roster, State};
use super::query::{self, Window};
use super::selection::Selection;
use super::stream::Stream;
use super::version::{self, Standing};

/// How many partitions are tried one by one.
const MAX_TRIED: usize = 50;

const TOKEN: &str = "linkedin access token and ad accounts";
const ROLES: &str = "linkedin page roles";

/// A refusal becomes an error; what may pass is a failure of the check itself.
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

/// Whether every owner would meet the same.
fn is_of_the_token(failure: &Failure) -> bool {
    match failure {
        Failure::Unauthorized { .. } => true,
        Failure::Forbidden { missing, .. } => missing == LEAD_SCOPE,
        _ => false,
    }
}

/// What has shown to be wrong with the token, so that it is not tried again.
#[derive(Default)]
struct Told {
    forms: bool,
    responses: bool,
}

impl<C: Capabilities> Source<C> {
    /// Tries the token, the version, the roles, and each owner's forms and responses of each kind.
    ///
    /// # Errors
    ///
    /// What may pass by itself: throttling, LinkedIn's own failures, a broken connection.
    pub async fn check(&self) -> Result<Vec<Finding>, Failure> {
        let mut findings = vec![match version::standing(&self.config.version, self.capabilities.now_ms()) {
            Standing::Good(sentence) => Finding::ok("linkedin api version", sentence),
            Standing::Doubtful(sentence) => Finding::warning("linkedin api version", sentence),
        }];
        let roster = self.roster(self.config.reads(Kind::Sponsored), true).await;
        let mut usable = true;
        if let Some(accounts) = &roster.accounts {
            findings.push(match accounts {
                Ok(accounts) => {
                    let message =
                        format!("accepted; the member has a role on {} ad accounts", accounts.len());
                    Finding::ok(TOKEN, message)
                }
                Err(failure) => {
                    usable = matches!(failure, Failure::Forbidden { .. }) && roster.roles().is_some();
                    finding(TOKEN, failure.clone())?
                }
            });
        }
        if usable {
            usable = self.check_roles(&roster, &mut findings)?;
        }
        if usable {
            self.check_partitions(&roster, &mut findings).await?;
        }
        Ok(findings)
    }

    /// Whether reading can go on.
    fn check_roles(&self, roster: &Roster, findings: &mut Vec<Finding>) -> Result<bool, Failure> {
        let organic = self.config.kinds.iter().any(|kind| kind.is_organic());
        match &roster.roles {
            None => Ok(true),
            Some(Ok(roles)) => {
                let count = roles.organizations().count();
                findings.push(Finding::ok(ROLES, format!("the member has a role on {count} organizations")));
                Ok(true)
            }
            Some(Err(failure)) => {
                let seen = finding(ROLES, failure.clone())?;
                let sponsored = roster.accounts.is_some();
                findings.push(match organic {
                    true => seen,
                    false => Finding::warning(
                        ROLES,
                        format!("they cannot be listed; leads are tried all the same: {}", seen.message),
                    ),
                });
                Ok(sponsored)
            }
        }
    }

    async fn check_partitions(&self, roster: &Roster, findings: &mut Vec<Finding>) -> Result<(), Failure> {
        let (kinds, all) = (&self.config.kinds, Selection::default());
        let partitions = self.partitions_of(Stream::LeadResponses, kinds, roster, &all).await?;
        if partitions.iter().all(|partition| partition.state != State::Active) {
            let message = "none can be read: give the member a role on an ad account or organization, or mend `kinds`, `accounts` and \
                 `organizations`";
            findings.push(Finding::error("linkedin lead responses", message));
        }
        let mut told = Told::default();
        for partition in partitions.iter().take(MAX_TRIED) {
            let Some(holding) = Holding::parse(&partition.id) else { continue };
            let subject = subject(partition, &holding);
            let message = partition.message.clone().unwrap_or_default();
            match partition.state {
                State::Active => self.check_holding(&subject, &holding, &mut told, findings).await?,
                State::Forbidden => findings.push(Finding::error(subject, message)),
                State::Disabled => {
                    findings.push(Finding::warning(subject, format!("not read: {message}")));
                }
            }
        }
        if let Some(left) = partitions.len().checked_sub(MAX_TRIED).filter(|&left| left > 0) {
            let message = format!("{left} more partitions were not tried one by one");
            findings.push(Finding::ok("linkedin lead responses", message));
        }
        Ok(())
    }

    async fn check_holding(
        &self,
        subject: &str,
        holding: &Holding,
        told: &mut Told,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Failure> {
        let forms = async { if told.forms { None } else { Some(self.glance_at_forms(holding).await) } };
        let responses =
            async { if told.responses { None } else { Some(self.glance_at_responses(holding).await) } };
        let (forms, responses) = join(forms, responses).await;
        let mut is_read = responses.is_some();
        for (what, outcome, told) in
            [("lead responses", responses, &mut told.responses), ("lead forms", forms, &mut told.forms)]
        {
            let Some(Err(failure)) = outcome else { continue };
            if is_of_the_token(&failure) {
                *told = true;
                findings.push(finding(&format!("linkedin {what}"), failure)?);
            } else if is_read {
                // Responses go first; the same cause is not told twice for one owner.
                findings.push(finding(subject, failure)?);
            }
            is_read = false;
        }
        if is_read {
            findings.push(Finding::ok(subject, "forms and responses can be read"));
        }
        Ok(())
    }

    async fn glance_at_forms(&self, holding: &Holding) -> Result<(), Failure> {
        let subject = Subject::Forms(holding.owner.clone());
        self.ask(&subject, query::first_form(&self.config, &holding.owner)).await.map(|_| ())
    }

    /// Asks for one response of the last day.
    async fn glance_at_responses(&self, holding: &Holding) -> Result<(), Failure> {
        let now = self.capabilities.now_ms();
        let window = Window { start: now.saturating_sub(86_400_000), end: now, offset: 0, count: 1 };
        let request = query::responses(&self.config, holding, window);
        self.ask(&Subject::Responses(holding.clone()), request).await.map(|_| ())
    }
}

/// The kind of lead, and whose.
fn subject(partition: &Partition, holding: &Holding) -> String {
    let (kind, owner) = (holding.kind.word(), &holding.owner);
    match owner.to_string() {
        plain if plain == partition.name => format!("{kind} leads of {plain}"),
        plain => format!("{kind} leads of {} ({plain})", partition.name),
    }
}
