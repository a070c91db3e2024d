//! Every detector on a clean slice, which it passes in silence, and on the same slice with its defect.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int8Array, Int32Array, Int64Array, RecordBatch,
    TimestampMicrosecondArray,
};
use quant_core::time::{Day, MICROS_PER_MINUTE};

use crate::quality::bands::BandScan;
use crate::quality::clock::ClockScan;
use crate::quality::columns::Batch;
use crate::quality::day_scan::Around;
use crate::quality::finding::Subject;
use crate::quality::klines::KlineScan;
use crate::quality::minutes::Minutes;
use crate::quality::quotes::{QuoteHoles, QuoteScan};
use crate::quality::samples::{FundingScan, SampleScan};
use crate::quality::trades::TradeScan;
use crate::quality::{Finding, Severity, rules};
use crate::schema::Dataset;

pub(super) fn day() -> Day {
    "2024-03-01".parse().unwrap()
}

pub(super) fn subject(dataset: Dataset) -> Subject {
    Subject {
        dataset,
        day: day(),
    }
}

pub(super) fn start() -> i64 {
    day().start().0
}

pub(super) fn ts(values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

pub(super) fn f(values: Vec<f64>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

pub(super) fn n(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

pub(super) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Names of detectors that spoke at a severity, each once.
pub(super) fn names(findings: &[Finding]) -> Vec<&str> {
    let mut out: Vec<&str> = findings.iter().map(|f| f.detector.as_str()).collect();
    out.dedup();
    for finding in findings {
        let rule = rules::ALL.iter().find(|r| r.name == finding.detector);
        let rule = rule.unwrap_or_else(|| panic!("{} is no rule", finding.detector));
        assert!(rule.datasets.contains(&finding.dataset), "{finding:?}");
        assert!(finding.from <= finding.to && !finding.text.is_empty());
        assert!(finding.measured.is_finite());
    }
    out
}

/// Changes every row.
pub(super) fn each<T>(rows: &mut [T], change: impl FnMut(&mut T)) {
    rows.iter_mut().for_each(change);
}

/// A price that never stands still.
pub(super) fn price(i: i64) -> f64 {
    100.0 + (i * 37 % 101) as f64 * 0.01
}

#[derive(Clone, Debug)]
pub(super) struct Kline {
    pub(super) ts: i64,
    pub(super) length: i64,
    pub(super) prices: [f64; 4],
    pub(super) volume: f64,
    pub(super) turnover: f64,
    pub(super) trades: i64,
}

pub(super) fn klines() -> Vec<Kline> {
    (0..1_440)
        .map(|i| {
            let (open, close) = (price(i), price(i + 1));
            let (high, low) = (open.max(close) + 0.02, open.min(close) - 0.02);
            let volume = 1.0 + (i % 13) as f64;
            Kline {
                ts: start() + i * MICROS_PER_MINUTE,
                length: MICROS_PER_MINUTE,
                prices: [open, high, low, close],
                volume,
                turnover: volume * f64::midpoint(open, close),
                trades: 3 + i % 5,
            }
        })
        .collect()
}

pub(super) fn scan_klines(dataset: Dataset, rows: &[Kline]) -> (Vec<Finding>, Minutes) {
    let mut scan = KlineScan::new(subject(dataset));
    let prices = |i: usize| f(rows.iter().map(|k| k.prices[i]).collect());
    let counts = n(rows.iter().map(|k| k.trades).collect());
    let mut columns = vec![
        ("ts_open", ts(rows.iter().map(|k| k.ts).collect())),
        (
            "ts_close",
            ts(rows.iter().map(|k| k.ts + k.length).collect()),
        ),
        ("open", prices(0)),
        ("high", prices(1)),
        ("low", prices(2)),
        ("close", prices(3)),
    ];
    if dataset == Dataset::Klines1m {
        columns.push(("volume", f(rows.iter().map(|k| k.volume).collect())));
        columns.push(("quote_volume", f(rows.iter().map(|k| k.turnover).collect())));
        columns.push(("n_trades", counts));
    } else {
        columns.push(("n_ticks", counts));
    }
    let all = batch(columns);
    // In two batches: no detector may depend on where they end.
    let half = all.num_rows() / 2;
    scan.batch(Batch(&all.slice(0, half)));
    scan.batch(Batch(&all.slice(half, all.num_rows() - half)));
    scan.finish()
}

#[test]
fn klines_missing_frozen_long_and_in_other_units() {
    for dataset in [Dataset::Klines1m, Dataset::MarkKlines] {
        assert!(scan_klines(dataset, &klines()).0.is_empty());
        let mut rows = klines();
        rows.drain(100..103);
        let found = scan_klines(dataset, &rows).0;
        assert_eq!(names(&found), ["missing_minutes"]);
        assert_eq!(
            (found[0].rows, found[0].from.0),
            (3, start() + 100 * MICROS_PER_MINUTE)
        );

        let mut rows = klines();
        for i in 718..725 {
            let times = rows[i].ts;
            rows[i] = Kline {
                ts: times,
                ..rows[717].clone()
            };
        }
        let found = scan_klines(dataset, &rows).0;
        assert_eq!(names(&found), ["frozen_klines"]);
        assert_eq!(found[0].rows, 7);

        let mut rows = klines();
        rows[5].length = 1;
        assert_eq!(names(&scan_klines(dataset, &rows).0), ["kline_length"]);

        let mut rows = klines();
        rows[700].prices[3] *= 1.2;
        assert_eq!(names(&scan_klines(dataset, &rows).0), ["price_outlier"]);
        // A market that moves and stays is no outlier.
        let mut rows = klines();
        each(&mut rows[700..], |k| k.prices = k.prices.map(|p| p * 1.2));
        each(&mut rows[700..], |k| k.turnover *= 1.2);
        assert!(scan_klines(dataset, &rows).0.is_empty());
    }
    let mut rows = klines();
    each(&mut rows, |k| k.volume *= 100.0);
    assert_eq!(
        names(&scan_klines(Dataset::Klines1m, &rows).0),
        ["kline_units"]
    );
    // Minutes without trades repeat the one before and are no freeze.
    let mut rows = klines();
    for row in &mut rows[200..400] {
        row.prices = [100.0; 4];
        (row.volume, row.turnover, row.trades) = (0.0, 0.0, 0);
    }
    assert!(scan_klines(Dataset::Klines1m, &rows).0.is_empty());
    // A reference price that stands still for 40 minutes is flat.
    let mut rows = klines();
    each(&mut rows[200..240], |k| k.prices = [100.0; 4]);
    assert_eq!(
        names(&scan_klines(Dataset::IndexKlines, &rows).0),
        ["flat_klines"]
    );
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Trade {
    pub(super) ts: i64,
    pub(super) id: i64,
    pub(super) price: f64,
    pub(super) qty: f64,
}

/// Three trades in every minute, whose high and low are those of the klines.
pub(super) fn trades_of(klines: &[Kline]) -> Vec<Trade> {
    let mut id = 1_000;
    let mut out = Vec::new();
    for k in klines.iter().filter(|k| k.volume > 0.0) {
        let [open, high, low, close] = k.prices;
        let prices = [open, high, low, close];
        for (i, price) in prices.into_iter().enumerate() {
            let at = k.ts + 10_000_000 * i64::try_from(i).unwrap();
            out.push(Trade {
                ts: at,
                id,
                price,
                qty: k.volume / 4.0,
            });
            id += 1;
        }
    }
    out
}

pub(super) fn scan_trades(
    dataset: Dataset,
    rows: &[Trade],
    before: Option<i64>,
) -> (Vec<Finding>, Minutes) {
    scan_trades_around(
        dataset,
        rows,
        true,
        Around {
            last_id: before,
            ..Around::default()
        },
    )
}

pub(super) fn scan_trades_around(
    dataset: Dataset,
    rows: &[Trade],
    contiguous: bool,
    around: Around<'_>,
) -> (Vec<Finding>, Minutes) {
    let mut scan = TradeScan::new(subject(dataset), contiguous);
    let ids = || n(rows.iter().map(|t| t.id).collect());
    let mut columns = vec![
        ("ts_event", ts(rows.iter().map(|t| t.ts).collect())),
        ("trade_id", ids()),
        ("price", f(rows.iter().map(|t| t.price).collect())),
        ("qty", f(rows.iter().map(|t| t.qty).collect())),
        (
            "aggressor",
            Arc::new(Int8Array::from(vec![1; rows.len()])) as ArrayRef,
        ),
    ];
    if dataset == Dataset::AggTrades {
        columns.extend([("first_id", ids()), ("last_id", ids())]);
    }
    let all = batch(columns);
    let half = all.num_rows() / 2;
    scan.batch(Batch(&all.slice(0, half)));
    scan.batch(Batch(&all.slice(half, all.num_rows() - half)));
    scan.finish(around)
}

#[test]
fn trades_missing_silent_repeated_and_odd() {
    let clean = trades_of(&klines());
    for (dataset, small) in [
        (Dataset::AggTrades, Severity::Warn),
        (Dataset::Trades, Severity::Note),
    ] {
        assert!(scan_trades(dataset, &clean, Some(999)).0.is_empty());
        // The day before ended five ids earlier.
        let found = scan_trades(dataset, &clean, Some(994)).0;
        assert_eq!((names(&found), found[0].rows), (vec!["id_gap"], 5));
        assert_eq!(found[0].severity, Severity::Fail);

        let mut rows = clean.clone();
        rows.drain(400..407);
        let found = scan_trades(dataset, &rows, None).0;
        assert_eq!((names(&found), found[0].rows), (vec!["id_gap"], 7));
        assert!(found[0].from.0 == clean[399].ts && found[0].to.0 > clean[406].ts);
        rows = clean.clone();
        rows.remove(400);
        let found = scan_trades(dataset, &rows, None).0;
        assert_eq!((names(&found), found[0].severity), (vec!["id_gap"], small));

        let mut rows = clean.clone();
        rows[30].id = 5;
        let found = scan_trades(dataset, &rows, None).0;
        assert!(names(&found).contains(&"id_order"), "{found:?}");

        // An hour of four trades a minute is missing, ids renumbered.
        let mut rows = clean.clone();
        rows.drain(2_000..2_240);
        rows.iter_mut().zip(0..).for_each(|(t, i)| t.id = 1_000 + i);
        let found = scan_trades(dataset, &rows, None).0;
        assert_eq!(
            (names(&found), found[0].severity),
            (vec!["silence"], Severity::Warn)
        );
        // Of twelve hours no chance can be the cause.
        rows = clean.clone();
        rows.drain(2_000..4_880);
        rows.iter_mut().zip(0..).for_each(|(t, i)| t.id = 1_000 + i);
        let found = scan_trades(dataset, &rows, None).0;
        assert_eq!(
            (names(&found), found[0].severity),
            (vec!["silence"], Severity::Fail)
        );

        let mut rows = clean.clone();
        for t in &mut rows[1_000..1_200] {
            (t.price, t.qty) = (100.0, 1.0);
        }
        assert_eq!(
            names(&scan_trades(dataset, &rows, None).0),
            ["stale_trades"]
        );

        let mut rows = clean.clone();
        rows[77].price *= 0.9;
        assert_eq!(
            names(&scan_trades(dataset, &rows, None).0),
            ["price_outlier"]
        );
    }
    // A quiet market: two trades an hour, one pause of five hours.
    let quiet: Vec<Trade> = (0..48)
        .filter(|i| !(20..30).contains(i))
        .zip(0..)
        .map(|(i, id)| Trade {
            ts: start() + i * 1_800_000_000,
            id,
            price: price(i),
            qty: 1.0,
        })
        .collect();
    assert!(scan_trades(Dataset::Trades, &quiet, None).0.is_empty());
}

#[test]
fn days_of_trades_that_are_cut_off() {
    // The pace between first and last row tells what is missing, however little is left.
    let second = |s: i64| start() + s * 1_000_000;
    let every = |from: i64, to: i64, step: usize| -> Vec<Trade> {
        (from..to)
            .step_by(step)
            .zip(0..)
            .map(|(s, id)| Trade {
                ts: second(s),
                id,
                price: price(id),
                qty: 1.0,
            })
            .collect()
    };
    let judge = |rows: &[Trade]| -> Vec<(i64, Severity)> {
        let found = scan_trades(Dataset::Trades, rows, None).0;
        assert!(names(&found).iter().all(|n| *n == "silence"), "{found:?}");
        found
            .iter()
            .map(|f| ((f.from.0 - start()) / 1_000_000, f.severity))
            .collect()
    };
    let eleven_seconds: Vec<Trade> = (0..40)
        .map(|i| Trade {
            ts: second(43_200) + i * 275_000,
            id: i,
            price: price(i),
            qty: 1.0,
        })
        .collect();
    assert_eq!(
        judge(&eleven_seconds),
        [(0, Severity::Fail), (43_210, Severity::Fail)]
    );
    // A trade a minute for sixteen hours of the day; the same all day.
    assert_eq!(judge(&every(0, 57_600, 60)), [(57_540, Severity::Fail)]);
    assert_eq!(judge(&every(28_800, 86_400, 60)), [(0, Severity::Fail)]);
    assert_eq!(judge(&every(0, 86_400, 60)), []);
    // One order that fills forty others is one event: nothing is known of such a day.
    let mut sweep = eleven_seconds;
    each(&mut sweep, |t| t.ts = second(43_200));
    assert_eq!(judge(&sweep), []);
}

fn scan_quotes(rows: &[(i64, [f64; 4])]) -> Vec<Finding> {
    let mut scan = QuoteScan::new(subject(Dataset::BookTicker));
    let column = |i: usize| f(rows.iter().map(|q| q.1[i]).collect());
    scan.batch(Batch(&batch(vec![
        ("ts_event", ts(rows.iter().map(|q| q.0).collect())),
        ("bid_px", column(0)),
        ("bid_qty", column(1)),
        ("ask_px", column(2)),
        ("ask_qty", column(3)),
    ])));
    scan.finish().0
}

#[test]
fn quotes_crossed_empty_frozen_and_missing() {
    let clean: Vec<(i64, [f64; 4])> = (0..8_640)
        .map(|i| {
            let bid = price(i);
            (
                start() + i * 10_000_000,
                [bid, 1.0 + (i % 7) as f64, bid + 0.01, 2.0],
            )
        })
        .collect();
    assert!(scan_quotes(&clean).is_empty());
    let mut rows = clean.clone();
    rows[50].1.swap(0, 2);
    assert_eq!(names(&scan_quotes(&rows)), ["crossed_book"]);
    rows = clean.clone();
    rows[50].1[3] = 0.0;
    assert_eq!(names(&scan_quotes(&rows)), ["empty_level"]);
    // A side without orders, as rows hold it, is empty and not crossed.
    rows[50].1[2] = 0.0;
    assert_eq!(names(&scan_quotes(&rows)), ["empty_level"]);
    // Failures from one row in a hundred on.
    for (n, severity) in [(86, Severity::Warn), (87, Severity::Fail)] {
        rows = clean.clone();
        for row in &mut rows[50..50 + n] {
            row.1.swap(0, 2);
        }
        let found = scan_quotes(&rows);
        assert!(found.iter().all(|f| f.detector == "crossed_book"));
        assert!(found.iter().all(|f| f.severity == severity), "{n}");
    }
    rows = clean.clone();
    for i in 1_001..1_011 {
        rows[i].1 = rows[1_000].1;
    }
    let found = scan_quotes(&rows);
    assert_eq!((names(&found), found[0].rows), (vec!["frozen_quotes"], 10));
    // A quiet hour is no freeze, but a day's pace of six a minute makes it a silence.
    rows = clean.clone();
    rows.drain(3_000..3_360);
    assert_eq!(names(&scan_quotes(&rows)), ["silence"]);

    let book = subject(Dataset::BookTicker);
    let holes = |quotes: &[i64], trades: &[i64]| {
        let mut holes = QuoteHoles::new(book);
        let mut next = quotes.iter().copied().peekable();
        for trade in trades {
            while let Some(quote) = next.next_if(|q| q < trade) {
                holes.quote(quote);
            }
            holes.trade(*trade, next.peek().copied());
        }
        next.for_each(|q| holes.quote(q));
        holes.finish(book)
    };
    let second = |s: i64| start() + s * 1_000_000;
    let quotes: Vec<i64> = (0..86_400).step_by(5).map(second).collect();
    let trades: Vec<i64> = (0..86_400).step_by(50).map(second).collect();
    assert!(holes(&quotes, &trades).is_empty());
    let fewer: Vec<i64> = quotes
        .iter()
        .copied()
        .filter(|q| !(second(90)..second(120)).contains(q))
        .collect();
    let found = holes(&fewer, &trades);
    assert_eq!((names(&found), found[0].rows), (vec!["missing_quotes"], 1));
    // A trade half a second before its quote is how venues are.
    assert!(holes(&quotes, &[second(49) + 500_000, second(50) + 600_000]).is_empty());
    assert_eq!(holes(&quotes, &[second(48)]).len(), 1);
}

#[test]
fn clocks_that_jump_and_clocks_that_lag() {
    let scan = |delay_ms: &dyn Fn(i64) -> i64| {
        let mut scan = ClockScan::new(subject(Dataset::BookTicker));
        let times: Vec<i64> = (0..6_000).map(|i| start() + i * 500_000).collect();
        let received = times
            .iter()
            .zip(0..)
            .map(|(t, i)| t + delay_ms(i) * 1_000)
            .collect();
        scan.batch(Batch(&batch(vec![
            ("ts_event", ts(times)),
            ("ts_recv", ts(received)),
        ])));
        scan.finish()
    };
    // Bursts of slow messages are no jump: every fifth arrives in time.
    let usual = |i: i64| if i % 5 == 0 { 4 } else { 4 + i % 700 };
    assert!(scan(&usual).is_empty());
    let found = scan(&|i| usual(i) + if (2_000..4_000).contains(&i) { 300 } else { 0 });
    assert_eq!(names(&found), ["clock_jump"]);
    assert_eq!(found.len(), 2);
    assert!((found[0].measured - 300.0).abs() < 1.0 && (found[1].measured + 300.0).abs() < 1.0);
    let found = scan(&|_| -1_270);
    assert_eq!(
        (names(&found), found[0].severity),
        (vec!["clock_behind"], Severity::Note)
    );
}

#[test]
fn bands_frozen_missing_and_misshapen() {
    type Sample = (i64, Vec<[f64; 3]>);
    let clean: Vec<Sample> = (0..2_880)
        .map(|i| {
            let bands = [-5.0, -1.0, 1.0, 5.0].map(|p: f64| {
                [
                    p,
                    p.abs() * 10.0 + (i % 17) as f64,
                    p.abs() * 1_000.0 + (i % 19) as f64,
                ]
            });
            (start() + i * 30_000_000 + 7_000_000, bands.to_vec())
        })
        .collect();
    let scan = |rows: &[Sample]| {
        let mut scan = BandScan::new(subject(Dataset::DepthBands));
        let flat: Vec<(i64, [f64; 3])> = rows
            .iter()
            .flat_map(|(t, b)| b.iter().map(|b| (*t, *b)))
            .collect();
        let column = |i: usize| f(flat.iter().map(|r| r.1[i]).collect());
        scan.batch(Batch(&batch(vec![
            ("ts_event", ts(flat.iter().map(|r| r.0).collect())),
            ("percentage", column(0)),
            ("depth", column(1)),
            ("notional", column(2)),
        ])));
        scan.finish().0
    };
    assert!(scan(&clean).is_empty());
    let mut rows = clean.clone();
    for i in 101..111 {
        rows[i].1 = rows[100].1.clone();
    }
    let found = scan(&rows);
    assert_eq!((names(&found), found[0].rows), (vec!["frozen_bands"], 10));
    // Four equal samples happen in quiet books.
    rows = clean.clone();
    for i in 101..104 {
        rows[i].1 = rows[100].1.clone();
    }
    assert!(scan(&rows).is_empty());
    rows = clean.clone();
    rows.drain(500..505);
    assert_eq!(names(&scan(&rows)), ["band_gap"]);
    rows = clean.clone();
    rows[9].1.swap_remove(1);
    assert_eq!(names(&scan(&rows)), ["band_shape"]);
    rows = clean.clone();
    rows[9].1[0][1] = 1.0;
    assert_eq!(names(&scan(&rows)), ["band_shape"]);
}

#[test]
fn metrics_missing_repeated_and_stamped_early() {
    let (_, reference) = scan_klines(Dataset::MarkKlines, &klines());
    // Open interest at a multiple of five minutes, its value at the mark price of that instant.
    let clean: Vec<(i64, f64, f64)> = (0..288)
        .map(|i| {
            let quantity = 5_000.0 + (i * 13 % 97) as f64;
            (start() + i * 300_000_000, quantity, quantity * price(i * 5))
        })
        .collect();
    let scan = |rows: &[(i64, f64, f64)]| {
        let mut scan = SampleScan::new(subject(Dataset::Metrics));
        scan.batch(Batch(&batch(vec![
            ("ts_event", ts(rows.iter().map(|r| r.0).collect())),
            ("open_interest", f(rows.iter().map(|r| r.1).collect())),
            (
                "open_interest_notional",
                f(rows.iter().map(|r| r.2).collect()),
            ),
        ])));
        scan.finish(Some(&reference)).0
    };
    assert!(scan(&clean).is_empty(), "{:?}", scan(&clean));
    let mut rows = clean.clone();
    rows.drain(20..22);
    let found = scan(&rows);
    assert_eq!((names(&found), found[0].rows), (vec!["missing_samples"], 2));
    rows = clean.clone();
    for i in 100..130 {
        (rows[i].1, rows[i].2) = (clean[i + 1].1, clean[i + 1].2);
    }
    let found = scan(&rows);
    assert!(
        names(&found).contains(&"repeated_oi") && names(&found).contains(&"oi_shift"),
        "{found:?}"
    );
    // A whole day five minutes off is the vendor's convention: a note.
    for i in 0..287 {
        (rows[i].1, rows[i].2) = (clean[i + 1].1, clean[i + 1].2);
    }
    rows[287].1 += 1.0;
    let found = scan(&rows);
    assert_eq!(
        (names(&found), found[0].severity),
        (vec!["oi_shift"], Severity::Note)
    );
    rows = clean.clone();
    for i in 51..70 {
        (rows[i].1, rows[i].2) = (rows[50].1, rows[50].2);
    }
    let found = scan(&rows);
    assert_eq!(
        (names(&found)[0], found[0].severity),
        ("repeated_oi", Severity::Fail)
    );
}

#[test]
fn funding_missing_and_paid_twice() {
    let scan = |rows: &[(i64, i32)]| {
        let mut scan = FundingScan::new(subject(Dataset::Funding));
        scan.batch(Batch(&batch(vec![
            ("ts_event", ts(rows.iter().map(|r| r.0).collect())),
            (
                "interval_h",
                Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.1))) as ArrayRef,
            ),
        ])));
        scan.finish().0
    };
    let hour = 60 * MICROS_PER_MINUTE;
    let at = |h: i64, ms: i64| start() + h * hour + ms * 1_000;
    assert!(scan(&[(at(0, 1), 8), (at(8, 0), 8), (at(16, 11), 8)]).is_empty());
    assert!(scan(&(0..6).map(|i| (at(4 * i, 2), 4)).collect::<Vec<_>>()).is_empty());
    // From eight hours to four in the middle of the day.
    assert!(
        scan(&[
            (at(0, 1), 8),
            (at(8, 0), 8),
            (at(12, 0), 4),
            (at(16, 0), 4),
            (at(20, 0), 4)
        ])
        .is_empty()
    );
    let found = scan(&[(at(0, 1), 8), (at(16, 0), 8)]);
    assert_eq!(
        (names(&found), found[0].from.0),
        (vec!["funding_gap"], at(8, 0))
    );
    let found = scan(&[(at(0, 1), 8), (at(8, 0), 8), (at(8, 7), 8), (at(16, 0), 8)]);
    assert_eq!(names(&found), ["funding_extra"]);
    let found = scan(&[(at(0, 1), 8), (at(8, 0), 8), (at(13, 7), 8), (at(16, 0), 8)]);
    assert_eq!(names(&found), ["funding_extra"]);
}
