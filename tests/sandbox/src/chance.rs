//! Chance without state: hashes of a seed, a purpose and an index. The same three always give the same number.

/// What a hash is drawn for, so that draws for one response do not depend on one another.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Draw {
    Pattern = 1,
    Jitter,
    IdMask,
    IdMiddle,
    IdTail,
    Test,
    PairFirst,
    PairSecond,
    Form,
    Version,
    Campaign,
    Name,
    Member,
    Style,
    Facts,
    Custom,
    Optional,
    Order,
    Consent,
    RequestId,
    Error,
    Reset,
    LostAnswer,
    Token,
    NoticeTwice,
    NoticeLost,
    NoticeSignature,
    NoticeDigit,
    Challenge,
}

/// A 64-bit hash of seed, purpose and index (the finaliser of splitmix64, twice).
pub(crate) fn draw(seed: u64, purpose: Draw, index: u64) -> u64 {
    let mixed = finalise(seed.wrapping_add((purpose as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    finalise(mixed ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03))
}

fn finalise(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
