//! Against recorded messages, where they are present: what the venue wrote, read and written again, is the same bytes.

use flate2::read::GzDecoder;
use serde_json::Value;

use super::*;
use crate::venues::wire::tests_shared::{number, shared};

/// The text of a tar.gz's only member.
pub(super) fn data_of(bytes: &[u8], member: &str) -> String {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let mut members = archive.entries().unwrap();
    let mut first = members.next().unwrap().unwrap();
    assert_eq!(first.path().unwrap().to_string_lossy(), member);
    let mut out = String::new();
    first.read_to_string(&mut out).unwrap();
    assert!(members.next().is_none());
    out
}

fn levels(value: &Value) -> Vec<Level> {
    let side = value.as_array().unwrap();
    side.iter()
        .map(|l| {
            level(
                number(&l[0]),
                number(&l[1]),
                l[2].as_str().unwrap().parse().unwrap(),
            )
        })
        .collect()
}

const RECORDED: [(&str, InstType, u8, u8); 3] = [
    ("BTC-USD-220527", InstType::Futures, 1, 0),
    ("BTC-USDT", InstType::Spot, 1, 8),
    ("UNI-USD-SWAP", InstType::Swap, 3, 0),
];

#[test]
fn order_book_files_come_back_byte_for_byte() {
    for (inst_id, inst_type, price, qty) in RECORDED {
        let day = day("2022-05-13");
        let stem = format!("{inst_id}-L2orderbook-400lv-{day}");
        let path = format!("match/orderbook/L2/400lv/daily/20220513/{stem}.tar.gz");
        let Some(found) = shared(&format!("archives/okx/{path}")) else {
            return;
        };
        let member = format!("{stem}.data");
        let recorded = data_of(&std::fs::read(found).unwrap(), &member);
        let terms = Terms::new(inst_id, inst_type, price, qty);
        let mut tar = BookTar::new(&terms, day, Module::Book400);
        for line in recorded.lines() {
            let v: Value = serde_json::from_str(line).unwrap();
            let (asks, bids) = (levels(&v["asks"]), levels(&v["bids"]));
            let m = BookMessage {
                ts_ms: v["ts"].as_str().unwrap().parse().unwrap(),
                asks: &asks,
                bids: &bids,
            };
            let action = match v["action"].as_str().unwrap() {
                "snapshot" => Action::Snapshot,
                _ => Action::Update,
            };
            assert_eq!(tar.is_snapshot_due(m.ts_ms), action == Action::Snapshot);
            tar.push(action, &m).unwrap();
        }
        let file = tar.finish().unwrap();
        assert_eq!(file.path(), format!("cdn/okx/{path}"));
        assert_eq!(data_of(&file.bytes, &member), recorded);
    }
}

#[test]
fn trade_files_come_back_byte_for_byte() {
    for (inst_id, inst_type, price, qty) in RECORDED {
        let path = format!("traderecords/trades/daily/20220514/{inst_id}-trades-2022-05-14.zip");
        let Some(found) = shared(&format!("archives/okx/{path}")) else {
            return;
        };
        let recorded = csv_of(&PackedFile {
            folder: String::new(),
            name: found.file_name().unwrap().to_string_lossy().into_owned(),
            bytes: std::fs::read(found).unwrap(),
        });
        let terms = Terms::new(inst_id, inst_type, price, qty);
        let mut zip = TradesZip::new(&terms, Period::Day(day("2022-05-14"))).unwrap();
        for line in recorded.lines().skip(1) {
            let c: Vec<&str> = line.split(',').collect();
            zip.push(&TradeRow {
                trade_id: c[1].parse().unwrap(),
                side: if c[2] == "buy" { Side::Buy } else { Side::Sell },
                price: c[3].parse().unwrap(),
                qty: c[4].parse().unwrap(),
                ts_ms: c[5].parse().unwrap(),
                count: 1,
                source: 0,
                seq_id: 0,
            })
            .unwrap();
        }
        let file = zip.finish().unwrap();
        assert_eq!(file.path(), format!("cdn/okex/{path}"));
        assert_eq!(csv_of(&file), recorded);
    }
}
