//! Credentials are attached as told, where they are tied, and renewed once.

use super::server::{Seen, Server, status, token};
use super::*;

fn with(credential: &str, url: String) -> Request {
    Request { credential: Some(credential.to_owned()), ..once(url) }
}

fn is_token(seen: &Seen) -> bool {
    seen.target == "/token"
}

#[tokio::test]
async fn only_the_named_credential_is_attached_and_only_when_named() {
    let server = Server::start(|_, _| status(200)).await;
    let both = [("crm".to_owned(), fixed("token-a")), ("ads".to_owned(), fixed("token-b"))];
    let http = http_with(quick(), Credentials::new(both));
    let egress = egress(&server, &["crm", "ads"]);
    for request in [once(server.url("/")), with("ads", server.url("/")), with("crm", server.url("/"))] {
        http.send(&egress, request).await.unwrap();
    }
    let seen = server.seen();
    let attached: Vec<_> = seen.iter().map(|one| one.header("authorization")).collect();
    assert_eq!(attached, [None, Some("Bearer token-b"), Some("Bearer token-a")]);
}

#[tokio::test]
async fn the_attached_header_is_marked_sensitive() {
    let bearer = credentials(fixed("secret-value")).bearer("crm").await.unwrap();
    let header = bearer.header().unwrap();
    assert!(header.is_sensitive());
    assert!(!format!("{header:?} {bearer:?}").contains("secret-value"));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_even_if_the_request_is_not_repeatable() {
    let server = Server::start(|number, seen| match (is_token(seen), seen.header("authorization")) {
        (true, _) => token(number),
        (false, Some("Bearer token-0")) => status(401),
        (false, _) => status(200),
    })
    .await;
    let http = http_with(quick(), credentials(renewable(&server)));
    let response = http.send(&egress(&server, &["crm"]), with("crm", server.url("/"))).await.unwrap();
    assert_eq!(response.status, 200);
    let targets: Vec<_> = server.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets, ["/token", "/", "/token", "/"]);
    assert_eq!(counted(&http.tally().repeated), 0, "a renewal is no repeat");
}

#[tokio::test]
async fn a_second_refusal_is_handed_over() {
    let server = Server::start(|number, seen| if is_token(seen) { token(number) } else { status(401) }).await;
    let http = http_with(quick(), credentials(renewable(&server)));
    for repeatable in [true, false] {
        let request = Request { repeatable, ..with("crm", server.url("/")) };
        let response = http.send(&egress(&server, &["crm"]), request).await.unwrap();
        assert_eq!(response.status, 401);
    }
    assert_eq!(server.seen().iter().filter(|seen| !is_token(seen)).count(), 4);
}

#[tokio::test]
async fn a_refused_token_that_cannot_be_renewed_is_handed_over_at_once() {
    let server = Server::start(|_, _| status(401)).await;
    let http = http_with(quick(), credentials(fixed("token")));
    let response = http.send(&egress(&server, &["crm"]), with("crm", server.url("/"))).await.unwrap();
    assert_eq!((response.status, server.seen().len()), (401, 1));
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let server = Server::start(|_, _| status(200)).await;
    let http = http_with(quick(), credentials(fixed("first\nsecond")));
    let error = http.send(&egress(&server, &["crm"]), with("crm", server.url("/"))).await.unwrap_err();
    assert!(matches!(&error, HttpError::Credential(_)), "{error:?}");
    assert!(server.seen().is_empty());
    let text = error.to_string();
    assert!(text.starts_with("credential `crm`: the token holds characters"), "{text}");
    assert!(!text.contains("first") && !text.contains("second"), "{text}");
}
