//! The open sink: configuration, what was learnt about the organisation, and how requests are sent.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::api::Api;
use super::config::{Config, invalid};
use super::errors::{CallError, Refused};
use super::existing::Probe;
use super::metadata;
use super::scrub::Scrubber;
use crate::capabilities::{Capabilities, Request, Response};
use crate::failure::Failure;
use crate::mapping::{Problem, Rules, Table};

/// No answer is longer than so many pages.
const PAGES_MAX: usize = 50;
const NOT_THE_WEB_API: &str = "the answer is not the Web API's JSON";
/// Some gateways put it before a body.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Writes leads into one organisation.
pub struct Sink<C> {
    pub(crate) config: Config,
    pub(crate) api: Api,
    pub(crate) capabilities: C,
    /// How to ask for existing rows, as far as is known.
    pub(crate) probe: Cell<Probe>,
    lead: RefCell<Option<Rc<Lead>>>,
}

/// What is known about the lead table.
#[derive(Debug)]
pub(crate) struct Lead {
    pub(crate) table: Table,
    pub(crate) rules: Rules,
    pub(crate) problems: Vec<Problem>,
}

impl Lead {
    /// Fails with the first problem without whose solution nothing can be written.
    pub(crate) fn usable(&self) -> Result<(), Failure> {
        match self.problems.iter().find(|problem| problem.fatal) {
            Some(problem) => Err(invalid(&problem.path, problem.message.clone())),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

impl<C: Capabilities> Sink<C> {
    /// Parses the configuration and sends nothing; the table's metadata are read by the first call that needs them.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`], with the place of the wrong value.
    #[expect(clippy::unused_async, reason = "the contract's `open` may call the vendor")]
    pub async fn open(config: &str, capabilities: C) -> Result<Self, Failure> {
        let config = Config::parse(config)?;
        Ok(Self {
            api: Api::new(&config),
            config,
            capabilities,
            probe: Cell::new(Probe::In),
            lead: RefCell::new(None),
        })
    }

    /// What is known about the lead table, and whether it was read just now.
    pub(crate) async fn lead(&self) -> Result<(Rc<Lead>, bool), Failure> {
        if let Some(lead) = self.lead.borrow().as_ref() {
            return Ok((Rc::clone(lead), false));
        }
        let table = metadata::lead_table(self).await;
        let table = table.map_err(|error| {
            error.failure("reading the columns of the table lead", &Scrubber::without_answers(None))
        })?;
        if table.is_empty() {
            let message = "the organisation describes no column of the table lead; check organization_url, and that \
                           Dynamics 365 Sales is installed";
            return Err(invalid("/organization_url", message));
        }
        let (rules, problems) = Rules::compile(&self.config.mapping, &table);
        let lead = Rc::new(Lead { table, rules, problems });
        self.lead.replace(Some(Rc::clone(&lead)));
        Ok((lead, true))
    }

    /// Whether [`Self::lead`] will answer without a request.
    pub(crate) fn knows_lead(&self) -> bool {
        self.lead.borrow().is_some()
    }

    /// Makes the next call read the table's metadata again.
    pub(crate) fn forget_lead(&self) {
        self.lead.replace(None);
    }

    /// Sends one request; anything but a success in the Web API's own form is an error.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, CallError> {
        let response = self.capabilities.send(request).await.map_err(CallError::Http)?;
        if !(200..300).contains(&response.status) {
            return Err(CallError::Refused(Refused::new(&response)));
        }
        let first = response.body.iter().find(|byte| !byte.is_ascii_whitespace());
        if first.is_some_and(|byte| *byte != b'{' && !response.body.starts_with(BYTE_ORDER_MARK)) {
            return Err(CallError::Refused(Refused::unusable(&response, NOT_THE_WEB_API)));
        }
        Ok(response)
    }

    /// Reads one object.
    pub(crate) async fn object<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        let response = self.send(self.api.get(path)).await?;
        parse(&response)
    }

    /// Reads a list with all of its pages.
    pub(crate) async fn rows<T: DeserializeOwned>(&self, path: String) -> Result<Vec<T>, CallError> {
        let mut request = self.api.get(&path);
        let mut rows = Vec::new();
        for number in 1.. {
            let response = self.send(request).await?;
            let page: Page<T> = parse(&response)?;
            rows.extend(page.value);
            let Some(next) = page.next else { break };
            if number >= PAGES_MAX {
                return Err(CallError::Refused(Refused::unusable(&response, "the list has too many pages")));
            }
            request = self.api.get_absolute(next);
        }
        Ok(rows)
    }
}

fn parse<T: DeserializeOwned>(response: &Response) -> Result<T, CallError> {
    let body = response.body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&response.body);
    serde_json::from_slice(body).map_err(|_| CallError::Refused(Refused::unusable(response, NOT_THE_WEB_API)))
}
