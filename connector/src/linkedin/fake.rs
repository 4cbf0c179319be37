//! A LinkedIn in memory, for tests: owners' responses, with a switch for everything that is not documented.

use std::cell::{Cell, RefCell};
use std::future::{Future, ready};
use std::rc::Rc;

use futures_util::FutureExt;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::capabilities::{Capabilities, HttpError, Level, Request, Response};

use super::owner::Holding;

/// The client secret of the documentation's test vectors.
pub(super) const SECRET: &str = "demoClientSecret==";

/// The fake's present: 2026-09-21.
pub(super) const NOW: u64 = 1_790_000_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lead {
    pub(super) time: u64,
    pub(super) id: String,
    pub(super) test: bool,
    pub(super) form: u64,
    pub(super) version: u64,
    /// A partition's id.
    pub(super) holding: &'static str,
    /// Numbers of the campaign and the creative.
    pub(super) ad: Option<(u64, u64)>,
}

impl Lead {
    pub(super) fn new(time: u64, number: usize) -> Self {
        Self {
            time,
            id: format!("5c1d7e0a-9b42-4f6e-8a31-{number:012x}-{}", number % 7),
            test: false,
            form: 4_400_120,
            version: 2,
            holding: "SPONSORED:503000111",
            ad: None,
        }
    }
}

/// What `paging.count` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echo {
    Asked,
    Given,
    Length,
    Nothing,
}

/// How this LinkedIn behaves.
#[derive(Debug, Clone)]
pub(super) struct Behaviour {
    pub(super) newest_first: bool,
    pub(super) total: bool,
    pub(super) limit: usize,
    pub(super) echo: Echo,
    pub(super) start_inclusive: bool,
    pub(super) end_inclusive: bool,
    /// Answers larger than this many elements exceed the host's limit.
    pub(super) too_large: usize,
    /// What `total` says instead of the truth, where it is there: gets the truth and the length of the page.
    pub(super) lie: Option<fn(usize, usize) -> u64>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            newest_first: true,
            total: false,
            limit: 500,
            echo: Echo::Asked,
            start_inclusive: true,
            end_inclusive: false,
            too_large: usize::MAX,
            lie: None,
        }
    }
}

/// Changes the set before a request is answered; gets the number of requests answered so far.
type Mover = Box<dyn FnMut(&mut Vec<Lead>, usize)>;

/// Answers what no other part of the fake does; None leaves the request to the others.
type Server = Box<dyn FnMut(&Request) -> Option<Response>>;

#[derive(Default)]
pub(super) struct Fake {
    pub(super) behaviour: Behaviour,
    pub(super) leads: RefCell<Vec<Lead>>,
    pub(super) urls: RefCell<Vec<String>>,
    pub(super) logs: RefCell<Vec<String>>,
    pub(super) mover: RefCell<Option<Mover>>,
    pub(super) now: Cell<u64>,
    /// Whether the credential lacks its signing secret.
    pub(super) unsigned: Cell<bool>,
    pub(super) server: RefCell<Option<Server>>,
    /// Answers to URLs that hold the given text: status and body; the first that fits is taken.
    pub(super) scripted: RefCell<Vec<(&'static str, u16, String)>>,
}

#[derive(Clone)]
pub(super) struct Link(pub(super) Rc<Fake>);

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link")
    }
}

impl Fake {
    pub(super) fn link(behaviour: Behaviour, leads: Vec<Lead>) -> Link {
        Link(Rc::new(Self { behaviour, leads: RefCell::new(leads), now: Cell::new(NOW), ..Self::default() }))
    }

    pub(super) fn scripted(answers: Vec<(&'static str, u16, String)>) -> Link {
        let link = Self::link(Behaviour::default(), Vec::new());
        link.0.scripted.replace(answers);
        link
    }

    fn answer(&self, request: &Request) -> Result<Response, HttpError> {
        let served = self.urls.borrow().len();
        if let Some(mover) = self.mover.borrow_mut().as_mut() {
            mover(&mut self.leads.borrow_mut(), served);
        }
        self.urls.borrow_mut().push(request.url.clone());
        if let Some(response) = self.server.borrow_mut().as_mut().and_then(|server| server(request)) {
            return Ok(response);
        }
        if let Some((_, status, body)) =
            self.scripted.borrow().iter().find(|(part, ..)| request.url.contains(part))
        {
            return Ok(Response { status: *status, headers: Vec::new(), body: body.clone().into_bytes() });
        }
        let (path, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
        let body = match path.rsplit_once("/leadFormResponses").map(|(_, rest)| rest) {
            Some("") if query.starts_with("q=owner") => self.find(query)?,
            Some("") => self.batch(query),
            Some(id) => match self.leads.borrow().iter().find(|lead| id == format!("/{}", lead.id)) {
                Some(lead) => element(lead),
                None => return Ok(Response { status: 404, ..Response::default() }),
            },
            None => return Ok(Response { status: 404, ..Response::default() }),
        };
        Ok(Response { status: 200, headers: Vec::new(), body: body.into_bytes() })
    }

    fn find(&self, query: &str) -> Result<String, HttpError> {
        let value = |name: &str| {
            let found = query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_else(|| panic!("{name} is missing in {query}"))
        };
        let known = [
            "q",
            "owner",
            "leadType",
            "limitedToTestLeads",
            "submittedAtTimeRange",
            "fields",
            "count",
            "start",
        ];
        for name in query.split('&').filter_map(|part| part.split('=').next()) {
            assert!(known.contains(&name), "{name} is no parameter");
        }
        let (owner, kind) = (value("owner"), value("leadType"));
        let range = value("submittedAtTimeRange");
        let (start, end) = range.trim_matches(['(', ')']).split_once(',').unwrap();
        let start: u64 = start.strip_prefix("start:").unwrap().parse().unwrap();
        let end: u64 = end.strip_prefix("end:").unwrap().parse().unwrap();
        let (offset, asked): (usize, usize) =
            (value("start").parse().unwrap(), value("count").parse().unwrap());
        assert!(start < end, "{range}");
        let with = &self.behaviour;
        let leads = self.leads.borrow();
        let mut found: Vec<&Lead> = leads.iter().collect();
        found.retain(|lead| {
            let Holding { kind: of_kind, owner: of_owner } = Holding::parse(lead.holding).unwrap();
            let urn = of_owner.urn().replace(':', "%3A");
            if owner != format!("({}:{urn})", of_owner.member())
                || kind != format!("(leadType:{})", of_kind.word())
            {
                return false;
            }
            (lead.time > start || with.start_inclusive && lead.time == start)
                && (lead.time < end || with.end_inclusive && lead.time == end)
        });
        found.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        if with.newest_first {
            found.reverse();
        }
        let given = asked.min(with.limit);
        let elements: Vec<String> = found.iter().skip(offset).take(given).map(|lead| element(lead)).collect();
        if elements.len() > with.too_large {
            return Err(HttpError::TooLarge("the response is larger than 8 MiB".to_owned()));
        }
        let mut paging = json!({ "start": offset, "links": [] });
        match with.echo {
            Echo::Asked => paging["count"] = asked.into(),
            Echo::Given => paging["count"] = given.into(),
            Echo::Length => paging["count"] = elements.len().into(),
            Echo::Nothing => {}
        }
        if with.total {
            let truth = found.len() as u64;
            paging["total"] = with.lie.map_or(truth, |lie| lie(found.len(), elements.len())).into();
        }
        let elements = elements.join(",");
        Ok(format!(r#"{{"elements":[{elements}],"paging":{paging}}}"#))
    }

    fn batch(&self, query: &str) -> String {
        let ids = query.split_once("ids=List(").unwrap().1.split_once(')').unwrap().0;
        let mut answer = json!({ "results": {}, "statuses": {}, "errors": {} });
        for id in ids.split(',') {
            match self.leads.borrow().iter().find(|lead| lead.id == id) {
                Some(lead) => answer["results"][id] = serde_json::from_str(&element(lead)).unwrap(),
                None => answer["errors"][id] = json!({ "status": 404, "message": "Not found" }),
            }
        }
        answer.to_string()
    }
}

impl Capabilities for Link {
    fn send(&self, request: Request) -> impl Future<Output = Result<Response, HttpError>> {
        ready(self.0.answer(&request))
    }

    fn now_ms(&self) -> u64 {
        self.0.now.get()
    }

    fn hmac_sha256(&self, credential: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        assert_eq!(credential, super::errors::CREDENTIAL);
        if self.0.unsigned.get() {
            return Err("credential `linkedin`: it has no `signing_secret`".to_owned());
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }

    fn log(&self, _: Level, message: &'static str, fields: &str) {
        self.0.logs.borrow_mut().push(format!("{message} {fields}"));
    }
}

/// The fake answers at once, so nothing ever waits.
pub(super) fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("the fake answers at once")
}

fn element(lead: &Lead) -> String {
    let Lead { time, id, test, form, version, holding, ad } = lead;
    let ad = ad.map_or_else(String::new, |(campaign, creative)| {
        format!(
            r#","leadMetadata":{{"sponsoredLeadMetadata":{{"campaign":"urn:li:sponsoredCampaign:{campaign}"}}}},"associatedEntity":{{"associatedCreative":"urn:li:sponsoredCreative:{creative}"}}"#
        )
    });
    let Holding { kind, owner } = Holding::parse(holding).unwrap();
    let (kind, member, owner) = (kind.word(), owner.member(), owner.urn());
    format!(
        r#"{{"id":"{id}","submittedAt":{time},"testLead":{test},"leadType":"{kind}","formResponse":{{"answers":[{{"questionId":204400120,"answerDetails":{{"textQuestionAnswer":{{"answer":"t.berg@example.test"}}}}}}],"consentResponses":[]}},"owner":{{"{member}":"{owner}"}},"versionedLeadGenFormUrn":"urn:li:versionedLeadGenForm:(urn:li:leadGenForm:{form},{version})","form":{{"id":{form},"name":"Whitepaper","content":{{"questions":[{{"questionId":204400120,"question":{{"localized":{{"de_DE":"E-Mail"}}}},"predefinedField":"EMAIL"}}]}}}}{ad}}}"#
    )
}
