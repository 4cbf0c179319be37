//! A request arrives as it was given, and a response as it was sent.

use super::server::{Server, answer, status};
use super::*;

#[tokio::test]
async fn method_url_headers_and_body_arrive_exactly_as_given() {
    let server = Server::start(|_, _| status(204)).await;
    let target = "/rest/x?q=owner&owner=(a:urn%3Ali%3Ab%3A1)&l=List(1,2)&f=a(b%27c%27)&empty=&%C3%A4";
    let mut request = get(server.url(target));
    request.method = "PATCH".to_owned();
    request.headers = [("X-Many", "one"), ("x-many", "two"), ("If-Match", "W/\"5\""), ("accept", "a/b")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let body: Vec<u8> = (0..=255).collect();
    request.body = Some(body.clone());
    let response = http(quick()).send(&egress(&server, &[]), request).await.unwrap();
    assert_eq!(response.status, 204);
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("PATCH", target));
    assert_eq!(seen.headers.get_all("x-many").iter().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!((seen.header("if-match"), seen.header("accept")), (Some("W/\"5\""), Some("a/b")));
    assert_eq!(seen.body, body);
    assert_eq!(seen.header("content-length"), Some("256"));
}

#[tokio::test]
async fn no_body_means_none_and_nothing_of_the_process_is_told() {
    let server = Server::start(|_, _| answer(200, &[("Set-Cookie", "a=b")], "")).await;
    let http = http(quick());
    for _ in 0..2 {
        http.send(&egress(&server, &[]), get(server.url("/"))).await.unwrap();
    }
    for seen in server.seen() {
        assert!(seen.body.is_empty());
        for name in ["cookie", "authorization", "referer", "content-type"] {
            assert_eq!(seen.header(name), None, "{name}");
        }
        assert_eq!(seen.header("user-agent"), Some(concat!("sluice/", env!("CARGO_PKG_VERSION"))));
    }
}

#[tokio::test]
async fn every_status_is_a_response() {
    let server = Server::start(|_, seen| {
        let code = seen.target.trim_start_matches('/').parse().unwrap();
        answer(code, &[("X-Facts", "kept")], if matches!(code, 204 | 304) { "" } else { "text" })
    })
    .await;
    let http = http(Bounds { repeats: 0, ..quick() });
    for code in [200, 201, 204, 299, 300, 304, 400, 401, 403, 404, 409, 412, 426, 429, 451, 500, 503, 599] {
        let response = http.send(&egress(&server, &[]), get(server.url(&format!("/{code}")))).await.unwrap();
        assert_eq!(response.status, code);
        assert!(response.headers.contains(&("x-facts".to_owned(), "kept".to_owned())), "{code}");
        assert_eq!(response.body.is_empty(), matches!(code, 204 | 304), "{code}");
    }
}

#[tokio::test]
async fn redirects_are_handed_over_and_not_followed() {
    let server = Server::start(|_, _| answer(302, &[("Location", "/elsewhere")], "")).await;
    for code in ["GET", "POST"] {
        let request = Request { method: code.to_owned(), ..get(server.url("/start")) };
        let response = http(quick()).send(&egress(&server, &[]), request).await.unwrap();
        assert_eq!(response.status, 302);
        assert!(response.headers.contains(&("location".to_owned(), "/elsewhere".to_owned())));
    }
    assert!(server.seen().iter().all(|seen| seen.target == "/start"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_requests_are_under_way_than_allowed() {
    let under_way = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let peak = Arc::clone(&under_way);
    let server = Server::raw(move |_, mut stream| {
        let under_way = Arc::clone(&under_way);
        async move {
            let now = under_way.0.fetch_add(1, Ordering::SeqCst) + 1;
            under_way.1.fetch_max(now, Ordering::SeqCst);
            sleep(5 * MS).await;
            under_way.0.fetch_sub(1, Ordering::SeqCst);
            server::reply(&mut stream, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
        }
    })
    .await;
    let http = http(Bounds { at_once: 3, ..quick() });
    let egress = egress(&server, &[]);
    let sends = (0..20).map(|_| http.send(&egress, get(server.url("/"))));
    for response in futures_util::future::join_all(sends).await {
        assert_eq!(response.unwrap().status, 204);
    }
    assert_eq!(peak.1.load(Ordering::SeqCst), 3);
}
