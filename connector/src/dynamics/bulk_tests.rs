use proptest::prelude::*;

use super::*;

/// Sends pieces to a table that refuses some rows, one after another; gives the rejected rows and the requests.
fn deliver(rows: usize, step: usize, poison: &[usize], verdict: Verdict) -> (Vec<usize>, usize) {
    let mut progress = Progress::new(rows, step);
    let (mut rejected, mut stored, mut requests) = (Vec::new(), vec![0; rows], 0);
    while let Some(piece) = progress.next() {
        requests += 1;
        assert!(!piece.rows.is_empty() && piece.rows.len() <= step);
        let is_refused = poison.iter().any(|row| piece.rows.contains(row));
        match progress.judge(piece.clone(), if is_refused { verdict } else { Verdict::Stored }) {
            Decision::Stored => piece.rows.for_each(|row| stored[row] += 1),
            Decision::Reject | Decision::Suspect => rejected.extend(piece.rows),
            Decision::Again => {}
            Decision::Halt => break,
        }
    }
    if progress.accepted() {
        assert!(stored.iter().enumerate().all(|(row, times)| *times == usize::from(!poison.contains(&row))));
    }
    rejected.sort_unstable();
    (rejected, requests)
}

proptest! {
    #[test]
    fn exactly_the_refused_rows_are_rejected(
        rows in 1_usize..300,
        step in 1_usize..120,
        poison in prop::collection::btree_set(0_usize..300, 0..5),
    ) {
        let poison: Vec<usize> = poison.into_iter().filter(|row| *row < rows).collect();
        let depth = usize::BITS as usize - step.leading_zeros() as usize;
        let bound = rows.div_ceil(step) + poison.len() * 2 * depth;
        let (rejected, requests) = deliver(rows, step, &poison, Verdict::Poison);
        prop_assert_eq!(&rejected, &poison);
        prop_assert!(requests <= bound, "{} of {}", requests, bound);
        // Unexplained refusals cost two more requests a row: the whole piece once again, and the row alone.
        let (rejected, requests) = deliver(rows, step, &poison, Verdict::Doubtful);
        prop_assert_eq!(&rejected, &poison);
        prop_assert!(requests <= bound + poison.len() * 2, "{} of {}", requests, bound);
    }
}

#[test]
fn a_service_that_refuses_everything_is_left_alone() {
    let everything: Vec<usize> = (0..1000).collect();
    for verdict in [Verdict::Doubtful, Verdict::Contended] {
        let (_, requests) = deliver(1000, 100, &everything, verdict);
        assert!(requests <= 64, "{requests}");
    }
}

#[test]
fn a_single_row_that_is_too_much() {
    let alone = || Progress::new(1, 1);
    let piece = |progress: &mut Progress| progress.next().unwrap();
    let mut progress = alone();
    let first = piece(&mut progress);
    assert_eq!(progress.judge(first, Verdict::TooMuch { fault: true }), Decision::Reject);
    let mut progress = alone();
    let first = piece(&mut progress);
    assert_eq!(progress.judge(first, Verdict::TooMuch { fault: false }), Decision::Halt);
}

#[test]
fn a_halt_empties_the_queue() {
    let mut progress = Progress::new(10, 2);
    let first = progress.next().unwrap();
    assert_eq!(progress.judge(first, Verdict::Halt), Decision::Halt);
    assert_eq!(progress.next(), None);
}
