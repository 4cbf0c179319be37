//! Last pass: paths start at the manifest, defaults are filled in, texts become what they mean.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path as FilePath, PathBuf};

use serde_json::Value;
use url::Url;

use crate::origin::Origin;

use super::model::{self, Limits, Schedule, Secret};
use super::validate::Valid;

/// A pipeline, ready to be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// Names its state and reports; lower-case letters, digits and hyphens.
    pub name: String,
    /// When the service runs it.
    pub schedule: Option<Schedule>,
    /// The side that is read.
    pub source: Source,
    /// The side that is written.
    pub sink: Sink,
    /// The credentials by name.
    pub credentials: BTreeMap<String, Credential>,
    /// Bounds of the work.
    pub limits: Limits,
    /// How the network is reached.
    pub network: Network,
    /// The state's file; none where the manifest leaves it to the command line.
    pub store_path: Option<PathBuf>,
}

/// The side that is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The component's file.
    pub component: PathBuf,
    /// The kind of record to read.
    pub stream: String,
    /// The origins that the component may call.
    pub egress: Vec<Origin>,
    /// The names of the credentials that it may use.
    pub credentials: Vec<String>,
    /// Its configuration, a JSON object that fits its schema.
    pub config: Value,
}

/// The side that is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Sink {
    /// The component's file.
    pub component: PathBuf,
    /// The origins that the component may call.
    pub egress: Vec<Origin>,
    /// The names of the credentials that it may use.
    pub credentials: Vec<String>,
    /// Its configuration, a JSON object that fits its schema.
    pub config: Value,
}

/// A named secret that the host holds and attaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// How its value is obtained.
    pub kind: CredentialKind,
    /// The only origins it may be attached to.
    pub origins: Vec<Origin>,
    /// The secret of the contract's `hmac-sha256`.
    pub signing_secret: Option<Secret>,
}

/// How a credential's value is obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialKind {
    /// As it is.
    Static {
        /// Where it is found.
        value: Secret,
    },
    /// By OAuth 2.0 client credentials.
    OauthClientCredentials {
        /// Where tokens are issued; `https`, or `http` to this machine.
        token_url: Url,
        /// The client's id.
        client_id: String,
        /// Where the client's secret is found.
        client_secret: Secret,
        /// The scopes to ask for.
        scopes: Vec<String>,
    },
}

/// How the network is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// Private addresses that granted names may resolve to.
    pub private_addresses: Vec<IpAddr>,
    /// Further root certificates in PEM.
    pub ca_file: Option<PathBuf>,
}

/// A text that validation let through although it does not mean what it must: a fault of ours.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` passed validation but cannot be read")]
pub(super) struct Unresolved(&'static str);

/// Resolves a manifest that stands in the directory `base`.
pub(super) fn resolve(valid: Valid, base: &FilePath) -> Result<Pipeline, Unresolved> {
    let manifest = valid.manifest;
    let credentials = manifest.credentials.into_iter();
    let credentials = credentials.map(|(name, given)| Ok((name, credential(given, base)?)));
    let source = Source {
        component: base.join(manifest.source.component),
        stream: manifest.source.stream,
        egress: origins(&manifest.source.egress)?,
        credentials: manifest.source.credentials,
        config: Value::Object(manifest.source.config),
    };
    let sink = Sink {
        component: base.join(manifest.sink.component),
        egress: origins(&manifest.sink.egress)?,
        credentials: manifest.sink.credentials,
        config: Value::Object(manifest.sink.config),
    };
    Ok(Pipeline {
        name: manifest.name,
        schedule: manifest.schedule,
        source,
        sink,
        credentials: credentials.collect::<Result<_, _>>()?,
        limits: manifest.limits,
        network: network(manifest.network, base)?,
        store_path: manifest.store.path.map(|path| base.join(path)),
    })
}

fn origins(texts: &[String]) -> Result<Vec<Origin>, Unresolved> {
    texts.iter().map(|text| Origin::parse(text).map_err(|_| Unresolved("egress"))).collect()
}

fn network(network: model::Network, base: &FilePath) -> Result<Network, Unresolved> {
    let addresses = network.private_addresses.iter();
    let addresses = addresses.map(|text| text.parse().map_err(|_| Unresolved("private_addresses")));
    Ok(Network {
        private_addresses: addresses.collect::<Result<_, _>>()?,
        ca_file: network.ca_file.map(|path| base.join(path)),
    })
}

fn credential(given: model::Credential, base: &FilePath) -> Result<Credential, Unresolved> {
    let secret = |secret: Secret| match secret {
        Secret::Env(name) => Secret::Env(name),
        Secret::File(path) => Secret::File(base.join(path)),
    };
    match given {
        model::Credential::Static { value, origins: texts, signing_secret } => Ok(Credential {
            kind: CredentialKind::Static { value: secret(value) },
            origins: origins(&texts)?,
            signing_secret: signing_secret.map(secret),
        }),
        model::Credential::OauthClientCredentials {
            token_url,
            client_id,
            client_secret,
            scopes,
            origins: texts,
            signing_secret,
        } => Ok(Credential {
            kind: CredentialKind::OauthClientCredentials {
                token_url: Url::parse(&token_url).map_err(|_| Unresolved("token_url"))?,
                client_id,
                client_secret: secret(client_secret),
                scopes,
            },
            origins: origins(&texts)?,
            signing_secret: signing_secret.map(secret),
        }),
    }
}
