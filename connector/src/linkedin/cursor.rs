//! Where reading goes on: the text that the host keeps between two reads.
//!
//! Every response with a time before `from` has been delivered. Parsing is strict: a cursor that this version did not
//! write must stop the partition, since guessing would skip responses.

use serde::{Deserialize, Serialize};

use crate::failure::{Detail, Failure};

const VERSION: u32 = 1;

/// The end of the year 9999: no time of LinkedIn's lies beyond, and sums of such times cannot overflow.
pub(super) const LATEST_MS: u64 = 253_402_300_799_999;

/// The position of one partition, in epoch milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    v: u32,
    /// Every response before this time has been delivered.
    pub(super) from: u64,
    /// Where the sweep under way ends (exclusive); None between sweeps.
    pub(super) sweep_end: Option<u64>,
    /// How long the next time slice should be.
    pub(super) width_ms: u64,
    /// How many responses that slice is expected to hold; 0 where nothing is known.
    #[serde(default)]
    pub(super) expected: u64,
    /// A slice that ended here held too much; the way there is halved until something is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dense_at: Option<u64>,
    /// Set while one millisecond that holds too many responses for one page is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ms_offset: Option<u64>,
    /// The id of the response just before `ms_offset`, to notice that the set has moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ms_last: Option<String>,
}

impl Cursor {
    /// Within a sweep.
    pub(super) fn within(from: u64, sweep_end: u64, width_ms: u64, expected: u64) -> Self {
        Self { sweep_end: Some(sweep_end), expected, ..Self::between(from, width_ms) }
    }

    /// Between two sweeps.
    pub(super) fn between(from: u64, width_ms: u64) -> Self {
        Self {
            v: VERSION,
            from,
            sweep_end: None,
            width_ms,
            expected: 0,
            dense_at: None,
            ms_offset: None,
            ms_last: None,
        }
    }

    /// In the middle of the millisecond `from`.
    pub(super) fn inside_ms(
        from: u64,
        sweep_end: u64,
        width_ms: u64,
        offset: u64,
        last: Option<String>,
    ) -> Self {
        Self { ms_offset: Some(offset), ms_last: last, ..Self::within(from, sweep_end, width_ms, 0) }
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] for anything else.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let cursor: Self = serde_json::from_str(text).map_err(|_| unreadable())?;
        let times =
            [cursor.from, cursor.sweep_end.unwrap_or(0), cursor.width_ms, cursor.dense_at.unwrap_or(0)];
        let ordered = cursor.sweep_end.is_none_or(|end| cursor.from < end);
        let inside = cursor.ms_offset.is_none() || cursor.sweep_end.is_some();
        let sound = cursor.v == VERSION
            && times.iter().all(|&time| time <= LATEST_MS)
            && cursor.width_ms > 0
            && ordered
            && inside
            && cursor.ms_offset.is_none_or(|offset| offset <= u64::from(u32::MAX))
            && cursor.ms_last.as_ref().is_none_or(|id| id.len() <= 512);
        if sound { Ok(cursor) } else { Err(unreadable()) }
    }

    /// At most 1 KiB.
    pub(super) fn to_text(&self) -> String {
        // Numbers and one string in a flat structure always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn unreadable() -> Failure {
    Failure::Invalid {
        detail: Detail::new(
            "the cursor was not written by this version of the connector: start this partition over without a cursor, \
             which reads it again from `backfill_days` ago and writes nothing twice",
        ),
        path: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    proptest! {
        #[test]
        fn comes_back_as_it_went(from in 0..LATEST_MS, more in 1_u64..1_000_000, width in 1..LATEST_MS, n in any::<u32>(), id in ".{0,40}") {
            let end = (from + more).min(LATEST_MS);
            for cursor in [
                Cursor::within(from, end, width, n.into()),
                Cursor::between(from, width),
                Cursor::inside_ms(from, end, width, n.into(), Some(id)),
            ] {
                assert_eq!(Cursor::parse(&cursor.to_text()).unwrap(), cursor);
            }
        }
    }

    #[test]
    fn refuses_what_it_did_not_write() {
        for text in [
            "",
            "{}",
            "7",
            r#"{"v":2,"from":1,"sweep_end":null,"width_ms":1}"#,
            r#"{"v":1,"from":-1,"sweep_end":null,"width_ms":1}"#,
            r#"{"v":1,"from":9,"sweep_end":8,"width_ms":1}"#,
            r#"{"v":1,"from":9,"sweep_end":null,"width_ms":0}"#,
            r#"{"v":1,"from":9,"sweep_end":null,"width_ms":1,"ms_offset":3}"#,
            r#"{"v":1,"from":9,"sweep_end":null,"width_ms":1,"other":3}"#,
            r#"{"v":1,"from":999999999999999999,"sweep_end":null,"width_ms":1}"#,
        ] {
            let failure = Cursor::parse(text).unwrap_err();
            assert!(matches!(&failure, Failure::Invalid { path, .. } if path.is_empty()), "{text}");
            assert!(failure.to_string().contains("start this partition over"), "{text}");
        }
        assert!(Cursor::parse(r#"{"v":1,"from":9,"sweep_end":10,"width_ms":1}"#).is_ok());
    }
}
