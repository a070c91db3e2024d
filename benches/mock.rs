//! Frames per second that the mock exchange serves on loopback to one client, simulation included.
//!
//! `cargo bench --bench mock` prints one line per case: frames, seconds, frames per second, bytes per second, simulated time.
//! The client counts text frames; it parses nothing.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first failure and prints its figures"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use quant::mock::clock::Speed;
use quant::mock::delay::DelayRules;
use quant::mock::faults::Plan;
use quant::mock::{MockOptions, run};
use quant_core::market::Market;
use quant_core::synth::{InstrumentParams, MarketProfile, WorldParams};
use tokio_tungstenite::tungstenite::Message;

const SECONDS: u64 = 10;

fn main() {
    let usual = InstrumentParams::btc_like(Market::Um, "BTCUSDT".parse().unwrap()).unwrap();
    let busy = InstrumentParams {
        trades_per_day: 1_000_000,
        quotes_per_day: 3_500_000,
        ..usual.clone()
    };
    for (name, instrument) in [("default instrument", usual), ("busy instrument", busy)] {
        for (kind, path) in [
            (
                "book and trades, raw envelope each",
                "/public/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade",
            ),
            (
                "every book message",
                "/public/stream?streams=btcusdt@depth@0ms/btcusdt@bookTicker/btcusdt@trade",
            ),
        ] {
            measure(&format!("{name}, {kind}"), instrument.clone(), path);
        }
    }
}

fn measure(name: &str, instrument: InstrumentParams, path: &str) {
    let stop = Arc::new(AtomicBool::new(false));
    let (tx, rx) = std::sync::mpsc::channel();
    let options = MockOptions {
        address: "127.0.0.1:0".parse().unwrap(),
        world: Some(WorldParams {
            seed: 1,
            profile: MarketProfile::Mixed,
            start_day: "2026-01-05".parse().unwrap(),
            instruments: vec![instrument],
        }),
        history_minutes: 5,
        speed: Speed::Max,
        hold: false,
        archive: None,
        recording: None,
        plan: Plan::default(),
        delays: DelayRules::default(),
        seed: 1,
    };
    let raised = Arc::clone(&stop);
    let server = std::thread::spawn(move || {
        run(options, &raised, |started| {
            tx.send(started.ws_url.clone()).unwrap();
        })
        .unwrap();
    });
    let url = format!("{}{path}", rx.recv().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (frames, bytes, seconds) = runtime.block_on(read(&url));
    println!(
        "{name}: {frames} frames in {seconds:.2} s = {:.0} frames/s, {:.0} MB/s",
        frames as f64 / seconds,
        bytes as f64 / seconds / 1e6
    );
    stop.store(true, Ordering::Relaxed);
    server.join().unwrap();
}

async fn read(url: &str) -> (u64, u64, f64) {
    let (mut ws, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let (mut frames, mut bytes) = (0_u64, 0_u64);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(SECONDS) {
        // Looking at the clock for every frame would be part of the figure.
        for _ in 0..1_000 {
            if let Message::Text(text) = ws.next().await.unwrap().unwrap() {
                frames += 1;
                bytes += text.len() as u64;
            }
        }
    }
    (frames, bytes, started.elapsed().as_secs_f64())
}
