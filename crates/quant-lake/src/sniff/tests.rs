//! Texts in every vendor's format are told apart, by content first.

use quant_core::market::{Market, Venue};
use quant_core::time::Day;

use super::*;
use crate::venues::binance::Period;

fn rows(text: &str, path: &str) -> RowsFile {
    match sniff_text(text.as_bytes(), path) {
        Sniffed::Rows(rows) => rows,
        other => panic!("{path}: {other:?}"),
    }
}

/// Venue, market, datasets, symbol and header of a text.
fn told(text: &str, path: &str) -> (Venue, Option<Market>, Vec<Dataset>, Option<String>, bool) {
    let found = rows(text, path);
    (
        found.venue,
        found.market.map(|(m, _)| m),
        found.datasets,
        found.symbol.map(|(s, _)| s),
        found.header,
    )
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "expected values are optional symbols"
)]
fn some(symbol: &str) -> Option<String> {
    Some(symbol.to_owned())
}

#[test]
fn binance_products_are_told_by_columns() {
    let agg = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n1,40000.1,0.5,1,2,1704067200000,true\n";
    assert_eq!(
        told(agg, "BTCUSDT-aggTrades-2024-01-01.csv"),
        (
            Venue::Binance,
            Some(Market::Um),
            vec![Dataset::AggTrades],
            some("BTCUSDT"),
            true
        )
    );
    // Without a header and without a name: the arity tells spot.
    let spot = "1,40000.1,0.5,1,2,1704067200000000,True,True\n";
    assert_eq!(
        told(spot, "x.csv"),
        (
            Venue::Binance,
            Some(Market::Spot),
            vec![Dataset::AggTrades],
            None,
            false
        )
    );
    // Seven columns are aggregated trades of futures or trades of spot.
    assert_eq!(
        told("1,40000.1,0.5,1,2,1704067200000,true\n", "x.csv").2,
        [Dataset::AggTrades]
    );
    let spot = told("1,40000.1,0.5,20000.05,1704067200000,True,True\n", "x.csv");
    assert_eq!(
        (spot.1, spot.2),
        (Some(Market::Spot), vec![Dataset::Trades])
    );
    assert_eq!(
        told("1,40000.1,0.5,20000.05,1704067200000,true\n", "x.csv").1,
        Some(Market::Um)
    );
    let coin = "id,price,qty,base_qty,time,is_buyer_maker\n1,40000.1,5,0.0125,1704067200000,true\n";
    assert_eq!(
        told(coin, "BTCUSD_PERP-trades-2024-01-01.zip"),
        (
            Venue::Binance,
            Some(Market::Cm),
            vec![Dataset::Trades],
            some("BTCUSD_PERP"),
            true
        )
    );
    for (text, dataset) in [
        (
            "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n",
            Dataset::BookTicker,
        ),
        ("timestamp,percentage,depth,notional\n", Dataset::DepthBands),
        (
            "create_time,symbol,sum_open_interest,sum_open_interest_value\n",
            Dataset::Metrics,
        ),
        (
            "calc_time,funding_interval_hours,last_funding_rate\n",
            Dataset::Funding,
        ),
    ] {
        let found = told(text, "x.csv");
        assert_eq!(
            (found.0, found.2),
            (Venue::Binance, vec![dataset]),
            "{text}"
        );
    }
}

#[test]
fn only_a_folder_tells_the_kinds_of_klines_apart() {
    let kline = "1704067200000,1,2,1,2,10,1704067259999,15,3,5,7,0\n";
    let name = "BTCUSDT-1m-2024-01-01.zip";
    let loose = told(kline, name);
    assert_eq!((loose.1, loose.2.len()), (None, 4));
    assert_eq!(loose.3, some("BTCUSDT"));
    for (folder, dataset) in [
        ("klines", Dataset::Klines1m),
        ("markPriceKlines", Dataset::MarkKlines),
        ("premiumIndexKlines", Dataset::PremiumKlines),
        ("indexPriceKlines", Dataset::IndexKlines),
    ] {
        let path = format!("data/futures/um/daily/{folder}/BTCUSDT/1m/{name}");
        let found = told(kline, &path);
        assert_eq!((found.1, found.2), (Some(Market::Um), vec![dataset]));
    }
}

#[test]
fn bybit_and_okx_rows() {
    let contract = "timestamp,symbol,side,size,price,tickDirection\n1704067200.1234,BTCUSD,Buy,5,40000,PlusTick\n";
    assert_eq!(
        told(contract, "x.csv.gz"),
        (
            Venue::Bybit,
            Some(Market::Inverse),
            vec![Dataset::Trades],
            some("BTCUSD"),
            true
        )
    );
    let spot = "id,timestamp,price,volume,side,rpi\n1,1704067200123,40000,0.1,buy,0\n";
    assert_eq!(
        told(spot, "spot/BTCUSDT/BTCUSDT_2024-01-01.csv.gz"),
        (
            Venue::Bybit,
            Some(Market::Spot),
            vec![Dataset::Trades],
            some("BTCUSDT"),
            true
        )
    );
    let okx = "instrument_name,trade_id,side,price,size,created_time\nBTC-USDT-SWAP,1,buy,40000,1,1704067200123\n";
    assert_eq!(
        told(okx, "allswap-trades-2024-01-01.zip"),
        (
            Venue::Okx,
            Some(Market::Swap),
            vec![Dataset::Trades],
            some("BTC-USDT-SWAP"),
            true
        )
    );
    let candles = "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm\n";
    let found = told(candles, "BTC-USDT-candlesticks-2024-01.zip");
    assert_eq!(
        (found.1, found.2),
        (Some(Market::Spot), vec![Dataset::Klines1m])
    );
    let funding = "instrument_name,funding_rate,funding_time\nBTC-USDT-SWAP,0.0001,1704067200000\n";
    assert_eq!(told(funding, "x.csv").2, [Dataset::Funding]);
    // Years ago the names went on in Chinese.
    let old = b"trade_id/\xb4\xe9\xba\xcfid,side/\xbd\xbb\xd2\xd7,size/x,price/y,created_time/z\n1,buy,1,40000,1634400000000\n";
    match sniff_text(old, "BTC-USDT-trades-2021-10-17.csv") {
        Sniffed::Rows(found) => assert_eq!(found.symbol.unwrap().0, "BTC-USDT"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_are_told_by_their_keys() {
    let of = |text: &str| sniff_text(text.as_bytes(), "x");
    assert_eq!(
        of(
            r#"{"topic":"orderbook.200.BTCUSDT","type":"snapshot","ts":1704067200123,"data":{"s":"BTCUSDT","b":[],"a":[],"u":1,"seq":1}}"#
        ),
        Sniffed::BybitBook {
            symbol: "BTCUSDT".to_owned(),
            depth: Some(200)
        }
    );
    assert_eq!(
        of(r#"{"instId":"BTC-USDT","action":"snapshot","ts":"1704067200123","asks":[],"bids":[]}"#),
        Sniffed::OkxBook {
            inst_id: "BTC-USDT".to_owned(),
            actions: true
        }
    );
    let frames = |body: &str| of(&format!("1704067200123456789 {body}\n"));
    for (body, venue) in [
        (r#"{"stream":"btcusdt@trade","data":{}}"#, Venue::Binance),
        (r#"{"lastUpdateId":1,"bids":[],"asks":[]}"#, Venue::Binance),
        (r#"{"arg":{"channel":"trades"},"data":[]}"#, Venue::Okx),
        (r#"{"topic":"publicTrade.BTCUSDT","data":[]}"#, Venue::Bybit),
        (r#"{"channel":"l2Book","data":{}}"#, Venue::Hyperliquid),
    ] {
        assert_eq!(
            frames(body),
            Sniffed::Recording {
                venue,
                capture: false
            },
            "{body}"
        );
    }
    assert_eq!(
        of(r#"{"t":"header","format":2,"exchange":"OKX"}"#),
        Sniffed::Recording {
            venue: Venue::Okx,
            capture: true
        }
    );
    assert_eq!(
        frames(r#"[[1704067200000,"1","2","1","2","10",1704067259999,"15",3,"5","7","0"]]"#),
        Sniffed::Pages {
            venue: Venue::Binance
        }
    );
    assert_eq!(
        of(r#"{"code":"0","msg":"","data":[]}"#),
        Sniffed::Pages { venue: Venue::Okx }
    );
    assert_eq!(
        of(r#"{"routes":{},"x":1}"#),
        Sniffed::Json {
            keys: vec!["routes".to_owned(), "x".to_owned()]
        }
    );
}

#[test]
fn other_texts_get_a_description() {
    match sniff_text(b"Date;Open;Close\n2024-01-01 00:00:00;1;2\n", "x.csv") {
        Sniffed::Csv {
            delimiter,
            columns,
            header,
        } => {
            assert_eq!((delimiter, header), (b';', true));
            assert_eq!(columns, ["Date", "Open", "Close"]);
        }
        other => panic!("{other:?}"),
    }
    let columns = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let likely = |names: &[&str], row: &[&str]| likely_time(&columns(names), &columns(row));
    assert_eq!(
        likely(&["o", "timestamp"], &["1704067200", "1704067200000"]),
        Some(("timestamp".to_owned(), "milliseconds since 1970"))
    );
    assert_eq!(
        likely(&["a", "b"], &["1.5", "2024-01-01T00:00:00Z"]),
        Some(("b".to_owned(), "a date and time as text"))
    );
    assert_eq!(likely(&["a"], &["1.5"]), None);
    assert_eq!(sniff_text(b"hello world\n", "x"), Sniffed::Text);
    assert_eq!(sniff_text(b"\n\r\n", "x"), Sniffed::Empty);
    assert_eq!(sniff_text(b"", "x"), Sniffed::Empty);
    let list = format!(
        "File Path,Original File Checksum,New File Checksum\ndata/x.zip,{0},{0}\n",
        "a".repeat(64)
    );
    assert_eq!(sniff_text(list.as_bytes(), "x.csv"), Sniffed::UpdatesList);
}

#[test]
fn names_tell_instrument_day_and_zone() {
    let day = |text: &str| Period::Day(text.parse::<Day>().unwrap());
    let book = facts_of("a/linear/XRPUSDT/2024-12-01_XRPUSDT_ob500.data.zip");
    assert_eq!(
        (book.symbol.as_deref(), book.period, book.depth, book.market),
        (
            Some("XRPUSDT"),
            Some(day("2024-12-01")),
            Some(500),
            Some(Market::Linear)
        )
    );
    let trades = facts_of("trading/BTCUSDT/BTCUSDT2024-01-01.csv.gz");
    assert_eq!(
        (trades.symbol.as_deref(), trades.period),
        (Some("BTCUSDT"), Some(day("2024-01-01")))
    );
    let okx = facts_of("BTC-USDT-SWAP-trades-2024-01-02.zip");
    assert!(okx.utc8);
    assert_eq!(okx.symbol.as_deref(), Some("BTC-USDT-SWAP"));
    let covers = okx.covers().unwrap();
    assert_eq!(covers.start.to_string(), "2024-01-01T16:00:00Z");
    assert_eq!(covers.end.to_string(), "2024-01-02T16:00:00Z");
    let l2 = facts_of("BTC-USDT-L2orderbook-400lv-2022-05-13.tar.gz");
    assert_eq!((l2.depth, l2.utc8), (Some(400), false));
    let month =
        facts_of("data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-01.zip");
    assert_eq!(month.dataset, Some(Dataset::Funding));
    assert_eq!(month.covers().unwrap().len_us(), 31 * 86_400_000_000);
    assert_eq!(facts_of("notes.txt"), FileFacts::default());
    assert_eq!(facts_of(""), FileFacts::default());
}

proptest::proptest! {
    /// No bytes make it panic.
    #[test]
    fn any_bytes_get_an_answer(bytes: Vec<u8>, name: String) {
        drop(sniff_text(&bytes, &name));
    }

    #[test]
    fn any_near_message_gets_an_answer(text in r#"[0-9]{0,19} ?[\[{]["a-z:,\[\]{}0-9]{0,40}"#) {
        drop(sniff_text(text.as_bytes(), "x"));
    }
}
