//! Time to decode one Binance recording, without inflating it and without committing anything: `cargo bench --bench
//! recording -- FILE.gz [um|spot] [SYMBOL]`.
//!
//! Prints the best and the median of several runs. The peer converts the same file with hftbacktest:
//! `benches/recording_vs_hftbacktest.py`.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::io::Read as _;
use std::sync::Arc;
use std::time::Instant;

use quant_core::market::Market;
use quant_core::time::{Day, TimeRange};
use quant_lake::venues::binance::recording::{
    RECORDED, RecordingOptions, Session, recording_parser,
};
use quant_lake::venues::book_flow::{BookOptions, DEFAULT_CADENCE};
use quant_lake::venues::contracts::QtyUnit;
use quant_lake::venues::rows::{ParseOptions, Parsed};

const RUNS: usize = 9;

/// Bytes fed at once, cut at a line end: what the ingest hands to a parser.
const CHUNK: usize = 512 * 1024;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1).filter(|a| a != "--bench");
    let Some(file) = args.next() else {
        println!("skipped: give a recording, `cargo bench --bench recording -- FILE.gz`");
        return Ok(());
    };
    let market: Market = args.next().as_deref().unwrap_or("um").parse()?;
    let symbol = args.next().unwrap_or_else(|| "BTCUSDT".to_owned());
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(&file)?).read_to_end(&mut text)?;
    let lines = newlines(&text);

    let mut seconds = Vec::with_capacity(RUNS);
    let mut rows = 0;
    for _ in 0..RUNS {
        let options = RecordingOptions {
            market,
            symbol: symbol.parse()?,
            book: BookOptions {
                levels: 50,
                cadence: DEFAULT_CADENCE,
                unit: QtyUnit::Base,
            },
        };
        let parse = ParseOptions {
            file: file.clone(),
            range: TimeRange {
                start: Day(0).start(),
                end: Day(50_000).start(),
            },
            max_quarantine_share: 0.01,
            collect: Vec::new(),
        };
        let started = Instant::now();
        let mut parser = recording_parser(
            options,
            &RECORDED,
            parse,
            &Arc::new(Session::default()),
            None,
        );
        let mut out = Vec::new();
        rows = 0;
        let mut count = |out: &mut Vec<Parsed>| {
            for parsed in out.drain(..) {
                if let Parsed::Rows { batch, .. } = parsed {
                    rows += batch.num_rows();
                }
            }
        };
        let mut rest = &text[..];
        while !rest.is_empty() {
            let end = rest.len().min(CHUNK);
            let cut = rest[..end]
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(rest.len(), |at| at + 1);
            let (chunk, after) = rest.split_at(cut);
            parser.feed(chunk, &mut out)?;
            count(&mut out);
            rest = after;
        }
        parser.finish(&mut out)?;
        count(&mut out);
        seconds.push(started.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let (best, median) = (seconds[0], seconds[RUNS / 2]);
    println!(
        "{lines} lines, {} bytes, {rows} rows; {:.0} MB/s",
        text.len(),
        text.len() as f64 / best / 1e6
    );
    println!("decode best {best:.4} s");
    println!("decode median {median:.4} s");
    Ok(())
}

fn newlines(text: &[u8]) -> usize {
    text.split(|b| *b == b'\n').count() - 1
}
