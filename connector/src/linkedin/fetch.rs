//! Single responses by id, for keys that a push or an operator named.

use futures_util::future::join_all;

use crate::capabilities::Capabilities;
use crate::failure::{Detail, Failure};

use super::Source;
use super::config::Config;
use super::errors::{self, Subject};
use super::page::Lines;
use super::query;
use super::read::Page;
use super::response::Setting;
use super::selection::Selection;
use super::stream::Stream;

/// The contract's bound of keys in one call.
const MAX_KEYS: usize = 100;

/// Statuses with which a server says that it does not know the look-up of many, or none of the ids.
const NO_BATCH: [u16; 3] = [400, 404, 405];

impl<C: Capabilities> Source<C> {
    /// Fetches up to 100 responses; those that LinkedIn no longer has, and those to forms that the configuration does not
    /// choose, are left out.
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
        let mut ids: Vec<&str> =
            keys.iter().map(|key| key.strip_prefix("urn:li:leadGenFormResponse:").unwrap_or(key)).collect();
        ids.retain(|id| (1..=512).contains(&id.len()));
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
        order.sort_unstable();
        let records: String = order.iter().map(|(_, line)| *line).collect();
        Ok(Page { records, cursor: String::new(), more: false, facts: None })
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
        Setting { owner: None, kind: "UNKNOWN", test_leads: *test_leads, api_url, names: &self.names }
    }
}
