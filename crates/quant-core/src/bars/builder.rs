//! Turns one UTC day of trades or venue klines into one row per minute.
//!
//! It does not read files and does not look at other days: all it knows of the past is the [`Opening`].

use crate::bars::market_state::MarketState;
use crate::bars::ohlcv::{filled_row, ratio};
use crate::bars::{BarSource, BarsError, MarketInputs, MinuteRow, Ohlcv, StatSet};
use crate::market::{
    Bar, BookDelta, BookSnapshot, Event, Funding, Gap, Lost, Quote, Side, TouchAt, Trade,
};
use crate::time::{Day, MICROS_PER_MINUTE, MINUTES_PER_DAY, UnixMicros};

/// Prices and quantities above this are refused: no instrument trades there, and sums and products of a day of
/// such numbers stay far inside the range of `f64`.
const MAX_VALUE: f64 = 1e15;

/// State records known when a day starts, each with its place in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OpeningState {
    /// Mark price.
    pub mark: Option<(UnixMicros, f64)>,
    /// Index price.
    pub index: Option<(UnixMicros, f64)>,
    /// Premium index.
    pub premium: Option<(UnixMicros, f64)>,
    /// Settled funding; its time is its place.
    pub funding: Option<Funding>,
    /// Open interest.
    pub open_interest: Option<(UnixMicros, f64)>,
}

/// What a day starts from: the state of the market at 00:00 UTC. Everything is absent without known history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opening {
    /// Last price before 00:00 UTC.
    pub last_price: Option<f64>,
    /// When it was traded.
    pub last_trade_ts: Option<UnixMicros>,
    /// Last valid quote in force.
    pub touch: Option<TouchAt>,
    /// Book in force, all its levels.
    pub book: Option<BookSnapshot>,
    /// State records.
    pub state: OpeningState,
}

/// One day of minute rows and what was seen while building them.
#[derive(Clone, Debug, PartialEq)]
pub struct DayBars {
    /// The day.
    pub day: Day,
    /// One row per complete minute, in order, without holes.
    pub rows: Vec<MinuteRow>,
    /// Names of the extra statistics, if the builder carried any.
    pub stat_columns: &'static [&'static str],
    /// Values of the extra statistics, row-major: `rows.len() x stat_columns.len()`; NaN stands for null.
    pub stat_values: Vec<f64>,
    /// Trades or klines taken.
    pub n_events: u64,
    /// Time of the first trade (start of the first kline) taken.
    pub first_event: Option<UnixMicros>,
    /// Time of the last trade (start of the last kline) taken.
    pub last_event: Option<UnixMicros>,
    /// Last price seen, or the opening's: the next day's [`Opening`].
    pub closing_price: Option<f64>,
}

/// Builds the minute rows of one UTC day, event by event.
///
/// # Causality
/// A row depends on the opening and on events with `ts_event < ts_close`; a trade at exactly `ts_close` belongs to
/// the next minute.
///
/// # Determinism
/// Sums run in the order of the events; equal times keep their order.
///
/// # Complexity
/// O(1) per trade and no allocation: the rows of the day are reserved at the start.
#[derive(Clone, Debug)]
pub struct MinuteBuilder<X: StatSet = ()> {
    day: Day,
    source: BarSource,
    takes_trades: bool,
    kernel: Ohlcv,
    market: MarketState,
    extra: X,
    /// Start of the minute being built.
    open_us: i64,
    /// Its exclusive end.
    close_us: i64,
    /// Nothing may come before this.
    last_us: i64,
    /// Trades before this need no more than a check of their numbers: the end of a minute that already has a trade.
    fast_until_us: i64,
    last_event_us: i64,
    previous_close: Option<f64>,
    rows: Vec<MinuteRow>,
    stat_values: Vec<f64>,
    n_events: u64,
    first_event: Option<UnixMicros>,
}

impl MinuteBuilder {
    /// Returns a builder of `day` from `source` that starts from `opening`.
    pub fn new(day: Day, source: BarSource, opening: &Opening) -> Self {
        Self::with_stats(day, source, MarketInputs::default(), opening, ())
    }
}

impl<X: StatSet> MinuteBuilder<X> {
    /// Returns a builder that also feeds `extra` from what the day has, and keeps its columns.
    pub fn with_stats(
        day: Day,
        source: BarSource,
        inputs: MarketInputs,
        opening: &Opening,
        mut extra: X,
    ) -> Self {
        let market = MarketState::new(day, inputs, opening, &mut extra);
        let start = day.start().0;
        Self {
            day,
            source,
            takes_trades: source != BarSource::Klines,
            kernel: Ohlcv::empty(),
            market,
            extra,
            open_us: start,
            close_us: start + MICROS_PER_MINUTE,
            last_us: start,
            fast_until_us: i64::MIN,
            last_event_us: start,
            previous_close: opening.last_price.filter(|p| is_price(*p)),
            rows: Vec::with_capacity(MINUTES_PER_DAY),
            stat_values: Vec::with_capacity(MINUTES_PER_DAY * X::columns().len()),
            n_events: 0,
            first_event: None,
        }
    }

    /// Takes one trade.
    ///
    /// # Errors
    /// `WrongSource` for a builder of klines, `OutOfOrder`, `OtherDay`, `BadValue` for a price outside (0, 1e15] or
    /// a quantity outside [0, 1e15]. A refused trade changes nothing.
    #[inline]
    pub fn on_trade(&mut self, trade: &Trade) -> Result<(), BarsError> {
        let (ts_us, price, qty) = (trade.ts_event.0, trade.price, trade.qty);
        let sign = trade.aggressor.sign();
        self.take_print(ts_us, price, qty, sign, trade.n_trades)?;
        if X::IS_ACTIVE {
            self.market.on_trade(trade, &mut self.extra);
        }
        Ok(())
    }

    /// Takes one trade as plain columns.
    ///
    /// # Units
    /// `ts_us` microseconds UTC, `price` quote per base, `qty` base units, `aggressor_sign` +1 or -1.
    ///
    /// # Errors
    /// As [`Self::on_trade`], and `BadValue` for a sign that is neither +1 nor -1.
    #[inline]
    pub fn on_trade_fields(
        &mut self,
        ts_us: i64,
        price: f64,
        qty: f64,
        aggressor_sign: i8,
        n_trades: u32,
    ) -> Result<(), BarsError> {
        self.take_print(ts_us, price, qty, aggressor_sign, n_trades)?;
        if X::IS_ACTIVE {
            let trade = Trade {
                ts_event: UnixMicros(ts_us),
                ts_recv: None,
                price,
                qty,
                aggressor: if aggressor_sign > 0 {
                    Side::Buy
                } else {
                    Side::Sell
                },
                trade_id: 0,
                n_trades,
            };
            self.market.on_trade(&trade, &mut self.extra);
        }
        Ok(())
    }

    #[inline]
    fn take_print(
        &mut self,
        ts_us: i64,
        price: f64,
        qty: f64,
        aggressor_sign: i8,
        n_trades: u32,
    ) -> Result<(), BarsError> {
        let usable = is_price(price)
            && (0.0..=MAX_VALUE).contains(&qty)
            && (aggressor_sign == 1 || aggressor_sign == -1);
        if !(usable && ts_us >= self.last_us && ts_us < self.fast_until_us) {
            // Refused or the first trade of a minute or grid interval: a few of millions.
            self.refuse_trade(ts_us, price, qty, aggressor_sign)?;
            self.roll_to(ts_us);
            self.first_event.get_or_insert(UnixMicros(ts_us));
            self.fast_until_us = if X::IS_ACTIVE {
                self.market.next_grid_us().min(self.close_us)
            } else {
                self.close_us
            };
        }
        self.last_us = ts_us;
        self.last_event_us = ts_us;
        self.kernel.add(price, qty, aggressor_sign > 0, n_trades);
        Ok(())
    }

    /// Takes one venue kline of one minute; minutes between two klines are filled.
    ///
    /// A kline is marked `is_filled` only if it is flat (`open = high = low = close`) and has no volume; its parts
    /// are then 0, whatever the venue leaves out.
    ///
    /// # Errors
    /// `WrongSource` for a builder of trades, `NotAMinute`, `OtherDay`, `OutOfOrder` (also for the same minute
    /// twice), `BadValue`, `InconsistentBar`. A refused kline changes nothing.
    pub fn on_bar(&mut self, bar: &Bar) -> Result<(), BarsError> {
        let ts = bar.ts_open;
        if self.takes_trades {
            return Err(BarsError::WrongSource {
                source_kind: self.source,
                found: "a kline",
            });
        }
        if ts.floor_minute() != ts || bar.ts_close != ts.plus(MICROS_PER_MINUTE) {
            return Err(BarsError::NotAMinute {
                ts_open: ts,
                ts_close: bar.ts_close,
            });
        }
        // A kline speaks of the minute being built, in which other things may have been seen already.
        self.check_time_since(ts.0, self.open_us)?;
        for (field, value) in [
            ("open", bar.open),
            ("high", bar.high),
            ("low", bar.low),
            ("close", bar.close),
        ] {
            if !is_price(value) {
                return Err(bad_value(ts, field, value, "a price in (0, 1e15]"));
            }
        }
        let amounts = [
            ("volume", Some(bar.volume)),
            ("quote volume", bar.quote_volume),
            ("taker buy volume", bar.taker_buy_volume),
        ];
        for (field, value) in amounts {
            // Quote volumes are prices times quantities: their own bound is the square.
            if let Some(v) = value.filter(|v| !(0.0..=MAX_VALUE * MAX_VALUE).contains(v)) {
                return Err(bad_value(ts, field, v, "a number in [0, 1e30]"));
            }
        }
        let inside = |x: f64| bar.low <= x && x <= bar.high;
        if !inside(bar.open) || !inside(bar.close) {
            return Err(BarsError::InconsistentBar { ts_open: ts });
        }
        self.roll_to(ts.0);
        let is_flat = bar.low >= bar.high;
        let row = if bar.volume <= 0.0 && is_flat {
            filled_row(ts, self.source, Some(bar.close))
        } else {
            MinuteRow {
                ts_open: ts,
                open: Some(bar.open),
                high: Some(bar.high),
                low: Some(bar.low),
                close: Some(bar.close),
                volume: bar.volume,
                quote_volume: bar.quote_volume,
                n_trades: bar.n_trades,
                buy_volume: bar.taker_buy_volume,
                vwap: bar.quote_volume.and_then(|q| ratio(q, bar.volume)),
                bar_source: self.source,
                is_filled: false,
            }
        };
        self.push_row(row);
        self.last_us = self.open_us;
        self.n_events += 1;
        self.first_event.get_or_insert(ts);
        self.last_event_us = ts.0;
        Ok(())
    }

    /// Takes any event: trades and klines as above, the others reach only the extra statistics.
    ///
    /// # Errors
    /// As [`Self::on_trade`] and [`Self::on_bar`]; `OutOfOrder` and `OtherDay` for the others.
    pub fn on_event(&mut self, event: &Event) -> Result<(), BarsError> {
        match event {
            Event::Trade(trade) => self.on_trade(trade),
            Event::Bar(bar) => self.on_bar(bar),
            Event::Quote(quote) => self.on_quote(quote),
            Event::BookDelta(delta) => self.on_delta(delta),
            other => self.on_other_at(other, other.ts_known()),
        }
    }

    /// Takes an event that is neither a print nor a quote nor a book level at its place in the stream, which for
    /// state records is not their own time.
    ///
    /// # Errors
    /// `OutOfOrder` and `OtherDay`.
    pub fn on_other_at(&mut self, event: &Event, at: UnixMicros) -> Result<(), BarsError> {
        self.advance(at.0)?;
        if X::IS_ACTIVE {
            self.market.on_other(event, at.0, &mut self.extra);
        }
        Ok(())
    }

    /// Takes a loss of trades that is told by the trade at `at`; only the extra statistics see it.
    ///
    /// # Errors
    /// `OutOfOrder` and `OtherDay`.
    pub fn on_lost_trades(&mut self, at: UnixMicros) -> Result<(), BarsError> {
        self.on_other_at(
            &Event::Gap(Gap {
                from: at,
                to: at,
                lost: Lost::Trades,
            }),
            at,
        )
    }

    /// Takes one quote; only the extra statistics see it.
    ///
    /// # Errors
    /// `OutOfOrder` and `OtherDay`.
    #[inline]
    pub fn on_quote(&mut self, quote: &Quote) -> Result<(), BarsError> {
        self.advance(quote.ts_event.0)?;
        if X::IS_ACTIVE {
            self.market.on_quote(quote, &mut self.extra);
        }
        Ok(())
    }

    /// Takes one level of an atomic book message; the book is looked at after the last one.
    ///
    /// # Errors
    /// `OutOfOrder` and `OtherDay`.
    #[inline]
    pub fn on_delta(&mut self, delta: &BookDelta) -> Result<(), BarsError> {
        self.on_level_fields(
            delta.ts_event.0,
            delta.is_snapshot,
            delta.side,
            delta.level.px,
            delta.level.qty,
            delta.msg_end,
        )
    }

    /// Takes one level of an atomic book message as plain columns.
    ///
    /// # Errors
    /// As [`Self::on_delta`].
    #[inline]
    pub fn on_level_fields(
        &mut self,
        ts_us: i64,
        is_snapshot: bool,
        side: Side,
        px: f64,
        qty: f64,
        msg_end: bool,
    ) -> Result<(), BarsError> {
        self.advance(ts_us)?;
        if X::IS_ACTIVE {
            let extra = &mut self.extra;
            self.market
                .on_level(ts_us, is_snapshot, side, px, qty, msg_end, extra);
        }
        Ok(())
    }

    /// Closes every minute with `ts_close <= now`: nothing of them can come any more.
    pub fn advance_to(&mut self, now: UnixMicros) {
        let now = now.0.min(self.day.end().0);
        if now > self.last_us {
            self.roll_to(now);
            self.last_us = now;
        }
    }

    /// Returns the values of the extra statistics of the minutes closed so far, row-major; NaN stands for null.
    pub fn stat_values(&self) -> &[f64] {
        &self.stat_values
    }

    /// Returns the rows of the minutes closed so far.
    pub fn rows(&self) -> &[MinuteRow] {
        &self.rows
    }

    /// Returns one row for every minute of the day with `ts_close <= until`, normally all 1,440 of them.
    ///
    /// Events in a minute that is not complete at `until` count as seen and move the closing price, but have no row.
    pub fn finish(mut self, until: UnixMicros) -> DayBars {
        let until = until.0.clamp(self.day.start().0, self.day.end().0);
        let closing_price = self.kernel.last_price().or(self.previous_close);
        self.roll_to(until);
        let n_events = self.n_events + self.kernel.n_prints();
        let whole =
            until.div_euclid(MICROS_PER_MINUTE) - self.day.start().0.div_euclid(MICROS_PER_MINUTE);
        let n_rows = usize::try_from(whole).unwrap_or(0);
        self.rows.truncate(n_rows);
        self.stat_values.truncate(n_rows * X::columns().len());
        DayBars {
            day: self.day,
            rows: self.rows,
            stat_columns: X::columns(),
            stat_values: self.stat_values,
            n_events,
            first_event: self.first_event,
            last_event: self.first_event.map(|_| UnixMicros(self.last_event_us)),
            closing_price,
        }
    }

    #[inline]
    fn advance(&mut self, ts_us: i64) -> Result<(), BarsError> {
        // The next instant at which something happens by itself is never beyond the minute's close.
        let due = if X::IS_ACTIVE {
            self.market.next_grid_us()
        } else {
            self.close_us
        };
        if ts_us < self.last_us || ts_us >= due {
            self.check_time(ts_us)?;
            self.roll_to(ts_us);
        }
        self.last_us = ts_us;
        Ok(())
    }

    fn check_time(&self, ts_us: i64) -> Result<(), BarsError> {
        self.check_time_since(ts_us, self.last_us)
    }

    fn check_time_since(&self, ts_us: i64, last_us: i64) -> Result<(), BarsError> {
        let ts = UnixMicros(ts_us);
        if !self.day.range().contains(ts) {
            return Err(BarsError::OtherDay { day: self.day, ts });
        }
        if ts_us < last_us {
            return Err(BarsError::OutOfOrder {
                last: UnixMicros(last_us),
                found: ts,
            });
        }
        Ok(())
    }

    #[cold]
    fn refuse_trade(
        &self,
        ts_us: i64,
        price: f64,
        qty: f64,
        aggressor_sign: i8,
    ) -> Result<(), BarsError> {
        let ts = UnixMicros(ts_us);
        if !self.takes_trades {
            return Err(BarsError::WrongSource {
                source_kind: self.source,
                found: "a trade",
            });
        }
        self.check_time(ts_us)?;
        if !is_price(price) {
            return Err(bad_value(ts, "price", price, "a price in (0, 1e15]"));
        }
        if !(0.0..=MAX_VALUE).contains(&qty) {
            return Err(bad_value(ts, "quantity", qty, "a quantity in [0, 1e15]"));
        }
        if aggressor_sign != 1 && aggressor_sign != -1 {
            return Err(bad_value(
                ts,
                "aggressor",
                f64::from(aggressor_sign),
                "+1 or -1",
            ));
        }
        Ok(())
    }

    /// Closes minutes until the one being built contains `ts_us`.
    fn roll_to(&mut self, ts_us: i64) {
        while ts_us >= self.close_us {
            let row = self
                .kernel
                .row(UnixMicros(self.open_us), self.source, self.previous_close);
            self.push_row(row);
        }
        if X::IS_ACTIVE {
            self.market.run_grid(ts_us, &mut self.extra);
        }
        // What was checked for the interval before is not checked for this one.
        self.fast_until_us = i64::MIN;
    }

    fn push_row(&mut self, row: MinuteRow) {
        self.previous_close = row.close;
        self.rows.push(row);
        if X::IS_ACTIVE {
            self.market.close_minute(
                self.open_us,
                self.close_us,
                &mut self.extra,
                &mut self.stat_values,
            );
        }
        self.n_events += self.kernel.n_prints();
        self.kernel = Ohlcv::empty();
        self.fast_until_us = i64::MIN;
        self.open_us = self.close_us;
        self.close_us += MICROS_PER_MINUTE;
    }
}

fn is_price(x: f64) -> bool {
    x > 0.0 && x <= MAX_VALUE
}

fn bad_value(ts: UnixMicros, field: &'static str, value: f64, expected: &'static str) -> BarsError {
    BarsError::BadValue {
        ts,
        field,
        value: value.to_string(),
        expected,
    }
}
