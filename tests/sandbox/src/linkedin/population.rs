//! Which responses exist, when each was submitted and what its id is: closed forms of seed and index.
//!
//! Nothing is stored, so ten million responses cost no memory. Every function here is pure; what is written on a form
//! is in `content`.

use std::ops::Range;

use crate::chance::{Draw, draw};

/// Responses of one account are laid out in blocks of so many; each block has its own pattern of submission times.
const BLOCK: u64 = 256;
/// Within a block of the mixed pattern, every second run of so many has one and the same time.
const RUN: u64 = 16;
/// One test lead stands in each stretch of so many responses of an account: about 1%.
const TEST_STRETCH: u64 = 97;
/// One pair of submissions by one member stands in each stretch of so many responses of an account.
const PAIR_STRETCH: u64 = 31;
const PAIR_FIRST: u64 = 15;

/// The size and shape of the data.
#[derive(Clone, Debug)]
pub(crate) struct Population {
    pub(crate) seed: u64,
    /// Responses over all ad accounts.
    pub(crate) responses: u64,
    /// Ad accounts, which have the first slices. At least 1.
    pub(crate) accounts: u64,
    /// Responses over all slices of Pages; their indices follow the accounts'.
    pub(crate) organic_responses: u64,
    /// Slices of Pages; their numbers follow the accounts'.
    pub(crate) organic_slices: u64,
    /// Oldest possible submission, epoch milliseconds.
    pub(crate) oldest_ms: u64,
    /// No submission is later, epoch milliseconds.
    pub(crate) anchor_ms: u64,
}

/// A response's part in a pair of submissions by one member. Holds the local position of the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pairing {
    Single,
    First { second: u64 },
    Second { first: u64 },
}

impl Population {
    /// Number of generated responses.
    pub(crate) fn generated(&self) -> u64 {
        self.responses + self.organic_responses
    }

    /// Number of responses of a slice.
    pub(crate) fn len_of(&self, account: u64) -> u64 {
        let share = |all: u64, slices: u64, slice: u64| all / slices + u64::from(slice < all % slices);
        match account.checked_sub(self.accounts) {
            None => share(self.responses, self.accounts, account),
            Some(organic) if organic < self.organic_slices => {
                share(self.organic_responses, self.organic_slices, organic)
            }
            Some(_) => 0,
        }
    }

    /// The index of the response at a local position of a slice; positions count from the oldest.
    pub(crate) fn index(&self, account: u64, local: u64) -> u64 {
        match account.checked_sub(self.accounts) {
            None => local * self.accounts + account,
            Some(organic) => self.responses + local * self.organic_slices + organic,
        }
    }

    /// Slice and local position of an index.
    pub(crate) fn place(&self, index: u64) -> (u64, u64) {
        match index.checked_sub(self.responses) {
            Some(organic) if self.organic_slices > 0 => {
                (self.accounts + organic % self.organic_slices, organic / self.organic_slices)
            }
            _ => (index % self.accounts, index / self.accounts),
        }
    }

    /// What draws for a stretch of a slice are made by. The bit keeps Pages' stretches apart from accounts'.
    fn stretch_key(&self, account: u64, stretch: u64) -> u64 {
        match account.checked_sub(self.accounts) {
            None => stretch * self.accounts + account,
            Some(organic) => 1 << 62 | (stretch * self.organic_slices + organic),
        }
    }

    /// Submission time in epoch milliseconds. Never falls as `local` rises.
    pub(crate) fn submitted_at(&self, account: u64, local: u64) -> u64 {
        let start_of = |position: u64| self.slot_ms(account, position);
        match self.run_start(account, local) {
            Some(start) => start_of(start),
            None => {
                let slot = start_of(local);
                let width = (start_of(local + 1) - slot).max(1);
                slot + draw(self.seed, Draw::Jitter, self.index(account, local)) % width
            }
        }
    }

    /// Positions that share one time with others: the first of them.
    fn run_start(&self, account: u64, local: u64) -> Option<u64> {
        let block = local / BLOCK;
        let pattern = draw(self.seed, Draw::Pattern, self.stretch_key(account, block)) % 16;
        match pattern {
            // The first block is always mixed, so that small data has equal times too.
            0 if block > 0 => Some(block * BLOCK),
            1 | 2 => (local / RUN % 2 == 1).then_some(local / RUN * RUN),
            _ if block == 0 => (local / RUN % 2 == 1).then_some(local / RUN * RUN),
            _ => None,
        }
    }

    /// Start of the time slot of a position. Fits: a span of at most 3,650 days times 10 million is below 2^63.
    fn slot_ms(&self, account: u64, position: u64) -> u64 {
        let span = self.anchor_ms - self.oldest_ms;
        self.oldest_ms + position * span / self.len_of(account).max(1)
    }

    /// The first 32 bits of an id. A permutation: distinct for distinct indices.
    pub(crate) fn id_head(&self, index: u64) -> u32 {
        // Indices stay far below 2^32: at most 20 million responses and 100,000 arrivals.
        permute(index as u32 ^ self.id_mask())
    }

    fn id_mask(&self) -> u32 {
        (draw(self.seed, Draw::IdMask, 0) >> 32) as u32
    }

    /// Appends the id of a response: a version 4 UUID, a hyphen and one or two digits.
    pub(crate) fn push_id(&self, index: u64, out: &mut Vec<u8>) {
        let (middle, tail) = (draw(self.seed, Draw::IdMiddle, index), draw(self.seed, Draw::IdTail, index));
        push_hex(out, u64::from(self.id_head(index)), 8);
        out.push(b'-');
        push_hex(out, middle, 4);
        out.extend_from_slice(b"-4");
        push_hex(out, middle >> 16, 3);
        out.push(b'-');
        push_hex(out, 0x8000 | (middle >> 32) & 0x3FFF, 4);
        out.push(b'-');
        push_hex(out, tail, 12);
        out.push(b'-');
        push_number(out, (tail >> 48) % 24 + 1);
    }

    /// The id of a response.
    pub(crate) fn id(&self, index: u64) -> String {
        let mut id = Vec::with_capacity(40);
        self.push_id(index, &mut id);
        // Only ASCII was pushed, so nothing is replaced.
        String::from_utf8_lossy(&id).into_owned()
    }

    /// The index that an id belongs to, if it is one of the first `len`.
    pub(crate) fn index_of(&self, id: &str, len: u64) -> Option<u64> {
        let head = u32::from_str_radix(id.get(..8)?, 16).ok()?;
        let index = u64::from(unpermute(head) ^ self.id_mask());
        (index < len && self.id(index) == id).then_some(index)
    }

    /// Whether a response is a test lead.
    pub(crate) fn is_test(&self, account: u64, local: u64) -> bool {
        let stretch = local / TEST_STRETCH;
        draw(self.seed, Draw::Test, self.stretch_key(account, stretch)) % TEST_STRETCH == local % TEST_STRETCH
    }

    /// Whether a response's member submitted twice. Test leads are never part of a pair.
    pub(crate) fn pairing(&self, account: u64, local: u64) -> Pairing {
        let stretch = local / PAIR_STRETCH;
        let key = self.stretch_key(account, stretch);
        let first = stretch * PAIR_STRETCH + draw(self.seed, Draw::PairFirst, key) % PAIR_FIRST;
        let second = stretch * PAIR_STRETCH
            + PAIR_FIRST
            + draw(self.seed, Draw::PairSecond, key) % (PAIR_STRETCH - PAIR_FIRST);
        let complete = (local == first || local == second) && second < self.len_of(account);
        if !complete || self.is_test(account, first) || self.is_test(account, second) {
            Pairing::Single
        } else if local == first {
            Pairing::First { second }
        } else {
            Pairing::Second { first }
        }
    }
}

/// The first position in `range` for which `below` no longer holds; it must hold for a prefix of the range.
pub(crate) fn partition_point(range: Range<u64>, below: impl Fn(u64) -> bool) -> u64 {
    let (mut from, mut until) = (range.start, range.end);
    while from < until {
        let middle = from + (until - from) / 2;
        if below(middle) {
            from = middle + 1;
        } else {
            until = middle;
        }
    }
    from
}

const MULTIPLIER_ONE: u32 = 0x7FEB_352D;
const MULTIPLIER_TWO: u32 = 0x846C_A68B;

/// A permutation of 32-bit numbers that looks random.
fn permute(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(MULTIPLIER_ONE);
    x = (x ^ (x >> 15)).wrapping_mul(MULTIPLIER_TWO);
    x ^ (x >> 16)
}

/// The inverse of [`permute`].
fn unpermute(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(inverse(MULTIPLIER_TWO));
    x = (x ^ (x >> 15) ^ (x >> 30)).wrapping_mul(inverse(MULTIPLIER_ONE));
    x ^ (x >> 16)
}

/// The inverse of an odd number modulo 2^32, by Newton's iteration: each step doubles the number of right bits.
const fn inverse(odd: u32) -> u32 {
    let mut guess = odd;
    let mut step = 0;
    while step < 5 {
        guess = guess.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(guess)));
        step += 1;
    }
    guess
}

/// Appends the lowest `digits` hexadecimal digits of a number.
fn push_hex(out: &mut Vec<u8>, value: u64, digits: u32) {
    for digit in (0..digits).rev() {
        let nibble = (value >> (4 * digit)) as u8 & 0xF;
        out.push(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    }
}

/// Appends a decimal number.
pub(crate) fn push_number(out: &mut Vec<u8>, value: u64) {
    push_padded(out, value, 1);
}

/// Appends a decimal number with leading zeros up to `width`.
pub(crate) fn push_padded(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let start = out.len();
    while value > 0 || out.len() - start < width {
        out.push(b'0' + (value % 10) as u8);
        value /= 10;
    }
    // Nothing was taken away, so `start` is still within.
    out[start..].reverse();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn population(seed: u64, responses: u64, accounts: u64, span_ms: u64) -> Population {
        let anchor_ms = 1_790_000_000_000;
        let oldest_ms = anchor_ms - span_ms;
        Population {
            seed,
            responses,
            accounts,
            organic_responses: 0,
            organic_slices: 0,
            oldest_ms,
            anchor_ms,
        }
    }

    proptest! {
        #[test]
        fn permutation_is_undone(x: u32) {
            prop_assert_eq!(unpermute(permute(x)), x);
        }

        #[test]
        fn times_never_fall_and_stay_within_the_span(
            seed: u64, responses in 1_u64..3_000, accounts in 1_u64..5, span_ms in 1_u64..10_000_000_000,
        ) {
            let population = population(seed, responses, accounts, span_ms);
            for account in 0..accounts {
                let times: Vec<_> =
                    (0..population.len_of(account)).map(|local| population.submitted_at(account, local)).collect();
                prop_assert!(times.is_sorted());
                prop_assert!(times.iter().all(|t| (population.oldest_ms..=population.anchor_ms).contains(t)));
            }
        }

        #[test]
        fn ids_lead_back_to_their_index(seed: u64, index in 0_u64..10_000_000) {
            let population = population(seed, 10_000_000, 3, 1);
            let id = population.id(index);
            prop_assert_eq!(population.index_of(&id, 10_000_000), Some(index));
            prop_assert_eq!(population.index_of(&id, index), None);
            let (account, local) = population.place(index);
            prop_assert_eq!(population.index(account, local), index);
        }
    }

    #[test]
    fn the_slices_of_pages_follow_the_accounts_and_share_no_index() {
        let accounts = population(3, 100, 3, 1_000_000);
        let both = Population { organic_responses: 50, organic_slices: 6, ..accounts.clone() };
        let mut seen = std::collections::BTreeSet::new();
        for slice in 0..9 {
            for local in 0..both.len_of(slice) {
                assert!(seen.insert(both.index(slice, local)));
                assert_eq!(both.place(both.index(slice, local)), (slice, local));
                if slice < 3 {
                    assert_eq!(both.submitted_at(slice, local), accounts.submitted_at(slice, local));
                    assert_eq!(both.pairing(slice, local), accounts.pairing(slice, local));
                }
            }
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), (0..150).collect::<Vec<_>>());
        assert_eq!((both.generated(), both.len_of(9), accounts.len_of(3)), (150, 0, 0));
    }

    #[test]
    fn ids_have_the_documented_shape() {
        let id = population(7, 10, 1, 1).id(3);
        let (uuid, digits) = id.split_at(36);
        assert_eq!(uuid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
        assert!(digits.starts_with('-') && digits[1..].bytes().all(|b| b.is_ascii_digit()), "{id}");
        assert_eq!(population(7, 10, 1, 1).index_of("5c1d7e0a-9b42-4f6e-8a31-0d2f4b6c8e90-3", 10), None);
        assert_eq!(population(7, 10, 1, 1).index_of("é", 10), None);
    }

    #[test]
    fn many_equal_times_occur_in_runs_and_in_whole_blocks() {
        let population = population(1, 100_000, 1, 80 * 86_400_000);
        let times: Vec<_> = (0..100_000).map(|local| population.submitted_at(0, local)).collect();
        let longest = times.chunk_by(|a, b| a == b).map(<[u64]>::len).max();
        assert!(longest >= Some(256), "{longest:?}");
        let small = times.chunk_by(|a, b| a == b).filter(|run| run.len() == 16).count();
        assert!(small > 100, "{small}");
        assert!(times.chunk_by(|a, b| a == b).filter(|run| run.len() == 1).count() > 50_000);
    }

    #[test]
    fn about_one_percent_are_test_leads_and_pairs_point_at_each_other() {
        let population = population(9, 10_000, 3, 80 * 86_400_000);
        let (mut tests, mut seconds) = (0, 0);
        for account in 0..3 {
            for local in 0..population.len_of(account) {
                tests += u64::from(population.is_test(account, local));
                match population.pairing(account, local) {
                    Pairing::Single => {}
                    Pairing::First { second } => {
                        assert_eq!(population.pairing(account, second), Pairing::Second { first: local });
                    }
                    Pairing::Second { first } => {
                        seconds += 1;
                        assert_eq!(population.pairing(account, first), Pairing::First { second: local });
                        assert!(!population.is_test(account, local) && !population.is_test(account, first));
                    }
                }
            }
        }
        assert!((80..=120).contains(&tests), "{tests}");
        assert!(seconds > 200, "{seconds}");
    }

    #[test]
    fn numbers_are_written_with_their_width() {
        let mut out = Vec::new();
        push_number(&mut out, 0);
        push_padded(&mut out, 123, 6);
        push_number(&mut out, 1_234_567);
        assert_eq!(out, b"00001231234567");
    }
}
