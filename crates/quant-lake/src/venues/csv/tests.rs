//! Tests of mappings and of the times and units they declare.

#![expect(clippy::float_cmp, reason = "values must come back bit for bit")]

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use quant_core::time::{Day, TimeRange};

use super::*;
use crate::schema::Dataset;
use crate::venues::rows::{ParseError, ParseOptions, Parsed, Totals};

pub(crate) fn mapping(json: &str) -> CsvMapping {
    serde_json::from_str(json).unwrap()
}

const KLINES: &str = r#"{"rows": {"kind": "klines", "timestamp": "t", "open": "o", "high": "h", "low": "l",
    "close": "c", "volume": "v", "stamp": "open", "volume_unit": "base"}, "time": "text"}"#;

fn parse(mapping: &CsvMapping, text: &str) -> Result<(Option<RecordBatch>, Totals), ParseError> {
    let options = ParseOptions {
        file: "x.csv".to_owned(),
        range: TimeRange {
            start: Day(0).start(),
            end: Day(50_000).start(),
        },
        max_quarantine_share: 1.0,
        collect: Dataset::ALL.to_vec(),
    };
    let mut parser = parser(mapping, options).unwrap();
    let mut out = Vec::new();
    parser.feed(text.as_bytes(), &mut out)?;
    let (_, totals) = parser.finish(&mut out)?.remove(0);
    let batch = out.into_iter().find_map(|p| match p {
        Parsed::Rows { batch, .. } => Some(batch),
        Parsed::DayEnd { .. } => None,
    });
    Ok((batch, totals))
}

fn time_of(format: TimeFormat, text: &str) -> Option<i64> {
    let mut m = mapping(
        r#"{"rows": {"kind": "trades", "timestamp": "t", "price": "p", "qty": "q",
        "side": {"aggressor": "s"}, "qty_unit": "base"}, "time": "text"}"#,
    );
    m.time = format;
    let (batch, _) = parse(&m, &format!("t,p,q,s\n{text},1,1,buy\n")).unwrap();
    batch.map(|b| {
        b.column(0)
            .as_primitive::<TimestampMicrosecondType>()
            .value(0)
    })
}

#[test]
fn times() {
    let want = Some(1_640_991_660_123_456);
    assert_eq!(
        time_of(TimeFormat::Text, "2021-12-31 23:01:00.123456"),
        want
    );
    assert_eq!(
        time_of(TimeFormat::Text, "2021-12-31T23:01:00.123456789Z"),
        want
    );
    assert_eq!(
        time_of(TimeFormat::Text, "2021-12-31T23:01:00.123456+00:00"),
        want
    );
    assert_eq!(time_of(TimeFormat::EpochS, "1640991660.123456"), want);
    assert_eq!(
        time_of(TimeFormat::EpochS, "1640991660.5"),
        Some(1_640_991_660_500_000)
    );
    assert_eq!(
        time_of(TimeFormat::EpochS, "1640991660"),
        Some(1_640_991_660_000_000)
    );
    assert_eq!(
        time_of(TimeFormat::EpochMs, "1640991660123"),
        Some(1_640_991_660_123_000)
    );
    assert_eq!(time_of(TimeFormat::EpochUs, "1640991660123456"), want);
    assert_eq!(time_of(TimeFormat::EpochNs, "1640991660123456999"), want);
    for (format, bad) in [
        (TimeFormat::Text, "2021-12-31T23:01:00+08:00"),
        (TimeFormat::Text, "31.12.2021 23:01"),
        (TimeFormat::Text, "2021-12-31 23:01:00 CET"),
        (TimeFormat::EpochS, "1640991660123"),
        (TimeFormat::EpochMs, "1640991660"),
        (TimeFormat::EpochS, "1640991660."),
        (TimeFormat::EpochS, "-1"),
        (TimeFormat::EpochNs, "16"),
        (TimeFormat::EpochUs, "0"),
        (TimeFormat::EpochMs, "99999999999999999"),
    ] {
        assert_eq!(time_of(format, bad), None, "{format:?} {bad}");
    }
}

#[test]
fn stamps_and_units() {
    let value = |json: &str, row: &str, name: &str| {
        let (batch, totals) = parse(&mapping(json), &format!("t,o,h,l,c,v\n{row}\n")).unwrap();
        let batch = batch.unwrap_or_else(|| panic!("{totals:?}"));
        batch
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Float64Type>()
            .value(0)
    };
    let open = |json: &str, at: &str| {
        let (batch, _) = parse(&mapping(json), &format!("t,o,h,l,c,v\n{at},1,1,1,1,1\n")).unwrap();
        batch.map(|b| {
            b.column(0)
                .as_primitive::<TimestampMicrosecondType>()
                .value(0)
        })
    };
    let minute = 1_640_991_660_000_000;
    assert_eq!(open(KLINES, "2021-12-31 23:01:00"), Some(minute));
    assert_eq!(open(KLINES, "2021-12-31 23:01:01"), None);
    let close = KLINES.replace("\"stamp\": \"open\"", "\"stamp\": \"close\"");
    assert_eq!(open(&close, "2021-12-31 23:02:00"), Some(minute));
    assert_eq!(open(&close, "2021-12-31 23:01:59.999"), Some(minute));

    let row = "2021-12-31 23:01:00,10,20,10,20,300";
    assert_eq!(value(KLINES, row, "volume"), 300.0);
    let quote = KLINES.replace("\"base\"", "\"quote\"");
    assert_eq!(
        (
            value(&quote, row, "volume"),
            value(&quote, row, "volume_raw")
        ),
        (20.0, 300.0)
    );
    assert_eq!(value(&quote, row, "quote_volume"), 300.0);
    let contracts = KLINES.replace("\"base\"", r#"{"contracts": {"base_per_contract": 0.01}}"#);
    assert_eq!(
        (
            value(&contracts, row, "volume"),
            value(&contracts, row, "volume_raw")
        ),
        (3.0, 300.0)
    );
    let inverse = KLINES.replace(
        "\"base\"",
        r#"{"inverse_contracts": {"quote_per_contract": 100.0}}"#,
    );
    assert_eq!(
        (
            value(&inverse, row, "volume"),
            value(&inverse, row, "quote_volume")
        ),
        (2_000.0, 30_000.0)
    );
}

#[test]
fn columns_by_name_anywhere_and_by_declared_position() {
    let text = "x,v,c,l,h,o,t\nfoo,1,2,1,3,2,2021-12-31 23:01:00\n";
    let (batch, _) = parse(&mapping(KLINES), text).unwrap();
    assert_eq!(
        batch
            .unwrap()
            .column_by_name("high")
            .unwrap()
            .as_primitive::<Float64Type>()
            .value(0),
        3.0
    );
    let mut m = mapping(KLINES);
    m.header = CsvHeader::Columns("x;v;c;l;h;o;t".split(';').map(str::to_owned).collect());
    m.delimiter = ';';
    let (batch, _) = parse(&m, "foo;1;2;1;3;2;2021-12-31 23:01:00\n").unwrap();
    assert_eq!(
        batch
            .unwrap()
            .column_by_name("low")
            .unwrap()
            .as_primitive::<Float64Type>()
            .value(0),
        1.0
    );
    let error = parse(&m, "1;2\n").unwrap_err();
    assert!(
        matches!(
            error,
            ParseError::Arity {
                expected: 7,
                found: 2,
                ..
            }
        ),
        "{error}"
    );
    let error = parse(&mapping(KLINES), "t,o,h,l,close,v\n").unwrap_err();
    assert!(error.to_string().contains("missing [c]"), "{error}");
}

#[test]
fn trades_without_ids_get_some_from_time_and_position() {
    let m = mapping(
        r#"{"rows": {"kind": "trades", "timestamp": "t", "price": "p", "qty": "q",
        "side": {"is_buyer_maker": "m"}, "qty_unit": "quote"}, "time": "epoch_ms"}"#,
    );
    let (batch, _) = parse(
        &m,
        "t,p,q,m\n1640991660000,2,10,true\n1640991660000,2,10,false\n1640991660001,2,10,true\n",
    )
    .unwrap();
    let batch = batch.unwrap();
    let ids = batch
        .column_by_name("trade_id")
        .unwrap()
        .as_primitive::<Int64Type>()
        .values()
        .to_vec();
    assert_eq!(
        ids,
        [
            1640991660000000000,
            1640991660000000001,
            1640991660001000000
        ]
    );
    assert_eq!(
        batch
            .column_by_name("qty")
            .unwrap()
            .as_primitive::<Float64Type>()
            .value(0),
        5.0
    );
}

#[test]
fn bad_mappings() {
    let check = |edit: fn(&mut CsvMapping)| {
        let mut m = mapping(KLINES);
        edit(&mut m);
        m.check().unwrap_err()
    };
    assert!(matches!(
        check(|m| m.delimiter = '.'),
        MappingError::Delimiter { .. }
    ));
    assert!(matches!(
        check(|m| m.delimiter = '\u{e9}'),
        MappingError::Delimiter { .. }
    ));
    assert!(matches!(
        check(|m| m.header = CsvHeader::Columns(vec!["t".into()])),
        MappingError::NotListed { .. }
    ));
    let twice = KLINES.replace("\"open\": \"o\"", "\"open\": \"h\"");
    assert!(matches!(
        mapping(&twice).check().unwrap_err(),
        MappingError::Twice { .. }
    ));
    let zero = KLINES.replace("\"base\"", r#"{"contracts": {"base_per_contract": 0.0}}"#);
    assert!(matches!(
        mapping(&zero).check().unwrap_err(),
        MappingError::ContractSize { .. }
    ));
    assert!(serde_json::from_str::<CsvMapping>(&KLINES.replace("\"time\"", "\"tyme\"")).is_err());
}
