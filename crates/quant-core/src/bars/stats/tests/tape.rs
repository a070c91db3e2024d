//! What the families of tests share: a plain list of states to recompute definitions from, and how columns are read.

use crate::bars::{
    BarSource, DayBars, MarketInputs, Microstructure, MinuteBuilder, N_STAT_COLUMNS, Opening,
    QuoteSource, STAT_COLUMNS, StatInputs,
};
use crate::market::{Event, Gap, Lost};
use crate::time::{Day, MICROS_PER_MINUTE, MICROS_PER_SECOND, UnixMicros};
use crate::units::Micros;

pub(super) const DAY: Day = Day(20_000);

/// Columns of touches, of books.
pub(super) const TOUCH_COLUMNS: std::ops::Range<&str> = "mid_open".."depth_bid_tw";
pub(super) const BOOK_COLUMNS: std::ops::Range<&str> = "depth_bid_tw".."n_buys";

pub(super) type Builder = MinuteBuilder<Microstructure>;

pub(super) const fn minute(m: i64) -> i64 {
    DAY.start().0 + m * MICROS_PER_MINUTE
}

/// Returns the time of a second of the day.
pub(super) const fn sec(s: i64) -> i64 {
    DAY.start().0 + s * MICROS_PER_SECOND
}

pub(super) fn inputs(quotes: QuoteSource, stale_s: i64) -> MarketInputs {
    MarketInputs {
        quotes,
        has_book: true,
        stale_after: Micros(stale_s * MICROS_PER_SECOND),
        ..MarketInputs::default()
    }
}

pub(super) fn builder(inputs: MarketInputs, opening: &Opening) -> Builder {
    let stats = Microstructure::new(&StatInputs::default());
    MinuteBuilder::with_stats(DAY, BarSource::Trades, inputs, opening, stats)
}

pub(super) fn gap(b: &mut Builder, ts_us: i64) {
    let ts = UnixMicros(ts_us);
    b.on_event(&Event::Gap(Gap {
        from: ts,
        to: ts,
        lost: Lost::Everything,
    }))
    .unwrap();
}

/// Returns the value of a column in a minute; no value is ever infinite.
pub(super) fn value(day: &DayBars, m: i64, column: usize) -> Option<f64> {
    let value = day.stat_values[usize::try_from(m).unwrap() * N_STAT_COLUMNS + column];
    assert!(!value.is_infinite(), "{} of {m}", STAT_COLUMNS[column]);
    (!value.is_nan()).then_some(value)
}

/// Returns the columns from one name up to but not including another.
pub(super) fn columns(names: &std::ops::Range<&str>) -> std::ops::Range<usize> {
    let at = |name| STAT_COLUMNS.iter().position(|c| *c == name).unwrap();
    at(names.start)..at(names.end)
}

/// Compares a row of columns with what is expected, to the rounding of a sum.
pub(super) fn check(
    day: &DayBars,
    m: i64,
    names: &std::ops::Range<&str>,
    expected: &[(&str, Option<f64>)],
) {
    let columns = columns(names);
    assert_eq!(columns.len(), expected.len());
    for (column, (name, expected)) in columns.zip(expected) {
        assert_eq!(STAT_COLUMNS[column], *name);
        let found = value(day, m, column);
        let is_near = match (found, expected) {
            (Some(x), Some(y)) => (x - y).abs() <= 1e-11 * y.abs().max(1.0),
            (None, None) => true,
            _ => false,
        };
        assert!(is_near, "{name} of minute {m}: {found:?}, not {expected:?}");
    }
}

/// Asserts that closed minutes are the same bits in both, column by column.
pub(super) fn assert_same_rows(whole: &[f64], cut: &[f64], n_minutes: i64) {
    let n = usize::try_from(n_minutes).unwrap() * N_STAT_COLUMNS;
    for (i, (a, b)) in whole[..n].iter().zip(&cut[..n]).enumerate() {
        let name = STAT_COLUMNS[i % N_STAT_COLUMNS];
        assert_eq!(
            a.to_bits(),
            b.to_bits(),
            "{name} of minute {}",
            i / N_STAT_COLUMNS
        );
    }
}

/// Something that happened to touches or books: a new state, an invalid one, or a gap.
#[derive(Clone, Debug)]
pub(super) struct Seen<T> {
    pub(super) ts: i64,
    /// `None` if invalid, or for a gap.
    pub(super) what: Option<T>,
    pub(super) is_gap: bool,
    pub(super) is_reset: bool,
}

/// All that happened, the opening first; definitions look at it from any side, any number of times.
#[derive(Clone, Debug)]
pub(super) struct Tape<T> {
    pub(super) seen: Vec<Seen<T>>,
    pub(super) stale_us: i64,
}

impl<T: Clone> Tape<T> {
    fn in_minute(ts: i64, m: i64) -> bool {
        minute(m) <= ts && ts < minute(m + 1)
    }

    /// Events of a minute, valid or not.
    pub(super) fn n_events(&self, m: i64) -> f64 {
        let of = |s: &&Seen<T>| Self::in_minute(s.ts, m) && !s.is_gap;
        self.seen.iter().filter(of).count() as f64
    }

    /// What was in force just before an instant, and since its last event.
    fn in_force(&self, before: i64) -> Option<(i64, T)> {
        let last = self.seen.iter().rev().find(|s| s.ts < before)?;
        Some((last.ts, last.what.clone()?))
    }

    pub(super) fn fresh(&self, before: i64) -> Option<T> {
        let (ts, what) = self.in_force(before)?;
        (before - ts <= self.stale_us).then_some(what)
    }

    pub(super) fn age(&self, m: i64) -> Option<f64> {
        let (ts, _) = self.in_force(minute(m + 1))?;
        Some((minute(m + 1) - ts) as f64 / 1e6)
    }

    /// What was in force at some time of the minute: first what it opens with, fresh, then what came.
    pub(super) fn states(&self, m: i64) -> Vec<T> {
        let came = self.seen.iter().filter(|s| Self::in_minute(s.ts, m));
        let came = came.filter_map(|s| s.what.clone());
        self.fresh(minute(m)).into_iter().chain(came).collect()
    }

    fn pieces(&self, m: i64) -> Vec<(f64, T)> {
        let ends = self.seen.iter().skip(1).map(|s| s.ts).chain([i64::MAX]);
        let of = |(s, end): (&Seen<T>, i64)| {
            let from = s.ts.max(minute(m));
            let to = end.min(s.ts + self.stale_us).min(minute(m + 1));
            (to > from).then_some(((to - from) as f64, s.what.clone()?))
        };
        self.seen.iter().zip(ends).filter_map(of).collect()
    }

    pub(super) fn coverage(&self, m: i64) -> f64 {
        self.pieces(m).iter().map(|(dt, _)| dt).sum::<f64>() / 6e7
    }

    /// The time-weighted mean of the page.
    pub(super) fn tw(&self, m: i64, f: impl Fn(&T) -> f64) -> Option<f64> {
        let pieces = self.pieces(m);
        let time: f64 = pieces.iter().map(|(dt, _)| dt).sum();
        let sum: f64 = pieces.iter().map(|(dt, x)| f(x) * dt).sum();
        (time > 0.0).then(|| sum / time)
    }

    /// Returns the state an event changed, if it is valid, no reset and there was a fresh one before.
    pub(super) fn before(&self, i: usize) -> Option<&T> {
        let (now, last) = (&self.seen[i], self.seen.get(i.checked_sub(1)?)?);
        let fresh = now.ts - last.ts <= self.stale_us;
        let what = last.what.as_ref().filter(|_| fresh && !now.is_reset);
        what.filter(|_| now.what.is_some())
    }

    /// States with a before that came in a minute, each with it.
    pub(super) fn changes(&self, m: i64) -> Vec<(&T, &T)> {
        let of = |i| {
            let seen: &Seen<T> = &self.seen[i];
            Self::in_minute(seen.ts, m).then_some((self.before(i)?, seen.what.as_ref()?))
        };
        (0..self.seen.len()).filter_map(of).collect()
    }
}
