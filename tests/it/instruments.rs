//! `configs/instruments.yaml`: parses into the lake's own rows and passes its checks.

use quant_core::market::{Instrument, InstrumentKey};
use quant_core::time::UnixMicros;
use quant_lake::instruments::{InstrumentTable, from_batch, to_batch};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct InstrumentsFile {
    instruments: Vec<Instrument>,
}

fn table() -> InstrumentTable {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/instruments.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let file: InstrumentsFile = serde_saphyr::from_str(&text).unwrap();
    InstrumentTable::new(file.instruments).unwrap()
}

fn key(exchange: &str, market: &str, symbol: &str) -> InstrumentKey {
    InstrumentKey {
        exchange: exchange.parse().unwrap(),
        market: market.parse().unwrap(),
        symbol: symbol.parse().unwrap(),
    }
}

#[test]
fn the_offline_table_is_valid_and_complete() {
    let table = table();
    let at: UnixMicros = "2025-01-01".parse().unwrap();
    for (exchange, market, symbol, tick, lot) in [
        ("binance", "um", "BTCUSDT", "0.1", "0.001"),
        ("binance", "um", "ETHUSDT", "0.01", "0.001"),
        ("binance", "spot", "BTCUSDT", "0.01", "0.00001"),
        ("binance", "spot", "ETHUSDT", "0.01", "0.0001"),
        ("binance", "cm", "BTCUSD_PERP", "0.1", "1"),
        ("sim-binance", "um", "BTCUSDT", "0.1", "0.001"),
        ("sim-binance", "um", "ETHUSDT", "0.01", "0.001"),
        ("sim-binance", "spot", "BTCUSDT", "0.01", "0.00001"),
        ("sim-binance", "spot", "ETHUSDT", "0.01", "0.0001"),
        ("csv", "um", "BTCUSD", "1", "0.001"),
    ] {
        let terms = table.at(&key(exchange, market, symbol), at).unwrap();
        assert_eq!(
            (terms.tick_size.to_string(), terms.lot_size.to_string()),
            (tick.into(), lot.into())
        );
        assert!(!terms.source.is_empty());
    }
    assert_eq!(table.rows().len(), 10);
    let inverse = table.at(&key("binance", "cm", "BTCUSD_PERP"), at).unwrap();
    assert!(inverse.inverse);
    // 3 contracts of 100 USD at 60,000 are 0.005 BTC.
    assert!((inverse.base_qty(3.0, 60_000.0) - 0.005).abs() < 1e-15);
}

#[test]
fn validity_is_written_as_utc_text() {
    let before = "2019-09-25T07:59:59Z".parse().unwrap();
    let listing = "2019-09-25T08:00:00Z".parse().unwrap();
    let btc = key("binance", "um", "BTCUSDT");
    assert!(table().at(&btc, before).is_err());
    assert!(table().at(&btc, listing).is_ok());
}

#[test]
fn the_table_survives_its_lake_form() {
    let table = table();
    for row in table.rows() {
        let rows = table.rows_of(&row.key);
        let batch = to_batch(&row.key, rows).unwrap();
        assert_eq!(from_batch(&row.key, &batch).unwrap(), rows);
    }
}
