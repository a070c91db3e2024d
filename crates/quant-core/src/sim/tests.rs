//! Tests of the paper venue by hand-computed examples; helpers shared with the property tests.
use super::*;
use crate::market::{Bar, Event, Funding, Instrument, MarkPrice, Quote, Side, Trade};
use crate::risk::{Barrier, BracketOrder, TiePolicy};
use crate::time::{MICROS_PER_MINUTE, UnixMicros};
use crate::units::Micros;

pub(super) const MIN: i64 = MICROS_PER_MINUTE;

pub(super) fn instrument(symbol: &str, tick: &str, lot: &str) -> Instrument {
    Instrument {
        key: crate::market::InstrumentKey {
            exchange: "sim-binance".parse().unwrap(),
            market: crate::market::Market::Um,
            symbol: symbol.parse().unwrap(),
        },
        valid_from: UnixMicros(0),
        valid_to: None,
        tick_size: tick.parse().unwrap(),
        lot_size: lot.parse().unwrap(),
        min_notional: 5.0,
        contract_value: 1.0,
        inverse: false,
        funding_interval_h: Some(8),
        maker_bps: 2.0,
        taker_bps: 5.0,
        onboard: None,
        delist: None,
        source: "test".to_owned(),
    }
}

pub(super) fn free(latency_us: i64) -> VenueParams {
    VenueParams {
        start_cash: 10_000.0,
        entry_latency: Micros(latency_us),
        response_latency: Micros(0),
        slippage_bps: 0.0,
        maker_bps: 0.0,
        taker_bps: 0.0,
    }
}

fn costly(latency_us: i64) -> VenueParams {
    VenueParams {
        slippage_bps: 10.0,
        maker_bps: 2.0,
        taker_bps: 5.0,
        ..free(latency_us)
    }
}

pub(super) fn venue(params: VenueParams) -> PaperVenue {
    let instruments = [
        instrument("AAA", "0.1", "0.01"),
        instrument("BBB", "0.5", "1"),
    ];
    PaperVenue::new(&instruments, params.models(), params.start_cash).unwrap()
}

pub(super) fn bar(minute: i64, (open, high, low, close): (f64, f64, f64, f64)) -> Event {
    bar_with_volume(minute, (open, high, low, close), 1.0)
}

pub(super) fn bar_with_volume(
    minute: i64,
    (open, high, low, close): (f64, f64, f64, f64),
    volume: f64,
) -> Event {
    Event::Bar(Bar {
        ts_open: UnixMicros(minute * MIN),
        ts_close: UnixMicros((minute + 1) * MIN),
        open,
        high,
        low,
        close,
        volume,
        quote_volume: None,
        n_trades: None,
        taker_buy_volume: None,
    })
}

pub(super) fn trade(ts: i64, price: f64) -> Event {
    Event::Trade(Trade {
        ts_event: UnixMicros(ts),
        ts_recv: None,
        price,
        qty: 1.0,
        aggressor: Side::Buy,
        trade_id: 1,
        n_trades: 1,
    })
}

pub(super) fn quote(ts: i64, bid_px: f64, ask_px: f64) -> Event {
    Event::Quote(Quote {
        ts_event: UnixMicros(ts),
        ts_recv: None,
        bid_px,
        bid_qty: 1.0,
        ask_px,
        ask_qty: 1.0,
        update_id: 1,
        ts_inferred: false,
    })
}

pub(super) fn funding(ts: i64, rate: f64) -> Event {
    Event::Funding(Funding {
        ts_event: UnixMicros(ts),
        rate,
        interval_h: 8,
    })
}

/// An order for 1.00 base unit of instrument 0 with target 2, stop 1, horizon 10 minutes.
fn order(side: Side, ts_decision: i64) -> BracketOrder {
    BracketOrder {
        id: "a".to_owned(),
        instrument_idx: 0,
        side,
        qty_lots: 100,
        ts_decision: UnixMicros(ts_decision),
        barrier: Barrier {
            width: 1.0,
            tp_mult: 2.0,
            sl_mult: 1.0,
            horizon: Micros(10 * MIN),
            tie: TiePolicy::SlFirst,
        },
    }
}

pub(super) fn near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-9,
        "found {found}, expected {expected}"
    );
}

/// Runs all events on instrument 0 and to the end, and returns every report.
fn run(venue: &mut PaperVenue, order: BracketOrder, events: &[Event]) -> Vec<VenueReport> {
    venue.submit(order).unwrap();
    let mut out = Vec::new();
    for event in events {
        out.extend_from_slice(venue.on_event(event, 0));
    }
    out.extend_from_slice(venue.finish());
    out
}

fn closed(reports: &[VenueReport]) -> &ClosedTrade {
    reports
        .iter()
        .find_map(|x| {
            if let VenueReport::Closed(x) = x {
                Some(x.as_ref())
            } else {
                None
            }
        })
        .unwrap()
}

const FLAT: (f64, f64, f64, f64) = (100.0, 100.5, 99.5, 100.0);

#[test]
fn a_long_reaches_its_target_and_pays_what_it_should() {
    // Latency puts the arrival after the open of minute 0, so minute 1 fills. Entry 100.1 = 100.0 + 10 bps.
    let mut venue = venue(costly(1));
    let events = [
        bar(0, FLAT),
        bar(1, FLAT),
        bar(2, (100.2, 102.2, 100.0, 102.0)),
    ];
    let reports = run(&mut venue, order(Side::Buy, 0), &events);
    let x = closed(&reports);
    assert_eq!(x.exit_reason, ExitReason::Tp);
    assert_eq!(x.ts_entry, UnixMicros(MIN));
    assert_eq!(x.ts_known, UnixMicros(3 * MIN));
    assert_eq!(
        (x.level_entry, x.level_exit),
        (LevelUsed::BarOpen, LevelUsed::Barrier)
    );
    near(x.px_entry_ref, 100.0);
    near(x.px_entry, 100.1);
    near(x.px_tp, 102.1);
    near(x.px_sl, 99.1);
    near(x.px_exit, 102.1);
    near(x.gross, 2.1);
    near(x.slippage_cost, 0.1);
    // Taker 5 bps of 100.1, maker 2 bps of 102.1.
    near(x.fees, 0.05005 + 0.02042);
    near(x.net, 2.0 - 0.05005 - 0.02042);
    near(x.mae, 0.6);
    near(x.mfe, 2.0);
    near(venue.mark(UnixMicros(3 * MIN)).equity, 10_000.0 + x.net);
}

#[test]
fn a_touched_target_is_no_fill_but_a_touched_stop_is() {
    let target_touched = [bar(0, FLAT), bar(1, (100.0, 102.0, 99.5, 100.0))];
    let mut first = venue(free(0));
    assert_eq!(
        closed(&run(&mut first, order(Side::Buy, 0), &target_touched)).exit_reason,
        ExitReason::Censored
    );
    let stop_touched = [bar(0, FLAT), bar(1, (100.0, 101.0, 99.0, 100.0))];
    let mut second = venue(free(0));
    let reports = run(&mut second, order(Side::Buy, 0), &stop_touched);
    assert_eq!(closed(&reports).exit_reason, ExitReason::Sl);
    near(closed(&reports).px_exit, 99.0);
}

#[test]
fn a_gap_through_the_stop_exits_at_the_worse_open_and_pays_slippage() {
    let mut venue = venue(VenueParams {
        slippage_bps: 10.0,
        ..free(0)
    });
    let events = [bar(0, FLAT), bar(1, (102.5, 103.0, 102.0, 102.0))];
    let reports = run(&mut venue, order(Side::Sell, 0), &events);
    let x = closed(&reports);
    // Entry 99.9; stop 100.9; open 102.5 is beyond it; bought back at 102.5 * 1.001 = 102.6025, up to 102.7.
    assert_eq!(
        (x.exit_reason, x.level_exit),
        (ExitReason::Sl, LevelUsed::BarOpen)
    );
    assert_eq!(x.ts_exit, UnixMicros(MIN));
    assert_eq!(x.ts_known, UnixMicros(2 * MIN));
    near(x.px_exit_ref, 102.5);
    near(x.px_exit, 102.7);
    near(x.slippage_cost, 0.1 + 0.2);
}

#[test]
fn the_open_of_the_exit_bar_counts_for_the_best_gain() {
    let mut venue = venue(free(0));
    // Bought at 100; the next bar opens at 101.5, short of the target at 102, and falls through the stop at 99.
    let events = [
        bar(0, (100.0, 100.5, 99.5, 100.0)),
        bar(1, (101.5, 101.5, 98.5, 98.5)),
    ];
    let reports = run(&mut venue, order(Side::Buy, 0), &events);
    let x = closed(&reports);
    assert_eq!(x.exit_reason, ExitReason::Sl);
    near(x.mfe, 1.5);
    near(x.mae, 1.0);
}

#[test]
fn an_order_on_its_way_counts_as_exposure() {
    let mut venue = venue(free(5 * MIN));
    venue.on_event(&bar(0, FLAT), 0);
    near(venue.gross_exposure(), 0.0);
    venue.submit(order(Side::Buy, MIN)).unwrap();
    // One base unit at the last price, before any fill.
    near(venue.gross_exposure(), 100.0);
}

#[test]
fn a_gap_through_the_target_fills_at_the_limit_only() {
    let mut venue = venue(free(0));
    let events = [bar(0, FLAT), bar(1, (105.0, 106.0, 90.0, 100.0))];
    let reports = run(&mut venue, order(Side::Buy, 0), &events);
    assert_eq!(closed(&reports).exit_reason, ExitReason::Tp);
    assert!(!closed(&reports).ambiguous);
    near(closed(&reports).px_exit, 102.0);
}

#[test]
fn a_bar_across_both_barriers_is_ambiguous_and_the_policy_decides() {
    let events = [bar(0, FLAT), bar(1, (100.0, 103.0, 98.0, 100.0))];
    for (tie, reason) in [
        (TiePolicy::SlFirst, ExitReason::Sl),
        (TiePolicy::TpFirst, ExitReason::Tp),
    ] {
        for side in [Side::Buy, Side::Sell] {
            let mut order = order(side, 0);
            order.barrier.tie = tie;
            let events = if side == Side::Buy {
                events.clone()
            } else {
                [bar(0, FLAT), bar(1, (100.0, 102.0, 97.0, 100.0))]
            };
            let mut venue = venue(free(0));
            let reports = run(&mut venue, order, &events);
            assert_eq!(closed(&reports).exit_reason, reason);
            assert!(closed(&reports).ambiguous);
        }
    }
}

#[test]
fn the_entry_bar_can_end_the_trade() {
    let mut venue = venue(free(0));
    let reports = run(
        &mut venue,
        order(Side::Buy, 0),
        &[bar(0, (100.0, 100.0, 98.0, 99.0))],
    );
    assert_eq!(closed(&reports).exit_reason, ExitReason::Sl);
    assert_eq!(reports.len(), 3);
}

#[test]
fn the_horizon_ends_a_trade_at_the_next_open_after_its_last_eligible_close() {
    // Decision at 0:30, horizon 3 minutes: T1 = 3:30, so the last eligible close is 3:00. With latency 1 us minute 3
    // opened too early, so minute 4 fills. Minute 3 would have hit the stop, but the bracket no longer stands.
    let mut order = order(Side::Buy, MIN / 2);
    order.barrier.horizon = Micros(3 * MIN);
    let mut events = vec![bar(0, FLAT), bar(1, FLAT), bar(2, FLAT)];
    events.extend([
        bar(3, (100.0, 100.0, 90.0, 95.0)),
        bar(4, (96.0, 97.0, 95.0, 96.0)),
    ]);
    let mut late = venue(free(1));
    let reports = run(&mut late, order.clone(), &events);
    let x = closed(&reports);
    assert_eq!(
        (x.exit_reason, x.level_exit),
        (ExitReason::Time, LevelUsed::BarOpen)
    );
    assert_eq!(
        (x.ts_exit, x.ts_known),
        (UnixMicros(4 * MIN), UnixMicros(5 * MIN))
    );
    assert_eq!(x.ts_horizon, UnixMicros(7 * MIN / 2));
    near(x.px_exit, 96.0);
    near(x.mae, 10.0);

    let mut prompt = venue(free(0));
    let reports = run(&mut prompt, order, &events);
    assert_eq!(closed(&reports).ts_exit, UnixMicros(3 * MIN));
    near(closed(&reports).px_exit, 100.0);
}

#[test]
fn an_empty_minute_has_no_executable_price() {
    let mut venue = venue(free(0));
    let empty = bar_with_volume(0, (100.0, 100.0, 100.0, 100.0), 0.0);
    let reports = run(&mut venue, order(Side::Buy, 0), &[empty, bar(1, FLAT)]);
    assert_eq!(closed(&reports).ts_entry, UnixMicros(MIN));
}

#[test]
fn an_order_that_finds_no_price_before_its_horizon_is_given_up() {
    let mut venue = venue(free(0));
    let reports = run(&mut venue, order(Side::Buy, 0), &[bar(30, FLAT)]);
    assert!(matches!(&reports[..], [VenueReport::Unfilled(x)] if !x.data_ended));
    assert_eq!(venue.active(0).count(), 0);
}

#[test]
fn an_order_under_way_into_a_gap_is_withdrawn_and_an_open_trade_stays() {
    let mut venue = venue(free(1));
    venue.submit(order(Side::Buy, 0)).unwrap();
    venue.on_event(&bar(1, (100.0, 100.1, 99.9, 100.0)), 0);
    assert_eq!(venue.active(0).count(), 1);
    let late = BracketOrder {
        id: "late".to_owned(),
        ..order(Side::Buy, 2 * MIN)
    };
    venue.submit(late).unwrap();
    let reports = venue.withdraw_pending(0, UnixMicros(3 * MIN)).to_vec();
    assert!(
        matches!(&reports[..], [VenueReport::Unfilled(x)] if x.id == "late" && !x.data_ended && x.ts == UnixMicros(3 * MIN))
    );
    // The open trade is marked at the last price, and nothing is left to withdraw.
    let marked = venue.mark(UnixMicros(4 * MIN));
    assert_eq!((venue.active(0).count(), marked.n_open), (1, 1));
    near(marked.equity, 10_000.0);
    assert!(venue.withdraw_pending(0, UnixMicros(4 * MIN)).is_empty());
    assert!(venue.withdraw_pending(7, UnixMicros(4 * MIN)).is_empty());
}

#[test]
fn open_trades_are_censored_where_the_data_ends() {
    let mut venue = venue(costly(0));
    let reports = run(
        &mut venue,
        order(Side::Buy, 0),
        &[bar(0, (100.0, 100.5, 99.5, 100.4))],
    );
    let x = closed(&reports);
    assert_eq!(
        (x.exit_reason, x.level_exit),
        (ExitReason::Censored, LevelUsed::LastPrice)
    );
    near(x.px_exit_ref, 100.4);
    // 100.4 less 10 bps is 100.2996, down to 100.2.
    near(x.px_exit, 100.2);
    assert_eq!(venue.account().position_lots(0), 0);
}

#[test]
fn trades_and_quotes_fill_at_the_first_one_at_or_after_arrival() {
    let mut by_trade = venue(free(100));
    let events = [
        trade(99, 101.0),
        trade(100, 100.0),
        trade(150, 101.9),
        trade(151, 102.0),
        trade(152, 102.1),
    ];
    let reports = run(&mut by_trade, order(Side::Buy, 0), &events);
    let x = closed(&reports);
    assert_eq!((x.ts_entry, x.ts_exit), (UnixMicros(100), UnixMicros(152)));
    near(x.px_exit, 102.0);
    assert_eq!(x.level_entry, LevelUsed::Trade);

    let mut by_quote = venue(free(100));
    let events = [
        quote(99, 100.0, 100.1),
        quote(101, 100.0, 100.1),
        quote(200, 98.7, 99.5),
    ];
    let reports = run(&mut by_quote, order(Side::Buy, 0), &events);
    let x = closed(&reports);
    near(x.px_entry, 100.1);
    // The stop is 99.1; a long sells at the bid, which jumped over it.
    near(x.px_exit, 98.7);
    assert_eq!(
        (x.level_entry, x.level_exit),
        (LevelUsed::Quote, LevelUsed::Quote)
    );
}

#[test]
fn quotes_nobody_could_trade_at_fill_and_end_nothing() {
    let empty = |ts, side: Side, px| {
        let Event::Quote(mut x) = quote(ts, px, px) else {
            unreachable!()
        };
        let (gone, qty) = match side {
            Side::Buy => (&mut x.bid_px, &mut x.bid_qty),
            Side::Sell => (&mut x.ask_px, &mut x.ask_qty),
        };
        (*gone, *qty) = (0.0, 0.0);
        Event::Quote(x)
    };
    let events = [
        empty(101, Side::Sell, 100.0),
        quote(102, 90.0, 80.0),
        quote(103, 100.0, 100.1),
        // Without a bid, and crossed: neither is a price at which a long leaves, be it below its stop or above its target.
        empty(150, Side::Buy, 100.0),
        quote(151, 90.0, 80.0),
        quote(152, 110.0, 105.0),
        // The bid alone is one.
        empty(200, Side::Sell, 98.7),
    ];
    let mut venue = venue(free(100));
    let reports = run(&mut venue, order(Side::Buy, 0), &events);
    let x = closed(&reports);
    assert_eq!((x.ts_entry, x.ts_exit), (UnixMicros(103), UnixMicros(200)));
    near(x.px_entry, 100.1);
    near(x.px_exit, 98.7);
    // None of the others was a price to mark by: 50 of an empty side, 85 of a crossed quote.
    near(x.mae, 100.1 - 98.7);
}

#[test]
fn a_bar_that_opened_before_the_entry_does_not_judge_the_trade() {
    let mut venue = venue(free(0));
    // The minute's low of 90 came before the entry at 100.
    let events = [
        trade(MIN / 2, 100.0),
        bar(0, (90.0, 100.0, 90.0, 100.0)),
        bar(1, FLAT),
    ];
    let reports = run(&mut venue, order(Side::Buy, MIN / 2), &events);
    assert_eq!(closed(&reports).exit_reason, ExitReason::Censored);
}

#[test]
fn funding_is_charged_to_positions_held_into_the_settlement() {
    let settle = |events: &[Event]| {
        let mut venue = venue(free(0));
        let reports = run(&mut venue, order(Side::Buy, 0), events);
        closed(&reports).funding
    };
    // Settled at 1:00 with the close of minute 0, which is delivered after the settlement.
    let held = [
        funding(MIN, 0.001),
        bar(0, (100.0, 101.0, 99.5, 100.5)),
        bar(1, FLAT),
    ];
    near(settle(&held), 0.1005);
    let mark = Event::MarkPrice(MarkPrice {
        ts_event: UnixMicros(MIN),
        mark: Some(200.0),
        index: None,
        premium: None,
        predicted_funding: None,
    });
    let marked = [mark, funding(MIN, 0.001), bar(0, FLAT), bar(1, FLAT)];
    near(settle(&marked), 0.2);
    let entered_at_settlement = [funding(0, 0.001), bar(0, FLAT), bar(1, FLAT)];
    near(settle(&entered_at_settlement), 0.0);
    // Trades come before the settlement of their own instant.
    let traded_at_settlement = [
        trade(MIN, 100.0),
        funding(MIN, 0.001),
        trade(MIN + 1, 100.0),
    ];
    near(settle(&traded_at_settlement), 0.0);
    let traded_before = [
        trade(MIN - 1, 100.0),
        funding(MIN, 0.001),
        trade(MIN + 1, 100.0),
    ];
    near(settle(&traded_before), 0.1);
    let stopped_before = [
        funding(MIN, 0.001),
        bar(0, (100.0, 100.0, 98.0, 98.0)),
        bar(1, FLAT),
    ];
    near(settle(&stopped_before), 0.0);
}

#[test]
fn a_mark_charges_due_funding_and_the_report_is_not_lost() {
    let mut venue = venue(free(0));
    venue.submit(order(Side::Sell, 0)).unwrap();
    venue.on_event(&bar(0, FLAT), 0);
    venue.on_event(&funding(MIN, 0.001), 0);
    near(venue.mark(UnixMicros(MIN)).equity, 10_000.1);
    let reports = venue.on_event(&bar(1, FLAT), 0);
    assert!(matches!(reports, [VenueReport::FundingPaid(x)] if x.amount < 0.0));
    near(venue.account().funding(), -0.1);
}

#[test]
fn impossible_orders_are_refused_with_their_reason() {
    let mut venue = venue(free(0));
    let ok = order(Side::Buy, 0);
    let with = |change: &dyn Fn(&mut BracketOrder)| {
        let mut x = ok.clone();
        change(&mut x);
        x
    };
    let refused = [
        (with(&|x| x.instrument_idx = 9), "names instrument 9"),
        (with(&|x| x.qty_lots = 0), "0 lots"),
        (with(&|x| x.barrier.width = f64::NAN), "barrier.width"),
        (with(&|x| x.barrier.horizon = Micros(0)), "barrier.horizon"),
        (with(&|x| x.barrier.width = 0.09), "at least one tick"),
    ];
    for (order, text) in refused {
        let error = venue.submit(order).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    venue.submit(ok.clone()).unwrap();
    assert_eq!(
        venue.submit(ok),
        Err(SimError::DuplicateId { id: "a".to_owned() })
    );
    let mut inverse = instrument("CCC", "0.1", "1");
    inverse.inverse = true;
    assert!(PaperVenue::new(&[inverse], free(0).models(), 1.0).is_err());
}

/// Models that a constant cannot stand in for: slow on odd milliseconds, never fills sells, flat fees.
#[derive(Debug)]
struct Odd;

impl LatencyModel for Odd {
    fn entry(&mut self, at: UnixMicros) -> Micros {
        Micros(if at.0 % 2 == 0 { 0 } else { 5 * MIN })
    }
    fn response(&mut self, _at: UnixMicros) -> Micros {
        Micros(7)
    }
}

impl FillModel for Odd {
    fn market(&self, event: &Event, arrival: UnixMicros, side: Side) -> Option<Executable> {
        (side == Side::Buy)
            .then(|| FirstExecutable.market(event, arrival, side))
            .flatten()
    }
}

impl FeeModel for Odd {
    fn fee(&self, _instrument_idx: usize, _liquidity: Liquidity, _notional: f64) -> f64 {
        1.0
    }
}

impl SlippageModel for Odd {
    fn against_us(&self, _px: f64, qty: f64) -> f64 {
        0.2 * qty
    }
    fn name(&self) -> &'static str {
        "linear"
    }
}

#[test]
fn the_venue_asks_its_models() {
    let models = || VenueModels {
        latency: Box::new(Odd),
        fill: Box::new(Odd),
        fee: Box::new(Odd),
        slippage: Box::new(Odd),
    };
    let instruments = [instrument("AAA", "0.1", "0.01")];
    let events: Vec<Event> = (0..8).map(|i| bar(i, FLAT)).collect();
    let mut venue = PaperVenue::new(&instruments, models(), 1_000.0).unwrap();
    let reports = run(&mut venue, order(Side::Buy, 1), &events);
    let VenueReport::Entered(fill) = &reports[0] else {
        unreachable!("first report is the fill")
    };
    assert_eq!(
        (fill.ts_arrival, fill.ts_fill),
        (UnixMicros(5 * MIN + 1), UnixMicros(6 * MIN))
    );
    assert_eq!(fill.ts_report, UnixMicros(7 * MIN + 7));
    assert_eq!(fill.slippage_source, "linear");
    near(fill.px, 100.2);
    near(closed(&reports).fees, 2.0);

    let mut venue = PaperVenue::new(&instruments, models(), 1_000.0).unwrap();
    let reports = run(&mut venue, order(Side::Sell, 0), &events);
    assert!(matches!(&reports[..], [VenueReport::Unfilled(x)] if x.data_ended));
}

#[test]
fn unusable_parameters_are_refused() {
    let ok = costly(0);
    assert!(ok.check().is_ok());
    let bad = [
        VenueParams {
            start_cash: 0.0,
            ..ok
        },
        VenueParams {
            start_cash: f64::INFINITY,
            ..ok
        },
        VenueParams {
            entry_latency: Micros(-1),
            ..ok
        },
        VenueParams {
            slippage_bps: -0.1,
            ..ok
        },
        VenueParams {
            taker_bps: f64::NAN,
            ..ok
        },
        VenueParams {
            maker_bps: 2_000.0,
            ..ok
        },
    ];
    for params in bad {
        assert!(params.check().is_err(), "{params:?}");
    }
    near(ok.zero_cost().taker_bps, 0.0);
    assert_eq!(ok.zero_cost().entry_latency, ok.entry_latency);
}
