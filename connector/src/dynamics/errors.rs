//! What Dataverse's refusals mean: classification by code, then by status, and their wording for a person.
//!
//! Codes: <https://learn.microsoft.com/en-us/power-apps/developer/data-platform/reference/web-service-error-codes>;
//! limits: <https://learn.microsoft.com/en-us/power-apps/developer/data-platform/api-limits>. The raw message of a
//! refusal never leaves this module without passing the [`Scrubber`].

use serde::Deserialize;

use super::describe::CREDENTIAL;
use super::scrub::Scrubber;
use crate::capabilities::{HttpError, Response};
use crate::failure::{Detail, Failure};
use crate::record::Cause;
use crate::text::Text;

/// How long to wait where a throttled answer does not say.
const THROTTLED_WAIT_MS: u64 = 30_000;
/// No answer makes anybody wait longer than this.
const WAIT_MAX_MS: u64 = 60 * 60 * 1000;

/// What a refusal calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A service protection limit: wait, send less.
    Throttled,
    /// It may work later.
    Transient,
    /// The token was not accepted.
    TokenRefused,
    /// A right is missing.
    Forbidden,
    /// The request does not fit the table's definition.
    Schema,
    /// This is no Dataverse Web API of that version, or it lacks the lead table.
    Address,
    /// One row is at fault, whatever the others are.
    Poison,
    /// Unexpected: once more, then as poison.
    Doubtful,
    /// A deadlock or a lost race: once more, then smaller.
    Contended,
    /// The database's time limit: smaller.
    Slow,
    /// Too many bytes: smaller.
    TooBig,
}

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) class: Class,
    status: u16,
    code: Option<String>,
    /// As Dataverse sent it; may quote answers.
    message: Text<'static>,
    wait_ms: Option<u64>,
    facts: String,
}

/// Why a call gave nothing usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallError {
    /// There is no response.
    Http(HttpError),
    /// There is one, and it is no success.
    Refused(Refused),
}

impl CallError {
    /// As a failure of the whole call. `what` says what was being done.
    pub(crate) fn failure(&self, what: &str, scrubber: &Scrubber<'_>) -> Failure {
        match self {
            Self::Http(error) => Failure::from_http(error, Some(CREDENTIAL)),
            Self::Refused(refused) => refused.failure(what, scrubber),
        }
    }
}

#[derive(Deserialize)]
struct Body {
    error: Option<Inner>,
    // The older form, still sent by the layer that reads `$batch` and addresses.
    #[serde(rename = "Message")]
    message: Option<String>,
    #[serde(rename = "ErrorCode")]
    code: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
struct Inner {
    #[serde(default)]
    code: Option<serde_json::Value>,
    #[serde(default)]
    message: Option<String>,
}

impl Refused {
    /// Judges a response that is no success.
    pub(crate) fn new(response: &Response) -> Self {
        let body: Option<Body> = serde_json::from_slice(&response.body).ok();
        let inner = body.map(|body| match body.error {
            Some(inner) => inner,
            None => Inner { code: body.code, message: body.message },
        });
        let inner = inner.unwrap_or_default();
        let message = inner.message.unwrap_or_default();
        let number = inner.code.as_ref().and_then(number);
        let class = classify(response.status, number, &message);
        let wait_ms = match class {
            Class::Throttled => Some(retry_after_ms(response).unwrap_or(THROTTLED_WAIT_MS)),
            Class::Transient => retry_after_ms(response),
            _ => None,
        };
        let code = number.filter(|number| *number != 0).map(|number| format!("0x{number:08x}"));
        Self {
            class,
            status: response.status,
            code,
            message: message.into(),
            wait_ms,
            facts: facts(response),
        }
    }

    /// A success whose body is not the Web API's: a sign-in page, a proxy's greeting, a list without an end.
    pub(crate) fn unusable(response: &Response, reason: &'static str) -> Self {
        Self {
            class: Class::Address,
            status: response.status,
            code: None,
            message: reason.into(),
            wait_ms: None,
            facts: facts(response),
        }
    }

    /// As a failure of the whole call.
    pub(crate) fn failure(&self, what: &str, scrubber: &Scrubber<'_>) -> Failure {
        let detail = |advice: &str| Detail {
            message: format!("{what}: {}{advice}", self.sentence(scrubber)),
            code: self.code.clone(),
            facts: Some(self.facts.clone()),
        };
        match self.class {
            Class::TokenRefused => Failure::Unauthorized {
                detail: detail("; check the app registration's tenant, secret and scope"),
                credential: CREDENTIAL.to_owned(),
            },
            Class::Forbidden => {
                let missing = self.missing();
                let advice = format!("; missing: {missing}. {}", grant(&missing));
                Failure::Forbidden { detail: detail(&advice), missing }
            }
            Class::Address => Failure::Invalid {
                detail: detail(
                    "; check organization_url and api_version, and that Dynamics 365 Sales is installed",
                ),
                path: "/organization_url".to_owned(),
            },
            Class::Schema => {
                Failure::Fatal(detail("; the lead table differs from its metadata, or its API has changed"))
            }
            Class::Poison | Class::TooBig => Failure::Fatal(detail("")),
            Class::Throttled | Class::Transient | Class::Doubtful | Class::Contended | Class::Slow => {
                Failure::Retryable { detail: detail(""), wait_ms: self.wait_ms }
            }
        }
    }

    /// As the cause of one rejected record.
    pub(crate) fn cause(&self, scrubber: &Scrubber<'_>) -> Cause {
        let code = self.code.clone().unwrap_or_else(|| format!("http_{}", self.status));
        Cause { code, message: self.sentence(scrubber) }
    }

    fn sentence(&self, scrubber: &Scrubber<'_>) -> String {
        let message = scrubber.scrub(&self.message);
        let status = self.status;
        if message.is_empty() {
            format!("Dataverse answered {status} without a reason")
        } else {
            format!("Dataverse answered {status}: {message}")
        }
    }

    /// The right that is missing, in Dataverse's words.
    fn missing(&self) -> String {
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let mut words = self.message.split(|character| !is_name(character));
        if let Some(privilege) = words.find(|word| word.starts_with("prv") && (4..=100).contains(&word.len()))
        {
            return privilege.to_owned();
        }
        let by_code = match self.code.as_deref().unwrap_or_default() {
            "0x80042f09" => "a security role for the application user",
            "0x80072560" => "an application user for this app registration",
            "0x8004d24b" => "a licence for the user",
            "0x80040225" => "an enabled user",
            "0x80090432" => "the role System Customizer",
            _ => "a privilege on the table lead",
        };
        by_code.to_owned()
    }
}

/// Where a right is granted.
pub(crate) fn grant(missing: &str) -> String {
    let place = "Power Platform admin centre > Environments > (environment) > Settings > Users + permissions";
    match missing {
        "an application user for this app registration" => {
            format!("Create it in {place} > Application users")
        }
        name if name.starts_with("prv") => {
            format!("Add it to a security role of the application user in {place} > Security roles")
        }
        _ => format!("Grant it to the application user in {place}"),
    }
}

/// A code in any of the spellings that are seen: `"0x80040217"`, `"-2147220969"`, or a bare number.
fn number(code: &serde_json::Value) -> Option<u32> {
    let signed = |number: i64| {
        u32::try_from(number).ok().or_else(|| i32::try_from(number).ok().map(i32::cast_unsigned))
    };
    match code {
        serde_json::Value::Number(number) => number.as_i64().and_then(signed),
        serde_json::Value::String(text) => {
            match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => text.parse().ok().and_then(signed),
            }
        }
        _ => None,
    }
}

fn classify(status: u16, code: Option<u32>, message: &str) -> Class {
    match status {
        401 => return Class::TokenRefused,
        429 => return Class::Throttled,
        _ => {}
    }
    if let Some(class) = code.and_then(by_code) {
        return class;
    }
    match status {
        403 => Class::Forbidden,
        408 | 502 | 503 | 504 => Class::Transient,
        413 => Class::TooBig,
        // SQL errors travel wrapped, with their own code only in the text.
        500 if message.contains("-2147204784") => Class::Contended,
        500 if message.contains("-2147204783") => Class::Slow,
        500 => Class::Doubtful,
        300..=399 | 404 | 405 | 501 if code.is_none() => Class::Address,
        // Without a code of its own it is the layer that checks the request against the table's definition.
        400 if code.is_none_or(|code| code == 0) => Class::Schema,
        400..=499 => Class::Poison,
        501 => Class::Address,
        _ => Class::Transient,
    }
}

fn by_code(code: u32) -> Option<Class> {
    Some(match code {
        0x8007_2321 | 0x8007_2322 | 0x8007_2326 | 0x8005_f103 => Class::Throttled,
        0x8007_1151 | 0x8004_8543 => Class::Transient,
        0x8005_f101 => Class::TokenRefused,
        0x8004_0220 | 0x8004_0225 | 0x8004_0231 | 0x8004_0299 | 0x8004_8306 | 0x8004_8405 | 0x8004_2f09
        | 0x8004_d24b | 0x8007_2560 | 0x8009_0432 => Class::Forbidden,
        0x8006_088a => Class::Address,
        0x8004_1102 | 0x8004_1103 | 0x8004_8d19 | 0x8006_0888 | 0x8006_0890 => Class::Schema,
        0x8004_4331 | 0x8004_431a | 0x8004_432f | 0x8004_4330 | 0x8004_0203 | 0x8004_0217 | 0x8004_0265
        | 0x8004_8550 | 0x8004_0333 | 0x8006_0891 | 0x8006_0892 => Class::Poison,
        // A duplicate key answers an upsert only when two of them race, so the next try meets the row.
        0x8004_0216 | 0x8004_0237 => Class::Doubtful,
        0x8004_4150 | 0x8006_0882 => Class::Contended,
        0x8004_4151 => Class::Slow,
        _ => return None,
    })
}

fn retry_after_ms(response: &Response) -> Option<u64> {
    let seconds: f64 = response.header("retry-after")?.trim().parse().ok()?;
    if !seconds.is_finite() || seconds < 0.0 {
        return None;
    }
    let ms = std::time::Duration::try_from_secs_f64(seconds).ok()?.as_millis();
    Some(u64::try_from(ms).unwrap_or(WAIT_MAX_MS).min(WAIT_MAX_MS))
}

/// What Microsoft's support asks for.
fn facts(response: &Response) -> String {
    let id = |name: &str| response.header(name).filter(|id| id.len() <= 100);
    let mut facts = serde_json::Map::new();
    facts.insert("http_status".to_owned(), response.status.into());
    for (member, header) in [("req_id", "req_id"), ("service_request_id", "x-ms-service-request-id")] {
        if let Some(id) = id(header) {
            facts.insert(member.to_owned(), id.into());
        }
    }
    serde_json::Value::Object(facts).to_string()
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
