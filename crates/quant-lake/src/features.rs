//! Feature partitions: values of tier 2 to Parquet, a row per minute, whole days at a time. Computes no feature.
//!
//! A set is of one universe (instruments with their roles) and one feature set. Its columns depend on the features
//! and are therefore written into the manifest, from which a reader that knows neither learns them.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::Float64Builder;
use arrow_array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use quant_core::features::FeatureSetParams;
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, MICROS_PER_MINUTE, UnixMicros};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::commit::{CommitError, DatasetWriter};
use crate::layout::{DayRule, LayoutError, MANIFEST_FILE, PartitionSetSpec, check_set_id};
use crate::manifest::{IngestParams, Partition, Source};
use crate::quality::Quality;
use crate::schema::{Column, ColumnType};
use crate::write::PartitionMeta;

/// Folder of all feature sets, relative to the lake.
pub const FEATURES_DIR: &str = "features";
/// Columns before the features.
const TIME_COLUMNS: [&str; 3] = ["ts_open", "ts_close", "ts_avail"];

/// Why features cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FeatureSetError {
    /// Writing failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The rows cannot form a batch.
    #[error("feature rows do not fit their schema: {source}")]
    Batch {
        /// Cause.
        source: arrow_schema::ArrowError,
    },
    /// A row has too many or too few values.
    #[error("minute {at}: {found} values, the set has {expected} columns")]
    Width {
        /// Start of the minute.
        at: UnixMicros,
        /// Columns of the set.
        expected: usize,
        /// Values of the row.
        found: usize,
    },
}

/// One instrument of a universe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Instrument id, `exchange:market:symbol`.
    pub instrument: String,
    /// `traded` or `reference`.
    pub role: String,
}

impl Member {
    /// Returns an instrument in its role.
    pub fn new(instrument: &InstrumentKey, role: &str) -> Self {
        Self {
            instrument: instrument.to_string(),
            role: role.to_owned(),
        }
    }

    fn is_simulated(&self) -> bool {
        self.instrument.starts_with("sim-")
    }
}

/// The instruments of a run with their roles, in the order of the run: features name others by their position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FeatureUniverse(pub Vec<Member>);

impl FeatureUniverse {
    /// Returns the id: first 16 hex digits of the sha256 of `instrument role` lines, each with a line end.
    pub fn id(&self) -> String {
        let mut digest = Sha256::new();
        for member in &self.0 {
            digest.update(format!("{} {}\n", member.instrument, member.role));
        }
        let mut hex = crate::content::hex(&digest.finalize());
        hex.truncate(16);
        hex
    }
}

/// Returns the partition set of a universe and a feature set with these feature columns.
///
/// # Errors
/// `LayoutError::BadId` if the id cannot be a folder name.
pub fn feature_set_spec(
    universe: &FeatureUniverse,
    feature_set_id: &str,
    columns: &[String],
) -> Result<PartitionSetSpec, LayoutError> {
    let times = TIME_COLUMNS
        .iter()
        .map(|name| (*name, ColumnType::Ts, false));
    let features = columns.iter().map(|c| (c.as_str(), ColumnType::F64, true));
    Ok(PartitionSetSpec {
        dir: format!(
            "{FEATURES_DIR}/{}/{}",
            universe.id(),
            check_set_id(feature_set_id)?
        ),
        columns: times
            .chain(features)
            .map(|(name, ty, nullable)| Column {
                name: name.to_owned(),
                ty,
                nullable,
            })
            .collect(),
        sort_key: vec!["ts_open".to_owned()],
        time_column: "ts_open".to_owned(),
        interval_us: Some(MICROS_PER_MINUTE),
        day_rule: DayRule::Inside,
        simulated: universe.0.iter().any(Member::is_simulated),
    })
}

/// Returns the parameters a feature set is written with: what its folder does not tell. `set` is the set's specification, from
/// which it can be built again.
pub fn feature_set_params(
    universe: &FeatureUniverse,
    columns: &[String],
    bar_set: &str,
    set: &FeatureSetParams,
) -> IngestParams {
    let members = universe
        .0
        .iter()
        .map(|m| serde_json::json!({ "instrument": m.instrument.clone(), "role": m.role.clone() }));
    IngestParams::from([
        ("bar_set".to_owned(), bar_set.into()),
        ("columns".to_owned(), columns.to_vec().into()),
        // Numbers and names only: it cannot fail.
        (
            "feature_set".to_owned(),
            serde_json::to_value(set).unwrap_or_default(),
        ),
        ("universe".to_owned(), members.collect()),
    ])
}

/// Returns the set of a folder with these names below the lake, as its manifest describes it.
///
/// # Errors
/// A sentence: the manifest cannot be read, or does not describe the set of this folder.
pub fn spec_of_folder(dir: &Path, names: &[&str]) -> Result<PartitionSetSpec, String> {
    #[derive(Deserialize)]
    struct Params {
        columns: Vec<String>,
        universe: FeatureUniverse,
    }
    #[derive(Deserialize)]
    struct Described {
        ingest_params: Params,
    }
    let [FEATURES_DIR, universe_id, set_id] = *names else {
        return Err("not the place of a feature set".to_owned());
    };
    let path = dir.join(MANIFEST_FILE);
    let text =
        std::fs::read(&path).map_err(|e| format!("cannot read `{}`: {e}", path.display()))?;
    let described: Described = serde_json::from_slice(&text)
        .map_err(|e| format!("`{}` does not name its columns: {e}", path.display()))?;
    let Params { columns, universe } = described.ingest_params;
    if universe.id() != universe_id {
        return Err(format!(
            "`{}` is of the universe {}, its folder is {universe_id}",
            path.display(),
            universe.id()
        ));
    }
    feature_set_spec(&universe, set_id, &columns).map_err(|e| e.to_string())
}

/// Values of one day, filled minute by minute.
#[derive(Debug)]
pub struct FeatureDay {
    ts_open: Vec<i64>,
    ts_avail: Vec<i64>,
    columns: Vec<Float64Builder>,
    missing: Vec<u64>,
}

impl FeatureDay {
    /// Returns a day without minutes.
    pub fn new(n_columns: usize) -> Self {
        let n = quant_core::time::MINUTES_PER_DAY;
        Self {
            ts_open: Vec::with_capacity(n),
            ts_avail: Vec::with_capacity(n),
            columns: (0..n_columns)
                .map(|_| Float64Builder::with_capacity(n))
                .collect(),
            missing: vec![0; n_columns],
        }
    }

    /// Appends a minute.
    ///
    /// # Errors
    /// `Width` for another number of values than columns.
    pub fn push(
        &mut self,
        ts_open: UnixMicros,
        ts_avail: UnixMicros,
        values: &[Option<f64>],
    ) -> Result<(), FeatureSetError> {
        if values.len() != self.columns.len() {
            return Err(FeatureSetError::Width {
                at: ts_open,
                expected: self.columns.len(),
                found: values.len(),
            });
        }
        self.ts_open.push(ts_open.0);
        self.ts_avail.push(ts_avail.0);
        for ((column, missing), value) in self.columns.iter_mut().zip(&mut self.missing).zip(values)
        {
            column.append_option(*value);
            *missing += u64::from(value.is_none());
        }
        Ok(())
    }

    /// Returns the minutes without a value, by column.
    pub fn missing(&self) -> &[u64] {
        &self.missing
    }

    /// Returns the number of minutes.
    pub const fn rows(&self) -> usize {
        self.ts_open.len()
    }

    fn into_batch(mut self, spec: &PartitionSetSpec) -> Result<RecordBatch, FeatureSetError> {
        let times = |values: Vec<i64>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
        };
        let closes = self.ts_open.iter().map(|t| t + MICROS_PER_MINUTE).collect();
        let mut columns = vec![times(self.ts_open), times(closes), times(self.ts_avail)];
        for column in &mut self.columns {
            columns.push(Arc::new(column.finish()));
        }
        RecordBatch::try_new(spec.arrow_schema(), columns)
            .map_err(|source| FeatureSetError::Batch { source })
    }
}

/// Writes the values of a day; `sources` are the bar partitions they were made of, warm-up days included.
///
/// # Errors
/// `Batch` or `Commit`: rows that are not ascending, lie outside the day or cannot be stored.
pub fn write_feature_day(
    writer: &DatasetWriter,
    day: Day,
    values: FeatureDay,
    sources: Vec<Source>,
) -> Result<Partition, FeatureSetError> {
    let batch = values.into_batch(writer.spec())?;
    let mut partition = writer.begin(day)?;
    partition.write(&batch).map_err(CommitError::from)?;
    let meta = PartitionMeta {
        sources,
        rows_in: partition.rows(),
        quality: Quality::default(),
    };
    let staged = partition.finish(meta).map_err(CommitError::from)?;
    Ok(writer.commit(staged)?)
}

#[cfg(test)]
mod tests;
