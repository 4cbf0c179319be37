//! Calls about subscriptions to lead notices.
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>

use serde_json::{Map, Value, json};

use super::LinkedIn;
use super::call::{Call, Endpoint};
use super::directory_api::number;
use super::entity::Entity;
use super::forms_api::Owner;
use super::kind::{Holder, Kind};
use super::problem::Problem;
use super::responses_api::kind_of;
use super::subscriptions::{self, Subscription, Wish};

const LEADS: &[&str] = &["r_marketing_leadgen_automation"];
const FIELDS: &[&str] = &["id", "webhook", "owner", "leadType", "versionedForm", "associatedEntity"];
const CREATE: Endpoint =
    Endpoint { name: "leadNotifications.CREATE", parameters: &[], scopes: LEADS, fields: &[] };
const GET: Endpoint =
    Endpoint { name: "leadNotifications.GET", parameters: &[], scopes: LEADS, fields: FIELDS };
const DELETE: Endpoint =
    Endpoint { name: "leadNotifications.DELETE", parameters: &[], scopes: LEADS, fields: &[] };
const BY_CRITERIA: Endpoint = Endpoint {
    name: "leadNotifications.FINDER-criteria",
    parameters: &["q", "owner", "leadType", "start", "count"],
    scopes: LEADS,
    fields: FIELDS,
};

impl LinkedIn {
    /// `POST /rest/leadNotifications` up to its challenge, which the caller performs.
    pub(crate) fn notification_wish(&self, call: &Call, body: &[u8]) -> Result<Wish, Problem> {
        call.permit(&CREATE)?;
        let body: Value = serde_json::from_slice(body).map_err(|_| Problem::bad_body("it is not JSON"))?;
        let members = body.as_object().ok_or_else(|| Problem::bad_body("it is no object"))?;
        let wish = self.wish(call, members)?;
        call.spend(self, &CREATE)?;
        if !self.post_office().subscriptions.has_room(wish.holder) {
            return Err(Problem::bad_body("the owner has 1500 subscriptions, which is the most"));
        }
        Ok(wish)
    }

    fn wish(&self, call: &Call, members: &Map<String, Value>) -> Result<Wish, Problem> {
        let known = ["webhook", "owner", "leadType", "versionedForm", "associatedEntity"];
        if let Some(unknown) = members.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(Problem::unpermitted("DATA", unknown));
        }
        let text = |name: &'static str| {
            members.get(name).and_then(Value::as_str).ok_or_else(|| Problem::bad_body(name))
        };
        let webhook =
            subscriptions::webhook(text("webhook")?, call.faults.linkedin.notices.public_https_only)
                .map_err(Problem::bad_body)?;
        let kind = Kind::parse(text("leadType")?).ok_or_else(|| Problem::bad_body("leadType"))?;
        let owner = members.get("owner").and_then(Owner::from_json);
        let owner = owner.ok_or_else(|| Problem::bad_body("owner"))?;
        let form = match members.get("versionedForm") {
            None => None,
            Some(_) => {
                let form = self.form_version(text("versionedForm")?)?;
                let (form, version) = form.ok_or_else(|| Problem::bad_body("versionedForm"))?;
                Some((self.forms.id(form), version))
            }
        };
        let entity = members
            .get("associatedEntity")
            .map(|entity| Entity::from_json(entity).ok_or_else(|| Problem::bad_body("associatedEntity")))
            .transpose()?;
        Ok(Wish { webhook, holder: self.subscriber(call, owner, kind)?, form, entity })
    }

    /// The owner whose leads of a kind the member may read.
    fn subscriber(&self, call: &Call, owner: Owner, kind: Kind) -> Result<Holder, Problem> {
        match (owner, kind) {
            (Owner::Account(id), Kind::Sponsored) => call.lead_role(self, id).map(Holder::Account),
            (Owner::Organization(id), Kind::Event | Kind::Company | Kind::OrganizationProduct) => {
                call.page_for(self, id, kind).map(|page| Holder::Page(page, kind))
            }
            _ => Err(Problem::bad_body("leadType does not go with the owner")),
        }
    }

    /// `GET /rest/leadNotifications/{id}`.
    pub(crate) fn notification_get(&self, call: &Call, id: &str) -> Result<Value, Problem> {
        call.permit(&GET)?;
        let id = number(id)?;
        let found = self.post_office().subscriptions.get(id).map(|one| (one.wish.holder, one.object()));
        let (holder, object) = found.ok_or_else(Problem::not_found)?;
        call.holder_role(self, holder)?;
        call.spend(self, &GET)?;
        Ok(call.query.fields.as_ref().map_or_else(|| object.clone(), |fields| fields.apply(&object)))
    }

    /// `DELETE /rest/leadNotifications/{id}`.
    pub(crate) fn notification_delete(&self, call: &Call, id: &str) -> Result<(), Problem> {
        call.permit(&DELETE)?;
        let id = number(id)?;
        let found = self.post_office().subscriptions.get(id).map(|one| one.wish.holder);
        call.holder_role(self, found.ok_or_else(Problem::not_found)?)?;
        call.spend(self, &DELETE)?;
        let mut office = self.post_office();
        office.outbox.give_up(id);
        if office.subscriptions.remove(id) { Ok(()) } else { Err(Problem::not_found()) }
    }

    /// `GET /rest/leadNotifications?q=criteria`, whose `owner` is wrapped in a `value` of its own.
    pub(crate) fn notifications_by_criteria(&self, call: &Call) -> Result<Value, Problem> {
        call.permit(&BY_CRITERIA)?;
        call.finder(&["criteria"])?;
        let (key, owner) = call.required("owner")?.union()?;
        if key != "value" {
            return Err(Problem::illegal_argument("owner has no member value"));
        }
        let owner = Owner::read(owner)?;
        let kind = call.query.get("leadType").map(kind_of).transpose()?;
        let offset = call.account_offset()?;
        let wanted = |holder: Holder| match (owner, holder) {
            (Owner::Account(id), Holder::Account(account)) => self.directory.account(id) == Some(account),
            (Owner::Organization(id), Holder::Page(page, _)) => self.directory.page(id) == Some(page),
            _ => false,
        };
        match owner {
            Owner::Account(id) => drop(call.role(self, id)?),
            Owner::Organization(id) => drop(call.page(self, id)?),
        }
        call.spend(self, &BY_CRITERIA)?;
        let bounded = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let office = self.post_office();
        let elements: Vec<Value> = office
            .subscriptions
            .iter()
            .filter(|one| wanted(one.wish.holder) && kind.is_none_or(|kind| kind == one.wish.holder.kind()))
            .skip(bounded(offset.start))
            .take(bounded(offset.count))
            .map(Subscription::object)
            .map(|object| {
                call.query.fields.as_ref().map_or_else(|| object.clone(), |fields| fields.apply(&object))
            })
            .collect();
        let paging = json!({"start": offset.start, "count": offset.count, "links": []});
        Ok(json!({"elements": elements, "paging": paging}))
    }
}
