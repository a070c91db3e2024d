//! Look-ups at the edges of validity, every check, and the way to Arrow and back.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};

use super::*;
use crate::schema::Dataset;

fn key(id: &str) -> InstrumentKey {
    let parts: Vec<&str> = id.split(':').collect();
    InstrumentKey {
        exchange: parts[0].parse().unwrap(),
        market: parts[1].parse().unwrap(),
        symbol: parts[2].parse().unwrap(),
    }
}

fn terms(id: &str, from: i64, to: Option<i64>) -> Instrument {
    Instrument {
        key: key(id),
        valid_from: UnixMicros(from),
        valid_to: to.map(UnixMicros),
        tick_size: "0.10".parse().unwrap(),
        lot_size: "0.001".parse().unwrap(),
        min_notional: 100.0,
        contract_value: 1.0,
        inverse: false,
        funding_interval_h: Some(8),
        maker_bps: 2.0,
        taker_bps: 5.0,
        onboard: None,
        delist: None,
        source: "hand-written".to_owned(),
    }
}

const BTC: &str = "binance:um:BTCUSDT";
const ETH: &str = "binance:um:ETHUSDT";

#[test]
fn terms_hold_from_their_start_to_before_their_end() {
    let later = Instrument {
        taker_bps: 4.0,
        ..terms(BTC, 20, None)
    };
    let table = InstrumentTable::new(vec![
        terms(ETH, 0, Some(5)),
        later,
        terms(BTC, 10, Some(20)),
    ])
    .unwrap();
    let taker = |at| table.at(&key(BTC), UnixMicros(at)).map(|i| i.taker_bps);
    assert_eq!(taker(10), Ok(5.0));
    assert_eq!(taker(19), Ok(5.0));
    assert_eq!(taker(20), Ok(4.0));
    assert_eq!(taker(i64::MAX), Ok(4.0));
    assert_eq!(
        taker(9).unwrap_err().to_string(),
        "no terms of instrument `binance:um:BTCUSDT` hold at 1970-01-01T00:00:00.000009Z; its entries cover \
         [1970-01-01T00:00:00.000010Z, 1970-01-01T00:00:00.000020Z), [1970-01-01T00:00:00.000020Z, open)\n\
         hint: copy `configs/instruments.yaml`, add an entry that covers this time, and name the copy with --instruments FILE (a run: --set paths.instruments=FILE)"
    );
    assert!(table.at(&key(ETH), UnixMicros(5)).is_err());
    assert_eq!(
        table
            .at(&key("okx:swap:BTC-USDT-SWAP"), UnixMicros(0))
            .unwrap_err()
            .to_string(),
        "no terms of instrument `okx:swap:BTC-USDT-SWAP`; known: binance:um:BTCUSDT, binance:um:ETHUSDT\n\
         hint: copy `configs/instruments.yaml`, add an entry with its tick, lot and fees, and name the copy with --instruments FILE (a run: --set paths.instruments=FILE)"
    );
}

#[test]
fn gaps_in_validity_are_not_bridged() {
    let table =
        InstrumentTable::new(vec![terms(BTC, 0, Some(10)), terms(BTC, 20, Some(30))]).unwrap();
    assert!(table.at(&key(BTC), UnixMicros(9)).is_ok());
    assert!(table.at(&key(BTC), UnixMicros(10)).is_err());
    assert!(table.at(&key(BTC), UnixMicros(19)).is_err());
    assert!(table.at(&key(BTC), UnixMicros(20)).is_ok());
}

#[test]
fn every_violation_is_reported_at_once() {
    let rows = vec![
        terms(BTC, 0, None),
        Instrument {
            taker_bps: f64::NAN,
            min_notional: -1.0,
            ..terms(BTC, 10, Some(10))
        },
        Instrument {
            contract_value: 0.0,
            maker_bps: f64::INFINITY,
            ..terms(ETH, 0, None)
        },
        Instrument {
            funding_interval_h: Some(0),
            onboard: Some(UnixMicros(7)),
            delist: Some(UnixMicros(7)),
            ..terms("binance:um:XRPUSDT", 0, None)
        },
    ];
    let InstrumentsError::Invalid { violations } = InstrumentTable::new(rows).unwrap_err() else {
        unreachable!("rows are invalid")
    };
    let found: Vec<String> = violations
        .iter()
        .map(|v| match v {
            Violation::Overlap { key, .. } => format!("{} overlap", key.symbol),
            Violation::Reversed { key, end, .. } => format!("{} {end}", key.symbol),
            Violation::BadNumber { key, field, .. } => format!("{} {field}", key.symbol),
        })
        .collect();
    assert_eq!(
        found,
        [
            "BTCUSDT valid_to",
            "BTCUSDT taker_bps",
            "BTCUSDT min_notional",
            "ETHUSDT maker_bps",
            "ETHUSDT contract_value",
            "XRPUSDT delist",
            "XRPUSDT funding_interval_h",
            "BTCUSDT overlap",
        ]
    );
}

#[test]
fn two_rows_of_the_same_start_overlap() {
    let error = InstrumentTable::new(vec![terms(BTC, 0, Some(1)), terms(BTC, 0, Some(1))]);
    assert!(
        matches!(error, Err(InstrumentsError::Invalid { violations }) if violations.len() == 1)
    );
}

#[test]
fn the_hash_follows_the_terms_and_nothing_else() {
    let hash = |rows: Vec<Instrument>| InstrumentTable::new(rows).unwrap().content_sha256();
    let base = hash(vec![terms(BTC, 0, None), terms(ETH, 0, None)]);
    assert_eq!(base.len(), 64);
    assert_eq!(
        base,
        hash(vec![terms(ETH, 0, None), terms(BTC, 0, None)]),
        "order"
    );
    let reworded = Instrument {
        tick_size: "0.1".parse().unwrap(),
        source: "elsewhere".to_owned(),
        ..terms(BTC, 0, None)
    };
    assert_eq!(
        base,
        hash(vec![reworded, terms(ETH, 0, None)]),
        "spelling and source"
    );
    let alone = hash(vec![terms(BTC, 0, None)]);
    let changes: [fn(&mut Instrument); 12] = [
        |i| i.valid_from = UnixMicros(1),
        |i| i.valid_to = Some(UnixMicros(1)),
        |i| i.tick_size = "0.2".parse().unwrap(),
        |i| i.lot_size = "0.01".parse().unwrap(),
        |i| i.min_notional = 5.0,
        |i| i.contract_value = 2.0,
        |i| i.inverse = true,
        |i| i.funding_interval_h = None,
        |i| i.maker_bps = 1.0,
        |i| i.taker_bps = 4.0,
        |i| i.onboard = Some(UnixMicros(0)),
        |i| i.delist = Some(UnixMicros(0)),
    ];
    for (n, change) in changes.iter().enumerate() {
        let mut row = terms(BTC, 0, None);
        change(&mut row);
        assert_ne!(alone, hash(vec![row]), "change {n}");
    }
    let table = InstrumentTable::new(vec![terms(BTC, 0, None), terms(ETH, 0, None)]).unwrap();
    assert_eq!(table.restricted_to(&[key(BTC)]).content_sha256(), alone);
}

#[test]
fn rows_survive_the_way_to_arrow_and_back() {
    let full = Instrument {
        onboard: Some(UnixMicros(-5)),
        delist: Some(UnixMicros(99)),
        maker_bps: -0.5,
        ..terms(BTC, 10, None)
    };
    let rows = vec![
        Instrument {
            funding_interval_h: None,
            ..terms(BTC, 0, Some(10))
        },
        full,
    ];
    let batch = to_batch(&key(BTC), &rows).unwrap();
    assert_eq!(batch.schema(), Dataset::Instruments.arrow_schema(50));
    assert_eq!(from_batch(&key(BTC), &batch).unwrap(), rows);
    let empty = to_batch(&key(BTC), &[]).unwrap();
    assert_eq!(from_batch(&key(BTC), &empty).unwrap(), []);
}

#[test]
fn foreign_rows_and_foreign_batches_are_refused() {
    let error = to_batch(&key(BTC), &[terms(ETH, 0, None)]).unwrap_err();
    assert!(matches!(
        error,
        InstrumentsError::BadCell {
            row: 0,
            column: "key",
            ..
        }
    ));
    let batch = to_batch(&key(BTC), &[terms(BTC, 0, None)]).unwrap();
    let without_source = batch.project(&(0..12).collect::<Vec<_>>()).unwrap();
    assert_eq!(
        from_batch(&key(BTC), &without_source)
            .unwrap_err()
            .to_string(),
        "column `source` of the instruments of `binance:um:BTCUSDT` is missing; expected utf8"
    );
    let mut columns = batch.columns().to_vec();
    columns[2] = Arc::new(StringArray::from(vec!["-0.1"])) as ArrayRef;
    let negative_tick = arrow_array::RecordBatch::try_new(batch.schema(), columns).unwrap();
    assert_eq!(
        from_batch(&key(BTC), &negative_tick)
            .unwrap_err()
            .to_string(),
        "row 0 of the instruments of `binance:um:BTCUSDT` holds `-0.1` in `tick_size`; expected a positive decimal step such as `0.10`"
    );
}
