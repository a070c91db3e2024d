//! Planted files through the ingest: what it detects today, it detects here.

use std::sync::atomic::AtomicBool;

use quant_core::market::InstrumentKey;
use quant_core::time::{TimeRange, UnixMicros};

use super::makers::*;
use crate::defects::*;
use crate::ingest::*;
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::Manifest;
use crate::quality::Quality;
use crate::schema::Dataset;

fn sample(dataset: Dataset) -> (String, Shape, String) {
    match dataset {
        Dataset::Klines1m => (vision("klines", "1m"), Shape::Klines, klines()),
        Dataset::Trades => (vision("trades", ""), Shape::Trades, trades()),
        Dataset::BookTicker => (vision("bookTicker", ""), Shape::BookTicker, book_ticker()),
        Dataset::DepthBands => (vision("bookDepth", ""), Shape::BookDepth, book_depth()),
        Dataset::Metrics => (vision("metrics", ""), Shape::Metrics, metrics()),
        other => panic!("no sample of {other}"),
    }
}

/// Ingests one file of the sample day, planted or not; returns the outcome, the quality and what was planted.
fn ingested(
    dataset: Dataset,
    plan: &DefectPlan,
) -> (FileOutcome, Option<Quality>, Option<PlantedDefect>) {
    let root = tempfile::tempdir().unwrap();
    let (path, shape, text) = sample(dataset);
    let (file, defect) = plant(plan, &path, shape, stored(&path, &text)).unwrap();
    let at = root.path().join("archive").join(&path);
    std::fs::create_dir_all(at.parent().unwrap()).unwrap();
    std::fs::write(&at, &file.bytes).unwrap();
    std::fs::write(at.with_extension("zip.CHECKSUM"), file.checksum.unwrap()).unwrap();

    let key = InstrumentKey {
        exchange: "binance".parse().unwrap(),
        market: "um".parse().unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
    };
    let request = IngestRequest {
        key: key.clone(),
        datasets: vec![dataset],
        range: TimeRange::new(DAY.parse().unwrap(), "2025-01-03".parse().unwrap()).unwrap(),
        instruments: Vec::new(),
        options: IngestOptions {
            max_quarantine_share: 0.2,
            ..IngestOptions::default()
        },
        created_at: UnixMicros(1),
    };
    let lake = Lake::new(root.path().join("lake"));
    let source = LocalArchive::open(root.path().join("archive")).unwrap();
    let mut report = ingest_vision(
        &lake,
        &source,
        &request,
        &NoProgress,
        &AtomicBool::new(false),
    )
    .unwrap();
    let spec = PartitionSetSpec::raw(
        &DatasetKey {
            instrument: key,
            dataset,
        },
        0,
    );
    let manifest = Manifest::load(&lake.set_dir(&spec), &spec).unwrap();
    let quality = manifest.and_then(|m| m.partitions.first().map(|p| p.quality));
    (report.files.pop().unwrap(), quality, defect)
}

/// What the ingest says about a kind in a dataset: rows written, and the quality counters. Five seeds each.
fn seen(dataset: Dataset, kind: DefectKind) -> Vec<(FileOutcome, Quality, PlantedDefect)> {
    (0..3)
        .map(|seed| {
            let (outcome, quality, defect) = ingested(dataset, &only(seed, kind));
            (outcome, quality.unwrap(), defect.unwrap())
        })
        .collect()
}

#[test]
fn clean_files_have_nothing_to_count() {
    let none: [(&str, f64); 0] = [];
    let plan = DefectPlan::new(1, &none).unwrap();
    for dataset in [
        Dataset::Klines1m,
        Dataset::Trades,
        Dataset::BookTicker,
        Dataset::DepthBands,
        Dataset::Metrics,
    ] {
        let (outcome, quality, _) = ingested(dataset, &plan);
        assert!(
            matches!(outcome.status, FileStatus::Written { .. }),
            "{outcome:?}"
        );
        assert_eq!(quality, Some(Quality::default()), "{dataset}");
    }
}

#[test]
fn duplicates_are_counted_and_left_out() {
    for dataset in [
        Dataset::Klines1m,
        Dataset::Trades,
        Dataset::BookTicker,
        Dataset::DepthBands,
        Dataset::Metrics,
    ] {
        for (outcome, quality, defect) in seen(dataset, DefectKind::Duplicate) {
            let n = defect.places.len() as u64;
            assert_eq!(outcome.counts.duplicates, n, "{dataset}");
            assert_eq!(
                quality,
                Quality {
                    duplicates: n,
                    ..Quality::default()
                }
            );
        }
    }
}

#[test]
fn swapped_rows_are_sorted_in_and_counted() {
    for dataset in [Dataset::Klines1m, Dataset::Trades, Dataset::BookTicker] {
        for (_, quality, defect) in seen(dataset, DefectKind::Unsorted) {
            let n = defect.places.len() as u64;
            assert_eq!(
                quality,
                Quality {
                    out_of_order: n,
                    ..Quality::default()
                },
                "{dataset}"
            );
        }
    }
}

#[test]
fn rows_of_another_day_do_not_enter() {
    for dataset in [
        Dataset::Klines1m,
        Dataset::Trades,
        Dataset::BookTicker,
        Dataset::DepthBands,
    ] {
        for (_, quality, defect) in seen(dataset, DefectKind::OtherDay) {
            assert_eq!(quality.other_day, defect.places.len() as u64, "{dataset}");
            assert_eq!(quality.filtered, quality.other_day);
        }
    }
}

#[test]
fn gaps_of_klines_are_counted() {
    for (outcome, quality, defect) in seen(Dataset::Klines1m, DefectKind::Gap) {
        let expected = Quality {
            gaps: 1,
            ..Quality::default()
        };
        assert_eq!(quality, expected);
        let clean = split_rows(&sample(Dataset::Klines1m).2);
        assert_eq!(outcome.counts.rows_in, clean - defect.places[0].clean_rows);
    }
}

fn split_rows(text: &str) -> u64 {
    text.lines().count() as u64 - 1
}

#[test]
fn headers_are_sniffed_and_followed_by_name() {
    for kind in [DefectKind::MissingHeader, DefectKind::ReorderedHeader] {
        for dataset in [
            Dataset::Klines1m,
            Dataset::Trades,
            Dataset::BookTicker,
            Dataset::DepthBands,
            Dataset::Metrics,
        ] {
            for (outcome, quality, _) in seen(dataset, kind) {
                assert_eq!(quality, Quality::default(), "{kind} {dataset}");
                assert_eq!(outcome.counts.rows_in, split_rows(&sample(dataset).2));
            }
        }
    }
}

#[test]
fn crossed_and_empty_quotes_are_kept() {
    for kind in [DefectKind::CrossedBook, DefectKind::ZeroSizeLevel] {
        for (outcome, quality, _) in seen(Dataset::BookTicker, kind) {
            assert_eq!(quality, Quality::default(), "{kind}");
            let rows = split_rows(&sample(Dataset::BookTicker).2);
            assert_eq!(outcome.counts.written, rows, "{kind}");
        }
    }
}

#[test]
fn damaged_files_are_refused() {
    for seed in 0..3 {
        let (outcome, quality, _) =
            ingested(Dataset::Trades, &only(seed, DefectKind::WrongChecksum));
        assert!(
            matches!(
                outcome.status,
                FileStatus::Failed {
                    error: FileError::ChecksumMismatch { .. }
                }
            ),
            "{outcome:?}"
        );
        assert_eq!(quality, None);
        let (outcome, quality, _) =
            ingested(Dataset::Trades, &only(seed, DefectKind::TruncatedArchive));
        assert!(
            matches!(
                outcome.status,
                FileStatus::Failed {
                    error: FileError::Archive(_)
                }
            ),
            "{outcome:?}"
        );
        assert_eq!(quality, None);
    }
}
