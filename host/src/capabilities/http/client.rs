//! The one HTTP client of the process, stripped of every ambient power.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::capabilities::address::AddressPolicy;
use crate::capabilities::resolver::Resolver;

/// How long dialling may take.
const CONNECT: Duration = Duration::from_secs(15);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of further roots cannot be used.
    #[error("cannot read certificates from `{path}`: {reason}; `ca_file` takes a PEM file", path = .path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// In the system's words.
        reason: String,
    },
    /// The TLS library refused its own settings.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    /// The HTTP library refused its settings.
    #[error("cannot set up the HTTP client: {0}")]
    Http(String),
}

/// Builds the client: rustls with Mozilla's roots (and those of `ca_file`), no redirects, no proxy, no cookies, no
/// repeats of its own, addresses judged by `policy`.
pub fn build_client(policy: AddressPolicy, ca_file: Option<&Path>) -> Result<reqwest::Client, ClientError> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Tls(error.to_string()))?
        .with_root_certificates(roots(ca_file)?)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Resolver::new(policy))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true)
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| ClientError::Http(error.to_string()))
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let Some(path) = ca_file else { return Ok(roots) };
    let fail = |reason: String| ClientError::CaFile { path: path.to_owned(), reason };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| fail(error.to_string()))?;
    let mut found = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| fail(error.to_string()))?;
        roots.add(certificate).map_err(|error| fail(error.to_string()))?;
        found += 1;
    }
    if found == 0 {
        return Err(fail("it holds no certificate".to_owned()));
    }
    Ok(roots)
}
