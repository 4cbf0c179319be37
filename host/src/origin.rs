//! Origins: what egress is granted to, and what credentials are tied to.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// Scheme, host and port of a URL. Two origins are equal exactly when all three are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// The two schemes that components may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Scheme {
    Http,
    Https,
}

/// Why a text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not a URL at all.
    #[error("not a URL: {0}; write an origin such as `https://api.example.com`")]
    NotAUrl(String),
    /// Neither http nor https.
    #[error("the scheme `{0}` cannot be called; use `https`")]
    Scheme(String),
    /// Plain http leaves this machine.
    #[error("plain http is allowed to this machine only (127.0.0.1, [::1] or localhost); use `https`")]
    PlainHttp,
    /// More than scheme, host and port.
    #[error("an origin has no path, query, user or fragment; write `{0}`")]
    NotBare(String),
}

impl Origin {
    /// Reads an origin as a person writes it: scheme, host and perhaps a port, nothing more.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|error| OriginError::NotAUrl(error.to_string()))?;
        let origin = Self::of(&url)?;
        let bare = url.path() == "/";
        let extra = url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some();
        if !bare || extra {
            return Err(OriginError::NotBare(origin.to_string()));
        }
        Ok(origin)
    }

    /// The origin of a URL.
    pub fn of(url: &Url) -> Result<Self, OriginError> {
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            other => return Err(OriginError::Scheme(other.to_owned())),
        };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(OriginError::NotAUrl("it names no host".to_owned()));
        };
        let origin = Self { scheme, host: host.to_ascii_lowercase(), port };
        if scheme == Scheme::Http && !origin.is_loopback() {
            return Err(OriginError::PlainHttp);
        }
        Ok(origin)
    }

    /// The host, in lower case; IPv6 addresses in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where the text leaves it out.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, where the host is one: the manifest then names it in so many words.
    pub fn literal_address(&self) -> Option<IpAddr> {
        match Host::parse(&self.host).ok()? {
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
            Host::Domain(_) => None,
        }
    }

    /// Whether this is certainly this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.literal_address().is_some_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = match self.scheme {
            Scheme::Http => ("http", 80),
            Scheme::Https => ("https", 443),
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port != default {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_person_writes() {
        for (text, shown) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://API.example.com/", "https://api.example.com"),
            ("https://api.example.com:443", "https://api.example.com"),
            ("https://api.example.com:8443", "https://api.example.com:8443"),
            ("http://127.0.0.1:4011", "http://127.0.0.1:4011"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://localhost:4011", "http://localhost:4011"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn refuses_what_is_more_or_less_than_an_origin() {
        for text in [
            "api.example.com",
            "ftp://api.example.com",
            "http://api.example.com",
            "http://127.0.0.1.example.com",
            "https://api.example.com/rest",
            "https://api.example.com?x=1",
            "https://user@api.example.com",
            "https://",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn differs_by_scheme_host_and_port() {
        let origin = |text| Origin::parse(text).unwrap();
        assert_eq!(origin("https://a.example"), origin("https://A.example:443"));
        assert_ne!(origin("https://a.example"), origin("https://a.example:444"));
        assert_ne!(origin("http://localhost:443"), origin("https://localhost"));
    }
}
