//! The seam of tier 1: statistics that see what happens in a minute and write columns when it closes.
//!
//! Composition is static ([`minute_stats!`](crate::bars::stats)), so nothing is dispatched per event. Who keeps the
//! book, decides what is valid and fresh and cuts time into pieces is the driver (`MarketState`), not a statistic.

use serde::Serialize;

use crate::bars::MadeOf;
use crate::market::book::TopBook;
use crate::market::{Liquidation, Touch, Trade};
use crate::time::UnixMicros;

/// One column of a statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StatColumn {
    /// Name in the lake.
    pub name: &'static str,
    /// Formula in the symbols of the documentation.
    pub formula: &'static str,
    /// Unit of the values.
    pub units: &'static str,
}

/// What a statistic declares about itself; part of the id of every bar set that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StatSpec {
    /// Name.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// Columns, in order.
    pub columns: &'static [StatColumn],
    /// Which events it reads.
    pub inputs: &'static str,
    /// What it is made of, as far as days differ in it: values of days that do are not in one window.
    pub made_of: MadeOf,
    /// When a value is null.
    pub nan_policy: &'static str,
    /// Where the definition comes from.
    pub reference: &'static str,
}

/// Collects the values of one closed minute, in the order of the columns.
#[derive(Debug)]
pub struct RowWriter<'a> {
    out: &'a mut Vec<f64>,
}

impl<'a> RowWriter<'a> {
    /// Returns a writer that appends to `out`.
    pub const fn new(out: &'a mut Vec<f64>) -> Self {
        Self { out }
    }

    /// Appends one value. In memory null is NaN, and so becomes every NaN and infinity; the lake gets real nulls.
    #[inline]
    pub fn write(&mut self, value: Option<f64>) {
        self.out
            .push(value.filter(|v| v.is_finite()).unwrap_or(f64::NAN));
    }

    /// Appends `numerator / denominator`, null unless the denominator is positive.
    #[inline]
    pub fn ratio(&mut self, numerator: f64, denominator: f64) {
        self.write((denominator > 0.0).then_some(numerator / denominator));
    }

    /// Appends a number of things, null where the day has no such data.
    #[inline]
    pub fn count(&mut self, n: u64, is_known: bool) {
        self.write(is_known.then_some(n as f64));
    }
}

/// What a stream of states (touches or books) did in a closed minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StateUse<T> {
    /// The day has such data.
    pub is_known: bool,
    /// In force and fresh just before the close.
    pub at_close: Option<T>,
    /// Something was in force and fresh at the open.
    pub at_open: bool,
    /// Events, also those that changed nothing or were not valid.
    pub n_events: u64,
    /// Microseconds of the minute in which something fresh and valid was in force.
    pub valid_us: i64,
    /// Microseconds from the last event of what is in force to the close, fresh or not.
    pub age_us: Option<i64>,
}

/// State records as known at the row's `ts_avail`, already null where they are too old.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StateValues {
    /// Mark price.
    pub mark: Option<f64>,
    /// Index price.
    pub index: Option<f64>,
    /// Premium index, a fraction.
    pub premium: Option<f64>,
    /// Last settled funding rate, a fraction.
    pub funding_rate: Option<f64>,
    /// Hours it was for.
    pub funding_interval_h: Option<f64>,
    /// Open interest, base units.
    pub open_interest: Option<f64>,
    /// Depth within 1 % below the mid, base units.
    pub band_bid: Option<f64>,
    /// Depth within 1 % above the mid, base units.
    pub band_ask: Option<f64>,
}

/// A minute at its close, as far as statistics share it.
#[derive(Clone, Copy, Debug)]
pub struct MinuteClose<'a> {
    /// Inclusive start.
    pub ts_open: UnixMicros,
    /// Exclusive end.
    pub ts_close: UnixMicros,
    /// The day has trades.
    pub has_trades: bool,
    /// The day has forced orders.
    pub has_liquidations: bool,
    /// Touches.
    pub touch: StateUse<Touch>,
    /// Books.
    pub book: StateUse<&'a TopBook>,
    /// State records.
    pub state: &'a StateValues,
}

/// What a gap takes from statistics that go on over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapScope {
    /// Everything: touches, books, prices, trades.
    All,
    /// What is made of trades, prices too: the day samples the prices of its trades.
    TradesAndPrices,
    /// What is made of trades; prices are of touches, which were not lost.
    Trades,
}

impl GapScope {
    /// Returns whether prices before and after are no longer comparable.
    pub const fn breaks_prices(self) -> bool {
        !matches!(self, Self::Trades)
    }
}

/// What a day offers to its statistics, and their parameters; fixed before its first event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StatInputs {
    /// Size of a volume bucket, base units, computed from earlier days; `None` without history.
    pub vpin_bucket: Option<f64>,
}

/// A statistic of one minute of one instrument.
///
/// Handlers do nothing unless implemented. All of them are called in the order of the stream.
///
/// # Causality
/// A statistic sees only what happened inside the minute, and what was in force at its start; its values are known at
/// `ts_close` + watermark. State that survives the minute is the implementer's own; sums restart in `close`.
pub trait MinuteStat {
    /// The declaration.
    const SPEC: StatSpec;

    /// Takes one print.
    #[inline]
    fn on_trade(&mut self, _trade: &Trade) {}

    /// Takes a valid touch that differs from `before`; `before` is `None` if none was in force, and for what opens the day.
    #[inline]
    fn on_touch(&mut self, _ts: UnixMicros, _before: Option<&Touch>, _after: &Touch) {}

    /// Learns that `touch` was in force, fresh, for `us` microseconds of this minute.
    #[inline]
    fn hold_touch(&mut self, _us: i64, _touch: &Touch) {}

    /// Takes a valid book after an atomic message; `before` is `None` if none was in force or the message was a reset.
    #[inline]
    fn on_book(&mut self, _ts: UnixMicros, _before: Option<&TopBook>, _after: &TopBook) {}

    /// Learns that `book` was in force, fresh, for `us` microseconds of this minute.
    #[inline]
    fn hold_book(&mut self, _us: i64, _book: &TopBook) {}

    /// Takes the price at a multiple of 5 s, just before what happens at that instant; also that of the opening at 00:00 UTC,
    /// before anything else but what opens the day.
    #[inline]
    fn on_grid(&mut self, _ts: UnixMicros, _price: Option<f64>) {}

    /// Takes one forced order.
    #[inline]
    fn on_liquidation(&mut self, _order: &Liquidation) {}

    /// Learns that something was lost: nothing pending of it may be continued.
    #[inline]
    fn on_gap(&mut self, _scope: GapScope) {}

    /// Writes exactly one value per column and starts the next minute.
    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>);
}

/// Several statistics as one; what the builder drives.
pub trait StatSet {
    /// False if there is nothing to feed: the driver then keeps no market state at all.
    const IS_ACTIVE: bool;
    /// Names of all columns, in order.
    fn columns() -> &'static [&'static str];
    /// See [`MinuteStat::on_trade`].
    fn on_trade(&mut self, trade: &Trade);
    /// See [`MinuteStat::on_touch`].
    fn on_touch(&mut self, ts: UnixMicros, before: Option<&Touch>, after: &Touch);
    /// See [`MinuteStat::hold_touch`].
    fn hold_touch(&mut self, us: i64, touch: &Touch);
    /// See [`MinuteStat::on_book`].
    fn on_book(&mut self, ts: UnixMicros, before: Option<&TopBook>, after: &TopBook);
    /// See [`MinuteStat::hold_book`].
    fn hold_book(&mut self, us: i64, book: &TopBook);
    /// See [`MinuteStat::on_grid`].
    fn on_grid(&mut self, ts: UnixMicros, price: Option<f64>);
    /// See [`MinuteStat::on_liquidation`].
    fn on_liquidation(&mut self, order: &Liquidation);
    /// See [`MinuteStat::on_gap`].
    fn on_gap(&mut self, scope: GapScope);
    /// See [`MinuteStat::close`].
    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>);
}

/// No statistics.
impl StatSet for () {
    const IS_ACTIVE: bool = false;
    fn columns() -> &'static [&'static str] {
        &[]
    }
    fn on_trade(&mut self, _trade: &Trade) {}
    fn on_touch(&mut self, _ts: UnixMicros, _before: Option<&Touch>, _after: &Touch) {}
    fn hold_touch(&mut self, _us: i64, _touch: &Touch) {}
    fn on_book(&mut self, _ts: UnixMicros, _before: Option<&TopBook>, _after: &TopBook) {}
    fn hold_book(&mut self, _us: i64, _book: &TopBook) {}
    fn on_grid(&mut self, _ts: UnixMicros, _price: Option<f64>) {}
    fn on_liquidation(&mut self, _order: &Liquidation) {}
    fn on_gap(&mut self, _scope: GapScope) {}
    fn close(&mut self, _minute: &MinuteClose<'_>, _out: &mut RowWriter<'_>) {}
}
