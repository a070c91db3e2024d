//! Tests of the stream: order, places, chains, what is left out. Expected lists are written by hand from the page.

use super::fixture::*;
use super::*;
use quant_core::bars::{BookSource, QuoteSource, StatSources};

use crate::manifest::IngestParams;
use crate::openings::DayOpening;
use crate::schema::Dataset;
use crate::venues::book_flow::{BookOptions, Cadence, DEFAULT_CADENCE};
use crate::venues::contracts::QtyUnit;
use crate::venues::records::{
    DepthBandRow, Kline, L2DeltaRow, LiquidationRow, MetricsRow, OpenInterestRow, Ts,
};

fn at(us: i64) -> i64 {
    day().start().0 + us
}

#[test]
fn events_of_one_instant_stand_by_rank_and_update_id() {
    let bench = Bench::new(um());
    let t = at(S);
    bench.put(day(), &[trade(t, 1, 7.0, 1.0), trade(t + 1, 2, 8.0, 1.0)]);
    // Ids say: quote 4, book 5, quote 6; one id of both: the book first.
    bench.put(
        day(),
        &[quote(t, 4, 14.0), quote(t, 6, 16.0), quote(t + 1, 9, 19.0)],
    );
    let [ask, bid] = snapshot(t, 5, 15.0);
    let update = level(t + 1, (6, 9), Some(5), 1, 15.5, 1.0);
    bench.put(day(), &[ask, bid, update]);
    bench.put(
        day(),
        &[LiquidationRow {
            ts_event: Ts(t),
            side: -1,
            price: 3.0,
            average_price: Some(2.0),
            qty: 1.0,
            qty_raw: None,
            occurrence: 0,
        }],
    );
    let (told, report) = bench.drive(day(), &micro(&[]));
    // The update reaches back over the snapshot, not to `prev_id`: futures take `first <= id of the snapshot <= last`.
    assert_eq!(
        told,
        [
            "1: trade 7",
            "1: touch None 14",
            "1: book None 15",
            "1: touch Some(14.0) 16",
            "1: liquidation 2",
            "1.000001: trade 8",
            "1.000001: book Some(15.0) 15.5",
            "1.000001: touch Some(16.0) 19",
        ]
    );
    assert_eq!(report, StreamReport::default());
}

#[test]
fn without_shared_ids_the_book_comes_before_the_quote() {
    let bench = Bench::new(instrument("bybit", "linear", "BTCUSDT"));
    let t = at(S);
    bench.put(day(), &[trade(t, 1, 7.0, 1.0)]);
    bench.put(day(), &[quote(t, 4, 14.0)]);
    bench.put(day(), &snapshot(t, 900, 15.0));
    let (told, _) = bench.drive(day(), &micro(&[]));
    assert_eq!(told, ["1: trade 7", "1: book None 15", "1: touch None 14"]);
}

#[test]
fn a_state_shows_in_the_minute_that_is_decided_when_it_is_known() {
    let bench = Bench::new(um());
    bench.put(day(), &[trade(at(0), 1, 7.0, 1.0)]);
    // Known at 00:00 (day before), 00:01 and, by its end, at 00:00 of the next day.
    bench.put(day().plus(-1), &[mark(at(-M), 10.0)]);
    bench.put(day(), &[mark(at(0), 11.0), mark(at(1439 * M), 12.0)]);
    // Settled as this and the next day begin.
    bench.put(day(), &[funding(at(0), 0.25)]);
    bench.put(day().plus(1), &[funding(day().end().0, 0.5)]);
    let closes = |spec: &MicroSpec| -> Vec<String> {
        let (told, _) = bench.drive(day(), spec);
        let closes = told.into_iter().filter(|t| t.contains("close"));
        closes.collect()
    };
    // Without lag: the record of 00:01 in the first row, that of 24:00 in the last; funding of 00:00 was known before the
    // day, that of 24:00 is known when its last minute is decided.
    let all = closes(&micro(&[]));
    assert_eq!(all[0], "0: close mark 11");
    // Ten minutes at most, from its place: the eleventh row does not know it any more.
    assert_eq!(all.len(), 10 + 1, "{all:?}");
    assert_eq!(
        all[10],
        format!("{}: close mark 12, funding 0.5", 1439 * 60)
    );
    // A lag of the watermark is just in time, one more is a minute later; then the record of 00:00 belongs to this day.
    let lag = |ms| {
        closes(&micro(&[
            (Dataset::MarkKlines, ms),
            (Dataset::Funding, 250),
        ]))
    };
    assert_eq!(lag(250)[0], "0: close mark 11");
    let late = lag(251);
    assert_eq!(late[0], "0: close mark 10");
    assert_eq!(late[1], "60: close mark 11");
    assert_eq!(
        late.last().unwrap(),
        &format!("{}: close funding 0.5", 1439 * 60)
    );
    // Half an hour: funding of 00:00 comes into the day.
    let all = closes(&micro(&[(Dataset::Funding, 1_800_000)]));
    assert!(
        all.contains(&"1740: close funding 0.25".to_owned()),
        "{all:?}"
    );
    assert_eq!(
        all.last().unwrap(),
        &format!("{}: close mark 12, funding 0.25", 1439 * 60)
    );
}

#[test]
fn open_interest_is_of_samples_as_published_else_of_metrics() {
    let bench = Bench::new(um());
    bench.put(day(), &[trade(at(0), 1, 7.0, 1.0)]);
    let metrics = |ts, open_interest| MetricsRow {
        ts_event: Ts(ts),
        open_interest,
        open_interest_notional: None,
        toptrader_account_ls_ratio: None,
        toptrader_position_ls_ratio: None,
        account_ls_ratio: None,
        taker_ls_volume_ratio: None,
    };
    // Five minutes late, and a row that tells nothing.
    bench.put(
        day(),
        &[metrics(at(0), Some(5.0)), metrics(at(5 * M), None)],
    );
    let spec = micro(&[(Dataset::Metrics, 300_000)]);
    let (told, _) = bench.drive(day(), &spec);
    assert_eq!(told[1], "240: close oi 5");
    let sample = |ts, published: Option<i64>, open_interest| OpenInterestRow {
        ts_event: Ts(ts),
        ts_published: published.map(Ts),
        open_interest,
        notional: None,
    };
    bench.put(
        day(),
        &[
            sample(at(S), None, 1.0),
            sample(at(2 * S), Some(at(3 * M)), 2.0),
        ],
    );
    let (told, _) = bench.drive(day(), &spec);
    assert_eq!(
        told[1..4],
        ["0: close oi 1", "60: close oi 1", "120: close oi 2"]
    );
}

#[test]
fn only_the_one_percent_bands_are_kept() {
    let bench = Bench::new(um());
    bench.put(day(), &[trade(at(0), 1, 7.0, 1.0)]);
    let band = |percentage, depth| DepthBandRow {
        ts_event: Ts(at(S)),
        percentage,
        depth,
        notional: 1.0,
    };
    bench.put(
        day(),
        &[
            band(-2.0, 1.0),
            band(-1.0, 2.0),
            band(-0.2, 3.0),
            band(1.0, 4.0),
        ],
    );
    let (told, _) = bench.drive(day(), &micro(&[]));
    assert_eq!(told, ["0: trade 7", "0: close band 2"]);
}

#[test]
fn a_broken_chain_voids_the_book_until_the_next_snapshot() {
    let bench = Bench::new(um());
    bench.put(day(), &[trade(at(0), 1, 7.0, 1.0)]);
    let mut rows: Vec<L2DeltaRow> = snapshot(at(S), 5, 15.0).into();
    rows.push(level(at(2 * S), (4, 6), Some(3), 1, 15.1, 1.0));
    rows.push(level(at(3 * S), (8, 9), Some(6), 1, 15.2, 1.0));
    // Something between 9 and 11 is missing.
    rows.push(level(at(4 * S), (12, 12), Some(11), 1, 15.3, 1.0));
    rows.push(level(at(5 * S), (13, 13), Some(12), 1, 15.4, 1.0));
    rows.extend(snapshot(at(6 * S), 20, 16.0));
    rows.push(level(at(7 * S), (21, 21), Some(20), 1, 16.1, 1.0));
    bench.put(day(), &rows);
    let (told, report) = bench.drive(day(), &micro(&[]));
    let books: Vec<&String> = told.iter().filter(|t| !t.contains("touch")).collect();
    assert_eq!(
        books,
        [
            "0: trade 7",
            "1: book None 15",
            "2: book Some(15.0) 15.1",
            "3: book Some(15.1) 15.2",
            "gap",
            "6: book None 16",
            "7: book Some(16.0) 16.1",
        ]
    );
    assert_eq!(report.n_gaps, 1);
    // The day goes on from an opening only if its first message follows.
    let follows = Link {
        last_id: 3,
        is_snapshot: false,
    };
    for (link, n_gaps) in [
        (follows, 0),
        (
            Link {
                last_id: 2,
                ..follows
            },
            1,
        ),
    ] {
        bench.put(day(), &[level(at(2 * S), (4, 6), Some(3), 1, 15.1, 1.0)]);
        let opening = DayOpening::default();
        let (_, report) = bench.drive_from(day(), &micro(&[]), &opening, Some(link));
        assert_eq!(report.n_gaps, n_gaps);
    }
}

#[test]
fn rules_of_chains() {
    let link = |last_id, is_snapshot| Link {
        last_id,
        is_snapshot,
    };
    let (futures, spot) = (ChainRule::BinanceFutures, ChainRule::BinanceSpot);
    for (rule, link, ids, follows) in [
        (futures, link(5, true), (5, 5, Some(1)), true),
        (futures, link(5, true), (6, 7, Some(5)), true),
        (futures, link(5, true), (6, 7, Some(4)), false),
        (futures, link(5, false), (3, 7, Some(4)), false),
        (spot, link(5, true), (4, 6, None), true),
        (spot, link(5, true), (7, 8, None), false),
        (spot, link(5, false), (6, 8, None), true),
        (spot, link(5, false), (5, 8, None), false),
        (ChainRule::Previous, link(5, true), (9, 9, Some(5)), true),
        (ChainRule::Previous, link(5, true), (9, 9, Some(8)), false),
        (ChainRule::Previous, link(5, false), (9, 9, None), true),
        (ChainRule::Unlinked, link(5, false), (9, 9, Some(1)), true),
    ] {
        let found = rule.follows(link, ids.0, ids.1, ids.2);
        assert_eq!(found, follows, "{rule:?} {link:?} {ids:?}");
    }
    for (exchange, market, symbol, rule) in [
        ("binance", "spot", "BTCUSDT", spot),
        ("sim-binance", "um", "BTCUSDT", futures),
        ("bybit", "linear", "BTCUSDT", ChainRule::Previous),
        ("okx", "swap", "BTC-USDT-SWAP", ChainRule::Previous),
        ("hyperliquid", "swap", "BTC", ChainRule::Unlinked),
    ] {
        assert_eq!(ChainRule::of(&instrument(exchange, market, symbol)), rule);
    }
}

#[test]
fn late_rows_are_left_out_where_there_are_statistics() {
    let bench = Bench::new(um());
    let mut trades = [trade(at(0), 1, 7.0, 1.0), trade(at(1), 2, 8.0, 1.0)];
    trades[0].late = Some(true);
    bench.put(day(), &trades);
    let mut quotes = [quote(at(2), 1, 7.0), quote(at(3), 2, 8.0)];
    quotes[1].late = Some(true);
    bench.put(day(), &quotes);
    let (told, report) = bench.drive(day(), &micro(&[]));
    assert_eq!(told, ["0.000001: trade 8", "0.000002: touch None 7"]);
    assert_eq!(report.n_late, 2);
    // A set without statistics takes every trade, as it always did.
    let spec = micro(&[]);
    let sets = bench.sets(&spec);
    let plan = sets.plan(day(), Dataset::Trades, None);
    let memo = crate::read::HashMemo::default();
    let mut builder: quant_core::bars::MinuteBuilder = quant_core::bars::MinuteBuilder::new(
        day(),
        plan.bar_source(),
        &quant_core::bars::Opening::default(),
    );
    let stream = DayStream::open(&sets, &plan, None, None, &memo).unwrap();
    stream.drive(&mut builder).unwrap();
    assert_eq!(builder.finish(day().end()).rows[0].n_trades, Some(2));
}

#[test]
fn ids_left_out_tell_of_lost_trades_where_trades_are_numbered() {
    // 2..=5 are four, 7..=11 five, 13..=20 eight; the one of id 12 came late and is not in the stream.
    let mut trades = [1, 6, 12, 21, 22].map(|id| trade(at(id), id, 7.0, 1.0));
    let lost = |exchange: &str, trades: &[crate::venues::records::TradeRow]| {
        let bench = Bench::new(instrument(exchange, "spot", "BTCUSDT"));
        bench.put(day(), trades);
        let (told, report) = bench.drive(day(), &micro(&[]));
        let before: Vec<String> = told
            .windows(2)
            .filter(|pair| pair[0] == "trades lost")
            .map(|pair| pair[1].clone())
            .collect();
        assert_eq!(report.n_lost_trades, before.len() as u64);
        before
    };
    assert_eq!(
        lost("binance", &trades),
        ["0.000012: trade 7", "0.000021: trade 7"]
    );
    assert!(lost("bybit", &trades).is_empty());
    trades[2].late = Some(true);
    assert_eq!(lost("binance", &trades), ["0.000021: trade 7"]);
}

#[test]
fn a_lost_book_is_a_gap_at_its_place() {
    let bench = Bench::new(um());
    bench.put(day(), &[trade(at(0), 1, 7.0, 1.0)]);
    bench.put(day(), &[quote(at(S), 4, 15.0), quote(at(2 * S), 8, 15.5)]);
    let mut rows: Vec<L2DeltaRow> = snapshot(at(S), 5, 15.0).into();
    rows.push(L2DeltaRow {
        is_snapshot: true,
        ..level(at(2 * S), (7, 7), None, 1, 15.0, 0.0)
    });
    rows.extend(snapshot(at(6 * S), 20, 16.0));
    bench.put(day(), &rows);
    let (told, report) = bench.drive(day(), &micro(&[]));
    assert_eq!(
        told,
        [
            "0: trade 7",
            "1: touch None 15",
            "1: book None 15",
            "gap",
            "2: touch None 15.5",
            "6: book None 16",
        ]
    );
    // Told by ingestion, not found here.
    assert_eq!(report.n_gaps, 0);
}

#[test]
fn klines_are_bars_of_the_minute_that_ends() {
    let bench = Bench::new(um());
    let kline = |minute: i64, close| Kline {
        ts_open: Ts(at(minute * M)),
        ts_close: Ts(at((minute + 1) * M)),
        open: close,
        high: close,
        low: close,
        close,
        volume: 2.0,
        volume_raw: None,
        quote_volume: None,
        n_trades: None,
        taker_buy_volume: None,
        taker_buy_quote_volume: None,
    };
    bench.put(day(), &[kline(0, 5.0), kline(2, 6.0)]);
    // Quotes inside a minute come before its kline; one at its end belongs to the next minute.
    bench.put(day(), &[quote(at(M - 1), 1, 7.0), quote(at(M), 2, 8.0)]);
    let spec = micro(&[]);
    let sets = bench.sets(&spec);
    let plan = sets.plan(day(), Dataset::Klines1m, Some(&spec));
    assert!(!plan.inputs.has_trades);
    let told = Told::default();
    let mut builder = quant_core::bars::MinuteBuilder::with_stats(
        day(),
        plan.bar_source(),
        plan.inputs,
        &quant_core::bars::Opening::default(),
        told,
    );
    let memo = crate::read::HashMemo::default();
    let stream = DayStream::open(&sets, &plan, Some(&spec), None, &memo).unwrap();
    stream.drive(&mut builder).unwrap();
    let rows = builder.finish(day().end()).rows;
    let seen: Vec<_> = rows[..4]
        .iter()
        .map(|r| (r.close, r.volume, r.is_filled))
        .collect();
    assert_eq!(
        seen,
        [
            (Some(5.0), 2.0, false),
            (Some(5.0), 0.0, true),
            (Some(6.0), 2.0, false),
            (Some(6.0), 0.0, true),
        ]
    );
}

#[test]
fn a_plan_chooses_what_is_listed_and_names_what_it_reads() {
    let bench = Bench::new(um());
    bench.put(day(), &[trade(at(0), 1, 7.0, 1.0)]);
    bench.put(day(), &snapshot(at(S), 5, 15.0));
    bench.put(day().plus(1), &[funding(day().end().0, 0.5)]);
    bench.put(day(), &[funding(at(0), 0.5), funding(at(480 * M), 0.5)]);
    let spec = micro(&[]);
    let sets = bench.sets(&spec);
    let plan = sets.plan(day(), Dataset::Trades, Some(&spec));
    assert_eq!(
        plan.stat_sources(),
        StatSources {
            quotes: QuoteSource::Book,
            book: BookSource::Deltas,
            has_trades: true,
        }
    );
    let names: Vec<String> = plan
        .sources(&sets, Some(&spec))
        .into_iter()
        .map(|s| s.name.replace("raw/binance/um/BTCUSDT/", ""))
        .collect();
    assert_eq!(
        names,
        [
            "trades/date=2024-01-02",
            "l2_deltas/date=2024-01-02",
            "funding/date=2024-01-02",
            "funding/date=2024-01-03",
        ]
    );
    // With quotes the touch is theirs, however many came; without statistics only the trades count.
    bench.put::<crate::venues::records::BookTickerRow>(day(), &[]);
    let sets = bench.sets(&spec);
    let plan = sets.plan(day(), Dataset::Trades, Some(&spec));
    assert_eq!(plan.stat_sources().quotes, QuoteSource::BookTicker);
    let plain = sets.plan(day(), Dataset::Trades, None);
    assert_eq!(plain.stat_sources().quotes, QuoteSource::None);
    assert_eq!(plain.sources(&sets, None).len(), 1);
}

#[test]
fn a_plan_tells_the_cadence_its_images_were_taken_at() {
    let bench = Bench::new(um());
    let spec = micro(&[]);
    let options = |cadence| BookOptions {
        levels: 50,
        cadence,
        unit: QtyUnit::Base,
    };
    let every = |us| Cadence::Every {
        us,
        max_stale_us: 10_000_000,
    };
    let cases = [
        (options(DEFAULT_CADENCE).params(), "l2_snapshots@1s"),
        (options(every(100_000)).params(), "l2_snapshots@100ms"),
        (
            options(Cadence::EveryMessage).params(),
            "l2_snapshots@message",
        ),
        (
            options(Cadence::EverySnapshot).params(),
            "l2_snapshots@snapshot",
        ),
        (IngestParams::new(), "l2_snapshots"),
    ];
    let days = || (0..).map(|k| day().plus(k));
    for ((params, _), of) in cases.iter().zip(days()) {
        bench.list_images(of, params.clone());
    }
    // Each partition has the parameters it was made with, not those of the newest.
    let sets = bench.sets(&spec);
    for ((_, name), of) in cases.iter().zip(days()) {
        let found = sets.plan(of, Dataset::Klines1m, Some(&spec)).stat_sources();
        assert_eq!(found.book.to_string(), *name);
        assert_eq!((found.quotes, found.has_trades), (QuoteSource::Book, false));
    }
    let after = day().plus(i32::try_from(cases.len()).unwrap());
    let nothing = sets.plan(after, Dataset::Trades, Some(&spec));
    assert_eq!(nothing.stat_sources().book, BookSource::None);
}
