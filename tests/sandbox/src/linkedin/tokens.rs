//! LinkedIn's tokens: which exist, what they may do, and until when. It holds no account data.
//! <https://learn.microsoft.com/en-us/linkedin/shared/authentication/programmatic-refresh-tokens>

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::problem::Problem;
use crate::clock::{DAY_MS, SECOND_MS};
use crate::linkedin_faults::LinkedInFaults;
use crate::options::Credentials;

/// Lifetime of an access token in seconds: 60 days.
pub(crate) const ACCESS_LIFETIME_S: u64 = 5_184_000;
/// Lifetime of a refresh token in seconds, counted from consent: 365 days.
pub(crate) const REFRESH_LIFETIME_S: u64 = 31_536_000;
/// At most so many access tokens; refreshing beyond it is refused.
const TOKENS_MAX: usize = 100_000;

const ALL_SCOPES: &[&str] = &[
    "openid",
    "profile",
    "email",
    "r_ads",
    "r_events",
    "r_marketing_leadgen_automation",
    "r_organization_admin",
];
const FEW_SCOPES: &[&str] = &["openid", "profile", "r_ads"];

/// An access token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) scopes: &'static [&'static str],
    pub(crate) revoked: bool,
    /// Whether it was issued while the sandbox ran.
    pub(crate) refreshed: bool,
    pub(crate) issued_ms: u64,
    pub(crate) expires_ms: u64,
}

/// All tokens of the app.
pub(crate) struct Tokens {
    access: RwLock<HashMap<String, Token>>,
    refresh: String,
    /// When the member consented, epoch milliseconds.
    pub(crate) consented_ms: u64,
}

impl Tokens {
    pub(crate) fn new(credentials: &Credentials, now_ms: u64) -> Self {
        let token = |scopes, revoked, age_ms: u64| {
            let issued_ms = now_ms.saturating_sub(age_ms);
            Token {
                scopes,
                revoked,
                refreshed: false,
                issued_ms,
                expires_ms: issued_ms + ACCESS_LIFETIME_S * SECOND_MS,
            }
        };
        let access = HashMap::from([
            (credentials.linkedin_token.clone(), token(ALL_SCOPES, false, 0)),
            (credentials.linkedin_expired_token.clone(), token(ALL_SCOPES, false, 61 * DAY_MS)),
            (credentials.linkedin_revoked_token.clone(), token(ALL_SCOPES, true, 0)),
            (credentials.linkedin_noscope_token.clone(), token(FEW_SCOPES, false, 0)),
        ]);
        let refresh = credentials.linkedin_refresh_token.clone();
        Self { access: RwLock::new(access), refresh, consented_ms: now_ms }
    }

    /// The token, whatever its state.
    pub(crate) fn find(&self, token: &str) -> Option<Token> {
        self.access.read().unwrap_or_else(PoisonError::into_inner).get(token).copied()
    }

    /// The token behind an `Authorization` header. The switches may let it count as expired early, or as revoked while it
    /// is new.
    pub(crate) fn authenticate(
        &self,
        header: Option<&str>,
        faults: &LinkedInFaults,
        now_ms: u64,
    ) -> Result<Token, Problem> {
        let bearer = header
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let text = bearer
            .map(|(_, token)| token.trim())
            .filter(|token| !token.is_empty())
            .ok_or_else(Problem::token_empty)?;
        let token = self.find(text).ok_or_else(Problem::token_invalid)?;
        let fresh_until_ms =
            token.issued_ms.saturating_add(faults.fresh_token_refused_s.saturating_mul(SECOND_MS));
        if token.revoked || (token.refreshed && now_ms < fresh_until_ms) {
            return Err(Problem::token_revoked());
        }
        if token.expired(faults.require_refresh_after_s, now_ms) {
            Err(Problem::token_expired())
        } else {
            Ok(token)
        }
    }

    /// Seconds left of the refresh token; `None` when it is not ours or has ended.
    pub(crate) fn refresh_left_s(&self, refresh: &str, now_ms: u64) -> Option<u64> {
        let ends_ms = self.consented_ms + REFRESH_LIFETIME_S * SECOND_MS;
        (refresh == self.refresh).then(|| ends_ms.saturating_sub(now_ms) / SECOND_MS).filter(|left| *left > 0)
    }

    /// Issues an access token that lives `lifetime_s` seconds; `None` when there are too many.
    pub(crate) fn issue(&self, lifetime_s: u64, now_ms: u64) -> Option<String> {
        let mut access = self.access.write().unwrap_or_else(PoisonError::into_inner);
        if access.len() >= TOKENS_MAX {
            return None;
        }
        let name = format!("sandbox-linkedin-token-{}", access.len());
        let expires_ms = now_ms + lifetime_s * SECOND_MS;
        access.insert(
            name.clone(),
            Token { scopes: ALL_SCOPES, revoked: false, refreshed: true, issued_ms: now_ms, expires_ms },
        );
        Some(name)
    }

    /// Marks an access token as revoked; a token that is not ours stays unknown.
    pub(crate) fn revoke(&self, token: &str) {
        if let Some(token) = self.access.write().unwrap_or_else(PoisonError::into_inner).get_mut(token) {
            token.revoked = true;
        }
    }
}

impl Token {
    pub(crate) fn expired(&self, age_max_s: Option<u64>, now_ms: u64) -> bool {
        let forced_ms = age_max_s
            .map_or(u64::MAX, |age_s| self.issued_ms.saturating_add(age_s.saturating_mul(SECOND_MS)));
        now_ms >= self.expires_ms.min(forced_ms)
    }

    /// Whether one of these scopes was granted.
    pub(crate) fn has_any(&self, scopes: &[&str]) -> bool {
        scopes.iter().any(|scope| self.scopes.contains(scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_790_000_000_000;

    fn status(tokens: &Tokens, header: Option<&str>, age_max_s: Option<u64>, now_ms: u64) -> Option<u16> {
        let faults = LinkedInFaults { require_refresh_after_s: age_max_s, ..Default::default() };
        tokens.authenticate(header, &faults, now_ms).err().map(|problem| problem.status)
    }

    #[test]
    fn each_state_has_its_own_answer() {
        let tokens = Tokens::new(&Credentials::default(), NOW_MS);
        let refuse = |header| tokens.authenticate(header, &LinkedInFaults::default(), NOW_MS).unwrap_err();
        assert_eq!(refuse(None), Problem::token_empty());
        assert_eq!(refuse(Some("Bearer ")), Problem::token_empty());
        assert_eq!(refuse(Some("Basic sandbox-linkedin-token")), Problem::token_empty());
        assert_eq!(refuse(Some("Bearer other")), Problem::token_invalid());
        assert_eq!(refuse(Some("Bearer sandbox-linkedin-expired")), Problem::token_expired());
        assert_eq!(refuse(Some("Bearer sandbox-linkedin-revoked")), Problem::token_revoked());
        assert_eq!(status(&tokens, Some("bearer sandbox-linkedin-token"), None, NOW_MS), None);
    }

    #[test]
    fn a_token_ends_after_sixty_days_or_when_it_is_told_to() {
        let tokens = Tokens::new(&Credentials::default(), NOW_MS);
        let header = Some("Bearer sandbox-linkedin-token");
        assert_eq!(status(&tokens, header, None, NOW_MS + 60 * DAY_MS - 1), None);
        assert_eq!(status(&tokens, header, None, NOW_MS + 60 * DAY_MS), Some(401));
        assert_eq!(status(&tokens, header, Some(5), NOW_MS + 4_999), None);
        assert_eq!(status(&tokens, header, Some(5), NOW_MS + 5_000), Some(401));
    }

    #[test]
    fn a_refreshed_token_can_be_refused_while_it_is_new() {
        let tokens = Tokens::new(&Credentials::default(), NOW_MS);
        let token = format!("Bearer {}", tokens.issue(600, NOW_MS).unwrap());
        let faults = LinkedInFaults { fresh_token_refused_s: 5, ..Default::default() };
        let answer = |token: &str, now_ms| tokens.authenticate(Some(token), &faults, now_ms).err();
        assert_eq!(answer(&token, NOW_MS + 4_999), Some(Problem::token_revoked()));
        assert_eq!(answer(&token, NOW_MS + 5_000), None);
        assert_eq!(answer("Bearer sandbox-linkedin-token", NOW_MS), None);
    }
}
