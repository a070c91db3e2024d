//! Rows of partitions as events.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, TimestampMicrosecondArray};
use arrow_schema::DataType;
use quant_lake::schema::ColumnType;

use super::super::fixture::{Bench, M, S, at, day, kline, mark, message, metrics, samples, trade};
use super::*;

fn events(bench: &Bench, dataset: Dataset) -> Vec<Option<Event>> {
    let batch = bench.rows(dataset, day());
    (0..batch.num_rows())
        .map(|row| event_of(dataset, &batch, row))
        .collect()
}

#[test]
fn trades_quotes_and_levels_keep_what_they_say() {
    let bench = Bench::new();
    let sold = quant_lake::venues::records::TradeRow {
        aggressor: -1,
        ..trade(at(S), 7, 100.5, 0.25)
    };
    bench.put(day(), &[sold]);
    let expected = Event::Trade(Trade {
        ts_event: UnixMicros(at(S)),
        ts_recv: None,
        price: 100.5,
        qty: 0.25,
        aggressor: Side::Sell,
        trade_id: 7,
        n_trades: 1,
    });
    assert_eq!(events(&bench, Dataset::Trades), [Some(expected)]);
    bench.put(day(), &message(at(S), 3, Some(2), 10.0, false));
    let levels = events(&bench, Dataset::L2Deltas);
    let of = |i: usize| match &levels[i] {
        Some(Event::BookDelta(d)) => (d.side, d.level.px, d.msg_end, d.prev_id, d.last_id),
        other => panic!("{other:?}"),
    };
    assert_eq!(of(0), (Side::Sell, 11.0, false, Some(2), 3));
    assert_eq!(of(1), (Side::Buy, 10.0, true, Some(2), 3));
}

#[test]
fn records_without_their_value_are_no_events() {
    let bench = Bench::new();
    let without = quant_lake::venues::records::MetricsRow {
        open_interest: None,
        ..metrics(at(5 * M), 0.0)
    };
    bench.put(day(), &[metrics(at(0), 4.0), without]);
    let found = events(&bench, Dataset::Metrics);
    assert!(
        matches!(&found[0], Some(Event::OpenInterest(x)) if x.open_interest.to_bits() == 4.0_f64.to_bits())
    );
    assert_eq!(found[1], None);
}

#[test]
fn intervals_are_known_at_their_end_and_samples_when_published() {
    let bench = Bench::new();
    bench.put(day(), &[mark(at(0), 5.0)]);
    bench.put(day(), &[kline(at(0), 5.0)]);
    bench.put(
        day(),
        &[
            samples(at(0), Some(at(3 * S)), 1.0),
            samples(at(M), None, 1.0),
        ],
    );
    let known = |d, row| known_of(&bench.rows(d, day()), row).map(|ts| ts.0);
    assert_eq!(known(Dataset::MarkKlines, 0), Some(at(M)));
    assert_eq!(known(Dataset::Klines1m, 0), Some(at(M)));
    assert_eq!(known(Dataset::OpenInterest, 0), Some(at(3 * S)));
    assert_eq!(known(Dataset::OpenInterest, 1), None);
    assert!(matches!(&events(&bench, Dataset::MarkKlines)[0],
        Some(Event::MarkPrice(m)) if m.mark == Some(5.0) && m.index.is_none()));
}

#[test]
fn receipt_and_lateness_are_told() {
    let bench = Bench::new();
    let row = |ts, recv: Option<i64>, late| quant_lake::venues::records::TradeRow {
        ts_recv: recv.map(quant_lake::venues::records::Ts),
        late,
        ..trade(ts, ts, 1.0, 1.0)
    };
    bench.put(
        day(),
        &[
            row(at(0), Some(at(9)), Some(true)),
            row(at(1), None, None),
            row(at(2), None, Some(false)),
        ],
    );
    let batch = bench.rows(Dataset::Trades, day());
    assert_eq!(received_of(&batch, 0), Some(UnixMicros(at(9))));
    assert_eq!(received_of(&batch, 1), None);
    assert_eq!(
        [0, 1, 2].map(|row| flagged_late(&batch, row)),
        [true, false, false]
    );
}

#[test]
fn images_have_the_first_levels_and_the_id_of_quotes() {
    let schema = Dataset::L2Snapshots.arrow_schema(50);
    let columns: Vec<ArrayRef> = (schema.fields().iter())
        .map(|f| -> ArrayRef {
            match (
                f.name().as_str(),
                ColumnType::from_arrow(f.data_type()).unwrap(),
            ) {
                ("ts_event", _) => Arc::new(
                    TimestampMicrosecondArray::from(vec![at(S), at(2 * S)]).with_timezone("UTC"),
                ),
                ("seq", _) => Arc::new(Int64Array::from(vec![3, 4])),
                ("update_id", _) => Arc::new(Int64Array::from(vec![Some(30), None])),
                ("bid_px_00", _) => Arc::new(Float64Array::from(vec![10.0, 11.0])),
                ("ask_px_00", _) => Arc::new(Float64Array::from(vec![Some(12.0), None])),
                ("bid_qty_00" | "ask_qty_00", _) => {
                    Arc::new(Float64Array::from(vec![Some(1.0), Some(1.0)]))
                }
                // Below the levels that statistics look at.
                ("bid_px_49" | "bid_qty_49", _) => Arc::new(Float64Array::from(vec![1.0, 1.0])),
                (_, ColumnType::Ts) => arrow_array::new_null_array(f.data_type(), 2),
                _ => arrow_array::new_null_array(&DataType::Float64, 2),
            }
        })
        .collect();
    let bench = Bench::new();
    let batch = RecordBatch::try_new(schema, columns).unwrap();
    bench.put_batch(Dataset::L2Snapshots, day(), &batch);
    let found = events(&bench, Dataset::L2Snapshots);
    let level = |px| BookLevel { px, qty: 1.0 };
    let of = |i: usize| match &found[i] {
        Some(Event::BookSnapshot(b)) => (b.seq, b.bids.clone(), b.asks.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(of(0), (30, vec![level(10.0)], vec![level(12.0)]));
    assert_eq!(of(1), (4, vec![level(11.0)], vec![]));
}
