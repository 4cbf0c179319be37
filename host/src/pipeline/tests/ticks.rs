//! One tick: order, settling, retries, dead letters, bounds, the asked-for end, fences, plans.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;

use super::rig::*;
use crate::failure::Failure;
use crate::pipeline::port::{Mode, Page, WriteReply};
use crate::pipeline::{End, Stopper};
use crate::store::{Op, Status, Store};

#[tokio::test(start_paused = true)]
async fn everything_lands_once_and_a_second_tick_writes_nothing() {
    let rig = Rig::new();
    let (sink, batches) = taking_sink();
    let report = rig.tick(&counting_source(25, 10), &sink).await;
    assert_eq!(report.end, End::Done);
    assert_eq!((report.counts.read, report.counts.created, report.pages), (25, 25, 3));
    assert_eq!(rig.cursor().await.as_deref(), Some("25"));

    let again = rig.tick(&counting_source(25, 10), &sink).await;
    assert_eq!((again.end, again.counts.read, again.pages), (End::Done, 0, 1));
    assert_eq!(batches.lock().unwrap().concat().len(), 25);
    assert_eq!(rig.events()[..2], ["started a false", "page 10 of 10"]);
}

#[tokio::test(start_paused = true)]
async fn writes_that_finish_out_of_order_are_committed_in_order() {
    let mut rig = Rig::new();
    rig.job.settings.pages_in_flight = 3;
    let finished = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&finished);
    let sink = FakeSink(Arc::new(move |batch, _| {
        let (keys, log) = (keys(&batch), Arc::clone(&log));
        async move {
            // The first page is the slowest.
            let number: u64 = keys[0][1..].parse().unwrap();
            tokio::time::sleep(Duration::from_millis(1000 - number * 10)).await;
            log.lock().unwrap().push(number);
            Ok(created(&keys))
        }
        .boxed()
    }));
    let report = rig.tick(&counting_source(30, 10), &sink).await;
    assert_eq!(*finished.lock().unwrap(), [20, 10, 0], "the test must have made them overlap");
    assert_eq!(report.end, End::Done);
    let pages: Vec<String> = rig.events().into_iter().filter(|event| event.starts_with("page")).collect();
    assert_eq!(pages, ["page 10 of 10", "page 10 of 20", "page 10 of 30"]);
}

#[tokio::test(start_paused = true)]
async fn a_later_page_never_moves_the_cursor_past_one_that_failed() {
    let mut rig = Rig::new();
    rig.job.settings.pages_in_flight = 4;
    let sink = sink(|keys, _| if keys[0] == "k10" { Err(Failure::fatal("no")) } else { Ok(created(keys)) });
    let report = rig.tick(&counting_source(40, 10), &sink).await;
    assert_eq!(report.end, End::Failed(Failure::fatal("no")));
    assert_eq!(rig.cursor().await.as_deref(), Some("10"));
    assert_eq!(report.pages, 1);
    // What later pages achieved is known, and not sent again.
    let kept = rig.rows().await;
    let (taking, batches) = taking_sink();
    let again = rig.tick(&counting_source(40, 10), &taking).await;
    assert_eq!(again.end, End::Done);
    assert_eq!(again.counts.settled, kept - 10);
    assert_eq!(batches.lock().unwrap().concat().len() as u64, 40 - kept);
}

#[tokio::test(start_paused = true)]
async fn pages_in_flight_are_bounded() {
    let mut rig = Rig::new();
    rig.job.settings.pages_in_flight = 2;
    let (now, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (counter, peak) = (Arc::clone(&now), Arc::clone(&most));
    let sink = FakeSink(Arc::new(move |batch, _| {
        let (counter, peak) = (Arc::clone(&counter), Arc::clone(&peak));
        async move {
            peak.fetch_max(counter.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(50)).await;
            counter.fetch_sub(1, Ordering::Relaxed);
            Ok(created(&keys(&batch)))
        }
        .boxed()
    }));
    assert_eq!(rig.tick(&counting_source(60, 10), &sink).await.end, End::Done);
    assert_eq!(most.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn one_key_is_never_in_two_writes_at_once() {
    let rig = Rig::new();
    // Each page repeats a key of the page before, with a new value.
    let source = source(|request| {
        let number: u64 = request.cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let records =
            [envelope("shared", 1, number), envelope(&format!("own{number}"), 2, number)].join("\n");
        Ok(Page { records, cursor: (number + 1).to_string(), more: number < 4, ..Page::default() })
    });
    let flying = Arc::new(Mutex::new(HashSet::new()));
    let sink = FakeSink(Arc::new(move |batch, _| {
        let flying = Arc::clone(&flying);
        async move {
            let keys = keys(&batch);
            for key in &keys {
                assert!(flying.lock().unwrap().insert(key.clone()), "{key} is in two writes");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            flying.lock().unwrap().retain(|key| !keys.contains(key));
            Ok(created(&keys))
        }
        .boxed()
    }));
    let report = rig.tick(&source, &sink).await;
    assert_eq!((report.end, report.counts.created), (End::Done, 10));
}

#[tokio::test(start_paused = true)]
async fn what_is_settled_is_not_sent_unless_it_changed() {
    let rig = Rig::new();
    let page = |value| Page {
        records: [envelope("a", 5, 1), envelope("b", 0, value)].join("\n"),
        cursor: format!("c{value}"),
        ..Page::default()
    };
    let (sink, batches) = taking_sink();
    rig.tick(&source(move |_| Ok(page(1))), &sink).await;
    let again = rig.tick(&source(move |_| Ok(page(1))), &sink).await;
    assert_eq!((again.counts.read, again.counts.settled, again.counts.created), (2, 2, 0));
    let changed = rig.tick(&source(move |_| Ok(page(2))), &sink).await;
    assert_eq!((changed.counts.settled, changed.counts.created), (1, 1));
    assert_eq!(*batches.lock().unwrap(), [vec!["a", "b"], vec!["b"]]);
    assert_eq!(rig.rows().await, 2);
}

#[tokio::test(start_paused = true)]
async fn another_digest_seed_sends_everything_again() {
    let mut rig = Rig::new();
    let (sink, batches) = taking_sink();
    let repeat = source(|_| Ok(page(0, 3, false)));
    rig.tick(&repeat, &sink).await;
    rig.job.digest_seed = 1;
    assert_eq!(rig.tick(&repeat, &sink).await.counts.settled, 0);
    assert_eq!(batches.lock().unwrap().len(), 2);
    assert_eq!(rig.rows().await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_write_repeats_only_the_rest_after_the_vendors_wait() {
    let rig = Rig::new();
    let (inner, batches) = taking_sink();
    let calls = AtomicU64::new(0);
    let sink = FakeSink(Arc::new(move |batch, mode| {
        let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        let reply = (inner.0)(batch, mode);
        async move {
            let mut reply = reply.await?;
            if first {
                reply.outcomes = reply.outcomes.lines().take(4).map(|line| format!("{line}\n")).collect();
                reply.stopped = Some(retryable(Some(5000)));
            }
            Ok(reply)
        }
        .boxed()
    }));
    let report = rig.tick(&counting_source(10, 10), &sink).await;
    assert_eq!(report.end, End::Done);
    let batches = batches.lock().unwrap();
    assert_eq!(
        (batches[0].len(), &batches[1][..]),
        (10, ["k4", "k5", "k6", "k7", "k8", "k9"].map(String::from).as_slice())
    );
    assert_eq!((report.counts.retried, report.counts.created), (6, 10));
    assert_eq!((report.waited_ms, report.finished_ms - report.started_ms), (5000, 5000));
    assert!(rig.events().iter().any(|event| event.starts_with("waiting until 1800000005000")));
}

#[tokio::test(start_paused = true)]
async fn tries_are_bounded_and_what_was_written_is_kept() {
    let rig = Rig::new();
    let calls = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&calls);
    let sink = sink(move |keys, _| {
        // The third call gets one record through, all others nothing.
        let third = counter.fetch_add(1, Ordering::Relaxed) == 2;
        let through = if third { &keys[..1] } else { &[] };
        Ok(WriteReply { outcomes: outcomes(through, "created"), stopped: Some(retryable(None)) })
    });
    let report = rig.tick(&counting_source(10, 10), &sink).await;
    assert_eq!(report.end, End::Failed(retryable(None)));
    assert_eq!(report.wake_in_ms, Some(1000));
    // Tries begin again with the one that made progress: 2 + 4.
    assert_eq!(calls.load(Ordering::Relaxed), 6);
    assert_eq!((report.counts.read, report.counts.created, report.pages), (1, 1, 0));
    assert_eq!((rig.cursor().await, rig.rows().await), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_bound_ends_the_tick_and_says_when_to_come_back() {
    let rig = Rig::new();
    let sink = sink(|_, _| Err(retryable(Some(60_000))));
    let report = rig.tick(&counting_source(1, 1), &sink).await;
    assert_eq!((report.end, report.wake_in_ms), (End::Failed(retryable(Some(60_000))), Some(60_000)));
    assert_eq!(report.waited_ms, 0);
}

#[tokio::test(start_paused = true)]
async fn reads_are_repeated_too() {
    let rig = Rig::new();
    let calls = AtomicU64::new(0);
    let source = source(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Err(retryable(Some(100))),
        _ => Ok(page(0, 2, false)),
    });
    let report = rig.tick(&source, &taking_sink().0).await;
    assert_eq!((report.end, report.counts.created, report.waited_ms), (End::Done, 2, 200));
}

#[tokio::test(start_paused = true)]
async fn own_waits_grow_with_jitter_from_the_seed() {
    let waits = |seed| async move {
        let mut rig = Rig::new();
        rig.job.jitter_seed = seed;
        rig.tick(&source(|_| Err(retryable(None))), &taking_sink().0).await.waited_ms
    };
    // Three waits of 100, 200, 400 ms, each with up to as much again.
    let first = waits(1).await;
    assert!((700..=1400).contains(&first), "{first}");
    assert_eq!(first, waits(1).await);
    assert_ne!(first, waits(2).await);
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_lets_pages_in_hand_finish() {
    let rig = Rig::new();
    let source = source(|request| match request.cursor.as_deref() {
        None => Ok(page(0, 5, true)),
        Some(_) => Err(Failure::fatal("gone")),
    });
    let report = rig.tick(&source, &taking_sink().0).await;
    assert_eq!((report.end, report.pages), (End::Failed(Failure::fatal("gone")), 1));
    assert_eq!(rig.cursor().await.as_deref(), Some("5"));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_record_becomes_a_dead_letter_and_the_cursor_moves_on() {
    let rig = Rig::new();
    let refusing = sink(|keys, _| {
        let good = outcomes(&keys[1..], "created");
        let cause = r#"{"code":"0x80048d19","message":"a column does not exist"}"#;
        Ok(WriteReply {
            outcomes: format!("{good}{{\"key\":\"k0\",\"status\":\"rejected\",\"cause\":{cause}}}"),
            stopped: None,
        })
    });
    let report = rig.tick(&counting_source(3, 3), &refusing).await;
    assert_eq!((report.end, report.counts.rejected, report.counts.created), (End::Done, 1, 2));
    assert_eq!(rig.cursor().await.as_deref(), Some("3"));
    let letters = rig.store.dead_letters(PIPELINE, 0, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((&*letters[0].key, &*letters[0].cause.code, letters[0].attempts), ("k0", "0x80048d19", 1));
    assert_eq!(letters[0].record, envelope("k0", 1000, 0), "it can be replayed");
    assert!(!format!("{letters:?}").contains("secret"), "content stays out of debug output");

    // Once it lands, it is a dead letter no more.
    let mut rig = rig;
    rig.job.digest_seed = 1;
    rig.tick(&source(|_| Ok(page(0, 1, false))), &taking_sink().0).await;
    assert_eq!(rig.store.dead_letter_count(PIPELINE).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_skipped_record_gets_its_outcome_without_the_sink_until_it_is_no_longer_skipped() {
    let rig = Rig::new();
    let line = envelope("t", 1, 1);
    let skipped =
        line.replace(r#""data""#, r#""skip":{"code":"test_lead","reason":"made by the preview"},"data""#);
    let give = |records: String| source(move |_| Ok(Page { records: records.clone(), ..Page::default() }));
    let (sink, batches) = taking_sink();
    let report = rig.tick(&give(skipped.clone()), &sink).await;
    assert_eq!((report.counts.skipped, batches.lock().unwrap().len()), (1, 0));
    let outcome = rig.store.outcomes_of(PIPELINE, "t").await.unwrap().remove(0);
    assert_eq!((outcome.status, outcome.cause.unwrap().code), (Status::Skipped, "test_lead".to_owned()));
    assert_eq!(rig.tick(&give(skipped), &sink).await.counts.settled, 1);
    assert_eq!(rig.tick(&give(line), &sink).await.counts.created, 1);
    assert_eq!(rig.rows().await, 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_of_two_records_with_one_key_in_a_page_wins() {
    let rig = Rig::new();
    let delete = format!(r#"{{"key":"x","op":"delete","stream":"{STREAM}","time":1}}"#);
    let records = [envelope("x", 1, 1), envelope("y", 1, 1), delete].join("\n");
    let sink = sink(|keys, _| {
        assert_eq!(keys, ["y", "x"]);
        Ok(created(keys))
    });
    let report =
        rig.tick(&source(move |_| Ok(Page { records: records.clone(), ..Page::default() })), &sink).await;
    assert_eq!((report.counts.read, report.counts.replaced, report.counts.created), (3, 1, 2));
    assert_eq!(rig.store.outcomes_of(PIPELINE, "x").await.unwrap()[0].op, Op::Delete);
}

#[tokio::test(start_paused = true)]
async fn an_empty_page_moves_the_cursor() {
    let rig = Rig::new();
    let facts = Some(r#"{"wake_in_ms":42,"warnings":["old","old"],"more":"ignored"}"#.to_owned());
    let source =
        source(move |_| Ok(Page { cursor: "later".into(), facts: facts.clone(), ..Page::default() }));
    let report = rig.tick(&source, &taking_sink().0).await;
    assert_eq!((report.end, report.pages, report.wake_in_ms), (End::Done, 1, Some(42)));
    assert_eq!(report.warnings, ["old"]);
    assert_eq!(rig.cursor().await.as_deref(), Some("later"));
}

#[tokio::test(start_paused = true)]
async fn bounds_end_a_tick_and_the_next_goes_on() {
    let mut rig = Rig::new();
    rig.job.settings.max_pages = 2;
    let (sink, batches) = taking_sink();
    let report = rig.tick(&counting_source(50, 10), &sink).await;
    assert_eq!((report.end, report.pages, report.wake_in_ms), (End::Bounded, 2, Some(0)));

    rig.job.settings.max_pages = 100;
    rig.job.settings.max_duration = Duration::from_millis(250);
    rig.job.settings.pages_in_flight = 1;
    let slow = FakeSink(Arc::new(move |batch, mode| {
        let reply = (sink.0)(batch, mode);
        async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            reply.await
        }
        .boxed()
    }));
    let report = rig.tick(&counting_source(50, 10), &slow).await;
    assert_eq!((report.end, report.pages), (End::Bounded, 2));
    assert_eq!(rig.cursor().await.as_deref(), Some("40"));
    assert_eq!(batches.lock().unwrap().concat().len(), 40);
}

/// A sink whose every write takes `duration`, and which asks for the end during the first.
fn stopping_sink(stopper: Stopper, duration: Duration) -> FakeSink {
    let stopper = Arc::new(stopper);
    FakeSink(Arc::new(move |batch, _| {
        let stopper = Arc::clone(&stopper);
        async move {
            stopper.stop();
            tokio::time::sleep(duration).await;
            Ok(created(&keys(&batch)))
        }
        .boxed()
    }))
}

#[tokio::test(start_paused = true)]
async fn the_asked_for_end_finishes_pages_in_hand() {
    let mut rig = Rig::new();
    let (stopper, stop) = Stopper::new();
    rig.stop = stop;
    let report = rig.tick(&counting_source(100, 10), &stopping_sink(stopper, Duration::from_secs(9))).await;
    assert_eq!(report.end, End::Stopped);
    let most = rig.job.settings.pages_in_flight;
    assert!((1..=most).contains(&report.pages), "{report:?}");
    assert_eq!(rig.cursor().await, Some((report.pages * 10).to_string()));
    assert_eq!(rig.rows().await, report.counts.read);
}

#[tokio::test(start_paused = true)]
async fn pages_that_outlast_the_grace_are_not_counted() {
    let mut rig = Rig::new();
    let (stopper, stop) = Stopper::new();
    rig.stop = stop;
    let report = rig.tick(&counting_source(100, 10), &stopping_sink(stopper, Duration::from_hours(1))).await;
    assert_eq!((report.end.clone(), report.pages, report.counts.read), (End::Stopped, 0, 0));
    assert_eq!((rig.cursor().await, rig.rows().await), (None, 0));
    assert_eq!(report.finished_ms - report.started_ms, 10_000);
}

#[tokio::test(start_paused = true)]
async fn the_asked_for_end_cuts_waits_short() {
    let mut rig = Rig::new();
    let (stopper, stop) = Stopper::new();
    rig.stop = stop;
    rig.job.settings.retry.max_wait = Duration::from_hours(2);
    let sink = sink(|keys, _| {
        Ok(WriteReply {
            outcomes: outcomes(&keys[..1], "created"),
            stopped: Some(retryable(Some(3_600_000))),
        })
    });
    let (source, tick_sink) = (counting_source(3, 3), sink);
    let tick = rig.tick(&source, &tick_sink);
    let (report, ()) = tokio::join!(tick, async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stopper.stop();
    });
    assert_eq!((report.end, report.counts.created), (End::Stopped, 1));
    assert_eq!(report.finished_ms - report.started_ms, 1000);
}

#[tokio::test(start_paused = true)]
async fn whoever_took_the_slot_over_wins() {
    let rig = Rig::new();
    let (store, slot) = (rig.store.clone(), rig.job.slot(&rig.partition));
    let calls = AtomicU64::new(0);
    let sink = FakeSink(Arc::new(move |batch, _| {
        let (store, slot) = (store.clone(), slot.clone());
        let second = calls.fetch_add(1, Ordering::Relaxed) == 1;
        async move {
            if second {
                store.take_over(&slot).await.unwrap();
            }
            Ok(created(&keys(&batch)))
        }
        .boxed()
    }));
    let mut rig = rig;
    rig.job.settings.pages_in_flight = 1;
    let report = rig.tick(&counting_source(30, 10), &sink).await;
    assert_eq!((report.end, report.pages), (End::Superseded, 1));
    assert_eq!((rig.cursor().await.as_deref(), rig.rows().await), (Some("10"), 10));
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_ends_the_tick_with_nothing_half_written() {
    let rig = Rig::new();
    let store = FaultyStore::new(&rig.store, Fault::Full, 1);
    let report = rig.tick_of(&counting_source(30, 10), &taking_sink().0, &store).run().await;
    let Some(Failure::Fatal(detail)) = report.end.failure() else { panic!("{report:?}") };
    assert!(detail.message.contains("full; make room"), "{detail}");
    assert_eq!(report.pages, 1);
    assert_eq!(rig.cursor().await.as_deref(), Some("10"));
}

#[tokio::test(start_paused = true)]
async fn a_plan_shows_what_would_be_done_and_keeps_nothing() {
    let mut rig = Rig::new();
    rig.job.mode = Mode::Plan;
    let sink = sink(|keys, mode| {
        assert_eq!(mode, Mode::Plan);
        Ok(created(keys))
    });
    let report = rig.tick(&counting_source(25, 10), &sink).await;
    assert_eq!((report.end, report.counts.created, report.pages), (End::Done, 25, 3));
    assert_eq!(rig.events().iter().filter(|event| event.starts_with("planned")).count(), 3);
    assert!(!rig.store.knows(PIPELINE).await.unwrap());

    // After a real tick, a plan finds nothing left to do.
    rig.job.mode = Mode::Apply;
    rig.tick(&counting_source(25, 10), &taking_sink().0).await;
    rig.job.mode = Mode::Plan;
    let repeat = source(|_| Ok(page(0, 25, false)));
    assert_eq!(rig.tick(&repeat, &sink).await.counts.settled, 25);
}

#[tokio::test(start_paused = true)]
async fn a_backfill_leaves_the_incremental_cursor_and_sends_nothing_twice() {
    let mut rig = Rig::new();
    let (sink, batches) = taking_sink();
    rig.tick(&counting_source(20, 10), &sink).await;
    rig.job.selection = Some(r#"{"until_ms":1}"#.into());
    rig.job.sweep = true;
    let report = rig.tick(&counting_source(30, 10), &sink).await;
    assert_eq!((report.end, report.counts.settled, report.counts.created), (End::Done, 20, 10));
    assert_eq!(rig.cursor().await, None, "a finished sweep starts anew");
    // One that is cut short resumes.
    rig.job.settings.max_pages = 1;
    rig.tick(&counting_source(30, 10), &sink).await;
    assert_eq!(rig.cursor().await.as_deref(), Some("10"));
    rig.job.selection = None;
    assert_eq!(rig.cursor().await.as_deref(), Some("20"));
    assert_eq!(batches.lock().unwrap().concat().len(), 30);
}

#[tokio::test(start_paused = true)]
async fn no_report_holds_content() {
    let rig = Rig::new();
    let sink = sink(|_, _| Err(Failure::fatal("no")));
    let report = rig.tick(&counting_source(3, 3), &sink).await;
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.contains(r#""end":{"state":"failed","failure":{"kind":"fatal","message":"no"}}"#), "{text}");
    assert!(!text.contains("secret"));
}
