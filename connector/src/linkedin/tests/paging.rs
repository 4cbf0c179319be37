//! Slices, pages and cursors: nothing is lost, nothing comes twice within a sweep, the oldest come first.

use std::collections::BTreeSet;

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use proptest::test_runner::Config as Runner;

use crate::failure::Failure;

use super::super::cursor::Cursor;
use super::super::fake::{Behaviour, Echo, Fake, Lead, Link, NOW, now};
use super::super::{Page, ReadRequest, Source};
use super::{keys, open, read, request};

const DAY: u64 = 86_400_000;

/// How a host reads: its limits, and before which reads it drops the instance.
#[derive(Debug, Clone)]
struct Host {
    page_size: usize,
    in_flight: usize,
    max_records: u32,
    max_bytes: u32,
    drops: u64,
}

impl Host {
    fn wide(page_size: usize) -> Self {
        Self { page_size, in_flight: 10, max_records: 1000, max_bytes: 1 << 20, drops: 0 }
    }

    fn source(&self, link: &Link) -> Source<Link> {
        open(link, &format!(r#"{{"page_size":{},"requests_in_flight":{}}}"#, self.page_size, self.in_flight))
    }

    /// Reads until there is no more. Every page is within its limits, every cursor can be read.
    fn sweep(&self, link: &Link, cursor: Option<&str>, selection: Option<&str>) -> Vec<Page> {
        let mut source = self.source(link);
        let mut pages: Vec<Page> = Vec::new();
        loop {
            assert!(pages.len() < 3_000, "the sweep does not end");
            if self.drops >> (pages.len() % 64) & 1 == 1 {
                source = self.source(link);
            }
            let cursor = pages.last().map(|page| page.cursor.as_str()).or(cursor);
            let (max_records, max_bytes) = (self.max_records, self.max_bytes);
            let page = read(&source, ReadRequest { max_records, max_bytes, ..request(cursor, selection) });
            assert!(page.records.len() <= max_bytes as usize);
            assert!(page.records.lines().count() <= max_records as usize);
            assert_eq!(Cursor::parse(&page.cursor).unwrap().to_text(), page.cursor);
            let more = page.more;
            pages.push(page);
            if !more {
                return pages;
            }
        }
    }
}

fn delivered(pages: &[Page]) -> Vec<(u64, String)> {
    pages.iter().flat_map(keys).collect()
}

fn leads(times: &[u64]) -> Vec<Lead> {
    times.iter().enumerate().map(|(number, &time)| Lead::new(time, number)).collect()
}

/// Times spread over three months, in bursts, and at equal instants.
fn times() -> impl Strategy<Value = Vec<u64>> {
    let spread = (1..88 * DAY).prop_map(|age| vec![NOW - DAY - age]);
    let burst = (1..88 * DAY, prop::collection::vec(0_u64..40, 1..30))
        .prop_map(|(age, offsets)| offsets.into_iter().map(|offset| NOW - DAY - age + offset).collect());
    let instant = (1..88 * DAY, 1_usize..50).prop_map(|(age, many)| vec![NOW - DAY - age; many]);
    prop::collection::vec(prop_oneof![6 => spread, 1 => burst, 1 => instant], 0..60)
        .prop_map(|groups| groups.concat())
}

/// A total that is not the truth.
type Lie = fn(usize, usize) -> u64;

fn behaviours() -> impl Strategy<Value = Behaviour> {
    let echo = prop_oneof![Just(Echo::Asked), Just(Echo::Given), Just(Echo::Length), Just(Echo::Nothing)];
    let limit = prop_oneof![3 => Just(500), 1 => 2_usize..12];
    let too_large = prop_oneof![4 => Just(usize::MAX), 1 => 2_usize..20];
    let lies = prop_oneof![
        4 => Just(None),
        1 => Just(Some((|_, given| given as u64) as Lie)),
        1 => Just(Some((|truth, _| truth as u64 + 7) as Lie)),
    ];
    (any::<(bool, bool, bool, bool)>(), echo, limit, too_large, lies).prop_map(
        |(flags, echo, limit, too_large, lie)| {
            let (newest_first, total, start_inclusive, end_inclusive) = flags;
            Behaviour { newest_first, total, limit, echo, start_inclusive, end_inclusive, too_large, lie }
        },
    )
}

fn hosts() -> impl Strategy<Value = Host> {
    (2_usize..40, 1_usize..12, 1_u32..60, 1_000_u32..40_000, any::<u64>()).prop_map(
        |(page_size, in_flight, max_records, max_bytes, drops)| Host {
            page_size,
            in_flight,
            max_records,
            max_bytes,
            drops,
        },
    )
}

proptest! {
    #![proptest_config(Runner { cases: 60, ..Runner::default() })]

    #[test]
    fn a_sweep_delivers_each_response_once_and_the_oldest_first(times in times(), with in behaviours(), host in hosts()) {
        let link = Fake::link(with, leads(&times));
        let pages = host.sweep(&link, None, None);
        let got = delivered(&pages);
        assert!(got.is_sorted_by_key(|(time, _)| *time), "not oldest first");
        let unique: BTreeSet<_> = got.iter().collect();
        assert_eq!(unique.len(), got.len(), "something came twice");
        let all = leads(&times);
        let expected: BTreeSet<_> = all.into_iter().map(|lead| (lead.time, lead.id)).collect();
        assert_eq!(unique, expected.iter().collect::<BTreeSet<_>>());
        let last = Cursor::parse(&pages.last().unwrap().cursor).unwrap();
        assert_eq!((last.from, last.sweep_end), (NOW - 60_000, None));
    }

    #[test]
    fn what_stays_is_delivered_whatever_else_comes_and_goes(
        times in times(), with in behaviours(), host in hosts(),
        moves in prop::collection::vec((1_usize..25, any::<bool>(), any::<prop::sample::Index>()), 0..4),
    ) {
        let link = Fake::link(with, leads(&times));
        let stay: BTreeSet<usize> = (0..times.len()).filter(|number| number % 3 == 0).collect();
        let ids: BTreeSet<String> = stay.iter().map(|&number| Lead::new(0, number).id).collect();
        let keep = ids.clone();
        link.0.mover.replace(Some(Box::new(move |leads, served| {
            for (_, arrival, place) in moves.iter().filter(|(at, ..)| *at == served) {
                let Some(near) = leads.get(place.index(leads.len().max(1))).cloned() else { continue };
                match arrival {
                    true => leads.push(Lead::new(near.time, 1_000_000 + served)),
                    false => {
                        let last = leads.len().min(place.index(leads.len()) + 30);
                        let gone: Vec<Lead> = leads[place.index(leads.len())..last].to_vec();
                        leads.retain(|lead| !gone.contains(lead) || keep.contains(&lead.id));
                    }
                }
            }
        })));
        let got: BTreeSet<String> = delivered(&host.sweep(&link, None, None)).into_iter().map(|(_, id)| id).collect();
        let lost: Vec<&String> = ids.difference(&got).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
    }
}

proptest! {
    #![proptest_config(Runner { cases: 24, ..Runner::default() })]

    #[test]
    fn what_stays_is_delivered_from_a_set_that_never_rests(
        times in times(), with in behaviours(), host in hosts(),
        moves in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..20),
    ) {
        let link = Fake::link(with, leads(&times));
        let stay: Vec<Lead> = leads(&times).into_iter().step_by(2).collect();
        let keep: BTreeSet<String> = stay.iter().map(|lead| lead.id.clone()).collect();
        link.0.mover.replace(Some(Box::new(move |leads, served| {
            let (arrival, place) = &moves[served % moves.len()];
            let Some(near) = leads.get(place.index(leads.len().max(1))).cloned() else { return };
            match arrival {
                true => leads.push(Lead::new(near.time, 1_000_000 + served)),
                false => leads.retain(|lead| lead.id != near.id || keep.contains(&lead.id)),
            }
        })));
        let (mut got, mut from, mut more) = (BTreeSet::new(), 0, true);
        let (source, mut cursor) = (host.source(&link), None::<String>);
        // A set may be too restless to be read at all. What the cursor claims to have delivered must be there all the same.
        for _ in 0..300 {
            let (max_records, max_bytes) = (host.max_records, host.max_bytes);
            let asked = ReadRequest { max_records, max_bytes, ..request(cursor.as_deref(), None) };
            let Some(page) = more.then(|| now(source.read(asked)).ok()).flatten() else { break };
            got.extend(keys(&page).into_iter().map(|(_, id)| id));
            (from, more) = (Cursor::parse(&page.cursor).unwrap().from, page.more);
            cursor = Some(page.cursor);
        }
        let lost: Vec<&Lead> = stay.iter().filter(|lead| lead.time < from && !got.contains(&lead.id)).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
    }
}

#[test]
fn an_idle_sweep_costs_one_request() {
    for total in [false, true] {
        let link = Fake::link(Behaviour { total, ..Behaviour::default() }, Vec::new());
        let pages = Host::wide(100).sweep(&link, None, None);
        assert_eq!((pages.len(), link.0.urls.borrow().len()), (1, 1));
        link.0.now.set(NOW + 900_000);
        let pages = Host::wide(100).sweep(&link, Some(&pages[0].cursor), None);
        assert_eq!((pages.len(), link.0.urls.borrow().len()), (1, 2));
        let range = format!("submittedAtTimeRange=(start:{},end:{})", NOW - 660_000 - 1, NOW + 840_000);
        assert!(link.0.urls.borrow()[1].contains(&range), "{:?}", link.0.urls.borrow());
    }
}

#[test]
fn an_idle_sweep_after_a_dense_one_costs_one_request() {
    let times: Vec<u64> = (0..3_000).map(|number| NOW - DAY + number * 20).collect();
    let link = Fake::link(Behaviour::default(), leads(&times));
    let host = Host::wide(100);
    let cursor = host.sweep(&link, None, None).pop().unwrap().cursor;
    let before = link.0.urls.borrow().len();
    link.0.now.set(NOW + 5 * DAY);
    let pages = host.sweep(&link, Some(&cursor), None);
    assert_eq!((pages.len(), link.0.urls.borrow().len() - before), (1, 1));
}

#[test]
fn a_dense_backlog_costs_few_requests_beyond_its_pages() {
    for total in [false, true] {
        let times: Vec<u64> =
            (0..8_000).map(|number| NOW - 80 * DAY + number * 800_000 + number * number % 500_000).collect();
        let link = Fake::link(Behaviour { total, ..Behaviour::default() }, leads(&times));
        let pages = Host::wide(100).sweep(&link, None, None);
        assert_eq!(delivered(&pages).len(), 8_000);
        let requests = link.0.urls.borrow().len();
        assert!(requests <= 80 * 3 / 2, "{requests} requests for 80 pages");
        assert!(pages.len() <= 16, "{} pages for 8 full ones", pages.len());
    }
}

#[test]
fn a_large_empty_range_and_a_late_burst_cost_few_requests() {
    let mut times = vec![NOW - 89 * DAY, NOW - 88 * DAY];
    times.extend((0..900).map(|number| NOW - 3 * DAY + number));
    times.extend(vec![NOW - 2 * DAY; 3_000]);
    let link = Fake::link(Behaviour::default(), leads(&times));
    let pages = Host::wide(100).sweep(&link, None, None);
    let got = delivered(&pages);
    assert_eq!((got.len(), got.iter().collect::<BTreeSet<_>>().len()), (times.len(), times.len()));
    let requests = link.0.urls.borrow().len();
    assert!(requests <= 130, "{requests} requests for 40 pages");
}

#[test]
fn what_did_not_fit_is_kept_for_the_next_read() {
    let times: Vec<u64> = (0..90).map(|number| NOW - DAY + number).collect();
    let link = Fake::link(Behaviour { total: true, ..Behaviour::default() }, leads(&times));
    let source = open(&link, "{}");
    let few = |cursor| ReadRequest { max_records: 30, ..request(cursor, None) };
    let first = read(&source, few(None));
    // The second request looks behind the end, since no longer page has been seen.
    assert_eq!((first.records.lines().count(), link.0.urls.borrow().len()), (30, 2));
    let second = read(&source, few(Some(&first.cursor)));
    assert_eq!((second.records.lines().count(), link.0.urls.borrow().len()), (30, 2));
    // A rest that has become old may hold responses that were withdrawn since.
    link.0.now.set(NOW + 61_000);
    let third = read(&source, few(Some(&second.cursor)));
    assert_eq!((third.records.lines().count(), link.0.urls.borrow().len()), (30, 3));
}

#[test]
fn a_deletion_between_two_pages_is_noticed() {
    let times: Vec<u64> = (0..40).map(|number| NOW - DAY + number).collect();
    let link = Fake::link(Behaviour::default(), leads(&times));
    // LinkedIn gives the newest first, so removing some of them moves all others forward.
    link.0.mover.replace(Some(Box::new(|leads, served| {
        if served == 1 {
            leads.retain(|lead| !(35..39).contains(&(lead.time + DAY - NOW)));
        }
    })));
    let selection = format!(r#"{{"since_ms":{},"until_ms":{}}}"#, NOW - DAY, NOW - DAY + 40);
    let got = delivered(&Host { in_flight: 2, ..Host::wide(10) }.sweep(&link, None, Some(&selection)));
    assert_eq!(got.len(), 40, "what was seen before it went away is delivered too");
}

#[test]
fn a_deletion_inside_a_crowded_millisecond_is_noticed() {
    let link = Fake::link(Behaviour::default(), leads(&[NOW - DAY; 60]));
    let selection = format!(r#"{{"since_ms":{},"until_ms":{}}}"#, NOW - DAY, NOW - DAY + 1);
    let host = Host { max_records: 20, ..Host::wide(10) };
    let first = read(&host.source(&link), ReadRequest { max_records: 20, ..request(None, Some(&selection)) });
    let taken: Vec<String> = keys(&first).into_iter().map(|(_, id)| id).take(5).collect();
    assert!(first.more && taken.len() == 5);
    // Each that is gone moves the rest forward, past the position that the cursor holds.
    link.0.leads.borrow_mut().retain(|lead| !taken.contains(&lead.id));
    let rest = delivered(&host.sweep(&link, Some(&first.cursor), Some(&selection)));
    let got: BTreeSet<_> = keys(&first).into_iter().chain(rest).collect();
    assert_eq!(got.len(), 60);
}

/// Every third stays.
fn stays(lead: &Lead) -> bool {
    lead.time.is_multiple_of(3)
}

#[test]
fn a_set_that_never_rests_loses_nothing_that_stays() {
    for newest_first in [true, false] {
        for total in [true, false] {
            let times: Vec<u64> = (0..600).map(|number| NOW - DAY + number / 2).collect();
            let link = Fake::link(Behaviour { newest_first, total, ..Behaviour::default() }, leads(&times));
            let wanted: BTreeSet<String> =
                link.0.leads.borrow().iter().filter(|lead| stays(lead)).map(|lead| lead.id.clone()).collect();
            // Between any two requests one comes, and more go than neighbouring pages share: all others move forward.
            link.0.mover.replace(Some(Box::new(move |leads, served| {
                leads.sort_by_key(|lead| lead.time);
                for _ in 0..5 {
                    let found = match newest_first {
                        true => leads.iter().rposition(|lead| !stays(lead)),
                        false => leads.iter().position(|lead| !stays(lead)),
                    };
                    found.map(|found| leads.remove(found));
                }
                leads.push(Lead::new(NOW - DAY + served as u64 % 300, 1_000_000 + served));
            })));
            let selection = format!(r#"{{"since_ms":{},"until_ms":{}}}"#, NOW - DAY, NOW - DAY + 301);
            let pages = Host::wide(10).sweep(&link, None, Some(&selection));
            let got: BTreeSet<String> = delivered(&pages).into_iter().map(|(_, id)| id).collect();
            let lost: Vec<&String> = wanted.difference(&got).collect();
            assert!(lost.is_empty(), "newest first {newest_first}, total {total}: lost {lost:?}");
            assert!(pages.iter().all(|page| page.facts.is_none()), "there is nothing to warn of");
            let requests = link.0.urls.borrow().len();
            assert!(requests < 400, "{requests} requests for 60 pages");
        }
    }
}

#[test]
fn a_crowded_millisecond_that_never_rests_is_put_off() {
    let link = Fake::link(Behaviour::default(), leads(&[NOW - DAY; 60]));
    link.0
        .mover
        .replace(Some(Box::new(|leads, served| leads.push(Lead::new(NOW - DAY, 1_000_000 + served)))));
    let selection = format!(r#"{{"since_ms":{},"until_ms":{}}}"#, NOW - DAY, NOW - DAY + 1);
    let source = Host::wide(10).source(&link);
    let few = ReadRequest { max_records: 20, ..request(None, Some(&selection)) };
    let failure = now(source.read(few)).unwrap_err();
    assert!(
        matches!(&failure, Failure::Retryable { .. }) && failure.to_string().contains("nothing is lost"),
        "{failure:?}"
    );
}

#[test]
fn a_limit_below_what_was_asked_for_is_found_and_remembered() {
    for (echo, total) in
        [(Echo::Given, false), (Echo::Asked, false), (Echo::Nothing, false), (Echo::Asked, true)]
    {
        let times: Vec<u64> = (0..300).map(|number| NOW - DAY + number * 1000).collect();
        let link = Fake::link(Behaviour { limit: 20, echo, total, ..Behaviour::default() }, leads(&times));
        let source = open(&link, "{}");
        let selection = format!(r#"{{"since_ms":{},"until_ms":{}}}"#, NOW - DAY, NOW - DAY + 300_000);
        let page = read(&source, request(None, Some(&selection)));
        assert_eq!(keys(&page).len(), 300, "{echo:?}");
        let before = link.0.urls.borrow().len();
        read(&source, request(None, Some(&selection)));
        assert!(link.0.urls.borrow()[before..].iter().all(|url| url.contains("&count=20&")), "{echo:?}");
    }
}

#[test]
fn pages_never_become_so_small_that_they_have_nothing_in_common() {
    // Halving 3 must not end at 1: the set could move unseen.
    let link = Fake::link(
        Behaviour { too_large: 2, ..Behaviour::default() },
        leads(&(0..12).map(|number| NOW - DAY + number).collect::<Vec<_>>()),
    );
    let pages = Host::wide(24).sweep(&link, None, None);
    assert_eq!(delivered(&pages).len(), 12);
    let urls = link.0.urls.borrow();
    assert!(urls.iter().any(|url| url.contains("&count=2&")));
    assert!(urls.iter().all(|url| !url.contains("&count=1&")), "{urls:?}");
}

#[test]
fn a_selection_narrows_by_time_account_and_form() {
    let mut all = leads(&(0..50).map(|number| NOW - DAY + number).collect::<Vec<_>>());
    all.iter_mut().step_by(2).for_each(|lead| lead.form = 77);
    let link = Fake::link(Behaviour::default(), all);
    let sweep = |selection: &str| delivered(&Host::wide(100).sweep(&link, None, Some(selection)));
    let range = format!(r#""since_ms":{},"until_ms":{}"#, NOW - DAY + 10, NOW - DAY + 20);
    let got = sweep(&format!("{{{range}}}"));
    assert_eq!(
        got.iter().map(|(time, _)| time + DAY - NOW).collect::<Vec<_>>(),
        (10..20).collect::<Vec<_>>()
    );
    assert_eq!(sweep(&format!(r#"{{{range},"where":{{"form":["77"]}}}}"#)).len(), 5);
    let requests = link.0.urls.borrow().len();
    assert_eq!(sweep(r#"{"where":{"account":["1"]}}"#).len(), 0);
    assert_eq!(sweep(r#"{"where":{"organization":["503000111"]}}"#).len(), 0);
    assert_eq!(link.0.urls.borrow().len(), requests, "another account needs no request");
}

#[test]
fn a_response_larger_than_a_page_is_fatal() {
    let link = Fake::link(Behaviour::default(), leads(&[NOW - DAY]));
    let source = open(&link, "{}");
    let failure = now(source.read(ReadRequest { max_bytes: 100, ..request(None, None) })).unwrap_err();
    assert!(matches!(failure, Failure::Fatal(_)), "{failure:?}");
}

#[test]
fn refuses_what_it_did_not_offer() {
    let link = Fake::link(Behaviour::default(), Vec::new());
    let source = open(&link, "{}");
    for bad in [
        ReadRequest { stream: "leads", ..request(None, None) },
        ReadRequest { partition: "EVENT:1", ..request(None, None) },
        ReadRequest { partition: "SPONSORED:1&x=2", ..request(None, None) },
        request(Some("{}"), None),
        request(None, Some(r#"{"where":{"x":[]}}"#)),
    ] {
        assert!(matches!(now(source.read(bad)), Err(Failure::Fatal(_) | Failure::Invalid { .. })), "{bad:?}");
    }
    assert!(link.0.urls.borrow().is_empty());
}
