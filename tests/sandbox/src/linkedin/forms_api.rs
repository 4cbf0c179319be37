//! Calls about lead forms.
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>

use serde_json::{Map, Value, json};

use super::LinkedIn;
use super::call::{Call, Endpoint};
use super::directory::{self, urn_id};
use super::directory_api::number;
use super::forms::{Form, Oddities, VERSIONS};
use super::kind::{Holder, Kind, ORGANIC};
use super::problem::Problem;
use super::query::Value as Parameter;

/// Fields of a form that a projection may name.
pub(crate) const FORM_FIELDS: &[&str] = &[
    "id",
    "versionId",
    "name",
    "owner",
    "creationLocale",
    "created",
    "lastModified",
    "state",
    "reviewInfo",
    "hiddenFields",
    "content",
];
const FORM_SCOPES: &[&str] = &["r_marketing_leadgen_automation", "r_ads", "rw_ads"];

const FORMS_BY_OWNER: Endpoint = Endpoint {
    name: "leadForms.FINDER-owner",
    parameters: &["q", "owner", "start", "count"],
    scopes: FORM_SCOPES,
    fields: FORM_FIELDS,
};
const FORM_GET: Endpoint =
    Endpoint { name: "leadForms.GET", parameters: &[], scopes: FORM_SCOPES, fields: FORM_FIELDS };
const FORMS_BATCH: Endpoint =
    Endpoint { name: "leadForms.BATCH_GET", parameters: &["ids"], scopes: FORM_SCOPES, fields: FORM_FIELDS };

/// The owner named in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Id of an ad account.
    Account(u64),
    /// Id of a Page.
    Organization(u64),
}

impl Owner {
    /// Reads a query's union `(sponsoredAccount:<URN>)` or `(organization:<URN>)`.
    pub(crate) fn read(parameter: &Parameter) -> Result<Self, Problem> {
        let (key, urn) = parameter.union()?;
        Self::named(key, urn.text()?)
            .ok_or_else(|| Problem::illegal_argument("owner is no account or organization URN"))
    }

    /// Reads a body's union.
    pub(crate) fn from_json(union: &Value) -> Option<Self> {
        let members = union.as_object().filter(|members| members.len() == 1)?;
        let (key, urn) = members.iter().next()?;
        Self::named(key, urn.as_str()?)
    }

    fn named(key: &str, urn: &str) -> Option<Self> {
        match key {
            "sponsoredAccount" => urn_id(urn, key).map(Self::Account),
            "organization" => urn_id(urn, key).map(Self::Organization),
            _ => None,
        }
    }
}

impl LinkedIn {
    /// The switches that change how forms look.
    pub(crate) fn oddities(call: &Call) -> Oddities {
        let faults = &call.faults.linkedin;
        Oddities {
            unknown_fields: faults.unknown_fields,
            unknown_enums: faults.unknown_enums,
            unknown_answers: faults.unknown_answers,
            unknown_lead_type: faults.unknown_lead_type,
            organic_entity: faults.organic_entity,
        }
    }

    /// A form as it is now: its latest version.
    fn form_object(&self, call: &Call, form: Form) -> Value {
        let owner = directory::owner_union(Holder::of(form.account, self.population.accounts));
        let object = self.forms.object(form, VERSIONS, &owner, Self::oddities(call));
        call.query.fields.as_ref().map_or_else(|| object.clone(), |fields| fields.apply(&object))
    }

    /// `GET /rest/leadForms?q=owner`.
    pub(crate) fn forms_by_owner(&self, call: &Call) -> Result<Value, Problem> {
        call.permit(&FORMS_BY_OWNER)?;
        call.finder(&["owner"])?;
        let owner = Owner::read(call.required("owner")?)?;
        let offset = call.lead_offset()?;
        let forms = match owner {
            Owner::Account(id) => {
                let account = call.role(self, id)?;
                let count = if account < self.directory.accounts { self.forms.per_account } else { 0 };
                (0..count).map(|ordinal| self.form(account, ordinal)).collect()
            }
            Owner::Organization(id) => self.organic_forms(call, id)?,
        };
        call.spend(self, &FORMS_BY_OWNER)?;
        let mut paging = json!({"start": offset.start, "count": offset.count, "links": []});
        if call.faults.linkedin.total {
            paging["total"] = forms.len().into();
        }
        let bounded = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let page = forms.into_iter().skip(bounded(offset.start)).take(bounded(offset.count));
        let elements: Vec<Value> = page.map(|form| self.form_object(call, form)).collect();
        Ok(json!({"paging": paging, "elements": elements}))
    }

    /// The forms of a Page, of every organic kind; reading them needs the lead scope, and a role that opens leads.
    fn organic_forms(&self, call: &Call, organization: u64) -> Result<Vec<Form>, Problem> {
        if !call.token.has_any(&["r_marketing_leadgen_automation"]) {
            return Err(Problem::access_denied(FORMS_BY_OWNER.name, &call.version));
        }
        let page = call.page_for(self, organization, Kind::Company)?;
        if page >= self.directory.organizations {
            return Ok(Vec::new());
        }
        let slices =
            ORGANIC.into_iter().filter_map(|kind| Holder::slice(page, kind, self.directory.accounts));
        Ok(slices
            .flat_map(|slice| (0..self.forms.per_account).map(move |ordinal| (slice, ordinal)))
            .map(|(slice, ordinal)| self.form(slice, ordinal))
            .collect())
    }

    /// `GET /rest/leadForms/{id}`.
    pub(crate) fn form_get(&self, call: &Call, id: &str) -> Result<Value, Problem> {
        call.permit(&FORM_GET)?;
        let form = self.form_for(call, number(id)?)?;
        call.spend(self, &FORM_GET)?;
        Ok(self.form_object(call, form))
    }

    /// `GET /rest/leadForms?ids=List(...)`.
    pub(crate) fn forms_batch(&self, call: &Call) -> Result<Value, Problem> {
        call.permit(&FORMS_BATCH)?;
        let ids = call.ids()?.into_iter().map(|id| {
            id.parse::<u64>().map_err(|_| Problem::illegal_argument("ids holds something other than numbers"))
        });
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        call.spend(self, &FORMS_BATCH)?;
        let (mut results, mut statuses, mut errors) = (Map::new(), Map::new(), Map::new());
        for id in ids {
            match self.form_for(call, id) {
                Ok(form) => {
                    results.insert(id.to_string(), self.form_object(call, form));
                    statuses.insert(id.to_string(), 200.into());
                }
                Err(problem) => {
                    errors.insert(id.to_string(), problem.to_batch_entry());
                }
            }
        }
        Ok(json!({"results": results, "statuses": statuses, "errors": errors}))
    }

    fn form_for(&self, call: &Call, id: u64) -> Result<Form, Problem> {
        let form = self.forms.find(id).ok_or_else(Problem::not_found)?;
        self.form_role(call, form)?;
        Ok(form)
    }

    /// A Page's form needs a role that opens leads, whatever their kind, and the lead scope.
    fn form_role(&self, call: &Call, form: Form) -> Result<(), Problem> {
        match Holder::of(form.account, self.population.accounts) {
            Holder::Account(account) => call.role(self, directory::account_id(account)).map(drop),
            Holder::Page(..) if !call.token.has_any(&["r_marketing_leadgen_automation"]) => {
                Err(Problem::access_denied(FORM_GET.name, &call.version))
            }
            Holder::Page(page, _) => call.holder_role(self, Holder::Page(page, Kind::Company)),
        }
    }
}
