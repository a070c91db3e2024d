//! Cost of tier 1 on book levels: the book alone, and the driver with every statistic of the minute rows: `cargo bench
//! --bench tier1`.
//!
//! Always on a synthetic stream shaped like a recorded one (68 levels per message, three of four within the first 100
//! levels, 1,000 levels per side). With `QUANT_TIER1_LAKE=LAKE` also on the `l2_deltas` of binance:um:BTCUSDT in that lake,
//! where `quant build-dataset` put a recording. Rates are of several runs; times per event of a run of their own, since
//! reading the clock costs as much as many events.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use quant_core::bars::{
    BarSource, MarketInputs, Microstructure, MinuteBuilder, N_STAT_COLUMNS, Opening, QuoteSource,
    StatInputs, stat_column,
};
use quant_core::market::Side;
use quant_core::market::book::LocalBook;
use quant_core::time::{Day, UnixMicros};

type Failure = Box<dyn Error>;

const RUNS: usize = 5;
const SYNTHETIC: usize = 5_000_000;
const DAY: Day = Day(20_000);

/// Ticks per side that hold about 1,000 levels, and about 100 of them.
const WINDOW: u64 = 1_250;
const NEAR: u64 = 125;

/// Column that only a book in force and fresh at the close fills.
const OBI_CLOSE: usize = stat_column("obi_close");

#[derive(Clone, Copy)]
struct Level {
    ts_us: i64,
    px: f64,
    qty: f64,
    side: Side,
    is_snapshot: bool,
    msg_end: bool,
}

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

/// A snapshot, then a message every 100 ms around a middle that wanders by ticks; the book is never crossed.
fn synthetic(n: usize) -> Vec<Level> {
    let mut noise = Noise(7);
    let mut mid = 600_000_u64;
    let mut ts_us = DAY.start().0;
    let mut out = Vec::with_capacity(n + 200);
    for k in 0..WINDOW {
        for (side, tick) in [(Side::Buy, mid - k), (Side::Sell, mid + 1 + k)] {
            out.push(level(ts_us, side, tick, 1 + noise.below(5_000)));
        }
    }
    for first in &mut out {
        first.is_snapshot = true;
    }
    end_message(&mut out);
    while out.len() < n {
        ts_us += 100_000;
        // The level that the middle passes goes, in the same message.
        match noise.below(4) {
            0 => {
                mid += 1;
                out.push(level(ts_us, Side::Sell, mid, 0));
            }
            1 => {
                out.push(level(ts_us, Side::Buy, mid, 0));
                mid -= 1;
            }
            _ => {}
        }
        for _ in 0..38 + noise.below(61) {
            let from_best = if noise.below(4) == 0 {
                NEAR + noise.below(WINDOW - NEAR)
            } else {
                noise.below(NEAR)
            };
            let qty = match noise.below(5) {
                0 => 0,
                _ => 1 + noise.below(5_000),
            };
            let (side, tick) = match noise.below(2) {
                0 => (Side::Buy, mid - from_best),
                _ => (Side::Sell, mid + 1 + from_best),
            };
            out.push(level(ts_us, side, tick, qty));
        }
        end_message(&mut out);
    }
    out
}

/// Prices and sizes as a parser gives them: decimals, correctly rounded.
fn level(ts_us: i64, side: Side, tick: u64, lots: u64) -> Level {
    Level {
        ts_us,
        px: tick as f64 / 10.0,
        qty: lots as f64 / 1_000.0,
        side,
        is_snapshot: false,
        msg_end: false,
    }
}

fn end_message(levels: &mut [Level]) {
    if let Some(last) = levels.last_mut() {
        last.msg_end = true;
    }
}

fn recorded(path: &str) -> Result<Vec<(Day, Vec<Level>)>, Failure> {
    let bytes = std::fs::read(path)?;
    let mut days: Vec<(Day, Vec<Level>)> = Vec::new();
    for rec in bytes.chunks_exact(32) {
        let w = |i: usize| <[u8; 8]>::try_from(&rec[i * 8..i * 8 + 8]).map(u64::from_le_bytes);
        let ts_us = w(0)? as i64;
        let flags = w(3)?;
        let day = UnixMicros(ts_us).day();
        if days.last().is_none_or(|(d, _)| *d != day) {
            days.push((day, Vec::new()));
        }
        if let Some((_, levels)) = days.last_mut() {
            levels.push(Level {
                ts_us,
                px: f64::from_bits(w(1)?),
                qty: f64::from_bits(w(2)?),
                side: if flags & 1 > 0 { Side::Buy } else { Side::Sell },
                is_snapshot: flags & 2 > 0,
                msg_end: flags & 4 > 0,
            });
        }
    }
    Ok(days)
}

fn builder(day: Day) -> MinuteBuilder<Microstructure> {
    let inputs = MarketInputs {
        quotes: QuoteSource::Book,
        has_book: true,
        ..MarketInputs::default()
    };
    let stats = Microstructure::new(&StatInputs::default());
    MinuteBuilder::with_stats(day, BarSource::Trades, inputs, &Opening::default(), stats)
}

#[inline]
fn feed(builder: &mut MinuteBuilder<Microstructure>, x: &Level) -> Result<(), Failure> {
    builder.on_level_fields(x.ts_us, x.is_snapshot, x.side, x.px, x.qty, x.msg_end)?;
    Ok(())
}

/// Returns the minutes that closed with a book; the figures mean nothing without one.
fn n_with_book(builder: &MinuteBuilder<Microstructure>) -> usize {
    let rows = builder.stat_values().chunks_exact(N_STAT_COLUMNS);
    rows.filter(|row| !row[OBI_CLOSE].is_nan()).count()
}

/// What the book itself costs: levels applied, the best ones looked at after each message.
fn cpu() -> f64 {
    let t = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    t.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn book_alone(days: &[(Day, Vec<Level>)]) -> f64 {
    let mut seconds = 0.0;
    for (_, levels) in days {
        let mut book = LocalBook::new();
        let mut at_start = true;
        let start = cpu();
        for x in levels {
            if at_start && x.is_snapshot {
                book.clear();
            }
            at_start = x.msg_end;
            book.apply(x.side, x.px, x.qty);
            if x.msg_end {
                black_box((book.best_bid(), book.best_ask()));
            }
        }
        seconds += cpu() - start;
    }
    seconds
}

fn every_statistic(days: &[(Day, Vec<Level>)]) -> Result<(f64, usize), Failure> {
    let (mut seconds, mut n_minutes) = (0.0, 0);
    for (day, levels) in days {
        let mut builder = builder(*day);
        let start = cpu();
        for x in levels {
            feed(&mut builder, x)?;
        }
        builder.advance_to(last_minute(levels));
        seconds += cpu() - start;
        n_minutes += n_with_book(&builder);
    }
    Ok((seconds, n_minutes))
}

/// The end of the minute of the last level, so that it closes too.
fn last_minute(levels: &[Level]) -> UnixMicros {
    let last = levels.last().map_or(0, |x| x.ts_us);
    UnixMicros(last).floor_minute().plus(60_000_000)
}

/// Prints a rate of several runs.
fn print_rate(name: &str, n: usize, mut seconds: Vec<f64>) {
    seconds.sort_by(f64::total_cmp);
    let rate = |s: f64| n as f64 / s / 1e6;
    println!(
        "{name}: best {:.1} M, median {:.1} M level updates/s",
        rate(seconds[0]),
        rate(seconds[seconds.len() / 2])
    );
}

/// Prints the median, the 99th percentile and the largest of times in nanoseconds.
fn print_times(name: &str, mut ns: Vec<u64>) {
    ns.sort_unstable();
    if let Some(max) = ns.last() {
        let at = |percent: usize| ns[(ns.len() - 1) * percent / 100];
        println!(
            "{name}: p50 {} ns, p99 {} ns, max {max} ns of {}",
            at(50),
            at(99),
            ns.len()
        );
    }
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Times every event by itself; those that end a message, which bear all the statistics, also apart.
fn print_latencies(days: &[(Day, Vec<Level>)]) -> Result<(), Failure> {
    let n = days.iter().map(|(_, levels)| levels.len()).sum();
    let (mut all, mut ends) = (Vec::with_capacity(n), Vec::with_capacity(n / 8));
    for (day, levels) in days {
        let mut builder = builder(*day);
        for x in levels {
            let start = Instant::now();
            feed(&mut builder, x)?;
            let ns = nanoseconds(start);
            all.push(ns);
            if x.msg_end {
                ends.push(ns);
            }
        }
        black_box(n_with_book(&builder));
    }
    let clock = (0..all.len())
        .map(|_| nanoseconds(Instant::now()))
        .collect();
    print_times("  per event, clock included", all);
    print_times("  per event that ends a message", ends);
    print_times("  the clock alone", clock);
    Ok(())
}

fn measure(name: &str, days: &[(Day, Vec<Level>)]) -> Result<(), Failure> {
    let levels = || days.iter().flat_map(|(_, levels)| levels);
    let n = levels().count();
    let n_messages = levels().filter(|x| x.msg_end).count();
    println!(
        "{name}: {n} level updates in {n_messages} messages, {:.1} each",
        n as f64 / n_messages.max(1) as f64
    );
    if n == 0 {
        return Err(format!("{name}: no level updates").into());
    }
    print_rate(
        "  book alone",
        n,
        (0..RUNS).map(|_| book_alone(days)).collect(),
    );
    let mut seconds = Vec::with_capacity(RUNS);
    let mut n_minutes = 0;
    for _ in 0..RUNS {
        let (took, minutes) = every_statistic(days)?;
        seconds.push(took);
        n_minutes = minutes;
    }
    print_rate("  every statistic", n, seconds);
    println!("  {n_minutes} minutes closed with a book, {N_STAT_COLUMNS} columns");
    if n_minutes == 0 {
        return Err(format!("{name}: no minute closed with a book").into());
    }
    print_latencies(days)
}

fn main() -> Result<(), Failure> {
    measure("synthetic", &[(DAY, synthetic(SYNTHETIC))])?;
    if let Ok(root) = std::env::var("QUANT_TIER1_LAKE") {
        let one = recorded(&root)?;
        measure("recorded", &one)?;
        let mut tiled = Vec::new();
        for _ in 0..12 {
            tiled.extend(one.iter().cloned());
        }
        return measure("recorded, 12 times", &tiled);
    }
    println!("recorded: skipped, QUANT_TIER1_LAKE names no lake");
    Ok(())
}
