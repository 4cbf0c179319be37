//! What one component may call, and with which credential.
//!
//! Pure: a request is judged from its text alone, before anything is resolved or sent.

use std::collections::{HashMap, HashSet};

use url::Url;

use crate::origin::{Origin, OriginError};

/// Headers that belong to the host: they carry credentials or frame the message.
const HOST_HEADERS: [&str; 9] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
];

/// The grants of one component.
#[derive(Debug, Clone, Default)]
pub struct Egress {
    origins: HashSet<Origin>,
    credentials: HashMap<String, HashSet<Origin>>,
}

/// Why a request is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The origin is not granted.
    #[error("`{0}` is not granted; if the component should call it, add \"{0}\" to `egress` in the manifest")]
    Origin(Origin),
    /// Not a URL that could be granted.
    #[error("the URL cannot be called: {0}")]
    Url(#[from] OriginError),
    /// The component was not granted this credential.
    #[error("the credential `{0}` is not granted; add \"{0}\" to `credentials` of this side in the manifest")]
    Credential(String),
    /// The credential is tied to other origins.
    #[error(
        "the credential `{name}` is not tied to `{origin}`; it is attached only to the `origins` in its table"
    )]
    CredentialElsewhere {
        /// The credential's name.
        name: String,
        /// Where it was to be sent.
        origin: Origin,
    },
    /// The header belongs to the host.
    #[error("the header `{0}` belongs to the host; name a credential instead")]
    Header(String),
    /// The URL is not in the form in which it goes on the wire.
    #[error("the URL is not encoded as it goes on the wire; percent-encode its path and query")]
    Unencoded,
}

impl Egress {
    /// Grants origins, and credentials with the origins that each is tied to.
    pub fn new(
        origins: impl IntoIterator<Item = Origin>,
        credentials: impl IntoIterator<Item = (String, Vec<Origin>)>,
    ) -> Self {
        Self {
            origins: origins.into_iter().collect(),
            credentials: credentials.into_iter().map(|(name, to)| (name, to.into_iter().collect())).collect(),
        }
    }

    /// Whether the component was granted a credential of that name.
    pub fn grants_credential(&self, name: &str) -> bool {
        self.credentials.contains_key(name)
    }

    /// Judges one request; returns its URL and origin.
    pub fn judge<'h>(
        &self,
        url: &str,
        headers: impl IntoIterator<Item = &'h str>,
        credential: Option<&str>,
    ) -> Result<(Url, Origin), Denied> {
        let parsed = Url::parse(url).map_err(|error| OriginError::NotAUrl(error.to_string()))?;
        let origin = Origin::of(&parsed)?;
        if !self.origins.contains(&origin) {
            return Err(Denied::Origin(origin));
        }
        // What a parser rewrites is not what was asked for; and user:password in a URL is a credential.
        if parsed.as_str() != url || !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(Denied::Unencoded);
        }
        if let Some(name) = headers.into_iter().find(|name| is_host_header(name)) {
            return Err(Denied::Header(name.to_owned()));
        }
        self.judge_credential(credential, &origin)?;
        Ok((parsed, origin))
    }

    fn judge_credential(&self, credential: Option<&str>, origin: &Origin) -> Result<(), Denied> {
        let Some(name) = credential else { return Ok(()) };
        let tied = self.credentials.get(name).ok_or_else(|| Denied::Credential(name.to_owned()))?;
        if tied.contains(origin) {
            Ok(())
        } else {
            Err(Denied::CredentialElsewhere { name: name.to_owned(), origin: origin.clone() })
        }
    }
}

fn is_host_header(name: &str) -> bool {
    HOST_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    fn egress() -> Egress {
        Egress::new(
            [origin("https://api.example.test"), origin("https://other.example.test")],
            [("crm".to_owned(), vec![origin("https://api.example.test")])],
        )
    }

    fn judge(url: &str, headers: &[&str], credential: Option<&str>) -> Result<String, Denied> {
        egress().judge(url, headers.iter().copied(), credential).map(|(url, _)| url.to_string())
    }

    #[test]
    fn lets_granted_requests_through_unchanged() {
        let url =
            "https://api.example.test/rest/x?q=owner&owner=(a:urn%3Ali%3Ab%3A1)&l=List(1,2)&f=a(b%27c%27)";
        assert_eq!(judge(url, &["accept"], Some("crm")).unwrap(), url);
        let path = "https://api.example.test/v9/Defs(LogicalName='x')?$select=a,b";
        assert_eq!(judge(path, &[], None).unwrap(), path);
    }

    #[test]
    fn refuses_what_is_not_granted() {
        for url in [
            "https://evil.example.test/",
            "https://api.example.test:8443/",
            "https://api.example.test.evil.example/",
            "https://api.example.test@evil.example/",
            "https://evil.example/?https://api.example.test/",
        ] {
            assert!(matches!(judge(url, &[], None), Err(Denied::Origin(_))), "{url}");
        }
        assert!(matches!(judge("file:///etc/passwd", &[], None), Err(Denied::Url(_))));
        assert!(matches!(judge("http://api.example.test/", &[], None), Err(Denied::Url(_))));
        assert!(matches!(judge("not a url", &[], None), Err(Denied::Url(_))));
    }

    #[test]
    fn refuses_urls_that_would_be_rewritten_or_carry_a_user() {
        for url in [
            "https://api.example.test/a b",
            "https://api.example.test/a/../b",
            "https://api.example.test/?q='x'",
            "https://user:pw@api.example.test/",
            "HTTPS://api.example.test/",
        ] {
            assert_eq!(judge(url, &[], None), Err(Denied::Unencoded), "{url}");
        }
    }

    #[test]
    fn refuses_headers_of_the_host_in_any_case() {
        for header in ["Authorization", "COOKIE", "host", "Content-Length", "transfer-encoding"] {
            let verdict = judge("https://api.example.test/", &["accept", header], None);
            assert_eq!(verdict, Err(Denied::Header(header.to_owned())));
        }
    }

    #[test]
    fn attaches_credentials_only_where_they_are_tied() {
        let elsewhere = judge("https://other.example.test/", &[], Some("crm"));
        assert!(matches!(elsewhere, Err(Denied::CredentialElsewhere { .. })));
        let unknown = judge("https://api.example.test/", &[], Some("other"));
        assert_eq!(unknown, Err(Denied::Credential("other".to_owned())));
    }

    #[test]
    fn the_refusal_says_which_line_to_add() {
        let refusal = judge("https://evil.example.test/secret?token=1", &[], None).unwrap_err().to_string();
        assert!(refusal.contains("add \"https://evil.example.test\" to `egress`"), "{refusal}");
        assert!(!refusal.contains("token"), "{refusal}");
    }
}
