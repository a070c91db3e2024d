//! What the venue said about its files, kept between runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use quant_core::market::InstrumentKey;
use quant_lake::venues::okx::encode::names::Module;
use quant_lake::venues::okx::pages::HistoryFile;
use serde::{Deserialize, Serialize};

/// Name of the file in the cache folder.
const FILE: &str = "okx_hist_files.json";

/// A file, or that there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    date_ms: i64,
    filename: String,
    url: String,
    size_mb: f64,
}

/// What is known of a period.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    /// Nothing: the venue has to be asked.
    Nothing,
    /// It has no file.
    Absent,
    /// This is its file.
    File(HistoryFile),
}

/// Files by `host module market symbol period` (a day, or a month as `2026-01`); `None`: the archive has none.
#[derive(Debug, Default)]
pub(super) struct Cache {
    path: PathBuf,
    host: String,
    known: BTreeMap<String, Option<Entry>>,
    /// Absent today, perhaps not tomorrow: not saved.
    absent: BTreeSet<String>,
    changed: bool,
}

impl Cache {
    /// Opens the cache of a folder; an unreadable one is empty, since it saves requests and nothing else.
    pub(super) fn open(folder: &Path, host: &str) -> Self {
        let path = folder.join(FILE);
        let known = std::fs::read(&path)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        Self {
            path,
            host: host.to_owned(),
            known,
            ..Self::default()
        }
    }

    fn name(&self, key: &InstrumentKey, module: Module, period: &str) -> String {
        format!(
            "{} {} {} {} {period}",
            self.host,
            module.number(),
            key.market,
            key.symbol
        )
    }

    /// Returns what is known of a period: a file, or that there is none.
    pub(super) fn get(&self, key: &InstrumentKey, module: Module, period: &str) -> Known {
        let name = self.name(key, module, period);
        if self.absent.contains(&name) {
            return Known::Absent;
        }
        match self.known.get(&name).cloned() {
            None => Known::Nothing,
            Some(None) => Known::Absent,
            Some(Some(entry)) => Known::File(HistoryFile {
                date_ms: entry.date_ms,
                filename: entry.filename,
                url: entry.url,
                size_mb: entry.size_mb,
            }),
        }
    }

    /// Remembers the file of a period, or that there will be none.
    pub(super) fn put(
        &mut self,
        key: &InstrumentKey,
        module: Module,
        period: &str,
        file: Option<HistoryFile>,
    ) {
        let entry = file.map(|file| Entry {
            date_ms: file.date_ms,
            filename: file.filename,
            url: file.url,
            size_mb: file.size_mb,
        });
        self.known.insert(self.name(key, module, period), entry);
        self.changed = true;
    }

    /// Remembers until the end of this run that a period has no file.
    pub(super) fn put_for_now(&mut self, key: &InstrumentKey, module: Module, period: &str) {
        self.absent.insert(self.name(key, module, period));
    }

    /// Writes the cache if it changed, as a whole.
    pub(super) fn save(&mut self) -> std::io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let temporary = self
            .path
            .with_extension(format!("{}.tmp", std::process::id()));
        std::fs::write(&temporary, serde_json::to_vec(&self.known)?)?;
        std::fs::rename(&temporary, &self.path)?;
        self.changed = false;
        Ok(())
    }
}
