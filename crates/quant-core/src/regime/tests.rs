//! Tests of the regime: ranks, hysteresis, dwell, missing inputs and restarts.

use proptest::prelude::*;

use super::*;

const fn at(enter: f64, leave: f64, if_missing: IfMissing) -> Threshold {
    Threshold {
        enter,
        leave,
        if_missing,
    }
}

const fn params() -> RegimeParams {
    use IfMissing::{Block, Skip};
    RegimeParams {
        min_dwell_bars: 4,
        transition_bars: 2,
        trend: TrendRules {
            efficiency_ratio: at(0.5, 0.3, Block),
            ema_gap: at(1.0, 0.5, Block),
            ema_slope: at(0.1, 0.05, Skip),
        },
        range: RangeRules {
            efficiency_ratio: at(0.25, 0.35, Block),
            ema_gap: at(0.5, 0.8, Block),
            ema_slope: at(0.05, 0.08, Skip),
        },
        hazard: HazardRules {
            rv_ratio: at(2.5, 1.8, Skip),
            spread_stress: at(3.0, 2.0, Skip),
            depth_stress: at(3.0, 2.0, Skip),
            vpin: at(0.85, 0.75, Skip),
            vpin_pct: at(0.95, 0.9, Skip),
            jump_share: at(0.5, 0.3, Skip),
        },
    }
}

const fn inputs(er: f64, gap: f64, slope: f64, rv: f64) -> RegimeInputs {
    RegimeInputs {
        ts: UnixMicros(0),
        efficiency_ratio: Some(er),
        ema_gap: Some(gap),
        ema_slope: Some(slope),
        rv_ratio: Some(rv),
        spread_stress: None,
        depth_stress: None,
        vpin: None,
        vpin_pct: None,
        jump_share: None,
    }
}

const UP: RegimeInputs = inputs(0.6, 1.5, 0.2, 1.0);
const DOWN: RegimeInputs = inputs(0.6, -1.5, -0.2, 1.0);
const QUIET: RegimeInputs = inputs(0.1, 0.1, 0.01, 1.0);
const WILD: RegimeInputs = inputs(0.6, 1.5, 0.2, 3.0);
/// Neither a trend nor a range nor a hazard, at enter or leave levels.
const NOTHING: RegimeInputs = inputs(0.4, 0.3, 0.02, 1.0);

fn feed(model: &mut RuleRegime, rows: &[RegimeInputs]) -> Vec<(RegimeState, Option<Side>)> {
    rows.iter()
        .map(|row| {
            let out = model.update(row);
            (out.state, out.direction)
        })
        .collect()
}

fn model() -> RuleRegime {
    RuleRegime::new(params()).unwrap()
}

#[test]
fn the_first_bars_of_a_state_are_transition() {
    use RegimeState::{Range, Transition, Trend};
    let states = feed(&mut model(), &[UP, UP, UP, UP]);
    let up = (Trend, Some(Side::Buy));
    assert_eq!(states, [(Transition, None), (Transition, None), up, up]);
    let states = feed(&mut model(), &[QUIET, QUIET, QUIET]);
    assert_eq!(states[2], (Range, None));
}

#[test]
fn hazard_outranks_everything_at_once_and_is_reported_at_once() {
    let mut m = model();
    feed(&mut m, &[UP, UP, UP]);
    let out = m.update(&WILD);
    assert_eq!(
        (out.state, out.changed, out.dwell_bars),
        (RegimeState::Hazard, true, 1)
    );
}

#[test]
fn hazard_is_left_below_its_leave_level_and_after_its_dwell() {
    let mut m = model();
    feed(&mut m, &[WILD]);
    // Between leave and enter it holds however long it lasts; below it waits for its dwell.
    let between = inputs(0.6, 1.5, 0.2, 2.0);
    assert!(
        feed(&mut m, &[between; 9])
            .iter()
            .all(|s| s.0 == RegimeState::Hazard)
    );
    assert_eq!(m.update(&UP).state, RegimeState::Transition);
    let mut fresh = model();
    let states = feed(&mut fresh, &[WILD, UP, UP, UP, UP]);
    let names: Vec<_> = states.iter().map(|s| s.0.name()).collect();
    assert_eq!(
        names,
        ["hazard", "hazard", "hazard", "hazard", "transition"]
    );
}

#[test]
fn a_trend_outranks_a_young_range_but_not_the_other_way_round() {
    let mut m = model();
    feed(&mut m, &[QUIET]);
    assert!(m.update(&UP).changed);
    assert!(!m.update(&QUIET).changed);
    assert!(!m.update(&QUIET).changed);
    assert!(!m.update(&QUIET).changed);
    let out = m.update(&QUIET);
    assert!(out.changed);
    assert_eq!(m.state().state, RegimeState::Range);
}

#[test]
fn a_trend_that_turns_waits_for_its_dwell() {
    let mut m = model();
    feed(&mut m, &[UP, DOWN, DOWN, DOWN]);
    assert_eq!(m.state().direction, Some(Side::Buy));
    m.update(&DOWN);
    assert_eq!(
        (m.state().direction, m.state().dwell_bars),
        (Some(Side::Sell), 1)
    );
}

#[test]
fn hysteresis_keeps_a_state_between_its_levels() {
    let weak = inputs(0.35, 0.6, 0.06, 1.0);
    let mut held = model();
    feed(&mut held, &[UP; 6]);
    assert_eq!(
        feed(&mut held, &[weak; 6])[5],
        (RegimeState::Trend, Some(Side::Buy))
    );
    assert_eq!(feed(&mut model(), &[weak; 6])[5].0, RegimeState::Transition);
    let mut range = model();
    feed(&mut range, &[QUIET; 6]);
    let loose = inputs(0.3, 0.7, 0.07, 1.0);
    assert_eq!(feed(&mut range, &[loose; 6])[5].0, RegimeState::Range);
    assert_eq!(
        feed(&mut model(), &[loose; 6])[5].0,
        RegimeState::Transition
    );
}

#[test]
fn a_missing_input_blocks_or_is_skipped_and_reported() {
    let no_slope = RegimeInputs {
        ema_slope: None,
        ..UP
    };
    let mut m = model();
    let out = m.update(&no_slope);
    assert_eq!(m.state().state, RegimeState::Trend);
    assert_eq!(
        out.skipped,
        [
            "trend.ema_slope",
            "range.ema_slope",
            "hazard.spread_stress",
            "hazard.depth_stress",
            "hazard.vpin",
            "hazard.vpin_pct",
            "hazard.jump_share"
        ]
    );
    let mut blocked = model();
    blocked.update(&RegimeInputs {
        efficiency_ratio: None,
        ..UP
    });
    assert_eq!(blocked.state().state, RegimeState::Transition);
    // A hazard condition that blocks holds the hazard: unknown danger is danger.
    let mut strict = params();
    strict.hazard.spread_stress.if_missing = IfMissing::Block;
    let mut m = RuleRegime::new(strict).unwrap();
    assert_eq!(m.update(&UP).state, RegimeState::Hazard);
    assert_eq!(
        feed(
            &mut m,
            &[RegimeInputs {
                spread_stress: Some(1.0),
                ..UP
            }; 4]
        )[3]
        .0,
        RegimeState::Transition
    );
}

#[test]
fn nothing_known_is_no_regime() {
    let nothing = RegimeInputs {
        efficiency_ratio: None,
        ema_gap: None,
        ema_slope: None,
        rv_ratio: None,
        ..UP
    };
    let mut all_skip = params();
    for t in [
        &mut all_skip.trend.efficiency_ratio,
        &mut all_skip.trend.ema_gap,
        &mut all_skip.range.efficiency_ratio,
        &mut all_skip.range.ema_gap,
    ] {
        t.if_missing = IfMissing::Skip;
    }
    let mut m = RuleRegime::new(all_skip).unwrap();
    let out = m.update(&nothing);
    assert_eq!(out.state, RegimeState::Transition);
    assert_eq!(
        out.scores,
        RegimeScores {
            trend: None,
            range: None,
            hazard: None
        }
    );
    // Without a directed input there is no trend, however efficient the path.
    m.update(&RegimeInputs {
        efficiency_ratio: Some(0.9),
        ..nothing
    });
    assert_eq!(m.state().state, RegimeState::Transition);
}

#[test]
fn every_hazard_input_raises_it_alone() {
    let base = QUIET;
    for row in [
        RegimeInputs {
            rv_ratio: Some(2.5),
            ..base
        },
        RegimeInputs {
            spread_stress: Some(3.0),
            ..base
        },
        RegimeInputs {
            depth_stress: Some(3.0),
            ..base
        },
        RegimeInputs {
            vpin: Some(0.85),
            ..base
        },
        RegimeInputs {
            vpin_pct: Some(0.95),
            ..base
        },
        RegimeInputs {
            jump_share: Some(0.5),
            ..base
        },
    ] {
        assert_eq!(model().update(&row).state, RegimeState::Hazard, "{row:?}");
    }
}

#[test]
fn scores_say_how_far_the_weakest_condition_is_met() {
    let out = model().update(&inputs(0.25, 2.0, 0.1, 1.25));
    let close = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() < 1e-12);
    assert!(close(out.scores.trend, 0.5), "{out:?}");
    assert!(close(out.scores.range, 0.25), "{out:?}");
    assert!(close(out.scores.hazard, 0.5), "{out:?}");
}

#[test]
fn bad_parameters_are_all_named_at_once() {
    let mut bad = params();
    bad.min_dwell_bars = 0;
    bad.trend.ema_gap.leave = 2.0;
    bad.range.ema_gap.leave = 0.1;
    bad.hazard.rv_ratio.enter = f64::NAN;
    let Err(RegimeError::BadParams { violations }) = bad.check() else {
        panic!("accepted")
    };
    let keys: Vec<&str> = violations.iter().map(|v| v.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "min_dwell_bars",
            "trend.ema_gap.leave",
            "range.ema_gap.leave",
            "hazard.rv_ratio.enter"
        ]
    );
    assert!(RuleRegime::new(bad).is_err());
}

#[test]
fn a_foreign_or_contradictory_snapshot_is_refused() {
    let mut m = model();
    feed(&mut m, &[UP]);
    let good = m.state();
    let other = RegimeSnapshot {
        version: good.version + 1,
        ..good
    };
    assert!(matches!(
        m.restore(&other),
        Err(RegimeError::SnapshotVersion { .. })
    ));
    let torn = RegimeSnapshot {
        direction: None,
        ..good
    };
    assert!(matches!(
        m.restore(&torn),
        Err(RegimeError::SnapshotDirection { .. })
    ));
    assert_eq!(m.state(), good);
}

#[test]
fn inputs_are_found_by_column_name() {
    let columns: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
    let mut names = RegimeColumns {
        efficiency_ratio: Some("c".to_owned()),
        ema_gap: Some("a".to_owned()),
        ema_slope: None,
        rv_ratio: Some("b".to_owned()),
        spread_stress: None,
        depth_stress: None,
        vpin: None,
        vpin_pct: None,
        jump_share: None,
    };
    let row = FeatureRow {
        ts_open: UnixMicros(0),
        ts_avail: UnixMicros(1),
        values: vec![Some(1.0), None, Some(0.5)],
    };
    let read = names.bind(&columns).unwrap().read(UnixMicros(7), &row);
    let expected = RegimeInputs {
        ts: UnixMicros(7),
        efficiency_ratio: Some(0.5),
        ema_gap: Some(1.0),
        ema_slope: None,
        rv_ratio: None,
        ..UP
    };
    assert_eq!(read, expected);
    names.jump_share = Some("d".to_owned());
    assert_eq!(
        names.bind(&columns).unwrap_err(),
        RegimeError::NoColumn {
            column: "d".to_owned()
        }
    );
}

fn any_inputs() -> impl Strategy<Value = RegimeInputs> {
    let maybe = |low: f64, high: f64| prop::option::weighted(0.9, low..high);
    (
        maybe(0.0, 1.0),
        maybe(-3.0, 3.0),
        maybe(-0.4, 0.4),
        maybe(0.0, 4.0),
    )
        .prop_map(
            |(efficiency_ratio, ema_gap, ema_slope, rv_ratio)| RegimeInputs {
                efficiency_ratio,
                ema_gap,
                ema_slope,
                rv_ratio,
                ..NOTHING
            },
        )
}

/// Inputs that stay for a while, so that states are left as well as entered.
fn any_path() -> impl Strategy<Value = Vec<RegimeInputs>> {
    prop::collection::vec((any_inputs(), 1_usize..6), 1..40).prop_map(|runs| {
        runs.into_iter()
            .flat_map(|(row, n)| std::iter::repeat_n(row, n))
            .collect()
    })
}

proptest! {
    #[test]
    fn no_state_is_left_before_its_dwell_unless_outranked(path in any_path()) {
        let mut m = model();
        let mut before = m.state();
        for row in &path {
            let out = m.update(row);
            let now = m.state();
            prop_assert_eq!(out.changed, (now.state, now.direction) != (before.state, before.direction));
            if out.changed {
                prop_assert!(now.state > before.state || before.dwell_bars >= params().min_dwell_bars);
                prop_assert_eq!(now.dwell_bars, 1);
            } else {
                prop_assert_eq!(now.dwell_bars, before.dwell_bars + 1);
            }
            prop_assert_eq!(out.direction.is_some(), out.state == RegimeState::Trend);
            for score in [out.scores.trend, out.scores.range, out.scores.hazard] {
                prop_assert!(score.is_none_or(|s| (0.0..=1.0).contains(&s)));
            }
            before = now;
        }
    }

    #[test]
    fn a_restored_model_continues_identically(path in any_path(), cut in 0_usize..40) {
        let mut m = model();
        let cut = cut.min(path.len());
        for row in &path[..cut] {
            m.update(row);
        }
        let mut restored = model();
        restored.restore(&m.state()).unwrap();
        for row in &path[cut..] {
            prop_assert_eq!(m.update(row), restored.update(row));
        }
    }

    #[test]
    fn a_constant_input_changes_the_state_at_most_once(path in any_path(), row in any_inputs()) {
        let mut m = model();
        for row in &path {
            m.update(row);
        }
        let n = (0..40).filter(|_| m.update(&row).changed).count();
        prop_assert!(n <= 1, "{n} changes");
    }
}
