//! Features of price, range and volatility against naive recomputations, published numbers and known-wrong formulas.

mod golden_numbers;
mod naive;

use proptest::prelude::*;

use super::golden::{close_to, median};
use super::{Dice, MinuteRow, minute_at, params, random_rows, run};
use crate::bars::stat_column;
use crate::features::*;
use naive::World;

const DAY: usize = 1_440;

/// Parameters of every kind of this family that `golden` does not know, small enough for short rows.
pub(super) fn kinds() -> Vec<FeatureParams> {
    use FeatureParams as P;
    let (min_valid_share, days_back) = (0.5, 0);
    vec![
        P::ActivityRatio(ActivityRatioParams {
            short_minutes: 3,
            long_minutes: 9,
            days_back,
        }),
        P::Amihud(AmihudParams {
            minutes: 9,
            min_valid_share,
            days_back,
        }),
        P::AtrMinutes(AtrMinutesParams {
            minutes: 6,
            days_back,
        }),
        P::CloseVol(CloseVolParams {
            bars: 4,
            days_back: 1,
        }),
        P::CorwinSchultz(CorwinSchultzParams { bars: 3, days_back }),
        P::DepthStress(DepthStressParams {
            minutes: 6,
            days: 2,
            min_valid_share: 0.3,
        }),
        P::Edge(EdgeParams { bars: 5, days_back }),
        P::EmaTrend(EmaTrendParams {
            fast: 2,
            slow: 4,
            days_back,
        }),
        P::EwmaVol(EwmaVolParams {
            bars: 3,
            days_back: 1,
        }),
        P::FlowVolume(FlowVolumeParams {
            minutes: 4,
            days_back,
        }),
        P::GarmanKlass(GarmanKlassParams { bars: 4, days_back }),
        P::Hasbrouck(HasbrouckParams {
            minutes: 8,
            min_valid_share,
            days_back,
        }),
        P::Intrabar(IntrabarParams { days_back }),
        P::Jump(JumpParams {
            minutes: 7,
            max_zero_share: 0.22,
            min_valid_share,
            days_back,
        }),
        P::JumpZ(JumpZParams {
            minutes: 8,
            max_zero_share: 0.26,
            min_valid_share,
            days_back,
        }),
        P::Parkinson(ParkinsonParams { bars: 4, days_back }),
        P::RogersSatchell(RogersSatchellParams { bars: 4, days_back }),
        P::Roll(RollParams {
            minutes: 10,
            days_back,
        }),
        P::SessionVwapZ(SessionVwapZParams { min_minutes: 4 }),
        P::SpreadStress(SpreadStressParams {
            minutes: 5,
            days: 1,
            min_valid_share: 0.4,
        }),
        P::VolumeRate(VolumeRateParams {
            minutes: 5,
            days_back,
        }),
        P::VolumeRatio(VolumeRatioParams { bars: 3, days_back }),
        P::YangZhang(YangZhangParams { bars: 4, days_back }),
    ]
}

/// Random rows with stretches of equal prices, minutes of volume without a quote, and one jump by half.
fn rough_rows(seed: u64, n_minutes: usize) -> Vec<Option<MinuteRow>> {
    let mut dice = Dice(!seed);
    let mut rows = random_rows(seed, n_minutes);
    let n = n_minutes as u64;
    let (jump, up) = (dice.below(n), dice.below(2) == 0);
    let flat = dice.below(n);
    let mut last = None;
    for (m, row) in (0_u64..).zip(&mut rows) {
        let Some(row) = row else { continue };
        let is_flat = (flat..flat + 45).contains(&m);
        let scale = match (m >= jump, up) {
            (false, _) => 1.0,
            (true, true) => 1.5,
            (true, false) => 0.5,
        };
        for price in [
            &mut row.open,
            &mut row.high,
            &mut row.low,
            &mut row.close,
            &mut row.vwap,
        ] {
            let moved = price.map(|x| scale * if is_flat { 0.1 } else { x });
            *price = if row.is_filled { last } else { moved };
        }
        last = row.close;
        if dice.below(12) == 0 {
            row.vwap = None;
            row.quote_volume = [None, Some(0.0)][usize::from(dice.below(2) == 0)];
        }
    }
    rows
}

/// The same with a replay of no day, so that a short run has values.
fn is_many_days(params: &FeatureParams) -> bool {
    matches!(
        params,
        FeatureParams::SpreadStress(_) | FeatureParams::DepthStress(_)
    )
}

fn of_one_day(params: FeatureParams) -> FeatureParams {
    use FeatureParams as P;
    match params {
        P::CloseVol(p) => P::CloseVol(CloseVolParams { days_back: 0, ..p }),
        P::EwmaVol(p) => P::EwmaVol(EwmaVolParams { days_back: 0, ..p }),
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_kind_equals_its_definition(seed in any::<u64>()) {
        let rows = rough_rows(seed, 280);
        let world = World::with_bars(&rows);
        let kinds: Vec<_> =
            kinds().into_iter().filter(|p| !is_many_days(p)).map(of_one_day).collect();
        for (t, row) in run(&rows, 0, &kinds).iter().enumerate() {
            let mut columns = row.values.iter();
            for params in &kinds {
                for (i, wanted) in world.expected(params, t).into_iter().enumerate() {
                    let found = *columns.next().unwrap();
                    prop_assert!(
                        close_to(found, wanted),
                        "{params:?} column {i} at {t}: {found:?}, expected {wanted:?}"
                    );
                }
            }
            prop_assert_eq!(columns.next(), None);
        }
    }
}

#[test]
fn random_rows_give_every_column_values() {
    let rows = random_rows(3, 280);
    for params in kinds()
        .into_iter()
        .filter(|p| !is_many_days(p))
        .map(of_one_day)
    {
        let found = run(&rows, 0, &[params]);
        for column in 0..found[0].values.len() {
            let n = found.iter().filter(|r| r.values[column].is_some()).count();
            assert!(n > 20, "{params:?} column {column} has {n} values");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2))]

    #[test]
    fn stress_equals_its_definition(seed in any::<u64>(), share in 0.3_f64..0.95) {
        let days = 2_usize;
        let rows = random_rows(seed, 4 * DAY - 900);
        let (minutes, min_valid_share) = (6, share);
        let features = [
            FeatureParams::SpreadStress(SpreadStressParams { minutes, days: 2, min_valid_share }),
            FeatureParams::DepthStress(DepthStressParams { minutes, days: 2, min_valid_share }),
        ];
        let world = World::new(&rows);
        for (t, row) in run(&rows, 0, &features).iter().enumerate() {
            let today = t / DAY;
            if today < days {
                prop_assert_eq!(&row.values, &vec![None, None]);
                continue;
            }
            let spread = |m: usize| world.stat("spread_bps_tw", m);
            let depth = |m: usize| {
                Some(world.stat("depth_bid_tw", m)? + world.stat("depth_ask_tw", m)?)
            };
            let usual = |x: &dyn Fn(usize) -> Option<f64>| {
                let medians: Vec<f64> = (today - days..today)
                    .filter_map(|d| {
                        let known: Vec<f64> = (d * DAY..(d + 1) * DAY).filter_map(x).collect();
                        (known.len() as f64 >= share * DAY as f64)
                            .then(|| median(known.into_iter()))
                            .flatten()
                    })
                    .collect();
                (medians.len() as f64 >= share * days as f64)
                    .then(|| median(medians.into_iter()))
                    .flatten()
            };
            // Sampled: the definition is slow.
            if t % 97 == 0 {
                let now = |x: &dyn Fn(usize) -> Option<f64>| {
                    let known = world.known(t, minutes as usize, share, x)?;
                    Some(known.iter().sum::<f64>() / known.len() as f64)
                };
                let wanted = now(&spread).zip(usual(&spread)).map(|(now, usual)| now / usual);
                prop_assert!(close_to(row.values[0], wanted), "{t}: {:?} {wanted:?}", row.values[0]);
                let wanted = now(&depth).zip(usual(&depth)).map(|(now, usual)| usual / now);
                prop_assert!(close_to(row.values[1], wanted), "{t}: {:?} {wanted:?}", row.values[1]);
            }
        }
    }
}

#[test]
fn a_spread_twice_the_usual_is_a_stress_of_two_and_half_the_depth_as_well() {
    let row = random_rows(1, 60)
        .into_iter()
        .flatten()
        .find(|r| !r.is_filled)
        .unwrap();
    let (minutes, days, min_valid_share) = (10, 2, 0.8);
    let features = vec![
        FeatureParams::SpreadStress(SpreadStressParams {
            minutes,
            days,
            min_valid_share,
        }),
        FeatureParams::DepthStress(DepthStressParams {
            minutes,
            days,
            min_valid_share,
        }),
    ];
    let mut set = FeatureSet::new(&params(features), 1, 0).unwrap();
    let mut last = vec![];
    for m in 0..2 * DAY + 10 {
        let ts_open = minute_at(m);
        let mut stats = vec![f64::NAN; N_STAT_COLUMNS];
        let is_now = m >= 2 * DAY;
        stats[stat_column("spread_bps_tw")] = if is_now { 3.0 } else { 1.5 };
        stats[stat_column("depth_bid_tw")] = if is_now { 1.0 } else { 3.0 };
        // Without the other side a minute's depth is unknown, whatever the touch shows.
        stats[stat_column("depth_ask_tw")] = if m == 2 * DAY { f64::NAN } else { 1.0 };
        stats[stat_column("ask_qty_tw")] = 900.0;
        let row = Some(MinuteRow { ts_open, ..row });
        last.clone_from(
            &set.push_with_stats(ts_open, &[row], &stats, &[])
                .unwrap()
                .values,
        );
    }
    assert_eq!(last, [Some(2.0), Some(2.0)]);
}

#[test]
fn bad_parameters_are_refused_by_name() {
    use FeatureParams as P;
    let (min_valid_share, days_back) = (1.5, 0);
    let bad = [
        P::ActivityRatio(ActivityRatioParams {
            short_minutes: 9,
            long_minutes: 9,
            days_back,
        }),
        P::Amihud(AmihudParams {
            minutes: 0,
            min_valid_share,
            days_back,
        }),
        P::CloseVol(CloseVolParams { bars: 1, days_back }),
        P::DepthStress(DepthStressParams {
            minutes: 1_441,
            days: 0,
            min_valid_share,
        }),
        P::Edge(EdgeParams { bars: 2, days_back }),
        P::EmaTrend(EmaTrendParams {
            fast: 4,
            slow: 4,
            days_back,
        }),
        P::EwmaVol(EwmaVolParams { bars: 1, days_back }),
        P::Jump(JumpParams {
            minutes: 0,
            max_zero_share: f64::NAN,
            min_valid_share,
            days_back: 61,
        }),
        P::JumpZ(JumpZParams {
            minutes: 1_441,
            max_zero_share: 1.1,
            min_valid_share,
            days_back,
        }),
        P::Parkinson(ParkinsonParams {
            bars: 289,
            days_back,
        }),
        P::Roll(RollParams {
            minutes: 2,
            days_back,
        }),
        P::SessionVwapZ(SessionVwapZParams { min_minutes: 1 }),
        P::YangZhang(YangZhangParams { bars: 1, days_back }),
    ];
    let keys: Vec<String> = bad
        .iter()
        .flat_map(FeatureParams::check)
        .map(|violation| violation.key)
        .collect();
    assert_eq!(
        keys,
        [
            "activity_ratio.short_minutes",
            "amihud.minutes",
            "amihud.min_valid_share",
            "close_vol.bars",
            "depth_stress.minutes",
            "depth_stress.days",
            "depth_stress.min_valid_share",
            "edge.bars",
            "ema_trend.fast",
            "ewma_vol.bars",
            "jump.minutes",
            "jump.max_zero_share",
            "jump.min_valid_share",
            "jump.days_back",
            "jump_z.minutes",
            "jump_z.max_zero_share",
            "jump_z.min_valid_share",
            "parkinson.bars",
            "roll.minutes",
            "session_vwap_z.min_minutes",
            "yang_zhang.bars",
        ]
    );
    for kind in kinds() {
        assert_eq!(kind.check(), vec![], "{kind:?}");
    }
}
