//! Each way to break the contract has its own sentence, and none quotes content.

use super::rig::*;
use crate::failure::Failure;
use crate::pipeline::End;
use crate::pipeline::port::{Page, WriteReply};

/// What a tick says when the source gives this page.
async fn page_breach(page: Page) -> String {
    let mut rig = Rig::new();
    rig.job.settings.page_records = 3;
    rig.job.settings.page_bytes = 4000;
    let report = rig.tick(&source(move |_| Ok(page.clone())), &taking_sink().0).await;
    assert_eq!((rig.cursor().await, rig.rows().await), (None, 0), "nothing of it counts");
    sentence(report.end)
}

async fn records_breach(records: impl Into<String>) -> String {
    page_breach(Page { records: records.into(), ..Page::default() }).await
}

/// What a tick says when the sink gives this reply to the keys `k0` and `k1`.
async fn reply_breach(outcomes: &str, stopped: Option<Failure>) -> String {
    let rig = Rig::new();
    let reply = WriteReply { outcomes: outcomes.to_owned(), stopped };
    let report = rig.tick(&counting_source(2, 2), &sink(move |_, _| Ok(reply.clone()))).await;
    assert_eq!((rig.cursor().await, rig.rows().await), (None, 0), "nothing of it counts");
    sentence(report.end)
}

fn sentence(end: End) -> String {
    let End::Failed(Failure::Fatal(detail)) = end else { panic!("{end:?}") };
    assert!(!detail.message.contains("secret"), "{detail}");
    let sentence = detail.message.replace("; report this to the component's author", "");
    sentence.split_once("broke the contract: ").expect("it names the contract").1.to_owned()
}

fn line(member: &str) -> String {
    format!(r#"{{"stream":"{STREAM}",{member}}}"#)
}

#[tokio::test(start_paused = true)]
async fn pages() {
    let good = envelope("a", 1, 1);
    let upsert = |rest: &str| line(&format!(r#""key":"a","op":"upsert",{rest}"#));
    for (records, expected) in [
        ("secret".to_owned(), "line 1 of a page is no envelope (not valid JSON, column 1)"),
        (format!("{good}\n\n{good}"), "line 2 of a page is no envelope (not valid JSON, column 0)"),
        (line(r#""op":"delete""#), "line 1 of a page is no envelope (missing field `key`)"),
        (
            line(r#""key":"a","op":"secret""#),
            "line 1 of a page is no envelope (a member has another type, column 41)",
        ),
        (line(r#""key":"","op":"delete""#), "line 1 of a page has an empty key"),
        (
            line(&format!(r#""key":"{}","op":"delete""#, "é".repeat(257))),
            "line 1 of a page has a key of 514 bytes; 512 are allowed",
        ),
        (good.replace(STREAM, "secret"), "line 1 of a page belongs to another stream"),
        (upsert(r#""time":1"#), "line 1 of a page is an upsert without a `data` object"),
        (upsert(r#""data":"secret""#), "line 1 of a page is an upsert without a `data` object"),
        (line(r#""key":"a","op":"delete","data":{}"#), "line 1 of a page is a delete with `data`"),
        (upsert(r#""time":18446744073709551615,"data":{}"#), "line 1 of a page has a `time` beyond 64 bits"),
        (
            [0, 1, 2, 3].map(|key| envelope(&key.to_string(), 1, 1)).join("\n"),
            "a page holds more than the 3 records that were asked for",
        ),
        (
            upsert(&format!(r#""data":{{"x":"{}"}}"#, "y".repeat(4000))),
            "a page has 4058 bytes where at most 4000 were asked for",
        ),
    ] {
        assert_eq!(records_breach(records).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn cursors_and_facts() {
    let long = Page { cursor: "c".repeat(65_537), ..Page::default() };
    assert_eq!(page_breach(long).await, "a cursor has 65537 bytes; 65536 are allowed");
    let facts = Page { facts: Some(r#"{"warnings":"secret"}"#.into()), ..Page::default() };
    assert_eq!(
        page_breach(facts).await,
        "the facts of a page are no JSON object as described (a member has another type, column 20)"
    );
    let rig = Rig::new();
    let report = rig.tick(&source(|_| Ok(page(0, 1, true))), &taking_sink().0).await;
    assert_eq!(report.pages, 1, "the first time it is progress");
    assert_eq!(sentence(report.end), "it has more to read but gave back the cursor that it was given");
}

#[tokio::test(start_paused = true)]
async fn replies() {
    let (first, both) =
        (outcomes(&["k0".into()], "created"), outcomes(&["k0".into(), "k1".into()], "created"));
    let busy = || Some(retryable(None));
    for (outcomes, stopped, expected) in [
        ("secret", None, "line 1 of its outcomes is no outcome (not valid JSON, column 1)"),
        (r#"{"key":"k0"}"#, None, "line 1 of its outcomes is no outcome (missing field `status`)"),
        (r#"{"key":"k0","status":"secret"}"#, None, "line 1 of its outcomes has an unknown status"),
        (&both.replace("k1", "secret"), None, "line 2 of its outcomes has a key that was not sent"),
        (&both.replace("k1", "k0"), None, "line 2 of its outcomes is the second for one key"),
        (
            &both.replace("created", "rejected"),
            None,
            "line 1 of its outcomes is skipped or rejected without a cause",
        ),
        (&first, None, "1 records have no outcome and it does not say why"),
        (&both, busy(), "it says that it stopped, but every record has an outcome"),
    ] {
        assert_eq!(reply_breach(outcomes, stopped).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outcome_for_a_record_that_was_settled_before_is_for_a_key_that_was_not_sent() {
    let rig = Rig::new();
    rig.tick(&source(|_| Ok(page(0, 1, false))), &taking_sink().0).await;
    let all = sink(|_, _| Ok(created(&["k0".into(), "k1".into()])));
    let report = rig.tick(&source(|_| Ok(page(0, 2, false))), &all).await;
    assert_eq!(sentence(report.end), "line 1 of its outcomes has a key that was not sent");
}
