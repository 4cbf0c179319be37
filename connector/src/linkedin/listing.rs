//! Lists that LinkedIn gives page by page: accounts, roles and the like, some hundreds at most as a rule.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::capabilities::{Capabilities, Level, Request};
use crate::failure::Failure;

use super::Source;
use super::errors::Subject;
use super::query::Onward;

/// The most elements that are listed, and the most pages that are turned for them.
pub(super) const MAX_LISTED: usize = 10_000;
pub(super) const MAX_PAGES: usize = 200;

/// A page of any finder. Elements are decoded one by one, lest a strange one hide the others.
#[derive(Deserialize)]
pub(super) struct Listing {
    pub(super) elements: Vec<Value>,
    pub(super) paging: Option<Paging>,
    pub(super) metadata: Option<Metadata>,
}

#[derive(Deserialize)]
pub(super) struct Paging {
    #[serde(default)]
    pub(super) total: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) next_page_token: Option<String>,
}

impl Listing {
    /// Where the list goes on after the page at `at`, with `seen` elements so far; None at its end.
    pub(super) fn onward(&self, at: &Onward, seen: usize) -> Option<Onward> {
        let token = self.metadata.as_ref().map(|metadata| metadata.next_page_token.clone());
        match (token, &self.paging) {
            (Some(Some(token)), _) if !token.is_empty() && *at != Onward::Token(token.clone()) => {
                Some(Onward::Token(token))
            }
            (Some(_), _) | (None, None) => None,
            (None, Some(paging)) if self.elements.is_empty() || paging.total == seen => None,
            (None, Some(_)) => Some(Onward::Offset(seen)),
        }
    }
}

impl<C: Capabilities> Source<C> {
    /// All elements of a finder that pages by offset.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        subject: &Subject,
        request: impl Fn(usize) -> Request,
    ) -> Result<Vec<T>, Failure> {
        let mut elements: Vec<Value> = Vec::new();
        for _ in 0..MAX_PAGES {
            let listing: Listing = self.ask_for(subject, request(elements.len())).await?;
            let len = listing.elements.len();
            elements.extend(listing.elements);
            let total = listing.paging.and_then(|paging| paging.total.as_u64());
            // A short page is the end only if nothing follows: the server may give fewer than asked for.
            if len == 0 || total == u64::try_from(elements.len()).ok() || elements.len() > MAX_LISTED {
                break;
            }
        }
        Ok(self.decode(elements))
    }

    /// The elements that have the documented shape; others are told to the log.
    pub(super) fn decode<T: DeserializeOwned>(&self, elements: Vec<Value>) -> Vec<T> {
        let all = elements.len();
        let known: Vec<T> =
            elements.into_iter().filter_map(|element| serde_json::from_value(element).ok()).collect();
        if known.len() < all {
            let fields = format!("{{\"seen\":{all},\"understood\":{}}}", known.len());
            self.capabilities.log(
                Level::Warn,
                "some elements of a listing do not have the documented shape",
                &fields,
            );
        }
        known
    }
}
