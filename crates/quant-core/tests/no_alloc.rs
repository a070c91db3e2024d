//! After one minute of warm-up, no event of tier 1 allocates, whatever it is and whatever it does: every allocation of
//! the thread is counted by the allocator of this test binary.

use allocation_counter::measure;
use quant_core::bars::{
    BarSource, BarsError, MarketInputs, Microstructure, MinuteBuilder, N_STAT_COLUMNS, Opening,
    QuoteSource, StatInputs,
};
use quant_core::market::{
    BookLevel, BookSnapshot, DepthBands, Event, Funding, Gap, Liquidation, Lost, MarkPrice,
    OpenInterest, Quote, Side, Trade,
};
use quant_core::time::{Day, MICROS_PER_MINUTE, UnixMicros};

const DAY: Day = Day(20_000);
/// Levels per side of a snapshot.
const DEPTH: u64 = 400;
/// The middle, in ticks.
const MID: u64 = 600_000;

/// Deterministic noise (`splitmix64`).
struct Noise(u64);

impl Noise {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % n
    }
}

/// What is fed: events, and book levels as plain columns.
enum Fed {
    Event(Event),
    Level(i64, bool, Side, f64, f64, bool),
}

fn price(tick: u64) -> f64 {
    tick as f64 / 10.0
}

fn snapshot(ts: i64, out: &mut Vec<Fed>) {
    for k in 0..DEPTH {
        let (bid, ask) = (price(MID - k), price(MID + 1 + k));
        out.push(Fed::Level(ts, true, Side::Buy, bid, 1.0, false));
        out.push(Fed::Level(ts, true, Side::Sell, ask, 1.0, k + 1 == DEPTH));
    }
}

fn side(noise: &mut Noise) -> Side {
    if noise.below(2) == 0 {
        Side::Buy
    } else {
        Side::Sell
    }
}

fn quote(ts_event: UnixMicros, noise: &mut Noise) -> Quote {
    let bid = MID - noise.below(5);
    Quote {
        ts_event,
        ts_recv: None,
        bid_px: price(bid),
        bid_qty: noise.below(5) as f64,
        ask_px: price(bid + noise.below(5)),
        ask_qty: 1.0,
        update_id: 0,
        ts_inferred: false,
    }
}

fn trade(ts_event: UnixMicros, noise: &mut Noise) -> Trade {
    Trade {
        ts_event,
        ts_recv: None,
        price: price(MID - noise.below(5)),
        qty: 1.0 + noise.below(9) as f64,
        aggressor: side(noise),
        trade_id: 0,
        n_trades: 1,
    }
}

fn image(ts_event: UnixMicros) -> BookSnapshot {
    let level = |tick| BookLevel {
        px: price(tick),
        qty: 2.0,
    };
    BookSnapshot {
        ts_event,
        ts_recv: None,
        seq: 0,
        bids: (0..50).map(|k| level(MID - k)).collect(),
        asks: (0..50).map(|k| level(MID + 1 + k)).collect(),
    }
}

fn state(ts_event: UnixMicros) -> [Event; 5] {
    [
        Event::Liquidation(Liquidation {
            ts_event,
            side: Side::Sell,
            price: price(MID),
            qty: 1.0,
        }),
        Event::MarkPrice(MarkPrice {
            ts_event,
            mark: Some(price(MID)),
            index: Some(price(MID)),
            premium: Some(0.0001),
            predicted_funding: None,
        }),
        Event::Funding(Funding {
            ts_event,
            rate: 0.0001,
            interval_h: 8,
        }),
        Event::OpenInterest(OpenInterest {
            ts_event,
            open_interest: 1e5,
            notional: None,
        }),
        Event::DepthBands(DepthBands {
            ts_event,
            percentage: -1.0,
            depth: 100.0,
            notional: 6e6,
        }),
    ]
}

/// A minute with everything in it: snapshots, changes, some of which cross the book, quotes, prints, state, images, a gap.
fn minute(m: i64, noise: &mut Noise) -> Vec<Fed> {
    let start = DAY.start().0 + m * MICROS_PER_MINUTE;
    let mut out = Vec::new();
    snapshot(start, &mut out);
    for step in 1..600 {
        let ts_us = start + step * 100_000;
        let ts = UnixMicros(ts_us);
        let n = noise.below(40) + 1;
        for i in 0..n {
            let side = side(noise);
            // One in 16 may cross.
            let reach = 2 * u64::from(noise.below(16) == 0);
            let tick = match side {
                Side::Buy => MID + reach - noise.below(DEPTH),
                Side::Sell => MID + 1 - reach + noise.below(DEPTH),
            };
            let qty = noise.below(4) as f64;
            out.push(Fed::Level(ts_us, false, side, price(tick), qty, i + 1 == n));
        }
        out.push(Fed::Event(Event::Quote(quote(ts, noise))));
        out.push(Fed::Event(Event::Trade(trade(ts, noise))));
        if step % 50 == 0 {
            out.extend(state(ts).map(Fed::Event));
            out.push(Fed::Event(Event::BookSnapshot(image(ts))));
        }
        if step == 300 {
            out.push(Fed::Event(Event::Gap(Gap {
                from: ts,
                to: ts,
                lost: Lost::Everything,
            })));
        }
        if step == 310 {
            snapshot(ts_us, &mut out);
        }
    }
    out
}

fn feed(builder: &mut MinuteBuilder<Microstructure>, fed: &[Fed]) -> Result<(), BarsError> {
    for one in fed {
        match one {
            Fed::Event(event) => builder.on_event(event)?,
            Fed::Level(ts_us, is_snapshot, side, px, qty, msg_end) => {
                builder.on_level_fields(*ts_us, *is_snapshot, *side, *px, *qty, *msg_end)?;
            }
        }
    }
    Ok(())
}

#[test]
fn no_event_allocates_after_the_first_minute() {
    for quotes in [
        QuoteSource::BookTicker,
        QuoteSource::Book,
        QuoteSource::None,
    ] {
        let inputs = MarketInputs {
            quotes,
            has_book: true,
            has_liquidations: true,
            ..MarketInputs::default()
        };
        let stats = Microstructure::new(&StatInputs {
            vpin_bucket: Some(40.0),
        });
        let opening = Opening::default();
        let mut builder =
            MinuteBuilder::with_stats(DAY, BarSource::Trades, inputs, &opening, stats);
        let mut noise = Noise(7);
        feed(&mut builder, &minute(0, &mut noise)).unwrap();
        let fed: Vec<Fed> = (1..5).flat_map(|m| minute(m, &mut noise)).collect();
        let used = measure(|| {
            feed(&mut builder, &fed).unwrap();
            // The rows of the whole day were reserved too.
            builder.advance_to(DAY.end());
        });
        assert_eq!(used.count_total, 0, "{quotes:?}: {used:?}");
        assert_eq!(builder.rows().len(), 1_440);
        // What did not allocate did compute something.
        let row = &builder.stat_values()[2 * N_STAT_COLUMNS..3 * N_STAT_COLUMNS];
        let n_known = row.iter().filter(|v| !v.is_nan()).count();
        assert!(n_known >= 20, "{quotes:?}: {n_known}");
    }
}

#[test]
fn the_counter_counts() {
    let one = measure(|| drop(std::hint::black_box(vec![0_u8; 64])));
    assert_eq!(one.count_total, 1);
    let opening = Opening::default();
    let rows = measure(|| drop(MinuteBuilder::new(DAY, BarSource::Trades, &opening)));
    assert!(
        rows.count_total >= 1,
        "the rows of a day are reserved at its start"
    );
}
