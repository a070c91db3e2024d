//! Frames compared byte for byte with recorded ones, where the recordings are present (`QUANT_SHARED_DATA`, else
//! `../shared/data` beside the workspace; absence is said out loud), and with the venue's documented samples.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;
use quant_core::market::Side;
use serde_json::Value;

use super::speed::say;
use super::*;

/// Lines read of each recording: thousands of frames of every sort, and still a fast test.
const LINES: usize = 12_000;

pub(super) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("QUANT_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let found = Some(root.join(path)).filter(|p| p.exists());
    if found.is_none() {
        say(format_args!(
            "SKIPPED: no shared data at {}",
            root.join(path).display()
        ));
    }
    found
}

/// Reads the first lines of a recording as `(receive stamp, frame)`.
pub(super) fn recorded(path: &str, lines: usize) -> Option<Vec<(i64, String)>> {
    let file = std::fs::File::open(shared(path)?).unwrap();
    let lines = BufReader::new(MultiGzDecoder::new(file))
        .lines()
        .take(lines);
    Some(
        lines
            .map(|line| {
                let line = line.unwrap();
                let (stamp, frame) = line.split_once(' ').unwrap();
                (stamp.parse().unwrap(), frame.to_owned())
            })
            .collect(),
    )
}

/// A recorded number, whether a number or a string.
pub(super) fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn micros(value: &Value) -> i64 {
    int(value) * 1_000
}

fn levels(value: &Value) -> Vec<(f64, f64)> {
    let pairs = value.as_array().unwrap().iter();
    pairs.map(|l| (number(&l[0]), number(&l[1]))).collect()
}

/// Reads a frame with an independent parser and writes it again.
fn again(encoder: &StreamEncoder, out: &mut Vec<u8>, data: &Value) -> &'static str {
    match data["e"].as_str() {
        Some("depthUpdate") => {
            let (bids, asks) = (levels(&data["b"]), levels(&data["a"]));
            let frame = DepthUpdateFrame {
                event_us: micros(&data["E"]),
                transaction_us: micros(&data["T"]),
                first_id: int(&data["U"]),
                last_id: int(&data["u"]),
                prev_last_id: int(&data["pu"]),
                bids: &bids,
                asks: &asks,
            };
            encoder.depth_update(out, &frame);
            "depth"
        }
        Some("trade") => {
            let frame = TradeFrame {
                event_us: micros(&data["E"]),
                ts_us: micros(&data["T"]),
                id: int(&data["t"]),
                price: number(&data["p"]),
                qty: number(&data["q"]),
                is_buyer_maker: data["m"].as_bool().unwrap(),
            };
            encoder.trade(out, &frame);
            "trade"
        }
        Some("bookTicker") | None if data["lastUpdateId"].is_null() => {
            let frame = BookTickerFrame {
                update_id: int(&data["u"]),
                bid_px: number(&data["b"]),
                bid_qty: number(&data["B"]),
                ask_px: number(&data["a"]),
                ask_qty: number(&data["A"]),
                transaction_us: micros(&data["T"]),
                event_us: micros(&data["E"]),
            };
            encoder.book_ticker(out, &frame);
            "book"
        }
        None => {
            let (bids, asks) = (levels(&data["bids"]), levels(&data["asks"]));
            let snapshot = DepthSnapshot {
                last_update_id: int(&data["lastUpdateId"]),
                event_us: micros(&data["E"]),
                transaction_us: micros(&data["T"]),
                bids: &bids,
                asks: &asks,
            };
            encoder.depth_snapshot(out, &snapshot);
            "snapshot"
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn recorded_frames_are_written_again_byte_for_byte() {
    for (path, market, decimals) in [
        (
            "recordings/binance/um/btcusdt_20240808.gz",
            Market::Um,
            Decimals { price: 2, qty: 3 },
        ),
        (
            "recordings/binance/spot/btcusdt_20240808.gz",
            Market::Spot,
            Decimals::SPOT,
        ),
    ] {
        let Some(lines) = recorded(path, LINES) else {
            return;
        };
        let encoder = StreamEncoder::new(market, &btc(), decimals).unwrap();
        let mut seen = std::collections::BTreeMap::new();
        for (_, line) in &lines {
            let value: Value = serde_json::from_str(line).unwrap();
            let mut out = Vec::new();
            let kind = if let Some(stream) = value["stream"].as_str() {
                let mut kind = "";
                push_combined(&mut out, stream, |out| {
                    kind = again(&encoder, out, &value["data"]);
                });
                let name = stream.split_once('@').unwrap().1;
                assert_eq!(encoder.stream_name(name), stream);
                kind
            } else {
                again(&encoder, &mut out, &value)
            };
            *seen.entry(kind).or_insert(0) += 1;
            assert_eq!(String::from_utf8(out).unwrap(), *line);
        }
        say(format_args!("{market}: {seen:?}"));
        assert!(seen["depth"] > 300 && seen["trade"] > 900 && seen["book"] > 5_000);
        assert_eq!(seen["snapshot"], 1);
    }
}

fn text(push: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    push(&mut out);
    let text = String::from_utf8(out).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(value.is_object());
    text
}

fn um() -> StreamEncoder {
    StreamEncoder::new(Market::Um, &btc(), Decimals { price: 2, qty: 3 }).unwrap()
}

fn cm() -> StreamEncoder {
    let symbol = "BTCUSD_PERP".parse().unwrap();
    StreamEncoder::new(Market::Cm, &symbol, Decimals { price: 1, qty: 0 }).unwrap()
}

fn spot() -> StreamEncoder {
    StreamEncoder::new(Market::Spot, &btc(), Decimals { price: 2, qty: 3 }).unwrap()
}

#[test]
fn aggregates_of_every_market() {
    let frame = AggTradeFrame {
        event_us: 1762954240628999,
        trade: AggTradeRow {
            agg_id: 2944596736,
            price: 104959.3,
            qty: 0.184,
            first_id: 6857637492,
            last_id: 6857637520,
            ts_us: 1762954240599000,
            is_buyer_maker: false,
        },
        normal_qty: None,
    };
    assert_eq!(
        text(|out| um().agg_trade(out, &frame)),
        r#"{"e":"aggTrade","E":1762954240628,"a":2944596736,"s":"BTCUSDT","p":"104959.30","q":"0.184","f":6857637492,"l":6857637520,"T":1762954240599,"m":false}"#
    );
    let with_rpi = AggTradeFrame {
        normal_qty: Some(0.1),
        ..frame
    };
    assert_eq!(
        text(|out| um().with_symbol_type().agg_trade(out, &with_rpi)),
        r#"{"e":"aggTrade","E":1762954240628,"a":2944596736,"s":"BTCUSDT","p":"104959.30","q":"0.184","nq":"0.100","f":6857637492,"l":6857637520,"T":1762954240599,"m":false,"st":1}"#
    );
    assert_eq!(
        text(|out| spot().agg_trade(out, &with_rpi)),
        r#"{"e":"aggTrade","E":1762954240628,"s":"BTCUSDT","a":2944596736,"p":"104959.30000000","q":"0.18400000","f":6857637492,"l":6857637520,"T":1762954240599,"m":false,"M":true}"#
    );
    let contracts = AggTradeFrame {
        trade: AggTradeRow {
            qty: 184.0,
            ..frame.trade
        },
        ..frame
    };
    assert_eq!(
        text(|out| cm().agg_trade(out, &contracts)),
        r#"{"e":"aggTrade","E":1762954240628,"a":2944596736,"s":"BTCUSD_PERP","p":"104959.3","q":"184","f":6857637492,"l":6857637520,"T":1762954240599,"m":false}"#
    );
}

#[test]
fn coin_margined_frames_name_the_pair() {
    let frame = DepthUpdateFrame {
        event_us: 1622370862564000,
        transaction_us: 1622370862553000,
        first_id: 127559587191,
        last_id: 127559588177,
        prev_last_id: 127559587113,
        bids: &[(35365.9, 1400.0), (35425.8, 0.0)],
        asks: &[(35817.8, 7885.0)],
    };
    let expected = r#"{"e":"depthUpdate","E":1622370862564,"T":1622370862553,"s":"BTCUSD_PERP","ps":"BTCUSD","U":127559587191,"u":127559588177,"pu":127559587113,"b":[["35365.9","1400"],["35425.8","0"]],"a":[["35817.8","7885"]]}"#;
    assert_eq!(text(|out| cm().depth_update(out, &frame)), expected);
    assert_eq!(text(|out| cm().partial_depth(out, &frame)), expected);
    assert_eq!(
        text(|out| spot().partial_depth(out, &DepthUpdateFrame { asks: &[], ..frame })),
        r#"{"lastUpdateId":127559588177,"bids":[["35365.90000000","1400.00000000"],["35425.80000000","0.00000000"]],"asks":[]}"#
    );
    let book = BookTickerFrame {
        update_id: 300683916630,
        bid_px: 49387.1,
        bid_qty: 34.0,
        ask_px: 49387.2,
        ask_qty: 577.0,
        transaction_us: 1640247707198000,
        event_us: 1640247707203000,
    };
    assert_eq!(
        text(|out| cm().book_ticker(out, &book)),
        r#"{"e":"bookTicker","u":300683916630,"s":"BTCUSD_PERP","ps":"BTCUSD","b":"49387.1","B":"34","a":"49387.2","A":"577","T":1640247707198,"E":1640247707203}"#
    );
    let snapshot = DepthSnapshot {
        last_update_id: 16769853,
        event_us: 1591250106370000,
        transaction_us: 1591250106368000,
        bids: &[(9638.0, 431.0)],
        asks: &[(9638.2, 12.0)],
    };
    assert_eq!(
        text(|out| cm().depth_snapshot(out, &snapshot)),
        r#"{"lastUpdateId":16769853,"symbol":"BTCUSD_PERP","pair":"BTCUSD","E":1591250106370,"T":1591250106368,"bids":[["9638.0","431"]],"asks":[["9638.2","12"]]}"#
    );
}

#[test]
fn mark_prices() {
    let frame = MarkPriceFrame {
        event_us: 1781419401002000,
        mark: 64240.38272864,
        average: Some(64240.38272864),
        index: 64273.72847826,
        settle: 64361.80163225,
        funding_rate: Some(-0.00006042),
        next_funding_us: 1781424000000000,
    };
    let name = um().stream_name("markPrice@1s");
    assert_eq!(
        text(|out| push_combined(out, &name, |out| um().mark_price(out, &frame))),
        r#"{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1781419401002,"s":"BTCUSDT","p":"64240.38272864","ap":"64240.38272864","P":"64361.80163225","i":"64273.72847826","r":"-0.00006042","T":1781424000000}}"#
    );
    let dated = MarkPriceFrame {
        average: None,
        funding_rate: None,
        next_funding_us: 0,
        ..frame
    };
    assert_eq!(
        text(|out| cm().with_symbol_type().mark_price(out, &dated)),
        r#"{"e":"markPriceUpdate","E":1781419401002,"s":"BTCUSD_PERP","p":"64240.38272864","P":"64361.80163225","i":"64273.72847826","r":"","T":0,"st":2}"#
    );
}

#[test]
fn klines_open_and_closed() {
    let kline = kline(1784073600000);
    let frame = KlineFrame {
        event_us: 1784073660003000,
        kline,
        interval: "1m",
        interval_us: 60_000_000,
        first_id: 100,
        last_id: 6097,
        is_closed: true,
    };
    assert_eq!(
        text(|out| um().kline(out, &frame)),
        r#"{"e":"kline","E":1784073660003,"s":"BTCUSDT","k":{"t":1784073600000,"T":1784073659999,"s":"BTCUSDT","i":"1m","f":100,"L":6097,"o":"65014.60","c":"65011.50","h":"65031.80","l":"64996.80","v":"327.207","n":5998,"x":true,"q":"21273110.50730","V":"222.863","Q":"14489221.32700","B":"0"}}"#
    );
    let open = KlineFrame {
        is_closed: false,
        ..frame
    };
    let spot_text = text(|out| spot().kline(out, &open));
    assert!(
        spot_text.contains(r#""x":false,"q":"21273110.50730000","#),
        "{spot_text}"
    );
}

#[test]
fn forced_orders() {
    let frame = ForceOrderFrame {
        event_us: 1568014460893000,
        ts_us: 1568014460890000,
        side: Side::Sell,
        qty: 0.014,
        price: 9910.0,
        average_price: 9911.5,
        last_qty: 0.01,
        filled_qty: 0.014,
    };
    assert_eq!(
        text(|out| um().force_order(out, &frame)),
        r#"{"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"9910.00","ap":"9911.50","X":"FILLED","l":"0.010","z":"0.014","T":1568014460890}}"#
    );
    let recent = text(|out| um().with_symbol_type().force_order(out, &frame));
    assert!(
        recent.ends_with(r#""T":1568014460890,"ps":"BTCUSDT","st":1}}"#),
        "{recent}"
    );
    let inverse = ForceOrderFrame {
        side: Side::Buy,
        qty: 3.0,
        last_qty: 1.0,
        filled_qty: 3.0,
        ..frame
    };
    assert_eq!(
        text(|out| cm().force_order(out, &inverse)),
        r#"{"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSD_PERP","ps":"BTCUSD","S":"BUY","o":"LIMIT","f":"IOC","q":"3","p":"9910.0","ap":"9911.5","X":"FILLED","l":"1","z":"3","T":1568014460890}}"#
    );
}

#[test]
fn other_venues_have_no_frames() {
    let error = StreamEncoder::new(Market::Swap, &btc(), Decimals::SPOT).unwrap_err();
    assert_eq!(
        error.to_string(),
        "market `swap` is not one of Binance; expected `spot`, `um` or `cm`"
    );
}

/// One side's rule for keeping a book (documented by the venue): the first update after a snapshot, then each next.
fn futures_rule(last: i64, updates: &[(i64, i64, i64)]) -> bool {
    let mut live = updates.iter().filter(|(_, u, _)| *u >= last);
    let Some(&(first, mut u, _)) = live.next() else {
        return false;
    };
    first <= last
        && last <= u
        && live.all(|&(_, next, pu)| {
            let chained = pu == u;
            u = next;
            chained
        })
}

fn spot_rule(last: i64, updates: &[(i64, i64, i64)]) -> bool {
    let mut live = updates.iter().filter(|(_, u, _)| *u > last);
    let Some(&(first, mut u, _)) = live.next() else {
        return false;
    };
    first <= last + 1
        && last < u
        && live.all(|&(first, next, _)| {
            let chained = first == u + 1;
            u = next;
            chained
        })
}

proptest! {
    #[test]
    fn update_ids_of_futures_ascend_with_gaps(id in 0_i64..1_000_000_000_000) {
        let gap = um_update_id(id + 1) - um_update_id(id);
        prop_assert!((34..=160).contains(&gap), "{}", gap);
    }

    #[test]
    fn each_market_is_kept_by_its_own_rule_only(
        start in 0_i64..1_000_000_000,
        sizes in proptest::collection::vec(1_i64..30, 3..20),
        inside in 0_usize..100,
    ) {
        // Updates of some messages each, and a snapshot taken within one that is not the last two.
        let mut updates = Vec::new();
        let mut id = start;
        for size in &sizes {
            updates.push((id, id + size - 1));
            id += size;
        }
        let (first, last) = updates[inside % (updates.len() - 2)];
        let snapshot = first + (last - first) * (inside as i64 % 7) / 6;
        let futures: Vec<_> = updates
            .iter()
            .map(|&(a, b)| (um_update_id(a), um_update_id(b), um_update_id(a - 1)))
            .collect();
        let spot: Vec<_> = updates.iter().map(|&(a, b)| (a, b, 0)).collect();
        let futures_last = um_update_id(snapshot);
        prop_assert!(futures_rule(futures_last, &futures));
        prop_assert!(!spot_rule(futures_last, &futures));
        prop_assert!(spot_rule(snapshot, &spot));
        prop_assert!(!futures_rule(snapshot, &spot));
    }
}
