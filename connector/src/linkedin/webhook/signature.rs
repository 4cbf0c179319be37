//! The signature of a notice: lower-case hex of HMAC-SHA256 over `hmacsha256=` and the body's bytes as received.

use subtle::ConstantTimeEq;

/// The header that carries it, in lower case.
pub(super) const HEADER: &str = "x-li-signature";
/// What stands before the body in what is signed.
pub(super) const PREFIX: &[u8] = b"hmacsha256=";

/// What is signed.
pub(super) fn signed(body: &[u8]) -> Vec<u8> {
    [PREFIX, body].concat()
}

/// Whether the header is that signature. Takes the same time wherever the first difference is.
pub(super) fn matches(header: Option<&str>, mac: &[u8]) -> bool {
    // Only the length, which is no secret, is decided on early.
    header.is_some_and(|header| bool::from(hex(mac).as_bytes().ct_eq(header.as_bytes())))
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
