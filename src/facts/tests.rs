//! Facts of hand-made minutes, whose answers are known without the code.

mod planted;

use quant_core::market::{Market, Side};
use quant_core::synth::{LevelChange, MinuteTruth, Regime, SimBook, SimMatch, SimMinute, SimQuote};
use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};

use super::activity::{Activity, peak_over_trough, poisson_z, u_shape};
use super::features::{FeatureMeter, Group};
use super::hazard::HazardMeter;
use super::ic::{FeatureTable, null_limit};
use super::ofi::OfiWindows;
use super::pairs::{basis_half_life, correlation_5m};
use super::returns::{ReturnShape, aligned_returns, log_returns};
use super::run::instrument;
use super::signs::TakerSigns;
use super::touch::{MinuteMeter, Touch, ofi_event};
use super::{Band, Fact};
use crate::synth::Look;

/// Asserts that two numbers agree to 1e-12 of their size.
#[track_caller]
fn near(found: impl Into<Option<f64>>, expected: f64) {
    let found = found.into().unwrap();
    assert!(
        (found - expected).abs() <= 1e-12 * expected.abs().max(1.0),
        "found {found}, expected {expected}"
    );
}

/// A book with one level on either side.
fn book(bid: i64, bid_lots: i64, ask: i64, ask_lots: i64) -> SimBook {
    let mut out = SimBook::default();
    out.set(Side::Buy, bid, bid_lots);
    out.set(Side::Sell, ask, ask_lots);
    out
}

/// An open minute of the calm state without an event; `index` counts from 2024-01-01.
fn empty_minute(index: i64) -> SimMinute {
    let mut out = SimMinute::new();
    out.start = UnixMicros(1_704_067_200_000_000 + index * MICROS_PER_MINUTE);
    out
}

/// A quote `ms` into the minute.
fn quote(minute: &SimMinute, ms: i64, touch: (i64, i64, i64, i64)) -> SimQuote {
    SimQuote {
        ts: minute.start.plus(ms * 1_000),
        update_id: ms,
        bid_ticks: touch.0,
        bid_lots: touch.1,
        ask_ticks: touch.2,
        ask_lots: touch.3,
    }
}

/// A match `ms` into the minute.
fn fill(minute: &SimMinute, ms: i64, order: i64, aggressor: Side, qty_lots: i64) -> SimMatch {
    SimMatch {
        ts: minute.start.plus(ms * 1_000),
        id: order,
        agg_id: order,
        update_id: order,
        price_ticks: 1_500_000,
        qty_lots,
        aggressor,
        is_liquidation: false,
    }
}

fn touch(bid: i64, bid_lots: f64, ask: i64, ask_lots: f64) -> Touch {
    Touch {
        bid,
        bid_lots,
        ask,
        ask_lots,
    }
}

#[test]
fn bands_are_closed_and_a_missing_value_is_outside() {
    let of = |value| Fact::new("f", value, 1, Band::between(1.0, 2.0), "");
    assert!(of(Some(1.0)).is_ok() && of(Some(2.0)).is_ok());
    assert!(!of(Some(0.999)).is_ok() && !of(Some(2.001)).is_ok());
    assert!(!of(None).is_ok() && !of(Some(f64::NAN)).is_ok());
    assert_eq!(of(Some(f64::INFINITY)).value, None);
    assert!(Band::above(1.0).contains(9.0) && !Band::above(1.0).contains(0.0));
    assert!(Band::below(1.0).contains(-9.0) && !Band::below(1.0).contains(1.5));
    assert_eq!(Band::below(0.8).to_string(), "<= 0.8");
}

#[test]
fn order_flow_imbalance_is_the_published_sum() {
    let before = touch(100, 10.0, 101, 20.0);
    // A size change at one price is its difference: what strict comparisons lose.
    near(ofi_event(&before, &touch(100, 15.0, 101, 20.0)), 5.0);
    near(ofi_event(&before, &touch(100, 10.0, 101, 26.0)), -6.0);
    // A better bid counts whole: 100 x 10 to 101 x 4 is +4, not -6.
    near(ofi_event(&before, &touch(101, 4.0, 102, 20.0)), 24.0);
    near(
        ofi_event(&touch(100, 10.0, 102, 20.0), &touch(101, 4.0, 102, 20.0)),
        4.0,
    );
    // A bid that is gone counts with what it held; a new lower ask counts against.
    near(
        ofi_event(&touch(100, 10.0, 103, 20.0), &touch(99, 7.0, 103, 20.0)),
        -10.0,
    );
    near(
        ofi_event(&touch(100, 10.0, 103, 20.0), &touch(100, 10.0, 102, 8.0)),
        -8.0,
    );
    near(ofi_event(&before, &before), 0.0);
}

#[test]
fn a_minute_is_measured_by_time_and_by_lots() {
    let mut minute = empty_minute(0);
    minute.quotes = vec![
        // 0 to 15 s: 100 x 10 | 101 x 20; to 45 s: 100 x 4 | 101 x 20; then 99 x 8 | 102 x 30.
        quote(&minute, 15_000, (100, 4, 101, 20)),
        quote(&minute, 45_000, (99, 8, 102, 30)),
    ];
    minute.matches = vec![
        fill(&minute, 15_000, 1, Side::Sell, 6),
        fill(&minute, 45_000, 2, Side::Sell, 4),
        fill(&minute, 45_001, 3, Side::Buy, 1),
    ];
    let change = |side, price_ticks, qty_lots| LevelChange {
        ts: minute.start.plus(45_000_000),
        update_id: 2,
        side,
        price_ticks,
        qty_lots,
        msg_end: true,
    };
    minute.changes = vec![
        change(Side::Buy, 100, 0),
        change(Side::Buy, 99, 8),
        change(Side::Sell, 101, 0),
        change(Side::Sell, 102, 30),
        change(Side::Sell, 104, 5),
    ];
    let mut meter = MinuteMeter::new(book(100, 10, 101, 20));
    let m = meter.push(&minute);
    assert_eq!(m.close, Some(touch(99, 8.0, 102, 30.0)));
    near(m.spread, (45.0 * 1.0 + 15.0 * 3.0) / 60.0);
    near(m.one_tick_share, 0.75);
    near(
        m.touch_depth,
        (15.0 * 15.0 + 30.0 * 12.0 + 15.0 * 19.0) / 60.0,
    );
    // First -6 at one price; then the bid of 4 is lost and an ask of 20 is lost.
    near(m.ofi, -6.0 - 4.0 + 20.0);
    assert_eq!((m.added, m.removed), (0.0, 6.0));
    assert_eq!(
        (m.bought, m.sold, m.n_matches, m.n_quotes),
        (1.0, 10.0, 3, 2)
    );
    assert_eq!((m.bid_depth, m.ask_depth), ([8.0; 3], [30.0, 35.0, 35.0]));
    near(m.close.unwrap().mid(), 100.5);
    // (8 * 102 + 30 * 99) / 38: leaning to the thin side's price.
    near(m.close.unwrap().wmid(), 3_786.0 / 38.0);

    // A minute without an event keeps its touch.
    let quiet = meter.push(&empty_minute(1));
    assert_eq!((quiet.close, quiet.ofi), (m.close, 0.0));
    near(quiet.spread, 3.0);
}

#[test]
fn no_difference_is_taken_across_a_halt() {
    let mut meter = MinuteMeter::new(book(100, 10, 101, 20));
    let mut halted = empty_minute(0);
    halted.truth.is_halted = true;
    let m = meter.push(&halted);
    assert_eq!((m.close, m.spread, m.ofi), (None, None, 0.0));
    let mut reopened = empty_minute(1);
    reopened.quotes = vec![
        quote(&reopened, 30_000, (200, 5, 201, 5)),
        quote(&reopened, 40_000, (200, 9, 201, 5)),
    ];
    let m = meter.push(&reopened);
    near(m.ofi, 4.0);
    near(m.spread, 1.0);
    near(m.touch_depth, (10.0 * 5.0 + 20.0 * 7.0) / 30.0);
}

#[test]
fn ten_second_windows_find_the_planted_slope() {
    // Every window has one size change of known imbalance and a mid change of a tenth of it, up to a known remainder.
    let mut windows = OfiWindows::new(&book(1_000, 500, 1_001, 500));
    let (mut bid, mut lots) = (1_000_i64, 500_i64);
    let (mut expected_x, mut expected_y) = (Vec::new(), Vec::new());
    for i in 0..60 {
        let mut minute = empty_minute(i);
        for w in 0..6_i64 {
            let step = [3, -2, 1, -3, 2, -1][usize::try_from((i + w) % 6).unwrap()];
            // One message moves both prices by `step` ticks; sizes wander so that the imbalance is not exact.
            let new_lots = 500 + 7 * ((i * 6 + w) % 11);
            let after = (bid + step, new_lots, bid + step + 1, 500);
            let e = ofi_event(
                &touch(bid, lots as f64, bid + 1, 500.0),
                &touch(after.0, new_lots as f64, after.2, 500.0),
            );
            minute
                .quotes
                .push(quote(&minute, w * 10_000 + 9_999, after));
            (bid, lots) = (after.0, new_lots);
            expected_x.push(e);
            expected_y.push(step as f64);
        }
        windows.push(&minute);
    }
    let found = windows.finish();
    let fit = quant_core::stats::ols(&expected_x, &expected_y).unwrap();
    let pooled = found.pooled.unwrap();
    assert_eq!(pooled.n, 360);
    near(pooled.slope, fit.slope);
    near(pooled.r2, fit.r2);
    let halves = [0, 180].map(|at| {
        quant_core::stats::ols(&expected_x[at..at + 180], &expected_y[at..at + 180])
            .unwrap()
            .r2
    });
    assert_eq!(found.n_blocks, 2);
    near(found.block_r2, f64::midpoint(halves[0], halves[1]));
}

#[test]
fn an_event_at_the_edge_belongs_to_the_next_window() {
    let mut windows = OfiWindows::new(&book(100, 10, 101, 10));
    let mut minute = empty_minute(0);
    minute.quotes = vec![
        quote(&minute, 9_999, (100, 15, 101, 10)),
        quote(&minute, 10_000, (101, 15, 102, 10)),
    ];
    windows.push(&minute);
    let fit = windows.finish().pooled.unwrap();
    // Windows: (5, 0), (25, 1), then four times (0, 0).
    let expected = quant_core::stats::ols(
        &[5.0, 25.0, 0.0, 0.0, 0.0, 0.0],
        &[0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
    );
    assert_eq!(fit.n, 6);
    near(fit.slope, expected.unwrap().slope);
}

#[test]
fn one_sign_per_taker_order() {
    let mut signs = TakerSigns::default();
    for i in 0..1_000 {
        let mut minute = empty_minute(i);
        // Blocks of 50 orders with one sign; each order has two matches.
        let side = if (i / 50) % 2 == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        minute.matches = vec![fill(&minute, 1, i, side, 1), fill(&minute, 1, i, side, 2)];
        signs.push(&minute);
    }
    let memory = signs.finish();
    assert_eq!(memory.n, 1_000);
    let acf = memory.acf.unwrap();
    // Of every 50 neighbours one pair differs: about 1 - 2 / 50.
    assert!((acf[0] - 0.96).abs() < 0.01, "{acf:?}");
}

#[test]
fn returns_skip_what_is_missing() {
    let e = core::f64::consts::E;
    let mids = [Some(1.0), Some(e), None, Some(e), Some(e * e), Some(e * e)];
    assert_eq!(
        aligned_returns(&mids, 1),
        [Some(1.0), None, None, Some(1.0), Some(0.0)]
    );
    assert_eq!(log_returns(&mids, 1).len(), 3);
    assert_eq!(aligned_returns(&mids, 2), [None, None]);
    let whole: Vec<Option<f64>> = (0..7).map(|i| Some(f64::from(i).exp())).collect();
    for block in aligned_returns(&whole, 3) {
        near(block, 3.0);
    }
    assert_eq!(aligned_returns(&whole, 3).len(), 2);
    assert_eq!(ReturnShape::of(&[]), ReturnShape::default());
}

#[test]
fn the_scale_of_returns() {
    // Alternating +1 % and -1 %: 1 % per minute; an hour returns to where it was.
    let mids: Vec<Option<f64>> = (0..=1_440)
        .map(|i| Some(if i % 2 == 0 { 1.0 } else { 0.01_f64.exp() }))
        .collect();
    let shape = ReturnShape::of(&mids);
    near(shape.daily_volatility, 0.01 * 1_440_f64.sqrt());
    near(shape.variance_ratio, 0.0);
    assert!(shape.acf.unwrap()[0] < -0.99);
}

#[test]
fn activity_by_hour() {
    let mut activity = Activity::default();
    let mut meter = MinuteMeter::new(book(100, 1, 101, 1));
    for i in 0..2 * 1_440_i64 {
        let mut minute = empty_minute(i);
        let hour = (i / 60) % 24;
        // 1 match a minute, 4 in hour 13, none in the first minute of hour 4 of either day.
        let n = match (hour, i % 60) {
            (13, _) => 4,
            (4, 0) => 0,
            _ => 1,
        };
        minute.matches = (0..n)
            .map(|k| fill(&minute, k, 10 * i + k, Side::Buy, 1))
            .collect();
        minute.truth.is_halted = (100..110).contains(&i) || i == 2_000;
        if minute.truth.is_halted {
            minute.matches.clear();
        }
        activity.push(&meter.push(&minute));
    }
    assert_eq!((activity.halts, activity.open_minutes), (2, 2_869));
    assert_eq!(activity.empty_minutes, 2);
    let hourly = activity.hourly().unwrap();
    // Minute 2,000 is in hour 9 of the second day: a halted minute does not thin its hour out.
    near(hourly[9], 60.0);
    near(hourly[13], 240.0);
    near(hourly[4], 59.0);
    near(peak_over_trough(&hourly), 240.0 / 59.0);
    near(poisson_z(9, 9.0), 0.0);
    assert!(poisson_z(0, 9.0) < -4.0 && poisson_z(30, 9.0) > 4.0);
}

#[test]
fn a_u_is_told_from_its_opposite_and_from_noise() {
    let hours = |f: &dyn Fn(f64) -> f64| core::array::from_fn(|h| f(h as f64));
    // Busiest at 14 UTC, quietest twelve hours away, a parabola in between: read from the peak it is a U exactly.
    let wrapped = |h: f64| (h - 14.0).rem_euclid(24.0) - 12.0;
    near(u_shape(&hours(&|h| 100.0 + wrapped(h) * wrapped(h))), 1.0);
    // One quiet hour is no U; a hump with one spike in its trough is one the wrong way up.
    assert!(u_shape(&hours(&|h| if (h - 3.0).abs() < 0.5 { 1.0 } else { 2.0 })).unwrap() < 0.3);
    let hump = u_shape(&hours(&|h| {
        if (h - 14.0).abs() < 0.5 {
            300.0
        } else {
            250.0 - wrapped(h) * wrapped(h)
        }
    }));
    assert!(hump.unwrap() < 0.0, "{hump:?}");
    assert_eq!(u_shape(&[5.0; 24]).map(|r| r.abs() < 1e-12), Some(true));
}

#[test]
fn the_half_life_of_an_exact_decay() {
    // A basis that alternates between slow pulses: x_t = phi^t from a start of 1 has rho(10) / rho(5) = phi^5.
    let phi: f64 = 0.97;
    let mut state = 0.0;
    let mut noise = 1_u64;
    let spot: Vec<Option<f64>> = (0..200_000)
        .map(|_| {
            // A linear congruential draw: any independent noise will do.
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state = phi * state + ((noise >> 33) as f64 / 2_147_483_648.0 - 0.5);
            Some((1e-4 * state).exp())
        })
        .collect();
    let perp = vec![Some(1.0); spot.len()];
    let (half_life, n) = basis_half_life(&spot, &perp);
    assert_eq!(n, 200_000);
    let expected = 2.0_f64.ln() / -phi.ln();
    assert!(
        (half_life.unwrap() / expected - 1.0).abs() < 0.1,
        "{half_life:?}"
    );
    // A basis that does not move has none.
    assert_eq!(basis_half_life(&perp, &perp).0, None);
}

#[test]
fn correlation_is_of_the_same_five_minutes() {
    let path = |f: &dyn Fn(i32) -> f64| (0..=500).map(|i| Some(f(i).exp())).collect::<Vec<_>>();
    let wave = |i: i32| 0.01 * f64::from((i * 7) % 13);
    let (r, n) = correlation_5m(&path(&wave), &path(&|i| 2.0 * wave(i)));
    assert_eq!(n, 100);
    near(r, 1.0);
    let (r, _) = correlation_5m(&path(&wave), &path(&|i| -wave(i)));
    near(r, -1.0);
}

#[test]
fn a_hazard_is_compared_with_quiet_times() {
    let mut meter = MinuteMeter::new(book(10_000, 100, 10_001, 100));
    let mut hazard = HazardMeter::default();
    let mut bid = 10_000;
    // Quiet, onset (thin, wide, sold into, hardly refilled), move down by 100 ticks, quiet again; twice.
    let phases = [
        (Regime::Calm, 20, 0),
        (Regime::HazardOnset, 2, 0),
        (Regime::HazardMove, 2, -50),
        (Regime::Calm, 20, 0),
        (Regime::HazardOnset, 2, 0),
        (Regime::HazardMove, 2, -50),
        (Regime::Calm, 1, 0),
    ];
    let mut index = 0;
    for (regime, minutes, step) in phases {
        for k in 0..minutes {
            let mut minute = empty_minute(index);
            index += 1;
            bid += step;
            let is_hazard = regime != Regime::Calm;
            let (lots, width) = if is_hazard { (40, 3) } else { (100, 1) };
            // Quiet: 10 lots leave and come back. Hazard: 10 leave, 5 come back.
            let back = if is_hazard { lots - 5 } else { lots };
            minute.quotes = vec![
                quote(&minute, 0, (bid, lots, bid + width, lots)),
                quote(&minute, 1, (bid, lots - 10, bid + width, lots)),
                quote(&minute, 2, (bid, back, bid + width, lots)),
            ];
            minute.matches = vec![fill(&minute, 1, index, Side::Sell, 10)];
            minute.truth = MinuteTruth {
                regime,
                hazard_sign: if regime == Regime::HazardOnset && k == 0 {
                    -1
                } else {
                    0
                },
                ..minute.truth
            };
            hazard.push(&meter.push(&minute));
        }
    }
    let shape = hazard.finish();
    assert_eq!((shape.onset_minutes, shape.n_moves), (4, 2));
    // Time-weighted: all but two milliseconds stand at the last touch of the minute.
    assert!((shape.depth_ratio.unwrap() - 37.5 / 100.0).abs() < 1e-3);
    near(shape.spread_ratio, 3.0);
    // Onset: per spell the book first thins by 60, then 10 leave and 5 come back, twice. Quiet: 10 of 10 in 41 minutes,
    // and after each move 65 return to the bid that the move left behind.
    near(shape.refill_ratio, (30.0 / 160.0) / (540.0 / 410.0));
    near(shape.one_sided, 1.0);
    // The mid moved by one tick when the spread opened and by 100 in the move.
    assert!(shape.move_size.unwrap() > 1.0);
    assert!(shape.before_share.unwrap().abs() < 0.02, "{shape:?}");
}

#[test]
fn features_are_the_registered_ones_and_the_book() {
    let instrument = instrument(Look::Btc, Market::Um, 1.0).unwrap();
    let mut features = FeatureMeter::new(&instrument).unwrap();
    let mut meter = MinuteMeter::new(book(599_999, 30, 600_001, 10));
    let mut row = Vec::new();
    for i in 0..20 {
        let mut minute = empty_minute(i);
        // 3 bought, 1 sold every minute.
        minute.matches = vec![
            fill(&minute, 1, 2 * i, Side::Buy, 3),
            fill(&minute, 2, 2 * i + 1, Side::Sell, 1),
        ];
        let measure = meter.push(&minute);
        features.push(&minute, &measure, &mut row).unwrap();
    }
    let value = |name: &str| {
        let at = features.columns().iter().position(|c| c.name == name);
        row[at.unwrap()]
    };
    for name in ["tfi_1", "tfi_5", "tfi_15"] {
        near(value(name), 0.5);
    }
    near(value("signed_volume_15m"), 30.0);
    near(value("volume_1m"), 4.0);
    near(value("imbalance_1"), 0.5);
    near(value("depth_20"), 40.0);
    // (30 * 600,001 + 10 * 599,999) / 40 - 600,000 = 0.5.
    near(value("wmid_minus_mid"), 0.5);
    near(value("spread_close"), 2.0);
    assert_eq!(value("replenishment"), None);
    // Bars are at the price of the trades, 150,000; the mid is at 60,000.
    near(value("session_vwap"), (60_000.0_f64 / 150_000.0).ln());
    // A halt leaves nothing, and windows start again after it.
    let mut halted = empty_minute(20);
    halted.truth.is_halted = true;
    let measure = meter.push(&halted);
    features.push(&halted, &measure, &mut row).unwrap();
    assert!(row.iter().all(Option::is_none));
    assert_eq!(row.len(), features.columns().len());
    let minute = empty_minute(21);
    let measure = meter.push(&minute);
    features.push(&minute, &measure, &mut row).unwrap();
    let at = |name: &str| {
        features
            .columns()
            .iter()
            .position(|c| c.name == name)
            .unwrap()
    };
    assert_eq!(row[at("ofi_5m")], None);
    near(row[at("ofi_1m")], 0.0);
}

#[test]
fn coefficients_pair_a_feature_with_the_next_minute() {
    let columns = [Group::Flow, Group::Price].map(|group| super::features::FeatureColumn {
        name: format!("{group:?}"),
        group,
        is_registered: false,
    });
    let mut table = FeatureTable::new(&columns);
    let moves = [3.0, -1.0, 2.0, -4.0, 1.0, 0.5, -2.0, 4.0];
    let mut log_mid: f64 = 0.0;
    for (i, step) in moves.iter().enumerate() {
        // The flow column knows the next move, the price column the last one.
        let last = if i > 0 { Some(moves[i - 1]) } else { None };
        table.push(Some(log_mid.exp()), &[Some(*step), last]);
        log_mid += step;
    }
    let rows = table.ics(1);
    assert_eq!((rows[0].n, rows[1].n), (7, 6));
    near(rows[0].rank_ic, 1.0);
    near(rows[0].pearson_ic, 1.0);
    assert!(rows[0].is_gated() && !rows[0].is_within(0.9));
    assert!(!rows[1].is_gated());
    // A second world does not continue the first.
    let other = table.clone();
    table.append(other);
    assert_eq!(table.len(), 16);
    assert_eq!(table.ics(1)[0].n, 14);
    assert_eq!(table.ics(3)[0].n, 10);
    assert_eq!(table.non_zero("Flow"), 16);
    near(null_limit(1_000_000), 0.004);
    near(null_limit(4_000_000), 0.004);
    near(null_limit(10_000), 0.04);
}
