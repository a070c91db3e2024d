//! Frames as recorded, and every way in which one can be wrong.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use proptest::prelude::*;
use quant_core::time::{TimeRange, UnixMicros};

use super::*;
use crate::venues::book_flow::Cadence;
use crate::venues::book_flow::tests_shared::{Lost, Replayed, replay};
use crate::venues::rows::{FileTotals, Parsed, Totals};

/// 2024-08-09 00:00:00 UTC, milliseconds.
const MS: i64 = 1_723_161_600_000;

struct Read {
    totals: FileTotals,
    batches: Vec<(Dataset, RecordBatch)>,
}

impl Read {
    fn totals(&self, dataset: Dataset) -> &Totals {
        &self.totals.iter().find(|(d, _)| *d == dataset).unwrap().1
    }

    fn rows(&self, dataset: Dataset) -> usize {
        let of = self.batches.iter().filter(|(d, _)| *d == dataset);
        of.map(|(_, b)| b.num_rows()).sum()
    }

    fn batch(&self, dataset: Dataset) -> &RecordBatch {
        &self.batches.iter().find(|(d, _)| *d == dataset).unwrap().1
    }

    fn reasons(&self, dataset: Dataset) -> Vec<String> {
        let refused = &self.totals(dataset).quarantined;
        refused.iter().map(|q| q.reason.to_string()).collect()
    }
}

fn options(market: Market) -> RecordingOptions {
    let unit = if market == Market::Cm {
        QtyUnit::Inverse { usd: 100.0 }
    } else {
        QtyUnit::Base
    };
    RecordingOptions {
        market,
        symbol: "BTCUSDT".parse().unwrap(),
        book: BookOptions {
            levels: 5,
            cadence: Cadence::EveryMessage,
            unit,
        },
    }
}

fn parser(
    market: Market,
    name: &str,
    session: &Arc<Session>,
    before: Option<&str>,
) -> Box<dyn RowParser> {
    let parse = ParseOptions {
        file: name.to_owned(),
        range: TimeRange {
            start: UnixMicros(0),
            end: UnixMicros(i64::MAX),
        },
        max_quarantine_share: 1.0,
        collect: vec![Dataset::Liquidations],
    };
    recording_parser(options(market), &RECORDED, parse, session, before)
}

fn finish(mut parser: Box<dyn RowParser>, lines: &[String]) -> Result<Read, ParseError> {
    let text = lines.join("\n");
    let mut out = Vec::new();
    parser.feed(text.as_bytes(), &mut out)?;
    let totals = parser.finish(&mut out)?;
    let batches = out.into_iter().filter_map(|p| match p {
        Parsed::Rows { dataset, batch, .. } => Some((dataset, batch)),
        Parsed::DayEnd { .. } => None,
    });
    let read = Read {
        totals,
        batches: batches.collect(),
    };
    for (dataset, t) in &read.totals {
        let duplicates: u64 = t.days.values().map(|c| c.duplicates).sum();
        let accounted =
            read.rows(*dataset) as u64 + duplicates + t.filtered + t.quarantined.len() as u64;
        assert_eq!(t.rows, accounted, "{dataset}");
    }
    Ok(read)
}

fn read(market: Market, lines: &[String]) -> Result<Read, ParseError> {
    let session = Arc::default();
    finish(parser(market, "x.gz", &session, None), lines)
}

fn line(at: i64, data: &str) -> String {
    format!("{} {data}", (MS + at) * 1_000_000 + 123_456)
}

/// A futures depth update: time after [`MS`], U, u, pu, bids, asks.
fn depth(at: i64, ids: (i64, i64, i64), bids: &str, asks: &str) -> String {
    let (first, last, prev) = ids;
    let t = MS + at;
    line(
        at,
        &format!(
            r#"{{"stream":"btcusdt@depth@0ms","data":{{"e":"depthUpdate","E":{t},"T":{t},"s":"BTCUSDT","U":{first},"u":{last},"pu":{prev},"b":[{bids}],"a":[{asks}]}}}}"#
        ),
    )
}

fn image(at: i64, last: i64) -> String {
    let t = MS + at;
    line(
        at,
        &format!(
            r#"{{"lastUpdateId":{last},"E":{t},"T":{t},"bids":[["99.0","1"],["98.0","2"]],"asks":[["101.0","3"]]}}"#
        ),
    )
}

fn trade(at: i64, id: i64) -> String {
    let t = MS + at;
    line(
        at,
        &format!(
            r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{t},"T":{t},"s":"BTCUSDT","t":{id},"p":"100.5","q":"0.006","X":"MARKET","m":false}}}}"#
        ),
    )
}

fn spot_quote(at: i64, u: i64) -> String {
    line(
        at,
        &format!(
            r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{u},"s":"BTCUSDT","b":"99.5","B":"1","a":"100.5","A":"2"}}}}"#
        ),
    )
}

fn spot_trade(at: i64, id: i64) -> String {
    let t = MS + at;
    line(
        at,
        &format!(
            r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{t},"s":"BTCUSDT","t":{id},"p":"100.5","q":"0.5","T":{t},"m":true,"M":true}}}}"#
        ),
    )
}

#[test]
fn a_book_waits_for_its_image_drops_what_that_holds_and_goes_on() {
    let lines = [
        depth(0, (1, 5, 0), r#"["97.0","1"]"#, ""),
        depth(10, (6, 10, 5), r#"["96.0","1"]"#, r#"["102.0","9"]"#),
        image(12, 8),
        depth(20, (11, 15, 10), r#"["99.0","0"]"#, ""),
    ];
    let read = read(Market::Um, &lines).unwrap();
    // The first update is older than the image; the second spans it; image rows 3, updates 2 and 1.
    let deltas = read.totals(Dataset::L2Deltas);
    assert_eq!((deltas.filtered, read.rows(Dataset::L2Deltas)), (1, 6));
    assert_eq!(read.rows(Dataset::L2Snapshots), 3);
    let images = read.batch(Dataset::L2Snapshots);
    let px = |name: &str| images[name].as_primitive::<Float64Type>().values().to_vec();
    assert_eq!(px("bid_px_00"), [99.0, 99.0, 98.0]);
    let ids = images["update_id"]
        .as_primitive::<Int64Type>()
        .values()
        .to_vec();
    assert_eq!(ids, [8, 10, 15]);
    // The image is not put after the update that follows it, whose time is earlier.
    let ts = images["ts_event"].as_primitive::<TimestampMicrosecondType>();
    assert_eq!(ts.value(0), (MS + 10) * 1_000);
}

#[test]
fn a_break_voids_the_book_until_the_next_image() {
    let lines = [
        image(0, 5),
        depth(10, (5, 10, 5), r#"["97.0","1"]"#, ""),
        depth(20, (20, 25, 19), r#"["96.0","1"]"#, ""),
        depth(30, (26, 30, 25), r#"["95.0","1"]"#, ""),
        image(40, 28),
        depth(50, (31, 35, 30), r#"["94.0","1"]"#, ""),
    ];
    let read = read(Market::Um, &lines).unwrap();
    let deltas = read.totals(Dataset::L2Deltas);
    assert_eq!(deltas.days.values().map(|c| c.gaps).sum::<u64>(), 1);
    // Left out: the update before the second image that it holds already.
    assert_eq!(deltas.filtered, 1);
    let images = read.totals(Dataset::L2Snapshots);
    assert_eq!(images.diagnostics["resyncs"], 1);
    assert_eq!(images.diagnostics["messages_applied"], 5);
    assert!(
        images.remarks[0].contains("an update is missing"),
        "{images:?}"
    );
}

fn lost(read: &Read) -> Replayed {
    let of = read.batches.iter().filter(|(d, _)| *d == Dataset::L2Deltas);
    replay(of.map(|(_, batch)| batch))
}

#[test]
fn a_lost_book_leaves_a_row_before_the_image_that_follows() {
    let at = |ms: i64| (MS + ms) * 1_000;
    let row = |ms: i64, told: i64, msg_seq, id| Lost {
        ts: at(ms),
        ts_recv: Some(at(told) + 123),
        msg_seq,
        side: 1,
        price: 99.0,
        id,
    };
    let start = [
        image(0, 5),
        depth(10, (5, 10, 5), r#"["97.0","1"]"#, ""),
        depth(20, (20, 25, 19), r#"["96.0","1"]"#, ""),
    ];
    // The image has the state after the broken message, which is applied again to it, at the same time as the loss.
    let mut lines = start.to_vec();
    lines.push(depth(30, (26, 30, 25), r#"["95.0","1"]"#, ""));
    lines.push(image(40, 25));
    let found = lost(&read(Market::Um, &lines).unwrap());
    assert_eq!(found.lost, [row(20, 20, 22, 25)]);
    assert_eq!(
        found.depths,
        [(0, 3), (10, 4), (20, 0), (20, 3), (20, 4), (30, 5)].map(|(ms, n)| (at(ms), n))
    );
    // An image of before the break, with the very next id, breaks again at once; then one that fits.
    let mut lines = start.to_vec();
    lines.extend([image(15, 11), image(40, 28)]);
    lines.push(depth(50, (26, 30, 25), r#"["95.0","1"]"#, ""));
    let broken = read(Market::Um, &lines).unwrap();
    let found = lost(&broken);
    assert_eq!(found.lost, [row(20, 20, 22, 25), row(20, 20, 24, 25)]);
    assert_eq!(
        found.depths,
        [(0, 3), (10, 4), (20, 0), (20, 3), (20, 0), (40, 3), (50, 4)].map(|(ms, n)| (at(ms), n))
    );
    assert_eq!(
        broken.totals(Dataset::L2Deltas).diagnostics["rows_moved_behind_a_lost_book"],
        1
    );
    // Lost until the end.
    let found = lost(&read(Market::Um, &start).unwrap());
    assert_eq!(found.lost, [row(20, 20, 22, 25)]);
    // A line that is refused is missed by the next one.
    let mut lines = start[..2].to_vec();
    lines.push(depth(20, (11, 15, 10), r#"["96.0","x"]"#, ""));
    lines.push(depth(30, (16, 20, 15), r#"["96.0","1"]"#, ""));
    let found = lost(&read(Market::Um, &lines).unwrap());
    assert_eq!(found.lost, [row(30, 30, 22, 20)]);
    // In the next recording of the session.
    let session = Arc::new(Session::default());
    finish(parser(Market::Um, "a.gz", &session, None), &start[..2]).unwrap();
    let next = parser(Market::Um, "b.gz", &session, Some("a.gz"));
    let of = finish(next, &start[2..]).unwrap();
    let deltas = of.batch(Dataset::L2Deltas);
    assert_eq!(deltas.num_rows(), 1);
    assert!(deltas["is_snapshot"].as_boolean().value(0));
    let totals = of.totals(Dataset::L2Deltas);
    assert_eq!((totals.rows, totals.filtered), (2, 1));
}

#[test]
fn an_update_that_the_book_holds_is_left_out_and_breaks_nothing() {
    let b = |px: &str| format!(r#"["{px}","1"]"#);
    let lines = [
        image(0, 5),
        depth(10, (5, 10, 5), &b("97.0"), ""),
        depth(20, (11, 12, 10), &b("96.0"), ""),
        // Of another connection or file: both again, then one that goes on.
        depth(10, (5, 10, 5), &b("97.0"), ""),
        depth(20, (11, 12, 10), &b("96.0"), ""),
        depth(30, (13, 14, 12), &b("95.0"), ""),
    ];
    let found = read(Market::Um, &lines).unwrap();
    let deltas = found.totals(Dataset::L2Deltas);
    assert_eq!((deltas.rows, deltas.filtered), (3 + 3 + 2, 2));
    let images = found.totals(Dataset::L2Snapshots);
    assert_eq!(images.diagnostics["updates_repeated"], 2);
    assert!(lost(&found).lost.is_empty());
    // Ids that begin anew later are a break: nothing says that the book is the same.
    let mut lines = lines[..3].to_vec();
    lines.push(depth(40, (1, 2, 0), &b("95.0"), ""));
    let found = read(Market::Um, &lines).unwrap();
    assert_eq!(lost(&found).lost.len(), 1);
}

#[test]
fn a_recording_goes_on_from_the_one_before_it() {
    let session = Arc::new(Session::default());
    let first = [image(0, 5), depth(10, (5, 10, 5), r#"["97.0","1"]"#, "")];
    let second = [depth(20, (11, 12, 10), r#"["96.0","1"]"#, "")];
    finish(parser(Market::Um, "a.gz", &session, None), &first).unwrap();
    let joined = finish(parser(Market::Um, "b.gz", &session, Some("a.gz")), &second).unwrap();
    assert_eq!(joined.rows(Dataset::L2Deltas), 1);
    assert_eq!(joined.rows(Dataset::L2Snapshots), 1);
    let alone = finish(parser(Market::Um, "b.gz", &Arc::default(), None), &second).unwrap();
    assert_eq!(alone.rows(Dataset::L2Deltas), 0);
    assert!(alone.totals(Dataset::L2Deltas).remarks[0].contains("no REST image"));
    // One that does not follow is a gap, not a continuation.
    let apart = [depth(90, (50, 60, 49), r#"["96.0","1"]"#, "")];
    let apart = finish(parser(Market::Um, "c.gz", &session, Some("a.gz")), &apart).unwrap();
    assert_eq!(apart.rows(Dataset::L2Deltas), 1, "of the lost book");
    assert_eq!(apart.totals(Dataset::L2Snapshots).diagnostics["resyncs"], 1);
}

#[test]
fn the_other_markets_recording_is_refused_and_says_so() {
    let spot_depth = line(
        0,
        &format!(
            r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{MS},"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[["1.0","1"]]}}}}"#
        ),
    );
    let spot_image = line(
        0,
        r#"{"lastUpdateId":5,"bids":[["1.0","1"]],"asks":[["2.0","1"]]}"#,
    );
    for (market, lines, hint) in [
        (Market::Um, vec![spot_depth], "--market spot"),
        (
            Market::Um,
            vec![spot_trade(0, 1), spot_image],
            "--market spot",
        ),
        (Market::Um, vec![spot_quote(0, 1)], "--market spot"),
        (
            Market::Spot,
            vec![depth(0, (1, 2, 0), "", "")],
            "--market um",
        ),
        (Market::Spot, vec![image(0, 5)], "--market um"),
    ] {
        let error = read(market, &lines)
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default();
        assert!(
            error.contains("x.gz, row") && error.contains(hint),
            "{market}: {error}"
        );
    }
}

/// A frame of ETHUSDT.
fn of_eth(frame: &str) -> String {
    frame
        .replace("BTCUSDT", "ETHUSDT")
        .replace("btcusdt", "ethusdt")
}

#[test]
fn an_image_without_a_symbol_is_not_used_beside_frames_of_another_symbol() {
    let update = depth(10, (5, 10, 5), r#"["97.0","1"]"#, "");
    let eth = of_eth(&trade(5, 1));
    for lines in [
        // An image before, between and after frames of both.
        vec![eth.clone(), image(6, 5), update.clone()],
        vec![image(0, 5), eth.clone(), update.clone()],
        vec![update.clone(), image(0, 5), eth.clone()],
        vec![update.clone(), eth.clone(), image(0, 5)],
    ] {
        let error = read(Market::Um, &lines).err().map(|e| e.to_string());
        let error = error.unwrap_or_default();
        for part in ["x.gz, row", "`ETHUSDT`", "`BTCUSDT`", "split the recording"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    // Another symbol's recording read as ours has nothing of ours, whatever its image is.
    let error = read(Market::Um, &[eth.clone(), image(6, 5), of_eth(&update)]).err();
    let error = error.map(|e| e.to_string()).unwrap_or_default();
    assert!(
        error.contains("nothing in it is of `BTCUSDT`") && error.contains("`ETHUSDT`, 2 in all"),
        "{error}"
    );
    // Without books there is nothing to be wrong about, and streams of the whole market say nothing about images.
    let parse = ParseOptions {
        file: "x.gz".to_owned(),
        range: TimeRange {
            start: UnixMicros(0),
            end: UnixMicros(i64::MAX),
        },
        max_quarantine_share: 1.0,
        collect: Vec::new(),
    };
    let session = Arc::default();
    let trades = [Dataset::Trades];
    let alone = recording_parser(options(Market::Um), &trades, parse, &session, None);
    let lines = [image(0, 5), eth.clone(), trade(5, 1)];
    assert_eq!(finish(alone, &lines).unwrap().rows(Dataset::Trades), 1);
    let all = eth.replace("ethusdt@trade", "!forceOrder@arr");
    let read = read(Market::Um, &[image(0, 5), all, update]).unwrap();
    assert_eq!(read.rows(Dataset::L2Deltas), 4);
    // What was recorded before in the session counts as well.
    let session = Arc::new(Session::default());
    let first = [eth, trade(5, 1)];
    finish(parser(Market::Um, "a.gz", &session, None), &first).unwrap();
    let second = [trade(9, 2), image(10, 8)];
    let joined = finish(parser(Market::Um, "b.gz", &session, Some("a.gz")), &second);
    assert!(joined.is_err_and(|e| e.to_string().contains("ETHUSDT")));
}

#[test]
fn an_image_waits_for_a_frame_of_the_symbol() {
    let read_one = |lines: &[String]| read(Market::Um, lines).unwrap();
    let alone = read_one(&[image(0, 5), image(5, 6)]);
    let totals = alone.totals(Dataset::L2Deltas);
    assert_eq!(
        (
            totals.rows,
            totals.filtered,
            alone.rows(Dataset::L2Snapshots)
        ),
        (6, 6, 0)
    );
    assert_eq!(totals.diagnostics["images_before_the_symbol"], 2);
    let confirmed = read_one(&[image(0, 5), trade(10, 1)]);
    assert_eq!(confirmed.rows(Dataset::L2Deltas), 3);
    let ts = confirmed.batch(Dataset::L2Deltas)["ts_event"]
        .as_primitive::<TimestampMicrosecondType>()
        .value(0);
    assert_eq!(ts, MS * 1_000);
}

#[test]
fn a_coin_margined_image_names_its_symbol() {
    let named =
        |symbol: &str| image(5, 5).replace("{\"last", &format!("{{\"symbol\":\"{symbol}\",\"last"));
    let read = |symbol: &str| read(Market::Cm, &[trade(0, 1), named(symbol)]).unwrap();
    assert_eq!(read("BTCUSDT").rows(Dataset::L2Deltas), 3);
    let other = read("ETHUSDT");
    assert_eq!(other.totals(Dataset::L2Deltas).rows, 0);
    assert_eq!(
        other.totals(Dataset::Trades).diagnostics["other_symbols"],
        1
    );
}

#[test]
fn a_recording_of_something_else_is_refused() {
    let hyperliquid = line(
        0,
        r#"{"channel":"l2Book","data":{"coin":"BTC","time":1,"levels":[[],[]]}}"#,
    );
    let answer = line(0, r#"{"result":null,"id":1}"#);
    for (lines, named) in [
        (vec![of_eth(&trade(0, 1)), answer.clone()], "`ETHUSDT`"),
        (vec![answer.clone(), hyperliquid], "l2Book"),
    ] {
        let error = read(Market::Um, &lines).err().map(|e| e.to_string());
        let error = error.unwrap_or_default();
        assert!(
            error.contains(named) && error.contains("`BTCUSDT`"),
            "{error}"
        );
    }
    // A recorder that was stopped at once is no recording of something else.
    assert!(read(Market::Um, &[answer]).is_ok());
}

#[test]
fn spot_quotes_take_the_newest_time_and_say_so() {
    let lines = [
        spot_quote(0, 1),
        spot_trade(5, 2),
        spot_trade(3, 1),
        spot_quote(6, 2),
    ];
    let read = read(Market::Spot, &lines).unwrap();
    let quotes = read.totals(Dataset::BookTicker);
    assert_eq!(
        (quotes.filtered, quotes.diagnostics["before_first_time"]),
        (1, 1)
    );
    let batch = read.batch(Dataset::BookTicker);
    let ts = batch["ts_event"].as_primitive::<TimestampMicrosecondType>();
    assert_eq!(ts.values()[..], [(MS + 5) * 1_000]);
    assert!(batch["ts_inferred"].as_boolean().value(0));
    // Sold into the bid: the buyer made.
    let trades = read.batch(Dataset::Trades);
    let sides = trades["aggressor"].as_primitive::<arrow_array::types::Int8Type>();
    assert_eq!(sides.values()[..], [-1, -1]);
}

#[test]
fn late_rows_are_flagged_other_symbols_and_streams_only_counted() {
    let other = trade(20, 9).replace("\"s\":\"BTCUSDT\"", "\"s\":\"ETHUSDT\"");
    let mark = line(
        30,
        &format!(
            r#"{{"stream":"btcusdt@markPrice","data":{{"e":"markPriceUpdate","E":{},"s":"BTCUSDT","p":"1","T":0}}}}"#,
            MS + 2_000
        ),
    );
    let not_market = trade(40, 8).replace("\"MARKET\"", "\"INSURANCE_FUND\"");
    let lines = [
        trade(0, 1),
        trade(1_000, 30),
        trade(900, 20),
        trade(600, 10),
        other,
        mark,
        not_market,
    ];
    let read = read(Market::Um, &lines).unwrap();
    let trades = read.totals(Dataset::Trades);
    assert_eq!(trades.days.values().map(|c| c.late).sum::<u64>(), 1);
    assert_eq!(trades.diagnostics["other_symbols"], 1);
    assert_eq!(trades.diagnostics["frames_of_other_streams"], 1);
    assert_eq!((trades.diagnostics["not_market"], trades.filtered), (1, 1));
    let batch = read.batch(Dataset::Trades);
    let late = batch["late"].as_boolean();
    assert_eq!(
        late.iter().map(|l| l == Some(true)).collect::<Vec<_>>(),
        [false, true, false, false]
    );
}

#[test]
fn coin_margined_quantities_are_contracts() {
    let read = read(Market::Cm, &[trade(0, 1)]).unwrap();
    let batch = read.batch(Dataset::Trades);
    let value = |name: &str| batch[name].as_primitive::<Float64Type>().value(0);
    assert_eq!(
        (value("qty_raw"), value("qty")),
        (0.006, 0.006 * 100.0 / 100.5)
    );
}

#[test]
fn klines_when_closed_forced_orders_and_aggregates() {
    let kline = |closed: bool| {
        line(
            0,
            &format!(
                r#"{{"e":"kline","E":{MS},"s":"BTCUSDT","k":{{"t":{},"T":{},"s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"1","c":"2","h":"3","l":"1","v":"10","n":4,"x":{closed},"q":"20","V":"6","Q":"12","B":"0"}}}}"#,
                MS - 60_000,
                MS - 1
            ),
        )
    };
    let force = line(
        5,
        &format!(
            r#"{{"e":"forceOrder","E":{MS},"o":{{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"9910","ap":"9911","X":"FILLED","l":"0.014","z":"0.014","T":{MS}}}}}"#
        ),
    );
    let agg = line(
        6,
        &format!(
            r#"{{"e":"aggTrade","E":{MS},"a":7,"s":"BTCUSDT","p":"1.5","q":"2","nq":"1","f":3,"l":5,"T":{MS},"m":true,"st":1}}"#
        ),
    );
    let read = read(Market::Um, &[kline(false), kline(true), force, agg]).unwrap();
    assert_eq!(read.rows(Dataset::Klines1m), 1);
    let close =
        read.batch(Dataset::Klines1m)["ts_close"].as_primitive::<TimestampMicrosecondType>();
    assert_eq!(close.value(0), MS * 1_000);
    assert_eq!(
        (
            read.rows(Dataset::Liquidations),
            read.rows(Dataset::AggTrades)
        ),
        (1, 1)
    );
    let last = read.batch(Dataset::AggTrades)["last_id"].as_primitive::<Int64Type>();
    assert_eq!(last.value(0), 5);
}

#[test]
fn bad_frames_are_refused_under_their_dataset_with_a_reason() {
    let good = trade(0, 1);
    let edit = |from: &str, to: &str| good.replace(from, to);
    let cases = [
        (
            edit("\"100.5\"", "\"NaN\""),
            Dataset::Trades,
            "`p`: not a finite",
        ),
        (edit("\"100.5\"", "\"-1\""), Dataset::Trades, "`p`: must be"),
        (
            edit("\"100.5\"", "\"0\""),
            Dataset::Trades,
            "`p`: must be positive",
        ),
        (
            edit("\"100.5\"", "\"1e400\""),
            Dataset::Trades,
            "`p`: not a finite",
        ),
        (
            edit("\"0.006\"", "\"0\""),
            Dataset::Trades,
            "`q`: must be positive",
        ),
        (
            edit("\"t\":1,", "\"t\":99999999999999999999,"),
            Dataset::Trades,
            "`t`: not an integer",
        ),
        (
            edit("\"t\":1,", "\"t\":1,\"t\":1,"),
            Dataset::Trades,
            "`t`: given twice",
        ),
        (edit("\"t\":1,", ""), Dataset::Trades, "`t`: missing"),
        (
            edit("\"m\":false", "\"m\":\"maybe\""),
            Dataset::Trades,
            "`m`: expected true or false",
        ),
        (
            edit(&format!("\"T\":{MS}"), "\"T\":1723161600"),
            Dataset::Trades,
            "`T`: not a time",
        ),
        (edit("}}", "}"), Dataset::Trades, "not the JSON"),
        (edit("{\"e\"", "[\"e\""), Dataset::Trades, "not the JSON"),
        (
            "17231616000000000000 {}".to_owned(),
            Dataset::Trades,
            "receive time",
        ),
        ("abc {}".to_owned(), Dataset::Trades, "receive time"),
        (String::new(), Dataset::Trades, "blank line"),
        (
            line(
                0,
                &format!("{{\"zz\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000)),
            ),
            Dataset::Trades,
            "nesting",
        ),
        (
            depth(0, (1, 2, 0), r#"["1.0"]"#, ""),
            Dataset::L2Deltas,
            "not the JSON",
        ),
        (
            depth(0, (1, 2, 0), r#"["1.0","-1"]"#, ""),
            Dataset::L2Deltas,
            "`qty`: must be",
        ),
        (
            depth(0, (1, 2, 0), r#"["0","1"]"#, ""),
            Dataset::L2Deltas,
            "`price`: must be",
        ),
    ];
    for (bad, dataset, expected) in cases {
        let lines = [trade(0, 5), bad.clone(), trade(9, 6)];
        let read = read(Market::Um, &lines).unwrap();
        assert_eq!(read.rows(Dataset::Trades), 2, "{bad:.200}");
        let mut reasons = read.reasons(dataset);
        reasons.extend(read.reasons(Dataset::Trades));
        assert!(
            reasons.iter().any(|r| r.contains(expected)),
            "{bad:.200}: {reasons:?}"
        );
    }
}

#[test]
fn quotes_are_kept_as_the_venue_said_them() {
    let quote = |u: i64, [b, bq, a, aq]: [&str; 4]| {
        line(
            u,
            &format!(
                r#"{{"e":"bookTicker","u":{u},"s":"BTCUSDT","b":"{b}","B":"{bq}","a":"{a}","A":"{aq}","T":{MS},"E":{MS}}}"#
            ),
        )
    };
    let read_all = |market, told: &[[&str; 4]]| {
        let lines: Vec<String> = (1..).zip(told).map(|(u, q)| quote(u, *q)).collect();
        read(market, &lines).unwrap()
    };
    let told = [
        ["101", "1", "100", "2"],
        ["100", "1", "0.00", "0.000"],
        ["100", "1", "101", "0.000"],
        ["0", "3", "101", "2"],
        ["0.00", "0", "0.00", "0"],
        ["100", "1", "-101", "2"],
        ["100", "1", "101", "-2"],
        ["100", "1", "NaN", "2"],
        ["100", "1", "", ""],
    ];
    let all = read_all(Market::Um, &told);
    let d = Dataset::BookTicker;
    let columns = ["bid_px", "bid_qty", "ask_px", "ask_qty"].map(|name| {
        let column = all.batch(d).column_by_name(name).unwrap();
        column.as_primitive::<Float64Type>().values().to_vec()
    });
    let rows: Vec<[f64; 4]> = (0..columns[0].len())
        .map(|i| columns.each_ref().map(|c| c[i]))
        .collect();
    assert_eq!(
        rows,
        [
            [101.0, 1.0, 100.0, 2.0],
            [100.0, 1.0, 0.0, 0.0],
            [100.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 101.0, 2.0],
            [0.0; 4],
        ]
    );
    let reasons = all.reasons(d);
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    assert!(reasons[0].contains("`a`: must be 0 to 1e15"), "{reasons:?}");
    assert!(reasons[1].contains("`A`: must be 0 to 1e15"), "{reasons:?}");
}

#[test]
fn stamps_are_read_in_every_unit() {
    for (stamp, us) in [
        ("1723161600000000123", Some(1_723_161_600_000_000)),
        ("1723161600000001", Some(1_723_161_600_000_001)),
        ("1723161600001", Some(1_723_161_600_001_000)),
    ] {
        let text = format!("{stamp} {{}}");
        assert_eq!(split_stamp(text.as_bytes()).unwrap(), (us, &b"{}"[..]));
    }
    assert_eq!(split_stamp(b"{}").unwrap(), (None, &b"{}"[..]));
}

proptest! {
    #[test]
    fn no_bytes_panic(lines in proptest::collection::vec(".{0,80}", 0..8), spot in any::<bool>()) {
        let market = if spot { Market::Spot } else { Market::Um };
        let mut all = vec![trade(0, 1)];
        all.extend(lines);
        drop(read(market, &all));
    }

    /// Damage to one byte of a stream is refused, counted or changes one value; rows stay accounted for.
    #[test]
    fn damage_is_accounted_for(at in 0_usize..2_000, byte in 0x20_u8..0x7f) {
        let mut lines = vec![image(0, 5)];
        lines.extend((1..6).map(|i| depth(i * 10, (i * 5 + 1, i * 5 + 5, i * 5), r#"["97.0","1"],["96.5","2"]"#, "")));
        lines.extend((0..3).map(|i| trade(i * 7, i)));
        let mut text = lines.join("\n").into_bytes();
        let at = at % text.len();
        text[at] = byte;
        let damaged: Vec<String> = String::from_utf8(text).unwrap().split('\n').map(str::to_owned).collect();
        drop(read(Market::Um, &damaged));
    }
}
