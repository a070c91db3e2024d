//! Parameters of features and feature sets, checked before anything is built. None has a default.

use core::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::features::error::Checker;
use crate::features::{FeatureError, ParamViolation, RowFeature, cross, flow, price};
use crate::units::Micros;

/// Most minutes a rolling window may span: one day; longer memory comes from per-day summaries.
const MAX_WINDOW_MINUTES: u32 = 1_440;
/// Most 5-minute bars a rolling window may span: one day.
const MAX_WINDOW_BARS: u32 = 288;
/// Most days a feature may be rebuilt from.
const MAX_DAYS_BACK: u32 = 60;

/// What a condition does when one of its inputs has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfMissing {
    /// The condition counts as if it spoke against trading.
    Block,
    /// The condition is left out and reported as skipped.
    Skip,
}

/// Parameters of one kind of feature: what a config writes, with its rules and the feature it makes.
///
/// The documentation, the registry and the config schema are made from this; a kind is added by implementing it in the
/// feature's own file and by one line in [`FeatureParams`].
pub trait FeatureDef: Sized {
    /// Name, as in the config key `kind`; the variant's name in snake case.
    const KIND: &'static str;
    /// One sentence.
    const DOC: &'static str;
    /// Returns valid parameters to show what the kind takes; they are not defaults.
    fn example() -> Self;
    /// Checks every parameter but `days_back`.
    fn check(&self, rules: &mut ParamRules<'_>);
    /// Returns the whole days of replay.
    fn days_back(&self) -> u16;
    /// Returns the position in the run of the other instrument it reads; `None` if it reads the traded one alone.
    fn other(&self) -> Option<u16> {
        None
    }
    /// Returns the columns of other kinds that it reads: they come to it in `MinuteFrame::parts`, in this order.
    ///
    /// The kinds must have the same replay window, and `RowFeature::replay` of the reader covers what they depend on.
    fn parts(&self) -> Vec<Part> {
        vec![]
    }
    /// Returns the feature; the parameters are valid.
    fn build(&self) -> Box<dyn RowFeature>;
}

/// A column of a feature that another one reads: computed once, whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// The feature that writes it.
    pub feature: FeatureParams,
    /// Which of the columns of that feature.
    pub column: usize,
}

/// Collects what is wrong with the parameters of one kind.
#[derive(Debug)]
pub struct ParamRules<'a> {
    kind: &'static str,
    checker: &'a mut Checker,
}

impl ParamRules<'_> {
    /// Requires an integer in `low..=high`.
    pub fn int(&mut self, key: &str, value: u32, low: u32, high: u32) {
        self.checker.require(
            (low..=high).contains(&value),
            format!("{}.{key}", self.kind),
            value,
            format!("{low} to {high}"),
        );
    }

    /// Requires a window of minutes: from `low` to one day.
    pub fn minutes(&mut self, key: &str, value: u32, low: u32) {
        self.int(key, value, low, MAX_WINDOW_MINUTES);
    }

    /// Requires a window of completed 5-minute bars: from `low` to one day.
    pub fn bars(&mut self, key: &str, value: u32, low: u32) {
        self.int(key, value, low, MAX_WINDOW_BARS);
    }

    /// Requires a number in `low..=high`; NaN is never in it.
    pub fn number(&mut self, key: &str, value: f64, low: f64, high: f64) {
        self.checker.require(
            (low..=high).contains(&value),
            format!("{}.{key}", self.kind),
            value,
            format!("{low} to {high}"),
        );
    }

    /// Requires a share.
    pub fn share(&mut self, key: &str, value: f64) {
        self.number(key, value, 0.0, 1.0);
    }
}

/// Makes the enum of all kinds and everything that depends on which kind it is.
macro_rules! feature_kinds {
    ($($(#[$doc:meta])* $variant:ident($params:ty)),+ $(,)?) => {
        /// Which feature, with its parameters.
        ///
        /// # Units
        /// `bars` are completed 5-minute bars, `minutes` are minutes, `days_back` whole UTC days of replay at each
        /// midnight.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        #[expect(missing_docs, reason = "each kind's parameters document it")]
        pub enum FeatureParams {
            $($variant($params)),+
        }

        impl FeatureParams {
            /// Returns every rule the parameters break.
            pub fn check(&self) -> Vec<ParamViolation> {
                let mut checker = Checker::new();
                let mut rules = ParamRules {
                    kind: self.kind(),
                    checker: &mut checker,
                };
                match self {
                    $(Self::$variant(p) => p.check(&mut rules)),+
                }
                rules.int("days_back", u32::from(self.days_back()), 0, MAX_DAYS_BACK);
                checker.into_violations()
            }

            /// Returns the name of the kind, as in the config.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$params as FeatureDef>::KIND),+
                }
            }

            /// Returns the whole days of replay.
            pub fn days_back(&self) -> u16 {
                match self {
                    $(Self::$variant(p) => p.days_back()),+
                }
            }

            /// Returns the position in the run of the other instrument it reads; `None` if it reads the traded one alone.
            pub fn other(&self) -> Option<u16> {
                match self {
                    $(Self::$variant(p) => p.other()),+
                }
            }

            /// Returns the columns of other kinds that it reads.
            pub fn parts(&self) -> Vec<Part> {
                match self {
                    $(Self::$variant(p) => p.parts()),+
                }
            }

            /// Returns how many features deep what it reads is; 0 if it reads minutes alone.
            pub(crate) fn depth(&self) -> usize {
                let parts = self.parts();
                let depths = parts.iter().map(|part| 1 + part.feature.depth());
                depths.max().unwrap_or(0)
            }

            /// Returns the feature.
            ///
            /// # Errors
            /// `BadParams` with every violation.
            pub fn build(&self) -> Result<Box<dyn RowFeature>, FeatureError> {
                let violations = self.check();
                if !violations.is_empty() {
                    return Err(FeatureError::BadParams { violations });
                }
                Ok(match self {
                    $(Self::$variant(p) => p.build()),+
                })
            }
        }

        /// Returns every kind, in name order.
        pub fn kinds() -> Vec<FeatureKind> {
            let mut kinds = vec![
                $(FeatureKind {
                    name: <$params as FeatureDef>::KIND,
                    doc: <$params as FeatureDef>::DOC,
                    example: FeatureParams::$variant(<$params as FeatureDef>::example()),
                }),+
            ];
            kinds.sort_by_key(|kind| kind.name);
            kinds
        }
    };
}

feature_kinds! {
    Absorption(flow::AbsorptionParams),
    ActivityRatio(price::ActivityRatioParams),
    Amihud(price::AmihudParams),
    Atr(price::AtrParams),
    AtrMinutes(price::AtrMinutesParams),
    Basis(cross::BasisParams),
    CloseVol(price::CloseVolParams),
    Correlation(cross::CorrelationParams),
    CorwinSchultz(price::CorwinSchultzParams),
    DepthStress(price::DepthStressParams),
    Edge(price::EdgeParams),
    EfficiencyRatio(price::EfficiencyRatioParams),
    Ema(price::EmaParams),
    EmaGap(price::EmaGapParams),
    EmaSlope(price::EmaSlopeParams),
    EmaTrend(price::EmaTrendParams),
    EwmaVol(price::EwmaVolParams),
    Extremes(price::ExtremesParams),
    FlowToxicity(flow::FlowToxicityParams),
    FlowVolume(price::FlowVolumeParams),
    Funding(cross::FundingParams),
    GarmanKlass(price::GarmanKlassParams),
    Hasbrouck(price::HasbrouckParams),
    Hawkes(flow::HawkesParams),
    Intrabar(price::IntrabarParams),
    Jump(price::JumpParams),
    JumpZ(price::JumpZParams),
    Kyle(flow::KyleParams),
    KyleMinute(flow::KyleMinuteParams),
    KyleSlope(flow::KyleSlopeParams),
    LiquidationPressure(flow::LiquidationPressureParams),
    MicroAlpha(flow::MicroAlphaParams),
    Obi(flow::ObiParams),
    Ofi(flow::OfiParams),
    OfiWeighted(flow::OfiWeightedParams),
    OfiZ(flow::OfiZParams),
    OiChange(cross::OiChangeParams),
    Parkinson(price::ParkinsonParams),
    Premium(cross::PremiumParams),
    RealisedVol(price::RealisedVolParams),
    Replenishment(flow::ReplenishmentParams),
    RogersSatchell(price::RogersSatchellParams),
    Roll(price::RollParams),
    RvRatio(price::RvRatioParams),
    SessionVwap(price::SessionVwapParams),
    SessionVwapZ(price::SessionVwapZParams),
    SizeConcentration(flow::SizeConcentrationParams),
    SpreadStress(price::SpreadStressParams),
    Tfi(flow::TfiParams),
    TfiThreshold(flow::TfiThresholdParams),
    VolumeMedian(price::VolumeMedianParams),
    VolumeRate(price::VolumeRateParams),
    VolumeRatio(price::VolumeRatioParams),
    Vpin(flow::VpinParams),
    VpinBvc(flow::VpinBvcParams),
    Wick(price::WickParams),
    WmidDev(flow::WmidDevParams),
    YangZhang(price::YangZhangParams),
}

/// One kind of feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureKind {
    /// Name, as in the config key `kind`.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// Valid parameters, to show what the kind takes; `example.build()` gives the full declaration.
    pub example: FeatureParams,
}

/// Everything that defines a feature set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSetParams {
    /// Added to `ts_close` to get `ts_avail`, microseconds.
    pub watermark: Micros,
    /// A longer run of filled or absent minutes ends a segment.
    pub segment_gap_minutes: u32,
    /// The features, in column order.
    pub features: Vec<FeatureParams>,
}

impl FeatureSetParams {
    /// Builds every feature.
    ///
    /// # Errors
    /// `BadParams` with the violations of all features, an empty list, a negative watermark or a column that two
    /// features would write; `NoOtherInstrument` if one of them reads an instrument that the run has not got.
    pub(crate) fn build(
        &self,
        n_instruments: usize,
        traded_idx: usize,
    ) -> Result<Vec<Box<dyn RowFeature>>, FeatureError> {
        let mut c = Checker::new();
        c.require(
            self.watermark.0 >= 0,
            "watermark",
            self.watermark.0,
            "at least 0",
        );
        c.require(
            !self.features.is_empty(),
            "features",
            "empty",
            "at least one feature",
        );
        let mut violations = c.into_violations();
        let mut built = Vec::with_capacity(self.features.len());
        for (i, params) in self.features.iter().enumerate() {
            match params.build() {
                Ok(feature) => built.push(feature),
                Err(FeatureError::BadParams { violations: found }) => {
                    violations.extend(found.into_iter().map(|v| ParamViolation {
                        key: format!("features[{i}].{}", v.key),
                        ..v
                    }));
                }
                Err(other) => return Err(other),
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for column in built.iter().flat_map(|f| &f.spec().columns) {
            if !seen.insert(column) {
                violations.push(ParamViolation {
                    key: "features".to_owned(),
                    value: format!("writing column `{column}` twice"),
                    expected: "every column once".to_owned(),
                });
            }
        }
        if !violations.is_empty() {
            return Err(FeatureError::BadParams { violations });
        }
        for (i, params) in self.features.iter().enumerate() {
            if let Some(other) = params.other()
                && (usize::from(other) >= n_instruments || usize::from(other) == traded_idx)
            {
                return Err(FeatureError::NoOtherInstrument {
                    key: format!("features[{i}].{}.other", params.kind()),
                    other,
                    n_instruments,
                    traded_idx,
                });
            }
        }
        Ok(built)
    }
}

/// Version of the meaning of all features: raised whenever any value changes for the same rows.
const VERSION: u32 = 2;

/// Returns the first 16 hex digits of the sha256 over the full specification.
pub(crate) fn set_id(params: &FeatureSetParams, features: &[Box<dyn RowFeature>]) -> String {
    // Every text carries its length, so no two specifications share one encoding.
    let mut text = String::new();
    let mut put = |s: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}:{s}", s.len());
    };
    put(&format!("feature set version {VERSION}"));
    put(&params.watermark.0.to_string());
    put(&params.segment_gap_minutes.to_string());
    for feature in features {
        let spec = feature.spec();
        put(spec.name);
        put(&spec.columns.len().to_string());
        spec.columns.iter().for_each(|c| put(c));
        put(&spec.params.len().to_string());
        for (name, value) in &spec.params {
            put(name);
            put(value);
        }
        for part in [
            spec.formula,
            spec.units,
            &spec.window,
            &spec.warmup,
            spec.inputs,
            spec.nan_policy,
        ] {
            put(part);
        }
        put(&spec.days_back.to_string());
    }
    hex16(text.as_bytes())
}

/// Returns the first 16 hex digits of the sha256 of `bytes`.
pub(crate) fn hex16(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest
        .iter()
        .take(8)
        .fold(String::with_capacity(16), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        })
}
