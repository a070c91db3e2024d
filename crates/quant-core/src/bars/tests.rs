//! Tests of minute rows against a naive builder, of coarser bars and of segments.
#![expect(clippy::float_cmp, reason = "the bits themselves are the subject")]

use proptest::prelude::*;

use super::*;
use crate::market::book::TopBook;
use crate::market::{Bar, BookLevel, BookSnapshot, Event, Liquidation, Quote, Side, Touch, Trade};
use crate::time::{Day, MICROS_PER_DAY, MICROS_PER_SECOND};
use crate::units::Micros;

const DAY: Day = Day(20_000);
const NO_STATE: OpeningState = OpeningState {
    mark: None,
    index: None,
    premium: None,
    funding: None,
    open_interest: None,
};
const NO_HISTORY: Opening = Opening {
    last_price: None,
    last_trade_ts: None,
    touch: None,
    book: None,
    state: NO_STATE,
};
const HISTORY: Opening = Opening {
    last_price: Some(50.0),
    last_trade_ts: None,
    touch: None,
    book: None,
    state: NO_STATE,
};

fn minute(m: i64) -> i64 {
    DAY.start().0 + m * MICROS_PER_MINUTE
}

fn trade(ts_us: i64, price: f64, qty: f64, aggressor: Side) -> Trade {
    let ts_event = UnixMicros(ts_us);
    Trade {
        ts_event,
        ts_recv: None,
        price,
        qty,
        aggressor,
        trade_id: 0,
        n_trades: 2,
    }
}

fn build(trades: &[Trade], opening: &Opening, until: i64) -> DayBars {
    let mut builder = MinuteBuilder::new(DAY, BarSource::Trades, opening);
    for t in trades {
        builder.on_trade(t).unwrap();
    }
    builder.finish(UnixMicros(until))
}

/// Steps in half seconds, a few of them long; prices and quantities are dyadic, so sums of quantities are exact.
fn trades() -> impl Strategy<Value = Vec<Trade>> {
    let step = prop_oneof![8 => 0_i64..20, 1 => 20_i64..600, 1 => Just(120_i64)];
    prop::collection::vec((step, 1_u32..400, 1_u32..64, any::<bool>()), 0..80).prop_map(|steps| {
        let mut ts = DAY.start().0;
        steps
            .into_iter()
            .map(|(dt, price, qty, buy)| {
                ts += dt * MICROS_PER_SECOND / 2;
                let side = if buy { Side::Buy } else { Side::Sell };
                trade(ts, f64::from(price) / 4.0, f64::from(qty) / 8.0, side)
            })
            .collect()
    })
}

/// The definition, minute by minute.
fn naive(trades: &[Trade], opening: &Opening, n_minutes: i64) -> Vec<MinuteRow> {
    let mut last = opening.last_price;
    (0..n_minutes)
        .map(|m| {
            let of: Vec<&Trade> = trades
                .iter()
                .filter(|t| minute(m) <= t.ts_event.0 && t.ts_event.0 < minute(m + 1))
                .collect();
            let prices: Vec<f64> = of.iter().map(|t| t.price).collect();
            let volume = of.iter().fold(0.0, |v, t| v + t.qty);
            let quote = of.iter().fold(0.0, |v, t| v + t.price * t.qty);
            let bought = of.iter().filter(|t| t.aggressor == Side::Buy);
            let row = MinuteRow {
                ts_open: UnixMicros(minute(m)),
                open: prices.first().copied().or(last),
                high: prices.iter().copied().reduce(f64::max).or(last),
                low: prices.iter().copied().reduce(f64::min).or(last),
                close: prices.last().copied().or(last),
                volume,
                quote_volume: Some(quote),
                n_trades: Some(of.iter().map(|t| u64::from(t.n_trades)).sum()),
                buy_volume: Some(bought.fold(0.0, |v, t| v + t.qty)),
                vwap: (volume > 0.0).then(|| quote / volume),
                bar_source: BarSource::Trades,
                is_filled: of.is_empty(),
            };
            last = row.close;
            row
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_equal_the_naive_builder(trades in trades(), known in any::<bool>()) {
        let opening = if known { HISTORY } else { NO_HISTORY };
        let day = build(&trades, &opening, minute(60));
        prop_assert_eq!(&day.rows, &naive(&trades, &opening, 60));
        let last = trades.last().map(|t| t.price);
        prop_assert_eq!(day.closing_price, last.or(opening.last_price));
    }

    #[test]
    fn a_day_conserves_volume_and_counts(trades in trades()) {
        let day = build(&trades, &NO_HISTORY, DAY.end().0);
        prop_assert_eq!(day.rows.len(), 1_440);
        prop_assert_eq!(day.n_events, trades.len() as u64);
        prop_assert_eq!(day.first_event, trades.first().map(|t| t.ts_event));
        prop_assert_eq!(day.last_event, trades.last().map(|t| t.ts_event));
        let sum = |f: fn(&MinuteRow) -> f64| day.rows.iter().map(f).sum::<f64>();
        let volume: f64 = trades.iter().map(|t| t.qty).sum();
        let bought: f64 =
            trades.iter().filter(|t| t.aggressor == Side::Buy).map(|t| t.qty).sum();
        prop_assert_eq!(sum(|r| r.volume), volume);
        prop_assert_eq!(sum(|r| r.buy_volume.unwrap()), bought);
        let count: u64 = day.rows.iter().map(|r| r.n_trades.unwrap()).sum();
        prop_assert_eq!(count, 2 * trades.len() as u64);
        for row in day.rows.iter().filter(|r| !r.is_filled) {
            let (low, vwap, high) = (row.low.unwrap(), row.vwap.unwrap(), row.high.unwrap());
            let slack = 1e-12 * high;
            prop_assert!(low - slack <= vwap && vwap <= high + slack);
            prop_assert!(low <= row.open.unwrap() && row.close.unwrap() <= high);
        }
    }

    #[test]
    fn closed_minutes_do_not_know_the_future(trades in trades(), cut in 0_i64..60, poison in 1_u32..9) {
        let whole = build(&trades, &HISTORY, minute(60)).rows;
        let kept: Vec<Trade> =
            trades.iter().copied().filter(|t| t.ts_event.0 < minute(cut)).collect();
        let n = usize::try_from(cut).unwrap();
        let prefix = build(&kept, &HISTORY, minute(cut)).rows;
        prop_assert_eq!(&whole[..n], prefix.as_slice());
        // The same with another future, and while the minutes are still being built.
        let mut other = MinuteBuilder::new(DAY, BarSource::Trades, &HISTORY);
        for t in &kept {
            other.on_trade(t).unwrap();
        }
        other.advance_to(UnixMicros(minute(cut)));
        prop_assert_eq!(&whole[..n], other.rows());
        other.on_trade(&trade(minute(cut), f64::from(poison), 1.0, Side::Buy)).unwrap();
        prop_assert_eq!(&whole[..n], &other.finish(UnixMicros(minute(60))).rows[..n]);
    }

    #[test]
    fn klines_of_the_trades_give_the_same_rows(trades in trades()) {
        let expected = build(&trades, &HISTORY, minute(60)).rows;
        let mut builder = MinuteBuilder::new(DAY, BarSource::Klines, &HISTORY);
        for row in expected.iter().filter(|r| !r.is_filled) {
            builder.on_bar(&kline_of(row)).unwrap();
        }
        let found = builder.finish(UnixMicros(minute(60))).rows;
        let expected: Vec<_> = expected
            .into_iter()
            .map(|r| MinuteRow { bar_source: BarSource::Klines, ..r })
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn bars_of_rows_equal_bars_of_trades(trades in trades()) {
        let rows = build(&trades, &HISTORY, minute(60)).rows;
        let mut resampler = Resampler::new(5).unwrap();
        let bars: Vec<BarN> = rows.iter().filter_map(|r| resampler.push(r)).collect();
        prop_assert_eq!(bars.len(), 12);
        let mut last = HISTORY.last_price;
        for (bar, start) in bars.iter().zip((0..60).step_by(5)) {
            let of: Vec<&Trade> = trades
                .iter()
                .filter(|t| minute(start) <= t.ts_event.0 && t.ts_event.0 < minute(start + 5))
                .collect();
            let prices: Vec<f64> = of.iter().map(|t| t.price).collect();
            prop_assert_eq!((bar.ts_open.0, bar.ts_close.0), (minute(start), minute(start + 5)));
            prop_assert_eq!(bar.open, prices.first().copied().or(last));
            prop_assert_eq!(bar.high, prices.iter().copied().reduce(f64::max).or(last));
            prop_assert_eq!(bar.low, prices.iter().copied().reduce(f64::min).or(last));
            prop_assert_eq!(bar.close, prices.last().copied().or(last));
            prop_assert_eq!(bar.volume, of.iter().map(|t| t.qty).sum::<f64>());
            prop_assert_eq!(bar.n_trades, Some(2 * of.len() as u64));
            prop_assert_eq!(bar.is_filled, of.is_empty());
            last = bar.close;
        }
    }

    #[test]
    fn segments_follow_their_definition(real in prop::collection::vec(any::<bool>(), 0..80), gap in 0_u32..4) {
        let mut segmenter = Segmenter::new(gap);
        let (mut id, mut seen) = (0, false);
        for (i, is_real) in real.iter().enumerate() {
            let missing_before =
                real[..i].iter().rev().take_while(|r| !**r).count();
            let is_long = |n: usize| n > gap as usize;
            let state = segmenter.push(is_real.then(|| row_at(0, 1.0)).as_ref());
            let started = *is_real && (!seen || is_long(missing_before));
            id += u32::from(started);
            seen |= *is_real;
            let in_gap = !is_real && is_long(missing_before + 1);
            prop_assert_eq!(state, SegmentState { id, in_gap, started });
        }
    }
}

fn kline_of(row: &MinuteRow) -> Bar {
    Bar {
        ts_open: row.ts_open,
        ts_close: row.ts_close(),
        open: row.open.unwrap(),
        high: row.high.unwrap(),
        low: row.low.unwrap(),
        close: row.close.unwrap(),
        volume: row.volume,
        quote_volume: row.quote_volume,
        n_trades: row.n_trades,
        taker_buy_volume: row.buy_volume,
    }
}

fn row_at(m: i64, price: f64) -> MinuteRow {
    build(
        &[trade(minute(m), price, 1.0, Side::Buy)],
        &NO_HISTORY,
        minute(m + 1),
    )
    .rows[usize::try_from(m).unwrap()]
}

#[test]
fn a_trade_at_the_close_belongs_to_the_next_minute() {
    let day = build(
        &[
            trade(minute(1) - 1, 10.0, 1.0, Side::Buy),
            trade(minute(1), 20.0, 2.0, Side::Sell),
        ],
        &NO_HISTORY,
        minute(2),
    );
    assert_eq!(day.rows[0].close, Some(10.0));
    assert_eq!(day.rows[1].open, Some(20.0));
    assert_eq!(day.rows[1].buy_volume, Some(0.0));
}

#[test]
fn prices_are_null_only_before_the_first_price_of_history() {
    let first = [trade(minute(2), 10.0, 1.0, Side::Buy)];
    let rows = build(&first, &NO_HISTORY, minute(4)).rows;
    let closes: Vec<_> = rows.iter().map(|r| r.close).collect();
    assert_eq!(closes, [None, None, Some(10.0), Some(10.0)]);
    assert_eq!(rows[3].volume, 0.0);
    assert!(rows[3].is_filled && rows[3].vwap.is_none());
    assert_eq!(build(&first, &HISTORY, minute(1)).rows[0].open, Some(50.0));
    let nothing = build(&[], &HISTORY, DAY.end().0);
    assert_eq!(
        (nothing.rows.len(), nothing.closing_price),
        (1_440, Some(50.0))
    );
}

#[test]
fn an_unfinished_minute_has_no_row_but_moves_the_closing_price() {
    let day = build(
        &[trade(minute(1) + 5, 11.0, 1.0, Side::Buy)],
        &HISTORY,
        minute(1) + 10,
    );
    assert_eq!(
        (day.rows.len(), day.n_events, day.closing_price),
        (1, 1, Some(11.0))
    );
    let cut_before_seen = build(
        &[trade(minute(9), 11.0, 1.0, Side::Buy)],
        &HISTORY,
        minute(3),
    );
    assert_eq!(cut_before_seen.rows.len(), 3);
}

#[test]
fn a_refused_trade_changes_nothing() {
    let mut builder = MinuteBuilder::new(DAY, BarSource::AggTrades, &NO_HISTORY);
    builder.on_trade_fields(minute(3), 10.0, 1.0, 1, 1).unwrap();
    let before = builder.clone().finish(DAY.end());
    let last = UnixMicros(minute(3));
    let refused = [
        (minute(3) - 1, 10.0, 1.0, 1, "OutOfOrder"),
        (DAY.start().0 - 1, 10.0, 1.0, 1, "OtherDay"),
        (DAY.start().0 + MICROS_PER_DAY, 10.0, 1.0, 1, "OtherDay"),
        (minute(4), f64::NAN, 1.0, 1, "BadValue"),
        (minute(4), f64::INFINITY, 1.0, 1, "BadValue"),
        (minute(4), 0.0, 1.0, 1, "BadValue"),
        (minute(4), 10.0, -1.0, 1, "BadValue"),
        (minute(4), 10.0, f64::NAN, 1, "BadValue"),
        (minute(4), 10.0, 1.0, 0, "BadValue"),
    ];
    for (ts, price, qty, sign, kind) in refused {
        let error = builder
            .on_trade_fields(ts, price, qty, sign, 1)
            .unwrap_err();
        assert!(format!("{error:?}").starts_with(kind), "{error:?}");
    }
    let error = builder
        .on_trade_fields(minute(3) - 1, 10.0, 1.0, 1, 1)
        .unwrap_err();
    assert_eq!(
        error,
        BarsError::OutOfOrder {
            last,
            found: UnixMicros(minute(3) - 1)
        }
    );
    let kline = kline_of(&row_at(4, 10.0));
    assert!(matches!(
        builder.on_bar(&kline),
        Err(BarsError::WrongSource { .. })
    ));
    assert_eq!(builder.finish(DAY.end()), before);
}

#[test]
fn a_kline_must_be_a_whole_consistent_minute_of_the_day() {
    let good = kline_of(&row_at(4, 10.0));
    let mut builder = MinuteBuilder::new(DAY, BarSource::Klines, &NO_HISTORY);
    let later = good.ts_close.plus(1);
    let early = UnixMicros(DAY.start().0 - MICROS_PER_MINUTE);
    let refused = [
        (
            Bar {
                ts_close: later,
                ..good
            },
            "NotAMinute",
        ),
        (
            Bar {
                ts_open: good.ts_open.plus(1),
                ts_close: later,
                ..good
            },
            "NotAMinute",
        ),
        (
            Bar {
                ts_open: early,
                ts_close: DAY.start(),
                ..good
            },
            "OtherDay",
        ),
        (
            Bar {
                high: f64::NAN,
                ..good
            },
            "BadValue",
        ),
        (Bar { low: -1.0, ..good }, "BadValue"),
        (
            Bar {
                volume: f64::INFINITY,
                ..good
            },
            "BadValue",
        ),
        (
            Bar {
                taker_buy_volume: Some(f64::NAN),
                ..good
            },
            "BadValue",
        ),
        (Bar { open: 11.0, ..good }, "InconsistentBar"),
    ];
    for (bar, kind) in refused {
        let error = builder.on_bar(&bar).unwrap_err();
        assert!(format!("{error:?}").starts_with(kind), "{error:?}");
    }
    builder.on_bar(&good).unwrap();
    assert!(matches!(
        builder.on_bar(&good),
        Err(BarsError::OutOfOrder { .. })
    ));
    let error = builder
        .on_trade_fields(minute(5), 1.0, 1.0, 1, 1)
        .unwrap_err();
    assert!(matches!(error, BarsError::WrongSource { .. }));
}

#[test]
fn a_kline_is_filled_only_if_flat_and_without_volume() {
    let flat = Bar {
        volume: 0.0,
        quote_volume: None,
        n_trades: Some(0),
        taker_buy_volume: None,
        ..kline_of(&row_at(0, 10.0))
    };
    let moved = Bar {
        ts_open: flat.ts_close,
        ts_close: flat.ts_close.plus(MICROS_PER_MINUTE),
        high: 11.0,
        ..flat
    };
    let mut builder = MinuteBuilder::new(DAY, BarSource::Klines, &NO_HISTORY);
    builder.on_bar(&flat).unwrap();
    builder.on_bar(&moved).unwrap();
    let rows = builder.finish(DAY.end()).rows;
    assert!(rows[0].is_filled && rows[0].buy_volume == Some(0.0));
    assert!(!rows[1].is_filled && rows[1].buy_volume.is_none() && rows[1].vwap.is_none());
}

#[test]
fn klines_without_parts_keep_them_unknown() {
    let bar = Bar {
        quote_volume: None,
        taker_buy_volume: None,
        ..kline_of(&row_at(0, 10.0))
    };
    let mut builder = MinuteBuilder::new(DAY, BarSource::Klines, &NO_HISTORY);
    builder.on_bar(&bar).unwrap();
    let rows = builder.finish(DAY.end()).rows;
    assert_eq!(
        (rows[0].quote_volume, rows[0].vwap, rows[0].buy_volume),
        (None, None, None)
    );
    let mut resampler = Resampler::new(5).unwrap();
    let bar = rows.iter().find_map(|r| resampler.push(r)).unwrap();
    assert_eq!(
        (bar.quote_volume, bar.buy_volume, bar.n_valid),
        (None, None, 1)
    );
    assert_eq!(bar.volume, 1.0);
}

#[test]
fn an_interval_with_an_absent_row_gives_no_bar() {
    let rows = build(&[], &HISTORY, minute(20)).rows;
    let mut resampler = Resampler::new(5).unwrap();
    let bars: Vec<i64> = rows
        .iter()
        // Absent: one inside the first bar, the last of the second, all of the third.
        .filter(|r| !(r.ts_open.0 == minute(2) || r.ts_open.0 == minute(9)))
        .filter(|r| !(minute(10)..minute(15)).contains(&r.ts_open.0))
        .filter_map(|r| resampler.push(r))
        .map(|b| b.ts_open.0)
        .collect();
    assert_eq!(bars, [minute(15)]);
    assert_eq!((resampler.n_incomplete(), resampler.n_ignored()), (2, 0));
    assert!(resampler.push(&rows[19]).is_none());
    assert_eq!(resampler.n_ignored(), 1);
}

#[test]
fn a_resampler_takes_divisors_of_a_day_only() {
    for bad in [0, 7, 1_441, 2_880] {
        assert_eq!(
            Resampler::new(bad).unwrap_err(),
            BarsError::BadInterval { minutes: bad }
        );
    }
    let mut identity = Resampler::new(1).unwrap();
    let row = row_at(0, 10.0);
    assert_eq!(identity.push(&row).unwrap().vwap, row.vwap);
    assert!(Resampler::new(1_440).is_ok());
}

#[test]
fn ten_quiet_minutes_are_no_gap_and_eleven_are() {
    let real = row_at(0, 10.0);
    let mut segmenter = Segmenter::new(10);
    assert!(segmenter.push(Some(&real)).started);
    for _ in 0..10 {
        assert!(!segmenter.push(None).in_gap);
    }
    assert_eq!(
        segmenter.push(Some(&real)),
        SegmentState {
            id: 1,
            in_gap: false,
            started: false
        }
    );
    for _ in 0..10 {
        assert!(!segmenter.push(None).in_gap);
    }
    assert!(segmenter.push(None).in_gap);
    assert_eq!(
        segmenter.push(Some(&real)),
        SegmentState {
            id: 2,
            in_gap: false,
            started: true
        }
    );
}

/// Writes down everything the driver says.
#[derive(Default)]
struct Log(std::rc::Rc<std::cell::RefCell<Vec<String>>>);

impl Log {
    fn say(&self, text: String) {
        self.0.borrow_mut().push(text);
    }
}

impl StatSet for Log {
    const IS_ACTIVE: bool = true;
    fn columns() -> &'static [&'static str] {
        &["n", "close"]
    }
    fn on_trade(&mut self, trade: &Trade) {
        self.say(format!("trade {}", trade.price));
    }
    fn on_touch(&mut self, _ts: UnixMicros, before: Option<&Touch>, after: &Touch) {
        self.say(format!(
            "touch {:?} {}",
            before.map(Touch::mid),
            after.mid()
        ));
    }
    fn hold_touch(&mut self, us: i64, touch: &Touch) {
        self.say(format!("hold touch {us} {}", touch.mid()));
    }
    fn on_book(&mut self, _ts: UnixMicros, before: Option<&TopBook>, after: &TopBook) {
        let n = |b: &TopBook| (b.bids().len(), b.asks().len());
        self.say(format!("book {:?} {:?}", before.map(n), n(after)));
    }
    fn hold_book(&mut self, us: i64, book: &TopBook) {
        self.say(format!("hold book {us} {}", book.bids().len()));
    }
    fn on_grid(&mut self, ts: UnixMicros, price: Option<f64>) {
        if let Some(price) = price {
            self.say(format!("grid {} {price}", (ts.0 - minute(0)) / 1_000_000));
        }
    }
    fn on_liquidation(&mut self, order: &Liquidation) {
        self.say(format!("liquidation {}", order.qty));
    }
    fn on_gap(&mut self, _scope: GapScope) {
        self.say("gap".to_owned());
    }
    fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
        out.write(Some(minute.touch.n_events as f64));
        out.write(minute.touch.at_close.map(|t| t.mid()));
    }
}

fn quote(ts_us: i64, bid_px: f64, ask_px: f64) -> Quote {
    Quote {
        ts_event: UnixMicros(ts_us),
        ts_recv: None,
        bid_px,
        bid_qty: 1.0,
        ask_px,
        ask_qty: 1.0,
        update_id: 0,
        ts_inferred: false,
    }
}

fn inputs(quotes: QuoteSource) -> MarketInputs {
    MarketInputs {
        quotes,
        has_book: true,
        stale_after: Micros(7_000_000),
        ..MarketInputs::default()
    }
}

#[test]
fn touches_are_valid_fresh_and_cut_at_minutes_and_gaps() {
    let log = Log::default();
    let said = std::rc::Rc::clone(&log.0);
    let inputs = inputs(QuoteSource::BookTicker);
    let mut b = MinuteBuilder::with_stats(DAY, BarSource::Trades, inputs, &NO_HISTORY, log);
    let s = |seconds: i64| minute(0) + seconds * MICROS_PER_SECOND;
    b.on_quote(&quote(s(1), 10.0, 12.0)).unwrap();
    b.on_quote(&quote(s(2), 10.0, 12.0)).unwrap();
    b.on_quote(&quote(s(3), 12.0, 14.0)).unwrap();
    b.on_quote(&quote(s(4), 14.0, 14.0)).unwrap(); // locked: nothing is in force
    b.on_quote(&quote(s(6), 10.0, 12.0)).unwrap();
    b.on_quote(&quote(s(20), 10.0, 14.0)).unwrap(); // the one before went stale after 7 s
    b.on_trade(&trade(s(25), 9.0, 1.0, Side::Buy)).unwrap(); // a grid instant: the price before it counts
    let gap = Event::Gap(crate::market::Gap {
        from: UnixMicros(s(26)),
        to: UnixMicros(s(26)),
        lost: crate::market::Lost::Everything,
    });
    b.on_event(&gap).unwrap();
    b.on_quote(&quote(s(58), 20.0, 22.0)).unwrap();
    let day = b.finish(UnixMicros(minute(2)));
    assert_eq!(
        *said.borrow(),
        [
            "touch None 11",
            "hold touch 2000000 11",
            "touch Some(11.0) 13",
            "hold touch 1000000 13",
            "touch None 11",
            "grid 10 11",
            "hold touch 7000000 11",
            "touch None 12",
            "grid 25 12",
            "trade 9",
            "hold touch 6000000 12",
            "gap",
            "touch None 21",
            "grid 60 21",
            "hold touch 2000000 21",
            "grid 65 21",
            "hold touch 5000000 21",
        ]
    );
    let values: Vec<_> = day
        .stat_values
        .iter()
        .map(|v| (!v.is_nan()).then_some(*v))
        .collect();
    assert_eq!(values, [Some(7.0), Some(21.0), Some(0.0), None]);
}

#[test]
fn books_are_seen_after_whole_messages_and_reset_by_snapshots() {
    let log = Log::default();
    let said = std::rc::Rc::clone(&log.0);
    let inputs = inputs(QuoteSource::Book);
    let opening = Opening {
        book: Some(BookSnapshot {
            ts_event: UnixMicros(minute(0) - 1_000_000),
            ts_recv: None,
            seq: 0,
            bids: vec![BookLevel { px: 10.0, qty: 1.0 }],
            asks: vec![BookLevel { px: 12.0, qty: 1.0 }],
        }),
        ..Opening::default()
    };
    let mut b = MinuteBuilder::with_stats(DAY, BarSource::Trades, inputs, &opening, log);
    let mut level = |s: i64, is_snapshot, side, px, qty, end| {
        let ts = minute(0) + s * 1_000_000;
        b.on_level_fields(ts, is_snapshot, side, px, qty, end)
            .unwrap();
    };
    // Crossed in between, not at the end of the message.
    level(1, false, Side::Buy, 13.0, 1.0, false);
    level(1, false, Side::Sell, 12.0, 0.0, false);
    level(1, false, Side::Sell, 15.0, 1.0, true);
    level(2, true, Side::Buy, 10.0, 1.0, false);
    level(2, true, Side::Sell, 12.0, 1.0, true);
    drop(b.finish(UnixMicros(minute(1))));
    assert_eq!(
        *said.borrow(),
        [
            "book None (1, 1)",
            "touch None 11",
            "grid 0 11",
            "hold book 1000000 1",
            "book Some((1, 1)) (2, 1)",
            "hold touch 1000000 11",
            "touch Some(11.0) 14",
            "hold book 1000000 2",
            "book None (1, 1)",
            "hold touch 1000000 14",
            "touch None 11",
            "grid 5 11",
            "hold touch 7000000 11",
            "hold book 7000000 1",
        ]
    );
}

#[test]
fn touch_events_of_a_book_are_changes_of_its_first_level() {
    let inputs = inputs(QuoteSource::Book);
    let log = Log::default();
    let mut b = MinuteBuilder::with_stats(DAY, BarSource::Trades, inputs, &NO_HISTORY, log);
    let mut message = |s: i64, is_snapshot, levels: &[(Side, f64, f64)]| {
        let ts = minute(0) + s * MICROS_PER_SECOND;
        for (i, (side, px, qty)) in levels.iter().enumerate() {
            let is_last = i + 1 == levels.len();
            b.on_level_fields(ts, is_snapshot, *side, *px, *qty, is_last)
                .unwrap();
        }
    };
    let (bid, ask) = ((Side::Buy, 10.0, 1.0), (Side::Sell, 12.0, 1.0));
    message(50, true, &[bid, ask]); // the first
    message(55, false, &[(Side::Buy, 9.0, 1.0)]); // deeper: renews only
    message(56, false, &[(Side::Sell, 12.0, 2.0)]);
    message(57, true, &[bid, (Side::Sell, 12.0, 2.0)]); // a reset to the same
    message(58, false, &[(Side::Sell, 12.0, 0.0)]); // one-sided
    message(59, false, &[ask]);
    message(64, false, &[(Side::Sell, 13.0, 1.0)]);
    let day = b.finish(UnixMicros(minute(2)));
    // Fresh at 60 s only; the last message came 56 s before the second close.
    assert_eq!(day.stat_values[..3], [4.0, 11.0, 0.0]);
    assert!(day.stat_values[3].is_nan());
}
