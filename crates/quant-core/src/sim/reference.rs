//! A naive second implementation of bracket trades on bars, and the property that both agree.
use super::tests::{bar_with_volume, free, instrument};
use super::*;
use crate::market::{Bar, Event, Side};
use crate::risk::{Barrier, BracketOrder, TiePolicy};
use crate::time::{MICROS_PER_MINUTE, UnixMicros};
use crate::units::Micros;
use proptest::prelude::*;

/// (entry time, entry price, exit time, exit price, reason, ambiguous), prices in whole ticks of 1.
type Outcome = (i64, i64, i64, i64, ExitReason, bool);

/// Reads the rules literally: finds the entry by scanning, then walks the bars.
#[expect(
    clippy::cast_possible_truncation,
    reason = "prices of a few hundred ticks"
)]
fn naive(bars: &[Bar], order: &BracketOrder, latency: i64, bps: f64) -> Option<Outcome> {
    let s = i64::from(order.side.sign());
    let px = |x: f64| x.round() as i64;
    // Paid on a market order: `dir` is +1 when buying.
    let slip = |x: i64, dir: i64| {
        let exact = x as f64 * (1.0 + dir as f64 * bps * 1e-4);
        if dir > 0 {
            exact.ceil() as i64
        } else {
            exact.floor() as i64
        }
    };
    let t1 = order.ts_decision.0 + order.barrier.horizon.0;
    let traded: Vec<&Bar> = bars.iter().filter(|b| b.volume > 0.0).collect();
    let first = traded
        .iter()
        .position(|b| b.ts_open.0 >= order.ts_decision.0 + latency)?;
    if traded[first].ts_close.0 > t1 {
        return None;
    }
    let p0 = slip(px(traded[first].open), s);
    let tp = p0 + s * (order.barrier.tp_mult * order.barrier.width).ceil() as i64;
    let sl = p0 - s * (order.barrier.sl_mult * order.barrier.width).floor() as i64;
    let beyond_tp = |x: i64| s * (x - tp) > 0;
    let at_sl = |x: i64| s * (x - sl) <= 0;
    let done = |ts: i64, px: i64, reason: ExitReason, tie: bool| {
        Some((traded[first].ts_open.0, p0, ts, px, reason, tie))
    };
    for b in &traded[first..] {
        let (good, bad) = if s > 0 {
            (b.high, b.low)
        } else {
            (b.low, b.high)
        };
        if b.ts_close.0 <= t1 {
            if at_sl(px(b.open)) {
                return done(b.ts_open.0, slip(px(b.open), -s), ExitReason::Sl, false);
            }
            if beyond_tp(px(b.open)) {
                return done(b.ts_open.0, tp, ExitReason::Tp, false);
            }
            let (hit_tp, hit_sl) = (beyond_tp(px(good)), at_sl(px(bad)));
            if hit_sl && (!hit_tp || order.barrier.tie == TiePolicy::SlFirst) {
                return done(b.ts_close.0, slip(sl, -s), ExitReason::Sl, hit_tp);
            }
            if hit_tp {
                return done(b.ts_close.0, tp, ExitReason::Tp, hit_sl);
            }
        } else if b.ts_open.0 >= t1 - t1 % MICROS_PER_MINUTE + latency {
            return done(b.ts_open.0, slip(px(b.open), -s), ExitReason::Time, false);
        }
    }
    let last = traded.last()?;
    done(
        bars.last()?.ts_close.0,
        slip(px(last.close), -s),
        ExitReason::Censored,
        false,
    )
}

fn venue_says(bars: &[Bar], order: &BracketOrder, latency: i64, bps: f64) -> Option<Outcome> {
    let params = VenueParams {
        slippage_bps: bps,
        ..free(latency)
    };
    let instruments = [instrument("AAA", "1", "1")];
    let mut venue = PaperVenue::new(&instruments, params.models(), 1e6).unwrap();
    venue.submit(order.clone()).unwrap();
    let mut reports = Vec::new();
    for bar in bars {
        reports.extend_from_slice(venue.on_event(&Event::Bar(*bar), 0));
    }
    reports.extend_from_slice(venue.finish());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "prices of a few hundred ticks"
    )]
    let ticks = |x: f64| x as i64;
    reports.iter().find_map(|report| {
        let VenueReport::Closed(x) = report else {
            return None;
        };
        let (entry, exit) = (ticks(x.px_entry), ticks(x.px_exit));
        Some((
            x.ts_entry.0,
            entry,
            x.ts_exit.0,
            exit,
            x.exit_reason,
            x.ambiguous,
        ))
    })
}

/// Bars on whole ticks: a gap from the close before, then open, close and wicks; some empty, some missing.
fn bars() -> impl Strategy<Value = Vec<Bar>> {
    let step = (
        -4_i32..=4,
        -6_i32..=6,
        0_i32..=6,
        0_i32..=6,
        0_u8..12,
        0_u8..15,
    );
    prop::collection::vec(step, 5..60).prop_map(|steps| {
        let mut last = 300;
        let mut out = Vec::new();
        for (minute, (gap, body, up, down, empty, missing)) in (0_i64..).zip(steps) {
            if missing == 0 {
                continue;
            }
            let (open, close) = if empty == 0 {
                (last, last)
            } else {
                (last + gap, last + gap + body)
            };
            let (high, low) = (open.max(close) + up, open.min(close) - down);
            let prices = (
                f64::from(open),
                f64::from(high),
                f64::from(low),
                f64::from(close),
            );
            let volume = if empty == 0 { 0.0 } else { 1.0 };
            let Event::Bar(bar) = bar_with_volume(minute, prices, volume) else {
                continue;
            };
            out.push(bar);
            last = close;
        }
        out
    })
}

prop_compose! {
    fn order()(
        buy in any::<bool>(), tp_first in any::<bool>(),
        ts_decision in 0_i64..30 * MICROS_PER_MINUTE,
        on_grid in any::<bool>(),
        width in 2.0_f64..12.0, tp_mult in 0.5_f64..3.0, sl_mult in 0.5_f64..3.0,
        horizon in MICROS_PER_MINUTE..25 * MICROS_PER_MINUTE,
    ) -> BracketOrder {
        let minute = |x: i64| if on_grid { x - x % MICROS_PER_MINUTE } else { x };
        BracketOrder {
            id: "x".to_owned(),
            instrument_idx: 0,
            side: if buy { Side::Buy } else { Side::Sell },
            qty_lots: 1,
            ts_decision: UnixMicros(minute(ts_decision)),
            barrier: Barrier {
                width,
                tp_mult,
                sl_mult,
                horizon: Micros(minute(horizon)),
                tie: if tp_first { TiePolicy::TpFirst } else { TiePolicy::SlFirst },
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_venue_agrees_with_the_naive_model(
        bars in bars(), order in order(), latency in 0_i64..2 * MICROS_PER_MINUTE, bps in 0.0_f64..100.0,
    ) {
        let expected = naive(&bars, &order, latency, bps);
        prop_assert_eq!(venue_says(&bars, &order, latency, bps), expected);
    }

    #[test]
    fn nothing_known_later_changes_a_closed_trade(
        bars in bars(), order in order(), cut in 1_usize..60,
    ) {
        let cut = cut.min(bars.len());
        let whole = venue_says(&bars, &order, 0, 5.0);
        let part = venue_says(&bars[..cut], &order, 0, 5.0);
        if let Some(x) = part
            && x.4 != ExitReason::Censored
        {
            prop_assert_eq!(whole, Some(x));
        }
    }
}
