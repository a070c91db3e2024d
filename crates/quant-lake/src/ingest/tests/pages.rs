//! Pages of one day that add up: a union by id, sources and counters that accumulate, and what must not be mixed.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use quant_core::market::{InstrumentKey, Market};
use quant_core::time::{Day, UnixMicros};

use super::fixture::day;
use crate::ingest::*;
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::{IngestParams, Manifest, Partition, SourceKind};
use crate::schema::Dataset;
use crate::venues::contracts::QtyUnit;
use crate::venues::deepcoin::pages::{DeepcoinPages, PAGES_VERSION, Route};
use crate::venues::pages::PageFormat;

const DAY: &str = "2026-01-06";

struct Lab {
    dir: tempfile::TempDir,
    lake: Lake,
    key: InstrumentKey,
}

/// Trades with these ids, a second apart, newest first.
fn answer(of: Day, ids: core::ops::Range<i64>) -> String {
    let row = |id: i64| {
        let ms = of.start().0 / 1_000 + id * 1_000;
        format!(
            r#"{{"instId":"BTC-USDT-SWAP","tradeId":"{id}","px":"100.5","sz":"{}","side":"buy","ts":"{ms}"}}"#,
            id + 1
        )
    };
    let rows: Vec<String> = ids.rev().map(row).collect();
    format!(r#"{{"code":"0","msg":"","data":[{}]}}"#, rows.join(","))
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::new(dir.path().join("lake"));
        let key = InstrumentKey {
            exchange: "deepcoin".parse().unwrap(),
            market: Market::Swap,
            symbol: "BTC-USDT-SWAP".parse().unwrap(),
        };
        Self { dir, lake, key }
    }

    fn source(&self, complete: bool, ctval: f64) -> PageSource {
        let mut params = IngestParams::new();
        params.insert("route".to_owned(), "trades".into());
        params.insert("complete".to_owned(), complete.into());
        params.insert("base_per_contract".to_owned(), ctval.into());
        PageSource {
            key: self.key.clone(),
            dataset: Dataset::Trades,
            kind: SourceKind::Deepcoin,
            parser_version: PAGES_VERSION,
            params,
        }
    }

    /// Ingests one answer, always under one name: it is content that tells answers apart.
    fn take(&self, source: PageSource, body: &str, adds: bool, gaps: &[&str]) -> FileOutcome {
        let path: &Path = &self.dir.path().join("pages");
        std::fs::write(path, format!("{body}\n")).unwrap();
        let request = PagesRequest {
            source,
            path: path.to_owned(),
            name: "day.pages".to_owned(),
            url: "http://host/trades".to_owned(),
            days: day(DAY).range(),
            adds,
            gaps: gaps.iter().map(|g| (*g).to_owned()).collect(),
            options: IngestOptions::default(),
            created_at: UnixMicros(0),
        };
        let make = || {
            Box::new(DeepcoinPages {
                route: Route::Trades,
                inst_id: "BTC-USDT-SWAP".to_owned(),
                unit: QtyUnit::Linear { ctval: 0.5 },
                closed_before: UnixMicros(i64::MAX),
            }) as Box<dyn PageFormat>
        };
        let stop = AtomicBool::new(false);
        let mut report = ingest_pages(&self.lake, &request, &make, &NoProgress, &stop).unwrap();
        report.files.pop().unwrap()
    }

    fn held(&self) -> (Manifest, Partition) {
        let key = DatasetKey {
            instrument: self.key.clone(),
            dataset: Dataset::Trades,
        };
        let spec = PartitionSetSpec::raw(&key, 0);
        let manifest = Manifest::load(&self.lake.set_dir(&spec), &spec)
            .unwrap()
            .unwrap();
        let partition = manifest.partition(day(DAY)).unwrap().clone();
        (manifest, partition)
    }
}

#[test]
fn answers_add_up_whatever_their_order_and_the_same_one_changes_nothing() {
    let of = day(DAY);
    let answers = [answer(of, 0..50), answer(of, 30..80), answer(of, 100..120)];
    let mut contents = Vec::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let lab = Lab::new();
        for (n, i) in (1..).zip(order) {
            // The last one is of the time after the day: that is no other thing than the others.
            let gaps: &[&str] = if i == 2 { &["a gap: 80 to 99"] } else { &[] };
            let done = lab.take(lab.source(n == 3, 0.5), &answers[i], true, gaps);
            assert!(
                matches!(done.status, FileStatus::Written { .. }),
                "{:?}",
                done.status
            );
            assert!(done.counts.balanced());
            assert_eq!(done.notes.iter().any(|n| n.starts_with("a gap")), i == 2);
            let (_, held) = lab.held();
            assert_eq!(held.sources.len(), n);
            assert!(held.quality.rows_accounted(held.rows) == u128::from(held.rows_in));
        }
        let (manifest, held) = lab.held();
        assert_eq!(
            (held.rows, held.rows_in, held.quality.duplicates),
            (100, 120, 20)
        );
        assert_eq!(held.quality.gaps, 1);
        assert_eq!(manifest.params_of(&held).unwrap()["complete"], true);
        let seen = held_day(&lab.lake, &lab.source(false, 0.5), of)
            .unwrap()
            .unwrap();
        // Of a day that is done with nobody goes on.
        assert_eq!(
            (seen.rows, seen.last_id, seen.is_complete()),
            (100, None, true)
        );
        contents.push(held.content_sha256.clone());
        let again = lab.take(lab.source(true, 0.5), &answers[order[0]], true, &["again"]);
        assert!(
            matches!(again.status, FileStatus::Current),
            "{:?}",
            again.status
        );
        assert_eq!(lab.held().1, held);
    }
    assert!(contents.iter().all(|c| *c == contents[0]), "{contents:?}");
}

#[test]
fn what_is_of_other_parameters_is_refused_or_replaced_but_never_mixed() {
    let (of, lab) = (day(DAY), Lab::new());
    lab.take(lab.source(false, 0.5), &answer(of, 0..50), true, &[]);
    let before = lab.held().1;
    let other = lab.take(lab.source(false, 0.25), &answer(of, 50..60), true, &[]);
    assert!(
        matches!(
            other.status,
            FileStatus::Failed {
                error: FileError::OtherParser { .. }
            }
        ),
        "{:?}",
        other.status
    );
    assert_eq!(lab.held().1, before);
    let whole = lab.take(lab.source(true, 0.25), &answer(of, 50..60), false, &[]);
    assert!(matches!(whole.status, FileStatus::Written { .. }));
    assert_eq!((lab.held().1.rows, lab.held().1.sources.len()), (10, 1));
}

#[test]
fn a_day_that_cannot_be_added_to_is_closed_with_its_rows_and_sources() {
    let (of, lab) = (day(DAY), Lab::new());
    let source = lab.source(false, 0.5);
    assert!(held_day(&lab.lake, &source, of).unwrap().is_none());
    lab.take(source.clone(), &answer(of, 0..50), true, &["a gap: before"]);
    let before = lab.held().1;
    let seen = held_day(&lab.lake, &source, of).unwrap().unwrap();
    assert_eq!((seen.last_id, seen.is_complete()), (Some(49), false));
    let options = IngestOptions::default();
    let done = close_day(&lab.lake, &source, of, 1, &options, UnixMicros(1)).unwrap();
    let (manifest, after) = lab.held();
    assert_eq!(
        (done.rows, &done.content_sha256),
        (50, &before.content_sha256)
    );
    assert_eq!(after.sources, before.sources);
    assert_eq!((after.rows_in, after.quality.gaps), (before.rows_in, 2));
    assert_eq!(manifest.params_of(&after).unwrap()["complete"], true);
    assert!(has_pages(&lab.lake, &lab.source(true, 0.5), of).unwrap());
    assert!(!has_pages(&lab.lake, &lab.source(false, 0.5), of).unwrap());
}
