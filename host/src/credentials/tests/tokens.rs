//! The life of a token.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{advance, pause, resume};

use super::super::*;
use super::endpoint::{Endpoint, answer, token};

fn value(bearer: &Bearer) -> String {
    bearer.header().unwrap().to_str().unwrap().to_owned()
}

/// Lets time pass without waiting. The clock stands still only meanwhile, so that real sockets keep working.
async fn pass(seconds: u64) {
    pause();
    advance(Duration::from_secs(seconds)).await;
    resume();
}

#[tokio::test]
async fn the_grant_is_asked_for_as_the_standard_says() {
    let endpoint = Endpoint::start(|number| token(number, 3600)).await;
    let bearer = endpoint.credentials().bearer("crm").await.unwrap();
    assert!(bearer.is_renewable());
    let form = endpoint.form.lock().unwrap().clone();
    let pairs: HashMap<_, _> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let expected = [
        ("grant_type", "client_credentials"),
        ("scope", "https://crm.example.test/.default"),
        ("client_id", "app-id"),
        ("client_secret", super::endpoint::CLIENT_SECRET),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(pairs, expected);
}

#[tokio::test]
async fn however_many_wait_at_expiry_one_request_is_made() {
    let endpoint = Endpoint::start(|number| token(number, 1000)).await;
    let credentials = endpoint.credentials();
    for round in 0..2 {
        let bearers = join_all((0..200).map(|_| credentials.bearer("crm"))).await;
        for bearer in bearers {
            assert_eq!(value(&bearer.unwrap()), format!("Bearer token-{round}"));
        }
        assert_eq!(endpoint.asked(), round + 1);
        pass(1000).await;
    }
}

#[tokio::test]
async fn a_token_is_renewed_a_tenth_of_its_life_before_its_end_and_at_most_five_minutes() {
    for (lifetime_s, fresh_s) in [(1000, 900), (7200, 6900), (3, 2)] {
        let endpoint = Endpoint::start(move |number| token(number, lifetime_s)).await;
        let credentials = endpoint.credentials();
        credentials.bearer("crm").await.unwrap();
        pass(fresh_s - 1).await;
        assert_eq!(value(&credentials.bearer("crm").await.unwrap()), "Bearer token-0", "{lifetime_s}");
        pass(2).await;
        assert_eq!(value(&credentials.bearer("crm").await.unwrap()), "Bearer token-1", "{lifetime_s}");
    }
}

#[tokio::test]
async fn a_token_without_a_sensible_end_is_kept_until_it_is_refused() {
    for lifetime in ["", r#","expires_in":18446744073709551615"#] {
        let endpoint = Endpoint::start(move |number| {
            answer(200, format!(r#"{{"access_token":"token-{number}","token_type":"Bearer"{lifetime}}}"#))
        })
        .await;
        let credentials = endpoint.credentials();
        let first = credentials.bearer("crm").await.unwrap();
        pass(10_000_000).await;
        assert_eq!(value(&credentials.bearer("crm").await.unwrap()), "Bearer token-0", "{lifetime}");
        credentials.discard("crm", &first);
        assert_eq!(value(&credentials.bearer("crm").await.unwrap()), "Bearer token-1", "{lifetime}");
    }
}

#[tokio::test]
async fn only_the_refused_token_is_discarded_never_its_successor() {
    let endpoint = Endpoint::start(|number| token(number, 3600)).await;
    let credentials = endpoint.credentials();
    let stale = credentials.bearer("crm").await.unwrap();
    credentials.discard("crm", &stale);
    assert_eq!(value(&credentials.bearer("crm").await.unwrap()), "Bearer token-1");
    // Someone whose request was under way meanwhile learns of the refusal later.
    credentials.discard("crm", &stale);
    assert_eq!(value(&credentials.bearer("crm").await.unwrap()), "Bearer token-1");
    assert_eq!(endpoint.asked(), 2);
    credentials.discard("no_such", &stale);
}

#[tokio::test]
async fn a_refusal_is_remembered_for_all_who_wait_and_then_asked_again() {
    let endpoint = Endpoint::start(|number| match number {
        0 => answer(401, r#"{"error":"invalid_client"}"#),
        _ => token(number, 3600),
    })
    .await;
    let credentials = endpoint.credentials();
    let refusals = join_all((0..200).map(|_| credentials.bearer("crm"))).await;
    let first = refusals[0].as_ref().unwrap_err().clone();
    assert!(refusals.iter().all(|refusal| refusal.as_ref().err() == Some(&first)));
    assert_eq!(endpoint.asked(), 1);
    pass(REMEMBER_REFUSAL.as_secs() - 1).await;
    assert_eq!(credentials.bearer("crm").await.unwrap_err(), first);
    assert_eq!(endpoint.asked(), 1);
    pass(1).await;
    assert_eq!(value(&credentials.bearer("crm").await.unwrap()), "Bearer token-1");
}

#[tokio::test]
async fn passing_faults_are_repeated_and_no_others() {
    for status in [500, 503, 429] {
        let endpoint = Endpoint::start(move |number| match number {
            0..3 => answer(status, "busy"),
            _ => token(number, 3600),
        })
        .await;
        assert_eq!(value(&endpoint.credentials().bearer("crm").await.unwrap()), "Bearer token-3", "{status}");
    }
    let endpoint = Endpoint::start(|number| match number {
        0 => answer(400, r#"{"error":"temporarily_unavailable"}"#),
        _ => token(number, 3600),
    })
    .await;
    assert_eq!(value(&endpoint.credentials().bearer("crm").await.unwrap()), "Bearer token-1");
    for (status, asked) in [(500, 5), (400, 1)] {
        let endpoint = Endpoint::start(move |_| answer(status, r#"{"error":"invalid_request"}"#)).await;
        endpoint.credentials().bearer("crm").await.unwrap_err();
        assert_eq!(endpoint.asked(), asked, "{status}");
    }
}

#[tokio::test]
async fn what_is_not_defined_has_no_token() {
    let error = Credentials::default().bearer("crm").await.unwrap_err();
    assert_eq!(error.to_string(), "credential `crm`: it is not defined in the manifest");
}
