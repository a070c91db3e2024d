//! Arrival orders: sockets, losses, lateness, rows without a time of receipt.

use quant_lake::venues::records::{BookTickerRow, TradeRow, Ts};

use super::super::fixture::{
    Bench, M, S, at, day, mark, message, metrics, micro, quote, samples, trade,
};
use super::*;

const DATASETS: [Dataset; 6] = [
    Dataset::Trades,
    Dataset::BookTicker,
    Dataset::L2Deltas,
    Dataset::MarkKlines,
    Dataset::OpenInterest,
    Dataset::Metrics,
];

fn sockets() -> Sockets {
    Sockets {
        seed: 3,
        max_delay_us: 900_000,
        n_disconnects: 3,
        down_us: 20 * M,
    }
}

/// A day of trades, quotes, books and marks every few seconds; if `dense`, ten times a second for a while at noon.
fn busy_or(dense: bool) -> Bench {
    let bench = Bench::new();
    let step = 3 * S;
    let mut times: Vec<i64> = (0..24 * 60 * M / step).map(|i| i * step).collect();
    if dense {
        times.extend((1..9_000).map(|i| 12 * 60 * M + i * 100_000));
        times.sort_unstable();
        times.dedup();
    }
    let all = || (1..).zip(&times);
    let trades: Vec<_> = all().map(|(i, t)| trade(at(*t), i, 100.0, 1.0)).collect();
    bench.put(day(), &trades);
    let quotes: Vec<_> = all()
        .map(|(i, t)| quote(at(t + (i % 2) * 70_000), i, 100.0))
        .collect();
    bench.put(day(), &quotes);
    let book: Vec<_> = all()
        .flat_map(|(i, t)| message(at(t + (i % 3) * 40_000), i, Some(i - 1), 100.0, i == 1))
        .collect();
    bench.put(day(), &book);
    let marks: Vec<_> = (0..1_440).map(|i| mark(at(i * M), 100.0)).collect();
    bench.put(day(), &marks);
    bench
}

fn busy() -> Bench {
    busy_or(true)
}

fn read_all(bench: &Bench) -> Vec<Arrival> {
    read(&bench.lake, &bench.instrument, &DATASETS, day()).unwrap()
}

fn id(a: &Arrival) -> (Dataset, usize, i64) {
    (a.arrived.dataset, a.row, a.ts())
}

#[test]
fn messages_of_one_socket_never_overtake_one_another() {
    let sent = over_sockets(read_all(&busy()), &micro(&[]), sockets(), day());
    let socket = |a: &&Arrival| match a.arrived.dataset {
        Dataset::Trades => 1,
        Dataset::BookTicker | Dataset::L2Deltas => 2,
        _ => 0,
    };
    for number in [1, 2] {
        let of: Vec<&Arrival> = sent.list.iter().filter(|a| socket(a) == number).collect();
        assert!(of.len() > 10_000);
        assert!(
            of.windows(2)
                .all(|w| w[0].at <= w[1].at && w[0].ts() <= w[1].ts())
        );
        let delays: Vec<i64> = of.iter().map(|a| a.at - a.ts()).collect();
        assert!(delays.iter().all(|d| (0..=900_000).contains(d)));
        assert!(delays.iter().min() < delays.iter().max());
    }
    // The two are not in step: over both, times go back.
    let points: Vec<&Arrival> = sent.list.iter().filter(|a| socket(a) > 0).collect();
    assert!(points.windows(2).any(|w| w[0].ts() > w[1].ts()));
}

#[test]
fn what_is_lost_or_late_is_exactly_what_the_watermark_rule_leaves_out() {
    let all = read_all(&busy());
    let sent = over_sockets(all.clone(), &micro(&[]), sockets(), day());
    // Naive: remember every time that came, over and over.
    let mut newest = Vec::new();
    let (mut on_time, mut late) = (Vec::new(), Vec::new());
    for a in sent.list.iter().filter(|a| can_be_late(a.arrived.dataset)) {
        let watermark = newest.iter().max().map_or(i64::MIN, |n| n - 250_000);
        if a.ts() < watermark {
            late.push(id(a));
        } else {
            on_time.push(id(a));
        }
        newest.push(a.ts());
        // Only the largest matters; keep the list short.
        newest = newest.iter().max().copied().into_iter().collect();
    }
    assert!(late.len() > 10, "{}", late.len());
    let lost: Vec<(Dataset, usize)> = (sent.lost.iter())
        .flat_map(|(d, rows)| rows.iter().map(|row| (*d, *row)))
        .collect();
    let n_down = lost.len() - late.len();
    assert!(n_down > 100, "{n_down}");
    for (dataset, row, _) in &late {
        assert!(lost.contains(&(*dataset, *row)));
    }
    // Every row is on time, or lost once.
    let mut seen: Vec<(Dataset, usize)> = on_time.iter().map(|(d, row, _)| (*d, *row)).collect();
    seen.extend(&lost);
    seen.sort_unstable();
    let mut expected: Vec<(Dataset, usize)> = (all.iter())
        .filter(|a| can_be_late(a.arrived.dataset))
        .map(|a| (a.arrived.dataset, a.row))
        .collect();
    expected.sort_unstable();
    assert_eq!(seen, expected);
    assert_eq!(sent.n_lost(), lost.len() as u64);
    // States come in any case.
    let marks = |list: &[Arrival]| {
        list.iter()
            .filter(|a| a.arrived.dataset == Dataset::MarkKlines)
            .count()
    };
    assert_eq!(marks(&sent.list), marks(&all));
}

#[test]
fn levels_of_a_message_share_its_fate() {
    let sent = over_sockets(read_all(&busy()), &micro(&[]), sockets(), day());
    let lost = &sent.lost[&Dataset::L2Deltas];
    // Two levels a message, in order of rows.
    let mut gone: Vec<usize> = lost.clone();
    gone.sort_unstable();
    for pair in gone.chunks(2) {
        assert_eq!((pair[0] % 2, pair[1]), (0, pair[0] + 1));
    }
    let book: Vec<&Arrival> = sent
        .list
        .iter()
        .filter(|a| a.arrived.dataset == Dataset::L2Deltas)
        .collect();
    for pair in book.chunks(2) {
        assert_eq!((pair[0].at, pair[0].row + 1), (pair[1].at, pair[1].row));
    }
    // Nothing of another source comes between them.
    let places: Vec<usize> = (0..sent.list.len())
        .filter(|i| sent.list[*i].arrived.dataset == Dataset::L2Deltas)
        .collect();
    for pair in places.chunks(2) {
        assert_eq!(pair[0] + 1, pair[1]);
    }
}

#[test]
fn disconnections_lose_what_is_sent_meanwhile() {
    let calm = Sockets {
        max_delay_us: 0,
        n_disconnects: 1,
        down_us: 10 * M,
        ..sockets()
    };
    let sent = over_sockets(read_all(&busy_or(false)), &micro(&[]), calm, day());
    let rows = &sent.lost[&Dataset::Trades];
    // One stretch of ten minutes, a trade every three seconds; cut short if it began at the end of the day.
    assert!(rows.windows(2).all(|w| w[1] == w[0] + 1));
    assert!(
        rows.len() == 200 || rows.last() == Some(&28_799),
        "{}",
        rows.len()
    );
    let none = Sockets {
        n_disconnects: 0,
        ..calm
    };
    assert!(
        over_sockets(read_all(&busy_or(false)), &micro(&[]), none, day())
            .lost
            .is_empty()
    );
    // The same seed does the same, another one does not.
    let again = over_sockets(read_all(&busy_or(false)), &micro(&[]), sockets(), day());
    let first = over_sockets(read_all(&busy_or(false)), &micro(&[]), sockets(), day());
    assert_eq!(first.lost, again.lost);
    let other = over_sockets(
        read_all(&busy_or(false)),
        &micro(&[]),
        Sockets {
            seed: 4,
            ..sockets()
        },
        day(),
    );
    assert_ne!(first.lost, other.lost);
}

fn received(ts: i64, recv: i64, id: i64) -> TradeRow {
    TradeRow {
        ts_recv: Some(Ts(recv)),
        ..trade(ts, id, 100.0, 1.0)
    }
}

#[test]
fn recorded_rows_come_as_received_and_the_others_when_the_stream_is_there() {
    let bench = Bench::new();
    // The receiver's clock is an hour behind: the third trade came before the second.
    let hour = 60 * M;
    let trades = [
        received(at(M), at(M) - hour, 1),
        received(at(2 * M), at(3 * M) - hour, 2),
        received(at(2 * M + S), at(2 * M) - hour, 3),
    ];
    bench.put(day(), &trades);
    let asked: Vec<BookTickerRow> = [quote(at(2 * M + 2 * S), 9, 1.0)]
        .map(|q| BookTickerRow {
            ts_recv: Some(Ts(at(4 * M) - hour)),
            ..q
        })
        .into();
    bench.put(day(), &asked);
    bench.put(
        day(),
        &[mark(at(0), 5.0), mark(at(M), 5.0), mark(at(2 * M), 5.0)],
    );
    let list = as_recorded(read_all(&bench), &micro(&[(Dataset::MarkKlines, 500)])).list;
    let order: Vec<(Dataset, usize)> = list.iter().map(|a| (a.arrived.dataset, a.row)).collect();
    // The mark of the first minute is known at 1:00.5: before the trade of 2:00; that of the second at 2:00.5, before 2:01.
    let (t, q, m) = (Dataset::Trades, Dataset::BookTicker, Dataset::MarkKlines);
    assert_eq!(
        order,
        [(t, 0), (m, 0), (m, 1), (t, 2), (t, 1), (q, 0), (m, 2)]
    );
}

#[test]
fn archives_come_in_order_of_time() {
    let bench = busy();
    let list = as_recorded(read_all(&bench), &micro(&[])).list;
    assert!(list.windows(2).all(|w| w[0].at <= w[1].at));
    assert_eq!(list.len(), read_all(&bench).len());
}

#[test]
fn neighbours_of_recorded_days_move_the_watermark() {
    let bench = Bench::new();
    let midnight = day().end().0;
    bench.put(
        day(),
        &[
            received(at(0), at(1), 1),
            received(midnight - 1, midnight + S, 2),
        ],
    );
    let tomorrow = [
        received(midnight + S / 2, midnight + S / 2, 3),
        received(midnight + 11 * M, midnight + 11 * M, 4),
    ];
    bench.put(day().plus(1), &tomorrow);
    let list = as_recorded(read_all(&bench), &micro(&[])).list;
    let times: Vec<i64> = list.iter().map(Arrival::ts).collect();
    assert_eq!(times, [at(0), midnight + S / 2, midnight - 1]);
    // Sockets hear their own day only, and not what ingestion flagged.
    let flagged = TradeRow {
        late: Some(true),
        ..received(midnight - 1, midnight + S, 2)
    };
    bench.put(day(), &[received(at(0), at(1), 1), flagged]);
    let calm = Sockets {
        n_disconnects: 0,
        max_delay_us: 0,
        ..sockets()
    };
    let sent = over_sockets(read_all(&bench), &micro(&[]), calm, day());
    assert_eq!(
        sent.list.iter().map(Arrival::ts).collect::<Vec<_>>(),
        [at(0)]
    );
    assert_eq!(sent.n_lost(), 0);
}

#[test]
fn of_two_that_tell_open_interest_the_samples_count() {
    let bench = Bench::new();
    bench.put(day(), &[metrics(at(0), 1.0)]);
    let datasets = |list: &[Arrival]| list.iter().map(|a| a.arrived.dataset).collect::<Vec<_>>();
    assert_eq!(datasets(&read_all(&bench)), [Dataset::Metrics]);
    bench.put(day(), &[samples(at(0), Some(at(S)), 2.0)]);
    assert_eq!(datasets(&read_all(&bench)), [Dataset::OpenInterest]);
}
