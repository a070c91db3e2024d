//! The manifest of a partition set: which files count, what they hold and where they came from.
//!
//! Readers see only what a manifest lists. This file parses, checks and prints manifests; replacing one atomically is
//! the business of `commit`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quant_core::time::{Day, TimeRange, UnixMicros};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::content::hex;
use crate::layout::{MANIFEST_FILE, PartitionSetSpec, is_sha256, parse_part_file};
use crate::quality::Quality;
use crate::schema::SCHEMA_VERSION;

/// Everything that decides what an ingest writes, besides its source bytes and the versions.
pub type IngestParams = BTreeMap<String, serde_json::Value>;

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// Manifest path.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The text is not a manifest.
    #[error("`{}` is not a manifest: {source}\nhint: restore the file or delete the dataset folder and ingest again", path.display())]
    Malformed {
        /// Manifest path.
        path: PathBuf,
        /// Cause, with line and column.
        source: serde_json::Error,
    },
    /// The manifest was written by an incompatible version.
    #[error("`{}` has schema version `{found}`, this build reads `{expected}`\nhint: ingest the dataset again with this build", path.display())]
    Version {
        /// Manifest path.
        path: PathBuf,
        /// Version of the file.
        found: String,
        /// Version of this build.
        expected: &'static str,
    },
    /// The manifest contradicts itself or its folder.
    #[error("`{}`: {problem}", path.display())]
    Inconsistent {
        /// Manifest path.
        path: PathBuf,
        /// What is wrong.
        problem: Inconsistency,
    },
}

/// A contradiction inside a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistency {
    /// A file name that is not `part-NNN.parquet`.
    #[error("partition {date} names file `{}`; expected `part-NNN.parquet`", file.escape_debug())]
    FileName {
        /// Partition.
        date: Day,
        /// The offending name.
        file: String,
    },
    /// A hash that is not a sha256.
    #[error("partition {date} has a malformed hash `{}`", hash.escape_debug())]
    Hash {
        /// Partition.
        date: Day,
        /// The offending text.
        hash: String,
    },
    /// Days are not strictly increasing.
    #[error("partition {date} is listed twice or out of order")]
    Order {
        /// The later entry.
        date: Day,
    },
    /// Totals do not match the partitions.
    #[error("{field} is {found}, its partitions give {expected}")]
    Total {
        /// Field name.
        field: &'static str,
        /// Value in the file.
        found: String,
        /// Value of the partitions.
        expected: String,
    },
    /// Rows vanished or appeared.
    #[error(
        "partition {date}: {rows_in} rows in, but {accounted} written, duplicate, filtered or quarantined"
    )]
    RowsNotConserved {
        /// Partition.
        date: Day,
        /// Rows read from the sources.
        rows_in: u64,
        /// Rows accounted for.
        accounted: u128,
    },
    /// Simulated data in a real folder or the other way round.
    #[error("simulated is {found}, the folder says {expected}: simulated and real data never mix")]
    Simulated {
        /// Value in the file.
        found: bool,
        /// Value of the folder.
        expected: bool,
    },
    /// The manifest belongs to another folder.
    #[error("it describes `{}`, not `{expected}`", found.escape_debug())]
    Set {
        /// Set in the file.
        found: String,
        /// Set of the folder.
        expected: String,
    },
    /// A partition refers to ingest parameters that the manifest does not hold.
    #[error("partition {date} refers to unknown ingest parameters `{}`", hash.escape_debug())]
    Params {
        /// Partition.
        date: Day,
        /// Their hash.
        hash: String,
    },
}

/// How a source was obtained. A partition never mixes kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// Binance Vision archives.
    Vision,
    /// A venue's REST pages.
    Rest,
    /// OKX historical archives.
    OkxHist,
    /// OKX files downloaded by hand.
    OkxManual,
    /// Bybit files downloaded by hand.
    BybitManual,
    /// Deepcoin archives.
    Deepcoin,
    /// A recorded live session.
    Recording,
    /// A user's own CSV.
    Csv,
    /// Other partitions of the lake; the hash is their content hash.
    Derived,
}

impl SourceKind {
    /// Returns the name used in manifests and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vision => "vision",
            Self::Rest => "rest",
            Self::OkxHist => "okx-hist",
            Self::OkxManual => "okx-manual",
            Self::BybitManual => "bybit-manual",
            Self::Deepcoin => "deepcoin",
            Self::Recording => "recording",
            Self::Csv => "csv",
            Self::Derived => "derived",
        }
    }
}

/// One input of a partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// How it was obtained.
    pub kind: SourceKind,
    /// File name, or the folder of the partition for derived sources.
    pub name: String,
    /// Where it was downloaded, if it was.
    pub url: Option<String>,
    /// Size of the original.
    pub bytes: u64,
    /// Hash of the original (content hash for derived sources).
    pub sha256: String,
    /// A checksum published by the venue was compared and matched.
    pub checksum_verified: bool,
    /// The recordings of its session that were read before it, where its rows go on from them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<SourceContext>,
}

impl Source {
    /// Returns whether this is the slice of these bytes, read in this context or in one that knew more: rows made in the
    /// given context have nothing to add.
    pub fn holds(&self, sha256: &str, context: Option<&SourceContext>) -> bool {
        self.sha256 == sha256 && !self.yields_to(sha256, context)
    }

    /// Returns whether this is a slice of the same bytes, read in another context that did not know more files: its rows
    /// go for those made in the given one.
    pub fn yields_to(&self, sha256: &str, context: Option<&SourceContext>) -> bool {
        let files = |context: Option<&SourceContext>| context.map_or(0, |c| c.files);
        let mine = self.context.as_ref();
        self.sha256 == sha256 && mine != context && files(mine) <= files(context)
    }
}

/// The files of a session that were read before another one: what they left of the book decides its rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceContext {
    /// How many were read.
    pub files: u64,
    /// Hash over their hashes, in their order.
    pub sha256: String,
}

/// One day of a partition set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// UTC day.
    pub date: Day,
    /// Data-file name inside the day's folder.
    pub file: String,
    /// Rows in the file.
    pub rows: u64,
    /// Smallest time; `None` without rows.
    pub ts_min: Option<UnixMicros>,
    /// Largest time; `None` without rows.
    pub ts_max: Option<UnixMicros>,
    /// File size.
    pub bytes: u64,
    /// Hash of the file.
    pub sha256: String,
    /// Hash of the values, independent of the encoding.
    pub content_sha256: String,
    /// Schema version the file was written with.
    pub schema_version: String,
    /// Parser version the rows were made with.
    pub parser_version: String,
    /// Which of the manifest's ingest parameters were used.
    pub ingest_params_hash: String,
    /// Rows read from the sources; equals `rows` + duplicates + filtered + quarantined.
    pub rows_in: u64,
    /// Inputs, sorted.
    pub sources: Vec<Source>,
    /// Counters.
    pub quality: Quality,
}

/// The list of partitions that count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Lake schema version of the newest commit, `major.minor`.
    pub schema_version: String,
    /// Parser version of the newest commit.
    pub parser_version: String,
    /// Folder of the set relative to the lake root.
    pub set: String,
    /// Ingest parameters of the newest commit.
    pub ingest_params: IngestParams,
    /// Their hash.
    pub ingest_params_hash: String,
    /// Parameters of older partitions still listed, by hash.
    pub earlier_ingest_params: BTreeMap<String, IngestParams>,
    /// Data of the simulator.
    pub simulated: bool,
    /// From the first row to the end of the last one; days may be missing in between. `None` without rows.
    pub time_range_covered: Option<TimeRange>,
    /// Rows of all partitions.
    pub row_count: u64,
    /// Days, ascending.
    pub partitions: Vec<Partition>,
    /// When the newest commit was made, as told by the caller.
    pub created_at: UnixMicros,
}

/// Returns the hash of ingest parameters: sha256 of their JSON with sorted keys.
pub fn ingest_params_hash(params: &IngestParams) -> String {
    // Maps are sorted here because serde_json keeps insertion order when any crate of the build asks for it.
    fn sorted(value: &serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(map) => {
                let ordered: BTreeMap<&String, serde_json::Value> =
                    map.iter().map(|(k, v)| (k, sorted(v))).collect();
                ordered.into_iter().map(|(k, v)| (k.clone(), v)).collect()
            }
            serde_json::Value::Array(items) => items.iter().map(sorted).collect(),
            other => other.clone(),
        }
    }
    let ordered: serde_json::Value = params.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
    hex(&Sha256::digest(ordered.to_string().as_bytes()))
}

impl Manifest {
    /// Returns the manifest of a set without partitions.
    pub fn empty(
        spec: &PartitionSetSpec,
        parser_version: &str,
        ingest_params: &IngestParams,
        created_at: UnixMicros,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            parser_version: parser_version.to_owned(),
            set: spec.dir.clone(),
            ingest_params: ingest_params.clone(),
            ingest_params_hash: ingest_params_hash(ingest_params),
            earlier_ingest_params: BTreeMap::new(),
            simulated: spec.simulated,
            time_range_covered: None,
            row_count: 0,
            partitions: Vec::new(),
            created_at,
        }
    }

    /// Reads and checks the manifest in a set's folder; `None` if there is none.
    ///
    /// # Errors
    /// Any `ManifestError`.
    pub fn load(set_dir: &Path, spec: &PartitionSetSpec) -> Result<Option<Self>, ManifestError> {
        let path = set_dir.join(MANIFEST_FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ManifestError::Io { path, source }),
        };
        let manifest = Self::parse(&text, &path, spec.interval_us)?;
        let problem = if manifest.set != spec.dir {
            Inconsistency::Set {
                found: manifest.set,
                expected: spec.dir.clone(),
            }
        } else if manifest.simulated != spec.simulated {
            Inconsistency::Simulated {
                found: manifest.simulated,
                expected: spec.simulated,
            }
        } else {
            return Ok(Some(manifest));
        };
        Err(ManifestError::Inconsistent { path, problem })
    }

    /// Parses and checks a manifest; `path` is for messages only.
    ///
    /// # Errors
    /// `Malformed`, `Version` or `Inconsistent`.
    pub fn parse(
        text: &[u8],
        path: &Path,
        interval_us: Option<i64>,
    ) -> Result<Self, ManifestError> {
        // The version is read first and loosely, so that a newer layout is named as such and not as unknown fields.
        #[derive(Deserialize)]
        struct Version {
            schema_version: String,
        }
        let malformed = |source| ManifestError::Malformed {
            path: path.to_owned(),
            source,
        };
        let version: Version = serde_json::from_slice(text).map_err(malformed)?;
        if !is_readable_version(&version.schema_version) {
            return Err(ManifestError::Version {
                path: path.to_owned(),
                found: version.schema_version,
                expected: SCHEMA_VERSION,
            });
        }
        let manifest: Self = serde_json::from_slice(text).map_err(malformed)?;
        match manifest.check(interval_us) {
            Ok(()) => Ok(manifest),
            Err(problem) => Err(ManifestError::Inconsistent {
                path: path.to_owned(),
                problem,
            }),
        }
    }

    /// Returns the bytes of the file: indented JSON, fixed field order, final newline.
    ///
    /// # Errors
    /// Never in practice; the serializer's error is passed on.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut out = serde_json::to_vec_pretty(self)?;
        out.push(b'\n');
        Ok(out)
    }

    /// Returns the partition of a day.
    pub fn partition(&self, day: Day) -> Option<&Partition> {
        self.partitions
            .binary_search_by_key(&day, |p| p.date)
            .ok()
            .map(|i| &self.partitions[i])
    }

    /// Puts a partition in its place, replacing the one of the same day, and brings the totals up to date.
    pub fn insert(&mut self, partition: Partition, interval_us: Option<i64>) -> Option<Partition> {
        let replaced = match self
            .partitions
            .binary_search_by_key(&partition.date, |p| p.date)
        {
            Ok(i) => Some(std::mem::replace(&mut self.partitions[i], partition)),
            Err(i) => {
                self.partitions.insert(i, partition);
                None
            }
        };
        let (rows, range) = self.totals(interval_us);
        self.row_count = u64::try_from(rows).unwrap_or(u64::MAX);
        self.time_range_covered = range;
        replaced
    }

    /// Returns the ingest parameters a partition was made with.
    pub fn params_of(&self, partition: &Partition) -> Option<&IngestParams> {
        if partition.ingest_params_hash == self.ingest_params_hash {
            return Some(&self.ingest_params);
        }
        self.earlier_ingest_params
            .get(&partition.ingest_params_hash)
    }

    /// Returns whether the trades of a partition have prices but no sizes, as history of Deepcoin does.
    pub fn has_prices_only(&self, partition: &Partition) -> bool {
        let params = self.params_of(partition);
        params.is_some_and(|p| p.get("prices_only").is_some_and(|v| v == true))
    }

    /// Makes these the newest ingest parameters and forgets those no partition refers to.
    pub fn set_ingest_params(&mut self, params: &IngestParams) {
        let hash = ingest_params_hash(params);
        let older = std::mem::replace(&mut self.ingest_params, params.clone());
        let older_hash = std::mem::replace(&mut self.ingest_params_hash, hash.clone());
        self.earlier_ingest_params.insert(older_hash, older);
        self.earlier_ingest_params.remove(&hash);
        let partitions = &self.partitions;
        self.earlier_ingest_params
            .retain(|hash, _| partitions.iter().any(|p| p.ingest_params_hash == *hash));
    }

    fn totals(&self, interval_us: Option<i64>) -> (u128, Option<TimeRange>) {
        let rows = self.partitions.iter().map(|p| u128::from(p.rows)).sum();
        let start = self.partitions.iter().filter_map(|p| p.ts_min).min();
        let end = self.partitions.iter().filter_map(|p| p.ts_max).max();
        let range = start.zip(end).and_then(|(start, end)| {
            TimeRange::new(start, end.plus(interval_us.unwrap_or(1))).ok()
        });
        (rows, range)
    }

    fn check(&self, interval_us: Option<i64>) -> Result<(), Inconsistency> {
        let mut last = None;
        for p in &self.partitions {
            let date = p.date;
            if last.is_some_and(|last| last >= date) {
                return Err(Inconsistency::Order { date });
            }
            last = Some(date);
            if parse_part_file(&p.file).is_none() {
                return Err(Inconsistency::FileName {
                    date,
                    file: p.file.clone(),
                });
            }
            let hashes = [&p.sha256, &p.content_sha256];
            if let Some(bad) = hashes
                .into_iter()
                .chain(p.sources.iter().map(|s| &s.sha256))
                .chain(
                    p.sources
                        .iter()
                        .filter_map(|s| s.context.as_ref().map(|c| &c.sha256)),
                )
                .find(|h| !is_sha256(h))
            {
                return Err(Inconsistency::Hash {
                    date,
                    hash: bad.clone(),
                });
            }
            let accounted = p.quality.rows_accounted(p.rows);
            if accounted != u128::from(p.rows_in) {
                return Err(Inconsistency::RowsNotConserved {
                    date,
                    rows_in: p.rows_in,
                    accounted,
                });
            }
            let hash = &p.ingest_params_hash;
            if *hash != self.ingest_params_hash && !self.earlier_ingest_params.contains_key(hash) {
                return Err(Inconsistency::Params {
                    date,
                    hash: hash.clone(),
                });
            }
        }
        let params = [(&self.ingest_params_hash, &self.ingest_params)];
        for (hash, params) in params.into_iter().chain(&self.earlier_ingest_params) {
            let expected = ingest_params_hash(params);
            if *hash != expected {
                return Err(Inconsistency::Total {
                    field: "ingest_params_hash",
                    found: hash.clone(),
                    expected,
                });
            }
        }
        let (rows, range) = self.totals(interval_us);
        let total = |field, found: String, expected: String| {
            Err(Inconsistency::Total {
                field,
                found,
                expected,
            })
        };
        if rows != u128::from(self.row_count) {
            return total("row_count", self.row_count.to_string(), rows.to_string());
        }
        if range != self.time_range_covered {
            let text = |r: Option<TimeRange>| r.map_or("null".to_owned(), |r| r.to_string());
            return total(
                "time_range_covered",
                text(self.time_range_covered),
                text(range),
            );
        }
        Ok(())
    }
}

fn is_readable_version(found: &str) -> bool {
    let split = |v: &str| -> Option<(u32, u32)> {
        let (major, minor) = v.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    match (split(found), split(SCHEMA_VERSION)) {
        (Some((major, minor)), Some((own_major, own_minor))) => {
            major == own_major && minor <= own_minor
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
