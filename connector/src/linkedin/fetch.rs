//! Single responses by id, for keys that a push or an operator named.

use futures_util::future::join_all;

use serde::Deserialize;

use crate::capabilities::{Capabilities, Level};
use crate::failure::{Detail, Failure};
use crate::text::Text;

use super::Source;
use super::config::Config;
use super::errors::{self, Subject};
use super::owner::{Holding, Kind, Owner};
use super::page::Lines;
use super::query;
use super::read::Page;
use super::response::Setting;
use super::selection::Selection;
use super::stream::Stream;
use super::webhook;

/// The contract's bound of keys in one call.
const MAX_KEYS: usize = 100;

/// Statuses with which a server says that it does not know the look-up of many, or none of the ids.
const NO_BATCH: [u16; 3] = [400, 404, 405];

/// The contract's bound of a key, in bytes.
const MAX_KEY_LEN: usize = 512;

/// What stands for the kind where LinkedIn does not name it.
const UNKNOWN_KIND: &str = "UNKNOWN";

/// Of a finished line, what says whose response it is.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    data: LineData<'a>,
}

#[derive(Deserialize)]
struct LineData<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    owner: LineOwner<'a>,
}

#[derive(Deserialize)]
struct LineOwner<'a> {
    #[serde(borrow)]
    urn: Text<'a>,
}

/// The key that a response's id or URN stands for. LinkedIn's ids are a UUID, a hyphen and digits; others are taken as long
/// as they cannot be anything but one id, also where something on the way decodes a path once more.
pub(super) fn response_key(text: &str) -> Option<&str> {
    let id = text.strip_prefix("urn:li:leadGenFormResponse:").unwrap_or(text);
    let plain = |byte: u8| byte.is_ascii_graphic() && !br"/\?#%".contains(&byte);
    let other = id.starts_with("urn:") || matches!(id, "." | "..");
    ((1..=MAX_KEY_LEN).contains(&id.len()) && id.bytes().all(plain) && !other).then_some(id)
}

impl<C: Capabilities> Source<C> {
    /// Fetches up to 100 responses, oldest first, each with the bytes that `read` gives it. Left out are those that LinkedIn
    /// no longer has, keys that cannot be LinkedIn's, and responses of kinds, owners or forms that the configuration does not
    /// choose: `read` would not deliver them either, so a notice or an operator must not bring them in.
    ///
    /// # Errors
    ///
    /// LinkedIn's refusals, and [`Failure::Fatal`] for more than 100 keys.
    pub async fn fetch(&self, stream: &str, keys: &[String]) -> Result<Page, Failure> {
        let stream = Stream::parse(stream)?;
        if stream != Stream::LeadResponses {
            let message = format!("the stream `{}` is read as a whole, not by keys", stream.name());
            return Err(Failure::Fatal(Detail::new(message)));
        }
        if keys.len() > MAX_KEYS {
            return Err(Failure::Fatal(Detail::new(format!(
                "at most {MAX_KEYS} keys can be fetched in one call"
            ))));
        }
        let mut ids: Vec<&str> = keys.iter().filter_map(|key| response_key(key)).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut found = Vec::new();
        for batch in query::batches(&ids) {
            found.extend(self.fetch_batch(&batch).await?);
        }
        let mut order: Vec<(u64, &str)> = Vec::new();
        for lines in &found {
            order.extend((0..lines.len()).map(|index| (lines.time(index), lines.line(index))));
        }
        order.retain(|(_, line)| self.delivers(line));
        order.sort_unstable();
        let records: String = order.iter().map(|(_, line)| *line).collect();
        Ok(Page { records, cursor: String::new(), more: false, facts: None })
    }

    /// Whether `read` would deliver the response of this line. One that does not name its owner was asked for by its key
    /// and is passed on; forms were looked at already.
    fn delivers(&self, line: &str) -> bool {
        // An empty line is a response to a form that is not chosen.
        let Ok(Line { key, data: LineData { kind, owner } }) = serde_json::from_str(line) else {
            return false;
        };
        let Some(owner) = Owner::of_urn(&owner.urn) else { return owner.urn.is_empty() };
        let kind = match (Kind::parse(&kind), &owner) {
            (None, Owner::Account(_)) if &*kind == UNKNOWN_KIND => Some(Kind::Sponsored),
            (known, _) => known,
        };
        let holding = kind.filter(|kind| owner.can_have(*kind)).map(|kind| Holding { kind, owner });
        let delivers = holding.is_some_and(|holding| webhook::covers(&self.config, &holding, None));
        if !delivers {
            let fields = serde_json::json!({ "response": key }).to_string();
            let message = "a response that the configuration does not cover was fetched and is left out";
            self.capabilities.log(Level::Debug, message, &fields);
        }
        delivers
    }

    async fn fetch_batch(&self, ids: &[&str]) -> Result<Vec<Lines>, Failure> {
        if ids.len() > 1 {
            let request = query::response_batch(&self.config, ids);
            let sent = self
                .send(request)
                .await
                .map_err(|error| Failure::from_http(&error, Some(errors::CREDENTIAL)));
            let response = sent?;
            if !NO_BATCH.contains(&response.status) {
                let response = self.success(&Subject::Single, response)?;
                self.learn_names_of(&response.body).await;
                let (lines, refused) = Lines::from_batch(&response.body, &self.setting(), &self.chosen())
                    .map_err(|error| errors::undecodable(&Subject::Single, &response, &error))?;
                // One that was refused must not look like one that is gone.
                return match refused {
                    None => Ok(vec![lines]),
                    Some(_) => self.fetch_each(ids).await,
                };
            }
        }
        self.fetch_each(ids).await
    }

    async fn fetch_each(&self, ids: &[&str]) -> Result<Vec<Lines>, Failure> {
        let mut found = Vec::new();
        for wave in ids.chunks(self.config.requests_in_flight) {
            for single in join_all(wave.iter().map(|id| self.fetch_one(id))).await {
                found.extend(single?);
            }
        }
        Ok(found)
    }

    async fn fetch_one(&self, id: &str) -> Result<Option<Lines>, Failure> {
        let sent = self.send(query::response(&self.config, id)).await;
        let response = sent.map_err(|error| Failure::from_http(&error, Some(errors::CREDENTIAL)))?;
        if response.status == 404 {
            return Ok(None);
        }
        let response = self.success(&Subject::Single, response)?;
        self.learn_names_of(&response.body).await;
        let lines = Lines::from_element(&response.body, &self.setting(), &self.chosen())
            .map_err(|error| errors::undecodable(&Subject::Single, &response, &error))?;
        Ok(Some(lines))
    }

    fn chosen(&self) -> Selection {
        Selection::default().among(&self.config.forms)
    }

    fn setting(&self) -> Setting<'_> {
        let Config { test_leads, api_url, .. } = &self.config;
        Setting { owner: None, kind: UNKNOWN_KIND, test_leads: *test_leads, api_url, names: &self.names }
    }
}
