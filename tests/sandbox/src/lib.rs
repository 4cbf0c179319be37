//! Stand-ins for LinkedIn, Entra ID and Dataverse on loopback.
//!
//! LinkedIn has no test host and its approval takes weeks; this is how the whole flow runs on one machine, faults
//! included. Each service is strict where the real one is strict. Nothing here is ever shaped to suit a client: the
//! vendors' documentation decides. All data is invented and follows from a seed; all credentials are fixed and public.

mod chance;
mod clock;
mod connection;
mod control;
pub mod dataverse;
mod entra;
mod faults;
mod form_body;
mod gate;
mod leads_control;
mod linkedin;
mod linkedin_faults;
mod options;
mod reconcile;
mod server;
mod stats;

pub use clock::{Clock, DAY_MS, ManualClock, SECOND_MS};
pub use faults::{EntraFaults, Faults, FaultsError, Transport, TransportFaults};
pub use linkedin::{
    Arrival, ExpectedResponse, Kind, LeadAction, LeadsError, Notice, NoticeState, WebhookState,
};
pub use linkedin_faults::{
    AclOrganizationKey, BadSignature, LinkedInFaults, NoticeFaults, OrganicEntity, QuotaBody,
};
pub use options::{
    ACCOUNTS_MAX, ANCHOR_AGE_MS, Credentials, DAYS_MAX, FORMS_PER_ACCOUNT_MAX, ORGANIZATIONS_MAX, Options,
    RESPONSES_MAX,
};
pub use reconcile::Reconciliation;
pub use server::{Running, Sandbox, StartError};
