//! The trade archives against rows of the documents, hostile rows, what the encoders write, and recorded files.

use std::io::Read as _;

use flate2::read::GzDecoder;
use proptest::prelude::*;
use quant_core::market::Side;
use quant_core::time::{Day, TimeRange, UnixMicros};

use super::*;
use crate::venues::bybit::encode::trades::{TradeForm, TradesCsv};
use crate::venues::bybit::encode::{Category, Terms, TickTracker, TradeRow as VenueTrade};
use crate::venues::contracts::tests_shared::terms as instrument;
use crate::venues::rows::ParseError;
use crate::venues::rows::tests_shared::{Read, options};
use crate::venues::wire::tests_shared::shared;

const HEADER: &str = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional,RPI";
const GOOD: &str = "1784937600.0683,BTCUSDT,Sell,0.001,64112.90,MinusTick,0f4a3b89-1111-5222-8333-444455556666,6411290000,0.001,64.1129,0";
const SPOT: &str = "id,timestamp,price,volume,side,rpi";

fn make(market: &str, symbol: &str, options: ParseOptions) -> Box<dyn RowParser> {
    let market: Market = market.parse().unwrap();
    let terms = instrument(market.name(), 1.0, market == Market::Inverse);
    let symbol = symbol.parse().unwrap();
    parser(Dataset::Trades, market, &symbol, Some(&terms), options).unwrap()
}

fn linear(text: impl AsRef<[u8]>) -> Result<Read, ParseError> {
    Read::new(|| make("linear", "BTCUSDT", options(false)), text)
}

fn spot(text: impl AsRef<[u8]>) -> Result<Read, ParseError> {
    Read::new(|| make("spot", "BTCUSDT", options(false)), text)
}

/// A row with one field replaced.
fn with(column: &str, value: &str) -> String {
    let at = HEADER.split(',').position(|name| name == column).unwrap();
    let mut fields: Vec<&str> = GOOD.split(',').collect();
    fields[at] = value;
    fields.join(",")
}

fn row(time: &str, id: &str, size: &str) -> String {
    format!("{time},BTCUSDT,Buy,{size},100.5,PlusTick,{id},0,0,0,0")
}

#[test]
fn a_row_of_the_document() {
    let read = linear(format!("{HEADER}\n{GOOD}\n")).unwrap();
    assert_eq!(read.times("ts_event"), [1_784_937_600_068_300]);
    assert_eq!(read.ints("trade_id"), [1_784_937_600_068_300_000]);
    assert_eq!(read.floats("price"), [Some(64_112.9)]);
    assert_eq!(read.floats("qty"), [Some(0.001)]);
    assert_eq!(read.floats("qty_raw"), [None]);
    assert_eq!(read.sides(), [-1]);
    assert_eq!(read.totals.notes.seconds, 1);
    assert!(read.totals.notes.lines(0).is_empty());
}

#[test]
fn inverse_sizes_are_contracts() {
    let text =
        format!("{HEADER}\n1748736000,BTCUSD,bUY,25,100000.0,PlusTick,a,25000,0.00025,25,\n");
    let read = Read::new(|| make("inverse", "BTCUSD", options(false)), &text).unwrap();
    assert_eq!(read.floats("qty"), [Some(0.00025)]);
    assert_eq!(read.floats("qty_raw"), [Some(25.0)]);
    assert_eq!(read.sides(), [1]);
    let symbol = "BTCUSD".parse().unwrap();
    let without = |market: &str, dataset| {
        parser(
            dataset,
            market.parse().unwrap(),
            &symbol,
            None,
            options(false),
        )
        .err()
        .map(|e| e.to_string())
    };
    assert!(
        without("inverse", Dataset::Trades)
            .unwrap()
            .contains("hint: add BTCUSD")
    );
    assert!(without("linear", Dataset::Trades).is_none());
    assert!(
        without("linear", Dataset::AggTrades)
            .unwrap()
            .contains("Bybit archive")
    );
    assert!(
        without("swap", Dataset::Trades)
            .unwrap()
            .contains("market swap")
    );
}

#[test]
fn columns_go_by_name() {
    let plain = linear(format!("{HEADER}\n{GOOD}\n")).unwrap();
    // Without RPI, as until 2025, and with the five columns that matter.
    let old = linear(format!(
        "{}\n{}\n",
        HEADER.trim_end_matches(",RPI"),
        GOOD.trim_end_matches(",0")
    ))
    .unwrap();
    assert_eq!(plain.rows, old.rows);
    let short = "timestamp,symbol,side,size,price\n1784937600.0683,BTCUSDT,Sell,0.001,64112.90\n";
    let short = linear(short).unwrap();
    assert_eq!(plain.rows, short.rows);
    assert!(!short.totals.notes.reordered_header);
    let turned = |line: &str| line.split(',').rev().collect::<Vec<_>>().join(",");
    let turned = linear(format!("{}\n{}\n", turned(HEADER), turned(GOOD))).unwrap();
    assert_eq!(plain.rows, turned.rows);
    assert!(turned.totals.notes.reordered_header);
    assert!(!plain.totals.notes.reordered_header);

    for (header, missing, unknown) in [
        (HEADER.replace("price", "Price"), "price", "Price"),
        (HEADER.replace("size", "qty"), "size", "qty"),
        (HEADER.replace("symbol,", ""), "symbol", ""),
        (format!("{HEADER},extra"), "", "extra"),
        (HEADER.replace("RPI", "rpi"), "", "rpi"),
        (format!("{HEADER},price"), "", "price"),
        (HEADER.replace(',', ";"), "price", ";"),
        (HEADER.replace(',', ", "), "price", " price"),
        (GOOD.to_owned(), "timestamp", "BTCUSDT"),
        (String::new(), "timestamp", ""),
    ] {
        let error = linear(format!("{header}\n{GOOD}\n"))
            .unwrap_err()
            .to_string();
        let (named, rest) = error.split_once("unknown").unwrap();
        assert!(
            named.contains(missing) && rest.contains(unknown),
            "{header}: {error}"
        );
        assert!(error.contains("hint:"), "{error}");
    }
}

#[test]
fn hostile_rows_are_refused_one_by_one() {
    let time = "not a time";
    let finite = "not a finite decimal number";
    for (column, value, reason) in [
        ("timestamp", "", time),
        ("timestamp", "0", time),
        ("timestamp", "-1784937600", time),
        ("timestamp", "1e9", time),
        ("timestamp", "1784937600.12345678", time),
        ("timestamp", "9223372036854775808", time),
        ("timestamp", "4102444800", time),
        ("timestamp", "1784937600068300000", time),
        ("timestamp", "2026-07-25 00:00:00", time),
        ("timestamp", "2026-07-25T02:00:00+02:00", time),
        ("symbol", "ETHUSDT", "another symbol"),
        ("symbol", "btcusdt", "another symbol"),
        ("symbol", "BTCUSDT ", "another symbol"),
        ("symbol", "BTCUSDT\u{0}", "another symbol"),
        ("symbol", "", "another symbol"),
        ("side", "", "buy or sell"),
        ("side", "B", "buy or sell"),
        ("side", "bid", "buy or sell"),
        ("side", "long", "buy or sell"),
        ("side", "true", "buy or sell"),
        ("side", "buy ", "buy or sell"),
        ("size", "", finite),
        ("size", "NaN", finite),
        ("size", "inf", finite),
        ("size", "-Infinity", finite),
        ("size", "1e400", finite),
        ("size", "0x10", finite),
        ("size", "+1", finite),
        ("size", "1_000", finite),
        ("size", "0", "must be positive"),
        ("size", "-0", "must be positive"),
        ("size", "0.000", "must be positive"),
        ("size", "1e-400", "must be positive"),
        ("size", "-1", "must be positive"),
        ("size", "1e16", "at most 1e15"),
        ("price", "nan", finite),
        ("price", "64112.9.0", finite),
        ("price", "64112.9\u{0}", finite),
        ("price", "-64112.9", "must be positive"),
        ("price", "0", "must be positive"),
        ("price", "123456789012345678901234567890", "at most 1e15"),
    ] {
        let text = format!(
            "{HEADER}\n{GOOD}\n{}\n{}\n",
            with(column, value),
            row("1784937601", "b", "1")
        );
        let read = linear(text).unwrap();
        let reasons = read.reasons();
        assert_eq!(
            (read.len(), reasons.len()),
            (2, 1),
            "{column} `{value}`: {reasons:?}"
        );
        assert!(
            reasons[0].contains(reason),
            "{column} `{value}`: {reasons:?}"
        );
        assert_eq!(read.totals.quarantined[0].line, 3);
    }
    // Many digits are no offence.
    let long = with("price", "64112.900000000000000000000000000001");
    assert_eq!(
        linear(format!("{HEADER}\n{long}\n"))
            .unwrap()
            .floats("price"),
        [Some(64_112.9)]
    );
    let tiny = with("size", "0.000000000000000000000000000001");
    assert_eq!(
        linear(format!("{HEADER}\n{tiny}\n")).unwrap().floats("qty"),
        [Some(1e-30)]
    );
    // So absurd that the quotient is nothing.
    let text = format!("{HEADER}\n1748736000,BTCUSD,Buy,1e-323,1e15,PlusTick,a,0,0,0,0\n");
    let read = Read::new(|| make("inverse", "BTCUSD", options(false)), &text).unwrap();
    assert_eq!((read.len(), read.reasons().len()), (0, 1));
}

#[test]
fn broken_lines_are_refused_one_by_one() {
    let lines = |middle: &[u8]| {
        let mut text = format!("{HEADER}\n{GOOD}\n").into_bytes();
        text.extend_from_slice(middle);
        text.extend_from_slice(format!("\n{}\n", row("1784937601", "b", "1")).as_bytes());
        linear(text).unwrap()
    };
    for (middle, refused) in [
        (b"".as_slice(), 1),
        (b",,,,,,,,,,", 1),
        (b"x", 1),
        (b"\0", 1),
        (
            b"\xff\xfe\xfd,\xff,\xff,\xff,\xff,\xff,\xff,\xff,\xff,\xff,\xff",
            1,
        ),
        (with("size", "0,001").as_bytes(), 1),
        (format!("{GOOD},").as_bytes(), 1),
        // A newline in quotes ends the line all the same, and both halves are refused.
        (with("tickDirection", "\"Minus\nTick\"").as_bytes(), 2),
        (HEADER.as_bytes(), 1),
    ] {
        let read = lines(middle);
        assert_eq!(
            (read.len(), read.reasons().len()),
            (2, refused),
            "{}",
            String::from_utf8_lossy(middle)
        );
    }
    // The fields no one reads may hold anything but a comma.
    let read = lines(
        &with("grossValue", "NaN\u{1F980}")
            .replace("1784937600.0683", "1784937600.5")
            .into_bytes(),
    );
    assert_eq!(read.len(), 3);
    // Quotes around a field are allowed.
    let quoted = with("symbol", "\"BTCUSDT\"");
    assert_eq!(linear(format!("{HEADER}\n{quoted}\n")).unwrap().len(), 1);
}

#[test]
fn line_ends_marks_and_empty_files() {
    let plain = linear(format!("{HEADER}\n{GOOD}\n")).unwrap();
    let marked = linear(format!("\u{feff}{HEADER}\r\n{GOOD}\r\n")).unwrap();
    assert_eq!(plain.rows, marked.rows);
    assert!(marked.totals.notes.bom);
    assert_eq!(marked.totals.notes.crlf, 2);
    assert_eq!(
        plain.rows,
        linear(format!("{HEADER}\n{GOOD}")).unwrap().rows
    );
    let only_header = linear(format!("{HEADER}\n")).unwrap();
    assert_eq!((only_header.len(), only_header.totals.rows), (0, 0));
    assert!(matches!(linear(""), Err(ParseError::Empty { .. })));
    assert!(matches!(
        linear(format!("{HEADER}\r{GOOD}\r")),
        Err(ParseError::CarriageReturns { .. })
    ));
}

#[test]
fn ids_are_time_and_position() {
    let text = [
        HEADER.to_owned(),
        row("1585180700.0001", "a", "1"),
        row("1585180700.0001", "b", "1"),
        // The same match again: the same row, so it is dropped.
        row("1585180700.0001", "b", "1"),
        row("1585180700.0001", "c", "1"),
        row("1585180700.0002", "a", "1"),
        // The same match with other values: refused.
        row("1585180700.0002", "a", "2"),
        row("1585180700.0002", "d", "2"),
        // No id: a trade of its own, however equal.
        row("1585180700.0003", "", "2"),
        row("1585180700.0003", "", "2"),
    ]
    .join("\n");
    let read = linear(text).unwrap();
    let base = [
        1_585_180_700_000_100_000,
        1_585_180_700_000_200_000,
        1_585_180_700_000_300_000,
    ];
    assert_eq!(
        read.ints("trade_id"),
        [
            base[0],
            base[0] + 1,
            base[0] + 2,
            base[1],
            base[1] + 1,
            base[2],
            base[2] + 1
        ]
    );
    assert_eq!(read.duplicates(), 1);
    assert_eq!(read.reasons(), [RowProblem::Conflict.to_string()]);
    assert_eq!(read.totals.quarantined[0].line, 7);
    // A repetition that is not next to its first occurrence needs the whole day.
    let apart = [
        HEADER.to_owned(),
        row("1585180700", "a", "1"),
        row("1585180700", "b", "1"),
        row("1585180700", "a", "1"),
    ];
    assert!(matches!(
        linear(apart.join("\n")),
        Err(ParseError::OutOfOrder { line: 4, .. })
    ));
}

#[test]
fn more_than_a_thousand_trades_at_one_time() {
    let rows: Vec<String> = (0..1_500)
        .map(|i| row("1585180700.0001", &i.to_string(), "1"))
        .collect();
    let read = linear(format!(
        "{HEADER}\n{}\n{}\n",
        rows.join("\n"),
        row("1585180700.0002", "x", "1")
    ))
    .unwrap();
    let ids = read.ints("trade_id");
    assert_eq!((ids.len(), ids[1_499]), (1_501, 1_585_180_700_000_101_499));
    assert!(ids.is_sorted_by(|a, b| a < b));
}

#[test]
fn units_are_told_by_magnitude_and_mixtures_noted() {
    let text = [
        HEADER.to_owned(),
        row("1585180700", "a", "1"),
        row("1585180700500", "b", "1"),
        row("1585180700600000", "c", "1"),
    ];
    let read = linear(text.join("\n")).unwrap();
    let s = 1_585_180_700_000_000;
    assert_eq!(read.times("ts_event"), [s, s + 500_000, s + 600_000]);
    assert_eq!(
        read.totals.notes.lines(0),
        ["mixed time units: 1 rows in seconds, 1 in milliseconds, 1 in microseconds"]
    );
}

#[test]
fn the_window_ends_before_its_end() {
    let day: Day = "2020-05-01".parse().unwrap();
    let at = |us: i64| {
        row(
            &format!(
                "{}.{:06}",
                (day.start().0 + us) / 1_000_000,
                us.rem_euclid(1_000_000)
            ),
            &us.to_string(),
            "1",
        )
    };
    let text = [
        HEADER.to_owned(),
        at(-1),
        at(0),
        at(86_400_000_000 - 1),
        at(86_400_000_000),
    ]
    .join("\n");
    let mut options = options(false);
    options.range = TimeRange::new(day.start(), day.end()).unwrap();
    let read = Read::new(|| make("linear", "BTCUSDT", options.clone()), text).unwrap();
    assert_eq!(read.times("ts_event"), [day.start().0, day.end().0 - 1]);
    assert_eq!(read.totals.filtered, 2);
    assert_eq!(
        read.totals.notes.lines(2),
        ["2 rows of other days left out"]
    );
}

#[test]
fn spot_rows_are_numbered_by_time_too() {
    let text = format!(
        "{SPOT}\n1,1747612800074,106453.8,0.003718,sell,0\n2,1747612800150,106456.9,0.000500,buy,0\n3,1747612800150,106456.9,0.000500,Buy,0\n"
    );
    let read = spot(&text).unwrap();
    assert_eq!(
        read.ints("trade_id"),
        [
            1_747_612_800_074_000_000,
            1_747_612_800_150_000_000,
            1_747_612_800_150_000_001
        ]
    );
    assert_eq!(read.sides(), [-1, 1, 1]);
    assert_eq!(
        read.floats("qty"),
        [Some(0.003_718), Some(0.000_5), Some(0.000_5)]
    );
    assert_eq!(read.floats("qty_raw"), [None; 3]);
    // Until 2025 without `rpi`; a month counts on where its days begin at 1.
    let old = text
        .replace(",rpi", "")
        .replace(",0\n", "\n")
        .replace("\n1,", "\n77,")
        .replace("\n2,", "\n78,")
        .replace("\n3,", "\n79,");
    assert_eq!(spot(old).unwrap().rows, read.rows);
    for (bad, reason) in [
        ("x,1747612800150,1,1,buy,0", "column `id`: not an integer"),
        ("-1,1747612800150,1,1,buy,0", "column `id`: not an integer"),
        (
            "9223372036854775808,1747612800150,1,1,buy,0",
            "column `id`: not an integer",
        ),
        (
            "1,1747612800150,1,0,buy,0",
            "column `volume`: must be positive",
        ),
        (
            "1,17476128001500,1,1,buy,0",
            "column `timestamp`: not a time",
        ),
        (
            "1,1747612800150,1,1,bought,0",
            "column `side`: expected buy or sell",
        ),
        ("1,1747612800150,1,1,buy", "5 fields, expected 6"),
    ] {
        let read = spot(format!("{SPOT}\n{bad}\n")).unwrap();
        assert!(
            read.reasons()[0].contains(reason),
            "{bad}: {:?}",
            read.reasons()
        );
    }
    // Files of contracts and of spot are not taken for each other.
    assert!(matches!(
        spot(format!("{HEADER}\n{GOOD}\n")),
        Err(ParseError::Header { .. })
    ));
    assert!(matches!(linear(&text), Err(ParseError::Header { .. })));
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

proptest! {
    #[test]
    fn what_the_encoder_writes_comes_back(
        steps in proptest::collection::vec((0_i64..3, 1_i64..100_000, 1_i64..100_000, any::<bool>(), any::<bool>()), 1..60),
        which in 0_usize..3,
    ) {
        let (category, market, symbol, price_decimals, qty_decimals) = [
            (Category::Linear, "linear", "BTCUSDT", 2, 3),
            (Category::Inverse, "inverse", "BTCUSD", 1, 0),
            (Category::Spot, "spot", "BTCUSDT", 1, 6),
        ][which];
        let day: Day = "2026-03-01".parse().unwrap();
        let terms = Terms::new(symbol.parse().unwrap(), category, price_decimals, qty_decimals);
        let mut csv = TradesCsv::new(&terms, day, TradeForm::on(category, day)).unwrap();
        let scale = |n: i64, decimals: u8| format!("{n}e-{decimals}").parse::<f64>().unwrap();
        // Contracts are stamped to 100 us, spot to the millisecond.
        let unit = if category == Category::Spot { 1_000 } else { 100 };
        let (mut ts, mut ticks) = (day.start().0, TickTracker::default());
        let mut sent = Vec::new();
        for (i, &(step, price, qty, buy, rpi)) in steps.iter().enumerate() {
            ts += step * unit;
            let price = scale(price, price_decimals);
            let trade = VenueTrade {
                ts_us: ts,
                price,
                qty: scale(qty, qty_decimals),
                side: if buy { Side::Buy } else { Side::Sell },
                tick: ticks.next(price),
                id: i64::try_from(i).unwrap(),
                seq: 0,
                is_block: false,
                is_rpi: rpi,
            };
            csv.push(&trade).unwrap();
            sent.push(trade);
        }
        let text = gunzip(&csv.finish().unwrap().bytes);
        let read = Read::new(|| make(market, symbol, options(false)), text).unwrap();
        prop_assert_eq!(read.reasons(), Vec::<String>::new());
        prop_assert_eq!(read.times("ts_event"), sent.iter().map(|t| t.ts_us).collect::<Vec<_>>());
        prop_assert_eq!(read.floats("price"), sent.iter().map(|t| Some(t.price)).collect::<Vec<_>>());
        prop_assert_eq!(read.sides(), sent.iter().map(|t| t.side.sign()).collect::<Vec<_>>());
        let raw = if which == 1 { "qty_raw" } else { "qty" };
        prop_assert_eq!(read.floats(raw), sent.iter().map(|t| Some(t.qty)).collect::<Vec<_>>());
        if which == 1 {
            prop_assert_eq!(read.floats("qty"), sent.iter().map(|t| Some(t.qty / t.price)).collect::<Vec<_>>());
        }
        // The position among the trades of that time, counted naively.
        let ids: Vec<i64> = sent
            .iter()
            .enumerate()
            .map(|(i, t)| {
 let before = sent[..i].iter().filter(|o| o.ts_us == t.ts_us).count();
 t.ts_us * 1_000 + i64::try_from(before).unwrap()
 })
            .collect();
        prop_assert_eq!(read.ints("trade_id"), ids);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), headed: bool, collect: bool, spot: bool) {
        let (market, header) = if spot { ("spot", SPOT) } else { ("linear", HEADER) };
        let mut text = if headed { format!("{header}\n").into_bytes() } else { Vec::new() };
        text.extend(bytes);
        drop(Read::new(|| make(market, "BTCUSDT", options(collect)), text));
    }
}

#[test]
fn recorded_files() {
    for (symbol, rows) in [("BTCUSDT", 56), ("ETHUSDT", 23)] {
        let Some(path) = shared(&format!(
            "archives/bybit/trading/{symbol}/{symbol}2026-08-09.csv.gz"
        )) else {
            return;
        };
        let text = gunzip(&std::fs::read(path).unwrap());
        let read = Read::new(|| make("linear", symbol, options(false)), &text).unwrap();
        assert_eq!(
            (read.len(), read.totals.quarantined.len(), read.duplicates()),
            (rows, 0, 0)
        );
        let ids = read.ints("trade_id");
        assert!(ids.is_sorted_by(|a, b| a < b));
        // The columns the venue derives agree with what was read.
        let lines: Vec<String> = String::from_utf8(text)
            .unwrap()
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect();
        let home: Vec<Option<f64>> = lines
            .iter()
            .map(|l| l.split(',').nth(8).unwrap().parse().ok())
            .collect();
        assert_eq!(read.floats("qty"), home);
        let times: Vec<i64> = read.times("ts_event");
        let first = UnixMicros(times[0]).day();
        assert_eq!(first.to_string(), "2026-08-09");
    }
}
