//! Notices of leads: what they say, how they are signed, and the request that carries each. Pure.
//! <https://learn.microsoft.com/en-us/linkedin/marketing/lead-sync/leadsync>

use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::directory;
use super::entity::Entity;
use super::kind::Holder;
use super::signature;
use crate::linkedin_faults::BadSignature;

/// Where a notice would go that nobody has subscribed to.
pub(crate) const NOBODY: &str = "https://hooks.example.test/linkedin/leads";

/// What happened to a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LeadAction {
    /// It was given, or given again.
    Created,
    /// The member withdrew it.
    Deleted,
}

/// Something that a notice tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Id of the response.
    pub(crate) response: String,
    pub(crate) form: u64,
    pub(crate) version: u64,
    pub(crate) holder: Holder,
    pub(crate) entity: Option<Entity>,
    pub(crate) action: LeadAction,
    pub(crate) occurred_ms: u64,
}

impl Event {
    /// The body: one line, members in the documented order, without blanks.
    pub(crate) fn body(&self) -> String {
        let entity = self.entity.map(|entity| format!("\"associatedEntity\":{},", entity.in_notice()));
        let action = match self.action {
            LeadAction::Created => "CREATED",
            LeadAction::Deleted => "DELETED",
        };
        format!(
            "{{\"type\":\"LEAD_ACTION\",\"leadGenFormResponse\":\"urn:li:leadGenFormResponse:{}\",\
             \"leadGenForm\":\"urn:li:versionedLeadGenForm:(urn:li:leadGenForm:{},{})\",\"owner\":{},{}\
             \"leadType\":\"{}\",\"leadAction\":\"{action}\",\"occurredAt\":{}}}",
            self.response,
            self.form,
            self.version,
            directory::owner_union(self.holder),
            entity.unwrap_or_default(),
            self.holder.kind().name(),
            self.occurred_ms,
        )
    }
}

/// How far a notice has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// Nobody has subscribed to it, so it is only listed.
    Unsubscribed,
    /// It waits for its time, or to be sent again.
    Pending,
    /// It was acknowledged with a status 200 to 299.
    Delivered,
    /// It was not acknowledged and is not sent again.
    Failed,
    /// A switch made it get lost.
    Lost,
}

/// One notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Counts from 1 in the order of what the notices tell of.
    pub number: u64,
    /// Id of the subscription it goes to.
    pub subscription: Option<u64>,
    /// URL it goes to.
    pub webhook: String,
    /// Id of the response.
    pub response: String,
    /// What happened to the response.
    pub action: LeadAction,
    /// When it happened, epoch milliseconds.
    pub occurred_ms: u64,
    /// When it is sent, or sent again, epoch milliseconds.
    pub due_ms: u64,
    /// How far it has come.
    pub state: NoticeState,
    /// How often it was sent.
    pub tries: u64,
    /// `X-LI-Signature`; absent where a switch left it out.
    pub signature: Option<String>,
    /// The body, as it is signed.
    pub body: String,
    /// The whole HTTP/1.1 request: head, blank line and body.
    pub request: String,
}

/// The value of `X-LI-Signature` for a body, spoilt where asked for.
pub(crate) fn sign(secret: &str, body: &str, spoil: Option<BadSignature>, chance: u64) -> Option<String> {
    let signature = signature::of_body(secret, body.as_bytes());
    match spoil {
        None => Some(signature),
        Some(BadSignature::Digit) => Some(signature::with_other_digit(&signature, chance)),
        Some(BadSignature::Prefix) => Some(signature::without_prefix(secret, body.as_bytes())),
        Some(BadSignature::Header) => None,
    }
}

/// The request as it goes over the wire.
pub(crate) fn request(webhook: &str, signature: Option<&str>, body: &str) -> String {
    let (host, target) = match Url::parse(webhook) {
        Ok(url) => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            (format!("{}{port}", url.host_str().unwrap_or_default()), format!("{}{query}", url.path()))
        }
        // A webhook was parsed when it was registered.
        Err(_) => (String::new(), "/".to_owned()),
    };
    let signature = signature.map(|signature| format!("X-LI-Signature: {signature}\r\n")).unwrap_or_default();
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{signature}\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// A subscription's or notice's owner as JSON.
pub(crate) fn owner(holder: Holder) -> Value {
    directory::owner_union(holder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linkedin::kind::Kind;

    fn event() -> Event {
        Event {
            response: "5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3".to_owned(),
            form: 4_400_120,
            version: 2,
            holder: Holder::Account(10),
            entity: Some(Entity::Creative(612_345_678)),
            action: LeadAction::Created,
            occurred_ms: 1_785_000_000_000,
        }
    }

    #[test]
    fn the_body_is_the_documented_line_and_has_the_documented_signature() {
        let body = event().body();
        assert_eq!(body.len(), 403);
        assert_eq!(
            sign("demoClientSecret==", &body, None, 0).as_deref(),
            Some("7f3d0a93f79ef0223d6e4450212087f85f5b36f78f4bae800faf85e04b30d826")
        );
    }

    #[test]
    fn a_page_is_named_as_organization_and_only_events_have_an_entity() {
        let holder = Holder::Page(0, Kind::Event);
        let body = Event { holder, entity: Some(Entity::Event(71)), ..event() }.body();
        assert!(body.contains(r#""owner":{"organization":"urn:li:organization:90021"},"associatedEntity":{"event":"urn:li:event:71"},"leadType":"EVENT""#), "{body}");
        let company = Event { holder: Holder::Page(0, Kind::Company), entity: None, ..event() }.body();
        assert!(company.contains(r#"90021"},"leadType":"COMPANY""#), "{company}");
        for body in [body, company] {
            assert!(serde_json::from_str::<Value>(&body).is_ok(), "{body}");
        }
    }

    #[test]
    fn the_request_keeps_port_path_and_query() {
        let text = request("http://127.0.0.1:9/hook?a=b", Some("ab"), "{}");
        let head = "POST /hook?a=b HTTP/1.1\r\nHost: 127.0.0.1:9\r\nContent-Type: application/json\r\n";
        assert_eq!(text, format!("{head}X-LI-Signature: ab\r\nContent-Length: 2\r\n\r\n{{}}"));
        assert!(!request(NOBODY, None, "{}").contains("X-LI-Signature"));
    }

    #[test]
    fn a_spoilt_signature_is_never_the_right_one() {
        let right = sign("s", "{}", None, 0);
        for spoil in [BadSignature::Digit, BadSignature::Prefix, BadSignature::Header] {
            assert_ne!(sign("s", "{}", Some(spoil), 5), right, "{spoil:?}");
        }
    }
}
