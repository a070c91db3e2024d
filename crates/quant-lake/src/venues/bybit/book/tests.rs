//! Archives made by hand, by the encoder, by chance, and recorded ones.

use proptest::prelude::*;

use super::*;
use crate::venues::book_flow::tests_shared::Lost;
use crate::venues::bybit::encode::book::{BookMessage, BookZip, FrameKind, push_book};
use crate::venues::bybit::encode::{Category, Terms};
use crate::venues::bybit::tests::{EVERY_MESSAGE, Ran, options, run, shared};
use crate::venues::wire::Level;

const D: Dataset = Dataset::L2Deltas;
const S: Dataset = Dataset::L2Snapshots;
const T0: i64 = 1_733_011_200_000;

fn file(datasets: &[Dataset]) -> BookFile {
    BookFile {
        symbol: "XRPUSDT".parse().unwrap(),
        depth: None,
        book: EVERY_MESSAGE,
        datasets: datasets.to_vec(),
    }
}

fn read(lines: &[String]) -> Ran {
    run(
        book_parser(&file(&[D, S]), options()),
        lines.join("\n").as_bytes(),
    )
    .unwrap()
}

/// A line: type, milliseconds after the first, `u`, `seq`, bids, asks.
fn line(kind: &str, ms: i64, (u, seq): (i64, i64), bids: &str, asks: &str) -> String {
    let ts = T0 + ms;
    format!(
        r#"{{"topic":"orderbook.500.XRPUSDT","type":"{kind}","ts":{},"data":{{"s":"XRPUSDT","b":[{bids}],"a":[{asks}],"u":{u},"seq":{seq}}},"cts":{ts}}}"#,
        ts + 3
    )
}

fn first() -> String {
    let (bids, asks) = (r#"["1.9","5"],["1.8","6"]"#, r#"["2.1","7"],["2.2","8"]"#);
    line("snapshot", 0, (10, 100), bids, asks)
}

fn delta(n: i64, bids: &str, asks: &str) -> String {
    line("delta", 100 * n, (10 + n, 100 + n), bids, asks)
}

#[test]
fn a_snapshot_and_deltas_become_rows_and_images() {
    let ran = read(&[
        first(),
        delta(1, r#"["1.9","0"],["1.85","1"]"#, ""),
        delta(2, r#"["1.7","0"]"#, r#"["2.05","3"]"#),
    ]);
    let times = |ms: &[i64]| {
        ms.iter()
            .map(|ms| Some((T0 + ms) * 1000))
            .collect::<Vec<_>>()
    };
    assert_eq!(ran.times(S, "ts_event"), times(&[0, 100, 200]));
    assert_eq!(ran.ints(S, "seq"), [Some(100), Some(101), Some(102)]);
    assert_eq!(ran.ints(S, "update_id"), [Some(10), Some(11), Some(12)]);
    assert_eq!(
        ran.floats(S, "bid_px_00"),
        [Some(1.9), Some(1.85), Some(1.85)]
    );
    assert_eq!(
        ran.floats(S, "ask_px_00"),
        [Some(2.1), Some(2.1), Some(2.05)]
    );
    assert_eq!(ran.floats(S, "ask_qty_02"), [None, None, Some(8.0)]);
    let prices = [2.1, 2.2, 1.8, 1.9, 1.85, 1.9, 2.05, 1.7].map(Some);
    assert_eq!(ran.floats(D, "price"), prices);
    assert_eq!(ran.sides(D), [-1, -1, 1, 1, 1, 1, -1, 1]);
    let prev = [
        None,
        None,
        None,
        None,
        Some(10),
        Some(10),
        Some(11),
        Some(11),
    ];
    assert_eq!(ran.ints(D, "prev_id"), prev);
    assert_eq!(ran.ints(D, "last_id")[7], Some(12));
    assert_eq!((ran.count("snapshots"), ran.count("deltas")), (1, 2));
    assert_eq!(ran.count("mean_interval_us"), 100_000);
    assert_eq!(ran.gaps(D) + ran.gaps(S), 0);
}

#[test]
fn fields_may_come_in_any_order_and_numbers_bare() {
    let text = r#" {"cts": 1733011200000, "data": {"seq":"100", "u":10, "a":[[2.1, 7]], "x":{"y":[null]}, "b":[["1.9","5"]], "s":"XRPUSDT"}, "ts":1733011200003, "type":"snapshot", "topic":"orderbook.200.XRPUSDT"}"#;
    let ran = read(&[text.to_owned()]);
    assert_eq!(ran.refusals(), [""; 0]);
    assert_eq!(ran.floats(S, "ask_qty_00"), [Some(7.0)]);
}

#[test]
fn a_gap_voids_the_book_until_the_next_snapshot() {
    let ran = read(&[
        first(),
        delta(2, r#"["1.95","1"]"#, ""),
        delta(3, r#"["1.96","1"]"#, r#"["2.0","1"]"#),
        line(
            "snapshot",
            900,
            (19, 119),
            r#"["1.5","1"]"#,
            r#"["1.6","1"]"#,
        ),
        line("delta", 1000, (20, 120), r#"["1.55","1"]"#, ""),
    ]);
    assert_eq!(
        ran.floats(S, "bid_px_00"),
        [Some(1.9), Some(1.5), Some(1.55)]
    );
    let deltas = ran.totals(D);
    assert_eq!((deltas.rows, deltas.filtered, deltas.unwanted), (11, 3, 3));
    assert_eq!(
        (ran.count("gaps"), ran.count("waits"), ran.count("resyncs")),
        (1, 1, 1)
    );
    assert_eq!((ran.gaps(D), ran.gaps(S)), (1, 1));
    // The one interval between messages that follow each other; the hole is none.
    assert_eq!(ran.count("mean_interval_us"), 100_000);
    let found = ran.replayed();
    let at = |ms: i64| (T0 + ms) * 1_000;
    let lost = Lost {
        ts: at(200),
        ts_recv: None,
        msg_seq: 101,
        side: 1,
        price: 1.9,
        id: 12,
    };
    assert_eq!(found.lost, [lost]);
    let depths = [(0, 4), (200, 0), (900, 2), (1000, 3)].map(|(ms, n)| (at(ms), n));
    assert_eq!(found.depths, depths);
}

#[test]
fn a_replayed_u_breaks_the_chain_and_the_same_message_again_is_a_duplicate() {
    let again = delta(1, r#"["1.95","1"]"#, "");
    let ran = read(&[
        first(),
        again.clone(),
        again,
        delta(2, r#"["1.96","1"]"#, ""),
    ]);
    assert_eq!(ran.count("repeated_messages"), 1);
    assert_eq!(
        ran.totals(D)
            .days
            .values()
            .map(|d| d.duplicates)
            .sum::<u64>(),
        1
    );
    assert_eq!(ran.floats(S, "bid_px_00").len(), 3);
    let old = line("delta", 300, (11, 200), r#"["1.97","1"]"#, "");
    let ran = read(&[first(), delta(1, "", ""), old]);
    assert_eq!((ran.count("rewinds"), ran.count("gaps")), (1, 0));
    assert_eq!(ran.totals(D).unwanted, 1);
}

#[test]
fn u_of_one_replaces_whatever_its_type_and_seq_say() {
    let ran = read(&[
        first(),
        line("delta", 100, (1, 5), r#"["1.5","1"]"#, r#"["1.6","2"]"#),
        line("delta", 200, (2, 6), r#"["1.55","1"]"#, ""),
    ]);
    assert_eq!(
        ran.floats(S, "bid_px_00"),
        [Some(1.9), Some(1.5), Some(1.55)]
    );
    assert_eq!(ran.floats(S, "bid_px_01"), [Some(1.8), None, Some(1.5)]);
    assert_eq!(ran.count("restarts"), 1);
    assert_eq!(ran.ints(S, "seq"), [Some(100), Some(5), Some(6)]);
}

#[test]
fn seq_that_goes_back_breaks_a_delta_but_not_a_snapshot() {
    let ran = read(&[first(), line("delta", 100, (11, 99), r#"["1.95","1"]"#, "")]);
    assert_eq!((ran.count("seq_rewinds"), ran.totals(D).unwanted), (1, 1));
    assert_eq!(ran.replayed().lost.len(), 1);
    let ran = read(&[
        first(),
        line("snapshot", 100, (50, 99), r#"["1.5","1"]"#, ""),
    ]);
    assert_eq!(ran.floats(S, "bid_px_00"), [Some(1.9), Some(1.5)]);
    assert_eq!((ran.count("seq_rewinds"), ran.gaps(S)), (1, 1));
    // It replaces the book at once.
    assert_eq!(ran.replayed().lost, []);
}

#[test]
fn a_snapshot_at_the_time_of_the_loss_comes_after_its_row() {
    let again = line("snapshot", 300, (19, 101), r#"["1.5","1"]"#, "");
    let ran = read(&[
        first(),
        line("delta", 300, (15, 115), r#"["1.95","1"]"#, ""),
        // Of a time before; numbered as the row of the lost book.
        line("delta", 310, (16, 116), r#"["1.96","1"]"#, ""),
        again,
        line("delta", 300, (20, 101), r#"["1.6","1"]"#, ""),
        // Two losses without a book between them.
        line("delta", 400, (25, 125), r#"["1.6","1"]"#, ""),
        line("delta", 500, (45, 145), r#"["1.6","1"]"#, ""),
    ]);
    let found = ran.replayed();
    let at = |ms: i64| (T0 + ms) * 1_000;
    let depths = [(0, 4), (300, 0), (300, 1), (300, 2), (400, 0)].map(|(ms, n)| (at(ms), n));
    assert_eq!(found.depths, depths);
    let of: Vec<_> = found.lost.iter().map(|l| (l.msg_seq, l.id)).collect();
    assert_eq!(of, [(101, 15), (103, 25)]);
    // Images keep the numbers of the venue.
    assert_eq!(ran.ints(S, "seq"), [Some(100), Some(101), Some(102)]);
    assert_eq!(ran.gaps(D), 2);
}

#[test]
fn messages_of_one_time_and_seq_stay_in_order() {
    let ran = read(&[
        first(),
        line("delta", 0, (11, 100), r#"["1.95","1"]"#, ""),
        line("delta", 0, (12, 100), r#"["1.95","2"]"#, ""),
        line("delta", -5, (13, 100), r#"["1.95","3"]"#, ""),
        line("delta", 5, (14, 101), r#"["1.95","4"]"#, ""),
    ]);
    let seqs = [100, 101, 102, 103, 101].map(Some);
    assert_eq!(ran.ints(S, "seq"), seqs);
    assert_eq!(ran.floats(S, "bid_qty_00")[4], Some(4.0));
    assert_eq!(
        (
            ran.count("times_moved_forward"),
            ran.count("msg_seq_raised")
        ),
        (1, 3)
    );
    assert_eq!(ran.totals(D).rows, 8);
}

#[test]
fn crossed_locked_one_sided_unsorted_and_empty_books() {
    let one = |bids: &str, asks: &str| read(&[line("snapshot", 0, (9, 9), bids, asks)]);
    let crossed = one(r#"["2.2","1"]"#, r#"["2.1","1"]"#);
    assert_eq!(crossed.count("images_skipped_crossed"), 1);
    assert_eq!(crossed.totals(S).rows, 0);
    assert_eq!(one(r#"["2.1","1"]"#, r#"["2.1","1"]"#).totals(S).rows, 1);
    let half = one("", r#"["2.1","1"]"#);
    assert_eq!(
        (half.totals(S).rows, half.count("one_sided_images")),
        (1, 1)
    );
    let messy = one(r#"["1.7","1"],["1.9","2"],["1.7","5"],["1.8","0"]"#, "");
    assert_eq!(messy.floats(S, "bid_px_00"), [Some(1.9)]);
    assert_eq!(messy.floats(S, "bid_qty_01"), [Some(5.0)]);
    assert_eq!(messy.floats(S, "bid_px_02"), [None]);
    assert_eq!(
        messy
            .totals(D)
            .days
            .values()
            .map(|d| d.duplicates)
            .sum::<u64>(),
        1
    );
    let unknown = read(&[first(), delta(1, r#"["1.1","0"]"#, "")]);
    assert_eq!(unknown.floats(S, "bid_px_00"), [Some(1.9), Some(1.9)]);
}

#[test]
fn a_day_of_empty_snapshots_has_no_image_and_says_so() {
    let empty = |n: i64| line("snapshot", 100 * n, (10 + n, 10), "", "");
    let ran = read(&[empty(0), empty(1), empty(2)]);
    assert_eq!((ran.totals(S).rows, ran.totals(D).rows), (0, 0));
    assert_eq!(
        (
            ran.count("empty_snapshots"),
            ran.count("images_skipped_empty")
        ),
        (3, 3)
    );
    assert!(
        ran.totals(S).remarks.iter().any(|r| r.contains("no book")),
        "{:?}",
        ran.totals(S)
    );
}

#[test]
fn deltas_before_the_first_snapshot_are_left_out() {
    let ran = read(&[delta(1, r#"["1.9","1"]"#, ""), first()]);
    assert_eq!((ran.totals(D).rows, ran.totals(D).unwanted), (5, 1));
    assert_eq!((ran.count("waits"), ran.gaps(D)), (1, 0));
}

#[test]
fn without_cts_the_gateway_time_counts() {
    let text = first().replace(&format!(r#","cts":{T0}"#), "");
    let ran = read(&[text]);
    assert_eq!(ran.times(S, "ts_event"), [Some((T0 + 3) * 1000)]);
    assert_eq!(ran.count("without_cts"), 1);
}

#[test]
fn times_are_read_by_magnitude() {
    for (suffix, cut, us) in [
        ("", "000", T0 * 1000),
        ("", "", T0 * 1000),
        ("456", "", T0 * 1000 + 456),
        ("456789", "", T0 * 1000 + 456),
    ] {
        let time = format!("{T0}{suffix}");
        let time = time.strip_suffix(cut).unwrap();
        let text = first()
            .replace(&format!("\"cts\":{T0}"), &format!("\"cts\":{time}"))
            .replace(&format!("\"ts\":{}", T0 + 3), &format!("\"ts\":{time}"));
        let ran = read(&[text]);
        assert_eq!(ran.refusals(), [""; 0], "{time}");
        assert_eq!(ran.times(S, "ts_event"), [Some(us)], "{time}");
    }
    for bad in [
        "0",
        "-1",
        "1230767999",
        "4102444800",
        "17330112000000",
        "1733011200000.5",
        "1e12",
        "null",
        "\"\"",
    ] {
        let ran = read(&[first().replace(&format!("\"cts\":{T0}"), &format!("\"cts\":{bad}"))]);
        assert_eq!(ran.refusals().len(), 1, "{bad}");
    }
}

#[test]
fn one_time_far_from_the_others_does_not_move_what_follows() {
    let far = delta(1, r#"["1.95","1"]"#, "").replace("17330112001", "19330112001");
    let later = line("snapshot", 200, (30, 130), r#"["1.5","1"]"#, "");
    let ran = read(&[first(), far, later]);
    assert_eq!(ran.refusals().len(), 1);
    let at = |ms: i64| Some((T0 + ms) * 1000);
    assert_eq!(ran.times(S, "ts_event"), [at(0), at(200)]);
    assert_eq!(ran.gaps(S), 1);
}

#[test]
fn a_file_whose_unit_changes_is_refused() {
    let other = delta(1, "", "").replace(&format!("\"cts\":{}", T0 + 100), "\"cts\":1733011200");
    let text = [first(), other].join("\n");
    let error = run(book_parser(&file(&[S]), options()), text.as_bytes())
        .err()
        .unwrap();
    let text = error.to_string();
    assert!(
        text.contains("row 2: times are in seconds, not in milliseconds as before"),
        "{text}"
    );
}

#[test]
fn hostile_lines_are_refused_and_the_chain_notices() {
    let good = delta(1, r#"["1.95","1"]"#, r#"["2.05","1"]"#);
    let swap = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    for (bad, why) in [
        (good[..good.len() / 2].to_owned(), "not the JSON"),
        (format!("{good}}}"), "not the JSON"),
        ("[".repeat(100_000), "not the JSON"),
        (
            swap("\"b\":[", &format!("\"b\":[],\"z\":{}", "[".repeat(50_000))),
            "not the JSON",
        ),
        (
            swap("\"u\":11", "\"u\":11,\"u\":11"),
            "`data.u`: given twice",
        ),
        (swap("\"b\":[", "\"b\":[],\"b\":["), "`data.b`: given twice"),
        (
            swap("\"type\"", "\"type\":\"delta\",\"type\""),
            "`type`: given twice",
        ),
        (swap("\"u\":11,", ""), "`data.u`: missing"),
        (
            swap("\"cts\"", "\"cts\":1733011200100,\"cts\""),
            "`cts`: given twice",
        ),
        (swap("delta", "update"), "expected snapshot or delta"),
        (
            swap("orderbook.500.XRPUSDT", "orderbook.500.BTCUSDT"),
            "the symbol of the topic",
        ),
        (
            good.replace("XRPUSDT", "BTCUSDT"),
            "row of another symbol; expected `XRPUSDT`",
        ),
        (swap("orderbook.500", "orderbook.50"), "depth of the file"),
        (swap("orderbook.500", "orderbook.rpi"), "orderbook.N.SYMBOL"),
        (swap("orderbook.500.", "tickers."), "orderbook.N.SYMBOL"),
        (swap("\"1.95\"", "\"NaN\""), "`price`: not a finite"),
        (swap("\"1.95\"", "\"inf\""), "`price`: not a finite"),
        (swap("\"1.95\"", "\"1e400\""), "`price`: not a finite"),
        (swap("\"1.95\"", "1e400"), "`price`: not a finite"),
        (swap("\"1.95\"", "\"1e16\""), "at most 1e15"),
        (swap("\"1.95\"", "\"0\""), "`price`: must be positive"),
        (swap("\"1.95\"", "\"-1.95\""), "`price`: must be positive"),
        (
            swap("\"1.95\",\"1\"", "\"1.95\",\"-1\""),
            "`qty`: must be not negative",
        ),
        (
            swap("\"1.95\",\"1\"", "\"1.95\",\"\""),
            "`qty`: not a finite",
        ),
        (swap("\"1.95\",\"1\"", "\"1.95\""), "a price and a quantity"),
        (
            swap("\"1.95\",\"1\"", "\"1.95\",\"1\",\"2\""),
            "the end of a level",
        ),
        (swap("\"1.95\",\"1\"", "null,\"1\""), "not the JSON"),
        (swap("\"1.95\",\"1\"", "\"1.95\",true"), "not the JSON"),
        (swap("\"u\":11", "\"u\":1.5"), "`data.u`: not an integer"),
        (
            swap("\"u\":11", "\"u\":-1"),
            "`data.u`: must be not negative",
        ),
        (
            swap("\"seq\":101", "\"seq\":9223372036854775808"),
            "not an integer",
        ),
        (swap("\"data\":{", "\"data\":[],\"d\":{"), "an object"),
        (String::new(), "blank line"),
        ("{}".to_owned(), "`topic`: missing"),
    ] {
        let shown = bad.chars().take(300).collect::<String>();
        let ran = read(&[first(), bad, delta(2, r#"["1.96","1"]"#, "")]);
        let refusals = ran.refusals();
        assert_eq!(refusals.len(), 1, "{shown}");
        assert!(refusals[0].contains(why), "{shown}: {}", refusals[0]);
        // Whatever the line was, nothing after it is built on the assumption that it was not there.
        assert_eq!((ran.count("gaps"), ran.totals(S).rows), (1, 1), "{shown}");
    }
}

#[test]
fn contracts_become_coins_or_the_line_is_refused() {
    let mut inverse = file(&[D, S]);
    inverse.book.unit = QtyUnit::Inverse { usd: 1.0 };
    let tiny = delta(1, "[\"1e-320\",\"1e15\"]", "");
    let text = [first(), tiny].join("\n");
    let ran = run(book_parser(&inverse, options()), text.as_bytes()).unwrap();
    assert_eq!(ran.floats(S, "bid_qty_00"), [Some(5.0 / 1.9)]);
    assert_eq!(
        ran.refusals(),
        ["column `qty`: not a finite decimal number"]
    );
    let params = inverse.ingest_params();
    assert_eq!(params["contract_value_usd"], 1.0);
    assert_eq!(params["cadence"], "every_message");
}

#[test]
fn what_is_not_asked_for_is_not_made() {
    let lines = [first(), delta(1, r#"["1.95","1"]"#, "")].join("\n");
    for only in [D, S] {
        let ran = run(book_parser(&file(&[only]), options()), lines.as_bytes()).unwrap();
        assert_eq!(ran.totals(only).rows, if only == D { 5 } else { 2 });
        assert_eq!(ran.count("messages"), 2);
    }
}

#[test]
fn reads_what_the_encoder_writes() {
    let terms = Terms::new("XRPUSDT".parse().unwrap(), Category::Linear, 4, 0);
    let day = quant_core::time::UnixMicros(T0 * 1000).day();
    let mut zip = BookZip::new(&terms, day, 500, 77).unwrap();
    let level = |price: f64, qty: f64| Level {
        price,
        qty,
        orders: 0,
    };
    let message = |n: i64, bids, asks| BookMessage {
        ts_ms: T0 + n * 100 + 4,
        cts_ms: T0 + n * 100,
        seq: 1_000 + n,
        bids,
        asks,
    };
    let (bids, asks) = (
        [level(1.9531, 6203.0)],
        [level(1.9532, 10.0), level(1.9534, 1.0)],
    );
    zip.snapshot(&message(0, &bids, &asks)).unwrap();
    let (changed, gone) = ([level(1.953, 3.0)], [level(1.9532, 0.0)]);
    zip.delta(&message(1, &changed, &gone)).unwrap();
    zip.restart(&message(2, &bids, &asks)).unwrap();
    let packed = zip.finish().unwrap();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(packed.bytes)).unwrap();
    let text = std::io::read_to_string(zip.by_index(0).unwrap()).unwrap();
    let ran = run(book_parser(&file(&[D, S]), options()), text.as_bytes()).unwrap();
    assert_eq!(
        ran.floats(S, "ask_px_00"),
        [Some(1.9532), Some(1.9534), Some(1.9532)]
    );
    assert_eq!(ran.ints(S, "update_id"), [Some(77), Some(78), Some(1)]);
    assert_eq!(ran.totals(D).rows, 8);
    for (category, depth) in [(Category::Spot, 200), (Category::Linear, 1)] {
        let terms = Terms::new("XRPUSDT".parse().unwrap(), category, 4, 2);
        let mut text = Vec::new();
        let m = message(0, &bids, &asks);
        push_book(&mut text, &terms, depth, FrameKind::Snapshot, 5, &m).unwrap();
        let ran = run(book_parser(&file(&[S]), options()), &text).unwrap();
        assert_eq!(ran.floats(S, "bid_qty_00"), [Some(6203.0)]);
    }
}

/// The book after every message, built by `serde_json` and a sorted map of texts.
#[test]
fn recorded_books_equal_an_independent_replay() {
    use std::collections::BTreeMap;
    for (path, symbol, n, full) in [
        (
            "XRPUSDT/2024-12-01_XRPUSDT_ob500.data.zip",
            "XRPUSDT",
            50,
            500,
        ),
        (
            "BTCUSDT/2026-08-09_BTCUSDT_ob200.data.zip",
            "BTCUSDT",
            414,
            200,
        ),
        (
            "ETHUSDT/2026-08-09_ETHUSDT_ob200.data.zip",
            "ETHUSDT",
            421,
            200,
        ),
    ] {
        let Some(path) = shared(&format!("archives/bybit/orderbook/linear/{path}")) else {
            return;
        };
        let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
        let text = std::io::read_to_string(zip.by_index(0).unwrap()).unwrap();
        let mut sides = [BTreeMap::new(), BTreeMap::new()];
        let mut expected: [Vec<Option<f64>>; 4] = Default::default();
        let (mut rows, mut last_u) = (0, None);
        for line in text.lines() {
            let frame: serde_json::Value = serde_json::from_str(line).unwrap();
            let u = frame["data"]["u"].as_i64().unwrap();
            assert!(last_u.is_none_or(|last| u == last + 1));
            last_u = Some(u);
            for (key, side) in ["b", "a"].iter().zip(&mut sides) {
                for level in frame["data"][key].as_array().unwrap() {
                    let number = |i: usize| level[i].as_str().unwrap().parse::<f64>().unwrap();
                    rows += 1;
                    if number(1) > 0.0 {
                        side.insert(number(0).to_bits(), number(1));
                    } else {
                        side.remove(&number(0).to_bits());
                    }
                }
                assert_eq!(side.len(), full, "{symbol} {key}");
            }
            let (bid, ask) = (sides[0].iter().next_back(), sides[1].iter().nth(2));
            for (at, value) in [bid, ask].into_iter().flatten().enumerate() {
                expected[2 * at].push(Some(f64::from_bits(*value.0)));
                expected[2 * at + 1].push(Some(*value.1));
            }
        }
        let mut of = file(&[D, S]);
        of.symbol = symbol.parse().unwrap();
        let ran = run(book_parser(&of, options()), text.as_bytes()).unwrap();
        for (name, expected) in ["bid_px_00", "bid_qty_00", "ask_px_02", "ask_qty_02"]
            .iter()
            .zip(&expected)
        {
            assert_eq!(&ran.floats(S, name), expected, "{symbol} {name}");
        }
        assert_eq!((ran.totals(S).rows, ran.totals(D).rows), (n, rows));
        assert_eq!(ran.refusals(), [""; 0]);
    }
}

proptest! {
    #[test]
    fn never_panics(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 0..6)) {
        drop(run(book_parser(&file(&[D, S]), options()), &lines.join(&b'\n')));
    }

    /// Damage anywhere in a valid file ends in rows that are conserved or in a refusal, never in a panic.
    #[test]
    fn damage_is_survived(at in 0_usize..900, byte in any::<u8>(), cut in any::<bool>()) {
        let mut text = [first(), delta(1, r#"["1.95","1"]"#, ""), delta(2, "", r#"["2.05","0"]"#)].join("\n").into_bytes();
        let at = at % text.len();
        if cut { text.truncate(at); } else { text[at] = byte; }
        drop(run(book_parser(&file(&[D, S]), options()), &text));
    }
}
