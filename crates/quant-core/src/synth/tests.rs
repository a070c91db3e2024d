//! The simulator is reproducible, exact on its grids, and has an edge only where one was planted.
use super::*;
use crate::market::Side;
use crate::time::{Day, MICROS_PER_MINUTE};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn params(seed: u64, profile: Profile) -> SynthParams {
    let day = Day::from_ymd(2024, 3, 1).unwrap();
    SynthParams::btcusdt_like(seed, "BTCUSDT".parse().unwrap(), profile, day).unwrap()
}

fn small(seed: u64, profile: Profile) -> SynthParams {
    SynthParams {
        trades_per_day: 5_000,
        ..params(seed, profile)
    }
}

fn days(params: SynthParams, n: usize) -> Vec<SimDay> {
    let mut market = RegimeMarket::new(params).unwrap();
    (0..n).map(|_| market.next_day()).collect()
}

fn digest(days: &[SimDay]) -> String {
    let mut hash = Sha256::new();
    for day in days {
        for x in &day.trades {
            let sign = i64::from(x.aggressor.sign());
            for n in [
                x.agg_id,
                x.first_id,
                x.last_id,
                x.ts_ms,
                x.price_ticks,
                x.qty_lots,
                sign,
            ] {
                hash.update(n.to_le_bytes());
            }
        }
        for x in &day.klines {
            for y in [x.open, x.high, x.low, x.close, x.volume, x.quote_volume] {
                hash.update(y.to_bits().to_le_bytes());
            }
        }
    }
    hash.finalize()[..8]
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn the_same_parameters_give_the_same_bits_everywhere() {
    assert_eq!(
        digest(&days(small(7, Profile::Mixed), 2)),
        "9cc8ebcfe55d61b3"
    );
    assert_eq!(
        digest(&days(small(7, Profile::Null), 2)),
        "fd3f8c60c2b56519"
    );
}

#[test]
fn seed_symbol_profile_and_start_each_make_another_market() {
    let base = small(7, Profile::Mixed);
    let others = [
        SynthParams {
            seed: 8,
            ..base.clone()
        },
        SynthParams {
            symbol: "ETHUSDT".parse().unwrap(),
            ..base.clone()
        },
        SynthParams {
            profile: Profile::Null,
            ..base.clone()
        },
        SynthParams {
            start_day: base.start_day.plus(1),
            ..base.clone()
        },
    ];
    let first = digest(&days(base, 1));
    for other in others {
        assert_ne!(digest(&days(other.clone(), 1)), first, "{other:?}");
    }
}

/// Checks one day against its own trades, computed without the simulator's sums.
fn check_day(day: &SimDay, params: &SynthParams) {
    assert_eq!((day.klines.len(), day.regimes.len()), (1_440, 1_440));
    for x in &day.trades {
        assert!(x.price_ticks >= 1 && x.qty_lots >= 1);
        assert_eq!(
            x.price.to_bits(),
            params.tick_size.value(x.price_ticks).to_bits()
        );
        assert_eq!(params.tick_size.round(x.price), Some(x.price_ticks));
        assert_eq!(x.qty.to_bits(), params.lot_size.value(x.qty_lots).to_bits());
        assert!(day.day.range().contains(x.to_trade().ts_event));
    }
    for pair in day.trades.windows(2) {
        assert!(pair[0].ts_ms <= pair[1].ts_ms);
        assert_eq!(pair[1].agg_id, pair[0].agg_id + 1);
        assert_eq!(pair[1].first_id, pair[0].last_id + 1);
    }
    let mut seen = 0;
    for (i, k) in (0_i64..).zip(&day.klines) {
        assert_eq!(k.ts_open, day.day.start().plus(i * MICROS_PER_MINUTE));
        let inside: Vec<&SimTrade> = day
            .trades
            .iter()
            .filter(|x| k.ts_open <= x.to_trade().ts_event && x.to_trade().ts_event < k.ts_close())
            .collect();
        seen += inside.len();
        let sum = |f: &dyn Fn(&SimTrade) -> f64| inside.iter().map(|x| f(x)).sum::<f64>();
        let bought = |x: &SimTrade| if x.aggressor == Side::Buy { x.qty } else { 0.0 };
        let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-9 * (1.0 + b.abs()), "{a} {b}");
        near(k.volume, sum(&|x| x.qty));
        near(k.quote_volume, sum(&|x| x.qty * x.price));
        near(k.taker_buy_volume, sum(&bought));
        near(k.taker_buy_quote_volume, sum(&|x| bought(x) * x.price));
        near(
            k.count as f64,
            sum(&|x| (x.last_id - x.first_id + 1) as f64),
        );
        if let (Some(first), Some(last)) = (inside.first(), inside.last()) {
            let high = inside.iter().map(|x| x.price).fold(0.0, f64::max);
            let low = inside.iter().map(|x| x.price).fold(f64::MAX, f64::min);
            near(k.open, first.price);
            near(k.close, last.price);
            near(k.high, high);
            near(k.low, low);
        } else {
            for px in [k.open, k.high, k.low] {
                near(px, k.close);
            }
        }
    }
    assert_eq!(seen, day.trades.len());
    for pair in day.klines.windows(2) {
        if pair[1].count == 0 {
            assert_eq!(pair[1].open.to_bits(), pair[0].close.to_bits());
        }
    }
}

#[test]
fn klines_are_exactly_the_trades() {
    for profile in [Profile::Mixed, Profile::Null] {
        for day in days(
            SynthParams {
                trades_per_day: 2_000,
                ..params(3, profile)
            },
            2,
        ) {
            check_day(&day, &params(3, profile));
        }
    }
}

#[test]
fn a_trade_on_the_minute_belongs_to_the_minute_it_opens() {
    let day = Day(0);
    let trade = |ts_ms, price_ticks, qty_lots, aggressor| SimTrade {
        agg_id: ts_ms,
        first_id: 0,
        last_id: 1,
        ts_ms,
        price_ticks,
        qty_lots,
        price: 0.0,
        qty: 0.0,
        aggressor,
    };
    let trades = [
        trade(59_999, 1_000, 5, Side::Buy),
        trade(60_000, 1_010, 7, Side::Sell),
        trade(119_999, 1_005, 1, Side::Buy),
    ];
    let (tick, lot): (crate::units::Step, crate::units::Step) =
        ("0.1".parse().unwrap(), "0.001".parse().unwrap());
    let grid = day::Grid {
        tick,
        lot,
        tick_lot: tick.product(lot).unwrap(),
    };
    let klines = day::klines(day, &trades, grid, 990);
    let row = |i: usize| {
        let k = &klines[i];
        [
            k.open,
            k.high,
            k.low,
            k.close,
            k.volume,
            k.quote_volume,
            k.taker_buy_volume,
        ]
    };
    // The same bits as the decimals' own text.
    let bits = |values: [f64; 7]| values.map(f64::to_bits);
    let first = [100.0, 100.0, 100.0, 100.0, 0.005, 0.5, 0.005];
    let second = [101.0, 101.0, 100.5, 100.5, 0.008, 0.8075, 0.001];
    let empty = [100.5, 100.5, 100.5, 100.5, 0.0, 0.0, 0.0];
    for (i, expected) in [first, second, empty].into_iter().enumerate() {
        assert_eq!(bits(row(i)), bits(expected), "minute {i}");
    }
    assert_eq!((klines[1].count, klines.len()), (4, 1_440));
    let before_any = day::klines(day, &[], grid, 990);
    assert!((before_any[0].open - 99.0).abs() < 1e-12);
}

#[test]
fn ids_and_prices_run_on_over_midnight() {
    let two = days(small(5, Profile::Mixed), 2);
    let (a, b) = (
        two[0].trades.last().unwrap(),
        two[1].trades.first().unwrap(),
    );
    assert_eq!((b.agg_id, b.first_id), (a.agg_id + 1, a.last_id + 1));
    assert!((b.price / a.price - 1.0).abs() < 0.01);
    assert_eq!(two[1].day, two[0].day.plus(1));
}

#[test]
fn in_the_null_market_flow_says_nothing_about_price() {
    let (mut agree_now, mut agree_next, mut n) = (0_i64, 0_i64, 0_i64);
    for seed in 0..4 {
        for day in days(params(seed, Profile::Null), 1) {
            for w in day.trades.windows(3) {
                let before = (w[1].price_ticks - w[0].price_ticks).signum();
                let after = (w[2].price_ticks - w[1].price_ticks).signum();
                let sign = i64::from(w[1].aggressor.sign());
                agree_now += sign * before;
                agree_next += sign * after;
                n += 1;
            }
        }
    }
    // Sums of independent signs: standard deviation at most sqrt(n); four of them leave one run in 16,000 outside.
    let bound = 4.0 * (n as f64).sqrt();
    assert!((agree_now as f64).abs() < bound, "{agree_now} of {n}");
    assert!((agree_next as f64).abs() < bound, "{agree_next} of {n}");
}

#[test]
fn in_the_null_market_the_price_has_no_drift_and_no_memory() {
    let (mut up, mut memory, mut n) = (0_i64, 0_i64, 0_i64);
    for day in days(small(11, Profile::Null), 20) {
        for w in day.klines.windows(2) {
            let sign = |k: &SimKline| i64::from(k.close > k.open) - i64::from(k.close < k.open);
            up += sign(&w[1]);
            memory += sign(&w[0]) * sign(&w[1]);
            n += 1;
        }
    }
    let bound = 4.0 * (n as f64).sqrt();
    assert!(
        (up as f64).abs() < bound && (memory as f64).abs() < bound,
        "{up} {memory} of {n}"
    );
}

#[test]
fn in_the_mixed_market_trends_trend_and_ranges_return() {
    // Net move over path length of 30-minute stretches that lie in one regime, and flow against return.
    let mut efficiency = [(0.0_f64, 0_u32); 2];
    let (mut agree, mut n) = (0_i64, 0_i64);
    for day in days(small(2, Profile::Mixed), 20) {
        for start in (0..1_410).step_by(30) {
            let spell = &day.regimes[start..start + 30];
            let k = &day.klines[start..start + 30];
            let class = match spell[0] {
                SimRegime::TrendUp | SimRegime::TrendDown => 0,
                SimRegime::Range => 1,
                _ => continue,
            };
            if spell.iter().any(|x| *x != spell[0]) {
                continue;
            }
            let path: f64 = k.iter().map(|x| (x.close - x.open).abs()).sum();
            efficiency[class].0 += (k[29].close - k[0].open).abs() / path;
            efficiency[class].1 += 1;
        }
        for k in &day.klines {
            let flow = 2.0 * k.taker_buy_volume - k.volume;
            agree += i64::from((k.close > k.open) == (flow > 0.0));
            n += 1;
        }
    }
    let [trend, range] = efficiency.map(|(sum, n)| {
        assert!(n > 30, "{n} stretches");
        sum / f64::from(n)
    });
    assert!(trend > 1.3 * range, "trend {trend} range {range}");
    assert!(agree as f64 > 0.52 * n as f64, "{agree} of {n}");
}

/// Returns the t-statistic of following the last half hour for the next half hour.
fn momentum(profile: Profile) -> f64 {
    let mut gains = Vec::new();
    for day in days(small(4, profile), 60) {
        let closes: Vec<f64> = day.klines.chunks(30).map(|k| k[29].close).collect();
        for w in closes.windows(3) {
            let (before, after) = (w[1] / w[0] - 1.0, w[2] / w[1] - 1.0);
            gains.push(if before > 0.0 { after } else { -after });
        }
    }
    let n = gains.len() as f64;
    let mean = gains.iter().sum::<f64>() / n;
    let variance = gains.iter().map(|g| (g - mean) * (g - mean)).sum::<f64>() / (n - 1.0);
    mean / (variance / n).sqrt()
}

#[test]
fn an_edge_exists_only_where_it_was_planted() {
    let (mixed, null) = (momentum(Profile::Mixed), momentum(Profile::Null));
    assert!(mixed > 4.0, "mixed {mixed}");
    assert!(null.abs() < 4.0, "null {null}");
}

#[test]
fn volatility_activity_and_matches_are_near_their_targets() {
    for profile in [Profile::Mixed, Profile::Null] {
        let days = days(small(1, profile), 120);
        let closes: Vec<f64> = days.iter().map(|x| x.klines[1_439].close).collect();
        let returns = closes.windows(2).map(|w| w[1] / w[0] - 1.0);
        let squares: f64 = returns.map(|r| r * r).sum();
        let volatility = (squares / (closes.len() - 1) as f64).sqrt();
        assert!(
            (0.03..0.05).contains(&volatility),
            "{profile:?} {volatility}"
        );
        let trades: usize = days.iter().map(|x| x.trades.len()).sum();
        let per_day = trades as f64 / days.len() as f64;
        assert!(
            (4_500.0..5_500.0).contains(&per_day),
            "{profile:?} {per_day}"
        );
        let matches: u64 = days.iter().flat_map(|x| &x.klines).map(|k| k.count).sum();
        let per_trade = matches as f64 / trades as f64;
        assert!((1.45..1.55).contains(&per_trade), "{profile:?} {per_trade}");
    }
}

#[test]
fn impossible_parameters_are_refused() {
    let ok = params(1, Profile::Mixed);
    for bad in [
        SynthParams {
            start_price: 0.0,
            ..ok.clone()
        },
        SynthParams {
            start_price: -5.0,
            ..ok.clone()
        },
        SynthParams {
            start_price: f64::NAN,
            ..ok.clone()
        },
        SynthParams {
            start_price: 1.0,
            ..ok.clone()
        },
        SynthParams {
            trades_per_day: 0,
            ..ok.clone()
        },
        SynthParams {
            daily_volatility: 0.0,
            ..ok.clone()
        },
        SynthParams {
            daily_volatility: f64::INFINITY,
            ..ok.clone()
        },
        SynthParams {
            median_qty: 0.0,
            ..ok.clone()
        },
        SynthParams {
            lot_size: "0.000000000001".parse().unwrap(),
            ..ok.clone()
        },
    ] {
        assert!(bad.clone().check().is_err(), "{bad:?}");
        assert!(RegimeMarket::new(bad).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_accepted_market_stays_on_its_grid(
        seed in any::<u64>(), null in any::<bool>(), trades_per_day in 1_u32..800,
        tick in prop::sample::select(vec!["0.1", "0.00025", "1", "50"]),
        ticks in 100.0_f64..1e6, daily_volatility in 0.001_f64..0.5,
    ) {
        let profile = if null { Profile::Null } else { Profile::Mixed };
        let tick_size: crate::units::Step = tick.parse().unwrap();
        let start_price = ticks * tick_size.size();
        let params = SynthParams {
            start_price, tick_size, trades_per_day, daily_volatility, ..params(seed, profile)
        };
        for day in days(params.clone(), 2) {
            check_day(&day, &params);
        }
    }
}
