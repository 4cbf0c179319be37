//! The OAuth 2.0 client-credentials grant (RFC 6749 section 4.4), with the client's secret.

use std::pin::Pin;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use oauth2::basic::{BasicClient, BasicErrorResponse};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, Scope,
    TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};

use super::{CredentialError, Token};
use crate::cause::innermost;

/// How long the token endpoint may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of a token endpoint's answer.
const MAX_ANSWER: usize = 64 << 10;
/// How often a failing token endpoint is asked again.
const REPEATS: usize = 4;
/// The wait before the first of these; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// What the grant needs.
#[derive(Debug)]
pub struct ClientCredentials {
    client: reqwest::Client,
    token_url: TokenUrl,
    client_id: ClientId,
    client_secret: SecretString,
    scopes: Vec<String>,
    first_wait: Duration,
}

/// Why the token endpoint gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No connection, or a broken one.
    #[error("the token endpoint gave no answer: {0}")]
    Transport(String),
    /// It is overloaded or broken.
    #[error("the token endpoint answered with status {0}")]
    Status(u16),
    /// Larger than any token.
    #[error("the token endpoint's answer is larger than {MAX_ANSWER} bytes")]
    TooLarge,
}

impl ClientCredentials {
    /// Asks `token_url` through `client`. The URL must be https, or http to this machine; the manifest checks that.
    pub fn new(
        client: reqwest::Client,
        token_url: String,
        client_id: String,
        client_secret: SecretString,
        scopes: Vec<String>,
    ) -> Result<Self, String> {
        let token_url = TokenUrl::new(token_url).map_err(|error| error.to_string())?;
        let (client_id, first_wait) = (ClientId::new(client_id), FIRST_WAIT);
        Ok(Self { client, token_url, client_id, client_secret, scopes, first_wait })
    }

    #[cfg(test)]
    pub(crate) fn with_first_wait(mut self, first_wait: Duration) -> Self {
        self.first_wait = first_wait;
        self
    }

    pub(super) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Asks for a token; repeats what may be a passing fault.
    pub(super) async fn token(&self, name: &str) -> Result<Token, CredentialError> {
        let policy =
            ExponentialBuilder::new().with_min_delay(self.first_wait).with_max_times(REPEATS).with_jitter();
        let asked = (|| self.ask()).retry(policy).sleep(tokio::time::sleep).when(is_passing).await;
        asked.map_err(|error| CredentialError {
            name: name.to_owned(),
            reason: self.explain(&error),
            passing: is_passing(&error),
        })
    }

    async fn ask(&self) -> Result<Token, RequestTokenError<TokenError, BasicErrorResponse>> {
        let client = BasicClient::new(self.client_id.clone())
            .set_client_secret(ClientSecret::new(self.client_secret.expose_secret().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(self.token_url.clone());
        let response = client
            .exchange_client_credentials()
            .add_scopes(self.scopes.iter().cloned().map(Scope::new))
            .request_async(self)
            .await?;
        let value = SecretString::from(response.access_token().secret().clone());
        Ok(Token { value, lifetime: response.expires_in() })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TokenError> {
        let request = reqwest::Request::try_from(request).map_err(|error| transport(&error))?;
        let mut response = tokio::time::timeout(TIMEOUT, self.client.execute(request))
            .await
            .map_err(|_| TokenError::Transport("it took too long".to_owned()))?
            .map_err(|error| transport(&error))?;
        let status = response.status();
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(TokenError::Status(status.as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| transport(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(TokenError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() = status;
        *answer.headers_mut() = response.headers().clone();
        Ok(answer)
    }

    fn explain(&self, error: &RequestTokenError<TokenError, BasicErrorResponse>) -> String {
        let origin = self.token_url.url().origin().ascii_serialization();
        match error {
            RequestTokenError::ServerResponse(refusal) => {
                // Only the first line: what follows are trace ids and times.
                let text = refusal.error_description().and_then(|text| text.lines().next());
                let text =
                    text.map(|text| format!(": {}", text.trim().trim_end_matches('.'))).unwrap_or_default();
                format!(
                    "`{origin}` refused it ({}){text}; check `client_id`, `client_secret`, `scopes` and the tenant in \
                     `token_url`",
                    refusal.error()
                )
            }
            RequestTokenError::Request(cause) => format!("`{origin}`: {cause}"),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                format!("`{origin}` did not answer like a token endpoint; check `token_url`")
            }
        }
    }
}

impl<'c> AsyncHttpClient<'c> for ClientCredentials {
    type Error = TokenError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, TokenError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

fn transport(error: &reqwest::Error) -> TokenError {
    TokenError::Transport(innermost(error, "the connection failed"))
}

fn is_passing(error: &RequestTokenError<TokenError, BasicErrorResponse>) -> bool {
    match error {
        RequestTokenError::Request(TokenError::Transport(_) | TokenError::Status(_)) => true,
        RequestTokenError::ServerResponse(refusal) => refusal.error().as_ref() == "temporarily_unavailable",
        _ => false,
    }
}
