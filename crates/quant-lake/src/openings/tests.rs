//! Tests of openings: rows come back sorted, with the day they come from.

use super::*;
use crate::layout::Lake;
use crate::verify::{Depth, verify_lake};
use crate::write::fixture::{day, lake_with, options, spec};

fn row(kind: OpeningKind, seq: i64, px: Option<f64>, qty: Option<f64>) -> OpeningRow {
    OpeningRow {
        kind,
        ts_event: day().end().plus(-1_000 - seq),
        seq,
        px,
        qty,
    }
}

#[test]
fn openings_come_back_sorted_with_their_source() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, trades) = lake_with(dir.path(), &[1, 2]);
    let instrument = InstrumentKey {
        exchange: "binance".parse().unwrap(),
        market: "um".parse().unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
    };
    let openings = openings_spec(&instrument);
    let writer = DatasetWriter::open(&lake, openings.clone(), options()).unwrap();
    let rows = [
        row(OpeningKind::OpenInterest, 0, None, Some(9.0)),
        row(OpeningKind::LastTrade, 0, Some(42_000.1), Some(0.5)),
        row(OpeningKind::BookBid, 1, Some(41_999.9), Some(1.0)),
        row(OpeningKind::BookBid, 0, Some(42_000.0), Some(2.0)),
    ];
    let next = day().plus(1);
    let from = derived_source(&spec(), &trades);
    assert_eq!(
        from.name,
        "raw/binance/um/BTCUSDT/agg_trades/date=2024-01-02"
    );
    let partition = write_opening(&writer, next, &rows, vec![from.clone()]).unwrap();
    assert_eq!(partition.sources, [from]);
    assert_eq!(partition.sources[0].sha256, trades.content_sha256);

    let set = PartitionSet::open(&lake, &openings).unwrap();
    let memo = HashMemo::default();
    let back = read_opening(&set, next, &memo).unwrap().unwrap();
    assert_eq!(back, [rows[3], rows[2], rows[1], rows[0]]);
    assert_eq!(last_trade_price(&set, next, &memo).unwrap(), Some(42_000.1));
    assert_eq!(last_trade_price(&set, next.plus(1), &memo).unwrap(), None);
    assert_eq!(read_opening(&set, day(), &memo).unwrap(), None);
    // Found by the day they open, although every row is older.
    let found: u64 = set
        .read(next.range(), None, 10, &memo)
        .unwrap()
        .map(|b| b.unwrap().num_rows() as u64)
        .sum();
    assert_eq!(found, 4);
    assert_eq!(
        verify_lake(&Lake::new(dir.path()), 0, Depth::Rows, &memo).problems,
        []
    );
    let dup = [rows[1], rows[1]];
    assert!(write_opening(&writer, next, &dup, vec![]).is_err());
    // Nothing of the day itself may enter its opening.
    assert!(write_opening(&writer, day(), &rows, vec![]).is_err());
    let nothing = write_opening(&writer, next.plus(1), &[], vec![]).unwrap();
    assert_eq!((nothing.rows, nothing.ts_min), (0, None));
    let set = PartitionSet::open(&lake, &openings).unwrap();
    assert_eq!(
        read_opening(&set, next.plus(1), &memo).unwrap(),
        Some(vec![])
    );
}
