//! Seeds written by hand: plain rows of every format and hostile ones, all of 2024-01-02.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use quant_lake::fuzzing::variant;
use zip::write::SimpleFileOptions;

/// Target, file name, content.
pub(crate) type Seed = (&'static str, String, Vec<u8>);

/// Every seed that needs no simulator.
pub(crate) fn by_hand() -> Vec<Seed> {
    let mut out = Vec::new();
    archives(&mut out);
    books(&mut out);
    recordings(&mut out);
    answers(&mut out);
    texts(&mut out);
    containers(&mut out);
    out
}

/// Adds texts of one target, each behind its variant.
fn put(out: &mut Vec<Seed>, target: &'static str, texts: &[(u8, &str)]) {
    for (i, (number, text)) in texts.iter().enumerate() {
        let bytes = [&[variant(*number)], text.as_bytes()].concat();
        out.push((target, format!("hand_{i:02}"), bytes));
    }
}

/// Adds contents without variants.
fn put_plain(out: &mut Vec<Seed>, target: &'static str, contents: &[&[u8]]) {
    for (i, content) in contents.iter().enumerate() {
        out.push((target, format!("hand_{i:02}"), content.to_vec()));
    }
}

#[expect(clippy::too_many_lines, reason = "a list of texts")]
fn archives(out: &mut Vec<Seed>) {
    put(
        out,
        "binance_archive",
        &[
            (
                1,
                "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\r\n7,42000.1,0.5,9,10,1704153600123,true\r\n7,42000.1,0.5,9,10,1704153600123,true\r\n7,42000.2,0.5,9,10,1704153600123,true\r\n8,NaN,1,11,11,1704153600200,false\r\n\r\n9,1e400,-1,12,11,9999999999999,maybe",
            ),
            (
                1,
                "\u{feff}9,42000,1,1,2,1704153600123,true\n8,42000,1,1,2,1704153600122,true\n9223372036854775807,0.000000000000000000000000000001,99999999999999999999,1,1,1704239999999,false\n",
            ),
            (
                12,
                "1,42000.00000000,0.01000000,420.00000000,1704153600123456,True,True\n2,42000.00000000,0.01000000,420.00000000,1704153600124,True,True\n",
            ),
            (
                13,
                "1704153600000,42000.0,42001.0,41999.0,42000.5,100,1704153659999,0.238,7,50,0.119,0\n1704153660000,42000.0,41000.0,41999.0,42000.5,100,1704153659999,0.238,7,50,0.119,0\n",
            ),
            (
                14,
                "1,42000.1,3,1,2,1704153600123,true\n2,42000.2,2,3,4,1704153600124,false\n",
            ),
            (
                15,
                "id,price,qty,base_qty,time,is_buyer_maker\n1,42000.1,3,0.00071428,1704153600123,true\n2,42000.1,3,0,1704153600124,true\n",
            ),
            (
                21,
                "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n2024-01-02 00:05:00,BTCUSD_PERP,100,0.02,,\"\",1.5,1\n2024-01-02 00:00:00,ETHUSD_PERP,100,0.02,1,1,1.5,1\n",
            ),
            (
                23,
                "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,last_fill_quantity,accumulated_fill_quantity\n1704153600123,SELL,LIMIT,IOC,5,42000.1,42010.2,FILLED,5,5\n1704153600123,SELL,LIMIT,IOC,5,42000.1,42010.2,FILLED,5,5\n1704153600000,BUY,LIMIT,IOC,5,42000.1,0,FILLED,5,5\n",
            ),
            (0, "open_time,open,high\n"),
            (8, "2024-01-02 24:00:00,BTCUSDT,1,1,1,1,1,1\n"),
        ],
    );
    put(
        out,
        "bybit_trades",
        &[
            (
                0,
                "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional\n1704153600.1234,BTCUSDT,Buy,0.01,42000.5,PlusTick,11111111-2222-3333-4444-555555555555,4.2e+10,0.01,420.005\n1704153600.1234,BTCUSDT,Sell,0.01,42000.5,PlusTick,x,4.2e+10,0.01,420.005\n1704153600.12345678,ETHUSDT,Buy,0.01,1,PlusTick,y,1,1,1\n",
            ),
            (
                1,
                "timestamp,symbol,side,size,price\n1704153601,BTCUSD,Buy,100,42000.5\n1704153600,BTCUSD,Sell,1,42000\n1704153602,BTCUSD,Hold,1,42000\n",
            ),
            (
                2,
                "id,timestamp,price,volume,side\n1,1704153600123,42000.5,0.01,buy\n2,1704153600122,42000.5,0.02,sell\n2,1704153600123,42000.5,0.02,sell\n",
            ),
            (
                2,
                "id,timestamp,price,volume,side,rpi\n1,1704153600123,42000.5,0.01,buy,0\n",
            ),
            (
                0,
                "timestamp,symbol,side,size,price\r\n1704153600.1,BTCUSDT,Buy,0,1\r\n1704153600.2,BTCUSDT,Buy,1,-1\r\n1704153600.,BTCUSDT,Buy,1,1\r\n.5,BTCUSDT,Buy,1,1\r\n",
            ),
        ],
    );
    put(
        out,
        "okx_archive",
        &[
            (
                0,
                "instrument_name,trade_id,side,price,size,created_time,source\nBTC-USDT-SWAP,1,buy,42000.1,3,1704153600123,0\nETH-USDT-SWAP,1,buy,42000.1,3,1704153600123,0\nBTC-USDT-SWAP,1,sell,42000.1,3,1704153600123,1\n",
            ),
            (
                1,
                "trade_id/\u{64ae}\u{5408}id,side/\u{4ea4}\u{6613}\u{65b9}\u{5411},size/\u{6570}\u{91cf},price/\u{4ef7}\u{683c},created_time/\u{6210}\u{4ea4}\u{65f6}\u{95f4}\n1,buy,3,42000.1,1704153600123\n2,sell,3,42000.1,1704153600122\n",
            ),
            (
                2,
                "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm\nBTC-USDT-SWAP,42000,42001,41999,42000.5,100,1,42000,1704153600000,1\nBTC-USDT-SWAP,42000,42001,41999,42000.5,100,1,42000,1704153660000,0\nBTC-USDT-SWAP,42000,42001,41999,42000.5,100,1,42000,1704153660001,1\n",
            ),
            (
                3,
                "instrument_name,funding_rate,funding_time\nBTC-USDT-SWAP,-0.0001,1704153600000\nBTC-USDT-SWAP,1e-4,1704182400000\nBTC-USDT-SWAP,,1704182400000\n",
            ),
            (
                4,
                "instrument_name,trade_id,side,price,size,created_time\nBTC-USD-SWAP,1,buy,42000.1,3,1704153600123\nBTC-USD-SWAP,2,buy,0,3,1704153600123\n",
            ),
            (
                6,
                "instrument_name,trade_id,side,price,size,created_time\nBTC-USDT,5,BUY,42000.1,0.3,1704153600123\nBTC-USDT,4,sell,42000.1,0.3,1704153600123\n",
            ),
        ],
    );
    put(
        out,
        "user_csv",
        &[
            (
                0,
                "time,open,high,low,close,volume\n2024-01-02T00:00:00Z,1,2,0.5,1.5,10\n2024-01-02 00:01,\"1\",2,0.5,1.5,10\n2024-01-02 00:02:30,1,2,0.5,1.5,10\n2024-02-30 00:02:00,1,2,0.5,1.5,10\n2024-01-02T00:03:00+02:00,1,2,0.5,1.5,10\n",
            ),
            (
                1,
                "time,price,qty,side\n2024-01-02 00:00:00.5,1.5,10,buy\n2024-01-02 00:00:00.5,1.5,10,SELL\n2024-01-02 00:00:00.4,1.5,10,s\n",
            ),
            (
                2,
                "volume,x,time,open,high,low,close\n10,?,1704153600,1,2,0.5,1.5\n10,?,1704153660.0,1,2,0.5,1.5\n10,?,-60,1,2,0.5,1.5\n",
            ),
            (
                5,
                "price,time,qty,side\n1.5,1704153600123,10,b\n1.5,1704153600123,10,b\n1e308,1704153600124,1e308,b\n",
            ),
            (
                6,
                "time,open,high,low,close,volume\n1704153600000000,1,2,0.5,1.5,10\n1704153600000000,1,2,0.5,1.5,10\n1704153600000000,1,2,0.5,1.6,10\n",
            ),
            (
                8,
                "time,open,high,low,close,volume\n1704153600000000000,1,2,0.5,1.5,10\n9223372036854775807,1,2,0.5,1.5,10\n-9223372036854775808,1,2,0.5,1.5,10\n",
            ),
            (10, "2024-01-02 00:00,1,2,0.5,1.5,10,3\n"),
            (
                21,
                "time,price,qty,side,id\n2024-01-02 00:00:00,1.5,10,buy,7\n2024-01-02 00:00:01,1.5,10,sell,7\n2024-01-02 00:00:01,1.5,10,sell,6\n",
            ),
            (
                40,
                "time;open;high;low;close;volume;n\n2024-01-02 00:00;1;2;0.5;1.5;10;3\n",
            ),
            (
                41,
                "time;price;qty;side;id\n2024-01-02 00:00:00;2;10;true;3\n2024-01-02 00:00:00;0;10;True;4\n",
            ),
        ],
    );
}

fn books(out: &mut Vec<Seed>) {
    let bybit = |kind: &str, ms: i64, (u, seq): (i64, i64), b: &str, a: &str| {
        format!(
            r#"{{"topic":"orderbook.200.BTCUSDT","type":"{kind}","ts":{ms},"data":{{"s":"BTCUSDT","b":[{b}],"a":[{a}],"u":{u},"seq":{seq}}},"cts":{ms}}}"#
        )
    };
    let t = 1_704_153_600_000;
    let (b, a) = (
        r#"["42000.1","5"],["42000","1"]"#,
        r#"["42000.2","7"],["42001","8"]"#,
    );
    let first = bybit("snapshot", t, (10, 100), b, a);
    let chain = [
        first.clone(),
        bybit("delta", t + 100, (11, 101), r#"["42000.1","0"]"#, ""),
        bybit("delta", t + 200, (12, 105), "", r#"["42000.15","0.5"]"#),
        bybit("delta", t + 200, (12, 105), "", r#"["42000.15","0.5"]"#),
    ]
    .join("\n");
    let broken = [
        bybit("delta", t, (9, 99), b, ""),
        first.clone(),
        bybit("delta", t + 100, (13, 90), b, a),
        bybit("snapshot", t + 200, (1, 1), a, b),
        bybit(
            "delta",
            t + 190,
            (2, 2),
            r#"["42000.1","-1"]"#,
            r#"["1e400","1"]"#,
        ),
        "{\"topic\":\"orderbook.200.BTCUSDT\"".to_owned(),
    ]
    .join("\n");
    put(
        out,
        "bybit_book",
        &[
            (0, &chain),
            (1, &broken),
            (2, &chain),
            (4, &broken),
            (9, &[chain.as_str(), &first].join("\n")),
            (
                8,
                r#" {"cts": 1704153600000, "data": {"seq":"100", "u":10, "a":[[42000.2, 7]], "x":{"y":[null]}, "b":[["1.9","5"]], "s":"BTCUSDT"}, "ts":1704153600003, "type":"snapshot", "topic":"orderbook.500.BTCUSDT"}"#,
            ),
        ],
    );
    let okx = |action: &str, ms: i64, asks: &str, bids: &str| {
        format!(
            r#"{{"instId":"BTC-USDT-SWAP","action":"{action}","ts":"{ms}","asks":[{asks}],"bids":[{bids}]}}"#
        )
    };
    let (asks, bids) = (
        r#"["42000.2","7","1"],["42001","8","2"]"#,
        r#"["42000.1","5","1"],["42000","1","1"]"#,
    );
    let chain = [
        okx("snapshot", t, asks, bids),
        okx("update", t + 100, "", r#"["42000.1","0","0"]"#),
        okx("update", t + 100, r#"["42000.15","3","1"]"#, ""),
        okx("snapshot", t + 900_000, asks, bids),
    ]
    .join("\n");
    let broken = [
        okx("update", t, asks, bids),
        okx("snapshot", t, bids, asks),
        okx("partial", t, bids, asks),
        okx("update", t - 1, r#"["42000.15","3"]"#, r#"["x","3","1"]"#),
        okx("update", t, asks, bids).replace("SWAP", "FUT"),
        okx("update", t + 90_000_000, asks, bids),
        "[".repeat(200),
    ]
    .join("\n");
    let images = r#"{"instId":"BTC-USDT-SWAP","ts":1704153600000,"asks":[[42000.2,7,1]],"bids":[[42000.1,5,1]]}
{"instId":"BTC-USDT-SWAP","ts":1704153600100,"asks":[],"bids":[[42000.1,6,1]]}"#;
    put(
        out,
        "okx_book",
        &[
            (0, &chain),
            (1, &broken),
            (2, &broken),
            (4, &chain),
            (8, &chain),
            (9, images),
            (10, images),
        ],
    );
}

#[expect(clippy::too_many_lines, reason = "a list of texts")]
fn recordings(out: &mut Vec<Seed>) {
    put(
        out,
        "binance_recording",
        &[
            (
                0,
                r#"1704153600001500000 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1704153600000,"T":1704153600000,"s":"BTCUSDT","U":11,"u":12,"pu":10,"b":[["42000.1","0.5"]],"a":[["42000.2","0"]]}}
1704153600001600000 {"lastUpdateId":11,"E":1704153600000,"T":1704153600000,"bids":[["42000.0","1"]],"asks":[["42000.2","2"]]}
1704153600101500000 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1704153600100,"T":1704153600100,"s":"BTCUSDT","U":13,"u":14,"pu":12,"b":[],"a":[["42000.3","1"]]}}
1704153600201500000 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1704153600200,"T":1704153600200,"s":"BTCUSDT","U":19,"u":20,"pu":18,"b":[],"a":[["42000.3","1"]]}}"#,
            ),
            (
                0,
                r#"1704153600001500000 {"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5,"s":"BTCUSDT","b":"42000.1","B":"6","a":"42000.2","A":"3","T":1704153600000,"E":1704153600000}}
1704153600002500000 {"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1704153600002,"s":"BTCUSDT","a":7,"p":"42000.1","q":"0.5","f":1,"l":2,"T":1704153600001,"m":true}}
1704153600002600000 {"stream":"btcusdt@trade","data":{"e":"trade","E":1704153600002,"T":1704153600001,"s":"BTCUSDT","t":8,"p":"42000.1","q":"0.5","X":"MARKET","m":true}}
1704153600002700000 {"stream":"btcusdt@forceOrder","data":{"e":"forceOrder","E":1704153600002,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"42000","ap":"42001","X":"FILLED","l":"0.014","z":"0.014","T":1704153600001}}}
1704153660002700000 {"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1704153660002,"s":"BTCUSDT","k":{"t":1704153600000,"T":1704153659999,"s":"BTCUSDT","i":"1m","f":1,"L":9,"o":"1","c":"2","h":"3","l":"0.5","v":"10","n":9,"x":true,"q":"15","V":"5","Q":"7","B":"0"}}}"#,
            ),
            (
                1,
                r#"1704153600001500000 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1704153600000,"s":"BTCUSDT","U":11,"u":12,"b":[["42000.1","0.5"]],"a":[["42000.2","0"]]}}
1704153600001600000 {"lastUpdateId":11,"bids":[["42000.0","1"]],"asks":[["42000.2","2"]]}
1704153600001700000 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1704153600100,"s":"BTCUSDT","U":13,"u":13,"b":[],"a":[["42000.3","1"]]}}"#,
            ),
            (
                1,
                r#"1704153600002500000 {"e":"trade","E":1704153600002,"s":"BTCUSDT","t":7,"p":"42000.1","q":"0.5","T":1704153600001,"m":true,"M":true}
1704153600002500000 {"u":5,"s":"BTCUSDT","b":"42000.1","B":"6","a":"42000.2","A":"3"}
{"result":null,"id":1}
not json"#,
            ),
            (
                2,
                r#"1704153600001500000 {"stream":"ethusdt@bookTicker","data":{"e":"bookTicker","u":5,"s":"ETHUSDT","b":"1","B":"6","a":"2","A":"3","T":1704153600000,"E":1704153600000}}
170415360000150000 {"stream":"btcusdt@bookTicker","data":{}}
1704153600001500000 {"stream":"btcusdt@bookTicker","data":{"u":5,"u":6}}

1704153600001500000 "#,
            ),
        ],
    );
    let open = r#"{"t":"connect","conn":"c","ts":1704153600.2,"addr":"wss://stream.bybit.com/v5/public/linear"}"#;
    let frame = |ts: &str, data: &str| {
        let data = data.replace('"', "\\\"");
        format!(r#"{{"t":"recv","conn":"c","ts":{ts},"data":"{data}"}}"#)
    };
    let trade = r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1704153600101,"data":[{"T":1704153600100,"s":"BTCUSDT","S":"Sell","v":"0.004","p":"42000.20","L":"PlusTick","i":"11111111-2222-3333-4444-555555555555","BT":false,"RPI":true,"seq":99}]}"#;
    let book = r#"{"topic":"orderbook.50.BTCUSDT","type":"snapshot","ts":1704153600100,"data":{"s":"BTCUSDT","b":[["42000.1","5"]],"a":[["42000.2","7"]],"u":10,"seq":100},"cts":1704153600099}"#;
    let kline = r#"{"topic":"kline.1.BTCUSDT","data":[{"start":1704153600000,"end":1704153659999,"interval":"1","open":"1","close":"2","high":"3","low":"0.5","volume":"1.5","turnover":"2.5","confirm":true,"timestamp":1704153660000}],"ts":1704153660000,"type":"snapshot"}"#;
    let forced = r#"{"topic":"allLiquidation.BTCUSDT","type":"snapshot","ts":1704153600300,"data":[{"T":1704153600299,"s":"BTCUSDT","S":"Sell","v":"2.000","p":"42000.04"}]}"#;
    let delta = book
        .replace("snapshot", "delta")
        .replace(r#""u":10"#, r#""u":11"#);
    let capture = [
        open.to_owned(),
        frame("1704153600.3", book),
        frame("1704153600.301", trade),
        frame("1704153600.4", &delta),
        frame("1704153600.5", forced),
        open.to_owned(),
        frame("1704153600.6", &delta),
    ]
    .join("\n");
    let bare = [trade, book, &delta, kline, forced]
        .map(|f| format!("1704153660123456789 {f}"))
        .join("\n");
    put(
        out,
        "bybit_recording",
        &[
            (0, &capture),
            (0, &bare),
            (1, &capture.replace("linear", "inverse")),
            (2, &bare),
            (
                8,
                &[
                    book,
                    &delta,
                    &delta,
                    r#"{"success":true,"ret_msg":"pong","conn_id":"c4","req_id":"p","op":"ping"}"#,
                ]
                .join("\n"),
            ),
            (
                3,
                &[
                    frame("1704153600.3", &trade.replace("42000.20", "NaN")),
                    frame("x", book),
                    frame("1804153600.3", kline),
                    r#"{"t":"header","ts":1}"#.to_owned(),
                ]
                .join("\n"),
            ),
        ],
    );
    let okx = |channel: &str, more: &str, data: &str| {
        format!(
            r#"1704153600200000000 {{"arg":{{"channel":"{channel}","instId":"BTC-USDT-SWAP"}}{more},"data":[{data}]}}"#
        )
    };
    let side = r#""asks":[["42000.2","7","0","1"]],"bids":[["42000.1","5","0","1"]]"#;
    let snapshot = okx(
        "books",
        r#","action":"snapshot""#,
        &format!(r#"{{{side},"ts":"1704153600100","checksum":0,"seqId":10,"prevSeqId":-1}}"#),
    );
    let update = okx(
        "books",
        r#","action":"update""#,
        &format!(r#"{{{side},"ts":"1704153600150","checksum":0,"seqId":12,"prevSeqId":10}}"#),
    );
    let gap = update.replace(r#""prevSeqId":10"#, r#""prevSeqId":11"#);
    let trades = okx(
        "trades",
        "",
        r#"{"instId":"BTC-USDT-SWAP","tradeId":"1","px":"42000.1","sz":"3","side":"buy","ts":"1704153600123","count":"1"}"#,
    );
    let rest = [
        okx("bbo-tbt", "", &format!(r#"{{{side},"ts":"1704153600100","seqId":10}}"#)),
        okx("open-interest", "", r#"{"instId":"BTC-USDT-SWAP","instType":"SWAP","oi":"100","oiCcy":"1","ts":"1704153600100"}"#),
        okx("candle1m", "", r#"["1704153600000","1","3","0.5","2","100","1","42000","1"]"#),
        r#"1704153600200000000 {"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"42000.1","ccy":"","posSide":"short","side":"buy","sz":"13","ts":"1704153600123"}],"instFamily":"BTC-USDT","instId":"BTC-USDT-SWAP","instType":"SWAP","uly":"BTC-USDT"}]}"#.to_owned(),
        r#"{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"connId":"x"}"#.to_owned(),
    ]
    .join("\n");
    let terms = r#"{"t":"http","conn":"s","ts":1704153600.1,"data":"{\"code\":\"0\",\"data\":[{\"instId\":\"BTC-USDT-SWAP\",\"instType\":\"SWAP\",\"ctType\":\"linear\",\"ctVal\":\"0.01\",\"ctMult\":\"1\"}]}"}"#;
    put(
        out,
        "okx_recording",
        &[
            (0, &[snapshot.as_str(), &update, &gap, &snapshot].join("\n")),
            (0, &[trades.as_str(), &rest].join("\n")),
            (1, &[terms, &snapshot, &trades].join("\n")),
            (1, &[trades.as_str(), terms].join("\n")),
            (
                2,
                &[snapshot.replace("-SWAP", ""), trades.replace("-SWAP", "")].join("\n"),
            ),
            (
                6,
                &[
                    update.as_str(),
                    &snapshot.replace("42000.1", "1e400"),
                    &trades.replace("\"1\"", "\"-1\""),
                    "{",
                ]
                .join("\n"),
            ),
        ],
    );
    let hyper = |channel: &str, data: &str| {
        format!(r#"1704153600400123456 {{"channel":"{channel}","data":{data}}}"#)
    };
    let levels = r#"[{"px":"42000.1","sz":"5","n":3}],[{"px":"42000.2","sz":"7","n":1}]"#;
    let book = hyper(
        "l2Book",
        &format!(r#"{{"coin":"BTC","time":1704153600000,"levels":[{levels}]}}"#),
    );
    let trade = hyper(
        "trades",
        r#"[{"coin":"BTC","side":"B","px":"42000.5","sz":"0.25","time":1704153600100,"hash":"0x1","tid":900,"users":["a","b"]},{"coin":"BTC","side":"A","px":"42000.5","sz":"0.25","time":1704153600050,"hash":"0x1","tid":500,"users":["a","b"]}]"#,
    );
    let bar = |t: i64| {
        hyper(
            "candle",
            &format!(
                r#"{{"t":{t},"T":{},"s":"BTC","i":"1m","o":"100","c":"101","h":"102","l":"99","v":"1.5","n":7}}"#,
                t + 59_999
            ),
        )
    };
    put(
        out,
        "hyperliquid_recording",
        &[
            (0, &[book.as_str(), &book, &trade].join("\n")),
            (1, &[trade.as_str(), &trade, &trade.replace("0.25", "-1")].join("\n")),
            (2, &[bar(1_704_153_600_000), bar(1_704_153_660_000), bar(1_704_153_780_000)].join("\n")),
            (0, &[hyper("bbo", r#"{"coin":"BTC","time":1704153600000,"bbo":[{"px":"42000.1","sz":"5","n":3},null]}"#), hyper("activeAssetCtx", r#"{"coin":"BTC","ctx":{"openInterest":"100.5","funding":"0.0001","markPx":"42000","midPx":null}}"#)].join("\n")),
            (0, &[book.replace("BTC", "ETH"), book.replace("42000.1", "43000"), hyper("pong", "null"), "{}".to_owned(), format!(r#"{{"coin":"BTC","time":1704153600000,"levels":[{levels}]}}"#)].join("\n")),
        ],
    );
}

#[expect(clippy::too_many_lines, reason = "a list of texts")]
fn answers(out: &mut Vec<Seed>) {
    let binance = r#"[[1704067200000,"42000.1","42001","41999","42000.5","10",1704067259999,"420000",7,"5","210000","0"],[1704153540000,"1","2","0.5","1.5","10",1704153599999,"15",7,"5","7","0"],[1904153540000,"1","2","0.5","1.5","10",1904153599999,"15",7,"5","7","0"],[1]]"#;
    put(
        out,
        "rest_pages",
        &[
            (0, binance),
            (
                1,
                "1704153600123456789 [{\"a\":1,\"p\":\"42000.1\",\"q\":\"0.5\",\"f\":1,\"l\":2,\"T\":1704067200000,\"m\":true},{\"a\":1,\"p\":\"42000.1\",\"q\":\"0.5\",\"f\":1,\"l\":2,\"T\":1704067200000,\"m\":true}]\n[]\n{\"code\":-1121,\"msg\":\"Invalid symbol.\"}",
            ),
            (2, binance),
            (
                3,
                r#"[[1704067200000,"-0.0001","0.0001","-0.0002","0","0",1704067259999,"0",60,"0","0","0"]]"#,
            ),
            (
                5,
                r#"[{"symbol":"BTCUSDT","fundingTime":1704067200000,"fundingRate":"-0.0001","markPrice":"42000.1"},{"symbol":"ETHUSDT","fundingTime":1704067200000,"fundingRate":"x","markPrice":""}]"#,
            ),
            (
                6,
                r#"[{"symbol":"BTCUSDT","sumOpenInterest":"100.5","sumOpenInterestValue":"4200000","timestamp":1704067200000}]"#,
            ),
            (7, binance),
            (9, &binance.replace("\"10\"", "\"1e400\"")),
            (
                10,
                r#"{"code":"0","msg":"","data":[["1704067260000","1","3","0.5","2","100","1","42000","1"],["1704067200000","1","3","0.5","2","100","1","42000","0"]]}"#,
            ),
            (
                11,
                r#"{"code":"0","msg":"","data":[{"instId":"BTC-USDT-SWAP","tradeId":"2","px":"42000.1","sz":"3","side":"buy","ts":"1704067200100"},{"instId":"BTC-USDT-SWAP","tradeId":"1","px":"42000.1","sz":"3","side":"sell","ts":"1704067200000"}]}"#,
            ),
            (
                12,
                r#"{"code":"0","msg":"","data":[{"instId":"BTC-USDT-SWAP","fundingRate":"0.0001","realizedRate":"0.00011","fundingTime":"1704067200000","method":"current_period"}]}"#,
            ),
            (
                14,
                r#"{"code":"0","msg":"","data":[["1704067200000","1","3","0.5","2","100","42000"]]}"#,
            ),
            (
                15,
                r#"{"code":"0","msg":"","data":[{"instId":"BTC-USDT-SWAP","tradeId":"1000299140908139","px":"42000.8","sz":"43","side":"sell","ts":"1704067200999"}]}"#,
            ),
            (
                18,
                r#"{"code":"0","msg":"","data":{"list":[{"instrumentID":"BTCUSDT","rate":"-0.00005","CreateTime":1704067200,"ratePeriodSec":8}]}}"#,
            ),
            (
                19,
                r#"[{"t":1704067200000,"T":1704067259999,"s":"BTC","i":"1m","o":"100","c":"101","h":"102","l":"99","v":"1.5","n":7}]"#,
            ),
            (
                20,
                r#"[{"coin":"BTC","fundingRate":"0.0000125","premium":"0.0001","time":1704067200021}]"#,
            ),
            (
                21,
                r#"1704067200123456789 [{"universe":[{"name":"BTC","szDecimals":5}]},[{"openInterest":"100.5","funding":"0.0001","markPx":"42000"}]]"#,
            ),
        ],
    );
    let filters = r#""filters":[{"filterType":"PRICE_FILTER","minPrice":"0.1","maxPrice":"1000000","tickSize":"0.10"},{"filterType":"LOT_SIZE","stepSize":"0.001","minQty":"0.001","maxQty":"1000"},{"filterType":"MIN_NOTIONAL","notional":"100"},{"filterType":"NOTIONAL","minNotional":"5"}]"#;
    let listed = |symbol: &str, more: &str| {
        format!(
            r#"{{"serverTime":1704153600123,"symbols":[{{"symbol":"{symbol}","status":"TRADING","contractType":"PERPETUAL","deliveryDate":4133404800000,"onboardDate":1569398400000,{more}{filters}}}]}}"#
        )
    };
    let okx = r#"{"code":"0","msg":"","data":[{"instId":"BTC-USDT-SWAP","instType":"SWAP","ctType":"linear","ctVal":"0.01","ctMult":"1","ctValCcy":"BTC","settleCcy":"USDT","tickSz":"0.1","lotSz":"0.01","minSz":"0.01","state":"live","listTime":"1611916828000","expTime":""}]}"#;
    put(
        out,
        "instruments",
        &[
            (0, &listed("BTCUSDT", "")),
            (1, &listed("BTCUSD_PERP", r#""contractSize":100,"#)),
            (2, &listed("BTCUSDT", "").replace("contractType", "x")),
            (3, okx),
            (3, &okx.replace("0.01", "0").replace("\"1\"", "\"1e400\"")),
            (4, &okx.replace("0.01", "0.001")),
            (
                5,
                r#"{"universe":[{"name":"BTC","szDecimals":5,"maxLeverage":50},{"name":"ETH","szDecimals":250}]}"#,
            ),
            (5, r#"[{"universe":[{"name":"BTC","szDecimals":-5}]},[]]"#),
            (
                0,
                r#"[{"symbol":"BTCUSDT","fundingIntervalHours":8,"adjustedFundingRateCap":"0.02"}]"#,
            ),
            (
                3,
                r#"{"code":"0","msg":"","data":[{"ts":"1704153600123"}]}"#,
            ),
            (4, r#"{"code":"0","msg":"","data":{"ts":1704153600123}}"#),
            (0, r#"{"serverTime":9223372036854775807}"#),
            (
                3,
                r#"{"code":"0","data":[{"ts":"1704153600000","totalSizeMB":"12.5","details":[{"instFamily":"BTC-USDT","groupSizeMB":"12.5","groupDetails":[{"filename":"a.zip","dateTs":"1704153600000","sizeMB":"1.5","url":"https://static.okx.com/a.zip"}]}]}]}"#,
            ),
        ],
    );
}

fn texts(out: &mut Vec<Seed>) {
    let deep = "[".repeat(32) + &"]".repeat(32);
    let deeper = "[".repeat(33) + &"]".repeat(33);
    put_plain(
        out,
        "json",
        &[
            br#"{"a":[1,-0.5e+10,true,false,null,"x\u00e9\ud83d\ude00\n"],"a":{}}"#,
            br#" [ ["42000.1","5"] , ["42000","0"],[1,2],["1.50","10"] ] "#,
            br#""a\"b\\c\/d\b\f\n\r\t\u0041\ud800""#,
            b"-123.4500e-3",
            b"\"42000.10\"",
            b"[01,1.,.5,+1,1e,--1]",
            b"{\"a\" 1,}",
            deep.as_bytes(),
            deeper.as_bytes(),
            b"\"\x01\xff\"",
            b"[\"\x00\x1f\"]",
            b"[]]",
        ],
    );
    put_plain(
        out,
        "numbers",
        &[
            b"0\n-0\n1\n-1\n1.5\n.5\n5.\n.\n-\n\n+1\n1e5\n1E-5\n1e400\n-1e400\n0x10\nNaN\ninf",
            b"12345678\n123456789\n1234567890123456\n12345678901234567\n123456789012345678\n1234567890123456789\n9223372036854775807\n9223372036854775808\n-9223372036854775808\n+9223372036854775807",
            b"0.1\n42000.10\n1234567.8\n12345678.9\n1.23456789\n123456789.123456\n0.000000000000001\n9007199254740993\n9007199254740993.0\n1.7976931348623157e308\n4.9e-324",
            b"1704153600123\n1704153600123456\n1704153600\n1704153600.123456\n1704153600.1234560\n1704153600.1234567\n1704153600.\n1704153600123456789\n1230768000\n4102444800",
            b"2024-01-02\n2024-02-29\n2023-02-29\n2024-01-02 03:04\n2024-01-02T03:04:05.123456\n2024-01-02 24:00\n0000-00-00\n9999-12-31 23:59:59\n-001-01-01",
            b"true\nTrue\nfalse\nFALSE\n1704153600123456789 {}\n1704153600123456 x\n1704153600123 y\n17041536001234 z",
        ],
    );
    let hex = "5a6d5718e8f07c59a9c7d292d89ea8177d4721fe45828fedd3f8d59b2ea88360";
    put_plain(
        out,
        "checksum",
        &[
            format!("{hex}  BTCUSDT-trades-2024-01-02.zip\n").as_bytes(),
            format!("{} *a.zip\r\n", hex.to_uppercase()).as_bytes(),
            hex.as_bytes(),
            format!("{hex}\t* a b\n\n").as_bytes(),
            format!("{hex}  a\n{hex}  b\n").as_bytes(),
            b"<html>404</html>",
        ],
    );
    let empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let partition = format!(
        r#"{{"date":"2024-01-02","file":"part-000.parquet","rows":3,"ts_min":1704153600000000,"ts_max":1704153600000009,"bytes":100,"sha256":"{hex}","content_sha256":"{hex}","schema_version":"1.1","parser_version":"p-1","ingest_params_hash":"{empty}","rows_in":10,"sources":[{{"kind":"vision","name":"a.zip","url":null,"bytes":10,"sha256":"{hex}","checksum_verified":true}}],"quality":{{"gaps":0,"duplicates":1,"out_of_order":0,"quarantined":2,"other_day":0,"filtered":4,"late":0,"stale_runs":0}}}}"#
    );
    let manifest = |partitions: &str, rows: &str, range: &str| {
        format!(
            r#"{{"schema_version":"1.1","parser_version":"p-1","set":"raw/binance/um/BTCUSDT/trades","ingest_params":{{}},"ingest_params_hash":"{empty}","earlier_ingest_params":{{}},"simulated":false,"time_range_covered":{range},"row_count":{rows},"partitions":[{partitions}],"created_at":1704153600000000}}"#
        )
    };
    let covered = r#"{"start":1704153600000000,"end":1704153600000010}"#;
    let huge = partition
        .replace(r#""rows":3"#, r#""rows":18446744073709551615"#)
        .replace(r#""rows_in":10"#, r#""rows_in":18446744073709551615"#);
    let next = |text: &str| text.replace("2024-01-02", "2024-01-03");
    put_plain(
        out,
        "manifest",
        &[
            manifest("", "0", "null").as_bytes(),
            manifest(&partition, "3", covered).as_bytes(),
            manifest(&huge, "18446744073709551615", covered).as_bytes(),
            manifest(
                &[huge.clone(), next(&huge)].join(","),
                "18446744073709551615",
                covered,
            )
            .as_bytes(),
            manifest(
                &partition.replace("1704153600000009", "9223372036854775807"),
                "3",
                covered,
            )
            .as_bytes(),
            manifest(&partition, "3", covered)
                .replace("1.1", "2.0")
                .as_bytes(),
            br#"{"schema_version":"1.1"}"#,
        ],
    );
}

/// A zip of these members.
fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// One gzip member.
fn gzip_of(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// One entry of a tar with a sound checksum, without the end of the archive.
fn tar_entry(name: &str, kind: u8, size: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..124 + size.len()].copy_from_slice(size.as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[148..156].fill(b' ');
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = header.to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

/// A zstd frame of blocks: raw bytes, then one byte many times.
fn zstd_of(raw: &[u8], repeated: Option<(u8, u32)>) -> Vec<u8> {
    let mut out = b"\x28\xb5\x2f\xfd\x00\x58".to_vec();
    let last = u32::from(repeated.is_none());
    let header = u32::try_from(raw.len()).unwrap() << 3 | last;
    out.extend_from_slice(&header.to_le_bytes()[..3]);
    out.extend_from_slice(raw);
    if let Some((byte, n)) = repeated {
        out.extend_from_slice(&(n << 3 | 0b011).to_le_bytes()[..3]);
        out.push(byte);
    }
    out
}

fn containers(out: &mut Vec<Seed>) {
    let rows = b"1,42000.1,0.5,1704153600123,true\n2,42000.2,0.5,1704153600124,false\n";
    let many = rows.repeat(40);
    let whole = zip_of(&[("a.csv", &many)]);
    put_plain(
        out,
        "container_zip",
        &[
            &whole,
            &zip_of(&[("a.csv", rows), ("b.csv", rows)]),
            &zip_of(&[("../a.csv", rows)]),
            &zip_of(&[("x/y.csv", b"")]),
            &zip_of(&[]),
            &zip_of(&[("a.csv", &gzip_of(rows))]),
            &zip_of(&[("a.csv", &vec![b'0'; 1 << 17])]),
            &whole[..whole.len() / 2],
        ],
    );
    let gz = gzip_of(&many);
    put_plain(
        out,
        "container_gzip",
        &[
            &gz,
            &[gz.clone(), gzip_of(rows)].concat(),
            &gz[..gz.len() - 9],
            &gz[..gz.len() - 3],
            &[gz.as_slice(), b"garbage"].concat(),
            &gzip_of(&gzip_of(rows)),
            &gzip_of(&vec![b'0'; 1 << 17]),
            &gz[..2],
        ],
    );
    let size = format!("{:011o}\0", rows.len());
    let file = tar_entry("a/b.csv", b'0', &size, rows);
    let end = vec![0; 1_024];
    let tar = |entries: &[&[u8]]| gzip_of(&[&entries.concat(), end.as_slice()].concat());
    put_plain(
        out,
        "container_tar_gz",
        &[
            &tar(&[&file]),
            &tar(&[&tar_entry("a/", b'5', "00000000000\0", b""), &file]),
            &tar(&[&file, &file]),
            &tar(&[&tar_entry("l.csv", b'2', "00000000000\0", b"")]),
            &tar(&[&tar_entry("a.csv", b'0', "77777777777\0", rows)]),
            &tar(&[&tar_entry(
                "a.csv",
                b'0',
                "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}",
                b"",
            )]),
            &gzip_of(&file),
            &gzip_of(rows),
        ],
    );
    let frame = zstd_of(rows, None);
    put_plain(
        out,
        "container_zstd",
        &[
            &frame,
            &[frame.clone(), frame.clone()].concat(),
            &zstd_of(rows, Some((b'\n', 100))),
            &zstd_of(rows, Some((b'0', 131_072))),
            &frame[..frame.len() - 5],
            &[b"\x50\x2a\x4d\x18\x04\0\0\0skip".as_slice(), &frame].concat(),
            b"\x28\xb5\x2f\xfd\xe4\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ],
    );
}
