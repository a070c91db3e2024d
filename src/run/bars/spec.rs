//! What a bar set is: its specification, its id, its place and columns in the lake.

use quant_core::bars::stats::STATS;
use quant_core::market::InstrumentKey;
use quant_core::market::book::TOP_LEVELS;
use quant_lake::bars::{bar_set_spec, micro_bar_set_spec};
use quant_lake::layout::PartitionSetSpec;
use quant_lake::openings::{openings_spec, set_openings_spec};
use quant_lake::schema::Dataset;
use quant_lake::stream::{MicroSpec, STATE_DATASETS};
use serde::Serialize;

use crate::config::{RawConfig, core_params};
use crate::error::{CommandResult, Kinded as _};
use crate::run::identity::sha256_hex;

/// Version of the tier-1 kernels; part of every bar set id, raised when their numbers change.
pub const BUILDER_VERSION: &str = "minute-builder-1";
/// Version of the event stream and of the statistics fed from it; part of the id of every bar set that has them.
pub const MICRO_VERSION: &str = "microstructure-3";

/// What a bar set is, and thereby its folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BarSetSpec {
    /// Version of the kernels.
    pub builder: &'static str,
    /// Minutes per row.
    pub interval_minutes: u32,
    /// Sources in order of preference.
    pub sources: Vec<Dataset>,
    /// Statistics beside the bars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub microstructure: Option<MicroSpec>,
}

impl BarSetSpec {
    /// Returns the set of 1m bars made from `sources`, without statistics.
    pub fn minutes(sources: &[Dataset]) -> Self {
        Self {
            builder: BUILDER_VERSION,
            interval_minutes: 1,
            sources: sources.to_vec(),
            microstructure: None,
        }
    }

    /// Returns the set that a config asks for.
    ///
    /// # Errors
    /// Internal, if the declarations of the statistics cannot be written as JSON.
    pub fn of(raw: &RawConfig) -> CommandResult<Self> {
        let mut out = Self::minutes(&raw.bars.sources);
        if let Some(micro) = &raw.bars.microstructure {
            let stats = serde_json::to_string(STATS).internal_error()?;
            let lag = |d: Dataset| raw.availability.get(d.name()).map_or(0, |a| a.lag_ms);
            out.microstructure = Some(MicroSpec {
                version: MICRO_VERSION,
                stats_sha256: sha256_hex(stats.as_bytes()),
                quotes: vec![Dataset::BookTicker, Dataset::L2Deltas, Dataset::L2Snapshots],
                book: vec![Dataset::L2Deltas, Dataset::L2Snapshots],
                stale_after_ms: micro.stale_after_ms,
                watermark_ms: core_params::watermark(raw).0 / 1_000,
                lags_ms: STATE_DATASETS.into_iter().map(|d| (d, lag(d))).collect(),
                vpin_bucket_share: micro.vpin_bucket_share,
                levels: TOP_LEVELS,
            });
        }
        Ok(out)
    }

    /// Returns the id: first 16 hex digits of the sha256 of the specification.
    ///
    /// # Errors
    /// Internal, if the specification cannot be written as JSON.
    pub fn id(&self) -> CommandResult<String> {
        let text = serde_json::to_string(self).internal_error()?;
        Ok(sha256_hex(text.as_bytes())[..16].to_owned())
    }

    /// Returns every dataset a day may read.
    pub fn datasets(&self) -> Vec<Dataset> {
        match &self.microstructure {
            None => self.sources.clone(),
            Some(micro) => micro.datasets(&self.sources),
        }
    }

    /// Returns the partition set of an instrument's bars.
    ///
    /// # Errors
    /// As [`BarSetSpec::id`].
    pub fn bars_of(&self, instrument: &InstrumentKey) -> CommandResult<PartitionSetSpec> {
        let id = self.id()?;
        match self.microstructure {
            None => bar_set_spec(instrument, &id),
            Some(_) => micro_bar_set_spec(instrument, &id),
        }
        .data_error()
    }

    /// Returns the partition set of an instrument's openings. Those of a set with statistics depend on its parameters, so
    /// that each has its own.
    ///
    /// # Errors
    /// As [`BarSetSpec::id`].
    pub fn openings_of(&self, instrument: &InstrumentKey) -> CommandResult<PartitionSetSpec> {
        match self.microstructure {
            None => Ok(openings_spec(instrument)),
            Some(_) => set_openings_spec(instrument, &self.id()?).data_error(),
        }
    }
}

#[cfg(test)]
mod tests;
