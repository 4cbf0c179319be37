//! The grammar of a `$batch` body, as strict as the service: CRLF everywhere, also behind the terminator.
//!
//! See <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api>.

use super::error::{ApiError, Outcome};
use super::reply::Headers;

/// Greatest number of operations of one batch, members of changesets included.
const MAX_OPERATIONS: usize = 1000;
const CRLF: &[u8] = b"\r\n";

/// One operation as it stands in the batch.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) content_id: Option<String>,
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Headers,
    pub(crate) body: &'a [u8],
}

/// What a batch consists of.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    Single(Part<'a>),
    Changeset(Vec<Part<'a>>),
}

/// The boundary that a `multipart/mixed` content type names; quotes are optional.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let mut parts = content_type.split(';');
    let media = parts.next()?.trim();
    if !media.eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let named = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim())
    })?;
    let bare = named.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(named);
    (!bare.is_empty() && bare.len() <= 200).then_some(bare)
}

/// Reads a whole batch.
pub(crate) fn parse<'a>(body: &'a [u8], boundary: &str) -> Outcome<Vec<Entry<'a>>> {
    let mut reader = Reader { operations: 0, sized: true, ids: Vec::new() };
    let (parts, tail) = split(body, boundary)?;
    let mut entries = Vec::with_capacity(parts.len());
    for part in parts {
        entries.push(reader.entry(part)?);
    }
    // Without the last CRLF the stream is only readable when every part said how long it is.
    if !is_blank(tail) || (tail.is_empty() && !(reader.sized && reader.operations > 0)) {
        return Err(ApiError::stream());
    }
    Ok(entries)
}

struct Reader {
    operations: usize,
    /// Whether every operation so far carried its length.
    sized: bool,
    ids: Vec<String>,
}

/// The headers before a part's content.
#[derive(Default)]
struct Envelope<'a> {
    content_type: &'a str,
    binary: bool,
    content_id: Option<&'a str>,
    content_length: Option<&'a str>,
}

impl Reader {
    fn entry<'a>(&mut self, part: &'a [u8]) -> Outcome<Entry<'a>> {
        let (envelope, content) = envelope(part)?;
        let Some(inner) = boundary(envelope.content_type) else {
            return self.operation(&envelope, content).map(Entry::Single);
        };
        let (members, tail) = split(content, inner)?;
        if !is_blank(tail) {
            return Err(ApiError::stream());
        }
        let mut parts = Vec::with_capacity(members.len());
        for member in members {
            let (envelope, content) = self::envelope(member)?;
            let part = self.operation(&envelope, content)?;
            self.check_member(&part)?;
            parts.push(part);
        }
        Ok(Entry::Changeset(parts))
    }

    fn check_member(&mut self, part: &Part<'_>) -> Outcome<()> {
        if part.method == "GET" {
            let text = "An invalid HTTP method 'GET' was detected for a request in a change set. Requests in change \
                        sets only support the HTTP methods 'POST', 'PUT', 'DELETE', and 'PATCH'.";
            return Err(ApiError::new(400, "0x80048d19", text));
        }
        if part.content_id.is_none() {
            let text = "The Content-ID header is missing. It is required for every request in a change set.";
            return Err(ApiError::syntax(text));
        }
        Ok(())
    }

    fn operation<'a>(&mut self, envelope: &Envelope<'_>, content: &'a [u8]) -> Outcome<Part<'a>> {
        let media = envelope.content_type.split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/http") || !envelope.binary {
            return Err(ApiError::stream());
        }
        self.operations += 1;
        if self.operations > MAX_OPERATIONS {
            let text = format!(
                "The current batch message contains too many parts. A maximum number of '{MAX_OPERATIONS}' query \
                 operations and change sets are allowed in a batch message."
            );
            return Err(ApiError::new(400, "0x80048d19", text));
        }
        self.sized &= envelope.content_length.is_some();
        if let Some(length) = envelope.content_length {
            let length: usize = length.parse().map_err(|_| ApiError::stream())?;
            if !content.get(length..).is_some_and(is_blank) {
                return Err(ApiError::stream());
            }
        }
        if let Some(id) = envelope.content_id {
            if self.ids.iter().any(|known| known == id) {
                let text = format!(
                    "The content ID '{id}' was found more than once in the same change set or same batch request. \
                     Content IDs have to be unique across all operations of a change set for OData V4.0 and have to \
                     be unique across all operations in the whole batch request for OData V4.01."
                );
                return Err(ApiError::syntax(text));
            }
            self.ids.push(id.to_owned());
        }
        message(envelope.content_id, content)
    }
}

/// Reads the HTTP message of an operation: request line, headers, an empty line, the body.
fn message<'a>(content_id: Option<&str>, content: &'a [u8]) -> Outcome<Part<'a>> {
    let (head, body) = match find(content, b"\r\n\r\n") {
        Some(at) => {
            content.split_at_checked(at).map(|(head, rest)| (head, rest.get(4..).unwrap_or_default()))
        }
        // The CRLF before the delimiter may be the empty line's own.
        None => content.strip_suffix(CRLF).map(|head| (head, &[][..])),
    }
    .ok_or_else(ApiError::stream)?;
    let mut lines = lines(head)?.into_iter();
    let line = lines.next().unwrap_or_default();
    let (method, rest) = line.split_once(' ').ok_or_else(ApiError::stream)?;
    let (url, version) = rest.rsplit_once(' ').ok_or_else(ApiError::stream)?;
    if version != "HTTP/1.1" || !matches!(method, "GET" | "POST" | "PATCH" | "PUT" | "DELETE") {
        return Err(ApiError::stream());
    }
    let mut headers = Headers::default();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(ApiError::stream)?;
        headers.take(name, value);
    }
    Ok(Part {
        content_id: content_id.map(str::to_owned),
        method: method.to_owned(),
        url: url.to_owned(),
        headers,
        body,
    })
}

/// The headers of a part and what follows their empty line.
fn envelope(part: &[u8]) -> Outcome<(Envelope<'_>, &[u8])> {
    let at = find(part, b"\r\n\r\n").ok_or_else(ApiError::stream)?;
    let (head, rest) = part.split_at_checked(at).ok_or_else(ApiError::stream)?;
    let mut envelope = Envelope::default();
    for line in lines(head)? {
        let (name, value) = line.split_once(':').ok_or_else(ApiError::stream)?;
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "content-type" => envelope.content_type = value,
            "content-transfer-encoding" => envelope.binary = value.eq_ignore_ascii_case("binary"),
            "content-id" => envelope.content_id = Some(value),
            "content-length" => envelope.content_length = Some(value),
            _ => {}
        }
    }
    Ok((envelope, rest.get(4..).unwrap_or_default()))
}

/// Splits at CRLF; a line feed on its own is an error.
fn lines(head: &[u8]) -> Outcome<Vec<&str>> {
    let text = std::str::from_utf8(head).map_err(|_| ApiError::stream())?;
    let lines: Vec<&str> = text.split("\r\n").collect();
    if lines.iter().any(|line| line.contains(['\r', '\n'])) {
        return Err(ApiError::stream());
    }
    Ok(lines)
}

/// The parts between the delimiters, and what follows the terminator.
fn split<'a>(body: &'a [u8], boundary: &str) -> Outcome<(Vec<&'a [u8]>, &'a [u8])> {
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter has no line before it.
    let opening = delimiter.as_bytes().get(2..).unwrap_or_default();
    let mut rest = body.strip_prefix(opening).ok_or_else(ApiError::stream)?;
    let mut parts = Vec::new();
    loop {
        if let Some(tail) = rest.strip_prefix(b"--") {
            return Ok((parts, tail));
        }
        let part = rest.strip_prefix(CRLF).ok_or_else(ApiError::stream)?;
        let at = delimiter_at(part, delimiter.as_bytes()).ok_or_else(ApiError::stream)?;
        let (content, tail) = part.split_at_checked(at).ok_or_else(ApiError::stream)?;
        parts.push(content);
        rest = tail.get(delimiter.len()..).unwrap_or_default();
    }
}

/// Where the next delimiter is: the boundary must end there, since one boundary may begin with another.
fn delimiter_at(body: &[u8], delimiter: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + find(body.get(from..)?, delimiter)?;
        let rest = body.get(at + delimiter.len()..)?;
        if rest.starts_with(CRLF) || rest.starts_with(b"--") {
            return Some(at);
        }
        from = at + 1;
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    loop {
        let at = from + haystack.get(from..)?.iter().position(|byte| *byte == first)?;
        if haystack.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// Only CRLFs.
fn is_blank(rest: &[u8]) -> bool {
    rest.len().is_multiple_of(2) && rest.chunks(2).all(|pair| pair == CRLF)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_boundary_may_be_quoted_and_may_begin_another() {
        assert_eq!(boundary("multipart/mixed; boundary=\"b\""), Some("b"));
        assert_eq!(boundary("Multipart/Mixed;boundary=b"), Some("b"));
        assert_eq!(boundary("application/json"), None);
        assert_eq!(boundary("multipart/mixed"), None);
        let body = b"--b\r\nA: 1\r\n\r\nx\r\n--bb\r\n--b--\r\n";
        let (parts, tail) = split(body, "b").unwrap();
        assert_eq!((parts, tail), (vec![&b"A: 1\r\n\r\nx\r\n--bb"[..]], &b"\r\n"[..]));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(body in "(--b|--c|\r\n|\n|GET / HTTP/1.1|Content-Type: application/http|:|x){0,30}") {
            _ = parse(body.as_bytes(), "b");
        }
    }
}
