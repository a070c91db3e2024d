//! Terms of an instrument as its venue tells them in two answers: steps in one, hours between settlements in the other.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::support::{Frame, data_file, run};

const INFO: &str = r#"{"symbols":[{"symbol":"BTCUSDT","contractType":"PERPETUAL","deliveryDate":4133404800000,
    "onboardDate":1569398400000,"filters":[{"filterType":"PRICE_FILTER","tickSize":"0.10"},
    {"filterType":"LOT_SIZE","stepSize":"0.001"},{"filterType":"MIN_NOTIONAL","notional":"100"}]}]}"#;

/// Answers a few routes as a venue does, everything else with 404; returns its address.
fn venue(funding_info: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), funding_info);
        }
    });
    url
}

fn answer(mut stream: TcpStream, funding_info: &str) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split_whitespace().nth(1).unwrap_or_default();
    let (status, body) = match path {
        "/fapi/v1/time" => ("200 OK", r#"{"serverTime":1767657600000}"#),
        "/fapi/v1/exchangeInfo" => ("200 OK", INFO),
        "/fapi/v1/fundingInfo" => ("200 OK", funding_info),
        _ => ("404 Not Found", "{}"),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).unwrap();
}

#[test]
fn hours_between_settlements_are_those_the_venue_lists() {
    for (listed, hours) in [
        (
            r#"[{"symbol":"BTCUSDT","adjustedFundingRateCap":"0.02","adjustedFundingRateFloor":"-0.02","fundingIntervalHours":4}]"#,
            "4",
        ),
        (r#"[{"symbol":"ETHUSDT","fundingIntervalHours":1}]"#, "8"),
        ("[]", "8"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let url = venue(listed);
        let args = format!(
            "build-dataset --exchange binance --market um --symbol BTCUSDT --start 2026-01-06 --end 2026-01-07 \
             --source rest --base-url {url} --datasets instruments --lake lake"
        );
        run(dir.path(), &args.split_whitespace().collect::<Vec<_>>()).code(0);
        let set = "raw/binance/um/BTCUSDT/instruments";
        let frame = Frame::read(&data_file(&dir.path().join("lake"), set, "2026-01-06"));
        let found = frame.text("funding_interval_h");
        assert_eq!(found, [Some(hours.to_owned())], "{listed}");
    }
}
