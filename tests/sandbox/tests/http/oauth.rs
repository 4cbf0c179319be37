//! LinkedIn's tokens, and Entra ID's endpoint.

use serde_json::{Value, json};

use crate::client::{BY_OWNER, NOW_MS, World, reply};

const DAY_MS: u64 = 86_400_000;
const APP: &str = "client_id=sandbox-linkedin-client&client_secret=sandbox-linkedin-secret%3D%3D";

async fn post(world: &World, endpoint: &str, form: String) -> (u16, Value) {
    let url = format!("http://{}/oauth/v2/{endpoint}", world.running.linkedin);
    reply(world.client.post(url).header("content-type", "application/x-www-form-urlencoded").body(form)).await
}

#[tokio::test]
async fn introspection_tells_the_state_of_a_token() {
    let world = World::small().await;
    let state = async |token: &str| post(&world, "introspectToken", format!("{APP}&token={token}")).await;
    let (status, body) = state("sandbox-linkedin-token").await;
    assert_eq!((status, &body["active"], &body["status"]), (200, &json!(true), &json!("active")));
    assert_eq!(body["expires_at"], (NOW_MS + 60 * DAY_MS) / 1_000, "seconds");
    assert!(
        body["scope"].as_str().unwrap().split(',').any(|scope| scope == "r_marketing_leadgen_automation")
    );
    assert_eq!(state("sandbox-linkedin-expired").await.1["status"], "expired");
    assert_eq!(state("sandbox-linkedin-revoked").await.1["status"], "revoked");
    assert_eq!(state("of-another-app").await, (200, json!({"active": false})));
    assert_eq!(post(&world, "introspectToken", APP.to_owned()).await.0, 400);
    let wrong = "client_id=sandbox-linkedin-client&client_secret=no&token=x".to_owned();
    assert_eq!(post(&world, "introspectToken", wrong).await.0, 401);
    let unknown = "client_id=who&client_secret=no&token=x".to_owned();
    assert_eq!(post(&world, "introspectToken", unknown).await.0, 400);
}

#[tokio::test]
async fn refreshing_gives_a_new_token_but_no_longer_life() {
    let world = World::small().await;
    let refresh = format!("grant_type=refresh_token&refresh_token=sandbox-linkedin-refresh&{APP}");
    world.clock.advance(59 * DAY_MS);
    let (status, body) = post(&world, "accessToken", refresh.clone()).await;
    assert_eq!((status, &body["expires_in"]), (200, &json!(5_184_000)));
    assert_eq!(body["refresh_token_expires_in"], 26_438_400);
    assert_eq!(body["refresh_token"], "sandbox-linkedin-refresh");
    let request = world.call(BY_OWNER);
    assert_eq!(reply(request).await.0, 200);

    world.clock.set(NOW_MS + 360 * DAY_MS);
    let (_, body) = post(&world, "accessToken", refresh.clone()).await;
    assert_eq!((&body["expires_in"], &body["refresh_token_expires_in"]), (&json!(432_000), &json!(432_000)));
    world.clock.set(NOW_MS + 365 * DAY_MS);
    let (status, body) = post(&world, "accessToken", refresh).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
}

#[tokio::test]
async fn token_requests_are_refused_as_documented() {
    let world = World::small().await;
    let rows = [
        (APP.to_owned(), 400, "invalid_request"),
        (format!("grant_type=refresh_token&{APP}"), 400, "invalid_request"),
        (format!("grant_type=refresh_token&refresh_token=dead&{APP}"), 400, "invalid_request"),
        (
            "grant_type=refresh_token&refresh_token=x&client_id=sandbox-linkedin-client".to_owned(),
            400,
            "invalid_request",
        ),
        (
            "grant_type=refresh_token&refresh_token=x&client_id=sandbox-linkedin-client&client_secret=no"
                .to_owned(),
            401,
            "invalid_client",
        ),
        (
            format!("grant_type=authorization_code&code=x&redirect_uri=https%3A%2F%2Fcrm.example.test&{APP}"),
            401,
            "invalid_request",
        ),
        (format!("grant_type=authorization_code&code=x&{APP}"), 400, "invalid_request"),
    ];
    for (form, status, error) in rows {
        let (got, body) = post(&world, "accessToken", form.clone()).await;
        assert_eq!((got, &body["error"]), (status, &json!(error)), "{form}");
        assert!(body["error_description"].is_string());
    }
}

#[tokio::test]
async fn tokens_end_when_they_are_revoked_or_told_to_be_refreshed() {
    let world = World::small().await;
    world.fault("linkedin.require_refresh_after_s=60");
    assert_eq!(world.get(BY_OWNER).await.0, 200);
    world.clock.advance(60_000);
    let (status, body) = world.get(BY_OWNER).await;
    assert_eq!(
        (status, &body["serviceErrorCode"], &body["code"]),
        (401, &json!(65602), &json!("EXPIRED_ACCESS_TOKEN"))
    );
    let form = format!("grant_type=refresh_token&refresh_token=sandbox-linkedin-refresh&{APP}");
    let token = post(&world, "accessToken", form).await.1["access_token"].as_str().unwrap().to_owned();
    let with = |token: &str| {
        let request = world.bare(BY_OWNER).header("authorization", format!("Bearer {token}"));
        reply(request.header("linkedin-version", "202609").header("x-restli-protocol-version", "2.0.0"))
    };
    assert_eq!(with(&token).await.0, 200);
    assert_eq!(post(&world, "revoke", format!("{APP}&token={token}")).await.0, 200);
    assert_eq!(with(&token).await.1["serviceErrorCode"], 65601);
    assert_eq!(with("sandbox-linkedin-revoked").await.1["serviceErrorCode"], 65601);
    assert_eq!(with("sandbox-linkedin-expired").await.1["serviceErrorCode"], 65602);
}

#[tokio::test]
async fn user_info_needs_no_version() {
    let world = World::small().await;
    let (status, body) = reply(world.bare("/v2/userinfo").bearer_auth("sandbox-linkedin-token")).await;
    assert_eq!((status, &body["name"]), (200, &json!("Mira Kolb")));
    assert_eq!(reply(world.bare("/v2/userinfo")).await.0, 401);
}

#[tokio::test]
async fn entra_issues_tokens_for_the_dataverse_origin() {
    let world = World::small().await;
    let tenant = "00000000-0000-4000-8000-00000000a001";
    let ask = async |tenant: &str, basic: bool, secret: &str| {
        let url = format!("http://{}/{tenant}/oauth2/v2.0/token", world.running.entra);
        let scope = format!("http%3A%2F%2F127.0.0.1%3A{}%2F.default", world.running.dataverse.port());
        let client = "00000000-0000-4000-8000-00000000c001";
        let request = world.client.post(url).header("content-type", "application/x-www-form-urlencoded");
        let form = format!("grant_type=client_credentials&scope={scope}");
        let response = if basic {
            request.basic_auth(client, Some(secret)).body(form)
        } else {
            request.body(format!("{form}&client_id={client}&client_secret={secret}"))
        };
        response.send().await.unwrap()
    };
    for basic in [false, true] {
        let response = ask(tenant, basic, "sandbox-secret").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["cache-control"], "no-store, no-cache");
        let (_, body) = crate::client::body(response).await;
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3_599)));
        assert_eq!(
            crate::client::body(ask(tenant, basic, "no").await).await.1["error_codes"],
            json!([7_000_215])
        );
    }
    let (status, body) = crate::client::body(ask("other", false, "sandbox-secret").await).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
    let get = world.client.get(format!("http://{}/{tenant}/oauth2/v2.0/token", world.running.entra));
    assert_eq!(reply(get).await.0, 405);
    let elsewhere = world.client.post(format!("http://{}/{tenant}/oauth2/token", world.running.entra));
    assert_eq!(reply(elsewhere).await.0, 404);
}

#[tokio::test]
async fn a_refreshed_token_can_be_refused_for_a_while() {
    let world = World::small().await;
    world.fault("linkedin.fresh_token_refused_s=5");
    let form = "grant_type=refresh_token&refresh_token=sandbox-linkedin-refresh\
                &client_id=sandbox-linkedin-client&client_secret=sandbox-linkedin-secret%3D%3D";
    let url = format!("http://{}/oauth/v2/accessToken", world.running.linkedin);
    let request =
        world.client.post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
    let (_, issued) = reply(request).await;
    let token = format!("Bearer {}", issued["access_token"].as_str().unwrap());
    let call = async || {
        let request = world
            .bare("/rest/adAccounts?q=search")
            .header("authorization", &token)
            .header("linkedin-version", "202609")
            .header("x-restli-protocol-version", "2.0.0");
        reply(request).await
    };
    let (status, body) = call().await;
    assert_eq!((status, &body["serviceErrorCode"]), (401, &json!(65_601)));
    world.clock.advance(5_000);
    assert_eq!(call().await.0, 200);
}
