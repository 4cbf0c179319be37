//! Reads the secrets that a manifest refers to, and makes credentials of them.
//!
//! A secret lives from here on in a type that shows nothing and is wiped when dropped. All that are missing are told
//! at once, by their place, never by their value.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use secrecy::SecretString;

use crate::credentials::{ClientCredentials, Definition, Kind};
use crate::manifest::{Credential, CredentialKind, Secret};

/// Largest file that holds a secret, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// The environment variables that secrets are read from.
pub struct Environment<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

/// Why one secret is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set, or empty.
    #[error("credential `{credential}`: the environment variable {name} is not set; set it to the {what}")]
    Env {
        /// The credential's name.
        credential: String,
        /// The variable's name.
        name: String,
        /// What it should hold.
        what: &'static str,
    },
    /// The file cannot be used.
    #[error("credential `{credential}`: cannot read the {what} from `{path}`: {reason}")]
    File {
        /// The credential's name.
        credential: String,
        /// The file.
        path: String,
        /// What it should hold.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The token endpoint's address is unusable.
    #[error("credential `{credential}`: {reason}")]
    Endpoint {
        /// The credential's name.
        credential: String,
        /// Why.
        reason: String,
    },
}

/// All secrets that are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsMissing(pub Vec<SecretError>);

impl fmt::Display for SecretsMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SecretsMissing {}

/// Resolves every credential, or says all that is missing.
pub(super) fn resolve(
    credentials: &BTreeMap<String, Credential>,
    client: &reqwest::Client,
    environment: &Environment<'_>,
) -> Result<Vec<(String, Definition)>, SecretsMissing> {
    let mut missing = Vec::new();
    let mut definitions = Vec::new();
    for (name, credential) in credentials {
        let reader = Reader { credential: name, environment };
        let kind = reader.kind(&credential.kind, client);
        let signing = credential.signing_secret.as_ref().map(|secret| reader.read(secret, "signing secret"));
        match (kind, signing.transpose()) {
            (Ok(kind), Ok(signing_secret)) => {
                definitions.push((name.clone(), Definition { kind, signing_secret }));
            }
            (kind, signing) => missing.extend(kind.err().into_iter().chain(signing.err())),
        }
    }
    if missing.is_empty() { Ok(definitions) } else { Err(SecretsMissing(missing)) }
}

/// Reads the secrets of one credential.
struct Reader<'a> {
    credential: &'a str,
    environment: &'a Environment<'a>,
}

impl Reader<'_> {
    fn kind(&self, kind: &CredentialKind, client: &reqwest::Client) -> Result<Kind, SecretError> {
        match kind {
            CredentialKind::Static { value } => Ok(Kind::Static(self.read(value, "token")?)),
            CredentialKind::OauthClientCredentials { token_url, client_id, client_secret, scopes } => {
                let secret = self.read(client_secret, "client secret")?;
                let (url, id) = (token_url.to_string(), client_id.clone());
                let grant = ClientCredentials::new(client.clone(), url, id, secret, scopes.clone());
                let grant = grant.map_err(|reason| SecretError::Endpoint {
                    credential: self.credential.to_owned(),
                    reason,
                })?;
                Ok(Kind::ClientCredentials(Box::new(grant)))
            }
        }
    }

    fn read(&self, secret: &Secret, what: &'static str) -> Result<SecretString, SecretError> {
        match secret {
            Secret::Env(name) => {
                let value = (self.environment.0)(name).filter(|value| !value.trim().is_empty());
                let value = value.ok_or_else(|| self.unset(name, what))?;
                Ok(SecretString::from(value.trim().to_owned()))
            }
            Secret::File(path) => self.file(path, what),
        }
    }

    fn unset(&self, name: &str, what: &'static str) -> SecretError {
        SecretError::Env { credential: self.credential.to_owned(), name: name.to_owned(), what }
    }

    fn file(&self, path: &Path, what: &'static str) -> Result<SecretString, SecretError> {
        let fail = |reason: String| SecretError::File {
            credential: self.credential.to_owned(),
            path: path.display().to_string(),
            what,
            reason,
        };
        let mut text = String::new();
        let file = File::open(path).map_err(|error| fail(error.to_string()))?;
        file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| fail(error.kind().to_string()))?;
        if text.len() as u64 > MAX_FILE {
            return Err(fail(format!("it is larger than {MAX_FILE} bytes")));
        }
        if text.trim().is_empty() {
            return Err(fail("it is empty".to_owned()));
        }
        Ok(SecretString::from(text.trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::capabilities::address::AddressPolicy;
    use crate::capabilities::http::build_client;

    fn credential(value: Secret, signing_secret: Option<Secret>) -> Credential {
        Credential { kind: CredentialKind::Static { value }, origins: Vec::new(), signing_secret }
    }

    fn resolve_one(credential: Credential) -> Result<Vec<(String, Definition)>, SecretsMissing> {
        let client = build_client(AddressPolicy::default(), None).unwrap();
        let environment = |name: &str| (name == "SET").then(|| " value\n".to_owned());
        let credentials = BTreeMap::from([("crm".to_owned(), credential)]);
        resolve(&credentials, &client, &Environment(&environment))
    }

    #[test]
    fn trims_the_line_break_that_comes_with_a_copied_secret() {
        let definitions = resolve_one(credential(Secret::Env("SET".to_owned()), None)).unwrap();
        let Kind::Static(value) = &definitions[0].1.kind else { panic!("another kind") };
        assert_eq!(value.expose_secret(), "value");
    }

    #[test]
    fn tells_all_that_is_missing_at_once() {
        let file = Secret::File("/nonexistent/secret".into());
        let missing = resolve_one(credential(Secret::Env("UNSET".to_owned()), Some(file))).unwrap_err();
        let text = missing.to_string();
        assert!(text.contains("UNSET is not set") && text.contains("/nonexistent/secret"), "{text}");
    }

    #[test]
    fn an_empty_file_is_no_secret() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let missing = resolve_one(credential(Secret::File(file.path().to_owned()), None)).unwrap_err();
        assert!(missing.to_string().contains("it is empty"));
    }
}
