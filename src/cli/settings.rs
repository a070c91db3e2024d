//! The config keys that an ingest outside a run reads: those of `--config`, of `--set` alone, or what is built in.
//!
//! A run takes everything from its config; an ingest needs a few keys, which may be set without a file. A key that would
//! be ignored is refused.

use std::path::{Path, PathBuf};

use quant_lake::ingest::IngestOptions;
use serde::Deserialize;

use crate::config::{self, Config, RawCsv, RawVision};
use crate::error::{CommandError, CommandResult, ErrorKind};

/// Keys that `--set` knows without a config.
const KEYS: &str = "ingest.max_quarantine_share, ingest.keep_sources, ingest.vision.{root, base_url, allow_missing_checksum, retries, timeout_s} and paths.instruments";

/// What an ingest reads of a config.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// A file with a larger share of bad rows is refused whole.
    pub(super) max_quarantine_share: f64,
    /// Keep originals.
    pub(super) keep_sources: bool,
    /// Archives of Vision; retries and time limits of every host.
    pub(super) vision: RawVision,
    /// Columns of a user's CSV, which only a config can describe.
    pub(super) csv: Option<RawCsv>,
    /// Instruments table instead of the built-in one.
    pub(super) instruments: Option<PathBuf>,
}

impl Settings {
    /// Reads `--config` with its overrides, or overrides alone.
    ///
    /// # Errors
    /// Configuration errors: those of the config; a key that means nothing here; a value out of its bounds.
    pub(super) fn load(file: Option<&Path>, sets: &[String]) -> CommandResult<Self> {
        let Some(file) = file else {
            return Self::of_overrides(sets);
        };
        let config = Config::load(file, sets)?;
        let ingest = config.raw.ingest;
        Ok(Self {
            max_quarantine_share: ingest.max_quarantine_share,
            keep_sources: ingest.keep_sources,
            vision: ingest.vision,
            csv: ingest.csv,
            instruments: config.raw.paths.instruments,
        })
    }

    fn of_overrides(sets: &[String]) -> CommandResult<Self> {
        let tree = config::overrides(sets)?;
        let set: Overrides = serde_path_to_error::deserialize(&tree).map_err(|error| {
            let text = format!("--set, key `{}`: {}", error.path(), error.inner());
            refused(&text)
        })?;
        let (vision, ingest) = (set.ingest_vision(), set.ingest);
        let share = ingest
            .max_quarantine_share
            .unwrap_or_else(|| IngestOptions::default().max_quarantine_share);
        if !(0.0..=1.0).contains(&share) {
            let text = format!("`ingest.max_quarantine_share` is {share}; expected 0 to 1");
            return Err(refused(&text));
        }
        if vision.timeout_s == 0 {
            return Err(refused("`ingest.vision.timeout_s` is 0"));
        }
        Ok(Self {
            max_quarantine_share: share,
            keep_sources: ingest.keep_sources.unwrap_or(false),
            vision,
            csv: None,
            instruments: set.paths.instruments,
        })
    }
}

fn refused(text: &str) -> CommandError {
    CommandError::text(ErrorKind::Config, text).hint(format!(
        "without --config --set knows {KEYS}; other keys need --config FILE, the lake is --lake DIR"
    ))
}

/// Returns the archive host as it is without a config.
fn default_vision() -> RawVision {
    RawVision {
        root: None,
        base_url: "https://data.binance.vision".to_owned(),
        allow_missing_checksum: false,
        retries: 5,
        timeout_s: 60,
    }
}

/// Keys set without a file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Overrides {
    ingest: IngestKeys,
    paths: PathKeys,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct IngestKeys {
    max_quarantine_share: Option<f64>,
    keep_sources: Option<bool>,
    vision: VisionKeys,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct VisionKeys {
    root: Option<PathBuf>,
    base_url: Option<String>,
    allow_missing_checksum: Option<bool>,
    retries: Option<u32>,
    timeout_s: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PathKeys {
    instruments: Option<PathBuf>,
}

impl Overrides {
    fn ingest_vision(&self) -> RawVision {
        let (set, default) = (self.ingest.vision.clone(), default_vision());
        RawVision {
            root: set.root,
            base_url: set.base_url.unwrap_or(default.base_url),
            allow_missing_checksum: set
                .allow_missing_checksum
                .unwrap_or(default.allow_missing_checksum),
            retries: set.retries.unwrap_or(default.retries),
            timeout_s: set.timeout_s.unwrap_or(default.timeout_s),
        }
    }
}

#[cfg(test)]
mod tests;
