//! State records, their ages, and forced orders.

use super::day::*;
use crate::bars::{Opening, OpeningState};
use crate::market::{Event, Funding, OpenInterest};
use crate::time::UnixMicros;

const STATE: [&str; 8] = [
    "mark",
    "index",
    "premium",
    "funding_rate",
    "funding_interval_h",
    "open_interest",
    "band_bid",
    "band_ask",
];

fn funding(rate: f64, interval_h: u32) -> Event {
    Event::Funding(Funding {
        ts_event: UnixMicros(0),
        rate,
        interval_h,
    })
}

fn open_interest(open_interest: f64) -> Event {
    Event::OpenInterest(OpenInterest {
        ts_event: UnixMicros(0),
        open_interest,
        notional: Some(7.0),
    })
}

/// Takes records at their places, which are not their own times.
fn day(opening: &Opening, records: &[(i64, Event)], n_minutes: i64) -> Rows {
    let mut builder = builder(TRADES, opening);
    for (at, record) in records {
        builder.on_other_at(record, UnixMicros(*at)).unwrap();
    }
    Rows(builder.finish(UnixMicros(minute(n_minutes))))
}

#[test]
fn a_row_holds_the_last_record_placed_before_its_close() {
    let records = [
        (s(10), mark(0, Some(100.0), Some(101.0), None)),
        (s(20), mark(0, None, None, Some(-0.001))), // the others stay what they were
        (s(50), band(0, -1.0, 5.0)),
        (s(50), band(0, 1.0, 6.0)),
        (s(50), band(0, 0.2, 1.0)),
        (s(50), band(0, -5.0, 50.0)),
        (s(55), funding(0.0001, 8)),
        (s(59), open_interest(70.0)),
        (s(60), mark(0, Some(200.0), None, None)), // at the close: of the next row
        (s(60), funding(-0.0002, 0)),              // an interval nobody knows
    ];
    let rows = day(&Opening::default(), &records, 2);
    assert_eq!(
        rows.row(0, STATE),
        [100.0, 101.0, -0.001, 0.0001, 8.0, 70.0, 5.0, 6.0].map(Some)
    );
    // Bands are 70 s old now, and stale after 20.
    assert_eq!(
        rows.row(1, STATE),
        [
            Some(200.0),
            Some(101.0),
            Some(-0.001),
            Some(-0.0002),
            None,
            Some(70.0),
            None,
            None
        ]
    );
}

#[test]
fn records_are_null_when_they_are_too_old() {
    // Placed 20 s into the second minute (bands as late as still counts); a row is null from the first close on at which it is older.
    let at = s(80);
    let records = [
        (at, mark(0, Some(1.0), Some(2.0), Some(3.0))),
        (at, funding(4.0, 8)),
        (at, open_interest(5.0)),
        (s(100), band(0, -1.0, 6.0)),
        (s(100), band(0, 1.0, 7.0)),
    ];
    let rows = day(&Opening::default(), &records, 1_440);
    let minutes_of = |column| {
        let known: Vec<usize> = (0..1_440)
            .filter(|m| rows.get(*m, column).is_some())
            .collect();
        (known.first().copied(), known.len())
    };
    // Closes at 120, 180, ..., 660 s: at most 600 s after 80 s.
    for column in ["mark", "index", "premium"] {
        assert_eq!(minutes_of(column), (Some(1), 10), "{column}");
    }
    assert_eq!(minutes_of("open_interest"), (Some(1), 60));
    for column in ["funding_rate", "funding_interval_h"] {
        assert_eq!(minutes_of(column), (Some(1), 1_439), "{column}");
    }
    for column in ["band_bid", "band_ask"] {
        assert_eq!(minutes_of(column), (Some(1), 1), "{column}");
    }
}

#[test]
fn ages_at_the_limit_count() {
    let exactly = [
        (s(60), mark(0, Some(1.0), None, None)),
        (s(60), open_interest(5.0)),
    ];
    let rows = day(&Opening::default(), &exactly, 70);
    // 600 s after 60 s is the close of the eleventh minute, 3,600 s after it that of the sixty-first.
    assert_eq!([10, 11].map(|m| rows.get(m, "mark")), [Some(1.0), None]);
    assert_eq!(
        [60, 61].map(|m| rows.get(m, "open_interest")),
        [Some(5.0), None]
    );
}

#[test]
fn the_opening_grows_old_like_any_record() {
    let at = UnixMicros(s(-30));
    let opening = Opening {
        state: OpeningState {
            mark: Some((at, 1.0)),
            index: None,
            premium: Some((at, 3.0)),
            funding: Some(Funding {
                ts_event: UnixMicros(s(-86_280)), // 24 h at the close of the second minute
                rate: 4.0,
                interval_h: 4,
            }),
            open_interest: Some((at, 5.0)),
        },
        ..Opening::default()
    };
    let rows = day(&opening, &[], 60);
    let [a, b, c, d, e, f, g, h] = rows.row(0, STATE);
    assert_eq!([a, b, c], [Some(1.0), None, Some(3.0)]);
    assert_eq!([d, e, f], [Some(4.0), Some(4.0), Some(5.0)]);
    assert_eq!([g, h], [None, None]);
    assert_eq!([8, 9].map(|m| rows.get(m, "mark")), [Some(1.0), None]);
    assert_eq!(
        [1, 2].map(|m| rows.get(m, "funding_rate")),
        [Some(4.0), None]
    );
    assert_eq!(
        [58, 59].map(|m| rows.get(m, "open_interest")),
        [Some(5.0), None]
    );
}

#[test]
fn a_gap_does_not_end_state() {
    let records = [
        (s(10), mark(0, Some(1.0), None, None)),
        (s(45), band(0, 1.0, 2.0)),
        (s(50), gap(s(50))),
    ];
    let rows = day(&Opening::default(), &records, 1);
    assert_eq!(rows.get(0, "mark"), Some(1.0));
    assert_eq!(rows.get(0, "band_ask"), Some(2.0));
}

#[test]
fn forced_orders_are_zero_with_and_null_without_their_dataset() {
    let events = [
        liquidation(s(1), 100.0, 2.0, SELL),
        liquidation(s(1), 50.0, 3.0, SELL),
        liquidation(s(59), 10.0, 4.0, BUY),
        liquidation(s(60), 10.0, 1.0, BUY),
    ];
    let has = Has {
        liquidations: true,
        ..TRADES
    };
    let columns = ["liq_buy", "liq_sell"];
    let rows = Rows::of(has, &Opening::default(), &events, 3);
    assert_eq!(rows.row(0, columns), [Some(40.0), Some(350.0)]);
    assert_eq!(rows.row(1, columns), [Some(10.0), Some(0.0)]);
    assert_eq!(rows.row(2, columns), [Some(0.0), Some(0.0)]);
    let rows = Rows::of(TRADES, &Opening::default(), &[], 1);
    assert_eq!(rows.row(0, columns), [None, None]);
}
