//! One attempt at one request: from a judged request to the whole response, within its bounds.

use std::error::Error;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{Bounds, HttpError, Request, Response};
use crate::capabilities::resolver::NotPublic;
use crate::cause::innermost;
use crate::credentials::Bearer;
use crate::origin::Origin;

/// Everything that all attempts of one request share.
pub(super) struct Attempt<'a> {
    client: &'a Client,
    bounds: &'a Bounds,
    request: &'a Request,
    method: Method,
    url: Url,
    headers: HeaderMap,
    origin: Origin,
}

impl<'a> Attempt<'a> {
    /// Parses what could be malformed, once.
    pub(super) fn prepare(
        client: &'a Client,
        request: &'a Request,
        url: Url,
        origin: Origin,
        bounds: &'a Bounds,
    ) -> Result<Self, HttpError> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| HttpError::Malformed("the method is not an HTTP method".to_owned()))?;
        let mut headers = HeaderMap::with_capacity(request.headers.len() + 1);
        for (name, value) in &request.headers {
            let malformed = || HttpError::Malformed(format!("the header `{name}` is not an HTTP header"));
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?;
            headers.append(key, HeaderValue::from_str(value).map_err(|_| malformed())?);
        }
        Ok(Self { client, bounds, request, method, url, headers, origin })
    }

    /// Sends it once.
    pub(super) async fn send(
        &self,
        bearer: Option<&Bearer>,
        deadline: Instant,
    ) -> Result<Response, HttpError> {
        let deadline = deadline.min(Instant::now() + self.bounds.attempt);
        let exchange = self.exchange(bearer);
        timeout_at(deadline, exchange).await.unwrap_or_else(|_| Err(HttpError::TimedOut(self.origin.clone())))
    }

    async fn exchange(&self, bearer: Option<&Bearer>) -> Result<Response, HttpError> {
        let mut headers = self.headers.clone();
        if let Some(bearer) = bearer {
            headers.insert(AUTHORIZATION, bearer.header()?);
        }
        let mut builder = self.client.request(self.method.clone(), self.url.clone()).headers(headers);
        if let Some(body) = &self.request.body {
            builder = builder.body(body.clone());
        }
        let response = builder.send().await.map_err(|error| self.no_answer(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().iter().map(text).collect();
        Ok(Response { status, headers, body: self.body(response).await? })
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, HttpError> {
        let limit = self.bounds.response_bytes;
        let too_large = || HttpError::TooLarge { origin: self.origin.clone(), limit };
        let announced = response.content_length().unwrap_or(0);
        if announced > limit {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
        while let Some(chunk) = response.chunk().await.map_err(|error| self.no_answer(&error))? {
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn no_answer(&self, error: &reqwest::Error) -> HttpError {
        if let Some(refused) = cause::<NotPublic>(error) {
            return HttpError::Denied(refused.to_string());
        }
        let reason = innermost(error, "the connection failed");
        HttpError::Unreachable { origin: self.origin.clone(), reason }
    }
}

fn text((name, value): (&HeaderName, &HeaderValue)) -> (String, String) {
    (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Finds an error of ours in the chain of causes.
fn cause<E: Error + Clone + 'static>(error: &dyn Error) -> Option<E> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(found) = inner.downcast_ref::<E>() {
            return Some(found.clone());
        }
        source = inner.source();
    }
    None
}

/// How long the answer asks to wait: `Retry-After` in seconds (fractions are seen) or as a date.
pub(super) fn wait_asked_for(response: &Response) -> Option<Duration> {
    let (_, value) = response.headers.iter().find(|(name, _)| name == "retry-after")?;
    if let Ok(seconds) = value.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}
