//! What is refused, how each kind of trouble is told apart, and what no error ever says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::server::{Server, deaf_port, reply, status};
use super::*;
use crate::capabilities::resolver::allowed;

const SECRETS: [&str; 4] = ["secret-path", "jane", "hidden-token", "body-of-jane"];

/// A request that carries something private wherever it can.
fn private(origin: &str) -> Request {
    Request {
        method: "POST".to_owned(),
        url: format!("{origin}/secret-path?email=jane%40example.test"),
        headers: vec![("x-token".to_owned(), "hidden-token".to_owned())],
        body: Some(b"body-of-jane".to_vec()),
        credential: None,
        repeatable: false,
    }
}

fn assert_silent(error: &HttpError) {
    let told = format!("{error} {error:?}");
    for secret in SECRETS {
        assert!(!told.contains(secret), "{told}");
    }
}

#[tokio::test]
async fn what_is_not_granted_is_denied_counted_and_never_sent() {
    let server = Server::start(|_, _| status(200)).await;
    let http = http_with(quick(), credentials(fixed("hidden-token")));
    let nothing = Egress::default();
    let origin_only = egress(&server, &[]);
    let base = server.origin().to_string();
    let error = http.send(&nothing, private(&base)).await.unwrap_err();
    assert!(matches!(error, HttpError::Denied(_)), "{error:?}");
    assert!(error.to_string().contains(&base), "{error}");
    assert_silent(&error);
    let request = Request { credential: Some("crm".to_owned()), ..private(&base) };
    let error = http.send(&origin_only, request).await.unwrap_err();
    assert!(matches!(error, HttpError::Denied(_)), "{error:?}");
    assert_silent(&error);
    assert_eq!((counted(&http.tally().denied), counted(&http.tally().malformed)), (2, 0));
    assert_eq!((counted(&http.tally().sent), server.seen().len()), (0, 0));
}

#[tokio::test]
async fn what_may_not_go_on_the_wire_is_malformed_and_not_counted_as_denied() {
    let server = Server::start(|_, _| status(200)).await;
    let http = http(quick());
    let base = server.origin().to_string();
    let header = |name: &str, value: &str| {
        let mut request = private(&base);
        request.headers.push((name.to_owned(), value.to_owned()));
        request
    };
    let requests = [
        header("authorization", "hidden-token"),
        header("x-name", "hidden-token\r\nx-other: 1"),
        header("x name", "hidden-token"),
        Request { method: "NO METHOD".to_owned(), ..private(&base) },
        Request { url: format!("{base}/secret-path?q= jane"), ..private(&base) },
    ];
    let count = requests.len() as u64;
    for request in requests {
        let error = http.send(&egress(&server, &[]), request).await.unwrap_err();
        assert!(matches!(error, HttpError::Malformed(_)), "{error:?}");
        assert_silent(&error);
    }
    assert_eq!((counted(&http.tally().denied), counted(&http.tally().malformed)), (0, count));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn nobody_there_a_silent_one_and_a_flood_are_told_apart() {
    let base = format!("http://127.0.0.1:{}", deaf_port().await);
    let origin = Origin::parse(&base).unwrap();
    let granted = Egress::new([origin.clone()], []);
    let error = http(quick()).send(&granted, private(&base)).await.unwrap_err();
    assert!(matches!(&error, HttpError::Unreachable { origin: at, .. } if *at == origin), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert_silent(&error);

    let server = Server::raw(|_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let bounds = Bounds { attempt: 40 * MS, ..quick() };
    let error = http(bounds).send(&egress(&server, &[]), private(&server.url(""))).await.unwrap_err();
    assert_eq!(error, HttpError::TimedOut(server.origin()));
    assert_silent(&error);

    let server = Server::raw(|_, mut stream| async move {
        reply(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n").await;
    })
    .await;
    let error = http(quick()).send(&egress(&server, &[]), private(&server.url(""))).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { .. }), "{error:?}");
    assert!(error.to_string().contains("`limits.response_bytes`"), "{error}");
    assert_silent(&error);
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_no_answer() {
    let server = Server::raw(|_, mut stream| async move {
        reply(&mut stream, "SSH-2.0-jane\r\n\r\n").await;
    })
    .await;
    let error = http(quick()).send(&egress(&server, &[]), private(&server.url(""))).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
    assert_silent(&error);
}

/// Resolves every name to loopback, behind the default policy.
struct Inside;

impl Resolve for Inside {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)];
            let kept = allowed(&AddressPolicy::default(), name.as_str(), found)?;
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_denied_and_not_repeated() {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).dns_resolver(Inside).build();
    let http = Http::new(client.unwrap(), Arc::default(), quick());
    let base = "https://api.example.test";
    let granted = Egress::new([Origin::parse(base).unwrap()], []);
    let request = Request { repeatable: true, ..private(base) };
    let error = http.send(&granted, request).await.unwrap_err();
    let HttpError::Denied(reason) = &error else { panic!("{error:?}") };
    assert!(reason.contains("`api.example.test` resolves to 127.0.0.1"), "{reason}");
    assert!(reason.contains("add \"127.0.0.1\" to `private_addresses`"), "{reason}");
    assert_silent(&error);
    assert_eq!((counted(&http.tally().sent), counted(&http.tally().denied)), (1, 1));
}

#[tokio::test]
async fn the_client_asks_the_policy_also_for_names_that_lead_to_this_machine() {
    // `localhost` is granted in so many words; its own resolver is what says so.
    let server = Server::start(|_, _| status(200)).await;
    let base = format!("http://localhost:{}", server.origin().port());
    let granted = Egress::new([Origin::parse(&base).unwrap()], []);
    let response = http(quick()).send(&granted, get(format!("{base}/"))).await.unwrap();
    assert_eq!(response.status, 200);
}
