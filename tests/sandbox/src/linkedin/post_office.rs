//! Leads that come and go while the sandbox runs, and everyone who is told of it: the state behind notices, and the only
//! place that sends them. Nothing is sent while a lock is held.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::entity::Entity;
use super::kind::{Holder, Kind};
use super::notice::{Event, LeadAction, Notice};
use super::outbox::{Making, Outbox};
use super::problem::Problem;
use super::subscriptions::{Subscription, Subscriptions, WebhookState, Wish};
use super::{LinkedIn, courier};
use crate::chance::{Draw, draw};

/// Most responses that one call lets arrive.
const ARRIVE_MAX: u64 = 10_000;
/// Notices that are sent in one go before the clock is read again.
const SEND_MAX: usize = 256;

/// Subscriptions, notices, and the responses that are not readable yet.
#[derive(Debug, Default)]
pub(crate) struct PostOffice {
    pub(crate) subscriptions: Subscriptions,
    pub(crate) outbox: Outbox,
    /// By index, how often a response still answers 404.
    late: HashMap<u64, u64>,
    /// Generated responses up to this time have been told of, epoch milliseconds.
    told_ms: u64,
    challenges: u64,
}

/// Responses that are to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrival {
    /// Id of the ad account or organization.
    pub owner: u64,
    /// Kind of lead; it must go with the owner.
    pub kind: Kind,
    /// How many, 1 to 10,000.
    #[serde(default = "one")]
    pub count: u64,
}

fn one() -> u64 {
    1
}

/// Why leads did not come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LeadsError {
    /// The owner has no responses of the kind.
    #[error("no such owner has responses of the kind; GET /_sandbox/expected shows owners and kinds")]
    Owner,
    /// The number is out of bounds.
    #[error("count must be 1 to {ARRIVE_MAX}")]
    Count,
    /// So many responses have arrived that no more can.
    #[error("no more responses can arrive, start a new sandbox")]
    Full,
    /// The owner's newest generated response lies in the future, and a response cannot arrive before it.
    #[error("the newest response lies in the future, start the sandbox with an earlier anchor")]
    Future,
    /// No response that could be withdrawn, or registered again, has the id.
    #[error("no such response, or it has not been submitted yet")]
    Response,
    /// The response was withdrawn before.
    #[error("the response was withdrawn before")]
    Withdrawn,
}

impl PostOffice {
    pub(crate) fn new(now_ms: u64) -> Self {
        Self { told_ms: now_ms, ..Self::default() }
    }
}

impl LinkedIn {
    pub(crate) fn post_office(&self) -> MutexGuard<'_, PostOffice> {
        self.office.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a response answers 404 this time, because it was only just told of.
    pub(crate) fn late(&self, index: u64) -> bool {
        let mut office = self.post_office();
        let Some(tries) = office.late.get_mut(&index) else { return false };
        *tries -= 1;
        if *tries == 0 {
            office.late.remove(&index);
        }
        true
    }

    /// Lets responses arrive and makes their notices; the ids, oldest first.
    pub(crate) fn arrive(&self, arrival: &Arrival) -> Result<Vec<String>, LeadsError> {
        if !(1..=ARRIVE_MAX).contains(&arrival.count) {
            return Err(LeadsError::Count);
        }
        let slice = self.slice_of(arrival.owner, arrival.kind).ok_or(LeadsError::Owner)?;
        let now_ms = self.clock.now_ms();
        let mut changes = self.changes_mut();
        let view = changes.view(&self.population, slice);
        if view.len().checked_sub(1).is_some_and(|last| view.submitted_at(last) > now_ms) {
            return Err(LeadsError::Future);
        }
        let locals = changes.arrive(&self.population, slice, arrival.count, now_ms);
        if (locals.end - locals.start) < arrival.count {
            return Err(LeadsError::Full);
        }
        drop(changes);
        self.tell_of(slice, locals.clone());
        let changes = self.changes();
        let view = changes.view(&self.population, slice);
        Ok(locals.map(|local| self.population.id(view.index(local))).collect())
    }

    /// Makes the notices of responses that were given just now.
    pub(crate) fn tell_of(&self, slice: u64, locals: impl Iterator<Item = u64>) {
        let (faults, now_ms) = (self.faults.get(), self.clock.now_ms());
        let faults = &faults.linkedin.notices;
        let changes = self.changes();
        let view = changes.view(&self.population, slice);
        let mut office = self.post_office();
        for local in locals {
            let (index, submitted_ms) = (view.index(local), view.submitted_at(local));
            if view.changes.deleted.contains(&local) {
                continue;
            }
            let submission = self.submission(slice, local, index);
            if submission.test && !faults.test_leads {
                continue;
            }
            if faults.not_found_tries > 0 {
                office.late.insert(index, faults.not_found_tries);
            }
            let event = self.event(slice, local, index, LeadAction::Created, submitted_ms);
            office.outbox.note(submitted_ms);
            self.tell(&mut office, &event, now_ms);
        }
    }

    /// Withdraws a response and makes its notices.
    pub(crate) fn withdraw(&self, id: &str) -> Result<(), LeadsError> {
        let (index, slice, local, deleted) = self.present(id)?;
        if deleted {
            return Err(LeadsError::Withdrawn);
        }
        self.changes_mut().accounts.entry(slice).or_default().deleted.insert(local);
        self.tell_change(index, slice, local, LeadAction::Deleted);
        Ok(())
    }

    /// Lets a member withdraw, unless it has, and give the same response again; the notices have the same URN.
    pub(crate) fn register_again(&self, id: &str) -> Result<(), LeadsError> {
        let (index, slice, local, deleted) = self.present(id)?;
        if deleted {
            self.changes_mut().accounts.entry(slice).or_default().deleted.remove(&local);
        } else {
            self.tell_change(index, slice, local, LeadAction::Deleted);
        }
        self.tell_change(index, slice, local, LeadAction::Created);
        Ok(())
    }

    /// Makes the notices of a response that was deleted between two pages.
    pub(crate) fn tell_of_deletion(&self, slice: u64, local: u64) {
        let index = self.changes().view(&self.population, slice).index(local);
        self.tell_change(index, slice, local, LeadAction::Deleted);
    }

    fn tell_change(&self, index: u64, slice: u64, local: u64, action: LeadAction) {
        let now_ms = self.clock.now_ms();
        let mut office = self.post_office();
        let occurred_ms = office.outbox.stamp(now_ms);
        let event = self.event(slice, local, index, action, occurred_ms);
        self.tell(&mut office, &event, now_ms);
    }

    /// Index, slice and position of a response that was submitted, and whether it was withdrawn since.
    fn present(&self, id: &str) -> Result<(u64, u64, u64, bool), LeadsError> {
        let changes = self.changes();
        let known = self.population.generated() + changes.arrivals.len() as u64;
        let index = self.population.index_of(id, known).ok_or(LeadsError::Response)?;
        let (slice, local) = changes.place(&self.population, index).ok_or(LeadsError::Response)?;
        let view = changes.view(&self.population, slice);
        if view.submitted_at(local) > self.clock.now_ms() {
            return Err(LeadsError::Response);
        }
        Ok((index, slice, local, view.changes.deleted.contains(&local)))
    }

    /// The slice of an owner's leads of a kind.
    fn slice_of(&self, owner: u64, kind: Kind) -> Option<u64> {
        if kind == Kind::Sponsored {
            return self.directory.account(owner).filter(|account| *account < self.directory.accounts);
        }
        let page = self.directory.page(owner).filter(|page| *page < self.directory.organizations)?;
        Holder::slice(page, kind, self.directory.accounts)
    }

    fn event(&self, slice: u64, local: u64, index: u64, action: LeadAction, occurred_ms: u64) -> Event {
        let submission = self.submission(slice, local, index);
        Event {
            response: self.population.id(index),
            form: self.forms.id(submission.form),
            version: submission.version,
            holder: submission.holder(),
            entity: Entity::of(submission.holder(), submission.campaign()),
            action,
            occurred_ms,
        }
    }

    fn tell(&self, office: &mut PostOffice, event: &Event, now_ms: u64) {
        let faults = self.faults.get();
        let making = Making {
            seed: self.population.seed,
            secret: &self.credentials.linkedin_client_secret,
            faults: &faults.linkedin.notices,
            subscriptions: &office.subscriptions,
            now_ms,
        };
        office.outbox.tell(event, &making);
    }

    /// Makes the notices of generated responses whose time has come since the last look.
    fn tell_of_time(&self) {
        let now_ms = self.clock.now_ms();
        let from_ms = std::mem::replace(&mut self.post_office().told_ms, now_ms);
        if from_ms >= now_ms || from_ms >= self.population.anchor_ms {
            return;
        }
        for slice in 0..self.population.accounts + self.population.organic_slices {
            let window = self.changes().view(&self.population, slice).window(from_ms + 1, now_ms + 1);
            let generated = self.population.len_of(slice);
            let new = window.start.min(generated)..window.end.min(generated);
            if !new.is_empty() {
                self.tell_of(slice, new);
            }
        }
    }

    /// The notices with a number above `after`; with `all`, those too that nobody has subscribed to.
    pub(crate) fn notices(&self, after: u64, all: bool) -> Vec<Notice> {
        self.tell_of_time();
        let reorder = self.faults.get().linkedin.notices.reorder;
        self.post_office().outbox.list(after, all, reorder)
    }

    /// Ends once there is a subscription.
    pub(crate) async fn first_subscription(&self) {
        // A notice that nobody waited for is kept for the first who does, so none is missed.
        self.subscribed.notified().await;
    }

    /// Counters, as the control surface shows them.
    pub(crate) fn stats(&self) -> serde_json::Value {
        // Counted first: no lock is ever taken while the post office is held.
        let responses = self.response_count();
        let office = self.post_office();
        serde_json::json!({
            "responses": responses,
            "subscriptions": office.subscriptions.iter().count(),
            "notices": office.outbox.issued(),
        })
    }

    /// How the webhooks stand.
    pub(crate) fn webhooks(&self) -> Vec<WebhookState> {
        self.post_office().subscriptions.iter().map(Subscription::state).collect()
    }

    /// Sends the notices that are due. One caller at a time; another waits.
    pub(crate) async fn deliver(&self) {
        let _one_at_a_time = self.delivering.lock().await;
        self.tell_of_time();
        let faults = self.faults.get();
        let faults = &faults.linkedin.notices;
        // What fails moves into the future, so the same notice is not due again at this time.
        let now_ms = self.clock.now_ms();
        loop {
            let due = self.post_office().outbox.due(now_ms, faults.reorder, SEND_MAX);
            if due.is_empty() {
                return;
            }
            for notice in due {
                let acknowledged = courier::post(&notice).await;
                self.post_office().outbox.sent(notice.number, acknowledged, faults, now_ms);
            }
        }
    }

    /// Challenges a new subscription's webhook, and adds it when that passes.
    pub(crate) async fn subscribe(&self, wish: Wish) -> Result<Subscription, Problem> {
        self.challenge(&wish.webhook).await.map_err(Problem::challenge_failed)?;
        let added = self.post_office().subscriptions.add(wish, self.clock.now_ms());
        self.subscribed.notify_one();
        added.ok_or_else(|| Problem::bad_body("the owner has 1500 subscriptions, which is the most"))
    }

    /// Challenges the webhooks that are due, or with `all` every one, blocked ones included; how all stand then.
    pub(crate) async fn challenge_webhooks(&self, all: bool) -> Vec<WebhookState> {
        let due = {
            let office = self.post_office();
            if all {
                office.subscriptions.iter().map(|one| (one.id, one.wish.webhook.clone())).collect()
            } else {
                office.subscriptions.due(self.clock.now_ms())
            }
        };
        for (id, webhook) in due {
            let passed = self.challenge(&webhook).await.is_ok();
            let mut office = self.post_office();
            office.subscriptions.challenged(id, passed, self.clock.now_ms());
            if office.subscriptions.get(id).is_some_and(|one| one.blocked) {
                office.outbox.give_up(id);
            }
        }
        self.webhooks()
    }

    async fn challenge(&self, webhook: &url::Url) -> Result<(), &'static str> {
        let number = {
            let mut office = self.post_office();
            office.challenges += 1;
            office.challenges
        };
        let half = |at: u64| draw(self.population.seed, Draw::Challenge, 2 * number + at);
        let code =
            uuid::Builder::from_random_bytes((u128::from(half(0)) << 64 | u128::from(half(1))).to_be_bytes());
        let code = code.into_uuid().to_string();
        courier::challenge(webhook, &code, &self.credentials.linkedin_client_secret, courier::DEADLINE).await
    }
}
