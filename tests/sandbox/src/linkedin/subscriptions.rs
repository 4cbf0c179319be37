//! Who is told of which leads: the subscriptions, and how their webhooks stand. Pure.
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use url::{Host, Url};

use super::entity::Entity;
use super::kind::Holder;
use super::notice::{self, Event};
use crate::clock::SECOND_MS;

/// Subscriptions per owner, at most.
const PER_OWNER_MAX: usize = 1_500;
/// A webhook is challenged again after so many milliseconds: two hours.
pub(crate) const CHALLENGE_EVERY_MS: u64 = 7_200 * SECOND_MS;
/// So many failed challenges in a row block a webhook.
const FAILURES_MAX: u32 = 3;
const ID_FIRST: u64 = 7_001;
/// Longest webhook URL in bytes.
const WEBHOOK_BYTES_MAX: usize = 2_048;

/// What a new subscription asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) webhook: Url,
    pub(crate) holder: Holder,
    /// Id and version of the one form it is for.
    pub(crate) form: Option<(u64, u64)>,
    pub(crate) entity: Option<Entity>,
}

/// One subscription.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) id: u64,
    pub(crate) wish: Wish,
    challenged_ms: u64,
    failures: u32,
    pub(crate) blocked: bool,
}

/// How a webhook stands, as the control surface shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookState {
    /// Id of the subscription.
    pub id: u64,
    /// URL of the webhook.
    pub webhook: String,
    /// When it was last challenged, epoch milliseconds.
    pub challenged_ms: u64,
    /// Failed challenges in a row.
    pub failures: u32,
    /// Whether it is blocked: it gets no notices until it is validated again.
    pub blocked: bool,
}

/// All subscriptions of the app.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    issued: u64,
    all: BTreeMap<u64, Subscription>,
}

impl Wish {
    fn takes(&self, event: &Event) -> bool {
        self.holder == event.holder
            && self.form.is_none_or(|form| form == (event.form, event.version))
            && self.entity.is_none_or(|entity| event.entity == Some(entity))
    }
}

impl Subscription {
    /// The `leadNotifications` object.
    pub(crate) fn object(&self) -> Value {
        let wish = &self.wish;
        let mut object = json!({
            "id": self.id,
            "webhook": wish.webhook.as_str(),
            "owner": notice::owner(wish.holder),
            "leadType": wish.holder.kind().name(),
        });
        if let Some((form, version)) = wish.form {
            let urn = format!("urn:li:versionedLeadGenForm:(urn:li:leadGenForm:{form},{version})");
            object["versionedForm"] = urn.into();
        }
        if let Some(entity) = wish.entity {
            object["associatedEntity"] = entity.in_notice();
        }
        object
    }

    pub(crate) fn state(&self) -> WebhookState {
        WebhookState {
            id: self.id,
            webhook: self.wish.webhook.to_string(),
            challenged_ms: self.challenged_ms,
            failures: self.failures,
            blocked: self.blocked,
        }
    }
}

impl Subscriptions {
    /// Whether the owner can have one more. The kinds of one Page count together.
    pub(crate) fn has_room(&self, holder: Holder) -> bool {
        let owner = |holder: Holder| match holder {
            Holder::Account(account) => (false, account),
            Holder::Page(page, _) => (true, page),
        };
        self.all.values().filter(|one| owner(one.wish.holder) == owner(holder)).count() < PER_OWNER_MAX
    }

    /// Adds one whose webhook has passed its challenge; `None` without room.
    pub(crate) fn add(&mut self, wish: Wish, now_ms: u64) -> Option<Subscription> {
        if !self.has_room(wish.holder) {
            return None;
        }
        let id = ID_FIRST + self.issued;
        self.issued += 1;
        let one = Subscription { id, wish, challenged_ms: now_ms, failures: 0, blocked: false };
        self.all.insert(id, one.clone());
        Some(one)
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Subscription> {
        self.all.get(&id)
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        self.all.remove(&id).is_some()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.all.values()
    }

    /// Those that are told of an event.
    pub(crate) fn told_of(&self, event: &Event) -> impl Iterator<Item = &Subscription> {
        self.all.values().filter(move |one| !one.blocked && one.wish.takes(event))
    }

    /// Id and webhook of those that are due for a challenge; a blocked one is not challenged by itself.
    pub(crate) fn due(&self, now_ms: u64) -> Vec<(u64, Url)> {
        let due = |one: &&Subscription| {
            !one.blocked && now_ms >= one.challenged_ms.saturating_add(CHALLENGE_EVERY_MS)
        };
        self.all.values().filter(due).map(|one| (one.id, one.wish.webhook.clone())).collect()
    }

    /// Records how a challenge went. Passing one ends a block.
    pub(crate) fn challenged(&mut self, id: u64, passed: bool, now_ms: u64) {
        let Some(one) = self.all.get_mut(&id) else { return };
        one.challenged_ms = now_ms;
        one.failures = if passed { 0 } else { one.failures + 1 };
        one.blocked = !passed && (one.blocked || one.failures >= FAILURES_MAX);
    }
}

/// Reads a webhook's URL. LinkedIn takes public HTTPS hosts only, without credentials; on one machine that rule would
/// leave nothing to try, so it is a switch.
pub(crate) fn webhook(text: &str, public_https_only: bool) -> Result<Url, &'static str> {
    if text.len() > WEBHOOK_BYTES_MAX {
        return Err("webhook is too long");
    }
    let url = Url::parse(text).map_err(|_| "webhook is no URL")?;
    let host = url.host().ok_or("webhook has no host")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("webhook is no HTTP URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("webhook holds credentials");
    }
    if !public_https_only {
        return Ok(url);
    }
    let private = ["localhost", "local", "internal", "ngrok.io", "ngrok.app", "ngrok-free.app"];
    let public = match host {
        Host::Domain(name) => {
            name.contains('.')
                && !private.iter().any(|end| name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.')))
        }
        Host::Ipv4(_) | Host::Ipv6(_) => false,
    };
    if url.scheme() == "https" && public { Ok(url) } else { Err("webhook is no HTTPS URL on a public host") }
}

#[cfg(test)]
mod tests {
    use super::super::kind::Kind;
    use super::super::notice::LeadAction;
    use super::*;

    fn wish(holder: Holder) -> Wish {
        Wish { webhook: Url::parse("http://127.0.0.1:9/").unwrap(), holder, form: None, entity: None }
    }

    #[test]
    fn three_failures_in_a_row_block_and_one_pass_unblocks() {
        let mut all = Subscriptions::default();
        let id = all.add(wish(Holder::Account(0)), 0).unwrap().id;
        let blocked = |all: &Subscriptions| all.get(id).unwrap().blocked;
        for passed in [false, false, true, false, false] {
            all.challenged(id, passed, 0);
            assert!(!blocked(&all));
        }
        all.challenged(id, false, 0);
        assert!(blocked(&all) && all.due(u64::MAX).is_empty());
        all.challenged(id, true, 0);
        assert!(!blocked(&all));
    }

    #[test]
    fn a_challenge_is_due_two_hours_after_the_last() {
        let mut all = Subscriptions::default();
        let id = all.add(wish(Holder::Account(0)), 5).unwrap().id;
        assert!(all.due(4 + CHALLENGE_EVERY_MS).is_empty());
        assert_eq!(all.due(5 + CHALLENGE_EVERY_MS)[0].0, id);
    }

    #[test]
    fn an_owner_has_at_most_fifteen_hundred() {
        let mut all = Subscriptions::default();
        for at in 0..PER_OWNER_MAX {
            let kind = if at % 2 == 0 { Kind::Event } else { Kind::Company };
            assert!(all.add(wish(Holder::Page(1, kind)), 0).is_some());
        }
        assert!(all.add(wish(Holder::Page(1, Kind::Event)), 0).is_none());
        assert!(all.add(wish(Holder::Account(1)), 0).is_some());
        assert!(all.remove(ID_FIRST) && !all.remove(ID_FIRST));
        assert_eq!(all.add(wish(Holder::Page(1, Kind::Event)), 0).unwrap().id, ID_FIRST + 1_501);
    }

    #[test]
    fn events_reach_owner_form_and_entity() {
        let mut all = Subscriptions::default();
        let holder = Holder::Page(0, Kind::Event);
        let wide = all.add(wish(holder), 0).unwrap().id;
        let form = all.add(Wish { form: Some((7, 2)), ..wish(holder) }, 0).unwrap().id;
        let entity = all.add(Wish { entity: Some(Entity::Event(1)), ..wish(holder) }, 0).unwrap().id;
        all.add(wish(Holder::Page(0, Kind::Company)), 0).unwrap();
        let told = |form, version, event| {
            let event = Event {
                response: String::new(),
                form,
                version,
                holder,
                entity: Some(Entity::Event(event)),
                action: LeadAction::Created,
                occurred_ms: 0,
            };
            all.told_of(&event).map(|one| one.id).collect::<Vec<_>>()
        };
        assert_eq!(told(7, 2, 2), [wide, form]);
        assert_eq!(told(7, 1, 1), [wide, entity]);
    }

    #[test]
    fn the_public_rule_is_a_switch() {
        for url in ["http://127.0.0.1:9/x", "https://hooks.example.test/x?a=b"] {
            assert!(webhook(url, false).is_ok(), "{url}");
        }
        assert!(webhook("https://hooks.example.test/x", true).is_ok());
        for url in [
            "http://hooks.example.test/",
            "https://127.0.0.1/",
            "https://localhost/",
            "https://a.ngrok.io/",
            "https://[::1]/",
        ] {
            assert!(webhook(url, true).is_err(), "{url}");
        }
        for url in ["nothing", "ftp://a.example.test/", "http://user:word@a.example.test/"] {
            assert!(webhook(url, false).is_err(), "{url}");
        }
    }
}
