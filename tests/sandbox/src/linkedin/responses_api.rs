//! Calls about form responses.
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>

use serde_json::{Map, json};

use super::call::{Call, Endpoint, Offset};
use super::directory::urn_id;
use super::entity::Entity;
use super::forms::{Form, VERSIONS};
use super::forms_api::{FORM_FIELDS, Owner};
use super::kind::{Holder, Kind};
use super::population::push_number;
use super::problem::Problem;
use super::query::Value as Parameter;
use super::responses_json::RESPONSE_FIELDS;
use super::window::AccountView;
use super::{LinkedIn, retention_start_ms};

const LEADS: &[&str] = &["r_marketing_leadgen_automation"];
/// A response with its form takes about so many bytes.
const RESPONSE_BYTES: usize = 4_096;

const RESPONSES_BY_OWNER: Endpoint = Endpoint {
    name: "leadFormResponses.FINDER-owner",
    parameters: &[
        "q",
        "owner",
        "leadType",
        "limitedToTestLeads",
        "submittedAtTimeRange",
        "versionedLeadGenFormUrn",
        "associatedEntity",
        "start",
        "count",
    ],
    scopes: LEADS,
    fields: RESPONSE_FIELDS,
};
const RESPONSE_GET: Endpoint =
    Endpoint { name: "leadFormResponses.GET", parameters: &[], scopes: LEADS, fields: RESPONSE_FIELDS };
const RESPONSES_BATCH: Endpoint = Endpoint {
    name: "leadFormResponses.BATCH_GET",
    parameters: &["ids"],
    scopes: LEADS,
    fields: RESPONSE_FIELDS,
};

/// What a finder call asks for.
struct Wanted {
    owner: Owner,
    kind: Kind,
    /// Times from the first up to but not including the second.
    times: (u64, u64),
    filter: Filter,
    offset: Offset,
}

/// Restrictions that need a look at each response of the window.
#[derive(Default)]
struct Filter {
    test: bool,
    /// Form and version; `Some(None)` when the URN names none of ours.
    form: Option<Option<(Form, u64)>>,
    entity: Option<Entity>,
}

impl LinkedIn {
    /// `GET /rest/leadFormResponses?q=owner`.
    pub(crate) fn responses_by_owner(&self, call: &Call) -> Result<Vec<u8>, Problem> {
        call.permit(&RESPONSES_BY_OWNER)?;
        self.permit_form_fields(call)?;
        call.finder(&["owner"])?;
        let wanted = self.wanted(call)?;
        let slice = self.slice(call, &wanted)?;
        call.spend(self, &RESPONSES_BY_OWNER)?;
        // Owners without responses of the kind have an empty list.
        let Some(account) = slice else {
            return Ok(envelope(call, wanted.offset, 0, |_| {}));
        };
        let body = self.page(call, account, &wanted);
        self.change_between_pages(call, account, &wanted);
        Ok(body)
    }

    /// The slice that holds what is asked for, if there is one; refused without a role.
    fn slice(&self, call: &Call, wanted: &Wanted) -> Result<Option<u64>, Problem> {
        Ok(match wanted.owner {
            Owner::Account(id) => {
                let account = call.lead_role(self, id)?;
                (account < self.directory.accounts && wanted.kind == Kind::Sponsored).then_some(account)
            }
            Owner::Organization(id) => {
                let page = call.page_for(self, id, wanted.kind)?;
                (page < self.directory.organizations)
                    .then(|| Holder::slice(page, wanted.kind, self.directory.accounts))
                    .flatten()
            }
        })
    }

    fn wanted(&self, call: &Call) -> Result<Wanted, Problem> {
        let owner = Owner::read(call.required("owner")?)?;
        let kind = lead_type(call, owner)?;
        let filter = Filter {
            test: call.query.flag("limitedToTestLeads")?.unwrap_or(false),
            form: call
                .query
                .text("versionedLeadGenFormUrn")?
                .map(|urn| self.form_version(urn))
                .transpose()?,
            entity: call.query.get("associatedEntity").map(Entity::read).transpose()?,
        };
        Ok(Wanted { owner, kind, times: times(call, kind)?, filter, offset: call.lead_offset()? })
    }

    /// The form version that a URN names.
    pub(crate) fn form_version(&self, urn: &str) -> Result<Option<(Form, u64)>, Problem> {
        let parts = urn
            .strip_prefix("urn:li:versionedLeadGenForm:(")
            .and_then(|rest| rest.strip_suffix(')'))
            .and_then(|rest| rest.split_once(','))
            .and_then(|(form, version)| {
                Some((urn_id(form, "leadGenForm")?, version.trim().parse::<u64>().ok()?))
            });
        let (id, version) =
            parts.ok_or_else(|| Problem::illegal_argument("versionedLeadGenFormUrn is no such URN"))?;
        let form = self.forms.find(id).filter(|_| (1..=VERSIONS).contains(&version));
        Ok(form.map(|form| (form, version)))
    }

    /// One page of a window, and nothing else of it: elsewhere the window is only counted.
    fn page(&self, call: &Call, account: u64, wanted: &Wanted) -> Vec<u8> {
        let changes = self.changes();
        let view = changes.view(&self.population, account);
        let window = view.window(wanted.times.0, wanted.times.1);
        let Offset { start, count } = wanted.offset;
        let (page, total) = if wanted.filter.is_open() {
            (view.page(&window, start, count), view.count(&window))
        } else {
            view.page_where(&window, start, count, |local| self.passes(&wanted.filter, &view, local))
        };
        let plan = self.plans.get(call.query.fields.as_ref(), Self::oddities(call), &self.forms);
        envelope(call, wanted.offset, total, |out| {
            out.reserve(page.len() * RESPONSE_BYTES);
            for (at, local) in page.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                let submission = self.submission(account, *local, view.index(*local));
                plan.push(&submission, view.submitted_at(*local), out);
            }
        })
    }

    fn passes(&self, filter: &Filter, view: &AccountView<'_>, local: u64) -> bool {
        let submission = self.submission(view.account, local, view.index(local));
        let on_form = |wanted: &Option<(Form, u64)>| *wanted == Some((submission.form, submission.version));
        let entity = || Entity::of(submission.holder(), submission.campaign());
        (!filter.test || submission.test)
            && filter.form.as_ref().is_none_or(on_form)
            && filter.entity.is_none_or(|wanted| entity() == Some(wanted))
    }

    fn change_between_pages(&self, call: &Call, account: u64, wanted: &Wanted) {
        let faults = &call.faults.linkedin;
        if faults.insert_between_pages > 0 {
            let count = faults.insert_between_pages;
            let locals = self.changes_mut().arrive(&self.population, account, count, call.now_ms);
            self.tell_of(account, locals);
        }
        if faults.delete_between_pages > 0 {
            let key = (account, wanted.times.0, wanted.times.1);
            let deleted = self.changes_mut().delete_after(&self.population, key, faults.delete_between_pages);
            if let Some(local) = deleted {
                self.tell_of_deletion(account, local);
            }
        }
    }

    /// `GET /rest/leadFormResponses/{id}`.
    pub(crate) fn response_get(&self, call: &Call, id: &str) -> Result<Vec<u8>, Problem> {
        call.permit(&RESPONSE_GET)?;
        self.permit_form_fields(call)?;
        call.spend(self, &RESPONSE_GET)?;
        self.response(call, id)
    }

    /// `GET /rest/leadFormResponses?ids=List(...)`.
    pub(crate) fn responses_batch(&self, call: &Call) -> Result<Vec<u8>, Problem> {
        call.permit(&RESPONSES_BATCH)?;
        self.permit_form_fields(call)?;
        let ids = call.ids()?;
        call.spend(self, &RESPONSES_BATCH)?;
        let (mut results, mut statuses, mut errors) = (Vec::new(), Map::new(), Map::new());
        for id in ids {
            match self.response(call, id) {
                Ok(response) if !statuses.contains_key(id) => {
                    results.push(if results.is_empty() { b'{' } else { b',' });
                    super::content::push_json(&mut results, id);
                    results.push(b':');
                    results.extend_from_slice(&response);
                    statuses.insert(id.to_owned(), 200.into());
                }
                Ok(_) => {}
                Err(problem) => {
                    errors.insert(id.to_owned(), problem.to_batch_entry());
                }
            }
        }
        if results.is_empty() {
            results.push(b'{');
        }
        let rest = json!({"statuses": statuses, "errors": errors}).to_string();
        // The rest is an object with members: its brace becomes a comma.
        Ok([b"{\"results\":", results.as_slice(), b"},", rest.get(1..).unwrap_or_default().as_bytes()]
            .concat())
    }

    fn response(&self, call: &Call, id: &str) -> Result<Vec<u8>, Problem> {
        let changes = self.changes();
        let known = self.population.generated() + changes.arrivals.len() as u64;
        let index = self.population.index_of(id, known).ok_or_else(Problem::not_found)?;
        let (account, local) = changes.place(&self.population, index).ok_or_else(Problem::not_found)?;
        call.holder_role(self, Holder::of(account, self.population.accounts))?;
        let view = changes.view(&self.population, account);
        if self.late(index) || !self.readable(&view, local, call.now_ms, &call.faults.linkedin) {
            return Err(Problem::not_found());
        }
        let plan = self.plans.get(call.query.fields.as_ref(), Self::oddities(call), &self.forms);
        let mut out = Vec::with_capacity(RESPONSE_BYTES);
        plan.push(&self.submission(account, local, index), view.submitted_at(local), &mut out);
        Ok(out)
    }

    /// Fields projected under `form` must be fields of a form.
    fn permit_form_fields(&self, call: &Call) -> Result<(), Problem> {
        let under = call.query.fields.as_ref().and_then(|fields| fields.under("form"));
        let unknown = under.and_then(|form| form.names().find(|name| !FORM_FIELDS.contains(name)));
        unknown.map_or(Ok(()), |name| Err(Problem::unpermitted("PROJECTION", &format!("form.{name}"))))
    }
}

impl Filter {
    fn is_open(&self) -> bool {
        !self.test && self.form.is_none() && self.entity.is_none()
    }
}

/// `leadType` must be there, as a record, and fit the owner unless a switch says otherwise.
fn lead_type(call: &Call, owner: Owner) -> Result<Kind, Problem> {
    let kind = kind_of(call.required("leadType")?)?;
    let fits = match owner {
        Owner::Account(_) => kind == Kind::Sponsored,
        Owner::Organization(_) => kind != Kind::Sponsored,
    };
    if fits || call.faults.linkedin.kind_mismatch_empty {
        Ok(kind)
    } else {
        Err(Problem::illegal_argument("leadType does not go with the owner"))
    }
}

/// Reads the record `(leadType:<kind>)`.
pub(crate) fn kind_of(parameter: &Parameter) -> Result<Kind, Problem> {
    let (key, value) = parameter.union()?;
    let kind = Kind::parse(value.text()?).filter(|_| key == "leadType");
    kind.ok_or_else(|| Problem::illegal_argument("leadType has no such value"))
}

/// The times asked for and visible: from `start` or the end of retention up to `end` or now.
fn times(call: &Call, kind: Kind) -> Result<(u64, u64), Problem> {
    let faults = &call.faults.linkedin;
    let visible = (retention_start_ms(faults, kind, call.now_ms), call.now_ms.saturating_add(1));
    let Some(range) = call.query.get("submittedAtTimeRange") else { return Ok(visible) };
    let (mut start, mut end) = (None, None);
    for (key, value) in range.record()? {
        match key.as_str() {
            "start" => start = Some(value.number()?),
            "end" => end = Some(value.number()?),
            _ => return Err(Problem::illegal_argument("submittedAtTimeRange has no such member")),
        }
    }
    let start = start.ok_or_else(|| Problem::illegal_argument("submittedAtTimeRange has no start"))?;
    if end.is_some_and(|end| end < start) {
        return Err(Problem::illegal_argument("submittedAtTimeRange ends before it starts"));
    }
    let until = end.map_or(u64::MAX, |end| end.saturating_add(u64::from(faults.end_inclusive)));
    let from = start.max(visible.0);
    Ok((from, until.min(visible.1).max(from)))
}

/// The finder's envelope around the elements that `push` writes.
fn envelope(call: &Call, offset: Offset, total: u64, push: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"{\"paging\":{\"start\":");
    push_number(&mut out, offset.start);
    out.extend_from_slice(b",\"count\":");
    push_number(&mut out, offset.count);
    out.extend_from_slice(b",\"links\":[]");
    if call.faults.linkedin.total {
        out.extend_from_slice(b",\"total\":");
        push_number(&mut out, total);
    }
    out.extend_from_slice(b"},\"elements\":[");
    push(&mut out);
    out.extend_from_slice(b"]}");
    out
}
