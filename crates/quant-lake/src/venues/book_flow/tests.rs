//! Images and rows of small streams that can be followed by hand.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use quant_core::time::{TimeRange, UnixMicros};

use super::tests_shared::{Lost, Replayed, replay};
use super::*;
use crate::venues::rows::{
    FileTotals, ParseError, ParseOptions, Parsed, RowParser as _, RowProblem,
};
use crate::venues::tables::{MessageFormat, MessageParser, TableOptions};

const S: i64 = 1_000_000;

/// One line of a test: time, sequence, snapshot, bids, asks; or a break.
type Line = Option<(i64, i64, bool, Vec<(f64, f64)>, Vec<(f64, f64)>)>;

struct Script {
    lines: Vec<Line>,
    at: usize,
    flow: Option<BookFlow>,
    cadence: Cadence,
}

impl MessageFormat for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    fn message(&mut self, _: &[u8], out: &mut Tables) -> Result<(), RowProblem> {
        let options = BookOptions {
            levels: 2,
            cadence: self.cadence,
            unit: QtyUnit::Base,
        };
        let flow = self.flow.get_or_insert_with(|| BookFlow::new(options, out));
        let line = self.lines[self.at].clone();
        self.at += 1;
        let Some((ts, seq, is_snapshot, bids, asks)) = line else {
            flow.void(Loss::default(), out);
            return Ok(());
        };
        let levels = |side: Vec<(f64, f64)>| -> Vec<BookLevel> {
            side.into_iter()
                .map(|(px, qty)| BookLevel { px, qty })
                .collect()
        };
        let (bids, asks) = (levels(bids), levels(asks));
        flow.apply(
            &BookMessage {
                ts_event: ts,
                ts_recv: None,
                msg_seq: seq,
                ids: (seq, seq),
                prev_id: None,
                update_id: None,
                is_snapshot,
                bids: &bids,
                asks: &asks,
            },
            out,
        );
        Ok(())
    }
}

fn run(lines: Vec<Line>, cadence: Cadence) -> (Vec<(Dataset, RecordBatch)>, FileTotals) {
    let options = ParseOptions {
        file: "script".to_owned(),
        range: TimeRange {
            start: UnixMicros(0),
            end: UnixMicros(i64::MAX),
        },
        max_quarantine_share: 0.0,
        collect: Vec::new(),
    };
    let tables = TableOptions {
        datasets: vec![Dataset::L2Deltas, Dataset::L2Snapshots],
        book_levels: 2,
        watermark_us: None,
    };
    let n = lines.len();
    let script = Script {
        lines,
        at: 0,
        flow: None,
        cadence,
    };
    let mut parser = MessageParser::new(script, &tables, options);
    let mut out = Vec::new();
    parser.feed("x\n".repeat(n).as_bytes(), &mut out).unwrap();
    let totals: Result<FileTotals, ParseError> = parser.finish(&mut out);
    let batches = out.into_iter().filter_map(|p| match p {
        Parsed::Rows { dataset, batch, .. } => Some((dataset, batch)),
        Parsed::DayEnd { .. } => None,
    });
    (batches.collect(), totals.unwrap())
}

fn rows(batches: &[(Dataset, RecordBatch)]) -> Replayed {
    let of = batches.iter().filter(|(d, _)| *d == Dataset::L2Deltas);
    replay(of.map(|(_, batch)| batch))
}

fn images(batches: &[(Dataset, RecordBatch)]) -> Vec<(i64, i64, Option<f64>, Option<f64>)> {
    let mut out = Vec::new();
    for (_, batch) in batches.iter().filter(|(d, _)| *d == Dataset::L2Snapshots) {
        let ts = batch["ts_event"].as_primitive::<TimestampMicrosecondType>();
        let seq = batch["seq"].as_primitive::<Int64Type>();
        let cell = |name: &str, i: usize| {
            let column = batch[name].as_primitive::<Float64Type>();
            column.is_valid(i).then(|| column.value(i))
        };
        out.extend((0..batch.num_rows()).map(|i| {
            (
                ts.value(i),
                seq.value(i),
                cell("bid_px_00", i),
                cell("ask_px_01", i),
            )
        }));
    }
    out
}

const EVERY: Cadence = Cadence::Every {
    us: S,
    max_stale_us: 3 * S,
};

#[test]
fn an_image_holds_what_came_before_its_time_and_nothing_else() {
    let lines = vec![
        Some((
            S / 2,
            1,
            true,
            vec![(99.0, 1.0)],
            vec![(101.0, 1.0), (102.0, 2.0)],
        )),
        // At the boundary: not in the image of 1 s.
        Some((S, 2, false, vec![(100.0, 1.0)], vec![])),
        Some((S + 1, 3, false, vec![], vec![(102.0, 0.0)])),
        Some((3 * S + 5, 4, false, vec![(100.0, 0.0)], vec![])),
    ];
    let (batches, _) = run(lines, EVERY);
    assert_eq!(
        images(&batches),
        [
            (S, 1, Some(99.0), Some(102.0)),
            (2 * S, 3, Some(100.0), None),
            (3 * S, 3, Some(100.0), None),
        ]
    );
}

#[test]
fn a_silent_book_ends_and_a_void_one_starts_again() {
    let lines = vec![
        Some((S / 2, 1, true, vec![(99.0, 1.0)], vec![(101.0, 1.0)])),
        Some((9 * S + 1, 2, false, vec![(99.5, 1.0)], vec![])),
        None,
        Some((12 * S + 1, 9, true, vec![(90.0, 1.0)], vec![(91.0, 1.0)])),
        Some((13 * S + 1, 10, false, vec![], vec![(92.0, 1.0)])),
    ];
    let (batches, totals) = run(lines, EVERY);
    let times: Vec<i64> = images(&batches).iter().map(|i| i.0 / S).collect();
    assert_eq!(times, [1, 2, 3, 13]);
    let images = &totals
        .iter()
        .find(|(d, _)| *d == Dataset::L2Snapshots)
        .unwrap()
        .1;
    assert_eq!(images.diagnostics["images_skipped_stale"], 6);
    assert_eq!(images.diagnostics["resyncs"], 1);
    assert_eq!(images.days.values().map(|c| c.gaps).sum::<u64>(), 1);
}

#[test]
fn a_crossed_book_makes_no_image() {
    let lines = vec![
        Some((S / 2, 1, true, vec![(99.0, 1.0)], vec![(98.0, 1.0)])),
        Some((S + 1, 2, false, vec![], vec![(98.0, 0.0), (100.0, 1.0)])),
        Some((2 * S + 1, 3, false, vec![], vec![])),
    ];
    let (batches, totals) = run(lines, EVERY);
    assert_eq!(images(&batches).len(), 1);
    let images = &totals
        .iter()
        .find(|(d, _)| *d == Dataset::L2Snapshots)
        .unwrap()
        .1;
    assert_eq!(images.diagnostics["images_skipped_crossed"], 1);
}

#[test]
fn levels_are_sorted_the_later_of_two_counts_and_the_last_row_ends_the_message() {
    let lines = vec![Some((
        S,
        7,
        true,
        vec![(99.0, 1.0), (98.0, 2.0), (99.0, 3.0)],
        vec![(102.0, 1.0), (101.0, 4.0)],
    ))];
    let (batches, totals) = run(lines, Cadence::EverySnapshot);
    let (_, batch) = batches
        .iter()
        .find(|(d, _)| *d == Dataset::L2Deltas)
        .unwrap();
    let floats = |name: &str| batch[name].as_primitive::<Float64Type>().values().to_vec();
    assert_eq!(floats("price"), [101.0, 102.0, 98.0, 99.0]);
    assert_eq!(floats("qty"), [4.0, 1.0, 2.0, 3.0]);
    let ends: Vec<bool> = batch["msg_end"].as_boolean().iter().flatten().collect();
    assert_eq!(ends, [false, false, false, true]);
    let deltas = &totals
        .iter()
        .find(|(d, _)| *d == Dataset::L2Deltas)
        .unwrap()
        .1;
    assert_eq!(
        (
            deltas.rows,
            deltas.days.values().map(|c| c.duplicates).sum::<u64>()
        ),
        (5, 1)
    );
    assert_eq!(images(&batches).len(), 1);
}

#[test]
fn time_that_runs_backwards_is_held_and_counted() {
    let lines = vec![
        Some((2 * S, 1, true, vec![(99.0, 1.0)], vec![(101.0, 1.0)])),
        Some((S, 2, false, vec![(98.0, 1.0)], vec![])),
    ];
    let (batches, totals) = run(lines, Cadence::EveryMessage);
    assert_eq!(
        images(&batches).iter().map(|i| i.0).collect::<Vec<_>>(),
        [2 * S, 2 * S]
    );
    let images = &totals
        .iter()
        .find(|(d, _)| *d == Dataset::L2Snapshots)
        .unwrap()
        .1;
    assert_eq!(images.diagnostics["times_moved_forward"], 1);
}

/// A hundred and thirty thousand levels are a book, the next thousand are not; the parser stops there.
#[test]
fn a_book_without_end_ends_the_file() {
    let side = |from: usize, n: usize| -> Vec<(f64, f64)> {
        (from..from + n).map(|i| (1.0 + i as f64, 1.0)).collect()
    };
    let parser = |extra: usize| {
        let lines = vec![
            Some((S, 1, true, vec![], side(0, MAX_DEPTH))),
            Some((2 * S, 2, false, vec![], side(0, MAX_DEPTH))),
            Some((3 * S, 3, false, vec![], side(MAX_DEPTH, extra))),
        ];
        let options = ParseOptions {
            file: "script".to_owned(),
            range: TimeRange::new(UnixMicros(0), UnixMicros(100 * S)).unwrap(),
            max_quarantine_share: 0.0,
            collect: Vec::new(),
        };
        let tables = TableOptions {
            datasets: vec![Dataset::L2Snapshots],
            book_levels: 2,
            watermark_us: None,
        };
        let script = Script {
            lines,
            at: 0,
            flow: None,
            cadence: DEFAULT_CADENCE,
        };
        let mut parser = MessageParser::new(script, &tables, options);
        parser.feed(b"1\n2\n3\n", &mut Vec::new())
    };
    assert!(parser(0).is_ok());
    let error = parser(1).unwrap_err();
    assert!(matches!(
        &error,
        ParseError::BookTooDeep { line: 3, levels, .. } if *levels == MAX_DEPTH + 1
    ));
    assert!(error.to_string().contains("hint: "));
}

#[test]
fn ids_reach_back_over_messages_without_levels() {
    let level = |px: f64| [BookLevel { px, qty: 1.0 }];
    let message = |ids: (i64, i64), prev_id, is_snapshot, bids| BookMessage {
        ts_event: ids.1,
        ts_recv: None,
        msg_seq: 2 * ids.1 + 1,
        ids,
        prev_id,
        update_id: None,
        is_snapshot,
        bids,
        asks: &[],
    };
    let mut flow = BookFlow::new(
        BookOptions {
            levels: 1,
            cadence: DEFAULT_CADENCE,
            unit: QtyUnit::Base,
        },
        &Tables::new(
            &TableOptions {
                datasets: vec![Dataset::L2Deltas],
                book_levels: 1,
                watermark_us: None,
            },
            &ParseOptions {
                file: "script".to_owned(),
                range: TimeRange {
                    start: UnixMicros(0),
                    end: UnixMicros(i64::MAX),
                },
                max_quarantine_share: 0.0,
                collect: Vec::new(),
            },
        ),
    );
    let bid = level(10.0);
    let ids = |m: BookMessage<'_>| (m.ids, m.prev_id);
    let snapshot = message((5, 5), None, true, &bid);
    assert_eq!(ids(flow.bridged(&snapshot)), ((5, 5), None));
    // Two messages that change nothing, then one that does.
    flow.bridged(&message((6, 7), Some(4), false, &[]));
    flow.bridged(&message((9, 9), Some(7), false, &[]));
    let next = message((11, 12), Some(9), false, &bid);
    assert_eq!(ids(flow.bridged(&next)), ((6, 12), Some(4)));
    let after = message((13, 14), Some(12), false, &bid);
    assert_eq!(ids(flow.bridged(&after)), ((13, 14), Some(12)));
    // A snapshot forgets what came before it.
    flow.bridged(&message((15, 15), Some(14), false, &[]));
    flow.bridged(&snapshot);
    let joined = message((5, 6), Some(3), false, &bid);
    assert_eq!(ids(flow.bridged(&joined)), ((5, 6), Some(3)));
}

/// A break tells nothing of its own here: its row takes time and id of the newest message.
#[test]
fn a_lost_book_leaves_one_row() {
    let snapshot = |ts, seq| {
        let (bids, asks) = (vec![(98.0, 1.0), (99.0, 1.0)], vec![(101.0, 1.0)]);
        Some((ts, seq, true, bids, asks))
    };
    let lines = vec![
        // Nothing was there yet.
        None,
        snapshot(S / 2, 1),
        Some((S + 1, 2, false, vec![], vec![(102.0, 1.0)])),
        None,
        None,
        // Put behind the row of its time; what follows at the same time comes later still.
        snapshot(S + 1, 3),
        Some((S + 1, 4, false, vec![(98.0, 0.0)], vec![])),
        Some((2 * S, 5, false, vec![(98.0, 3.0), (99.0, 0.0)], vec![])),
        Some((2 * S + 1, 6, false, vec![(98.0, 0.0)], vec![])),
        None,
        Some((3 * S, 7, true, vec![(98.0, 1.0)], vec![])),
        Some((3 * S + 1, 8, false, vec![(98.0, 0.0)], vec![])),
        // An empty book is no loss.
        None,
        Some((9 * S + 1, 9, true, vec![(98.0, 1.0)], vec![])),
        // Nor is the end of the file.
    ];
    let n_levels = 3 + 1 + 3 + 1 + 2 + 1 + 1 + 1 + 1;
    let (batches, totals) = run(lines, EVERY);
    let found = rows(&batches);
    let lost = |ts, msg_seq, side, price, id| Lost {
        ts,
        ts_recv: None,
        msg_seq,
        side,
        price,
        id,
    };
    assert_eq!(
        found.lost,
        [lost(S + 1, 3, 1, 99.0, 2), lost(2 * S + 1, 7, -1, 101.0, 6)]
    );
    let depths: Vec<usize> = found.depths.iter().map(|d| d.1).collect();
    assert_eq!(depths, [3, 4, 0, 3, 2, 2, 1, 0, 1, 0, 1]);
    let deltas = &totals
        .iter()
        .find(|(d, _)| *d == Dataset::L2Deltas)
        .unwrap()
        .1;
    assert_eq!((deltas.rows, deltas.filtered), (n_levels + 2, 0));
    let days = || deltas.days.values();
    assert_eq!(days().map(|d| d.kept).sum::<u64>(), n_levels + 2);
    assert!(days().map(|d| d.gaps).sum::<u64>() >= 2);
    // Images know nothing of it: those of 1 s and 2 s hold what came before, and none is of a void book.
    let seen: Vec<_> = images(&batches).iter().map(|i| (i.0, i.1, i.2)).collect();
    assert_eq!(seen, [(S, 1, Some(99.0)), (2 * S, 4, Some(99.0)),]);
}

#[test]
fn a_message_earlier_than_the_loss_is_put_behind_its_row() {
    let options = BookOptions {
        levels: 2,
        cadence: Cadence::EveryMessage,
        unit: QtyUnit::Base,
    };
    let parse = ParseOptions {
        file: "script".to_owned(),
        range: TimeRange::new(UnixMicros(0), UnixMicros(100 * S)).unwrap(),
        max_quarantine_share: 0.0,
        collect: Vec::new(),
    };
    let tables = TableOptions {
        datasets: vec![Dataset::L2Deltas, Dataset::L2Snapshots],
        book_levels: 2,
        watermark_us: Some(S),
    };
    let mut out = Tables::new(&tables, &parse);
    let mut flow = BookFlow::new(options, &out);
    let bid = [BookLevel { px: 99.0, qty: 1.0 }];
    let at = |ts_event, id: i64, is_snapshot: bool| BookMessage {
        ts_event,
        ts_recv: None,
        msg_seq: 2 * id + i64::from(!is_snapshot),
        ids: (id, id),
        prev_id: None,
        update_id: Some(id),
        is_snapshot,
        bids: &bid,
        asks: &[],
    };
    flow.apply(&at(S, 10, true), &mut out);
    // The loss is told at 5 s by a message of 2 s: a row of that time would be late.
    out.saw(5 * S);
    let loss = Loss {
        ts_event: Some(2 * S),
        ts_recv: Some(7),
        last_id: Some(20),
    };
    flow.void(loss, &mut out);
    assert_eq!(flow.floor, (4 * S, 21));
    assert!(flow.book().is_empty());
    // An image with an id below and a time before; then an update at the very time.
    flow.apply(&at(3 * S, 10, true), &mut out);
    assert_eq!(flow.floor, (4 * S, 22));
    flow.apply(&at(4 * S, 11, false), &mut out);
    assert_eq!(flow.floor, (4 * S, 23));
    flow.apply(&at(4 * S + 1, 11, false), &mut out);
    assert_eq!(flow.floor, (4 * S, 23));
}
