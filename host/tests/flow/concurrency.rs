//! How many requests are under way at once: enough to hide latency, and never more than the manifest allows.

use serde_json::json;

use crate::stage::{Stage, responses};

const RESPONSES: &str = "/transport/linkedin/routes/GET ~1rest~1leadFormResponses/concurrency_peak";
const ALL: &str = "/transport/linkedin/concurrency_peak";

#[test]
fn one_accounts_backlog_is_read_with_at_least_eight_pages_in_flight() {
    let stage = Stage::start(responses(6_000, 1));
    stage.faults(&json!({"transport": {"linkedin": {"latency_ms": 5}}}));
    stage.run(&[]).with(0);
    let peak = stage.count(RESPONSES);
    assert!((8..=16).contains(&peak), "{peak} pages in flight");
}

#[test]
fn a_hundred_accounts_side_by_side_use_the_whole_limit_and_never_more() {
    for limit in [5_u64, 12] {
        // So slow that even a busy machine reaches the limit.
        let stage = Stage::start(responses(1_000, 100));
        stage.faults(&json!({"transport": {"linkedin": {"latency_ms": 40}}}));
        let limit_set = format!("limits.requests_in_flight={limit}");
        stage.run(&["--set", &limit_set, "--set", "limits.partitions_in_flight=32"]).with(0);
        assert_eq!(stage.count(ALL), limit, "the peak of requests under way");
    }
}
