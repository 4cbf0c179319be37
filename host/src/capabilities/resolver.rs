//! Resolves names and judges every address at the moment of dialling.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::AddressPolicy;

/// Why a name is not dialled. Found again in the error chain of the request that asked for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{host}` resolves to {address}, which is not a public address; if that is meant, add \"{address}\" to \
     `private_addresses` under [network] in the manifest"
)]
pub struct NotPublic {
    host: String,
    address: std::net::IpAddr,
}

/// The system's resolver behind the address policy.
#[derive(Debug, Clone)]
pub struct Resolver {
    policy: Arc<AddressPolicy>,
}

impl Resolver {
    /// Judges by `policy`.
    pub fn new(policy: AddressPolicy) -> Self {
        Self { policy: Arc::new(policy) }
    }
}

/// Keeps the addresses that may be dialled; if none may, says which was the first that may not.
pub(super) fn allowed(
    policy: &AddressPolicy,
    host: &str,
    found: Vec<SocketAddr>,
) -> Result<Vec<SocketAddr>, NotPublic> {
    let refused = found.iter().map(SocketAddr::ip).find(|address| !policy.allows(host, *address));
    let kept: Vec<_> = found.into_iter().filter(|socket| policy.allows(host, socket.ip())).collect();
    match refused {
        Some(address) if kept.is_empty() => Err(NotPublic { host: host.to_owned(), address }),
        _ => Ok(kept),
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        Box::pin(async move {
            let host = name.as_str();
            // Port 0: the client fills in the URL's.
            let found = tokio::net::lookup_host((host, 0)).await?.collect();
            let kept = allowed(&policy, host, found)?;
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    #[test]
    fn a_name_that_leads_inside_is_refused_with_the_line_to_add() {
        let policy = AddressPolicy::default();
        let refusal = allowed(&policy, "api.example.test", sockets(&["169.254.169.254"])).unwrap_err();
        assert!(refusal.to_string().contains("add \"169.254.169.254\" to `private_addresses`"));
    }

    #[test]
    fn of_several_addresses_only_the_public_ones_are_dialled() {
        let policy = AddressPolicy::default();
        let kept = allowed(&policy, "api.example.test", sockets(&["10.0.0.1", "8.8.8.8", "::1"])).unwrap();
        assert_eq!(kept, sockets(&["8.8.8.8"]));
    }
}
