//! `quant mock-exchange` from outside: files, pages, limits, books over sockets, planned faults, refusals.
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{agg_rows, command, put_text, run, text};

/// A running mock exchange; ended when dropped.
pub(crate) struct Mock {
    child: Child,
    pub(crate) address: String,
}

impl Drop for Mock {
    fn drop(&mut self) {
        // It may have ended already; either way nothing must stay behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Mock {
    pub(crate) fn start(cwd: &Path, args: &[&str]) -> Self {
        let mut all = vec!["mock-exchange", "--port", "0"];
        all.extend(args);
        let mut child = command(cwd, &all)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://");
        let address = address
            .unwrap_or_else(|| panic!("first line: {line}"))
            .to_owned();
        Self { child, address }
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: mock\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        let mut raw = Vec::new();
        // A planned fault may break the connection: what came until then is the answer.
        drop(stream.read_to_end(&mut raw));
        Answer::of(&raw)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "", &body.to_string())
    }

    /// Moves the clock of a mock that stands still.
    pub(crate) fn step_ms(&self, ms: u64) {
        let body = format!(r#"{{"step_ms": {ms}}}"#);
        let answer = self.send("POST", "/_mock/clock", "", &body);
        assert_eq!(answer.status, 200);
    }

    pub(crate) fn status(&self) -> Value {
        self.get("/_mock/status").json()
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn of(raw: &[u8]) -> Self {
        let end = raw.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(raw[..end].to_vec())
            .unwrap()
            .to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head,
            body: raw[end + 4..].to_vec(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(&prefix))
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {} {text}", self.head))
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn archives_are_served_with_checksums_ranges_and_listings_and_can_be_ingested() {
    let dir = tempfile::tempdir().unwrap();
    let day = "2024-01-02";
    let zip = put_text(
        &dir.path().join("host"),
        day,
        &text(crate::support::HEADER, &agg_rows(day, 1, 500)),
    );
    let mock = Mock::start(dir.path(), &["--archive", "host"]);
    let path = format!("/data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-{day}.zip");
    let bytes = std::fs::read(&zip).unwrap();

    let whole = mock.get(&path);
    assert_eq!((whole.status, &whole.body), (200, &bytes));
    assert_eq!(
        whole.header("content-length"),
        Some(&*bytes.len().to_string())
    );
    let part = mock.send("GET", &path, "Range: bytes=10-19\r\n", "");
    assert_eq!((part.status, &part.body[..]), (206, &bytes[10..20]));
    let range = format!("bytes 10-19/{}", bytes.len());
    assert_eq!(part.header("content-range"), Some(&*range));
    assert_eq!(
        mock.send("GET", &path, "Range: bytes=99999999-\r\n", "")
            .status,
        416
    );
    assert_eq!(mock.get(&path.replace("01-02", "01-03")).status, 404);
    assert_eq!(mock.get("/../Cargo.toml").status, 404);
    assert_eq!(mock.get("/data/%2e%2e/%2e%2e/secret").status, 404);
    let checksum = mock.get(&format!("{path}.CHECKSUM"));
    let line = String::from_utf8(checksum.body).unwrap();
    assert!(line.ends_with(&format!("  BTCUSDT-aggTrades-{day}.zip\n")) && line.len() > 64);
    let xml = mock.get("/?delimiter=/&prefix=data/futures/um/daily/");
    let xml = String::from_utf8(xml.body).unwrap();
    assert!(xml.contains(
        "<CommonPrefixes><Prefix>data/futures/um/daily/aggTrades/</Prefix></CommonPrefixes>"
    ));

    let url = format!("http://{}", mock.address);
    let ingest = |lake: &str| {
        run(
            dir.path(),
            &[
                "build-dataset",
                "--exchange",
                "binance",
                "--market",
                "um",
                "--symbol",
                "BTCUSDT",
                "--start",
                day,
                "--end",
                "2024-01-03",
                "--datasets",
                "agg_trades",
                "--base-url",
                &url,
                "--lake",
                lake,
                "--json",
            ],
        )
    };
    let report = ingest("lake").code(0);
    assert!(report.stdout.contains("500"), "{report:#?}");
    std::fs::write(
        dir.path().join("host/SIMULATED.json"),
        "{\"simulated\": true}",
    )
    .unwrap();
    // The marker is served like any file, and keeps simulated rows out of a real exchange's folder.
    ingest("other").code(2).says(&["simulated"]);
    let served = mock.status();
    let seen = &served["requests"][format!("GET {path}")];
    assert!(
        seen["200"].as_u64().unwrap() >= 2 && seen["206"] == 1 && seen["416"] == 1,
        "{seen}"
    );
}

#[test]
fn pages_limits_and_the_clock() {
    let dir = tempfile::tempdir().unwrap();
    let mock = Mock::start(
        dir.path(),
        &[
            "--instrument",
            "um:BTCUSDT",
            "--profile",
            "null",
            "--history-minutes",
            "30",
            "--start",
            "2026-02-02",
        ],
    );
    let start = 1_769_990_400_000_i64 + 30 * 60_000;
    let time = mock.get("/fapi/v1/time").json()["serverTime"]
        .as_i64()
        .unwrap();
    assert!((start..start + 60_000).contains(&time), "{time}");
    let page = mock.get("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=10");
    assert_eq!(page.json().as_array().unwrap().len(), 10);
    assert!(page.header("x-mbx-used-weight-1m").is_some());
    let info = mock.get("/fapi/v1/exchangeInfo").json();
    assert_eq!(info["symbols"][0]["symbol"], "BTCUSDT");
    assert_eq!(mock.get("/fapi/v1/depth?symbol=NOPE").json()["code"], -1121);

    let paused = mock
        .send("POST", "/_mock/clock", "", r#"{"pause": true}"#)
        .json();
    let stepped = mock
        .send("POST", "/_mock/clock", "", r#"{"step_ms": 90000}"#)
        .json();
    let moved = stepped["now_us"].as_i64().unwrap() - paused["now_us"].as_i64().unwrap();
    assert_eq!(moved, 90_000_000);
    assert_eq!(
        mock.send("POST", "/_mock/clock", "", r#"{"hurry": 1}"#)
            .status,
        400
    );
    assert_eq!(
        mock.send("POST", "/_mock/clock", "", r#"{"speed": 0}"#)
            .status,
        400
    );

    // 2,400 of weight a minute: 1,000 levels cost 20.
    let mut refused = None;
    for _ in 0..140 {
        let answer = mock.get("/fapi/v1/depth?symbol=BTCUSDT&limit=1000");
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("never over the limit");
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (429, &Value::from(-1003))
    );
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    let mut last = 429;
    for _ in 0..12 {
        last = mock.get("/fapi/v1/ping").status;
    }
    assert_eq!(last, 418, "going on inside the ban");
}

/// A book kept by the documented USD-M rule; counts what breaks it.
#[derive(Debug, Default)]
struct Sync {
    frames: u64,
    breaks: u64,
    last: Option<i64>,
}

impl Sync {
    fn take(&mut self, frame: &Value) {
        let (u, pu) = (frame["u"].as_i64().unwrap(), frame["pu"].as_i64().unwrap());
        match self.last {
            Some(last) if pu != last => self.breaks += 1,
            _ => {}
        }
        self.last = Some(u);
        self.frames += 1;
    }
}

#[test]
fn a_book_rebuilds_over_the_socket_without_a_break() {
    let dir = tempfile::tempdir().unwrap();
    let mock = Mock::start(
        dir.path(),
        &[
            "--instrument",
            "um:BTCUSDT",
            "--history-minutes",
            "5",
            "--speed",
            "max",
        ],
    );
    let url = format!("ws://{}/public/ws", mock.address);
    let (sync, ack) = block_on(async {
        let (mut ws, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        let ask = r#"{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":5}"#;
        ws.send(Message::text(ask)).await.unwrap();
        let mut next = async || -> Value {
            serde_json::from_str(ws.next().await.unwrap().unwrap().to_text().unwrap()).unwrap()
        };
        let ack = next().await;
        let mut buffered = vec![next().await];
        let snapshot = mock.get("/fapi/v1/depth?symbol=BTCUSDT&limit=1000").json();
        let id = snapshot["lastUpdateId"].as_i64().unwrap();
        while buffered.last().unwrap()["u"].as_i64().unwrap() < id {
            buffered.push(next().await);
        }
        buffered.retain(|f| f["u"].as_i64().unwrap() >= id);
        assert!(
            buffered[0]["U"].as_i64().unwrap() <= id,
            "the snapshot fits the stream"
        );
        let mut sync = Sync::default();
        for frame in &buffered {
            sync.take(frame);
        }
        while sync.frames < 3_000 {
            sync.take(&next().await);
        }
        (sync, ack)
    });
    assert_eq!(ack, serde_json::json!({"result": null, "id": 5}));
    assert_eq!((sync.breaks, sync.frames), (0, 3_000));
    assert_eq!(mock.status()["fired"], serde_json::json!([]));
}

/// Starts a mock of one perpetual, as fast as it is read, under a plan.
fn planned(dir: &Path, plan: &str) -> Mock {
    std::fs::write(dir.join("plan.yaml"), plan).unwrap();
    let args = "--instrument um:BTCUSDT --history-minutes 5 --speed max --faults plan.yaml";
    Mock::start(dir, &args.split(' ').collect::<Vec<_>>())
}

fn fired(status: &Value) -> Vec<(&str, u64)> {
    let fired = status["fired"].as_array().unwrap().iter();
    fired
        .map(|f| (f["kind"].as_str().unwrap(), f["ordinal"].as_u64().unwrap()))
        .collect()
}

#[test]
fn exactly_the_planned_faults_of_a_socket_happen() {
    let dir = tempfile::tempdir().unwrap();
    let mock = planned(
        dir.path(),
        "seed: 3\nfaults:\n\
        - {kind: gap, match: {venue: binance, stream: '*@depth@100ms'}, at: {frame: 200, every: 300}, times: 3, params: {count: 2}}\n\
        - {kind: duplicate, match: {stream: '*@depth@100ms'}, at: {frame: 350}}\n\
        - {kind: reorder, match: {stream: '*@depth@100ms'}, at: {frame: 450}}\n\
        - {kind: disconnect, match: {stream: '*@depth@100ms'}, at: {frame: 1500}, params: {code: 1012}}\n",
    );
    let url = format!("ws://{}/public/ws/btcusdt@depth@100ms", mock.address);
    let (sync, code) = block_on(async {
        let (mut ws, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        let mut sync = Sync::default();
        loop {
            match ws.next().await.unwrap().unwrap() {
                Message::Text(text) => sync.take(&serde_json::from_str(&text).unwrap()),
                Message::Close(frame) => return (sync, u16::from(frame.unwrap().code)),
                _ => {}
            }
        }
    });
    assert_eq!(code, 1012);
    // Frames 200, 500 and 800 begin gaps of two, 350 comes twice, 450 changes places with 451, 1500 ends the connection.
    assert_eq!(sync.frames, 1_499 - 6 + 1);
    // A gap breaks the chain once, a duplicate once, a swap three times: before, between and after.
    assert_eq!(sync.breaks, 3 + 1 + 3);
    let status = mock.status();
    assert_eq!(
        fired(&status),
        [
            ("gap", 200),
            ("duplicate", 350),
            ("reorder", 450),
            ("gap", 500),
            ("gap", 800),
            ("disconnect", 1_500),
        ]
    );
    let (_, counts) = status["frames"].as_object().unwrap().iter().next().unwrap();
    assert_eq!(
        (&counts["made"], &counts["lost"], &counts["copies"]),
        (&1_500.into(), &7.into(), &1.into())
    );
    assert_eq!(status["sockets"]["closed_by_server"], 1);
}

#[test]
fn exactly_the_planned_faults_of_answers_happen() {
    let dir = tempfile::tempdir().unwrap();
    let mock = planned(
        dir.path(),
        "faults:\n\
        - {kind: http_429, match: {path: '/fapi/v1/time'}, at: {request: 2}, params: {retry_after: 7}}\n\
        - {kind: http_5xx, match: {path: '/fapi/v1/time'}, at: {request: 3}, params: {status: 502}}\n\
        - {kind: http_418, match: {path: '/fapi/v1/time'}, at: {request: 4}, params: {retry_after: ''}}\n\
        - {kind: short_body, match: {path: '*exchangeInfo'}, at: {request: 1}}\n\
        - {kind: truncate, match: {path: '*exchangeInfo'}, at: {request: 2}, params: {keep: 0.5}}\n\
        - {kind: cut_chunked, match: {path: '*exchangeInfo'}, at: {request: 3}}\n\
        - {kind: corrupt, match: {path: '*exchangeInfo'}, at: {request: 4}, params: {position: 0}}\n\
        - {kind: slow_body, match: {path: '*exchangeInfo'}, at: {request: 5}, params: {bytes_per_s: 5000}}\n",
    );
    let time: Vec<Answer> = (0..5).map(|_| mock.get("/fapi/v1/time")).collect();
    assert_eq!(
        time.iter().map(|a| a.status).collect::<Vec<_>>(),
        [200, 429, 502, 418, 200]
    );
    assert_eq!(time[1].header("retry-after"), Some("7"));
    assert_eq!(time[3].header("retry-after"), None);

    let ask = || mock.get("/fapi/v1/exchangeInfo");
    let [short, cut, chunked, corrupt] = [ask(), ask(), ask(), ask()];
    let started = Instant::now();
    let slow = ask();
    let took = started.elapsed();
    let whole = ask();
    let bytes = whole.body.len();
    let length = |a: &Answer| {
        a.header("content-length")
            .map(|n| n.parse::<usize>().unwrap())
    };
    assert_eq!(
        (length(&short), short.body.len()),
        (Some(bytes), bytes / 2),
        "short of what was said"
    );
    assert_eq!(
        (length(&cut), cut.body.len()),
        (Some(bytes / 2), bytes / 2),
        "cut, and consistently so"
    );
    assert_eq!(length(&chunked), None);
    assert!(!chunked.body.ends_with(b"0\r\n\r\n") && chunked.body.len() > bytes / 2);
    assert_eq!(corrupt.body.len(), bytes);
    assert!(serde_json::from_slice::<Value>(&corrupt.body).is_err());
    assert_eq!(slow.body.len(), bytes);
    assert!(
        took.as_secs_f64() > 0.5 * bytes as f64 / 5_000.0,
        "{took:?}"
    );

    let added = "faults: [{kind: http_403, at: {request: 1}}]";
    let added = mock.send("POST", "/_mock/faults", "", added);
    assert_eq!(added.json()["first"], 8);
    assert_eq!(mock.get("/fapi/v1/ping").status, 403);
    assert_eq!(mock.get("/fapi/v1/ping").status, 200);
    let bad = "faults: [{kind: nope, at: {request: 1}}]";
    let bad = mock.send("POST", "/_mock/faults", "", bad);
    assert_eq!(bad.status, 400);
    let error = bad.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("known faults"), "{error}");
    let status = mock.status();
    let kinds: Vec<&str> = fired(&status).iter().map(|f| f.0).collect();
    assert_eq!(
        kinds,
        [
            "http_429",
            "http_5xx",
            "http_418",
            "short_body",
            "truncate",
            "cut_chunked",
            "corrupt",
            "slow_body",
            "http_403"
        ]
    );
}

#[test]
fn the_same_seed_sends_the_same_frames_and_another_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let frames = |seed: &str| {
        let mock = Mock::start(
            dir.path(),
            &[
                "--instrument",
                "spot:BTCUSDT",
                "--history-minutes",
                "2",
                "--speed",
                "max",
                "--seed",
                seed,
            ],
        );
        let url = format!(
            "ws://{}/stream?streams=btcusdt@depth@100ms/btcusdt@trade/btcusdt@bookTicker",
            mock.address
        );
        block_on(async {
            let (mut ws, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
            let mut out = Vec::new();
            while out.len() < 2_000 {
                if let Message::Text(text) = ws.next().await.unwrap().unwrap() {
                    out.push(text.to_string());
                }
            }
            out
        })
    };
    let first = frames("1");
    assert_eq!(first, frames("1"));
    assert_ne!(first, frames("2"));
}

#[test]
fn a_half_open_socket_says_nothing_and_stays_open() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("plan.yaml"),
        "faults: [{kind: half_open, match: {path: '/ws*'}, at: {frame: 20}}]",
    )
    .unwrap();
    let mock = Mock::start(
        dir.path(),
        &[
            "--instrument",
            "spot:BTCUSDT",
            "--history-minutes",
            "2",
            "--speed",
            "max",
            "--faults",
            "plan.yaml",
        ],
    );
    let url = format!("ws://{}/ws/btcusdt@bookTicker", mock.address);
    block_on(async {
        let (mut ws, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        for _ in 0..19 {
            assert!(ws.next().await.unwrap().unwrap().is_text());
        }
        while mock.status()["fired"].as_array().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // A socket that was forgotten answers nothing, not even a command.
        ws.send(Message::text(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#))
            .await
            .unwrap();
        let silence = tokio::time::timeout(Duration::from_millis(400), ws.next()).await;
        assert!(silence.is_err(), "{silence:?}");
    });
    assert_eq!(mock.status()["fired"][0]["kind"], "half_open");
}

#[test]
fn recordings_are_replayed_with_their_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let line = |ns: i64, json: &str| format!("{ns} {json}\n");
    let depth = |u: i64, pu: i64| {
        format!(
            r#"{{"stream":"btcusdt@depth@0ms","data":{{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":{u},"u":{u},"pu":{pu},"b":[["1.0","2"]],"a":[]}}}}"#
        )
    };
    let t = 1_723_161_255_000_000_000_i64;
    let text = [
        line(t, &depth(10, 5)),
        line(
            t + 1_000_000,
            r#"{"lastUpdateId":10,"E":1,"T":1,"bids":[["1.0","1"]],"asks":[["2.0","1"]]}"#,
        ),
        line(t + 2_000_000, &depth(20, 10)),
        line(
            t + 3_000_000,
            r#"{"stream":"btcusdt@trade","data":{"e":"trade","t":7}}"#,
        ),
    ]
    .concat();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    std::fs::write(dir.path().join("r.gz"), gz.finish().unwrap()).unwrap();
    let mock = Mock::start(dir.path(), &["--recording", "r.gz", "--speed", "max"]);
    let url = format!("ws://{}/public/ws/btcusdt@depth@0ms", mock.address);
    let ids = block_on(async {
        let (mut ws, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        let mut ids = Vec::new();
        while ids.len() < 2 {
            if let Message::Text(text) = ws.next().await.unwrap().unwrap() {
                let value: Value = serde_json::from_str(&text).unwrap();
                ids.push(value["u"].as_i64().unwrap());
            }
        }
        ids
    });
    assert_eq!(
        ids,
        [10, 20],
        "the payload alone, of the asked stream alone"
    );
    let snapshot = mock.get("/fapi/v1/depth?symbol=BTCUSDT&limit=1000").json();
    assert_eq!(snapshot["lastUpdateId"], 10);
    assert_eq!(
        mock.get("/fapi/v1/depth?symbol=ETHUSDT").json()["code"],
        -1121
    );
}

#[test]
fn what_cannot_be_served_is_refused_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    std::fs::write(
        dir.path().join("plan.yaml"),
        "faults: [{kind: earthquake, at: {frame: 1}}]",
    )
    .unwrap();
    std::fs::write(dir.path().join("not.gz"), "hello").unwrap();
    for (args, words) in [
        (
            vec!["--port", &port, "--history-minutes", "1"],
            vec!["cannot listen", "--port 0"],
        ),
        (
            vec!["--port", "0", "--profile", "calm"],
            vec!["unknown profile `calm`", "planted_flow"],
        ),
        (
            vec!["--port", "0", "--archive", "nowhere"],
            vec!["no archive folder `nowhere`"],
        ),
        (
            vec!["--port", "0", "--recording", "nowhere.gz"],
            vec!["cannot read recording"],
        ),
        (
            vec!["--port", "0", "--recording", "not.gz"],
            vec!["cannot read recording"],
        ),
        (
            vec!["--port", "0", "--faults", "plan.yaml"],
            vec!["unknown fault `earthquake`", "late_snapshot"],
        ),
        (
            vec!["--port", "0", "--faults", "missing.yaml"],
            vec!["cannot read fault plan"],
        ),
        (
            vec!["--port", "0", "--speed", "0"],
            vec!["speed `0`", "--speed max"],
        ),
        (
            vec!["--port", "0", "--delay", "*=slow"],
            vec!["delay `*=slow`", "lognormal"],
        ),
        (
            vec!["--port", "0", "--instrument", "um"],
            vec!["MARKET:SYMBOL"],
        ),
        (
            vec!["--port", "0", "--history-minutes", "0"],
            vec!["--history-minutes is 0"],
        ),
        (vec!["--port", "70000"], vec!["70000"]),
    ] {
        let mut all = vec!["mock-exchange"];
        all.extend(args);
        let started = Instant::now();
        let ran = run(dir.path(), &all).code(2).says(&words);
        assert!(ran.stdout.is_empty(), "nothing is served: {ran:#?}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}

#[cfg(unix)]
#[test]
fn it_ends_cleanly_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let mut mock = Mock::start(
        dir.path(),
        &["--instrument", "um:BTCUSDT", "--history-minutes", "1"],
    );
    let pid = mock.child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(mock.child.wait().unwrap().code(), Some(0));
    assert!(TcpStream::connect(&mock.address).is_err());
}
