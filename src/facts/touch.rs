//! The best bid and ask as they change, and what one minute of a market was, in ticks and lots.
//!
//! [`MinuteMeter`] turns a simulated minute into a [`MinuteMeasure`]; facts and features are made of measures.

use quant_core::bars::touch_flow;
use quant_core::market::{self, Side};
use quant_core::synth::{Regime, SimBook, SimMinute, SimQuote};
use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};

/// Best bid and ask with their quantities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Touch {
    /// Best bid, ticks.
    pub bid: i64,
    /// Lots at the best bid.
    pub bid_lots: f64,
    /// Best ask, ticks.
    pub ask: i64,
    /// Lots at the best ask.
    pub ask_lots: f64,
}

impl Touch {
    /// Returns the touch of a book; `None` unless both sides have orders.
    pub fn of_book(book: &SimBook) -> Option<Self> {
        let (bid, bid_lots) = book.best(Side::Buy)?;
        let (ask, ask_lots) = book.best(Side::Sell)?;
        Some(Self {
            bid,
            bid_lots: bid_lots as f64,
            ask,
            ask_lots: ask_lots as f64,
        })
    }

    /// Returns the mid price in ticks.
    pub fn mid(&self) -> f64 {
        (self.bid + self.ask) as f64 / 2.0
    }

    /// Returns the size-weighted mid `(qb * Pa + qa * Pb) / (qa + qb)` in ticks.
    pub fn wmid(&self) -> Option<f64> {
        let total = self.bid_lots + self.ask_lots;
        (total > 0.0)
            .then(|| (self.bid_lots * self.ask as f64 + self.ask_lots * self.bid as f64) / total)
    }

    /// Returns the spread in ticks.
    pub const fn spread(&self) -> i64 {
        self.ask - self.bid
    }

    /// Returns the touch with ticks and lots as its units, exactly.
    const fn in_units(&self) -> market::Touch {
        market::Touch {
            bid_px: self.bid as f64,
            bid_qty: self.bid_lots,
            ask_px: self.ask as f64,
            ask_qty: self.ask_lots,
        }
    }

    /// Returns the mean of the two quantities, lots.
    pub fn depth(&self) -> f64 {
        f64::midpoint(self.bid_lots, self.ask_lots)
    }
}

impl From<&SimQuote> for Touch {
    fn from(q: &SimQuote) -> Self {
        Self {
            bid: q.bid_ticks,
            bid_lots: q.bid_lots as f64,
            ask: q.ask_ticks,
            ask_lots: q.ask_lots as f64,
        }
    }
}

/// Returns the order flow imbalance of one change of the touch, in lots.
///
/// ```text
/// e = 1{Pb' >= Pb} qb' - 1{Pb' <= Pb} qb - 1{Pa' <= Pa} qa' + 1{Pa' >= Pa} qa
/// ```
///
/// # References
/// Cont, Kukanov and Stoikov 2014, "The Price Impact of Order Book Events", eq. 1.
pub fn ofi_event(before: &Touch, after: &Touch) -> f64 {
    touch_flow(&before.in_units(), &after.in_units())
}

/// Numbers of levels whose quantities are summed at the close of a minute.
pub const DEPTH_LEVELS: [usize; 3] = [1, 5, 20];

/// What one minute of one instrument was.
///
/// # Units
/// Prices in ticks, quantities in lots.
///
/// # Causality
/// Everything but the truth is known at the end of the minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MinuteMeasure {
    /// Inclusive start.
    pub start: UnixMicros,
    /// The venue was halted for the whole minute.
    pub is_halted: bool,
    /// Truth: the hidden state.
    pub regime: Regime,
    /// Truth: expected log return of the next minute.
    pub edge: f64,
    /// Truth: direction of the announced move.
    pub hazard_sign: i8,
    /// Touch at the end; `None` in a halt.
    pub close: Option<Touch>,
    /// Order flow imbalance of all changes of the touch.
    pub ofi: f64,
    /// Time-weighted spread; `None` in a halt.
    pub spread: Option<f64>,
    /// Share of the time with a spread of one tick; `None` in a halt.
    pub one_tick_share: Option<f64>,
    /// Time-weighted mean of the two quantities at the touch; `None` in a halt.
    pub touch_depth: Option<f64>,
    /// Lots that appeared at an unchanged best price.
    pub added: f64,
    /// Lots that left an unchanged best price.
    pub removed: f64,
    /// Changes of the touch.
    pub n_quotes: u64,
    /// Matches.
    pub n_matches: u64,
    /// Lots bought by takers.
    pub bought: f64,
    /// Lots sold by takers.
    pub sold: f64,
    /// Bid lots within the first [`DEPTH_LEVELS`] levels at the end.
    pub bid_depth: [f64; DEPTH_LEVELS.len()],
    /// Ask lots within the first [`DEPTH_LEVELS`] levels at the end.
    pub ask_depth: [f64; DEPTH_LEVELS.len()],
}

/// Turns simulated minutes into measures, one instrument at a time.
#[derive(Clone, Debug)]
pub struct MinuteMeter {
    book: SimBook,
    touch: Option<Touch>,
}

impl MinuteMeter {
    /// Returns a meter that starts from the market's book before its first minute.
    pub fn new(book: SimBook) -> Self {
        Self {
            touch: Touch::of_book(&book),
            book,
        }
    }

    /// Returns the book at the end of the last minute, kept up by its changes alone.
    pub const fn book(&self) -> &SimBook {
        &self.book
    }

    /// Measures the next minute.
    pub fn push(&mut self, minute: &SimMinute) -> MinuteMeasure {
        let truth = &minute.truth;
        let mut out = MinuteMeasure {
            start: minute.start,
            is_halted: truth.is_halted,
            regime: truth.regime,
            edge: truth.edge,
            hazard_sign: truth.hazard_sign,
            close: None,
            ofi: 0.0,
            spread: None,
            one_tick_share: None,
            touch_depth: None,
            added: 0.0,
            removed: 0.0,
            n_quotes: minute.quotes.len() as u64,
            n_matches: minute.matches.len() as u64,
            bought: 0.0,
            sold: 0.0,
            bid_depth: [0.0; DEPTH_LEVELS.len()],
            ask_depth: [0.0; DEPTH_LEVELS.len()],
        };
        for change in &minute.changes {
            self.book.apply(change);
        }
        for m in &minute.matches {
            match m.aggressor {
                Side::Buy => out.bought += m.qty_lots as f64,
                Side::Sell => out.sold += m.qty_lots as f64,
            }
        }
        if truth.is_halted {
            // Whatever the book does over a halt is no flow: no difference is taken across it.
            self.touch = None;
            return out;
        }
        self.walk_quotes(minute, &mut out);
        // After a halt without a quote the book is all there is to know the touch from.
        self.touch = self.touch.or_else(|| Touch::of_book(&self.book));
        out.close = self.touch;
        out.bid_depth = depths(&self.book, Side::Buy);
        out.ask_depth = depths(&self.book, Side::Sell);
        out
    }

    fn walk_quotes(&mut self, minute: &SimMinute, out: &mut MinuteMeasure) {
        let (mut time, mut spread, mut one_tick, mut depth) = (0.0, 0.0, 0.0, 0.0);
        let mut since = minute.start.0;
        let mut stand = |touch: &Option<Touch>, from: i64, to: i64| {
            if let Some(t) = touch {
                let weight = (to - from) as f64;
                time += weight;
                spread += weight * t.spread() as f64;
                depth += weight * t.depth();
                if t.spread() == 1 {
                    one_tick += weight;
                }
            }
        };
        for quote in &minute.quotes {
            stand(&self.touch, since, quote.ts.0);
            since = quote.ts.0;
            let after = Touch::from(quote);
            if let Some(before) = &self.touch {
                out.ofi += ofi_event(before, &after);
                let mut change = |same: bool, was: f64, is: f64| {
                    if same {
                        out.added += (is - was).max(0.0);
                        out.removed += (was - is).max(0.0);
                    }
                };
                change(after.bid == before.bid, before.bid_lots, after.bid_lots);
                change(after.ask == before.ask, before.ask_lots, after.ask_lots);
            }
            self.touch = Some(after);
        }
        stand(&self.touch, since, minute.start.0 + MICROS_PER_MINUTE);
        if time > 0.0 {
            out.spread = Some(spread / time);
            out.one_tick_share = Some(one_tick / time);
            out.touch_depth = Some(depth / time);
        }
    }
}

fn depths(book: &SimBook, side: Side) -> [f64; DEPTH_LEVELS.len()] {
    let mut out = [0.0; DEPTH_LEVELS.len()];
    let last = DEPTH_LEVELS[DEPTH_LEVELS.len() - 1];
    for (i, (_, lots)) in book.levels(side).take(last).enumerate() {
        for (sum, n) in out.iter_mut().zip(DEPTH_LEVELS) {
            if i < n {
                *sum += lots as f64;
            }
        }
    }
    out
}
