//! Terms of an instrument for tests of parsers.

use quant_core::market::{Instrument, InstrumentKey};
use quant_core::time::UnixMicros;

/// Terms that matter to a parser: worth and kind of a contract.
pub(crate) fn terms(market: &str, contract_value: f64, inverse: bool) -> Instrument {
    Instrument {
        key: InstrumentKey {
            exchange: "okx".parse().unwrap(),
            market: market.parse().unwrap(),
            symbol: "BTC-USDT-SWAP".parse().unwrap(),
        },
        valid_from: UnixMicros(0),
        valid_to: None,
        tick_size: "0.1".parse().unwrap(),
        lot_size: "0.01".parse().unwrap(),
        min_notional: 0.0,
        contract_value,
        inverse,
        funding_interval_h: Some(8),
        maker_bps: 2.0,
        taker_bps: 5.0,
        onboard: None,
        delist: None,
        source: "test".to_owned(),
    }
}
