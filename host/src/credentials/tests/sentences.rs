//! What a person is told when there is no token, and what nobody is ever told.

use secrecy::SecretString;

use super::super::*;
use super::endpoint::{CLIENT_SECRET, Endpoint, SIGNING_SECRET, answer, definition, token};

/// The sentence for an answer of the token endpoint.
async fn told(status: u16, body: impl Into<String>) -> String {
    let body = body.into();
    let endpoint = Endpoint::start(move |_| answer(status, body.clone())).await;
    let error = endpoint.credentials().bearer("crm").await.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.name, "crm");
    for secret in [CLIENT_SECRET, SIGNING_SECRET, "tenant-secret", "Trace ID"] {
        assert!(!format!("{error} {error:?}").contains(secret), "{text}");
    }
    let origin = endpoint.url.split("/tenant").next().unwrap();
    assert!(text.contains(&format!("`{origin}`")), "{text}");
    text.replace(origin, "ORIGIN")
}

#[tokio::test]
async fn a_refusal_is_told_in_the_vendors_first_sentence_with_what_to_check() {
    let verbose = r#"{"error":"invalid_client","error_description":"E7000215: Invalid client secret provided. Ensure the secret being sent is the client secret value.\r\nTrace ID: 1 Correlation ID: 2","error_codes":[7000215],"trace_id":"1"}"#;
    let check = "; check `client_id`, `client_secret`, `scopes` and the tenant in `token_url`";
    assert_eq!(
        told(401, verbose).await,
        format!(
            "credential `crm`: `ORIGIN` refused it (invalid_client): E7000215: Invalid client secret provided. \
             Ensure the secret being sent is the client secret value{check}"
        )
    );
    let bare = r#"{"error":"invalid_client"}"#;
    assert_eq!(
        told(400, bare).await,
        format!("credential `crm`: `ORIGIN` refused it (invalid_client){check}")
    );
}

#[tokio::test]
async fn an_answer_that_is_none_of_a_token_endpoint_points_at_the_url() {
    for (status, body) in [
        (200, "<html>Sign in, jane@example.test</html>"),
        (404, "<html>Not found</html>"),
        (200, "{}"),
        (200, ""),
        (302, ""),
    ] {
        let text = told(status, body).await;
        let expected = "credential `crm`: `ORIGIN` did not answer like a token endpoint; check `token_url`";
        assert_eq!(text, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn a_broken_or_endless_endpoint_is_told_as_such() {
    let text = told(503, "<html>busy</html>").await;
    assert_eq!(text, "credential `crm`: `ORIGIN`: the token endpoint answered with status 503");
    let text = told(200, "x".repeat((64 << 10) + 1)).await;
    assert_eq!(text, "credential `crm`: `ORIGIN`: the token endpoint's answer is larger than 65536 bytes");
}

#[tokio::test]
async fn nobody_at_the_endpoint_is_told_without_its_path() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let credentials = Credentials::new([("crm".to_owned(), definition(&format!("{origin}/tenant-secret")))]);
    let text = credentials.bearer("crm").await.unwrap_err().to_string();
    let start = format!("credential `crm`: `{origin}`: the token endpoint gave no answer: ");
    assert!(text.starts_with(&start), "{text}");
    assert!(text.to_lowercase().contains("connection refused"), "{text}");
    assert!(!text.contains("tenant-secret"), "{text}");
}

#[tokio::test]
async fn nothing_that_can_be_printed_shows_a_secret() {
    let endpoint = Endpoint::start(|number| token(number, 3600)).await;
    let credentials = endpoint.credentials();
    let bearer = credentials.bearer("crm").await.unwrap();
    let fixed = Definition {
        kind: Kind::Static(SecretString::from("hidden-static".to_owned())),
        signing_secret: None,
    };
    let token = Token { value: SecretString::from("hidden-token".to_owned()), lifetime: None };
    let shown = format!("{credentials:?} {bearer:?} {fixed:?} {token:?} {:?}", bearer.header());
    for secret in [CLIENT_SECRET, SIGNING_SECRET, "token-0", "hidden"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn metadata_names_kind_and_scopes_and_nothing_else() {
    let credentials = Credentials::new([
        ("crm".to_owned(), definition("https://login.example.test/token")),
        (
            "ads".to_owned(),
            Definition { kind: Kind::Static(SecretString::from("x".to_owned())), signing_secret: None },
        ),
    ]);
    let facts: serde_json::Value = serde_json::from_str(&credentials.metadata("crm").unwrap()).unwrap();
    let scopes = ["https://crm.example.test/.default"];
    assert_eq!(facts, serde_json::json!({ "kind": "oauth_client_credentials", "scopes": scopes }));
    assert_eq!(credentials.metadata("ads").as_deref(), Some(r#"{"kind":"static"}"#));
    assert_eq!(credentials.metadata("other"), None);
}

#[tokio::test]
async fn a_token_with_a_line_break_names_its_credential() {
    let kind = Kind::Static(SecretString::from("first\nsecond".to_owned()));
    let credentials = Credentials::new([("ads".to_owned(), Definition { kind, signing_secret: None })]);
    let error = credentials.bearer("ads").await.unwrap().header().unwrap_err();
    assert_eq!(
        error.to_string(),
        "credential `ads`: the token holds characters that cannot stand in a header, such as a line break that was \
         copied with it; store it again"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn signatures_are_hmac_sha256_over_the_bytes_as_they_are() {
    let credentials = Credentials::new([("hook".to_owned(), definition("https://login.example.test/token"))]);
    // Computed with another implementation of HMAC-SHA256 (RFC 2104).
    let body = r#"{"event":"created","order":"A-1"}"#;
    let prefixed = format!("sha256={body}");
    for (message, expected) in [
        (
            "7f1b0c62-3a55-4d1e-9c40-5d2a0b6f8e11",
            "8406d8ef782774ef39371d2f9b92465311ce702a4fb38c629501a32af2240939",
        ),
        (&*prefixed, "2eb478973c329ed318b81bd4ea2d40f70d6ccac5f3fb6ed02c8d45fd2bda9e03"),
        (body, "16132bf3bee2f6f649d46e7c8ede0de82744e210d46d17970afdf4ea8e723471"),
    ] {
        assert_eq!(hex(&credentials.hmac_sha256("hook", message.as_bytes()).unwrap()), expected);
    }
}

#[test]
fn without_a_signing_secret_there_is_no_signature() {
    let kind = Kind::Static(SecretString::from("x".to_owned()));
    let credentials = Credentials::new([("ads".to_owned(), Definition { kind, signing_secret: None })]);
    let text = credentials.hmac_sha256("ads", b"").unwrap_err().to_string();
    assert_eq!(text, "credential `ads`: it has no `signing_secret`; add one to its table in the manifest");
    assert!(credentials.hmac_sha256("other", b"").unwrap_err().to_string().contains("not defined"));
}
