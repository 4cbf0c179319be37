//! One operation as it came in and its answer, whether it travelled alone or inside a `$batch`.

use super::error::ApiError;
use super::query::Annotations;
use super::write::{Condition, Match};

/// One HTTP operation below the service root.
#[derive(Clone, Copy)]
pub(crate) struct Operation<'a> {
    pub(crate) method: &'a str,
    /// Path below `/api/data/v9.2/`, still encoded.
    pub(crate) path: &'a str,
    /// Everything behind `?`, still encoded.
    pub(crate) raw_options: &'a str,
    pub(crate) headers: &'a Headers,
    pub(crate) body: &'a [u8],
    /// Rows that earlier members of the same changeset created: Content-ID and address.
    pub(crate) references: &'a [(String, String)],
}

/// The headers that change what an operation does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers {
    pub(crate) prefer: Prefer,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) content_type: Option<String>,
    /// `Consistency: Strong`: read past the metadata cache.
    pub(crate) strong: bool,
}

impl Headers {
    /// Takes in one header; names compare without regard to case.
    pub(crate) fn take(&mut self, name: &str, value: &str) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "prefer" => self.prefer.take(value),
            "if-match" => self.if_match = Some(value.to_owned()),
            "if-none-match" if value != "null" => self.if_none_match = Some(value.to_owned()),
            "content-type" => self.content_type = Some(value.to_owned()),
            "consistency" => self.strong = value.eq_ignore_ascii_case("strong"),
            _ => {}
        }
    }

    /// The preconditions of a write.
    pub(crate) fn condition(&self) -> Result<Condition, ApiError> {
        let matches = match self.if_match.as_deref() {
            None => None,
            Some("*") => Some(Match::Any),
            Some(tag) => Some(Match::Version(version(tag).ok_or_else(|| {
                ApiError::new(400, "0x80040203", "The If-Match header is neither '*' nor an ETag.")
            })?)),
        };
        Ok(Condition { matches, none: self.if_none_match.as_deref() == Some("*") })
    }

    /// Whether the body is declared as JSON.
    pub(crate) fn is_json(&self) -> bool {
        let media = self.content_type.as_deref().and_then(|value| value.split(';').next());
        media.is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
    }
}

/// The number in `W/"n"`.
pub(crate) fn version(tag: &str) -> Option<u64> {
    tag.strip_prefix("W/\"")?.strip_suffix('"')?.parse().ok()
}

/// The `Prefer` header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prefer {
    pub(crate) representation: bool,
    pub(crate) page_rows: Option<usize>,
    pub(crate) annotations: Annotations,
    pub(crate) continue_on_error: bool,
    annotations_as_sent: Option<String>,
}

impl Prefer {
    fn take(&mut self, value: &str) {
        for part in split_preferences(value) {
            let (name, setting) = part.split_once('=').unwrap_or((part, ""));
            let setting = setting.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "return" => self.representation = setting == "representation",
                "odata.maxpagesize" => {
                    self.page_rows = setting.parse().ok().filter(|rows| (1..=5000).contains(rows));
                }
                "odata.continue-on-error" => self.continue_on_error = setting != "false",
                "odata.include-annotations" => {
                    self.annotations = annotations(setting);
                    self.annotations_as_sent = Some(setting.to_owned());
                }
                _ => {}
            }
        }
    }

    /// `Preference-Applied` of an answer with a body.
    pub(crate) fn applied(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.representation {
            parts.push("return=representation".to_owned());
        }
        if let Some(rows) = self.page_rows {
            parts.push(format!("odata.maxpagesize={rows}"));
        }
        if let Some(list) = &self.annotations_as_sent {
            parts.push(format!("odata.include-annotations=\"{list}\""));
        }
        (!parts.is_empty()).then(|| parts.join(","))
    }
}

/// Splits at commas outside double quotes.
fn split_preferences(value: &str) -> Vec<&str> {
    let (mut quoted, mut start, mut parts) = (false, 0, Vec::new());
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(value.get(start..at).unwrap_or_default().trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(value.get(start..).unwrap_or_default().trim());
    parts
}

fn annotations(list: &str) -> Annotations {
    let has = |name: &str| {
        list.split(',').map(str::trim).any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => pattern == name,
        })
    };
    Annotations {
        formatted: has("OData.Community.Display.V1.FormattedValue"),
        lookups: has("Microsoft.Dynamics.CRM.lookuplogicalname"),
        totals: has("Microsoft.Dynamics.CRM.totalrecordcount"),
        errors: has("Microsoft.PowerApps.CDS.HelpLink"),
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Content {
    None,
    Json(String),
    /// `text/plain`, for `$count`.
    Text(String),
    Multipart {
        boundary: String,
        bytes: Vec<u8>,
    },
}

/// The answer to one operation.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content: Content,
}

impl Reply {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), content: Content::None }
    }

    pub(crate) fn json(status: u16, body: String) -> Self {
        Self { status, headers: Vec::new(), content: Content::Json(body) }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Names the preferences that were honoured.
    pub(crate) fn applied(self, prefer: &Prefer) -> Self {
        match prefer.applied() {
            Some(applied) => self.with("Preference-Applied", applied),
            None => self,
        }
    }

    pub(crate) fn error(error: &ApiError, annotations: bool) -> Self {
        let reply = Self::json(error.status, error.json(annotations));
        match error.retry_after_s {
            Some(seconds) => reply.with("Retry-After", seconds.to_string()),
            None => reply,
        }
    }
}

/// The reason phrase of a status line inside a batch.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        412 => "Precondition Failed",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        501 => "Not Implemented",
        _ => "Internal Server Error",
    }
}
