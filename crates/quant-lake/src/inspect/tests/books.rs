//! Books that cannot be trusted all the way, and vendor files that are no market data.

use std::fmt::Write as _;

use super::*;

const T0: i64 = 1_704_067_200_000;

/// One message of Bybit's archive: snapshot of two levels a side, or a change of the bid.
fn bybit(is_snapshot: bool, ts: i64, u: i64, bid: f64) -> String {
    let kind = if is_snapshot { "snapshot" } else { "delta" };
    let asks = if is_snapshot {
        r#"[["101","1"],["102","1"]]"#
    } else {
        "[]"
    };
    format!(
        r#"{{"topic":"orderbook.200.BTCUSDT","type":"{kind}","ts":{ts},"data":{{"s":"BTCUSDT","b":[["{bid}","1"]],"a":{asks},"u":{u},"seq":{}}},"cts":{ts}}}"#,
        u * 10
    )
}

/// A file of deltas after one snapshot, a second apart; `change` may move ids, times and bids.
fn book(n: i64, change: impl Fn(i64) -> (i64, i64, f64)) -> String {
    let lines = (0..n).map(|i| {
        let (ts, u, bid) = change(i);
        bybit(i == 0, T0 + ts, u, bid)
    });
    lines.collect::<Vec<_>>().join("\n")
}

const NAME: &str = "linear/2024-01-01_BTCUSDT_ob200.data";

#[test]
fn a_sound_book_is_ok_and_its_images_are_counted() {
    let dir = Folder::new();
    let found = dir.look(NAME, book(60, |i| (i * 1_000 + 500, 5 + i, 90.0)));
    assert!(found.is_ok(), "{:#?}", found.checks);
    let book = found.book.unwrap();
    assert_eq!((book.breaks, book.lost, book.crossed), (0, 0, 0));
    // An image at every second between the first message and the last.
    assert_eq!(book.images, 59);
}

#[test]
fn a_gap_voids_the_book_and_fails() {
    let dir = Folder::new();
    let gapped = |i: i64| (i * 1_000, if i < 20 { 5 + i } else { 6 + i }, 90.0);
    let found = dir.look(NAME, book(60, gapped));
    assert_eq!(verdict(&found, "chain of the book"), Some(Verdict::Fail));
    let summary = found.book.unwrap();
    assert_eq!(summary.breaks, 1);
    // The message that shows the gap, and all after it.
    assert_eq!(summary.lost, 40);
    assert!(summary.images < 21, "{}", summary.images);
}

#[test]
fn time_that_runs_backwards_fails() {
    let dir = Folder::new();
    let found = dir.look(NAME, book(60, |i| (60_000 - i * 1_000, 5 + i, 90.0)));
    assert_eq!(verdict(&found, "times of the book"), Some(Verdict::Fail));
    assert_eq!(found.book.unwrap().times_fall, 59);
}

#[test]
fn a_book_crossed_most_of_the_time_fails_and_one_crossed_once_does_not() {
    let dir = Folder::new();
    let crossed_from =
        |from: i64| move |i: i64| (i * 1_000, 5 + i, if i >= from { 105.0 } else { 90.0 });
    let found = dir.look(NAME, book(60, crossed_from(10)));
    assert_eq!(verdict(&found, "book"), Some(Verdict::Fail));
    assert_eq!(found.book.unwrap().crossed_share, 50.0 / 60.0);
    let found = dir.look(NAME, book(60, crossed_from(55)));
    assert_eq!(verdict(&found, "book"), Some(Verdict::Warn));
    assert!(found.is_ok());
}

#[test]
fn a_check_never_says_that_a_book_would_be_refused_which_an_ingest_takes() {
    let dir = Folder::new();
    let without_snapshot = book(10, |i| (i * 1_000, 5 + i, 90.0));
    let (_, deltas) = without_snapshot.split_once('\n').unwrap();
    let found = dir.look(NAME, deltas);
    let check = found.checks.iter().find(|c| c.name == "snapshot").unwrap();
    assert_eq!(check.verdict, Verdict::Fail);
    assert!(!found.refused, "{found:?}");
    assert!(
        check.detail.contains("an ingest takes the file"),
        "{check:?}"
    );
    let found = dir.look(
        "linear/2024-03-01_BTCUSDT_ob200.data",
        book(10, |i| (i * 1_000, 5 + i, 90.0)),
    );
    let check = found
        .checks
        .iter()
        .find(|c| c.name == "day of the name")
        .unwrap();
    assert!(
        check.detail.contains("holds nothing of 2024-03-01"),
        "{check:?}"
    );
}

/// A recording of Binance futures: an image and updates of the bid, one a second.
fn binance(n: i64, change: impl Fn(i64) -> (i64, i64, f64)) -> String {
    let ns = |ms: i64| ms * 1_000_000;
    let mut text = format!(
        "{} {{\"lastUpdateId\":100,\"E\":{T0},\"T\":{T0},\"bids\":[[\"90\",\"1\"]],\"asks\":[[\"101\",\"1\"]]}}\n",
        ns(T0)
    );
    for i in 0..n {
        let (ts, u, bid) = change(i);
        let ts = T0 + ts;
        let pu = u - 1;
        // The first update holds the last one of the image.
        let first = if i == 0 { pu } else { u };
        writeln!(
            text,
            r#"{} {{"stream":"btcusdt@depth","data":{{"e":"depthUpdate","E":{ts},"T":{ts},"s":"BTCUSDT","U":{first},"u":{u},"pu":{pu},"b":[["{bid}","1"]],"a":[]}}}}"#,
            ns(T0 + 1_000 + i * 1_000)
        )
        .unwrap();
    }
    text
}

#[test]
fn recordings_are_judged_like_archives() {
    let dir = Folder::new();
    let look =
        |change: &dyn Fn(i64) -> (i64, i64, f64)| dir.look("btcusdt.log", binance(60, change));
    let second = |i: i64| 500 + i * 1_000;
    let found = look(&|i| (second(i), 101 + i, 90.0));
    assert!(found.is_ok(), "{:#?}", found.checks);
    assert_eq!(verdict(&found, "book"), Some(Verdict::Ok));
    let found = look(&|i| (second(i), if i < 20 { 101 + i } else { 103 + i }, 90.0));
    assert_eq!(
        verdict(&found, "chain of the book"),
        Some(Verdict::Fail),
        "{:#?}",
        found.checks
    );
    let check = found.checks.iter().find(|c| c.name == "chain of the book");
    assert!(
        check.unwrap().detail.contains("40 messages lost"),
        "{check:?}"
    );
    let found = look(&|i| (second(60 - i), 101 + i, 90.0));
    assert_eq!(
        verdict(&found, "times of the book"),
        Some(Verdict::Fail),
        "{:#?}",
        found.checks
    );
    let found = look(&|i| (second(i), 101 + i, 105.0));
    assert_eq!(
        verdict(&found, "book"),
        Some(Verdict::Fail),
        "{:#?}",
        found.checks
    );
}

#[test]
fn checksum_files_are_known_and_compared_with_their_archive() {
    let dir = Folder::new();
    let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let name = "BTCUSDT-trades-2024-01-01.zip";
    let text = format!("{sha}  {name}\n");
    let found = dir.look(&format!("{name}.CHECKSUM"), &text);
    assert!(found.is_ok(), "{found:?}");
    assert!(found.format.contains("checksum"), "{}", found.format);
    assert_eq!(found.command, None);
    dir.write(name, "abc");
    let found = dir.look(&format!("{name}.CHECKSUM"), &text);
    assert_eq!(verdict(&found, "archive"), Some(Verdict::Ok));
    dir.write(name, "abd");
    let found = dir.look(&format!("{name}.CHECKSUM"), &text);
    assert_eq!(verdict(&found, "archive"), Some(Verdict::Fail));
    assert!(found.refused);
}

#[test]
fn a_list_of_replaced_archives_is_known_among_other_members_of_its_zip() {
    use std::io::Write as _;
    let dir = Folder::new();
    let (a, b) = ("a".repeat(64), "b".repeat(64));
    let list = format!(
        "File,Original File Checksum,New File Checksum\nX-aggTrades-2018-01,{a}  X-aggTrades-2018-01.zip,{b}  X-aggTrades-2018-01.zip\n"
    );
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, body) in [
        ("updates.csv", list.as_str()),
        ("__MACOSX/._updates.csv", "fork"),
    ] {
        zip.start_file(name, options).unwrap();
        zip.write_all(body.as_bytes()).unwrap();
    }
    let found = dir.look("updates.zip", zip.finish().unwrap().into_inner());
    assert!(found.is_ok(), "{found:?}");
    assert!(
        found.notes.iter().any(|n| n == "1 archives were replaced"),
        "{found:?}"
    );
}

#[test]
fn recorded_answers_of_routes_are_known() {
    let dir = Folder::new();
    let text = r#"{"routes": {"/fapi/v1/klines": {"GET": [{"data": []}, {"data": {"code": -1121, "msg": "x"}}]}}}"#;
    let found = dir.look("http.json", text);
    assert!(found.is_ok(), "{found:?}");
    assert_eq!(found.exchange.as_deref(), Some("binance"));
    let text = "GET\n/deepcoin/market/candles\nfalse\n{\n \"code\": \"0\",\n \"data\": [[\"1\"], [\"2\"]]\n}\n";
    let found = dir.look("GetKlines.txt", text);
    assert!(found.is_ok(), "{found:?}");
    assert!(
        found.checks.iter().any(|c| c.detail == "JSON, 2 rows"),
        "{found:?}"
    );
    let text = "> { \"SendTopicAction\": { \"Action\": \"1\" }}\n< {\"action\":\"RecvTopicAction\"}\n= \n{\n}\n";
    let found = dir.look("Trades.txt", text);
    assert!(found.is_ok(), "{found:?}");
    // Another thing with such keys stays unknown.
    for text in [
        r#"{"routes": {}}"#,
        r#"{"routes": {"a": 1}}"#,
        "GET\nsomething\n",
        "> a quotation\n",
    ] {
        assert!(!dir.look("x.txt", text).is_ok(), "{text}");
    }
}
