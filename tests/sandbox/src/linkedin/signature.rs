//! The two HMACs that tie a webhook to the app: of a challenge code, and of a notice's body. Pure.
//! <https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation>

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What stands before the body in the signed text.
const PREFIX: &[u8] = b"hmacsha256=";

/// `challengeResponse`: the HMAC of the challenge code under the client secret, as lower-case hex.
pub(crate) fn challenge_response(client_secret: &str, code: &str) -> String {
    hmac_hex(client_secret, &[code.as_bytes()])
}

/// `X-LI-Signature`: the HMAC of `hmacsha256=` and the raw body under the client secret, as lower-case hex.
pub(crate) fn of_body(client_secret: &str, body: &[u8]) -> String {
    hmac_hex(client_secret, &[PREFIX, body])
}

/// What a sender that forgets the prefix would send; a receiver must refuse it.
pub(crate) fn without_prefix(client_secret: &str, body: &[u8]) -> String {
    hmac_hex(client_secret, &[body])
}

/// A signature with one digit changed, chosen by `chance`.
pub(crate) fn with_other_digit(signature: &str, chance: u64) -> String {
    let at = (chance % signature.len().max(1) as u64) as usize;
    let other = |c: char| if c == '0' { '1' } else { '0' };
    signature.chars().enumerate().map(|(place, c)| if place == at { other(c) } else { c }).collect()
}

fn hmac_hex(client_secret: &str, parts: &[&[u8]]) -> String {
    // HMAC takes keys of any length, so this is never an error.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(client_secret.as_bytes()) else { return String::new() };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "demoClientSecret==";
    pub(super) const BODY: &str = r#"{"type":"LEAD_ACTION","leadGenFormResponse":"urn:li:leadGenFormResponse:5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3","leadGenForm":"urn:li:versionedLeadGenForm:(urn:li:leadGenForm:4400120,2)","owner":{"sponsoredAccount":"urn:li:sponsoredAccount:503000111"},"associatedEntity":{"sponsoredCreative":"urn:li:sponsoredCreative:612345678"},"leadType":"SPONSORED","leadAction":"CREATED","occurredAt":1785000000000}"#;

    #[test]
    fn the_documented_challenge_has_its_response() {
        assert_eq!(
            challenge_response(SECRET, "7f1b0c62-3a55-4d1e-9c40-5d2a0b6f8e11"),
            "8406d8ef782774ef39371d2f9b92465311ce702a4fb38c629501a32af2240939"
        );
    }

    #[test]
    fn the_documented_body_has_its_signature_and_needs_the_prefix() {
        assert_eq!(BODY.len(), 403);
        let signature = of_body(SECRET, BODY.as_bytes());
        assert_eq!(signature, "7f3d0a93f79ef0223d6e4450212087f85f5b36f78f4bae800faf85e04b30d826");
        assert_eq!(
            without_prefix(SECRET, BODY.as_bytes()),
            "a9f9de2aa6758f88c08d89c9cca0c9a3b1aaa1943215201ee9d05c4b22f93c66"
        );
        for chance in 0..64 {
            let spoilt = with_other_digit(&signature, chance);
            let differ = spoilt.bytes().zip(signature.bytes()).filter(|(a, b)| a != b).count();
            assert_eq!((spoilt.len(), differ), (64, 1));
        }
    }
}
