//! Carries notices and challenges to webhooks over HTTP. It decides nothing and keeps nothing.
//! <https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation>

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response, header};
use serde_json::Value;
use url::Url;

use super::notice::Notice;
use super::signature;

/// A webhook has so long to answer; documented for challenges, and taken for notices too.
pub(crate) const DEADLINE: Duration = Duration::from_secs(3);
/// Largest answer to a challenge in bytes.
const ANSWER_BYTES_MAX: usize = 4_096;

/// The client that every sandbox of the process shares: making one costs more than a test does.
fn client() -> Option<&'static Client> {
    static CLIENT: OnceLock<Option<Client>> = OnceLock::new();
    CLIENT.get_or_init(build).as_ref()
}

/// Connections are not kept: they would belong to the runtime that first used the client.
fn build() -> Option<Client> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(DEADLINE)
        .build()
        .ok()
}

/// Sends a notice; whether it was acknowledged.
pub(crate) async fn post(notice: &Notice) -> bool {
    let Some(client) = client() else { return false };
    let mut request = client
        .post(&notice.webhook)
        .header(header::CONTENT_TYPE, "application/json")
        .body(notice.body.clone());
    if let Some(signature) = &notice.signature {
        request = request.header("x-li-signature", signature);
    }
    request.send().await.is_ok_and(|response| response.status().is_success())
}

/// Challenges a webhook with a code, to be answered within `deadline`; why it failed, where it did.
pub(crate) async fn challenge(
    webhook: &Url,
    code: &str,
    client_secret: &str,
    deadline: Duration,
) -> Result<(), &'static str> {
    let Some(client) = client() else { return Err("no HTTP client could be made") };
    let mut url = webhook.clone();
    url.query_pairs_mut().append_pair("challengeCode", code);
    let ask = async {
        let response = client.get(url).send().await.map_err(|_| "it could not be reached")?;
        if response.status() != 200 {
            return Err("it did not answer 200");
        }
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
            return Err("its answer is not application/json");
        }
        body(response).await
    };
    // The client's own deadline covers the head and the body apart; this one covers both.
    let answer = tokio::time::timeout(deadline, ask).await.map_err(|_| "it took too long")??;
    let answer: Value = serde_json::from_slice(&answer).map_err(|_| "its answer is not JSON")?;
    if answer["challengeCode"] != code {
        return Err("its answer does not repeat the challenge code");
    }
    if answer["challengeResponse"] != signature::challenge_response(client_secret, code) {
        return Err("its challenge response is wrong");
    }
    Ok(())
}

async fn body(mut response: Response) -> Result<Vec<u8>, &'static str> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| "its answer was cut off")? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            return Err("its answer is too long");
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_webhook_that_says_nothing_fails_at_the_deadline() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", silent.local_addr().unwrap())).unwrap();
        let answer = challenge(&url, "code", "secret", Duration::from_millis(20)).await;
        assert_eq!(answer, Err("it took too long"));
        assert_eq!(DEADLINE, Duration::from_secs(3));
    }
}
