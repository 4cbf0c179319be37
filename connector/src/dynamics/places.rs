//! Where this credential writes: for a person to confirm.

use serde::{Deserialize, Serialize};

use super::errors::CallError;
use super::scrub::Scrubber;
use super::sink::Sink;
use crate::capabilities::Capabilities;
use crate::failure::Failure;

/// An organisation that could be written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetPlace {
    /// The organisation's id.
    pub id: String,
    /// Its name for a person.
    pub name: String,
    /// Its address.
    pub url: String,
    /// Whether the configuration names it.
    pub current: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct WhoAmI {
    pub(crate) user_id: String,
    pub(crate) organization_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Current {
    detail: Option<Detail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Detail {
    friendly_name: Option<String>,
    unique_name: Option<String>,
}

#[derive(Deserialize)]
struct Organization {
    name: Option<String>,
}

impl<C: Capabilities> Sink<C> {
    /// Lists the organisation that the configuration names. An application's token is good for one organisation, so
    /// there are no others.
    ///
    /// # Errors
    ///
    /// Any failure of asking who the credential is.
    pub async fn targets(&self) -> Result<Vec<TargetPlace>, Failure> {
        let me = self.who_am_i().await.map_err(|error| {
            error.failure("asking the organisation for its name", &Scrubber::without_answers(None))
        })?;
        let name = self.organization_name().await.unwrap_or_else(|| me.organization_id.clone());
        let url = self.config.organization_url.clone();
        Ok(vec![TargetPlace { id: me.organization_id, name, url, current: true }])
    }

    pub(crate) async fn who_am_i(&self) -> Result<WhoAmI, CallError> {
        self.object("WhoAmI").await
    }

    /// The organisation's name, by either of two ways; it is only for display, so its absence is no failure.
    pub(crate) async fn organization_name(&self) -> Option<String> {
        const CURRENT: &str = "RetrieveCurrentOrganization(AccessType=@p1)?@p1=Microsoft.Dynamics.CRM.\
                               EndpointAccessType%27Default%27";
        let current: Option<Current> = self.object(CURRENT).await.ok();
        let detail = current.and_then(|current| current.detail);
        if let Some(name) = detail.and_then(|detail| detail.friendly_name.or(detail.unique_name)) {
            return Some(name);
        }
        let path = "organizations?$select=name,organizationid".to_owned();
        let rows: Vec<Organization> = self.rows(path).await.ok()?;
        rows.into_iter().find_map(|row| row.name)
    }
}
