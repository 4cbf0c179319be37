//! One page of LinkedIn's, turned into finished lines: parsed, joined and written in one pass over the body.
//!
//! Only the lines and what ordering needs outlive the body.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::text::Text;

use super::response::{Recurring, Setting, response_id, split_form_urn};
use super::selection::Selection;
use super::slim::{Forms, Slim, slim};
use super::wire::{Element, Paging};

#[derive(Deserialize)]
struct Finder<'a> {
    #[serde(borrow)]
    elements: Vec<Element<'a>>,
    #[serde(borrow)]
    paging: Option<Paging<'a>>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    results: BTreeMap<Text<'a>, Option<Element<'a>>>,
    #[serde(borrow, default)]
    errors: Option<BTreeMap<Text<'a>, &'a RawValue>>,
}

#[derive(Deserialize)]
struct BatchError {
    status: Option<u16>,
}

/// One response as a line.
#[derive(Debug, Clone, Copy)]
struct Entry {
    time: u64,
    id: (usize, usize),
    /// Empty where the selection leaves the response out.
    line: (usize, usize),
}

/// The responses of one page, in LinkedIn's order.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The index of the first one within the whole set.
    pub(super) start: u64,
    /// The size of the whole set, where LinkedIn gave it.
    pub(super) total: Option<u64>,
    /// How many distinct forms of the page could not be read.
    pub(super) strange_forms: usize,
    text: String,
    ids: String,
    entries: Vec<Entry>,
}

impl Lines {
    /// Parses a finder's answer.
    ///
    /// # Errors
    ///
    /// Text that is not JSON, or not of the documented shape.
    pub(super) fn from_finder(
        body: &[u8],
        start: u64,
        setting: &Setting<'_>,
        selection: &Selection,
    ) -> Result<Self, serde_json::Error> {
        let Slim { rest, forms } = slim(body);
        let page: Finder<'_> = serde_json::from_str(utf8(&rest)?)?;
        let total = page.paging.as_ref().and_then(Paging::total);
        let lines = Self::new(&page.elements, rest.len(), &forms, setting, selection)?;
        Ok(Self { start, total, ..lines })
    }

    /// Parses the answer to a look-up of one id.
    ///
    /// # Errors
    ///
    /// As [`Self::from_finder`].
    pub(super) fn from_element(
        body: &[u8],
        setting: &Setting<'_>,
        selection: &Selection,
    ) -> Result<Self, serde_json::Error> {
        let body = utf8(body)?;
        let element: Element<'_> = serde_json::from_str(body)?;
        Self::new(&[element], body.len(), &Forms::default(), setting, selection)
    }

    /// Parses the answer to a look-up of many ids. The second value is the first status other than 404 with which
    /// LinkedIn refused one of them.
    ///
    /// # Errors
    ///
    /// As [`Self::from_finder`].
    pub(super) fn from_batch(
        body: &[u8],
        setting: &Setting<'_>,
        selection: &Selection,
    ) -> Result<(Self, Option<u16>), serde_json::Error> {
        let body = utf8(body)?;
        let batch: Batch<'_> = serde_json::from_str(body)?;
        let elements: Vec<Element<'_>> = batch.results.into_values().flatten().collect();
        let status = |raw: &&RawValue| serde_json::from_str::<BatchError>(raw.get()).ok()?.status;
        let errors = batch.errors.unwrap_or_default();
        let refused = errors.values().filter_map(status).find(|&status| status != 404);
        Ok((Self::new(&elements, body.len(), &Forms::default(), setting, selection)?, refused))
    }

    fn new(
        elements: &[Element<'_>],
        size: usize,
        forms: &Forms<'_>,
        setting: &Setting<'_>,
        selection: &Selection,
    ) -> Result<Self, serde_json::Error> {
        let mut out = Vec::with_capacity(size);
        let mut recurring = Recurring::default();
        let mut lines = Self { entries: Vec::with_capacity(elements.len()), ..Self::default() };
        for element in elements {
            let form = element.form_urn.as_deref().and_then(split_form_urn);
            let begin = out.len();
            if selection.covers_form(form.map_or("", |(form, _)| form)) {
                recurring.write(element, forms, setting, &mut out)?;
            }
            let id = lines.ids.len();
            lines.ids.push_str(&response_id(&element.id));
            let (id, line) = ((id, lines.ids.len()), (begin, out.len()));
            lines.entries.push(Entry { time: element.submitted_at.0, id, line });
        }
        lines.strange_forms = recurring.strange_forms();
        // serde_json writes UTF-8.
        lines.text = String::from_utf8(out).unwrap_or_default();
        Ok(lines)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The id of the response at this index, if there is one.
    pub(super) fn id(&self, index: usize) -> Option<&str> {
        let (begin, end) = self.entries.get(index)?.id;
        self.ids.get(begin..end)
    }

    /// Epoch milliseconds; 0 beyond the end.
    pub(super) fn time(&self, index: usize) -> u64 {
        self.entries.get(index).map_or(0, |entry| entry.time)
    }

    /// The line with its end, empty where the selection leaves the response out.
    pub(super) fn line(&self, index: usize) -> &str {
        self.entries
            .get(index)
            .and_then(|entry| self.text.get(entry.line.0..entry.line.1))
            .unwrap_or_default()
    }
}

fn utf8(body: &[u8]) -> Result<&str, serde_json::Error> {
    // serde_json says where and why when it parses the bytes themselves.
    std::str::from_utf8(body).or_else(|_| serde_json::from_slice(body))
}
