//! Tests of the feature set: golden values against the definitions, and independence of start and future.

mod cross;
mod flow;
mod golden;
mod price;
mod replay;
mod sources;

use proptest::prelude::*;

use super::*;
use crate::bars::{BarSource, MinuteRow};
use crate::time::{Day, MICROS_PER_MINUTE, MINUTES_PER_DAY};
use crate::units::Micros;

const FIRST: Day = Day(20_000);
const GAP: u32 = 10;
const WATERMARK: Micros = Micros(250_000);

/// A small deterministic generator (`SplitMix64`): tests need many numbers, not good ones.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Start of the minute `m` minutes after the first midnight.
fn minute_at(m: usize) -> UnixMicros {
    FIRST
        .start()
        .plus(i64::try_from(m).unwrap() * MICROS_PER_MINUTE)
}

/// Random rows: quiet and absent minutes, gaps of up to 20 minutes, unknown splits, no price at the very start.
fn random_rows(seed: u64, n_minutes: usize) -> Vec<Option<MinuteRow>> {
    let mut dice = Dice(seed);
    let mut last: Option<f64> = None;
    let mut quiet = dice.below(15);
    (0..n_minutes)
        .map(|m| {
            let ts_open = minute_at(m);
            if quiet == 0 && dice.below(60) == 0 {
                quiet = dice.below(20);
            }
            let mut row = MinuteRow {
                ts_open,
                open: last,
                high: last,
                low: last,
                close: last,
                volume: 0.0,
                quote_volume: Some(0.0),
                n_trades: Some(0),
                buy_volume: Some(0.0),
                vwap: None,
                bar_source: BarSource::Trades,
                is_filled: true,
            };
            if quiet > 0 {
                quiet -= 1;
                return (dice.below(40) > 0).then_some(row);
            }
            let open = last.unwrap_or(100.0) + dice.unit() - 0.5;
            let close = (open + dice.unit() - 0.5).max(1.0);
            let (top, bottom) = (open.max(close), open.min(close));
            row.open = Some(open);
            row.close = Some(close);
            row.high = Some(top + 0.3 * dice.unit());
            row.low = Some(bottom - 0.3 * dice.unit());
            row.volume = 10.0 * dice.unit();
            row.vwap = Some(f64::midpoint(top, bottom));
            row.quote_volume = (dice.below(8) > 0).then(|| f64::midpoint(top, bottom) * row.volume);
            row.buy_volume = (dice.below(50) > 0).then(|| row.volume * dice.unit());
            row.is_filled = false;
            last = row.close;
            Some(row)
        })
        .collect()
}

/// Random statistics of a minute, a function of its number and its row: some null, all null without a row.
fn random_stats(m: usize, row: Option<&MinuteRow>) -> Vec<f64> {
    let Some(row) = row else {
        return vec![f64::NAN; N_STAT_COLUMNS];
    };
    let mut dice = Dice(m as u64 ^ row.close.unwrap_or(0.0).to_bits() ^ row.volume.to_bits());
    crate::bars::STAT_COLUMNS
        .iter()
        .map(|column| {
            let is_signed = [
                "ofi",
                "mlofi",
                "signed_",
                "flow_x",
                "flow_y",
                "premium",
                "funding_r",
            ]
            .iter()
            .any(|start| column.starts_with(start));
            let value = match *column {
                "rv_n" => 8.0 + dice.below(5) as f64,
                "rv_zero" => dice.below(6) as f64,
                // Quarticity on both sides of squared bipower variation.
                "rv_tri" => 0.05 + 0.2 * dice.unit(),
                _ if is_signed => dice.unit() - 0.5,
                _ => 0.5 + dice.unit(),
            };
            if dice.below(10) == 0 { f64::NAN } else { value }
        })
        .collect()
}

/// Parameters of every kind.
fn every_kind() -> Vec<FeatureParams> {
    let mut all = first_kinds();
    all.extend(price::kinds());
    all
}

/// The kinds the entries need, compared with their definitions in `golden`.
fn first_kinds() -> Vec<FeatureParams> {
    use FeatureParams as P;
    vec![
        P::Ema(EmaParams {
            bars: 4,
            days_back: 1,
        }),
        P::EmaSlope(EmaSlopeParams {
            bars: 4,
            lag: 2,
            atr_bars: 3,
            days_back: 1,
        }),
        P::EmaGap(EmaGapParams {
            fast: 3,
            slow: 7,
            atr_bars: 5,
            days_back: 0,
        }),
        P::Atr(AtrParams {
            bars: 5,
            days_back: 2,
        }),
        P::SessionVwap(SessionVwapParams {}),
        P::EfficiencyRatio(EfficiencyRatioParams {
            bars: 6,
            days_back: 1,
        }),
        P::RealisedVol(RealisedVolParams {
            minutes: 12,
            min_valid_share: 0.6,
            days_back: 0,
        }),
        P::RvRatio(RvRatioParams {
            minutes: 6,
            days: 2,
            min_valid_share: 0.5,
        }),
        P::Extremes(ExtremesParams {
            bars: 5,
            days_back: 1,
        }),
        P::VolumeMedian(VolumeMedianParams {
            bars: 4,
            days_back: 0,
        }),
        P::Tfi(TfiParams {
            minutes: 3,
            days_back: 0,
        }),
        P::Wick(WickParams { days_back: 0 }),
    ]
}

fn params(features: Vec<FeatureParams>) -> FeatureSetParams {
    FeatureSetParams {
        watermark: WATERMARK,
        segment_gap_minutes: GAP,
        features,
    }
}

/// Values of every minute of `rows[from..]` with random statistics, `from` being a midnight.
fn run(rows: &[Option<MinuteRow>], from: usize, features: &[FeatureParams]) -> Vec<FeatureRow> {
    run_with(rows, from, features, random_stats)
}

/// The same without statistics.
fn run_plain(
    rows: &[Option<MinuteRow>],
    from: usize,
    features: &[FeatureParams],
) -> Vec<FeatureRow> {
    run_with(rows, from, features, |_, _| vec![])
}

fn run_with(
    rows: &[Option<MinuteRow>],
    from: usize,
    features: &[FeatureParams],
    stats: impl Fn(usize, Option<&MinuteRow>) -> Vec<f64>,
) -> Vec<FeatureRow> {
    let mut set = FeatureSet::new(&params(features.to_vec()), 1, 0).unwrap();
    rows.iter()
        .enumerate()
        .skip(from)
        .map(|(m, row)| {
            set.push_with_stats(minute_at(m), &[*row], &stats(m, row.as_ref()), &[])
                .unwrap()
                .clone()
        })
        .collect()
}

fn bits(rows: &[FeatureRow]) -> Vec<(i64, Vec<Option<u64>>)> {
    rows.iter()
        .map(|r| {
            (
                r.ts_avail.0,
                r.values.iter().map(|v| v.map(f64::to_bits)).collect(),
            )
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn values_do_not_depend_on_where_the_run_starts(seed in any::<u64>()) {
        let day = MINUTES_PER_DAY;
        let rows = random_rows(seed, 4 * day - 700);
        let all = every_kind();
        let whole = run(&rows, 0, &all);
        // With one day less, everything agrees once the longest window (2 days) exists again.
        let later = run(&rows, day, &all);
        prop_assert_eq!(bits(&whole[3 * day..]), bits(&later[2 * day..]));
        for column in 0..whole[0].values.len() {
            let has_values = whole[3 * day..].iter().any(|r| r.values[column].is_some());
            prop_assert!(has_values, "column {column}");
        }
        // A restart at the last day alone agrees for features that need nothing but that day.
        let own: Vec<_> = all.into_iter().filter(|p| p.days_back() == 0).collect();
        prop_assert_eq!(
            bits(&run(&rows, 0, &own)[3 * day..]),
            bits(&run(&rows, 3 * day, &own))
        );
    }

    #[test]
    fn values_do_not_know_the_future(seed in any::<u64>(), cut in 1_500_usize..2_000) {
        let all: Vec<_> =
            every_kind().into_iter().filter(|p| p.days_back() < 2).collect();
        let rows = random_rows(seed, 2_200);
        let whole = run(&rows, 0, &all);
        prop_assert_eq!(bits(&run(&rows[..cut], 0, &all)), bits(&whole[..cut]));
        let mut other = rows;
        let strange = random_rows(!seed, 2_200);
        other[cut..].copy_from_slice(&strange[cut..]);
        let perturbed = run(&other, 0, &all);
        prop_assert_eq!(bits(&perturbed[..cut]), bits(&whole[..cut]));
        prop_assert_ne!(bits(&perturbed[cut..]), bits(&whole[cut..]));
    }

    #[test]
    fn values_stay_inside_their_bounds(seed in any::<u64>()) {
        use FeatureParams as P;
        let rows = random_rows(seed, 600);
        let features = [
            P::EfficiencyRatio(EfficiencyRatioParams { bars: 3, days_back: 0 }),
            P::Tfi(TfiParams { minutes: 2, days_back: 0 }),
            P::Wick(WickParams { days_back: 0 }),
            P::SessionVwap(SessionVwapParams {}),
            P::Atr(AtrParams { bars: 3, days_back: 0 }),
            P::RealisedVol(RealisedVolParams { minutes: 5, min_valid_share: 0.0, days_back: 0 }),
            P::Extremes(ExtremesParams { bars: 3, days_back: 0 }),
        ];
        let (mut low, mut high) = (f64::MAX, f64::MIN);
        for (out, row) in run(&rows, 0, &features).iter().zip(&rows) {
            let v = &out.values;
            prop_assert!(v[0].is_none_or(|x| (0.0..=1.0).contains(&x)));
            prop_assert!(v[1].is_none_or(|x| (-1.0..=1.0).contains(&x)));
            if let (Some(upper), Some(lower)) = (v[2], v[3]) {
                prop_assert!(upper >= 0.0 && lower >= 0.0 && upper + lower <= 1.0 + 1e-12);
            }
            if let Some(r) = row.filter(|r| r.volume > 0.0) {
                low = low.min(r.low.unwrap());
                high = high.max(r.high.unwrap());
            }
            prop_assert!(v[4].is_none_or(|x| low - 1e-9 <= x && x <= high + 1e-9));
            prop_assert!(v[5].is_none_or(|x| x >= 0.0) && v[6].is_none_or(|x| x >= 0.0));
            if let (Some(top), Some(bottom)) = (v[7], v[8]) {
                prop_assert!(top >= bottom);
            }
        }
    }
}

fn flat(m: usize, is_filled: bool) -> Option<MinuteRow> {
    random_rows(1, 60)
        .into_iter()
        .flatten()
        .find(|r| !r.is_filled)
        .map(|r| MinuteRow {
            ts_open: minute_at(m),
            is_filled,
            ..r
        })
}

#[test]
fn a_feature_is_null_until_its_days_exist_and_while_one_of_them_is_empty() {
    let features = [
        FeatureParams::Ema(EmaParams {
            bars: 1,
            days_back: 1,
        }),
        FeatureParams::Wick(WickParams { days_back: 0 }),
    ];
    let mut set = FeatureSet::new(&params(features.to_vec()), 1, 0).unwrap();
    let mut seen = Vec::new();
    for m in 0..5 * MINUTES_PER_DAY {
        let day = m / MINUTES_PER_DAY;
        // Day 2 has no real row.
        let row = flat(m, day == 2);
        let ts_open = minute_at(m);
        let values = set.push(ts_open, &[row]).unwrap().values.clone();
        if m % MINUTES_PER_DAY == 700 {
            seen.push((values[0].is_some(), values[1].is_some()));
        }
    }
    assert_eq!(
        seen,
        [
            (false, true),
            (true, true),
            (false, false),
            (false, true),
            (true, true)
        ]
    );
    assert_eq!(set.warmup_days(), 1);
}

#[test]
fn frames_must_start_at_midnight_and_be_consecutive_and_aligned() {
    let mut set = FeatureSet::new(&params(every_kind()), 2, 1).unwrap();
    let start = FIRST.start();
    let next = start.plus(MICROS_PER_MINUTE);
    let none = [None, None];
    assert_eq!(
        set.push(next, &none).unwrap_err(),
        FeatureError::StartsMidDay { found: next }
    );
    assert!(set.frame().is_none());
    set.push(start, &none).unwrap();
    assert_eq!(
        set.push(start, &none).unwrap_err(),
        FeatureError::NotConsecutive {
            expected: next,
            found: start
        }
    );
    assert_eq!(
        set.push(next, &[None]).unwrap_err(),
        FeatureError::WrongWidth {
            expected: 2,
            found: 1
        }
    );
    assert_eq!(
        set.push(next, &[None, flat(0, false)]).unwrap_err(),
        FeatureError::Misaligned {
            instrument_idx: 1,
            expected: next,
            found: start
        }
    );
    let row = set.push(next, &[None, flat(1, false)]).unwrap();
    assert_eq!(
        row.ts_avail,
        UnixMicros(next.0 + MICROS_PER_MINUTE + 250_000)
    );
    let frame = set.frame().unwrap();
    assert_eq!((frame.ts_open, frame.traded().row), (next, flat(1, false)));
    assert!(FeatureSet::new(&params(every_kind()), 1, 1).is_err());
}

#[test]
fn the_frame_shows_a_bar_exactly_when_one_is_complete() {
    let mut set = FeatureSet::new(&params(every_kind()), 1, 0).unwrap();
    let closes: Vec<usize> = (0..20)
        .filter(|m| {
            let ts_open = minute_at(*m);
            set.push(ts_open, &[flat(*m, false)]).unwrap();
            set.frame().unwrap().traded().bar_5m.is_some()
        })
        .collect();
    assert_eq!(closes, [4, 9, 14, 19]);
}

#[test]
fn a_reference_instrument_does_not_leak_into_the_traded_one() {
    let rows = random_rows(7, 300);
    let reference = random_rows(8, 300);
    let features = every_kind();
    let alone = run(&rows, 0, &features);
    let mut set = FeatureSet::new(&params(features), 2, 1).unwrap();
    for (m, out) in alone.iter().enumerate() {
        let ts_open = minute_at(m);
        let pair = [reference[m], rows[m]];
        let stats = pair.map(|row| random_stats(m, row.as_ref())).concat();
        let both = set.push_with_stats(ts_open, &pair, &stats, &[]).unwrap();
        assert_eq!(
            bits(std::slice::from_ref(both)),
            bits(std::slice::from_ref(out))
        );
    }
}

#[test]
fn the_id_changes_with_everything_that_changes_a_value() {
    let id = |p: &FeatureSetParams| FeatureSet::new(p, 1, 0).unwrap().id().to_owned();
    let base = params(every_kind());
    let mut ids = vec![id(&base)];
    assert_eq!(ids[0], id(&base));
    assert_eq!(ids[0].len(), 16);
    ids.push(id(&FeatureSetParams {
        watermark: Micros(0),
        ..base.clone()
    }));
    ids.push(id(&FeatureSetParams {
        segment_gap_minutes: 11,
        ..base.clone()
    }));
    let mut fewer = base.clone();
    fewer.features.pop();
    ids.push(id(&fewer));
    let mut swapped = base.clone();
    swapped.features.swap(0, 1);
    ids.push(id(&swapped));
    for changed in [
        FeatureParams::Ema(EmaParams {
            bars: 5,
            days_back: 1,
        }),
        FeatureParams::Ema(EmaParams {
            bars: 4,
            days_back: 2,
        }),
        FeatureParams::Atr(AtrParams {
            bars: 4,
            days_back: 1,
        }),
    ] {
        let mut other = base.clone();
        other.features[0] = changed;
        ids.push(id(&other));
    }
    let mut share = base.clone();
    share.features[6] = FeatureParams::RealisedVol(RealisedVolParams {
        minutes: 12,
        min_valid_share: 0.7,
        days_back: 0,
    });
    ids.push(id(&share));
    let n = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), n);
}

#[test]
fn bad_parameters_are_all_named_at_once() {
    use FeatureParams as P;
    let bad = FeatureSetParams {
        watermark: Micros(-1),
        segment_gap_minutes: GAP,
        features: vec![
            P::Ema(EmaParams {
                bars: 0,
                days_back: 99,
            }),
            P::EmaGap(EmaGapParams {
                fast: 9,
                slow: 9,
                atr_bars: 3,
                days_back: 0,
            }),
            P::RealisedVol(RealisedVolParams {
                minutes: 60,
                min_valid_share: f64::NAN,
                days_back: 0,
            }),
            P::Wick(WickParams { days_back: 0 }),
            P::Wick(WickParams { days_back: 1 }),
        ],
    };
    let FeatureError::BadParams { violations } = FeatureSet::new(&bad, 1, 0).unwrap_err() else {
        panic!("another error")
    };
    let keys: Vec<&str> = violations.iter().map(|v| v.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "watermark",
            "features[0].ema.bars",
            "features[0].ema.days_back",
            "features[1].ema_gap.fast",
            "features[2].realised_vol.min_valid_share",
            "features",
            "features",
        ]
    );
    assert!(FeatureSet::new(&params(vec![]), 1, 0).is_err());
}

#[test]
fn every_kind_is_registered_with_a_full_declaration() {
    let kinds = kinds();
    let names: Vec<&str> = kinds.iter().map(|k| k.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    let mut ours: Vec<&str> = every_kind()
        .iter()
        .chain(&cross::two_instrument_kinds())
        .chain(&flow::flow_kinds())
        .map(FeatureParams::kind)
        .collect();
    ours.sort_unstable();
    assert_eq!(names, ours);
    for kind in kinds {
        let feature = kind.example.build().unwrap();
        let spec = feature.spec();
        assert_eq!(
            (spec.name, spec.days_back),
            (kind.name, kind.example.days_back())
        );
        assert!(!spec.columns.is_empty());
        for text in [
            spec.formula,
            spec.units,
            &spec.window,
            &spec.warmup,
            spec.inputs,
            spec.nan_policy,
            spec.causality,
            spec.reference,
            kind.doc,
        ] {
            assert!(!text.is_empty(), "{}", kind.name);
        }
    }
}

#[test]
fn no_value_is_ever_nan_or_infinite() {
    let huge = |m: usize| {
        flat(m, false).map(|r| MinuteRow {
            high: Some(1e15),
            low: Some(1e-300),
            close: Some(if m.is_multiple_of(2) { 1e15 } else { 1e-300 }),
            open: Some(1.0),
            volume: 1e300,
            quote_volume: Some(1e308),
            buy_volume: Some(1e300),
            ..r
        })
    };
    let rows: Vec<_> = (0..400).map(huge).collect();
    let features: Vec<_> = every_kind()
        .into_iter()
        .filter(|p| p.days_back() == 0)
        .collect();
    for row in run(&rows, 0, &features) {
        assert!(row.values.iter().flatten().all(|v| v.is_finite()));
    }
}
