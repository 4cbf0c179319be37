//! Warnings about what LinkedIn no longer holds, as a page carries them.

use super::super::cursor::Cursor;
use super::super::fake::{Behaviour, Fake, Lead, Link, NOW};
use super::super::{Page, ReadRequest};
use super::{open, read, request};

const DAY: u64 = 86_400_000;

fn warnings(page: &Page) -> String {
    page.facts.clone().unwrap_or_default()
}

fn crowd() -> Link {
    let leads = (0..400).map(|number| Lead::new(NOW - 50 * DAY + number as u64 * 1000, number)).collect();
    Fake::link(Behaviour::default(), leads)
}

#[test]
fn the_first_page_of_a_sweep_names_the_part_beyond_retention() {
    let source = open(&crowd(), r#"{"backfill_days":100}"#);
    let first = read(&source, ReadRequest { max_records: 100, ..request(None, None) });
    let told = warnings(&first);
    for words in ["SPONSORED", "90 days", "2026-06-13T14:13:20Z to 2026-06-23T14:13:20Z"] {
        assert!(told.contains(words), "{told}");
    }
    let mut page = first;
    while page.more {
        let cursor = page.cursor;
        page = read(&source, ReadRequest { max_records: 100, ..request(Some(&cursor), None) });
        assert_eq!(warnings(&page), "", "only the first page tells");
    }
}

#[test]
fn the_days_are_those_of_the_kind_and_the_configuration() {
    let told = |partition, config: &str, selection| {
        let source = open(&crowd(), config);
        warnings(&read(&source, ReadRequest { partition, ..request(None, selection) }))
    };
    assert_eq!(told("SPONSORED:503000111", "{}", None), "", "the defaults fit each other");
    assert_eq!(told("EVENT:7", r#"{"kinds":["EVENT"],"backfill_days":300}"#, None), "");
    let shorter = r#"{"kinds":["EVENT"],"retention_days":{"EVENT":30}}"#;
    assert!(told("EVENT:7", shorter, None).contains("EVENT leads for 30 days"));
    let since = format!(r#"{{"since_ms":{},"until_ms":{}}}"#, NOW - 120 * DAY, NOW - 110 * DAY);
    let range = told("SPONSORED:503000111", "{}", Some(&since));
    assert!(range.contains("2026-05-24T14:13:20Z to 2026-06-03T14:13:20Z"), "{range}");
}

#[test]
fn a_pipeline_that_stood_still_for_too_long_is_told_of_its_loss() {
    let link = crowd();
    let source = open(&link, "{}");
    let stopped = Cursor::between(NOW - 95 * DAY, 1).to_text();
    let told = warnings(&read(&source, request(Some(&stopped), None)));
    assert!(
        told.contains("last read up to 2026-06-18T14:13:20Z") && told.contains("lost for good"),
        "{told}"
    );
    let recent = Cursor::between(NOW - 5 * DAY, 1).to_text();
    assert_eq!(warnings(&read(&source, request(Some(&recent), None))), "");
    let within = Cursor::within(NOW - 95 * DAY, NOW - 10 * DAY, DAY, 1).to_text();
    assert!(warnings(&read(&source, request(Some(&within), None))).contains("stood still since"));
}
