//! Finds the partition sets of a lake from their manifests' places.

use std::path::{Path, PathBuf};

use quant_core::market::InstrumentKey;

use crate::bars::{bar_set_spec, micro_bar_set_spec};
use crate::features::{self, FEATURES_DIR};
use crate::layout::{
    DatasetKey, Lake, MANIFEST_FILE, PartitionSetSpec, parse_day_folder, parse_symbol_folder,
};
use crate::openings::{openings_spec, set_openings_spec};

/// First folders of partition sets.
pub const SET_KINDS: [&str; 4] = ["raw", "bars", "openings", FEATURES_DIR];

/// A folder with partitions whose columns nothing tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownSet {
    /// Folder relative to the lake root.
    pub set: String,
    /// Why.
    pub detail: String,
}

/// Returns the specifications of every set of `raw`, `bars`, `openings` and `features`, in path order, and the folders whose place
/// names no set. A set of book images has as many levels as its deepest partition, at least `book_levels`.
pub fn set_specs(lake: &Lake, book_levels: u16) -> (Vec<PartitionSetSpec>, Vec<UnknownSet>) {
    let (mut specs, mut unknown) = (Vec::new(), Vec::new());
    for kind in SET_KINDS {
        let mut found = Vec::new();
        walk(&lake.root().join(kind), &[kind.to_owned()], &mut found);
        for parts in found {
            let names: Vec<&str> = parts.iter().map(String::as_str).collect();
            let dir = parts.iter().fold(lake.root().to_owned(), |d, p| d.join(p));
            let book_levels = levels_of(&dir).map_or(book_levels, |n| n.max(book_levels));
            match spec_of_folder(&dir, &names, book_levels) {
                Ok(spec) => specs.push(spec),
                Err(detail) => unknown.push(UnknownSet {
                    set: parts.join("/"),
                    detail,
                }),
            }
        }
    }
    (specs, unknown)
}

/// Returns the levels per side of the deepest images that a set's manifest tells of; `None` if it tells of none.
pub fn levels_of(dir: &Path) -> Option<u16> {
    let text = std::fs::read(dir.join(MANIFEST_FILE)).ok()?;
    let manifest: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let of = |params: &serde_json::Value| u16::try_from(params["book_levels"].as_u64()?).ok();
    let earlier = manifest["earlier_ingest_params"].as_object();
    let earlier = earlier.into_iter().flat_map(|all| all.values());
    earlier
        .chain([&manifest["ingest_params"]])
        .filter_map(of)
        .max()
}

/// Returns the set of the folder `dir`, which has these names below the lake, or why there is none.
///
/// # Errors
/// A sentence.
pub fn spec_of_folder(
    dir: &Path,
    names: &[&str],
    book_levels: u16,
) -> Result<PartitionSetSpec, String> {
    match *names {
        [FEATURES_DIR, ..] => features::spec_of_folder(dir, names),
        ["bars", e, m, s, id] if has_microstructure(dir) => instrument(e, m, s)
            .and_then(|key| micro_bar_set_spec(&key, id).map_err(|e| e.to_string())),
        _ => spec_of(names, book_levels),
    }
}

/// Returns whether the manifest of a bar set says that its rows have the statistics of microstructure.
fn has_microstructure(dir: &Path) -> bool {
    let Ok(text) = std::fs::read(dir.join(MANIFEST_FILE)) else {
        return false;
    };
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    !manifest["ingest_params"]["bar_set"]["microstructure"].is_null()
}

fn instrument(exchange: &str, market: &str, symbol: &str) -> Result<InstrumentKey, String> {
    let text = |e: quant_core::market::MarketError| e.to_string();
    Ok(InstrumentKey {
        exchange: exchange.parse().map_err(text)?,
        market: market.parse().map_err(text)?,
        symbol: parse_symbol_folder(symbol).map_err(text)?,
    })
}

/// Returns the set whose folder below the lake has these names, or why there is none; what only a manifest tells is
/// left out (statistics of bars, columns of features).
///
/// # Errors
/// A sentence.
pub fn spec_of(names: &[&str], book_levels: u16) -> Result<PartitionSetSpec, String> {
    match *names {
        ["raw", e, m, s, dataset] => {
            let dataset = dataset
                .parse()
                .map_err(|e: crate::schema::UnknownDataset| e.to_string())?;
            let key = DatasetKey {
                instrument: instrument(e, m, s)?,
                dataset,
            };
            Ok(PartitionSetSpec::raw(&key, book_levels))
        }
        ["bars", e, m, s, id] => bar_set_spec(&instrument(e, m, s)?, id).map_err(|e| e.to_string()),
        ["openings", e, m, s] => Ok(openings_spec(&instrument(e, m, s)?)),
        ["openings", e, m, s, id] => {
            set_openings_spec(&instrument(e, m, s)?, id).map_err(|e| e.to_string())
        }
        _ => Err("not the place of a partition set".to_owned()),
    }
}

/// Collects the folders that hold a manifest or day folders.
fn walk(dir: &Path, parts: &[String], found: &mut Vec<Vec<String>>) {
    let entries = entries(dir);
    if entries
        .iter()
        .any(|(n, _)| n == MANIFEST_FILE || parse_day_folder(n).is_some())
    {
        found.push(parts.to_vec());
        // Below the openings of an instrument lie those of its bar sets.
        if parts.len() != 4 || parts[0] != "openings" {
            return;
        }
    }
    // The deepest set lies five folders down; anything deeper is not the lake's.
    if parts.len() > 8 {
        return;
    }
    for (name, path) in entries {
        if parse_day_folder(&name).is_some() {
            continue;
        }
        // Links are not followed: they can lead out of the lake or in circles.
        if path.symlink_metadata().is_ok_and(|m| m.is_dir()) {
            let mut parts = parts.to_vec();
            parts.push(name);
            walk(&path, &parts, found);
        }
    }
}

/// Returns the entries of a folder by name; nothing if it cannot be read.
pub(super) fn entries(dir: &Path) -> Vec<(String, PathBuf)> {
    let Ok(listing) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut out: Vec<(String, PathBuf)> = listing
        .filter_map(Result::ok)
        .map(|e| (e.file_name().to_string_lossy().into_owned(), e.path()))
        .collect();
    out.sort();
    out
}
