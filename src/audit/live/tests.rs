//! A day as a stream against the same day out of the lake.

use std::collections::BTreeMap;

use quant_core::market::Trade;
use quant_lake::layout::Lake;
use quant_lake::openings::OpeningPlan;
use quant_lake::read::HashMemo;
use quant_lake::stream::{DayStream, StreamSets};
use quant_lake::venues::records::{FundingRow, L2DeltaRow, LiquidationRow, TradeRow, Ts};

use super::super::arrivals::{as_recorded, read};
use super::super::fixture::{
    Bench, M, S, at, day, kline, mark, message, metrics, micro, quote, samples, trade,
};
use super::*;

const BARS: [Dataset; 2] = [Dataset::Trades, Dataset::Klines1m];

/// The day in both ways; the stream with what `change` makes of its arrivals.
fn both(
    bench: &Bench,
    micro: &MicroSpec,
    change: impl FnOnce(&mut Vec<Arrived>),
) -> (DayBars, DayBars, u64) {
    let datasets = micro.datasets(&BARS);
    let sets = StreamSets::open(&bench.lake, &bench.instrument, &datasets).unwrap();
    let source = sets.choose(&BARS, day()).unwrap();
    let plan = sets.plan(day(), source, Some(micro));
    let memo = HashMemo::default();
    let opening = OpeningPlan {
        sets: &sets,
        day: &plan,
        bars: &BARS,
        spec: micro,
    };
    let (opening, _) = opening
        .make(&quant_lake::openings::VolumeMemo::default(), &memo)
        .unwrap();
    let inputs = StatInputs {
        vpin_bucket: opening.volume_bucket,
    };
    let mut builder = MinuteBuilder::with_stats(
        day(),
        plan.bar_source(),
        plan.inputs,
        &opening.opening,
        Microstructure::new(&inputs),
    );
    let stream = DayStream::open(&sets, &plan, Some(micro), opening.link, &memo).unwrap();
    stream.drive(&mut builder).unwrap();
    let batch = builder.finish(day().end());

    let list = read(
        &Lake::new(bench.dir.path()),
        &bench.instrument,
        &datasets,
        day(),
    )
    .unwrap();
    let list = as_recorded(list, micro).list;
    let mut arrived: Vec<Arrived> = list.into_iter().map(|a| a.arrived).collect();
    change(&mut arrived);
    let mut live = LiveDay::new(&bench.instrument, &plan, micro, &opening);
    for event in arrived {
        live.push(event).unwrap();
    }
    let (live, n_late) = live.finish().unwrap();
    (batch, live, n_late)
}

#[track_caller]
fn assert_same(batch: &DayBars, live: &DayBars) {
    assert_eq!(batch.rows.len(), 1_440);
    let n = batch.stat_columns.len();
    let bits = |b: &DayBars, i: usize| b.stat_values.get(i).map(|v| v.to_bits());
    for i in 0..batch.stat_values.len() {
        assert_eq!(
            bits(batch, i),
            bits(live, i),
            "minute {}, {}",
            i / n,
            batch.stat_columns[i % n]
        );
    }
    assert_eq!(
        bits_of(&batch.rows, &batch.stat_values),
        bits_of(&live.rows, &live.stat_values)
    );
}

/// Values of a statistic by minute.
fn stat(bars: &DayBars, name: &str) -> BTreeMap<usize, f64> {
    let n = bars.stat_columns.len();
    let i = bars.stat_columns.iter().position(|c| *c == name).unwrap();
    let values = bars
        .stat_values
        .iter()
        .skip(i)
        .step_by(n)
        .copied()
        .enumerate();
    values.filter(|(_, v)| !v.is_nan()).collect()
}

fn puts_market(bench: &Bench) {
    let trades: Vec<_> = (0..2_000)
        .map(|i| trade(at(i * 40 * S), i, 100.0 + (i % 7) as f64, 1.0))
        .collect();
    bench.put(day(), &trades);
    let quotes: Vec<_> = (0..2_000)
        .map(|i| quote(at(i * 40 * S), 10 * i + 5, 100.0 + (i % 7) as f64))
        .collect();
    bench.put(day(), &quotes);
    let mut prev = None;
    let book: Vec<L2DeltaRow> = (0..2_000)
        .flat_map(|i| {
            // In the very instants of quotes, before and after them by id; one message is missing.
            let id = 10 * i + if i % 2 == 0 { 3 } else { 7 };
            let after = if i == 700 { Some(1) } else { prev };
            prev = Some(id);
            // Never crossed, whatever levels came before.
            message(
                at(i * 40 * S),
                id,
                after,
                100.0 - (i % 7) as f64,
                i % 1_000 == 0,
            )
            .map(|row| L2DeltaRow {
                price: if row.side < 0 {
                    row.price + 10.0
                } else {
                    row.price
                },
                ..row
            })
        })
        .collect();
    bench.put(day(), &book);
}

#[test]
fn order_ids_and_broken_chains_are_those_of_the_lake() {
    let bench = Bench::new();
    puts_market(&bench);
    let (batch, live, n_late) = both(&bench, &micro(&[]), |_| {});
    assert_same(&batch, &live);
    assert_eq!(n_late, 0);
    // The break voids the book until the next snapshot.
    let depth = stat(&live, "depth_bid_tw");
    assert!(depth.contains_key(&100) && depth.contains_key(&900));
    let at_break = usize::try_from(700 * 40 / 60).unwrap();
    assert!(!depth.contains_key(&(at_break + 30)), "{at_break}");
}

#[test]
fn lost_books_and_lost_trades_are_those_of_the_lake() {
    let bench = Bench::new();
    puts_market(&bench);
    let (whole, _, _) = both(&bench, &micro(&[]), |_| {});
    // Seven ids are missing at noon, and the book is lost at six in the morning.
    let trades: Vec<_> = (0..2_000)
        .map(|i| {
            trade(
                at(i * 40 * S),
                i + 7 * i64::from(i >= 1_080),
                100.0 + (i % 7) as f64,
                1.0,
            )
        })
        .collect();
    bench.put(day(), &trades);
    let book: Vec<L2DeltaRow> = (0..2_000)
        .flat_map(|i| message(at(i * 40 * S), 10 * i + 3, None, 100.0, i == 0 || i == 600))
        .map(|row| {
            let is_lost = row.ts_event.0 == at(540 * 40 * S);
            L2DeltaRow {
                is_snapshot: row.is_snapshot || is_lost,
                qty: if is_lost { 0.0 } else { row.qty },
                ..row
            }
        })
        // Ingestion writes nothing between a loss and the next image.
        .filter(|row| !(at(540 * 40 * S) + 1..at(600 * 40 * S)).contains(&row.ts_event.0))
        .collect();
    bench.put(day(), &book);
    let (batch, live, _) = both(&bench, &micro(&[]), |_| {});
    assert_same(&batch, &live);
    let depth = stat(&live, "depth_bid_tw");
    assert!(depth.contains_key(&359) && !depth.contains_key(&361) && depth.contains_key(&401));
    let kyle = |bars: &DayBars| stat(bars, "flow_n")[&720];
    assert!(kyle(&live) < kyle(&whole), "{}", kyle(&live));
}

#[test]
fn a_trade_that_arrives_twice_is_one() {
    let bench = Bench::new();
    puts_market(&bench);
    let (batch, live, _) = both(&bench, &micro(&[]), |arrived| {
        // Over a second connection, not right behind the first.
        let again: Vec<Arrived> = (arrived.iter())
            .filter(
                |a| matches!(&a.event, Event::Trade(Trade { trade_id, .. }) if trade_id % 5 == 0),
            )
            .cloned()
            .collect();
        for event in again {
            let place = arrived
                .iter()
                .rposition(|a| a.event.ts_known() <= event.event.ts_known())
                .unwrap();
            arrived.insert(place + 1, event);
        }
    });
    assert_same(&batch, &live);
}

#[test]
fn states_stand_where_the_lake_puts_them() {
    let bench = Bench::new();
    puts_market(&bench);
    let micro = micro(&[
        (Dataset::Metrics, 300_000),
        (Dataset::MarkKlines, 1_500),
        (Dataset::OpenInterest, 700),
    ]);
    let marks: Vec<_> = (0..1_440)
        .map(|i| mark(at(i * M), 100.0 + i as f64))
        .collect();
    bench.put(day(), &marks);
    bench.put(day().plus(-1), &[mark(at(-M), 77.0)]);
    let open: Vec<_> = (0..288)
        .map(|i| metrics(at(i * 5 * M), 1_000.0 + i as f64))
        .collect();
    bench.put(day(), &open);
    bench.put(
        day().plus(-1),
        &[metrics(at(-5 * M), 999.0), metrics(at(-2 * M), 998.0)],
    );
    let funding = |ts, rate| FundingRow {
        ts_event: Ts(ts),
        rate,
        interval_h: Some(8),
        mark_price: None,
    };
    bench.put(
        day(),
        &[funding(at(0), 1e-4), funding(at(8 * 60 * M), 2e-4)],
    );
    let (batch, live, _) = both(&bench, &micro, |_| {});
    assert_same(&batch, &live);
    // The kline of minute 0 ends at 1:00, is known at 1:01.5, and so counts from the minute decided then: that of 1:00.
    let known = stat(&live, "mark");
    assert_eq!(
        (known.get(&0), known.get(&1), known.get(&2)),
        (Some(&77.0), Some(&100.0), Some(&101.0))
    );
    // Of 23:58, known at 0:03: 998 from minute 2 on (decided at 0:03.25).
    let oi = stat(&live, "open_interest");
    assert_eq!(
        (oi.get(&1), oi.get(&2), oi.get(&4)),
        (Some(&999.0), Some(&998.0), Some(&1_000.0))
    );

    // Samples with a publication replace the metrics of the day.
    bench.put(
        day(),
        &[
            samples(at(0), Some(at(30 * S)), 5.0),
            samples(at(M), Some(at(10 * M)), 6.0),
        ],
    );
    let (batch, live, _) = both(&bench, &micro, |_| {});
    assert_same(&batch, &live);
    let oi = stat(&live, "open_interest");
    assert_eq!(
        (oi.get(&0), oi.get(&8), oi.get(&10)),
        (Some(&5.0), Some(&5.0), Some(&6.0))
    );
}

#[test]
fn rows_that_came_late_are_left_out_as_flagged() {
    let bench = Bench::new();
    // Received in order of receipt; ingestion flagged what was more than 250 ms behind.
    let row = |ts, recv, id, late| TradeRow {
        ts_recv: Some(Ts(recv)),
        late,
        ..trade(ts, id, 100.0, 1.0)
    };
    let rows = [
        row(at(10 * S), at(10 * S), 1, None),
        row(at(59 * S), at(61 * S), 2, Some(true)),
        row(at(60 * S - 1), at(60 * S + 1), 3, None),
        row(at(60 * S), at(60 * S), 4, None),
        row(at(60 * S + 400_000), at(60 * S + 500_000), 5, None),
        row(at(24 * 60 * M - 1), at(24 * 60 * M + S), 6, Some(true)),
    ];
    bench.put(day(), &rows);
    let midnight = day().end().0;
    bench.put(
        day().plus(1),
        &[row(midnight + 300_000, midnight + 300_000, 7, None)],
    );
    let (batch, live, n_late) = both(&bench, &micro(&[]), |_| {});
    assert_same(&batch, &live);
    assert_eq!(n_late, 2);
    assert_eq!(live.rows[0].n_trades, Some(2));
    assert_eq!(live.rows[1].n_trades, Some(2));
    assert!(live.rows[1_439].is_filled);
}

#[test]
fn states_do_not_make_trades_late() {
    let bench = Bench::new();
    puts_market(&bench);
    let marks: Vec<_> = (0..1_440).map(|i| mark(at(i * M), 100.0)).collect();
    bench.put(day(), &marks);
    let (batch, live, n_late) = both(&bench, &micro(&[]), |arrived| {
        // All that is known of the day comes before its first trade.
        arrived.sort_by_key(|a| a.dataset != Dataset::MarkKlines);
    });
    assert_eq!(n_late, 0);
    assert_same(&batch, &live);
}

#[test]
fn forced_orders_klines_and_bands_are_never_late() {
    let bench = Bench::new();
    let klines: Vec<_> = (0..1_440)
        .map(|i| kline(at(i * M), 100.0 + i as f64))
        .collect();
    bench.put(day(), &klines);
    let quotes: Vec<_> = (0..1_440)
        .map(|i| quote(at(i * M + 7 * S), i, 100.0))
        .collect();
    bench.put(day(), &quotes);
    let forced: Vec<_> = (0..100)
        .map(|i| LiquidationRow {
            ts_event: Ts(at(i * 10 * M)),
            side: 1,
            price: 100.0,
            average_price: Some(99.0),
            qty: 1.0,
            qty_raw: None,
            occurrence: 0,
        })
        .collect();
    bench.put(day(), &forced);
    let (batch, live, n_late) = both(&bench, &micro(&[]), |_| {});
    assert_eq!(n_late, 0);
    assert_same(&batch, &live);
    assert_eq!(live.rows[5].close, Some(105.0));
    let sum: f64 = (live.stat_columns.iter())
        .filter(|c| c.starts_with("liq_"))
        .flat_map(|c| stat(&live, c).into_values().collect::<Vec<_>>())
        .sum();
    assert!(sum > 0.0);
}

#[test]
fn heartbeats_move_the_watermark() {
    let bench = Bench::new();
    bench.put(
        day(),
        &[
            trade(at(10 * S), 1, 100.0, 1.0),
            trade(at(90 * S), 2, 101.0, 1.0),
        ],
    );
    let (batch, live, n_late) = both(&bench, &micro(&[]), |arrived| {
        let beat = quant_core::market::Heartbeat {
            ts_event: UnixMicros(at(100 * S)),
        };
        arrived.insert(1, Arrived::new(Dataset::Trades, Event::Heartbeat(beat)));
    });
    assert_eq!(n_late, 1);
    assert_eq!(
        (batch.rows[1].n_trades, live.rows[1].n_trades),
        (Some(1), Some(0))
    );
}
