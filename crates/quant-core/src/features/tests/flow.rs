//! Flow and book: every kind against a naive recomputation from its definition, and against the driver's promises.

mod examples;
mod naive;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::{Dice, FIRST, MinuteRow, bits, minute_at, params, random_rows};
use crate::bars::STAT_COLUMNS;
use crate::features::{
    AbsorptionParams, FeatureParams, FeatureRow, FeatureSet, FlowToxicityParams, HawkesParams,
    KyleMinuteParams, KyleParams, KyleSlopeParams, LiquidationPressureParams, MicroAlphaParams,
    N_STAT_COLUMNS, ObiParams, OfiParams, OfiWeightedParams, OfiZParams, ReplenishmentParams,
    SizeConcentrationParams, TfiThresholdParams, VpinBvcParams, VpinParams, WmidDevParams,
};
use crate::time::MINUTES_PER_DAY;

static COLUMNS: LazyLock<BTreeMap<&str, usize>> =
    LazyLock::new(|| STAT_COLUMNS.iter().copied().zip(0..).collect());

/// Every kind of the family but `tfi`, with short windows; all but the threshold need the current day only.
#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn flow_kinds() -> Vec<FeatureParams> {
    use FeatureParams as P;
    let (minutes, lookback, min_valid_share, days_back) = (5, 12, 0.6, 0);
    vec![
        P::Absorption(AbsorptionParams {
            minutes,
            lookback,
            min_valid_share,
            days_back,
        }),
        P::FlowToxicity(FlowToxicityParams {
            bars: 4,
            volume_bars: 3,
            min_ratio: 0.5,
            days_back,
        }),
        P::Hawkes(HawkesParams {
            sigma_minutes: 8,
            threshold: 1.2,
            decay_minutes: 7.0,
            jump: 0.8,
            days_back,
        }),
        P::Kyle(KyleParams {
            minutes,
            min_valid_share,
            days_back,
        }),
        P::KyleMinute(KyleMinuteParams {
            minutes: 11,
            nw_lag: 3,
            min_valid_share,
            days_back,
        }),
        P::KyleSlope(KyleSlopeParams {
            minutes,
            lag: 4,
            min_t: 1.5,
            min_valid_share,
            days_back,
        }),
        P::LiquidationPressure(LiquidationPressureParams {
            minutes,
            lookback,
            min_valid_share,
            days_back,
        }),
        P::MicroAlpha(MicroAlphaParams {
            minutes,
            lookback,
            min_valid_share,
            days_back,
        }),
        P::Obi(ObiParams {
            minutes,
            lookback,
            min_valid_share,
            days_back,
        }),
        P::Ofi(OfiParams {
            minutes,
            min_valid_share,
            days_back,
        }),
        P::OfiWeighted(OfiWeightedParams {
            minutes,
            lookback,
            min_valid_share,
            days_back,
        }),
        P::OfiZ(OfiZParams {
            minutes,
            lookback,
            min_valid_share,
            days_back,
        }),
        P::Replenishment(ReplenishmentParams {
            minutes,
            min_valid_share,
            days_back,
        }),
        P::SizeConcentration(SizeConcentrationParams {
            minutes,
            min_valid_share,
            days_back,
        }),
        P::TfiThreshold(TfiThresholdParams {
            minutes: 3,
            samples: 200,
            min_samples: 50,
            percentile: 85.0,
            fallback: 0.25,
        }),
        P::Vpin(VpinParams {
            buckets: 6,
            lookback,
            min_valid_share,
            days_back,
        }),
        P::VpinBvc(VpinBvcParams {
            minutes,
            sigma_minutes: 7,
            min_valid_share,
            days_back,
        }),
        P::WmidDev(WmidDevParams {
            lookback,
            min_valid_share,
            days_back,
        }),
    ]
}

/// What is odd about a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Oddity {
    Nothing,
    /// All prices and mids are equal.
    OnePrice,
    /// Nothing trades; rows are real all the same.
    NoVolume,
    /// The price jumps by half.
    Jump,
    /// Every statistic repeats itself.
    OneStat,
}

/// Rows, their statistics and the (signed volume, price change) of 10 s intervals behind the Kyle sums.
#[derive(Clone)]
struct World {
    rows: Vec<Option<MinuteRow>>,
    stats: Vec<Vec<f64>>,
    intervals: Vec<Vec<(f64, f64)>>,
}

impl World {
    fn random(seed: u64, n: usize, oddity: Oddity) -> Self {
        let mut rows = random_rows(seed, n);
        for (m, row) in rows.iter_mut().enumerate() {
            let Some(r) = row else { continue };
            let scale = match oddity {
                Oddity::Jump if m >= n / 2 => 1.5,
                _ => 1.0,
            };
            for price in [&mut r.open, &mut r.high, &mut r.low, &mut r.close] {
                *price = price.map(|p| {
                    if oddity == Oddity::OnePrice {
                        100.0
                    } else {
                        p * scale
                    }
                });
            }
            if oddity == Oddity::NoVolume {
                r.volume = 0.0;
                r.buy_volume = Some(0.0);
            }
        }
        let mut world = Self {
            rows,
            stats: Vec::new(),
            intervals: Vec::new(),
        };
        let mut dice = Dice(seed ^ 0xf10e);
        for m in 0..n {
            // A repeated minute repeats its dice.
            if oddity == Oddity::OneStat {
                dice = Dice(seed);
            }
            world.add(&mut dice, m, oddity);
        }
        world
    }

    fn add(&mut self, dice: &mut Dice, m: usize, oddity: Oddity) {
        let mut stats = vec![f64::NAN; N_STAT_COLUMNS];
        let Some(row) = self.rows[m] else {
            self.stats.push(stats);
            self.intervals.push(Vec::new());
            return;
        };
        let close = row.close.unwrap_or(100.0);
        let n_intervals = 1 + dice.below(6);
        let drift = if oddity == Oddity::OnePrice { 0.0 } else { 1.0 };
        let intervals: Vec<(f64, f64)> = (0..n_intervals)
            .map(|_| {
                let x = 10.0 * (dice.unit() - 0.45);
                (x, drift * (0.02 * x + 0.3 * (dice.unit() - 0.5)))
            })
            .collect();
        let sum = |f: &dyn Fn(&(f64, f64)) -> f64| intervals.iter().map(f).sum::<f64>();
        let groups: Vec<Vec<(&str, f64)>> = vec![
            vec![("ofi", 20.0 * (dice.unit() - 0.5)), ("ofi_events", 3.0)],
            vec![("ofi_depth", 1.0 + dice.unit())],
            vec![("ofi_weighted", 30.0 * (dice.unit() - 0.5))],
            vec![("obi_tw", 2.0 * dice.unit() - 1.0)],
            vec![("wmid_close", close + 0.2 * (dice.unit() - 0.5))],
            vec![("mid_close", close + drift * 0.1 * (dice.unit() - 0.5))],
            vec![("signed_volume", 8.0 * (dice.unit() - 0.5))],
            vec![
                ("flow_n", n_intervals as f64),
                ("flow_x", sum(&|p| p.0)),
                ("flow_y", sum(&|p| p.1)),
                ("flow_xx", sum(&|p| p.0 * p.0)),
                ("flow_xy", sum(&|p| p.0 * p.1)),
                ("flow_yy", sum(&|p| p.1 * p.1)),
            ],
            {
                let n = dice.below(4) as f64;
                vec![("vpin_buckets", n), ("vpin_imbalance", n * dice.unit())]
            },
            {
                let n = dice.below(4);
                let refills = dice.below(n + 1) as f64;
                vec![
                    ("n_depletions", n as f64),
                    ("n_refills", refills),
                    ("refill_secs", refills * 5.0 * dice.unit()),
                ]
            },
            vec![
                ("book_added_bid", 9.0 * dice.unit()),
                ("book_added_ask", 9.0 * dice.unit()),
            ],
            vec![("book_removed_bid", 9.0 * dice.unit())],
            vec![("book_removed_ask", 9.0 * dice.unit())],
            vec![("size_sq", row.volume * row.volume * dice.unit())],
            vec![
                ("liq_buy", 1e4 * dice.unit()),
                ("liq_sell", 1e4 * dice.unit()),
            ],
        ];
        for group in groups {
            if oddity == Oddity::OneStat || dice.below(9) > 0 {
                for (name, value) in group {
                    stats[COLUMNS[name]] = value;
                }
            }
        }
        self.stats.push(stats);
        self.intervals.push(intervals);
    }

    fn stat(&self, m: usize, name: &str) -> Option<f64> {
        let x = self.stats[m][COLUMNS[name]];
        (!x.is_nan()).then_some(x)
    }

    /// Values of the minutes `from..until`, `from` being a midnight.
    fn run(&self, from: usize, until: usize, features: &[FeatureParams]) -> Vec<FeatureRow> {
        let mut set = FeatureSet::new(&params(features.to_vec()), 1, 0).unwrap();
        (from..until)
            .map(|m| {
                set.push_with_stats(minute_at(m), &[self.rows[m]], &self.stats[m], &[])
                    .unwrap()
                    .clone()
            })
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    #[test]
    fn starts_do_not_matter_and_the_future_is_unknown(seed in any::<u64>(), cut in 1_500_usize..3_000) {
        let (day, all) = (MINUTES_PER_DAY, flow_kinds());
        let world = World::random(seed, 3 * day, Oddity::Nothing);
        let whole = world.run(0, 3 * day, &all);
        let later = world.run(day, 3 * day, &all);
        prop_assert_eq!(bits(&whole[2 * day..]), bits(&later[day..]));
        prop_assert!(whole[2 * day..].iter().any(|r| r.values.iter().all(Option::is_some)));
        // A restart at the last day alone agrees for what needs nothing but that day.
        let own: Vec<_> = all.iter().copied().filter(|p| p.days_back() == 0).collect();
        prop_assert_eq!(
            bits(&world.run(0, 3 * day, &own)[2 * day..]),
            bits(&world.run(2 * day, 3 * day, &own))
        );
        prop_assert_eq!(bits(&world.run(0, cut, &all)), bits(&whole[..cut]));
        let mut other = World::random(!seed, 3 * day, Oddity::Nothing);
        other.rows[..cut].copy_from_slice(&world.rows[..cut]);
        other.stats[..cut].clone_from_slice(&world.stats[..cut]);
        let perturbed = other.run(0, 3 * day, &all);
        prop_assert_eq!(bits(&perturbed[..cut]), bits(&whole[..cut]));
        prop_assert_ne!(bits(&perturbed[cut..]), bits(&whole[cut..]));
    }
}

#[test]
fn a_value_depends_on_its_window_alone() {
    // Other minutes before the window, in the same segment, change no bit of what looks back a fixed time.
    let windows: Vec<_> = flow_kinds()
        .into_iter()
        .filter(|p| !["hawkes", "tfi_threshold", "vpin"].contains(&p.kind()))
        .collect();
    let n = 400;
    let (mut a, mut b) = (
        World::random(5, n, Oddity::Nothing),
        World::random(6, n, Oddity::Nothing),
    );
    let base = a.rows.iter().flatten().find(|r| !r.is_filled).copied();
    for world in [&mut a, &mut b] {
        // No gaps: both are one segment from the first minute on.
        for (m, row) in world.rows.iter_mut().enumerate() {
            let filler = base.map(|r| MinuteRow {
                ts_open: minute_at(m),
                ..r
            });
            *row = row.filter(|r| !r.is_filled).or(filler);
        }
    }
    b.rows[200..].copy_from_slice(&a.rows[200..]);
    b.stats[200..].clone_from_slice(&a.stats[200..]);
    let (x, y) = (a.run(0, n, &windows), b.run(0, n, &windows));
    assert_ne!(bits(&x[..200]), bits(&y[..200]));
    assert_eq!(bits(&x[250..]), bits(&y[250..]));
}

#[test]
fn every_value_is_what_the_definition_says() {
    for (seed, oddity) in [
        (1, Oddity::Nothing),
        (2, Oddity::Nothing),
        (3, Oddity::OnePrice),
        (4, Oddity::NoVolume),
        (5, Oddity::Jump),
        (6, Oddity::OneStat),
    ] {
        let n = if oddity == Oddity::Nothing { 700 } else { 300 };
        let world = World::random(seed, n, oddity);
        for kind in flow_kinds() {
            if kind.kind() != "tfi_threshold" {
                compare(&world, kind, oddity);
            }
        }
    }
}

/// Compares every minute of a world of one day; on a world that is not odd, every column must have had values and nulls.
fn compare(world: &World, kind: FeatureParams, oddity: Oddity) {
    let n = world.rows.len();
    let starts = naive::starts(&world.rows, n);
    let found = world.run(0, n, &[kind]);
    let mut seen = vec![0; found[0].values.len()];
    for (t, row) in found.iter().enumerate() {
        let expected = match starts[t] {
            None => vec![None; row.values.len()],
            Some(start) => naive::values(world, &starts, kind, start, t),
        };
        assert_eq!(expected.len(), row.values.len());
        for (i, (a, b)) in row.values.iter().zip(&expected).enumerate() {
            let near = match (a, b) {
                (None, None) => true,
                (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs().max(1e-6),
                _ => false,
            };
            let name = kind.kind();
            assert!(
                near,
                "{oddity:?}, minute {t}, {name}[{i}]: {a:?}, expected {b:?}"
            );
            seen[i] += usize::from(a.is_some());
        }
    }
    for (i, seen) in seen.iter().enumerate() {
        let is_odd = oddity != Oddity::Nothing;
        assert!(
            is_odd || (40..n).contains(seen),
            "{}[{i}]: {seen} values",
            kind.kind()
        );
    }
}

#[test]
fn the_threshold_is_the_percentile_of_the_day_before_and_changes_at_midnight_only() {
    let day = MINUTES_PER_DAY;
    let kind = flow_kinds()
        .into_iter()
        .find(|p| p.kind() == "tfi_threshold")
        .unwrap();
    for (seed, oddity) in [(8, Oddity::Nothing), (9, Oddity::NoVolume)] {
        let world = World::random(seed, 3 * day, oddity);
        let found = world.run(0, 3 * day, &[kind]);
        assert!(found[..day].iter().all(|r| r.values == [None]));
        for d in 1..3 {
            let own_day = &world.rows[(d - 1) * day..d * day];
            let expected = naive::tfi_threshold(own_day, 3, 200, 50, 85.0, 0.25);
            assert_eq!(oddity == Oddity::NoVolume, (expected - 0.25).abs() < 1e-15);
            let starts = naive::starts(&world.rows[(d - 1) * day..(d + 1) * day], 2 * day);
            for m in 0..day {
                let value = found[d * day + m].values[0];
                assert_eq!(value.is_some(), starts[day + m].is_some());
                assert!(value.is_none_or(|v| (v - expected).abs() <= 1e-12));
            }
        }
    }
}

#[test]
fn nothing_is_ever_nan_or_infinite() {
    let n = 300;
    let mut world = World::random(11, n, Oddity::Nothing);
    let mut dice = Dice(12);
    for (m, row) in world.rows.iter_mut().enumerate() {
        let wild =
            |dice: &mut Dice| [1e-300, 1e300, 1e155, 0.0][usize::try_from(dice.below(4)).unwrap()];
        if let Some(r) = row {
            r.close = Some(if m.is_multiple_of(2) { 1e200 } else { 1e-200 });
            r.volume = wild(&mut dice);
            r.buy_volume = Some(wild(&mut dice));
        }
        for value in &mut world.stats[m] {
            let sign = if dice.below(2) == 0 { 1.0 } else { -1.0 };
            *value = sign * wild(&mut dice);
        }
    }
    for row in world.run(0, n, &flow_kinds()) {
        assert!(row.values.iter().flatten().all(|v| v.is_finite()));
    }
    assert_eq!(FIRST.start(), minute_at(0));
}
