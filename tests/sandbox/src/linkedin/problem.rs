//! LinkedIn's error answers, one constructor per row of its catalogue. No answer repeats a value that came in.
//! <https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/error-handling>

use serde_json::{Map, Value, json};

use super::query::QueryError;
use super::quota::Whose;
use crate::linkedin_faults::QuotaBody;

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    service_error_code: Option<u32>,
    code: Option<&'static str>,
    message: String,
    /// `Retry-After` in seconds.
    pub(crate) retry_after_s: Option<u64>,
    field_path: Option<&'static str>,
    /// Whether the body is HTML, as an edge proxy sends.
    pub(crate) html: bool,
}

const THROTTLED_HTML: &[u8] =
    b"<html><head><title>429 Too Many Requests</title></head><body><h1>Too Many Requests</h1></body></html>\n";

impl Problem {
    fn new(
        status: u16,
        service_error_code: Option<u32>,
        code: Option<&'static str>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            service_error_code,
            code,
            message: message.into(),
            retry_after_s: None,
            field_path: None,
            html: false,
        }
    }

    /// 400: broken syntax or a bad value. The cause is only for the reader of the message.
    pub(crate) fn illegal_argument(cause: &str) -> Self {
        let message = format!("Invalid query parameters passed to request: {cause}");
        Self::new(400, None, Some("ILLEGAL_ARGUMENT"), message)
    }

    /// 400 with the error details of the newer resources (accounts, campaigns).
    pub(crate) fn field_invalid(field_path: &'static str) -> Self {
        let problem = Self::illegal_argument(field_path);
        Self { field_path: Some(field_path), ..problem }
    }

    /// 400: a path key that cannot be decoded.
    pub(crate) fn path_syntax() -> Self {
        Self::new(400, None, None, "Syntax exception in path variables")
    }

    /// 400: no `LinkedIn-Version`.
    pub(crate) fn version_missing() -> Self {
        Self::new(
            400,
            None,
            Some("VERSION_MISSING"),
            "A version must be present in the LinkedIn-Version header",
        )
    }

    /// 401: no bearer token.
    pub(crate) fn token_empty() -> Self {
        Self::new(401, Some(401), None, "Empty oauth2_access_token")
    }

    /// 401: a token that was never issued.
    pub(crate) fn token_invalid() -> Self {
        Self::new(401, Some(65_600), Some("INVALID_ACCESS_TOKEN"), "Invalid access token")
    }

    /// 401: a token that was withdrawn.
    pub(crate) fn token_revoked() -> Self {
        let message = "The token used in the request has been revoked by the user";
        Self::new(401, Some(65_601), Some("REVOKED_ACCESS_TOKEN"), message)
    }

    /// 401: a token past its lifetime.
    pub(crate) fn token_expired() -> Self {
        Self::new(
            401,
            Some(65_602),
            Some("EXPIRED_ACCESS_TOKEN"),
            "The token used in the request has expired",
        )
    }

    /// 403: the scope or the product is missing. `call` is `<resource>.<METHOD>[-<finder>]`.
    pub(crate) fn access_denied(call: &str, version: &str) -> Self {
        let message = format!("Not enough permissions to access: {call}.{version}");
        Self::new(403, Some(100), Some("ACCESS_DENIED"), message)
    }

    /// 403: a parameter or projected field that the resource does not have.
    pub(crate) fn unpermitted(place: &str, name: &str) -> Self {
        // The name is the caller's own; it is cut so that an answer stays small.
        let name: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-$".contains(*c)).take(64).collect();
        let message = format!(
            "Unpermitted fields present in {place}: Data Processing Exception while processing fields [/{name}]"
        );
        Self::new(403, Some(100), Some("ACCESS_DENIED"), message)
    }

    /// 403: the member has no role on the account or Page.
    pub(crate) fn no_role(entity: &str) -> Self {
        let message = format!("Member does not have permission on the entity: {entity}");
        Self::new(403, None, Some("NO_PERMISSION_ON_ENTITY"), message)
    }

    /// 404: an id that does not exist, or no longer.
    pub(crate) fn not_found() -> Self {
        Self::new(404, None, Some("NOT_FOUND"), "Not found")
    }

    /// 404: a path that no resource has.
    pub(crate) fn no_resource() -> Self {
        Self::new(404, None, None, "No virtual resource found")
    }

    /// 405: the resource does not take this method.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(405, None, None, "Method not allowed")
    }

    /// 411: a POST without `Content-Length`.
    pub(crate) fn length_required() -> Self {
        Self::new(411, None, None, "A content length is required")
    }

    /// 414: a query string above 4 KB.
    pub(crate) fn uri_too_long() -> Self {
        Self::new(414, None, None, "URI too long")
    }

    /// 426: a version that is past its sunset, or never was. `version` has been checked to be six digits.
    pub(crate) fn version_not_active(version: &str) -> Self {
        let message = format!("Requested version {version}01 is not active");
        Self::new(426, None, Some("NONEXISTENT_VERSION"), message)
    }

    /// 429: a daily quota is spent.
    pub(crate) fn quota_spent(whose: Whose, body: QuotaBody, retry_after_s: Option<u64>) -> Self {
        let message = match (body, whose) {
            (QuotaBody::Documented, _) => {
                "Resource level throttle limit for calls to this resource is reached."
            }
            (_, Whose::Application) => {
                "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
            }
            (_, Whose::Member) => {
                "Resource level throttle MEMBER DAY limit for calls to this resource is reached."
            }
        };
        let html = body == QuotaBody::Html;
        Self { retry_after_s, html, ..Self::new(429, Some(101), None, message) }
    }

    /// 400: a body that is no JSON object, lacks a member or has a wrong one.
    pub(crate) fn bad_body(cause: &str) -> Self {
        Self::new(400, None, Some("ILLEGAL_ARGUMENT"), format!("Invalid request body: {cause}"))
    }

    /// 400: the webhook did not answer the challenge. LinkedIn's status for it is not known.
    pub(crate) fn challenge_failed(cause: &str) -> Self {
        let message = format!("The webhook URL did not pass the security challenge check: {cause}");
        Self::new(400, None, Some("WEBHOOK_VALIDATION_FAILED"), message)
    }

    /// The entry of a batch answer's `errors`.
    pub(crate) fn to_batch_entry(&self) -> Value {
        json!({"status": self.status, "message": self.message})
    }

    /// The body.
    pub(crate) fn to_body(&self) -> Vec<u8> {
        if self.html {
            return THROTTLED_HTML.to_vec();
        }
        let mut body = Map::new();
        body.insert("status".into(), self.status.into());
        if let Some(code) = self.service_error_code {
            body.insert("serviceErrorCode".into(), code.into());
        }
        if let Some(code) = self.code {
            body.insert("code".into(), code.into());
        }
        body.insert("message".into(), self.message.clone().into());
        if let Some(path) = self.field_path {
            body.insert("errorDetailType".into(), "com.linkedin.common.error.BadRequest".into());
            let input = json!({"description": "Invalid value for field", "input": {"inputPath": {"fieldPath": path}}, "code": "FIELD_INVALID"});
            body.insert("errorDetails".into(), json!({"inputErrors": [input]}));
        }
        Value::Object(body).to_string().into_bytes()
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        Self::illegal_argument(&error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(problem: &Problem) -> Value {
        serde_json::from_slice(&problem.to_body()).unwrap()
    }

    #[test]
    fn bodies_follow_the_catalogue() {
        let rows = [
            (Problem::illegal_argument("x"), 400, None, Some("ILLEGAL_ARGUMENT")),
            (Problem::path_syntax(), 400, None, None),
            (Problem::version_missing(), 400, None, Some("VERSION_MISSING")),
            (Problem::token_empty(), 401, Some(401), None),
            (Problem::token_invalid(), 401, Some(65_600), Some("INVALID_ACCESS_TOKEN")),
            (Problem::token_revoked(), 401, Some(65_601), Some("REVOKED_ACCESS_TOKEN")),
            (Problem::token_expired(), 401, Some(65_602), Some("EXPIRED_ACCESS_TOKEN")),
            (Problem::access_denied("leadForms.GET", "20260901"), 403, Some(100), Some("ACCESS_DENIED")),
            (Problem::unpermitted("PARAMETER", "x"), 403, Some(100), Some("ACCESS_DENIED")),
            (Problem::no_role("e"), 403, None, Some("NO_PERMISSION_ON_ENTITY")),
            (Problem::not_found(), 404, None, Some("NOT_FOUND")),
            (Problem::no_resource(), 404, None, None),
            (Problem::method_not_allowed(), 405, None, None),
            (Problem::length_required(), 411, None, None),
            (Problem::uri_too_long(), 414, None, None),
            (Problem::version_not_active("202508"), 426, None, Some("NONEXISTENT_VERSION")),
            (Problem::quota_spent(Whose::Member, QuotaBody::Named, None), 429, Some(101), None),
            (Problem::bad_body("x"), 400, None, Some("ILLEGAL_ARGUMENT")),
        ];
        for (problem, status, service_error_code, code) in rows {
            let body = body(&problem);
            assert_eq!(body["status"], status);
            assert_eq!(body.get("serviceErrorCode").and_then(Value::as_u64), service_error_code, "{body}");
            assert_eq!(body.get("code").and_then(Value::as_str), code, "{body}");
            assert!(body["message"].is_string());
        }
    }

    #[test]
    fn texts_that_the_reference_gives_word_for_word() {
        assert_eq!(
            body(&Problem::version_not_active("202508"))["message"],
            "Requested version 20250801 is not active"
        );
        let denied = Problem::access_denied("leadFormResponses.FINDER-owner", "20260901");
        assert_eq!(
            body(&denied)["message"],
            "Not enough permissions to access: leadFormResponses.FINDER-owner.20260901"
        );
        assert_eq!(
            body(&Problem::unpermitted("PARAMETER", "timeRange.start"))["message"],
            "Unpermitted fields present in PARAMETER: Data Processing Exception while processing fields [/timeRange.start]"
        );
        let documented = Problem::quota_spent(Whose::Member, QuotaBody::Documented, None);
        assert_eq!(
            body(&documented)["message"],
            "Resource level throttle limit for calls to this resource is reached."
        );
        let named = body(&Problem::quota_spent(Whose::Application, QuotaBody::Named, None));
        assert_eq!(
            named["message"],
            "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
        );
        let detail = body(&Problem::field_invalid("search/status"));
        assert_eq!(
            detail["errorDetails"]["inputErrors"][0]["input"]["inputPath"]["fieldPath"],
            "search/status"
        );
    }
}
