//! What notices say against what can be read, over random lives of leads, driven through the library alone.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sluice_sandbox::{Arrival, Clock, Kind, LeadAction, LeadsError, ManualClock, Options, Running, Sandbox};

use crate::client::NOW_MS;

#[derive(Clone, Debug)]
enum Step {
    Arrive(usize, u64),
    Withdraw(prop::sample::Index),
    Reregister(prop::sample::Index),
    Wait(u64),
}

const OWNERS: [(u64, Kind); 3] =
    [(503_000_101, Kind::Sponsored), (90_021, Kind::Event), (90_021, Kind::Company)];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..OWNERS.len(), 1_u64..4).prop_map(|(owner, count)| Step::Arrive(owner, count)),
        any::<prop::sample::Index>().prop_map(Step::Withdraw),
        any::<prop::sample::Index>().prop_map(Step::Reregister),
        (0_u64..5_000).prop_map(Step::Wait),
    ]
}

/// Takes the steps; the ids that arrived and are still there.
fn live(sandbox: &Running, clock: &ManualClock, steps: &[Step]) -> BTreeSet<String> {
    let (mut arrived, mut there) = (Vec::new(), BTreeSet::new());
    for step in steps {
        match step {
            Step::Arrive(owner, count) => {
                let (owner, kind) = OWNERS[*owner];
                let ids = sandbox.arrive(&Arrival { owner, kind, count: *count }).unwrap();
                there.extend(ids.iter().cloned());
                arrived.extend(ids);
            }
            Step::Withdraw(which) if !arrived.is_empty() => {
                let id = which.get(&arrived);
                let wanted = if there.remove(id) { Ok(()) } else { Err(LeadsError::Withdrawn) };
                assert_eq!(sandbox.withdraw(id), wanted);
            }
            Step::Reregister(which) if !arrived.is_empty() => {
                let id = which.get(&arrived);
                sandbox.reregister(id).unwrap();
                there.insert(id.clone());
            }
            Step::Wait(ms) => clock.advance(*ms),
            Step::Withdraw(_) | Step::Reregister(_) => {}
        }
    }
    there
}

/// What a receiver holds that goes by the latest of each response's notices, whatever their order and number.
fn held(sandbox: &Running) -> BTreeSet<String> {
    let mut latest: BTreeMap<String, (u64, LeadAction)> = BTreeMap::new();
    for notice in sandbox.notices(0, true) {
        let entry = latest.entry(notice.response).or_insert((0, LeadAction::Deleted));
        if notice.occurred_ms > entry.0 {
            *entry = (notice.occurred_ms, notice.action);
        }
    }
    latest.into_iter().filter(|(_, (_, action))| *action == LeadAction::Created).map(|(id, _)| id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_latest_notice_of_each_response_says_whether_it_can_be_read(
        steps in prop::collection::vec(step(), 1..40),
        duplicate_rate in 0_u64..3,
        reorder: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = Options { responses: 30, organizations: 1, organic_responses: 30, ..Options::default() };
            let (clock, handle) = Clock::manual(NOW_MS);
            let sandbox = Sandbox::start(Options { clock, ..options }).await.unwrap();
            let before: BTreeSet<String> = sandbox.expected().map(|one| one.id).collect();
            let mut faults = sandbox.faults();
            faults.linkedin.notices.duplicate_rate = duplicate_rate;
            faults.linkedin.notices.reorder = reorder;
            sandbox.set_faults(faults);
            let there = live(&sandbox, &handle, &steps);
            let readable: BTreeSet<String> =
                sandbox.expected().map(|one| one.id).filter(|id| !before.contains(id)).collect();
            prop_assert_eq!(&readable, &there);
            prop_assert_eq!(held(&sandbox), there);
            Ok(())
        })?;
    }
}
