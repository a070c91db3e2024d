//! What is of another instrument than the one asked for is refused, and the order of recordings is theirs, not the command's.

use std::fmt::Write as _;
use std::path::Path;

use crate::support::{contents, listing, manifest, put_text, run, text};

/// 2024-07-02 10:00 UTC, milliseconds.
const MS: i64 = 1_719_914_400_000;

fn update(symbol: &str, i: i64) -> String {
    let (at, first, last) = (MS + i * 100, i * 10 + 1, i * 10 + 10);
    let stream = symbol.to_lowercase();
    format!(
        "{at}000000 {{\"stream\":\"{stream}@depth@0ms\",\"data\":{{\"e\":\"depthUpdate\",\"E\":{at},\"T\":{at},\"s\":\"{symbol}\",\
         \"U\":{first},\"u\":{last},\"pu\":{},\"b\":[[\"99.{}\",\"1\"]],\"a\":[[\"101.{}\",\"2\"]]}}}}\n",
        i * 10,
        i % 10,
        i % 10
    )
}

fn image(i: i64) -> String {
    let at = MS + i * 100;
    format!(
        "{at}000000 {{\"lastUpdateId\":{},\"E\":{at},\"T\":{at},\"bids\":[[\"98.0\",\"3\"]],\"asks\":[[\"102.0\",\"4\"]]}}\n",
        i * 10 + 5
    )
}

fn recording(symbol: &str, of: std::ops::Range<i64>) -> String {
    of.fold(String::new(), |mut out, i| {
        out.push_str(&update(symbol, i));
        out
    })
}

const SET: &str = "raw/binance/um/BTCUSDT/l2_deltas";

fn build(cwd: &Path, command: &str) -> crate::support::Ran {
    let mut args = vec!["build-dataset"];
    args.extend(command.split_whitespace());
    run(cwd, &args)
}

#[test]
fn recordings_of_a_session_are_read_in_their_own_order() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir(at("folder")).unwrap();
    let first = recording("BTCUSDT", 0..1) + &image(0) + &recording("BTCUSDT", 1..40);
    for (name, text) in [
        ("zz.jsonl", first),
        ("mm.jsonl", recording("BTCUSDT", 40..80)),
        ("aa.jsonl", recording("BTCUSDT", 80..120)),
    ] {
        std::fs::write(at("folder").join(name), text).unwrap();
    }
    let inputs = [
        "--input folder/zz.jsonl --input folder/mm.jsonl --input folder/aa.jsonl",
        "--input folder/aa.jsonl --input folder/zz.jsonl --input folder/mm.jsonl",
        "--input folder",
    ];
    let mut found = Vec::new();
    for (i, input) in inputs.iter().enumerate() {
        let lake = format!("lake{i}");
        let command = format!(
            "--exchange binance --market um --symbol BTCUSDT --source recording {input} --lake {lake} --jobs 2"
        );
        build(dir.path(), &command).code(0);
        let partition = &manifest(&at(&lake), SET)["partitions"][0];
        // Two levels of the image, two of every update.
        assert_eq!(partition["rows"], 2 + 2 * 120, "{input}: {partition}");
        let text = partition.to_string();
        assert!(
            !text.contains("\"late\":") || text.contains("\"late\":0"),
            "{text}"
        );
        found.push(
            ["l2_deltas", "l2_snapshots"]
                .map(|set| contents(&at(&lake), &SET.replace("l2_deltas", set))),
        );
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
}

#[test]
fn a_book_of_another_symbol_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let btc = recording("BTCUSDT", 0..3) + &image(1) + &recording("BTCUSDT", 3..9);
    std::fs::write(dir.path().join("btc.jsonl"), &btc).unwrap();
    let mixed = recording("BTCUSDT", 0..3)
        + &update("ETHUSDT", 2)
        + &image(1)
        + &recording("BTCUSDT", 3..9);
    std::fs::write(dir.path().join("mixed.jsonl"), mixed).unwrap();
    for (symbol, file) in [("ETHUSDT", "btc"), ("BTCUSDT", "mixed")] {
        let command = format!(
            "--exchange binance --market um --symbol {symbol} --source recording --input {file}.jsonl --lake lake"
        );
        let ran = build(dir.path(), &command).code(3);
        assert!(
            ["BTCUSDT", "ETHUSDT", "hint: "]
                .iter()
                .all(|w| ran.stderr.contains(w)),
            "{ran:#?}"
        );
        let files = listing(&dir.path().join("lake/raw"));
        assert!(files.keys().all(|name| name.ends_with('/')), "{files:?}");
    }
    // What is not of the book has a symbol of its own.
    build(
        dir.path(),
        "--exchange binance --market um --symbol BTCUSDT --source recording --input mixed.jsonl --datasets trades --lake lake",
    )
    .code(0);
}

#[test]
fn a_name_that_is_none_of_the_market_is_a_configuration_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.jsonl"), "1719914400000 {}\n").unwrap();
    for (instrument, source, right) in [
        ("okx spot UNI-USD-SWAP", "recording --input x.jsonl", "swap"),
        (
            "sim-okx spot BTC-USD-220527",
            "recording --input x.jsonl",
            "swap",
        ),
        ("okx spot BTC-USDT-SWAP", "okx-manual --root .", "swap"),
        ("okx swap BTC-USDT", "okx-manual --root .", "spot"),
        (
            "okx spot BTC-USDT-SWAP",
            "rest --base-url http://127.0.0.1:9",
            "swap",
        ),
        (
            "deepcoin spot BTC-USDT-SWAP",
            "deepcoin --base-url http://127.0.0.1:9",
            "swap",
        ),
        ("bybit linear BTCUSD", "bybit-manual --root .", "inverse"),
        (
            "hyperliquid linear BTC",
            "recording --input x.jsonl",
            "swap",
        ),
        ("binance um BTCUSD_PERP", "vision --root .", "cm"),
    ] {
        let [exchange, market, symbol] = instrument.split(' ').collect::<Vec<_>>()[..] else {
            unreachable!()
        };
        let command = format!(
            "--exchange {exchange} --market {market} --symbol {symbol} --source {source} --start 2024-07-02 --end 2024-07-03 --lake lake"
        );
        let right = format!("--market {right}");
        build(dir.path(), &command)
            .code(2)
            .says(&[symbol, "hint: ", &right]);
    }
    assert!(!dir.path().join("lake/raw").exists());
}

#[test]
fn files_without_a_row_of_the_instrument_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let mut eth = "instrument_name,trade_id,side,price,size,created_time\n".to_owned();
    for i in 0..5 {
        writeln!(eth, "ETH-USDT-SWAP,{i},buy,3000.1,2,{}", MS + i).unwrap();
    }
    put("BTC-USDT-SWAP-trades-2024-07-02.csv", &eth);
    put("BTC-USDT-SWAP-trades-2024-07-03.csv", &eth);
    put(
        "table.yaml",
        "instruments:\n  - exchange: okx\n    market: swap\n    symbol: BTC-USDT-SWAP\n    valid_from: \"2000-01-01\"\n    tick_size: \"0.1\"\n    lot_size: \"0.01\"\n    min_notional: 0\n    contract_value: 0.01\n    inverse: false\n    funding_interval_h: 8\n    maker_bps: 2\n    taker_bps: 5\n    source: test\n",
    );
    put(
        "bybit.jsonl",
        &format!(
            "{MS} {{\"topic\":\"publicTrade.ETHUSDT\",\"type\":\"snapshot\",\"ts\":{MS},\"data\":[]}}\n"
        ),
    );
    put(
        "hyper.jsonl",
        &format!(
            "{MS} {{\"channel\":\"trades\",\"data\":[{{\"coin\":\"ETH\",\"side\":\"B\",\"px\":\"1\",\"sz\":\"1\",\"time\":{MS},\"tid\":1}}]}}\n"
        ),
    );
    put_text(
        &dir.path().join("archive"),
        "2024-07-02",
        &text(
            crate::support::HEADER,
            &crate::support::agg_rows("2024-07-03", 1, 9),
        ),
    );
    let days = "--start 2024-07-02 --end 2024-07-03";
    for (command, words) in [
        (
            format!("--exchange okx --market swap --symbol BTC-USDT-SWAP --source okx-manual --root . --datasets trades --instruments table.yaml {days}"),
            ["ETH-USDT-SWAP", "BTC-USDT-SWAP"],
        ),
        (
            "--exchange bybit --market linear --symbol BTCUSDT --source recording --input bybit.jsonl".to_owned(),
            ["ETHUSDT", "BTCUSDT"],
        ),
        (
            "--exchange hyperliquid --market swap --symbol BTC --source recording --input hyper.jsonl --datasets open_interest".to_owned(),
            ["`ETH`", "`BTC`"],
        ),
        (
            "--exchange binance --market um --symbol BTCUSDT --source recording --input hyper.jsonl".to_owned(),
            ["`BTCUSDT`", "channel"],
        ),
        (
            "--exchange bybit --market linear --symbol BTCUSDT --source recording --input hyper.jsonl".to_owned(),
            ["`BTCUSDT`", "channel"],
        ),
        (
            format!("--exchange binance --market um --symbol BTCUSDT --source vision --root archive --datasets agg_trades {days}"),
            ["no row of 2024-07-02", "of 2024-07-03"],
        ),
    ] {
        build(dir.path(), &format!("{command} --lake lake"))
            .code(3)
            .says(&words)
            .says(&["hint: "]);
    }
    let files = listing(&dir.path().join("lake/raw"));
    assert!(files.keys().all(|name| name.ends_with('/')), "{files:?}");
}
