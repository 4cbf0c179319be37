//! Dataverse's side: which leads exist, and the others in bulk.

use std::collections::HashSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use uuid::Uuid;

use super::lead::Lead;
use super::{BenchError, Service, undecodable};

const IDS_PER_QUERY: usize = 300;
const ROWS_PER_REQUEST: usize = 100;
/// For each batch.
const REQUESTS_IN_FLIGHT: usize = 10;

#[derive(Deserialize)]
struct Found {
    value: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    leadid: String,
}

/// Writes the leads that are not there yet.
pub(super) async fn batch(dataverse: &Service, mut leads: Vec<Lead>) -> Result<(), BenchError> {
    let queries: Vec<_> = leads.chunks(IDS_PER_QUERY).map(|leads| existing(dataverse, leads)).collect();
    let found: Vec<HashSet<Uuid>> =
        stream::iter(queries).buffer_unordered(REQUESTS_IN_FLIGHT).try_collect().await?;
    leads.retain(|lead| !found.iter().any(|found| found.contains(&lead.id)));
    let writes: Vec<_> = leads.chunks(ROWS_PER_REQUEST).map(|leads| upsert(dataverse, leads)).collect();
    stream::iter(writes).buffer_unordered(REQUESTS_IN_FLIGHT).try_collect().await
}

async fn existing(dataverse: &Service, leads: &[Lead]) -> Result<HashSet<Uuid>, BenchError> {
    let mut path = "/api/data/v9.2/leads?$select=leadid&$filter=Microsoft.Dynamics.CRM.In(PropertyName=@p1,\
        PropertyValues=@p2)&@p1=%27leadid%27&@p2=%5B"
        .to_owned();
    for (at, lead) in leads.iter().enumerate() {
        path.push_str(if at == 0 { "%22" } else { "%2C%22" });
        path.push_str(lead.id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        path.push_str("%22");
    }
    path.push_str("%5D");
    let body = dataverse.send(headers(dataverse.get(&path))).await?;
    let found: Found =
        serde_json::from_slice(&body).map_err(|error| undecodable("existing leads", &error))?;
    Ok(found.value.iter().filter_map(|row| Uuid::try_parse(&row.leadid).ok()).collect())
}

async fn upsert(dataverse: &Service, leads: &[Lead]) -> Result<(), BenchError> {
    let mut body = Vec::with_capacity(leads.iter().map(|lead| lead.row.len() + 1).sum::<usize>() + 16);
    body.extend_from_slice(b"{\"Targets\":[");
    for (at, lead) in leads.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&lead.row);
    }
    body.extend_from_slice(b"]}");
    let request = dataverse.post("/api/data/v9.2/leads/Microsoft.Dynamics.CRM.UpsertMultiple");
    let request = headers(request).header("content-type", "application/json").body(body);
    dataverse.send(request).await.map(drop)
}

fn headers(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    let request = request.header("accept", "application/json");
    request.header("odata-maxversion", "4.0").header("odata-version", "4.0")
}
