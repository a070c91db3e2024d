//! The keys of a config file, as typed data. Every key is required unless it says otherwise; none has a default that
//! changes a result. Doc comments become the descriptions of `configs/schema.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use quant_core::features::{FeatureParams, kinds};
use quant_core::market::{Exchange, Market, Symbol};
use quant_core::time::UnixMicros;
use quant_lake::schema::Dataset;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::synth::Look;

/// A whole config file, after `extends` and overrides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// What is evaluated.
    pub run: RawRun,
    /// Instruments of the run; exactly one is traded.
    pub instruments: Vec<RawInstrument>,
    /// Perpetual and spot that belong together, by position in `instruments`.
    pub pairs: Vec<RawPair>,
    /// Where files are; no part of a run's identity.
    pub paths: RawPaths,
    /// Where history comes from and what is accepted.
    pub ingest: RawIngest,
    /// When a record may be used, per dataset: `ts_avail = ts_event` (period end for intervals) `+ lag_ms`.
    pub availability: BTreeMap<String, RawAvailability>,
    /// Tier 1: bars.
    pub bars: RawBars,
    /// Tier 2: windows of the features.
    pub features: RawFeatures,
    /// Regime thresholds.
    pub regime: RawRegime,
    /// 5m entries.
    pub entries: RawEntries,
    /// Exits and labels.
    pub labeling: RawLabeling,
    /// Fills and costs.
    pub execution: RawExecution,
    /// Sizes and limits.
    pub risk: RawRisk,
    /// When a run refuses to give a number.
    pub gates: RawGates,
}

/// What is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRun {
    /// Inclusive start, UTC: `YYYY-MM-DD` (midnight).
    #[serde(with = "time_text")]
    #[schemars(with = "String")]
    pub start: UnixMicros,
    /// Exclusive end, UTC: `YYYY-MM-DD` (midnight).
    #[serde(with = "time_text")]
    #[schemars(with = "String")]
    pub end: UnixMicros,
    /// Whole days before `start` read as warm-up; days the lake does not hold are recorded as absent.
    pub warmup_days: u16,
}

/// Role of an instrument in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Entries and trades happen here.
    Traded,
    /// Only read.
    Reference,
}

/// One instrument of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawInstrument {
    /// Exchange, `sim-` prefixed for simulated data.
    #[schemars(with = "String")]
    pub exchange: Exchange,
    /// Market.
    #[schemars(with = "String")]
    pub market: Market,
    /// The venue's own symbol.
    #[schemars(with = "String")]
    pub symbol: Symbol,
    /// Role.
    pub role: Role,
}

/// A perpetual and its spot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPair {
    /// Position of the perpetual in `instruments`.
    pub perp: usize,
    /// Position of the spot instrument in `instruments`.
    pub spot: usize,
}

/// Where files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPaths {
    /// Lake folder.
    pub lake: PathBuf,
    /// Artifacts folder.
    pub artifacts: PathBuf,
    /// Instruments table (YAML); null: the one built into the binary.
    pub instruments: Option<PathBuf>,
}

/// Kind of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IngestSource {
    /// Make a simulated market, then ingest it as Vision archives.
    Synth,
    /// Binance Vision archives.
    Vision,
    /// CSV files.
    Csv,
    /// Only what the lake holds already.
    Lake,
}

/// Where history comes from and what is accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawIngest {
    /// Kind of source.
    pub source: IngestSource,
    /// Datasets to ingest.
    #[schemars(with = "Vec<String>")]
    pub datasets: Vec<Dataset>,
    /// A file with a larger share of bad rows is refused whole.
    pub max_quarantine_share: f64,
    /// Keep originals under `<lake>/sources`.
    pub keep_sources: bool,
    /// Binance Vision archives.
    pub vision: RawVision,
    /// Simulated market; needed by `source: synth`.
    pub synth: Option<RawSynth>,
    /// CSV files; needed by `source: csv`.
    pub csv: Option<RawCsv>,
}

/// Binance Vision archives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawVision {
    /// Local folder in the archive's layout; null: download from `base_url`.
    pub root: Option<PathBuf>,
    /// Host that serves the archive.
    pub base_url: String,
    /// Accept archives without a `.CHECKSUM`.
    pub allow_missing_checksum: bool,
    /// Tries after the first failed one.
    pub retries: u32,
    /// Longest wait for the server, seconds.
    pub timeout_s: u64,
}

/// A simulated market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSynth {
    /// Profile: `null` has no edge, `planted_flow`, `planted_hazard`, `planted_trend` and `planted_reversion` have one kind each,
    /// `mixed` has some of each.
    #[serde(deserialize_with = "profile_name")]
    pub profile: String,
    /// Seed.
    pub seed: u64,
    /// What the instruments are like: `btc` (fine tick, busy) or `alt` (coarse tick, thick book). Tick and lot are those
    /// of the instruments table.
    pub look: Look,
    /// Mean number of trades per day.
    pub trades_per_day: u32,
    /// Mean number of changes of the best bid or ask per day.
    pub quotes_per_day: u32,
}

/// What the stamp of a bar means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stamp {
    /// Start of the bar.
    Open,
    /// Exclusive end of the bar.
    Close,
}

/// Unit of a volume column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VolumeUnit {
    /// Coins.
    Base,
    /// Money.
    Quote,
    /// Contracts of the instruments table.
    Contracts,
}

/// Form of a time column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// `YYYY-MM-DD[T ]HH:MM:SS[.ffffff][Z]`, UTC.
    Iso,
    /// Seconds since 1970, fractions allowed.
    EpochS,
    /// Milliseconds since 1970.
    EpochMs,
    /// Microseconds since 1970.
    EpochUs,
    /// Nanoseconds since 1970.
    EpochNs,
}

/// A user's own CSV files of one instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCsv {
    /// The file, relative to the working directory.
    pub path: PathBuf,
    /// `klines_1m` or `trades`.
    #[schemars(with = "String")]
    pub dataset: Dataset,
    /// Field separator, one ASCII character.
    pub delimiter: char,
    /// Names of the columns in file order when the file has no header; null: the first line names them.
    pub header: Option<Vec<String>>,
    /// Form of the time column.
    pub time_format: TimeFormat,
    /// What a bar's stamp means; klines only.
    pub stamp: Option<Stamp>,
    /// Unit of the volume or size column.
    pub volume_unit: VolumeUnit,
    /// Canonical name -> column of the file. Klines: `time`, `open`, `high`, `low`, `close`, `volume` and optionally
    /// `quote_volume`, `n_trades`, `taker_buy_volume`. Trades: `time`, `price`, `qty`, `side` or `is_buyer_maker`, and
    /// optionally `id`.
    pub columns: BTreeMap<String, String>,
}

/// When records of a dataset may be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAvailability {
    /// Milliseconds after the event (after the period's end for intervals).
    pub lag_ms: i64,
}

/// Statistics of quotes, books, trades and states per minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawMicrostructure {
    /// A touch, book, last trade or depth band older than this is stale, milliseconds.
    pub stale_after_ms: i64,
    /// Size of a volume bucket (VPIN) as a share of the mean daily volume of up to 7 days before.
    pub vpin_bucket_share: f64,
}

/// Tier 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawBars {
    /// Sources in order of preference: `trades`, `klines_1m`, `agg_trades`.
    #[schemars(with = "Vec<String>")]
    pub sources: Vec<Dataset>,
    /// A minute is decided this long after its close.
    pub watermark_ms: i64,
    /// A longer gap starts a new segment.
    pub segment_gap_minutes: u32,
    /// Statistics beside the bars, of whatever the lake holds of a day; null: none.
    pub microstructure: Option<RawMicrostructure>,
}

/// Windows of the features, in completed bars of the named clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFeatures {
    /// Fast EMA of 5m closes.
    pub ema_fast_bars: u32,
    /// Slow EMA of 5m closes.
    pub ema_slow_bars: u32,
    /// Bars over which an EMA slope is taken.
    pub ema_slope_bars: u32,
    /// Wilder ATR on 5m bars.
    pub atr_bars: u32,
    /// Efficiency ratio on 5m closes.
    pub efficiency_ratio_bars: u32,
    /// Realised volatility of 1m returns.
    pub realized_vol_minutes: u32,
    /// Smallest share of real minutes in that window.
    pub realized_vol_min_valid_share: f64,
    /// Days whose median realised volatility is the yardstick.
    pub realized_vol_median_days: u16,
    /// Rolling extremes over 5m bars before the current one.
    pub extreme_bars: u32,
    /// Median 5m volume before the current bar.
    pub volume_median_bars: u32,
    /// Trade flow imbalance over 1m rows.
    pub tfi_minutes: u32,
    /// Features beyond those of the entries, each a `kind` with all its parameters; the page on row features defines them. The
    /// first of `spread_stress`, `depth_stress`, `jump` and `vpin` is the hazard input of its name, the first `wmid_dev`
    /// the microprice of the entries.
    #[schemars(schema_with = "extra_features")]
    pub extra: Vec<FeatureParams>,
}

/// Returns the schema of a list of features: one object per kind, with the keys of its example.
fn extra_features(_: &mut SchemaGenerator) -> Schema {
    let kinds: Vec<Value> = kinds()
        .iter()
        .map(|kind| {
            let example = serde_json::to_value(kind.example).unwrap_or_default();
            let fields = example.as_object().cloned().unwrap_or_default();
            let keys: Vec<&String> = fields.keys().collect();
            let types: serde_json::Map<String, Value> = fields
                .iter()
                .map(|(key, value)| {
                    let of = match value {
                        Value::Number(n) if n.is_f64() => json!({"type": "number"}),
                        Value::Number(_) => json!({"type": "integer", "minimum": 0}),
                        other => json!({"const": other}),
                    };
                    (key.clone(), of)
                })
                .collect();
            json!({
                "type": "object",
                "description": kind.doc,
                "properties": types,
                "required": keys,
                "additionalProperties": false,
            })
        })
        .collect();
    json_schema!({"type": "array", "items": {"oneOf": kinds}})
}

/// What a condition does when its input is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfMissing {
    /// The condition fails.
    Block,
    /// The condition is left out, and counted as skipped.
    Skip,
}

impl From<IfMissing> for quant_core::features::IfMissing {
    fn from(value: IfMissing) -> Self {
        match value {
            IfMissing::Block => Self::Block,
            IfMissing::Skip => Self::Skip,
        }
    }
}

/// One condition of a regime.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawThreshold {
    /// Level to enter the state.
    pub enter: f64,
    /// Level to stay in it, never stricter than `enter`.
    pub leave: f64,
    /// What a missing input does: with `block`, TREND and RANGE do not hold and HAZARD does.
    pub if_missing: IfMissing,
}

/// TREND: all conditions, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTrend {
    /// Efficiency ratio at least.
    pub efficiency_ratio: RawThreshold,
    /// EMA gap in the direction at least, in ATR.
    pub ema_gap: RawThreshold,
    /// EMA slope in the direction at least, in ATR per bar.
    pub ema_slope: RawThreshold,
}

/// RANGE: all conditions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRange {
    /// Efficiency ratio at most.
    pub efficiency_ratio: RawThreshold,
    /// Absolute EMA gap at most, in ATR.
    pub ema_gap: RawThreshold,
    /// Absolute EMA slope at most, in ATR per bar.
    pub ema_slope: RawThreshold,
}

/// HAZARD: any condition.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawHazard {
    /// Realised volatility over its median of the days before.
    pub rv_ratio: RawThreshold,
    /// Spread over its usual level; needs a book.
    pub spread_stress: RawThreshold,
    /// Usual depth over depth; needs a book.
    pub depth_stress: RawThreshold,
    /// VPIN itself, in [0, 1], whatever is usual for the market; needs trades and the feature `vpin` in `features.extra`.
    pub vpin: RawThreshold,
    /// Rank of VPIN among its values of the lookback, in [0, 1]; needs the same.
    pub vpin_pct: RawThreshold,
    /// Share of jump variation, in [0, 1]; needs quotes or a book and the feature `jump` in `features.extra`.
    pub jump_share: RawThreshold,
}

/// Regime thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRegime {
    /// Bars a state lasts unless a higher one outranks it.
    pub min_dwell_bars: u32,
    /// First bars after a change that are reported as TRANSITION.
    pub transition_bars: u32,
    /// TREND.
    pub trend: RawTrend,
    /// RANGE.
    pub range: RawRange,
    /// HAZARD.
    pub hazard: RawHazard,
}

/// Trend pullback entries; distances in ATR.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPullback {
    /// Switch of `trend_pullback_long`.
    pub long: bool,
    /// Switch of `trend_pullback_short`.
    pub short: bool,
    /// How near the fast EMA or session VWAP the pullback must come.
    pub max_distance_atr: f64,
    /// The fast EMA slope of both bars must be above this, per bar.
    pub min_slope_atr: f64,
    /// Without a slope of both bars.
    pub slope_if_missing: IfMissing,
    /// Without a previous bar to close beyond.
    pub close_back_if_missing: IfMissing,
}

/// Trend breakout entries.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawBreakout {
    /// Switch of `trend_breakout_long`.
    pub long: bool,
    /// Switch of `trend_breakout_short`.
    pub short: bool,
    /// How far beyond the extreme the close must be, in ATR.
    pub buffer_atr: f64,
    /// Volume must be above this multiple of its median.
    pub volume_mult: f64,
    /// Without a median volume.
    pub volume_if_missing: IfMissing,
    /// Trade flow imbalance in the direction at least.
    pub min_tfi: f64,
    /// Without trade flow.
    pub flow_if_missing: IfMissing,
}

/// Range fade entries.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFade {
    /// Switch of `range_fade_long`.
    pub long: bool,
    /// Switch of `range_fade_short`.
    pub short: bool,
    /// How near the range edge the close must be, in ATR.
    pub max_distance_atr: f64,
    /// Smallest share of the rejection wick in the bar's range.
    pub min_wick_share: f64,
    /// Without a wick (a bar without range).
    pub wick_if_missing: IfMissing,
    /// Largest microprice deviation against the entry, in ATR.
    pub max_wmid_against: f64,
    /// Without a book.
    pub wmid_if_missing: IfMissing,
    /// Largest trade flow imbalance against the entry.
    pub max_tfi_against: f64,
    /// Without trade flow.
    pub flow_if_missing: IfMissing,
}

/// 5m entries. Stops and targets are those of `labeling.triple_barrier`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEntries {
    /// Bars after an accepted entry during which its side accepts no other.
    pub cooldown_bars: u32,
    /// Trend pullback.
    pub trend_pullback: RawPullback,
    /// Trend breakout.
    pub trend_breakout: RawBreakout,
    /// Range fade.
    pub range_fade: RawFade,
}

/// Exits and labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawLabeling {
    /// Triple barrier.
    pub triple_barrier: RawTripleBarrier,
}

/// Unit of the barrier width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BarrierWidth {
    /// Average true range of 5m bars at the decision.
    Atr,
}

/// Which barrier counts when one bar touches both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawTiePolicy {
    /// The stop: pessimistic.
    SlFirst,
    /// The target: optimistic, for bounds.
    TpFirst,
}

/// Triple barrier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTripleBarrier {
    /// Unit of the multipliers.
    pub width: BarrierWidth,
    /// Target distance in widths.
    pub pt_mult: f64,
    /// Stop distance in widths.
    pub sl_mult: f64,
    /// Longest holding time in 5m bars.
    pub horizon_bars: u32,
    /// Both barriers inside one bar.
    pub tie_policy: RawTiePolicy,
    /// A larger share of ties is flagged in the report.
    pub max_tie_share: f64,
}

/// Where fees come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawFees {
    /// The instruments table, as valid at the time.
    Instrument,
    /// The same fees all the time.
    #[serde(rename = "fixed")]
    Fixed(RawFixedFees),
}

/// Fees in basis points of notional.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFixedFees {
    /// Maker fee; a rebate is negative.
    pub maker_bps: f64,
    /// Taker fee.
    pub taker_bps: f64,
}

/// Fills and costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExecution {
    /// Decision to venue, milliseconds.
    pub entry_latency_ms: i64,
    /// Venue to us, milliseconds.
    pub response_latency_ms: i64,
    /// Adverse slippage of market orders, basis points.
    pub slippage_bps: f64,
    /// `instrument`, or `fixed: {maker_bps, taker_bps}`.
    pub fees: RawFees,
}

/// Sizes and limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRisk {
    /// Equity at the start, quote currency.
    pub start_equity: f64,
    /// Notional of one trade, quote currency.
    pub trade_notional: f64,
    /// Largest sum of open notionals, quote currency.
    pub max_gross_notional: f64,
}

/// When a run refuses to give a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawGates {
    /// Smallest share of minutes in the evaluated range that have a real bar.
    pub min_coverage: f64,
    /// Smallest number of accepted entries.
    pub min_entries: u64,
    /// Run on inputs with gaps or defects, without the minutes concerned; otherwise refuse.
    pub allow_gaps: bool,
}

/// Reads a profile's name; an unquoted `null` in YAML is the name of the null profile, not a missing value.
fn profile_name<'de, D: serde::Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(d)?.unwrap_or_else(|| "null".to_owned()))
}

/// Instants as `YYYY-MM-DD` or RFC 3339 text.
mod time_text {
    use quant_core::time::UnixMicros;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature serde calls"
    )]
    pub(super) fn serialize<S: Serializer>(at: &UnixMicros, s: S) -> Result<S::Ok, S::Error> {
        if at.day().start() == *at {
            s.collect_str(&at.day())
        } else {
            s.collect_str(at)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<UnixMicros, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
