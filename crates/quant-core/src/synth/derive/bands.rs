//! Cumulative depth within bands around the mid, as one venue publishes about every half minute.

use crate::market::Side;
use crate::synth::derive::level_book::LevelBook;
use crate::synth::derive::replay::{BookConsumer, MessageStamp};
use crate::time::{MICROS_PER_SECOND, UnixMicros};

/// The bands in basis points of the mid, in the order of the rows; negative ones are bids.
pub const BAND_BPS: [i32; 12] = [
    -500, -400, -300, -200, -100, -20, 20, 100, 200, 300, 400, 500,
];

const PERIOD_US: i64 = 30 * MICROS_PER_SECOND;

/// Cumulative quantity and turnover that rest within one band of the mid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BandRow {
    /// Stamp, a whole second; the row shows every message before it.
    pub ts: UnixMicros,
    /// Distance from the mid in basis points, negative for bids.
    pub percentage_bp: i32,
    /// Quantity in lots.
    pub lots: i64,
    /// Turnover in ticks times lots.
    pub tick_lots: i128,
    /// Part of it is the tail model: the band is wider than the simulated book.
    pub has_tail: bool,
}

impl BandRow {
    /// Returns the distance in percent, as the venue writes it.
    pub fn percentage(&self) -> f64 {
        f64::from(self.percentage_bp) / 100.0
    }
}

/// Samples the bands about every 30 s: at `offset_s` past the half minute plus 0, 1 or 2 s; none in halted minutes.
///
/// # The tail
/// The simulated book is narrower than the bands. Beyond its deepest level, at distance d0 from the mid, the resting
/// density is taken to fall as `1 / d` from the mean density r of the outer half of that side at this instant:
/// ```text
/// lots(d)  = lots(book) + r d0 ln(d / d0)
/// turnover = turnover(book) + r d0 (mid ln(d / d0) -+ (d - d0))      - for bids, + for asks
/// ```
/// rounded to whole lots. So every band moves with the book and is wider than the one inside it, but what lies beyond the
/// book carries no information of its own.
#[derive(Clone, Debug)]
pub struct DepthBands {
    offset_us: i64,
    period: i64,
    rows: Vec<BandRow>,
}

impl DepthBands {
    /// Returns a sampler; `offset_s` is taken modulo 28, so that no sample leaves its half minute.
    pub fn new(offset_s: u32) -> Self {
        Self {
            offset_us: i64::from(offset_s % 28) * MICROS_PER_SECOND,
            period: i64::MIN,
            rows: Vec::new(),
        }
    }

    /// Returns the rows of the minute replayed last, twelve per sample, ascending by stamp and percentage.
    pub fn rows(&self) -> &[BandRow] {
        &self.rows
    }

    /// Jitter of a sample, a fixed scramble of its index.
    const fn jitter(period: i64) -> i64 {
        let mixed = period.wrapping_mul(0x1e37_79b9_7f4a_7c15) >> 40;
        mixed.rem_euclid(3) * MICROS_PER_SECOND
    }

    const fn at(&self, period: i64) -> i64 {
        period * PERIOD_US + self.offset_us + Self::jitter(period)
    }
}

impl BookConsumer for DepthBands {
    fn begin(&mut self, start: UnixMicros, _last: MessageStamp) {
        self.rows.clear();
        self.period = start.0.div_euclid(PERIOD_US);
        while self.at(self.period) < start.0 {
            self.period += 1;
        }
    }

    fn due(&self) -> i64 {
        self.at(self.period)
    }

    fn look(&mut self, book: &LevelBook, _last: MessageStamp, is_halted: bool) {
        let ts = UnixMicros(self.at(self.period));
        self.period += 1;
        let (Some((bid, _)), Some((ask, _))) = (book.best(Side::Buy), book.best(Side::Sell)) else {
            return;
        };
        if is_halted {
            return;
        }
        let start = self.rows.len();
        side_rows(book, Side::Sell, bid + ask, ts, &mut self.rows);
        side_rows(book, Side::Buy, bid + ask, ts, &mut self.rows);
        self.rows[start..].sort_by_key(|row| row.percentage_bp);
    }
}

/// Appends the six bands of a side; `mid2` is twice the mid in ticks.
fn side_rows(book: &LevelBook, side: Side, mid2: i64, ts: UnixMicros, out: &mut Vec<BandRow>) {
    let sign = match side {
        Side::Buy => -1,
        Side::Sell => 1,
    };
    let (mut lots, mut tick_lots) = (0_i64, 0_i128);
    let mut levels = book.levels(side).peekable();
    let tail = Tail::new(book, side, mid2);
    for bp in BAND_BPS.into_iter().filter(|bp| *bp > 0) {
        // Exact: a price is inside if its distance to the mid is at most bp / 10000 of the mid.
        let inside = |price: i64| {
            (i128::from(price) * 2 - i128::from(mid2)).abs() * 10_000
                <= i128::from(mid2) * i128::from(bp)
        };
        while let Some((price, qty)) = levels.next_if(|(price, _)| inside(*price)) {
            lots += qty;
            tick_lots += i128::from(price) * i128::from(qty);
        }
        let reach = mid2 as f64 / 2.0 * f64::from(bp) / 10_000.0;
        let beyond = tail.as_ref().filter(|_| levels.peek().is_none());
        let (more_lots, more_tick_lots) = beyond.map_or((0, 0), |tail| tail.upto(reach));
        out.push(BandRow {
            ts,
            percentage_bp: sign * bp,
            lots: lots + more_lots,
            tick_lots: tick_lots + more_tick_lots,
            has_tail: more_lots > 0,
        });
    }
}

/// Density beyond the simulated book, see [`DepthBands`].
struct Tail {
    mid: f64,
    outward: f64,
    deepest: f64,
    density: f64,
}

impl Tail {
    fn new(book: &LevelBook, side: Side, mid2: i64) -> Option<Self> {
        let distance = |price: i64| (price * 2 - mid2).abs() as f64 / 2.0;
        let (worst, _) = book.worst_first(side).first()?;
        let deepest = distance(*worst);
        let outer: i64 = book
            .worst_first(side)
            .iter()
            .take_while(|(price, _)| distance(*price) * 2.0 > deepest)
            .map(|(_, lots)| lots)
            .sum();
        (deepest > 0.0).then(|| Self {
            mid: mid2 as f64 / 2.0,
            outward: match side {
                Side::Buy => -1.0,
                Side::Sell => 1.0,
            },
            deepest,
            density: outer as f64 / (deepest / 2.0),
        })
    }

    /// Returns the tail's lots and turnover out to `reach` ticks from the mid.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "float casts saturate, and a book of 2^63 lots does not occur"
    )]
    fn upto(&self, reach: f64) -> (i64, i128) {
        if reach <= self.deepest {
            return (0, 0);
        }
        let scale = self.density * self.deepest;
        let log = libm::log(reach / self.deepest);
        let turnover = self.mid * log + self.outward * (reach - self.deepest);
        match libm::round(scale * log) as i64 {
            // Less than half a lot is no tail, in turnover neither.
            0 => (0, 0),
            lots => (lots, libm::round(scale * turnover) as i128),
        }
    }
}
