//! Remembers which days a file went into, so that asking again reads nothing. A memo only: manifests decide, and a lost
//! receipt costs one more reading.

use std::collections::BTreeMap;
use std::path::PathBuf;

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange};
use serde::{Deserialize, Serialize};

use super::unit::{LocalFile, Target};
use crate::commit::Failpoints;
use crate::layout::{Lake, instrument_path};
use crate::schema::Dataset;

/// What one file became under one parser and one set of parameters.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Receipt {
    parser_version: String,
    /// Days that were asked for: `[first, end)`. Of others the file was not asked.
    asked: (Day, Day),
    /// Hash of the parameters of each dataset's set, and the days the file is in.
    datasets: BTreeMap<String, DatasetReceipt>,
}

#[derive(Debug, Serialize, Deserialize)]
struct DatasetReceipt {
    params_hash: String,
    days: Vec<Day>,
}

/// Returns where the receipt of a file lies.
fn path_of(lake: &Lake, key: &InstrumentKey, file: &LocalFile<'_>) -> PathBuf {
    let mut path = lake.root().join(".receipts");
    path.extend(instrument_path(key).split('/'));
    let mut name = format!("{}-{}", file.kind.name(), file.sha256);
    if let Some(before) = &file.context {
        name.push_str("-after-");
        name.extend(before.sha256.chars().take(32));
    }
    path.join(name + ".json")
}

/// Returns whether everything a file gives to these targets is in the lake, according to its receipt and the manifests.
pub(super) fn holds(
    lake: &Lake,
    key: &InstrumentKey,
    file: &LocalFile<'_>,
    targets: &[Target<'_>],
    range: TimeRange,
) -> bool {
    let Ok(text) = std::fs::read(path_of(lake, key, file)) else {
        return false;
    };
    let Ok(receipt) = serde_json::from_slice::<Receipt>(&text) else {
        return false;
    };
    if range.start.day() < receipt.asked.0 || receipt.asked.1.start() < range.end {
        return false;
    }
    targets.iter().all(|target| {
        let Some(known) = receipt.datasets.get(target.key.dataset.name()) else {
            return false;
        };
        receipt.parser_version == target.writer.parser_version()
            && known.params_hash == target.writer.params_hash()
            && known.days.iter().all(|&day| file.is_in(target, day))
    })
}

/// Returns whether a file went into no day of a dataset, according to its receipt.
pub(super) fn has_none_of(
    lake: &Lake,
    key: &InstrumentKey,
    file: &LocalFile<'_>,
    dataset: Dataset,
) -> bool {
    let text = std::fs::read(path_of(lake, key, file)).unwrap_or_default();
    let receipt: Option<Receipt> = serde_json::from_slice(&text).ok();
    let known = receipt.and_then(|mut r| r.datasets.remove(dataset.name()));
    known.is_some_and(|known| known.days.is_empty())
}

/// Writes the receipt of a file whose days are committed; a failure is no error, since it is only a memo.
pub(super) fn write(
    lake: &Lake,
    key: &InstrumentKey,
    file: &LocalFile<'_>,
    targets: &[Target<'_>],
    range: TimeRange,
    days: &BTreeMap<&'static str, Vec<Day>>,
    fail: &Failpoints,
) {
    let Some(first) = targets.first() else { return };
    let receipt = Receipt {
        parser_version: first.writer.parser_version().to_owned(),
        asked: (range.start.day(), range.end.day()),
        datasets: targets
            .iter()
            .map(|t| {
                let name = t.key.dataset.name();
                let receipt = DatasetReceipt {
                    params_hash: t.writer.params_hash().to_owned(),
                    days: days.get(name).cloned().unwrap_or_default(),
                };
                (name.to_owned(), receipt)
            })
            .collect(),
    };
    let path = path_of(lake, key, file);
    // One name for all processes: what a killed one left is overwritten, and a torn receipt is no receipt.
    let temp = path.with_extension("tmp");
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| serde_json::to_vec(&receipt).map_err(Into::into))
        .and_then(|text| std::fs::write(&temp, text))
        .and_then(|()| {
            fail.reach("receipt.written");
            std::fs::rename(&temp, &path)
        });
    fail.reach("receipt.renamed");
    if written.is_err() {
        drop(std::fs::remove_file(&temp));
    }
}
