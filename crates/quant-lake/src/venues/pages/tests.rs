//! Tests of what pages of all venues share: receipt stamps, envelopes, spans, intervals, conservation of rows.
use super::*;
use crate::venues::rows::{ParseOptions, RowParser as _};
use crate::venues::tables::{MessageParser, TableOptions};
use quant_core::time::{MICROS_PER_HOUR, TimeRange, UnixMicros};

#[test]
fn a_stamp_is_split_off_only_if_it_is_one() {
    assert_eq!(
        split_received(b"1767571200000000123 [1]"),
        (Some(1_767_571_200_000_000), &b"[1]"[..])
    );
    for whole in [&b"[1]"[..], b"12 [1]", b"1767571200000000123", b""] {
        assert_eq!(split_received(whole), (None, whole));
    }
}

#[test]
fn envelopes_take_both_spellings_of_the_code_and_name_the_venues_refusal() {
    for ok in [
        r#"{"code":"0","msg":"","data":[1]}"#,
        r#"{"code":0,"data":[1]}"#,
    ] {
        assert_eq!(enveloped(ok.as_bytes(), "r").unwrap()[0], 1);
    }
    let refused = enveloped(br#"{"code":"50011","msg":"Too Many Requests"}"#, "r").unwrap_err();
    assert_eq!(
        refused,
        PageError::Venue {
            route: "r",
            code: "50011".to_owned(),
            msg: "Too Many Requests".to_owned()
        }
    );
    for other in ["", "[]", "{}", "null", r#"{"code":null}"#, "<html>"] {
        let error = enveloped(other.as_bytes(), "r").unwrap_err();
        assert!(matches!(error, PageError::Shape { .. }), "{other}: {error}");
    }
}

#[test]
fn times_and_numbers_of_another_unit_are_refused() {
    let v = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(
        millis(&v("1767571200000"), "t"),
        Ok(Ts(1_767_571_200_000_000)).map_err(|e: RowProblem| e)
    );
    assert_eq!(
        millis(&v("\"1767571200000\""), "t").unwrap().0,
        1_767_571_200_000_000
    );
    assert_eq!(
        seconds(&v("1767571200"), "t").unwrap().0,
        1_767_571_200_000_000
    );
    for bad in [
        "1767571200",
        "1767571200000000",
        "-1767571200000",
        "null",
        "1.5",
        "\"x\"",
    ] {
        assert!(millis(&v(bad), "t").is_err(), "{bad}");
    }
    for bad in [
        "null", "\"NaN\"", "\"inf\"", "true", "\"0x10\"", "\"\"", "[]",
    ] {
        assert!(number(&v(bad), "x").is_err(), "{bad}");
    }
    for bad in ["0", "-1", "\"-0.0\"", "1e16"] {
        assert!(positive(&v(bad), "x").is_err(), "{bad}");
    }
    assert!(number(&v("\"-0\""), "x").unwrap().is_sign_positive());
}

fn funding(hours: f64) -> FundingRow {
    #[expect(clippy::cast_possible_truncation, reason = "small numbers of a test")]
    let ts = 1_767_571_200_000_000 + (hours * MICROS_PER_HOUR as f64) as i64;
    FundingRow {
        ts_event: Ts(ts),
        rate: 0.0001,
        interval_h: None,
        mark_price: None,
    }
}

#[test]
fn hours_between_settlements_come_from_their_distance_whatever_the_order() {
    // 8 h, then 4 h with jitter, then a hole of a day and a half, then 90 minutes.
    let mut rows = [48.0, 12.0, 8.000_01, 0.0, 49.5].map(funding);
    set_intervals(&mut rows);
    let hours: Vec<Option<i32>> = rows.iter().map(|r| r.interval_h).collect();
    assert_eq!(hours, [None, Some(4), Some(8), None, None]);
    let mut known = [
        funding(0.0),
        FundingRow {
            interval_h: Some(1),
            ..funding(8.0)
        },
    ];
    set_intervals(&mut known);
    assert_eq!(known[1].interval_h, Some(1));
}

/// Bodies are lists of `[ms, rate]`, or `"forming"` times.
struct Toy;

impl PageFormat for Toy {
    fn dataset(&self) -> Dataset {
        Dataset::Funding
    }
    fn page(&mut self, body: &[u8], _: Option<i64>) -> Result<Page, PageError> {
        let value = json(body, "toy")?;
        let items = list(&value, "toy", body)?;
        Ok(Page::read(items, |item| {
            let row = cells(item, 2)?;
            let ts_event = millis(&row[0], "ts")?;
            let rate = number(&row[1], "rate")?;
            Ok((
                FundingRow {
                    ts_event,
                    rate,
                    ..funding(0.0)
                },
                row.len() == 2,
            ))
        }))
    }
}

#[test]
fn every_row_of_a_page_file_is_accounted_for() {
    let day = UnixMicros(1_767_571_200_000_000).day();
    let options = ParseOptions {
        file: "toy".to_owned(),
        range: day.range(),
        max_quarantine_share: 1.0,
        collect: vec![Dataset::Funding],
    };
    let tables = TableOptions {
        datasets: vec![Dataset::Funding],
        book_levels: 0,
        watermark_us: None,
    };
    let mut parser = MessageParser::new(PageMessages(Box::new(Toy)), &tables, options);
    // Newest first, one repeated between pages, one of another day, one forming, one bad, and a line that is no page.
    let text = b"[[1767571300000,1],[1767571200000,2]]\n\
        1767571999000000000 [[1767571200000,2],[1767571100000,3],[1767571301000,4,0]]\n\
        [[1767571302000,\"x\"]]\n\
        {\"code\":1}\n\
        []\n";
    let mut out = Vec::new();
    parser.feed(text, &mut out).unwrap();
    let totals = parser.finish(&mut out).unwrap();
    let (dataset, totals) = &totals[0];
    assert_eq!(*dataset, Dataset::Funding);
    let range: TimeRange = day.range();
    assert!(range.contains(UnixMicros(1_767_571_300_000_000)));
    // Rows: 2 + 3 + 1, and the unreadable line as one.
    assert_eq!(totals.rows, 7);
    assert_eq!(totals.filtered, 2, "another day and the forming one");
    assert_eq!(totals.unwanted, 1);
    assert_eq!(totals.quarantined.len(), 2);
    assert_eq!(totals.diagnostics["forming_bars_left_out"], 1);
    assert!(totals.quarantined[0].text.contains("1767571302000"));
}

#[test]
fn spans_cover_forming_rows_and_leave_bad_ones_out() {
    let body = b"[[1767571300000,1,0],[1767571200000,2],[5,2]]";
    let page = Toy.page(body, None).unwrap();
    assert_eq!((page.rows.len(), page.forming, page.bad.len()), (1, 1, 1));
    assert_eq!(
        page.span,
        Span {
            rows: 3,
            first_ts: Some(1_767_571_200_000_000),
            last_ts: Some(1_767_571_300_000_000),
            ..Span::default()
        }
    );
}
