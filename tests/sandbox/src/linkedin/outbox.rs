//! The notices: made from events, spoilt as the switches say, and kept until they are sent. Pure.

use std::collections::VecDeque;

use super::notice::{self, Event, Notice, NoticeState};
use super::subscriptions::Subscriptions;
use crate::chance::{Draw, draw};
use crate::clock::SECOND_MS;
use crate::linkedin_faults::NoticeFaults;

/// At most so many notices are kept; older ones are forgotten, sent or not.
const NOTICES_MAX: usize = 50_000;

/// At most so many are listed at once; a number to list from leads to the rest.
const LIST_MAX: usize = 10_000;

/// The notices of all subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// In rising order of number.
    notices: VecDeque<Notice>,
    issued: u64,
    /// Time of the latest event, so that no two withdrawals of one response have the same.
    latest_ms: u64,
}

/// What making notices depends on beside the event.
pub(crate) struct Making<'a> {
    pub(crate) seed: u64,
    pub(crate) secret: &'a str,
    pub(crate) faults: &'a NoticeFaults,
    pub(crate) subscriptions: &'a Subscriptions,
    pub(crate) now_ms: u64,
}

impl Outbox {
    /// A time not before `now_ms` that no earlier event has.
    pub(crate) fn stamp(&mut self, now_ms: u64) -> u64 {
        self.latest_ms = now_ms.max(self.latest_ms + 1);
        self.latest_ms
    }

    /// Notes the time of an event that has its own.
    pub(crate) fn note(&mut self, occurred_ms: u64) {
        self.latest_ms = self.latest_ms.max(occurred_ms);
    }

    /// Makes the notices of an event: one per subscription, or one that is only listed.
    pub(crate) fn tell(&mut self, event: &Event, making: &Making<'_>) {
        let body = event.body();
        let told: Vec<_> =
            making.subscriptions.told_of(event).map(|one| (one.id, one.wish.webhook.to_string())).collect();
        if told.is_empty() {
            self.make(event, &body, None, notice::NOBODY, making);
        }
        for (id, webhook) in told {
            self.make(event, &body, Some(id), &webhook, making);
        }
    }

    fn make(
        &mut self,
        event: &Event,
        body: &str,
        subscription: Option<u64>,
        webhook: &str,
        making: &Making<'_>,
    ) {
        let (faults, first) = (making.faults, self.issued);
        let strikes = |purpose, rate: u64| rate > 0 && draw(making.seed, purpose, first).is_multiple_of(rate);
        let copies = if strikes(Draw::NoticeTwice, faults.duplicate_rate) { 2 } else { 1 };
        let spoil = strikes(Draw::NoticeSignature, faults.bad_signature_rate).then_some(faults.bad_signature);
        let state = match subscription {
            _ if strikes(Draw::NoticeLost, faults.lost_rate) => NoticeState::Lost,
            Some(_) => NoticeState::Pending,
            None => NoticeState::Unsubscribed,
        };
        let chance = draw(making.seed, Draw::NoticeDigit, first);
        let signature = notice::sign(making.secret, body, spoil, chance);
        for _ in 0..copies {
            if self.notices.len() >= NOTICES_MAX {
                self.notices.pop_front();
            }
            self.issued += 1;
            self.notices.push_back(Notice {
                number: self.issued,
                subscription,
                webhook: webhook.to_owned(),
                response: event.response.clone(),
                action: event.action,
                occurred_ms: event.occurred_ms,
                due_ms: making.now_ms.saturating_add(faults.delay_ms),
                state,
                tries: 0,
                request: notice::request(webhook, signature.as_deref(), body),
                signature: signature.clone(),
                body: body.to_owned(),
            });
        }
    }

    /// Notices with a number above `after`, in the order in which they are sent. Without `all`, only those that someone
    /// has subscribed to. At most [`LIST_MAX`], those with the lowest numbers.
    pub(crate) fn list(&self, after: u64, all: bool, reorder: bool) -> Vec<Notice> {
        let wanted = |notice: &&Notice| notice.number > after && (all || notice.subscription.is_some());
        let mut notices: Vec<Notice> = self.notices.iter().filter(wanted).take(LIST_MAX).cloned().collect();
        if reorder {
            notices.reverse();
        }
        notices
    }

    /// At most `count` notices that are to be sent now, in order.
    pub(crate) fn due(&self, now_ms: u64, reorder: bool, count: usize) -> Vec<Notice> {
        let due = |notice: &&Notice| notice.state == NoticeState::Pending && notice.due_ms <= now_ms;
        if reorder {
            self.notices.iter().rev().filter(due).take(count).cloned().collect()
        } else {
            self.notices.iter().filter(due).take(count).cloned().collect()
        }
    }

    /// Records how sending one went.
    pub(crate) fn sent(&mut self, number: u64, acknowledged: bool, faults: &NoticeFaults, now_ms: u64) {
        let Ok(at) = self.notices.binary_search_by_key(&number, |notice| notice.number) else { return };
        let Some(notice) = self.notices.get_mut(at) else { return };
        notice.tries += 1;
        if acknowledged {
            notice.state = NoticeState::Delivered;
        } else if notice.tries >= faults.tries_max {
            notice.state = NoticeState::Failed;
        } else {
            notice.due_ms = now_ms.saturating_add(faults.retry_s.saturating_mul(SECOND_MS)).max(now_ms + 1);
        }
    }

    /// Gives up what waits for a subscription that is gone or blocked.
    pub(crate) fn give_up(&mut self, subscription: u64) {
        for notice in &mut self.notices {
            if notice.subscription == Some(subscription) && notice.state == NoticeState::Pending {
                notice.state = NoticeState::Failed;
            }
        }
    }

    /// Notices made so far.
    pub(crate) fn issued(&self) -> u64 {
        self.issued
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::super::kind::Holder;
    use super::super::notice::LeadAction;
    use super::super::subscriptions::Wish;
    use super::*;
    use crate::linkedin_faults::BadSignature;

    fn event(response: u64) -> Event {
        Event {
            response: response.to_string(),
            form: 1,
            version: 1,
            holder: Holder::Account(0),
            entity: None,
            action: LeadAction::Created,
            occurred_ms: response,
        }
    }

    fn subscribed() -> Subscriptions {
        let mut subscriptions = Subscriptions::default();
        let webhook = Url::parse("http://127.0.0.1:9/").unwrap();
        let wish = Wish { webhook, holder: Holder::Account(0), form: None, entity: None };
        subscriptions.add(wish, 0).unwrap();
        subscriptions
    }

    fn told(faults: &NoticeFaults, events: u64) -> Outbox {
        let subscriptions = subscribed();
        let making = Making { seed: 1, secret: "s", faults, subscriptions: &subscriptions, now_ms: 100 };
        let mut outbox = Outbox::default();
        (0..events).for_each(|n| outbox.tell(&event(n), &making));
        outbox
    }

    #[test]
    fn every_event_is_told_once_unless_switches_say_otherwise() {
        let plain = told(&NoticeFaults::default(), 200);
        assert_eq!((plain.due(100, false, 500).len(), plain.issued()), (200, 200));
        let faults = NoticeFaults { duplicate_rate: 4, lost_rate: 5, delay_ms: 50, ..Default::default() };
        let odd = told(&faults, 200);
        assert!((215..290).contains(&odd.issued()), "{}", odd.issued());
        assert!(odd.due(149, false, 500).is_empty());
        let due = odd.due(150, false, 500).len() as u64;
        assert!(due < odd.issued() - 20 && due > 100, "{due}");
    }

    #[test]
    fn spoilt_signatures_are_wrong_or_missing() {
        for bad_signature in [BadSignature::Digit, BadSignature::Prefix, BadSignature::Header] {
            let outbox =
                told(&NoticeFaults { bad_signature_rate: 3, bad_signature, ..Default::default() }, 100);
            let right = |notice: &Notice| notice.signature == notice::sign("s", &notice.body, None, 0);
            let bad = outbox.list(0, false, false).iter().filter(|notice| !right(notice)).count();
            assert!((15..60).contains(&bad), "{bad_signature:?} {bad}");
        }
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_and_then_given_up() {
        let faults = NoticeFaults { retry_s: 1, tries_max: 2, ..Default::default() };
        let mut outbox = told(&faults, 3);
        outbox.sent(1, true, &faults, 100);
        outbox.sent(2, false, &faults, 100);
        let numbers = |outbox: &Outbox, now_ms| -> Vec<u64> {
            outbox.due(now_ms, true, 9).iter().map(|notice| notice.number).collect()
        };
        assert_eq!(numbers(&outbox, 1_099), [3]);
        assert_eq!(numbers(&outbox, 1_100), [3, 2]);
        outbox.sent(2, false, &faults, 1_100);
        assert_eq!(numbers(&outbox, u64::MAX), [3]);
        outbox.give_up(7_001);
        assert!(outbox.due(u64::MAX, false, 9).is_empty());
    }

    #[test]
    fn nobody_subscribed_is_listed_only_when_asked_for() {
        let none = Subscriptions::default();
        let faults = NoticeFaults::default();
        let making = Making { seed: 1, secret: "s", faults: &faults, subscriptions: &none, now_ms: 0 };
        let mut outbox = Outbox::default();
        outbox.tell(&event(1), &making);
        assert!(outbox.list(0, false, false).is_empty() && outbox.due(9, false, 9).is_empty());
        assert_eq!(outbox.list(0, true, false)[0].state, NoticeState::Unsubscribed);
        assert!(outbox.list(1, true, false).is_empty());
        (0..LIST_MAX as u64).for_each(|n| outbox.tell(&event(n), &making));
        let (first, rest) = (outbox.list(0, true, true), outbox.list(LIST_MAX as u64, true, true));
        assert_eq!((first.len(), first[0].number, rest.len()), (LIST_MAX, LIST_MAX as u64, 1));
        assert_eq!((outbox.stamp(5), outbox.stamp(5), outbox.stamp(9)), (5, 6, 9));
    }
}
