//! Books: what a stream of updates may suffer. The books in the lake are built a second time here and compared.

use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;

use super::messages::levels;
use super::*;
use crate::ingest::tests::fixture::day;
use crate::ingest::tests::lab::{DAY, MESSAGES};
use crate::read::{HashMemo, PartitionSet};
use crate::schema::Dataset;

const N: usize = 30;
const AT: usize = 10;
const FORMATS: [Format; 4] = MESSAGES;

/// Changes a message into one with these levels; an empty side is `""`.
fn with_levels(format: Format, row: &str, bids: &[(&str, &str)], asks: &[(&str, &str)]) -> String {
    let side = |of: &[(&str, &str)]| {
        let level = |(px, qty): &(&str, &str)| match format {
            Format::OkxBook => format!(r#"["{px}","{qty}","1"]"#),
            Format::BinanceRecording => format!(r#"["{px}","{qty}"]"#),
            Format::OkxRecording => format!(r#"["{px}","{qty}","0","1"]"#),
            _ => format!(r#"{{"px":"{px}","sz":"{qty}","n":1}}"#),
        };
        of.iter().map(level).collect::<Vec<_>>().join(",")
    };
    if format == Format::HyperliquidRecording {
        let at = row.find("\"levels\":").unwrap();
        return format!(
            "{}\"levels\":[[{}],[{}]]}}}}",
            &row[..at],
            side(bids),
            side(asks)
        );
    }
    let (bid, ask) = match format {
        Format::BinanceRecording if row.contains("depthUpdate") => ("\"b\":", "\"a\":"),
        _ => ("\"bids\":", "\"asks\":"),
    };
    let replace = |row: &str, name: &str, with: &str| {
        let start = row.find(name).unwrap() + name.len();
        let end = start + row[start..].find("]]").unwrap() + 2;
        format!("{}[{with}]{}", &row[..start], &row[end..])
    };
    replace(&replace(row, bid, &side(bids)), ask, &side(asks))
}

/// The best prices of every image in the lake; none may be crossed or locked unless the venue said so.
fn tops(lab: &Lab) -> Vec<(f64, f64)> {
    let spec = lab.spec(Dataset::L2Snapshots);
    let set = PartitionSet::open(&lab.fixture.lake(), &spec).unwrap();
    let memo = HashMemo::default();
    let mut out = Vec::new();
    for batch in set.read_day(day(DAY), None, 10_000, &memo).unwrap() {
        let batch = batch.unwrap();
        let column = |name| {
            batch
                .column_by_name(name)
                .unwrap()
                .as_primitive::<Float64Type>()
        };
        let (bid, ask) = (column("bid_px_00"), column("ask_px_00"));
        for i in 0..batch.num_rows() {
            use arrow_array::Array as _;
            if bid.is_valid(i) && ask.is_valid(i) {
                out.push((bid.value(i), ask.value(i)));
            }
        }
    }
    out
}

/// Runs a stream; expects these rows of `l2_deltas` and no crossed image.
#[track_caller]
fn stream(format: Format, name: &str, rows: &[String], expected: [u64; 4]) {
    let lab = Lab::prepared(format);
    let report = lab.text(format.text(rows));
    let problems = check(&lab, &report, &Expect::Rows(expected, ""));
    assert!(
        problems.is_empty(),
        "{format:?} {name}: {problems:?}\n{}",
        describe(&report)
    );
    if lab
        .manifest(Dataset::L2Snapshots)
        .is_some_and(|m| m.partition(day(DAY)).is_some())
    {
        for (bid, ask) in tops(&lab) {
            // A locked book is none of ours to correct; a crossed one is no book.
            let is_sound = bid < ask || (name == "locked" && bid.total_cmp(&ask).is_eq());
            assert!(is_sound, "{format:?} {name}: {bid} {ask}");
        }
    }
}

fn good(format: Format) -> Vec<String> {
    format.rows(day(DAY), 0, i64::try_from(N).unwrap())
}

fn replaced(format: Format, bids: &[(&str, &str)], asks: &[(&str, &str)]) -> Vec<String> {
    let mut rows = good(format);
    rows[AT] = with_levels(format, &rows[AT], bids, asks);
    rows
}

/// Levels of the good stream, with the message at `AT` having `n`.
fn with(format: Format, n: u64) -> [u64; 4] {
    [levels(format, N) - 2 + n, 0, 0, 0]
}

#[test]
fn levels_that_look_odd_and_are_allowed() {
    for format in FORMATS {
        let run = |name, bids, asks, n| {
            stream(format, name, &replaced(format, bids, asks), with(format, n));
        };
        run(
            "unsorted",
            &[("90", "1"), ("95", "1"), ("92", "1")],
            &[("107", "1"), ("105", "1")],
            5,
        );
        run("one side empty", &[("98", "1")], &[], 1);
        run("the other side empty", &[], &[("104", "1")], 1);
        if format != Format::HyperliquidRecording {
            run(
                "an unknown level deleted",
                &[("12", "0")],
                &[("999", "0")],
                2,
            );
            let rows = replaced(format, &[("98", "0"), ("98", "0")], &[]);
            let [written, ..] = with(format, 1);
            stream(format, "a level deleted twice", &rows, [written, 1, 0, 0]);
        }
        run(
            "many decimals",
            &[("98.00000001", "0.00000001")],
            &[("104.1", "1e-8")],
            2,
        );
    }
}

#[test]
fn crossed_and_locked_books_give_no_image() {
    for format in FORMATS {
        for (name, px) in [("crossed", "150"), ("locked", "102"), ("far", "99999")] {
            // What follows is not crossed again for books that are sent whole; others stay crossed until a level goes.
            let mut rows = replaced(format, &[(px, "5")], &[("102", "4")]);
            if format != Format::HyperliquidRecording {
                rows[AT + 1] = with_levels(format, &rows[AT + 1], &[(px, "0")], &[("104", "1")]);
            }
            stream(format, name, &rows, with(format, 2));
        }
    }
}

#[test]
fn images_with_a_size_of_zero_or_a_price_twice() {
    for format in FORMATS {
        for (name, bids, asks) in [
            ("zero", &[("98", "0"), ("97", "1")][..], &[("101", "1")][..]),
            ("twice", &[("98", "1"), ("98", "2")], &[("101", "1")]),
            (
                "twice on the other side",
                &[("98", "1")],
                &[("101", "1"), ("101", "1")],
            ),
        ] {
            let mut rows = good(format);
            rows[0] = with_levels(format, &rows[0], bids, asks);
            let lab = Lab::prepared(format);
            let report = lab.text(format.text(&rows));
            // A venue that sends a level twice is believed or refused; the rows are accounted for either way.
            assert_eq!(
                report.failures().count(),
                0,
                "{format:?} {name}: {report:?}"
            );
            let main = report
                .files
                .iter()
                .find(|f| f.dataset == format.main())
                .unwrap();
            let c = main.counts;
            let problems = check(
                &lab,
                &report,
                &Expect::Rows(
                    [
                        c.written,
                        c.duplicates,
                        c.filtered,
                        report.counts().quarantined,
                    ],
                    "",
                ),
            );
            assert!(problems.is_empty(), "{format:?} {name}: {problems:?}");
            for (bid, ask) in tops(&lab) {
                assert!(bid < ask, "{format:?} {name}");
            }
        }
    }
}

#[test]
fn a_message_missing_repeated_or_displaced() {
    for format in FORMATS {
        let (all, rest) = (levels(format, N), 2 * (N - AT - 1) as u64);
        let is_whole = format == Format::HyperliquidRecording;
        let has_ids = matches!(format, Format::BinanceRecording | Format::OkxRecording);
        // One message missing: ids prove it, and a row tells it; without ids only the next image could.
        let mut rows = good(format);
        rows.remove(AT);
        let expected = if has_ids {
            [levels(format, AT) + 1, 0, rest, 0]
        } else {
            [all - 2, 0, 0, 0]
        };
        stream(format, "missing", &rows, expected);
        // The image missing: nothing to apply updates to.
        let rows = good(format)[1..].to_vec();
        let n = 2 * (N as u64 - 1);
        let expected = if is_whole { [n, 0, 0, 0] } else { [0, 0, n, 0] };
        stream(format, "no image", &rows, expected);
        // Updates before the image.
        let mut rows = good(format);
        let image = rows.remove(0);
        rows.insert(3, image);
        let lab = Lab::prepared(format);
        let report = lab.text(format.text(&rows));
        let counts = report
            .files
            .iter()
            .find(|f| f.dataset == format.main())
            .unwrap()
            .counts;
        // An image of OKX that comes late does not lead to the next update: the row of a lost book more.
        let rows = all + u64::from(format == Format::OkxRecording);
        assert!(
            counts.balanced() && counts.rows_in == rows || format == Format::OkxBook,
            "{format:?} {report:?}"
        );
        // The image alone: one that names no instrument is nobody's.
        let first = good(format)[0].clone();
        let n = levels(format, 1);
        let expected = match format {
            Format::BinanceRecording => [0, 0, n, 0],
            _ => [n, 0, 0, 0],
        };
        stream(format, "image only", &[first], expected);
    }
}

#[test]
fn a_message_twice() {
    for format in FORMATS {
        let mut rows = good(format);
        rows.insert(AT, rows[AT].clone());
        let lab = Lab::prepared(format);
        let report = lab.text(format.text(&rows));
        assert_eq!(report.failures().count(), 0, "{format:?} {report:?}");
        let counts = report
            .files
            .iter()
            .find(|f| f.dataset == format.main())
            .unwrap()
            .counts;
        assert!(counts.balanced(), "{format:?}");
        // Binance's ids say that the book holds it; an id of OKX twice is no chain: the book is lost there.
        let lost = format == Format::OkxRecording;
        let rows = levels(format, N) + 2 + u64::from(lost);
        assert_eq!(counts.rows_in, rows, "{format:?}");
        for (bid, ask) in tops(&lab) {
            assert!(bid < ask, "{format:?}");
        }
    }
}

/// A message as of another instrument.
fn of_another(message: &str) -> String {
    message
        .replace("BTC-USDT", "ETH-USDT")
        .replace("BTCUSDT", "ETHUSDT")
        .replace("btcusdt", "ethusdt")
        .replace("\"BTC\"", "\"ETH\"")
}

fn assert_refused(format: Format, rows: &[String], parts: &[&str]) {
    let lab = Lab::prepared(format);
    let before = lab.fixture.listing();
    let report = lab.text(format.text(rows));
    let errors: Vec<String> = report.failures().map(|(_, e)| e.to_string()).collect();
    assert_eq!(errors.len(), 1, "{format:?} {report:?}");
    for part in parts {
        assert!(errors[0].contains(part), "{format:?} {part}: {}", errors[0]);
    }
    assert_eq!(lab.fixture.listing(), before, "{format:?}");
}

#[test]
fn messages_of_another_instrument() {
    for format in FORMATS {
        let mut rows = good(format);
        rows.insert(AT, of_another(&rows[AT]));
        if format == Format::BinanceRecording {
            // Its image names no symbol: it may be of either.
            assert_refused(format, &rows, &["BTCUSDT", "ETHUSDT", "split"]);
            continue;
        }
        // An archive of one instrument has no business with another; a recording often holds several.
        let refused = u64::from(format == Format::OkxBook);
        stream(format, "another", &rows, [levels(format, N), 0, 0, refused]);
    }
}

#[test]
fn a_file_of_another_instrument_only() {
    for format in FORMATS {
        let rows: Vec<String> = good(format).iter().map(|r| of_another(r)).collect();
        let parts: &[&str] = match format {
            Format::OkxBook => &["BTC-USDT", "unusable"],
            _ => &["BTC", "ETH"],
        };
        assert_refused(format, &rows, parts);
    }
}
