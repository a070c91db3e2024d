//! Every feature against a naive recomputation from its definition, minute by minute, over random rows with gaps.

use proptest::prelude::*;

use super::{FIRST, GAP, MinuteRow, first_kinds, random_rows, run_plain as run};
use crate::features::{
    AtrParams, EfficiencyRatioParams, EmaGapParams, EmaParams, EmaSlopeParams, ExtremesParams,
    FeatureParams, RealisedVolParams, RvRatioParams, SessionVwapParams, TfiParams,
    VolumeMedianParams,
};

/// (open, high, low, close, volume)
pub(super) type Naive = (f64, f64, f64, f64, f64);

/// First minute of the segment that minute `t` lies in, counted from `from`; `None` inside a gap.
pub(super) fn segment_start(rows: &[Option<MinuteRow>], from: usize, t: usize) -> Option<usize> {
    let is_real = |m: usize| rows[m].is_some_and(|r| !r.is_filled);
    let quiet_until = |m: usize| (from..=m).rev().take_while(|i| !is_real(*i)).count();
    if quiet_until(t) > GAP as usize {
        return None;
    }
    let starts = |m: usize| {
        is_real(m) && ((from..m).all(|i| !is_real(i)) || quiet_until(m - 1) > GAP as usize)
    };
    Some((from..=t).rev().find(|m| starts(*m)).unwrap_or(from))
}

/// Completed bars of the segment, up to and including minute `t`; `starts` holds `segment_start` of every minute.
pub(super) fn bars(rows: &[Option<MinuteRow>], starts: &[Option<usize>], t: usize) -> Vec<Naive> {
    let Some(start) = starts[t] else {
        return vec![];
    };
    (start..=t)
        .filter(|m| m % 5 == 4 && starts[*m].is_some())
        .filter_map(|m| {
            let five: Vec<MinuteRow> = rows[m - 4..=m].iter().copied().collect::<Option<_>>()?;
            let real: Vec<&MinuteRow> = five.iter().filter(|r| !r.is_filled).collect();
            let of = if real.is_empty() {
                five.iter().collect()
            } else {
                real
            };
            Some((
                of[0].open?,
                of.iter()
                    .map(|r| r.high.unwrap_or(0.0))
                    .fold(f64::MIN, f64::max),
                of.iter()
                    .map(|r| r.low.unwrap_or(0.0))
                    .fold(f64::MAX, f64::min),
                of[of.len() - 1].close?,
                five.iter().map(|r| r.volume).sum(),
            ))
        })
        .collect()
}

pub(super) fn ema(closes: &[f64], n: u32) -> Option<f64> {
    let a = 2.0 / (f64::from(n) + 1.0);
    let value = closes.iter().copied().reduce(|e, c| e + a * (c - e))?;
    (closes.len() >= n as usize).then_some(value)
}

fn atr(bars: &[Naive], n: u32) -> Option<f64> {
    let n = n as usize;
    let ranges: Vec<f64> = bars
        .iter()
        .enumerate()
        .map(|(i, b)| {
            let mut all = vec![b.1 - b.2];
            if i > 0 {
                let before = bars[i - 1].3;
                all.extend([(b.1 - before).abs(), (b.2 - before).abs()]);
            }
            all.into_iter().fold(0.0, f64::max)
        })
        .collect();
    let seed = ranges.get(..n)?.iter().sum::<f64>() / n as f64;
    Some(ranges[n..].iter().fold(seed, |a, r| a + (r - a) / n as f64))
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => None,
        n if n % 2 == 0 => Some((sorted[n / 2 - 1] + sorted[n / 2]) * 0.5),
        n => Some(sorted[n / 2]),
    }
}

fn realised_vol(
    rows: &[Option<MinuteRow>],
    from: usize,
    t: usize,
    n: usize,
    share: f64,
) -> Option<f64> {
    let start = segment_start(rows, from, t)?;
    // Closes are known from the first priced row of the segment on; absent rows repeat the last one.
    let first = (start..=t).find(|m| rows[*m].is_some_and(|r| r.close.is_some()))?;
    if t < first + n {
        return None;
    }
    let close = |m: usize| {
        (first..=m)
            .rev()
            .find_map(|i| rows[i].and_then(|r| r.close))
    };
    let window = t - n + 1..=t;
    let n_real = window
        .clone()
        .filter(|m| rows[*m].is_some_and(|r| !r.is_filled))
        .count();
    let sum: f64 = window
        .filter_map(|m| Some(libm::log(close(m)? / close(m - 1)?)))
        .map(|r| r * r)
        .sum();
    (n_real as f64 >= share * n as f64).then(|| sum.sqrt())
}

/// The values of one feature at minute `t`, on a run that starts at minute 0 of one day.
fn expected(
    params: &FeatureParams,
    rows: &[Option<MinuteRow>],
    starts: &[Option<usize>],
    t: usize,
) -> Vec<Option<f64>> {
    use FeatureParams as P;
    let start = starts[t];
    let bars = bars(rows, starts, t);
    let closes: Vec<f64> = bars.iter().map(|b| b.3).collect();
    let last = bars.len().saturating_sub(1);
    let before = |n: u32| {
        let n = n as usize;
        (last >= n && !bars.is_empty()).then(|| &bars[last - n..last])
    };
    match *params {
        P::Ema(EmaParams { bars: n, .. }) => vec![ema(&closes, n)],
        P::Atr(AtrParams { bars: n, .. }) => vec![atr(&bars, n)],
        P::EmaGap(EmaGapParams {
            fast,
            slow,
            atr_bars,
            ..
        }) => vec![(|| {
            Some((ema(&closes, fast)? - ema(&closes, slow)?) / atr(&bars, atr_bars)?)
        })()],
        P::EmaSlope(EmaSlopeParams {
            bars: n,
            lag,
            atr_bars,
            ..
        }) => vec![(|| {
            let then = closes.get(..closes.len().checked_sub(lag as usize)?)?;
            let change = ema(&closes, n)? - ema(then, n)?;
            Some(change / f64::from(lag) / atr(&bars, atr_bars)?)
        })()],
        P::SessionVwap(SessionVwapParams {}) => {
            let traded = || rows[..=t].iter().flatten().filter(|r| r.volume > 0.0);
            let quote: f64 = traded()
                .map(|r| {
                    r.quote_volume.unwrap_or_else(|| {
                        let sum: f64 = [r.high, r.low, r.close].into_iter().flatten().sum();
                        sum / 3.0 * r.volume
                    })
                })
                .sum();
            let base: f64 = traded().map(|r| r.volume).sum();
            let in_gap = segment_start(rows, 0, t).is_none();
            vec![(base > 0.0 && !in_gap).then(|| quote / base)]
        }
        P::EfficiencyRatio(EfficiencyRatioParams { bars: n, .. }) => {
            let n = n as usize;
            vec![closes.len().checked_sub(n + 1).and_then(|skip| {
                let c = &closes[skip..];
                let path: f64 = c.windows(2).map(|w| (w[1] - w[0]).abs()).sum();
                (path > 0.0).then(|| (c[n] - c[0]).abs() / path)
            })]
        }
        P::RealisedVol(RealisedVolParams {
            minutes,
            min_valid_share,
            ..
        }) => {
            vec![realised_vol(rows, 0, t, minutes as usize, min_valid_share)]
        }
        P::Extremes(ExtremesParams { bars: n, .. }) => vec![
            before(n).map(|b| b.iter().map(|x| x.1).fold(f64::MIN, f64::max)),
            before(n).map(|b| b.iter().map(|x| x.2).fold(f64::MAX, f64::min)),
        ],
        P::VolumeMedian(VolumeMedianParams { bars: n, .. }) => {
            vec![before(n).and_then(|b| median(b.iter().map(|x| x.4)))]
        }
        P::Tfi(TfiParams { minutes, .. }) => {
            let n = minutes as usize;
            vec![start.filter(|s| t + 1 >= s + n).and_then(|_| {
                let window = &rows[t + 1 - n..=t];
                let bought: f64 = window
                    .iter()
                    .map(|r| r.and_then(|r| r.buy_volume))
                    .sum::<Option<f64>>()?;
                let all: f64 = window.iter().flatten().map(|r| r.volume).sum();
                (all > 0.0).then(|| 2.0 * bought / all - 1.0)
            })]
        }
        P::Wick(_) => {
            let wick = bars
                .last()
                .filter(|b| b.1 > b.2)
                .map(|(o, h, l, c, _)| ((h - o.max(*c)) / (h - l), (o.min(*c) - l) / (h - l)));
            vec![wick.map(|w| w.0), wick.map(|w| w.1)]
        }
        P::RvRatio(_) => vec![],
        // Families with inputs of their own are compared in their own files.
        other => panic!("no naive {} here", other.kind()),
    }
}

pub(super) fn close_to(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * (1.0 + a.abs()),
        (a, b) => a.is_none() && b.is_none(),
    }
}

fn of_one_day(params: FeatureParams) -> FeatureParams {
    use FeatureParams as P;
    match params {
        P::Ema(EmaParams { bars, .. }) => P::Ema(EmaParams { bars, days_back: 0 }),
        P::EmaSlope(EmaSlopeParams {
            bars,
            lag,
            atr_bars,
            ..
        }) => P::EmaSlope(EmaSlopeParams {
            bars,
            lag,
            atr_bars,
            days_back: 0,
        }),
        P::Atr(AtrParams { bars, .. }) => P::Atr(AtrParams { bars, days_back: 0 }),
        P::EfficiencyRatio(EfficiencyRatioParams { bars, .. }) => {
            P::EfficiencyRatio(EfficiencyRatioParams { bars, days_back: 0 })
        }
        P::Extremes(ExtremesParams { bars, .. }) => {
            P::Extremes(ExtremesParams { bars, days_back: 0 })
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn every_feature_equals_its_definition(seed in any::<u64>()) {
        let rows = random_rows(seed, 260);
        let starts: Vec<_> = (0..rows.len()).map(|t| segment_start(&rows, 0, t)).collect();
        // A window longer than a gap: only the gap rule makes it null inside one.
        let long = FeatureParams::Tfi(TfiParams { minutes: 15, days_back: 0 });
        for params in first_kinds().into_iter().map(of_one_day).chain([long]) {
            if matches!(params, FeatureParams::RvRatio(_)) {
                continue;
            }
            let found = run(&rows, 0, &[params]);
            for (t, row) in found.iter().enumerate() {
                let wanted = expected(&params, &rows, &starts, t);
                prop_assert_eq!(row.values.len(), wanted.len());
                for (a, b) in row.values.iter().zip(wanted) {
                    prop_assert!(close_to(*a, b), "{params:?} at {t}: {a:?}, expected {b:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2))]

    #[test]
    fn the_volatility_ratio_equals_its_definition(seed in any::<u64>(), share in 0.3_f64..0.8) {
        const DAY: usize = 1_440;
        let (n, days) = (8_usize, 2_usize);
        let rows = random_rows(seed, 4 * DAY - 900);
        let params =
            FeatureParams::RvRatio(RvRatioParams { minutes: 8, days: 2, min_valid_share: share });
        let found = run(&rows, 0, &[params]);
        for (t, row) in found.iter().enumerate() {
            let today = t / DAY;
            if today < days {
                prop_assert_eq!(row.values[0], None);
                continue;
            }
            // Sampled: the definition is slow.
            if t % 97 != 0 {
                continue;
            }
            let from = (today - days) * DAY;
            let medians: Vec<f64> = (today - days..today)
                .filter(|d| {
                    let real = rows[d * DAY..(d + 1) * DAY]
                        .iter()
                        .filter(|r| r.is_some_and(|r| !r.is_filled));
                    real.count() as f64 >= share * DAY as f64
                })
                .filter_map(|d| {
                    median((d * DAY..(d + 1) * DAY).filter_map(|m| {
                        // A window around the minute is all its value depends on, gaps included.
                        let near = from.max(m.saturating_sub(200));
                        realised_vol(&rows, near, m, n, share)
                    }))
                })
                .collect();
            let baseline = (medians.len() as f64 >= share * days as f64)
                .then(|| median(medians.into_iter()))
                .flatten();
            let now = realised_vol(&rows, from, t, n, share);
            let wanted = now.zip(baseline).map(|(rv, b)| rv / b);
            prop_assert!(
                close_to(row.values[0], wanted),
                "{} at {t}: {:?}, expected {wanted:?}",
                FIRST,
                row.values[0]
            );
        }
    }
}

#[test]
fn a_day_with_too_few_real_minutes_does_not_count_in_the_volatility_ratio() {
    const DAY: usize = 1_440;
    let params = FeatureParams::RvRatio(RvRatioParams {
        minutes: 6,
        days: 2,
        min_valid_share: 0.5,
    });
    let mut real = random_rows(1, 60)
        .into_iter()
        .flatten()
        .find(|r| !r.is_filled)
        .unwrap();
    let mut last = 100.0;
    let rows: Vec<Option<MinuteRow>> = (0..2 * DAY + 300)
        .map(|m| {
            // Day 0 jumps for 100 minutes and is silent afterwards; the others alternate quietly.
            real.is_filled = (100..DAY).contains(&m);
            if !real.is_filled {
                let step = if m < DAY { 50.0 } else { 1.0 };
                last = if m.is_multiple_of(2) {
                    100.0
                } else {
                    100.0 + step
                };
            }
            real.ts_open = super::minute_at(m);
            real.close = Some(last);
            Some(real)
        })
        .collect();
    let found = run(&rows, 0, &[params]);
    for row in &found[2 * DAY..] {
        assert!(close_to(row.values[0], Some(1.0)), "{:?}", row.values[0]);
    }
}

#[test]
fn random_rows_warm_every_feature_up() {
    let rows = random_rows(3, 260);
    for params in first_kinds().into_iter().map(of_one_day) {
        let found = run(&rows, 0, &[params]);
        let n = found
            .iter()
            .filter(|r| r.values.iter().all(Option::is_some))
            .count();
        let is_many_days = matches!(params, FeatureParams::RvRatio(_));
        assert_eq!(n > 20, !is_many_days, "{params:?} has {n} values");
    }
}
