//! In-process timing of one archive's ingest, stage costs without process start: inflate, parse, check, hash, encode,
//! fsync, commit. `benches/ingest_vs_duckdb.py` is the comparison with a peer; this one is for profiling.
//!
//! usage: `cargo bench --bench ingest -- ROOT` where ROOT is in the archive's layout and holds
//! `data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2025-01-01.zip` with its `.CHECKSUM`

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, UnixMicros};
use quant_lake::ingest::{
    IngestOptions, IngestReport, IngestRequest, LocalArchive, NoProgress, ingest_vision,
};
use quant_lake::layout::Lake;
use quant_lake::schema::Dataset;

const DAY: &str = "2025-01-01";
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` adds flags of its own; the root is the first plain argument.
    let Some(root) = std::env::args().skip(1).find(|a| !a.starts_with('-')) else {
        println!(
            "ingest bench: skipped, no archive root given (see the head of benches/ingest.rs)"
        );
        return Ok(());
    };
    let source = LocalArchive::open(root)?;
    for jobs in [1, 2] {
        let mut times = Vec::new();
        let mut rows = 0;
        for _ in 0..RUNS {
            let dir = tempfile::tempdir()?;
            let (took, report) = ingest(&source, &Lake::new(dir.path()), jobs)?;
            if let Some((file, error)) = report.failures().next() {
                return Err(format!("{}: {error}", file.file).into());
            }
            rows = report.counts().written;
            times.push(took);
        }
        times.sort();
        println!(
            "jobs {jobs}: {rows} rows, best {:.3} s, median {:.3} s of {RUNS} runs",
            times[0].as_secs_f64(),
            times[RUNS / 2].as_secs_f64()
        );
    }
    Ok(())
}

fn ingest(
    source: &LocalArchive,
    lake: &Lake,
    jobs: usize,
) -> Result<(Duration, IngestReport), Box<dyn std::error::Error>> {
    let day: Day = DAY.parse()?;
    let request = IngestRequest {
        key: InstrumentKey {
            exchange: "binance".parse()?,
            market: "um".parse()?,
            symbol: "BTCUSDT".parse()?,
        },
        datasets: vec![Dataset::AggTrades],
        range: day.range(),
        instruments: Vec::new(),
        options: IngestOptions {
            jobs,
            ..IngestOptions::default()
        },
        created_at: UnixMicros(0),
    };
    let started = Instant::now();
    let report = ingest_vision(lake, source, &request, &NoProgress, &AtomicBool::new(false))?;
    Ok((started.elapsed(), report))
}
