//! Tests of holes between fetches, by hand.
use quant_core::market::Market;
use quant_lake::ingest::HeldDay;
use quant_lake::manifest::IngestParams;
use quant_lake::schema::Dataset;
use quant_lake::venues::contracts::QtyUnit;

use super::*;
use crate::rest::venues::{self, Unavailable, VenueCx};

const DAY: &str = "2026-01-06";

fn cx(exchange: &str, market: Market, now: &str) -> VenueCx {
    let text = format!("{exchange}:{market}:BTCUSDT");
    let mut parts = text.split(':');
    let mut next = || parts.next().unwrap();
    VenueCx {
        key: quant_core::market::InstrumentKey {
            exchange: next().parse().unwrap(),
            market: next().parse().unwrap(),
            symbol: next().parse().unwrap(),
        },
        now: now.parse().unwrap(),
        age_us: 0,
        unit: QtyUnit::Base,
    }
}

fn held(last: &str, last_id: i64) -> HeldDay {
    HeldDay {
        params: IngestParams::new(),
        rows: 500,
        first: Some(last.parse().unwrap()),
        last: Some(last.parse().unwrap()),
        last_id: Some(last_id),
    }
}

fn fetched(rows: usize, first: Option<(i64, &str)>) -> FetchedPages {
    FetchedPages {
        rows,
        wanted: rows,
        first_id: first.map(|f| f.0),
        first_ts: first.map(|f| f.1.parse::<UnixMicros>().unwrap().0),
        ..FetchedPages::default()
    }
}

fn job(cx: &VenueCx, dataset: Dataset, held: Option<&HeldDay>) -> Job {
    venues::job(cx, dataset, DAY.parse().unwrap(), held).unwrap()
}

#[test]
fn the_latest_rows_leave_a_hole_unless_they_reach_back_to_those_held() {
    let day = DAY.parse().unwrap();
    let now = cx("deepcoin", Market::Swap, "2026-01-06T02:00:00Z");
    let before = held("2026-01-06T01:00:00Z", 700);
    let then = "2026-01-06T01:30:00Z";
    for (held, rows, first, told) in [
        // Consecutive, overlapping, all of it again.
        (Some(&before), 500, Some((701, then)), None),
        (Some(&before), 500, Some((650, then)), None),
        // One trade, and more.
        (
            Some(&before),
            500,
            Some((702, then)),
            Some("trades 701 to 701"),
        ),
        (
            Some(&before),
            500,
            Some((5_000, then)),
            Some("trades 701 to 4999"),
        ),
        // Nothing before: a full page may be the end of a longer list, one that is not full is all there is.
        (
            None,
            500,
            Some((10, then)),
            Some("the day before 2026-01-06T01:30:00"),
        ),
        (None, 499, Some((10, then)), None),
        (None, 500, Some((10, "2026-01-05T23:00:00Z")), None),
        (None, 0, None, None),
    ] {
        let job = job(&now, Dataset::Trades, held);
        assert!(job.adds && !job.complete);
        let found = hole(&job, &fetched(rows, first), day);
        match told {
            None => assert_eq!(found, None, "{first:?}"),
            Some(words) => assert!(
                found.as_ref().is_some_and(|f| f.contains(words)),
                "{found:?} {words}"
            ),
        }
    }
}

#[test]
fn the_rest_of_a_day_goes_on_from_the_last_id_held_while_it_is_in_reach() {
    let day = DAY.parse().unwrap();
    let path = |job: &Job| job.pager.next_request().unwrap().path;
    let last = held("2026-01-06T05:00:00Z", 700);
    // The same day, and the next one while the last trade held is less than a day old.
    for (now, complete) in [
        ("2026-01-06T06:00:00Z", false),
        ("2026-01-07T04:59:00Z", true),
    ] {
        let job = job(
            &cx("binance", Market::Um, now),
            Dataset::AggTrades,
            Some(&last),
        );
        assert_eq!(
            path(&job),
            "/fapi/v1/aggTrades?symbol=BTCUSDT&limit=1000&fromId=701"
        );
        assert_eq!((job.complete, job.adds), (complete, true));
        assert_eq!(hole(&job, &fetched(3, Some((701, now))), day), None);
        assert_eq!(hole(&job, &fetched(0, None), day), None);
    }
    // Later: from the first moment in reach, 10 s after what is a day ago.
    let late = cx("binance", Market::Um, "2026-01-07T08:00:00Z");
    let rest = job(&late, Dataset::AggTrades, Some(&last));
    let start = 1_767_657_600_000_i64 + 8 * 3_600_000 + 10_000;
    assert!(
        path(&rest).contains(&format!("startTime={start}")),
        "{}",
        path(&rest)
    );
    assert!(rest.adds);
    let gap = hole(&rest, &fetched(9, Some((900, "2026-01-06T08:00:10Z"))), day).unwrap();
    assert!(gap.contains("trades 701 to 899"), "{gap}");
    // Nobody traded in between.
    assert_eq!(
        hole(&rest, &fetched(9, Some((701, "2026-01-06T09:00:00Z"))), day),
        None
    );
    assert!(
        hole(&rest, &fetched(0, None), day)
            .unwrap()
            .contains("after trade 700")
    );
    // Nothing is held: what lies before is missing.
    let part = job(&late, Dataset::AggTrades, None);
    assert!(!part.adds && path(&part).contains(&format!("startTime={start}")));
    let gap = hole(&part, &fetched(9, Some((900, "2026-01-06T08:00:10Z"))), day).unwrap();
    assert!(gap.contains("the day before 2026-01-06T08:00:10"), "{gap}");
    // The clock was asked a minute ago.
    let aged = VenueCx {
        age_us: 60_000_000,
        ..late
    };
    let aged = job(&aged, Dataset::AggTrades, None);
    assert!(path(&aged).contains(&format!("startTime={}", start + 60_000)));
    // Spot reaches back to anything.
    let spot = cx("binance", Market::Spot, "2026-03-01T00:00:00Z");
    assert!(path(&job(&spot, Dataset::AggTrades, Some(&last))).ends_with("fromId=701"));
    // A day that is out of reach as a whole, whatever is held.
    let gone = cx("binance", Market::Um, "2026-01-08T00:00:00Z");
    for held in [None, Some(&last)] {
        let error = venues::job(&gone, Dataset::AggTrades, day, held).err();
        assert!(
            matches!(error, Some(Unavailable::TooOld { .. })),
            "{error:?}"
        );
    }
}

#[test]
fn sizes_are_not_displaced_by_prices() {
    let day = DAY.parse().unwrap();
    let sized = held("2026-01-06T23:59:00Z", 700);
    let mut prices = sized.clone();
    prices.params.insert("prices_only".to_owned(), true.into());
    let route = |job: &Job| job.source.params["route"].as_str().unwrap().to_owned();
    let next = cx("deepcoin", Market::Swap, "2026-01-07T00:05:00Z");
    assert_eq!(route(&job(&next, Dataset::Trades, None)), "handicap-trade");
    assert_eq!(
        route(&job(&next, Dataset::Trades, Some(&prices))),
        "handicap-trade"
    );
    // The latest trades may still be of yesterday: then they end the day.
    let last = job(&next, Dataset::Trades, Some(&sized));
    assert_eq!(route(&last), "trades");
    assert!(last.complete && last.adds && !last.source.params.contains_key("prices_only"));
    assert!(
        last.notes
            .iter()
            .any(|n| n.contains("have sizes and are kept"))
    );
    let later = cx("deepcoin", Market::Swap, "2026-01-08T00:05:00Z");
    let error = venues::job(&later, Dataset::Trades, day, Some(&sized))
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("have sizes and are kept"),
        "{error}"
    );
}
