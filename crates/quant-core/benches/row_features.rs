//! Cost of tier 2 on a year of one symbol: `cargo bench -p quant-core --bench row_features`.
//!
//! 525,600 minutes with every statistic, made four hours at a time: what makes them is not timed, and no more than four hours of them
//! is held. Sets of the registry's examples, of one symbol and with the second one some kinds read, then every kind alone;
//! each midnight's replay is part of the time. `QUANT_ROW_DAYS` shortens the year, `QUANT_ROW_ALONE_DAYS` the
//! 60 days of each kind alone (0 leaves them out), `QUANT_ROW_RUNS` sets the number of runs. The fingerprint covers every bit of every value: two builds with the same one computed the same.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(
    clippy::disallowed_methods,
    reason = "a bench beside the core, not in it: it reads clocks, its settings and its own memory"
)]

use std::error::Error;
use std::time::Instant;

use quant_core::bars::{BarSource, MinuteRow, N_STAT_COLUMNS, STAT_COLUMNS};
use quant_core::features::{FeatureKind, FeatureParams, FeatureSet, FeatureSetParams, kinds};
use quant_core::time::{Day, MICROS_PER_MINUTE, MINUTES_PER_DAY, UnixMicros};
use quant_core::units::Micros;

type Failure = Box<dyn Error>;

const FIRST: Day = Day(20_000);
/// Minutes that are made, and timed, at once: few enough to stay near the processor, as a reader's batches do, and enough
/// that reading the clock, a few system calls, counts for little.
const BATCH: usize = 240;
/// Replay of the kinds whose limit is the shorter one.
const SHORT_DAYS: u16 = 2;

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

    fn unit(&mut self) -> f64 {
        self.below(1 << 53) as f64 / (1_u64 << 53) as f64
    }
}

/// What a column of statistics looks like.
#[derive(Clone, Copy)]
enum Shape {
    Price,
    Count,
    Signed,
    Positive,
}

fn shape(column: &str) -> Shape {
    let is_price = ["mid_close", "wmid_close", "mark", "index"].contains(&column);
    let starts = |words: &[&str]| words.iter().any(|w| column.starts_with(w));
    if is_price {
        Shape::Price
    } else if starts(&["n_", "rv_n", "rv_zero", "vpin_buckets", "flow_n"]) {
        Shape::Count
    } else if starts(&[
        "ofi",
        "mlofi",
        "signed_",
        "flow_x",
        "flow_y",
        "premium",
        "funding_r",
    ]) && !["flow_xx", "flow_yy", "ofi_depth", "ofi_events"].contains(&column)
    {
        Shape::Signed
    } else {
        Shape::Positive
    }
}

/// Makes the year: closes wander, one value of a hundred is null, a quiet hour every few days, single absent rows.
struct Market {
    noise: Noise,
    shapes: Vec<Shape>,
    /// Of each instrument.
    closes: Vec<f64>,
    /// Minutes without a trade still to come, of each instrument.
    quiet: Vec<u64>,
    rows: Vec<Option<MinuteRow>>,
    stats: Vec<f64>,
}

impl Market {
    fn new(n_instruments: usize) -> Self {
        Self {
            noise: Noise(11),
            shapes: STAT_COLUMNS.iter().map(|c| shape(c)).collect(),
            closes: vec![60_000.0; n_instruments],
            quiet: vec![0; n_instruments],
            rows: Vec::new(),
            stats: Vec::new(),
        }
    }

    /// Makes the rows and statistics of the next minutes.
    fn next_batch(&mut self, start: UnixMicros) {
        self.rows.clear();
        self.stats.clear();
        let mut ts_us = start.0;
        for _ in 0..BATCH {
            for k in 0..self.closes.len() {
                let row = self.next_row(k, ts_us);
                let close = self.closes[k];
                for i in 0..N_STAT_COLUMNS {
                    let known = row.is_some() && self.noise.below(100) > 0;
                    let value = match self.shapes[i] {
                        Shape::Price => close * (1.0 + 1e-4 * (self.noise.unit() - 0.5)),
                        Shape::Count => 8.0 + self.noise.below(5) as f64,
                        Shape::Signed => self.noise.unit() - 0.5,
                        Shape::Positive => 0.5 + self.noise.unit(),
                    };
                    self.stats.push(if known { value } else { f64::NAN });
                }
                self.rows.push(row);
            }
            ts_us += MICROS_PER_MINUTE;
        }
    }

    fn next_row(&mut self, k: usize, ts_us: i64) -> Option<MinuteRow> {
        let noise = &mut self.noise;
        if self.quiet[k] == 0 {
            self.quiet[k] = match noise.below(7_200) {
                0 => 60,
                1..=70 => 1,
                _ => 0,
            };
        }
        let open = self.closes[k];
        if self.quiet[k] > 0 {
            self.quiet[k] -= 1;
            // A few of the empty minutes have no row at all.
            return (noise.below(20) > 0).then(|| MinuteRow {
                volume: 0.0,
                quote_volume: Some(0.0),
                n_trades: Some(0),
                buy_volume: Some(0.0),
                vwap: None,
                is_filled: true,
                ..traded(ts_us, [open; 4], 0.0, 0.0)
            });
        }
        let close = open * (1.0 + 1e-3 * (noise.unit() - 0.5));
        self.closes[k] = close;
        let high = open.max(close) * (1.0 + 2e-4 * noise.unit());
        let low = open.min(close) * (1.0 - 2e-4 * noise.unit());
        let (volume, share) = (1.0 + 99.0 * noise.unit(), noise.unit());
        let mut row = traded(ts_us, [open, high, low, close], volume, share);
        if noise.below(100) == 0 {
            row.quote_volume = None;
        }
        if noise.below(100) == 0 {
            row.buy_volume = None;
        }
        Some(row)
    }
}

fn traded(
    ts_us: i64,
    [open, high, low, close]: [f64; 4],
    volume: f64,
    buy_share: f64,
) -> MinuteRow {
    let vwap = (high + low + close) / 3.0;
    MinuteRow {
        ts_open: UnixMicros(ts_us),
        open: Some(open),
        high: Some(high),
        low: Some(low),
        close: Some(close),
        volume,
        quote_volume: Some(vwap * volume),
        n_trades: Some(100),
        buy_volume: Some(volume * buy_share),
        vwap: Some(vwap),
        bar_source: BarSource::Trades,
        is_filled: false,
    }
}

/// Time of this thread on a processor; the wall clock where the system does not tell.
///
/// A machine busy with other work makes the wall clock longer, not this.
struct Stopwatch {
    start: Instant,
    cpu_start: Option<f64>,
}

impl Stopwatch {
    fn start() -> Self {
        Self {
            cpu_start: cpu_seconds(),
            start: Instant::now(),
        }
    }

    /// Returns the seconds on a processor and on the wall since the start.
    fn seconds(&self) -> (f64, f64) {
        let wall = self.start.elapsed().as_secs_f64();
        let cpu = self
            .cpu_start
            .zip(cpu_seconds())
            .map_or(wall, |(start, end)| end - start);
        (cpu, wall)
    }
}

/// The first number is the time on a processor, nanoseconds.
fn cpu_seconds() -> Option<f64> {
    // The system counts at its ticks and when it chooses a thread to run: make it choose.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let ns: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(ns / 1e9)
}

/// What a year cost and what came out of it.
struct Outcome {
    cpu: f64,
    wall: f64,
    n_columns: usize,
    n_values: u64,
    fingerprint: u64,
}

fn run(features: Vec<FeatureParams>, n_days: u16) -> Result<Outcome, Failure> {
    let n_instruments = 1 + usize::from(
        features
            .iter()
            .filter_map(FeatureParams::other)
            .max()
            .unwrap_or(0),
    );
    let params = FeatureSetParams {
        watermark: Micros(250_000),
        segment_gap_minutes: 10,
        features,
    };
    let mut set = FeatureSet::new(&params, n_instruments, 0)?;
    let mut market = Market::new(n_instruments);
    let mut out = Outcome {
        cpu: 0.0,
        wall: 0.0,
        n_columns: set.columns().len(),
        n_values: 0,
        fingerprint: 0xCBF2_9CE4_8422_2325,
    };
    let mut ts_open = FIRST.start();
    // The values of a batch, to be looked at outside of the time.
    let mut values = Vec::with_capacity(BATCH * out.n_columns);
    for _ in 0..usize::from(n_days) * MINUTES_PER_DAY / BATCH {
        market.next_batch(ts_open);
        values.clear();
        let watch = Stopwatch::start();
        let stats = market.stats.chunks_exact(n_instruments * N_STAT_COLUMNS);
        for (rows, stats) in market.rows.chunks_exact(n_instruments).zip(stats) {
            let row = set.push_with_stats(ts_open, rows, stats, &[])?;
            values.extend_from_slice(&row.values);
            ts_open = ts_open.plus(MICROS_PER_MINUTE);
        }
        let (cpu, wall) = watch.seconds();
        (out.cpu, out.wall) = (out.cpu + cpu, out.wall + wall);
        for value in &values {
            out.n_values += u64::from(value.is_some());
            let bits = value.map_or(u64::MAX, f64::to_bits);
            out.fingerprint = (out.fingerprint ^ bits)
                .wrapping_mul(0x0000_0100_0000_01B3)
                .rotate_left(23);
        }
    }
    Ok(out)
}

/// Returns the run with the least time.
fn best_of(features: &[FeatureParams], n_days: u16, n_runs: u32) -> Result<Outcome, Failure> {
    let mut best = run(features.to_vec(), n_days)?;
    for _ in 1..n_runs {
        let again = run(features.to_vec(), n_days)?;
        (best.cpu, best.wall) = (best.cpu.min(again.cpu), best.wall.min(again.wall));
    }
    Ok(best)
}

/// Peak resident memory of the process so far, MiB; `None` where the system does not tell.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1_024.0)
}

fn print_set(name: &str, kinds: &[FeatureKind], n_days: u16, n_runs: u32) -> Result<(), Failure> {
    let features: Vec<FeatureParams> = kinds.iter().map(|k| k.example).collect();
    let best = best_of(&features, n_days, n_runs)?;
    let n_rows = f64::from(n_days) * MINUTES_PER_DAY as f64;
    println!(
        "{name}: {} kinds, {} columns, {n_rows} rows: {:.3} s on a processor, {:.0} ns per row, {:.3} s on the wall; best of {n_runs}",
        kinds.len(),
        best.n_columns,
        best.cpu,
        best.cpu / n_rows * 1e9,
        best.wall
    );
    println!(
        "  {} values, fingerprint {:016x}",
        best.n_values, best.fingerprint
    );
    match peak_mib() {
        Some(mib) => println!("  peak memory of the process so far: {mib:.1} MiB"),
        None => println!("  peak memory: this system does not tell"),
    }
    if best.n_values == 0 {
        return Err(format!("{name}: no values").into());
    }
    Ok(())
}

fn print_kind(kind: &FeatureKind, n_days: u16, n_runs: u32) -> Result<(), Failure> {
    let best = best_of(&[kind.example], n_days, n_runs)?;
    let n_rows = f64::from(n_days) * MINUTES_PER_DAY as f64;
    println!(
        "  {:<22} {:>2} d {:>9.1} ns {:016x}",
        kind.name,
        kind.example.days_back(),
        best.cpu / n_rows * 1e9,
        best.fingerprint
    );
    Ok(())
}

fn number(key: &str, otherwise: u16) -> Result<u16, Failure> {
    match std::env::var(key) {
        Ok(text) => Ok(text.parse()?),
        Err(_) => Ok(otherwise),
    }
}

fn main() -> Result<(), Failure> {
    let n_days = number("QUANT_ROW_DAYS", 365)?;
    let n_runs = u32::from(number("QUANT_ROW_RUNS", 3)?.max(1));
    let all = kinds();
    let of = |days: u16, others: bool| -> Vec<FeatureKind> {
        let kept = |k: &&FeatureKind| {
            k.example.days_back() <= days && (others || k.example.other().is_none())
        };
        all.iter().filter(kept).copied().collect()
    };
    for (name, set) in [
        (
            "one symbol, replay of at most 2 days",
            of(SHORT_DAYS, false),
        ),
        ("one symbol, every kind", of(u16::MAX, false)),
        (
            "two symbols, replay of at most 2 days",
            of(SHORT_DAYS, true),
        ),
        ("two symbols, every kind", of(u16::MAX, true)),
    ] {
        print_set(name, &set, n_days, n_runs)?;
    }
    let alone_days = number("QUANT_ROW_ALONE_DAYS", 60)?.min(n_days);
    if alone_days > 0 {
        println!("each kind alone, {alone_days} days, replay and the driver's own cost included:");
        for kind in &all {
            print_kind(kind, alone_days, n_runs)?;
        }
    }
    Ok(())
}
