//! Against recorded messages, where they are present: what the venue wrote, read and written again, is the same bytes.

use std::io::{Cursor, Read as _};

use serde_json::Value;

use super::*;
use crate::venues::wire::tests_shared::{number, shared};

pub(super) fn lines_of_zip(bytes: &[u8], member: &str) -> Vec<String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    assert_eq!(archive.len(), 1);
    let mut out = String::new();
    archive
        .by_name(member)
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    assert!(out.ends_with('\n'));
    out.lines().map(str::to_owned).collect()
}

fn levels(value: &Value) -> Vec<Level> {
    let side = value.as_array().unwrap();
    side.iter()
        .map(|l| Level::new(number(&l[0]), number(&l[1])))
        .collect()
}

#[test]
fn order_book_files_come_back_byte_for_byte() {
    for (symbol, day, depth, price, qty) in [
        ("BTCUSDT", "2026-08-09", 200, 2, 3),
        ("ETHUSDT", "2026-08-09", 200, 2, 2),
        ("XRPUSDT", "2024-12-01", 500, 4, 0),
    ] {
        let folder = format!("orderbook/linear/{symbol}");
        let member = format!("{day}_{symbol}_ob{depth}.data");
        let Some(path) = shared(&format!("archives/bybit/{folder}/{member}.zip")) else {
            return;
        };
        let lines = lines_of_zip(&std::fs::read(path).unwrap(), &member);
        let terms = Terms::new(symbol.parse().unwrap(), Category::Linear, price, qty);
        let first: Value = serde_json::from_str(&lines[0]).unwrap();
        let first_u = first["data"]["u"].as_i64().unwrap();
        let day: Day = day.parse().unwrap();
        assert_eq!(depth_on(day), depth);
        let mut zip = BookZip::new(&terms, day, depth, first_u).unwrap();
        for line in &lines {
            let v: Value = serde_json::from_str(line).unwrap();
            let (bids, asks) = (levels(&v["data"]["b"]), levels(&v["data"]["a"]));
            let m = BookMessage {
                ts_ms: v["ts"].as_i64().unwrap(),
                cts_ms: v["cts"].as_i64().unwrap(),
                seq: v["data"]["seq"].as_i64().unwrap(),
                bids: &bids,
                asks: &asks,
            };
            match v["type"].as_str().unwrap() {
                "snapshot" => zip.snapshot(&m).unwrap(),
                _ => zip.delta(&m).unwrap(),
            }
        }
        let file = zip.finish().unwrap();
        assert_eq!(file.path(), format!("{folder}/{member}.zip"));
        assert_eq!(lines_of_zip(&file.bytes, &member), lines);
    }
}

#[test]
fn trading_files_come_back_column_by_column() {
    for (symbol, price, qty) in [("BTCUSDT", 2, 3), ("ETHUSDT", 2, 2)] {
        let name = format!("trading/{symbol}/{symbol}2026-08-09.csv.gz");
        let Some(path) = shared(&format!("archives/bybit/{name}")) else {
            return;
        };
        let recorded = gunzip(&std::fs::read(path).unwrap());
        let day = day("2026-08-09");
        let terms = Terms::new(symbol.parse().unwrap(), Category::Linear, price, qty);
        let form = TradeForm::on(Category::Linear, day);
        let mut csv = TradesCsv::new(&terms, day, form).unwrap();
        let mut tracker = TickTracker::default();
        for line in recorded.lines().skip(1) {
            let c: Vec<&str> = line.split(',').collect();
            let (seconds, fraction) = c[0].split_once('.').unwrap();
            let fraction: i64 = format!("{fraction:0<6}").parse().unwrap();
            let price = c[4].parse().unwrap();
            csv.push(&TradeRow {
                ts_us: seconds.parse::<i64>().unwrap() * 1_000_000 + fraction,
                price,
                qty: c[3].parse().unwrap(),
                side: if c[2] == "Buy" { Side::Buy } else { Side::Sell },
                tick: tracker.next(price),
                id: 0,
                seq: 0,
                is_block: false,
                is_rpi: c[10] == "1",
            })
            .unwrap();
        }
        let file = csv.finish().unwrap();
        assert_eq!(file.path(), name);
        let written = gunzip(&file.bytes);
        let (mut theirs, mut ours) = (recorded.lines(), written.lines());
        assert_eq!(theirs.next(), ours.next());
        let (theirs, ours): (Vec<&str>, Vec<&str>) = (theirs.collect(), ours.collect());
        assert_eq!(theirs.len(), ours.len());
        let first_price = theirs[0].split(',').nth(4).unwrap();
        let mut moved = false;
        for (row, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
            let theirs: Vec<&str> = theirs.split(',').collect();
            let ours: Vec<&str> = ours.split(',').collect();
            assert_eq!(theirs.len(), ours.len());
            for column in [1, 2, 3, 4, 10] {
                assert_eq!(theirs[column], ours[column], "row {row}");
            }
            // The recording pads these; the numbers are the same.
            for column in [0, 7, 8, 9] {
                let trim = |t: &str| t.trim_end_matches('0').trim_end_matches('.').to_owned();
                let (theirs, ours) = (theirs[column], ours[column]);
                let theirs = if theirs.contains('.') {
                    trim(theirs)
                } else {
                    theirs.to_owned()
                };
                assert_eq!(theirs, *ours, "row {row}");
            }
            // Until the price moves, the direction depends on a trade before the recording.
            moved |= row > 0 && theirs[4] != first_price;
            if moved {
                assert_eq!(theirs[5], ours[5], "row {row}");
            }
        }
        assert!(moved);
    }
}
