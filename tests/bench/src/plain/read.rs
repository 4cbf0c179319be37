//! LinkedIn's side: all responses of one account, page by page, handed on in batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::stream::{self, StreamExt as _};
use serde::Deserialize;
use tokio::task::JoinSet;

use super::lead::{Form, Lead, Response};
use super::{BenchError, Service, undecodable, write};

const PAGE: u64 = 100;
const PAGES_IN_FLIGHT: usize = 10;
const PAGES_PER_BATCH: usize = 10;
const BATCHES_IN_FLIGHT: usize = 4;

/// The documented projection, with the members that the connector asks for.
const FIELDS: &str = "ownerInfo,associatedEntityInfo,leadMetadataInfo,owner,leadType,versionedLeadGenFormUrn,id,\
    submittedAt,testLead,formResponse,form:(hiddenFields,creationLocale,name,id,content),submitter,associatedEntity,\
    leadMetadata";

#[derive(Deserialize)]
struct Users {
    elements: Vec<User>,
}

#[derive(Deserialize)]
struct User {
    account: String,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    elements: Vec<Response<'a>>,
    paging: Paging,
}

#[derive(Deserialize)]
struct Paging {
    total: u64,
}

fn finder(linkedin: &Service, path: &str) -> reqwest::RequestBuilder {
    let request = linkedin.get(path).header("LinkedIn-Version", "202609");
    request.header("X-Restli-Protocol-Version", "2.0.0").header("X-RestLi-Method", "FINDER")
}

/// The URNs of the member's ad accounts.
pub(super) async fn accounts(linkedin: &Service) -> Result<Vec<String>, BenchError> {
    let path = "/rest/adAccountUsers?q=authenticatedUser&start=0&count=100";
    let body = linkedin.send(finder(linkedin, path)).await?;
    let users: Users = serde_json::from_slice(&body).map_err(|error| undecodable("the accounts", &error))?;
    Ok(users.elements.into_iter().map(|user| user.account).collect())
}

/// Reads one account and writes what it finds.
pub(super) async fn account(
    linkedin: &Arc<Service>,
    dataverse: &Arc<Service>,
    account: String,
) -> Result<(), BenchError> {
    let query = query(&account);
    let mut forms = HashMap::new();
    let first = page(linkedin, &query, 0).await?;
    let (total, leads) = leads(&first, &mut forms)?;
    let mut batch = Batch { leads, pages: 1 };
    let offsets = (PAGE..total).step_by(PAGE as usize);
    let mut pages =
        stream::iter(offsets).map(|offset| page(linkedin, &query, offset)).buffered(PAGES_IN_FLIGHT);
    let mut writes = JoinSet::new();
    while let Some(body) = pages.next().await {
        batch.leads.extend(self::leads(&body?, &mut forms)?.1);
        batch.pages += 1;
        if batch.pages == PAGES_PER_BATCH {
            if writes.len() >= BATCHES_IN_FLIGHT {
                finish(&mut writes).await?;
            }
            let (dataverse, leads) = (Arc::clone(dataverse), std::mem::take(&mut batch).leads);
            writes.spawn(async move { write::batch(&dataverse, leads).await });
        }
    }
    write::batch(dataverse, batch.leads).await?;
    while !writes.is_empty() {
        finish(&mut writes).await?;
    }
    Ok(())
}

#[derive(Default)]
struct Batch {
    leads: Vec<Lead>,
    pages: usize,
}

async fn finish(writes: &mut JoinSet<Result<(), BenchError>>) -> Result<(), BenchError> {
    match writes.join_next().await {
        Some(done) => done.map_err(|error| BenchError::Unexpected(error.to_string()))?,
        None => Ok(()),
    }
}

fn query(account: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let start = now.saturating_sub(90 * 86_400_000);
    let account = account.replace(':', "%3A");
    format!(
        "/rest/leadFormResponses?q=owner&owner=(sponsoredAccount:{account})&leadType=(leadType:SPONSORED)\
         &limitedToTestLeads=false&submittedAtTimeRange=(start:{start},end:{now})&fields={FIELDS}&count={PAGE}"
    )
}

async fn page(linkedin: &Service, query: &str, offset: u64) -> Result<Vec<u8>, BenchError> {
    linkedin.send(finder(linkedin, &format!("{query}&start={offset}"))).await
}

/// How many responses the account has, and the leads of one page.
fn leads(body: &[u8], forms: &mut HashMap<String, Form>) -> Result<(u64, Vec<Lead>), BenchError> {
    let page: Page<'_> = serde_json::from_slice(body).map_err(|error| undecodable("a page", &error))?;
    let mut leads = Vec::with_capacity(page.elements.len());
    for response in page.elements.iter().filter(|response| !response.is_test()) {
        leads.push(response.lead(forms).map_err(|error| undecodable("a form", &error))?);
    }
    Ok((page.paging.total, leads))
}
