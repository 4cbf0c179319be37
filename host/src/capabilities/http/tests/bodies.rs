//! A response is never larger in memory than the limit, however it is announced or packed.

use std::io::Write;

use axum::body::Body;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::server::{Server, answer, reply};
use super::*;

const LIMIT: u64 = 64 << 10;

fn limited() -> Bounds {
    Bounds { response_bytes: LIMIT, ..quick() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// In pieces without an announced length, as many as the reader takes.
fn streamed(bytes: u64) -> Body {
    let pieces = (0..bytes.div_ceil(1024)).map(move |piece| {
        let length = 1024.min(bytes - piece * 1024);
        Ok::<_, std::convert::Infallible>(vec![b'x'; usize::try_from(length).unwrap()])
    });
    Body::from_stream(futures_util::stream::iter(pieces))
}

async fn fetch(server: &Server) -> Result<Response, HttpError> {
    http(limited()).send(&egress(server, &[]), get(server.url("/"))).await
}

fn too_large(server: &Server) -> Result<Response, HttpError> {
    Err(HttpError::TooLarge { origin: server.origin(), limit: LIMIT })
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
    let plain = |bytes: u64| Body::from(vec![b'x'; usize::try_from(bytes).unwrap()]);
    for body in [plain as fn(u64) -> Body, streamed] {
        let server = Server::start(move |_, _| answer(200, &[], body(LIMIT))).await;
        assert_eq!(fetch(&server).await.unwrap().body.len() as u64, LIMIT);
        let server = Server::start(move |_, _| answer(200, &[], body(LIMIT + 1))).await;
        assert_eq!(fetch(&server).await, too_large(&server));
        assert_eq!(server.seen().len(), 1, "it would be as large the next time");
    }
}

#[tokio::test]
async fn an_announced_length_is_believed_before_a_byte_is_read() {
    let server = Server::raw(|_, mut stream| async move {
        reply(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(fetch(&server).await, too_large(&server));
}

#[tokio::test]
async fn a_body_without_end_is_cut() {
    let server = Server::start(|_, _| answer(200, &[], streamed(1 << 40))).await;
    assert_eq!(fetch(&server).await, too_large(&server));
}

#[tokio::test]
async fn packed_answers_are_unpacked() {
    let server = Server::start(|_, seen| {
        assert_eq!(seen.header("accept-encoding"), Some("gzip"));
        answer(200, &[("Content-Encoding", "gzip")], gzip(b"unpacked"))
    })
    .await;
    assert_eq!(fetch(&server).await.unwrap().body, b"unpacked");
}

#[tokio::test]
async fn a_packed_bomb_is_cut_while_it_unfolds() {
    let bomb = gzip(&vec![0; 16 << 20]);
    assert!((bomb.len() as u64) < LIMIT, "{} bytes on the wire pass the limit", bomb.len());
    let server = Server::start(move |_, _| answer(200, &[("Content-Encoding", "gzip")], bomb.clone())).await;
    assert_eq!(fetch(&server).await, too_large(&server));
}

#[tokio::test]
async fn what_is_not_gzip_though_it_says_so_is_an_error_without_content() {
    let server =
        Server::start(|_, _| answer(200, &[("Content-Encoding", "gzip")], "jane@example.test")).await;
    let error = fetch(&server).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("jane"), "{error:?}");
}
