//! Tests of entries: a positive per subtype, a negative per condition, ids, cooldowns and the mirror of both sides.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::regime::{RegimeScores, RegimeState};
use crate::time::MICROS_PER_MINUTE;

const BAR_US: i64 = 5 * MICROS_PER_MINUTE;
/// Prices are mirrored around this: `p -> 2 PIVOT - p`.
const PIVOT: f64 = 1_024.0;

const fn params() -> EntryParams {
    use IfMissing::{Block, Skip};
    EntryParams {
        cooldown_bars: 3,
        trend_pullback: PullbackParams {
            long: true,
            short: true,
            max_distance_atr: 0.5,
            min_slope_atr: 0.0,
            slope_if_missing: Block,
            close_back_if_missing: Block,
            stop_atr: 1.5,
            target_atr: 3.0,
        },
        trend_breakout: BreakoutParams {
            long: true,
            short: true,
            buffer_atr: 0.25,
            volume_mult: 1.5,
            volume_if_missing: Block,
            min_tfi: 0.125,
            flow_if_missing: Skip,
            stop_atr: 2.0,
            target_atr: 4.0,
        },
        range_fade: FadeParams {
            long: true,
            short: true,
            max_distance_atr: 0.5,
            min_wick_share: 0.25,
            wick_if_missing: Block,
            max_wmid_against: 0.125,
            wmid_if_missing: Skip,
            max_tfi_against: 0.25,
            flow_if_missing: Skip,
            stop_atr: 1.0,
            target_atr: 2.0,
        },
    }
}

/// Everything one decision depends on, owned.
#[derive(Clone, Debug)]
struct Case {
    bar: BarN,
    features: EntryFeatures,
    previous: Option<(BarN, EntryFeatures)>,
    state: RegimeState,
    direction: Option<Side>,
    open: OpenTrades,
}

fn bar(n: i64, [open, high, low, close]: [f64; 4], volume: f64) -> BarN {
    BarN {
        ts_open: UnixMicros(n * BAR_US),
        ts_close: UnixMicros((n + 1) * BAR_US),
        open: Some(open),
        high: Some(high),
        low: Some(low),
        close: Some(close),
        volume,
        quote_volume: None,
        buy_volume: None,
        vwap: None,
        n_trades: None,
        n_valid: 5,
        is_filled: false,
    }
}

/// An average true range of 8 and a market that proposes nothing: every distance is far.
fn features() -> EntryFeatures {
    EntryFeatures {
        atr: Some(8.0),
        fast_ema: Some(PIVOT - 50.0),
        fast_slope: Some(0.25),
        session_vwap: None,
        breakout_high: Some(PIVOT + 80.0),
        breakout_low: Some(PIVOT - 80.0),
        range_high: Some(PIVOT + 80.0),
        range_low: Some(PIVOT - 80.0),
        volume_median: Some(10.0),
        tfi: Some(0.5),
        upper_wick: Some(0.0),
        lower_wick: Some(0.5),
        wmid_dev: None,
    }
}

fn case(bar_now: BarN, features_now: EntryFeatures, state: RegimeState) -> Case {
    Case {
        bar: bar_now,
        features: features_now,
        previous: Some((
            bar(9, [PIVOT - 4.0, PIVOT, PIVOT - 6.0, PIVOT - 2.0], 10.0),
            features(),
        )),
        state,
        direction: (state == RegimeState::Trend).then_some(Side::Buy),
        open: OpenTrades::none(),
    }
}

fn pullback() -> Case {
    // The low of 1016 is within 4 of an EMA of 1014; the close is back above open and the close before.
    let now = bar(
        10,
        [PIVOT - 4.0, PIVOT + 6.0, PIVOT - 8.0, PIVOT + 4.0],
        10.0,
    );
    case(
        now,
        EntryFeatures {
            fast_ema: Some(PIVOT - 10.0),
            ..features()
        },
        RegimeState::Trend,
    )
}

fn breakout() -> Case {
    // The close of 1028 is 4 beyond the extreme of 1024: half an average true range.
    let now = bar(
        10,
        [PIVOT - 2.0, PIVOT + 5.0, PIVOT - 3.0, PIVOT + 4.0],
        16.0,
    );
    case(
        now,
        EntryFeatures {
            breakout_high: Some(PIVOT),
            ..features()
        },
        RegimeState::Trend,
    )
}

fn fade() -> Case {
    // The close of 1022 is 2 above the range low of 1020.
    let now = bar(10, [PIVOT, PIVOT, PIVOT - 4.0, PIVOT - 2.0], 10.0);
    case(
        now,
        EntryFeatures {
            range_low: Some(PIVOT - 4.0),
            ..features()
        },
        RegimeState::Range,
    )
}

fn mirror_bar(bar: &BarN) -> BarN {
    let flip = |x: Option<f64>| x.map(|x| 2.0 * PIVOT - x);
    BarN {
        open: flip(bar.open),
        high: flip(bar.low),
        low: flip(bar.high),
        close: flip(bar.close),
        ..*bar
    }
}

fn mirror_features(f: &EntryFeatures) -> EntryFeatures {
    let flip = |x: Option<f64>| x.map(|x| 2.0 * PIVOT - x);
    let negate = |x: Option<f64>| x.map(|x| -x);
    EntryFeatures {
        atr: f.atr,
        fast_ema: flip(f.fast_ema),
        fast_slope: negate(f.fast_slope),
        session_vwap: flip(f.session_vwap),
        breakout_high: flip(f.breakout_low),
        breakout_low: flip(f.breakout_high),
        range_high: flip(f.range_low),
        range_low: flip(f.range_high),
        volume_median: f.volume_median,
        tfi: negate(f.tfi),
        upper_wick: f.lower_wick,
        lower_wick: f.upper_wick,
        wmid_dev: negate(f.wmid_dev),
    }
}

impl Case {
    fn mirrored(&self) -> Self {
        let o = self.open.0;
        Self {
            bar: mirror_bar(&self.bar),
            features: mirror_features(&self.features),
            previous: self
                .previous
                .map(|(b, f)| (mirror_bar(&b), mirror_features(&f))),
            state: self.state,
            direction: self.direction.map(Side::opposite),
            open: OpenTrades([o[1], o[0], o[3], o[2], o[5], o[4]]),
        }
    }

    fn regime(&self) -> RegimeOutput {
        RegimeOutput {
            ts: self.bar.ts_close,
            state: self.state,
            direction: self.direction,
            dwell_bars: 9,
            changed: false,
            scores: RegimeScores {
                trend: None,
                range: None,
                hazard: None,
            },
            skipped: vec![],
        }
    }

    fn evaluate_with(&self, params: &EntryParams, cooldown: &CooldownState) -> Evaluation {
        let regime = self.regime();
        let inputs = EntryInputs {
            ts_decision: self.bar.ts_close.plus(250_000),
            bar: &self.bar,
            features: &self.features,
            previous: self.previous.as_ref().map(|(b, f)| (b, f)),
            regime: &regime,
            open: self.open,
        };
        evaluate(params, "sim-binance:um:BTCUSDT", &inputs, cooldown).0
    }

    fn evaluate(&self) -> Evaluation {
        self.evaluate_with(&params(), &CooldownState::none())
    }

    /// Returns what became of a subtype: `None` if it did not trigger.
    fn status(&self, subtype: Subtype) -> Option<CandidateStatus> {
        self.evaluate()
            .candidates
            .iter()
            .find(|c| c.subtype == subtype)
            .map(|c| c.status)
    }
}

fn positives() -> [(Subtype, Case); 6] {
    use Subtype::{
        RangeFadeLong, RangeFadeShort, TrendBreakoutLong, TrendBreakoutShort, TrendPullbackLong,
        TrendPullbackShort,
    };
    [
        (TrendPullbackLong, pullback()),
        (TrendPullbackShort, pullback().mirrored()),
        (TrendBreakoutLong, breakout()),
        (TrendBreakoutShort, breakout().mirrored()),
        (RangeFadeLong, fade()),
        (RangeFadeShort, fade().mirrored()),
    ]
}

#[test]
fn every_subtype_has_a_case_it_alone_accepts() {
    for (subtype, case) in positives() {
        let evaluation = case.evaluate();
        let found: Vec<_> = evaluation
            .candidates
            .iter()
            .map(|c| (c.subtype, c.status))
            .collect();
        assert_eq!(found, [(subtype, CandidateStatus::Accepted)]);
        assert_eq!(evaluation.considered, [1; 6]);
        let candidate = &evaluation.candidates[0];
        assert_eq!(candidate.side, subtype.side());
        assert_eq!(candidate.ts_decision.0, candidate.bar_close.0 + 250_000);
        assert_eq!(
            (candidate.width.to_bits(), candidate.ref_price > 0.0),
            (8.0_f64.to_bits(), true)
        );
        let risk = f64::from(candidate.side.sign()) * (candidate.ref_price - candidate.stop);
        let reward = f64::from(candidate.side.sign()) * (candidate.target - candidate.ref_price);
        assert!(risk > 0.0 && (reward - 2.0 * risk).abs() < 1e-12);
    }
}

/// Applies `change` to a positive case and to its mirror, and compares what both subtypes say.
fn rejected(base: &Case, long: Subtype, change: impl Fn(&mut Case), reason: Option<&'static str>) {
    let mut changed = base.clone();
    change(&mut changed);
    let expected = reason.map(CandidateStatus::Rejected);
    assert_eq!(changed.status(long), expected, "{long:?}");
    let short = Subtype::ALL[long.idx() + 1];
    assert_eq!(changed.mirrored().status(short), expected, "{short:?}");
}

#[test]
fn every_condition_of_a_pullback_can_reject_it() {
    let no = |change: fn(&mut Case), reason| {
        rejected(&pullback(), Subtype::TrendPullbackLong, change, reason);
    };
    no(|c| c.state = RegimeState::Range, None);
    no(|c| c.direction = Some(Side::Sell), None);
    no(|c| c.features.fast_ema = Some(PIVOT - 30.0), None);
    no(|c| c.features.fast_ema = None, None);
    no(|c| c.features.fast_slope = Some(0.0), Some("slope_agrees"));
    no(|c| c.features.fast_slope = None, Some("slope_agrees"));
    no(
        |c| {
            c.previous
                .iter_mut()
                .for_each(|p| p.1.fast_slope = Some(-0.1));
        },
        Some("slope_agrees"),
    );
    no(|c| c.bar.open = Some(PIVOT + 5.0), Some("close_back"));
    no(
        |c| {
            c.previous
                .iter_mut()
                .for_each(|p| p.0.close = Some(PIVOT + 5.0));
        },
        Some("close_back"),
    );
    // Not adjacent: as good as absent.
    no(
        |c| {
            c.previous
                .iter_mut()
                .for_each(|p| p.0.ts_close = UnixMicros(0));
        },
        Some("slope_agrees"),
    );
    no(|c| c.open.0[0] = true, Some("no_open_trade"));
}

#[test]
fn a_pullback_may_also_come_to_the_session_vwap_or_on_the_bar_before() {
    let mut to_vwap = pullback();
    to_vwap.features.fast_ema = Some(PIVOT - 90.0);
    to_vwap.features.session_vwap = Some(PIVOT - 9.0);
    assert_eq!(
        to_vwap.status(Subtype::TrendPullbackLong),
        Some(CandidateStatus::Accepted)
    );
    let mut before = pullback();
    before.bar.low = Some(PIVOT - 5.0);
    before
        .previous
        .iter_mut()
        .for_each(|p| p.0.low = Some(PIVOT - 9.0));
    assert_eq!(
        before.status(Subtype::TrendPullbackLong),
        Some(CandidateStatus::Accepted)
    );
}

#[test]
fn every_condition_of_a_breakout_can_reject_it() {
    let no = |change: fn(&mut Case), reason| {
        rejected(&breakout(), Subtype::TrendBreakoutLong, change, reason);
    };
    no(|c| c.state = RegimeState::Hazard, None);
    no(|c| c.direction = None, None);
    no(|c| c.features.breakout_high = Some(PIVOT + 2.0), None);
    no(|c| c.features.breakout_high = None, None);
    no(|c| c.bar.volume = 15.0, Some("volume_above_median"));
    no(
        |c| c.features.volume_median = None,
        Some("volume_above_median"),
    );
    no(|c| c.features.tfi = Some(0.1), Some("flow_agrees"));
    no(|c| c.open.0[2] = true, Some("no_open_trade"));
}

#[test]
fn every_condition_of_a_fade_can_reject_it() {
    let no =
        |change: fn(&mut Case), reason| rejected(&fade(), Subtype::RangeFadeLong, change, reason);
    no(|c| c.state = RegimeState::Transition, None);
    no(|c| c.features.range_low = Some(PIVOT - 7.0), None);
    no(|c| c.features.range_low = None, None);
    no(
        |c| c.features.lower_wick = Some(0.2),
        Some("rejection_wick"),
    );
    no(|c| c.features.lower_wick = None, Some("rejection_wick"));
    no(
        |c| c.features.wmid_dev = Some(-0.2),
        Some("microprice_not_against"),
    );
    no(|c| c.features.tfi = Some(-0.5), Some("flow_not_against"));
    no(|c| c.open.0[4] = true, Some("no_open_trade"));
}

#[test]
fn a_missing_input_is_skipped_and_reported_or_blocks() {
    let mut case = breakout();
    case.features.tfi = None;
    let candidate = &case.evaluate().candidates[0];
    assert_eq!(candidate.status, CandidateStatus::Accepted);
    assert_eq!(candidate.skipped, ["flow_agrees"]);
    let mut strict = params();
    strict.trend_breakout.flow_if_missing = IfMissing::Block;
    let candidate = &case
        .evaluate_with(&strict, &CooldownState::none())
        .candidates[0];
    assert_eq!(candidate.status, CandidateStatus::Rejected("flow_agrees"));
    assert!(candidate.skipped.is_empty());
    assert_eq!(
        fade().evaluate().candidates[0].skipped,
        ["microprice_not_against"]
    );
}

#[test]
fn without_prices_or_width_there_is_no_candidate() {
    for (_, case) in positives() {
        let mut unpriced = case.clone();
        unpriced.bar.close = None;
        assert!(unpriced.evaluate().candidates.is_empty());
        for atr in [None, Some(0.0)] {
            let mut narrow = case.clone();
            narrow.features.atr = atr;
            assert!(narrow.evaluate().candidates.is_empty());
        }
        assert_eq!(unpriced.evaluate().considered, [1; 6]);
    }
    let mut wide = fade();
    wide.features.atr = Some(2_000.0);
    assert_eq!(
        wide.status(Subtype::RangeFadeLong),
        Some(CandidateStatus::Rejected("prices_positive"))
    );
}

#[test]
fn a_switched_off_subtype_is_not_even_considered() {
    let mut off = params();
    off.trend_pullback.long = false;
    let evaluation = pullback().evaluate_with(&off, &CooldownState::none());
    assert!(evaluation.candidates.is_empty());
    assert_eq!(evaluation.considered, [0, 1, 1, 1, 1, 1]);
    assert_eq!(evaluation.gated, [0, 0, 1, 0, 0, 0]);
}

#[test]
fn ids_are_stable() {
    let ids: Vec<String> = positives()
        .iter()
        .map(|(_, c)| c.evaluate().candidates[0].id.clone())
        .collect();
    // First 16 hex digits of `printf 'sim-binance:um:BTCUSDT|3300000000|SUBTYPE|SIDE' | sha256sum`.
    assert_eq!(
        ids,
        [
            "d266a4597d87bc75",
            "5b6cb38205bd70d3",
            "7258a52c8e1a2050",
            "f5099cf0c8bac0cb",
            "aff3c77747e34eed",
            "85e4a52a7068dbb5",
        ]
    );
}

#[test]
fn a_side_cools_down_after_an_accepted_entry() {
    let mut engine = EntryEngine::new(params(), "x").unwrap();
    let mut statuses = Vec::new();
    for n in 0..5 {
        let mut case = fade();
        case.bar.ts_open = UnixMicros((10 + n) * BAR_US);
        case.bar.ts_close = UnixMicros((11 + n) * BAR_US);
        let out = engine.on_bar(
            case.bar.ts_close,
            &case.bar,
            &case.features,
            &case.regime(),
            case.open,
        );
        statuses.push(out.candidates[0].status);
        // The other side is free.
        let short = case.mirrored();
        let free = short.evaluate_with(&params(), &engine.cooldown());
        assert_eq!(free.candidates[0].status, CandidateStatus::Accepted);
    }
    let accepted = CandidateStatus::Accepted;
    let cooling = CandidateStatus::Rejected("cooldown");
    assert_eq!(statuses, [accepted, cooling, cooling, accepted, cooling]);
    let counts = &engine.counts()[&Subtype::RangeFadeLong];
    assert_eq!(
        (
            counts.considered,
            counts.gated,
            counts.triggered,
            counts.accepted
        ),
        (5, 5, 5, 2)
    );
    assert_eq!(counts.rejected, BTreeMap::from([("cooldown", 3)]));
    assert_eq!(
        counts.skipped,
        BTreeMap::from([("microprice_not_against", 5)])
    );
    assert_eq!(engine.counts()[&Subtype::TrendPullbackLong].gated, 0);
    // A restart with the saved cooldowns continues; one without does not know.
    let mut restarted = EntryEngine::new(params(), "x").unwrap();
    restarted.restore_cooldown(engine.cooldown());
    assert_eq!(restarted.cooldown(), engine.cooldown());
}

#[test]
fn an_entry_cools_its_side_down_for_the_later_subtypes_of_the_bar() {
    let mut both = breakout();
    both.features.fast_ema = Some(PIVOT - 4.0);
    let found: Vec<_> = both
        .evaluate()
        .candidates
        .iter()
        .map(|c| (c.subtype, c.status))
        .collect();
    assert_eq!(
        found,
        [
            (Subtype::TrendPullbackLong, CandidateStatus::Accepted),
            (
                Subtype::TrendBreakoutLong,
                CandidateStatus::Rejected("cooldown")
            ),
        ]
    );
    let mut free = params();
    free.cooldown_bars = 0;
    let all = both.evaluate_with(&free, &CooldownState::none()).candidates;
    assert!(all.iter().all(|c| c.status == CandidateStatus::Accepted) && all.len() == 2);
}

#[test]
fn the_engine_remembers_the_bar_before() {
    let case = pullback();
    let (before, values) = case.previous.unwrap();
    let mut engine = EntryEngine::new(params(), "x").unwrap();
    let on = |engine: &mut EntryEngine, bar: &BarN, f: &EntryFeatures| {
        engine.on_bar(bar.ts_close, bar, f, &case.regime(), case.open)
    };
    let alone = on(&mut engine.clone(), &case.bar, &case.features);
    assert_eq!(
        alone.candidates[0].status,
        CandidateStatus::Rejected("slope_agrees")
    );
    on(&mut engine, &before, &values);
    let found = on(&mut engine, &case.bar, &case.features);
    assert_eq!(found.candidates[0].status, CandidateStatus::Accepted);
}

#[test]
fn bad_parameters_are_all_named_at_once() {
    let mut bad = params();
    bad.trend_pullback.stop_atr = 0.0;
    bad.trend_breakout.min_tfi = 1.5;
    bad.range_fade.max_distance_atr = f64::NAN;
    let Err(StrategyError::BadParams { violations }) = bad.check() else {
        panic!("accepted")
    };
    let keys: Vec<&str> = violations.iter().map(|v| v.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "range_fade.max_distance_atr",
            "trend_pullback.stop_atr",
            "trend_breakout.min_tfi"
        ]
    );
    assert!(EntryEngine::new(bad, "x").is_err());
}

#[test]
fn values_are_found_by_column_name() {
    let name = |s: &str| Some(s.to_owned());
    let mut names = EntryColumns {
        atr: name("atr_14"),
        fast_ema: name("ema_9"),
        fast_slope: None,
        session_vwap: None,
        breakout_high: name("high_20"),
        breakout_low: None,
        range_high: None,
        range_low: None,
        volume_median: None,
        tfi: None,
        upper_wick: None,
        lower_wick: name("lower_wick"),
        wmid_dev: name("wmid_dev"),
    };
    let columns: Vec<String> = ["lower_wick", "high_20", "ema_9", "atr_14", "wmid_dev"]
        .map(str::to_owned)
        .to_vec();
    let row = FeatureRow {
        ts_open: UnixMicros(0),
        ts_avail: UnixMicros(1),
        values: vec![Some(0.1), Some(2.0), None, Some(3.0), Some(-6.0)],
    };
    let five = bar(0, [PIVOT; 4], 1.0);
    let read = names.bind(&columns).unwrap().read(&row, &five);
    let found = (
        read.atr,
        read.fast_ema,
        read.breakout_high,
        read.lower_wick,
        read.tfi,
    );
    assert_eq!(found, (Some(3.0), None, Some(2.0), Some(0.1), None));
    // -6 basis points of 1,024 are -0.6144, which are -0.2048 of an average true range of 3.
    let wmid = read.wmid_dev.unwrap();
    assert!((wmid + 0.2048).abs() < 1e-12, "{wmid}");
    let mut still = row.clone();
    still.values[3] = Some(0.0);
    let read = names.bind(&columns).unwrap().read(&still, &five);
    assert_eq!((read.atr, read.wmid_dev), (Some(0.0), None));
    names.tfi = name("tfi_5");
    assert_eq!(
        names.bind(&columns).unwrap_err(),
        StrategyError::NoColumn {
            column: "tfi_5".to_owned()
        }
    );
}

/// Dyadic numbers, so that the mirror is exact.
fn price() -> impl Strategy<Value = f64> {
    (-64_i32..64).prop_map(|k| PIVOT + f64::from(k) / 4.0)
}

fn maybe(of: impl Strategy<Value = f64>) -> impl Strategy<Value = Option<f64>> {
    prop::option::weighted(0.95, of)
}

fn share(low: i32) -> impl Strategy<Value = Option<f64>> {
    maybe((low..=8).prop_map(|k| f64::from(k) / 8.0))
}

fn any_features() -> impl Strategy<Value = EntryFeatures> {
    (
        (maybe(Just(8.0)), maybe(price()), share(-8), maybe(price())),
        (
            maybe(price()),
            maybe(price()),
            maybe(price()),
            maybe(price()),
        ),
        (maybe(Just(10.0)), share(-8), share(0), share(0), share(-8)),
    )
        .prop_map(|(a, b, c)| EntryFeatures {
            atr: a.0,
            fast_ema: a.1,
            fast_slope: a.2,
            session_vwap: a.3,
            breakout_high: b.0,
            breakout_low: b.1,
            range_high: b.2,
            range_low: b.3,
            volume_median: c.0,
            tfi: c.1,
            upper_wick: c.2,
            lower_wick: c.3,
            wmid_dev: c.4,
        })
}

fn any_bar(n: i64) -> impl Strategy<Value = BarN> {
    ([price(), price(), price(), price()], 0_u32..30).prop_map(move |([a, b, c, d], v)| {
        let (top, bottom) = (a.max(b).max(c).max(d), a.min(b).min(c).min(d));
        bar(n, [a, top, bottom, b], f64::from(v))
    })
}

fn any_case() -> impl Strategy<Value = Case> {
    let state = prop::sample::select(vec![
        (RegimeState::Trend, Some(Side::Buy)),
        (RegimeState::Trend, Some(Side::Sell)),
        (RegimeState::Range, None),
    ]);
    (
        any_bar(10),
        any_features(),
        any_bar(9),
        any_features(),
        state,
        any::<[bool; 6]>(),
    )
        .prop_map(|(bar, features, b, f, (state, direction), open)| Case {
            bar,
            features,
            previous: Some((b, f)),
            state,
            direction,
            open: OpenTrades(open),
        })
}

proptest! {
    #[test]
    fn the_mirror_swaps_long_and_short(case in any_case()) {
        let (found, mut mirrored) = (case.evaluate(), case.mirrored().evaluate());
        // Long comes before short on both sides of the mirror.
        mirrored.candidates.sort_by_key(|c| c.subtype.idx() ^ 1);
        prop_assert_eq!(found.candidates.len(), mirrored.candidates.len());
        for (a, b) in found.candidates.iter().zip(&mirrored.candidates) {
            prop_assert_eq!(a.subtype.idx() ^ 1, b.subtype.idx());
            prop_assert_eq!(a.status, b.status);
            prop_assert_eq!(&a.reasons, &b.reasons);
            prop_assert_eq!(&a.skipped, &b.skipped);
            for (x, y) in [(a.ref_price, b.ref_price), (a.stop, b.stop), (a.target, b.target)] {
                prop_assert_eq!((2.0 * PIVOT - x).to_bits(), y.to_bits());
            }
            prop_assert_ne!(&a.id, &b.id);
        }
    }

    #[test]
    fn a_rejection_names_the_first_condition_that_did_not_pass(case in any_case()) {
        for candidate in case.evaluate().candidates {
            let first = candidate.reasons.iter().find(|r| {
                r.outcome == Outcome::Fail
                    || (r.outcome == Outcome::Missing && r.if_missing == IfMissing::Block)
            });
            let expected =
                first.map_or(CandidateStatus::Accepted, |r| CandidateStatus::Rejected(r.name));
            prop_assert_eq!(candidate.status, expected);
            prop_assert_eq!(candidate.reasons[0].outcome, Outcome::Pass);
        }
    }
}
