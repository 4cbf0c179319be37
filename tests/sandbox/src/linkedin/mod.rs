//! The LinkedIn stand-in: OAuth and the Marketing API paths that lead syncing uses.
//!
//! Strict where the real service is strict. The order of checks: token, version, protocol, path, query, parameters,
//! scope, role, quota, result. It must never be bent to suit a client: LinkedIn's documentation decides.

mod call;
mod campaigns;
mod content;
mod courier;
mod directory;
mod directory_api;
mod entity;
mod forms;
mod forms_api;
mod http_api;
mod kind;
mod notice;
mod notifications_api;
mod oauth;
mod organic;
mod outbox;
mod population;
mod post_office;
mod problem;
mod projection;
mod query;
mod quota;
mod responses_api;
mod responses_json;
mod routes;
mod signature;
mod subscriptions;
mod tokens;
mod version;
mod window;
mod wording;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use content::ExpectedResponse;
pub(crate) use http_api::{router, vendor_headers};
pub use kind::Kind;
pub use notice::{LeadAction, Notice, NoticeState};
pub use post_office::{Arrival, LeadsError};
pub use subscriptions::WebhookState;

use crate::clock::{Clock, DAY_MS};
use crate::faults::FaultsCell;
use crate::linkedin_faults::LinkedInFaults;
use crate::options::{Credentials, Options};
use content::Submission;
use directory::Directory;
use forms::{Form, Forms};
use kind::{Holder, SLICES_PER_PAGE};
use population::Population;
use post_office::PostOffice;
use quota::{Quota, Spent};
use responses_json::Plans;
use tokens::Tokens;
use window::{AccountChanges, AccountView};

/// Forms were created so long before the oldest submission, in milliseconds.
const FORM_AGE_MS: u64 = 30 * DAY_MS;
/// At most so many responses arrive while the sandbox runs.
const ARRIVALS_MAX: usize = 100_000;
/// At most so many windows are watched for deletions between pages.
const WINDOWS_MAX: usize = 10_000;

/// The service.
pub(crate) struct LinkedIn {
    population: Population,
    forms: Forms,
    directory: Directory,
    tokens: Tokens,
    credentials: Credentials,
    clock: Clock,
    faults: FaultsCell,
    changes: RwLock<Changes>,
    office: Mutex<PostOffice>,
    /// Held while notices are sent.
    delivering: tokio::sync::Mutex<()>,
    /// Told of each new subscription.
    subscribed: tokio::sync::Notify,
    quota: Mutex<Quota>,
    plans: Plans,
    requests: AtomicU64,
}

/// What changed while the sandbox ran.
#[derive(Debug, Default)]
struct Changes {
    accounts: HashMap<u64, AccountChanges>,
    /// Account and position of each response that arrived; their indices follow the generated ones.
    arrivals: Vec<(u64, u64)>,
    /// Pages served by window: account, first and last time.
    windows: HashMap<(u64, u64, u64), u64>,
}

/// A response and whether it can be read now: not deleted, not past retention.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) expected: ExpectedResponse,
    pub(crate) readable: bool,
}

static UNCHANGED: AccountChanges =
    AccountChanges { arrivals: Vec::new(), deleted: std::collections::BTreeSet::new() };

impl LinkedIn {
    pub(crate) fn new(options: &Options, faults: FaultsCell) -> Self {
        let anchor_ms = options.anchor_ms();
        let oldest_ms = anchor_ms.saturating_sub(options.days * DAY_MS);
        Self {
            population: Population {
                seed: options.seed,
                responses: options.responses,
                accounts: options.accounts,
                organic_responses: if options.organizations > 0 { options.organic_responses } else { 0 },
                organic_slices: options.organizations * SLICES_PER_PAGE,
                oldest_ms,
                anchor_ms,
            },
            forms: Forms {
                per_account: options.forms_per_account,
                accounts: options.accounts + options.organizations * SLICES_PER_PAGE,
                created_ms: oldest_ms.saturating_sub(FORM_AGE_MS),
            },
            directory: Directory {
                accounts: options.accounts,
                idle_accounts: options.idle_accounts,
                organizations: options.organizations,
            },
            tokens: Tokens::new(&options.credentials, options.clock.now_ms()),
            credentials: options.credentials.clone(),
            clock: options.clock.clone(),
            faults,
            changes: RwLock::default(),
            office: Mutex::new(PostOffice::new(options.clock.now_ms())),
            delivering: tokio::sync::Mutex::default(),
            subscribed: tokio::sync::Notify::new(),
            quota: Mutex::default(),
            plans: Plans::default(),
            requests: AtomicU64::new(0),
        }
    }

    fn changes(&self) -> RwLockReadGuard<'_, Changes> {
        self.changes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn changes_mut(&self) -> RwLockWriteGuard<'_, Changes> {
        self.changes.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn submission(&self, account: u64, local: u64, index: u64) -> Submission<'_> {
        Submission::at(&self.population, &self.forms, account, local, index)
    }

    fn form(&self, account: u64, ordinal: u64) -> Form {
        Form { account, ordinal }
    }

    /// Counts a request against the daily quotas of its endpoint.
    fn spend_quota(&self, endpoint: &'static str, faults: &LinkedInFaults, now_ms: u64) -> Result<(), Spent> {
        self.quota.lock().unwrap_or_else(PoisonError::into_inner).spend(endpoint, faults, now_ms)
    }

    /// Whether the member's role on a Page opens its leads of a kind.
    fn page_opens(&self, faults: &LinkedInFaults, page: u64, kind: Kind) -> bool {
        let given = faults.page_roles.get(&directory::organization_id(page));
        directory::role_opens(given.map_or_else(|| self.directory.page_role(page), String::as_str), kind)
    }

    /// Forgets what was spent of the daily quotas.
    pub(crate) fn reset(&self) {
        *self.quota.lock().unwrap_or_else(PoisonError::into_inner) = Quota::default();
    }

    /// Number of responses, those that arrived and those deleted included.
    pub(crate) fn response_count(&self) -> u64 {
        self.population.generated() + self.changes().arrivals.len() as u64
    }

    /// The response with an index, if it was submitted by now.
    pub(crate) fn known(&self, index: u64) -> Option<Known> {
        let (changes, now_ms) = (self.changes(), self.clock.now_ms());
        let (account, local) = changes.place(&self.population, index)?;
        let view = changes.view(&self.population, account);
        let submitted_at = view.submitted_at(local);
        let readable = self.readable(&view, local, now_ms, &self.faults.get().linkedin);
        (submitted_at <= now_ms).then(|| Known {
            expected: self.submission(account, local, index).expected(submitted_at),
            readable,
        })
    }

    /// The index of the member's other submission, where there are two.
    pub(crate) fn twin(&self, index: u64) -> Option<u64> {
        let changes = self.changes();
        let (account, local) = changes.place(&self.population, index)?;
        self.submission(account, local, index).twin().map(|twin| self.population.index(account, twin))
    }

    fn readable(&self, view: &AccountView<'_>, local: u64, now_ms: u64, faults: &LinkedInFaults) -> bool {
        let submitted_at = view.submitted_at(local);
        let kind = Holder::of(view.account, self.population.accounts).kind();
        submitted_at <= now_ms
            && submitted_at >= retention_start_ms(faults, kind, now_ms)
            && !view.changes.deleted.contains(&local)
    }
}

/// Responses before this time have vanished.
fn retention_start_ms(faults: &LinkedInFaults, kind: Kind, now_ms: u64) -> u64 {
    faults.retention(kind).map_or(0, |days| now_ms.saturating_sub(days.saturating_mul(DAY_MS)))
}

impl Changes {
    fn view<'a>(&'a self, population: &'a Population, account: u64) -> AccountView<'a> {
        AccountView { population, account, changes: self.accounts.get(&account).unwrap_or(&UNCHANGED) }
    }

    /// Account and position of an index.
    fn place(&self, population: &Population, index: u64) -> Option<(u64, u64)> {
        match index.checked_sub(population.generated()) {
            None => Some(population.place(index)),
            Some(arrival) => self.arrivals.get(usize::try_from(arrival).ok()?).copied(),
        }
    }

    /// Lets new responses of a slice arrive, submitted now or with the newest, whichever is later. Answers
    /// their positions.
    fn arrive(&mut self, population: &Population, account: u64, count: u64, now_ms: u64) -> Range<u64> {
        let first = self.view(population, account).len();
        for _ in 0..count {
            if self.arrivals.len() >= ARRIVALS_MAX {
                break;
            }
            let view = self.view(population, account);
            let local = view.len();
            let newest_ms = local.checked_sub(1).map_or(0, |last| view.submitted_at(last));
            let index = population.generated() + self.arrivals.len() as u64;
            self.arrivals.push((account, local));
            self.accounts.entry(account).or_default().arrivals.push((index, now_ms.max(newest_ms)));
        }
        first..self.view(population, account).len()
    }

    /// Counts a page of a window; deletes the newest response of the window after every `pages` of them.
    /// Answers the position of what was deleted.
    fn delete_after(&mut self, population: &Population, key: (u64, u64, u64), pages: u64) -> Option<u64> {
        if self.windows.len() >= WINDOWS_MAX && !self.windows.contains_key(&key) {
            self.windows.clear();
        }
        let served = self.windows.entry(key).or_default();
        *served += 1;
        if !(*served).is_multiple_of(pages) {
            return None;
        }
        let view = self.view(population, key.0);
        let local = view.page(&view.window(key.1, key.2), 0, 1).first().copied()?;
        self.accounts.entry(key.0).or_default().deleted.insert(local);
        Some(local)
    }
}

/// The service, shared.
pub(crate) type Shared = Arc<LinkedIn>;
