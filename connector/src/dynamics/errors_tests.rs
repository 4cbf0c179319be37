use super::*;

fn response(status: u16, body: &str) -> Response {
    Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

fn coded(status: u16, code: &str) -> Class {
    Refused::new(&response(status, &format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#))).class
}

#[test]
fn classes_by_code() {
    let table = [
        (Class::Throttled, 503, "0x80072321"),
        (Class::Throttled, 429, ""),
        (Class::Throttled, 400, "0x8005F103"),
        (Class::Transient, 400, "0x80071151"),
        (Class::Transient, 400, "0x80048543"),
        (Class::TokenRefused, 401, "0x80040220"),
        (Class::TokenRefused, 400, "0x8005F101"),
        (Class::Forbidden, 403, "0x80040220"),
        (Class::Forbidden, 400, "0x80040231"),
        (Class::Forbidden, 403, "0x80042f09"),
        (Class::Forbidden, 403, "0x80072560"),
        (Class::Forbidden, 400, "0x80040225"),
        (Class::Forbidden, 403, "0x8004D24B"),
        (Class::Forbidden, 403, "0x80048306"),
        (Class::Forbidden, 403, "0x80048405"),
        (Class::Address, 404, "0x8006088a"),
        (Class::Schema, 400, "0x0"),
        (Class::Schema, 400, ""),
        (Class::Schema, 400, "0x80048d19"),
        (Class::Schema, 400, "0x80060890"),
        (Class::Poison, 400, "0x80044331"),
        (Class::Poison, 400, "0x8004431A"),
        (Class::Poison, 400, "0x8004432F"),
        (Class::Poison, 400, "0x80044330"),
        (Class::Poison, 400, "0x80040203"),
        (Class::Poison, 500, "0x80040265"),
        (Class::Poison, 403, "0x80040265"),
        (Class::Poison, 400, "0x80048550"),
        (Class::Poison, 500, "0x80040333"),
        (Class::Poison, 412, "0x80060892"),
        (Class::Poison, 404, "0x80060891"),
        (Class::Poison, 404, "0x80040217"),
        (Class::Poison, 404, "-2147220969"),
        (Class::Poison, 400, "0x80049999"),
        (Class::Doubtful, 500, "0x80040216"),
        (Class::Doubtful, 400, "0x80040216"),
        (Class::Doubtful, 412, "0x80040237"),
        (Class::Contended, 412, "0x80060882"),
        (Class::Contended, 500, "0x80044150"),
        (Class::Slow, 500, "0x80044151"),
    ];
    for (class, status, code) in table {
        assert_eq!(coded(status, code), class, "{status} {code}");
    }
}

#[test]
fn classes_by_status() {
    let table = [
        (Class::Address, 302),
        (Class::Schema, 400),
        (Class::TokenRefused, 401),
        (Class::Forbidden, 403),
        (Class::Address, 404),
        (Class::Address, 405),
        (Class::Transient, 408),
        (Class::Poison, 412),
        (Class::TooBig, 413),
        (Class::Throttled, 429),
        (Class::Doubtful, 500),
        (Class::Address, 501),
        (Class::Transient, 502),
        (Class::Transient, 503),
        (Class::Transient, 504),
    ];
    for (class, status) in table {
        assert_eq!(Refused::new(&response(status, "<html>")).class, class, "{status}");
    }
}

#[test]
fn sql_errors_are_recognised_in_the_text() {
    let wrapped = |code: &str| {
        let text =
            format!(r#"{{"error":{{"code":"0x80048d0a","message":"Sql error CRM ErrorCode: {code} Sql"}}}}"#);
        Refused::new(&response(500, &text)).class
    };
    assert_eq!(wrapped("-2147204784"), Class::Contended);
    assert_eq!(wrapped("-2147204783"), Class::Slow);
}

#[test]
fn the_older_form_of_errors_is_understood() {
    let body = r#"{"Message":"m","ExceptionType":"Microsoft.OData.ODataException","ErrorCode":-2147204303}"#;
    let refused = Refused::new(&response(400, body));
    assert_eq!((refused.class, refused.code.as_deref()), (Class::Poison, Some("0x80044331")));
}

#[test]
fn waits_are_read_with_fractions_and_bounds() {
    let wait = |status: u16, value: Option<&str>| {
        let headers = value.map(|value| ("retry-after".to_owned(), value.to_owned())).into_iter().collect();
        Refused::new(&Response { status, headers, body: Vec::new() }).wait_ms
    };
    assert_eq!(wait(429, Some("17")), Some(17_000));
    assert_eq!(wait(429, Some("0.25")), Some(250));
    assert_eq!(wait(429, None), Some(30_000));
    assert_eq!(wait(429, Some("soon")), Some(30_000));
    assert_eq!(wait(429, Some("-1")), Some(30_000));
    assert_eq!(wait(429, Some("1e300")), Some(30_000));
    assert_eq!(wait(429, Some("999999")), Some(WAIT_MAX_MS));
    assert_eq!(wait(503, Some("5")), Some(5000));
    assert_eq!(wait(503, None), None);
}

#[test]
fn a_refusal_shows_no_message_when_debugged() {
    let refused = Refused::new(&response(400, r#"{"error":{"code":"0x80040265","message":"Ada is known"}}"#));
    assert!(!format!("{refused:?}").contains("Ada"));
}

#[test]
fn what_is_missing_follows_from_the_code_where_no_privilege_is_named() {
    let missing = |code: &str| {
        let text = format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
        match Refused::new(&response(403, &text)).failure("w", &Scrubber::default()) {
            Failure::Forbidden { missing, .. } => missing,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(missing("0x80042f09"), "a security role for the application user");
    assert_eq!(missing("0x80072560"), "an application user for this app registration");
    assert_eq!(missing("0x80048405"), "a privilege on the table lead");
}
