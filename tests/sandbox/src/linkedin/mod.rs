//! The LinkedIn stand-in: OAuth and the Marketing API paths that lead syncing uses.
//!
//! Strict where the real service is strict. The order of checks: token, version, protocol, path, query, parameters,
//! scope, role, quota, result. It must never be bent to suit a client: LinkedIn's documentation decides.

mod call;
mod content;
mod directory;
mod directory_api;
mod forms;
mod forms_api;
mod http_api;
mod oauth;
mod population;
mod problem;
mod projection;
mod query;
mod responses_api;
mod responses_json;
mod routes;
mod tokens;
mod version;
mod window;
mod wording;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use content::ExpectedResponse;
pub(crate) use http_api::{router, vendor_headers};

use crate::clock::{Clock, DAY_MS};
use crate::faults::{FaultsCell, LinkedInFaults};
use crate::options::{Credentials, Options};
use content::Submission;
use directory::Directory;
use forms::{Form, Forms};
use population::Population;
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

/// Requests of the current UTC day by endpoint.
#[derive(Debug, Default)]
struct Quota {
    day: u64,
    requests: HashMap<&'static str, u64>,
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
                oldest_ms,
                anchor_ms,
            },
            forms: Forms {
                per_account: options.forms_per_account,
                accounts: options.accounts,
                created_ms: oldest_ms.saturating_sub(FORM_AGE_MS),
            },
            directory: Directory { accounts: options.accounts, idle_accounts: options.idle_accounts },
            tokens: Tokens::new(&options.credentials, options.clock.now_ms()),
            credentials: options.credentials.clone(),
            clock: options.clock.clone(),
            faults,
            changes: RwLock::default(),
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

    /// Counts a request against the daily quota of its endpoint; the seconds until the reset when it is spent.
    fn spend_quota(&self, endpoint: &'static str, quota: Option<u64>, now_ms: u64) -> Result<(), u64> {
        let mut spent = self.quota.lock().unwrap_or_else(PoisonError::into_inner);
        let day = now_ms / DAY_MS;
        if spent.day != day {
            *spent = Quota { day, requests: HashMap::new() };
        }
        let requests = spent.requests.entry(endpoint).or_default();
        *requests += 1;
        match quota {
            Some(quota) if *requests > quota => Err(((day + 1) * DAY_MS - now_ms).div_ceil(1_000)),
            _ => Ok(()),
        }
    }

    /// Forgets what was spent of the daily quotas.
    pub(crate) fn reset(&self) {
        *self.quota.lock().unwrap_or_else(PoisonError::into_inner) = Quota::default();
    }

    /// Number of responses, those that arrived and those deleted included.
    pub(crate) fn response_count(&self) -> u64 {
        self.population.responses + self.changes().arrivals.len() as u64
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
        submitted_at <= now_ms
            && submitted_at >= retention_start_ms(faults, now_ms)
            && !view.changes.deleted.contains(&local)
    }
}

/// Responses before this time have vanished.
fn retention_start_ms(faults: &LinkedInFaults, now_ms: u64) -> u64 {
    faults.retention_days.map_or(0, |days| now_ms.saturating_sub(days.saturating_mul(DAY_MS)))
}

impl Changes {
    fn view<'a>(&'a self, population: &'a Population, account: u64) -> AccountView<'a> {
        AccountView { population, account, changes: self.accounts.get(&account).unwrap_or(&UNCHANGED) }
    }

    /// Account and position of an index.
    fn place(&self, population: &Population, index: u64) -> Option<(u64, u64)> {
        match index.checked_sub(population.responses) {
            None => Some(population.place(index)),
            Some(arrival) => self.arrivals.get(usize::try_from(arrival).ok()?).copied(),
        }
    }

    /// Lets new responses of an account arrive, submitted now or with the newest, whichever is later.
    fn arrive(&mut self, population: &Population, account: u64, count: u64, now_ms: u64) {
        for _ in 0..count {
            if self.arrivals.len() >= ARRIVALS_MAX {
                return;
            }
            let view = self.view(population, account);
            let local = view.len();
            let newest_ms = local.checked_sub(1).map_or(0, |last| view.submitted_at(last));
            let index = population.responses + self.arrivals.len() as u64;
            self.arrivals.push((account, local));
            self.accounts.entry(account).or_default().arrivals.push((index, now_ms.max(newest_ms)));
        }
    }

    /// Counts a page of a window; deletes the newest response of the window after every `pages` of them.
    fn delete_after(&mut self, population: &Population, key: (u64, u64, u64), pages: u64) {
        if self.windows.len() >= WINDOWS_MAX && !self.windows.contains_key(&key) {
            self.windows.clear();
        }
        let served = self.windows.entry(key).or_default();
        *served += 1;
        if !(*served).is_multiple_of(pages) {
            return;
        }
        let view = self.view(population, key.0);
        let newest = view.page(&view.window(key.1, key.2), 0, 1).first().copied();
        if let Some(local) = newest {
            self.accounts.entry(key.0).or_default().deleted.insert(local);
        }
    }
}

/// The service, shared.
pub(crate) type Shared = Arc<LinkedIn>;
