//! LinkedIn's OAuth endpoints under `/oauth/v2/`.
//!
//! There is no consent page, so no authorization code was ever issued: exchanging one is answered as an unknown code.
//! <https://learn.microsoft.com/en-us/linkedin/shared/authentication/authorization-code-flow>

use axum::http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::LinkedIn;
use super::tokens::{ACCESS_LIFETIME_S, REFRESH_LIFETIME_S};
use crate::form_body::FormBody;

/// Status and JSON body.
pub(crate) type Reply = (u16, Value);

impl LinkedIn {
    /// Answers a call below `/oauth/v2/`.
    pub(crate) fn oauth(&self, endpoint: &str, method: &Method, headers: &HeaderMap, body: &[u8]) -> Reply {
        let answer = match endpoint {
            "introspectToken" => Self::introspect,
            "accessToken" => Self::access_token,
            "revoke" => Self::revoke,
            _ => return error(404, "not_found", "no such endpoint"),
        };
        if method != Method::POST {
            return error(405, "invalid_request", "the method is not allowed");
        }
        let form = FormBody::read(headers, body).unwrap_or_default();
        answer(self, &form)
    }

    /// Checks the app's credentials.
    fn client(&self, form: &FormBody, wrong_client_status: u16) -> Result<(), Reply> {
        let id = form.get("client_id").ok_or_else(|| missing("client_id"))?;
        let secret = form.get("client_secret").ok_or_else(|| missing("client_secret"))?;
        if id != self.credentials.linkedin_client_id {
            return Err(error(wrong_client_status, "invalid_client", "Client authentication failed"));
        }
        if secret != self.credentials.linkedin_client_secret {
            return Err(error(401, "invalid_client", "Client authentication failed"));
        }
        Ok(())
    }

    /// <https://learn.microsoft.com/en-us/linkedin/shared/authentication/token-introspection>
    fn introspect(&self, form: &FormBody) -> Reply {
        if let Err(reply) = self.client(form, 400) {
            return reply;
        }
        let Some(text) = form.get("token") else { return missing("token") };
        let Some(token) = self.tokens.find(text) else { return (200, json!({"active": false})) };
        let age_max_s = self.faults.get().linkedin.require_refresh_after_s;
        let status = match (token.revoked, token.expired(age_max_s, self.clock.now_ms())) {
            (true, _) => "revoked",
            (false, true) => "expired",
            (false, false) => "active",
        };
        let reply = json!({
            "active": status == "active",
            "client_id": self.credentials.linkedin_client_id,
            "authorized_at": self.tokens.consented_ms / 1_000,
            "created_at": token.issued_ms / 1_000,
            "status": status,
            "expires_at": token.expires_ms / 1_000,
            "scope": token.scopes.join(","),
            "auth_type": "3L",
        });
        (200, reply)
    }

    fn access_token(&self, form: &FormBody) -> Reply {
        let grant = match form.get("grant_type") {
            None => return missing("grant_type"),
            Some(grant) => grant,
        };
        let field = if grant == "authorization_code" { "code" } else { "refresh_token" };
        if let Err(reply) = self.client(form, 401) {
            return reply;
        }
        let Some(value) = form.get(field) else { return missing(field) };
        match grant {
            "refresh_token" => self.refresh(value),
            "authorization_code" if form.get("redirect_uri").is_none() => missing("redirect_uri"),
            "authorization_code" => {
                error(401, "invalid_request", "Unable to retrieve access token: authorization code not found")
            }
            _ => error(400, "invalid_request", "the grant type is not supported"),
        }
    }

    /// A new access token, never outliving the refresh token, whose own lifetime is not extended.
    fn refresh(&self, refresh_token: &str) -> Reply {
        let now_ms = self.clock.now_ms();
        let dead = "The provided authorization grant or refresh token is invalid, expired or revoked";
        let Some(left_s) = self.tokens.refresh_left_s(refresh_token, now_ms) else {
            return error(400, "invalid_request", dead);
        };
        let lifetime_s = left_s.min(ACCESS_LIFETIME_S);
        let Some(token) = self.tokens.issue(lifetime_s, now_ms) else {
            return error(429, "invalid_request", "too many tokens were issued");
        };
        let scope = self.tokens.find(&token).map(|token| token.scopes.join(",")).unwrap_or_default();
        let reply = json!({
            "access_token": token,
            "expires_in": lifetime_s,
            "refresh_token": refresh_token,
            "refresh_token_expires_in": left_s.min(REFRESH_LIFETIME_S),
            "scope": scope,
            "token_type": "Bearer",
        });
        (200, reply)
    }

    /// Undocumented in reality; clients that disconnect call it all the same.
    fn revoke(&self, form: &FormBody) -> Reply {
        if let Err(reply) = self.client(form, 401) {
            return reply;
        }
        let Some(token) = form.get("token") else { return missing("token") };
        self.tokens.revoke(token);
        (200, json!({}))
    }
}

fn missing(parameter: &str) -> Reply {
    error(400, "invalid_request", &format!("A required parameter \"{parameter}\" is missing"))
}

fn error(status: u16, code: &str, description: &str) -> Reply {
    (status, json!({"error": code, "error_description": description}))
}
