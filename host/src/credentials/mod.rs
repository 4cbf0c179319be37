//! Credentials: held here, attached by the host at egress, never handed to a component.
//!
//! No value of a secret may leave this module except as a request header marked sensitive.

mod client_credentials;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use client_credentials::ClientCredentials;

/// How long a refusal is remembered, so that everyone who waited for one token does not ask again in turn.
const REMEMBER_REFUSAL: Duration = Duration::from_secs(10);
/// Most of how long before its expiry a token is renewed; never more than a tenth of its life.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// Why a credential has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("credential `{name}`: {reason}")]
pub struct CredentialError {
    /// The credential's name in the manifest.
    pub name: String,
    /// What happened and what to do, without any secret.
    pub reason: String,
    /// Whether it may pass by itself: whoever issues tokens could not be reached, and refused nothing.
    pub passing: bool,
}

impl CredentialError {
    /// One that a person has to mend.
    fn lasting(name: &str, reason: impl Into<String>) -> Self {
        Self { name: name.to_owned(), reason: reason.into(), passing: false }
    }
}

/// One credential with its secrets at hand.
#[derive(Debug)]
pub struct Definition {
    /// How its value comes about.
    pub kind: Kind,
    /// The key for signatures of notices.
    pub signing_secret: Option<SecretString>,
}

/// How a credential's value comes about.
#[derive(Debug)]
pub enum Kind {
    /// A bearer token as it is.
    Static(SecretString),
    /// A token from the token endpoint, for the application itself.
    ClientCredentials(Box<ClientCredentials>),
}

/// A bearer token, ready to be attached.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// The credential's name in the manifest.
    credential: Arc<str>,
    value: SecretString,
    renewable: bool,
    /// Tells a token that was refused from its successor.
    serial: u64,
}

impl Bearer {
    /// Whether another one can be had if this one is refused.
    pub fn is_renewable(&self) -> bool {
        self.renewable
    }

    /// The value of the `Authorization` header.
    pub(crate) fn header(&self) -> Result<HeaderValue, CredentialError> {
        let text = format!("Bearer {}", self.value.expose_secret());
        let mut header = HeaderValue::from_str(&text).map_err(|_| CredentialError {
            name: self.credential.to_string(),
            reason:
                "the token holds characters that cannot stand in a header, such as a line break that was \
                     copied with it; store it again"
                    .to_owned(),
            passing: false,
        })?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// A token and when it ends.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) value: SecretString,
    pub(crate) lifetime: Option<Duration>,
}

/// What is known of one credential's token.
#[derive(Debug, Default)]
struct Current {
    bearer: Option<Bearer>,
    renew_at: Option<Instant>,
    refused: Option<(Instant, CredentialError)>,
    serial: u64,
}

#[derive(Debug)]
struct Entry {
    name: Arc<str>,
    definition: Definition,
    current: Mutex<Current>,
    /// The serial of the newest token that a vendor refused.
    discarded: AtomicU64,
}

/// All credentials of one pipeline, by name.
#[derive(Debug, Default)]
pub struct Credentials {
    entries: HashMap<String, Entry>,
}

impl Credentials {
    /// Holds these.
    pub fn new(definitions: impl IntoIterator<Item = (String, Definition)>) -> Self {
        let entry = |(name, definition): (String, Definition)| {
            let held = Entry {
                name: name.as_str().into(),
                definition,
                current: Mutex::default(),
                discarded: AtomicU64::new(0),
            };
            (name, held)
        };
        Self { entries: definitions.into_iter().map(entry).collect() }
    }

    /// The bearer token of a credential; asks the token endpoint when there is none that is fresh. However many
    /// callers wait, one request is made.
    pub async fn bearer(&self, name: &str) -> Result<Bearer, CredentialError> {
        let entry = self.entries.get(name).ok_or_else(|| unknown(name))?;
        match &entry.definition.kind {
            Kind::Static(value) => Ok(Bearer {
                credential: Arc::clone(&entry.name),
                value: value.clone(),
                renewable: false,
                serial: 1,
            }),
            Kind::ClientCredentials(client) => entry.fresh(client).await,
        }
    }

    /// Forgets a token that a vendor refused, unless a newer one has taken its place.
    pub fn discard(&self, name: &str, refused: &Bearer) {
        if let Some(entry) = self.entries.get(name) {
            entry.discarded.fetch_max(refused.serial, Ordering::Relaxed);
        }
    }

    /// What a component may know of a credential, as one JSON object.
    pub fn metadata(&self, name: &str) -> Option<String> {
        let entry = self.entries.get(name)?;
        let facts = match &entry.definition.kind {
            Kind::Static(_) => serde_json::json!({ "kind": "static" }),
            Kind::ClientCredentials(client) => {
                serde_json::json!({ "kind": "oauth_client_credentials", "scopes": client.scopes() })
            }
        };
        Some(facts.to_string())
    }

    /// HMAC-SHA256 under the credential's signing secret.
    pub fn hmac_sha256(&self, name: &str, message: &[u8]) -> Result<Vec<u8>, CredentialError> {
        let entry = self.entries.get(name).ok_or_else(|| unknown(name))?;
        let secret = entry.definition.signing_secret.as_ref().ok_or_else(|| {
            CredentialError::lasting(name, "it has no `signing_secret`; add one to its table in the manifest")
        })?;
        // HMAC takes keys of any length, so making it cannot fail.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
            .map_err(|error| CredentialError::lasting(name, error.to_string()))?;
        mac.update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

fn unknown(name: &str) -> CredentialError {
    CredentialError::lasting(name, "it is not defined in the manifest")
}

impl Entry {
    async fn fresh(&self, client: &ClientCredentials) -> Result<Bearer, CredentialError> {
        let mut current = self.current.lock().await;
        if let Some(bearer) = current.usable(self.discarded.load(Ordering::Relaxed)) {
            return Ok(bearer);
        }
        if let Some((_, refused)) = current.refused.as_ref().filter(|(at, _)| at.elapsed() < REMEMBER_REFUSAL)
        {
            return Err(refused.clone());
        }
        match client.token(&self.name).await {
            Ok(token) => Ok(current.take(&self.name, token)),
            Err(error) => {
                current.refused = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

impl Current {
    fn usable(&self, discarded: u64) -> Option<Bearer> {
        let fresh = self.renew_at.is_none_or(|at| Instant::now() < at);
        self.bearer.as_ref().filter(|bearer| fresh && bearer.serial > discarded).cloned()
    }

    fn take(&mut self, credential: &Arc<str>, token: Token) -> Bearer {
        self.serial += 1;
        self.refused = None;
        // A lifetime beyond the end of time never ends.
        let end = |life: Duration| Instant::now().checked_add(life - RENEW_BEFORE.min(life / 10));
        self.renew_at = token.lifetime.and_then(end);
        let bearer = Bearer {
            credential: Arc::clone(credential),
            value: token.value,
            renewable: true,
            serial: self.serial,
        };
        self.bearer = Some(bearer.clone());
        bearer
    }
}

#[cfg(test)]
mod tests;
