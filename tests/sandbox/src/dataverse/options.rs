//! What the owner of a stand-in chooses: users, seed rows, faults.

use serde::{Deserialize, Serialize};

use super::guid;

/// Application id of the user that may write leads.
pub const DEFAULT_APPLICATION_ID: &str = "00000000-0000-4000-8000-00000000c001";
/// Application id of a user that holds no role.
pub const ROLELESS_APPLICATION_ID: &str = "00000000-0000-4000-8000-00000000c002";

/// An application user of the environment.
///
/// See <https://learn.microsoft.com/power-apps/developer/data-platform/use-single-tenant-server-server-authentication>.
#[derive(Clone, Debug)]
pub struct ApplicationUser {
    /// Id of the app registration, as the token names it.
    pub application_id: String,
    /// Full name, for display.
    pub name: String,
    /// Names of its security roles; none means that every request answers 403.
    pub roles: Vec<String>,
    /// Privileges that those roles add up to, such as `prvCreateLead`.
    pub privileges: Vec<String>,
}

/// An alternate key that the environment has from the start.
#[derive(Clone, Debug)]
pub struct KeySeed {
    /// Logical name of the table.
    pub table: String,
    /// Schema name of the key.
    pub name: String,
    /// Logical names of the columns.
    pub columns: Vec<String>,
}

/// A row that the environment has from the start.
#[derive(Clone, Debug)]
pub struct RowSeed {
    /// Entity set name, such as `campaigns`.
    pub entity_set: String,
    /// Columns as a create would send them, the primary key included. A row that the Web API would refuse is left out.
    pub row: serde_json::Value,
}

/// How a stand-in starts out. The default is a small environment in the vendor's language-neutral state.
#[derive(Clone, Debug)]
pub struct DataverseOptions {
    /// Friendly name of the organisation.
    pub organization_name: String,
    /// Tenant that the organisation belongs to.
    pub tenant_id: String,
    /// Application users.
    pub users: Vec<ApplicationUser>,
    /// Rows besides the identity rows that are always there.
    pub rows: Vec<RowSeed>,
    /// Alternate keys; none exists out of the box on lead, contact and account.
    pub keys: Vec<KeySeed>,
    /// Value of `x-ms-dop-hint`, the recommended degree of parallelism.
    pub dop_hint: u32,
    /// Number of web servers among which the `ARRAffinity` cookie chooses, at least 1.
    pub servers: u32,
    /// Milliseconds that the index of a new alternate key takes.
    pub key_delay_ms: u64,
    /// Milliseconds until the data API knows a new table or column.
    pub metadata_delay_ms: u64,
    /// Faults from the start.
    pub faults: DataverseFaults,
}

impl Default for DataverseOptions {
    fn default() -> Self {
        Self {
            organization_name: "Sandbox".to_owned(),
            tenant_id: guid::text(guid::named("tenant")),
            users: vec![connector_user(), roleless_user()],
            rows: vec![campaign_seed()],
            keys: Vec::new(),
            dop_hint: 8,
            servers: 1,
            key_delay_ms: 0,
            metadata_delay_ms: 0,
            faults: DataverseFaults::default(),
        }
    }
}

/// The campaign that a new environment holds, so that a lead has something to be bound to.
fn campaign_seed() -> RowSeed {
    let row = serde_json::json!({
        "campaignid": "12121212-0000-4000-8000-000000000001", "name": "Spring webinar", "codename": "CMP-01000-A1",
    });
    RowSeed { entity_set: "campaigns".to_owned(), row }
}

fn connector_user() -> ApplicationUser {
    let verbs = ["Create", "Read", "Write", "Append", "AppendTo"];
    let written = ["Lead", "Contact", "Account"];
    let mut privileges: Vec<String> =
        written.iter().flat_map(|table| verbs.iter().map(move |verb| format!("prv{verb}{table}"))).collect();
    let read = [
        "prvReadCampaign",
        "prvAppendToCampaign",
        "prvReadUser",
        "prvAppendToUser",
        "prvReadTeam",
        "prvAppendToTeam",
        "prvReadRole",
        "prvReadBusinessUnit",
        "prvReadOrganization",
        "prvReadTransactionCurrency",
        "prvAppendToTransactionCurrency",
        "prvReadSdkMessage",
        "prvReadSdkMessageFilter",
        "prvReadPublisher",
        "prvReadSolution",
        "prvReadEntity",
        "prvReadAttribute",
        "prvReadRelationship",
    ];
    privileges.extend(read.map(str::to_owned));
    ApplicationUser {
        application_id: DEFAULT_APPLICATION_ID.to_owned(),
        name: "Lead connector".to_owned(),
        roles: vec!["Lead connector".to_owned()],
        privileges,
    }
}

impl ApplicationUser {
    /// The same user with the rights of a customiser: it may add tables, columns, relationships and keys, and holds
    /// every privilege on the tables so added.
    #[must_use]
    pub fn customiser(mut self) -> Self {
        self.roles.push("System Customizer".to_owned());
        let verbs = ["prvCreateEntity", "prvWriteEntity", "prvCreateAttribute", "prvCreateRelationship"];
        self.privileges.extend(verbs.map(str::to_owned));
        let rows = ["prvCreatePublisher", "prvCreateSolution", "prvAppendSolution", "prvAppendToPublisher"];
        self.privileges.extend(rows.map(str::to_owned));
        self
    }
}

fn roleless_user() -> ApplicationUser {
    ApplicationUser {
        application_id: ROLELESS_APPLICATION_ID.to_owned(),
        name: "User without a role".to_owned(),
        roles: Vec::new(),
        privileges: Vec::new(),
    }
}

/// Service-protection limits, counted per user and web server over a sliding window.
///
/// See <https://learn.microsoft.com/power-apps/developer/data-platform/api-limits>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceProtection {
    /// Requests per window.
    pub requests: u32,
    /// Combined execution time per window, in milliseconds.
    pub execution_ms: u64,
    /// Requests at the same time.
    pub concurrency: u32,
    /// Length of the window, in milliseconds.
    pub window_ms: u64,
}

impl Default for ServiceProtection {
    fn default() -> Self {
        Self { requests: 6000, execution_ms: 1_200_000, concurrency: 52, window_ms: 300_000 }
    }
}

/// A smaller length that the organisation gave one lead column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnLimit {
    /// Logical name of a text column of lead.
    pub column: String,
    /// Its greatest length in UTF-16 units, in metadata and at writes.
    pub max_length: u32,
}

/// Faults that the stand-in plays; all off by default. In `*_one_in` fields 0 is off and n means one in n.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataverseFaults {
    /// Rows of lead, contact, account and custom tables that a plug-in refuses (0x80040265), chosen by their primary
    /// key: the same rows whatever the request.
    pub poison_one_in: u32,
    /// Time that one row costs in a write, in microseconds.
    pub row_latency_us: u64,
    /// Writes after which the connection closes without an answer, though the write took effect.
    pub drop_after_commit_one_in: u32,
    /// Writes that fail with the SQL deadlock text (500, 0x80044150) and change nothing.
    pub deadlock_one_in: u32,
    /// Writes that fail with 500, 0x80040216 and change nothing.
    pub unexpected_one_in: u32,
    /// Requests that are answered 401 although the token is good.
    pub unauthorized_one_in: u32,
    /// Lead columns that the organisation made shorter.
    pub refuse_columns: Vec<ColumnLimit>,
    /// Privileges that every user lacks, such as `prvWriteLead`.
    pub missing_privileges: Vec<String>,
    /// Requests at the same time per user above which 429 (0x80072326) is answered.
    pub concurrency_limit: Option<u32>,
    /// The three sliding windows; off by default.
    pub service_protection: Option<ServiceProtection>,
}

impl DataverseFaults {
    /// Whether a plug-in refuses the row with this primary key (36 characters) while these faults are on.
    pub fn refuses_row(&self, id: &str) -> bool {
        guid::parse(id).is_some_and(|id| self.poisons(id))
    }

    pub(crate) fn poisons(&self, id: u128) -> bool {
        self.poison_one_in > 0 && guid::spread_id(id).is_multiple_of(u64::from(self.poison_one_in))
    }
}
