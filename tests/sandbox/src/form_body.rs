//! `application/x-www-form-urlencoded` bodies and HTTP Basic credentials, as the token endpoints take them.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

/// Largest form body in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// A decoded form. A field that is sent empty counts as absent.
#[derive(Default)]
pub(crate) struct FormBody(Vec<(String, String)>);

impl FormBody {
    /// Reads a body; `None` when the content type is another one.
    pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let media_type = content_type.split(';').next()?.trim();
        media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded").then(|| {
            Self(url::form_urlencoded::parse(body).map(|(k, v)| (k.into_owned(), v.into_owned())).collect())
        })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}

/// Client id and secret from `Authorization: Basic`; both are form-encoded inside it (RFC 6749, section 2.3.1).
pub(crate) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    };
    Some((decode(id)?, decode(secret)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_and_other_types_are_not() {
        let headers =
            |value: &'static str| HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]);
        let form = FormBody::read(
            &headers("application/x-www-form-urlencoded; charset=utf-8"),
            b"a=b%3D%3D&c=&d=x+y",
        )
        .unwrap();
        assert_eq!((form.get("a"), form.get("c"), form.get("d")), (Some("b=="), None, Some("x y")));
        assert!(FormBody::read(&headers("application/json"), b"a=b").is_none());
        assert!(FormBody::read(&HeaderMap::new(), b"a=b").is_none());
    }

    #[test]
    fn basic_credentials_are_form_decoded() {
        let value = format!("Basic {}", STANDARD.encode("id:se%3Acret+1"));
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
        assert_eq!(basic(&headers), Some(("id".to_owned(), "se:cret 1".to_owned())));
    }
}
