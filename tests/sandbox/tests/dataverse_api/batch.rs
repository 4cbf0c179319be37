//! `$batch`: grammar good and bad, changesets, references, order.

use serde_json::Value;

use crate::service::{Answer, Service, id, send};

/// One operation of a batch, with CRLF.
fn operation(content_id: Option<&str>, request: &str, headers: &str, body: &str) -> String {
    let id = content_id.map(|id| format!("Content-ID: {id}\r\n")).unwrap_or_default();
    format!(
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{id}\r\n{request} HTTP/1.1\r\n\
         {headers}\r\n{body}\r\n"
    )
}

fn write(content_id: Option<&str>, request: &str, body: &str) -> String {
    operation(content_id, request, "Content-Type: application/json; type=entry\r\n", body)
}

fn batch(parts: &[String]) -> String {
    let parts: String = parts.iter().map(|part| format!("--b\r\n{part}")).collect();
    format!("{parts}--b--\r\n")
}

fn changeset(parts: &[String]) -> String {
    let parts: String = parts.iter().map(|part| format!("--c\r\n{part}")).collect();
    format!("Content-Type: multipart/mixed; boundary=\"c\"\r\n\r\n{parts}--c--\r\n\r\n")
}

async fn post(service: &Service, body: String, prefer: &str) -> Answer {
    let request = service.request("POST", "$batch").header("Content-Type", "multipart/mixed; boundary=\"b\"");
    send(request.header("Prefer", prefer).body(body)).await
}

const GO_ON: &str = "odata.continue-on-error";

/// Statuses of the answers in their order.
fn statuses(answer: &Answer) -> Vec<u16> {
    answer
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("HTTP/1.1 "))
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

fn lead(number: u32, body: &str) -> String {
    write(None, &format!("PATCH /api/data/v9.2/leads({})", id(number)), body)
}

const GOOD: &str = r#"{"lastname":"Example"}"#;
const BAD: &str = r#"{"mobilephone":"+49 1234 5678901234567890"}"#;

#[tokio::test]
async fn order_is_kept_and_continue_on_error_decides_what_runs() {
    let service = Service::start().await;
    let get = operation(None, "GET /api/data/v9.2/leads?$select=leadid", "Accept: application/json\r\n", "");
    let parts = [lead(1, GOOD), lead(2, BAD), lead(3, GOOD), get];
    let stopped = post(&service, batch(&parts), "").await;
    assert_eq!((stopped.status, statuses(&stopped)), (400, vec![204, 400]));
    assert!(stopped.header("content-type").starts_with("multipart/mixed; boundary=batchresponse_"));
    assert_eq!(service.rows("leads").len(), 1, "what ran before stays");
    let whole = post(&service, batch(&parts), GO_ON).await;
    assert_eq!((whole.status, statuses(&whole)), (200, vec![204, 400, 204, 200]));
    let text = "A validation error occurred.  The length of the 'mobilephone' attribute of the 'lead' entity \
                exceeded the maximum allowed length of '20'.";
    assert!(whole.text.contains(text) && whole.text.contains("REQ_ID: "));
    assert!(whole.text.contains(&format!(
        "OData-EntityId: {}/api/data/v9.2/leads({})",
        service.origin,
        id(3)
    )));
    assert!(!whole.text.replace("\r\n", "").contains('\n'), "CRLF only");
    assert_eq!(service.stat("batch_requests"), 2);
}

#[tokio::test]
async fn a_changeset_is_atomic_and_answers_its_failing_member_only() {
    let service = Service::start().await;
    let member = |id: &str, number: u32, body: &str| {
        write(Some(id), &format!("PATCH /api/data/v9.2/leads({})", crate::service::id(number)), body)
    };
    let failing = changeset(&[member("1", 1, GOOD), member("2", 2, BAD), member("3", 3, GOOD)]);
    let answer = post(&service, batch(&[failing, lead(9, GOOD)]), GO_ON).await;
    assert_eq!((answer.status, statuses(&answer)), (200, vec![400, 204]));
    assert!(answer.text.contains("Content-ID: 2\r\n") && !answer.text.contains("Content-ID: 1\r\n"));
    assert_eq!(service.rows("leads").len(), 1, "only the operation behind the changeset took effect");
    let fine = changeset(&[member("1", 1, GOOD), member("2", 2, GOOD)]);
    let answer = post(&service, batch(&[fine]), "").await;
    assert_eq!(statuses(&answer), [204, 204]);
    assert_eq!(service.rows("leads").len(), 3);
}

#[tokio::test]
async fn members_refer_to_rows_made_before_them() {
    let service = Service::start().await;
    let parts = [
        write(Some("1"), "POST /api/data/v9.2/accounts", r#"{"name":"Example GmbH"}"#),
        write(
            Some("2"),
            "POST /api/data/v9.2/contacts",
            r#"{"lastname":"X","parentcustomerid_account@odata.bind":"$1"}"#,
        ),
        write(Some("3"), "PUT $1/primarycontactid/$ref", r#"{"@odata.id":"$2"}"#),
        write(Some("4"), "PATCH $2", r#"{"firstname":"Ada"}"#),
        write(Some("5"), "PUT $2/lastname", r#"{"value":"Example"}"#),
    ];
    let answer = post(&service, batch(&[changeset(&parts)]), "").await;
    assert_eq!(statuses(&answer), [204; 5], "{}", answer.text);
    let (accounts, contacts) = (service.rows("accounts"), service.rows("contacts"));
    assert_eq!(accounts[0]["_primarycontactid_value"], contacts[0]["contactid"]);
    assert_eq!(contacts[0]["_parentcustomerid_value"], accounts[0]["accountid"]);
    assert_eq!(contacts[0]["fullname"], "Ada Example");
    let forward = changeset(&[write(
        Some("1"),
        "POST /api/data/v9.2/contacts",
        r#"{"parentcustomerid_account@odata.bind":"$2"}"#,
    )]);
    let answer = post(&service, batch(&[forward]), "").await;
    assert!(answer.text.contains("Content-ID Reference: '$2' does not exist in the batch context."));
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn what_breaks_the_grammar_is_refused_as_a_whole() {
    let service = Service::start().await;
    let good = batch(&[lead(1, GOOD)]);
    let bad_changeset = |parts: &[String]| batch(&[changeset(parts)]);
    let member = |id: Option<&str>| write(id, "POST /api/data/v9.2/leads", GOOD);
    let get = operation(Some("1"), "GET /api/data/v9.2/leads", "Accept: application/json\r\n", "");
    let cases = [
        ("LF only", good.replace("\r\n", "\n"), "Stream was not readable."),
        ("no CRLF behind the terminator", good.trim_end().to_owned(), "Stream was not readable."),
        ("no terminator", good.replace("--b--\r\n", ""), "Stream was not readable."),
        ("a foreign boundary", good.replace("--b", "--d"), "Stream was not readable."),
        (
            "a line feed in the part's headers",
            good.replacen("application/http\r\n", "application/http\n", 1),
            "Stream was not readable.",
        ),
        (
            "no transfer encoding",
            good.replace("Content-Transfer-Encoding: binary\r\n", ""),
            "Stream was not readable.",
        ),
        ("no HTTP version", good.replace(" HTTP/1.1", ""), "Stream was not readable."),
        (
            "no empty line",
            batch(&[lead(1, GOOD)]).replace("entry\r\n\r\n", "entry\r\n"),
            "Stream was not readable.",
        ),
        ("text before the first boundary", format!("x\r\n{good}"), "Stream was not readable."),
        ("a GET in a changeset", bad_changeset(&[get]), "An invalid HTTP method 'GET' was detected"),
        ("no Content-ID", bad_changeset(&[member(None)]), "Content-ID"),
        (
            "a Content-ID twice",
            bad_changeset(&[member(Some("1")), member(Some("1"))]),
            "The content ID '1' was found more than once",
        ),
        ("1001 operations", batch(&vec![lead(1, GOOD); 1001]), "A maximum number of '1000'"),
        (
            "a wrong length",
            good.replacen("binary\r\n", "binary\r\nContent-Length: 3\r\n", 1),
            "Stream was not readable.",
        ),
    ];
    for (name, body, text) in cases {
        let answer = post(&service, body, GO_ON).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.text);
        assert!(answer.message().contains(text), "{name}: {}", answer.text);
    }
    assert!(service.rows("leads").is_empty());
    let unversioned = service
        .client
        .post(format!("{}/api/data/v9.2/$batch", service.origin))
        .bearer_auth(crate::service::token(
            sluice_sandbox::dataverse::DEFAULT_APPLICATION_ID,
            &service.origin,
        ))
        .header("Content-Type", "multipart/mixed; boundary=b")
        .body(good.clone());
    assert_eq!(send(unversioned).await.status, 400);
    let plain = service.request("POST", "$batch").header("Content-Type", "application/json").body(good);
    assert_eq!(send(plain).await.status, 400);
}

#[tokio::test]
async fn what_the_grammar_allows_is_accepted() {
    let service = Service::start().await;
    let http = format!(
        "PATCH /api/data/v9.2/leads({}) HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{GOOD}",
        id(1)
    );
    let sized = format!(
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-Length: {}\r\n\r\n{http}\r\n--b--",
        http.len()
    );
    let spaced =
        operation(None, "GET /api/data/v9.2/leads?$filter=lastname eq 'Example'&$select=leadid", "", "");
    let absolute = lead(2, GOOD).replace("/api/data", &format!("{}/api/data", service.origin));
    let pretty = lead(3, "{\n  \"lastname\":\n    \"Example\"\n}");
    let bulk = write(
        None,
        "POST /api/data/v9.2/leads/Microsoft.Dynamics.CRM.UpsertMultiple",
        &format!(r#"{{"Targets":[{{"@odata.type":"Microsoft.Dynamics.CRM.lead","leadid":"{}"}}]}}"#, id(4)),
    );
    let minimal = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET /api/data/v9.2/WhoAmI HTTP/1.1\r\n\r\n".to_owned();
    let cases = [
        ("a length instead of the last CRLF", sized, vec![204]),
        ("spaces in an address", batch(&[spaced]), vec![200]),
        ("an absolute address", batch(&[absolute]), vec![204]),
        ("line feeds in a body", batch(&[pretty]), vec![204]),
        ("a bulk message", batch(&[bulk]), vec![204]),
        ("one empty line behind a GET", batch(&[minimal]), vec![200]),
        ("1000 operations", batch(&vec![lead(1, GOOD); 1000]), vec![204; 1000]),
        (
            "a relative address is refused in its part",
            batch(&[lead(1, GOOD).replace("/api/data/v9.2/", "")]),
            vec![404],
        ),
        (
            "a long address",
            batch(&[operation(
                None,
                &format!("GET /api/data/v9.2/leads?$filter=subject eq '{}'", "x".repeat(40_000)),
                "",
                "",
            )]),
            vec![200],
        ),
    ];
    for (name, body, wanted) in cases {
        let answer = post(&service, body, GO_ON).await;
        assert_eq!(
            (answer.status, statuses(&answer)),
            (200, wanted),
            "{name}: {}",
            &answer.text[..answer.text.len().min(500)]
        );
    }
    assert_eq!(service.rows("leads").len(), 4);
    let inner = lead(1, GOOD).replace("type=entry\r\n", "type=entry\r\nIf-None-Match: *\r\n");
    let answer = post(&service, batch(&[inner]), GO_ON).await;
    assert_eq!(statuses(&answer), [412]);
    let body: Value =
        serde_json::from_str(answer.text.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
    assert_eq!(body["error"]["message"], "A record with matching key values already exists.");
}
