//! Rules a typed config must obey, all violations collected before failing.

use core::fmt;

use quant_core::features::{FeatureError, FeatureSet, ParamViolation};
use quant_core::regime::RegimeError;
use quant_core::strategy::StrategyError;
use quant_core::time::{Day, TimeRange};
use quant_lake::schema::Dataset;
use quant_lake::stream::STATE_DATASETS;

use super::core_params;
use super::raw::{IngestSource, RawConfig, Role};

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Config key.
    pub key: String,
    /// What is wrong with its value.
    pub problem: String,
}

/// Every broken rule of a config.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<Violation>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0.len();
        write!(f, "has {n} problem{}:", if n == 1 { "" } else { "s" })?;
        for v in &self.0 {
            write!(f, "\n  `{}` {}", v.key, v.problem)?;
        }
        Ok(())
    }
}

/// What checking derives.
pub(super) struct Checked {
    pub(super) range: TimeRange,
    pub(super) first_day: Day,
    pub(super) traded: usize,
}

/// Collects violations under keys.
#[derive(Default)]
struct Rules(Vec<Violation>);

impl Rules {
    fn require(&mut self, ok: bool, key: &str, problem: impl fmt::Display) {
        if !ok {
            self.0.push(Violation {
                key: key.to_owned(),
                problem: problem.to_string(),
            });
        }
    }

    fn within(&mut self, value: f64, low: f64, high: f64, key: &str) {
        self.require(
            (low..=high).contains(&value),
            key,
            format_args!("is {value}; expected {low} to {high}"),
        );
    }

    fn positive(&mut self, value: u32, key: &str) {
        self.require(value > 0, key, "is 0; expected at least 1");
    }
}

/// Checks every rule.
pub(super) fn check(raw: &RawConfig) -> Result<Checked, ConfigErrors> {
    let mut rules = Rules::default();
    let (start, end) = (raw.run.start, raw.run.end);
    rules.require(
        start < end,
        "run.end",
        format_args!("`{end}` does not lie after run.start `{start}`"),
    );
    for (at, key) in [(start, "run.start"), (end, "run.end")] {
        rules.require(
            at.day().start() == at,
            key,
            "is not a UTC midnight; runs cover whole days",
        );
    }
    rules.require(
        raw.run.warmup_days <= 60,
        "run.warmup_days",
        "is more than 60",
    );

    let traded: Vec<usize> = (0..raw.instruments.len())
        .filter(|&i| raw.instruments[i].role == Role::Traded)
        .collect();
    rules.require(
        traded.len() == 1,
        "instruments",
        format_args!(
            "name {} instruments with `role: traded`; expected exactly one",
            traded.len()
        ),
    );
    for (i, a) in raw.instruments.iter().enumerate() {
        let same = |b: &super::RawInstrument| {
            (a.exchange, a.market, &a.symbol) == (b.exchange, b.market, &b.symbol)
        };
        rules.require(
            !raw.instruments[..i].iter().any(same),
            &format!("instruments.{i}"),
            "is listed twice",
        );
        let simulated = raw.ingest.source == IngestSource::Synth;
        if raw.ingest.source != IngestSource::Lake {
            rules.require(
                a.exchange.simulated == simulated,
                &format!("instruments.{i}.exchange"),
                format_args!(
                    "`{}` does not fit `ingest.source`: simulated data lives under `sim-...`, real data never does",
                    a.exchange
                ),
            );
        }
    }
    for (i, pair) in raw.pairs.iter().enumerate() {
        let n = raw.instruments.len();
        rules.require(
            pair.perp < n && pair.spot < n && pair.perp != pair.spot,
            &format!("pairs.{i}"),
            "does not name two positions of `instruments`",
        );
    }
    check_ingest(raw, &mut rules);
    check_microstructure(raw, &mut rules);
    check_numbers(raw, &mut rules);
    if rules.0.is_empty() {
        Ok(Checked {
            range: TimeRange { start, end },
            first_day: start.day().plus(-i32::from(raw.run.warmup_days)),
            traded: traded[0],
        })
    } else {
        Err(ConfigErrors(rules.0))
    }
}

fn check_ingest(raw: &RawConfig, rules: &mut Rules) {
    let ingest = &raw.ingest;
    rules.within(
        ingest.max_quarantine_share,
        0.0,
        1.0,
        "ingest.max_quarantine_share",
    );
    rules.require(!ingest.datasets.is_empty(), "ingest.datasets", "is empty");
    rules.require(
        ingest.vision.timeout_s > 0,
        "ingest.vision.timeout_s",
        "is 0",
    );
    rules.require(
        ingest.source != IngestSource::Synth || ingest.synth.is_some(),
        "ingest.synth",
        "is missing; `ingest.source: synth` needs it",
    );
    if let Some(synth) = &ingest.synth {
        rules.require(
            crate::synth::request::profile_of(&synth.profile).is_ok(),
            "ingest.synth.profile",
            format_args!(
                "`{}` is unknown; known: {}",
                synth.profile,
                crate::synth::request::profile_names()
            ),
        );
        rules.positive(synth.trades_per_day, "ingest.synth.trades_per_day");
        rules.positive(synth.quotes_per_day, "ingest.synth.quotes_per_day");
    }
    match (&ingest.csv, ingest.source) {
        (None, IngestSource::Csv) => {
            rules.require(
                false,
                "ingest.csv",
                "is missing; `ingest.source: csv` needs it",
            );
        }
        (Some(csv), _) => {
            rules.require(
                csv.delimiter.is_ascii(),
                "ingest.csv.delimiter",
                "is not ASCII",
            );
            rules.require(
                matches!(csv.dataset, Dataset::Klines1m | Dataset::Trades),
                "ingest.csv.dataset",
                "is neither klines_1m nor trades",
            );
            rules.require(
                (csv.dataset == Dataset::Klines1m) == csv.stamp.is_some(),
                "ingest.csv.stamp",
                "is needed for klines_1m (open or close) and has no meaning for trades",
            );
            let one = raw.instruments.len() == 1 || ingest.source != IngestSource::Csv;
            rules.require(one, "instruments", "must be one with `ingest.source: csv`");
        }
        (None, _) => {}
    }
    for dataset in &raw.bars.sources {
        rules.require(
            matches!(
                dataset,
                Dataset::Trades | Dataset::Klines1m | Dataset::AggTrades
            ),
            "bars.sources",
            format_args!("`{dataset}` cannot make bars; known: trades, klines_1m, agg_trades"),
        );
    }
    rules.require(!raw.bars.sources.is_empty(), "bars.sources", "is empty");
    rules.require(
        raw.bars
            .sources
            .iter()
            .enumerate()
            .all(|(i, d)| !raw.bars.sources[..i].contains(d)),
        "bars.sources",
        "names a source twice",
    );
    for (name, availability) in &raw.availability {
        let key = format!("availability.{name}");
        rules.require(name.parse::<Dataset>().is_ok(), &key, "is not a dataset");
        rules.require(
            (0..=86_400_000).contains(&availability.lag_ms),
            &format!("{key}.lag_ms"),
            "is not between 0 and one day",
        );
    }
    for dataset in &raw.bars.sources {
        rules.require(
            raw.availability.contains_key(dataset.name()),
            &format!("availability.{dataset}"),
            "is missing: every source of bars needs its lag stated",
        );
    }
}

fn check_microstructure(raw: &RawConfig, rules: &mut Rules) {
    let Some(micro) = &raw.bars.microstructure else {
        return;
    };
    rules.require(
        (1_000..=3_600_000).contains(&micro.stale_after_ms),
        "bars.microstructure.stale_after_ms",
        "is not between 1000 and one hour",
    );
    rules.within(
        micro.vpin_bucket_share,
        1e-6,
        1.0,
        "bars.microstructure.vpin_bucket_share",
    );
    for dataset in STATE_DATASETS {
        rules.require(
            raw.availability.contains_key(dataset.name()),
            &format!("availability.{dataset}"),
            "is missing: `bars.microstructure` needs the lag of every state it knows",
        );
    }
}

fn check_numbers(raw: &RawConfig, rules: &mut Rules) {
    rules.require(
        (0..=60_000).contains(&raw.bars.watermark_ms),
        "bars.watermark_ms",
        "is not between 0 and 60000",
    );
    rules.positive(raw.bars.segment_gap_minutes, "bars.segment_gap_minutes");
    let f = &raw.features;
    for (value, key) in [
        (f.ema_fast_bars, "features.ema_fast_bars"),
        (f.ema_slow_bars, "features.ema_slow_bars"),
        (f.ema_slope_bars, "features.ema_slope_bars"),
        (f.atr_bars, "features.atr_bars"),
        (f.efficiency_ratio_bars, "features.efficiency_ratio_bars"),
        (f.realized_vol_minutes, "features.realized_vol_minutes"),
        (f.extreme_bars, "features.extreme_bars"),
        (f.volume_median_bars, "features.volume_median_bars"),
        (f.tfi_minutes, "features.tfi_minutes"),
    ] {
        rules.positive(value, key);
        let limit = if key.ends_with("_minutes") {
            1_440
        } else {
            288
        };
        rules.require(
            value <= limit,
            key,
            format_args!("is {value}; a window under one day has at most {limit}"),
        );
    }
    rules.require(
        f.ema_fast_bars < f.ema_slow_bars,
        "features.ema_fast_bars",
        "is not smaller than features.ema_slow_bars",
    );
    rules.within(
        f.realized_vol_min_valid_share,
        0.0,
        1.0,
        "features.realized_vol_min_valid_share",
    );
    rules.require(
        (1..=60).contains(&f.realized_vol_median_days),
        "features.realized_vol_median_days",
        "is not between 1 and 60",
    );
    let b = &raw.labeling.triple_barrier;
    rules.within(b.pt_mult, 0.01, 100.0, "labeling.triple_barrier.pt_mult");
    rules.within(b.sl_mult, 0.01, 100.0, "labeling.triple_barrier.sl_mult");
    rules.within(
        b.max_tie_share,
        0.0,
        1.0,
        "labeling.triple_barrier.max_tie_share",
    );
    rules.positive(b.horizon_bars, "labeling.triple_barrier.horizon_bars");
    let e = &raw.execution;
    rules.require(
        (0..=3_600_000).contains(&e.entry_latency_ms),
        "execution.entry_latency_ms",
        "is not between 0 and one hour",
    );
    rules.require(
        (0..=3_600_000).contains(&e.response_latency_ms),
        "execution.response_latency_ms",
        "is not between 0 and one hour",
    );
    rules.within(e.slippage_bps, 0.0, 1_000.0, "execution.slippage_bps");
    if let super::RawFees::Fixed(fees) = &e.fees {
        rules.within(
            fees.maker_bps,
            -100.0,
            1_000.0,
            "execution.fees.fixed.maker_bps",
        );
        rules.within(
            fees.taker_bps,
            -100.0,
            1_000.0,
            "execution.fees.fixed.taker_bps",
        );
    }
    rules.within(raw.risk.start_equity, 1e-6, 1e15, "risk.start_equity");
    rules.within(raw.risk.trade_notional, 1e-6, 1e15, "risk.trade_notional");
    rules.within(
        raw.risk.max_gross_notional,
        1e-6,
        1e15,
        "risk.max_gross_notional",
    );
    rules.within(raw.gates.min_coverage, 0.0, 1.0, "gates.min_coverage");
    check_core(raw, rules);
}

/// Rules the core has for its own parameters, under the keys of the config.
fn check_core(raw: &RawConfig, rules: &mut Rules) {
    let sizing = core_params::sizing(raw);
    if let Err(error) = sizing.check() {
        rules.require(false, "risk", format_args!("is refused: {error}"));
    }
    let mut take = |section: &str, violations: Vec<ParamViolation>| {
        for v in violations {
            let key = format!("{section}.{}", v.key);
            rules.require(
                false,
                &key,
                format_args!("is {}; expected {}", v.value, v.expected),
            );
        }
    };
    take("features", extra_violations(raw));
    if let Err(RegimeError::BadParams { violations }) = core_params::regime(raw).check() {
        take("regime", violations);
    }
    if let Err(StrategyError::BadParams { violations }) = core_params::entries(raw).check() {
        // Stops and targets come from the triple barrier, which has its own rules above.
        let own = violations
            .into_iter()
            .filter(|v| !v.key.ends_with("stop_atr") && !v.key.ends_with("target_atr"));
        take("entries", own.collect());
    }
}

/// Returns what is wrong with `features.extra`, alone and beside the features of the entries; those have their own keys.
fn extra_violations(raw: &RawConfig) -> Vec<ParamViolation> {
    let traded = raw.instruments.iter().position(|i| i.role == Role::Traded);
    let set = core_params::feature_set(raw);
    let n_own = set.features.len() - raw.features.extra.len();
    let n_instruments = raw.instruments.len().max(1);
    match FeatureSet::new(&set, n_instruments, traded.unwrap_or(0)) {
        Ok(_) => Vec::new(),
        Err(FeatureError::BadParams { violations }) => violations
            .into_iter()
            .filter_map(|v| {
                let key = match v.key.strip_prefix("features") {
                    Some("") => "extra".to_owned(),
                    Some(rest) => {
                        let (idx, key) = rest.strip_prefix('[')?.split_once(']')?;
                        let idx = idx.parse::<usize>().ok()?.checked_sub(n_own)?;
                        format!("extra.{idx}{key}")
                    }
                    None => return None,
                };
                Some(ParamViolation { key, ..v })
            })
            .collect(),
        Err(other) => vec![ParamViolation {
            key: "extra".to_owned(),
            value: other.to_string(),
            expected: "features of these instruments".to_owned(),
        }],
    }
}
