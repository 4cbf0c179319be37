//! Requests at the edges of what is taken.

use super::*;

/// A genuine request of that body.
fn genuine(source: &Source<Link>, body: &str) -> Reply {
    post(source, &signed_by(source, body.as_bytes()), body.as_bytes())
}

#[test]
fn another_type_may_have_another_shape() {
    let (source, link) = source_at("{}", SAMPLE_MS);
    let other = r#"{"type":"ORGANIZATION_SOCIAL_ACTION","notifications":[{"occurredAt":5}]}"#;
    let reply = genuine(&source, other);
    assert_eq!((reply.status, reply.changes.as_str()), (200, ""));
    assert!(link.0.logs.borrow().iter().any(|line| line.contains("does not know")));
    let both = genuine(&source, &format!("[{other},{SAMPLE}]"));
    assert_eq!((both.status, both.changes.lines().count()), (200, 1), "it hides no other");
}

#[test]
fn an_owner_that_is_not_known_or_cannot_have_the_kind_is_passed_over() {
    let (source, link) = source_at("{}", SAMPLE_MS);
    for owner in [json!({ "school": "urn:li:school:1" }), json!({ "organization": "urn:li:organization:1" })]
    {
        let reply = send(&source, &json!({ "owner": owner }));
        assert_eq!((reply.status, reply.changes.as_str()), (200, ""));
    }
    assert_eq!(link.0.logs.borrow().len(), 2);
}

#[test]
fn a_code_that_stands_twice_is_none_even_without_a_value() {
    let (source, _) = source_at("{}", NOW);
    let get = |query| source.receive(Arrived { method: "GET", query, headers: &[], body: b"" }).unwrap();
    for query in ["challengeCode", "challengeCode=a&challengeCode", "challengeCode&challengeCode=a"] {
        assert_eq!(code(&get(query)), (400, "no_challenge_code".into()), "{query}");
    }
    let longest = format!("challengeCode={}", "x".repeat(256));
    assert_eq!(get(&longest).status, 200);
    let body: Value = serde_json::from_slice(&get("challengeCode=a%252Db").body).unwrap();
    assert_eq!(body["challengeCode"], "a%2Db", "decoded once");
}

#[test]
fn nobody_has_a_notice_signed_as_a_challenge() {
    let (source, _) = source_at("{}", SAMPLE_MS + 1_000);
    // All that a notice needs, short enough for a challenge.
    let body = r#"{"type":"LEAD_ACTION","leadGenFormResponse":"5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3","owner":{"a":"urn:li:sponsoredAccount:503000111"},"leadType":"SPONSORED","leadAction":"DELETED","occurredAt":1785000000000}"#;
    let encoded: String = format!("hmacsha256={body}").bytes().map(|byte| format!("%{byte:02X}")).collect();
    let raw = "challengeCode=hmacsha256=[]".to_owned();
    for query in [format!("challengeCode={encoded}"), raw] {
        let reply =
            source.receive(Arrived { method: "GET", query: &query, headers: &[], body: b"" }).unwrap();
        assert_eq!(code(&reply), (400, "no_challenge_code".into()), "{query}");
    }
}

#[test]
fn a_refusal_repeats_nothing_of_what_arrived() {
    let (source, _) = source_at("{}", SAMPLE_MS);
    for replaced in [
        json!({ "leadGenFormResponse": "urn:li:person:zzz" }),
        json!({ "leadGenFormResponse": "urn:li:leadGenFormResponse:" }),
        json!({ "leadGenFormResponse": "urn:li:leadGenFormResponse:zz\nzz" }),
        json!({ "owner": "zzz" }),
        json!({ "occurredAt": "zzz" }),
        json!({ "occurredAt": -1, "leadType": "zzz" }),
        json!({ "type": 7, "leadAction": "zzz" }),
    ] {
        let reply = send(&source, &replaced);
        assert_eq!(code(&reply), (400, "malformed".into()), "{replaced}");
        assert!(!String::from_utf8_lossy(&reply.body).contains("zz"));
    }
}

#[test]
fn a_request_holds_at_most_a_hundred_notices_and_all_must_be_timely() {
    let (source, _) = source_at("{}", SAMPLE_MS);
    let several = |count| format!("[{}]", vec![SAMPLE; count].join(","));
    assert_eq!(genuine(&source, &several(100)).changes.lines().count(), 100);
    assert_eq!(code(&genuine(&source, &several(101))), (400, "malformed".into()));
    let old = SAMPLE.replace("1785000000000", "5");
    assert_eq!(code(&genuine(&source, &format!("[{SAMPLE},{old}]"))), (400, "notice_too_old".into()));
}

#[test]
fn size_goes_before_form_and_form_before_the_signature() {
    let (source, _) = source_at(r#"{"webhook":{"max_body_bytes":1024}}"#, SAMPLE_MS);
    let text = [("content-type".to_owned(), "text/plain".to_owned())];
    assert_eq!(code(&post(&source, &text, &[b' '; 1_025])).0, 413);
    assert_eq!(code(&post(&source, &text, &[b' '; 1_024])).0, 415);
    assert_eq!(code(&post(&source, &[json_header()], &[b' '; 1_024])).0, 401);
}

#[test]
fn organizations_are_covered_as_the_configuration_has_them() {
    let chosen = r#"{"kinds":["EVENT"],"organizations":{"include":[90021]}}"#;
    for (config, number, told) in [(chosen, 90_021, 1), (chosen, 90_022, 0), ("{}", 90_021, 0)] {
        let (source, _) = source_at(config, SAMPLE_MS);
        let owner = json!({ "organization": format!("urn:li:organization:{number}") });
        let reply = send(&source, &json!({ "leadType": "EVENT", "owner": owner }));
        assert_eq!((reply.status, reply.changes.lines().count()), (200, told), "{config} {number}");
    }
}

#[test]
fn without_a_secret_it_says_where_to_set_it() {
    let (source, link) = source_at("{}", SAMPLE_MS);
    let headers = signed_by(&source, SAMPLE.as_bytes());
    link.0.unsigned.set(true);
    for request in [
        Arrived { method: "GET", query: "challengeCode=x", headers: &[], body: b"" },
        Arrived { method: "POST", query: "", headers: &headers, body: SAMPLE.as_bytes() },
    ] {
        let failure = source.receive(request).unwrap_err();
        assert!(matches!(failure, Failure::Invalid { .. }));
        assert!(failure.to_string().contains("set it as `signing_secret` of the credential `linkedin`"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Genuine by its signature and nearly so by its shape, with anything in one of its members.
    #[test]
    fn any_value_of_a_member_is_judged(
        member in "type|leadGenFormResponse|leadGenForm|owner|leadType|leadAction|occurredAt",
        text in "\\PC{0,40}|urn:li:[a-zA-Z]{0,20}[:(,)]{0,3}\\PC{0,10}",
        number in any::<u64>(),
        is_text in any::<bool>(),
    ) {
        let (source, _) = source_at("{}", SAMPLE_MS);
        let value = if is_text { Value::from(text) } else { Value::from(number) };
        let reply = send(&source, &json!({ member: value }));
        prop_assert!(matches!(reply.status, 200 | 400));
    }
}
