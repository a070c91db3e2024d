//! Shared parts, and the harness under the venues' tests: questions to a handler, and a socket driven by hand.

use std::sync::Arc;

use quant_core::market::{Market, Side};
use quant_core::synth::{InstrumentParams, LevelChange, SimMinute};
use serde_json::Value;

use super::*;
use crate::mock::venue::{
    Control, Frame, Outbox, Query, Request, Response, RestCx, Session, VenueHandler, WsCx,
};
use crate::mock::world::World;
use crate::mock::world::generator::{Demand, Feed, spawn};
use crate::mock::world::tests::{DAY, scribbled};

/// Minutes of the tests' tapes.
pub(in crate::mock::venues) const MINUTES: i64 = 20;

/// A perpetual and a spot instrument of one pair.
pub(in crate::mock::venues) fn world() -> World {
    World::new(vec![
        scribbled(Market::Um, 1, MINUTES),
        scribbled(Market::Spot, 2, MINUTES),
    ])
}

/// Milliseconds after the start of the tapes.
pub(in crate::mock::venues) fn at(ms: i64) -> UnixMicros {
    UnixMicros(DAY + ms * 1_000)
}

/// Sends a body at `now`.
pub(in crate::mock::venues) fn post_at(
    venue: &dyn VenueHandler,
    world: &World,
    path: &str,
    body: &str,
    now: UnixMicros,
    conn_ms: i64,
) -> Response {
    let request = Request {
        method: "POST",
        path,
        query: &Query::default(),
        host: "",
        body: body.as_bytes(),
    };
    let cx = RestCx {
        world,
        now,
        book_time: now,
        conn_ms,
        base_url: "http://test",
        archive: None,
    };
    assert!(venue.claims(path), "{path}");
    venue.rest(&request, &cx)
}

/// Asks at `now`.
pub(in crate::mock::venues) fn ask_at(
    venue: &dyn VenueHandler,
    world: &World,
    url: &str,
    now: UnixMicros,
    conn_ms: i64,
) -> Response {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let query = Query::parse(query);
    let request = Request {
        method: "GET",
        path,
        query: &query,
        host: "",
        body: b"",
    };
    let cx = RestCx {
        world,
        now,
        book_time: now,
        conn_ms,
        base_url: "http://test",
        archive: None,
    };
    assert!(venue.claims(path), "{path}");
    venue.rest(&request, &cx)
}

/// Asks ten minutes after the start, each time an hour later on the connection clock; the answer must be JSON.
pub(in crate::mock::venues) fn ask(
    venue: &dyn VenueHandler,
    world: &World,
    url: &str,
) -> (u16, Value) {
    use std::sync::atomic::{AtomicI64, Ordering};
    static HOUR: AtomicI64 = AtomicI64::new(0);
    let conn_ms = HOUR.fetch_add(3_600_000, Ordering::Relaxed);
    let answer = ask_at(venue, world, url, at(600_000), conn_ms);
    let body = serde_json::from_slice(&answer.body)
        .unwrap_or_else(|e| panic!("{url}: {e}: {}", String::from_utf8_lossy(&answer.body)));
    (answer.status, body)
}

/// A socket driven by hand.
pub(in crate::mock::venues) struct Wire<'a> {
    pub(in crate::mock::venues) world: &'a World,
    pub(in crate::mock::venues) session: Box<dyn Session>,
    pub(in crate::mock::venues) now: UnixMicros,
    pub(in crate::mock::venues) conn_ms: i64,
    pub(in crate::mock::venues) controls: Vec<String>,
    pub(in crate::mock::venues) frames: Vec<Frame>,
    pub(in crate::mock::venues) closed: Option<(u16, String)>,
}

impl<'a> Wire<'a> {
    pub(in crate::mock::venues) fn open(
        venue: &dyn VenueHandler,
        world: &'a World,
        path: &str,
        now: UnixMicros,
    ) -> Self {
        let query = Query::default();
        let request = Request {
            method: "GET",
            path,
            query: &query,
            host: "",
            body: b"",
        };
        let cx = RestCx {
            world,
            now,
            book_time: now,
            conn_ms: 0,
            base_url: "http://test",
            archive: None,
        };
        assert!(venue.claims(path) && venue.is_ws(path), "{path}");
        let session = venue
            .open(&request, &cx)
            .unwrap_or_else(|_| panic!("{path} is refused"));
        Self {
            world,
            session,
            now,
            conn_ms: 0,
            controls: Vec::new(),
            frames: Vec::new(),
            closed: None,
        }
    }

    fn call(&mut self, f: impl FnOnce(&mut dyn Session, &mut WsCx<'_>)) {
        let mut out = Outbox::default();
        let mut cx = WsCx {
            world: self.world,
            now: self.now,
            conn_ms: self.conn_ms,
            out: &mut out,
        };
        f(self.session.as_mut(), &mut cx);
        for control in out.controls {
            match control {
                Control::Text(text) => self.controls.push(text),
                Control::Close(code, why) => self.closed = Some((code, why)),
                Control::Ping(_) => {}
            }
        }
        self.frames.extend(out.frames);
    }

    /// Sends text and returns the answers.
    pub(in crate::mock::venues) fn say(&mut self, text: &str) -> Vec<String> {
        self.call(|session, cx| session.on_tick(cx));
        self.call(|session, cx| session.on_text(text, cx));
        core::mem::take(&mut self.controls)
    }

    /// Lets simulated time pass in uneven steps; the connection clock goes along.
    pub(in crate::mock::venues) fn run_to(&mut self, until: UnixMicros) {
        while self.now < until {
            let step = 137_000.min(until.0 - self.now.0);
            self.now = self.now.plus(step);
            self.conn_ms += step / 1_000;
            self.call(|session, cx| session.on_advance(cx));
            self.call(|session, cx| session.on_tick(cx));
        }
    }

    /// Lets only the connection clock pass.
    pub(in crate::mock::venues) fn wait(&mut self, ms: i64) {
        self.conn_ms += ms;
        self.call(|session, cx| session.on_tick(cx));
    }

    /// Returns the frames of a stream as JSON, and checks that all frames ascend in time.
    pub(in crate::mock::venues) fn stream(&self, key: &str) -> Vec<(UnixMicros, Value)> {
        assert!(self.frames.is_sorted_by_key(|f| f.ts), "frames ascend");
        self.frames
            .iter()
            .filter(|f| &*f.stream == key)
            .map(|f| (f.ts, serde_json::from_str(&f.text).unwrap()))
            .collect()
    }
}

/// A book of texts, as a client keeps it: price and size by price.
#[derive(Debug, Default, PartialEq)]
pub(in crate::mock::venues) struct Client {
    pub(in crate::mock::venues) bids: Vec<(f64, f64)>,
    pub(in crate::mock::venues) asks: Vec<(f64, f64)>,
}

impl Client {
    /// Applies the levels of a message; a size of 0 removes.
    pub(in crate::mock::venues) fn apply(&mut self, bids: &Value, asks: &Value) {
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels.as_array().unwrap() {
                let number = |i: usize| level[i].as_str().unwrap().parse::<f64>().unwrap();
                let (price, size) = (number(0), number(1));
                side.retain(|(p, _)| p.to_bits() != price.to_bits());
                if size > 0.0 {
                    side.push((price, size));
                }
            }
        }
        self.bids.sort_by(|a, b| b.0.total_cmp(&a.0));
        self.asks.sort_by(|a, b| a.0.total_cmp(&b.0));
    }

    /// Returns the best `n` levels of a simulated book, sizes divided by `unit`.
    pub(in crate::mock::venues) fn of(
        of: &Instrument,
        book: &SimBook,
        n: usize,
        unit: f64,
    ) -> Self {
        let side = |side| {
            let levels = book.levels(side).take(n);
            levels
                .map(|(p, q)| (of.price(p), of.qty(q) / unit))
                .collect()
        };
        Self {
            bids: side(Side::Buy),
            asks: side(Side::Sell),
        }
    }

    /// Panics unless prices are equal and sizes are, up to rounding.
    pub(in crate::mock::venues) fn assert_is(&self, expected: &Self, what: &str) {
        for (found, expected) in [(&self.bids, &expected.bids), (&self.asks, &expected.asks)] {
            assert_eq!(found.len(), expected.len(), "{what}");
            for (f, e) in found.iter().zip(expected) {
                assert!(
                    (f.0 - e.0).abs() < 1e-9 && (f.1 - e.1).abs() < 1e-9,
                    "{what}: {f:?} {e:?}"
                );
            }
        }
    }
}

/// A market in which one level changes at the given milliseconds, and nothing else happens.
pub(in crate::mock::venues) struct Quiet {
    pub(in crate::mock::venues) changes_ms: Vec<i64>,
    minute: i64,
}

impl Feed for Quiet {
    fn book(&self) -> SimBook {
        let mut book = SimBook::default();
        for i in 0..3 {
            book.set(Side::Buy, 600_000 - i, 10);
            book.set(Side::Sell, 600_001 + i, 10);
        }
        book
    }

    fn next_minute(&mut self, out: &mut SimMinute) {
        out.start = at(self.minute * 60_000);
        for (n, ms) in self.changes_ms.iter().enumerate() {
            let n = i64::try_from(n).unwrap();
            if ms.div_euclid(60_000) == self.minute {
                out.changes.push(LevelChange {
                    ts: at(*ms),
                    update_id: 50 + n,
                    side: Side::Buy,
                    price_ticks: 600_000,
                    qty_lots: 20 + n,
                    msg_end: true,
                });
            }
        }
        self.minute += 1;
    }
}

/// A world of one quiet perpetual with ten minutes of tape.
pub(in crate::mock::venues) fn quiet_world(changes_ms: &[i64]) -> World {
    let params = InstrumentParams::btc_like(Market::Um, "BTCUSDT".parse().unwrap()).unwrap();
    let instrument = Arc::new(Instrument::new(params, at(0)));
    let demand = Arc::new(Demand::default());
    demand.want(at(599_999), at(0));
    let feed = Quiet {
        changes_ms: changes_ms.to_vec(),
        minute: 0,
    };
    let maker = spawn(Arc::clone(&instrument), Box::new(feed), Arc::clone(&demand)).unwrap();
    while instrument.generated() < at(600_000) {
        std::thread::yield_now();
    }
    demand.stop();
    maker.join().unwrap();
    World::new(vec![instrument])
}

#[test]
fn parameters() {
    let query = Query::parse("a=5&b=x&c=&d=0&e=9999");
    assert_eq!(int(&query, "a"), Ok(Some(5)));
    assert_eq!(int(&query, "b"), Err(NotAnInteger { name: "b" }));
    assert_eq!(int(&query, "c"), Ok(None));
    assert_eq!(limit(&query, "d", 7, 100), Ok(7));
    assert_eq!(limit(&query, "e", 7, 100), Ok(100));
    assert_eq!(limit(&query, "z", 7, 100), Ok(7));
}

#[test]
fn a_ladder_leads_from_book_to_book() {
    let of = scribbled(Market::Um, 3, 5);
    for (n, every_ms) in [(1, 10), (5, 100), (400, 100)] {
        let now = at(61_234);
        let mut ladder = Ladder::start(&of, now, n, every_ms).unwrap();
        let every = i64::from(every_ms) * 1_000;
        let expected = of.book_at(now.floor_to(every).plus(-1)).unwrap();
        let (bids, _) = ladder.levels();
        assert!(
            bids.iter()
                .copied()
                .eq(expected.book.levels(Side::Buy).take(n))
        );
        assert_eq!(ladder.last_id(), expected.last_id);
        let mut steps = 0;
        for minute in of.minutes(now, at(300_000)) {
            ladder.minute(&minute, |step| {
                assert!(step.ts > now && step.last_change < step.ts);
                let book = of.book_at(step.ts.plus(-1)).unwrap().book;
                assert!(
                    step.levels
                        .0
                        .iter()
                        .copied()
                        .eq(book.levels(Side::Buy).take(n))
                );
                assert!(
                    step.levels
                        .1
                        .iter()
                        .copied()
                        .eq(book.levels(Side::Sell).take(n))
                );
                steps += 1;
            });
        }
        // The best price of the test's market does not move.
        assert!(
            if n == 1 { steps == 0 } else { steps > 100 },
            "{n}: {steps}"
        );
    }
}

#[test]
fn statistics_of_a_day() {
    let of = scribbled(Market::Um, 3, 5);
    let now = at(200_000);
    let mut day = Day24::at(&of, now).unwrap();
    let matches = of.matches(at(0), now.plus(1));
    assert_eq!(day.lots, matches.iter().map(|m| m.qty_lots).sum::<i64>());
    assert_eq!(
        day.high,
        matches.iter().map(|m| m.price_ticks).max().unwrap()
    );
    assert_eq!(day.last, matches.last().unwrap().price_ticks);
    day.add(day.high + 5, 3);
    assert_eq!((day.last, day.high), (day.last, day.last));
    let bars = mark_bars(
        &of,
        (at(60_000), at(180_000)),
        now,
        UnixMicros::floor_minute,
        |m| m.index,
    );
    assert_eq!(bars.len(), 2);
    assert!(bars.iter().all(|b| (b.high - 60_001.0).abs() < 1e-9));
}
