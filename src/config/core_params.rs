//! From config keys to the parameters of the core: features, regime, entries, execution, sizes.

use quant_core::features::{
    AtrParams, EfficiencyRatioParams, EmaGapParams, EmaParams, EmaSlopeParams, ExtremesParams,
    FeatureParams, FeatureSetParams, RealisedVolParams, RvRatioParams, SessionVwapParams,
    TfiParams, VolumeMedianParams, WickParams,
};
use quant_core::regime::{
    HazardRules, RangeRules, RegimeColumns, RegimeParams, Threshold, TrendRules,
};
use quant_core::risk::{Barrier, FixedNotional, TiePolicy};
use quant_core::sim::VenueParams;
use quant_core::strategy::{BreakoutParams, EntryColumns, EntryParams, FadeParams, PullbackParams};
use quant_core::time::MICROS_PER_MINUTE;
use quant_core::units::Micros;
use quant_lake::stream::EVENT_DATASETS;

use super::raw::{RawConfig, RawThreshold, RawTiePolicy};

/// Minutes of an entry bar.
const ENTRY_BAR_MINUTES: i64 = 5;
/// Windows under one day are rebuilt from one whole day before.
const DAYS_BACK: u16 = 1;

/// Returns the decision lag of a minute: the watermark, or the largest lag of the events it may be made of if that is later: of the
/// sources of bars and, with `bars.microstructure`, of quotes, books, forced orders and depth bands.
///
/// # Causality
/// Which source a day reads is known when the day is over, hence the largest lag of all that it may read.
pub fn watermark(raw: &RawConfig) -> Micros {
    let of_stats = raw.bars.microstructure.iter().flat_map(|_| EVENT_DATASETS);
    let slowest = (raw.bars.sources.iter().copied())
        .chain(of_stats)
        .filter_map(|d| raw.availability.get(d.name()))
        .map(|a| a.lag_ms)
        .max()
        .unwrap_or(0);
    Micros::from_millis(raw.bars.watermark_ms.max(slowest))
}

/// Returns the feature set: what the entries and the regime need, then what the config adds.
pub fn feature_set(raw: &RawConfig) -> FeatureSetParams {
    let mut features = entry_features(raw);
    features.extend(&raw.features.extra);
    FeatureSetParams {
        features,
        watermark: watermark(raw),
        segment_gap_minutes: raw.bars.segment_gap_minutes,
    }
}

/// Returns the features the entries and the regime need, whatever else is asked for.
pub fn entry_features(raw: &RawConfig) -> Vec<FeatureParams> {
    let f = &raw.features;
    let days_back = DAYS_BACK;
    vec![
        FeatureParams::Ema(EmaParams {
            bars: f.ema_fast_bars,
            days_back,
        }),
        FeatureParams::EmaSlope(EmaSlopeParams {
            bars: f.ema_fast_bars,
            lag: f.ema_slope_bars,
            atr_bars: f.atr_bars,
            days_back,
        }),
        FeatureParams::EmaGap(EmaGapParams {
            fast: f.ema_fast_bars,
            slow: f.ema_slow_bars,
            atr_bars: f.atr_bars,
            days_back,
        }),
        FeatureParams::Atr(AtrParams {
            bars: f.atr_bars,
            days_back,
        }),
        FeatureParams::SessionVwap(SessionVwapParams {}),
        FeatureParams::EfficiencyRatio(EfficiencyRatioParams {
            bars: f.efficiency_ratio_bars,
            days_back,
        }),
        FeatureParams::RealisedVol(RealisedVolParams {
            minutes: f.realized_vol_minutes,
            min_valid_share: f.realized_vol_min_valid_share,
            days_back,
        }),
        FeatureParams::RvRatio(RvRatioParams {
            minutes: f.realized_vol_minutes,
            days: f.realized_vol_median_days,
            min_valid_share: f.realized_vol_min_valid_share,
        }),
        FeatureParams::Extremes(ExtremesParams {
            bars: f.extreme_bars,
            days_back,
        }),
        FeatureParams::VolumeMedian(VolumeMedianParams {
            bars: f.volume_median_bars,
            days_back,
        }),
        FeatureParams::Tfi(TfiParams {
            minutes: f.tfi_minutes,
            days_back,
        }),
        FeatureParams::Wick(WickParams { days_back }),
    ]
}

/// Returns the regime rules.
pub fn regime(raw: &RawConfig) -> RegimeParams {
    let r = &raw.regime;
    RegimeParams {
        min_dwell_bars: r.min_dwell_bars,
        transition_bars: r.transition_bars,
        trend: TrendRules {
            efficiency_ratio: threshold(r.trend.efficiency_ratio),
            ema_gap: threshold(r.trend.ema_gap),
            ema_slope: threshold(r.trend.ema_slope),
        },
        range: RangeRules {
            efficiency_ratio: threshold(r.range.efficiency_ratio),
            ema_gap: threshold(r.range.ema_gap),
            ema_slope: threshold(r.range.ema_slope),
        },
        hazard: HazardRules {
            rv_ratio: threshold(r.hazard.rv_ratio),
            spread_stress: threshold(r.hazard.spread_stress),
            depth_stress: threshold(r.hazard.depth_stress),
            vpin: threshold(r.hazard.vpin),
            vpin_pct: threshold(r.hazard.vpin_pct),
            jump_share: threshold(r.hazard.jump_share),
        },
    }
}

fn threshold(raw: RawThreshold) -> Threshold {
    Threshold {
        enter: raw.enter,
        leave: raw.leave,
        if_missing: raw.if_missing.into(),
    }
}

/// Returns the entry rules; stop and target are the triple barrier's.
pub fn entries(raw: &RawConfig) -> EntryParams {
    let (e, b) = (&raw.entries, &raw.labeling.triple_barrier);
    let (stop_atr, target_atr) = (b.sl_mult, b.pt_mult);
    EntryParams {
        cooldown_bars: e.cooldown_bars,
        trend_pullback: PullbackParams {
            long: e.trend_pullback.long,
            short: e.trend_pullback.short,
            max_distance_atr: e.trend_pullback.max_distance_atr,
            min_slope_atr: e.trend_pullback.min_slope_atr,
            slope_if_missing: e.trend_pullback.slope_if_missing.into(),
            close_back_if_missing: e.trend_pullback.close_back_if_missing.into(),
            stop_atr,
            target_atr,
        },
        trend_breakout: BreakoutParams {
            long: e.trend_breakout.long,
            short: e.trend_breakout.short,
            buffer_atr: e.trend_breakout.buffer_atr,
            volume_mult: e.trend_breakout.volume_mult,
            volume_if_missing: e.trend_breakout.volume_if_missing.into(),
            min_tfi: e.trend_breakout.min_tfi,
            flow_if_missing: e.trend_breakout.flow_if_missing.into(),
            stop_atr,
            target_atr,
        },
        range_fade: FadeParams {
            long: e.range_fade.long,
            short: e.range_fade.short,
            max_distance_atr: e.range_fade.max_distance_atr,
            min_wick_share: e.range_fade.min_wick_share,
            wick_if_missing: e.range_fade.wick_if_missing.into(),
            max_wmid_against: e.range_fade.max_wmid_against,
            wmid_if_missing: e.range_fade.wmid_if_missing.into(),
            max_tfi_against: e.range_fade.max_tfi_against,
            flow_if_missing: e.range_fade.flow_if_missing.into(),
            stop_atr,
            target_atr,
        },
    }
}

/// Returns the barriers of a trade whose width is `width` price units.
pub fn barrier(raw: &RawConfig, width: f64) -> Barrier {
    let b = &raw.labeling.triple_barrier;
    Barrier {
        width,
        tp_mult: b.pt_mult,
        sl_mult: b.sl_mult,
        horizon: Micros(i64::from(b.horizon_bars) * ENTRY_BAR_MINUTES * MICROS_PER_MINUTE),
        tie: match b.tie_policy {
            RawTiePolicy::SlFirst => TiePolicy::SlFirst,
            RawTiePolicy::TpFirst => TiePolicy::TpFirst,
        },
    }
}

/// Returns sizes.
pub fn sizing(raw: &RawConfig) -> FixedNotional {
    FixedNotional {
        notional: raw.risk.trade_notional,
        max_gross_notional: raw.risk.max_gross_notional,
    }
}

/// Returns the venue, with the fees given.
pub fn venue(raw: &RawConfig, maker_bps: f64, taker_bps: f64) -> VenueParams {
    VenueParams {
        start_cash: raw.risk.start_equity,
        entry_latency: Micros::from_millis(raw.execution.entry_latency_ms),
        response_latency: Micros::from_millis(raw.execution.response_latency_ms),
        slippage_bps: raw.execution.slippage_bps,
        maker_bps,
        taker_bps,
    }
}

/// Names of feature columns by what they mean to regime and entries.
pub struct ColumnNames {
    /// For the regime.
    pub regime: RegimeColumns,
    /// For the entries.
    pub entries: EntryColumns,
}

/// Returns the columns of [`feature_set`] by meaning; an input whose feature the config does not ask for has none.
pub fn columns(raw: &RawConfig) -> ColumnNames {
    let set = feature_set(raw);
    let of_kind = |kind: &str| -> Option<Vec<String>> {
        let feature = set
            .features
            .iter()
            .find(|p| p.kind() == kind)?
            .build()
            .ok()?;
        Some(feature.spec().columns.clone())
    };
    let name = |kind: &str, column: usize| of_kind(kind)?.get(column).cloned();
    let named = |kind: &str, prefix: &str| {
        let mut columns = of_kind(kind)?.into_iter();
        columns.find(|column| column.starts_with(prefix))
    };
    ColumnNames {
        regime: RegimeColumns {
            efficiency_ratio: name("efficiency_ratio", 0),
            ema_gap: name("ema_gap", 0),
            ema_slope: name("ema_slope", 0),
            rv_ratio: name("rv_ratio", 0),
            spread_stress: name("spread_stress", 0),
            depth_stress: name("depth_stress", 0),
            vpin: name("vpin", 0),
            vpin_pct: named("vpin", "vpin_pct"),
            jump_share: named("jump", "jump_share"),
        },
        entries: EntryColumns {
            atr: name("atr", 0),
            fast_ema: name("ema", 0),
            fast_slope: name("ema_slope", 0),
            session_vwap: name("session_vwap", 0),
            breakout_high: name("extremes", 0),
            breakout_low: name("extremes", 1),
            range_high: name("extremes", 0),
            range_low: name("extremes", 1),
            volume_median: name("volume_median", 0),
            tfi: name("tfi", 0),
            upper_wick: name("wick", 0),
            lower_wick: name("wick", 1),
            wmid_dev: name("wmid_dev", 0),
        },
    }
}
