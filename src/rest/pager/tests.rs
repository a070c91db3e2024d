//! Tests of pagers against venues of a few lines: every row is seen, none is asked for twice, and paging ends.
use super::*;
use crate::rest::request::Request;

/// A row: milliseconds and id.
type Row = (i64, i64);

fn span(rows: &[Row]) -> Span {
    Span {
        rows: rows.len(),
        first_ts: rows.iter().map(|r| r.0 * 1_000).min(),
        last_ts: rows.iter().map(|r| r.0 * 1_000).max(),
        first_id: rows.iter().map(|r| r.1).min(),
        last_id: rows.iter().map(|r| r.1).max(),
        next: None,
    }
}

fn param(request: &Request, name: &str) -> Option<i64> {
    let (_, query) = request.path.split_once('?')?;
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, v)| v.parse().unwrap())
}

/// Drives a pager against a venue; returns the rows of all pages in order, and the number of requests.
fn drive(pager: &mut dyn Pager, venue: impl Fn(&Request) -> Vec<Row>) -> (Vec<Row>, usize) {
    let (mut rows, mut n) = (Vec::new(), 0);
    while let Some(request) = pager.next_request() {
        assert_eq!(
            pager.next_request().as_ref(),
            Some(&request),
            "asking twice changes nothing"
        );
        let page = venue(&request);
        pager.on_page(&span(&page)).unwrap();
        rows.extend(page);
        n += 1;
        assert!(n < 10_000, "paging does not end");
    }
    (rows, n)
}

fn window(from: i64, until: i64) -> Request {
    Request::get("/w", "x", 1)
        .with("startTime", from)
        .with("endTime", until)
}

/// Ascending rows of a window, at most `limit`, the first ones.
fn ascending(rows: &[Row], request: &Request, limit: usize) -> Vec<Row> {
    let (from, until) = (
        param(request, "startTime").unwrap(),
        param(request, "endTime").unwrap(),
    );
    let inside = rows.iter().filter(|r| (from..=until).contains(&r.0));
    inside.take(limit).copied().collect()
}

#[test]
fn forward_sees_every_row_once_whatever_the_limit_and_the_holes() {
    // A minute each, with a hole of an hour.
    let rows: Vec<Row> = (0..600)
        .filter(|i| !(200..260).contains(i))
        .map(|i| (i * 60_000, i))
        .collect();
    for limit in [1, 7, 100, 539, 540, 541, 1_000] {
        let mut pager = Forward::new(Box::new(window), (0, 599 * 60_000), 1_000, 60_000, limit);
        let (seen, n) = drive(&mut pager, |r| ascending(&rows, r, limit));
        assert_eq!(seen, rows, "limit {limit}");
        assert!(
            n <= rows.len() / limit + 1,
            "{n} requests with limit {limit}"
        );
    }
    for windows in [60_000, 3_600_000, 86_400_000] {
        let mut pager = Forward::new(Box::new(window), (0, 599 * 60_000), 1_000, 60_000, 50)
            .in_windows_of(windows);
        let (seen, _) = drive(&mut pager, |r| {
            let (from, until) = (param(r, "startTime").unwrap(), param(r, "endTime").unwrap());
            assert!(until - from < windows);
            ascending(&rows, r, 50)
        });
        assert_eq!(seen, rows, "windows of {windows}");
    }
    let mut empty = Forward::new(Box::new(window), (5, 4), 1_000, 1, 10);
    assert_eq!(drive(&mut empty, |_| panic!("nothing to ask")).1, 0);
}

#[test]
fn forward_as_told_repeats_a_second_and_never_stands_still() {
    // Seconds with up to three rows each; the venue tells the last second shown.
    let rows: Vec<Row> = (0..300).map(|i| ((i / 3) * 1_000, i)).collect();
    let seconds = |from, until| {
        Request::get("/h", "x", 1)
            .with("stime", from)
            .with("etime", until)
    };
    let mut pager = Forward::new(Box::new(seconds), (0, 200), 1_000_000, 0, 10).as_told();
    let mut seen = Vec::new();
    while let Some(request) = pager.next_request() {
        let (from, until) = (
            param(&request, "stime").unwrap(),
            param(&request, "etime").unwrap(),
        );
        let inside: Vec<Row> = rows
            .iter()
            .filter(|r| (from * 1_000..=until * 1_000).contains(&r.0))
            .copied()
            .collect();
        let page = &inside[..inside.len().min(10)];
        let next = if inside.len() > 10 {
            page[9].0 / 1_000
        } else {
            until
        };
        pager
            .on_page(&Span {
                next: Some(next),
                ..span(page)
            })
            .unwrap();
        seen.extend_from_slice(page);
        assert!(seen.len() < 1_000);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, rows);
    // A second that alone is longer than a page cannot be passed.
    let mut stuck = Forward::new(Box::new(seconds), (7, 200), 1_000_000, 0, 10).as_told();
    let page: Vec<Row> = (0..10).map(|i| (7_000, i)).collect();
    let error = stuck
        .on_page(&Span {
            next: Some(7),
            ..span(&page)
        })
        .unwrap_err();
    assert!(
        matches!(error, PagerError::StandsStill { cursor: 7, .. }),
        "{error}"
    );
}

fn before(cursor: i64) -> Request {
    Request::get("/b", "x", 1).with("after", cursor)
}

/// Newest first, older than `after`.
fn descending(rows: &[Row], request: &Request, limit: usize) -> Vec<Row> {
    let after = param(request, "after").unwrap();
    let older = rows.iter().rev().filter(|r| r.0 < after);
    older.take(limit).copied().collect()
}

#[test]
fn backward_sees_every_row_of_the_range_even_if_pages_are_shorter_than_asked() {
    let rows: Vec<Row> = (0..500).map(|i| (i * 60_000, i)).collect();
    let (from, end) = (100 * 60_000, 400 * 60_000);
    for limit in [1, 3, 100, 299, 300, 301] {
        let mut pager = Backward::new(Box::new(before), from, end);
        let (mut seen, n) = drive(&mut pager, |r| descending(&rows, r, limit));
        seen.retain(|r| (from..end).contains(&r.0));
        seen.reverse();
        assert_eq!(seen, rows[100..400], "limit {limit}");
        assert!(n <= 300 / limit + 1, "{n} requests with limit {limit}");
    }
    // The venue's history begins inside the range: an empty page is its end.
    let mut pager = Backward::new(Box::new(before), -1_000_000, 10 * 60_000);
    let (seen, n) = drive(&mut pager, |r| descending(&rows, r, 4));
    assert_eq!((seen.len(), n), (10, 4));
    // A venue that ignores the cursor.
    let mut stuck = Backward::new(Box::new(before), 0, 60_000);
    let error = stuck
        .on_page(&span(&[(60_000, 1), (120_000, 2)]))
        .unwrap_err();
    assert!(error.to_string().contains("/b?after=60000"), "{error}");
}

fn route() -> AggRoute {
    AggRoute {
        path: "/aggTrades",
        symbol: "BTCUSDT".to_owned(),
        bucket: "x",
        weight: 20,
    }
}

/// The venue's rules: a window of at most an hour, or an id, never both; at most 1,000 rows.
fn agg_venue(rows: &[Row]) -> impl Fn(&Request) -> Vec<Row> {
    move |request| {
        assert_eq!(param(request, "limit"), Some(1_000));
        let (from_id, start) = (param(request, "fromId"), param(request, "startTime"));
        assert!(from_id.is_none() || start.is_none(), "{}", request.path);
        if let Some(start) = start {
            let end = param(request, "endTime").unwrap();
            assert!(end - start < 3_600_000 && end >= start, "{}", request.path);
            let inside = rows.iter().filter(|r| (start..=end).contains(&r.0));
            return inside.take(1_000).copied().collect();
        }
        match from_id {
            Some(id) => rows
                .iter()
                .filter(|r| r.1 >= id)
                .take(1_000)
                .copied()
                .collect(),
            None => rows[rows.len().saturating_sub(1_000)..].to_vec(),
        }
    }
}

#[test]
fn agg_trades_are_found_by_time_and_followed_by_id() {
    let hour = 3_600_000;
    // Five silent hours, then a burst of rows with equal times, then a trickle.
    let burst = (0..2_500).map(|i| (5 * hour + i / 40, 1_000 + i));
    let trickle = (0..500).map(|i| (6 * hour + i * 60_000, 3_500 + i));
    let rows: Vec<Row> = burst.chain(trickle).collect();
    for (from, until) in [
        (0, 24 * hour - 1),
        (5 * hour, 5 * hour + 10),
        (6 * hour, 7 * hour - 1),
    ] {
        let mut pager = AggForward::new(route(), from, until);
        let (mut seen, n) = drive(&mut pager, agg_venue(&rows));
        seen.retain(|r| (from..=until).contains(&r.0));
        let wanted: Vec<Row> = rows
            .iter()
            .filter(|r| (from..=until).contains(&r.0))
            .copied()
            .collect();
        assert_eq!(seen, wanted, "{from} {until}");
        assert!(n < 15, "{n} requests");
    }
    // A day without trades: one request per hour and no more.
    let mut pager = AggForward::new(route(), 100 * hour, 124 * hour - 1);
    assert_eq!(drive(&mut pager, agg_venue(&rows)), (Vec::new(), 24));
    let mut stuck = AggForward::new(route(), 0, hour);
    stuck.on_page(&span(&[(1, 10)])).unwrap();
    assert!(stuck.on_page(&span(&[(1, 10)])).is_err());
}

#[test]
fn the_bootstrap_goes_back_by_thousands_and_counts_every_trade_once() {
    let hour = 3_600_000;
    let rows: Vec<Row> = (0..10_000).map(|i| (i * 36_000, i)).collect();
    let now = 10_000 * 36_000;
    for hours in [1, 5, 48] {
        let from = now - hours * hour;
        let mut pager = AggBack::new(route(), from);
        let (mut seen, n) = drive(&mut pager, agg_venue(&rows));
        let n_seen = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((seen.len(), pager.rows()), (n_seen, n_seen), "no row twice");
        let wanted = rows.iter().filter(|r| r.0 >= from).count();
        assert_eq!(seen.iter().filter(|r| r.0 >= from).count(), wanted);
        assert_eq!(n, wanted / 1_000 + 1);
    }
    // History that begins inside the window, with ids that do not begin at zero.
    let young: Vec<Row> = (0..1_500).map(|i| (now - 1_500 + i, 7_300 + i)).collect();
    let mut pager = AggBack::new(route(), 0);
    let (mut seen, n) = drive(&mut pager, agg_venue(&young));
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), pager.rows()), (1_500, 1_500));
    assert!(n <= 3, "{n}");
    let mut none = AggBack::new(route(), 0);
    assert_eq!(drive(&mut none, |_| Vec::new()), (Vec::new(), 1));
}

#[test]
fn trades_go_back_by_id_after_the_first_page_by_time() {
    // Many trades share a millisecond: by time they could not be told apart.
    let rows: Vec<Row> = (0..1_000).map(|i| (i / 250, i)).collect();
    let request = |by_time: bool, cursor: i64| {
        Request::get("/t", "x", 1)
            .with("type", if by_time { 2 } else { 1 })
            .with("after", cursor)
    };
    let mut pager = TradesBack::new(Box::new(request), 1, 3);
    let (mut seen, n) = drive(&mut pager, |r| {
        let after = param(r, "after").unwrap();
        let by_time = param(r, "type") == Some(2);
        let older = rows
            .iter()
            .rev()
            .filter(|row| (if by_time { row.0 } else { row.1 }) < after);
        older.take(100).copied().collect()
    });
    seen.retain(|r| (1..3).contains(&r.0));
    seen.reverse();
    assert_eq!(seen, rows[250..750]);
    assert_eq!(n, 6);
}

#[test]
fn numbered_pages_end_behind_the_range_or_with_a_short_page() {
    let rows: Vec<Row> = (0..95).map(|i| (i * 1_000, i)).collect();
    let page = |n: i64| Request::get("/p", "x", 1).with("page", n);
    let venue = |r: &Request| -> Vec<Row> {
        let n = usize::try_from(param(r, "page").unwrap()).unwrap();
        rows.iter()
            .rev()
            .skip((n - 1) * 10)
            .take(10)
            .copied()
            .collect()
    };
    let mut pager = Numbered::new(Box::new(page), 10, 50_000);
    let (seen, n) = drive(&mut pager, venue);
    assert_eq!((seen.last().unwrap().0, n), (45_000, 5));
    let mut all = Numbered::new(Box::new(page), 10, 0);
    assert_eq!(drive(&mut all, venue).0.len(), 95);
    let mut stuck = Numbered::new(Box::new(page), 2, 0);
    stuck.on_page(&span(&[(5_000, 1), (6_000, 2)])).unwrap();
    assert!(stuck.on_page(&span(&[(5_000, 1), (6_000, 2)])).is_err());
}

#[test]
fn instants_become_whole_milliseconds_inside_the_range() {
    assert_eq!((ms_up(1_000), ms_up(1_001), ms_up(-1)), (1, 2, 0));
    assert_eq!(
        (ms_before(1_000), ms_before(1_001), ms_before(2_000)),
        (0, 1, 1)
    );
}
