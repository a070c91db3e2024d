//! Tests of names, sides and the stream order.
use super::*;
use crate::time::UnixMicros;

#[test]
fn symbols_are_names_of_venues_and_harmless() {
    for ok in [
        "BTCUSDT",
        "BTCUSD_PERP",
        "BTC-USDT-SWAP",
        "1000SHIBUSDT",
        "币安人生USDT",
        "kPEPE",
        "@107",
        "@0",
        "xyz:TSLA",
        "hyna:1000PEPE",
    ] {
        assert!(ok.parse::<Symbol>().is_ok(), "{ok}");
    }
    let long = "X".repeat(41);
    for bad in [
        "",
        "../../x",
        "a/b",
        "a\\b",
        "..",
        "a.b",
        "BTC\0",
        "-x",
        "ВТС",
        "a b",
        "@",
        "@1a",
        "@-1",
        "@1234567890",
        "a@1",
        "C:TSLA",
        "c:TSLA",
        "XYZ:TSLA",
        "xyz:",
        ":TSLA",
        "xyz:a:b",
        "xyz::b",
        "xyz:-b",
        "xyz:..",
        "xyz:../b",
        "1xyz:b",
        "xyz%3ATSLA",
        "PURR/USDC",
        long.as_str(),
    ] {
        assert!(bad.parse::<Symbol>().is_err(), "{bad}");
    }
}

#[test]
fn exchanges_keep_simulated_apart() {
    let sim: Exchange = "sim-binance".parse().unwrap();
    assert!(sim.simulated);
    assert_eq!(sim.to_string(), "sim-binance");
    assert_ne!(Ok(sim), "binance".parse());
    assert!("sim-".parse::<Exchange>().is_err());
}

#[test]
fn a_buyer_who_made_was_sold_to() {
    assert_eq!(Side::from_is_buyer_maker(true), Side::Sell);
    assert_eq!(Side::from_is_buyer_maker(false).sign(), 1);
}

#[test]
fn klines_appear_only_when_they_are_over_and_after_the_trades_of_that_instant() {
    let bar = Event::Bar(Bar {
        ts_open: UnixMicros(0),
        ts_close: UnixMicros(60_000_000),
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        volume: 0.0,
        quote_volume: None,
        n_trades: None,
        taker_buy_volume: None,
    });
    let trade = |us| {
        Event::Trade(Trade {
            ts_event: UnixMicros(us),
            ts_recv: None,
            price: 1.0,
            qty: 1.0,
            aggressor: Side::Buy,
            trade_id: 1,
            n_trades: 1,
        })
    };
    let kline = StreamKey::of(&bar, 0, 0);
    assert!(StreamKey::of(&trade(59_999_999), 0, 7) < kline);
    assert!(StreamKey::of(&trade(60_000_000), 0, 7) < kline);
    assert!(StreamKey::of(&trade(60_000_001), 0, 7) > kline);
}
