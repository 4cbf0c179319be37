//! The daily quotas: requests per endpoint since 00:00 UTC, of the application and of each member.
//! <https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/rate-limits>

use std::collections::HashMap;

use crate::clock::DAY_MS;
use crate::linkedin_faults::LinkedInFaults;

/// Whose quota is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Application,
    Member,
}

/// A spent quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) whose: Whose,
    /// Seconds until 00:00 UTC, rounded up.
    pub(crate) reset_s: u64,
}

/// Requests of the current UTC day by endpoint. One member is behind every token, so its counter runs beside the
/// application's; a request that the one refuses does not count against the other.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    day: u64,
    requests: HashMap<&'static str, [u64; 2]>,
}

impl Quota {
    /// Counts a request.
    pub(crate) fn spend(
        &mut self,
        endpoint: &'static str,
        faults: &LinkedInFaults,
        now_ms: u64,
    ) -> Result<(), Spent> {
        let day = now_ms / DAY_MS;
        if self.day != day {
            *self = Self { day, requests: HashMap::new() };
        }
        let [application, member] = self.requests.entry(endpoint).or_default();
        let reset_s = ((day + 1) * DAY_MS - now_ms).div_ceil(1_000);
        *application += 1;
        if faults.daily_quota.is_some_and(|quota| *application > quota) {
            return Err(Spent { whose: Whose::Application, reset_s });
        }
        *member += 1;
        if faults.member_daily_quota.is_some_and(|quota| *member > quota) {
            return Err(Spent { whose: Whose::Member, reset_s });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_quota_ends_its_endpoint_until_midnight() {
        let mut quota = Quota::default();
        let noon_ms = 20_000 * DAY_MS + DAY_MS / 2;
        let member =
            LinkedInFaults { daily_quota: Some(3), member_daily_quota: Some(2), ..Default::default() };
        assert_eq!(quota.spend("a", &member, noon_ms), Ok(()));
        assert_eq!(quota.spend("a", &member, noon_ms), Ok(()));
        let spent = |whose| Err(Spent { whose, reset_s: 43_200 });
        assert_eq!(quota.spend("a", &member, noon_ms), spent(Whose::Member));
        assert_eq!(quota.spend("a", &member, noon_ms), spent(Whose::Application));
        assert_eq!(quota.spend("b", &member, noon_ms), Ok(()), "endpoints count apart");
        assert_eq!(
            quota.spend("a", &member, 20_001 * DAY_MS - 1),
            Err(Spent { whose: Whose::Application, reset_s: 1 })
        );
        assert_eq!(quota.spend("a", &member, 20_001 * DAY_MS), Ok(()));
    }
}
