//! Tapes answer what happened up to an instant; conflated depth leads from book to book without a hole.
use super::*;
use crate::mock::delay::Rand;
use quant_core::synth::{InstrumentParams, SimMinute, SimQuote};

/// A crude market: random levels around a fixed price, a match now and then.
pub(crate) struct Scribble {
    rand: Rand,
    book: SimBook,
    start: i64,
    update: i64,
    id: i64,
}

impl Scribble {
    pub(crate) fn new(seed: u64) -> Self {
        let mut book = SimBook::default();
        for i in 0..20 {
            book.set(Side::Buy, 600_000 - i, 10 + i);
            book.set(Side::Sell, 600_001 + i, 10 + i);
        }
        Self {
            rand: Rand::new(seed),
            book,
            start: DAY,
            update: 100,
            id: 500,
        }
    }
}

/// 2026-01-05, a Monday.
pub(crate) const DAY: i64 = 1_767_571_200_000_000;

impl Feed for Scribble {
    fn book(&self) -> SimBook {
        self.book.clone()
    }

    fn next_minute(&mut self, out: &mut SimMinute) {
        out.start = UnixMicros(self.start);
        let mut ts = self.start;
        loop {
            ts += 1_000 + i64::from(self.rand.below(300_000));
            if ts >= self.start + MICROS_PER_MINUTE {
                break;
            }
            self.update += 1;
            if self.rand.below(3) == 0 {
                self.id += 1;
                out.matches.push(SimMatch {
                    ts: UnixMicros(ts),
                    id: self.id,
                    agg_id: self.id,
                    update_id: self.update,
                    price_ticks: 600_000 + i64::from(self.rand.below(2)),
                    qty_lots: 1 + i64::from(self.rand.below(9)),
                    aggressor: [Side::Buy, Side::Sell][self.rand.below(2) as usize],
                    is_liquidation: false,
                });
            }
            let n = 1 + self.rand.below(3);
            for i in 0..n {
                let side = [Side::Buy, Side::Sell][self.rand.below(2) as usize];
                let away = 1 + i64::from(self.rand.below(19));
                let change = LevelChange {
                    ts: UnixMicros(ts),
                    update_id: self.update,
                    side,
                    price_ticks: if side == Side::Buy {
                        600_000 - away
                    } else {
                        600_001 + away
                    },
                    qty_lots: i64::from(self.rand.below(5)),
                    msg_end: i + 1 == n,
                };
                self.book.apply(&change);
                out.changes.push(change);
            }
            let best = |side| self.book.best(side).unwrap();
            let (bid, ask) = (best(Side::Buy), best(Side::Sell));
            out.quotes.push(SimQuote {
                ts: UnixMicros(ts),
                update_id: self.update,
                bid_ticks: bid.0,
                bid_lots: bid.1,
                ask_ticks: ask.0,
                ask_lots: ask.1,
            });
        }
        let seconds = (0..60).map(|s| SimMark {
            ts: UnixMicros(self.start + s * 1_000_000),
            mark: 60_000.0,
            index: 60_001.0,
            predicted_funding: 0.0001,
        });
        out.marks.extend(seconds);
        if self.start % (5 * MICROS_PER_MINUTE) == 0 {
            out.positions = Some(SimPositions {
                ts: UnixMicros(self.start),
                published_at: UnixMicros(self.start + 20_000_000),
                open_interest_lots: 1_000 + self.start / MICROS_PER_MINUTE % 1_000,
                notional: 1e6,
                top_account_ratio: 1.5,
                top_position_ratio: 1.25,
                account_ratio: 1.1,
                taker_ratio: 1.0,
            });
        }
        if self.start % (8 * 60 * MICROS_PER_MINUTE) == 0 {
            out.funding = Some(SimFunding {
                ts: UnixMicros(self.start),
                rate: 0.0001,
                interval_h: 8,
                mark: 60_000.0,
            });
        }
        self.start += MICROS_PER_MINUTE;
    }
}

/// Returns an instrument with `n` minutes of scribble.
pub(crate) fn scribbled(market: Market, seed: u64, n: i64) -> Arc<Instrument> {
    let params = InstrumentParams::btc_like(market, "BTCUSDT".parse().unwrap()).unwrap();
    let instrument = Instrument::new(params, UnixMicros(DAY));
    let demand = generator::Demand::default();
    demand.want(UnixMicros(DAY + n * MICROS_PER_MINUTE - 1), UnixMicros(DAY));
    // One thread, ended as soon as the tape is long enough.
    let instrument = Arc::new(instrument);
    let demand = Arc::new(demand);
    let maker = generator::spawn(
        Arc::clone(&instrument),
        Box::new(Scribble::new(seed)),
        Arc::clone(&demand),
    )
    .unwrap();
    while instrument.generated().0 < DAY + n * MICROS_PER_MINUTE {
        std::thread::yield_now();
    }
    demand.stop();
    maker.join().unwrap();
    instrument
}

fn at(ms: i64) -> UnixMicros {
    UnixMicros(DAY + ms * 1_000)
}

#[test]
fn symbols_split_into_pairs() {
    for (symbol, base, quote) in [
        ("BTCUSDT", "BTC", "USDT"),
        ("BTC-USDT-SWAP", "BTC", "USDT"),
        ("BTC-USDT", "BTC", "USDT"),
        ("BTCUSD_PERP", "BTC", "USD"),
        ("ETHBTC", "ETH", "BTC"),
        ("1000PEPEUSDC", "1000PEPE", "USDC"),
    ] {
        assert_eq!(
            split_pair(symbol),
            (base.to_owned(), quote.to_owned()),
            "{symbol}"
        );
    }
}

#[test]
fn the_book_of_an_instant_is_every_change_up_to_it() {
    let of = scribbled(Market::Um, 1, 3);
    let mut feed = Scribble::new(1);
    let mut changes = Vec::new();
    let first = feed.book();
    for _ in 0..3 {
        let mut minute = SimMinute::new();
        feed.next_minute(&mut minute);
        changes.extend(minute.changes);
    }
    for ms in [0, 1, 500, 59_999, 60_000, 60_001, 100_000, 179_999] {
        let mut book = first.clone();
        for change in changes.iter().filter(|c| c.ts <= at(ms)) {
            book.apply(change);
        }
        let image = of.book_at(at(ms)).unwrap();
        assert_eq!(image.book, book, "{ms}");
        let last = changes.iter().rfind(|c| c.ts <= at(ms));
        assert_eq!(image.last_id, last.map_or(100, |c| c.update_id));
    }
    assert!(of.book_at(at(180_000)).is_none(), "not made yet");
    assert!(of.book_at(at(-1)).is_none());
}

#[test]
fn depth_events_chain_and_lead_to_the_book() {
    let of = scribbled(Market::Um, 2, 4);
    for every in [0, 100, 250, 500, 1_000] {
        let mut image = of.book_at(at(0)).unwrap();
        let mut last = image.last_id;
        let mut sent = UnixMicros(0);
        for minute in of.minutes(at(0), at(240_000)) {
            for event in minute.depth(every).iter() {
                assert_eq!(
                    event.prev_last_id, last,
                    "no hole between events, minutes included"
                );
                assert_eq!(event.first_id, last + 1);
                assert!(event.ts >= event.last_change && event.ts >= sent);
                if every > 0 {
                    assert_eq!(event.ts.0 % (i64::from(every) * 1_000), 0);
                }
                let mut prices: Vec<i64> = event.bids.iter().map(|(p, _)| -p).collect();
                assert!(prices.is_sorted_by(|a, b| a < b), "best first, each once");
                prices = event.asks.iter().map(|(p, _)| *p).collect();
                assert!(prices.is_sorted_by(|a, b| a < b));
                for (price, lots) in &event.bids {
                    image.book.set(Side::Buy, *price, *lots);
                }
                for (price, lots) in &event.asks {
                    image.book.set(Side::Sell, *price, *lots);
                }
                (last, sent) = (event.last_id, event.ts);
                if every > 0 {
                    let emitted = of.book_emitted(event.ts, every);
                    // The last boundary may lie beyond the tape.
                    if let Some(emitted) = emitted {
                        assert_eq!(emitted.book, image.book);
                        assert_eq!(emitted.last_id, last, "what the next event continues");
                    }
                }
            }
        }
        assert_eq!(image.book, of.book_at(at(239_999)).unwrap().book);
    }
}

#[test]
fn klines_are_those_of_the_matches_and_the_last_one_is_forming() {
    let of = scribbled(Market::Um, 3, 5);
    let now = at(200_000);
    let klines = of.klines_1m(at(0), UnixMicros(i64::MAX), now);
    assert_eq!(klines.len(), 4);
    for kline in &klines {
        let end = kline.ts_open.plus(MICROS_PER_MINUTE).min(now.plus(1));
        let matches = of.matches(kline.ts_open, end);
        assert_eq!(usize::try_from(kline.n_trades), Ok(matches.len()));
        assert_eq!(kline.lots, matches.iter().map(|m| m.qty_lots).sum::<i64>());
        assert_eq!(kline.open, matches.first().unwrap().price_ticks);
        assert_eq!(kline.close, matches.last().unwrap().price_ticks);
        assert_eq!(
            kline.high,
            matches.iter().map(|m| m.price_ticks).max().unwrap()
        );
        assert_eq!(
            kline.is_closed,
            kline.ts_open.plus(MICROS_PER_MINUTE) <= now
        );
    }
    let whole = kline::resample(&klines, now, |_| (at(0), at(300_000)));
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0].lots, klines.iter().map(|k| k.lots).sum::<i64>());
    assert_eq!(whole[0].cash, klines.iter().map(|k| k.cash).sum::<i128>());
    assert_eq!(
        (whole[0].open, whole[0].close),
        (klines[0].open, klines[3].close)
    );
    assert!(!whole[0].is_closed);
}

#[test]
fn quiet_minutes_repeat_the_close_without_trading() {
    let quiet = Kline::of(at(0), &[], 77);
    assert_eq!(
        (quiet.open, quiet.high, quiet.low, quiet.close),
        (77, 77, 77, 77)
    );
    assert_eq!((quiet.n_trades, quiet.first_id, quiet.last_id), (0, -1, -1));
    let traded = scribbled(Market::Um, 4, 1).klines_1m(at(0), at(60_000), at(60_000))[0];
    let mut sum = quiet;
    sum.extend(&traded);
    assert_eq!(
        (sum.open, sum.high),
        (traded.open, traded.high),
        "77 was never traded"
    );
    sum.extend(&quiet);
    assert_eq!((sum.close, sum.last_id), (traded.close, traded.last_id));
}

#[test]
fn nothing_is_known_before_it_is_published() {
    let of = scribbled(Market::Um, 5, 12);
    assert!(of.positions(at(19_999)).is_empty());
    assert_eq!(of.positions(at(20_000)).len(), 1);
    assert_eq!(
        of.positions(at(319_999)).len(),
        1,
        "the period ended at 300 s, told at 320 s"
    );
    assert_eq!(of.fundings(at(0)).len(), 1);
    assert_eq!(of.mark_at(at(90_500)).unwrap().ts, at(90_000));
    assert_eq!(of.next_funding(at(0)), at(8 * 3_600_000));
}
