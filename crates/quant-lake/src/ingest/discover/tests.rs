//! Plans against the vendors' documented names, and searches in folders made here and in the recorded tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quant_core::market::InstrumentKey;
use quant_core::time::Day;

use super::*;
use crate::venues::wire::tests_shared::shared;

fn key(id: &str) -> InstrumentKey {
    let mut parts = id.split(':');
    let mut next = || parts.next().unwrap();
    InstrumentKey {
        exchange: next().parse().unwrap(),
        market: next().parse().unwrap(),
        symbol: next().parse().unwrap(),
    }
}

fn range(start: &str, end: &str) -> TimeRange {
    TimeRange::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

fn first_paths(units: &[FileUnit]) -> Vec<&str> {
    units.iter().map(|u| u.paths[0].as_str()).collect()
}

#[test]
fn a_utc_day_of_okx_needs_the_file_of_the_next_day() {
    let units = plan_okx(
        &key("okx:swap:BTC-USDT-SWAP"),
        &[Dataset::Trades],
        &range("2025-08-31T12:00:00Z", "2025-08-31T13:00:00Z"),
    )
    .unwrap();
    assert_eq!(
        first_paths(&units),
        [
            "cdn/okex/traderecords/trades/daily/20250831/BTC-USDT-SWAP-trades-2025-08-31.zip",
            "cdn/okex/traderecords/trades/daily/20250901/BTC-USDT-SWAP-trades-2025-09-01.zip",
            "cdn/okex/traderecords/trades/monthly/202508/BTC-USDT-SWAP-trades-2025-08.zip",
            "cdn/okex/traderecords/trades/monthly/202509/BTC-USDT-SWAP-trades-2025-09.zip",
        ]
    );
    let spans =
        |u: &FileUnit| [u.covers, u.asked].map(|r| (r.start.to_string(), r.end.to_string()));
    let text = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        spans(&units[0]),
        [
            text("2025-08-30T16:00:00Z", "2025-08-31T16:00:00Z"),
            text("2025-08-31T00:00:00Z", "2025-08-31T16:00:00Z")
        ]
    );
    assert_eq!(
        spans(&units[1]),
        [
            text("2025-08-31T16:00:00Z", "2025-09-01T16:00:00Z"),
            text("2025-08-31T16:00:00Z", "2025-09-01T00:00:00Z")
        ]
    );
    assert_eq!(
        spans(&units[2]),
        [
            text("2025-07-31T16:00:00Z", "2025-08-31T16:00:00Z"),
            text("2025-08-31T00:00:00Z", "2025-08-31T16:00:00Z")
        ]
    );
    assert_eq!(
        units.iter().map(|u| u.is_fallback).collect::<Vec<_>>(),
        [false, false, true, true]
    );
    let names: Vec<&str> = units[0].names().collect();
    assert_eq!(
        names,
        [
            "BTC-USDT-SWAP-trades-2025-08-31.zip",
            "BTC-USDT-SWAP-trades-2025-08-31.csv",
            "allswap-trades-2025-08-31.zip",
            "allswap-trades-2025-08-31.csv",
        ]
    );
}

#[test]
fn names_of_the_other_okx_products() {
    let day = range("2024-05-01", "2024-05-02");
    let names = |id: &str, dataset: Dataset| -> Vec<String> {
        let units = plan_okx(&key(id), &[dataset], &day).unwrap();
        let packed = units.iter().flat_map(FileUnit::names);
        packed
            .filter(|n| n.contains("2024-05-01.") || n.contains("2024-05."))
            .filter(|n| n.ends_with("zip") || n.ends_with("gz"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(
        names("okx:swap:ETH-USDT-SWAP", Dataset::Funding),
        [
            "allswap-fundingrates-2024-05-01.zip",
            "allswaprate-swaprate-2024-05-01.zip",
            "ETH-USDT-SWAP-fundingrates-2024-05.zip",
            "ETH-USDT-fundingrates-2024-05.zip",
        ]
    );
    assert_eq!(
        names("okx:spot:BTC-USDT", Dataset::Klines1m),
        [
            "BTC-USDT-candlesticks-2024-05-01.zip",
            "BTC-USDT-candlesticks-2024-05.zip"
        ]
    );
    assert_eq!(
        names("okx:spot:BTC-USDT", Dataset::AggTrades)[..4],
        [
            "BTC-USDT-aggtrades-2024-05-01.zip",
            "allspot-aggtrades-2024-05-01.zip",
            "BTC-USDT-trades-2024-05-01.zip",
            "allspot-trades-2024-05-01.zip",
        ]
    );
    assert_eq!(
        names("okx:swap:BTC-USD-240628", Dataset::Trades)[..3],
        [
            "BTC-USD-240628-trades-2024-05-01.zip",
            "BTC-USD-futureschain-trades-2024-05-01.zip",
            "allfuture-trades-2024-05-01.zip",
        ]
    );
    let books = plan_okx(
        &key("okx:spot:BTC-USDT"),
        &[Dataset::L2Snapshots, Dataset::L2Deltas],
        &day,
    )
    .unwrap();
    assert_eq!(
        (books.len(), books[0].datasets.len(), books[0].covers),
        (1, 2, day)
    );
    assert_eq!(
        books[0].names().collect::<Vec<_>>(),
        [
            "BTC-USDT-L2orderbook-400lv-2024-05-01.tar.gz",
            "BTC-USDT-L2orderbook-400lv-2024-05-01.data",
            "BTC-USDT-L2orderbook-5000lv-2024-05-01.tar.gz",
            "BTC-USDT-L2orderbook-5000lv-2024-05-01.data",
            "BTC-USDT-L2orderbook-50lv-2024-05-01.tar.gz",
            "BTC-USDT-L2orderbook-50lv-2024-05-01.data",
        ]
    );
}

#[test]
fn names_of_bybit() {
    let span = range("2025-08-20", "2025-08-22");
    let linear = key("bybit:linear:BTCUSDT");
    let units = plan_bybit(
        &linear,
        &[Dataset::L2Deltas, Dataset::Trades, Dataset::L2Snapshots],
        &span,
    )
    .unwrap();
    assert_eq!(
        first_paths(&units),
        [
            "trading/BTCUSDT/BTCUSDT2025-08-20.csv.gz",
            "trading/BTCUSDT/BTCUSDT2025-08-21.csv.gz",
            "orderbook/linear/BTCUSDT/2025-08-20_BTCUSDT_ob500.data.zip",
            "orderbook/linear/BTCUSDT/2025-08-21_BTCUSDT_ob200.data.zip",
        ]
    );
    assert_eq!(units[2].datasets, [Dataset::L2Deltas, Dataset::L2Snapshots]);
    let names: Vec<&str> = units[2].names().collect();
    assert_eq!(
        names,
        [
            "2025-08-20_BTCUSDT_ob500.data.zip",
            "2025-08-20_BTCUSDT_ob500.data",
            "2025-08-20_BTCUSDT_ob200.data.zip",
            "2025-08-20_BTCUSDT_ob200.data",
        ]
    );
    let units = plan_bybit(
        &key("bybit:spot:BTCUSDT"),
        &[Dataset::Trades],
        &range("2023-01-31", "2023-02-02"),
    )
    .unwrap();
    assert_eq!(
        first_paths(&units),
        [
            "spot/BTCUSDT/BTCUSDT_2023-01-31.csv.gz",
            "spot/BTCUSDT/BTCUSDT_2023-02-01.csv.gz",
            "spot/BTCUSDT/BTCUSDT-2023-01.csv.gz",
            "spot/BTCUSDT/BTCUSDT-2023-02.csv.gz",
        ]
    );
    assert_eq!(units[2].asked, Day::range("2023-01-31".parse().unwrap()));
    assert!(
        units[0].kind == FileKind::BybitSpotTrades
            && units[0].names().nth(1) == Some("BTCUSDT_2023-01-31.csv")
    );
}

#[test]
fn the_encoders_files_are_found_by_the_plans() {
    // The simulator writes the names the plan looks for: two sources of one truth, kept together.
    use crate::venues::bybit::encode::trades::{TradeForm, TradesCsv};
    use crate::venues::bybit::encode::{Category, Terms};
    let span = range("2026-03-01", "2026-03-02");
    let first: Day = "2026-03-01".parse().unwrap();
    for (category, market) in [
        (Category::Linear, "linear"),
        (Category::Inverse, "inverse"),
        (Category::Spot, "spot"),
    ] {
        let terms = Terms::new("BTCUSDT".parse().unwrap(), category, 1, 3);
        let file = TradesCsv::new(&terms, first, TradeForm::on(category, first))
            .unwrap()
            .finish()
            .unwrap();
        let units = plan_bybit(
            &key(&format!("bybit:{market}:BTCUSDT")),
            &[Dataset::Trades],
            &span,
        )
        .unwrap();
        assert_eq!(units[0].paths[0], file.path());
    }
}

#[test]
fn what_is_not_archived() {
    let day = range("2024-05-01", "2024-05-02");
    for (id, dataset) in [
        ("bybit:linear:BTCUSDT", Dataset::Klines1m),
        ("bybit:linear:BTCUSDT", Dataset::Funding),
        ("bybit:swap:BTCUSDT", Dataset::Trades),
        ("okx:spot:BTC-USDT", Dataset::Funding),
        ("okx:swap:BTC-USD-240628", Dataset::Funding),
        ("okx:swap:BTC-USDT-SWAP", Dataset::BookTicker),
        ("okx:linear:BTC-USDT-SWAP", Dataset::Trades),
    ] {
        let plan = if id.starts_with("okx") {
            plan_okx
        } else {
            plan_bybit
        };
        let fault = plan(&key(id), &[dataset], &day).unwrap_err();
        assert_eq!(fault.dataset, dataset);
        assert!(fault.to_string().contains(dataset.name()), "{fault}");
    }
}

/// A folder with files of no content.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[&str]) -> Self {
        let out = Self(tempfile::tempdir().unwrap());
        for file in files {
            out.add(file);
        }
        out
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(below)
    }

    fn add(&self, file: &str) {
        let path = self.path(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    fn below(&self, path: &Path) -> String {
        let root = self.path("");
        path.strip_prefix(root)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/")
    }

    fn find(&self, plan: &[FileUnit]) -> Result<Discovery, DiscoverError> {
        let folders = Folders {
            any: vec![self.path("")],
            ..Folders::default()
        };
        discover(plan.to_vec(), &folders)
    }

    fn found(&self, plan: &[FileUnit]) -> Vec<String> {
        let found = self.find(plan).unwrap().files;
        found.iter().map(|f| self.below(&f.path)).collect()
    }
}

fn okx_day() -> Vec<FileUnit> {
    plan_okx(
        &key("okx:swap:BTC-USDT-SWAP"),
        &[Dataset::Trades],
        &range("2025-07-02", "2025-07-03"),
    )
    .unwrap()
}

#[test]
fn files_are_found_by_name_wherever_they_lie() {
    let tree = Tree::new(&[
        "traderecords/trades/daily/20250702/BTC-USDT-SWAP-trades-2025-07-02.zip",
        "downloads/BTC-USDT-SWAP-trades-2025-07-03.csv",
        "downloads/ETH-USDT-SWAP-trades-2025-07-03.zip",
        "downloads/readme.txt",
    ]);
    assert_eq!(
        tree.found(&okx_day()),
        [
            "traderecords/trades/daily/20250702/BTC-USDT-SWAP-trades-2025-07-02.zip",
            "downloads/BTC-USDT-SWAP-trades-2025-07-03.csv",
        ]
    );
    let found = tree.find(&okx_day()).unwrap();
    assert_eq!(
        found.files.iter().map(|f| f.packing).collect::<Vec<_>>(),
        [Packing::Zip, Packing::Plain]
    );
    assert!(found.missing.is_empty() && found.notes.is_empty());
    // The own file goes before that of all swaps, the packed one before the unpacked one.
    tree.add("x/allswap-trades-2025-07-02.zip");
    tree.add("x/BTC-USDT-SWAP-trades-2025-07-03.zip");
    assert_eq!(
        tree.found(&okx_day()),
        [
            "traderecords/trades/daily/20250702/BTC-USDT-SWAP-trades-2025-07-02.zip",
            "x/BTC-USDT-SWAP-trades-2025-07-03.zip",
        ]
    );
}

#[test]
fn monthly_files_fill_holes_only() {
    let month = "BTC-USDT-SWAP-trades-2025-07.zip";
    let days = [
        "BTC-USDT-SWAP-trades-2025-07-02.zip",
        "BTC-USDT-SWAP-trades-2025-07-03.zip",
    ];
    let tree = Tree::new(&[month]);
    let found = tree.find(&okx_day()).unwrap();
    assert_eq!((found.files.len(), found.missing.len()), (1, 0));
    assert!(found.files[0].unit.is_fallback);
    tree.add(days[0]);
    assert_eq!(tree.found(&okx_day()), [days[0], month]);
    tree.add(days[1]);
    assert_eq!(tree.found(&okx_day()), days);
    // Without it the second day is missing, and it alone.
    let tree = Tree::new(&days[..1]);
    let found = tree.find(&okx_day()).unwrap();
    assert_eq!((found.files.len(), found.missing.len()), (1, 1));
    assert!(found.missing[0].paths[0].ends_with(days[1]));
}

#[test]
fn one_name_in_two_folders_is_an_error_that_names_both() {
    let name = "BTC-USDT-SWAP-trades-2025-07-02.zip";
    let tree = Tree::new(&[&format!("a/{name}"), &format!("b/{name}")]);
    let fault = tree.find(&okx_day()).unwrap_err();
    let text = fault.to_string();
    assert!(matches!(fault, DiscoverError::Twice { .. }), "{text}");
    for part in [
        name,
        &tree.path("a").display().to_string(),
        &tree.path("b").display().to_string(),
        "hint:",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // A folder named twice, or once more by one of its own, holds its files once.
    let tree = Tree::new(&[&format!("a/{name}")]);
    let folders = Folders {
        any: vec![tree.path(""), tree.path("a"), tree.path("a/../a")],
        trades: vec![tree.path("a")],
        ..Folders::default()
    };
    assert_eq!(discover(okx_day(), &folders).unwrap().files.len(), 1);
}

#[test]
fn books_of_another_category_are_not_taken() {
    let name = "2024-12-01_BTCUSDT_ob500.data.zip";
    let span = range("2024-12-01", "2024-12-02");
    let plan = |market: &str| {
        plan_bybit(
            &key(&format!("bybit:{market}:BTCUSDT")),
            &[Dataset::L2Deltas],
            &span,
        )
        .unwrap()
    };
    let tree = Tree::new(&[
        &format!("orderbook/linear/BTCUSDT/{name}"),
        &format!("orderbook/spot/BTCUSDT/{name}"),
    ]);
    assert_eq!(
        tree.found(&plan("linear")),
        [format!("orderbook/linear/BTCUSDT/{name}")]
    );
    assert_eq!(
        tree.found(&plan("spot")),
        [format!("orderbook/spot/BTCUSDT/{name}")]
    );
    let found = tree.find(&plan("inverse")).unwrap();
    assert_eq!((found.files.len(), found.missing.len()), (0, 1));
    // A flat folder cannot say, so the file is taken.
    let flat = Tree::new(&[name]);
    assert_eq!(flat.found(&plan("inverse")), [name]);
    // Both depths are looked for, the day's own first.
    let other = "2024-12-01_BTCUSDT_ob200.data.zip";
    assert_eq!(Tree::new(&[other]).found(&plan("linear")), [other]);
    assert_eq!(Tree::new(&[other, name]).found(&plan("linear")), [name]);
}

#[test]
fn each_kind_has_folders_of_its_own() {
    let span = range("2025-07-02", "2025-07-03");
    let plan = plan_okx(
        &key("okx:spot:BTC-USDT"),
        &[Dataset::Trades, Dataset::Klines1m, Dataset::L2Deltas],
        &span,
    )
    .unwrap();
    let tree = Tree::new(&[
        "t/BTC-USDT-trades-2025-07-02.zip",
        "c/BTC-USDT-trades-2025-07-03.zip",
        "c/BTC-USDT-candlesticks-2025-07-02.zip",
        "b/BTC-USDT-L2orderbook-400lv-2025-07-02.tar.gz",
    ]);
    let folders = Folders {
        trades: vec![tree.path("t")],
        candles: vec![tree.path("c")],
        books: vec![tree.path("b")],
        ..Folders::default()
    };
    let found = discover(plan, &folders).unwrap();
    let kinds: BTreeMap<FileKind, String> = found
        .files
        .iter()
        .map(|f| (f.unit.kind, tree.below(&f.path)))
        .collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        [
            (
                FileKind::OkxTrades,
                "t/BTC-USDT-trades-2025-07-02.zip".to_owned()
            ),
            (
                FileKind::OkxCandles,
                "c/BTC-USDT-candlesticks-2025-07-02.zip".to_owned()
            ),
            (
                FileKind::OkxBook,
                "b/BTC-USDT-L2orderbook-400lv-2025-07-02.tar.gz".to_owned()
            ),
        ]
    );
    assert_eq!(found.missing.len(), 2);
}

#[test]
fn unfinished_hidden_and_copied_files_are_left_alone_with_a_note() {
    let tree = Tree::new(&[
        "BTC-USDT-SWAP-trades-2025-07-02.zip.crdownload",
        "BTC-USDT-SWAP-trades-2025-07-02.zip.part",
        "BTC-USDT-SWAP-trades-2025-07-02 (1).zip",
        "BTC-USDT-SWAP-trades-2025-07-03.zip.tmp",
        "BTC-USDT-SWAP-trades-2025-07-03.zip~",
        "other.zip.part",
        "other (1).zip",
        ".BTC-USDT-SWAP-trades-2025-07-02.zip",
        ".hidden/BTC-USDT-SWAP-trades-2025-07-02.zip",
    ]);
    let found = tree.find(&okx_day()).unwrap();
    assert_eq!((found.files.len(), found.missing.len()), (0, 2));
    assert_eq!(found.notes.len(), 5, "{:?}", found.notes);
    assert!(found.notes.iter().all(|n| n.contains("left alone")));
}

#[test]
fn odd_roots_and_deep_folders() {
    let tree = Tree::new(&["file"]);
    let at = |path: PathBuf| {
        let folders = Folders {
            any: vec![path],
            ..Folders::default()
        };
        discover(okx_day(), &folders)
    };
    assert!(matches!(
        at(tree.path("file")),
        Err(DiscoverError::NotAFolder { .. })
    ));
    assert!(matches!(
        at(tree.path("absent")),
        Err(DiscoverError::Io { .. })
    ));
    let deep = format!("{}BTC-USDT-SWAP-trades-2025-07-02.zip", "d/".repeat(40));
    tree.add(&deep);
    let found = at(tree.path("")).unwrap();
    assert_eq!(found.files.len(), 0);
    assert!(found.notes[0].contains("deeper than"), "{:?}", found.notes);
    assert!(
        discover(Vec::new(), &Folders::default())
            .unwrap()
            .files
            .is_empty()
    );
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let outside = Tree::new(&[
        "BTC-USDT-SWAP-trades-2025-07-02.zip",
        "BTC-USDT-SWAP-trades-2025-07-03.zip",
    ]);
    let tree = Tree::new(&["keep"]);
    symlink(outside.path(""), tree.path("elsewhere")).unwrap();
    symlink(tree.path(""), tree.path("loop")).unwrap();
    let name = "BTC-USDT-SWAP-trades-2025-07-03.zip";
    symlink(outside.path(name), tree.path(name)).unwrap();
    let found = tree.find(&okx_day()).unwrap();
    assert_eq!((found.files.len(), found.notes.len()), (0, 1));
    assert!(found.notes[0].contains("is a link"), "{:?}", found.notes);
}

#[test]
fn the_recorded_tree() {
    let (Some(okx), Some(bybit)) = (shared("archives/okx"), shared("archives/bybit")) else {
        return;
    };
    let folders = Folders {
        any: vec![okx, bybit],
        ..Folders::default()
    };
    for (id, dataset, start, end, files, missing) in [
        (
            "okx:spot:BTC-USDT",
            Dataset::Trades,
            "2022-05-13",
            "2022-05-14",
            1,
            1,
        ),
        (
            "okx:swap:BTC-USD-220527",
            Dataset::AggTrades,
            "2022-05-13",
            "2022-05-14",
            1,
            1,
        ),
        (
            "okx:swap:UNI-USD-SWAP",
            Dataset::L2Deltas,
            "2022-05-13",
            "2022-05-14",
            1,
            0,
        ),
        (
            "okx:swap:UNI-USD-SWAP",
            Dataset::Funding,
            "2022-05-13",
            "2022-05-14",
            0,
            2,
        ),
        (
            "bybit:linear:BTCUSDT",
            Dataset::Trades,
            "2026-08-09",
            "2026-08-10",
            1,
            0,
        ),
        (
            "bybit:linear:XRPUSDT",
            Dataset::L2Snapshots,
            "2024-12-01",
            "2024-12-03",
            1,
            1,
        ),
        (
            "bybit:inverse:BTCUSDT",
            Dataset::L2Snapshots,
            "2026-08-09",
            "2026-08-10",
            0,
            1,
        ),
    ] {
        let plan = if id.starts_with("okx") {
            plan_okx
        } else {
            plan_bybit
        };
        let units = plan(&key(id), &[dataset], &range(start, end)).unwrap();
        let found = discover(units, &folders).unwrap();
        assert_eq!(
            (found.files.len(), found.missing.len()),
            (files, missing),
            "{id} {dataset}"
        );
    }
}
