//! Tables against small streams whose counts are known.

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;

use super::*;
use crate::venues::records::Ts;

/// 2024-08-09 00:00:00 UTC.
const START: i64 = 1_723_161_600_000_000;

fn trade(ts: i64, trade_id: i64, price: f64) -> TradeRow {
    TradeRow {
        ts_event: Ts(ts),
        ts_recv: None,
        trade_id,
        price,
        qty: 1.0,
        qty_raw: None,
        aggressor: 1,
        late: None,
    }
}

fn tables() -> Tables {
    let options = TableOptions {
        datasets: vec![Dataset::Trades],
        book_levels: 1,
        watermark_us: None,
    };
    let parse = ParseOptions {
        file: "x".to_owned(),
        range: TimeRange {
            start: UnixMicros(0),
            end: UnixMicros(i64::MAX),
        },
        max_quarantine_share: 1.0,
        collect: Vec::new(),
    };
    Tables::new(&options, &parse)
}

/// What became of trades: ids in order, then duplicates, conflicts and rows out of order.
#[derive(Debug, PartialEq)]
struct Fate {
    ids: Vec<i64>,
    duplicates: u64,
    conflicts: u64,
    out_of_order: u64,
}

fn fate(rows: &[TradeRow]) -> Fate {
    let mut tables = tables();
    for row in rows {
        tables.trade(*row);
    }
    let (_, counted) = tables.flush_all().remove(0);
    assert!(tables.failed.is_none(), "{:?}", tables.failed);
    let mut ids = Vec::new();
    for parsed in &tables.ready {
        if let Parsed::Rows { batch, day, .. } = parsed {
            let ts =
                batch["ts_event"].as_primitive::<arrow_array::types::TimestampMicrosecondType>();
            assert!(ts.values().iter().all(|ts| UnixMicros(*ts).day() == *day));
            ids.extend_from_slice(batch["trade_id"].as_primitive::<Int64Type>().values());
        }
    }
    let sum = |of: fn(&crate::venues::rows::DayCounts) -> u64| counted.days.values().map(of).sum();
    assert_eq!(sum(|c| c.kept), ids.len() as u64);
    Fate {
        ids,
        duplicates: sum(|c| c.duplicates),
        conflicts: sum(|c| c.quarantined),
        out_of_order: sum(|c| c.out_of_order),
    }
}

#[test]
fn repeated_and_late_rows_are_found_among_many_that_rise() {
    // One a second from 22:13 on, so that the second day begins within the rows; more than are handed on at once.
    let start = START - 6_400_000_000;
    let at = |i: i64| trade(start + i * 1_000_000, i, 1.0);
    let n = 100_000;
    let mut rows = Vec::new();
    let (mut duplicates, mut conflicts, mut out_of_order) = (0, 0, 0);
    for i in 0..n {
        match i % 5_000 {
            // Told twice, at once or later; the second time with another price.
            1_000 => {
                rows.extend([at(i), at(i)]);
                duplicates += 1;
            }
            1_500 => {
                rows.extend([at(i), at(i - 400)]);
                duplicates += 1;
                out_of_order += 1;
            }
            2_000 => {
                rows.extend([at(i), trade(start + i * 1_000_000, i, 2.0)]);
                conflicts += 1;
            }
            // Late by some rows.
            3_000 => {}
            3_700 => {
                rows.extend([at(i), at(i - 700)]);
                out_of_order += 1;
            }
            _ => rows.push(at(i)),
        }
    }
    let expected = Fate {
        ids: (0..n).collect(),
        duplicates,
        conflicts,
        out_of_order,
    };
    assert_eq!(fate(&rows), expected);
}

#[test]
fn an_id_that_falls_while_time_rises_is_refused() {
    let mut tables = tables();
    for row in [
        trade(START, 5, 1.0),
        trade(START + 1, 6, 1.0),
        trade(START + 2, 4, 1.0),
    ] {
        tables.trade(row);
    }
    tables.flush_all();
    assert!(matches!(tables.failed, Some(ParseError::OutOfOrder { .. })));
}

#[test]
fn levels_of_one_message_are_as_many_single_levels() {
    let row = |i: i32| L2DeltaRow {
        ts_event: Ts(START + i64::from(i / 7)),
        ts_recv: None,
        msg_seq: i64::from(i / 7),
        is_snapshot: false,
        side: 1,
        price: f64::from(i % 7 + 1),
        qty: 1.0,
        first_id: 0,
        last_id: 0,
        prev_id: None,
        msg_end: i % 7 == 6,
        late: None,
    };
    let with = |at_once: bool| {
        let mut tables = Tables::new(
            &TableOptions {
                datasets: vec![Dataset::L2Deltas],
                book_levels: 1,
                watermark_us: Some(10),
            },
            &ParseOptions {
                file: "x".to_owned(),
                range: TimeRange {
                    start: UnixMicros(START),
                    end: UnixMicros(START + 12_000),
                },
                max_quarantine_share: 1.0,
                collect: Vec::new(),
            },
        );
        // Some messages come late, some lie after the range, and there are more rows than are held back.
        let order = (0..13_000).flat_map(|i| match i % 100 {
            50 => vec![],
            70 => vec![i, i - 20],
            _ => vec![i],
        });
        for first in order {
            let rows = (0..7).map(|i| row(first * 7 + i));
            if at_once {
                let levels = rows.map(|row| BookLevel {
                    px: row.price,
                    qty: row.qty,
                });
                tables.deltas_of(row(first * 7), levels, true);
            } else {
                rows.for_each(|row| tables.delta(row));
            }
        }
        let counted = format!("{:?}", tables.flush_all());
        assert!(tables.failed.is_none(), "{:?}", tables.failed);
        let batches = tables.ready.into_iter().map(|parsed| match parsed {
            Parsed::Rows { batch, .. } => batch,
            other @ Parsed::DayEnd { .. } => panic!("{other:?}"),
        });
        (counted, batches.collect::<Vec<_>>())
    };
    let (single, at_once) = (with(false), with(true));
    assert_eq!(single, at_once);
    // 120 messages of seven levels in the range; 1,000 messages after it.
    assert!(single.0.contains("late: 840"), "{}", single.0);
    assert!(single.0.contains("filtered: 7000"), "{}", single.0);
    let rows: usize = single
        .1
        .iter()
        .map(arrow_array::RecordBatch::num_rows)
        .sum();
    assert_eq!(rows, 84_000);
}
