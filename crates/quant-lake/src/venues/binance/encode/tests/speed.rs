//! Prints how long a large symbol-day takes to encode and how fast frames are; never asserts a time. Run it with
//! `RUN_SLOW_TESTS=1 cargo test --release -p quant-lake encode::tests::speed -- --nocapture`.

use std::io::Write as _;
use std::time::Instant;

use super::*;
use crate::venues::binance::VisionType;

/// A few bits of a linear congruential generator: realistic jitter without a model.
struct Jitter(u64);

impl Jitter {
    fn below(&mut self, n: u64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n).cast_signed()
    }
}

pub(super) fn say(text: core::fmt::Arguments<'_>) {
    writeln!(std::io::stderr(), "{text}").unwrap();
}

fn timed(what: &str, write: impl FnOnce() -> EncodedFile) {
    let began = Instant::now();
    let file = write();
    let seconds = began.elapsed().as_secs_f64();
    say(format_args!(
        "{what}: {} rows, {:.1} MB zip, {seconds:.3} s",
        file.rows,
        file.zip.len() as f64 / 1e6
    ));
}

#[test]
fn one_large_symbol_day() {
    if std::env::var_os("RUN_SLOW_TESTS").is_none() {
        return;
    }
    let symbol = btc();
    let day = day("2024-01-15");
    let start = day.start().0;
    let spec = |kind| ArchiveSpec::new(Market::Um, &symbol, kind, Period::Day(day));
    let began = Instant::now();
    timed("trades", || {
        let mut random = Jitter(1);
        let mut ticks = 425_000;
        let mut writer = ArchiveWriter::new(&spec(VisionType::Trades)).unwrap();
        for i in 0..1_000_000_i64 {
            ticks += random.below(5) - 2;
            let (price, qty) = (
                ticks as f64 * 0.1,
                (1 + random.below(60) * random.below(60)) as f64 * 0.001,
            );
            let row = TradeRow {
                id: 4_500_000_000 + i,
                price,
                qty,
                quote_qty: price * qty,
                ts_us: start + i * 86_000 + random.below(80_000),
                is_buyer_maker: random.below(2) == 0,
            };
            writer.push(&row).unwrap();
        }
        writer.finish().unwrap()
    });
    timed("aggTrades", || {
        let mut random = Jitter(2);
        let mut ticks = 425_000;
        let mut trade = 4_500_000_000;
        let mut writer = ArchiveWriter::new(&spec(VisionType::AggTrades)).unwrap();
        for i in 0..700_000_i64 {
            ticks += random.below(5) - 2;
            let more = random.below(2);
            let row = AggTradeRow {
                agg_id: 2_000_000_000 + i,
                price: ticks as f64 * 0.1,
                qty: (1 + random.below(60) * random.below(60)) as f64 * 0.001,
                first_id: trade,
                last_id: trade + more,
                ts_us: start + i * 123_000 + random.below(80_000),
                is_buyer_maker: random.below(2) == 0,
            };
            trade += more + 1;
            writer.push(&row).unwrap();
        }
        writer.finish().unwrap()
    });
    timed("bookTicker", || {
        let mut random = Jitter(3);
        let (mut bid, mut bid_lots, mut ask_lots) = (425_000, 5_000, 5_000);
        let mut writer = ArchiveWriter::new(&spec(VisionType::BookTicker)).unwrap();
        for i in 0..3_000_000_i64 {
            match random.below(10) {
                0 => bid += random.below(5) - 2,
                1..5 => bid_lots = 1 + random.below(200) * random.below(100),
                _ => ask_lots = 1 + random.below(200) * random.below(100),
            }
            let ts = start + i * 28_000 + random.below(20_000);
            let row = BookTickerRow {
                update_id: 3_800_000_000_000 + i * 97 + random.below(40),
                bid_px: bid as f64 * 0.1,
                bid_qty: bid_lots as f64 * 0.001,
                ask_px: (bid + 1) as f64 * 0.1,
                ask_qty: ask_lots as f64 * 0.001,
                transaction_us: ts,
                event_us: ts + 3_000,
            };
            writer.push(&row).unwrap();
        }
        writer.finish().unwrap()
    });
    say(format_args!(
        "together: {:.3} s",
        began.elapsed().as_secs_f64()
    ));
}

fn frames(what: &str, n: i64, mut push: impl FnMut(&mut Vec<u8>, i64)) {
    let began = Instant::now();
    let mut out = Vec::new();
    let mut bytes = 0;
    for i in 0..n {
        out.clear();
        push(&mut out, i);
        bytes += out.len();
    }
    let seconds = began.elapsed().as_secs_f64();
    say(format_args!(
        "{what}: {:.2} M frames/s, {:.0} bytes each",
        n as f64 / seconds / 1e6,
        bytes as f64 / n as f64
    ));
}

#[test]
fn frames_per_second() {
    if std::env::var_os("RUN_SLOW_TESTS").is_none() {
        return;
    }
    let um = StreamEncoder::new(Market::Um, &btc(), Decimals { price: 2, qty: 3 }).unwrap();
    let stream = um.stream_name("bookTicker");
    let mut random = Jitter(4);
    frames("bookTicker, combined", 2_000_000, |out, i| {
        let ticks = 425_000 + random.below(1_000);
        let frame = BookTickerFrame {
            update_id: um_update_id(i),
            bid_px: ticks as f64 * 0.1,
            bid_qty: random.below(20_000) as f64 * 0.001,
            ask_px: (ticks + 1) as f64 * 0.1,
            ask_qty: random.below(20_000) as f64 * 0.001,
            transaction_us: 1_723_161_256_298_000 + i * 28_000,
            event_us: 1_723_161_256_299_000 + i * 28_000,
        };
        push_combined(out, &stream, |out| um.book_ticker(out, &frame));
    });
    frames("trade, raw", 2_000_000, |out, i| {
        let frame = TradeFrame {
            event_us: 1_723_161_256_299_000 + i * 28_000,
            ts_us: 1_723_161_256_298_000 + i * 28_000,
            id: 5_266_583_935 + i,
            price: (425_000 + random.below(1_000)) as f64 * 0.1,
            qty: (1 + random.below(20_000)) as f64 * 0.001,
            is_buyer_maker: random.below(2) == 0,
        };
        um.trade(out, &frame);
    });
    let mut levels = vec![(0.0, 0.0); 40];
    frames("depthUpdate of 40 levels, raw", 200_000, |out, i| {
        for level in &mut levels {
            *level = (
                (425_000 + random.below(1_000)) as f64 * 0.1,
                random.below(20_000) as f64 * 0.001,
            );
        }
        let frame = DepthUpdateFrame {
            event_us: 1_723_161_256_299_000 + i * 100_000,
            transaction_us: 1_723_161_256_298_000 + i * 100_000,
            first_id: um_update_id(i * 9),
            last_id: um_update_id(i * 9 + 8),
            prev_last_id: um_update_id(i * 9 - 1),
            bids: &levels[..20],
            asks: &levels[20..],
        };
        um.depth_update(out, &frame);
    });
}
