//! What goes over the wire, against small servers on loopback.

mod attachment;
mod bodies;
mod delivery;
mod refusals;
mod repeats;
mod server;

use std::sync::atomic::Ordering;
use std::time::Duration;

use secrecy::SecretString;

use self::server::Server;
use super::*;
use crate::capabilities::address::AddressPolicy;
use crate::credentials::{ClientCredentials, Definition, Kind};

const MS: Duration = Duration::from_millis(1);

/// Bounds under which nothing waits noticeably.
fn quick() -> Bounds {
    Bounds { first_wait: MS, repeats: 3, total: Duration::from_secs(20), ..Bounds::default() }
}

fn http(bounds: Bounds) -> Http {
    http_with(bounds, Credentials::default())
}

fn http_with(bounds: Bounds, credentials: Credentials) -> Http {
    let client = build_client(AddressPolicy::default(), None).unwrap();
    Http::new(client, Arc::new(credentials), bounds)
}

/// Grants the server's origin, with these credentials tied to it.
fn egress(server: &Server, credentials: &[&str]) -> Egress {
    let tied = credentials.iter().map(|name| ((*name).to_owned(), vec![server.origin()]));
    Egress::new([server.origin()], tied)
}

fn get(url: String) -> Request {
    let method = "GET".to_owned();
    Request { method, url, headers: Vec::new(), body: None, credential: None, repeatable: true }
}

fn once(url: String) -> Request {
    Request { repeatable: false, ..get(url) }
}

fn fixed(token: &str) -> Definition {
    Definition { kind: Kind::Static(SecretString::from(token.to_owned())), signing_secret: None }
}

/// A credential whose tokens come from the server's `/token`.
fn renewable(server: &Server) -> Definition {
    let client = build_client(AddressPolicy::default(), None).unwrap();
    let secret = SecretString::from("client-secret".to_owned());
    let grant = ClientCredentials::new(client, server.url("/token"), "app".to_owned(), secret, Vec::new());
    Definition { kind: Kind::ClientCredentials(Box::new(grant.unwrap())), signing_secret: None }
}

fn credentials(definition: Definition) -> Credentials {
    Credentials::new([("crm".to_owned(), definition)])
}

fn counted(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
