//! The plain program that `sluice run` is compared with: what a good Rust programmer would write for this one task, with
//! no sandbox, no policy, no store, no bisecting and no resuming.
//!
//! Same requests, same concurrency: 100 responses a page, 10 pages in flight for each account, 16 requests in flight to
//! each service, 4 batches of up to 1000 leads in flight for each account, 300 ids in one query, 100 rows in one
//! `UpsertMultiple`.

mod lead;
mod read;
mod write;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::BenchError;
use crate::sandbox::{CLIENT_SECRET, Places};

/// Requests under way at once to one service.
const REQUESTS_IN_FLIGHT: usize = 16;

/// Where to read and write.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// LinkedIn's origin.
    #[arg(long)]
    linkedin: String,
    /// The organisation's origin.
    #[arg(long)]
    dataverse: String,
    /// Where tokens for the organisation are issued.
    #[arg(long)]
    token_url: String,
    /// The client's id.
    #[arg(long)]
    client_id: String,
}

/// One service, as it is called.
#[derive(Debug)]
struct Service {
    client: reqwest::Client,
    origin: String,
    token: String,
    places: Semaphore,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

/// A client as the host builds it: no proxy, no redirect, no delay.
pub(crate) fn client() -> Result<reqwest::Client, BenchError> {
    // An error only says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().no_proxy().tcp_nodelay(true);
    let builder = builder.redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_secs(120));
    builder.build().map_err(BenchError::request("building a client"))
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(BenchError::system("start a runtime"))?.block_on(move_all(arguments))
}

async fn move_all(arguments: &Arguments) -> Result<(), BenchError> {
    let client = client()?;
    let dataverse_token = token(&client, arguments, &variable("DATAVERSE_CLIENT_SECRET")?).await?;
    let linkedin_token = variable("LINKEDIN_ACCESS_TOKEN")?;
    let linkedin = Arc::new(Service::new(client.clone(), &arguments.linkedin, linkedin_token));
    let dataverse = Arc::new(Service::new(client, &arguments.dataverse, dataverse_token));
    let mut accounts = JoinSet::new();
    for account in read::accounts(&linkedin).await? {
        let (linkedin, dataverse) = (Arc::clone(&linkedin), Arc::clone(&dataverse));
        accounts.spawn(async move { read::account(&linkedin, &dataverse, account).await });
    }
    while let Some(account) = accounts.join_next().await {
        account.map_err(|error| BenchError::Unexpected(error.to_string()))??;
    }
    Ok(())
}

fn variable(name: &'static str) -> Result<String, BenchError> {
    std::env::var(name).map_err(|_| BenchError::Unexpected(format!("{name} is not set")))
}

/// A token for a sandbox's organisation.
pub(crate) async fn token_for(places: &Places) -> Result<String, BenchError> {
    let arguments = Arguments {
        linkedin: places.linkedin.clone(),
        dataverse: places.dataverse.clone(),
        token_url: places.token_url(),
        client_id: places.client_id.clone(),
    };
    token(&client()?, &arguments, CLIENT_SECRET).await
}

async fn token(client: &reqwest::Client, arguments: &Arguments, secret: &str) -> Result<String, BenchError> {
    let Arguments { dataverse, client_id, token_url, .. } = arguments;
    let form = format!(
        "grant_type=client_credentials&client_id={client_id}&client_secret={secret}&scope={dataverse}/.default"
    );
    let request = client.post(token_url).header("content-type", "application/x-www-form-urlencoded");
    let fail = BenchError::request("asking for a token");
    let answer = request.body(form).send().await.and_then(reqwest::Response::error_for_status);
    let body = answer.map_err(&fail)?.bytes().await.map_err(&fail)?;
    let token: Token = serde_json::from_slice(&body).map_err(|error| undecodable("a token", &error))?;
    Ok(token.access_token)
}

fn undecodable(what: &str, error: &serde_json::Error) -> BenchError {
    BenchError::Unexpected(format!("{what} cannot be decoded: {error}"))
}

impl Service {
    fn new(client: reqwest::Client, origin: &str, token: String) -> Self {
        Self { client, origin: origin.to_owned(), token, places: Semaphore::new(REQUESTS_IN_FLIGHT) }
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.origin)).bearer_auth(&self.token)
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.origin)).bearer_auth(&self.token)
    }

    /// Sends it once there is a place, and returns the body of a success.
    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, BenchError> {
        let _place = self.places.acquire().await;
        let fail = BenchError::request("a request of the plain program");
        let answer = request.send().await.and_then(reqwest::Response::error_for_status).map_err(&fail)?;
        Ok(answer.bytes().await.map_err(&fail)?.into())
    }
}
