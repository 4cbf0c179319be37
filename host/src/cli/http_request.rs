//! One raw HTTP/1.1 request, as a listener or a capture hands it over. Parsing is `httparse`'s; this only bounds it.

use crate::pipeline::MAX_BODY_BYTES;
use crate::pipeline::port::NoticeRequest;

/// Most bytes of everything before the body.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Most headers.
const MAX_HEADERS: usize = 100;
/// Most bytes of a whole request. Bodies beyond the limit are still read a little way, so that they can be refused by
/// their status.
pub(super) const MAX_BYTES: usize = MAX_HEAD_BYTES + MAX_BODY_BYTES + 1;

/// Reads a request. What follows the head is the body, as long as `content-length` says where it does.
pub(super) fn parse(bytes: &[u8]) -> Result<NoticeRequest, String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(bytes) {
        Ok(httparse::Status::Complete(head)) if head <= MAX_HEAD_BYTES => head,
        Ok(httparse::Status::Complete(_)) => {
            return Err(format!("its head is larger than {MAX_HEAD_BYTES} bytes"));
        }
        Ok(httparse::Status::Partial) => return Err("its head does not end with an empty line".to_owned()),
        Err(error) => return Err(format!("it is no HTTP/1.1 request: {error}")),
    };
    let target = request.path.unwrap_or_default();
    let (_, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|header| {
            (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).trim().to_owned())
        })
        .collect();
    if headers.iter().any(|(name, _)| name == "transfer-encoding") {
        return Err("its body has a transfer encoding; pass the body as it is after decoding".to_owned());
    }
    let rest = bytes.get(head..).unwrap_or_default();
    let body = match headers.iter().find(|(name, _)| name == "content-length") {
        Some((_, length)) => {
            let length: usize = length.parse().map_err(|_| "its content-length is no number".to_owned())?;
            rest.get(..length).ok_or_else(|| {
                format!("its body has {} bytes, but its content-length says {length}", rest.len())
            })?
        }
        None => rest,
    };
    Ok(NoticeRequest {
        method: request.method.unwrap_or_default().to_owned(),
        query: query.to_owned(),
        headers,
        body: body.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_body_are_told_apart_and_bytes_stay_as_they_are() {
        let request =
            parse(b"POST /hook?a=1&b=%20 HTTP/1.1\r\nHost: x\r\nX-Sig: aB\r\n\r\n{\"a\": 1}\xff\n").unwrap();
        assert_eq!((request.method.as_str(), request.query.as_str()), ("POST", "a=1&b=%20"));
        assert_eq!(request.headers[1], ("x-sig".to_owned(), "aB".to_owned()));
        assert_eq!(request.body, b"{\"a\": 1}\xff\n");
    }

    #[test]
    fn the_length_decides_where_it_is_told() {
        let request = |length| format!("POST / HTTP/1.1\r\ncontent-length: {length}\r\n\r\nabcdef");
        assert_eq!(parse(request(3).as_bytes()).unwrap().body, b"abc");
        assert!(parse(request(9).as_bytes()).unwrap_err().contains("9"));
    }

    #[test]
    fn what_is_no_request_is_named() {
        for (bytes, told) in [
            (&b""[..], "empty line"),
            (b"hello\r\n\r\n", "no HTTP/1.1 request"),
            (b"POST / HTTP/1.1\r\nhost: x\r\n", "empty line"),
            (b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", "no number"),
            (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", "transfer encoding"),
        ] {
            assert!(parse(bytes).unwrap_err().contains(told), "{told}");
        }
    }
}
