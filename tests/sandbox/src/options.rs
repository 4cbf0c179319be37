//! What a sandbox is started with. Plain data and its bounds.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::clock::{Clock, DAY_MS, SECOND_MS};
use crate::dataverse::DataverseOptions;
use crate::faults::Faults;
use crate::server::StartError;

/// Most responses over all accounts.
pub const RESPONSES_MAX: u64 = 10_000_000;
/// Most ad accounts.
pub const ACCOUNTS_MAX: u64 = 10_000;
/// Most Pages with forms of their own.
pub const ORGANIZATIONS_MAX: u64 = 10_000;
/// Most forms per account.
pub const FORMS_PER_ACCOUNT_MAX: u64 = 50;
/// Longest span of submission times in days.
pub const DAYS_MAX: u64 = 3_650;
/// The newest submission lies so far before the start, unless told otherwise, in milliseconds.
pub const ANCHOR_AGE_MS: u64 = 300 * SECOND_MS;

/// What a sandbox is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on.
    pub host: IpAddr,
    /// Control port; LinkedIn, Entra ID and Dataverse get the three after it. 0: ports that the system picks.
    pub port: u16,
    /// Seed of the data and of the injected faults.
    pub seed: u64,
    /// Responses over all accounts, 1 to [`RESPONSES_MAX`].
    pub responses: u64,
    /// Ad accounts that the responses are spread over, 1 to [`ACCOUNTS_MAX`].
    pub accounts: u64,
    /// Pages with forms and responses of their own, at most [`ORGANIZATIONS_MAX`]: the ad accounts' first, then others.
    pub organizations: u64,
    /// Responses over all those Pages and their three kinds, at most [`RESPONSES_MAX`]. None without `organizations`.
    pub organic_responses: u64,
    /// Forms per account, and per Page and kind, 1 to [`FORMS_PER_ACCOUNT_MAX`]. Every documented predefined field occurs from 3 on.
    pub forms_per_account: u64,
    /// Span of submission times in days, 1 to [`DAYS_MAX`].
    pub days: u64,
    /// Newest submission in epoch milliseconds. Absent: the start minus [`ANCHOR_AGE_MS`]. A time in the future makes
    /// responses arrive while the sandbox runs.
    pub anchor_ms: Option<u64>,
    /// Adds a test account, and a cancelled account without a Page; neither has responses.
    pub idle_accounts: bool,
    /// Ids, tokens and secrets that are accepted.
    pub credentials: Credentials,
    /// Fault switches at the start.
    pub faults: Faults,
    /// Options of the Dataverse service. Its fault switches are those of `faults`.
    pub dataverse: DataverseOptions,
    /// The origin under which clients reach Dataverse, if it is not the address listened on.
    pub dataverse_origin: Option<String>,
    /// The clock of all services.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            seed: 1,
            responses: 10_000,
            accounts: 3,
            organizations: 0,
            organic_responses: 1_000,
            forms_per_account: 4,
            days: 80,
            anchor_ms: None,
            idle_accounts: false,
            credentials: Credentials::default(),
            faults: Faults::default(),
            dataverse: DataverseOptions::default(),
            dataverse_origin: None,
            clock: Clock::default(),
        }
    }
}

impl Options {
    /// Checks the bounds.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        let bounded = [
            ("responses", self.responses, 1, RESPONSES_MAX),
            ("accounts", self.accounts, 1, ACCOUNTS_MAX),
            ("organizations", self.organizations, 0, ORGANIZATIONS_MAX),
            ("organic_responses", self.organic_responses, 0, RESPONSES_MAX),
            ("forms_per_account", self.forms_per_account, 1, FORMS_PER_ACCOUNT_MAX),
            ("days", self.days, 1, DAYS_MAX),
        ];
        for (option, value, min, max) in bounded {
            if !(min..=max).contains(&value) {
                return Err(StartError::Bounds { option, value, min, max });
            }
        }
        // Far enough ahead for any use, and far from overflow.
        let (min, max) = (self.days * DAY_MS, 100_000 * DAY_MS);
        let anchor_ms = self.anchor_ms();
        if !(min..=max).contains(&anchor_ms) {
            return Err(StartError::Bounds { option: "anchor_ms", value: anchor_ms, min, max });
        }
        Ok(())
    }

    pub(crate) fn anchor_ms(&self) -> u64 {
        self.anchor_ms.unwrap_or_else(|| self.clock.now_ms().saturating_sub(ANCHOR_AGE_MS))
    }
}

/// Ids, tokens and secrets that are accepted. The defaults are fixed and documented: nothing real hides behind them.
#[derive(Clone)]
pub struct Credentials {
    /// Client id of the LinkedIn app.
    pub linkedin_client_id: String,
    /// Client secret of the LinkedIn app.
    pub linkedin_client_secret: String,
    /// LinkedIn access token with every scope.
    pub linkedin_token: String,
    /// LinkedIn access token past its lifetime.
    pub linkedin_expired_token: String,
    /// LinkedIn access token that was revoked.
    pub linkedin_revoked_token: String,
    /// LinkedIn access token with `r_ads`, `openid` and `profile` only: neither responses nor Pages.
    pub linkedin_noscope_token: String,
    /// LinkedIn refresh token; 365 days are left at the start.
    pub linkedin_refresh_token: String,
    /// Entra ID tenant.
    pub entra_tenant: String,
    /// Entra ID client id.
    pub entra_client_id: String,
    /// Further Entra ID client ids with the same secret: apps that Dataverse knows without a role, or not at all.
    pub entra_other_client_ids: Vec<String>,
    /// Entra ID client secret.
    pub entra_client_secret: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            linkedin_client_id: "sandbox-linkedin-client".into(),
            linkedin_client_secret: "sandbox-linkedin-secret==".into(),
            linkedin_token: "sandbox-linkedin-token".into(),
            linkedin_expired_token: "sandbox-linkedin-expired".into(),
            linkedin_revoked_token: "sandbox-linkedin-revoked".into(),
            linkedin_noscope_token: "sandbox-linkedin-noscope".into(),
            linkedin_refresh_token: "sandbox-linkedin-refresh".into(),
            entra_tenant: "00000000-0000-4000-8000-00000000a001".into(),
            entra_client_id: "00000000-0000-4000-8000-00000000c001".into(),
            entra_other_client_ids: vec![
                "00000000-0000-4000-8000-00000000c002".into(),
                "00000000-0000-4000-8000-00000000c003".into(),
            ],
            entra_client_secret: "sandbox-secret".into(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}
