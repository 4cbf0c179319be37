//! Requests as they go over the wire: addresses and headers, nothing else.
//!
//! <https://learn.microsoft.com/en-us/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors>

use uuid::Uuid;

use super::config::Config;
use super::describe::CREDENTIAL;
use crate::capabilities::Request;

/// The table that leads are rows of, and its names in addresses and bodies.
pub(crate) const TABLE: &str = "lead";
pub(crate) const KEY: &str = "leadid";
const SET: &str = "leads";

const ODATA: &str = "4.0";

/// Makes requests for one organisation.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    base: String,
    bypass_business_logic: bool,
}

impl Api {
    pub(crate) fn new(config: &Config) -> Self {
        let base = format!("{}/api/data/{}/", config.organization_url, config.api_version);
        Self { base, bypass_business_logic: config.bypass_business_logic }
    }

    /// Reads an address relative to the Web API's.
    pub(crate) fn get(&self, path: &str) -> Request {
        self.get_absolute(format!("{}{path}", self.base))
    }

    /// Reads an address that the service gave, unchanged.
    pub(crate) fn get_absolute(&self, url: String) -> Request {
        let mut headers = standard_headers();
        // Literally `null`: it switches the caching by entity tag off.
        headers.push(("if-none-match", "null".to_owned()));
        Request { method: "GET", url, headers, body: None, credential: Some(CREDENTIAL), repeatable: true }
    }

    /// Writes lead rows. `rows` are JSON objects separated by commas. Repeatable, because each row carries its key.
    pub(crate) fn upsert_multiple(&self, rows: &[u8]) -> Request {
        const OPEN: &[u8] = b"{\"Targets\":[";
        const CLOSE: &[u8] = b"]}";
        let mut body = Vec::with_capacity(OPEN.len() + rows.len() + CLOSE.len());
        body.extend_from_slice(OPEN);
        body.extend_from_slice(rows);
        body.extend_from_slice(CLOSE);
        let mut headers = standard_headers();
        headers.push(("content-type", "application/json".to_owned()));
        if self.bypass_business_logic {
            headers.push(("mscrm.bypassbusinesslogicexecution", "CustomSync,CustomAsync".to_owned()));
        }
        Request {
            method: "POST",
            url: format!("{}{SET}/Microsoft.Dynamics.CRM.UpsertMultiple", self.base),
            headers,
            body: Some(body),
            credential: Some(CREDENTIAL),
            repeatable: true,
        }
    }
}

fn standard_headers() -> Vec<(&'static str, String)> {
    vec![
        ("accept", "application/json".to_owned()),
        ("odata-maxversion", ODATA.to_owned()),
        ("odata-version", ODATA.to_owned()),
    ]
}

/// Which of these leads exist, as one indexed query. 300 ids make an address of about 14 KiB; the limit is 32 KiB.
///
/// <https://learn.microsoft.com/en-us/power-apps/developer/data-platform/webapi/reference/in>
pub(crate) fn leads_in(ids: &[Uuid]) -> String {
    let mut path = format!(
        "{SET}?$select={KEY}&$filter=Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)&@p1=%27{KEY}%27&@p2=%5B"
    );
    for (at, id) in ids.iter().enumerate() {
        path.push_str(if at == 0 { "%22" } else { "%2C%22" });
        path.push_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        path.push_str("%22");
    }
    path.push_str("%5D");
    path
}

/// The same in plain OData, for servers that do not know `In`.
pub(crate) fn leads_equal(ids: &[Uuid]) -> String {
    let mut path = format!("{SET}?$select={KEY}&$filter=");
    for (at, id) in ids.iter().enumerate() {
        path.push_str(if at == 0 { "" } else { "%20or%20" });
        path.push_str(KEY);
        path.push_str("%20eq%20");
        path.push_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(more: &str) -> Api {
        let text = format!(r#"{{"organization_url":"https://contoso.example.test/"{more}}}"#);
        Api::new(&Config::parse(&text).unwrap())
    }

    #[test]
    fn a_read_as_it_goes_out() {
        let request = api("").get("WhoAmI");
        assert_eq!(request.method, "GET");
        assert_eq!(request.url, "https://contoso.example.test/api/data/v9.2/WhoAmI");
        let headers: Vec<String> =
            request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            headers,
            [
                "accept: application/json",
                "odata-maxversion: 4.0",
                "odata-version: 4.0",
                "if-none-match: null"
            ]
        );
        assert_eq!((request.credential, request.repeatable, request.body), (Some("dataverse"), true, None));
    }

    #[test]
    fn a_write_as_it_goes_out() {
        let request = api("").upsert_multiple(b"{},{}");
        assert_eq!(request.method, "POST");
        let url = "https://contoso.example.test/api/data/v9.2/leads/Microsoft.Dynamics.CRM.UpsertMultiple";
        assert_eq!(request.url, url);
        let headers: Vec<String> =
            request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            headers,
            [
                "accept: application/json",
                "odata-maxversion: 4.0",
                "odata-version: 4.0",
                "content-type: application/json"
            ]
        );
        assert_eq!(request.body.as_deref(), Some(br#"{"Targets":[{},{}]}"#.as_slice()));
        assert!(request.repeatable);
    }

    #[test]
    fn business_logic_is_bypassed_only_on_request_and_only_for_writes() {
        let api = api(r#","bypass_business_logic":true"#);
        let bypass = ("mscrm.bypassbusinesslogicexecution", "CustomSync,CustomAsync".to_owned());
        assert!(api.upsert_multiple(b"").headers.contains(&bypass));
        assert!(!api.get("WhoAmI").headers.contains(&bypass));
    }

    #[test]
    fn queries_for_existing_rows() {
        let ids = [Uuid::from_u128(1), Uuid::from_u128(2)];
        assert_eq!(
            leads_in(&ids),
            "leads?$select=leadid&$filter=Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)\
             &@p1=%27leadid%27&@p2=%5B%2200000000-0000-0000-0000-000000000001%22%2C\
             %2200000000-0000-0000-0000-000000000002%22%5D"
        );
        assert_eq!(
            leads_equal(&ids),
            "leads?$select=leadid&$filter=leadid%20eq%2000000000-0000-0000-0000-000000000001%20or%20\
             leadid%20eq%2000000000-0000-0000-0000-000000000002"
        );
        assert!(leads_in(&[Uuid::max(); 300]).len() < 16 * 1024);
    }
}
