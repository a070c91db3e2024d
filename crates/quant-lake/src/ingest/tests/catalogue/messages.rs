//! Messages, one a line: what JSON may suffer, in archives and in recordings of any venue.

use super::*;
use crate::ingest::tests::fixture::day;
use crate::ingest::tests::lab::{DAY, MESSAGES};

const N: usize = 40;
/// The spoiled message, from 0.
const AT: usize = 10;

/// Levels of the first messages: the first one is an image.
pub(super) fn levels(format: Format, messages: usize) -> u64 {
    let first = match format {
        Format::OkxBook | Format::BinanceRecording => 4,
        _ => 2,
    };
    first + 2 * (messages as u64 - 1)
}

/// A message is unreadable: what follows waits for an image, except where every message is one. One row tells of the lost book.
pub(super) fn lost(format: Format) -> Expect {
    let rest = 2 * (N - AT - 1) as u64;
    match format {
        Format::HyperliquidRecording => Expect::Rows([levels(format, N - 1), 0, 0, 1], ""),
        _ => Expect::Rows([levels(format, AT) + 1, 0, rest, 1], ""),
    }
}

/// A line that is no message stands between two: ids prove that none is missing, where there are ids.
fn between(format: Format) -> Expect {
    let rest = 2 * (N - AT) as u64;
    match format {
        Format::OkxBook => Expect::Rows([levels(format, AT) + 1, 0, rest, 1], ""),
        _ => Expect::Same([levels(format, N), 0, 0, 1], ""),
    }
}

#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn all(format: Format) -> usize {
    let rows = format.rows(day(DAY), 0, i64::try_from(N).unwrap());
    let good = format.text(&rows);
    let whole = [levels(format, N), 0, 0, 0];
    let same = || Expect::Same(whole, "");
    let mut cases = Vec::new();
    let replaced = |row: &str| {
        let mut rows = rows.clone();
        row.clone_into(&mut rows[AT]);
        format.text(&rows)
    };
    let inserted = |row: &str| {
        let mut rows = rows.clone();
        rows.insert(AT, row.to_owned());
        format.text(&rows)
    };
    let row = rows[AT].as_str();
    let stamp = row.split_once('{').unwrap().0;

    // Lines that are no message.
    for (name, line) in [
        ("half a message", row[..row.len() / 2].to_owned()),
        ("without its last bracket", row[..row.len() - 1].to_owned()),
        ("HTML", "<html>busy</html>".to_owned()),
        ("a bare word", "null".to_owned()),
        ("an array", "[1,2,3]".to_owned()),
        ("brackets", format!("{stamp}{}", "[".repeat(100_000))),
        ("braces", format!("{stamp}{}", "{\"a\":".repeat(50_000))),
        ("something after it", format!("{row} x")),
        (
            "two in a line",
            format!("{row}{}", row.split_once('{').unwrap().1),
        ),
        ("NUL", "\0\0\0\0".to_owned()),
        ("single quotes", row.replace('"', "'")),
        ("NUL inside", row.replacen('{', "{\0", 1)),
        ("a comma too many", row.replacen('{', "{,", 1)),
    ] {
        cases.push(case(
            &format!("between: {name}"),
            inserted(&line),
            between(format),
        ));
        cases.push(case(
            &format!("instead: {name}"),
            replaced(&line),
            lost(format),
        ));
    }
    // The levels of a message. Both sides are named differently by the venues: the quantity of a bid is always 4.
    let qty = AT % 7 + 1;
    let (px, qty) = ("\"98\"", format!("\"{qty}\""));
    for (what, old, bad) in [
        (
            "price",
            px,
            &[
                "\"NaN\"",
                "\"-1\"",
                "\"0\"",
                "\"1e400\"",
                "\"\"",
                "\"abc\"",
                "null",
                "\"0x62\"",
                "\"inf\"",
                "\"9,8\"",
                "true",
                "[]",
                "{}",
            ][..],
        ),
        (
            "size",
            &qty,
            &[
                "\"NaN\"",
                "\"-1\"",
                "\"1e400\"",
                "\"\"",
                "\"abc\"",
                "null",
                "\"inf\"",
                "\"1_0\"",
            ][..],
        ),
    ] {
        for value in bad {
            let line = row.replacen(old, value, 1);
            assert_ne!(line, row);
            cases.push(case(
                &format!("{what} {value}"),
                replaced(&line),
                lost(format),
            ));
        }
    }
    cases.push(case(
        "numbers as numbers",
        replaced(&row.replace(px, "98")),
        same(),
    ));
    let digits = row.replacen(px, "\"98.000000000000000000000000000001\"", 1);
    cases.push(case("a price of 30 digits", replaced(&digits), same()));
    // Times.
    let t = (day(DAY).start().0 / 1_000 + 1_000 + i64::try_from(AT).unwrap() * 1_000).to_string();
    let message = &row[stamp.len()..];
    for bad in [
        "0",
        "-1",
        "17198784110000",
        "1719878411000000000",
        "99999999999999999999",
        "1e400",
    ] {
        let line = format!("{stamp}{}", message.replace(&t, bad));
        cases.push(case(&format!("time {bad}"), replaced(&line), lost(format)));
    }
    for bad in ["", "\"abc\"", "null", "[]"] {
        let quoted = message.replace(&format!("\"{t}\""), bad).replace(&t, bad);
        cases.push(case(
            &format!("time `{bad}`"),
            replaced(&format!("{stamp}{quoted}")),
            lost(format),
        ));
    }
    // A field twice, a field more.

    let more = row.replacen('{', "{\"unheard_of\":{\"a\":[1,{\"b\":null}]},", 1);
    cases.push(case("a field more", replaced(&more), same()));
    for (field, value) in [("asks", "[]"), ("data", "[]"), ("ts", "\"1719878411000\"")] {
        let name = format!("\"{field}\":");
        if message.matches(&name).count() == 1 {
            let line = row.replacen(&name, &format!("{name}{value},{name}"), 1);
            cases.push(case(
                &format!("field `{field}` twice"),
                replaced(&line),
                lost(format),
            ));
        }
    }
    let mut bytes = good.clone().into_bytes();
    let at: usize = rows[..AT].iter().map(|r| r.len() + 1).sum();
    let at = at + row.find(px).unwrap();
    bytes[at + 1..at + 3].fill(0xff);
    cases.push(case("invalid UTF-8", bytes, lost(format)));
    // The file.
    cases.push(case(
        "byte order mark",
        format!("\u{feff}{good}"),
        Expect::Same(whole, "byte order mark"),
    ));
    cases.push(case(
        "CRLF",
        good.replace('\n', "\r\n"),
        Expect::Same(whole, "CRLF"),
    ));
    cases.push(case("CR only", good.replace('\n', "\r"), refused(&[])));
    cases.push(case("no final line end", good.trim_end(), same()));
    cases.push(case("empty", "", refused(&["empty"])));
    cases.push(case(
        "HTML",
        "<html>\n<body>503</body>\n</html>\n",
        refused(&["row 1"]),
    ));
    cases.push(case("zeros", vec![0_u8; 4_096], refused(&[])));
    cases.push(case(
        "a long line",
        format!("{good}{}", noise(9_000_000)),
        refused(&["longer than"]),
    ));
    let bad: Vec<String> = rows.iter().map(|r| r.replace("\"98\"", "\"x\"")).collect();
    cases.push(case(
        "no usable message",
        format.text(&bad),
        refused(&["rows are unusable"]),
    ));
    run(format, &good, cases)
}

macro_rules! messages {
    ($($name:ident = $format:ident;)*) => {
        $(#[test]
        fn $name() {
            let n = all(Format::$format);
            assert!(n > 60, "{n}");
        })*
    };
}

messages! {
    okx_book = OkxBook;
    binance_recording = BinanceRecording;
    okx_recording = OkxRecording;
    hyperliquid_recording = HyperliquidRecording;
}

#[test]
fn every_kind_of_message_has_its_test() {
    assert_eq!(MESSAGES.len(), 4);
}
