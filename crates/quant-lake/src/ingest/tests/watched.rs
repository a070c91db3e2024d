//! Days judged by detectors that looked on while they were written are judged as if they were read back.

use std::sync::Arc;

use super::fixture::*;
use crate::ingest::*;
use crate::quality::{DayReport, Scans, Severity, assess_day};
use crate::read::HashMemo;
use crate::schema::Dataset;
use crate::venues::binance::Period;

const FIRST: &str = "2024-07-02";
const SECOND: &str = "2024-07-03";

/// Two days of trades: between and within them ids are missing, and one price is far off.
fn planted(reversed: bool) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.options.scans = Some(Arc::default());
    let um = key("um", "BTCUSDT");
    for (of, first_id) in [(FIRST, 1), (SECOND, 50_000)] {
        let mut rows = trades(day(of), first_id, 3_000);
        rows.drain(500..900);
        let mut odd: Vec<String> = rows[200].split(',').map(str::to_owned).collect();
        odd[1] = "1.0".to_owned();
        rows[200] = odd.join(",");
        if reversed {
            rows.reverse();
        }
        let text = csv(UM_TRADES, &rows);
        fixture.put(&um, Dataset::Trades, Period::Day(day(of)), &text);
    }
    fixture
}

fn ingest(fixture: &Fixture) -> IngestReport {
    let um = key("um", "BTCUSDT");
    let request = fixture.request(&um, Dataset::Trades, FIRST, "2024-07-04");
    fixture.ingest(&request)
}

fn judged(fixture: &Fixture, of: &str, scans: &Scans) -> DayReport {
    let (um, memo) = (key("um", "BTCUSDT"), HashMemo::default());
    assess_day(
        &fixture.lake(),
        &um,
        day(of),
        &[Dataset::Trades],
        &memo,
        scans,
    )
    .unwrap()
}

#[test]
fn what_was_watched_is_judged_as_what_is_read() {
    for reversed in [false, true] {
        let fixture = planted(reversed);
        ingest(&fixture);
        let scans = fixture.options.scans.as_deref().unwrap();
        for of in [FIRST, SECOND] {
            let read = judged(&fixture, of, &Scans::default());
            assert_eq!(read.worst(), Some(Severity::Fail));
            let names: Vec<&str> = read.findings.iter().map(|f| f.detector.as_str()).collect();
            assert!(names.contains(&"price_outlier"), "{names:?}");
            // Besides its own hole, each day tells of the ids missing across the midnight between them.
            let gaps = names.iter().filter(|n| **n == "id_gap").count();
            assert_eq!(gaps, 2);
            assert_eq!(judged(&fixture, of, scans), read);
        }
    }
}

/// The first judgement of a day needs no file, the second one reads; so does one of content nobody saw.
#[test]
fn only_what_was_seen_goes_unread() {
    let fixture = planted(false);
    ingest(&fixture);
    let scans = fixture.options.scans.as_deref().unwrap();
    let um = key("um", "BTCUSDT");
    let set = fixture.lake().set_dir(&spec(&um, Dataset::Trades));
    let file = set.join(format!("date={FIRST}/part-000.parquet"));
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let read_nothing = judged(&fixture, FIRST, scans);
    let memo = HashMemo::default();
    let again = assess_day(
        &fixture.lake(),
        &um,
        day(FIRST),
        &[Dataset::Trades],
        &memo,
        scans,
    );
    assert!(again.is_err(), "the detectors were taken before");
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(judged(&fixture, FIRST, scans), read_nothing);

    // A later version of the file is merged by a run that keeps no detectors: those of the first version are no use.
    let rows = trades(day(SECOND), 50_000, 3_000);
    let mut later = planted(false);
    ingest(&later);
    let text = csv(UM_TRADES, &rows);
    later.put(&um, Dataset::Trades, Period::Day(day(SECOND)), &text);
    let kept = later.options.scans.take().unwrap();
    ingest(&later);
    let judged_now = judged(&later, SECOND, &kept);
    assert_eq!(judged_now, judged(&later, SECOND, &Scans::default()));
    let gaps = judged_now
        .findings
        .iter()
        .filter(|f| f.detector == "id_gap");
    assert_eq!(gaps.count(), 1, "only the ids before midnight are missing");
}
