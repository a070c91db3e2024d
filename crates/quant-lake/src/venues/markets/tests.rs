//! Names of every venue on every market: allowed on the markets of the table and refused on all others.

use super::*;

fn check(exchange: &str, market: Market, symbol: &str) -> Result<(), WrongMarket> {
    check_market(&InstrumentKey {
        exchange: exchange.parse().unwrap(),
        market,
        symbol: symbol.parse().unwrap(),
    })
}

#[test]
fn names_belong_to_the_markets_of_the_table_and_to_no_other() {
    let cases: [(&str, &[&str], &str); 21] = [
        ("binance", &["BTCUSDT", "1000SHIBUSDT", "ETHBTC"], "spot um"),
        ("binance", &["BTCUSDT_240628"], "um"),
        ("binance", &["BTCUSD_PERP", "BTCUSD_240628"], "cm"),
        ("binance", &["BTC_USDT", "BTCUSDT_", "BTCUSD_24062"], ""),
        ("okx", &["BTC-USDT", "UNI-USD", "ETH-BTC"], "spot"),
        (
            "okx",
            &["BTC-USDT-SWAP", "BTC-USDC-SWAP", "UNI-USD-SWAP"],
            "swap",
        ),
        ("okx", &["BTC-USD-220527", "BTC-USDT-240628"], "swap"),
        (
            "okx",
            &["BTCUSDT", "BTC-USD-240628-50000-C", "BTC-SWAP"],
            "",
        ),
        ("okx", &["BTC--SWAP", "BTC-USDT-"], ""),
        ("deepcoin", &["BTC-USDT"], "spot"),
        ("deepcoin", &["BTC-USDT-SWAP", "BTC-USD-SWAP"], "swap"),
        ("deepcoin", &["BTC-USD-240628", "BTCUSDT"], ""),
        ("bybit", &["BTCUSDT", "BTCUSDC", "ETHBTC"], "spot linear"),
        ("bybit", &["BTCUSDE", "PERPUSDT"], "spot linear"),
        ("bybit", &["BTCPERP", "BTC-27DEC24"], "linear"),
        ("bybit", &["BTCUSDT-27DEC24"], "linear"),
        ("bybit", &["BTCUSD", "DOTUSD", "BTCUSDZ24"], "inverse"),
        ("bybit", &["XRPRLUSD"], "spot"),
        ("hyperliquid", &["BTC", "kPEPE", "xyz:TSLA"], "swap"),
        ("hyperliquid", &["@107"], "spot"),
        (
            "csv",
            &["BTCUSD", "BTC-USDT-SWAP"],
            "spot um cm swap linear inverse",
        ),
    ];
    for (exchange, symbols, allowed) in cases {
        for symbol in symbols {
            for market in Market::ALL {
                let expected = allowed.split(' ').any(|m| m == market.name());
                for exchange in [exchange.to_owned(), format!("sim-{exchange}")] {
                    let found = check(&exchange, market, symbol);
                    assert_eq!(found.is_ok(), expected, "{exchange}:{market}:{symbol}");
                }
            }
        }
    }
}

#[test]
fn the_refusal_names_the_right_market() {
    for (exchange, market, symbol, hint) in [
        ("okx", Market::Spot, "UNI-USD-SWAP", "--market swap"),
        ("okx", Market::Swap, "BTC-USDT", "--market spot"),
        ("okx", Market::Linear, "BTC-USDT-SWAP", "--market swap"),
        ("bybit", Market::Linear, "BTCUSD", "--market inverse"),
        ("hyperliquid", Market::Spot, "BTC", "--market swap"),
        (
            "binance",
            Market::Cm,
            "BTCUSDT",
            "--market spot or --market um",
        ),
        ("binance", Market::Um, "BTCUSD_PERP", "--market cm"),
        ("okx", Market::Swap, "BTCUSDT", "`BTC-USDT-SWAP`"),
    ] {
        let text = check(exchange, market, symbol).unwrap_err().to_string();
        let place = format!("`{exchange}:{market}:{symbol}`");
        assert!(
            text.starts_with(&place) && text.contains("\nhint: ") && text.contains(hint),
            "{text}"
        );
    }
}
