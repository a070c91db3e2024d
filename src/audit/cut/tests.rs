//! What is available when, and raw partitions without their future.

use quant_lake::venues::records::{DepthBandRow, LiquidationRow, Ts};

use super::super::fixture::{
    Bench, M, S, at, day, kline, mark, message, metrics, samples, trade, tree,
};
use super::*;

fn lag(dataset: Dataset, us: i64) -> Availability {
    Availability {
        lag_us: [(dataset, us)].into(),
    }
}

fn cut(bench: &Bench, at: i64, availability: &Availability, future: Future) -> u64 {
    let days = day().plus(-9)..=day().plus(1);
    cut_raw(
        &bench.lake,
        &bench.instrument,
        days,
        UnixMicros(at),
        availability,
        future,
    )
    .unwrap()
}

fn floats(batch: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    let column = batch.column_by_name(name).unwrap();
    column.as_primitive::<Float64Type>().iter().collect()
}

#[test]
fn rows_are_available_at_their_time_intervals_at_their_end_plus_the_lag() {
    let bench = Bench::new();
    bench.put(day(), &[trade(at(5 * S), 1, 100.0, 1.0)]);
    bench.put(day(), &[mark(at(0), 100.0)]);
    bench.put(day(), &[kline(at(M), 100.0)]);
    bench.put(day(), &[metrics(at(10 * M), 7.0)]);
    let of =
        |dataset, availability: Availability| availability.of(dataset, &bench.rows(dataset, day()));
    let none = Availability::default;
    assert_eq!(of(Dataset::Trades, none()), [at(5 * S)]);
    assert_eq!(
        of(Dataset::Trades, lag(Dataset::Trades, 7)),
        [at(5 * S + 7)]
    );
    assert_eq!(of(Dataset::MarkKlines, none()), [at(M)]);
    assert_eq!(
        of(Dataset::MarkKlines, lag(Dataset::MarkKlines, S)),
        [at(M + S)]
    );
    assert_eq!(of(Dataset::Klines1m, none()), [at(2 * M)]);
    assert_eq!(
        of(Dataset::Metrics, lag(Dataset::Metrics, 5 * M)),
        [at(15 * M)]
    );
    // A lag of another dataset is none of its business.
    assert_eq!(
        of(Dataset::Metrics, lag(Dataset::Trades, 5 * M)),
        [at(10 * M)]
    );
}

#[test]
fn a_published_sample_is_available_when_it_was_published_plus_the_lag() {
    let bench = Bench::new();
    let rows = [
        samples(at(0), Some(at(2 * M)), 1.0),
        // A publication before the time itself is none.
        samples(at(5 * M), Some(at(4 * M)), 2.0),
        samples(at(10 * M), None, 3.0),
    ];
    bench.put(day(), &rows);
    let batch = bench.rows(Dataset::OpenInterest, day());
    let found = lag(Dataset::OpenInterest, S).of(Dataset::OpenInterest, &batch);
    assert_eq!(found, [at(2 * M + S), at(5 * M + S), at(10 * M + S)]);
}

#[test]
fn rows_after_the_instant_go_and_the_others_stay() {
    let bench = Bench::new();
    let rows: Vec<_> = (0..4).map(|i| trade(at(i * S), i, 100.0, 1.0)).collect();
    bench.put(day(), &rows);
    bench.put(day().plus(1), &[trade(at(24 * 60 * M), 9, 100.0, 1.0)]);
    bench.put(day(), &[mark(at(0), 100.0), mark(at(M), 101.0)]);
    let marks = bench.rows(Dataset::MarkKlines, day());
    // Equal to the instant is known.
    assert_eq!(
        cut(&bench, at(2 * S), &Availability::default(), Future::Cut),
        4
    );
    let left = bench.rows(Dataset::Trades, day());
    let times = left.column(0).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(times.values(), &[at(0), at(S), at(2 * S)]);
    // Days of which nothing is left are listed, and empty.
    assert_eq!(bench.rows(Dataset::MarkKlines, day()).num_rows(), 0);
    assert_eq!(bench.rows(Dataset::Trades, day().plus(1)).num_rows(), 0);
    assert_eq!(bench.set(Dataset::Trades).manifest().partitions.len(), 2);
    // Again: nothing to do.
    assert_eq!(
        cut(&bench, at(2 * S), &Availability::default(), Future::Cut),
        0
    );

    // The first kline ends at the instant, the second after it.
    let bench = Bench::new();
    bench.put(day(), &[mark(at(0), 100.0), mark(at(M), 101.0)]);
    assert_eq!(cut(&bench, at(M), &Availability::default(), Future::Cut), 1);
    assert_eq!(bench.rows(Dataset::MarkKlines, day()), marks.slice(0, 1));
    // With a lag neither is there.
    assert_eq!(
        cut(&bench, at(M), &lag(Dataset::MarkKlines, 1), Future::Cut),
        1
    );
}

#[test]
fn rows_of_the_day_before_that_were_not_known_go_too() {
    let midnight = at(0);
    let bench = Bench::new();
    let before = day().plus(-1);
    bench.put(
        before,
        &[
            metrics(midnight - 10 * M, 1.0),
            metrics(midnight - 2 * M, 2.0),
        ],
    );
    assert_eq!(
        cut(
            &bench,
            midnight + M,
            &lag(Dataset::Metrics, 5 * M),
            Future::Cut
        ),
        1
    );
    assert_eq!(bench.rows(Dataset::Metrics, before).num_rows(), 1);
    // A sample of yesterday noon that was published this morning.
    let noon = midnight - 12 * 60 * M;
    bench.put(
        before,
        &[
            samples(noon, Some(midnight + 60 * M), 1.0),
            samples(noon + M, Some(noon + 2 * M), 2.0),
        ],
    );
    let none = Availability::default();
    assert_eq!(cut(&bench, midnight + 59 * M, &none, Future::Perturbed), 1);
    let left = floats(&bench.rows(Dataset::OpenInterest, before), "open_interest");
    assert_eq!(left, [Some(1.328_125), Some(2.0)]);
}

#[test]
fn days_beyond_the_last_one_and_other_partitions_are_untouched() {
    let bench = Bench::new();
    for distance in -1..=2 {
        let ts = day().plus(distance).start().0;
        bench.put(
            day().plus(distance),
            &[trade(ts, 1, 100.0, 1.0), trade(ts + 1, 2, 1.0, 1.0)],
        );
    }
    bench.put(day(), &[mark(at(0), 100.0)]);
    let before = tree(bench.dir.path());
    assert_eq!(cut(&bench, at(M), &Availability::default(), Future::Cut), 2);
    let after = tree(bench.dir.path());
    let changed: Vec<&String> = before
        .keys()
        .filter(|name| before.get(*name) != after.get(*name))
        .collect();
    // Tomorrow and the manifest that lists it.
    assert!(
        changed
            .iter()
            .all(|n| n.contains("trades/")
                && (n.contains("2024-01-03") || n.ends_with("manifest.json"))),
        "{changed:?}"
    );
    assert_eq!(bench.rows(Dataset::Trades, day().plus(2)).num_rows(), 2);
    assert_eq!(bench.rows(Dataset::Trades, day()).num_rows(), 2);
}

#[test]
fn falsified_rows_keep_times_ids_order_and_what_was_known() {
    let bench = Bench::new();
    let rows: Vec<_> = (0..4)
        .map(|i| trade(at(i * S), i, 100.0 + i as f64, 2.0))
        .collect();
    bench.put(day(), &rows);
    bench.put(day(), &[kline(at(0), 100.0), kline(at(M), 101.0)]);
    bench.put(day(), &[mark(at(M), 0.5)]);
    let book = [
        message(at(S), 1, None, 10.0, true),
        message(at(3 * S), 2, Some(1), 11.0, false),
    ]
    .concat();
    bench.put(day(), &book);
    let bands: Vec<_> = [-1.0, 1.0]
        .map(|percentage| DepthBandRow {
            ts_event: Ts(at(5 * S)),
            percentage,
            depth: 3.0,
            notional: 4.0,
        })
        .into();
    bench.put(day(), &bands);
    let forced = LiquidationRow {
        ts_event: Ts(at(5 * S)),
        side: 1,
        price: 8.0,
        average_price: None,
        qty: 2.0,
        qty_raw: None,
        occurrence: 0,
    };
    bench.put(day(), &[forced]);
    let before = bench.rows(Dataset::Trades, day());
    let deltas = bench.rows(Dataset::L2Deltas, day());
    let touched = cut(
        &bench,
        at(2 * S),
        &Availability::default(),
        Future::Perturbed,
    );
    // One trade, two klines, one mark, a message of two levels, two bands, an order.
    assert_eq!(touched, 1 + 2 + 1 + 2 + 2 + 1);
    let after = bench.rows(Dataset::Trades, day());
    assert_eq!(after.slice(0, 3), before.slice(0, 3));
    for same in ["ts_event", "trade_id", "ts_recv", "late"] {
        assert_eq!(
            after.column_by_name(same),
            before.column_by_name(same),
            "{same}"
        );
    }
    assert_eq!(floats(&after, "price")[3], Some(103.0 * 1.328_125));
    assert_eq!(floats(&after, "qty")[3], Some(5.0));
    let aggressor = after.column_by_name("aggressor").unwrap();
    assert_eq!(
        aggressor.as_primitive::<Int8Type>().values(),
        &[1, 1, 1, -1]
    );
    let bars = bench.rows(Dataset::Klines1m, day());
    assert_eq!(floats(&bars, "volume"), [Some(20.0); 2]);
    assert_eq!(floats(&bars, "quote_volume"), [None; 2]);
    let n = bars.column_by_name("n_trades").unwrap();
    assert_eq!(n.as_primitive::<Int64Type>().values(), &[11, 11]);
    assert_eq!(
        floats(&bench.rows(Dataset::MarkKlines, day()), "close"),
        [Some(0.5 * 1.328_125)]
    );
    let levels = bench.rows(Dataset::L2Deltas, day());
    assert_eq!(levels.slice(0, 2), deltas.slice(0, 2));
    for same in [
        "ts_event", "msg_seq", "side", "first_id", "last_id", "prev_id", "msg_end",
    ] {
        assert_eq!(
            levels.column_by_name(same),
            deltas.column_by_name(same),
            "{same}"
        );
    }
    assert_eq!(floats(&levels, "price")[3], Some(11.0 * 1.328_125));
    let bands = bench.rows(Dataset::DepthBands, day());
    assert_eq!(floats(&bands, "percentage"), [Some(-1.0), Some(1.0)]);
    assert_eq!(floats(&bands, "depth"), [Some(3.0 * 1.328_125); 2]);
    assert_eq!(
        floats(&bench.rows(Dataset::Liquidations, day()), "qty"),
        [Some(5.0)]
    );
}

#[test]
fn a_rewritten_day_says_it_came_from_the_same_sources() {
    let bench = Bench::new();
    bench.put(
        day(),
        &[trade(at(0), 1, 100.0, 1.0), trade(at(S), 2, 100.0, 1.0)],
    );
    let of = |bench: &Bench| {
        bench
            .set(Dataset::Trades)
            .manifest()
            .partition(day())
            .cloned()
            .unwrap()
    };
    let before = of(&bench);
    cut(&bench, at(0), &Availability::default(), Future::Cut);
    let after = of(&bench);
    assert_eq!(after.sources, before.sources);
    assert_eq!(after.parser_version, before.parser_version);
    assert_eq!((before.rows, after.rows), (2, 1));
    // Its content decides what is stale.
    assert_ne!(after.content_sha256, before.content_sha256);
}

#[test]
fn rows_are_removed_by_their_places() {
    let bench = Bench::new();
    let rows: Vec<_> = (0..5).map(|i| trade(at(i * S), i, 100.0, 1.0)).collect();
    bench.put(day(), &rows);
    let before = bench.rows(Dataset::Trades, day());
    let remove = |rows: &[usize]| {
        remove_rows(&bench.lake, &bench.instrument, Dataset::Trades, day(), rows).unwrap();
    };
    remove(&[4, 1]);
    let ids = |b: &RecordBatch| {
        b.column_by_name("trade_id")
            .unwrap()
            .as_primitive::<Int64Type>()
            .values()
            .to_vec()
    };
    assert_eq!(ids(&bench.rows(Dataset::Trades, day())), [0, 2, 3]);
    remove(&[]);
    assert_eq!(bench.rows(Dataset::Trades, day()).num_rows(), 3);
    remove(&[0, 1, 2]);
    assert_eq!(bench.rows(Dataset::Trades, day()).num_rows(), 0);
    assert_eq!(before.num_rows(), 5);
}
