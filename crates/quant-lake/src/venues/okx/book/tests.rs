//! Archives: rules, hostile lines, and the way back from the encoder.

#![expect(clippy::float_cmp, reason = "values must come back bit for bit")]

use proptest::prelude::*;
use quant_core::time::Day;

use super::*;
use crate::venues::book_flow::DEFAULT_CADENCE;
use crate::venues::message_fixture::{Ran, options, run, try_run};
use crate::venues::okx::encode::book::{Action, BookMessage as Wire, BookTar, push_line};
use crate::venues::okx::encode::names::Module;
use crate::venues::okx::encode::{InstType, Terms};
use crate::venues::wire::Level;

const T: i64 = 1_652_459_225_363;
const BOTH: [Dataset; 2] = OkxBookOptions::DATASETS;

fn of(unit: QtyUnit, cadence: Cadence) -> OkxBookOptions {
    OkxBookOptions {
        inst_id: "A-B-SWAP".to_owned(),
        unit,
        levels: 3,
        cadence,
        depth: 400,
        shared: false,
    }
}

fn line(action: &str, ts: i64, bids: &str, asks: &str) -> String {
    format!(
        r#"{{"instId":"A-B-SWAP","action":"{action}","ts":"{ts}","asks":[{asks}],"bids":[{bids}]}}"#
    )
}

fn read(lines: &[String]) -> Ran {
    read_as(lines, QtyUnit::Base)
}

fn read_as(lines: &[String], unit: QtyUnit) -> Ran {
    let parser = book_parser(&of(unit, Cadence::EveryMessage), &BOTH, options());
    run(parser, lines.join("\n").as_bytes())
}

fn start() -> String {
    line(
        "snapshot",
        T,
        r#"["99","1","1"],["98","2","1"]"#,
        r#"["101","3","1"],["102","4","1"]"#,
    )
}

#[test]
fn snapshot_and_updates() {
    let ran = read(&[
        start(),
        line("update", T + 10, r#"["99","0","0"]"#, r#"["100","5","2"]"#),
        line("update", T + 10, r#"["97","7","1"]"#, ""),
    ]);
    let d = Dataset::L2Deltas;
    assert_eq!(ran.totals(d).rows, 7);
    let seq = ran.integers(d, "msg_seq");
    assert_eq!(seq[..4], [T * 1_000_000; 4]);
    assert_eq!(
        seq[4..],
        [
            (T + 10) * 1_000_000,
            (T + 10) * 1_000_000,
            (T + 10) * 1_000_000 + 1
        ]
    );
    assert_eq!(ran.integers(d, "first_id"), seq);
    assert_eq!(ran.integers(d, "last_id"), seq);
    assert!(ran.column(d, "prev_id").iter().all(Option::is_none));
    let s = Dataset::L2Snapshots;
    let col = |name| ran.column(s, name);
    assert_eq!(col("bid_px_00"), [Some(99.0), Some(98.0), Some(98.0)]);
    assert_eq!(col("bid_px_01"), [Some(98.0), None, Some(97.0)]);
    assert_eq!(col("ask_px_00"), [Some(101.0), Some(100.0), Some(100.0)]);
    assert_eq!(ran.gaps(d), 0);
}

#[test]
fn contracts_become_coins_once() {
    for (unit, bid, ask) in [
        (QtyUnit::Linear { ctval: 0.1 }, 0.1, 0.3),
        (QtyUnit::Inverse { usd: 100.0 }, 100.0 / 99.0, 300.0 / 101.0),
    ] {
        let ran = read_as(&[start()], unit);
        assert_eq!(ran.column(Dataset::L2Snapshots, "bid_qty_00"), [Some(bid)]);
        assert_eq!(ran.column(Dataset::L2Deltas, "qty")[0], Some(ask));
    }
}

#[test]
fn the_next_snapshot_must_equal_the_running_book() {
    let update = line("update", T + 10, r#"["99","0","0"]"#, r#"["100","5","2"]"#);
    let same = line(
        "snapshot",
        T + 900_000,
        r#"["98","2","1"]"#,
        r#"["100","5","2"],["101","3","1"],["102","4","1"]"#,
    );
    let ran = read(&[start(), update.clone(), same.clone()]);
    let s = Dataset::L2Snapshots;
    assert_eq!(ran.diagnostic(s, "snapshots_compared"), 1);
    assert_eq!(
        (ran.diagnostic(s, "snapshot_mismatches"), ran.gaps(s)),
        (0, 0)
    );
    assert!(ran.totals(s).remarks.is_empty());

    // The update is missing. The snapshot that tells it replaces the book at once.
    let ran = read(&[start(), same.clone()]);
    assert_eq!(ran.replayed().lost, []);
    assert_eq!(
        (ran.diagnostic(s, "snapshot_mismatches"), ran.gaps(s)),
        (1, 1)
    );
    assert_eq!(ran.gaps(Dataset::L2Deltas), 1);
    assert!(ran.totals(s).remarks[0].contains("1 of 1 snapshots differ"));
    assert_eq!(
        ran.column(s, "bid_px_00"),
        [Some(99.0), Some(98.0)],
        "it replaces"
    );

    // One quantity differs.
    let ran = read(&[start(), update, same.replace("\"5\"", "\"6\"")]);
    assert_eq!(ran.diagnostic(s, "snapshot_mismatches"), 1);
}

#[test]
fn files_of_images_have_no_action() {
    let image =
        |ts: i64, bid: &str| format!(r#"{{"bids":[["{bid}","1"]],"asks":[[101,2.5]],"ts":{ts}}}"#);
    let ran = read(&[image(T, "99"), image(T + 1_000, "98")]);
    let s = Dataset::L2Snapshots;
    assert_eq!(ran.column(s, "bid_px_00"), [Some(99.0), Some(98.0)]);
    assert_eq!(
        ran.column(s, "bid_px_01"),
        [None, None],
        "replaced, not updated"
    );
    assert_eq!(ran.diagnostic(s, "snapshots_compared"), 0);
    // Mixed files are of neither kind.
    let ran = read(&[image(T, "99"), start(), image(T + 9, "97")]);
    assert_eq!(ran.reasons(Dataset::L2Deltas).len(), 1);
    let ran = read(&[start(), image(T + 9, "97")]);
    assert!(ran.reasons(Dataset::L2Deltas)[0].contains("`action`"));
    assert_eq!(ran.gaps(Dataset::L2Deltas), 1);
}

#[test]
fn updates_before_a_snapshot_are_left_out_and_counted() {
    let update = line("update", T, r#"["99","1","1"],["98","1","1"]"#, "");
    let ran = read(&[update, start()]);
    let d = Dataset::L2Deltas;
    assert_eq!(
        (
            ran.totals(d).rows,
            ran.totals(d).filtered,
            ran.totals(d).unwanted
        ),
        (6, 2, 2)
    );
    let s = Dataset::L2Snapshots;
    assert_eq!(ran.diagnostic(s, "messages_before_snapshot"), 1);
    assert!(ran.totals(s).remarks[0].contains("without a snapshot"));
}

#[test]
fn strange_but_usable_books() {
    let d = Dataset::L2Deltas;
    let s = Dataset::L2Snapshots;
    // Unsorted, one price twice (the later counts), one side empty, an unknown level removed, nothing at all.
    let ran = read(&[
        line(
            "snapshot",
            T,
            r#"["98","2","1"],["99","1","1"],["98","7","1"]"#,
            "",
        ),
        line("update", T + 1, r#"["42","0","0"]"#, ""),
        line("update", T + 2, "", ""),
    ]);
    assert_eq!(
        (ran.totals(d).rows, ran.diagnostic(s, "one_sided_images")),
        (4, 3)
    );
    let duplicates: u64 = ran.totals(d).days.values().map(|c| c.duplicates).sum();
    assert_eq!(duplicates, 1);
    assert_eq!(ran.column(s, "bid_qty_01"), [Some(7.0); 3]);
    assert_eq!(ran.gaps(d), 0);
    // A crossed book is not shown.
    let ran = read(&[start(), line("update", T + 1, r#"["103","1","1"]"#, "")]);
    assert_eq!(ran.diagnostic(s, "images_skipped_crossed"), 1);
    assert_eq!(ran.column(s, "bid_px_00"), [Some(99.0)]);
    // Times that run backwards stay in the order of the file.
    let ran = read(&[start(), line("update", T - 5, r#"["97","1","1"]"#, "")]);
    assert_eq!(ran.integers(d, "ts_event"), [T * 1_000; 5]);
    assert_eq!(ran.integers(d, "msg_seq")[4], T * 1_000_000 + 1);
}

#[test]
fn hostile_lines_are_quarantined_and_void_the_book() {
    let ok = line("update", T + 1, r#"["97","1","1"]"#, "");
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    for (bad, words) in [
        (ok.replace("\"97\"", "\"NaN\""), "not a finite"),
        (ok.replace("\"97\"", "\"inf\""), "not a finite"),
        (ok.replace("\"97\"", "\"1e400\""), "not a finite"),
        (ok.replace("\"97\"", "\"-97\""), "not negative"),
        (ok.replace("\"97\"", "\"0\""), "positive"),
        (ok.replace("\"97\"", "\"\""), "not a finite"),
        (ok.replace("\"97\"", "null"), "a number"),
        (ok.replace("\"97\"", "\"1e16\""), "at most 1e15"),
        (
            ok.replace("[\"97\",\"1\",\"1\"]", "[\"97\"]"),
            "`sz`: missing",
        ),
        (ok.replace("[\"97\",\"1\",\"1\"]", "[]"), "`px`: missing"),
        (
            ok.replace("[\"97\",\"1\",\"1\"]", "[\"97\",\"1\",\"1\",\"1\",\"1\"]"),
            "5 fields",
        ),
        (ok.replace("[\"97\",\"1\",\"1\"]", "{}"), "an array"),
        (ok.replace("update", "delete"), "snapshot or update"),
        (
            ok.replace("\"asks\":[]", "\"asks\":[],\"asks\":[]"),
            "given twice",
        ),
        (ok.replace("\"asks\":[],", ""), "`asks`: missing"),
        (ok.replace("\"ts\":", "\"tz\":"), "`ts`: missing"),
        (ok.replace(&(T + 1).to_string(), "1652459225"), "13 digits"),
        (
            ok.replace(&(T + 1).to_string(), "1752459225363"),
            "within a day",
        ),
        (
            ok.replace("\"asks\":[]", &format!("\"x\":{deep},\"asks\":[]")),
            "nesting",
        ),
        (ok[..ok.len() - 3].to_owned(), "expected"),
        (format!("{ok}{ok}"), "end of the message"),
        ("\u{0}".to_owned(), "an object"),
        (String::new(), "blank"),
    ] {
        let ran = read(&[start(), bad.clone(), ok.clone()]);
        let d = Dataset::L2Deltas;
        let reasons = ran.reasons(d);
        assert_eq!(reasons.len(), 1, "{bad}");
        assert!(reasons[0].contains(words), "{bad}: {}", reasons[0]);
        if !bad.is_empty() {
            assert_eq!((ran.gaps(d), ran.totals(d).filtered), (1, 1), "{bad}");
            let found = ran.replayed();
            assert_eq!(found.depths, [(T * 1_000, 4), (T * 1_000, 0)], "{bad}");
            assert_eq!(found.lost[0].id, T * 1_000_000, "{bad}");
        }
    }
}

#[test]
fn quantities_that_vanish_in_coins_are_refused() {
    let tiny = line("update", T + 1, r#"["97","1e-320","1"]"#, "");
    let ran = read_as(&[start(), tiny], QtyUnit::Linear { ctval: 1e-10 });
    assert!(ran.reasons(Dataset::L2Deltas)[0].contains("base units"));
}

#[test]
fn lines_of_another_instrument_are_refused_and_leave_the_book() {
    let other = line("update", T + 1, r#"["97","1","1"]"#, "").replace("A-B-SWAP", "A-C-SWAP");
    let ran = read(&[start(), other]);
    assert!(ran.reasons(Dataset::L2Deltas)[0].contains("`A-B-SWAP`"));
    assert_eq!(ran.gaps(Dataset::L2Deltas), 0);
    let parser = book_parser(
        &of(QtyUnit::Base, DEFAULT_CADENCE),
        &BOTH,
        ParseOptions {
            max_quarantine_share: 0.1,
            ..options()
        },
    );
    let lines = start().replace("A-B-SWAP", "A-C-SWAP");
    assert!(try_run(parser, lines.as_bytes()).is_err());
}

#[test]
fn lines_of_others_in_a_shared_file_are_left_out() {
    let other = line("update", T + 1, r#"["97","1","1"]"#, "").replace("A-B-SWAP", "A-C-SWAP");
    let options_of = OkxBookOptions {
        shared: true,
        ..of(QtyUnit::Base, Cadence::EveryMessage)
    };
    let text = [start(), other].join("\n");
    let ran = run(book_parser(&options_of, &BOTH, options()), text.as_bytes());
    let d = Dataset::L2Deltas;
    assert_eq!((ran.totals(d).rows, ran.totals(d).unwanted), (5, 1));
    assert_eq!(
        ran.diagnostic(Dataset::L2Snapshots, "lines_of_other_instruments"),
        1
    );
}

#[test]
fn only_what_is_asked_for() {
    let text = start();
    for dataset in BOTH {
        let parser = book_parser(
            &of(QtyUnit::Base, Cadence::EveryMessage),
            &[dataset],
            options(),
        );
        let ran = run(parser, text.as_bytes());
        assert_eq!(ran.totals.len(), 1);
        assert!(ran.of(dataset).count() == 1);
    }
}

#[test]
fn an_archive_of_the_encoder_comes_back() {
    let terms = Terms::new("A-B-SWAP", InstType::Swap, 2, 4);
    let day = "2022-05-13".parse::<Day>().unwrap();
    let mut tar = BookTar::new(&terms, day, Module::Book400);
    let mut truth = LocalBook::new();
    let mut text = Vec::new();
    let (mut x, mut n_levels) = (12_345_u64, 0_u64);
    let mut random = move |n: u64| {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (x >> 33) % n
    };
    let (mut snapshots, mut tops) = (0, Vec::new());
    let level = |px: f64, qty: f64| Level {
        price: px,
        qty,
        orders: 1,
    };
    for i in 0..2_000_i64 {
        let ts = day.start().0 / 1_000 + i * 1_350;
        let changed: Vec<(Side, f64, f64)> = (0..random(5))
            .map(|_| {
                let step = random(60) as f64;
                let qty = random(4) as f64 * 0.25;
                if random(2) == 0 {
                    (Side::Buy, (10_000.0 - step) / 100.0, qty)
                } else {
                    (Side::Sell, (10_001.0 + step) / 100.0, qty)
                }
            })
            .collect();
        for &(side, px, qty) in &changed {
            truth.apply(side, px, qty);
        }
        let is_snapshot = tar.is_snapshot_due(ts);
        let all = |side| -> Vec<Level> { truth.levels(side).map(|l| level(l.px, l.qty)).collect() };
        let some = |of: Side| -> Vec<Level> {
            let mut out: Vec<Level> = Vec::new();
            for &(side, px, qty) in &changed {
                if side == of {
                    out.retain(|l| l.price != px);
                    out.push(level(px, qty));
                }
            }
            out
        };
        let (bids, asks, action) = if is_snapshot {
            snapshots += 1;
            (all(Side::Buy), all(Side::Sell), Action::Snapshot)
        } else {
            (some(Side::Buy), some(Side::Sell), Action::Update)
        };
        n_levels += (bids.len() + asks.len()) as u64;
        let message = Wire {
            ts_ms: ts,
            asks: &asks,
            bids: &bids,
        };
        tar.push(action, &message).unwrap();
        push_line(&mut text, &terms, action, &message).unwrap();
        text.push(b'\n');
        tops.push((truth.best_bid(), truth.best_ask()));
    }
    tar.finish().unwrap();
    let ran = run(
        book_parser(&of(QtyUnit::Base, Cadence::EveryMessage), &BOTH, options()),
        &text,
    );
    let s = Dataset::L2Snapshots;
    assert_eq!(ran.totals(Dataset::L2Deltas).rows, n_levels);
    assert_eq!(ran.diagnostic(s, "snapshots_compared"), snapshots - 1);
    assert!(snapshots >= 3, "{snapshots}");
    assert_eq!(ran.diagnostic(s, "snapshot_mismatches"), 0);
    let expected: Vec<_> = tops
        .iter()
        .filter(|(b, a)| b.is_some() || a.is_some())
        .map(|(b, a)| (b.map(|l| l.px), a.map(|l| l.qty)))
        .collect();
    let found: Vec<_> = ran
        .column(s, "bid_px_00")
        .into_iter()
        .zip(ran.column(s, "ask_qty_00"))
        .collect();
    assert_eq!(found, expected);
}

proptest! {
    #[test]
    fn any_bytes_do_no_harm(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..8)) {
        let mut text = start().into_bytes();
        for line in lines {
            text.push(b'\n');
            text.extend(line);
        }
        run(book_parser(&of(QtyUnit::Base, DEFAULT_CADENCE), &BOTH, options()), &text);
    }

    #[test]
    fn damaged_lines_do_no_harm(at in 0_usize..120, byte in any::<u8>(), cut in 0_usize..120) {
        let mut bad = line("update", T + 1, r#"["97","1","1"]"#, r#"["103","2","1"]"#).into_bytes();
        let at = at % bad.len();
        bad[at] = byte;
        bad.truncate(bad.len() - cut % 4);
        let text = [start().as_bytes(), b"\n", &bad, b"\n", start().as_bytes()].concat();
        run(book_parser(&of(QtyUnit::Base, DEFAULT_CADENCE), &BOTH, options()), &text);
    }
}
