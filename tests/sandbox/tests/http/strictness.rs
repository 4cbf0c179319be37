//! What is refused, and in which order the checks come.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{BY_OWNER, OWNER, World, reply};

#[tokio::test]
async fn answers_carry_the_vendors_headers() {
    let world = World::small().await;
    for (path, status) in [(BY_OWNER, 200), ("/rest/nothing", 404)] {
        let one = world.call(path).send().await.unwrap();
        let two = world.call(path).send().await.unwrap();
        assert_eq!(one.status(), status);
        let headers = one.headers();
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["x-restli-protocol-version"], "2.0.0");
        for name in ["x-li-fabric", "x-li-pop", "x-li-proto", "x-li-route-key", "set-cookie"] {
            assert!(headers.contains_key(name), "{name}");
        }
        assert_ne!(headers["x-li-uuid"], two.headers()["x-li-uuid"]);
    }
}

#[tokio::test]
async fn checks_come_in_their_order() {
    let world = World::small().await;
    world.fault("linkedin.daily_quota=0");
    // Each row mends one thing more than the row before it.
    let good = format!("/rest/leadFormResponses?q=owner&{OWNER}&leadType=(leadType:SPONSORED)");
    let stranger = good.replace("503000101", "503000999");
    let dark = |token: Option<&str>, version: Option<&str>, method: Method, path: &str| {
        let request = world.client.request(method, format!("http://{}{path}", world.running.linkedin));
        let request = request.header("x-restli-protocol-version", "2.0.0").header("content-length", "0");
        let request =
            token.into_iter().fold(request, |r, token| r.header("authorization", format!("Bearer {token}")));
        version.into_iter().fold(request, |r, version| r.header("linkedin-version", version))
    };
    let (token, few) = (Some("sandbox-linkedin-token"), Some("sandbox-linkedin-noscope"));
    let rows = [
        (dark(None, None, Method::DELETE, "/rest/x?a"), 401, json!(401)),
        (dark(Some("who"), None, Method::DELETE, "/rest/x?a"), 401, json!(65600)),
        (dark(token, None, Method::DELETE, "/rest/x?a"), 400, Value::Null),
        (dark(token, Some("202508"), Method::DELETE, "/rest/x?a"), 426, Value::Null),
        (dark(token, Some("202609"), Method::DELETE, "/rest/x?a"), 404, Value::Null),
        (dark(token, Some("202609"), Method::DELETE, "/rest/leadFormResponses?a"), 405, Value::Null),
        (dark(token, Some("202609"), Method::GET, "/rest/leadFormResponses?a"), 400, Value::Null),
        (dark(few, Some("202609"), Method::GET, &format!("{stranger}&x=1")), 403, json!(100)),
        (dark(few, Some("202609"), Method::GET, &stranger), 403, json!(100)),
        (dark(token, Some("202609"), Method::GET, &stranger), 403, Value::Null),
        (dark(token, Some("202609"), Method::GET, &good), 429, json!(101)),
    ];
    for (at, (request, status, service_error_code)) in rows.into_iter().enumerate() {
        let (got, body) = reply(request).await;
        assert_eq!((got, &body["serviceErrorCode"]), (status, &service_error_code), "row {at}: {body}");
        assert_eq!(body["status"], status, "row {at}");
    }
    world.fault("linkedin.daily_quota=null");
    assert_eq!(world.get(&good).await.0, 200);
}

#[tokio::test]
async fn messages_name_parameter_scope_and_version() {
    let world = World::small().await;
    let message = |body: &Value| body["message"].as_str().unwrap().to_owned();
    let (_, body) = world.get(&format!("{BY_OWNER}&timeRange.start=1")).await;
    assert_eq!(
        message(&body),
        "Unpermitted fields present in PARAMETER: Data Processing Exception while processing fields [/timeRange.start]"
    );
    let (status, body) = world.get(&format!("{BY_OWNER}&fields=id,score")).await;
    assert_eq!(status, 403);
    assert!(message(&body).contains("[/score]"));
    let (status, body) = world.get(&format!("{BY_OWNER}&fields=id,form:(nothing)")).await;
    assert_eq!(status, 403);
    assert!(message(&body).contains("[/form.nothing]"));

    let request = world.bare(BY_OWNER).header("authorization", "Bearer sandbox-linkedin-noscope");
    let request = request.header("linkedin-version", "202609").header("x-restli-protocol-version", "2.0.0");
    let (_, body) = reply(request).await;
    assert_eq!(message(&body), "Not enough permissions to access: leadFormResponses.FINDER-owner.20260901");
    world.fault("linkedin.ignore_unknown_parameters=true");
    assert_eq!(world.get(&format!("{BY_OWNER}&submittedAt=1")).await.0, 200);
}

#[tokio::test]
async fn bad_arguments_are_refused() {
    let world = World::small().await;
    let finder = "/rest/leadFormResponses?q=owner";
    let typed = "leadType=(leadType:SPONSORED)";
    let rows = [
        format!("/rest/leadFormResponses?{OWNER}&{typed}"),
        format!("/rest/leadFormResponses?q=account&{OWNER}&{typed}"),
        format!("{finder}&{typed}"),
        format!("{finder}&{OWNER}"),
        format!("{finder}&{OWNER}&leadType=SPONSORED"),
        format!("{finder}&{OWNER}&leadType=(leadType:OTHER)"),
        format!("{finder}&{OWNER}&leadType=(leadType:EVENT)"),
        format!("{finder}&owner=(organization:urn%3Ali%3Aorganization%3A90021)&{typed}"),
        format!("{finder}&owner=(sponsoredAccount:urn:li:sponsoredAccount:503000101)&{typed}"),
        format!("{finder}&owner=(sponsoredAccount:urn%253Ali%253AsponsoredAccount%253A503000101)&{typed}"),
        format!(
            "{finder}&owner=%28sponsoredAccount%3Aurn%253Ali%253AsponsoredAccount%253A503000101%29&{typed}"
        ),
        format!("{finder}&owner=urn%3Ali%3AsponsoredAccount%3A503000101&{typed}"),
        format!("{finder}&owner=(sponsoredAccount:503000101)&{typed}"),
        format!("{BY_OWNER}&count=-1"),
        format!("{BY_OWNER}&count=ten"),
        format!("{BY_OWNER}&start=1.5"),
        format!("{BY_OWNER}&limitedToTestLeads=yes"),
        format!("{BY_OWNER}&submittedAtTimeRange=(end:5)"),
        format!("{BY_OWNER}&submittedAtTimeRange=(start:5,end:4)"),
        format!("{BY_OWNER}&submittedAtTimeRange=(start:5,until:9)"),
        format!("{BY_OWNER}&submittedAtTimeRange=5"),
        format!("{BY_OWNER}&versionedLeadGenFormUrn=urn%3Ali%3AleadGenForm%3A4400100"),
        format!("{BY_OWNER}&fields=id%2Cform"),
        format!("{BY_OWNER}&count=1&count=2"),
        "/rest/leadFormResponses?ids=List()".to_owned(),
        "/rest/leadFormResponses?ids=1".to_owned(),
        "/rest/leadForms/12x".to_owned(),
        "/rest/leadForms/%zz".to_owned(),
        "/rest/leadForms?ids=List(abc)".to_owned(),
    ];
    for path in rows {
        let (status, body) = world.get(&path).await;
        assert_eq!((status, &body["status"]), (400, &json!(400)), "{path}");
    }
    world.fault("linkedin.encoded_structure=true");
    let encoded = format!(
        "{finder}&owner=%28sponsoredAccount%3Aurn%253Ali%253AsponsoredAccount%253A503000101%29&{typed}"
    );
    assert_eq!(world.get(&encoded).await.0, 200);
}

#[tokio::test]
async fn protocol_one_has_no_record_syntax() {
    let world = World::small().await;
    let send = |path: &str, protocol: Option<&str>| {
        let request = world.bare(path).header("authorization", "Bearer sandbox-linkedin-token");
        let request = request.header("linkedin-version", "202609");
        reply(protocol.into_iter().fold(request, |r, value| r.header("x-restli-protocol-version", value)))
    };
    assert_eq!(send(BY_OWNER, None).await.0, 400);
    assert_eq!(send(BY_OWNER, Some("1.0.0")).await.0, 400);
    assert_eq!(send(BY_OWNER, Some("3.0.0")).await.0, 400);
    assert_eq!(send("/rest/leadForms/4400100", None).await.0, 200);
}

#[tokio::test]
async fn a_long_query_goes_by_tunnel() {
    let world = World::small().await;
    let ids: Vec<String> = world.running.expected().take(120).map(|response| response.id).collect();
    let query = format!("ids=List({})&fields=id", ids.join(","));
    let (status, _) = world.get(&format!("/rest/leadFormResponses?{query}")).await;
    assert_eq!(status, 414);
    let tunnelled = |method: &str| {
        let url = format!("http://{}/rest/leadFormResponses", world.running.linkedin);
        world
            .client
            .post(url)
            .header("authorization", "Bearer sandbox-linkedin-token")
            .header("linkedin-version", "202609")
            .header("x-restli-protocol-version", "2.0.0")
            .header("x-http-method-override", method)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(query.clone())
    };
    let (status, body) = reply(tunnelled("GET")).await;
    assert_eq!((status, body["results"].as_object().unwrap().len()), (200, 120));
    assert_eq!(reply(tunnelled("DELETE")).await.0, 405);
}

#[tokio::test]
async fn a_post_without_a_length_is_refused() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = World::small().await;
    let mut stream = tokio::net::TcpStream::connect(world.running.linkedin).await.unwrap();
    stream.write_all(b"POST /rest/leadForms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 411"), "{answer}");
}

#[tokio::test]
async fn legacy_paths_have_ended() {
    let world = World::small().await;
    for (path, status) in [
        ("/v2/adForms", 426),
        ("/v2/adFormResponses?q=account", 426),
        ("/v2/me", 403),
        ("/v2/other", 404),
        ("/rest/adForms?q=account", 404),
        ("/rest/adFormResponses", 404),
        ("/rest/leadForms/1/2", 404),
        ("/", 404),
    ] {
        assert_eq!(world.get(path).await.0, status, "{path}");
    }
}
