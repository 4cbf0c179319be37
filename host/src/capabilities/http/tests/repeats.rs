//! When a request is sent again, how often, and how long is waited.

use std::time::{Instant, SystemTime};

use tokio::io::AsyncWriteExt;

use super::server::{Server, answer, reply, status};
use super::*;

const REPEATED: [u16; 4] = [429, 502, 503, 504];
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

#[tokio::test]
async fn only_passing_statuses_of_repeatable_requests_are_repeated() {
    let server = Server::start(|_, seen| status(seen.target[1..].parse().unwrap())).await;
    for code in [200, 304, 400, 401, 403, 404, 408, 409, 412, 425, 429, 500, 501, 502, 503, 504, 505, 507] {
        for repeatable in [true, false] {
            let http = http(Bounds { repeats: 2, ..quick() });
            let request = Request { repeatable, ..get(server.url(&format!("/{code}"))) };
            let response = http.send(&egress(&server, &[]), request).await.unwrap();
            assert_eq!(response.status, code);
            let sent = if repeatable && REPEATED.contains(&code) { 3 } else { 1 };
            assert_eq!(counted(&http.tally().sent), sent, "{code} {repeatable}");
            assert_eq!(counted(&http.tally().repeated), sent - 1, "{code} {repeatable}");
            let throttled = if matches!(code, 429 | 503) { sent } else { 0 };
            assert_eq!(counted(&http.tally().throttled), throttled, "{code} {repeatable}");
        }
    }
}

#[tokio::test]
async fn a_repeat_is_the_same_request_and_its_answer_counts() {
    let server = Server::start(|number, _| status(if number < 2 { 503 } else { 201 })).await;
    let mut request = get(server.url("/x?y=1"));
    request.method = "POST".to_owned();
    request.headers.push(("x-id".to_owned(), "7".to_owned()));
    request.body = Some(b"body".to_vec());
    let response = http(quick()).send(&egress(&server, &[]), request).await.unwrap();
    assert_eq!(response.status, 201);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    for one in seen {
        assert_eq!(
            (one.target.as_str(), one.header("x-id"), &*one.body),
            ("/x?y=1", Some("7"), &b"body"[..])
        );
    }
}

#[tokio::test]
async fn the_time_for_all_attempts_bounds_the_repeats() {
    let server = Server::start(|_, _| status(503)).await;
    let bounds = Bounds { repeats: usize::MAX, first_wait: 20 * MS, total: 150 * MS, ..quick() };
    let started = Instant::now();
    let response = http(bounds).send(&egress(&server, &[]), get(server.url("/"))).await.unwrap();
    assert_eq!(response.status, 503);
    assert!(started.elapsed() < Duration::from_secs(5));
    // Waits of at least 20, 40 and 80 ms: a fifth attempt would come after the deadline.
    assert!((2..=4).contains(&server.seen().len()), "{}", server.seen().len());
}

#[tokio::test]
async fn a_broken_connection_is_repeated_where_that_is_safe() {
    let server = Server::raw(|number, mut stream| async move {
        if number % 3 == 2 {
            reply(&mut stream, OK).await;
        }
    })
    .await;
    let http = http(quick());
    let response = http.send(&egress(&server, &[]), get(server.url("/"))).await.unwrap();
    assert_eq!(response.body, b"ok");
    assert_eq!(counted(&http.tally().sent), 3);
    let error = http.send(&egress(&server, &[]), once(server.url("/"))).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
    assert_eq!(counted(&http.tally().sent), 4);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_broken_connection() {
    let server = Server::raw(|number, mut stream| async move {
        let half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
        reply(&mut stream, if number == 1 { OK } else { half }).await;
    })
    .await;
    let http = http(quick());
    assert_eq!(http.send(&egress(&server, &[]), get(server.url("/"))).await.unwrap().body, b"ok");
    let error = http.send(&egress(&server, &[]), once(server.url("/"))).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_repeated_where_that_is_safe() {
    let server = Server::raw(|number, mut stream| async move {
        if number == 1 {
            reply(&mut stream, OK).await;
        } else {
            // Headers alone, then silence: the whole answer has to come in time.
            reply(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n").await;
            std::future::pending::<()>().await;
        }
    })
    .await;
    let http = http(Bounds { attempt: 100 * MS, ..quick() });
    assert_eq!(http.send(&egress(&server, &[]), get(server.url("/"))).await.unwrap().body, b"ok");
    let error = http.send(&egress(&server, &[]), once(server.url("/"))).await.unwrap_err();
    assert_eq!(error, HttpError::TimedOut(server.origin()));
    assert_eq!(counted(&http.tally().sent), 3);
}

#[tokio::test]
async fn silence_ends_with_the_time_for_all_attempts() {
    let server = Server::raw(|_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let bounds = Bounds { attempt: Duration::from_secs(60), total: 80 * MS, ..quick() };
    let started = Instant::now();
    let error = http(bounds).send(&egress(&server, &[]), get(server.url("/"))).await.unwrap_err();
    assert_eq!(error, HttpError::TimedOut(server.origin()));
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// Asks to wait so long once, then answers.
async fn patient(wait: String) -> Server {
    Server::start(move |number, _| match number {
        0 => answer(429, &[("Retry-After", wait.as_str())], ""),
        _ => status(200),
    })
    .await
}

#[tokio::test]
async fn a_fraction_of_a_second_is_waited_out() {
    let server = patient("0.15".to_owned()).await;
    let response = http(quick()).send(&egress(&server, &[]), get(server.url("/"))).await.unwrap();
    assert_eq!(response.status, 200);
    let seen = server.seen();
    assert!(seen[1].at - seen[0].at >= 150 * MS, "{:?}", seen[1].at - seen[0].at);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_returns_the_answer_at_once() {
    let hour = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
    for wait in ["3600", "21", "1e19", &hour] {
        let server = patient(wait.to_owned()).await;
        let started = Instant::now();
        let response = http(quick()).send(&egress(&server, &[]), get(server.url("/"))).await.unwrap();
        assert_eq!((response.status, server.seen().len()), (429, 1), "{wait}");
        assert!(started.elapsed() < Duration::from_secs(5), "{wait}");
    }
}

#[tokio::test]
async fn a_wait_that_makes_no_sense_is_replaced_by_our_own() {
    let past = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(3600));
    for wait in ["0", "-5", "soon", "NaN", "inf", "1e300", "", &past] {
        let server = patient(wait.to_owned()).await;
        let response = http(quick()).send(&egress(&server, &[]), get(server.url("/"))).await.unwrap();
        assert_eq!((response.status, server.seen().len()), (200, 2), "{wait}");
    }
}

#[test]
fn reads_seconds_fractions_and_dates() {
    let asked = |text: &str| {
        let headers = vec![("retry-after".to_owned(), text.to_owned())];
        wait_asked_for(&Response { status: 429, headers, body: Vec::new() })
    };
    assert_eq!(asked("120"), Some(Duration::from_secs(120)));
    assert_eq!(asked(" 2.5 "), Some(Duration::from_millis(2500)));
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(600));
    let left = asked(&date).unwrap();
    assert!((598..=600).contains(&left.as_secs()), "{left:?}");
    assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
    assert_eq!(asked("later"), None);
}

/// The first request is told to wait; one of the same governor and one of another follow at once.
async fn pause_shared(first: fn(String) -> Request) {
    let server = Server::start(|number, _| match number {
        0 => answer(503, &[("Retry-After", "0.3")], ""),
        _ => status(200),
    })
    .await;
    let http = http_with(quick(), credentials(fixed("token")));
    let egress = egress(&server, &["crm"]);
    let follow = async {
        while server.seen().is_empty() || counted(&http.tally().throttled) == 0 {
            tokio::task::yield_now().await;
        }
        // The pause is set before the first request is either handed over or waits.
        sleep(5 * MS).await;
        let other = Request { credential: Some("crm".to_owned()), ..get(server.url("/other")) };
        let (same, other) =
            tokio::join!(http.send(&egress, get(server.url("/same"))), http.send(&egress, other));
        (same.unwrap(), other.unwrap())
    };
    let (_, _) = tokio::join!(http.send(&egress, first(server.url("/first"))), follow);
    let seen = server.seen();
    let at = |target: &str| seen.iter().rev().find(|one| one.target == target).unwrap().at;
    assert!(at("/same") - seen[0].at >= 300 * MS, "held back");
    assert!(at("/other") < at("/same"), "not held back");
}

#[tokio::test]
async fn a_pause_holds_back_all_that_share_origin_and_credential() {
    pause_shared(get).await;
}

#[tokio::test]
async fn a_pause_counts_for_the_others_even_if_the_first_is_not_repeatable() {
    pause_shared(once).await;
}

#[tokio::test]
async fn a_closed_connection_that_was_kept_does_no_harm() {
    let server = Server::raw(|_, mut stream| async move {
        // Kept alive by its headers, closed all the same.
        reply(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let _ = stream.shutdown().await;
    })
    .await;
    let http = http(quick());
    for _ in 0..3 {
        assert_eq!(http.send(&egress(&server, &[]), get(server.url("/"))).await.unwrap().status, 200);
        sleep(2 * MS).await;
    }
}
