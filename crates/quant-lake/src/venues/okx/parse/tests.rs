//! The archives against rows of the documents, older headers and hostile rows.

mod round_trip;

use super::*;
use crate::venues::contracts::tests_shared::terms as instrument;
use crate::venues::rows::ParseError;
use crate::venues::rows::tests_shared::{Read, options};

const SWAP: &str = "BTC-USDT-SWAP";
const HEADER: &str = "instrument_name,trade_id,side,price,size,created_time";
const GOOD: &str = "BTC-USDT-SWAP,2802853319,sell,64927.5,0.2,1784822400188";
const CANDLE_HEADER: &str =
    "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm";

fn swap(dataset: Dataset, options: ParseOptions) -> Box<dyn RowParser> {
    let terms = instrument("swap", 0.01, false);
    parser(
        dataset,
        Market::Swap,
        &SWAP.parse().unwrap(),
        Some(&terms),
        options,
    )
    .unwrap()
}

fn read(dataset: Dataset, text: impl AsRef<[u8]>) -> Result<Read, ParseError> {
    Read::new(|| swap(dataset, options(false)), text)
}

fn trades(text: impl AsRef<[u8]>) -> Result<Read, ParseError> {
    read(Dataset::Trades, text)
}

/// Another instrument than the usual swap.
fn other(
    market: &str,
    inst: &str,
    value: f64,
    inverse: bool,
    dataset: Dataset,
    text: &str,
) -> Read {
    let market: Market = market.parse().unwrap();
    let terms = instrument(market.name(), value, inverse);
    let make = || {
        parser(
            dataset,
            market,
            &inst.parse().unwrap(),
            Some(&terms),
            options(false),
        )
        .unwrap()
    };
    Read::new(make, text).unwrap()
}

fn some(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

#[test]
fn a_row_of_the_document() {
    let read = trades(format!("{HEADER}\n{GOOD}\n")).unwrap();
    assert_eq!(read.times("ts_event"), [1_784_822_400_188_000]);
    assert_eq!(read.ints("trade_id"), [2_802_853_319]);
    assert_eq!(read.sides(), [-1]);
    assert_eq!(read.floats("price"), some(&[64_927.5]));
    assert_eq!(read.floats("qty"), some(&[0.2 * 0.01]));
    assert_eq!(read.floats("qty_raw"), some(&[0.2]));
    // Since 2026 with the book the maker stood in.
    let newer = trades(format!("{HEADER},source\n{GOOD},0\n")).unwrap();
    assert_eq!(newer.rows, read.rows);
    assert!(newer.totals.notes.lines(0).is_empty());
}

#[test]
fn sides_in_any_case_and_sizes_in_scientific_notation() {
    let text = format!(
        "{HEADER}\nBTC-USDT,1,BUY,30236,1.772e-05,1652459224818\nBTC-USDT,2,Sell,30236,2E-4,1652459224819\n"
    );
    let read = other("spot", "BTC-USDT", 1.0, false, Dataset::Trades, &text);
    assert_eq!(read.floats("qty"), some(&[0.000_017_72, 0.000_2]));
    assert_eq!(read.floats("qty_raw"), [None, None]);
    assert_eq!(read.sides(), [1, -1]);
}

#[test]
fn inverse_contracts_are_dollars() {
    let text = format!("{HEADER}\nBTC-USD-220527,7849,buy,30218.8,3,1652459199958\n");
    let read = other(
        "swap",
        "BTC-USD-220527",
        100.0,
        true,
        Dataset::Trades,
        &text,
    );
    assert_eq!(read.floats("qty"), some(&[300.0 / 30_218.8]));
    assert_eq!(read.floats("qty_raw"), some(&[3.0]));
}

#[test]
fn a_match_serves_both_trade_datasets() {
    let text = format!("{HEADER}\n{GOOD}\n");
    let (single, aggregate) = (
        trades(&text).unwrap(),
        read(Dataset::AggTrades, &text).unwrap(),
    );
    for column in ["price", "qty", "qty_raw"] {
        assert_eq!(single.floats(column), aggregate.floats(column));
    }
    for column in ["trade_id", "first_id", "last_id"] {
        assert_eq!(aggregate.ints(column), [2_802_853_319]);
    }
}

#[test]
fn what_the_archive_does_not_have() {
    let symbol = SWAP.parse().unwrap();
    let fault = |dataset, market: &str| {
        let made = parser(
            dataset,
            market.parse().unwrap(),
            &symbol,
            None,
            options(false),
        );
        made.err().map(|e| e.to_string()).unwrap_or_default()
    };
    for dataset in [Dataset::Trades, Dataset::AggTrades, Dataset::Klines1m] {
        assert!(
            fault(dataset, "swap").contains("hint: add BTC-USDT-SWAP"),
            "{dataset}"
        );
        assert_eq!(fault(dataset, "spot"), "");
        assert!(fault(dataset, "linear").contains("OKX archive"));
    }
    assert_eq!(fault(Dataset::Funding, "swap"), "");
    assert!(fault(Dataset::Funding, "spot").contains("no rows of funding"));
    assert!(fault(Dataset::BookTicker, "swap").contains("no rows of book_ticker"));
}

/// The header of 2021 to 2024 in the vendor's encoding: GBK, which is not UTF-8.
fn gbk_header() -> Vec<u8> {
    let mut out = Vec::new();
    for (i, (name, chinese)) in [
        ("trade_id", b"\xb4\xe9\xba\xcfid".as_slice()),
        ("side", b"\xbd\xbb\xd2\xd7\xb7\xbd\xcf\xf2"),
        ("size", b"\xca\xfd\xc1\xbf"),
        ("price", b"\xbc\xdb\xb8\xf1"),
        ("created_time", b"\xb3\xc9\xbd\xbb\xca\xb1\xbc\xe4"),
    ]
    .into_iter()
    .enumerate()
    {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'/');
        out.extend_from_slice(chinese);
    }
    out
}

#[test]
fn older_headers_are_read_by_alias_or_position() {
    let want = trades(format!("{HEADER}\n{GOOD}\n")).unwrap();
    // Size before price, no instrument.
    let row = b"\n2802853319,SELL,0.2,64927.5,1784822400188\n";
    let aliased = trades([gbk_header(), row.to_vec()].concat()).unwrap();
    assert_eq!(aliased.rows, want.rows);
    assert!(aliased.totals.notes.other_header);
    assert_eq!(aliased.totals.notes.lines(0).len(), 1);
    let utf8 = "trade_id/撮合id,side/交易方向,size/数量,price/价格,created_time/成交时间";
    let aliased = trades([utf8.as_bytes(), row].concat()).unwrap();
    assert_eq!(aliased.rows, want.rows);
    // Another order is no trouble, as the names say which is which.
    let turned = "created_time/成交时间,price/价格,size/数量,side/交易方向,trade_id/撮合id\n1784822400188,64927.5,0.2,sell,2802853319\n";
    assert_eq!(trades(turned).unwrap().rows, want.rows);
    let chinese = "撮合,交易方向,数量,价格,成交时间";
    let positional = trades([chinese.as_bytes(), row].concat()).unwrap();
    assert_eq!(positional.rows, want.rows);
    assert!(positional.totals.notes.other_header);
    let six = format!("合约,撮合,方向,价格,数量,时间\n{GOOD}\n");
    assert_eq!(trades(six).unwrap().rows, want.rows);
    // Before 2022 without a header.
    let bare = trades(&row[1..]).unwrap();
    assert_eq!(bare.rows, want.rows);

    for header in [
        "trade_id/撮合id,side/交易方向,size/数量,price/价格",
        "trade_id/撮合id,side/交易方向,size/数量,price/价格,created_time/成交时间,extra/其他",
        "trade_id/撮合id,side/交易方向,size/数量,size/价格,created_time/成交时间",
        "撮合,交易方向,数量,价格",
        "trade_id,side,size,price,created_time",
        "instrument_name,trade_id,side,price,size,created_time,origin",
        "instrument_name,trade_id,side,price,amount,created_time",
        "Instrument_Name,trade_id,side,price,size,created_time",
        "instrument_name,trade_id,side,price,size,created_time,size",
        "2802853319,0.2,sell,64927.5,1784822400188",
    ] {
        let fault = trades(format!(
            "{header}\n2802853319,SELL,0.2,64927.5,1784822400188\n"
        ))
        .unwrap_err();
        assert!(
            matches!(fault, ParseError::Header { .. }),
            "{header}: {fault}"
        );
    }
    let turned = |line: &str| line.split(',').rev().collect::<Vec<_>>().join(",");
    let reordered = trades(format!("{}\n{}\n", turned(HEADER), turned(GOOD))).unwrap();
    assert_eq!(reordered.rows, want.rows);
    assert!(reordered.totals.notes.reordered_header);
}

#[test]
fn every_trade_twice_is_taken_once() {
    let row = |id: i64, side: &str, size: &str, ms: i64| {
        format!("BTC-USDT-SWAP,{id},{side},100,{size},{ms}")
    };
    let t = 1_630_000_000_000;
    let text = [
        HEADER.to_owned(),
        row(1, "buy", "5", t),
        row(1, "sell", "5", t),
        // Not next to each other.
        row(2, "sell", "3", t + 1),
        row(3, "buy", "4", t + 1),
        row(2, "buy", "3", t + 1),
        row(3, "sell", "4", t + 1),
        // The same side again is a repetition, another size a conflict.
        row(4, "buy", "1", t + 2),
        row(4, "buy", "1", t + 2),
        row(4, "sell", "2", t + 2),
        row(5, "buy", "1", t + 3),
    ];
    let read = trades(text.join("\n")).unwrap();
    assert_eq!(read.ints("trade_id"), [1, 2, 3, 4, 5]);
    assert_eq!(read.sides(), [1, -1, 1, 1, 1]);
    assert_eq!(
        (read.totals.filtered, read.totals.notes.second_sides),
        (3, 3)
    );
    assert_eq!((read.duplicates(), read.reasons().len()), (1, 1));
    assert!(read.totals.notes.lines(3)[0].starts_with("3 rows left out that repeat a trade"));
}

#[test]
fn rows_of_other_instruments_are_left_out_not_refused() {
    let text = format!(
        "{HEADER}\nETH-USDT-SWAP,NaN,?,x,,\n{GOOD}\nBTC-USD-SWAP,1,sell,1,1,1784822400188\nBTC-USDT,2,buy,1,1,1784822400189\n,3,buy,1,1,1784822400189\n"
    );
    let read = trades(text).unwrap();
    assert_eq!((read.len(), read.reasons().len()), (1, 0));
    assert_eq!(
        (read.totals.filtered, read.totals.notes.other_instruments),
        (4, 4)
    );
    assert_eq!(
        read.totals.notes.lines(4),
        ["4 rows of other instruments left out"]
    );
}

/// A row of `header` with one field replaced.
fn with(header: &str, row: &str, column: &str, value: &str) -> String {
    let at = header.split(',').position(|name| name == column).unwrap();
    let mut fields: Vec<&str> = row.split(',').collect();
    fields[at] = value;
    fields.join(",")
}

#[test]
fn hostile_trades_are_refused_one_by_one() {
    let finite = "not a finite decimal number";
    for (column, value, reason) in [
        ("trade_id", "", "not an integer"),
        ("trade_id", "-1", "not an integer"),
        ("trade_id", "1.5", "not an integer"),
        ("trade_id", "9223372036854775808", "not an integer"),
        ("trade_id", "99999999999999999999", "not an integer"),
        ("side", "", "buy or sell"),
        ("side", "b", "buy or sell"),
        ("side", "ask", "buy or sell"),
        ("side", "\u{ff42}uy", "buy or sell"),
        ("price", "NaN", finite),
        ("price", "-inf", finite),
        ("price", "1e400", finite),
        ("price", "0x1F", finite),
        ("price", "", finite),
        ("price", "-1", "must be positive"),
        ("price", "123456789012345678901234567890", "at most 1e15"),
        ("size", "0", "must be positive"),
        ("size", "-0", "must be positive"),
        ("size", "Infinity", finite),
        ("size", "1e-05x", finite),
        ("created_time", "", "not a time"),
        ("created_time", "1784822400", "not a time"),
        ("created_time", "1784822400.188", "not a time"),
        ("created_time", "1784822400188000000", "not a time"),
        ("created_time", "946684800000", "not a time"),
        ("created_time", "4102444800000", "not a time"),
        ("created_time", "2026-07-23 16:00:00", "not a time"),
    ] {
        let bad = with(HEADER, GOOD, column, value);
        let read = trades(format!("{HEADER}\n{GOOD}\n{bad}\n")).unwrap();
        let reasons = read.reasons();
        assert_eq!(
            (read.len(), reasons.len()),
            (1, 1),
            "{column} `{value}`: {reasons:?}"
        );
        assert!(
            reasons[0].contains(reason),
            "{column} `{value}`: {reasons:?}"
        );
    }
    for middle in [
        b"".as_slice(),
        b"\0",
        b"\xff\xfe",
        b"a,b",
        with(HEADER, GOOD, "size", "0,2").as_bytes(),
    ] {
        let text = [
            HEADER.as_bytes(),
            b"\n",
            GOOD.as_bytes(),
            b"\n",
            middle,
            b"\n",
        ]
        .concat();
        let read = trades(text).unwrap();
        assert_eq!((read.len(), read.reasons().len()), (1, 1));
    }
    let quoted_newline = trades(format!(
        "{HEADER}\n{}\n",
        with(HEADER, GOOD, "side", "\"se\nll\"")
    ))
    .unwrap();
    assert_eq!(
        (quoted_newline.len(), quoted_newline.reasons().len()),
        (0, 2)
    );
    let marked = trades(format!("\u{feff}{HEADER}\r\n{GOOD}\r\n")).unwrap();
    assert_eq!(
        (
            marked.len(),
            marked.totals.notes.bom,
            marked.totals.notes.crlf
        ),
        (1, true, 2)
    );
    assert!(matches!(trades(""), Err(ParseError::Empty { .. })));
    assert!(matches!(
        trades(format!("{HEADER}\r{GOOD}\r")),
        Err(ParseError::CarriageReturns { .. })
    ));
    assert_eq!(trades(format!("{HEADER}\n")).unwrap().totals.rows, 0);
    let micros = with(
        HEADER,
        &with(HEADER, GOOD, "trade_id", "2802853320"),
        "created_time",
        "1784822400188001",
    );
    let mixed = trades(format!("{HEADER}\n{GOOD}\n{micros}\n")).unwrap();
    assert_eq!(
        mixed.times("ts_event"),
        [1_784_822_400_188_000, 1_784_822_400_188_001]
    );
    assert!(mixed.totals.notes.lines(0)[0].contains("1 rows in milliseconds, 1 in microseconds"));
}

#[test]
fn candles_of_each_kind() {
    // A real minute of ETH-USDT-SWAP (0.1 ETH a contract).
    let row = "ETH-USDT-SWAP,3839.44,3843.58,3836.71,3838.16,23503.2,2350.32,9024127.30277,1761148800000,1";
    let text = format!("{CANDLE_HEADER}\n{row}\n");
    let read = other(
        "swap",
        "ETH-USDT-SWAP",
        0.1,
        false,
        Dataset::Klines1m,
        &text,
    );
    assert_eq!(read.times("ts_open"), [1_761_148_800_000_000]);
    assert_eq!(read.times("ts_close"), [1_761_148_860_000_000]);
    assert_eq!(read.floats("open"), some(&[3839.44]));
    assert_eq!(read.floats("high"), some(&[3843.58]));
    assert_eq!(read.floats("low"), some(&[3836.71]));
    assert_eq!(read.floats("close"), some(&[3838.16]));
    assert_eq!(read.floats("volume"), some(&[23_503.2 * 0.1]));
    assert_eq!(read.floats("volume_raw"), some(&[23_503.2]));
    assert_eq!(read.floats("quote_volume"), some(&[9_024_127.302_77]));
    assert_eq!(read.floats("taker_buy_volume"), [None]);
    // On spot the second volume is quote currency.
    let spot =
        "ETH-USDT,3839.44,3843.58,3836.71,3838.16,2350.32,9024127.3,9024127.3,1761148800000,1";
    let read = other(
        "spot",
        "ETH-USDT",
        1.0,
        false,
        Dataset::Klines1m,
        &format!("{CANDLE_HEADER}\n{spot}\n"),
    );
    assert_eq!(
        (read.floats("volume"), read.floats("volume_raw")),
        (some(&[2350.32]), vec![None])
    );
    // Inverse: coins are the venue's own figure.
    let inverse = "BTC-USD-SWAP,60000,60100,59900,60000,300,0.5002,30000,1761148800000,1";
    let read = other(
        "swap",
        "BTC-USD-SWAP",
        100.0,
        true,
        Dataset::Klines1m,
        &format!("{CANDLE_HEADER}\n{inverse}\n"),
    );
    assert_eq!(
        (read.floats("volume"), read.floats("volume_raw")),
        (some(&[0.5002]), some(&[300.0]))
    );
    // A minute without trades.
    let flat = "ETH-USDT-SWAP,1,1,1,1,0,0,0,1761148800000,1";
    let read = other(
        "swap",
        "ETH-USDT-SWAP",
        0.1,
        false,
        Dataset::Klines1m,
        &format!("{CANDLE_HEADER}\n{flat}\n"),
    );
    assert_eq!(read.floats("volume"), some(&[0.0]));
}

#[test]
fn a_wrong_contract_value_is_seen() {
    let linear =
        "ETH-USDT-SWAP,3839.44,3843.58,3836.71,3838.16,23503.2,2350.32,9024127.3,1761148800000,1";
    let inverse = "BTC-USD-SWAP,60000,60100,59900,60000,300,0.5002,30000,1761148800000,1";
    for (inst, row, value, is_inverse) in [
        ("ETH-USDT-SWAP", linear, 0.01, false),
        ("BTC-USD-SWAP", inverse, 10.0, true),
    ] {
        let read = other(
            "swap",
            inst,
            value,
            is_inverse,
            Dataset::Klines1m,
            &format!("{CANDLE_HEADER}\n{row}\n"),
        );
        assert_eq!(read.len(), 0);
        assert!(
            read.reasons()[0].contains("`vol` and `vol_ccy` contradict"),
            "{:?}",
            read.reasons()
        );
    }
}

#[test]
fn hostile_candles() {
    let good = "BTC-USDT-SWAP,10,12,9,11,100,1,1000,1761148800000,1";
    let later = "BTC-USDT-SWAP,10,12,9,11,100,1,1000,1761148860000,1";
    let file = |middle: &str| {
        read(
            Dataset::Klines1m,
            format!("{CANDLE_HEADER}\n{good}\n{middle}\n"),
        )
        .unwrap()
    };
    assert_eq!(file(later).len(), 2);
    for (column, value, reason) in [
        ("confirm", "", "0 or 1"),
        ("confirm", "true", "0 or 1"),
        ("confirm", "2", "0 or 1"),
        ("open", "13", "high below low"),
        ("low", "11.5", "high below low"),
        ("high", "8", "high below low"),
        ("close", "0", "must be positive"),
        ("close", "-11", "must be positive"),
        ("vol", "-1", "not negative"),
        ("vol", "NaN", "not a finite"),
        ("vol", "1e309", "not a finite"),
        ("vol_ccy", "-1e-9", "not negative"),
        ("vol_ccy", "", "not a finite"),
        ("vol_quote", "inf", "not a finite"),
        ("open_time", "1761148860001", "whole minute"),
        ("open_time", "1761148860", "not a time"),
        ("open_time", "60000", "not a time"),
    ] {
        let read = file(&with(CANDLE_HEADER, later, column, value));
        assert_eq!(
            (read.len(), read.reasons().len()),
            (1, 1),
            "{column} `{value}`"
        );
        assert!(
            read.reasons()[0].contains(reason),
            "{column} `{value}`: {:?}",
            read.reasons()
        );
    }
    // Still forming, and other instruments of a shared file: filtered.
    let read = file(&format!(
        "{}\n{}",
        with(CANDLE_HEADER, later, "confirm", "0"),
        later.replace("BTC", "ETH")
    ));
    assert_eq!(
        (read.len(), read.reasons().len(), read.totals.filtered),
        (1, 0, 2)
    );
    assert_eq!(
        read.totals.notes.lines(2),
        [
            "1 rows of other instruments left out",
            "1 candles that had not closed left out"
        ]
    );
    // The same minute again.
    assert_eq!(file(good).duplicates(), 1);
    assert_eq!(
        file(&with(CANDLE_HEADER, good, "close", "10")).reasons(),
        [RowProblem::Conflict.to_string()]
    );
    for header in [
        CANDLE_HEADER.replace("vol_ccy", "volCcy"),
        CANDLE_HEADER.replace(",confirm", ""),
        CANDLE_HEADER.replace("instrument_name,", ""),
    ] {
        let fault = read_candles(&header, good).unwrap_err();
        assert!(matches!(fault, ParseError::Header { .. }), "{header}");
    }
    let swapped = read_candles(
        &CANDLE_HEADER.replace("open,high", "high,open"),
        &good.replace("10,12", "12,10"),
    )
    .unwrap();
    assert_eq!(swapped.floats("high"), some(&[12.0]));
}

fn read_candles(header: &str, row: &str) -> Result<Read, ParseError> {
    read(Dataset::Klines1m, format!("{header}\n{row}\n"))
}

#[test]
fn funding_of_one_swap_out_of_all() {
    let text = "instrument_name,funding_rate,funding_time\n\
        AAVE-USDT-SWAP,0.0001,1714492800000\nBTC-USDT-SWAP,-0.0001360076771935,1714492800000\n\
        ETH-USDT-SWAP,x,1714492800000\nBTC-USDT-SWAP,0.000084197161794,1714521600000\n";
    let found = read(Dataset::Funding, text).unwrap();
    assert_eq!(
        found.times("ts_event"),
        [1_714_492_800_000_000, 1_714_521_600_000_000]
    );
    assert_eq!(
        found.floats("rate"),
        some(&[-0.000_136_007_677_193_5, 0.000_084_197_161_794])
    );
    assert_eq!(found.floats("mark_price"), [None, None]);
    assert_eq!((found.totals.filtered, found.reasons().len()), (2, 0));
    // The realized rate where there is one, under its names and in older spelling.
    for header in [
        "instrument_name,funding_rate,realized_rate,funding_time",
        "instrument_name,funding_rate,real_funding_rate,funding_time",
        "contract_type,funding_rate,real_funding_rate,funding_time",
        "contract_type/合约类型,funding_rate/资金费率,real_funding_rate/实际资金费率,funding_time/时间",
        "合约类型,资金费率,实际资金费率,时间",
    ] {
        let text = format!(
            "{header}\nBTC-USDT-SWAP,0.0003,0.0002,1714492800000\nBTC-USDT-SWAP,0.0003,,1714521600000\n"
        );
        let found = read(Dataset::Funding, text).unwrap();
        assert_eq!(found.floats("rate"), some(&[0.000_2, 0.000_3]), "{header}");
    }
    let row = "BTC-USDT-SWAP,0.0001,1714492800000";
    let header = "instrument_name,funding_rate,funding_time";
    for (column, value, reason) in [
        ("funding_rate", "", "not a finite"),
        ("funding_rate", "NaN", "not a finite"),
        ("funding_rate", "1e400", "not a finite"),
        ("funding_time", "1714492800", "not a time"),
        ("funding_time", "0", "not a time"),
    ] {
        let found = read(
            Dataset::Funding,
            format!("{header}\n{}\n", with(header, row, column, value)),
        )
        .unwrap();
        assert!(found.reasons()[0].contains(reason), "{column} `{value}`");
    }
    for header in [
        "funding_rate,funding_time",
        "instrument_name,funding_time",
        "instrument_name,funding_rate,funding_time,next",
    ] {
        let fault = read(Dataset::Funding, format!("{header}\n{row}\n")).unwrap_err();
        assert!(matches!(fault, ParseError::Header { .. }), "{header}");
    }
    let zero = read(
        Dataset::Funding,
        format!("{header}\nBTC-USDT-SWAP,-0.00,1714492800000\n"),
    )
    .unwrap();
    assert_eq!(zero.floats("rate")[0].unwrap().to_bits(), 0.0_f64.to_bits());
}
