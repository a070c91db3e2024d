//! Published and hand-computed numbers, and well-known wrong formulas asserted as differences.

use super::super::golden::Naive;
use super::super::{Dice, MinuteRow, minute_at, params, random_rows, run};
use super::naive::yang_zhang;
use crate::bars::stat_column;
use crate::features::*;

/// Six bars that the numbers below are of; oldest first, (open, high, low, close, volume).
const BARS: [Naive; 6] = [
    (100.0, 101.0, 99.5, 100.5, 1.0),
    (100.4, 101.2, 100.1, 101.0, 2.0),
    (101.1, 101.5, 100.0, 100.2, 3.0),
    (100.2, 100.9, 99.8, 100.6, 2.0),
    (100.5, 102.0, 100.5, 101.7, 5.0),
    (101.6, 101.9, 101.0, 101.3, 6.0),
];

/// Minutes that make these 5m bars: one real minute each, then four without a trade.
fn rows_of(bars: &[Naive]) -> Vec<Option<MinuteRow>> {
    let any = random_rows(1, 60)
        .into_iter()
        .flatten()
        .find(|r| !r.is_filled)
        .unwrap();
    let minutes = bars.iter().flat_map(|bar| (0..5).map(move |i| (bar, i)));
    minutes
        .enumerate()
        .map(|(m, (bar, i))| {
            let is_filled = i > 0;
            let price = |x: f64| Some(if is_filled { bar.3 } else { x });
            Some(MinuteRow {
                ts_open: minute_at(m),
                open: price(bar.0),
                high: price(bar.1),
                low: price(bar.2),
                close: price(bar.3),
                volume: if is_filled { 0.0 } else { bar.4 },
                is_filled,
                ..any
            })
        })
        .collect()
}

/// The first column at the end of the last bar.
fn last_of(bars: &[Naive], params: FeatureParams) -> Option<f64> {
    run(&rows_of(bars), 0, &[params]).pop().unwrap().values[0]
}

fn assert_near(found: Option<f64>, wanted: f64) {
    let found = found.unwrap();
    assert!(
        (found - wanted).abs() <= 1e-12 * wanted.abs().max(1e-3),
        "{found} {wanted}"
    );
}

/// Minute rows with these closes and one unit of volume each.
fn closes(closes: &[f64]) -> Vec<Option<MinuteRow>> {
    let any = rows_of(&BARS)[0].unwrap();
    closes
        .iter()
        .enumerate()
        .map(|(m, close)| {
            Some(MinuteRow {
                ts_open: minute_at(m),
                open: Some(*close),
                high: Some(*close),
                low: Some(*close),
                close: Some(*close),
                quote_volume: Some(*close),
                volume: 1.0,
                vwap: Some(*close),
                ..any
            })
        })
        .collect()
}

#[test]
fn edge_equals_the_code_of_its_authors() {
    // `bidask` 2.1 in Python: edge(open, high, low, close).
    let days_back = 0;
    let edge = |n: u32| FeatureParams::Edge(EdgeParams { bars: n, days_back });
    assert_near(last_of(&BARS, edge(6)), 0.002_347_351_064_077_338);
    assert_near(last_of(&BARS[..4], edge(4)), 0.001_954_231_628_890_545);
    let bouncing = [
        (50.0, 50.5, 49.5, 50.5, 1.0),
        (49.5, 50.5, 49.5, 49.5, 1.0),
        (50.5, 50.5, 49.5, 50.5, 1.0),
        (49.5, 50.5, 49.5, 50.0, 1.0),
        (50.5, 50.6, 49.5, 49.5, 1.0),
        (49.6, 50.5, 49.4, 50.4, 1.0),
        (50.2, 50.5, 49.3, 49.6, 1.0),
    ];
    assert_near(last_of(&bouncing, edge(7)), 0.021_488_334_117_991_79);
    // Where the authors' code gives NaN: nothing moves, and bars without a range.
    assert_eq!(last_of(&[(5.0, 5.0, 5.0, 5.0, 1.0); 5], edge(5)), None);
    let steps = [1.0, 2.0, 3.0, 2.0].map(|x| (x, x, x, x, 1.0));
    assert_eq!(last_of(&steps, edge(4)), None);
}

#[test]
fn corwin_schultz_floors_before_it_averages() {
    let days_back = 0;
    let of = |n: u32| FeatureParams::CorwinSchultz(CorwinSchultzParams { bars: n, days_back });
    // The two-bar estimate is -0.0047226161: 0 once floored.
    let pair = [
        (100.5, 101.0, 100.0, 100.5, 1.0),
        (101.0, 102.0, 100.5, 101.0, 1.0),
    ];
    assert_eq!(last_of(&pair, of(1)), Some(0.0));
    // Estimates of the five pairs of `BARS`; the fourth, -0.0081482310, counts as 0.
    let five = [
        0.003_834_035_129_947_41,
        0.008_644_511_565_605_856,
        0.003_858_021_028_543_304,
        0.0,
        0.005_922_197_668_353_638,
    ];
    assert_near(last_of(&BARS, of(5)), five.iter().sum::<f64>() / 5.0);
    assert_eq!(last_of(&BARS, of(6)), None);
    assert_eq!(last_of(&[(7.0, 7.0, 7.0, 7.0, 1.0); 3], of(2)), Some(0.0));
}

#[test]
fn volatilities_of_six_bars() {
    use FeatureParams as P;
    let days_back = 0;
    let park = P::Parkinson(ParkinsonParams { bars: 6, days_back });
    assert_near(last_of(&BARS, park), 0.007_688_401_941_275_767);
    let gk = P::GarmanKlass(GarmanKlassParams { bars: 6, days_back });
    assert_near(last_of(&BARS, gk), 0.007_890_202_486_711_73);
    let rs = P::RogersSatchell(RogersSatchellParams { bars: 6, days_back });
    assert_near(last_of(&BARS, rs), 0.007_594_241_551_861_202);
    let cc = P::CloseVol(CloseVolParams { bars: 5, days_back });
    assert_near(last_of(&BARS, cc), 0.007_499_434_025_118_893);
    // pandas: ewm(span=3, adjust=True).std(bias=False) of the five returns.
    let ewma = P::EwmaVol(EwmaVolParams { bars: 3, days_back });
    assert_near(last_of(&BARS[..4], ewma), 0.007_263_540_856_402_777);
    assert_near(last_of(&BARS, ewma), 0.008_313_256_484_209_51);
    assert_eq!(last_of(&BARS[..3], ewma), None);
}

#[test]
fn yang_zhang_is_not_the_one_of_mlfinpy() {
    let of = FeatureParams::YangZhang(YangZhangParams {
        bars: 5,
        days_back: 0,
    });
    let ours = last_of(&BARS, of);
    assert_near(ours, 0.007_211_703_566_292_412);
    assert_near(ours, yang_zhang(&BARS).sqrt());
    // It takes ln(c_t / o_(t-1)), does not remove means, and divides the ranges by n - 1: 14 % too high here.
    assert!(0.008_218_456_358_445_375 / ours.unwrap() > 1.13);
    assert_eq!(last_of(&BARS[..5], of), None);
}

#[test]
fn range_estimators_are_biased_down_when_few_prices_make_a_bar() {
    // A walk of Gaussian steps seen 20 times per bar: about 0.85 of the true volatility.
    let mut dice = Dice(11);
    let mut gauss = || (0..12).map(|_| dice.unit()).sum::<f64>() - 6.0;
    let (per_bar, sigma) = (20, 0.01);
    let step = sigma / f64::from(per_bar).sqrt();
    let mut log_price = 0.0;
    let bars: Vec<Naive> = (0..288)
        .map(|_| {
            let open = log_price;
            let (mut high, mut low) = (open, open);
            for _ in 0..per_bar {
                log_price += step * gauss();
                high = f64::max(high, log_price);
                low = f64::min(low, log_price);
            }
            let [o, h, l, c] = [open, high, low, log_price].map(libm::exp);
            (o, h, l, c, 1.0)
        })
        .collect();
    let n = FeatureParams::Parkinson(ParkinsonParams {
        bars: 288,
        days_back: 0,
    });
    let ratio = last_of(&bars, n).unwrap() / sigma;
    assert!((0.80..0.90).contains(&ratio), "{ratio}");
    let n = FeatureParams::CloseVol(CloseVolParams {
        bars: 287,
        days_back: 0,
    });
    let ratio = last_of(&bars, n).unwrap() / sigma;
    assert!((0.9..1.1).contains(&ratio), "{ratio}");
}

#[test]
fn roll_finds_a_bounce_and_refuses_a_trend() {
    let roll = FeatureParams::Roll(RollParams {
        minutes: 40,
        days_back: 0,
    });
    // Pure bounce of half a spread of 0.2 %: returns alternate, cov = -s^2 of n - 1 pairs, ddof 1.
    let (low, high) = (99.9, 100.1);
    let s = libm::log(high / low);
    let bounce: Vec<f64> = (0..60_usize)
        .map(|m| if m % 2 == 0 { low } else { high })
        .collect();
    let found = run(&closes(&bounce), 0, &[roll]);
    assert_eq!(found[39].values[0], None);
    // 39 pairs (s, -s): each mean is +-s/39, so cov = -(39 - 1/39) s^2 / 38.
    let cov = (39.0 - 1.0 / 39.0) * s * s / 38.0;
    assert_near(found[40].values[0], 2.0 * cov.sqrt());
    // Momentum: two steps up, two down. The root of the absolute covariance would call it a spread.
    let mut level = 100.0;
    let trend: Vec<f64> = (0..60_usize)
        .map(|m| {
            level *= if (m / 8).is_multiple_of(2) {
                1.001
            } else {
                0.999
            };
            level
        })
        .collect();
    let found = run(&closes(&trend), 0, &[roll]);
    let r: Vec<f64> = trend[19..]
        .windows(2)
        .map(|w| libm::log(w[1] / w[0]))
        .collect();
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (a, b) = (&r[1..], &r[..39]);
    let cov = a
        .iter()
        .zip(b)
        .map(|(x, y)| (x - mean(a)) * (y - mean(b)))
        .sum::<f64>()
        / 38.0;
    assert!(2.0 * cov.abs().sqrt() > 1e-3, "{cov}");
    assert_eq!(found[59].values[0], None);
    // A standstill has no covariance at all.
    let found = run(&closes(&[0.1; 60]), 0, &[roll]);
    assert!(found.iter().all(|row| row.values[0].is_none()));
}

#[test]
fn amihud_divides_by_the_minutes_it_used() {
    let amihud = FeatureParams::Amihud(AmihudParams {
        minutes: 4,
        min_valid_share: 0.5,
        days_back: 0,
    });
    let mut rows = closes(&[100.0, 101.0, 101.0, 100.0]);
    // A quiet minute has no quote: it neither counts nor divides.
    if let Some(row) = &mut rows[2] {
        row.quote_volume = Some(0.0);
    }
    let found = run(&rows, 0, &[amihud]);
    let r = libm::log(101.0 / 100.0);
    assert_near(found[3].values[0], 1e9 * (r / 101.0 + r / 100.0) / 2.0);
    assert_eq!(found[2].values[0], None);
}

/// Values at the end of `minutes` minutes of 12 returns each with these sums.
fn jump_of(minutes: u32, sums: [f64; 6]) -> Vec<Option<f64>> {
    let jump = FeatureParams::Jump(JumpParams {
        minutes,
        max_zero_share: 0.3,
        min_valid_share: 0.5,
        days_back: 0,
    });
    let names = ["rv_n", "rv_zero", "rv", "rv_bipower", "rv_med", "rv_min"];
    let mut set = FeatureSet::new(&params(vec![jump]), 1, 0).unwrap();
    for (m, row) in closes(&vec![100.0; minutes as usize]).iter().enumerate() {
        let mut stats = vec![f64::NAN; N_STAT_COLUMNS];
        for (name, sum) in names.into_iter().zip(sums) {
            stats[stat_column(name)] = sum / f64::from(minutes);
        }
        set.push_with_stats(minute_at(m), &[*row], &stats, &[])
            .unwrap();
    }
    set.row().values.clone()
}

#[test]
fn jump_robust_variances_of_a_day_by_hand() {
    // 288 returns of r in 24 minutes: RV = 288 r^2; the others use 287, 286 and 287 terms of r^2.
    let (m, square) = (288.0, 4e-4 / 288.0);
    let pi = core::f64::consts::PI;
    let quiet = [
        m,
        0.0,
        m * square,
        287.0 * square,
        286.0 * square,
        287.0 * square,
    ];
    let found = jump_of(24, quiet);
    assert_near(found[0], 4e-4);
    assert_near(found[1], pi / 2.0 * 4e-4);
    assert_near(found[2], pi / (6.0 - 4.0 * 3.0_f64.sqrt() + pi) * 4e-4);
    assert_near(found[3], pi / (pi - 2.0) * 4e-4);
    // Equal returns: bipower is above RV, so no share is left.
    assert_eq!(found[4], Some(0.0));
    // Random Gaussian returns and one jump of 1 %: the sums that give the published figures.
    let bipower = 4.268e-4 / (pi / 2.0 * 288.0 / 287.0);
    let med = 4.058e-4 / (pi / (6.0 - 4.0 * 3.0_f64.sqrt() + pi) * 288.0 / 286.0);
    let min = 4.053e-4 / (pi / (pi - 2.0) * 288.0 / 287.0);
    let found = jump_of(24, [m, 0.0, 5e-4, bipower, med, min]);
    assert_near(found[4], (5.0 - 4.268) / 5.0);
    assert_near(found[2], 4.058e-4);
    assert_near(found[3], 4.053e-4);
    assert_near(found[5], 5e-4 - 4.268e-4);
}

#[test]
fn zero_returns_do_not_read_as_a_lasting_jump() {
    // 40 % zeros: bipower loses 40 % of the variance, which is no jump; then nothing is told.
    let pi = core::f64::consts::PI;
    let bipower = 0.597 * 4e-4 / (pi / 2.0 * 288.0 / 287.0);
    let med = 4e-4 / (pi / (6.0 - 4.0 * 3.0_f64.sqrt() + pi) * 288.0 / 286.0);
    let sums = |zeros: f64| [288.0, zeros, 4e-4, bipower, med, 0.0];
    let share = |zeros: f64| jump_of(24, sums(zeros))[4];
    assert!((share(0.29 * 288.0).unwrap() - 0.403).abs() < 1e-9);
    assert_eq!(share(0.4 * 288.0), None);
    // A window that did not move at all has no share; one with too few returns has nothing.
    let still = jump_of(24, [288.0, 288.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(still, [&[Some(0.0)][..], &[None; 5]].concat());
    // Nor do the others take zeros for calm: only RV is what it is.
    let quiet = jump_of(24, sums(0.31 * 288.0));
    assert_eq!(quiet[1..], [None; 5]);
    assert_near(quiet[0], 4e-4);
    assert_eq!(jump_of(24, [143.0, 0.0, 1.0, 1.0, 1.0, 1.0]), [None; 6]);
    assert_eq!(jump_of(1, [2.0, 0.0, 1.0, 1.0, 1.0, 1.0]), [None; 6]);
}

/// `jump_z` of `minutes` minutes that sum to this: returns, zero returns, RV, bipower, tripower.
fn jump_z_of(minutes: u32, max_zero_share: f64, sums: [f64; 5]) -> Option<f64> {
    let test = FeatureParams::JumpZ(JumpZParams {
        minutes,
        max_zero_share,
        min_valid_share: 0.5,
        days_back: 0,
    });
    let names = ["rv_n", "rv_zero", "rv", "rv_bipower", "rv_tri"];
    let mut set = FeatureSet::new(&params(vec![test]), 1, 0).unwrap();
    for (m, row) in closes(&vec![100.0; minutes as usize]).iter().enumerate() {
        let mut stats = vec![f64::NAN; N_STAT_COLUMNS];
        for (name, sum) in names.into_iter().zip(sums) {
            stats[stat_column(name)] = sum / f64::from(minutes);
        }
        set.push_with_stats(minute_at(m), &[*row], &stats, &[])
            .unwrap();
    }
    set.row().values[0]
}

#[test]
fn the_test_for_jumps_of_the_published_day() {
    // 288 returns, RV 5.000e-4, BV 4.268e-4: (0.732 / 5) / sqrt(0.6089938 / 288) where quarticity is below BV^2.
    let (m, rv, bv) = (288.0, 5e-4, 4.268e-4);
    let bipower = bv / (core::f64::consts::FRAC_PI_2 * 288.0 / 287.0);
    // What makes TQ = BV^2: M mu^-3 M/(M-2) times it, mu^3 = 0.573569...
    let mu: f64 = 0.830_860_925_029_559_1;
    let even = bv * bv * (mu * mu * mu) * 286.0 / (288.0 * 288.0);
    let z = |zeros: f64, bipower: f64, tri: f64| jump_z_of(24, 0.3, [m, zeros, rv, bipower, tri]);
    let near = |found: Option<f64>, wanted: f64| assert!((found.unwrap() - wanted).abs() < 1e-3);
    near(z(0.0, bipower, 0.5 * even), 3.1837);
    near(z(0.0, bipower, 0.999 * even), 3.1837);
    // Quarticity of four times that: half as sure.
    near(z(0.0, bipower, 4.0 * even), 1.5918);
    // BV above RV is negative: no floor, else the test would not be one.
    near(
        z(0.0, 1.2 * bipower, 0.5 * even),
        (5.0 - 5.1216) / 5.0 * 21.7464,
    );
    // Too many zeros, too few returns, no bipower at all.
    assert_eq!(z(0.31 * m, bipower, even), None);
    assert_eq!(z(0.0, 0.0, 0.0), None);
    assert_eq!(jump_z_of(24, 1.0, [m, m, 0.0, 0.0, 0.0]), None);
    assert_eq!(jump_z_of(24, 0.3, [143.0, 0.0, rv, bipower, even]), None);
}

#[test]
fn the_test_for_jumps_has_its_size_and_finds_one() {
    let test = FeatureParams::JumpZ(JumpZParams {
        minutes: 60,
        max_zero_share: 0.0,
        min_valid_share: 1.0,
        days_back: 0,
    });
    let windows = 400_usize;
    let mut dice = Dice(20_060_117);
    let (mut quiet, mut jumpy) = (vec![], vec![]);
    for (jump, out) in [(0.0, &mut quiet), (1e-3, &mut jumpy)] {
        let mut set = FeatureSet::new(&params(vec![test]), 1, 0).unwrap();
        let (mut a, mut b) = (0.0, 0.0);
        for m in 0..windows * 60 {
            let mut sums = [0.0; 5];
            for i in 0..12 {
                // Box and Muller; one return of each window has the jump, of ten deviations.
                let radius = (-2.0 * libm::log(1.0 - dice.unit())).sqrt();
                let normal = radius * libm::cos(2.0 * core::f64::consts::PI * dice.unit());
                let extra = if m % 60 == 20 && i == 5 { jump } else { 0.0 };
                let c = (1e-4 * normal + extra).abs();
                let terms = [1.0, 0.0, c * c, b * c, libm::pow(a * b * c, 4.0 / 3.0)];
                for (sum, term) in sums.iter_mut().zip(terms) {
                    *sum += term;
                }
                (a, b) = (b, c);
            }
            let mut stats = vec![f64::NAN; N_STAT_COLUMNS];
            for (name, sum) in ["rv_n", "rv_zero", "rv", "rv_bipower", "rv_tri"]
                .iter()
                .zip(sums)
            {
                stats[stat_column(name)] = sum;
            }
            let row = closes(&[100.0])[0].map(|row| MinuteRow {
                ts_open: minute_at(m),
                ..row
            });
            set.push_with_stats(minute_at(m), &[row], &stats, &[])
                .unwrap();
            if m % 60 == 59 {
                // After midnight the window is filled anew: an hour ends with a whole one.
                out.push(set.row().values[0].unwrap());
            }
        }
    }
    let n = windows as f64;
    let mean = |x: &[f64]| x.iter().sum::<f64>() / n;
    let share = |x: &[f64], above: f64| x.iter().filter(|z| **z > above).count() as f64 / n;
    let centre = mean(&quiet);
    let variance = quiet
        .iter()
        .map(|z| (z - centre) * (z - centre))
        .sum::<f64>()
        / (n - 1.0);
    // Three standard errors: 3 / sqrt(400) and 3 sqrt(2 / 400).
    assert!(centre.abs() < 0.15, "{centre}");
    assert!((variance - 1.0).abs() < 0.21, "{variance}");
    assert!((share(&quiet, 1.645) - 0.05).abs() < 0.033);
    assert!(share(&jumpy, 1.645) > 0.75, "{}", share(&jumpy, 1.645));
}

#[test]
fn the_session_goes_on_after_a_gap() {
    let mut rows = closes(&[10.0; 15]);
    for row in rows[1..14].iter_mut().flatten() {
        row.is_filled = true;
        row.volume = 0.0;
        row.quote_volume = Some(0.0);
    }
    if let Some(row) = &mut rows[14] {
        row.volume = 3.0;
        row.quote_volume = Some(60.0);
    }
    let vwap: Vec<_> = run(
        &rows,
        0,
        &[FeatureParams::SessionVwap(SessionVwapParams {})],
    )
    .iter()
    .map(|row| row.values[0])
    .collect();
    let gap = params(vec![]).segment_gap_minutes as usize;
    assert_eq!(vwap[..=gap], vec![Some(10.0); gap + 1]);
    assert_eq!(vwap[gap + 1..14], vec![None; 13 - gap]);
    assert_eq!(vwap[14], Some((10.0 + 60.0) / 4.0));
}

#[test]
fn a_session_of_three_minutes_by_hand() {
    let z = FeatureParams::SessionVwapZ(SessionVwapZParams { min_minutes: 3 });
    let mut rows = closes(&[10.0, 12.0, 14.0]);
    // Weights 1, 1, 2: V = 12.5, s^2 = (6.25 + 0.25 + 2 * 2.25) / 4 = 2.75.
    if let Some(row) = &mut rows[2] {
        row.volume = 2.0;
        // Without a VWAP the typical price: (15 + 13 + 14) / 3 = 14.
        row.vwap = None;
        (row.high, row.low) = (Some(15.0), Some(13.0));
    }
    let found = run(&rows, 0, &[z]);
    assert_eq!(found[1].values[0], None);
    assert_near(found[2].values[0], 1.5 / 2.75_f64.sqrt());
    let found = run(&closes(&[0.1; 9]), 0, &[z]);
    assert!(found.iter().all(|row| row.values[0].is_none()));
}

#[test]
fn activity_is_one_until_covered_and_bounded() {
    let ratio = FeatureParams::ActivityRatio(ActivityRatioParams {
        short_minutes: 1,
        long_minutes: 10,
        days_back: 0,
    });
    let mut rows = closes(&[100.0; 22]);
    for (m, row) in rows.iter_mut().enumerate() {
        let row = row.as_mut().unwrap();
        row.volume = match m {
            10 => 2.0,
            11 => 100.0,
            12.. => 0.0,
            _ => 1.0,
        };
    }
    let found: Vec<Option<f64>> = run(&rows, 0, &[ratio])
        .iter()
        .map(|row| row.values[0])
        .collect();
    assert!(found[..9].iter().all(|x| *x == Some(1.0)));
    assert_eq!(found[9], Some(1.0));
    // 2 against (9 + 2) / 10, then 100 and 0 against what the window holds.
    assert_near(found[10], 2.0 / 1.1);
    assert_eq!((found[11], found[12]), (Some(4.0), Some(0.25)));
    assert_eq!(found[21], None);
}

#[test]
fn a_trend_needs_two_bars_of_agreement() {
    let trend = FeatureParams::EmaTrend(EmaTrendParams {
        fast: 1,
        slow: 3,
        days_back: 0,
    });
    // ema_1 is the close; ema_3 halves the distance each bar.
    let of = |closes: &[f64]| {
        let bars: Vec<Naive> = closes.iter().map(|c| (*c, *c, *c, *c, 1.0)).collect();
        last_of(&bars, trend)
    };
    assert_eq!(of(&[1.0, 2.0, 3.0]), None);
    assert_eq!(of(&[1.0, 2.0, 3.0, 4.0]), Some(1.0));
    assert_eq!(of(&[4.0, 3.0, 2.0, 1.0]), Some(-1.0));
    // Above the slow mean all the time, but the last bar fell.
    assert_eq!(of(&[1.0, 2.0, 4.0, 3.9]), Some(0.0));
    // Rising for two bars, but above the slow mean on the last one only.
    assert_eq!(of(&[9.0, 1.0, 2.0, 8.0]), Some(0.0));
}

#[test]
fn the_shape_of_a_bar_by_hand() {
    let shape = FeatureParams::Intrabar(IntrabarParams { days_back: 0 });
    let mut rows = closes(&[101.0, 100.0, 103.0, 103.0, 102.0, 102.0]);
    for (row, (open, volume)) in rows.iter_mut().zip([
        (100.0, 4.0),
        (101.0, 1.0),
        (100.0, 1.0),
        (103.0, 2.0),
        (103.0, 2.0),
        (102.0, 9.0),
    ]) {
        let row = row.as_mut().unwrap();
        row.open = Some(open);
        row.volume = volume;
        row.high = Some(open.max(row.close.unwrap()));
        row.low = Some(open.min(row.close.unwrap()));
    }
    let found = run(&rows, 0, &[shape]);
    assert_eq!(found[3].values, [None; 5]);
    let moves = [
        101.0 / 100.0,
        100.0 / 101.0,
        103.0 / 100.0,
        1.0,
        102.0 / 103.0,
    ]
    .map(|x| libm::log(x) * libm::log(x));
    let wanted = [
        2.0 / 3.0,
        0.4,
        2.0 / 6.0,
        0.5,
        moves[2] / moves.iter().sum::<f64>(),
    ];
    for (value, wanted) in found[4].values.iter().zip(wanted) {
        assert_near(*value, wanted);
    }
    assert_eq!(found[5].values, found[4].values);
    // A minute without a trade: the path inside the bar is unknown.
    if let Some(row) = &mut rows[3] {
        row.is_filled = true;
    }
    assert_eq!(run(&rows, 0, &[shape])[4].values, [None; 5]);
    // A bar of one price has no range, path or moves; its volume still has a place.
    let still = run(&closes(&[7.0; 5]), 0, &[shape]).pop().unwrap();
    assert_eq!(still.values, [None, Some(0.0), None, Some(0.4), None]);
}

#[test]
fn volumes_of_a_few_minutes_by_hand() {
    use FeatureParams as P;
    let days_back = 0;
    let features = [
        P::FlowVolume(FlowVolumeParams {
            minutes: 3,
            days_back,
        }),
        P::VolumeRate(VolumeRateParams {
            minutes: 3,
            days_back,
        }),
    ];
    let mut rows = closes(&[100.0; 6]);
    for (m, row) in rows.iter_mut().enumerate() {
        let row = row.as_mut().unwrap();
        row.volume = (m + 1) as f64;
        row.buy_volume = (m != 3).then_some(0.5);
    }
    let found = run(&rows, 0, &features);
    assert_eq!(found[2].values, [Some(1.5), Some(4.5), Some(2.0)]);
    // An unknown split leaves the total known.
    assert_eq!(found[3].values, [None, None, Some(3.0)]);
    rows[4] = None;
    assert_eq!(run(&rows, 0, &features)[5].values, [None; 3]);
    let ratio = P::VolumeRatio(VolumeRatioParams { bars: 5, days_back });
    assert_near(last_of(&BARS, ratio), 6.0 / (13.0 / 5.0));
    assert_eq!(last_of(&BARS[..5], ratio), None);
}
