//! Tests of openings: rows come back sorted, with the day they come from.

use super::*;
use crate::layout::Lake;
use crate::verify::{Depth, verify_lake};
use crate::write::fixture::{day, lake_with, options, spec};

fn row(kind: OpeningKind, seq: i64, px: Option<f64>, qty: Option<f64>) -> OpeningRow {
    OpeningRow {
        kind,
        ts_event: day().end().plus(-1_000 - seq),
        seq,
        px,
        qty,
    }
}

#[test]
fn openings_come_back_sorted_with_their_source() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, trades) = lake_with(dir.path(), &[1, 2]);
    let instrument = InstrumentKey {
        exchange: "binance".parse().unwrap(),
        market: "um".parse().unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
    };
    let openings = openings_spec(&instrument);
    let writer = DatasetWriter::open(&lake, openings.clone(), options()).unwrap();
    let rows = [
        row(OpeningKind::OpenInterest, 0, None, Some(9.0)),
        row(OpeningKind::LastTrade, 0, Some(42_000.1), Some(0.5)),
        row(OpeningKind::BookBid, 1, Some(41_999.9), Some(1.0)),
        row(OpeningKind::BookBid, 0, Some(42_000.0), Some(2.0)),
    ];
    let next = day().plus(1);
    let from = derived_source(&spec(), &trades);
    assert_eq!(
        from.name,
        "raw/binance/um/BTCUSDT/agg_trades/date=2024-01-02"
    );
    let partition = write_opening(&writer, next, &rows, vec![from.clone()]).unwrap();
    assert_eq!(partition.sources, [from]);
    assert_eq!(partition.sources[0].sha256, trades.content_sha256);

    let set = PartitionSet::open(&lake, &openings).unwrap();
    let memo = HashMemo::default();
    let back = read_opening(&set, next, &memo).unwrap().unwrap();
    assert_eq!(back, [rows[3], rows[2], rows[1], rows[0]]);
    assert_eq!(last_trade_price(&set, next, &memo).unwrap(), Some(42_000.1));
    assert_eq!(last_trade_price(&set, next.plus(1), &memo).unwrap(), None);
    assert_eq!(read_opening(&set, day(), &memo).unwrap(), None);
    // Found by the day they open, although every row is older.
    let found: u64 = set
        .read(next.range(), None, 10, &memo)
        .unwrap()
        .map(|b| b.unwrap().num_rows() as u64)
        .sum();
    assert_eq!(found, 4);
    assert_eq!(
        verify_lake(&Lake::new(dir.path()), 0, Depth::Rows, &memo).problems,
        []
    );
    let dup = [rows[1], rows[1]];
    assert!(write_opening(&writer, next, &dup, vec![]).is_err());
    // Nothing of the day itself may enter its opening.
    assert!(write_opening(&writer, day(), &rows, vec![]).is_err());
    let nothing = write_opening(&writer, next.plus(1), &[], vec![]).unwrap();
    assert_eq!((nothing.rows, nothing.ts_min), (0, None));
    let set = PartitionSet::open(&lake, &openings).unwrap();
    assert_eq!(
        read_opening(&set, next.plus(1), &memo).unwrap(),
        Some(vec![])
    );
}

mod made {
    //! Openings made from partitions.

    use quant_core::market::{BookLevel, Touch};
    use quant_core::time::UnixMicros;

    use super::*;
    use crate::schema::Dataset;
    use crate::stream::fixture::{
        Bench, M, S, day, funding, level, mark, micro, quote, snapshot, trade, um,
    };

    const BARS: [Dataset; 2] = [Dataset::Trades, Dataset::Klines1m];

    fn at(us: i64) -> i64 {
        day().start().0 + us
    }

    /// Three days before with trades; a book whose only snapshot is two days before.
    fn bench() -> Bench {
        let bench = Bench::new(um());
        let day_us = 1440 * M;
        for (back, qty) in [(1, 3.0), (2, 5.0), (4, 10.0)] {
            let t = at(-back * day_us);
            let before = day().plus(-i32::try_from(back).unwrap());
            bench.put(
                before,
                &[
                    trade(t, 100 - back, 7.0, 1.0),
                    trade(t + day_us - S, 200 - back, 8.0, qty),
                ],
            );
        }
        // Half a day makes no bucket.
        bench.put(
            day().plus(-3),
            &[trade(at(-3 * day_us + 720 * M), 50, 7.0, 99.0)],
        );
        bench.put(day(), &[trade(at(0), 999, 7.0, 1.0)]);
        let mut rows: Vec<_> = snapshot(at(-2 * day_us), 5, 15.0).into();
        rows.push(level(at(-2 * day_us + S), (6, 6), Some(5), 1, 14.0, 2.0));
        bench.put(day().plus(-2), &rows);
        bench.put(
            day().plus(-1),
            &[level(at(-9 * S), (7, 7), Some(6), 1, 15.0, 4.0)],
        );
        bench.put(day(), &[level(at(S), (8, 8), Some(7), 1, 15.0, 3.0)]);
        let mut quotes = [quote(at(-8 * S), 1, 20.0), quote(at(-7 * S), 2, 21.0)];
        quotes[1].late = Some(true);
        bench.put(day().plus(-1), &quotes);
        bench.put(day(), &[quote(at(S), 3, 20.0)]);
        bench.put(
            day().plus(-1),
            &[mark(at(-2 * M), 30.0), mark(at(-M), 31.0)],
        );
        bench.put(day(), &[funding(at(0), 0.5)]);
        bench
    }

    fn make(bench: &Bench, volumes: &VolumeMemo) -> (DayOpening, Vec<Source>) {
        let spec = micro(&[]);
        let sets = bench.sets(&spec);
        let day = sets.plan(day(), Dataset::Trades, Some(&spec));
        let plan = OpeningPlan {
            sets: &sets,
            day: &day,
            bars: &BARS,
            spec: &spec,
        };
        plan.make(volumes, &HashMemo::default()).unwrap()
    }

    #[test]
    fn a_made_opening_holds_what_was_known_at_midnight() {
        let bench = bench();
        let (made, sources) = make(&bench, &VolumeMemo::default());
        let o = &made.opening;
        assert_eq!(
            (o.last_price, o.last_trade_ts),
            (Some(8.0), Some(UnixMicros(at(-S))))
        );
        // The last quote was late.
        let touch = o.touch.unwrap();
        assert_eq!(touch.ts.0, at(-8 * S));
        let expected = Touch {
            bid_px: 20.0,
            bid_qty: 1.0,
            ask_px: 21.0,
            ask_qty: 1.0,
        };
        assert_eq!(touch.touch, expected);
        let book = o.book.as_ref().unwrap();
        assert_eq!(book.ts_event.0, at(-9 * S));
        let px_qty = |levels: &[BookLevel]| -> Vec<(f64, f64)> {
            levels.iter().map(|l| (l.px, l.qty)).collect()
        };
        assert_eq!(px_qty(&book.bids), [(15.0, 4.0), (14.0, 2.0)]);
        assert_eq!(px_qty(&book.asks), [(16.0, 1.0)]);
        assert_eq!(
            made.link.map(|l| (l.last_id, l.is_snapshot)),
            Some((7, false))
        );
        // Places: end of the kline, or settlement, less watermark and 1 us; the kline known at 00:00 is the last.
        let place = UnixMicros(at(-250_001));
        assert_eq!(o.state.mark, Some((place, 31.0)));
        assert_eq!(
            o.state.funding.map(|f| (f.ts_event, f.rate)),
            Some((place, 0.5))
        );
        assert_eq!(o.state.index, None);
        // Whole days of trades among the seven before: 1, 2 and 4 days ago; a tenth of their mean.
        assert_eq!(made.volumes, [(1, 4.0), (2, 6.0), (4, 11.0)]);
        assert!((made.volume_bucket.unwrap() - 0.7).abs() < 1e-12);
        let names: Vec<String> = sources
            .iter()
            .map(|s| s.name.replace("raw/binance/um/BTCUSDT/", ""))
            .collect();
        assert_eq!(
            names,
            [
                "book_ticker/date=2024-01-01",
                "funding/date=2024-01-02",
                "l2_deltas/date=2023-12-31",
                "l2_deltas/date=2024-01-01",
                "mark_klines/date=2024-01-01",
                "trades/date=2023-12-29",
                "trades/date=2023-12-31",
                "trades/date=2024-01-01",
            ]
        );
        // The stream of the day goes on from it without a gap, and the first change of the book has a before.
        let (told, report) = bench.drive_from(day(), &micro(&[]), &made, made.link);
        assert_eq!(report.n_gaps, 0);
        assert!(
            told.contains(&"1: book Some(15.0) 15".to_owned()),
            "{told:?}"
        );
    }

    #[test]
    fn an_opening_comes_back_from_its_rows() {
        let bench = bench();
        let (made, sources) = make(&bench, &VolumeMemo::default());
        let spec = set_openings_spec(&um(), "0af3").unwrap();
        assert_eq!(spec.dir, "openings/binance/um/BTCUSDT/0af3");
        let writer = DatasetWriter::open(&bench.lake, spec.clone(), options()).unwrap();
        let rows = made.to_rows(day());
        let partition = write_opening(&writer, day(), &rows, sources.clone()).unwrap();
        let set = PartitionSet::open(&bench.lake, &spec).unwrap();
        let memo = HashMemo::default();
        let rows = read_opening(&set, day(), &memo).unwrap().unwrap();
        let mut back = DayOpening::from_rows(&rows);
        // The number of an image is not kept; the link is.
        if let (Some(back), Some(made)) = (&mut back.opening.book, &made.opening.book) {
            back.seq = made.seq;
        }
        assert_eq!(back, made);
        assert_eq!(DayOpening::from_rows(&[]), DayOpening::default());
        // The lineage that is there tells how far back the book was replayed.
        let spec = micro(&[]);
        let sets = bench.sets(&spec);
        let planned = sets.plan(day(), Dataset::Trades, Some(&spec));
        let plan = OpeningPlan {
            sets: &sets,
            day: &planned,
            bars: &BARS,
            spec: &spec,
        };
        assert_eq!(plan.sources(&partition), sources);
        // Both kinds of openings are found and sound.
        let plain = DatasetWriter::open(&bench.lake, openings_spec(&um()), options()).unwrap();
        write_opening(&plain, day(), &rows[..0], vec![]).unwrap();
        let report = verify_lake(&Lake::new(bench.dir.path()), 0, Depth::Rows, &memo);
        assert_eq!(report.problems, []);
    }

    #[test]
    fn what_broke_before_midnight_leaves_no_book_and_no_older_touch() {
        let bench = bench();
        let broken = [
            level(at(-9 * S), (7, 7), Some(6), 1, 15.0, 4.0),
            level(at(-3 * S), (9, 9), Some(8), 1, 15.0, 4.0),
        ];
        bench.put(day().plus(-1), &broken);
        let (made, _) = make(&bench, &VolumeMemo::default());
        assert_eq!(
            (made.opening.book, made.link, made.opening.touch),
            (None, None, None)
        );
        // A row that says that the book was lost ends it as well; the update at its time came before.
        let mut lost = level(at(-2 * S), (9, 9), None, 1, 15.0, 0.0);
        lost.is_snapshot = true;
        let mut update = level(at(-2 * S), (8, 8), Some(7), 1, 13.0, 4.0);
        update.msg_seq = lost.msg_seq - 1;
        let rows = [
            level(at(-9 * S), (7, 7), Some(6), 1, 15.0, 4.0),
            update,
            lost,
        ];
        bench.put(day().plus(-1), &rows);
        let (made, sources) = make(&bench, &VolumeMemo::default());
        assert_eq!(
            (made.opening.book, made.link, made.opening.touch),
            (None, None, None)
        );
        let books = |s: &&Source| s.name.contains("l2_deltas/");
        assert_eq!(sources.iter().filter(books).count(), 1);
        // A quote of the same instant came before it or after it by its id.
        for (id, is_known) in [(8, false), (9, true)] {
            bench.put(day().plus(-1), &[quote(at(-2 * S), id, 21.0)]);
            let (made, _) = make(&bench, &VolumeMemo::default());
            assert_eq!(made.opening.touch.is_some(), is_known, "{id}");
        }
        // The next snapshot is a book again, with a link of its own.
        let again = snapshot(at(-S), 11, 15.0);
        let rows: Vec<_> = rows.into_iter().chain(again).collect();
        bench.put(day().plus(-1), &rows);
        let (made, _) = make(&bench, &VolumeMemo::default());
        assert_eq!(made.link.map(|l| l.last_id), Some(11));
        assert_eq!(made.opening.book.map(|b| b.ts_event.0), Some(at(-S)));
        // Without any snapshot there is no book either.
        let bench = Bench::new(um());
        bench.put(day(), &[trade(at(0), 1, 7.0, 1.0)]);
        bench.put(day(), &[level(at(S), (8, 8), Some(7), 1, 15.0, 3.0)]);
        bench.put(
            day().plus(-1),
            &[level(at(-9 * S), (7, 7), Some(6), 1, 15.0, 4.0)],
        );
        let (made, sources) = make(&bench, &VolumeMemo::default());
        assert_eq!(made, DayOpening::default());
        assert_eq!(sources.len(), 1);
    }

    #[test]
    fn volumes_are_read_once() {
        let bench = bench();
        let volumes = VolumeMemo::default();
        let (first, _) = make(&bench, &volumes);
        // Files that are gone are not missed: their volumes are known.
        for back in [2, 4] {
            let before = day().plus(-back);
            let folder = format!("raw/binance/um/BTCUSDT/trades/date={before}");
            std::fs::remove_dir_all(bench.dir.path().join(folder)).unwrap();
        }
        assert_eq!(make(&bench, &volumes).0, first);
    }
}
