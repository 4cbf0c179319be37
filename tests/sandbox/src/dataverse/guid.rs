//! Row identifiers as `u128`, and the hash maps keyed by them.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use uuid::Uuid;

/// Hash map with the hasher of this module.
pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;
/// Hash set with the hasher of this module.
pub(crate) type FastSet<K> = HashSet<K, BuildHasherDefault<FastHasher>>;

/// Reads the one form that the service accepts: 36 characters with hyphens, no braces.
pub(crate) fn parse(text: &str) -> Option<u128> {
    if text.len() != 36 {
        return None;
    }
    Uuid::try_parse(text).ok().map(|id| id.as_u128())
}

/// Lower case with hyphens.
pub(crate) fn text(id: u128) -> String {
    Uuid::from_u128(id).to_string()
}

/// Appends the lower-case form to a buffer.
pub(crate) fn push(out: &mut String, id: u128) {
    out.push_str(Uuid::from_u128(id).hyphenated().encode_lower(&mut Uuid::encode_buffer()));
}

/// A stable identifier for a name, for metadata and seed rows.
pub(crate) fn named(name: &str) -> u128 {
    const NAMESPACE: Uuid = Uuid::from_u128(0x5a4d_b0c5_0000_4000_8000_0000_0000_0001);
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).as_u128()
}

/// Spreads the bits of a number (the finaliser of SplitMix64), for faults that fall "one in n".
pub(crate) fn spread(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The same for a row identifier.
pub(crate) fn spread_id(id: u128) -> u64 {
    let [high, low] = [(id >> 64) as u64, id as u64];
    spread(high ^ low.rotate_left(32))
}

/// A multiplicative hasher: the stand-in is never exposed to hostile keys, and speed is what counts.
#[derive(Default)]
pub(crate) struct FastHasher(u64);

impl FastHasher {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
        let rest = chunks.remainder();
        let mut word = [0; 8];
        for (slot, byte) in word.iter_mut().zip(rest) {
            *slot = *byte;
        }
        self.add(u64::from_le_bytes(word) ^ ((rest.len() as u64) << 56));
    }

    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    fn write_u128(&mut self, value: u128) {
        self.add((value >> 64) as u64);
        self.add(value as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }
}
