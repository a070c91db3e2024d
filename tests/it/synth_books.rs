//! Books of simulated archives: whoever follows the updates of a file holds what its snapshots and images show.
//!
//! The files are read here with none of the product's code.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use quant_core::time::UnixMicros;
use serde_json::Value;

use crate::support::{gunzip, run};

/// Quantity as it is written by price, in units of 1e-8 so that prices order.
type Side = BTreeMap<i64, String>;

/// A book.
#[derive(Clone, Debug, Default, PartialEq)]
struct Book {
    bids: Side,
    asks: Side,
}

fn key(price: &str) -> i64 {
    let (whole, rest) = price.split_once('.').unwrap_or((price, ""));
    format!("{whole}{rest:0<8}").parse().unwrap()
}

/// Drops zeros that say nothing.
fn plain(qty: &str) -> String {
    match qty.split_once('.') {
        Some(_) => qty.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => qty.to_owned(),
    }
}

impl Book {
    /// Applies changed levels; a removed one must have been there.
    #[track_caller]
    fn apply(&mut self, bids: &Value, asks: &Value) {
        for (levels, side) in [(bids, &mut self.bids), (asks, &mut self.asks)] {
            for level in levels.as_array().unwrap() {
                let price = key(level[0].as_str().unwrap());
                let qty = plain(level[1].as_str().unwrap());
                if qty == "0" {
                    assert!(side.remove(&price).is_some(), "{level} is not there");
                } else {
                    side.insert(price, qty);
                }
            }
        }
        if let (Some(bid), Some(ask)) = (self.bids.keys().next_back(), self.asks.keys().next()) {
            assert!(bid < ask, "crossed");
        }
    }

    fn of(bids: &Value, asks: &Value) -> Self {
        let mut book = Self::default();
        book.apply(bids, asks);
        book
    }

    /// The best `n` levels of both sides.
    fn top(&self, n: usize) -> Self {
        let best = |(price, qty): (&i64, &String)| (*price, qty.clone());
        Self {
            bids: self.bids.iter().rev().take(n).map(best).collect(),
            asks: self.asks.iter().take(n).map(best).collect(),
        }
    }
}

fn synth(cwd: &Path, args: &str) {
    simulate(cwd, "--days 1 --set trades_per_day=1500", args);
}

fn simulate(cwd: &Path, size: &str, args: &str) {
    let all = format!("synth --start 2026-01-05 --set quotes_per_day=4000 -q {size} {args}");
    run(cwd, &all.split(' ').collect::<Vec<_>>()).code(0);
}

/// The text of the only file of a `tar.gz`.
fn only_member(path: &Path) -> String {
    let text = gunzip(path);
    // A header of 512 bytes names the length in octal.
    let length = text[124..135].trim_matches(['\0', ' ']);
    let length = usize::from_str_radix(length, 8).unwrap();
    text[512..512 + length].to_owned()
}

#[test]
fn updates_of_okx_lead_to_every_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    // A window of 5 levels changes all the time by levels that enter and leave; that of 400 holds the whole book.
    for (market, symbol, options) in [
        ("swap", "BTC-USDT-SWAP", "--book-cadence-ms 500"),
        (
            "swap",
            "BTC-USDT-SWAP",
            "--book-cadence-ms 100 --book-levels 5",
        ),
        (
            "spot",
            "BTC-USDT",
            "--book-cadence-ms 1000 --book-levels 10",
        ),
    ] {
        let out = dir.path().join(market);
        let args = format!(
            "--exchange okx --market {market} --symbol {symbol} --datasets l2_deltas --out {market} {options}"
        );
        synth(dir.path(), &args);
        let name = format!("{symbol}-L2orderbook-400lv-2026-01-05.tar.gz");
        let text = only_member(
            &out.join("cdn/okx/match/orderbook/L2/400lv/daily/20260105")
                .join(name),
        );
        let mut book = Book::default();
        let (mut snapshots, mut updates) = (0, 0);
        for line in text.lines() {
            let message: Value = serde_json::from_str(line).unwrap();
            let (bids, asks) = (&message["bids"], &message["asks"]);
            if message["action"] == "snapshot" {
                let shown = Book::of(bids, asks);
                if snapshots > 0 {
                    assert_eq!(book, shown, "snapshot {snapshots} at {}", message["ts"]);
                }
                (snapshots, book) = (snapshots + 1, shown);
            } else {
                assert_eq!(message["action"], "update");
                book.apply(bids, asks);
                updates += 1;
            }
        }
        assert_eq!(snapshots, 96, "{options}");
        assert!(updates > 2_000, "{options}: {updates}");
        std::fs::remove_dir_all(out).unwrap();
    }
}

#[test]
fn the_product_finds_no_snapshot_of_okx_that_differs() {
    let dir = tempfile::tempdir().unwrap();
    synth(
        dir.path(),
        "--exchange okx --market spot --symbol BTC-USDT --datasets l2_deltas --out host --book-cadence-ms 1000",
    );
    let args = "build-dataset --exchange sim-okx --market spot --symbol BTC-USDT --start 2026-01-05 --end 2026-01-06 \
                --source okx-manual --okx-manual-book-dir host --datasets l2_deltas --lake lake --json";
    let ran = run(dir.path(), &args.split_whitespace().collect::<Vec<_>>()).code(0);
    let told = &ran.json()["files"][0]["diagnostics"];
    assert_eq!(told["snapshots_compared"], 95, "{told}");
    assert!(told.get("snapshot_mismatches").is_none(), "{told}");
}

#[test]
fn books_of_bybit_are_the_best_levels_of_deeper_ones() {
    let dir = tempfile::tempdir().unwrap();
    for (market, day) in [("linear", "2026-01-05"), ("spot", "2026-01-05")] {
        let rebuilt = |levels: u16| {
            let out = format!("{market}{levels}");
            let args = format!(
                "--exchange bybit --market {market} --datasets l2_deltas --book-cadence-ms 1000 --book-levels {levels} --out {out}"
            );
            synth(dir.path(), &args);
            let path =
                format!("{out}/orderbook/{market}/BTCUSDT/{day}_BTCUSDT_ob{levels}.data.zip");
            let zip = std::fs::File::open(dir.path().join(path)).unwrap();
            let mut text = String::new();
            let mut zip = zip::ZipArchive::new(zip).unwrap();
            zip.by_index(0).unwrap().read_to_string(&mut text).unwrap();
            let mut book = Book::default();
            let mut books = BTreeMap::new();
            for (i, line) in text.lines().enumerate() {
                let message: Value = serde_json::from_str(line).unwrap();
                let (bids, asks) = (&message["data"]["b"], &message["data"]["a"]);
                match message["type"].as_str().unwrap() {
                    "snapshot" => {
                        assert_eq!(i, 0, "one snapshot, in front");
                        book = Book::of(bids, asks);
                    }
                    _ => book.apply(bids, asks),
                }
                let n = usize::from(levels);
                assert!(book.bids.len() <= n && book.asks.len() <= n);
                books.insert(message["ts"].as_i64().unwrap(), book.clone());
            }
            books
        };
        let (deep, shallow) = (rebuilt(200), rebuilt(10));
        assert!(shallow.len() > 500, "{}", shallow.len());
        for (ts, book) in &shallow {
            // A deeper book may have said nothing new at that time.
            let (_, known) = deep.range(..=ts).next_back().unwrap();
            assert_eq!(*book, known.top(10), "{market} at {ts}");
        }
    }
}

#[test]
fn recordings_of_binance_go_on_from_one_day_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    for market in ["um", "spot"] {
        // Busy enough, and updates rare enough, that something changes in the last interval of a day.
        let args = format!(
            "--market {market} --datasets l2_deltas --book-cadence-ms 10000 --out {market}"
        );
        simulate(dir.path(), "--days 3 --set trades_per_day=4000", &args);
        let mut book: Option<Book> = None;
        let (mut chain, mut snapshots) = (0, 0);
        for day in 5..8 {
            let name = format!("{market}/recordings/binance/{market}/btcusdt_2026010{day}.gz");
            let text = gunzip(&dir.path().join(name));
            let is_book = |line: &&str| line.contains("@depth") || line.contains("lastUpdateId");
            let mut updates = 0;
            for line in text.lines().filter(is_book) {
                let (_, frame) = line.split_once(' ').unwrap();
                let frame: Value = serde_json::from_str(frame).unwrap();
                if frame.get("lastUpdateId").is_some() {
                    let shown = Book::of(&frame["bids"], &frame["asks"]);
                    if let Some(book) = &book {
                        assert_eq!(book.top(1_000), shown, "{market} day {day}");
                    }
                    (snapshots, book) = (snapshots + 1, Some(shown));
                    continue;
                }
                let data = &frame["data"];
                let id = |name: &str| data[name].as_i64().unwrap();
                if let Some(book) = &mut book {
                    let (told, before) = if market == "um" {
                        (id("pu"), chain)
                    } else {
                        (id("U"), chain + 1)
                    };
                    assert_eq!(told, before, "{market} day {day} update {updates}");
                    book.apply(&data["b"], &data["a"]);
                }
                chain = id("u");
                updates += 1;
                // Each file has the changes of its own day, and of no other.
                let of = |ms: i64| UnixMicros(ms * 1_000).day().to_string();
                assert_eq!(of(id("E")), format!("2026-01-0{day}"));
                if market == "um" {
                    assert_eq!(of(id("T")), format!("2026-01-0{day}"));
                }
            }
            assert!(updates > 500, "{market}: {updates}");
        }
        assert_eq!(snapshots, 3);
    }
}

#[test]
fn diffs_of_binance_lead_to_its_images() {
    let dir = tempfile::tempdir().unwrap();
    for market in ["um", "spot"] {
        let args = format!(
            "--market {market} --datasets l2_deltas,l2_snapshots --book-levels 10 --book-cadence-ms 1000 --out {market}"
        );
        synth(dir.path(), &args);
        let folder = dir
            .path()
            .join(format!("{market}/recordings/binance/{market}"));
        let mut images = BTreeMap::new();
        let frames = |name: &str| -> Vec<Value> {
            let text = gunzip(&folder.join(name));
            let json = |line: &str| serde_json::from_str(line.split_once(' ').unwrap().1).unwrap();
            // Most of the other streams' frames are of no interest here.
            let is_book = |line: &&str| line.contains("@depth") || line.contains("lastUpdateId");
            text.lines().filter(is_book).map(json).collect()
        };
        for frame in frames("btcusdt_images_20260105.gz") {
            let data = &frame["data"];
            let (bids, asks, id) = if market == "um" {
                (&data["b"], &data["a"], &data["u"])
            } else {
                (&data["bids"], &data["asks"], &data["lastUpdateId"])
            };
            images.insert(id.as_i64().unwrap(), Book::of(bids, asks));
        }
        let mut book: Option<Book> = None;
        let (mut from, mut compared) = (i64::MAX, 0);
        for frame in frames("btcusdt_20260105.gz") {
            if let Some(id) = frame["lastUpdateId"].as_i64() {
                assert!(book.is_none(), "one snapshot");
                book = Some(Book::of(&frame["bids"], &frame["asks"]));
                from = id;
            } else {
                let data = &frame["data"];
                let last = data["u"].as_i64().unwrap();
                let Some(book) = book.as_mut().filter(|_| last > from) else {
                    continue;
                };
                book.apply(&data["b"], &data["a"]);
                if let Some(image) = images.get(&last) {
                    assert_eq!(book.top(10), *image, "{market} at id {last}");
                    compared += 1;
                }
            }
        }
        assert!(compared > 1_000, "{market}: {compared} images");
    }
}
