//! Single responses by key: the same as when they are read.

use serde_json::{Value, json};

use super::super::ReadRequest;
use super::super::fake::{Behaviour, Fake, Lead, Link, NOW, now};
use super::{PARTITION, keys, open, read, request};

const EVENT: &str = "EVENT:90021";

/// Ads and event registrations, on two forms, some of them tests; older than the settle time.
fn leads() -> Vec<Lead> {
    (0..12)
        .map(|number| Lead {
            test: number % 5 == 1,
            form: 4_400_120 + number as u64 % 2,
            holding: if number % 3 == 0 { EVENT } else { PARTITION },
            ..Lead::new(NOW - 1_000_000 - number as u64, number)
        })
        .collect()
}

fn link() -> Link {
    Fake::link(Behaviour::default(), leads())
}

fn ids(leads: &[Lead]) -> Vec<String> {
    leads.iter().map(|lead| lead.id.clone()).collect()
}

fn fetch(link: &Link, config: &str, keys: &[String]) -> super::super::Page {
    now(open(link, config).fetch("lead_responses", keys)).unwrap()
}

#[test]
fn a_response_has_the_same_bytes_fetched_and_read() {
    for config in [
        r#"{"kinds":["SPONSORED","EVENT"]}"#,
        r#"{"kinds":["SPONSORED","EVENT"],"test_leads":"include"}"#,
        r#"{"kinds":["EVENT"]}"#,
        r#"{"accounts":{"exclude":[503000111]}}"#,
        r#"{"forms":{"include":[4400121]}}"#,
    ] {
        let link = link();
        let source = open(&link, config);
        let mut pulled: Vec<(u64, String)> = Vec::new();
        for (partition, covered) in [
            (PARTITION, !config.contains(r#"["EVENT"]"#) && !config.contains("exclude")),
            (EVENT, config.contains("EVENT")),
        ] {
            // `read` takes the partitions that `partitions` lists; those of other kinds and owners are not among them.
            if covered {
                let page = read(&source, ReadRequest { partition, ..request(None, None) });
                assert!(!page.more);
                let times = keys(&page).into_iter().map(|(time, _)| time);
                pulled.extend(times.zip(page.records.lines().map(str::to_owned)));
            }
        }
        pulled.sort();
        let expected: String = pulled.iter().map(|(_, line)| format!("{line}\n")).collect();
        assert_eq!(fetch(&link, config, &ids(&leads())).records, expected, "{config}");
        // One by one it is another request of LinkedIn's.
        let single: String = ids(&leads())
            .iter()
            .rev()
            .map(|id| fetch(&link, config, std::slice::from_ref(id)).records)
            .collect();
        assert_eq!(single, expected, "{config}");
        assert_eq!(expected.is_empty(), config.contains("exclude"), "{config}");
    }
}

#[test]
fn what_the_configuration_does_not_cover_is_left_out_and_told_by_its_id() {
    let link = link();
    let fetched = keys(&fetch(&link, "{}", &ids(&leads())));
    let ads: Vec<String> =
        ids(&leads().into_iter().filter(|lead| lead.holding == PARTITION).collect::<Vec<_>>());
    assert_eq!(fetched.len(), ads.len());
    assert!(fetched.iter().all(|(_, key)| ads.contains(key)));
    let logs = link.0.logs.borrow();
    assert_eq!(logs.len(), leads().len() - ads.len());
    assert!(logs.iter().all(|line| line.contains("left out") && !line.contains("t.berg")));
}

#[test]
fn keys_that_cannot_be_linkedins_are_never_asked_for() {
    let link = link();
    let strange =
        ["", "..", ".", "a/b", "a?b", "a b", "urn:li:share:1", "t\u{e5}", "%2e%2e", &"x".repeat(513)];
    let strange: Vec<String> = strange.iter().map(|key| (*key).to_owned()).collect();
    assert_eq!(fetch(&link, "{}", &strange).records, "");
    assert!(link.0.urls.borrow().is_empty());
    let mixed = [strange[1].clone(), leads()[1].id.clone(), leads()[1].id.clone()];
    assert_eq!(fetch(&link, "{}", &mixed).records.lines().count(), 1);
    assert_eq!(link.0.urls.borrow().len(), 1);
}

#[test]
fn a_response_that_names_no_owner_or_kind_is_judged_by_what_it_names() {
    let element = |owner: &Value, kind: Option<&str>| {
        let mut element = json!({ "id": "a-1", "submittedAt": NOW, "owner": owner });
        if let Some(kind) = kind {
            element["leadType"] = kind.into();
        }
        element.to_string()
    };
    let account = json!({ "sponsoredAccount": "urn:li:sponsoredAccount:503000111" });
    let organization = json!({ "organization": "urn:li:organization:90021" });
    for (body, passed) in [
        (element(&Value::Null, None), true),
        (element(&Value::Null, Some("SPONSORED")), true),
        (element(&account, None), true),
        (element(&organization, None), false),
        (element(&account, Some("LATER")), false),
        (element(&organization, Some("SPONSORED")), false),
        (element(&json!({ "person": "urn:li:person:Kd83nQpL2x" }), Some("SPONSORED")), false),
    ] {
        let link = Fake::scripted(vec![("/leadFormResponses/a-1", 200, body.clone())]);
        assert_eq!(!fetch(&link, "{}", &["a-1".to_owned()]).records.is_empty(), passed, "{body}");
    }
}
