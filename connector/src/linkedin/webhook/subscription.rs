//! Subscriptions: one for each owner and kind, so that every form and version of it is covered.
//!
//! LinkedIn has no update; whoever wants another URL deletes and creates. See
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>.

use std::net::IpAddr;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::capabilities::{Capabilities, Level, Response};
use crate::failure::{Detail, Failure};
use crate::linkedin::errors::{CREDENTIAL, Subject};
use crate::linkedin::owner::Holding;
use crate::linkedin::partitions::State;
use crate::linkedin::stream::Stream;
use crate::linkedin::{Source, query};

/// LinkedIn allows so many for one owner.
const MAX_OF_OWNER: usize = 1_500;
/// Most pages of one owner's subscriptions; LinkedIn's samples show ten on a page.
const MAX_PAGES: usize = MAX_OF_OWNER / 10 + 1;
/// Longest URL, in bytes.
const MAX_URL_BYTES: usize = 2_048;

/// One line of `subscriptions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subscription {
    /// LinkedIn's number.
    pub id: String,
    /// Where its notices go.
    pub url: String,
    /// The stream.
    pub stream: &'static str,
    /// `<KIND>:<number>`.
    pub partition: String,
    /// `active`, or `blocked` after failed challenges, where LinkedIn tells.
    pub state: &'static str,
    /// Whether it covers every form of its partition, rather than one form or one ad.
    #[serde(skip)]
    whole: bool,
}

#[derive(Deserialize)]
struct Listing {
    #[serde(alias = "results")]
    elements: Vec<Element>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element {
    id: Value,
    #[serde(default)]
    webhook: Option<String>,
    #[serde(alias = "status", default)]
    state: Option<String>,
    #[serde(default)]
    versioned_form: Option<Value>,
    #[serde(default)]
    associated_entity: Option<Value>,
}

impl Element {
    fn into_subscription(self, holding: &Holding) -> Option<Subscription> {
        let blocked = self.state.is_some_and(|state| state.eq_ignore_ascii_case("blocked"));
        Some(Subscription {
            id: text(&self.id)?,
            url: self.webhook.unwrap_or_default(),
            stream: Stream::LeadResponses.name(),
            partition: holding.id(),
            state: if blocked { "blocked" } else { "active" },
            whole: self.versioned_form.is_none() && self.associated_entity.is_none(),
        })
    }
}

/// A number or a string.
fn text(id: &Value) -> Option<String> {
    match id {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

impl<C: Capabilities> Source<C> {
    /// Makes LinkedIn send notices for everything that configuration and selection cover. What is there stays.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] for a URL that LinkedIn would not call; LinkedIn's refusals where nothing was subscribed.
    pub async fn subscribe(&self, url: &str, selection: Option<&str>) -> Result<Vec<Subscription>, Failure> {
        self.require_callable(url)?;
        let holdings = self.holdings(selection).await?;
        self.each(holdings, |holding| self.subscribe_one(url, holding)).await
    }

    /// Lists the subscriptions of every covered owner and kind.
    ///
    /// # Errors
    ///
    /// LinkedIn's refusals, where nothing can be listed because of them.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, Failure> {
        let holdings = self.holdings(None).await?;
        self.each(holdings, |holding| self.subscriptions_of(holding)).await
    }

    /// Ends subscriptions, and returns the ids of those that are ended now; one that is gone counts among them.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] for what is no id, and LinkedIn's refusals.
    pub async fn unsubscribe(&self, ids: &[String]) -> Result<Vec<String>, Failure> {
        let is_id =
            |id: &String| (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
        if !ids.iter().all(is_id) {
            let detail = Detail::new("a subscription is named by its number, as they are listed");
            return Err(Failure::Invalid { detail, path: String::new() });
        }
        let ending = stream::iter(ids.to_vec()).map(|id| self.unsubscribe_one(id));
        let ended: Vec<Result<String, Failure>> =
            ending.buffered(self.config.requests_in_flight).collect().await;
        ended.into_iter().collect()
    }

    async fn unsubscribe_one(&self, id: String) -> Result<String, Failure> {
        let sent = self.send(query::end_subscription(&self.config, &id)).await;
        let response = sent.map_err(|error| Failure::from_http(&error, Some(CREDENTIAL)))?;
        // A repeated request finds what the first one has ended gone.
        if response.status != 404 {
            self.success(&Subject::Subscriptions(None), response)?;
        }
        Ok(id)
    }

    /// The owners and kinds that can be read.
    async fn holdings(&self, selection: Option<&str>) -> Result<Vec<Holding>, Failure> {
        let partitions = self.partitions(Stream::LeadResponses.name(), selection).await?;
        let (active, other): (Vec<_>, Vec<_>) =
            partitions.into_iter().partition(|partition| partition.state == State::Active);
        if !other.is_empty() {
            let message = "partitions that cannot be read have no subscription; `discover` names them";
            let fields = json!({ "partitions": other.len() }).to_string();
            self.capabilities.log(Level::Warn, message, &fields);
        }
        Ok(active.into_iter().filter_map(|partition| Holding::parse(&partition.id)).collect())
    }

    /// Works on owners and kinds side by side. One that is refused stops no other, unless none can be worked on. What may
    /// pass is the whole call's failure, which is harmless to repeat, and so is a refused credential, which is everyone's.
    async fn each<F>(
        &self,
        holdings: Vec<Holding>,
        work: impl Fn(Holding) -> F,
    ) -> Result<Vec<Subscription>, Failure>
    where
        F: Future<Output = Result<Vec<Subscription>, Failure>>,
    {
        let (mut subscriptions, mut refused, mut any) = (Vec::new(), None, false);
        for wave in holdings.chunks(self.config.requests_in_flight) {
            let results = join_all(wave.iter().map(|holding| work(holding.clone()))).await;
            for (holding, result) in wave.iter().zip(results) {
                match result {
                    Ok(found) => {
                        any = true;
                        subscriptions.extend(found);
                    }
                    Err(failure @ (Failure::Retryable { .. } | Failure::Unauthorized { .. })) => {
                        return Err(failure);
                    }
                    Err(failure) => {
                        let fields =
                            json!({ "partition": holding.id(), "reason": failure.to_string() }).to_string();
                        let message = "linkedin refused the subscriptions of a partition";
                        self.capabilities.log(Level::Warn, message, &fields);
                        refused = refused.or(Some(failure));
                    }
                }
            }
            // Each attempt makes LinkedIn call the URL: one that fails the challenge gets no better by more of them.
            if !any && matches!(refused, Some(Failure::Invalid { .. })) {
                break;
            }
        }
        match refused {
            Some(failure) if !any => Err(failure),
            _ => Ok(subscriptions),
        }
    }

    async fn subscriptions_of(&self, holding: Holding) -> Result<Vec<Subscription>, Failure> {
        let mut found: Vec<Subscription> = Vec::new();
        let mut offset = 0;
        for _ in 0..MAX_PAGES {
            let request = query::subscriptions(&self.config, &holding, offset);
            let subject = Subject::Subscriptions(Some(holding.clone()));
            let listing: Listing = self.ask_for(&subject, request).await?;
            offset += listing.elements.len();
            let before = found.len();
            let page = listing.elements.into_iter().filter_map(|element| element.into_subscription(&holding));
            for subscription in page {
                if found.iter().all(|known| known.id != subscription.id) {
                    found.push(subscription);
                }
            }
            // A short page need not be the last, and a server that knows no paging here gives the same list again.
            if found.len() == before {
                break;
            }
        }
        Ok(found)
    }

    async fn subscribe_one(&self, url: &str, holding: Holding) -> Result<Vec<Subscription>, Failure> {
        let there = self.subscriptions_of(holding.clone()).await?;
        let count = there.len();
        let same: Vec<Subscription> =
            there.into_iter().filter(|found| found.whole && found.url == url).collect();
        if !same.is_empty() {
            return Ok(same);
        }
        if count >= MAX_OF_OWNER {
            let message =
                format!("{} has 1500 subscriptions, and linkedin allows no more: remove some", holding.owner);
            return Err(Failure::Fatal(Detail::new(message)));
        }
        let sent = self.send(query::new_subscription(&self.config, &holding, url)).await;
        let response = sent.map_err(|error| Failure::from_http(&error, Some(CREDENTIAL)))?;
        if response.status == 400 {
            return Err(Failure::Invalid { detail: unproven(&response), path: String::new() });
        }
        let response = self.success(&Subject::Subscriptions(Some(holding.clone())), response)?;
        let id = created_id(&response).ok_or_else(|| {
            Failure::Fatal(Detail::new(
                "linkedin made a subscription without saying its id: list the subscriptions",
            ))
        })?;
        Ok(vec![Subscription {
            id,
            url: url.to_owned(),
            stream: Stream::LeadResponses.name(),
            partition: holding.id(),
            state: "active",
            whole: true,
        }])
    }

    /// LinkedIn calls public https URLs only. A LinkedIn on this machine, a sandbox, may call this machine.
    fn require_callable(&self, url: &str) -> Result<(), Failure> {
        let loopback = is_loopback(url);
        let allowed = match url.split_once("://") {
            Some(("https", _)) => true,
            Some(("http", _)) => loopback,
            _ => false,
        };
        let clean = url.len() <= MAX_URL_BYTES && url.bytes().all(|byte| byte.is_ascii_graphic());
        let host = host(url);
        let plain = !host.is_empty() && !host.contains(['@', '\\']) && !url.contains('#');
        let reached = if loopback { is_loopback(&self.config.api_url) } else { is_public_name(host) };
        if !allowed || !clean || !plain || !reached {
            let message = "linkedin sends notices to public https URLs only, without user and fragment, such as \
                           https://hooks.example.test/leads";
            return Err(Failure::Invalid { detail: Detail::new(message), path: String::new() });
        }
        Ok(())
    }
}

/// A URL's host without its port; with a user, where there is one.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    port.map_or(authority, |(host, _)| host)
}

/// Whether a URL's host is this machine.
fn is_loopback(url: &str) -> bool {
    let host = host(url);
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a host is a name that may be public: one with a dot, and no address.
fn is_public_name(host: &str) -> bool {
    let end = host.rsplit_once('.').map_or("", |(_, end)| end);
    let private =
        ["local", "localhost", "internal", "lan"].iter().any(|other| end.eq_ignore_ascii_case(other));
    !host.starts_with('[') && !end.bytes().all(|byte| byte.is_ascii_digit()) && !private
}

/// The id of what was created: in its header, else in the body.
fn created_id(response: &Response) -> Option<String> {
    let header = response.header("x-restli-id").or_else(|| response.header("x-linkedin-id"));
    header.filter(|id| !id.is_empty()).map(str::to_owned).or_else(|| {
        let body: Value = serde_json::from_slice(&response.body).ok()?;
        text(body.get("id")?)
    })
}

/// LinkedIn asks the URL a question before it subscribes it.
fn unproven(response: &Response) -> Detail {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    Detail {
        message: "linkedin did not accept the URL: it must answer linkedin's challenge already, with the client secret of \
                  this very app, within 3 seconds; start the receiver first, then subscribe"
            .to_owned(),
        code: body.get("code").and_then(Value::as_str).map(str::to_owned),
        facts: Some(json!({ "http_status": response.status }).to_string()),
    }
}
