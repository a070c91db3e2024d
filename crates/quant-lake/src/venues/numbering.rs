//! Ids of trades whose venue has none that fit 64 bits: made of the time and the position within it.
//!
//! A pure function of the rows in time order, so that the same file gives the same ids again, and a monthly file gives
//! those of its daily ones. Knows no file and no column.

use std::collections::HashMap;

use crate::venues::rows::Notes;

/// Numbers the trades of one file, time after time.
#[derive(Clone, Debug, Default)]
pub(crate) struct TradeNumbers {
    ts: Option<i64>,
    /// Position of each trade of the current time. Only looked up, never walked.
    seen: HashMap<i64, i64>,
}

impl TradeNumbers {
    /// Returns `ts_us * 1000 + position` of a trade; rows with the same `identity` at the same time are one trade.
    ///
    /// Rows must come in time order. Past 1,000 trades at one time the ids run on into those of the next microseconds;
    /// where such a microsecond has trades of its own, the later ones share ids and are told apart as conflicts.
    pub(crate) fn next(&mut self, ts_us: i64, identity: i64) -> i64 {
        if self.ts != Some(ts_us) {
            self.ts = Some(ts_us);
            self.seen.clear();
        }
        let next = i64::try_from(self.seen.len()).unwrap_or(i64::MAX);
        let position = *self.seen.entry(identity).or_insert(next);
        ts_us.saturating_mul(1_000).saturating_add(position)
    }
}

/// Gives rows their ids while a file is read.
///
/// In a stream the rows are in time order and ids are final. A file that is collected may come in any order: then ids are
/// provisional (what the venue's own id says, or the count of the row) and the collected day is numbered.
#[derive(Clone, Debug)]
pub(crate) struct DerivedIds {
    collect: bool,
    numbers: TradeNumbers,
    rows: i64,
    last: Option<i64>,
}

impl DerivedIds {
    pub(crate) fn new(collect: bool) -> Self {
        Self {
            collect,
            numbers: TradeNumbers::default(),
            rows: 0,
            last: None,
        }
    }

    /// Returns whether the ids handed out are provisional.
    pub(crate) const fn are_provisional(&self) -> bool {
        self.collect
    }

    /// Returns the id of the next row; `own` is the venue's id as text, empty if there is none.
    pub(crate) fn id(&mut self, ts_us: i64, own: &[u8], notes: &mut Notes) -> i64 {
        self.rows += 1;
        let identity = if own.is_empty() {
            self.rows
        } else {
            identity_of(own)
        };
        if !self.collect {
            return self.numbers.next(ts_us, identity);
        }
        notes.provisional_ids = true;
        let last = self.last.replace(ts_us).unwrap_or(ts_us);
        notes.steps_up += u64::from(ts_us > last);
        notes.steps_down += u64::from(ts_us < last);
        identity
    }
}

/// Returns 63 bits of a text (FNV-1a), negative: never the count of a row. Compared within one time only, so that a chance
/// collision is out of reach.
fn identity_of(text: &[u8]) -> i64 {
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed() | i64::MIN
}
