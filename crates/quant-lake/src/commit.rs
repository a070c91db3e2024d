//! Publishes partitions: one writer per set, temporary file, fsync, rename, then an atomic manifest swap.
//!
//! ```text
//! write *.tmp-<pid>-<n> | fsync | rename to a new part-NNN.parquet | fsync folder
//! write manifest.json.tmp-<pid>-<n> | fsync | rename to manifest.json | fsync folder | remove the replaced file
//! ```
//!
//! A crash between any two steps leaves the old or the new manifest, never a mixture; what it strands is swept by the
//! next writer. A failed sync is never repeated.

pub mod sources;
pub mod store;
mod sweep;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use quant_core::time::{Day, UnixMicros};

use crate::layout::{Lake, MANIFEST_FILE, PartitionSetSpec, parse_part_file, part_file};
use crate::manifest::{
    IngestParams, Manifest, ManifestError, Partition, SourceContext, SourceKind, ingest_params_hash,
};
use crate::schema::SCHEMA_VERSION;
use crate::write::{PartitionWriter, StagedPartition, WriteError};

use store::{FsStore, Store};

/// Why a partition was not published.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another process or thread writes this set.
    #[error("`{set}` is being written by another process\nhint: wait for it to end; the lock is `{}`", path.display())]
    Locked {
        /// Set.
        set: String,
        /// Lock file.
        path: PathBuf,
    },
    /// A file-system step failed.
    #[error("cannot {step} `{}`: {source}", path.display())]
    Io {
        /// What was attempted.
        step: &'static str,
        /// On which path.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The manifest on disk is unusable.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The partition could not be started.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The manifest cannot be printed.
    #[error("cannot print the manifest of `{set}`: {source}")]
    Print {
        /// Set.
        set: String,
        /// Cause.
        source: serde_json::Error,
    },
    /// The partition was made from another kind of source.
    #[error(
        "partition {day} of `{set}` comes from `{}`, not `{}`\nhint: pass --replace-source to replace it",
        existing.name(), given.name()
    )]
    SourceKindConflict {
        /// Set.
        set: String,
        /// Partition.
        day: Day,
        /// Kind it was made from.
        existing: SourceKind,
        /// Kind now offered.
        given: SourceKind,
    },
    /// One partition was offered with sources of two kinds.
    #[error("partition {day} of `{set}` mixes `{}` and `{}`", first.name(), second.name())]
    MixedKinds {
        /// Set.
        set: String,
        /// Partition.
        day: Day,
        /// One kind.
        first: SourceKind,
        /// Another.
        second: SourceKind,
    },
    /// The staged partition was made for another set.
    #[error("the partition was staged for `{found}`, not `{expected}`")]
    WrongSet {
        /// Set it was staged for.
        found: String,
        /// Set of this writer.
        expected: String,
    },
    /// The folder holds several data files and no manifest: sweeping them would destroy data.
    #[error("`{}` holds {files} data files but no manifest\nhint: restore manifest.json, or move the folder away and ingest again", path.display())]
    ManifestMissing {
        /// Set folder.
        path: PathBuf,
        /// Data files found.
        files: usize,
    },
    /// A step after the manifest swap failed, so it is unknown which manifest survives a power loss.
    #[error(
        "`{set}`: an earlier commit failed after its manifest swap\nhint: run `quant verify`, then ingest again"
    )]
    Broken {
        /// Set.
        set: String,
    },
}

/// A hook called at each named step, for tests that kill the process there. Without a hook it does nothing.
///
/// Names of a partition, in order: `partition.folders_synced` (new folders only), `partition.created`,
/// `partition.written`, `partition.synced`, `partition.checked`, `commit.begin`, `commit.renamed`, `commit.dir_synced`,
/// `manifest.created`, `manifest.written`, `manifest.synced`, `manifest.renamed`, `manifest.dir_synced`,
/// `commit.old_removed`. An ingest adds, per file, `file.staged`, then `source.created`, `source.written`,
/// `source.synced`, `source.renamed`, `source.dir_synced` if originals are kept, then per dataset with refused rows
/// `quarantine.created`, `quarantine.written`, `quarantine.synced`, `quarantine.renamed`, `quarantine.dir_synced`, then
/// the commits of its days and `dataset.committed`; files at hand end with `receipt.written` and `receipt.renamed`.
#[derive(Clone, Default)]
pub struct Failpoints(Option<Arc<dyn Fn(&'static str) + Send + Sync>>);

impl Failpoints {
    /// Returns a hook.
    pub fn new(hook: impl Fn(&'static str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(crate) fn reach(&self, name: &'static str) {
        if let Some(hook) = &self.0 {
            hook(name);
        }
    }
}

impl core::fmt::Debug for Failpoints {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Failpoints")
            .field(&self.0.is_some())
            .finish()
    }
}

/// How a set is written.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Version of the code that makes the rows.
    pub parser_version: String,
    /// Everything else that decides what is written.
    pub ingest_params: IngestParams,
    /// Time of the work, from the caller's clock.
    pub created_at: UnixMicros,
    /// Allows a partition to be replaced by one from another kind of source.
    pub replace_source: bool,
    /// File-system steps.
    pub store: Arc<dyn Store>,
    /// Test hook.
    pub failpoints: Failpoints,
}

impl WriterOptions {
    /// Returns options for the real file system, refusing a second source kind.
    pub fn new(
        parser_version: impl Into<String>,
        ingest_params: IngestParams,
        created_at: UnixMicros,
    ) -> Self {
        Self {
            parser_version: parser_version.into(),
            ingest_params,
            created_at,
            replace_source: false,
            store: Arc::new(FsStore),
            failpoints: Failpoints::default(),
        }
    }
}

/// The one writer of a partition set. The lock is held until it and all partitions begun with it are dropped.
#[derive(Debug)]
pub struct DatasetWriter {
    lake: Lake,
    spec: PartitionSetSpec,
    options: WriterOptions,
    params_hash: String,
    lock: Arc<File>,
    state: Mutex<State>,
    counter: AtomicU64,
}

#[derive(Debug)]
struct State {
    manifest: Option<Manifest>,
    dirs_synced: bool,
    broken: bool,
}

impl DatasetWriter {
    /// Takes the set's lock, loads its manifest and sweeps what an interrupted writer left.
    ///
    /// # Errors
    /// `Locked` if another writer holds the lock, else `Io`, `Manifest` or `ManifestMissing`.
    pub fn open(
        lake: &Lake,
        spec: PartitionSetSpec,
        options: WriterOptions,
    ) -> Result<Self, CommitError> {
        let lock = Arc::new(take_lock(&lake.lock_path(&spec), &spec.dir)?);
        let set_dir = lake.set_dir(&spec);
        let manifest = Manifest::load(&set_dir, &spec)?;
        sweep::sweep(&set_dir, manifest.as_ref(), options.store.as_ref())?;
        Ok(Self {
            lake: lake.clone(),
            params_hash: ingest_params_hash(&options.ingest_params),
            spec,
            options,
            lock,
            state: Mutex::new(State {
                manifest,
                dirs_synced: false,
                broken: false,
            }),
            counter: AtomicU64::new(0),
        })
    }

    /// Returns the specification of the set.
    pub const fn spec(&self) -> &PartitionSetSpec {
        &self.spec
    }

    /// Returns the version of the code that makes the rows.
    pub fn parser_version(&self) -> &str {
        &self.options.parser_version
    }

    /// Returns the hash of the ingest parameters.
    pub fn params_hash(&self) -> &str {
        &self.params_hash
    }

    /// Returns whether a partition was made with the parameters of this writer, but for the one of this name.
    pub fn has_params_of(&self, partition: &Partition, but: Option<&str>) -> bool {
        if partition.ingest_params_hash == self.params_hash {
            return true;
        }
        let Some(but) = but else { return false };
        let state = self.state();
        let found = state.manifest.as_ref().and_then(|m| m.params_of(partition));
        let rest = |params: &IngestParams| {
            let mut params = params.clone();
            params.remove(but);
            params
        };
        found.is_some_and(|found| rest(found) == rest(&self.options.ingest_params))
    }

    /// Returns the manifest as of the last commit; `None` before the first one of a new set.
    pub fn manifest(&self) -> Option<Manifest> {
        self.state().manifest.clone()
    }

    /// Returns the published partition of a day.
    pub fn partition(&self, day: Day) -> Option<Partition> {
        self.state()
            .manifest
            .as_ref()
            .and_then(|m| m.partition(day))
            .cloned()
    }

    /// Returns whether a day already holds these sources, made by the same parser, schema and parameters, and its file
    /// is in place: then there is nothing to do. False without sources.
    pub fn is_current(&self, day: Day, source_sha256: &[&str]) -> bool {
        let Some(partition) = self.partition(day) else {
            return false;
        };
        let path = self.lake.day_dir(&self.spec, day).join(&partition.file);
        !source_sha256.is_empty()
            && partition.schema_version == SCHEMA_VERSION
            && partition.parser_version == self.options.parser_version
            && partition.ingest_params_hash == self.params_hash
            && source_sha256
                .iter()
                .all(|&sha| partition.sources.iter().any(|s| s.sha256 == sha))
            && std::fs::metadata(path).is_ok_and(|m| m.len() == partition.bytes)
    }

    /// Returns whether a day is current and has the rows of this file, read in this context or in one that knew more.
    pub fn holds_slice(&self, day: Day, sha256: &str, context: Option<&SourceContext>) -> bool {
        let is_held = |p: Partition| p.sources.iter().any(|s| s.holds(sha256, context));
        self.is_current(day, &[sha256]) && self.partition(day).is_some_and(is_held)
    }

    /// Returns the days with rows of this file that were made in a context which the given one takes the place of.
    pub fn outdated_days(&self, sha256: &str, context: Option<&SourceContext>) -> Vec<Day> {
        let state = self.state();
        let partitions = state.manifest.iter().flat_map(|m| &m.partitions);
        let outdated =
            partitions.filter(|p| p.sources.iter().any(|s| s.yields_to(sha256, context)));
        outdated.map(|p| p.date).collect()
    }

    /// Refuses a day made from another kind of source, so that an ingest can stop before doing the work.
    ///
    /// # Errors
    /// `SourceKindConflict` unless the options allow replacing.
    pub fn check_source_kind(&self, day: Day, given: SourceKind) -> Result<(), CommitError> {
        let existing = self
            .partition(day)
            .and_then(|p| p.sources.first().map(|s| s.kind));
        match existing {
            Some(existing) if existing != given && !self.options.replace_source => {
                Err(CommitError::SourceKindConflict {
                    set: self.spec.dir.clone(),
                    day,
                    existing,
                    given,
                })
            }
            _ => Ok(()),
        }
    }

    /// Starts a partition. Several may be open at once, on several threads.
    ///
    /// # Errors
    /// `Io` or `Write` if folders or the temporary file cannot be made, `Broken` after a failed commit.
    pub fn begin(&self, day: Day) -> Result<PartitionWriter, CommitError> {
        let dir = self.lake.day_dir(&self.spec, day);
        {
            let mut state = self.usable_state()?;
            let set_dir = self.lake.set_dir(&self.spec);
            if !state.dirs_synced {
                self.make_set_dir(&set_dir)?;
                state.dirs_synced = true;
            }
            if !dir.is_dir() {
                make_dir(self.options.store.as_ref(), &dir)?;
                self.sync_dir(&set_dir)?;
                self.options.failpoints.reach("partition.folders_synced");
            }
        }
        let path = dir.join(self.temp_name(&part_file(0)));
        let writer = PartitionWriter::create(
            Arc::clone(&self.options.store),
            Arc::clone(&self.lock),
            self.options.failpoints.clone(),
            path,
            &self.spec,
            day,
        )?;
        self.options.failpoints.reach("partition.created");
        Ok(writer)
    }

    /// Publishes a partition, replacing the day's earlier one.
    ///
    /// # Errors
    /// Any `CommitError`. Unless it is `Broken` or a failed sync after the manifest swap, the lake is as it was.
    pub fn commit(&self, mut staged: StagedPartition) -> Result<Partition, CommitError> {
        let day = staged.day;
        if staged.set_dir != self.spec.dir {
            return Err(CommitError::WrongSet {
                found: staged.set_dir.clone(),
                expected: self.spec.dir.clone(),
            });
        }
        self.check_kinds(&staged)?;
        let mut state = self.usable_state()?;
        let fail = &self.options.failpoints;
        let store = self.options.store.as_ref();
        fail.reach("commit.begin");

        let dir = self.lake.day_dir(&self.spec, day);
        let listed = state.manifest.as_ref().and_then(|m| m.partition(day));
        let number = next_part(&dir, listed.map(|p| p.file.as_str()))?;
        let partition = Partition {
            date: day,
            file: part_file(number),
            rows: staged.rows,
            ts_min: staged.ts_min,
            ts_max: staged.ts_max,
            bytes: staged.bytes,
            sha256: staged.sha256.clone(),
            content_sha256: staged.content_sha256.clone(),
            schema_version: SCHEMA_VERSION.to_owned(),
            parser_version: self.options.parser_version.clone(),
            ingest_params_hash: self.params_hash.clone(),
            rows_in: staged.meta.rows_in,
            sources: staged.meta.sources.clone(),
            quality: staged.meta.quality,
        };
        let path = dir.join(&partition.file);
        store
            .rename(staged.temp.path(), &path)
            .map_err(|source| CommitError::Io {
                step: "publish",
                path: path.clone(),
                source,
            })?;
        staged.temp.renamed(path.clone());
        fail.reach("commit.renamed");
        self.sync_dir(&dir)?;
        fail.reach("commit.dir_synced");

        let mut manifest = match &state.manifest {
            Some(manifest) => manifest.clone(),
            None => Manifest::empty(
                &self.spec,
                &self.options.parser_version,
                &self.options.ingest_params,
                self.options.created_at,
            ),
        };
        SCHEMA_VERSION.clone_into(&mut manifest.schema_version);
        manifest
            .parser_version
            .clone_from(&self.options.parser_version);
        manifest.created_at = self.options.created_at;
        let replaced = manifest.insert(partition.clone(), self.spec.interval_us);
        manifest.set_ingest_params(&self.options.ingest_params);
        self.swap_manifest(&manifest, &mut state, &mut staged)?;
        state.manifest = Some(manifest);

        if let Some(old) = replaced {
            // The commit stands whether or not the old file goes; the next writer sweeps it.
            drop(store.remove(&dir.join(old.file)));
            fail.reach("commit.old_removed");
        }
        Ok(partition)
    }

    fn swap_manifest(
        &self,
        manifest: &Manifest,
        state: &mut State,
        staged: &mut StagedPartition,
    ) -> Result<(), CommitError> {
        let fail = &self.options.failpoints;
        let set_dir = self.lake.set_dir(&self.spec);
        let path = set_dir.join(MANIFEST_FILE);
        let bytes = manifest.to_json().map_err(|source| CommitError::Print {
            set: self.spec.dir.clone(),
            source,
        })?;
        let temp_path = set_dir.join(self.temp_name(MANIFEST_FILE));
        let io = |step| {
            let path = temp_path.clone();
            move |source| CommitError::Io { step, path, source }
        };
        let mut file = self
            .options
            .store
            .create(&temp_path)
            .map_err(io("create"))?;
        let mut temp = crate::write::TempFile::new(
            Arc::clone(&self.options.store),
            Arc::clone(&self.lock),
            temp_path.clone(),
        );
        fail.reach("manifest.created");
        file.write_all(&bytes).map_err(io("write"))?;
        file.flush().map_err(io("write"))?;
        fail.reach("manifest.written");
        file.sync().map_err(io("sync"))?;
        drop(file);
        fail.reach("manifest.synced");
        self.options
            .store
            .rename(temp.path(), &path)
            .map_err(|source| CommitError::Io {
                step: "publish",
                path,
                source,
            })?;
        // From here on readers see the new manifest, so its file must stay even if the sync below fails.
        temp.disarm();
        staged.temp.disarm();
        fail.reach("manifest.renamed");
        state.broken = true;
        self.sync_dir(&set_dir)?;
        state.broken = false;
        fail.reach("manifest.dir_synced");
        Ok(())
    }

    fn check_kinds(&self, staged: &StagedPartition) -> Result<(), CommitError> {
        let mut kinds = staged.meta.sources.iter().map(|s| s.kind);
        let Some(first) = kinds.next() else {
            return Ok(());
        };
        if let Some(second) = kinds.find(|k| *k != first) {
            return Err(CommitError::MixedKinds {
                set: self.spec.dir.clone(),
                day: staged.day,
                first,
                second,
            });
        }
        self.check_source_kind(staged.day, first)
    }

    /// Makes the set's folder and forces its whole path to disk once: an earlier process may have died in between.
    fn make_set_dir(&self, set_dir: &Path) -> Result<(), CommitError> {
        let root = self.lake.root();
        make_dirs(self.options.store.as_ref(), set_dir)?;
        for dir in set_dir.ancestors().take_while(|d| d.starts_with(root)) {
            self.sync_dir(dir)?;
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> Result<(), CommitError> {
        self.options
            .store
            .sync_dir(path)
            .map_err(|source| CommitError::Io {
                step: "sync folder",
                path: path.to_owned(),
                source,
            })
    }

    fn temp_name(&self, name: &str) -> String {
        let n = self.counter.fetch_add(1, Ordering::Relaxed);
        format!("{name}.tmp-{}-{n}", std::process::id())
    }

    /// A panic while the lock was held can only have come from a test hook; what it left is checked by `broken`.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn usable_state(&self) -> Result<MutexGuard<'_, State>, CommitError> {
        let state = self.state();
        if state.broken || self.state.is_poisoned() {
            return Err(CommitError::Broken {
                set: self.spec.dir.clone(),
            });
        }
        Ok(state)
    }
}

impl Drop for DatasetWriter {
    fn drop(&mut self) {
        // Goes only if empty, that is when the first ingest of the set published nothing.
        drop(std::fs::remove_dir(self.lake.set_dir(&self.spec)));
    }
}

fn take_lock(path: &Path, set: &str) -> Result<File, CommitError> {
    let io = |step, source| CommitError::Io {
        step,
        path: path.to_owned(),
        source,
    };
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(|e| io("create folder of", e))?;
    }
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|e| io("open", e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CommitError::Locked {
            set: set.to_owned(),
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(e)) => Err(io("lock", e)),
    }
}

fn make_dir(store: &dyn Store, path: &Path) -> Result<(), CommitError> {
    match store.create_dir(path) {
        Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => Err(CommitError::Io {
            step: "create folder",
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

fn make_dirs(store: &dyn Store, path: &Path) -> Result<(), CommitError> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|p| !p.as_os_str().is_empty() && !p.is_dir())
        .collect();
    missing
        .into_iter()
        .rev()
        .try_for_each(|p| make_dir(store, p))
}

/// Returns the number after every one listed or lying in the folder.
fn next_part(dir: &Path, listed: Option<&str>) -> Result<u32, CommitError> {
    let io = |source| CommitError::Io {
        step: "list",
        path: dir.to_owned(),
        source,
    };
    let mut next = listed
        .and_then(parse_part_file)
        .map_or(0, |n| n.saturating_add(1));
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        if let Some(n) = name.to_str().and_then(parse_part_file) {
            next = next.max(n.saturating_add(1));
        }
    }
    Ok(next)
}

/// Returns whether a file name is a temporary of this protocol.
pub(crate) fn is_temp_name(name: &str) -> bool {
    let Some((base, rest)) = name.split_once(".tmp-") else {
        return false;
    };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    (base == MANIFEST_FILE || parse_part_file(base).is_some())
        && rest
            .split_once('-')
            .is_some_and(|(pid, n)| digits(pid) && digits(n))
}

#[cfg(test)]
mod tests;
