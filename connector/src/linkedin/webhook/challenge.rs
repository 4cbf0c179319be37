//! The challenge with which LinkedIn proves, at once and about every two hours, that a URL is the app's.

use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::failure::Failure;

use super::Reply;
use super::signature::{PREFIX, hex};

const PARAMETER: &str = "challengeCode";
/// Longest code, in bytes; LinkedIn's are UUIDs.
const MAX_BYTES: usize = 256;

/// Answers a challenge with the code's own signature. Further parameters belong to the registered URL.
pub(super) fn answer(
    query: &str,
    sign: impl FnOnce(&str) -> Result<Vec<u8>, Failure>,
) -> Result<Reply, Failure> {
    let Some(code) = code(query) else {
        let message = "a challenge has one challengeCode of 1 to 256 bytes";
        return Ok(Reply::refused(400, "no_challenge_code", message));
    };
    let response = hex(&sign(&code)?);
    Ok(Reply::json(200, &json!({ "challengeCode": code, "challengeResponse": response })))
}

/// The one code of a query, decoded once. None for what a notice's signature is made over: challenge and signature share
/// the secret, so whoever had that answered could forge notices.
fn code(query: &str) -> Option<String> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut found = pairs.filter(|(name, _)| *name == PARAMETER);
    let (_, value) = found.next()?;
    let code = percent_decode_str(value).decode_utf8().ok()?.into_owned();
    let forges = code.as_bytes().starts_with(PREFIX);
    ((1..=MAX_BYTES).contains(&code.len()) && !forges && found.next().is_none()).then_some(code)
}
