//! The universe at a moment: who was listed, who was liquid, and that nothing later matters.

use std::fmt::Write as _;
use std::path::Path;

use quant_core::time::Day;
use quant_lake::venues::binance::encode;

use crate::support::{Ran, checksum_path, run, text};

const KLINES: &str = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore";
const DAYS: [&str; 4] = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"];

/// Puts a day of klines in place, each minute worth `per_minute` of quote currency.
fn put_klines(root: &Path, symbol: &str, day: &str, per_minute: u32) {
    let start = day.parse::<Day>().unwrap().start().0 / 1_000;
    let rows: Vec<String> = (0..1_440_i64)
        .map(|i| {
            let open = start + i * 60_000;
            // The price moves a little: equal minutes are a vendor defect.
            let price = 1.0 + (i % 7) as f64 / 1_000.0;
            let volume = f64::from(per_minute);
            format!(
                "{open},{price},1.01,0.9,{price},{volume},{},{per_minute},2,0,0,0",
                open + 59_999
            )
        })
        .collect();
    let stem = format!("{symbol}-1m-{day}");
    let zip = encode::csv_zip(&format!("{stem}.csv"), text(KLINES, &rows).as_bytes()).unwrap();
    let dir = root.join(format!("data/futures/um/daily/klines/{symbol}/1m"));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join(format!("{stem}.zip"));
    std::fs::write(&path, &zip).unwrap();
    std::fs::write(
        checksum_path(&path),
        encode::checksum_line(&zip, &format!("{stem}.zip")),
    )
    .unwrap();
}

fn ingest(cwd: &Path, symbol: &str, days: (&str, &str)) {
    run(
        cwd,
        &[
            "build-dataset",
            "--exchange",
            "binance",
            "--market",
            "um",
            "--symbol",
            symbol,
            "--start",
            days.0,
            "--end",
            days.1,
            "--source",
            "vision",
            "--root",
            "archive",
            "--datasets",
            "klines_1m",
            "--lake",
            "lake",
        ],
    )
    .code(0);
}

fn universe(cwd: &Path, at: &str, more: &[&str]) -> Ran {
    let mut args = vec![
        "universe",
        "--exchange",
        "binance",
        "--market",
        "um",
        "--lake",
        "lake",
        "--at",
        at,
    ];
    args.extend(more);
    run(cwd, &args)
}

#[test]
fn liquidity_looks_back_only() {
    let dir = tempfile::tempdir().unwrap();
    let (cwd, archive) = (dir.path(), dir.path().join("archive"));
    std::fs::create_dir_all(cwd.join("lake")).unwrap();
    universe(cwd, "2024-01-04", &[])
        .code(3)
        .says(&["no instrument of binance um is known", "hint"]);
    for (day, btc) in DAYS.iter().zip([10, 30, 20]) {
        put_klines(&archive, "BTCUSDT", day, btc);
        put_klines(&archive, "ETHUSDT", day, 1);
    }
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        ingest(cwd, symbol, ("2024-01-01", "2024-01-04"));
    }
    let rule = ["--days", "3", "--min-quote-volume", "20000", "--json"];
    let before = universe(cwd, "2024-01-04", &rule).code(0);
    let answer = before.json();
    // 1,440 minutes of 20, the middle one of 10, 30 and 20.
    let row = |i: usize, name: &str| answer["listed"][i][name].clone();
    assert_eq!(row(0, "instrument"), "binance:um:BTCUSDT");
    assert_eq!(
        (row(0, "verdict"), row(0, "median_quote_volume")),
        ("member".into(), 28_800.0.into())
    );
    assert_eq!(
        (row(1, "verdict"), row(1, "median_quote_volume")),
        ("illiquid".into(), 1_440.0.into())
    );
    assert_eq!(answer["n_members"], 1);
    // At the threshold is in.
    let at = ["--days", "3", "--min-quote-volume", "28800", "--json"];
    assert_eq!(
        universe(cwd, "2024-01-04", &at).code(0).json()["n_members"],
        1
    );
    // Inside a day the day itself is not looked at.
    let noon = universe(cwd, "2024-01-04T12:00:00Z", &rule).code(0).json();
    assert_eq!(noon["listed"], answer["listed"]);

    // What happens on that day or later changes no byte.
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        put_klines(&archive, symbol, DAYS[3], 1_000_000);
        ingest(cwd, symbol, ("2024-01-04", "2024-01-05"));
    }
    let after = universe(cwd, "2024-01-04", &rule).code(0);
    assert_eq!(after.stdout, before.stdout);
    // The day after, it counts: the middle of 30, 20 and a million.
    let next = universe(cwd, "2024-01-05", &rule).code(0).json();
    assert_eq!(next["listed"][0]["median_quote_volume"], 43_200.0);
    assert_eq!(next["listed"][1]["verdict"], "illiquid");

    let longer = ["--days", "4", "--min-quote-volume", "1"];
    universe(cwd, "2024-01-04", &longer).code(3).says(&[
        "binance:um:BTCUSDT",
        "1 of the 4 day(s)",
        "2023-12-31",
        "hint",
    ]);
    universe(cwd, "2024-01-04", &["--min-quote-volume=-1"])
        .code(2)
        .says(&["expected a number, 0 or more"]);
}

/// Returns a table of `(symbol, onboard, delist, valid_from, valid_to)`.
fn table(rows: &[(&str, &str, &str, &str, &str)]) -> String {
    let mut out = "instruments:\n".to_owned();
    for (symbol, onboard, delist, from, to) in rows {
        writeln!(
            out,
            "  - exchange: binance\n    market: um\n    symbol: {symbol}\n    valid_from: {from}\n    valid_to: {to}\n    \
tick_size: \"0.1\"\n    lot_size: \"0.001\"\n    min_notional: 5.0\n    contract_value: 1.0\n    inverse: false\n    \
funding_interval_h: 8\n    maker_bps: 2.0\n    taker_bps: 5.0\n    onboard: {onboard}\n    delist: {delist}\n    source: test"
        )
        .unwrap();
    }
    out
}

#[test]
fn the_listed_of_then_are_not_those_of_today() {
    let dir = tempfile::tempdir().unwrap();
    let (cwd, archive) = (dir.path(), dir.path().join("archive"));
    let (old, new) = ("\"2020-01-01\"", "\"2024-01-03\"");
    let gone = "\"2023-06-01T08:00:00Z\"";
    let mut rows = vec![
        ("BTCUSDT", old, "null", old, "null"),
        ("GONEUSDT", old, gone, old, "null"),
        ("NEWUSDT", new, "null", new, "null"),
    ];
    std::fs::write(cwd.join("table.yaml"), table(&rows)).unwrap();
    for day in &DAYS[..3] {
        put_klines(&archive, "BTCUSDT", day, 10);
    }
    ingest(cwd, "BTCUSDT", ("2024-01-01", "2024-01-04"));
    let names = |at: &str, file: &str| -> Vec<String> {
        let answer = universe(cwd, at, &["--instruments", file, "--json"])
            .code(0)
            .json();
        let listed = answer["listed"].as_array().unwrap();
        listed
            .iter()
            .map(|l| l["instrument"].as_str().unwrap().replace("binance:um:", ""))
            .collect()
    };
    for (at, expected) in [
        ("2020-01-01", &["BTCUSDT", "GONEUSDT"][..]),
        ("2023-06-01T07:59:59Z", &["BTCUSDT", "GONEUSDT"]),
        ("2023-06-01T08:00:00Z", &["BTCUSDT"]),
        ("2024-01-02T23:59:59Z", &["BTCUSDT"]),
        ("2024-01-03", &["BTCUSDT", "NEWUSDT"]),
    ] {
        assert_eq!(names(at, "table.yaml"), expected, "{at}");
    }
    universe(cwd, "2019-12-31", &["--instruments", "table.yaml"])
        .code(3)
        .says(&["no instrument of binance um is known"]);

    // One whole day of history is not three.
    let rule = [
        "--instruments",
        "table.yaml",
        "--days",
        "3",
        "--min-quote-volume",
        "1",
        "--json",
    ];
    let before = universe(cwd, "2024-01-04", &rule).code(0);
    let answer = before.json();
    assert_eq!(answer["listed"][1]["instrument"], "binance:um:NEWUSDT");
    assert_eq!(
        (
            &answer["listed"][1]["verdict"],
            &answer["listed"][1]["days"]
        ),
        (&"young".into(), &1.into())
    );

    // Terms and listings that begin later change no byte.
    rows[0].4 = "\"2025-01-01\"";
    rows.push(("BTCUSDT", old, "\"2025-06-01\"", "\"2025-01-01\"", "null"));
    rows.push((
        "LATERUSDT",
        "\"2024-06-01\"",
        "null",
        "\"2024-06-01\"",
        "null",
    ));
    std::fs::write(cwd.join("table.yaml"), table(&rows)).unwrap();
    assert_eq!(
        universe(cwd, "2024-01-04", &rule).code(0).stdout,
        before.stdout
    );
}
