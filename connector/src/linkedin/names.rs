//! Names of campaigns, campaign groups and creatives, which responses carry in part or not at all.
//!
//! What is not known yet is looked up when a page of responses first mentions it, and remembered for the life of the
//! instance. A look-up that fails costs a name, never a response: no failure leaves this module. See
//! <https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads/account-structure/create-and-manage-campaigns>.

use std::cell::{Cell, Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::future::{join, join_all};
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::capabilities::{Capabilities, Level, Request};

use super::Source;
use super::listing::{Listing, MAX_PAGES};
use super::owner::{Owner, is_number};
use super::query::{self, Onward};
use super::wire::{EntityInfo, Id};

/// The most things of one kind that are remembered.
const MAX_KNOWN: usize = 10_000;

/// More unknown things of one kind than this are looked for in their list instead of one by one.
const MAX_SINGLE: usize = 20;

/// How long nothing is looked up after LinkedIn throttled or failed, in milliseconds.
const PAUSE_MS: u64 = 60_000;

/// What can have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    Campaign,
    Group,
    Creative,
}

impl Thing {
    fn urn(self) -> &'static str {
        match self {
            Self::Campaign => "urn:li:sponsoredCampaign:",
            Self::Group => "urn:li:sponsoredCampaignGroup:",
            Self::Creative => "urn:li:sponsoredCreative:",
        }
    }

    fn resource(self) -> &'static str {
        match self {
            Self::Campaign => "adCampaigns",
            Self::Group => "adCampaignGroups",
            Self::Creative => "creatives",
        }
    }
}

/// What is known about one thing; nothing at all where LinkedIn refused to tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Known {
    pub(super) name: Option<String>,
    /// URN of a campaign's group.
    pub(super) group: Option<String>,
}

/// What is known about things of one kind, by number; what was learnt first is forgotten first.
#[derive(Debug, Default)]
struct Table {
    known: BTreeMap<String, Known>,
    /// The numbers in `known`, each once, in the order in which they were learnt.
    order: VecDeque<String>,
}

impl Table {
    /// Whether there is room for what nobody asked for yet: half of it is left to what somebody will.
    fn has_spare_room(&self) -> bool {
        self.known.len() < MAX_KNOWN / 2
    }

    fn put(&mut self, number: String, known: Known) {
        if self.known.insert(number.clone(), known).is_none() {
            self.order.push_back(number);
        }
        if self.known.len() > MAX_KNOWN {
            self.order.pop_front().and_then(|oldest| self.known.remove(&oldest));
        }
    }
}

/// What is known by kind and number.
#[derive(Debug, Default)]
pub(super) struct Tables {
    campaigns: Table,
    groups: Table,
    creatives: Table,
}

impl Tables {
    fn of(&self, thing: Thing) -> &Table {
        match thing {
            Thing::Campaign => &self.campaigns,
            Thing::Group => &self.groups,
            Thing::Creative => &self.creatives,
        }
    }

    /// What is known about the thing of that URN.
    pub(super) fn known(&self, thing: Thing, urn: &str) -> Option<&Known> {
        self.of(thing).known.get(urn.strip_prefix(thing.urn()).unwrap_or(urn))
    }

    fn knows(&self, thing: Thing, number: &str) -> bool {
        self.of(thing).known.contains_key(number)
    }

    /// The number of a known campaign's group.
    fn group_of(&self, campaign: &str) -> Option<&str> {
        let urn = self.campaigns.known.get(campaign)?.group.as_deref()?;
        urn.strip_prefix(Thing::Group.urn()).filter(|number| is_number(number))
    }

    fn put(&mut self, thing: Thing, number: String, known: Known) {
        let table = match thing {
            Thing::Campaign => &mut self.campaigns,
            Thing::Group => &mut self.groups,
            Thing::Creative => &mut self.creatives,
        };
        table.put(number, known);
    }
}

/// What this instance knows. Losing it costs requests, never a response.
#[derive(Debug, Default)]
pub(super) struct Names {
    tables: RefCell<Tables>,
    /// Ad accounts for which LinkedIn refused something, until a read has told of it.
    refused: RefCell<BTreeSet<String>>,
    /// Until when nothing is looked up, in epoch milliseconds.
    paused_until_ms: Cell<u64>,
}

impl Names {
    /// Never held across a wait.
    pub(super) fn tables(&self) -> Ref<'_, Tables> {
        self.tables.borrow()
    }

    /// The warning about what was refused for this owner since the last call.
    pub(super) fn take_refusal(&self, owner: &Owner) -> Option<String> {
        self.refused.borrow_mut().remove(owner.number()).then(|| {
            format!(
                "linkedin does not tell the names of some campaigns, campaign groups or creatives of {owner}; their \
                 leads come without these names: give the member a role on it, or set `names` to \"skip\""
            )
        })
    }

    fn unknown(&self, thing: Thing, numbers: BTreeSet<String>) -> Vec<String> {
        let tables = self.tables.borrow();
        numbers.into_iter().filter(|number| !tables.knows(thing, number)).collect()
    }
}

/// The members in which responses hold URNs. An answer is none of them: what a member types asks for nothing.
const HOLDERS: [&[u8]; 6] = [
    b"\"campaign\"",
    b"\"id\"",
    b"\"associatedCreative\"",
    b"\"associatedEntity\"",
    b"\"sponsoredAccount\"",
    b"\"owner\"",
];

/// Whether the text ends where the value of such a member begins.
fn holds_a_urn(before: &[u8]) -> bool {
    let name = before.trim_ascii_end().strip_suffix(b":").map(<[u8]>::trim_ascii_end);
    name.is_some_and(|name| HOLDERS.iter().any(|holder| name.ends_with(holder)))
}

/// The number of each string of a JSON text that is nothing but a URN with this beginning, in a member for URNs.
fn mentions<'t>(text: &'t [u8], urn: &str) -> impl Iterator<Item = &'t str> {
    let start = format!("\"{urn}");
    let places: Vec<usize> = Finder::new(start.as_bytes()).find_iter(text).collect();
    places.into_iter().filter_map(move |at| {
        text.get(..at).filter(|before| holds_a_urn(before))?;
        let rest = text.get(at + start.len()..)?;
        // A number has at most 20 digits; its string ends right after.
        let len = rest.iter().take(21).take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(rest.get(..len)?).ok().filter(|number| is_number(number));
        number.filter(|_| rest.get(len) == Some(&b'"'))
    })
}

fn mentioned(text: &[u8], urn: &str) -> BTreeSet<String> {
    mentions(text, urn).map(str::to_owned).collect()
}

#[derive(Deserialize)]
struct Carrier<'a> {
    #[serde(borrow)]
    elements: Vec<Carried<'a>>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    results: BTreeMap<crate::text::Text<'a>, Option<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Carried<'a> {
    #[serde(borrow)]
    associated_entity_info: Option<&'a RawValue>,
}

/// The names of creatives that a page carries itself.
fn carried(page: &[u8]) -> Vec<(String, Known)> {
    let carrier: Option<Carrier<'_>> = serde_json::from_slice(page).ok();
    let infos = carrier.into_iter().flat_map(|carrier| carrier.elements);
    infos
        .filter_map(|element| {
            let info: EntityInfo<'_> = serde_json::from_str(element.associated_entity_info?.get()).ok()?;
            let creative = info.creative?;
            Some((
                number(Thing::Creative, &creative.id?)?,
                Known { name: Some(creative.name?.to_string()), group: None },
            ))
        })
        .collect()
}

fn number(thing: Thing, id: &Id<'_>) -> Option<String> {
    let text = id.to_text();
    let number = text.strip_prefix(thing.urn()).unwrap_or(&text);
    is_number(number).then(|| number.to_owned())
}

/// A campaign, group or creative, as far as it is of use.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    id: serde_json::Value,
    name: Option<String>,
    campaign_group: Option<String>,
}

impl Answer {
    fn number(&self, thing: Thing) -> Option<String> {
        let text = match &self.id {
            serde_json::Value::Number(number) => number.as_u64()?.to_string(),
            serde_json::Value::String(text) => text.clone(),
            _ => return None,
        };
        let number = text.strip_prefix(thing.urn()).unwrap_or(&text);
        is_number(number).then(|| number.to_owned())
    }

    fn known(self) -> Known {
        Known { name: self.name.filter(|name| !name.is_empty()), group: self.campaign_group }
    }
}

/// How a look-up ended without an answer.
enum Miss {
    /// Asking again would not help.
    Refused,
    /// It may work later.
    Failed,
}

impl<C: Capabilities> Source<C> {
    fn looks_up(&self) -> bool {
        self.config.look_up_names && self.capabilities.now_ms() >= self.names.paused_until_ms.get()
    }

    /// Whether a text of responses mentions anything whose name is not known and can be looked up.
    pub(super) fn lacks_names(&self, owner: &Owner, text: &[u8]) -> bool {
        if !matches!(owner, Owner::Account(_)) || !self.looks_up() {
            return false;
        }
        let tables = self.names.tables();
        let complete = |campaign: &str| {
            let group = tables.group_of(campaign);
            tables.knows(Thing::Campaign, campaign)
                && group.is_none_or(|group| tables.knows(Thing::Group, group))
        };
        mentions(text, Thing::Campaign.urn()).any(|number| !complete(number))
            || mentions(text, Thing::Creative.urn()).any(|number| !tables.knows(Thing::Creative, number))
    }

    /// Looks up what these texts of an owner's responses mention and is not known.
    pub(super) async fn learn_names(&self, owner: &Owner, texts: &[&[u8]]) {
        let Owner::Account(account) = owner else { return };
        if !self.looks_up() {
            return;
        }
        for (number, known) in texts.iter().flat_map(|text| carried(text)) {
            self.names.tables.borrow_mut().put(Thing::Creative, number, known);
        }
        let all = |thing: Thing| texts.iter().flat_map(|text| mentioned(text, thing.urn())).collect();
        let campaigns: BTreeSet<String> = all(Thing::Campaign);
        let looking = (
            self.look_up(account, Thing::Campaign, campaigns.clone()),
            self.look_up(account, Thing::Creative, all(Thing::Creative)),
        );
        join(looking.0, looking.1).await;
        let groups = {
            let tables = self.names.tables();
            campaigns.iter().filter_map(|number| tables.group_of(number)).map(str::to_owned).collect()
        };
        self.look_up(account, Thing::Group, groups).await;
    }

    /// As [`Self::learn_names`], for single responses or a batch of them, of whichever owners.
    pub(super) async fn learn_names_of(&self, body: &[u8]) {
        let batch: Option<Batch<'_>> = serde_json::from_slice(body).ok();
        let single = serde_json::from_slice::<&RawValue>(body).ok();
        let each: Vec<&RawValue> = match batch {
            Some(batch) => batch.results.into_values().flatten().collect(),
            None => single.into_iter().collect(),
        };
        let mut owned: BTreeMap<String, Vec<&[u8]>> = BTreeMap::new();
        for text in each.into_iter().map(|raw| raw.get().as_bytes()) {
            // Whoever mentions two accounts cannot be told apart.
            let accounts = mentioned(text, "urn:li:sponsoredAccount:");
            if let (Some(account), 1) = (accounts.first(), accounts.len()) {
                owned.entry(account.clone()).or_default().push(text);
            }
        }
        for (account, texts) in owned {
            self.learn_names(&Owner::Account(account), &texts).await;
        }
    }

    /// The names of these campaign groups, by URN.
    pub(super) async fn group_names(
        &self,
        account: &str,
        urns: BTreeSet<String>,
    ) -> BTreeMap<String, String> {
        let number = |urn: &String| Some(urn.strip_prefix(Thing::Group.urn())?.to_owned());
        let numbers = urns.iter().filter_map(number).filter(|number| is_number(number)).collect();
        if self.looks_up() {
            self.look_up(account, Thing::Group, numbers).await;
        }
        let tables = self.names.tables();
        let name = |urn: String| Some((tables.known(Thing::Group, &urn)?.name.clone()?, urn));
        urns.into_iter().filter_map(name).map(|(name, urn)| (urn, name)).collect()
    }

    async fn look_up(&self, account: &str, thing: Thing, numbers: BTreeSet<String>) {
        let unknown = self.names.unknown(thing, numbers);
        if unknown.is_empty() {
            return;
        }
        if unknown.len() > MAX_SINGLE {
            return self.look_up_all(account, thing, unknown).await;
        }
        for wave in unknown.chunks(self.config.requests_in_flight) {
            let answers = join_all(wave.iter().map(|number| self.look_up_one(account, thing, number))).await;
            for (number, answer) in wave.iter().zip(answers) {
                match answer {
                    Ok(known) => self.names.tables.borrow_mut().put(thing, number.clone(), known),
                    Err(Miss::Refused) => self.refuse(account, thing, number.clone()),
                    Err(Miss::Failed) => {}
                }
            }
            if !self.looks_up() {
                return;
            }
        }
    }

    async fn look_up_one(&self, account: &str, thing: Thing, number: &str) -> Result<Known, Miss> {
        let urn = format!("{}{number}", thing.urn());
        let key = if thing == Thing::Creative { urn.as_str() } else { number };
        let body = self.name_answer(query::advertised(&self.config, account, thing.resource(), key)).await?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| Miss::Refused)?;
        Ok(answer.known())
    }

    /// Turns the pages of the whole list until all of these are found.
    async fn look_up_all(&self, account: &str, thing: Thing, unknown: Vec<String>) {
        let mut missing: BTreeSet<String> = unknown.into_iter().collect();
        let mut at = Onward::Beginning;
        let mut seen = 0;
        for _ in 0..MAX_PAGES {
            let request = match thing {
                Thing::Campaign => query::campaigns(&self.config, account, &at),
                Thing::Group => query::campaign_groups(&self.config, account, &at),
                Thing::Creative => query::creatives(&self.config, account, &at),
            };
            let body = match self.name_answer(request).await {
                Ok(body) => body,
                Err(Miss::Refused) => break,
                Err(Miss::Failed) => return,
            };
            let Ok(listing) = serde_json::from_slice::<Listing>(&body) else { break };
            let len = listing.elements.len();
            seen += len;
            let next = listing.onward(&at, seen);
            for answer in self.decode::<Answer>(listing.elements) {
                let Some(number) = answer.number(thing) else { continue };
                let mut tables = self.names.tables.borrow_mut();
                // What nobody asked for must not drive out what somebody did.
                if missing.remove(&number) || tables.of(thing).has_spare_room() {
                    tables.put(thing, number, answer.known());
                }
            }
            match next {
                Some(next) if !missing.is_empty() => at = next,
                _ => break,
            }
        }
        for number in missing {
            self.refuse(account, thing, number);
        }
    }

    /// Remembers that there is no name to be had.
    fn refuse(&self, account: &str, thing: Thing, number: String) {
        self.names.tables.borrow_mut().put(thing, number, Known::default());
        self.names.refused.borrow_mut().insert(account.to_owned());
    }

    async fn name_answer(&self, request: Request) -> Result<Vec<u8>, Miss> {
        let status = match self.send(request).await {
            Ok(response) if (200..300).contains(&response.status) => return Ok(response.body),
            Ok(response) => response.status,
            Err(_) => 0,
        };
        if matches!(status, 400 | 403 | 404) {
            return Err(Miss::Refused);
        }
        self.names.paused_until_ms.set(self.capabilities.now_ms().saturating_add(PAUSE_MS));
        self.capabilities.log(
            Level::Warn,
            "a name could not be looked up; leads go on without it",
            &format!("{{\"status\":{status}}}"),
        );
        Err(Miss::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_last_is_kept_whatever_its_number() {
        let mut table = Table::default();
        for number in 0..MAX_KNOWN {
            table.put(format!("9{number}"), Known::default());
            table.put(format!("9{number}"), Known::default());
        }
        table.put("1".to_owned(), Known::default());
        assert!(table.known.contains_key("1") && !table.known.contains_key("90"));
        assert_eq!((table.known.len(), table.order.len()), (MAX_KNOWN, MAX_KNOWN));
    }

    #[test]
    fn only_members_for_urns_mention_anything() {
        let urn = Thing::Campaign.urn();
        let text = format!(
            r#"{{"campaign":"{urn}1","campaign" : "{urn}2","id":"{urn}3","answer":"{urn}4","id":"{urn}5 ","x":"\"id\":\"{urn}6\"",
               "id":"{urn}18446744073709551615","id":"{urn}184467440737095516150","id":"{urn}"}}"#
        );
        let numbers: Vec<&str> = mentions(text.as_bytes(), urn).collect();
        assert_eq!(numbers, ["1", "2", "3", "18446744073709551615"]);
    }
}
