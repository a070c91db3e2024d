//! Rows that are counted, not refused: every row is written, duplicate, filtered or quarantined, and says which.

use std::path::Path;

use serde_json::{Value, json};

use crate::bad_archives::{Bench, DAY, GOOD_DAY, NEXT_DAY, good_text};
use crate::support::{
    AGG_SET, HEADER, agg_rows, contents, data_file, listing, manifest, put_text, text,
};

/// What became of a text of the second day.
struct Accepted {
    bench: Bench,
    file: Value,
}

/// Ingests a text that must be accepted with exactly these counts, beside the untouched first day.
#[track_caller]
fn accepts(text: &str, [written, duplicates, filtered, quarantined]: [u64; 4]) -> Accepted {
    let bench = Bench::new();
    let before = listing(&bench.path("lake"));
    put_text(&bench.path("archive"), DAY, text);
    let answer = bench.ingest().code(0).json();
    let file = answer["files"][0].clone();
    let expected = json!({
        "rows_in": written + duplicates + filtered + quarantined,
        "written": written, "duplicates": duplicates, "filtered": filtered, "quarantined": quarantined,
    });
    assert_eq!(file["status"], "written");
    assert_eq!(file["rows"], expected);
    assert_eq!(answer["rows"], expected);

    // The manifest tells the same, and the other day is as it was.
    let partition = manifest(&bench.path("lake"), AGG_SET)["partitions"][1].clone();
    assert_eq!(partition["date"], DAY);
    assert_eq!(partition["rows"], written);
    assert_eq!(
        partition["rows_in"],
        written + duplicates + filtered + quarantined
    );
    assert_eq!(partition["quality"]["duplicates"], duplicates);
    assert_eq!(partition["quality"]["filtered"], filtered);
    assert_eq!(partition["quality"]["quarantined"], quarantined);
    let after = listing(&bench.path("lake"));
    for (path, hash) in before.iter().filter(|(p, _)| p.contains(GOOD_DAY)) {
        assert_eq!(after.get(path), Some(hash), "{path}");
    }
    bench.run(&["verify", "--lake", "lake"]).code(0);
    Accepted { bench, file }
}

impl Accepted {
    #[track_caller]
    fn notes(&self, word: &str) {
        let notes = self.file["notes"].to_string();
        assert!(notes.contains(word), "`{word}` is not in {notes}");
    }

    fn content(&self) -> String {
        contents(&self.bench.path("lake"), AGG_SET)[DAY].clone()
    }

    /// The lines of the quarantine.
    fn quarantine(&self) -> Vec<Value> {
        let lake = self.bench.path("lake");
        let mut out = Vec::new();
        for path in listing(&lake)
            .keys()
            .filter(|p| Path::new(p).extension().is_some_and(|e| e == "jsonl"))
        {
            assert!(path.starts_with("quarantine/binance/um/BTCUSDT/agg_trades/"));
            let text = std::fs::read_to_string(lake.join(path)).unwrap();
            out.extend(
                text.lines()
                    .map(|l| serde_json::from_str::<Value>(l).unwrap()),
            );
        }
        out
    }

    #[track_caller]
    fn quarantined(&self, at: usize, line: u64, words: &[&str]) {
        let row = &self.quarantine()[at];
        assert_eq!(row["line"], line, "{row}");
        assert_eq!(row["file"], format!("BTCUSDT-aggTrades-{DAY}.zip"));
        let reason = row["reason"].as_str().unwrap();
        for word in words {
            assert!(reason.contains(word), "{reason}");
        }
    }
}

/// Content hash of the untouched text.
fn good_content() -> String {
    accepts(&good_text(), [1_000, 0, 0, 0]).content()
}

fn good_rows() -> Vec<String> {
    agg_rows(DAY, 1_001, 1_000)
}

/// Replaces a field of a row.
fn with_field(row: &str, field: usize, value: &str) -> String {
    let mut fields: Vec<&str> = row.split(',').collect();
    fields[field] = value;
    fields.join(",")
}

#[test]
fn byte_order_mark() {
    let accepted = accepts(&format!("\u{feff}{}", good_text()), [1_000, 0, 0, 0]);
    accepted.notes("byte order mark");
    assert_eq!(accepted.content(), good_content());
}

#[test]
fn crlf() {
    let accepted = accepts(&good_text().replace('\n', "\r\n"), [1_000, 0, 0, 0]);
    accepted.notes("1001 lines end in CRLF");
    assert_eq!(accepted.content(), good_content());
}

#[test]
fn nan() {
    let mut rows = good_rows();
    rows[10] = with_field(&rows[10], 1, "NaN");
    rows[20] = with_field(&rows[20], 2, "nan");
    rows[30] = with_field(&rows[30], 1, "inf");
    let accepted = accepts(&text(HEADER, &rows), [997, 0, 0, 3]);
    accepted.notes("3 rows refused, see `");
    // The header is line 1.
    accepted.quarantined(0, 12, &["column `price`", "not a finite decimal"]);
    accepted.quarantined(1, 22, &["column `quantity`", "not a finite decimal"]);
    accepted.quarantined(2, 32, &["column `price`", "not a finite decimal"]);
    assert_eq!(accepted.quarantine().len(), 3);
}

#[test]
fn negative_price() {
    let mut rows = good_rows();
    rows[499] = with_field(&rows[499], 1, "-40000.1");
    rows[500] = with_field(&rows[500], 1, "0");
    let accepted = accepts(&text(HEADER, &rows), [998, 0, 0, 2]);
    accepted.quarantined(0, 501, &["column `price`", "must be positive"]);
    accepted.quarantined(1, 502, &["column `price`", "must be positive"]);
}

#[test]
fn duplicate_ids() {
    let mut rows = good_rows();
    rows.insert(101, rows[100].clone());
    rows.push(rows[5].clone());
    // The same id and time with another quantity contradicts the earlier row.
    rows.insert(201, with_field(&rows[200], 2, "7"));
    let accepted = accepts(&text(HEADER, &rows), [1_000, 2, 0, 1]);
    accepted.quarantined(0, 203, &["same key as an earlier row"]);
    assert_eq!(accepted.content(), good_content());
}

#[test]
fn unsorted_rows() {
    let mut rows = good_rows();
    rows.reverse();
    let accepted = accepts(&text(HEADER, &rows), [1_000, 0, 0, 0]);
    let quality = &manifest(&accepted.bench.path("lake"), AGG_SET)["partitions"][1]["quality"];
    assert_eq!(quality["out_of_order"], 999);
    assert_eq!(accepted.content(), good_content());
}

#[test]
fn rows_of_other_days() {
    let mut rows = agg_rows(GOOD_DAY, 500, 3);
    rows.extend(good_rows());
    rows.extend(agg_rows(NEXT_DAY, 3_001, 4));
    let accepted = accepts(&text(HEADER, &rows), [1_000, 0, 7, 0]);
    accepted.notes("7 rows of other days left out");
    assert_eq!(accepted.content(), good_content());
    assert_eq!(contents(&accepted.bench.path("lake"), AGG_SET).len(), 2);
}

#[test]
fn mixed_milliseconds_and_microseconds() {
    let mut rows = good_rows();
    for row in rows.iter_mut().skip(1).step_by(4) {
        let micros = format!("{}000", row.split(',').nth(5).unwrap());
        *row = with_field(row, 5, &micros);
    }
    let accepted = accepts(&text(HEADER, &rows), [1_000, 0, 0, 0]);
    accepted.notes("mixed time units: 750 rows in milliseconds, 250 in microseconds");
    assert_eq!(accepted.content(), good_content());
}

#[test]
fn header_only() {
    let accepted = accepts(&format!("{HEADER}\n"), [0, 0, 0, 0]);
    let lake = accepted.bench.path("lake");
    let partition = &manifest(&lake, AGG_SET)["partitions"][1];
    assert!(partition["ts_min"].is_null() && partition["ts_max"].is_null());
    assert!(data_file(&lake, AGG_SET, DAY).is_file());
}

#[test]
fn the_same_archive_again_changes_nothing() {
    let accepted = accepts(&good_text(), [1_000, 0, 0, 0]);
    let before = listing(&accepted.bench.path("lake"));
    let answer = accepted.bench.ingest().code(0).json();
    assert_eq!(answer["files"][0]["status"], "current");
    assert_eq!(listing(&accepted.bench.path("lake")), before);
}
