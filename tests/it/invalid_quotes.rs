//! Quotes that are no touch, crossed or without a side, are kept by every ingest and end what is in force: nothing runs across.

use std::fmt::Write as _;
use std::path::Path;

use quant_lake::venues::binance::encode;
use serde_json::Value;

use crate::support::{Frame, checksum_path, data_file, run};

const DAY: &str = "2024-01-10";
const DAY_MS: i64 = 1_704_844_800_000;

/// What the venue says from 00:30:00 to 00:30:49, with the rest of the hour sound.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Invalid {
    Crossed,
    NoAsk,
}

/// One quote and one trade per second, a tenth after it; the market jumps by 100 at 00:30, and the bid's size changes each time.
fn hour(invalid: Invalid) -> Vec<(i64, [String; 4])> {
    let quote = |k: i64| {
        let bid = if k < 1_800 { 60_000 } else { 60_100 };
        let (ask, ask_qty) = match invalid {
            Invalid::Crossed if (1_800..1_850).contains(&k) => (format!("{}.00", bid - 1), "2"),
            Invalid::NoAsk if (1_800..1_850).contains(&k) => ("0.00".to_owned(), "0.000"),
            _ => (format!("{bid}.10"), "2"),
        };
        [
            format!("{bid}.00"),
            (1 + k % 4).to_string(),
            ask,
            ask_qty.to_owned(),
        ]
    };
    (0..3_600)
        .map(|k| (DAY_MS + k * 1_000 + 100, quote(k)))
        .collect()
}

fn recording(cwd: &Path, invalid: Invalid) {
    let mut text = String::new();
    for (k, (t, [bid, bid_qty, ask, ask_qty])) in (1..).zip(hour(invalid)) {
        let m = k % 2 == 0;
        writeln!(
            text,
            "{t}000000 {{\"stream\":\"btcusdt@bookTicker\",\"data\":{{\"e\":\"bookTicker\",\"u\":{k},\"s\":\"BTCUSDT\",\
             \"b\":\"{bid}\",\"B\":\"{bid_qty}\",\"a\":\"{ask}\",\"A\":\"{ask_qty}\",\"T\":{t},\"E\":{t}}}}}\n\
             {t}000001 {{\"stream\":\"btcusdt@trade\",\"data\":{{\"e\":\"trade\",\"E\":{t},\"T\":{t},\"s\":\"BTCUSDT\",\
             \"t\":{k},\"p\":\"{bid}\",\"q\":\"0.5\",\"X\":\"MARKET\",\"m\":{m}}}}}"
        )
        .unwrap();
    }
    std::fs::write(cwd.join("btcusdt_20240110.jsonl"), text).unwrap();
    ingest(cwd, "recording --input btcusdt_20240110.jsonl");
}

fn archive(cwd: &Path, invalid: Invalid) {
    let mut quotes = "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n".to_owned();
    let mut trades = "id,price,qty,quote_qty,time,is_buyer_maker\n".to_owned();
    for (k, (t, [bid, bid_qty, ask, ask_qty])) in (1..).zip(hour(invalid)) {
        writeln!(quotes, "{k},{bid},{bid_qty},{ask},{ask_qty},{t},{t}").unwrap();
        writeln!(trades, "{k},{bid},0.5,30000,{t},{}", k % 2 == 0).unwrap();
    }
    for (kind, text) in [("bookTicker", quotes), ("trades", trades)] {
        let name = format!("BTCUSDT-{kind}-{DAY}");
        let folder = cwd.join(format!("archive/data/futures/um/daily/{kind}/BTCUSDT"));
        std::fs::create_dir_all(&folder).unwrap();
        let zip = encode::csv_zip(&format!("{name}.csv"), text.as_bytes()).unwrap();
        let (path, name) = (folder.join(format!("{name}.zip")), format!("{name}.zip"));
        std::fs::write(checksum_path(&path), encode::checksum_line(&zip, &name)).unwrap();
        std::fs::write(path, zip).unwrap();
    }
    ingest(
        cwd,
        "vision --root archive --start 2024-01-10 --end 2024-01-11",
    );
}

fn ingest(cwd: &Path, source: &str) {
    let args = format!(
        "build-dataset -q --exchange binance --market um --symbol BTCUSDT --lake lake \
         --datasets trades,book_ticker --source {source}"
    );
    run(cwd, &args.split_whitespace().collect::<Vec<_>>()).code(0);
}

fn bars(cwd: &Path) -> Frame {
    let mut args = vec!["build-bars", "--json", "--config"];
    args.push(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/default.yaml"));
    for set in [
        "paths.lake=lake",
        "ingest.source=lake",
        "instruments.0.exchange=binance",
        "run.start=2024-01-10",
        "run.end=2024-01-11",
        "run.warmup_days=0",
    ] {
        args.extend(["--set", set]);
    }
    let report: Value = run(cwd, &args).code(0).json();
    let set = report[0]["bar_set"].as_str().unwrap();
    let set = format!("bars/binance/um/BTCUSDT/{set}");
    Frame::read(&data_file(&cwd.join("lake"), &set, DAY))
}

#[test]
fn nothing_runs_across_quotes_that_are_no_touch() {
    for (source, invalid) in [
        ("recording", Invalid::Crossed),
        ("recording", Invalid::NoAsk),
        ("archive", Invalid::Crossed),
        ("archive", Invalid::NoAsk),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let cwd = dir.path();
        match source {
            "recording" => recording(cwd, invalid),
            _ => archive(cwd, invalid),
        }
        let raw = Frame::read(&data_file(
            &cwd.join("lake"),
            "raw/binance/um/BTCUSDT/book_ticker",
            DAY,
        ));
        let what = format!("{source} {invalid:?}");
        assert_eq!(raw.rows(), 3_600, "{what}");
        let row = ["bid_px", "bid_qty", "ask_px", "ask_qty"].map(|c| raw.f64(c)[1_800].unwrap());
        let ask = match invalid {
            Invalid::Crossed => [60_099.0, 2.0],
            Invalid::NoAsk => [0.0, 0.0],
        };
        assert_eq!(
            row.map(f64::to_bits),
            [60_100.0, 1.0, ask[0], ask[1]].map(f64::to_bits),
            "{what}"
        );

        let bars = bars(cwd);
        let at = |name: &str, minute: usize| bars.f64(name)[minute];
        let near = |name: &str, minute: usize, expected: f64| {
            let found = at(name, minute).unwrap_or(f64::NAN);
            assert!(
                (found - expected).abs() < 1e-9,
                "{what}: {name} of {minute} is {found}, expected {expected}"
            );
        };
        // The minute before and the one after are whole.
        for minute in [29, 31] {
            near("quote_coverage", minute, 1.0);
            near("rv_n", minute, 12.0);
            near("flow_n", minute, 6.0);
        }
        // In force are the touch from before until 00:30:00.1, and that of 00:30:50.1 to the end.
        near("quote_coverage", 30, 10.0 / 60.0);
        near("n_quotes", 30, 60.0);
        // Nine changes from 00:30:51.1 on; the bid's size goes from 3 to 4. Across, the two jumps of price would make it 6.
        near("ofi_events", 30, 9.0);
        near("ofi", 30, 1.0);
        // Grid prices at 0, 55 and 60 s: one return, and no interval of ten seconds with both ends.
        near("rv_n", 30, 1.0);
        near("rv", 30, 0.0);
        near("flow_n", 30, 0.0);
        near("mid_close", 30, 60_100.05);
        if invalid == Invalid::Crossed {
            assert!(at("flow_y", 30).is_none_or(|y| y == 0.0), "{what}");
        }

        // One row in 72 is more than a race or a pause of one side, and a failure.
        let check = "check-data --lake lake --exchange binance --market um --symbol BTCUSDT --json";
        let told = run(cwd, &check.split_whitespace().collect::<Vec<_>>()).json();
        let found = told["findings"].as_array().unwrap().clone();
        let detector = match invalid {
            Invalid::Crossed => "crossed_book",
            Invalid::NoAsk => "empty_level",
        };
        let found = found.iter().find(|f| f["detector"] == detector);
        let found = found.unwrap_or_else(|| panic!("{what}: {told}"));
        assert_eq!(
            (&found["dataset"], &found["severity"]),
            (&"book_ticker".into(), &"fail".into()),
            "{what}"
        );
    }
}
